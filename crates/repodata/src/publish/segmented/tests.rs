//! Publishing into segments: the same as writing everything anew, whatever happened before.

use std::collections::BTreeMap;
use std::io::Read;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::*;
use crate::{Changelog, Checksum, ChecksumKind, Delta, File as Entry, FileKind, Publisher, Record};

/// Small, so that a few packages are many segments.
const SEGMENT: usize = 8 << 10;

/// Numbers without a pattern, the same at every run (`xorshift64*`).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % limit
    }
}

fn record(href: &str, content: usize) -> Record {
    let sum = Checksum::of(ChecksumKind::Sha256, format!("{href} {content}").as_bytes()).unwrap().0;
    let name = href.rsplit('/').next().unwrap().trim_end_matches(".rpm");
    let mut record = Record { checksum: sum, location_href: href.to_owned(), ..Record::default() };
    record.nevra = format!("{name}-{content}-1.noarch").parse().unwrap();
    record.summary = format!("{name} & more, for the {content}th time");
    record.files = (0..content % 90)
        .map(|n| Entry { path: format!("/usr/share/{name}/{}", n * n), kind: FileKind::Plain, digest: None })
        .collect();
    record.changelogs = (0..content as u64 % 4)
        .map(|n| Changelog { time: n + 1, author: "A".to_owned(), text: format!("- {name} {n}") })
        .collect();
    record
}

fn output(compression: Compression, seconds: u64) -> Output {
    let now: SystemTime = UNIX_EPOCH + Duration::from_secs(seconds);
    let retain = crate::Retain::Nothing;
    Output {
        compression,
        segment: SEGMENT,
        workers: 1,
        open_checksums: seconds.is_multiple_of(2),
        retain,
        ..Output::new(now)
    }
}

/// The text of a document in force.
fn text_of(dir: &Path, document: Document) -> String {
    let repomd = Repomd::open(&dir.join("repodata/repomd.xml")).unwrap();
    let mut text = String::new();
    let path = read::verified(dir, repomd.record(document.kind()).unwrap()).unwrap();
    read::open(&path).unwrap().read_to_string(&mut text).unwrap();
    text
}

fn opened(dir: &Path, output: &Output) -> Option<Segmented> {
    let repomd = Repomd::open(&dir.join("repodata/repomd.xml")).unwrap();
    Segmented::open(dir, &repomd, output, &Known::default()).unwrap()
}

/// How many deltas a simulation publishes: what `COPR_DELTAS` says (`make soak`: 10,000), else a short share.
fn deltas(short: u64) -> u64 {
    std::env::var("COPR_DELTAS").map_or(short, |count| count.parse().unwrap())
}

/// Publishes so many random deltas, and compares now and then with what is written anew. Returns the repository's folder.
fn simulate(compression: Compression, deltas: u64, seed: u64, compare_every: u64) -> tempfile::TempDir {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut random = Random(seed);
    let mut model: BTreeMap<String, Record> = BTreeMap::new();
    for number in 1..=deltas {
        let mut delta = Delta::default();
        // In waves: the repository grows, and shrinks again, to nothing now and then.
        let growing = (number / 150) % 3 != 2;
        for _ in 0..=random.below(if number % 40 == 0 { 60 } else { 3 }) {
            let href = format!(
                "{}/{}{:03}.rpm",
                ["a", "b/c", "z"][random.below(3)],
                ["kernel", "x"][random.below(2)],
                random.below(400)
            );
            if random.below(10) < if growing { 7 } else { 2 } {
                let record = record(&href, random.below(200));
                delta.add.retain(|other| other.location_href != href);
                delta.add.push(record);
            } else {
                delta.remove.push(href);
                if let Some((there, _)) = model.iter().nth(random.below(model.len().max(1))) {
                    delta.remove.push(there.clone());
                }
            }
        }
        delta.remove.iter().for_each(|href| drop(model.remove(href)));
        model.extend(delta.add.iter().map(|record| (record.location_href.clone(), record.clone())));
        let output = output(compression, number);
        let published = Publisher::new(dir.path(), output.clone()).publish(&delta).unwrap();
        assert_eq!(published.packages, model.len(), "delta {number}");
        if number % compare_every == 0 || number == deltas {
            let records: Vec<Record> = model.values().cloned().collect();
            Publisher::new(other.path(), output.clone()).replace(&records).unwrap();
            for document in Document::BASIC {
                assert_eq!(
                    text_of(dir.path(), document),
                    text_of(other.path(), document),
                    "delta {number}, {document:?}"
                );
            }
            assert_eq!(crate::read::load(dir.path()).unwrap().len(), model.len());
            assert_sane(&opened(dir.path(), &output).unwrap(), number);
        }
    }
    dir
}

/// Segments neither too small nor too large: but for the last one, and for packages that are as large themselves.
fn assert_sane(segmented: &Segmented, number: u64) {
    for part in &segmented.documents {
        let list = &part.segments.list;
        for segment in list.iter().take(list.len().saturating_sub(1)) {
            let size = segment.open as usize;
            assert!(size * 3 >= SEGMENT, "delta {number}: {:?} has a segment of {size} bytes", part.document);
            assert!(size <= SEGMENT * 3, "delta {number}: {:?} has a segment of {size} bytes", part.document);
        }
    }
}

#[test]
fn whatever_deltas_came_the_repository_is_as_if_written_anew() {
    let deltas = deltas(160);
    simulate(Compression::Zstd, deltas, 1, (deltas / 20).max(20));
    simulate(Compression::Gzip, deltas / 2, 2, (deltas / 20).max(20));
}

/// A repository of segments of the usual size, after so many deltas, beside the same text as one stream.
fn compare_with_one_stream(compression: Compression, deltas: u64) {
    let (dir, mut random) = (tempfile::tempdir().unwrap(), Random(5));
    let output = |seconds| Output { segment: crate::DEFAULT_SEGMENT, ..output(compression, seconds) };
    let add: Vec<Record> = (0..6_000).map(|n| record(&format!("p/{n:05}.rpm"), random.below(2_000))).collect();
    Publisher::new(dir.path(), output(1)).publish(&Delta { add, remove: Vec::new() }).unwrap();
    for number in 1..=deltas {
        let mut href = || format!("p/{:05}.rpm", random.below(6_000));
        let (added, removed) = (href(), href());
        let delta = Delta { add: vec![record(&added, random.below(2_000))], remove: vec![removed] };
        // Odd: without sums of the text.
        Publisher::new(dir.path(), output(2 * number + 1)).publish(&delta).unwrap();
    }
    let segmented = opened(dir.path(), &output(1)).unwrap();
    for part in &segmented.documents {
        let text = text_of(dir.path(), part.document);
        let whole = crate::compression::block(compression, compression.default_level(), text.as_bytes()).unwrap().len();
        let size = usize::try_from(part.record.size.unwrap()).unwrap();
        assert!(size * 100 <= whole * 106, "{compression}, {:?}: {size} bytes, {whole} as one stream", part.document);
        let usual = text.len() / crate::DEFAULT_SEGMENT;
        assert!(part.segments.list.len() <= usual * 2 + 1, "{:?} of {usual} MiB", part.document);
    }
}

#[test]
fn segments_cost_little_room_however_often_they_change() {
    compare_with_one_stream(Compression::Zstd, deltas(60));
    compare_with_one_stream(Compression::Gzip, deltas(60) / 3);
}

fn filled(compression: Compression, packages: usize) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let add = (0..packages).map(|n| record(&format!("p/{n:05}.rpm"), n % 70)).collect();
    Publisher::new(dir.path(), output(compression, 1)).publish(&Delta { add, remove: Vec::new() }).unwrap();
    dir
}

#[test]
fn only_the_segments_with_changes_are_written_anew() {
    for compression in [Compression::Zstd, Compression::Gzip] {
        let dir = filled(compression, 500);
        let before = opened(dir.path(), &output(compression, 1)).unwrap();
        assert!(before.documents.iter().all(|part| part.segments.list.len() > 5), "there is something to share");
        let delta = Delta { add: vec![record("p/00250.rpm", 30)], remove: Vec::new() };
        Publisher::new(dir.path(), output(compression, 3)).publish(&delta).unwrap();
        let after = opened(dir.path(), &output(compression, 3)).unwrap();
        for (before, after) in before.documents.iter().zip(&after.documents) {
            let changed = before.segments.list.iter().zip(&after.segments.list).filter(|(a, b)| a != b).count();
            assert_eq!(changed, 1, "{compression}, {:?}", before.document);
            assert_eq!(before.segments.list.len(), after.segments.list.len());
        }
    }
}

#[test]
fn the_plan_says_what_was_there() {
    let dir = filled(Compression::Zstd, 300);
    let output = output(Compression::Zstd, 2);
    let segmented = opened(dir.path(), &output).unwrap();
    let delta = Delta {
        add: vec![record("p/00000.rpm", 1), record("p/00299a.rpm", 1), record("a/0.rpm", 1)],
        remove: vec!["p/00299.rpm".to_owned(), "p/nothing.rpm".to_owned(), "q/00100.rpm".to_owned()],
    };
    let plan = segmented.plan(&Changes::of(&delta, &output)).unwrap().unwrap();
    assert_eq!(plan.packages, 301);
    let mut existed: Vec<_> = plan.existed.keys().map(String::as_str).collect();
    existed.sort_unstable();
    assert_eq!(existed, ["p/00000.rpm", "p/00299.rpm"]);
    let nothing = Delta { remove: vec!["p/nothing.rpm".to_owned()], ..Delta::default() };
    assert!(segmented.plan(&Changes::of(&nothing, &output)).unwrap().unwrap().is_empty());
}

#[test]
fn the_same_package_again_changes_nothing() {
    let dir = filled(Compression::Gzip, 300);
    let delta = Delta { add: vec![record("p/00007.rpm", 7), record("p/00200.rpm", 60)], remove: Vec::new() };
    let published = Publisher::new(dir.path(), output(Compression::Gzip, 3)).publish(&delta).unwrap();
    assert_eq!(
        (published.changed, published.replaced, published.added, published.revision.as_str()),
        (false, 2, 0, "1")
    );
}

#[test]
fn a_segment_that_rotted_is_told_and_not_handed_on() {
    let dir = filled(Compression::Zstd, 400);
    let repomd = Repomd::open(&dir.path().join("repodata/repomd.xml")).unwrap();
    let delta = Delta { add: vec![record("p/00001.rpm", 9)], remove: Vec::new() };
    for document in Document::BASIC {
        let path = dir.path().join(&repomd.record(document.kind()).unwrap().location_href);
        let whole = fs_err::read(&path).unwrap();
        let mut rotten = whole.clone();
        rotten[whole.len() / 2] ^= 1;
        fs_err::write(&path, &rotten).unwrap();
        let error = Publisher::new(dir.path(), output(Compression::Zstd, 2)).publish(&delta).unwrap_err().to_string();
        assert!(error.contains("does not match repomd.xml") && error.contains(document.kind()), "{error}");
        fs_err::write(&path, &whole).unwrap();
    }
    Publisher::new(dir.path(), output(Compression::Zstd, 2)).publish(&delta).unwrap();
}

#[test]
fn the_metadata_of_another_repository_under_our_names_are_refused() {
    let (dir, other) = (filled(Compression::Zstd, 120), filled(Compression::Zstd, 120));
    let delta = Delta { add: vec![record("p/00001.rpm", 2)], remove: Vec::new() };
    // Of the same size, with a list of segments that is right for it.
    Publisher::new(other.path(), output(Compression::Zstd, 2)).publish(&delta).unwrap();
    let index = |dir: &Path| Repomd::open(&dir.join("repodata/repomd.xml")).unwrap();
    for document in Document::BASIC {
        let path = |dir: &Path| dir.join(&index(dir).record(document.kind()).unwrap().location_href);
        let (ours, theirs) = (path(dir.path()), path(other.path()));
        let mut repomd = index(dir.path());
        let record = repomd.records.iter_mut().find(|record| record.kind == document.kind()).unwrap();
        record.size = Some(theirs.metadata().unwrap().len());
        fs_err::write(dir.path().join("repodata/repomd.xml"), repomd.write()).unwrap();
        fs_err::copy(theirs, ours).unwrap();
    }
    let delta = Delta { add: vec![record("p/00100.rpm", 2)], remove: Vec::new() };
    let error = Publisher::new(dir.path(), output(Compression::Zstd, 3)).publish(&delta).unwrap_err().to_string();
    assert!(error.contains("does not match repomd.xml"), "{error}");
}
