//! Machines that go on from one snapshot.

use copr_vm::Exit;

use crate::distribution::{Seen, build_machine, run_machine};

#[test]
fn machines_from_one_snapshot_have_randomness_of_their_own_and_know_the_time() {
    let home = tempfile::tempdir().unwrap();
    let spec = "%description\nx\n%build\nfor n in 1 2 3; do echo \"random: $(head -c 16 /dev/urandom | od -An -tx1)\"; done\n\
        echo \"random: $(cat /proc/sys/kernel/random/boot_id)\"\necho \"time: $(date +%s)\"\n%files\n";
    let mut spec = build_machine(home.path(), spec, &[]);
    spec.snapshots = Some(home.path().join("snapshots"));
    let words = |log: &str, what: &str| -> Vec<String> {
        log.lines().filter_map(|line| line.strip_prefix(what)).map(str::to_owned).collect()
    };
    let (mut random, mut last) = (Vec::new(), 0);
    for _ in 0..2 {
        let now = || std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
        let (mut seen, before) = (Seen::default(), now());
        let report = run_machine(&mut seen, &spec);
        assert_eq!(report.exit, Exit::Built(0), "{}\n{}\n{}", seen.notes, seen.build_log, report.console_tail);
        assert!(seen.notes.contains("goes on from a snapshot"), "{}", seen.notes);
        random.extend(words(&seen.build_log, "random: "));
        let time: u64 = words(&seen.build_log, "time: ")[0].parse().unwrap();
        // An emulated machine measures how fast its clock goes while the host may be busy: it may be a little ahead.
        let now = now() + 5;
        assert!(
            (before.max(last)..=now).contains(&time),
            "its clock is at {time}, it was {before} before and is {now}"
        );
        last = time.min(now - 5);
        for result in report.results {
            fs_err::remove_file(result.path).unwrap();
        }
    }
    assert_eq!(random.len(), 8);
    random.sort();
    random.dedup();
    assert_eq!(random.len(), 8, "two machines drew the same");
}
