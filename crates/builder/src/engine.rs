//! What makes packages of source packages, and source packages of sources: [`Engine`].
//!
//! It knows nothing of servers and leases. A builder gives it the [`Task`] of each lease (`job`), and a packager's own
//! machine gives it one task and keeps the results (`local`).

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use copr_api::{
    builder::{BuildRepository, ChrootDefinition, ResultFile, Settings, SourceFile, SourceMethod, Stage},
    names::Chroot,
};
use copr_remote::{Remote, RemoteOptions};
use copr_resolve::kept::Kept;
use copr_rpm::{Dependency, DependencyKind, Nevra, Package};
use copr_vm::{Exit, Fault, Input, Job, JobKind, Limits, MachineSpec, Report, Root};
use tokio::sync::watch;

use crate::{
    Checked, EngineOptions, GUEST,
    buildroot::{self, Prepared, Remotes, blocking},
    heartbeat::Stop,
    logs::{HARDWARE, Logs},
    machine::Watcher,
    results, stage0,
};

/// Makes packages in machines. One serves any number of builds at the same time.
#[derive(Debug)]
pub(crate) struct Engine {
    /// Where it works, and what machines it makes.
    pub(crate) options: EngineOptions,
    /// What this host has for machines.
    pub(crate) checked: Checked,
    remotes: Remotes,
}

/// One thing to make: all that is to be known about it.
#[derive(Debug, Clone)]
pub(crate) struct Task {
    /// The chroot it is made for; its architecture is the machine's.
    pub(crate) chroot: Chroot,
    /// The chroot's definition. Its repositories may be folders (`file://`), and tools and bases are made of them alone.
    pub(crate) definition: ChrootDefinition,
    /// What is to be made, and of what.
    pub(crate) make: Make,
    /// Repositories besides the definition's own, dependencies first: a project's and its chain. Never `file://`, unless
    /// `folders` is set.
    pub(crate) repositories: Vec<BuildRepository>,
    /// Whether `repositories` may be folders of this host: they may where whoever names them can read them anyway.
    pub(crate) folders: bool,
    /// Packages or capabilities to install besides the definition's and what the source package requires.
    pub(crate) extra_packages: Vec<String>,
    /// How long rpmbuild may take on a machine with hardware virtualisation; emulation scales it.
    pub(crate) timeout: Duration,
    /// rpm macros, name without `%` and value, in order; they come behind the definition's, and later ones win.
    pub(crate) macros: Vec<(String, String)>,
    /// How the machine is to be.
    pub(crate) settings: Settings,
}

/// What is to be made.
#[derive(Debug, Clone)]
pub(crate) enum Make {
    /// Packages of this source package, a file that stays until the task has ended. It is not yet checked.
    Packages {
        /// The SRPM.
        srpm: PathBuf,
    },
    /// A source package.
    Source {
        /// Of what.
        method: SourceMethod,
        /// The folder that has the files of [`SourceMethod::Spec`], checked against their sums; not looked at otherwise.
        files: PathBuf,
    },
}

/// What a task has made.
#[derive(Debug)]
pub(crate) struct Built {
    /// The packages, each checked against its name and the source package; of a [`Make::Source`] the one SRPM. They lie
    /// under their names in `results` of the task's folder, and go with it.
    pub(crate) results: Vec<ResultFile>,
    /// What else lies there and is kept beside them: the spec.
    pub(crate) others: Vec<SourceFile>,
}

/// Why a task did not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The package's own fault, in a sentence for the packager.
    User(String),
    /// The package is not for this architecture; a sentence for the packager.
    Skipped(String),
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

/// Folder of the results in a task's folder.
pub(crate) const RESULTS_DIR: &str = "results";

impl Engine {
    /// An engine on a host that was checked, with the cache of `options`.
    ///
    /// # Errors
    /// The cache cannot be made, or there is no usable TLS set-up.
    pub(crate) fn new(options: EngineOptions, checked: Checked) -> Result<Self, copr_remote::Error> {
        let cache = options.cache_dir.join("repositories");
        let remotes = Remotes {
            distribution: Remote::new(RemoteOptions { allow_file: true, ..RemoteOptions::new(&cache) })?,
            others: Remote::new(RemoteOptions::new(&cache))?,
            kept: Kept::in_folder(options.cache_dir.join("solver")),
        };
        Ok(Self { options, checked, remotes })
    }

    /// Works off a task in `dir`, an existing folder that is the task's own.
    ///
    /// `logs` takes what the packager is to read, `stage` how far it is; when `stop` says so the machine is gone before this
    /// returns [`Failure::Stopped`]. When the future is dropped, stop it and wait for nothing: the machine dies by itself.
    ///
    /// # Errors
    /// [`Failure`]; what it says is not yet in the logs.
    pub(crate) async fn build(
        &self,
        task: &Task,
        dir: &Path,
        logs: &Arc<Logs>,
        stage: &watch::Sender<Stage>,
        stop: &Stop,
    ) -> Result<Built, Failure> {
        let Make::Packages { srpm } = &task.make else {
            return Err(Failure::machine("this builder makes no source packages"));
        };
        self.hardware(logs);
        let (source, requires) = {
            let srpm = srpm.clone();
            blocking(move || read_source(&srpm)).await??
        };
        logs.say(&format!("The source package is {source}; it requires {} capabilities", requires.len()));
        let prepared = buildroot::prepare(&self.remotes, task, requires, logs);
        let Prepared { buildroot, tools } = stop.unless_stopped(prepared).await.ok_or(Failure::Stopped)??;
        let cache = self.options.cache_dir.clone();
        let initramfs = blocking(move || stage0::archive(&cache, &tools))
            .await?
            .map_err(|error| Failure::machine(error.to_string()))?;
        if stop.reason().is_some() {
            return Err(Failure::Stopped);
        }

        let file_name = source.file_name();
        let mut inputs: Vec<Input> =
            buildroot.iter().map(|package| Input::package(&package.nevra.file_name(), &package.path)).collect();
        inputs.push(Input::source(&file_name, srpm));
        let mut job = Job::new(JobKind::Build { source: file_name }, &task.definition.dbpath, task.chroot.arch());
        job.macros = task.definition.macros.iter().chain(&task.macros).cloned().collect();
        let spec = self.machine(task, dir, initramfs, inputs, job)?;
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
        let (arch, checker) = (task.chroot.arch().to_owned(), self.options.checker.clone());
        let folder = dir.join(RESULTS_DIR);
        let check = move || results::check_all(&checker, &folder, &report.results, &arch, Some(&source));
        Ok(Built { results: blocking(check).await??, others: Vec::new() })
    }

    /// The machine of a task.
    fn machine(
        &self,
        task: &Task,
        dir: &Path,
        initramfs: PathBuf,
        inputs: Vec<Input>,
        job: Job,
    ) -> Result<MachineSpec, Failure> {
        let results_dir = dir.join(RESULTS_DIR);
        let work_dir = dir.join("machine");
        fs_err::create_dir_all(&results_dir)?;
        fs_err::create_dir_all(&work_dir)?;
        let options = &self.options;
        Ok(MachineSpec {
            qemu: self.checked.qemu.clone(),
            accelerator: self.checked.accel.accelerator,
            cpu: if task.definition.cpu.is_empty() { "qemu64".to_owned() } else { task.definition.cpu.clone() },
            cpus: options.cpus,
            memory_mib: options.memory_mib,
            kernel: self.checked.kernel.clone(),
            initramfs,
            guest_binary: GUEST,
            inputs,
            job,
            scratch_bytes: options.scratch_bytes,
            root: Root::Fresh,
            network: None,
            confinement: options.confinement.clone(),
            snapshots: None,
            results_dir,
            work_dir,
            limits: Limits { build: task.timeout.min(options.limits.build), ..options.limits.clone() },
        })
    }

    /// What machines are made of, for everyone who wonders why a build is slow.
    fn hardware(&self, logs: &Logs) {
        for line in self.checked.to_string().lines() {
            logs.line(HARDWARE, line);
        }
        let options = &self.options;
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
    match (&report.exit, report.exit.fault()) {
        (Exit::Built(0), _) => Ok(()),
        (Exit::Skipped(message), _) => Err(Failure::Skipped(message.clone())),
        (_, None) => Err(Failure::Stopped),
        (exit, Some(fault)) => {
            let message = exit.to_string();
            if !matches!(exit, Exit::Built(_) | Exit::InstallFailed(_) | Exit::Refused(_)) {
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
