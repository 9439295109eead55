//! Packages with the same name, version, release and architecture.

use std::collections::HashMap;

use copr_rpm::Nevra;

use super::{Duplicate, Duplicates};

/// What is known of one package.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) nevra: &'a Nevra,
    pub(super) href: &'a str,
    /// Seconds since 1970.
    pub(super) time_build: u64,
}

/// Finds duplicates among packages (`None` for those of which nothing is known), and which of them are to go.
pub(super) fn find(packages: &[Option<Known<'_>>], policy: Duplicates) -> (Vec<Duplicate>, Vec<usize>) {
    // Nearly all packages are the only ones of their name: no list is made for those.
    let mut first: HashMap<&Nevra, usize> = HashMap::with_capacity(packages.len());
    let mut several: HashMap<&Nevra, Vec<usize>> = HashMap::new();
    for (index, known) in packages.iter().enumerate() {
        let Some(known) = known else { continue };
        if let Some(first) = first.insert(known.nevra, index) {
            several.entry(known.nevra).or_insert_with(|| vec![first]).push(index);
        }
    }
    let (mut duplicates, mut dropped) = (Vec::new(), Vec::new());
    for (nevra, mut indexes) in several {
        let key = |index: &usize| packages.get(*index).and_then(Option::as_ref).map(|k| (k.time_build, k.href));
        indexes.sort_by(|a, b| key(a).cmp(&key(b)));
        let last = indexes.last().copied();
        let goes = |index: usize| policy == Duplicates::KeepLast && Some(index) != last;
        dropped.extend(indexes.iter().copied().filter(|index| goes(*index)));
        let mut shown: Vec<(String, u64, bool)> = indexes
            .iter()
            .filter_map(|index| {
                let known = packages.get(*index)?.as_ref()?;
                Some((known.href.to_owned(), known.time_build, goes(*index)))
            })
            .collect();
        // As createrepo_c prints them: short paths first.
        shown.sort_by(|a, b| (a.0.len(), &a.0).cmp(&(b.0.len(), &b.0)));
        duplicates.push(Duplicate { nevra: nevra.to_string(), packages: shown });
    }
    duplicates.sort_by(|a, b| a.nevra.cmp(&b.nevra));
    dropped.sort_unstable();
    (duplicates, dropped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_built_last_stays_and_of_those_the_last_by_path() {
        let (a, b): (Nevra, Nevra) = ("a-1-1.noarch".parse().unwrap(), "b-1-1.noarch".parse().unwrap());
        let known = |nevra, href, time_build| Some(Known { nevra, href, time_build });
        let packages = [known(&a, "x/a", 5), known(&a, "y/a", 7), None, known(&a, "z/a", 7), known(&b, "b", 1)];
        let (duplicates, dropped) = find(&packages, Duplicates::KeepLast);
        assert_eq!(dropped, [0, 1]);
        assert_eq!(duplicates.len(), 1);
        assert_eq!(duplicates[0].packages.iter().map(|p| p.2).collect::<Vec<_>>(), [true, true, false]);
        assert!(find(&packages, Duplicates::Keep).1.is_empty());
    }
}
