//! The command line of `coprd`.

use std::{net::IpAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};

mod admin;

pub use admin::{
    ChrootsAction, GroupAction, KeyAction, MemberAs, PruneWish, QueueAction, Quota, QuotaAction, Restore, SearchAction,
    TasksAction, TokenAction, Yes,
};

/// A Copr server: projects, builds in throw-away machines, repositories.
#[derive(Debug, Parser)]
#[command(name = "coprd", version, about, long_about = None)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What `coprd` can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve everything: API, pages, repositories, queue, and a builder inside.
    Serve(Serve),
    /// Manage users, chroots, queue and backups; works whether the server runs or not.
    Admin(Admin),
    /// Build for a server elsewhere.
    Builder(Box<Builder>),
    /// Check the configuration and all that it names; exit 1 when something is wrong.
    CheckConfig(CheckConfig),
    /// Tell by the exit status whether KVM works; the builder calls this.
    #[command(hide = true)]
    KvmProbe,
    /// Check the results of a build in a confined process; the builder calls this.
    #[command(hide = true)]
    CheckResults,
    /// Sign what comes on standard input, confined; the server calls this.
    #[command(hide = true)]
    Signer(Signer),
    /// Print the manual page.
    #[command(hide = true)]
    Man,
    /// Print the completions of a shell.
    #[command(hide = true)]
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

/// Options of `signer`.
#[derive(Debug, Args)]
pub struct Signer {
    /// File with the server key.
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// Make it where there is none.
    #[arg(long)]
    pub create: bool,
}

/// Options of `serve`.
#[derive(Debug, Args)]
pub struct Serve {
    /// Data folder; made by the first start.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Address to listen on; port 0 takes a free one [default: what the configuration says].
    #[arg(long, value_name = "ADDR:PORT")]
    pub listen: Option<String>,
    /// Configuration file [default: DIR/coprd.toml].
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Repository of the minidistro: offers the chroot minidistro-12-x86_64.
    #[arg(long, value_name = "DIR", env = "COPR_MINIDISTRO")]
    pub minidistro: Option<PathBuf>,
    /// How lines of the log look [default: what the configuration says].
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub log_format: Option<LogFormatArg>,
}

/// Options of `check-config`.
#[derive(Debug, Args)]
pub struct CheckConfig {
    /// Those of `serve`.
    #[command(flatten)]
    pub serve: Serve,
    /// Print JSON instead of a table.
    #[arg(long)]
    pub json: bool,
}

/// How lines of the log look.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum LogFormatArg {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl From<LogFormatArg> for crate::config::LogFormat {
    fn from(format: LogFormatArg) -> Self {
        match format {
            LogFormatArg::Text => Self::Text,
            LogFormatArg::Json => Self::Json,
        }
    }
}

/// Options of `admin`.
#[derive(Debug, Args)]
pub struct Admin {
    /// Data folder; made when it is not there.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Configuration file [default: DIR/coprd.toml].
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What to manage.
    #[command(subcommand)]
    pub what: AdminWhat,
}

/// What `admin` manages.
#[derive(Debug, Subcommand)]
pub enum AdminWhat {
    /// Users.
    User {
        /// What to do.
        #[command(subcommand)]
        action: UserAction,
    },
    /// API tokens.
    Token {
        /// What to do.
        #[command(subcommand)]
        action: TokenAction,
    },
    /// Groups, whose members own the projects of @NAME.
    Group {
        /// What to do.
        #[command(subcommand)]
        action: GroupAction,
    },
    /// Chroots: comments, ends of life, which are offered.
    Chroots {
        /// What to do.
        #[command(subcommand)]
        action: ChrootsAction,
    },
    /// Machines at once for all builds of an owner.
    Quota(Quota),
    /// The queue of builds.
    Queue {
        /// What to do.
        #[command(subcommand)]
        action: QueueAction,
    },
    /// Publishes that wait or fail.
    Tasks {
        /// What to do.
        #[command(subcommand)]
        action: TasksAction,
    },
    /// Keys that packages are signed with.
    Key {
        /// What to do.
        #[command(subcommand)]
        action: KeyAction,
    },
    /// Finding projects.
    Search {
        /// What to do.
        #[command(subcommand)]
        action: SearchAction,
    },
    /// Write database, keys and configuration into one file; the server may run.
    Backup {
        /// New file, or a folder that gets one with the time in its name.
        to: PathBuf,
    },
    /// Delete old builds that nobody needs any more, of one project or of all; the server may run, and publishes what is left.
    Prune(PruneWish),
    /// Put a backup into the database that the configuration names, SQLite or PostgreSQL; the server must not run.
    Restore(Restore),
}

/// What can be done with users.
#[derive(Debug, Subcommand)]
pub enum UserAction {
    /// Add a user and print its whole copr-cli configuration file.
    Add {
        /// The new user's name.
        name: String,
    },
    /// Make another token for a user and print its whole copr-cli configuration file.
    Token {
        /// The user's name.
        name: String,
    },
    /// Set a user's password for signing in with a browser, asked for at the terminal or read as a line of standard input; its
    /// sessions end.
    Password {
        /// The user's name.
        name: String,
    },
    /// Let a user neither sign in nor call the API any more.
    Disable {
        /// The user's name.
        name: String,
    },
    /// Let a user sign in and call the API again.
    Enable {
        /// The user's name.
        name: String,
    },
    /// Make a user an administrator of the site, or no more one.
    Admin {
        /// The user's name.
        name: String,
        /// Whether it is to be one.
        #[arg(value_enum, default_value_t = Yes::Yes)]
        yes: Yes,
    },
    /// Let a user decide about licences, or no more.
    Reviewer {
        /// The user's name.
        name: String,
        /// Whether it may.
        #[arg(value_enum, default_value_t = Yes::Yes)]
        yes: Yes,
    },
    /// Say who a user is for the identity provider, or which client certificate it has.
    Identity {
        /// The user's name.
        name: String,
        /// `ISSUER SUBJECT`; empty: nobody, and no certificate.
        #[arg(required_unless_present = "certificate", conflicts_with = "certificate")]
        identity: Option<String>,
        /// Subject of a client certificate as a trusted proxy tells it, e.g. `CN=alice,O=People`.
        #[arg(long, value_name = "SUBJECT")]
        certificate: Option<String>,
    },
    /// Say how much a user may store, or print what it stores and may.
    Quota {
        /// The user's name.
        name: String,
        /// Bytes, or a text such as 500M or "1.5 GiB"; none: no limit; default: what the configuration says.
        size: Option<String>,
    },
    /// Print all users.
    List,
}

/// Options of `builder`.
#[derive(Debug, Args)]
pub struct Builder {
    /// Base URL of the server.
    #[arg(long, value_name = "URL", required_unless_present = "check")]
    pub server: Option<String>,
    /// File with the builder token (DIR/builder-token of the server).
    #[arg(long, value_name = "FILE", required_unless_present = "check")]
    pub token_file: Option<PathBuf>,
    /// Only print a table of what this host has for builds and what is missing; exit 1 when it cannot build.
    #[arg(long)]
    pub check: bool,
    /// This builder's name, for pages and logs [default: the host's name].
    #[arg(long)]
    pub name: Option<String>,
    /// Shell patterns of the chroots that it takes, e.g. `fedora-*-x86_64` [default: all of its architecture].
    #[arg(long, value_name = "PATTERN", num_args = 1.., value_delimiter = ',')]
    pub chroots: Vec<String>,
    /// What it offers: it takes builds that ask for no tag, or for tags that are all here.
    #[arg(long, value_name = "TAG", num_args = 1.., value_delimiter = ',')]
    pub tags: Vec<String>,
    /// Builds at once.
    #[arg(long, alias = "workers", value_name = "N", default_value_t = 1)]
    pub jobs: usize,
    /// Folder of what is kept between builds: packages, tool roots, bases and snapshots of machines.
    #[arg(long, value_name = "DIR", default_value = "/var/cache/coprd-builder")]
    pub cache: PathBuf,
    /// Most bytes of that; the part that was not used for longest goes.
    #[arg(long, value_name = "BYTES", default_value_t = 50 << 30)]
    pub cache_bytes: u64,
    /// Folder for the work of running builds; emptied at the start.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/coprd-builder")]
    pub work: PathBuf,
    /// Hardware virtualisation or emulation.
    #[arg(long, value_enum, default_value_t = AccelArg::Auto)]
    pub accel: AccelArg,
    /// Let every machine boot, instead of starting it from a snapshot of a booted one.
    #[arg(long)]
    pub no_snapshots: bool,
    /// The QEMU program.
    #[arg(long, value_name = "FILE", default_value = "qemu-system-x86_64")]
    pub qemu: PathBuf,
    /// Kernel for the machines [default: the newest cloud kernel in /boot].
    #[arg(long, value_name = "FILE")]
    pub kernel: Option<PathBuf>,
    /// Folder of its modules [default: found by the kernel's name].
    #[arg(long, value_name = "DIR")]
    pub modules: Option<PathBuf>,
    /// Memory of a machine, in MiB.
    #[arg(long, value_name = "MIB", default_value_t = 2048)]
    pub memory_mib: u32,
    /// Most memory of a machine whose build asks for more, in MiB.
    #[arg(long, value_name = "MIB", default_value_t = 8192)]
    pub most_memory_mib: u32,
    /// Virtual CPUs of a machine.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub cpus: u32,
    /// Most virtual CPUs of a machine whose build asks for more [default: as many as the host has].
    #[arg(long, value_name = "N")]
    pub most_cpus: Option<u32>,
    /// Scratch disk of a machine, sparse.
    #[arg(long, value_name = "BYTES", default_value_t = 20 << 30)]
    pub scratch_bytes: u64,
    /// All logs of a build together; one that writes more fails.
    #[arg(long, value_name = "BYTES", default_value_t = 64 << 20)]
    pub log_bytes: u64,
    /// Network that machines with a network card, and downloads of sources, reach besides public addresses; may be repeated.
    #[arg(long, value_name = "ADDRESS/LENGTH", value_parser = copr_builder::parse_network)]
    pub allow: Vec<(IpAddr, u8)>,
    /// Folder of the cgroup tree below which each QEMU gets a group of its own [default: none].
    #[arg(long, value_name = "DIR")]
    pub cgroup: Option<PathBuf>,
    /// How lines of the log look [default: text].
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub log_format: Option<LogFormatArg>,
    /// User and group that QEMU runs as, by number; needs root [default: the builder's own].
    #[arg(long, value_name = "NUMBER")]
    pub uid: Option<u32>,
}

/// How machines run.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum AccelArg {
    /// KVM when it is usable.
    Auto,
    /// KVM only.
    Kvm,
    /// Emulation only.
    Tcg,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn builder(line: &str) -> Result<Builder, clap::Error> {
        match Cli::try_parse_from(["coprd", "builder"].into_iter().chain(line.split_whitespace()))?.command {
            Command::Builder(options) => Ok(*options),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_definitions_hold_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_builder_names_its_server_unless_it_only_looks_at_its_host() {
        assert!(builder("--check").unwrap().check);
        assert!(builder("--token-file t").is_err());
        let options = builder("--server http://h --token-file t --workers 3").unwrap();
        assert_eq!((options.server.as_deref(), options.jobs), (Some("http://h"), 3));
    }

    #[test]
    fn chroots_and_tags_are_lists() {
        let line = "--check --chroots fedora-*-x86_64 epel-9-x86_64 --tags big,fast --allow 10.0.0.0/8 --jobs 2";
        let options = builder(line).unwrap();
        assert_eq!(options.chroots, ["fedora-*-x86_64", "epel-9-x86_64"]);
        assert_eq!(options.tags, ["big", "fast"]);
        assert_eq!(options.allow, [([10, 0, 0, 0].into(), 8)]);
        assert!(builder("--check --allow 10.0.0.0/40").is_err());
    }
}
