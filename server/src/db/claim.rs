//! How a builder gets its next job: fairly between the owners of projects.
//!
//! The order is: foreground before background; then the owner with the fewest machines at work; among those, the one who was
//! served longest ago; of its jobs sources before packages, oldest first. An owner who has as many machines as it may have is
//! passed over, so that it blocks nobody.
//!
//! Claims are made one at a time, whichever server makes them: SQLite has one writer, PostgreSQL gets a lock of its own. So each
//! sees the machines that those before it took, and no limit is passed by two that came at once. Whoever cancels or deletes at
//! the same time holds the row's lock, and such rows are skipped.

use std::collections::BTreeMap;

use copr_api::names::Chroot;
use sqlx::{Any, Row, Transaction};

use super::{
    Db, Error,
    build::{self, BuildChroot, build_chroot},
    event,
};
pub use crate::config::queue::Limits;

/// So many owners, in order, are looked at: more only if every job of theirs is being cancelled at this very moment.
const LOOK: i64 = 50;

/// Which jobs a builder takes.
#[derive(Debug, Clone, Default)]
pub struct Takes {
    /// Architectures of chroots.
    pub arches: Vec<String>,
    /// Chroots of these architectures that it does not take.
    pub refused: Vec<Chroot>,
    /// How many machines may be at work at once.
    pub limits: Limits,
}

/// What may be claimed just now: architectures, and the words of chroots that are left out.
struct Open {
    arches: Vec<String>,
    refused: Vec<String>,
}

impl Open {
    /// Numbered places for the values of [`Self::values`]: the architectures', and a condition on `c.chroot`.
    fn places(&self, mut number: usize) -> (Vec<String>, String) {
        let mut next = || {
            number += 1;
            format!("${number}")
        };
        let arches = self.arches.iter().map(|_| next()).collect();
        let refused: Vec<String> = self.refused.iter().map(|_| next()).collect();
        let but =
            if refused.is_empty() { String::new() } else { format!("AND c.chroot NOT IN ({})", refused.join(", ")) };
        (arches, but)
    }

    fn values(&self) -> impl Iterator<Item = &String> {
        self.arches.iter().chain(&self.refused)
    }
}

/// Claims the job that is next for a builder.
///
/// # Errors
/// The database does not answer.
pub async fn claim(
    db: &Db,
    lease_id: &str,
    builder: &str,
    takes: &Takes,
    now_ms: i64,
    until_ms: i64,
) -> Result<Option<BuildChroot>, Error> {
    let words = |chroots: &[Chroot]| -> Vec<String> {
        chroots.iter().flat_map(|chroot| [chroot.to_string(), build::source_word(chroot)]).collect()
    };
    let mut open = Open { arches: takes.arches.clone(), refused: words(&takes.refused) };
    open.arches.sort_unstable();
    open.arches.dedup();
    // Most calls find nothing to do: they take no lock.
    if open.arches.is_empty() || !anything(db, &open).await? {
        return Ok(None);
    }
    let mut transaction = db.begin().await?;
    if let Some(lock) = db.dialect.lock_queue() {
        sqlx::query(lock).execute(&mut *transaction).await?;
    }
    for (chroots, most) in full(&mut transaction, &takes.limits, &mut open).await? {
        tracing::debug!(most, "a tag has all the machines that it may have");
        open.refused.extend(words(chroots));
    }
    if open.arches.is_empty() {
        return Ok(None);
    }
    for background in [0, 1] {
        for (owner, arches) in next_owners(&mut transaction, &open, takes.limits.owner, background).await? {
            let Some(id) = next_job(db, &mut transaction, &open, &owner, &arches, background).await? else { continue };
            let row = sqlx::query(
                "UPDATE build_chroots SET state = 'starting', stage = NULL, message = NULL, lease_id = $1, builder = $2, \
                 lease_until_ms = $3, attempts = attempts + 1, started_ms = COALESCE(started_ms, $4) \
                 WHERE id = $5 AND state = 'pending' RETURNING *",
            )
            .bind(lease_id)
            .bind(builder)
            .bind(until_ms)
            .bind(now_ms)
            .bind(id)
            .fetch_one(&mut *transaction)
            .await?;
            sqlx::query(
                "INSERT INTO turns (owner, served_ms) VALUES ($1, $2) \
                 ON CONFLICT (owner) DO UPDATE SET served_ms = excluded.served_ms",
            )
            .bind(owner)
            .bind(now_ms)
            .execute(&mut *transaction)
            .await?;
            event::started(&mut transaction, id, now_ms).await?;
            transaction.commit().await?;
            return build_chroot(&row).map(Some);
        }
    }
    Ok(None)
}

/// Whether any job waits that a builder could take.
async fn anything(db: &Db, open: &Open) -> Result<bool, Error> {
    let (arches, but) = open.places(0);
    let sql = format!(
        "SELECT c.id FROM build_chroots c WHERE c.state = 'pending' AND c.background IN (0, 1) AND c.arch IN ({}) {but} LIMIT 1",
        arches.join(", ")
    );
    // Here and below only numbers are put into the text.
    let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
    for value in open.values() {
        query = query.bind(value);
    }
    Ok(query.fetch_optional(&db.pool).await?.is_some())
}

/// Takes out the architectures that have all the machines that they may have; the answer is the tags that have.
async fn full<'a>(
    transaction: &mut Transaction<'_, Any>,
    limits: &'a Limits,
    open: &mut Open,
) -> Result<Vec<(&'a [Chroot], i64)>, Error> {
    if limits.arches.is_empty() && limits.tags.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sqlx::query(
        "SELECT arch, chroot, COUNT(*) AS machines FROM build_chroots WHERE lease_id IS NOT NULL GROUP BY arch, chroot",
    )
    .fetch_all(&mut **transaction)
    .await?;
    let mut of_arch: BTreeMap<String, i64> = BTreeMap::new();
    let mut of_chroot: BTreeMap<Chroot, i64> = BTreeMap::new();
    for row in &rows {
        let machines: i64 = row.try_get("machines")?;
        *of_arch.entry(row.try_get("arch")?).or_default() += machines;
        *of_chroot.entry(build::chroot_of(row)?.0).or_default() += machines;
    }
    let at_work = |arch: &String| of_arch.get(arch).copied().unwrap_or_default();
    open.arches.retain(|arch| limits.arches.get(arch).is_none_or(|most| at_work(arch) < *most));
    let mut full = Vec::new();
    for (chroots, most) in &limits.tags {
        if chroots.iter().filter_map(|chroot| of_chroot.get(chroot)).sum::<i64>() >= *most {
            full.push((chroots.as_slice(), *most));
        }
    }
    Ok(full)
}

/// Owners with a job that may be claimed, in the order in which they are served, each with the architectures of such jobs.
async fn next_owners(
    transaction: &mut Transaction<'_, Any>,
    open: &Open,
    most: Option<i64>,
    background: i64,
) -> Result<Vec<(String, Vec<String>)>, Error> {
    let (arches, but) = open.places(2);
    let first = |arch: &String| {
        format!(
            "(CAST({arch} AS TEXT), (SELECT c.owner FROM build_chroots c WHERE c.state = 'pending' AND c.background = $1 \
             AND c.arch = {arch} {but} ORDER BY c.owner LIMIT 1))"
        )
    };
    // From owner to owner along the index: a hundred thousand jobs of one owner cost one step.
    let sql = format!(
        "WITH RECURSIVE seen (arch, owner) AS (VALUES {} UNION ALL SELECT s.arch, (SELECT c.owner FROM build_chroots c \
         WHERE c.state = 'pending' AND c.background = $1 AND c.arch = s.arch AND c.owner > s.owner {but} \
         ORDER BY c.owner LIMIT 1) FROM seen s WHERE s.owner IS NOT NULL), \
         busy AS (SELECT owner, COUNT(*) AS machines FROM build_chroots WHERE lease_id IS NOT NULL GROUP BY owner) \
         SELECT s.owner AS owner, s.arch AS arch FROM seen s LEFT JOIN busy ON busy.owner = s.owner \
         LEFT JOIN turns t ON t.owner = s.owner LEFT JOIN users u ON u.name = s.owner \
         LEFT JOIN user_groups g ON g.name = SUBSTR(s.owner, 2) AND SUBSTR(s.owner, 1, 1) = '@' \
         WHERE s.owner IS NOT NULL AND COALESCE(busy.machines, 0) < COALESCE(u.max_running, g.max_running, $2) \
         ORDER BY COALESCE(busy.machines, 0), COALESCE(t.served_ms, 0), s.owner, s.arch LIMIT {LOOK}",
        arches.iter().map(first).collect::<Vec<_>>().join(", "),
    );
    let mut query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(background).bind(most.unwrap_or(i64::MAX));
    for value in open.values() {
        query = query.bind(value);
    }
    let mut owners: Vec<(String, Vec<String>)> = Vec::new();
    for row in query.fetch_all(&mut **transaction).await? {
        let (owner, arch): (String, String) = (row.try_get("owner")?, row.try_get("arch")?);
        match owners.last_mut() {
            Some((last, arches)) if *last == owner => arches.push(arch),
            _ => owners.push((owner, vec![arch])),
        }
    }
    Ok(owners)
}

/// Number of an owner's next job.
async fn next_job(
    db: &Db,
    transaction: &mut Transaction<'_, Any>,
    open: &Open,
    owner: &str,
    arches: &[String],
    background: i64,
) -> Result<Option<i64>, Error> {
    let open = Open { arches: Vec::new(), refused: open.refused.clone() };
    let (_, but) = open.places(3);
    let sql = format!(
        "SELECT c.id, c.source FROM build_chroots c WHERE c.state = 'pending' AND c.background = $1 AND c.arch = $2 \
         AND c.owner = $3 {but} ORDER BY c.source DESC, c.id LIMIT 1{}",
        db.claim("", " FOR UPDATE SKIP LOCKED")
    );
    let mut best: Option<(i64, i64)> = None;
    for arch in arches {
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql.clone())).bind(background).bind(arch).bind(owner);
        for value in open.values() {
            query = query.bind(value);
        }
        if let Some(row) = query.fetch_optional(&mut **transaction).await? {
            let found = (-row.try_get::<i64, _>("source")?, row.try_get("id")?);
            best = Some(best.map_or(found, |best| best.min(found)));
        }
    }
    Ok(best.map(|(_, id)| id))
}

/// Says how many machines may work at once for a user, or for a group (with its `@`); `None`: what the configuration says. `false`:
/// there is neither.
///
/// # Errors
/// The database does not answer.
pub async fn set_max_running(db: &Db, owner: &str, most: Option<i64>) -> Result<bool, Error> {
    let (sql, name) = match owner.strip_prefix('@') {
        Some(group) => ("UPDATE user_groups SET max_running = $1 WHERE name = $2", group),
        None => ("UPDATE users SET max_running = $1 WHERE name = $2", owner),
    };
    Ok(sqlx::query(sql).bind(most).bind(name).execute(&db.pool).await?.rows_affected() > 0)
}
