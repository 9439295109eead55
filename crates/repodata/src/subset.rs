//! A repository with some of the packages of another.

use std::collections::HashMap;
use std::path::Path;

use copr_rpm::Nevra;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::assemble::{Item, Location, nothing_fresh, pool};
use crate::metadata_file::MetadataFile;
use crate::output::Output;
use crate::source::{Entry, Source, source_name};
use crate::workspace::{Locking, Workspace, is_derived};
use crate::{Compression, Error, Published, RepomdRecord, read};

/// Which packages [`subset`] takes. A package has to meet all that is asked for.
#[derive(Debug, Clone)]
pub struct SubsetOptions {
    /// Patterns of packages, as dnf takes them: `bash`, `bash*`, `*.x86_64`, `bash-5.2-1.*`, `bash-0:5.2-1.x86_64`; with
    /// `*`, `?`, `[a-z]` and `{a,b}`. One has to match. Empty for all.
    pub packages: Vec<String>,
    /// Patterns of the names of source packages. One has to match. Empty for all.
    pub sources: Vec<String>,
    /// Architectures. Empty for all.
    pub arches: Vec<String>,
    /// Whether only the newest version of each name and architecture is taken.
    pub newest_only: bool,
    /// What packages get for `xml:base` that have none; `None` to keep locations as they are.
    pub base: Option<String>,
    /// Whether metadata of other types (comps, updateinfo, modules, ...) are left out.
    pub packages_only: bool,
    /// What to do about another writer.
    pub locking: Locking,
}

impl Default for SubsetOptions {
    /// All packages, where they are; another writer is waited for.
    fn default() -> Self {
        Self {
            packages: Vec::new(),
            sources: Vec::new(),
            arches: Vec::new(),
            newest_only: false,
            base: None,
            packages_only: false,
            locking: Locking::Wait,
        }
    }
}

/// What [`subset`] made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Subset {
    /// The publish.
    pub published: Published,
    /// Packages in the repository that they were taken from.
    pub of: usize,
    /// Bytes of the packages taken.
    pub size: u64,
    /// Patterns of packages and sources that no package of the repository matches.
    pub unmatched: Vec<String>,
}

/// Writes to `out` the metadata of those packages of the repository in `dir` that are asked for, in place of any that are
/// there. Packages themselves are not copied. Metadata of other types are taken over as they are; they may speak of
/// packages that are not.
///
/// # Errors
/// A pattern is malformed, the metadata of `dir` do not match repomd.xml, `out` is the same folder, another writer is at
/// work on it, or the result cannot be written. Then nothing is changed.
pub fn subset(dir: &Path, out: &Path, options: &SubsetOptions, output: &Output) -> Result<Subset, Error> {
    let packages = Patterns::new(&options.packages)?;
    let sources = Patterns::new(&options.sources)?;
    let source = Source::open(dir)?;
    let real = fs_err::canonicalize(dir)?;
    if out.exists() && fs_err::canonicalize(out)? == real {
        let reason = "the subset cannot replace the repository that it is made of; name another folder";
        return Err(Error::metadata(out.display().to_string(), reason));
    }
    let (mut packages_seen, mut sources_seen) = (packages.unseen(), sources.unseen());
    let mut chosen: Vec<usize> = Vec::new();
    for (index, entry) in source.entries.iter().enumerate() {
        let named = packages.matches(&entry.nevra.spellings(), &mut packages_seen);
        // A source package is its own.
        let name = source_name(&entry.sourcerpm).unwrap_or(&entry.nevra.name);
        let of_source = sources.matches(&[name], &mut sources_seen);
        let of_arch = options.arches.is_empty() || options.arches.contains(&entry.nevra.arch);
        if named && of_source && of_arch {
            chosen.push(index);
        }
    }
    if options.newest_only {
        keep_newest(&mut chosen, &source.entries);
    }
    let unmatched =
        packages.unmatched(&packages_seen).chain(sources.unmatched(&sources_seen)).map(str::to_owned).collect();
    let taken = |index: &usize| source.entries.get(*index);
    let size = chosen.iter().filter_map(taken).fold(0u64, |sum, entry| sum.saturating_add(entry.size_package));
    let item = |index: &usize| {
        let entry = taken(index).filter(|entry| entry.base.is_none());
        let location = options.base.as_ref().zip(entry).map(|(base, entry)| {
            let (href, base) = (entry.href.clone(), Some(base.clone()));
            Box::new(Location { href, base })
        });
        Item::Old { source: 0, index: *index, location }
    };
    let items: Vec<Item> = chosen.iter().map(item).collect();

    let workspace = Workspace::open(out, options.locking)?;
    let current = workspace.repomd().unwrap_or(None);
    let pool = pool(output.workers)?;
    let one = std::slice::from_ref(&source);
    let mut files = output.assemble(one, &items, workspace.folder(), &pool, nothing_fresh(&output.documents()))?;
    if !options.packages_only {
        files.extend(others(&source, &workspace, output)?);
    }
    let repomd = workspace.commit(output, current.as_ref(), files, Vec::new(), &mut |_| Ok(()))?;
    let count = items.len();
    let published =
        Published { packages: count, added: count, changed: true, revision: repomd.revision, ..Published::default() };
    Ok(Subset { published, of: source.entries.len(), size, unmatched })
}

/// Patterns of which one is to match; no pattern matches everything.
struct Patterns<'a> {
    written: &'a [String],
    set: GlobSet,
}

impl<'a> Patterns<'a> {
    fn new(written: &'a [String]) -> Result<Self, Error> {
        let wrong = |error: globset::Error| Error::metadata("pattern of packages", error.to_string());
        let mut builder = GlobSetBuilder::new();
        for pattern in written {
            builder.add(GlobBuilder::new(pattern).literal_separator(false).build().map_err(wrong)?);
        }
        Ok(Self { written, set: builder.build().map_err(wrong)? })
    }

    fn unseen(&self) -> Vec<bool> {
        vec![false; self.written.len()]
    }

    /// Whether one matches one of the texts; notes on `seen` which do.
    fn matches(&self, texts: &[impl AsRef<str>], seen: &mut [bool]) -> bool {
        let mut any = self.written.is_empty();
        for text in texts {
            for index in self.set.matches(text.as_ref()) {
                any = true;
                if let Some(seen) = seen.get_mut(index) {
                    *seen = true;
                }
            }
        }
        any
    }

    fn unmatched(&self, seen: &[bool]) -> impl Iterator<Item = &str> {
        self.written.iter().zip(seen.to_vec()).filter(|(_, seen)| !seen).map(|(pattern, _)| pattern.as_str())
    }
}

/// Keeps of every name and architecture the newest version.
fn keep_newest(chosen: &mut Vec<usize>, entries: &[Entry]) {
    let mut newest: HashMap<(&str, &str), &Nevra> = HashMap::new();
    for entry in chosen.iter().filter_map(|index| entries.get(*index)) {
        let best = newest.entry((&entry.nevra.name, &entry.nevra.arch)).or_insert(&entry.nevra);
        if entry.nevra.evr() > best.evr() {
            *best = &entry.nevra;
        }
    }
    chosen.retain(|index| {
        entries.get(*index).is_some_and(|entry| {
            let name = (entry.nevra.name.as_str(), entry.nevra.arch.as_str());
            newest.get(&name).is_some_and(|best| best.evr() == entry.nevra.evr())
        })
    });
}

/// Metadata of other types, verified, in the compression that is asked for.
fn others(source: &Source, workspace: &Workspace, output: &Output) -> Result<Vec<MetadataFile>, Error> {
    let how = output.file(output.extra_compression);
    let is_copy = |kind: &str| kind.ends_with("_zck") || kind.ends_with("_db") || is_derived(kind);
    let here = |record: &&RepomdRecord| record.location_base.is_none() && !is_copy(&record.kind);
    let mut files = Vec::new();
    for (number, record) in source.repomd.records.iter().filter(here).enumerate() {
        let path = read::verified(source.dir(), record)?;
        let name = record.file_name();
        let name = name.strip_prefix(&format!("{}-", record.checksum.hex)).unwrap_or(name);
        let suffix = Compression::of_name(name).suffix();
        let (stem, to) =
            (name.strip_suffix(suffix).unwrap_or(name), workspace.folder().join(format!("other.{number}")));
        files.push(MetadataFile::write(&record.kind, stem, to, &how, read::open(&path)?)?);
    }
    files.extend(output.zchunk_copies(&files, workspace.folder())?);
    Ok(files)
}
