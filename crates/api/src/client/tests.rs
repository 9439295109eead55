//! The client against a tiny HTTP server that answers from a list and keeps what it was sent.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, channel},
    },
};

use serde_json::json;

use super::*;
use crate::v3::ProjectAdd;

/// One request as it came: start line and headers, and the body.
struct Seen {
    head: String,
    body: Vec<u8>,
}

/// Answers one connection after the other with the given `(status line, headers, body)`, then stops.
fn hub(answers: Vec<(&'static str, &'static str, String)>) -> (Client, Receiver<Seen>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (send, receive) = channel();
    std::thread::spawn(move || {
        for (status, headers, body) in answers {
            let (stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream);
            let mut head = String::new();
            while reader.read_line(&mut head).unwrap() > 2 {}
            let length = head
                .lines()
                .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:").map(str::to_owned))
                .map_or(0, |length| length.trim().parse().unwrap());
            let mut seen = vec![0; length];
            reader.read_exact(&mut seen).unwrap();
            write!(
                reader.get_mut(),
                "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n{body}",
                body.len()
            )
            .unwrap();
            send.send(Seen { head, body: seen }).unwrap();
        }
    });
    (client(&format!("http://{address}/")), receive)
}

fn client(url: &str) -> Client {
    let token = Some(Secret::new("s3cret-token"));
    let config = Config { copr_url: url.to_owned(), login: Some("login".to_owned()), token, username: None };
    Client::new(config).unwrap()
}

fn build_json() -> String {
    json!({"id": 7, "state": "pending", "projectname": "p", "ownername": "alice", "repo_url": "http://h/results/alice/p",
        "source_package": {"name": null, "version": null, "url": null}, "submitted_on": 1, "started_on": null,
        "ended_on": null, "submitter": "alice", "chroots": [], "project_dirname": "p", "is_background": false})
    .to_string()
}

fn ok(body: impl std::fmt::Display) -> (&'static str, &'static str, String) {
    ("200 OK", "", format!("{body}"))
}

#[tokio::test]
async fn an_upload_is_the_file_then_the_json_with_a_content_length_and_reports_its_progress() {
    let (client, seen) = hub(vec![ok(build_json())]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gcc-c++-1~rc1-1.src.rpm");
    let content = vec![0xED; 300_000];
    fs_err::write(&path, &content).unwrap();
    let mut options = build_options(&"alice".parse().unwrap(), &"p:custom:x".parse().unwrap());
    options.timeout = Some(300);
    let steps = Arc::new(Mutex::new(Vec::new()));
    let progress = Arc::clone(&steps);
    let build =
        client.upload_build(&[&path], &options, move |bytes| progress.lock().unwrap().push(bytes)).await.unwrap();
    assert_eq!(build.id, 7);

    let seen = seen.recv().unwrap();
    assert!(seen.head.starts_with("POST /api_3/build/create/upload HTTP/1.1\r\n"), "{}", seen.head);
    let head = seen.head.to_ascii_lowercase();
    assert!(!head.contains("transfer-encoding"), "{head}");
    assert!(head.contains("authorization: basic bg9naw46cznjcmv0lxrva2vu"), "{head}");
    let boundary = head.split("boundary=").nth(1).unwrap().lines().next().unwrap().trim().to_owned();
    let before = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"pkgs\"; filename=\"gcc-c++-1~rc1-1.src.rpm\"\r\n\
         Content-Type: application/x-rpm\r\n\r\n"
    );
    let between = format!(
        "\r\n--{boundary}\r\nContent-Disposition: form-data; name=\"json\"; filename=\"json\"\r\n\
         Content-Type: application/json\r\n\r\n"
    );
    assert!(seen.body.starts_with(before.as_bytes()));
    let rest = &seen.body[before.len()..];
    assert_eq!(rest[..content.len()], content);
    let rest = std::str::from_utf8(&rest[content.len()..]).unwrap().strip_prefix(&between).unwrap();
    let body: Value = serde_json::from_str(rest.strip_suffix(&format!("\r\n--{boundary}--\r\n")).unwrap()).unwrap();
    assert_eq!(body["project_dirname"], "p:custom:x");
    assert_eq!(body["projectname"], "p");
    assert_eq!(body["chroots"], Value::Null, "an empty list would mean: for no chroot");
    assert_eq!(body["timeout"], 300);
    assert_eq!(steps.lock().unwrap().last(), Some(&300_000));
}

#[tokio::test]
async fn a_reply_with_error_is_a_failure_with_its_status_and_the_servers_words() {
    let (client, _seen) = hub(vec![
        ("404 Not Found", "", r#"{"error": "No such project"}"#.to_owned()),
        ("400 Bad Request", "", r#"{"error": "name: taken\nchroots: 'x' is unknown"}"#.to_owned()),
        ("200 OK", "", r#"{"error": "even so"}"#.to_owned()),
        ("401 Unauthorized", "", r#"{"output": "notok", "error": "Login invalid/expired."}"#.to_owned()),
    ]);
    let (owner, project) = ("alice".parse().unwrap(), "p".parse().unwrap());
    let error = client.project(&owner, &project).await.unwrap_err();
    assert_eq!((error.status(), error.to_string()), (Some(404), "No such project".to_owned()));
    let error = client.project(&owner, &project).await.unwrap_err();
    assert_eq!(error.to_string(), "\n- name: taken\n- chroots: 'x' is unknown");
    assert_eq!(client.project(&owner, &project).await.unwrap_err().to_string(), "even so");
    let error = client.auth_check().await.unwrap_err();
    assert_eq!((error.status(), error.to_string()), (Some(401), "Login invalid/expired.".to_owned()));
}

#[tokio::test]
async fn a_page_that_is_no_json_is_told_apart_from_json_of_another_form() {
    let (client, _seen) = hub(vec![
        ("200 OK", "", "<html>welcome</html>".to_owned()),
        ("502 Bad Gateway", "", "<html>bad gateway</html>".to_owned()),
        ok(r#"{"id": "seven"}"#),
    ]);
    let error = client.build(7).await.unwrap_err();
    assert!(error.to_string().contains("no JSON") && !error.is_transient(), "{error}");
    let error = client.build(7).await.unwrap_err();
    assert!(error.is_transient() && error.status() == Some(502), "{error}");
    let error = client.build(7).await.unwrap_err();
    assert!(matches!(error, Error::Unexpected { .. }), "{error}");
}

#[tokio::test]
async fn a_list_is_asked_for_page_by_page_until_a_page_is_empty() {
    let page = |offset: u64, rows: &[i64]| {
        let rows: Vec<Value> = rows
            .iter()
            .map(|id| {
                let mut build: Value = serde_json::from_str(&build_json()).unwrap();
                build["id"] = (*id).into();
                build
            })
            .collect();
        ok(json!({"items": rows, "meta": {"limit": 2, "offset": offset, "order": "id", "order_type": "ASC"}}))
    };
    let (client, seen) = hub(vec![page(0, &[5, 4]), page(2, &[3]), page(4, &[])]);
    let builds = client.builds(&"@copr".parse().unwrap(), &"p".parse().unwrap(), None).await.unwrap();
    assert_eq!(builds.iter().map(|build| build.id).collect::<Vec<_>>(), [5, 4, 3]);
    let queries: Vec<String> = seen.iter().map(|seen| seen.head.lines().next().unwrap().to_owned()).collect();
    assert!(queries[0].starts_with("GET /api_3/build/list?ownername=%40copr&projectname=p&limit=1000&offset=0"));
    assert!(queries[2].contains("offset=4"), "the server's own limit counts: {queries:?}");
}

#[tokio::test]
async fn a_server_that_ignores_the_cut_is_asked_once() {
    let (client, seen) = hub(vec![ok(r#"{"items": [], "meta": {"limit": null, "offset": 0}}"#)]);
    assert!(client.projects(None).await.unwrap().is_empty());
    assert_eq!(seen.iter().count(), 1);
}

#[tokio::test]
async fn a_new_project_says_null_where_nothing_was_said() {
    let (client, seen) = hub(vec![("400 Bad Request", "", r#"{"error": "chroots: none"}"#.to_owned())]);
    let add = ProjectAdd { name: "p".to_owned(), enable_net: Some(false), ..ProjectAdd::default() };
    client.add_project(&"alice".parse().unwrap(), &add, false).await.unwrap_err();
    let seen = seen.recv().unwrap();
    assert!(
        seen.head.starts_with("POST /api_3/project/add/alice?ownername=alice&exist_ok=False HTTP"),
        "{}",
        seen.head
    );
    let body: Value = serde_json::from_slice(&seen.body).unwrap();
    assert_eq!((&body["chroots"], &body["enable_net"]), (&Value::Null, &Value::Bool(false)));
}

#[tokio::test]
async fn cancelling_sends_an_empty_body_with_its_length() {
    let (client, seen) = hub(vec![ok(build_json())]);
    client.cancel_build(7).await.unwrap();
    let head = seen.recv().unwrap().head.to_ascii_lowercase();
    assert!(head.starts_with("put /api_3/build/cancel/7 http") && head.contains("content-length: 0"), "{head}");
}

#[tokio::test]
async fn a_log_is_read_on_from_where_one_was() {
    let (client, seen) = hub(vec![
        ("404 Not Found", "", "none yet".to_owned()),
        ok("hello "),
        ("206 Partial Content", "Content-Range: bytes 6-10/11\r\n", "world".to_owned()),
        ("416 Range Not Satisfiable", "Content-Range: bytes */11\r\n", String::new()),
        ok("hello world!"),
        ("416 Range Not Satisfiable", "Content-Range: bytes */3\r\n", String::new()),
        ok("new"),
    ]);
    let results = format!("{}/results/1/", client.hub());
    let bytes = |text: &str| LogChunk::Bytes(text.as_bytes().to_vec());
    let mut read = Vec::new();
    for offset in [0, 0, 6, 11, 11, 12, 12] {
        read.push(client.log_from(&results, "builder-live.log", offset).await.unwrap());
    }
    assert_eq!(
        read,
        [
            bytes(""),
            bytes("hello "),
            bytes("world"),
            bytes(""),
            bytes("!"),          // a server without ranges
            LogChunk::Restarted, // shorter than what was read
            LogChunk::Restarted, // the same, without ranges
        ]
    );
    let heads: Vec<String> = seen.iter().map(|seen| seen.head.to_ascii_lowercase()).collect();
    assert!(heads[0].starts_with("get /results/1/builder-live.log http") && !heads[0].contains("range:"));
    assert!(heads[2].contains("range: bytes=6-") && !heads[2].contains("authorization"), "{}", heads[2]);
}

#[tokio::test]
async fn a_hub_that_is_not_there_is_named_and_may_come_back() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = client(&format!("http://127.0.0.1:{port}")).chroots().await.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    assert!(error.to_string().starts_with(&format!("Unable to connect to http://127.0.0.1:{port}: ")), "{error}");
}

#[tokio::test]
async fn without_a_token_nothing_is_sent_to_routes_that_need_one() {
    let config = Config { copr_url: "http://127.0.0.1:1".to_owned(), ..Config::default() };
    let error = Client::new(config).unwrap().auth_check().await.unwrap_err();
    assert!(matches!(error, Error::NoCredentials));
}

#[test]
fn an_address_that_is_no_web_address_is_refused() {
    for url in ["", "copr.example.org", "ftp://copr.example.org", "https://"] {
        let config = Config { copr_url: url.to_owned(), ..Config::default() };
        assert!(matches!(Client::new(config), Err(Error::BadUrl { .. })), "{url:?}");
    }
}

#[test]
fn addresses_keep_the_hubs_own_path_and_hide_the_token() {
    let client = client("https://example.org/copr/");
    assert_eq!(
        client.url(&["project", "add", "@g"]).unwrap().as_str(),
        "https://example.org/copr/api_3/project/add/@g"
    );
    assert_eq!(client.build_page(3), "https://example.org/copr/coprs/build/3");
    let page = client.project_page(&"@g".parse().unwrap(), &"p".parse().unwrap());
    assert_eq!(page, "https://example.org/copr/coprs/g/g/p/");
    assert!(!format!("{client:?}").contains("s3cret"), "{client:?}");
}

/// A hub whose first connections break before any answer; how often it was called.
fn shaky(broken: usize, answer: String) -> (Client, Arc<Mutex<usize>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let calls = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&calls);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut reader = BufReader::new(stream.unwrap());
            let mut head = String::new();
            while reader.read_line(&mut head).unwrap() > 2 {}
            let turn = {
                let mut calls = counted.lock().unwrap();
                *calls += 1;
                *calls
            };
            if turn > broken {
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", answer.len());
                reader.get_mut().write_all(format!("{head}{answer}").as_bytes()).unwrap();
            }
        }
    });
    (client(&format!("http://{address}/")), calls)
}

#[tokio::test]
async fn a_question_is_asked_again_when_the_connection_broke() {
    let (client, calls) = shaky(2, build_json());
    assert_eq!(client.build(7).await.unwrap().id, 7);
    assert_eq!(*calls.lock().unwrap(), 3);
}

#[tokio::test]
async fn what_the_hub_may_have_taken_is_not_sent_again() {
    let (client, calls) = shaky(9, String::new());
    let error = client.cancel_build(7).await.unwrap_err();
    assert!(matches!(error, Error::Broken { .. }), "{error:?}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.src.rpm");
    fs_err::write(&path, "x").unwrap();
    let options = build_options(&"alice".parse().unwrap(), &"p".parse().unwrap());
    client.upload_build(&[&path], &options, |_| {}).await.unwrap_err();
    assert_eq!(*calls.lock().unwrap(), 2, "one call each");
}

#[tokio::test]
async fn a_download_goes_on_where_it_was_interrupted_and_is_not_repeated() {
    let (client, seen) = hub(vec![
        ("206 Partial Content", "Content-Range: bytes 6-10/11\r\n", "world".to_owned()),
        ok("hello world"),
        ("206 Partial Content", "Content-Range: bytes 2-4/5\r\n", "y".to_owned()),
    ]);
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("a.rpm");
    fs_err::write(folder.path().join("a.rpm.part"), "hello ").unwrap();
    let url = format!("{}/results/a.rpm", client.hub());
    let ended = client.download(&url, &to, &|_, _| {}).await.unwrap();
    assert_eq!(ended, Downloaded::Fetched { size: 11 });
    assert_eq!(fs_err::read_to_string(&to).unwrap(), "hello world");
    assert!(seen.recv().unwrap().head.to_ascii_lowercase().contains("range: bytes=6-"));
    assert_eq!(client.download(&url, &to, &|_, _| {}).await.unwrap(), Downloaded::Present { size: 11 });

    let other = folder.path().join("b.rpm");
    fs_err::write(folder.path().join("b.rpm.part"), "ab").unwrap();
    let error = client.download(&url, &other, &|_, _| {}).await.unwrap_err();
    assert!(error.to_string().contains("3 bytes came of 5"), "{error}");
    assert!(!other.exists(), "what is not whole does not get the name");
}
