//! Look-ups in small pools.

use super::*;
use crate::test_support::{dependency, pool};

fn names(pool: &Pool, wanted: &str) -> Vec<String> {
    let ids = pool.providers(&dependency(wanted));
    ids.into_iter().filter_map(|id| pool.package(id)).map(|package| package.record.nevra.to_string()).collect()
}

#[test]
fn packages_are_found_by_name_capability_version_and_file() {
    let pool = pool(&[(
        "base",
        "bash-5-1.x86_64; provides sh = 5; files /bin/bash, /bin/sh
         dash-0.5-1.x86_64; provides sh = 0.5; files /bin/dash
         app-1-1.x86_64; requires /bin/sh, (/bin/dash or zsh)",
    )]);
    assert_eq!(names(&pool, "sh"), ["bash-5-1.x86_64", "dash-0.5-1.x86_64"]);
    assert_eq!(names(&pool, "sh >= 1"), ["bash-5-1.x86_64"]);
    assert_eq!(names(&pool, "bash = 5-1"), ["bash-5-1.x86_64"]);
    assert_eq!(names(&pool, "bash > 5-1"), [""; 0]);
    assert_eq!(names(&pool, "/bin/sh"), ["bash-5-1.x86_64"]);
    assert_eq!(names(&pool, "/bin/bash"), ["bash-5-1.x86_64"], "no package asks for this path: found all the same");
    assert_eq!(names(&pool, "/bin/none"), [""; 0]);
}

#[test]
fn files_of_a_repository_added_later_are_found_too() {
    let mut pool = pool(&[("base", "app-1-1.noarch; requires /opt/tool")]);
    assert_eq!(names(&pool, "/opt/tool"), [""; 0]);
    pool.add_repository(
        RepositoryInfo::new("extra", ""),
        [crate::test_support::package("tool-1-1.noarch; files /opt/tool")],
    );
    assert_eq!(names(&pool, "/opt/tool"), ["tool-1-1.noarch"]);
}

#[test]
fn only_architectures_that_the_machine_runs_are_taken_in() {
    let all = "a-1-1.x86_64\n a-1-1.i686\n a-1-1.noarch\n a-1-1.aarch64\n a-1-1.src";
    let pool = pool(&[("base", all)]);
    assert_eq!(names(&pool, "a"), ["a-1-1.x86_64", "a-1-1.i686", "a-1-1.noarch"]);
    assert_eq!(arch_rank("i686", "i586"), Some(1));
    assert_eq!(arch_rank("i586", "i686"), None);
    assert_eq!(arch_rank("aarch64", "armv7hl"), None);
}

#[test]
fn a_package_provides_its_own_name_even_if_it_does_not_say_so() {
    let mut record = crate::test_support::package("old-1-1.noarch");
    record.provides.clear();
    let mut pool = Pool::new("x86_64");
    pool.add_repository(RepositoryInfo::new("base", ""), [record]);
    assert_eq!(names(&pool, "old = 1"), ["old-1-1.noarch"]);
    assert_eq!(names(&pool, "old >= 2"), [""; 0]);
}
