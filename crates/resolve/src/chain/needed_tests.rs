//! Solvers made up in a line.

use std::cell::RefCell;

use proptest::prelude::*;

use super::*;

/// A solver: each line is a package and the repositories that have it, the preferred one first.
fn solver<'a>(lines: &'a [(&'a str, &'a [usize])]) -> impl Fn(&[usize]) -> Result<Vec<Pulled>, String> + 'a {
    move |enabled| {
        let of = |(package, places): &(&str, &[usize])| {
            let found =
                places.iter().find(|place| enabled.contains(place)).ok_or(format!("nothing provides {package}"))?;
            let because = if *package == "app-1-1" { Because::Asked } else { Because::Required("app".to_owned()) };
            Ok(Pulled { package: (*package).to_owned(), repository: *found, only_here: true, because })
        };
        lines.iter().map(of).collect()
    }
}

fn numbers(needed: &Needed) -> Vec<usize> {
    needed.repositories.iter().map(|needed| needed.repository).collect()
}

#[test]
fn what_no_package_comes_from_is_not_needed() {
    let solver = solver(&[("app-1-1", &[3]), ("libfoo-1-1", &[1]), ("libbar-1-1", &[1])]);
    let needed = needed(&[1, 2, 3], solver, MOST_SOLVES).unwrap();
    assert_eq!((numbers(&needed), needed.unneeded.as_slice(), needed.is_smallest), (vec![1, 3], [2].as_slice(), true));
    let why: Vec<String> = needed.repositories.iter().map(ToString::to_string).collect();
    assert_eq!(
        why,
        ["needed for libbar-1-1, which app requires (and 1 package more)", "needed for app-1-1, which is asked for",]
    );
}

#[test]
fn a_repository_that_only_has_newer_versions_is_not_needed() {
    // With all, libfoo comes from 2; without it, an older one from 1 does.
    let solver = solver(&[("app-1-1", &[1]), ("libfoo-1-1", &[2, 1])]);
    let needed = needed(&[1, 2], solver, MOST_SOLVES).unwrap();
    assert_eq!((numbers(&needed), needed.unneeded), (vec![1], vec![2]));
}

#[test]
fn one_repository_with_both_is_fewer_than_two_with_one_each() {
    // Leaving out one at a time never finds 3.
    let solver = solver(&[("liba-1-1", &[1, 3]), ("libb-1-1", &[2, 3])]);
    let needed = needed(&[1, 2, 3], solver, MOST_SOLVES).unwrap();
    assert_eq!((numbers(&needed), needed.is_smallest), (vec![3], true));
}

#[test]
fn packages_of_other_repositories_do_not_count() {
    let solver = |_: &[usize]| {
        Ok::<_, String>(vec![Pulled {
            package: "bash-5-1".to_owned(),
            repository: 99,
            only_here: true,
            because: Because::Asked,
        }])
    };
    let needed = needed(&[1, 2], solver, MOST_SOLVES).unwrap();
    assert_eq!((numbers(&needed), needed.unneeded.as_slice()), (vec![], [1, 2].as_slice()));
    assert!(needed.is_smallest);
}

#[test]
fn what_cannot_be_had_with_all_cannot_be_had() {
    let error = needed(&[1, 2], solver(&[("app-1-1", &[7])]), MOST_SOLVES).unwrap_err();
    assert_eq!(error, "nothing provides app-1-1");
}

#[test]
fn the_bound_on_solves_holds_and_the_answer_is_sound_even_so() {
    let lines: Vec<(String, Vec<usize>)> =
        (0..40).map(|n| (format!("lib{n}-1-1"), vec![2 * n, 2 * n + 1, (2 * n + 7) % 80])).collect();
    let lines: Vec<(&str, &[usize])> = lines.iter().map(|(name, places)| (name.as_str(), places.as_slice())).collect();
    let count = RefCell::new(0);
    let solver = solver(&lines);
    let counted = |these: &[usize]| {
        *count.borrow_mut() += 1;
        solver(these)
    };
    let all: Vec<usize> = (0..80).collect();
    for most in [0, 1, 2, 50, 200] {
        *count.borrow_mut() = 0;
        let needed = needed(&all, counted, most).unwrap();
        assert_eq!(*count.borrow(), most.max(1));
        assert_eq!((needed.solves, needed.is_smallest), (most.max(1), false));
        assert!(solver(&numbers(&needed)).is_ok());
    }
}

#[test]
fn of_a_pool_it_tells_which_repositories_the_wanted_packages_come_from() {
    let pool = crate::test_support::pool(&[
        ("base", "glibc-2.40-1.x86_64"),
        ("alice/libs", "libfoo-1-1.x86_64; requires libdeep\nunused-1-1.x86_64"),
        ("carol/fonts", "font-1-1.noarch\nlibdeep-1-1.x86_64"),
        ("dave/next", "libfoo-1-1.x86_64; requires nothing-has-this"),
        ("bob/app", "app-1-1.x86_64; requires libfoo, glibc\ntool-1-1.x86_64; requires glibc"),
    ]);
    let ask = |name: &str| Request::install([name.parse().unwrap()]);
    let app = in_pool(&pool, &ask("app"), &[1, 2, 3], MOST_SOLVES).unwrap();
    let why: Vec<String> = app.repositories.iter().map(|needed| format!("{} {needed}", needed.repository)).collect();
    assert_eq!(
        why,
        ["1 needed for libfoo-1-1, which app requires", "2 needed for libdeep-1-1, which libfoo requires",]
    );
    assert_eq!((app.unneeded.as_slice(), app.is_smallest), ([3].as_slice(), true));
    let tool = in_pool(&pool, &ask("tool"), &[1, 2, 3], MOST_SOLVES).unwrap();
    assert_eq!((numbers(&tool), tool.unneeded), (vec![], vec![1, 2, 3]));
    let none = in_pool(&pool, &ask("nowhere"), &[1, 2, 3], MOST_SOLVES).unwrap_err();
    assert_eq!(none.to_string(), "nothing provides nowhere");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_set_found_is_as_small_as_trying_all_sets_finds(
        places in prop::collection::vec(prop::collection::vec(0_usize..7, 1..4), 1..7)
    ) {
        let lines: Vec<(&str, &[usize])> = places.iter().map(|places| ("lib-1-1", places.as_slice())).collect();
        let solver = solver(&lines);
        let all: Vec<usize> = (0..7).collect();
        let found = needed(&all, &solver, 1000).unwrap();
        let subsets = (0_u32..1 << 7).map(|bits| all.iter().copied().filter(|at| bits >> at & 1 == 1).collect::<Vec<_>>());
        let smallest = subsets.filter(|these| solver(these).is_ok()).map(|these| these.len()).min();
        prop_assert_eq!(Some(found.repositories.len()), smallest);
        prop_assert!(found.is_smallest && solver(&numbers(&found)).is_ok());
        prop_assert_eq!(needed(&all, &solver, 1000).unwrap(), found);
    }
}
