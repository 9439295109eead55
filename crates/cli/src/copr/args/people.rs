//! Arguments of the commands about people, their tokens, groups and roles.

use clap::{Args, Subcommand};
use copr_api::{
    names::{NameError, OwnerName},
    v3::Permission,
};

use super::Format;

/// Arguments of `copr edit-permissions`.
#[derive(Debug, Args)]
pub(in crate::copr) struct EditPermissions {
    /// The project.
    pub(in crate::copr) project: String,
    /// Who may change the project: approved (the default), request or nothing; may be repeated.
    #[arg(long, value_name = "USER[=VALUE]", value_parser = role, required_unless_present = "builder")]
    pub(in crate::copr) admin: Vec<(String, Permission)>,
    /// Who may build in it: approved (the default), request or nothing; may be repeated.
    #[arg(long, value_name = "USER[=VALUE]", value_parser = role)]
    pub(in crate::copr) builder: Vec<(String, Permission)>,
}

/// Arguments of `copr request-permissions`.
#[derive(Debug, Args)]
pub(in crate::copr) struct RequestPermissions {
    /// The project.
    pub(in crate::copr) project: String,
    /// Ask for the right to change the project, or give it back.
    #[arg(long, value_name = "request|nothing", num_args = 0..=1, default_missing_value = "request")]
    #[arg(value_parser = wish, required_unless_present = "builder")]
    pub(in crate::copr) admin: Option<bool>,
    /// Ask for the right to build in it, or give it back.
    #[arg(long, value_name = "request|nothing", num_args = 0..=1, default_missing_value = "request")]
    #[arg(value_parser = wish)]
    pub(in crate::copr) builder: Option<bool>,
}

/// `copr token`.
#[derive(Debug, Subcommand)]
pub(in crate::copr) enum TokenCommand {
    /// List your tokens, newest first; their secrets are told only once.
    List {
        /// Another user's, for administrators of the server.
        #[arg(long, value_name = "USER")]
        user: Option<String>,
        /// How it is printed.
        #[arg(long, value_name = "FORMAT")]
        output_format: Option<Format>,
    },
    /// Make a token besides those that you have, and print the configuration file that goes with it.
    New(NewToken),
    /// End a token; it is of no use from then on.
    Revoke {
        /// Its login, as `copr token list` prints it.
        login: String,
    },
}

/// Arguments of `copr token new`.
#[derive(Debug, Args)]
pub(in crate::copr) struct NewToken {
    /// What you call it.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(in crate::copr) label: String,
    /// The only project that it is good for.
    #[arg(long, value_name = "PROJECT")]
    pub(in crate::copr) project: Option<String>,
    /// Days that it is valid; 180 when left out.
    #[arg(long, value_name = "N")]
    pub(in crate::copr) days: Option<i64>,
}

/// `copr group`.
#[derive(Debug, Subcommand)]
pub(in crate::copr) enum GroupCommand {
    /// List all groups.
    List {
        /// How it is printed.
        #[arg(long, value_name = "FORMAT")]
        output_format: Option<Format>,
    },
    /// Print a group with its members.
    Show {
        /// The group, with or without @.
        #[arg(value_parser = group)]
        group: OwnerName,
    },
    /// Add a group, which you administer.
    Add {
        /// Its name, with or without @.
        #[arg(value_parser = group)]
        group: OwnerName,
        /// What the identity provider calls it; for administrators of the server.
        #[arg(long, value_name = "NAME")]
        claim: Option<String>,
    },
    /// Say who is in a group: all of it is done, or nothing.
    Members(Members),
    /// Delete a group that owns no project.
    Delete {
        /// The group.
        #[arg(value_parser = group)]
        group: OwnerName,
    },
}

/// Arguments of `copr group members`.
#[derive(Debug, Args)]
pub(in crate::copr) struct Members {
    /// The group.
    #[arg(value_parser = group)]
    pub(in crate::copr) group: OwnerName,
    /// Who becomes a member; may be repeated.
    #[arg(long, value_name = "USER", required_unless_present_any = ["admin", "no_admin", "remove"])]
    pub(in crate::copr) add: Vec<String>,
    /// Who becomes a member who says who the others are.
    #[arg(long, value_name = "USER")]
    pub(in crate::copr) admin: Vec<String>,
    /// Who does so no more, and stays a member.
    #[arg(long, value_name = "USER")]
    pub(in crate::copr) no_admin: Vec<String>,
    /// Who is no member any more.
    #[arg(long, value_name = "USER")]
    pub(in crate::copr) remove: Vec<String>,
}

/// `copr pin`.
#[derive(Debug, Subcommand)]
pub(in crate::copr) enum PinCommand {
    /// Print what is pinned.
    List {
        /// Whose; you when left out.
        owner: Option<OwnerName>,
    },
    /// Pin exactly these projects, in this order; none when none is named.
    Set {
        /// The projects, of any owner.
        project: Vec<String>,
        /// For the page of this group, which you administer, with or without @.
        #[arg(long, value_name = "GROUP", value_parser = group)]
        group: Option<OwnerName>,
    },
}

/// `@name`, or `name`.
fn group(text: &str) -> Result<OwnerName, NameError> {
    format!("@{}", text.strip_prefix('@').unwrap_or(text)).parse()
}

/// `bob`, or `bob=nothing`.
fn role(text: &str) -> Result<(String, Permission), String> {
    let (user, value) = text.rsplit_once('=').unwrap_or((text, "approved"));
    let value = match value {
        "approved" => Permission::Approved,
        "request" => Permission::Request,
        "nothing" => Permission::Nothing,
        _ => return Err("what is after = must be approved, request or nothing".to_owned()),
    };
    if user.is_empty() {
        return Err("it names no user".to_owned());
    }
    Ok((user.to_owned(), value))
}

fn wish(word: &str) -> Result<bool, String> {
    match word {
        "request" => Ok(true),
        "nothing" => Ok(false),
        _ => Err("it must be request or nothing".to_owned()),
    }
}
