//! A source package from submission to a published repository, less what rpmbuild itself takes: `coprd` beside obs-build in QEMU
//! without KVM, on the same repository and the same kernel; and the memory of all host processes meanwhile.
//!
//! Both build the same source package, whose scripts tell the time at the begin of `%prep` and at the end of `%clean`, which comes
//! behind the writing of the packages. So rpmbuild's own time is measured by the machine's clock, in the same way on both sides.

use std::{
    io::{Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use copr_benches::{
    empty_folder,
    measure::{Bench, median, say},
    obs::Obs,
    peers,
    processes::{Peak, Watch},
};
use copr_tests::{
    journey::{CHROOT, build_folder, created_build},
    programs::{fixture_srpm, minidistro, ours, run, run_ok},
    server::{Options, Server},
};

/// Of tests/fixtures: a small C library, and a program with a configure script.
const SOURCES: [&str; 2] = ["greet-library", "hello"];
/// Memory of every machine, in MiB.
const MEMORY: u32 = 1024;
/// Longest build of ours.
const LIMIT: Duration = Duration::from_secs(1800);
/// How often the server is asked how far the build is.
const PERIOD: Duration = Duration::from_millis(100);
/// Who builds, and where.
const OWNER: &str = "alice";
const PROJECT: &str = "bench";
/// What the source packages print in front of the time.
const BEGINS: &str = "rpmbuild begins at ";
const ENDS: &str = "rpmbuild ends at ";

/// What one build took, in seconds.
#[derive(Debug, Clone, Copy)]
struct Build {
    wall: f64,
    rpmbuild: f64,
    memory: Peak,
}

/// Builds under one condition, in all rounds.
struct Contender {
    name: &'static str,
    builds: Vec<Build>,
}

fn main() -> Result<()> {
    let bench = Bench::new("build", env!("CARGO_BIN_EXE_copr-bench"))?;
    let wanted: Vec<&str> = SOURCES.into_iter().filter(|source| bench.wanted(source)).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let scratch = peers::tree()?.join("target/bench/build");
    let minidistro = minidistro()?;
    let obs = Obs::prepare(&scratch.join("obs"), &minidistro)?;
    if obs.is_none() {
        say("build: obs-build is not here (Debian: apt install obs-build libxml-parser-perl); ours alone");
    }
    for source in wanted {
        let srpm = with_times(source, &scratch.join("source"))?;
        compare(&bench, source, &srpm, &scratch.join("ours"), &minidistro, obs.as_ref())?;
    }
    Ok(())
}

fn compare(
    bench: &Bench,
    source: &str,
    srpm: &Path,
    folder: &Path,
    minidistro: &Path,
    obs: Option<&Obs>,
) -> Result<()> {
    say(&format!("build: {source}, {} rounds", bench.rounds()));
    let names = ["coprd, warm", "coprd, warm, no snapshot", "coprd, cold", "obs-build"];
    let mut contenders = names.map(|name| Contender { name, builds: Vec::new() });
    let [warm, booted, cold, theirs] = &mut contenders;
    for round in 0..bench.rounds() {
        if round > 0 {
            say(&format!("  round {} of {}", round + 1, bench.rounds()));
        }
        empty_folder(folder)?;
        let server = start(folder, minidistro, "")?;
        let config = folder.join("alice.conf");
        server.add_user(OWNER, &config)?;
        run_ok(copr(&config)?.args(["create", PROJECT, "--chroot", CHROOT]))?;
        cold.builds.push(build(&server, &config, srpm)?);
        warm.builds.push(build(&server, &config, srpm)?);
        let port = server.options.port;
        server.stop()?;
        if knows(folder, "snapshots = false\n")? {
            let server = start_at(folder, minidistro, "snapshots = false\n", port)?;
            booted.builds.push(build(&server, &config, srpm)?);
            server.stop()?;
        }
        if let Some(obs) = obs {
            let built = obs.build(srpm, MEMORY)?;
            let rpmbuild = rpmbuild_seconds(&built.log)?;
            theirs.builds.push(Build { wall: built.wall.as_secs_f64(), rpmbuild, memory: built.memory });
        }
    }
    let columns = ["all s", "rpmbuild", "overhead", "least", "host MiB", "QEMU MiB", "ratio"];
    let [all, rpmbuild, overhead, least, host, machine, ratio] = columns;
    say(&format!("  {:26}{all:>9}{rpmbuild:>10}{overhead:>10}{least:>8}{host:>10}{machine:>10}{ratio:>9}", ""));
    let mut first = None;
    for Contender { name, builds } in contenders.iter().filter(|contender| !contender.builds.is_empty()) {
        let [all, rpmbuild] = [median(builds, |build| build.wall), median(builds, |build| build.rpmbuild)];
        let overhead = median(builds, |build| build.wall - build.rpmbuild);
        let least = builds.iter().map(|build| build.wall - build.rpmbuild).fold(f64::INFINITY, f64::min);
        let most = |value: fn(&Peak) -> f64| builds.iter().map(|build| value(&build.memory)).fold(0.0, f64::max);
        let (host, machine) = (most(|memory| memory.host), most(|memory| memory.machine));
        let ratio = overhead / *first.get_or_insert(overhead);
        say(&format!(
            "  {name:26}{all:>9.2}{rpmbuild:>10.2}{overhead:>10.2}{least:>8.2}{host:>10.0}{machine:>10.0}{ratio:>7.2} x"
        ));
        bench.record_line(&serde_json::json!({
            "bench": "build", "case": source, "contender": name,
            "wall_s": builds.iter().map(|build| build.wall).collect::<Vec<_>>(),
            "rpmbuild_s": builds.iter().map(|build| build.rpmbuild).collect::<Vec<_>>(),
            "host_mib": host, "qemu_mib": machine,
        }))?;
    }
    say("");
    Ok(())
}

/// A server with an empty cache on a free port.
fn start(folder: &Path, minidistro: &Path, builder: &str) -> Result<Server> {
    start_at(folder, minidistro, builder, 0)
}

/// A server whose builder has some settings more; with port 0 on any free one.
fn start_at(folder: &Path, minidistro: &Path, builder: &str, port: u16) -> Result<Server> {
    let data = folder.join("data");
    fs_err::create_dir_all(&data)?;
    fs_err::write(data.join("coprd.toml"), configuration(builder))?;
    Server::start(&Options { data, minidistro: minidistro.to_owned(), port })
}

/// Emulated, as obs-build's `qemu` is, whatever the host can do.
fn configuration(builder: &str) -> String {
    format!("[builder]\naccel = \"tcg\"\nmemory_mib = {MEMORY}\n{builder}")
}

/// Whether this `coprd` has a setting of its builder.
fn knows(folder: &Path, builder: &str) -> Result<bool> {
    let file = folder.join("tried.toml");
    fs_err::write(&file, configuration(builder))?;
    let mut command = Command::new(ours("coprd")?);
    command.arg("check-config").arg("--data").arg(folder.join("data")).arg("--config").arg(file);
    Ok(run(&mut command)?.code == 0)
}

fn copr(config: &Path) -> Result<Command> {
    let mut command = Command::new(ours("copr")?);
    command.arg("--config").arg(config);
    Ok(command)
}

/// Submits a source package and waits until it is published.
fn build(server: &Server, config: &Path, srpm: &Path) -> Result<Build> {
    let watch = Watch::of(server.pid());
    let began = Instant::now();
    let submitted = run_ok(copr(config)?.args(["build", "--nowait", PROJECT]).arg(srpm))?;
    let id = created_build(&submitted)?;
    loop {
        let answer = get(server.options.port, &format!("/api_3/build/{id}"))?;
        let state = answer.get("state").and_then(serde_json::Value::as_str).unwrap_or_default();
        match state {
            "succeeded" => break,
            "failed" | "canceled" | "skipped" => bail!("build {id} is {state}; see {}", server.options.data.display()),
            _ => ensure!(began.elapsed() < LIMIT, "build {id} is {state:?} after {} s", LIMIT.as_secs()),
        }
        thread::sleep(PERIOD);
    }
    let wall = began.elapsed().as_secs_f64();
    let memory = watch.end();
    let log = fs_err::read_to_string(build_folder(server, OWNER, PROJECT, id)?.join("build.log"))?;
    Ok(Build { wall, rpmbuild: rpmbuild_seconds(&log)?, memory })
}

/// Asks the server of this machine without taking from the build what a new client each time would.
fn get(port: u16, path: &str) -> Result<serde_json::Value> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").context("the server answered no HTTP")?;
    ensure!(head.split(' ').nth(1) == Some("200"), "GET {path}: {}", head.lines().next().unwrap_or_default());
    Ok(serde_json::from_str(body)?)
}

/// Seconds between the two times that the log tells.
fn rpmbuild_seconds(log: &str) -> Result<f64> {
    let time = |word: &str| -> Result<f64> {
        // The shell shows the command as well, so what follows must be a number.
        let found = log.lines().rev().find_map(|line| line.split_once(word)?.1.trim().parse().ok());
        found.with_context(|| format!("the build's log has no line \"{word}...\""))
    };
    Ok(time(ENDS)? - time(BEGINS)?)
}

/// The source package of a fixture, telling the time.
fn with_times(fixture: &str, folder: &Path) -> Result<PathBuf> {
    empty_folder(folder)?;
    let srpm = fixture_srpm(fixture, folder)?;
    run_ok(Command::new("bsdtar").arg("-xf").arg(&srpm).arg("-C").arg(folder))?;
    fs_err::remove_file(&srpm)?;
    let entries = fs_err::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    let spec = entries.iter().map(fs_err::DirEntry::path).find(|path| path.extension().is_some_and(|e| e == "spec"));
    let spec = spec.with_context(|| format!("{} has no spec file", srpm.display()))?;
    let tells = |word: &str| format!("echo \"{word}$(date +%%s.%%N)\"\n");
    let text = fs_err::read_to_string(&spec)?;
    ensure!(text.contains("\n%prep\n") && text.contains("\n%files\n"), "{} is written unusually", spec.display());
    let text = text.replacen("\n%prep\n", &format!("\n%prep\n{}", tells(BEGINS)), 1).replacen(
        "\n%files\n",
        &format!("\n%clean\nrm -rf %{{buildroot}}\n{}\n%files\n", tells(ENDS)),
        1,
    );
    fs_err::write(&spec, text)?;
    let mut rpmbuild = Command::new("rpmbuild");
    rpmbuild.args(["-bs", "--nodeps", "--quiet", "--define", "dist %{nil}"]);
    for name in ["_topdir", "_sourcedir", "_srcrpmdir"] {
        rpmbuild.arg("--define").arg(format!("{name} {}", folder.display()));
    }
    run_ok(rpmbuild.arg(&spec))?;
    ensure!(srpm.is_file(), "rpmbuild made no {}", srpm.display());
    Ok(srpm)
}
