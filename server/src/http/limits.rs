//! Bounds for callers: how often they may call, and how long a body may be silent.

use std::{
    collections::HashSet,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    body::{Body, HttpBody},
    extract::{Request, State},
    http::{HeaderValue, Method, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::{StreamExt as _, stream};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter, clock::Clock as _};
use sha2::{Digest as _, Sha256};

use super::peer::Peer;
use crate::{
    config::{Limits, Rate},
    state::AppState,
    web::{self, frame::Wants},
};

/// Most credentials that are remembered as good; when there are more, all have to show themselves again.
const PROVEN: usize = 20_000;
/// After so many calls, callers that have been quiet for a while are forgotten.
const FORGET_EVERY: usize = 4096;

type Key = [u8; 32];

/// The kinds of calls that are counted, each on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Read,
    Write,
    Upload,
    SignIn,
}

/// What is known of callers and their calls.
#[derive(Debug)]
pub(super) struct Bounds {
    limiters: [Option<DefaultKeyedRateLimiter<Key>>; 4],
    /// Digests of credentials that were right the last time. Others are counted by address: a made-up login would be a new
    /// caller each time.
    proven: Mutex<HashSet<Key>>,
    calls: AtomicUsize,
    stall: Duration,
}

impl Bounds {
    pub(super) fn new(limits: &Limits) -> Arc<Self> {
        let Rate { read, write, upload, sign_in } = limits.rate;
        let limiter = |calls| NonZeroU32::new(calls).map(|calls| RateLimiter::keyed(Quota::per_minute(calls)));
        Arc::new(Self {
            limiters: [read, write, upload, sign_in].map(limiter),
            proven: Mutex::default(),
            calls: AtomicUsize::new(0),
            stall: Duration::from_secs(limits.stall_seconds),
        })
    }

    fn is_proven(&self, credentials: &Key) -> bool {
        self.proven.lock().unwrap_or_else(PoisonError::into_inner).contains(credentials)
    }

    fn note(&self, credentials: Key, good: bool) {
        let mut proven = self.proven.lock().unwrap_or_else(PoisonError::into_inner);
        if !good {
            proven.remove(&credentials);
            return;
        }
        if proven.len() >= PROVEN {
            proven.clear();
        }
        proven.insert(credentials);
    }

    /// Counts a call; the seconds to wait when it is one too many.
    fn count(&self, class: Class, key: &Key) -> Result<(), u64> {
        let Some(limiter) = &self.limiters[class as usize] else { return Ok(()) };
        if self.calls.fetch_add(1, Ordering::Relaxed) % FORGET_EVERY == FORGET_EVERY - 1 {
            self.limiters.iter().flatten().for_each(RateLimiter::retain_recent);
        }
        limiter.check_key(key).map_err(|not_until| {
            let wait = not_until.wait_time_from(limiter.clock().now());
            wait.as_secs() + 1
        })
    }
}

/// How a call is counted; `None`: it is not. Repositories, packages, logs and pages are what the server is for.
fn class(method: &Method, path: &str) -> Option<Class> {
    let reads = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    let api = path.starts_with("/api_3/");
    if ["/login", "/sign-in", "/sign_in", "/oidc"].iter().any(|start| path.starts_with(start)) {
        return Some(Class::SignIn);
    }
    match (reads, api) {
        (true, true) => Some(Class::Read),
        (true, false) => None,
        _ if path.starts_with("/builder/") => Some(Class::Upload),
        _ if path.contains("/build/create/upload")
            || path.contains("/build/create/rpm-upload")
            || path.contains("/comps") =>
        {
            Some(Class::Upload)
        }
        _ => Some(Class::Write),
    }
}

/// What stands for a caller's address: one network of IPv6 is one caller, because whoever has one has 2^64 addresses.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(six) => Ipv6Addr::from(u128::from(six) >> 64 << 64).into(),
        four @ IpAddr::V4(_) => four,
    }
}

fn of_address(address: IpAddr) -> Key {
    Sha256::digest(network(address).to_string()).into()
}

/// Refuses who calls too often, before anything of the call is looked at.
pub(super) async fn rate(
    State((bounds, state)): State<(Arc<Bounds>, AppState)>,
    request: Request,
    next: Next,
) -> Response {
    let peer = request.extensions().get::<Peer>().and_then(|peer| peer.0);
    let credentials: Option<Key> = [header::AUTHORIZATION, header::COOKIE]
        .iter()
        .find_map(|name| request.headers().get(name))
        .map(|value| Sha256::digest(value.as_bytes()).into());
    // Signs that cost nothing to make prove nothing: a cookie is nobody until a call with it has needed and had a user.
    let basic = request.headers().contains_key(header::AUTHORIZATION);
    let proven = credentials.filter(|credentials| basic && bounds.is_proven(credentials));
    let builder = request.uri().path().starts_with("/builder/");
    if let Some(class) = class(request.method(), request.uri().path())
        && !(builder && proven.is_some())
    {
        let key = proven.filter(|_| class != Class::SignIn).or_else(|| peer.map(of_address));
        if let Some(key) = key
            && let Err(seconds) = bounds.count(class, &key)
        {
            return too_many(&state, seconds, &request.into_parts().0);
        }
    }
    let needs_user = builder || !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let response = next.run(request).await;
    if let Some(credentials) = credentials.filter(|_| basic) {
        match response.status() {
            StatusCode::UNAUTHORIZED => bounds.note(credentials, false),
            // Calls that anyone may make succeed with wrong credentials too.
            status if needs_user && status.is_success() => bounds.note(credentials, true),
            _ => {}
        }
    }
    response
}

/// The refusal: a page for who wanted one.
fn too_many(state: &AppState, seconds: u64, asked: &Parts) -> Response {
    let error = format!("Too many calls: try again in {seconds} seconds.");
    let path = asked.uri.path();
    let page = !path.starts_with("/api_3/") && !path.starts_with("/builder/") && Wants::of(asked) == Wants::Html;
    let body = match page {
        true => web::refusal(state, StatusCode::TOO_MANY_REQUESTS, "Too many calls", &error),
        false => axum::Json(copr_api::v3::ErrorBody { error }).into_response(),
    };
    (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, seconds.to_string())], body).into_response()
}

/// Cuts off a body that sends nothing for a while; whoever reads it gets an error, and keeps nothing of it.
pub(super) async fn stalls(State(bounds): State<Arc<Bounds>>, request: Request, next: Next) -> Response {
    let stalled = Arc::new(AtomicBool::new(false));
    let (parts, body) = request.into_parts();
    let (patience, seen) = (bounds.stall, Arc::clone(&stalled));
    // The length is lost on the way, so an empty body stays what it is.
    let body = if HttpBody::is_end_stream(&body) {
        body
    } else {
        let pieces = stream::unfold(Some(body.into_data_stream()), move |body| {
            let seen = Arc::clone(&seen);
            async move {
                let mut body = body?;
                match tokio::time::timeout(patience, body.next()).await {
                    Ok(piece) => piece.map(|piece| (piece.map_err(axum::Error::into_inner), Some(body))),
                    Err(_) => {
                        seen.store(true, Ordering::Relaxed);
                        let error = std::io::Error::new(
                            std::io::ErrorKind::TimedOut,
                            format!("nothing came for {} seconds", patience.as_secs()),
                        );
                        Some((Err(error.into()), None))
                    }
                }
            }
        });
        Body::from_stream(pieces)
    };
    let response = next.run(Request::from_parts(parts, body)).await;
    if !stalled.load(Ordering::Relaxed) || response.status().is_success() {
        return response;
    }
    let error = format!("The request was not whole: nothing came for {} seconds.", bounds.stall.as_secs());
    let mut response = (StatusCode::REQUEST_TIMEOUT, axum::Json(copr_api::v3::ErrorBody { error })).into_response();
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// The bound of every body that has none of its own.
pub(super) fn body_limit(limits: &Limits) -> axum::extract::DefaultBodyLimit {
    axum::extract::DefaultBodyLimit::max(limits.body_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_is_for_is_not_counted_and_the_rest_is_by_its_kind() {
        let of = |method: Method, path: &str| class(&method, path);
        assert_eq!(of(Method::GET, "/results/alice/p/fedora-44-x86_64/repodata/repomd.xml"), None);
        assert_eq!(of(Method::GET, "/coprs/alice/p/"), None);
        assert_eq!(of(Method::GET, "/api_3/build/1"), Some(Class::Read));
        assert_eq!(of(Method::POST, "/api_3/build/create/url"), Some(Class::Write));
        assert_eq!(of(Method::POST, "/api_3/build/create/upload"), Some(Class::Upload));
        assert_eq!(of(Method::GET, "/login"), Some(Class::SignIn));
    }

    #[test]
    fn all_of_an_ipv6_network_is_one_caller_and_two_ipv4_addresses_are_two() {
        let key = |text: &str| of_address(text.parse().unwrap());
        assert_eq!(key("2001:db8:0:1::1"), key("2001:db8:0:1:ffff::2"));
        assert_ne!(key("2001:db8:0:1::1"), key("2001:db8:0:2::1"));
        assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
        assert_eq!(key("::ffff:192.0.2.1"), key("192.0.2.1"));
    }

    #[test]
    fn one_call_too_many_is_told_when_to_come_again_and_others_are_not_disturbed() {
        let rate = Rate { read: 2, write: 0, upload: 1, sign_in: 1 };
        let bounds = Bounds::new(&Limits { rate, ..Limits::default() });
        let (one, other) = ([1; 32], [2; 32]);
        assert!(bounds.count(Class::Read, &one).is_ok() && bounds.count(Class::Read, &one).is_ok());
        assert!((1..=60).contains(&bounds.count(Class::Read, &one).unwrap_err()));
        assert!(bounds.count(Class::Read, &other).is_ok());
        assert!(bounds.count(Class::Upload, &one).is_ok());
        assert!((0..1000).all(|_| bounds.count(Class::Write, &one).is_ok()), "0 is any number");
    }
}
