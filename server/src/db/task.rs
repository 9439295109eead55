//! Short work that must happen, each piece idempotent: publishing a repository.
//!
//! A task is queued in the transaction that makes it needed. One that is queued again before it has run is still one task; one
//! that is queued again *while* it runs, runs once more (its generation moved on). After it has run its row stays claimed for a
//! while, so that what is queued again soon gathers in it.

use std::{fmt, str::FromStr};

use copr_api::names::{Chroot, DirName, NameError, OwnerName, ProjectName};
use sqlx::{Any, Row, Transaction, any::AnyRow};

use super::{Db, Error, event, parsed, truth};

/// Names one repository: `owner/dirname/chroot`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RepositoryKey {
    /// The project's owner.
    pub owner: OwnerName,
    /// The directory.
    pub dirname: DirName,
    /// The chroot.
    pub chroot: Chroot,
}

impl fmt::Display for RepositoryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.owner, self.dirname, self.chroot)
    }
}

impl FromStr for RepositoryKey {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let mut parts = text.splitn(3, '/');
        let mut part = || parts.next().unwrap_or_default();
        Ok(Self { owner: part().parse()?, dirname: part().parse()?, chroot: part().parse()? })
    }
}

/// A claimed task.
#[derive(Debug, Clone)]
pub struct Task {
    /// Number.
    pub id: i64,
    /// The repository to publish.
    pub repository: RepositoryKey,
    /// How often it was queued.
    pub generation: i64,
    /// How often it failed since it was queued last.
    pub attempts: i64,
    /// The metadata are to hold all that was ever built, whatever they hold now.
    pub everything: bool,
}

/// A task as its project's people and the administrator see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    /// Number.
    pub id: i64,
    /// The repository to publish.
    pub repository: RepositoryKey,
    /// How often it failed since it was queued last.
    pub attempts: i64,
    /// Why it failed the last time.
    pub error: Option<String>,
    /// When it is tried next, milliseconds since 1970; it may be past.
    pub next_ms: i64,
    /// A server is at work on it.
    pub running: bool,
}

const PUBLISH: &str = "publish";
/// Finding out what a change of a repository means for those who need it.
const DEPENDENTS: &str = "dependents";
/// `run_after_ms` of a task that has been done and only waits for its claim to end.
const NEVER: i64 = i64::MAX;

/// Queues the publish of one repository.
pub(super) async fn enqueue_publish(
    transaction: &mut Transaction<'_, Any>,
    repository: &RepositoryKey,
    now_ms: i64,
) -> Result<(), Error> {
    enqueue_as(transaction, PUBLISH, repository, now_ms).await
}

async fn enqueue_as(
    transaction: &mut Transaction<'_, Any>,
    kind: &str,
    repository: &RepositoryKey,
    now_ms: i64,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO tasks (kind, key, run_after_ms) VALUES ($1, $2, $3) ON CONFLICT (kind, key) DO UPDATE SET \
         generation = tasks.generation + 1, attempts = 0, run_after_ms = excluded.run_after_ms",
    )
    .bind(kind)
    .bind(repository.to_string())
    .bind(now_ms)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// Queues the publish of one repository: its builds, its comps or its project's mode have changed.
///
/// # Errors
/// The database does not answer.
pub async fn enqueue(db: &Db, repository: &RepositoryKey, now_ms: i64) -> Result<(), Error> {
    let mut transaction = db.begin().await?;
    enqueue_publish(&mut transaction, repository, now_ms).await?;
    Ok(transaction.commit().await?)
}

/// Queues the publish of all that was ever built in one repository, whatever its metadata hold now: "regenerate". In a project that
/// publishes only when it is asked to, this is the asking.
///
/// # Errors
/// The database does not answer.
pub async fn regenerate(db: &Db, repository: &RepositoryKey, now_ms: i64) -> Result<(), Error> {
    let mut transaction = db.begin().await?;
    enqueue_everything(&mut transaction, repository, now_ms).await?;
    Ok(transaction.commit().await?)
}

/// The same within a transaction.
pub(super) async fn enqueue_everything(
    transaction: &mut Transaction<'_, Any>,
    repository: &RepositoryKey,
    now_ms: i64,
) -> Result<(), Error> {
    enqueue_publish(transaction, repository, now_ms).await?;
    sqlx::query("UPDATE tasks SET everything = 1 WHERE kind = $1 AND key = $2")
        .bind(PUBLISH)
        .bind(repository.to_string())
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

/// Claims the publish that is due longest.
///
/// # Errors
/// The database does not answer.
pub async fn claim(db: &Db, server: &str, now_ms: i64, until_ms: i64) -> Result<Option<Task>, Error> {
    claim_as(db, PUBLISH, server, now_ms, until_ms).await
}

/// Claims the look at a repository's dependents that is due longest.
///
/// # Errors
/// The database does not answer.
pub async fn claim_dependents(db: &Db, server: &str, now_ms: i64, until_ms: i64) -> Result<Option<Task>, Error> {
    claim_as(db, DEPENDENTS, server, now_ms, until_ms).await
}

async fn claim_as(db: &Db, kind: &str, server: &str, now_ms: i64, until_ms: i64) -> Result<Option<Task>, Error> {
    let sql = db.claim(
        "UPDATE tasks SET claimed_by = $1, claimed_until_ms = $2 WHERE claimed_until_ms < $3 AND id = (SELECT id FROM tasks \
         WHERE kind = $4 AND claimed_until_ms < $3 AND run_after_ms <= $3 ORDER BY run_after_ms, id LIMIT 1) RETURNING *",
        "UPDATE tasks SET claimed_by = $1, claimed_until_ms = $2 WHERE claimed_until_ms < $3 AND id = (SELECT id FROM tasks \
         WHERE kind = $4 AND claimed_until_ms < $3 AND run_after_ms <= $3 ORDER BY run_after_ms, id LIMIT 1 \
         FOR UPDATE SKIP LOCKED) RETURNING *",
    );
    let row = sqlx::query(sql).bind(server).bind(until_ms).bind(now_ms).bind(kind).fetch_optional(&db.pool).await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Task {
        id: row.try_get("id")?,
        repository: parsed(&row, "key")?,
        generation: row.try_get("generation")?,
        attempts: row.try_get("attempts")?,
        everything: truth(&row, "everything")?,
    }))
}

/// Keeps a claim while its work takes long.
///
/// # Errors
/// The database does not answer.
pub async fn renew(db: &Db, task: &Task, server: &str, until_ms: i64) -> Result<(), Error> {
    sqlx::query("UPDATE tasks SET claimed_until_ms = $1 WHERE id = $2 AND claimed_by = $3")
        .bind(until_ms)
        .bind(task.id)
        .bind(server)
        .execute(&db.pool)
        .await?;
    Ok(())
}

/// Takes a publish off the queue as [`done`] does, tells of it, and has its dependents looked at.
///
/// # Errors
/// The database does not answer.
pub async fn published(db: &Db, task: &Task, quiet_until_ms: i64, now_ms: i64) -> Result<(), Error> {
    let mut transaction = db.begin().await?;
    done_within(&mut transaction, task, quiet_until_ms).await?;
    event::published(&mut transaction, &task.repository, now_ms).await?;
    if event::is_own(&task.repository.dirname) {
        enqueue_as(&mut transaction, DEPENDENTS, &task.repository, now_ms).await?;
    }
    Ok(transaction.commit().await?)
}

/// Takes a task off the queue, unless it was queued again meanwhile: then it becomes due. Until `quiet_until_ms` nobody can claim
/// it, and whatever is queued for the same repository joins it.
///
/// # Errors
/// The database does not answer.
pub async fn done(db: &Db, task: &Task, quiet_until_ms: i64) -> Result<(), Error> {
    let mut transaction = db.begin().await?;
    done_within(&mut transaction, task, quiet_until_ms).await?;
    Ok(transaction.commit().await?)
}

async fn done_within(transaction: &mut Transaction<'_, Any>, task: &Task, quiet_until_ms: i64) -> Result<(), Error> {
    sqlx::query(
        "UPDATE tasks SET claimed_by = NULL, claimed_until_ms = $1, attempts = 0, error = NULL, \
         everything = CASE WHEN generation = $2 THEN 0 ELSE everything END, \
         run_after_ms = CASE WHEN generation = $2 THEN $3 ELSE run_after_ms END WHERE id = $4",
    )
    .bind(quiet_until_ms)
    .bind(task.generation)
    .bind(NEVER)
    .bind(task.id)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// When the next publish can be claimed, and takes away those that are done for good. `None`: there is none.
///
/// # Errors
/// The database does not answer.
pub async fn next_due(db: &Db, now_ms: i64) -> Result<Option<i64>, Error> {
    sqlx::query("DELETE FROM tasks WHERE run_after_ms = $1 AND claimed_until_ms < $2")
        .bind(NEVER)
        .bind(now_ms)
        .execute(&db.pool)
        .await?;
    let sql = "SELECT MIN(CASE WHEN claimed_until_ms >= run_after_ms THEN claimed_until_ms + 1 ELSE run_after_ms END) FROM tasks \
               WHERE run_after_ms < $1 AND kind = $2";
    Ok(sqlx::query_scalar(sql).bind(NEVER).bind(PUBLISH).fetch_one(&db.pool).await?)
}

/// Notes that a task failed, and when it is tried again.
///
/// # Errors
/// The database does not answer.
pub async fn failed(db: &Db, task: &Task, error: &str, run_after_ms: i64) -> Result<(), Error> {
    sqlx::query(
        "UPDATE tasks SET claimed_by = NULL, claimed_until_ms = 0, attempts = attempts + 1, error = $1, \
         run_after_ms = CASE WHEN generation = $2 THEN $3 ELSE run_after_ms END WHERE id = $4",
    )
    .bind(error)
    .bind(task.generation)
    .bind(run_after_ms)
    .bind(task.id)
    .execute(&db.pool)
    .await?;
    Ok(())
}

/// Frees the claims of a server that has died: called when that server starts.
///
/// # Errors
/// The database does not answer.
pub async fn release(db: &Db, server: &str) -> Result<(), Error> {
    sqlx::query("UPDATE tasks SET claimed_by = NULL, claimed_until_ms = 0 WHERE claimed_by = $1")
        .bind(server)
        .execute(&db.pool)
        .await?;
    Ok(())
}

/// How many publishes wait or run.
///
/// # Errors
/// The database does not answer.
pub async fn count(db: &Db) -> Result<i64, Error> {
    Ok(sqlx::query_scalar("SELECT COUNT(*) FROM tasks WHERE run_after_ms < $1 AND kind = $2")
        .bind(NEVER)
        .bind(PUBLISH)
        .fetch_one(&db.pool)
        .await?)
}

fn queued(row: &AnyRow, now_ms: i64) -> Result<Queued, Error> {
    let claimed_until: i64 = row.try_get("claimed_until_ms")?;
    let next: i64 = row.try_get("run_after_ms")?;
    Ok(Queued {
        id: row.try_get("id")?,
        repository: parsed(row, "key")?,
        attempts: row.try_get("attempts")?,
        error: row.try_get("error")?,
        next_ms: next,
        running: claimed_until >= now_ms && row.try_get::<Option<String>, _>("claimed_by")?.is_some(),
    })
}

/// All tasks that wait or run, the next one first.
///
/// # Errors
/// The database does not answer.
pub async fn list(db: &Db, now_ms: i64) -> Result<Vec<Queued>, Error> {
    sqlx::query("SELECT * FROM tasks WHERE kind = $1 AND run_after_ms < $2 ORDER BY run_after_ms, id")
        .bind(PUBLISH)
        .bind(NEVER)
        .fetch_all(&db.pool)
        .await?
        .iter()
        .map(|row| queued(row, now_ms))
        .collect()
}

/// The tasks that wait or run for a project's repositories: why a build is not published yet, and when it is tried again.
///
/// # Errors
/// The database does not answer.
pub async fn troubles(db: &Db, owner: &OwnerName, project: &ProjectName, now_ms: i64) -> Result<Vec<Queued>, Error> {
    let own = format!("{owner}/{project}/");
    let side = format!("{owner}/{project}:");
    sqlx::query(
        "SELECT * FROM tasks WHERE kind = $1 AND run_after_ms < $2 \
         AND (SUBSTR(key, 1, LENGTH($3)) = $3 OR SUBSTR(key, 1, LENGTH($4)) = $4) ORDER BY key",
    )
    .bind(PUBLISH)
    .bind(NEVER)
    .bind(own)
    .bind(side)
    .fetch_all(&db.pool)
    .await?
    .iter()
    .map(|row| queued(row, now_ms))
    .collect()
}

/// Makes tasks that wait for their next try due at once: one repository's, or all; how many.
///
/// # Errors
/// The database does not answer.
pub async fn retry_now(db: &Db, repository: Option<&RepositoryKey>, now_ms: i64) -> Result<u64, Error> {
    let done = sqlx::query(
        "UPDATE tasks SET run_after_ms = $1 WHERE kind = $2 AND run_after_ms > $1 AND run_after_ms < $3 \
         AND ($4 = '' OR key = $4)",
    )
    .bind(now_ms)
    .bind(PUBLISH)
    .bind(NEVER)
    .bind(repository.map(ToString::to_string).unwrap_or_default())
    .execute(&db.pool)
    .await?;
    Ok(done.rows_affected())
}
