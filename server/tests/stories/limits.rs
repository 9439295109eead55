//! Slow, frequent and large callers, on real connections.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use coprd::{config::Config, http};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use crate::support::{Hub, SOURCE, User};

/// A hub that listens.
struct Listening {
    hub: Hub,
    address: SocketAddr,
    stopping: CancellationToken,
    served: JoinHandle<bool>,
}

impl Listening {
    async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let hub = Hub::on_every_engine().await.swap_remove(0);
        let mut state = hub.state.clone();
        let mut config = (*state.config).clone();
        change(&mut config);
        state.config = Arc::new(config);
        state.stopping = CancellationToken::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, stopping) = (listener.local_addr().unwrap(), state.stopping.clone());
        let stop = stopping.clone();
        let served = tokio::spawn(async move {
            let limits = state.config.limits.clone();
            http::serve::run(listener, None, http::router(state), &limits, &stop).await
        });
        Self { hub, address, stopping, served }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends these bytes and gives all that comes back until the other side closes.
    async fn say(&self, text: &str) -> String {
        let mut stream = self.connect().await;
        stream.write_all(text.as_bytes()).await.unwrap();
        rest(&mut stream).await
    }
}

async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(60), stream.read_to_end(&mut bytes)).await;
    // A reset is an end, too.
    read.expect("the server ends the connection").ok();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn get(path: &str, more: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{more}\r\n")
}

/// The beginning of an upload of a source package: half of the package.
fn half_an_upload(user: &User) -> Vec<u8> {
    let part = format!("--B\r\nContent-Disposition: form-data; name=\"pkgs\"; filename=\"{}\"\r\n\r\n", SOURCE.file());
    let bytes = SOURCE.bytes();
    let mut sent = format!(
        "POST /api_3/build/create/upload HTTP/1.1\r\nHost: h\r\nAuthorization: {}\r\nContent-Type: multipart/form-data; \
         boundary=B\r\nContent-Length: {}\r\n\r\n{part}",
        user.basic,
        part.len() + bytes.len() + 1000
    )
    .into_bytes();
    sent.extend_from_slice(&bytes[..bytes.len() / 2]);
    sent
}

#[tokio::test]
async fn who_never_ends_the_head_of_a_request_is_cut_off_and_others_are_served() {
    let server = Listening::with(|config| config.limits.header_seconds = 1).await;
    let mut slow = server.connect().await;
    slow.write_all(b"GET /healthz HTTP/1.1\r\nX-Slow: ").await.unwrap();
    let mut silent = server.connect().await;
    assert!(server.say(&get("/healthz", "")).await.starts_with("HTTP/1.1 200"));
    assert!(!rest(&mut slow).await.contains("200 OK"));
    assert_eq!(rest(&mut silent).await, "");
}

#[tokio::test]
async fn an_upload_that_falls_silent_is_refused_and_nothing_of_it_is_kept() {
    let server = Listening::with(|config| config.limits.stall_seconds = 1).await;
    let alice = server.hub.user("alice").await;
    server.hub.create(&alice, "p").await;
    let mut stream = server.connect().await;
    stream.write_all(&half_an_upload(&alice)).await.unwrap();
    let answer = rest(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("nothing came for 1 seconds"), "{answer}");
    let builds = server.hub.get("/api_3/build/list?ownername=alice&projectname=p").await.ok();
    assert_eq!(builds["items"].as_array().unwrap().len(), 0);
    let left: Vec<_> = fs_err::read_dir(server.hub.folder.path().join("store/spool"))
        .map(|entries| entries.map(|entry| entry.unwrap().path()).collect())
        .unwrap_or_default();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn a_body_that_is_too_large_is_told_so_in_json() {
    let server = Listening::with(|config| config.limits.body_bytes = 4096).await;
    let alice = server.hub.user("alice").await;
    let body = format!("{{\"name\": \"{}\"}}", "x".repeat(10_000));
    let answer = server
        .say(&format!(
            "POST /api_3/project/add/alice HTTP/1.1\r\nHost: h\r\nConnection: close\r\nAuthorization: {}\r\nContent-Type: \
             application/json\r\nContent-Length: {}\r\n\r\n{body}",
            alice.basic,
            body.len()
        ))
        .await;
    assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("{\"error\":"), "{answer}");
}

#[tokio::test]
async fn who_calls_too_often_is_told_when_to_come_again_but_may_read_repositories() {
    let server = Listening::with(|config| {
        config.limits.rate.read = 2;
        config.trusted_proxies = vec![("127.0.0.1".parse().unwrap(), 32)];
    })
    .await;
    let from = |address: &str| get("/api_3/project/list", &format!("X-Forwarded-For: {address}\r\n"));
    assert!(server.say(&from("192.0.2.1")).await.starts_with("HTTP/1.1 200"));
    assert!(server.say(&from("192.0.2.1")).await.starts_with("HTTP/1.1 200"));
    let refused = server.say(&from("192.0.2.1")).await;
    assert!(refused.starts_with("HTTP/1.1 429") && refused.contains("\"error\":\"Too many calls"), "{refused}");
    assert!(refused.to_lowercase().contains("\r\nretry-after: "), "{refused}");
    assert!(server.say(&from("192.0.2.2")).await.starts_with("HTTP/1.1 200"), "another caller is not disturbed");
    let results = server.say(&get("/results/a/p/x", "X-Forwarded-For: 192.0.2.1\r\n")).await;
    assert!(results.starts_with("HTTP/1.1 404"), "{results}");
}

#[tokio::test]
async fn an_outsider_cannot_take_another_address_to_be_counted_anew() {
    let server = Listening::with(|config| config.limits.rate.read = 1).await;
    let from = |address: &str| get("/api_3/project/list", &format!("X-Forwarded-For: {address}\r\n"));
    assert!(server.say(&from("192.0.2.1")).await.starts_with("HTTP/1.1 200"));
    assert!(server.say(&from("192.0.2.2")).await.starts_with("HTTP/1.1 429"));
    let made_up = get("/api_3/project/list", "Authorization: Basic YTpi\r\n");
    assert!(server.say(&made_up).await.starts_with("HTTP/1.1 429"), "made-up credentials are no new caller");
}

#[tokio::test]
async fn who_takes_nothing_of_an_answer_is_cut_off() {
    let server = Listening::with(|config| {
        config.limits.stall_seconds = 1;
        config.limits.drain_seconds = 50;
    })
    .await;
    let folder = server.hub.folder.path().join("store/results/a/p");
    fs_err::create_dir_all(&folder).unwrap();
    fs_err::File::create(folder.join("large.rpm")).unwrap().set_len(256 << 20).unwrap();
    let mut stream = server.connect().await;
    stream.write_all(get("/results/a/p/large.rpm", "").as_bytes()).await.unwrap();
    let mut begin = [0; 15];
    stream.read_exact(&mut begin).await.unwrap();
    assert_eq!(&begin, b"HTTP/1.1 200 OK");
    server.stopping.cancel();
    assert!(server.served.await.unwrap(), "the connection ends, although its other side is there and takes nothing");
}

#[tokio::test]
async fn a_call_at_work_goes_on_when_the_server_is_asked_to_stop_and_no_new_one_is_taken() {
    let server = Listening::with(|config| config.limits.drain_seconds = 30).await;
    let alice = server.hub.user("alice").await;
    server.hub.create(&alice, "p").await;
    let mut stream = server.connect().await;
    let whole = server.hub.form(&alice, "p");
    let (begin, end) = whole.split_at(whole.len() / 2);
    stream.write_all(begin).await.unwrap();
    // The server has the call once it has answered another one that came later.
    assert!(server.say(&get("/healthz", "")).await.starts_with("HTTP/1.1 200"));
    server.stopping.cancel();
    tokio::task::yield_now().await;
    stream.write_all(end).await.unwrap();
    let answer = rest(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(server.served.await.unwrap(), "all ended by themselves");
    assert!(TcpStream::connect(server.address).await.is_err());
}
