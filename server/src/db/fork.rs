//! What was built once and is to be had in another project or chroot too: rows that wait to be published, as if a builder had handed
//! them in.

use std::collections::{BTreeMap, HashSet};

use copr_api::{
    builder::ResultFile,
    names::{Chroot, DirName},
};
use sqlx::{Any, Row, Transaction};

use super::{
    Db, Error, build,
    chroot::{self, ProjectChroot},
    key, parsed,
    project::{self, Project},
    quota::{self, Exceeded, Hold},
    task::{self, RepositoryKey},
};

/// One build-chroot whose packages are to appear elsewhere too.
#[derive(Debug, Clone)]
pub struct Copy {
    /// The build.
    pub build_id: i64,
    /// Its package's name.
    pub package_name: String,
    /// The chroot that it was built for.
    pub from: Chroot,
    /// The chroot that it is to appear in.
    pub to: Chroot,
    /// The lease that hands it in: its files belong into `incoming/` under this name.
    pub lease_id: String,
    /// Its packages.
    pub results: Vec<ResultFile>,
    /// SHA-256 of each of them before anybody signed it.
    pub unsigned: Vec<String>,
}

impl Copy {
    /// Name of the folder that its files lie in now, below the chroot that they were built for.
    #[must_use]
    pub fn folder(&self) -> String {
        format!("{:08}-{}", self.build_id, self.package_name)
    }
}

/// What became of a fork.
#[derive(Debug, Clone)]
pub enum Forked {
    /// The project that has it, and of each copied build its number and the number of its copy.
    Done(Box<Project>, Vec<(i64, i64)>),
    /// The project that it was to come from, or the one that was to have it, is gone.
    Gone,
    /// It does not fit into what the owner may store.
    Full(Exceeded),
}

/// Before the lease ids of copies.
const COPY: &str = "copy-";
/// So long a fork may bring its files together before its rows are there, milliseconds.
const UNDER_WAY_MS: i64 = 24 * 3600 * 1000;

/// A lease id for files that are brought together before their rows are there.
#[must_use]
pub fn new_lease() -> String {
    format!("{COPY}{}", ulid::Ulid::generate().to_string().to_lowercase())
}

/// Whether files of this lease may be those of a fork whose rows are yet to come.
#[must_use]
pub fn may_be_under_way(lease_id: &str, now_ms: i64) -> bool {
    let id = lease_id.strip_prefix(COPY).and_then(|id| ulid::Ulid::from_string(&id.to_uppercase()).ok());
    let begun = id.and_then(|id| i64::try_from(id.timestamp_ms()).ok());
    begun.is_some_and(|begun| begun.saturating_add(UNDER_WAY_MS) > now_ms)
}

/// Of each package of a project's own directory the last build that went well, for each of these pairs of chroots; without those
/// that the project `known` has already.
///
/// # Errors
/// The database does not answer.
pub async fn plan(
    db: &Db,
    source: &Project,
    pairs: &[(Chroot, Chroot)],
    known: Option<i64>,
) -> Result<Vec<Copy>, Error> {
    let rows = sqlx::query(
        "SELECT c.id, c.chroot, b.id AS build_id, b.package_name FROM build_chroots c JOIN builds b ON b.id = c.build_id \
         WHERE c.id IN (SELECT MAX(o.id) FROM build_chroots o JOIN builds p ON p.id = o.build_id \
         WHERE p.project_id = $1 AND p.dirname = $2 AND p.package_name <> '' AND o.source = 0 AND o.publishing = 0 \
         AND o.state IN ('succeeded', 'forked') AND NOT EXISTS (SELECT 1 FROM takedowns d WHERE d.build_id = p.id \
         AND d.restored_ms IS NULL) GROUP BY p.package_name, o.chroot) ORDER BY b.id, c.chroot",
    )
    .bind(source.id)
    .bind(source.name.as_str())
    .fetch_all(&db.pool)
    .await?;
    let had = match known {
        Some(target) => sums(db, target).await?,
        None => HashSet::new(),
    };
    let mut copies = Vec::new();
    for row in &rows {
        let from: Chroot = parsed(row, "chroot")?;
        let packages = key::packages(db, row.try_get("id")?).await?;
        let (results, unsigned): (Vec<ResultFile>, Vec<String>) =
            packages.into_iter().map(|package| (package.file, package.unsigned_sha256)).unzip();
        for (_, to) in pairs.iter().filter(|(of, _)| *of == from) {
            let all = unsigned.iter().all(|sum| had.contains(&(to.to_string(), sum.clone())));
            if all && !had.is_empty() {
                continue;
            }
            copies.push(Copy {
                build_id: row.try_get("build_id")?,
                package_name: row.try_get("package_name")?,
                from: from.clone(),
                to: to.clone(),
                lease_id: new_lease(),
                results: results.clone(),
                unsigned: unsigned.clone(),
            });
        }
    }
    Ok(copies)
}

/// Chroot and SHA-256 of every package in a project's own directory, as it was before it was signed.
async fn sums(db: &Db, project_id: i64) -> Result<HashSet<(String, String)>, Error> {
    sqlx::query(
        "SELECT c.chroot, COALESCE(r.unsigned_sha256, r.sha256) AS sha256 FROM results r JOIN build_chroots c ON c.id = r.build_chroot_id \
         JOIN builds b ON b.id = c.build_id JOIN projects p ON p.id = b.project_id \
         WHERE p.id = $1 AND b.dirname = p.name AND (c.state IN ('succeeded', 'forked') OR c.publishing = 1)",
    )
    .bind(project_id)
    .fetch_all(&db.pool)
    .await?
    .iter()
    .map(|row| Ok((row.try_get("chroot")?, row.try_get("sha256")?)))
    .collect()
}

/// How many packages a project has.
///
/// # Errors
/// The database does not answer.
pub async fn packages(db: &Db, project_id: i64) -> Result<i64, Error> {
    Ok(sqlx::query_scalar("SELECT COUNT(*) FROM packages WHERE project_id = $1")
        .bind(project_id)
        .fetch_one(&db.pool)
        .await?)
}

/// Puts chroots, packages and builds of a project into another one, which is made when its number is 0: all or nothing. The files of
/// all copies must be where handed-in files are. A project that was there keeps its own settings.
///
/// # Errors
/// [`Error::is_duplicate`] when a new project's name is taken.
pub async fn fork(
    db: &Db,
    source: &Project,
    target: &Project,
    copies: &[Copy],
    submitter: &str,
    now_ms: i64,
) -> Result<Forked, Error> {
    let mut transaction = db.begin().await?;
    // Both rows are held from here on: neither project goes away in the middle of it.
    let mut held = vec![source.id, target.id];
    held.sort_unstable();
    for id in held.into_iter().filter(|id| *id != 0) {
        let there =
            sqlx::query("UPDATE projects SET name = name WHERE id = $1").bind(id).execute(&mut *transaction).await?;
        if there.rows_affected() == 0 {
            return Ok(Forked::Gone);
        }
    }
    let hold = Hold::take(&mut transaction, db, &target.owner).await?;
    let target = match target.id {
        0 => project::insert(&mut transaction, db.dialect, target, now_ms).await?,
        _ => target.clone(),
    };
    add_chroots(&mut transaction, source, &target, now_ms).await?;
    sqlx::query(
        "INSERT INTO packages (project_id, name, source_type, source_dict, max_builds, timeout, chroot_denylist, created_ms) \
         SELECT $1, name, source_type, source_dict, max_builds, timeout, chroot_denylist, $2 FROM packages WHERE project_id = $3 \
         ON CONFLICT (project_id, name) DO UPDATE SET source_type = excluded.source_type, source_dict = excluded.source_dict, \
         max_builds = excluded.max_builds, timeout = excluded.timeout, chroot_denylist = excluded.chroot_denylist",
    )
    .bind(target.id)
    .bind(now_ms)
    .bind(source.id)
    .execute(&mut *transaction)
    .await?;
    let dirname = project::dirname_of(&target.name)?;
    let mut of_build: BTreeMap<i64, Vec<&Copy>> = BTreeMap::new();
    for copy in copies {
        of_build.entry(copy.build_id).or_default().push(copy);
    }
    let mut builds = Vec::new();
    for (old, copies) in of_build {
        let new: Option<i64> = sqlx::query_scalar(
            "INSERT INTO builds (project_id, dirname, submitter, source_name, source_sha256, source_size, package_name, \
             package_version, timeout, enable_net, background, submitted_ms, source_method, wishes, uploaded, licence, \
             licence_sha256, licence_state, licence_reason) SELECT $1, $2, $3, source_name, source_sha256, source_size, package_name, \
             package_version, timeout, enable_net, background, $4, source_method, wishes, uploaded, licence, licence_sha256, \
             licence_state, licence_reason FROM builds WHERE id = $5 RETURNING id",
        )
        .bind(target.id)
        .bind(dirname.as_str())
        .bind(submitter)
        .bind(now_ms)
        .bind(old)
        .fetch_optional(&mut *transaction)
        .await?;
        // It was deleted meanwhile.
        let Some(new) = new else { continue };
        for copy in copies {
            add_copy(&mut transaction, new, &target, &dirname, copy, now_ms).await?;
        }
        builds.push((old, new));
    }
    if let Err(exceeded) = hold.fits(&mut transaction).await? {
        return Ok(Forked::Full(exceeded));
    }
    transaction.commit().await?;
    Ok(Forked::Done(Box::new(target), builds))
}

/// Gives a project a chroot with the settings, and with these copies, of another one that it has; `false`: the project is gone or
/// has it already. Its owner stores nothing more by it.
///
/// # Errors
/// The database does not answer.
pub async fn branch(
    db: &Db,
    of: &Project,
    from: &Chroot,
    to: &Chroot,
    copies: &[Copy],
    now_ms: i64,
) -> Result<bool, Error> {
    let settings = chroot::get(db, of.id, from).await?.unwrap_or_else(|| ProjectChroot::new(of.id, from.clone()));
    let mut transaction = db.begin().await?;
    let there =
        sqlx::query("UPDATE projects SET name = name WHERE id = $1").bind(of.id).execute(&mut *transaction).await?;
    let had = sqlx::query("SELECT chroot FROM project_chroots WHERE project_id = $1 AND chroot = $2")
        .bind(of.id)
        .bind(to.as_str())
        .fetch_optional(&mut *transaction)
        .await?;
    if there.rows_affected() == 0 || had.is_some() {
        return Ok(false);
    }
    quota::wait(&mut transaction, db.dialect, &of.owner).await?;
    project::add_chroot(&mut transaction, of, to, now_ms).await?;
    let settings = ProjectChroot { chroot: to.clone(), comps_name: None, delete_at_ms: None, ..settings };
    chroot::write(&mut transaction, &settings).await?;
    let dirname = project::dirname_of(&of.name)?;
    for copy in copies {
        let build: Option<i64> = sqlx::query_scalar(
            "SELECT id FROM builds WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM build_chroots WHERE build_id = $1 AND chroot = $2)",
        )
        .bind(copy.build_id)
        .bind(copy.to.as_str())
        .fetch_optional(&mut *transaction)
        .await?;
        if let Some(build) = build {
            add_copy(&mut transaction, build, of, &dirname, copy, now_ms).await?;
        }
    }
    transaction.commit().await?;
    Ok(true)
}

/// Gives the target those chroots of the source that it has not, as they are there.
async fn add_chroots(
    transaction: &mut Transaction<'_, Any>,
    source: &Project,
    target: &Project,
    now_ms: i64,
) -> Result<(), Error> {
    let rows = sqlx::query(
        "SELECT * FROM project_chroots s WHERE s.project_id = $1 AND s.dropped = 0 AND s.delete_at_ms IS NULL AND NOT EXISTS \
         (SELECT 1 FROM project_chroots t WHERE t.project_id = $2 AND t.chroot = s.chroot) ORDER BY s.chroot",
    )
    .bind(source.id)
    .bind(target.id)
    .fetch_all(&mut **transaction)
    .await?;
    for row in &rows {
        let of = chroot::project_chroot(row)?;
        project::add_chroot(transaction, target, &of.chroot, now_ms).await?;
        chroot::write(transaction, &ProjectChroot { project_id: target.id, comps_name: None, ..of }).await?;
    }
    Ok(())
}

/// The row of a copy, which waits to be published.
pub(super) async fn add_copy(
    transaction: &mut Transaction<'_, Any>,
    build_id: i64,
    target: &Project,
    dirname: &DirName,
    copy: &Copy,
    now_ms: i64,
) -> Result<(), Error> {
    let repository = RepositoryKey { owner: target.owner.clone(), dirname: dirname.clone(), chroot: copy.to.clone() };
    let id = add_waiting(transaction, build_id, &repository, (&copy.lease_id, &copy.results), true, now_ms).await?;
    // Whoever gets the copy signs it with another key.
    for (result, unsigned) in copy.results.iter().zip(&copy.unsigned).filter(|(result, sum)| **sum != result.sha256) {
        sqlx::query("UPDATE results SET unsigned_sha256 = $1 WHERE build_chroot_id = $2 AND file = $3")
            .bind(unsigned.as_str())
            .bind(id)
            .bind(result.file.as_str())
            .execute(&mut **transaction)
            .await?;
    }
    Ok(())
}

/// The row of a build-chroot that waits to be published: these packages, which lie where handed-in files of that lease are. Its
/// number.
pub(super) async fn add_waiting(
    transaction: &mut Transaction<'_, Any>,
    build_id: i64,
    repository: &RepositoryKey,
    (lease_id, results): (&str, &[ResultFile]),
    forked: bool,
    now_ms: i64,
) -> Result<i64, Error> {
    let id: i64 = sqlx::query_scalar(
        "INSERT INTO build_chroots (build_id, chroot, arch, state, stage, finished_lease, publishing, forked, started_ms, owner) \
         VALUES ($1, $2, $3, 'running', 'publishing', $4, 1, $5, $6, $7) RETURNING id",
    )
    .bind(build_id)
    .bind(repository.chroot.as_str())
    .bind(repository.chroot.arch())
    .bind(lease_id)
    .bind(i64::from(forked))
    .bind(now_ms)
    .bind(repository.owner.as_str())
    .fetch_one(&mut **transaction)
    .await?;
    build::add_results(transaction, id, results).await?;
    task::enqueue_publish(transaction, repository, now_ms).await?;
    Ok(id)
}
