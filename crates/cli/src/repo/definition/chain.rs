//! The command line of `copr-repo chain`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Repositories;

/// Show what other repositories a project of a Copr hub needs, and what those need.
///
/// The hub is asked for one project at a time, as `dnf copr enable` asks it. Projects that are gone or do not answer, and
/// projects that need each other, are named. What a hub tells as needed directly and indirectly is shown where it is needed
/// first.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
#[command(
    after_help = "Hubs:\n  a URL, a host name, or a section of copr.conf and copr.d/*.conf in --config-dir; without a hub: \
    [fedora]\n\nExit codes:\n  0  shown, and whole\n  1  nothing can be shown\n  2  shown, but something that is needed is gone \
    or does not answer\n\nExamples:\n  copr-repo chain https://copr.example.org/bob/app\n  copr-repo chain --chroot \
    fedora-44-x86_64 --svg=app.svg https://copr.example.org/@group/app\n  copr-repo chain --dot fedora/bob/app | dot -Tpdf \
    >app.pdf\n  copr-repo chain fedora/bob/app --chroot fedora-44-x86_64 --repo base=https://mirror.example.org/44/x86_64 \
    --needed app --replaces"
)]
pub(in crate::repo) struct Chain {
    /// The project: HUB/OWNER/PROJECT, where OWNER may be @GROUP and PROJECT a side directory such as app:custom:x.
    #[arg(value_name = "[HUB/]OWNER/PROJECT")]
    pub project: String,
    /// Only what there is for this chroot, such as fedora-44-x86_64; a project without it counts as missing.
    #[arg(long, value_name = "CHROOT")]
    pub chroot: Option<String>,
    /// Draw the tree with plain ASCII characters.
    #[arg(long, conflicts_with_all = ["dot", "svg", "json"])]
    pub ascii: bool,
    /// Print a graph in the language of Graphviz.
    #[arg(long, conflicts_with_all = ["svg", "json"])]
    pub dot: bool,
    /// Print a picture as SVG, or write it to a file.
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, conflicts_with = "json")]
    #[expect(clippy::option_option, reason = "not given, given, given with a file")]
    pub svg: Option<Option<PathBuf>>,
    /// Tell which of the repositories these packages really pull from, and why: bash, 'perl-*', /usr/bin/awk. The
    /// distribution's repositories are given with --repo. May be given several times.
    #[arg(long, value_name = "SPEC", num_args = 1.., requires = "chroot")]
    pub needed: Vec<String>,
    /// With --needed: leave out what is only recommended.
    #[arg(long, requires = "needed")]
    pub no_weak: bool,
    /// Tell which packages of the repositories given with --repo each one would replace.
    #[arg(long, requires_all = ["chroot", "repositories"])]
    pub replaces: bool,
    #[command(flatten)]
    pub repositories: Repositories,
    /// Where copr.conf and copr.d/ name hubs, as for the DNF plugin.
    #[arg(long, value_name = "DIR", default_value = "/etc/dnf/plugins")]
    pub config_dir: PathBuf,
}

/// Write the repositories that projects of a Copr hub need, and theirs, for making an image: dependencies first, each once.
///
/// A kickstart file takes them as they are. Kickstart knows no keys: packages are then installed without looking at
/// their signatures, as from any other `repo`.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
#[command(
    after_help = "Hubs:\n  a URL, a host name, or a section of copr.conf and copr.d/*.conf in --config-dir; without a hub: \
    [fedora]\n\nExit codes:\n  0  written, and whole\n  1  nothing is written\n  2  written, but something that is needed is gone or \
    does not answer\n\nExamples:\n  copr-repo kickstart fedora/@kdesig/kde-beta >>spin.ks\n  copr-repo kickstart --install \
    --chroot fedora-44-x86_64 https://copr.example.org/bob/app\n  copr-repo kickstart --format blueprint --chroot \
    fedora-44-x86_64 bob/app >>blueprint.toml"
)]
pub(in crate::repo) struct Kickstart {
    /// The projects: HUB/OWNER/PROJECT, where OWNER may be @GROUP and PROJECT a side directory such as app:custom:x.
    #[arg(value_name = "[HUB/]OWNER/PROJECT", required = true)]
    pub projects: Vec<String>,
    /// The chroot that the image is made of, such as fedora-44-x86_64. Without it addresses have $releasever and $basearch, if
    /// all projects are built for one distribution.
    #[arg(long, value_name = "CHROOT", required_if_eq("format", "blueprint"))]
    pub chroot: Option<String>,
    /// The repositories stay enabled in the installed system.
    #[arg(long)]
    pub install: bool,
    /// For whom they are written.
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = ImageFormat::Kickstart, conflicts_with = "json")]
    pub format: ImageFormat,
    /// Print an array of objects.
    #[arg(long)]
    pub json: bool,
    /// Where copr.conf and copr.d/ name hubs, as for the DNF plugin.
    #[arg(long, value_name = "DIR", default_value = "/etc/dnf/plugins")]
    pub config_dir: PathBuf,
}

/// What makes the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::repo) enum ImageFormat {
    /// `repo` commands, for anaconda, livemedia-creator and the like.
    Kickstart,
    /// Part of a blueprint, for image-builder and osbuild-composer.
    Blueprint,
}
