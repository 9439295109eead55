//! Reports of abuse: what somebody thinks should not be here, until an administrator has decided.

use copr_api::names::{OwnerName, ProjectName};
use sqlx::{Any, Row, Transaction, any::AnyRow};

use super::{Db, Error, Window, audit, parsed, takedown::About};

/// Open reports of one user, at most.
pub const OPEN: i64 = 50;
/// Reports in an hour of all who have not signed in, at most.
pub const ANONYMOUS: i64 = 20;
const HOUR_MS: i64 = 3_600_000;

/// One report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Number.
    pub id: i64,
    /// What it is about.
    pub about: About,
    /// Who reports; empty: somebody who has not signed in.
    pub reporter: String,
    /// What is wrong.
    pub reason: String,
    /// When, milliseconds since 1970.
    pub created_ms: i64,
    /// `open`, `dismissed` or `taken`.
    pub state: String,
    /// What was said when it was decided.
    pub note: String,
    /// Who decided; empty: nobody yet.
    pub decided_by: String,
}

fn report(row: &AnyRow) -> Result<Report, Error> {
    let (owner, project): (OwnerName, ProjectName) = (parsed(row, "owner")?, parsed(row, "project")?);
    let build_id: i64 = row.try_get("build_id")?;
    Ok(Report {
        id: row.try_get("id")?,
        about: About { owner, project, build_id: Some(build_id).filter(|id| *id != 0) },
        reporter: row.try_get("reporter")?,
        reason: row.try_get("reason")?,
        created_ms: row.try_get("created_ms")?,
        state: row.try_get("state")?,
        note: row.try_get("note")?,
        decided_by: row.try_get("decided_by")?,
    })
}

/// Adds a report; its number. `None`: there are too many of this reporter (empty: of those who have not signed in).
///
/// # Errors
/// The database does not answer.
pub async fn add(db: &Db, about: &About, reporter: &str, reason: &str, now_ms: i64) -> Result<Option<i64>, Error> {
    let mut transaction = db.begin().await?;
    let (sql, most, since) = if reporter.is_empty() {
        ("SELECT COUNT(*) FROM reports WHERE reporter = $1 AND created_ms > $2", ANONYMOUS, now_ms - HOUR_MS)
    } else {
        ("SELECT COUNT(*) FROM reports WHERE reporter = $1 AND created_ms > $2 AND state = 'open'", OPEN, 0)
    };
    let there: i64 = sqlx::query_scalar(sql).bind(reporter).bind(since).fetch_one(&mut *transaction).await?;
    if there >= most {
        return Ok(None);
    }
    let id = sqlx::query_scalar(
        "INSERT INTO reports (owner, project, build_id, reporter, reason, created_ms) VALUES ($1, $2, $3, $4, $5, $6) RETURNING id",
    )
    .bind(about.owner.as_str())
    .bind(about.project.as_str())
    .bind(about.build_id.unwrap_or_default())
    .bind(reporter)
    .bind(reason)
    .bind(now_ms)
    .fetch_one(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(Some(id))
}

/// The reports, those that are open first, then the newest.
///
/// # Errors
/// The database does not answer.
pub async fn list(db: &Db, window: Window) -> Result<Vec<Report>, Error> {
    sqlx::query("SELECT * FROM reports ORDER BY CASE WHEN state = 'open' THEN 0 ELSE 1 END, id DESC LIMIT $1 OFFSET $2")
        .bind(window.limit_sql())
        .bind(window.offset_sql())
        .fetch_all(&db.pool)
        .await?
        .iter()
        .map(report)
        .collect()
}

/// The report of that number.
///
/// # Errors
/// The database does not answer.
pub async fn get(db: &Db, id: i64) -> Result<Option<Report>, Error> {
    sqlx::query("SELECT * FROM reports WHERE id = $1")
        .bind(id)
        .fetch_optional(&db.pool)
        .await?
        .as_ref()
        .map(report)
        .transpose()
}

/// Closes an open report; `false`: it is not open.
pub(super) async fn close(
    transaction: &mut Transaction<'_, Any>,
    id: i64,
    state: &str,
    note: &str,
    by: &str,
    now_ms: i64,
) -> Result<bool, Error> {
    let closed = sqlx::query(
        "UPDATE reports SET state = $1, note = $2, decided_by = $3, decided_ms = $4 WHERE id = $5 AND state = 'open'",
    )
    .bind(state)
    .bind(note)
    .bind(by)
    .bind(now_ms)
    .bind(id)
    .execute(&mut **transaction)
    .await?;
    Ok(closed.rows_affected() > 0)
}

/// Closes a report without doing anything; `false`: it is not open.
///
/// # Errors
/// The database does not answer.
pub async fn dismiss(db: &Db, of: &Report, note: &str, by: &str, now_ms: i64) -> Result<bool, Error> {
    let mut transaction = db.begin().await?;
    if !close(&mut transaction, of.id, "dismissed", note, by, now_ms).await? {
        return Ok(false);
    }
    audit::note(&mut transaction, by, audit::Action::ReportDismissed, &of.about.to_string(), note, now_ms).await?;
    transaction.commit().await?;
    Ok(true)
}
