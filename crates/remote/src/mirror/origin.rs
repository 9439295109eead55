//! From an address to mirrors.

use super::{error::MirrorError, mirrors::Mirrors};
use crate::{
    error::Error,
    fetch::Fetcher,
    metalink::{MAX_SIZE, MirrorList, Version},
    url::RepoUrl,
};

/// Where a repository is to be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// URL of a repository; or, told by what is there, of a metalink or a list of mirrors.
    Any(String),
    /// URL of a metalink.
    Metalink(String),
    /// URL of a text with one mirror a line.
    Mirrorlist(String),
}

impl Origin {
    /// The address as it was given, without a password.
    #[must_use]
    pub fn shown(&self) -> String {
        let (Self::Any(text) | Self::Metalink(text) | Self::Mirrorlist(text)) = self;
        RepoUrl::document(text).map_or_else(|_| crate::error::cut(text), |url| url.to_string())
    }
}

/// The mirrors of a repository, and what repomd.xml may be, newest first; empty when nobody tells.
pub(crate) struct Found {
    pub(crate) mirrors: Mirrors,
    pub(crate) versions: Vec<Version>,
}

/// Finds the mirrors of a repository.
pub(crate) async fn find(fetcher: &Fetcher, origin: &Origin, allow_file: bool) -> Result<Found, MirrorError> {
    let list = match origin {
        Origin::Metalink(text) | Origin::Mirrorlist(text) => {
            let url = allowed(RepoUrl::document(text)?, allow_file)?;
            let bytes = fetcher.small(&url, MAX_SIZE).await?;
            let list = MirrorList::read(&bytes, &url.to_string())?;
            // A metalink's checks must not be lost because somebody put a plain list in its place.
            list.filter(|list| matches!(origin, Origin::Mirrorlist(_)) || !list.versions.is_empty())
        }
        Origin::Any(text) => {
            if !text.contains('?') {
                let url = allowed(text.parse()?, allow_file)?;
                if is_repository(fetcher, &url).await? {
                    return Ok(Found { mirrors: Mirrors::new(vec![url]), versions: Vec::new() });
                }
            }
            let url = allowed(RepoUrl::document(text)?, allow_file)?;
            match fetcher.small(&url, MAX_SIZE).await {
                Ok(bytes) => MirrorList::read(&bytes, &url.to_string())?,
                Err(error) if is_missing(&error) || matches!(error, Error::Io(_)) => None,
                Err(error) => return Err(error.into()),
            }
        }
    };
    let Some(list) = list else { return Err(MirrorError::NoRepository { address: origin.shown() }) };
    // What strangers wrote into a list must not lead to files of this machine.
    let local = RepoUrl::document(match origin {
        Origin::Any(text) | Origin::Metalink(text) | Origin::Mirrorlist(text) => text,
    })
    .is_ok_and(|url| url.is_file());
    let mirrors: Vec<RepoUrl> =
        list.mirrors.into_iter().filter(|url| !url.is_file() || (allow_file && local)).collect();
    if mirrors.is_empty() {
        return Err(MirrorError::NoRepository { address: origin.shown() });
    }
    Ok(Found { mirrors: Mirrors::new(mirrors), versions: list.versions })
}

fn allowed(url: RepoUrl, allow_file: bool) -> Result<RepoUrl, Error> {
    if url.is_file() && !allow_file {
        return Err(Error::FileNotAllowed { url: url.to_string() });
    }
    Ok(url)
}

/// Whether the server has a repomd.xml there. Everything but a plain no is for later to find out.
async fn is_repository(fetcher: &Fetcher, url: &RepoUrl) -> Result<bool, Error> {
    let index = url.join("repodata/repomd.xml")?;
    if let Some(path) = index.to_path() {
        return Ok(path.exists());
    }
    match fetcher.get(&index).await {
        Err(error) if is_missing(&error) => Ok(false),
        _ => Ok(true),
    }
}

/// Whether a server said that it does not have a file.
pub(crate) fn is_missing(error: &Error) -> bool {
    match error {
        Error::Status { status, .. } => matches!(status, 403 | 404 | 410),
        Error::Io(error) => matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory),
        _ => false,
    }
}
