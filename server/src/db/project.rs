//! Projects: `owner/name` and what its owner chose.

use copr_api::{
    builder::{Rpmlint, ShadowCheck},
    names::{Chroot, DirName, OwnerName, ProjectName},
    v3::SignWith,
};
use sqlx::{Any, Row, Transaction, any::AnyRow};

use super::{
    Db, Dialect, Error, Window, containing, event, notice, parsed, quota, removal, search, task, truth, words,
};

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
    /// Where users report bugs of its packages, a web address.
    pub bug_url: Option<String>,
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
    /// What is done about packages that stand in the way of the distribution's own.
    pub shadow_check: ShadowCheck,
    /// Whose key its packages are signed with.
    pub signing: SignWith,
    /// Publish only when asked to (kept for the clients).
    pub devel_mode: bool,
    /// `module_hotfixes=1` in .repo files.
    pub module_hotfixes: bool,
    /// `priority=` in .repo files.
    pub repo_priority: Option<i64>,
    /// Clients of a 64-bit chroot get the 32-bit one of the same release too.
    pub multilib: bool,
    /// Never deleted nor pruned.
    pub persistent: bool,
    /// Old builds are removed by themselves.
    pub auto_prune: bool,
    /// mock's bootstrap setting, kept for the clients.
    pub bootstrap: String,
    /// mock's isolation setting, kept for the clients.
    pub isolation: String,
    /// `AppStream` metadata, kept for the clients.
    pub appstream: bool,
    /// fedora-review after builds, kept for the clients.
    pub fedora_review: bool,
    /// New Fedora branches are added by themselves.
    pub follow_fedora_branching: bool,
    /// Patterns, kept for the clients.
    pub packit_forge_projects_allowed: Vec<String>,
    /// Builds that are kept of each package that says nothing else; `None`: all.
    pub keep_builds: Option<i64>,
    /// Pull requests are built, into directories of their own.
    pub webhook_pull_requests: bool,
    /// Packages are built anew when something that they require changes.
    pub rebuild_on_dependency_changes: bool,
    /// When it is deleted by itself, milliseconds since 1970.
    pub delete_at_ms: Option<i64>,
    /// Number of the project that it was forked from, which may be gone.
    pub forked_from: Option<i64>,
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
            bug_url: None,
            additional_repos: Vec::new(),
            runtime_dependencies: Vec::new(),
            unlisted: false,
            enable_net: false,
            rpmlint: Rpmlint::default(),
            shadow_check: ShadowCheck::default(),
            signing: SignWith::Nothing,
            devel_mode: false,
            module_hotfixes: false,
            repo_priority: None,
            multilib: false,
            persistent: false,
            auto_prune: true,
            bootstrap: "default".to_owned(),
            isolation: "default".to_owned(),
            appstream: false,
            fedora_review: false,
            follow_fedora_branching: false,
            packit_forge_projects_allowed: Vec::new(),
            keep_builds: None,
            webhook_pull_requests: false,
            rebuild_on_dependency_changes: false,
            delete_at_ms: None,
            forked_from: None,
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
    /// Newest (or by whatever they are ordered, the last) first instead of oldest first.
    pub newest_first: bool,
    /// By what they are ordered.
    pub order: Order,
}

/// By what a list is ordered; projects that do not differ in it, by number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    /// Number.
    #[default]
    Id,
    /// Name without owner.
    Name,
    /// Owner.
    Owner,
    /// Time of its making.
    Created,
    /// Text.
    Description,
    /// Text.
    Instructions,
    /// URL.
    Homepage,
    /// Mail address or URL.
    Contact,
}

impl Order {
    /// The order by a column of Copr's name.
    #[must_use]
    pub fn of(column: &str) -> Option<Self> {
        Some(match column {
            "id" => Self::Id,
            "name" => Self::Name,
            "ownername" | "owner" => Self::Owner,
            "created_on" => Self::Created,
            "description" => Self::Description,
            "instructions" => Self::Instructions,
            "homepage" => Self::Homepage,
            "contact" => Self::Contact,
            _ => return None,
        })
    }

    fn column(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Name => "name",
            Self::Owner => "owner",
            Self::Created => "created_ms",
            Self::Description => "description",
            Self::Instructions => "instructions",
            Self::Homepage => "homepage",
            Self::Contact => "contact",
        }
    }
}

pub(super) fn project(row: &AnyRow) -> Result<Project, Error> {
    Ok(Project {
        id: row.try_get("id")?,
        owner: parsed(row, "owner")?,
        name: parsed(row, "name")?,
        description: row.try_get("description")?,
        instructions: row.try_get("instructions")?,
        homepage: row.try_get("homepage")?,
        contact: row.try_get("contact")?,
        bug_url: row.try_get("bug_url")?,
        additional_repos: words(row, "additional_repos")?,
        runtime_dependencies: words(row, "runtime_dependencies")?,
        unlisted: truth(row, "unlisted")?,
        enable_net: truth(row, "enable_net")?,
        rpmlint: parsed(row, "rpmlint")?,
        shadow_check: parsed(row, "shadow_check")?,
        signing: parsed(row, "signing")?,
        devel_mode: truth(row, "devel_mode")?,
        module_hotfixes: truth(row, "module_hotfixes")?,
        repo_priority: row.try_get("repo_priority")?,
        multilib: truth(row, "multilib")?,
        persistent: truth(row, "persistent")?,
        auto_prune: truth(row, "auto_prune")?,
        keep_builds: row.try_get("keep_builds")?,
        bootstrap: row.try_get("bootstrap")?,
        isolation: row.try_get("isolation")?,
        appstream: truth(row, "appstream")?,
        fedora_review: truth(row, "fedora_review")?,
        follow_fedora_branching: truth(row, "follow_fedora_branching")?,
        packit_forge_projects_allowed: words(row, "packit_forge_projects_allowed")?,
        webhook_pull_requests: truth(row, "webhook_pull_requests")?,
        rebuild_on_dependency_changes: truth(row, "rebuild_on_dependency_changes")?,
        delete_at_ms: row.try_get("delete_at_ms")?,
        forked_from: row.try_get("forked_from")?,
        created_ms: row.try_get("created_ms")?,
    })
}

/// Adds a project with its chroots, and the tasks that make its empty repositories; `project.id` and `created_ms` are not read.
///
/// # Errors
/// [`Error::is_duplicate`] when the owner has a project of that name, [`Error::is_orphan`] when it is a group that is not there.
pub async fn add(db: &Db, new: &Project, chroots: &[Chroot], now_ms: i64) -> Result<Project, Error> {
    let mut transaction = db.begin().await?;
    let added = insert(&mut transaction, db.dialect, new, now_ms).await?;
    for chroot in chroots {
        add_chroot(&mut transaction, &added, chroot, now_ms).await?;
    }
    transaction.commit().await?;
    Ok(added)
}

/// Adds a project without chroots.
pub(super) async fn insert(
    transaction: &mut Transaction<'_, Any>,
    dialect: Dialect,
    new: &Project,
    now_ms: i64,
) -> Result<Project, Error> {
    if let Some(group) = new.owner.as_str().strip_prefix('@') {
        // The group's row is held from here on: it can't be deleted before the project is there.
        let sql = "UPDATE user_groups SET name = name WHERE name = $1";
        if sqlx::query(sql).bind(group).execute(&mut **transaction).await?.rows_affected() == 0 {
            return Err(Error::NoGroup(new.owner.to_string()));
        }
    }
    let id = sqlx::query_scalar(
        "INSERT INTO projects (owner, name, persistent, forked_from, created_ms) VALUES ($1, $2, $3, $4, $5) RETURNING id",
    )
    .bind(new.owner.as_str())
    .bind(new.name.as_str())
    .bind(i64::from(new.persistent))
    .bind(new.forked_from)
    .bind(now_ms)
    .fetch_one(&mut **transaction)
    .await?;
    let added = Project { id, created_ms: now_ms, ..new.clone() };
    write(transaction, dialect, &added).await?;
    let body = event::about(&added);
    let new = event::New { topic: event::PROJECT_CREATED, project: &added, build_id: None, body };
    event::note(transaction, new, now_ms).await?;
    notice::project_is_there(transaction, &added, now_ms).await?;
    Ok(added)
}

/// Writes all that may be changed in a project; `false`: it is gone. The owner's key signs nothing that others build.
pub(super) async fn write(
    transaction: &mut Transaction<'_, Any>,
    dialect: Dialect,
    of: &Project,
) -> Result<bool, Error> {
    let written = sqlx::query(
        "UPDATE projects SET description = $1, instructions = $2, homepage = $3, contact = $4, additional_repos = $5, \
         runtime_dependencies = $6, unlisted = $7, enable_net = $8, devel_mode = $9, module_hotfixes = $10, \
         repo_priority = $11, multilib = $12, rpmlint = $13, auto_prune = $14, bootstrap = $15, isolation = $16, \
         appstream = $17, fedora_review = $18, follow_fedora_branching = $19, packit_forge_projects_allowed = $20, \
         delete_at_ms = $21, bug_url = $24, shadow_check = $25, keep_builds = $26, webhook_pull_requests = $27, \
         rebuild_on_dependency_changes = $28, \
         signing = CASE WHEN $22 = 'owner' AND EXISTS (SELECT 1 FROM permissions q WHERE q.project_id = projects.id \
         AND (q.admin = 'approved' OR q.builder = 'approved')) THEN signing ELSE $22 END WHERE id = $23",
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
    .bind(i64::from(of.auto_prune))
    .bind(of.bootstrap.as_str())
    .bind(of.isolation.as_str())
    .bind(i64::from(of.appstream))
    .bind(i64::from(of.fedora_review))
    .bind(i64::from(of.follow_fedora_branching))
    .bind(of.packit_forge_projects_allowed.join(" "))
    .bind(of.delete_at_ms)
    .bind(of.signing.as_str())
    .bind(of.id)
    .bind(of.bug_url.clone())
    .bind(of.shadow_check.as_str())
    .bind(of.keep_builds)
    .bind(i64::from(of.webhook_pull_requests))
    .bind(i64::from(of.rebuild_on_dependency_changes))
    .execute(&mut **transaction)
    .await?;
    if written.rows_affected() == 0 {
        return Ok(false);
    }
    search::describe(transaction, dialect, of).await?;
    Ok(true)
}

/// Writes what was changed in a project, all but its name; `false`: it is gone. With `chroots`, exactly those are its own from now
/// on: the others are kept until `dropped_until_ms` in case they are chosen again, and those that are, are as they were. With
/// `republish` every repository of it is published once more.
///
/// # Errors
/// The database does not answer.
pub async fn set(
    db: &Db,
    of: &Project,
    chroots: Option<&[Chroot]>,
    republish: bool,
    dropped_until_ms: i64,
    now_ms: i64,
) -> Result<bool, Error> {
    let mut transaction = db.begin().await?;
    // The row is held from here on: two who change the same project come one after the other.
    if !write(&mut transaction, db.dialect, of).await? {
        return Ok(false);
    }
    let body = event::about(of);
    let new = event::New { topic: event::PROJECT_CHANGED, project: of, build_id: None, body };
    event::note(&mut transaction, new, now_ms).await?;
    notice::project_needs(&mut transaction, of, now_ms).await?;
    if let Some(chroots) = chroots {
        choose(&mut transaction, of, chroots, dropped_until_ms, now_ms).await?;
    }
    if republish {
        enqueue_all(&mut transaction, of, now_ms).await?;
    }
    transaction.commit().await?;
    Ok(true)
}

/// Queues the publish of every repository of a project.
pub(super) async fn enqueue_all(
    transaction: &mut Transaction<'_, Any>,
    of: &Project,
    now_ms: i64,
) -> Result<(), Error> {
    let served = sqlx::query("SELECT chroot FROM project_chroots WHERE project_id = $1 AND dropped = 0")
        .bind(of.id)
        .fetch_all(&mut **transaction)
        .await?;
    for dirname in dirnames(transaction, of).await? {
        for row in &served {
            let key = task::RepositoryKey {
                owner: of.owner.clone(),
                dirname: dirname.clone(),
                chroot: parsed(row, "chroot")?,
            };
            task::enqueue_publish(transaction, &key, now_ms).await?;
        }
    }
    Ok(())
}

async fn choose(
    transaction: &mut Transaction<'_, Any>,
    of: &Project,
    chroots: &[Chroot],
    dropped_until_ms: i64,
    now_ms: i64,
) -> Result<(), Error> {
    let rows = sqlx::query("SELECT chroot, dropped FROM project_chroots WHERE project_id = $1 ORDER BY chroot")
        .bind(of.id)
        .fetch_all(&mut **transaction)
        .await?;
    let mut had = Vec::with_capacity(rows.len());
    for row in &rows {
        had.push((parsed::<Chroot>(row, "chroot")?, truth(row, "dropped")?));
    }
    for (gone, _) in had.iter().filter(|(chroot, dropped)| !dropped && !chroots.contains(chroot)) {
        sqlx::query("UPDATE project_chroots SET dropped = 1, delete_at_ms = $1 WHERE project_id = $2 AND chroot = $3")
            .bind(dropped_until_ms)
            .bind(of.id)
            .bind(gone.as_str())
            .execute(&mut **transaction)
            .await?;
    }
    for chosen in chroots {
        match had.iter().find(|(chroot, _)| chroot == chosen) {
            None => add_chroot(transaction, of, chosen, now_ms).await?,
            Some((_, true)) => {
                sqlx::query(
                    "UPDATE project_chroots SET dropped = 0, delete_at_ms = NULL WHERE project_id = $1 AND chroot = $2",
                )
                .bind(of.id)
                .bind(chosen.as_str())
                .execute(&mut **transaction)
                .await?;
                enqueue(transaction, of, chosen, now_ms).await?;
            }
            Some((_, false)) => {}
        }
    }
    Ok(())
}

/// Adds a chroot for which nothing is chosen yet, and queues the publish of its empty repository.
pub(super) async fn add_chroot(
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
    enqueue(transaction, of, chroot, now_ms).await
}

async fn enqueue(
    transaction: &mut Transaction<'_, Any>,
    of: &Project,
    chroot: &Chroot,
    now_ms: i64,
) -> Result<(), Error> {
    let key = task::RepositoryKey { owner: of.owner.clone(), dirname: dirname_of(&of.name)?, chroot: chroot.clone() };
    task::enqueue_publish(transaction, &key, now_ms).await
}

/// All directories of a project: its own, those that are known, those that something was built into.
pub(super) async fn dirnames(transaction: &mut Transaction<'_, Any>, of: &Project) -> Result<Vec<DirName>, Error> {
    let rows = sqlx::query(
        "SELECT dirname FROM directories WHERE project_id = $1 UNION SELECT dirname FROM builds WHERE project_id = $1",
    )
    .bind(of.id)
    .fetch_all(&mut **transaction)
    .await?;
    let own = dirname_of(&of.name)?;
    let mut all = vec![own.clone()];
    for row in &rows {
        let dirname: DirName = parsed(row, "dirname")?;
        if dirname != own {
            all.push(dirname);
        }
    }
    Ok(all)
}

/// The project's own directory.
pub(super) fn dirname_of(name: &ProjectName) -> Result<DirName, Error> {
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

/// The same within a transaction.
pub(super) async fn by_id_within(transaction: &mut Transaction<'_, Any>, id: i64) -> Result<Option<Project>, Error> {
    sqlx::query("SELECT * FROM projects WHERE id = $1")
        .bind(id)
        .fetch_optional(&mut **transaction)
        .await?
        .as_ref()
        .map(project)
        .transpose()
}

/// Projects in the order that was asked for.
///
/// # Errors
/// The database does not answer.
pub async fn list(db: &Db, filter: &Filter, window: Window) -> Result<Vec<Project>, Error> {
    let pattern = filter.query.as_deref().map(containing);
    // A condition that is not needed is left out: it would keep the engines from using an index.
    let mut conditions = vec!["1 = 1".to_owned()];
    let mut values = Vec::new();
    if let Some(owner) = &filter.owner {
        values.push(owner.clone());
        conditions.push(format!("owner = ${}", values.len()));
    }
    if let Some(pattern) = pattern {
        values.push(pattern);
        let text = "LOWER(owner || '/' || name || ' ' || COALESCE(description, ''))";
        conditions.push(format!("{text} LIKE ${} ESCAPE '!'", values.len()));
    }
    if filter.listed_only {
        conditions.push("unlisted = 0".to_owned());
    }
    let direction = if filter.newest_first { "DESC" } else { "ASC" };
    let order = match filter.order {
        Order::Id => format!("id {direction}"),
        other => format!("{} {direction}, id {direction}", other.column()),
    };
    let sql = format!(
        "SELECT * FROM projects WHERE {} ORDER BY {order} LIMIT ${} OFFSET ${}",
        conditions.join(" AND "),
        values.len() + 1,
        values.len() + 2
    );
    // Only constants were put into the text.
    let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
    for value in values {
        query = query.bind(value);
    }
    query.bind(window.limit_sql()).bind(window.offset_sql()).fetch_all(&db.pool).await?.iter().map(project).collect()
}

/// Temporary projects whose time has come.
///
/// # Errors
/// The database does not answer.
pub async fn expired(db: &Db, now_ms: i64) -> Result<Vec<Project>, Error> {
    sqlx::query("SELECT * FROM projects WHERE delete_at_ms <= $1 AND persistent = 0 ORDER BY id")
        .bind(now_ms)
        .fetch_all(&db.pool)
        .await?
        .iter()
        .map(project)
        .collect()
}

/// Projects that follow Fedora's branching, have one chroot, and never had the other.
///
/// # Errors
/// The database does not answer.
pub async fn followers(db: &Db, has: &Chroot, lacks: &Chroot) -> Result<Vec<Project>, Error> {
    sqlx::query(
        "SELECT p.* FROM projects p JOIN project_chroots c ON c.project_id = p.id WHERE p.follow_fedora_branching = 1 \
         AND c.chroot = $1 AND c.dropped = 0 AND NOT EXISTS \
         (SELECT 1 FROM project_chroots o WHERE o.project_id = p.id AND o.chroot = $2) ORDER BY p.id",
    )
    .bind(has.as_str())
    .bind(lacks.as_str())
    .fetch_all(&db.pool)
    .await?
    .iter()
    .map(project)
    .collect()
}

/// What a project declares that it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    /// Its owner.
    pub owner: OwnerName,
    /// Its name.
    pub name: ProjectName,
    /// Build-time repositories, those for one chroot alone not among them.
    pub build: Vec<String>,
    /// Run-time repositories.
    pub run: Vec<String>,
}

/// The projects that may have this text, `copr://owner/name`, among what they need: whole rows, within a transaction.
pub(super) async fn needing_within(transaction: &mut Transaction<'_, Any>, text: &str) -> Result<Vec<Project>, Error> {
    sqlx::query(
        "SELECT * FROM projects WHERE additional_repos || ' ' || runtime_dependencies <> ' ' \
         AND LOWER(additional_repos || ' ' || runtime_dependencies) LIKE $1 ESCAPE '!' ORDER BY id",
    )
    .bind(containing(text))
    .fetch_all(&mut **transaction)
    .await?
    .iter()
    .map(project)
    .collect()
}

fn declared(row: &AnyRow) -> Result<Declared, Error> {
    Ok(Declared {
        owner: parsed(row, "owner")?,
        name: parsed(row, "name")?,
        build: words(row, "additional_repos")?,
        run: words(row, "runtime_dependencies")?,
    })
}

/// What these projects declare, some at a time; those that are gone are left out.
///
/// # Errors
/// The database does not answer.
pub async fn declarations(db: &Db, of: &[(OwnerName, ProjectName)]) -> Result<Vec<Declared>, Error> {
    let mut all = Vec::with_capacity(of.len());
    for some in of.chunks(100) {
        let pairs: Vec<String> =
            (0..some.len()).map(|n| format!("(owner = ${} AND name = ${})", 2 * n + 1, 2 * n + 2)).collect();
        let sql = format!(
            "SELECT owner, name, additional_repos, runtime_dependencies FROM projects WHERE {}",
            pairs.join(" OR ")
        );
        // Only places were put into the text.
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
        for (owner, name) in some {
            query = query.bind(owner.as_str()).bind(name.as_str());
        }
        for row in &query.fetch_all(&db.pool).await? {
            all.push(declared(row)?);
        }
    }
    Ok(all)
}

/// Projects that have this text, `copr://owner/name`, among what they need, by name, so many at most. Texts that only begin with it
/// are found as well.
///
/// # Errors
/// The database does not answer.
pub async fn needing(db: &Db, text: &str, most: i64) -> Result<Vec<Declared>, Error> {
    sqlx::query(
        "SELECT owner, name, additional_repos, runtime_dependencies FROM projects \
         WHERE additional_repos || ' ' || runtime_dependencies <> ' ' \
         AND LOWER(additional_repos || ' ' || runtime_dependencies) LIKE $1 ESCAPE '!' ORDER BY owner, name LIMIT $2",
    )
    .bind(containing(text))
    .bind(most)
    .fetch_all(&db.pool)
    .await?
    .iter()
    .map(declared)
    .collect()
}

/// Makes everyone else wait who would change one of a project's builds, before this transaction ends.
pub(super) async fn lock_builds(
    transaction: &mut Transaction<'_, Any>,
    dialect: Dialect,
    project_id: i64,
) -> Result<(), Error> {
    if dialect == Dialect::Postgres {
        sqlx::query("SELECT id FROM builds WHERE project_id = $1 ORDER BY id FOR UPDATE")
            .bind(project_id)
            .fetch_all(&mut **transaction)
            .await?;
    }
    Ok(())
}

/// Deletes a project with its builds, and notes that its files are to go, unless one of the builds is at work or something of it was
/// taken down; `false`: so it is, or the project is gone.
///
/// # Errors
/// The database does not answer.
pub async fn delete(db: &Db, of: &Project, now_ms: i64) -> Result<bool, Error> {
    let mut transaction = db.begin().await?;
    // Held from here on: a build that comes in meanwhile finds no project.
    let there =
        sqlx::query("UPDATE projects SET name = name WHERE id = $1").bind(of.id).execute(&mut *transaction).await?;
    if there.rows_affected() == 0 {
        return Ok(false);
    }
    lock_builds(&mut transaction, db.dialect, of.id).await?;
    quota::wait(&mut transaction, db.dialect, &of.owner).await?;
    for dirname in dirnames(&mut transaction, of).await? {
        removal::enqueue_directory(&mut transaction, &of.owner, &dirname, now_ms).await?;
    }
    let deleted = sqlx::query(
        "DELETE FROM projects WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM build_chroots c JOIN builds b ON b.id = c.build_id \
         WHERE b.project_id = $1 AND (c.lease_id IS NOT NULL OR c.publishing = 1)) AND NOT EXISTS (SELECT 1 FROM takedowns d \
         WHERE d.owner = projects.owner AND d.project = projects.name AND d.restored_ms IS NULL)",
    )
    .bind(of.id)
    .execute(&mut *transaction)
    .await?;
    if deleted.rows_affected() == 0 {
        return Ok(false);
    }
    let new = event::New { topic: event::PROJECT_DELETED, project: of, build_id: None, body: event::about(of) };
    event::note(&mut transaction, new, now_ms).await?;
    notice::project_is_gone(&mut transaction, of, now_ms).await?;
    transaction.commit().await?;
    Ok(true)
}
