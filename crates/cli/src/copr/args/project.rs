//! Arguments of the commands about projects and their chroots.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use copr_api::{
    builder::{Rpmlint, ShadowCheck},
    v3::SignWith,
};

use super::{Format, Switch};

/// Arguments of `copr create`.
#[derive(Debug, Args)]
pub(in crate::copr) struct Create {
    /// The project's name, or OWNER/NAME.
    pub(in crate::copr) project: String,
    /// Chroot to build for, e.g. fedora-44-x86_64; see `copr list-chroots`. May be repeated.
    #[arg(long = "chroot", value_name = "CHROOT", required = true)]
    pub(in crate::copr) chroots: Vec<String>,
    /// What it is and how it builds.
    #[command(flatten)]
    pub(in crate::copr) settings: Settings,
    /// Run fedora-review after builds; kept for hubs that know it.
    #[arg(long)]
    pub(in crate::copr) fedora_review: bool,
    /// Never delete nor prune it; only a site's administrators may ask for this.
    #[arg(long)]
    pub(in crate::copr) persistent: bool,
    /// It is no failure when there is such a project already.
    #[arg(long)]
    pub(in crate::copr) exist_ok: bool,
    /// Where results are kept: backend, the only place here.
    #[arg(long, value_name = "KIND", hide = true, value_parser = ["backend"])]
    pub(in crate::copr) storage: Option<String>,
}

/// Arguments of `copr modify`.
#[derive(Debug, Args)]
pub(in crate::copr) struct Modify {
    /// The project.
    pub(in crate::copr) project: String,
    /// Chroot to build for: with this option the project has exactly these. May be repeated.
    #[arg(long = "chroot", value_name = "CHROOT")]
    pub(in crate::copr) chroots: Vec<String>,
    /// What it is and how it builds.
    #[command(flatten)]
    pub(in crate::copr) settings: Settings,
    /// Whether fedora-review is run after builds; kept for hubs that know it.
    #[arg(long, value_name = "on|off")]
    pub(in crate::copr) fedora_review: Option<Switch>,
}

/// What `copr create` and `copr modify` have in common.
#[derive(Debug, Args)]
pub(in crate::copr) struct Settings {
    #[arg(long = "repo", value_name = "REPO")]
    #[arg(help = "Repository used while packages are built: a URL, or copr://OWNER/NAME; may be repeated")]
    /// Repositories used while packages are built.
    pub(in crate::copr) repos: Vec<String>,
    #[arg(long = "runtime-repo-dependency", visible_alias = "runtime-dependency", value_name = "REPO")]
    #[arg(help = "Repository that users of this project get too: a URL, or copr://OWNER/NAME; may be repeated")]
    /// Repositories that users of this project get too.
    pub(in crate::copr) runtime_dependencies: Vec<String>,
    /// What the project is.
    #[arg(long)]
    pub(in crate::copr) description: Option<String>,
    /// How to install from it.
    #[arg(long)]
    pub(in crate::copr) instructions: Option<String>,
    /// Address of what is packaged.
    #[arg(long, value_name = "URL")]
    pub(in crate::copr) homepage: Option<String>,
    /// Mail address or URL of who looks after it.
    #[arg(long, value_name = "WHOM")]
    pub(in crate::copr) contact: Option<String>,
    /// Whether builds have a network.
    #[arg(long, value_name = "on|off")]
    pub(in crate::copr) enable_net: Option<Switch>,
    /// Whether to leave it out of the server's front page.
    #[arg(long, value_name = "on|off")]
    pub(in crate::copr) unlisted_on_hp: Option<Switch>,
    /// Whether results become visible to users only by `copr regenerate-repos`.
    #[arg(long = "disable_createrepo", visible_alias = "disable-createrepo", value_name = "true|false")]
    #[arg(value_parser = truth)]
    pub(in crate::copr) disable_createrepo: Option<bool>,
    /// Whether old builds are removed by themselves.
    #[arg(long, value_name = "on|off")]
    pub(in crate::copr) auto_prune: Option<Switch>,
    /// Builds to keep of each package that says nothing else (newer ones replace older ones); 0: all.
    #[arg(long, value_name = "N")]
    pub(in crate::copr) keep_builds: Option<i64>,
    /// Whether new Fedora branches are added by themselves.
    #[arg(long, value_name = "on|off")]
    pub(in crate::copr) follow_fedora_branching: Option<Switch>,
    /// Delete the project after so many days; -1: never.
    #[arg(long, value_name = "DAYS", allow_hyphen_values = true, value_parser = days)]
    pub(in crate::copr) delete_after_days: Option<i64>,
    /// Whether its packages may replace those of module streams.
    #[arg(long, value_name = "on|off")]
    pub(in crate::copr) module_hotfixes: Option<Switch>,
    /// priority= in the .repo files of its users; 0: none.
    #[arg(long, value_name = "NUMBER")]
    pub(in crate::copr) repo_priority: Option<i64>,
    /// Whether users on `x86_64` get the packages of its i386 chroots too.
    #[arg(long, value_name = "on|off")]
    pub(in crate::copr) multilib: Option<Switch>,
    /// Whether `AppStream` metadata are made; kept for hubs that know it.
    #[arg(long, value_name = "on|off")]
    pub(in crate::copr) appstream: Option<Switch>,
    /// mock's isolation; kept for hubs that build with mock.
    #[arg(long, value_name = "KIND", value_parser = ["default", "simple", "nspawn"])]
    pub(in crate::copr) isolation: Option<String>,
    /// mock's bootstrap; kept for hubs that build with mock.
    #[arg(long, value_name = "KIND", value_parser = ["default", "on", "off", "image"])]
    pub(in crate::copr) bootstrap: Option<String>,
    /// Forge project whose builds by Packit are welcome, with * as wildcard; may be repeated.
    #[arg(long = "packit-forge-project-allowed", value_name = "PROJECT")]
    pub(in crate::copr) packit_forge_projects_allowed: Vec<String>,
    /// Whether rpmlint is run after builds, and whether its errors fail them.
    #[arg(long, value_name = "off|report|enforce")]
    pub(in crate::copr) rpmlint: Option<Rpmlint>,
    /// Where users report bugs: packages name it [default: the contact, or the project's page].
    #[arg(long, value_name = "URL")]
    pub(in crate::copr) bug_url: Option<String>,
    /// What is done about packages of the distribution's names with higher versions: nothing, tell, or fail the build.
    #[arg(long, value_name = "off|warn|refuse")]
    pub(in crate::copr) shadow_check: Option<ShadowCheck>,
    /// Whose key packages are signed with: one of the project's, one for all projects that only their owner builds in, or none.
    #[arg(long, value_name = "project|owner|none")]
    pub(in crate::copr) signing: Option<SignWith>,
    /// Whether webhooks have pull requests built, into directories of their own.
    #[arg(long, value_name = "on|off")]
    pub(in crate::copr) webhook_pull_requests: Option<Switch>,
    /// Whether packages are built anew when something that they require changes.
    #[arg(long, value_name = "on|off")]
    pub(in crate::copr) rebuild_on_dependency_changes: Option<Switch>,
}

/// `copr key`.
#[derive(Debug, Subcommand)]
pub(in crate::copr) enum KeyCommand {
    /// Print the keys that a project's packages are signed with; with --public, what to import.
    Show {
        /// The project.
        project: String,
        /// The public keys themselves, armoured.
        #[arg(long)]
        public: bool,
    },
    /// Make a new key in place of the one that signs. The old one stays trusted for a while.
    Rotate {
        /// The project.
        project: String,
        /// Do not ask.
        #[arg(short, long)]
        yes: bool,
    },
}

/// Arguments of `copr prune`.
#[derive(Debug, Args)]
pub(in crate::copr) struct Prune {
    /// The project.
    pub(in crate::copr) project: String,
    /// Builds of each package that stay in each chroot, the newest [default: what the project keeps, or 1].
    #[arg(long, value_name = "N")]
    pub(in crate::copr) keep: Option<i64>,
    /// Only what ended more than so many days ago.
    #[arg(long, value_name = "DAYS")]
    pub(in crate::copr) older_than: Option<i64>,
    /// Only print what would go, and what stays because somebody needs it.
    #[arg(long)]
    pub(in crate::copr) dry_run: bool,
}

/// Arguments of `copr undelete`.
#[derive(Debug, Args)]
pub(in crate::copr) struct Undelete {
    /// The project.
    pub(in crate::copr) project: String,
    /// Number of the prune to undo; without it, what can be undone is listed.
    pub(in crate::copr) prune: Option<i64>,
    /// Only this build of it.
    #[arg(long, value_name = "BUILD", requires = "prune")]
    pub(in crate::copr) build: Option<i64>,
}

/// Arguments of `copr fork`.
#[derive(Debug, Args)]
pub(in crate::copr) struct Fork {
    /// The project to copy.
    #[arg(value_name = "SOURCE")]
    pub(in crate::copr) from: String,
    /// The name of the copy.
    #[arg(value_name = "COPY")]
    pub(in crate::copr) to: String,
    /// Update a project that is there already.
    #[arg(long)]
    pub(in crate::copr) confirm: bool,
}

/// Arguments of `copr edit-chroot`.
#[derive(Debug, Args)]
pub(in crate::copr) struct EditChroot {
    /// OWNER/PROJECT/CHROOT, or PROJECT/CHROOT.
    pub(in crate::copr) chroot: String,
    /// File that groups the packages (comps.xml), for the chroot's repository.
    #[arg(long, value_name = "FILE", conflicts_with = "delete_comps")]
    pub(in crate::copr) upload_comps: Option<PathBuf>,
    /// Take the groups' file away.
    #[arg(long)]
    pub(in crate::copr) delete_comps: bool,
    /// Packages that every buildroot has, between blanks.
    #[arg(long, value_name = "LIST")]
    pub(in crate::copr) packages: Option<String>,
    /// Repositories used while packages are built, between blanks.
    #[arg(long, value_name = "LIST")]
    pub(in crate::copr) repos: Option<String>,
    /// Module streams to enable, or with ! to disable, between commas; kept for hubs that know them.
    #[arg(long, value_name = "LIST")]
    pub(in crate::copr) modules: Option<String>,
    /// Option of specs to build with; may be repeated.
    #[arg(long, value_name = "OPTION")]
    pub(in crate::copr) rpmbuild_with: Vec<String>,
    /// Option of specs to build without; may be repeated.
    #[arg(long, value_name = "OPTION")]
    pub(in crate::copr) rpmbuild_without: Vec<String>,
    /// mock's isolation; kept for hubs that build with mock.
    #[arg(long, value_name = "KIND", value_parser = ["default", "simple", "nspawn"])]
    pub(in crate::copr) isolation: Option<String>,
    /// mock's bootstrap; kept for hubs that build with mock.
    #[arg(long, value_name = "KIND", value_parser = ["unchanged", "default", "on", "off", "image"])]
    pub(in crate::copr) bootstrap: Option<String>,
    /// Image that mock's bootstrap begins with.
    #[arg(long, value_name = "IMAGE", conflicts_with = "bootstrap")]
    pub(in crate::copr) bootstrap_image: Option<String>,
    /// Memory of machines; 0: the builder's usual.
    #[arg(long, value_name = "MIB")]
    pub(in crate::copr) memory_mib: Option<i64>,
    /// CPUs of machines; 0: the builder's usual.
    #[arg(long, value_name = "NUMBER")]
    pub(in crate::copr) cpus: Option<i64>,
    /// Field that loses its value, e.g. `with_opts`; may be repeated.
    #[arg(long, value_name = "FIELD")]
    pub(in crate::copr) reset: Vec<String>,
}

/// Arguments of `copr monitor`.
#[derive(Debug, Args)]
pub(in crate::copr) struct Monitor {
    /// The project.
    pub(in crate::copr) project: String,
    /// Side directory, e.g. libs:custom:next [default: the project itself].
    #[arg(long, value_name = "NAME")]
    pub(in crate::copr) dirname: Option<String>,
    /// How it is printed [default: table on a terminal, json elsewhere].
    #[arg(long, value_name = "FORMAT")]
    pub(in crate::copr) output_format: Option<Format>,
    /// What is printed, between commas.
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(in crate::copr) fields: Vec<MonitorField>,
}

/// What `copr monitor` can tell of a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(in crate::copr) enum MonitorField {
    /// The package.
    Name,
    /// The chroot.
    Chroot,
    /// Number of the build.
    BuildId,
    /// Its state.
    State,
    /// What was built.
    PkgVersion,
    /// The build's page.
    UrlBuild,
    /// rpmbuild's log.
    UrlBuildLog,
    /// The builder's own log.
    UrlBackendLog,
}

/// The words of copr-cli for yes and no.
fn truth(word: &str) -> Result<bool, String> {
    match word.to_ascii_lowercase().as_str() {
        "yes" | "true" | "on" | "t" | "y" | "1" => Ok(true),
        "no" | "false" | "off" | "f" | "n" | "0" => Ok(false),
        _ => Err("it is neither true nor false".to_owned()),
    }
}

/// A number of days; nothing at all is never, as -1 is.
fn days(text: &str) -> Result<i64, String> {
    if text.trim().is_empty() {
        return Ok(-1);
    }
    match text.trim().parse() {
        Ok(days) if days >= -1 => Ok(days),
        _ => Err("it is no number of days".to_owned()),
    }
}
