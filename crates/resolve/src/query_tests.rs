//! What questions are answered with.

use super::*;
use crate::test_support::pool;

const LINES: &str = "app-1-1.x86_64; requires libx.so.1, /usr/bin/tool, (left or right); recommends extra
    app-2-1.x86_64; requires libx.so.2; conflicts lib < 1
    lib-1-1.x86_64; provides libx.so.1
    lib-2:2-1.x86_64; provides libx.so.2, feature = 2
    lib-2:2-1.i686
    lib-2:2-1.src
    tool-1-1.noarch; files /usr/bin/tool; requires lib
    right-1-1.noarch; enhances app; supplements (lib and tool); suggests lib >= 3
    python3.12-1-1.noarch; obsoletes python2 < 3
    python2-2-1.noarch";

fn names(pool: &Pool, ids: &[PackageId]) -> Vec<String> {
    ids.iter().map(|id| pool.nevra(*id).to_string()).collect()
}

fn named_by(text: &str, meaning: Meaning) -> Vec<String> {
    let pool = pool(&[("r", LINES)]);
    let found = Within::all(&pool).named(text, meaning);
    names(&pool, &found)
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn packages_are_named_in_all_forms_that_dnf_knows() {
    for (text, expected) in [
        ("lib", &["lib-1-1.x86_64", "lib-2:2-1.x86_64", "lib-2:2-1.i686"][..]),
        ("lib.i686", &["lib-2:2-1.i686"]),
        ("lib-1", &["lib-1-1.x86_64"]),
        ("lib-2:2-1", &["lib-2:2-1.x86_64", "lib-2:2-1.i686"]),
        ("lib-2-1.x86_64", &["lib-2:2-1.x86_64"]),
        ("lib-0:2-1.x86_64", &[]),
        ("python3.12", &["python3.12-1-1.noarch"]),
        ("py*", &["python3.12-1-1.noarch", "python2-2-1.noarch"]),
        ("*.noarch", &["tool-1-1.noarch", "right-1-1.noarch", "python3.12-1-1.noarch", "python2-2-1.noarch"]),
        ("lib-[01]*", &["lib-1-1.x86_64"]),
        ("feature >= 2", &["lib-2:2-1.x86_64"]),
        ("libx.so.*", &["lib-1-1.x86_64", "lib-2:2-1.x86_64"]),
        ("feature > 2", &[]),
        ("LIB", &[]),
        ("nothing", &[]),
    ] {
        assert_eq!(named_by(text, Meaning::INSTALL), expected, "{text}");
    }
}

#[test]
fn a_query_finds_sources_too_and_does_not_mind_case() {
    assert_eq!(named_by("LIB", Meaning::QUERY).len(), 4);
    assert_eq!(named_by("libx.so.1", Meaning::QUERY), [""; 0]);
}

#[test]
fn what_provides_is_asked_by_capability_pattern_or_path() {
    let pool = pool(&[("r", LINES)]);
    let within = Within::all(&pool);
    let ask = |text: &str| names(&pool, &within.what_provides(&texts(&[text])));
    assert_eq!(ask("libx.so.2"), ["lib-2:2-1.x86_64"]);
    assert_eq!(ask("lib = 1"), ["lib-1-1.x86_64"]);
    assert_eq!(ask("feature*"), ["lib-2:2-1.x86_64"]);
    assert_eq!(ask("/usr/bin/tool"), ["tool-1-1.noarch"]);
}

#[test]
fn what_requires_looks_at_all_that_a_package_provides() {
    let pool = pool(&[("r", LINES)]);
    let within = Within::all(&pool);
    let requires = [DependencyKind::Requires];
    let ask = |text: &str, all| names(&pool, &within.what_depends(&requires, &texts(&[text]), all));
    assert_eq!(ask("lib", false), ["tool-1-1.noarch"], "only what names it");
    assert_eq!(ask("lib", true), ["app-1-1.x86_64", "app-2-1.x86_64", "tool-1-1.noarch"]);
    assert_eq!(ask("lib-1", true), ["app-1-1.x86_64", "tool-1-1.noarch"], "the package, not a capability");
    assert_eq!(ask("libx.so*", false), ["app-1-1.x86_64", "app-2-1.x86_64"]);
    assert_eq!(ask("tool", true), ["app-1-1.x86_64"], "by a file");
    assert_eq!(ask("right", false), ["app-1-1.x86_64"], "within a rich one");
}

#[test]
fn other_kinds_are_asked_in_the_same_way() {
    let pool = pool(&[("r", LINES)]);
    let within = Within::all(&pool);
    let ask = |kind, text: &str| names(&pool, &within.what_depends(&[kind], &texts(&[text]), true));
    assert_eq!(ask(DependencyKind::Conflicts, "lib"), ["app-2-1.x86_64"]);
    assert_eq!(ask(DependencyKind::Conflicts, "lib = 1"), [""; 0]);
    assert_eq!(ask(DependencyKind::Recommends, "extra"), ["app-1-1.x86_64"]);
    assert_eq!(ask(DependencyKind::Enhances, "app"), ["right-1-1.noarch"]);
    assert_eq!(ask(DependencyKind::Supplements, "tool"), ["right-1-1.noarch"]);
    assert_eq!(ask(DependencyKind::Obsoletes, "python2"), ["python3.12-1-1.noarch"]);
}

#[test]
fn recursion_follows_requirements_both_ways() {
    let pool = pool(&[("r", LINES)]);
    let within = Within::all(&pool);
    let first = within.named("python2", Meaning::QUERY);
    assert_eq!(within.recursively_requiring(&first), first);
    let lib = within.what_depends(&[DependencyKind::Requires], &texts(&["lib"]), false);
    assert_eq!(names(&pool, &within.recursively_requiring(&lib)), ["app-1-1.x86_64", "tool-1-1.noarch"]);

    let app = within.named("app-1", Meaning::QUERY);
    let caps = within.dependencies(&app, &[DependencyKind::Requires]);
    let near = names(&pool, &within.resolve(&caps, false));
    assert_eq!(near, ["lib-1-1.x86_64", "tool-1-1.noarch", "right-1-1.noarch"]);
    let far = names(&pool, &within.resolve(&caps, true));
    assert_eq!(far, ["lib-2:2-1.x86_64", "lib-2:2-1.i686", "tool-1-1.noarch", "right-1-1.noarch"]);
}

#[test]
fn the_latest_are_counted_by_version_for_each_name_and_architecture() {
    let pool = pool(&[("r", "a-1-1.noarch\na-3-1.noarch\na-2-1.noarch\na-1-1.x86_64"), ("s", "a-3-1.noarch")]);
    let ids: Vec<PackageId> = pool.ids().collect();
    let of = |limit| names(&pool, &latest(&pool, &ids, limit));
    assert_eq!(of(1), ["a-3-1.noarch", "a-1-1.x86_64", "a-3-1.noarch"]);
    assert_eq!(of(2), ["a-3-1.noarch", "a-2-1.noarch", "a-1-1.x86_64", "a-3-1.noarch"]);
    assert_eq!(of(-1), ["a-1-1.noarch", "a-2-1.noarch"]);
}

fn wished(text: &str) -> Result<Vec<String>, String> {
    let pool = pool(&[("r", LINES)]);
    let wishes = wishes(&Within::all(&pool), text).map_err(|error| error.to_string())?;
    let show = |wish: &Wish| match wish {
        Wish::Dependency(dependency) => dependency.to_string(),
        Wish::Packages(ids, text) => format!("{text}: {}", names(&pool, ids).join(" ")),
    };
    Ok(wishes.iter().map(show).collect())
}

#[test]
fn a_bare_name_wishes_for_what_obsoletes_it_too() {
    assert_eq!(wished("python2").unwrap(), ["python2: python3.12-1-1.noarch python2-2-1.noarch"]);
    assert_eq!(wished("python2-2").unwrap(), ["python2-2: python2-2-1.noarch"]);
}

#[test]
fn a_pattern_wishes_for_one_of_each_name() {
    assert_eq!(wished("py*").unwrap(), ["python2: python2-2-1.noarch", "python3.12: python3.12-1-1.noarch"]);
}

#[test]
fn a_wish_that_names_nothing_is_told_with_what_looks_like_it() {
    assert_eq!(wished("tol").unwrap_err(), "nothing is called tol, provides it or owns it; there is tool");
    assert_eq!(wished("lib.src").unwrap_err(), "lib.src is there for src only");
    assert_eq!(wished("(a or b)").unwrap(), ["(a or b)"]);
}
