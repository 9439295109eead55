//! Who is at the other end. Proxies that the configuration trusts tell of callers behind them; nobody else's word is taken.

use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::{ConnectInfo, Request, State},
    http::HeaderMap,
    middleware::Next,
    response::Response,
};

use crate::{config::is_within, state::AppState};

/// `SUCCESS` when the proxy has verified the caller's certificate.
pub const CERTIFICATE_VERIFIED: &str = "x-ssl-client-verify";
/// The distinguished name in that certificate.
pub const CERTIFICATE_SUBJECT: &str = "x-ssl-client-s-dn";
/// The caller's address, after those of proxies on the way.
const FORWARDED_FOR: &str = "x-forwarded-for";
/// Most addresses of one list that are looked at.
const HOPS: usize = 20;

/// What only a trusted proxy may say.
const TRUSTED_ONLY: [&str; 8] = [
    FORWARDED_FOR,
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-real-ip",
    "x-request-id",
    "forwarded",
    CERTIFICATE_VERIFIED,
    CERTIFICATE_SUBJECT,
];

/// The caller's address; `None`: the call did not come by the network.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub Option<IpAddr>);

/// Finds the caller's address, and takes from everyone but trusted proxies the headers that only those may send.
pub(super) async fn identify(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let proxies = &state.config.trusted_proxies;
    let connected = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip().to_canonical());
    let peer = if connected.is_some_and(|address| is_within(proxies, address)) {
        forwarded(request.headers(), proxies).or(connected)
    } else {
        for name in TRUSTED_ONLY {
            request.headers_mut().remove(name);
        }
        connected
    };
    request.extensions_mut().insert(Peer(peer));
    next.run(request).await
}

/// The last address of the list that is no trusted proxy: whatever stands before it, its sender may have made up.
fn forwarded(headers: &HeaderMap, proxies: &[(IpAddr, u8)]) -> Option<IpAddr> {
    let texts: Vec<&str> = headers.get_all(FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok()).collect();
    let mut found = None;
    for text in texts.iter().rev().flat_map(|text| text.rsplit(',')).take(HOPS) {
        let Ok(address) = text.trim().parse::<IpAddr>() else { break };
        found = Some(address.to_canonical());
        if !is_within(proxies, address) {
            break;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::{Router, body::Body, middleware, routing::get};
    use tower::ServiceExt as _;

    use super::*;
    use crate::web::seed::Town;

    #[tokio::test]
    async fn a_client_certificate_is_a_trusted_proxys_word_and_vanishes_from_all_others() {
        let mut state = Town::empty().await.state;
        let mut config = (*state.config).clone();
        config.trusted_proxies = vec![("192.0.2.1".parse().unwrap(), 32)];
        state.config = Arc::new(config);
        let names = async |headers: HeaderMap| headers.keys().map(|name| format!("{name}\n")).collect::<String>();
        let router = Router::new().route("/", get(names)).layer(middleware::from_fn_with_state(state, super::identify));
        for (from, passed) in [(Some("192.0.2.1:1"), true), (Some("192.0.2.2:1"), false), (None, false)] {
            let mut request = Request::get("/").header("accept", "*/*").header(CERTIFICATE_SUBJECT, "CN=admin");
            request = request.header(CERTIFICATE_VERIFIED, "SUCCESS");
            let mut request = request.body(Body::empty()).unwrap();
            if let Some(from) = from {
                request.extensions_mut().insert(ConnectInfo::<SocketAddr>(from.parse().unwrap()));
            }
            let answer = router.clone().oneshot(request).await.unwrap();
            let names = axum::body::to_bytes(answer.into_body(), 4096).await.unwrap();
            let names = String::from_utf8(names.to_vec()).unwrap();
            assert!(names.contains("accept\n"), "{names}");
            assert_eq!(names.contains(CERTIFICATE_SUBJECT), passed, "{from:?}: {names}");
            assert_eq!(names.contains(CERTIFICATE_VERIFIED), passed, "{from:?}: {names}");
        }
    }

    #[test]
    fn what_a_caller_says_of_itself_before_the_proxy_is_not_believed() {
        let proxies = [("10.0.0.0".parse().unwrap(), 8)];
        let found = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(FORWARDED_FOR, value.parse().unwrap());
            }
            forwarded(&headers, &proxies).map(|address| address.to_string())
        };
        assert_eq!(found(&["198.51.100.7"]).as_deref(), Some("198.51.100.7"));
        assert_eq!(found(&["127.0.0.1, 198.51.100.7, 10.0.0.2"]).as_deref(), Some("198.51.100.7"));
        assert_eq!(found(&["127.0.0.1", "198.51.100.7"]).as_deref(), Some("198.51.100.7"));
        assert_eq!(found(&["198.51.100.7, nonsense"]), None);
        assert_eq!(found(&["nonsense, 10.0.0.9"]).as_deref(), Some("10.0.0.9"));
        assert_eq!(found(&[]), None);
    }
}
