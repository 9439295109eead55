//! The chroots that a project has enabled.

use std::collections::HashMap;

use copr_api::names::Chroot;
use sqlx::{Any, Row, Transaction, any::AnyRow};

use super::{
    Db, Error, build, parsed, project, quota, removal,
    task::{self, RepositoryKey},
    words,
};

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
    /// Name that its comps.xml was uploaded under; `None`: it has none.
    pub comps_name: Option<String>,
    /// Module streams, `[!]name:stream`, kept for the clients.
    pub additional_modules: Vec<String>,
    /// mock's isolation setting, kept for the clients; `unchanged`: the project's.
    pub isolation: String,
    /// mock's bootstrap setting, kept for the clients; `unchanged`: the project's.
    pub bootstrap: String,
    /// Nothing is built for it any more, and then it is deleted, milliseconds since 1970.
    pub delete_at_ms: Option<i64>,
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
            comps_name: None,
            additional_modules: Vec::new(),
            isolation: "unchanged".to_owned(),
            bootstrap: "unchanged".to_owned(),
            delete_at_ms: None,
        }
    }
}

pub(super) fn project_chroot(row: &AnyRow) -> Result<ProjectChroot, Error> {
    Ok(ProjectChroot {
        project_id: row.try_get("project_id")?,
        chroot: parsed(row, "chroot")?,
        additional_repos: words(row, "additional_repos")?,
        additional_packages: words(row, "additional_packages")?,
        with_opts: words(row, "with_opts")?,
        without_opts: words(row, "without_opts")?,
        memory_mib: number(row, "memory_mib")?,
        cpus: number(row, "cpus")?,
        comps_name: row.try_get("comps_name")?,
        additional_modules: words(row, "additional_modules")?,
        isolation: row.try_get("isolation")?,
        bootstrap: row.try_get("bootstrap")?,
        delete_at_ms: row.try_get("delete_at_ms")?,
    })
}

fn number(row: &AnyRow, column: &'static str) -> Result<Option<u32>, Error> {
    Ok(row.try_get::<Option<i64>, _>(column)?.and_then(|number| u32::try_from(number).ok()))
}

/// Writes what is chosen for a chroot of a project; `false`: the project has it no more. `publish`: its repository, when that is
/// to be published once more.
///
/// # Errors
/// The database does not answer.
pub async fn set(db: &Db, of: &ProjectChroot, publish: Option<&RepositoryKey>, now_ms: i64) -> Result<bool, Error> {
    let mut transaction = db.begin().await?;
    if !write(&mut transaction, of).await? {
        return Ok(false);
    }
    if let Some(repository) = publish {
        task::enqueue_publish(&mut transaction, repository, now_ms).await?;
    }
    transaction.commit().await?;
    Ok(true)
}

/// The same within a transaction.
pub(super) async fn write(transaction: &mut Transaction<'_, Any>, of: &ProjectChroot) -> Result<bool, Error> {
    let set = sqlx::query(
        "UPDATE project_chroots SET additional_repos = $1, additional_packages = $2, with_opts = $3, without_opts = $4, \
         memory_mib = $5, cpus = $6, comps_name = $7, additional_modules = $8, isolation = $9, bootstrap = $10, \
         delete_at_ms = $11 WHERE project_id = $12 AND chroot = $13 AND dropped = 0",
    )
    .bind(of.additional_repos.join(" "))
    .bind(of.additional_packages.join(" "))
    .bind(of.with_opts.join(" "))
    .bind(of.without_opts.join(" "))
    .bind(of.memory_mib.map(i64::from))
    .bind(of.cpus.map(i64::from))
    .bind(of.comps_name.clone())
    .bind(of.additional_modules.join(" "))
    .bind(of.isolation.as_str())
    .bind(of.bootstrap.as_str())
    .bind(of.delete_at_ms)
    .bind(of.project_id)
    .bind(of.chroot.as_str())
    .execute(&mut **transaction)
    .await?;
    Ok(set.rows_affected() > 0)
}

/// A project's chroots, by name; also those that are out of life and still served, but none that it has given up.
///
/// # Errors
/// The database does not answer.
pub async fn of_project(db: &Db, project_id: i64) -> Result<Vec<ProjectChroot>, Error> {
    sqlx::query("SELECT * FROM project_chroots WHERE project_id = $1 AND dropped = 0 ORDER BY chroot")
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
    sqlx::query("SELECT * FROM project_chroots WHERE project_id = $1 AND chroot = $2 AND dropped = 0")
        .bind(project_id)
        .bind(chroot.as_str())
        .fetch_optional(&db.pool)
        .await?
        .as_ref()
        .map(project_chroot)
        .transpose()
}

/// The chroots of each of these projects, as [`of_project`] has them: for lists, in one go.
///
/// # Errors
/// The database does not answer.
pub async fn of_projects(db: &Db, projects: &[i64]) -> Result<HashMap<i64, Vec<ProjectChroot>>, Error> {
    let mut found: HashMap<i64, Vec<ProjectChroot>> = HashMap::with_capacity(projects.len());
    for some in projects.chunks(build::AT_ONCE) {
        // Only numbers are put into the text.
        let sql = format!(
            "SELECT * FROM project_chroots WHERE project_id IN ({}) AND dropped = 0 ORDER BY project_id, chroot",
            build::places(1, some.len())
        );
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
        for id in some {
            query = query.bind(*id);
        }
        for row in &query.fetch_all(&db.pool).await? {
            let chroot = project_chroot(row)?;
            found.entry(chroot.project_id).or_default().push(chroot);
        }
    }
    Ok(found)
}

/// The chroots that a project's builds may be for, by name: none that is out of life.
///
/// # Errors
/// The database does not answer.
pub async fn built_for(db: &Db, project_id: i64) -> Result<Vec<Chroot>, Error> {
    let all = of_project(db, project_id).await?;
    Ok(all.into_iter().filter(|of| of.delete_at_ms.is_none()).map(|of| of.chroot).collect())
}

/// Lets every project's chroots follow the notes: those of a chroot whose life has ended are kept for `kept_ms` more, those of one
/// that lives again stay for good.
///
/// # Errors
/// The database does not answer.
pub async fn follow_notes(db: &Db, kept_ms: i64, now_ms: i64) -> Result<(), Error> {
    sqlx::query(
        "UPDATE project_chroots SET delete_at_ms = \
         (SELECT n.eol_ms + $1 FROM chroot_notes n WHERE n.chroot = project_chroots.chroot) \
         WHERE dropped = 0 AND delete_at_ms IS NULL AND chroot IN (SELECT chroot FROM chroot_notes WHERE eol_ms <= $2)",
    )
    .bind(kept_ms)
    .bind(now_ms)
    .execute(&db.pool)
    .await?;
    sqlx::query(
        "UPDATE project_chroots SET delete_at_ms = NULL WHERE dropped = 0 AND delete_at_ms IS NOT NULL \
         AND chroot NOT IN (SELECT chroot FROM chroot_notes WHERE eol_ms <= $1)",
    )
    .bind(now_ms)
    .execute(&db.pool)
    .await?;
    Ok(())
}

/// Deletes the chroots of projects whose time has come at `now_ms`, unless a build for one is at work, and notes that their
/// repositories are to go, from the publish on that is queued for `publish_ms`; how many.
///
/// # Errors
/// The database does not answer.
pub async fn delete_due(db: &Db, now_ms: i64, publish_ms: i64) -> Result<u64, Error> {
    let due = sqlx::query(
        "SELECT project_id, chroot FROM project_chroots WHERE delete_at_ms <= $1 ORDER BY project_id, chroot",
    )
    .bind(now_ms)
    .fetch_all(&db.pool)
    .await?;
    let mut all = 0;
    for row in &due {
        let (project_id, chroot): (i64, Chroot) = (row.try_get("project_id")?, parsed(row, "chroot")?);
        let Some(of) = project::by_id(db, project_id).await? else { continue };
        let mut transaction = db.begin().await?;
        // What has been chosen again meanwhile, or put off, stays.
        let deleted = sqlx::query(
            "DELETE FROM project_chroots WHERE project_id = $1 AND chroot = $2 AND delete_at_ms <= $3 AND NOT EXISTS \
             (SELECT 1 FROM build_chroots c JOIN builds b ON b.id = c.build_id WHERE b.project_id = $1 AND c.chroot = $2 \
              AND (c.lease_id IS NOT NULL OR c.publishing = 1 OR c.state IN ('pending', 'waiting')))",
        )
        .bind(project_id)
        .bind(chroot.as_str())
        .bind(now_ms)
        .execute(&mut *transaction)
        .await?
        .rows_affected();
        if deleted == 0 {
            continue;
        }
        quota::wait(&mut transaction, db.dialect, &of.owner).await?;
        // The builds stay, and tell what became of them; their packages are nobody's any more.
        sqlx::query(
            "DELETE FROM results WHERE build_chroot_id IN (SELECT c.id FROM build_chroots c JOIN builds b ON b.id = c.build_id \
             WHERE b.project_id = $1 AND c.chroot = $2)",
        )
        .bind(project_id)
        .bind(chroot.as_str())
        .execute(&mut *transaction)
        .await?;
        for dirname in project::dirnames(&mut transaction, &of).await? {
            let key = RepositoryKey { owner: of.owner.clone(), dirname, chroot: chroot.clone() };
            removal::enqueue(&mut transaction, &key, "", now_ms, publish_ms).await?;
        }
        transaction.commit().await?;
        all += deleted;
    }
    Ok(all)
}
