//! The job that makes a build's source package: what its end means for the chroots that wait for it.

use copr_api::v3::BuildState;
use sqlx::{Any, Row, Transaction, any::AnyRow};

use super::{
    Db, Error, batch,
    build::{Pending, Srpm, Wishes},
    event, json,
    lease::{Held, Taken, lock_build},
    licence, package, parsed,
    quota::Hold,
    truth,
};

/// What became of a source package that was handed in.
pub enum Made {
    /// It is the build's, and its chroots can be leased, once this is committed.
    Yes(Pending),
    /// Neither: see there.
    No(Taken),
}

/// Ends a lease with a source package; its chroots can be leased, unless its licence waits for a decision. The caller puts it where it
/// belongs, then commits.
///
/// # Errors
/// The database does not answer.
pub async fn finish(db: &Db, held: &Held, lease_id: &str, srpm: &Srpm, now_ms: i64) -> Result<Made, Error> {
    let mut transaction = db.begin().await?;
    if lock_build(&mut transaction, held.build_id).await? {
        return Ok(Made::No(Taken::Canceled));
    }
    let hold = Hold::take(&mut transaction, db, &held.owner).await?;
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
    if let Err(exceeded) = hold.fits(&mut transaction).await? {
        return Ok(Made::No(Taken::Full(exceeded)));
    }
    let of = sqlx::query("SELECT project_id, source_method, wishes FROM builds WHERE id = $1")
        .bind(held.build_id)
        .fetch_one(&mut *transaction)
        .await?;
    let method: Option<String> = of.try_get("source_method")?;
    let method = method.map(|text| json("source_method", text)).transpose()?;
    let project_id = of.try_get("project_id")?;
    package::ensure(&mut transaction, project_id, &srpm.package_name, method.as_ref(), now_ms).await?;
    let wishes: Wishes = json("wishes", of.try_get("wishes")?)?;
    if !wishes.chroots_named {
        leave_out(&mut transaction, held.build_id, project_id, &srpm.package_name, now_ms).await?;
    }
    licence::note(&mut transaction, held.build_id, srpm.licence.as_ref()).await?;
    if !licence::waits(srpm.licence.as_ref()) {
        sqlx::query("UPDATE build_chroots SET state = 'pending' WHERE build_id = $1 AND state = 'waiting'")
            .bind(held.build_id)
            .execute(&mut *transaction)
            .await?;
    }
    event::ended(&mut transaction, held.id, now_ms).await?;
    Ok(Made::Yes(Pending { transaction, id: held.build_id }))
}

/// Skips what a package is not built for, now that it is known which package it is.
async fn leave_out(
    transaction: &mut Transaction<'_, Any>,
    build_id: i64,
    project_id: i64,
    name: &str,
    now_ms: i64,
) -> Result<(), Error> {
    let Some(of) = package::find(&mut **transaction, project_id, name).await? else { return Ok(()) };
    if of.chroot_denylist.is_empty() {
        return Ok(());
    }
    let left_out = of.leaves_out();
    let waiting = sqlx::query("SELECT id, chroot FROM build_chroots WHERE build_id = $1 AND state = 'waiting'")
        .bind(build_id)
        .fetch_all(&mut **transaction)
        .await?;
    for row in &waiting {
        if left_out(&parsed(row, "chroot")?) {
            sqlx::query("UPDATE build_chroots SET state = 'skipped', message = $1, ended_ms = $2 WHERE id = $3")
                .bind(format!("The package {name} is not built for this chroot: its denylist says so."))
                .bind(now_ms)
                .bind(row.try_get::<i64, _>("id")?)
                .execute(&mut **transaction)
                .await?;
        }
    }
    // Perhaps there is nothing left to do.
    batch::release(transaction, build_id).await
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
    let ended: Vec<i64> = sqlx::query_scalar(
        "UPDATE build_chroots SET state = $1, message = $2, ended_ms = $3 WHERE build_id = $4 AND state = 'waiting' RETURNING id",
    )
    .bind(state.as_str())
    .bind(message)
    .bind(now_ms)
    .bind(build_id)
    .fetch_all(&mut **transaction)
    .await?;
    for id in ended {
        event::ended(transaction, id, now_ms).await?;
    }
    Ok(())
}
