//! Real machines that go on from a snapshot of a booted one, with the real guest. They need QEMU and a kernel.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where it stands")]

use std::{
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

use copr_builder::GUEST;
use copr_vm::{
    Accelerator, Confinement, Exit, Initramfs, Job, JobKind, Kernel, KernelOptions, Limits, LogStream, MachineSpec,
    Observer, Root, Stage, find_qemu, run,
};

#[derive(Default)]
struct Seen {
    stages: Vec<Stage>,
    notes: String,
}

impl Observer for Seen {
    fn stage(&mut self, stage: Stage, _uptime: f64) {
        self.stages.push(stage);
    }
    fn log(&mut self, _stream: LogStream, _bytes: &[u8]) {}
    fn file(&mut self, _name: &str, _size: u64) {}
    fn note(&mut self, text: &str) {
        self.notes.push_str(text);
        self.notes.push('\n');
    }
}

fn spec(home: &Path) -> MachineSpec {
    let folders = ["work", "results"].map(|name| home.join(name));
    for folder in &folders {
        fs_err::create_dir_all(folder).unwrap();
    }
    let [work_dir, results_dir] = folders;
    Initramfs::create(&home.join("tools")).unwrap().finish().unwrap();
    let cache = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("kernel");
    MachineSpec {
        qemu: find_qemu(None).unwrap(),
        accelerator: Accelerator::Tcg,
        cpu: "qemu64".to_owned(),
        cpus: 1,
        memory_mib: 256,
        kernel: Kernel::find(&KernelOptions { image: None, modules: None, cache }).unwrap(),
        initramfs: home.join("tools"),
        guest_binary: GUEST,
        inputs: Vec::new(),
        job: Job::new(JobKind::Base, "/var/lib/rpm", "x86_64"),
        scratch_bytes: 64 << 20,
        root: Root::Fresh,
        network: None,
        confinement: Confinement::default(),
        snapshots: Some(home.join("snapshots")),
        results_dir,
        work_dir,
        limits: Limits::default(),
    }
}

/// Runs a job that ends as soon as the guest has read it and mounted its disks, for there are no packages on them.
fn go(spec: &MachineSpec) -> Seen {
    let mut seen = Seen::default();
    let report = run(spec, &mut seen, &AtomicBool::new(false)).unwrap();
    let Exit::Setup(text) = &report.exit else { panic!("{:?} {}", report, seen.notes) };
    assert!(text.contains("packages"), "{text}");
    assert_eq!(fs_err::read_dir(&spec.work_dir).unwrap().count(), 0, "the machine left something behind");
    seen
}

/// The snapshots that are whole.
fn snapshots(spec: &MachineSpec) -> Vec<PathBuf> {
    let entries = fs_err::read_dir(spec.snapshots.as_ref().unwrap()).unwrap();
    entries.map(|entry| entry.unwrap().path()).filter(|path| path.join("state").exists()).collect()
}

#[test]
fn machines_go_on_from_a_snapshot_that_is_made_once_and_one_that_is_broken_stops_nothing() {
    let home = tempfile::tempdir().unwrap();
    let mut spec = spec(home.path());
    let resumed = "goes on from a snapshot";
    for _ in 0..2 {
        let seen = go(&spec);
        assert!(seen.notes.contains(resumed), "{}", seen.notes);
        assert_eq!(seen.stages.first(), Some(&Stage::Hello), "it booted");
    }
    let [snapshot] = &snapshots(&spec)[..] else { panic!("{:?}", snapshots(&spec)) };
    // Not one byte of it has changed, so it does for the next one, which writes other data.
    let state = fs_err::OpenOptions::new().write(true).open(snapshot.join("state")).unwrap();
    state.set_len(100_000).unwrap();
    let seen = go(&spec);
    assert!(seen.notes.contains("thrown away") && seen.stages.contains(&Stage::Ready), "{}", seen.notes);
    assert_eq!(snapshots(&spec), Vec::<PathBuf>::new());
    // A machine of another shape has a snapshot of its own; this one has a network card.
    spec.network = Some(copr_vm::Network::default());
    let seen = go(&spec);
    assert!(seen.notes.contains(resumed), "{}", seen.notes);
    assert_eq!(snapshots(&spec).len(), 1);
}
