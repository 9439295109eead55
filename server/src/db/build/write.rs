//! A new build.

use copr_api::{
    builder::{ResultFile, SourceMethod},
    v3::BuildState,
};
use sqlx::{Any, Row as _, Transaction};

use super::{NewBuild, NewSource, read::places, source_word};
use crate::db::{
    Db, Error, batch, event, fork,
    licence::{self, Licence},
    package, project,
    quota::{Exceeded, Hold},
    task::RepositoryKey,
    to_json,
};

/// A build whose row is written and not yet committed: nobody sees it before [`Pending::commit`].
pub struct Pending {
    pub(in crate::db) transaction: Transaction<'static, Any>,
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

/// What became of a new build.
pub enum Added {
    /// It is there once this is committed.
    Yes(Pending),
    /// The build that its wish names does not exist.
    NoSuchBuild,
    /// It does not fit into what its owner may store.
    Full(Exceeded),
}

/// Writes a new build: each chroot `pending`, or `waiting` for the job that makes the source; all `waiting` for a batch that has not
/// ended, or for a decision about the licence. The caller puts the source where it belongs, then commits.
///
/// # Errors
/// The database does not answer.
pub async fn add(db: &Db, new: &NewBuild, now_ms: i64) -> Result<Added, Error> {
    let (srpm, made) = match &new.source {
        NewSource::Srpm(srpm) => (Some(srpm), None),
        NewSource::Made { method, machine } => (None, Some((method, machine))),
    };
    let mut transaction = db.begin().await?;
    let place = match new.wish {
        None => None,
        Some(wish) => match batch::join(&mut transaction, wish).await? {
            Some(place) => Some(place),
            None => return Ok(Added::NoSuchBuild),
        },
    };
    let hold = match project::by_id_within(&mut transaction, new.project_id).await? {
        Some(project) => Some(Hold::take(&mut transaction, db, &project.owner).await?),
        // The build's row will not be taken.
        None => None,
    };
    let name = srpm.map(|srpm| srpm.package_name.as_str()).or(new.package_name.as_deref()).unwrap_or_default();
    let file = srpm.map(|srpm| &srpm.file);
    let id: i64 = sqlx::query_scalar(
        "INSERT INTO builds (project_id, dirname, submitter, source_name, source_sha256, source_size, package_name, \
         package_version, timeout, enable_net, background, submitted_ms, source_method, wishes, batch_id, parts_size) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) RETURNING id",
    )
    .bind(new.project_id)
    .bind(new.dirname.as_str())
    .bind(new.submitter.as_str())
    .bind(file.map_or("", |file| &file.name))
    .bind(file.map_or("", |file| &file.sha256))
    .bind(file.map_or(0, |file| i64::try_from(file.size).unwrap_or(i64::MAX)))
    .bind(name)
    .bind(srpm.map_or("", |srpm| &srpm.package_version))
    .bind(new.timeout)
    .bind(i64::from(new.enable_net))
    .bind(i64::from(new.background))
    .bind(now_ms)
    .bind(made.map(|(method, _)| to_json("source_method", method)).transpose()?)
    .bind(to_json("wishes", &new.wishes)?)
    .bind(place.map(|place| place.batch_id))
    .bind(made.map_or(0, |(method, _)| parts_size(method)))
    .fetch_one(&mut *transaction)
    .await?;
    if let Some(hold) = hold
        && let Err(exceeded) = hold.has_room(&mut transaction).await?
    {
        return Ok(Added::Full(exceeded));
    }
    if let Some(rebuild) = new.wishes.rebuild
        && !is_first(&mut transaction, rebuild, new.project_id, id, now_ms).await?
    {
        return Ok(Added::NoSuchBuild);
    }
    if !name.is_empty() {
        package::ensure(&mut transaction, new.project_id, name, made.map(|(method, _)| method), now_ms).await?;
    }
    // What stands behind something else waits for it: the source for a batch, the chroots for the source.
    let licence = srpm.and_then(|srpm| srpm.licence.as_ref());
    licence::note(&mut transaction, id, licence).await?;
    let waits = place.is_some_and(|place| place.waits) || licence::waits(licence);
    let first = if waits { BuildState::Waiting } else { BuildState::Pending };
    let job = made.map(|(_, machine)| (source_word(machine), machine.arch(), true, first));
    let state = if made.is_some() { BuildState::Waiting } else { first };
    let chroots = new.chroots.iter().map(|chroot| (chroot.to_string(), chroot.arch(), false, state));
    for (chroot, arch, source, state) in job.into_iter().chain(chroots) {
        sqlx::query(
            "INSERT INTO build_chroots (build_id, chroot, arch, background, state, source, owner) \
             VALUES ($1, $2, $3, $4, $5, $6, (SELECT owner FROM projects WHERE id = $7))",
        )
        .bind(id)
        .bind(chroot)
        .bind(arch)
        .bind(i64::from(new.background))
        .bind(state.as_str())
        .bind(i64::from(source))
        .bind(new.project_id)
        .execute(&mut *transaction)
        .await?;
    }
    Ok(Added::Yes(Pending { transaction, id }))
}

/// Bytes of the files that a source package is made of, as far as they were uploaded.
fn parts_size(method: &SourceMethod) -> i64 {
    match method {
        SourceMethod::Spec { files, .. } => {
            let all = files.iter().fold(0_u64, |all, file| all.saturating_add(file.size));
            i64::try_from(all).unwrap_or(i64::MAX)
        }
        SourceMethod::Url { .. } | SourceMethod::Git { .. } => 0,
    }
}

/// Most packages in one statement.
const RESULTS: usize = 100;

/// Notes the packages of a build-chroot; many at once, because the database counts what is stored a statement at a time.
pub(in crate::db) async fn add_results(
    transaction: &mut Transaction<'_, Any>,
    build_chroot_id: i64,
    results: &[ResultFile],
) -> Result<(), Error> {
    for some in results.chunks(RESULTS) {
        let rows: Vec<String> = (0..some.len()).map(|row| format!("({})", places(9 * row + 1, 9))).collect();
        let sql = format!(
            "INSERT INTO results (build_chroot_id, file, size, sha256, name, epoch, version, release, arch) VALUES {}",
            rows.join(", ")
        );
        // Only places were put into the text.
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
        for result in some {
            query = query
                .bind(build_chroot_id)
                .bind(result.file.as_str())
                .bind(i64::try_from(result.size).unwrap_or(i64::MAX))
                .bind(result.sha256.as_str())
                .bind(result.name.as_str())
                .bind(i64::from(result.epoch))
                .bind(result.version.as_str())
                .bind(result.release.as_str())
                .bind(result.arch.as_str());
        }
        query.execute(&mut **transaction).await?;
    }
    Ok(())
}

/// Notes that a build is that of a rebuild; `false`: it has one.
async fn is_first(
    transaction: &mut Transaction<'_, Any>,
    rebuild: i64,
    project_id: i64,
    build_id: i64,
    now_ms: i64,
) -> Result<bool, Error> {
    let row = sqlx::query(
        "UPDATE rebuilds SET build_id = $1 WHERE id = $2 AND build_id IS NULL RETURNING package, origin, because, cause, depth",
    )
    .bind(build_id)
    .bind(rebuild)
    .fetch_optional(&mut **transaction)
    .await?;
    let Some(row) = row else { return Ok(false) };
    let Some(project) = project::by_id_within(transaction, project_id).await? else { return Ok(false) };
    let mut body = event::about(&project);
    body["build"] = build_id.into();
    for column in ["package", "origin", "because", "cause"] {
        body[column] = row.try_get::<String, _>(column)?.into();
    }
    body["depth"] = row.try_get::<i64, _>("depth")?.into();
    let new = event::New { topic: event::REBUILD, project: &project, build_id: Some(build_id), body };
    event::note(transaction, new, now_ms).await?;
    Ok(true)
}

/// Packages that were sent ready-made.
#[derive(Debug, Clone)]
pub struct NewReady {
    /// The project's number.
    pub project_id: i64,
    /// User who sends them.
    pub submitter: String,
    /// Package name of their source.
    pub package_name: String,
    /// `[epoch:]version-release` of it.
    pub package_version: String,
    /// Where they are to appear, each with the lease under whose name they lie where handed-in files are.
    pub repositories: Vec<(RepositoryKey, String)>,
    /// They.
    pub results: Vec<ResultFile>,
    /// What was found of their licence.
    pub licence: Option<Licence>,
}

/// Writes a build whose packages were sent ready-made, and which waits to be published; its number, unless they do not fit into what
/// their owner may store.
///
/// # Errors
/// [`Error::is_orphan`]: the project is gone.
pub async fn add_ready(db: &Db, new: &NewReady, now_ms: i64) -> Result<Result<i64, Exceeded>, Error> {
    let dirname = new.repositories.first().map(|(key, _)| key.dirname.to_string()).unwrap_or_default();
    let mut transaction = db.begin().await?;
    let id: i64 = sqlx::query_scalar(
        "INSERT INTO builds (project_id, dirname, submitter, source_name, source_sha256, source_size, package_name, \
         package_version, timeout, submitted_ms, uploaded) VALUES ($1, $2, $3, '', '', 0, $4, $5, 0, $6, 1) RETURNING id",
    )
    .bind(new.project_id)
    .bind(dirname)
    .bind(new.submitter.as_str())
    .bind(new.package_name.as_str())
    .bind(new.package_version.as_str())
    .bind(now_ms)
    .fetch_one(&mut *transaction)
    .await?;
    let hold = match new.repositories.first() {
        Some((repository, _)) => Some(Hold::take(&mut transaction, db, &repository.owner).await?),
        None => None,
    };
    package::ensure(&mut transaction, new.project_id, &new.package_name, None, now_ms).await?;
    licence::note(&mut transaction, id, new.licence.as_ref()).await?;
    for (repository, lease_id) in &new.repositories {
        fork::add_waiting(&mut transaction, id, repository, (lease_id, &new.results), false, now_ms).await?;
    }
    if let Some(hold) = hold
        && let Err(exceeded) = hold.fits(&mut transaction).await?
    {
        return Ok(Err(exceeded));
    }
    transaction.commit().await?;
    Ok(Ok(id))
}
