//! What the pages about the queue show: jobs, builders, and what was built lately.

use copr_api::{
    names::{DirName, OwnerName},
    v3::BuildState,
};
use sqlx::{Row, any::AnyRow};

use super::{Db, Error, parsed};

/// A job that waits or is at work, of a project on the front page.
#[derive(Debug, Clone)]
pub struct Job {
    /// The build.
    pub build_id: i64,
    /// The project's owner.
    pub owner: OwnerName,
    /// The directory.
    pub dirname: DirName,
    /// The package; empty: not known yet.
    pub package: String,
    /// The chroot's name, or `source:…` for the job that makes the source package.
    pub chroot: String,
    /// Its state.
    pub state: BuildState,
    /// What the builder does.
    pub stage: Option<String>,
    /// Who builds it.
    pub builder: Option<String>,
    /// When it was submitted, milliseconds since 1970.
    pub submitted_ms: i64,
    /// When it was leased first, milliseconds since 1970.
    pub started_ms: Option<i64>,
}

/// A builder that has a lease.
#[derive(Debug, Clone)]
pub struct Leases {
    /// The builder's name.
    pub builder: String,
    /// Machines at work.
    pub machines: i64,
    /// When the lease that was prolonged last ends, milliseconds since 1970.
    pub latest_ms: i64,
    /// When the first of its leases ends.
    pub earliest_ms: i64,
}

/// What a builder, or the builders for a chroot, have done in some time.
#[derive(Debug, Clone)]
pub struct Done {
    /// The builder, or the chroot.
    pub name: String,
    /// Builds in one chroot that have ended.
    pub ended: i64,
    /// Those of them that failed.
    pub failed: i64,
    /// When the last one ended, milliseconds since 1970.
    pub last_ms: i64,
    /// Their mean duration in milliseconds.
    pub mean_ms: Option<i64>,
}

/// For whom [`done`] counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum For {
    /// Each builder.
    Builder,
    /// Each chroot.
    Chroot,
}

const JOBS: &str = "SELECT c.build_id, p.owner, b.dirname, b.package_name, c.chroot, c.state, c.stage, c.builder, b.submitted_ms, \
                    c.started_ms FROM build_chroots c JOIN builds b ON b.id = c.build_id JOIN projects p ON p.id = b.project_id";

fn job(row: &AnyRow) -> Result<Job, Error> {
    Ok(Job {
        build_id: row.try_get("build_id")?,
        owner: parsed(row, "owner")?,
        dirname: parsed(row, "dirname")?,
        package: row.try_get("package_name")?,
        chroot: row.try_get("chroot")?,
        state: parsed(row, "state")?,
        stage: row.try_get("stage")?,
        builder: row.try_get("builder")?,
        submitted_ms: row.try_get("submitted_ms")?,
        started_ms: row.try_get("started_ms")?,
    })
}

/// Jobs that builders hold, those that began first.
///
/// # Errors
/// The database does not answer.
pub async fn at_work(db: &Db, limit: i64) -> Result<Vec<Job>, Error> {
    let sql = format!("{JOBS} WHERE c.lease_id IS NOT NULL AND p.unlisted = 0 ORDER BY c.started_ms, c.id LIMIT $1");
    // Nothing but the text above was put into the text.
    sqlx::query(sqlx::AssertSqlSafe(sql)).bind(limit).fetch_all(&db.pool).await?.iter().map(job).collect()
}

/// Jobs in this state, of the oldest builds.
///
/// # Errors
/// The database does not answer.
pub async fn waiting(db: &Db, state: BuildState, limit: i64) -> Result<Vec<Job>, Error> {
    // In the words of the index of what has not ended, in its order: the first rows are enough.
    let sql = format!(
        "{JOBS} WHERE c.state IN ('pending', 'waiting', 'starting', 'running', 'importing') AND c.state = $1 \
         AND p.unlisted = 0 ORDER BY c.build_id, c.id LIMIT $2"
    );
    let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(state.as_str()).bind(limit);
    query.fetch_all(&db.pool).await?.iter().map(job).collect()
}

/// The builders that have leases, by name.
///
/// # Errors
/// The database does not answer.
pub async fn leases(db: &Db) -> Result<Vec<Leases>, Error> {
    sqlx::query(
        "SELECT builder, COUNT(*) AS machines, MAX(lease_until_ms) AS latest, MIN(lease_until_ms) AS earliest \
         FROM build_chroots WHERE lease_id IS NOT NULL AND builder IS NOT NULL GROUP BY builder ORDER BY builder",
    )
    .fetch_all(&db.pool)
    .await?
    .iter()
    .map(|row| {
        Ok(Leases {
            builder: row.try_get("builder")?,
            machines: row.try_get("machines")?,
            latest_ms: row.try_get::<Option<i64>, _>("latest")?.unwrap_or_default(),
            earliest_ms: row.try_get::<Option<i64>, _>("earliest")?.unwrap_or_default(),
        })
    })
    .collect()
}

// Chroot by chroot along the index of what has ended: a week is little of a million rows.
const ENDED: &str = "FROM build_chroots WHERE chroot IN (SELECT chroot FROM project_chroots) AND ended_ms IS NOT NULL \
                     AND ended_ms >= $1";

/// What was done since then, most first.
///
/// # Errors
/// The database does not answer.
pub async fn done(db: &Db, by: For, since_ms: i64) -> Result<Vec<Done>, Error> {
    let column = match by {
        For::Builder => "builder",
        For::Chroot => "chroot",
    };
    let sql = format!(
        "SELECT {column} AS name, COUNT(*) AS ended, COUNT(CASE WHEN state = 'failed' THEN 1 END) AS failed, \
         MAX(ended_ms) AS last, CAST(AVG(ended_ms - started_ms) AS BIGINT) AS mean {ENDED} \
         AND {column} IS NOT NULL AND started_ms IS NOT NULL GROUP BY {column} ORDER BY ended DESC, name LIMIT 200"
    );
    // Only one of two column names was put into the text.
    sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(since_ms)
        .fetch_all(&db.pool)
        .await?
        .iter()
        .map(|row| {
            Ok(Done {
                name: row.try_get("name")?,
                ended: row.try_get("ended")?,
                failed: row.try_get("failed")?,
                last_ms: row.try_get("last")?,
                mean_ms: row.try_get("mean")?,
            })
        })
        .collect()
}

/// Builds in one chroot that ended, by span of time since then (counted from 0) and state.
///
/// # Errors
/// The database does not answer.
pub async fn ended(db: &Db, since_ms: i64, span_ms: i64) -> Result<Vec<(i64, BuildState, i64)>, Error> {
    let sql = format!(
        "SELECT (ended_ms - $1) / $2 AS span, state, COUNT(*) AS many {ENDED} GROUP BY span, state ORDER BY span, state"
    );
    sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(since_ms)
        .bind(span_ms)
        .fetch_all(&db.pool)
        .await?
        .iter()
        .map(|row| Ok((row.try_get("span")?, parsed(row, "state")?, row.try_get("many")?)))
        .collect()
}
