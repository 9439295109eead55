//! The command line of `coprd admin`, but for users.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

use crate::db::token::{MOST_DAYS, VALID_DAYS};

/// Whether something is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Yes {
    /// It is.
    Yes,
    /// It is not.
    No,
}

/// What can be done with tokens.
#[derive(Debug, Subcommand)]
pub enum TokenAction {
    /// Print a user's tokens, newest first.
    List {
        /// The user's name.
        user: String,
    },
    /// Make a token for a user and print its whole copr-cli configuration file.
    New {
        /// The user's name.
        user: String,
        /// What it is for.
        #[arg(long, value_name = "TEXT", default_value = "")]
        label: String,
        /// The only project that it is good for.
        #[arg(long, value_name = "OWNER/NAME")]
        project: Option<String>,
        /// Days that it is valid.
        #[arg(long, value_name = "N", default_value_t = VALID_DAYS, value_parser = clap::value_parser!(i64).range(1..=MOST_DAYS))]
        days: i64,
    },
    /// End a token at once.
    Revoke {
        /// Its login.
        login: String,
    },
}

/// What can be done with groups.
#[derive(Debug, Subcommand)]
pub enum GroupAction {
    /// Print all groups, or one with its members.
    List {
        /// The group.
        group: Option<String>,
    },
    /// Add a group.
    Add {
        /// Its name, with or without @.
        group: String,
        /// A user who administers it; may be repeated.
        #[arg(long, value_name = "USER")]
        admin: Vec<String>,
        /// What the identity provider calls it: whom that puts there is a member from the next sign-in on.
        #[arg(long, value_name = "NAME")]
        claim: Option<String>,
    },
    /// Delete a group that owns no project.
    Remove {
        /// The group.
        group: String,
    },
    /// Put a user into a group, or out of it.
    Member {
        /// The group.
        group: String,
        /// The user's name.
        user: String,
        /// What the user is to be.
        #[arg(value_enum, default_value_t = MemberAs::Member)]
        role: MemberAs,
    },
    /// Say how much a group may store, or print what it stores and may.
    Quota {
        /// The group.
        group: String,
        /// Bytes, or a text such as 500M or "1.5 GiB"; none: no limit; default: what the configuration says.
        size: Option<String>,
    },
    /// Say what the identity provider calls a group; without a name: nothing.
    Claim {
        /// The group.
        group: String,
        /// The provider's name.
        claim: Option<String>,
    },
}

/// What a user is in a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MemberAs {
    /// Owns its projects with the others.
    Member,
    /// Also says who else is a member.
    Admin,
    /// Nothing.
    None,
}

/// What can be done with chroots.
#[derive(Debug, Subcommand)]
pub enum ChrootsAction {
    /// Print all, with what is noted of them.
    List,
    /// Say something of a chroot to its users; an empty text takes it away.
    Comment {
        /// The chroot.
        chroot: String,
        /// What to say.
        text: String,
    },
    /// Set the day from which nothing is built for a chroot.
    Eol {
        /// The chroot.
        chroot: String,
        /// `YYYY-MM-DD`, or `never`.
        date: String,
    },
    /// Offer a chroot no more; what is built stays.
    Disable {
        /// The chroot.
        chroot: String,
    },
    /// Offer a chroot again.
    Enable {
        /// The chroot.
        chroot: String,
    },
}

/// What can be done with the queue.
#[derive(Debug, Subcommand)]
pub enum QueueAction {
    /// Print what waits and runs, oldest first.
    List {
        /// Of this owner only.
        #[arg(long, value_name = "OWNER")]
        owner: Option<String>,
        /// Lines at most.
        #[arg(long, value_name = "N", default_value_t = 1000)]
        limit: u64,
    },
    /// Take a build away from its builders and let it be built from the beginning.
    Requeue {
        /// `BUILD` or `BUILD/CHROOT`.
        build: String,
    },
    /// Cancel builds.
    Cancel {
        /// Numbers of builds.
        #[arg(required_unless_present = "owner", conflicts_with = "owner")]
        builds: Vec<i64>,
        /// All of this owner that have not ended.
        #[arg(long, value_name = "OWNER")]
        owner: Option<String>,
    },
}

/// What can be done with publishes.
#[derive(Debug, Subcommand)]
pub enum TasksAction {
    /// Print those that wait, and why those that failed did.
    List,
    /// Try those that failed again at once.
    Retry {
        /// Only that of `OWNER/DIR/CHROOT`.
        repository: Option<String>,
    },
}

/// What can be done with keys.
#[derive(Debug, Subcommand)]
pub enum KeyAction {
    /// Print the keys of a project, the one that signs first.
    List {
        /// `OWNER/NAME`.
        project: String,
    },
    /// Put a new key in the place of the one that signs; the server may run.
    Rotate {
        /// `OWNER/NAME`.
        project: String,
    },
}

/// What can be done with search.
#[derive(Debug, Subcommand)]
pub enum SearchAction {
    /// Make what is known of every project anew; the server may run.
    Rebuild,
}

/// What goes of old builds.
#[derive(Debug, clap::Args)]
pub struct PruneWish {
    /// `OWNER/NAME`; none: every project that does not forbid it.
    pub project: Option<String>,
    /// Builds of each package that stay in each chroot [default: what the project keeps, or what the configuration says].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..=1000))]
    pub keep: Option<i64>,
    /// Only what ended more than so many days ago.
    #[arg(long, value_name = "DAYS", default_value_t = 0, value_parser = clap::value_parser!(i64).range(0..=36_500))]
    pub older_than: i64,
    /// Only print what would go, and what stays because somebody needs it.
    #[arg(long)]
    pub dry_run: bool,
}

/// What can be done with what owners store.
#[derive(Debug, Subcommand)]
pub enum QuotaAction {
    /// Count anew what every owner stores, and print where something else is noted; the exit status tells. The server may run.
    Check,
}

/// What a restore is told.
#[derive(Debug, clap::Args)]
pub struct Restore {
    /// The backup.
    pub file: PathBuf,
    /// Delete what is in the database, and replace the files of the data folder.
    #[arg(long)]
    pub force: bool,
}

/// A quota.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Quota {
    /// What else.
    #[command(subcommand)]
    pub action: Option<QuotaAction>,
    /// User or `@group`; none: print the quotas that are set.
    pub owner: Option<String>,
    /// Machines at once; none: what the configuration says.
    #[arg(requires = "owner", value_parser = clap::value_parser!(i64).range(0..=1_000_000))]
    pub machines: Option<i64>,
}
