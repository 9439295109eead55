//! The server's part, played with a script.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path as UrlPath, Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use copr_api::{
    builder::{
        BuildRepository, ChrootDefinition, Finish, Heartbeat, Lease, LeaseRequest, Settings, SourceFile, Stage, Work,
    },
    names::Secret,
};
use copr_builder::{Accel, BuilderOptions, RunError};
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

/// How heartbeats are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beat {
    Fine,
    Cancel,
    Lost,
}

/// What the server gives out.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    pub(crate) lease: Lease,
    /// The SRPM's bytes; `None` never ends.
    pub(crate) source: Option<Vec<u8>>,
    pub(crate) beat: Beat,
    /// How many calls that append to logs fail with 500 before they work.
    pub(crate) log_failures: u32,
}

/// What the builder told.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub(crate) leases: u32,
    pub(crate) stages: Vec<Stage>,
    pub(crate) logs: BTreeMap<String, Vec<u8>>,
    pub(crate) log_calls: u32,
    pub(crate) results: BTreeMap<String, Vec<u8>>,
    pub(crate) finished: Vec<Finish>,
}

impl Heard {
    pub(crate) fn log(&self, name: &str) -> String {
        String::from_utf8_lossy(self.logs.get(name).map_or(&[], Vec::as_slice)).into_owned()
    }
}

type Shared = State<Arc<(Script, Mutex<Heard>)>>;

/// A lease of `source` for a chroot whose only repository is the folder `repository`, and which installs nothing.
pub(crate) fn lease(source: &[u8], repository: &Path) -> Lease {
    Lease {
        id: "lease1".to_owned(),
        seconds: 2,
        build_id: 7,
        chroot: "minidistro-12-x86_64".parse().unwrap(),
        owner: "alice".parse().unwrap(),
        dirname: "libs".parse().unwrap(),
        work: Work::Build {
            srpm: SourceFile {
                name: "pretender-1-1.src.rpm".to_owned(),
                size: source.len() as u64,
                sha256: hex::encode(Sha256::digest(source)),
            },
        },
        settings: Settings::default(),
        definition: ChrootDefinition {
            repositories: vec![BuildRepository {
                id: "distribution".to_owned(),
                baseurl: format!("file://{}", repository.display()),
                priority: 99,
                ..BuildRepository::default()
            }],
            dbpath: "/var/lib/rpm".to_owned(),
            cpu: "qemu64".to_owned(),
            ..ChrootDefinition::default()
        },
        repositories: Vec::new(),
        extra_packages: Vec::new(),
        timeout: 600,
        macros: Vec::new(),
    }
}

/// Options for a builder that works below `dir`; the cache is the same for all tests, as the kernel is.
pub(crate) fn options(dir: &Path, server_url: String) -> BuilderOptions {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("builder-cache");
    let mut options = BuilderOptions::new(server_url, Secret::new("builder-token"), cache, dir.join("work"));
    options.engine.accel = Accel::Tcg;
    // This test program, told to be the child.
    let args = ["--exact", "the_process_that_reads_results", "--ignored", "--nocapture", "--test-threads=1"];
    options.engine.checker.program = std::env::current_exe().unwrap();
    options.engine.checker.args = args.map(Into::into).to_vec();
    options
}

/// Serves the script on a free port; the answer is its URL and what it hears.
pub(crate) async fn serve(script: Script) -> (String, Arc<(Script, Mutex<Heard>)>) {
    let state = Arc::new((script, Mutex::new(Heard::default())));
    let router = Router::new()
        .route("/builder/v1/lease", post(give))
        .route("/builder/v1/lease/{id}/heartbeat", post(heartbeat))
        .route("/builder/v1/lease/{id}/log/{name}", post(log))
        .route("/builder/v1/lease/{id}/result/{file}", put(result))
        .route("/builder/v1/lease/{id}/finish", post(finish))
        .route("/builder/v1/lease/{id}/source", get(source))
        .layer(DefaultBodyLimit::disable())
        .with_state(state.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, state)
}

/// Runs a builder below `dir` against the script until `enough`, but for `limit` at most; then the builder is shut down
/// and what the server heard is returned.
pub(crate) async fn run_until(
    dir: &Path,
    script: Script,
    limit: Duration,
    enough: impl Fn(&Heard) -> bool,
) -> (Result<(), RunError>, Heard) {
    let (url, state) = serve(script).await;
    let shutdown = CancellationToken::new();
    let builder = tokio::spawn(copr_builder::run(options(dir, url), shutdown.clone()));
    let begun = tokio::time::Instant::now();
    while begun.elapsed() < limit && !builder.is_finished() && !enough(&state.1.lock().unwrap()) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    shutdown.cancel();
    let ended = tokio::time::timeout(Duration::from_secs(60), builder).await.expect("shutdown takes seconds").unwrap();
    (ended, std::mem::take(&mut state.1.lock().unwrap()))
}

async fn give(State(state): Shared, headers: HeaderMap, Json(request): Json<LeaseRequest>) -> Response {
    assert_eq!(headers.get("authorization").unwrap(), "Bearer builder-token");
    assert!(request.arches.contains(&"noarch".to_owned()));
    let first = {
        let mut heard = state.1.lock().unwrap();
        heard.leases += 1;
        heard.leases == 1
    };
    if first { Json(&state.0.lease).into_response() } else { StatusCode::NO_CONTENT.into_response() }
}

async fn heartbeat(State(state): Shared, Json(beat): Json<Heartbeat>) -> Response {
    state.1.lock().unwrap().stages.push(beat.stage);
    match state.0.beat {
        Beat::Fine => Json(json!({"cancel": false})).into_response(),
        Beat::Cancel => Json(json!({"cancel": true})).into_response(),
        Beat::Lost => (StatusCode::CONFLICT, Json(json!({"error": "the lease ran out"}))).into_response(),
    }
}

async fn log(
    State(state): Shared,
    UrlPath((_, name)): UrlPath<(String, String)>,
    Query(query): Query<BTreeMap<String, u64>>,
    body: Bytes,
) -> Response {
    let mut heard = state.1.lock().unwrap();
    heard.log_calls += 1;
    if heard.log_calls <= state.0.log_failures {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    assert!(body.len() <= 1 << 20);
    let log = heard.logs.entry(name).or_default();
    if query["offset"] != log.len() as u64 {
        return (StatusCode::RANGE_NOT_SATISFIABLE, Json(json!({"size": log.len()}))).into_response();
    }
    log.extend_from_slice(&body);
    Json(json!({"size": log.len()})).into_response()
}

async fn result(
    State(state): Shared,
    UrlPath((_, file)): UrlPath<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    assert_eq!(headers.get("x-sha256").unwrap().to_str().unwrap(), hex::encode(Sha256::digest(&body)));
    state.1.lock().unwrap().results.insert(file, body.to_vec());
    Json(json!({})).into_response()
}

async fn finish(State(state): Shared, Json(finish): Json<Finish>) -> Response {
    state.1.lock().unwrap().finished.push(finish);
    Json(json!({})).into_response()
}

async fn source(State(state): Shared) -> Response {
    match state.0.source.clone() {
        Some(source) => source.into_response(),
        None => {
            tokio::time::sleep(Duration::from_secs(3600)).await;
            StatusCode::GONE.into_response()
        }
    }
}
