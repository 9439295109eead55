//! Packages with the same name, version, release and architecture.

use std::collections::HashMap;

use super::{Duplicate, Duplicates};

/// What is known of one package.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) nevra: String,
    pub(super) href: String,
    /// Seconds since 1970.
    pub(super) time_build: u64,
}

/// Finds duplicates among packages (`None` for those of which nothing is known), and which of them are to go.
pub(super) fn find(packages: &[Option<Known>], policy: Duplicates) -> (Vec<Duplicate>, Vec<usize>) {
    let mut by_nevra: HashMap<&str, Vec<usize>> = HashMap::with_capacity(packages.len());
    for (index, known) in packages.iter().enumerate() {
        if let Some(known) = known {
            by_nevra.entry(&known.nevra).or_default().push(index);
        }
    }
    let (mut duplicates, mut dropped) = (Vec::new(), Vec::new());
    for (nevra, mut indexes) in by_nevra.into_iter().filter(|(_, indexes)| indexes.len() > 1) {
        let key =
            |index: &usize| packages.get(*index).and_then(Option::as_ref).map(|k| (k.time_build, k.href.as_str()));
        indexes.sort_by(|a, b| key(a).cmp(&key(b)));
        let last = indexes.last().copied();
        let goes = |index: usize| policy == Duplicates::KeepLast && Some(index) != last;
        dropped.extend(indexes.iter().copied().filter(|index| goes(*index)));
        let mut shown: Vec<(String, u64, bool)> = indexes
            .iter()
            .filter_map(|index| {
                let known = packages.get(*index)?.as_ref()?;
                Some((known.href.clone(), known.time_build, goes(*index)))
            })
            .collect();
        // As createrepo_c prints them: short paths first.
        shown.sort_by(|a, b| (a.0.len(), &a.0).cmp(&(b.0.len(), &b.0)));
        duplicates.push(Duplicate { nevra: nevra.to_owned(), packages: shown });
    }
    duplicates.sort_by(|a, b| a.nevra.cmp(&b.nevra));
    dropped.sort_unstable();
    (duplicates, dropped)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(nevra: &str, href: &str, time_build: u64) -> Option<Known> {
        Some(Known { nevra: nevra.to_owned(), href: href.to_owned(), time_build })
    }

    #[test]
    fn the_one_built_last_stays_and_of_those_the_last_by_path() {
        let packages =
            [known("a-1", "x/a", 5), known("a-1", "y/a", 7), None, known("a-1", "z/a", 7), known("b-1", "b", 1)];
        let (duplicates, dropped) = find(&packages, Duplicates::KeepLast);
        assert_eq!(dropped, [0, 1]);
        assert_eq!(duplicates.len(), 1);
        assert_eq!(duplicates[0].packages.iter().map(|p| p.2).collect::<Vec<_>>(), [true, true, false]);
        assert!(find(&packages, Duplicates::Keep).1.is_empty());
    }
}
