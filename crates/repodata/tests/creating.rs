//! Metadata of a folder of packages.

use crate::small_rpm::{archive, entries, rpm, text};
use copr_repodata::create::{CreateOptions, Created, Progress, Update, create};
use copr_repodata::{Error, Output, read};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, UNIX_EPOCH};

fn options() -> CreateOptions {
    let output = Output::new(UNIX_EPOCH + Duration::from_secs(1_700_000_000));
    CreateOptions::new(Output { workers: 2, ..output })
}

fn run(dir: &Path) -> Result<Created, Error> {
    create(&[dir.to_owned()], &options(), &|_| ())
}

fn put(path: &Path, name: &str) {
    fs_err::create_dir_all(path.parent().unwrap()).unwrap();
    let mut all = entries();
    all.retain(|(tag, _)| *tag != 1000);
    all.push((1000, text(name)));
    fs_err::write(path, rpm(&all, &archive())).unwrap();
}

fn hrefs(dir: &Path) -> Vec<String> {
    read::load(dir).unwrap().into_iter().map(|r| r.location_href).collect()
}

#[test]
fn packages_of_a_folder_and_those_below_are_found() {
    let dir = tempfile::tempdir().unwrap();
    put(&dir.path().join("z/a.rpm"), "a");
    put(&dir.path().join("b c&é.rpm"), "b");
    fs_err::write(dir.path().join("README"), "no package").unwrap();
    let created = run(dir.path()).unwrap();
    assert_eq!((created.published.packages, created.skipped.len()), (2, 0));
    assert_eq!(hrefs(dir.path()), ["z/a.rpm", "b c&é.rpm"]);
}

#[test]
fn an_empty_folder_gives_a_valid_empty_repository() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(run(dir.path()).unwrap().published.packages, 0);
    assert!(hrefs(dir.path()).is_empty());
}

#[test]
fn a_broken_package_is_left_out_and_named() {
    let dir = tempfile::tempdir().unwrap();
    put(&dir.path().join("good.rpm"), "good");
    fs_err::write(dir.path().join("bad.rpm"), "not an RPM at all").unwrap();
    fs_err::write(dir.path().join("empty.rpm"), "").unwrap();
    let created = run(dir.path()).unwrap();
    let skipped: Vec<_> = created.skipped.iter().map(|s| s.path.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(skipped, ["bad.rpm", "empty.rpm"]);
    assert!(created.skipped[0].error.to_string().contains("not an RPM"));
    assert_eq!(hrefs(dir.path()), ["good.rpm"]);
}

#[test]
fn packages_that_are_gone_leave_the_metadata() {
    let dir = tempfile::tempdir().unwrap();
    put(&dir.path().join("a.rpm"), "a");
    put(&dir.path().join("b.rpm"), "b");
    run(dir.path()).unwrap();
    fs_err::remove_file(dir.path().join("a.rpm")).unwrap();
    let options = CreateOptions { update: Some(Update::default()), ..options() };
    let again = create(&[dir.path().to_owned()], &options, &|_| ()).unwrap().published;
    assert_eq!((again.removed, again.added, again.packages), (1, 0, 1));
    assert_eq!(hrefs(dir.path()), ["b.rpm"]);
    assert!(!run(dir.path()).unwrap().published.changed);
}

#[test]
fn metadata_can_go_elsewhere() {
    let (dir, output) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    put(&dir.path().join("a.rpm"), "a");
    let options = CreateOptions { output_dir: Some(output.path().to_owned()), ..options() };
    create(&[dir.path().to_owned()], &options, &|_| ()).unwrap();
    assert!(!dir.path().join("repodata").exists());
    assert_eq!(hrefs(output.path()), ["a.rpm"]);
}

#[test]
fn progress_tells_of_every_package() {
    let dir = tempfile::tempdir().unwrap();
    put(&dir.path().join("a.rpm"), "a");
    fs_err::write(dir.path().join("bad.rpm"), "bad").unwrap();
    let (found, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    create(&[dir.path().to_owned()], &options(), &|progress| match progress {
        Progress::Found { packages, .. } => found.store(packages, Ordering::Relaxed),
        Progress::Read(_) | Progress::Skipped(_) => {
            done.fetch_add(1, Ordering::Relaxed);
        }
        Progress::Warning(warning) => panic!("{warning}"),
        Progress::Writing => {}
    })
    .unwrap();
    assert_eq!((found.into_inner(), done.into_inner()), (2, 2));
}

#[test]
fn a_folder_that_is_not_there_is_an_error_and_is_not_made() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("missing");
    assert!(run(&missing).unwrap_err().to_string().contains("missing"));
    assert!(!missing.exists());
}
