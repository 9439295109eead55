//! Removing what is gone, snapshots, and two at once.

use copr_remote::mirror::{MirrorError, Snapshots};

use crate::support::{Nginx, Source, complete, noise, options, run, same_metadata};

fn many(count: usize) -> Vec<(String, Vec<u8>)> {
    (0..count).map(|n| (format!("p{n}-1-1.noarch"), noise(100, n as u64))).collect()
}

fn of(packages: &[(String, Vec<u8>)]) -> Vec<(&str, &[u8])> {
    packages.iter().map(|(name, content)| (name.as_str(), content.as_slice())).collect()
}

#[tokio::test]
async fn packages_that_are_gone_stay_unless_their_removal_is_asked_for() {
    let packages = many(40);
    let source = Source::new(&of(&packages));
    let nginx = Nginx::serve(source.path());
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(dir.path(), &nginx.url());
    run(&options).await.unwrap();
    fs_err::write(dir.path().join("Packages/README"), "mine").unwrap();
    source.publish(&of(&packages[..35]));
    run(&options).await.unwrap();
    assert!(dir.path().join("Packages/p39-1-1.noarch.rpm").exists());
    options.delete = true;
    options.dry_run = true;
    assert_eq!(run(&options).await.unwrap().deleted.len(), 5);
    assert!(dir.path().join("Packages/p39-1-1.noarch.rpm").exists());
    options.dry_run = false;
    assert_eq!(run(&options).await.unwrap().deleted.len(), 5);
    assert!(!dir.path().join("Packages/p39-1-1.noarch.rpm").exists());
    assert!(dir.path().join("Packages/README").exists(), "it is no package");
    assert_eq!(complete(dir.path()).len(), 35);
}

#[tokio::test]
async fn a_source_that_lost_most_of_its_packages_is_not_followed_at_once() {
    let packages = many(40);
    let source = Source::new(&of(&packages));
    let nginx = Nginx::serve(source.path());
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(dir.path(), &nginx.url());
    options.delete = true;
    run(&options).await.unwrap();
    source.publish(&of(&packages[..20]));
    let error = run(&options).await.unwrap_err();
    assert!(matches!(error, MirrorError::TooManyDeletions { delete: 20, of: 40, percent: 25 }), "{error}");
    assert_eq!(complete(dir.path()).len(), 40, "nothing was changed");
    options.delete_share = 50;
    run(&options).await.unwrap();
    assert_eq!(complete(dir.path()).len(), 20);
    source.publish(&[]);
    assert!(matches!(run(&options).await.unwrap_err(), MirrorError::TooManyDeletions { .. }), "all is never a few");
}

#[tokio::test]
async fn snapshots_share_what_has_not_changed() {
    use std::os::unix::fs::MetadataExt;
    let source = Source::new(&[("a-1-1.noarch", b"aa"), ("b-1-1.noarch", b"bb")]);
    let nginx = Nginx::serve(source.path());
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(dir.path(), &nginx.url());
    let named = |name: &str| Some(Snapshots { name: name.to_owned(), keep: Some(2) });
    options.snapshots = named("monday");
    assert_eq!(run(&options).await.unwrap().snapshot.as_deref(), Some("monday"));
    options.snapshots = named("tuesday");
    assert_eq!(run(&options).await.unwrap().snapshot, None, "nothing changed");
    source.publish(&[("a-1-1.noarch", b"aa"), ("b-1-1.noarch", b"bb, rebuilt")]);
    let done = run(&options).await.unwrap();
    assert_eq!((done.snapshot.as_deref(), done.fetched, done.kept), (Some("tuesday"), 1, 1));
    let place = |name: &str| dir.path().join(name);
    assert_eq!(fs_err::read_link(place("current")).unwrap().to_str(), Some("tuesday"));
    same_metadata(source.path(), &place("current"));
    assert_eq!(complete(&place("monday")), complete(&place("tuesday")), "each is whole, with its own b");
    let inode = |name: &str| fs_err::metadata(place(name).join("Packages/a-1-1.noarch.rpm")).unwrap().ino();
    assert_eq!(inode("monday"), inode("tuesday"));

    options.snapshots = named("wednesday");
    source.publish(&[("a-1-1.noarch", b"aa")]);
    assert_eq!(run(&options).await.unwrap().removed_snapshots, ["monday"]);
    assert!(!place("monday").exists() && place("tuesday").exists());
    assert_eq!(complete(&place("current")), ["a-1-1.noarch"]);
    assert_eq!(complete(&place("tuesday")).len(), 2);

    // A filter makes snapshots as well.
    options.filter.include = vec!["nothing".to_owned()];
    options.snapshots = named("thursday");
    run(&options).await.unwrap();
    assert!(complete(&place("current")).is_empty());
    for bad in ["", "..", "a/b", ".x", "current", "a b"] {
        options.snapshots = named(bad);
        assert!(matches!(run(&options).await.unwrap_err(), MirrorError::Options(_)), "{bad:?}");
    }
}

#[tokio::test]
async fn a_snapshot_that_fails_leaves_the_current_one() {
    let source = Source::new(&[("a-1-1.noarch", b"aa")]);
    let nginx = Nginx::serve(source.path());
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(dir.path(), &nginx.url());
    options.snapshots = Some(Snapshots { name: "one".to_owned(), keep: None });
    run(&options).await.unwrap();
    source.publish(&[("a-1-1.noarch", b"aa"), ("b-1-1.noarch", b"bb")]);
    fs_err::remove_file(source.path().join("Packages/b-1-1.noarch.rpm")).unwrap();
    options.snapshots = Some(Snapshots { name: "two".to_owned(), keep: None });
    run(&options).await.unwrap_err();
    assert!(!dir.path().join("two").exists());
    assert_eq!(complete(&dir.path().join("current")), ["a-1-1.noarch"]);
}

#[tokio::test]
async fn two_at_once_take_turns_or_one_gives_up() {
    let source = Source::new(&[("a-1-1.noarch", &noise(30_000, 1))]);
    let nginx = Nginx::serve(source.path());
    let dir = tempfile::tempdir().unwrap();
    let mut slow = options(dir.path(), &nginx.url());
    // Long enough for the others to come.
    slow.rate = Some(20_000);
    let folder = dir.path().join(".copr-mirror/verified");
    let first = tokio::spawn(async move { run(&slow).await });
    while !dir.path().join(".copr-mirror/next/repodata/repomd.xml").exists() {
        assert!(!folder.exists());
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let second = options(dir.path(), &nginx.url());
    assert!(matches!(run(&second).await.unwrap_err(), MirrorError::Locked { .. }));
    let mut patient = second;
    patient.wait = true;
    let done = run(&patient).await.unwrap();
    assert_eq!((done.fetched, done.kept), (0, 1), "the first was awaited");
    first.await.unwrap().unwrap();
    complete(dir.path());
}

#[tokio::test]
async fn what_needs_more_room_than_there_is_does_not_begin() {
    let source = tempfile::tempdir().unwrap();
    let mut record = crate::support::record("a-1-1.noarch", b"aa");
    record.size_package = 1 << 60;
    copr_repodata::Publisher::new(source.path(), copr_repodata::Output::new(std::time::UNIX_EPOCH))
        .replace(&[record])
        .unwrap();
    let nginx = Nginx::serve(source.path());
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(dir.path(), &nginx.url());
    assert!(run(&options).await.unwrap_err().to_string().contains("refused"));
    options.limits.package = u64::MAX;
    assert!(matches!(run(&options).await.unwrap_err(), MirrorError::NoSpace { .. }));
}
