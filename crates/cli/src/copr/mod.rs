//! `copr`, the packager's client: its commands, exit codes and output are copr-cli's where both have them.

mod args;
mod build;
mod build_local;
mod chroot;
mod config;
mod content;
mod docs;
mod download;
mod event;
mod failure;
mod key;
mod output;
mod package;
mod people;
mod project;
mod promotion;
mod prune;
mod session;
mod ui;
mod watch;

use std::{io::Write, path::Path, process::ExitCode};

use anstyle::AnsiColor;
use clap::{CommandFactory, Parser};
use copr_api::client::Client;

use self::{
    args::{Arguments, Command, LicenceCommand},
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
            if let Some(hint) = failure.hint() {
                let _ = writeln!(anstream::stderr(), "{hint}");
            }
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
        Some(Command::Unsupported { .. }) => {
            return Err(Failure::Unsupported(
                "This way of copr-cli to a source is not supported. Make a source package and use `copr build`, or put \
                 the spec into a git repository and use `copr buildscm` or `copr add-package-scm`."
                    .to_owned(),
            ));
        }
        Some(Command::Build(build)) if build.here.local.is_some() => {
            let ended = tokio::select! {
                ended = build_local::build(&ui, build) => ended,
                _ = tokio::signal::ctrl_c() => Err(Failure::Interrupted),
            };
            ui.still();
            return ended;
        }
        Some(Command::Licence(LicenceCommand::Check { licence })) => return content::check(&ui, &licence),
        Some(command) => command,
    };
    let home = config::home();
    let path = config::path(arguments.config.as_deref(), home.as_deref());
    let config = config::load(arguments.config.as_deref(), home.as_deref())?;
    let session = Session::new(Client::new(config)?, ui);
    let ended = tokio::select! {
        ended = perform(&session, command, path.as_deref()) => ended,
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

async fn perform(session: &Session, command: Command, config: Option<&Path>) -> Result<(), Failure> {
    match command {
        Command::Whoami => people::whoami(session).await,
        Command::Quota { owner } => people::quota(session, owner.as_deref()).await,
        Command::NewApiToken => people::new_api_token(session, config).await,
        Command::Token(command) => people::token(session, command).await,
        Command::Group(command) => people::group(session, command).await,
        Command::Licence(command) => content::licence(session, command).await,
        Command::Terms(command) => content::terms(session, command).await,
        Command::Report(command) => content::report(session, command).await,
        Command::Takedown(command) => content::takedown(session, command).await,
        Command::Pin(command) => people::pin(session, command).await,
        Command::NewWebhookSecret { project, yes } => people::new_webhook_secret(session, &project, yes).await,
        Command::Webhook(command) => event::webhook(session, command).await,
        Command::Events(wish) => event::events(session, wish).await,
        Command::Notices { project, output_format } => event::notices(session, &project, output_format).await,
        Command::Rebuilds { project, output_format } => event::rebuilds(session, &project, output_format).await,
        Command::Dependents(wish) => event::dependents(session, wish).await,
        Command::Create(create) => project::create(session, create).await,
        Command::Build(build) => build::build(session, build).await,
        Command::Buildscm(scm) => build::scm(session, scm).await,
        Command::BuildPackage(package) => build::package(session, package).await,
        Command::Modify(modify) => project::modify(session, modify).await,
        Command::Fork(fork) => project::fork(session, fork).await,
        Command::Prune(prune) => prune::prune(session, prune).await,
        Command::Undelete(undelete) => prune::undelete(session, undelete).await,
        Command::Promote(promote) => promotion::promote(session, promote).await,
        Command::Promotion(command) => promotion::promotion(session, command).await,
        Command::Gates(gates) => promotion::gates(session, gates).await,
        Command::UploadRpm(upload) => build::upload_rpm(session, upload).await,
        Command::RegenerateRepos { project } => project::regenerate(session, &project).await,
        Command::EditChroot(edit) => chroot::edit(session, edit).await,
        Command::GetChroot { chroot, output_format } => chroot::get(session, &chroot, output_format).await,
        Command::ReleasePackage { project, chroot, dest } => {
            chroot::release_package(session, &project, &chroot, dest.as_deref()).await
        }
        Command::MockConfig { project, chroot } => chroot::mock_config(session, &project, &chroot).await,
        Command::Watch(watch) => watch::watch(session, &watch.builds, watch::Logs::from(watch.logs, false)).await,
        Command::Status { build } => build::status(session, build).await,
        Command::Cancel { build } => build::cancel(session, build).await,
        Command::DeleteBuild { builds } => build::delete(session, &builds).await,
        Command::DownloadBuild(wish) => download::download(session, wish).await,
        Command::List { owner } => project::list(session, owner.as_deref()).await,
        Command::ListBuilds { project, output_format } => build::list(session, &project, output_format).await,
        Command::Monitor(monitor) => package::monitor(session, monitor).await,
        Command::AddPackageScm(add) => package::add(session, add).await,
        Command::EditPackageScm(edit) => package::edit(session, edit).await,
        Command::ListPackages(list) => package::list(session, list).await,
        Command::ListPackageNames { project } => package::names(session, &project).await,
        Command::GetPackage(get) => package::get(session, get).await,
        Command::DeletePackage(named) => package::delete(session, named).await,
        Command::ResetPackage(named) => package::reset(session, named).await,
        Command::Key(command) => key::key(session, command).await,
        Command::EditPermissions(edit) => people::edit(session, edit).await,
        Command::ListPermissions { project } => people::list(session, &project).await,
        Command::RequestPermissions(request) => people::request(session, request).await,
        Command::ListChroots => chroot::list(session).await,
        Command::Get { project } => project::get(session, &project).await,
        Command::Search { text } => project::search(session, &text).await,
        Command::Delete { project, yes } => project::delete(session, &project, yes).await,
        Command::Man { folder } => docs::man(folder.as_deref()),
        Command::Completions { shell } => docs::completions(shell),
        Command::Unsupported { .. } | Command::KvmProbe | Command::CheckResults => Ok(()),
    }
}
