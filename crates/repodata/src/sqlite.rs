//! Databases for old clients: primary, filelists and other as SQLite files.
//!
//! yum (EL 6 and 7), mdapi and some koji hubs read these in place of the XML. Tables, columns and values are those of
//! `createrepo_c`, version [`DATABASE_VERSION`]; clients send SQL of their own to them, so nothing may be added or left
//! out. Only times and offsets have 64 bits here, where `createrepo_c` cuts them to 32. Keys of packages count from 1 in
//! the order of writing. The same input gives the same bytes.
//!
//! [`from_xml`] repeats a document as a database; a [`Database`] takes one package at a time from anywhere.

mod about;
mod filelists;
mod other;
mod primary;
mod schema;

pub(crate) use about::about;

use std::borrow::Cow;
use std::io::Read;
use std::path::{Path, PathBuf};

use rusqlite::{CachedStatement, Connection, OpenFlags, Params};

use crate::read::{FilelistsView, OtherView, Package, PackageStream, Parsed, PrimaryView, parse};
use crate::{Checksum, Document, Error, Record, xml};

/// The version of the schema: `dbversion` in the database, `database_version` in repomd.xml. yum refuses others.
pub const DATABASE_VERSION: u32 = 10;

/// A database that is being written. What is not [finished](Database::finish) is no database.
#[derive(Debug)]
pub struct Database {
    document: Document,
    path: PathBuf,
    connection: Connection,
    packages: i64,
}

/// Writes the database that repeats a document, holding one package at a time. `xml` is the document's decompressed
/// text, `checksum` that of its file as it lies there. Returns the number of packages.
///
/// # Errors
/// The XML is malformed or another document, or [`Database`] fails; what is at `path` then is of no use.
pub fn from_xml(document: Document, xml: impl Read + Send, path: &Path, checksum: &Checksum) -> Result<u64, Error> {
    let mut database = Database::create(document, path)?;
    let mut stream = PackageStream::new(Box::new(xml), document);
    while let Some(package) = stream.next()? {
        match package {
            Package::Text(text) => database.add_fragment(text)?,
            Package::Parsed(parsed) => database.add_parsed(&parsed)?,
        }
    }
    let packages = database.packages.unsigned_abs();
    database.finish(checksum)?;
    Ok(packages)
}

impl Database {
    /// Starts a database in a new or empty file. The one of filelists-ext is the same as that of filelists: it has no
    /// place for digests.
    ///
    /// # Errors
    /// The file cannot be written, or something is in it.
    pub fn create(document: Document, path: &Path) -> Result<Self, Error> {
        let file = fs_err::OpenOptions::new().append(true).create(true).open(path)?;
        if file.metadata()?.len() > 0 {
            return Err(Error::metadata(path.display().to_string(), "there is a file already; remove it first"));
        }
        drop(file);
        let failed = |error| failure(path, &error);
        // Without the flag for URIs, which would give names like `file:x` a meaning.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
        connection.execute_batch(schema::BEGIN).map_err(failed)?;
        connection.execute_batch(&schema::tables(document)).map_err(failed)?;
        Ok(Self { document, path: path.to_owned(), connection, packages: 0 })
    }

    /// Adds what this database holds of a package.
    ///
    /// # Errors
    /// The file cannot be written, or a text is longer than SQLite's limit (1,000,000,000 bytes).
    pub fn add(&mut self, record: &Record) -> Result<(), Error> {
        let pkgid = &record.checksum.hex;
        self.next(|database| match database.document {
            Document::Primary => primary::add(database, record),
            Document::Filelists | Document::FilelistsExt => {
                filelists::add(database, pkgid, &filelists::of_files(&record.files))
            }
            Document::Other => other::add(database, pkgid, other::of_changelogs(&record.changelogs)),
        })
    }

    /// Adds a package by its `<package>` element in the document that the database repeats.
    ///
    /// # Errors
    /// As for [`Database::add`], or the element is malformed.
    pub fn add_fragment(&mut self, text: &str) -> Result<(), Error> {
        match self.document {
            Document::Primary => match PrimaryView::parse(text).and_then(|view| view.to_record()) {
                Ok(record) => self.add(&record),
                Err(_) => self.add_parsed(&parse(self.document, text)?),
            },
            Document::Filelists | Document::FilelistsExt => match FilelistsView::parse(text) {
                Ok(view) => {
                    let files = filelists::of_view(&view);
                    self.next(|database| filelists::add(database, &pkgid(&view.pkgid.text()), &files))
                }
                Err(_) => self.add_parsed(&parse(self.document, text)?),
            },
            Document::Other => match OtherView::parse(text) {
                Ok(view) => {
                    self.next(|database| other::add(database, &pkgid(&view.pkgid.text()), other::of_view(&view)))
                }
                Err(_) => self.add_parsed(&parse(self.document, text)?),
            },
        }
    }

    fn add_parsed(&mut self, package: &Parsed) -> Result<(), Error> {
        match package {
            Parsed::Primary(record) => self.add(record),
            Parsed::Files(package) => {
                self.next(|database| filelists::add(database, &package.pkgid, &filelists::of_files(&package.files)))
            }
            Parsed::Changelogs(package) => {
                self.next(|database| other::add(database, &package.pkgid, other::of_changelogs(&package.changelogs)))
            }
        }
    }

    /// Completes the database and has it on the disk. `checksum` is that of the XML file it repeats, as repomd.xml
    /// says it of the compressed file: yum compares the two.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn finish(self, checksum: &Checksum) -> Result<(), Error> {
        let Self { document, path, connection, .. } = self;
        let failed = |error| failure(&path, &error);
        connection.execute(schema::DB_INFO, (DATABASE_VERSION, text(&checksum.hex))).map_err(failed)?;
        // Behind the rows: sorting them once is many times faster than keeping an index in order.
        connection.execute_batch(&schema::indexes(document)).map_err(failed)?;
        connection.execute_batch("COMMIT").map_err(failed)?;
        connection.close().map_err(|(_, error)| failed(error))?;
        fs_err::File::open(&path)?.sync_all()?;
        Ok(())
    }

    /// Adds the rows of one more package, under the next key.
    fn next(&mut self, add: impl FnOnce(&Self) -> rusqlite::Result<()>) -> Result<(), Error> {
        self.packages = self.packages.saturating_add(1);
        add(self).map_err(|error| failure(&self.path, &error))
    }

    /// A statement that adds rows to a table.
    fn inserting(&self, sql: &str) -> rusqlite::Result<Insert<'_>> {
        self.connection.prepare_cached(sql).map(Insert)
    }
}

/// A prepared statement that adds a row each time it runs.
struct Insert<'a>(CachedStatement<'a>);

impl Insert<'_> {
    fn row(&mut self, values: impl Params) -> rusqlite::Result<()> {
        self.0.execute(values).map(drop)
    }
}

/// A package's checksum as all databases have it.
fn pkgid(written: &str) -> String {
    written.trim().to_ascii_lowercase()
}

/// Text as the XML has it: what XML cannot hold, NUL among it, is U+FFFD.
fn text(text: &str) -> Cow<'_, str> {
    xml::valid(text)
}

/// NULL for empty text.
fn text_or_null(value: &str) -> Option<Cow<'_, str>> {
    Some(value).filter(|value| !value.is_empty()).map(text)
}

/// SQLite's numbers have a sign; sizes and times over 2^63 are as good as endless.
fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn failure(path: &Path, error: &rusqlite::Error) -> Error {
    Error::metadata(path.display().to_string(), format!("the database cannot be written: {error}"))
}
