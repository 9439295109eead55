//! Builds and their chroots, as pages and clients see them. What changes a build-chroot's state is in [`super::lease`].

use std::collections::HashMap;

use copr_api::{
    builder::{ResultFile, Rpmlint, SourceFile, SourceMethod},
    names::{Chroot, DirName, OwnerName, ProjectName},
    v3::BuildState,
};
use serde::{Deserialize, Serialize};
use sqlx::{Any, Row, Transaction, any::AnyRow};

use super::{Db, Error, Window, json, parsed, to_json, truth};

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
    /// When it came in, milliseconds since 1970.
    pub submitted_ms: i64,
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
}

/// Which builds a list has.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only this project's.
    pub project_id: Option<i64>,
    /// Only of this package.
    pub package_name: Option<String>,
    /// Only of projects on the front page.
    pub listed_only: bool,
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
        submitted_ms: row.try_get("submitted_ms")?,
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

/// A build whose row is written and not yet committed: nobody sees it before [`Pending::commit`].
pub struct Pending {
    pub(super) transaction: Transaction<'static, Any>,
    /// The number that it will have.
    pub id: i64,
}

impl Pending {
    /// Makes the build visible and leasable.
    ///
    /// # Errors
    /// The database does not answer: there is no build then.
    pub async fn commit(self) -> Result<(), Error> {
        Ok(self.transaction.commit().await?)
    }
}

/// Writes a new build: each chroot `pending`, or `waiting` for the job that makes the source. The caller puts the source where it
/// belongs, then commits.
///
/// # Errors
/// The database does not answer.
pub async fn add(db: &Db, new: &NewBuild, now_ms: i64) -> Result<Pending, Error> {
    let (srpm, made) = match &new.source {
        NewSource::Srpm(srpm) => (Some(srpm), None),
        NewSource::Made { method, machine } => (None, Some((to_json("source_method", method)?, machine))),
    };
    let file = srpm.map(|srpm| &srpm.file);
    let mut transaction = db.begin().await?;
    let id: i64 = sqlx::query_scalar(
        "INSERT INTO builds (project_id, dirname, submitter, source_name, source_sha256, source_size, package_name, \
         package_version, timeout, enable_net, background, submitted_ms, source_method, wishes) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) RETURNING id",
    )
    .bind(new.project_id)
    .bind(new.dirname.as_str())
    .bind(new.submitter.as_str())
    .bind(file.map_or("", |file| &file.name))
    .bind(file.map_or("", |file| &file.sha256))
    .bind(file.map_or(0, |file| i64::try_from(file.size).unwrap_or(i64::MAX)))
    .bind(srpm.map_or("", |srpm| &srpm.package_name))
    .bind(srpm.map_or("", |srpm| &srpm.package_version))
    .bind(new.timeout)
    .bind(i64::from(new.enable_net))
    .bind(i64::from(new.background))
    .bind(now_ms)
    .bind(made.as_ref().map(|(method, _)| method.as_str()))
    .bind(to_json("wishes", &new.wishes)?)
    .fetch_one(&mut *transaction)
    .await?;
    let state = if made.is_some() { BuildState::Waiting } else { BuildState::Pending };
    let job = made.map(|(_, machine)| (source_word(machine), machine.arch(), true, BuildState::Pending));
    let chroots = new.chroots.iter().map(|chroot| (chroot.to_string(), chroot.arch(), false, state));
    for (chroot, arch, source, state) in job.into_iter().chain(chroots) {
        sqlx::query(
            "INSERT INTO build_chroots (build_id, chroot, arch, background, state, source) VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(id)
        .bind(chroot)
        .bind(arch)
        .bind(i64::from(new.background))
        .bind(state.as_str())
        .bind(i64::from(source))
        .execute(&mut *transaction)
        .await?;
    }
    Ok(Pending { transaction, id })
}

/// The build of that number, with its chroots.
///
/// # Errors
/// The database does not answer.
pub async fn get(db: &Db, id: i64) -> Result<Option<Build>, Error> {
    let row = sqlx::query(
        "SELECT b.*, p.owner AS owner, p.name AS project FROM builds b JOIN projects p ON p.id = b.project_id WHERE b.id = $1",
    )
    .bind(id)
    .fetch_optional(&db.pool)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let mut found = build(&row)?;
    let jobs = sqlx::query("SELECT * FROM build_chroots WHERE build_id = $1 ORDER BY chroot")
        .bind(id)
        .fetch_all(&db.pool)
        .await?
        .iter()
        .map(build_chroot)
        .collect::<Result<_, _>>()?;
    found.set_jobs(jobs);
    Ok(Some(found))
}

/// Builds, newest first, with their chroots.
///
/// # Errors
/// The database does not answer.
pub async fn list(db: &Db, filter: &Filter, window: Window) -> Result<Vec<Build>, Error> {
    let mut builds: Vec<Build> = sqlx::query(
        "SELECT b.*, p.owner AS owner, p.name AS project FROM builds b JOIN projects p ON p.id = b.project_id \
         WHERE ($1 = 0 OR b.project_id = $1) AND ($2 = '' OR b.package_name = $2) AND ($3 = 0 OR p.unlisted = 0) \
         ORDER BY b.id DESC LIMIT $4 OFFSET $5",
    )
    .bind(filter.project_id.unwrap_or(0))
    .bind(filter.package_name.clone().unwrap_or_default())
    .bind(i64::from(filter.listed_only))
    .bind(window.limit_sql())
    .bind(window.offset_sql())
    .fetch_all(&db.pool)
    .await?
    .iter()
    .map(build)
    .collect::<Result<_, _>>()?;
    let (Some(newest), Some(oldest)) = (builds.first().map(|build| build.id), builds.last().map(|build| build.id))
    else {
        return Ok(builds);
    };
    let rows = sqlx::query(
        "SELECT c.* FROM build_chroots c JOIN builds b ON b.id = c.build_id WHERE b.id BETWEEN $1 AND $2 \
         AND ($3 = 0 OR b.project_id = $3) AND ($4 = '' OR b.package_name = $4) ORDER BY c.build_id, c.chroot",
    )
    .bind(oldest)
    .bind(newest)
    .bind(filter.project_id.unwrap_or(0))
    .bind(filter.package_name.clone().unwrap_or_default())
    .fetch_all(&db.pool)
    .await?;
    let mut of_build: HashMap<i64, Vec<BuildChroot>> = HashMap::new();
    for row in &rows {
        let chroot = build_chroot(row)?;
        of_build.entry(chroot.build_id).or_default().push(chroot);
    }
    for build in &mut builds {
        build.set_jobs(of_build.remove(&build.id).unwrap_or_default());
    }
    Ok(builds)
}

/// The package files that a build made, in all its chroots, by chroot and file name.
///
/// # Errors
/// The database does not answer.
pub async fn packages(db: &Db, build_id: i64) -> Result<Vec<BuiltPackage>, Error> {
    sqlx::query(
        "SELECT r.* FROM results r JOIN build_chroots c ON c.id = r.build_chroot_id WHERE c.build_id = $1 \
         ORDER BY c.chroot, r.file",
    )
    .bind(build_id)
    .fetch_all(&db.pool)
    .await?
    .iter()
    .map(package)
    .collect()
}

/// The package files of one build-chroot.
///
/// # Errors
/// The database does not answer.
pub async fn packages_of_chroot(db: &Db, build_chroot_id: i64) -> Result<Vec<ResultFile>, Error> {
    sqlx::query("SELECT * FROM results WHERE build_chroot_id = $1 ORDER BY file")
        .bind(build_chroot_id)
        .fetch_all(&db.pool)
        .await?
        .iter()
        .map(|row| package(row).map(|built| built.file))
        .collect()
}

fn package(row: &AnyRow) -> Result<BuiltPackage, Error> {
    let number = |column: &'static str| -> Result<i64, Error> { Ok(row.try_get(column)?) };
    Ok(BuiltPackage {
        build_chroot_id: number("build_chroot_id")?,
        file: ResultFile {
            file: row.try_get("file")?,
            size: u64::try_from(number("size")?).unwrap_or_default(),
            sha256: row.try_get("sha256")?,
            name: row.try_get("name")?,
            epoch: u32::try_from(number("epoch")?).unwrap_or_default(),
            version: row.try_get("version")?,
            release: row.try_get("release")?,
            arch: row.try_get("arch")?,
        },
    })
}

/// How many build-chroots wait, and how many are at work: for pages.
///
/// # Errors
/// The database does not answer.
pub async fn queue_length(db: &Db) -> Result<(i64, i64), Error> {
    let row = sqlx::query(
        "SELECT COUNT(CASE WHEN state = 'pending' THEN 1 END) AS waiting, \
         COUNT(CASE WHEN state IN ('starting', 'running', 'importing') THEN 1 END) AS working FROM build_chroots \
         WHERE state IN ('pending', 'starting', 'running', 'importing')",
    )
    .fetch_one(&db.pool)
    .await?;
    Ok((row.try_get("waiting")?, row.try_get("working")?))
}
