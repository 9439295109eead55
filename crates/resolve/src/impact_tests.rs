//! What a change breaks, and what it repairs.

use super::*;
use crate::test_support::pool;

/// What becomes of `old` when `new` is published and packages named `gone` are withdrawn.
fn change(old: &str, new: &str, gone: &[&str]) -> (Pool, Impact) {
    change_of(old, ("new", new), gone, false)
}

fn change_of(old: &str, new: (&str, &str), gone: &[&str], keep_old: bool) -> (Pool, Impact) {
    let pool = pool(&[("old", old), new]);
    let withdrawn = pool.ids_of(0).filter(|id| gone.contains(&pool.text(pool.name(*id))));
    let change = Change {
        published: PackageSet::of_repositories(&pool, &[1]),
        withdrawn: PackageSet::of(&pool, withdrawn),
        keep_old,
    };
    let all = PackageSet::all(&pool);
    let found = impact(&pool, &change, &all, &all);
    (pool, found)
}

fn broken((pool, found): &(Pool, Impact)) -> Vec<String> {
    let line = |(id, requirements): &(PackageId, Vec<Broken>)| {
        let each = requirements.iter().map(|one| {
            let was: Vec<String> = one.was.iter().map(|id| pool.nevra(*id).to_string()).collect();
            format!("{} (was {})", pool.dependency(one.requirement), was.join(" "))
        });
        format!("{}: {}", pool.nevra(*id), each.collect::<Vec<_>>().join(", "))
    };
    found.broken.iter().map(line).collect()
}

fn superseded_names((pool, found): &(Pool, Impact)) -> Vec<String> {
    found.superseded.iter().map(|one| pool.nevra(one.old).to_string()).collect()
}

const OLD: &str = "app-1-1.noarch; requires libx.so.1, missing
                   lib-1-1.noarch; provides libx.so.1";

#[test]
fn a_new_version_without_an_old_capability_breaks_who_needs_it() {
    let done = change(OLD, "lib-2-1.noarch; provides libx.so.2", &[]);
    assert_eq!(superseded_names(&done), ["lib-1-1.noarch"]);
    assert_eq!(broken(&done), ["app-1-1.noarch: libx.so.1 (was lib-1-1.noarch)"]);
    assert!(!done.1.is_harmless());
}

#[test]
fn a_new_version_that_keeps_the_capability_breaks_nothing() {
    let done = change(OLD, "lib-2-1.noarch; provides libx.so.1", &[]);
    assert_eq!(broken(&done), [""; 0]);
    assert!(done.1.is_harmless());
}

#[test]
fn what_is_published_together_is_judged_together() {
    let done = change(OLD, "lib-2-1.noarch; provides libx.so.2\napp-2-1.noarch; requires libx.so.2", &[]);
    assert!(done.1.is_harmless(), "{:?}", done.1);
}

#[test]
fn where_old_versions_stay_nothing_is_superseded() {
    let done = change_of(OLD, ("new", "lib-2-1.noarch; provides libx.so.2"), &[], true);
    assert!(done.1.is_harmless() && done.1.superseded.is_empty());
}

#[test]
fn an_older_version_supersedes_nothing_unless_its_repository_has_the_better_priority() {
    let older = "lib-0.9-1.noarch; provides libx.so.0";
    assert_eq!(superseded_names(&change(OLD, older, &[])), [""; 0]);
    let better = change_of(OLD, ("new@50", older), &[], false);
    assert_eq!(broken(&better), ["app-1-1.noarch: libx.so.1 (was lib-1-1.noarch)"]);
    let worse = change_of(OLD, ("new@150", "lib-2-1.noarch; provides libx.so.2"), &[], false);
    assert_eq!(superseded_names(&worse), [""; 0]);
}

#[test]
fn what_is_obsoleted_goes_too_by_name_and_version() {
    let done = change(OLD, "newlib-1-1.noarch; obsoletes lib < 2", &[]);
    assert_eq!(broken(&done), ["app-1-1.noarch: libx.so.1 (was lib-1-1.noarch)"]);
    assert!(done.1.superseded[0].obsoleted);
    assert_eq!(superseded_names(&change(OLD, "newlib-1-1.noarch; obsoletes lib < 1", &[])), [""; 0]);
    assert_eq!(superseded_names(&change(OLD, "newlib-1-1.noarch; obsoletes libx.so.1", &[])), [""; 0]);
}

#[test]
fn another_architecture_of_a_package_stays() {
    let old = "lib-1-1.i686; provides libx.so.1\nlib-1-1.x86_64\napp-1-1.i686; requires libx.so.1";
    assert_eq!(superseded_names(&change(old, "lib-2-1.x86_64", &[])), ["lib-1-1.x86_64"]);
    assert_eq!(superseded_names(&change(old, "lib-2-1.noarch", &[])), ["lib-1-1.i686", "lib-1-1.x86_64"]);
}

#[test]
fn withdrawing_a_package_breaks_who_needs_it() {
    let done = change(OLD, "", &["lib"]);
    assert_eq!(broken(&done), ["app-1-1.noarch: libx.so.1 (was lib-1-1.noarch)"]);
}

#[test]
fn what_is_published_may_lack_something_itself_and_may_repair_others() {
    let done = change(OLD, "missing-1-1.noarch; requires nowhere", &[]);
    let (pool, found) = &done;
    assert_eq!(broken(&done), [""; 0]);
    let names = |list: &[Unsatisfied]| list.iter().map(|one| pool.nevra(one.package).to_string()).collect::<Vec<_>>();
    assert_eq!(names(&found.unsatisfied), ["missing-1-1.noarch"]);
    assert_eq!(names(&found.repaired), ["app-1-1.noarch"]);
    assert!(!found.is_harmless());
}

/// What can no longer be installed, with how many reasons told.
fn lost((pool, found): &(Pool, Impact), most: usize) -> (Vec<String>, bool) {
    let (lost, all) = uninstallable(pool, found, &PackageSet::all(pool), most);
    assert!(lost.iter().all(|one| !one.reasons.is_empty()));
    (lost.iter().map(|one| pool.nevra(one.package).to_string()).collect(), all)
}

#[test]
fn what_needs_a_broken_package_is_found_to_the_end() {
    let done = change(
        "app-1-1.noarch; requires libx.so.1
         top-1-1.noarch; requires app
         above-1-1.noarch; requires top
         safe-1-1.noarch; requires (app or safe)
         lib-1-1.noarch; provides libx.so.1",
        "lib-2-1.noarch",
        &[],
    );
    assert_eq!(broken(&done), ["app-1-1.noarch: libx.so.1 (was lib-1-1.noarch)"]);
    assert_eq!(lost(&done, 100), (vec!["top-1-1.noarch".to_owned(), "above-1-1.noarch".to_owned()], true));
    assert!(!lost(&done, 1).1, "told that not all were tried");
}

#[test]
fn a_new_conflict_is_found_where_every_requirement_is_satisfied() {
    let done = change(
        "app-1-1.noarch; requires lib, tool\nlib-1-1.noarch\ntool-1-1.noarch",
        "lib-2-1.noarch; conflicts tool",
        &[],
    );
    assert!(done.1.is_harmless());
    assert_eq!(lost(&done, 100).0, ["app-1-1.noarch"]);
}

#[test]
fn what_could_not_be_installed_before_is_no_loss() {
    let done = change("app-1-1.noarch; requires lib, nowhere\nlib-1-1.noarch", "lib-2-1.noarch", &[]);
    assert_eq!(lost(&done, 100), (Vec::new(), true));
}
