//! The distribution that the tests build for, and running a machine over it.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
    sync::{OnceLock, atomic::AtomicBool},
    time::Duration,
};

use copr_builder::GUEST;
use copr_vm::{
    Accelerator, Answer, Confinement, Exit, Initramfs, Input, Job, JobKind, Kernel, KernelOptions, Limits, LogStream,
    MachineSpec, Observer, Report, Root, Stage, find_qemu, run,
};

/// What rpmbuild runs for a package without compiled code, and what the tests run.
const PROGRAMS: [&str; 33] = [
    "rpm", "rpmbuild", "bash", "sh", "cat", "chmod", "chown", "cp", "curl", "date", "env", "find", "git", "grep",
    "gzip", "head", "id", "ln", "ls", "make", "mkdir", "mknod", "mv", "od", "rm", "sed", "sleep", "sort", "stat",
    "tar", "touch", "uname", "yes",
];

/// Where the distribution has rpm's database.
pub(crate) const DBPATH: &str = "/var/lib/rpm";
/// A program of the name rpmlint that says what it sees.
const RPMLINT: &str =
    "#!/bin/sh\necho \"I am $(id -u) and see $*\"\nrpm -qp --nosignature --qf '%{name} is well\\n' \"$@\"\nexit 64\n";

#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) stages: Vec<Stage>,
    pub(crate) root_log: String,
    pub(crate) build_log: String,
    pub(crate) lint_log: String,
    pub(crate) installed: String,
    pub(crate) notes: String,
    /// Each question for requirements: whether dynamic, its round, and what it asks for.
    pub(crate) asked: Vec<(bool, u32, Vec<String>)>,
    /// Packages that are to be had, by what asks for them; each is taken away when it is handed out.
    pub(crate) offers: Vec<(String, PathBuf)>,
    /// How long to look away when rpmbuild has ended, as a busy host does.
    pub(crate) pause_when_built: Duration,
}

impl Observer for Seen {
    fn stage(&mut self, stage: Stage, _uptime: f64) {
        self.stages.push(stage);
        if stage == Stage::Built {
            std::thread::sleep(self.pause_when_built);
        }
    }
    fn log(&mut self, stream: LogStream, bytes: &[u8]) {
        let log = match stream {
            LogStream::Root => &mut self.root_log,
            LogStream::Build => &mut self.build_log,
            LogStream::Lint => &mut self.lint_log,
        };
        log.push_str(&String::from_utf8_lossy(bytes));
    }
    fn file(&mut self, _name: &str, _size: u64) {}
    fn note(&mut self, text: &str) {
        self.notes.push_str(text);
        self.notes.push('\n');
    }
    fn installed(&mut self, packages: &str) {
        self.installed = packages.to_owned();
    }
    fn requires(&mut self, round: u32, dynamic: bool, requires: &[String]) -> Answer {
        self.asked.push((dynamic, round, requires.to_vec()));
        let wanted = |(name, _): &mut (String, PathBuf)| requires.contains(name);
        let found: Vec<_> = self.offers.extract_if(.., wanted).map(|(_, path)| package_input(&path)).collect();
        if found.is_empty() { Answer::Nothing } else { Answer::Install(found) }
    }
}

/// What all tests of this binary share.
pub(crate) struct Distribution {
    pub(crate) home: tempfile::TempDir,
    tools: PathBuf,
    /// All of it in one package.
    package: PathBuf,
}

pub(crate) fn command(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output().unwrap_or_else(|error| panic!("{program}: {error}"));
    let (said, complained) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{program} {args:?}: {said}{complained}");
    said
}

/// Every file of this host that the programs need, by its path with all folders resolved.
fn host_files() -> BTreeSet<PathBuf> {
    let mut files = BTreeSet::new();
    let mut add = |path: &Path| {
        let folder = path.parent().unwrap().canonicalize().unwrap();
        files.insert(folder.join(path.file_name().unwrap()));
    };
    let programs = PROGRAMS.map(|program| Path::new("/usr/bin").join(program));
    // What git runs to fetch by HTTP.
    for path in programs.into_iter().chain(["/usr/lib/git-core/git-remote-http".into()]) {
        add(&path);
        for word in command("ldd", &[path.to_str().unwrap()]).split_whitespace() {
            if word.starts_with('/') {
                add(Path::new(word));
            }
        }
    }
    let mut folders = vec![PathBuf::from("/usr/lib/rpm")];
    while let Some(folder) = folders.pop() {
        for entry in fs_err::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.is_file() {
                add(&path);
            }
        }
    }
    files
}

pub(crate) fn distribution() -> &'static Distribution {
    static MADE: OnceLock<Distribution> = OnceLock::new();
    MADE.get_or_init(|| {
        let home = tempfile::tempdir().unwrap();
        let files = host_files();
        let (tools, stage) = (home.path().join("tools.cpio"), home.path().join("stage"));
        let mut archive = Initramfs::create(&tools).unwrap();
        let links = [("bin", "usr/bin"), ("sbin", "usr/sbin"), ("lib", "usr/lib"), ("lib64", "usr/lib64")];
        fs_err::create_dir_all(stage.join("usr")).unwrap();
        for (link, target) in links {
            archive.add_dir(target, 0o755).unwrap();
            archive.add_symlink(link, target).unwrap();
            fs_err::create_dir_all(stage.join(target)).unwrap();
            std::os::unix::fs::symlink(target, stage.join(link)).unwrap();
        }
        for file in files {
            let relative = file.strip_prefix("/").unwrap();
            let mut content = fs_err::File::open(&file).unwrap();
            let size = content.metadata().unwrap().len();
            archive.add_file(relative.to_str().unwrap(), 0o755, size, &mut content).unwrap();
            fs_err::create_dir_all(stage.join(relative).parent().unwrap()).unwrap();
            fs_err::copy(&file, stage.join(relative)).unwrap();
        }
        archive.finish().unwrap();
        for folder in ["etc", "root", "tmp", "var/tmp", "var/lib/systemd"] {
            fs_err::create_dir_all(stage.join(folder)).unwrap();
        }
        let rpmlint = stage.join("usr/bin/rpmlint");
        fs_err::write(&rpmlint, RPMLINT).unwrap();
        fs_err::set_permissions(&rpmlint, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let spec = format!(
            "Name: base\nVersion: 1\nRelease: 1\nSummary: All\nLicense: various\nAutoReqProv: no\nProvides: /bin/sh\n\
             %description\nAll.\n%install\ncp -a {}/. %{{buildroot}}/\n%post\necho the scriptlet ran as $(id -u)\n\
             echo 1234 > /etc/machine-id\necho 1234 > /var/lib/systemd/random-seed\n\
             for process in /proc/[0-9]*; do cat $process/comm; done\n%files\n/*\n",
            stage.display()
        );
        let package = package(home.path(), "base", &spec, "-bb");
        Distribution { home, tools, package }
    })
}

/// The image of a machine that has installed the distribution, and what the machine told.
pub(crate) fn base() -> &'static (PathBuf, Seen) {
    static MADE: OnceLock<(PathBuf, Seen)> = OnceLock::new();
    MADE.get_or_init(|| {
        let distribution = distribution();
        let (home, image) = (distribution.home.path(), distribution.home.path().join("base.img"));
        let mut seen = Seen::default();
        let job = Job::new(JobKind::Base, DBPATH, "x86_64");
        let inputs = vec![package_input(&distribution.package)];
        let report = run_machine(&mut seen, &machine_with(home, job, inputs, Root::Keep(image.clone())));
        assert_eq!(report.exit, Exit::Built(0), "{}\n{}", seen.root_log, report.console_tail);
        (image, seen)
    })
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

pub(crate) fn package_input(path: &Path) -> Input {
    Input::package(&file_name(path), path)
}

/// Writes a spec, runs rpmbuild on it, and returns what it made.
pub(crate) fn package(home: &Path, name: &str, spec: &str, how: &str) -> PathBuf {
    let top = home.join(format!("top-{name}"));
    fs_err::create_dir_all(&top).unwrap();
    let file = top.join(format!("{name}.spec"));
    fs_err::write(&file, spec).unwrap();
    let define = |text: String| ["--define".to_owned(), text];
    let mut args = vec![how.to_owned(), "--nodeps".to_owned()];
    args.extend(define(format!("_topdir {}", top.display())));
    args.extend(define("_rpmfilename %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm".to_owned()));
    for nothing in ["__os_install_post", "debug_package", "_build_id_links"] {
        args.extend(define(format!("{nothing} %{{nil}}")));
    }
    args.extend(define("_binary_payload w1.gzdio".to_owned()));
    args.push(file.to_str().unwrap().to_owned());
    command("rpmbuild", &args.iter().map(String::as_str).collect::<Vec<_>>());
    let folder = top.join(if how == "-bs" { "SRPMS" } else { "RPMS" });
    fs_err::read_dir(folder).unwrap().next().unwrap().unwrap().path()
}

pub(crate) fn kernel() -> Kernel {
    let cache = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("kernel");
    Kernel::find(&KernelOptions { image: None, modules: None, cache }).unwrap()
}

/// Builds `spec` over the base, with `more` packages besides.
pub(crate) fn build(home: &Path, spec: &str, more: &[PathBuf], limits: Limits) -> (Report, Seen) {
    build_seen_by(Seen::default(), home, spec, more, limits)
}

/// As [`build`], with an observer of the caller's.
pub(crate) fn build_seen_by(
    mut seen: Seen,
    home: &Path,
    spec: &str,
    more: &[PathBuf],
    limits: Limits,
) -> (Report, Seen) {
    let report = run_machine(&mut seen, &MachineSpec { limits, ..build_machine(home, spec, more) });
    (report, seen)
}

/// The machine of [`build`].
pub(crate) fn build_machine(home: &Path, spec: &str, more: &[PathBuf]) -> MachineSpec {
    let spec = format!(
        "%global debug_package %{{nil}}\n%global __os_install_post %{{nil}}\nName: story\nVersion: 1\nRelease: 1\n\
         Summary: A story\nLicense: MIT\nBuildArch: noarch\n{spec}"
    );
    let source = package(home, "story", &spec, "-bs");
    let mut inputs: Vec<_> = more.iter().map(|path| package_input(path)).collect();
    inputs.push(Input::source(&file_name(&source), &source));
    let mut job = Job::new(JobKind::Build { source: file_name(&source) }, DBPATH, "x86_64");
    job.macros.push(("story_macro".to_owned(), "from the job".to_owned()));
    machine(home, job, inputs)
}

/// A machine that does `job` over the base.
pub(crate) fn machine(home: &Path, job: Job, inputs: Vec<Input>) -> MachineSpec {
    machine_with(home, job, inputs, Root::Over(base().0.clone()))
}

fn machine_with(home: &Path, job: Job, inputs: Vec<Input>, root: Root) -> MachineSpec {
    let (work_dir, results_dir) = (home.join("work"), home.join("results"));
    fs_err::create_dir_all(&work_dir).unwrap();
    fs_err::create_dir_all(&results_dir).unwrap();
    MachineSpec {
        qemu: find_qemu(None).unwrap(),
        accelerator: Accelerator::Tcg,
        cpu: "qemu64".to_owned(),
        cpus: 1,
        memory_mib: 512,
        kernel: kernel(),
        initramfs: distribution().tools.clone(),
        guest_binary: GUEST,
        inputs,
        job,
        scratch_bytes: 1 << 30,
        root,
        network: None,
        confinement: Confinement::default(),
        snapshots: None,
        results_dir,
        work_dir,
        limits: Limits::default(),
    }
}

/// Runs one machine.
pub(crate) fn run_machine(seen: &mut Seen, spec: &MachineSpec) -> Report {
    let report = run(spec, seen, &AtomicBool::new(false)).unwrap();
    assert_eq!(fs_err::read_dir(&spec.work_dir).unwrap().count(), 0, "the machine left something behind");
    if report.exit != Exit::Built(0) {
        assert_eq!(report.results, []);
        assert_eq!(fs_err::read_dir(&spec.results_dir).unwrap().count(), 0, "results of a job that failed");
    }
    report
}
