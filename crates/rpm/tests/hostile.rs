//! Packages that lie: every byte of a header may be wrong. Reading gives an error or a package, at little cost.
#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

#[path = "hostile/properties.rs"]
mod properties;
mod small_rpm;

use copr_rpm::{Error, Package, tag};
use properties::read_everything;
use proptest::prelude::*;
use small_rpm::{Value, entries, header, lead, odd, rpm, texts};

/// What precedes the data of the header: lead, signature, intro and index.
fn up_to_data(bytes: &[u8]) -> usize {
    let package = Package::read(bytes).unwrap();
    package.header_start as usize + 16 + package.header.len() * 16
}

fn intro(entries: u32, data: u32) -> Vec<u8> {
    let mut bytes = vec![0x8E, 0xAD, 0xE8, 1, 0, 0, 0, 0];
    bytes.extend(entries.to_be_bytes());
    bytes.extend(data.to_be_bytes());
    bytes
}

/// The package of [`entries`], with one field of its header's index entry for `tag` replaced: 1 is the type, 2 the
/// offset, 3 the count.
fn with_field(tag: u32, field: usize, value: u32) -> Vec<u8> {
    let mut bytes = rpm(&entries(), b"");
    let start = Package::read(&*bytes).unwrap().header_start as usize + 16;
    let at = (start..).step_by(16).find(|at| bytes[*at..*at + 4] == tag.to_be_bytes()).unwrap() + field * 4;
    bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
    bytes
}

#[test]
fn odd_packages_are_read_and_cut_anywhere_they_are_truncated() {
    for (name, bytes) in odd::packages() {
        read_everything(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        let package = Package::read(&*bytes).unwrap();
        assert_eq!(package.nevra().unwrap().name, name);
        for end in 0..package.header_end as usize {
            match Package::read(&bytes[..end]) {
                Err(Error::Truncated { offset: Some(offset), .. }) => assert_eq!(offset, end as u64, "{name}"),
                other => panic!("{name} cut at {end}: {other:?}"),
            }
        }
    }
}

#[test]
fn no_wrong_byte_before_the_data_makes_the_reader_panic() {
    for (_, bytes) in odd::packages() {
        // The long reserved space of format 6 is the same everywhere.
        for at in (0..up_to_data(&bytes)).filter(|at| *at < 500 || at % 97 == 0 || bytes.len() < 3000) {
            for value in [bytes[at] ^ 1, bytes[at] ^ 0x80, !bytes[at], 0, 0xFF] {
                let mut bytes = bytes.clone();
                bytes[at] = value;
                let _ = Package::read(&*bytes).map(|package| (package.files(), package.nevra(), package.changelogs()));
            }
        }
    }
}

#[test]
fn errors_tell_the_part_and_the_byte() {
    let offset_of = |bytes: &[u8]| match read_everything(bytes).unwrap_err() {
        Error::Damaged { part, offset, .. } => (part, offset.unwrap()),
        other => panic!("{other:?}"),
    };
    let mut version = lead();
    version[4] = 9;
    assert_eq!(offset_of(&version), ("lead", 4));
    assert_eq!(offset_of(&[lead(), vec![0; 16]].concat()), ("signature", 96));
    assert_eq!(offset_of(&[lead(), intro(1 << 20, 0)].concat()), ("signature", 104));
    assert_eq!(offset_of(&[lead(), intro(0, u32::MAX)].concat()), ("signature", 108));
    let start = Package::read(&*rpm(&entries(), b"")).unwrap().header_start;
    assert_eq!(offset_of(&with_field(1000, 1, 77)), ("header", start + 16));
    assert_eq!(offset_of(&with_field(1001, 2, u32::MAX)), ("header", start + 32));
    let message = read_everything(&with_field(1001, 2, u32::MAX)).unwrap_err().to_string();
    assert_eq!(
        message,
        format!("the header is damaged at byte {}: its entry 1001 points outside the data", start + 32)
    );
    // A wrong value is found where it stands.
    let bytes = with_field(tag::FILEMODES.0, 3, 1);
    let modes = Package::read(&*bytes).unwrap().header.offset(tag::FILEMODES).unwrap();
    assert_eq!(offset_of(&bytes), ("header", modes));
    assert_eq!(bytes[modes as usize..modes as usize + 2], 0o040_755u16.to_be_bytes());
}

#[test]
fn lists_that_lie_over_each_other_are_refused() {
    let mut bytes = rpm(&[(1047, texts(&["abcdefgh"; 8])), (1049, texts(&["abcdefgh"; 8]))], b"");
    let start = Package::read(&*bytes).unwrap().header_start as usize + 16;
    for entry in [start, start + 16] {
        bytes[entry + 8..entry + 16].copy_from_slice(&[0, 0, 0, 0, 0, 0, 0, 144]);
    }
    let error = Package::read(&*bytes).unwrap_err().to_string();
    assert!(error.contains("entry 1049 overlaps"), "{error}");
}

#[test]
fn counts_that_no_value_stands_for_are_refused() {
    for tag in [1047, 1049, 1080, 1081, 1117, 1118, 1028] {
        for count in [0x7FFF_FFFF, u32::MAX, 5 << 20, 100_000] {
            assert!(read_everything(&with_field(tag, 3, count)).is_err(), "{count} values of {tag}");
        }
    }
    // As many as there are bytes, but not as many that end.
    assert!(read_everything(&with_field(1047, 3, 40)).is_err());
}

#[test]
fn a_header_of_65535_entries_and_64_mebibytes_is_read() {
    let entry = [0u32, 0, 0, 0].map(u32::to_be_bytes).concat();
    let main = [intro(0xFFFF, 64 << 20), entry.repeat(0xFFFF), vec![0; 64 << 20]].concat();
    let package = Package::read(&*[lead(), header(&[]), main].concat()).unwrap();
    assert_eq!((package.header.len(), package.header_end), (0xFFFF, 96 + 16 + 16 + 0xFFFF * 16 + (64 << 20)));
}

/// Runs this test again in a process that may use little memory; there, believing a claim before its bytes have come
/// would abort.
#[test]
fn claims_of_gigabytes_cost_no_memory() {
    if std::env::var_os("COPR_RPM_LITTLE_MEMORY").is_none() {
        let program = std::env::current_exe().unwrap();
        let limited = std::process::Command::new("sh")
            .args(["-c", "ulimit -v 163840 && exec \"$@\"", "sh"])
            .arg(program)
            .args(["--exact", "claims_of_gigabytes_cost_no_memory", "--test-threads=1"])
            .env("COPR_RPM_LITTLE_MEMORY", "1")
            .env("MALLOC_ARENA_MAX", "1")
            .output()
            .unwrap();
        assert!(limited.status.success(), "{}", String::from_utf8_lossy(&limited.stderr));
        return;
    }
    for (entries, data) in [(0xFFFF, 256 << 20), (0, 256 << 20), (0xFFFF, 0), (u32::MAX, u32::MAX)] {
        assert!(Package::read(&*[lead(), intro(entries, data)].concat()).is_err());
        let behind = [lead(), header(&[]), intro(entries, data)].concat();
        assert!(Package::read(&*behind).is_err());
    }
    for tag in [1047, 1080, 1081, 1117] {
        for count in [0x0FFF_FFFF, 4 << 20, 1 << 20] {
            assert!(read_everything(&with_field(tag, 3, count)).is_err());
        }
    }
}

#[test]
fn a_few_directories_cannot_stand_for_gigabytes_of_paths() {
    let count = 300_000;
    let long = "x".repeat(4000);
    let mut all = entries();
    all.retain(|(tag, _)| ![1028, 1030, 1034, 1037, 1116, 1117, 1118].contains(tag));
    all.extend([(1116, Value::U32(vec![0; count])), (1117, texts(&vec![""; count])), (1118, texts(&[&long]))]);
    let bytes = rpm(&all, b"");
    let package = Package::read(&*bytes).unwrap();
    let error = package.listed_files().unwrap().find_map(Result::err).unwrap().to_string();
    assert!(error.contains("file paths"), "{error}");
}

proptest! {
    #[test]
    fn no_change_of_numbers_makes_the_reader_panic(
        changes in prop::collection::vec((0usize..3000, prop_oneof![any::<u32>(), 0u32..300, Just(u32::MAX)]), 1..4),
        odd in 0usize..12,
    ) {
        let (_, mut bytes) = odd::packages().swap_remove(odd);
        let words = up_to_data(&bytes) / 4;
        for (at, value) in changes {
            let at = 24 + at % (words - 24);
            bytes[at * 4..at * 4 + 4].copy_from_slice(&value.to_be_bytes());
        }
        let _ = read_everything(&bytes);
    }
}
