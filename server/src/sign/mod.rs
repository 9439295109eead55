//! Signing: the keys of projects and owners, and signatures over packages and metadata.
//!
//! Secret keys lie in the database, sealed with a key that is in `DIR/signing-key`. Only the signing process ([`signer`]) reads that;
//! this process asks it for signatures and never sees a secret that is not sealed.

mod openpgp;
mod process;
pub mod signer;
mod wire;

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use copr_api::{
    names::{OwnerName, Secret},
    v3::SignWith,
};
use copr_repodata::RepomdSigner;

use crate::{
    clock,
    config::signing::Signing as Config,
    db::{self, Db, key, project::Project},
    die,
    metrics::Metrics,
};

pub use crate::db::key::Key;
use process::Process;
pub use process::Program;
use wire::{Reply, Request};

/// A clock that is so far behind the newest key is not one to sign by; less is evened out.
const BEHIND_MS: i64 = 3600 * 1000;
/// 2026-11-29: no clock is right that shows an earlier time than this program was written.
const WRITTEN_MS: i64 = 1_795_910_400_000;

/// Why something is not signed. Most of it passes: whoever publishes tries again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database did not answer.
    #[error(transparent)]
    Db(#[from] db::Error),
    /// A file can't be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The package can't be read.
    #[error("{}: {error}", path.display())]
    Package {
        /// The file.
        path: PathBuf,
        /// Why.
        error: Box<copr_rpm::Error>,
    },
    /// The signing process is gone.
    #[error("the signing process has ended ({0}); it is started again")]
    Ended(io::Error),
    /// The signing process can't do it.
    #[error("the signing process: {0}")]
    Refused(String),
    /// The time is wrong.
    #[error("nothing is signed while the clock is wrong: it shows {now}, but {what}. Set it, and this is tried again")]
    Clock {
        /// What it shows.
        now: String,
        /// What tells that this is wrong.
        what: String,
    },
    /// The server key is not there.
    #[error(
        "{} is missing, and the {keys} signing keys in the database are sealed with what was in it: put it back from a backup \
         (`coprd admin restore`), or copy it from the other server that uses this database",
        path.display()
    )]
    Missing {
        /// Where it belongs.
        path: PathBuf,
        /// How many keys there are.
        keys: i64,
    },
    /// The server key is another one.
    #[error(
        "{} is not the key that the {keys} signing keys in the database are sealed with: put the right one back from a backup, \
         or copy it from the other server that uses this database",
        path.display()
    )]
    Other {
        /// The file.
        path: PathBuf,
        /// How many keys there are.
        keys: i64,
    },
    /// The project signs nothing.
    #[error("project {0} signs nothing: choose `signing` first")]
    Nothing(String),
}

/// Signs; clones share the processes.
#[derive(Debug, Clone)]
pub struct Signing(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    db: Db,
    /// Two processes: while one makes a key, the other signs.
    signatures: Process,
    keys: Process,
    /// The file with the server key.
    path: PathBuf,
    /// Host in the addresses of keys.
    host: String,
    trusted_ms: i64,
    metrics: Arc<Metrics>,
    /// Held by who makes a key.
    making: tokio::sync::Mutex<()>,
}

impl Signing {
    /// Over a database; no process runs before it is needed. `host` is the server's in the addresses of keys.
    #[must_use]
    pub fn new(db: Db, program: Program, config: &Config, host: &str) -> Self {
        Self(Arc::new(Inner {
            db,
            path: program.key.clone(),
            signatures: Process::new(program.clone()),
            keys: Process::new(program),
            host: host.to_owned(),
            trusted_ms: config.trusted_ms(),
            metrics: Arc::default(),
            making: tokio::sync::Mutex::default(),
        }))
    }

    /// What is counted in this process.
    #[must_use]
    pub fn metrics(&self) -> Arc<Metrics> {
        Arc::clone(&self.0.metrics)
    }

    /// Makes sure that the server key is the one that the database's keys are sealed with; makes it at the first start. The answer
    /// is what confines the signing process, in words.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Other`]; or the process can't be started.
    pub async fn prove(&self) -> Result<String, Error> {
        let inner = &self.0;
        let confined = match key::proof(&inner.db).await? {
            Some(proof) => return self.check(&proof).await,
            None => inner.signatures.start(true).await?,
        };
        let Reply::Proof { proof } = inner.signatures.ask(&Request::Prove, b"").await? else { return Err(nonsense()) };
        key::set_proof(&inner.db, &proof).await?;
        die::at("server key proved");
        // Another server may have been faster, with another key.
        match key::proof(&inner.db).await? {
            Some(first) if first != proof => self.check(&first).await,
            _ => Ok(confined),
        }
    }

    /// Whether the server key opens a proof from the database.
    ///
    /// # Errors
    /// As [`Self::prove`].
    pub async fn check(&self, proof: &str) -> Result<String, Error> {
        let inner = &self.0;
        let path = inner.path.clone();
        if !path.exists() {
            return Err(Error::Missing { path, keys: key::count(&inner.db).await? });
        }
        let confined = inner.signatures.start(false).await?;
        match inner.signatures.ask(&Request::Check { proof: proof.to_owned() }, b"").await {
            Ok(_) => Ok(confined),
            Err(Error::Refused(_)) => Err(Error::Other { path, keys: key::count(&inner.db).await? }),
            Err(error) => Err(error),
        }
    }

    /// The keys of a project: the one that signs first, then those that are still trusted. Empty: it signs nothing. The first one is
    /// made if need be, which takes about a second.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn keys_of(&self, project: &Project) -> Result<Vec<Key>, Error> {
        let keys = self.known_keys_of(project).await?;
        if project.signing == SignWith::Nothing || has_current(project, &keys) {
            return Ok(keys);
        }
        let _one = self.0.making.lock().await;
        let keys = self.known_keys_of(project).await?;
        if has_current(project, &keys) {
            return Ok(keys);
        }
        let made = self.make(project).await?;
        if key::add(&self.0.db, &made).await? {
            tracing::info!(project = project.full_name(), key = made.fingerprint, "signing key made");
        }
        self.known_keys_of(project).await
    }

    /// The same, without waiting for one that is not made yet.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn known_keys_of(&self, project: &Project) -> Result<Vec<Key>, Error> {
        if project.signing == SignWith::Nothing {
            return Ok(Vec::new());
        }
        Ok(key::of_project(&self.0.db, project).await?)
    }

    /// Makes a project's first key while nobody waits for it. Whatever fails is tried again by who needs it.
    pub fn make_ahead(&self, project: &Project) {
        if project.signing == SignWith::Nothing {
            return;
        }
        let (signing, project) = (self.clone(), project.clone());
        tokio::spawn(async move {
            if let Err(error) = signing.keys_of(&project).await {
                tracing::warn!(%error, project = project.full_name(), "cannot make a signing key yet");
            }
        });
    }

    /// Puts a new key in the place of the one that signs for a project. That stays trusted for the time that the configuration says,
    /// and as long as a package is there that it has signed.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn rotate(&self, project: &Project) -> Result<Vec<Key>, Error> {
        let keys = self.keys_of(project).await?;
        let Some(old) = keys.into_iter().next() else { return Err(Error::Nothing(project.full_name())) };
        let _one = self.0.making.lock().await;
        let new = self.make(project).await?;
        let now = clock::now_ms();
        if key::rotate(&self.0.db, &old, &new, now, now.saturating_add(self.0.trusted_ms)).await? {
            tracing::info!(
                project = project.full_name(),
                old = old.fingerprint,
                new = new.fingerprint,
                "signing key rotated"
            );
        }
        self.known_keys_of(project).await
    }

    /// Signs the header of a package: `to` is written whole and synced, or not at all.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn sign_package(&self, key: &Key, from: &Path, to: &Path) -> Result<(), Error> {
        let path = from.to_owned();
        let (mut file, signable) = blocking(move || {
            let mut file = fs_err::File::open(&path)?;
            match copr_rpm::sign::signable(&mut file) {
                Ok(signable) => Ok((file, signable)),
                Err(error) => Err(Error::Package { path, error: Box::new(error) }),
            }
        })
        .await?;
        let packet = self.signature(key, std::slice::from_ref(key), signable.header()).await?;
        let (from, to) = (from.to_owned(), to.to_owned());
        blocking(move || {
            let folder = to.parent().unwrap_or_else(|| Path::new("."));
            let mut out = io::BufWriter::new(tempfile::NamedTempFile::new_in(folder)?);
            copr_rpm::sign::write_signed(&mut file, &signable, Some(&packet), &mut out)
                .map_err(|error| Error::Package { path: from, error: Box::new(error) })?;
            let out = out.into_inner().map_err(io::IntoInnerError::into_error)?;
            out.as_file().sync_all()?;
            out.persist(&to).map_err(|error| error.error)?;
            Ok(fs_err::File::open(folder)?.sync_all()?)
        })
        .await
    }

    /// A detached, armoured signature of each of these keys over a text: the oldest first, which all clients have.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn sign_text(&self, keys: &[Key], text: &[u8]) -> Result<String, Error> {
        let mut blocks = String::new();
        for key in in_order(keys) {
            let packet = self.signature(key, keys, text).await?;
            blocks.push_str(&openpgp::armour(&packet).map_err(|error| Error::Refused(error.to_string()))?);
        }
        Ok(blocks)
    }

    /// The public keys of a project, armoured, one after the other: its `pubkey.gpg`. `None`: it signs nothing.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn public_keys(&self, project: &Project) -> Result<Option<String>, Error> {
        let keys = self.keys_of(project).await?;
        Ok((!keys.is_empty()).then(|| public_keys(&keys)))
    }

    /// Signs repomd.xml with these keys; `None` of none. Its signing blocks: not for a thread of the runtime.
    #[must_use]
    pub fn repomd(&self, keys: &[Key]) -> Option<Arc<dyn RepomdSigner>> {
        let (signing, keys) = (self.clone(), keys.to_vec());
        let runtime = tokio::runtime::Handle::current();
        (!keys.is_empty()).then(|| Arc::new(Repomd { signing, keys, runtime }) as Arc<dyn RepomdSigner>)
    }

    async fn signature(&self, key: &Key, of: &[Key], bytes: &[u8]) -> Result<Vec<u8>, Error> {
        let newest = of.iter().map(|key| key.created_ms).max().unwrap_or(0);
        let at = seconds(time_to_sign(clock::now_ms(), newest)?.max(key.created_ms));
        let request = Request::Sign {
            fingerprint: key.fingerprint.clone(),
            sealed: key.sealed.expose().to_owned(),
            created: seconds(key.created_ms),
            at,
        };
        let began = tokio::time::Instant::now();
        let Reply::Signature { packet } = self.0.signatures.ask(&request, bytes).await? else { return Err(nonsense()) };
        self.0.metrics.signed(began.elapsed());
        BASE64_STANDARD.decode(packet).map_err(|_| nonsense())
    }

    async fn make(&self, project: &Project) -> Result<Key, Error> {
        let created = seconds(time_to_sign(clock::now_ms(), 0)?);
        let project_id = (project.signing == SignWith::Project).then_some(project.id);
        let user_id = user_id(&project.owner, project_id.map(|_| project.name.as_str()), &self.0.host);
        let Reply::Made { fingerprint, public, sealed } =
            self.0.keys.ask(&Request::Make { user_id, created }, b"").await?
        else {
            return Err(nonsense());
        };
        Ok(Key {
            id: 0,
            owner: project.owner.clone(),
            project_id,
            fingerprint,
            public,
            sealed: Secret::new(sealed),
            created_ms: i64::from(created) * 1000,
            retired_ms: None,
            trusted_until_ms: None,
        })
    }
}

fn has_current(project: &Project, keys: &[Key]) -> bool {
    keys.first().is_some_and(|first| key::signs(project, first))
}

fn nonsense() -> Error {
    Error::Ended(io::Error::new(io::ErrorKind::InvalidData, "it answers something else"))
}

/// Keys as they sign metadata.
fn in_order(keys: &[Key]) -> impl Iterator<Item = &Key> {
    let mut sorted: Vec<&Key> = keys.iter().collect();
    sorted.sort_by_key(|key| (key.created_ms, key.id));
    sorted.into_iter()
}

/// Armoured keys, one after the other.
#[must_use]
pub fn public_keys(keys: &[Key]) -> String {
    keys.iter().map(|key| key.public.as_str()).collect()
}

/// Whose a key is, in Copr's form.
fn user_id(owner: &OwnerName, project: Option<&str>, host: &str) -> String {
    let domain = if host.starts_with("copr.") { host.to_owned() } else { format!("copr.{host}") };
    // An owner that is a group has an @, which ends names in such addresses.
    let owner = owner.in_repo_id();
    match project {
        Some(project) => format!("{owner}_{project} <{owner}#{project}@{domain}>"),
        None => format!("{owner} <{owner}@{domain}>"),
    }
}

fn seconds(ms: i64) -> u32 {
    u32::try_from(ms.div_euclid(1000)).unwrap_or(0)
}

/// The time that a signature says, milliseconds since 1970: the clock's, but never one before the newest of its keys was made.
fn time_to_sign(now_ms: i64, newest_ms: i64) -> Result<i64, Error> {
    let wrong = |what| Err(Error::Clock { now: clock::date(now_ms), what });
    if now_ms < WRITTEN_MS {
        return wrong(format!("this program was written on {}", clock::date(WRITTEN_MS)));
    }
    if now_ms < newest_ms.saturating_sub(BEHIND_MS) {
        return wrong(format!(
            "the key was made on {}, {} minutes later",
            clock::date(newest_ms),
            (newest_ms - now_ms) / 60_000
        ));
    }
    Ok(now_ms.max(newest_ms))
}

/// Signs repomd.xml from a thread that may wait.
#[derive(Debug)]
struct Repomd {
    signing: Signing,
    keys: Vec<Key>,
    runtime: tokio::runtime::Handle,
}

impl RepomdSigner for Repomd {
    fn sign(&self, repomd: &[u8]) -> Result<Vec<u8>, Box<dyn std::error::Error + Send + Sync>> {
        Ok(self.runtime.block_on(self.signing.sign_text(&self.keys, repomd))?.into_bytes())
    }

    fn is_current(&self, repomd: &[u8], signature: &[u8]) -> bool {
        let keys: Vec<&str> = in_order(&self.keys).map(|key| key.public.as_str()).collect();
        openpgp::verifies(&keys, repomd, signature)
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_says_whose_it_is_in_coprs_form() {
        let alice = "alice".parse().unwrap();
        assert_eq!(user_id(&alice, Some("app"), "example.org"), "alice_app <alice#app@copr.example.org>");
        let group = "@kde".parse().unwrap();
        assert_eq!(user_id(&group, Some("app"), "copr.example.org"), "group_kde_app <group_kde#app@copr.example.org>");
        assert_eq!(user_id(&alice, None, "127.0.0.1"), "alice <alice@copr.127.0.0.1>");
    }

    #[test]
    fn no_signature_is_older_than_its_key_and_none_is_made_by_a_clock_that_is_far_off() {
        let now = WRITTEN_MS + 10_000_000;
        assert_eq!(time_to_sign(now, now - 5).unwrap(), now);
        assert_eq!(time_to_sign(now, now + BEHIND_MS).unwrap(), now + BEHIND_MS);
        let told = |now, newest| time_to_sign(now, newest).unwrap_err().to_string();
        assert!(told(now, now + BEHIND_MS + 60_001).contains("61 minutes later"));
        assert!(told(WRITTEN_MS - 1, 0).contains("2026-11-29"), "{}", told(WRITTEN_MS - 1, 0));
        assert!(told(0, 0).contains("1970-01-01"));
    }
}
