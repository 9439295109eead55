//! One lease, from its source package to its end.

use std::{path::Path, sync::Arc, time::Duration};

use copr_api::builder::{Finish, Lease, Outcome, ResultFile, Stage, Work};
use copr_rpm::{Dependency, DependencyKind, Nevra, Package};
use copr_vm::{Confinement, Exit, Fault, Input, Job, JobKind, Limits, MachineSpec, Report, Root};
use tokio::sync::watch;

use crate::{
    BuilderOptions, Checked, GUEST,
    buildroot::{self, Prepared, Remotes, blocking},
    client::{LeaseClient, again},
    heartbeat::{Stop, StopReason, keep},
    logs::{HARDWARE, Logs},
    machine::Watcher,
    results, stage0,
};

/// Why a build did not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The package's own fault, in a sentence for the packager.
    User(String),
    /// Ours, in a sentence for the admin.
    Machine(String),
    /// It was stopped.
    Stopped,
}

impl Failure {
    pub(crate) fn user(message: impl Into<String>) -> Self {
        Self::User(message.into())
    }

    pub(crate) fn machine(message: impl Into<String>) -> Self {
        Self::Machine(message.into())
    }
}

/// A file of ours that cannot be written is nobody's fault but ours.
impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::machine(error.to_string())
    }
}

/// What all builds of one builder share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) options: BuilderOptions,
    pub(crate) checked: Checked,
    pub(crate) client: LeaseClient,
    pub(crate) remotes: Remotes,
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
    built: Result<Vec<ResultFile>, Failure>,
    logs: &Logs,
    stop: &Stop,
) -> Result<(), Failure> {
    let built = match stop.reason() {
        None => built,
        Some(_) => Err(Failure::Stopped),
    };
    let (outcome, results) = match built {
        Ok(results) => {
            logs.state("Finish: build succeeded");
            (Outcome::Succeeded, results)
        }
        Err(Failure::User(message)) => {
            logs.say(&format!("The build failed: {message}"));
            logs.state("Finish: build failed");
            (Outcome::UserFault { message }, Vec::new())
        }
        Err(Failure::Machine(message)) => {
            tracing::warn!(lease = lease.id, build.id = lease.build_id, message, "a machine's fault");
            logs.say(&format!("The builder failed, and the build will be tried again: {message}"));
            (Outcome::MachineFault { message }, Vec::new())
        }
        Err(Failure::Stopped) if stop.reason() == Some(StopReason::Cancelled) => {
            logs.state("Finish: build cancelled");
            (Outcome::Cancelled, Vec::new())
        }
        Err(Failure::Stopped) => return Err(Failure::Stopped),
    };
    tracing::info!(lease = lease.id, build.id = lease.build_id, ?outcome, "build ended");
    let finish = Finish { outcome, results, others: Vec::new() };
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

/// Everything between a lease and its outcome.
async fn build(
    shared: &Shared,
    lease: &Lease,
    dir: &Path,
    logs: &Arc<Logs>,
    stage: &watch::Sender<Stage>,
    stop: &Stop,
) -> Result<Vec<ResultFile>, Failure> {
    let Work::Build { srpm: wanted } = &lease.work else {
        return Err(Failure::machine("this builder makes no source packages"));
    };
    logs.state(&format!("Start: build {} of {} for {}", lease.build_id, wanted.name, lease.chroot));
    hardware(shared, logs);
    let srpm = dir.join("source.rpm");
    let sha256 = stop
        .unless_stopped(again(|| async {
            let _ = tokio::fs::remove_file(&srpm).await;
            shared.client.source(&lease.id, &srpm).await
        }))
        .await
        .ok_or(Failure::Stopped)?
        .map_err(|error| Failure::machine(format!("the source package cannot be downloaded: {error}")))?;
    if sha256 != wanted.sha256.to_ascii_lowercase() {
        return Err(Failure::machine(format!(
            "the source package arrived with the SHA-256 {sha256}, the lease says {}",
            wanted.sha256
        )));
    }
    let (source, requires) = {
        let srpm = srpm.clone();
        blocking(move || read_source(&srpm)).await??
    };
    logs.say(&format!("The source package is {source}; it requires {} capabilities", requires.len()));

    let Prepared { buildroot, tools } = stop
        .unless_stopped(buildroot::prepare(&shared.remotes, lease, requires, logs))
        .await
        .ok_or(Failure::Stopped)??;
    let cache = shared.options.engine.cache_dir.clone();
    let initramfs = blocking(move || stage0::archive(&cache, &tools))
        .await?
        .map_err(|error| Failure::machine(error.to_string()))?;
    if stop.reason().is_some() {
        return Err(Failure::Stopped);
    }

    let results_dir = dir.join("results");
    let machine_dir = dir.join("machine");
    fs_err::create_dir_all(&results_dir)?;
    fs_err::create_dir_all(&machine_dir)?;
    let file_name = source.file_name();
    let mut inputs: Vec<Input> =
        buildroot.iter().map(|package| Input::package(&package.nevra.file_name(), &package.path)).collect();
    inputs.push(Input::source(&file_name, &srpm));
    let mut job = Job::new(JobKind::Build { source: file_name }, &lease.definition.dbpath, lease.chroot.arch());
    job.macros = lease.definition.macros.iter().chain(&lease.macros).cloned().collect();
    let options = &shared.options.engine;
    let spec = MachineSpec {
        qemu: shared.checked.qemu.clone(),
        accelerator: shared.checked.accel.accelerator,
        cpu: if lease.definition.cpu.is_empty() { "qemu64".to_owned() } else { lease.definition.cpu.clone() },
        cpus: options.cpus,
        memory_mib: options.memory_mib,
        kernel: shared.checked.kernel.clone(),
        initramfs,
        guest_binary: GUEST,
        inputs,
        job,
        scratch_bytes: options.scratch_bytes,
        root: Root::Fresh,
        network: None,
        confinement: Confinement::default(),
        snapshots: None,
        results_dir,
        work_dir: machine_dir,
        limits: Limits { build: Duration::from_secs(lease.timeout.max(1)), ..Limits::default() },
    };
    stage.send_replace(Stage::Booting);
    logs.state("Start: the machine boots");
    let mut watcher = Watcher { logs: logs.clone(), stage: stage.clone() };
    let cancel = stop.machine_flag();
    let report = blocking(move || copr_vm::run(&spec, &mut watcher, &cancel))
        .await?
        .map_err(|error| Failure::machine(error.to_string()))?;
    if stop.reason().is_some() {
        return Err(Failure::Stopped);
    }
    verdict(&report, logs)?;

    let arch = lease.chroot.arch().to_owned();
    let checked = blocking(move || check_results(&report, &arch, &source)).await?.map_err(Failure::user)?;
    stage.send_replace(Stage::Uploading);
    let size: u64 = checked.iter().map(|result| result.size).sum();
    logs.state(&format!("Start: uploading {} results ({size} bytes)", checked.len()));
    for result in &checked {
        let path = dir.join("results").join(&result.file);
        stop.unless_stopped(again(|| shared.client.result(&lease.id, result, &path)))
            .await
            .ok_or(Failure::Stopped)?
            .map_err(|error| Failure::machine(format!("{} cannot be uploaded: {error}", result.file)))?;
    }
    Ok(checked)
}

/// What machines are made of, for everyone who wonders why a build is slow.
fn hardware(shared: &Shared, logs: &Logs) {
    for line in shared.checked.to_string().lines() {
        logs.line(HARDWARE, line);
    }
    let options = &shared.options.engine;
    logs.line(
        HARDWARE,
        &format!(
            "machine: {} CPU, {} MiB of memory, {} MiB of disk",
            options.cpus,
            options.memory_mib,
            options.scratch_bytes >> 20
        ),
    );
}

/// The SRPM's name, and what it requires but for the features of rpm itself.
fn read_source(path: &Path) -> Result<(Nevra, Vec<Dependency>), Failure> {
    let unreadable =
        |error: &dyn std::fmt::Display| Failure::user(format!("the source package cannot be read: {error}"));
    let package = Package::open(path).map_err(|error| unreadable(&error))?;
    if !package.is_source() {
        return Err(Failure::user("the submitted package is a binary package, a source package is needed"));
    }
    let nevra = package.nevra().map_err(|error| unreadable(&error))?;
    let mut requires = package.dependencies(DependencyKind::Requires).map_err(|error| unreadable(&error))?;
    requires.retain(|requirement| !requirement.name.starts_with("rpmlib("));
    Ok((nevra, requires))
}

/// Passes on when rpmbuild succeeded.
fn verdict(report: &Report, logs: &Logs) -> Result<(), Failure> {
    match report.exit.fault() {
        None if report.exit == Exit::Built(0) => Ok(()),
        None => Err(Failure::Stopped),
        Some(fault) => {
            let message = report.exit.to_string();
            if !matches!(report.exit, Exit::Built(_) | Exit::InstallFailed(_) | Exit::Refused(_)) {
                logs.say("The end of the machine's console:");
                logs.say(&report.console_tail);
            }
            Err(match fault {
                Fault::User => Failure::User(message),
                Fault::Machine => Failure::Machine(message),
            })
        }
    }
}

/// Checks all packages among the results; other files (spec files) are not published.
fn check_results(report: &Report, arch: &str, source: &Nevra) -> Result<Vec<ResultFile>, String> {
    let packages = report.results.iter().filter(|result| result.name.ends_with(".rpm"));
    let checked: Vec<ResultFile> = packages
        .map(|result| results::check(&result.path, &result.name, result.size, &result.sha256, arch, source))
        .collect::<Result<_, _>>()?;
    if checked.is_empty() {
        return Err("the build made no package".to_owned());
    }
    Ok(checked)
}
