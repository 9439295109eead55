//! Users: who may call the API and own projects.

use sqlx::{Row, any::AnyRow};

use super::{Db, Error, truth};

/// One user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Number.
    pub id: i64,
    /// Name, well formed as an owner's name.
    pub name: String,
    /// May do everything in every project.
    pub admin: bool,
    /// When it was added, milliseconds since 1970.
    pub created_ms: i64,
}

fn user(row: &AnyRow) -> Result<User, Error> {
    Ok(User {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        admin: truth(row, "admin")?,
        created_ms: row.try_get("created_ms")?,
    })
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
