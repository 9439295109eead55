//! The chroots that a project has enabled.

use copr_api::names::Chroot;
use sqlx::{Row, any::AnyRow};

use super::{Db, Error, parsed, words};

/// One chroot of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectChroot {
    /// The project.
    pub project_id: i64,
    /// Its name.
    pub chroot: Chroot,
    /// Build-time repositories for this chroot alone.
    pub additional_repos: Vec<String>,
    /// Packages that every buildroot of this project and chroot has.
    pub additional_packages: Vec<String>,
    /// `--with` options.
    pub with_opts: Vec<String>,
    /// `--without` options.
    pub without_opts: Vec<String>,
}

fn project_chroot(row: &AnyRow) -> Result<ProjectChroot, Error> {
    Ok(ProjectChroot {
        project_id: row.try_get("project_id")?,
        chroot: parsed(row, "chroot")?,
        additional_repos: words(row, "additional_repos")?,
        additional_packages: words(row, "additional_packages")?,
        with_opts: words(row, "with_opts")?,
        without_opts: words(row, "without_opts")?,
    })
}

/// A project's chroots, by name.
///
/// # Errors
/// The database does not answer.
pub async fn of_project(db: &Db, project_id: i64) -> Result<Vec<ProjectChroot>, Error> {
    sqlx::query("SELECT * FROM project_chroots WHERE project_id = $1 ORDER BY chroot")
        .bind(project_id)
        .fetch_all(&db.pool)
        .await?
        .iter()
        .map(project_chroot)
        .collect()
}

/// One chroot of a project.
///
/// # Errors
/// The database does not answer.
pub async fn get(db: &Db, project_id: i64, chroot: &Chroot) -> Result<Option<ProjectChroot>, Error> {
    sqlx::query("SELECT * FROM project_chroots WHERE project_id = $1 AND chroot = $2")
        .bind(project_id)
        .bind(chroot.as_str())
        .fetch_optional(&db.pool)
        .await?
        .as_ref()
        .map(project_chroot)
        .transpose()
}

/// The chroots of all projects with numbers from `first` to `last`, of one owner or of everyone: for lists, in one go.
///
/// # Errors
/// The database does not answer.
pub async fn between(db: &Db, first: i64, last: i64, owner: Option<&str>) -> Result<Vec<ProjectChroot>, Error> {
    sqlx::query(
        "SELECT c.* FROM project_chroots c JOIN projects p ON p.id = c.project_id WHERE c.project_id BETWEEN $1 AND $2 \
         AND ($3 = '' OR p.owner = $3) ORDER BY c.project_id, c.chroot",
    )
    .bind(first)
    .bind(last)
    .bind(owner.unwrap_or_default())
    .fetch_all(&db.pool)
    .await?
    .iter()
    .map(project_chroot)
    .collect()
}
