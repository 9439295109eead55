//! Who may do what in a project: its owner, the members of the group that owns it, and those who were let in.

use copr_api::{
    names::{OwnerName, ProjectName},
    v3::{Permission, Roles, RolesChange, RolesRequest, SignWith},
};
use sqlx::{Row, any::AnyRow};

use super::{Db, Error, parsed, project::Project, truth, user::User};

/// What somebody may do in a project; who may more, may also do the less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Look at it.
    Nobody,
    /// Submit, cancel and delete builds and packages.
    Builder,
    /// Also change its settings and let others in.
    Admin,
    /// Also delete it: the owner himself, or a member of the group that owns it.
    Owner,
}

/// What a user may do in a project, whatever it may on the site.
///
/// # Errors
/// The database does not answer.
pub async fn role(db: &Db, user: &User, project: &Project) -> Result<Role, Error> {
    let owner = project.owner.as_str();
    if owner == user.name {
        return Ok(Role::Owner);
    }
    let row = sqlx::query(
        "SELECT CASE WHEN EXISTS (SELECT 1 FROM group_members m JOIN user_groups g ON g.id = m.group_id \
         WHERE '@' || g.name = $1 AND m.user_id = $2) THEN 1 ELSE 0 END AS member, \
         CASE WHEN EXISTS (SELECT 1 FROM permissions WHERE project_id = $3 AND user_id = $2 AND admin = 'approved') THEN 1 ELSE 0 END AS admin, \
         CASE WHEN EXISTS (SELECT 1 FROM permissions WHERE project_id = $3 AND user_id = $2 AND builder = 'approved') THEN 1 ELSE 0 END AS builder",
    )
    .bind(owner)
    .bind(user.id)
    .bind(project.id)
    .fetch_one(&db.pool)
    .await?;
    Ok(if truth(&row, "member")? {
        Role::Owner
    } else if truth(&row, "admin")? {
        Role::Admin
    } else if truth(&row, "builder")? {
        Role::Builder
    } else {
        Role::Nobody
    })
}

fn word(row: &AnyRow, column: &'static str) -> Result<Permission, Error> {
    let text: String = row.try_get(column)?;
    match text.as_str() {
        "nothing" => Ok(Permission::Nothing),
        "request" => Ok(Permission::Request),
        "approved" => Ok(Permission::Approved),
        _ => Err(Error::Corrupt { column, value: text, reason: "it is no permission".to_owned() }),
    }
}

/// The roles of all who have any in a project, or have asked for one, by name.
///
/// # Errors
/// The database does not answer.
pub async fn of_project(db: &Db, project_id: i64) -> Result<Vec<(String, Roles)>, Error> {
    sqlx::query(
        "SELECT u.name, p.admin, p.builder FROM permissions p JOIN users u ON u.id = p.user_id WHERE p.project_id = $1 \
         ORDER BY u.name",
    )
    .bind(project_id)
    .fetch_all(&db.pool)
    .await?
    .iter()
    .map(|row| Ok((row.try_get("name")?, Roles { admin: word(row, "admin")?, builder: word(row, "builder")? })))
    .collect()
}

/// Gives roles to users, or takes them, all or none; those who have none left are forgotten. A role that is not named stays as it
/// is. `false`: the project is signed with its owner's key, and so nobody else can have a role in it.
///
/// # Errors
/// The database does not answer.
pub async fn set(db: &Db, project_id: i64, changes: &[(i64, RolesChange)]) -> Result<bool, Error> {
    let mut transaction = db.begin().await?;
    // Held from here on: nobody chooses another key meanwhile.
    let signing: Option<String> =
        sqlx::query_scalar("UPDATE projects SET signing = signing WHERE id = $1 RETURNING signing")
            .bind(project_id)
            .fetch_optional(&mut *transaction)
            .await?;
    let approved = |change: &RolesChange| [change.admin, change.builder].contains(&Some(Permission::Approved));
    if signing.as_deref() == Some(SignWith::Owner.as_str()) && changes.iter().any(|(_, change)| approved(change)) {
        return Ok(false);
    }
    for (user_id, change) in changes {
        sqlx::query(
            "INSERT INTO permissions (project_id, user_id, admin, builder) \
             VALUES ($1, $2, COALESCE($3, 'nothing'), COALESCE($4, 'nothing')) \
             ON CONFLICT (project_id, user_id) DO UPDATE SET admin = COALESCE($3, permissions.admin), \
             builder = COALESCE($4, permissions.builder)",
        )
        .bind(project_id)
        .bind(user_id)
        .bind(change.admin.map(Permission::as_str))
        .bind(change.builder.map(Permission::as_str))
        .execute(&mut *transaction)
        .await?;
    }
    sqlx::query("DELETE FROM permissions WHERE project_id = $1 AND admin = 'nothing' AND builder = 'nothing'")
        .bind(project_id)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(true)
}

/// Notes what a user asks for in a project, or asks for no more: what was given stays given unless it is given back. The answer is
/// whether anything changed.
///
/// # Errors
/// The database does not answer.
pub async fn request(db: &Db, project_id: i64, user_id: i64, asked: RolesRequest) -> Result<bool, Error> {
    let mut transaction = db.begin().await?;
    sqlx::query(
        "INSERT INTO permissions (project_id, user_id) VALUES ($1, $2) ON CONFLICT (project_id, user_id) DO NOTHING",
    )
    .bind(project_id)
    .bind(user_id)
    .execute(&mut *transaction)
    .await?;
    let mut changed = 0;
    for (admin, wish) in [(true, asked.admin), (false, asked.builder)] {
        let sql = match (admin, wish) {
            (_, None) => continue,
            (true, Some(true)) => {
                "UPDATE permissions SET admin = 'request' WHERE project_id = $1 AND user_id = $2 AND admin = 'nothing'"
            }
            (true, Some(false)) => {
                "UPDATE permissions SET admin = 'nothing' WHERE project_id = $1 AND user_id = $2 AND admin <> 'nothing'"
            }
            (false, Some(true)) => {
                "UPDATE permissions SET builder = 'request' WHERE project_id = $1 AND user_id = $2 AND builder = 'nothing'"
            }
            (false, Some(false)) => {
                "UPDATE permissions SET builder = 'nothing' WHERE project_id = $1 AND user_id = $2 AND builder <> 'nothing'"
            }
        };
        let done = sqlx::query(sql).bind(project_id).bind(user_id).execute(&mut *transaction).await?;
        changed += done.rows_affected();
    }
    sqlx::query("DELETE FROM permissions WHERE project_id = $1 AND admin = 'nothing' AND builder = 'nothing'")
        .bind(project_id)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(changed > 0)
}

/// A role that somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The project's owner.
    pub owner: OwnerName,
    /// The project.
    pub project: ProjectName,
    /// Who asks.
    pub user: String,
    /// What for, and what is given already.
    pub roles: Roles,
}

/// What is asked for in the projects in which a user may let others in: its own, its groups', and those that it administers. At most
/// so many.
///
/// # Errors
/// The database does not answer.
pub async fn asked_of(db: &Db, user: &User, most: i64) -> Result<Vec<Asked>, Error> {
    sqlx::query(
        "SELECT p.owner, p.name AS project, u.name, r.admin, r.builder FROM permissions r \
         JOIN projects p ON p.id = r.project_id JOIN users u ON u.id = r.user_id \
         WHERE (r.admin = 'request' OR r.builder = 'request') AND (p.owner = $1 \
           OR p.owner IN (SELECT '@' || g.name FROM user_groups g JOIN group_members m ON m.group_id = g.id WHERE m.user_id = $2) \
           OR p.id IN (SELECT project_id FROM permissions WHERE user_id = $2 AND admin = 'approved')) \
         ORDER BY p.owner, p.name, u.name LIMIT $3",
    )
    .bind(user.name.as_str())
    .bind(user.id)
    .bind(most)
    .fetch_all(&db.pool)
    .await?
    .iter()
    .map(|row| {
        Ok(Asked {
            owner: parsed(row, "owner")?,
            project: parsed(row, "project")?,
            user: row.try_get("name")?,
            roles: Roles { admin: word(row, "admin")?, builder: word(row, "builder")? },
        })
    })
    .collect()
}
