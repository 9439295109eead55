//! Publishing, and what a crash in the middle of it leaves.

use super::*;
use crate::workspace::{LOCK, Step};
use crate::{Checksum, ChecksumKind, Compression, File, FileKind, RepomdRecord, RepomdSigner, read};
use copr_rpm::Changelog;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const NOW: SystemTime = UNIX_EPOCH;

fn at(seconds: u64) -> SystemTime {
    NOW + Duration::from_secs(seconds)
}

fn publisher(dir: &Path, seconds: u64) -> Publisher {
    Publisher::new(dir, Output { workers: 2, ..Output::new(at(seconds)) })
}

fn record(name: &str) -> Record {
    let sum = Checksum::of(ChecksumKind::Sha256, name.as_bytes()).unwrap().0;
    let mut record = Record { checksum: sum, location_href: format!("Packages/{name}.rpm"), ..Record::default() };
    record.nevra = format!("{name}-1-1.noarch").parse().unwrap();
    record.summary = format!("Žluťoučký & <{name}>");
    record.files.push(File { path: format!("/usr/share/{name}"), kind: FileKind::Dir, digest: None });
    record.provides.push(format!("{name} = 0:1-1").parse().unwrap());
    record
}

fn add(names: &[&str]) -> Delta {
    Delta { add: names.iter().map(|n| record(n)).collect(), remove: Vec::new() }
}

fn remove(names: &[&str]) -> Delta {
    Delta { add: Vec::new(), remove: names.iter().map(|n| format!("Packages/{n}.rpm")).collect() }
}

fn names(dir: &Path) -> Vec<String> {
    read::load(dir).unwrap().into_iter().map(|r| r.nevra.name).collect()
}

fn index(dir: &Path) -> Repomd {
    Repomd::read(&fs_err::read(dir.join("repodata/repomd.xml")).unwrap()).unwrap()
}

/// Names in `repodata/`, without the lock.
fn files(dir: &Path) -> Vec<String> {
    let entries = fs_err::read_dir(dir.join("repodata")).unwrap();
    let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name != LOCK);
    names.sort();
    names
}

#[test]
fn publishing_nothing_makes_a_valid_empty_repository() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("new/repository");
    let published = publisher(&folder, 5).publish(&Delta::default()).unwrap();
    assert_eq!((published.packages, published.revision.as_str(), published.changed), (0, "5", true));
    assert!(read::load(&folder).unwrap().is_empty());
    assert_eq!(files(&folder).len(), 4);
}

#[test]
fn packages_are_added_replaced_and_removed() {
    let dir = tempfile::tempdir().unwrap();
    let first = publisher(dir.path(), 1).publish(&add(&["b", "a"])).unwrap();
    assert_eq!((first.added, first.replaced, first.removed, first.packages), (2, 0, 0, 2));
    let mut newer = record("a");
    newer.summary = "newer".to_owned();
    let delta = Delta { add: vec![newer.clone(), record("c")], remove: remove(&["b", "never-there"]).remove };
    let second = publisher(dir.path(), 2).publish(&delta).unwrap();
    assert_eq!((second.added, second.replaced, second.removed, second.packages), (1, 1, 1, 2));
    assert_eq!(read::load(dir.path()).unwrap(), [newer, record("c")]);
}

#[test]
fn packages_stand_in_the_order_of_their_file_names() {
    let dir = tempfile::tempdir().unwrap();
    let mut moved = record("b");
    moved.location_href = "z/a0.rpm".to_owned();
    let mut delta = add(&["c", "a"]);
    delta.add.push(moved);
    publisher(dir.path(), 1).publish(&delta).unwrap();
    assert_eq!(names(dir.path()), ["a", "b", "c"], "a.rpm < a0.rpm < c.rpm, whatever their folder");
}

#[test]
fn publishing_the_same_again_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    publisher(dir.path(), 1).publish(&add(&["a"])).unwrap();
    let before = (files(dir.path()), fs_err::read(dir.path().join("repodata/repomd.xml")).unwrap());
    let again = publisher(dir.path(), 2).publish(&add(&["a"])).unwrap();
    assert_eq!((again.changed, again.revision.as_str(), again.packages), (false, "1", 1));
    let after = (files(dir.path()), fs_err::read(dir.path().join("repodata/repomd.xml")).unwrap());
    assert_eq!(before, after);
}

#[test]
fn the_revision_grows_even_if_the_clock_does_not() {
    let dir = tempfile::tempdir().unwrap();
    publisher(dir.path(), 9).publish(&add(&["a"])).unwrap();
    assert_eq!(publisher(dir.path(), 9).publish(&add(&["b"])).unwrap().revision, "10");
    assert_eq!(publisher(dir.path(), 3).publish(&add(&["c"])).unwrap().revision, "11");
}

#[test]
fn text_of_packages_that_stay_is_taken_over_byte_for_byte() {
    let dir = tempfile::tempdir().unwrap();
    publisher(dir.path(), 1).publish(&add(&["a", "b"])).unwrap();
    let repomd = index(dir.path());
    // An attribute that we neither write nor read shows that the text was not rendered again.
    let path = dir.path().join(&repomd.record("primary").unwrap().location_href);
    let mut text = String::new();
    std::io::Read::read_to_string(&mut read::open(&path).unwrap(), &mut text).unwrap();
    let marked = text.replacen("<package type=\"rpm\">", "<package type=\"rpm\" mark=\"1\">", 1);
    let mut changed = repomd.clone();
    fs_err::write(&path, &marked).unwrap();
    let primary = changed.records.iter_mut().find(|r| r.kind == "primary").unwrap();
    primary.checksum = Checksum::of(ChecksumKind::Sha256, marked.as_bytes()).unwrap().0;
    primary.size = Some(marked.len() as u64);
    fs_err::write(dir.path().join("repodata/repomd.xml"), changed.write()).unwrap();
    publisher(dir.path(), 2).publish(&add(&["c"])).unwrap();
    let repomd = index(dir.path());
    let mut text = String::new();
    let path = dir.path().join(&repomd.record("primary").unwrap().location_href);
    std::io::Read::read_to_string(&mut read::open(&path).unwrap(), &mut text).unwrap();
    assert!(text.contains("<package type=\"rpm\" mark=\"1\">"));
    assert_eq!(names(dir.path()), ["a", "b", "c"]);
}

#[test]
fn files_of_the_generation_before_stay_for_the_retention_time() {
    let dir = tempfile::tempdir().unwrap();
    publisher(dir.path(), 1_000).publish(&add(&["a"])).unwrap();
    let first = files(dir.path());
    publisher(dir.path(), 10_000).publish(&add(&["b"])).unwrap();
    assert!(first.iter().all(|name| files(dir.path()).contains(name)), "superseded just now, however old");
    publisher(dir.path(), 13_599).publish(&add(&["c"])).unwrap();
    assert_eq!(files(dir.path()).len(), 10, "superseded 3599 s ago");
    publisher(dir.path(), 13_600).publish(&add(&["c"])).unwrap();
    assert_eq!(files(dir.path()).len(), 7, "superseded an hour ago; also a publish without change tidies up");
}

#[test]
fn files_and_records_of_others_survive() {
    let dir = tempfile::tempdir().unwrap();
    publisher(dir.path(), 1).publish(&add(&["a"])).unwrap();
    fs_err::write(dir.path().join("repodata/comps.xml"), "<comps/>").unwrap();
    fs_err::write(dir.path().join("repodata/notes.txt"), "mine").unwrap();
    let mut repomd = index(dir.path());
    for (kind, href) in [("group", "repodata/comps.xml"), ("primary_db", "repodata/gone.sqlite"), ("x", "../out")] {
        let checksum = Checksum::of(ChecksumKind::Sha256, &b"<comps/>"[..]).unwrap().0;
        let (kind, location_href) = (kind.to_owned(), href.to_owned());
        repomd.records.push(RepomdRecord { kind, checksum, location_href, ..RepomdRecord::default() });
    }
    repomd.content_tags.push("tag".to_owned());
    fs_err::write(dir.path().join("repodata/repomd.xml"), repomd.write()).unwrap();
    publisher(dir.path(), 99_999).publish(&add(&["b"])).unwrap();
    let after = index(dir.path());
    let kinds: Vec<_> = after.records.iter().map(|r| r.kind.as_str()).collect();
    assert_eq!(kinds, ["primary", "filelists", "other", "group"]);
    assert_eq!(after.content_tags, ["tag"]);
    assert!(files(dir.path()).contains(&"notes.txt".to_owned()));
}

#[test]
fn a_crash_at_any_step_leaves_the_old_or_the_new_repository_and_the_next_publish_tidies_up() {
    use Step::{FilesNamed, FilesWritten, IndexNamed, IndexWritten, OldFilesMarked, SignatureNamed};
    for crash in [FilesWritten, FilesNamed, OldFilesMarked, IndexWritten, IndexNamed, SignatureNamed] {
        let dir = tempfile::tempdir().unwrap();
        publisher(dir.path(), 1).publish(&add(&["a"])).unwrap();
        let mut workspace = Workspace::open(dir.path(), Locking::Wait).unwrap();
        workspace.crashed = true; // no clearing up behind
        let stop = &mut |step| if step == crash { Err(Error::metadata("test", "crash")) } else { Ok(()) };
        let publisher_2 = publisher(dir.path(), 2);
        let changes = Changes::of(&add(&["b"]), &publisher_2.output);
        assert!(publisher_2.apply(&workspace, &changes, stop).is_err());
        drop(workspace);

        let in_force = [IndexNamed, SignatureNamed].contains(&crash);
        let expected: &[&str] = if in_force { &["a", "b"] } else { &["a"] };
        assert_eq!(names(dir.path()), expected, "after a crash at {crash:?}: load checks every sum");

        publisher(dir.path(), 3).publish(&add(&["c"])).unwrap();
        let expected: &[&str] = if in_force { &["a", "b", "c"] } else { &["a", "c"] };
        assert_eq!(names(dir.path()), expected, "after a crash at {crash:?} and another publish");
        assert!(!dir.path().join(".repodata").exists(), "{crash:?}");

        publisher(dir.path(), 90_000_000_000).publish(&Delta::default()).unwrap();
        assert_eq!(files(dir.path()).len(), 4, "in the end nothing is left over: {crash:?}");
    }
}

#[test]
fn a_publish_that_fails_leaves_the_repository_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    publisher(dir.path(), 1).publish(&add(&["a"])).unwrap();
    let repomd = index(dir.path());
    let primary = dir.path().join(&repomd.record("primary").unwrap().location_href);
    fs_err::write(&primary, "damaged").unwrap();
    let before = files(dir.path());
    let error = publisher(dir.path(), 2).publish(&add(&["b"])).unwrap_err().to_string();
    assert!(error.contains("does not match repomd.xml"), "{error}");
    assert_eq!(files(dir.path()), before);
    publisher(dir.path(), 3).replace(&[record("b")]).unwrap();
    assert_eq!(names(dir.path()), ["b"], "replacing all does not need what was there");
}

#[test]
fn publishers_at_the_same_time_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for n in 0..8 {
            let dir = dir.path();
            scope.spawn(move || publisher(dir, n).publish(&add(&[&format!("p{n}")])).unwrap());
        }
    });
    assert_eq!(names(dir.path()).len(), 8);
}

#[test]
fn only_the_newest_changes_of_an_added_package_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let mut long = record("a");
    long.changelogs =
        (1..=12).map(|time| Changelog { time, author: "A".to_owned(), text: format!("- {time}") }).collect();
    publisher(dir.path(), 1).publish(&Delta { add: vec![long], remove: Vec::new() }).unwrap();
    let times: Vec<u64> = read::load(dir.path()).unwrap()[0].changelogs.iter().map(|c| c.time).collect();
    assert_eq!(times, (3..=12).collect::<Vec<_>>());
}

#[test]
fn the_same_input_gives_the_same_files_in_either_compression() {
    for compression in [Compression::Gzip, Compression::Zstd] {
        let made = [1, 2].map(|seconds| {
            let dir = tempfile::tempdir().unwrap();
            let options = Output { compression, workers: 2, ..Output::new(at(seconds)) };
            Publisher::new(dir.path(), options).publish(&add(&["a", "b"])).unwrap();
            assert_eq!(read::load(dir.path()).unwrap(), [record("a"), record("b")]);
            files(dir.path())
        });
        assert_eq!(made[0], made[1]);
        assert!(made[0].iter().any(|name| name.ends_with(compression.suffix())));
    }
}

#[test]
fn metadata_in_another_style_are_read_and_rendered() {
    let dir = tempfile::tempdir().unwrap();
    publisher(dir.path(), 1).publish(&add(&["a", "b"])).unwrap();
    let mut repomd = index(dir.path());
    for entry in &mut repomd.records {
        let path = dir.path().join(&entry.location_href);
        let mut text = String::new();
        std::io::Read::read_to_string(&mut read::open(&path).unwrap(), &mut text).unwrap();
        let text = text.replace("<package ", "<!-- <package --><package ");
        fs_err::write(&path, &text).unwrap();
        (entry.checksum, entry.size) =
            (Checksum::of(ChecksumKind::Sha256, text.as_bytes()).unwrap().0, Some(text.len() as u64));
    }
    fs_err::write(dir.path().join("repodata/repomd.xml"), repomd.write()).unwrap();
    publisher(dir.path(), 2).publish(&remove(&["b"])).unwrap();
    assert_eq!(read::load(dir.path()).unwrap(), [record("a")]);
}

#[test]
fn deltas_that_wait_are_published_together() {
    let dir = tempfile::tempdir().unwrap();
    publisher(dir.path(), 1).publish(&add(&["first"])).unwrap();
    let held = Workspace::open(dir.path(), Locking::Wait).unwrap();
    let results: Vec<Published> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..30)
            .map(|n| {
                let (dir, delta) =
                    (dir.path(), Delta { remove: remove(&["first"]).remove, ..add(&[&format!("p{n:02}")]) });
                scope.spawn(move || publisher(dir, 2).publish(&delta).unwrap())
            })
            .collect();
        let queue = dir.path().join(".copr-repo.queue");
        // Tickets that are whole: of one that is still being written nobody knows.
        let is_ticket = |entry: &fs_err::DirEntry| entry.path().extension().is_some_and(|end| end == "delta");
        let waiting = || fs_err::read_dir(&queue).map_or(0, |entries| entries.flatten().filter(is_ticket).count());
        while waiting() < 30 {
            std::thread::yield_now();
        }
        drop(held);
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(names(dir.path()).len(), 30);
    assert!(results.iter().all(|result| (result.added, result.removed, result.packages) == (1, 1, 30)), "{results:?}");
    let revisions: HashSet<&str> = results.iter().map(|result| result.revision.as_str()).collect();
    assert_eq!(revisions.len(), 1, "one publish for all");
    assert!(!dir.path().join(".copr-repo.queue").exists());
}

#[test]
fn a_hundred_deltas_in_a_second_cost_three_publishes() {
    let dir = tempfile::tempdir().unwrap();
    let begin = std::time::Instant::now();
    let revisions: HashSet<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..100)
            .map(|n: u64| {
                let dir = dir.path();
                scope.spawn(move || {
                    std::thread::sleep(Duration::from_millis(n * 8));
                    let publisher = Publisher::new(dir, Output::new(SystemTime::now()));
                    publisher
                        .gathering(Duration::from_millis(450))
                        .publish(&add(&[&format!("p{n:02}")]))
                        .unwrap()
                        .revision
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(names(dir.path()).len(), 100);
    // Three where the machine keeps up; on a busy one the deltas come over a longer time. File times tick in 4 ms or so.
    let may_be = 1 + begin.elapsed().as_millis() / 440;
    assert!(u128::try_from(revisions.len()).unwrap() <= may_be, "{revisions:?}, not more than {may_be}");
}

#[test]
fn comps_come_with_the_packages_plain_and_compressed_and_go_with_their_file() {
    let dir = tempfile::tempdir().unwrap();
    let comps = dir.path().join("comps.xml");
    let publish = |seconds, groups: crate::Groups, names: &[&str]| {
        let output = Output { workers: 2, groups, ..Output::new(at(seconds)) };
        Publisher::new(dir.path(), output).publish(&add(names)).unwrap()
    };
    let of_comps = || -> Vec<(String, String)> {
        let text = |record: &RepomdRecord| {
            let path = read::verified(dir.path(), record).unwrap();
            std::io::read_to_string(read::open(&path).unwrap()).unwrap()
        };
        let records = index(dir.path()).records;
        let groups = records.iter().filter(|record| record.kind.starts_with("group"));
        groups.map(|record| (record.kind.clone(), text(record))).collect()
    };
    let both =
        |text: &str| [("group", text), ("group_gz", text)].map(|(kind, text)| (kind.to_owned(), text.to_owned()));
    let file = || crate::Groups::File(comps.clone());
    publish(1, crate::Groups::Remove, &["a"]);
    assert!(of_comps().is_empty());
    fs_err::write(&comps, "<comps/>").unwrap();
    assert!(publish(2, file(), &["b"]).changed);
    assert_eq!(of_comps(), both("<comps/>"));
    // With nothing new, nothing is written; by one that does not ask, they stay.
    assert!(!publish(3, file(), &["b"]).changed);
    assert!(publish(4, crate::Groups::Keep, &["c"]).changed);
    assert_eq!(of_comps(), both("<comps/>"));
    // Comps alone are reason enough to publish.
    fs_err::write(&comps, "<comps><group/></comps>").unwrap();
    assert!(publish(5, file(), &[]).changed);
    assert_eq!(of_comps(), both("<comps><group/></comps>"));
    assert!(publish(6, crate::Groups::Remove, &[]).changed);
    assert!(of_comps().is_empty());
    assert_eq!(names(dir.path()), ["a", "b", "c"]);
}

#[test]
fn packages_that_lie_elsewhere_are_published_and_removed_by_their_location() {
    let dir = tempfile::tempdir().unwrap();
    let base = Some("http://example.org/results/".to_owned());
    let elsewhere = |name: &str| Record { location_base: base.clone(), ..record(name) };
    publisher(dir.path(), 1).publish(&Delta { add: ["a", "b"].map(elsewhere).into(), remove: vec![] }).unwrap();
    let before = read::load(dir.path()).unwrap();
    assert!(before.len() == 2 && before.iter().all(|record| record.location_base == base), "{before:?}");
    publisher(dir.path(), 2).publish(&remove(&["a"])).unwrap();
    assert_eq!(names(dir.path()), ["b"]);
}

/// Signs with a key that is a word.
#[derive(Debug)]
struct Word(&'static str);

impl RepomdSigner for Word {
    fn sign(&self, repomd: &[u8]) -> Result<Vec<u8>, Box<dyn std::error::Error + Send + Sync>> {
        if self.0.is_empty() {
            return Err("there is no key".into());
        }
        let sum = Checksum::of(ChecksumKind::Sha256, repomd)?.0;
        Ok(format!("{} {}", self.0, sum.hex).into_bytes())
    }

    fn is_current(&self, repomd: &[u8], signature: &[u8]) -> bool {
        self.sign(repomd).is_ok_and(|right| right == signature)
    }
}

fn signing(dir: &Path, word: &'static str, unique_names: bool, seconds: u64) -> Publisher {
    let output = Output { workers: 2, sign: Some(Arc::new(Word(word))), unique_names, ..Output::new(at(seconds)) };
    Publisher::new(dir, output)
}

fn signature(dir: &Path) -> Option<Vec<u8>> {
    fs_err::read(dir.join("repodata/repomd.xml.asc")).ok()
}

fn is_signed(dir: &Path, word: &'static str) -> bool {
    let index = fs_err::read(dir.join("repodata/repomd.xml")).unwrap();
    signature(dir).is_some_and(|signature| Word(word).is_current(&index, &signature))
}

#[test]
fn the_index_is_signed_whatever_the_names_of_files_and_a_stale_signature_goes() {
    for unique_names in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let publisher = |word, seconds| signing(dir.path(), word, unique_names, seconds);
        let unsigned =
            |seconds| Publisher::new(dir.path(), Output { workers: 2, unique_names, ..Output::new(at(seconds)) });
        publisher("one", 1).publish(&add(&["a"])).unwrap();
        assert!(is_signed(dir.path(), "one"), "{unique_names}");
        publisher("one", 2).publish(&add(&["b"])).unwrap();
        assert!(is_signed(dir.path(), "one"), "{unique_names}");
        publisher("one", 3).replace(&[record("a")]).unwrap();
        assert!(is_signed(dir.path(), "one"), "{unique_names}");
        assert!(!publisher("one", 4).publish(&Delta::default()).unwrap().changed);
        let revision = index(dir.path()).revision;
        assert!(publisher("two", 5).publish(&Delta::default()).unwrap().changed, "another key signs");
        assert!(is_signed(dir.path(), "two"), "{unique_names}");
        assert_eq!(index(dir.path()).revision, revision);

        unsigned(6).publish(&Delta::default()).unwrap();
        assert!(is_signed(dir.path(), "two"), "it still is right");
        unsigned(7).publish(&add(&["c"])).unwrap();
        assert_eq!(signature(dir.path()), None, "{unique_names}");
        assert!(publisher("one", 8).publish(&add(&["c"])).unwrap().changed, "signed from now on");
        assert!(is_signed(dir.path(), "one"), "{unique_names}");

        let before =
            (files(dir.path()), signature(dir.path()), fs_err::read(dir.path().join("repodata/repomd.xml")).unwrap());
        for delta in [add(&["d"]), Delta::default()] {
            let error = publisher("", 9).publish(&delta).unwrap_err();
            assert_eq!(error.to_string(), "repomd.xml could not be signed: there is no key");
        }
        let after = fs_err::read(dir.path().join("repodata/repomd.xml")).unwrap();
        assert_eq!((signature(dir.path()), after), (before.1, before.2), "whoever cannot sign publishes nothing");
    }
}

#[test]
fn after_a_crash_at_any_step_the_next_publish_of_nothing_makes_the_signature_fit() {
    use Step::{FilesNamed, IndexNamed, IndexWritten, SignatureNamed};
    for unique_names in [true, false] {
        for crash in [FilesNamed, IndexWritten, IndexNamed, SignatureNamed] {
            let dir = tempfile::tempdir().unwrap();
            let publisher = |seconds| signing(dir.path(), "one", unique_names, seconds);
            publisher(1).publish(&add(&["a"])).unwrap();
            let mut workspace = Workspace::open(dir.path(), Locking::Wait).unwrap();
            workspace.crashed = true;
            let stop = &mut |step| if step == crash { Err(Error::metadata("test", "crash")) } else { Ok(()) };
            let second = publisher(2);
            assert!(second.apply(&workspace, &Changes::of(&add(&["b"]), &second.output), stop).is_err());
            drop(workspace);
            let torn = unique_names && crash == IndexNamed;
            assert_eq!(is_signed(dir.path(), "one"), !torn, "{unique_names} {crash:?}");
            assert_eq!(publisher(3).publish(&Delta::default()).unwrap().changed, torn, "{unique_names} {crash:?}");
            assert!(is_signed(dir.path(), "one"), "{unique_names} {crash:?}");
        }
    }
}
