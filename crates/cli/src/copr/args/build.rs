//! Arguments of the commands about builds.

use std::path::PathBuf;

use clap::Args;
use copr_api::builder::Rpmlint;

use super::Switch;

/// Arguments of `copr build`.
#[derive(Debug, Args)]
pub(in crate::copr) struct Build {
    /// Where to build: a project, or a side directory of it as NAME:custom:SUFFIX.
    #[arg(required_unless_present = "local")]
    pub(in crate::copr) project: Option<String>,
    /// Source package (.src.rpm), its URL, or a spec followed by its sources.
    #[arg(required_unless_present = "local", value_name = "FILE|URL")]
    pub(in crate::copr) packages: Vec<String>,
    /// How it is built.
    #[command(flatten)]
    pub(in crate::copr) how: How,
    /// Build on this machine instead.
    #[command(flatten)]
    pub(in crate::copr) here: Here,
}

/// Arguments of `copr buildscm`.
#[derive(Debug, Args)]
pub(in crate::copr) struct BuildScm {
    /// Where to build: a project, or a side directory of it as NAME:custom:SUFFIX.
    pub(in crate::copr) project: String,
    /// Address of the git repository: https, http or git.
    #[arg(long, value_name = "URL")]
    pub(in crate::copr) clone_url: String,
    /// Branch, tag or commit [default: the repository's default branch].
    #[arg(long, value_name = "NAME")]
    pub(in crate::copr) commit: Option<String>,
    /// Folder of the spec in the repository [default: its top].
    #[arg(long, value_name = "PATH")]
    pub(in crate::copr) subdir: Option<String>,
    /// Path of the spec in that folder [default: the only one].
    #[arg(long, value_name = "PATH")]
    pub(in crate::copr) spec: Option<String>,
    /// Kind of the repository.
    #[arg(long = "type", value_name = "KIND", default_value = "git")]
    pub(in crate::copr) kind: String,
    /// How the source package is made: of the spec and what lies beside it, or by `.copr/Makefile`.
    #[arg(long, value_name = "rpkg|make_srpm", default_value = "rpkg")]
    pub(in crate::copr) method: String,
    /// How it is built.
    #[command(flatten)]
    pub(in crate::copr) how: How,
}

/// What all ways of submitting a build have.
#[derive(Debug, Args)]
pub(in crate::copr) struct How {
    /// Build for this chroot only; may be repeated, may have * and ?.
    #[arg(short = 'r', long = "chroot", value_name = "CHROOT")]
    pub(in crate::copr) chroots: Vec<String>,
    /// Build for all chroots but this one; may be repeated.
    #[arg(long = "exclude-chroot", value_name = "CHROOT")]
    pub(in crate::copr) exclude_chroots: Vec<String>,
    /// Stop the build after this time.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(i64).range(1..))]
    pub(in crate::copr) timeout: Option<i64>,
    /// Let other builds go first.
    #[arg(long)]
    pub(in crate::copr) background: bool,
    /// Whether the build has a network.
    #[arg(long, value_name = "on|off")]
    pub(in crate::copr) enable_net: Option<Switch>,
    /// Option of the spec to build with; may be repeated.
    #[arg(long, value_name = "OPTION")]
    pub(in crate::copr) with: Vec<String>,
    /// Option of the spec to build without; may be repeated.
    #[arg(long, value_name = "OPTION")]
    pub(in crate::copr) without: Vec<String>,
    /// Memory of its machines [default: the chroot's, or the builder's usual].
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u32).range(256..))]
    pub(in crate::copr) memory_mib: Option<u32>,
    /// CPUs of its machines [default: the chroot's, or the builder's usual].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(in crate::copr) cpus: Option<u32>,
    /// Whether rpmlint is run, and whether its errors fail the build.
    #[arg(long, value_name = "off|report|enforce")]
    pub(in crate::copr) rpmlint: Option<Rpmlint>,
    /// Sign the results, in a project that signs; a person at a terminal is asked otherwise.
    #[arg(long, conflicts_with = "no_sign")]
    pub(in crate::copr) sign: bool,
    /// Do not sign the results. While such a package is published, users of the project cannot check any.
    #[arg(long)]
    pub(in crate::copr) no_sign: bool,
    /// Begin when that build, and all of its batch, have ended.
    #[arg(long, value_name = "BUILD", conflicts_with = "with_build_id")]
    pub(in crate::copr) after_build_id: Option<i64>,
    /// Belong to the batch of that build.
    #[arg(long, value_name = "BUILD")]
    pub(in crate::copr) with_build_id: Option<i64>,
    /// mock's isolation; kept for hubs that build with mock.
    #[arg(long, value_name = "KIND", value_parser = ["default", "simple", "nspawn"])]
    pub(in crate::copr) isolation: Option<String>,
    /// mock's bootstrap; kept for hubs that build with mock.
    #[arg(long, value_name = "KIND", value_parser = ["unchanged", "default", "on", "off", "image"])]
    pub(in crate::copr) bootstrap: Option<String>,
    /// An option of copr-cli that means nothing any more.
    #[arg(long, hide = true)]
    pub(in crate::copr) memory: Option<String>,
    /// Submit and return.
    #[arg(long)]
    pub(in crate::copr) nowait: bool,
    /// Which logs to show.
    #[command(flatten)]
    pub(in crate::copr) logs: LogChoice,
}

/// Whether logs are shown.
#[derive(Debug, Clone, Copy, Args)]
pub(in crate::copr) struct LogChoice {
    /// Show the logs of builds that have ended too.
    #[arg(long, conflicts_with = "no_log")]
    pub(in crate::copr) log: bool,
    /// Watch the states only.
    #[arg(long)]
    pub(in crate::copr) no_log: bool,
}

/// Arguments of `copr build-package`.
#[derive(Debug, Args)]
pub(in crate::copr) struct BuildPackage {
    /// Where to build: a project, or a side directory of it as NAME:custom:SUFFIX.
    pub(in crate::copr) project: String,
    /// The package.
    #[arg(long, value_name = "PACKAGE")]
    pub(in crate::copr) name: String,
    /// How it is built.
    #[command(flatten)]
    pub(in crate::copr) how: How,
}

/// Arguments of `copr download-build`.
#[derive(Debug, Args)]
pub(in crate::copr) struct Download {
    /// Number of the build.
    pub(in crate::copr) build: i64,
    /// What was built for this chroot only; may be repeated, may have * and ?.
    #[arg(short = 'r', long = "chroot", value_name = "CHROOT")]
    pub(in crate::copr) chroots: Vec<String>,
    /// Folder that gets one folder for each chroot [default: the current one].
    #[arg(short, long, value_name = "DIR", default_value = ".", hide_default_value = true)]
    pub(in crate::copr) dest: PathBuf,
    /// The packages; with others of these options, those too.
    #[arg(long)]
    pub(in crate::copr) rpms: bool,
    /// The spec.
    #[arg(long)]
    pub(in crate::copr) spec: bool,
    /// The logs.
    #[arg(long)]
    pub(in crate::copr) logs: bool,
    /// What fedora-review wrote.
    #[arg(long)]
    pub(in crate::copr) review: bool,
    /// So many files at once.
    #[arg(short, long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=32))]
    pub(in crate::copr) jobs: u16,
}

/// Arguments of `copr build --local`.
#[derive(Debug, Args)]
#[command(next_help_heading = "Builds on this machine, without a server")]
pub(in crate::copr) struct Here {
    /// Build SRPM for CHROOT here, in a throw-away virtual machine, as an ordinary user.
    #[arg(long, num_args = 2, value_names = ["SRPM", "CHROOT"])]
    #[arg(conflicts_with_all = ["project", "packages", "chroots", "exclude_chroots", "background", "nowait"])]
    pub(in crate::copr) local: Option<Vec<String>>,
    /// Repository to draw from besides the chroot's own: a URL or a folder, $chroot stands for the chroot; may be repeated.
    #[arg(long = "repo", value_name = "URL", requires = "local", conflicts_with = "project")]
    pub(in crate::copr) repos: Vec<String>,
    /// Folder for packages and logs [default: the current one].
    #[arg(long, value_name = "DIR", requires = "local", conflicts_with = "project")]
    pub(in crate::copr) out: Option<PathBuf>,
    /// Folder with more chroot definitions, CHROOT.toml.
    #[arg(long, value_name = "DIR", requires = "local", conflicts_with = "project")]
    pub(in crate::copr) definitions: Option<PathBuf>,
    /// Repository of the minidistro, for the chroot minidistro-12-x86_64.
    #[arg(long, value_name = "DIR", env = "COPR_MINIDISTRO", hide = true)]
    pub(in crate::copr) minidistro: Option<PathBuf>,
    /// Folder of what is kept between builds here [default: copr/builder in ~/.cache].
    #[arg(long, value_name = "DIR", requires = "local", conflicts_with = "project")]
    pub(in crate::copr) cache: Option<PathBuf>,
}

/// Arguments of `copr watch`.
#[derive(Debug, Args)]
pub(in crate::copr) struct Watch {
    /// Numbers of builds.
    #[arg(required = true, value_name = "BUILD")]
    pub(in crate::copr) builds: Vec<i64>,
    /// Which logs to show.
    #[command(flatten)]
    pub(in crate::copr) logs: LogChoice,
}
