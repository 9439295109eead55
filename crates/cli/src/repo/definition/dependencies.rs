//! Commands about dependencies across repositories: `closure`, `solve`, `builddep`, `impact`, `query`.

use std::path::PathBuf;

use clap::Args;

/// The repositories, and how they are read.
#[derive(Debug, Clone, Default, Args)]
pub(in crate::repo) struct Repositories {
    /// A repository: a folder, file:// or http(s)://, perhaps with a name for it. Without one the last part of PLACE is its
    /// name. May be given several times.
    #[arg(short, long = "repo", value_name = "[ID=]PLACE[,priority=N][,cost=N]")]
    pub repositories: Vec<String>,
    /// The same as dnf has it.
    #[arg(long, value_name = "ID,PLACE")]
    pub repofrompath: Vec<String>,
    /// A repository that is not used, but named where it would help. May be given several times.
    #[arg(long = "hint", value_name = "[ID=]PLACE")]
    pub hints: Vec<String>,
    /// The architecture of the machine [default: this one's].
    #[arg(long, value_name = "ARCH")]
    pub arch: Option<String>,
    /// Packages to do without, as dnf names them: bash, 'kernel*', *.i686. May be given several times.
    #[arg(short = 'x', long = "exclude", value_name = "SPEC")]
    pub excludes: Vec<String>,
    /// The folder for what was read before, and for downloads [default: copr-repo in the user's cache folder].
    #[arg(long, value_name = "DIR")]
    pub cache: Option<PathBuf>,
    /// Show no progress.
    #[arg(short, long)]
    pub quiet: bool,
    /// Print the result as one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// Show every requirement that nothing satisfies.
///
/// All packages are checked, as dnf repoclosure does it: whether each requirement could be satisfied by any package that
/// fits the machine. For each that is not, what would help is named: other versions that are there, and repositories given
/// with --hint that have it.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
#[command(
    after_help = "Exit codes:\n  0  every requirement is satisfied\n  1  some are not, or a repository cannot be read\n\n\
    Example:\n  copr-repo closure --repo base=https://repo.example.com/base --repo mine=/srv/repo --check mine"
)]
pub(in crate::repo) struct Closure {
    #[command(flatten)]
    pub repositories: Repositories,
    /// Check the packages of this repository only. May be given several times.
    #[arg(long, value_name = "ID")]
    pub check: Vec<String>,
    /// Look at the newest version of each package in each repository only.
    #[arg(short, long)]
    pub newest: bool,
    /// Let only the newest version of each package in all repositories satisfy anything.
    #[arg(long)]
    pub best: bool,
    /// Check these packages only, as dnf names them. May be given several times.
    #[arg(long = "pkg", value_name = "SPEC")]
    pub packages: Vec<String>,
    /// Check packages of this architecture only. May be given several times.
    #[arg(long = "only-arch", value_name = "ARCH")]
    pub only_arches: Vec<String>,
}

/// How packages are chosen.
#[derive(Debug, Clone, Default, Args)]
pub(in crate::repo) struct Choosing {
    /// Install what is recommended, too; this is the default, as with dnf.
    #[arg(long, overrides_with = "no_weak")]
    pub weak: bool,
    /// Install only what is required.
    #[arg(long, overrides_with = "weak")]
    pub no_weak: bool,
    /// Fail where the newest version of what is asked for cannot be installed, instead of taking an older one.
    #[arg(long, conflicts_with = "oldest")]
    pub best: bool,
    /// Choose the oldest versions, to see whether these suffice.
    #[arg(long)]
    pub oldest: bool,
    /// The packages that are installed already: a repository of them.
    #[arg(long, value_name = "PLACE")]
    pub installed: Option<String>,
    /// A package that must stay as it is (name-version-release.arch). May be given several times.
    #[arg(long, value_name = "NEVRA")]
    pub lock: Vec<String>,
}

/// Show what dnf would install.
///
/// Nothing is installed. The answer is that of dnf with the same repositories, on a machine with nothing on it, or with
/// the packages of --installed.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
#[command(
    after_help = "Exit codes:\n  0  done\n  1  it cannot be installed, for the reasons on standard error, or a repository \
    cannot be read\n\nExample:\n  copr-repo solve --repo https://repo.example.com/base --repo /srv/repo 'myapp >= 2' bash"
)]
pub(in crate::repo) struct Solve {
    #[command(flatten)]
    pub repositories: Repositories,
    #[command(flatten)]
    pub choosing: Choosing,
    /// What to install, as dnf takes it: bash, bash-5.2-1.x86_64, 'perl-*', /usr/bin/awk, 'pkgconfig(zlib) >= 1.2'.
    #[arg(value_name = "SPEC", required = true)]
    pub specs: Vec<String>,
}

/// Show what dnf builddep would install to build a package.
///
/// A source package tells exactly what it needs; of a spec file only what its BuildRequires lines say without macros is
/// known, and lines that cannot be understood are named.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
#[command(
    after_help = "Exit codes:\n  0  done\n  1  it cannot be installed, for the reasons on standard error, or a file or \
    repository cannot be read\n\nExample:\n  copr-repo builddep --repo https://repo.example.com/base hello-1-1.src.rpm"
)]
pub(in crate::repo) struct Builddep {
    #[command(flatten)]
    pub repositories: Repositories,
    #[command(flatten)]
    pub choosing: Choosing,
    /// A source package (.src.rpm), a .spec, or the name of a source package in one of the repositories.
    #[arg(value_name = "SOURCE", required = true)]
    pub sources: Vec<String>,
}

/// Show what breaks when packages are published or withdrawn.
///
/// What is published takes the place of older versions and of what it obsoletes, in all repositories, as it does on
/// machines. Whatever was satisfied before and is not afterwards is shown; and what the published packages lack.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
#[command(
    after_help = "Exit codes:\n  0  nothing breaks\n  1  something does, or a repository cannot be read\n\nExample:\n  \
    copr-repo impact --repo base=https://repo.example.com/base --repo apps=/srv/apps --with /srv/testing"
)]
pub(in crate::repo) struct Impact {
    #[command(flatten)]
    pub repositories: Repositories,
    /// What is published: a repository, a folder of packages, or a package. May be given several times.
    #[arg(long, value_name = "[ID=]PLACE[,priority=N]", required_unless_present = "without")]
    pub with: Vec<String>,
    /// What is withdrawn, as dnf names packages. May be given several times.
    #[arg(long, value_name = "SPEC")]
    pub without: Vec<String>,
    /// Look at the packages of this repository only. May be given several times.
    #[arg(long, value_name = "ID")]
    pub check: Vec<String>,
    /// Older versions stay and may still be chosen.
    #[arg(long)]
    pub keep_old: bool,
    /// Do not try whether packages that lose what satisfied them can still be installed.
    #[arg(long)]
    pub no_solve: bool,
}

/// Ask what provides, requires, ... what, in any repositories.
///
/// The options are those of dnf repoquery. Several conditions must all be met.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
#[command(
    after_help = "Exit codes:\n  0  done, even if nothing was found\n  1  a repository cannot be read\n\nExamples:\n  copr-repo query \
    --repo /srv/repo --whatprovides 'libfoo.so.1()(64bit)'\n  copr-repo query --repo /srv/repo --whatrequires libfoo \
    --recursive\n  copr-repo query --repo /srv/repo --requires --resolve myapp"
)]
pub(in crate::repo) struct Query {
    #[command(flatten)]
    pub repositories: Repositories,
    /// Packages, as dnf names them, or paths of files that they own [default: all].
    #[arg(value_name = "SPEC")]
    pub specs: Vec<String>,
    /// Only packages that own this file. May be given several times.
    #[arg(short, long = "file", value_name = "PATH")]
    pub files: Vec<String>,
    /// Only packages that provide this capability, or own this file.
    #[arg(long, value_name = "CAP", value_delimiter = ',')]
    pub whatprovides: Vec<String>,
    /// Only packages that require this, or anything that packages of this name provide.
    #[arg(long, value_name = "CAP", value_delimiter = ',')]
    pub whatrequires: Vec<String>,
    /// Only packages that require, recommend, suggest, supplement or enhance this.
    #[arg(long, value_name = "CAP", value_delimiter = ',')]
    pub whatdepends: Vec<String>,
    /// Only packages that conflict with this.
    #[arg(long, value_name = "CAP", value_delimiter = ',')]
    pub whatconflicts: Vec<String>,
    /// Only packages that obsolete this.
    #[arg(long, value_name = "CAP", value_delimiter = ',')]
    pub whatobsoletes: Vec<String>,
    /// Only packages that recommend this.
    #[arg(long, value_name = "CAP", value_delimiter = ',')]
    pub whatrecommends: Vec<String>,
    /// Only packages that suggest this.
    #[arg(long, value_name = "CAP", value_delimiter = ',')]
    pub whatsuggests: Vec<String>,
    /// Only packages that supplement this.
    #[arg(long, value_name = "CAP", value_delimiter = ',')]
    pub whatsupplements: Vec<String>,
    /// Only packages that enhance this.
    #[arg(long, value_name = "CAP", value_delimiter = ',')]
    pub whatenhances: Vec<String>,
    /// With --whatrequires or --whatdepends: also what needs a file or capability of such packages; this is the default.
    #[arg(long, overrides_with = "exactdeps")]
    pub alldeps: bool,
    /// With --whatrequires or --whatdepends: only what names this very capability.
    #[arg(long, overrides_with = "alldeps")]
    pub exactdeps: bool,
    /// With --whatrequires, or --requires and --resolve: and what requires that, and so on.
    #[arg(long, conflicts_with = "exactdeps")]
    pub recursive: bool,
    /// Only packages of this architecture. May be given several times.
    #[arg(long = "only-arch", value_name = "ARCH")]
    pub only_arches: Vec<String>,
    /// Only packages of this repository. May be given several times.
    #[arg(long = "from", value_name = "ID")]
    pub from: Vec<String>,
    /// Only the N newest versions of each name and architecture; with a negative number all but those.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub latest_limit: Option<i64>,
    /// Show the source packages, where the repositories have them.
    #[arg(long)]
    pub srpm: bool,
    #[command(flatten)]
    pub shown: Shown,
    /// Show the packages that satisfy what is shown.
    #[arg(long)]
    pub resolve: bool,
}

/// What is shown of the packages, if not their names.
#[derive(Debug, Clone, Default, Args)]
#[group(multiple = false)]
pub(in crate::repo) struct Shown {
    /// Show what the packages require.
    #[arg(long)]
    pub requires: bool,
    /// Show what they provide.
    #[arg(long)]
    pub provides: bool,
    /// Show what they conflict with.
    #[arg(long)]
    pub conflicts: bool,
    /// Show what they obsolete.
    #[arg(long)]
    pub obsoletes: bool,
    /// Show what they recommend.
    #[arg(long)]
    pub recommends: bool,
    /// Show what they suggest.
    #[arg(long)]
    pub suggests: bool,
    /// Show what they supplement.
    #[arg(long)]
    pub supplements: bool,
    /// Show what they enhance.
    #[arg(long)]
    pub enhances: bool,
    /// Show all that they require, recommend, suggest, supplement and enhance.
    #[arg(long)]
    pub depends: bool,
    /// Show each requirement and which packages provide it.
    #[arg(long)]
    pub deplist: bool,
    /// Show where the packages' files are.
    #[arg(long)]
    pub location: bool,
    /// Show the names of the source packages.
    #[arg(long)]
    pub source: bool,
}
