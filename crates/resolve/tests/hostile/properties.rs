//! What must hold whatever the input is. The tests beside this and the fuzz targets share these; each panics where its
//! property does not hold.
#![allow(dead_code, reason = "each user takes what it needs")]

pub(crate) mod cached;
pub(crate) mod checker;
pub(crate) mod documented;
pub(crate) mod repository;

use checker::{Checker, Set};

use copr_resolve::{Packages, Pool, Problem, RepositoryInfo, Request, Wish, rich, solve};
use copr_rpm::Dependency;
use repository::Case;

/// A pool for `x86_64` of one repository.
pub(crate) fn pool(records: &[copr_repodata::Record]) -> Pool {
    let mut pool = Pool::new("x86_64");
    let packages = Packages::from_records(records).expect("few packages");
    pool.add(RepositoryInfo::new("r", "file:///r/"), packages).expect("few packages");
    pool
}

/// A request for all of these, without recommendations.
pub(crate) fn request(wanted: &[Dependency]) -> Request {
    Request { install: wanted.iter().cloned().map(Wish::Dependency).collect(), weak: false, ..Request::default() }
}

/// The answer as a set of the records' numbers.
pub(crate) fn chosen(pool: &Pool, request: &Request) -> Result<Set, Problem> {
    Ok(solve(pool, request)?.install.iter().fold(0, |set, chosen| set | 1 << chosen.id.index()))
}

/// An answer is sound, has nothing without a reason, and is the same the next time, with and without weak dependencies.
/// Returns whether there was one.
pub(crate) fn solution(case: &Case) -> bool {
    let pool = pool(&case.records);
    let checker = Checker::new(&case.records, &case.wanted);
    let mut found = false;
    for weak in [false, true] {
        let request = Request { weak, ..request(&case.wanted) };
        let answer = chosen(&pool, &request);
        match &answer {
            Ok(set) => {
                checker.check(*set).unwrap_or_else(|reason| panic!("{reason} in {set:b}\n{case:?}"));
                assert!(weak || checker.unfounded(*set) == 0, "{:b} of {set:b}\n{case:?}", checker.unfounded(*set));
            }
            Err(problem) => assert!(!problem.to_string().is_empty()),
        }
        assert_eq!(chosen(&pool, &request).ok(), answer.as_ref().ok().copied(), "the same again\n{case:?}");
        assert!(!weak || found == answer.is_ok(), "weak dependencies make nothing impossible\n{case:?}");
        found = answer.is_ok();
    }
    found
}

/// Any text is a repository whose answers are sound.
pub(crate) fn repository(text: &str) {
    solution(&Case::read(text));
}

/// A rich dependency is refused in words, or asked for with an answer in which it holds; and likewise required and in
/// conflict.
pub(crate) fn rich_dependency(text: &str) {
    let wanted = Dependency::named(text);
    if let Err(error) = rich::parse(&wanted) {
        assert!(error.to_string().len() < 2000, "{error}");
    }
    let around = "a-1-1.noarch\n a-2-1.noarch; provides v\n b-1-1.noarch; provides v = 2\n c-1-1.noarch; conflicts a < 2\n\
                  d-1-1.noarch; requires c; files /bin/d\n x-1-1.noarch";
    for kind in 0..3 {
        let mut case = Case::read(around);
        let Some(last) = case.records.last_mut() else { return };
        match kind {
            0 => case.wanted.push(wanted.clone()),
            1 => last.requires.push(wanted.clone()),
            _ => last.conflicts.push(wanted.clone()),
        }
        if kind > 0 {
            case.wanted.push(Dependency::named("x"));
        }
        // What a package's conflicts cannot say is left to the solver: it may ignore it or the package.
        if kind < 2 || rich::parse(&wanted).is_ok() {
            solution(&case);
        }
    }
}
