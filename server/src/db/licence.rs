//! Licences of builds' packages: those that wait for somebody to decide, and what was decided, which later builds keep to.

use copr_api::{
    names::{OwnerName, ProjectName},
    v3::LicenceState,
};
use sqlx::{Any, Row, Transaction, any::AnyRow};

use super::{Db, Error, Window, audit, batch, event, lease::lock_build, parsed, truth};

/// Characters of a `License` tag that are kept to be shown.
const SHOWN: usize = 4000;

/// What was found of the licence of a source package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Licence {
    /// The `License` tag, or its beginning.
    pub text: String,
    /// SHA-256 of all of it, lower-case hex.
    pub sha256: String,
    /// What becomes of the build.
    pub state: LicenceState,
    /// Why, a sentence without its full stop; may be empty.
    pub reason: String,
}

impl Licence {
    /// Of the whole tag.
    #[must_use]
    pub fn new(text: &str, state: LicenceState, reason: String) -> Self {
        let mut shown: String = text.chars().take(SHOWN).collect();
        if shown.len() < text.len() {
            shown.push('…');
        }
        Self { text: shown, sha256: super::token::digest(text), state, reason }
    }

    /// Of a build's row; `None`: it was not judged.
    pub(super) fn of(row: &AnyRow) -> Result<Option<Self>, Error> {
        let word: String = row.try_get("licence_state")?;
        if word.is_empty() {
            return Ok(None);
        }
        Ok(Some(Self {
            text: row.try_get::<Option<String>, _>("licence")?.unwrap_or_default(),
            sha256: row.try_get("licence_sha256")?,
            state: parsed(row, "licence_state")?,
            reason: row.try_get("licence_reason")?,
        }))
    }
}

/// Whether its build waits for somebody to decide.
pub(super) fn waits(licence: Option<&Licence>) -> bool {
    licence.is_some_and(|licence| licence.state == LicenceState::Review)
}

/// Notes what was found of a build's licence.
pub(super) async fn note(
    transaction: &mut Transaction<'_, Any>,
    build_id: i64,
    licence: Option<&Licence>,
) -> Result<(), Error> {
    let Some(licence) = licence else { return Ok(()) };
    sqlx::query(
        "UPDATE builds SET licence = $1, licence_sha256 = $2, licence_state = $3, licence_reason = $4 WHERE id = $5",
    )
    .bind(licence.text.as_str())
    .bind(licence.sha256.as_str())
    .bind(licence.state.as_str())
    .bind(licence.reason.as_str())
    .bind(build_id)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// What somebody decided about a licence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Number of the row.
    pub id: i64,
    /// The project that it holds in; `None`: every project.
    pub project: Option<(OwnerName, ProjectName)>,
    /// The package that it holds for; empty: every package.
    pub package_name: String,
    /// The `License` tag, or its beginning.
    pub licence: String,
    /// Whether such packages are built.
    pub approved: bool,
    /// Why; may be empty.
    pub reason: String,
    /// Who decided.
    pub by: String,
    /// When, milliseconds since 1970.
    pub decided_ms: i64,
}

fn of_row(row: &AnyRow) -> Result<Decision, Error> {
    let project = match row.try_get::<Option<String>, _>("owner")? {
        Some(_) => Some((parsed(row, "owner")?, parsed(row, "project")?)),
        None => None,
    };
    Ok(Decision {
        id: row.try_get("id")?,
        project,
        package_name: row.try_get("package_name")?,
        licence: row.try_get("licence")?,
        approved: truth(row, "approved")?,
        reason: row.try_get("reason")?,
        by: row.try_get("decided_by")?,
        decided_ms: row.try_get("decided_ms")?,
    })
}

/// What holds for a package with this licence in a project: what was decided there goes before what holds everywhere.
///
/// # Errors
/// The database does not answer.
pub async fn decision(db: &Db, project_id: i64, package: &str, sha256: &str) -> Result<Option<Decision>, Error> {
    sqlx::query(
        "SELECT d.*, p.owner AS owner, p.name AS project FROM licence_decisions d LEFT JOIN projects p ON p.id = d.project_id \
         WHERE d.licence_sha256 = $1 AND (d.project_id IS NULL OR (d.project_id = $2 AND d.package_name = $3)) \
         ORDER BY CASE WHEN d.project_id IS NULL THEN 1 ELSE 0 END, d.id DESC LIMIT 1",
    )
    .bind(sha256)
    .bind(project_id)
    .bind(package)
    .fetch_optional(&db.pool)
    .await?
    .as_ref()
    .map(of_row)
    .transpose()
}

/// All that was decided, newest first.
///
/// # Errors
/// The database does not answer.
pub async fn decisions(db: &Db, window: Window) -> Result<Vec<Decision>, Error> {
    sqlx::query(
        "SELECT d.*, p.owner AS owner, p.name AS project FROM licence_decisions d LEFT JOIN projects p ON p.id = d.project_id \
         ORDER BY d.id DESC LIMIT $1 OFFSET $2",
    )
    .bind(window.limit_sql())
    .bind(window.offset_sql())
    .fetch_all(&db.pool)
    .await?
    .iter()
    .map(of_row)
    .collect()
}

/// Forgets a decision; builds that kept to it stay as they are. `false`: there is none of that number.
///
/// # Errors
/// The database does not answer.
pub async fn forget(db: &Db, id: i64, by: &str, now_ms: i64) -> Result<bool, Error> {
    let mut transaction = db.begin().await?;
    let row = sqlx::query("DELETE FROM licence_decisions WHERE id = $1 RETURNING licence")
        .bind(id)
        .fetch_optional(&mut *transaction)
        .await?;
    let Some(row) = row else { return Ok(false) };
    let licence: String = row.try_get("licence")?;
    audit::note(&mut transaction, by, audit::Action::LicenceForgotten, &licence, "", now_ms).await?;
    transaction.commit().await?;
    Ok(true)
}

/// A build that waits for somebody to decide about its licence.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// Number of the build.
    pub build_id: i64,
    /// Its project's owner.
    pub owner: OwnerName,
    /// Its project.
    pub project: ProjectName,
    /// Its package.
    pub package_name: String,
    /// `[epoch:]version-release`.
    pub package_version: String,
    /// Who submitted it.
    pub submitter: String,
    /// When, milliseconds since 1970.
    pub submitted_ms: i64,
    /// The `License` tag, or its beginning.
    pub licence: String,
    /// Why nobody knows.
    pub reason: String,
}

/// Whether a build in review still waits: it may have been cancelled.
const STILL: &str = "b.licence_state = 'review' AND EXISTS (SELECT 1 FROM build_chroots c WHERE c.build_id = b.id \
     AND c.state = 'waiting')";

/// The builds that wait, oldest first.
///
/// # Errors
/// The database does not answer.
pub async fn queue(db: &Db, window: Window) -> Result<Vec<Waiting>, Error> {
    let sql = format!(
        "SELECT b.*, p.owner AS owner, p.name AS project FROM builds b JOIN projects p ON p.id = b.project_id \
         WHERE {STILL} ORDER BY b.id LIMIT $1 OFFSET $2"
    );
    // Only a constant was put into the text.
    sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(window.limit_sql())
        .bind(window.offset_sql())
        .fetch_all(&db.pool)
        .await?
        .iter()
        .map(|row| {
            Ok(Waiting {
                build_id: row.try_get("id")?,
                owner: parsed(row, "owner")?,
                project: parsed(row, "project")?,
                package_name: row.try_get("package_name")?,
                package_version: row.try_get("package_version")?,
                submitter: row.try_get("submitter")?,
                submitted_ms: row.try_get("submitted_ms")?,
                licence: row.try_get::<Option<String>, _>("licence")?.unwrap_or_default(),
                reason: row.try_get("licence_reason")?,
            })
        })
        .collect()
}

/// What somebody says about the licence of a build.
#[derive(Debug, Clone, Copy)]
pub struct Said<'a> {
    /// Whether it is built.
    pub approved: bool,
    /// Why; may be empty.
    pub reason: &'a str,
    /// For this licence in every project and package.
    pub everywhere: bool,
    /// Who says so.
    pub by: &'a str,
}

/// Decides about a build that waits, and about all that wait with the same licence as far as the decision reaches: those that are
/// approved go on, those that are refused fail. The answer is their numbers; `None`: the build does not wait.
///
/// # Errors
/// The database does not answer.
pub async fn decide(db: &Db, build_id: i64, said: Said<'_>, now_ms: i64) -> Result<Option<Vec<i64>>, Error> {
    let mut transaction = db.begin().await?;
    lock_build(&mut transaction, build_id).await?;
    let sql = format!(
        "SELECT b.project_id, b.package_name, b.licence, b.licence_sha256, p.owner, p.name FROM builds b \
         JOIN projects p ON p.id = b.project_id WHERE b.id = $1 AND {STILL}"
    );
    let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(build_id).fetch_optional(&mut *transaction).await?;
    let Some(row) = row else { return Ok(None) };
    let (project_id, package): (i64, String) = (row.try_get("project_id")?, row.try_get("package_name")?);
    let licence: String = row.try_get::<Option<String>, _>("licence")?.unwrap_or_default();
    let sha256: String = row.try_get("licence_sha256")?;
    let (project, package) = if said.everywhere { (None, "") } else { (Some(project_id), package.as_str()) };
    // Where somebody changes his mind, the new decision takes the old one's place.
    sqlx::query(
        "DELETE FROM licence_decisions WHERE licence_sha256 = $1 AND package_name = $2 AND COALESCE(project_id, 0) = $3",
    )
    .bind(sha256.as_str())
    .bind(package)
    .bind(project.unwrap_or_default())
    .execute(&mut *transaction)
    .await?;
    sqlx::query(
        "INSERT INTO licence_decisions (project_id, package_name, licence, licence_sha256, approved, reason, decided_by, decided_ms) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(project)
    .bind(package)
    .bind(licence.as_str())
    .bind(sha256.as_str())
    .bind(i64::from(said.approved))
    .bind(said.reason)
    .bind(said.by)
    .bind(now_ms)
    .execute(&mut *transaction)
    .await?;
    let sql = format!(
        "SELECT b.id FROM builds b WHERE {STILL} AND b.licence_sha256 = $1 \
         AND ($2 = 0 OR (b.project_id = $2 AND b.package_name = $3)) ORDER BY b.id"
    );
    let builds: Vec<i64> = sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
        .bind(sha256.as_str())
        .bind(project.unwrap_or_default())
        .bind(package)
        .fetch_all(&mut *transaction)
        .await?;
    for &id in &builds {
        decided(&mut transaction, id, said, now_ms).await?;
    }
    let (owner, name): (String, String) = (row.try_get("owner")?, row.try_get("name")?);
    let action = if said.approved { audit::Action::LicenceApproved } else { audit::Action::LicenceRefused };
    let about = if said.everywhere { licence } else { format!("{owner}/{name} {package}: {licence}") };
    audit::note(&mut transaction, said.by, action, &about, said.reason, now_ms).await?;
    transaction.commit().await?;
    Ok(Some(builds))
}

/// Lets one build go on, or ends it.
async fn decided(
    transaction: &mut Transaction<'_, Any>,
    build_id: i64,
    said: Said<'_>,
    now_ms: i64,
) -> Result<(), Error> {
    lock_build(transaction, build_id).await?;
    let (state, verb) = match said.approved {
        true => (LicenceState::Approved, "approved"),
        false => (LicenceState::Refused, "refused"),
    };
    let behind = if said.reason.is_empty() { String::new() } else { format!(": {}", said.reason) };
    sqlx::query("UPDATE builds SET licence_state = $1, licence_reason = $2 WHERE id = $3")
        .bind(state.as_str())
        .bind(format!("{} {verb} it{behind}", said.by))
        .bind(build_id)
        .execute(&mut **transaction)
        .await?;
    if said.approved {
        return batch::go_on(transaction, build_id).await;
    }
    let ended: Vec<i64> = sqlx::query_scalar(
        "UPDATE build_chroots SET state = 'failed', message = $1, ended_ms = $2 WHERE build_id = $3 AND state = 'waiting' \
         RETURNING id",
    )
    .bind(format!("The licence was refused by {}{behind}", said.by))
    .bind(now_ms)
    .bind(build_id)
    .fetch_all(&mut **transaction)
    .await?;
    for id in ended {
        event::ended(transaction, id, now_ms).await?;
    }
    batch::release(transaction, build_id).await
}
