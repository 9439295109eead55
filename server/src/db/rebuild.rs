//! Builds that nobody asked for: something that their package requires has changed. And what repositories provided when they were
//! looked at last.

use std::collections::HashSet;

use copr_api::names::Chroot;
use sqlx::{Row, any::AnyRow};

use super::{Db, Error, parsed, task::RepositoryKey};

/// What a repository had when it was looked at last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Provided {
    /// What its packages provided.
    pub capabilities: HashSet<String>,
    /// Numbers of the builds that it had.
    pub builds: HashSet<i64>,
}

/// What is known of a repository; `None`: it has not been looked at.
///
/// # Errors
/// The database does not answer.
pub async fn provided(db: &Db, repository: &RepositoryKey) -> Result<Option<Provided>, Error> {
    let row = sqlx::query("SELECT capabilities, builds FROM provided WHERE repository = $1")
        .bind(repository.to_string())
        .fetch_optional(&db.pool)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let (capabilities, builds): (String, String) = (row.try_get("capabilities")?, row.try_get("builds")?);
    Ok(Some(Provided {
        capabilities: capabilities.lines().map(str::to_owned).collect(),
        builds: builds.split_whitespace().filter_map(|text| text.parse().ok()).collect(),
    }))
}

/// Notes what a repository has now.
///
/// # Errors
/// The database does not answer.
pub async fn set_provided(db: &Db, repository: &RepositoryKey, now: &Provided) -> Result<(), Error> {
    let mut capabilities: Vec<&str> = now.capabilities.iter().map(String::as_str).collect();
    capabilities.sort_unstable();
    let mut builds: Vec<i64> = now.builds.iter().copied().collect();
    builds.sort_unstable();
    let builds: Vec<String> = builds.iter().map(ToString::to_string).collect();
    sqlx::query(
        "INSERT INTO provided (repository, capabilities, builds) VALUES ($1, $2, $3) ON CONFLICT (repository) \
         DO UPDATE SET capabilities = excluded.capabilities, builds = excluded.builds",
    )
    .bind(repository.to_string())
    .bind(capabilities.join("\n"))
    .bind(builds.join(" "))
    .execute(&db.pool)
    .await?;
    Ok(())
}

/// One build that nobody asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebuild {
    /// Number; 0 in one that is about to be noted.
    pub id: i64,
    /// The change that all began with.
    pub cause: String,
    /// How many such builds lie between that change and this one, itself counted.
    pub depth: i64,
    /// The project.
    pub project_id: i64,
    /// The package.
    pub package: String,
    /// The chroot.
    pub chroot: Chroot,
    /// The repository that has changed.
    pub origin: String,
    /// What it does not provide any more.
    pub because: String,
    /// The build; `None`: there is none yet, or none could be made.
    pub build_id: Option<i64>,
    /// Why there is none.
    pub error: Option<String>,
    /// When, milliseconds since 1970.
    pub created_ms: i64,
}

fn rebuild(row: &AnyRow) -> Result<Rebuild, Error> {
    Ok(Rebuild {
        id: row.try_get("id")?,
        cause: row.try_get("cause")?,
        depth: row.try_get("depth")?,
        project_id: row.try_get("project_id")?,
        package: row.try_get("package")?,
        chroot: parsed(row, "chroot")?,
        origin: row.try_get("origin")?,
        because: row.try_get("because")?,
        build_id: row.try_get("build_id")?,
        error: row.try_get("error")?,
        created_ms: row.try_get("created_ms")?,
    })
}

/// Notes that a package is to be built; one that was noted for this cause before comes as it is.
///
/// # Errors
/// The database does not answer, or the project is gone.
pub async fn begin(db: &Db, new: &Rebuild) -> Result<Rebuild, Error> {
    sqlx::query(
        "INSERT INTO rebuilds (cause, depth, project_id, package, chroot, origin, because, created_ms) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (cause, project_id, package, chroot) DO NOTHING",
    )
    .bind(new.cause.as_str())
    .bind(new.depth)
    .bind(new.project_id)
    .bind(new.package.as_str())
    .bind(new.chroot.as_str())
    .bind(new.origin.as_str())
    .bind(new.because.as_str())
    .bind(new.created_ms)
    .execute(&db.pool)
    .await?;
    let row =
        sqlx::query("SELECT * FROM rebuilds WHERE cause = $1 AND project_id = $2 AND package = $3 AND chroot = $4")
            .bind(new.cause.as_str())
            .bind(new.project_id)
            .bind(new.package.as_str())
            .bind(new.chroot.as_str())
            .fetch_one(&db.pool)
            .await?;
    rebuild(&row)
}

/// Notes why there will be no build.
///
/// # Errors
/// The database does not answer.
pub async fn failed(db: &Db, id: i64, error: &str) -> Result<(), Error> {
    sqlx::query("UPDATE rebuilds SET error = $1 WHERE id = $2 AND build_id IS NULL")
        .bind(error)
        .bind(id)
        .execute(&db.pool)
        .await?;
    Ok(())
}

/// Of these builds the one that is furthest from the change that it began with; `None`: somebody asked for each of them.
///
/// # Errors
/// The database does not answer.
pub async fn deepest(db: &Db, builds: &[i64]) -> Result<Option<Rebuild>, Error> {
    let mut found: Option<Rebuild> = None;
    for some in builds.chunks(super::build::AT_ONCE) {
        let sql = format!(
            "SELECT * FROM rebuilds WHERE build_id IN ({}) ORDER BY depth DESC, id LIMIT 1",
            super::build::places(1, some.len())
        );
        // Only places were put into the text.
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
        for id in some {
            query = query.bind(*id);
        }
        if let Some(row) = query.fetch_optional(&db.pool).await? {
            let one = rebuild(&row)?;
            if found.as_ref().is_none_or(|found| found.depth < one.depth) {
                found = Some(one);
            }
        }
    }
    Ok(found)
}

/// A project's, newest first, so many at most.
///
/// # Errors
/// The database does not answer.
pub async fn of_project(db: &Db, project_id: i64, most: i64) -> Result<Vec<Rebuild>, Error> {
    sqlx::query("SELECT * FROM rebuilds WHERE project_id = $1 ORDER BY id DESC LIMIT $2")
        .bind(project_id)
        .bind(most)
        .fetch_all(&db.pool)
        .await?
        .iter()
        .map(rebuild)
        .collect()
}

/// How many have been noted for a cause.
///
/// # Errors
/// The database does not answer.
pub async fn of_cause(db: &Db, cause: &str) -> Result<i64, Error> {
    Ok(sqlx::query_scalar("SELECT COUNT(*) FROM rebuilds WHERE cause = $1").bind(cause).fetch_one(&db.pool).await?)
}

/// Forgets what was noted before a time.
///
/// # Errors
/// The database does not answer.
pub async fn forget(db: &Db, before_ms: i64) -> Result<u64, Error> {
    let done = sqlx::query("DELETE FROM rebuilds WHERE created_ms < $1").bind(before_ms).execute(&db.pool).await?;
    Ok(done.rows_affected())
}
