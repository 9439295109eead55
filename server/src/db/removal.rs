//! What is to go: builds, chroots and directories that were deleted. Their packages leave the metadata at the next publish, their
//! files when nobody can hold metadata any more that name them.
//!
//! Numbers of builds are never used twice, so a build's folder tells whose it is. A whole chroot or directory is to go up to the
//! newest build that there was: whoever makes one of the same name meanwhile begins with an empty repository, and keeps what comes
//! into it.

use copr_api::names::{Chroot, DirName, OwnerName, ProjectName};
use sqlx::{Any, Row, Transaction, any::AnyRow};

use super::{
    Db, Error, parsed,
    task::{self, RepositoryKey},
    truth,
};

/// Stands for the chroot of folders with source packages.
pub const SOURCES: &str = "srpm-builds";

/// The newest build of all, which may already be gone.
const NEWEST: &str = "(SELECT COALESCE(MAX(id), 0) FROM builds)";

/// One thing that is to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// Number of the row.
    pub id: i64,
    /// The project's owner.
    pub owner: OwnerName,
    /// The directory.
    pub dirname: DirName,
    /// A chroot's name, or [`SOURCES`]; empty: all of the directory.
    pub chroot: String,
    /// A build's folder; empty: all of the chroot.
    pub folder: String,
    /// Without a folder: builds up to this number are to go.
    pub until_build: i64,
    /// No published metadata name it any more.
    pub unpublished: bool,
}

impl Removal {
    /// Whether it is more than one build.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.folder.is_empty()
    }
}

fn removal(row: &AnyRow) -> Result<Removal, Error> {
    Ok(Removal {
        id: row.try_get("id")?,
        owner: parsed(row, "owner")?,
        dirname: parsed(row, "dirname")?,
        chroot: row.try_get("chroot")?,
        folder: row.try_get("folder")?,
        until_build: row.try_get("until_build")?,
        unpublished: truth(row, "unpublished")?,
    })
}

async fn add(
    transaction: &mut Transaction<'_, Any>,
    (owner, dirname): (&OwnerName, &DirName),
    chroot: &str,
    folder: &str,
    unpublished: bool,
    due_ms: i64,
) -> Result<(), Error> {
    let until = if folder.is_empty() { NEWEST } else { "0" };
    let sql = format!(
        "INSERT INTO removals (owner, dirname, chroot, folder, unpublished, due_ms, until_build) \
         VALUES ($1, $2, $3, $4, $5, $6, {until})"
    );
    // Only constants were put into the text.
    sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(owner.as_str())
        .bind(dirname.as_str())
        .bind(chroot)
        .bind(folder)
        .bind(i64::from(unpublished))
        .bind(due_ms)
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

/// Notes that a build's folder (empty: the whole repository) is to leave a repository, and queues the publish that does it. Its
/// files go `due_ms` at the earliest. The rows of builds that are to go must still be there.
pub(super) async fn enqueue(
    transaction: &mut Transaction<'_, Any>,
    repository: &RepositoryKey,
    folder: &str,
    due_ms: i64,
    now_ms: i64,
) -> Result<(), Error> {
    let of = (&repository.owner, &repository.dirname);
    add(transaction, of, repository.chroot.as_str(), folder, false, due_ms).await?;
    task::enqueue_publish(transaction, repository, now_ms).await
}

/// Notes that the source package of a build, and what it was made of, is to go.
pub(super) async fn enqueue_source(
    transaction: &mut Transaction<'_, Any>,
    owner: &OwnerName,
    dirname: &DirName,
    build_id: i64,
    due_ms: i64,
) -> Result<(), Error> {
    add(transaction, (owner, dirname), SOURCES, &format!("{build_id:08}"), true, due_ms).await
}

/// Notes that all of a directory is to go: every chroot, and the source packages. The rows of its builds must still be there.
pub(super) async fn enqueue_directory(
    transaction: &mut Transaction<'_, Any>,
    owner: &OwnerName,
    dirname: &DirName,
    due_ms: i64,
) -> Result<(), Error> {
    add(transaction, (owner, dirname), "", "", true, due_ms).await
}

/// The same in a transaction of its own.
///
/// # Errors
/// The database does not answer.
pub async fn of_directory(db: &Db, owner: &OwnerName, dirname: &DirName, due_ms: i64) -> Result<(), Error> {
    let mut transaction = db.begin().await?;
    enqueue_directory(&mut transaction, owner, dirname, due_ms).await?;
    Ok(transaction.commit().await?)
}

/// Notes in a transaction of its own that a build's folder, or all of a repository, is to go.
///
/// # Errors
/// The database does not answer.
pub async fn of_folder(
    db: &Db,
    repository: &RepositoryKey,
    folder: &str,
    due_ms: i64,
    now_ms: i64,
) -> Result<(), Error> {
    let mut transaction = db.begin().await?;
    enqueue(&mut transaction, repository, folder, due_ms, now_ms).await?;
    Ok(transaction.commit().await?)
}

/// What is to leave the metadata of a repository: builds that they may still name, and all that is whole, as long as its files are
/// there.
///
/// # Errors
/// The database does not answer.
pub async fn of_repository(db: &Db, repository: &RepositoryKey) -> Result<Vec<Removal>, Error> {
    sqlx::query(
        "SELECT * FROM removals WHERE owner = $1 AND dirname = $2 \
         AND (chroot = '' OR chroot = $3 AND (unpublished = 0 OR folder = '')) ORDER BY id",
    )
    .bind(repository.owner.as_str())
    .bind(repository.dirname.as_str())
    .bind(repository.chroot.as_str())
    .fetch_all(&db.pool)
    .await?
    .iter()
    .map(removal)
    .collect()
}

/// All that is to go of one directory.
///
/// # Errors
/// The database does not answer.
pub async fn below(db: &Db, owner: &OwnerName, dirname: &DirName) -> Result<Vec<Removal>, Error> {
    sqlx::query("SELECT * FROM removals WHERE owner = $1 AND dirname = $2 ORDER BY id")
        .bind(owner.as_str())
        .bind(dirname.as_str())
        .fetch_all(&db.pool)
        .await?
        .iter()
        .map(removal)
        .collect()
}

/// Notes that no metadata in force name it any more. Its files stay until `not_before_ms` at least.
///
/// # Errors
/// The database does not answer.
pub async fn unpublished(db: &Db, id: i64, not_before_ms: i64) -> Result<(), Error> {
    sqlx::query(
        "UPDATE removals SET unpublished = 1, due_ms = CASE WHEN due_ms < $1 THEN $1 ELSE due_ms END \
         WHERE id = $2 AND unpublished = 0",
    )
    .bind(not_before_ms)
    .bind(id)
    .execute(&db.pool)
    .await?;
    Ok(())
}

/// Puts the end of something off.
///
/// # Errors
/// The database does not answer.
pub async fn put_off(db: &Db, id: i64, due_ms: i64) -> Result<(), Error> {
    sqlx::query("UPDATE removals SET due_ms = $1 WHERE id = $2").bind(due_ms).bind(id).execute(&db.pool).await?;
    Ok(())
}

/// What is due behind a number, the oldest first.
///
/// # Errors
/// The database does not answer.
pub async fn due(db: &Db, behind: i64, now_ms: i64) -> Result<Vec<Removal>, Error> {
    sqlx::query(
        "SELECT * FROM removals WHERE id > $1 AND due_ms <= $2 AND (unpublished = 1 OR chroot = '' OR chroot = $3) \
         ORDER BY id LIMIT 200",
    )
    .bind(behind)
    .bind(now_ms)
    .bind(SOURCES)
    .fetch_all(&db.pool)
    .await?
    .iter()
    .map(removal)
    .collect()
}

/// What is due of one project, the oldest first.
///
/// # Errors
/// The database does not answer.
pub async fn due_of(db: &Db, owner: &OwnerName, project: &ProjectName, now_ms: i64) -> Result<Vec<Removal>, Error> {
    sqlx::query(
        "SELECT * FROM removals WHERE owner = $1 AND (dirname = $2 OR SUBSTR(dirname, 1, LENGTH($3)) = $3) \
         AND due_ms <= $4 AND (unpublished = 1 OR chroot = '' OR chroot = $5) ORDER BY id",
    )
    .bind(owner.as_str())
    .bind(project.as_str())
    .bind(format!("{project}:"))
    .bind(now_ms)
    .bind(SOURCES)
    .fetch_all(&db.pool)
    .await?
    .iter()
    .map(removal)
    .collect()
}

/// Notes that the files are gone.
///
/// # Errors
/// The database does not answer.
pub async fn done(db: &Db, id: i64) -> Result<(), Error> {
    sqlx::query("DELETE FROM removals WHERE id = $1").bind(id).execute(&db.pool).await?;
    Ok(())
}

/// Whether there is (again) such a repository: its project has the chroot, and a side directory is known, or has a build that came
/// after that number.
///
/// # Errors
/// The database does not answer.
pub async fn is_live(db: &Db, repository: &RepositoryKey, after_build: i64) -> Result<bool, Error> {
    let project = repository.dirname.project();
    let own = repository.dirname.as_str() == project.as_str();
    let row = sqlx::query(
        "SELECT CASE WHEN EXISTS (SELECT 1 FROM projects p JOIN project_chroots c ON c.project_id = p.id \
             WHERE p.owner = $1 AND p.name = $2 AND c.chroot = $3) \
         AND ($4 = 1 OR EXISTS (SELECT 1 FROM projects p JOIN directories d ON d.project_id = p.id \
             WHERE p.owner = $1 AND p.name = $2 AND d.dirname = $5) \
           OR EXISTS (SELECT 1 FROM projects p JOIN builds b ON b.project_id = p.id \
             WHERE p.owner = $1 AND p.name = $2 AND b.dirname = $5 AND b.id > $6)) THEN 1 ELSE 0 END AS live",
    )
    .bind(repository.owner.as_str())
    .bind(project.as_str())
    .bind(repository.chroot.as_str())
    .bind(i64::from(own))
    .bind(repository.dirname.as_str())
    .bind(after_build)
    .fetch_one(&db.pool)
    .await?;
    truth(&row, "live")
}

/// Whether the project's chroot has comps.
///
/// # Errors
/// The database does not answer.
pub async fn has_comps(db: &Db, owner: &OwnerName, dirname: &DirName, chroot: &Chroot) -> Result<bool, Error> {
    let row = sqlx::query(
        "SELECT CASE WHEN EXISTS (SELECT 1 FROM projects p JOIN project_chroots c ON c.project_id = p.id \
         WHERE p.owner = $1 AND p.name = $2 AND c.chroot = $3 AND c.comps_name IS NOT NULL) THEN 1 ELSE 0 END AS has",
    )
    .bind(owner.as_str())
    .bind(dirname.project().as_str())
    .bind(chroot.as_str())
    .fetch_one(&db.pool)
    .await?;
    truth(&row, "has")
}
