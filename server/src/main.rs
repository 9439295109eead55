//! The program `coprd`: see `coprd --help`.

use std::{
    io::{IsTerminal as _, Write as _},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context as _, Result};
use clap::{CommandFactory as _, Parser as _};
use copr_api::names::Secret;
use copr_builder::{BuilderOptions, Ending};
use coprd::{
    admin,
    cli::{self, AdminWhat, Cli, Command, UserAction},
    config::Accel,
    folder::Folder,
    serve,
    store::Bucket,
};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

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
            log();
            until_stopped(async {
                let stopping = CancellationToken::new();
                serve::stop_at_signals(stopping.clone())?;
                serve::serve(serve_options(options), stopping).await
            })?;
        }
        Command::Admin(options) => {
            let (data, config) = (options.data.as_path(), options.config.as_deref());
            let AdminWhat::User { action } = &options.what;
            let text = runtime()?.block_on(async {
                match action {
                    UserAction::Add { name } => admin::add_user(data, config, name).await,
                    UserAction::Token { name } => admin::add_token(data, config, name).await,
                    UserAction::List => admin::list_users(data, config).await,
                }
            })?;
            std::io::stdout().write_all(text.as_bytes())?;
        }
        Command::Builder(options) => {
            log();
            return build(&options);
        }
        Command::CheckConfig(options) => {
            let options = serve_options(options);
            let folder = Folder::open(&options.data)?;
            let (config, chroots) = serve::configure(&folder, &options)?;
            if let Some(bucket) = Bucket::connect(&config.store)? {
                runtime()?.block_on(bucket.check())?;
                println!("The bucket {} can be written, also on conditions.", config.store.bucket);
            }
            println!("The configuration is fine. Chroots:");
            chroots.iter().for_each(|(name, _)| println!("  {name}"));
        }
        Command::KvmProbe => std::process::exit(copr_builder::probe_main()),
        Command::CheckResults => std::process::exit(copr_builder::check_results_main()),
        Command::Man => clap_mangen::Man::new(Cli::command()).render(&mut std::io::stdout())?,
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "coprd", &mut std::io::stdout());
        }
    }
    Ok(ExitCode::SUCCESS)
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

/// Log lines go to standard error; `COPRD_LOG` chooses them (`info`, `coprd=debug`, …).
fn log() {
    let filter =
        EnvFilter::try_from_env("COPRD_LOG").unwrap_or_else(|_| EnvFilter::new("info,sqlx=warn,tower_http=warn"));
    let colours = std::io::stderr().is_terminal();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colours)
        .with_target(false)
        .init();
}
