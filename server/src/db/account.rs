//! What administrators and client certificates have to do with users: who administers the site, and whose a certificate is.

use sqlx::{Row, any::AnyRow};

use super::{
    Db, Error, Window, containing,
    user::{self, User},
};

/// What stands before the subject of a client certificate in `users.identity`.
const CERTIFICATE: &str = "cert: ";

/// A user with all that administrators see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The user.
    pub user: User,
    /// `cert: SUBJECT` of a client certificate, or `ISSUER SUBJECT` of an identity provider.
    pub identity: Option<String>,
}

fn account(row: &AnyRow) -> Result<Account, Error> {
    Ok(Account { user: user::user(row)?, identity: row.try_get("identity")? })
}

/// All users, by name.
///
/// # Errors
/// The database does not answer.
pub async fn list(db: &Db) -> Result<Vec<Account>, Error> {
    sqlx::query("SELECT * FROM users ORDER BY name").fetch_all(&db.pool).await?.iter().map(account).collect()
}

/// Users with this text in their name, by name; letter case does not count.
///
/// # Errors
/// The database does not answer.
pub async fn search(db: &Db, text: &str, window: Window) -> Result<Vec<Account>, Error> {
    sqlx::query("SELECT * FROM users WHERE LOWER(name) LIKE $1 ESCAPE '!' ORDER BY name LIMIT $2 OFFSET $3")
        .bind(containing(text))
        .bind(window.limit_sql())
        .bind(window.offset_sql())
        .fetch_all(&db.pool)
        .await?
        .iter()
        .map(account)
        .collect()
}

/// The user whose client certificate has this subject, unless that user is disabled.
///
/// # Errors
/// The database does not answer.
pub async fn by_certificate(db: &Db, subject: &str) -> Result<Option<User>, Error> {
    sqlx::query("SELECT * FROM users WHERE identity = $1 AND disabled = 0")
        .bind(format!("{CERTIFICATE}{subject}"))
        .fetch_optional(&db.pool)
        .await?
        .as_ref()
        .map(user::user)
        .transpose()
}

/// Says which client certificate a user has, in place of what else it is known by elsewhere; `None`: none. `false`: there is no such
/// user.
///
/// # Errors
/// [`Error::is_duplicate`] when it is another user's.
pub async fn set_certificate(db: &Db, name: &str, subject: Option<&str>) -> Result<bool, Error> {
    let identity = subject.map(|subject| format!("{CERTIFICATE}{subject}"));
    user::set_identity(db, name, identity.as_deref()).await
}

/// Makes a user an administrator of the site, or no more one; `false`: there is no such user.
///
/// # Errors
/// The database does not answer.
pub async fn set_admin(db: &Db, name: &str, admin: bool) -> Result<bool, Error> {
    let sql = "UPDATE users SET admin = $1 WHERE name = $2";
    let done = sqlx::query(sql).bind(i64::from(admin)).bind(name).execute(&db.pool).await?;
    Ok(done.rows_affected() > 0)
}

/// Lets a user decide about licences, or no more; `false`: there is no such user.
///
/// # Errors
/// The database does not answer.
pub async fn set_reviewer(db: &Db, name: &str, reviewer: bool) -> Result<bool, Error> {
    let sql = "UPDATE users SET reviewer = $1 WHERE name = $2";
    let done = sqlx::query(sql).bind(i64::from(reviewer)).bind(name).execute(&db.pool).await?;
    Ok(done.rows_affected() > 0)
}
