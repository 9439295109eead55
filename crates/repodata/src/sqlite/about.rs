//! What a database says of itself.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use crate::Error;

/// What a database says of itself, for checking it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct About {
    /// Rows of its packages.
    pub(crate) packages: u64,
    /// `dbversion`.
    pub(crate) version: u32,
    /// Checksum of the document's file that it repeats, hexadecimal.
    pub(crate) checksum: String,
}

/// Reads a database (decompressed, anybody's); `what` names it in errors.
pub(crate) fn about(path: &Path, what: &str) -> Result<About, Error> {
    let failed = |error: rusqlite::Error| Error::metadata(what, format!("the database cannot be read: {error}"));
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let database = Connection::open_with_flags(path, flags).map_err(failed)?;
    // Views and virtual tables under these names may run for ever.
    for table in ["packages", "db_info"] {
        let made: String = database
            .query_row("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?1", [table], |row| row.get(0))
            .map_err(failed)?;
        if !made.to_ascii_uppercase().starts_with("CREATE TABLE") {
            return Err(Error::metadata(what, format!("{table} is no plain table")));
        }
    }
    let count: i64 = database.query_row("SELECT COUNT(*) FROM packages", [], |row| row.get(0)).map_err(failed)?;
    let (version, checksum) = database
        .query_row("SELECT dbversion, checksum FROM db_info", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .map_err(failed)?;
    Ok(About { packages: count.unsigned_abs(), version, checksum })
}
