//! Builds and their chroots, as pages and clients see them. What changes a build-chroot's state is in [`super::lease`].

mod delete;
mod read;
mod write;

use copr_api::{
    builder::{ResultFile, Rpmlint, SourceFile, SourceMethod},
    names::{Chroot, DirName, OwnerName, ProjectName},
    v3::BuildState,
};
use serde::{Deserialize, Serialize};
use sqlx::{Row, any::AnyRow};

use super::{Error, batch::Wish, json, licence::Licence, parsed, truth};

pub(super) use delete::delete_locked;
pub use delete::{Refused, delete};
pub(super) use read::{AT_ONCE, package, places};
pub use read::{
    get, good_before, latest, list, monitor, monitor_of, newest_of_projects, of_numbers, packages, packages_of_chroot,
    queue_length,
};
pub(super) use write::add_results;
pub use write::{Added, NewReady, Pending, add, add_ready};

/// Before the name of the chroot whose machine makes a source package.
const SOURCE: &str = "source:";

/// What was asked for one build alone; what its project and chroot say is not in here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Wishes {
    /// Build-time repositories: URLs or `copr://owner/name`.
    pub additional_repos: Vec<String>,
    /// Packages that the buildroot has.
    pub additional_packages: Vec<String>,
    /// `--with` options.
    pub with_opts: Vec<String>,
    /// `--without` options.
    pub without_opts: Vec<String>,
    /// Memory of the machine in MiB.
    pub memory_mib: Option<u32>,
    /// Its CPUs.
    pub cpus: Option<u32>,
    /// What rpmlint's verdict means.
    pub rpmlint: Option<Rpmlint>,
    /// Whether the results are signed, in a project that signs.
    pub sign: Option<bool>,
    /// Nobody asked for it: the row of [`super::rebuild`] that did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rebuild: Option<i64>,
    /// Its chroots were named: it is built for them whatever the package's denylist says.
    pub chroots_named: bool,
}

/// One submitted source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// Number.
    pub id: i64,
    /// The project's number.
    pub project_id: i64,
    /// The project's owner.
    pub owner: OwnerName,
    /// The project's name.
    pub project: ProjectName,
    /// The directory that it builds into.
    pub dirname: DirName,
    /// User who submitted it.
    pub submitter: String,
    /// The SRPM; `None` until it is made.
    pub srpm: Option<SourceFile>,
    /// How the SRPM is made; `None`: it was uploaded.
    pub method: Option<SourceMethod>,
    /// Package name, from the SRPM's header; empty until there is one.
    pub package_name: String,
    /// `version-release`, with `epoch:` where it is not 0; empty until there is an SRPM.
    pub package_version: String,
    /// Seconds that rpmbuild may take.
    pub timeout: i64,
    /// Whether its machines have a network.
    pub enable_net: bool,
    /// What was asked for it alone.
    pub wishes: Wishes,
    /// Lower priority.
    pub background: bool,
    /// Someone asked to stop it.
    pub canceled: bool,
    /// Its packages were sent ready-made.
    pub uploaded: bool,
    /// When it came in, milliseconds since 1970.
    pub submitted_ms: i64,
    /// Its licence; `None`: there is no SRPM yet, or licences are not looked at.
    pub licence: Option<Licence>,
    /// The job that makes its SRPM; `None`: it was uploaded.
    pub source: Option<BuildChroot>,
    /// Its chroots, by name.
    pub chroots: Vec<BuildChroot>,
}

impl Build {
    /// One state from those of the chroots, or the source's while that is not there: cancelled once someone asked for it.
    #[must_use]
    pub fn state(&self) -> BuildState {
        if self.canceled {
            return BuildState::Canceled;
        }
        if let Some(source) = &self.source
            && source.state != BuildState::Succeeded
        {
            return source.state;
        }
        BuildState::of_chroots(&self.chroots.iter().map(|chroot| chroot.state).collect::<Vec<_>>())
    }

    /// What it is called: its package, or what that is to be made of.
    #[must_use]
    pub fn title(&self) -> String {
        let last = |url: &str| url.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned();
        match &self.method {
            _ if !self.package_name.is_empty() => self.package_name.clone(),
            Some(SourceMethod::Url { url }) => last(url),
            Some(SourceMethod::Spec { spec, .. }) => spec.clone(),
            Some(SourceMethod::Git { clone_url, .. }) => last(clone_url),
            None => String::new(),
        }
    }

    /// The source's job, if there is one, and the chroots.
    pub fn jobs(&self) -> impl Iterator<Item = &BuildChroot> {
        self.source.iter().chain(&self.chroots)
    }

    /// When the first job was leased, milliseconds since 1970.
    #[must_use]
    pub fn started_ms(&self) -> Option<i64> {
        self.jobs().filter_map(|job| job.started_ms).min()
    }

    /// When the last chroot ended; `None` while one has not.
    #[must_use]
    pub fn ended_ms(&self) -> Option<i64> {
        self.chroots.iter().map(|chroot| chroot.ended_ms).max_by_key(|ended| ended.unwrap_or(i64::MAX)).flatten()
    }

    /// Whether nothing more will happen: a cancelled build may still have chroots at work.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.jobs().all(|job| job.state.is_final())
    }

    /// States, stages and attempts of all jobs: a text that changes when anything of it does.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.jobs().fold(self.state().to_string(), |text, job| {
            format!("{text} {}-{}-{}", job.state, job.stage.as_deref().unwrap_or_default(), job.attempts)
        })
    }

    /// Name of its folder in a chroot's repository: `%08d-PACKAGE`.
    #[must_use]
    pub fn folder(&self) -> String {
        format!("{:08}-{}", self.id, self.package_name)
    }

    fn set_jobs(&mut self, jobs: Vec<BuildChroot>) {
        let (source, chroots) = jobs.into_iter().partition(|job| job.source);
        self.chroots = chroots;
        self.source = source.into_iter().next();
    }
}

/// One build in one chroot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildChroot {
    /// Number of this row.
    pub id: i64,
    /// The build.
    pub build_id: i64,
    /// The chroot; of a source's job, the one whose machine makes it.
    pub chroot: Chroot,
    /// It makes the source package.
    pub source: bool,
    /// Its state, in Copr's words.
    pub state: BuildState,
    /// What the builder does (`preparing`, `booting`, …) while one holds it.
    pub stage: Option<String>,
    /// Why it failed, one sentence.
    pub message: Option<String>,
    /// How often it was leased.
    pub attempts: i64,
    /// The builder that has or had it.
    pub builder: Option<String>,
    /// The lease that holds it now.
    pub lease_id: Option<String>,
    /// When that lease ends, milliseconds since 1970.
    pub lease_until_ms: Option<i64>,
    /// The last lease that handed in its end: its results are (or were) in `incoming/`.
    pub finished_lease: Option<String>,
    /// Built, not yet published.
    pub publishing: bool,
    /// When it was leased first.
    pub started_ms: Option<i64>,
    /// When it was done with, milliseconds since 1970.
    pub ended_ms: Option<i64>,
}

/// A package file that a build made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltPackage {
    /// The build-chroot's row number.
    pub build_chroot_id: i64,
    /// File and NEVRA.
    pub file: ResultFile,
    /// Fingerprint of the key that has signed it; `None`: none of its project's has.
    pub signed_by: Option<String>,
}

/// The source of a new build.
#[derive(Debug, Clone)]
pub enum NewSource {
    /// An SRPM that is there.
    Srpm(Srpm),
    /// It is to be made.
    Made {
        /// From what.
        method: SourceMethod,
        /// The chroot whose machine makes it.
        machine: Chroot,
    },
}

/// An SRPM and what its header says.
#[derive(Debug, Clone)]
pub struct Srpm {
    /// The file.
    pub file: SourceFile,
    /// Package name.
    pub package_name: String,
    /// `[epoch:]version-release`.
    pub package_version: String,
    /// What was found of its licence; `None`: licences are not looked at.
    pub licence: Option<Licence>,
}

/// What a new build needs to be known of.
#[derive(Debug, Clone)]
pub struct NewBuild {
    /// The project's number.
    pub project_id: i64,
    /// The directory.
    pub dirname: DirName,
    /// User who submits it.
    pub submitter: String,
    /// Where its source comes from.
    pub source: NewSource,
    /// Chroots to build for.
    pub chroots: Vec<Chroot>,
    /// Seconds for rpmbuild.
    pub timeout: i64,
    /// Asked for the network.
    pub enable_net: bool,
    /// What was asked for it alone.
    pub wishes: Wishes,
    /// Lower priority.
    pub background: bool,
    /// Name of the package that it is of, where that is known before there is an SRPM.
    pub package_name: Option<String>,
    /// Its place in the order of batches.
    pub wish: Option<Wish>,
}

/// The newest build of a package in a chroot.
#[derive(Debug, Clone)]
pub struct Newest {
    /// The build-chroot.
    pub job: BuildChroot,
    /// Package name.
    pub package_name: String,
    /// `[epoch:]version-release`; empty until there is an SRPM.
    pub package_version: String,
}

/// Which builds a list has.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only this project's.
    pub project_id: Option<i64>,
    /// Only of this package.
    pub package_name: Option<String>,
    /// Only in this state, as [`Build::state`] has it.
    pub state: Option<BuildState>,
    /// Only of this owner's projects.
    pub owner: Option<String>,
    /// Only of projects on the front page.
    pub listed_only: bool,
    /// Only those with lower numbers: a list goes on behind a build.
    pub below: Option<i64>,
}

fn build(row: &AnyRow) -> Result<Build, Error> {
    let method: Option<String> = row.try_get("source_method")?;
    Ok(Build {
        id: row.try_get("id")?,
        project_id: row.try_get("project_id")?,
        owner: parsed(row, "owner")?,
        project: parsed(row, "project")?,
        dirname: parsed(row, "dirname")?,
        submitter: row.try_get("submitter")?,
        srpm: Some(SourceFile {
            name: row.try_get("source_name")?,
            size: u64::try_from(row.try_get::<i64, _>("source_size")?).unwrap_or_default(),
            sha256: row.try_get("source_sha256")?,
        })
        .filter(|srpm| !srpm.name.is_empty()),
        method: method.map(|text| json("source_method", text)).transpose()?,
        package_name: row.try_get("package_name")?,
        package_version: row.try_get("package_version")?,
        timeout: row.try_get("timeout")?,
        enable_net: truth(row, "enable_net")?,
        wishes: json("wishes", row.try_get("wishes")?)?,
        background: truth(row, "background")?,
        canceled: truth(row, "canceled")?,
        uploaded: truth(row, "uploaded")?,
        submitted_ms: row.try_get("submitted_ms")?,
        licence: Licence::of(row)?,
        source: None,
        chroots: Vec::new(),
    })
}

/// The chroot of a build-chroot's row, and whether the row is a source's job.
pub(super) fn chroot_of(row: &AnyRow) -> Result<(Chroot, bool), Error> {
    let text: String = row.try_get("chroot")?;
    let bare = text.strip_prefix(SOURCE);
    match bare.unwrap_or(&text).parse() {
        Ok(chroot) => Ok((chroot, bare.is_some())),
        Err(error) => Err(Error::Corrupt { column: "chroot", reason: format!("{error}"), value: text }),
    }
}

/// What stands for a chroot in the row of a source's job.
pub(super) fn source_word(chroot: &Chroot) -> String {
    format!("{SOURCE}{chroot}")
}

pub(super) fn build_chroot(row: &AnyRow) -> Result<BuildChroot, Error> {
    let (chroot, source) = chroot_of(row)?;
    Ok(BuildChroot {
        id: row.try_get("id")?,
        build_id: row.try_get("build_id")?,
        chroot,
        source,
        state: parsed(row, "state")?,
        stage: row.try_get("stage")?,
        message: row.try_get("message")?,
        attempts: row.try_get("attempts")?,
        builder: row.try_get("builder")?,
        lease_id: row.try_get("lease_id")?,
        lease_until_ms: row.try_get("lease_until_ms")?,
        finished_lease: row.try_get("finished_lease")?,
        publishing: truth(row, "publishing")?,
        started_ms: row.try_get("started_ms")?,
        ended_ms: row.try_get("ended_ms")?,
    })
}
