//! Finding projects: what is known of each, and keeping that up to date. All of it follows from the other tables.

mod find;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{Any, Row, Transaction};

use super::{Db, Dialect, Error, Window, project, project::Project, task::RepositoryKey};

pub use find::{Built, Found, Search, builds_of_owner, find, groups, knows_owner};
pub use words::{Word, Words};

/// What is known is made anew when it was made by another version of this module.
const VERSION: i64 = 2;
/// Most bytes of names and paths of one package, and of one project.
const OF_PACKAGE: usize = 8 << 10;
const OF_PROJECT: usize = 128 << 10;
/// Of a description so many characters are looked through.
const DESCRIPTION: usize = 20_000;
/// Paths that are kept of one file of a package, and the longest.
const PATHS: usize = 200;
const LONGEST_PATH: usize = 250;
/// Projects that one transaction makes anew, packages that one statement names, paths that one transaction notes.
const AT_ONCE: usize = 100;

/// What is known of a project.
const KNOWN: &str = "SELECT s.built_ms, s.version, f.found FROM search s JOIN search_found f ON f.project_id = s.project_id \
                     WHERE s.project_id = $1";

/// Paths that a published package lists in primary metadata.
#[derive(Debug, Clone)]
pub struct Files {
    /// The build.
    pub build_id: i64,
    /// Name of the package's file.
    pub file: String,
    /// The paths.
    pub paths: Vec<String>,
}

/// Notes the paths of packages of a repository.
///
/// # Errors
/// The database does not answer.
pub async fn note_files(db: &Db, repository: &RepositoryKey, files: &[Files]) -> Result<(), Error> {
    for some in files.chunks(AT_ONCE) {
        let mut transaction = db.begin().await?;
        for of in some {
            let paths = of.paths.iter().filter(|path| path.len() <= LONGEST_PATH && !path.contains(char::is_control));
            let lines = lines(paths.take(PATHS).map(String::as_str), OF_PACKAGE);
            sqlx::query(
                "UPDATE results SET files = $1 WHERE file = $2 AND files <> $1 AND build_chroot_id IN \
                 (SELECT id FROM build_chroots WHERE build_id = $3 AND chroot = $4)",
            )
            .bind(lines)
            .bind(of.file.as_str())
            .bind(of.build_id)
            .bind(repository.chroot.as_str())
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
    }
    Ok(())
}

/// As many of them, each once, as have room; one a line.
fn lines<'a>(texts: impl IntoIterator<Item = &'a str>, bytes: usize) -> String {
    let (mut all, mut had) = (String::new(), BTreeSet::new());
    for text in texts.into_iter().filter(|text| !text.is_empty()) {
        if all.len() + text.len() + 1 > bytes {
            break;
        }
        if had.insert(text) {
            if !all.is_empty() {
                all.push('\n');
            }
            all.push_str(text);
        }
    }
    all
}

/// Takes in what a project says of itself; whoever calls holds its row.
pub(super) async fn describe(
    transaction: &mut Transaction<'_, Any>,
    dialect: Dialect,
    of: &Project,
) -> Result<(), Error> {
    let row = sqlx::query(KNOWN).bind(of.id).fetch_optional(&mut **transaction).await?;
    let (built_ms, found) = match &row {
        Some(row) => (row.try_get("built_ms")?, row.try_get("found")?),
        None => (0, String::new()),
    };
    put(transaction, dialect, of, built_ms, &found).await
}

/// Takes in what was published of these packages of a project, and what is not there any more.
///
/// # Errors
/// The database does not answer.
pub async fn published(db: &Db, project_id: i64, packages: &[String], now_ms: i64) -> Result<(), Error> {
    let mut transaction = db.begin().await?;
    let Some(of) = hold(&mut transaction, project_id).await? else { return Ok(()) };
    let gone: Vec<String> = sqlx::query_scalar(
        "SELECT k.name FROM search_packages s JOIN packages k ON k.id = s.package_id WHERE s.project_id = $1 \
         AND NOT EXISTS (SELECT 1 FROM builds b WHERE b.id = s.build_id)",
    )
    .bind(project_id)
    .fetch_all(&mut *transaction)
    .await?;
    let names: BTreeSet<&str> = packages.iter().chain(&gone).map(String::as_str).collect();
    let names: Vec<&str> = names.into_iter().collect();
    for some in names.chunks(AT_ONCE) {
        renew(&mut transaction, project_id, Some(some)).await?;
    }
    let found = of_packages(&mut transaction, project_id).await?;
    let row = sqlx::query(KNOWN).bind(project_id).fetch_optional(&mut *transaction).await?;
    let (before, known, version) = match &row {
        Some(row) => (row.try_get("built_ms")?, row.try_get("found")?, row.try_get("version")?),
        None => (0, String::new(), 0),
    };
    let built_ms = if packages.is_empty() { before } else { now_ms };
    if version == VERSION && known == found {
        // Mostly: the same packages once more.
        sqlx::query("UPDATE search SET built_ms = $1, active_ms = CASE WHEN active_ms < $1 THEN $1 ELSE active_ms END WHERE project_id = $2")
            .bind(built_ms)
            .bind(project_id)
            .execute(&mut *transaction)
            .await?;
    } else {
        put(&mut transaction, db.dialect, &of, built_ms, &found).await?;
    }
    transaction.commit().await?;
    Ok(())
}

/// The project, whose row is held from here on: whoever else writes what is known of it waits.
async fn hold(transaction: &mut Transaction<'_, Any>, project_id: i64) -> Result<Option<Project>, Error> {
    sqlx::query("UPDATE projects SET name = name WHERE id = $1").bind(project_id).execute(&mut **transaction).await?;
    project::by_id_within(transaction, project_id).await
}

/// Makes anew what is known of these packages of a project, or of all.
async fn renew(transaction: &mut Transaction<'_, Any>, project_id: i64, names: Option<&[&str]>) -> Result<(), Error> {
    let places: Vec<String> = (0..names.map_or(0, <[_]>::len)).map(|number| format!("${}", number + 2)).collect();
    let only = |column: &str| match names {
        Some(_) => format!(" AND {column} IN ({})", places.join(", ")),
        None => String::new(),
    };
    // Only places were put into the texts.
    let clear = format!(
        "DELETE FROM search_packages WHERE project_id = $1 AND package_id IN (SELECT id FROM packages WHERE project_id = $1{})",
        only("name")
    );
    let newest = format!(
        "SELECT k.id, n.build_id, k.name AS source, r.name, r.files FROM (SELECT b.package_name, MAX(b.id) AS build_id \
         FROM builds b JOIN projects p ON p.id = b.project_id JOIN build_chroots c ON c.build_id = b.id \
         WHERE b.project_id = $1 AND b.dirname = p.name AND c.source = 0 AND c.publishing = 0 \
         AND c.state IN ('succeeded', 'forked'){} GROUP BY b.package_name) n \
         JOIN packages k ON k.project_id = $1 AND k.name = n.package_name JOIN build_chroots c ON c.build_id = n.build_id \
         JOIN results r ON r.build_chroot_id = c.id WHERE c.publishing = 0 AND c.state IN ('succeeded', 'forked') \
         ORDER BY k.id, r.name, r.file",
        only("b.package_name")
    );
    let mut query = sqlx::query(sqlx::AssertSqlSafe(clear)).bind(project_id);
    for name in names.unwrap_or_default() {
        query = query.bind(*name);
    }
    query.execute(&mut **transaction).await?;
    let mut query = sqlx::query(sqlx::AssertSqlSafe(newest)).bind(project_id);
    for name in names.unwrap_or_default() {
        query = query.bind(*name);
    }
    let mut packages: BTreeMap<(i64, i64), (Vec<String>, Vec<String>)> = BTreeMap::new();
    for row in &query.fetch_all(&mut **transaction).await? {
        let (names, paths) = packages.entry((row.try_get("id")?, row.try_get("build_id")?)).or_default();
        if names.is_empty() {
            names.push(row.try_get("source")?);
        }
        names.push(row.try_get("name")?);
        paths.extend(row.try_get::<String, _>("files")?.lines().map(str::to_owned));
    }
    for ((package_id, build_id), (names, paths)) in packages {
        let all = names.iter().chain(&paths).map(String::as_str);
        sqlx::query("INSERT INTO search_packages (package_id, project_id, build_id, found) VALUES ($1, $2, $3, $4)")
            .bind(package_id)
            .bind(project_id)
            .bind(build_id)
            .bind(lines(all, OF_PACKAGE))
            .execute(&mut **transaction)
            .await?;
    }
    Ok(())
}

/// All that is found of a project's packages: names before paths, so that those have room first.
async fn of_packages(transaction: &mut Transaction<'_, Any>, project_id: i64) -> Result<String, Error> {
    let all: Vec<String> =
        sqlx::query_scalar("SELECT found FROM search_packages WHERE project_id = $1 ORDER BY package_id")
            .bind(project_id)
            .fetch_all(&mut **transaction)
            .await?;
    let (paths, names): (Vec<&str>, Vec<&str>) =
        all.iter().flat_map(|text| text.lines()).partition(|line| line.starts_with('/'));
    Ok(lines(names.into_iter().chain(paths), OF_PROJECT))
}

/// Writes what is known of a project.
async fn put(
    transaction: &mut Transaction<'_, Any>,
    dialect: Dialect,
    of: &Project,
    built_ms: i64,
    found: &str,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO search (project_id, version, listed, owner, name, built_ms, active_ms) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (project_id) DO UPDATE SET version = excluded.version, \
         listed = excluded.listed, owner = excluded.owner, name = excluded.name, built_ms = excluded.built_ms, \
         active_ms = excluded.active_ms",
    )
    .bind(of.id)
    .bind(VERSION)
    .bind(i64::from(!of.unlisted))
    .bind(of.owner.as_str().to_lowercase())
    .bind(of.name.as_str().to_lowercase())
    .bind(built_ms)
    .bind(built_ms.max(of.created_ms))
    .execute(&mut **transaction)
    .await?;
    sqlx::query(
        "INSERT INTO search_found (project_id, found) VALUES ($1, $2) \
         ON CONFLICT (project_id) DO UPDATE SET found = excluded.found",
    )
    .bind(of.id)
    .bind(found)
    .execute(&mut **transaction)
    .await?;
    let names = [of.full_name(), of.owner.to_string()];
    let strong = words::index(names.iter().map(String::as_str).chain(found.lines()));
    let description: String = of.description.iter().flat_map(|text| text.chars()).take(DESCRIPTION).collect();
    let about = words::index([description.as_str()]);
    match dialect {
        Dialect::Sqlite => {
            sqlx::query("DELETE FROM search_words WHERE rowid = $1").bind(of.id).execute(&mut **transaction).await?;
            sqlx::query("INSERT INTO search_words (rowid, strong, about) VALUES ($1, $2, $3)")
                .bind(of.id)
                .bind(strong)
                .bind(about)
                .execute(&mut **transaction)
                .await?;
        }
        Dialect::Postgres => {
            sqlx::query(
                "UPDATE search SET strong = array_to_tsvector(string_to_array($1, ' ')), \
                 everything = array_to_tsvector(string_to_array($1, ' ') || string_to_array($2, ' ')) WHERE project_id = $3",
            )
            .bind(strong)
            .bind(about)
            .bind(of.id)
            .execute(&mut **transaction)
            .await?;
        }
    }
    Ok(())
}

/// Makes anew what is known of projects of which nothing is, or only what another version knew; how many those were.
///
/// # Errors
/// The database does not answer.
pub async fn catch_up(db: &Db) -> Result<u64, Error> {
    let (mut done, mut behind) = (0, 0);
    loop {
        let mut transaction = db.begin().await?;
        let ids = stale(&mut transaction, behind).await?;
        let Some(last) = ids.last().copied() else { return Ok(done) };
        for id in ids {
            done += u64::from(make(&mut transaction, db.dialect, id).await?);
        }
        transaction.commit().await?;
        behind = last;
    }
}

/// Makes all of it anew, with the same transaction that put rows into the tables that it follows from.
pub(super) async fn restored(transaction: &mut Transaction<'_, Any>, dialect: Dialect) -> Result<(), Error> {
    let mut behind = 0;
    loop {
        let ids = stale(transaction, behind).await?;
        let Some(last) = ids.last().copied() else { return Ok(()) };
        for id in ids {
            make(transaction, dialect, id).await?;
        }
        behind = last;
    }
}

/// Forgets all that is known and makes it anew; of how many projects. Until it is done not all are found.
///
/// # Errors
/// The database does not answer.
pub async fn rebuild(db: &Db) -> Result<u64, Error> {
    sqlx::query("UPDATE search SET version = 0").execute(&db.pool).await?;
    catch_up(db).await
}

/// Some projects with higher numbers than `behind` that have to be made anew.
async fn stale(transaction: &mut Transaction<'_, Any>, behind: i64) -> Result<Vec<i64>, Error> {
    Ok(sqlx::query_scalar(
        "SELECT p.id FROM projects p LEFT JOIN search s ON s.project_id = p.id WHERE p.id > $1 \
         AND (s.project_id IS NULL OR s.version <> $2) ORDER BY p.id LIMIT $3",
    )
    .bind(behind)
    .bind(VERSION)
    .bind(Window::first(AT_ONCE as u64).limit_sql())
    .fetch_all(&mut **transaction)
    .await?)
}

async fn make(transaction: &mut Transaction<'_, Any>, dialect: Dialect, project_id: i64) -> Result<bool, Error> {
    let Some(of) = hold(transaction, project_id).await? else { return Ok(false) };
    renew(transaction, project_id, None).await?;
    let found = of_packages(transaction, project_id).await?;
    let built_ms: i64 = sqlx::query_scalar(
        "SELECT COALESCE(MAX(c.ended_ms), 0) FROM builds b JOIN build_chroots c ON c.build_id = b.id WHERE b.project_id = $1 \
         AND c.source = 0 AND c.publishing = 0 AND c.state IN ('succeeded', 'forked')",
    )
    .bind(project_id)
    .fetch_one(&mut **transaction)
    .await?;
    put(transaction, dialect, &of, built_ms, &found).await?;
    Ok(true)
}
