//! Nonsense, and things that happen at the same time.

use std::{io::Write as _, process::Command};

use axum::{
    body::Body,
    http::{Request, header},
};
use copr_api::builder::Outcome;
use coprd::db::{self, lease::Taken};
use object_store::ObjectStoreExt as _;
use serde_json::{Value, json};

use crate::support::{BINARY, CHROOT, Hub, SOURCE};

#[tokio::test]
async fn every_refusal_of_the_api_is_json_even_of_what_cannot_be_parsed() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        let add = "/api_3/project/add/alice";
        for path in ["/api_3/build/%ff", "/api_3/rpmrepo/%ff/x/fedora-44", "/builder/v1/lease/%ff/source", "/builder/x"]
        {
            assert!(!hub.get(path).await.json()["error"].as_str().unwrap_or_default().is_empty(), "{path}");
        }
        let long = json!({ "name": "p", "description": "x".repeat(3 << 20) });
        assert!(hub.call(&alice, "POST", add, &long).await.error(413).contains("too long"));
        let log = hub.builder_call("POST", "lease/x/log/build.log?offset=0", vec![b'x'; 2 << 20], &[]).await;
        assert!(!log.error(413).is_empty());
        let send = async |body: &'static str| {
            let request =
                Request::post(add).header(header::AUTHORIZATION, &alice.basic).body(Body::from(body)).unwrap();
            hub.send(request).await.error(400)
        };
        assert!(send("{").await.starts_with("The request is not JSON"));
        for body in ["[]", "\"x\"", "7"] {
            assert_eq!(send(body).await, "The request must be a JSON object");
        }
        for body in ["", " ", "null", "{}"] {
            assert!(send(body).await.contains("name: "), "{body:?}");
        }
        assert_eq!(
            send(r#"{"name":"p","chroots":7,"enable_net":"perhaps","repo_priority":"high"}"#).await,
            "chroots: it must be a list of texts, or one text with words between blanks\n\
             enable_net: invalid type: string \"perhaps\", expected a boolean\n\
             repo_priority: \"high\" is not a number"
        );
    }
}

#[tokio::test]
async fn addresses_that_people_type_lead_somewhere() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        assert!(hub.get("/api").await.text().contains("coprd admin user token"), "where a refused token sends people");
        for path in [
            "/coprs/alice",
            "/coprs/alice/",
            "/?q=a&q=b",
            "/coprs/alice/libs/?from=1&from=2",
            "/coprs/alice/libs/repo/fedora-44/x.repo?arch=a&arch=b",
        ] {
            assert_eq!(hub.get(path).await.status.as_u16(), 200, "{path}");
        }
        assert_eq!(
            hub.get("/api_3/build-chroot/list?build_id=x").await.error(400),
            "build_id: Not a valid integer value."
        );
        let bad = json!({ "name": "12345", "chroots": [CHROOT] });
        let error = hub.call(&alice, "POST", "/api_3/project/add/alice", &bad).await.error(400);
        assert_eq!(error, "name: it may not be a number");
    }
}

#[tokio::test]
async fn lists_and_addresses_without_end_are_refused() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        let add = async |more: Value| {
            let mut body = json!({ "name": "p", "chroots": [CHROOT] });
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            hub.call(&alice, "POST", "/api_3/project/add/alice", &body).await.error(400)
        };
        assert!(add(json!({ "chroots": vec!["x"; 5000] })).await.starts_with("chroots: "));
        assert!(add(json!({ "homepage": "x".repeat(5000) })).await.starts_with("homepage: "));
        for bad in ["https://x.org/a b", "file:///etc", "https://x.org/\n[evil]"] {
            assert!(add(json!({ "additional_repos": [bad] })).await.starts_with("additional_repos: "), "{bad:?}");
        }
        let long = format!("https://x.org/{}", "x".repeat(5000));
        assert!(add(json!({ "runtime_dependencies": [long] })).await.starts_with("runtime_dependencies: "));
        hub.create(&alice, "libs").await;
        let many = json!({ "chroots": vec!["*"; 5000] });
        assert!(hub.upload(&alice, "libs", "x", &SOURCE.bytes(), many).await.error(400).contains("chroots"));
    }
}

#[tokio::test]
async fn an_upload_may_come_in_any_order_with_parts_that_nobody_knows_but_not_without_end() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        let send = async |parts: &[(&str, &[u8])]| {
            let mut body = Vec::new();
            for (name, bytes) in parts {
                write!(body, "--B\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"f\"\r\n\r\n").unwrap();
                body.extend_from_slice(bytes);
                body.extend_from_slice(b"\r\n");
            }
            body.extend_from_slice(b"--B--\r\n");
            // In pieces: nobody says beforehand how long it is.
            let pieces: Vec<_> = body.chunks(1000).map(|piece| Ok::<_, std::io::Error>(piece.to_vec())).collect();
            let request = Request::post("/api_3/build/create/upload")
                .header(header::AUTHORIZATION, &alice.basic)
                .header(header::CONTENT_TYPE, "multipart/form-data; boundary=B");
            hub.send(request.body(Body::from_stream(futures_util::stream::iter(pieces))).unwrap()).await
        };
        let options = json!({ "ownername": "alice", "projectname": "libs" }).to_string();
        let (options, source) = (options.as_bytes(), SOURCE.bytes());
        send(&[("json", options), ("upload_comps", b"?"), ("pkgs", &source)]).await.ok();
        assert!(send(&[("json", options)]).await.error(400).starts_with("pkgs: "));
        assert!(send(&[("pkgs", &source)]).await.error(400).starts_with("json: "));
        assert!(!send(&[("pkgs", &vec![0; 2 << 20]), ("json", options)]).await.error(413).is_empty());
        assert!(!send(&[("other", &vec![0; 8 << 20]), ("json", options)]).await.error(413).is_empty());
        assert!(!send(&[("json", &vec![b' '; 2 << 20]), ("pkgs", &source)]).await.error(413).is_empty());
        assert_eq!(fs_err::read_dir(hub.stored("spool")).unwrap().count(), 0, "nothing is left of what was refused");
    }
}

#[tokio::test]
async fn a_build_that_is_cancelled_while_its_end_is_checked_is_not_published() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        let id = hub.submit(&alice, "libs").await;
        let lease = hub.lease().await;
        hub.put(&lease.id, &BINARY.file(), &BINARY.bytes()).await.ok();
        // What `finish` read before someone cancelled.
        let held = db::lease::held(&hub.state.db, &lease.id).await.unwrap().unwrap();
        hub.call(&alice, "PUT", &format!("/api_3/build/cancel/{id}"), &Value::Null).await.ok();
        let taken = db::lease::finish_built(&hub.state.db, &held, &lease.id, &[BINARY.claim()], 1).await.unwrap();
        assert_eq!(taken, Taken::Canceled);
        assert!(hub.state.queue.finish_built(&held, &lease.id, &[BINARY.claim()]).await.unwrap());
        hub.publish().await;
        let stored = db::build::get(&hub.state.db, id).await.unwrap().unwrap();
        assert_eq!(stored.chroots[0].state.as_str(), "canceled");
        assert_eq!(hub.repository(&format!("alice/libs/{CHROOT}")).await, Vec::<String>::new());
        assert_eq!(hub.incoming().await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_builder_that_stops_in_good_order_uses_up_no_attempt() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        let id = hub.submit(&alice, "libs").await;
        for _ in 0..5 {
            let lease = hub.lease().await;
            hub.finish(&lease.id, Outcome::Cancelled, vec![]).await.ok();
            hub.finish(&lease.id, Outcome::Cancelled, vec![]).await.ok();
            assert_eq!(hub.state_of(id).await, "pending");
        }
        hub.hand_in(&hub.lease().await.id, &[BINARY]).await.ok();
        hub.publish().await;
        assert_eq!(hub.state_of(id).await, "succeeded");
    }
}

#[tokio::test]
async fn of_results_that_are_partly_gone_none_can_be_had() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        let id = hub.submit(&alice, "libs").await;
        let lease = hub.lease().await;
        hub.log(&lease.id, "build.log", 0, "kept\n").await.ok();
        hub.hand_in(&lease.id, &[SOURCE, BINARY]).await.ok();
        hub.lose(&lease.id, &BINARY.file()).await;
        hub.publish().await;
        assert_eq!(hub.state_of(id).await, "failed");
        assert_eq!(hub.names(&format!("alice/libs/{CHROOT}/{id:08}-hello")).await, ["build.log"]);
        assert_eq!(hub.incoming().await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn the_source_of_a_build_that_never_was_does_not_stay_beside_that_of_its_successor() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        let id = hub.submit(&alice, "libs").await;
        let folder = format!("alice/libs/srpm-builds/{:08}", id + 1);
        let leftover = hub.key(&format!("results/{folder}/other-1-1.src.rpm"));
        hub.objects.put(&leftover, "left by a crash".into()).await.unwrap();
        assert_eq!(hub.submit(&alice, "libs").await, id + 1);
        assert_eq!(hub.names(&folder).await, ["hello-1.0-1.src.rpm"]);
    }
}

#[test]
fn adding_a_user_prints_one_whole_configuration_and_an_admin_command_leaves_the_address_alone() {
    let data = tempfile::tempdir().unwrap();
    let admin = |arguments: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_coprd")).arg("admin").arg("--data").arg(data.path()).args(arguments).output()
    };
    fs_err::write(data.path().join("address"), "http://127.0.0.1:4711\n").unwrap();
    let added = admin(&["user", "add", "carol"]).unwrap();
    let text = String::from_utf8(added.stdout).unwrap();
    let keys: Vec<&str> = text.lines().map(|line| line.split(" = ").next().unwrap_or_default()).collect();
    assert_eq!(
        keys.get(..6),
        Some(&["[copr-cli]", "login", "username", "token", "copr_url", "encrypted"][..]),
        "{text}"
    );
    assert!(text.contains("copr_url = http://127.0.0.1:4711\nencrypted = False\n"), "{text}");
    assert!(added.status.success() && added.stderr.is_empty());
    let elsewhere = data.path().join("elsewhere.toml");
    fs_err::write(&elsewhere, "[database]\nurl = \"postgres://u:hunter2@127.0.0.1:1/x\"\n").unwrap();
    let gone = admin(&["--config", elsewhere.to_str().unwrap(), "user", "list"]).unwrap();
    let error = String::from_utf8_lossy(&gone.stderr).into_owned();
    assert!(error.contains("refused") && !error.contains("hunter2"), "{error}");
    let again = admin(&["user", "add", "carol"]).unwrap();
    assert!(!again.status.success() && again.stdout.is_empty());
    assert!(String::from_utf8_lossy(&again.stderr).contains("admin user token carol"));
}
