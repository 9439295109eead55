//! Forges that call: pushes and pull requests have packages built.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{body::Body, http::Request};
use bytes::Bytes;
use copr_api::builder::SourceMethod;
use coprd::{clock, db, events};
use futures_util::stream;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::support::{Answer, BINARY, CHROOT, Hub, SOURCE, User, sha256};

const COMMIT: &str = "59b20b8d5c6ff8d09518454d4dd8b7b30f095ab5";
const PUSH: &str = include_str!("../fixtures/webhooks/github-push.json");
const PULL: &str = include_str!("../fixtures/webhooks/github-pull_request.json");
const MERGE: &str = include_str!("../fixtures/webhooks/gitlab-merge_request.json");

/// A project with packages of one repository, and the address that its forge calls.
struct Town {
    hub: Hub,
    alice: User,
    id: i64,
    secret: String,
}

impl Town {
    async fn new(hub: Hub) -> Self {
        let alice = hub.user("alice").await;
        hub.create(&alice, "p").await;
        for (name, more) in [
            ("hello", json!({ "subdirectory": "rpm", "webhook_rebuild": true })),
            ("elsewhere", json!({ "subdirectory": "other", "webhook_rebuild": true })),
            ("branch", json!({ "committish": "f44", "webhook_rebuild": true })),
            ("silent", json!({ "webhook_rebuild": false })),
        ] {
            let mut body = json!({ "clone_url": "https://forge.example.org/alice/hello.git" });
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            hub.call(&alice, "POST", &format!("/api_3/package/add/alice/p/{name}/scm"), &body).await.ok();
        }
        let made = hub.call(&alice, "POST", "/api_3/webhook/generate/alice/p", &Value::Null).await.ok();
        let secret = made["webhook_secret"].as_str().unwrap().to_owned();
        Self { id: made["id"].as_i64().unwrap(), secret, alice, hub }
    }

    fn address(&self, forge: &str) -> String {
        format!("/webhooks/{forge}/{}/{}/", self.id, self.secret)
    }

    async fn send(&self, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        let request = headers.iter().fold(Request::post(path), |request, (name, value)| request.header(*name, *value));
        self.hub.send(request.body(body.into()).unwrap()).await
    }

    /// A call as GitHub makes it.
    async fn github(&self, event: &str, delivery: &str, body: &str) -> Answer {
        let signature = signature(&self.secret, body);
        let headers = [
            ("content-type", "application/json"),
            ("x-github-event", event),
            ("x-github-delivery", delivery),
            ("x-hub-signature-256", signature.as_str()),
        ];
        self.send(&self.address("github"), &headers, body.to_owned()).await
    }
}

fn signature(secret: &str, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

fn builds(answer: &Answer) -> Vec<i64> {
    answer.ok()["builds"].as_array().unwrap().iter().map(|id| id.as_i64().unwrap()).collect()
}

#[tokio::test]
async fn a_push_has_the_packages_built_that_are_made_of_it_and_a_builder_builds_them() {
    for hub in Hub::on_every_engine().await {
        let town = Town::new(hub).await;
        let built = builds(&town.github("push", "one", PUSH).await);
        let hub = &town.hub;
        assert_eq!(built.len(), 1, "the other folder, the other branch and the one that webhooks do not build");
        let build = hub.build(built[0]).await;
        assert_eq!(
            (&build["source_package"]["name"], &build["submitter"]),
            (&json!("hello"), &json!("webhook:github"))
        );
        assert_eq!(build["project_dirname"], "p");
        // A machine makes the source of the very commit that was pushed.
        let of = db::build::get(&hub.state.db, built[0]).await.unwrap().unwrap();
        let Some(SourceMethod::Git { committish, subdirectory, .. }) = of.method else { panic!("no git") };
        assert_eq!((committish.as_deref(), subdirectory.as_str()), (Some(COMMIT), "rpm"));
        let lease = hub.lease().await;
        hub.put(&lease.id, &SOURCE.file(), &SOURCE.bytes()).await.ok();
        hub.finish(&lease.id, copr_api::builder::Outcome::Succeeded, vec![SOURCE.claim()]).await.ok();
        hub.hand_in(&hub.lease().await.id, &[BINARY]).await.ok();
        hub.publish().await;
        assert_eq!(hub.state_of(built[0]).await, "succeeded");
        // One package alone, with and without the slash.
        let other = PUSH.replace("README.md", "other/x").replace(COMMIT, &COMMIT.replace('5', "6"));
        let headers = [("x-github-event", "push"), ("x-github-delivery", "two")];
        let path = format!("{}elsewhere", town.address("github"));
        assert_eq!(builds(&town.send(&path, &headers, other).await).len(), 1);
    }
}

#[tokio::test]
async fn nothing_is_done_twice_and_nobody_is_heard_who_does_not_know_the_secret() {
    for hub in Hub::on_every_engine().await {
        let town = Town::new(hub).await;
        let rows = async || town.hub.rows().await["builds"];
        let signed = [("x-github-event", "push"), ("x-hub-signature-256", "sha256=00")];
        assert!(town.send(&town.address("github"), &signed, PUSH).await.error(403).contains("signature"));
        for path in [
            format!("/webhooks/github/{}/00000000-0000-4000-8000-000000000000/", town.id),
            format!("/webhooks/github/{}/{}/", town.id + 1, town.secret),
            format!("/webhooks/github/x/{}/", town.secret),
            format!("/webhooks/github/{}/%00/", town.id),
        ] {
            let answer = town.send(&path, &[("x-github-event", "push")], PUSH).await;
            assert!(
                answer.status.is_client_error() && !answer.text().contains(&town.secret),
                "{path}: {}",
                answer.text()
            );
        }
        assert!(town.send(&town.address("sourcehut"), &[], PUSH).await.error(404).contains("gitlab"));
        assert_eq!(rows().await, 0);
        assert_eq!(builds(&town.github("push", "one", PUSH).await).len(), 1);
        // The same call, the same body under another id, and the same id with another body.
        for (delivery, body) in
            [("one", PUSH.to_owned()), ("two", PUSH.to_owned()), ("one", PUSH.replace("README", "READYOU"))]
        {
            assert!(town.github("push", delivery, &body).await.error(409).contains("already"));
        }
        assert_eq!(rows().await, 1);
        // After a day it is forgotten.
        events::forget(&town.hub.state, clock::now_ms() + 2 * 24 * 3_600_000).await.unwrap();
        assert_eq!(builds(&town.github("push", "one", PUSH).await).len(), 1);
        // A new secret makes the old address void.
        town.hub.call(&town.alice, "POST", "/api_3/webhook/generate/alice/p", &Value::Null).await.ok();
        town.github("push", "three", PUSH).await.error(403);
    }
}

#[tokio::test]
async fn a_call_that_the_server_died_over_may_come_again() {
    for hub in Hub::on_every_engine().await {
        let town = Town::new(hub).await;
        assert_eq!(builds(&town.github("push", "one", PUSH).await).len(), 1);
        town.hub.sql("UPDATE webhook_calls SET done = 0").await;
        town.github("push", "one", PUSH).await.error(409);
        town.hub.sql("UPDATE webhook_calls SET seen_ms = seen_ms - 120000").await;
        assert_eq!(builds(&town.github("push", "one", PUSH).await).len(), 1);
    }
}

#[tokio::test]
async fn a_body_that_is_too_long_is_refused_before_it_has_come() {
    for hub in Hub::on_every_engine().await {
        let town = Town::new(hub).await;
        let read = Arc::new(AtomicUsize::new(0));
        let endless = |read: &Arc<AtomicUsize>| {
            let read = Arc::clone(read);
            let piece = Bytes::from(vec![b' '; 64 << 10]);
            Body::from_stream(stream::iter((0..800).map(move |_| {
                read.fetch_add(64 << 10, Ordering::Relaxed);
                Ok::<_, std::io::Error>(piece.clone())
            })))
        };
        let length = (50 << 20).to_string();
        let path = town.address("github");
        let said =
            town.send(&path, &[("x-github-event", "push"), ("content-length", length.as_str())], endless(&read)).await;
        assert!(said.error(413).contains("1048576"), "{}", said.text());
        assert_eq!(read.load(Ordering::Relaxed), 0);
        let unsaid = town.send(&path, &[("x-github-event", "push")], endless(&read)).await;
        unsaid.error(413);
        assert!(read.load(Ordering::Relaxed) <= 3 << 20, "{read:?}");
        let deep = [vec![b'['; 200_000], vec![b']'; 200_000]].concat();
        for (body, kind) in [(deep, "push"), (b"{".to_vec(), "push"), (b"[1]".to_vec(), "push")] {
            town.send(&path, &[("x-github-event", kind)], body).await.error(400);
        }
        assert_eq!(town.hub.rows().await["builds"], 0);
        // Who sent nonsense may send sense.
        assert_eq!(builds(&town.github("push", "one", PUSH).await).len(), 1);
    }
}

#[tokio::test]
async fn what_nothing_follows_from_is_told_so() {
    for hub in Hub::on_every_engine().await {
        let town = Town::new(hub).await;
        let ignored = async |event: &str, body: &str| {
            let delivery = format!("{event}-{}", sha256(body.as_bytes()));
            let answer = town.github(event, &delivery, body).await.ok();
            assert_eq!(answer["builds"], json!([]));
            answer["ignored"].as_str().unwrap().to_owned()
        };
        assert_eq!(ignored("ping", r#"{"zen":"Design for failure."}"#).await, "pong");
        assert!(ignored("star", "{}").await.contains("star"));
        assert!(ignored("pull_request", PULL).await.contains("no pull requests"));
        assert!(ignored("push", &PUSH.replace("alice/hello", "alice/other")).await.contains("no package"));
        assert!(ignored("push", &PUSH.replace(COMMIT, &"0".repeat(40))).await.contains("deleted"));
        let answer = town.send(&town.address("github"), &[], PUSH).await.ok();
        assert!(answer["ignored"].as_str().unwrap().contains("header"), "{answer}");
        assert_eq!(town.hub.rows().await["builds"], 0);
    }
}

#[tokio::test]
async fn pull_requests_are_built_into_directories_of_their_own_where_the_project_wants_it() {
    for hub in Hub::on_every_engine().await {
        let town = Town::new(hub).await;
        let on = json!({ "webhook_pull_requests": true });
        let project = town.hub.call(&town.alice, "PUT", "/api_3/project/edit/alice/p", &on).await.ok();
        assert_eq!(project["webhook_pull_requests"], true);
        let first = builds(&town.github("pull_request", "one", PULL).await);
        // GitLab's, by its own signs.
        let headers = [
            ("x-gitlab-event", "Merge Request Hook"),
            ("x-gitlab-token", town.secret.as_str()),
            ("x-gitlab-event-uuid", "u"),
        ];
        let merge = MERGE.replace("\"iid\": 7", "\"iid\": 8");
        let second = builds(&town.send(&town.address("gitlab"), &headers, merge).await);
        // All that are made of the branch that it is to go into: which files it touches, nobody says.
        assert_eq!((first.len(), second.len()), (2, 2));
        for (ids, directory) in [(first, "p:pr:7"), (second, "p:pr:8")] {
            let build = town.hub.build(ids[0]).await;
            assert_eq!(build["project_dirname"], directory);
            let of = db::build::get(&town.hub.state.db, ids[0]).await.unwrap().unwrap();
            let Some(SourceMethod::Git { clone_url, committish, .. }) = of.method else { panic!("no git") };
            assert_eq!(
                (clone_url.as_str(), committish.as_deref()),
                ("https://forge.example.org/bob/hello.git", Some(COMMIT))
            );
        }
        // What a stranger says is checked: no file of the builder, no option of git.
        let evil = PULL.replace("https://forge.example.org/bob/hello.git", "file:///etc/");
        assert!(town.github("pull_request", "evil", &evil).await.error(400).contains("clone_url"));
    }
}

#[tokio::test]
async fn anybody_who_knows_the_address_has_a_package_built_as_often_as_he_likes() {
    for hub in Hub::on_every_engine().await {
        let town = Town::new(hub).await;
        let custom = town.address("custom");
        for _ in 0..2 {
            let built = builds(&town.send(&format!("{custom}branch/"), &[], "").await);
            assert_eq!(built.len(), 1);
            assert_eq!(town.hub.build(built[0]).await["source_package"]["name"], "branch");
        }
        assert_eq!(builds(&town.send(&town.address("generic"), &[], "anything").await).len(), 3);
        let silent = town.send(&format!("{custom}silent"), &[], "").await.ok();
        assert!(silent["ignored"].as_str().unwrap().contains("webhooks do not build it"));
        assert_eq!(town.hub.get(&custom).await.status, 405);
        let chroots = town.hub.build(1).await["chroots"].clone();
        assert_eq!(chroots, json!([CHROOT]));
    }
}
