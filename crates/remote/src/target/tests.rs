use object_store::memory::InMemory;

use super::*;

fn sum(bytes: &[u8]) -> Checksum {
    Checksum::of(ChecksumKind::Sha256, bytes).unwrap().0
}

fn file(dir: &Path, bytes: &[u8]) -> std::path::PathBuf {
    let path = dir.join("local");
    fs_err::write(&path, bytes).unwrap();
    path
}

/// A place of each kind that needs no server.
fn places(dir: &Path) -> [Target; 2] {
    let objects = Target::objects(Arc::new(InMemory::new()), "a/b", "s3://bucket/a/b").unwrap();
    [Target::folder(&dir.join("place")), objects]
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    for bad in ["", "/etc/passwd", "../x", "a/../x", "a//b", "./a", "a/.", "http://e/x", "a\\b", "a\nb", "a/"] {
        assert!(matches!(safe("here", bad), Err(Error::Refused { .. })), "{bad:?}");
    }
    for good in ["repodata/repomd.xml", "Packages/a/a-1^2~rc+1.rpm", ".hidden", "a b"] {
        safe("here", good).unwrap();
    }
}

#[tokio::test]
async fn what_is_put_is_there_under_the_name_that_it_was_given() {
    let dir = tempfile::tempdir().unwrap();
    for place in places(dir.path()) {
        let (path, name) = (file(dir.path(), b"the package"), "p/a-1^2~rc+1.rpm");
        let right = sum(b"the package");
        assert!(!place.holds(name, &right, 11).await.unwrap(), "{place}");
        place.put(&path, name, &right, 11, &no_progress()).await.unwrap();
        assert!(place.holds(name, &right, 11).await.unwrap(), "{place}");
        assert!(!place.holds(name, &right, 12).await.unwrap(), "{place}");
        assert!(!place.holds(name, &sum(b"another one"), 11).await.unwrap(), "{place}");
        let entries = place.list("p").await.unwrap().unwrap();
        assert_eq!(entries, [Entry { name: name.to_owned(), size: 11 }], "{place}");

        let to = dir.path().join("fetched");
        place.fetch(name, &right, None, 100, &to).await.unwrap();
        assert_eq!(fs_err::read(&to).unwrap(), b"the package");
        fs_err::remove_file(&to).unwrap();
        for (checksum, size, limit) in [(sum(b"x"), None, 100), (right.clone(), Some(10), 100), (right, None, 10)] {
            place.fetch(name, &checksum, size, limit, &to).await.unwrap_err();
            assert!(!to.exists());
        }

        place.delete(name).await.unwrap();
        place.delete(name).await.unwrap();
        assert!(place.list("p").await.unwrap().unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_local_file_that_is_another_one_by_now_is_not_put() {
    let dir = tempfile::tempdir().unwrap();
    for place in places(dir.path()) {
        for now in [&b"the pAckage"[..], b"the pack", b"the package, longer"] {
            let path = file(dir.path(), now);
            let error = place.put(&path, "a.rpm", &sum(b"the package"), 11, &no_progress()).await.unwrap_err();
            assert!(error.to_string().contains("changed while it was uploaded"), "{place}: {error}");
            assert_eq!(place.read("a.rpm", 100).await.unwrap().map(|there| there.bytes), None, "{place}");
            let left = place.list("repodata").await.unwrap().unwrap();
            assert!(left.is_empty(), "{place}: {left:?}");
        }
    }
}

#[tokio::test]
async fn an_index_is_replaced_only_if_it_is_what_was_read() {
    let dir = tempfile::tempdir().unwrap();
    for place in places(dir.path()) {
        let name = "repodata/repomd.xml";
        assert!(place.read(name, 100).await.unwrap().is_none());
        assert_eq!(place.put_index(name, b"one".into(), None).await.unwrap(), Put::Done);
        assert_eq!(place.put_index(name, b"two".into(), None).await.unwrap(), Put::Changed);
        let one = place.read(name, 100).await.unwrap().unwrap();
        assert_eq!(one.bytes, b"one");
        assert_eq!(place.put_index(name, b"two".into(), Some(&one.tag)).await.unwrap(), Put::Done);
        assert_eq!(place.put_index(name, b"three".into(), Some(&one.tag)).await.unwrap(), Put::Changed);
        let two = place.read(name, 100).await.unwrap().unwrap();
        assert_eq!(two.bytes, b"two");
        place.delete(name).await.unwrap();
        assert_eq!(place.put_index(name, b"three".into(), Some(&two.tag)).await.unwrap(), Put::Changed);
        assert!(matches!(place.read("big", 100).await, Ok(None)));
        place.put_small("big", vec![b'x'; 101]).await.unwrap();
        assert!(matches!(place.read("big", 100).await, Err(Error::TooLong { limit: 100, .. })));
    }
}

#[tokio::test]
async fn a_folder_that_createrepo_c_is_writing_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    fs_err::create_dir_all(dir.path().join(".repodata")).unwrap();
    let error = Target::folder(dir.path()).put_index("repodata/repomd.xml", b"x".into(), None).await.unwrap_err();
    assert!(error.to_string().contains("another process is writing"), "{error}");
}

#[tokio::test]
async fn a_large_object_goes_in_parts() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = vec![7; 40 << 20];
    let (path, right) = (file(dir.path(), &bytes), sum(&bytes));
    let [_, objects] = places(dir.path());
    let sent = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let count = sent.clone();
    let progress: Progress = Arc::new(move |bytes| {
        count.fetch_add(bytes, std::sync::atomic::Ordering::Relaxed);
    });
    objects.put(&path, "large.rpm", &right, bytes.len() as u64, &progress).await.unwrap();
    assert_eq!(sent.load(std::sync::atomic::Ordering::Relaxed), bytes.len() as u64);
    let to = dir.path().join("fetched");
    objects.fetch("large.rpm", &right, Some(bytes.len() as u64), 1 << 30, &to).await.unwrap();
}
