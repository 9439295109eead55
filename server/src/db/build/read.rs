//! Builds as they are read.

use std::collections::HashMap;

use copr_api::{
    builder::ResultFile,
    names::{Chroot, DirName},
    v3::BuildState,
};
use sqlx::{Row, any::AnyRow};

use super::{Build, BuildChroot, BuiltPackage, Filter, Newest, build, build_chroot};
use crate::db::{Db, Error, Window};

/// The build of that number, with its chroots.
///
/// # Errors
/// The database does not answer.
pub async fn get(db: &Db, id: i64) -> Result<Option<Build>, Error> {
    let row = sqlx::query(
        "SELECT b.*, p.owner AS owner, p.name AS project FROM builds b JOIN projects p ON p.id = b.project_id WHERE b.id = $1",
    )
    .bind(id)
    .fetch_optional(&db.pool)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let mut found = build(&row)?;
    let jobs = sqlx::query("SELECT * FROM build_chroots WHERE build_id = $1 ORDER BY chroot")
        .bind(id)
        .fetch_all(&db.pool)
        .await?
        .iter()
        .map(build_chroot)
        .collect::<Result<_, _>>()?;
    found.set_jobs(jobs);
    Ok(Some(found))
}

/// Most numbers or names in one statement: SQLite and PostgreSQL take some ten thousand.
pub(in crate::db) const AT_ONCE: usize = 500;

/// `$FIRST, $FIRST+1, …`.
pub(in crate::db) fn places(first: usize, count: usize) -> String {
    (first..first + count).map(|number| format!("${number}")).collect::<Vec<_>>().join(", ")
}

/// A build's state in SQL, as its place in [`BuildState::PRECEDENCE`]; `b` is the build's row.
fn rank_sql() -> String {
    let mut rank = "CASE c.state".to_owned();
    for (number, state) in BuildState::PRECEDENCE.iter().enumerate() {
        rank.push_str(&format!(" WHEN '{state}' THEN {number}"));
    }
    rank.push_str(" END");
    format!(
        "CASE WHEN b.canceled = 1 THEN {} ELSE COALESCE(\
         (SELECT MIN({rank}) FROM build_chroots c WHERE c.build_id = b.id AND c.source = 1 AND c.state <> 'succeeded'), \
         (SELECT MIN({rank}) FROM build_chroots c WHERE c.build_id = b.id AND c.source = 0), {}) END",
        rank_of(BuildState::Canceled),
        rank_of(BuildState::Pending),
    )
}

fn rank_of(state: BuildState) -> i64 {
    let place = BuildState::PRECEDENCE.iter().position(|other| *other == state);
    place.and_then(|place| i64::try_from(place).ok()).unwrap_or(-1)
}

const ROWS: &str =
    "SELECT b.*, p.owner AS owner, p.name AS project FROM builds b JOIN projects p ON p.id = b.project_id";

/// Builds, newest first, with their chroots. Only the rows of the window are read.
///
/// # Errors
/// The database does not answer.
pub async fn list(db: &Db, filter: &Filter, window: Window) -> Result<Vec<Build>, Error> {
    // A condition that may be off would keep the engines from their indexes: only those that count are written.
    let mut conditions = vec!["1 = 1".to_owned()];
    if filter.project_id.is_some() {
        conditions.push("b.project_id = $1".to_owned());
    }
    if filter.package_name.is_some() {
        conditions.push("b.package_name = $2".to_owned());
    }
    if filter.listed_only {
        conditions.push("p.unlisted = 0".to_owned());
    }
    if let Some(state) = filter.state {
        conditions.push(format!("{} = $3", rank_sql()));
        if filter.project_id.is_none() && !state.is_final() {
            // The few that have not ended have an index.
            conditions.push(
                "b.id IN (SELECT c.build_id FROM build_chroots c \
                 WHERE c.state IN ('pending', 'waiting', 'starting', 'running', 'importing'))"
                    .to_owned(),
            );
        }
    }
    if filter.owner.is_some() {
        conditions.push("p.owner = $6".to_owned());
    }
    if filter.below.is_some() {
        conditions.push("b.id < $7".to_owned());
    }
    // PostgreSQL wants to know each parameter's type, even of one that does not count.
    conditions.push(
        "(CAST($1 AS BIGINT) IS NULL OR 1 = 1) AND (CAST($2 AS TEXT) IS NULL OR 1 = 1) AND (CAST($3 AS BIGINT) IS NULL OR 1 = 1) \
         AND (CAST($6 AS TEXT) IS NULL OR 1 = 1) AND (CAST($7 AS BIGINT) IS NULL OR 1 = 1)"
            .to_owned(),
    );
    let sql = format!("{ROWS} WHERE {} ORDER BY b.id DESC LIMIT $4 OFFSET $5", conditions.join(" AND "));
    // Only constants were put into the text.
    let mut builds: Vec<Build> = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(filter.project_id.unwrap_or(0))
        .bind(filter.package_name.clone().unwrap_or_default())
        .bind(filter.state.map_or(-1, rank_of))
        .bind(window.limit_sql())
        .bind(window.offset_sql())
        .bind(filter.owner.clone().unwrap_or_default())
        .bind(filter.below.unwrap_or_default())
        .fetch_all(&db.pool)
        .await?
        .iter()
        .map(build)
        .collect::<Result<_, _>>()?;
    fill(db, &mut builds).await?;
    Ok(builds)
}

/// The newest build of each of these projects, with its chroots, by project.
///
/// # Errors
/// The database does not answer.
pub async fn newest_of_projects(db: &Db, projects: &[i64]) -> Result<HashMap<i64, Build>, Error> {
    let mut newest = Vec::with_capacity(projects.len());
    for some in projects.chunks(AT_ONCE) {
        // One step down an index for each. Only numbers were put into the text.
        let sql = format!(
            "SELECT (SELECT MAX(b.id) FROM builds b WHERE b.project_id = p.id) AS newest FROM projects p WHERE p.id IN ({})",
            places(1, some.len())
        );
        let mut query = sqlx::query_scalar::<_, Option<i64>>(sqlx::AssertSqlSafe(sql));
        for id in some {
            query = query.bind(*id);
        }
        newest.extend(query.fetch_all(&db.pool).await?.into_iter().flatten());
    }
    let builds = of_numbers(db, &newest).await?;
    Ok(builds.into_iter().map(|build| (build.project_id, build)).collect())
}

/// The builds of these numbers, as far as they are there, with their chroots; in any order.
///
/// # Errors
/// The database does not answer.
pub async fn of_numbers(db: &Db, ids: &[i64]) -> Result<Vec<Build>, Error> {
    let mut found = Vec::with_capacity(ids.len());
    for some in ids.chunks(AT_ONCE) {
        // Only numbers were put into the text.
        let sql = format!("{ROWS} WHERE b.id IN ({})", places(1, some.len()));
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
        for id in some {
            query = query.bind(*id);
        }
        for row in &query.fetch_all(&db.pool).await? {
            found.push(build(row)?);
        }
    }
    fill(db, &mut found).await?;
    Ok(found)
}

/// Gives builds their jobs.
async fn fill(db: &Db, builds: &mut [Build]) -> Result<(), Error> {
    for some in builds.chunks_mut(AT_ONCE) {
        let sql = format!(
            "SELECT * FROM build_chroots WHERE build_id IN ({}) ORDER BY build_id, chroot",
            places(1, some.len())
        );
        // Only numbers were put into the text, here and below.
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
        for build in some.iter() {
            query = query.bind(build.id);
        }
        let mut of_build: HashMap<i64, Vec<BuildChroot>> = HashMap::new();
        for row in &query.fetch_all(&db.pool).await? {
            let chroot = build_chroot(row)?;
            of_build.entry(chroot.build_id).or_default().push(chroot);
        }
        for build in some {
            build.set_jobs(of_build.remove(&build.id).unwrap_or_default());
        }
    }
    Ok(())
}

/// The newest build of each of these packages of a project, or the newest that succeeded, by package name.
///
/// # Errors
/// The database does not answer.
pub async fn latest(
    db: &Db,
    project_id: i64,
    names: &[&str],
    state: Option<BuildState>,
) -> Result<HashMap<String, Build>, Error> {
    let mut found = Vec::with_capacity(names.len());
    for some in names.chunks(AT_ONCE) {
        let of_state = state.map_or_else(|| "$2 = $2".to_owned(), |_| format!("{} = $2", rank_sql()));
        // Of each package the newest is looked at first, and the others not at all.
        let sql = format!(
            "{ROWS} WHERE b.id IN (SELECT (SELECT b.id FROM builds b WHERE b.project_id = k.project_id \
             AND b.package_name = k.name AND {of_state} ORDER BY b.id DESC LIMIT 1) FROM packages k \
             WHERE k.project_id = $1 AND k.name IN ({}))",
            places(3, some.len())
        );
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(project_id).bind(state.map_or(-1, rank_of));
        for name in some {
            query = query.bind(*name);
        }
        for row in &query.fetch_all(&db.pool).await? {
            found.push(build(row)?);
        }
    }
    fill(db, &mut found).await?;
    Ok(found.into_iter().map(|build| (build.package_name.clone(), build)).collect())
}

/// The newest build of each package in each chroot that a project builds for, of one directory, by package and chroot.
///
/// # Errors
/// The database does not answer.
pub async fn monitor(db: &Db, project_id: i64, dirname: &DirName) -> Result<Vec<Newest>, Error> {
    newest(db, project_id, dirname, None).await
}

/// The same of these packages only.
///
/// # Errors
/// The database does not answer.
pub async fn monitor_of(db: &Db, project_id: i64, dirname: &DirName, names: &[&str]) -> Result<Vec<Newest>, Error> {
    let mut all = Vec::new();
    for some in names.chunks(AT_ONCE) {
        all.append(&mut newest(db, project_id, dirname, Some(some)).await?);
    }
    Ok(all)
}

async fn newest(db: &Db, project_id: i64, dirname: &DirName, names: Option<&[&str]>) -> Result<Vec<Newest>, Error> {
    let which = names.map_or_else(String::new, |names| format!("AND k.name IN ({})", places(3, names.len())));
    // Only places were put into the text.
    let sql = format!(
        "SELECT c.*, n.package_name, b.package_version FROM (SELECT k.name AS package_name, \
         (SELECT c.id FROM builds b JOIN build_chroots c ON c.build_id = b.id AND c.chroot = pc.chroot AND c.source = 0 \
         WHERE b.project_id = k.project_id AND b.package_name = k.name AND b.dirname = $2 ORDER BY b.id DESC LIMIT 1) AS job \
         FROM packages k JOIN project_chroots pc ON pc.project_id = k.project_id AND pc.delete_at_ms IS NULL \
         WHERE k.project_id = $1 {which}) n JOIN build_chroots c ON c.id = n.job \
         JOIN builds b ON b.id = c.build_id ORDER BY n.package_name, c.chroot",
    );
    let mut query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(project_id).bind(dirname.as_str());
    for name in names.unwrap_or_default() {
        query = query.bind(*name);
    }
    query
        .fetch_all(&db.pool)
        .await?
        .iter()
        .map(|row| {
            Ok(Newest {
                job: build_chroot(row)?,
                package_name: row.try_get("package_name")?,
                package_version: row.try_get("package_version")?,
            })
        })
        .collect()
}

/// The last build of the same package into the same directory that went well in a chroot before this one.
///
/// # Errors
/// The database does not answer.
pub async fn good_before(db: &Db, build: &Build, chroot: &Chroot) -> Result<Option<Build>, Error> {
    let id: Option<i64> = sqlx::query_scalar(
        "SELECT b.id FROM builds b JOIN build_chroots c ON c.build_id = b.id WHERE b.project_id = $1 AND b.package_name = $2 \
         AND b.id < $3 AND b.dirname = $4 AND c.chroot = $5 AND c.source = 0 AND c.state = 'succeeded' \
         ORDER BY b.id DESC LIMIT 1",
    )
    .bind(build.project_id)
    .bind(build.package_name.as_str())
    .bind(build.id)
    .bind(build.dirname.as_str())
    .bind(chroot.as_str())
    .fetch_optional(&db.pool)
    .await?;
    match id {
        Some(id) => get(db, id).await,
        None => Ok(None),
    }
}

/// The package files that a build made, in all its chroots, by chroot and file name.
///
/// # Errors
/// The database does not answer.
pub async fn packages(db: &Db, build_id: i64) -> Result<Vec<BuiltPackage>, Error> {
    sqlx::query(
        "SELECT r.* FROM results r JOIN build_chroots c ON c.id = r.build_chroot_id WHERE c.build_id = $1 \
         ORDER BY c.chroot, r.file",
    )
    .bind(build_id)
    .fetch_all(&db.pool)
    .await?
    .iter()
    .map(package)
    .collect()
}

/// The package files of one build-chroot.
///
/// # Errors
/// The database does not answer.
pub async fn packages_of_chroot(db: &Db, build_chroot_id: i64) -> Result<Vec<ResultFile>, Error> {
    sqlx::query("SELECT * FROM results WHERE build_chroot_id = $1 ORDER BY file")
        .bind(build_chroot_id)
        .fetch_all(&db.pool)
        .await?
        .iter()
        .map(|row| package(row).map(|built| built.file))
        .collect()
}

pub(in crate::db) fn package(row: &AnyRow) -> Result<BuiltPackage, Error> {
    let number = |column: &'static str| -> Result<i64, Error> { Ok(row.try_get(column)?) };
    Ok(BuiltPackage {
        build_chroot_id: number("build_chroot_id")?,
        signed_by: row.try_get("signed_by")?,
        file: ResultFile {
            file: row.try_get("file")?,
            size: u64::try_from(number("size")?).unwrap_or_default(),
            sha256: row.try_get("sha256")?,
            name: row.try_get("name")?,
            epoch: u32::try_from(number("epoch")?).unwrap_or_default(),
            version: row.try_get("version")?,
            release: row.try_get("release")?,
            arch: row.try_get("arch")?,
        },
    })
}

/// How many build-chroots wait, and how many are at work: for pages.
///
/// # Errors
/// The database does not answer.
pub async fn queue_length(db: &Db) -> Result<(i64, i64), Error> {
    let row = sqlx::query(
        "SELECT (SELECT COUNT(*) FROM build_chroots WHERE state = 'pending') AS waiting, \
         (SELECT COUNT(*) FROM build_chroots WHERE lease_id IS NOT NULL) \
         + (SELECT COUNT(*) FROM build_chroots WHERE publishing = 1) AS working",
    )
    .fetch_one(&db.pool)
    .await?;
    Ok((row.try_get("waiting")?, row.try_get("working")?))
}
