//! Real machines under TCG whose guest is no guest of ours: what the host does about them. They need QEMU and a kernel.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where it stands")]

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use copr_vm::{
    Accelerator, Confinement, Exit, Fault, Initramfs, Input, Job, JobKind, Kernel, KernelOptions, Limits, LogStream,
    MachineError, MachineSpec, Observer, Root, Stage, find_qemu, run,
};

/// Set in the process that is killed by the test of that.
const PARENT: &str = "COPR_VM_TEST_PARENT";

struct Nobody;

impl Observer for Nobody {
    fn stage(&mut self, _stage: Stage, _uptime: f64) {}
    fn log(&mut self, _stream: LogStream, _bytes: &[u8]) {}
    fn file(&mut self, _name: &str, _size: u64) {}
    fn note(&mut self, _text: &str) {}
}

/// A static program of two bytes: `1: jmp 1b`.
fn endless_loop() -> &'static [u8] {
    let base = 0x40_0000u64;
    let mut elf = b"\x7fELF\x02\x01\x01".to_vec();
    elf.resize(16, 0);
    elf.extend([2, 0, 62, 0, 1, 0, 0, 0]);
    elf.extend((base + 120).to_le_bytes());
    elf.extend(64u64.to_le_bytes());
    elf.extend(0u64.to_le_bytes());
    elf.extend([0, 0, 0, 0, 64, 0, 56, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
    elf.extend([1, 0, 0, 0, 5, 0, 0, 0]);
    for field in [0, base, base, 122, 122, 0x1000] {
        elf.extend(field.to_le_bytes());
    }
    elf.extend([0xeb, 0xfe]);
    Box::leak(elf.into_boxed_slice())
}

fn spec(home: &Path, guest_binary: &'static [u8]) -> MachineSpec {
    let (work_dir, results_dir) = (home.join("work"), home.join("results"));
    fs_err::create_dir_all(&work_dir).unwrap();
    fs_err::create_dir_all(&results_dir).unwrap();
    // One cache for all tests of this binary: unpacking the kernel takes a second.
    let cache = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("kernel");
    let kernel = Kernel::find(&KernelOptions { image: None, modules: None, cache }).unwrap();
    Initramfs::create(&home.join("tools")).unwrap().finish().unwrap();
    MachineSpec {
        qemu: find_qemu(None).unwrap(),
        accelerator: Accelerator::Tcg,
        cpu: "qemu64".to_owned(),
        cpus: 1,
        memory_mib: 256,
        kernel,
        initramfs: home.join("tools"),
        guest_binary,
        inputs: Vec::<Input>::new(),
        job: Job::new(JobKind::Build { source: "a-1-1.src.rpm".to_owned() }, "/var/lib/rpm", "x86_64"),
        scratch_bytes: 64 << 20,
        root: Root::Fresh,
        network: None,
        confinement: Confinement::default(),
        snapshots: None,
        results_dir,
        work_dir,
        limits: Limits::default(),
    }
}

/// The processes whose command line names `folder`.
fn processes_of(folder: &Path) -> Vec<String> {
    let folder = folder.to_str().unwrap();
    let mut found = Vec::new();
    for entry in fs_err::read_dir("/proc").unwrap().flatten() {
        let line = fs_err::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        if line.contains("qemu-system") && line.contains(folder) {
            found.push(line);
        }
    }
    found
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(300), "{what}: not within five minutes");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn assert_nothing_is_left(spec: &MachineSpec) {
    assert_eq!(processes_of(&spec.work_dir), Vec::<String>::new());
    for folder in [&spec.work_dir, &spec.results_dir] {
        assert_eq!(fs_err::read_dir(folder).unwrap().count(), 0, "{} is not empty", folder.display());
    }
}

#[test]
fn a_kernel_panic_is_reported_as_a_machine_fault() {
    let home = tempfile::tempdir().unwrap();
    let spec = spec(home.path(), b"this is no program");
    let report = run(&spec, &mut Nobody, &AtomicBool::new(false)).unwrap();
    let Exit::Died { after: None, message } = &report.exit else { panic!("{:?}", report.exit) };
    assert!(message.contains("Kernel panic"), "{message}");
    assert!(report.console_tail.contains("Kernel panic"), "{}", report.console_tail);
    assert_eq!(report.exit.fault(), Some(Fault::Machine));
    assert_nothing_is_left(&spec);
}

#[test]
fn a_guest_that_never_says_hello_is_killed_at_its_deadline() {
    let home = tempfile::tempdir().unwrap();
    let mut spec = spec(home.path(), endless_loop());
    spec.limits.boot = Duration::from_millis(500);
    let report = run(&spec, &mut Nobody, &AtomicBool::new(false)).unwrap();
    assert_eq!(report.exit, Exit::TimedOut { after: None, seconds: 3 });
    assert_nothing_is_left(&spec);
}

#[test]
fn cancel_stops_a_machine_that_never_listens() {
    let home = tempfile::tempdir().unwrap();
    let spec = spec(home.path(), endless_loop());
    let cancel = Arc::new(AtomicBool::new(false));
    let (asked, work_dir) = (Arc::clone(&cancel), spec.work_dir.clone());
    let canceller = std::thread::spawn(move || {
        wait_until("QEMU runs", || !processes_of(&work_dir).is_empty());
        std::thread::sleep(Duration::from_millis(500));
        asked.store(true, Ordering::Relaxed);
    });
    let report = run(&spec, &mut Nobody, &cancel).unwrap();
    canceller.join().unwrap();
    assert_eq!(report.exit, Exit::Cancelled);
    assert_nothing_is_left(&spec);
}

#[test]
fn no_qemu_outlives_a_parent_that_is_killed() {
    if let Some(home) = std::env::var_os(PARENT) {
        let _ = run(&spec(Path::new(&home), endless_loop()), &mut Nobody, &AtomicBool::new(false));
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let mut parent = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "no_qemu_outlives_a_parent_that_is_killed"])
        .env(PARENT, home.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    wait_until("QEMU runs", || !processes_of(home.path()).is_empty());
    parent.kill().unwrap();
    parent.wait().unwrap();
    wait_until("QEMU is gone", || processes_of(home.path()).is_empty());
}

#[test]
fn a_missing_qemu_is_one_clear_error_and_leaves_nothing() {
    let home = tempfile::tempdir().unwrap();
    let mut spec = spec(home.path(), endless_loop());
    spec.qemu = "/nowhere/qemu-system-x86_64".into();
    let error = run(&spec, &mut Nobody, &AtomicBool::new(false)).unwrap_err();
    assert!(matches!(error, MachineError::MissingQemu(_)), "{error}");
    assert!(error.to_string().contains("apt install qemu-system-x86"), "{error}");
    assert_nothing_is_left(&spec);
}

#[test]
fn what_qemu_complains_of_is_in_the_error() {
    let home = tempfile::tempdir().unwrap();
    let mut spec = spec(home.path(), endless_loop());
    spec.cpu = "no-such-model".to_owned();
    let error = run(&spec, &mut Nobody, &AtomicBool::new(false)).unwrap_err();
    assert!(error.to_string().contains("no-such-model"), "{error}");
    assert_nothing_is_left(&spec);
}

#[test]
fn a_specification_that_cannot_be_is_refused_before_anything_is_written() {
    let home = tempfile::tempdir().unwrap();
    let good = spec(home.path(), endless_loop());
    let mut bad = [good.clone(), good.clone(), good.clone(), good.clone()];
    bad[0].cpus = 0;
    bad[1].memory_mib = 1;
    bad[2].job.kind = JobKind::Build { source: "../a.src.rpm".to_owned() };
    bad[3].job.macros.push(("dist".to_owned(), "a\n%_topdir /".to_owned()));
    for spec in bad {
        let error = run(&spec, &mut Nobody, &AtomicBool::new(false)).unwrap_err();
        assert!(matches!(error, MachineError::Spec(_)), "{error}");
        assert_nothing_is_left(&spec);
    }
}
