//! Commands of our own: what is in a repository, whether it is sound, and parts of it.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Check whether a repository is sound.
///
/// Everything that repomd.xml names is read and compared: sizes, checksums, whether all metadata are about the same
/// packages; then the packages' files, and what lies around that nobody names. Nothing is changed.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
#[command(
    after_help = "Exit codes:\n  0  sound, but for warnings\n  1  there are errors, or the repository cannot be \
    read\n\nExample:\n  copr-repo check --packages checksums /srv/repo"
)]
pub(in crate::repo) struct Check {
    /// The folder that has repodata/.
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// How far to look at the files of packages.
    #[arg(long, value_name = "HOW", value_enum, default_value_t = Depth::Sizes)]
    pub packages: Depth,
    /// Count every warning as an error.
    #[arg(long)]
    pub strict: bool,
    /// Threads to use [default: one a processor].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub workers: Option<u16>,
    /// Print errors only.
    #[arg(short, long)]
    pub quiet: bool,
    /// Print the result as one JSON object.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::repo) enum Depth {
    /// Not at all.
    No,
    /// Whether they are there.
    Exist,
    /// Whether they have the right size.
    Sizes,
    /// Whether they have the right checksum; reads every byte.
    Checksums,
}

/// Show what distinguishes two repositories, or two moments of one.
///
/// OLD and NEW are folders that have repodata/, or repomd.xml files kept from an earlier moment, as long as the metadata
/// that they name are there.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
#[command(
    after_help = "Exit codes:\n  0  done\n  1  a repository cannot be read\n  2  they differ, with --exit-code\n\n\
    Example:\n  cp /srv/repo/repodata/repomd.xml before.xml\n  ...\n  copr-repo diff before.xml /srv/repo"
)]
pub(in crate::repo) struct Diff {
    /// The repository as it was.
    #[arg(value_name = "OLD")]
    pub old: PathBuf,
    /// The repository as it is.
    #[arg(value_name = "NEW")]
    pub new: PathBuf,
    /// Exit with 2 if they differ.
    #[arg(long)]
    pub exit_code: bool,
    /// Print the figures only.
    #[arg(short, long)]
    pub summary: bool,
    /// Print the result as one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// Show figures about a repository.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
#[command(
    after_help = "Exit codes:\n  0  done\n  1  the repository cannot be read\n\nExample:\n  copr-repo stats /srv/repo"
)]
pub(in crate::repo) struct Stats {
    /// The folder that has repodata/.
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// Print the result as one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// Take old versions out of a repository.
///
/// Of every name and architecture the newest versions stay, source packages too. Packages of modules stay. The metadata
/// are written as they were before; files of packages are removed only with --delete, once the metadata are in force.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
#[command(
    after_help = "Exit codes:\n  0  done\n  1  nothing changed\n  2  done, but files of packages were left; each is \
    named on standard error\n\nExample:\n  copr-repo prune --keep 2 --delete /srv/repo"
)]
pub(in crate::repo) struct Prune {
    /// The folder that has repodata/.
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// How many versions stay.
    #[arg(long, value_name = "N")]
    pub keep: NonZeroUsize,
    /// Keep what was built less than this ago, too: 12h, 30d, or seconds.
    #[arg(long, value_name = "TIME")]
    pub keep_younger: Option<String>,
    /// Remove the files of the packages.
    #[arg(long)]
    pub delete: bool,
    /// Change nothing, only tell what would go.
    #[arg(long)]
    pub dry_run: bool,
    /// How long the files of the metadata before stay: 30m, 2h, 30d, or seconds [default: 1h].
    #[arg(long, value_name = "TIME")]
    pub retain: Option<String>,
    /// Print nothing but errors.
    #[arg(short, long)]
    pub quiet: bool,
    /// Print the result as one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// Write the metadata of some of a repository's packages.
///
/// Packages are not copied: they stay where they are, which --base tells clients.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
#[command(
    after_help = "Exit codes:\n  0  done\n  1  nothing written\n  2  done, but a pattern matches no package; it is \
    named on standard error\n\nExample:\n  copr-repo subset /srv/repo /srv/small --package 'bash*' --arch x86_64 \
    --base https://repo.example.com/"
)]
pub(in crate::repo) struct Subset {
    /// The folder that has repodata/.
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// The folder that gets repodata/.
    #[arg(value_name = "OUT")]
    pub out: PathBuf,
    /// Packages, as dnf names them: bash, 'bash*', '*.noarch', bash-5.2-1.x86_64. May be given several times.
    #[arg(short, long = "package", value_name = "GLOB")]
    pub packages: Vec<String>,
    /// Packages of these source packages. May be given several times.
    #[arg(short, long = "source", value_name = "GLOB")]
    pub sources: Vec<String>,
    /// Architectures. May be given several times.
    #[arg(short, long = "arch", value_name = "ARCH")]
    pub arches: Vec<String>,
    /// Only the newest version of each name and architecture.
    #[arg(short, long)]
    pub newest_only: bool,
    /// Where the packages are: what they get for xml:base.
    #[arg(short, long, value_name = "URL")]
    pub base: Option<String>,
    /// Leave out metadata of other types: comps, updateinfo, modules, ...
    #[arg(long)]
    pub packages_only: bool,
    /// Print nothing but errors.
    #[arg(short, long)]
    pub quiet: bool,
    /// Print the result as one JSON object.
    #[arg(long)]
    pub json: bool,
}
