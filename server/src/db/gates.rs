//! What a project lets in that is not built there: promotions, and under which conditions; packages that are sent ready-made.

use sqlx::Row as _;

use super::{Db, Error, truth};

/// What a project has chosen; nothing is asked, and nothing ready-made is taken, unless it says so.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Gates {
    /// Packages may be sent ready-made.
    pub rpm_uploads: bool,
    /// Only its administrators promote into it.
    pub admins_only: bool,
    /// Sum of votes that a promotion needs; 0: none.
    pub votes: i64,
    /// Days that each build must have been in the source; 0: none.
    pub days: i64,
    /// Nothing may break.
    pub impact: bool,
    /// An administrator says when.
    pub by_hand: bool,
}

/// A project's gates.
///
/// # Errors
/// The database does not answer.
pub async fn of_project(db: &Db, project_id: i64) -> Result<Gates, Error> {
    let row = sqlx::query("SELECT * FROM project_gates WHERE project_id = $1")
        .bind(project_id)
        .fetch_optional(&db.pool)
        .await?;
    let Some(row) = row else { return Ok(Gates::default()) };
    Ok(Gates {
        rpm_uploads: truth(&row, "rpm_uploads")?,
        admins_only: truth(&row, "admins_only")?,
        votes: row.try_get("votes")?,
        days: row.try_get("days")?,
        impact: truth(&row, "impact")?,
        by_hand: truth(&row, "by_hand")?,
    })
}

/// Sets a project's gates.
///
/// # Errors
/// [`Error::is_orphan`]: there is no such project any more.
pub async fn set(db: &Db, project_id: i64, gates: &Gates) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO project_gates (project_id, rpm_uploads, admins_only, votes, days, impact, by_hand) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (project_id) DO UPDATE SET rpm_uploads = excluded.rpm_uploads, \
         admins_only = excluded.admins_only, votes = excluded.votes, days = excluded.days, impact = excluded.impact, \
         by_hand = excluded.by_hand",
    )
    .bind(project_id)
    .bind(i64::from(gates.rpm_uploads))
    .bind(i64::from(gates.admins_only))
    .bind(gates.votes)
    .bind(gates.days)
    .bind(i64::from(gates.impact))
    .bind(i64::from(gates.by_hand))
    .execute(&db.writers)
    .await?;
    Ok(())
}
