//! What was taken down: it is not served, and its files stay where they are, as evidence, whoever deletes it.
//!
//! A row is all there is to it. Whoever serves looks whether there is one; the publisher leaves such builds out of the metadata; the
//! cleaner deletes nothing of them. So a takedown is in force when its transaction has ended, and there are no steps between which
//! anything could be served or lost.

use std::{collections::HashSet, fmt};

use copr_api::names::{Chroot, DirName, OwnerName, ProjectName};
use sqlx::{Any, Row, Transaction, any::AnyRow};

use super::{Db, Error, Window, audit, build::chroot_of, lease, parsed, report, task, truth};

/// A project, or one of its builds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// The project's owner.
    pub owner: OwnerName,
    /// The project.
    pub project: ProjectName,
    /// The build; `None`: all of the project.
    pub build_id: Option<i64>,
}

impl fmt::Display for About {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.project)?;
        self.build_id.map_or(Ok(()), |id| write!(f, " build {id}"))
    }
}

/// One takedown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Takedown {
    /// Number.
    pub id: i64,
    /// What is down.
    pub about: About,
    /// Why: everyone reads it who asks for what is down.
    pub reason: String,
    /// Who did it.
    pub by: String,
    /// When, milliseconds since 1970.
    pub taken_ms: i64,
    /// When it was given back; `None`: it is down.
    pub restored_ms: Option<i64>,
}

fn takedown(row: &AnyRow) -> Result<Takedown, Error> {
    let (owner, project): (OwnerName, ProjectName) = (parsed(row, "owner")?, parsed(row, "project")?);
    let build_id: i64 = row.try_get("build_id")?;
    Ok(Takedown {
        id: row.try_get("id")?,
        about: About { owner, project, build_id: Some(build_id).filter(|id| *id != 0) },
        reason: row.try_get("reason")?,
        by: row.try_get("taken_by")?,
        taken_ms: row.try_get("taken_ms")?,
        restored_ms: row.try_get("restored_ms")?,
    })
}

/// All that is down.
///
/// # Errors
/// The database does not answer.
pub async fn in_force(db: &Db) -> Result<Vec<Takedown>, Error> {
    sqlx::query("SELECT * FROM takedowns WHERE restored_ms IS NULL ORDER BY id")
        .fetch_all(&db.pool)
        .await?
        .iter()
        .map(takedown)
        .collect()
}

/// All that is or was down, newest first.
///
/// # Errors
/// The database does not answer.
pub async fn list(db: &Db, window: Window) -> Result<Vec<Takedown>, Error> {
    sqlx::query("SELECT * FROM takedowns ORDER BY id DESC LIMIT $1 OFFSET $2")
        .bind(window.limit_sql())
        .bind(window.offset_sql())
        .fetch_all(&db.pool)
        .await?
        .iter()
        .map(takedown)
        .collect()
}

/// Builds of a directory's project that are down for themselves.
///
/// # Errors
/// The database does not answer.
pub async fn builds_of(db: &Db, owner: &OwnerName, dirname: &DirName) -> Result<HashSet<i64>, Error> {
    let sql =
        "SELECT build_id FROM takedowns WHERE owner = $1 AND project = $2 AND restored_ms IS NULL AND build_id <> 0";
    let builds: Vec<i64> =
        sqlx::query_scalar(sql).bind(owner.as_str()).bind(dirname.project().as_str()).fetch_all(&db.pool).await?;
    Ok(builds.into_iter().collect())
}

/// Whether files of a directory are evidence: all of its project is down, or that build, or (`None`) any.
///
/// # Errors
/// The database does not answer.
pub async fn keeps(db: &Db, owner: &OwnerName, dirname: &DirName, build: Option<i64>) -> Result<bool, Error> {
    let row = sqlx::query(
        "SELECT CASE WHEN EXISTS (SELECT 1 FROM takedowns WHERE owner = $1 AND project = $2 AND restored_ms IS NULL \
         AND ($3 = 0 OR build_id = 0 OR build_id = $3)) THEN 1 ELSE 0 END AS keeps",
    )
    .bind(owner.as_str())
    .bind(dirname.project().as_str())
    .bind(build.unwrap_or_default())
    .fetch_one(&db.pool)
    .await?;
    truth(&row, "keeps")
}

/// Who takes something down, and why.
#[derive(Debug, Clone, Copy)]
pub struct Said<'a> {
    /// Why.
    pub reason: &'a str,
    /// Who.
    pub by: &'a str,
    /// Number of the report that asked for it, which is closed.
    pub report: Option<i64>,
}

/// Takes something down, and asks to stop what is at work of it; its number. `None`: it is down already, or the report is not open any
/// more.
///
/// # Errors
/// The database does not answer.
pub async fn take_down(db: &Db, about: &About, said: Said<'_>, now_ms: i64) -> Result<Option<i64>, Error> {
    let mut transaction = db.begin().await?;
    if let Some(report) = said.report
        && !report::close(&mut transaction, report, "taken", said.reason, said.by, now_ms).await?
    {
        return Ok(None);
    }
    let id: Option<i64> = sqlx::query_scalar(
        "INSERT INTO takedowns (owner, project, build_id, reason, taken_by, taken_ms) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT DO NOTHING RETURNING id",
    )
    .bind(about.owner.as_str())
    .bind(about.project.as_str())
    .bind(about.build_id.unwrap_or_default())
    .bind(said.reason)
    .bind(said.by)
    .bind(now_ms)
    .fetch_optional(&mut *transaction)
    .await?;
    let Some(id) = id else { return Ok(None) };
    for repository in repositories(&mut transaction, about).await? {
        task::enqueue_publish(&mut transaction, &repository, now_ms).await?;
    }
    for build in unfinished(&mut transaction, about).await? {
        lease::cancel_within(&mut transaction, build, now_ms).await?;
    }
    audit::note(&mut transaction, said.by, audit::Action::TakenDown, &about.to_string(), said.reason, now_ms).await?;
    transaction.commit().await?;
    Ok(Some(id))
}

/// Gives something back; what it is. `None`: it is not down. Packages of a build come back with a publish of all that was built; in
/// a project that publishes only when it is asked to, with the next one that it is asked for.
///
/// # Errors
/// The database does not answer.
pub async fn restore(db: &Db, id: i64, note: &str, by: &str, now_ms: i64) -> Result<Option<Takedown>, Error> {
    let mut transaction = db.begin().await?;
    let row = sqlx::query("UPDATE takedowns SET restored_ms = $1 WHERE id = $2 AND restored_ms IS NULL RETURNING *")
        .bind(now_ms)
        .bind(id)
        .fetch_optional(&mut *transaction)
        .await?;
    let Some(restored) = row.as_ref().map(takedown).transpose()? else { return Ok(None) };
    let about = &restored.about;
    let asks: Option<i64> = sqlx::query_scalar("SELECT devel_mode FROM projects WHERE owner = $1 AND name = $2")
        .bind(about.owner.as_str())
        .bind(about.project.as_str())
        .fetch_optional(&mut *transaction)
        .await?;
    if asks == Some(0) {
        for repository in repositories(&mut transaction, about).await? {
            task::enqueue_everything(&mut transaction, &repository, now_ms).await?;
        }
    }
    audit::note(&mut transaction, by, audit::Action::Restored, &about.to_string(), note, now_ms).await?;
    transaction.commit().await?;
    Ok(Some(restored))
}

/// Numbers of builds that have not ended.
async fn unfinished(transaction: &mut Transaction<'_, Any>, about: &About) -> Result<Vec<i64>, Error> {
    Ok(sqlx::query_scalar(
        "SELECT DISTINCT b.id FROM builds b JOIN projects p ON p.id = b.project_id JOIN build_chroots c ON c.build_id = b.id \
         WHERE p.owner = $1 AND p.name = $2 AND ($3 = 0 OR b.id = $3) \
         AND c.state IN ('pending', 'waiting', 'starting', 'running', 'importing') ORDER BY b.id",
    )
    .bind(about.owner.as_str())
    .bind(about.project.as_str())
    .bind(about.build_id.unwrap_or_default())
    .fetch_all(&mut **transaction)
    .await?)
}

/// Repositories that have packages of a build; of a whole project none, as none of its metadata change.
async fn repositories(
    transaction: &mut Transaction<'_, Any>,
    about: &About,
) -> Result<Vec<task::RepositoryKey>, Error> {
    let Some(build_id) = about.build_id else { return Ok(Vec::new()) };
    let rows = sqlx::query(
        "SELECT c.chroot, b.dirname FROM build_chroots c JOIN builds b ON b.id = c.build_id WHERE b.id = $1 AND c.source = 0 \
         ORDER BY c.chroot",
    )
    .bind(build_id)
    .fetch_all(&mut **transaction)
    .await?;
    rows.iter()
        .map(|row| {
            let (chroot, _): (Chroot, bool) = chroot_of(row)?;
            Ok(task::RepositoryKey { owner: about.owner.clone(), dirname: parsed(row, "dirname")?, chroot })
        })
        .collect()
}
