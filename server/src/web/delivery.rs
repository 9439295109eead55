//! How pages travel: the headers that keep them safe, a tag by which the browser's copy is known, and compression.

use axum::{
    body::{Body, HttpBody as _},
    extract::Request,
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
        header::{self, CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_NONE_MATCH, SET_COOKIE, VARY},
    },
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use sha2::{Digest as _, Sha256};
use tower_http::compression::{
    CompressionLayer,
    predicate::{NotForContentType, Predicate, SizeAbove},
};

use super::POLICY;

/// Bytes of the digest in a tag.
const TAG: usize = 12;
/// What is shorter travels as it is.
const COMPRESSED_FROM: u64 = 512;

/// The headers of every page; those that a handler set itself stay.
pub(super) fn secure(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::CACHE_CONTROL, "private, no-cache"),
    ] as [(HeaderName, &'static str); 5]
    {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// gzip and zstd for what has an end: events go out as they come.
pub(super) fn compression() -> CompressionLayer<impl Predicate> {
    CompressionLayer::new().compress_when(
        SizeAbove::new(COMPRESSED_FROM).and(NotForContentType::SSE).and(NotForContentType::const_new("image/png")),
    )
}

/// Gives every page a tag, and 304 to who has it already.
pub(super) async fn tagged(request: Request, next: Next) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let known = request.headers().get(IF_NONE_MATCH).cloned();
    let mut response = next.run(request).await;
    response.headers_mut().append(VARY, HeaderValue::from_static("accept, cookie"));
    let headers = response.headers();
    let whole = response.body().size_hint().exact().and_then(|bytes| usize::try_from(bytes).ok());
    let Some(bytes) =
        whole.filter(|_| reads && response.status() == StatusCode::OK && !headers.contains_key(SET_COOKIE))
    else {
        return response;
    };
    let (mut parts, body) = response.into_parts();
    let Ok(body) = axum::body::to_bytes(body, bytes).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let Some(tag) = parts.headers.get(ETAG).cloned().or_else(|| tag(&body)) else {
        return Response::from_parts(parts, Body::from(body));
    };
    let same = known.is_some_and(|known| names(&known, &tag));
    parts.headers.insert(ETAG, tag);
    if same {
        without_body(&mut parts.headers);
        parts.status = StatusCode::NOT_MODIFIED;
        return Response::from_parts(parts, Body::empty());
    }
    Response::from_parts(parts, Body::from(body))
}

fn without_body(headers: &mut HeaderMap) {
    headers.remove(CONTENT_LENGTH);
    headers.remove(CONTENT_TYPE);
}

/// A weak one: the compressed page is as good.
fn tag(body: &[u8]) -> Option<HeaderValue> {
    let digest = Sha256::digest(body);
    HeaderValue::from_str(&format!("W/\"{}\"", hex::encode(digest.get(..TAG)?))).ok()
}

/// Whether `If-None-Match` names the tag.
fn names(known: &HeaderValue, tag: &HeaderValue) -> bool {
    let (Ok(known), Ok(tag)) = (known.to_str(), tag.to_str()) else { return false };
    let bare = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    known.split(',').any(|one| one.trim() == "*" || bare(one) == bare(tag))
}
