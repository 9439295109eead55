//! Who waits in the queue, and for how long builds take: what positions and estimates are made of.

use copr_api::names::Chroot;
use sqlx::Row;

use super::{Db, Error, build};

/// So many of a chroot's last builds tell how long one takes.
const LAST: i64 = 50;

/// A job that waits, and how many of its owner's jobs come before it.
#[derive(Debug, Clone)]
pub struct Job {
    /// The project's owner.
    pub owner: String,
    /// Its architecture.
    pub arch: String,
    /// Whether it comes after all that are in the foreground.
    pub background: bool,
    /// Jobs of this owner, architecture and ground before it.
    pub rank: i64,
}

/// An owner with jobs that wait for machines of one architecture.
#[derive(Debug, Clone)]
pub struct Owner {
    /// Its name.
    pub name: String,
    /// Whether these are the jobs in the background.
    pub background: bool,
    /// How many.
    pub waiting: i64,
    /// Machines of any architecture that work for it.
    pub machines: i64,
    /// When it got a machine last, milliseconds since 1970; 0: never.
    pub served_ms: i64,
}

/// The job of that row number; `None`: it does not wait for a machine.
///
/// # Errors
/// The database does not answer.
pub async fn job(db: &Db, id: i64) -> Result<Option<Job>, Error> {
    let row = sqlx::query(
        "SELECT j.owner, j.arch, j.background, (SELECT COUNT(*) FROM build_chroots c WHERE c.state = 'pending' \
         AND c.background = j.background AND c.arch = j.arch AND c.owner = j.owner \
         AND (c.source > j.source OR (c.source = j.source AND c.id < j.id))) AS before \
         FROM build_chroots j WHERE j.id = $1 AND j.state = 'pending'",
    )
    .bind(id)
    .fetch_optional(&db.pool)
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Job {
        owner: row.try_get("owner")?,
        arch: row.try_get("arch")?,
        background: super::truth(&row, "background")?,
        rank: row.try_get("before")?,
    }))
}

/// Every owner with jobs that wait for machines of an architecture: once for the foreground, once for the background.
///
/// # Errors
/// The database does not answer.
pub async fn owners(db: &Db, arch: &str) -> Result<Vec<Owner>, Error> {
    sqlx::query(
        "SELECT w.owner, w.background, w.waiting, COALESCE(m.machines, 0) AS machines, COALESCE(t.served_ms, 0) AS served_ms \
         FROM (SELECT owner, background, COUNT(*) AS waiting FROM build_chroots WHERE state = 'pending' \
         AND background IN (0, 1) AND arch = $1 GROUP BY background, owner) w \
         LEFT JOIN (SELECT owner, COUNT(*) AS machines FROM build_chroots WHERE lease_id IS NOT NULL GROUP BY owner) m \
         ON m.owner = w.owner LEFT JOIN turns t ON t.owner = w.owner",
    )
    .bind(arch)
    .fetch_all(&db.pool)
    .await?
    .iter()
    .map(|row| {
        Ok(Owner {
            name: row.try_get("owner")?,
            background: super::truth(row, "background")?,
            waiting: row.try_get("waiting")?,
            machines: row.try_get("machines")?,
            served_ms: row.try_get("served_ms")?,
        })
    })
    .collect()
}

/// Machines of an architecture that are at work, and those that work for an owner.
///
/// # Errors
/// The database does not answer.
pub async fn machines(db: &Db, arch: &str, owner: &str) -> Result<(i64, i64), Error> {
    let row = sqlx::query(
        "SELECT COUNT(CASE WHEN arch = $1 THEN 1 END) AS of_arch, COUNT(CASE WHEN owner = $2 THEN 1 END) AS of_owner \
         FROM build_chroots WHERE lease_id IS NOT NULL",
    )
    .bind(arch)
    .bind(owner)
    .fetch_one(&db.pool)
    .await?;
    Ok((row.try_get("of_arch")?, row.try_get("of_owner")?))
}

/// Mean milliseconds that a chroot's last builds took; `None`: there was none.
///
/// # Errors
/// The database does not answer.
pub async fn mean_ms(db: &Db, chroot: &Chroot, source: bool) -> Result<Option<i64>, Error> {
    let word = if source { build::source_word(chroot) } else { chroot.to_string() };
    Ok(sqlx::query_scalar(
        "SELECT CAST(AVG(took) AS BIGINT) FROM (SELECT ended_ms - started_ms AS took FROM build_chroots \
         WHERE chroot = $1 AND ended_ms IS NOT NULL AND started_ms IS NOT NULL AND state IN ('succeeded', 'failed') \
         ORDER BY ended_ms DESC LIMIT $2) AS ended",
    )
    .bind(word)
    .bind(LAST)
    .fetch_one(&db.pool)
    .await?)
}

/// One line of the queue's overview.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// An architecture, a chroot (`source:…` for the jobs that make source packages in it) or an owner.
    pub name: String,
    /// Jobs that any builder of the architecture may take, in the foreground and in the background.
    pub pending: i64,
    /// Those of them that are in the background.
    pub background: i64,
    /// Jobs that wait for a source package or a batch.
    pub waiting: i64,
    /// Machines at work.
    pub running: i64,
}

/// What the overview has a line for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Each architecture.
    Arch,
    /// Each chroot.
    Chroot,
    /// Each owner.
    Owner,
}

/// The queue's overview: those with most machines first, then those with most jobs that wait.
///
/// # Errors
/// The database does not answer.
pub async fn overview(db: &Db, by: By, limit: i64) -> Result<Vec<Line>, Error> {
    let column = match by {
        By::Arch => "arch",
        By::Chroot => "chroot",
        By::Owner => "owner",
    };
    let sql = format!(
        "SELECT name, CAST(SUM(pending) AS BIGINT) AS pending, CAST(SUM(background) AS BIGINT) AS background, \
         CAST(SUM(waiting) AS BIGINT) AS waiting, CAST(SUM(running) AS BIGINT) AS running FROM (\
         SELECT {column} AS name, COUNT(*) AS pending, COUNT(CASE WHEN background = 1 THEN 1 END) AS background, \
         0 AS waiting, 0 AS running FROM build_chroots WHERE state = 'pending' GROUP BY {column} \
         UNION ALL SELECT {column}, 0, 0, COUNT(*), 0 FROM build_chroots WHERE state = 'waiting' GROUP BY {column} \
         UNION ALL SELECT {column}, 0, 0, 0, COUNT(*) FROM build_chroots WHERE lease_id IS NOT NULL GROUP BY {column}\
         ) AS lines GROUP BY name ORDER BY running DESC, pending DESC, name LIMIT $1"
    );
    // Only one of three column names was put into the text.
    sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(limit)
        .fetch_all(&db.pool)
        .await?
        .iter()
        .map(|row| {
            Ok(Line {
                name: row.try_get("name")?,
                pending: row.try_get("pending")?,
                background: row.try_get("background")?,
                waiting: row.try_get("waiting")?,
                running: row.try_get("running")?,
            })
        })
        .collect()
}
