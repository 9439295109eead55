//! Requests on small made-up repositories, and a comparison with trying everything.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::test_support::{dependency, packages, pool};

fn request(wanted: &str) -> Request {
    Request::install(wanted.split(',').map(|word| dependency(word.trim())))
}

/// What is chosen, as words `NEVRA`.
fn chosen(pool: &Pool, wanted: &str) -> String {
    answer(pool, &request(wanted))
}

/// New packages as words `NEVRA`, those that go as `-NEVRA`, or the problem.
fn answer(pool: &Pool, request: &Request) -> String {
    match solve(pool, request) {
        Ok(solution) => {
            let new = solution.packages().map(|id| pool.nevra(id).to_string());
            let gone = solution.erase.iter().map(|id| format!("-{}", pool.nevra(*id)));
            new.chain(gone).collect::<Vec<_>>().join(" ")
        }
        Err(problem) => problem.to_string(),
    }
}

fn weakly(pool: &Pool, wanted: &str) -> String {
    answer(pool, &Request { weak: true, ..request(wanted) })
}

#[test]
fn requirements_are_followed_to_the_end_and_nothing_else_is_taken() {
    let pool = pool(&[(
        "base",
        "app-1-1.x86_64; requires libfoo.so.1()(64bit), /bin/sh, rpmlib(CompressedFileNames) <= 3.0.4-1
         libfoo-2-1.x86_64; provides libfoo.so.1()(64bit); requires glibc
         glibc-2.40-1.x86_64
         bash-5-1.x86_64; files /bin/sh; requires glibc, app
         other-1-1.noarch",
    )]);
    assert_eq!(chosen(&pool, "app"), "app-1-1.x86_64 bash-5-1.x86_64 glibc-2.40-1.x86_64 libfoo-2-1.x86_64");
}

#[test]
fn the_newest_version_that_fits_wins() {
    let pool = pool(&[(
        "base",
        "a-1-1.noarch\n a-1:0.5-1.noarch\n a-2-1.noarch\n b-1-1.noarch; requires a < 2\n c-1-1.noarch; requires a = 1",
    )]);
    assert_eq!(chosen(&pool, "a"), "a-1:0.5-1.noarch");
    assert_eq!(chosen(&pool, "b"), "a-1-1.noarch b-1-1.noarch");
    assert_eq!(chosen(&pool, "b, a"), "a-1-1.noarch b-1-1.noarch", "an older version where the newest is excluded");
    assert_eq!(
        chosen(&pool, "a > 1:1"),
        "nothing provides a > 1:1; a-1:0.5-1.noarch (repository base) provides a = 1:0.5-1"
    );
}

#[test]
fn the_repository_with_the_smaller_priority_number_wins_even_with_an_older_version() {
    let pool = pool(&[("base", "a-2-1.noarch"), ("mine@50", "a-1-1.noarch")]);
    assert_eq!(chosen(&pool, "a"), "a-1-1.noarch");
    assert_eq!(chosen(&pool, "a >= 2"), "a-2-1.noarch");
}

#[test]
fn between_equals_cost_and_then_the_order_of_repositories_decide() {
    let mut pool = pool(&[("one", "a-1-1.noarch"), ("two", "a-1-1.noarch")]);
    let from = |pool: &Pool| pool.repository(solve(pool, &request("a")).unwrap().install[0].id);
    assert_eq!(from(&pool), 0);
    let cheap = crate::RepositoryInfo { cost: 1, ..crate::RepositoryInfo::new("three", "") };
    pool.add(cheap, packages("a-1-1.noarch")).unwrap();
    assert_eq!(from(&pool), 2);
}

#[test]
fn the_machines_own_architecture_wins_and_the_other_is_taken_where_asked_for() {
    let pool = pool(&[(
        "base",
        "lib-1-1.x86_64; provides lib.so()(64bit)\n lib-1-1.i686; provides lib.so
         lib-2-1.i686; provides lib.so\n wine-1-1.x86_64; requires lib.so, lib.so()(64bit)",
    )]);
    assert_eq!(chosen(&pool, "lib"), "lib-1-1.x86_64");
    assert_eq!(chosen(&pool, "wine"), "lib-1-1.i686 lib-1-1.x86_64 wine-1-1.x86_64", "both, in one version");
}

#[test]
fn a_provider_that_is_chosen_anyway_is_preferred_then_the_first_by_name() {
    let pool = pool(&[(
        "base",
        "mta-a-1-1.noarch; provides mta; requires big\n mta-b-1-1.noarch; provides mta\n big-1-1.noarch
         app-1-1.noarch; requires mta\n tool-1-1.noarch; requires app, mta-a
         x-1-1.noarch\n y-1-1.noarch; provides x",
    )]);
    assert_eq!(chosen(&pool, "app"), "app-1-1.noarch big-1-1.noarch mta-a-1-1.noarch");
    assert_eq!(chosen(&pool, "tool"), "app-1-1.noarch big-1-1.noarch mta-a-1-1.noarch tool-1-1.noarch");
    assert_eq!(chosen(&pool, "x"), "x-1-1.noarch");
}

#[test]
fn a_provider_that_leads_nowhere_is_left_for_another() {
    let pool = pool(&[(
        "base",
        "app-1-1.noarch; requires web\n web-a-1-1.noarch; provides web; requires deep
         deep-1-1.noarch; requires missing\n web-bb-1-1.noarch; provides web",
    )]);
    assert_eq!(chosen(&pool, "app"), "app-1-1.noarch web-bb-1-1.noarch");
}

#[test]
fn conflicts_are_avoided_in_either_direction_and_by_capability() {
    let pool = pool(&[(
        "base",
        "a-1-1.noarch; conflicts b < 2\n b-1-1.noarch\n b-2-1.noarch; requires none
         c-1-1.noarch; requires x\n x1-1-1.noarch; provides x\n x22-1-1.noarch; provides x\n d-1-1.noarch; conflicts x1
         one-1-1.noarch; provides only; conflicts only\n two-1-1.noarch; provides only; conflicts only",
    )]);
    assert_eq!(
        chosen(&pool, "a, b"),
        "nothing provides none needed by b-2-1.noarch (repository base)\n\
         a-1-1.noarch (repository base) conflicts with b < 2 provided by b-1-1.noarch (repository base)"
    );
    assert_eq!(chosen(&pool, "c, d"), "c-1-1.noarch d-1-1.noarch x22-1-1.noarch");
    assert_eq!(chosen(&pool, "one"), "one-1-1.noarch", "a package is not in conflict with itself");
    assert!(chosen(&pool, "one, two").contains("conflicts with only provided by"));
}

#[test]
fn what_replaces_a_package_is_preferred_and_excludes_it() {
    let pool = pool(&[(
        "base",
        "old-1-1.noarch\n new-1-1.noarch; provides old = 2; obsoletes old < 2\n keep-1-1.noarch; requires old = 1",
    )]);
    assert_eq!(chosen(&pool, "old"), "new-1-1.noarch");
    assert_eq!(chosen(&pool, "keep"), "keep-1-1.noarch old-1-1.noarch");
    let problem = chosen(&pool, "keep, new");
    assert!(
        problem.contains("new-1-1.noarch (repository base) obsoletes old-1-1.noarch (repository base)"),
        "{problem}"
    );
    assert!(problem.contains("keep-1-1.noarch (repository base) requires old = 1"), "{problem}");
}

#[test]
fn obsoletes_hit_names_and_not_capabilities() {
    let pool = pool(&[("base", "a-1-1.noarch; provides x = 1\n b-1-1.noarch; obsoletes x")]);
    assert_eq!(chosen(&pool, "a, b"), "a-1-1.noarch b-1-1.noarch");
}

#[test]
fn a_missing_requirement_is_told_with_the_package_its_repository_and_the_near_miss() {
    let pool = pool(&[
        ("alice/libs", "X-1-1.x86_64"),
        ("bob/app", "app-1-1.x86_64; requires X >= 2\n top-1-1.noarch; requires app"),
    ]);
    assert_eq!(
        chosen(&pool, "app"),
        "nothing provides X >= 2 needed by app-1-1.x86_64 (repository bob/app); X-1-1.x86_64 (repository alice/libs) provides X = 1-1"
    );
    assert!(chosen(&pool, "top").ends_with("\ntop-1-1.noarch (repository bob/app) requires app"));
    assert_eq!(chosen(&pool, "nonsense"), "nothing provides nonsense");
}

#[test]
fn rich_dependencies_are_evaluated() {
    let pool = pool(&[(
        "base",
        "plain-1-1.noarch\n lang-1-1.noarch\n lang-fr-1-1.noarch\n both-1-1.noarch; provides p = 1.5, q
         half-1-1.noarch; provides p = 3
         either-1-1.noarch; requires (none or plain)
         all-1-1.noarch; requires (plain and lang)
         cond-1-1.noarch; requires (lang-fr if lang)
         other-1-1.noarch; requires (lang-fr if lang else plain)
         range-1-1.noarch; requires (p >= 1 with p < 2)
         not-1-1.noarch; requires (p without q)
         unless-1-1.noarch; requires (plain unless lang)
         forbids-1-1.noarch; conflicts (lang and plain)
         broken-1-1.noarch; requires (a xor b)",
    )]);
    assert_eq!(chosen(&pool, "either"), "either-1-1.noarch plain-1-1.noarch");
    assert_eq!(chosen(&pool, "all"), "all-1-1.noarch lang-1-1.noarch plain-1-1.noarch");
    assert_eq!(chosen(&pool, "cond"), "cond-1-1.noarch");
    assert_eq!(chosen(&pool, "cond, lang"), "cond-1-1.noarch lang-1-1.noarch lang-fr-1-1.noarch");
    assert_eq!(chosen(&pool, "other"), "lang-1-1.noarch lang-fr-1-1.noarch other-1-1.noarch", "the first by name");
    assert_eq!(chosen(&pool, "other, lang"), "lang-1-1.noarch lang-fr-1-1.noarch other-1-1.noarch");
    assert_eq!(chosen(&pool, "range"), "both-1-1.noarch range-1-1.noarch");
    assert_eq!(chosen(&pool, "not"), "half-1-1.noarch not-1-1.noarch");
    assert_eq!(chosen(&pool, "unless"), "plain-1-1.noarch unless-1-1.noarch");
    assert!(chosen(&pool, "unless, lang").contains("requires (plain unless lang)"));
    assert!(solve(&pool, &request("forbids, lang")).is_ok());
    assert!(chosen(&pool, "forbids, lang, plain").contains("forbids-1-1.noarch (repository base) conflicts with"));
    assert!(chosen(&pool, "broken").contains("\"xor\" is no operator"));
    let bad = solve(&pool, &Request::install([Dependency::named("(plain")]));
    assert!(matches!(bad, Err(Problem::BadRequest(_))));
}

#[test]
fn recommendations_are_taken_only_when_wanted_and_possible() {
    let pool = pool(&[(
        "base",
        "app-1-1.noarch; recommends docs, gone, enemy\n docs-1-1.noarch; recommends more\n more-1-1.noarch
         enemy-1-1.noarch; conflicts app",
    )]);
    assert_eq!(chosen(&pool, "app"), "app-1-1.noarch");
    assert_eq!(weakly(&pool, "app"), "app-1-1.noarch docs-1-1.noarch more-1-1.noarch");
}

#[test]
fn locked_packages_stay_or_say_why_not() {
    let pool =
        pool(&[("base", "a-1-1.noarch\n a-2-1.noarch\n b-1-1.noarch; requires a\n c-1-1.noarch; requires a >= 2")]);
    let locked =
        |wanted: &str, nevra: &str| answer(&pool, &Request { locked: vec![nevra.parse().unwrap()], ..request(wanted) });
    assert_eq!(locked("b", "a-1-1.noarch"), "a-1-1.noarch b-1-1.noarch");
    assert!(locked("c", "a-1-1.noarch").contains("a-1-1.noarch must stay as it is"));
    assert_eq!(locked("c", "a-9-1.noarch"), "a-9-1.noarch must stay as it is, but no repository has it");
}

#[test]
fn one_version_of_many_is_found_among_thousands() {
    let lines: String = (0..3000).map(|n| format!("a-{n}-1.noarch; requires b < 3\n")).collect();
    let pool = pool(&[("base", &lines), ("more", "b-1-1.noarch\n b-2-1.noarch\n b-3-1.noarch")]);
    assert_eq!(chosen(&pool, "a"), "a-2999-1.noarch b-2-1.noarch");
    assert_eq!(chosen(&pool, "a < 1000"), "a-999-1.noarch b-2-1.noarch");
    assert_eq!(
        chosen(&pool, "a = 5, a = 6"),
        "only one version of a can be installed\na = 5 is asked for\na = 6 is asked for"
    );
}

/// Packages `p0..` in up to two versions with random requirements and conflicts, as lines for [`package`].
fn random_repository() -> impl Strategy<Value = Vec<String>> {
    let word =
        (0_usize..6, prop::sample::select(vec!["", " = 1", " >= 2", " < 2"])).prop_map(|(n, op)| format!("p{n}{op}"));
    let one = (0_usize..6, 1_u32..3, prop::collection::vec(word.clone(), 0..3), prop::option::weighted(0.3, word));
    prop::collection::vec(one, 1..10).prop_map(|list| {
        let mut seen = std::collections::BTreeSet::new();
        let fresh = list.into_iter().filter(|(name, version, ..)| seen.insert((*name, *version))).collect::<Vec<_>>();
        let line = |(name, version, requires, conflicts): (usize, u32, Vec<String>, Option<String>)| {
            let requires =
                if requires.is_empty() { String::new() } else { format!("; requires {}", requires.join(", ")) };
            let conflicts = conflicts.map(|c| format!("; conflicts {c}")).unwrap_or_default();
            format!("p{name}-{version}-1.noarch{requires}{conflicts}")
        };
        fresh.into_iter().map(line).collect()
    })
}

/// Whether a set of packages is sound: all requirements hold, nothing conflicts, one version each.
fn is_sound(packages: &[&copr_repodata::Record], wanted: &[Dependency]) -> bool {
    let holds = |wanted: &Dependency| packages.iter().any(|p| p.provides.iter().any(|provide| wanted.matches(provide)));
    let one_each = packages.iter().map(|p| &p.nevra.name).collect::<BTreeSet<_>>().len() == packages.len();
    let peaceful = packages.iter().all(|p| {
        let others = || packages.iter().filter(|other| other.nevra != p.nevra);
        !p.conflicts.iter().any(|c| others().any(|other| other.provides.iter().any(|provide| c.matches(provide))))
    });
    one_each && peaceful && wanted.iter().all(holds) && packages.iter().all(|p| p.requires.iter().all(holds))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn an_answer_is_sound_and_there_is_one_exactly_when_trying_everything_finds_one(lines in random_repository()) {
        let pool = pool(&[("base", &lines.join("\n"))]);
        let wanted = vec![dependency("p0"), dependency("p1")];
        let records: Vec<_> = lines.iter().map(|line| crate::test_support::package(line)).collect();
        let possible = (0_u32..1 << records.len()).any(|set| {
            let chosen: Vec<_> = records.iter().enumerate().filter(|(n, _)| set >> n & 1 == 1).map(|(_, r)| r).collect();
            is_sound(&chosen, &wanted)
        });
        match solve(&pool, &Request::install(wanted.clone())) {
            Ok(solution) => {
                let chosen: Vec<_> = solution.packages().map(|id| &records[id.index()]).collect();
                prop_assert!(is_sound(&chosen, &wanted), "{:?}", solution);
                prop_assert_eq!(&solution, &solve(&pool, &Request::install(wanted)).unwrap());
            }
            Err(problem) => prop_assert!(!possible, "{}", problem),
        }
    }
}

#[test]
fn sixty_thousand_packages_are_solved() {
    let count = 60_000_usize;
    let lines: Vec<String> = (0..count)
        .map(|n| {
            // A tree of requirements, a widely shared capability, and files.
            let mut line =
                format!("p{n}-1-1.x86_64; provides lib{n}.so()(64bit), shared; files /usr/bin/p{n}, /usr/share/p{n}/x");
            if n > 0 {
                line += &format!("; requires lib{}.so()(64bit), p{} >= 1, /usr/bin/p{}, base", n / 2, n / 3, n / 5);
            }
            line
        })
        .collect();
    let pool = pool(&[("big", &lines.join("\n")), ("base", "base-1-1.noarch; requires p0")]);
    let solution = solve(&pool, &request("p59999, shared")).unwrap();
    assert!(solution.install.len() > 20 && solution.install.len() < 200, "{}", solution.install.len());
    let whole = Request::install((0..count).map(|n| dependency(&format!("p{n}"))));
    assert_eq!(solve(&pool, &whole).unwrap().install.len(), count + 1);
}

#[test]
fn what_is_not_enabled_is_named_where_it_would_help_and_not_taken() {
    let pool = pool(&[
        ("bob/app", "app-1-1.noarch; requires X\n two-1-1.noarch; requires Y"),
        ("alice/libs", "X-1-1.x86_64\n Y-1-1.x86_64"),
        ("eve/more", "Y-2-1.x86_64"),
    ]);
    let with = |wanted: &str, not_enabled: Vec<usize>| answer(&pool, &Request { not_enabled, ..request(wanted) });
    assert_eq!(with("app", vec![]), "X-1-1.x86_64 app-1-1.noarch");
    assert_eq!(
        with("app", vec![1, 2]),
        "nothing provides X needed by app-1-1.noarch (repository bob/app); alice/libs has it"
    );
    assert!(with("two", vec![1, 2]).ends_with("; alice/libs and eve/more have it"));
    assert_eq!(with("Y", vec![1]), "Y-2-1.x86_64");
}

#[test]
fn an_excluded_package_is_not_taken_and_is_named() {
    let pool = pool(&[("base", "a-1-1.noarch; requires b\n b-1-1.noarch\n b-2-1.noarch")]);
    let without = |versions: &[&str]| {
        let excluded = versions.iter().flat_map(|nevra| pool.exactly(&nevra.parse().unwrap())).collect();
        answer(&pool, &Request { excluded, ..request("a") })
    };
    assert_eq!(without(&["b-2-1.noarch"]), "a-1-1.noarch b-1-1.noarch");
    assert!(without(&["b-2-1.noarch", "b-1-1.noarch"]).ends_with("b-2-1.noarch (repository base) is excluded"));
}

#[test]
fn the_oldest_or_only_the_best_version_may_be_wanted() {
    let pool =
        pool(&[("base", "a-1-1.noarch\n a-2-1.noarch; requires none\n b-1-1.noarch\n b-2-1.noarch\n b-3-1.noarch")]);
    let with = |wanted: &str, policy| answer(&pool, &Request { policy, ..request(wanted) });
    assert_eq!(with("b", Policy::Oldest), "b-1-1.noarch");
    assert_eq!(with("b", Policy::Best), "b-3-1.noarch");
    assert_eq!(with("a", Policy::Newest), "a-1-1.noarch");
    assert!(with("a", Policy::Best).starts_with("nothing provides none needed by a-2-1.noarch"));
}

#[test]
fn supplements_come_with_what_they_supplement_and_suggestions_decide_between_equals() {
    let pool = pool(&[(
        "base",
        "app-1-1.noarch; requires x; suggests x-b\n x-a-1-1.noarch; provides x\n x-b-1-1.noarch; provides x
         app-fr-1-1.noarch; supplements (app and fr)\n fr-1-1.noarch\n plugin-1-1.noarch; supplements app
         enemy-1-1.noarch; supplements app; conflicts plugin",
    )]);
    assert_eq!(chosen(&pool, "app"), "app-1-1.noarch x-b-1-1.noarch");
    assert_eq!(weakly(&pool, "app, plugin"), "app-1-1.noarch plugin-1-1.noarch x-b-1-1.noarch");
    assert!(weakly(&pool, "app, fr").contains("app-fr-1-1.noarch"));
}

#[test]
fn why_a_package_comes_is_told() {
    let pool = pool(&[(
        "base",
        "app-1-1.noarch; requires lib; recommends doc\n lib-1-1.noarch\n doc-1-1.noarch; requires font\n font-1-1.noarch",
    )]);
    let solution = solve(&pool, &Request { weak: true, ..request("app") }).unwrap();
    let id = |name: &str| pool.named(pool.find(name).unwrap()).next().unwrap();
    let why = |name: &str| solution.install.iter().find(|chosen| chosen.id == id(name)).unwrap().why;
    assert_eq!(why("app"), Reason::Asked);
    assert_eq!(why("lib"), Reason::Required(id("app")));
    assert_eq!(why("doc"), Reason::Recommended(id("app")));
    assert_eq!(why("font"), Reason::Required(id("doc")));
}

fn on_system(pool: &Pool, wanted: &str) -> String {
    let install = if wanted.is_empty() { Vec::new() } else { request(wanted).install };
    answer(pool, &Request { installed: Some(0), update: wanted.is_empty(), install, ..Request::default() })
}

#[test]
fn installed_packages_stay_unless_something_needs_another_version() {
    let pool = pool(&[
        ("system", "lib-1-1.noarch\n tool-1-1.noarch; requires lib"),
        (
            "base",
            "lib-2-1.noarch\n app-1-1.noarch; requires lib >= 2\n small-1-1.noarch; requires lib\n tool-2-1.noarch",
        ),
    ]);
    assert_eq!(on_system(&pool, "small"), "small-1-1.noarch");
    assert_eq!(on_system(&pool, "app"), "app-1-1.noarch lib-2-1.noarch -lib-1-1.noarch");
    assert_eq!(on_system(&pool, ""), "lib-2-1.noarch tool-2-1.noarch -lib-1-1.noarch -tool-1-1.noarch");
}

#[test]
fn what_obsoletes_an_installed_package_takes_its_place_and_nothing_else_may_remove_it() {
    let pool = pool(&[
        ("system", "old-1-1.noarch\n other-1-1.noarch"),
        ("base", "new-1-1.noarch; provides old = 2; obsoletes old < 2\n enemy-1-1.noarch; conflicts other"),
    ]);
    assert_eq!(on_system(&pool, ""), "new-1-1.noarch -old-1-1.noarch");
    let problem = on_system(&pool, "enemy");
    assert!(problem.contains("enemy-1-1.noarch (repository base) conflicts with other"), "{problem}");
    let request = Request { installed: Some(0), protected: vec!["old".to_owned()], ..request("new") };
    assert_eq!(answer(&pool, &request), "old is protected, but would be removed");
}

#[test]
fn a_rich_dependency_nested_a_thousand_deep_is_refused_in_words() {
    let deep = format!("{}x{}", "(a or ".repeat(1000), ")".repeat(1000));
    let pool = pool(&[("base", &format!("app-1-1.noarch; requires {deep}\n x-1-1.noarch"))]);
    let problem = chosen(&pool, "app");
    assert!(
        problem.contains("app-1-1.noarch (repository base) cannot be installed") && problem.contains("nested"),
        "{problem}"
    );
}

#[test]
fn ten_thousand_ways_to_satisfy_a_requirement_are_one_choice() {
    let ways: Vec<String> = (0..10_000).map(|n| format!("w{n}")).collect();
    let lines: Vec<String> = ways.iter().map(|way| format!("{way}-1-1.noarch")).collect();
    let mut lines = lines.join("\n");
    lines += &format!("\napp-1-1.noarch; requires ({})", ways.join(" or "));
    let pool = pool(&[("base", &lines)]);
    assert_eq!(chosen(&pool, "app"), "app-1-1.noarch w0-1-1.noarch");
    assert_eq!(chosen(&pool, "app, w77"), "app-1-1.noarch w77-1-1.noarch");
}

#[test]
fn too_many_combinations_are_refused_in_words() {
    let pair: Vec<String> = (0..40).map(|n| format!("(a{n} and b{n})")).collect();
    let lines: Vec<String> = (0..40).map(|n| format!("a{n}-1-1.noarch\n b{n}-1-1.noarch")).collect();
    let app = format!("app-1-1.noarch; requires ({})", pair.join(" or "));
    let pool = pool(&[("base", &format!("{}\n{app}", lines.join("\n")))]);
    assert!(chosen(&pool, "app").contains("has too many combinations"));
}

#[test]
fn of_recommendations_that_exclude_each_other_the_first_is_taken() {
    let pool = pool(&[(
        "two",
        "p0-3-1.x86_64; requires /etc/f1
         p6-3-2.x86_64; requires p3; provides c2
         p3-3-2.noarch; requires p0 >= 3-1
         p4-4-1.x86_64; recommends c0, c2
         p1-3-1.x86_64; provides c0
         p1-1-2.x86_64; files /etc/f1",
    )]);
    assert_eq!(weakly(&pool, "p4"), "p1-3-1.x86_64 p4-4-1.x86_64");
}
