//! Packages, whole and broken.
#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

mod small_rpm;

use copr_rpm::{DependencyKind, Error, Package, Payload, tag};
use proptest::prelude::*;
use small_rpm::{Value, archive, entries, header, lead, member, rpm, text, texts, trailer};
use std::io::{Cursor, Read};

/// Reads a package with its payload to the end, as careful callers do.
fn read_all(bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let mut from = Cursor::new(bytes.to_vec());
    let package = Package::read(&mut from)?;
    package.nevra()?;
    package.files()?;
    for kind in DependencyKind::ALL {
        package.dependencies(kind)?;
    }
    package.changelogs();
    let mut payload = Payload::new(&package, from)?;
    let mut members = Vec::new();
    while let Some(entry) = payload.next_entry()? {
        let mut content = Vec::new();
        payload.read_to_end(&mut content).map_err(|source| Error::Read { part: "payload", offset: None, source })?;
        members.push((entry.path, content));
    }
    Ok(members)
}

fn with(changes: &[(u32, Value)]) -> Vec<(u32, Value)> {
    let mut all = entries();
    all.retain(|(tag, _)| !changes.iter().any(|(changed, _)| changed == tag));
    all.extend(changes.iter().cloned());
    all
}

#[test]
fn a_package_tells_its_name_dependencies_files_and_changes() {
    let bytes = rpm(&entries(), b"PAYLOAD");
    let mut from = Cursor::new(&bytes);
    let package = Package::read(&mut from).unwrap();
    assert_eq!(package.nevra().unwrap().to_string(), "greet-1:1.0-2.noarch");
    assert!(!package.is_source());
    let requires = package.dependencies(DependencyKind::Requires).unwrap();
    assert_eq!(requires.iter().map(ToString::to_string).collect::<Vec<_>>(), ["rpmlib(X) <= 4", "/bin/sh"]);
    assert!(requires[1].flags.pre());
    let files = package.files().unwrap();
    assert_eq!(files.iter().map(|f| f.path.as_str()).collect::<Vec<_>>(), ["/etc/greet", "/usr/bin/greet"]);
    assert!(files[0].is_dir() && files[1].is_regular());
    assert_eq!(package.changelogs()[0].text, "- new");
    assert_eq!(package.installed_size(), 12);
    let mut rest = Vec::new();
    from.read_to_end(&mut rest).unwrap();
    assert_eq!(rest, b"PAYLOAD", "reading stops exactly at the payload");
    assert_eq!(package.header_end as usize, bytes.len() - 7);
    assert_eq!(package.expected_file_size(), Some(bytes.len() as u64));
}

#[test]
fn a_package_that_says_nothing_of_sources_is_one_if_its_files_have_no_directory() {
    let mut all = entries();
    all.retain(|(tag, _)| *tag != tag::SOURCERPM.0);
    let package = Package::read(&*rpm(&all, b"")).unwrap();
    assert!(!package.is_source(), "its files lie under /etc and /usr");
    all.retain(|(tag, _)| *tag != 1118);
    all.push((1118, texts(&["", ""])));
    let package = Package::read(&*rpm(&all, b"")).unwrap();
    assert!(package.is_source());
    assert_eq!(package.nevra().unwrap().arch, "src");
    all.retain(|(tag, _)| ![1116, 1117, 1118].contains(tag));
    all.push((1027, texts(&["greet.spec", "greet.tar.gz"])));
    assert!(Package::read(&*rpm(&all, b"")).unwrap().is_source());
    all.push((1106, Value::U32(vec![0])));
    assert!(!Package::read(&*rpm(&all, b"")).unwrap().is_source(), "it says that it is none");
}

#[test]
fn file_names_of_the_old_style_are_read() {
    let mut all = entries();
    all.retain(|(tag, _)| ![1116, 1117, 1118].contains(tag));
    all.push((1027, texts(&["/etc/greet", "/usr/bin/greet"])));
    let files = Package::read(&*rpm(&all, b"")).unwrap().files().unwrap();
    assert_eq!(files[1].path, "/usr/bin/greet");
}

#[test]
fn of_a_tag_that_comes_twice_the_last_one_counts() {
    let mut all = entries();
    all.push((1000, text("renamed")));
    assert_eq!(Package::read(&*rpm(&all, b"")).unwrap().nevra().unwrap().name, "renamed");
}

#[test]
fn sizes_of_64_bits_win_over_those_of_32() {
    let big = 5 << 32;
    let sizes = [(5008, Value::U64(vec![0, big])), (5009, Value::U64(vec![big]))];
    let package = Package::read(&*rpm(&with(&sizes), b"")).unwrap();
    assert_eq!(package.files().unwrap()[1].size, big);
    assert_eq!(package.installed_size(), big);
}

#[test]
fn a_package_cut_at_any_byte_is_an_error() {
    let bytes = rpm(&entries(), &archive());
    assert_eq!(read_all(&bytes).unwrap().len(), 2);
    for end in 0..bytes.len() {
        assert!(read_all(&bytes[..end]).is_err(), "cut at {end} of {}", bytes.len());
    }
}

#[test]
fn what_is_no_rpm_is_told_from_what_is_a_broken_one() {
    assert!(matches!(Package::read(&b"#!/bin/sh\necho hello\n"[..]), Err(Error::NotRpm)));
    assert!(matches!(Package::read(&lead()[..]), Err(Error::Truncated { part: "signature", offset: Some(96) })));
    let garbage = [lead(), vec![0xAA; 64]].concat();
    assert!(matches!(Package::read(&*garbage), Err(Error::Damaged { part: "signature", .. })));
}

#[test]
fn counts_over_the_limits_of_rpm_are_refused_before_anything_is_allocated() {
    for (entries, data) in [(0x1_0000u32, 0u32), (u32::MAX, 0), (0, (256 << 20) + 1), (0, u32::MAX)] {
        let mut bytes = [lead(), vec![0x8E, 0xAD, 0xE8, 1, 0, 0, 0, 0]].concat();
        bytes.extend(entries.to_be_bytes());
        bytes.extend(data.to_be_bytes());
        assert!(matches!(Package::read(&*bytes), Err(Error::Damaged { .. })), "{entries} {data}");
    }
}

#[test]
fn an_entry_outside_the_data_is_refused() {
    let mut main = header(&[(1000, text("x"))]);
    main[16 + 8 + 3] = 200; // its offset
    let empty = header(&[]);
    let bytes = [lead(), empty, main].concat();
    assert!(matches!(Package::read(&*bytes), Err(Error::Damaged { part: "header", .. })));
}

#[test]
fn lists_that_do_not_fit_together_are_refused() {
    let no_directory = with(&[(1116, Value::U32(vec![0, 9]))]);
    let too_few_modes = with(&[(1030, Value::U16(vec![0]))]);
    for entries in [no_directory, too_few_modes] {
        assert!(Package::read(&*rpm(&entries, b"")).unwrap().files().is_err());
    }
    let too_few_flags = with(&[(1048, Value::U32(vec![1]))]);
    let package = Package::read(&*rpm(&too_few_flags, b"")).unwrap();
    assert!(package.dependencies(DependencyKind::Requires).is_err());
}

#[test]
fn the_payload_gives_every_file_with_its_content() {
    let expected = vec![("/etc/greet".to_owned(), vec![]), ("/usr/bin/greet".to_owned(), b"hello\n".to_vec())];
    assert_eq!(read_all(&rpm(&entries(), &archive())).unwrap(), expected);
}

#[test]
fn every_compression_is_known_by_its_magic_number() {
    let plain = archive();
    let mut gzip = flate2::read::GzEncoder::new(&plain[..], flate2::Compression::fast());
    let mut bzip2 = bzip2::read::BzEncoder::new(&plain[..], bzip2::Compression::fast());
    let mut xz = liblzma::read::XzEncoder::new(&plain[..], 1);
    let options = liblzma::stream::LzmaOptions::new_preset(1).unwrap();
    let lzma = liblzma::stream::Stream::new_lzma_encoder(&options).unwrap();
    let mut lzma = liblzma::read::XzEncoder::new_stream(&plain[..], lzma);
    let mut packed = vec![zstd::encode_all(&plain[..], 1).unwrap()];
    for encoder in [&mut gzip as &mut dyn Read, &mut bzip2, &mut xz, &mut lzma] {
        let mut bytes = Vec::new();
        encoder.read_to_end(&mut bytes).unwrap();
        packed.push(bytes);
    }
    for payload in packed {
        let bytes = rpm(&entries(), &payload);
        assert_eq!(read_all(&bytes).unwrap().len(), 2, "{:02x?}", &payload[..4]);
        for end in bytes.len() - payload.len()..bytes.len() {
            assert!(read_all(&bytes[..end]).is_err(), "{:02x?} cut at {end}", &payload[..4]);
        }
    }
}

#[test]
fn paths_of_the_payload_are_normalised() {
    for (name, expected) in [("./a//b/./c", "/a/b/c"), ("hello.spec", "/hello.spec"), ("/x", "/x"), (".", "/")] {
        let payload = [member(name, 0o100_644, 1, b""), trailer()].concat();
        assert_eq!(read_all(&rpm(&entries(), &payload)).unwrap()[0].0, expected);
    }
}

#[test]
fn paths_that_lead_elsewhere_are_refused() {
    for name in ["../x", "a/../../x", "./..", "a\0b", ""] {
        let payload = [member(name, 0o100_644, 1, b""), trailer()].concat();
        assert!(read_all(&rpm(&entries(), &payload)).is_err(), "{name:?}");
    }
    let long = "x".repeat(5000);
    let payload = [member(&long, 0o100_644, 1, b""), trailer()].concat();
    assert!(read_all(&rpm(&entries(), &payload)).is_err());
}

#[test]
fn of_hard_links_the_last_one_has_the_content() {
    let payload = [member("a", 0o100_644, 2, b""), member("b", 0o100_644, 2, b"both"), trailer()].concat();
    let members = read_all(&rpm(&entries(), &payload)).unwrap();
    assert_eq!(members, [("/a".to_owned(), vec![]), ("/b".to_owned(), b"both".to_vec())]);
}

#[test]
fn content_that_nobody_reads_is_skipped() {
    let bytes = rpm(&entries(), &archive());
    let mut from = Cursor::new(bytes);
    let package = Package::read(&mut from).unwrap();
    let mut payload = Payload::new(&package, from).unwrap();
    let mut sizes = Vec::new();
    while let Some(entry) = payload.next_entry().unwrap() {
        sizes.push(entry.size);
    }
    assert_eq!(sizes, [0, 6]);
    assert_eq!(payload.next_entry().unwrap(), None, "asking again after the end is harmless");
}

#[test]
fn a_wrong_sum_in_the_crc_format_is_an_error() {
    let with_sum = |sum: u32| {
        let mut file = member("f", 0o100_644, 1, b"abc");
        file[5] = b'2';
        file[102..110].copy_from_slice(format!("{sum:08x}").as_bytes());
        rpm(&entries(), &[file, trailer()].concat())
    };
    assert!(read_all(&with_sum(97 + 98 + 99)).is_ok());
    assert!(read_all(&with_sum(1)).is_err());
}

#[test]
fn files_of_large_archives_are_found_by_their_index() {
    let mut file = b"07070X00000001\0\0".to_vec();
    file.extend(b"hello\n\0\0");
    let members = read_all(&rpm(&entries(), &[file, trailer()].concat())).unwrap();
    assert_eq!(members, [("/usr/bin/greet".to_owned(), b"hello\n".to_vec())]);
    let beyond = [b"07070X00000009\0\0".to_vec(), trailer()].concat();
    assert!(read_all(&rpm(&entries(), &beyond)).is_err());
}

proptest! {
    #[test]
    fn no_change_of_bytes_makes_the_reader_panic(changes in prop::collection::vec((0usize..2000, any::<u8>()), 1..8)) {
        let mut bytes = rpm(&entries(), &archive());
        let length = bytes.len();
        for (at, value) in changes {
            bytes[at % length] = value;
        }
        let _ = read_all(&bytes);
    }
}
