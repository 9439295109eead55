//! Uniting the advisories of several repositories.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use super::{Advisory, Collection, Reference};

/// Unites advisories of several repositories, given one repository after the other.
///
/// - Advisories are the same if their ids are. Of two versions the higher one (as rpm compares versions; none is the
///   lowest) stands, with all that it says: its publisher replaced the other.
/// - Of the same version the first one's texts stand; flags are set if any sets them, references and collections are
///   united. Collections are the same if short name, name and module are; their packages are united. That is a repository
///   for each architecture, each naming its own packages.
/// - Advisories without id are kept, unless they are equal.
///
/// The order is that of the first one of each id. (`mergerepo_c` merges none: it always writes an empty updateinfo.xml.)
pub fn merge(advisories: impl IntoIterator<Item = Advisory>) -> Vec<Advisory> {
    let mut merged: Vec<Uniting> = Vec::new();
    let mut by_id: HashMap<String, usize> = HashMap::new();
    let mut without_id: HashSet<Advisory> = HashSet::new();
    for advisory in advisories {
        if advisory.id.is_empty() {
            if without_id.insert(advisory.clone()) {
                merged.push(Uniting::new(advisory));
            }
            continue;
        }
        let index = by_id.get(&advisory.id).copied();
        match index.and_then(|index| merged.get_mut(index)) {
            None => {
                by_id.insert(advisory.id.clone(), merged.len());
                merged.push(Uniting::new(advisory));
            }
            Some(known) => match version_order(&advisory, &known.advisory) {
                Ordering::Less => {}
                Ordering::Greater => *known = Uniting::new(advisory),
                Ordering::Equal => known.add(advisory),
            },
        }
    }
    merged.into_iter().map(|uniting| uniting.advisory).collect()
}

fn version_order(a: &Advisory, b: &Advisory) -> Ordering {
    let of = |advisory: &Advisory| advisory.version.clone().unwrap_or_default();
    copr_rpm::vercmp(&of(a), &of(b))
}

/// An advisory, and what it has, once a second one joins it.
struct Uniting {
    advisory: Advisory,
    seen: Option<Seen>,
}

/// What an advisory has. Packages are counted with the collection they are in, so that none is searched for.
#[derive(Default)]
struct Seen {
    references: HashSet<Reference>,
    /// Of each collection, without its packages: its place.
    collections: HashMap<Collection, usize>,
    packages: HashSet<(usize, super::UpdatedPackage)>,
}

impl Uniting {
    fn new(advisory: Advisory) -> Self {
        Self { advisory, seen: None }
    }

    fn add(&mut self, other: Advisory) {
        let known = &mut self.advisory;
        let seen = self.seen.get_or_insert_with(|| Seen::of(known));
        known.reboot_suggested |= other.reboot_suggested;
        for reference in other.references {
            if seen.references.insert(reference.clone()) {
                known.references.push(reference);
            }
        }
        for mut collection in other.collections {
            let packages = std::mem::take(&mut collection.packages);
            let place = *seen.collections.entry(collection.clone()).or_insert_with(|| {
                known.collections.push(collection);
                known.collections.len() - 1
            });
            let Some(into) = known.collections.get_mut(place) else { continue };
            for package in packages {
                if seen.packages.insert((place, package.clone())) {
                    into.packages.push(package);
                }
            }
        }
    }
}

impl Seen {
    fn of(advisory: &Advisory) -> Self {
        let mut seen = Self { references: advisory.references.iter().cloned().collect(), ..Self::default() };
        for (place, collection) in advisory.collections.iter().enumerate() {
            let head = Collection { packages: Vec::new(), ..collection.clone() };
            let place = *seen.collections.entry(head).or_insert(place);
            seen.packages.extend(collection.packages.iter().map(|package| (place, package.clone())));
        }
        seen
    }
}
