//! Builds that are taken away, with all that they left.

use std::collections::BTreeSet;

use copr_api::names::{DirName, OwnerName};
use sqlx::{Any, Row, Transaction};

use super::{
    build_chroot, chroot_of,
    read::{AT_ONCE, places},
};
use crate::db::{Db, Error, lease::lock_build, parsed, quota, removal, task::RepositoryKey};

/// Why nothing was deleted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refused {
    /// Builds that do not exist.
    pub missing: Vec<i64>,
    /// Builds that have not ended, or are evidence: they were taken down.
    pub running: Vec<i64>,
}

impl Refused {
    fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.running.is_empty()
    }
}

/// Deletes builds, all or none: their rows at once; their packages leave the metadata with the next publish of each repository, their
/// files are noted to go after `due_ms`.
///
/// # Errors
/// The database does not answer.
pub async fn delete(db: &Db, ids: &[i64], due_ms: i64, now_ms: i64) -> Result<Result<(), Refused>, Error> {
    let mut ids = ids.to_vec();
    // Whoever else deletes some of them takes the locks in the same order.
    ids.sort_unstable();
    ids.dedup();
    let mut transaction = db.begin().await?;
    let mut refused = Refused::default();
    for &id in &ids {
        lock_build(&mut transaction, id).await?;
        match is_running(&mut transaction, id).await? {
            None => refused.missing.push(id),
            Some(true) => refused.running.push(id),
            Some(false) => {}
        }
    }
    if !refused.is_empty() {
        return Ok(Err(refused));
    }
    delete_locked(&mut transaction, db, &ids, due_ms, now_ms).await?;
    transaction.commit().await?;
    Ok(Ok(()))
}

/// The same within a transaction, of builds that have ended and are locked.
pub(in crate::db) async fn delete_locked(
    transaction: &mut Transaction<'_, Any>,
    db: &Db,
    ids: &[i64],
    due_ms: i64,
    now_ms: i64,
) -> Result<(), Error> {
    for owner in owners(transaction, ids).await? {
        quota::wait(transaction, db.dialect, &owner).await?;
    }
    for &id in ids {
        remove(transaction, id, due_ms, now_ms).await?;
    }
    for some in ids.chunks(AT_ONCE) {
        let places = places(1, some.len());
        // The packages first, many at once: one by one they are slow to be counted. Only places were put into the text.
        for sql in [
            format!(
                "DELETE FROM results WHERE build_chroot_id IN (SELECT id FROM build_chroots WHERE build_id IN ({places}))"
            ),
            format!("DELETE FROM builds WHERE id IN ({places})"),
        ] {
            let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
            for id in some {
                query = query.bind(*id);
            }
            query.execute(&mut **transaction).await?;
        }
    }
    Ok(())
}

/// Whose these builds are, by name.
async fn owners(transaction: &mut Transaction<'_, Any>, ids: &[i64]) -> Result<BTreeSet<OwnerName>, Error> {
    let mut owners = BTreeSet::new();
    for some in ids.chunks(AT_ONCE) {
        let sql = format!(
            "SELECT DISTINCT p.owner FROM builds b JOIN projects p ON p.id = b.project_id WHERE b.id IN ({})",
            places(1, some.len())
        );
        // Only places were put into the text.
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
        for id in some {
            query = query.bind(*id);
        }
        for row in &query.fetch_all(&mut **transaction).await? {
            owners.insert(parsed(row, "owner")?);
        }
    }
    Ok(owners)
}

/// Whether a build has not ended, or was taken down; `None`: there is none.
async fn is_running(transaction: &mut Transaction<'_, Any>, id: i64) -> Result<Option<bool>, Error> {
    let running: Option<i64> = sqlx::query_scalar(
        "SELECT CASE WHEN EXISTS (SELECT 1 FROM build_chroots c WHERE c.build_id = b.id AND (c.lease_id IS NOT NULL \
         OR c.publishing = 1 OR c.state NOT IN ('succeeded', 'failed', 'canceled', 'skipped', 'forked'))) \
         OR EXISTS (SELECT 1 FROM takedowns d JOIN projects p ON p.id = b.project_id WHERE d.owner = p.owner AND d.project = p.name \
         AND d.build_id IN (0, b.id) AND d.restored_ms IS NULL) THEN 1 ELSE 0 END FROM builds b WHERE b.id = $1",
    )
    .bind(id)
    .fetch_optional(&mut **transaction)
    .await?;
    Ok(running.map(|running| running != 0))
}

/// Notes that what one build left is to go.
async fn remove(transaction: &mut Transaction<'_, Any>, id: i64, due_ms: i64, now_ms: i64) -> Result<(), Error> {
    let row = sqlx::query(
        "SELECT p.owner, b.dirname, b.package_name FROM builds b JOIN projects p ON p.id = b.project_id WHERE b.id = $1",
    )
    .bind(id)
    .fetch_one(&mut **transaction)
    .await?;
    let (owner, dirname): (OwnerName, DirName) = (parsed(&row, "owner")?, parsed(&row, "dirname")?);
    let folder = format!("{id:08}-{}", row.try_get::<String, _>("package_name")?);
    let jobs =
        sqlx::query("SELECT * FROM build_chroots WHERE build_id = $1").bind(id).fetch_all(&mut **transaction).await?;
    for job in &jobs {
        let (chroot, source) = chroot_of(job)?;
        let job = build_chroot(job)?;
        // One that never began has no folder.
        if !source && (job.started_ms.is_some() || job.finished_lease.is_some()) {
            let repository = RepositoryKey { owner: owner.clone(), dirname: dirname.clone(), chroot };
            removal::enqueue(transaction, &repository, &folder, due_ms, now_ms).await?;
        }
    }
    removal::enqueue_source(transaction, &owner, &dirname, id, due_ms).await
}
