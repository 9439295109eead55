//! Any record that there can be.

use copr_repodata::{Changelog, Checksum, ChecksumKind, File, FileKind, Record};
use copr_rpm::{Comparison, Dependency, DependencyFlags, Evr, Nevra};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};

/// `few` cases from a fixed seed; `PROPTEST_CASES` asks for more.
pub(crate) fn config(few: u32) -> Config {
    let mut config = Config { rng_seed: RngSeed::Fixed(20), failure_persistence: None, ..Config::default() };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = few;
    }
    config
}

/// Any text that XML can hold.
fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z ]{0,8}", "[ -~\t\n\réß€\u{FFFD}\u{1F600}]{0,12}"]
}

/// As [`text`], but not empty.
fn word() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z0-9.+_()-]{1,8}", "[ -~\téß€\u{1F600}]{1,8}"]
}

fn nevra() -> impl Strategy<Value = Nevra> {
    (word(), any::<u32>(), text(), text(), word()).prop_map(|(name, epoch, version, release, arch)| Nevra {
        name,
        epoch,
        version,
        release,
        arch,
    })
}

fn dependencies(pre: bool) -> impl Strategy<Value = Vec<Dependency>> {
    let evr = (any::<u32>(), word(), option::of(word())).prop_map(|(epoch, version, release)| Evr {
        epoch: Some(epoch),
        version,
        release,
    });
    let one = (word(), prop::sample::select(vec!["", "EQ", "LT", "LE", "GT", "GE"]), option::of(evr), any::<bool>());
    let one = one.prop_map(move |(name, comparison, evr, is_pre)| {
        let comparison = Comparison::from_word(comparison);
        let flags = comparison.map(DependencyFlags::comparing).unwrap_or_default();
        let flags = if pre && is_pre { flags.with_pre() } else { flags };
        Dependency { name, flags, evr: evr.filter(|_| comparison.is_some()) }
    });
    vec(one, 0..3)
}

fn file() -> impl Strategy<Value = File> {
    let kind = prop::sample::select(vec![FileKind::Plain, FileKind::Dir, FileKind::Ghost]);
    let digest = option::of("[0-9a-f]{1,64}".prop_map(String::into_boxed_str));
    let path = prop_oneof![text(), "/(etc|usr/bin|opt)/[a-z&<]{1,6}"];
    (path, kind, digest).prop_map(|(path, kind, digest)| File { path, kind, digest })
}

fn checksum() -> impl Strategy<Value = Checksum> {
    let kinds = ["md5", "sha", "sha1", "sha224", "sha256", "sha384", "sha512"];
    (prop::sample::select(kinds.to_vec()), vec(prop::sample::select(b"0123456789abcdef".to_vec()), 128)).prop_map(
        |(kind, hex)| {
            let kind: ChecksumKind = kind.parse().unwrap();
            Checksum { kind, hex: String::from_utf8(hex[..kind.hex_len()].to_vec()).unwrap() }
        },
    )
}

/// Any record.
pub(crate) fn record() -> impl Strategy<Value = Record> {
    let texts = vec(text(), 9);
    let names = (checksum(), nevra(), texts, word(), option::of(word()), vec(any::<u64>(), 7));
    let list = || dependencies(false);
    let lists = (list(), dependencies(true), list(), list(), list(), list(), list(), list());
    let kind = option::of(prop::sample::select(vec![ChecksumKind::Md5, ChecksumKind::Sha256]));
    let change = (any::<u64>(), text(), text()).prop_map(|(time, author, text)| Changelog { time, author, text });
    (names, lists, vec(file(), 0..4), kind, vec(change, 0..3)).prop_map(
        |((checksum, nevra, texts, location_href, location_base, numbers), lists, files, file_digest, changelogs)| {
            let mut texts = texts.into_iter();
            let mut text = || texts.next().unwrap();
            let (provides, requires, conflicts, obsoletes, suggests, enhances, recommends, supplements) = lists;
            Record {
                checksum,
                nevra,
                summary: text(),
                description: text(),
                packager: text(),
                url: text(),
                license: text(),
                vendor: text(),
                group: text(),
                buildhost: text(),
                sourcerpm: text(),
                time_file: numbers[0],
                time_build: numbers[1],
                size_package: numbers[2],
                size_installed: numbers[3],
                size_archive: numbers[4],
                header_start: numbers[5],
                header_end: numbers[6],
                location_href,
                location_base,
                provides,
                requires,
                conflicts,
                obsoletes,
                suggests,
                enhances,
                recommends,
                supplements,
                files,
                file_digest,
                changelogs,
            }
        },
    )
}
