//! Old builds that are taken away together, and brought back while their files are still there. The rows of a build that is pruned are
//! gone, like those of any other that is deleted; what they held is kept as text, and only what brings a build back reads it.

use std::collections::BTreeSet;

use copr_api::names::{Chroot, DirName, OwnerName};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sqlx::{Any, Row as _, Transaction};

use super::{
    Db, Error,
    build::delete_locked,
    dump::{columns, insert},
    json,
    lease::lock_build,
    package, parsed,
    project::Project,
    quota::{Exceeded, Hold},
    removal::SOURCES,
    task::{self, RepositoryKey},
    to_json,
};

/// Files that go within this time are not counted on any more: clocks of servers differ. Milliseconds.
const MARGIN_MS: i64 = 60_000;

/// A build in one chroot, as far as it counts for pruning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// The build.
    pub build_id: i64,
    /// The directory.
    pub dirname: DirName,
    /// Its package; empty: its source could never be made.
    pub package: String,
    /// `[epoch:]version-release`.
    pub version: String,
    /// The chroot, if the build has packages in it that can be downloaded.
    pub chroot: Option<Chroot>,
    /// Bytes of those.
    pub bytes: i64,
    /// When it ended; `None`: it is at work.
    pub ended_ms: Option<i64>,
}

/// All builds of a project in all their chroots, oldest first.
///
/// # Errors
/// The database does not answer.
pub async fn built(db: &Db, project_id: i64) -> Result<Vec<Built>, Error> {
    let rows = sqlx::query(
        "SELECT b.id, b.dirname, b.package_name, b.package_version, c.chroot, c.state, \
         CASE WHEN c.lease_id IS NULL AND c.publishing = 0 THEN COALESCE(c.ended_ms, b.submitted_ms) END AS ended_ms, \
         CAST(COALESCE((SELECT SUM(r.size) FROM results r WHERE r.build_chroot_id = c.id), 0) AS BIGINT) AS bytes \
         FROM builds b JOIN build_chroots c ON c.build_id = b.id WHERE b.project_id = $1 ORDER BY b.id, c.chroot",
    )
    .bind(project_id)
    .fetch_all(&db.pool)
    .await?;
    let mut all = Vec::with_capacity(rows.len());
    for row in &rows {
        let (state, bytes): (String, i64) = (row.try_get("state")?, row.try_get("bytes")?);
        let ended = matches!(state.as_str(), "succeeded" | "forked" | "failed" | "canceled" | "skipped");
        let good = matches!(state.as_str(), "succeeded" | "forked") && bytes > 0;
        all.push(Built {
            build_id: row.try_get("id")?,
            dirname: parsed(row, "dirname")?,
            package: row.try_get("package_name")?,
            version: row.try_get("package_version")?,
            chroot: if good { Some(parsed(row, "chroot")?) } else { None },
            bytes,
            ended_ms: row.try_get::<Option<i64>, _>("ended_ms")?.filter(|_| ended),
        });
    }
    Ok(all)
}

/// The rows of a build that was pruned: columns by name.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    build: Map<String, Value>,
    chroots: Vec<Map<String, Value>>,
    results: Vec<Map<String, Value>>,
}

/// What was pruned together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prune {
    /// Its number.
    pub id: i64,
    /// Who did it; empty: it went by itself.
    pub by: String,
    /// When, milliseconds since 1970.
    pub created_ms: i64,
    /// Until when it can be brought back.
    pub due_ms: i64,
    /// Its builds: number, package, version.
    pub builds: Vec<(i64, String, String)>,
}

/// Deletes those of these builds that are the project's and have ended, and keeps what brings them back until `due_ms`. The number of
/// the prune and the bytes that it frees; `None`: there are no such builds.
///
/// # Errors
/// The database does not answer.
pub async fn prune(
    db: &Db,
    project: &Project,
    ids: &BTreeSet<i64>,
    by: &str,
    (due_ms, now_ms): (i64, i64),
) -> Result<Option<(i64, Vec<i64>, i64)>, Error> {
    let mut transaction = db.begin().await?;
    let mut gone = Vec::with_capacity(ids.len());
    for &id in ids {
        lock_build(&mut transaction, id).await?;
        let ended: Option<i64> = sqlx::query_scalar(
            "SELECT b.id FROM builds b WHERE b.id = $1 AND b.project_id = $2 AND NOT EXISTS (SELECT 1 FROM build_chroots c \
             WHERE c.build_id = b.id AND (c.lease_id IS NOT NULL OR c.publishing = 1 \
             OR c.state NOT IN ('succeeded', 'failed', 'canceled', 'skipped', 'forked')))",
        )
        .bind(id)
        .bind(project.id)
        .fetch_optional(&mut *transaction)
        .await?;
        gone.extend(ended);
    }
    if gone.is_empty() {
        return Ok(None);
    }
    let hold = Hold::take(&mut transaction, db, &project.owner).await?;
    let prune: i64 = sqlx::query_scalar(
        "INSERT INTO prunes (project_id, by_user, created_ms, due_ms) VALUES ($1, $2, $3, $4) RETURNING id",
    )
    .bind(project.id)
    .bind(by)
    .bind(now_ms)
    .bind(due_ms)
    .fetch_one(&mut *transaction)
    .await?;
    for &id in &gone {
        let kept = keep(&mut transaction, id).await?;
        let text = |column: &str| kept.build.get(column).and_then(Value::as_str).unwrap_or_default().to_owned();
        sqlx::query(
            "INSERT INTO pruned_builds (build_id, prune_id, package_name, package_version, kept) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(id)
        .bind(prune)
        .bind(text("package_name"))
        .bind(text("package_version"))
        .bind(to_json("kept", &kept)?)
        .execute(&mut *transaction)
        .await?;
    }
    delete_locked(&mut transaction, db, &gone, due_ms, now_ms).await?;
    let freed = -hold.grown(&mut transaction).await?;
    transaction.commit().await?;
    Ok(Some((prune, gone, freed)))
}

async fn keep(transaction: &mut Transaction<'_, Any>, id: i64) -> Result<Kept, Error> {
    let mut rows = async |sql: &'static str| -> Result<Vec<Map<String, Value>>, Error> {
        sqlx::query(sql).bind(id).fetch_all(&mut **transaction).await?.iter().map(columns).collect()
    };
    let build = rows("SELECT * FROM builds WHERE id = $1").await?.pop().unwrap_or_default();
    let chroots = rows("SELECT * FROM build_chroots WHERE build_id = $1 ORDER BY id").await?;
    let results =
        rows("SELECT r.* FROM results r JOIN build_chroots c ON c.id = r.build_chroot_id WHERE c.build_id = $1")
            .await?;
    Ok(Kept { build, chroots, results })
}

/// What can be brought back of a project at a time, the newest first.
///
/// # Errors
/// The database does not answer.
pub async fn of_project(db: &Db, project_id: i64, now_ms: i64) -> Result<Vec<Prune>, Error> {
    let rows = sqlx::query(
        "SELECT p.id, p.by_user, p.created_ms, p.due_ms, b.build_id, b.package_name, b.package_version FROM prunes p \
         JOIN pruned_builds b ON b.prune_id = p.id WHERE p.project_id = $1 AND p.due_ms > $2 ORDER BY p.id DESC, b.build_id",
    )
    .bind(project_id)
    .bind(now_ms.saturating_add(MARGIN_MS))
    .fetch_all(&db.pool)
    .await?;
    let mut prunes: Vec<Prune> = Vec::new();
    for row in &rows {
        let id: i64 = row.try_get("id")?;
        if prunes.last().is_none_or(|last| last.id != id) {
            prunes.push(Prune {
                id,
                by: row.try_get("by_user")?,
                created_ms: row.try_get("created_ms")?,
                due_ms: row.try_get("due_ms")?,
                builds: Vec::new(),
            });
        }
        if let Some(last) = prunes.last_mut() {
            last.builds.push((row.try_get("build_id")?, row.try_get("package_name")?, row.try_get("package_version")?));
        }
    }
    Ok(prunes)
}

/// What became of builds that were to be brought back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Undone {
    /// They wait to be published again.
    Yes(Vec<i64>),
    /// There is no such prune of this project, or its time is over.
    Gone,
    /// A build's files are gone or about to go, with their chroot or directory.
    Late(i64),
    /// They do not fit into what the owner may store.
    Full(Exceeded),
}

/// Brings all builds of a prune back, or one of them: all or nothing.
///
/// # Errors
/// The database does not answer.
pub async fn undo(db: &Db, project: &Project, prune: i64, only: Option<i64>, now_ms: i64) -> Result<Undone, Error> {
    let mut transaction = db.begin().await?;
    let there = sqlx::query("UPDATE projects SET name = name WHERE id = $1")
        .bind(project.id)
        .execute(&mut *transaction)
        .await?;
    if there.rows_affected() == 0 {
        return Ok(Undone::Gone);
    }
    let hold = Hold::take(&mut transaction, db, &project.owner).await?;
    // Taken, and so nobody else brings them back as well.
    let rows = sqlx::query(
        "DELETE FROM pruned_builds WHERE prune_id = (SELECT id FROM prunes WHERE id = $1 AND project_id = $2 AND due_ms > $3) \
         AND ($4 = 0 OR build_id = $4) RETURNING build_id, kept",
    )
    .bind(prune)
    .bind(project.id)
    .bind(now_ms.saturating_add(MARGIN_MS))
    .bind(only.unwrap_or(0))
    .fetch_all(&mut *transaction)
    .await?;
    if rows.is_empty() {
        return Ok(Undone::Gone);
    }
    let mut back = Vec::with_capacity(rows.len());
    for row in &rows {
        let id: i64 = row.try_get("build_id")?;
        let kept: Kept = json("kept", row.try_get("kept")?)?;
        if !bring_back(&mut transaction, project, id, kept, now_ms).await? {
            return Ok(Undone::Late(id));
        }
        back.push(id);
    }
    if let Err(exceeded) = hold.fits(&mut transaction).await? {
        return Ok(Undone::Full(exceeded));
    }
    sqlx::query("DELETE FROM prunes WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM pruned_builds WHERE prune_id = $1)")
        .bind(prune)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    back.sort_unstable();
    Ok(Undone::Yes(back))
}

/// Puts one build's rows back; those of its chroots that had packages wait to be published, from the files that are still there.
/// `false`: they are not, or not for long.
async fn bring_back(
    transaction: &mut Transaction<'_, Any>,
    project: &Project,
    id: i64,
    mut kept: Kept,
    now_ms: i64,
) -> Result<bool, Error> {
    let text =
        |row: &Map<String, Value>, column: &str| row.get(column).and_then(Value::as_str).unwrap_or_default().to_owned();
    let corrupt = |reason: String| Error::Corrupt { column: "kept", value: format!("build {id}"), reason };
    let dirname: DirName = text(&kept.build, "dirname").parse().map_err(|error| corrupt(format!("{error}")))?;
    let name = text(&kept.build, "package_name");
    let folder = format!("{id:08}-{name}");
    if !keep_files(transaction, &project.owner, &dirname, id, &folder, now_ms).await? {
        return Ok(false);
    }
    // The batch that it was in may be gone, and is over.
    kept.build.remove("batch_id");
    insert(transaction, "builds", kept.build).await.map_err(corrupt)?;
    if !name.is_empty() {
        package::ensure(transaction, project.id, &name, None, now_ms).await?;
    }
    for mut row in kept.chroots {
        let number = row.get("id").and_then(Value::as_i64);
        let state = text(&row, "state");
        let has = kept.results.iter().any(|result| result.get("build_chroot_id").and_then(Value::as_i64) == number);
        if has && matches!(state.as_str(), "succeeded" | "forked") {
            let chroot: Chroot = text(&row, "chroot").parse().map_err(|error| corrupt(format!("{error}")))?;
            let lease =
                row.get("finished_lease").and_then(Value::as_str).map_or_else(|| format!("undo-{id}"), str::to_owned);
            let waits: [(&str, Value); 5] = [
                ("state", "running".into()),
                ("stage", "publishing".into()),
                ("publishing", 1.into()),
                ("forked", i64::from(state == "forked").into()),
                ("finished_lease", lease.into()),
            ];
            row.extend(waits.map(|(column, value)| (column.to_owned(), value)));
            row.remove("ended_ms");
            insert(transaction, "build_chroots", row).await.map_err(corrupt)?;
            let repository = RepositoryKey { owner: project.owner.clone(), dirname: dirname.clone(), chroot };
            task::enqueue_publish(transaction, &repository, now_ms).await?;
        } else {
            insert(transaction, "build_chroots", row).await.map_err(corrupt)?;
        }
    }
    for row in kept.results {
        insert(transaction, "results", row).await.map_err(corrupt)?;
    }
    Ok(true)
}

/// Lets the files of a build stay that were to go; `false`: something of them goes all the same, or is gone.
async fn keep_files(
    transaction: &mut Transaction<'_, Any>,
    owner: &OwnerName,
    dirname: &DirName,
    id: i64,
    folder: &str,
    now_ms: i64,
) -> Result<bool, Error> {
    // Of something whole that it was in, whenever that goes.
    let whole: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM removals WHERE owner = $1 AND dirname = $2 AND folder = '' AND until_build >= $3",
    )
    .bind(owner.as_str())
    .bind(dirname.as_str())
    .bind(id)
    .fetch_one(&mut **transaction)
    .await?;
    let source = format!("{id:08}");
    let stay = sqlx::query(
        "DELETE FROM removals WHERE owner = $1 AND dirname = $2 AND due_ms > $3 \
         AND (folder = $4 OR chroot = $5 AND folder = $6)",
    )
    .bind(owner.as_str())
    .bind(dirname.as_str())
    .bind(now_ms.saturating_add(MARGIN_MS))
    .bind(folder)
    .bind(SOURCES)
    .bind(source.as_str())
    .execute(&mut **transaction)
    .await?
    .rows_affected();
    let left: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM removals WHERE owner = $1 AND dirname = $2 AND (folder = $3 OR chroot = $4 AND folder = $5)",
    )
    .bind(owner.as_str())
    .bind(dirname.as_str())
    .bind(folder)
    .bind(SOURCES)
    .bind(source.as_str())
    .fetch_one(&mut **transaction)
    .await?;
    Ok(whole == 0 && stay > 0 && left == 0)
}

/// Forgets what cannot be brought back any more; how many builds.
///
/// # Errors
/// The database does not answer.
pub async fn forget(db: &Db, now_ms: i64) -> Result<u64, Error> {
    let sql = "DELETE FROM prunes WHERE due_ms <= $1";
    Ok(sqlx::query(sql).bind(now_ms).execute(&db.writers).await?.rows_affected())
}

/// Projects that are pruned by themselves: neither persistent nor excepted.
///
/// # Errors
/// The database does not answer.
pub async fn scheduled(db: &Db, behind: i64, limit: i64) -> Result<Vec<i64>, Error> {
    let sql = "SELECT id FROM projects WHERE auto_prune = 1 AND persistent = 0 AND id > $1 ORDER BY id LIMIT $2";
    Ok(sqlx::query_scalar(sql).bind(behind).bind(limit).fetch_all(&db.pool).await?)
}
