//! The newest build of each package in each chroot of a project.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::BuildState;

/// `GET /monitor`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Monitor {
    /// Always `ok`.
    pub output: String,
    /// A sentence.
    pub message: String,
    /// Every package that was built, by name.
    pub packages: Vec<MonitorPackage>,
}

/// One package.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MonitorPackage {
    /// Name.
    pub name: String,
    /// Chroot name to its newest build.
    pub chroots: BTreeMap<String, MonitorChroot>,
}

/// The newest build of a package in a chroot.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MonitorChroot {
    /// State.
    pub state: BuildState,
    /// Copr's number for it.
    pub status: i64,
    /// The build.
    pub build_id: i64,
    /// `[epoch:]version-release`.
    pub pkg_version: Option<String>,
    /// Log of rpmbuild, where it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url_build_log: Option<String>,
    /// The builder's own log, where it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url_backend_log: Option<String>,
}
