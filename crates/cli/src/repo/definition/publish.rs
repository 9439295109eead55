//! Keeping the metadata of a repository as its packages come and go: `add`, `remove`, `publish`.

use std::path::PathBuf;

use clap::Args;

/// How metadata are written, where only what changed is written anew.
#[derive(Debug, Clone, Default, Args)]
pub(in crate::repo) struct Writing {
    /// Compression of the metadata: gz, bz2, xz or zstd [default: as they are, gz for a new repository].
    #[arg(long, value_name = "TYPE")]
    pub compress: Option<String>,
    /// Tell checksum and size of the decompressed text in repomd.xml. No client checks them, and they cost a pass over
    /// all of it.
    #[arg(long)]
    pub open_checksum: bool,
    /// How long the files of the metadata before stay: 30m, 2h, 30d, or seconds [default: 1h].
    #[arg(long, value_name = "TIME")]
    pub retain: Option<String>,
    /// How much XML is compressed by itself, and anew where something changes in it: 256K, 1M, or bytes [default: 1M].
    /// Smaller ones make a change cheaper, and the files larger.
    #[arg(long, value_name = "SIZE")]
    pub segment_size: Option<String>,
    /// Threads to use [default: one a processor].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub workers: Option<u16>,
    /// Print nothing but errors.
    #[arg(short, long)]
    pub quiet: bool,
    /// Print the result as one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// How packages from elsewhere come into the repository.
#[derive(Debug, Clone, Default, Args)]
pub(in crate::repo) struct Placing {
    /// Put packages from elsewhere into this folder of the repository [default: beside repodata/].
    #[arg(long, value_name = "SUBDIR")]
    pub into: Option<PathBuf>,
    /// Make hard links instead of copies, where that is possible.
    #[arg(long, conflicts_with = "move_files")]
    pub link: bool,
    /// Remove the packages from where they were, once they are published.
    #[arg(long = "move")]
    pub move_files: bool,
    /// Replace a package of the same file name and another content.
    #[arg(long)]
    pub replace: bool,
}

/// Add packages to a repository.
///
/// Packages that lie in REPO already are added where they are; others are copied into it first. Only what changed is
/// written anew, so adding one package to many thousands takes a fraction of a second. A package whose file is in the
/// metadata already replaces what they say of it. The repository is made if it is not there.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
#[command(
    after_help = "Exit codes:\n  0  done\n  1  nothing changed\n  2  done, but some packages were left out; each is named \
    on standard error\n\nExamples:\n  copr-repo add /srv/repo ~/rpmbuild/RPMS/x86_64/*.rpm\n  copr-repo add --move --into \
    x86_64 /srv/repo /srv/incoming"
)]
pub(in crate::repo) struct Add {
    /// The folder that has repodata/, or gets it.
    #[arg(value_name = "REPO")]
    pub dir: PathBuf,
    /// Packages, or folders of packages; folders below them count.
    #[arg(value_name = "PACKAGE", required = true)]
    pub packages: Vec<PathBuf>,
    #[command(flatten)]
    pub placing: Placing,
    /// Change nothing if one of the packages cannot be added.
    #[arg(long)]
    pub strict: bool,
    #[command(flatten)]
    pub writing: Writing,
}

/// Take packages out of a repository.
///
/// Files of packages stay, unless --delete-files is given; they are removed once the new metadata are in force.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
#[command(
    after_help = "Exit codes:\n  0  done\n  1  nothing changed\n  2  done, but a pattern matches no package, or a file was \
    left; each is named on standard error\n\nExamples:\n  copr-repo remove /srv/repo bash-5.2-1.x86_64\n  copr-repo remove \
    --dry-run /srv/repo 'kernel*' 'old/*'"
)]
pub(in crate::repo) struct Remove {
    /// The folder that has repodata/.
    #[arg(value_name = "REPO")]
    pub dir: PathBuf,
    /// Packages, as dnf names them (bash, 'bash*', bash-5.2-1.x86_64) or by their location (x86_64/bash-5.2-1.x86_64.rpm,
    /// 'old/*').
    #[arg(value_name = "PACKAGE", required = true)]
    pub packages: Vec<String>,
    /// Remove the files of the packages, too.
    #[arg(long)]
    pub delete_files: bool,
    /// Change nothing, only tell what would go.
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub writing: Writing,
}

/// Make the metadata of a repository what its packages are.
///
/// Packages that are new are added, packages that are gone are removed, those of another size or time are read again.
/// Nothing else is read, and only what changed is written anew. Packages that lie elsewhere (xml:base) stay.
///
/// With --watch it stays and publishes whenever packages come or go. What comes within a moment is published at once.
/// Ctrl-C or SIGTERM ends it.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
#[command(
    after_help = "Exit codes:\n  0  done\n  1  nothing changed\n  2  done, but some packages were left out; each is named \
    on standard error\n\nExamples:\n  copr-repo publish /srv/repo\n  copr-repo publish /srv/repo --watch\n  copr-repo publish \
    /srv/repo --watch /srv/incoming --move"
)]
pub(in crate::repo) struct Publish {
    /// The folder that has repodata/, or gets it.
    #[arg(value_name = "REPO")]
    pub dir: PathBuf,
    /// Stay, and publish as packages come and go in REPO. With DIR, a folder elsewhere: packages that come there are added
    /// to REPO, as `add` does.
    #[arg(long, value_name = "DIR", num_args = 0..=1)]
    pub watch: Option<Option<PathBuf>>,
    #[command(flatten)]
    pub placing: Placing,
    #[command(flatten)]
    pub writing: Writing,
}
