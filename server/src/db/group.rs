//! Groups of users, which own projects as `@name`. Members are put in by hand, or by what the identity provider says of them.

use copr_api::names::OwnerName;
use sqlx::{Any, Row, Transaction, any::AnyRow};

use super::{Db, Error, Window, parsed, truth};

/// Most members of one group that are put in by hand.
pub const MEMBERS: i64 = 5000;
/// The longest name that an identity provider has for a group, in characters.
pub const CLAIM: usize = 200;

/// One group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Number.
    pub id: i64,
    /// `@name`.
    pub name: OwnerName,
    /// What the identity provider calls it; `None`: it knows nothing of it.
    pub claim: Option<String>,
    /// When it was added, milliseconds since 1970.
    pub created_ms: i64,
    /// How many members it has.
    pub members: i64,
    /// How many projects it owns.
    pub projects: i64,
}

/// One member of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The user's name.
    pub name: String,
    /// May say who else is a member.
    pub admin: bool,
    /// Is one as long as the identity provider says so.
    pub claimed: bool,
    /// Since when, milliseconds since 1970.
    pub since_ms: i64,
}

/// How an addition ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Added {
    /// The group is there.
    Done,
    /// There is one of that name, or another has that claim.
    Taken,
    /// There are projects of that owner from a former time, and whoever adds the group may not have them.
    Owns,
    /// The maker administers as many groups as one may.
    TooMany,
}

/// How a change of members ended; but for the first, nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// All of it was done.
    Done,
    /// The group is gone.
    Gone,
    /// This user is a member because the identity provider says so.
    Claimed(String),
    /// Nobody would be left to administer it.
    NoAdmin,
    /// There would be more than [`MEMBERS`].
    TooMany,
}

/// What becomes of one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Number of the user.
    pub user_id: i64,
    /// Its name, for messages.
    pub name: String,
    /// Whether it is a member; `None`: as before.
    pub member: Option<bool>,
    /// Whether it administers the group; `None`: as before.
    pub admin: Option<bool>,
}

/// How a deletion ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deleted {
    /// The group is no more.
    Done,
    /// It was not there.
    Gone,
    /// It owns projects, and stays.
    Owns,
}

const SELECT: &str = "SELECT g.id, '@' || g.name AS owner, g.claim, g.created_ms, \
     (SELECT COUNT(*) FROM group_members m WHERE m.group_id = g.id) AS members, \
     (SELECT COUNT(*) FROM projects p WHERE p.owner = '@' || g.name) AS projects FROM user_groups g";

fn group(row: &AnyRow) -> Result<Group, Error> {
    Ok(Group {
        id: row.try_get("id")?,
        name: parsed(row, "owner")?,
        claim: row.try_get("claim")?,
        created_ms: row.try_get("created_ms")?,
        members: row.try_get("members")?,
        projects: row.try_get("projects")?,
    })
}

/// A group's name as it stands in the tables.
fn bare(name: &OwnerName) -> &str {
    name.as_str().trim_start_matches('@')
}

/// Who adds a group.
#[derive(Debug, Clone, Copy)]
pub struct Maker {
    /// Number of the user, who becomes its first administrator; `None`: nobody does.
    pub user_id: Option<i64>,
    /// Most groups that this user may administer; `None`: any number, and projects of a former group of that name are no matter.
    pub most: Option<i64>,
}

/// Adds a group.
///
/// # Errors
/// The database does not answer.
pub async fn add(db: &Db, name: &OwnerName, claim: Option<&str>, maker: Maker, now_ms: i64) -> Result<Added, Error> {
    let mut transaction = db.begin().await?;
    if let (Some(user_id), Some(most)) = (maker.user_id, maker.most) {
        // The user's row is held from here on: of two calls at the same time, one counts after the other.
        sqlx::query("UPDATE users SET name = name WHERE id = $1").bind(user_id).execute(&mut *transaction).await?;
        let sql = "SELECT COUNT(*) FROM group_members WHERE user_id = $1 AND admin = 1";
        let has: i64 = sqlx::query_scalar(sql).bind(user_id).fetch_one(&mut *transaction).await?;
        if has >= most {
            return Ok(Added::TooMany);
        }
        let sql = "SELECT COUNT(*) FROM projects WHERE owner = $1";
        let owns: i64 = sqlx::query_scalar(sql).bind(name.as_str()).fetch_one(&mut *transaction).await?;
        if owns > 0 {
            return Ok(Added::Owns);
        }
    }
    let sql = "INSERT INTO user_groups (name, claim, created_ms) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    let made =
        sqlx::query(sql).bind(bare(name)).bind(claim).bind(now_ms).execute(&mut *transaction).await?.rows_affected();
    if made == 0 {
        return Ok(Added::Taken);
    }
    if let Some(user_id) = maker.user_id {
        let id: i64 = sqlx::query_scalar("SELECT id FROM user_groups WHERE name = $1")
            .bind(bare(name))
            .fetch_one(&mut *transaction)
            .await?;
        join(&mut transaction, id, user_id, Kind { admin: true, claimed: false }, now_ms).await?;
    }
    transaction.commit().await?;
    Ok(Added::Done)
}

/// The group of that name.
///
/// # Errors
/// The database does not answer.
pub async fn by_name(db: &Db, name: &OwnerName) -> Result<Option<Group>, Error> {
    sqlx::query(sqlx::AssertSqlSafe(format!("{SELECT} WHERE g.name = $1")))
        .bind(bare(name))
        .fetch_optional(&db.pool)
        .await?
        .as_ref()
        .map(group)
        .transpose()
}

/// Groups by name.
///
/// # Errors
/// The database does not answer.
pub async fn list(db: &Db, window: Window) -> Result<Vec<Group>, Error> {
    sqlx::query(sqlx::AssertSqlSafe(format!("{SELECT} ORDER BY g.name LIMIT $1 OFFSET $2")))
        .bind(window.limit_sql())
        .bind(window.offset_sql())
        .fetch_all(&db.pool)
        .await?
        .iter()
        .map(group)
        .collect()
}

/// The groups that a user is a member of, by name.
///
/// # Errors
/// The database does not answer.
pub async fn of_user(db: &Db, user_id: i64) -> Result<Vec<Group>, Error> {
    let sql = format!("{SELECT} JOIN group_members of ON of.group_id = g.id WHERE of.user_id = $1 ORDER BY g.name");
    sqlx::query(sqlx::AssertSqlSafe(sql)).bind(user_id).fetch_all(&db.pool).await?.iter().map(group).collect()
}

/// The members of a group, by name.
///
/// # Errors
/// The database does not answer.
pub async fn members(db: &Db, group_id: i64) -> Result<Vec<Member>, Error> {
    sqlx::query(
        "SELECT u.name, m.admin, m.claimed, m.since_ms FROM group_members m JOIN users u ON u.id = m.user_id \
         WHERE m.group_id = $1 ORDER BY u.name",
    )
    .bind(group_id)
    .fetch_all(&db.pool)
    .await?
    .iter()
    .map(|row| {
        Ok(Member {
            name: row.try_get("name")?,
            admin: truth(row, "admin")?,
            claimed: truth(row, "claimed")?,
            since_ms: row.try_get("since_ms")?,
        })
    })
    .collect()
}

/// Whether a user administers a group.
///
/// # Errors
/// The database does not answer.
pub async fn is_admin(db: &Db, group_id: i64, user_id: i64) -> Result<bool, Error> {
    let sql = "SELECT COUNT(*) FROM group_members WHERE group_id = $1 AND user_id = $2 AND admin = 1";
    let found: i64 = sqlx::query_scalar(sql).bind(group_id).bind(user_id).fetch_one(&db.pool).await?;
    Ok(found > 0)
}

/// Takes a group's row for this transaction: changes of one group come one after the other. `false`: it is gone.
async fn hold(transaction: &mut Transaction<'_, Any>, group_id: i64) -> Result<bool, Error> {
    let sql = "UPDATE user_groups SET name = name WHERE id = $1";
    Ok(sqlx::query(sql).bind(group_id).execute(&mut **transaction).await?.rows_affected() > 0)
}

/// What somebody is in a group.
#[derive(Debug, Clone, Copy)]
struct Kind {
    admin: bool,
    claimed: bool,
}

/// Makes a user a member who is none yet.
async fn join(
    transaction: &mut Transaction<'_, Any>,
    group_id: i64,
    user_id: i64,
    kind: Kind,
    now_ms: i64,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO group_members (group_id, user_id, admin, claimed, since_ms) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (group_id, user_id) DO NOTHING",
    )
    .bind(group_id)
    .bind(user_id)
    .bind(i64::from(kind.admin))
    .bind(i64::from(kind.claimed))
    .bind(now_ms)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// Changes who is in a group by hand, all or nothing. Who administers it is a member, too. With `needs_admin` somebody must be left
/// who administers it.
///
/// # Errors
/// The database does not answer; [`Error::is_orphan`] when a user is gone.
pub async fn set_members(
    db: &Db,
    group_id: i64,
    changes: &[Change],
    needs_admin: bool,
    now_ms: i64,
) -> Result<Changed, Error> {
    let mut transaction = db.begin().await?;
    if !hold(&mut transaction, group_id).await? {
        return Ok(Changed::Gone);
    }
    for change in changes {
        if change.member == Some(false) {
            let sql = "DELETE FROM group_members WHERE group_id = $1 AND user_id = $2 AND claimed = 0";
            sqlx::query(sql).bind(group_id).bind(change.user_id).execute(&mut *transaction).await?;
            let sql = "SELECT COUNT(*) FROM group_members WHERE group_id = $1 AND user_id = $2";
            let left: i64 =
                sqlx::query_scalar(sql).bind(group_id).bind(change.user_id).fetch_one(&mut *transaction).await?;
            if left > 0 {
                return Ok(Changed::Claimed(change.name.clone()));
            }
            continue;
        }
        if change.member == Some(true) || change.admin == Some(true) {
            let kind = Kind { admin: change.admin == Some(true), claimed: false };
            join(&mut transaction, group_id, change.user_id, kind, now_ms).await?;
        }
        if let Some(admin) = change.admin {
            sqlx::query("UPDATE group_members SET admin = $1 WHERE group_id = $2 AND user_id = $3")
                .bind(i64::from(admin))
                .bind(group_id)
                .bind(change.user_id)
                .execute(&mut *transaction)
                .await?;
        }
    }
    let row = sqlx::query(
        "SELECT COUNT(*) AS members, COALESCE(CAST(SUM(admin) AS BIGINT), 0) AS admins FROM group_members WHERE group_id = $1",
    )
    .bind(group_id)
    .fetch_one(&mut *transaction)
    .await?;
    if row.try_get::<i64, _>("members")? > MEMBERS {
        return Ok(Changed::TooMany);
    }
    if needs_admin && row.try_get::<i64, _>("admins")? == 0 {
        return Ok(Changed::NoAdmin);
    }
    transaction.commit().await?;
    Ok(Changed::Done)
}

/// Says what the identity provider calls a group; `None`: it knows nothing of it. Members that are so because of the former claim are
/// none any more, until they sign in again. `false`: the group is gone.
///
/// # Errors
/// [`Error::is_duplicate`] when another group has this claim.
pub async fn set_claim(db: &Db, group_id: i64, claim: Option<&str>) -> Result<bool, Error> {
    let mut transaction = db.begin().await?;
    if !hold(&mut transaction, group_id).await? {
        return Ok(false);
    }
    let before: Option<String> = sqlx::query_scalar("SELECT claim FROM user_groups WHERE id = $1")
        .bind(group_id)
        .fetch_one(&mut *transaction)
        .await?;
    if before.as_deref() != claim {
        sqlx::query("UPDATE user_groups SET claim = $1 WHERE id = $2")
            .bind(claim)
            .bind(group_id)
            .execute(&mut *transaction)
            .await?;
        sqlx::query("DELETE FROM group_members WHERE group_id = $1 AND claimed = 1")
            .bind(group_id)
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await?;
    Ok(true)
}

/// Makes a user a member of exactly those groups with a claim that the identity provider names, besides the groups that it was put
/// into by hand.
///
/// # Errors
/// The database does not answer.
pub async fn set_claimed(db: &Db, user_id: i64, claims: &[String], now_ms: i64) -> Result<(), Error> {
    let mut transaction = db.begin().await?;
    claim(&mut transaction, user_id, claims, now_ms).await?;
    Ok(transaction.commit().await?)
}

/// [`set_claimed`] as a part of something else.
pub(super) async fn claim(
    transaction: &mut Transaction<'_, Any>,
    user_id: i64,
    claims: &[String],
    now_ms: i64,
) -> Result<(), Error> {
    let rows = sqlx::query("SELECT id, claim FROM user_groups WHERE claim IS NOT NULL ORDER BY id")
        .fetch_all(&mut **transaction)
        .await?;
    for row in &rows {
        let (id, claim): (i64, String) = (row.try_get("id")?, row.try_get("claim")?);
        if claims.contains(&claim) {
            // Held from here on, if the claim is still the same.
            let held = sqlx::query("UPDATE user_groups SET name = name WHERE id = $1 AND claim = $2")
                .bind(id)
                .bind(claim)
                .execute(&mut **transaction)
                .await?;
            if held.rows_affected() == 0 {
                continue;
            }
            join(transaction, id, user_id, Kind { admin: false, claimed: true }, now_ms).await?;
        } else {
            sqlx::query("DELETE FROM group_members WHERE group_id = $1 AND user_id = $2 AND claimed = 1")
                .bind(id)
                .bind(user_id)
                .execute(&mut **transaction)
                .await?;
        }
    }
    Ok(())
}

/// Deletes a group that owns no project.
///
/// # Errors
/// The database does not answer.
pub async fn delete(db: &Db, group_id: i64) -> Result<Deleted, Error> {
    let mut transaction = db.begin().await?;
    if !hold(&mut transaction, group_id).await? {
        return Ok(Deleted::Gone);
    }
    sqlx::query("DELETE FROM pins WHERE owner IN (SELECT '@' || name FROM user_groups WHERE id = $1)")
        .bind(group_id)
        .execute(&mut *transaction)
        .await?;
    let sql = "DELETE FROM user_groups WHERE id = $1 AND NOT EXISTS \
               (SELECT 1 FROM projects p WHERE p.owner = '@' || user_groups.name)";
    let done = sqlx::query(sql).bind(group_id).execute(&mut *transaction).await?;
    if done.rows_affected() == 0 {
        return Ok(Deleted::Owns);
    }
    transaction.commit().await?;
    Ok(Deleted::Done)
}
