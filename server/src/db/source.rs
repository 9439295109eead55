//! The job that makes a build's source package: what its end means for the chroots that wait for it.

use copr_api::v3::BuildState;
use sqlx::{Any, Row, Transaction, any::AnyRow};

use super::{
    Db, Error,
    build::{Pending, Srpm},
    lease::{Held, Taken, lock_build},
    parsed, truth,
};

/// What became of a source package that was handed in.
pub enum Made {
    /// It is the build's, and its chroots can be leased, once this is committed.
    Yes(Pending),
    /// Neither: see there.
    No(Taken),
}

/// Ends a lease with a source package. The caller puts it where it belongs, then commits.
///
/// # Errors
/// The database does not answer.
pub async fn finish(db: &Db, held: &Held, lease_id: &str, srpm: &Srpm, now_ms: i64) -> Result<Made, Error> {
    let mut transaction = db.begin().await?;
    if lock_build(&mut transaction, held.build_id).await? {
        return Ok(Made::No(Taken::Canceled));
    }
    let ended = sqlx::query(
        "UPDATE build_chroots SET state = 'succeeded', stage = NULL, message = NULL, lease_id = NULL, lease_until_ms = NULL, \
         finished_lease = $1, ended_ms = $2 WHERE lease_id = $1",
    )
    .bind(lease_id)
    .bind(now_ms)
    .execute(&mut *transaction)
    .await?;
    if ended.rows_affected() == 0 {
        return Ok(Made::No(Taken::Lost));
    }
    sqlx::query(
        "UPDATE builds SET source_name = $1, source_sha256 = $2, source_size = $3, package_name = $4, package_version = $5 \
         WHERE id = $6",
    )
    .bind(srpm.file.name.as_str())
    .bind(srpm.file.sha256.as_str())
    .bind(i64::try_from(srpm.file.size).unwrap_or(i64::MAX))
    .bind(srpm.package_name.as_str())
    .bind(srpm.package_version.as_str())
    .bind(held.build_id)
    .execute(&mut *transaction)
    .await?;
    sqlx::query("UPDATE build_chroots SET state = 'pending' WHERE build_id = $1 AND state = 'waiting'")
        .bind(held.build_id)
        .execute(&mut *transaction)
        .await?;
    Ok(Made::Yes(Pending { transaction, id: held.build_id }))
}

/// After a job's end: if it was a source's, and there will be none, what waits for it ends too.
pub(super) async fn end_waiting(
    transaction: &mut Transaction<'_, Any>,
    ended: &AnyRow,
    now_ms: i64,
) -> Result<(), Error> {
    if !truth(ended, "source")? {
        return Ok(());
    }
    let build_id: i64 = ended.try_get("build_id")?;
    let row = sqlx::query("SELECT state, message FROM build_chroots WHERE build_id = $1 AND source = 1")
        .bind(build_id)
        .fetch_one(&mut **transaction)
        .await?;
    let (state, message): (BuildState, Option<String>) = (parsed(&row, "state")?, row.try_get("message")?);
    if !state.is_final() {
        return Ok(());
    }
    let message = message.map(|message| format!("The source package could not be made: {message}"));
    sqlx::query(
        "UPDATE build_chroots SET state = $1, message = $2, ended_ms = $3 WHERE build_id = $4 AND state = 'waiting'",
    )
    .bind(state.as_str())
    .bind(message)
    .bind(now_ms)
    .bind(build_id)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}
