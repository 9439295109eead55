//! A delta as it is applied: rendered, in order, with the last word of all who spoke.

use std::collections::{BTreeMap, HashSet};

use crate::output::Output;
use crate::source::file_order;
use crate::{Delta, Fragments, Record};

/// A package that is added: where it lies, and its text in every document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Package {
    pub(super) href: String,
    pub(super) fragments: Fragments,
}

impl Package {
    pub(super) fn render(record: &Record, output: &Output) -> Self {
        let mut fragments = Fragments::default();
        match output.changelog_limit.filter(|limit| record.changelogs.len() > *limit) {
            None => record.render_into(output.render(), &mut fragments),
            limit => {
                let mut record = record.clone();
                record.limit_changelogs(limit);
                record.render_into(output.render(), &mut fragments);
            }
        }
        Self { href: record.location_href.clone(), fragments }
    }
}

/// Packages that go and packages that come, of one delta or of several.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Changes {
    /// Locations that are freed before anything is added.
    pub(super) remove: HashSet<String>,
    /// In the order in which packages are written, one a location.
    pub(super) add: Vec<Package>,
}

impl Changes {
    pub(super) fn of(delta: &Delta, output: &Output) -> Self {
        let packages = delta.add.iter().map(|record| Package::render(record, output)).collect();
        Self { remove: delta.remove.iter().cloned().collect(), add: in_order(packages) }
    }

    /// The changes of several, one after the other, as one: what a later one removes is not added, what it adds counts.
    pub(super) fn merged(all: Vec<Self>) -> Self {
        let mut all = all.into_iter();
        let Some(mut merged) = all.next() else { return Self::default() };
        for next in all {
            merged.add.retain(|package| !next.remove.contains(&package.href));
            merged.remove.extend(next.remove);
            merged.add.extend(next.add);
        }
        merged.add = in_order(merged.add);
        merged
    }
}

/// Sorted, and of several under one location the last.
pub(super) fn in_order(packages: Vec<Package>) -> Vec<Package> {
    let mut by_place: BTreeMap<(String, String), Package> = BTreeMap::new();
    for package in packages {
        let (name, folder) = file_order(&package.href);
        by_place.insert((name.to_owned(), folder.to_owned()), package);
    }
    by_place.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(add: &[(&str, &str)], remove: &[&str]) -> Changes {
        let package = |(href, text): &(&str, &str)| Package {
            href: (*href).to_owned(),
            fragments: Fragments { primary: (*text).to_owned(), ..Fragments::default() },
        };
        Changes {
            remove: remove.iter().map(|href| (*href).to_owned()).collect(),
            add: in_order(add.iter().map(package).collect()),
        }
    }

    #[test]
    fn of_several_changes_the_last_word_counts() {
        let merged = Changes::merged(vec![
            changes(&[("z/a", "1"), ("b", "1"), ("c", "1")], &["x"]),
            changes(&[("b", "2")], &["c", "y"]),
            changes(&[("c", "3")], &["z/a"]),
        ]);
        assert_eq!(merged, changes(&[("b", "2"), ("c", "3")], &["x", "c", "y", "z/a"]));
        assert_eq!(Changes::merged(Vec::new()), Changes::default());
    }

    #[test]
    fn packages_come_in_the_order_of_their_file_names() {
        let order: Vec<_> = changes(&[("a/z", ""), ("b/c", ""), ("a/c", "")], &[]).add;
        assert_eq!(order.iter().map(|package| package.href.as_str()).collect::<Vec<_>>(), ["a/c", "b/c", "a/z"]);
    }
}
