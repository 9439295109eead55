//! repomd.xml and its signature, from a mirror that can be believed.

use std::time::SystemTime;

use copr_repodata::Repomd;

use super::{
    error::MirrorError,
    mirrors::Mirrors,
    origin::{Found, is_missing},
};
use crate::{
    error::Error,
    fetch::{Fetcher, Timeouts},
    metalink::Version,
    openpgp::Keyring,
    url::RepoUrl,
};

/// Where it lies.
pub(crate) const INDEX: &str = "repodata/repomd.xml";
/// Its detached signature.
pub(crate) const SIGNATURE: &str = "repodata/repomd.xml.asc";
/// The key that made the signature, as some repositories have it.
pub(crate) const KEY: &str = "repodata/repomd.xml.key";
/// Bytes that signature and key may have.
const MAX_SIGNATURE: u64 = 1 << 20;
/// Mirrors that are still asked for the newest version when one has an older one.
const LOOK_FURTHER: usize = 5;

/// repomd.xml as it was served, and what lies beside it.
#[derive(Debug, Clone)]
pub(crate) struct Index {
    pub(crate) bytes: Vec<u8>,
    pub(crate) repomd: Repomd,
    pub(crate) signature: Option<Vec<u8>>,
    pub(crate) key: Option<Vec<u8>>,
    /// Something that whoever runs this should know.
    pub(crate) warning: Option<String>,
}

impl Index {
    /// When its newest file was made, seconds since 1970; 0 if it does not say.
    pub(crate) fn made(repomd: &Repomd) -> u64 {
        repomd.records.iter().filter_map(|record| record.timestamp).max().unwrap_or(0)
    }
}

/// What is asked of repomd.xml.
pub(crate) struct Wish<'a> {
    pub(crate) fetcher: &'a Fetcher,
    pub(crate) timeouts: &'a Timeouts,
    /// Bytes that it may have.
    pub(crate) limit: u64,
    /// Whose signature counts, when one has to be there.
    pub(crate) keys: Option<&'a Keyring>,
    /// When the repomd.xml that is here was made.
    pub(crate) here: u64,
    pub(crate) now: SystemTime,
}

/// How good a repomd.xml is.
enum Verdict {
    Good(Index),
    /// Right, but not the newest; the smaller, the better.
    Old(usize, Index),
}

impl Wish<'_> {
    /// Asks one mirror after the other.
    pub(crate) async fn find(&self, found: &Found) -> Result<Index, MirrorError> {
        let Found { mirrors, versions } = found;
        let mut old: Option<(usize, Index)> = None;
        let (mut said, mut signature) = (Vec::new(), None);
        for pass in 1..=self.timeouts.attempts.max(1) {
            let (mut further, mut hope) = (0, false);
            for (number, url) in mirrors.in_order() {
                if old.is_some() {
                    further += 1;
                    if further > LOOK_FURTHER {
                        break;
                    }
                }
                match self.ask(&url, versions, mirrors).await {
                    Ok(Verdict::Good(index)) => return Ok(index),
                    Ok(Verdict::Old(age, index)) => {
                        if old.as_ref().is_none_or(|(best, _)| age < *best) {
                            old = Some((age, index));
                        }
                    }
                    Err(error) => {
                        if let MirrorError::Remote(error) = &error {
                            mirrors.blame(number, error);
                            hope |= error.is_transient();
                        } else {
                            mirrors.leave(number);
                        }
                        said.push(error.to_string());
                        if matches!(error, MirrorError::Signature { .. }) {
                            signature = Some(error);
                        }
                    }
                }
            }
            if let Some((_, mut index)) = old {
                index.warning = Some(format!("no mirror has the newest {INDEX}; an older one was taken"));
                return Ok(index);
            }
            if !hope || pass == self.timeouts.attempts.max(1) {
                break;
            }
            said.clear();
            tokio::time::sleep(self.timeouts.first_pause.saturating_mul(1 << (pass - 1).min(10))).await;
        }
        match signature {
            Some(error) if said.len() == 1 => Err(error),
            _ => Err(MirrorError::NoMirror { what: INDEX.to_owned(), tried: said }),
        }
    }

    async fn ask(&self, url: &RepoUrl, versions: &[Version], mirrors: &Mirrors) -> Result<Verdict, MirrorError> {
        let place = url.join(INDEX)?;
        let bytes = self.fetcher.small_once(&place, self.limit).await?;
        let malformed = |reason: String| Error::Metadata { url: place.to_string(), reason };
        let age = versions.iter().position(|version| version.is(&bytes));
        if age.is_none() && !versions.is_empty() {
            let reason = "it is none of the versions that the metalink names".to_owned();
            return Err(malformed(reason).into());
        }
        let repomd = Repomd::read(&bytes).map_err(|error| malformed(error.to_string()))?;
        let signature = self.beside(url, SIGNATURE).await?;
        if let Some(keys) = self.keys {
            let wrong = |reason| MirrorError::Signature { what: place.to_string(), reason };
            let signature =
                signature.as_ref().ok_or_else(|| wrong(crate::SignatureError::new("there is no signature of it")))?;
            keys.verify(signature, self.now, || Ok(bytes.as_slice())).map_err(wrong)?;
        }
        let key = if signature.is_some() { self.beside(url, KEY).await? } else { None };
        // Without keys nobody has seen whether they belong together: then nothing may have changed meanwhile.
        if signature.is_some() && self.keys.is_none() && self.fetcher.small_once(&place, self.limit).await? != bytes {
            let (url, reason) = (place.to_string(), "it was just being changed".to_owned());
            return Err(Error::Transport { url, reason, transient: true }.into());
        }
        let made = Index::made(&repomd);
        let index = Index { bytes, repomd, signature, key, warning: None };
        Ok(match age {
            Some(0) => Verdict::Good(index),
            Some(age) => Verdict::Old(age, index),
            // A plain list says nothing; but a mirror that is behind what is here already can be told.
            None if mirrors.len() > 1 && made < self.here => {
                Verdict::Old(usize::try_from(self.here - made).unwrap_or(usize::MAX), index)
            }
            None => Verdict::Good(index),
        })
    }

    /// A small file that need not be there.
    async fn beside(&self, url: &RepoUrl, name: &str) -> Result<Option<Vec<u8>>, Error> {
        match self.fetcher.small_once(&url.join(name)?, MAX_SIGNATURE).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
