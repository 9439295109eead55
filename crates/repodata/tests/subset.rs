//! Repositories with some of the packages of another.

use std::path::Path;

use crate::shelf::{self, add_metadata, index, output, package, publish};
use copr_repodata::read;
use copr_repodata::subset::{Subset, SubsetOptions, subset};

const ALL: [&str; 7] = [
    "bash-5.1-1.x86_64",
    "bash-5.2-1.i686",
    "bash-5.2-1.x86_64",
    "bash-doc-5.2-1.noarch",
    "bash-5.2-1.src",
    "tar-2:1.34-1.x86_64",
    "zsh-5.9-1.x86_64",
];

fn shop() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let packages: Vec<_> = ALL.iter().map(|name| package(name)).collect();
    publish(dir.path(), 1, &packages);
    dir
}

fn taken(from: &Path, options: &SubsetOptions) -> (Vec<String>, Subset) {
    let out = tempfile::tempdir().unwrap();
    let result = subset(from, out.path(), options, &output(2)).unwrap();
    (read::load(out.path()).unwrap().into_iter().map(|record| record.nevra.to_string()).collect(), result)
}

fn named(patterns: &[&str]) -> SubsetOptions {
    SubsetOptions { packages: patterns.iter().map(|p| (*p).to_owned()).collect(), ..SubsetOptions::default() }
}

#[test]
fn packages_are_named_in_all_the_ways_that_dnf_knows() {
    let shop = shop();
    for (pattern, expected) in [
        ("bash", vec!["bash-5.1-1.x86_64", "bash-5.2-1.i686", "bash-5.2-1.src", "bash-5.2-1.x86_64"]),
        ("bash.i686", vec!["bash-5.2-1.i686"]),
        ("bash-5.1", vec!["bash-5.1-1.x86_64"]),
        ("bash-5.1-1", vec!["bash-5.1-1.x86_64"]),
        ("*.noarch", vec!["bash-doc-5.2-1.noarch"]),
        ("tar-2:1.34-1.x86_64", vec!["tar-2:1.34-1.x86_64"]),
        ("tar-1.34-1.x86_64", vec!["tar-2:1.34-1.x86_64"]),
        ("tar-2:*", vec!["tar-2:1.34-1.x86_64"]),
        ("[tz]*h", vec!["zsh-5.9-1.x86_64"]),
        ("{zsh,tar}", vec!["tar-2:1.34-1.x86_64", "zsh-5.9-1.x86_64"]),
        ("ba", vec![]),
    ] {
        assert_eq!(taken(shop.path(), &named(&[pattern])).0, expected, "{pattern}");
    }
}

#[test]
fn all_conditions_have_to_be_met() {
    let shop = shop();
    let options = SubsetOptions { arches: vec!["x86_64".into(), "src".into()], newest_only: true, ..named(&["bash*"]) };
    let (packages, result) = taken(shop.path(), &options);
    assert_eq!(packages, ["bash-5.2-1.src", "bash-5.2-1.x86_64"]);
    let size = ["bash-5.2-1.src", "bash-5.2-1.x86_64"].iter().map(|name| shelf::content(name).len() as u64).sum();
    assert_eq!((result.of, result.size, result.published.packages), (7, size, 2));
    let sources = SubsetOptions { sources: vec!["bash*".into()], arches: vec!["noarch".into()], ..Default::default() };
    assert_eq!(taken(shop.path(), &sources).0, ["bash-doc-5.2-1.noarch"]);
    let newest = SubsetOptions { newest_only: true, ..Default::default() };
    assert_eq!(taken(shop.path(), &newest).0.len(), 6);
}

#[test]
fn patterns_that_match_nothing_are_told() {
    let shop = shop();
    let options = SubsetOptions { sources: vec!["nothing".into(), "*".into()], ..named(&["zsh", "fish*"]) };
    assert_eq!(taken(shop.path(), &options).1.unmatched, ["fish*", "nothing"]);
    let out = tempfile::tempdir().unwrap();
    let error = subset(shop.path(), &out.path().join("new"), &named(&["[a"]), &output(2)).unwrap_err().to_string();
    assert!(error.starts_with("pattern of packages:") && error.contains("[a"), "{error}");
    assert!(!out.path().join("new").exists());
}

#[test]
fn packages_get_a_base_unless_they_have_one() {
    let dir = tempfile::tempdir().unwrap();
    let (plain, mut based) = (package("a-1-1.noarch"), package("b-1-1.noarch"));
    based.location_base = Some("https://elsewhere".to_owned());
    publish(dir.path(), 1, &[plain.clone(), based.clone()]);
    let out = tempfile::tempdir().unwrap();
    let options = SubsetOptions { base: Some("https://here/x & y".to_owned()), ..SubsetOptions::default() };
    subset(dir.path(), &out.path().join("new/folder"), &options, &output(2)).unwrap();
    let mut moved = plain;
    moved.location_base = options.base.clone();
    assert_eq!(read::load(&out.path().join("new/folder")).unwrap(), [moved, based]);
}

#[test]
fn metadata_of_other_types_are_taken_over_unless_they_are_not_wanted() {
    let shop = shop();
    add_metadata(shop.path(), "group", "comps.xml", "<comps/>");
    add_metadata(shop.path(), "primary_db", "primary.sqlite", "a database of other packages");
    let out = tempfile::tempdir().unwrap();
    subset(shop.path(), out.path(), &named(&["zsh"]), &output(2)).unwrap();
    let group = index(out.path()).record("group").unwrap().clone();
    let mut text = String::new();
    std::io::Read::read_to_string(&mut read::open(&out.path().join(&group.location_href)).unwrap(), &mut text).unwrap();
    assert!(text == "<comps/>" && group.location_href.ends_with("-comps.xml.gz"), "{text} {group:?}");
    assert_eq!(index(out.path()).records.len(), 4);
    let only = SubsetOptions { packages_only: true, ..named(&["zsh"]) };
    subset(shop.path(), out.path(), &only, &output(3)).unwrap();
    assert_eq!(index(out.path()).records.len(), 3);
}

#[test]
fn the_repository_itself_is_not_replaced() {
    let shop = shop();
    let error = subset(shop.path(), &shop.path().join("."), &named(&["zsh"]), &output(2)).unwrap_err().to_string();
    assert!(error.contains("name another folder"), "{error}");
    assert_eq!(read::load(shop.path()).unwrap().len(), 7);
}
