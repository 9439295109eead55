//! Who has accepted which terms.

use super::{Db, Error};

/// When a user accepted the terms of that version, milliseconds since 1970; `None`: not yet.
///
/// # Errors
/// The database does not answer.
pub async fn accepted(db: &Db, user_id: i64, version: &str) -> Result<Option<i64>, Error> {
    Ok(sqlx::query_scalar("SELECT accepted_ms FROM terms_accepted WHERE user_id = $1 AND version = $2")
        .bind(user_id)
        .bind(version)
        .fetch_optional(&db.pool)
        .await?)
}

/// Notes that a user accepts them; who has done so already stays with the first time.
///
/// # Errors
/// The database does not answer.
pub async fn accept(db: &Db, user_id: i64, version: &str, now_ms: i64) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO terms_accepted (user_id, version, accepted_ms) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
    )
    .bind(user_id)
    .bind(version)
    .bind(now_ms)
    .execute(&db.pool)
    .await?;
    Ok(())
}
