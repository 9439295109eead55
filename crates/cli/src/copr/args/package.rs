//! Arguments of the commands about packages.

use clap::Args;

use super::{Format, Switch};

/// Arguments of `copr add-package-scm`.
#[derive(Debug, Args)]
pub(in crate::copr) struct AddPackage {
    /// Address of the git repository: https, http or git.
    #[arg(long, value_name = "URL")]
    pub(in crate::copr) clone_url: String,
    /// All else.
    #[command(flatten)]
    pub(in crate::copr) package: ScmPackage,
}

/// Arguments of `copr edit-package-scm`.
#[derive(Debug, Args)]
pub(in crate::copr) struct EditPackage {
    /// Address of the git repository: https, http or git.
    #[arg(long, value_name = "URL")]
    pub(in crate::copr) clone_url: Option<String>,
    /// All else.
    #[command(flatten)]
    pub(in crate::copr) package: ScmPackage,
}

/// How a package is built from a repository.
#[derive(Debug, Args)]
pub(in crate::copr) struct ScmPackage {
    /// The project.
    pub(in crate::copr) project: String,
    /// The package.
    #[arg(long, value_name = "PACKAGE")]
    pub(in crate::copr) name: String,
    /// Branch, tag or commit [default: the repository's default branch].
    #[arg(long, value_name = "NAME")]
    pub(in crate::copr) commit: Option<String>,
    /// Folder of the spec in the repository [default: its top].
    #[arg(long, value_name = "PATH")]
    pub(in crate::copr) subdir: Option<String>,
    /// Path of the spec in that folder [default: the only one].
    #[arg(long, value_name = "PATH")]
    pub(in crate::copr) spec: Option<String>,
    /// Kind of the repository [default: git].
    #[arg(long = "type", value_name = "KIND")]
    pub(in crate::copr) kind: Option<String>,
    /// How the source package is made: of the spec and what lies beside it, or by `.copr/Makefile` [default: rpkg].
    #[arg(long, value_name = "rpkg|make_srpm")]
    pub(in crate::copr) method: Option<String>,
    /// Whether webhooks build it.
    #[arg(long, value_name = "on|off")]
    pub(in crate::copr) webhook_rebuild: Option<Switch>,
    /// Whether it is built anew when something that it requires changes, where its project wants that.
    #[arg(long, value_name = "on|off")]
    pub(in crate::copr) rebuild_on_dependency_changes: Option<Switch>,
    /// Keep so many builds, the newest; 0: all.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(i64).range(0..))]
    pub(in crate::copr) max_builds: Option<i64>,
    /// Stop its builds after this time.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(i64).range(1..))]
    pub(in crate::copr) timeout: Option<i64>,
    /// Chroots that it is not built for, between commas, with * and ?.
    #[arg(long, value_name = "LIST", value_delimiter = ',', visible_alias = "chroot-blacklist")]
    pub(in crate::copr) chroot_denylist: Option<Vec<String>>,
}

/// A package of a project.
#[derive(Debug, Args)]
pub(in crate::copr) struct Named {
    /// The project.
    pub(in crate::copr) project: String,
    /// The package.
    #[arg(long, value_name = "PACKAGE")]
    pub(in crate::copr) name: String,
}

/// Arguments of `copr get-package`.
#[derive(Debug, Args)]
pub(in crate::copr) struct GetPackage {
    /// Which.
    #[command(flatten)]
    pub(in crate::copr) which: Named,
    /// What else.
    #[command(flatten)]
    pub(in crate::copr) builds: WithBuilds,
    /// How it is printed.
    #[arg(long, value_name = "FORMAT", default_value = "json")]
    pub(in crate::copr) output_format: Format,
}

/// Arguments of `copr list-packages`.
#[derive(Debug, Args)]
pub(in crate::copr) struct ListPackages {
    /// The project.
    pub(in crate::copr) project: String,
    /// What else.
    #[command(flatten)]
    pub(in crate::copr) builds: WithBuilds,
    /// How it is printed.
    #[arg(long, value_name = "FORMAT", default_value = "json")]
    pub(in crate::copr) output_format: Format,
}

/// Which builds are told of beside a package.
#[derive(Debug, Args)]
pub(in crate::copr) struct WithBuilds {
    /// Tell of the newest build too.
    #[arg(long)]
    pub(in crate::copr) with_latest_build: bool,
    /// Tell of the newest build that succeeded too.
    #[arg(long)]
    pub(in crate::copr) with_latest_succeeded_build: bool,
    /// Tell of all builds too.
    #[arg(long)]
    pub(in crate::copr) with_all_builds: bool,
}
