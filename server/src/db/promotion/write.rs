//! What is written of a promotion before anything of it is in the target, and of its end.

use copr_api::v3::{PromotionImpact, PromotionState};
use sqlx::{Any, Transaction};

use super::{Candidate, Promotion};
use crate::db::{Db, Error, event, project::Project, to_json};

/// A promotion that is asked for.
#[derive(Debug, Clone)]
pub struct New<'a> {
    /// The project that it comes from.
    pub source: &'a Project,
    /// The project that it goes into.
    pub target: &'a Project,
    /// User who asks.
    pub submitter: &'a str,
    /// The builds leave the source once they are published.
    pub moves: bool,
    /// Its builds; with a text those that do not go, and why.
    pub items: &'a [(Candidate, Option<String>)],
    /// Why it may go although something breaks.
    pub override_reason: Option<&'a str>,
}

/// Notes a promotion that is asked for; its number.
///
/// # Errors
/// [`Error::is_orphan`]: the target is gone.
pub async fn add(db: &Db, new: &New<'_>, now_ms: i64) -> Result<i64, Error> {
    let mut transaction = db.begin().await?;
    let id: i64 = sqlx::query_scalar(
        "INSERT INTO promotions (source_id, source_owner, source_name, target_id, submitter, moves, state, override_by, \
         override_reason, created_ms) VALUES ($1, $2, $3, $4, $5, $6, 'requested', $7, $8, $9) RETURNING id",
    )
    .bind(new.source.id)
    .bind(new.source.owner.as_str())
    .bind(new.source.name.as_str())
    .bind(new.target.id)
    .bind(new.submitter)
    .bind(i64::from(new.moves))
    .bind(new.override_reason.map(|_| new.submitter))
    .bind(new.override_reason)
    .bind(now_ms)
    .fetch_one(&mut *transaction)
    .await?;
    for (item, skipped) in new.items {
        sqlx::query(
            "INSERT INTO promotion_items (promotion_id, build_id, chroot, package_name, package_version, skipped) \
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(id)
        .bind(item.build_id)
        .bind(item.chroot.as_str())
        .bind(item.package_name.as_str())
        .bind(item.package_version.as_str())
        .bind(skipped.clone())
        .execute(&mut *transaction)
        .await?;
    }
    note(&mut transaction, id, new.submitter, "asked for it", now_ms).await?;
    if let Some(reason) = new.override_reason {
        note(&mut transaction, id, new.submitter, &overridden(reason), now_ms).await?;
    }
    event::of_promotion(&mut transaction, id, now_ms).await?;
    transaction.commit().await?;
    Ok(id)
}

fn overridden(reason: &str) -> String {
    format!("lets it go whatever breaks: {reason}")
}

/// One more line of a promotion's history.
pub(super) async fn note(
    transaction: &mut Transaction<'_, Any>,
    id: i64,
    who: &str,
    what: &str,
    now_ms: i64,
) -> Result<(), Error> {
    sqlx::query("INSERT INTO promotion_events (promotion_id, who, what, happened_ms) VALUES ($1, $2, $3, $4)")
        .bind(id)
        .bind(who)
        .bind(what)
        .bind(now_ms)
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

/// A step of a promotion that has nothing in the target yet, or has ended badly.
#[derive(Debug, Clone)]
pub struct Step<'a> {
    /// Only from one of these states.
    pub from: &'a [PromotionState],
    /// Where to.
    pub to: PromotionState,
    /// What it waits for now, or why it ended so.
    pub message: Option<&'a str>,
    /// Who does it; empty: the server.
    pub who: &'a str,
    /// What the history says of it; empty: nothing.
    pub what: &'a str,
    /// `who` has said when.
    pub approves: bool,
}

/// Takes a step; `false`: it is not in one of those states any more.
///
/// # Errors
/// The database does not answer.
pub async fn step(db: &Db, id: i64, step: &Step<'_>, now_ms: i64) -> Result<bool, Error> {
    let from: Vec<String> = step.from.iter().map(|state| format!("'{state}'")).collect();
    let sql = format!(
        "UPDATE promotions SET state = $1, message = $2, ended_ms = $3, approved_by = COALESCE($4, approved_by) \
         WHERE id = $5 AND state IN ({})",
        from.join(", ")
    );
    let mut transaction = db.begin().await?;
    let before: Option<String> = sqlx::query_scalar("SELECT state FROM promotions WHERE id = $1")
        .bind(id)
        .fetch_optional(&mut *transaction)
        .await?;
    // Only words of states were put into the text.
    let taken = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(step.to.as_str())
        .bind(step.message)
        .bind(step.to.is_final().then_some(now_ms))
        .bind(step.approves.then_some(step.who))
        .bind(id)
        .execute(&mut *transaction)
        .await?;
    if taken.rows_affected() == 0 {
        return Ok(false);
    }
    if !step.what.is_empty() {
        note(&mut transaction, id, step.who, step.what, now_ms).await?;
    }
    // What it waits for changes often.
    if before.as_deref() != Some(step.to.as_str()) {
        event::of_promotion(&mut transaction, id, now_ms).await?;
    }
    transaction.commit().await?;
    Ok(true)
}

/// Keeps what was found out about what would break.
///
/// # Errors
/// The database does not answer.
pub async fn set_impact(db: &Db, id: i64, impact: &PromotionImpact, now_ms: i64) -> Result<(), Error> {
    sqlx::query("UPDATE promotions SET impact = $1, impact_ms = $2 WHERE id = $3")
        .bind(to_json("impact", impact)?)
        .bind(now_ms)
        .bind(id)
        .execute(&db.writers)
        .await?;
    Ok(())
}

/// Lets a promotion go whatever breaks; `false`: it does not wait any more.
///
/// # Errors
/// The database does not answer.
pub async fn override_impact(db: &Db, id: i64, who: &str, reason: &str, now_ms: i64) -> Result<bool, Error> {
    let mut transaction = db.begin().await?;
    let done = sqlx::query(
        "UPDATE promotions SET override_by = $1, override_reason = $2 WHERE id = $3 AND state IN ('requested', 'waiting')",
    )
    .bind(who)
    .bind(reason)
    .bind(id)
    .execute(&mut *transaction)
    .await?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    note(&mut transaction, id, who, &overridden(reason), now_ms).await?;
    transaction.commit().await?;
    Ok(true)
}

/// Takes a vote, in place of the same user's last one; `false`: it does not wait any more.
///
/// # Errors
/// The database does not answer.
pub async fn vote(
    db: &Db,
    promotion: &Promotion,
    voter: &str,
    vote: i64,
    comment: &str,
    now_ms: i64,
) -> Result<bool, Error> {
    let mut transaction = db.begin().await?;
    // Held until the vote is there: it counts, or it comes too late.
    let waits = sqlx::query("UPDATE promotions SET state = state WHERE id = $1 AND state IN ('requested', 'waiting')")
        .bind(promotion.id)
        .execute(&mut *transaction)
        .await?;
    if waits.rows_affected() == 0 {
        return Ok(false);
    }
    sqlx::query(
        "INSERT INTO promotion_votes (promotion_id, voter, vote, comment, voted_ms) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (promotion_id, voter) DO UPDATE SET vote = excluded.vote, comment = excluded.comment, \
         voted_ms = excluded.voted_ms",
    )
    .bind(promotion.id)
    .bind(voter)
    .bind(vote)
    .bind(comment)
    .bind(now_ms)
    .execute(&mut *transaction)
    .await?;
    let sign = if vote > 0 { "+1" } else { "-1" };
    let what = if comment.is_empty() { format!("votes {sign}") } else { format!("votes {sign}: {comment}") };
    note(&mut transaction, promotion.id, voter, &what, now_ms).await?;
    transaction.commit().await?;
    Ok(true)
}
