//! Random small repositories: the answer is sound, and there is one exactly when trying everything finds one.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::properties::checker::Checker;
use crate::properties::repository::Case;
use crate::properties::{self, chosen, pool, request};

/// A capability: few names, so that packages meet, each in few versions.
fn capability() -> impl Strategy<Value = String> {
    let name = select(vec!["p0", "p1", "p2", "p3", "p4", "v", "w", "/bin/x"]);
    (name, select(vec!["", "", "", " = 1", " = 2", " >= 2", " < 2", " > 1", " <= 2", " = 2-1", " < 2-1"]))
        .prop_map(|(name, range)| if name.starts_with('/') { name.to_owned() } else { format!("{name}{range}") })
}

/// A plain or a rich dependency.
fn dependency() -> impl Strategy<Value = String> {
    let rich = capability().prop_recursive(3, 8, 3, |inner| {
        let two = (inner.clone(), inner.clone());
        prop_oneof![
            vec(inner.clone(), 2..4).prop_map(|parts| format!("({})", parts.join(" and "))),
            vec(inner.clone(), 2..4).prop_map(|parts| format!("({})", parts.join(" or "))),
            two.clone().prop_map(|(a, b)| format!("({a} if {b})")),
            two.prop_map(|(a, b)| format!("({a} unless {b})")),
            (inner.clone(), inner.clone(), inner.clone()).prop_map(|(a, b, c)| format!("({a} if {b} else {c})")),
            (inner.clone(), inner.clone(), inner).prop_map(|(a, b, c)| format!("({a} unless {b} else {c})")),
            (capability(), capability()).prop_map(|(a, b)| format!("({a} with {b})")),
            (capability(), capability()).prop_map(|(a, b)| format!("({a} without {b})")),
        ]
    });
    prop_oneof![3 => capability(), 1 => rich]
}

fn list(kind: &'static str, entry: BoxedStrategy<String>, most: usize) -> impl Strategy<Value = String> {
    vec(entry, 0..=most).prop_map(move |words| match words.as_slice() {
        [] => String::new(),
        words => format!("; {kind} {}", words.join(", ")),
    })
}

fn line() -> impl Strategy<Value = (String, String)> {
    let nevra = (0_u8..5, 1_u8..4, select(vec!["noarch", "x86_64"]));
    let provided =
        (select(vec!["v", "w"]), select(vec!["", " = 1", " = 2", " >= 2"])).prop_map(|(n, r)| format!("{n}{r}"));
    let lists = (
        list("provides", provided.boxed(), 2),
        list("requires", dependency().boxed(), 2),
        list("conflicts", prop_oneof![9 => capability(), 1 => dependency()].boxed(), 1),
        list("obsoletes", capability().boxed(), 1),
        list("recommends", dependency().boxed(), 1),
        list("supplements", dependency().boxed(), 1),
        prop_oneof![4 => Just(""), 1 => Just("; files /bin/x")],
    );
    (nevra, lists).prop_map(|((name, version, arch), lists)| {
        let (provides, requires, mut conflicts, mut obsoletes, recommends, supplements, files) = lists;
        // Two of three packages are in nobody's way, else nothing can be installed.
        if (version + name) % 3 != 0 {
            conflicts.clear();
            obsoletes.clear();
        }
        let rest = format!("{provides}{requires}{conflicts}{obsoletes}{recommends}{supplements}{files}");
        (format!("p{name}-{version}-1.{arch}"), rest)
    })
}

/// Up to `most` packages, none twice, and what is asked for.
fn repository(most: usize) -> impl Strategy<Value = String> {
    (vec(line(), 1..=most), vec(dependency(), 1..3)).prop_map(|(lines, wanted)| {
        let lines: std::collections::BTreeMap<String, String> = lines.into_iter().collect();
        let packages: Vec<String> = lines.into_iter().map(|(nevra, rest)| nevra + &rest).collect();
        format!("install {}\n{}", wanted.join(", "), packages.join("\n"))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn of_few_packages_there_is_an_answer_exactly_when_trying_everything_finds_one(text in repository(12)) {
        let case = Case::read(&text);
        let found = properties::solution(&case);
        let checker = Checker::new(&case.records, &case.wanted);
        prop_assume!(!checker.is_ambiguous());
        let possible = checker.is_satisfiable();
        let told = chosen(&pool(&case.records), &request(&case.wanted));
        prop_assert_eq!(found, possible, "{}\n{:?}", text, told);
    }

    #[test]
    fn of_more_packages_every_answer_is_sound(text in repository(40)) {
        properties::solution(&Case::read(&text));
    }

    #[test]
    fn any_text_is_a_repository(text in "(\\PC{0,30}\n){0,8}") {
        properties::repository(&text);
    }

    #[test]
    fn any_text_in_parentheses_is_a_rich_dependency_or_refused(text in "\\(([abcv ()]|and|or|if|unless|else|with|without|[<>=]{1,2}|[12]){0,30}\\)") {
        properties::rich_dependency(&text);
    }

    #[test]
    fn a_rich_dependency_holds_where_it_is_asked_for_and_required(text in dependency()) {
        properties::rich_dependency(&text.replace("p0", "a").replace("p1", "b").replace("p2", "c").replace("p3", "d"));
    }
}
