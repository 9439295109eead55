//! `copr-repo`, the repository toolkit; also `createrepo_c`, `mergerepo_c`, `modifyrepo_c` and `sqliterepo_c`, where it
//! is called by their names.

mod add;
mod arches;
mod chain;
mod check;
mod compat;
mod create;
mod definition;
mod dependencies;
mod diff;
mod dispatch;
mod fetch;
mod merge;
mod mirror;
mod modify;
mod place;
mod progress;
mod prune;
mod publish;
mod remove;
mod repository;
mod show;
mod sqlite;
mod stats;
mod subset;
mod sync_to_repo;
mod values;
mod view;
mod voice;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use anyhow::Result;
use clap::{CommandFactory, Parser};

use definition::{Action, Arguments};
use voice::Voice;

/// Runs the program: reads the command line, does what it says, tells the exit code (0 done, 1 failed or called
/// wrongly, 2 done but for packages that were skipped).
pub fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    if let Some((stock, words)) = dispatch::called_as(&words) {
        return dispatch::run_stock(stock, words);
    }
    let arguments = match Arguments::try_parse_from(words) {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::from(error.use_stderr()));
        }
    };
    match run(arguments.action) {
        Ok(code) => code,
        Err(error) => {
            show::complain(format_args!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(action: Action) -> Result<ExitCode> {
    if matches!(action, Action::Add(_) | Action::Remove(_) | Action::Publish(_)) {
        // These hold little, for long with --watch: huge pages make 75 MiB of 30. Where it cannot be it need not be.
        let _ = rustix::thread::disable_transparent_huge_pages(true);
    }
    match action {
        Action::Create(it) => create::run(&it.stock, &it.more, Voice::ours(it.stock.quiet, it.stock.verbose, it.json)),
        Action::Merge(it) => merge::run(&it.stock, &it.more, Voice::ours(it.quiet, it.stock.verbose, it.json)),
        Action::Modify(it) => {
            modify::run(&it.stock, it.retain.as_deref(), Voice::ours(it.quiet, it.stock.verbose, it.json))
        }
        Action::Sqlite(it) => sqlite::run(&it.stock, Voice::ours(it.stock.quiet, it.stock.verbose, it.json)),
        Action::Add(it) => add::run(&it),
        Action::Remove(it) => remove::run(&it),
        Action::Publish(it) => publish::run(&it),
        Action::Check(it) => check::run(&it),
        Action::Diff(it) => diff::run(&it),
        Action::Stats(it) => stats::run(&it),
        Action::Prune(it) => prune::run(&it),
        Action::Subset(it) => subset::run(&it),
        Action::View(it) => view::run(&it),
        Action::SyncToRepo(it) => sync_to_repo::run(&it),
        Action::Mirror(it) => mirror::run(&it),
        Action::Chain(it) => chain::run(&it),
        Action::Kickstart(it) => chain::kickstart::run(&it),
        Action::Closure(it) => dependencies::closure::run(&it),
        Action::Solve(it) => dependencies::solve::run(&it),
        Action::Builddep(it) => dependencies::builddep::run(&it),
        Action::Impact(it) => dependencies::impact::run(&it),
        Action::Query(it) => dependencies::query::run(&it),
        Action::Compat { dir } => compat::run(&dir),
        Action::Man { command } => {
            let mut page = Vec::new();
            match command {
                Some(stock) => clap_mangen::Man::new(definition::stock_command(stock)).render(&mut page)?,
                None => definition::man_page(&mut page)?,
            }
            std::io::stdout().write_all(&page)?;
            Ok(ExitCode::SUCCESS)
        }
        Action::Completions { shell, command } => {
            let mut script = Vec::new();
            let (mut definition, name) = match command {
                Some(stock) => (definition::stock_command(stock), stock.name()),
                None => (Arguments::command(), "copr-repo"),
            };
            clap_complete::generate(shell, &mut definition, name, &mut script);
            std::io::stdout().write_all(&script)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}
