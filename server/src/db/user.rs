//! Users: who may call the API and own projects.

use copr_api::names::{OwnerName, Secret};
use sqlx::{Any, Row, Transaction, any::AnyRow};

use super::{Db, Error, session, truth};

/// The user whose token the first start prints.
pub const ADMIN: &str = "admin";
/// Names whose projects would have no address: `/coprs/build/ID`, `/coprs/g/GROUP/PROJECT`, `/coprs/add/`.
const RESERVED: [&str; 4] = ["add", "build", "builds", "g"];

/// One user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Number.
    pub id: i64,
    /// Name, well formed as an owner's name.
    pub name: String,
    /// May do everything in every project.
    pub admin: bool,
    /// May decide about licences.
    pub reviewer: bool,
    /// May neither sign in nor call the API.
    pub disabled: bool,
    /// When it was added, milliseconds since 1970.
    pub created_ms: i64,
}

pub(super) fn user(row: &AnyRow) -> Result<User, Error> {
    Ok(User {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        admin: truth(row, "admin")?,
        reviewer: truth(row, "reviewer")?,
        disabled: truth(row, "disabled")?,
        created_ms: row.try_get("created_ms")?,
    })
}

/// A name that a new user may have.
///
/// # Errors
/// It is malformed, a group's, or means something else; the text says which.
pub fn new_name(text: &str) -> Result<OwnerName, String> {
    let name: OwnerName = text.parse().map_err(|error| format!("{error}"))?;
    if name.is_group() {
        return Err(format!("{name} is a group's name; a user's has no @"));
    }
    if name.as_str() == ADMIN {
        return Err(format!("{ADMIN} is made by the first start of the server"));
    }
    if RESERVED.contains(&name.as_str()) {
        return Err(format!("no user may be called {name}: the address /coprs/{name}/... has another meaning"));
    }
    Ok(name)
}

/// Adds a user.
///
/// # Errors
/// [`Error::is_duplicate`] when the name is taken.
pub async fn add(db: &Db, name: &str, admin: bool, now_ms: i64) -> Result<User, Error> {
    let row = sqlx::query("INSERT INTO users (name, admin, created_ms) VALUES ($1, $2, $3) RETURNING *")
        .bind(name)
        .bind(i64::from(admin))
        .bind(now_ms)
        .fetch_one(&db.pool)
        .await?;
    user(&row)
}

/// The user of that name.
///
/// # Errors
/// The database does not answer.
pub async fn by_name(db: &Db, name: &str) -> Result<Option<User>, Error> {
    sqlx::query("SELECT * FROM users WHERE name = $1")
        .bind(name)
        .fetch_optional(&db.pool)
        .await?
        .as_ref()
        .map(user)
        .transpose()
}

/// The user of that number.
///
/// # Errors
/// The database does not answer.
pub async fn by_id(db: &Db, id: i64) -> Result<Option<User>, Error> {
    sqlx::query("SELECT * FROM users WHERE id = $1")
        .bind(id)
        .fetch_optional(&db.pool)
        .await?
        .as_ref()
        .map(user)
        .transpose()
}

/// All users, by name.
///
/// # Errors
/// The database does not answer.
pub async fn list(db: &Db) -> Result<Vec<User>, Error> {
    sqlx::query("SELECT * FROM users ORDER BY name").fetch_all(&db.pool).await?.iter().map(user).collect()
}

/// The user of that name with its password's hash (a PHC string); no hash: it has no password.
///
/// # Errors
/// The database does not answer.
pub async fn with_password(db: &Db, name: &str) -> Result<Option<(User, Option<Secret>)>, Error> {
    let row = sqlx::query("SELECT * FROM users WHERE name = $1").bind(name).fetch_optional(&db.pool).await?;
    let Some(row) = row else { return Ok(None) };
    let hash: Option<String> = row.try_get("password_hash")?;
    Ok(Some((user(&row)?, hash.map(Secret::new))))
}

/// Gives a user a new password's hash (`None`: no password any more) and ends its sessions, but for the one with the id `keep`.
///
/// # Errors
/// The database does not answer.
pub async fn set_password(db: &Db, id: i64, hash: Option<&Secret>, keep: Option<&Secret>) -> Result<(), Error> {
    let mut transaction = db.begin().await?;
    sqlx::query("UPDATE users SET password_hash = $1 WHERE id = $2")
        .bind(hash.map(Secret::expose))
        .bind(id)
        .execute(&mut *transaction)
        .await?;
    session::end_all(&mut transaction, id, keep).await?;
    Ok(transaction.commit().await?)
}

/// Where a user can be written to, as it says itself; empty: nowhere.
///
/// # Errors
/// The database does not answer.
pub async fn mail(db: &Db, id: i64) -> Result<String, Error> {
    let mail: Option<String> =
        sqlx::query_scalar("SELECT email FROM users WHERE id = $1").bind(id).fetch_one(&db.pool).await?;
    Ok(mail.unwrap_or_default())
}

/// Says where a user can be written to; empty: nowhere.
///
/// # Errors
/// The database does not answer.
pub async fn set_mail(db: &Db, id: i64, mail: &str) -> Result<(), Error> {
    let mail = Some(mail).filter(|mail| !mail.is_empty());
    sqlx::query("UPDATE users SET email = $1 WHERE id = $2").bind(mail).bind(id).execute(&db.writers).await?;
    Ok(())
}

/// Lets a user in no more, or again; its sessions end. `false`: there is no such user.
///
/// # Errors
/// The database does not answer.
pub async fn set_disabled(db: &Db, name: &str, disabled: bool) -> Result<bool, Error> {
    change(db, name, "UPDATE users SET disabled = $1 WHERE name = $2 RETURNING id", i64::from(disabled)).await
}

/// Says who a user is elsewhere: `ISSUER SUBJECT` of an identity provider, or nobody. Its sessions end. `false`: there is no such
/// user.
///
/// # Errors
/// [`Error::is_duplicate`] when somebody else is that already.
pub async fn set_identity(db: &Db, name: &str, identity: Option<&str>) -> Result<bool, Error> {
    let identity = identity.map(str::to_owned);
    change(db, name, "UPDATE users SET identity = $1 WHERE name = $2 RETURNING id", identity).await
}

async fn change<'v, V>(db: &Db, name: &'v str, sql: &'static str, value: V) -> Result<bool, Error>
where
    V: sqlx::Encode<'v, Any> + sqlx::Type<Any> + 'v,
{
    let mut transaction: Transaction<'_, Any> = db.begin().await?;
    let id: Option<i64> = sqlx::query_scalar(sql).bind(value).bind(name).fetch_optional(&mut *transaction).await?;
    let Some(id) = id else { return Ok(false) };
    session::end_all(&mut transaction, id, None).await?;
    transaction.commit().await?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_mean_something_else_are_no_users() {
        for bad in ["", "@group", "../x", "a b", "admin", "add", "build", "g", "Ålice", "a/b", ".hidden"] {
            assert!(new_name(bad).is_err(), "{bad:?}");
        }
        assert_eq!(new_name("alice.b-c_d+1").unwrap().as_str(), "alice.b-c_d+1");
    }
}
