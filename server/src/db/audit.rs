//! What administrators and reviewers did, step by step, in the transactions that did it. Nothing is ever taken out.

use sqlx::{Any, Row, Transaction};

use super::{Db, Error, Window};

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    LicenceApproved,
    LicenceRefused,
    LicenceForgotten,
    ReportDismissed,
    TakenDown,
    Restored,
}

impl Action {
    fn as_str(self) -> &'static str {
        match self {
            Self::LicenceApproved => "licence-approved",
            Self::LicenceRefused => "licence-refused",
            Self::LicenceForgotten => "licence-forgotten",
            Self::ReportDismissed => "report-dismissed",
            Self::TakenDown => "taken-down",
            Self::Restored => "restored",
        }
    }
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Number of the row.
    pub id: i64,
    /// When, milliseconds since 1970.
    pub at_ms: i64,
    /// Who.
    pub who: String,
    /// What was done.
    pub action: String,
    /// To what.
    pub about: String,
    /// What was said; may be empty.
    pub note: String,
}

/// Notes a step, together with all else that the transaction does.
pub(super) async fn note(
    transaction: &mut Transaction<'_, Any>,
    who: &str,
    action: Action,
    about: &str,
    text: &str,
    now_ms: i64,
) -> Result<(), Error> {
    sqlx::query("INSERT INTO audit (at_ms, who, action, about, note) VALUES ($1, $2, $3, $4, $5)")
        .bind(now_ms)
        .bind(who)
        .bind(action.as_str())
        .bind(about)
        .bind(text)
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

/// The steps, newest first.
///
/// # Errors
/// The database does not answer.
pub async fn list(db: &Db, window: Window) -> Result<Vec<Step>, Error> {
    sqlx::query("SELECT * FROM audit ORDER BY id DESC LIMIT $1 OFFSET $2")
        .bind(window.limit_sql())
        .bind(window.offset_sql())
        .fetch_all(&db.pool)
        .await?
        .iter()
        .map(|row| {
            Ok(Step {
                id: row.try_get("id")?,
                at_ms: row.try_get("at_ms")?,
                who: row.try_get("who")?,
                action: row.try_get("action")?,
                about: row.try_get("about")?,
                note: row.try_get("note")?,
            })
        })
        .collect()
}
