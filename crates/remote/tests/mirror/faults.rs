//! Connections that break, servers that lie, repositories that change: the mirror is the old one or the new one.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use copr_remote::mirror::{MirrorError, MirrorOptions};

use crate::support::{Fault, Nginx, Proxy, Source, complete, noise, options, run, same_metadata};

/// A mirror of a first generation, and a second one to come.
struct Changed {
    source: Source,
    nginx: Nginx,
    dir: tempfile::TempDir,
}

const OLD: [&str; 2] = ["a-1-1.noarch", "b-1-1.noarch"];
const NEW: [&str; 3] = ["a-1-1.noarch", "b-1-1.noarch", "c-1-1.noarch"];

impl Changed {
    async fn new() -> Self {
        let source = Source::new(&[(OLD[0], b"aa"), (OLD[1], b"bb")]);
        let nginx = Nginx::serve(source.path());
        let dir = tempfile::tempdir().unwrap();
        run(&options(dir.path(), &nginx.url())).await.unwrap();
        source.publish(&[(NEW[0], b"aa"), (NEW[1], b"bb"), (NEW[2], &noise(5000, 3))]);
        Self { source, nginx, dir }
    }

    async fn proxy(&self, choose: impl Fn(&str, usize) -> Fault + Send + Sync + 'static) -> (Proxy, MirrorOptions) {
        let proxy = Proxy::before(&self.nginx, choose).await;
        let options = options(self.dir.path(), &proxy.url);
        (proxy, options)
    }

    /// The mirror is the old one, whole; and a run without faults makes it the new one.
    async fn old_then_new(&self) {
        assert_eq!(complete(self.dir.path()), OLD);
        run(&options(self.dir.path(), &self.nginx.url())).await.unwrap();
        assert_eq!(complete(self.dir.path()), NEW);
        same_metadata(self.source.path(), self.dir.path());
    }
}

fn package(path: &str) -> bool {
    path.ends_with("c-1-1.noarch.rpm")
}

#[tokio::test]
async fn a_download_that_breaks_off_anywhere_goes_on_from_there() {
    let content = noise(3000, 7);
    let source = Source::new(&[("a-1-1.noarch", &content)]);
    let nginx = Nginx::serve(source.path());
    for at in [0, 1, 2, 3, 10, 500, 1023, 1024, 1025, 1499, 1500, 2000, 2500, 2998, 2999] {
        let dir = tempfile::tempdir().unwrap();
        let proxy =
            Proxy::before(
                &nginx,
                move |path, nth| {
                    if path.ends_with(".rpm") && nth == 0 { Fault::DropAt(at) } else { Fault::None }
                },
            )
            .await;
        run(&options(dir.path(), &proxy.url)).await.unwrap();
        assert_eq!(complete(dir.path()).len(), 1, "broken off at {at}");
        let ranges = proxy.ranges();
        if at > 0 {
            assert!(ranges.iter().any(|range| range.contains(&format!("bytes={at}-"))), "{at}: {ranges:?}");
            assert!(ranges.iter().all(|range| range.to_lowercase().contains("if-range: \"")), "{ranges:?}");
        }
    }
}

#[tokio::test]
async fn metadata_that_break_off_anywhere_leave_the_old_mirror_or_make_the_new_one() {
    let changed = Changed::new().await;
    let size = fs_err::metadata(changed.source.path().join("repodata/repomd.xml")).unwrap().len();
    for at in (0..usize::try_from(size).unwrap()).step_by(211) {
        let (_proxy, options) = changed
            .proxy(move |path, _| if path.ends_with("repomd.xml") { Fault::DropAt(at) } else { Fault::None })
            .await;
        run(&options).await.unwrap_err();
        assert_eq!(complete(changed.dir.path()), OLD);
    }
    changed.old_then_new().await;
}

#[tokio::test]
async fn the_next_run_goes_on_where_this_one_was_given_up() {
    let changed = Changed::new().await;
    let (_proxy, options) =
        changed.proxy(|path, _| if package(path) { Fault::DropAt(4000) } else { Fault::None }).await;
    // Each try brings more, so it takes a server that says no in between.
    let (proxy, given_up) = changed
        .proxy(|path, nth| match (package(path), nth) {
            (true, 0) => Fault::DropAt(4000),
            (true, _) => Fault::Instead("503 Service Unavailable".to_owned()),
            _ => Fault::None,
        })
        .await;
    let error = run(&given_up).await.unwrap_err();
    assert!(matches!(error, MirrorError::Incomplete { .. }), "{error}");
    assert!(proxy.asked("c-1-1") >= 3, "it was tried several times");
    assert_eq!(complete(changed.dir.path()), OLD);
    drop(options);
    let (proxy, options) = changed.proxy(|_, _| Fault::None).await;
    run(&options).await.unwrap();
    assert!(proxy.ranges().iter().any(|range| range.contains("bytes=4000-")), "{:?}", proxy.ranges());
    assert_eq!(complete(changed.dir.path()), NEW);
}

#[tokio::test]
async fn packages_that_are_not_what_the_metadata_say_never_become_visible() {
    for fault in [
        Fault::Garble,
        Fault::Body(b"something else".to_vec()),
        Fault::Body(noise(5001, 3)),
        Fault::Body(Vec::new()),
        Fault::Announce(7),
        Fault::Instead("503 Service Unavailable".to_owned()),
        Fault::Instead("404 Not Found".to_owned()),
        Fault::Instead("302 Found\r\nLocation: file:///etc/passwd".to_owned()),
        Fault::Instead("206 Partial Content\r\nContent-Range: bytes 0-0/1".to_owned()),
        Fault::Hang,
    ] {
        let changed = Changed::new().await;
        let chosen = fault.clone();
        let (_proxy, options) =
            changed.proxy(move |path, _| if package(path) { chosen.clone() } else { Fault::None }).await;
        let error = run(&options).await.unwrap_err();
        assert!(matches!(error, MirrorError::Incomplete { .. }), "{fault:?}: {error}");
        assert!(!changed.dir.path().join("Packages/c-1-1.noarch.rpm").exists(), "{fault:?}");
        changed.old_then_new().await;
    }
}

#[tokio::test]
async fn a_server_that_knows_no_ranges_or_gives_wrong_ones_is_got_along_with() {
    for fault in [Fault::NoRange, Fault::OtherRange, Fault::Garble] {
        let changed = Changed::new().await;
        let then = fault.clone();
        let (_proxy, options) = changed
            .proxy(move |path, nth| match (package(path), nth) {
                (true, 0) => Fault::DropAt(2000),
                (true, 1) => then.clone(),
                _ => Fault::None,
            })
            .await;
        run(&options).await.unwrap_or_else(|error| panic!("{fault:?}: {error}"));
        assert_eq!(complete(changed.dir.path()), NEW, "{fault:?}");
    }
}

#[tokio::test]
async fn a_part_of_another_version_is_thrown_away() {
    let changed = Changed::new().await;
    let part = |dir: &Path| {
        let (checksum, _) =
            copr_repodata::Checksum::of(copr_repodata::ChecksumKind::Sha256, noise(5000, 3).as_slice()).unwrap();
        dir.join(".copr-mirror/parts").join(format!("sha256-{}.part", checksum.hex))
    };
    for left in [b"wrong from the start".to_vec(), noise(5000, 4), noise(6000, 4)] {
        let place = part(changed.dir.path());
        fs_err::write(&place, left).unwrap();
        let (_proxy, mut options) = changed.proxy(|_, _| Fault::None).await;
        options.snapshots = None;
        run(&options).await.unwrap();
        assert_eq!(complete(changed.dir.path()), NEW);
        fs_err::remove_file(changed.dir.path().join("Packages/c-1-1.noarch.rpm")).unwrap();
    }
}

#[tokio::test]
async fn yesterdays_primary_with_todays_index_is_tried_again_and_then_told() {
    let changed = Changed::new().await;
    let mut old = fs_err::read_dir(changed.dir.path().join("repodata")).unwrap().map(|entry| entry.unwrap().path());
    let old = old.find(|path| path.to_string_lossy().ends_with("-primary.xml.zst")).unwrap();
    let old = fs_err::read(old).unwrap();
    let (proxy, options) = changed
        .proxy(move |path, _| if path.contains("primary") { Fault::Body(old.clone()) } else { Fault::None })
        .await;
    let error = run(&options).await.unwrap_err();
    assert!(matches!(error, MirrorError::Inconsistent { rounds: 3, .. }), "{error}");
    assert!(error.to_string().contains("stays as it was"), "{error}");
    assert!(proxy.asked("repomd.xml") >= 3);
    changed.old_then_new().await;
}

#[tokio::test]
async fn a_primary_that_is_right_the_second_time_is_taken() {
    let changed = Changed::new().await;
    let (_proxy, options) =
        changed.proxy(|path, nth| if path.contains("primary") && nth == 0 { Fault::Garble } else { Fault::None }).await;
    run(&options).await.unwrap();
    assert_eq!(complete(changed.dir.path()), NEW);
}

#[tokio::test]
async fn a_repository_that_changes_meanwhile_is_read_anew() {
    let changed = Changed::new().await;
    let (folder, done) = (changed.source.path().to_owned(), Arc::new(AtomicBool::new(false)));
    let (_proxy, options) = changed
        .proxy(move |path, _| {
            if package(path) && !done.swap(true, Ordering::SeqCst) {
                // The package is taken away before it can be fetched.
                let source = folder.clone();
                std::thread::spawn(move || republish(&source)).join().unwrap();
            }
            Fault::None
        })
        .await;
    run(&options).await.unwrap();
    assert_eq!(complete(changed.dir.path()), ["a-1-1.noarch", "d-1-1.noarch"]);
    same_metadata(changed.source.path(), changed.dir.path());
}

fn republish(source: &Path) {
    let records = [("a-1-1.noarch", b"aa"), ("d-1-1.noarch", b"dd")].map(|(nevra, content)| {
        let record = crate::support::record(nevra, content);
        fs_err::write(source.join(&record.location_href), content).unwrap();
        record
    });
    let output = copr_repodata::Output {
        compression: copr_repodata::Compression::Zstd,
        ..copr_repodata::Output::new(std::time::UNIX_EPOCH + Duration::from_secs(1_600_009_000))
    };
    copr_repodata::Publisher::new(source, output).replace(&records).unwrap();
    fs_err::remove_file(source.join("Packages/c-1-1.noarch.rpm")).unwrap();
}

#[tokio::test]
async fn a_process_that_is_killed_leaves_the_old_mirror_and_its_work() {
    // What a killed process leaves: a lock file that nobody holds, half a new generation, a line that was not finished.
    let changed = Changed::new().await;
    let work = changed.dir.path().join(".copr-mirror");
    fs_err::create_dir_all(work.join("next/repodata")).unwrap();
    fs_err::write(work.join("next/repodata/repomd.xml"), b"<half").unwrap();
    fs_err::create_dir_all(work.join("snapshot/x")).unwrap();
    let mut verified = fs_err::read(work.join("verified")).unwrap();
    verified.extend(b"sha256:0123");
    fs_err::write(work.join("verified"), verified).unwrap();
    changed.old_then_new().await;
}

#[tokio::test]
async fn metadata_that_lead_out_of_the_mirror_are_refused() {
    let changed = Changed::new().await;
    let index = fs_err::read_to_string(changed.source.path().join("repodata/repomd.xml")).unwrap();
    for (from, to) in [
        ("href=\"repodata/", "href=\"../repodata/"),
        ("href=\"repodata/", "href=\"/repodata/"),
        ("href=\"repodata/", "href=\".copr-mirror/"),
        ("href=\"repodata/", "href=\"repodata/repomd.xml."),
    ] {
        let bad = index.replace(from, to).into_bytes();
        let (_proxy, options) = changed
            .proxy(move |path, _| if path.ends_with("repomd.xml") { Fault::Body(bad.clone()) } else { Fault::None })
            .await;
        run(&options).await.unwrap_err();
        assert_eq!(complete(changed.dir.path()), OLD);
    }
    changed.old_then_new().await;
}
