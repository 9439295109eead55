//! Versions and dependencies, against rpm's own table of comparisons.
#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

use std::cmp::Ordering;

use copr_rpm::{Dependency, Evr, vercmp};
use proptest::prelude::*;

/// The comparisons of rpm's test suite (`rpmvercmp.at`), with its "oddities".
const TABLE: &str = "
    1.0 1.0 0
    1.0 2.0 -1
    2.0 1.0 1
    2.0.1 2.0.1 0
    2.0 2.0.1 -1
    2.0.1 2.0 1
    2.0.1a 2.0.1a 0
    2.0.1a 2.0.1 1
    2.0.1 2.0.1a -1
    5.5p1 5.5p1 0
    5.5p1 5.5p2 -1
    5.5p2 5.5p1 1
    5.5p10 5.5p10 0
    5.5p1 5.5p10 -1
    5.5p10 5.5p1 1
    10xyz 10.1xyz -1
    10.1xyz 10xyz 1
    xyz10 xyz10 0
    xyz10 xyz10.1 -1
    xyz10.1 xyz10 1
    xyz.4 xyz.4 0
    xyz.4 8 -1
    8 xyz.4 1
    xyz.4 2 -1
    2 xyz.4 1
    5.5p2 5.6p1 -1
    5.6p1 5.5p2 1
    5.6p1 6.5p1 -1
    6.5p1 5.6p1 1
    6.0.rc1 6.0 1
    6.0 6.0.rc1 -1
    10b2 10a1 1
    10a2 10b2 -1
    1.0aa 1.0aa 0
    1.0a 1.0aa -1
    1.0aa 1.0a 1
    10.0001 10.0001 0
    10.0001 10.1 0
    10.1 10.0001 0
    10.0001 10.0039 -1
    10.0039 10.0001 1
    4.999.9 5.0 -1
    5.0 4.999.9 1
    20101121 20101121 0
    20101121 20101122 -1
    20101122 20101121 1
    2_0 2_0 0
    2.0 2_0 0
    2_0 2.0 0
    a a 0
    a+ a+ 0
    a+ a_ 0
    a_ a+ 0
    +a +a 0
    +a _a 0
    _a +a 0
    +_ +_ 0
    _+ +_ 0
    _+ _+ 0
    + _ 0
    _ + 0
    1.0~rc1 1.0~rc1 0
    1.0~rc1 1.0 -1
    1.0 1.0~rc1 1
    1.0~rc1 1.0~rc2 -1
    1.0~rc2 1.0~rc1 1
    1.0~rc1~git123 1.0~rc1~git123 0
    1.0~rc1~git123 1.0~rc1 -1
    1.0~rc1 1.0~rc1~git123 1
    1.0^ 1.0^ 0
    1.0^ 1.0 1
    1.0 1.0^ -1
    1.0^git1 1.0^git1 0
    1.0^git1 1.0 1
    1.0 1.0^git1 -1
    1.0^git1 1.0^git2 -1
    1.0^git2 1.0^git1 1
    1.0^git1 1.01 -1
    1.01 1.0^git1 1
    1.0^20160101 1.0^20160101 0
    1.0^20160101 1.0.1 -1
    1.0.1 1.0^20160101 1
    1.0^20160101^git1 1.0^20160101^git1 0
    1.0^20160102 1.0^20160101^git1 1
    1.0^20160101^git1 1.0^20160102 -1
    1.0~rc1^git1 1.0~rc1^git1 0
    1.0~rc1^git1 1.0~rc1 1
    1.0~rc1 1.0~rc1^git1 -1
    1.0^git1~pre 1.0^git1~pre 0
    1.0^git1 1.0^git1~pre 1
    1.0^git1~pre 1.0^git1 -1
    1b.fc17 1b.fc17 0
    1b.fc17 1.fc17 -1
    1.fc17 1b.fc17 1
    1g.fc17 1g.fc17 0
    1g.fc17 1.fc17 1
    1.fc17 1g.fc17 -1
    1.1.α 1.1.α 0
    1.1.α 1.1.β 0
    1.1.β 1.1.α 0
    1.1.αα 1.1.α 0
    1.1.α 1.1.ββ 0
    1.1.ββ 1.1.αα 0
";

#[test]
fn versions_compare_as_in_the_table_of_rpm() {
    for line in TABLE.lines().filter(|l| !l.trim().is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let expected = words[2].parse::<i32>().unwrap().cmp(&0);
        assert_eq!(vercmp(words[0], words[1]), expected, "{line}");
    }
}

#[test]
fn numbers_of_any_length_compare_by_value() {
    let long = "9".repeat(1000);
    assert_eq!(vercmp(&long, &format!("1{}", "0".repeat(1000))), Ordering::Less);
    assert_eq!(vercmp(&format!("000{long}"), &long), Ordering::Equal);
}

#[test]
fn an_epoch_outweighs_everything_and_none_is_zero() {
    let evr = |text: &str| text.parse::<Evr>().unwrap();
    assert!(evr("1:0.1-1") > evr("9.9-9"));
    assert_eq!(evr("0:1-1"), evr("1-1"));
    assert!(evr("1-2") > evr("1-1"));
    assert!(evr("1") < evr("1-0"));
}

#[test]
fn evr_texts_that_are_no_versions_are_refused() {
    for text in ["", "-1", "x:1", "-1:1", "4294967296:1", "1:"] {
        assert!(text.parse::<Evr>().is_err(), "{text}");
    }
}

#[test]
fn a_release_starts_behind_the_first_dash() {
    let evr: Evr = "3:1.0-2-3".parse().unwrap();
    assert_eq!((evr.epoch, evr.version.as_str(), evr.release.as_deref()), (Some(3), "1.0", Some("2-3")));
    assert_eq!(evr.to_string(), "3:1.0-2-3");
}

/// Requirement, provide, and whether they match.
const RANGES: &[(&str, &str, bool)] = &[
    ("foo", "foo", true),
    ("foo", "bar", false),
    ("foo = 1", "foo", true),
    ("foo", "foo = 1-1", true),
    ("foo = 1", "foo = 1-1", true),
    ("foo = 1-1", "foo = 1", true),
    ("foo = 1-2", "foo = 1-1", false),
    ("foo >= 1", "foo = 1-1", true),
    ("foo > 1", "foo = 1-1", false),
    ("foo < 1", "foo = 1-1", false),
    ("foo <= 1", "foo = 1-1", true),
    ("foo > 1-1", "foo = 1-2", true),
    ("foo < 2", "foo = 1:1", false),
    ("foo >= 1:1", "foo = 9", false),
    ("foo = 0:1", "foo = 1", true),
    ("foo < 2", "foo > 1", true),
    ("foo < 1", "foo > 1", false),
    ("foo < 1", "foo < 9", true),
    ("foo > 9", "foo >= 1", true),
    ("foo >= 1.0~rc1", "foo = 1.0-1", true),
    ("foo >= 1.0", "foo = 1.0~rc1-1", false),
    ("(a if b)", "(a if b)", true),
];

#[test]
fn requirements_match_provides_by_the_overlap_of_their_ranges() {
    for (require, provide, expected) in RANGES {
        let (require, provide): (Dependency, Dependency) = (require.parse().unwrap(), provide.parse().unwrap());
        assert_eq!(require.matches(&provide), *expected, "{require} / {provide}");
        assert_eq!(provide.matches(&require), *expected, "overlap has no direction: {require} / {provide}");
    }
}

#[test]
fn a_dependency_survives_print_and_parse() {
    for text in ["foo", "foo >= 1:2-3", "libc.so.6()(64bit)", "/bin/sh", "foo < 1", "(a or (b and c))"] {
        assert_eq!(text.parse::<Dependency>().unwrap().to_string(), text);
    }
    for text in ["", "foo 1", "foo >=", "foo >= 1 2", "foo >= x:1", "a\u{7}"] {
        assert!(text.parse::<Dependency>().is_err(), "{text:?}");
    }
}

proptest! {
    #[test]
    fn the_order_is_total(mut versions in prop::collection::vec("[0-9a-c.~^_]{0,6}", 3)) {
        for a in &versions {
            prop_assert_eq!(vercmp(a, a), Ordering::Equal);
            for b in &versions {
                prop_assert_eq!(vercmp(a, b), vercmp(b, a).reverse());
            }
        }
        versions.sort_by(|a, b| vercmp(a, b));
        prop_assert!(vercmp(&versions[0], &versions[2]) != Ordering::Greater);
        if vercmp(&versions[0], &versions[1]) == Ordering::Equal {
            prop_assert_eq!(vercmp(&versions[0], &versions[2]), vercmp(&versions[1], &versions[2]));
        }
    }

    #[test]
    fn no_text_makes_a_parser_panic(text in "\\PC{0,40}") {
        let _ = text.parse::<Evr>();
        let _ = text.parse::<Dependency>();
        let _ = text.parse::<copr_rpm::Nevra>();
        let _ = vercmp(&text, "1");
    }
}
