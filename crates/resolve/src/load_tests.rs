//! primary.xml into columns.

use copr_repodata::{Checksum, ChecksumKind, Record};

use super::*;
use crate::test_support::package;
use crate::{PackageId, Pool, RepositoryInfo};

const LINES: &str = "bash-5-1.x86_64; provides sh = 5, config(bash) = 5-1; files /bin/bash, /bin/sh; vendor Alice & Bob
     app-7:1.0~rc1-1.noarch; requires /bin/sh, (/bin/dash or zsh), sh >= 1, x < 2:3-4; recommends lib; suggests s
     b-1-1.i686; conflicts old <= 2; obsoletes old < 3; supplements (a and b); enhances e > 1";

fn records() -> Vec<Record> {
    let lines = LINES.lines().map(|line| package(line.trim()));
    lines
        .enumerate()
        .map(|(number, mut record)| {
            record.checksum = Checksum::new(ChecksumKind::Sha256, &format!("{number:064x}")).unwrap();
            record.location_href = format!("Packages/{}", record.nevra.file_name());
            record.sourcerpm = format!("{}-1-1.src.rpm", record.nevra.name);
            (record.size_package, record.size_installed, record.time_build) = (1, 2 << 40, 3);
            record
        })
        .collect()
}

fn document(packages: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<metadata xmlns=\"http://linux.duke.edu/metadata/common\" \
         xmlns:rpm=\"http://linux.duke.edu/metadata/rpm\" packages=\"1\">\n{packages}</metadata>"
    )
}

fn primary_of(records: &[Record]) -> String {
    document(&records.iter().map(|record| record.render().primary).collect::<String>())
}

fn told(packages: Packages) -> Vec<String> {
    let mut pool = Pool::new("x86_64");
    pool.add(RepositoryInfo::new("r", ""), packages).unwrap();
    let mut told = Vec::new();
    for id in pool.ids() {
        let texts = [pool.vendor(id), pool.source_rpm(id), pool.location_base(id)].map(|text| pool.text(text));
        let numbers = [pool.package_size(id), pool.installed_size(id), pool.build_time(id)];
        told.push(format!("{} {texts:?} {numbers:?} {} {}", pool.describe(id), pool.location(id), pool.checksum(id)));
        for kind in DependencyKind::ALL {
            let list = pool.list(id, kind).iter();
            told.extend(list.map(|cap| format!("{kind:?} {} {:?}", pool.dependency(*cap), pool.providers(*cap))));
        }
    }
    told
}

#[test]
fn a_document_gives_the_same_as_its_records() {
    let records = records();
    let loaded = primary(primary_of(&records).as_bytes()).unwrap();
    assert_eq!(told(loaded), told(Packages::from_records(&records).unwrap()));
}

#[test]
fn a_document_written_in_an_unusual_way_gives_the_same() {
    let records = records();
    let usual = primary_of(&records);
    let unusual = usual.replace("<format>", "<!-- a comment --><format>").replace("Alice", "<![CDATA[Alice]]>");
    assert_ne!(usual, unusual);
    assert_eq!(told(primary(unusual.as_bytes()).unwrap()), told(primary(usual.as_bytes()).unwrap()));
}

#[test]
fn a_document_cut_anywhere_is_an_error() {
    let text = primary_of(&records());
    // The root's last bytes are not looked at.
    for length in (0..text.len() - "</metadata>".len()).step_by(7) {
        assert!(primary(&text.as_bytes()[..length]).is_err(), "{length} bytes");
    }
}

#[test]
fn a_package_without_a_name_or_with_an_unknown_checksum_is_an_error() {
    let text = primary_of(&records());
    assert!(primary(text.replace("<name>app</name>", "").as_bytes()).is_err());
    assert!(primary(text.replace("sha256", "crc32").as_bytes()).is_err());
}

#[test]
fn an_epoch_that_is_no_number_is_none() {
    let text = primary_of(&records()).replace("epoch=\"7\"", "epoch=\"99999999999\"");
    let mut pool = Pool::new("x86_64");
    pool.add(RepositoryInfo::new("r", ""), primary(text.as_bytes()).unwrap()).unwrap();
    assert_eq!(pool.nevra(PackageId(1)).to_string(), "app-1.0~rc1-1.noarch");
}

#[test]
fn names_of_a_mebibyte_are_taken_as_they_are() {
    let long = "n".repeat(1 << 20);
    let mut record = package("a-1-1.noarch");
    record.checksum.hex = "0".repeat(64);
    record.location_href = "a.rpm".to_owned();
    record.nevra.name.clone_from(&long);
    record.nevra.version.clone_from(&long);
    record.requires.push(copr_rpm::Dependency::named(format!("/{long}")));
    let mut pool = Pool::new("x86_64");
    pool.add(RepositoryInfo::new("r", ""), primary(primary_of(&[record]).as_bytes()).unwrap()).unwrap();
    assert_eq!(pool.find(&long).map(|name| pool.named(name).count()), Some(1));
    assert_eq!(pool.missing_paths(), [format!("/{long}")]);
}

#[test]
fn a_package_that_provides_one_name_ten_thousand_times_is_found_once() {
    let mut record = package("a-1-1.noarch");
    record.provides.extend((0..10_000).map(|n| format!("x = {n}").parse().unwrap()));
    let mut pool = Pool::new("x86_64");
    pool.add(RepositoryInfo::new("r", ""), Packages::from_records(&[record]).unwrap()).unwrap();
    let wanted = |text: &str| pool.providers_of(&text.parse().unwrap()).len();
    assert_eq!(["x", "x = 9999", "x > 9998", "x = 10000"].map(wanted), [1, 1, 1, 0]);
}
