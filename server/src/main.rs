//! The program `coprd`: see `coprd --help`.

use std::{io::Write as _, path::Path, process::ExitCode, time::Duration};

use anyhow::{Context as _, Result};
use clap::{CommandFactory as _, Parser as _};
use copr_api::names::Secret;
use copr_builder::{BuilderOptions, Ending};
use coprd::{
    admin, check_config,
    cli::{
        self, AdminWhat, ChrootsAction, Cli, Command, GroupAction, KeyAction, MemberAs, QueueAction, QuotaAction,
        SearchAction, TasksAction, TokenAction, UserAction, Yes,
    },
    config::{Accel, Config, LogFormat},
    serve, telemetry,
};
use tokio_util::sync::CancellationToken;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli.command) {
        Ok(code) => code,
        Err(error) => {
            anstream::eprintln!("coprd: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// One arm a command.
fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Serve(options) => {
            telemetry::log(log_format(&options));
            until_stopped(async {
                let stopping = CancellationToken::new();
                serve::stop_at_signals(stopping.clone())?;
                serve::serve(serve_options(options), stopping).await
            })?;
        }
        Command::Admin(options) => {
            let (data, config) = (options.data.as_path(), options.config.as_deref());
            let text = runtime()?.block_on(administer(data, config, &options.what))?;
            std::io::stdout().write_all(text.as_bytes())?;
        }
        Command::Builder(options) => {
            telemetry::log(options.log_format.map_or(LogFormat::Text, Into::into));
            return build(&options);
        }
        Command::CheckConfig(options) => {
            let found = runtime()?.block_on(check_config::run(&serve_options(options.serve)));
            if options.json {
                println!("{}", serde_json::to_string_pretty(&found)?);
            } else {
                print!("{found}");
            }
            return Ok(if found.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        Command::KvmProbe => std::process::exit(copr_builder::probe_main()),
        Command::Signer(options) => std::process::exit(coprd::sign::signer::main(&options.key, options.create)),
        Command::CheckResults => std::process::exit(copr_builder::check_results_main()),
        Command::Man => clap_mangen::Man::new(Cli::command()).render(&mut std::io::stdout())?,
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "coprd", &mut std::io::stdout());
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// One arm a thing that is managed; the text is for standard output.
async fn administer(data: &Path, config: Option<&Path>, what: &AdminWhat) -> Result<String> {
    use admin::chroots::Change;
    match what {
        AdminWhat::User { action } => administer_user(data, config, action).await,
        AdminWhat::Token { action } => match action {
            TokenAction::List { user } => admin::tokens::list(data, config, user).await,
            TokenAction::New { user, label, project, days } => {
                let new = admin::tokens::NewToken { user, label, project: project.as_deref(), days: *days };
                admin::tokens::new(data, config, new).await
            }
            TokenAction::Revoke { login } => admin::tokens::revoke(data, config, login).await,
        },
        AdminWhat::Group { action } => administer_group(data, config, action).await,
        AdminWhat::Chroots { action } => {
            let (chroot, change) = match action {
                ChrootsAction::List => return admin::chroots::list(data, config).await,
                ChrootsAction::Comment { chroot, text } => (chroot, Change::Comment(text.clone())),
                ChrootsAction::Eol { chroot, date } => {
                    (chroot, Change::Eol(Some(date.clone()).filter(|date| date != "never")))
                }
                ChrootsAction::Disable { chroot } => (chroot, Change::Active(false)),
                ChrootsAction::Enable { chroot } => (chroot, Change::Active(true)),
            };
            admin::chroots::change(data, config, chroot, change).await
        }
        AdminWhat::Quota(quota) if matches!(quota.action, Some(QuotaAction::Check)) => {
            admin::quota::check(data, config).await
        }
        AdminWhat::Quota(quota) => {
            let owner = quota.owner.as_deref().map(|owner| (owner, quota.machines));
            admin::queue::quota(data, config, owner).await
        }
        AdminWhat::Queue { action } => match action {
            QueueAction::List { owner, limit } => admin::queue::list(data, config, owner.as_deref(), *limit).await,
            QueueAction::Requeue { build } => admin::queue::requeue(data, config, build).await,
            QueueAction::Cancel { builds, owner } => admin::queue::cancel(data, config, builds, owner.as_deref()).await,
        },
        AdminWhat::Tasks { action } => match action {
            TasksAction::List => admin::queue::tasks(data, config).await,
            TasksAction::Retry { repository } => admin::queue::retry(data, config, repository.as_deref()).await,
        },
        AdminWhat::Key { action } => match action {
            KeyAction::List { project } => admin::keys::list(data, config, project).await,
            KeyAction::Rotate { project } => admin::keys::rotate(data, config, project).await,
        },
        AdminWhat::Search { action: SearchAction::Rebuild } => admin::search::rebuild(data, config).await,
        AdminWhat::Prune(wish) => admin::prune::prune(data, config, wish).await,
        AdminWhat::Backup { to } => admin::backup::backup(data, config, to).await,
        AdminWhat::Restore(restore) => admin::backup::restore(data, config, &restore.file, restore.force).await,
    }
}

async fn administer_user(data: &Path, config: Option<&Path>, action: &UserAction) -> Result<String> {
    match action {
        UserAction::Add { name } => admin::add_user(data, config, name).await,
        UserAction::Token { name } => admin::add_token(data, config, name).await,
        UserAction::Password { name } => admin::people::set_password(data, config, name).await,
        UserAction::Disable { name } => admin::people::set_disabled(data, config, name, true).await,
        UserAction::Enable { name } => admin::people::set_disabled(data, config, name, false).await,
        UserAction::Admin { name, yes } => admin::people::set_admin(data, config, name, *yes == Yes::Yes).await,
        UserAction::Reviewer { name, yes } => admin::people::set_reviewer(data, config, name, *yes == Yes::Yes).await,
        UserAction::Identity { name, certificate: Some(subject), .. } => {
            admin::people::set_certificate(data, config, name, subject).await
        }
        UserAction::Identity { name, identity, .. } => {
            admin::people::set_identity(data, config, name, identity.as_deref().unwrap_or_default()).await
        }
        UserAction::Quota { name, size } => admin::quota::of(data, config, name, size.as_deref()).await,
        UserAction::List => admin::people::list(data, config).await,
    }
}

async fn administer_group(data: &Path, config: Option<&Path>, action: &GroupAction) -> Result<String> {
    use admin::groups::GroupChange;
    let (group, change) = match action {
        GroupAction::List { group } => return admin::groups::list(data, config, group.as_deref()).await,
        GroupAction::Add { group, admin, claim } => (group, GroupChange::Add(admin.clone(), claim.clone())),
        GroupAction::Remove { group } => (group, GroupChange::Remove),
        GroupAction::Member { group, user, role } => {
            let (member, admin) = (*role != MemberAs::None, *role == MemberAs::Admin);
            (group, GroupChange::Member { user: user.clone(), member, admin })
        }
        GroupAction::Claim { group, claim } => (group, GroupChange::Claim(claim.clone())),
        GroupAction::Quota { group, size } => {
            let owner = format!("@{}", group.trim_start_matches('@'));
            return admin::quota::of(data, config, &owner, size.as_deref()).await;
        }
    };
    admin::groups::change(data, config, group, change).await
}

/// The command line's word, or the configuration's; one that can't be read is told of later.
fn log_format(options: &cli::Serve) -> LogFormat {
    options.log_format.map_or_else(
        || {
            let path = options.config.clone().unwrap_or_else(|| options.data.join("coprd.toml"));
            Config::read(&path).map(|config| config.log.format).unwrap_or_default()
        },
        Into::into,
    )
}

fn serve_options(options: cli::Serve) -> serve::Options {
    serve::Options {
        data: options.data,
        listen: options.listen,
        config: options.config,
        minidistro: options.minidistro,
        path: std::env::var_os("PATH").unwrap_or_default(),
    }
}

/// A builder for a server elsewhere, until a signal; or a look at whether this host could be one.
fn build(options: &cli::Builder) -> Result<ExitCode> {
    let mut builder = BuilderOptions::new(
        options.server.clone().unwrap_or_default(),
        Secret::new(""),
        options.cache.clone(),
        options.work.clone(),
    );
    builder.name =
        options.name.clone().unwrap_or_else(|| rustix::system::uname().nodename().to_string_lossy().into_owned());
    builder.jobs = options.jobs;
    builder.chroots.clone_from(&options.chroots);
    builder.tags.clone_from(&options.tags);
    let engine = &mut builder.engine;
    engine.accel = serve::accel(match options.accel {
        cli::AccelArg::Auto => Accel::Auto,
        cli::AccelArg::Kvm => Accel::Kvm,
        cli::AccelArg::Tcg => Accel::Tcg,
    });
    engine.cache_bytes = options.cache_bytes;
    engine.snapshots = !options.no_snapshots;
    engine.qemu.clone_from(&options.qemu);
    engine.kernel.clone_from(&options.kernel);
    engine.modules.clone_from(&options.modules);
    engine.memory_mib = options.memory_mib;
    engine.most_memory_mib = options.most_memory_mib.max(options.memory_mib);
    engine.cpus = options.cpus;
    engine.most_cpus = options.most_cpus.unwrap_or(engine.most_cpus).max(options.cpus);
    engine.scratch_bytes = options.scratch_bytes;
    engine.limits.log_bytes = options.log_bytes;
    engine.network.allow.clone_from(&options.allow);
    engine.confinement.cgroup.clone_from(&options.cgroup);
    engine.confinement.uid = options.uid;
    if options.check {
        let table = copr_builder::examine(&builder.engine);
        print!("{table}");
        return Ok(if table.can_build() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let token_file = options.token_file.as_deref().context("--token-file is missing")?;
    builder.token = Secret::new(fs_err::read_to_string(token_file)?.trim());
    let checked = copr_builder::check(&builder.engine).context("this host can't build")?;
    println!("{checked}");
    until_stopped(async {
        let ending = Ending::default();
        end_at_signals(ending.clone())?;
        copr_builder::run(builder, ending).await?;
        Ok(())
    })?;
    Ok(ExitCode::SUCCESS)
}

/// The first SIGTERM or SIGINT lets running builds end and begins none; the second stops them.
fn end_at_signals(ending: Ending) -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::spawn(async move {
        for stop in [false, true] {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if stop {
                tracing::info!("asked to stop: running builds are stopped");
                ending.stop();
            } else {
                tracing::info!(
                    "asked to end: running builds go on to their end, none is begun; a second signal stops them"
                );
                ending.drain();
            }
        }
    });
    Ok(())
}

/// Runs a service to its end; a thread that hangs after that (on a dead disk, say) does not keep the process.
fn until_stopped(service: impl Future<Output = Result<()>>) -> Result<()> {
    let runtime = runtime()?;
    let ended = runtime.block_on(service);
    runtime.shutdown_timeout(Duration::from_secs(10));
    ended
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start the runtime")
}
