//! Jobs that are no builds, and a guest without any.

use std::{os::unix::net::UnixStream, time::Duration};

use copr_builder::GUEST;
use copr_vm::{
    Accelerator, Exit, Initramfs, Input, Job, JobKind, Stage, find_qemu,
    proto::{Begin, ErrorKind, FromGuest, GuestExit, LINT_DIR, ToGuest, VERSION, read_frame, write_frame},
    qemu::{QemuCommand, Start},
};

use crate::distribution::{DBPATH, Seen, base, command, kernel, machine, package, run_machine};

#[test]
fn a_base_is_a_whole_file_system_that_belongs_to_no_machine_in_particular() {
    let (image, seen) = base();
    assert_eq!(seen.stages.last(), Some(&Stage::End));
    assert!(seen.installed.starts_with("base-1-1."), "{}", seen.installed);
    assert!(seen.root_log.contains("the scriptlet ran as 0"), "{}", seen.root_log);
    assert!(
        seen.root_log.contains("the scriptlet ran as 0\nexe\nrpm\n"),
        "scriptlets see others than rpm: {}",
        seen.root_log
    );
    let image = image.to_str().unwrap();
    command("e2fsck", &["-fn", image]);
    let read = |path: &str| command("debugfs", &["-R", &format!("cat {path}"), image]);
    assert_eq!(read("/etc/machine-id"), "");
    let folder = command("debugfs", &["-R", "ls -p /var/lib/systemd", image]);
    assert!(!folder.contains("random-seed"), "{folder}");
    let folder = command("debugfs", &["-R", "ls -p /var/lib/rpm", image]);
    let journal = folder.lines().find(|line| line.contains("-wal/"));
    assert!(folder.contains("/rpmdb.sqlite/"), "{folder}");
    assert!(journal.is_none_or(|line| line.ends_with("-wal/0/")), "rpm's database is not closed: {folder}");
}

#[test]
fn a_spec_and_its_sources_become_one_source_package() {
    let home = tempfile::tempdir().unwrap();
    let spec = home.path().join("tale.spec");
    let text = "Name: tale\nVersion: 2\nRelease: 1%{?dist}\nSummary: x\nLicense: MIT\nBuildArch: noarch\n\
        Source0: tale.txt\nBuildRequires: the-thing-that-nobody-has\n%description\nx\n%files\n";
    fs_err::write(&spec, text).unwrap();
    fs_err::write(home.path().join("tale.txt"), "once upon a time\n").unwrap();
    let mut job = Job::new(JobKind::Spec { spec: "tale.spec".to_owned() }, DBPATH, "x86_64");
    job.macros.push(("dist".to_owned(), "%nil".to_owned()));
    let input = |name: &str| Input::source(name, home.path().join(name));
    let mut seen = Seen::default();
    let inputs = vec![input("tale.spec"), input("tale.txt")];
    let report = run_machine(&mut seen, &machine(home.path(), job.clone(), inputs));
    assert_eq!(report.exit, Exit::Built(0), "{}", seen.build_log);
    let [source] = &report.results[..] else { panic!("{:?}", report.results) };
    assert_eq!(source.name, "tale-2-1.src.rpm");
    let files = command("rpm", &["-qpl", "--nosignature", source.path.to_str().unwrap()]);
    assert_eq!(files, "tale.spec\ntale.txt\n");

    fs_err::remove_file(&source.path).unwrap();
    let report = run_machine(&mut seen, &machine(home.path(), job, vec![input("tale.spec")]));
    let Exit::Refused(why) = &report.exit else { panic!("{:?}", report.exit) };
    assert!(why.contains("rpmbuild -bs ended with status") && seen.build_log.contains("tale.txt"), "{why}");
}

#[test]
fn rpmlint_reads_packages_as_an_ordinary_user_and_its_words_and_status_come_back() {
    let home = tempfile::tempdir().unwrap();
    let spec =
        "Name: plain\nVersion: 1\nRelease: 1\nSummary: x\nLicense: MIT\nBuildArch: noarch\n%description\nx\n%files\n";
    let plain = package(home.path(), "plain", spec, "-bb");
    let input = Input { path_in_disk: format!("{LINT_DIR}/plain-1-1.noarch.rpm"), source: plain };
    let job = Job::new(JobKind::Lint, DBPATH, "x86_64");
    let mut seen = Seen::default();
    let report = run_machine(&mut seen, &machine(home.path(), job, vec![input]));
    assert_eq!(report.exit, Exit::Built(64), "{}", seen.lint_log);
    assert_eq!(seen.lint_log, "I am 1000 and see /builddir/lint/plain-1-1.noarch.rpm\nplain is well\n");
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
        start: Start::Boot,
        home: home.path().to_owned(),
        input: None,
        scratch: None,
        layered: false,
        spare: None,
        network: false,
        uid: None,
    };
    let mut qemu = command.start().unwrap();
    let mut frames = Vec::new();
    while let Some((kind, payload)) = read_frame(&mut qemu.port).unwrap() {
        let frame = FromGuest::decode(kind, payload).unwrap();
        let say = |port: &mut UnixStream, word: ToGuest| {
            let (kind, payload) = word.encode();
            write_frame(port, kind, &payload).unwrap();
        };
        match frame {
            FromGuest::Ready { version, .. } => {
                assert_eq!(version, VERSION);
                say(&mut qemu.port, ToGuest::Begin(Begin { seconds: 1_764_000_000, nanoseconds: 0, seed: [7; 64] }));
                continue;
            }
            FromGuest::Stage { stage: Stage::End, .. } => {
                std::thread::sleep(Duration::from_millis(300));
                assert!(!qemu.has_ended().unwrap(), "it powered off before it was told that all is received");
                say(&mut qemu.port, ToGuest::Received);
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
