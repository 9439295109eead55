//! Builds, well and ill.

use std::{
    io::BufReader,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use copr_vm::{Exit, Fault, Limits, Stage};

use crate::distribution::{Seen, build, build_seen_by, package};

#[test]
fn a_machine_builds_a_package_as_an_ordinary_user_and_hands_it_back() {
    let home = tempfile::tempdir().unwrap();
    let before = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let spec = "%description\nIt is told.\n%build\nid -u\necho the time is $(date +%s)\ngrep NoNewPrivs /proc/self/status\necho macro: %{story_macro}\n\
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
    let time = seen.build_log.lines().find_map(|line| line.strip_prefix("the time is ")).unwrap();
    let after = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    assert!((before..=after).contains(&time.parse().unwrap()), "its clock is at {time}, not at {before} to {after}");
    assert!(seen.notes.contains("hardware: model name: QEMU"), "{}", seen.notes);
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

/// It is root in the machine, and runs before the packager's code does.
#[test]
fn a_scriptlet_of_a_dependency_has_neither_the_port_nor_any_process_of_the_machines() {
    let home = tempfile::tempdir().unwrap();
    let evil = "Name: evil\nVersion: 1\nRelease: 1\nSummary: x\nLicense: MIT\nBuildArch: noarch\n%description\nx\n%post\n\
        mknod /tmp/port c $(sed 's/:/ /' /sys/class/virtio-ports/*/dev)\n\
        (echo garbage > /tmp/port) 2>/dev/null || echo the port is taken\necho before the kill\nkill -9 -1\n\
        %files\n";
    let evil = package(home.path(), "evil", evil, "-bb");
    let (report, seen) = build(home.path(), "%description\nx\n%files\n", &[evil], Limits::default());
    let Exit::InstallFailed(why) = &report.exit else { panic!("{:?}\n{}", report.exit, report.console_tail) };
    assert!(why.contains("status 137"), "{why}");
    assert_eq!((report.exit.fault(), seen.stages.last()), (Some(Fault::User), Some(&Stage::End)));
    assert!(seen.root_log.contains("the port is taken\nbefore the kill\n"), "{}", seen.root_log);
}
