//! The command line of `coprd`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

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
    /// Manage users; works whether the server runs or not.
    Admin(Admin),
    /// Build for a server elsewhere.
    Builder(Builder),
    /// Check the configuration and what it names.
    CheckConfig(Serve),
    /// Tell by the exit status whether KVM works; the builder calls this.
    #[command(hide = true)]
    KvmProbe,
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
    /// Print all users.
    List,
}

/// Options of `builder`.
#[derive(Debug, Args)]
pub struct Builder {
    /// Base URL of the server.
    #[arg(long, value_name = "URL")]
    pub server: String,
    /// File with the builder token (DIR/builder-token of the server).
    #[arg(long, value_name = "FILE")]
    pub token_file: PathBuf,
    /// This builder's name, for pages and logs [default: the host's name].
    #[arg(long)]
    pub name: Option<String>,
    /// Folder for packages and tool roots that are kept.
    #[arg(long, value_name = "DIR", default_value = "/var/cache/coprd-builder")]
    pub cache: PathBuf,
    /// Folder for the work of running builds; emptied at the start.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/coprd-builder")]
    pub work: PathBuf,
    /// Machines at once.
    #[arg(long, default_value_t = 1)]
    pub workers: usize,
    /// Hardware virtualisation or emulation.
    #[arg(long, value_enum, default_value_t = AccelArg::Auto)]
    pub accel: AccelArg,
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
    #[arg(long, default_value_t = 2048)]
    pub memory_mib: u32,
    /// Virtual CPUs of a machine.
    #[arg(long, default_value_t = 1)]
    pub cpus: u32,
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
