//! What is told of every request: one line in the log, and the figures.

use std::time::Instant;

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderValue, Method},
    middleware::Next,
    response::Response,
};
use tracing::{Instrument as _, field::Empty};

use super::peer::Peer;
use crate::state::AppState;

/// Names one request in log and answer; a trusted proxy may have given it.
const REQUEST_ID: &str = "x-request-id";
/// The longest name that is taken from a proxy.
const ID_BYTES: usize = 64;
/// Addresses that are asked all the time by programs that watch the server.
const QUIET: [&str; 2] = ["/healthz", "/metrics"];

/// Notes in the log's current request who has called; what is known later than the request itself.
pub(crate) fn note_user(name: &str) {
    tracing::Span::current().record("user.name", name);
}

/// Logs and counts a request. Its query is not logged: somebody may put a secret there; nor are addresses of webhooks, which have one.
pub(super) async fn watch(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let id = request_id(&request);
    let method = word(request.method());
    let path = request.uri().path().to_owned();
    let template = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str).to_owned();
    let span = tracing::info_span!(
        "request",
        request.id = id,
        http.method = method,
        http.path = if path.starts_with("/webhooks/") { &template } else { &path },
        client.address = Empty,
        user.name = Empty
    );
    if let Some(address) = request.extensions().get::<Peer>().and_then(|peer| peer.0) {
        span.record("client.address", address.to_string());
    }
    let mut response = next.run(request).instrument(span.clone()).await;
    let (status, took) = (response.status().as_u16(), begun.elapsed());
    let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    if QUIET.contains(&path.as_str()) {
        tracing::debug!(parent: &span, http.status = status, http.ms = ms, "answered");
    } else {
        tracing::info!(parent: &span, http.status = status, http.ms = ms, "answered");
    }
    state.metrics.request(method, &template, status, took);
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// The proxy's name for the request (others' headers are gone by now), or a new one.
fn request_id(request: &Request) -> String {
    let given = request.headers().get(REQUEST_ID).and_then(|value| value.to_str().ok());
    let fine = |text: &&str| {
        (1..=ID_BYTES).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    };
    given.filter(fine).map_or_else(|| ulid::Ulid::generate().to_string().to_lowercase(), str::to_owned)
}

/// The method as a word of a short list: anyone may make up others.
fn word(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        Method::PATCH => "PATCH",
        _ => "other",
    }
}
