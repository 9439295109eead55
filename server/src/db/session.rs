//! Sessions of browsers. The database has only the SHA-256 of a session's id, which is random enough for that to be one way.

use copr_api::names::Secret;
use rand::RngExt as _;
use sqlx::{Any, Row as _, Transaction};

use super::{
    Db, Error,
    token::digest,
    user::{self, User},
};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// A session that nobody uses for so long ends.
const IDLE_MS: i64 = 14 * DAY_MS;
/// A session ends so long after its beginning, however much it is used.
pub const LONGEST_MS: i64 = 30 * DAY_MS;
/// The end of a session that is used is put off when it comes this much nearer: not every page writes.
const STEP_MS: i64 = DAY_MS / 4;
/// Sessions of one user; when a new one begins, the oldest beyond that end.
const MOST: i64 = 50;

/// 256 random bits as text that can stand in an address, a form and a cookie.
#[must_use]
pub fn random_secret() -> Secret {
    let bytes: [u8; 32] = rand::rng().random();
    Secret::new(hex::encode(bytes))
}

/// Begins a session of a user; its id is known only now.
///
/// # Errors
/// The database does not answer.
pub async fn begin(db: &Db, user_id: i64, now_ms: i64) -> Result<Secret, Error> {
    let id = random_secret();
    let mut transaction = db.begin().await?;
    sqlx::query("INSERT INTO sessions (id_sha256, user_id, created_ms, expires_ms) VALUES ($1, $2, $3, $4)")
        .bind(digest(id.expose()))
        .bind(user_id)
        .bind(now_ms)
        .bind(now_ms.saturating_add(IDLE_MS))
        .execute(&mut *transaction)
        .await?;
    sqlx::query(
        "DELETE FROM sessions WHERE user_id = $1 AND id_sha256 NOT IN (SELECT id_sha256 FROM sessions WHERE user_id = $1 \
         ORDER BY created_ms DESC, id_sha256 LIMIT $2)",
    )
    .bind(user_id)
    .bind(MOST)
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(id)
}

/// Whose session this is, which is used now; `None`: it has ended, there is none, or its user is disabled.
///
/// # Errors
/// The database does not answer.
pub async fn find(db: &Db, id: &Secret, now_ms: i64) -> Result<Option<User>, Error> {
    let id = digest(id.expose());
    let row = sqlx::query(
        "SELECT s.expires_ms, s.created_ms AS begun_ms, u.* FROM sessions s JOIN users u ON u.id = s.user_id \
         WHERE s.id_sha256 = $1 AND s.expires_ms > $2 AND u.disabled = 0",
    )
    .bind(id.as_str())
    .bind(now_ms)
    .fetch_optional(&db.pool)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let (begun_ms, expires_ms): (i64, i64) = (row.try_get("begun_ms")?, row.try_get("expires_ms")?);
    let end_ms = now_ms.saturating_add(IDLE_MS).min(begun_ms.saturating_add(LONGEST_MS));
    if end_ms - expires_ms >= STEP_MS {
        // A busy database signs nobody out: the next page puts the end off.
        let _ = sqlx::query("UPDATE sessions SET expires_ms = $1 WHERE id_sha256 = $2")
            .bind(end_ms)
            .bind(id)
            .execute(&db.pool)
            .await;
    }
    Ok(Some(user::user(&row)?))
}

/// Ends a session.
///
/// # Errors
/// The database does not answer.
pub async fn end(db: &Db, id: &Secret) -> Result<(), Error> {
    sqlx::query("DELETE FROM sessions WHERE id_sha256 = $1").bind(digest(id.expose())).execute(&db.pool).await?;
    Ok(())
}

/// Ends all sessions of a user but the one with the id `keep`.
pub(super) async fn end_all(
    transaction: &mut Transaction<'_, Any>,
    user_id: i64,
    keep: Option<&Secret>,
) -> Result<(), Error> {
    sqlx::query("DELETE FROM sessions WHERE user_id = $1 AND id_sha256 <> $2")
        .bind(user_id)
        .bind(keep.map(|id| digest(id.expose())).unwrap_or_default())
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

/// Ends all sessions of a user but the one with the id `keep`.
///
/// # Errors
/// The database does not answer.
pub async fn end_others(db: &Db, user_id: i64, keep: Option<&Secret>) -> Result<(), Error> {
    let mut transaction = db.begin().await?;
    end_all(&mut transaction, user_id, keep).await?;
    Ok(transaction.commit().await?)
}

/// How many sessions of a user have not ended.
///
/// # Errors
/// The database does not answer.
pub async fn count(db: &Db, user_id: i64, now_ms: i64) -> Result<i64, Error> {
    let sql = "SELECT COUNT(*) FROM sessions WHERE user_id = $1 AND expires_ms > $2";
    Ok(sqlx::query_scalar(sql).bind(user_id).bind(now_ms).fetch_one(&db.pool).await?)
}

/// Takes away the sessions that have ended; how many.
///
/// # Errors
/// The database does not answer.
pub async fn delete_ended(db: &Db, now_ms: i64) -> Result<u64, Error> {
    let ended = sqlx::query("DELETE FROM sessions WHERE expires_ms <= $1").bind(now_ms).execute(&db.pool).await?;
    Ok(ended.rows_affected())
}
