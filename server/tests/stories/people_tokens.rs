//! Tokens: several a user, each with a name, a day on which it ends, and perhaps one project only.

use axum::{
    body::Body,
    http::{Request, header},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use coprd::{
    clock,
    db::{self, token::Wish},
    expiry,
};
use serde_json::{Value, json};

use crate::support::{CHROOT, Hub, User, at_once};

const LIST: &str = "/api_3/api-token/list";
const NEW: &str = "/api_3/api-token/new";
const DAY_MS: i64 = 24 * 3600 * 1000;

/// The user with another of its tokens.
fn with(user: &User, token: &Value) -> User {
    let text = format!("{}:{}", token["api_login"].as_str().unwrap(), token["api_token"].as_str().unwrap());
    User { name: user.name.clone(), basic: format!("Basic {}", STANDARD.encode(text)) }
}

async fn make(hub: &Hub, user: &User, wish: Value) -> (String, User) {
    let token = hub.call(user, "POST", NEW, &wish).await.ok();
    (token["api_login"].as_str().unwrap().to_owned(), with(user, &token))
}

async fn tokens(hub: &Hub, user: &User) -> Vec<Value> {
    hub.call(user, "GET", LIST, &Value::Null).await.ok()["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_user_has_several_tokens_and_sees_of_each_what_it_is_for_and_when_it_was_used() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        let (laptop, with_laptop) = make(&hub, &alice, json!({ "label": " laptop ", "days": "7" })).await;
        let (ci, _) = make(&hub, &alice, json!({ "label": "CI größer", "project": "alice/libs", "days": null })).await;
        hub.call(&with_laptop, "GET", "/api_3/auth-check", &Value::Null).await.ok();
        // It is noted beside the call.
        let used = async || {
            let all = tokens(&hub, &alice).await;
            all.into_iter().find(|token| token["api_login"] == laptop.as_str()).unwrap()
        };
        while used().await["used_on"].is_null() {
            tokio::task::yield_now().await;
        }
        let of = |all: &[Value], login: &str| all.iter().find(|token| token["api_login"] == login).unwrap().clone();
        let all = tokens(&hub, &alice).await;
        assert_eq!(all.len(), 3, "{all:?}");
        let token = of(&all, &laptop);
        assert_eq!(
            (&token["label"], &token["project"], &token["expired"]),
            (&json!("laptop"), &Value::Null, &json!(false))
        );
        assert_eq!(token["expiration"], clock::date(clock::now_ms() + 7 * DAY_MS));
        let token = of(&all, &ci);
        assert_eq!((&token["label"], &token["project"]), (&json!("CI größer"), &json!("alice/libs")));
        assert!(token["used_on"].is_null());
        assert!(all.iter().all(|token| token.as_object().unwrap().keys().all(|key| !key.contains("token"))), "{all:?}");
        // Written once a minute at most.
        let first = used().await["used_on"].clone();
        for _ in 0..5 {
            hub.call(&with_laptop, "GET", "/api_3/auth-check", &Value::Null).await.ok();
        }
        let known = db::token::check(&hub.state.db, &laptop, &copr_api::names::Secret::new("x"), clock::now_ms()).await;
        assert_eq!(known.unwrap(), None);
        assert_eq!(used().await["used_on"], first);
        let part = hub.call(&alice, "GET", &format!("{LIST}?limit=1&offset=1"), &Value::Null).await.ok();
        assert_eq!((part["items"].as_array().unwrap().len(), &part["meta"]["offset"]), (1, &json!(1)));
    }
}

#[tokio::test]
async fn a_renewed_token_keeps_its_name_and_one_for_a_project_is_not_renewed() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        let (old, laptop) = make(&hub, &alice, json!({ "label": "laptop" })).await;
        let new = hub.call(&laptop, "POST", "/api_3/api-token", &Value::Null).await.ok();
        hub.call(&laptop, "GET", "/api_3/auth-check", &Value::Null).await.error(401);
        hub.call(&with(&laptop, &new), "GET", "/api_3/auth-check", &Value::Null).await.ok();
        let all = tokens(&hub, &alice).await;
        let labels: Vec<&str> = all.iter().map(|token| token["label"].as_str().unwrap()).collect();
        assert_eq!(labels.iter().filter(|label| **label == "laptop").count(), 1, "{all:?}");
        assert!(all.iter().all(|token| token["api_login"] != old.as_str()), "{all:?}");
        let (_, ci) = make(&hub, &alice, json!({ "project": "alice/libs" })).await;
        let error = hub.call(&ci, "POST", "/api_3/api-token", &Value::Null).await.error(403);
        assert!(error.contains("a token for one project"), "{error}");
        hub.call(&ci, "GET", "/api_3/auth-check", &Value::Null).await.ok();
    }
}

#[tokio::test]
async fn a_token_for_one_project_does_there_what_its_user_may_and_nothing_elsewhere() {
    for hub in Hub::on_every_engine().await {
        let (alice, bob) = (hub.user("alice").await, hub.user("bob").await);
        for project in ["libs", "tools"] {
            hub.create(&alice, project).await;
        }
        hub.create(&bob, "app").await;
        let (_, ci) = make(&hub, &alice, json!({ "project": "alice/libs" })).await;
        let build = hub.submit(&ci, "libs").await;
        hub.call(&ci, "PUT", &format!("/api_3/build/cancel/{build}"), &Value::Null).await.ok();
        let add = json!({ "name": "new", "chroots": [CHROOT] });
        let edit = json!({ "description": "changed" });
        for (method, path, body) in [
            ("PUT", "/api_3/project/edit/alice/tools", &edit),
            ("POST", "/api_3/project/add/alice", &add),
            ("POST", "/api_3/project/fork/alice/libs", &json!({ "name": "copy" })),
            ("PUT", "/api_3/project/permissions/request/bob/app", &json!({ "builder": true })),
            ("POST", NEW, &json!({})),
            ("GET", LIST, &Value::Null),
            ("PUT", "/api_3/group/members/none", &json!({ "bob": { "member": true } })),
        ] {
            let error = hub.call(&ci, method, path, body).await.error(403);
            assert!(error.contains("required permission"), "{method} {path}: {error}");
        }
        hub.call(&ci, "PUT", "/api_3/project/edit/alice/libs", &edit).await.ok();
        // Of somebody else's project it is good for what its user may there: nothing.
        let (_, guest) = make(&hub, &alice, json!({ "project": "bob/app" })).await;
        hub.call(&guest, "PUT", "/api_3/project/edit/bob/app", &edit).await.error(403);
        hub.call(&guest, "PUT", "/api_3/project/edit/alice/libs", &edit).await.error(403);
        // It ends with its project, also when there is another of that name.
        hub.call(&alice, "DELETE", "/api_3/project/delete/alice/libs", &json!({ "verify": true })).await.ok();
        hub.create(&alice, "libs").await;
        hub.call(&ci, "PUT", "/api_3/project/edit/alice/libs", &edit).await.error(401);
    }
}

#[tokio::test]
async fn what_a_token_cannot_be_is_told_and_nothing_is_made() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        for (wish, begins) in [
            (json!({ "label": "x".repeat(101) }), "label: "),
            (json!({ "label": "two\nlines" }), "label: "),
            (json!({ "label": "\u{1b}[31m" }), "label: "),
            (json!({ "label": 7 }), "label: "),
            (json!({ "days": 0 }), "days: "),
            (json!({ "days": 366 }), "days: "),
            (json!({ "days": -1 }), "days: "),
            (json!({ "days": "soon" }), "days: "),
            (json!({ "project": "libs" }), "project: "),
            (json!({ "project": "alice/../x" }), "project: "),
            (json!({ "project": "\u{430}lice/libs" }), "project: "),
        ] {
            let error = hub.call(&alice, "POST", NEW, &wish).await.error(400);
            assert!(error.starts_with(begins), "{wish}: {error}");
        }
        let both = json!({ "label": "x".repeat(101), "days": 1000 });
        assert_eq!(hub.call(&alice, "POST", NEW, &both).await.error(400).lines().count(), 2);
        let error = hub.call(&alice, "POST", NEW, &json!({ "project": "alice/gone" })).await.error(404);
        assert_eq!(error, "Project alice/gone does not exist.");
        assert_eq!(tokens(&hub, &alice).await.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_user_has_fifty_tokens_at_most_whoever_races_and_those_that_have_ended_make_room() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        let id = db::user::by_name(&hub.state.db, "alice").await.unwrap().unwrap().id;
        for _ in 0..44 {
            db::token::make(&hub.state.db, id, Wish::default(), clock::now_ms()).await.unwrap().unwrap();
        }
        let calls = (0..10).map(|_| hub.calls(Some(&alice), "POST", NEW, &json!({}))).collect();
        let answers = at_once(calls).await;
        let made = answers.iter().filter(|answer| answer.status == 200).count();
        assert_eq!(made, 5, "{}", hub.place.engine);
        for answer in answers.iter().filter(|answer| answer.status != 200) {
            let error = answer.error(400);
            assert!(error.contains("50 tokens") && error.contains("revoke"), "{error}");
        }
        let login = &tokens(&hub, &alice).await[10]["api_login"];
        hub.beside(&format!("UPDATE tokens SET expires_ms = 1 WHERE login = '{}'", login.as_str().unwrap())).await;
        hub.call(&alice, "POST", NEW, &json!({})).await.ok();
        hub.call(&alice, "POST", NEW, &json!({})).await.error(400);
        // The administrator of the machine may always make one.
        db::token::add(&hub.state.db, id, clock::now_ms()).await.unwrap();
    }
}

#[tokio::test]
async fn a_revoked_token_is_of_no_use_at_once_and_only_its_user_or_an_administrator_may_revoke_it() {
    for hub in Hub::on_every_engine().await {
        let (admin, alice, bob) = (hub.user("admin").await, hub.user("alice").await, hub.user("bob").await);
        let revoke = async |by: &User, login: &str| {
            hub.call(by, "DELETE", &format!("/api_3/api-token/revoke/{login}"), &Value::Null).await
        };
        let (login, laptop) = make(&hub, &alice, json!({ "label": "laptop" })).await;
        let error = revoke(&bob, &login).await.error(403);
        assert!(error.contains("another user"), "{error}");
        hub.call(&laptop, "GET", "/api_3/auth-check", &Value::Null).await.ok();
        assert_eq!(revoke(&alice, &login).await.ok()["label"], "laptop");
        hub.call(&laptop, "GET", "/api_3/auth-check", &Value::Null).await.error(401);
        revoke(&alice, &login).await.error(404);
        for nonsense in ["x", "%00", "..%2f..", "'%20OR%201=1", &"x".repeat(3000)] {
            assert!([400, 404].contains(&revoke(&alice, nonsense).await.status.as_u16()), "{nonsense}");
        }
        let (login, phone) = make(&hub, &alice, json!({})).await;
        let of_alice = hub.call(&admin, "GET", &format!("{LIST}?username=alice"), &Value::Null).await.ok();
        assert!(of_alice["items"].as_array().unwrap().iter().any(|token| token["api_login"] == login.as_str()));
        hub.call(&bob, "GET", &format!("{LIST}?username=alice"), &Value::Null).await.error(403);
        hub.call(&alice, "GET", &format!("{LIST}?username=alice"), &Value::Null).await.ok();
        hub.call(&admin, "GET", &format!("{LIST}?username=nobody"), &Value::Null).await.error(404);
        revoke(&admin, &login).await.ok();
        hub.call(&phone, "GET", "/api_3/auth-check", &Value::Null).await.error(401);
        // Also the one that the call is made with.
        let (login, last) = make(&hub, &alice, json!({})).await;
        revoke(&last, &login).await.ok();
        revoke(&last, &login).await.error(401);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_who_revoke_or_renew_the_same_token_one_does() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        for _ in 0..5 {
            let (login, _) = make(&hub, &alice, json!({})).await;
            let path = format!("/api_3/api-token/revoke/{login}");
            let calls = (0..4).map(|_| hub.calls(Some(&alice), "DELETE", &path, &Value::Null)).collect();
            let mut statuses: Vec<u16> = at_once(calls).await.iter().map(|answer| answer.status.as_u16()).collect();
            statuses.sort_unstable();
            assert_eq!(statuses, [200, 404, 404, 404], "{}", hub.place.engine);
            let (_, renewed) = make(&hub, &alice, json!({})).await;
            let calls = (0..4).map(|_| hub.calls(Some(&renewed), "POST", "/api_3/api-token", &Value::Null)).collect();
            let mut statuses: Vec<u16> = at_once(calls).await.iter().map(|answer| answer.status.as_u16()).collect();
            statuses.sort_unstable();
            assert_eq!(statuses, [200, 401, 401, 401], "{}", hub.place.engine);
        }
    }
}

#[tokio::test]
async fn a_token_that_has_ended_is_refused_shown_as_such_for_a_month_and_then_forgotten() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        let (login, old) = make(&hub, &alice, json!({ "label": "old", "days": 1 })).await;
        let ended = clock::now_ms() - 1;
        hub.beside(&format!("UPDATE tokens SET expires_ms = {ended} WHERE login = '{login}'")).await;
        let error = hub.call(&old, "GET", "/api_3/auth-check", &Value::Null).await.error(401);
        assert!(error.starts_with("Login invalid/expired."), "{error}");
        expiry::pass(&hub.state, ended + 29 * DAY_MS).await;
        let all = tokens(&hub, &alice).await;
        let shown = all.iter().find(|token| token["api_login"] == login.as_str()).unwrap();
        assert_eq!((&shown["expired"], &shown["expiration"]), (&json!(true), &json!(clock::date(ended))));
        expiry::pass(&hub.state, ended + 31 * DAY_MS).await;
        assert_eq!(tokens(&hub, &alice).await.len(), 1, "the other is good for longer");
    }
}

#[tokio::test]
async fn a_disabled_user_is_nobody_until_it_is_enabled_again() {
    for hub in Hub::on_every_engine().await {
        let (alice, bob) = (hub.user("alice").await, hub.user("bob").await);
        hub.create(&alice, "libs").await;
        let approved = json!({ "bob": { "builder": "approved" } });
        hub.call(&alice, "PUT", "/api_3/project/permissions/set/alice/libs", &approved).await.ok();
        let may = async || {
            hub.get("/api_3/project/permissions/can_build_in/bob/alice/libs").await.ok()["can_build_in"].clone()
        };
        assert_eq!(may().await, true);
        db::user::set_disabled(&hub.state.db, "bob", true).await.unwrap();
        hub.call(&bob, "GET", "/api_3/auth-check", &Value::Null).await.error(401);
        assert_eq!(may().await, false);
        db::user::set_disabled(&hub.state.db, "bob", false).await.unwrap();
        hub.call(&bob, "GET", "/api_3/auth-check", &Value::Null).await.ok();
        assert_eq!(may().await, true);
    }
}

#[tokio::test]
async fn an_address_with_credentials_is_refused_whatever_it_leads_to_and_they_are_not_said_back() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        for path in [
            "/api_3/project/list?token=hunter2",
            "/api_3/project/list/?a=b&ACCESS_TOKEN=hunter2",
            "/api_3/?password=hunter2",
            "/api_3/no-such-thing?api_login=hunter2",
            "/api_3/project/list?%74oken=hunter2",
            "/builder/v1/lease/x/source?token=hunter2",
            "http://alice:hunter2@copr.test/api_3/project/list",
            "http://hunter2@copr.test/api_3/project/list",
        ] {
            let error = hub.get(path).await.error(400);
            assert!(error.contains("Authorization") && !error.contains("hunter2"), "{path}: {error}");
        }
        // A good header does not heal it, and nothing is done.
        let add = json!({ "name": "libs", "chroots": [CHROOT] });
        hub.call(&alice, "POST", "/api_3/project/add/alice?token=x", &add).await.error(400);
        hub.get("/api_3/project?ownername=alice&projectname=libs").await.error(404);
        let request = Request::get("/api_3/project/list?token=&login=").header(header::AUTHORIZATION, &alice.basic);
        hub.send(request.body(Body::empty()).unwrap()).await.ok();
        hub.get("/api_3/project/search?query=token").await.ok();
        assert_eq!(hub.get("/?q=token&token=x").await.status.as_u16(), 200, "pages know no tokens");
    }
}
