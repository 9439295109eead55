//! What is reported as unsatisfied, and what is suggested.

use super::*;
use crate::test_support::pool;

/// The unsatisfied requirements of `base` and `app`, as `name: requirement, requirement`.
fn lacking(pool: &Pool, check: &Check) -> Vec<String> {
    let line = |one: &Unsatisfied| {
        let requirements: Vec<String> = one.requirements.iter().map(|cap| pool.dependency(*cap).to_string()).collect();
        format!("{}: {}", pool.nevra(one.package), requirements.join(", "))
    };
    unsatisfied(pool, check).iter().map(line).collect()
}

fn all(lines: &str) -> Vec<String> {
    let pool = pool(&[("r", lines)]);
    lacking(&pool, &Check::all(&pool))
}

#[test]
fn what_something_provides_is_satisfied() {
    let none = all("a-1-1.noarch; requires b >= 2, /bin/sh, libx.so, a
                    b-2-1.x86_64; provides libx.so
                    sh-1-1.x86_64; files /bin/sh");
    assert_eq!(none, [""; 0]);
}

#[test]
fn each_requirement_is_named_once_in_the_order_of_the_package() {
    let lines = "a-1-1.noarch; requires z, b >= 3, z, c
                 b-2-1.x86_64";
    assert_eq!(all(lines), ["a-1-1.noarch: z, b >= 3, c"]);
}

#[test]
fn rpmlib_is_rpms_own_affair() {
    assert_eq!(all("a-1-1.noarch; requires rpmlib(CompressedFileNames) <= 3.0.4-1"), [""; 0]);
}

#[test]
fn packages_of_other_architectures_are_checked_but_satisfy_nothing() {
    let lines = "a-1-1.x86_64; requires b
                 b-1-1.aarch64; requires x
                 c-1-1.src; requires y";
    assert_eq!(all(lines), ["a-1-1.x86_64: b", "b-1-1.aarch64: x", "c-1-1.src: y"]);
}

#[test]
fn rich_requirements_are_judged_as_rpm_means_them() {
    let there = "
        b-1-1.noarch; provides both
        c-1-1.noarch; provides both";
    for (rich, satisfied) in [
        ("(b and c)", true),
        ("(b and x)", false),
        ("(b or x)", true),
        ("(x or y)", false),
        ("(x if y)", true),
        ("(x if b)", false),
        ("(b if x)", true),
        ("(x if y else b)", true),
        ("(x if b else y)", false),
        ("(b unless c)", true),
        ("(x unless b else c)", true),
        ("(x unless y else c)", false),
        ("(b with both)", true),
        ("(b with c)", false),
        ("(both without b)", true),
        ("(b without both)", false),
        ("(b and", false),
    ] {
        let found = all(&format!("a-1-1.noarch; requires {rich}{there}"));
        assert_eq!(found.is_empty(), satisfied, "{rich}: {found:?}");
    }
}

#[test]
fn with_newest_only_older_versions_neither_count_nor_help() {
    let pool = pool(&[(
        "r",
        "a-1-1.noarch; requires lost
         a-2-1.noarch; requires old.so
         b-1-1.noarch; provides old.so
         b-2-1.noarch; provides new.so",
    )]);
    assert_eq!(lacking(&pool, &Check::all(&pool)), ["a-1-1.noarch: lost"]);
    assert_eq!(lacking(&pool, &Check::newest(&pool)), ["a-2-1.noarch: old.so"]);
}

#[test]
fn other_versions_and_repositories_that_are_not_used_are_suggested() {
    let pool =
        pool(&[("r", "a-1-1.noarch; requires lib >= 3\nlib-1-1.noarch\nlib-2-1.noarch"), ("hint", "lib-3-1.noarch")]);
    let used = PackageSet::of_repositories(&pool, &[0]);
    let found = unsatisfied(&pool, &Check { available: used.clone(), checked: used.clone() });
    let [Unsatisfied { requirements, .. }] = found.as_slice() else { panic!("{found:?}") };
    let Suggestion { other_versions, elsewhere } = suggest(&pool, &used, requirements[0]);
    let versions: Vec<String> = other_versions.iter().map(|(_, provided)| provided.to_string()).collect();
    assert_eq!(versions, ["lib = 2-1", "lib = 1-1"]);
    assert_eq!(elsewhere.iter().map(|id| pool.describe(*id)).collect::<Vec<_>>(), ["lib-3-1.noarch (repository hint)"]);
}

#[test]
fn a_set_has_what_was_put_into_it() {
    let pool = pool(&[("r", &"a-1-1.noarch\n".repeat(130))]);
    let ids: Vec<PackageId> = pool.ids().filter(|id| id.index() % 3 == 0).collect();
    let mut set = PackageSet::of(&pool, ids.iter().copied());
    assert_eq!(set.iter().collect::<Vec<_>>(), ids);
    assert_eq!(set.len(), ids.len());
    ids.iter().for_each(|id| set.remove(*id));
    assert!(set.is_empty());
    assert_eq!(PackageSet::all(&pool).len(), 130);
}
