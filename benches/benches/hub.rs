//! A server with 10,000 projects and 1,000,000 builds in SQLite: what reading costs (wrk), its memory when idle, and while a source
//! package of 500 MiB is uploaded. And a thousand who follow one log.

use std::{path::Path, process::Command, time::Instant};

use anyhow::{Context, Result, ensure};
use copr_benches::{
    empty_folder,
    hub::{CHROOT, Client, Follower, fill, forget_peak, many_files, resident, start, wrk},
    measure::{Bench, say},
    peers,
};
use copr_tests::{programs::run_ok, server::Server};

const PROJECTS: i64 = 10_000;
const BUILDS: i64 = 1_000_000;
/// Connections of wrk, and seconds for each address.
const LOAD: (u32, u32) = (8, 5);
/// Seconds of the same on one connection.
const ALONE: u32 = 2;
/// MiB of the source package's one file.
const UPLOAD: usize = 500;
/// Who follow one log, and lines that they are told.
const FOLLOWERS: (usize, usize) = (1_000, 200);

fn main() -> Result<()> {
    let bench = Bench::new("hub", env!("CARGO_BIN_EXE_copr-bench"))?;
    let scratch = peers::tree()?.join("target/bench/hub");
    empty_folder(&scratch)?;
    let data = scratch.join("data");
    start(&data)?.stop()?;
    if bench.wanted("read") {
        say(&format!("hub: {PROJECTS} projects, {BUILDS} builds"));
        fill(&data, PROJECTS, BUILDS, false)?;
    }
    let server = start(&data)?;
    let (idle, _) = resident(server.pid())?;
    say(&format!("  idle: {idle:.0} MiB"));
    bench.record_line(&serde_json::json!({ "bench": "hub", "case": "idle", "mib": idle }))?;
    if bench.wanted("read") {
        read(&bench, &server, &scratch)?;
        let (now, _) = resident(server.pid())?;
        say(&format!("  after that: {now:.0} MiB"));
    }
    if bench.wanted("upload") {
        upload(&bench, &server, &scratch)?;
    }
    server.stop()?;
    if bench.wanted("follow") {
        follow(&bench, &scratch)?;
    }
    Ok(())
}

fn read(bench: &Bench, server: &Server, scratch: &Path) -> Result<()> {
    // Each call is for another project or build.
    let of_project =
        "local p = math.random(1, 10000); local q = \"ownername=owner\" .. (p % 1000) .. \"&projectname=project\" .. p";
    let project = |path: &str| format!("(function() {of_project}; return {path} end)()");
    let cases = [
        ("project", project("\"/api_3/project?\" .. q")),
        ("project/list, 100", "\"/api_3/project/list?limit=100&offset=\" .. math.random(0, 9900)".to_owned()),
        ("project/list of an owner", "\"/api_3/project/list?ownername=owner\" .. math.random(0, 999)".to_owned()),
        ("build", "\"/api_3/build/\" .. math.random(1, 1000000)".to_owned()),
        ("build/list, 100", project("\"/api_3/build/list?limit=100&\" .. q")),
        ("build/list, failed", project("\"/api_3/build/list?limit=100&status=failed&\" .. q")),
        ("build-chroot", format!("\"/api_3/build-chroot?chrootname={CHROOT}&build_id=\" .. math.random(1, 1000000)")),
        ("build/built-packages", "\"/api_3/build/built-packages/\" .. math.random(1, 1000000)".to_owned()),
        ("package/list, 20", project("\"/api_3/package/list?limit=20&with_latest_build=True&\" .. q")),
        ("project/search", "\"/api_3/project/search?limit=20&query=project\" .. math.random(1, 10000)".to_owned()),
        ("mock-chroots/list", "\"/api_3/mock-chroots/list\"".to_owned()),
        ("monitor", project("\"/api_3/monitor?\" .. q")),
        ("queue", "\"/api_3/queue\"".to_owned()),
        ("rpmrepo", project("\"/api_3/rpmrepo/owner\" .. (p % 1000) .. \"/project\" .. p .. \"/fedora-44/\"")),
        ("page: front", "\"/\"".to_owned()),
        ("page: project", project("\"/coprs/owner\" .. (p % 1000) .. \"/project\" .. p .. \"/\"")),
        ("page: build", "\"/coprs/build/\" .. math.random(1, 1000000)".to_owned()),
    ];
    say(&format!(
        "  {:26}{:>12}{:>10}{:>10}{:>10}{:>10}{:>8}",
        "", "requests/s", "p50 ms", "p99 ms", "alone ms", "cpu ms", "errors"
    ));
    for (case, path) in cases {
        let load = wrk(server, scratch, &path, LOAD.0, LOAD.1)?;
        let alone = wrk(server, scratch, &path, 1, ALONE)?;
        say(&format!(
            "  {case:26}{:>12.0}{:>10.2}{:>10.2}{:>10.2}{:>10.2}{:>8}",
            load.per_second, load.p50, load.p99, alone.p50, alone.cpu, load.bad
        ));
        bench.record_line(&serde_json::json!({
            "bench": "hub", "case": case, "per_second": load.per_second, "p50_ms": load.p50, "p99_ms": load.p99,
            "alone_p50_ms": alone.p50, "cpu_ms": alone.cpu, "errors": load.bad,
        }))?;
    }
    say("");
    Ok(())
}

fn upload(bench: &Bench, server: &Server, scratch: &Path) -> Result<()> {
    let srpm = source(scratch)?;
    let config = scratch.join("alice.conf");
    server.add_user("alice", &config)?;
    let added =
        server.post(&config, "/api_3/project/add/alice", &serde_json::json!({ "name": "big", "chroots": [CHROOT] }))?;
    ensure!(added.status == 200, "{}", added.body);
    let text = fs_err::read_to_string(&config)?;
    let word = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.trim().strip_prefix('='));
        line.map(|value| value.trim().to_owned()).with_context(|| format!("{} has no {key}", config.display()))
    };
    forget_peak(server.pid())?;
    let (idle, _) = resident(server.pid())?;
    let mut curl = Command::new("curl");
    curl.args(["-sS", "--fail-with-body", "-o", "/dev/null", "-w", "%{time_total}", "-u"]);
    curl.arg(format!("{}:{}", word("login")?, word("token")?));
    curl.arg("-F").arg(format!("pkgs=@{};type=application/x-rpm", srpm.display()));
    curl.arg("-F").arg(r#"json={"ownername":"alice","projectname":"big"};type=application/json"#);
    let took: f64 = run_ok(curl.arg(format!("{}/api_3/build/create/upload", server.url())))?.stdout.trim().parse()?;
    let (_, peak) = resident(server.pid())?;
    let above = peak - idle;
    say(&format!("hub: upload of {UPLOAD} MiB: {took:.1} s, {peak:.0} MiB at most, {above:.0} above idle"));
    bench.record_line(&serde_json::json!({
        "bench": "hub", "case": "upload", "seconds": took, "peak_mib": peak, "above_idle_mib": above,
    }))
}

/// A builder sends a log line by line; each is awaited on all of the followers' connections.
fn follow(bench: &Bench, scratch: &Path) -> Result<()> {
    many_files()?;
    let data = scratch.join("follow");
    start(&data)?.stop()?;
    fill(&data, 1, 1, true)?;
    let server = start(&data)?;
    let port = server.options.port;
    let mut builder = Client::new(port, fs_err::read_to_string(data.join("builder-token"))?.trim())?;
    let (status, lease) = builder.post("/builder/v1/lease", r#"{"builder":"b","arches":["x86_64"]}"#)?;
    ensure!(status == 200, "asking for work: {status} {lease}");
    let lease: serde_json::Value = serde_json::from_str(&lease)?;
    let id = lease.get("id").and_then(serde_json::Value::as_str).context("a lease without an id")?;
    let (before, _) = resident(server.pid())?;
    let began = Instant::now();
    let path = format!("/coprs/build/1/events?chroot={CHROOT}");
    let mut followers = (0..FOLLOWERS.0).map(|_| Follower::new(port, &path)).collect::<Result<Vec<_>>>()?;
    let joined = began.elapsed().as_secs_f64();
    let (mut waits, mut offset) = (Vec::new(), 0);
    for number in 0..FOLLOWERS.1 {
        let line = format!("line {number:06} of a log that is as long as such lines are: gcc -O2 -c -o x.o x.c\n");
        let began = Instant::now();
        let log = format!("/builder/v1/lease/{id}/log/builder-live.log?offset={offset}");
        let (status, body) = builder.post(&log, &line)?;
        ensure!(status == 200, "the log: {status} {body}");
        offset += line.len();
        for follower in &mut followers {
            follower.until(&format!("line {number:06}"))?;
        }
        waits.push(began.elapsed().as_secs_f64() * 1e3);
    }
    waits.sort_by(f64::total_cmp);
    let at = |part: usize| waits.get(waits.len() * part / 100).copied().unwrap_or_default();
    let (after, _) = resident(server.pid())?;
    let each = (after - before) * 1024.0 / FOLLOWERS.0 as f64;
    say(&format!(
        "hub: {} follow one log: {joined:.1} s until all did; a line was with all after {:.1} ms (p50), {:.1} ms (p99); \
         {after:.0} MiB, {each:.0} KiB each",
        FOLLOWERS.0,
        at(50),
        at(99)
    ));
    bench.record_line(&serde_json::json!({
        "bench": "hub", "case": "follow", "followers": FOLLOWERS.0, "join_seconds": joined, "p50_ms": at(50),
        "p99_ms": at(99), "mib": after, "kib_each": each,
    }))?;
    drop(followers);
    server.stop()?;
    Ok(())
}

/// A source package with one large file that does not get smaller.
fn source(scratch: &Path) -> Result<std::path::PathBuf> {
    let folder = scratch.join("source");
    empty_folder(&folder)?;
    run_ok(
        Command::new("dd")
            .args(["if=/dev/urandom", "bs=1M", &format!("count={UPLOAD}")])
            .arg(format!("of={}", folder.join("big").display())),
    )?;
    let spec = "Name: big\nVersion: 1\nRelease: 1\nSummary: A large file\nLicense: MIT\nSource0: big\n\
                %description\nA large file.\n%files\n";
    fs_err::write(folder.join("big.spec"), spec)?;
    let mut rpmbuild = Command::new("rpmbuild");
    rpmbuild.args(["-bs", "--nodeps", "--quiet", "--define", "dist %{nil}", "--define", "_source_payload w.ufdio"]);
    for name in ["_topdir", "_sourcedir", "_srcrpmdir"] {
        rpmbuild.arg("--define").arg(format!("{name} {}", folder.display()));
    }
    run_ok(rpmbuild.arg(folder.join("big.spec")))?;
    Ok(folder.join("big-1-1.src.rpm"))
}
