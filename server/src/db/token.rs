//! API tokens. The database has only a token's SHA-256; the tokens are random enough for that to be one way.

use copr_api::names::Secret;
use rand::RngExt as _;
use sha2::{Digest, Sha256};
use sqlx::Row;

use super::{Db, Error, user::User};

/// Length of a token's login part, as Copr makes them.
const LOGIN_LENGTH: usize = 20;
/// Length of its secret part.
const TOKEN_LENGTH: usize = 30;
/// Days that a new token is valid, as Copr's.
pub const VALID_DAYS: i64 = 180;

/// A token just made: the only time that its secret is known.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// Sent as the user name of HTTP Basic.
    pub login: String,
    /// Sent as the password.
    pub token: Secret,
    /// When it ends, milliseconds since 1970.
    pub expires_ms: i64,
}

/// Letters and digits only: both parts travel in `login:token`.
fn random_text(length: usize) -> String {
    let mut rng = rand::rng();
    (0..length).map(|_| char::from(rng.sample(rand::distr::Alphanumeric)).to_ascii_lowercase()).collect()
}

/// Lower-case hex SHA-256 of a secret text.
#[must_use]
pub fn digest(secret: &str) -> String {
    hex::encode(Sha256::digest(secret.as_bytes()))
}

/// Makes a token for a user; the tokens that it has stay valid.
///
/// # Errors
/// The database does not answer.
pub async fn add(db: &Db, user_id: i64, now_ms: i64) -> Result<NewToken, Error> {
    let login = random_text(LOGIN_LENGTH);
    let token = random_text(TOKEN_LENGTH);
    let expires_ms = now_ms.saturating_add(VALID_DAYS * 24 * 3600 * 1000);
    sqlx::query(
        "INSERT INTO tokens (login, user_id, token_sha256, created_ms, expires_ms) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(login.as_str())
    .bind(user_id)
    .bind(digest(&token))
    .bind(now_ms)
    .bind(expires_ms)
    .execute(&db.pool)
    .await?;
    Ok(NewToken { login, token: Secret::new(token), expires_ms })
}

/// The user that a login and token stand for; `None` when they are wrong or have expired.
///
/// # Errors
/// The database does not answer.
pub async fn check(db: &Db, login: &str, token: &Secret, now_ms: i64) -> Result<Option<User>, Error> {
    let row = sqlx::query("SELECT user_id, token_sha256 FROM tokens WHERE login = $1 AND expires_ms > $2")
        .bind(login)
        .bind(now_ms)
        .fetch_optional(&db.pool)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let stored: String = row.try_get("token_sha256")?;
    // Digests, not secrets, are compared: how long that takes tells nothing that could be used.
    if stored != digest(token.expose()) {
        return Ok(None);
    }
    super::user::by_id(db, row.try_get("user_id")?).await
}
