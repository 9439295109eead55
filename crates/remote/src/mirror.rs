//! A copy of a repository that can stand in for it.
//!
//! One run ([`mirror`]) finds the repository (by URL, metalink or list of mirrors), fetches what is not here yet from several
//! mirrors over several connections, checks every byte against the metadata (and signatures, where keys are given), and only
//! then puts the new metadata in force. Whatever goes wrong, and whenever: the mirror is as it was, complete.
//!
//! Unfiltered, the metadata are the source's byte for byte, signature and all. Filtered, they are written anew, so that they name
//! what is there and nothing else.

mod download;
mod error;
mod finish;
mod index;
mod limiter;
mod mirrors;
mod origin;
mod plan;
mod run;
mod snapshots;
mod switch;
mod work;

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};

pub(crate) use self::origin::find;
pub use self::{error::MirrorError, origin::Origin, plan::Filter, snapshots::Snapshots};
use crate::{Keyring, Limits, Timeouts};

/// How a repository is mirrored.
#[derive(Debug, Clone)]
pub struct MirrorOptions {
    /// The mirror's folder.
    pub dir: PathBuf,
    /// Where the repository is to be had.
    pub origin: Origin,
    /// Which packages.
    pub filter: Filter,
    /// Whether every file that is here is read, rather than looked at.
    pub verify: bool,
    /// Whether repomd.xml has to be signed by one of the keys.
    pub check_repository: bool,
    /// Whether every package has to be signed by one of the keys.
    pub check_packages: bool,
    /// Whose signatures count.
    pub keys: Keyring,
    /// How many files are fetched at once.
    pub connections: usize,
    /// Bytes a second, over all connections; `None` for no limit.
    pub rate: Option<u64>,
    /// Whether packages that are in the repository no longer are removed.
    pub delete: bool,
    /// Percent of the packages here that may be removed in one run; more are taken for a fault of the source.
    pub delete_share: u8,
    /// Whether every change makes a snapshot.
    pub snapshots: Option<Snapshots>,
    /// Whether only to tell what would be done.
    pub dry_run: bool,
    /// Whether to wait for another process that mirrors into the same folder.
    pub wait: bool,
    /// How long metadata files stay that are in force no longer.
    pub grace: Duration,
    /// How often a repository that does not fit together is read anew.
    pub rounds: u32,
    /// Pause before the second time; it grows.
    pub round_pause: Duration,
    /// Whether `file://` is read.
    pub allow_file: bool,
    /// Waiting for servers.
    pub timeouts: Timeouts,
    /// Sizes.
    pub limits: Limits,
    /// The time.
    pub now: SystemTime,
}

impl MirrorOptions {
    /// Everything, over six connections, without signatures, deleting nothing.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>, origin: Origin, now: SystemTime) -> Self {
        Self {
            dir: dir.into(),
            origin,
            filter: Filter::default(),
            verify: false,
            check_repository: false,
            check_packages: false,
            keys: Keyring::default(),
            connections: 6,
            rate: None,
            delete: false,
            delete_share: 25,
            snapshots: None,
            dry_run: false,
            wait: false,
            grace: Duration::from_secs(86400),
            rounds: 3,
            round_pause: Duration::from_secs(5),
            allow_file: false,
            timeouts: Timeouts::default(),
            limits: Limits::default(),
            now,
        }
    }
}

/// What a run did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mirrored {
    /// Packages that the mirror has.
    pub packages: usize,
    /// Packages that the source has.
    pub of: usize,
    /// Packages that the source itself has elsewhere (`xml:base`); clients find them there.
    pub elsewhere: usize,
    /// Files fetched (packages; metadata are not counted).
    pub fetched: usize,
    /// Bytes of them.
    pub fetched_bytes: u64,
    /// Packages that were here.
    pub kept: usize,
    /// Packages removed, by path.
    pub deleted: Vec<String>,
    /// In a dry run, the paths of packages that would be fetched.
    pub would_fetch: Vec<String>,
    /// Revision of the source's repomd.xml.
    pub revision: String,
    /// Whether anything visible changed.
    pub changed: bool,
    /// The snapshot that was made.
    pub snapshot: Option<String>,
    /// Snapshots that were removed.
    pub removed_snapshots: Vec<String>,
    /// Patterns of names that no package matches.
    pub unmatched: Vec<String>,
    /// What whoever runs this should know.
    pub warnings: Vec<String>,
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// So many files that are here have to be read.
    Checking {
        /// Files.
        files: usize,
    },
    /// One of them was.
    Checked,
    /// What is to be fetched is known.
    Planned {
        /// Packages.
        files: usize,
        /// Bytes of them.
        bytes: u64,
    },
    /// Bytes came.
    Bytes(u64),
    /// A package is here.
    Fetched,
}

/// Is told how far a run is.
pub type Watch = Arc<dyn Fn(Step) + Send + Sync>;

/// For callers who do not watch.
#[must_use]
pub fn unwatched() -> Watch {
    Arc::new(|_| ())
}

/// Makes a mirror, or brings it up to date.
///
/// # Errors
/// What [`MirrorError`] lists. The mirror then is as it was; what has been fetched already is used by the next run.
pub async fn mirror(options: &MirrorOptions, watch: Watch) -> Result<Mirrored, MirrorError> {
    run::run(options, watch).await
}
