//! Signing what is about to be published. The signed file is kept beside the one that was handed in, under a name made of its sum;
//! then its row names it instead of the other, in one UPDATE; then it is moved to where everyone may read it. After a crash at any
//! line this is done again, or found done.

use copr_api::builder::ResultFile;

use super::{Error, Publishing};
use crate::{
    db::{
        key::{self, Package},
        lease::Built,
        project::Project,
    },
    die,
    sign::{self, Key},
};

/// A package, and the name of the file among those handed in that has its bytes.
#[derive(Debug, Clone)]
pub(super) struct Ready {
    pub(super) file: ResultFile,
    pub(super) from: String,
}

/// The name of a signed file beside the one that was handed in. It is none that a builder can choose.
fn name(sha256: &str) -> String {
    format!("{sha256}.signed")
}

/// Whether trying again may help: the disk failed, and not the package.
fn passes(error: &copr_rpm::Error) -> bool {
    use copr_rpm::Error::{Open, Read, Write};
    matches!(error, Open { .. } | Read { .. } | Write(_))
}

impl Publishing {
    /// Signs the packages of a build with the first of its project's keys, where that is wanted and not done. The inner error tells
    /// its people why a package can never be signed.
    pub(super) async fn sign(&self, keys: &[Key], built: &Built) -> Result<Result<Vec<Ready>, String>, Error> {
        let packages = key::packages(&self.db, built.id).await?;
        let mut ready = Vec::with_capacity(packages.len());
        for Package { file, signed_by, .. } in packages {
            let key = keys.first().filter(|_| built.sign && signed_by.is_none());
            let signed = match key {
                Some(key) => self.sign_one(key, built, &file).await?,
                None if signed_by.is_some() => Ok(Some(file.clone())),
                None => Ok(None),
            };
            match signed {
                Ok(Some(file)) => ready.push(Ready { from: name(&file.sha256), file }),
                Ok(None) => ready.push(Ready { from: file.file.clone(), file }),
                Err(why) => return Ok(Err(why)),
            }
        }
        Ok(Ok(ready))
    }

    /// Signs one package; what it is then. `None`: what was handed in is not there (any more).
    async fn sign_one(
        &self,
        key: &Key,
        built: &Built,
        file: &ResultFile,
    ) -> Result<Result<Option<ResultFile>, String>, Error> {
        let here = self.store.incoming_file(&built.lease_id, &file.file, &file.sha256).await?;
        let Some((path, _, _)) = here.filter(|(_, _, sum)| *sum == file.sha256) else { return Ok(Ok(None)) };
        let to = self.store.spool_path().await?;
        match self.signing.sign_package(key, &path, &to).await {
            Ok(()) => {}
            Err(sign::Error::Package { error, .. }) if !passes(&error) => {
                return Ok(Err(format!(
                    "The built package {} cannot be signed: {error}. Build it with --no-sign to have it all the same.",
                    file.file
                )));
            }
            Err(error) => return Err(error.into()),
        }
        let spooled = self.store.spooled(to).await?;
        let (size, sha256) = (spooled.size, spooled.sha256.clone());
        self.store.keep_incoming(spooled, &built.lease_id, &name(&sha256)).await?;
        die::at("a package signed");
        if !key::signed(&self.db, built.id, file, &sha256, size, &key.fingerprint).await? {
            // Another server has just done it, or the build is gone.
            return Err(Error::Overtaken);
        }
        die::at("a signature noted");
        Ok(Ok(Some(ResultFile { size, sha256, ..file.clone() })))
    }

    /// Writes the public keys of a project into one of its directories, `pubkey.gpg`, where they are not there yet.
    pub(super) async fn write_public_keys(
        &self,
        project: &Project,
        directory: &crate::store::Place,
        keys: &[Key],
    ) -> Result<(), Error> {
        let place = directory.join(PUBLIC_KEYS);
        let _one = self.public_keys.lock().await;
        if keys.is_empty() {
            if self.store.has(&place).await? {
                tracing::info!(project = project.full_name(), "the project has no keys any more");
                self.store.remove_result(directory, PUBLIC_KEYS).await?;
            }
            return Ok(());
        }
        let text = sign::public_keys(keys);
        let there = match self.store.here(&place).await? {
            Some(here) => super::blocking(move || Ok(fs_err::read(here.path())?)).await?,
            None => Vec::new(),
        };
        if there != text.as_bytes() {
            self.store.write(directory, PUBLIC_KEYS, text).await?;
        }
        Ok(())
    }
}

/// Below a directory: the keys that its packages and metadata are signed with.
pub const PUBLIC_KEYS: &str = "pubkey.gpg";
