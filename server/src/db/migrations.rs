//! Numbered migrations, forward only: each runs once, in one transaction, when a server or an admin command opens the database.

use super::{Db, Error};

/// Number of a migration and its statements, in order; `{id}` stands for the engine's own numbered primary key, and a statement
/// that begins with `{sqlite}` or `{postgres}` is for that engine alone.
const MIGRATIONS: &[(i64, &str)] = &[
    (1, include_str!("0001_first.sql")),
    (2, include_str!("0002_leases.sql")),
    (3, include_str!("0003_multilib.sql")),
    (4, include_str!("0004_sources.sql")),
    (5, include_str!("0005_hub.sql")),
    (6, include_str!("0006_search.sql")),
    (7, include_str!("0007_signing.sql")),
    (8, include_str!("0008_quota.sql")),
    (9, include_str!("0009_licences.sql")),
    (10, include_str!("0010_promotion.sql")),
    (11, include_str!("0011_release.sql")),
    (12, include_str!("0012_events.sql")),
    (13, include_str!("0013_pages.sql")),
];

/// Number of the last one.
pub(super) fn newest() -> i64 {
    MIGRATIONS.last().map_or(0, |(version, _)| *version)
}

/// Brings the database to the newest schema; two programs that start together wait for one another.
pub(super) async fn run(db: &Db) -> Result<(), Error> {
    run_to(db, newest()).await
}

async fn run_to(db: &Db, last: i64) -> Result<(), Error> {
    let mut transaction = db.begin().await?;
    if let Some(lock) = db.dialect.lock_schema() {
        sqlx::query(lock).execute(&mut *transaction).await?;
    }
    sqlx::query(
        "CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL PRIMARY KEY, applied_ms BIGINT NOT NULL)",
    )
    .execute(&mut *transaction)
    .await?;
    let done: i64 =
        sqlx::query_scalar("SELECT COALESCE(MAX(version), 0) FROM schema_version").fetch_one(&mut *transaction).await?;
    let newest = newest();
    if done > newest {
        return Err(Error::TooNew { found: done, known: newest });
    }
    for (version, text) in MIGRATIONS.iter().filter(|(version, _)| *version > done && *version <= last) {
        for statement in statements(text).iter().filter_map(|statement| db.dialect.own(statement)) {
            let statement = statement.replace("{id}", db.dialect.numbered_key());
            sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut *transaction).await?;
        }
        sqlx::query("INSERT INTO schema_version (version, applied_ms) VALUES ($1, $2)")
            .bind(*version)
            .bind(crate::clock::now_ms())
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await?;
    Ok(())
}

/// The statements of a migration: separated by `;` at the end of a line, comments left out.
fn statements(text: &str) -> Vec<String> {
    let code: String =
        text.lines().filter(|line| !line.trim_start().starts_with("--")).fold(String::new(), |mut all, line| {
            all.push_str(line);
            all.push('\n');
            all
        });
    code.split(";\n").map(str::trim).filter(|statement| !statement.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use sqlx::{AnyConnection, Connection as _, Executor as _};

    use super::{
        super::{Dialect, connect},
        *,
    };

    /// An empty database of each engine that there is.
    async fn urls(folder: &std::path::Path) -> Vec<String> {
        super::super::install_drivers();
        let mut urls = vec![Db::sqlite_url(&folder.join("old.sqlite"))];
        if let Some(server) = std::env::var("TEST_DATABASE_URL").ok().filter(|server| !server.is_empty()) {
            let name = format!("coprd_{}", ulid::Ulid::generate().to_string().to_lowercase());
            let mut connection = AnyConnection::connect(&server).await.unwrap();
            connection.execute(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
            let mut url = url::Url::parse(&server).unwrap();
            url.set_path(&name);
            urls.push(url.to_string());
        }
        urls
    }

    #[tokio::test]
    async fn what_owners_stored_before_anybody_counted_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        for url in urls(folder.path()).await {
            let dialect = Dialect::of(&url).unwrap();
            let pool = connect(&url, dialect, 1).await.unwrap();
            let db = Db { writers: pool.clone(), pool, dialect, quota: None };
            run_to(&db, 6).await.unwrap();
            let files = r#"{"method":"spec","spec":"a.spec","files":[{"name":"a.spec","size":5,"sha256":"x"},{"name":"b","size":6,"sha256":"y"}]}"#;
            for sql in [
                "INSERT INTO projects (id, owner, name, created_ms) VALUES (1, 'alice', 'p', 1), (2, '@sig', 'p', 1)".to_owned(),
                format!(
                    "INSERT INTO builds (id, project_id, dirname, submitter, source_name, source_sha256, source_size, package_name, \
                     package_version, timeout, submitted_ms, source_method) VALUES \
                     (1, 1, 'p', 'a', 's', 'one', 100, 'a', '1', 1, 1, '{files}'), (2, 1, 'p', 'a', 's', 'one', 100, 'a', '1', 1, 1, NULL), \
                     (3, 2, 'p', 'a', 's', 'one', 100, 'a', '1', 1, 1, '{{\"method\":\"url\",\"url\":\"https://x/\"}}')"
                ),
                "INSERT INTO build_chroots (id, build_id, chroot, arch, state, owner) VALUES \
                 (1, 1, 'c', 'x86_64', 'succeeded', 'alice'), (2, 2, 'c', 'x86_64', 'succeeded', 'alice')"
                    .to_owned(),
                "INSERT INTO results (build_chroot_id, file, size, sha256, name, epoch, version, release, arch) VALUES \
                 (1, 'a', 1000, 'two', 'a', 0, '1', '1', 'x86_64'), (2, 'a', 1000, 'two', 'a', 0, '1', '1', 'x86_64')"
                    .to_owned(),
            ] {
                sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&db.pool).await.unwrap();
            }
            run(&db).await.unwrap();
            for (owner, used) in [("alice", 1111), ("@sig", 100)] {
                let usage = crate::db::quota::of_owner(&db, &owner.parse().unwrap()).await.unwrap();
                assert_eq!((usage.used, usage.limit), (used, None), "{owner} in {:?}", db.dialect);
            }
            assert_eq!(crate::db::quota::recount(&db).await.unwrap(), (Vec::new(), 2));
            sqlx::query("DELETE FROM projects").execute(&db.pool).await.unwrap();
            assert_eq!(crate::db::quota::of_owner(&db, &"alice".parse().unwrap()).await.unwrap().used, 0);
        }
    }
}
