//! Packages of projects: how each is built. A row exists from the first build or from `package/add` on.

use copr_api::{builder::SourceMethod, names::Chroot};
use globset::{Glob, GlobMatcher};
use serde_json::{Value, json};
use sqlx::{Any, Executor, Row, Transaction, any::AnyRow};

use super::{
    Db, Error, Window,
    build::{self, Refused},
    json as parse, to_json, truth, words,
};

/// `source_type` of a package of which nobody has said how it is built.
pub const UNSET: &str = "unset";

/// One package.
#[derive(Debug, Clone, PartialEq)]
pub struct Package {
    /// Number; 0 in one that is about to be added.
    pub id: i64,
    /// The project's number.
    pub project_id: i64,
    /// Name.
    pub name: String,
    /// `unset`, `link`, `upload` or `scm`.
    pub source_type: String,
    /// What it is built from, in Copr's keys.
    pub source_dict: Value,
    /// Builds that are kept; `None`: all.
    pub max_builds: Option<i64>,
    /// Seconds for its builds; `None`: the server's default.
    pub timeout: Option<i64>,
    /// Chroot names or globs for which it is not built.
    pub chroot_denylist: Vec<String>,
    /// Webhooks build it.
    pub webhook_rebuild: bool,
    /// It is built anew when something that it requires changes, where its project wants that.
    pub rebuild_on_dependency_changes: bool,
}

impl Package {
    /// A package of which nothing is known.
    #[must_use]
    pub fn new(project_id: i64, name: String) -> Self {
        Self {
            id: 0,
            project_id,
            name,
            source_type: UNSET.to_owned(),
            source_dict: json!({}),
            max_builds: None,
            timeout: None,
            chroot_denylist: Vec::new(),
            webhook_rebuild: false,
            rebuild_on_dependency_changes: true,
        }
    }

    /// Tells which chroots its builds leave out, unless they name theirs.
    pub fn leaves_out(&self) -> impl Fn(&Chroot) -> bool + use<> {
        let patterns = self.chroot_denylist.iter();
        let denied: Vec<GlobMatcher> =
            patterns.filter_map(|pattern| Some(Glob::new(pattern).ok()?.compile_matcher())).collect();
        move |chroot| denied.iter().any(|matcher| matcher.is_match(chroot.as_str()))
    }
}

/// Copr's `source_type` and `source_dict` of what a build is made of; `None`: of an SRPM that was uploaded.
#[must_use]
pub fn source_of(method: Option<&SourceMethod>) -> (&'static str, Value) {
    match method {
        None => ("upload", json!({})),
        Some(SourceMethod::Spec { spec, .. }) => ("upload", json!({ "pkg": spec })),
        Some(SourceMethod::Url { url }) => ("link", json!({ "url": url })),
        Some(SourceMethod::Git { clone_url, committish, subdirectory, spec, make }) => {
            let dict = json!({
                "type": "git", "clone_url": clone_url, "committish": committish.as_deref().unwrap_or_default(),
                "subdirectory": subdirectory, "spec": spec.as_deref().unwrap_or_default(), "source_build_method": make,
            });
            ("scm", dict)
        }
    }
}

fn package(row: &AnyRow) -> Result<Package, Error> {
    Ok(Package {
        id: row.try_get("id")?,
        project_id: row.try_get("project_id")?,
        name: row.try_get("name")?,
        source_type: row.try_get("source_type")?,
        source_dict: parse("source_dict", row.try_get("source_dict")?)?,
        max_builds: row.try_get("max_builds")?,
        timeout: row.try_get("timeout")?,
        chroot_denylist: words(row, "chroot_denylist")?,
        webhook_rebuild: truth(row, "webhook_rebuild")?,
        rebuild_on_dependency_changes: truth(row, "rebuild_on_dependency_changes")?,
    })
}

/// Makes the row of a package that is built for the first time: it is built again from what it was built from now.
pub(super) async fn ensure(
    transaction: &mut Transaction<'_, Any>,
    project_id: i64,
    name: &str,
    method: Option<&SourceMethod>,
    now_ms: i64,
) -> Result<(), Error> {
    let (kind, dict) = source_of(method);
    sqlx::query(
        "INSERT INTO packages (project_id, name, source_type, source_dict, created_ms) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (project_id, name) DO NOTHING",
    )
    .bind(project_id)
    .bind(name)
    .bind(kind)
    .bind(to_json("source_dict", &dict)?)
    .bind(now_ms)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// A package of a project.
///
/// # Errors
/// The database does not answer.
pub async fn get(db: &Db, project_id: i64, name: &str) -> Result<Option<Package>, Error> {
    find(&db.pool, project_id, name).await
}

/// [`get`] as a part of something else.
pub(super) async fn find<'c>(
    from: impl Executor<'c, Database = Any>,
    project_id: i64,
    name: &str,
) -> Result<Option<Package>, Error> {
    sqlx::query("SELECT * FROM packages WHERE project_id = $1 AND name = $2")
        .bind(project_id)
        .bind(name)
        .fetch_optional(from)
        .await?
        .as_ref()
        .map(package)
        .transpose()
}

/// Packages of a project, by number.
///
/// # Errors
/// The database does not answer.
pub async fn list(db: &Db, project_id: i64, window: Window) -> Result<Vec<Package>, Error> {
    sqlx::query("SELECT * FROM packages WHERE project_id = $1 ORDER BY id LIMIT $2 OFFSET $3")
        .bind(project_id)
        .bind(window.limit_sql())
        .bind(window.offset_sql())
        .fetch_all(&db.pool)
        .await?
        .iter()
        .map(package)
        .collect()
}

/// Packages of a project whose name has this text in it, letter case not counted, by name.
///
/// # Errors
/// The database does not answer.
pub async fn by_name(db: &Db, project_id: i64, text: &str, window: Window) -> Result<Vec<Package>, Error> {
    sqlx::query(
        "SELECT * FROM packages WHERE project_id = $1 AND ($2 = '%%' OR LOWER(name) LIKE $2 ESCAPE '!') ORDER BY name \
         LIMIT $3 OFFSET $4",
    )
    .bind(project_id)
    .bind(super::containing(text))
    .bind(window.limit_sql())
    .bind(window.offset_sql())
    .fetch_all(&db.pool)
    .await?
    .iter()
    .map(package)
    .collect()
}

/// Adds a package; its number.
///
/// # Errors
/// [`Error::is_duplicate`] when the project has it.
pub async fn add(db: &Db, new: &Package, now_ms: i64) -> Result<i64, Error> {
    Ok(sqlx::query_scalar(
        "INSERT INTO packages (project_id, name, source_type, source_dict, max_builds, timeout, chroot_denylist, \
         webhook_rebuild, created_ms, rebuild_on_dependency_changes) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING id",
    )
    .bind(new.project_id)
    .bind(new.name.as_str())
    .bind(new.source_type.as_str())
    .bind(to_json("source_dict", &new.source_dict)?)
    .bind(new.max_builds)
    .bind(new.timeout)
    .bind(new.chroot_denylist.join(" "))
    .bind(i64::from(new.webhook_rebuild))
    .bind(now_ms)
    .bind(i64::from(new.rebuild_on_dependency_changes))
    .fetch_one(&db.pool)
    .await?)
}

/// Writes all of a package but its name; `false`: it is gone.
///
/// # Errors
/// The database does not answer.
pub async fn set(db: &Db, of: &Package) -> Result<bool, Error> {
    let done = sqlx::query(
        "UPDATE packages SET source_type = $1, source_dict = $2, max_builds = $3, timeout = $4, chroot_denylist = $5, \
         webhook_rebuild = $6, rebuild_on_dependency_changes = $8 WHERE id = $7",
    )
    .bind(of.source_type.as_str())
    .bind(to_json("source_dict", &of.source_dict)?)
    .bind(of.max_builds)
    .bind(of.timeout)
    .bind(of.chroot_denylist.join(" "))
    .bind(i64::from(of.webhook_rebuild))
    .bind(of.id)
    .bind(i64::from(of.rebuild_on_dependency_changes))
    .execute(&db.pool)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Deletes a package after its builds, which go all or not at all: see [`build::delete`].
///
/// # Errors
/// The database does not answer.
pub async fn delete(db: &Db, of: &Package, due_ms: i64, now_ms: i64) -> Result<Result<(), Refused>, Error> {
    let ids: Vec<i64> =
        sqlx::query_scalar("SELECT id FROM builds WHERE project_id = $1 AND package_name = $2 ORDER BY id")
            .bind(of.project_id)
            .bind(of.name.as_str())
            .fetch_all(&db.pool)
            .await?;
    if let Err(refused) = build::delete(db, &ids, due_ms, now_ms).await? {
        return Ok(Err(refused));
    }
    // A build that came in meanwhile keeps its package.
    sqlx::query(
        "DELETE FROM packages WHERE id = $1 AND NOT EXISTS \
         (SELECT 1 FROM builds b WHERE b.project_id = packages.project_id AND b.package_name = packages.name)",
    )
    .bind(of.id)
    .execute(&db.pool)
    .await?;
    Ok(Ok(()))
}

/// Builds that have ended beyond the number that their packages keep, or else their project, at most `limit` of them, oldest first;
/// of these packages of a project, or of all. Of each package and directory the newest stay that went well, in every chroot; one that
/// did not stays as long as it is among the newest of all. One that has not ended takes nobody's place.
///
/// # Errors
/// The database does not answer.
pub async fn surplus(db: &Db, of: Option<(i64, &[String])>, limit: i64) -> Result<Vec<i64>, Error> {
    let names = of.map_or(&[][..], |(_, names)| names);
    let which = match of {
        Some(_) => format!(
            "k.project_id = $2 AND k.name IN ({}) AND COALESCE(k.max_builds, p.keep_builds) IS NOT NULL",
            build::places(3, names.len())
        ),
        // By the indexes of the few that keep some.
        None => "k.id IN (SELECT id FROM packages WHERE max_builds IS NOT NULL UNION SELECT o.id FROM projects q \
                 JOIN packages o ON o.project_id = q.id WHERE q.keep_builds IS NOT NULL)"
            .to_owned(),
    };
    let sql = format!(
        "WITH ended AS (SELECT b.id, b.dirname, k.id AS package, COALESCE(k.max_builds, p.keep_builds) AS keep \
             FROM packages k JOIN projects p ON p.id = k.project_id \
             JOIN builds b ON b.project_id = k.project_id AND b.package_name = k.name \
             WHERE {which} AND NOT EXISTS (SELECT 1 FROM build_chroots c WHERE c.build_id = b.id \
             AND c.state IN ('pending', 'waiting', 'starting', 'running', 'importing'))), \
         good AS (SELECT e.id, e.keep, ROW_NUMBER() OVER (PARTITION BY e.package, e.dirname, c.chroot ORDER BY e.id DESC) AS place \
             FROM ended e JOIN build_chroots c ON c.build_id = e.id WHERE c.source = 0 AND c.state IN ('succeeded', 'forked') \
             AND EXISTS (SELECT 1 FROM results r WHERE r.build_chroot_id = c.id)), \
         numbered AS (SELECT e.id, e.keep, ROW_NUMBER() OVER (PARTITION BY e.package, e.dirname ORDER BY e.id DESC) AS place \
             FROM ended e) \
         SELECT id FROM (SELECT id FROM good GROUP BY id, keep HAVING MIN(place) > keep \
             UNION ALL SELECT id FROM numbered WHERE place > keep AND id NOT IN (SELECT id FROM good)) AS surplus ORDER BY id LIMIT $1"
    );
    // Only places were put into the text.
    let mut query = sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).bind(limit);
    if let Some((project_id, _)) = of {
        query = query.bind(project_id);
    }
    for name in names {
        query = query.bind(name.as_str());
    }
    Ok(query.fetch_all(&db.pool).await?)
}
