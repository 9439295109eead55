//! `/coprs/build/ID/events`: how far a build is, and a log of it, as server-sent events.

use std::fmt::Write as _;

use axum::{
    Extension,
    body::Body,
    extract::{Path, State},
    http::{
        HeaderMap, HeaderName, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS},
    },
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use copr_api::v3::ErrorBody;
use futures_util::stream;
use serde_json::json;

use crate::{
    db::{self, build::Build},
    follow::{self, Event, Refused},
    http::{
        error::ApiError,
        limits,
        params::{self, Params},
        peer::Peer,
    },
    state::AppState,
    store::LOG_NAMES,
};

/// Sent by whoever was cut off: the id of the last event that it has.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Tells nginx to hand on what comes at once.
const NO_BUFFERING: (HeaderName, &str) = (HeaderName::from_static("x-accel-buffering"), "no");
/// Seconds after which one who was refused may try again.
const LATER: &str = "30";

/// `GET /coprs/build/{id}/events?chroot=NAME&log=NAME&offset=N`.
///
/// # Errors
/// 400: the build has no such chroot, or there are no such logs; 404: no such build.
pub(super) async fn follow(
    State(state): State<AppState>,
    Path(id): Path<String>,
    Extension(Peer(peer)): Extension<Peer>,
    query: Params,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let number = params::id(&id)?;
    let missing = || ApiError::NotFound(format!("Build {number} does not exist."));
    let build = db::build::get(&state.db, number).await?.ok_or_else(missing)?;
    if let Some(why) = state.takedowns.why(&build.owner, build.project.as_str(), Some(number)).await? {
        return Err(ApiError::TakenDown(why));
    }
    let resumed = headers.get(LAST_EVENT_ID).and_then(|value| value.to_str().ok()?.parse().ok());
    let log = wanted(&build, &query, resumed)?;
    let follower = match state.following.follow(build, log, peer.map(limits::network)).await {
        Ok(follower) => follower,
        Err(Refused::Io(error)) => return Err(error.into()),
        Err(refused) => {
            let body = axum::Json(ErrorBody { error: refused.to_string() });
            return Ok((StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, LATER)], body).into_response());
        }
    };
    if resumed.is_some() && follower.has_all() {
        // What makes browsers stop asking.
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let stopping = state.stopping.clone();
    let events = stream::unfold((follower, stopping), async |(mut follower, stopping)| {
        let event = follower.next(&stopping).await.transpose()?;
        let piece = event.map(|event| Bytes::from(written(&event, follower.offset())));
        Some((piece, (follower, stopping)))
    });
    let headers = [
        (CONTENT_TYPE, "text/event-stream"),
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        NO_BUFFERING,
    ];
    Ok((headers, Body::from_stream(events)).into_response())
}

/// The log that is asked for: the job, its name, and where to begin.
fn wanted(build: &Build, query: &Params, resumed: Option<u64>) -> Result<Option<(i64, &'static str, u64)>, ApiError> {
    let Some(chroot) = query.get("chroot") else { return Ok(None) };
    let job = follow::job_named(build, chroot).ok_or_else(|| {
        ApiError::BadRequest(format!(
            "chroot: build {} has none of that name; its source is {}",
            build.id,
            follow::SOURCE
        ))
    })?;
    let log = match query.get("log") {
        None => LOG_NAMES.first().copied(),
        Some(name) => follow::log_named(name),
    };
    let log = log.ok_or_else(|| ApiError::BadRequest(format!("log: one of {}", LOG_NAMES.join(", "))))?;
    let offset = match (resumed, query.get("offset")) {
        (Some(offset), _) => offset,
        (None, None) => 0,
        (None, Some(text)) => {
            text.parse().map_err(|_| ApiError::BadRequest("offset: Not a valid integer value.".to_owned()))?
        }
    };
    Ok(Some((job, log, offset)))
}

/// An event in its form on the wire. Its id is the byte of the log that comes next.
fn written(event: &Event, next: u64) -> String {
    let (name, data) = match event {
        Event::Nothing => return ": nothing new\n\n".to_owned(),
        Event::State(state) => ("state", state.clone()),
        // As JSON, in which a line's end within the text is no end of a line.
        Event::Log { begin, text } => ("log", json!({ "offset": begin, "text": text }).to_string()),
        Event::Anew => ("anew", "{}".to_owned()),
        Event::End => ("end", "{}".to_owned()),
    };
    let mut written = String::with_capacity(data.len() + 64);
    let _ = write!(written, "event: {name}\nid: {next}\ndata: {data}\n\n");
    written
}
