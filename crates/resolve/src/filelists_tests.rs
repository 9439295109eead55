//! Owners of files, from filelists.xml and from cache files whole and damaged.

use copr_repodata::{Checksum, ChecksumKind, File, Record};

use super::*;
use crate::test_support::package;
use crate::{Packages, RepositoryInfo};

/// Packages with checksums and these files.
fn records(files: &[&[&str]]) -> Vec<Record> {
    let make = |(number, paths): (usize, &&[&str])| {
        let mut record = package(&format!("p{number}-1-1.noarch"));
        record.checksum = Checksum::new(ChecksumKind::Sha256, &format!("{number:064x}")).unwrap();
        record.files = paths.iter().map(|path| File { path: (*path).to_owned(), ..File::default() }).collect();
        record
    };
    files.iter().enumerate().map(make).collect()
}

fn filelists(records: &[Record]) -> String {
    let packages: String = records.iter().map(|record| record.render().filelists).collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<filelists xmlns=\"http://linux.duke.edu/metadata/filelists\" \
         packages=\"{}\">\n{packages}</filelists>",
        records.len()
    )
}

/// The second of two repositories in a pool: as from primary.xml, without files.
fn pool(records: &[Record]) -> Pool {
    let mut pool = Pool::new("x86_64");
    pool.add(RepositoryInfo::new("first", ""), Packages::from_records(&[package("x-1-1.noarch")]).unwrap()).unwrap();
    let bare: Vec<Record> = records.iter().map(|record| Record { files: Vec::new(), ..record.clone() }).collect();
    pool.add(RepositoryInfo::new("second", ""), Packages::from_records(&bare).unwrap()).unwrap();
    pool
}

const FILES: &[&[&str]] =
    &[&["/usr/share/a", "/usr/share", "/usr/share"], &["/usr/share", "/usr/lib/b & c", ""], &[], &["/usr/share/d"]];

fn wanted(paths: &[&str]) -> Vec<String> {
    paths.iter().map(|path| (*path).to_owned()).collect()
}

fn found(owners: &[(&str, u32)]) -> Vec<(String, u32)> {
    owners.iter().map(|(path, owner)| ((*path).to_owned(), *owner)).collect()
}

#[test]
fn only_the_wanted_paths_are_found_with_all_their_owners() {
    let records = records(FILES);
    let asked = wanted(&["/usr/share", "/usr/lib/b & c", "/nowhere", ""]);
    let owners = owners(filelists(&records).as_bytes(), &pool(&records), 1, &asked).unwrap();
    assert_eq!(owners, found(&[("/usr/share", 0), ("/usr/share", 1), ("/usr/lib/b & c", 1)]));
}

#[test]
fn packages_are_told_by_their_checksum_not_by_their_place() {
    let mut records = records(FILES);
    let pool = pool(&records);
    records.reverse();
    records.push(package("unknown-1-1.noarch"));
    records[4].files = records[0].files.clone();
    records[4].checksum.hex = "f".repeat(64);
    let owners = owners(filelists(&records).as_bytes(), &pool, 1, &wanted(&["/usr/share/d", "/usr/share/a"])).unwrap();
    assert_eq!(owners, found(&[("/usr/share/d", 3), ("/usr/share/a", 0)]));
}

#[test]
fn without_a_question_nothing_is_read() {
    assert_eq!(owners(&b"no xml"[..], &pool(&[]), 1, &[]).unwrap(), []);
}

#[test]
fn a_document_that_is_cut_short_is_an_error() {
    let records = records(FILES);
    let text = filelists(&records);
    let cut = &text.as_bytes()[..text.len() / 2];
    assert!(owners(cut, &pool(&records), 1, &wanted(&["/usr/share"])).is_err());
}

#[test]
fn what_filelists_tell_makes_a_path_provided() {
    let records = records(FILES);
    let mut pool = pool(&records);
    let owners = owners(filelists(&records).as_bytes(), &pool, 1, &wanted(&["/usr/share/d"])).unwrap();
    pool.add_file_owners(1, owners.iter().map(|(path, number)| (path.as_str(), *number))).unwrap();
    let names: Vec<String> = pool
        .providers_of(&crate::test_support::dependency("/usr/share/d"))
        .into_iter()
        .map(|id| pool.describe(id))
        .collect();
    assert_eq!(names, ["p3-1-1.noarch (repository second)"]);
}

/// A cache file of [`FILES`].
fn cache_file() -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("files");
    let records = records(FILES);
    write(&path, "sha256:1", filelists(&records).as_bytes(), &pool(&records), 1).unwrap();
    (folder, path)
}

#[test]
fn a_cache_file_answers_as_the_document_does() {
    let (_folder, path) = cache_file();
    let records = records(FILES);
    let cache = Cache::open(&path, "sha256:1").unwrap();
    let asked = wanted(&["/usr/share", "/usr/lib/b & c", "/nowhere", "", "/usr/share/d"]);
    let mut sorted = owners(filelists(&records).as_bytes(), &pool(&records), 1, &asked).unwrap();
    let mut cached = cache.owners(&asked).unwrap();
    sorted.sort();
    cached.sort();
    assert_eq!(cached, sorted);
}

#[test]
fn another_key_or_no_file_is_a_miss() {
    let (folder, path) = cache_file();
    assert!(Cache::open(&path, "sha256:2").is_none());
    assert!(Cache::open(&path, "").is_none());
    assert!(Cache::open(&folder.path().join("none"), "sha256:1").is_none());
}

#[test]
fn a_damaged_cache_file_is_a_miss_or_says_so_when_asked() {
    let (_folder, path) = cache_file();
    let whole = fs_err::read(&path).unwrap();
    let asked = wanted(&["/usr/share", "/usr/share/a", "/usr/lib/b & c", "/usr/share/d"]);
    let answer = Cache::open(&path, "sha256:1").unwrap().owners(&asked).unwrap();
    let ask = |bytes: &[u8]| {
        fs_err::write(&path, bytes).unwrap();
        Cache::open(&path, "sha256:1").and_then(|cache| cache.owners(&asked))
    };
    // All of the head and the entries, then some of the table.
    let interesting = (0..160).chain((160..whole.len()).step_by(7919)).chain(whole.len() - 8..whole.len());
    for at in interesting {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        // The one entry that nobody asks for is the empty path's.
        assert!(ask(&bytes).is_none_or(|found| found == answer), "byte {at}");
        assert!(ask(&whole[..at]).is_none(), "cut at {at}");
    }
    let mut longer = whole.clone();
    longer.push(0);
    assert!(ask(&longer).is_none());
    assert_eq!(ask(&whole), Some(answer));
}
