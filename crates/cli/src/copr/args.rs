//! The command line, from which the manual page and the shells' completions are made too.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use copr_api::builder::Rpmlint;

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
    /// What to do.
    #[command(subcommand)]
    pub(super) command: Option<Command>,
}

/// What `copr` can do.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Print the user that the configuration belongs to.
    Whoami,
    /// Create a project.
    Create(Create),
    /// Upload source packages, or name their URLs, build them, and watch the builds.
    Build(Build),
    /// Build what is in a git repository, and watch the build.
    Buildscm(BuildScm),
    /// Change a project; what is not said stays.
    Modify(Modify),
    /// Change how a project builds for one chroot; what is not said stays.
    EditChroot(EditChroot),
    /// Print what is chosen for a chroot of a project, as JSON.
    GetChroot {
        /// OWNER/PROJECT/CHROOT, or PROJECT/CHROOT.
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
    },
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

/// Arguments of `copr create`.
#[derive(Debug, Args)]
pub(super) struct Create {
    /// The project's name, or OWNER/NAME.
    pub(super) project: String,
    /// Chroot to build for, e.g. fedora-44-x86_64; see `copr list-chroots`. May be repeated.
    #[arg(long = "chroot", value_name = "CHROOT", required = true)]
    pub(super) chroots: Vec<String>,
    /// Repository used while packages are built: a URL, or copr: and a project. May be repeated.
    #[arg(long = "repo", value_name = "REPO")]
    #[arg(help = "Repository used while packages are built: a URL, or copr://OWNER/NAME; may be repeated")]
    pub(super) repos: Vec<String>,
    /// Repository that users of this project get too: a URL, or copr: and a project. May be repeated.
    #[arg(long = "runtime-repo-dependency", visible_alias = "runtime-dependency", value_name = "REPO")]
    #[arg(help = "Repository that users of this project get too: a URL, or copr://OWNER/NAME; may be repeated")]
    pub(super) runtime_dependencies: Vec<String>,
    /// What the project is.
    #[arg(long)]
    pub(super) description: Option<String>,
    /// How to install from it.
    #[arg(long)]
    pub(super) instructions: Option<String>,
    /// Whether builds have a network.
    #[arg(long, value_name = "on|off")]
    pub(super) enable_net: Option<Switch>,
    /// Whether to leave it out of the server's front page.
    #[arg(long, value_name = "on|off")]
    pub(super) unlisted_on_hp: Option<Switch>,
    /// Whether its packages may replace those of module streams.
    #[arg(long, value_name = "on|off")]
    pub(super) module_hotfixes: Option<Switch>,
    /// priority= in the .repo files of its users.
    #[arg(long, value_name = "NUMBER")]
    pub(super) repo_priority: Option<i64>,
    /// Whether users on `x86_64` get the packages of its i386 chroots too.
    #[arg(long, value_name = "on|off")]
    pub(super) multilib: Option<Switch>,
    /// Whether rpmlint is run after builds, and whether its errors fail them.
    #[arg(long, value_name = "off|report|enforce")]
    pub(super) rpmlint: Option<Rpmlint>,
}

/// Arguments of `copr build`.
#[derive(Debug, Args)]
pub(super) struct Build {
    /// Where to build: a project, or a side directory of it as NAME:custom:SUFFIX.
    #[arg(required_unless_present = "local")]
    pub(super) project: Option<String>,
    /// Source package (.src.rpm), its URL, or a spec followed by its sources.
    #[arg(required_unless_present = "local", value_name = "FILE|URL")]
    pub(super) packages: Vec<String>,
    /// How it is built.
    #[command(flatten)]
    pub(super) how: How,
    /// Build on this machine instead.
    #[command(flatten)]
    pub(super) here: Here,
}

/// Arguments of `copr buildscm`.
#[derive(Debug, Args)]
pub(super) struct BuildScm {
    /// Where to build: a project, or a side directory of it as NAME:custom:SUFFIX.
    pub(super) project: String,
    /// Address of the git repository: https, http or git.
    #[arg(long, value_name = "URL")]
    pub(super) clone_url: String,
    /// Branch, tag or commit [default: the repository's default branch].
    #[arg(long, value_name = "NAME")]
    pub(super) commit: Option<String>,
    /// Folder of the spec in the repository [default: its top].
    #[arg(long, value_name = "PATH")]
    pub(super) subdir: Option<String>,
    /// Path of the spec in that folder [default: the only one].
    #[arg(long, value_name = "PATH")]
    pub(super) spec: Option<String>,
    /// Kind of the repository.
    #[arg(long = "type", value_name = "KIND", default_value = "git")]
    pub(super) kind: String,
    /// How the source package is made: of the spec and what lies beside it, or by `.copr/Makefile`.
    #[arg(long, value_name = "rpkg|make_srpm", default_value = "rpkg")]
    pub(super) method: String,
    /// How it is built.
    #[command(flatten)]
    pub(super) how: How,
}

/// What all ways of submitting a build have.
#[derive(Debug, Args)]
pub(super) struct How {
    /// Build for this chroot only; may be repeated, may have * and ?.
    #[arg(short = 'r', long = "chroot", value_name = "CHROOT")]
    pub(super) chroots: Vec<String>,
    /// Build for all chroots but this one; may be repeated.
    #[arg(long = "exclude-chroot", value_name = "CHROOT")]
    pub(super) exclude_chroots: Vec<String>,
    /// Stop the build after this time.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(i64).range(1..))]
    pub(super) timeout: Option<i64>,
    /// Let other builds go first.
    #[arg(long)]
    pub(super) background: bool,
    /// Whether the build has a network.
    #[arg(long, value_name = "on|off")]
    pub(super) enable_net: Option<Switch>,
    /// Option of the spec to build with; may be repeated.
    #[arg(long, value_name = "OPTION")]
    pub(super) with: Vec<String>,
    /// Option of the spec to build without; may be repeated.
    #[arg(long, value_name = "OPTION")]
    pub(super) without: Vec<String>,
    /// Memory of its machines [default: the chroot's, or the builder's usual].
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u32).range(256..))]
    pub(super) memory_mib: Option<u32>,
    /// CPUs of its machines [default: the chroot's, or the builder's usual].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) cpus: Option<u32>,
    /// Whether rpmlint is run, and whether its errors fail the build.
    #[arg(long, value_name = "off|report|enforce")]
    pub(super) rpmlint: Option<Rpmlint>,
    /// Submit and return.
    #[arg(long)]
    pub(super) nowait: bool,
    /// Watch the states only.
    #[arg(long)]
    pub(super) no_log: bool,
}

/// Arguments of `copr build --local`.
#[derive(Debug, Args)]
#[command(next_help_heading = "Builds on this machine, without a server")]
pub(super) struct Here {
    /// Build SRPM for CHROOT here, in a throw-away virtual machine, as an ordinary user.
    #[arg(long, num_args = 2, value_names = ["SRPM", "CHROOT"])]
    #[arg(conflicts_with_all = ["project", "packages", "chroots", "exclude_chroots", "background", "nowait"])]
    pub(super) local: Option<Vec<String>>,
    /// Repository to draw from besides the chroot's own: a URL or a folder, $chroot stands for the chroot; may be repeated.
    #[arg(long = "repo", value_name = "URL", requires = "local", conflicts_with = "project")]
    pub(super) repos: Vec<String>,
    /// Folder for packages and logs [default: the current one].
    #[arg(long, value_name = "DIR", requires = "local", conflicts_with = "project")]
    pub(super) out: Option<PathBuf>,
    /// Folder with more chroot definitions, CHROOT.toml.
    #[arg(long, value_name = "DIR", requires = "local", conflicts_with = "project")]
    pub(super) definitions: Option<PathBuf>,
    /// Repository of the minidistro, for the chroot minidistro-12-x86_64.
    #[arg(long, value_name = "DIR", env = "COPR_MINIDISTRO", hide = true)]
    pub(super) minidistro: Option<PathBuf>,
    /// Folder of what is kept between builds here [default: copr/builder in ~/.cache].
    #[arg(long, value_name = "DIR", requires = "local", conflicts_with = "project")]
    pub(super) cache: Option<PathBuf>,
}

/// Arguments of `copr modify`.
#[derive(Debug, Args)]
pub(super) struct Modify {
    /// The project.
    pub(super) project: String,
    /// Chroot to build for: with this option the project has exactly these. May be repeated.
    #[arg(long = "chroot", value_name = "CHROOT")]
    pub(super) chroots: Vec<String>,
    /// Repository used while packages are built; with this option exactly these. May be repeated.
    #[arg(long = "repo", value_name = "REPO")]
    pub(super) repos: Vec<String>,
    /// Repository that users of this project get too; with this option exactly these. May be repeated.
    #[arg(long = "runtime-repo-dependency", visible_alias = "runtime-dependency", value_name = "REPO")]
    pub(super) runtime_dependencies: Vec<String>,
    /// What the project is.
    #[arg(long)]
    pub(super) description: Option<String>,
    /// How to install from it.
    #[arg(long)]
    pub(super) instructions: Option<String>,
    /// Whether builds have a network.
    #[arg(long, value_name = "on|off")]
    pub(super) enable_net: Option<Switch>,
    /// Whether to leave it out of the server's front page.
    #[arg(long, value_name = "on|off")]
    pub(super) unlisted_on_hp: Option<Switch>,
    /// Whether its packages may replace those of module streams.
    #[arg(long, value_name = "on|off")]
    pub(super) module_hotfixes: Option<Switch>,
    /// priority= in the .repo files of its users.
    #[arg(long, value_name = "NUMBER")]
    pub(super) repo_priority: Option<i64>,
    /// Whether users on `x86_64` get the packages of its i386 chroots too.
    #[arg(long, value_name = "on|off")]
    pub(super) multilib: Option<Switch>,
    /// Whether rpmlint is run after builds, and whether its errors fail them.
    #[arg(long, value_name = "off|report|enforce")]
    pub(super) rpmlint: Option<Rpmlint>,
}

/// Arguments of `copr edit-chroot`.
#[derive(Debug, Args)]
pub(super) struct EditChroot {
    /// OWNER/PROJECT/CHROOT, or PROJECT/CHROOT.
    pub(super) chroot: String,
    /// Packages that every buildroot has, between blanks.
    #[arg(long, value_name = "LIST")]
    pub(super) packages: Option<String>,
    /// Repositories used while packages are built, between blanks.
    #[arg(long, value_name = "LIST")]
    pub(super) repos: Option<String>,
    /// Option of specs to build with; may be repeated.
    #[arg(long, value_name = "OPTION")]
    pub(super) rpmbuild_with: Vec<String>,
    /// Option of specs to build without; may be repeated.
    #[arg(long, value_name = "OPTION")]
    pub(super) rpmbuild_without: Vec<String>,
    /// Memory of machines; 0: the builder's usual.
    #[arg(long, value_name = "MIB")]
    pub(super) memory_mib: Option<i64>,
    /// CPUs of machines; 0: the builder's usual.
    #[arg(long, value_name = "NUMBER")]
    pub(super) cpus: Option<i64>,
    /// Field that loses its value, e.g. `with_opts`; may be repeated.
    #[arg(long, value_name = "FIELD")]
    pub(super) reset: Vec<String>,
}

/// Arguments of `copr watch`.
#[derive(Debug, Args)]
pub(super) struct Watch {
    /// Numbers of builds.
    #[arg(required = true, value_name = "BUILD")]
    pub(super) builds: Vec<i64>,
    /// Watch the states only.
    #[arg(long)]
    pub(super) no_log: bool,
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definitions_hold_together() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_build_line_of_copr_cli_is_understood() {
        let line = "copr --config c build @g/p:custom:x a.src.rpm b.src.rpm -r f-1-x86_64 --chroot f-2-x86_64 \
                    --exclude-chroot f-3-x86_64 --timeout 300 --background --nowait";
        let arguments = Arguments::try_parse_from(line.split_whitespace()).unwrap();
        let Some(Command::Build(build)) = arguments.command else { panic!("{arguments:?}") };
        assert_eq!(build.project.as_deref(), Some("@g/p:custom:x"));
        assert_eq!(build.packages, ["a.src.rpm", "b.src.rpm"]);
        let how = build.how;
        assert_eq!(how.chroots, ["f-1-x86_64", "f-2-x86_64"]);
        assert_eq!((how.exclude_chroots.len(), how.timeout), (1, Some(300)));
        assert!(how.background && how.nowait && !how.no_log);
    }

    #[test]
    fn the_other_lines_of_copr_cli_about_builds_are_understood_too() {
        let line = "copr buildscm libs --clone-url https://h/x.git --commit v1 --subdir rpm --spec x.spec --type git \
                    --method make_srpm -r f-1-x86_64 --nowait";
        let arguments = Arguments::try_parse_from(line.split_whitespace()).unwrap();
        let Some(Command::Buildscm(scm)) = arguments.command else { panic!("{arguments:?}") };
        assert_eq!((scm.clone_url.as_str(), scm.method.as_str()), ("https://h/x.git", "make_srpm"));
        assert_eq!((scm.commit.as_deref(), scm.subdir.as_deref()), (Some("v1"), Some("rpm")));
        let line = ["copr", "edit-chroot", "libs/f-1-x86_64", "--packages", "gcc make", "--rpmbuild-with", "docs"];
        let arguments = Arguments::try_parse_from(line).unwrap();
        let Some(Command::EditChroot(edit)) = arguments.command else { panic!("{arguments:?}") };
        assert_eq!((edit.packages.as_deref(), edit.rpmbuild_with.len()), (Some("gcc make"), 1));
        let arguments = Arguments::try_parse_from(["copr", "modify", "libs", "--enable-net", "on"]).unwrap();
        assert!(matches!(arguments.command, Some(Command::Modify(modify)) if modify.enable_net == Some(Switch::On)));
    }

    #[test]
    fn a_build_here_names_a_source_package_and_a_chroot_and_no_project() {
        let line = "copr build --local a.src.rpm fedora-44-x86_64 --repo https://h/r --out o --timeout 60";
        let arguments = Arguments::try_parse_from(line.split_whitespace()).unwrap();
        let Some(Command::Build(build)) = arguments.command else { panic!("{arguments:?}") };
        assert_eq!(build.here.local.unwrap(), ["a.src.rpm", "fedora-44-x86_64"]);
        assert_eq!((build.project, build.packages.len(), build.how.timeout), (None, 0, Some(60)));
        for line in ["copr build --local a.src.rpm", "copr build p a.src.rpm --out o", "copr build p a --local b c"] {
            assert!(Arguments::try_parse_from(line.split_whitespace()).is_err(), "{line}");
        }
    }

    #[test]
    fn both_names_of_commands_and_options_mean_the_same() {
        let watch = Arguments::try_parse_from(["copr", "watch-build", "1", "2"]).unwrap();
        assert!(matches!(watch.command, Some(Command::Watch(watch)) if watch.builds == [1, 2]));
        let line = "copr create p --chroot a-1-b --runtime-dependency copr://a/b --runtime-repo-dependency copr://c/d";
        let create = Arguments::try_parse_from(line.split_whitespace()).unwrap();
        let Some(Command::Create(create)) = create.command else { panic!("{create:?}") };
        assert_eq!(create.runtime_dependencies, ["copr://a/b", "copr://c/d"]);
    }

    #[test]
    fn nonsense_is_refused() {
        for line in [
            "copr build p",
            "copr watch",
            "copr status x",
            "copr create p",
            "copr build p a --timeout 0",
            "copr x",
            "copr buildscm p",
            "copr build p a --rpmlint x",
        ] {
            assert!(Arguments::try_parse_from(line.split_whitespace()).is_err(), "{line}");
        }
    }
}
