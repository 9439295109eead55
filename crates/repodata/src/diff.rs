//! What distinguishes two repositories, or two moments of one.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use copr_rpm::Nevra;

use crate::source::{Entry, Source};
use crate::workspace::is_derived;
use crate::{Checksum, Document, Error, Repomd};

/// A package of one of the two repositories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Side {
    /// Its full name.
    pub nevra: Nevra,
    /// Where it lies, relative to the repository or to `location_base`.
    pub location_href: String,
    /// Its `xml:base`, if it has one.
    pub location_base: Option<String>,
    /// The checksum of its file.
    pub checksum: Checksum,
    /// Bytes of its file.
    pub size: u64,
}

/// A package as it was and as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// In the old repository.
    pub old: Side,
    /// In the new one.
    pub new: Side,
}

/// What became of a type of metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KindChange {
    /// Only the new repository has it.
    Added,
    /// Only the old one has it.
    Removed,
    /// Both have it, with other content.
    Changed,
}

/// What distinguishes two repositories. Lists are in the order of names, versions and architectures.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Diff {
    /// Revisions of the old and the new repomd.xml.
    pub revisions: (String, String),
    /// Packages only in the new one, of which it is not told what they replace.
    pub added: Vec<Side>,
    /// Packages only in the old one that nothing replaces.
    pub removed: Vec<Side>,
    /// Packages of the same name and architecture, with a higher version.
    pub upgraded: Vec<Change>,
    /// The same, with a lower version.
    pub downgraded: Vec<Change>,
    /// Packages of the same name, version and architecture with another checksum: built or signed again.
    pub changed: Vec<Change>,
    /// The same packages, in another place.
    pub moved: Vec<Change>,
    /// How many packages are the same in both, in the same place.
    pub unchanged: usize,
    /// Types of metadata that differ, other than those about packages: comps, updateinfo, ... Of databases and zchunk
    /// copies, which repeat the packages, it counts only whether they are there.
    pub metadata: Vec<(String, KindChange)>,
}

impl Diff {
    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        let packages = self.added.len() + self.removed.len() + self.changed.len() + self.moved.len();
        packages + self.upgraded.len() + self.downgraded.len() + self.metadata.len() == 0
    }
}

/// Compares two repositories by their primary metadata. Each is a folder with `repodata/`, or a repomd.xml of it that
/// was kept from an earlier moment, while the files that it names are still there. Such a file is looked up in the folder
/// that its `repodata/` is in; kept anywhere else, in the other repository.
///
/// # Errors
/// A repomd.xml or primary cannot be read, is malformed or does not match its checksum.
pub fn diff(old: &Path, new: &Path) -> Result<Diff, Error> {
    let (old, new) = rayon::join(|| open(old, new), || open(new, old));
    let (old, new) = (old?, new?);
    let mut diff = compare(&old.entries, &new.entries);
    diff.revisions = (old.repomd.revision.clone(), new.repomd.revision.clone());
    diff.metadata = kinds(&old.repomd, &new.repomd);
    Ok(diff)
}

fn open(place: &Path, other: &Path) -> Result<Source, Error> {
    let (index, dir) = if place.is_dir() {
        (place.join("repodata/repomd.xml"), place.to_owned())
    } else {
        let dir = root(place).or_else(|| if other.is_dir() { Some(other.to_owned()) } else { root(other) });
        let unknown = "it lies in no repodata/ folder, and neither does the other; name one repository by its folder";
        (place.to_owned(), dir.ok_or_else(|| Error::metadata(place.display().to_string(), unknown))?)
    };
    let name = place.display().to_string();
    let repomd = Repomd::open(&index).map_err(|error| match error {
        Error::Metadata { what, reason } => Error::Metadata { what: format!("{name}: {what}"), reason },
        other => other,
    })?;
    Source::reading(&dir, &name, repomd, &[Document::Primary])
}

/// The folder of the repository in whose `repodata/` a file lies.
fn root(index: &Path) -> Option<PathBuf> {
    let repodata = index.parent().filter(|folder| folder.file_name() == Some(OsStr::new("repodata")))?;
    // A relative name without folders before `repodata`.
    let dir = repodata.parent()?;
    Some(if dir.as_os_str().is_empty() { PathBuf::from(".") } else { dir.to_owned() })
}

fn compare(old: &[Entry], new: &[Entry]) -> Diff {
    let (mut old, mut new): (Vec<&Entry>, Vec<&Entry>) = (old.iter().collect(), new.iter().collect());
    let mut diff = Diff {
        unchanged: pair(&mut old, &mut new, |e| (&e.checksum.hex, &e.href, &e.base)).len(),
        moved: pair(&mut old, &mut new, |e| (&e.checksum.hex, &e.nevra)),
        changed: pair(&mut old, &mut new, |e| &e.nevra),
        ..Diff::default()
    };
    // What is left goes by versions, the highest first: of several, those that correspond most likely.
    let mut old_versions = by_name(old);
    for (name, mut new) in by_name(new) {
        let mut old = old_versions.remove(&name).unwrap_or_default().into_iter();
        let rest = new.split_off(old.len().min(new.len()));
        for (new, old) in new.into_iter().zip(&mut old) {
            let change = Change { old: side(old), new: side(new) };
            match new.nevra.evr().cmp(&old.nevra.evr()) {
                std::cmp::Ordering::Greater => diff.upgraded.push(change),
                std::cmp::Ordering::Less => diff.downgraded.push(change),
                // The same version in another spelling.
                std::cmp::Ordering::Equal => diff.changed.push(change),
            }
        }
        diff.added.extend(rest.into_iter().map(side));
        diff.removed.extend(old.map(side));
    }
    diff.removed.extend(old_versions.into_values().flatten().map(side));
    for list in [&mut diff.added, &mut diff.removed] {
        list.sort_by(|a, b| (&a.nevra, &a.location_href).cmp(&(&b.nevra, &b.location_href)));
    }
    for list in [&mut diff.upgraded, &mut diff.downgraded, &mut diff.changed, &mut diff.moved] {
        list.sort_by(|a, b| (&a.new.nevra, &a.new.location_href).cmp(&(&b.new.nevra, &b.new.location_href)));
    }
    diff
}

/// Takes from both sides, in their order, what has the same key.
fn pair<'a, K: std::hash::Hash + Eq>(
    old: &mut Vec<&'a Entry>,
    new: &mut Vec<&'a Entry>,
    key: impl Fn(&'a Entry) -> K,
) -> Vec<Change> {
    let mut waiting: HashMap<K, Vec<usize>> = HashMap::with_capacity(old.len());
    // Backwards, so that the first is taken first.
    for (index, entry) in old.iter().enumerate().rev() {
        waiting.entry(key(entry)).or_default().push(index);
    }
    let mut taken = vec![false; old.len()];
    let mut pairs = Vec::new();
    new.retain(|entry| {
        let Some(index) = waiting.get_mut(&key(entry)).and_then(Vec::pop) else { return true };
        if let (Some(old), Some(taken)) = (old.get(index), taken.get_mut(index)) {
            *taken = true;
            pairs.push((*old, *entry));
        }
        false
    });
    let mut taken = taken.into_iter();
    old.retain(|_| !taken.next().unwrap_or_default());
    pairs.into_iter().map(|(old, new)| Change { old: side(old), new: side(new) }).collect()
}

/// Packages by name and architecture, the highest version first.
fn by_name(entries: Vec<&Entry>) -> BTreeMap<(&str, &str), Vec<&Entry>> {
    let mut names: BTreeMap<(&str, &str), Vec<&Entry>> = BTreeMap::new();
    for entry in entries {
        names.entry((&entry.nevra.name, &entry.nevra.arch)).or_default().push(entry);
    }
    names.values_mut().for_each(|versions| versions.sort_by(|a, b| b.nevra.cmp(&a.nevra)));
    names
}

fn side(entry: &Entry) -> Side {
    Side {
        nevra: entry.nevra.clone(),
        location_href: entry.href.clone(),
        location_base: entry.base.clone(),
        checksum: entry.checksum.clone(),
        size: entry.size_package,
    }
}

fn kinds(old: &Repomd, new: &Repomd) -> Vec<(String, KindChange)> {
    let of = |repomd: &Repomd| -> BTreeSet<String> { repomd.records.iter().map(|r| r.kind.clone()).collect() };
    // By their text where both tell its checksum, so that another compression is no other content.
    let same = |kind: &str| match (old.record(kind), new.record(kind)) {
        (Some(old), Some(new)) => match (&old.open_checksum, &new.open_checksum) {
            (Some(a), Some(b)) if a.kind == b.kind => a == b,
            _ => old.checksum == new.checksum,
        },
        _ => false,
    };
    let (before, after) = (of(old), of(new));
    let mut changes = Vec::new();
    for kind in before.union(&after).filter(|kind| Document::of_kind(kind).is_none()) {
        let change = match (before.contains(kind), after.contains(kind)) {
            (false, _) => KindChange::Added,
            (_, false) => KindChange::Removed,
            _ if is_derived(kind) || same(kind) => continue,
            _ => KindChange::Changed,
        };
        changes.push((kind.clone(), change));
    }
    changes
}
