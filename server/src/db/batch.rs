//! Batches: builds that belong together, and wait for those of another batch.
//!
//! A batch is made after one that is there, and what it comes after never changes: there are no circles. Jobs of a batch that
//! waits are `waiting`; they become `pending` in the transaction that ends the last job of the batch before, however it ended.
//! Whoever joins and whoever ends take the lock of the build, then that of its batch, and so never miss one another.

use sqlx::{Any, Row, Transaction};

use super::{Db, Error, truth};

/// Jobs that have not ended, of a batch.
const UNFINISHED: &str = "SELECT 1 FROM builds e JOIN build_chroots ec ON ec.build_id = e.id \
     WHERE ec.state NOT IN ('succeeded', 'failed', 'skipped', 'canceled', 'forked') AND e.batch_id = ";
/// Jobs that wait for nothing but their batch: packages wait for their source, too, and some for a decision about their licence.
const RELEASE: &str = "UPDATE build_chroots SET state = 'pending' WHERE state = 'waiting' AND (source = 1 OR NOT EXISTS \
     (SELECT 1 FROM build_chroots s WHERE s.build_id = build_chroots.build_id AND s.source = 1 AND s.state <> 'succeeded')) \
     AND NOT EXISTS (SELECT 1 FROM builds r WHERE r.id = build_chroots.build_id AND r.licence_state = 'review')";

/// Where a new build is to stand in the order of batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// In the batch of this build, which gets one if it has none.
    With(i64),
    /// In a new batch after that of this build.
    After(i64),
}

/// The batch that a new build belongs to, and whether it has to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Number of the batch.
    pub batch_id: i64,
    /// A build of the batch before it has not ended.
    pub waits: bool,
}

/// Finds or makes the batch that a new build belongs to; `None`: the build that the wish names does not exist.
pub(super) async fn join(transaction: &mut Transaction<'_, Any>, wish: Wish) -> Result<Option<Place>, Error> {
    let (Wish::With(other) | Wish::After(other)) = wish;
    let Some(found) = batch_of(transaction, other).await? else { return Ok(None) };
    let of_other = match found {
        Some(batch_id) => batch_id,
        None => {
            let batch_id = make(transaction, None).await?;
            sqlx::query("UPDATE builds SET batch_id = $1 WHERE id = $2")
                .bind(batch_id)
                .bind(other)
                .execute(&mut **transaction)
                .await?;
            batch_id
        }
    };
    let before = lock(transaction, of_other).await?;
    Ok(Some(match wish {
        Wish::With(_) => {
            let waits = match before {
                Some(before) => {
                    lock(transaction, before).await?;
                    !finished(transaction, before).await?
                }
                None => false,
            };
            Place { batch_id: of_other, waits }
        }
        Wish::After(_) => {
            let waits = !finished(transaction, of_other).await?;
            Place { batch_id: make(transaction, Some(of_other)).await?, waits }
        }
    }))
}

async fn make(transaction: &mut Transaction<'_, Any>, after: Option<i64>) -> Result<i64, Error> {
    let sql = "INSERT INTO batches (after_id) VALUES ($1) RETURNING id";
    Ok(sqlx::query_scalar(sql).bind(after).fetch_one(&mut **transaction).await?)
}

/// Locks a build and tells its batch; the outer `None`: there is no such build.
async fn batch_of(transaction: &mut Transaction<'_, Any>, build_id: i64) -> Result<Option<Option<i64>>, Error> {
    let row = sqlx::query("UPDATE builds SET canceled = canceled WHERE id = $1 RETURNING batch_id")
        .bind(build_id)
        .fetch_optional(&mut **transaction)
        .await?;
    row.map(|row| Ok(row.try_get("batch_id")?)).transpose()
}

/// Locks a batch and tells the one before it.
async fn lock(transaction: &mut Transaction<'_, Any>, batch_id: i64) -> Result<Option<i64>, Error> {
    let row = sqlx::query("UPDATE batches SET after_id = after_id WHERE id = $1 RETURNING after_id")
        .bind(batch_id)
        .fetch_one(&mut **transaction)
        .await?;
    Ok(row.try_get("after_id")?)
}

async fn finished(transaction: &mut Transaction<'_, Any>, batch_id: i64) -> Result<bool, Error> {
    let sql = format!("SELECT CASE WHEN EXISTS ({UNFINISHED}$1) THEN 1 ELSE 0 END AS unfinished");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(batch_id).fetch_one(&mut **transaction).await?;
    Ok(!truth(&row, "unfinished")?)
}

/// To be called wherever a job has ended, and before a build's rows are deleted: lets those go on that wait for the build's batch,
/// when that has ended.
pub(super) async fn release(transaction: &mut Transaction<'_, Any>, build_id: i64) -> Result<(), Error> {
    let Some(Some(batch_id)) = batch_of(transaction, build_id).await? else { return Ok(()) };
    lock(transaction, batch_id).await?;
    if !finished(transaction, batch_id).await? {
        return Ok(());
    }
    let sql = format!(
        "{RELEASE} AND build_id IN (SELECT b.id FROM builds b JOIN batches n ON n.id = b.batch_id WHERE n.after_id = $1)"
    );
    sqlx::query(sqlx::AssertSqlSafe(sql)).bind(batch_id).execute(&mut **transaction).await?;
    Ok(())
}

/// Lets a locked build go on that waited for something else, unless it has to wait for its batch, too.
pub(super) async fn go_on(transaction: &mut Transaction<'_, Any>, build_id: i64) -> Result<(), Error> {
    if let Some(Some(batch_id)) = batch_of(transaction, build_id).await?
        && let Some(before) = lock(transaction, batch_id).await?
    {
        lock(transaction, before).await?;
        if !finished(transaction, before).await? {
            return Ok(());
        }
    }
    let sql = format!("{RELEASE} AND build_id = $1");
    sqlx::query(sqlx::AssertSqlSafe(sql)).bind(build_id).execute(&mut **transaction).await?;
    Ok(())
}

/// Lets those go on whose batch before is gone or has ended unseen, as when its projects were deleted; the answer is how many jobs.
///
/// # Errors
/// The database does not answer.
pub async fn sweep(db: &Db) -> Result<u64, Error> {
    let sql = format!(
        "{RELEASE} AND EXISTS (SELECT 1 FROM builds b JOIN batches n ON n.id = b.batch_id \
         WHERE b.id = build_chroots.build_id AND n.after_id IS NOT NULL AND NOT EXISTS ({UNFINISHED}n.after_id))"
    );
    Ok(sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&db.pool).await?.rows_affected())
}
