//! Release packages: those that subscribe a machine to a project's repository. The first who asks for one makes its row.

use copr_api::names::{Chroot, OwnerName, ProjectName};
use sqlx::Row as _;

use super::{Db, Error, parsed};

/// Which release package a repository has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Its release; the version is always 1.
    pub number: i64,
    /// Of all that is in it.
    pub checksum: String,
    /// When something else was in it, milliseconds since 1970.
    pub made_ms: i64,
}

impl Release {
    /// Its file's name.
    #[must_use]
    pub fn file(&self, owner: &OwnerName, name: &ProjectName) -> String {
        format!("{}-1-{}.noarch.rpm", package(owner, name), self.number)
    }
}

/// The package's name: `OWNER-PROJECT-release`, of a group `group_NAME-PROJECT-release`.
#[must_use]
pub fn package(owner: &OwnerName, name: &ProjectName) -> String {
    format!("{}-{name}-release", owner.in_repo_id())
}

/// The one that a repository has now; `None`: nobody has asked for it.
///
/// # Errors
/// The database does not answer.
pub async fn get(db: &Db, owner: &OwnerName, name: &ProjectName, chroot: &Chroot) -> Result<Option<Release>, Error> {
    let row = sqlx::query("SELECT * FROM release_packages WHERE owner = $1 AND name = $2 AND chroot = $3")
        .bind(owner.as_str())
        .bind(name.as_str())
        .bind(chroot.as_str())
        .fetch_optional(&db.pool)
        .await?;
    let release = |row: sqlx::any::AnyRow| {
        let (number, made_ms) = (row.try_get("number")?, row.try_get("made_ms")?);
        Ok(Release { number, checksum: row.try_get("checksum")?, made_ms })
    };
    row.map(release).transpose()
}

/// The one that has these contents: what there is, or, if that has others, the next.
///
/// # Errors
/// The database does not answer.
pub async fn with_contents(
    db: &Db,
    (owner, name, chroot): (&OwnerName, &ProjectName, &Chroot),
    checksum: &str,
    now_ms: i64,
) -> Result<Release, Error> {
    if let Some(known) = get(db, owner, name, chroot).await?
        && known.checksum == checksum
    {
        return Ok(known);
    }
    // Of two who come with the same, one makes it the next, and for the other it is there.
    let row = sqlx::query(
        "INSERT INTO release_packages (owner, name, chroot, checksum, number, made_ms) VALUES ($1, $2, $3, $4, 1, $5) \
         ON CONFLICT (owner, name, chroot) DO UPDATE SET \
         number = CASE WHEN release_packages.checksum = excluded.checksum THEN release_packages.number \
         ELSE release_packages.number + 1 END, \
         made_ms = CASE WHEN release_packages.checksum = excluded.checksum THEN release_packages.made_ms \
         ELSE excluded.made_ms END, checksum = excluded.checksum RETURNING number, made_ms",
    )
    .bind(owner.as_str())
    .bind(name.as_str())
    .bind(chroot.as_str())
    .bind(checksum)
    .bind(now_ms)
    .fetch_one(&db.pool)
    .await?;
    Ok(Release { number: row.try_get("number")?, checksum: checksum.to_owned(), made_ms: row.try_get("made_ms")? })
}

/// Those that have been asked for, in order, so many at most behind one.
///
/// # Errors
/// The database does not answer.
pub async fn asked_for(
    db: &Db,
    behind: Option<&(OwnerName, ProjectName, Chroot)>,
    most: i64,
) -> Result<Vec<(OwnerName, ProjectName, Chroot)>, Error> {
    let (owner, name, chroot) = behind.map_or(("", "", ""), |(o, n, c)| (o.as_str(), n.as_str(), c.as_str()));
    let rows = sqlx::query(
        "SELECT owner, name, chroot FROM release_packages \
         WHERE owner > $1 OR (owner = $1 AND name > $2) OR (owner = $1 AND name = $2 AND chroot > $3) \
         ORDER BY owner, name, chroot LIMIT $4",
    )
    .bind(owner)
    .bind(name)
    .bind(chroot)
    .bind(most)
    .fetch_all(&db.pool)
    .await?;
    rows.iter().map(|row| Ok((parsed(row, "owner")?, parsed(row, "name")?, parsed(row, "chroot")?))).collect()
}

/// The chroots of a project for which one has been asked.
///
/// # Errors
/// The database does not answer.
pub async fn chroots(db: &Db, owner: &OwnerName, name: &ProjectName) -> Result<Vec<Chroot>, Error> {
    let rows = sqlx::query("SELECT chroot FROM release_packages WHERE owner = $1 AND name = $2 ORDER BY chroot")
        .bind(owner.as_str())
        .bind(name.as_str())
        .fetch_all(&db.pool)
        .await?;
    rows.iter().map(|row| parsed(row, "chroot")).collect()
}
