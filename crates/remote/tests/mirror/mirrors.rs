//! Metalinks and lists of mirrors, and mirrors that are down, behind, or liars.

use std::path::Path;

use copr_remote::mirror::{MirrorError, Origin};
use copr_repodata::{Checksum, ChecksumKind};

use crate::support::{Fault, Nginx, Proxy, Source, complete, noise, options, run, same_metadata};

/// What a metalink says of a repomd.xml.
fn version(repomd: &[u8]) -> String {
    let (checksum, size) = Checksum::of(ChecksumKind::Sha256, repomd).unwrap();
    format!("<size>{size}</size><verification><hash type=\"sha256\">{}</hash></verification>", checksum.hex)
}

fn metalink(newest: &str, older: &[String], mirrors: &[&str]) -> String {
    let alternates: String = older.iter().map(|version| format!("<mm0:alternate>{version}</mm0:alternate>")).collect();
    let urls: String = mirrors
        .iter()
        .enumerate()
        .map(|(n, url)| format!("<url protocol=\"http\" preference=\"{}\">{url}/repodata/repomd.xml</url>", 100 - n))
        .collect();
    format!(
        "<?xml version=\"1.0\"?><metalink version=\"3.0\" xmlns=\"http://www.metalinker.org/\" \
         xmlns:mm0=\"http://fedorahosted.org/mirrormanager\"><files><file name=\"repomd.xml\">{newest}\
         <mm0:alternates>{alternates}</mm0:alternates><resources>{urls}</resources></file></files></metalink>"
    )
}

fn repomd(dir: &Path) -> Vec<u8> {
    fs_err::read(dir.join("repodata/repomd.xml")).unwrap()
}

/// A port where nobody listens.
fn nobody() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

/// Twelve packages of some size.
fn twelve() -> Source {
    let contents: Vec<(String, Vec<u8>)> = (0..12).map(|n| (format!("p{n}-1-1.noarch"), noise(2000, n))).collect();
    let packages: Vec<(&str, &[u8])> =
        contents.iter().map(|(name, content)| (name.as_str(), content.as_slice())).collect();
    Source::new(&packages)
}

#[tokio::test]
async fn several_mirrors_share_the_work_and_those_that_fail_or_lie_are_left() {
    let source = twelve();
    let nginx = Nginx::serve(source.path());
    let good = Proxy::before(&nginx, |_, _| Fault::None).await;
    let other = Proxy::before(&nginx, |_, _| Fault::None).await;
    let liar = Proxy::before(&nginx, |path, _| if path.ends_with(".rpm") { Fault::Garble } else { Fault::None }).await;
    let sick = Proxy::before(&nginx, |_, _| Fault::Instead("500 Oh".to_owned())).await;
    let down = nobody();
    let list = metalink(&version(&repomd(source.path())), &[], &[&sick.url, &down, &liar.url, &good.url, &other.url]);
    fs_err::write(source.path().join("list"), list).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(dir.path(), "");
    // Told by what it says that it is a metalink.
    options.origin = Origin::Any(format!("{}/list", nginx.url()));
    options.connections = 4;
    run(&options).await.unwrap();
    assert_eq!(complete(dir.path()).len(), 12);
    same_metadata(source.path(), dir.path());
    assert!(good.asked(".rpm") > 0 && other.asked(".rpm") > 0, "both were used");
    assert!(liar.asked(".rpm") <= 4, "a liar is left: {} requests", liar.asked(".rpm"));
}

#[tokio::test]
async fn an_index_that_the_metalink_does_not_know_is_not_believed() {
    let (source, evil) = (Source::new(&[("a-1-1.noarch", b"aa")]), Source::new(&[("evil-1-1.noarch", b"ee")]));
    let (nginx, bad) = (Nginx::serve(source.path()), Nginx::serve(evil.path()));
    let newest = version(&repomd(source.path()));
    fs_err::write(source.path().join("list"), metalink(&newest, &[], &[&bad.url(), &nginx.url()])).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(dir.path(), "");
    options.origin = Origin::Metalink(format!("{}/list?repo=x&arch=y", nginx.url()));
    run(&options).await.unwrap();
    assert_eq!(complete(dir.path()), ["a-1-1.noarch"]);
    // Nobody but the liar is left.
    fs_err::write(source.path().join("list"), metalink(&newest, &[], &[&bad.url()])).unwrap();
    let error = run(&options).await.unwrap_err();
    assert!(error.to_string().contains("none of the versions that the metalink names"), "{error}");
    assert_eq!(complete(dir.path()), ["a-1-1.noarch"]);
}

#[tokio::test]
async fn a_mirror_that_is_behind_is_used_when_no_other_has_the_newest() {
    let (old, new) =
        (Source::new(&[("a-1-1.noarch", b"aa")]), Source::new(&[("a-1-1.noarch", b"aa"), ("b-1-1.noarch", b"bb")]));
    let (behind, ahead) = (Nginx::serve(old.path()), Nginx::serve(new.path()));
    let older = [version(&repomd(old.path()))];
    let newest = version(&repomd(new.path()));
    let list = tempfile::tempdir().unwrap();
    let served = Nginx::serve(list.path());
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(dir.path(), "");
    options.origin = Origin::Metalink(format!("{}/list", served.url()));
    fs_err::write(list.path().join("list"), metalink(&newest, &older, &[&behind.url(), &ahead.url()])).unwrap();
    let done = run(&options).await.unwrap();
    assert_eq!((complete(dir.path()).len(), done.warnings.len()), (2, 0), "the newest one, though it is listed second");

    let fresh = tempfile::tempdir().unwrap();
    options.dir = fresh.path().to_owned();
    fs_err::write(list.path().join("list"), metalink(&newest, &older, &[&behind.url(), &nobody()])).unwrap();
    let done = run(&options).await.unwrap();
    assert_eq!(complete(fresh.path()), ["a-1-1.noarch"]);
    assert!(done.warnings[0].contains("older"), "{:?}", done.warnings);
}

#[tokio::test]
async fn a_plain_list_of_mirrors_does_not_lead_back_in_time() {
    let (old, new) =
        (Source::new(&[("a-1-1.noarch", b"aa")]), Source::new(&[("a-1-1.noarch", b"aa"), ("b-1-1.noarch", b"bb")]));
    let (behind, ahead) = (Nginx::serve(old.path()), Nginx::serve(new.path()));
    let list = tempfile::tempdir().unwrap();
    let served = Nginx::serve(list.path());
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(dir.path(), "");
    options.origin = Origin::Mirrorlist(format!("{}/list", served.url()));
    fs_err::write(list.path().join("list"), format!("# two\n{}\n{}\n", ahead.url(), behind.url())).unwrap();
    run(&options).await.unwrap();
    fs_err::write(list.path().join("list"), format!("{}\n{}\n", behind.url(), ahead.url())).unwrap();
    assert!(!run(&options).await.unwrap().changed);
    assert_eq!(complete(dir.path()).len(), 2);
}

#[tokio::test]
async fn what_is_no_repository_and_no_list_is_told() {
    let folder = tempfile::tempdir().unwrap();
    fs_err::write(folder.path().join("page"), "<html>hello</html>").unwrap();
    let nginx = Nginx::serve(folder.path());
    let dir = tempfile::tempdir().unwrap();
    for address in ["", "/nothing", "/page"] {
        let error = run(&options(dir.path(), &format!("{}{address}", nginx.url()))).await.unwrap_err();
        assert!(matches!(error, MirrorError::NoRepository { .. }), "{address}: {error}");
    }
    let mut options = options(dir.path(), "");
    options.origin = Origin::Metalink(format!("{}/page", nginx.url()));
    assert!(matches!(run(&options).await.unwrap_err(), MirrorError::NoRepository { .. }));
    fs_err::write(folder.path().join("list"), "file:///etc\n").unwrap();
    options.origin = Origin::Mirrorlist(format!("{}/list", nginx.url()));
    options.allow_file = true;
    assert!(
        matches!(run(&options).await.unwrap_err(), MirrorError::NoRepository { .. }),
        "no list leads to files of ours"
    );
}
