//! Databases added to a repository, judged by `sqliterepo_c`, whose databases hold the same.

use std::path::Path;
use std::process::Command;

use crate::shelf::{index, output, package, publish};
use copr_repodata::databases::{DatabaseOptions, add};
use copr_repodata::{Compression, Document, Locking, Output, Retain, read};
use rusqlite::Connection;

/// Every row of every table, as text, sorted: what a database says, whatever its layout.
fn rows(dir: &Path, document: Document) -> Vec<String> {
    let record = index(dir).record(document.database_kind()).unwrap().clone();
    assert_eq!(record.database_version, Some(10));
    let plain = tempfile::NamedTempFile::new().unwrap();
    let mut text = read::open(&dir.join(&record.location_href)).unwrap();
    std::io::copy(&mut text, &mut fs_err::File::create(plain.path()).unwrap()).unwrap();
    let database = Connection::open(plain.path()).unwrap();
    let mut names = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").unwrap();
    let names: Vec<String> = names.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let mut all = Vec::new();
    for name in names {
        let mut query = database.prepare(&format!("SELECT * FROM {name}")).unwrap();
        let columns = query.column_count();
        let lines = query.query_map([], |row| {
            let value = |column| row.get::<_, rusqlite::types::Value>(column);
            Ok(format!("{name} {:?}", (0..columns).map(value).collect::<Result<Vec<_>, _>>()?))
        });
        all.extend(lines.unwrap().map(Result::unwrap));
    }
    all.sort();
    all
}

/// Waiting: a test that starts a program holds the locks of all others for a moment, until the program runs.
fn waiting() -> DatabaseOptions {
    DatabaseOptions { locking: Locking::Wait, ..DatabaseOptions::default() }
}

#[test]
fn a_repository_gets_the_databases_that_sqliterepo_c_would_make() {
    let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let packages = [package("bash-5.2-1.x86_64"), package("zsh-1:5.9-2.noarch")];
    for dir in [ours.path(), theirs.path()] {
        publish(dir, 1, &packages);
    }
    add(ours.path(), &waiting(), &output(2)).unwrap();
    let done = Command::new("sqliterepo_c").arg("-q").arg(theirs.path()).status().unwrap();
    assert!(done.success());
    for document in Document::BASIC {
        assert_eq!(rows(ours.path(), document), rows(theirs.path(), document), "{document:?}");
    }
    assert_eq!(index(ours.path()).revision, "1", "the packages are the same as before");
    assert_eq!(read::load(ours.path()).unwrap(), packages);
}

#[test]
fn databases_that_are_there_are_replaced_only_when_forced() {
    let dir = tempfile::tempdir().unwrap();
    publish(dir.path(), 1, &[package("a-1-1.noarch")]);
    let gone = Output { retain: Retain::Nothing, ..output(2) };
    let first = add(dir.path(), &waiting(), &gone).unwrap();
    assert!(first.iter().all(|record| record.location_href.ends_with(".sqlite.bz2")));
    let error = add(dir.path(), &waiting(), &gone).unwrap_err().to_string();
    assert!(error.contains("repomd.xml: it names databases already"), "{error}");
    let is_there = |of: &copr_repodata::RepomdRecord| dir.path().join(&of.location_href).exists();

    let again = DatabaseOptions { force: true, keep_old: true, compression: Compression::Xz, ..waiting() };
    let second = add(dir.path(), &again, &gone).unwrap();
    assert!(first.iter().chain(&second).all(is_there), "the old ones were to stay");
    let third = add(dir.path(), &DatabaseOptions { force: true, ..waiting() }, &gone).unwrap();
    assert_eq!(third, first, "the same documents give the same databases");
    assert!(!second.iter().any(is_there) && third.iter().all(is_there));
    assert_eq!(index(dir.path()).records.len(), 6);
}

#[test]
fn databases_are_named_as_the_documents_are() {
    let dir = tempfile::tempdir().unwrap();
    let plain = Output { unique_names: false, ..output(1) };
    copr_repodata::Publisher::new(dir.path(), plain).replace(&[package("a-1-1.noarch")]).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let elsewhere = DatabaseOptions { scratch: Some(scratch.path().to_owned()), ..waiting() };
    let records = add(dir.path(), &elsewhere, &output(2)).unwrap();
    let names: Vec<&str> = records.iter().map(|record| record.location_href.as_str()).collect();
    assert_eq!(names, ["primary", "filelists", "other"].map(|kind| format!("repodata/{kind}.sqlite.bz2")));
    assert_eq!(fs_err::read_dir(scratch.path()).unwrap().count(), 0, "nothing is left behind");
    assert_eq!(rows(dir.path(), Document::Primary).iter().filter(|row| row.starts_with("packages ")).count(), 1);
}

#[test]
fn a_damaged_document_is_refused_and_nothing_changes() {
    let dir = tempfile::tempdir().unwrap();
    publish(dir.path(), 1, &[package("a-1-1.noarch")]);
    let before = index(dir.path());
    let other = dir.path().join(&before.record("other").unwrap().location_href);
    let mut bytes = fs_err::read(&other).unwrap();
    bytes[20] ^= 1;
    fs_err::write(&other, bytes).unwrap();
    let error = add(dir.path(), &waiting(), &output(2)).unwrap_err().to_string();
    assert!(error.contains("other.xml") && error.contains("checksum"), "{error}");
    assert_eq!(index(dir.path()), before);
}

#[test]
fn a_publish_that_is_to_write_databases_does() {
    let dir = tempfile::tempdir().unwrap();
    let with = Output { databases: Some(Compression::Gzip), ..output(1) };
    copr_repodata::Publisher::new(dir.path(), with).replace(&[package("a-1-1.noarch")]).unwrap();
    let repomd = index(dir.path());
    let sum = &repomd.record("primary").unwrap().checksum.hex;
    let info = rows(dir.path(), Document::Primary).into_iter().find(|row| row.starts_with("db_info")).unwrap();
    assert!(info.contains(sum.as_str()), "{info}");
    assert!(add(dir.path(), &waiting(), &output(2)).is_err());
}
