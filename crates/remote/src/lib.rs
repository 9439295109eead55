//! A repository elsewhere: its metadata and packages, verified into a shared cache ([`Remote`]), and writing it
//! ([`Target`], [`RemotePublisher`]).
//!
//! Nothing that comes out of here is unverified: `repomd.xml` is bounded and parsed, metadata files must have the size
//! and checksum that it names, packages those that the metadata names. Bytes are checked while they stream into a
//! temporary file; only a whole and right file gets its name in the cache. Signatures are checked
//! where keys are given: by [`mirror`], which makes whole copies.
//!
//! # The cache
//!
//! ```text
//! CACHE/sha256/ab/abcdef…      one file, named by its own checksum; metadata and packages alike
//! CACHE/sha512/01/0123…        the same for repositories that use longer checksums
//! CACHE/tmp/                   downloads under way; a file in it belongs to a process that runs or that died
//! ```
//!
//! Files appear by rename, are read-only, and never change, so any number of processes may share a cache and anyone may
//! delete any file that no build uses. A file of a `file://` repository is copied like any other: later changes to the
//! folder cannot reach a build that has begun.

mod cache;
mod error;
mod fetch;
mod folder;
mod guard;
mod locate;
mod metalink;
pub mod mirror;
mod openpgp;
mod package_signature;
mod publish;
mod repository;
pub mod sync_to_repo;
pub mod target;
mod url;

pub use error::Error;
pub use fetch::{Timeouts, causes};
pub use guard::Guard;
pub use locate::Located;
pub use openpgp::{Keyring, SignatureError};
pub use publish::RemotePublisher;
pub use repository::{Limits, Metadata, Remote, RemoteOptions};
pub use sync_to_repo::SyncToRepo;
pub use target::{Target, TargetOptions};
pub use url::RepoUrl;
