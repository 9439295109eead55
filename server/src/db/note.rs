//! What the administrator says of chroots beside their definitions.

use copr_api::names::Chroot;
use sqlx::{Row, any::AnyRow};

use super::{Db, Error, parsed, truth};

/// What is said of one chroot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The chroot.
    pub chroot: Chroot,
    /// Told with the chroot instead of its definition's comment.
    pub comment: Option<String>,
    /// When its life ends or ended, milliseconds since 1970: nothing is built for it from then on.
    pub eol_ms: Option<i64>,
    /// Whether projects may choose it.
    pub active: bool,
}

impl Note {
    /// A note that says nothing.
    #[must_use]
    pub fn new(chroot: Chroot) -> Self {
        Self { chroot, comment: None, eol_ms: None, active: true }
    }

    /// Whether projects may choose the chroot at a time.
    #[must_use]
    pub fn is_offered(&self, now_ms: i64) -> bool {
        self.active && self.eol_ms.is_none_or(|eol| eol > now_ms)
    }
}

fn note(row: &AnyRow) -> Result<Note, Error> {
    Ok(Note {
        chroot: parsed(row, "chroot")?,
        comment: row.try_get("comment")?,
        eol_ms: row.try_get("eol_ms")?,
        active: truth(row, "active")?,
    })
}

/// All notes, by chroot.
///
/// # Errors
/// The database does not answer.
pub async fn list(db: &Db) -> Result<Vec<Note>, Error> {
    sqlx::query("SELECT * FROM chroot_notes ORDER BY chroot").fetch_all(&db.pool).await?.iter().map(note).collect()
}

/// Writes what is said of a chroot.
///
/// # Errors
/// The database does not answer.
pub async fn set(db: &Db, of: &Note) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO chroot_notes (chroot, comment, eol_ms, active) VALUES ($1, $2, $3, $4) ON CONFLICT (chroot) DO UPDATE SET \
         comment = excluded.comment, eol_ms = excluded.eol_ms, active = excluded.active",
    )
    .bind(of.chroot.as_str())
    .bind(of.comment.clone())
    .bind(of.eol_ms)
    .bind(i64::from(of.active))
    .execute(&db.pool)
    .await?;
    Ok(())
}

/// Whether the projects that follow Fedora's branching were given this chroot already.
///
/// # Errors
/// The database does not answer.
pub async fn is_branched(db: &Db, chroot: &Chroot) -> Result<bool, Error> {
    let row = sqlx::query(
        "SELECT CASE WHEN EXISTS (SELECT 1 FROM chroot_notes WHERE chroot = $1 AND branched = 1) THEN 1 ELSE 0 END AS done",
    )
    .bind(chroot.as_str())
    .fetch_one(&db.pool)
    .await?;
    truth(&row, "done")
}

/// Notes that they were.
///
/// # Errors
/// The database does not answer.
pub async fn set_branched(db: &Db, chroot: &Chroot) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO chroot_notes (chroot, branched) VALUES ($1, 1) ON CONFLICT (chroot) DO UPDATE SET branched = 1",
    )
    .bind(chroot.as_str())
    .execute(&db.pool)
    .await?;
    Ok(())
}
