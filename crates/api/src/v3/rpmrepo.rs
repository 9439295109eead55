//! What the DNF plugins learn of a project's repositories.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// `GET /project-chroot/release-package`, which only this server has: the package that subscribes a machine to a project's
/// repository and to all that it needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReleasePackage {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its release, which grows when what is in it changes.
    pub release: String,
    /// Name of its file.
    pub file: String,
    /// Where the newest is always found.
    pub url: String,
    /// Ids of what it subscribes to, the project's own repository first.
    pub repositories: Vec<String>,
}

/// `GET /rpmrepo/{owner}/{dirname}/{name_release}`: what the dnf5 plugin asks for, and ours.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RpmRepo {
    /// Base URL of all results.
    pub results_url: String,
    /// `name-release` to its architectures.
    pub repos: BTreeMap<String, RpmRepoRelease>,
    /// Directory names, the project's own among them.
    pub directories: BTreeMap<String, RpmRepoDirectory>,
    /// Direct and indirect run-time dependencies.
    pub dependencies: Vec<RpmRepoDependency>,
    /// Days until the project is deleted, for temporary projects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete_after_days: Option<i64>,
    /// URL of the key; `{results_url}/{owner}/{project}/pubkey.gpg` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pubkey_url: Option<String>,
    /// Ours: whether packages are signed. Copr's own answer lacks it and means true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpgcheck: Option<bool>,
    /// Ours: declared dependencies that do not exist (any more), as `owner/project`. They are no [`Self::dependencies`], which
    /// clients enable without asking further.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
}

/// One release of a project.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RpmRepoRelease {
    /// Architecture to its options.
    pub arch: BTreeMap<String, RpmRepoArch>,
}

/// One architecture of a release of a project.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RpmRepoArch {
    /// Lines of the .repo file: `priority`, `module_hotfixes`, `cost`; text or number.
    #[serde(default)]
    pub opts: BTreeMap<String, serde_json::Value>,
    /// Days until the chroot is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete_after_days: Option<i64>,
    /// 32-bit architectures whose packages are wanted beside its own, e.g. `i386`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub multilib: BTreeMap<String, RpmRepoMultilib>,
}

/// The repository of a 32-bit architecture beside a 64-bit one.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RpmRepoMultilib {
    /// Lines of its section of the .repo file; text or number.
    #[serde(default)]
    pub opts: BTreeMap<String, serde_json::Value>,
}

/// A directory of a project.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RpmRepoDirectory {
    /// Days until it is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete_after_days: Option<i64>,
}

/// A repository that a project needs at run time.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RpmRepoDependency {
    /// `id` and `name`.
    #[serde(default)]
    pub opts: BTreeMap<String, serde_json::Value>,
    /// Which one.
    #[serde(flatten)]
    pub target: RpmRepoTarget,
}

/// A dependency's target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
#[serde(from = "AnyTarget")]
pub enum RpmRepoTarget {
    /// A project of the same hub.
    Copr {
        /// Owner.
        owner: String,
        /// Project.
        projectname: String,
    },
    /// Any URL.
    ExternalBaseurl {
        /// URL with `$chroot`, `$releasever`, `$basearch`.
        pattern: String,
    },
    /// A kind that this version does not know; only read.
    #[serde(skip)]
    Unknown(String),
}

/// A dependency's target as it is read: one of a kind yet to come must not take the others with it.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
enum AnyTarget {
    Known(KnownTarget),
    Unknown {
        #[serde(rename = "type")]
        kind: String,
    },
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
enum KnownTarget {
    Copr { owner: String, projectname: String },
    ExternalBaseurl { pattern: String },
}

impl From<AnyTarget> for RpmRepoTarget {
    fn from(target: AnyTarget) -> Self {
        match target {
            AnyTarget::Known(KnownTarget::Copr { owner, projectname }) => Self::Copr { owner, projectname },
            AnyTarget::Known(KnownTarget::ExternalBaseurl { pattern }) => Self::ExternalBaseurl { pattern },
            AnyTarget::Unknown { kind } => Self::Unknown(kind),
        }
    }
}
