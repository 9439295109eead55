//! The command line of `copr-repo mirror`.

use std::path::PathBuf;

use clap::Args;

/// Make a copy of a repository that can stand in for it, or bring one up to date.
///
/// URL is a repository (the folder with repodata/), a metalink, a list of mirrors, or a folder of this machine. What is here with
/// the right checksum stays; the rest is fetched over several connections, from several mirrors where there are any, and goes on
/// where it broke off. New metadata come into force at the end and in one step: until then, and whatever fails, the mirror is as
/// it was. Without filters the metadata are the source's, byte for byte; with filters they are written anew and name what is
/// there.
///
/// With --hub, URL is a Copr hub, and PROJECTS say which of its projects are mirrored, each repository into
/// DIR/OWNER/PROJECT/CHROOT/ and with a .repo file in DIR/OWNER/PROJECT/.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
#[command(
    override_usage = "copr-repo mirror [OPTIONS] URL DIR\n       copr-repo mirror [OPTIONS] --hub URL PROJECTS... DIR",
    after_help = "Exit codes:\n  0  done, or nothing to do\n  1  nothing changed\n  2  done but for what is named on standard error: \
    repositories of a hub, patterns that match nothing\n\nExamples:\n  copr-repo mirror https://repo.example.org/f44/x86_64/ \
    /srv/mirror\n  copr-repo mirror --metalink 'https://mirrors.example.org/metalink?repo=f44&arch=x86_64' \\\n      --repo-gpgcheck \
    --gpgcheck --key RPM-GPG-KEY --delete /srv/mirror\n  copr-repo mirror --newest-only --arch x86_64 --arch noarch \
    --snapshots --keep 7 URL /srv/mirror\n  copr-repo mirror --hub https://copr.example.org 'owner/*' /srv/mirror"
)]
pub(in crate::repo) struct Mirror {
    /// The repository's address (or, with --hub, which projects), then the mirror's folder.
    #[arg(value_name = "URL DIR", required = true, num_args = 1..)]
    pub words: Vec<String>,
    /// URL of a metalink; what it says of repomd.xml has to be true.
    #[arg(long, value_name = "URL", conflicts_with_all = ["mirrorlist", "hub"])]
    pub metalink: Option<String>,
    /// URL of a text with one mirror a line.
    #[arg(long, value_name = "URL", conflicts_with = "hub")]
    pub mirrorlist: Option<String>,
    /// Mirror projects of this Copr hub: owner/project, 'owner/*', '@group/*'.
    #[arg(long, value_name = "URL")]
    pub hub: Option<String>,
    /// With --hub: only these chroots, such as 'fedora-44-*'. May be given several times.
    #[arg(long = "chroot", value_name = "GLOB", requires = "hub")]
    pub chroots: Vec<String>,
    /// Only packages of this architecture (also src, noarch). May be given several times.
    #[arg(short, long = "arch", value_name = "ARCH", value_delimiter = ',', help_heading = "Packages")]
    pub arches: Vec<String>,
    /// Source packages: as --arch src --arch nosrc.
    #[arg(long, help_heading = "Packages")]
    pub source: bool,
    /// Only packages of these names: bash, 'bash*', bash-5.2-1.x86_64. May be given several times.
    #[arg(long, value_name = "GLOB", help_heading = "Packages")]
    pub include: Vec<String>,
    /// No packages of these names. May be given several times.
    #[arg(long, value_name = "GLOB", help_heading = "Packages")]
    pub exclude: Vec<String>,
    /// Only the newest version of each name and architecture.
    #[arg(short, long, help_heading = "Packages")]
    pub newest_only: bool,
    /// repomd.xml has to be signed by one of the keys.
    #[arg(long, requires = "keys", help_heading = "Trust")]
    pub repo_gpgcheck: bool,
    /// Every package has to be signed by one of the keys.
    #[arg(long, requires = "keys", help_heading = "Trust")]
    pub gpgcheck: bool,
    /// File with OpenPGP keys, armoured or not. May be given several times.
    #[arg(long = "key", value_name = "FILE", help_heading = "Trust")]
    pub keys: Vec<PathBuf>,
    /// Read every file that is here, instead of comparing size and time with what was verified before.
    #[arg(long, help_heading = "Trust")]
    pub verify: bool,
    /// Remove packages that are in the repository no longer.
    #[arg(long, help_heading = "Keeping")]
    pub delete: bool,
    /// Percent of the packages that --delete may remove in one run; over that (and over ten) nothing is done.
    #[arg(long, value_name = "PERCENT", default_value_t = 25, value_parser = clap::value_parser!(u8).range(0..=100), help_heading = "Keeping")]
    pub delete_share: u8,
    /// How long metadata files stay that are in force no longer: 30m, 2h, 30d, or seconds.
    #[arg(long, value_name = "TIME", default_value = "1d", help_heading = "Keeping")]
    pub retain: String,
    /// Every change makes a folder of its own, with links to what has not changed; DIR/current leads to the last.
    #[arg(long, conflicts_with = "delete", help_heading = "Keeping")]
    pub snapshots: bool,
    /// The name of the snapshot [default: the time, 20261125T150000Z].
    #[arg(long, value_name = "NAME", requires = "snapshots", help_heading = "Keeping")]
    pub snapshot_name: Option<String>,
    /// How many snapshots stay.
    #[arg(long, value_name = "N", requires = "snapshots", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Keeping")]
    pub keep: Option<u32>,
    /// Files fetched at the same time.
    #[arg(short, long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u8).range(1..=64), help_heading = "Network")]
    pub connections: u8,
    /// Bytes a second over all connections: 500k, 10M.
    #[arg(long, value_name = "RATE", help_heading = "Network")]
    pub limit_rate: Option<String>,
    /// Tries before a server is given up.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=20), help_heading = "Network")]
    pub tries: u8,
    /// Seconds without a byte after which a connection is given up.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..), help_heading = "Network")]
    pub timeout: u16,
    /// Wait for another process that mirrors into the same folder, instead of giving up.
    #[arg(long)]
    pub wait: bool,
    /// Change nothing, only tell what would be fetched and removed.
    #[arg(long)]
    pub dry_run: bool,
    /// Print nothing but errors.
    #[arg(short, long)]
    pub quiet: bool,
    /// Print the result as one JSON object.
    #[arg(long)]
    pub json: bool,
}
