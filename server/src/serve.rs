//! `coprd serve`: everything on one machine.

use std::{
    ffi::{OsStr, OsString},
    io::Write as _,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result};
use copr_api::names::Secret;
use copr_builder::{BuilderOptions, Network};
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;

use crate::{
    admin, clock,
    config::{Accel, Builder, Config, chroots::Definitions},
    db::{self, Db},
    events, expiry,
    folder::Folder,
    follow::Following,
    http,
    licence::Licences,
    promotion::{self, Impacts, Promoting},
    publish::Publishing,
    queue::Queue,
    sign::{Program, Signing},
    state::AppState,
    store::{Bucket, Store},
    takedown::Takedowns,
    terms::Terms,
    tls::Tls,
};

/// How long half of the embedded builder's end may take.
const DRAIN: Duration = Duration::from_secs(10);
/// Repositories in a bucket that are published at the same time.
const PUBLISHERS: usize = 4;
/// The pause before a piece of the server that ended is started again.
const RESTART: Duration = Duration::from_secs(5);

/// What the command line says.
#[derive(Debug, Clone)]
pub struct Options {
    /// The data folder.
    pub data: PathBuf,
    /// Where to listen, instead of what the configuration says.
    pub listen: Option<String>,
    /// The configuration, instead of the one in the data folder.
    pub config: Option<PathBuf>,
    /// `COPR_MINIDISTRO`: goes before the configuration's.
    pub minidistro: Option<PathBuf>,
    /// `PATH`: where QEMU is looked for when the configuration has only its name.
    pub path: OsString,
}

/// Reads the configuration and what it names, as `serve` and `check-config` do.
///
/// # Errors
/// Something in it is wrong; the text names file and key.
pub fn configure(folder: &Folder, options: &Options) -> Result<(Config, Definitions)> {
    let path = options.config.clone().unwrap_or_else(|| folder.config());
    let mut config = Config::read(&path)?;
    if let Some(minidistro) = options.minidistro.clone().filter(|folder| !folder.as_os_str().is_empty()) {
        config.chroots.minidistro = minidistro;
    }
    if let Some(listen) = &options.listen {
        config.listen.clone_from(listen);
    }
    let chroots = Definitions::load(&config.chroots)?;
    Ok((config, chroots))
}

/// Serves until `stopping` is cancelled (which signals do); returns when everything has ended.
///
/// # Errors
/// One clear reason why it can't start, or why it had to end.
pub async fn serve(options: Options, stopping: CancellationToken) -> Result<()> {
    open_files();
    let folder = Folder::open(&options.data)?;
    let _lock = folder.lock()?;
    // Whoever waits for it must not be sent to where an earlier run was.
    folder.remove_address()?;
    let (config, chroots) = configure(&folder, &options)?;
    let tls = Tls::open(&config.tls)?;
    let options_path = options.path;
    let builder_token = folder.builder_token()?;
    let name = server_name(folder.path());
    let mut builder = embedded(&config, &folder, &builder_token, &name, &options_path)?;
    if let Some(options) = builder.clone() {
        tracing::info!("embedded builder: {}", check_builder(options).await?.replace('\n', "; "));
    }
    let listener =
        TcpListener::bind(&config.listen).await.with_context(|| format!("cannot listen on {}", config.listen))?;
    let bound = listener.local_addr()?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let local_url = format!("{scheme}://{}", reachable(bound));
    let base_url = if config.public_url.is_empty() { local_url.clone() } else { config.public_url.clone() };

    if let Some(bucket) = Bucket::connect(&config.store)? {
        bucket.check().await?;
    }
    let db = admin::open_db(&folder, &config).await?;
    let program = Program { path: std::env::current_exe()?, key: folder.signing_key() };
    let state = assemble(&folder, config, chroots, db, &name, &base_url, builder_token, program, stopping.clone())?;
    tracing::info!("signing process: {}", state.signing.prove().await?);
    recover(&state, &name).await?;
    first_start(&folder, &state).await?;
    folder.write_address(&base_url)?;

    let mut loops = JoinSet::new();
    let (queue, publishing) = (state.queue.clone(), state.publishing.clone());
    let stop = stopping.clone();
    loops.spawn(keep_running("the queue", stopping.clone(), move || queue.clone().run(stop.clone())));
    let (db, stop) = (state.db.clone(), stopping.clone());
    loops.spawn(async move {
        tokio::select! {
            () = catch_up(&db) => {}
            () = stop.cancelled() => {}
        }
    });
    let (expiring, stop) = (state.clone(), stopping.clone());
    loops.spawn(keep_running("expiry", stopping.clone(), move || expiry::run(expiring.clone(), stop.clone())));
    let (telling, stop, own) = (state.clone(), stopping.clone(), name.clone());
    loops.spawn(keep_running("events", stopping.clone(), move || {
        events::run(telling.clone(), own.clone(), stop.clone())
    }));
    let (promoted, stop) = (state.clone(), stopping.clone());
    loops.spawn(keep_running("promotion", stopping.clone(), move || promotion::run(promoted.clone(), stop.clone())));
    let stop = stopping.clone();
    // A bucket is mostly waited for.
    for _ in 0..if state.config.store.bucket.is_empty() { 1 } else { PUBLISHERS } {
        let (stop, publishing) = (stop.clone(), publishing.clone());
        loops.spawn(keep_running("publishing", stopping.clone(), move || publishing.clone().run(stop.clone())));
    }
    let builder_task = builder.take().map(|mut options| {
        // The certificate is good for the name that users see.
        options.server_url.clone_from(if tls.is_some() { &base_url } else { &local_url });
        let stop = stopping.clone();
        tokio::spawn(keep_running("the embedded builder", stopping.clone(), move || {
            run_builder(options.clone(), stop.clone())
        }))
    });
    say(&format!(
        "listening on {base_url}{}",
        if base_url == local_url { String::new() } else { format!(" ({local_url})") }
    ));
    tracing::info!(url = base_url, data = %folder.path().display(), "ready");
    let reloading = tls.clone().map(|tls| tokio::spawn(reload_at_hangup(tls, stopping.clone())));
    run_http(listener, tls, &state, &stopping).await;
    stopping.cancel();
    if let Some(task) = builder_task
        && tokio::time::timeout(DRAIN * 2, task).await.is_err()
    {
        tracing::warn!("the embedded builder did not stop in time");
    }
    while loops.join_next().await.is_some() {}
    if let Some(reloading) = reloading {
        reloading.abort();
    }
    state.queue.release_builder(&name, true).await?;
    state.db.close().await;
    tracing::info!("stopped");
    Ok(())
}

/// How the embedded builder is to be; `None`: there is none.
///
/// # Errors
/// There is no QEMU.
pub fn embedded(
    config: &Config,
    folder: &Folder,
    token: &Secret,
    name: &str,
    path: &OsStr,
) -> Result<Option<BuilderOptions>> {
    if !config.builder.enabled {
        return Ok(None);
    }
    let mut options = builder_options(&config.builder, folder, token, name);
    options.engine.qemu = find_program(&config.builder.qemu, path)?;
    Ok(Some(options))
}

/// What the host has for builds.
///
/// # Errors
/// It can't build; the text says why, and what to do.
pub async fn check_builder(options: BuilderOptions) -> Result<String> {
    let checked =
        tokio::task::spawn_blocking(move || copr_builder::check(&options.engine)).await?.map_err(|error| {
            anyhow::anyhow!(
                "the embedded builder can't work: {error} (or set `enabled = false` in [builder] of coprd.toml)"
            )
        })?;
    Ok(checked.to_string())
}

/// Reads the certificate anew at each SIGHUP.
async fn reload_at_hangup(tls: Tls, stopping: CancellationToken) {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut hangup) = signal(SignalKind::hangup()) else { return };
    loop {
        tokio::select! {
            got = hangup.recv() => if got.is_none() { return },
            () = stopping.cancelled() => return,
        }
        match tls.reload() {
            Ok(()) => tracing::info!("the certificate was read anew"),
            Err(error) => tracing::error!(error = format!("{error:#}"), "the certificate stays what it was"),
        }
    }
}

/// Puts the parts together.
///
/// # Errors
/// The store can't be opened, or a file that the configuration names can't be read.
#[expect(clippy::too_many_arguments, reason = "the one place where the parts meet")]
pub fn assemble(
    folder: &Folder,
    config: Config,
    chroots: Definitions,
    db: Db,
    name: &str,
    base_url: &str,
    builder_token: Secret,
    signer: Program,
    stopping: CancellationToken,
) -> Result<AppState> {
    let store = Store::open(&folder.path().join("store"), Bucket::connect(&config.store)?)?;
    let host = url::Url::parse(base_url)?.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let signing = Signing::new(db.clone(), signer, &config.signing, &host);
    let results_url = format!("{base_url}/results");
    let publishing = Publishing::new(db.clone(), store.clone(), signing.clone(), name, &results_url, &config.publish);
    let queue = Queue::new(db.clone(), store.clone(), publishing.clone(), config.builds.clone());
    let following = Following::new(db.clone(), store.clone(), &config.limits);
    let licences = Arc::new(Licences::open(&config.licences)?);
    let terms = Terms::open(&config.terms)?.map(Arc::new);
    let takedowns = Arc::new(Takedowns::new(db.clone()));
    let network = Network { allow: config.builder.allow.clone(), ..Network::default() };
    let promoting = Promoting::new(Impacts::new(&cache_folder(&config.builder, folder), &network)?);
    Ok(AppState {
        licences,
        terms,
        takedowns,
        following,
        promoting,
        config: Arc::new(config),
        chroots: Arc::new(chroots),
        db,
        store,
        queue,
        metrics: publishing.metrics(),
        publishing,
        signing,
        views: Arc::default(),
        base_url: base_url.into(),
        builder_token,
        stopping,
    })
}

/// Where what comes from repositories elsewhere is kept.
fn cache_folder(config: &Builder, folder: &Folder) -> PathBuf {
    if config.cache.as_os_str().is_empty() { folder.path().join("cache") } else { config.cache.clone() }
}

/// Takes up what a former run of this server left: its builder's leases and its publish tasks are free at once, other builders
/// get time to be heard again.
///
/// # Errors
/// The database or the store does not answer.
pub async fn recover(state: &AppState, name: &str) -> Result<()> {
    db::task::release(&state.db, name).await?;
    db::hook::release(&state.db, name).await?;
    state.queue.release_builder(name, false).await?;
    state.queue.prolong(clock::now_ms()).await?;
    state.queue.sweep(clock::now_ms()).await?;
    if let Err(error) = state.queue.sweep_logs().await {
        tracing::warn!(%error, "cannot put logs where they belong yet");
    }
    Ok(())
}

/// Lets search know projects of which it knows nothing yet: the database is an older program's. They are found as it goes on.
async fn catch_up(db: &Db) {
    match db::search::catch_up(db).await {
        Ok(0) => {}
        Ok(projects) => tracing::info!(projects, "search knows all projects"),
        Err(error) => tracing::error!(%error, "search does not know all projects: coprd admin search rebuild"),
    }
}

/// Makes the administrator, and shows its token this once.
async fn first_start(folder: &Folder, state: &AppState) -> Result<()> {
    if folder.has_admin_token() {
        return Ok(());
    }
    let now = clock::now_ms();
    let user = match db::user::by_name(&state.db, admin::ADMIN).await? {
        Some(user) => user,
        None => db::user::add(&state.db, admin::ADMIN, true, now).await?,
    };
    let token = db::token::add(&state.db, user.id, now).await?;
    folder.write_admin_token(&token.login, &token.token)?;
    say(&format!(
        "First start: the configuration is {}\n\
         The administrator's API login and token (shown once; kept in {}):\n  login = {}\n  token = {}\n\
         Add a user: coprd admin --data {} user add NAME > ~/.config/copr",
        folder.config().display(),
        folder.path().join("admin-token").display(),
        token.login,
        token.token.expose(),
        folder.path().display()
    ));
    Ok(())
}

/// Prints lines for who started the server; when nobody listens any more, it serves all the same.
fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).ok();
}

/// Lets this process open as many files as it may: each connection is one, and what shells give is often 1024.
fn open_files() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::debug!(%error, "the limit of open files stays what it was");
    }
}

/// Names this server in claims: the same at every start on the same folder.
fn server_name(folder: &Path) -> String {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let digest = db::token::digest(&format!("{host}:{}", folder.display()));
    format!("embedded-{}", digest.get(..8).unwrap_or_default())
}

fn builder_options(config: &Builder, folder: &Folder, token: &Secret, name: &str) -> BuilderOptions {
    let set = |path: &PathBuf| (!path.as_os_str().is_empty()).then(|| path.clone());
    let cache = cache_folder(config, folder);
    let mut options = BuilderOptions::new("http://127.0.0.1:0", token.clone(), cache, folder.path().join("work"));
    name.clone_into(&mut options.name);
    options.jobs = config.jobs;
    options.chroots.clone_from(&config.chroots);
    options.tags.clone_from(&config.tags);
    let engine = &mut options.engine;
    engine.qemu.clone_from(&config.qemu);
    engine.accel = accel(config.accel);
    engine.kernel = set(&config.kernel);
    engine.modules = set(&config.modules);
    engine.memory_mib = config.memory_mib;
    engine.most_memory_mib = config.most_memory_mib.max(config.memory_mib);
    engine.cpus = config.cpus;
    engine.most_cpus = if config.most_cpus == 0 { engine.most_cpus } else { config.most_cpus }.max(config.cpus);
    engine.scratch_bytes = config.scratch_bytes;
    engine.limits.log_bytes = config.log_bytes;
    engine.snapshots = config.snapshots;
    engine.cache_bytes = config.cache_bytes;
    engine.network.allow.clone_from(&config.allow);
    engine.confinement.cgroup = set(&config.cgroup);
    engine.confinement.uid = (config.uid != 0).then_some(config.uid);
    options
}

/// A program by its path, or by its name in one of the folders of `PATH`.
fn find_program(program: &Path, path: &OsStr) -> Result<PathBuf> {
    if program.components().count() > 1 {
        return Ok(program.to_owned());
    }
    let found = std::env::split_paths(path).map(|folder| folder.join(program)).find(|file| file.is_file());
    found.with_context(|| {
        format!(
            "the embedded builder can't work: {} is not in $PATH. Install QEMU (Debian: qemu-system-x86, Fedora: \
             qemu-system-x86-core), or set `enabled = false` in [builder] of coprd.toml",
            program.display()
        )
    })
}

/// The builder's word for it.
#[must_use]
pub fn accel(accel: Accel) -> copr_builder::Accel {
    match accel {
        Accel::Auto => copr_builder::Accel::Auto,
        Accel::Kvm => copr_builder::Accel::Kvm,
        Accel::Tcg => copr_builder::Accel::Tcg,
    }
}

/// The embedded builder, until it ends.
async fn run_builder(options: BuilderOptions, stopping: CancellationToken) {
    if let Err(error) = copr_builder::run(options, stopping).await {
        tracing::error!(%error, "the embedded builder failed");
    }
}

/// Starts a piece of the server again whenever it ends or panics, until the server stops.
async fn keep_running<F: Future<Output = ()> + Send + 'static>(
    what: &'static str,
    stopping: CancellationToken,
    start: impl Fn() -> F + Send,
) {
    keep_running_after(RESTART, what, stopping, start).await;
}

/// The same with another pause.
async fn keep_running_after<F: Future<Output = ()> + Send + 'static>(
    pause: Duration,
    what: &'static str,
    stopping: CancellationToken,
    start: impl Fn() -> F + Send,
) {
    loop {
        let ended = tokio::spawn(start()).await;
        if let Err(error) = &ended {
            tracing::error!(%error, "{what} panicked");
        }
        if stopping.is_cancelled() {
            return;
        }
        tracing::warn!("{what} ended; it is started again");
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stopping.cancelled() => return,
        }
    }
}

/// Serves requests until asked to stop, then lets those at work end, for a while.
async fn run_http(listener: TcpListener, tls: Option<Tls>, state: &AppState, stopping: &CancellationToken) {
    let app = http::router(state.clone());
    if !http::serve::run(listener, tls, app, &state.config.limits, stopping).await {
        tracing::warn!("some calls did not end in time and were cut off");
    }
}

/// An address that reaches a listener from this machine.
fn reachable(bound: SocketAddr) -> SocketAddr {
    match bound {
        SocketAddr::V4(address) if address.ip().is_unspecified() => (Ipv4Addr::LOCALHOST, address.port()).into(),
        SocketAddr::V6(address) if address.ip().is_unspecified() => (Ipv6Addr::LOCALHOST, address.port()).into(),
        other => other,
    }
}

/// Cancels the token at SIGTERM or SIGINT.
///
/// # Errors
/// The signals can't be listened for.
pub fn stop_at_signals(stopping: CancellationToken) -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("asked to stop");
        stopping.cancel();
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_piece_of_the_server_that_panics_is_started_again_until_the_server_stops() {
        let (stopping, started) = (CancellationToken::new(), Arc::new(AtomicUsize::new(0)));
        let (stop, count) = (stopping.clone(), Arc::clone(&started));
        keep_running_after(Duration::from_millis(1), "the piece", stopping, move || {
            let (stop, number) = (stop.clone(), count.fetch_add(1, Ordering::Relaxed));
            async move {
                match number {
                    0 => panic!("this panic belongs to the test"),
                    1 => {}
                    _ => stop.cancel(),
                }
            }
        })
        .await;
        assert_eq!(started.load(Ordering::Relaxed), 3);
    }
}
