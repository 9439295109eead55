//! What a project's people should know until it is mended: each with an event when it comes and when it goes, in the transaction
//! that brings either about.

use serde_json::{Value, json};
use sqlx::{Any, Row, Transaction, any::AnyRow};

use super::{
    Db, Error, event, json as parse,
    project::{self, Project},
    to_json,
};

/// A project that it needs is gone; about `owner/name`.
pub const GONE: &str = "dependency-gone";
/// Its packages require something that is not provided any more; about the repository that did.
pub const BROKEN: &str = "dependency-broken";
/// Packages were not built anew, as there would be no end of it; about the change that it began with.
pub const REBUILD_STOPPED: &str = "rebuild-stopped";
/// An address is told no more; about the hook's number.
pub const HOOK_DISABLED: &str = "webhook-disabled";

/// One notice.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    /// Number.
    pub id: i64,
    /// One of the constants here.
    pub kind: String,
    /// What it is about; what that is depends on the kind.
    pub about: String,
    /// A sentence for people.
    pub text: String,
    /// The same for programs.
    pub details: Value,
    /// Since when, milliseconds since 1970.
    pub since_ms: i64,
}

fn notice(row: &AnyRow) -> Result<Notice, Error> {
    Ok(Notice {
        id: row.try_get("id")?,
        kind: row.try_get("kind")?,
        about: row.try_get("about")?,
        text: row.try_get("text")?,
        details: parse("details", row.try_get("details")?)?,
        since_ms: row.try_get("since_ms")?,
    })
}

/// A project's notices, oldest first.
///
/// # Errors
/// The database does not answer.
pub async fn of_project(db: &Db, project_id: i64) -> Result<Vec<Notice>, Error> {
    sqlx::query("SELECT * FROM notices WHERE project_id = $1 ORDER BY id")
        .bind(project_id)
        .fetch_all(&db.pool)
        .await?
        .iter()
        .map(notice)
        .collect()
}

async fn within(transaction: &mut Transaction<'_, Any>, project_id: i64) -> Result<Vec<Notice>, Error> {
    sqlx::query("SELECT * FROM notices WHERE project_id = $1 ORDER BY id")
        .bind(project_id)
        .fetch_all(&mut **transaction)
        .await?
        .iter()
        .map(notice)
        .collect()
}

/// What is to be known of a project.
#[derive(Debug)]
pub struct New<'a> {
    /// Whose.
    pub project: &'a Project,
    /// One of the constants here.
    pub kind: &'a str,
    /// What it is about.
    pub about: &'a str,
    /// A sentence for people.
    pub text: &'a str,
    /// The same for programs.
    pub details: Value,
}

/// Puts a notice up, or another text on one that is there; the event `topic` tells of one that is new or has changed.
pub(super) async fn put_within(
    transaction: &mut Transaction<'_, Any>,
    new: &New<'_>,
    topic: &str,
    now_ms: i64,
) -> Result<(), Error> {
    let details = to_json("details", &new.details)?;
    let had: Option<String> =
        sqlx::query_scalar("SELECT details FROM notices WHERE project_id = $1 AND kind = $2 AND about = $3")
            .bind(new.project.id)
            .bind(new.kind)
            .bind(new.about)
            .fetch_optional(&mut **transaction)
            .await?;
    if had.as_ref() == Some(&details) {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO notices (project_id, kind, about, text, details, since_ms) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (project_id, kind, about) DO UPDATE SET text = excluded.text, details = excluded.details",
    )
    .bind(new.project.id)
    .bind(new.kind)
    .bind(new.about)
    .bind(new.text)
    .bind(details)
    .bind(now_ms)
    .execute(&mut **transaction)
    .await?;
    tell(transaction, new.project, topic, new.kind, new.about, new.text, &new.details, now_ms).await
}

#[expect(clippy::too_many_arguments, reason = "the columns of a notice")]
async fn tell(
    transaction: &mut Transaction<'_, Any>,
    project: &Project,
    topic: &str,
    kind: &str,
    about: &str,
    text: &str,
    details: &Value,
    now_ms: i64,
) -> Result<(), Error> {
    let mut body = event::about(project);
    body["kind"] = kind.into();
    body["about"] = about.into();
    body["what"] = text.into();
    body["details"] = details.clone();
    event::note(transaction, event::New { topic, project, build_id: None, body }, now_ms).await
}

/// Puts a notice up in a transaction of its own.
///
/// # Errors
/// The database does not answer, or the project is gone.
pub async fn put(db: &Db, new: &New<'_>, topic: &str, now_ms: i64) -> Result<(), Error> {
    let mut transaction = db.begin().await?;
    put_within(&mut transaction, new, topic, now_ms).await?;
    Ok(transaction.commit().await?)
}

/// Takes notices down, of a project, a kind, and (unless it is empty) about one thing; one about what was broken is said to be mended.
///
/// # Errors
/// The database does not answer.
pub async fn take(db: &Db, of: &Project, kind: &str, about: &str, now_ms: i64) -> Result<(), Error> {
    let mut transaction = db.begin().await?;
    for notice in within(&mut transaction, of.id).await? {
        if notice.kind == kind && (about.is_empty() || notice.about == about) {
            remove(&mut transaction, of, &notice, now_ms).await?;
        }
    }
    Ok(transaction.commit().await?)
}

async fn remove(
    transaction: &mut Transaction<'_, Any>,
    of: &Project,
    notice: &Notice,
    now_ms: i64,
) -> Result<(), Error> {
    let gone = sqlx::query("DELETE FROM notices WHERE id = $1").bind(notice.id).execute(&mut **transaction).await?;
    if gone.rows_affected() == 0 || ![GONE, BROKEN].contains(&notice.kind.as_str()) {
        return Ok(());
    }
    let text = format!("Mended: {}", notice.text);
    tell(transaction, of, event::MENDED, &notice.kind, &notice.about, &text, &notice.details, now_ms).await
}

/// Whether a project names another one among what it needs.
fn needs(of: &Project, full_name: &str) -> bool {
    let wanted = format!("copr://{full_name}");
    of.additional_repos
        .iter()
        .chain(&of.runtime_dependencies)
        .any(|text| text.split('?').next().unwrap_or_default() == wanted)
}

/// Whether a project needs any other.
fn names_any(of: &Project) -> bool {
    of.additional_repos.iter().chain(&of.runtime_dependencies).any(|text| text.starts_with("copr://"))
}

/// A project is deleted: those that need it learn of it.
pub(super) async fn project_is_gone(
    transaction: &mut Transaction<'_, Any>,
    of: &Project,
    now_ms: i64,
) -> Result<(), Error> {
    let name = of.full_name();
    for dependent in project::needing_within(transaction, &format!("copr://{name}")).await? {
        if !needs(&dependent, &name) {
            continue;
        }
        let text = format!("{name}, which this project needs, was deleted.");
        let new =
            New { project: &dependent, kind: GONE, about: &name, text: &text, details: json!({ "project": name }) };
        put_within(transaction, &new, event::BROKEN, now_ms).await?;
    }
    Ok(())
}

/// A project is made: whoever missed one of that name does not any more.
pub(super) async fn project_is_there(
    transaction: &mut Transaction<'_, Any>,
    of: &Project,
    now_ms: i64,
) -> Result<(), Error> {
    let rows = sqlx::query("SELECT * FROM notices WHERE kind = $1 AND about = $2 ORDER BY id")
        .bind(GONE)
        .bind(of.full_name())
        .fetch_all(&mut **transaction)
        .await?;
    for row in &rows {
        let whose = project::by_id_within(transaction, row.try_get("project_id")?).await?;
        if let Some(whose) = whose {
            remove(transaction, &whose, &notice(row)?, now_ms).await?;
        }
    }
    Ok(())
}

/// A project is changed: what it needs no more, it does not miss.
pub(super) async fn project_needs(
    transaction: &mut Transaction<'_, Any>,
    of: &Project,
    now_ms: i64,
) -> Result<(), Error> {
    for notice in within(transaction, of.id).await? {
        let missed = match notice.kind.as_str() {
            GONE => needs(of, &notice.about),
            // It may come by way of another one: as long as it names any.
            BROKEN => notice.about.starts_with(&format!("{}/", of.full_name())) || names_any(of),
            _ => true,
        };
        if !missed {
            remove(transaction, of, &notice, now_ms).await?;
        }
    }
    Ok(())
}
