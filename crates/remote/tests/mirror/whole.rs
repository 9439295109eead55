//! A mirror from nothing, again, and after changes; what dnf says to it.

use std::process::Command;

use copr_remote::mirror::{Filter, Origin};
use copr_repodata::{Output, create};

use crate::support::{Fault, Nginx, Proxy, Source, complete, noise, options, output, rpms, run, same_metadata};

#[tokio::test]
async fn a_mirror_is_the_repository_byte_for_byte_and_then_there_is_nothing_to_do() {
    let source = Source::new(&[("a-1-1.noarch", b"aa"), ("b-1-1.noarch", b"bb"), ("c-1-1.noarch", b"cc")]);
    let nginx = Nginx::serve(source.path());
    let proxy = Proxy::before(&nginx, |_, _| Fault::None).await;
    let dir = tempfile::tempdir().unwrap();
    let options = options(dir.path(), &proxy.url);

    let first = run(&options).await.unwrap();
    assert_eq!((first.packages, first.fetched, first.fetched_bytes, first.changed), (3, 3, 6, true));
    same_metadata(source.path(), dir.path());
    assert_eq!(complete(dir.path()).len(), 3);
    let asked = proxy.requests();

    let second = run(&options).await.unwrap();
    assert_eq!((second.fetched, second.kept, second.changed), (0, 3, false));
    let again = proxy.requests() - asked;
    assert!(again <= 3, "repomd.xml (twice) and its signature are all that is asked for, not {again} files");
}

#[tokio::test]
async fn only_what_changed_is_fetched() {
    let source = Source::new(&[("a-1-1.noarch", b"aa"), ("b-1-1.noarch", b"bb")]);
    let nginx = Nginx::serve(source.path());
    let proxy = Proxy::before(&nginx, |_, _| Fault::None).await;
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(dir.path(), &proxy.url);
    run(&options).await.unwrap();

    source.publish(&[("a-1-1.noarch", b"aa"), ("b-1-1.noarch", b"BB, rebuilt"), ("c-1-1.noarch", b"cc")]);
    let old = fs_err::read(dir.path().join("repodata/repomd.xml")).unwrap();
    let old = copr_repodata::Repomd::read(&old).unwrap();
    let done = run(&options).await.unwrap();
    assert_eq!((done.fetched, done.kept), (2, 1));
    assert_eq!(proxy.asked("a-1-1"), 1, "it was here");
    assert_eq!(complete(dir.path()), ["a-1-1.noarch", "b-1-1.noarch", "c-1-1.noarch"]);
    same_metadata(source.path(), dir.path());
    for record in &old.records {
        assert!(dir.path().join(&record.location_href).exists(), "whoever has the old repomd.xml finds what it names");
    }

    // A day later the files of the first generation are gone when something changes again.
    options.now += std::time::Duration::from_secs(2 * 86400);
    source.publish(&[("a-1-1.noarch", b"aa")]);
    run(&options).await.unwrap();
    assert!(old.records.iter().all(|record| !dir.path().join(&record.location_href).exists()));
}

#[tokio::test]
async fn what_is_here_without_a_note_of_it_is_read_and_kept() {
    let source = Source::new(&[("a-1-1.noarch", b"aa"), ("b-1-1.noarch", b"bb")]);
    let nginx = Nginx::serve(source.path());
    let dir = tempfile::tempdir().unwrap();
    let options = options(dir.path(), &nginx.url());
    run(&options).await.unwrap();
    fs_err::remove_dir_all(dir.path().join(".copr-mirror")).unwrap();
    // Same size, other content: only reading tells.
    fs_err::write(dir.path().join("Packages/b-1-1.noarch.rpm"), b"xx").unwrap();
    let done = run(&options).await.unwrap();
    assert_eq!((done.fetched, done.kept), (1, 1));
    complete(dir.path());
}

#[tokio::test]
async fn a_file_that_was_changed_without_its_time_is_found_by_verify() {
    let source = Source::new(&[("a-1-1.noarch", b"aa")]);
    let nginx = Nginx::serve(source.path());
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(dir.path(), &nginx.url());
    run(&options).await.unwrap();
    let path = dir.path().join("Packages/a-1-1.noarch.rpm");
    let time = fs_err::metadata(&path).unwrap().modified().unwrap();
    fs_err::write(&path, b"xx").unwrap();
    std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_modified(time).unwrap();
    assert!(!run(&options).await.unwrap().changed, "that is what looking at files costs");
    options.verify = true;
    let done = run(&options).await.unwrap();
    assert_eq!((done.fetched, done.changed), (1, true));
    complete(dir.path());
}

#[tokio::test]
async fn a_filtered_mirror_names_what_is_there_and_nothing_else() {
    let source = Source::new(&[
        ("a-1-1.x86_64", b"a1"),
        ("a-2-1.x86_64", b"a2"),
        ("a-2-1.src", b"as"),
        ("b-1-1.noarch", b"bb"),
        ("b-doc-1-1.noarch", b"bd"),
    ]);
    let nginx = Nginx::serve(source.path());
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(dir.path(), &nginx.url());
    options.filter = Filter {
        arches: vec!["x86_64".to_owned(), "noarch".to_owned()],
        exclude: vec!["*-doc".to_owned()],
        newest_only: true,
        ..Filter::default()
    };
    let done = run(&options).await.unwrap();
    assert_eq!((done.packages, done.of), (2, 5));
    assert_eq!(complete(dir.path()), ["a-2-1.x86_64", "b-1-1.noarch"]);
    assert!(!run(&options).await.unwrap().changed, "nothing is written when nothing changed");

    // Other wishes, same source.
    options.filter.newest_only = false;
    assert_eq!(run(&options).await.unwrap().packages, 3);
    assert_eq!(complete(dir.path()), ["a-1-1.x86_64", "a-2-1.x86_64", "b-1-1.noarch"]);
    options.filter.arches = vec!["s390x".to_owned()];
    assert_eq!(run(&options).await.unwrap().packages, 0);
    assert!(complete(dir.path()).is_empty());
    options.filter = Filter::default();
    run(&options).await.unwrap();
    same_metadata(source.path(), dir.path());
}

#[tokio::test]
async fn dnf_reads_a_mirror_whole_and_filtered() {
    let source = tempfile::tempdir().unwrap();
    for rpm in rpms(source.path()) {
        fs_err::copy(&rpm, source.path().join(rpm.file_name().unwrap())).unwrap();
    }
    fs_err::remove_dir_all(source.path().join("top")).unwrap();
    let output_options = Output::new(std::time::SystemTime::now());
    create::create(&[source.path().to_owned()], &create::CreateOptions::new(output_options), &|_| ()).unwrap();
    let nginx = Nginx::serve(source.path());
    let (whole, part) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    run(&options(whole.path(), &nginx.url())).await.unwrap();
    let mut filtered = options(part.path(), &nginx.url());
    filtered.filter.include = vec!["second".to_owned()];
    run(&filtered).await.unwrap();
    assert_eq!(query(whole.path()), ["first-0:1-1.noarch", "second-0:1-1.noarch"]);
    assert_eq!(query(part.path()), ["second-0:1-1.noarch"]);
}

/// What dnf finds in a repository of this machine; it downloads each package, too.
fn query(dir: &std::path::Path) -> Vec<String> {
    let scratch = tempfile::tempdir().unwrap();
    let dnf = || {
        let mut dnf = Command::new("dnf");
        dnf.env("HOME", scratch.path())
            .arg(format!("--installroot={}", scratch.path().display()))
            .arg(format!("--repofrompath=mirror,file://{}", dir.display()))
            .args(["--releasever=1", "--repo=mirror", "--setopt=mirror.gpgcheck=0", "-q"]);
        dnf
    };
    let found = output(
        dnf().args(["repoquery", "--qf", "FOUND %{name}-%{epoch}:%{version}-%{release}.%{arch}"]).env("LC_ALL", "C"),
    );
    let mut names: Vec<String> =
        found.lines().filter_map(|line| line.strip_prefix("FOUND ")).map(str::to_owned).collect();
    names.sort();
    output(dnf().args(["download", "--destdir"]).arg(scratch.path().join("down")).arg("*"));
    names
}

#[tokio::test]
async fn a_folder_of_this_machine_is_a_source_too() {
    let source = Source::new(&[("a-1-1.noarch", b"aa")]);
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(dir.path(), "");
    options.origin = Origin::Any(format!("file://{}", source.path().display()));
    assert!(run(&options).await.unwrap_err().to_string().contains("not allowed"));
    options.allow_file = true;
    run(&options).await.unwrap();
    same_metadata(source.path(), dir.path());
}

#[tokio::test]
async fn a_dry_run_changes_nothing_and_tells_all() {
    let source = Source::new(&[("a-1-1.noarch", b"aa"), ("b-1-1.noarch", &noise(1000, 1))]);
    let nginx = Nginx::serve(source.path());
    let parent = tempfile::tempdir().unwrap();
    let mut options = options(&parent.path().join("mirror"), &nginx.url());
    options.dry_run = true;
    let plan = run(&options).await.unwrap();
    assert_eq!(plan.would_fetch, ["Packages/a-1-1.noarch.rpm", "Packages/b-1-1.noarch.rpm"]);
    assert_eq!((plan.fetched_bytes, plan.changed), (1002, true));
    assert!(!parent.path().join("mirror").exists());
}
