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

#[test]
fn several_hubs_are_one_chain_and_the_same_name_on_another_hub_is_another_project() {
    let here = ProjectRef::new("here", "bob", "app");
    let there = ProjectRef::new("there", "bob", "app");
    let down = ProjectRef::new("down", "bob", "app");
    let facts = |asked: &ProjectRef| match asked.hub.as_str() {
        "here" => Ok(ProjectFacts { dependencies: vec![Link::Project(there.clone()), Link::Project(down.clone())] }),
        "there" => Ok(ProjectFacts { dependencies: vec![Link::Project(here.clone()), Link::Project(down.clone())] }),
        _ => Err(FetchError::Unreachable("connection refused".to_owned())),
    };
    let chain = resolve(&here, facts, Limits::default()).unwrap();
    let order: Vec<String> = chain.repositories.iter().map(|item| item.link.to_string()).collect();
    assert_eq!(order, ["there/bob/app", "here/bob/app"]);
    assert_eq!(chain.cycles, [[here.clone(), there.clone()]]);
    assert_eq!(chain.problems.len(), 1);
    assert_eq!(chain.problems[0].needed_by, [here, there]);
}

#[test]
fn a_project_that_needs_itself_is_a_cycle_of_one() {
    let chain = chain_of(&[("root", "root")]).unwrap();
    assert_eq!((names(&chain), chain.cycles), (vec!["root".to_owned()], vec![vec![project("root")]]));
}

#[test]
fn limits_hold_to_the_last_repository() {
    let facts = [("root", "a url:http://x/"), ("a", "b"), ("b", "gone")];
    let with = |depth, size| resolve(&project("root"), hub(&facts), Limits { depth, size });
    assert!(with(3, 5).is_ok());
    assert!(matches!(with(2, 5), Err(ChainError::TooDeep { limit: 2, .. })), "what is gone is as deep as it is");
    assert!(matches!(with(3, 4), Err(ChainError::TooLarge { limit: 4, .. })));
}

#[test]
fn two_hundred_projects_that_all_need_each_other_are_told_with_a_bounded_number_of_cycles() {
    let all: Vec<Link> = (0..200).map(|number| link(&format!("p{number}"))).collect();
    let facts = |_: &ProjectRef| Ok(ProjectFacts { dependencies: all.clone() });
    let chain = resolve(&project("p0"), facts, Limits::default()).unwrap();
    assert_eq!((chain.repositories.len(), chain.cycles.len()), (200, MOST_CYCLES));
}

#[test]
fn what_a_hub_tells_of_indirect_dependencies_is_no_link_of_its_own() {
    let flat =
        [("root", "base libs gone url:http://x/ app"), ("app", "libs base gone"), ("libs", "base gone"), ("base", "")];
    let told = chain_of(&flat).unwrap();
    let chain = told.direct();
    let declared: Vec<(String, Vec<Link>)> =
        names(&chain).into_iter().zip(chain.repositories.iter().map(|item| item.dependencies.clone())).collect();
    assert_eq!(
        declared,
        [
            ("base".to_owned(), vec![]),
            ("libs".to_owned(), vec![link("base")]),
            ("http://x/".to_owned(), vec![]),
            ("app".to_owned(), vec![link("libs")]),
            ("root".to_owned(), vec![link("url:http://x/"), link("app")]),
        ]
    );
    let depths: Vec<usize> = chain.repositories.iter().map(|item| item.depth).collect();
    assert_eq!(depths, [3, 2, 1, 1, 0]);
    assert_eq!(chain.repositories[0].needed_by, [project("libs")]);
    assert_eq!(chain.problems[0].needed_by, [project("libs")]);
    assert_eq!(chain.direct(), chain);
}

/// A made-up world: what each of a few projects on three hubs declares, which of them are gone or do not answer.
#[derive(Debug, Clone)]
struct World {
    edges: Vec<(usize, usize)>,
    gone: Vec<usize>,
}

const PROJECTS: usize = 9;

impl World {
    fn any() -> impl Strategy<Value = Self> {
        let edge = (0..PROJECTS, 0..PROJECTS + 2);
        (prop::collection::vec(edge, 0..26), prop::collection::vec(1..PROJECTS, 0..3))
            .prop_map(|(edges, gone)| Self { edges, gone })
    }

    /// Numbers past the projects are URLs.
    fn link(number: usize) -> Link {
        match number {
            0..PROJECTS => Link::Project(Self::project(number)),
            _ => Link::External { url: format!("https://mirror{number}.example/$basearch/") },
        }
    }

    fn project(number: usize) -> ProjectRef {
        ProjectRef::new(["a", "b", "c"][number % 3], "bob", format!("p{number}"))
    }

    fn declared(&self, number: usize) -> Vec<usize> {
        self.edges.iter().filter(|(from, _)| *from == number).map(|(_, to)| *to).collect()
    }

    fn ask(&self, asked: &ProjectRef) -> Result<ProjectFacts, FetchError> {
        let number = (0..PROJECTS).find(|number| Self::project(*number) == *asked).unwrap();
        match self.gone.iter().position(|gone| *gone == number) {
            Some(0) => Err(FetchError::NotFound),
            Some(_) => Err(FetchError::Unreachable("timed out".to_owned())),
            None => Ok(ProjectFacts { dependencies: self.declared(number).into_iter().map(Self::link).collect() }),
        }
    }

    /// By Floyd and Warshall: which one needs which, directly or not, without those that are gone.
    fn needs(&self) -> Vec<Vec<bool>> {
        let all = PROJECTS + 2;
        let is_there = |number: &usize| !self.gone.contains(number);
        let mut needs = vec![vec![false; all]; all];
        for (from, to) in self.edges.iter().filter(|(from, to)| is_there(from) && is_there(to)) {
            needs[*from][*to] = true;
        }
        for middle in 0..all {
            for from in 0..all {
                for to in 0..all {
                    needs[from][to] |= needs[from][middle] && needs[middle][to];
                }
            }
        }
        needs
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn a_chain_has_all_that_is_needed_once_and_in_order_and_tells_of_what_is_odd(world in World::any()) {
        let mut asked = Vec::new();
        let chain = resolve(&World::project(0), |project| { asked.push(project.clone()); world.ask(project) }, Limits::default());
        let chain = chain.unwrap();
        prop_assert_eq!(&resolve(&World::project(0), |project| world.ask(project), Limits::default()).unwrap(), &chain);

        // Each project is asked for once.
        prop_assert_eq!(asked.iter().collect::<BTreeSet<_>>().len(), asked.len());

        // All that the root needs, each once, the root last.
        let needs = world.needs();
        let place = |number: usize| chain.repositories.iter().position(|item| item.link == World::link(number));
        let expected: Vec<usize> = (0..PROJECTS + 2).filter(|number| *number == 0 || needs[0][*number]).collect();
        prop_assert_eq!(chain.repositories.len(), expected.len());
        prop_assert_eq!(place(0), Some(expected.len() - 1));

        // What is needed comes before what needs it, unless they need each other.
        for from in &expected {
            prop_assert!(place(*from).is_some());
            for to in expected.iter().filter(|to| needs[*from][**to] && !needs[**to][*from]) {
                prop_assert!(place(*to) < place(*from), "{} before {}", World::link(*to), World::link(*from));
            }
        }

        // A cycle is told if and only if there is one, each as it is; without their links there is none left.
        let is_cyclic = expected.iter().any(|number| needs[*number][*number]);
        prop_assert_eq!(is_cyclic, !chain.cycles.is_empty());
        let number = |project: &ProjectRef| (0..PROJECTS).find(|number| World::project(*number) == *project).unwrap();
        let mut rest = world.clone();
        for cycle in &chain.cycles {
            prop_assert!(cycle.iter().all(|member| cycle[0] <= *member));
            for (from, to) in cycle.iter().zip(cycle.iter().cycle().skip(1)) {
                let link = (number(from), number(to));
                prop_assert!(world.edges.contains(&link));
                rest.edges.retain(|edge| *edge != link);
            }
        }
        let rest = rest.needs();
        prop_assert!(expected.iter().all(|number| !rest[*number][*number]));

        // Whatever is gone and declared is told, with all that declare it.
        let lost: BTreeSet<usize> =
            expected.iter().flat_map(|from| world.declared(*from)).filter(|to| world.gone.contains(to)).collect();
        prop_assert_eq!(chain.problems.iter().map(|problem| number(&problem.project)).collect::<BTreeSet<_>>(), lost);
        for problem in &chain.problems {
            let of = expected.iter().filter(|from| world.declared(**from).contains(&number(&problem.project)));
            let of: BTreeSet<ProjectRef> = of.map(|from| World::project(*from)).collect();
            prop_assert_eq!(problem.needed_by.iter().cloned().collect::<BTreeSet<_>>(), of);
        }
    }

    #[test]
    fn without_shortcuts_everything_is_still_reached(world in World::any()) {
        let told = resolve(&World::project(0), |project| world.ask(project), Limits::default()).unwrap();
        let direct = told.direct();
        let reached = |chain: &Chain| {
            let graph = direct::Numbered::of(chain);
            let mut of = BTreeMap::new();
            for start in 0..graph.links.len() {
                let (mut found, mut waiting) = (BTreeSet::new(), vec![start]);
                while let Some(at) = waiting.pop() {
                    waiting.extend(graph.declared_by(at).iter().filter(|next| found.insert(graph.links[**next].clone())));
                }
                of.insert(graph.links[start].clone(), found);
            }
            of
        };
        prop_assert_eq!(reached(&told), reached(&direct));
        prop_assert_eq!(direct.direct(), direct);
    }
}
