//! Arguments of the commands about licences, terms, reports of abuse and takedowns.

use clap::{Args, Subcommand};

use super::Format;

/// `copr licence`.
#[derive(Debug, Subcommand)]
pub(in crate::copr) enum LicenceCommand {
    /// Say what Fedora's lists say of a licence, without asking a server: of a License tag, or of a source package.
    Check {
        /// The tag's text, or the file of a source package.
        #[arg(value_name = "TEXT|FILE")]
        licence: String,
    },
    /// List builds that wait for a decision about their licence; for reviewers.
    Queue {
        /// How it is printed.
        #[arg(long, value_name = "FORMAT")]
        output_format: Option<Format>,
    },
    /// Let a build go on, and those that wait with the same licence.
    Approve {
        /// Number of the build.
        build: i64,
        /// Why.
        #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
        reason: String,
        /// For this licence in every project and package.
        #[arg(long)]
        everywhere: bool,
    },
    /// End a build, and those that wait with the same licence.
    Refuse {
        /// Number of the build.
        build: i64,
        /// Why; the packager reads it.
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// For this licence in every project and package.
        #[arg(long)]
        everywhere: bool,
    },
    /// List what was decided, newest first.
    List {
        /// How it is printed.
        #[arg(long, value_name = "FORMAT")]
        output_format: Option<Format>,
    },
    /// Forget a decision: later builds are judged anew.
    Forget {
        /// Its number, as `copr licence list` prints it.
        decision: i64,
    },
}

/// `copr terms`.
#[derive(Debug, Subcommand)]
pub(in crate::copr) enum TermsCommand {
    /// Print them.
    Show,
    /// Print them and accept them.
    Accept {
        /// Do not ask.
        #[arg(short, long)]
        yes: bool,
    },
}

/// What a report or a takedown is about.
#[derive(Debug, Args)]
pub(in crate::copr) struct What {
    /// The project.
    #[arg(required_unless_present = "build", conflicts_with = "build")]
    pub(in crate::copr) project: Option<String>,
    /// Number of a build.
    #[arg(long, value_name = "BUILD")]
    pub(in crate::copr) build: Option<i64>,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    pub(in crate::copr) reason: String,
}

/// `copr report`.
#[derive(Debug, Subcommand)]
pub(in crate::copr) enum ReportCommand {
    /// Tell the administrators of something that should not be there.
    Add(What),
    /// List the reports, those that are open first; for administrators of the server, as what follows.
    List {
        /// How it is printed.
        #[arg(long, value_name = "FORMAT")]
        output_format: Option<Format>,
    },
    /// Close a report and do nothing.
    Dismiss {
        /// Its number.
        report: i64,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        note: String,
    },
    /// Take down what a report is about.
    Takedown {
        /// Its number.
        report: i64,
        /// Why; everyone reads it who asks for what is down.
        #[arg(long, value_name = "TEXT")]
        note: String,
    },
}

/// `copr takedown`.
#[derive(Debug, Subcommand)]
pub(in crate::copr) enum TakedownCommand {
    /// Take a project or a build down: it is not served from now on, and its files are kept.
    Add(What),
    /// List what is or was down, newest first.
    List {
        /// How it is printed.
        #[arg(long, value_name = "FORMAT")]
        output_format: Option<Format>,
    },
    /// Give something back.
    Restore {
        /// Number of the takedown.
        takedown: i64,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        note: String,
    },
    /// List what administrators and reviewers did, newest first.
    Log {
        /// How it is printed.
        #[arg(long, value_name = "FORMAT")]
        output_format: Option<Format>,
    },
}
