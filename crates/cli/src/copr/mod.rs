//! `copr`, the packager's client: its commands, exit codes and output are copr-cli's where both have them.

mod args;
mod build;
mod build_local;
mod config;
mod docs;
mod failure;
mod project;
mod session;
mod ui;
mod watch;

use std::{io::Write, process::ExitCode};

use anstyle::AnsiColor;
use clap::{CommandFactory, Parser};
use copr_api::client::Client;

use self::{
    args::{Arguments, Command},
    failure::Failure,
    session::Session,
    ui::{Ui, colour, harmless, styled},
};

/// Runs `copr` with the process's arguments.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // Before there is any second thread, which could not be confined.
    match arguments.command {
        Some(Command::KvmProbe) => std::process::exit(copr_builder::probe_main()),
        Some(Command::CheckResults) => std::process::exit(copr_builder::check_results_main()),
        _ => {}
    }
    let ended = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::from)
        .and_then(|runtime| runtime.block_on(run(arguments)));
    match ended {
        Err(failure) if !failure.is_closed_pipe() => {
            let error = styled(colour(AnsiColor::Red).bold(), "Error:");
            let _ = writeln!(anstream::stderr(), "{error} {}", harmless(&failure.to_string()));
            ExitCode::from(failure.code())
        }
        _ => ExitCode::SUCCESS,
    }
}

async fn run(arguments: Arguments) -> Result<(), Failure> {
    let ui = Ui::new(arguments.json, arguments.no_color);
    let command = match arguments.command {
        None => return Ok(Arguments::command().print_help()?),
        Some(Command::Man { folder }) => return docs::man(folder.as_deref()),
        Some(Command::Completions { shell }) => return docs::completions(shell),
        Some(Command::Build(build)) if build.here.local.is_some() => {
            let ended = tokio::select! {
                ended = build_local::build(&ui, build) => ended,
                _ = tokio::signal::ctrl_c() => Err(Failure::Interrupted),
            };
            ui.still();
            return ended;
        }
        Some(command) => command,
    };
    let config = config::load(arguments.config.as_deref(), config::home().as_deref())?;
    let session = Session::new(Client::new(config)?, ui);
    let ended = tokio::select! {
        ended = perform(&session, command) => ended,
        _ = tokio::signal::ctrl_c() => match session.farewell() {
            Some(words) => {
                session.ui.still();
                session.ui.note(words);
                Ok(())
            }
            None => Err(Failure::Interrupted),
        },
    };
    session.ui.still();
    ended
}

async fn perform(session: &Session, command: Command) -> Result<(), Failure> {
    match command {
        Command::Whoami => project::whoami(session).await,
        Command::Create(create) => project::create(session, create).await,
        Command::Build(build) => build::build(session, build).await,
        Command::Buildscm(scm) => build::scm(session, scm).await,
        Command::Modify(modify) => project::modify(session, modify).await,
        Command::EditChroot(edit) => project::edit_chroot(session, edit).await,
        Command::GetChroot { chroot } => project::get_chroot(session, &chroot).await,
        Command::Watch(watch) => watch::watch(session, &watch.builds, watch::Logs::from(watch.no_log, false)).await,
        Command::Status { build } => build::status(session, build).await,
        Command::Cancel { build } => build::cancel(session, build).await,
        Command::List { owner } => project::list(session, owner.as_deref()).await,
        Command::ListBuilds { project } => build::list(session, &project).await,
        Command::ListChroots => project::list_chroots(session).await,
        Command::Get { project } => project::get(session, &project).await,
        Command::Search { text } => project::search(session, &text).await,
        Command::Delete { project } => project::delete(session, &project).await,
        Command::Man { folder } => docs::man(folder.as_deref()),
        Command::Completions { shell } => docs::completions(shell),
        Command::KvmProbe | Command::CheckResults => Ok(()),
    }
}
