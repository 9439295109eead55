//! What happens, in the order in which all hear of it.
//!
//! Whoever changes something notes it in the same transaction ([`note`]): an event is there if, and only if, what it tells of is.
//! Topics and bodies are Copr's where Copr has such a message, in the form that fedora-messaging writes down ([`Event::message`]).

use copr_api::{
    names::{DirName, OwnerName, ProjectName},
    v3::{BuildState, Message},
};
use serde_json::{Map, Value, json};
use sqlx::{Any, Row, Transaction, any::AnyRow};

use super::{Db, Error, build, json as parse, parsed, project::Project, task::RepositoryKey, to_json, truth};

/// A job has been given to a builder.
pub const BUILD_START: &str = "copr.build.start";
/// The same once more, as Copr has it.
pub const CHROOT_START: &str = "copr.chroot.start";
/// A job has ended.
pub const BUILD_END: &str = "copr.build.end";
/// A project was added.
pub const PROJECT_CREATED: &str = "copr.project.created";
/// A project was changed.
pub const PROJECT_CHANGED: &str = "copr.project.changed";
/// A project was deleted.
pub const PROJECT_DELETED: &str = "copr.project.deleted";
/// A repository's metadata were written.
pub const PUBLISHED: &str = "copr.repository.published";
/// A promotion into the project has come into another state.
pub const PROMOTION: &str = "copr.promotion.changed";
/// Something that a project needs is gone.
pub const BROKEN: &str = "copr.dependency.broken";
/// It is there again, or needed no more.
pub const MENDED: &str = "copr.dependency.mended";
/// A package is built anew as something that it requires has changed.
pub const REBUILD: &str = "copr.rebuild.started";
/// That went as far as it may.
pub const REBUILD_STOPPED: &str = "copr.rebuild.stopped";
/// An address could not be told of events for too long.
pub const HOOK_DISABLED: &str = "copr.webhook.disabled";
/// Somebody wants to see whether an address hears.
pub const HOOK_TEST: &str = "copr.webhook.test";

/// Every topic, and what it tells.
pub const TOPICS: &[(&str, &str)] = &[
    (BUILD_START, "a builder has begun with a build in a chroot"),
    (CHROOT_START, "the same once more, as Copr sends it"),
    (BUILD_END, "a build in a chroot has ended"),
    (PROJECT_CREATED, "the project was made"),
    (PROJECT_CHANGED, "its settings were changed"),
    (PROJECT_DELETED, "it was deleted"),
    (PUBLISHED, "a repository's metadata were written"),
    (PROMOTION, "a promotion into it was asked for, waits, runs or has ended"),
    (BROKEN, "something that it needs is gone"),
    (MENDED, "that is there again, or needed no more"),
    (REBUILD, "a package is built anew by itself"),
    (REBUILD_STOPPED, "that went as far as it may"),
    (HOOK_DISABLED, "an address is told no more"),
];

/// Events that are numbered in one go.
const AT_ONCE: i64 = 10_000;

/// Something that is about to have happened.
#[derive(Debug)]
pub struct New<'a> {
    /// One of [`TOPICS`].
    pub topic: &'a str,
    /// Where.
    pub project: &'a Project,
    /// The build that it is about.
    pub build_id: Option<i64>,
    /// What there is to say.
    pub body: Value,
}

/// Something that has happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its place in the order of all.
    pub number: i64,
    /// A UUID.
    pub message_id: String,
    /// One of [`TOPICS`].
    pub topic: String,
    /// Owner of the project.
    pub owner: OwnerName,
    /// Its name.
    pub project: ProjectName,
    /// Its number; it may be gone.
    pub project_id: i64,
    /// The build that it is about.
    pub build_id: Option<i64>,
    /// The project was in no list then.
    pub unlisted: bool,
    /// What there is to say.
    pub body: Map<String, Value>,
    /// When, milliseconds since 1970.
    pub created_ms: i64,
}

impl Event {
    /// As fedora-messaging writes messages down (`fedora_messaging.message.dumps`).
    #[must_use]
    pub fn message(&self) -> Message {
        let known = [BUILD_START, CHROOT_START, BUILD_END].contains(&self.topic.as_str());
        // What is said twice is of no interest.
        let severity = if self.topic == CHROOT_START { 10 } else { 20 };
        let mut headers = json!({
            "fedora_messaging_schema": if known { self.topic.as_str() } else { "base.message" },
            "fedora_messaging_severity": severity,
            "sent-at": sent_at(self.created_ms),
            "copr_number": self.number,
        });
        if known {
            headers["fedora_messaging_schema_package"] = "copr-messaging".into();
        }
        Message {
            id: self.message_id.clone(),
            topic: self.topic.clone(),
            headers: headers.as_object().cloned().unwrap_or_default(),
            body: self.body.clone(),
            queue: None,
            priority: 0,
        }
    }
}

fn sent_at(ms: i64) -> String {
    let time = jiff::Timestamp::from_millisecond(ms).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string()
}

fn event(row: &AnyRow) -> Result<Event, Error> {
    Ok(Event {
        number: row.try_get("number")?,
        message_id: row.try_get("message_id")?,
        topic: row.try_get("topic")?,
        owner: parsed(row, "owner")?,
        project: parsed(row, "project")?,
        project_id: row.try_get("project_id")?,
        build_id: row.try_get("build_id")?,
        unlisted: truth(row, "unlisted")?,
        body: parse("body", row.try_get("body")?)?,
        created_ms: row.try_get("created_ms")?,
    })
}

/// Notes that something happens, if the transaction is committed.
///
/// # Errors
/// The database does not answer.
pub async fn note(transaction: &mut Transaction<'_, Any>, new: New<'_>, now_ms: i64) -> Result<(), Error> {
    let of = new.project;
    let place = Place { owner: of.owner.as_str(), project: of.name.as_str(), id: of.id, unlisted: of.unlisted };
    insert(transaction, new.topic, &place, new.build_id, &new.body, now_ms).await
}

/// Where something happens.
struct Place<'a> {
    owner: &'a str,
    project: &'a str,
    id: i64,
    unlisted: bool,
}

async fn insert(
    transaction: &mut Transaction<'_, Any>,
    topic: &str,
    place: &Place<'_>,
    build_id: Option<i64>,
    body: &Value,
    now_ms: i64,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO events (message_id, topic, owner, project, project_id, build_id, unlisted, body, created_ms) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(super::webhook::random_uuid())
    .bind(topic)
    .bind(place.owner)
    .bind(place.project)
    .bind(place.id)
    .bind(build_id)
    .bind(i64::from(place.unlisted))
    .bind(to_json("body", body)?)
    .bind(now_ms)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// What there is to say of a project.
pub(super) fn about(of: &Project) -> Value {
    json!({ "owner": of.owner, "copr": of.name, "id": of.id })
}

/// Copr's number of a state.
fn status(state: BuildState) -> i64 {
    match state {
        BuildState::Failed => 0,
        BuildState::Succeeded => 1,
        BuildState::Canceled => 2,
        BuildState::Running => 3,
        BuildState::Pending => 4,
        BuildState::Skipped => 5,
        BuildState::Starting => 6,
        BuildState::Importing => 7,
        BuildState::Forked => 8,
        BuildState::Waiting => 9,
        BuildState::Unknown => 1000,
    }
}

/// The name that the job making a source package has among a build's chroots.
const SOURCE: &str = "srpm-builds";

/// Notes that a job has been given to a builder: both of Copr's messages.
pub(super) async fn started(
    transaction: &mut Transaction<'_, Any>,
    build_chroot_id: i64,
    now_ms: i64,
) -> Result<(), Error> {
    for topic in [BUILD_START, CHROOT_START] {
        of_job(transaction, topic, build_chroot_id, now_ms).await?;
    }
    Ok(())
}

/// Notes that a job has ended, in whatever state it is.
pub(super) async fn ended(
    transaction: &mut Transaction<'_, Any>,
    build_chroot_id: i64,
    now_ms: i64,
) -> Result<(), Error> {
    of_job(transaction, BUILD_END, build_chroot_id, now_ms).await
}

async fn of_job(
    transaction: &mut Transaction<'_, Any>,
    topic: &str,
    build_chroot_id: i64,
    now_ms: i64,
) -> Result<(), Error> {
    let row = sqlx::query(
        "SELECT c.build_id, c.chroot, c.state, b.submitter, b.dirname, b.package_name, b.package_version, p.owner, p.name, \
         p.id AS project_id, p.unlisted FROM build_chroots c JOIN builds b ON b.id = c.build_id \
         JOIN projects p ON p.id = b.project_id WHERE c.id = $1",
    )
    .bind(build_chroot_id)
    .fetch_one(&mut **transaction)
    .await?;
    let (chroot, source) = build::chroot_of(&row)?;
    let chroot = if source { SOURCE } else { chroot.as_str() };
    let state: BuildState = parsed(&row, "state")?;
    // Copr says that a build runs from the moment on at which it has a builder.
    let state = if topic == BUILD_END { state } else { BuildState::Running };
    let known = |column: &str| -> Result<Option<String>, Error> {
        Ok(Some(row.try_get::<String, _>(column)?).filter(|text| !text.is_empty()))
    };
    let (package, version) = (known("package_name")?, known("package_version")?);
    let (user, build_id): (String, i64) = (row.try_get("submitter")?, row.try_get("build_id")?);
    let (owner, project): (String, String) = (row.try_get("owner")?, row.try_get("name")?);
    let pkg = package.as_deref().unwrap_or("None");
    let what = match topic {
        BUILD_END => format!(
            "build end: user:{user} copr:{project} build:{build_id} pkg:{pkg} version:{} ip:None pid:0 status:{}",
            version.as_deref().unwrap_or("None"),
            status(state)
        ),
        CHROOT_START => {
            format!("chroot start: chroot:{chroot} user:{user} copr:{project} pkg:{pkg} build:{build_id} ip:None pid:0")
        }
        _ => format!("build start: user:{user} copr:{project} pkg:{pkg} build:{build_id} ip:None pid:0"),
    };
    let body = json!({
        "status": status(state), "chroot": chroot, "build": build_id, "owner": owner, "copr": project, "pkg": package,
        "version": version, "user": user, "what": what, "ip": null, "who": "coprd", "pid": 0,
        "project_dirname": row.try_get::<String, _>("dirname")?,
    });
    let place =
        Place { owner: &owner, project: &project, id: row.try_get("project_id")?, unlisted: truth(&row, "unlisted")? };
    insert(transaction, topic, &place, Some(build_id), &body, now_ms).await
}

/// Notes that a repository was published; of one whose project is gone there is nothing to say.
pub(super) async fn published(
    transaction: &mut Transaction<'_, Any>,
    repository: &RepositoryKey,
    now_ms: i64,
) -> Result<(), Error> {
    let row = sqlx::query("SELECT id, unlisted FROM projects WHERE owner = $1 AND name = $2")
        .bind(repository.owner.as_str())
        .bind(repository.dirname.project().as_str())
        .fetch_optional(&mut **transaction)
        .await?;
    let Some(row) = row else { return Ok(()) };
    let project = repository.dirname.project();
    let body = json!({
        "owner": repository.owner, "copr": project, "project_dirname": repository.dirname, "chroot": repository.chroot,
        "repository": format!("results/{repository}/"),
    });
    let place = Place {
        owner: repository.owner.as_str(),
        project: project.as_str(),
        id: row.try_get("id")?,
        unlisted: truth(&row, "unlisted")?,
    };
    insert(transaction, PUBLISHED, &place, None, &body, now_ms).await
}

/// Notes what state a promotion is in now, as an event of its target.
pub(super) async fn of_promotion(transaction: &mut Transaction<'_, Any>, id: i64, now_ms: i64) -> Result<(), Error> {
    let row = sqlx::query(
        "SELECT m.state, m.message, m.source_owner, m.source_name, m.submitter, m.moves, p.owner, p.name, \
         p.id AS project_id, p.unlisted FROM promotions m JOIN projects p ON p.id = m.target_id WHERE m.id = $1",
    )
    .bind(id)
    .fetch_one(&mut **transaction)
    .await?;
    let text = |column: &str| row.try_get::<String, _>(column);
    let (owner, project, source) =
        (text("owner")?, text("name")?, format!("{}/{}", text("source_owner")?, text("source_name")?));
    let project_id: i64 = row.try_get("project_id")?;
    let body = json!({
        "owner": owner, "copr": project, "id": project_id, "promotion": id, "state": text("state")?, "source": source,
        "moves": truth(&row, "moves")?, "user": text("submitter")?, "message": row.try_get::<Option<String>, _>("message")?,
    });
    let place = Place { owner: &owner, project: &project, id: project_id, unlisted: truth(&row, "unlisted")? };
    insert(transaction, PROMOTION, &place, None, &body, now_ms).await
}

/// Whether a directory is its project's own.
#[must_use]
pub fn is_own(dirname: &DirName) -> bool {
    dirname.as_str() == dirname.project().as_str()
}

/// Gives those events their numbers that have none yet; whether there were any.
///
/// # Errors
/// The database does not answer.
pub async fn number(db: &Db) -> Result<bool, Error> {
    let waiting = sqlx::query("SELECT id FROM events WHERE number IS NULL LIMIT 1").fetch_optional(&db.pool).await?;
    if waiting.is_none() {
        return Ok(false);
    }
    let mut transaction = db.begin().await?;
    if let Some(lock) = db.dialect.lock_events() {
        sqlx::query(lock).execute(&mut *transaction).await?;
    }
    let done = sqlx::query(
        "UPDATE events SET number = n.place FROM (SELECT id, (SELECT COALESCE(MAX(number), 0) FROM events) \
         + ROW_NUMBER() OVER (ORDER BY id) AS place FROM (SELECT id FROM events WHERE number IS NULL ORDER BY id LIMIT $1) AS w) AS n \
         WHERE events.id = n.id",
    )
    .bind(AT_ONCE)
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(done.rows_affected() > 0)
}

/// The first and the last number that there are; `None`: nothing has happened.
///
/// # Errors
/// The database does not answer.
pub async fn range(db: &Db) -> Result<Option<(i64, i64)>, Error> {
    let row = sqlx::query("SELECT MIN(number) AS first, MAX(number) AS last FROM events").fetch_one(&db.pool).await?;
    let (first, last): (Option<i64>, Option<i64>) = (row.try_get("first")?, row.try_get("last")?);
    Ok(first.zip(last))
}

/// What happened after a number, of all projects or of one, oldest first, so many at most.
///
/// # Errors
/// The database does not answer.
pub async fn after(db: &Db, number: i64, project_id: Option<i64>, most: i64) -> Result<Vec<Event>, Error> {
    let sql = match project_id {
        Some(_) => "SELECT * FROM events WHERE number > $1 AND project_id = $3 ORDER BY number LIMIT $2",
        None => "SELECT * FROM events WHERE number > $1 ORDER BY number LIMIT $2",
    };
    let mut query = sqlx::query(sql).bind(number).bind(most);
    if let Some(id) = project_id {
        query = query.bind(id);
    }
    query.fetch_all(&db.pool).await?.iter().map(event).collect()
}

/// The same of all projects, within a transaction.
pub(super) async fn after_within(
    transaction: &mut Transaction<'_, Any>,
    number: i64,
    most: i64,
) -> Result<Vec<Event>, Error> {
    sqlx::query("SELECT * FROM events WHERE number > $1 ORDER BY number LIMIT $2")
        .bind(number)
        .bind(most)
        .fetch_all(&mut **transaction)
        .await?
        .iter()
        .map(event)
        .collect()
}

/// Forgets what happened before a time, but for the last event, which holds the place.
///
/// # Errors
/// The database does not answer.
pub async fn forget(db: &Db, before_ms: i64) -> Result<u64, Error> {
    let done = sqlx::query("DELETE FROM events WHERE created_ms < $1 AND number < (SELECT MAX(number) FROM events)")
        .bind(before_ms)
        .execute(&db.pool)
        .await?;
    Ok(done.rows_affected())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_by_which_schema_it_is_to_be_read() {
        let event = |topic: &str| Event {
            number: 7,
            message_id: "m".to_owned(),
            topic: topic.to_owned(),
            owner: "alice".parse().unwrap(),
            project: "p".parse().unwrap(),
            project_id: 1,
            build_id: None,
            unlisted: false,
            body: Map::new(),
            created_ms: 1_700_000_000_123,
        };
        let headers = event(BUILD_END).message().headers;
        assert_eq!(headers["fedora_messaging_schema"], "copr.build.end");
        assert_eq!(headers["sent-at"], "2023-11-14T22:13:20+00:00");
        assert_eq!(headers["copr_number"], 7);
        let headers = event(PUBLISHED).message().headers;
        assert_eq!(headers["fedora_messaging_schema"], "base.message");
        assert!(!headers.contains_key("fedora_messaging_schema_package"));
    }
}
