//! A build-chroot's way from `pending` to its end. Each step is one conditional UPDATE: whoever comes late changes nothing.
//!
//! `pending` → [`claim`] → `starting` → (heartbeat) `running` → finish → `failed`, `skipped`, `canceled`, or `running` and publishing
//! → `succeeded`. A lease that ends without a word, or with a machine's fault, goes back to `pending` until the attempts are used
//! up. The job that makes a source package goes the same way; what is different about it is in [`super::source`].

use copr_api::{
    builder::{ResultFile, Stage},
    names::{Chroot, DirName, OwnerName},
    v3::BuildState,
};
use sqlx::{Any, Row, Transaction};

pub use super::claim::{Limits, Takes, claim, set_max_running};
use super::{
    Db, Error, batch,
    build::{self, Wishes},
    event, json, parsed,
    quota::{Exceeded, Hold},
    source, task, truth,
};

/// A builder's claim, joined with what the calls about it need.
#[derive(Debug, Clone)]
pub struct Held {
    /// The build-chroot's row number.
    pub id: i64,
    /// The build.
    pub build_id: i64,
    /// The chroot; of a source's job, the one whose machine makes it.
    pub chroot: Chroot,
    /// It makes the source package.
    pub source: bool,
    /// The project's owner.
    pub owner: OwnerName,
    /// The directory.
    pub dirname: DirName,
    /// Package name of the source; empty while it is made.
    pub package_name: String,
    /// File name of the SRPM; empty while it is made.
    pub source_name: String,
    /// Someone asked to stop the build.
    pub canceled: bool,
    /// The lease has handed in its end: only the same end may be handed in again.
    pub finished: bool,
    /// How often it was leased.
    pub attempts: i64,
}

impl Held {
    /// The repository that its results go to.
    #[must_use]
    pub fn repository(&self) -> task::RepositoryKey {
        task::RepositoryKey { owner: self.owner.clone(), dirname: self.dirname.clone(), chroot: self.chroot.clone() }
    }

    /// Name of the build's folder in that repository.
    #[must_use]
    pub fn folder(&self) -> String {
        format!("{:08}-{}", self.build_id, self.package_name)
    }
}

/// The build-chroot that a lease holds, or whose end it handed in; `None`: the lease is no longer anyone's.
///
/// # Errors
/// The database does not answer.
pub async fn held(db: &Db, lease_id: &str) -> Result<Option<Held>, Error> {
    let row = sqlx::query(
        "SELECT c.id, c.build_id, c.chroot, c.source, c.attempts, p.owner, b.dirname, b.package_name, b.source_name, b.canceled, \
         CASE WHEN c.finished_lease = $1 THEN 1 ELSE 0 END AS finished \
         FROM build_chroots c JOIN builds b ON b.id = c.build_id JOIN projects p ON p.id = b.project_id \
         WHERE c.lease_id = $1 OR c.finished_lease = $1",
    )
    .bind(lease_id)
    .fetch_optional(&db.pool)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let (chroot, source) = build::chroot_of(&row)?;
    Ok(Some(Held {
        id: row.try_get("id")?,
        build_id: row.try_get("build_id")?,
        chroot,
        source,
        owner: parsed(&row, "owner")?,
        dirname: parsed(&row, "dirname")?,
        package_name: row.try_get("package_name")?,
        source_name: row.try_get("source_name")?,
        canceled: truth(&row, "canceled")?,
        finished: row.try_get::<i64, _>("finished")? != 0,
        attempts: row.try_get("attempts")?,
    }))
}

/// Renews a lease and notes the stage; `None`: it is lost. The value tells whether the build is to be stopped.
///
/// # Errors
/// The database does not answer.
pub async fn heartbeat(db: &Db, lease_id: &str, stage: Stage, until_ms: i64) -> Result<Option<bool>, Error> {
    let (state, word) = match stage {
        Stage::Preparing => (BuildState::Starting, "preparing"),
        Stage::Booting => (BuildState::Running, "booting"),
        Stage::Installing => (BuildState::Running, "installing"),
        Stage::Building => (BuildState::Running, "building"),
        Stage::Uploading => (BuildState::Running, "uploading"),
    };
    // Copr's word for a source that is made and on its way to the builders.
    let row = sqlx::query(
        "UPDATE build_chroots SET state = CASE WHEN source = 1 AND $2 = 'uploading' THEN 'importing' ELSE $1 END, stage = $2, \
         lease_until_ms = $3 WHERE lease_id = $4 \
         RETURNING (SELECT canceled FROM builds WHERE builds.id = build_chroots.build_id) AS canceled",
    )
    .bind(state.as_str())
    .bind(word)
    .bind(until_ms)
    .bind(lease_id)
    .fetch_optional(&db.writers)
    .await?;
    row.map(|row| truth(&row, "canceled")).transpose()
}

/// What became of a lease that ended with results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// They wait to be published.
    Yes,
    /// Someone asked to stop the build meanwhile: the lease still stands, and nothing of it is to be published.
    Canceled,
    /// They do not fit into what the owner may store: the lease still stands, and nothing of it is to be published.
    Full(Exceeded),
    /// The lease was lost meanwhile.
    Lost,
}

/// Makes everyone else wait who would cancel a build, or end it well, before this transaction ends; tells whether it is canceled.
pub(super) async fn lock_build(transaction: &mut Transaction<'_, Any>, build_id: i64) -> Result<bool, Error> {
    let row = sqlx::query("UPDATE builds SET canceled = canceled WHERE id = $1 RETURNING canceled")
        .bind(build_id)
        .fetch_optional(&mut **transaction)
        .await?;
    row.map_or(Ok(false), |row| truth(&row, "canceled"))
}

/// The same for the build of a lease, if that holds one. Whoever changes a build's jobs takes this lock first.
async fn lock_held(transaction: &mut Transaction<'_, Any>, lease_id: &str) -> Result<(), Error> {
    sqlx::query(
        "UPDATE builds SET canceled = canceled WHERE id = (SELECT build_id FROM build_chroots WHERE lease_id = $1)",
    )
    .bind(lease_id)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// Ends a lease whose build is to be published: notes the results and queues the publish, all or nothing.
///
/// # Errors
/// The database does not answer.
pub async fn finish_built(
    db: &Db,
    held: &Held,
    lease_id: &str,
    results: &[ResultFile],
    now_ms: i64,
) -> Result<Taken, Error> {
    let mut transaction = db.begin().await?;
    if lock_build(&mut transaction, held.build_id).await? {
        return Ok(Taken::Canceled);
    }
    let hold = Hold::take(&mut transaction, db, &held.owner).await?;
    let ended = sqlx::query(
        "UPDATE build_chroots SET state = 'running', stage = 'publishing', lease_id = NULL, lease_until_ms = NULL, \
         finished_lease = $1, publishing = 1 WHERE lease_id = $1",
    )
    .bind(lease_id)
    .execute(&mut *transaction)
    .await?;
    if ended.rows_affected() == 0 {
        return Ok(Taken::Lost);
    }
    sqlx::query("DELETE FROM results WHERE build_chroot_id = $1").bind(held.id).execute(&mut *transaction).await?;
    build::add_results(&mut transaction, held.id, results).await?;
    if let Err(exceeded) = hold.fits(&mut transaction).await? {
        return Ok(Taken::Full(exceeded));
    }
    task::enqueue_publish(&mut transaction, &held.repository(), now_ms).await?;
    transaction.commit().await?;
    Ok(Taken::Yes)
}

/// Ends a lease for good without results. `false`: the lease was lost meanwhile.
///
/// # Errors
/// The database does not answer.
pub async fn finish_without(
    db: &Db,
    lease_id: &str,
    state: BuildState,
    message: Option<&str>,
    now_ms: i64,
) -> Result<bool, Error> {
    let mut transaction = db.begin().await?;
    lock_held(&mut transaction, lease_id).await?;
    let ended = sqlx::query(
        "UPDATE build_chroots SET state = $1, stage = NULL, message = $2, lease_id = NULL, lease_until_ms = NULL, \
         finished_lease = $3, ended_ms = $4 WHERE lease_id = $3 RETURNING id, build_id, source",
    )
    .bind(state.as_str())
    .bind(message)
    .bind(lease_id)
    .bind(now_ms)
    .fetch_optional(&mut *transaction)
    .await?;
    if let Some(row) = &ended {
        event::ended(&mut transaction, row.try_get("id")?, now_ms).await?;
        source::end_waiting(&mut transaction, row, now_ms).await?;
        batch::release(&mut transaction, row.try_get("build_id")?).await?;
    }
    transaction.commit().await?;
    Ok(ended.is_some())
}

/// What became of a lease that ended without the package's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Returned {
    /// It waits for another builder.
    Pending,
    /// The attempts are used up.
    Failed,
    /// Someone had asked to stop it.
    Canceled,
    /// The lease was lost meanwhile.
    Lost,
}

/// Gives a lease back: `pending` again, or failed after `max_attempts`, or canceled when someone asked for it. One that ended
/// `in_good_order` was no attempt.
///
/// # Errors
/// The database does not answer.
pub async fn give_back(
    db: &Db,
    lease_id: &str,
    message: &str,
    in_good_order: bool,
    max_attempts: i64,
    now_ms: i64,
) -> Result<Returned, Error> {
    // Kept as the finished one: a builder that did not hear the answer may say so again.
    let sql = "UPDATE build_chroots SET \
         state = CASE WHEN (SELECT canceled FROM builds WHERE builds.id = build_chroots.build_id) = 1 THEN 'canceled' \
                      WHEN attempts - $5 >= $1 THEN 'failed' ELSE 'pending' END, \
         ended_ms = CASE WHEN (SELECT canceled FROM builds WHERE builds.id = build_chroots.build_id) = 1 \
                      OR attempts - $5 >= $1 THEN $2 ELSE ended_ms END, \
         stage = NULL, message = $3, lease_until_ms = NULL, finished_lease = lease_id, lease_id = NULL, \
         attempts = attempts - $5 WHERE lease_id = $4 RETURNING id, state, build_id, source";
    let mut transaction = db.begin().await?;
    lock_held(&mut transaction, lease_id).await?;
    let row = sqlx::query(sql)
        .bind(max_attempts)
        .bind(now_ms)
        .bind(message)
        .bind(lease_id)
        .bind(i64::from(in_good_order))
        .fetch_optional(&mut *transaction)
        .await?;
    returned(transaction, row, now_ms).await
}

/// Ends a transaction that gave a lease back; what waits for a source that will never be ends with it.
async fn returned(
    mut transaction: Transaction<'_, Any>,
    row: Option<sqlx::any::AnyRow>,
    now_ms: i64,
) -> Result<Returned, Error> {
    let Some(row) = row else { return Ok(Returned::Lost) };
    if parsed::<BuildState>(&row, "state")?.is_final() {
        event::ended(&mut transaction, row.try_get("id")?, now_ms).await?;
    }
    source::end_waiting(&mut transaction, &row, now_ms).await?;
    batch::release(&mut transaction, row.try_get("build_id")?).await?;
    transaction.commit().await?;
    Ok(match parsed(&row, "state")? {
        BuildState::Canceled => Returned::Canceled,
        BuildState::Failed => Returned::Failed,
        _ => Returned::Pending,
    })
}

/// Gives back every lease that ended before now; the answer has each lease's id with what became of it.
///
/// # Errors
/// The database does not answer.
pub async fn expire(db: &Db, max_attempts: i64, now_ms: i64) -> Result<Vec<(String, Returned)>, Error> {
    let rows =
        sqlx::query("SELECT lease_id, builder FROM build_chroots WHERE lease_id IS NOT NULL AND lease_until_ms < $1")
            .bind(now_ms)
            .fetch_all(&db.pool)
            .await?;
    let mut ended = Vec::with_capacity(rows.len());
    for row in rows {
        let lease_id: String = row.try_get("lease_id")?;
        let builder: Option<String> = row.try_get("builder")?;
        let message = format!("Builder {:?} was not heard of any more.", builder.unwrap_or_default());
        // Not kept as finished: whatever the silent builder still says of it is answered with "lost".
        let mut transaction = db.begin().await?;
        lock_held(&mut transaction, &lease_id).await?;
        let row = sqlx::query(
            "UPDATE build_chroots SET \
             state = CASE WHEN (SELECT canceled FROM builds WHERE builds.id = build_chroots.build_id) = 1 THEN 'canceled' \
                          WHEN attempts >= $1 THEN 'failed' ELSE 'pending' END, \
             ended_ms = CASE WHEN (SELECT canceled FROM builds WHERE builds.id = build_chroots.build_id) = 1 OR attempts >= $1 \
                          THEN $2 ELSE ended_ms END, \
             stage = NULL, message = $3, lease_until_ms = NULL, lease_id = NULL \
             WHERE lease_id = $4 AND lease_until_ms < $2 RETURNING id, state, build_id, source",
        )
        .bind(max_attempts)
        .bind(now_ms)
        .bind(message)
        .bind(lease_id.as_str())
        .fetch_optional(&mut *transaction)
        .await?;
        let returned = returned(transaction, row, now_ms).await?;
        ended.push((lease_id, returned));
    }
    Ok(ended)
}

/// Lets every lease last until then at least: after a time in which no builder could renew its own.
///
/// # Errors
/// The database does not answer.
pub async fn prolong(db: &Db, until_ms: i64) -> Result<(), Error> {
    sqlx::query("UPDATE build_chroots SET lease_until_ms = $1 WHERE lease_id IS NOT NULL AND lease_until_ms < $1")
        .bind(until_ms)
        .execute(&db.pool)
        .await?;
    Ok(())
}

/// Ids of the leases that a builder holds.
///
/// # Errors
/// The database does not answer.
pub async fn of_builder(db: &Db, builder: &str) -> Result<Vec<String>, Error> {
    Ok(sqlx::query_scalar("SELECT lease_id FROM build_chroots WHERE lease_id IS NOT NULL AND builder = $1 ORDER BY id")
        .bind(builder)
        .fetch_all(&db.pool)
        .await?)
}

/// Every lease id that still means something on disk: held, or handed in and not yet published.
///
/// # Errors
/// The database does not answer.
pub async fn with_incoming(db: &Db) -> Result<Vec<String>, Error> {
    Ok(sqlx::query_scalar(
        "SELECT lease_id FROM build_chroots WHERE lease_id IS NOT NULL AND publishing = 0 \
         UNION ALL SELECT finished_lease FROM build_chroots WHERE publishing = 1",
    )
    .fetch_all(&db.pool)
    .await?)
}

/// Asks to stop a build: what waits is canceled at once, what is leased when its builder hears of it.
/// `false`: nothing was left to stop.
///
/// # Errors
/// The database does not answer.
pub async fn cancel(db: &Db, build_id: i64, now_ms: i64) -> Result<bool, Error> {
    let mut transaction = db.begin().await?;
    let asked = cancel_within(&mut transaction, build_id, now_ms).await?;
    if asked {
        transaction.commit().await?;
    }
    Ok(asked)
}

/// The same together with other things.
pub(super) async fn cancel_within(
    transaction: &mut Transaction<'_, Any>,
    build_id: i64,
    now_ms: i64,
) -> Result<bool, Error> {
    // Whoever hands in its results at the same time comes either before, and they are seen below, or after, and sees this.
    lock_build(transaction, build_id).await?;
    let asked = sqlx::query(
        "UPDATE builds SET canceled = 1 WHERE id = $1 AND EXISTS (SELECT 1 FROM build_chroots c WHERE c.build_id = $1 \
         AND c.publishing = 0 AND c.state IN ('pending', 'starting', 'running', 'importing', 'waiting'))",
    )
    .bind(build_id)
    .execute(&mut **transaction)
    .await?;
    if asked.rows_affected() == 0 {
        return Ok(false);
    }
    let waiting = "UPDATE build_chroots SET state = 'canceled', ended_ms = $1 WHERE build_id = $2 AND state IN ('pending', 'waiting') \
                   RETURNING id";
    let ended: Vec<i64> = sqlx::query_scalar(waiting).bind(now_ms).bind(build_id).fetch_all(&mut **transaction).await?;
    for id in ended {
        event::ended(transaction, id, now_ms).await?;
    }
    batch::release(transaction, build_id).await?;
    Ok(true)
}

/// A built build-chroot that waits to be published.
#[derive(Debug, Clone)]
pub struct Built {
    /// The build-chroot's row number.
    pub id: i64,
    /// The build.
    pub build_id: i64,
    /// Package name of the source.
    pub package_name: String,
    /// The lease that handed it in: names the folder below `incoming/`.
    pub lease_id: String,
    /// Whether its packages are to be signed, in a project that signs.
    pub sign: bool,
    /// The promotion that it is part of: all of that in this repository is published together, or none.
    pub promotion_id: Option<i64>,
}

impl Built {
    /// Name of the build's folder in its repository.
    #[must_use]
    pub fn folder(&self) -> String {
        format!("{:08}-{}", self.build_id, self.package_name)
    }
}

/// All that waits to be published in one repository, oldest first.
///
/// # Errors
/// The database does not answer.
pub async fn to_publish(db: &Db, repository: &task::RepositoryKey) -> Result<Vec<Built>, Error> {
    sqlx::query(
        "SELECT c.id, c.build_id, c.finished_lease, b.package_name, b.wishes, (SELECT MIN(i.promotion_id) FROM promotion_items i \
         WHERE i.copy_id = c.build_id AND i.chroot = c.chroot) AS promotion_id \
         FROM build_chroots c JOIN builds b ON b.id = c.build_id \
         JOIN projects p ON p.id = b.project_id WHERE c.publishing = 1 AND c.chroot = $1 AND b.dirname = $2 AND p.owner = $3 \
         ORDER BY c.id",
    )
    .bind(repository.chroot.as_str())
    .bind(repository.dirname.as_str())
    .bind(repository.owner.as_str())
    .fetch_all(&db.pool)
    .await?
    .iter()
    .map(|row| {
        Ok(Built {
            id: row.try_get("id")?,
            build_id: row.try_get("build_id")?,
            package_name: row.try_get("package_name")?,
            lease_id: row.try_get("finished_lease")?,
            sign: json::<Wishes>("wishes", row.try_get("wishes")?)?.sign.unwrap_or(true),
            promotion_id: row.try_get("promotion_id")?,
        })
    })
    .collect()
}

/// Locks the build of a job that is published, and tells which it is.
async fn lock_published(transaction: &mut Transaction<'_, Any>, build_chroot_id: i64) -> Result<Option<i64>, Error> {
    let sql = "UPDATE builds SET canceled = canceled WHERE id = \
         (SELECT build_id FROM build_chroots WHERE id = $1 AND publishing = 1) RETURNING id";
    Ok(sqlx::query_scalar(sql).bind(build_chroot_id).fetch_optional(&mut **transaction).await?)
}

/// Notes that a build-chroot's packages can be downloaded.
///
/// # Errors
/// The database does not answer.
pub async fn published(db: &Db, build_chroot_id: i64, now_ms: i64) -> Result<(), Error> {
    let mut transaction = db.begin().await?;
    let Some(build_id) = lock_published(&mut transaction, build_chroot_id).await? else { return Ok(()) };
    sqlx::query(
        "UPDATE build_chroots SET state = CASE WHEN forked = 1 THEN 'forked' ELSE 'succeeded' END, stage = NULL, \
         message = NULL, publishing = 0, ended_ms = $1 WHERE id = $2 AND publishing = 1",
    )
    .bind(now_ms)
    .bind(build_chroot_id)
    .execute(&mut *transaction)
    .await?;
    event::ended(&mut transaction, build_chroot_id, now_ms).await?;
    batch::release(&mut transaction, build_id).await?;
    transaction.commit().await?;
    Ok(())
}

/// Notes that a build-chroot can never be published: its results are gone.
///
/// # Errors
/// The database does not answer.
pub async fn publish_failed(db: &Db, build_chroot_id: i64, message: &str, now_ms: i64) -> Result<(), Error> {
    let mut transaction = db.begin().await?;
    let Some(build_id) = lock_published(&mut transaction, build_chroot_id).await? else { return Ok(()) };
    sqlx::query(
        "UPDATE build_chroots SET state = 'failed', stage = NULL, message = $1, publishing = 0, ended_ms = $2 \
         WHERE id = $3 AND publishing = 1",
    )
    .bind(message)
    .bind(now_ms)
    .bind(build_chroot_id)
    .execute(&mut *transaction)
    .await?;
    event::ended(&mut transaction, build_chroot_id, now_ms).await?;
    batch::release(&mut transaction, build_id).await?;
    // Last: nobody is waited for while others wait for what the owner stores.
    sqlx::query("DELETE FROM results WHERE build_chroot_id = $1")
        .bind(build_chroot_id)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(())
}
