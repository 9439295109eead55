//! Builds on their way from one project into another, and what a project asks of them. These are words of our own: Copr has none
//! for it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{list_or_words, number_or_text};
use crate::names::{Chroot, NameError, OwnerName, ProjectName};

/// What a project asks of what is not built in it: `GET /project/gates`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Gates {
    /// Packages may be sent ready-made.
    pub rpm_uploads: bool,
    /// Only its administrators promote into it; else everyone who may build in it.
    pub admins_only: bool,
    /// Sum of votes that a promotion needs; 0: none.
    pub votes: i64,
    /// Days that each build must have been in the source; 0: none.
    pub days: i64,
    /// Nothing may break, in it or in projects that need it.
    pub impact: bool,
    /// An administrator says when.
    pub by_hand: bool,
}

/// Body of `PUT /project/gates/{owner}/{project}`: what is null or absent stays as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct GatesEdit {
    /// Packages may be sent ready-made.
    pub rpm_uploads: Option<bool>,
    /// Only its administrators promote into it.
    pub admins_only: Option<bool>,
    /// Sum of votes that a promotion needs, 0 to 100.
    #[serde(deserialize_with = "number_or_text")]
    #[cfg_attr(feature = "schema", schemars(with = "super::schema::Number"))]
    pub votes: Option<i64>,
    /// Days that each build must have been in the source, 0 to 365.
    #[serde(deserialize_with = "number_or_text")]
    #[cfg_attr(feature = "schema", schemars(with = "super::schema::Number"))]
    pub days: Option<i64>,
    /// Nothing may break.
    pub impact: Option<bool>,
    /// An administrator says when.
    pub by_hand: Option<bool>,
}

/// Body of `POST /promotion/new/{owner}/{project}`: what is to come into that project.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(extend("required" = ["source"])))]
#[serde(default)]
pub struct PromotionWish {
    /// The project that it comes from: `owner/name`.
    pub source: String,
    /// Numbers of builds and names of packages; of a package the newest good build of each chroot goes. Empty: of all packages.
    #[serde(deserialize_with = "list_or_words")]
    #[cfg_attr(feature = "schema", schemars(with = "super::schema::Words"))]
    pub what: Vec<String>,
    /// Chroots, or patterns of them; empty: all that both projects have.
    #[serde(deserialize_with = "list_or_words")]
    #[cfg_attr(feature = "schema", schemars(with = "super::schema::Words"))]
    pub chroots: Vec<String>,
    /// The builds leave the source once they are published.
    #[serde(rename = "move")]
    pub moves: bool,
    /// Only tell what would happen.
    pub dry_run: bool,
    /// Why it may go although something breaks; for administrators of the target.
    #[serde(rename = "override")]
    pub override_reason: Option<String>,
}

/// How far a promotion is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum PromotionState {
    /// It was asked for; nobody has looked at it.
    Requested,
    /// The target asks for something that is not there yet.
    Waiting,
    /// Nothing is in its way.
    Approved,
    /// Its builds are in the target, and are being published.
    Running,
    /// Its packages can be downloaded.
    Done,
    /// Somebody has said no, or called it off.
    Refused,
    /// It can't be.
    Failed,
}

impl PromotionState {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Requested, Self::Waiting, Self::Approved, Self::Running, Self::Done, Self::Refused, Self::Failed];

    /// The word on the wire and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Waiting => "waiting",
            Self::Approved => "approved",
            Self::Running => "running",
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }

    /// Whether nothing more will happen.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Refused | Self::Failed)
    }
}

impl fmt::Display for PromotionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for PromotionState {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or_else(|| NameError {
            what: "state of a promotion",
            value: text.chars().take(100).collect(),
            rule: "it must be requested, waiting, approved, running, done, refused or failed",
        })
    }
}

/// A promotion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Promotion {
    /// Number; null: it would be one (`dry_run`).
    pub id: Option<i64>,
    /// How far it is.
    pub state: PromotionState,
    /// What it waits for, or why it ended so.
    pub message: Option<String>,
    /// Owner of the project that it comes from.
    pub source_owner: OwnerName,
    /// That project.
    pub source_project: ProjectName,
    /// Owner of the project that it goes into.
    pub ownername: OwnerName,
    /// That project.
    pub projectname: ProjectName,
    /// User who asked for it.
    pub submitter: String,
    /// The builds leave the source once they are published.
    #[serde(rename = "move")]
    pub moves: bool,
    /// Unix seconds.
    pub submitted_on: i64,
    /// Unix seconds.
    pub ended_on: Option<i64>,
    /// Its builds.
    pub items: Vec<PromotionItem>,
    /// What the target asks for, and how far that is.
    pub gates: Vec<PromotionGate>,
    /// Votes.
    pub votes: Vec<PromotionVote>,
    /// Administrator who lets it go although something breaks.
    pub override_by: Option<String>,
    /// Why.
    pub override_reason: Option<String>,
    /// What would break, as it was found last.
    pub impact: Option<PromotionImpact>,
    /// What happened, in its order.
    pub history: Vec<PromotionEvent>,
}

/// One build in one chroot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PromotionItem {
    /// Number of the build in the source.
    pub build_id: i64,
    /// The chroot.
    pub chroot: Chroot,
    /// The package.
    pub package: String,
    /// `version-release`, with `epoch:` where it is not 0.
    pub version: String,
    /// Number of the build in the target, once it is there.
    pub copy_id: Option<i64>,
    /// Why it does not go.
    pub skipped: Option<String>,
}

/// Something that the target asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PromotionGate {
    /// `votes`, `days`, `impact` or `by_hand`.
    pub name: String,
    /// Whether it is there.
    pub open: bool,
    /// How far it is, as a sentence.
    pub text: String,
}

/// What somebody thinks of a promotion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PromotionVote {
    /// Who.
    pub user: String,
    /// 1 or -1.
    pub vote: i64,
    /// Why.
    pub comment: String,
    /// Unix seconds.
    pub voted_on: i64,
}

/// Body of `POST /promotion/vote/{id}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(extend("required" = ["vote"])))]
#[serde(default)]
pub struct VoteWish {
    /// 1 or -1.
    #[serde(deserialize_with = "number_or_text")]
    #[cfg_attr(feature = "schema", schemars(with = "super::schema::Number"))]
    pub vote: Option<i64>,
    /// Why.
    pub comment: String,
}

/// Body of `PUT /promotion/override/{id}` and `PUT /promotion/cancel/{id}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct PromotionReason {
    /// Why.
    pub reason: String,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PromotionEvent {
    /// Who did it; empty: the server.
    pub who: String,
    /// What.
    pub what: String,
    /// Unix seconds.
    pub on: i64,
}

/// What a promotion would break, in the target and in projects that need it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct PromotionImpact {
    /// Nothing, and all that counts could be looked at.
    pub clean: bool,
    /// When it was looked at, Unix seconds.
    pub checked_on: i64,
    /// What could not be looked at.
    pub problems: Vec<String>,
    /// Projects that were looked at besides the target: those that need it.
    pub dependents: Vec<String>,
    /// Packages that can no longer be installed, or could not be from the beginning.
    pub broken: Vec<BrokenPackage>,
    /// Packages whose place others take: `OLD, by NEW`.
    pub superseded: Vec<String>,
    /// How many packages can be installed again.
    pub repaired: u64,
}

/// A package that something is missing for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BrokenPackage {
    /// The chroot.
    pub chroot: Chroot,
    /// Its name, version, release and architecture.
    pub package: String,
    /// The project that has it; `promotion`: it is one of the set.
    pub repository: String,
    /// What is missing, a sentence part each.
    pub missing: Vec<String>,
}
