//! What builders tell of packages that stand in the way of the distribution's.

use std::collections::HashMap;

use copr_api::builder::Shadow;
use sqlx::Row as _;

use super::{Db, Error, json, to_json};

/// Notes what is told of the packages that a lease hands in, in place of what an earlier attempt told.
///
/// # Errors
/// The database does not answer.
pub async fn note(db: &Db, lease_id: &str, shadows: &[Shadow]) -> Result<(), Error> {
    sqlx::query("UPDATE build_chroots SET shadows = $1 WHERE lease_id = $2")
        .bind(to_json("shadows", &shadows)?)
        .bind(lease_id)
        .execute(&db.pool)
        .await?;
    Ok(())
}

/// What was told of a build, by the numbers of its build-chroots; those of which nothing was told are left out.
///
/// # Errors
/// The database does not answer.
pub async fn of_build(db: &Db, build_id: i64) -> Result<HashMap<i64, Vec<Shadow>>, Error> {
    let rows = sqlx::query("SELECT id, shadows FROM build_chroots WHERE build_id = $1 AND shadows <> '[]'")
        .bind(build_id)
        .fetch_all(&db.pool)
        .await?;
    rows.iter().map(|row| Ok((row.try_get("id")?, json("shadows", row.try_get("shadows")?)?))).collect()
}
