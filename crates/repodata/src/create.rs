//! The metadata of a folder of packages.

mod candidates;
mod duplicates;
mod extra;
mod fresh;
mod reuse;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::ThreadPool;
use rayon::prelude::*;

use crate::assemble::{Item, pool};
use crate::metadata_file::MetadataFile;
use crate::output::Output;
use crate::workspace::{Locking, Workspace};
use crate::{Checksum, ChecksumKind, Compression, Error, Published, Repomd, RepomdRecord, Warning};
use candidates::{Candidate, Found};
use duplicates::Known;
use fresh::Read;
use reuse::Old;

/// Which packages go into the metadata.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Selection {
    /// All `*.rpm` files under the folders.
    #[default]
    Walk,
    /// These, relative to the folder. Module metadata among them (`*modules.yaml`, ...) are taken up.
    List(Vec<String>),
    /// Those that the metadata before have (`--recycle-pkglist`), and these.
    Recycle(Vec<String>),
}

/// What [`create`] takes over from metadata that are there already.
#[derive(Debug, Clone, Default)]
pub struct Update {
    /// More repositories whose metadata may be taken over, beside the one that is written.
    pub more: Vec<PathBuf>,
    /// Take over whatever has the same path, without looking at the file's time and size.
    pub skip_stat: bool,
    /// Whether metadata of other kinds (updateinfo, comps, ...) are dropped.
    pub discard_additional: bool,
}

/// What happens to packages with the same name, version, release and architecture.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Duplicates {
    /// All stay, with a warning.
    #[default]
    Keep,
    /// Only the one built last stays; of those the one whose path is last.
    KeepLast,
}

/// How [`create`] works.
#[derive(Debug, Clone)]
pub struct CreateOptions {
    /// Where `repodata/` goes; `None` for the (first) folder of packages.
    pub output_dir: Option<PathBuf>,
    /// How metadata are written.
    pub output: Output,
    /// Kind of the packages' checksums.
    pub checksum: ChecksumKind,
    /// `xml:base` of every package.
    pub location_base: Option<String>,
    /// Put before every package's location.
    pub location_prefix: Option<String>,
    /// Leading folders to leave away from locations.
    pub cut_dirs: usize,
    /// Whether each folder is a volume of a media set (`media:#1`, ...).
    pub split: bool,
    /// Which packages.
    pub selection: Selection,
    /// Patterns of names and relative paths to leave out; `*` and `?` match slashes too.
    pub excludes: Vec<String>,
    /// Whether symbolic links are left out.
    pub skip_symlinks: bool,
    /// Take over what is known already; `None` to read every package.
    pub update: Option<Update>,
    /// What to do about duplicates.
    pub duplicates: Duplicates,
    /// comps.xml to include, as type `group`.
    pub groupfile: Option<PathBuf>,
    /// Whether comps.xml stays uncompressed, as `yum` of EL 7 needs it.
    pub plain_group: bool,
    /// Folder of checksums that have been computed before, one file a package, as `createrepo_c --cachedir` has it.
    pub checksum_cache: Option<PathBuf>,
    /// What to do about another writer.
    pub locking: Locking,
}

impl CreateOptions {
    /// All packages of the folder, read anew.
    pub fn new(output: Output) -> Self {
        Self {
            output_dir: None,
            output,
            checksum: ChecksumKind::Sha256,
            location_base: None,
            location_prefix: None,
            cut_dirs: 0,
            split: false,
            selection: Selection::Walk,
            excludes: Vec::new(),
            skip_symlinks: false,
            update: None,
            duplicates: Duplicates::Keep,
            groupfile: None,
            plain_group: false,
            checksum_cache: None,
            locking: Locking::Refuse,
        }
    }
}

/// What [`create`] tells while it works.
#[derive(Debug)]
pub enum Progress<'a> {
    /// So many packages were found, of which so many are read.
    Found {
        /// All.
        packages: usize,
        /// Those that are not taken over from the metadata before.
        to_read: usize,
    },
    /// One package was read.
    Read(&'a Path),
    /// One package could not be read and is left out.
    Skipped(&'a Skipped),
    /// Something is odd, but goes on.
    Warning(&'a Warning),
    /// Reading is done, metadata are being completed.
    Writing,
}

/// A package that could not be read.
#[derive(Debug)]
pub struct Skipped {
    /// Its file.
    pub path: PathBuf,
    /// Why.
    pub error: Error,
}

/// Packages with the same name, version, release and architecture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duplicate {
    /// What they share: `bash-0:5.2-1.x86_64`.
    pub nevra: String,
    /// Where each lies, and when it was built (seconds since 1970); whether it was left out.
    pub packages: Vec<(String, u64, bool)>,
}

/// What [`create`] made.
#[derive(Debug)]
pub struct Created {
    /// The publish.
    pub published: Published,
    /// Packages left out, by path.
    pub skipped: Vec<Skipped>,
    /// Locations of the packages that were read, not taken over; in the order of the metadata.
    pub read: Vec<String>,
    /// Packages that there are more than once.
    pub duplicates: Vec<Duplicate>,
}

/// Writes the metadata of the packages in `dirs` (one folder, unless `options.split`), in place of any that are there.
///
/// `progress` is called from several threads.
///
/// # Errors
/// A folder cannot be read, another writer is at work, or the metadata cannot be written. A package that cannot be read
/// is skipped, not an error.
pub fn create(
    dirs: &[PathBuf],
    options: &CreateOptions,
    progress: &(dyn Fn(Progress<'_>) + Sync),
) -> Result<Created, Error> {
    let first = dirs.first().ok_or_else(|| Error::metadata("folders", "there is none to index"))?;
    // Before anything is written.
    for dir in dirs {
        fs_err::read_dir(dir)?;
    }
    let out = options.output_dir.as_deref().unwrap_or(first);
    if let Some(cache) = &options.checksum_cache {
        fs_err::create_dir_all(cache)?;
    }
    let workspace = Workspace::open(out, options.locking)?;
    let current = workspace.repomd().unwrap_or_else(|error| {
        progress(Progress::Warning(&Warning::new("repomd.xml", format!("the metadata before are not used: {error}"))));
        None
    });
    let pool = pool(options.output.workers)?;
    let job = Job { workspace: &workspace, current: current.as_ref(), options, progress, pool: &pool };
    let open = || reuse::open(out, current.as_ref(), options, progress);
    let (found, old) = match options.selection {
        Selection::Recycle(_) => {
            let old = pool.install(open);
            let recycled: Vec<String> =
                old.sources.iter().flat_map(|s| s.entries.iter().map(|e| e.href.clone())).collect();
            (pool.install(|| candidates::find(dirs, options, &recycled)), old)
        }
        _ => pool.install(|| rayon::join(|| candidates::find(dirs, options, &[]), open)),
    };
    let found = found?;
    found.skipped.iter().for_each(|skipped| progress(Progress::Skipped(skipped)));
    match job.run(&found, &old) {
        // Metadata that contradict themselves or cannot be read are as good as none.
        Err(error) if !old.sources.is_empty() && is_of_content(&error) => {
            let reason = format!("its metadata are not taken over, all packages are read anew: {error}");
            progress(Progress::Warning(&Warning::new("repodata", reason)));
            job.run(&found, &Old { sources: Vec::new(), own: false })
        }
        result => result,
    }
    .map(|mut created| {
        created.skipped.extend(found.skipped);
        created.skipped.sort_by(|a, b| a.path.cmp(&b.path));
        created
    })
}

/// Whether an error is about what stands in a file, not about reading and writing files.
fn is_of_content(error: &Error) -> bool {
    use std::io::ErrorKind::{InvalidData, InvalidInput, Other, UnexpectedEof};
    match error {
        // What decompression says.
        Error::Io(error) => matches!(error.kind(), InvalidData | InvalidInput | Other | UnexpectedEof),
        Error::Locked { .. } | Error::Sign(_) => false,
        _ => true,
    }
}

/// One run, once it is clear what there is.
struct Job<'a> {
    workspace: &'a Workspace,
    current: Option<&'a Repomd>,
    options: &'a CreateOptions,
    progress: &'a (dyn Fn(Progress<'_>) + Sync),
    pool: &'a Arc<ThreadPool>,
}

impl Job<'_> {
    fn run(&self, found: &Found, old: &Old) -> Result<Created, Error> {
        let (options, output) = (self.options, &self.options.output);
        let mut candidates: Vec<&Candidate> = found.packages.iter().collect();
        let mut items = reuse::plan(&found.packages, old, options);
        let mut early = Vec::new();
        if options.duplicates == Duplicates::KeepLast {
            let new: Vec<&Candidate> = new_of(&candidates, &items);
            let looked: Vec<Option<Read>> = self.pool.install(|| new.par_iter().map(|new| fresh::look(new)).collect());
            let known = known(&candidates, &items, old, &looked);
            let (duplicates, dropped) = duplicates::find(&known, Duplicates::KeepLast);
            let dropped: HashSet<usize> = dropped.into_iter().collect();
            retain_others(&mut candidates, &dropped);
            retain_others(&mut items, &dropped);
            early = duplicates;
        }
        let new = new_of(&candidates, &items);
        (self.progress)(Progress::Found { packages: items.len(), to_read: new.len() });

        let carried = match &options.update {
            Some(update) if !update.discard_additional => self.workspace.carried_over(self.current),
            _ => Vec::new(),
        };
        if let Some(current) = self.current.filter(|_| old.own && found.modules.is_empty())
            && self.is_as_before(current, &items, old, &carried)?
        {
            let signed = self.workspace.keep(current, output)?;
            let duplicates = self.duplicates(early, &candidates, &items, old, &[]);
            return Ok(self.unchanged(current, items.len(), duplicates, signed));
        }

        let (senders, channels) = fresh::channels(output.documents());
        let workers = self.pool.current_num_threads();
        let batched = fresh::batched(&items);
        let (files, outcome) = std::thread::scope(|scope| {
            let folder = self.workspace.folder();
            let writing = scope.spawn(|| output.assemble(&old.sources, &batched, folder, self.pool, channels));
            let outcome = fresh::read(&new, &batched, workers, options, &senders, self.progress);
            drop(senders);
            (self.progress)(Progress::Writing);
            let died = |_| Err(Error::metadata("metadata", "a writing thread died"));
            (writing.join().unwrap_or_else(died), outcome)
        });
        let mut files = files?;
        let extra = extra::gather(self.workspace, carried, &found.modules, options, self.progress)?;
        files.extend(extra.files);

        let packages = items.len() - outcome.skipped.len();
        let duplicates = self.duplicates(early, &candidates, &items, old, &outcome.read);
        let read = std::iter::zip(&new, &outcome.read)
            .filter(|(_, read)| read.is_some())
            .map(|(candidate, _)| candidate.href.clone())
            .collect();
        if let Some(current) = self.current.filter(|current| self.are_in_force(current, &files, &extra.kept)) {
            let signed = self.workspace.keep(current, output)?;
            return Ok(Created {
                skipped: outcome.skipped,
                read,
                ..self.unchanged(current, packages, duplicates, signed)
            });
        }
        let mut published = Published { packages, changed: true, ..counts(&candidates, &new, old) };
        let repomd = self.workspace.commit(output, self.current, files, extra.kept, &mut |_| Ok(()))?;
        published.revision = repomd.revision;
        Ok(Created { published, skipped: outcome.skipped, read, duplicates })
    }

    /// The duplicates: those that were sought early, or those among all that is known now.
    fn duplicates(
        &self,
        early: Vec<Duplicate>,
        candidates: &[&Candidate],
        items: &[Item],
        old: &Old,
        read: &[Option<Read>],
    ) -> Vec<Duplicate> {
        match self.options.duplicates {
            Duplicates::KeepLast => early,
            Duplicates::Keep => duplicates::find(&known(candidates, items, old, read), Duplicates::Keep).0,
        }
    }

    fn unchanged(&self, current: &Repomd, packages: usize, duplicates: Vec<Duplicate>, changed: bool) -> Created {
        let published = Published { packages, revision: current.revision.clone(), changed, ..Published::default() };
        Created { published, skipped: Vec::new(), read: Vec::new(), duplicates }
    }

    /// Whether the metadata in force are what would be written, as far as can be told without writing it.
    fn is_as_before(
        &self,
        current: &Repomd,
        items: &[Item],
        old: &Old,
        carried: &[RepomdRecord],
    ) -> Result<bool, Error> {
        let output = &self.options.output;
        let Some(source) = old.sources.first() else { return Ok(false) };
        let same_packages = items.len() == source.entries.len()
            && items
                .iter()
                .enumerate()
                .all(|(place, item)| matches!(item, Item::Old { source: 0, index, location: None } if *index == place));
        if !same_packages || !self.has_our_tags(current) {
            return Ok(false);
        }
        // Every file that would be there is, compressed and named as asked.
        let mut expected: Vec<(&str, Compression)> = Vec::new();
        for document in output.documents() {
            expected.push((document.kind(), output.compression));
            expected.extend(output.databases.map(|compression| (document.database_kind(), compression)));
            if output.zchunk && output.compression != Compression::Zchunk {
                expected.push((document.zchunk_kind(), Compression::Zchunk));
            }
        }
        let derived = current.records.iter().filter(|r| crate::workspace::is_derived(&r.kind)).count();
        let as_asked = |(kind, compression): &(&str, Compression)| {
            current.record(kind).is_some_and(|record| {
                let name = record.location_href.rsplit('/').next().unwrap_or_default();
                Compression::of_name(name) == *compression
                    && name.starts_with(&record.checksum.hex) == output.unique_names
                    && record.checksum.kind == output.checksum
                    && self.workspace.has(record)
            })
        };
        if derived != expected.len() || !expected.iter().all(as_asked) {
            return Ok(false);
        }
        let mut others: Vec<&str> = current.records.iter().map(|r| r.kind.as_str()).collect();
        others.retain(|kind| !crate::workspace::is_derived(kind));
        if self.options.groupfile.is_none() {
            return Ok(others.len() == carried.len());
        }
        self.has_our_group(current)
    }

    fn has_our_tags(&self, current: &Repomd) -> bool {
        let output = &self.options.output;
        output.content_tags.as_ref().is_none_or(|tags| *tags == current.content_tags)
            && output.repo_tags.as_ref().is_none_or(|tags| *tags == current.repo_tags)
            && output.distro_tags.as_ref().is_none_or(|tags| *tags == current.distro_tags)
    }

    /// Whether the comps.xml asked for is the one in force.
    fn has_our_group(&self, current: &Repomd) -> Result<bool, Error> {
        let (Some(path), Some(record)) = (&self.options.groupfile, current.record("group")) else { return Ok(false) };
        let sum = record.open_checksum.as_ref().unwrap_or(&record.checksum);
        Ok(Checksum::of(sum.kind, crate::read::open(path)?)?.0 == *sum && self.workspace.has(record))
    }

    /// Whether the files just written, and those that stay, are the ones that repomd.xml names already.
    fn are_in_force(&self, current: &Repomd, files: &[MetadataFile], kept: &[RepomdRecord]) -> bool {
        let same = |file: &MetadataFile| {
            current.record(file.kind()).is_some_and(|record| {
                record.checksum == file.record().checksum
                    && record.location_href == format!("repodata/{}", file.final_name(self.options.output.unique_names))
                    && self.workspace.has(record)
            })
        };
        current.records.len() == files.len() + kept.len() && files.iter().all(same) && self.has_our_tags(current)
    }
}

/// Those that are read.
fn new_of<'a>(candidates: &[&'a Candidate], items: &[Item]) -> Vec<&'a Candidate> {
    let pairs = std::iter::zip(candidates, items);
    pairs.filter(|(_, item)| matches!(item, Item::New { .. })).map(|(candidate, _)| *candidate).collect()
}

/// What is known of each package; `read` has the new ones.
fn known<'a>(
    candidates: &[&'a Candidate],
    items: &[Item],
    old: &'a Old,
    read: &'a [Option<Read>],
) -> Vec<Option<Known<'a>>> {
    let mut read = read.iter();
    std::iter::zip(candidates, items)
        .map(|(candidate, item)| {
            let (nevra, time_build) = match item {
                Item::New { .. } => {
                    let read = read.next()?.as_ref()?;
                    (&read.nevra, read.time_build)
                }
                Item::Old { source, index, .. } => {
                    let entry = old.sources.get(*source)?.entries.get(*index)?;
                    (&entry.nevra, entry.time_build)
                }
            };
            Some(Known { nevra, href: &candidate.href, time_build })
        })
        .collect()
}

fn retain_others<T>(list: &mut Vec<T>, dropped: &HashSet<usize>) {
    let mut index = 0;
    list.retain(|_| {
        index += 1;
        !dropped.contains(&(index - 1))
    });
}

/// What is new, other and gone beside the metadata before.
fn counts(candidates: &[&Candidate], new: &[&Candidate], old: &Old) -> Published {
    let source = old.sources.first().filter(|_| old.own);
    let before: HashMap<&str, ()> =
        source.into_iter().flat_map(|source| source.entries.iter().map(|entry| (entry.href.as_str(), ()))).collect();
    let replaced = new.iter().filter(|candidate| before.contains_key(candidate.href.as_str())).count();
    let now: HashSet<&str> = candidates.iter().map(|candidate| candidate.href.as_str()).collect();
    let removed = before.keys().filter(|href| !now.contains(*href)).count();
    Published { added: new.len() - replaced, replaced, removed, ..Published::default() }
}
