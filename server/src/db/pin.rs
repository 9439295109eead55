//! Pinned projects: what a user, or a group, wants to stand first on its pages.

use copr_api::names::{OwnerName, ProjectName};
use sqlx::Row;

use super::{Db, Error, parsed, truth};

/// Most projects that one may pin.
pub const MOST: usize = 12;

/// A pinned project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// Its number.
    pub project_id: i64,
    /// Its owner.
    pub owner: OwnerName,
    /// Its name.
    pub name: ProjectName,
    /// It is on no list.
    pub unlisted: bool,
}

impl Pin {
    /// `owner/name`.
    #[must_use]
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }
}

/// What a user or group has pinned, in its order.
///
/// # Errors
/// The database does not answer.
pub async fn of_owner(db: &Db, owner: &OwnerName) -> Result<Vec<Pin>, Error> {
    sqlx::query(
        "SELECT p.id, p.owner, p.name, p.unlisted FROM pins i JOIN projects p ON p.id = i.project_id WHERE i.owner = $1 \
         ORDER BY i.position, p.id",
    )
    .bind(owner.as_str())
    .fetch_all(&db.pool)
    .await?
    .iter()
    .map(|row| {
        Ok(Pin {
            project_id: row.try_get("id")?,
            owner: parsed(row, "owner")?,
            name: parsed(row, "name")?,
            unlisted: truth(row, "unlisted")?,
        })
    })
    .collect()
}

/// Pins exactly these projects, in this order. `false`: there is no such user or group.
///
/// # Errors
/// The database does not answer; [`Error::is_orphan`] when a project is gone.
pub async fn set(db: &Db, owner: &OwnerName, projects: &[i64]) -> Result<bool, Error> {
    let mut transaction = db.begin().await?;
    // The owner's row is held from here on: of two calls at the same time, one comes after the other.
    let hold = match owner.is_group() {
        true => "UPDATE user_groups SET name = name WHERE '@' || name = $1",
        false => "UPDATE users SET name = name WHERE name = $1",
    };
    if sqlx::query(hold).bind(owner.as_str()).execute(&mut *transaction).await?.rows_affected() == 0 {
        return Ok(false);
    }
    sqlx::query("DELETE FROM pins WHERE owner = $1").bind(owner.as_str()).execute(&mut *transaction).await?;
    for (position, project_id) in (0_i64..).zip(projects) {
        sqlx::query("INSERT INTO pins (owner, project_id, position) VALUES ($1, $2, $3)")
            .bind(owner.as_str())
            .bind(project_id)
            .bind(position)
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await?;
    Ok(true)
}
