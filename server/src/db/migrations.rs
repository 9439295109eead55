//! Numbered migrations, forward only: each runs once, in one transaction, when a server or an admin command opens the database.

use super::{Db, Error};

/// Number of a migration and its statements, in order; `{id}` stands for the engine's own numbered primary key.
const MIGRATIONS: &[(i64, &str)] = &[
    (1, include_str!("0001_first.sql")),
    (2, include_str!("0002_leases.sql")),
    (3, include_str!("0003_multilib.sql")),
    (4, include_str!("0004_sources.sql")),
];

/// Brings the database to the newest schema; two programs that start together wait for one another.
pub(super) async fn run(db: &Db) -> Result<(), Error> {
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
    let newest = MIGRATIONS.last().map_or(0, |(version, _)| *version);
    if done > newest {
        return Err(Error::TooNew { found: done, known: newest });
    }
    for (version, text) in MIGRATIONS.iter().filter(|(version, _)| *version > done) {
        for statement in statements(text) {
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
