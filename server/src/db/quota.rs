//! What owners store, and how much they may. Counted are results and source packages, a file that an owner has several times once;
//! triggers of the database count (see `0008_quota.sql`), in the transaction that writes or deletes a row.

use std::fmt;

use copr_api::names::OwnerName;
use sqlx::{Any, AnyConnection, Row as _, Transaction};

use super::{Db, Dialect, Error};
use crate::config::quota::size;

/// What an owner stores, and how much it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Bytes.
    pub used: i64,
    /// Bytes; `None`: as much as there is room.
    pub limit: Option<i64>,
}

impl Usage {
    /// Whether so many bytes more fit. Nothing fits where all is used: what is built there needs some.
    ///
    /// # Errors
    /// They do not.
    pub fn room_for(self, more: i64) -> Result<(), Exceeded> {
        match self.limit {
            Some(limit) if self.used >= limit || self.used.saturating_add(more) > limit => {
                Err(Exceeded { used: self.used, limit, more })
            }
            _ => Ok(()),
        }
    }

    /// How much of it is used, as a percentage; more than a hundred where the limit was lowered. `None`: there is no limit.
    #[must_use]
    pub fn percent(self) -> Option<i64> {
        let limit = self.limit?;
        Some(if limit > 0 { self.used.saturating_mul(100) / limit } else { 100 })
    }
}

/// Something does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exceeded {
    /// Bytes that are used.
    pub used: i64,
    /// Bytes that may be.
    pub limit: i64,
    /// Bytes that were to be added; 0: not known yet, and there is no room for any.
    pub more: i64,
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { used, limit, more } = *self;
        let shown = |bytes: i64| size(bytes.unsigned_abs());
        write!(f, "The quota is exceeded: {} of {} are used", shown(used), shown(limit))?;
        if more > 0 {
            write!(f, ", and this needs {} more", shown(more))?;
        }
        write!(f, " ({used} + {more} of {limit} bytes). Delete or prune builds, or ask the administrator for more.")
    }
}

/// What an owner stores, and how much it may; an owner that nobody knows stores nothing.
///
/// # Errors
/// The database does not answer.
pub async fn of_owner(db: &Db, owner: &OwnerName) -> Result<Usage, Error> {
    let mut connection = db.pool.acquire().await?;
    read(&mut connection, db.quota, owner).await
}

/// Whether so many bytes more fit now. Whoever needs to know for sure asks in the transaction that adds them: see [`Hold`].
///
/// # Errors
/// The database does not answer.
pub async fn check(db: &Db, owner: &OwnerName, more: i64) -> Result<Result<(), Exceeded>, Error> {
    Ok(of_owner(db, owner).await?.room_for(more))
}

/// Whether there is such a user or group.
///
/// # Errors
/// The database does not answer.
pub async fn is_known(db: &Db, owner: &OwnerName) -> Result<bool, Error> {
    let (sql, name) = match owner.as_str().strip_prefix('@') {
        Some(group) => ("SELECT COUNT(*) FROM user_groups WHERE name = $1", group),
        None => ("SELECT COUNT(*) FROM users WHERE name = $1", owner.as_str()),
    };
    let known: i64 = sqlx::query_scalar(sql).bind(name).fetch_one(&db.pool).await?;
    Ok(known > 0)
}

async fn read(connection: &mut AnyConnection, default: Option<i64>, owner: &OwnerName) -> Result<Usage, Error> {
    let own = match owner.as_str().strip_prefix('@') {
        Some(_) => "SELECT quota_bytes FROM user_groups WHERE name = $2",
        None => "SELECT quota_bytes FROM users WHERE name = $2",
    };
    let sql = format!("SELECT COALESCE((SELECT used FROM quota_used WHERE owner = $1), 0) AS used, ({own}) AS own");
    // Only constants were put into the text.
    let row = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(owner.as_str())
        .bind(owner.as_str().trim_start_matches('@'))
        .fetch_one(connection)
        .await?;
    let limit = match row.try_get("own")? {
        None => default,
        Some(own) => Some(own).filter(|bytes: &i64| *bytes > 0),
    };
    Ok(Usage { used: row.try_get("used")?, limit })
}

/// Whoever else would change what an owner stores waits for the end of the transaction: taken after projects, builds and batches,
/// before all other rows.
pub(super) struct Hold {
    owner: OwnerName,
    default: Option<i64>,
    before: i64,
}

impl Hold {
    /// Takes it.
    pub(super) async fn take(
        transaction: &mut Transaction<'_, Any>,
        db: &Db,
        owner: &OwnerName,
    ) -> Result<Self, Error> {
        wait(transaction, db.dialect, owner).await?;
        let before = read(transaction, db.quota, owner).await?.used;
        Ok(Self { owner: owner.clone(), default: db.quota, before })
    }

    /// Whether what the transaction has added so far fits, if it has added anything. Where it does not, nothing of it is to be
    /// committed.
    pub(super) async fn fits(&self, transaction: &mut Transaction<'_, Any>) -> Result<Result<(), Exceeded>, Error> {
        let now = read(transaction, self.default, &self.owner).await?;
        let more = now.used.saturating_sub(self.before);
        if more <= 0 {
            return Ok(Ok(()));
        }
        Ok(Usage { used: self.before, ..now }.room_for(more))
    }

    /// Bytes that the transaction has added so far, less those that it has freed.
    pub(super) async fn grown(&self, transaction: &mut Transaction<'_, Any>) -> Result<i64, Error> {
        Ok(read(transaction, self.default, &self.owner).await?.used.saturating_sub(self.before))
    }

    /// The same of something that is only the beginning: it needs room for more.
    pub(super) async fn has_room(&self, transaction: &mut Transaction<'_, Any>) -> Result<Result<(), Exceeded>, Error> {
        let now = read(transaction, self.default, &self.owner).await?;
        Ok(Usage { used: self.before, ..now }.room_for(now.used.saturating_sub(self.before)))
    }
}

/// [`Hold`] for who only frees.
pub(super) async fn wait(
    transaction: &mut Transaction<'_, Any>,
    dialect: Dialect,
    owner: &OwnerName,
) -> Result<(), Error> {
    if dialect == Dialect::Postgres {
        sqlx::query("SELECT 1 FROM (SELECT quota_hold($1)) AS held")
            .bind(owner.as_str())
            .execute(&mut **transaction)
            .await?;
    }
    Ok(())
}

/// Says how many bytes a user, or a group (with its `@`), may store; 0: no limit; `None`: what the configuration says. `false`:
/// there is neither.
///
/// # Errors
/// The database does not answer.
pub async fn set(db: &Db, owner: &OwnerName, bytes: Option<i64>) -> Result<bool, Error> {
    let (sql, name) = match owner.as_str().strip_prefix('@') {
        Some(group) => ("UPDATE user_groups SET quota_bytes = $1 WHERE name = $2", group),
        None => ("UPDATE users SET quota_bytes = $1 WHERE name = $2", owner.as_str()),
    };
    Ok(sqlx::query(sql).bind(bytes).bind(name).execute(&db.writers).await?.rows_affected() > 0)
}

/// An owner of whom something else is noted than is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The owner.
    pub owner: String,
    /// Bytes that are noted.
    pub noted: i64,
    /// Bytes that are there.
    pub counted: i64,
}

/// Counts everything anew, without changing anything: the owners of whom something else is noted, and how many were looked at.
///
/// # Errors
/// The database does not answer.
pub async fn recount(db: &Db) -> Result<(Vec<Difference>, u64), Error> {
    let mut snapshot = db.begin_snapshot().await?;
    let rows = sqlx::query(
        "SELECT o.owner AS owner, COALESCE(u.used, 0) AS noted, CAST(COALESCE(c.bytes, 0) AS BIGINT) AS counted \
         FROM (SELECT owner FROM quota_counted UNION SELECT owner FROM quota_used) o \
         LEFT JOIN quota_used u ON u.owner = o.owner \
         LEFT JOIN (SELECT f.owner, SUM(f.size) AS bytes FROM (SELECT DISTINCT owner, sha256, size FROM quota_counted) f \
             GROUP BY f.owner) c ON c.owner = o.owner ORDER BY o.owner",
    )
    .fetch_all(&mut *snapshot)
    .await?;
    let looked_at = u64::try_from(rows.len()).unwrap_or_default();
    let mut found = Vec::new();
    for row in &rows {
        let one =
            Difference { owner: row.try_get("owner")?, noted: row.try_get("noted")?, counted: row.try_get("counted")? };
        if one.noted != one.counted {
            found.push(one);
        }
    }
    Ok((found, looked_at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_just_fits_is_taken_and_where_all_is_used_nothing_is() {
        let usage = Usage { used: 90, limit: Some(100) };
        assert_eq!(usage.room_for(10), Ok(()));
        let refused = usage.room_for(11).unwrap_err();
        assert_eq!(refused, Exceeded { used: 90, limit: 100, more: 11 });
        assert!(refused.to_string().contains("90 B of 100 B are used, and this needs 11 B more"), "{refused}");
        assert!(Usage { used: 100, limit: Some(100) }.room_for(0).is_err());
        assert_eq!(Usage { used: i64::MAX, limit: None }.room_for(i64::MAX), Ok(()));
    }
}
