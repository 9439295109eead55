//! API tokens. The database has only a token's SHA-256; the tokens are random enough for that to be one way.

use copr_api::names::Secret;
use rand::RngExt as _;
use sha2::{Digest, Sha256};
use sqlx::{Any, Row, Transaction, any::AnyRow};

use super::{Db, Error, Window, user::User};

/// Length of a token's login part, as Copr makes them.
const LOGIN_LENGTH: usize = 20;
/// Length of its secret part.
const TOKEN_LENGTH: usize = 30;
/// Days that a new token is valid, as Copr's.
pub const VALID_DAYS: i64 = 180;
/// Days that a new token may be valid.
pub const MOST_DAYS: i64 = 365;
/// Most tokens of one user that have not expired.
pub const MOST: i64 = 50;
/// The longest label, in characters.
pub const LABEL: usize = 100;
/// How exactly it is noted when a token was used last: not every call writes.
const USED_EXACTNESS_MS: i64 = 60_000;
/// One day in milliseconds.
const DAY_MS: i64 = 24 * 3600 * 1000;

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

/// What a new token is to be.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// What its user calls it.
    pub label: &'a str,
    /// The only project that it is good for.
    pub project_id: Option<i64>,
    /// Days that it is valid.
    pub days: i64,
}

impl Default for Wish<'_> {
    fn default() -> Self {
        Self { label: "", project_id: None, days: VALID_DAYS }
    }
}

/// What is known of a token but for its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its login part.
    pub login: String,
    /// Number of the user whose it is.
    pub user_id: i64,
    /// That user's name.
    pub user: String,
    /// What the user calls it.
    pub label: String,
    /// The only project that it is good for, `owner/name`.
    pub project: Option<String>,
    /// When it was made, milliseconds since 1970.
    pub created_ms: i64,
    /// When it ends, milliseconds since 1970.
    pub expires_ms: i64,
    /// When it was used last, to a minute.
    pub used_ms: Option<i64>,
}

/// Whose a token that was shown is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The user.
    pub user: User,
    /// Number of the only project that the token is good for.
    pub only: Option<i64>,
    /// Whether its use should be noted, by [`note_use`].
    pub unnoted: bool,
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

/// Makes a token for a user, however many it has; the others stay valid. For administrators of the machine.
///
/// # Errors
/// The database does not answer.
pub async fn add(db: &Db, user_id: i64, now_ms: i64) -> Result<NewToken, Error> {
    let mut transaction = db.begin().await?;
    let new = insert(&mut transaction, user_id, Wish::default(), now_ms).await?;
    transaction.commit().await?;
    Ok(new)
}

/// Makes a token as a user wishes; `None`: it has [`MOST`].
///
/// # Errors
/// The database does not answer; [`Error::is_orphan`] when user or project are gone.
pub async fn make(db: &Db, user_id: i64, wish: Wish<'_>, now_ms: i64) -> Result<Option<NewToken>, Error> {
    let mut transaction = db.begin().await?;
    // The user's row is held from here on: of two calls at the same time, one counts after the other.
    sqlx::query("UPDATE users SET name = name WHERE id = $1").bind(user_id).execute(&mut *transaction).await?;
    let count = "SELECT COUNT(*) FROM tokens WHERE user_id = $1";
    let mut has: i64 = sqlx::query_scalar(count).bind(user_id).fetch_one(&mut *transaction).await?;
    if has >= MOST {
        let ended = sqlx::query("DELETE FROM tokens WHERE user_id = $1 AND expires_ms <= $2")
            .bind(user_id)
            .bind(now_ms)
            .execute(&mut *transaction)
            .await?;
        has = has.saturating_sub(i64::try_from(ended.rows_affected()).unwrap_or(0));
    }
    if has >= MOST {
        return Ok(None);
    }
    let new = insert(&mut transaction, user_id, wish, now_ms).await?;
    transaction.commit().await?;
    Ok(Some(new))
}

/// Makes a token for a user in place of the one with this login, which ends; the new one has its label. `None`: that has ended
/// already.
///
/// # Errors
/// The database does not answer.
pub async fn renew(db: &Db, user_id: i64, login: &str, now_ms: i64) -> Result<Option<NewToken>, Error> {
    let mut transaction = db.begin().await?;
    // The row is held from here on, so only one of several calls finds it again.
    let there = sqlx::query("UPDATE tokens SET label = label WHERE login = $1 AND user_id = $2 AND project_id IS NULL")
        .bind(login)
        .bind(user_id)
        .execute(&mut *transaction)
        .await?;
    if there.rows_affected() == 0 {
        return Ok(None);
    }
    let label: String = sqlx::query_scalar("SELECT label FROM tokens WHERE login = $1")
        .bind(login)
        .fetch_one(&mut *transaction)
        .await?;
    sqlx::query("DELETE FROM tokens WHERE login = $1").bind(login).execute(&mut *transaction).await?;
    let new = insert(&mut transaction, user_id, Wish { label: &label, ..Wish::default() }, now_ms).await?;
    transaction.commit().await?;
    Ok(Some(new))
}

async fn insert(
    transaction: &mut Transaction<'_, Any>,
    user_id: i64,
    wish: Wish<'_>,
    now_ms: i64,
) -> Result<NewToken, Error> {
    let login = random_text(LOGIN_LENGTH);
    let token = random_text(TOKEN_LENGTH);
    let expires_ms = now_ms.saturating_add(wish.days.saturating_mul(DAY_MS));
    sqlx::query(
        "INSERT INTO tokens (login, user_id, token_sha256, label, project_id, created_ms, expires_ms) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(login.as_str())
    .bind(user_id)
    .bind(digest(&token))
    .bind(wish.label)
    .bind(wish.project_id)
    .bind(now_ms)
    .bind(expires_ms)
    .execute(&mut **transaction)
    .await?;
    Ok(NewToken { login, token: Secret::new(token), expires_ms })
}

/// Whose a login and token are; `None` when they are wrong or have expired, or the user is disabled.
///
/// # Errors
/// The database does not answer.
pub async fn check(db: &Db, login: &str, token: &Secret, now_ms: i64) -> Result<Option<Known>, Error> {
    let row = sqlx::query(
        "SELECT t.token_sha256, t.project_id AS only_project, t.used_ms, u.* FROM tokens t JOIN users u ON u.id = t.user_id \
         WHERE t.login = $1 AND t.expires_ms > $2 AND u.disabled = 0",
    )
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
    let used_ms: Option<i64> = row.try_get("used_ms")?;
    Ok(Some(Known {
        user: super::user::user(&row)?,
        only: row.try_get("only_project")?,
        unnoted: used_ms.is_none_or(|used| used <= now_ms.saturating_sub(USED_EXACTNESS_MS)),
    }))
}

/// Notes that a token is used, unless that was noted within the last minute.
///
/// # Errors
/// The database does not answer.
pub async fn note_use(db: &Db, login: &str, now_ms: i64) -> Result<(), Error> {
    sqlx::query("UPDATE tokens SET used_ms = $1 WHERE login = $2 AND (used_ms IS NULL OR used_ms <= $3)")
        .bind(now_ms)
        .bind(login)
        .bind(now_ms.saturating_sub(USED_EXACTNESS_MS))
        .execute(&db.pool)
        .await?;
    Ok(())
}

const SELECT: &str = "SELECT t.login, t.user_id, u.name AS user_name, t.label, t.created_ms, t.expires_ms, t.used_ms, \
     p.owner || '/' || p.name AS project FROM tokens t JOIN users u ON u.id = t.user_id \
     LEFT JOIN projects p ON p.id = t.project_id";

fn token(row: &AnyRow) -> Result<Token, Error> {
    Ok(Token {
        login: row.try_get("login")?,
        user_id: row.try_get("user_id")?,
        user: row.try_get("user_name")?,
        label: row.try_get("label")?,
        project: row.try_get("project")?,
        created_ms: row.try_get("created_ms")?,
        expires_ms: row.try_get("expires_ms")?,
        used_ms: row.try_get("used_ms")?,
    })
}

/// A user's tokens, newest first; those that have expired are among them for a while.
///
/// # Errors
/// The database does not answer.
pub async fn of_user(db: &Db, user_id: i64, window: Window) -> Result<Vec<Token>, Error> {
    let sql = format!("{SELECT} WHERE t.user_id = $1 ORDER BY t.created_ms DESC, t.login LIMIT $2 OFFSET $3");
    sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(user_id)
        .bind(window.limit_sql())
        .bind(window.offset_sql())
        .fetch_all(&db.pool)
        .await?
        .iter()
        .map(token)
        .collect()
}

/// The token with this login.
///
/// # Errors
/// The database does not answer.
pub async fn by_login(db: &Db, login: &str) -> Result<Option<Token>, Error> {
    sqlx::query(sqlx::AssertSqlSafe(format!("{SELECT} WHERE t.login = $1")))
        .bind(login)
        .fetch_optional(&db.pool)
        .await?
        .as_ref()
        .map(token)
        .transpose()
}

/// Ends a token at once; `false`: there is none with this login (any more).
///
/// # Errors
/// The database does not answer.
pub async fn revoke(db: &Db, login: &str) -> Result<bool, Error> {
    let done = sqlx::query("DELETE FROM tokens WHERE login = $1").bind(login).execute(&db.pool).await?;
    Ok(done.rows_affected() > 0)
}

/// Forgets tokens that expired before a time; how many.
///
/// # Errors
/// The database does not answer.
pub async fn forget(db: &Db, expired_before_ms: i64) -> Result<u64, Error> {
    let done =
        sqlx::query("DELETE FROM tokens WHERE expires_ms < $1").bind(expired_before_ms).execute(&db.pool).await?;
    Ok(done.rows_affected())
}
