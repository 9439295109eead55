//! What happens is noted once, in order, and told to whoever may know.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode},
};
use copr_api::builder::Outcome;
use coprd::{clock, db, events, http, state::AppState};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::support::{BINARY, CHROOT, Hub, User, variable};

/// The events that a call tells, as messages.
pub(crate) async fn told(hub: &Hub, query: &str) -> Vec<Value> {
    hub.get(&format!("/api_3/events?limit=1000&{query}")).await.ok()["items"].as_array().unwrap().clone()
}

pub(crate) fn topics(messages: &[Value]) -> Vec<&str> {
    messages.iter().map(|message| message["topic"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn every_step_of_a_build_is_told_once_and_in_order_in_coprs_own_words() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "p").await;
        hub.publish().await;
        let id = hub.submit(&alice, "p").await;
        hub.hand_in(&hub.lease().await.id, &[BINARY]).await.ok();
        assert_eq!(topics(&told(&hub, "topics=copr.build.end").await), Vec::<&str>::new(), "it is not published yet");
        hub.publish().await;
        let all = told(&hub, "project=alice/p").await;
        assert_eq!(
            topics(&all),
            [
                "copr.project.created",
                "copr.repository.published",
                "copr.build.start",
                "copr.chroot.start",
                "copr.build.end",
                "copr.repository.published"
            ]
        );
        let numbers: Vec<i64> = all.iter().map(|message| message["headers"]["copr_number"].as_i64().unwrap()).collect();
        assert!(numbers.is_sorted());
        let end = &all[4];
        assert_eq!(end["headers"]["fedora_messaging_schema"], "copr.build.end");
        let mut body = end["body"].clone();
        assert!(body["what"].as_str().unwrap().contains("status:1"), "{body}");
        body.as_object_mut().unwrap().remove("what");
        let expected = json!({
            "status": 1, "chroot": CHROOT, "build": id, "owner": "alice", "copr": "p", "pkg": "hello",
            "version": "1.0-1", "user": "alice", "ip": null, "who": "coprd", "pid": 0, "project_dirname": "p",
        });
        assert_eq!(body, expected);
        assert_eq!((&all[2]["body"]["status"], &all[2]["body"]["chroot"]), (&json!(3), &json!(CHROOT)));
        // The same list from where one has got to, and by topic.
        let next = hub.get("/api_3/events?since=0&limit=2").await.ok();
        assert_eq!(next["items"].as_array().unwrap().len(), 2);
        let rest = told(&hub, &format!("since={}", next["next"])).await;
        assert_eq!(rest[..], all[2..]);
        assert_eq!(told(&hub, "topics=copr.build.end,copr.build.start").await.len(), 2);
        assert!(hub.get("/api_3/events?topics=copr.nothing").await.error(400).contains("copr.build.end"));
        assert!(hub.get("/api_3/events?project=alice/nope").await.error(404).contains("alice/nope"));
        as_fedora_reads(&all);
    }
}

/// Has fedora-messaging read messages, with Copr's own schemas for those that it has; where there is a Python that has both.
fn as_fedora_reads(messages: &[Value]) {
    let Some(python) = variable("TEST_COPR_MESSAGING") else {
        eprintln!("TEST_COPR_MESSAGING is not set: not read by fedora-messaging");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("messages");
    let lines: Vec<String> = messages.iter().map(ToString::to_string).collect();
    fs_err::write(&file, lines.join("\n")).unwrap();
    let script = "import sys\nfrom fedora_messaging import message\n\
        for one in message.loads(open(sys.argv[1]).read()):\n    one.validate()\n    \
        print(type(one).__module__, type(one).__name__, one.summary)\n";
    let ran = std::process::Command::new(python).args(["-c", script]).arg(&file).output().unwrap();
    let out = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    assert!(out.contains("copr_messaging.schema BuildChrootEndedV1"), "{out}");
    assert_eq!(out.lines().count(), messages.len(), "{out}");
}

#[tokio::test]
async fn what_does_not_happen_is_not_told_and_what_ends_otherwise_is() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "p").await;
        let (one, two) = (hub.submit(&alice, "p").await, hub.submit(&alice, "p").await);
        let lease = hub.lease().await;
        // Refused: a build is at work.
        hub.call(&alice, "DELETE", "/api_3/project/delete/alice/p", &json!({ "verify": true })).await.error(409);
        hub.call(&alice, "PUT", &format!("/api_3/build/cancel/{two}"), &Value::Null).await.ok();
        let fault = Outcome::MachineFault { message: "no boot".to_owned() };
        hub.finish(&lease.id, fault, vec![]).await.ok();
        hub.finish(&hub.lease().await.id, Outcome::UserFault { message: "no".to_owned() }, vec![]).await.ok();
        let ends = told(&hub, "topics=copr.build.end").await;
        let ended: Vec<_> = ends
            .iter()
            .map(|one| (one["body"]["build"].as_i64().unwrap(), one["body"]["status"].as_i64().unwrap()))
            .collect();
        assert_eq!(ended, [(two, 2), (one, 0)], "cancelled and failed; a try that is repeated has not ended");
        assert_eq!(told(&hub, "topics=copr.build.start").await.len(), 2);
        hub.call(&alice, "PUT", "/api_3/project/edit/alice/p", &json!({ "description": "d" })).await.ok();
        hub.call(&alice, "DELETE", "/api_3/project/delete/alice/p", &json!({ "verify": true })).await.ok();
        let about = told(&hub, "topics=copr.project.created,copr.project.changed,copr.project.deleted").await;
        assert_eq!(topics(&about), ["copr.project.created", "copr.project.changed", "copr.project.deleted"]);
        // A server that is killed begins again with the same list.
        let all = told(&hub, "").await;
        let hub = hub.restart().await;
        assert_eq!(told(&hub, "").await, all);
    }
}

#[tokio::test]
async fn old_events_are_forgotten_and_numbers_go_on() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        for name in ["a", "b", "c"] {
            hub.create(&alice, name).await;
        }
        let all = told(&hub, "topics=copr.project.created").await;
        let last = told(&hub, "").await.last().unwrap()["headers"]["copr_number"].as_i64().unwrap();
        assert_eq!(all.len(), 3);
        let years = clock::now_ms() + 10 * 365 * 24 * 3_600_000;
        events::forget(&hub.state, years).await.unwrap();
        assert_eq!(told(&hub, "").await.len(), 1, "the last one holds the place");
        hub.create(&alice, "d").await;
        let new = told(&hub, &format!("since={last}")).await;
        assert_eq!(new[0]["headers"]["copr_number"], last + 1);
    }
}

/// The hub's server once more, which is not about to stop.
struct Running {
    state: AppState,
    router: Router,
}

impl Running {
    fn of(hub: &Hub) -> Self {
        let mut state = hub.state.clone();
        state.stopping = CancellationToken::new();
        Self { router: http::router(state.clone()), state }
    }

    async fn follow(&self, query: &str, last: Option<i64>, user: Option<&User>) -> Stream {
        let mut request = Request::get(format!("/api_3/events?{query}")).header("Accept", "text/event-stream");
        if let Some(last) = last {
            request = request.header("Last-Event-ID", last);
        }
        if let Some(user) = user {
            request = request.header("Authorization", &user.basic);
        }
        let answer = self.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        Stream { body: answer.into_body().into_data_stream(), text: String::new() }
    }
}

struct Stream {
    body: axum::body::BodyDataStream,
    text: String,
}

impl Stream {
    /// Name, id and data of the next event.
    async fn next(&mut self) -> (String, i64, Value) {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.text = rest;
                if event.starts_with(':') {
                    continue;
                }
                let line = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).unwrap().to_owned();
                let data = serde_json::from_str(&line("data: ")).unwrap();
                return (line("event: "), line("id: ").parse().unwrap(), data);
            }
            let piece = tokio::time::timeout(Duration::from_secs(60), self.body.next()).await;
            let piece = piece.expect("something comes").expect("the stream goes on").unwrap();
            self.text.push_str(std::str::from_utf8(&piece).unwrap());
        }
    }

    /// `NAME OWNER/PROJECT` of the next events.
    async fn some(&mut self, count: usize) -> Vec<String> {
        let mut all = Vec::new();
        for _ in 0..count {
            let (name, _, data) = self.next().await;
            let of = |key: &str| data["body"][key].as_str().unwrap().to_owned();
            all.push(format!("{name} {}/{}", of("owner"), of("copr")));
        }
        all
    }
}

#[tokio::test]
async fn who_follows_hears_what_happens_and_goes_on_where_it_was_cut_off() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "before").await;
        let server = Running::of(&hub);
        let query = "topics=copr.project.created";
        let mut new = server.follow(query, None, None).await;
        let mut all = server.follow(&format!("{query}&since=0"), None, None).await;
        let mut of_one = server.follow(&format!("{query}&project=alice/before&since=0"), None, None).await;
        for name in ["one", "two"] {
            hub.create(&alice, name).await;
        }
        let made = |name: &str| format!("copr.project.created alice/{name}");
        assert_eq!(new.some(1).await, [made("one")]);
        let (_, number, message) = new.next().await;
        assert_eq!(message["headers"]["copr_number"], number);
        assert_eq!(all.some(3).await, [made("before"), made("one"), made("two")]);
        assert_eq!(of_one.some(1).await, [made("before")]);
        assert_eq!(server.state.following.count(), 3);
        drop(new);
        hub.create(&alice, "three").await;
        // The browser's header goes before what the address says.
        let mut again = server.follow(&format!("{query}&since=0"), Some(number), None).await;
        assert_eq!(again.some(1).await, [made("three")]);
        hub.create(&alice, "before-2").await;
        assert_eq!(again.some(1).await, [made("before-2")]);
        // Who comes from before all that is kept is told that something is missing.
        events::forget(&hub.state, clock::now_ms() + 400 * 24 * 3_600_000).await.unwrap();
        let (name, _, data) = server.follow("since=1", None, None).await.next().await;
        assert_eq!((name.as_str(), data["first"].as_i64().unwrap() > 2), ("gap", true));
        server.state.stopping.cancel();
    }
}

#[tokio::test]
async fn unlisted_projects_are_told_to_those_who_know_them() {
    for hub in Hub::on_every_engine().await {
        let (alice, bob, admin) = (hub.user("alice").await, hub.user("bob").await, hub.user("admin").await);
        let add = json!({ "name": "hidden", "chroots": [CHROOT], "unlisted_on_hp": true });
        hub.call(&alice, "POST", "/api_3/project/add/alice", &add).await.ok();
        let seen = async |user: &User, query: &str| {
            let answer = hub.call(user, "GET", &format!("/api_3/events?{query}"), &Value::Null).await.ok();
            answer["items"].as_array().unwrap().len()
        };
        assert_eq!(told(&hub, "").await.len(), 0);
        assert_eq!((seen(&bob, "").await, seen(&alice, "").await, seen(&admin, "").await), (0, 1, 1));
        assert_eq!(seen(&bob, "project=alice/hidden").await, 1, "who knows its name");
    }
}

#[tokio::test]
async fn a_thousand_followers_hear_the_same() {
    let hub = Hub::on_every_engine().await.swap_remove(0);
    let alice = hub.user("alice").await;
    let server = Arc::new(Running::of(&hub));
    let mut streams = Vec::new();
    for _ in 0..1000 {
        streams.push(server.follow("topics=copr.project.created", None, None).await);
    }
    for name in ["one", "two", "three"] {
        hub.create(&alice, name).await;
    }
    for stream in &mut streams {
        assert_eq!(stream.some(3).await.last().unwrap(), "copr.project.created alice/three");
    }
    drop(streams);
    assert_eq!(server.state.following.count(), 0);
}

#[tokio::test]
async fn a_project_that_is_deleted_is_missed_by_those_who_need_it_until_it_is_there_again() {
    for hub in Hub::on_every_engine().await {
        let (alice, bob) = (hub.user("alice").await, hub.user("bob").await);
        hub.create(&alice, "libs").await;
        hub.create(&alice, "libs-2").await;
        let add = json!({
            "name": "app", "chroots": [CHROOT], "runtime_dependencies": ["copr://alice/libs?priority=10"],
            "additional_repos": ["copr://alice/libs-2"],
        });
        hub.call(&bob, "POST", "/api_3/project/add/bob", &add).await.ok();
        let notices =
            async || hub.get("/api_3/project/notices?ownername=bob&projectname=app").await.ok()["items"].clone();
        assert_eq!(notices().await, json!([]));
        hub.call(&alice, "DELETE", "/api_3/project/delete/alice/libs", &json!({ "verify": true })).await.ok();
        let found = notices().await;
        assert_eq!((&found[0]["kind"], &found[0]["about"]), (&json!("dependency-gone"), &json!("alice/libs")));
        assert!(hub.get("/coprs/bob/app/").await.text().contains("alice/libs, which this project needs, was deleted."));
        hub.create(&alice, "libs").await;
        assert_eq!(notices().await, json!([]));
        // What it needs no more it does not miss.
        for name in ["libs", "libs-2"] {
            hub.call(&alice, "DELETE", &format!("/api_3/project/delete/alice/{name}"), &json!({ "verify": true }))
                .await
                .ok();
        }
        assert_eq!(notices().await.as_array().unwrap().len(), 2);
        hub.call(&bob, "PUT", "/api_3/project/edit/bob/app", &json!({ "runtime_dependencies": [] })).await.ok();
        assert_eq!(notices().await[0]["about"], "alice/libs-2");
        let told = told(&hub, "topics=copr.dependency.broken,copr.dependency.mended&project=bob/app").await;
        let said: Vec<_> =
            told.iter().map(|one| (one["topic"].as_str().unwrap(), one["body"]["about"].as_str().unwrap())).collect();
        let (broken, mended) = ("copr.dependency.broken", "copr.dependency.mended");
        assert_eq!(
            said,
            [
                (broken, "alice/libs"),
                (mended, "alice/libs"),
                (broken, "alice/libs"),
                (broken, "alice/libs-2"),
                (mended, "alice/libs")
            ]
        );
    }
}

#[tokio::test]
async fn a_source_that_cannot_be_made_ends_what_waits_for_it_and_all_of_it_is_told() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "p").await;
        let scm = json!({ "ownername": "alice", "projectname": "p", "clone_url": "https://src.example.org/hello.git" });
        let id = hub.call(&alice, "POST", "/api_3/build/create/scm", &scm).await.ok()["id"].as_i64().unwrap();
        let lease = hub.lease().await;
        hub.finish(&lease.id, Outcome::UserFault { message: "no".to_owned() }, vec![]).await.ok();
        let ends = told(&hub, "topics=copr.build.end").await;
        let ended: Vec<_> =
            ends.iter().map(|one| (&one["body"]["chroot"], &one["body"]["status"], &one["body"]["pkg"])).collect();
        let (source, chroot) = (json!("srpm-builds"), json!(CHROOT));
        assert_eq!(ended, [(&source, &json!(0), &Value::Null), (&chroot, &json!(0), &Value::Null)]);
        assert_eq!(ends[0]["body"]["build"], id);
        assert_eq!(db::event::range(&hub.state.db).await.unwrap().map(|(first, _)| first), Some(1));
    }
}
