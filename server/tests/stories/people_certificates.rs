//! Client certificates that a trusted proxy has verified.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    body::Body,
    extract::ConnectInfo,
    http::{Request, header},
};
use coprd::{db, http};
use serde_json::json;

use crate::support::{Answer, CHROOT, Hub};

const PROXY: &str = "192.0.2.1:4711";
const SUBJECT: &str = "CN=alice,OU=Packagers,O=People";

/// The server believes its proxy, and alice has a certificate.
async fn prepare(hub: &mut Hub) {
    let mut config = (*hub.state.config).clone();
    config.trusted_proxies = vec![("192.0.2.1".parse().unwrap(), 32)];
    hub.state.config = Arc::new(config);
    hub.router = http::router(hub.state.clone());
    assert!(db::account::set_certificate(&hub.state.db, "alice", Some(SUBJECT)).await.unwrap());
}

/// A call by way of the proxy, with a certificate that it has verified.
async fn call(hub: &Hub, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    from(
        hub,
        PROXY,
        method,
        path,
        &[&[("x-ssl-client-verify", "SUCCESS"), ("x-ssl-client-s-dn", SUBJECT)], headers].concat(),
        body,
    )
    .await
}

async fn from(hub: &Hub, address: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(Body::from(body.to_owned())).unwrap();
    let address: SocketAddr = address.parse().unwrap();
    request.extensions_mut().insert(ConnectInfo(address));
    hub.send(request).await
}

const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test]
async fn who_shows_a_certificate_to_the_proxy_needs_no_token() {
    for mut hub in Hub::on_every_engine().await {
        hub.user("alice").await;
        prepare(&mut hub).await;
        assert_eq!(call(&hub, "GET", "/api_3/auth-check", &[], "").await.ok()["name"], "alice");
        let add = json!({ "name": "libs", "chroots": [CHROOT] }).to_string();
        call(&hub, "POST", "/api_3/project/add/alice", &[JSON], &add).await.ok();
        let token = call(&hub, "POST", "/api_3/api-token/new", &[JSON], r#"{"label": "by certificate"}"#).await.ok();
        assert!(token["api_token"].as_str().is_some_and(|token| token.len() == 30));
        let error = call(&hub, "POST", "/api_3/api-token", &[JSON], "").await.error(400);
        assert!(error.contains("no token to renew"), "{error}");
    }
}

#[tokio::test]
async fn nobody_but_the_proxy_is_believed_and_a_wrong_token_stays_wrong() {
    for mut hub in Hub::on_every_engine().await {
        let (alice, bob) = (hub.user("alice").await, hub.user("bob").await);
        prepare(&mut hub).await;
        let verified = [("x-ssl-client-verify", "SUCCESS"), ("x-ssl-client-s-dn", SUBJECT)];
        from(&hub, "192.0.2.2:1", "GET", "/api_3/auth-check", &verified, "").await.error(401);
        // Who comes by the network without an address is nobody's proxy either.
        hub.get_with("/api_3/auth-check", &verified).await.error(401);
        for wrong in [
            [("x-ssl-client-verify", "NONE"), ("x-ssl-client-s-dn", SUBJECT)],
            [("x-ssl-client-verify", "FAILED:unable to verify"), ("x-ssl-client-s-dn", SUBJECT)],
            [("x-ssl-client-verify", "SUCCESS"), ("x-ssl-client-s-dn", "")],
            [("x-ssl-client-verify", "SUCCESS"), ("x-ssl-client-s-dn", "CN=alice")],
            [("x-ssl-client-verify", "SUCCESS"), ("x-ssl-client-s-dn", "CN=ALICE,OU=Packagers,O=People")],
            [("x-ssl-client-verify", "SUCCESS"), ("x-ssl-client-s-dn", "cert: CN=alice,OU=Packagers,O=People")],
        ] {
            from(&hub, PROXY, "GET", "/api_3/auth-check", &wrong, "").await.error(401);
        }
        let unknown = [("x-ssl-client-verify", "SUCCESS"), ("x-ssl-client-s-dn", "CN=carol")];
        let error = from(&hub, PROXY, "GET", "/api_3/auth-check", &unknown, "").await.error(401);
        assert!(error.contains("CN=carol") && error.contains("no user"), "{error}");
        for wrong in ["Basic eDp5", "Basic !", "Bearer x", "", "Negotiate abc"] {
            let answer = call(&hub, "GET", "/api_3/auth-check", &[("authorization", wrong)], "").await;
            assert_eq!(answer.status.as_u16(), 401, "{wrong:?}");
        }
        // A good token is what counts.
        let as_bob = [(header::AUTHORIZATION.as_str(), bob.basic.as_str())];
        assert_eq!(call(&hub, "GET", "/api_3/auth-check", &as_bob, "").await.ok()["name"], "bob");
        db::user::set_disabled(&hub.state.db, "alice", true).await.unwrap();
        call(&hub, "GET", "/api_3/auth-check", &[], "").await.error(401);
        db::user::set_disabled(&hub.state.db, "alice", false).await.unwrap();
        db::account::set_certificate(&hub.state.db, "alice", None).await.unwrap();
        call(&hub, "GET", "/api_3/auth-check", &[], "").await.error(401);
        hub.call(&alice, "GET", "/api_3/auth-check", &serde_json::Value::Null).await.ok();
    }
}

#[tokio::test]
async fn a_page_of_another_site_cannot_have_a_browser_call_with_its_certificate() {
    for mut hub in Hub::on_every_engine().await {
        hub.user("alice").await;
        prepare(&mut hub).await;
        let add = json!({ "name": "libs", "chroots": [CHROOT] }).to_string();
        for headers in [
            &[][..],
            &[("content-type", "text/plain")],
            &[("content-type", "application/x-www-form-urlencoded")],
            &[("content-type", "multipart/form-data; boundary=B")],
            &[("content-type", "text/plain; charset=application/json")],
            &[JSON, ("sec-fetch-site", "cross-site")],
            &[JSON, ("sec-fetch-site", "same-site")],
            &[JSON, ("x-copr-client", "1"), ("sec-fetch-site", "cross-site")],
        ] {
            let error = call(&hub, "POST", "/api_3/project/add/alice", headers, &add).await.error(403);
            assert!(error.contains("x-copr-client"), "{headers:?}: {error}");
        }
        call(&hub, "GET", "/api_3/auth-check", &[("sec-fetch-site", "cross-site")], "").await.error(403);
        hub.get("/api_3/project?ownername=alice&projectname=libs").await.error(404);
        // What everyone may see needs no certificate, and is not refused with one.
        call(&hub, "GET", "/api_3/project/list", &[("sec-fetch-site", "cross-site")], "").await.ok();
        call(&hub, "POST", "/api_3/project/add/alice", &[("x-copr-client", "curl")], &add).await.ok();
        let same = [JSON, ("sec-fetch-site", "same-origin")];
        call(&hub, "PUT", "/api_3/project/edit/alice/libs", &same, r#"{"description": "mine"}"#).await.ok();
    }
}

#[tokio::test]
async fn a_certificate_is_one_users() {
    for mut hub in Hub::on_every_engine().await {
        hub.user("alice").await;
        hub.user("bob").await;
        prepare(&mut hub).await;
        let taken = db::account::set_certificate(&hub.state.db, "bob", Some(SUBJECT)).await;
        assert!(taken.unwrap_err().is_duplicate());
        let listed = db::account::list(&hub.state.db).await.unwrap();
        let identities: Vec<_> = listed.iter().map(|account| account.identity.clone()).collect();
        assert_eq!(identities, [Some(format!("cert: {SUBJECT}")), None]);
    }
}
