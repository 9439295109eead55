//! The command line, from which the manual page and the shells' completions are made too.

mod build;
mod content;
mod event;
mod package;
mod people;
mod project;
mod promotion;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

pub(super) use self::{
    build::{Build, BuildPackage, BuildScm, Download, How, LogChoice, Watch},
    content::{LicenceCommand, ReportCommand, TakedownCommand, TermsCommand, What},
    event::{DependentsWish, EventsWish, WebhookCommand, WebhookEdit},
    package::{AddPackage, EditPackage, GetPackage, ListPackages, Named, ScmPackage, WithBuilds},
    people::{EditPermissions, GroupCommand, Members, NewToken, PinCommand, RequestPermissions, TokenCommand},
    project::{Create, EditChroot, Fork, KeyCommand, Modify, Monitor, MonitorField, Prune, Undelete},
    promotion::{Gates, Promote, PromotionCommand, UploadRpm},
};

/// Build RPM packages in a Copr server and publish them as repositories.
#[derive(Debug, Parser)]
#[command(name = "copr", version, propagate_version = false, max_term_width = 100)]
#[command(after_help = "PROJECT is OWNER/NAME, @GROUP/NAME, or just NAME for a project of your own.\n\
    Exit status: 0 done; 1 the server refused or could not be reached; 2 bad arguments; 3 bad file;\n\
    4 a build failed or was cancelled; 6 bad configuration; 7 not authenticated or not allowed.")]
pub(super) struct Arguments {
    /// Configuration file instead of ~/.config/copr.
    #[arg(long, global = true, value_name = "PATH")]
    pub(super) config: Option<PathBuf>,
    /// Print one JSON document on standard output; all else goes to standard error.
    #[arg(long, global = true)]
    pub(super) json: bool,
    /// No colours, even on a terminal.
    #[arg(long, global = true)]
    pub(super) no_color: bool,
    /// Accepted for copr-cli's sake.
    #[arg(long, global = true, hide = true)]
    pub(super) debug: bool,
    /// What to do.
    #[command(subcommand)]
    pub(super) command: Option<Command>,
}

/// Commands of copr-cli that make sources in ways that are not supported, but for `buildpypi`.
const UNSUPPORTED: [&str; 11] = [
    "buildgem",
    "buildcustom",
    "build-distgit",
    "add-package-pypi",
    "edit-package-pypi",
    "add-package-rubygems",
    "edit-package-rubygems",
    "add-package-custom",
    "edit-package-custom",
    "add-package-distgit",
    "edit-package-distgit",
];

/// What `copr` can do.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Print the user that the configuration belongs to.
    Whoami,
    /// Print how much a user or a group stores, and how much it may.
    Quota {
        /// User, or @group; yourself when left out.
        #[arg(value_name = "OWNER")]
        owner: Option<String>,
    },
    /// Get a new API token and write it into the configuration file. The old one is of no use any more.
    NewApiToken,
    /// Your API tokens: several, each with a label, perhaps for one project only.
    #[command(subcommand)]
    Token(TokenCommand),
    /// Groups of users, who own projects together, as @GROUP.
    #[command(subcommand)]
    Group(GroupCommand),
    /// Licences of packages: what the lists say, and deciding where they say nothing.
    #[command(subcommand)]
    Licence(LicenceCommand),
    /// The server's terms, which everyone accepts before he adds a project or submits a build.
    #[command(subcommand)]
    Terms(TermsCommand),
    /// Report what should not be on the server; for its administrators, decide about reports.
    #[command(subcommand)]
    Report(ReportCommand),
    /// Take projects and builds down, and give them back; for administrators of the server.
    #[command(subcommand)]
    Takedown(TakedownCommand),
    /// Projects that stand first on your page, or on that of a group.
    #[command(subcommand)]
    Pin(PinCommand),
    /// Make a new secret for the addresses of a project's webhooks. The old addresses are of no use any more.
    NewWebhookSecret {
        /// The project.
        project: String,
        /// Do not ask.
        #[arg(short, long)]
        yes: bool,
    },
    /// Addresses that are told of a project's events.
    #[command(subcommand)]
    Webhook(WebhookCommand),
    /// Print what has happened on the server, or in a project, a line each; with --follow, what happens, too.
    Events(EventsWish),
    /// Print what a project's people should know until it is mended.
    Notices {
        /// The project.
        project: String,
        /// How it is printed.
        #[arg(long, value_name = "FORMAT")]
        output_format: Option<Format>,
    },
    /// Print the builds of a project that nobody asked for, and what they followed from.
    Rebuilds {
        /// The project.
        project: String,
        /// How it is printed.
        #[arg(long, value_name = "FORMAT")]
        output_format: Option<Format>,
    },
    /// Print which packages require something of a project's, and whether they would be built anew; nothing is.
    Dependents(DependentsWish),
    /// Create a project.
    Create(Create),
    /// Upload source packages, or name their URLs, build them, and watch the builds.
    Build(Build),
    /// Build what is in a git repository, and watch the build.
    Buildscm(BuildScm),
    /// Build a package of a project from its own source, and watch the build.
    BuildPackage(BuildPackage),
    /// Change a project; what is not said stays.
    Modify(Modify),
    /// Copy a project with its newest packages.
    Fork(Fork),
    /// Bring builds of one project into another, as they are: a whole set at once.
    Promote(Promote),
    /// Promotions: look at them, vote, approve, refuse.
    #[command(subcommand)]
    Promotion(PromotionCommand),
    /// Print what a project asks of what is not built in it, or change it.
    Gates(Gates),
    /// Publish packages that were built elsewhere, in a project that takes such.
    #[command(visible_alias = "uploadrpm")]
    UploadRpm(UploadRpm),
    /// Make a project's metadata anew; shows users what was built in a project with `--disable_createrepo true`.
    RegenerateRepos {
        /// The project.
        project: String,
    },
    /// Delete old builds of a project that nobody needs any more; `copr undelete` brings them back for a while.
    Prune(Prune),
    /// Bring back what was pruned, or list what can be.
    Undelete(Undelete),
    /// Change how a project builds for one chroot; what is not said stays.
    EditChroot(EditChroot),
    /// Print what is chosen for a chroot of a project, as JSON.
    GetChroot {
        /// OWNER/PROJECT/CHROOT, or PROJECT/CHROOT.
        chroot: String,
        /// How it is printed.
        #[arg(long, value_name = "FORMAT", default_value = "json")]
        output_format: Format,
    },
    /// Print the address of the package that subscribes a machine to a project's repository: for `dnf install`.
    ReleasePackage {
        /// The project.
        project: String,
        /// The chroot, e.g. fedora-44-x86_64.
        #[arg(long, value_name = "CHROOT")]
        chroot: String,
        /// Download it into this folder.
        #[arg(long, value_name = "FOLDER")]
        dest: Option<PathBuf>,
    },
    /// Print a configuration for mock that builds nearly as the server does.
    MockConfig {
        /// The project.
        project: String,
        /// The chroot.
        chroot: String,
    },
    /// Watch builds until they end, with their logs.
    #[command(visible_alias = "watch-build")]
    Watch(Watch),
    /// Print the state of a build.
    Status {
        /// Number of the build.
        build: i64,
    },
    /// Stop a build.
    Cancel {
        /// Number of the build.
        build: i64,
    },
    /// Delete builds and their packages: all of them, or none.
    DeleteBuild {
        /// Numbers of builds.
        #[arg(required = true, value_name = "BUILD")]
        builds: Vec<i64>,
    },
    /// Download what a build made, into a folder for each chroot. Goes on where it was interrupted.
    DownloadBuild(Download),
    /// List the projects of a user or a group.
    List {
        /// User, or @group; yourself when left out.
        #[arg(value_name = "OWNER")]
        owner: Option<String>,
    },
    /// List the builds of a project, newest first: number, package, state.
    ListBuilds {
        /// The project.
        project: String,
        /// How it is printed.
        #[arg(long, value_name = "FORMAT", default_value = "text-row")]
        output_format: Format,
    },
    /// Print the newest build of each package in each chroot.
    Monitor(Monitor),
    /// Add a package that is built from a git repository.
    AddPackageScm(AddPackage),
    /// Change a package that is built from a git repository; what is not said stays.
    EditPackageScm(EditPackage),
    /// List the packages of a project.
    ListPackages(ListPackages),
    /// List the names of a project's packages.
    ListPackageNames {
        /// The project.
        project: String,
    },
    /// Print all about a package.
    GetPackage(GetPackage),
    /// Delete a package with its builds.
    DeletePackage(Named),
    /// Forget where a package is built from.
    ResetPackage(Named),
    /// The keys that a project's packages are signed with.
    #[command(subcommand)]
    Key(KeyCommand),
    /// Give people roles in a project, or take them away.
    EditPermissions(EditPermissions),
    /// Print who has, or asks for, which role in a project.
    ListPermissions {
        /// The project.
        project: String,
    },
    /// Ask for a role in a project, or give it back.
    RequestPermissions(RequestPermissions),
    /// List the chroots (distribution, release, architecture) that the server builds for.
    ListChroots,
    /// Print all about a project, as JSON.
    Get {
        /// The project.
        project: String,
    },
    /// Find projects by a word.
    Search {
        /// Part of a name, an owner or a description.
        text: String,
    },
    /// Delete a project with all its builds and packages.
    #[command(visible_alias = "delete-project")]
    Delete {
        /// The project.
        project: String,
        /// Do not ask.
        #[arg(short, long)]
        yes: bool,
    },
    /// What copr-cli has and this does not, so that it can say so.
    #[command(hide = true, disable_help_flag = true, name = "buildpypi", aliases = UNSUPPORTED)]
    Unsupported {
        /// Whatever follows.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        rest: Vec<String>,
    },
    /// Tell by the exit status whether KVM works; `copr build --local` calls this.
    #[command(hide = true)]
    KvmProbe,
    /// Check the results of a build in a confined process; `copr build --local` calls this.
    #[command(hide = true)]
    CheckResults,
    /// Write the manual pages into a folder, or the first of them on standard output.
    #[command(hide = true)]
    Man {
        /// Folder that exists.
        folder: Option<PathBuf>,
    },
    /// Print a shell's completion script.
    #[command(hide = true)]
    Completions {
        /// Which shell.
        shell: Shell,
    },
}

/// on or off, copr-cli's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Switch {
    /// Yes.
    On,
    /// No.
    Off,
}

impl From<Switch> for bool {
    fn from(switch: Switch) -> Self {
        switch == Switch::On
    }
}

/// How rows are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// One JSON document.
    Json,
    /// A line for each value, an empty line between rows.
    Text,
    /// A line for each row, with tabs.
    TextRow,
    /// Columns with a heading.
    Table,
    /// Comma-separated, with a heading.
    Csv,
}
