//! Whether repositories are sound.

use std::path::Path;

use crate::shelf::{add_metadata, at, index, output, package, publish, rewrite, store};
use copr_repodata::check::{CheckOptions, Packages, Report, Severity, check};
use copr_repodata::{Compression, Document, Output, Publisher, Record, Repomd, RepomdRecord};

fn all(scratch: &Path) -> CheckOptions {
    let (now, scratch) = (Some(at(1_000)), Some(scratch.to_owned()));
    CheckOptions { packages: Packages::Checksums, now, scratch, workers: 2, strict: false }
}

/// A repository of two packages with everything that there can be.
fn shop() -> (tempfile::TempDir, Vec<Record>) {
    let dir = tempfile::tempdir().unwrap();
    let packages = vec![package("a-1-1.noarch"), package("b-1-1.x86_64")];
    let everything = Output { databases: Some(Compression::Bzip2), zchunk: true, filelists_ext: true, ..output(500) };
    Publisher::new(dir.path(), everything).replace(&packages).unwrap();
    store(dir.path(), &packages);
    (dir, packages)
}

fn report(dir: &Path) -> Report {
    let scratch = tempfile::tempdir().unwrap();
    let report = check(dir, &all(scratch.path())).unwrap();
    assert_eq!(fs_err::read_dir(scratch.path()).unwrap().count(), 0, "nothing is left behind");
    report
}

/// The report has exactly these problems: severity and parts of what is told.
#[track_caller]
fn finds(dir: &Path, expected: &[(Severity, &str)]) {
    let found = report(dir);
    let texts: Vec<String> = found.problems.iter().map(ToString::to_string).collect();
    for (severity, part) in expected {
        let is_it = |(problem, text): (&copr_repodata::check::Problem, &String)| {
            problem.severity == *severity && text.contains(part)
        };
        assert!(found.problems.iter().zip(&texts).any(is_it), "{severity:?} {part} is not in {texts:#?}");
    }
    assert_eq!(texts.len(), expected.len(), "{texts:#?}");
}

fn change_index(dir: &Path, change: impl FnOnce(&mut Repomd)) {
    let mut repomd = index(dir);
    change(&mut repomd);
    fs_err::write(dir.join("repodata/repomd.xml"), repomd.write()).unwrap();
}

fn record<'a>(repomd: &'a mut Repomd, kind: &str) -> &'a mut RepomdRecord {
    repomd.records.iter_mut().find(|record| record.kind == kind).unwrap()
}

use Severity::{Error, Warning};

#[test]
fn what_we_write_is_sound() {
    let (dir, _) = shop();
    let found = report(dir.path());
    assert_eq!(found, Report { metadata_files: 12, packages: 2, package_files: 2, ..Report::default() });
    assert!(found.is_sound());
}

#[test]
fn what_createrepo_writes_is_sound() {
    let dir = tempfile::tempdir().unwrap();
    let done = std::process::Command::new("createrepo_c").arg("-q").arg(dir.path()).status().unwrap();
    assert!(done.success());
    let scratch = tempfile::tempdir().unwrap();
    let found = check(dir.path(), &CheckOptions { now: None, strict: true, ..all(scratch.path()) }).unwrap();
    assert_eq!(found, Report { metadata_files: 6, ..Report::default() });
}

#[test]
fn a_damaged_cut_or_missing_file_is_found() {
    let (dir, _) = shop();
    let path = |kind: &str| dir.path().join(&index(dir.path()).record(kind).unwrap().location_href);
    let mut bytes = fs_err::read(path("other")).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs_err::write(path("other"), &bytes).unwrap();
    fs_err::write(path("filelists"), &bytes[..40]).unwrap();
    fs_err::remove_file(path("primary_db")).unwrap();
    finds(
        dir.path(),
        &[
            (Error, "other.xml.gz: its checksum is"),
            (Error, "filelists.xml.gz: it has 40 bytes"),
            (Error, "No such file"),
        ],
    );
}

#[test]
fn a_text_that_is_not_what_repomd_says_is_found() {
    let (dir, _) = shop();
    change_index(dir.path(), |repomd| {
        *record(repomd, "other").open_size.as_mut().unwrap() += 1;
        *record(repomd, "filelists").open_size.as_mut().unwrap() -= 1;
        let wrong = "0".repeat(64);
        record(repomd, "primary_db").open_checksum.as_mut().unwrap().hex = wrong.clone();
        record(repomd, "other_zck").header_checksum.as_mut().unwrap().hex = wrong;
    });
    finds(
        dir.path(),
        &[
            (Error, "other.xml.gz: it has "),
            (Error, "filelists.xml.gz"),
            (Error, "primary.sqlite.bz2: the checksum of its text is"),
            (Error, "other.xml.zck: the checksum of its header is"),
        ],
    );
}

#[test]
fn a_file_that_opens_to_more_than_it_says_is_not_opened_to_the_end() {
    let dir = tempfile::tempdir().unwrap();
    publish(dir.path(), 1, &[]);
    let mut packed = flate2_of(&vec![b' '; 1 << 20]);
    packed.extend(flate2_of(&vec![b' '; 1 << 20]));
    add_metadata_bytes(dir.path(), "bomb", &packed, Some(1000));
    finds(dir.path(), &[(Error, "is over 1000 bytes when decompressed; refused")]);
}

fn flate2_of(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, text).unwrap();
    encoder.finish().unwrap()
}

fn add_metadata_bytes(dir: &Path, kind: &str, bytes: &[u8], open_size: Option<u64>) {
    add_metadata(dir, kind, &format!("{kind}.gz"), "");
    change_index(dir, |repomd| {
        let record = record(repomd, kind);
        fs_err::write(dir.join(&record.location_href), bytes).unwrap();
        (record.checksum, record.size, record.open_size) = (sum(bytes), Some(bytes.len() as u64), open_size);
    });
}

fn sum(bytes: &[u8]) -> copr_repodata::Checksum {
    copr_repodata::Checksum::of(copr_repodata::ChecksumKind::Sha256, bytes).unwrap().0
}

#[test]
fn documents_must_be_about_the_same_packages() {
    let dir = tempfile::tempdir().unwrap();
    let packages = [package("a-1-1.noarch"), package("b-1-1.noarch"), package("c-1-1.noarch")];
    publish(dir.path(), 1, &packages);
    store(dir.path(), &packages);
    rewrite(dir.path(), "filelists", |text| text.replace(&packages[0].checksum.hex, &"7".repeat(64)));
    rewrite(dir.path(), "other", |text| {
        let text = text.replace("name=\"b\"", "name=\"bb\"").replace("packages=\"3\"", "packages=\"9\"");
        let (start, end) = (text.find("<package ").unwrap(), text.find("</package>").unwrap() + 11);
        let twice = text[start..end].repeat(2);
        text[..start].to_owned() + &twice + &text[end..]
    });
    finds(
        dir.path(),
        &[
            (Error, "filelists.xml: a-1-1.noarch: it is missing"),
            (Error, "filelists.xml: a-1-1.noarch: it is not in primary"),
            (Error, "other.xml: bb-1-1.noarch: primary has another name"),
            (Error, "other.xml: a-1-1.noarch: it is there too often"),
            (Warning, "other.xml: it announces 9 packages and has 4"),
        ],
    );
}

#[test]
fn many_packages_with_the_same_problem_are_summed_up() {
    let dir = tempfile::tempdir().unwrap();
    let packages: Vec<Record> = (0..25).map(|n| package(&format!("p{n}-1-1.noarch"))).collect();
    publish(dir.path(), 1, &packages);
    rewrite(dir.path(), "other", |_| Document::Other.head(0) + &Document::Other.foot());
    let scratch = tempfile::tempdir().unwrap();
    let found = check(dir.path(), &CheckOptions { packages: Packages::No, ..all(scratch.path()) }).unwrap();
    assert_eq!((found.problems.len(), found.errors, found.package_files), (11, 11, 0));
    assert!(found.problems[10].reason.starts_with("15 more packages: it is missing"));
}

#[test]
fn databases_and_zchunk_copies_of_other_packages_are_found() {
    let (dir, mut packages) = shop();
    let (newer, _) = shop();
    packages.push(package("c-1-1.noarch"));
    let everything = Output { databases: Some(Compression::Bzip2), zchunk: true, filelists_ext: true, ..output(600) };
    Publisher::new(newer.path(), everything).replace(&packages).unwrap();
    store(newer.path(), &packages);
    for kind in ["primary_db", "other_zck"] {
        let old = index(dir.path()).record(kind).unwrap().clone();
        fs_err::copy(dir.path().join(&old.location_href), newer.path().join(&old.location_href)).unwrap();
        change_index(newer.path(), |repomd| *record(repomd, kind) = old);
    }
    finds(
        newer.path(),
        &[
            (Error, "the text of this zchunk copy is not that of the original"),
            (Error, "c-1-1.noarch: it is missing"),
            (Error, "it has 2 packages, primary 3"),
            (Error, "it was made of another primary document"),
        ],
    );
}

#[test]
fn a_database_that_is_none_or_a_trap_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    publish(dir.path(), 1, &[]);
    add_metadata(dir.path(), "other_db", "other.sqlite", "this is no database at all");
    let trap = tempfile::tempdir().unwrap();
    let path = trap.path().join("db");
    let database = rusqlite::Connection::open(&path).unwrap();
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n";
    database.execute_batch(&format!("CREATE VIEW packages AS {endless}; CREATE TABLE db_info (a)")).unwrap();
    drop(database);
    let bytes = fs_err::read(path).unwrap();
    add_metadata(dir.path(), "primary_db", "primary.sqlite", "");
    change_index(dir.path(), |repomd| {
        let record = record(repomd, "primary_db");
        fs_err::write(dir.path().join(&record.location_href), &bytes).unwrap();
        (record.checksum, record.size) = (sum(&bytes), Some(bytes.len() as u64));
    });
    finds(
        dir.path(),
        &[(Error, "other.sqlite: the database cannot be read"), (Error, "primary.sqlite: the database cannot be read")],
    );
}

#[test]
fn packages_that_are_there_twice_are_found() {
    let dir = tempfile::tempdir().unwrap();
    let (one, mut copy, mut rebuilt) = (package("a-1-1.noarch"), package("a-1-1.noarch"), package("a-1-1.noarch"));
    copy.location_href = "copy/a.rpm".to_owned();
    rebuilt.location_href = "again/a.rpm".to_owned();
    rebuilt.checksum.hex = "7".repeat(64);
    publish(dir.path(), 1, &[one.clone(), copy.clone(), rebuilt]);
    rewrite(dir.path(), "primary", |text| text.replace("again/a.rpm", "copy/a.rpm"));
    store(dir.path(), &[one, copy]);
    finds(
        dir.path(),
        &[
            (Error, "copy/a.rpm: a-1-1.noarch and a-1-1.noarch are both said to be here"),
            (Warning, "another package of the same name"),
            (Warning, "the same package is at"),
            (Error, "copy/a.rpm: its checksum is"),
        ],
    );
}

#[test]
fn the_files_of_packages_are_looked_at_as_far_as_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let mut packages: Vec<Record> =
        ["good-1-1.noarch", "gone-1-1.noarch", "short-1-1.noarch", "other-1-1.noarch", "base-1-1.noarch"]
            .map(package)
            .into();
    packages[4].location_base = Some("https://elsewhere".to_owned());
    publish(dir.path(), 1, &packages);
    store(dir.path(), &packages[..4]);
    fs_err::remove_file(dir.path().join(&packages[1].location_href)).unwrap();
    fs_err::write(dir.path().join(&packages[2].location_href), "short").unwrap();
    fs_err::write(dir.path().join(&packages[3].location_href), "x".repeat(packages[3].size_package as usize)).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    for (how, errors) in [(Packages::No, 0), (Packages::Exist, 1), (Packages::Sizes, 2), (Packages::Checksums, 3)] {
        let found = check(dir.path(), &CheckOptions { packages: how, ..all(scratch.path()) }).unwrap();
        let looked_at = if how == Packages::No { 0 } else { 4 };
        assert_eq!((found.errors, found.package_files, found.elsewhere), (errors, looked_at, 1), "{how:?}");
    }
}

#[test]
fn locations_that_lead_out_are_errors_and_are_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    let places = ["../../etc/passwd", "/etc/passwd", "a/../../b.rpm"];
    let packages: Vec<Record> = places
        .iter()
        .enumerate()
        .map(|(n, place)| Record { location_href: (*place).to_owned(), ..package(&format!("p{n}-1-1.noarch")) })
        .collect();
    publish(dir.path(), 1, &packages);
    finds(dir.path(), &places.map(|place| (Error, place)));
    change_index(dir.path(), |repomd| "../../etc/passwd".clone_into(&mut record(repomd, "other").location_href));
    assert!(report(dir.path()).problems[0].reason.starts_with("unsafe path"));
}

#[test]
fn what_nobody_names_is_told_but_not_what_clients_may_still_read() {
    let dir = tempfile::tempdir().unwrap();
    let packages = [package("a-1-1.noarch")];
    publish(dir.path(), 100, &[]);
    publish(dir.path(), 200, &packages);
    store(dir.path(), &packages);
    for name in ["stray.rpm", "Packages/b/old.rpm", "nested/repodata/repomd.xml", "nested/theirs.rpm", "README"] {
        fs_err::create_dir_all(dir.path().join(name).parent().unwrap()).unwrap();
        fs_err::write(dir.path().join(name), "x").unwrap();
    }
    for name in ["repodata/notes.txt", "repodata/repomd.xml.asc"] {
        fs_err::write(dir.path().join(name), "x").unwrap();
    }
    fs_err::create_dir(dir.path().join(".repodata")).unwrap();
    finds(
        dir.path(),
        &[
            (Warning, "stray.rpm: the metadata do not name"),
            (Warning, "Packages/b/old.rpm"),
            (Warning, "repodata/notes.txt"),
            (Warning, ".repodata: a writer"),
        ],
    );
    assert_eq!((report(dir.path()).superseded, report(dir.path()).is_sound()), (3, true));
}

#[test]
fn odd_metadata_are_warnings_or_errors_when_strict() {
    let dir = tempfile::tempdir().unwrap();
    publish(dir.path(), 1, &[]);
    add_metadata(dir.path(), "updateinfo", "updateinfo.xml", "<updates><update><odd/></update></updates>");
    add_metadata(dir.path(), "group", "comps.xml", "<comps><group></comps>");
    change_index(dir.path(), |repomd| {
        repomd.revision = "9999999".to_owned();
        record(repomd, "other").timestamp = Some(9_999_999);
    });
    let found = report(dir.path());
    assert_eq!((found.errors, found.warnings > 3), (1, true), "{:?}", found.problems);
    assert!(found.problems.iter().any(|p| p.what == "repodata/comps.xml" && p.severity == Error));
    let scratch = tempfile::tempdir().unwrap();
    let strict = check(dir.path(), &CheckOptions { strict: true, ..all(scratch.path()) }).unwrap();
    assert_eq!((strict.errors, strict.warnings), (found.errors + found.warnings, 0));
}

#[test]
fn a_repomd_that_cannot_be_read_is_a_problem_and_none_at_all_an_error() {
    let dir = tempfile::tempdir().unwrap();
    assert!(check(dir.path(), &CheckOptions::default()).unwrap_err().to_string().contains("repomd.xml"));
    fs_err::create_dir(dir.path().join("repodata")).unwrap();
    fs_err::write(dir.path().join("repodata/repomd.xml"), "<html>").unwrap();
    let found = report(dir.path());
    assert_eq!((found.errors, found.problems[0].what.as_str()), (1, "repodata/repomd.xml"));
}
