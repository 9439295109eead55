//! Real machines under TCG with the real guest. The distribution they build for is the smallest that can be had: this
//! host's own rpm, bash and friends, packed into one package. They need QEMU, a kernel, rpm and rpmbuild.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where it stands")]

use std::{
    collections::BTreeSet,
    io::BufReader,
    path::{Path, PathBuf},
    process::Command,
    sync::{OnceLock, atomic::AtomicBool},
    time::{Duration, Instant},
};

use copr_builder::GUEST;
use copr_vm::{
    Accelerator, Confinement, Exit, Fault, Initramfs, Input, Job, JobKind, Kernel, KernelOptions, Limits, LogStream,
    MachineSpec, Observer, Report, Root, Stage, find_qemu,
    proto::{Begin, ErrorKind, FromGuest, GuestExit, ToGuest, VERSION, read_frame, write_frame},
    qemu::QemuCommand,
    run,
};

/// What rpmbuild runs for a package without compiled code.
const PROGRAMS: [&str; 27] = [
    "rpm", "rpmbuild", "bash", "sh", "cat", "chmod", "chown", "cp", "env", "find", "grep", "gzip", "head", "id", "ln",
    "ls", "mkdir", "mv", "rm", "sed", "sleep", "sort", "stat", "tar", "touch", "uname", "yes",
];

#[derive(Default)]
struct Seen {
    stages: Vec<Stage>,
    root_log: String,
    build_log: String,
    installed: String,
    beats: usize,
    /// How long to look away when rpmbuild has ended, as a busy host does.
    pause_when_built: Duration,
}

impl Observer for Seen {
    fn stage(&mut self, stage: Stage, _uptime: f64) {
        self.stages.push(stage);
        if stage == Stage::Built {
            std::thread::sleep(self.pause_when_built);
        }
    }
    fn log(&mut self, stream: LogStream, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        match stream {
            LogStream::Root => self.root_log.push_str(&text),
            LogStream::Build | LogStream::Lint => self.build_log.push_str(&text),
        }
    }
    fn file(&mut self, _name: &str, _size: u64) {}
    fn note(&mut self, text: &str) {
        println!("note: {text}");
    }
    fn installed(&mut self, packages: &str) {
        self.installed = packages.to_owned();
    }
    fn heartbeat(&mut self, _beat: &copr_vm::proto::Heartbeat) {
        self.beats += 1;
    }
}

/// What all tests of this file share: the distribution, made once.
struct Distribution {
    home: tempfile::TempDir,
    tools: PathBuf,
    base: PathBuf,
}

fn command(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output().unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(output.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Every file of this host that the programs need, by its path with all folders resolved.
fn host_files() -> BTreeSet<PathBuf> {
    let mut files = BTreeSet::new();
    let mut add = |path: &Path| {
        let folder = path.parent().unwrap().canonicalize().unwrap();
        files.insert(folder.join(path.file_name().unwrap()));
    };
    for program in PROGRAMS {
        let path = Path::new("/usr/bin").join(program);
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

fn distribution() -> &'static Distribution {
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
        for folder in ["etc", "root", "tmp", "var/tmp"] {
            fs_err::create_dir_all(stage.join(folder)).unwrap();
        }
        let spec = format!(
            "Name: base\nVersion: 1\nRelease: 1\nSummary: All\nLicense: various\nAutoReqProv: no\nProvides: /bin/sh\n\
             %description\nAll.\n%install\ncp -a {}/. %{{buildroot}}/\n%post\necho the scriptlet ran as $(id -u)\n%files\n/*\n",
            stage.display()
        );
        let base = package(home.path(), "base", &spec, "-bb");
        Distribution { tools, base, home }
    })
}

/// Writes a spec, runs rpmbuild on it, and returns what it made.
fn package(home: &Path, name: &str, spec: &str, how: &str) -> PathBuf {
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

fn kernel() -> Kernel {
    let cache = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("kernel");
    Kernel::find(&KernelOptions { image: None, modules: None, cache }).unwrap()
}

/// Builds `spec` in a machine of its own, with `more` packages besides the base.
fn build(home: &Path, spec: &str, more: &[PathBuf], limits: Limits) -> (Report, Seen) {
    build_seen_by(Seen::default(), home, spec, more, limits)
}

/// As [`build`], with an observer of the caller's.
fn build_seen_by(mut seen: Seen, home: &Path, spec: &str, more: &[PathBuf], limits: Limits) -> (Report, Seen) {
    let distribution = distribution();
    let spec = format!(
        "%global debug_package %{{nil}}\n%global __os_install_post %{{nil}}\nName: story\nVersion: 1\nRelease: 1\n\
         Summary: A story\nLicense: MIT\nBuildArch: noarch\n{spec}"
    );
    let source = package(home, "story", &spec, "-bs");
    let file_name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    let packages = more.iter().chain([&distribution.base]);
    let mut inputs: Vec<_> = packages.map(|path| Input::package(&file_name(path), path)).collect();
    inputs.push(Input::source(&file_name(&source), &source));
    let (work_dir, results_dir) = (home.join("work"), home.join("results"));
    fs_err::create_dir_all(&work_dir).unwrap();
    fs_err::create_dir_all(&results_dir).unwrap();
    let mut job = Job::new(JobKind::Build { source: file_name(&source) }, "/var/lib/rpm", "x86_64");
    job.macros.push(("story_macro".to_owned(), "from the job".to_owned()));
    let spec = MachineSpec {
        qemu: find_qemu(None).unwrap(),
        accelerator: Accelerator::Tcg,
        cpu: "qemu64".to_owned(),
        cpus: 1,
        memory_mib: 512,
        kernel: kernel(),
        initramfs: distribution.tools.clone(),
        guest_binary: GUEST,
        inputs,
        job,
        scratch_bytes: 1 << 30,
        root: Root::Fresh,
        network: None,
        confinement: Confinement::default(),
        snapshots: None,
        results_dir,
        work_dir,
        limits,
    };
    let report = run(&spec, &mut seen, &AtomicBool::new(false)).unwrap();
    assert_eq!(fs_err::read_dir(&spec.work_dir).unwrap().count(), 0, "the machine left something behind");
    if report.exit != Exit::Built(0) {
        assert_eq!(report.results, []);
        assert_eq!(fs_err::read_dir(&spec.results_dir).unwrap().count(), 0, "results of a build that failed");
    }
    assert!(distribution.home.path().exists());
    (report, seen)
}

#[test]
fn a_machine_builds_a_package_as_an_ordinary_user_and_hands_it_back() {
    let home = tempfile::tempdir().unwrap();
    let spec = "%description\nIt is told.\n%build\nid -u\ngrep NoNewPrivs /proc/self/status\necho macro: %{story_macro}\n\
        ls /dev\nls -d /sys/class/net/*\nsleep 1000 &\ntouch /etc/evil 2>/dev/null || echo not allowed to write /etc\n\
        %install\nmkdir -p %{buildroot}/usr/share\necho once upon a time > %{buildroot}/usr/share/story\n\
        ln -s /etc/passwd %{_rpmdir}/evil.rpm\n%files\n/usr/share/story\n";
    let (report, seen) = build(home.path(), spec, &[], Limits::default());
    assert_eq!(report.exit, Exit::Built(0), "{}\n{}\n{}", seen.root_log, seen.build_log, report.console_tail);
    let names: Vec<_> = report.results.iter().map(|result| result.name.as_str()).collect();
    assert_eq!(names, ["story-1-1.noarch.rpm", "story-1-1.src.rpm", "story.spec"], "a link must not come back");
    let file = fs_err::File::open(&report.results[0].path).unwrap();
    let nevra = copr_rpm::Package::read(BufReader::new(file)).unwrap().nevra().unwrap().to_string();
    assert_eq!(nevra, "story-1-1.noarch");
    let stages =
        [Stage::Ready, Stage::Hello, Stage::Mounted, Stage::Installed, Stage::Unpacked, Stage::Built, Stage::End];
    assert_eq!(seen.stages, stages);
    assert!(seen.installed.starts_with("base-1-1.") && seen.installed.lines().count() == 1, "{}", seen.installed);
    assert!(seen.root_log.contains("the scriptlet ran as 0"), "{}", seen.root_log);
    for line in
        ["\n1000\n", "NoNewPrivs:\t1", "macro: from the job", "not allowed to write /etc", "\n/sys/class/net/lo\n"]
    {
        assert!(seen.build_log.contains(line), "no {line:?} in {}", seen.build_log);
    }
    assert!(!seen.build_log.contains("\nvda\n"), "the build sees the machine's disks: {}", seen.build_log);
}

/// The port's queue in the guest holds 4 MiB that the machine would take with it when it powered off.
#[test]
fn a_host_that_is_slow_to_read_loses_nothing_of_what_the_guest_sent() {
    let home = tempfile::tempdir().unwrap();
    let spec = "%global _binary_payload w0.gzdio\n%description\nIt is long.\n%install\nmkdir -p %{buildroot}/usr/share\n\
        head -c 10000000 /dev/zero > %{buildroot}/usr/share/story\n%files\n/usr/share/story\n";
    let seen = Seen { pause_when_built: Duration::from_secs(6), ..Seen::default() };
    let (report, seen) = build_seen_by(seen, home.path(), spec, &[], Limits::default());
    assert_eq!(report.exit, Exit::Built(0), "{}\n{}\n{}", seen.root_log, seen.build_log, report.console_tail);
    assert_eq!(report.results.len(), 3);
    assert!(report.results[0].size > 10_000_000, "{:?}", report.results);
    assert_eq!(seen.stages.last(), Some(&Stage::End));
}

#[test]
fn a_build_that_fails_is_the_packages_fault_and_hands_nothing_back() {
    let home = tempfile::tempdir().unwrap();
    let spec = "%description\nx\n%build\necho before the end\nexit 3\n%files\n";
    let (report, seen) = build(home.path(), spec, &[], Limits::default());
    assert!(matches!(report.exit, Exit::Built(code) if code != 0), "{:?}", report.exit);
    assert_eq!(report.exit.fault(), Some(Fault::User));
    assert!(seen.build_log.contains("before the end"), "{}", seen.build_log);
}

#[test]
fn a_missing_build_requirement_is_named_in_the_log() {
    let home = tempfile::tempdir().unwrap();
    let spec = "BuildRequires: the-thing-that-nobody-has\n%description\nx\n%build\n%files\n";
    let (report, seen) = build(home.path(), spec, &[], Limits::default());
    assert_eq!(report.exit.fault(), Some(Fault::User), "{:?}", report.exit);
    assert!(seen.build_log.contains("the-thing-that-nobody-has is needed"), "{}", seen.build_log);
}

#[test]
fn a_build_that_floods_its_log_is_stopped() {
    let home = tempfile::tempdir().unwrap();
    let limits = Limits { log_bytes: 300_000, ..Limits::default() };
    let (report, seen) = build(home.path(), "%description\nx\n%build\nyes\n%files\n", &[], limits);
    assert!(matches!(&report.exit, Exit::Refused(text) if text.contains("300000 bytes")), "{:?}", report.exit);
    assert!(seen.build_log.len() <= 300_000);
}

#[test]
fn a_transaction_that_fails_is_an_error_of_its_own_kind() {
    let home = tempfile::tempdir().unwrap();
    let lonely = "Name: lonely\nVersion: 1\nRelease: 1\nSummary: x\nLicense: MIT\nBuildArch: noarch\nRequires: nowhere\n\
        %description\nx\n%files\n";
    let lonely = package(home.path(), "lonely", lonely, "-bb");
    let (report, seen) = build(home.path(), "%description\nx\n%files\n", &[lonely], Limits::default());
    assert!(matches!(report.exit, Exit::InstallFailed(_)), "{:?}", report.exit);
    assert!(seen.root_log.contains("nowhere is needed by lonely"), "{}", seen.root_log);
    assert_eq!(seen.stages.last(), Some(&Stage::End));
}

#[test]
fn a_build_that_hangs_is_stopped_at_its_deadline() {
    let home = tempfile::tempdir().unwrap();
    let limits = Limits { build: Duration::from_millis(500), ..Limits::default() };
    let start = Instant::now();
    let (report, _) = build(home.path(), "%description\nx\n%build\nsleep 1000\n%files\n", &[], limits);
    assert!(matches!(report.exit, Exit::TimedOut { after: Some(_), seconds: 7 }), "{:?}", report.exit);
    assert_eq!(report.exit.fault(), Some(Fault::User));
    assert!(start.elapsed() < Duration::from_secs(90), "{:?}", start.elapsed());
}

#[test]
fn a_guest_that_finds_no_disks_says_so_and_powers_off() {
    let home = tempfile::tempdir().unwrap();
    let (kernel, initramfs) = (kernel(), home.path().join("initramfs"));
    let mut archive = Initramfs::create(&initramfs).unwrap();
    archive.add_file("init", 0o755, GUEST.len() as u64, &mut &*GUEST).unwrap();
    let mut order = String::new();
    for module in &kernel.modules {
        let name = module.file_name().unwrap().to_str().unwrap();
        let mut file = fs_err::File::open(module).unwrap();
        archive.add_file(&format!("modules/{name}"), 0o644, file.metadata().unwrap().len(), &mut file).unwrap();
        order.push_str(name);
        order.push('\n');
    }
    archive.add_file("modules/order", 0o644, order.len() as u64, &mut order.as_bytes()).unwrap();
    archive.finish().unwrap();
    let command = QemuCommand {
        qemu: find_qemu(None).unwrap(),
        accelerator: Accelerator::Tcg,
        cpu: "qemu64".to_owned(),
        cpus: 1,
        memory_mib: 256,
        kernel: kernel.image,
        initramfs,
        console: home.path().join("console"),
        input: None,
        scratch: None,
    };
    let mut qemu = command.start().unwrap();
    let mut frames = Vec::new();
    while let Some((kind, payload)) = read_frame(&mut qemu.port).unwrap() {
        let frame = FromGuest::decode(kind, payload).unwrap();
        let mut say = |word: ToGuest| {
            let (kind, payload) = word.encode();
            write_frame(&mut qemu.port, kind, &payload).unwrap();
        };
        match frame {
            FromGuest::Ready { version, .. } => {
                assert_eq!(version, VERSION);
                say(ToGuest::Begin(Begin { seconds: 1_764_000_000, nanoseconds: 0, seed: [7; 64] }));
                continue;
            }
            FromGuest::Stage { stage: Stage::End, .. } => {
                std::thread::sleep(Duration::from_millis(300));
                assert!(!qemu.has_ended().unwrap(), "it powered off before it was told that all is received");
                say(ToGuest::Received);
            }
            _ => {}
        }
        frames.push(frame);
    }
    assert!(qemu.wait(Duration::from_secs(60)).unwrap(), "it did not power off");
    assert_eq!(qemu.shutdown_reason().as_deref(), Some("guest-shutdown"));
    let [FromGuest::Hello { nonce, .. }, FromGuest::Exit(GuestExit::Error(kind, text)), end] = &frames[..] else {
        panic!("{frames:?}")
    };
    assert_eq!((nonce.as_str(), kind), ("-", &ErrorKind::Setup));
    assert!(text.contains("no disk with the serial \"in\""), "{text}");
    assert!(matches!(end, FromGuest::Stage { stage: Stage::End, .. }));
}
