//! Packages that need each other, exclude each other or themselves, and dependencies that are long, deep or wide.

use copr_repodata::Record;
use copr_resolve::{Problem, solve};
use copr_rpm::{Dependency, Evr, Nevra};

use crate::properties::repository::{Case, package};
use crate::properties::{pool, request, solution};

fn packages(lines: impl IntoIterator<Item = String>) -> Vec<Record> {
    lines.into_iter().map(|line| package(&line).unwrap()).collect()
}

/// How many packages are installed for a name, or why none.
fn count(records: &[Record], wanted: &str) -> Result<usize, Problem> {
    solve(&pool(records), &request(&[Dependency::named(wanted)])).map(|solution| solution.install.len())
}

/// The package `x-1-1.noarch` with one requirement, whatever it reads.
fn requiring(text: &str) -> Record {
    let mut record = package("x-1-1.noarch").unwrap();
    record.requires.push(Dependency::named(text));
    record
}

#[test]
fn a_ring_of_ten_thousand_packages_is_installed_whole() {
    let ring = packages((0..10_000).map(|n| format!("p{n}-1-1.noarch; requires p{}", (n + 1) % 10_000)));
    assert_eq!(count(&ring, "p7"), Ok(10_000));
}

#[test]
fn a_chain_of_fifty_thousand_packages_is_followed_to_its_end() {
    let chain = packages((0..50_000).map(|n| format!("p{n}-1-1.noarch; requires p{}", n + 1)));
    let problem = count(&chain, "p0").unwrap_err().to_string();
    assert!(problem.contains("nothing provides p50000 needed by p49999-1-1.noarch"), "{problem}");
    assert!(problem.len() < 100_000, "an explanation of {} bytes", problem.len());
}

#[test]
fn a_package_that_requires_and_excludes_itself_is_installed() {
    let line = "a-1-1.noarch; provides v; requires a, v; conflicts a, v; obsoletes a, v".to_owned();
    assert_eq!(count(&packages([line]), "a"), Ok(1));
}

#[test]
fn packages_that_exclude_what_they_require_cannot_be_installed() {
    let records = packages(["a-1-1.noarch; requires b; conflicts b".to_owned(), "b-1-1.noarch".to_owned()]);
    let problem = count(&records, "a").unwrap_err().to_string();
    assert!(problem.contains("a-1-1.noarch (repository r) conflicts with b"), "{problem}");
    let records = packages(["a-1-1.noarch; requires b; obsoletes b".to_owned(), "b-1-1.noarch".to_owned()]);
    let problem = count(&records, "a").unwrap_err().to_string();
    assert!(problem.contains("obsoletes b"), "{problem}");
}

/// Either branch of a recommendation may bring packages in, its condition too: what those are in conflict with holds.
#[test]
fn the_condition_of_a_recommendation_is_not_fulfilled_by_what_another_package_excludes() {
    let case = "install p3\np0-1-1.noarch; recommends (p0 if p1 < 2 else p2)\np1-1-1.noarch\n\
                p3-3-1.noarch; requires p0; conflicts p1";
    assert!(solution(&Case::read(case)));
}

#[test]
fn of_ten_thousand_providers_one_is_chosen() {
    let mut records = packages((0..10_000).map(|n| format!("p{n}-1-1.noarch; provides v")));
    records.push(requiring("v"));
    assert_eq!(count(&records, "x"), Ok(2));
}

#[test]
fn a_thousand_versions_that_all_fail_are_told_in_few_words() {
    let mut records = packages((0..1000).map(|n| format!("a-{n}-1.noarch; requires gone")));
    records.push(requiring("a"));
    let problem = count(&records, "x").unwrap_err().to_string();
    assert!(problem.contains("nothing provides gone needed by a-"), "{problem}");
    assert!(problem.len() < 100_000, "an explanation of {} bytes", problem.len());
}

#[test]
fn an_or_of_ten_thousand_is_answered_or_refused() {
    let mut records = packages((0..10_000).map(|n| format!("p{n}-1-1.noarch")));
    let words: Vec<String> = (0..10_000).map(|n| format!("p{n}")).collect();
    records.push(requiring(&format!("({})", words.join(" or "))));
    match count(&records, "x") {
        Ok(installed) => assert_eq!(installed, 2),
        Err(problem) => assert!(problem.to_string().contains("longer than"), "{problem}"),
    }
}

#[test]
fn an_and_of_ors_that_multiplies_out_is_refused_in_words() {
    let mut records = packages((0..100).map(|n| format!("p{n}-1-1.noarch")));
    let pair = |n: usize| format!("(p{} and p{})", 2 * n, 2 * n + 1);
    let all: Vec<String> = (0..50).map(pair).collect();
    records.push(requiring(&format!("({})", all.join(" or "))));
    match count(&records, "x") {
        Ok(installed) => assert_eq!(installed, 3),
        Err(problem) => assert!(problem.to_string().contains("combinations"), "{problem}"),
    }
}

#[test]
fn a_rich_dependency_nested_a_thousand_deep_is_answered_or_refused() {
    for operator in ["and a", "or a", "if a", "unless b", "with a", "without b"] {
        let deep = format!("{}a{}", "(".repeat(1000), format!(" {operator})").repeat(1000));
        let records = vec![package("a-1-1.noarch").unwrap(), requiring(&deep)];
        match count(&records, "x") {
            Ok(installed) => assert!(installed <= 2, "{operator}: {installed}"),
            Err(problem) => assert!(problem.to_string().contains("nested deeper"), "{problem}"),
        }
    }
}

#[test]
fn names_of_a_mebibyte_are_names_like_others() {
    let long = "n".repeat(1 << 20);
    let mut provider = package("a-1-1.noarch; files /bin/a").unwrap();
    provider.provides.push(Dependency::named(long.clone()));
    assert_eq!(count(&[provider, requiring(&long)], "x"), Ok(2));
    let named =
        Record { nevra: Nevra { name: long.clone(), ..package("a-1-1.noarch").unwrap().nevra }, ..Record::default() };
    assert_eq!(count(&[named, requiring(&long)], "x"), Ok(2));
}

#[test]
fn a_name_of_a_mebibyte_that_nothing_provides_is_told_in_few_words() {
    let problem = count(&[requiring(&"n".repeat(1 << 20))], "x").unwrap_err().to_string();
    assert!(problem.starts_with("nothing provides nnn"), "{}", &problem[..200.min(problem.len())]);
    assert!(problem.len() < 10_000, "an explanation of {} bytes", problem.len());
}

#[test]
fn a_request_for_nonsense_is_refused_in_words() {
    for text in ["", " ", "(", ")", "(a", "(a or", "()", "(a b c)", "\u{0}", "\u{202e}", "= 1", "a\nb"] {
        let problem = count(&[package("a-1-1.noarch").unwrap()], text).unwrap_err().to_string();
        assert!(!problem.is_empty(), "{text:?}");
    }
}

/// Versions as they stand in no sound package; some have no order that makes sense to anybody.
const GARBAGE: [&str; 24] = [
    "",
    "~",
    "^",
    "~~",
    "^^",
    "~^",
    "^~",
    ".",
    "..",
    "-",
    "_",
    "0",
    "00",
    "1~",
    "1^",
    "1.~",
    "a",
    "é",
    "\u{0}",
    "1\n2",
    "999999999999999999999999999999",
    "1:1",
    "%{?dist}",
    "𝟙",
];

#[test]
fn versions_that_are_no_versions_have_an_order_all_the_same() {
    let mut records = Vec::new();
    for (version, release) in GARBAGE.iter().flat_map(|a| GARBAGE.map(|b| (*a, b))) {
        let (version, release) = (version.to_owned(), release.to_owned());
        let evr = Evr { epoch: Some(u32::MAX), version: version.clone(), release: Some(release.clone()) };
        let nevra = Nevra { name: "a".to_owned(), epoch: u32::MAX, version, release, arch: "noarch".to_owned() };
        let mut own: Dependency = "a = 1".parse().unwrap();
        own.evr = Some(evr.clone());
        let mut requires = own.clone();
        requires.name = "v".to_owned();
        let provides = vec![own, Dependency { evr: Some(evr), ..requires.clone() }];
        records.push(Record { nevra, provides, requires: vec![requires], ..Record::default() });
    }
    assert!(count(&records, "a").is_ok_and(|installed| installed >= 1));
    assert!(count(&records, "v").is_ok_and(|installed| installed >= 1));
}

#[test]
fn more_pigeons_than_holes_are_refused_after_bounded_work() {
    // Each of 30 pigeons wants one of 29 holes, and a hole takes one: no short proof for a solver that only resolves.
    let pigeons = 30;
    let mut records = Vec::new();
    for pigeon in 0..pigeons {
        records.push(package(&format!("pigeon{pigeon}-1-1.noarch; requires place{pigeon}")).unwrap());
        for hole in 0..pigeons - 1 {
            let line =
                format!("sits-{pigeon}-{hole}-1-1.noarch; provides place{pigeon}, hole{hole}; conflicts hole{hole}");
            records.push(package(&line).unwrap());
        }
    }
    let mut all = package("all-1-1.noarch").unwrap();
    all.requires = (0..pigeons).map(|pigeon| Dependency::named(format!("pigeon{pigeon}"))).collect();
    records.push(all);
    let problem = count(&records, "all").unwrap_err().to_string();
    assert!(problem.len() < 100_000, "an explanation of {} bytes", problem.len());
}

#[test]
fn a_package_that_is_there_a_thousand_times_is_installed_once() {
    let records: Vec<Record> = packages((0..1000).map(|_| "a-1-1.noarch; requires a".to_owned()));
    assert_eq!(count(&records, "a"), Ok(1));
}

#[test]
fn ten_thousand_versions_of_one_package_are_one_or_refused() {
    // Each excludes each other: 50 million rules.
    match count(&packages((0..10_000).map(|n| format!("a-{n}-1.noarch"))), "a") {
        Ok(installed) => assert_eq!(installed, 1),
        Err(problem) => assert!(problem.to_string().contains("too many combinations"), "{problem}"),
    }
}

#[test]
fn everything_in_conflict_with_everything_leaves_one_package() {
    let records =
        packages((0..1000).map(|n| format!("p{n}-1-1.noarch; provides v; conflicts v; obsoletes p{}", n + 1)));
    assert_eq!(count(&records, "v"), Ok(1));
    let problem = solve(&pool(&records), &request(&["p1", "p5"].map(Dependency::named))).unwrap_err().to_string();
    assert!(problem.contains("conflicts with v"), "{problem}");
}
