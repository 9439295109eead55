//! Addresses that are told of a project's events.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Bytes,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use coprd::{clock, events, http, state::AppState};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::{
    happenings::{told, topics},
    support::{Hub, User},
};

/// Somebody who is told.
#[derive(Clone, Default)]
struct Listener {
    heard: Arc<Mutex<Vec<(HeaderMap, Bytes)>>>,
    /// Answers that it gives before it says that all is well.
    answers: Arc<Mutex<VecDeque<u16>>>,
}

impl Listener {
    /// Listens; where.
    async fn listen(&self) -> String {
        let own = self.clone();
        let answer = move |headers: HeaderMap, body: Bytes| async move {
            own.heard.lock().unwrap().push((headers, body));
            let status = own.answers.lock().unwrap().pop_front().unwrap_or(200);
            let location = [("location", "http://127.0.0.1:1/elsewhere")];
            (StatusCode::from_u16(status).unwrap(), location, "heard\n")
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/hook", post(answer));
        tokio::spawn(async move { axum::serve(listener, router).await });
        format!("http://{address}/hook")
    }

    fn answers(&self, all: &[u16]) {
        self.answers.lock().unwrap().extend(all);
    }

    /// What it was told, after its signature was verified.
    fn heard(&self, secret: &str) -> Vec<Value> {
        let heard = self.heard.lock().unwrap();
        heard
            .iter()
            .map(|(headers, body)| {
                let header = |name: &str| headers[name].to_str().unwrap().to_owned();
                let seconds: i64 = header("x-copr-timestamp").parse().unwrap();
                assert!((clock::now_ms() / 1000 - seconds).abs() < 600);
                let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
                mac.update(format!("{seconds}.").as_bytes());
                mac.update(body);
                let signature = header("x-copr-signature-256");
                let signature = hex::decode(signature.strip_prefix("sha256=").unwrap()).unwrap();
                mac.verify_slice(&signature).unwrap();
                let message: Value = serde_json::from_slice(body).unwrap();
                assert_eq!(message["topic"], header("x-copr-event"));
                assert_eq!(message["id"], header("x-copr-message"));
                message
            })
            .collect()
    }
}

const SERVER: &str = "events-test";

/// The hub's state with the way to this machine open.
fn near(hub: &Hub) -> AppState {
    let mut state = hub.state.clone();
    let mut config = (*state.config).clone();
    config.events.allow = vec![("127.0.0.1".parse().unwrap(), 32)];
    state.config = Arc::new(config);
    state
}

/// A project whose hook may be near.
struct Town {
    hub: Hub,
    alice: User,
    listener: Listener,
    url: String,
}

impl Town {
    async fn new(mut hub: Hub) -> Self {
        hub.state = near(&hub);
        hub.router = http::router(hub.state.clone());
        let alice = hub.user("alice").await;
        hub.create(&alice, "p").await;
        let listener = Listener::default();
        let url = listener.listen().await;
        Self { hub, alice, listener, url }
    }

    /// After `kill -9`.
    async fn restart(self) -> Self {
        let Self { hub, alice, listener, url } = self;
        let mut hub = hub.restart().await;
        hub.state = near(&hub);
        hub.router = http::router(hub.state.clone());
        Self { hub, alice, listener, url }
    }

    async fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        self.hub.call(&self.alice, method, &format!("/api_3/webhook/{path}"), body).await.ok()
    }

    /// Adds a hook; its number and secret.
    async fn add(&self, topics: &[&str]) -> (i64, String) {
        let made = self.call("POST", "add/alice/p", &json!({ "url": self.url, "topics": topics })).await;
        (made["id"].as_i64().unwrap(), made["secret"].as_str().unwrap().to_owned())
    }

    async fn change(&self, text: &str) {
        let body = json!({ "description": text });
        self.hub.call(&self.alice, "PUT", "/api_3/project/edit/alice/p", &body).await.ok();
    }

    /// Makes deliveries and makes those that are due.
    async fn tell(&self) {
        tell(&self.hub.state).await;
    }

    async fn deliveries(&self, hook: i64) -> Vec<Value> {
        self.call("GET", &format!("deliveries/alice/p/{hook}"), &Value::Null).await["items"].as_array().unwrap().clone()
    }
}

async fn tell(state: &AppState) {
    events::spread(state).await.unwrap();
    let client = events::client(&state.config.events).unwrap();
    while events::deliver(state, &client, SERVER).await.unwrap() > 0 {}
}

#[tokio::test]
async fn a_hook_is_told_of_what_happens_from_then_on_signed_and_in_order() {
    for hub in Hub::on_every_engine().await {
        let town = Town::new(hub).await;
        town.change("before").await;
        // The feed of this millisecond is no part of what comes after it.
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        let (hook, secret) = town.add(&[]).await;
        let (quiet, _) = town.add(&["copr.build.end"]).await;
        for number in 0..5 {
            town.change(&number.to_string()).await;
        }
        town.tell().await;
        let heard = town.listener.heard(&secret);
        assert_eq!(topics(&heard), ["copr.project.changed"; 5]);
        let since = told(&town.hub, "project=alice/p&topics=copr.project.changed").await;
        assert_eq!(heard[..], since[1..], "the very messages of the feed");
        let deliveries = town.deliveries(hook).await;
        assert_eq!(deliveries.len(), 5);
        assert!(
            deliveries
                .iter()
                .all(|one| one["state"] == "delivered" && one["status"] == 200 && one["answer"] == "heard\n")
        );
        assert_eq!(town.deliveries(quiet).await.len(), 0);
        let listed = town.call("GET", "list/alice/p", &Value::Null).await;
        assert_eq!(listed["items"].as_array().unwrap().len(), 2);
        assert!(!listed.to_string().contains(&secret), "it is told once");
        // Once more, as it was; and something to try it out, which is in no feed.
        let first = deliveries.last().unwrap()["id"].as_i64().unwrap();
        town.call("POST", &format!("redeliver/alice/p/{hook}/{first}"), &Value::Null).await;
        town.call("POST", &format!("test/alice/p/{hook}"), &Value::Null).await;
        town.tell().await;
        let heard = town.listener.heard(&secret);
        assert_eq!(
            (heard.len(), &heard[5]["id"], &heard[6]["topic"]),
            (7, &heard[0]["id"], &json!("copr.webhook.test"))
        );
        assert!(!told(&town.hub, "").await.iter().any(|one| one["topic"] == "copr.webhook.test"));
        town.call("DELETE", &format!("delete/alice/p/{hook}"), &Value::Null).await;
        town.change("after").await;
        town.tell().await;
        assert_eq!(town.listener.heard(&secret).len(), 7);
    }
}

#[tokio::test]
async fn what_fails_is_told_again_and_nothing_overtakes_it() {
    for hub in Hub::on_every_engine().await {
        let town = Town::new(hub).await;
        let (hook, secret) = town.add(&[]).await;
        // Neither an error nor somewhere else is an answer.
        town.listener.answers(&[500, 302]);
        town.change("one").await;
        town.change("two").await;
        for round in 1..=3 {
            town.tell().await;
            assert_eq!(town.listener.heard.lock().unwrap().len(), if round == 3 { 4 } else { round });
            town.hub.sql("UPDATE hooks SET due_ms = 0").await;
        }
        let heard = town.listener.heard(&secret);
        assert_eq!((&heard[0]["id"], &heard[1]["id"]), (&heard[2]["id"], &heard[2]["id"]));
        assert_ne!(heard[2]["id"], heard[3]["id"]);
        let deliveries = town.deliveries(hook).await;
        assert_eq!((&deliveries[1]["attempts"], &deliveries[0]["attempts"]), (&json!(3), &json!(1)));
        assert!(deliveries.iter().all(|one| one["state"] == "delivered" && one["error"].is_null()));
    }
}

#[tokio::test]
async fn who_does_not_answer_for_a_day_is_told_no_more_and_its_people_are() {
    for hub in Hub::on_every_engine().await {
        let town = Town::new(hub).await;
        let (hook, _) = town.add(&[]).await;
        let (other, _) = town.add(&["copr.webhook.disabled"]).await;
        town.listener.answers(&[503, 503]);
        town.change("one").await;
        town.tell().await;
        town.hub
            .sql("UPDATE hooks SET due_ms = 0, failing_ms = failing_ms - 90000000 WHERE failing_ms IS NOT NULL")
            .await;
        town.tell().await;
        let all = town.call("GET", "list/alice/p", &Value::Null).await;
        assert_eq!(all["items"][0]["active"], false);
        assert_eq!(town.deliveries(hook).await[0]["state"], "given-up");
        let notices = town.hub.get("/api_3/project/notices?ownername=alice&projectname=p").await.ok();
        assert_eq!(
            (&notices["items"][0]["kind"], &notices["items"][0]["about"]),
            (&json!("webhook-disabled"), &json!(hook.to_string()))
        );
        assert!(!notices.to_string().contains(&town.url), "everyone reads notices");
        town.tell().await;
        assert_eq!(town.deliveries(other).await[0]["topic"], "copr.webhook.disabled");
        // Switched on again, it is told of what happens from then on.
        town.call("PUT", &format!("edit/alice/p/{hook}"), &json!({ "active": true })).await;
        let notices = town.hub.get("/api_3/project/notices?ownername=alice&projectname=p").await.ok();
        assert_eq!(notices["items"], json!([]));
        town.change("two").await;
        town.tell().await;
        assert_eq!(town.deliveries(hook).await[0]["state"], "delivered");
    }
}

#[tokio::test]
async fn after_kill_9_what_was_noted_is_told_at_least_once_and_queued_exactly_once() {
    for hub in Hub::on_every_engine().await {
        let town = Town::new(hub).await;
        let (hook, secret) = town.add(&[]).await;
        // Before anybody has looked.
        town.change("one").await;
        let town = town.restart().await;
        // After it was queued, and while somebody was about to tell it.
        events::spread(&town.hub.state).await.unwrap();
        events::spread(&town.hub.state).await.unwrap();
        let now = clock::now_ms();
        let claimed =
            coprd::db::hook::claim(&town.hub.state.db, crate::support::SERVER, now, now + 90_000).await.unwrap();
        assert_eq!(claimed.unwrap().id, hook);
        town.tell().await;
        assert_eq!(town.listener.heard(&secret).len(), 0, "somebody else is at it");
        let town = town.restart().await;
        town.tell().await;
        town.tell().await;
        assert_eq!(topics(&town.listener.heard(&secret)), ["copr.project.changed"]);
        assert_eq!(town.deliveries(hook).await.len(), 1);
        // After it was told, before that was noted: it is told once more, under the same id.
        town.hub.sql("UPDATE deliveries SET state = 'waiting'").await;
        town.tell().await;
        let heard = town.listener.heard(&secret);
        assert_eq!((heard.len(), &heard[0]["id"]), (2, &heard[1]["id"]));
    }
}

#[tokio::test]
async fn a_hook_leads_to_public_addresses_only() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "p").await;
        let add =
            async |url: &str| hub.call(&alice, "POST", "/api_3/webhook/add/alice/p", &json!({ "url": url })).await;
        for bad in [
            "http://127.0.0.1:8210/x",
            "http://[::1]/x",
            "http://169.254.169.254/latest",
            "http://10.0.0.1/",
            "ftp://example.org/x",
            "http://alice:pw@example.org/",
            "nonsense",
            "",
        ] {
            let error = add(bad).await.error(400);
            assert!(error.starts_with("url: ") && !error.contains("pw"), "{bad}: {error}");
        }
        // What a name leads to is known when it is looked up.
        let listener = Listener::default();
        let port = listener.listen().await.rsplit(':').next().unwrap().to_owned();
        let hook = add(&format!("http://localhost:{port}")).await.ok()["id"].as_i64().unwrap();
        hub.call(&alice, "POST", &format!("/api_3/webhook/test/alice/p/{hook}"), &Value::Null).await.ok();
        tell(&hub.state).await;
        assert!(listener.heard.lock().unwrap().is_empty());
        let path = format!("/api_3/webhook/deliveries/alice/p/{hook}");
        let told = hub.call(&alice, "GET", &path, &Value::Null).await.ok();
        let error = told["items"][0]["error"].as_str().unwrap();
        assert!(error.contains("loopback"), "{error}");
        let topics = json!({ "url": "https://example.org/", "topics": ["copr.nothing"] });
        hub.call(&alice, "POST", "/api_3/webhook/add/alice/p", &topics).await.error(400);
        let secret = json!({ "url": "https://example.org/", "secret": "short" });
        hub.call(&alice, "POST", "/api_3/webhook/add/alice/p", &secret).await.error(400);
        let bob = hub.user("bob").await;
        hub.call(&bob, "GET", "/api_3/webhook/list/alice/p", &Value::Null).await.error(403);
    }
}

#[tokio::test]
async fn two_servers_tell_each_event_once() {
    for hub in Hub::on_every_engine().await {
        let town = Town::new(hub).await;
        let (hook, secret) = town.add(&[]).await;
        for number in 0..20 {
            town.change(&number.to_string()).await;
        }
        let (one, two) = (town.hub.state.clone(), town.hub.state.clone());
        tokio::join!(tell(&one), tell(&two));
        town.tell().await;
        assert_eq!(town.listener.heard(&secret).len(), 20);
        assert_eq!(town.deliveries(hook).await.len(), 20);
    }
}
