//! Promotions: sets of builds on their way from one project into another. Each step is one conditional UPDATE: whoever comes late
//! changes nothing.
//!
//! `requested` → (the gates are looked at) `waiting` → `approved` → ([`start`]) `running` → ([`finish`]) `done`; until it runs
//! somebody may say no: `refused`. What can't be is `failed`. Rows stay, as history.

mod carry;
mod write;

use std::collections::{HashMap, HashSet};

use copr_api::{
    builder::ResultFile,
    names::{Chroot, OwnerName, ProjectName},
    v3::{PromotionImpact, PromotionState},
};
use sqlx::{Any, Executor, Row, any::AnyRow};

use super::{
    Db, Error, Window,
    build::{AT_ONCE, places},
    json, parsed,
    project::Project,
    truth,
};

pub use carry::{Standing, Started, finish, standing, start};
pub use write::{New, Step, add, override_impact, set_impact, step, vote};

/// A promotion without its builds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promotion {
    /// Number.
    pub id: i64,
    /// Number of the project that it comes from, which may be gone.
    pub source_id: i64,
    /// Its owner.
    pub source_owner: OwnerName,
    /// Its name.
    pub source_name: ProjectName,
    /// Number of the project that it goes into.
    pub target_id: i64,
    /// Its owner.
    pub target_owner: OwnerName,
    /// Its name.
    pub target_name: ProjectName,
    /// User who asked for it.
    pub submitter: String,
    /// The builds leave the source once they are published.
    pub moves: bool,
    /// How far it is.
    pub state: PromotionState,
    /// What it waits for, or why it ended so.
    pub message: Option<String>,
    /// Administrator who said when.
    pub approved_by: Option<String>,
    /// Administrator who lets it go although something breaks, and why.
    pub overridden: Option<(String, String)>,
    /// What would break, as it was found last.
    pub impact: Option<PromotionImpact>,
    /// When that was, milliseconds since 1970.
    pub impact_ms: Option<i64>,
    /// When it was asked for, milliseconds since 1970.
    pub created_ms: i64,
    /// When it ended, milliseconds since 1970.
    pub ended_ms: Option<i64>,
}

impl Promotion {
    /// `OWNER/NAME` of the project that it comes from.
    #[must_use]
    pub fn source(&self) -> String {
        format!("{}/{}", self.source_owner, self.source_name)
    }

    /// `OWNER/NAME` of the project that it goes into.
    #[must_use]
    pub fn target(&self) -> String {
        format!("{}/{}", self.target_owner, self.target_name)
    }
}

/// One build in one chroot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Number of the build in the source, which may be gone.
    pub build_id: i64,
    /// The chroot.
    pub chroot: Chroot,
    /// The package.
    pub package_name: String,
    /// `[epoch:]version-release`.
    pub package_version: String,
    /// Number of the build in the target, once it is there.
    pub copy_id: Option<i64>,
    /// Why it does not go.
    pub skipped: Option<String>,
}

impl Item {
    /// How messages name it.
    #[must_use]
    pub fn title(&self) -> String {
        format!("{} {} (build {}, {})", self.package_name, self.package_version, self.build_id, self.chroot)
    }
}

/// A vote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vote {
    /// Who.
    pub voter: String,
    /// 1 or -1.
    pub vote: i64,
    /// Why.
    pub comment: String,
    /// Milliseconds since 1970.
    pub voted_ms: i64,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Who; empty: the server.
    pub who: String,
    /// What.
    pub what: String,
    /// Milliseconds since 1970.
    pub happened_ms: i64,
}

/// A good build in one chroot, which may be promoted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Number of the build-chroot.
    pub id: i64,
    /// The build.
    pub build_id: i64,
    /// The chroot.
    pub chroot: Chroot,
    /// The package.
    pub package_name: String,
    /// `[epoch:]version-release`.
    pub package_version: String,
    /// Since when its packages can be downloaded, milliseconds since 1970.
    pub ended_ms: i64,
}

/// What a build-chroot must be in to be promoted; `c` is its row.
const GOOD: &str = "c.source = 0 AND c.publishing = 0 AND c.state IN ('succeeded', 'forked') \
                    AND NOT EXISTS (SELECT 1 FROM takedowns d WHERE d.build_id = c.build_id AND d.restored_ms IS NULL)";

const ROWS: &str = "SELECT m.*, t.owner AS target_owner, t.name AS target_name FROM promotions m JOIN projects t ON t.id = m.target_id";

fn promotion(row: &AnyRow) -> Result<Promotion, Error> {
    let impact: Option<String> = row.try_get("impact")?;
    let by: Option<String> = row.try_get("override_by")?;
    let reason: Option<String> = row.try_get("override_reason")?;
    Ok(Promotion {
        id: row.try_get("id")?,
        source_id: row.try_get("source_id")?,
        source_owner: parsed(row, "source_owner")?,
        source_name: parsed(row, "source_name")?,
        target_id: row.try_get("target_id")?,
        target_owner: parsed(row, "target_owner")?,
        target_name: parsed(row, "target_name")?,
        submitter: row.try_get("submitter")?,
        moves: truth(row, "moves")?,
        state: parsed(row, "state")?,
        message: row.try_get("message")?,
        approved_by: row.try_get("approved_by")?,
        overridden: by.zip(reason),
        impact: impact.map(|text| json("impact", text)).transpose()?,
        impact_ms: row.try_get("impact_ms")?,
        created_ms: row.try_get("created_ms")?,
        ended_ms: row.try_get("ended_ms")?,
    })
}

/// The promotion of that number.
///
/// # Errors
/// The database does not answer.
pub async fn get(db: &Db, id: i64) -> Result<Option<Promotion>, Error> {
    // Only constants were put into the text, here and below.
    sqlx::query(sqlx::AssertSqlSafe(format!("{ROWS} WHERE m.id = $1")))
        .bind(id)
        .fetch_optional(&db.pool)
        .await?
        .as_ref()
        .map(promotion)
        .transpose()
}

/// Promotions into and out of a project, newest first; only those in a state, if one is given.
///
/// # Errors
/// The database does not answer.
pub async fn list(
    db: &Db,
    project_id: i64,
    state: Option<PromotionState>,
    window: Window,
) -> Result<Vec<Promotion>, Error> {
    let sql = format!(
        "{ROWS} WHERE m.id IN (SELECT id FROM promotions WHERE target_id = $1 UNION SELECT id FROM promotions WHERE source_id = $1) \
         AND ($2 = '' OR m.state = $2) ORDER BY m.id DESC LIMIT $3 OFFSET $4"
    );
    sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(project_id)
        .bind(state.map_or("", PromotionState::as_str))
        .bind(window.limit_sql())
        .bind(window.offset_sql())
        .fetch_all(&db.pool)
        .await?
        .iter()
        .map(promotion)
        .collect()
}

/// Numbers of promotions that have not ended, the oldest first: of all, or only of those that wait for nobody.
///
/// # Errors
/// The database does not answer.
pub async fn open(db: &Db, all: bool) -> Result<Vec<i64>, Error> {
    let sql = "SELECT id FROM promotions WHERE state IN ('requested', 'waiting', 'approved', 'running') \
               AND ($1 = 1 OR state IN ('approved', 'running')) ORDER BY id";
    Ok(sqlx::query_scalar(sql).bind(i64::from(all)).fetch_all(&db.pool).await?)
}

/// How many promotions into a project have not ended.
///
/// # Errors
/// The database does not answer.
pub async fn count_open(db: &Db, target_id: i64) -> Result<i64, Error> {
    let sql = "SELECT COUNT(*) FROM promotions WHERE target_id = $1 \
               AND state IN ('requested', 'waiting', 'approved', 'running')";
    Ok(sqlx::query_scalar(sql).bind(target_id).fetch_one(&db.pool).await?)
}

/// The builds of a promotion.
///
/// # Errors
/// The database does not answer.
pub async fn items(db: &Db, id: i64) -> Result<Vec<Item>, Error> {
    sqlx::query("SELECT * FROM promotion_items WHERE promotion_id = $1 ORDER BY package_name, build_id, chroot")
        .bind(id)
        .fetch_all(&db.pool)
        .await?
        .iter()
        .map(|row| {
            Ok(Item {
                build_id: row.try_get("build_id")?,
                chroot: parsed(row, "chroot")?,
                package_name: row.try_get("package_name")?,
                package_version: row.try_get("package_version")?,
                copy_id: row.try_get("copy_id")?,
                skipped: row.try_get("skipped")?,
            })
        })
        .collect()
}

/// The votes of a promotion, the oldest first.
///
/// # Errors
/// The database does not answer.
pub async fn votes(db: &Db, id: i64) -> Result<Vec<Vote>, Error> {
    sqlx::query("SELECT * FROM promotion_votes WHERE promotion_id = $1 ORDER BY voted_ms, voter")
        .bind(id)
        .fetch_all(&db.pool)
        .await?
        .iter()
        .map(|row| {
            Ok(Vote {
                voter: row.try_get("voter")?,
                vote: row.try_get("vote")?,
                comment: row.try_get("comment")?,
                voted_ms: row.try_get("voted_ms")?,
            })
        })
        .collect()
}

/// What happened to a promotion, in its order.
///
/// # Errors
/// The database does not answer.
pub async fn events(db: &Db, id: i64) -> Result<Vec<Event>, Error> {
    sqlx::query("SELECT * FROM promotion_events WHERE promotion_id = $1 ORDER BY id")
        .bind(id)
        .fetch_all(&db.pool)
        .await?
        .iter()
        .map(|row| {
            Ok(Event { who: row.try_get("who")?, what: row.try_get("what")?, happened_ms: row.try_get("happened_ms")? })
        })
        .collect()
}

fn candidate(row: &AnyRow) -> Result<Candidate, Error> {
    Ok(Candidate {
        id: row.try_get("id")?,
        build_id: row.try_get("build_id")?,
        chroot: parsed(row, "chroot")?,
        package_name: row.try_get("package_name")?,
        package_version: row.try_get("package_version")?,
        ended_ms: row.try_get("ended_ms")?,
    })
}

const CANDIDATES: &str = "SELECT c.id, c.build_id, c.chroot, b.package_name, b.package_version, COALESCE(c.ended_ms, 0) AS ended_ms \
                          FROM build_chroots c JOIN builds b ON b.id = c.build_id";

/// Of each package in a project's own directory the newest good build of each chroot.
///
/// # Errors
/// The database does not answer.
pub async fn newest(db: &Db, source: &Project) -> Result<Vec<Candidate>, Error> {
    let sql = format!(
        "{CANDIDATES} WHERE c.id IN (SELECT MAX(c.id) FROM build_chroots c JOIN builds b ON b.id = c.build_id \
         WHERE b.project_id = $1 AND b.dirname = $2 AND b.package_name <> '' AND {GOOD} GROUP BY b.package_name, c.chroot) \
         ORDER BY b.id, c.chroot"
    );
    sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(source.id)
        .bind(source.name.as_str())
        .fetch_all(&db.pool)
        .await?
        .iter()
        .map(candidate)
        .collect()
}

/// What is good of these builds, as far as they are in a project's own directory.
///
/// # Errors
/// The database does not answer.
pub async fn good_of(db: &Db, source_id: i64, builds: &[i64]) -> Result<Vec<Candidate>, Error> {
    let mut found = Vec::new();
    for some in builds.chunks(AT_ONCE) {
        let sql = format!(
            "{CANDIDATES} JOIN projects p ON p.id = b.project_id WHERE b.project_id = $1 AND b.dirname = p.name AND {GOOD} \
             AND b.id IN ({}) ORDER BY b.id, c.chroot",
            places(2, some.len())
        );
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(source_id);
        for id in some {
            query = query.bind(*id);
        }
        for row in &query.fetch_all(&db.pool).await? {
            found.push(candidate(row)?);
        }
    }
    Ok(found)
}

/// The packages of build-chroots, by the numbers of those.
///
/// # Errors
/// The database does not answer.
pub async fn packages(db: &Db, build_chroots: &[i64]) -> Result<HashMap<i64, Vec<ResultFile>>, Error> {
    let mut found = HashMap::with_capacity(build_chroots.len());
    for id in build_chroots {
        found.insert(*id, super::build::packages_of_chroot(db, *id).await?);
    }
    Ok(found)
}

/// A package as no other of a chroot is called.
#[must_use]
pub fn called(file: &ResultFile) -> String {
    format!("{}-{}:{}-{}.{}", file.name, file.epoch, file.version, file.release, file.arch)
}

/// Chroot and [`called`] of every package in a project's own directory, of those too that are about to be published.
///
/// # Errors
/// The database does not answer.
pub async fn present(db: &Db, project_id: i64) -> Result<HashSet<(String, String)>, Error> {
    present_on(&db.pool, project_id).await
}

async fn present_on<'c>(
    on: impl Executor<'c, Database = Any>,
    project_id: i64,
) -> Result<HashSet<(String, String)>, Error> {
    sqlx::query(
        "SELECT c.chroot, r.name, r.epoch, r.version, r.release, r.arch FROM results r \
         JOIN build_chroots c ON c.id = r.build_chroot_id JOIN builds b ON b.id = c.build_id \
         JOIN projects p ON p.id = b.project_id \
         WHERE p.id = $1 AND b.dirname = p.name AND (c.state IN ('succeeded', 'forked') OR c.publishing = 1)",
    )
    .bind(project_id)
    .fetch_all(on)
    .await?
    .iter()
    .map(|row| {
        let text = |column: &str| row.try_get::<String, _>(column);
        let epoch: i64 = row.try_get("epoch")?;
        let called = format!("{}-{epoch}:{}-{}.{}", text("name")?, text("version")?, text("release")?, text("arch")?);
        Ok((text("chroot")?, called))
    })
    .collect()
}
