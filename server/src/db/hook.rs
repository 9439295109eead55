//! Addresses that are told of a project's events, and what each was told.
//!
//! [`spread`] makes deliveries of events, once each: the reader's place moves in the same transaction. A hook's deliveries are made
//! one after the other, by whoever has claimed the hook; one that fails is tried again after a pause, and holds up those behind it, so
//! that they come in order.

use copr_api::names::Secret;
use serde_json::json;
use sqlx::{Any, Row, Transaction, any::AnyRow};

use super::{
    Db, Error,
    event::{self, Event},
    notice,
    project::{self, Project},
    to_json, truth, words,
};

/// The reader of events that makes deliveries of them.
const READER: &str = "hooks";
/// Events that become deliveries in one go.
const AT_ONCE: i64 = 200;

/// One address.
#[derive(Debug, Clone)]
pub struct Hook {
    /// Number; 0 in one that is about to be added.
    pub id: i64,
    /// The project.
    pub project_id: i64,
    /// Where it is told.
    pub url: String,
    /// What bodies are signed with.
    pub secret: Secret,
    /// Topics that it is told of; empty: all.
    pub topics: Vec<String>,
    /// It is told.
    pub active: bool,
    /// Failures since the last success.
    pub attempts: i64,
    /// When the first of them was, milliseconds since 1970.
    pub failing_ms: Option<i64>,
    /// When it is tried next, if something waits.
    pub due_ms: i64,
    /// When it was added.
    pub created_ms: i64,
}

/// One event for one address.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Number.
    pub id: i64,
    /// The hook.
    pub hook_id: i64,
    /// The event's UUID.
    pub message_id: String,
    /// Its topic.
    pub topic: String,
    /// What is sent.
    pub payload: String,
    /// `waiting`, `delivered` or `given-up`.
    pub state: String,
    /// How often it was tried.
    pub attempts: i64,
    /// HTTP status of the last try.
    pub status: Option<i64>,
    /// Why the last try failed.
    pub error: Option<String>,
    /// The beginning of the answer.
    pub answer: Option<String>,
    /// How long the last try took, milliseconds.
    pub took_ms: Option<i64>,
    /// When the last try was, milliseconds since 1970.
    pub tried_ms: Option<i64>,
    /// When it was queued.
    pub created_ms: i64,
}

/// How a try ended.
#[derive(Debug, Clone, Default)]
pub struct Tried {
    /// HTTP status, if there was an answer.
    pub status: Option<i64>,
    /// Why it counts as failed; `None`: it does not.
    pub error: Option<String>,
    /// The beginning of the answer.
    pub answer: Option<String>,
    /// Milliseconds.
    pub took_ms: i64,
}

fn hook(row: &AnyRow) -> Result<Hook, Error> {
    Ok(Hook {
        id: row.try_get("id")?,
        project_id: row.try_get("project_id")?,
        url: row.try_get("url")?,
        secret: Secret::new(row.try_get::<String, _>("secret")?),
        topics: words(row, "topics")?,
        active: truth(row, "active")?,
        attempts: row.try_get("attempts")?,
        failing_ms: row.try_get("failing_ms")?,
        due_ms: row.try_get("due_ms")?,
        created_ms: row.try_get("created_ms")?,
    })
}

fn delivery(row: &AnyRow) -> Result<Delivery, Error> {
    Ok(Delivery {
        id: row.try_get("id")?,
        hook_id: row.try_get("hook_id")?,
        message_id: row.try_get("message_id")?,
        topic: row.try_get("topic")?,
        payload: row.try_get("payload")?,
        state: row.try_get("state")?,
        attempts: row.try_get("attempts")?,
        status: row.try_get("status")?,
        error: row.try_get("error")?,
        answer: row.try_get("answer")?,
        took_ms: row.try_get("took_ms")?,
        tried_ms: row.try_get("tried_ms")?,
        created_ms: row.try_get("created_ms")?,
    })
}

/// A project's hooks, by number.
///
/// # Errors
/// The database does not answer.
pub async fn of_project(db: &Db, project_id: i64) -> Result<Vec<Hook>, Error> {
    sqlx::query("SELECT * FROM hooks WHERE project_id = $1 ORDER BY id")
        .bind(project_id)
        .fetch_all(&db.pool)
        .await?
        .iter()
        .map(hook)
        .collect()
}

/// One hook of a project.
///
/// # Errors
/// The database does not answer.
pub async fn get(db: &Db, project_id: i64, id: i64) -> Result<Option<Hook>, Error> {
    sqlx::query("SELECT * FROM hooks WHERE project_id = $1 AND id = $2")
        .bind(project_id)
        .bind(id)
        .fetch_optional(&db.pool)
        .await?
        .as_ref()
        .map(hook)
        .transpose()
}

/// Adds a hook, which is told of what happens from now on; `None`: the project has as many as it may.
///
/// # Errors
/// The database does not answer.
pub async fn add(db: &Db, new: &Hook, most: i64, now_ms: i64) -> Result<Option<i64>, Error> {
    let mut transaction = db.begin().await?;
    // Whoever else adds one waits.
    sqlx::query("UPDATE projects SET name = name WHERE id = $1")
        .bind(new.project_id)
        .execute(&mut *transaction)
        .await?;
    let had: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM hooks WHERE project_id = $1")
        .bind(new.project_id)
        .fetch_one(&mut *transaction)
        .await?;
    if had >= most {
        return Ok(None);
    }
    let id = sqlx::query_scalar(
        "INSERT INTO hooks (project_id, url, secret, topics, active, created_ms) VALUES ($1, $2, $3, $4, $5, $6) RETURNING id",
    )
    .bind(new.project_id)
    .bind(new.url.as_str())
    .bind(new.secret.expose())
    .bind(new.topics.join(" "))
    .bind(i64::from(new.active))
    .bind(now_ms)
    .fetch_one(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(Some(id))
}

/// Writes what was changed in a hook; what waits for it is tried at once. `false`: it is gone.
///
/// # Errors
/// The database does not answer.
pub async fn set(db: &Db, of: &Hook) -> Result<bool, Error> {
    let done = sqlx::query(
        "UPDATE hooks SET url = $1, secret = $2, topics = $3, active = $4, attempts = 0, failing_ms = NULL, due_ms = 0 \
         WHERE id = $5",
    )
    .bind(of.url.as_str())
    .bind(of.secret.expose())
    .bind(of.topics.join(" "))
    .bind(i64::from(of.active))
    .bind(of.id)
    .execute(&db.pool)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Deletes a hook with all that waits for it; `false`: it was gone.
///
/// # Errors
/// The database does not answer.
pub async fn delete(db: &Db, id: i64) -> Result<bool, Error> {
    let done = sqlx::query("DELETE FROM hooks WHERE id = $1").bind(id).execute(&db.pool).await?;
    Ok(done.rows_affected() > 0)
}

/// What a hook was told, newest first, so much at most.
///
/// # Errors
/// The database does not answer.
pub async fn deliveries(db: &Db, hook_id: i64, most: i64) -> Result<Vec<Delivery>, Error> {
    sqlx::query("SELECT * FROM deliveries WHERE hook_id = $1 ORDER BY id DESC LIMIT $2")
        .bind(hook_id)
        .bind(most)
        .fetch_all(&db.pool)
        .await?
        .iter()
        .map(delivery)
        .collect()
}

/// Queues what was sent once more, as it was; its number, `None`: there is no such delivery.
///
/// # Errors
/// The database does not answer.
pub async fn redeliver(db: &Db, hook_id: i64, id: i64, now_ms: i64) -> Result<Option<i64>, Error> {
    Ok(sqlx::query_scalar(
        "INSERT INTO deliveries (hook_id, message_id, topic, payload, created_ms) \
         SELECT hook_id, message_id, topic, payload, $3 FROM deliveries WHERE hook_id = $1 AND id = $2 RETURNING id",
    )
    .bind(hook_id)
    .bind(id)
    .bind(now_ms)
    .fetch_optional(&db.pool)
    .await?)
}

/// Queues an event for one hook alone, which is in no feed: to see whether it hears.
///
/// # Errors
/// The database does not answer, or the hook is gone.
pub async fn test(db: &Db, of: &Hook, project: &Project, now_ms: i64) -> Result<i64, Error> {
    let mut body = event::about(project);
    body["what"] = "Somebody wanted to see whether this address hears.".into();
    let event = Event {
        number: 0,
        message_id: super::webhook::random_uuid(),
        topic: event::HOOK_TEST.to_owned(),
        owner: project.owner.clone(),
        project: project.name.clone(),
        project_id: project.id,
        build_id: None,
        unlisted: project.unlisted,
        body: body.as_object().cloned().unwrap_or_default(),
        created_ms: now_ms,
    };
    let mut transaction = db.begin().await?;
    let id = queue(&mut transaction, of.id, &event, now_ms).await?;
    transaction.commit().await?;
    Ok(id)
}

async fn queue(transaction: &mut Transaction<'_, Any>, hook: i64, event: &Event, now_ms: i64) -> Result<i64, Error> {
    Ok(sqlx::query_scalar(
        "INSERT INTO deliveries (hook_id, message_id, topic, payload, created_ms) VALUES ($1, $2, $3, $4, $5) RETURNING id",
    )
    .bind(hook)
    .bind(event.message_id.as_str())
    .bind(event.topic.as_str())
    .bind(to_json("payload", &event.message())?)
    .bind(now_ms)
    .fetch_one(&mut **transaction)
    .await?)
}

/// Makes deliveries of what has happened since the last time; whether there is more.
///
/// # Errors
/// The database does not answer.
pub async fn spread(db: &Db, now_ms: i64) -> Result<bool, Error> {
    let known: Option<i64> = sqlx::query_scalar("SELECT number FROM event_readers WHERE name = $1")
        .bind(READER)
        .fetch_optional(&db.pool)
        .await?;
    let last = event::range(db).await?.map_or(0, |(_, last)| last);
    if known == Some(last) || known.is_none() && last == 0 {
        return Ok(false);
    }
    let mut transaction = db.begin().await?;
    // Held from here on: of several servers one makes them.
    let from: i64 = sqlx::query_scalar(
        "INSERT INTO event_readers (name, number) VALUES ($1, 0) ON CONFLICT (name) DO UPDATE SET number = event_readers.number \
         RETURNING number",
    )
    .bind(READER)
    .fetch_one(&mut *transaction)
    .await?;
    let events = event::after_within(&mut transaction, from, AT_ONCE).await?;
    let Some(to) = events.last().map(|event| event.number) else { return Ok(false) };
    for event in &events {
        let hooks =
            sqlx::query("SELECT * FROM hooks WHERE project_id = $1 AND active = 1 AND created_ms <= $2 ORDER BY id")
                .bind(event.project_id)
                .bind(event.created_ms)
                .fetch_all(&mut *transaction)
                .await?;
        for row in &hooks {
            let of = hook(row)?;
            if of.topics.is_empty() || of.topics.contains(&event.topic) {
                queue(&mut transaction, of.id, event, now_ms).await?;
            }
        }
    }
    sqlx::query("UPDATE event_readers SET number = $1 WHERE name = $2")
        .bind(to)
        .bind(READER)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(events.len() >= usize::try_from(AT_ONCE).unwrap_or(usize::MAX))
}

/// Claims a hook for which something waits that is due.
///
/// # Errors
/// The database does not answer.
pub async fn claim(db: &Db, server: &str, now_ms: i64, until_ms: i64) -> Result<Option<Hook>, Error> {
    let sql = db.claim(
        "UPDATE hooks SET claimed_by = $1, claimed_until_ms = $2 WHERE claimed_until_ms < $3 AND id = (SELECT h.id FROM hooks h \
         WHERE h.active = 1 AND h.claimed_until_ms < $3 AND h.due_ms <= $3 AND EXISTS (SELECT 1 FROM deliveries d \
         WHERE d.hook_id = h.id AND d.state = 'waiting') ORDER BY h.due_ms, h.id LIMIT 1) RETURNING *",
        "UPDATE hooks SET claimed_by = $1, claimed_until_ms = $2 WHERE claimed_until_ms < $3 AND id = (SELECT h.id FROM hooks h \
         WHERE h.active = 1 AND h.claimed_until_ms < $3 AND h.due_ms <= $3 AND EXISTS (SELECT 1 FROM deliveries d \
         WHERE d.hook_id = h.id AND d.state = 'waiting') ORDER BY h.due_ms, h.id LIMIT 1 FOR UPDATE OF h SKIP LOCKED) RETURNING *",
    );
    sqlx::query(sql)
        .bind(server)
        .bind(until_ms)
        .bind(now_ms)
        .fetch_optional(&db.pool)
        .await?
        .as_ref()
        .map(hook)
        .transpose()
}

/// The delivery that a hook waits for longest.
///
/// # Errors
/// The database does not answer.
pub async fn next(db: &Db, hook_id: i64) -> Result<Option<Delivery>, Error> {
    sqlx::query("SELECT * FROM deliveries WHERE hook_id = $1 AND state = 'waiting' ORDER BY id LIMIT 1")
        .bind(hook_id)
        .fetch_optional(&db.pool)
        .await?
        .as_ref()
        .map(delivery)
        .transpose()
}

/// Notes how a try ended. After a failure the hook is free, and due at `again_ms`; a hook that has failed since before
/// `patience_ms` is disabled, and its people are told.
///
/// # Errors
/// The database does not answer.
pub async fn tried(
    db: &Db,
    of: &Hook,
    delivery: &Delivery,
    tried: &Tried,
    again_ms: i64,
    patience_ms: i64,
    now_ms: i64,
) -> Result<(), Error> {
    let good = tried.error.is_none();
    let mut transaction = db.begin().await?;
    sqlx::query(
        "UPDATE deliveries SET state = CASE WHEN $1 = 1 THEN 'delivered' ELSE state END, attempts = attempts + 1, status = $2, \
         error = $3, answer = $4, took_ms = $5, tried_ms = $6 WHERE id = $7",
    )
    .bind(i64::from(good))
    .bind(tried.status)
    .bind(tried.error.clone())
    .bind(tried.answer.clone())
    .bind(tried.took_ms)
    .bind(now_ms)
    .bind(delivery.id)
    .execute(&mut *transaction)
    .await?;
    if good {
        sqlx::query("UPDATE hooks SET attempts = 0, failing_ms = NULL, due_ms = 0 WHERE id = $1")
            .bind(of.id)
            .execute(&mut *transaction)
            .await?;
        return Ok(transaction.commit().await?);
    }
    let since: Option<Option<i64>> = sqlx::query_scalar(
        "UPDATE hooks SET attempts = attempts + 1, failing_ms = COALESCE(failing_ms, $1), due_ms = $2, claimed_by = NULL, \
         claimed_until_ms = 0 WHERE id = $3 RETURNING failing_ms",
    )
    .bind(now_ms)
    .bind(again_ms)
    .bind(of.id)
    .fetch_optional(&mut *transaction)
    .await?;
    if since.flatten().is_some_and(|since| since <= patience_ms) {
        disable(&mut transaction, of, tried, now_ms).await?;
    }
    Ok(transaction.commit().await?)
}

async fn disable(transaction: &mut Transaction<'_, Any>, of: &Hook, tried: &Tried, now_ms: i64) -> Result<(), Error> {
    sqlx::query("UPDATE hooks SET active = 0 WHERE id = $1").bind(of.id).execute(&mut **transaction).await?;
    sqlx::query("UPDATE deliveries SET state = 'given-up' WHERE hook_id = $1 AND state = 'waiting'")
        .bind(of.id)
        .execute(&mut **transaction)
        .await?;
    let Some(project) = project::by_id_within(transaction, of.project_id).await? else { return Ok(()) };
    // Everyone reads notices: neither the address nor what it answers is everyone's.
    let why =
        tried.status.map_or_else(|| "there was no answer".to_owned(), |status| format!("the status was {status}"));
    let text = format!("Webhook {} has not answered well for too long, and is told no more: {why}.", of.id);
    let about = of.id.to_string();
    let details = json!({ "hook": of.id, "error": why });
    let new = notice::New { project: &project, kind: notice::HOOK_DISABLED, about: &about, text: &text, details };
    notice::put_within(transaction, &new, event::HOOK_DISABLED, now_ms).await
}

/// Frees a hook that was claimed.
///
/// # Errors
/// The database does not answer.
pub async fn free(db: &Db, of: &Hook) -> Result<(), Error> {
    sqlx::query("UPDATE hooks SET claimed_by = NULL, claimed_until_ms = 0 WHERE id = $1")
        .bind(of.id)
        .execute(&db.pool)
        .await?;
    Ok(())
}

/// Frees the claims of a server that has died: called when that server starts.
///
/// # Errors
/// The database does not answer.
pub async fn release(db: &Db, server: &str) -> Result<(), Error> {
    sqlx::query("UPDATE hooks SET claimed_by = NULL, claimed_until_ms = 0 WHERE claimed_by = $1")
        .bind(server)
        .execute(&db.pool)
        .await?;
    Ok(())
}

/// Forgets deliveries that were queued before a time.
///
/// # Errors
/// The database does not answer.
pub async fn forget(db: &Db, before_ms: i64) -> Result<u64, Error> {
    let done = sqlx::query("DELETE FROM deliveries WHERE created_ms < $1").bind(before_ms).execute(&db.pool).await?;
    Ok(done.rows_affected())
}
