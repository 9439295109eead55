//! Small repositories for tests.
#![allow(dead_code, reason = "each test takes what it needs")]

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use copr_repodata::{
    Changelog, Checksum, ChecksumKind, Delta, File, FileKind, Output, Publisher, Record, Repomd, RepomdRecord,
};

pub(crate) fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

pub(crate) fn output(seconds: u64) -> Output {
    Output { workers: 2, ..Output::new(at(seconds)) }
}

/// What the file of a package is taken to hold.
pub(crate) fn content(nevra: &str) -> Vec<u8> {
    format!("the package {nevra}").into_bytes()
}

/// A package with a little of everything. Its checksum and size are those of [`content`].
pub(crate) fn package(nevra: &str) -> Record {
    let nevra: copr_rpm::Nevra = nevra.parse().unwrap();
    let content = content(&nevra.to_string());
    let name = nevra.name.clone();
    let checksum = Checksum::of(ChecksumKind::Sha256, content.as_slice()).unwrap().0;
    let source = if nevra.arch == "src" { String::new() } else { format!("{name}-1-1.src.rpm") };
    Record {
        checksum,
        summary: format!("About {name}"),
        description: "Text & more".to_owned(),
        group: "Shells".to_owned(),
        buildhost: "builder".to_owned(),
        location_href: format!("Packages/{}", nevra.file_name()),
        size_package: content.len() as u64,
        size_installed: 1000,
        size_archive: 1100,
        time_file: 1_600_000_000,
        time_build: 1_500_000_000,
        license: "MIT".to_owned(),
        vendor: "Acme".to_owned(),
        sourcerpm: source,
        provides: vec![format!("{name} = {}", nevra.evr()).parse().unwrap()],
        requires: vec!["/bin/sh".parse().unwrap()],
        files: vec![
            File { path: format!("/usr/bin/{name}"), kind: FileKind::Plain, digest: None },
            File { path: format!("/usr/share/{name}"), kind: FileKind::Dir, digest: None },
        ],
        changelogs: vec![Changelog { time: 1_400_000_000, author: "A <a@b>".to_owned(), text: "- first".to_owned() }],
        nevra,
        ..Record::default()
    }
}

/// Makes the repository hold exactly these packages.
pub(crate) fn publish(dir: &Path, seconds: u64, packages: &[Record]) {
    Publisher::new(dir, output(seconds)).replace(packages).unwrap();
}

/// Adds packages to the repository.
pub(crate) fn publish_more(dir: &Path, seconds: u64, packages: &[Record]) {
    let delta = Delta { add: packages.to_vec(), remove: Vec::new() };
    Publisher::new(dir, output(seconds)).publish(&delta).unwrap();
}

/// Writes the files that the packages' records speak of.
pub(crate) fn store(dir: &Path, packages: &[Record]) {
    for package in packages {
        let path = dir.join(&package.location_href);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, content(&package.nevra.to_string())).unwrap();
    }
}

pub(crate) fn index(dir: &Path) -> Repomd {
    Repomd::read(&fs_err::read(dir.join("repodata/repomd.xml")).unwrap()).unwrap()
}

/// Adds a file of another kind to the metadata, or replaces it.
pub(crate) fn add_metadata(dir: &Path, kind: &str, name: &str, text: &str) {
    let mut repomd = index(dir);
    let href = format!("repodata/{name}");
    fs_err::write(dir.join(&href), text).unwrap();
    let (checksum, size) = Checksum::of(ChecksumKind::Sha256, text.as_bytes()).unwrap();
    repomd.records.retain(|record| record.kind != kind);
    let kind = kind.to_owned();
    repomd.records.push(RepomdRecord { kind, checksum, size: Some(size), location_href: href, ..Default::default() });
    fs_err::write(dir.join("repodata/repomd.xml"), repomd.write()).unwrap();
}

/// Writes another text in place of a metadata file, and mends repomd.xml so that its checksums are right.
pub(crate) fn rewrite(dir: &Path, kind: &str, change: impl FnOnce(String) -> String) {
    let mut repomd = index(dir);
    let record = repomd.records.iter_mut().find(|record| record.kind == kind).unwrap();
    let mut text = String::new();
    let path = dir.join(&record.location_href);
    std::io::Read::read_to_string(&mut copr_repodata::read::open(&path).unwrap(), &mut text).unwrap();
    let text = change(text);
    fs_err::remove_file(&path).unwrap();
    let (checksum, size) = Checksum::of(ChecksumKind::Sha256, text.as_bytes()).unwrap();
    record.location_href = format!("repodata/{}-{kind}.xml", checksum.hex);
    fs_err::write(dir.join(&record.location_href), &text).unwrap();
    (record.checksum, record.size, record.open_checksum, record.open_size) = (checksum, Some(size), None, None);
    fs_err::write(dir.join("repodata/repomd.xml"), repomd.write()).unwrap();
}
