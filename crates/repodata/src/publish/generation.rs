//! The content of a repository, as text that can be written again without rendering it.

use std::collections::{HashMap, HashSet};
use std::io::Read;
use std::path::Path;

use super::write::MetadataFile;
use super::{Delta, PublishOptions, Published};
use crate::read::{self, verified};
use crate::{Error, Fragments, Record, Repomd};

/// One package: where it lies, and its XML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Package {
    href: String,
    fragments: Fragments,
}

impl Package {
    pub(super) fn new(record: &Record, changelog_limit: Option<usize>) -> Self {
        let fragments = if changelog_limit.is_some_and(|limit| record.changelogs.len() > limit) {
            let mut record = record.clone();
            record.limit_changelogs(changelog_limit);
            record.render()
        } else {
            record.render()
        };
        Self { href: record.location_href.clone(), fragments }
    }

    /// `createrepo_c`'s order: by file name, then by folder.
    fn order(&self) -> (&str, &str) {
        self.href.rsplit_once('/').map_or((self.href.as_str(), ""), |(folder, name)| (name, folder))
    }
}

/// All packages of a repository, in the order they are written.
#[derive(Debug, Default)]
pub(super) struct Generation {
    packages: Vec<Package>,
}

impl Generation {
    /// Of packages under the same name the last one counts.
    pub(super) fn new(packages: Vec<Package>) -> Self {
        let mut generation = Self::default();
        generation.add(packages);
        generation
    }

    pub(super) fn len(&self) -> usize {
        self.packages.len()
    }

    /// Reads the metadata that a repomd.xml names.
    pub(super) fn load(dir: &Path, repomd: &Repomd) -> Result<Self, Error> {
        let text = |kind| -> Result<String, Error> {
            let entry = repomd.record(kind).ok_or_else(|| {
                Error::metadata("repomd.xml", format!("it names no {kind} metadata; make them anew from the packages"))
            })?;
            let mut text = String::new();
            read::open(&verified(dir, entry)?)?.read_to_string(&mut text)?;
            Ok(text)
        };
        let primary = text("primary")?;
        let records = read::primary(primary.as_bytes()).collect::<Result<Vec<_>, _>>()?;
        let reused = (|| {
            let primary = split(&primary, Some("xmlns:rpm=\"http://linux.duke.edu/metadata/rpm\""))?;
            let filelists = text("filelists").ok()?;
            let other = text("other").ok()?;
            Self::from_text(&records, &primary, &by_id(&filelists)?, &by_id(&other)?)
        })();
        if let Some(generation) = reused {
            return Ok(generation);
        }
        // Metadata in somebody else's style: read and render.
        let records = read::load(dir)?;
        Ok(Self { packages: records.iter().map(|record| Package::new(record, None)).collect() }.sorted())
    }

    /// Takes over the text of every package; `None` if the parts do not fit together.
    fn from_text(
        records: &[Record],
        primary: &[&str],
        filelists: &HashMap<&str, &str>,
        other: &HashMap<&str, &str>,
    ) -> Option<Self> {
        if records.len() != primary.len() {
            return None;
        }
        let mut packages = Vec::with_capacity(records.len());
        for (record, primary) in records.iter().zip(primary) {
            let id = record.checksum.hex.as_str();
            let fragments = Fragments {
                primary: format!("{primary}\n"),
                filelists: format!("{}\n", filelists.get(id)?),
                other: format!("{}\n", other.get(id)?),
            };
            packages.push(Package { href: record.location_href.clone(), fragments });
        }
        Some(Self { packages }.sorted())
    }

    fn sorted(mut self) -> Self {
        self.packages.sort_by(|a, b| a.order().cmp(&b.order()));
        self
    }

    /// Adds packages, in place of those with the same name. Returns how many were added and replaced.
    fn add(&mut self, packages: Vec<Package>) -> (usize, usize) {
        let mut last: HashMap<String, Package> = HashMap::with_capacity(packages.len());
        for package in packages {
            last.insert(package.href.clone(), package);
        }
        let existing: HashSet<&str> = self.packages.iter().map(|p| p.href.as_str()).collect();
        let replaced = last.keys().filter(|href| existing.contains(href.as_str())).count();
        let added = last.len() - replaced;
        self.packages.retain(|package| !last.contains_key(&package.href));
        self.packages.extend(last.into_values());
        self.packages.sort_by(|a, b| a.order().cmp(&b.order()));
        (added, replaced)
    }

    /// Removes and adds.
    pub(super) fn apply(&mut self, delta: &Delta, changelog_limit: Option<usize>) -> Published {
        let remove: HashSet<&str> = delta.remove.iter().map(String::as_str).collect();
        let before = self.packages.len();
        self.packages.retain(|package| !remove.contains(package.href.as_str()));
        let removed = before - self.packages.len();
        let add = delta.add.iter().map(|record| Package::new(record, changelog_limit)).collect();
        let (added, replaced) = self.add(add);
        Published { added, replaced, removed, ..Published::default() }
    }

    /// What distinguishes this generation from one before.
    pub(super) fn compare(&self, before: &Self) -> Published {
        let old: HashMap<&str, &Package> = before.packages.iter().map(|p| (p.href.as_str(), p)).collect();
        let new: HashSet<&str> = self.packages.iter().map(|p| p.href.as_str()).collect();
        let mut counts = Published::default();
        for package in &self.packages {
            match old.get(package.href.as_str()) {
                None => counts.added += 1,
                Some(old) => counts.replaced += usize::from(*old != package),
            }
        }
        counts.removed = old.keys().filter(|href| !new.contains(*href)).count();
        counts
    }

    /// Writes the three files, not yet in place.
    pub(super) fn write(
        &self,
        repodata: &Path,
        options: &PublishOptions,
        now: u64,
    ) -> Result<Vec<MetadataFile>, Error> {
        let write = |dialect: &Dialect| {
            let Dialect { kind, root, namespace, part } = dialect;
            let count = self.packages.len();
            let head = format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{root} xmlns={namespace} packages=\"{count}\">\n"
            );
            let foot = format!("</{root}>");
            let parts = std::iter::once(head.as_str())
                .chain(self.packages.iter().map(|package| part(&package.fragments)))
                .chain(std::iter::once(foot.as_str()));
            MetadataFile::write(repodata, kind, options, now, parts)
        };
        // One thread a file: compression is what takes the time.
        let (primary, (filelists, other)) =
            rayon::join(|| write(&PRIMARY), || rayon::join(|| write(&FILELISTS), || write(&OTHER)));
        Ok(vec![primary?, filelists?, other?])
    }
}

/// How one of the three files differs from the others.
struct Dialect {
    kind: &'static str,
    root: &'static str,
    namespace: &'static str,
    part: fn(&Fragments) -> &str,
}

const PRIMARY: Dialect = Dialect {
    kind: "primary",
    root: "metadata",
    namespace: "\"http://linux.duke.edu/metadata/common\" xmlns:rpm=\"http://linux.duke.edu/metadata/rpm\"",
    part: |fragments| &fragments.primary,
};
const FILELISTS: Dialect = Dialect {
    kind: "filelists",
    root: "filelists",
    namespace: "\"http://linux.duke.edu/metadata/filelists\"",
    part: |fragments| &fragments.filelists,
};
const OTHER: Dialect = Dialect {
    kind: "other",
    root: "otherdata",
    namespace: "\"http://linux.duke.edu/metadata/other\"",
    part: |fragments| &fragments.other,
};

/// Cuts a document into its `<package>` elements, without what is between them. `None` if that cannot be done by
/// looking for their starts and ends (comments, CDATA, another way to write empty elements), or if `namespace` is not
/// declared at the root.
fn split<'a>(document: &'a str, namespace: Option<&str>) -> Option<Vec<&'a str>> {
    const START: &str = "<package ";
    const END: &str = "</package>";
    let bytes = document.as_bytes();
    if ["<!--", "<![CDATA["].iter().any(|odd| memchr::memmem::find(bytes, odd.as_bytes()).is_some()) {
        return None;
    }
    let first = memchr::memmem::find(bytes, START.as_bytes()).unwrap_or(document.len());
    let (head, mut rest) = document.split_at_checked(first)?;
    if namespace.is_some_and(|namespace| !head.contains(namespace)) {
        return None;
    }
    let end = memchr::memmem::Finder::new(END);
    let mut elements = Vec::new();
    while rest.starts_with(START) {
        let length = end.find(rest.as_bytes())? + END.len();
        let (element, tail) = rest.split_at_checked(length)?;
        elements.push(element);
        rest = tail.trim_start();
    }
    // Nothing but the root's end may be left.
    (rest.is_empty() || rest.starts_with("</") && !rest.contains(START)).then_some(elements)
}

/// The elements of filelists or other by their `pkgid`.
fn by_id(document: &str) -> Option<HashMap<&str, &str>> {
    split(document, None)?
        .into_iter()
        .map(|element| {
            let (tag, _) = element.split_once('>')?;
            let (_, id) = tag.split_once(" pkgid=\"")?;
            Some((id.split_once('"')?.0, element))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_cut_at_its_packages() {
        let document = "<filelists packages=\"2\">\n<package pkgid=\"a\" x=\"\">\n</package>\n  <package pkgid=\"b\"></package></filelists>";
        let parts = by_id(document).unwrap();
        assert_eq!(parts.get("a"), Some(&"<package pkgid=\"a\" x=\"\">\n</package>"));
        assert_eq!(parts.get("b"), Some(&"<package pkgid=\"b\"></package>"));
    }

    #[test]
    fn an_empty_document_has_no_packages() {
        assert_eq!(split("<filelists packages=\"0\">\n</filelists>", None), Some(vec![]));
    }

    #[test]
    fn what_cannot_be_cut_is_left_to_the_parser() {
        for document in [
            "<r><package a=\"\"/></r>",
            "<r><!-- <package --><package a=\"\"></package></r>",
            "<r><package a=\"\"></package><other/><package b=\"\"></package></r>",
        ] {
            assert_eq!(split(document, None), None, "{document}");
        }
    }
}
