//! Builds that are followed while they run: server-sent events.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{Request, StatusCode},
};
use copr_api::builder::Outcome;
use coprd::{follow::Following, http, state::AppState};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::support::{Answer, BINARY, CHROOT, Hub, SOURCE, User};

/// The hub's server once more, which is not about to stop.
pub(crate) struct Running {
    state: AppState,
    router: Router,
}

impl Running {
    pub(crate) fn of(hub: &Hub) -> Self {
        Self::with(hub, |_| {})
    }

    fn with(hub: &Hub, change: impl FnOnce(&mut coprd::config::Limits)) -> Self {
        let mut state = hub.state.clone();
        state.stopping = CancellationToken::new();
        let mut config = (*state.config).clone();
        change(&mut config.limits);
        if config.limits.followers < 5000 || config.limits.followers_of_address < 100 {
            state.following = Following::new(state.db.clone(), state.store.clone(), &config.limits);
        }
        state.config = Arc::new(config);
        Self { router: http::router(state.clone()), state }
    }

    async fn ask(&self, path: &str, last: Option<u64>, from: Option<&str>) -> axum::response::Response {
        let mut request = Request::get(format!("/coprs/build/{path}"));
        if let Some(last) = last {
            request = request.header("Last-Event-ID", last);
        }
        let mut request = request.body(Body::empty()).unwrap();
        if let Some(from) = from {
            let from = std::net::SocketAddr::new(from.parse().unwrap(), 4711);
            request.extensions_mut().insert(ConnectInfo(from));
        }
        self.router.clone().oneshot(request).await.unwrap()
    }

    pub(crate) async fn follow(&self, path: &str) -> Stream {
        self.resume(path, None).await
    }

    async fn resume(&self, path: &str, last: Option<u64>) -> Stream {
        Stream::of(self.ask(path, last, None).await)
    }

    /// The whole of an answer that is no stream.
    async fn refused(&self, path: &str, from: Option<&str>) -> Answer {
        let (parts, body) = self.ask(path, None, from).await.into_parts();
        let body = axum::body::to_bytes(body, 1 << 20).await.unwrap().to_vec();
        Answer { status: parts.status, headers: parts.headers, body }
    }
}

/// What a follower hears.
pub(crate) struct Stream {
    body: axum::body::BodyDataStream,
    text: String,
    /// The id that it would send when it asks again.
    last: u64,
}

impl Stream {
    fn of(response: axum::response::Response) -> Self {
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        Self { body: response.into_body().into_data_stream(), text: String::new(), last: 0 }
    }

    /// The next event and what it says; `None`: the stream has ended.
    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.text = rest;
                if event.starts_with(':') {
                    continue;
                }
                let line = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).unwrap().to_owned();
                assert_eq!(event.lines().count(), 3, "{event}");
                self.last = line("id: ").parse().unwrap();
                return Some((line("event: "), serde_json::from_str(&line("data: ")).unwrap()));
            }
            let piece = tokio::time::timeout(Duration::from_secs(60), self.body.next()).await;
            let Some(piece) = piece.expect("something comes") else {
                assert_eq!(self.text, "", "no half of an event");
                return None;
            };
            self.text.push_str(std::str::from_utf8(&piece.unwrap()).unwrap());
        }
    }

    /// The next state's word.
    async fn state(&mut self) -> String {
        loop {
            let (event, data) = self.next().await.expect("a state");
            if event == "state" {
                return data["state"].as_str().unwrap().to_owned();
            }
        }
    }

    /// The log up to so many bytes of text, whatever else is said meanwhile.
    pub(crate) async fn log(&mut self, bytes: usize) -> String {
        let mut log = String::new();
        while log.len() < bytes {
            let (event, data) = self.next().await.unwrap_or_else(|| panic!("the stream ended after {log:?}"));
            if event == "log" {
                log.push_str(data["text"].as_str().unwrap());
            }
        }
        log
    }

    /// All that is said from now on: names of events, with repetitions left out, and the log.
    async fn rest(&mut self) -> (Vec<String>, String) {
        let (mut names, mut log) = (Vec::<String>::new(), String::new());
        while let Some((event, data)) = self.next().await {
            if event == "log" {
                log.push_str(data["text"].as_str().unwrap());
            }
            if names.last() != Some(&event) {
                names.push(event);
            }
        }
        (names, log)
    }
}

/// A build that a builder has, and its lease.
async fn begun(hub: &Hub) -> (User, i64, String) {
    let alice = hub.user("alice").await;
    hub.create(&alice, "p").await;
    let id = hub.submit(&alice, "p").await;
    (alice, id, hub.lease().await.id)
}

fn live(id: i64) -> String {
    format!("{id}/events?chroot={CHROOT}")
}

const LIVE: &str = "builder-live.log";

#[tokio::test]
async fn a_follower_hears_states_and_log_from_the_beginning_until_the_build_is_over() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "p").await;
        let id = hub.submit(&alice, "p").await;
        let server = Running::of(&hub);
        let mut stream = server.follow(&live(id)).await;
        let (event, first) = stream.next().await.unwrap();
        assert_eq!(event, "state");
        let job = json!({ "name": CHROOT, "state": "pending", "stage": null, "attempts": 0 });
        assert_eq!((&first["id"], &first["chroots"][0], &first["over"]), (&json!(id), &job, &json!(false)));
        assert!(first["fingerprint"].as_str().unwrap().starts_with("pending"));

        let lease = hub.lease().await.id;
        assert_eq!(stream.state().await, "starting");
        hub.log(&lease, LIVE, 0, "one\r\n").await.ok();
        assert_eq!(stream.log(5).await, "one\r\n");
        hub.log(&lease, LIVE, 5, "two\n\nthree").await.ok();
        assert_eq!(stream.log(10).await, "two\n\nthree");
        assert_eq!(stream.last, 15);
        hub.log(&lease, LIVE, 15, "end\n").await.ok();
        hub.hand_in(&lease, &[BINARY, SOURCE]).await.ok();
        hub.publish().await;
        assert_eq!(server.state.following.count(), 1);
        let (names, log) = stream.rest().await;
        assert_eq!(log, "end\n");
        assert_eq!(names.last().unwrap(), "end");
        assert_eq!(server.state.following.count(), 0);

        // Who comes when it is over hears all of it at once.
        let mut late = server.follow(&live(id)).await;
        assert_eq!(late.state().await, "succeeded");
        assert_eq!(
            late.rest().await,
            (vec!["log".to_owned(), "end".to_owned()], "one\r\ntwo\n\nthreeend\n".to_owned())
        );
        let mut states = server.follow(&format!("{id}/events/")).await;
        assert_eq!(states.rest().await.0, ["state", "end"], "without a log");
    }
}

#[tokio::test]
async fn who_was_cut_off_goes_on_where_it_was_and_is_told_when_there_is_nothing_to_come_back_for() {
    for hub in Hub::on_every_engine().await {
        let (_, id, lease) = begun(&hub).await;
        let server = Running::of(&hub);
        hub.log(&lease, LIVE, 0, "one\ntwo\n").await.ok();
        let mut stream = server.follow(&live(id)).await;
        stream.log(8).await;
        let last = stream.last;
        drop(stream);
        hub.log(&lease, LIVE, 8, "three\n").await.ok();
        let mut again = server.resume(&live(id), Some(last)).await;
        assert_eq!(again.log(1).await, "three\n");
        let mut middle = server.follow(&format!("{}&offset=4", live(id))).await;
        assert_eq!(middle.log(10).await, "two\nthree\n");
        assert_eq!(server.resume(&format!("{}&offset=4", live(id)), Some(8)).await.log(1).await, "three\n");

        hub.finish(&lease, Outcome::UserFault { message: "no".into() }, vec![]).await.ok();
        assert_eq!(again.rest().await.0.last().unwrap(), "end");
        assert_eq!(server.ask(&live(id), Some(again.last), None).await.status(), StatusCode::NO_CONTENT);
        assert_eq!(server.resume(&live(id), Some(4)).await.rest().await.1, "two\nthree\n");
    }
}

#[tokio::test]
async fn all_followers_of_a_log_hear_the_same_however_long_it_is_and_whenever_they_came() {
    let hub = Hub::on_every_engine().await.swap_remove(0);
    let (_, id, lease) = begun(&hub).await;
    let server = Running::of(&hub);
    let mut early = server.follow(&live(id)).await;
    early.next().await.unwrap();
    // Longer than what stays in memory, by far.
    let mut whole = String::new();
    for number in 0..40 {
        let piece: String = (0..1000).map(|line| format!("piece {number} line {line}\n")).collect();
        hub.log(&lease, LIVE, whole.len(), &piece).await.ok();
        whole.push_str(&piece);
        if number == 20 {
            assert_eq!(early.log(whole.len()).await, whole);
        }
    }
    let mut late = server.follow(&live(id)).await;
    hub.log(&lease, LIVE, whole.len(), "the end\n").await.ok();
    whole.push_str("the end\n");
    hub.finish(&lease, Outcome::UserFault { message: "no".into() }, vec![]).await.ok();
    assert_eq!(late.rest().await.1, whole);
    let rest = early.rest().await.1;
    assert!(whole.ends_with(&rest) && rest.contains("piece 21 line 0\n") && !rest.contains("piece 20 "));
}

#[tokio::test]
async fn characters_stay_whole_and_what_is_none_is_replaced() {
    let hub = Hub::on_every_engine().await.swap_remove(0);
    let (_, id, lease) = begun(&hub).await;
    let server = Running::of(&hub);
    let mut stream = server.follow(&live(id)).await;
    let send = async |offset: usize, bytes: &'static [u8]| {
        hub.builder_call("POST", &format!("lease/{lease}/log/{LIVE}?offset={offset}"), bytes, &[]).await.ok()
    };
    send(0, b"caf\xc3").await;
    assert_eq!(stream.log(3).await, "caf");
    assert_eq!(stream.last, 3, "who resumes gets both halves");
    send(4, b"\xa9 \xff!\n").await;
    assert_eq!(stream.log(1).await, "é \u{fffd}!\n");
    send(9, b"cut off \xf0\x9f").await;
    hub.finish(&lease, Outcome::UserFault { message: "no".into() }, vec![]).await.ok();
    assert_eq!(stream.rest().await.1, "cut off \u{fffd}");
}

#[tokio::test]
async fn a_build_that_is_tried_again_begins_its_log_anew() {
    for hub in Hub::on_every_engine().await {
        let (_, id, lease) = begun(&hub).await;
        let server = Running::of(&hub);
        hub.log(&lease, LIVE, 0, "first\n").await.ok();
        let mut stream = server.follow(&live(id)).await;
        stream.log(6).await;
        hub.finish(&lease, Outcome::MachineFault { message: "it broke".into() }, vec![]).await.ok();
        let second = hub.lease().await.id;
        hub.log(&second, LIVE, 0, "the second time\n").await.ok();
        let mut anew = false;
        let log = loop {
            let (event, data) = stream.next().await.unwrap();
            anew |= event == "anew";
            if event == "log" {
                break data;
            }
        };
        assert!(anew, "what it has is no more");
        assert_eq!(log, json!({ "offset": 0, "text": "the second time\n" }));
    }
}

#[tokio::test]
async fn the_making_of_a_source_package_and_other_logs_are_followed_too() {
    let hub = Hub::on_every_engine().await.swap_remove(0);
    let alice = hub.user("alice").await;
    hub.create(&alice, "p").await;
    let body = json!({ "ownername": "alice", "projectname": "p", "pkgs": ["https://example.org/x.src.rpm"] });
    let id = hub.call(&alice, "POST", "/api_3/build/create/url", &body).await.ok()["items"][0]["id"].as_i64().unwrap();
    let lease = hub.lease().await.id;
    let server = Running::of(&hub);
    let mut stream = server.follow(&format!("{id}/events?chroot=srpm-builds&log=state.log")).await;
    let (_, first) = stream.next().await.unwrap();
    assert_eq!(first["chroots"][0]["name"], "srpm-builds");
    hub.log(&lease, "state.log", 0, "Start\n").await.ok();
    assert_eq!(stream.log(6).await, "Start\n");
}

#[tokio::test]
async fn a_build_that_is_deleted_ends_its_streams() {
    let hub = Hub::on_every_engine().await.swap_remove(0);
    let (_, id, _) = begun(&hub).await;
    let server = Running::of(&hub);
    let mut stream = server.follow(&live(id)).await;
    stream.next().await.unwrap();
    hub.sql(&format!("DELETE FROM builds WHERE id = {id}")).await;
    assert_eq!(stream.rest().await.0, ["end"]);
}

#[tokio::test]
async fn what_is_not_there_cannot_be_followed() {
    let hub = Hub::on_every_engine().await.swap_remove(0);
    let (_, id, _) = begun(&hub).await;
    let server = Running::of(&hub);
    for (path, status, word) in [
        ("4711/events".to_owned(), 404, "4711"),
        ("x/events".to_owned(), 404, "exist"),
        (format!("{id}/events?chroot=fedora-1-x86_64"), 400, "chroot"),
        (format!("{id}/events?chroot=../{CHROOT}"), 400, "chroot"),
        (format!("{}&log=passwd", live(id)), 400, LIVE),
        (format!("{}&offset=-1", live(id)), 400, "offset"),
    ] {
        let answer = server.refused(&path, None).await;
        assert!(answer.error(status).contains(word), "{path}: {}", answer.text());
    }
    assert_eq!(server.state.following.count(), 0);
}

#[tokio::test]
async fn who_is_one_too_many_is_told_when_to_come_again_and_finds_a_place_that_was_given_back() {
    let hub = Hub::on_every_engine().await.swap_remove(0);
    let (_, id, _) = begun(&hub).await;
    let server = Running::with(&hub, |limits| (limits.followers, limits.followers_of_address) = (3, 2));
    let path = live(id);
    let (one, other) = (Some("192.0.2.1"), Some("192.0.2.2"));
    let first = server.ask(&path, None, one).await;
    let _second = server.ask(&path, None, one).await;
    let refused = server.refused(&path, one).await;
    assert!(refused.error(503).contains("from your address"), "{}", refused.text());
    assert_eq!(refused.header("retry-after"), "30");
    let _third = server.ask(&path, None, other).await;
    let refused = server.refused(&path, other).await;
    assert!(refused.error(503).contains("as this server lets"), "{}", refused.text());
    drop(first);
    assert_eq!(Stream::of(server.ask(&path, None, one).await).state().await, "starting");
}

#[tokio::test]
async fn a_server_that_stops_ends_all_streams() {
    let hub = Hub::on_every_engine().await.swap_remove(0);
    let (_, id, lease) = begun(&hub).await;
    let server = Running::of(&hub);
    hub.log(&lease, LIVE, 0, "one\n").await.ok();
    let mut streams = [server.follow(&live(id)).await, server.follow(&format!("{id}/events")).await];
    streams[0].log(4).await;
    server.state.stopping.cancel();
    for stream in &mut streams {
        assert!(!stream.rest().await.0.contains(&"end".to_owned()), "whoever hears no end comes again");
    }
}
