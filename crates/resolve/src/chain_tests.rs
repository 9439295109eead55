//! Chains of made-up hubs.

use std::cell::RefCell;

use proptest::prelude::*;

use super::*;

fn project(name: &str) -> ProjectRef {
    ProjectRef::new("hub", "bob", name)
}

fn link(name: &str) -> Link {
    match name.strip_prefix("url:") {
        Some(url) => Link::External { url: url.to_owned() },
        None => Link::Project(project(name)),
    }
}

/// A hub on which each named project needs the words after it; `-` before a name makes its facts unreachable.
fn hub(facts: &[(&str, &str)]) -> impl Fn(&ProjectRef) -> Result<ProjectFacts, FetchError> {
    let facts: BTreeMap<String, String> = facts.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    move |asked| {
        if facts.contains_key(&format!("-{}", asked.dirname)) {
            return Err(FetchError::Unreachable("connection refused".to_owned()));
        }
        let words = facts.get(&asked.dirname).ok_or(FetchError::NotFound)?;
        Ok(ProjectFacts { dependencies: words.split_whitespace().map(link).collect() })
    }
}

fn names(chain: &Chain) -> Vec<String> {
    chain.repositories.iter().map(|item| item.link.to_string().replace("hub/bob/", "")).collect()
}

fn chain_of(facts: &[(&str, &str)]) -> Result<Chain, ChainError> {
    resolve(&project("root"), hub(facts), Limits::default())
}

#[test]
fn dependencies_come_before_what_needs_them_each_once_and_the_root_last() {
    let chain = chain_of(&[("root", "a b"), ("a", "base url:http://x/"), ("b", "base a a"), ("base", "")]).unwrap();
    assert_eq!(names(&chain), ["base", "http://x/", "a", "b", "root"]);
    let base = &chain.repositories[0];
    assert_eq!((base.depth, base.needed_by.as_slice()), (2, [project("a"), project("b")].as_slice()));
    assert_eq!(chain.repositories[3].dependencies, [link("base"), link("a")], "declared twice, told once");
    assert!(chain.cycles.is_empty() && chain.problems.is_empty());
}

#[test]
fn each_project_is_asked_for_once() {
    let asked = RefCell::new(Vec::new());
    let hub = hub(&[("root", "a b"), ("a", "c"), ("b", "c"), ("c", "root")]);
    let fetch = |project: &ProjectRef| {
        asked.borrow_mut().push(project.dirname.clone());
        hub(project)
    };
    resolve(&project("root"), fetch, Limits::default()).unwrap();
    assert_eq!(asked.into_inner(), ["root", "a", "b", "c"]);
}

#[test]
fn cycles_are_named_and_do_not_loop() {
    let chain = chain_of(&[("root", "b"), ("b", "c root"), ("c", "b c")]).unwrap();
    assert_eq!(names(&chain), ["c", "b", "root"]);
    let cycles = [vec![project("b"), project("c")], vec![project("b"), project("root")], vec![project("c")]];
    assert_eq!(chain.cycles, cycles);
}

#[test]
fn what_is_gone_or_unreachable_is_left_out_and_told() {
    let chain = chain_of(&[("root", "gone a"), ("a", "gone dead"), ("-dead", "")]).unwrap();
    assert_eq!(names(&chain), ["a", "root"]);
    let told: Vec<String> = chain.problems.iter().map(ToString::to_string).collect();
    assert_eq!(told[0], "hub/bob/dead, needed by hub/bob/a, is left out: connection refused");
    assert_eq!(
        told[1],
        "hub/bob/gone, needed by hub/bob/a and hub/bob/root, is left out: it does not exist (any more)"
    );
    assert_eq!(chain.repositories[1].dependencies, [link("a")]);
}

#[test]
fn without_the_root_there_is_no_chain() {
    let error = chain_of(&[]).unwrap_err();
    assert_eq!(error.to_string(), "project hub/bob/root: it does not exist (any more)");
}

#[test]
fn a_chain_of_ten_thousand_and_a_fan_of_ten_thousand_are_refused() {
    let endless = |asked: &ProjectRef| {
        let number: u32 = asked.dirname.trim_start_matches('p').parse().unwrap_or_default();
        Ok(ProjectFacts { dependencies: vec![link(&format!("p{}", number + 1))] })
    };
    let error = resolve(&project("p0"), endless, Limits::default()).unwrap_err();
    assert!(matches!(error, ChainError::TooDeep { limit: 16, .. }), "{error}");
    let wide =
        |_: &ProjectRef| Ok(ProjectFacts { dependencies: (0..10_000).map(|n| link(&format!("p{n}"))).collect() });
    let error = resolve(&project("root"), wide, Limits::default()).unwrap_err();
    assert!(matches!(error, ChainError::TooLarge { limit: 200, .. }), "{error}");
}

proptest! {
    #[test]
    fn whatever_projects_declare_each_is_once_and_after_what_it_needs_but_for_cycles(
        edges in prop::collection::vec((0_usize..8, 0_usize..8), 0..30)
    ) {
        let fetch = |asked: &ProjectRef| {
            let number: usize = asked.dirname.trim_start_matches('p').parse().unwrap_or_default();
            let needed = edges.iter().filter(|(from, _)| *from == number);
            Ok(ProjectFacts { dependencies: needed.map(|(_, to)| link(&format!("p{to}"))).collect() })
        };
        let chain = resolve(&project("p0"), fetch, Limits::default()).unwrap();
        let order = names(&chain);
        prop_assert_eq!(order.last().map(String::as_str), Some("p0"));
        prop_assert_eq!(order.iter().collect::<BTreeSet<_>>().len(), order.len());
        for (at, item) in chain.repositories.iter().enumerate() {
            for needed in &item.dependencies {
                let place = chain.repositories.iter().position(|other| other.link == *needed);
                prop_assert!(place.is_some());
                prop_assert!(place < Some(at) || !chain.cycles.is_empty());
            }
        }
    }
}
