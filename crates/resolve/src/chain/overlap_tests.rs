//! Repositories made up in a few lines.

use super::*;
use crate::test_support::pool;

const BASE: &str = "bash-5.2-1.x86_64; vendor Fedora
    glibc-2.40-1.x86_64; vendor Fedora
    glibc-2.40-1.i686; vendor Fedora
    tzdata-2026a-1.noarch; vendor Fedora
    oldtool-1-1.x86_64; vendor Fedora
    oldtool-0-1.x86_64; vendor Fedora
    perl-5-1.x86_64; vendor Fedora";

fn told(of: &[Overlaps], pool: &Pool) -> Vec<String> {
    of.iter().flat_map(|of| &of.list).map(|overlap| overlap.describe(pool)).collect()
}

#[test]
fn newer_older_and_equal_packages_are_told_apart() {
    let pool = pool(&[
        ("base", BASE),
        (
            "app",
            "bash-5.3-1.x86_64; vendor Fedora
            glibc-2.40-1.x86_64; vendor Fedora
            tzdata-2025a-1.noarch; vendor Fedora
            app-1-1.x86_64; vendor Copr",
        ),
    ]);
    let found = overlaps(&pool, 1, &[0, 1]);
    assert_eq!(
        told(&found, &pool),
        [
            "bash-5.3-1.x86_64 is newer than bash-5.2-1.x86_64 (repository base)",
            "glibc-2.40-1.x86_64 is of the same version as glibc-2.40-1.x86_64 (repository base), and is not taken",
            "tzdata-2025a-1.noarch is older than tzdata-2026a-1.noarch (repository base), and is not taken",
        ]
    );
    assert_eq!(
        found[0].summary(&pool, 3).to_string(),
        "replaces 1 package of base (1 newer, 1 of the same version, 1 older): bash"
    );
}

#[test]
fn priority_comes_before_version() {
    let other = "bash-5.1-1.x86_64; vendor Fedora";
    let pool = pool(&[("base", BASE), ("better@50", other), ("worse@100", "bash-5.3-1.x86_64; vendor Fedora")]);
    let replaces = |repository: usize| overlaps(&pool, repository, &[0])[0].list[0].replaces;
    assert!(replaces(1), "an older version of a better priority is taken");
    assert!(!replaces(2), "a newer version of a worse priority is not");
    assert_eq!(
        overlaps(&pool, 2, &[0])[0].summary(&pool, 3).to_string(),
        "replaces nothing of base, but has packages of the same names (1 newer)"
    );
}

#[test]
fn what_is_obsoleted_is_replaced_and_only_the_newest_of_it_counts() {
    let pool = pool(&[
        ("base", BASE),
        (
            "app",
            "newtool-1-1.x86_64; obsoletes oldtool < 2, oldtool < 3; vendor Copr
            other-1-1.x86_64; obsoletes perl < 4; vendor Copr",
        ),
    ]);
    let found = overlaps(&pool, 1, &[0]);
    assert_eq!(
        told(&found, &pool),
        ["newtool-1-1.x86_64 obsoletes oldtool-1-1.x86_64 (repository base), vendor changes from Fedora to Copr"]
    );
    assert_eq!(
        found[0].summary(&pool, 3).to_string(),
        "replaces 1 package of base (1 obsoleted, 1 changes vendor): oldtool"
    );
}

#[test]
fn architectures_are_compared_with_their_own_and_with_noarch() {
    let pool = pool(&[
        ("base", BASE),
        ("app", "glibc-2.41-1.i686; vendor F\nperl-6-1.noarch\ntzdata-2027a-1.x86_64\nbash-9-1.s390x\nbash-9-1.i686"),
    ]);
    let lines = told(&overlaps(&pool, 1, &[0]), &pool);
    let starts: Vec<&str> = lines.iter().filter_map(|line| line.split(" (").next()).collect();
    assert_eq!(
        starts,
        [
            "glibc-2.41-1.i686 is newer than glibc-2.40-1.i686",
            "perl-6-1.noarch is newer than perl-5-1.x86_64",
            "tzdata-2027a-1.x86_64 is newer than tzdata-2026a-1.noarch",
        ]
    );
}

#[test]
fn only_the_newest_of_each_side_counts_and_a_summary_has_few_names() {
    let many: String = (0..50).map(|n| format!("lib{n:02}-1-1.x86_64\nlib{n:02}-2-1.x86_64\n")).collect();
    let newer: String = (0..50).map(|n| format!("lib{n:02}-1.5-1.x86_64\nlib{n:02}-3-1.x86_64\n")).collect();
    let pool = pool(&[("base", &many), ("updates", &many), ("app", &newer)]);
    let found = overlaps(&pool, 2, &[0, 1]);
    assert_eq!(found.iter().map(|of| of.list.len()).collect::<Vec<_>>(), [50, 50]);
    assert_eq!(
        found[1].summary(&pool, 2).to_string(),
        "replaces 50 packages of updates (50 newer): lib00, lib01 and 48 more"
    );
}

#[test]
fn repositories_that_have_nothing_in_common_are_not_told() {
    let pool = pool(&[("base", BASE), ("app", "app-1-1.x86_64"), ("empty", "")]);
    assert!(overlaps(&pool, 1, &[0, 1, 2]).is_empty());
    assert!(overlaps(&pool, 2, &[0]).is_empty() && overlaps(&pool, 9, &[0, 8]).is_empty());
}
