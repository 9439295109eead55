//! Small files that claim or hold much, and indexes that lie.

use std::io::{Read, Write};
use std::path::Path;

use copr_repodata::{Checksum, ChecksumKind, Error, Repomd, RepomdRecord, read};

/// Reads a file to its end, with at most `limit` bytes of text.
fn read_bounded(path: &Path, limit: u64) -> Result<u64, Error> {
    Ok(std::io::copy(&mut read::open_bounded(path, limit)?, &mut std::io::sink())?)
}

/// Mebibytes of zeros in few bytes of each compression; less where decompression is slow without optimisation.
fn bombs() -> Vec<(&'static str, u64, Vec<u8>)> {
    let fill = |to: &mut dyn Write, size: u64| {
        let zeros = vec![0; 1 << 20];
        (0..size).for_each(|_| to.write_all(&zeros).unwrap());
    };
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    fill(&mut gzip, 16);
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    fill(&mut bzip2, 16);
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 0);
    fill(&mut xz, 256);
    let mut zstd = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    fill(&mut zstd, 256);
    vec![
        ("gz", 16, gzip.finish().unwrap()),
        ("bz2", 16, bzip2.finish().unwrap()),
        ("xz", 256, xz.finish().unwrap()),
        ("zst", 256, zstd.finish().unwrap()),
    ]
}

/// Runs a test of this file again in a process that may use 192 MiB; true there.
fn in_little_memory(test: &str) -> bool {
    if std::env::var_os("COPR_LITTLE_MEMORY").is_some() {
        return true;
    }
    let limited = std::process::Command::new("sh")
        .args(["-c", "ulimit -v 196608 && exec \"$@\"", "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--test-threads=1"])
        .env("COPR_LITTLE_MEMORY", "1")
        .env("MALLOC_ARENA_MAX", "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&limited.stdout);
    assert!(
        limited.status.success() && text.contains("1 passed"),
        "{text}{}",
        String::from_utf8_lossy(&limited.stderr)
    );
    false
}

#[test]
fn what_decompresses_to_more_than_the_bound_is_an_error_in_little_memory() {
    if !in_little_memory("hostile::bombs::what_decompresses_to_more_than_the_bound_is_an_error_in_little_memory") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    for (name, size, bytes) in bombs() {
        let size = size << 20;
        assert!(bytes.len() < 2 << 20, "{name}: {}", bytes.len());
        let path = dir.path().join(name);
        fs_err::write(&path, bytes).unwrap();
        assert_eq!(read_bounded(&path, size).unwrap(), size, "{name}");
        for limit in [0, 1 << 20, size - 1] {
            let error = read_bounded(&path, limit).unwrap_err().to_string();
            assert!(error.contains(&format!("over {limit} bytes")) && error.contains(name), "{error}");
        }
    }
}

#[test]
fn claims_of_huge_windows_are_refused_in_little_memory() {
    if !in_little_memory("hostile::bombs::claims_of_huge_windows_are_refused_in_little_memory") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    // A frame of zstd with a window of 2 GiB, and one block.
    let zstd = [0x28, 0xB5, 0x2F, 0xFD, 0, 21 << 3, 1, 0, 0].to_vec();
    // A block of xz whose dictionary has 4 GiB less one byte.
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 0);
    encoder.write_all(b"text").unwrap();
    let mut xz = encoder.finish().unwrap();
    let length = (usize::from(xz[12]) + 1) * 4;
    assert_eq!(xz[14..16], [0x21, 1], "the filter is LZMA2");
    xz[16] = 40;
    let mut sum = flate2::Crc::new();
    sum.update(&xz[12..12 + length - 4]);
    xz[12 + length - 4..12 + length].copy_from_slice(&sum.sum().to_le_bytes());
    for (name, bytes) in [("a.zst", zstd), ("a.xz", xz)] {
        let path = dir.path().join(name);
        fs_err::write(&path, bytes).unwrap();
        let error = read_bounded(&path, 1 << 20).unwrap_err().to_string();
        assert!(error.contains(name) && error.to_lowercase().contains("mem"), "{error}");
    }
}

#[test]
fn an_element_of_endless_attributes_is_refused() {
    let head = copr_repodata::Document::Primary.head(1);
    let text = format!("{head}<package type=\"rpm\"><name {}>", "a=\"\" ".repeat(100_000));
    let error = read::primary(text.as_bytes()).next().unwrap().unwrap_err().to_string();
    assert!(error.contains("over 1000 attributes of <name>"), "{error}");
}

fn index(records: Vec<RepomdRecord>) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs_err::create_dir_all(dir.path().join("repodata")).unwrap();
    let repomd = Repomd { revision: "1".to_owned(), records, ..Repomd::default() };
    fs_err::write(dir.path().join("repodata/repomd.xml"), repomd.write()).unwrap();
    dir
}

/// The record of an empty primary under the name `href`.
fn record(kind: &str, href: &str) -> RepomdRecord {
    let text = empty();
    let (checksum, size) = Checksum::of(ChecksumKind::Sha256, text.as_bytes()).unwrap();
    RepomdRecord {
        kind: kind.to_owned(),
        checksum,
        size: Some(size),
        location_href: href.to_owned(),
        ..RepomdRecord::default()
    }
}

fn empty() -> String {
    let document = copr_repodata::Document::Primary;
    document.head(0) + &document.foot()
}

#[test]
fn names_that_lead_elsewhere_are_refused_also_when_a_file_is_there() {
    let outside = tempfile::tempdir().unwrap();
    fs_err::write(outside.path().join("primary.xml"), empty()).unwrap();
    let absolute = outside.path().join("primary.xml").display().to_string();
    let above = format!("repodata/../../{}/primary.xml", outside.path().file_name().unwrap().to_str().unwrap());
    for href in [absolute.as_str(), &above, "../../etc/passwd", "/etc/passwd", "", "//etc/passwd"] {
        let dir = index(vec![record("primary", if href.is_empty() { "x" } else { href })]);
        if href.is_empty() {
            let path = dir.path().join("repodata/repomd.xml");
            let text = fs_err::read_to_string(&path).unwrap().replace("href=\"x\"", "href=\"\"");
            fs_err::write(&path, text).unwrap();
        }
        let error = read::load(dir.path()).unwrap_err();
        assert!(matches!(error, Error::UnsafePath(_) | Error::Metadata { .. }), "{href}: {error}");
    }
    let dir = index(vec![record("primary", "repodata/x")]);
    let path = dir.path().join("repodata/repomd.xml");
    let text = fs_err::read_to_string(&path).unwrap();
    for nul in ["&#0;", "\0"] {
        fs_err::write(&path, text.replace("repodata/x", &format!("repodata/x{nul}"))).unwrap();
        assert!(matches!(read::load(dir.path()), Err(Error::UnsafePath(_) | Error::Metadata { .. })));
    }
}

#[test]
fn sizes_and_checksums_that_lie_are_told() {
    let right = record("primary", "repodata/primary.xml");
    let long = RepomdRecord { size: Some(4 << 30), ..right.clone() };
    let short = RepomdRecord { size: Some(1), ..right.clone() };
    let mut other = right.clone();
    other.checksum.hex.replace_range(..4, "0000");
    let huge = RepomdRecord { open_size: Some(u64::MAX), timestamp: Some(u64::MAX), ..right.clone() };
    for (record, is_right) in [(right, true), (huge, true), (long, false), (short, false), (other, false)] {
        let dir = index(vec![record]);
        fs_err::write(dir.path().join("repodata/primary.xml"), empty()).unwrap();
        match read::load(dir.path()) {
            Ok(records) => assert!(records.is_empty() && is_right),
            Err(error) => assert!(!is_right && matches!(error, Error::Mismatch { .. }), "{error}"),
        }
    }
}

#[test]
fn an_index_of_a_hundred_thousand_files_is_read_and_an_endless_one_is_not() {
    let records = (0..100_000).map(|n| record("other", &format!("repodata/{n}"))).collect();
    let dir = index(records);
    let path = dir.path().join("repodata/repomd.xml");
    assert_eq!(Repomd::open(&path).unwrap().records.len(), 100_000);
    assert!(read::load(dir.path()).unwrap_err().to_string().contains("no primary"));
    fs_err::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
    let error = Repomd::open(&path).unwrap_err().to_string();
    assert!(error.contains("repomd.xml") && error.contains("refused"), "{error}");
}

#[test]
fn reading_goes_on_to_an_end_whatever_the_file_ends_with() {
    let dir = tempfile::tempdir().unwrap();
    for (name, _, bytes) in bombs() {
        let path = dir.path().join(name);
        fs_err::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        let mut text = Vec::new();
        let error = read::open(&path).unwrap().read_to_end(&mut text).unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
    }
}
