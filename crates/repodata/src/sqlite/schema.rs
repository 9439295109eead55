//! The SQL that makes the databases.
//!
//! What clients see is fixed: names, types and the order of columns are those of yum's metadata parser, which
//! `createrepo_c` took over and to which it added the four weak dependencies.

use crate::Document;

/// Nobody reads the file before it is complete, and a broken one is thrown away: no journal and no waiting for the
/// disk. Indexes are sorted in memory, because SQLite would find a place for files by the environment. The cache is of
/// 64 MiB. None of this is kept in the file but the size of pages, `createrepo_c`'s.
pub(super) const BEGIN: &str = "\
    PRAGMA page_size = 4096;
    PRAGMA journal_mode = OFF;
    PRAGMA synchronous = OFF;
    PRAGMA locking_mode = EXCLUSIVE;
    PRAGMA temp_store = MEMORY;
    PRAGMA cache_size = -65536;
    BEGIN;";

/// What the file repeats.
pub(super) const DB_INFO: &str = "INSERT INTO db_info (dbversion, checksum) VALUES (?, ?)";

/// The tables of dependencies, in the order of the schema. The first two also have an index by name.
const DEPENDENCIES: [&str; 8] =
    ["requires", "provides", "conflicts", "obsoletes", "suggests", "enhances", "recommends", "supplements"];

const PRIMARY: &str = "\
    CREATE TABLE packages (pkgKey INTEGER PRIMARY KEY, pkgId TEXT, name TEXT, arch TEXT, version TEXT, epoch TEXT, \
    release TEXT, summary TEXT, description TEXT, url TEXT, time_file INTEGER, time_build INTEGER, rpm_license TEXT, \
    rpm_vendor TEXT, rpm_group TEXT, rpm_buildhost TEXT, rpm_sourcerpm TEXT, rpm_header_start INTEGER, \
    rpm_header_end INTEGER, rpm_packager TEXT, size_package INTEGER, size_installed INTEGER, size_archive INTEGER, \
    location_href TEXT, location_base TEXT, checksum_type TEXT);
    CREATE TABLE files (name TEXT, type TEXT, pkgKey INTEGER);";

const FILELISTS: &str = "\
    CREATE TABLE packages (pkgKey INTEGER PRIMARY KEY, pkgId TEXT);
    CREATE TABLE filelist (pkgKey INTEGER, dirname TEXT, filenames TEXT, filetypes TEXT);";

const OTHER: &str = "\
    CREATE TABLE packages (pkgKey INTEGER PRIMARY KEY, pkgId TEXT);
    CREATE TABLE changelog (pkgKey INTEGER, author TEXT, date INTEGER, changelog TEXT);";

/// Tables, and the trigger that takes a removed package's rows out of them.
pub(super) fn tables(document: Document) -> String {
    let (tables, trigger, emptied) = match document {
        Document::Primary => (PRIMARY, "removals", "files"),
        Document::Filelists | Document::FilelistsExt => (FILELISTS, "remove_filelist", "filelist"),
        Document::Other => (OTHER, "remove_changelogs", "changelog"),
    };
    let mut sql = format!("CREATE TABLE db_info (dbversion INTEGER, checksum TEXT);\n{tables}");
    let mut removals = delete_from(emptied);
    if document == Document::Primary {
        for table in DEPENDENCIES {
            let pre = if table == "requires" { ", pre BOOLEAN DEFAULT FALSE" } else { "" };
            sql += &format!(
                "CREATE TABLE {table} (name TEXT, flags TEXT, epoch TEXT, version TEXT, release TEXT, \
                 pkgKey INTEGER {pre});"
            );
            removals += &delete_from(table);
        }
    }
    sql + &format!("CREATE TRIGGER {trigger} AFTER DELETE ON packages BEGIN {removals}END;")
}

fn delete_from(table: &str) -> String {
    format!("DELETE FROM {table} WHERE pkgKey = old.pkgKey; ")
}

/// The indexes, for when the rows are there.
pub(super) fn indexes(document: Document) -> String {
    match document {
        Document::Primary => {
            let mut sql = "\
                CREATE INDEX packagename ON packages (name);
                CREATE INDEX packageId ON packages (pkgId);
                CREATE INDEX filenames ON files (name);
                CREATE INDEX pkgfiles ON files (pkgKey);"
                .to_owned();
            for (place, table) in DEPENDENCIES.into_iter().enumerate() {
                sql += &format!("CREATE INDEX pkg{table} on {table} (pkgKey);");
                if place < 2 {
                    sql += &format!("CREATE INDEX {table}name ON {table} (name);");
                }
            }
            sql
        }
        Document::Filelists | Document::FilelistsExt => "\
            CREATE INDEX keyfile ON filelist (pkgKey);
            CREATE INDEX pkgId ON packages (pkgId);
            CREATE INDEX dirnames ON filelist (dirname);"
            .to_owned(),
        Document::Other => "\
            CREATE INDEX keychange ON changelog (pkgKey);
            CREATE INDEX pkgId ON packages (pkgId);"
            .to_owned(),
    }
}
