//! Old versions taken out of a repository.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use copr_rpm::Nevra;

use crate::assemble::{Item, nothing_fresh, pool};
use crate::output::Output;
use crate::source::{Entry, Source};
use crate::workspace::{Locking, Workspace};
use crate::{Document, Error, Published, Repomd, read};

/// How [`prune`] works.
#[derive(Debug, Clone)]
pub struct PruneOptions {
    /// How many versions of each name and architecture stay, the newest by rpm's order.
    pub keep: NonZeroUsize,
    /// Packages built less than this before [`Output::now`] stay in any case.
    pub keep_younger: Option<Duration>,
    /// Whether the packages' files are removed too, once no metadata in force name them.
    pub delete_files: bool,
    /// Whether nothing is to be changed, only told what would be.
    pub dry_run: bool,
    /// What to do about another writer.
    pub locking: Locking,
}

impl PruneOptions {
    /// Only metadata are changed, and another writer is waited for.
    pub fn new(keep: NonZeroUsize) -> Self {
        Self { keep, keep_younger: None, delete_files: false, dry_run: false, locking: Locking::Wait }
    }
}

/// What became of a package's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileFate {
    /// It was to stay, or would go if this were no dry run.
    NotAsked,
    /// It is removed.
    Removed,
    /// It was not there.
    Gone,
    /// It stays, for this reason.
    Left(String),
}

/// A package that is no longer in the metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pruned {
    /// Its full name.
    pub nevra: Nevra,
    /// Where its file lies, relative to the repository (or to its `xml:base`).
    pub location_href: String,
    /// Bytes of its file.
    pub size: u64,
    /// What became of its file.
    pub file: FileFate,
}

/// What [`prune`] did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PruneResult {
    /// The packages taken out, in the order of the metadata.
    pub pruned: Vec<Pruned>,
    /// The publish. Without changes in a dry run, and where nothing was to do.
    pub published: Published,
}

/// Keeps the newest versions of every package (by name and architecture, so source packages by themselves) and takes the
/// others out of the metadata. Packages of the same version stay or go together. Where there is module metadata, packages
/// built for modules (`.module` in their release) all stay: which of them is newest depends on the stream.
///
/// Files are removed only after the new metadata are in force; a client that reads by the old ones no longer finds them.
/// A file stays if its location leads out of `dir` (also by a linked folder), if a package that stays has it, or if it has
/// another size than the metadata say. Of a symbolic link the link goes.
///
/// # Errors
/// The metadata cannot be read or do not match repomd.xml, another writer is at work, or the result cannot be written. Then
/// nothing is changed.
pub fn prune(dir: &Path, options: &PruneOptions, output: &Output) -> Result<PruneResult, Error> {
    let index = dir.join("repodata/repomd.xml");
    // Before a folder is made.
    fs_err::File::open(&index)?;
    let name = dir.display().to_string();
    if options.dry_run {
        let source = Source::reading(dir, &name, Repomd::read(&fs_err::read(&index)?)?, &[Document::Primary])?;
        let (kept, gone) = choose(&source, options, output);
        let pruned = gone.into_iter().map(|entry| pruned(entry, FileFate::NotAsked)).collect();
        let revision = source.repomd.revision.clone();
        let published = Published { packages: kept.len(), revision, ..Published::default() };
        return Ok(PruneResult { pruned, published });
    }
    let workspace = Workspace::open(dir, options.locking)?;
    let old = workspace.repomd()?.ok_or_else(|| Error::metadata(index.display().to_string(), "it is gone"))?;
    let source = Source::of(dir, &name, old.clone())?;
    let (kept, gone) = choose(&source, options, output);
    let mut published = Published { packages: kept.len(), revision: old.revision.clone(), ..Published::default() };
    if gone.is_empty() {
        return Ok(PruneResult { pruned: Vec::new(), published });
    }
    let remover = if options.delete_files {
        let kept = kept.iter().filter_map(|index| source.entries.get(*index));
        Some(Remover::new(dir, kept.filter_map(|entry| place(dir, entry)).collect())?)
    } else {
        None
    };
    let items: Vec<Item> = kept.iter().map(|index| Item::Old { source: 0, index: *index, location: None }).collect();
    let sources = std::slice::from_ref(&source);
    let pool = pool(output.workers)?;
    let files = output.assemble(sources, &items, workspace.folder(), &pool, nothing_fresh(&output.documents()))?;
    let carried = workspace.carried_over(Some(&old));
    let repomd = workspace.commit(output, Some(&old), files, carried, &mut |_| Ok(()))?;
    published = Published { revision: repomd.revision, removed: gone.len(), changed: true, ..published };
    let fate = |entry: &Entry| remover.as_ref().map_or(FileFate::NotAsked, |remover| remover.remove(dir, entry));
    let pruned = gone.into_iter().map(|entry| pruned(entry, fate(entry))).collect();
    Ok(PruneResult { pruned, published })
}

/// The packages that stay, by their index, and those that go.
fn choose<'a>(source: &'a Source, options: &PruneOptions, output: &Output) -> (Vec<usize>, Vec<&'a Entry>) {
    let has_modules = source.repomd.record("modules").is_some();
    let of_module = |entry: &Entry| has_modules && entry.nevra.release.contains(".module");
    let since = options.keep_younger.map(|age| {
        let since = output.now.checked_sub(age).unwrap_or(UNIX_EPOCH);
        since.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
    });
    let is_young = |entry: &Entry| since.is_some_and(|since| entry.time_build > since);
    let mut names: HashMap<(&str, &str), Vec<&Nevra>> = HashMap::new();
    for entry in source.entries.iter().filter(|entry| !of_module(entry)) {
        names.entry((&entry.nevra.name, &entry.nevra.arch)).or_default().push(&entry.nevra);
    }
    // Of every name the lowest version that stays.
    let lowest: HashMap<(&str, &str), &Nevra> = names
        .into_iter()
        .filter_map(|(name, mut versions)| {
            versions.sort_by_cached_key(|nevra| std::cmp::Reverse(nevra.evr()));
            versions.dedup_by(|a, b| a.evr() == b.evr());
            Some((name, *versions.get(options.keep.get() - 1)?))
        })
        .collect();
    let (mut kept, mut gone) = (Vec::new(), Vec::new());
    for (index, entry) in source.entries.iter().enumerate() {
        let lowest = lowest.get(&(entry.nevra.name.as_str(), entry.nevra.arch.as_str()));
        match lowest {
            Some(lowest) if !of_module(entry) && !is_young(entry) && entry.nevra.evr() < lowest.evr() => {
                gone.push(entry);
            }
            _ => kept.push(index),
        }
    }
    (kept, gone)
}

fn pruned(entry: &Entry, file: FileFate) -> Pruned {
    let Entry { nevra, href, size_package, .. } = entry;
    Pruned { nevra: nevra.clone(), location_href: href.clone(), size: *size_package, file }
}

/// Where a package's file lies, if that is in the repository.
fn place(dir: &Path, entry: &Entry) -> Option<PathBuf> {
    entry.base.is_none().then(|| read::inside(dir, &entry.href).ok()).flatten()
}

/// Removes files of packages, and nothing outside the repository.
struct Remover {
    /// The repository's folder, without links.
    root: PathBuf,
    /// Files that stay, by the folder they really are in.
    kept: HashSet<PathBuf>,
}

impl Remover {
    fn new(dir: &Path, kept: Vec<PathBuf>) -> Result<Self, Error> {
        let root = fs_err::canonicalize(dir)?;
        let mut folders: HashMap<PathBuf, Option<PathBuf>> = HashMap::new();
        let real = kept.into_iter().filter_map(|path| {
            let folder = path.parent()?.to_owned();
            let real = folders.entry(folder.clone()).or_insert_with(|| fs_err::canonicalize(&folder).ok());
            Some(real.as_ref()?.join(path.file_name()?))
        });
        Ok(Self { root, kept: real.collect() })
    }

    fn remove(&self, dir: &Path, entry: &Entry) -> FileFate {
        let Some(path) = place(dir, entry) else {
            return FileFate::Left("its location leads out of the repository".to_owned());
        };
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return FileFate::Left("its location names no file".to_owned());
        };
        let absent = |error: &std::io::Error| error.kind() == std::io::ErrorKind::NotFound;
        // By the real folder from here on.
        let path = match fs_err::canonicalize(folder) {
            Ok(real) if real.starts_with(&self.root) => real.join(name),
            Ok(_) => return FileFate::Left("its folder leads out of the repository".to_owned()),
            Err(error) if absent(&error) => return FileFate::Gone,
            Err(error) => return FileFate::Left(error.to_string()),
        };
        if self.kept.contains(&path) {
            return FileFate::Left("a package that stays has it".to_owned());
        }
        match fs_err::symlink_metadata(&path) {
            Err(error) if absent(&error) => return FileFate::Gone,
            Err(error) => return FileFate::Left(error.to_string()),
            Ok(about) if about.is_symlink() => {}
            Ok(about) if !about.is_file() => return FileFate::Left("it is no file".to_owned()),
            Ok(about) if about.len() != entry.size_package => {
                let expected = entry.size_package;
                return FileFate::Left(format!("it has {} bytes, not {expected}: another package?", about.len()));
            }
            Ok(_) => {}
        }
        match fs_err::remove_file(&path) {
            Ok(()) => FileFate::Removed,
            Err(error) => FileFate::Left(error.to_string()),
        }
    }
}
