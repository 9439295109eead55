//! The builder as a program of its own: what it is asked to do, what is done to it, and what becomes of its builds.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use copr_tests::{
    PATIENCE,
    builder::{Builder, Gate, Options, check, no_machine_within},
    journey::{CHROOT, copr, created_build},
    programs::{fixture_srpm, minidistro, ours, run, tree},
    report::Report,
    server::{Options as ServerOptions, Server},
};

/// Long enough for any machine on any host that runs this.
const LIMIT: Duration = Duration::from_secs(600);

/// A server without a builder inside, and a project of alice's.
struct Place {
    folder: PathBuf,
    server: Server,
    config: PathBuf,
    report: Report,
}

impl Place {
    fn new(name: &str, builds: &str) -> Self {
        let folder = tree().join("target/stories").join(name);
        let _ = fs_err::remove_dir_all(&folder);
        let data = folder.join("data");
        fs_err::create_dir_all(&data).unwrap();
        fs_err::write(data.join("coprd.toml"), format!("[builder]\nenabled = false\n[builds]\n{builds}\n")).unwrap();
        let options = ServerOptions { data, minidistro: minidistro().unwrap(), port: 0 };
        let server = Server::start(&options).unwrap();
        let (config, report) = (folder.join("alice.conf"), Report::new(true));
        server.add_user("alice", &config).unwrap();
        copr(&config, &["create", "libs", "--chroot", CHROOT], &report).unwrap();
        Self { folder, server, config, report }
    }

    fn submit(&self, srpm: &Path) -> i64 {
        let line = ["build", "--nowait", "libs", &srpm.display().to_string()];
        created_build(&copr(&self.config, &line, &self.report).unwrap()).unwrap()
    }

    fn srpm(&self, fixture: &str) -> PathBuf {
        fixture_srpm(fixture, &self.folder.join("srpms")).unwrap()
    }

    fn builder(&self, name: &str, gate: &Gate) -> Builder {
        Builder::start(&self.builder_options(name, gate)).unwrap()
    }

    fn builder_options(&self, name: &str, gate: &Gate) -> Options {
        Options {
            name: name.to_owned(),
            server: gate.url.clone(),
            token_file: self.server.options.data.join("builder-token"),
            cache: self.folder.join("cache"),
            work: self.folder.join("work"),
            jobs: 1,
            log: self.folder.join(format!("{name}.log")),
        }
    }

    /// Name and architecture of every package that is published.
    fn published(&self) -> Vec<String> {
        let records =
            copr_repodata::read::load(&self.server.options.data.join("store/results/alice/libs").join(CHROOT));
        let mut names: Vec<_> =
            records.unwrap().iter().map(|record| format!("{}.{}", record.nevra.name, record.nevra.arch)).collect();
        names.sort();
        names
    }

    /// What lies in the builders' work folder, but for its lock.
    fn left(&self) -> Vec<String> {
        let entries = fs_err::read_dir(self.folder.join("work")).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .filter(|name| name != "lock")
            .collect()
    }
}

#[test]
fn a_build_whose_builders_are_killed_in_each_stage_ends_right_on_another_and_is_published_once() {
    let place = Place::new("killed-builders", "lease_seconds = 6\nattempts = 50");
    let gate = Gate::open(&place.server).unwrap();
    let build = place.submit(&place.srpm("greet-library"));
    for (stage, text) in [
        ("fetching", "/source HTTP/1.1"),
        ("booting", "\"stage\":\"booting\""),
        ("installing", "\"stage\":\"installing\""),
        ("building", "\"stage\":\"building\""),
        ("uploading", "PUT /builder/v1/lease/"),
    ] {
        let caught = gate.expect(text);
        let builder = place.builder(stage, &gate);
        let caught = caught(LIMIT).unwrap_or_else(|error| panic!("{error}; the builder said:\n{}", builder.log()));
        builder.kill_9().unwrap();
        drop(caught);
        let state = place.server.json(&format!("/api_3/build/{build}")).unwrap()["state"].clone();
        assert!(state != "succeeded" && state != "failed", "{state} after its builder was killed while {stage}");
    }
    let last = place.builder("last", &gate);
    let state = place.server.wait_for_state(build, &["succeeded", "failed", "canceled"], LIMIT).unwrap();
    assert_eq!(state, "succeeded", "the builder said:\n{}", last.log());
    assert_eq!(place.published(), ["libgreet-devel.x86_64", "libgreet.src", "libgreet.x86_64"], "once, and whole");
    let incoming = place.server.options.data.join("store/incoming");
    let handed_in = fs_err::read_dir(incoming).map_or(0, Iterator::count);
    assert_eq!(handed_in, 0, "what killed builders handed in must not stay");
    // The last one works where the others did, and has swept what they left.
    assert!(no_machine_within(&place.folder.join("work"), LIMIT).unwrap());
    last.drain().unwrap();
    let mut last = last;
    assert_eq!(last.ended(LIMIT).unwrap(), 0, "{}", last.log());
    assert_eq!(place.left(), [""; 0], "left in the work folder");
}

#[test]
fn a_builder_obeys_cancels_outlives_its_server_and_drains() {
    // A third of this lease would be twenty minutes: who waits for less hears of it sooner.
    let mut place = Place::new("builder-daemon", "lease_seconds = 3600");
    let gate = Gate::open(&place.server).unwrap();
    let srpm = place.srpm("small");

    let cancelled = place.submit(&srpm);
    let booting = gate.expect("\"stage\":\"booting\"");
    let mut builder = place.builder("one", &gate);
    drop(booting(LIMIT).unwrap_or_else(|error| panic!("{error}; the builder said:\n{}", builder.log())));
    copr(&place.config, &["cancel", &cancelled.to_string()], &place.report).unwrap();
    place.server.wait_for_state(cancelled, &["canceled"], PATIENCE).unwrap();
    assert!(no_machine_within(&place.folder.join("work"), LIMIT).unwrap(), "its machine must go");

    // The server dies while the machine works, and is away until that has ended. Meanwhile the builder is asked to end.
    let installing = gate.expect("\"stage\":\"installing\"");
    let build = place.submit(&srpm);
    let caught = installing(LIMIT).unwrap_or_else(|error| panic!("{error}; the builder said:\n{}", builder.log()));
    let waits = place.submit(&srpm);
    let server = place.server.kill_9().unwrap();
    drop(caught);
    builder.drain().unwrap();
    assert!(no_machine_within(&place.folder.join("work"), LIMIT).unwrap(), "the build ends without its server");
    place.server = Server::start(&server).unwrap();
    let state = place.server.wait_for_state(build, &["succeeded", "failed", "canceled"], LIMIT).unwrap();
    assert_eq!(state, "succeeded", "the builder said:\n{}", builder.log());
    assert_eq!(builder.ended(LIMIT).unwrap(), 0, "it drains: {}", builder.log());
    assert_eq!(place.published(), ["small.noarch", "small.src"]);
    let state = place.server.json(&format!("/api_3/build/{waits}")).unwrap()["state"].clone();
    assert_eq!(state, "pending", "one that drains begins no build");
    assert_eq!(place.left(), [""; 0], "left in the work folder");
}

#[test]
fn a_look_at_the_host_is_a_table_and_fails_where_qemu_is_missing() {
    let folder = tree().join("target/stories/builder-check");
    let fine = check(&folder, &[]).unwrap();
    assert_eq!(fine.code, 0, "{}", fine.text());
    for word in ["QEMU", "kernel", "acceleration", "work folder", "results", "This host can build."] {
        assert!(fine.stdout.contains(word), "{word} must stand in\n{}", fine.stdout);
    }
    let without = check(&folder, &["--qemu", "/nowhere/qemu-system-x86_64"]).unwrap();
    assert_eq!(without.code, 1, "{}", without.text());
    let line = without.stdout.lines().find(|line| line.starts_with("QEMU")).unwrap();
    assert!(line.contains("MISSING") && line.contains("apt install qemu-system-x86"), "{line}");
    assert!(without.stdout.contains("kernel         ok"), "what is there is told too:\n{}", without.stdout);
    assert!(without.stdout.ends_with("This host cannot build.\n"), "{}", without.stdout);
}

#[test]
fn a_packager_builds_without_a_server_and_gets_packages_and_logs() {
    let folder = tree().join("target/stories/builds-here");
    let _ = fs_err::remove_dir_all(&folder);
    let srpm = |fixture| fixture_srpm(fixture, &folder.join("srpms")).unwrap();
    let here = |srpm: &Path, out: &str| {
        let mut copr = Command::new(ours("copr").unwrap());
        copr.args(["build", "--local"]).arg(srpm).arg(CHROOT).arg("--out").arg(folder.join(out));
        copr.arg("--cache").arg(folder.join("cache")).env("COPR_MINIDISTRO", minidistro().unwrap());
        // No configuration is needed, and none is read.
        run(copr.env("HOME", &folder).env_remove("XDG_CACHE_HOME")).unwrap()
    };
    let files = |out: &str| {
        let entries = fs_err::read_dir(folder.join(out)).unwrap();
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect::<Vec<_>>()
    };
    let built = here(&srpm("small"), "fine");
    assert_eq!(built.code, 0, "{}", built.text());
    assert!(built.stdout.contains("Finish: build succeeded"), "the log is shown: {}", built.stdout);
    let made = files("fine");
    for name in [".noarch.rpm", ".src.rpm", "small.spec", "build.log", "root.log", "state.log", "hw_info.log"] {
        assert!(made.iter().any(|file| file.ends_with(name)), "{name} is not among {made:?}");
    }

    let failed = here(&srpm("broken-build"), "broken");
    assert_eq!(failed.code, 4, "{}", failed.text());
    assert!(failed.stderr.contains("rpmbuild failed with exit status"), "{}", failed.stderr);
    let made = files("broken");
    assert!(made.iter().any(|file| file == "build.log") && made.iter().all(|file| !file.ends_with(".rpm")), "{made:?}");
    assert!(no_machine_within(&folder.join("cache"), LIMIT).unwrap(), "no machine may stay");
}
