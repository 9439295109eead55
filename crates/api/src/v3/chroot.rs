//! A project's chroots: what is chosen for each, and what a builder is told.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    builder::Rpmlint,
    names::{Chroot, OwnerName, ProjectName},
};

/// `GET /project-chroot`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ProjectChroot {
    /// Chroot name.
    pub mock_chroot: Chroot,
    /// Project's name.
    pub projectname: ProjectName,
    /// Project's owner.
    pub ownername: OwnerName,
    /// File name of the comps.xml that was uploaded.
    pub comps_name: Option<String>,
    /// Build-time repositories for this chroot alone.
    pub additional_repos: Vec<String>,
    /// Packages that every buildroot has.
    pub additional_packages: Vec<String>,
    /// Module streams, kept for the clients.
    pub additional_modules: Vec<String>,
    /// `--with` options.
    pub with_opts: Vec<String>,
    /// `--without` options.
    pub without_opts: Vec<String>,
    /// Days until it is deleted.
    pub delete_after_days: Option<i64>,
    /// mock's isolation setting, kept for the clients.
    pub isolation: Option<String>,
    /// Ours: memory of machines in MiB.
    #[serde(default)]
    pub memory_mib: Option<i64>,
    /// Ours: CPUs of machines.
    #[serde(default)]
    pub cpus: Option<i64>,
}

/// A repository that a build reads.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ConfigRepository {
    /// `copr_base` is the project itself.
    pub id: String,
    /// For people.
    pub name: String,
    /// URL.
    pub baseurl: String,
    /// `priority=` of dnf.
    pub priority: Option<i64>,
    /// `module_hotfixes=` of dnf.
    pub module_hotfixes: bool,
    /// `repo_gpgcheck=` of dnf.
    pub repo_gpgcheck: bool,
}

/// `GET /project-chroot/build-config`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BuildConfig {
    /// Chroot name.
    pub chroot: Chroot,
    /// What a build reads besides the distribution, the project itself first.
    pub repos: Vec<ConfigRepository>,
    /// URLs or `copr://owner/name`, as they were entered.
    pub additional_repos: Vec<String>,
    /// Packages that every buildroot has.
    pub additional_packages: Vec<String>,
    /// Module streams; one text with words between blanks.
    pub additional_modules: Option<String>,
    /// Network during builds.
    pub enable_net: bool,
    /// `--with` options.
    pub with_opts: Vec<String>,
    /// `--without` options.
    pub without_opts: Vec<String>,
    /// mock's isolation setting, kept for the clients.
    pub isolation: Option<String>,
    /// Ours: rpm macros that say whose packages are built, without their `%`.
    #[serde(default)]
    pub macros: BTreeMap<String, String>,
}

/// `GET /build-chroot/build-config`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BuildChrootConfig {
    /// URLs or `copr://owner/name`.
    pub additional_repos: Vec<String>,
    /// Packages that its buildroot has.
    pub additional_packages: Vec<String>,
    /// `--with` options.
    pub with_opts: Vec<String>,
    /// `--without` options.
    pub without_opts: Vec<String>,
    /// Network during the build.
    pub enable_net: bool,
    /// Lower priority.
    pub is_background: bool,
    /// Memory of its machine in MiB; null: the builder's usual.
    pub memory_limit: Option<i64>,
    /// Ours: its CPUs; null: the builder's usual.
    #[serde(default)]
    pub cpus: Option<i64>,
    /// Ours: what rpmlint's verdict means.
    #[serde(default)]
    pub rpmlint: Option<Rpmlint>,
    /// Seconds.
    pub timeout: i64,
    /// mock's bootstrap setting, kept for the clients.
    pub bootstrap: Option<String>,
    /// What it reads besides the distribution.
    pub repos: Vec<ConfigRepository>,
}
