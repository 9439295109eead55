//! What the host does around a machine, shown with a QEMU that is a script: it finds the port on standard input, the monitor
//! on standard output and the disks on its command line as the true one does, and it is quick.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where it stands")]

use std::{
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
    time::Duration,
};

use copr_vm::{
    Accelerator, Answer, Confinement, Exit, Fault, Initramfs, Input, Job, JobKind, Kernel, Limits, LogStream,
    MachineSpec, Observer, Report, Root, Stage, run,
};

/// A guest as far as `installed`, with words for the rest.
const PROLOGUE: &str = r#"#!/usr/bin/python3
import os, struct, sys, time
disks = {}
for word in sys.argv:
    if word.startswith("format=raw,"):
        options = dict(part.split("=", 1) for part in word.split(","))
        disks[options["id"]] = options["file"]
def say(kind, payload):
    frame = kind + struct.pack("<I", len(payload)) + payload
    while frame:
        frame = frame[os.write(0, frame):]
def read(count):
    data = b""
    while len(data) < count:
        piece = os.read(0, count - len(data))
        if not piece:
            sys.exit(1)
        data += piece
    return data
def hear():
    head = read(5)
    read(struct.unpack("<I", head[1:])[0])
    return head[:1]
def disk(name):
    with open(disks[name], "rb") as file:
        return file.read(100 << 20)
def finish(status):
    say(b"S", b"built 1.0")
    say(b"X", b"exit %d" % status)
    say(b"S", b"end 1.0")
    assert hear() == b"R"
    os.write(1, b'{"event": "SHUTDOWN", "data": {"reason": "guest-shutdown"}}\n')
    sys.exit(0)
say(b"S", b"ready 3 0.1")
assert hear() == b"T"
say(b"S", b"hello " + disk("in").split(b'"nonce":"')[1][:16] + b" 0.1")
say(b"S", b"mounted 0.1")
say(b"S", b"installed 0.1")
"#;

#[derive(Default)]
struct Seen {
    answers: Vec<Answer>,
    questions: Vec<(u32, bool, Vec<String>)>,
    notes: String,
}

impl Observer for Seen {
    fn stage(&mut self, _stage: Stage, _uptime: f64) {}
    fn log(&mut self, _stream: LogStream, _bytes: &[u8]) {}
    fn file(&mut self, _name: &str, _size: u64) {}
    fn note(&mut self, text: &str) {
        self.notes.push_str(text);
        self.notes.push('\n');
    }
    fn requires(&mut self, round: u32, dynamic: bool, requires: &[String]) -> Answer {
        self.questions.push((round, dynamic, requires.to_vec()));
        self.answers.remove(0)
    }
}

fn spec(home: &Path, script: &str) -> MachineSpec {
    // Other users shall get to what is theirs.
    fs_err::set_permissions(home, std::fs::Permissions::from_mode(0o755)).unwrap();
    let (work_dir, results_dir) = (home.join("work"), home.join("results"));
    fs_err::create_dir_all(&work_dir).unwrap();
    fs_err::create_dir_all(&results_dir).unwrap();
    let qemu = home.join("qemu");
    fs_err::write(&qemu, format!("{PROLOGUE}{script}")).unwrap();
    fs_err::set_permissions(&qemu, std::fs::Permissions::from_mode(0o755)).unwrap();
    if !home.join("tools").exists() {
        Initramfs::create(&home.join("tools")).unwrap().finish().unwrap();
    }
    MachineSpec {
        qemu,
        accelerator: Accelerator::Tcg,
        cpu: "qemu64".to_owned(),
        cpus: 1,
        memory_mib: 256,
        kernel: Kernel { version: String::new(), image: PathBuf::new(), modules: Vec::new() },
        initramfs: home.join("tools"),
        guest_binary: b"",
        inputs: Vec::new(),
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

fn go(spec: &MachineSpec, seen: &mut Seen) -> Report {
    let report = run(spec, seen, &AtomicBool::new(false)).unwrap();
    assert_eq!(fs_err::read_dir(&spec.work_dir).unwrap().count(), 0, "the machine left something behind");
    report
}

#[test]
fn each_round_finds_its_packages_and_no_others_on_the_spare_disk() {
    let home = tempfile::tempdir().unwrap();
    let package = |name: &str| {
        let path = home.path().join(name);
        fs_err::write(&path, format!("CONTENT OF {name}\n").repeat(100_000)).unwrap();
        Answer::Install(vec![Input::package(&format!("{name}.rpm"), path)])
    };
    let script = r#"
opened = os.stat(disks["spare"])
def ask(question, answer, has, lacks):
    say(b"B", question)
    got = hear()
    spare, now = disk("spare"), os.stat(disks["spare"])
    same = (opened.st_ino, opened.st_size) == (now.st_ino, now.st_size)
    fits = got == answer and same and has in spare and (not lacks or lacks not in spare)
    say(b"E", b"%s: %s" % (question.split(b"\n")[0], b"right" if fits else b"wrong " + got))
ask(b"static 1\nmake\n(gcc if make)", b"G", b"CONTENT OF one", b"")
ask(b"static 2\nmake", b"G", b"CONTENT OF two", b"CONTENT OF one")
ask(b"static 3\nmake", b"N", b"CONTENT OF two", b"")
ask(b"dynamic 1\nmake\nflit", b"N", b"CONTENT OF two", b"")
finish(0)
"#;
    let answers = vec![package("one"), package("two"), Answer::Nothing, Answer::Install(Vec::new())];
    let mut seen = Seen { answers, ..Seen::default() };
    let report = go(&spec(home.path(), script), &mut seen);
    assert_eq!(report.exit, Exit::Built(0), "{}", seen.notes);
    for round in ["static 1", "static 2", "static 3", "dynamic 1"] {
        assert!(seen.notes.contains(&format!("{round}: right")), "{}", seen.notes);
    }
    assert_eq!(seen.questions[0], (1, false, vec!["make".to_owned(), "(gcc if make)".to_owned()]));
    assert_eq!(seen.questions[3], (1, true, vec!["make".to_owned(), "flit".to_owned()]));
}

#[test]
fn what_cannot_be_had_ends_the_job_and_tells_whose_fault_it_is() {
    let home = tempfile::tempdir().unwrap();
    let spec = spec(home.path(), "say(b'B', b'static 1\\nnothing-has-me')\nhear()\n");
    for (answer, fault) in [
        (Answer::Impossible("nothing provides nothing-has-me".to_owned()), Fault::User),
        (Answer::Failed("a mirror does not answer".to_owned()), Fault::Machine),
    ] {
        let (Answer::Impossible(why) | Answer::Failed(why)) = answer.clone() else { panic!("{answer:?}") };
        let report = go(&spec, &mut Seen { answers: vec![answer], ..Seen::default() });
        assert_eq!(report.exit.fault(), Some(fault));
        assert!(report.exit.to_string().contains(&why), "{}", report.exit);
    }
}

#[test]
fn an_image_is_kept_only_of_a_job_that_ended_well() {
    let home = tempfile::tempdir().unwrap();
    let image = home.path().join("base.img");
    let write = "with open(disks['scratch'], 'r+b') as file:\n    file.seek(1 << 20)\n    file.write(b'BASE')\n";
    for end in ["finish(1)", "sys.exit(0)", "say(b'X', b'exit 0')\nsay(b'S', b'end 1.0')\nhear()\nsys.exit(0)"] {
        let mut spec = spec(home.path(), &format!("{write}{end}\n"));
        spec.root = Root::Keep(image.clone());
        assert_ne!(go(&spec, &mut Seen::default()).exit, Exit::Built(0));
        assert!(!image.exists(), "{end}: it was kept");
    }
    let mut kept = spec(home.path(), &format!("{write}finish(0)\n"));
    kept.root = Root::Keep(image.clone());
    assert_eq!(go(&kept, &mut Seen::default()).exit, Exit::Built(0));
    let meta = fs_err::metadata(&image).unwrap();
    assert_eq!((meta.len(), meta.permissions().mode() & 0o777), (64 << 20, 0o444));
    assert_eq!(&fs_err::read(&image).unwrap()[1 << 20..][..4], b"BASE");

    let below = "say(b'E', b'layered' if disk('scratch')[1 << 20:][:4] == b'BASE' else b'blank')\n\
        say(b'E', ' '.join(sys.argv).encode()[:9000])\nfinish(0)\n";
    let mut over = spec(home.path(), below);
    over.root = Root::Over(image.clone());
    let mut seen = Seen::default();
    assert_eq!(go(&over, &mut seen).exit, Exit::Built(0));
    assert!(seen.notes.contains("layered") && seen.notes.contains("snapshot=on"), "{}", seen.notes);
    let grown = home.path().join("grown.img");
    let more =
        "with open(disks['scratch'], 'r+b') as file:\n    file.seek(2 << 20)\n    file.write(b'MORE')\nfinish(0)\n";
    let mut grow = spec(home.path(), more);
    grow.root = Root::Grow { from: image.clone(), image: grown.clone() };
    assert_eq!(go(&grow, &mut Seen::default()).exit, Exit::Built(0));
    let (below, grown) = (fs_err::read(&image).unwrap(), fs_err::read(&grown).unwrap());
    assert_eq!((&grown[1 << 20..][..4], &grown[2 << 20..][..4]), (&b"BASE"[..], &b"MORE"[..]));
    assert_ne!(&below[2 << 20..][..4], b"MORE", "the image below was written");

    over.root = Root::Over(home.path().join("none.img"));
    let error = run(&over, &mut Seen::default(), &AtomicBool::new(false)).unwrap_err().to_string();
    assert!(error.contains("none.img"), "{error}");
}

#[test]
fn a_guest_that_says_nothing_any_more_is_given_up() {
    let home = tempfile::tempdir().unwrap();
    let mut spec = spec(home.path(), "time.sleep(1000)\n");
    spec.limits = Limits { silence: Duration::from_millis(100), ..Limits::default() };
    let report = go(&spec, &mut Seen::default());
    let Exit::Died { after: Some(Stage::Installed), message } = &report.exit else { panic!("{:?}", report.exit) };
    assert!(message.contains("said nothing"), "{message}");
    assert_eq!(report.exit.fault(), Some(Fault::User));
}

#[test]
fn what_qemu_says_beside_its_monitor_is_told_when_it_goes_away() {
    let home = tempfile::tempdir().unwrap();
    let script = "os.write(1, b'{\"event\": \"RTC_CHANGE\"}\\n')\nprint('out of luck', file=sys.stderr)\nsys.exit(1)\n";
    let report = go(&spec(home.path(), script), &mut Seen::default());
    let Exit::Lost { message, .. } = &report.exit else { panic!("{:?}", report.exit) };
    assert!(message.contains("out of luck") && !message.contains("RTC_CHANGE"), "{message}");
}

#[test]
fn qemu_runs_as_the_user_and_in_the_group_that_it_was_given() {
    // Only root can become another user; others are held to what they are.
    let root = rustix::process::geteuid().is_root();
    let home = tempfile::tempdir().unwrap();
    let script = "say(b'E', b'user %d' % os.getuid())\nsay(b'E', open('/proc/self/cgroup').read().encode())\n\
        open(disks['scratch'], 'r+b').write(b'mine')\nfinish(0)\n";
    let trees = ["/sys/fs/cgroup", "/sys/fs/cgroup/memory", "/sys/fs/cgroup/pids"];
    let tree = trees.iter().map(Path::new).find(|tree| tree.join("cgroup.procs").exists());
    let mut spec = spec(home.path(), script);
    spec.confinement = Confinement { cgroup: tree.map(Path::to_path_buf), uid: root.then_some(65534) };
    let image = home.path().join("base.img");
    spec.root = Root::Keep(image.clone());
    let mut seen = Seen::default();
    assert_eq!(go(&spec, &mut seen).exit, Exit::Built(0), "{}", seen.notes);
    assert!(!root || seen.notes.contains("user 65534"), "{}", seen.notes);
    assert_eq!(
        std::os::unix::fs::MetadataExt::uid(&fs_err::metadata(&image).unwrap()),
        rustix::process::geteuid().as_raw()
    );
    if seen.notes.contains("QEMU has a cgroup of its own") {
        let (_, group) = seen.notes.split_once("/machine-").unwrap_or_else(|| panic!("{}", seen.notes));
        let group = format!("machine-{}", group.lines().next().unwrap());
        assert!(!tree.unwrap().join(&group).exists(), "{group} is left");
    } else {
        assert!(tree.is_none() || seen.notes.contains("cgroup"), "{}", seen.notes);
    }
}
