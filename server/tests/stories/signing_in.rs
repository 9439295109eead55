//! People with a browser: how a session begins, what it is good for, and how it ends.

use std::{cell::RefCell, collections::BTreeMap, sync::Arc};

use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use copr_api::names::Secret;
use coprd::{
    clock,
    config::Config,
    db,
    db::identity::{Met, SigningIn},
    expiry, http, password,
};
use serde_json::{Value, json};

use crate::support::{Answer, BASE, Hub, User};

pub(crate) const PASSWORD: &str = "correct horse battery";
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// A browser: it keeps cookies, says where its forms come from, and follows nothing.
pub(crate) struct Browser<'h> {
    hub: &'h Hub,
    cookies: RefCell<BTreeMap<String, String>>,
    origin: String,
}

impl<'h> Browser<'h> {
    pub(crate) fn new(hub: &'h Hub) -> Self {
        Self { hub, cookies: RefCell::default(), origin: hub.state.base_url.to_string() }
    }

    pub(crate) async fn signed_in(hub: &'h Hub, name: &str) -> Self {
        let browser = Self::new(hub);
        let answer = browser.sign_in(name, PASSWORD).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
        browser
    }

    pub(crate) async fn send(&self, mut request: Request<Body>) -> Answer {
        let cookies: Vec<_> = self.cookies.borrow().iter().map(|(name, value)| format!("{name}={value}")).collect();
        if !cookies.is_empty() {
            request.headers_mut().insert(header::COOKIE, cookies.join("; ").parse().unwrap());
        }
        let answer = self.hub.send(request).await;
        for cookie in answer.headers.get_all(header::SET_COOKIE) {
            let cookie = cookie.to_str().unwrap();
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            if value.is_empty() {
                self.cookies.borrow_mut().remove(name);
            } else {
                self.cookies.borrow_mut().insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.post_with(path, fields, &[("origin", &self.origin)]).await
    }

    pub(crate) async fn post_with(&self, path: &str, fields: &[(&str, &str)], headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::post(path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.send(request.body(Body::from(body)).unwrap()).await
    }

    async fn sign_in(&self, name: &str, password: &str) -> Answer {
        self.post("/login", &[("name", name), ("password", password), ("next", "/api")]).await
    }

    /// The token that a form of this session holds.
    pub(crate) async fn csrf(&self) -> String {
        let page = self.get("/api").await.text();
        let (_, rest) = page.split_once("name=\"csrf\" value=\"").unwrap_or_else(|| panic!("no form: {page}"));
        rest.split('"').next().unwrap().to_owned()
    }

    /// Who the server takes it for.
    async fn who(&self) -> Option<String> {
        let page = self.get("/api").await.text();
        page.split_once("<p>You are ").map(|(_, rest)| rest.split('.').next().unwrap().to_owned())
    }

    fn session(&self) -> Option<String> {
        self.cookies.borrow().get("copr").cloned()
    }
}

/// A user with a password.
pub(crate) async fn person(hub: &Hub, name: &str) -> User {
    let user = hub.user(name).await;
    let id = db::user::by_name(&hub.state.db, name).await.unwrap().unwrap().id;
    let hash = password::hash(Secret::new(PASSWORD)).await.unwrap();
    db::user::set_password(&hub.state.db, id, Some(&hash), None).await.unwrap();
    user
}

/// The same hub with another configuration and address.
fn changed(hub: &mut Hub, base: &str, change: impl FnOnce(&mut Config)) {
    let mut config = (*hub.state.config).clone();
    change(&mut config);
    hub.state.config = Arc::new(config);
    hub.state.base_url = base.into();
    hub.router = http::router(hub.state.clone());
}

async fn hub() -> Hub {
    Hub::on_every_engine().await.swap_remove(0)
}

#[tokio::test]
async fn the_right_password_begins_a_session_and_nothing_else_does() {
    for hub in Hub::on_every_engine().await {
        person(&hub, "alice").await;
        hub.user("bob").await;
        let browser = Browser::new(&hub);
        let mut texts = Vec::new();
        // A user without password, one who is not there, no name at all.
        for (name, password) in [
            ("alice", "wrong horse battery"),
            ("alice", ""),
            ("ALICE", PASSWORD),
            ("bob", PASSWORD),
            ("carol", PASSWORD),
            ("", ""),
        ] {
            let answer = browser.sign_in(name, password).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{name}");
            assert!(answer.headers.get(header::SET_COOKIE).is_none());
            assert!(!answer.text().contains(password) || password.is_empty(), "what was typed is not shown");
            texts.push(answer.text().replace(&format!("value=\"{name}\""), "value=\"\""));
        }
        texts.dedup();
        assert_eq!(texts.len(), 1, "the page does not tell which users there are");

        let answer = browser.sign_in(" alice ", PASSWORD).await;
        assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, "/api"));
        let cookie = answer.header("set-cookie").to_owned();
        assert!(cookie.starts_with("copr="), "{cookie}");
        for attribute in ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=2592000"] {
            assert!(cookie.split("; ").any(|part| part == attribute), "{attribute} in {cookie}");
        }
        assert!(!cookie.contains("Secure") && !cookie.contains("Domain"), "{cookie}");
        assert_eq!(browser.who().await.as_deref(), Some("alice"));
        assert_eq!(hub.rows().await["sessions"], 1);
    }
}

#[tokio::test]
async fn where_there_is_https_the_cookie_is_for_this_host_and_https_only() {
    let mut hub = hub().await;
    changed(&mut hub, "https://copr.example.org", |_| {});
    person(&hub, "alice").await;
    let browser = Browser::new(&hub);
    let cookie = browser.sign_in("alice", PASSWORD).await.header("set-cookie").to_owned();
    assert!(
        cookie.starts_with("__Host-copr=") && cookie.contains("; Secure") && cookie.contains("; Path=/"),
        "{cookie}"
    );
    assert_eq!(browser.who().await.as_deref(), Some("alice"));
    // Any page of the same host by http could have set this one.
    let id = browser.cookies.borrow_mut().remove("__Host-copr").unwrap();
    browser.cookies.borrow_mut().insert("copr".to_owned(), id);
    assert_eq!(browser.who().await, None);
    let plain = browser.post_with(
        "/login",
        &[("name", "alice"), ("password", PASSWORD)],
        &[("origin", "http://copr.example.org"), ("host", "copr.example.org")],
    );
    assert_eq!(plain.await.status, StatusCode::FORBIDDEN, "a page that anyone on the way can have written");
}

#[tokio::test]
async fn a_session_whose_id_somebody_else_chose_is_not_signed_in_by_its_victim() {
    let hub = hub().await;
    person(&hub, "alice").await;
    let (victim, planted) = (Browser::new(&hub), "ab".repeat(32));
    victim.cookies.borrow_mut().insert("copr".to_owned(), planted.clone());
    victim.sign_in("alice", PASSWORD).await;
    assert_ne!(victim.session().unwrap(), planted);
    let attacker = Browser::new(&hub);
    attacker.cookies.borrow_mut().insert("copr".to_owned(), planted);
    assert_eq!((attacker.who().await, victim.who().await.as_deref()), (None, Some("alice")));

    let first = victim.session().unwrap();
    victim.sign_in("alice", PASSWORD).await;
    attacker.cookies.borrow_mut().insert("copr".to_owned(), first);
    assert_eq!(attacker.who().await, None, "signing in anew ends what was there");
    assert_eq!(hub.rows().await["sessions"], 1);
}

#[tokio::test]
async fn signing_out_ends_the_session_itself_and_needs_its_form() {
    let hub = hub().await;
    person(&hub, "alice").await;
    let browser = Browser::signed_in(&hub, "alice").await;
    let id = browser.session().unwrap();
    assert_eq!(browser.get("/logout").await.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(browser.who().await.as_deref(), Some("alice"));
    let answer = browser.post("/logout", &[("csrf", &browser.csrf().await)]).await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, "/"));
    assert!(answer.header("set-cookie").contains("Max-Age=0"), "{}", answer.header("set-cookie"));
    browser.cookies.borrow_mut().insert("copr".to_owned(), id);
    assert_eq!(browser.who().await, None);
}

#[tokio::test]
async fn a_form_counts_only_from_a_page_of_ours_in_its_own_session() {
    let hub = hub().await;
    for name in ["alice", "bob"] {
        person(&hub, name).await;
    }
    let (alice, bob) = (Browser::signed_in(&hub, "alice").await, Browser::signed_in(&hub, "bob").await);
    let (own, others) = (alice.csrf().await, bob.csrf().await);
    let before = hub.rows().await["tokens"];
    for token in ["", "x", &others, &format!("{own}0"), &own.to_uppercase()] {
        let answer = alice.post("/api/new", &[("csrf", token)]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{token}");
        assert!(answer.text().contains("nothing was done"), "{}", answer.text());
    }
    assert_eq!(alice.post("/api/new", &[]).await.status, StatusCode::FORBIDDEN, "no token at all");
    let fields = [("csrf", own.as_str())];
    for headers in [
        &[][..],
        &[("origin", "null")],
        &[("origin", "https://evil.example")],
        &[("origin", "http://copr.test:8211")],
        &[("origin", "https://copr.test:8210")],
        &[("origin", "http://copr.test:8210.evil.example")],
        &[("origin", "https://evil.example"), ("referer", "http://copr.test:8210/api")],
        &[("referer", "https://evil.example/http://copr.test:8210/")],
        &[("referer", "nonsense")],
    ] {
        let answer = alice.post_with("/api/new", &fields, headers).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{headers:?}");
    }
    assert_eq!(hub.rows().await["tokens"], before, "nothing was done");
    for headers in [
        [("origin", BASE), ("x", "")],
        [("referer", "http://copr.test:8210/coprs/a/b/?c"), ("x", "")],
        // Without TLS a server has the name that it is called by.
        [("origin", "http://192.0.2.1:8210"), ("host", "192.0.2.1:8210")],
    ] {
        assert_eq!(alice.post_with("/api/new", &fields, &headers).await.status, StatusCode::OK, "{headers:?}");
    }
}

#[tokio::test]
async fn nobody_can_be_signed_in_from_another_sites_page() {
    let hub = hub().await;
    person(&hub, "eve").await;
    let browser = Browser::new(&hub);
    let fields = [("name", "eve"), ("password", PASSWORD)];
    for headers in [&[][..], &[("origin", "null")], &[("origin", "https://evil.example")]] {
        let answer = browser.post_with("/login", &fields, headers).await;
        assert_eq!((answer.status, browser.session()), (StatusCode::FORBIDDEN, None), "{headers:?}");
        assert!(answer.text().contains(BASE), "it says where the pages are: {}", answer.text());
    }
}

#[tokio::test]
async fn whoever_signs_in_stays_on_this_server() {
    let hub = hub().await;
    person(&hub, "alice").await;
    let signed_in = Browser::signed_in(&hub, "alice").await;
    for (back, to) in [
        ("/coprs/alice/p/?from=1", "/coprs/alice/p/?from=1"),
        ("", "/"),
        ("//evil.example", "/"),
        ("///evil.example", "/"),
        ("/\\evil.example", "/"),
        ("\\/evil.example", "/"),
        ("https://evil.example", "/"),
        ("https:evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/\t/evil.example", "/"),
        ("/\r\nSet-Cookie: a=b", "/"),
        (" //evil.example", "/"),
        ("evil.example", "/"),
        ("/.evil.example\u{2028}", "/"),
        ("/login?next=/", "/"),
        ("/logout", "/"),
    ] {
        let fields = [("name", "alice"), ("password", PASSWORD), ("next", back)];
        let answer = Browser::new(&hub).post("/login", &fields).await;
        assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, to), "{back:?}");
        let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("next", back).finish();
        let answer = signed_in.get(&format!("/login?{query}")).await;
        assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, to), "{back:?}");
    }
    // Who is not signed in comes back to the page that wanted it.
    let answer = Browser::new(&hub).get("/user/password?a=b").await;
    assert_eq!(answer.header("location"), "/login/?next=%2Fuser%2Fpassword%3Fa%3Db");
    let headers = [("origin", BASE), ("referer", "http://copr.test:8210/api?x")];
    let answer = Browser::new(&hub).post_with("/api/new", &[("csrf", "x")], &headers).await;
    assert_eq!(answer.header("location"), "/login/?next=%2Fapi%3Fx");
}

#[tokio::test]
async fn a_disabled_user_is_out_at_once_with_sessions_and_tokens_and_back_when_it_is_let_in_again() {
    for hub in Hub::on_every_engine().await {
        let alice = person(&hub, "alice").await;
        let browser = Browser::signed_in(&hub, "alice").await;
        let set = async |disabled| assert!(db::user::set_disabled(&hub.state.db, "alice", disabled).await.unwrap());
        set(true).await;
        assert_eq!(browser.who().await, None);
        assert_eq!(hub.call(&alice, "GET", "/api_3/auth-check", &Value::Null).await.status, StatusCode::UNAUTHORIZED);
        let answer = browser.sign_in("alice", PASSWORD).await;
        assert!(answer.status == StatusCode::FORBIDDEN && answer.text().contains("disabled"), "{}", answer.text());
        // Only who has the password is told.
        assert!(!browser.sign_in("alice", "wrong horse battery").await.text().contains("disabled"));
        set(false).await;
        assert_eq!(browser.who().await, None, "a session that has ended does not begin again");
        browser.sign_in("alice", PASSWORD).await;
        assert_eq!(browser.who().await.as_deref(), Some("alice"));
        assert!(!db::user::set_disabled(&hub.state.db, "nobody", true).await.unwrap());
    }
}

#[tokio::test]
async fn a_session_lives_while_it_is_used_but_not_for_ever_and_then_its_row_goes() {
    for hub in Hub::on_every_engine().await {
        hub.user("alice").await;
        let (db, now) = (&hub.state.db, clock::now_ms());
        let user = db::user::by_name(db, "alice").await.unwrap().unwrap();
        let begin = async || db::session::begin(db, user.id, now).await.unwrap();
        let lives = async |id: &Secret, days: i64| {
            db::session::find(db, id, now + days * DAY_MS).await.unwrap().is_some_and(|found| found == user)
        };
        let idle = begin().await;
        assert!(lives(&idle, 0).await);
        assert!(!lives(&idle, 14).await, "nobody used it for two weeks");
        let used = begin().await;
        for day in [1, 13, 26, 29] {
            assert!(lives(&used, day).await, "{day}");
        }
        assert!(!lives(&used, 30).await, "a month is the end");
        assert!(!lives(&Secret::new("0".repeat(64)), 0).await);

        expiry::pass(&hub.state, now + 20 * DAY_MS).await;
        assert_eq!(hub.rows().await["sessions"], 1, "the one that was used");
        expiry::pass(&hub.state, now + 31 * DAY_MS).await;
        assert_eq!(hub.rows().await["sessions"], 0);

        for number in 0..60 {
            db::session::begin(db, user.id, now + number).await.unwrap();
        }
        assert_eq!(hub.rows().await["sessions"], 50, "the oldest make room");
    }
}

#[tokio::test]
async fn tries_are_counted_by_name_whatever_address_they_come_from_and_by_address_whatever_the_name() {
    let mut hub = hub().await;
    changed(&mut hub, BASE, |config| config.limits.rate.sign_in = 3);
    for name in ["alice", "bob"] {
        person(&hub, name).await;
    }
    // These come by no network, so no address counts.
    let browser = Browser::new(&hub);
    for _ in 0..3 {
        assert_eq!(browser.sign_in("alice", "wrong horse battery").await.status, StatusCode::FORBIDDEN);
    }
    let answer = browser.sign_in("alice", PASSWORD).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert!((1..=60).contains(&answer.header("retry-after").parse::<u64>().unwrap()));
    assert_eq!(browser.sign_in("bob", PASSWORD).await.status, StatusCode::SEE_OTHER);

    for status in [200, 200, 200, 429] {
        assert_eq!(hub.get_from("192.0.2.7", "/login").await.status.as_u16(), status);
    }
    assert_eq!(hub.get_from("192.0.2.8", "/login").await.status, StatusCode::OK);
    let page = hub.get_from("192.0.2.7", "/login").await;
    assert!((1..=60).contains(&page.header("retry-after").parse::<u64>().unwrap()));
    assert!(page.text().contains("<h1>Too many calls</h1>"), "{}", page.text());
    assert!(page.header("content-security-policy").starts_with("default-src 'none'"));
    assert!(hub.get_from("192.0.2.7", "/login.json").await.error(429).contains("try again in"));
}

#[tokio::test]
async fn a_new_password_needs_the_old_one_and_ends_the_other_sessions() {
    for hub in Hub::on_every_engine().await {
        person(&hub, "alice").await;
        let (here, elsewhere) = (Browser::signed_in(&hub, "alice").await, Browser::signed_in(&hub, "alice").await);
        let csrf = here.csrf().await;
        let change = async |current, new, again| {
            let fields = [("csrf", csrf.as_str()), ("current", current), ("new", new), ("again", again)];
            here.post("/user/password", &fields).await
        };
        let new = "another long password";
        let twin = here.get("/user/password/.json").await;
        assert_eq!(
            (twin.header("cache-control"), &twin.ok()),
            ("no-store", &json!({ "has_one": true, "error": "", "done": false }))
        );
        let twin = hub.get("/login/.json?next=/user/").await.ok();
        assert_eq!((&twin["next"], &twin["passwords"], &twin["error"]), (&json!("/user/"), &json!(true), &json!("")));
        assert!(change("wrong horse battery", new, new).await.text().contains("current password is wrong"));
        assert!(change(PASSWORD, new, "another long passwort").await.text().contains("not the same"));
        assert!(change(PASSWORD, "short", "short").await.text().contains("10 to 1024 bytes"));
        assert_eq!(elsewhere.who().await.as_deref(), Some("alice"), "nothing has changed");
        let answer = change(PASSWORD, new, new).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        assert!(answer.text().contains("in force"), "{}", answer.text());
        assert_eq!((here.who().await.as_deref(), elsewhere.who().await), (Some("alice"), None));
        assert_eq!(elsewhere.sign_in("alice", PASSWORD).await.status, StatusCode::FORBIDDEN);
        assert_eq!(elsewhere.sign_in("alice", new).await.status, StatusCode::SEE_OTHER);
    }
}

#[tokio::test]
async fn a_token_that_is_made_on_the_page_works_and_is_shown_once() {
    let hub = hub().await;
    person(&hub, "alice").await;
    let anonymous = hub.get("/api").await.text();
    assert!(anonymous.contains("href=\"/login/?next=%2Fapi%2F\"") && !anonymous.contains("login = "), "{anonymous}");
    let browser = Browser::signed_in(&hub, "alice").await;
    let page = browser.post("/api/new", &[("csrf", &browser.csrf().await)]).await;
    assert_eq!((page.status, page.header("cache-control")), (StatusCode::OK, "no-store"));
    let text = page.text();
    let value = |key: &str| {
        let (_, rest) = text.split_once(&format!("\n{key} = ")).unwrap_or_else(|| panic!("no {key} in {text}"));
        rest.lines().next().unwrap().to_owned()
    };
    assert_eq!((value("username").as_str(), value("copr_url").as_str()), ("alice", BASE));
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let basic = format!("Basic {}", STANDARD.encode(format!("{}:{}", value("login"), value("token"))));
    let user = User { name: "alice".to_owned(), basic };
    assert_eq!(hub.call(&user, "GET", "/api_3/auth-check", &Value::Null).await.ok()["name"], "alice");
    assert!(!browser.get("/api").await.text().contains(&value("token")));
}

#[tokio::test]
async fn bodies_that_are_no_forms_are_refused_with_a_reason() {
    let hub = hub().await;
    person(&hub, "alice").await;
    let browser = Browser::signed_in(&hub, "alice").await;
    let csrf = browser.csrf().await;
    let send = async |kind: &str, body: Vec<u8>| {
        let request = Request::post("/user/password").header(header::ORIGIN, BASE).header(header::CONTENT_TYPE, kind);
        browser.send(request.body(Body::from(body)).unwrap()).await.status.as_u16()
    };
    let form = "application/x-www-form-urlencoded";
    assert_eq!(send("multipart/form-data; boundary=B", b"--B--".to_vec()).await, 415);
    assert_eq!(send("", Vec::new()).await, 415);
    assert_eq!(send(form, vec![b'a'; 2 << 20]).await, 413);
    assert_eq!(send(form, format!("csrf={csrf}&current=a%00b&new=&again=").into_bytes()).await, 400);
    assert_eq!(send(form, format!("csrf={csrf}&current=a").into_bytes()).await, 400, "fields are missing");
    assert_eq!(send(form, format!("csrf={csrf}&current=a&current=b&new=&again=").into_bytes()).await, 400);
    assert_eq!(send(form, vec![0xff, b'%', b'&', b'=', 0xfe]).await, 400);
}

#[tokio::test]
async fn a_server_without_passwords_takes_none() {
    let mut hub = hub().await;
    person(&hub, "alice").await;
    changed(&mut hub, BASE, |config| config.sign_in.passwords = false);
    let browser = Browser::new(&hub);
    assert!(!browser.get("/login").await.text().contains("type=\"password\""));
    assert_eq!(browser.sign_in("alice", PASSWORD).await.status, StatusCode::FORBIDDEN);
    for path in ["/login/oidc", "/login/oidc/callback?state=x&code=y"] {
        assert_eq!(browser.get(path).await.status, StatusCode::NOT_FOUND, "there is no provider either");
    }
}

#[tokio::test]
async fn a_browser_comes_back_from_the_provider_once_in_time_and_as_the_one_that_left() {
    for hub in Hub::on_every_engine().await {
        let (db, now) = (&hub.state.db, clock::now_ms());
        let secret = |text: &str| Secret::new(text);
        let away = SigningIn { nonce: secret("n"), verifier: secret("v"), back: "/x".to_owned() };
        let leave = async |state: &str| {
            db::identity::leave(db, &secret(state), &secret("browser"), &away, now).await.unwrap();
        };
        let back = async |state: &str, browser: &str, ms: i64| {
            db::identity::come_back(db, &secret(state), &secret(browser), now + ms).await.unwrap().map(|away| away.back)
        };
        leave("one").await;
        assert_eq!(back("one", "another browser", 1).await, None);
        assert_eq!(back("other", "browser", 1).await, None);
        assert_eq!(back("one", "browser", 1).await.as_deref(), Some("/x"));
        assert_eq!(back("one", "browser", 2).await, None, "once");
        leave("two").await;
        assert_eq!(back("two", "browser", 600_000).await, None, "too late");
        expiry::pass(&hub.state, now + 600_000).await;
        assert_eq!(hub.rows().await["signing_in"], 0);

        hub.sql(&format!(
            "INSERT INTO signing_in (state_sha256, browser_sha256, nonce, verifier, back, expires_ms) \
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10100) \
             SELECT 'flood ' || CAST(i AS TEXT), 'b', 'n', 'v', '/', {now} + i FROM n"
        ))
        .await;
        leave("three").await;
        assert_eq!(hub.rows().await["signing_in"], 10_000, "{}", hub.place.engine);
        assert!(back("three", "browser", 1).await.is_some());
    }
}

#[tokio::test]
async fn an_identity_is_one_user_whatever_its_name_becomes_and_its_groups_follow_its_claims() {
    for hub in Hub::on_every_engine().await {
        let (db, now) = (&hub.state.db, clock::now_ms());
        for (name, claim) in [("sig", "'python-sig'"), ("ops", "'ops'"), ("local", "NULL")] {
            hub.sql(&format!("INSERT INTO user_groups (name, claim, created_ms) VALUES ('{name}', {claim}, 0)")).await;
        }
        let meet = async |identity: &str, name: &str, claims: &[&str]| {
            let claims: Vec<String> = claims.iter().map(|&claim| claim.to_owned()).collect();
            let name = db::user::new_name(name).ok();
            db::identity::meet(db, identity, name.as_ref(), &claims, now).await.unwrap()
        };
        let groups = async || hub.rows().await["group_members"];
        let Met::New(alice) = meet("https://id 1", "alice", &["python-sig", "unknown", "local"]).await else {
            panic!("new")
        };
        assert!(alice.name == "alice" && !alice.admin, "{alice:?}");
        assert_eq!(groups().await, 1);
        assert_eq!(meet("https://id 1", "renamed", &["ops", "python-sig"]).await, Met::Known(alice.clone()));
        assert_eq!(groups().await, 2);
        // What was given here, no claim takes away.
        hub.sql(&format!(
            "INSERT INTO group_members (group_id, user_id, admin) SELECT id, {}, 1 FROM user_groups WHERE name = 'local'",
            alice.id
        ))
        .await;
        assert_eq!(meet("https://id 1", "no name at all", &[]).await, Met::Known(alice));
        assert_eq!(groups().await, 1);

        assert_eq!(meet("https://id 2", "alice", &[]).await, Met::NameTaken);
        hub.user("bob").await;
        assert_eq!(meet("https://id 3", "bob", &[]).await, Met::NameTaken);
        for name in ["admin", "@sig", "a b", "build", "../x"] {
            assert_eq!(meet("https://id 4", name, &[]).await, Met::NoName, "{name}");
        }
        assert!(db::user::set_identity(db, "bob", Some("https://id 3")).await.unwrap());
        assert!(matches!(meet("https://id 3", "robert", &[]).await, Met::Known(user) if user.name == "bob"));
    }
}

#[tokio::test]
async fn two_browsers_of_one_new_user_at_the_same_time_are_one_user() {
    for hub in Hub::on_every_engine().await {
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let db = hub.state.db.clone();
                let name = "alice".parse().unwrap();
                tokio::spawn(async move { db::identity::meet(&db, "https://id 1", Some(&name), &[], 1).await.unwrap() })
            })
            .collect();
        let mut new = 0;
        for task in tasks {
            match task.await.unwrap() {
                Met::New(_) => new += 1,
                Met::Known(user) => assert_eq!(user.name, "alice"),
                other => panic!("{other:?} on {}", hub.place.engine),
            }
        }
        assert_eq!((new, hub.rows().await["users"]), (1, 1), "{}", hub.place.engine);
    }
}
