//! Small repositories.

use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use copr_repodata::{
    Changelog, Checksum, ChecksumKind, Compression, File, FileKind, Groups, Output, Publisher, Record,
};
use copr_rpm::Dependency;

pub(crate) fn output() -> Output {
    Output { workers: 1, segment: 4096, ..Output::new(UNIX_EPOCH + Duration::from_secs(1_795_610_190)) }
}

/// A package with a little of everything, built on the day that is the number.
pub(crate) fn package(nevra: &str, day: u64) -> Record {
    let nevra: copr_rpm::Nevra = nevra.parse().unwrap();
    let source = if nevra.arch == "src" {
        String::new()
    } else {
        format!("{}-{}-{}.src.rpm", nevra.name.trim_end_matches("-libs"), nevra.version, nevra.release)
    };
    Record {
        checksum: Checksum::of(ChecksumKind::Sha256, nevra.to_string().as_bytes()).unwrap().0,
        summary: format!("About {}", nevra.name),
        description: "Long text & more".to_owned(),
        url: "https://example.org/".to_owned(),
        group: "Shells".to_owned(),
        location_href: format!("Packages/{}", nevra.file_name()),
        size_package: 2048,
        size_installed: 1 << 20,
        time_file: 1_600_000_000,
        time_build: 1_500_000_000 + day * 86_400,
        license: "MIT".to_owned(),
        sourcerpm: source,
        provides: vec![
            Dependency::named(nevra.name.clone()),
            format!("lib{}.so()(64bit)", nevra.name).parse().unwrap(),
        ],
        files: vec![
            File { path: format!("/usr/bin/{}", nevra.name), kind: FileKind::Plain, digest: None },
            File { path: format!("/usr/share/{}", nevra.name), kind: FileKind::Dir, digest: None },
        ],
        changelogs: vec![
            Changelog { time: 1_400_000_000, author: "A <a@b>".to_owned(), text: "- first".to_owned() },
            Changelog { time: 1_400_086_400, author: "A <a@b>".to_owned(), text: format!("- of day {day}") },
        ],
        nevra,
        ..Record::default()
    }
}

pub(crate) fn requiring(mut record: Record, requires: &[&str]) -> Record {
    record.requires = requires.iter().map(|text| text.parse().unwrap()).collect();
    record
}

pub(crate) fn publish(dir: &Path, packages: &[Record], output: Output) {
    Publisher::new(dir, output).replace(packages).unwrap();
}

pub(crate) fn with_comps(dir: &Path, text: &str, output: Output) -> Output {
    let file = dir.join("comps.xml");
    fs_err::write(&file, text).unwrap();
    Output { groups: Groups::File(file), ..output }
}

pub(crate) fn compressed(compression: Compression) -> Output {
    Output { compression, ..output() }
}
