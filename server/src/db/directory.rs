//! Side directories of projects: `NAME:custom:x`, and `NAME:pr:1`, which goes when nothing was built into it for long.

use copr_api::names::DirName;
use sqlx::{Row, any::AnyRow};

use super::{
    Db, Error, parsed,
    project::{self, Project},
    quota, removal, truth,
};

/// One day in milliseconds.
pub const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// A directory of a pull request goes when nothing was built into it for so long: Copr's 40 days.
pub const IDLE_MS: i64 = 40 * DAY_MS;

/// One side directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directory {
    /// Number.
    pub id: i64,
    /// The project.
    pub project_id: i64,
    /// Its name.
    pub dirname: DirName,
    /// When it goes by itself, milliseconds since 1970.
    pub delete_at_ms: Option<i64>,
}

fn directory(row: &AnyRow) -> Result<Directory, Error> {
    Ok(Directory {
        id: row.try_get("id")?,
        project_id: row.try_get("project_id")?,
        dirname: parsed(row, "dirname")?,
        delete_at_ms: row.try_get("delete_at_ms")?,
    })
}

/// Whether it belongs to a pull request, and so goes by itself.
fn is_temporary(dirname: &DirName) -> bool {
    dirname.as_str().split(':').nth(1) == Some("pr")
}

/// Notes that something is built into a directory: makes its row the first time, and puts off its end. The project's own directory
/// has no row and needs none.
///
/// # Errors
/// The database does not answer, or the project is gone.
pub async fn ensure(db: &Db, project_id: i64, dirname: &DirName, now_ms: i64) -> Result<(), Error> {
    if dirname.as_str() == dirname.project().as_str() {
        return Ok(());
    }
    let end = is_temporary(dirname).then(|| now_ms.saturating_add(IDLE_MS));
    sqlx::query(
        "INSERT INTO directories (project_id, dirname, created_ms, delete_at_ms) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (project_id, dirname) DO UPDATE SET delete_at_ms = excluded.delete_at_ms",
    )
    .bind(project_id)
    .bind(dirname.as_str())
    .bind(now_ms)
    .bind(end)
    .execute(&db.pool)
    .await?;
    Ok(())
}

/// A project's side directories, by name.
///
/// # Errors
/// The database does not answer.
pub async fn of_project(db: &Db, project_id: i64) -> Result<Vec<Directory>, Error> {
    sqlx::query("SELECT * FROM directories WHERE project_id = $1 ORDER BY dirname")
        .bind(project_id)
        .fetch_all(&db.pool)
        .await?
        .iter()
        .map(directory)
        .collect()
}

/// Whether a project has this side directory.
///
/// # Errors
/// The database does not answer.
pub async fn exists(db: &Db, project_id: i64, dirname: &DirName) -> Result<bool, Error> {
    let row = sqlx::query(
        "SELECT CASE WHEN EXISTS (SELECT 1 FROM directories WHERE project_id = $1 AND dirname = $2) THEN 1 ELSE 0 END AS there",
    )
    .bind(project_id)
    .bind(dirname.as_str())
    .fetch_one(&db.pool)
    .await?;
    truth(&row, "there")
}

/// Directories that nothing was built into for too long.
///
/// # Errors
/// The database does not answer.
pub async fn idle(db: &Db, now_ms: i64) -> Result<Vec<Directory>, Error> {
    sqlx::query("SELECT * FROM directories WHERE delete_at_ms <= $1 ORDER BY id")
        .bind(now_ms)
        .fetch_all(&db.pool)
        .await?
        .iter()
        .map(directory)
        .collect()
}

/// Deletes a directory that is idle at `now_ms` with its builds, and notes that its files are to go; `false`: one of its builds
/// has not ended, or somebody built into it meanwhile.
///
/// # Errors
/// The database does not answer.
pub async fn delete_idle(db: &Db, of: &Directory, project: &Project, now_ms: i64) -> Result<bool, Error> {
    let mut transaction = db.begin().await?;
    let deleted = sqlx::query(
        "DELETE FROM directories WHERE id = $1 AND delete_at_ms <= $2 AND NOT EXISTS \
         (SELECT 1 FROM build_chroots c JOIN builds b ON b.id = c.build_id WHERE b.project_id = $3 AND b.dirname = $4 \
          AND (c.lease_id IS NOT NULL OR c.publishing = 1 OR c.state IN ('pending', 'waiting')))",
    )
    .bind(of.id)
    .bind(now_ms)
    .bind(of.project_id)
    .bind(of.dirname.as_str())
    .execute(&mut *transaction)
    .await?;
    if deleted.rows_affected() == 0 {
        return Ok(false);
    }
    project::lock_builds(&mut transaction, db.dialect, project.id).await?;
    quota::wait(&mut transaction, db.dialect, &project.owner).await?;
    removal::enqueue_directory(&mut transaction, &project.owner, &of.dirname, now_ms).await?;
    // The packages first, all at once: build by build they are slow to be counted.
    sqlx::query(
        "DELETE FROM results WHERE build_chroot_id IN (SELECT c.id FROM build_chroots c JOIN builds b ON b.id = c.build_id \
         WHERE b.project_id = $1 AND b.dirname = $2)",
    )
    .bind(of.project_id)
    .bind(of.dirname.as_str())
    .execute(&mut *transaction)
    .await?;
    sqlx::query("DELETE FROM builds WHERE project_id = $1 AND dirname = $2")
        .bind(of.project_id)
        .bind(of.dirname.as_str())
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(true)
}
