//! What waits to be published in a project. These are words of our own: Copr does not tell.

use serde::{Deserialize, Serialize};

/// `GET /project/publish-state`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PublishState {
    /// Repositories whose publish waits or runs; empty: all that was built can be downloaded.
    pub repositories: Vec<RepositoryPublish>,
}

/// The publish of one repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RepositoryPublish {
    /// The directory.
    pub dirname: String,
    /// The chroot.
    pub chroot: String,
    /// A server is at work on it.
    pub running: bool,
    /// How often it failed; it is tried again.
    pub attempts: i64,
    /// Why it failed the last time.
    pub error: Option<String>,
    /// When it is tried next, seconds since 1970.
    pub next_try: i64,
}
