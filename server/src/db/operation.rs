//! What the administrator sees and sets: the queue's figures, quotas that are set, publishes that fail.

use copr_api::names::{Chroot, OwnerName};
use sqlx::Row;

use super::{Db, Error, Window, parsed};

/// What is the case now.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    /// Architecture, state and number of builds in one chroot that have not ended.
    pub queue: Vec<(String, String, i64)>,
    /// Leases that builders hold.
    pub leases: i64,
    /// Builders that hold one.
    pub builders: i64,
    /// Repositories that are to be published.
    pub tasks_waiting: i64,
    /// Those of them whose last try failed.
    pub tasks_failing: i64,
}

impl Figures {
    /// How many are in one of the states, of all architectures.
    #[must_use]
    pub fn of_state(&self, states: &[&str]) -> i64 {
        self.queue.iter().filter(|(_, state, _)| states.contains(&state.as_str())).map(|(_, _, count)| count).sum()
    }
}

/// Counts what has not ended. The claim of a task that has been done ends by itself and is not counted.
///
/// # Errors
/// The database does not answer.
pub async fn figures(db: &Db, now_ms: i64) -> Result<Figures, Error> {
    let mut figures = Figures::default();
    // In the words of an index: what has ended is a million rows.
    let sql = "SELECT arch, state, COUNT(*) AS many FROM build_chroots \
               WHERE state IN ('pending', 'waiting', 'starting', 'running', 'importing') GROUP BY arch, state";
    for row in sqlx::query(sql).fetch_all(&db.pool).await? {
        figures.queue.push((row.try_get("arch")?, row.try_get("state")?, row.try_get("many")?));
    }
    let sql = "SELECT COUNT(*) AS leases, COUNT(DISTINCT builder) AS builders FROM build_chroots \
               WHERE lease_id IS NOT NULL AND lease_until_ms >= $1";
    let row = sqlx::query(sql).bind(now_ms).fetch_one(&db.pool).await?;
    (figures.leases, figures.builders) = (row.try_get("leases")?, row.try_get("builders")?);
    let sql = "SELECT COUNT(*) AS waiting, COUNT(CASE WHEN attempts > 0 THEN 1 END) AS failing FROM tasks WHERE run_after_ms < $1";
    let row = sqlx::query(sql).bind(i64::MAX).fetch_one(&db.pool).await?;
    (figures.tasks_waiting, figures.tasks_failing) = (row.try_get("waiting")?, row.try_get("failing")?);
    Ok(figures)
}

/// A build in one chroot that has not ended.
#[derive(Debug, Clone)]
pub struct Queued {
    /// The build.
    pub build_id: i64,
    /// Who owns its project, and the project's directory.
    pub owner: OwnerName,
    /// The directory.
    pub dirname: String,
    /// The chroot's name, or `source:…` for the job that makes the source package.
    pub chroot: String,
    /// The package; empty: not known yet.
    pub package: String,
    /// The state's word.
    pub state: String,
    /// Who builds it.
    pub builder: Option<String>,
    /// How often it was leased.
    pub attempts: i64,
    /// When it was submitted.
    pub submitted_ms: i64,
}

/// What has not ended, oldest first, of one owner or of all.
///
/// # Errors
/// The database does not answer.
pub async fn queue(db: &Db, owner: Option<&OwnerName>, window: Window) -> Result<Vec<Queued>, Error> {
    let sql = "SELECT c.build_id, p.owner, b.dirname, c.chroot, b.package_name, c.state, c.builder, c.attempts, b.submitted_ms \
               FROM build_chroots c JOIN builds b ON b.id = c.build_id JOIN projects p ON p.id = b.project_id \
               WHERE c.state IN ('pending', 'waiting', 'starting', 'running', 'importing') AND ($1 = '' OR p.owner = $1) \
               ORDER BY c.build_id, c.id LIMIT $2 OFFSET $3";
    let rows = sqlx::query(sql)
        .bind(owner.map_or_else(String::new, ToString::to_string))
        .bind(window.limit_sql())
        .bind(window.offset_sql())
        .fetch_all(&db.pool)
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Queued {
                build_id: row.try_get("build_id")?,
                owner: parsed(row, "owner")?,
                dirname: row.try_get("dirname")?,
                chroot: row.try_get("chroot")?,
                package: row.try_get("package_name")?,
                state: row.try_get("state")?,
                builder: row.try_get("builder")?,
                attempts: row.try_get("attempts")?,
                submitted_ms: row.try_get("submitted_ms")?,
            })
        })
        .collect()
}

/// Takes leases of a build away (of one chroot, or of all), so that other builders get it, and gives back all its tries. The number
/// of those that wait again. What has ended stays ended: a new build is what repeats it.
///
/// # Errors
/// The database does not answer.
pub async fn requeue(db: &Db, build_id: i64, chroot: Option<&Chroot>) -> Result<u64, Error> {
    let done = sqlx::query(
        "UPDATE build_chroots SET state = 'pending', stage = NULL, message = NULL, attempts = 0, builder = NULL, \
         lease_id = NULL, lease_until_ms = NULL, started_ms = NULL WHERE build_id = $1 AND ($2 = '' OR chroot = $2) \
         AND publishing = 0 AND finished_lease IS NULL AND state IN ('pending', 'starting', 'running')",
    )
    .bind(build_id)
    .bind(chroot.map_or_else(String::new, ToString::to_string))
    .execute(&db.pool)
    .await?;
    Ok(done.rows_affected())
}

/// The builds of an owner that have not ended.
///
/// # Errors
/// The database does not answer.
pub async fn unended(db: &Db, owner: &OwnerName) -> Result<Vec<i64>, Error> {
    let sql = "SELECT DISTINCT c.build_id FROM build_chroots c JOIN builds b ON b.id = c.build_id \
               JOIN projects p ON p.id = b.project_id WHERE p.owner = $1 AND c.publishing = 0 \
               AND c.state IN ('pending', 'waiting', 'starting', 'running', 'importing') ORDER BY c.build_id";
    Ok(sqlx::query_scalar(sql).bind(owner.to_string()).fetch_all(&db.pool).await?)
}

/// Owners that have a quota of their own.
///
/// # Errors
/// The database does not answer.
pub async fn quotas(db: &Db) -> Result<Vec<(String, i64)>, Error> {
    let sql = "SELECT name, max_running FROM users WHERE max_running IS NOT NULL UNION ALL \
               SELECT '@' || name AS name, max_running FROM user_groups WHERE max_running IS NOT NULL ORDER BY name";
    let rows = sqlx::query(sql).fetch_all(&db.pool).await?;
    rows.iter().map(|row| Ok((row.try_get("name")?, row.try_get("max_running")?))).collect()
}

/// A publish that waits or runs.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// What is done, e.g. `publish`.
    pub kind: String,
    /// For which repository.
    pub key: String,
    /// How often it has failed.
    pub attempts: i64,
    /// Not before.
    pub run_after_ms: i64,
    /// Who works on it.
    pub claimed_by: Option<String>,
    /// Why the last try failed.
    pub error: Option<String>,
}

/// Publishes that wait or run, the next first.
///
/// # Errors
/// The database does not answer.
pub async fn tasks(db: &Db) -> Result<Vec<Waiting>, Error> {
    let sql = "SELECT kind, key, attempts, run_after_ms, claimed_by, error FROM tasks WHERE run_after_ms < $1 \
               ORDER BY run_after_ms, id";
    let rows = sqlx::query(sql).bind(i64::MAX).fetch_all(&db.pool).await?;
    rows.iter()
        .map(|row| {
            Ok(Waiting {
                kind: row.try_get("kind")?,
                key: row.try_get("key")?,
                attempts: row.try_get("attempts")?,
                run_after_ms: row.try_get("run_after_ms")?,
                claimed_by: row.try_get("claimed_by")?,
                error: row.try_get("error")?,
            })
        })
        .collect()
}

/// Makes publishes that have failed due now; of one repository, or all. How many.
///
/// # Errors
/// The database does not answer.
pub async fn retry(db: &Db, key: Option<&str>, now_ms: i64) -> Result<u64, Error> {
    let sql = "UPDATE tasks SET run_after_ms = $1 WHERE attempts > 0 AND run_after_ms > $1 AND run_after_ms < $2 \
               AND ($3 = '' OR key = $3)";
    let done = sqlx::query(sql).bind(now_ms).bind(i64::MAX).bind(key.unwrap_or_default().to_owned()).execute(&db.pool);
    Ok(done.await?.rows_affected())
}
