//! Uniting several comps.xml.

use std::collections::HashMap;
use std::hash::Hash;

use super::{Category, Comps, Environment, Group, GroupPackage, GroupRef, Text};

/// Unites several files, as libcomps does and dnf with it when several repositories have groups.
///
/// - Groups, categories and environments are the same if their ids are. What a later file says of one (texts,
///   translations, flags, order, architectures) stands in place of what earlier ones say; what it does not say stays.
/// - A group's packages are united by name, the groups of a list by id; what a later file says of one stands in its place.
/// - Langpacks are united by package; the later one stands. Blacklist and whiteout are united.
///
/// The order is that of first appearance. (`mergerepo_c` merges nothing: it takes the first repository's file.)
pub fn merge(all: impl IntoIterator<Item = Comps>) -> Comps {
    let mut groups = United::default();
    let mut categories = United::default();
    let mut environments = United::default();
    let mut langpacks = United::default();
    let mut blacklist = United::default();
    let mut whiteout = United::default();
    for comps in all {
        for group in comps.groups {
            groups.add(group.id.clone(), group, Group::absorb);
        }
        for category in comps.categories {
            categories.add(category.id.clone(), category, Category::absorb);
        }
        for environment in comps.environments {
            environments.add(environment.id.clone(), environment, Environment::absorb);
        }
        for langpack in comps.langpacks {
            langpacks.add(langpack.name.clone(), langpack, |old, new| *old = new);
        }
        for package in comps.blacklist {
            blacklist.add(package.clone(), package, |_, _| {});
        }
        for dependency in comps.whiteout {
            whiteout.add(dependency.clone(), dependency, |_, _| {});
        }
    }
    Comps {
        groups: groups.list,
        categories: categories.list,
        environments: environments.list,
        langpacks: langpacks.list,
        blacklist: blacklist.list,
        whiteout: whiteout.list,
    }
}

/// A list in which each key is once, in the order of first appearance.
struct United<K, T> {
    list: Vec<T>,
    places: HashMap<K, usize>,
}

impl<K, T> Default for United<K, T> {
    fn default() -> Self {
        Self { list: Vec::new(), places: HashMap::new() }
    }
}

impl<K: Hash + Eq, T> United<K, T> {
    fn add(&mut self, key: K, item: T, absorb: impl FnOnce(&mut T, T)) {
        let place = *self.places.entry(key).or_insert(self.list.len());
        match self.list.get_mut(place) {
            Some(old) => absorb(old, item),
            None => self.list.push(item),
        }
    }
}

/// Unites two lists by key; what is in the second stands.
fn unite<T>(old: &mut Vec<T>, new: Vec<T>, key: fn(&T) -> &String) {
    let mut united = United::default();
    for item in std::mem::take(old).into_iter().chain(new) {
        united.add(key(&item).clone(), item, |old, new| *old = new);
    }
    *old = united.list;
}

fn group_id(group: &GroupRef) -> &String {
    &group.id
}

fn package_name(package: &GroupPackage) -> &String {
    &package.name
}

impl Text {
    /// Leaves one translation of each language, the last one.
    pub(super) fn tidy(&mut self) {
        unite(&mut self.translations, Vec::new(), |(language, _)| language);
    }

    fn absorb(&mut self, new: Self) {
        if !new.default.is_empty() {
            self.default = new.default;
        }
        unite(&mut self.translations, new.translations, |(language, _)| language);
    }
}

/// What the newer one says, else what the older one said.
fn newer<T>(old: &mut Option<T>, new: Option<T>) {
    *old = new.or(old.take());
}

impl Group {
    fn absorb(&mut self, new: Self) {
        self.name.absorb(new.name);
        self.description.absorb(new.description);
        newer(&mut self.default, new.default);
        newer(&mut self.uservisible, new.uservisible);
        newer(&mut self.biarchonly, new.biarchonly);
        newer(&mut self.langonly, new.langonly);
        newer(&mut self.display_order, new.display_order);
        newer(&mut self.arch, new.arch);
        unite(&mut self.packages, new.packages, package_name);
    }
}

impl Category {
    fn absorb(&mut self, new: Self) {
        self.name.absorb(new.name);
        self.description.absorb(new.description);
        newer(&mut self.display_order, new.display_order);
        newer(&mut self.arch, new.arch);
        unite(&mut self.groups, new.groups, group_id);
    }
}

impl Environment {
    fn absorb(&mut self, new: Self) {
        self.name.absorb(new.name);
        self.description.absorb(new.description);
        newer(&mut self.display_order, new.display_order);
        newer(&mut self.arch, new.arch);
        unite(&mut self.groups, new.groups, group_id);
        unite(&mut self.options, new.options, group_id);
    }
}
