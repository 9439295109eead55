//! Secrets of webhooks: who knows a project's may have it built. And which calls have been heard.

use copr_api::names::Secret;
use rand::RngExt as _;

use super::{Db, Error};

/// Gives a project a new secret, a random UUID; the old one is void. `None`: the project is gone.
///
/// # Errors
/// The database does not answer.
pub async fn renew(db: &Db, project_id: i64) -> Result<Option<Secret>, Error> {
    let secret = random_uuid();
    let done = sqlx::query("UPDATE projects SET webhook_secret = $1 WHERE id = $2")
        .bind(secret.as_str())
        .bind(project_id)
        .execute(&db.pool)
        .await?;
    Ok((done.rows_affected() > 0).then(|| Secret::new(secret)))
}

/// A random UUID.
pub(super) fn random_uuid() -> String {
    uuid(rand::rng().random())
}

/// The secret of a project's webhooks, if it has one.
///
/// # Errors
/// The database does not answer.
pub async fn secret(db: &Db, project_id: i64) -> Result<Option<Secret>, Error> {
    let row: Option<Option<String>> = sqlx::query_scalar("SELECT webhook_secret FROM projects WHERE id = $1")
        .bind(project_id)
        .fetch_optional(&db.pool)
        .await?;
    Ok(row.flatten().map(Secret::new))
}

/// Notes that a call is heard: of each of these sums, whether it is the first one with it. One that the server has died over counts
/// as none after `stale_ms`. `true`: all of them are new, and the call is this one's.
///
/// # Errors
/// The database does not answer, or the project is gone.
pub async fn hear(db: &Db, project_id: i64, sums: &[String], stale_ms: i64, now_ms: i64) -> Result<bool, Error> {
    let mut transaction = db.begin().await?;
    for sum in sums {
        let heard = sqlx::query(
            "INSERT INTO webhook_calls (project_id, sha256, seen_ms) VALUES ($1, $2, $3) ON CONFLICT (project_id, sha256) \
             DO UPDATE SET seen_ms = excluded.seen_ms WHERE webhook_calls.done = 0 AND webhook_calls.seen_ms < $4",
        )
        .bind(project_id)
        .bind(sum.as_str())
        .bind(now_ms)
        .bind(stale_ms)
        .execute(&mut *transaction)
        .await?;
        if heard.rows_affected() == 0 {
            return Ok(false);
        }
    }
    transaction.commit().await?;
    Ok(true)
}

/// Notes that a call was dealt with; or that it could not be, and may come again.
///
/// # Errors
/// The database does not answer.
pub async fn heard(db: &Db, project_id: i64, sums: &[String], good: bool) -> Result<(), Error> {
    let sql = if good {
        "UPDATE webhook_calls SET done = 1 WHERE project_id = $1 AND sha256 = $2"
    } else {
        "DELETE FROM webhook_calls WHERE project_id = $1 AND sha256 = $2"
    };
    for sum in sums {
        sqlx::query(sql).bind(project_id).bind(sum.as_str()).execute(&db.pool).await?;
    }
    Ok(())
}

/// Forgets calls that came before a time.
///
/// # Errors
/// The database does not answer.
pub async fn forget(db: &Db, before_ms: i64) -> Result<u64, Error> {
    let done = sqlx::query("DELETE FROM webhook_calls WHERE seen_ms < $1").bind(before_ms).execute(&db.pool).await?;
    Ok(done.rows_affected())
}

/// Random bits in the form of a UUID of version 4.
fn uuid(bits: u128) -> String {
    let bits = bits & !(0xf << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    let mut text = String::with_capacity(36);
    for (number, digit) in hex.chars().enumerate() {
        if matches!(number, 8 | 12 | 16 | 20) {
            text.push('-');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_secret_has_the_form_of_a_random_uuid() {
        assert_eq!(super::uuid(0), "00000000-0000-4000-8000-000000000000");
        assert_eq!(super::uuid(u128::MAX), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }
}
