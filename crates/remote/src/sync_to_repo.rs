//! Local packages into a repository elsewhere: what Copr's `sync-to-repo` does.
//!
//! The metadata of the repository are brought here, packages that are not there as they are here go up, then the
//! metadata, then `repomd.xml`. If somebody else published meanwhile, the merge is done again on top of theirs.
//! A package that is there already with its size and checksum is not sent again, so an interrupted run is continued by
//! the next one.

mod local;

use std::{
    collections::{HashMap, HashSet},
    path::Path,
};

use copr_repodata::{Checksum, ChecksumKind, Delta, Document, Output, Published, Record, Repomd, read};
use futures_util::FutureExt;

pub use local::{Local, LocalPackage};

use crate::{
    error::Error,
    fetch::blocking,
    publish::{Checkout, INDEX, RemotePublisher, all},
    target::{Progress, Target},
};

/// Bytes that a `repomd.xml` may have where it is only compared.
const INDEX_LIMIT: u64 = 4 << 20;

/// What a sync may do.
#[derive(Clone)]
pub struct SyncOptions {
    /// Starts a new repository where there is none; without it, that is an error.
    pub init: bool,
    /// Removes packages that are there and not here: from the metadata, and then their files.
    pub delete: bool,
    /// Packages that go up at the same time; at least one.
    pub at_once: usize,
    /// Told how many bytes of packages went up.
    pub progress: Progress,
}

/// What is to be done, or was.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SyncPlan {
    /// Locations and sizes in bytes of the packages to upload that no package there has.
    pub added: Vec<(String, u64)>,
    /// The same of those that take the place of another of that location.
    pub replaced: Vec<(String, u64)>,
    /// Locations of packages to remove.
    pub removed: Vec<String>,
    /// Number of packages that are there as they are here.
    pub unchanged: usize,
    /// Locations, among those that are added, where a package of the same name, version and architecture is there at
    /// another location with another content.
    pub twins: Vec<(String, String)>,
    /// Whether there is no repository yet.
    pub new: bool,
    /// Whether the place that is read shows another state than the one that is written: a cache in between, or not the same
    /// repository at all.
    pub differs: bool,
}

impl SyncPlan {
    /// Bytes of the packages to upload.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.added.iter().chain(&self.replaced).map(|(_, size)| *size).sum()
    }

    /// Whether all is as it should be.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.replaced.is_empty() && self.removed.is_empty() && !self.new
    }
}

/// What a sync did.
#[derive(Debug, Clone)]
pub struct Synced {
    /// What was to be done, as it was at the last try.
    pub plan: SyncPlan,
    /// Packages, and their bytes, that went up; the others were there from an earlier run.
    pub uploaded: (usize, u64),
    /// What became of the metadata.
    pub published: Published,
}

/// Brings local packages into one repository.
#[derive(Clone)]
pub struct SyncToRepo {
    publisher: RemotePublisher,
    read: Target,
    options: SyncOptions,
}

/// A package of the repository, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
struct There {
    href: String,
    checksum: Checksum,
}

/// The state of the repository at one time.
#[derive(Debug, Default)]
struct State {
    packages: Vec<There>,
    /// Location by name, epoch, version, release and architecture.
    nevras: HashMap<String, usize>,
}

impl SyncToRepo {
    /// From the metadata that `read` shows into the repository at `write`, usually the same place by another URL;
    /// `folder` keeps a copy of the metadata.
    pub fn new(read: Target, write: Target, folder: &Path, options: SyncOptions) -> Self {
        let publisher = RemotePublisher::new(write, folder).reading_from(read.clone()).at_once(options.at_once);
        Self { publisher, read, options }
    }

    /// What [`Self::run`] would do now.
    ///
    /// # Errors
    /// As [`Self::run`], but that nothing is written.
    pub async fn plan(&self, local: &Local) -> Result<SyncPlan, Error> {
        let checkout = self.publisher.check_out().await?;
        let differs = self.compare(&checkout).await?;
        let state = state(&checkout).await?;
        let first = state.packages.iter().map(|there| there.href.clone()).collect();
        let plan = self.decide(local, &state, &first).0;
        Ok(SyncPlan { new: checkout.repomd().is_none(), differs, ..plan })
    }

    /// Looks whether both places are as they should be, and tells the kind of checksum that the repository identifies
    /// packages by, if it has any: that of local packages should be the same.
    ///
    /// # Errors
    /// As [`Self::plan`].
    pub async fn look(&self) -> Result<Option<ChecksumKind>, Error> {
        let checkout = self.publisher.check_out().await?;
        self.compare(&checkout).await?;
        let state = state(&checkout).await?;
        Ok(state.packages.first().map(|there| there.checksum.kind))
    }

    /// Does it. `output` says how metadata are written, given what is there.
    ///
    /// # Errors
    /// What [`Error`] lists. The repository is then as it was, and packages that went up are found by the next run;
    /// only the deletion of files comes after the new metadata.
    pub async fn run(&self, local: &Local, output: impl Fn(Option<&Repomd>) -> Output) -> Result<Synced, Error> {
        let target = self.publisher.target();
        let mut sure: HashSet<String> = HashSet::new();
        let mut uploaded = (0, 0);
        // Only what was there when we began may be removed: what others add meanwhile is theirs.
        let mut first: Option<HashSet<String>> = None;
        let mut before: HashMap<String, Checksum> = HashMap::new();
        for attempt in 0..self.publisher.tries() {
            let checkout = self.publisher.check_out().await?;
            let differs = match first {
                None => self.compare(&checkout).await?,
                Some(_) => false,
            };
            let state = state(&checkout).await?;
            let hrefs = || state.packages.iter().map(|there| there.href.clone()).collect();
            let first = first.get_or_insert_with(hrefs);
            let (plan, delta, outgoing) = self.decide(local, &state, first);
            // Another writer may have put another file at a location where ours lay.
            let now: HashMap<String, Checksum> =
                state.packages.iter().map(|there| (there.href.clone(), there.checksum.clone())).collect();
            if attempt > 0 {
                sure.retain(|href| before.get(href) == now.get(href));
            }
            before = now;
            let missing: Vec<&LocalPackage> =
                outgoing.into_iter().filter(|package| !sure.contains(&package.record.location_href)).collect();
            let sent = self.upload(&missing).await?;
            uploaded = (uploaded.0 + sent.0, uploaded.1 + sent.1);
            sure.extend(missing.iter().map(|package| package.record.location_href.clone()));
            let plan = SyncPlan { new: checkout.repomd().is_none(), differs, ..plan };
            let output = output(checkout.repomd());
            if let Some(published) = checkout.commit(delta, &output).await? {
                let removed = plan.removed.iter().map(|href| target.delete(href).boxed()).collect();
                all(removed, self.options.at_once).await?;
                return Ok(Synced { plan, uploaded, published });
            }
            self.publisher.pause(attempt).await;
        }
        Err(self.publisher.busy())
    }

    /// Whether both URLs lead to repositories, or neither; and whether they show different states.
    async fn compare(&self, checkout: &Checkout<'_>) -> Result<bool, Error> {
        let target = self.publisher.target();
        let read = self.read.read(INDEX, INDEX_LIMIT).await?;
        let missing = |place: &Target, reason: String| Error::Metadata { url: place.place(INDEX), reason };
        match (read, checkout.index()) {
            (None, None) if self.options.init => Ok(false),
            (None, None) => Err(missing(target, "there is no repository yet; to start one, say --init".to_owned())),
            (None, Some(_)) => {
                let reason = format!("there is no repository, but there is one at {target}; are they the same place?");
                Err(missing(&self.read, reason))
            }
            (Some(_), None) => {
                let reason = format!(
                    "there is no repository, but there is one at {}; are they the same place? (a repository is copied by \
                     `copr-repo mirror`)",
                    self.read
                );
                Err(missing(target, reason))
            }
            (Some(read), Some(written)) => Ok(read.tag.sum() != written),
        }
    }

    /// What is to be done: for people, for the metadata, and for the files.
    fn decide<'l>(
        &self,
        local: &'l Local,
        state: &State,
        first: &HashSet<String>,
    ) -> (SyncPlan, Delta, Vec<&'l LocalPackage>) {
        let by_href: HashMap<&str, &Checksum> =
            state.packages.iter().map(|there| (there.href.as_str(), &there.checksum)).collect();
        let sums: HashSet<&Checksum> = state.packages.iter().map(|there| &there.checksum).collect();
        let (mut plan, mut delta, mut outgoing) = (SyncPlan::default(), Delta::default(), Vec::new());
        for package in &local.packages {
            let (href, size) = (package.record.location_href.clone(), package.record.size_package);
            match by_href.get(href.as_str()) {
                // It may lie somewhere else there.
                _ if sums.contains(&package.record.checksum) => {
                    plan.unchanged += 1;
                    continue;
                }
                None => {
                    let twin = state.nevras.get(&package.record.nevra.to_string());
                    if let Some(there) = twin.and_then(|at| state.packages.get(*at)) {
                        plan.twins.push((href.clone(), there.href.clone()));
                    }
                    plan.added.push((href, size));
                }
                Some(_) => plan.replaced.push((href, size)),
            }
            delta.add.push(package.record.clone());
            outgoing.push(package);
        }
        if self.options.delete {
            let hrefs: HashSet<&str> = local.packages.iter().map(|p| p.record.location_href.as_str()).collect();
            let here: HashSet<&Checksum> = local.packages.iter().map(|p| &p.record.checksum).collect();
            let gone = state.packages.iter().filter(|there| {
                !hrefs.contains(there.href.as_str()) && !here.contains(&there.checksum) && first.contains(&there.href)
            });
            plan.removed = gone.map(|there| there.href.clone()).collect();
            delta.remove.clone_from(&plan.removed);
        }
        (plan, delta, outgoing)
    }

    /// Uploads packages that are not there; how many, and of how many bytes.
    async fn upload(&self, packages: &[&LocalPackage]) -> Result<(usize, u64), Error> {
        let sent = std::sync::Mutex::new((0, 0));
        let work = packages.iter().map(|package| self.upload_one(package, &sent).boxed());
        all(work.collect(), self.options.at_once).await?;
        Ok(sent.into_inner().unwrap_or_default())
    }

    async fn upload_one(&self, package: &LocalPackage, sent: &std::sync::Mutex<(usize, u64)>) -> Result<(), Error> {
        let target = self.publisher.target();
        let Record { location_href: href, checksum, size_package: size, .. } = &package.record;
        if target.holds(href, checksum, *size).await? {
            (self.options.progress)(*size);
            return Ok(());
        }
        target.put(&package.path, href, checksum, *size, &self.options.progress).await?;
        if let Ok(mut sent) = sent.lock() {
            *sent = (sent.0 + 1, sent.1 + size);
        }
        Ok(())
    }
}

/// The packages that the metadata name.
async fn state(checkout: &Checkout<'_>) -> Result<State, Error> {
    let Some(repomd) = checkout.repomd() else { return Ok(State::default()) };
    let Some(primary) = repomd.record(Document::Primary.kind()) else {
        let url = checkout.place(INDEX);
        let reason = "it names no primary file, so this is no package repository".to_owned();
        return Err(Error::Metadata { url, reason });
    };
    let path = checkout.folder().join(&primary.location_href);
    blocking(move || {
        let mut state = State::default();
        for record in read::primary(read::open(&path)?) {
            let record = record?;
            // What lies elsewhere is not ours to replace or remove.
            if record.location_base.is_some() {
                continue;
            }
            state.nevras.insert(record.nevra.to_string(), state.packages.len());
            state.packages.push(There { href: record.location_href, checksum: record.checksum });
        }
        Ok(state)
    })
    .await
}
