//! How much an owner stores; pruning.

use serde::{Deserialize, Serialize};

use super::number_or_text;
#[cfg(feature = "schema")]
use super::schema::Number;
use crate::names::{Chroot, DirName, OwnerName};

/// `GET /quota`: ours. Counted are results and source packages, a file that an owner has several times once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Quota {
    /// `user` or `@group`.
    pub ownername: OwnerName,
    /// Bytes that its projects store.
    pub used: i64,
    /// Bytes that they may store; null: there is no limit.
    pub limit: Option<i64>,
}

/// Body of `POST /project/prune/{owner}/{project}`: ours.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct PruneWish {
    /// Builds of each package that stay in each chroot; null: what the project keeps, or else one.
    #[serde(deserialize_with = "number_or_text")]
    #[cfg_attr(feature = "schema", schemars(with = "Number"))]
    pub keep: Option<i64>,
    /// Builds that ended in the last so many days stay too; null: no matter when they ended.
    #[serde(deserialize_with = "number_or_text")]
    #[cfg_attr(feature = "schema", schemars(with = "Number"))]
    pub older_than_days: Option<i64>,
    /// Only tell what would go.
    pub dry_run: bool,
}

/// What pruning a project came to, or would.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PruneReport {
    /// Nothing was done.
    pub dry_run: bool,
    /// Number of this prune, which can be undone; null: nothing went.
    pub prune_id: Option<i64>,
    /// Builds that went, or would.
    pub builds: Vec<PrunedBuild>,
    /// Old builds that stay because somebody needs them.
    pub needed: Vec<NeededBuild>,
    /// Bytes that the owner has free by it; of a dry run, those of the packages, which others may share.
    pub freed: i64,
}

/// A build that is old.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PrunedBuild {
    /// Its number.
    pub id: i64,
    /// Its package; empty: its source could never be made.
    pub package: String,
    /// `[epoch:]version-release`.
    pub version: String,
    /// The directory.
    pub project_dirname: DirName,
    /// Chroots in which it has packages.
    pub chroots: Vec<Chroot>,
    /// Bytes of these.
    pub size: i64,
}

/// An old build that somebody needs.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NeededBuild {
    /// It.
    #[serde(flatten)]
    pub build: PrunedBuild,
    /// Who needs it.
    pub needed_by: Vec<Need>,
}

/// Who needs a build.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Need {
    /// The package, as `name-version-release.arch`.
    pub package: String,
    /// Its repository, `owner/directory/chroot`.
    pub repository: String,
    /// What it requires; empty: nothing else can be installed together with it.
    pub requirement: String,
}

/// `GET /project/prunes`: what can still be brought back.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Prune {
    /// Its number.
    pub id: i64,
    /// Who did it; null: it went by itself.
    pub by: Option<String>,
    /// When, Unix seconds.
    pub pruned_on: i64,
    /// Until when it can be undone, Unix seconds.
    pub undo_until: i64,
    /// Numbers of its builds.
    pub builds: Vec<i64>,
}

/// Body of `PUT /project/undelete/{owner}/{project}`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Undelete {
    /// Number of the prune.
    #[serde(deserialize_with = "number_or_text")]
    #[cfg_attr(feature = "schema", schemars(with = "Number"))]
    pub prune_id: Option<i64>,
    /// Only this build of it.
    #[serde(deserialize_with = "number_or_text")]
    #[cfg_attr(feature = "schema", schemars(with = "Number"))]
    pub build_id: Option<i64>,
}

/// What was brought back: the builds are published again.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Undeleted {
    /// Their numbers.
    pub builds: Vec<i64>,
}
