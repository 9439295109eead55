//! Cache files, whole and damaged.

use copr_rpm::DependencyKind;
use proptest::prelude::*;

use super::*;
use crate::test_support::packages;
use crate::{Pool, RepositoryInfo};

const LINES: &str = "bash-5-1.x86_64; provides sh = 5; files /bin/bash, /bin/sh; vendor Alice
     dash-0.5-1.x86_64; provides sh = 0.5, sh = 0.6; files /bin/dash
     lib-1-1.i686\n lib-1-1.aarch64\n lib-1-1.src
     app-1:1-1.noarch; requires /bin/sh, (/bin/dash or zsh), sh >= 1; recommends lib; conflicts old < 2";

fn file_of(key: &str, lines: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_to(&mut bytes, key, &packages(lines)).unwrap();
    bytes
}

fn read_bytes(bytes: &[u8], key: &str) -> Option<Packages> {
    read_from(bytes, bytes.len() as u64, key)
}

/// Everything that can be asked of a pool.
fn told(packages: Packages) -> Vec<String> {
    let mut pool = Pool::new("x86_64");
    pool.add(RepositoryInfo::new("r", ""), packages).unwrap();
    let mut told: Vec<String> = Vec::new();
    for id in pool.ids() {
        told.push(format!("{} {} {}", pool.describe(id), pool.text(pool.vendor(id)), pool.installable(id)));
        for kind in DependencyKind::ALL {
            for cap in pool.list(id, kind) {
                told.push(format!("{kind:?} {} {:?}", pool.dependency(*cap), pool.providers(*cap)));
            }
        }
    }
    told.push(format!("{:?} {:?}", pool.missing_paths(), pool.find("sh").map(|name| pool.offering(name).to_vec())));
    told
}

#[test]
fn what_was_written_is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.cache");
    write(&path, "sha256:1", &packages(LINES)).unwrap();
    assert_eq!(told(read(&path, "sha256:1").unwrap()), told(packages(LINES)));
    assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 1, "no other file is left");
}

#[test]
fn an_empty_repository_is_read_back() {
    assert_eq!(read_bytes(&file_of("k", ""), "k").map(|packages| packages.len()), Some(0));
}

#[test]
fn another_key_or_no_file_is_a_miss() {
    let bytes = file_of("sha256:1", LINES);
    assert!(read_bytes(&bytes, "sha256:1").is_some());
    for key in ["sha256:2", "", "sha256:11"] {
        assert!(read_bytes(&bytes, key).is_none(), "{key}");
    }
    assert!(read(Path::new("/nowhere/at/all"), "k").is_none());
}

#[test]
fn a_file_cut_anywhere_is_a_miss() {
    let bytes = file_of("k", LINES);
    for length in 0..bytes.len() {
        assert!(read_bytes(&bytes[..length], "k").is_none(), "{length} bytes");
    }
}

#[test]
fn a_file_with_a_flipped_bit_is_a_miss() {
    let mut bytes = file_of("k", LINES);
    for at in 0..bytes.len() {
        bytes[at] ^= 1 << (at % 8);
        assert!(read_bytes(&bytes, "k").is_none(), "byte {at}");
        bytes[at] ^= 1 << (at % 8);
    }
}

#[test]
fn something_behind_the_end_is_a_miss() {
    let mut bytes = file_of("k", LINES);
    bytes.push(0);
    assert!(read_bytes(&bytes, "k").is_none());
}

proptest! {
    /// Whoever can write the file can also write its sum: then answers may be wrong, but nothing breaks.
    #[test]
    fn no_content_with_a_right_sum_makes_a_panic(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..9)) {
        let mut bytes = file_of("k", LINES);
        let end = bytes.len() - 8;
        for (at, byte) in changes {
            bytes[at.index(end)] = byte;
        }
        let sum = XxHash3_64::oneshot(&bytes[..end]);
        bytes[end..].copy_from_slice(&sum.to_le_bytes());
        if let Some(read) = read_bytes(&bytes, "k") {
            told(read);
        }
    }

    #[test]
    fn no_bytes_make_a_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..2000), lengths in prop::collection::vec(any::<u8>(), 27)) {
        prop_assert!(read_bytes(&bytes, "").is_none());
        if let Some(start) = bytes.get_mut(..16 + 32) {
            start.fill(0);
            start[..16].copy_from_slice(&MAGIC);
        }
        for (at, length) in lengths.iter().enumerate() {
            if let Some(place) = bytes.get_mut(48 + at * 8..56 + at * 8) {
                place.copy_from_slice(&u64::from(*length).to_le_bytes());
            }
        }
        prop_assert!(read_bytes(&bytes, "").is_none());
    }
}
