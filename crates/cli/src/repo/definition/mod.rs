//! The command lines: help, man pages and completions all come from here.
//!
//! The four commands of `createrepo_c` have one struct of options each, which stands for itself when the program is called
//! by their name, and is part of our own command otherwise.

#![allow(clippy::doc_markdown, reason = "doc comments here are help texts, shown as they are")]

mod chain;
mod create;
mod dependencies;
mod merge;
mod mirror;
mod modify;
mod ops;
mod publish;
mod sqlite;
mod sync_to_repo;
mod view;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Arg, ArgAction, Args, Command, CommandFactory, FromArgMatches, Parser, Subcommand};

pub(super) use chain::{Chain, ImageFormat, Kickstart};
pub(super) use create::{Create, CreateOptions};
pub(super) use dependencies::{Builddep, Choosing, Closure, Impact, Query, Repositories, Shown, Solve};
pub(super) use merge::{Merge, MergeOptions};
pub(super) use mirror::Mirror;
pub(super) use modify::{Modify, ModifyOptions};
pub(super) use ops::{Check, Depth, Diff, Prune, Stats, Subset};
pub(super) use publish::{Add, Placing, Publish, Remove, Writing};
pub(super) use sqlite::{Sqlite, SqliteOptions};
pub(super) use sync_to_repo::SyncToRepo;
pub(super) use view::View;

use super::dispatch::Stock;

/// Makes and keeps the metadata of RPM repositories.
///
/// Called by the name createrepo_c, mergerepo_c, modifyrepo_c or sqliterepo_c it does what that command does;
/// `copr-repo compat DIR` makes links of these names.
#[derive(Debug, Parser)]
#[command(name = "copr-repo", version, arg_required_else_help = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) action: Action,
}

#[derive(Debug, Subcommand)]
pub(super) enum Action {
    Create(Box<Create>),
    Merge(Box<Merge>),
    Modify(Box<Modify>),
    Sqlite(Box<Sqlite>),
    Add(Box<Add>),
    Remove(Box<Remove>),
    Publish(Box<Publish>),
    Check(Check),
    Diff(Diff),
    Stats(Stats),
    Prune(Prune),
    Subset(Subset),
    View(View),
    SyncToRepo(SyncToRepo),
    Mirror(Box<Mirror>),
    Chain(Box<Chain>),
    Kickstart(Kickstart),
    Closure(Box<Closure>),
    Solve(Box<Solve>),
    Builddep(Box<Builddep>),
    Impact(Box<Impact>),
    Query(Box<Query>),
    /// Make links to this program under the names of createrepo_c's four commands.
    ///
    /// Nothing is overwritten but links that lead here already.
    Compat {
        /// The folder for the links, such as /usr/local/bin.
        #[arg(value_name = "DIR")]
        dir: PathBuf,
    },
    /// Print the man pages (roff): ours, or that of createrepo_c, mergerepo_c, modifyrepo_c or sqliterepo_c.
    #[command(hide = true)]
    Man {
        /// The command, if not copr-repo.
        command: Option<Stock>,
    },
    /// Print completions for a shell.
    #[command(hide = true)]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
        /// The command, if not copr-repo.
        command: Option<Stock>,
    },
}

/// What our own commands can besides.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct MoreOutput {
    /// Compression level [default: gz 5, xz 5, bz2 9, zstd 3].
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub compress_level: Option<i32>,
    /// Leave checksum and size of the decompressed text out of repomd.xml; no client checks them.
    #[arg(long)]
    pub no_open_checksum: bool,
    /// How long the files of the metadata before stay: 30m, 2h, 30d, or seconds [default: 1h].
    #[arg(long, value_name = "TIME")]
    pub retain: Option<String>,
}

/// The command line of one of `createrepo_c`'s commands.
pub(super) fn stock_command(stock: Stock) -> Command {
    let command =
        Command::new(stock.name()).disable_version_flag(true).disable_help_flag(true).version(stock.version());
    let mut version = Arg::new("version").long("version").action(ArgAction::Version).help("Print the version");
    let help = |name: &'static str| Arg::new(name).long(name).action(ArgAction::HelpLong);
    let command = match stock {
        Stock::Create => CreateOptions::augment_args(command)
            .about("Writes the metadata of a folder of packages")
            .arg(help("help-expert").hide(true)),
        Stock::Merge => MergeOptions::augment_args(command).about("Writes the metadata of several repositories as one"),
        Stock::Modify => ModifyOptions::augment_args(command)
            .about("Adds a file to a repository's metadata, replaces it or removes it")
            .override_usage(
                "modifyrepo_c [OPTIONS] FILE REPODATA\n       modifyrepo_c --remove TYPE REPODATA\n       \
                 modifyrepo_c --batchfile FILE REPODATA",
            ),
        Stock::Sqlite => SqliteOptions::augment_args(command).about("Adds SQLite databases to a repository's metadata"),
    };
    if matches!(stock, Stock::Create | Stock::Sqlite) {
        version = version.short('V');
    }
    command
        .arg(help("help").short('h').help("Print help"))
        .arg(help("help-all").hide(true))
        .arg(version)
        // An option takes the next word whatever it looks like, as with GLib.
        .mut_args(|arg| {
            let takes_value = arg.get_action().takes_values() && !arg.is_positional();
            if takes_value { arg.allow_hyphen_values(true) } else { arg }
        })
}

/// Reads the command line of one of `createrepo_c`'s commands; the first word is the program's name.
pub(super) fn parse_stock<T: FromArgMatches>(
    stock: Stock,
    words: impl IntoIterator<Item = OsString>,
) -> Result<T, clap::Error> {
    let matches = stock_command(stock).try_get_matches_from(words)?;
    T::from_arg_matches(&matches)
}

/// The program's page, then that of each command.
pub(super) fn man_page(to: &mut dyn Write) -> io::Result<()> {
    let command = Arguments::command();
    clap_mangen::Man::new(command.clone()).render(to)?;
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        let title = format!("copr-repo-{}", sub.get_name());
        let called = format!("copr-repo {}", sub.get_name());
        clap_mangen::Man::new(sub.clone().display_name(title).bin_name(called)).render(to)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definitions_are_consistent() {
        Arguments::command().debug_assert();
        for stock in Stock::ALL {
            stock_command(stock).debug_assert();
        }
    }

    #[test]
    fn the_man_page_names_every_option() {
        let mut page = Vec::new();
        man_page(&mut page).unwrap();
        let page = String::from_utf8(page).unwrap();
        for word in [
            "create",
            "merge",
            "modify",
            "sqlite",
            "add",
            "remove",
            "publish",
            "compat",
            "workers",
            "quiet",
            "json",
            "outputdir",
        ] {
            assert!(page.contains(word), "{word}");
        }
    }

    #[test]
    fn options_may_follow_arguments_be_joined_repeated_and_look_like_options() {
        let words = [
            "createrepo_c",
            "DIR",
            "-vd",
            "-x",
            "-a*",
            "-x=b",
            "--excludes=c",
            "--workers",
            "-1",
            "-ooverridden",
            "-o",
            "o",
        ];
        let options: CreateOptions = parse_stock(Stock::Create, words.map(OsString::from)).unwrap();
        assert!(options.verbose && options.database);
        assert_eq!(options.excludes, ["-a*", "b", "c"]);
        assert_eq!(options.workers, Some(-1));
        assert_eq!(options.outputdir, Some("o".into()));
        assert_eq!(options.dirs, [PathBuf::from("DIR")]);
    }
}
