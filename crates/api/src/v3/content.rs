//! What may be in packages: licences and their review, terms that users accept, reports of abuse, what was taken down. Copr has none
//! of these addresses.

use serde::{Deserialize, Serialize};

use crate::names::{OwnerName, ProjectName};

/// How far the licence of a build's package was judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum LicenceState {
    /// It is on the list of those that are allowed.
    Allowed,
    /// It is on no list; the build went ahead all the same.
    Unknown,
    /// It is on no list; the build waits for somebody who decides.
    Review,
    /// A reviewer allowed it.
    Approved,
    /// It is on the list of those that are not allowed, or a reviewer refused it.
    Refused,
}

impl LicenceState {
    /// The word on the wire and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Unknown => "unknown",
            Self::Review => "review",
            Self::Approved => "approved",
            Self::Refused => "refused",
        }
    }
}

impl std::str::FromStr for LicenceState {
    type Err = crate::names::NameError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Allowed, Self::Unknown, Self::Review, Self::Approved, Self::Refused]
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| crate::names::NameError {
                what: "state of a licence",
                value: text.chars().take(100).collect(),
                rule: "it is none of allowed, unknown, review, approved and refused",
            })
    }
}

/// The licence of a build's package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BuildLicence {
    /// The source package's `License` tag; the beginning of one that is very long.
    pub text: String,
    /// What was found.
    pub state: LicenceState,
    /// Why it is so, a sentence; null: there is nothing to say.
    pub reason: Option<String>,
}

/// One build of `GET /licence/queue`: it waits for somebody to decide about its licence.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LicenceWaiting {
    /// Number of the build.
    pub build_id: i64,
    /// Its project's owner.
    pub ownername: OwnerName,
    /// Its project.
    pub projectname: ProjectName,
    /// Its package.
    pub package: String,
    /// `[epoch:]version-release`.
    pub version: String,
    /// Who submitted it.
    pub submitter: String,
    /// Unix seconds.
    pub submitted_on: i64,
    /// The `License` tag.
    pub licence: String,
    /// Why nobody knows.
    pub reason: String,
}

/// Body of `POST /licence/approve/{id}` and `POST /licence/refuse/{id}`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct LicenceDecision {
    /// Why; whoever refuses says it.
    pub reason: String,
    /// It holds for this licence in every project and package, and not in this package of this project alone.
    pub everywhere: bool,
}

/// What came of a decision.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LicenceDecided {
    /// Builds that waited for it.
    pub builds: Vec<i64>,
}

/// One decision of `GET /licence/list`, which later builds keep to.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LicenceKept {
    /// Its number.
    pub id: i64,
    /// The project that it holds in, `owner/name`; null: every project.
    pub project: Option<String>,
    /// The package; null: every package.
    pub package: Option<String>,
    /// The `License` tag.
    pub licence: String,
    /// Whether it was approved.
    pub approved: bool,
    /// Why; may be empty.
    pub reason: String,
    /// Who decided.
    pub by: String,
    /// Unix seconds.
    pub decided_on: i64,
}

/// `GET /terms`: what users have to accept before they bring anything.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Terms {
    /// The text; null: nothing has to be accepted here.
    pub text: Option<String>,
    /// Which text it is; another text has another one.
    pub version: Option<String>,
    /// When the caller accepted this one, Unix seconds; null: not yet.
    pub accepted_on: Option<i64>,
}

/// Body of `POST /terms/accept`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct TermsAccept {
    /// Which text is accepted: what `GET /terms` said.
    pub version: String,
}

/// Body of `POST /report/add`: about a project, or about one of its builds.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ReportAdd {
    /// The project's owner; not needed where a build is named.
    pub ownername: String,
    /// The project; not needed where a build is named.
    pub projectname: String,
    /// The build; null: all of the project.
    pub build_id: Option<i64>,
    /// What is wrong with it.
    pub reason: String,
}

/// One report of abuse.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Report {
    /// Its number.
    pub id: i64,
    /// The project's owner.
    pub ownername: OwnerName,
    /// The project.
    pub projectname: ProjectName,
    /// The build; null: all of the project.
    pub build_id: Option<i64>,
    /// Who reports; null: somebody who has not signed in.
    pub reporter: Option<String>,
    /// What is wrong.
    pub reason: String,
    /// Unix seconds.
    pub reported_on: i64,
    /// `open`, `dismissed` or `taken`.
    pub state: String,
    /// What was said when it was decided; may be empty.
    pub note: String,
    /// Who decided.
    pub decided_by: Option<String>,
}

/// Body of `POST /report/dismiss/{id}`, `POST /report/takedown/{id}` and `POST /takedown/restore/{id}`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ReportNote {
    /// Why. What is said of a takedown everyone reads who asks for what was taken down.
    pub note: String,
}

/// A project or build that is not served.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Takedown {
    /// Its number.
    pub id: i64,
    /// The project's owner.
    pub ownername: OwnerName,
    /// The project.
    pub projectname: ProjectName,
    /// The build; null: all of the project.
    pub build_id: Option<i64>,
    /// Why.
    pub reason: String,
    /// Who did it.
    pub by: String,
    /// Unix seconds.
    pub taken_on: i64,
    /// When it was given back, Unix seconds; null: it is down.
    pub restored_on: Option<i64>,
}

/// One step of those that administrators and reviewers have done.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AuditEntry {
    /// Its number.
    pub id: i64,
    /// Unix seconds.
    pub at: i64,
    /// Who.
    pub who: String,
    /// `licence-approved`, `licence-refused`, `licence-forgotten`, `report-dismissed`, `taken-down`, `restored`.
    pub action: String,
    /// What it was done to: `owner/name`, perhaps with a build behind it.
    pub about: String,
    /// What was said.
    pub text: String,
}
