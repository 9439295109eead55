//! Groups of packages: those of comps.xml, of modules, or, where there are none, those that packages name.

use std::collections::BTreeMap;

use copr_repodata::{comps::Comps, modules};

use crate::Name;
use crate::text::{clean, cut, line};

/// Characters of a group's name and description that are shown.
const NAME: usize = 200;
const DESCRIPTION: usize = 1000;
/// What packages say that belong to no group.
const NO_GROUP: [&str; 2] = ["Unspecified", "unspecified"];

/// Packages that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// What addresses call it; no two groups share it.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What it is for; empty where nobody says.
    pub description: String,
    /// The numbers of its packages' names in the index, in order. There is one at least.
    pub names: Vec<u32>,
}

impl Group {
    pub(crate) fn size(&self) -> usize {
        self.id.len() + self.name.len() + self.description.len() + self.names.len() * 4 + size_of::<Self>()
    }
}

/// The groups of comps.xml that users see, with the packages that are there.
pub(crate) fn of_comps(comps: &Comps, find: impl Fn(&str) -> Option<u32>) -> Vec<Group> {
    let visible = comps.groups.iter().filter(|group| group.uservisible != Some(false));
    let groups = visible.map(|group| {
        let name = if group.name.default.trim().is_empty() { &group.id } else { &group.name.default };
        Group {
            id: group.id.clone(),
            name: line(name, NAME),
            description: cut(clean(&group.description.default).trim(), DESCRIPTION),
            names: group.packages.iter().filter_map(|package| find(&package.name)).collect(),
        }
    });
    finished(groups.collect())
}

/// The streams of modules, each with the packages that one of its builds has.
pub(crate) fn of_modules(documents: &[modules::Document], find: impl Fn(&str) -> Option<u32>) -> Vec<Group> {
    let mut streams: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for document in documents.iter().filter(|document| document.kind == modules::DocumentKind::Stream) {
        let names = document.artifacts().iter().filter_map(|nevra| nevra.parse::<copr_rpm::Nevra>().ok());
        let stream = format!("{}:{}", document.module, document.stream);
        streams.entry(stream).or_default().extend(names.filter_map(|nevra| find(&nevra.name)));
    }
    let groups = streams.into_iter().map(|(name, names)| Group {
        id: format!("module:{name}"),
        name: line(&format!("Module {name}"), NAME),
        description: String::new(),
        names,
    });
    finished(groups.collect())
}

/// The groups that packages say they belong to.
pub(crate) fn of_packages<'a>(names: &[Name], group_of: impl Fn(&Name) -> &'a str) -> Vec<Group> {
    let mut groups: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
    for (number, name) in (0u32..).zip(names) {
        let group = group_of(name).trim();
        if !group.is_empty() && !NO_GROUP.contains(&group) {
            groups.entry(group).or_default().push(number);
        }
    }
    let groups = groups.into_iter().map(|(id, names)| Group {
        id: id.to_owned(),
        name: line(id, NAME),
        description: String::new(),
        names,
    });
    finished(groups.collect())
}

/// Groups that have packages, by name, each with an id of its own.
fn finished(mut groups: Vec<Group>) -> Vec<Group> {
    for group in &mut groups {
        group.names.sort_unstable();
        group.names.dedup();
    }
    groups.retain(|group| !group.names.is_empty());
    groups.sort_by_cached_key(|group| (group.name.to_lowercase(), group.id.clone()));
    // Of two groups with one id, which is allowed, the second gets another.
    let mut seen: std::collections::HashMap<String, usize> = std::collections::HashMap::new();
    for group in &mut groups {
        let times = seen.entry(group.id.clone()).or_default();
        *times += 1;
        if *times > 1 {
            group.id = format!("{}~{times}", group.id);
        }
    }
    groups
}
