//! One lease, from its source package to its end.

use std::{path::Path, sync::Arc, time::Duration};

use copr_api::builder::{Finish, Lease, Outcome, SourceFile, SourceMethod, Stage, Work};
use tokio::sync::watch;

use crate::{
    BuilderOptions,
    client::{LeaseClient, again},
    engine::{Built, Engine, Failure, Make, RESULTS_DIR, Task},
    heartbeat::{Stop, StopReason, keep},
    logs::Logs,
};

/// What all builds of one builder share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) options: BuilderOptions,
    pub(crate) client: LeaseClient,
    pub(crate) engine: Engine,
}

/// Stops the machine when the future that owns it is dropped.
struct StopOnDrop(Stop);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop(StopReason::Shutdown);
    }
}

/// Works off one lease in `dir`, an empty folder, and tells the server how it ended.
pub(crate) async fn run(shared: &Shared, lease: &Lease, dir: &Path, stop: &Stop) -> Result<(), Failure> {
    let _guard = StopOnDrop(stop.clone());
    let logs_dir = dir.join("logs");
    fs_err::create_dir_all(&logs_dir)?;
    let logs = Arc::new(Logs::new(&logs_dir));
    let (stage, stages) = watch::channel(Stage::Preparing);
    // The heart beats until the very end, while the work before it comes to one of its own.
    let work = async {
        let built = {
            let build = build(shared, lease, dir, &logs, &stage, stop);
            tokio::pin!(build);
            tokio::select! {
                built = &mut build => built,
                () = logs.send_growing(&shared.client, &lease.id) => Err(Failure::Stopped),
            }
        };
        end(shared, lease, built, &logs, stop).await
    };
    tokio::pin!(work);
    tokio::select! {
        ended = &mut work => return ended,
        () = keep(&shared.client, &lease.id, lease.seconds, stages, stop) => {}
    }
    // The build is stopped. It ends by itself, and not before its machine is gone.
    work.await
}

/// Tells the server the end: first the rest of the logs, then the outcome.
async fn end(
    shared: &Shared,
    lease: &Lease,
    built: Result<Built, Failure>,
    logs: &Logs,
    stop: &Stop,
) -> Result<(), Failure> {
    let built = match stop.reason() {
        None => built,
        Some(_) => Err(Failure::Stopped),
    };
    let nothing = Built { results: Vec::new(), others: Vec::new(), shadows: Vec::new() };
    let (outcome, built) = match built {
        Ok(built) => {
            logs.state("Finish: build succeeded");
            (Outcome::Succeeded, built)
        }
        Err(Failure::Skipped(message)) => {
            logs.say(&format!("The build is skipped: {message}"));
            logs.state("Finish: build skipped");
            (Outcome::Skipped { message }, nothing)
        }
        Err(Failure::User(message)) => {
            logs.say(&format!("The build failed: {message}"));
            logs.state("Finish: build failed");
            (Outcome::UserFault { message }, nothing)
        }
        Err(Failure::Machine(message)) => {
            tracing::warn!(lease = lease.id, build.id = lease.build_id, message, "a machine's fault");
            logs.say(&format!("The builder failed, and the build will be tried again: {message}"));
            (Outcome::MachineFault { message }, nothing)
        }
        Err(Failure::Stopped) if stop.reason() == Some(StopReason::Cancelled) => {
            logs.state("Finish: build cancelled");
            (Outcome::Cancelled, nothing)
        }
        Err(Failure::Stopped) => return Err(Failure::Stopped),
    };
    tracing::info!(lease = lease.id, build.id = lease.build_id, ?outcome, "build ended");
    let finish = Finish { outcome, results: built.results, others: built.others, shadows: built.shadows };
    let told = async {
        if let Err(error) = again(|| logs.send(&shared.client, &lease.id)).await {
            tracing::warn!(lease = lease.id, %error, "the end of the logs could not be sent");
        }
        again(|| shared.client.finish(&lease.id, &finish)).await.map_err(|error| Failure::machine(error.to_string()))
    };
    tokio::select! {
        told = told => told,
        () = stop.abandoned() => Err(Failure::Stopped),
    }
}

/// Everything between a lease and its outcome: the sources come, the engine builds, the results go.
async fn build(
    shared: &Shared,
    lease: &Lease,
    dir: &Path,
    logs: &Arc<Logs>,
    stage: &watch::Sender<Stage>,
    stop: &Stop,
) -> Result<Built, Failure> {
    let make = download(shared, lease, dir, logs, stop).await?;
    let task = Task {
        chroot: lease.chroot.clone(),
        definition: lease.definition.clone(),
        make,
        repositories: lease.repositories.clone(),
        folders: false,
        extra_packages: lease.extra_packages.clone(),
        timeout: Duration::from_secs(lease.timeout.max(1)),
        macros: lease.macros.clone(),
        settings: lease.settings.clone(),
    };
    let built = shared.engine.build(&task, dir, logs, stage, stop).await?;
    stage.send_replace(Stage::Uploading);
    let size: u64 = built.results.iter().map(|result| result.size).sum();
    logs.state(&format!("Start: uploading {} results ({size} bytes)", built.results.len()));
    let results = built.results.iter().map(|result| (&result.file, result.size, &result.sha256));
    let others = built.others.iter().map(|other| (&other.name, other.size, &other.sha256));
    for (name, size, sha256) in results.chain(others) {
        let path = dir.join(RESULTS_DIR).join(name);
        stop.unless_stopped(again(|| shared.client.result(&lease.id, name, size, sha256, &path)))
            .await
            .ok_or(Failure::Stopped)?
            .map_err(|error| Failure::machine(format!("{name} cannot be uploaded: {error}")))?;
    }
    Ok(built)
}

/// Fetches what the lease's work is made of.
async fn download(shared: &Shared, lease: &Lease, dir: &Path, logs: &Logs, stop: &Stop) -> Result<Make, Failure> {
    match &lease.work {
        Work::Build { srpm } => {
            logs.state(&format!("Start: build {} of {} for {}", lease.build_id, srpm.name, lease.chroot));
            let path = dir.join("source.rpm");
            fetch(shared, lease, srpm, None, &path, stop).await?;
            Ok(Make::Packages { srpm: path })
        }
        Work::Source { method } => {
            logs.state(&format!("Start: source package of build {}", lease.build_id));
            let folder = dir.join("sources");
            fs_err::create_dir_all(&folder)?;
            if let SourceMethod::Spec { files, .. } = method {
                for file in files {
                    if !is_plain(&file.name) {
                        return Err(Failure::user(format!("a source may not have the file name {:?}", file.name)));
                    }
                    fetch(shared, lease, file, Some(&file.name), &folder.join(&file.name), stop).await?;
                }
            }
            Ok(Make::Source { method: method.clone(), files: folder })
        }
    }
}

/// Whether a name is that of a file in a folder, and not hidden.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.len() <= 255 && !name.starts_with('.') && !name.contains(['/', '\0'])
}

/// Downloads the lease's SRPM, or one of its source files, and checks its sum.
async fn fetch(
    shared: &Shared,
    lease: &Lease,
    wanted: &SourceFile,
    name: Option<&str>,
    path: &Path,
    stop: &Stop,
) -> Result<(), Failure> {
    let what = name.map_or_else(|| "the source package".to_owned(), |name| format!("the source {name}"));
    let sha256 = stop
        .unless_stopped(again(|| async {
            let _ = tokio::fs::remove_file(path).await;
            shared.client.source(&lease.id, name, path).await
        }))
        .await
        .ok_or(Failure::Stopped)?
        .map_err(|error| Failure::machine(format!("{what} cannot be downloaded: {error}")))?;
    if sha256 != wanted.sha256.to_ascii_lowercase() {
        return Err(Failure::machine(format!(
            "{what} arrived with the SHA-256 {sha256}, the lease says {}",
            wanted.sha256
        )));
    }
    Ok(())
}
