use std::time::SystemTime;

use copr_repodata::{ChecksumKind, Record, RepomdSigner, read};
use object_store::memory::InMemory;

use super::*;

/// A repository elsewhere, and how it is published to.
struct Place {
    dir: tempfile::TempDir,
    target: Target,
}

impl Place {
    fn new() -> Self {
        let target = Target::objects(Arc::new(InMemory::new()), "", "memory").unwrap();
        Self { dir: tempfile::tempdir().unwrap(), target }
    }

    fn publisher(&self, folder: &str) -> RemotePublisher {
        RemotePublisher::new(self.target.clone(), self.dir.path().join(folder)).trying(50, Duration::from_millis(1))
    }

    /// The packages as a client finds them, who has nothing yet.
    async fn packages(&self) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let publisher = RemotePublisher::new(self.target.clone(), folder.path());
        let _checkout = publisher.check_out().await.unwrap();
        read::load(folder.path()).unwrap().into_iter().map(|record| record.location_href).collect()
    }

    async fn files(&self) -> Vec<String> {
        self.target.list("repodata").await.unwrap().unwrap().into_iter().map(|entry| entry.name).collect()
    }

    async fn index(&self) -> Repomd {
        Repomd::read(&self.target.read(INDEX, 1 << 20).await.unwrap().unwrap().bytes).unwrap()
    }
}

fn at(seconds: u64) -> Output {
    let mut output = Output::new(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
    output.workers = 1;
    output
}

fn record(name: &str) -> Record {
    let mut record = Record { location_href: format!("{name}.rpm"), size_package: 1, ..Record::default() };
    record.nevra = format!("{name}-1-1.noarch").parse().unwrap();
    record.checksum = Checksum::of(ChecksumKind::Sha256, name.as_bytes()).unwrap().0;
    record
}

fn adding(name: &str) -> Delta {
    Delta { add: vec![record(name)], ..Delta::default() }
}

#[tokio::test]
async fn packages_are_added_and_removed() {
    let place = Place::new();
    let publisher = place.publisher("cache");
    let first = publisher.publish(adding("a"), &at(1000)).await.unwrap();
    assert_eq!((first.packages, first.added, first.changed), (1, 1, true));
    let second = publisher.publish(adding("b"), &at(1001)).await.unwrap();
    assert_eq!((second.packages, second.added), (2, 1));
    assert_eq!(place.packages().await, ["a.rpm", "b.rpm"]);
    let again = publisher.publish(adding("b"), &at(1002)).await.unwrap();
    assert!(!again.changed && again.revision == second.revision, "{again:?}");
    let gone = Delta { remove: vec!["a.rpm".to_owned()], ..Delta::default() };
    assert_eq!(publisher.publish(gone, &at(1003)).await.unwrap().removed, 1);
    assert_eq!(place.packages().await, ["b.rpm"]);
}

#[tokio::test]
async fn writers_that_do_not_know_of_each_other_lose_nothing() {
    let place = Place::new();
    let writers: Vec<_> = (0..8)
        .map(|number| {
            let publisher = place.publisher(&format!("cache-{number}"));
            tokio::spawn(async move {
                for round in 0..3 {
                    publisher.publish(adding(&format!("p{number}-{round}")), &at(1000)).await.unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(place.packages().await.len(), 24);
}

#[tokio::test]
async fn writers_in_one_folder_take_turns() {
    let place = Place::new();
    let writers: Vec<_> = (0..6)
        .map(|number| {
            let publisher = place.publisher("cache");
            tokio::spawn(async move { publisher.publish(adding(&format!("p{number}")), &at(1000)).await.unwrap() })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(place.packages().await.len(), 6);
}

#[tokio::test]
async fn the_folder_may_be_that_of_another_repository_or_be_damaged() {
    let (one, other) = (Place::new(), Place::new());
    one.publisher("cache").publish(adding("a"), &at(1000)).await.unwrap();
    let foreign = RemotePublisher::new(other.target.clone(), one.dir.path().join("cache"));
    foreign.publish(adding("x"), &at(1000)).await.unwrap();
    assert_eq!(other.packages().await, ["x.rpm"]);
    one.publisher("cache").publish(adding("b"), &at(1001)).await.unwrap();
    assert_eq!(one.packages().await, ["a.rpm", "b.rpm"]);

    for entry in fs_err::read_dir(one.dir.path().join("cache/repodata")).unwrap() {
        let path = entry.unwrap().path();
        let length = fs_err::metadata(&path).unwrap().len();
        fs_err::write(&path, vec![b'x'; usize::try_from(length).unwrap()]).unwrap();
    }
    one.publisher("cache").publish(adding("c"), &at(1002)).await.unwrap();
    assert_eq!(one.packages().await, ["a.rpm", "b.rpm", "c.rpm"]);
}

#[tokio::test]
async fn what_an_index_named_stays_for_the_grace_period() {
    let place = Place::new();
    let publisher = place.publisher("cache");
    let hour = |output: Output| Output { retain: Retain::For(Duration::from_secs(3600)), ..output };
    publisher.publish(adding("a"), &hour(at(10_000))).await.unwrap();
    let first = place.index().await;
    publisher.publish(adding("b"), &hour(at(11_000))).await.unwrap();
    let second = place.index().await;
    publisher.publish(adding("c"), &hour(at(14_000))).await.unwrap();
    let there = place.files().await;
    for record in first.records.iter().chain(&second.records) {
        assert!(there.contains(&record.location_href), "{} is gone", record.location_href);
    }
    // The first was superseded at 11,000, the second at 14,000.
    publisher.publish(adding("d"), &hour(at(14_700))).await.unwrap();
    let there = place.files().await;
    assert!(first.records.iter().all(|record| !there.contains(&record.location_href)), "{there:?}");
    assert!(second.records.iter().all(|record| there.contains(&record.location_href)), "{there:?}");

    publisher.publish(adding("e"), &Output { retain: Retain::Nothing, ..at(14_800) }).await.unwrap();
    let named: Vec<String> = place.index().await.records.into_iter().map(|record| record.location_href).collect();
    let mut left = place.files().await;
    left.retain(|name| !named.contains(name));
    left.sort();
    assert_eq!(left, ["repodata/copr-repo.superseded.json", INDEX]);
}

#[tokio::test]
async fn a_file_that_was_on_its_way_out_and_is_named_again_stays() {
    let place = Place::new();
    let publisher = place.publisher("cache");
    let keep = |now| Output { retain: Retain::For(Duration::from_secs(100)), ..at(now) };
    publisher.publish(adding("a"), &keep(1000)).await.unwrap();
    let first = place.index().await;
    publisher.publish(adding("b"), &keep(1001)).await.unwrap();
    let back = Delta { remove: vec!["b.rpm".to_owned()], ..Delta::default() };
    publisher.publish(back, &keep(1002)).await.unwrap();
    let again = place.index().await;
    assert_eq!(first.record("primary").unwrap().location_href, again.record("primary").unwrap().location_href);
    // Long after: the note must not tell that the file has been useless since 1001.
    publisher.publish(adding("c"), &keep(5000)).await.unwrap();
    let there = place.files().await;
    assert!(there.contains(&first.record("primary").unwrap().location_href), "{there:?}");
}

#[tokio::test]
async fn a_note_that_others_wrote_removes_nothing_but_old_metadata() {
    let place = Place::new();
    let publisher = place.publisher("cache");
    publisher.publish(adding("a"), &at(1000)).await.unwrap();
    let named = place.index().await.record("primary").unwrap().location_href.clone();
    for name in ["a.rpm", "repodata/repomd.xml.key", "repodata/x/y"] {
        place.target.put_small(name, b"x".to_vec()).await.unwrap();
    }
    let note = format!(
        r#"{{"a.rpm":0,"../x":0,"repodata/repomd.xml":0,"repodata/repomd.xml.key":0,"repodata/x/y":0,"{named}":0}}"#
    );
    place.target.put_small("repodata/copr-repo.superseded.json", note.into()).await.unwrap();
    publisher.publish(adding("b"), &at(100_000)).await.unwrap();
    for name in ["a.rpm", "repodata/repomd.xml.key", "repodata/x/y", INDEX, &named] {
        assert!(place.target.read(name, 1 << 20).await.unwrap().is_some(), "{name} is gone");
    }
    place.target.put_small("repodata/copr-repo.superseded.json", b"{".to_vec()).await.unwrap();
    publisher.publish(adding("c"), &at(100_001)).await.unwrap();
    assert_eq!(place.packages().await, ["a.rpm", "b.rpm", "c.rpm"]);
}

#[tokio::test]
async fn an_index_with_files_that_lead_elsewhere_is_refused() {
    let place = Place::new();
    let publisher = place.publisher("cache");
    publisher.publish(adding("a"), &at(1000)).await.unwrap();
    let good = place.index().await;
    for href in [
        "../x",
        "/etc/passwd",
        "repodata/../../x",
        "repodata/repomd.xml",
        "repodata/.copr-repo.lock",
        "copr-remote.lock",
    ] {
        let mut bad = good.clone();
        href.clone_into(&mut bad.records.first_mut().unwrap().location_href);
        place.target.put_small(INDEX, bad.write().into_bytes()).await.unwrap();
        let error = publisher.publish(adding("b"), &at(1001)).await.unwrap_err();
        assert!(matches!(error, Error::Refused { .. }), "{href}: {error}");
    }
}

#[tokio::test]
async fn one_that_is_always_overtaken_gives_up_and_says_so() {
    let place = Place::new();
    place.publisher("cache").publish(adding("a"), &at(1000)).await.unwrap();
    let target = place.target.clone();
    let (handle, count) = (tokio::runtime::Handle::current(), Arc::new(std::sync::atomic::AtomicUsize::new(0)));
    let rounds = count.clone();
    let result = place
        .publisher("cache")
        .trying(3, Duration::from_millis(1))
        .publish_with(&at(1001), move |folder| {
            // Somebody else writes, each time, what is there already but for its revision.
            let round = rounds.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let mut index = Repomd::open(&folder.join(INDEX))?;
            index.revision = format!("{}", 5000 + round);
            handle.block_on(target.put_small(INDEX, index.write().into_bytes()))?;
            Ok(adding("b"))
        })
        .await;
    assert!(matches!(result, Err(Error::Busy { tries: 3, .. })), "{result:?}");
    assert_eq!(count.load(std::sync::atomic::Ordering::SeqCst), 3);
    assert_eq!(place.packages().await, ["a.rpm"]);
}

/// Signs with a key that is a word.
#[derive(Debug)]
struct Word(&'static str);

impl RepomdSigner for Word {
    fn sign(&self, repomd: &[u8]) -> Result<Vec<u8>, Box<dyn std::error::Error + Send + Sync>> {
        let sum = Checksum::of(ChecksumKind::Sha256, repomd)?.0;
        Ok(format!("{} {}", self.0, sum.hex).into_bytes())
    }

    fn is_current(&self, repomd: &[u8], signature: &[u8]) -> bool {
        self.sign(repomd).is_ok_and(|right| right == signature)
    }
}

fn signed(word: &'static str, seconds: u64) -> Output {
    Output { sign: Some(Arc::new(Word(word))), ..at(seconds) }
}

impl Place {
    async fn signature(&self) -> Option<String> {
        let signature = self.target.read(SIGNATURE, 1 << 20).await.unwrap()?;
        Some(String::from_utf8(signature.bytes).unwrap())
    }

    /// Whether the index is signed with this word.
    async fn is_signed(&self, word: &'static str) -> bool {
        let index = self.target.read(INDEX, 1 << 20).await.unwrap().unwrap().bytes;
        self.signature().await == Some(String::from_utf8(Word(word).sign(&index).unwrap()).unwrap())
    }
}

#[tokio::test]
async fn the_index_is_signed_and_a_signature_that_does_not_fit_is_mended() {
    let place = Place::new();
    let publisher = place.publisher("cache");
    publisher.publish(adding("a"), &signed("one", 1000)).await.unwrap();
    assert!(place.is_signed("one").await);
    publisher.publish(adding("b"), &signed("one", 1001)).await.unwrap();
    assert!(place.is_signed("one").await);
    let again = publisher.publish(adding("b"), &signed("one", 1002)).await.unwrap();
    assert!(!again.changed);

    // A crash between index and signature, or somebody's mistake.
    place.target.put_small(SIGNATURE, b"one 123".to_vec()).await.unwrap();
    let mended = publisher.publish(Delta::default(), &signed("one", 1003)).await.unwrap();
    assert!(mended.changed && place.is_signed("one").await);
    assert_eq!(place.index().await.revision, again.revision, "the index is the same");
    place.target.delete(SIGNATURE).await.unwrap();
    publisher.publish(Delta::default(), &signed("one", 1004)).await.unwrap();
    assert!(place.is_signed("one").await);
    place.target.put_small(SIGNATURE, vec![b'x'; 2 << 20]).await.unwrap();
    assert!(publisher.publish(Delta::default(), &signed("one", 1005)).await.is_err(), "what cannot be is not replaced");
    place.target.delete(SIGNATURE).await.unwrap();

    publisher.publish(Delta::default(), &signed("two", 1006)).await.unwrap();
    assert!(place.is_signed("two").await, "another key");
    publisher.publish(Delta::default(), &at(1007)).await.unwrap();
    assert!(place.is_signed("two").await, "nothing changed, so it is right");
    publisher.publish(adding("c"), &at(1008)).await.unwrap();
    assert_eq!(place.signature().await, None, "nobody signs the new index");
}

#[tokio::test]
async fn of_writers_at_the_same_time_the_last_ones_signature_stands() {
    let place = Place::new();
    let writers: Vec<_> = (0..8)
        .map(|number| {
            let publisher = place.publisher(&format!("cache-{number}"));
            tokio::spawn(async move {
                for round in 0..4 {
                    let delta = adding(&format!("p{number}-{round}"));
                    publisher.publish(delta, &signed("one", 1000)).await.unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(place.packages().await.len(), 32);
    assert!(place.is_signed("one").await);
}
