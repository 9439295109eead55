//! What a repository should hold, and which folders belong to whom, by the rows: for publishing everything anew, and for finding
//! files that belong to nobody.

use std::collections::{HashMap, HashSet};

use copr_api::names::{DirName, OwnerName};
use sqlx::Row as _;

use super::{Db, Error, task::RepositoryKey, truth};

/// A package that was built and can be downloaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// The build.
    pub build_id: i64,
    /// Its folder below the repository.
    pub folder: String,
    /// Name of the file in it.
    pub file: String,
    /// Its SHA-256, lower-case hex.
    pub sha256: String,
}

/// All packages that a repository should have, oldest first.
///
/// # Errors
/// The database does not answer.
pub async fn of_repository(db: &Db, repository: &RepositoryKey) -> Result<Vec<Package>, Error> {
    sqlx::query(
        "SELECT b.id, b.package_name, r.file, r.sha256 FROM projects p JOIN builds b ON b.project_id = p.id \
         JOIN build_chroots c ON c.build_id = b.id JOIN results r ON r.build_chroot_id = c.id \
         WHERE p.owner = $1 AND p.name = $2 AND b.dirname = $3 AND c.chroot = $4 AND c.publishing = 0 \
         AND c.state IN ('succeeded', 'forked') ORDER BY b.id, r.file",
    )
    .bind(repository.owner.as_str())
    .bind(repository.dirname.project().as_str())
    .bind(repository.dirname.as_str())
    .bind(repository.chroot.as_str())
    .fetch_all(&db.pool)
    .await?
    .iter()
    .map(|row| {
        let (build_id, name): (i64, String) = (row.try_get("id")?, row.try_get("package_name")?);
        let folder = format!("{build_id:08}-{name}");
        Ok(Package { build_id, folder, file: row.try_get("file")?, sha256: row.try_get("sha256")? })
    })
    .collect()
}

/// Packages of one build in one chroot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Owned {
    /// It may still get some, or move them.
    pub at_work: bool,
    /// Names of their files.
    pub files: HashSet<String>,
}

/// Every build that has a folder in a repository, by its number.
///
/// # Errors
/// The database does not answer.
pub async fn builds_in(db: &Db, repository: &RepositoryKey) -> Result<HashMap<i64, Owned>, Error> {
    let rows = sqlx::query(
        "SELECT b.id, CASE WHEN c.ended_ms IS NULL OR c.publishing = 1 THEN 1 ELSE 0 END AS at_work, r.file \
         FROM projects p JOIN builds b ON b.project_id = p.id JOIN build_chroots c ON c.build_id = b.id \
         LEFT JOIN results r ON r.build_chroot_id = c.id \
         WHERE p.owner = $1 AND p.name = $2 AND b.dirname = $3 AND c.chroot = $4",
    )
    .bind(repository.owner.as_str())
    .bind(repository.dirname.project().as_str())
    .bind(repository.dirname.as_str())
    .bind(repository.chroot.as_str())
    .fetch_all(&db.pool)
    .await?;
    let mut builds: HashMap<i64, Owned> = HashMap::new();
    for row in &rows {
        let owned = builds.entry(row.try_get("id")?).or_default();
        owned.at_work |= truth(row, "at_work")?;
        owned.files.extend(row.try_get::<Option<String>, _>("file")?);
    }
    Ok(builds)
}

/// Numbers of all builds of a directory.
///
/// # Errors
/// The database does not answer.
pub async fn builds_of(db: &Db, owner: &OwnerName, dirname: &DirName) -> Result<HashSet<i64>, Error> {
    let numbers: Vec<i64> = sqlx::query_scalar(
        "SELECT b.id FROM projects p JOIN builds b ON b.project_id = p.id WHERE p.owner = $1 AND p.name = $2 AND b.dirname = $3",
    )
    .bind(owner.as_str())
    .bind(dirname.project().as_str())
    .bind(dirname.as_str())
    .fetch_all(&db.pool)
    .await?;
    Ok(numbers.into_iter().collect())
}
