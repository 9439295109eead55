//! By which name the program is called, and what that makes it.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::ExitCode;

use clap::error::{ContextKind, ErrorKind};
use clap::{FromArgMatches, ValueEnum};

use super::definition::{self, MoreOutput};
use super::voice::Voice;
use super::{create, merge, modify, sqlite};

/// One of `createrepo_c`'s commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Stock {
    /// `createrepo_c`
    #[value(name = "createrepo_c")]
    Create,
    /// `mergerepo_c`
    #[value(name = "mergerepo_c")]
    Merge,
    /// `modifyrepo_c`
    #[value(name = "modifyrepo_c")]
    Modify,
    /// `sqliterepo_c`
    #[value(name = "sqliterepo_c")]
    Sqlite,
}

impl Stock {
    pub(super) const ALL: [Self; 4] = [Self::Create, Self::Merge, Self::Modify, Self::Sqlite];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Create => "createrepo_c",
            Self::Merge => "mergerepo_c",
            Self::Modify => "modifyrepo_c",
            Self::Sqlite => "sqliterepo_c",
        }
    }

    /// What `--version` prints after `Version: `: the release whose options and defaults these are, as scripts compare it,
    /// then what it can, then ourselves.
    pub(super) fn version(self) -> &'static str {
        concat!("1.2.5 (Features: LegacyWeakdeps LegacyHashes Zchunk Modulemd ) copr-repo ", env!("CARGO_PKG_VERSION"))
    }

    fn named(name: &OsStr) -> Option<Self> {
        Self::ALL.into_iter().find(|stock| name == stock.name())
    }
}

/// The command that is meant, with the words of its command line (its name first): by the file name that the program was
/// called by, or by the first argument.
pub(super) fn called_as(words: &[OsString]) -> Option<(Stock, &[OsString])> {
    let program = words.first().and_then(|word| Path::new(word).file_name());
    if let Some(stock) = program.and_then(Stock::named) {
        return Some((stock, words));
    }
    let rest = words.get(1..)?;
    Some((Stock::named(rest.first()?)?, rest))
}

/// Does what one of `createrepo_c`'s commands does.
pub(super) fn run_stock(stock: Stock, words: &[OsString]) -> ExitCode {
    let done = match stock {
        Stock::Create => parse(stock, words, |options: definition::CreateOptions| {
            let voice = Voice::stock(options.quiet, options.verbose);
            create::run(&options, &MoreOutput::default(), voice)
        }),
        Stock::Merge => parse(stock, words, |options: definition::MergeOptions| {
            merge::run(&options, &MoreOutput::default(), Voice::stock(false, options.verbose))
        }),
        Stock::Modify => parse(stock, words, |options: definition::ModifyOptions| {
            modify::run(&options, None, Voice::stock(false, options.verbose))
        }),
        Stock::Sqlite => parse(stock, words, |options: definition::SqliteOptions| {
            sqlite::run(&options, Voice::stock(options.quiet, options.verbose))
        }),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            anstream::eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn parse<T: FromArgMatches>(
    stock: Stock,
    words: &[OsString],
    run: impl FnOnce(T) -> anyhow::Result<ExitCode>,
) -> anyhow::Result<ExitCode> {
    match definition::parse_stock(stock, words.iter().cloned()) {
        Ok(options) => run(options),
        Err(error) if error.kind() == ErrorKind::DisplayVersion => {
            anstream::println!("Version: {}", stock.version());
            Ok(ExitCode::SUCCESS)
        }
        Err(error) if !error.use_stderr() => {
            // Whoever reads it may have gone away.
            let _ = error.print();
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => anyhow::bail!("Argument parsing failed: {}", complaint(&error)),
    }
}

/// What is wrong with the command line, in one line.
fn complaint(error: &clap::Error) -> String {
    let context = |kind| error.get(kind).map(ToString::to_string);
    match (error.kind(), context(ContextKind::InvalidArg)) {
        (ErrorKind::UnknownArgument, Some(option)) => format!("Unknown option {option}"),
        _ => {
            let text = error.to_string();
            text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<OsString> {
        words.iter().map(OsString::from).collect()
    }

    #[test]
    fn the_name_of_the_program_or_the_first_argument_says_which_command_is_meant() {
        let linked = words(&["/usr/local/bin/mergerepo_c", "-r", "x"]);
        assert_eq!(called_as(&linked), Some((Stock::Merge, linked.as_slice())));
        let inside = words(&["copr-repo", "createrepo_c", "DIR"]);
        assert_eq!(called_as(&inside), Some((Stock::Create, inside.get(1..).unwrap())));
        assert_eq!(called_as(&words(&["copr-repo", "create", "createrepo_c"])), None);
        assert_eq!(called_as(&words(&["copr-repo"])), None);
        assert_eq!(called_as(&[]), None);
    }
}
