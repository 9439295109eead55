//! Which packages are taken over from metadata that are there already.

use std::collections::HashMap;
use std::path::Path;

use super::candidates::Candidate;
use super::{CreateOptions, Progress, Update};
use crate::assemble::{Item, Location};
use crate::source::{Entry, Source};
use crate::{Document, Repomd, Warning};

/// The repositories that may be taken over from: the one that is written first.
pub(super) struct Old {
    pub(super) sources: Vec<Source>,
    /// Whether the first source is the repository that is written.
    pub(super) own: bool,
}

/// Opens them. What cannot be read is not taken over, and said.
pub(super) fn open(
    dir: &Path,
    current: Option<&Repomd>,
    options: &CreateOptions,
    progress: &(dyn Fn(Progress<'_>) + Sync),
) -> Old {
    let Some(update) = &options.update else { return Old { sources: Vec::new(), own: false } };
    let warn = |name: &str, error: crate::Error| {
        let reason = format!("its metadata are not taken over, packages are read anew: {error}");
        progress(Progress::Warning(&Warning::new(name, reason)));
    };
    let mut old = Old { sources: Vec::new(), own: false };
    if let Some(current) = current {
        let name = dir.display().to_string();
        match Source::of(dir, &name, current.clone()) {
            Ok(source) if usable(&source, options) => {
                old.sources.push(source);
                old.own = true;
            }
            Ok(_) => {}
            Err(error) => warn(&name, error),
        }
    }
    for dir in &update.more {
        let name = dir.display().to_string();
        match Source::open(dir) {
            Ok(source) if usable(&source, options) => old.sources.push(source),
            Ok(_) => {}
            Err(error) => warn(&name, error),
        }
    }
    old
}

/// Digests of files cannot be made of metadata that have none: then every package is read.
fn usable(source: &Source, options: &CreateOptions) -> bool {
    !options.output.filelists_ext || source.record(Document::FilelistsExt).is_some()
}

/// One package that is read.
const NEW: Item = Item::New { packages: 1 };

/// For every candidate where it is taken over from, or that it is new.
pub(super) fn plan(candidates: &[Candidate], old: &Old, options: &CreateOptions) -> Vec<Item> {
    let Some(update) = &options.update else { return vec![NEW; candidates.len()] };
    // The first repository that has a location wins; inside one, a location that is there twice tells nothing.
    let mut by_href: HashMap<&str, Option<(usize, usize)>> = HashMap::new();
    for (number, source) in old.sources.iter().enumerate() {
        for (index, entry) in source.entries.iter().enumerate() {
            let href = cleaned(&entry.href);
            match by_href.get(href) {
                None => drop(by_href.insert(href, Some((number, index)))),
                Some(Some((first, _))) if *first == number => drop(by_href.insert(href, None)),
                Some(_) => {}
            }
        }
    }
    let item = |candidate: &Candidate| -> Option<Item> {
        let (source, index) = by_href.get(cleaned(&candidate.href)).copied().flatten()?;
        let entry = old.sources.get(source)?.entries.get(index)?;
        same(candidate, entry, options, update).then(|| Item::Old { source, index, location: moved(candidate, entry) })
    };
    candidates.iter().map(|candidate| item(candidate).unwrap_or(NEW)).collect()
}

fn same(candidate: &Candidate, entry: &Entry, options: &CreateOptions, update: &Update) -> bool {
    entry.checksum.kind == options.checksum
        && (update.skip_stat || candidate.about.is_some_and(|about| about == (entry.size_package, entry.time_file)))
}

/// The new location, if it is not the one that the metadata have. Without a base asked for the old one stays.
fn moved(candidate: &Candidate, entry: &Entry) -> Option<Box<Location>> {
    let base = candidate.base.as_ref().or(entry.base.as_ref());
    if base == entry.base.as_ref() && candidate.href == entry.href {
        return None;
    }
    Some(Box::new(Location { href: candidate.href.clone(), base: base.cloned() }))
}

fn cleaned(href: &str) -> &str {
    href.strip_prefix("./").unwrap_or(href)
}
