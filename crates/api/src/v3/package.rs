//! Packages of a project: how each is built, and what was built of it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Build, BuildOptions, list_or_words, maybe_words, number_or_text};
use crate::names::{OwnerName, ProjectName};

/// A package as the clients see it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Package {
    /// Number.
    pub id: i64,
    /// Name.
    pub name: String,
    /// Project's name.
    pub projectname: ProjectName,
    /// Project's owner.
    pub ownername: OwnerName,
    /// `unset`, `link`, `upload`, `scm`; Copr knows `pypi`, `rubygems`, `custom` and `distgit` too.
    pub source_type: String,
    /// What it is built from; `{}` for `unset`.
    pub source_dict: Value,
    /// Webhooks build it.
    pub auto_rebuild: bool,
    /// Ours: it is built anew when something that it requires changes, where its project wants that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rebuild_on_dependency_changes: Option<bool>,
    /// Its newest builds, where they were asked for.
    pub builds: PackageBuilds,
}

/// The newest builds of a package; null where there is none, or it was not asked for.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PackageBuilds {
    /// The newest.
    pub latest: Option<Build>,
    /// The newest that succeeded.
    pub latest_succeeded: Option<Build>,
}

/// Body of `POST /package/add/{owner}/{project}/{name}/{type}` and of `/package/edit/…`: what is null or absent stays as it is, or
/// has its default.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct PackageEdit {
    /// Builds that are kept, newest first; 0 or null: all.
    #[serde(deserialize_with = "number_or_text")]
    #[cfg_attr(feature = "schema", schemars(with = "super::schema::Number"))]
    pub max_builds: Option<i64>,
    /// Seconds for its builds.
    #[serde(deserialize_with = "number_or_text")]
    #[cfg_attr(feature = "schema", schemars(with = "super::schema::Number"))]
    pub timeout: Option<i64>,
    /// Chroot names or globs for which it is not built.
    #[serde(alias = "chroot_blacklist", deserialize_with = "maybe_words")]
    #[cfg_attr(feature = "schema", schemars(with = "super::schema::Words"))]
    pub chroot_denylist: Option<Vec<String>>,
    /// Webhooks build it.
    pub webhook_rebuild: Option<bool>,
    /// Ours: it is built anew when something that it requires changes, where its project wants that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rebuild_on_dependency_changes: Option<bool>,
    /// Address of the git repository (`scm`).
    pub clone_url: Option<String>,
    /// Branch, tag or commit (`scm`).
    pub committish: Option<String>,
    /// Folder of the spec in it (`scm`).
    pub subdirectory: Option<String>,
    /// Path of the spec in that folder (`scm`).
    pub spec: Option<String>,
    /// `git` (`scm`).
    pub scm_type: Option<String>,
    /// `rpkg` or `make_srpm` (`scm`).
    #[serde(alias = "srpm_build_method")]
    pub source_build_method: Option<String>,
    /// URLs of SRPMs (`link`).
    #[serde(deserialize_with = "list_or_words", skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schemars(with = "super::schema::Words"))]
    pub pkgs: Vec<String>,
}

/// Body of `PUT /package/reset` and `DELETE /package/delete`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(extend("required" = ["ownername", "projectname", "package_name"])))]
#[serde(default)]
pub struct PackageName {
    /// Project's owner.
    pub ownername: String,
    /// Project's name.
    pub projectname: String,
    /// The package.
    pub package_name: String,
}

/// Body of `POST /package/build`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(extend("required" = ["ownername", "projectname", "package_name"])))]
#[serde(default)]
pub struct PackageBuild {
    /// What every build has.
    #[serde(flatten)]
    pub options: BuildOptions,
    /// The package.
    pub package_name: String,
}
