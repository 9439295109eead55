//! Repositories become a pool: metadata read (and fetched, where they are elsewhere), checked, kept for the next time.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use copr_remote::{Remote, RemoteOptions};
use copr_repodata::{Record, RecordOptions, Repomd, RepomdRecord, read};
use copr_resolve::closure::PackageSet;
use copr_resolve::kept::Kept;
use copr_resolve::query::{FileOwners, Glob, is_file, is_pattern};
use copr_resolve::{PackageId, Packages, Pool};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rayon::prelude::*;
use tokio::runtime::Runtime;

use super::place::{At, Place, Role};
use crate::repo::definition::Repositories;
use crate::repo::show::{plain, some};
use crate::repo::voice::Voice;

/// Everything that a command asks.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) pool: Pool,
    /// In the order of the pool.
    pub(super) places: Vec<Place>,
    /// Owners of paths that the command line names.
    pub(super) owners: FileOwners,
}

impl Loaded {
    /// Indices of the repositories of some roles.
    pub(super) fn of_roles(&self, roles: &[Role]) -> Vec<usize> {
        let numbered = self.places.iter().enumerate();
        numbered.filter(|(_, place)| roles.contains(&place.role)).map(|(index, _)| index).collect()
    }

    /// The packages of repositories of some roles.
    pub(super) fn packages_of(&self, roles: &[Role]) -> PackageSet {
        PackageSet::of_repositories(&self.pool, &self.of_roles(roles))
    }

    /// The repositories of these names.
    pub(super) fn called(&self, option: &str, ids: &[String]) -> Result<Vec<usize>> {
        let index = |id: &String| {
            let found = self.places.iter().position(|place| place.info.id == *id);
            found.with_context(|| {
                let known: Vec<String> = self.places.iter().map(|place| plain(&place.info.id)).collect();
                format!("{option} {}: there is no such repository; there is {}", plain(id), known.join(", "))
            })
        };
        ids.iter().map(index).collect()
    }

    /// The name of a package's repository.
    pub(super) fn repository(&self, id: PackageId) -> String {
        plain(self.pool.repository_info(id).map_or("?", |info| info.id.as_str()))
    }
}

/// One repository's metadata, as far as they are known.
enum Source {
    /// Packages by themselves, already read.
    Records(Vec<Record>),
    Metadata {
        repomd: Box<Repomd>,
        from: Origin,
    },
}

enum Origin {
    Folder(PathBuf),
    Remote(copr_remote::RepoUrl),
}

/// Reads repositories.
struct Loader {
    kept: Kept,
    remote: Option<(Runtime, Remote)>,
    bar: ProgressBar,
    /// Where downloads are kept if there is no cache.
    _temporary: Option<tempfile::TempDir>,
}

/// Reads the repositories at `places`. `texts` are those of the command line; owners are looked up of the paths among
/// them.
pub(super) fn load_all(arguments: &Repositories, mut places: Vec<Place>, texts: &[&String]) -> Result<Loaded> {
    for place in &mut places {
        place.info.excludes.clone_from(&arguments.excludes);
    }
    let loader = Loader::new(arguments, &places)?;
    let sources = loader.sources(&places)?;
    loader.bar.set_length(places.len() as u64);
    let read = |(place, source): (&Place, &Source)| {
        let packages = loader.packages(source).with_context(|| named(place));
        loader.bar.inc(1);
        packages
    };
    let packages: Vec<Packages> = places.par_iter().zip(&sources).map(read).collect::<Result<_>>()?;
    let mut pool = Pool::new(&arguments.arch.clone().unwrap_or_else(machine));
    for (place, packages) in places.iter().zip(packages) {
        pool.add(place.info.clone(), packages).with_context(|| named(place))?;
    }
    let owners = loader.files(&mut pool, &places, &sources, texts)?;
    loader.bar.finish_and_clear();
    Ok(Loaded { pool, places, owners })
}

/// What a repomd.xml says of the primary metadata.
fn primary(repomd: &Repomd) -> Result<&RepomdRecord> {
    let primary = repomd.record("primary").or_else(|| repomd.record("primary_zck"));
    primary.context("its repomd.xml names no primary metadata, so this is no package repository")
}

/// How messages begin that are about a repository.
fn named(place: &Place) -> String {
    if place.info.id == place.info.baseurl {
        return format!("the repository {}", plain(&place.info.id));
    }
    format!("the repository {} ({})", plain(&place.info.id), plain(&place.info.baseurl))
}

/// The architecture of this machine, as rpm calls it.
fn machine() -> String {
    match std::env::consts::ARCH {
        "x86" => "i686",
        "powerpc64" if cfg!(target_endian = "little") => "ppc64le",
        "powerpc64" => "ppc64",
        "arm" => "armv7hl",
        other => other,
    }
    .to_owned()
}

/// `copr-repo` in the user's cache folder, by the rules of XDG; `None` for a user without one.
fn default_cache() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let user = folder("XDG_CACHE_HOME").or_else(|| folder("HOME").map(|home| home.join(".cache")))?;
    Some(user.join("copr-repo"))
}

impl Loader {
    fn new(arguments: &Repositories, places: &[Place]) -> Result<Self> {
        let mut cache = arguments.cache.clone().or_else(default_cache);
        if let Some(folder) = &cache
            && let Err(error) = fs_err::create_dir_all(folder)
        {
            // One that was named must be usable; the usual one need not be there.
            if arguments.cache.is_some() {
                return Err(error).context("the cache");
            }
            cache = None;
        }
        let mut temporary = None;
        let mut remote = None;
        if places.iter().any(|place| matches!(place.at, At::Url(_))) {
            let folder = match &cache {
                Some(cache) => cache.join("files"),
                None => {
                    let folder = tempfile::Builder::new().prefix("copr-repo-").tempdir()?;
                    temporary.insert(folder).path().to_owned()
                }
            };
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
            remote = Some((runtime, Remote::new(RemoteOptions::new(folder))?));
        }
        let voice = Voice::ours(arguments.quiet, false, arguments.json);
        let kept = cache.map_or_else(Kept::nowhere, Kept::in_folder);
        Ok(Self { kept, remote, bar: bar(voice), _temporary: temporary })
    }

    /// What repomd.xml says, of all at once.
    fn sources(&self, places: &[Place]) -> Result<Vec<Source>> {
        let read = |place: &Place| self.source(place).with_context(|| named(place));
        // These wait for the network, not for the processor.
        std::thread::scope(|scope| {
            let threads: Vec<_> = places.iter().map(|place| scope.spawn(move || read(place))).collect();
            let joined = threads.into_iter().map(|thread| match thread.join() {
                Ok(source) => source,
                Err(_) => bail!("a thread that read a repository ended early"),
            });
            joined.collect()
        })
    }

    fn source(&self, place: &Place) -> Result<Source> {
        match &place.at {
            At::Url(url) => {
                let (runtime, remote) = self.remote.as_ref().context("no network")?;
                let repomd = Box::new(runtime.block_on(remote.repomd(url))?);
                Ok(Source::Metadata { repomd, from: Origin::Remote(url.clone()) })
            }
            At::Folder(folder) => {
                let loose = place.role == Role::Published && !folder.join("repodata/repomd.xml").exists();
                if loose {
                    return Ok(Source::Records(records(folder)?));
                }
                let repomd = crate::repo::show::repomd(folder)?;
                Ok(Source::Metadata { repomd: Box::new(repomd), from: Origin::Folder(folder.clone()) })
            }
        }
    }

    /// A repository's packages: from the cache, or read now and put into it.
    fn packages(&self, source: &Source) -> Result<Packages> {
        let (repomd, from) = match source {
            Source::Records(records) => return Ok(Packages::from_records(records)?),
            Source::Metadata { repomd, from } => (repomd, from),
        };
        let primary = primary(repomd)?;
        if let Some(packages) = self.kept.packages(&primary.checksum) {
            return Ok(packages);
        }
        let path = self.metadata(repomd, from, primary)?;
        self.kept.read_packages(&primary.checksum, &path).with_context(|| path.display().to_string())
    }

    /// The path of a metadata file that is as repomd.xml says.
    fn metadata(&self, repomd: &Repomd, from: &Origin, record: &RepomdRecord) -> Result<PathBuf> {
        match from {
            Origin::Folder(folder) => Ok(read::verified(folder, record)?),
            Origin::Remote(url) => {
                let (runtime, remote) = self.remote.as_ref().context("no network")?;
                let path = runtime.block_on(remote.metadata_file(url, repomd, &record.kind))?;
                path.with_context(|| format!("it has no {} metadata", plain(&record.kind)))
            }
        }
    }

    /// Owners of files: those that dependencies name and primary metadata do not tell are put into the pool; those that the
    /// command line names are returned.
    fn files(&self, pool: &mut Pool, places: &[Place], sources: &[Source], texts: &[&String]) -> Result<FileOwners> {
        let mut missing = pool.missing_paths();
        let asked: Vec<&String> = texts.iter().copied().filter(|text| is_file(text)).collect();
        // A path that primary metadata tell any owner of they tell all owners of.
        let unknown = |text: &&&String| {
            !is_pattern(text) && pool.providers_of(&copr_rpm::Dependency::named(text.as_str())).is_empty()
        };
        missing.extend(asked.iter().filter(unknown).map(|text| (*text).clone()));
        missing.sort_unstable();
        missing.dedup();
        let patterns: Vec<(&String, Glob)> =
            asked.into_iter().filter(|text| is_pattern(text)).map(|text| (text, Glob::new(text, false))).collect();
        if missing.is_empty() && patterns.is_empty() {
            return Ok(known_owners(pool, texts));
        }
        self.bar.set_message(format!("looking for {}", some(missing.len() + patterns.len(), "file")));
        let pool_now: &Pool = pool;
        let find = |(repository, place): (usize, &Place)| {
            let source = sources.get(repository).context("no such repository")?;
            self.owners(pool_now, repository, source, &missing, &patterns).with_context(|| named(place))
        };
        let found: Vec<Vec<(String, u32)>> = places.par_iter().enumerate().map(find).collect::<Result<_>>()?;
        let mut owners = FileOwners::new();
        for (repository, found) in found.iter().enumerate() {
            pool.add_file_owners(repository, found.iter().map(|(path, package)| (path.as_str(), *package)))?;
            let ids: Vec<PackageId> = pool.ids_of(repository).collect();
            for (path, package) in found {
                let Some(id) = ids.get(*package as usize) else { continue };
                for (text, _) in patterns.iter().filter(|(_, glob)| glob.matches(path)) {
                    owners.entry((*text).clone()).or_default().push(*id);
                }
                if texts.contains(&path) {
                    owners.entry(path.clone()).or_default().push(*id);
                }
            }
        }
        for (text, known) in known_owners(pool, texts) {
            owners.entry(text).or_default().extend(known);
        }
        for ids in owners.values_mut() {
            ids.sort_unstable();
            ids.dedup();
        }
        Ok(owners)
    }

    /// The owners of files in one repository, by the numbers of packages in it.
    fn owners(
        &self,
        pool: &Pool,
        repository: usize,
        source: &Source,
        missing: &[String],
        patterns: &[(&String, Glob)],
    ) -> Result<Vec<(String, u32)>> {
        let (repomd, from) = match source {
            Source::Records(records) => {
                let files = (0..)
                    .zip(records)
                    .flat_map(|(package, record)| record.files.iter().map(move |file| (file.path.clone(), package)));
                let fits = |path: &String| {
                    missing.binary_search(path).is_ok() || patterns.iter().any(|(_, glob)| glob.matches(path))
                };
                return Ok(files.filter(|(path, _)| fits(path)).collect());
            }
            Source::Metadata { repomd, from } => (repomd, from),
        };
        let Some(record) = repomd.record("filelists").or_else(|| repomd.record("filelists_zck")) else {
            return Ok(Vec::new());
        };
        let sums = (&primary(repomd)?.checksum, &record.checksum);
        if patterns.is_empty()
            && let Some(owners) = self.kept.owners(sums.0, sums.1, missing)
        {
            return Ok(owners);
        }
        let path = self.metadata(repomd, from, record)?;
        let mut found = self.kept.read_owners(sums, &path, pool, repository, missing)?;
        if !patterns.is_empty() {
            found.extend(matching(&path, pool, repository, patterns).with_context(|| path.display().to_string())?);
        }
        Ok(found)
    }
}

/// The owners of paths among `texts`, as far as the pool knows them.
fn known_owners(pool: &Pool, texts: &[&String]) -> FileOwners {
    let paths = texts.iter().filter(|text| text.starts_with('/') && !is_pattern(text));
    let owners = |text: &String| pool.providers_of(&copr_rpm::Dependency::named(text.as_str()));
    paths.map(|text| ((*text).clone(), owners(text))).collect()
}

/// The files of filelists.xml that fit a pattern, each with the number of its package in the repository.
fn matching(path: &Path, pool: &Pool, repository: usize, patterns: &[(&String, Glob)]) -> Result<Vec<(String, u32)>> {
    let numbers: HashMap<String, u32> =
        (0..).zip(pool.ids_of(repository)).map(|(number, id)| (pool.checksum(id).hex, number)).collect();
    let mut found = Vec::new();
    read::each_filelists(read::open(path)?, |package| {
        let Some(number) = numbers.get(&*package.pkgid.text()) else { return Ok(()) };
        let paths = package.files.iter().map(|file| file.path.text());
        let fitting = paths.filter(|path| patterns.iter().any(|(_, glob)| glob.matches(path)));
        found.extend(fitting.map(|path| (path.into_owned(), *number)));
        Ok(())
    })?;
    Ok(found)
}

/// The packages of a folder or a file, for what is not yet a repository.
fn records(path: &Path) -> Result<Vec<Record>> {
    let mut files = Vec::new();
    if fs_err::metadata(path)?.is_dir() {
        for entry in walkdir::WalkDir::new(path).max_depth(8).sort_by_file_name() {
            let entry = entry?;
            if entry.file_type().is_file() && entry.path().extension().is_some_and(|end| end == "rpm") {
                files.push(entry.into_path());
            }
        }
        if files.is_empty() {
            bail!("there are neither repodata nor packages (.rpm) in it");
        }
    } else {
        files.push(path.to_owned());
    }
    let read = |file: &PathBuf| {
        let name = file.strip_prefix(path).unwrap_or(file).display().to_string();
        Record::from_file(file, if name.is_empty() { "package.rpm" } else { &name }, &RecordOptions::default())
    };
    Ok(files.par_iter().map(read).collect::<Result<_, _>>()?)
}

/// A bar on standard error; none where that is no terminal or nobody wants one.
fn bar(voice: Voice) -> ProgressBar {
    let bar = ProgressBar::new(0);
    if !voice.shows_progress() || !std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    if let Ok(style) = ProgressStyle::with_template("{spinner} {bar:40} {pos}/{len} repositories {msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}
