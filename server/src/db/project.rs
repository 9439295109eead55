//! Projects: `owner/name` and what its owner chose.

use copr_api::{
    builder::Rpmlint,
    names::{Chroot, OwnerName, ProjectName},
};
use sqlx::{Any, Row, Transaction, any::AnyRow};

use super::{Db, Error, Window, parsed, task, truth, words};

/// One project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Number; 0 in one that is about to be added.
    pub id: i64,
    /// Owner.
    pub owner: OwnerName,
    /// Name without owner.
    pub name: ProjectName,
    /// Text, Markdown.
    pub description: Option<String>,
    /// Text, Markdown.
    pub instructions: Option<String>,
    /// URL.
    pub homepage: Option<String>,
    /// Mail address or URL.
    pub contact: Option<String>,
    /// Build-time repositories: URLs or `copr://owner/name`.
    pub additional_repos: Vec<String>,
    /// Run-time repositories: URLs or `copr://owner/name`.
    pub runtime_dependencies: Vec<String>,
    /// Not on the front page.
    pub unlisted: bool,
    /// Builds may use the network.
    pub enable_net: bool,
    /// What rpmlint's verdict means.
    pub rpmlint: Rpmlint,
    /// Publish only when asked to (kept for the clients).
    pub devel_mode: bool,
    /// `module_hotfixes=1` in .repo files.
    pub module_hotfixes: bool,
    /// `priority=` in .repo files.
    pub repo_priority: Option<i64>,
    /// Clients of a 64-bit chroot get the 32-bit one of the same release too.
    pub multilib: bool,
    /// When it was added, milliseconds since 1970.
    pub created_ms: i64,
}

impl Project {
    /// A project with nothing but its name.
    #[must_use]
    pub fn new(owner: OwnerName, name: ProjectName) -> Self {
        Self {
            id: 0,
            owner,
            name,
            description: None,
            instructions: None,
            homepage: None,
            contact: None,
            additional_repos: Vec::new(),
            runtime_dependencies: Vec::new(),
            unlisted: false,
            enable_net: false,
            rpmlint: Rpmlint::default(),
            devel_mode: false,
            module_hotfixes: false,
            repo_priority: None,
            multilib: false,
            created_ms: 0,
        }
    }

    /// `owner/name`.
    #[must_use]
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }
}

/// Which projects a list has.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only this owner's.
    pub owner: Option<String>,
    /// Only those with this text in `owner/name` or the description; letter case does not count.
    pub query: Option<String>,
    /// Only those that are shown on the front page.
    pub listed_only: bool,
    /// Newest first instead of oldest first.
    pub newest_first: bool,
}

fn project(row: &AnyRow) -> Result<Project, Error> {
    Ok(Project {
        id: row.try_get("id")?,
        owner: parsed(row, "owner")?,
        name: parsed(row, "name")?,
        description: row.try_get("description")?,
        instructions: row.try_get("instructions")?,
        homepage: row.try_get("homepage")?,
        contact: row.try_get("contact")?,
        additional_repos: words(row, "additional_repos")?,
        runtime_dependencies: words(row, "runtime_dependencies")?,
        unlisted: truth(row, "unlisted")?,
        enable_net: truth(row, "enable_net")?,
        rpmlint: parsed(row, "rpmlint")?,
        devel_mode: truth(row, "devel_mode")?,
        module_hotfixes: truth(row, "module_hotfixes")?,
        repo_priority: row.try_get("repo_priority")?,
        multilib: truth(row, "multilib")?,
        created_ms: row.try_get("created_ms")?,
    })
}

/// Adds a project with its chroots, and the tasks that make its empty repositories; `project.id` and `created_ms` are not read.
///
/// # Errors
/// [`Error::is_duplicate`] when the owner has a project of that name.
pub async fn add(db: &Db, new: &Project, chroots: &[Chroot], now_ms: i64) -> Result<Project, Error> {
    let mut transaction = db.begin().await?;
    let row = sqlx::query(
        "INSERT INTO projects (owner, name, description, instructions, homepage, contact, additional_repos, \
         runtime_dependencies, unlisted, enable_net, devel_mode, module_hotfixes, repo_priority, multilib, created_ms, \
         rpmlint) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) RETURNING *",
    )
    .bind(new.owner.as_str())
    .bind(new.name.as_str())
    .bind(new.description.clone())
    .bind(new.instructions.clone())
    .bind(new.homepage.clone())
    .bind(new.contact.clone())
    .bind(new.additional_repos.join(" "))
    .bind(new.runtime_dependencies.join(" "))
    .bind(i64::from(new.unlisted))
    .bind(i64::from(new.enable_net))
    .bind(i64::from(new.devel_mode))
    .bind(i64::from(new.module_hotfixes))
    .bind(new.repo_priority)
    .bind(i64::from(new.multilib))
    .bind(now_ms)
    .bind(new.rpmlint.as_str())
    .fetch_one(&mut *transaction)
    .await?;
    let added = project(&row)?;
    for chroot in chroots {
        add_chroot(&mut transaction, &added, chroot, now_ms).await?;
    }
    transaction.commit().await?;
    Ok(added)
}

/// Writes what was changed in a project, all but its name; with `chroots`, exactly those are its own from now on.
///
/// # Errors
/// The database does not answer.
pub async fn set(db: &Db, of: &Project, chroots: Option<&[Chroot]>, now_ms: i64) -> Result<(), Error> {
    let mut transaction = db.begin().await?;
    sqlx::query(
        "UPDATE projects SET description = $1, instructions = $2, homepage = $3, contact = $4, additional_repos = $5, \
         runtime_dependencies = $6, unlisted = $7, enable_net = $8, devel_mode = $9, module_hotfixes = $10, \
         repo_priority = $11, multilib = $12, rpmlint = $13 WHERE id = $14",
    )
    .bind(of.description.clone())
    .bind(of.instructions.clone())
    .bind(of.homepage.clone())
    .bind(of.contact.clone())
    .bind(of.additional_repos.join(" "))
    .bind(of.runtime_dependencies.join(" "))
    .bind(i64::from(of.unlisted))
    .bind(i64::from(of.enable_net))
    .bind(i64::from(of.devel_mode))
    .bind(i64::from(of.module_hotfixes))
    .bind(of.repo_priority)
    .bind(i64::from(of.multilib))
    .bind(of.rpmlint.as_str())
    .bind(of.id)
    .execute(&mut *transaction)
    .await?;
    if let Some(chroots) = chroots {
        let had: Vec<String> =
            sqlx::query_scalar("SELECT chroot FROM project_chroots WHERE project_id = $1 ORDER BY chroot")
                .bind(of.id)
                .fetch_all(&mut *transaction)
                .await?;
        for gone in had.iter().filter(|had| chroots.iter().all(|chroot| chroot.as_str() != had.as_str())) {
            sqlx::query("DELETE FROM project_chroots WHERE project_id = $1 AND chroot = $2")
                .bind(of.id)
                .bind(gone)
                .execute(&mut *transaction)
                .await?;
        }
        for new in chroots.iter().filter(|chroot| had.iter().all(|had| chroot.as_str() != had.as_str())) {
            add_chroot(&mut transaction, of, new, now_ms).await?;
        }
    }
    transaction.commit().await?;
    Ok(())
}

async fn add_chroot(
    transaction: &mut Transaction<'_, Any>,
    of: &Project,
    chroot: &Chroot,
    now_ms: i64,
) -> Result<(), Error> {
    sqlx::query("INSERT INTO project_chroots (project_id, chroot) VALUES ($1, $2)")
        .bind(of.id)
        .bind(chroot.as_str())
        .execute(&mut **transaction)
        .await?;
    let key = task::RepositoryKey { owner: of.owner.clone(), dirname: dirname_of(&of.name)?, chroot: chroot.clone() };
    task::enqueue_publish(transaction, &key, now_ms).await
}

/// The project's own directory.
fn dirname_of(name: &ProjectName) -> Result<copr_api::names::DirName, Error> {
    name.as_str().parse().map_err(|error: copr_api::names::NameError| Error::Corrupt {
        column: "name",
        value: name.to_string(),
        reason: error.to_string(),
    })
}

/// The project `owner/name`.
///
/// # Errors
/// The database does not answer.
pub async fn get(db: &Db, owner: &OwnerName, name: &ProjectName) -> Result<Option<Project>, Error> {
    sqlx::query("SELECT * FROM projects WHERE owner = $1 AND name = $2")
        .bind(owner.as_str())
        .bind(name.as_str())
        .fetch_optional(&db.pool)
        .await?
        .as_ref()
        .map(project)
        .transpose()
}

/// The project of that number.
///
/// # Errors
/// The database does not answer.
pub async fn by_id(db: &Db, id: i64) -> Result<Option<Project>, Error> {
    sqlx::query("SELECT * FROM projects WHERE id = $1")
        .bind(id)
        .fetch_optional(&db.pool)
        .await?
        .as_ref()
        .map(project)
        .transpose()
}

/// Projects by number, or newest first.
///
/// # Errors
/// The database does not answer.
pub async fn list(db: &Db, filter: &Filter, window: Window) -> Result<Vec<Project>, Error> {
    let pattern = filter.query.as_deref().map(like_pattern);
    sqlx::query(
        "SELECT * FROM projects WHERE ($1 = '' OR owner = $1) \
         AND ($2 = '' OR LOWER(owner || '/' || name || ' ' || COALESCE(description, '')) LIKE $2 ESCAPE '!') \
         AND ($3 = 0 OR unlisted = 0) \
         ORDER BY CASE WHEN $4 = 1 THEN -id ELSE id END LIMIT $5 OFFSET $6",
    )
    .bind(filter.owner.clone().unwrap_or_default())
    .bind(pattern.unwrap_or_default())
    .bind(i64::from(filter.listed_only))
    .bind(i64::from(filter.newest_first))
    .bind(window.limit_sql())
    .bind(window.offset_sql())
    .fetch_all(&db.pool)
    .await?
    .iter()
    .map(project)
    .collect()
}

/// A LIKE pattern for "has this text", escaped with `!`.
fn like_pattern(text: &str) -> String {
    let mut pattern = String::from("%");
    for c in text.to_lowercase().chars() {
        if matches!(c, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

/// Deletes a project with its builds, unless one of them is at work; `false`: it was.
///
/// # Errors
/// The database does not answer.
pub async fn delete(db: &Db, id: i64) -> Result<bool, Error> {
    let deleted = sqlx::query(
        "DELETE FROM projects WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM build_chroots c JOIN builds b ON b.id = c.build_id \
         WHERE b.project_id = $1 AND (c.lease_id IS NOT NULL OR c.publishing = 1))",
    )
    .bind(id)
    .execute(&db.pool)
    .await?;
    Ok(deleted.rows_affected() > 0)
}
