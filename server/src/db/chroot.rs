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
    /// Memory of machines in MiB.
    pub memory_mib: Option<u32>,
    /// CPUs of machines.
    pub cpus: Option<u32>,
}

impl ProjectChroot {
    /// A chroot for which nothing is chosen.
    #[must_use]
    pub fn new(project_id: i64, chroot: Chroot) -> Self {
        Self {
            project_id,
            chroot,
            additional_repos: Vec::new(),
            additional_packages: Vec::new(),
            with_opts: Vec::new(),
            without_opts: Vec::new(),
            memory_mib: None,
            cpus: None,
        }
    }
}

fn project_chroot(row: &AnyRow) -> Result<ProjectChroot, Error> {
    Ok(ProjectChroot {
        project_id: row.try_get("project_id")?,
        chroot: parsed(row, "chroot")?,
        additional_repos: words(row, "additional_repos")?,
        additional_packages: words(row, "additional_packages")?,
        with_opts: words(row, "with_opts")?,
        without_opts: words(row, "without_opts")?,
        memory_mib: number(row, "memory_mib")?,
        cpus: number(row, "cpus")?,
    })
}

fn number(row: &AnyRow, column: &'static str) -> Result<Option<u32>, Error> {
    Ok(row.try_get::<Option<i64>, _>(column)?.and_then(|number| u32::try_from(number).ok()))
}

/// Writes what is chosen for a chroot of a project; `false`: the project has it no more.
///
/// # Errors
/// The database does not answer.
pub async fn set(db: &Db, of: &ProjectChroot) -> Result<bool, Error> {
    let set = sqlx::query(
        "UPDATE project_chroots SET additional_repos = $1, additional_packages = $2, with_opts = $3, without_opts = $4, \
         memory_mib = $5, cpus = $6 WHERE project_id = $7 AND chroot = $8",
    )
    .bind(of.additional_repos.join(" "))
    .bind(of.additional_packages.join(" "))
    .bind(of.with_opts.join(" "))
    .bind(of.without_opts.join(" "))
    .bind(of.memory_mib.map(i64::from))
    .bind(of.cpus.map(i64::from))
    .bind(of.project_id)
    .bind(of.chroot.as_str())
    .execute(&db.pool)
    .await?;
    Ok(set.rows_affected() > 0)
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
