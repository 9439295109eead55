//! Why a mirror was not made or brought up to date. Whatever it is, what was there before stays.

use std::path::PathBuf;

use crate::{error::Error, openpgp::SignatureError};

/// A failure to mirror a repository.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MirrorError {
    /// Reading the repository failed.
    #[error(transparent)]
    Remote(#[from] Error),
    /// Metadata could not be read or rewritten.
    #[error(transparent)]
    Repodata(#[from] copr_repodata::Error),
    /// A file of this machine; the message names it.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// Another process mirrors into the same folder.
    #[error("{}: another process is mirroring into it; wait for it (--wait), or try again later", dir.display())]
    Locked {
        /// The mirror's folder.
        dir: PathBuf,
    },
    /// Nothing was found at the address.
    #[error("{address}: neither a repository (with repodata/repomd.xml), nor a metalink or list of mirrors")]
    NoRepository {
        /// As it was given.
        address: String,
    },
    /// No mirror gave what can be used.
    #[error("{what}: no mirror has it as it should be:\n{}", lines(tried))]
    NoMirror {
        /// The file.
        what: String,
        /// What each said.
        tried: Vec<String>,
    },
    /// The repository does not fit together, again and again.
    #[error(
        "{repository}: what it serves does not fit its repomd.xml, after {rounds} tries; perhaps it is just being changed, \
             try again later. The mirror stays as it was. The last that was wrong: {reason}"
    )]
    Inconsistent {
        /// The repository.
        repository: String,
        /// How often it was read anew.
        rounds: u32,
        /// What was wrong.
        reason: String,
    },
    /// A signature that is asked for is missing or wrong.
    #[error("{what}: {reason}")]
    Signature {
        /// The file.
        what: String,
        /// What is the matter with it.
        reason: SignatureError,
    },
    /// Some packages could not be had.
    #[error("{} of {of} packages could not be had, so the mirror stays as it was; the next run goes on from here:\n{}",
            failed.len(), lines(failed))]
    Incomplete {
        /// What is the matter with each.
        failed: Vec<String>,
        /// Packages that were to be fetched.
        of: usize,
    },
    /// More files would go than is likely to be meant.
    #[error(
        "{delete} of {of} packages here are no longer in the repository, over {percent} %; if that is right, say so with \
             --delete-share. Nothing was changed"
    )]
    TooManyDeletions {
        /// Files that would go.
        delete: usize,
        /// Files that there are.
        of: usize,
        /// The share that may go.
        percent: u8,
    },
    /// The file system has too little room.
    #[error("{}: {needed} bytes are to be fetched, {free} are free", dir.display())]
    NoSpace {
        /// The mirror's folder.
        dir: PathBuf,
        /// Bytes to fetch.
        needed: u64,
        /// Bytes free.
        free: u64,
    },
    /// An option that cannot be followed.
    #[error("{0}")]
    Options(String),
}

/// The first ten lines of many.
fn lines(all: &[String]) -> String {
    let mut text: Vec<String> = all.iter().take(10).map(|line| format!("  {line}")).collect();
    if all.len() > 10 {
        text.push(format!("  and {} more", all.len() - 10));
    }
    text.join("\n")
}

impl MirrorError {
    /// Whether it may come of a repository that was changed while it was read.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Remote(error) => may_pass(error),
            Self::NoMirror { .. } | Self::Incomplete { .. } | Self::Signature { .. } => true,
            _ => false,
        }
    }
}

fn may_pass(error: &Error) -> bool {
    error.is_transient()
        || matches!(
            error,
            Error::WrongChecksum { .. } | Error::TooLong { .. } | Error::WrongRange { .. } | Error::Status { .. }
        )
}
