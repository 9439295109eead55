//! People whom an identity provider knows: browsers that are on their way there and back, and who they turn out to be.

use copr_api::names::{OwnerName, Secret};
use sqlx::Row;

use super::{
    Db, Error, group,
    token::digest,
    user::{User, user},
};

/// How long a browser may be away.
const AWAY_MS: i64 = 10 * 60 * 1000;
/// Browsers that may be away at once; when there are more, those that left first are forgotten.
const MOST: i64 = 10_000;

/// What is remembered of a browser while it is away.
#[derive(Debug, Clone)]
pub struct SigningIn {
    /// What the provider must put into what it says of the user.
    pub nonce: Secret,
    /// Shows the provider that whoever asks for the tokens is who sent the browser (PKCE).
    pub verifier: Secret,
    /// Path on this server that the user was at.
    pub back: String,
}

/// Remembers a browser that leaves with `state`.
///
/// # Errors
/// The database does not answer.
pub async fn leave(db: &Db, state: &Secret, browser: &Secret, away: &SigningIn, now_ms: i64) -> Result<(), Error> {
    let mut transaction = db.begin().await?;
    sqlx::query(
        "INSERT INTO signing_in (state_sha256, browser_sha256, nonce, verifier, back, expires_ms) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(digest(state.expose()))
    .bind(digest(browser.expose()))
    .bind(away.nonce.expose())
    .bind(away.verifier.expose())
    .bind(away.back.as_str())
    .bind(now_ms.saturating_add(AWAY_MS))
    .execute(&mut *transaction)
    .await?;
    sqlx::query(
        "DELETE FROM signing_in WHERE expires_ms <= $1 OR state_sha256 IN (SELECT state_sha256 FROM signing_in \
         ORDER BY expires_ms DESC, state_sha256 LIMIT $2 OFFSET $3)",
    )
    .bind(now_ms)
    .bind(i64::MAX)
    .bind(MOST)
    .execute(&mut *transaction)
    .await?;
    Ok(transaction.commit().await?)
}

/// What was remembered of the browser that comes back with `state`: once, in time, and only for the browser that left.
///
/// # Errors
/// The database does not answer.
pub async fn come_back(db: &Db, state: &Secret, browser: &Secret, now_ms: i64) -> Result<Option<SigningIn>, Error> {
    let row = sqlx::query(
        "DELETE FROM signing_in WHERE state_sha256 = $1 AND browser_sha256 = $2 AND expires_ms > $3 \
         RETURNING nonce, verifier, back",
    )
    .bind(digest(state.expose()))
    .bind(digest(browser.expose()))
    .bind(now_ms)
    .fetch_optional(&db.pool)
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(SigningIn {
        nonce: Secret::new(row.try_get::<String, _>("nonce")?),
        verifier: Secret::new(row.try_get::<String, _>("verifier")?),
        back: row.try_get("back")?,
    }))
}

/// Forgets the browsers that did not come back in time.
///
/// # Errors
/// The database does not answer.
pub async fn delete_ended(db: &Db, now_ms: i64) -> Result<u64, Error> {
    let ended = sqlx::query("DELETE FROM signing_in WHERE expires_ms <= $1").bind(now_ms).execute(&db.pool).await?;
    Ok(ended.rows_affected())
}

/// Who an identity turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Met {
    /// The user has been here before.
    Known(User),
    /// It is new, and has been added.
    New(User),
    /// It is new, and its name belongs to somebody else.
    NameTaken,
    /// It is new, and has no name that a user may have.
    NoName,
}

/// The user who is `identity` (`ISSUER SUBJECT`), which is all that counts; when it is here for the first time, it is added by
/// `name` (`None`: it can't be). It is in the groups of `claims`, and in no other group that goes by claims.
///
/// # Errors
/// The database does not answer.
pub async fn meet(
    db: &Db,
    identity: &str,
    name: Option<&OwnerName>,
    claims: &[String],
    now_ms: i64,
) -> Result<Met, Error> {
    let mut transaction = db.begin().await?;
    // Two browsers of one new user may come at the same time: whoever is late finds what the other has added.
    let mut added = None;
    if let Some(name) = name {
        added = sqlx::query(
            "INSERT INTO users (name, admin, identity, created_ms) SELECT $1, 0, $2, $3 \
             WHERE NOT EXISTS (SELECT 1 FROM users WHERE identity = $2) ON CONFLICT DO NOTHING RETURNING *",
        )
        .bind(name.as_str())
        .bind(identity)
        .bind(now_ms)
        .fetch_optional(&mut *transaction)
        .await?;
    }
    let met = match &added {
        Some(row) => Met::New(user(row)?),
        None => {
            let known = sqlx::query("SELECT * FROM users WHERE identity = $1")
                .bind(identity)
                .fetch_optional(&mut *transaction)
                .await?;
            match &known {
                Some(row) => Met::Known(user(row)?),
                None if name.is_some() => return Ok(Met::NameTaken),
                None => return Ok(Met::NoName),
            }
        }
    };
    if let Met::Known(user) | Met::New(user) = &met {
        group::claim(&mut transaction, user.id, claims, now_ms).await?;
    }
    transaction.commit().await?;
    Ok(met)
}
