//! Keys that a project's packages and metadata are signed with. Ours: Copr's own API has none of it.

use serde::{Deserialize, Serialize};

/// Whose key a project's packages are signed with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum SignWith {
    /// The project has a key of its own.
    #[default]
    Project,
    /// One key of the owner's, for projects that nobody else builds in.
    Owner,
    /// They are not signed.
    #[serde(rename = "none")]
    Nothing,
}

impl SignWith {
    /// All of them, the usual one first.
    pub const ALL: [Self; 3] = [Self::Project, Self::Owner, Self::Nothing];

    /// The word on the wire and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Project => "project",
            Self::Owner => "owner",
            Self::Nothing => "none",
        }
    }
}

impl std::fmt::Display for SignWith {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for SignWith {
    type Err = crate::names::NameError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|word| word.as_str() == text).ok_or_else(|| crate::names::NameError {
            what: "choice of a signing key",
            value: text.chars().take(100).collect(),
            rule: "it must be project, owner or none",
        })
    }
}

/// A key that packages of a project are, or were, signed with.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ProjectKey {
    /// Fingerprint, 40 digits of lower-case hex.
    pub fingerprint: String,
    /// Whether new packages are signed with it.
    pub current: bool,
    /// Whether it is the owner's, and not the project's own.
    pub of_owner: bool,
    /// When it was made, seconds since 1970.
    pub created_on: i64,
    /// Until when it is trusted at least, seconds since 1970; null: no end is set. It stays as long as a published package is
    /// signed with it.
    pub trusted_until: Option<i64>,
    /// The public key, armoured.
    pub public_key: String,
}

/// Answer of `GET /project-key` and `POST /project-key/rotate/{owner}/{project}`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ProjectKeys {
    /// Owner of the project.
    pub ownername: String,
    /// Its name.
    pub projectname: String,
    /// Whose key new packages are signed with.
    pub signing: SignWith,
    /// Where clients get all these keys in one file; null: the project signs nothing.
    pub pubkey_url: Option<String>,
    /// Whether .repo files say that packages must be signed. They do not while an unsigned one is published.
    pub gpgcheck: bool,
    /// Published packages that are signed with none of these keys.
    pub unsigned: i64,
    /// The keys, the current one first. None yet when the first one is still being made.
    pub keys: Vec<ProjectKey>,
}
