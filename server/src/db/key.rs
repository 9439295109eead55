//! Keys that packages and metadata are signed with, and which key has signed what.

use copr_api::{
    builder::ResultFile,
    names::{OwnerName, Secret},
    v3::SignWith,
};
use sqlx::{Any, AnyConnection, Connection as _, Row, Transaction, any::AnyRow};

use super::{
    Db, Error, build, install_drivers, parsed,
    project::{self, Project},
};

/// A key of a project or an owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Number; 0 in one that is about to be added.
    pub id: i64,
    /// Owner of the project, or of the key itself.
    pub owner: OwnerName,
    /// The project; `None`: the owner's key.
    pub project_id: Option<i64>,
    /// Fingerprint, lower-case hex.
    pub fingerprint: String,
    /// The public key, armoured.
    pub public: String,
    /// The secret key, sealed with the server key; base64.
    pub sealed: Secret,
    /// When it was made, milliseconds since 1970: whole seconds, as they stand in the key.
    pub created_ms: i64,
    /// When another took its place.
    pub retired_ms: Option<i64>,
    /// Until when it is trusted at least, once it is retired.
    pub trusted_until_ms: Option<i64>,
}

fn key(row: &AnyRow) -> Result<Key, Error> {
    Ok(Key {
        id: row.try_get("id")?,
        owner: parsed(row, "owner")?,
        project_id: row.try_get("project_id")?,
        fingerprint: row.try_get("fingerprint")?,
        public: row.try_get("public")?,
        sealed: Secret::new(row.try_get::<String, _>("secret")?),
        created_ms: row.try_get("created_ms")?,
        retired_ms: row.try_get("retired_ms")?,
        trusted_until_ms: row.try_get("trusted_until_ms")?,
    })
}

/// The keys by which users of a project may check what it has: first the one that signs now (if it is made already), then the newest.
/// Besides its own there are those of its owner, when the project uses them or has packages that one of them has signed.
///
/// # Errors
/// The database does not answer.
pub async fn of_project(db: &Db, project: &Project) -> Result<Vec<Key>, Error> {
    let mut keys = sqlx::query(
        "SELECT * FROM keys WHERE project_id = $1 OR (project_id IS NULL AND owner = $2 AND ($3 = 'owner' OR EXISTS \
         (SELECT 1 FROM results r JOIN build_chroots c ON c.id = r.build_chroot_id JOIN builds b ON b.id = c.build_id \
         WHERE r.signed_by = keys.fingerprint AND b.project_id = $1))) ORDER BY created_ms DESC, id DESC",
    )
    .bind(project.id)
    .bind(project.owner.as_str())
    .bind(project.signing.as_str())
    .fetch_all(&db.pool)
    .await?
    .iter()
    .map(key)
    .collect::<Result<Vec<_>, _>>()?;
    keys.sort_by_key(|key| !signs(project, key));
    Ok(keys)
}

/// Whether new packages of a project are signed with this of its keys.
#[must_use]
pub fn signs(project: &Project, key: &Key) -> bool {
    let own = match project.signing {
        SignWith::Project => key.project_id == Some(project.id),
        SignWith::Owner => key.project_id.is_none(),
        SignWith::Nothing => false,
    };
    own && key.retired_ms.is_none()
}

/// Adds the first key of a project or owner. `false`: there is one already, or the project is gone.
///
/// # Errors
/// The database does not answer.
pub async fn add(db: &Db, new: &Key) -> Result<bool, Error> {
    let mut transaction = db.begin().await?;
    match insert(&mut transaction, new).await {
        Ok(()) => {}
        Err(error) if error.is_duplicate() || error.is_orphan() => return Ok(false),
        Err(error) => return Err(error),
    }
    transaction.commit().await?;
    Ok(true)
}

async fn insert(transaction: &mut Transaction<'_, Any>, new: &Key) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO keys (owner, project_id, fingerprint, public, secret, created_ms) VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(new.owner.as_str())
    .bind(new.project_id)
    .bind(new.fingerprint.as_str())
    .bind(new.public.as_str())
    .bind(new.sealed.expose())
    .bind(new.created_ms)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// Puts a new key in the place of another, which stays trusted until a time, and has all repositories signed anew that are signed
/// with it. `false`: somebody else was faster.
///
/// # Errors
/// The database does not answer.
pub async fn rotate(db: &Db, old: &Key, new: &Key, now_ms: i64, trusted_until_ms: i64) -> Result<bool, Error> {
    let mut transaction = db.begin().await?;
    let retired =
        sqlx::query("UPDATE keys SET retired_ms = $1, trusted_until_ms = $2 WHERE id = $3 AND retired_ms IS NULL")
            .bind(now_ms)
            .bind(trusted_until_ms)
            .bind(old.id)
            .execute(&mut *transaction)
            .await?;
    if retired.rows_affected() == 0 {
        return Ok(false);
    }
    insert(&mut transaction, new).await?;
    sign_anew(&mut transaction, new, now_ms).await?;
    transaction.commit().await?;
    Ok(true)
}

/// Forgets the retired keys that are trusted no more: `until_ms` their time has passed, and no file is left that they have signed. The
/// answer is how many.
///
/// # Errors
/// The database does not answer.
pub async fn forget(db: &Db, until_ms: i64, now_ms: i64) -> Result<usize, Error> {
    let mut transaction = db.begin().await?;
    let gone = sqlx::query(
        "DELETE FROM keys WHERE trusted_until_ms <= $1 AND retired_ms IS NOT NULL AND NOT EXISTS \
         (SELECT 1 FROM results r WHERE r.signed_by = keys.fingerprint) RETURNING *",
    )
    .bind(until_ms)
    .fetch_all(&mut *transaction)
    .await?
    .iter()
    .map(key)
    .collect::<Result<Vec<_>, _>>()?;
    for key in &gone {
        sign_anew(&mut transaction, key, now_ms).await?;
    }
    transaction.commit().await?;
    Ok(gone.len())
}

/// Queues all repositories that are signed with a key, or with the one that took its place.
async fn sign_anew(transaction: &mut Transaction<'_, Any>, key: &Key, now_ms: i64) -> Result<(), Error> {
    let rows = sqlx::query("SELECT * FROM projects WHERE id = $1 OR (owner = $2 AND signing = 'owner') ORDER BY id")
        .bind(key.project_id.unwrap_or(0))
        .bind(if key.project_id.is_some() { "" } else { key.owner.as_str() })
        .fetch_all(&mut **transaction)
        .await?;
    for row in &rows {
        project::enqueue_all(transaction, &project::project(row)?, now_ms).await?;
    }
    Ok(())
}

/// A package that was built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// The file as it is now.
    pub file: ResultFile,
    /// Fingerprint of the key that has signed it; `None`: none of its project's has.
    pub signed_by: Option<String>,
    /// SHA-256 of what it was before anybody signed it.
    pub unsigned_sha256: String,
}

/// The packages of one build-chroot, and which key has signed each.
///
/// # Errors
/// The database does not answer.
pub async fn packages(db: &Db, build_chroot_id: i64) -> Result<Vec<Package>, Error> {
    sqlx::query("SELECT * FROM results WHERE build_chroot_id = $1 ORDER BY file")
        .bind(build_chroot_id)
        .fetch_all(&db.pool)
        .await?
        .iter()
        .map(|row| {
            let build::BuiltPackage { file, signed_by, .. } = build::package(row)?;
            let unsigned: Option<String> = row.try_get("unsigned_sha256")?;
            let unsigned_sha256 = unsigned.unwrap_or_else(|| file.sha256.clone());
            Ok(Package { file, signed_by, unsigned_sha256 })
        })
        .collect()
}

/// Notes that a package is another file now, which a key has signed. `false`: it was another one already.
///
/// # Errors
/// The database does not answer.
pub async fn signed(
    db: &Db,
    build_chroot_id: i64,
    was: &ResultFile,
    sha256: &str,
    size: u64,
    fingerprint: &str,
) -> Result<bool, Error> {
    let changed = sqlx::query(
        "UPDATE results SET unsigned_sha256 = COALESCE(unsigned_sha256, sha256), sha256 = $1, size = $2, signed_by = $3 \
         WHERE build_chroot_id = $4 AND file = $5 AND sha256 = $6 AND signed_by IS NULL",
    )
    .bind(sha256)
    .bind(i64::try_from(size).unwrap_or(i64::MAX))
    .bind(fingerprint)
    .bind(build_chroot_id)
    .bind(was.file.as_str())
    .bind(was.sha256.as_str())
    .execute(&db.pool)
    .await?;
    Ok(changed.rows_affected() > 0)
}

/// How many published packages of a project no key has signed that its users could check them by.
///
/// # Errors
/// The database does not answer.
pub async fn unsigned(db: &Db, project_id: i64) -> Result<i64, Error> {
    let sql = "SELECT COUNT(*) FROM builds b JOIN build_chroots c ON c.build_id = b.id AND c.state IN ('succeeded', 'forked') \
               AND c.publishing = 0 JOIN results r ON r.build_chroot_id = c.id AND r.signed_by IS NULL WHERE b.project_id = $1";
    Ok(sqlx::query_scalar(sql).bind(project_id).fetch_one(&db.pool).await?)
}

/// What only the right server key opens; `None`: no server has made one yet.
///
/// # Errors
/// The database does not answer.
pub async fn proof(db: &Db) -> Result<Option<String>, Error> {
    Ok(sqlx::query_scalar("SELECT proof FROM server_key WHERE id = 1").fetch_optional(&db.pool).await?)
}

/// The same of a database that is not opened: its schema stays what it is, and an older one has none.
///
/// # Errors
/// The engine can't be reached.
pub async fn look_at_proof(url: &str) -> Result<Option<String>, Error> {
    if Db::look(url).await? < 7 {
        return Ok(None);
    }
    install_drivers();
    let mut connection = AnyConnection::connect(url).await?;
    let proof = sqlx::query_scalar("SELECT proof FROM server_key WHERE id = 1").fetch_optional(&mut connection).await?;
    connection.close().await?;
    Ok(proof)
}

/// Keeps what only this server's key opens, unless another server was faster.
///
/// # Errors
/// The database does not answer.
pub async fn set_proof(db: &Db, proof: &str) -> Result<(), Error> {
    sqlx::query("INSERT INTO server_key (id, proof) VALUES (1, $1) ON CONFLICT (id) DO NOTHING")
        .bind(proof)
        .execute(&db.pool)
        .await?;
    Ok(())
}

/// How many keys there are.
///
/// # Errors
/// The database does not answer.
pub async fn count(db: &Db) -> Result<i64, Error> {
    Ok(sqlx::query_scalar("SELECT COUNT(*) FROM keys").fetch_one(&db.pool).await?)
}
