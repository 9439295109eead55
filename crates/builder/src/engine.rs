//! What makes packages of source packages, and source packages of sources: [`Engine`].
//!
//! It knows nothing of servers and leases. A builder gives it the [`Task`] of each lease (`job`), and a packager's own
//! machine gives it one task and keeps the results (`local`).

use std::{
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
    time::Duration,
};

use copr_api::{
    builder::{BuildRepository, ChrootDefinition, ResultFile, Settings, Shadow, SourceFile, SourceMethod, Stage},
    names::Chroot,
};
use copr_remote::{Remote, RemoteOptions};
use copr_resolve::{PackageId, kept::Kept};
use copr_rpm::{Dependency, DependencyKind, Nevra, Package, Tag, tag};
use copr_vm::{Exit, Fault, Input, Job, JobKind, Limits, MachineSpec, Report, Root, proto};
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use crate::{
    Checked, EngineOptions, GUEST,
    bases::{Base, Bases},
    buildroot::{Plan, Prepared, Wishes, counted, named, prepare},
    cache,
    heartbeat::Stop,
    logs::{HARDWARE, Logs},
    machine::Watcher,
    repositories::{Remotes, Repositories, external_repositories},
    results::{self, Claims},
    rounds::Rounds,
    stage0,
};

/// Changes when bases are made differently, so that older ones are not used any more.
const BASE_FORMAT: &str = "copr base 1\n";
/// The guest is part of what a base is made by.
static GUEST_SUM: LazyLock<String> = LazyLock::new(|| hex::encode(Sha256::digest(GUEST)));

/// Makes packages in machines. One serves any number of builds at the same time.
#[derive(Debug)]
pub(crate) struct Engine {
    /// Where it works, and what machines it makes.
    pub(crate) options: EngineOptions,
    /// What this host has for machines.
    pub(crate) checked: Checked,
    pub(crate) remotes: Remotes,
    bases: Bases,
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
    /// Which of the packages stand in the way of the distribution's.
    pub(crate) shadows: Vec<Shadow>,
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

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::User(message) | Self::Skipped(message) | Self::Machine(message) => f.write_str(message),
            Self::Stopped => f.write_str("it was stopped"),
        }
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
            external: Remote::new(external_repositories(&cache, &options.network))?,
            kept: Kept::in_folder(options.cache_dir.join("solver")),
        };
        let bases = Bases::new(options.cache_dir.join("bases"));
        Ok(Self { options, checked, remotes, bases })
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
        self.hardware(task, logs);
        let work = Work { engine: self, task, dir, logs, stage, stop };
        let built = match &task.make {
            Make::Packages { srpm } => work.packages(srpm).await,
            Make::Source { method, files } => work.source(method, files).await,
        };
        let (dir, bases, most) = (self.options.cache_dir.clone(), self.bases.clone(), self.options.cache_bytes);
        // Nobody waits for it.
        tokio::task::spawn_blocking(move || cache::bound(&dir, &bases, most));
        built
    }

    /// What machines are made of, for everyone who wonders why a build is slow.
    fn hardware(&self, task: &Task, logs: &Logs) {
        for line in self.checked.to_string().lines() {
            logs.line(HARDWARE, line);
        }
        let (options, settings) = (&self.options, &task.settings);
        for (what, asked, given) in [
            ("MiB of memory", settings.memory_mib, self.memory_mib(settings)),
            ("CPUs", settings.cpus, self.cpus(settings)),
        ] {
            if let Some(asked) = asked.filter(|asked| *asked != given) {
                logs.line(HARDWARE, &format!("the build asks for {asked} {what}; it gets {given}"));
            }
        }
        logs.line(
            HARDWARE,
            &format!(
                "machine: {} CPU, {} MiB of memory, {} MiB of disk, {}",
                self.cpus(settings),
                self.memory_mib(settings),
                options.scratch_bytes >> 20,
                if settings.network { "public network" } else { "no network" }
            ),
        );
    }

    fn memory_mib(&self, settings: &Settings) -> u32 {
        let usual = self.options.memory_mib;
        settings.memory_mib.unwrap_or(usual).clamp(256, self.options.most_memory_mib.max(usual))
    }

    fn cpus(&self, settings: &Settings) -> u32 {
        let usual = self.options.cpus;
        settings.cpus.unwrap_or(usual).clamp(1, self.options.most_cpus.max(usual))
    }
}

/// One task while it is worked off.
pub(crate) struct Work<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) task: &'a Task,
    pub(crate) dir: &'a Path,
    pub(crate) logs: &'a Arc<Logs>,
    pub(crate) stage: &'a watch::Sender<Stage>,
    pub(crate) stop: &'a Stop,
}

/// What a machine starts from. The base stays while this lives.
pub(crate) struct Ground {
    initramfs: PathBuf,
    /// The key of the tools.
    tools: String,
    base: Option<Base>,
}

impl Work<'_> {
    /// Builds a source package.
    async fn packages(&self, srpm: &Path) -> Result<Built, Failure> {
        let source = {
            let (srpm, arch) = (srpm.to_owned(), self.task.chroot.arch().to_owned());
            blocking(move || Source::read(&srpm, &arch)).await??
        };
        let requires = counted(source.requires.len(), "capability", "capabilities");
        self.logs.say(&format!("The source package is {}; it requires {requires}", source.nevra));
        let (report, repositories) = match self.attempt(&source, srpm, true).await? {
            Some(ended) => ended,
            None => {
                self.logs.say("The source package requires less here than its header said: once more without that");
                let ended = self.attempt(&source, srpm, false).await?;
                ended.ok_or_else(|| Failure::machine("a machine that was told to guess nothing has guessed"))?
            }
        };
        verdict(&report, self.logs)?;
        let made = self.checked(&report.results, Some(source.nevra)).await?;
        let results: Vec<ResultFile> = made.iter().map(|(file, _)| file.clone()).collect();
        let shadows = self.shadows(repositories, made).await?;
        let specs = report.results.into_iter().filter(|result| result.name.ends_with(".spec"));
        let others = specs.map(|spec| SourceFile { name: spec.name, size: spec.size, sha256: spec.sha256 }).collect();
        self.lint(&results).await?;
        Ok(Built { results, others, shadows })
    }

    /// Runs a machine that builds, and gives the repositories that it had; `None` when it had more than the package requires, by
    /// what its header says.
    async fn attempt(
        &self,
        source: &Source,
        srpm: &Path,
        guess: bool,
    ) -> Result<Option<(Report, Repositories)>, Failure> {
        let definition = &self.task.definition;
        let wishes = Wishes {
            group: definition.group.clone(),
            base: named(&definition.buildroot, "the chroot's buildroot list").map_err(Failure::machine)?,
            extra: named(&self.task.extra_packages, "the additional packages").map_err(Failure::user)?,
            requires: if guess { source.requires.clone() } else { Vec::new() },
        };
        let guess = wishes.requires.clone();
        let Prepared { repositories, plan, wishes } = self.prepare(self.task, wishes).await?;
        let mut ground = self.ground(self.task, &repositories, &plan).await?;
        let delta = if self.grow(&mut ground, &repositories, &plan).await? { &[][..] } else { &plan.delta };
        let mut inputs = self.fetch(&repositories, delta).await?;
        let file_name = source.nevra.file_name();
        inputs.push(Input::source(&file_name, srpm));
        let mut spec = self.machine(&ground, JobKind::Build { source: file_name })?;
        spec.inputs = inputs;
        let mut watcher = Watcher::new(self.logs.clone(), Some(self.stage.clone()));
        watcher.rounds = Some(Rounds {
            runtime: tokio::runtime::Handle::current(),
            remotes: self.engine.remotes.clone(),
            repositories,
            task: self.task.clone(),
            wishes,
            installed: plan.whole,
            guess: if plan.unmet.is_none() { guess } else { Vec::new() },
            too_much: false,
            logs: self.logs.clone(),
            stop: self.stop.clone(),
        });
        self.stage.send_replace(Stage::Booting);
        self.logs.state("Start: the machine starts");
        let (report, mut watcher) = self.run(spec, watcher).await?;
        let rounds = watcher.rounds.take().ok_or_else(|| Failure::machine("a machine has lost its repositories"))?;
        if rounds.too_much {
            return Ok(None);
        }
        watcher.keep_installed();
        drop(ground);
        Ok(Some((report, rounds.repositories)))
    }

    /// Reads the repositories of `task`, this one or one like it, and chooses.
    pub(crate) async fn prepare(&self, task: &Task, wishes: Wishes) -> Result<Prepared, Failure> {
        let prepared = prepare(&self.engine.remotes, task, wishes, self.logs);
        self.stop.unless_stopped(prepared).await.ok_or(Failure::Stopped)?
    }

    /// Packages of the pool as a machine's input.
    async fn fetch(&self, repositories: &Repositories, packages: &[PackageId]) -> Result<Vec<Input>, Failure> {
        let pool = repositories.pool();
        let bytes = packages.iter().map(|id| pool.package_size(*id)).fold(0, u64::saturating_add);
        self.logs.state(&format!(
            "Start: fetching {}, {} MiB",
            counted(packages.len(), "package", "packages"),
            bytes.div_ceil(1 << 20)
        ));
        let fetched = self.stop.unless_stopped(repositories.fetch(packages)).await.ok_or(Failure::Stopped)??;
        Ok(fetched.iter().map(|package| Input::package(&package.nevra.file_name(), &package.path)).collect())
    }

    /// The tools and the base of a plan, from the cache or made now.
    pub(crate) async fn ground(
        &self,
        task: &Task,
        repositories: &Repositories,
        plan: &Plan,
    ) -> Result<Ground, Failure> {
        let pool = repositories.pool();
        let sums = |ids: &[PackageId]| ids.iter().map(|id| pool.checksum(*id).to_string()).collect::<Vec<_>>();
        let tools = stage0::key(sums(&plan.tools));
        let cache = self.engine.options.cache_dir.clone();
        let initramfs = match stage0::find(&cache, &tools) {
            Some(path) => path,
            None => {
                let fetched = repositories.fetch(&plan.tools);
                let fetched = self.stop.unless_stopped(fetched).await.ok_or(Failure::Stopped)??;
                let key = tools.clone();
                blocking(move || stage0::make(&cache, &key, &fetched))
                    .await?
                    .map_err(|error| Failure::machine(error.to_string()))?
            }
        };
        let mut ground = Ground { initramfs, tools: String::new(), base: None };
        if !plan.base.is_empty() {
            let key = base_key(&tools, task, self.engine.options.scratch_bytes, sums(&plan.base));
            let make = async |folder: PathBuf| self.make_base(&ground, task, repositories, &plan.base, &folder).await;
            ground.base = Some(self.engine.bases.get(&key, self.logs, self.stop, make).await?);
        }
        ground.tools = tools;
        Ok(ground)
    }

    /// Puts the delta into a base of its own, for the next build with the same buildroot, when all of it comes from the
    /// distribution; whether that is so. No byte of a project may come into what other builds start from.
    async fn grow(&self, ground: &mut Ground, repositories: &Repositories, plan: &Plan) -> Result<bool, Failure> {
        let (pool, foreign) = (repositories.pool(), repositories.foreign());
        let Some(base) = &ground.base else { return Ok(false) };
        if plan.delta.is_empty() || plan.delta.iter().any(|id| foreign.contains(&pool.repository(*id))) {
            return Ok(plan.delta.is_empty());
        }
        let packages = plan.base.iter().chain(&plan.delta);
        let sums = packages.map(|id| pool.checksum(*id).to_string()).collect();
        let key = base_key(&ground.tools, self.task, self.engine.options.scratch_bytes, sums);
        let make = async |folder: PathBuf| {
            let count = counted(plan.delta.len(), "package", "packages");
            self.logs.state(&format!("Start: adding {count} to the base, once for all builds with this buildroot"));
            let inputs = self.fetch(repositories, &plan.delta).await?;
            let root = Root::Grow { from: base.path.clone(), image: folder.join("image") };
            self.leave_image(ground, self.task, inputs, root, &folder).await
        };
        let grown = self.engine.bases.get(&key, self.logs, self.stop, make).await?;
        ground.base = Some(grown);
        Ok(true)
    }

    /// Installs the base's packages in a machine of their own and keeps its disk as `image` in `folder`.
    async fn make_base(
        &self,
        ground: &Ground,
        task: &Task,
        repositories: &Repositories,
        packages: &[PackageId],
        folder: &Path,
    ) -> Result<(), Failure> {
        let count = counted(packages.len(), "package", "packages");
        self.logs.state(&format!("Start: making the base of {count}, once for all builds that begin with them"));
        let inputs = self.fetch(repositories, packages).await?;
        match self.leave_image(ground, task, inputs, Root::Keep(folder.join("image")), folder).await {
            Err(Failure::User(message) | Failure::Skipped(message) | Failure::Machine(message)) => {
                Err(Failure::Machine(format!("the chroot's base cannot be made: {message}")))
            }
            made_or_stopped => made_or_stopped,
        }
    }

    /// Runs a machine that installs packages and leaves its disk as an image in `folder`, by `root`.
    async fn leave_image(
        &self,
        ground: &Ground,
        task: &Task,
        inputs: Vec<Input>,
        root: Root,
        folder: &Path,
    ) -> Result<(), Failure> {
        let mut spec = self.machine(ground, JobKind::Base)?;
        spec.inputs = inputs;
        spec.root = root;
        spec.network = None;
        spec.job.network = false;
        spec.job.macros = task.definition.macros.clone();
        spec.work_dir = folder.to_owned();
        let (report, _) = self.run(spec, Watcher::new(self.logs.clone(), None)).await?;
        verdict(&report, self.logs)
    }

    /// A machine of the task for a job, over the ground; it has no input yet.
    pub(crate) fn machine(&self, ground: &Ground, kind: JobKind) -> Result<MachineSpec, Failure> {
        let (options, checked) = (&self.engine.options, &self.engine.checked);
        let (definition, settings) = (&self.task.definition, &self.task.settings);
        let results_dir = self.dir.join(RESULTS_DIR);
        let work_dir = self.dir.join("machine");
        fs_err::create_dir_all(&results_dir)?;
        fs_err::create_dir_all(&work_dir)?;
        let mut job = Job::new(kind, &definition.dbpath, self.task.chroot.arch());
        job.macros = definition.macros.iter().chain(&self.task.macros).cloned().collect();
        job.network = settings.network;
        Ok(MachineSpec {
            qemu: checked.qemu.clone(),
            accelerator: checked.accel.accelerator,
            cpu: if definition.cpu.is_empty() { "qemu64".to_owned() } else { definition.cpu.clone() },
            cpus: self.engine.cpus(settings),
            memory_mib: self.engine.memory_mib(settings),
            kernel: checked.kernel.clone(),
            initramfs: ground.initramfs.clone(),
            guest_binary: GUEST,
            inputs: Vec::new(),
            job,
            scratch_bytes: options.scratch_bytes,
            root: ground.base.as_ref().map_or(Root::Fresh, |base| Root::Over(base.path.clone())),
            network: settings.network.then(|| options.network.clone()),
            confinement: options.confinement.clone(),
            snapshots: options.snapshots.then(|| options.cache_dir.join("snapshots")),
            results_dir,
            work_dir,
            limits: Limits { build: self.task.timeout.min(options.limits.build), ..options.limits.clone() },
        })
    }

    /// Has a confined process read what a machine handed back; see [`results::check_all`].
    pub(crate) async fn checked(
        &self,
        files: &[copr_vm::ResultFile],
        source: Option<Nevra>,
    ) -> Result<Vec<(ResultFile, Claims)>, Failure> {
        let (checker, arch) = (self.engine.options.checker.clone(), self.task.chroot.arch().to_owned());
        let (folder, files) = (self.dir.join(RESULTS_DIR), files.to_vec());
        blocking(move || results::check_all(&checker, &folder, &files, &arch, source.as_ref())).await?
    }

    /// Runs a machine to its end.
    pub(crate) async fn run(&self, spec: MachineSpec, mut watcher: Watcher) -> Result<(Report, Watcher), Failure> {
        if self.stop.reason().is_some() {
            return Err(Failure::Stopped);
        }
        let cancel = self.stop.machine_flag();
        let (report, watcher) = blocking(move || {
            let report = copr_vm::run(&spec, &mut watcher, &cancel);
            (report, watcher)
        })
        .await?;
        let report = report.map_err(|error| Failure::machine(error.to_string()))?;
        if self.stop.reason().is_some() {
            return Err(Failure::Stopped);
        }
        Ok((report, watcher))
    }
}

/// All that a base is made of, in one word.
fn base_key(tools: &str, task: &Task, scratch_bytes: u64, mut sums: Vec<String>) -> String {
    sums.sort_unstable();
    let mut key = Sha256::new();
    key.update(BASE_FORMAT);
    let arch = task.chroot.arch();
    for part in [tools, &GUEST_SUM, arch, &task.definition.dbpath, &scratch_bytes.to_string()] {
        key.update(part);
        key.update("\n");
    }
    for (name, value) in &task.definition.macros {
        key.update(format!("%{name} {value}\n"));
    }
    for sum in sums {
        key.update(sum);
        key.update("\n");
    }
    hex::encode(key.finalize())
}

/// A source package as its header shows it.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) nevra: Nevra,
    /// What it requires, but for the features of rpm itself.
    pub(crate) requires: Vec<Dependency>,
}

impl Source {
    /// Reads the header; a package that is not for `arch` is [`Failure::Skipped`].
    pub(crate) fn read(path: &Path, arch: &str) -> Result<Self, Failure> {
        let unreadable =
            |error: &dyn std::fmt::Display| Failure::user(format!("the source package cannot be read: {error}"));
        let package = Package::open(path).map_err(|error| unreadable(&error))?;
        if !package.is_source() {
            return Err(Failure::user("the submitted package is a binary package, a source package is needed"));
        }
        let nevra = package.nevra().map_err(|error| unreadable(&error))?;
        let words = |tag: Tag| -> Vec<String> {
            package.header.strings(tag).unwrap_or_default().into_iter().map(std::borrow::Cow::into_owned).collect()
        };
        let [exclusive, exclude, builds] = [tag::EXCLUSIVEARCH, tag::EXCLUDEARCH, tag::BUILDARCHS].map(words);
        if let Some(reason) = proto::excluded(arch, &exclusive, &exclude, &builds) {
            return Err(Failure::Skipped(format!("{} is not built for {arch}: {reason}", nevra.name)));
        }
        let mut requires = package.dependencies(DependencyKind::Requires).map_err(|error| unreadable(&error))?;
        requires.retain(|requirement| !requirement.name.starts_with("rpmlib("));
        Ok(Self { nevra, requires })
    }
}

/// Passes on when rpmbuild succeeded.
pub(crate) fn verdict(report: &Report, logs: &Logs) -> Result<(), Failure> {
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

/// Runs work that computes or reads files off the async threads.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Failure::machine(format!("a worker thread of the builder ended early: {error}")))
}
