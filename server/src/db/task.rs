//! Short work that must happen, each piece idempotent: publishing a repository.
//!
//! A task is queued in the transaction that makes it needed. One that is queued again before it has run is still one task; one
//! that is queued again *while* it runs, runs once more (its generation moved on). After it has run its row stays claimed for a
//! while, so that what is queued again soon gathers in it.

use std::{fmt, str::FromStr};

use copr_api::names::{Chroot, DirName, NameError, OwnerName};
use sqlx::{Any, Row, Transaction};

use super::{Db, Error, parsed};

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
}

const PUBLISH: &str = "publish";
/// `run_after_ms` of a task that has been done and only waits for its claim to end.
const NEVER: i64 = i64::MAX;

/// Queues the publish of one repository.
pub(super) async fn enqueue_publish(
    transaction: &mut Transaction<'_, Any>,
    repository: &RepositoryKey,
    now_ms: i64,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO tasks (kind, key, run_after_ms) VALUES ($1, $2, $3) ON CONFLICT (kind, key) DO UPDATE SET \
         generation = tasks.generation + 1, attempts = 0, run_after_ms = excluded.run_after_ms",
    )
    .bind(PUBLISH)
    .bind(repository.to_string())
    .bind(now_ms)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// Claims the task that is due longest.
///
/// # Errors
/// The database does not answer.
pub async fn claim(db: &Db, server: &str, now_ms: i64, until_ms: i64) -> Result<Option<Task>, Error> {
    let sql = db.claim(
        "UPDATE tasks SET claimed_by = $1, claimed_until_ms = $2 WHERE claimed_until_ms < $3 AND id = (SELECT id FROM tasks \
         WHERE kind = $4 AND claimed_until_ms < $3 AND run_after_ms <= $3 ORDER BY run_after_ms, id LIMIT 1) RETURNING *",
        "UPDATE tasks SET claimed_by = $1, claimed_until_ms = $2 WHERE claimed_until_ms < $3 AND id = (SELECT id FROM tasks \
         WHERE kind = $4 AND claimed_until_ms < $3 AND run_after_ms <= $3 ORDER BY run_after_ms, id LIMIT 1 \
         FOR UPDATE SKIP LOCKED) RETURNING *",
    );
    let row = sqlx::query(sql).bind(server).bind(until_ms).bind(now_ms).bind(PUBLISH).fetch_optional(&db.pool).await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Task {
        id: row.try_get("id")?,
        repository: parsed(&row, "key")?,
        generation: row.try_get("generation")?,
        attempts: row.try_get("attempts")?,
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

/// Takes a task off the queue, unless it was queued again meanwhile: then it becomes due. Until `quiet_until_ms` nobody can claim
/// it, and whatever is queued for the same repository joins it.
///
/// # Errors
/// The database does not answer.
pub async fn done(db: &Db, task: &Task, quiet_until_ms: i64) -> Result<(), Error> {
    sqlx::query(
        "UPDATE tasks SET claimed_by = NULL, claimed_until_ms = $1, attempts = 0, error = NULL, \
         run_after_ms = CASE WHEN generation = $2 THEN $3 ELSE run_after_ms END WHERE id = $4",
    )
    .bind(quiet_until_ms)
    .bind(task.generation)
    .bind(NEVER)
    .bind(task.id)
    .execute(&db.pool)
    .await?;
    Ok(())
}

/// When the next task can be claimed, and takes away those that are done for good. `None`: there is none.
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
               WHERE run_after_ms < $1";
    Ok(sqlx::query_scalar(sql).bind(NEVER).fetch_one(&db.pool).await?)
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

/// How many tasks wait or run.
///
/// # Errors
/// The database does not answer.
pub async fn count(db: &Db) -> Result<i64, Error> {
    Ok(sqlx::query_scalar("SELECT COUNT(*) FROM tasks WHERE run_after_ms < $1").bind(NEVER).fetch_one(&db.pool).await?)
}
