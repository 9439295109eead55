//! Twenty builds and one builder with two jobs.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use copr_tests::{
    builder::{Builder, Options},
    journey::{CHROOT, copr, created_build},
    programs::{fixture_srpm, minidistro, tree},
    report::Report,
    server::{Options as ServerOptions, Server},
};

/// How many are queued at once.
const BUILDS: usize = 20;

#[test]
fn twenty_builds_all_finish_in_turn_and_are_published_as_they_end() {
    let folder = tree().join("target/stories/many-builds");
    let _ = fs_err::remove_dir_all(&folder);
    let data = folder.join("data");
    fs_err::create_dir_all(&data).unwrap();
    fs_err::write(data.join("coprd.toml"), "[builder]\nenabled = false\n").unwrap();
    let options = ServerOptions { data: data.clone(), minidistro: minidistro().unwrap(), port: 0 };
    let server = Server::start(&options).unwrap();
    let (config, report) = (folder.join("alice.conf"), Report::new(true));
    server.add_user("alice", &config).unwrap();
    copr(&config, &["create", "many", "--chroot", CHROOT], &report).unwrap();
    let srpm = fixture_srpm("small", &folder.join("srpms")).unwrap().display().to_string();
    let submit = ["build", "--nowait", "many", &srpm];
    let builds: Vec<i64> =
        (0..BUILDS).map(|_| created_build(&copr(&config, &submit, &report).unwrap()).unwrap()).collect();

    let builder = Builder::start(&Options {
        name: "two-jobs".to_owned(),
        server: server.url(),
        token_file: data.join("builder-token"),
        cache: folder.join("cache"),
        work: folder.join("work"),
        jobs: 2,
        log: folder.join("builder.log"),
    })
    .unwrap();
    let done = AtomicBool::new(false);
    let machines = std::thread::scope(|scope| {
        let sampler = scope.spawn(|| peak_of_machines(&folder.join("work"), &done));
        for build in &builds {
            let limit = Duration::from_secs(1800);
            let state = server.wait_for_state(*build, &["succeeded", "failed", "canceled"], limit);
            done.store(state.is_err(), Ordering::Relaxed);
            assert_eq!(state.unwrap(), "succeeded", "the builder said:\n{}", builder.log());
        }
        done.store(true, Ordering::Relaxed);
        sampler.join().unwrap()
    });

    // None starves: each is begun once, in the order in which they were submitted. Two that are begun at the same time, by the
    // two jobs, may be told of in either order; the same holds for two that end at the same time.
    let begun = numbers(&server.log(), "leased");
    let mut sorted = begun.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, builds, "the server said:\n{}", server.log());
    assert!(begun.windows(3).all(|three| three[0] < three[2]), "begun in the order {begun:?}");
    // Who ends first is published first, or together with those that end meanwhile.
    let finished = numbers(&server.log(), "built");
    let published: Vec<i64> = finished.iter().map(|build| ended_on(&server, *build)).collect();
    assert_eq!(finished.len(), BUILDS);
    let in_order = published.windows(3).all(|three| three[0] <= three[2]);
    assert!(in_order, "in the order of finishing {finished:?} they were published at {published:?}");
    let records = copr_repodata::read::load(&data.join("store/results/alice/many").join(CHROOT)).unwrap();
    assert_eq!(records.len(), 2 * BUILDS, "two packages of each build");

    let mib = |kib: u64| kib / 1024;
    println!(
        "peak memory: builder {} MiB, server {} MiB, one machine's QEMU {} MiB, all at once {} MiB",
        mib(status(builder.pid(), "VmHWM").unwrap()),
        mib(status(server.pid(), "VmHWM").unwrap()),
        mib(machines.0),
        mib(machines.1),
    );
}

/// The builds of the lines of a log that say `what`, in order.
fn numbers(log: &str, what: &str) -> Vec<i64> {
    let plain = log.lines().filter(|line| line.contains(&format!(" {what} ")));
    plain.filter_map(|line| line.split("build.id=").nth(1)?.split_whitespace().next()?.parse().ok()).collect()
}

fn ended_on(server: &Server, build: i64) -> i64 {
    server.json(&format!("/api_3/build/{build}")).unwrap()["ended_on"].as_i64().unwrap()
}

/// The most memory, in KiB, of one QEMU and of all at once that work below a folder, until `done`.
fn peak_of_machines(folder: &Path, done: &AtomicBool) -> (u64, u64) {
    let (mut one, mut all) = (0, 0);
    while !done.load(Ordering::Relaxed) {
        let now = machines(folder);
        one = one.max(now.values().copied().max().unwrap_or(0));
        all = all.max(now.values().sum());
        std::thread::sleep(Duration::from_millis(250));
    }
    (one, all)
}

/// Resident memory in KiB of each QEMU that works below a folder.
fn machines(folder: &Path) -> BTreeMap<u32, u64> {
    let folder = folder.display().to_string();
    let processes =
        fs_err::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    processes
        .filter(|pid: &u32| {
            let line = fs_err::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line);
            line.split('\0').next().is_some_and(|program| program.contains("qemu-system")) && line.contains(&folder)
        })
        .filter_map(|pid| Some((pid, status(pid, "VmRSS")?)))
        .collect()
}

/// A number of `/proc/PID/status`, in KiB.
fn status(pid: u32, name: &str) -> Option<u64> {
    let text = fs_err::read_to_string(format!("/proc/{pid}/status")).ok()?;
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')?.split_whitespace().next()?.parse().ok())
}
