//! The builders' side: see [`copr_api::builder`] for the protocol. A lease that is no longer the caller's is answered with 409.

mod finish;
mod grant;

use std::time::Duration;

use axum::{
    Json,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, Path, State},
    handler::Handler as _,
    http::{HeaderMap, Method, StatusCode},
    response::{IntoResponse, Response},
};
use copr_api::builder::{Heartbeat, HeartbeatReply, LeaseRequest, SHA256_HEADER, SourceMethod};
use futures_util::TryStreamExt as _;
use globset::{Glob, GlobSet, GlobSetBuilder};
use serde_json::{Value, json};

pub use self::finish::finish;
use super::{
    auth::BuilderCaller,
    error::ApiError,
    params::{JsonBody, Params},
    routes::Routes,
};
use crate::{
    db::{
        self,
        lease::{Held, Takes},
    },
    state::AppState,
    store::{Append, FileToRead, LOG_NAMES, SOURCES},
};

/// The longest piece of log in one call, with some room for the sender's reckoning.
pub const LOG_CHUNK: usize = (1 << 20) + 1024;
/// How long a call for work is held when there is none.
const PATIENCE: Duration = Duration::from_secs(20);

/// Most architectures, patterns or tags of a builder, and bytes of one.
const WORDS: (usize, usize) = (200, 200);

/// The addresses of this file.
pub fn routes() -> Routes {
    Routes::default()
        .exact(Method::POST, "/builder/v1/lease", lease)
        .exact(Method::POST, "/builder/v1/lease/{id}/heartbeat", heartbeat)
        .exact(Method::POST, "/builder/v1/lease/{id}/log/{name}", log.layer(DefaultBodyLimit::max(LOG_CHUNK)))
        .exact(Method::PUT, "/builder/v1/lease/{id}/result/{file}", result)
        .exact(Method::POST, "/builder/v1/lease/{id}/finish", finish)
        .exact(Method::GET, "/builder/v1/lease/{id}/source", source)
        .exact(Method::GET, "/builder/v1/lease/{id}/source/{file}", source_file)
}

/// `POST /builder/v1/lease`.
///
/// # Errors
/// 400: no architectures, too many of something, or a pattern that is none.
pub async fn lease(
    State(state): State<AppState>,
    _: BuilderCaller,
    JsonBody(request): JsonBody<LeaseRequest>,
) -> Result<Response, ApiError> {
    let takes = takes(&state, &request)?;
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let patience = deadline.saturating_duration_since(tokio::time::Instant::now());
        let claimed = state.queue.lease(&request.builder, &takes, patience, &state.stopping).await?;
        let Some(claimed) = claimed else { return Ok(StatusCode::NO_CONTENT.into_response()) };
        state.following.begins(claimed.build_id, claimed.id);
        // One that can't be built for a reason of its project fails here, and the next one is looked for.
        if let Some(lease) = grant::grant(&state, &claimed).await? {
            return Ok(Json(lease).into_response());
        }
    }
}

/// Which jobs a builder takes: those of its architectures, but for chroots that match no pattern of it, or ask for a tag that it
/// lacks.
fn takes(state: &AppState, request: &LeaseRequest) -> Result<Takes, ApiError> {
    let lists = [&request.arches, &request.chroots, &request.tags];
    let long = |list: &Vec<String>| list.len() > WORDS.0 || list.iter().any(|word| word.len() > WORDS.1);
    if request.arches.is_empty() || lists.into_iter().any(long) || request.builder.len() > WORDS.1 {
        return Err(ApiError::BadRequest(format!(
            "a builder has a name, at least one architecture, and at most {} chroots and tags, each of at most {} bytes",
            WORDS.0, WORDS.1
        )));
    }
    let patterns = patterns(&request.chroots).map_err(|error| ApiError::BadRequest(format!("chroots: {error}")))?;
    let refused = state.chroots.iter().filter(|(name, definition)| {
        let matches = request.chroots.is_empty() || patterns.is_match(name.as_str());
        !(matches && definition.tags.iter().all(|tag| request.tags.contains(tag)))
    });
    let limits = state.config.queue.limits(&state.chroots);
    Ok(Takes { refused: refused.map(|(name, _)| name.clone()).collect(), arches: request.arches.clone(), limits })
}

fn patterns(texts: &[String]) -> Result<GlobSet, globset::Error> {
    let mut set = GlobSetBuilder::new();
    for text in texts {
        set.add(Glob::new(text)?);
    }
    set.build()
}

/// The build-chroot of a lease that is still at work.
async fn at_work(state: &AppState, lease: &str) -> Result<Held, ApiError> {
    match db::lease::held(&state.db, lease).await? {
        Some(held) if !held.finished => Ok(held),
        _ => Err(ApiError::lease_lost()),
    }
}

/// `POST /builder/v1/lease/{id}/heartbeat`.
///
/// # Errors
/// 409.
pub async fn heartbeat(
    State(state): State<AppState>,
    _: BuilderCaller,
    Path(lease): Path<String>,
    JsonBody(beat): JsonBody<Heartbeat>,
) -> Result<Json<HeartbeatReply>, ApiError> {
    let cancel = state.queue.heartbeat(&lease, beat.stage).await?.ok_or_else(ApiError::lease_lost)?;
    Ok(Json(HeartbeatReply { cancel }))
}

/// `POST /builder/v1/lease/{id}/log/{name}?offset=N`.
///
/// # Errors
/// 400: no such log, 409; 416 with the log's size when the offset is another.
pub async fn log(
    State(state): State<AppState>,
    _: BuilderCaller,
    Path((lease, name)): Path<(String, String)>,
    query: Params,
    bytes: Bytes,
) -> Result<Response, ApiError> {
    let held = at_work(&state, &lease).await?;
    if !LOG_NAMES.contains(&name.as_str()) {
        return Err(ApiError::BadRequest(format!("a log is one of {}", LOG_NAMES.join(", "))));
    }
    let offset = query.required("offset")?;
    let offset: u64 =
        offset.parse().map_err(|_| ApiError::BadRequest("offset: Not a valid integer value.".to_owned()))?;
    let (folder, limit) = (state.queue.folder(&held), state.config.limits.log_bytes);
    let (status, size) = match state.store.append_log(&folder, &lease, &name, offset, bytes, limit).await? {
        Append::Done(size) => {
            state.following.grown(held.build_id, held.id, &name).await;
            (StatusCode::OK, size)
        }
        Append::Elsewhere(size) => (StatusCode::RANGE_NOT_SATISFIABLE, size),
    };
    Ok((status, Json(json!({ "size": size }))).into_response())
}

/// `PUT /builder/v1/lease/{id}/result/{file}`.
///
/// # Errors
/// 400: a bad file name, a sum that does not fit, or too many files; 409, 413.
pub async fn result(
    State(state): State<AppState>,
    _: BuilderCaller,
    Path((lease, file)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, ApiError> {
    at_work(&state, &lease).await?;
    let limit = if finish::is_package(&file) {
        state.config.limits.result_bytes
    } else if finish::is_kept(&file) {
        finish::KEPT_BYTES
    } else {
        return Err(ApiError::BadRequest(format!("{file:?} is no name of a result")));
    };
    let spooled = state.store.spool(body.into_data_stream().map_err(axum::Error::into_inner), limit).await?;
    let expected = headers.get(SHA256_HEADER).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if expected != spooled.sha256 {
        return Err(ApiError::BadRequest(format!(
            "{file}: the bytes have SHA-256 {}, not {expected:?}",
            spooled.sha256
        )));
    }
    // The upload may have taken long: only files of a lease that is still alive are kept.
    at_work(&state, &lease).await?;
    let limit = state.config.limits.result_files;
    if state.store.count_incoming(&lease, &file).await? >= limit {
        return Err(ApiError::TooLarge(format!("a build may hand in {limit} files")));
    }
    state.store.keep_incoming(spooled, &lease, &file).await?;
    Ok(Json(json!({})))
}

/// `GET /builder/v1/lease/{id}/source`: the source package.
///
/// # Errors
/// 404: it is yet to be made, 409.
pub async fn source(
    State(state): State<AppState>,
    _: BuilderCaller,
    Path(lease): Path<String>,
) -> Result<Response, ApiError> {
    let held = at_work(&state, &lease).await?;
    if held.source_name.is_empty() {
        return Err(ApiError::NotFound("there is no source package yet: this lease is to make it".to_owned()));
    }
    let folder = state.store.source_folder(&held.owner, &held.dirname, held.build_id);
    send(state.store.source(&folder, &held.source_name).await?).await
}

/// `GET /builder/v1/lease/{id}/source/{file}`: a file that was uploaded for the source package to be made of.
///
/// # Errors
/// 404: there is no such file, 409.
pub async fn source_file(
    State(state): State<AppState>,
    _: BuilderCaller,
    Path((lease, file)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let held = at_work(&state, &lease).await?;
    let build = db::build::get(&state.db, held.build_id).await?;
    match build.and_then(|build| build.method) {
        Some(SourceMethod::Spec { files, .. }) if files.iter().any(|known| known.name == file) => {}
        _ => return Err(ApiError::NotFound(format!("no file {file:?} was uploaded for this source package"))),
    }
    let folder = state.store.source_folder(&held.owner, &held.dirname, held.build_id).join(SOURCES);
    send(state.store.source(&folder, &file).await?).await
}

async fn send(file: FileToRead) -> Result<Response, ApiError> {
    let size = file.size;
    let body = Body::from_stream(file.read(0, size).await?);
    Ok(([("content-type", "application/x-rpm".to_owned()), ("content-length", size.to_string())], body).into_response())
}
