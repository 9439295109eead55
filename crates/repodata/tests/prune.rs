//! Old versions taken out of a repository.

use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

use crate::shelf::{self, add_metadata, index, output, package, publish, store};
use copr_repodata::prune::{FileFate, PruneOptions, PruneResult, prune};
use copr_repodata::{Compression, Output, Publisher, read};

fn keep(count: usize) -> PruneOptions {
    PruneOptions::new(NonZeroUsize::new(count).unwrap())
}

fn left(dir: &Path) -> Vec<String> {
    read::load(dir).unwrap().into_iter().map(|record| record.nevra.to_string()).collect()
}

fn gone(result: &PruneResult) -> Vec<String> {
    result.pruned.iter().map(|package| package.nevra.to_string()).collect()
}

#[test]
fn the_newest_versions_by_the_order_of_rpm_stay_of_each_name_and_architecture() {
    let dir = tempfile::tempdir().unwrap();
    let all = ["a-1.9-1.noarch", "a-1.10-1.noarch", "a-1.10~rc1-1.noarch", "a-1:0-1.noarch", "a-1-1.src", "a-2-1.src"];
    let packages: Vec<_> = all.iter().chain(&["b-1-1.i686", "b-2-1.x86_64"]).map(|name| package(name)).collect();
    publish(dir.path(), 1, &packages);
    let result = prune(dir.path(), &keep(2), &output(2)).unwrap();
    assert_eq!(gone(&result), ["a-1.10~rc1-1.noarch", "a-1.9-1.noarch"]);
    assert_eq!((result.published.packages, result.published.removed, result.published.revision.as_str()), (6, 2, "2"));
    prune(dir.path(), &keep(1), &output(3)).unwrap();
    assert_eq!(left(dir.path()), ["a-1:0-1.noarch", "a-2-1.src", "b-1-1.i686", "b-2-1.x86_64"]);
    let before = index(dir.path());
    let again = prune(dir.path(), &keep(1), &output(4)).unwrap();
    assert_eq!((again.pruned.len(), again.published.changed, index(dir.path())), (0, false, before));
}

#[test]
fn what_stays_is_as_it_was_and_other_metadata_stay() {
    let dir = tempfile::tempdir().unwrap();
    let kept = package("a-2-1.noarch");
    let with = Output { compression: Compression::Zstd, databases: Some(Compression::Xz), ..output(1) };
    Publisher::new(dir.path(), with).replace(&[package("a-1-1.noarch"), kept.clone()]).unwrap();
    add_metadata(dir.path(), "group", "comps.xml", "<comps/>");
    let before = index(dir.path());
    prune(dir.path(), &keep(1), &Output { workers: 2, ..Output::like(&before, shelf::at(2)) }).unwrap();
    assert_eq!(read::load(dir.path()).unwrap(), [kept]);
    let kinds = |repomd: &copr_repodata::Repomd| -> Vec<(String, String)> {
        let suffix = |href: &str| href.rsplit_once('.').unwrap().1.to_owned();
        repomd.records.iter().map(|record| (record.kind.clone(), suffix(&record.location_href))).collect()
    };
    assert_eq!(kinds(&index(dir.path())), kinds(&before));
    assert_eq!(index(dir.path()).record("group"), before.record("group"));
}

#[test]
fn packages_of_one_version_stay_or_go_together() {
    let dir = tempfile::tempdir().unwrap();
    let (old, new) = (package("a-1-1.noarch"), package("a-2-1.noarch"));
    let mut packages = vec![old.clone(), old, new.clone(), new];
    packages[1].location_href = "copy/a1.rpm".to_owned();
    packages[3].location_href = "copy/a2.rpm".to_owned();
    publish(dir.path(), 1, &packages);
    prune(dir.path(), &keep(1), &output(2)).unwrap();
    assert_eq!(left(dir.path()), ["a-2-1.noarch", "a-2-1.noarch"]);
}

#[test]
fn young_packages_and_those_of_modules_stay() {
    let dir = tempfile::tempdir().unwrap();
    let module = ["m-1-1.module+el9+7.noarch", "m-2-1.module+el9+8.noarch"].map(package);
    let mut packages = vec![package("a-1-1.noarch"), package("a-2-1.noarch"), package("a-3-1.noarch")];
    packages[1].time_build = 2_000_000_000;
    publish(dir.path(), 1, &packages);
    shelf::publish_more(dir.path(), 2, &module);
    add_metadata(dir.path(), "modules", "modules.yaml", "---\n");
    let week = Duration::from_secs(7 * 86400);
    let young = PruneOptions { keep_younger: Some(week), ..keep(1) };
    assert_eq!(gone(&prune(dir.path(), &young, &output(2_000_000_000 + 86400)).unwrap()), ["a-1-1.noarch"]);
    assert_eq!(gone(&prune(dir.path(), &young, &output(2_000_000_000 + 8 * 86400)).unwrap()), ["a-2-1.noarch"]);
    assert_eq!(left(dir.path()).len(), 3);
}

#[test]
fn a_dry_run_tells_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let packages = [package("a-1-1.noarch"), package("a-2-1.noarch")];
    publish(dir.path(), 1, &packages);
    store(dir.path(), &packages);
    let before = index(dir.path());
    let dry = PruneOptions { dry_run: true, delete_files: true, ..keep(1) };
    let result = prune(dir.path(), &dry, &output(2)).unwrap();
    assert_eq!((gone(&result), result.published.packages), (vec!["a-1-1.noarch".to_owned()], 1));
    assert_eq!((result.pruned[0].file.clone(), result.published.changed), (FileFate::NotAsked, false));
    assert_eq!(index(dir.path()), before);
    assert!(dir.path().join(&packages[0].location_href).exists());
}

#[test]
fn files_are_removed_on_request_and_never_outside_the_repository() {
    let (dir, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut packages: Vec<_> = ["plain", "linked", "pool", "other", "up", "gone", "shared"]
        .map(|name| package(&format!("{name}-1-1.noarch")))
        .into();
    packages[2].location_href = "pool/pool.rpm".to_owned();
    packages[4].location_href = "../up.rpm".to_owned();
    let mut newer: Vec<_> = packages.iter().map(|p| package(&format!("{}-2-1.noarch", p.nevra.name))).collect();
    store(dir.path(), &packages[..2]);
    store(dir.path(), &newer);
    // A link as a file, a link as a folder, a file that is another package by now, and one that two packages have.
    let target = outside.path().join("target.rpm");
    fs_err::rename(dir.path().join(&packages[1].location_href), &target).unwrap();
    fs_err::os::unix::fs::symlink(&target, dir.path().join(&packages[1].location_href)).unwrap();
    fs_err::os::unix::fs::symlink(outside.path(), dir.path().join("pool")).unwrap();
    let pooled = outside.path().join("pool.rpm");
    fs_err::write(&pooled, shelf::content("pool-1-1.noarch")).unwrap();
    fs_err::write(dir.path().join(&packages[3].location_href), "something else").unwrap();
    let up = dir.path().parent().unwrap().join("up.rpm");
    let shared = format!("./{}", newer[6].location_href);
    packages[6].location_href = shared;
    newer.extend(packages);
    publish(dir.path(), 1, &newer);

    let result = prune(dir.path(), &PruneOptions { delete_files: true, ..keep(1) }, &output(2)).unwrap();
    let fate = |name: &str| result.pruned.iter().find(|p| p.nevra.name == name).unwrap().file.clone();
    assert_eq!((fate("plain"), fate("linked"), fate("gone")), (FileFate::Removed, FileFate::Removed, FileFate::Gone));
    for (name, reason) in
        [("pool", "folder leads out"), ("up", "leads out"), ("other", "14 bytes"), ("shared", "that stays has it")]
    {
        assert!(matches!(fate(name), FileFate::Left(why) if why.contains(reason)), "{name}: {:?}", fate(name));
    }
    assert!(target.exists() && pooled.exists() && !up.exists());
    let files = fs_err::read_dir(dir.path().join("Packages")).unwrap().count();
    assert_eq!(files, 8, "seven new ones, and the one that is something else");
    assert_eq!(left(dir.path()).len(), 7);
}

#[test]
fn where_there_are_no_metadata_nothing_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let error = prune(dir.path(), &keep(1), &output(1)).unwrap_err().to_string();
    assert!(error.contains("repomd.xml"), "{error}");
    assert_eq!(fs_err::read_dir(dir.path()).unwrap().count(), 0);
}
