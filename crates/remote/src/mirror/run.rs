//! One run: what is to be had, what is here, what is fetched, and the moment when it becomes visible.

use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use copr_repodata::{Checksum, Repomd};
use futures_util::{StreamExt, stream};

use super::{
    MirrorOptions, Mirrored, Step, Watch,
    download::{Downloader, Wanted},
    error::MirrorError,
    finish::place,
    index::{INDEX, Index, KEY, SIGNATURE, Wish},
    limiter::Limiter,
    origin::{self, Found},
    plan::{self, Package, Plan},
    snapshots,
    switch::{self, link, put},
    work::{Known, Look, Work, remove_folder},
};
use crate::{
    error::Error,
    fetch::{Fetcher, blocking},
};

/// Files that repomd.xml may name; real ones name a dozen.
const MAX_METADATA: usize = 256;
/// Bytes after which it is made sure that packages are on disk, so that a crash does not cost all of them.
const REMEMBER: u64 = 512 << 20;
/// So many failures in a row end a run: the server is gone, and need not be asked for every package.
const GIVE_UP: usize = 50;

/// Why a round ended.
enum Failure {
    /// For good.
    Final(MirrorError),
    /// Perhaps because the repository was just being changed.
    Again(MirrorError),
}

impl<E: Into<MirrorError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Final(error.into())
    }
}

/// Mirrors a repository as the options say.
pub(crate) async fn run(options: &MirrorOptions, watch: Watch) -> Result<Mirrored, MirrorError> {
    if let Some(snapshots) = &options.snapshots {
        snapshots.check()?;
    }
    if options.connections == 0 {
        return Err(MirrorError::Options("at least one connection is needed".to_owned()));
    }
    if (options.check_repository || options.check_packages) && options.keys.is_empty() {
        return Err(MirrorError::Options("to check signatures, keys are needed (--key FILE)".to_owned()));
    }
    let work = if options.dry_run {
        Work::elsewhere(&options.dir).await?
    } else {
        Work::open(&options.dir, options.wait).await?
    };
    let fetcher = Fetcher::new(options.timeouts.clone(), None)?;
    let downloader = Downloader {
        fetcher: fetcher.clone(),
        limiter: Limiter::new(options.rate),
        timeouts: options.timeouts.clone(),
        parts: work.path("parts"),
        watch,
    };
    let mut run = Run { options, fetcher, downloader, work };
    let mut round = 1;
    loop {
        match run.round().await {
            Ok(done) => return Ok(done),
            Err(Failure::Final(error)) => return Err(error),
            Err(Failure::Again(error)) if round >= options.rounds.max(1) => {
                return Err(match error {
                    error @ (MirrorError::Incomplete { .. } | MirrorError::Signature { .. }) => error,
                    error => MirrorError::Inconsistent {
                        repository: options.origin.shown(),
                        rounds: round,
                        reason: error.to_string(),
                    },
                });
            }
            Err(Failure::Again(_)) => {
                tokio::time::sleep(options.round_pause.saturating_mul(round)).await;
                round += 1;
            }
        }
    }
}

/// A run: what is asked for, and what does it.
pub(super) struct Run<'a> {
    pub(super) options: &'a MirrorOptions,
    fetcher: Fetcher,
    downloader: Downloader,
    pub(super) work: Work,
}

/// Packages by what is to be done about them.
#[derive(Default)]
struct Sorted {
    /// Here already.
    present: Vec<Package>,
    /// Of these, those that nothing was known of: places in `present`.
    read: Vec<usize>,
    /// To be fetched: one file, and all the places that it goes to.
    missing: Vec<(Wanted, Vec<Package>)>,
    bytes: u64,
}

impl Run<'_> {
    async fn round(&mut self) -> Result<Mirrored, Failure> {
        let options = self.options;
        let found = origin::find(&self.fetcher, &options.origin, options.allow_file).await?;
        let base = self.base();
        let index = self.index(&found).await.map_err(|error| match error {
            // It may belong to the repomd.xml of a moment ago.
            error @ MirrorError::Signature { .. } => Failure::Again(error),
            error => Failure::Final(error),
        })?;
        let next = self.work.path("next");
        remove_folder(&next)?;
        let again = |error: MirrorError| if error.may_pass() { Failure::Again(error) } else { Failure::Final(error) };
        self.metadata(&found, &index, base.as_deref(), &next).await.map_err(again)?;
        let plan = self.plan(&index, &next).await?;
        let sorted = self.sort(&plan, base.as_deref()).await?;
        let delete = self.surplus(&plan)?;
        let mut report = Mirrored {
            packages: plan.packages.len(),
            of: plan.of,
            elsewhere: plan.elsewhere,
            fetched: sorted.missing.len(),
            fetched_bytes: sorted.bytes,
            kept: sorted.present.len(),
            deleted: delete.iter().map(|path| path.display().to_string()).collect(),
            unmatched: plan.unmatched.clone(),
            revision: index.repomd.revision.clone(),
            warnings: index.warning.iter().cloned().collect(),
            ..Mirrored::default()
        };
        (self.downloader.watch)(Step::Planned { files: sorted.missing.len(), bytes: sorted.bytes });
        if options.dry_run {
            let mut fetch: Vec<String> =
                sorted.missing.iter().flat_map(|(_, packages)| packages.iter().map(|p| p.path.clone())).collect();
            fetch.sort();
            report.would_fetch = fetch;
            let in_force = match &base {
                None => false,
                Some(base) if options.filter.is_everything() => same_index(base, &index),
                Some(base) => self.is_made_of(base, &self.made_of(&index)?)?,
            };
            report.changed = !in_force || report.fetched > 0 || !delete.is_empty();
            return Ok(report);
        }
        self.room(sorted.bytes)?;
        if options.check_packages {
            self.check_present(&sorted, base.as_deref()).await?;
        } else if !(sorted.missing.is_empty() && sorted.read.is_empty()) {
            // From here on there may be packages that nobody has checked.
            self.mark("")?;
        }
        let parked = match self.fetch(&found, sorted.missing).await {
            Ok(parked) => parked,
            Err(error) => {
                // Only a repository that has changed is worth another look.
                let changed = self.index(&found).await.is_ok_and(|new| new.bytes != index.bytes);
                return Err(if changed { Failure::Again(error) } else { Failure::Final(error) });
            }
        };
        let finished = self.finish(&index, &plan, parked, &delete, base.as_deref(), &next).await?;
        report.changed = finished.0;
        report.snapshot = finished.1;
        report.removed_snapshots = finished.2;
        Ok(report)
    }

    /// The folder whose files can be used again.
    fn base(&self) -> Option<PathBuf> {
        match &self.options.snapshots {
            Some(_) => snapshots::current(&self.work.dir),
            None => Some(self.work.dir.clone()),
        }
    }

    async fn index(&self, found: &Found) -> Result<Index, MirrorError> {
        let options = self.options;
        // What the source had the last time: of a filtered mirror that is not what is in force.
        let before = [Some(self.work.home().join("source")), self.base()];
        let made = before.iter().flatten().filter_map(|folder| Repomd::open(&folder.join(INDEX)).ok());
        let wish = Wish {
            fetcher: &self.fetcher,
            timeouts: &options.timeouts,
            limit: options.limits.repomd,
            keys: options.check_repository.then_some(&options.keys),
            here: made.map(|repomd| Index::made(&repomd)).max().unwrap_or(0),
            now: options.now,
        };
        wish.find(found).await
    }

    /// Lays out the source's metadata in `next`, every file verified.
    async fn metadata(
        &mut self,
        found: &Found,
        index: &Index,
        base: Option<&Path>,
        next: &Path,
    ) -> Result<(), MirrorError> {
        let limits = &self.options.limits;
        let records = index.repomd.records.iter().filter(|record| record.location_base.is_none());
        let malformed = |reason: String| Error::Metadata { url: self.options.origin.shown(), reason };
        let mut wanted: Vec<(Wanted, String)> = Vec::new();
        let mut total = 0u64;
        for record in records {
            let path = crate::url::RepoUrl::relative(&record.location_href)?;
            let path =
                path.to_str().ok_or_else(|| malformed("a metadata file's name is no UTF-8".to_owned()))?.to_owned();
            if path.starts_with(INDEX) || path.starts_with(super::work::FOLDER) {
                return Err(malformed(format!("no metadata file can be at {path}")).into());
            }
            if wanted.iter().any(|(_, other)| *other == path) {
                continue;
            }
            total = total.saturating_add(record.size.unwrap_or(limits.metadata));
            let (href, checksum) = (record.location_href.clone(), record.checksum.clone());
            wanted.push((Wanted { href, checksum, size: record.size, limit: limits.metadata }, path));
        }
        let most = limits.metadata.saturating_mul(16);
        if wanted.len() > MAX_METADATA || total > most {
            return Err(malformed(format!("it names {} files of {total} bytes", wanted.len())).into());
        }
        let source = self.work.home().join("source");
        let folders: Vec<PathBuf> = [Some(source.as_path()), base].into_iter().flatten().map(Path::to_owned).collect();
        let place = |path: &str| next.join(path);
        let mut missing = Vec::new();
        for (file, path) in wanted {
            let (candidates, wanted, verify) = (folders.clone(), file.clone(), self.options.verify);
            let looks: Vec<Look> =
                candidates.iter().map(|folder| self.work.look(folder, &path, &file.checksum, file.size)).collect();
            let name = path.clone();
            let here = blocking(move || {
                for (folder, look) in candidates.iter().zip(looks) {
                    let path = folder.join(&name);
                    let good = match look {
                        Look::Good if !verify => true,
                        Look::Missing => false,
                        _ => is(&path, &wanted.checksum)?,
                    };
                    if good {
                        return Ok(Some(path));
                    }
                }
                Ok(None)
            })
            .await?;
            match here {
                Some(from) => {
                    link(&from, &place(&path))?;
                    self.note(&path, &from, &file.checksum)?;
                }
                None => missing.push((file, path)),
            }
        }
        let fetched: Vec<Result<(PathBuf, String, Checksum), MirrorError>> = stream::iter(missing)
            .map(async |(file, path)| {
                let part = self.downloader.fetch(&found.mirrors, &file).await?;
                Ok((part, path, file.checksum))
            })
            .buffer_unordered(self.options.connections.min(4))
            .collect()
            .await;
        for file in fetched {
            let (part, path, checksum) = file?;
            put(&part, &place(&path))?;
            self.note(&path, &place(&path), &checksum)?;
        }
        fs_err::create_dir_all(next.join("repodata"))?;
        fs_err::write(next.join(INDEX), &index.bytes)?;
        for (name, bytes) in [(SIGNATURE, &index.signature), (KEY, &index.key)] {
            if let Some(bytes) = bytes {
                fs_err::write(next.join(name), bytes)?;
            }
        }
        Ok(())
    }

    fn note(&mut self, path: &str, file: &Path, checksum: &Checksum) -> Result<(), MirrorError> {
        let known = Known::new(checksum.clone(), &fs_err::metadata(file)?);
        self.work.verified(path, known);
        Ok(())
    }

    async fn plan(&self, index: &Index, next: &Path) -> Result<Plan, MirrorError> {
        let Some(primary) = index.repomd.record("primary") else {
            let reason = "it names no primary file, so this is no package repository".to_owned();
            return Err(Error::Metadata { url: self.options.origin.shown(), reason }.into());
        };
        let path = next.join(crate::url::RepoUrl::relative(&primary.location_href)?);
        let (filter, limit) = (self.options.filter.clone(), self.options.limits.package);
        blocking(move || Ok(plan::plan(&path, &filter, limit))).await?
    }

    /// Sorts packages by whether they are here; reads those of which that is not known.
    async fn sort(&mut self, plan: &Plan, base: Option<&Path>) -> Result<Sorted, MirrorError> {
        let mut sorted = Sorted::default();
        let (mut missing, mut unsure) = (Vec::new(), Vec::new());
        for package in &plan.packages {
            let look =
                base.map_or(Look::Missing, |base| self.work.look(base, &package.path, &package.checksum, package.size));
            match look {
                Look::Good if !self.options.verify => sorted.present.push(package.clone()),
                Look::Missing => missing.push(package.clone()),
                Look::Good | Look::Unsure => unsure.push(package.clone()),
            }
        }
        if let Some(base) = base {
            (self.downloader.watch)(Step::Checking { files: unsure.len() });
            let threads = std::thread::available_parallelism().map_or(2, usize::from);
            let watch = &self.downloader.watch;
            let read: Vec<Result<(Package, bool), Error>> = stream::iter(unsure)
                .map(async |package| {
                    let (path, checksum) = (base.join(&package.path), package.checksum.clone());
                    let good = blocking(move || is(&path, &checksum)).await?;
                    (watch)(Step::Checked);
                    Ok((package, good))
                })
                .buffer_unordered(threads)
                .collect()
                .await;
            for package in read {
                let (package, good) = package?;
                if good {
                    self.note(&package.path, &base.join(&package.path), &package.checksum)?;
                    sorted.read.push(sorted.present.len());
                    sorted.present.push(package);
                } else {
                    missing.push(package);
                }
            }
        }
        // One download for files of the same content.
        let mut at: HashMap<Checksum, usize> = HashMap::new();
        for package in missing {
            match at.get(&package.checksum).and_then(|index| sorted.missing.get_mut(*index)) {
                Some((_, places)) => places.push(package),
                None => {
                    at.insert(package.checksum.clone(), sorted.missing.len());
                    sorted.bytes = sorted.bytes.saturating_add(package.size.unwrap_or(0));
                    let (href, checksum, limit) =
                        (package.href.clone(), package.checksum.clone(), self.options.limits.package);
                    sorted.missing.push((Wanted { href, checksum, size: package.size, limit }, vec![package]));
                }
            }
        }
        Ok(sorted)
    }

    /// The packages here that are in the repository no longer; refuses when they are suspiciously many.
    fn surplus(&self, plan: &Plan) -> Result<Vec<PathBuf>, MirrorError> {
        let options = self.options;
        if !options.delete || options.snapshots.is_some() {
            return Ok(Vec::new());
        }
        let all = switch::packages(&self.work.dir)?;
        let wanted: HashSet<&Path> = plan.packages.iter().map(|package| Path::new(&package.path)).collect();
        let (of, percent) = (all.len(), options.delete_share);
        let delete: Vec<PathBuf> = all.into_iter().filter(|path| !wanted.contains(path.as_path())).collect();
        // In a small repository a single package is a large share.
        let few = delete.len() <= 10 && delete.len() < of;
        if !few && delete.len().saturating_mul(100) > of.saturating_mul(usize::from(percent)) {
            return Err(MirrorError::TooManyDeletions { delete: delete.len(), of, percent });
        }
        Ok(delete)
    }

    /// Refuses to begin what cannot end.
    fn room(&self, needed: u64) -> Result<(), MirrorError> {
        let about = rustix::fs::statvfs(&self.work.dir).map_err(std::io::Error::from)?;
        let free = about.f_bavail.saturating_mul(about.f_frsize);
        // Some file systems tell nothing.
        if about.f_blocks > 0 && needed > free {
            return Err(MirrorError::NoSpace { dir: self.work.dir.clone(), needed, free });
        }
        Ok(())
    }

    /// Checks the signatures of packages that an earlier run took, perhaps without looking. Their marks are remembered by the
    /// keys that were asked for.
    async fn check_present(&self, sorted: &Sorted, base: Option<&Path>) -> Result<(), MirrorError> {
        let Some(base) = base else { return Ok(()) };
        let all = self.options.verify || self.work.read("signed").trim_end() != self.options.keys.mark();
        let chosen: Vec<&Package> = if all {
            sorted.present.iter().collect()
        } else {
            sorted.read.iter().filter_map(|index| sorted.present.get(*index)).collect()
        };
        let mut failed = Vec::new();
        let (keys, now) = (Arc::new(self.options.keys.clone()), self.options.now);
        for package in chosen {
            let (path, keys) = (base.join(&package.path), Arc::clone(&keys));
            let checked = blocking(move || Ok(keys.verify_package(&path, now))).await?;
            if let Err(reason) = checked {
                failed.push(format!("{}: {reason}", package.path));
            }
        }
        if failed.is_empty() { Ok(()) } else { Err(MirrorError::Incomplete { failed, of: sorted.present.len() }) }
    }

    /// Fetches packages, several at once. Gives those that wait for the moment of the switch, with their parts.
    async fn fetch(
        &mut self,
        found: &Found,
        missing: Vec<(Wanted, Vec<Package>)>,
    ) -> Result<Vec<(PathBuf, Vec<Package>)>, MirrorError> {
        let options = self.options;
        let of = missing.len();
        let keys = options.check_packages.then(|| Arc::new(options.keys.clone()));
        let in_place = options.snapshots.is_none();
        let downloader = &self.downloader;
        let mut under_way = stream::iter(missing)
            .map(async |(wanted, packages)| {
                let part = downloader.fetch(&found.mirrors, &wanted).await.map_err(|error| error.to_string());
                let checked = match (part, &keys) {
                    (Ok(part), Some(keys)) => {
                        let (path, keys, now) = (part.clone(), Arc::clone(keys), options.now);
                        let signed = blocking(move || Ok(keys.verify_package(&path, now))).await;
                        match signed {
                            Ok(Ok(_)) => Ok(part),
                            Ok(Err(reason)) => {
                                let _ = fs_err::remove_file(&part);
                                Err(format!("{}: {reason}", wanted.href))
                            }
                            Err(error) => Err(error.to_string()),
                        }
                    }
                    (part, _) => part,
                };
                (checked, packages)
            })
            .buffer_unordered(options.connections);
        let (mut failed, mut parked) = (Vec::new(), Vec::new());
        let (mut unwritten, mut in_a_row) = (0u64, 0);
        while let Some((part, packages)) = under_way.next().await {
            match part {
                Ok(part) => {
                    let size = fs_err::metadata(&part)?.len();
                    set_time(&part, packages.first().map_or(0, |package| package.time))?;
                    let here = |package: &Package| self.work.dir.join(&package.path).symlink_metadata().is_ok();
                    if in_place && !packages.iter().any(here) {
                        // No metadata that are in force name it, so it may have its name at once.
                        for known in place(&part, &packages, &self.work.dir)? {
                            self.work.verified(&known.0, known.1);
                        }
                    } else {
                        parked.push((part, packages));
                    }
                    (downloader.watch)(Step::Fetched);
                    in_a_row = 0;
                    unwritten = unwritten.saturating_add(size);
                    if unwritten >= REMEMBER {
                        self.work.remember()?;
                        unwritten = 0;
                    }
                }
                Err(reason) => {
                    failed.push(reason.replace('\n', " "));
                    in_a_row += 1;
                    if in_a_row >= GIVE_UP {
                        break;
                    }
                }
            }
        }
        drop(under_way);
        self.work.remember()?;
        if failed.is_empty() { Ok(parked) } else { Err(MirrorError::Incomplete { failed, of }) }
    }
}

/// Whether a file has a checksum.
fn is(path: &Path, checksum: &Checksum) -> Result<bool, Error> {
    let file = fs_err::File::open(path)?;
    let (found, _) = Checksum::of(checksum.kind, file).map_err(|error| match error {
        copr_repodata::Error::Io(error) => Error::Io(error),
        error => Error::Metadata { url: path.display().to_string(), reason: error.to_string() },
    })?;
    Ok(found == *checksum)
}

fn same_index(base: &Path, index: &Index) -> bool {
    fs_err::read(base.join(INDEX)).is_ok_and(|bytes| bytes == index.bytes)
}

/// Files get the time that the metadata tell, as they have it at the source.
fn set_time(path: &Path, seconds: u64) -> Result<(), MirrorError> {
    if let Some(time) = std::time::UNIX_EPOCH.checked_add(std::time::Duration::from_secs(seconds))
        && seconds > 0
    {
        let file = std::fs::OpenOptions::new().write(true).open(path)?;
        // A time that the file system cannot hold is no reason to fail.
        let _ = file.set_modified(time);
    }
    Ok(())
}
