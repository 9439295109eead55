//! Arguments of the commands about what is not built in a project: promotions, and packages that are sent ready-made.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Format, How, Switch};

/// Arguments of `copr promote`.
#[derive(Debug, Args)]
pub(in crate::copr) struct Promote {
    /// The project that builds come from.
    pub(in crate::copr) from: String,
    /// The project that they go into.
    pub(in crate::copr) to: String,
    /// Numbers of builds, and names of packages, of which the newest good build of each chroot goes [default: all packages].
    #[arg(value_name = "BUILD|PACKAGE")]
    pub(in crate::copr) what: Vec<String>,
    /// Chroot, or pattern of some; may be repeated [default: all that both projects have].
    #[arg(short = 'r', long = "chroot", value_name = "CHROOT")]
    pub(in crate::copr) chroots: Vec<String>,
    /// Take the builds out of the first project once they are published in the other.
    #[arg(long = "move")]
    pub(in crate::copr) moves: bool,
    /// Only tell what would go, and what it would break.
    #[arg(long)]
    pub(in crate::copr) dry_run: bool,
    /// Let it go although something breaks, and say why; for administrators of the other project.
    #[arg(long = "override", value_name = "REASON")]
    pub(in crate::copr) override_reason: Option<String>,
    /// Do not wait for its end.
    #[arg(long)]
    pub(in crate::copr) nowait: bool,
}

/// `copr promotion`.
#[derive(Debug, Subcommand)]
pub(in crate::copr) enum PromotionCommand {
    /// List the promotions into and out of a project, newest first.
    List {
        /// The project.
        project: String,
        /// Only those in this state: requested, waiting, approved, running, done, refused or failed.
        #[arg(long)]
        state: Option<String>,
        /// How it is printed.
        #[arg(long, value_name = "FORMAT")]
        output_format: Option<Format>,
    },
    /// Print all about a promotion: its builds, what it waits for, what it would break, its votes and its history.
    Show {
        /// Its number.
        promotion: i64,
    },
    /// Vote on a promotion that somebody else has asked for.
    Vote {
        /// Its number.
        promotion: i64,
        /// +1 or -1.
        #[arg(allow_hyphen_values = true, value_parser = vote)]
        vote: i64,
        /// Why.
        #[arg(default_value = "")]
        comment: String,
    },
    /// Say that a promotion may go, where its project wants an administrator to say so.
    Approve {
        /// Its number.
        promotion: i64,
    },
    /// Let a promotion go although something breaks.
    Override {
        /// Its number.
        promotion: i64,
        /// Why.
        reason: String,
    },
    /// Call a promotion off, or refuse it as an administrator of the project that it goes into.
    Cancel {
        /// Its number.
        promotion: i64,
        /// Why.
        #[arg(default_value = "")]
        reason: String,
    },
}

/// Arguments of `copr gates`.
#[derive(Debug, Args)]
pub(in crate::copr) struct Gates {
    /// The project.
    pub(in crate::copr) project: String,
    /// Whether packages may be sent ready-made.
    #[arg(long, value_name = "on|off")]
    pub(in crate::copr) rpm_uploads: Option<Switch>,
    /// Whether only administrators promote into it.
    #[arg(long, value_name = "on|off")]
    pub(in crate::copr) admins_only: Option<Switch>,
    /// Sum of votes that a promotion needs; 0: none.
    #[arg(long, value_name = "NUMBER")]
    pub(in crate::copr) votes: Option<i64>,
    /// Days that builds must have been where they come from; 0: none.
    #[arg(long, value_name = "NUMBER")]
    pub(in crate::copr) days: Option<i64>,
    /// Whether nothing may break, in it and in projects that need it.
    #[arg(long, value_name = "on|off")]
    pub(in crate::copr) impact: Option<Switch>,
    /// Whether an administrator has to say when.
    #[arg(long, value_name = "on|off")]
    pub(in crate::copr) by_hand: Option<Switch>,
}

/// Arguments of `copr upload-rpm`.
#[derive(Debug, Args)]
pub(in crate::copr) struct UploadRpm {
    /// The project, or OWNER/NAME:custom:SUFFIX.
    pub(in crate::copr) project: String,
    /// Packages that were built from one source package, and perhaps that one.
    #[arg(required = true, value_name = "FILE")]
    pub(in crate::copr) packages: Vec<PathBuf>,
    /// Where they go: chroots; without any, all that their architecture fits.
    #[command(flatten)]
    pub(in crate::copr) how: How,
}

/// +1 or -1.
fn vote(text: &str) -> Result<i64, String> {
    match text {
        "+1" | "1" => Ok(1),
        "-1" => Ok(-1),
        _ => Err("it is neither +1 nor -1".to_owned()),
    }
}
