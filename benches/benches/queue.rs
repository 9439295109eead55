//! How many queued builds one server gives out in a minute: builders that build nothing, over HTTP, each asking, beating once and
//! ending. A thousand owners wait.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Instant,
};

use anyhow::{Context, Result, anyhow, ensure};
use copr_benches::{
    empty_folder,
    hub::{Client, cpu, fill, start},
    measure::{Bench, say},
    peers,
};

/// Builds that wait: ten times as many as are measured, so that the queue stays long.
const WAITING: i64 = 100_000;
/// Builds that are given out.
const BUILDS: usize = 10_000;
/// Builders that ask at once.
const BUILDERS: usize = 50;

fn main() -> Result<()> {
    let bench = Bench::new("queue", env!("CARGO_BIN_EXE_copr-bench"))?;
    let scratch = peers::tree()?.join("target/bench/queue");
    empty_folder(&scratch)?;
    let data = scratch.join("data");
    start(&data)?.stop()?;
    fill(&data, 1_000, WAITING, true)?;
    let server = start(&data)?;
    let token = fs_err::read_to_string(data.join("builder-token"))?.trim().to_owned();
    say(&format!("queue: {BUILDS} of {WAITING} builds of 1000 owners, {BUILDERS} builders"));
    let before = cpu(server.pid())?;
    let (began, given) = (Instant::now(), Arc::new(AtomicUsize::new(0)));
    let builders: Vec<_> = (0..BUILDERS)
        .map(|number| {
            let (given, token, port) = (Arc::clone(&given), token.clone(), server.options.port);
            thread::spawn(move || build(&given, &mut Client::new(port, &token)?, number))
        })
        .collect();
    let mut asked = Vec::new();
    for builder in builders {
        asked.extend(builder.join().map_err(|_| anyhow!("a builder panicked"))??);
    }
    let seconds = began.elapsed().as_secs_f64();
    asked.sort_by(f64::total_cmp);
    let at = |part: usize| asked.get(asked.len() * part / 100).copied().unwrap_or_default();
    let minute = asked.len() as f64 * 60.0 / seconds;
    let each = (cpu(server.pid())? - before) * 1e3 / asked.len().max(1) as f64;
    say(&format!(
        "  {minute:.0} builds a minute; asking took {:.1} ms (p50), {:.1} ms (p99); {each:.2} ms of a processor each",
        at(50),
        at(99)
    ));
    bench.record_line(&serde_json::json!({
        "bench": "queue", "case": "builds", "per_minute": minute, "p50_ms": at(50), "p99_ms": at(99),
        "cpu_ms": each,
    }))?;
    server.stop()?;
    Ok(())
}

/// One builder's work; milliseconds that it waited for each build.
fn build(given: &AtomicUsize, client: &mut Client, number: usize) -> Result<Vec<f64>> {
    let ask = format!(r#"{{"builder":"builder-{number}","arches":["x86_64"]}}"#);
    let mut waits = Vec::new();
    while given.fetch_add(1, Ordering::Relaxed) < BUILDS {
        let began = Instant::now();
        let (status, body) = client.post("/builder/v1/lease", &ask)?;
        ensure!(status == 200, "asking for work: {status} {body}");
        waits.push(began.elapsed().as_secs_f64() * 1e3);
        let lease: serde_json::Value = serde_json::from_str(&body)?;
        let id = lease.get("id").and_then(serde_json::Value::as_str).context("a lease without an id")?;
        let (status, body) = client.post(&format!("/builder/v1/lease/{id}/heartbeat"), r#"{"stage":"building"}"#)?;
        ensure!(status == 200, "heartbeat: {status} {body}");
        let end = r#"{"outcome":{"kind":"user_fault","message":"nothing is built"},"results":[]}"#;
        let (status, body) = client.post(&format!("/builder/v1/lease/{id}/finish"), end)?;
        ensure!(status == 200, "finish: {status} {body}");
    }
    Ok(waits)
}
