//! A promotion's builds become builds of the target, all in one transaction: one publish of a repository takes all that waits for
//! it, so that nobody ever sees half a set. And its end, which takes them out of the source where they were to move.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use copr_api::names::Chroot;
use sqlx::{Any, Row, Transaction};

use super::{GOOD, Promotion, called, present_on, write::note};
use crate::db::{
    Db, Error, build, event,
    fork::{Copy, add_copy},
    lease::lock_build,
    parsed,
    project::{Project, dirname_of},
    quota::{self, Exceeded, Hold},
    removal,
    task::{self, RepositoryKey},
};

/// What became of a promotion that was to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Started {
    /// This many build-chroots wait to be published; the others were in the target already.
    Running(usize),
    /// The target has it all already: it is done.
    Nothing,
    /// These are not there any more: nothing was done.
    Gone(Vec<String>),
    /// The target's owner has no room for it: nothing was done.
    Full(Exceeded),
    /// Somebody else has started it, or called it off.
    Late,
}

/// Puts an approved promotion's builds into the target, all or none. The files of `copies` must be where handed-in files are.
/// Whatever the target has meanwhile is passed over, and noted.
///
/// # Errors
/// The database does not answer.
pub async fn start(
    db: &Db,
    promotion: &Promotion,
    target: &Project,
    copies: &[Copy],
    now_ms: i64,
) -> Result<Started, Error> {
    let mut transaction = db.begin().await?;
    // Both projects, then the builds, in the order of their numbers: promotions that cross come one after the other.
    let mut held = vec![promotion.source_id, promotion.target_id];
    held.sort_unstable();
    held.dedup();
    for id in held {
        let there =
            sqlx::query("UPDATE projects SET name = name WHERE id = $1").bind(id).execute(&mut *transaction).await?;
        if there.rows_affected() == 0 {
            return Ok(Started::Gone(vec![format!("project {}", promotion.source())]));
        }
    }
    let builds: BTreeSet<i64> = copies.iter().map(|copy| copy.build_id).collect();
    for id in builds {
        lock_build(&mut transaction, id).await?;
    }
    let hold = Hold::take(&mut transaction, db, &target.owner).await?;
    let mut gone = Vec::new();
    for copy in copies {
        if good(&mut transaction, promotion.source_id, copy.build_id, &copy.from).await?.is_none() {
            gone.push(format!("{} (build {}, {})", copy.package_name, copy.build_id, copy.from));
        }
    }
    if !gone.is_empty() {
        return Ok(Started::Gone(gone));
    }
    let claimed =
        sqlx::query("UPDATE promotions SET state = 'running', message = NULL WHERE id = $1 AND state = 'approved'")
            .bind(promotion.id)
            .execute(&mut *transaction)
            .await?;
    if claimed.rows_affected() == 0 {
        return Ok(Started::Late);
    }
    let going = sort_out(&mut transaction, promotion, copies).await?;
    if going.is_empty() {
        end(&mut transaction, promotion.id, Some("All of it was there already."), now_ms).await?;
        note(&mut transaction, promotion.id, "", "found all of it there already", now_ms).await?;
        event::of_promotion(&mut transaction, promotion.id, now_ms).await?;
        transaction.commit().await?;
        return Ok(Started::Nothing);
    }
    // The tasks first, in one order, whoever else queues some of them.
    let dirname = dirname_of(&target.name)?;
    let chroots: BTreeSet<String> = going.iter().map(|copy| copy.to.to_string()).collect();
    for copy in chroots.iter().filter_map(|chroot| going.iter().find(|copy| copy.to.as_str() == chroot)) {
        let key = RepositoryKey { owner: target.owner.clone(), dirname: dirname.clone(), chroot: copy.to.clone() };
        task::enqueue_publish(&mut transaction, &key, now_ms).await?;
    }
    let mut of_build: BTreeMap<i64, Vec<&Copy>> = BTreeMap::new();
    for copy in &going {
        of_build.entry(copy.build_id).or_default().push(copy);
    }
    for (old, copies) in of_build {
        let new: i64 = sqlx::query_scalar(
            "INSERT INTO builds (project_id, dirname, submitter, source_name, source_sha256, source_size, package_name, \
             package_version, timeout, enable_net, background, submitted_ms, source_method, wishes, uploaded, licence, \
             licence_sha256, licence_state, licence_reason) SELECT $1, $2, $3, source_name, source_sha256, source_size, package_name, \
             package_version, timeout, enable_net, background, $4, source_method, wishes, uploaded, licence, licence_sha256, \
             licence_state, licence_reason FROM builds WHERE id = $5 RETURNING id",
        )
        .bind(target.id)
        .bind(dirname.as_str())
        .bind(promotion.submitter.as_str())
        .bind(now_ms)
        .bind(old)
        .fetch_one(&mut *transaction)
        .await?;
        sqlx::query(
            "INSERT INTO packages (project_id, name, source_type, source_dict, created_ms) \
             SELECT $1, k.name, k.source_type, k.source_dict, $2 FROM packages k JOIN builds b ON b.project_id = k.project_id \
             AND b.package_name = k.name WHERE b.id = $3 ON CONFLICT (project_id, name) DO NOTHING",
        )
        .bind(target.id)
        .bind(now_ms)
        .bind(old)
        .execute(&mut *transaction)
        .await?;
        for copy in copies {
            add_copy(&mut transaction, new, target, &dirname, copy, now_ms).await?;
            sqlx::query(
                "UPDATE promotion_items SET copy_id = $1 WHERE promotion_id = $2 AND build_id = $3 AND chroot = $4",
            )
            .bind(new)
            .bind(promotion.id)
            .bind(old)
            .bind(copy.from.as_str())
            .execute(&mut *transaction)
            .await?;
        }
    }
    if let Err(exceeded) = hold.fits(&mut transaction).await? {
        return Ok(Started::Full(exceeded));
    }
    note(&mut transaction, promotion.id, "", "put the builds into the target", now_ms).await?;
    event::of_promotion(&mut transaction, promotion.id, now_ms).await?;
    transaction.commit().await?;
    Ok(Started::Running(going.len()))
}

/// Those that the target lacks, in chroots that it has; why the others do not go is noted.
async fn sort_out(
    transaction: &mut Transaction<'_, Any>,
    promotion: &Promotion,
    copies: &[Copy],
) -> Result<Vec<Copy>, Error> {
    let rows = sqlx::query(
        "SELECT chroot FROM project_chroots WHERE project_id = $1 AND dropped = 0 AND delete_at_ms IS NULL",
    )
    .bind(promotion.target_id)
    .fetch_all(&mut **transaction)
    .await?;
    let chroots: HashSet<Chroot> = rows.iter().map(|row| parsed(row, "chroot")).collect::<Result<_, _>>()?;
    let there = present_on(&mut **transaction, promotion.target_id).await?;
    let mut going = Vec::with_capacity(copies.len());
    for copy in copies {
        let known = |file: &&copr_api::builder::ResultFile| there.contains(&(copy.to.to_string(), called(file)));
        let why = if !chroots.contains(&copy.to) {
            format!("{} has no {} any more", promotion.target(), copy.to)
        } else if let Some(file) = copy.results.iter().find(known) {
            format!("{} has {} already", promotion.target(), file.file)
        } else {
            going.push(copy.clone());
            continue;
        };
        sqlx::query(
            "UPDATE promotion_items SET skipped = $1 WHERE promotion_id = $2 AND build_id = $3 AND chroot = $4",
        )
        .bind(why)
        .bind(promotion.id)
        .bind(copy.build_id)
        .bind(copy.from.as_str())
        .execute(&mut **transaction)
        .await?;
    }
    Ok(going)
}

/// Number of a build's good row in a chroot.
async fn good(
    transaction: &mut Transaction<'_, Any>,
    project_id: i64,
    build_id: i64,
    chroot: &Chroot,
) -> Result<Option<i64>, Error> {
    let sql = format!(
        "SELECT c.id FROM build_chroots c JOIN builds b ON b.id = c.build_id \
         WHERE b.project_id = $1 AND b.id = $2 AND c.chroot = $3 AND {GOOD}"
    );
    // Only a constant was put into the text.
    Ok(sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
        .bind(project_id)
        .bind(build_id)
        .bind(chroot.as_str())
        .fetch_optional(&mut **transaction)
        .await?)
}

async fn end(
    transaction: &mut Transaction<'_, Any>,
    id: i64,
    message: Option<&str>,
    now_ms: i64,
) -> Result<bool, Error> {
    let ended = sqlx::query(
        "UPDATE promotions SET state = 'done', message = $1, ended_ms = $2 WHERE id = $3 AND state = 'running'",
    )
    .bind(message)
    .bind(now_ms)
    .bind(id)
    .execute(&mut **transaction)
    .await?;
    Ok(ended.rows_affected() > 0)
}

/// How far the publish of a promotion's builds is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Some are not published yet.
    Publishing,
    /// All can be downloaded.
    Published,
    /// These never will be: what became of each.
    Lost(Vec<String>),
}

/// How far the publish of a running promotion's builds is.
///
/// # Errors
/// The database does not answer.
pub async fn standing(db: &Db, id: i64) -> Result<Standing, Error> {
    let rows = sqlx::query(
        "SELECT i.package_name, i.chroot, c.state, c.message, COALESCE(c.publishing, 0) AS publishing FROM promotion_items i \
         LEFT JOIN build_chroots c ON c.build_id = i.copy_id AND c.chroot = i.chroot \
         WHERE i.promotion_id = $1 AND i.copy_id IS NOT NULL ORDER BY i.package_name, i.chroot",
    )
    .bind(id)
    .fetch_all(&db.pool)
    .await?;
    let mut lost = Vec::new();
    for row in &rows {
        if row.try_get::<i64, _>("publishing")? != 0 {
            return Ok(Standing::Publishing);
        }
        let state: Option<String> = row.try_get("state")?;
        if state.as_deref() != Some("forked") {
            let (name, chroot): (String, String) = (row.try_get("package_name")?, row.try_get("chroot")?);
            let message: Option<String> = row.try_get("message")?;
            let why = match state {
                None => "was deleted before all of it was published".to_owned(),
                Some(_) => message.unwrap_or_else(|| "was not published".to_owned()),
            };
            lost.push(format!("{name} ({chroot}): {why}"));
        }
    }
    Ok(if lost.is_empty() { Standing::Published } else { Standing::Lost(lost) })
}

/// Ends a promotion whose builds are all published. Those that were to move leave the source in the same transaction: what else
/// was built for other chroots stays. `false`: somebody else has ended it.
///
/// # Errors
/// The database does not answer.
pub async fn finish(db: &Db, promotion: &Promotion, now_ms: i64) -> Result<bool, Error> {
    let mut transaction = db.begin().await?;
    if !end(&mut transaction, promotion.id, None, now_ms).await? {
        return Ok(false);
    }
    if promotion.moves {
        let rows = sqlx::query(
            "SELECT build_id, chroot, package_name FROM promotion_items WHERE promotion_id = $1 AND copy_id IS NOT NULL \
             ORDER BY build_id, chroot",
        )
        .bind(promotion.id)
        .fetch_all(&mut *transaction)
        .await?;
        let mut left = BTreeSet::new();
        for row in &rows {
            let (build_id, chroot): (i64, Chroot) = (row.try_get("build_id")?, parsed(row, "chroot")?);
            if left.insert(build_id) {
                lock_build(&mut transaction, build_id).await?;
            }
            quota::wait(&mut transaction, db.dialect, &promotion.source_owner).await?;
            let Some(id) = good(&mut transaction, promotion.source_id, build_id, &chroot).await? else { continue };
            let folder = format!("{build_id:08}-{}", row.try_get::<String, _>("package_name")?);
            let owner = promotion.source_owner.clone();
            let repository = RepositoryKey { owner, dirname: dirname_of(&promotion.source_name)?, chroot };
            removal::enqueue(&mut transaction, &repository, &folder, now_ms, now_ms).await?;
            sqlx::query("DELETE FROM build_chroots WHERE id = $1").bind(id).execute(&mut *transaction).await?;
        }
        for build_id in left {
            drop_empty(&mut transaction, db, build_id, now_ms).await?;
        }
    }
    let what = if promotion.moves { "published it, and took it out of the source" } else { "published it" };
    note(&mut transaction, promotion.id, "", what, now_ms).await?;
    event::of_promotion(&mut transaction, promotion.id, now_ms).await?;
    transaction.commit().await?;
    Ok(true)
}

/// Deletes a build of which nothing good is left, and nothing that is at work.
async fn drop_empty(transaction: &mut Transaction<'_, Any>, db: &Db, build_id: i64, now_ms: i64) -> Result<(), Error> {
    let left: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM build_chroots WHERE build_id = $1 AND source = 0 \
         AND (publishing = 1 OR lease_id IS NOT NULL OR state NOT IN ('failed', 'canceled', 'skipped'))",
    )
    .bind(build_id)
    .fetch_one(&mut **transaction)
    .await?;
    let there: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM builds WHERE id = $1")
        .bind(build_id)
        .fetch_one(&mut **transaction)
        .await?;
    if left == 0 && there == 1 {
        build::delete_locked(transaction, db, &[build_id], now_ms, now_ms).await?;
    }
    Ok(())
}
