//! Packages that were built elsewhere.

use axum::{
    body::Body,
    http::{Request, header},
};
use serde_json::{Value, json};

use crate::{
    packages::Rpm,
    support::{Answer, BINARY, CHROOT, Hub, POWERFUL, SOURCE, User},
};

async fn send(hub: &Hub, user: &User, files: &[(&str, Vec<u8>)], more: Value) -> Answer {
    let mut options =
        json!({ "ownername": "alice", "projectname": "libs", "project_dirname": "libs", "chroots": null });
    for (key, value) in more.as_object().into_iter().flatten() {
        options[key] = value.clone();
    }
    let mut body = Vec::new();
    for (name, bytes) in files {
        let head = format!("--B\r\nContent-Disposition: form-data; name=\"pkgs\"; filename=\"{name}\"\r\n\r\n");
        body.extend_from_slice(&[head.as_bytes(), bytes, b"\r\n"].concat());
    }
    let tail = format!(
        "--B\r\nContent-Disposition: form-data; name=\"json\"; filename=\"json\"\r\n\r\n{options}\r\n--B--\r\n"
    );
    body.extend_from_slice(tail.as_bytes());
    let request = Request::post("/api_3/build/create/rpm-upload")
        .header(header::AUTHORIZATION, &user.basic)
        .header(header::CONTENT_TYPE, "multipart/form-data; boundary=B");
    hub.send(request.body(Body::from(body)).unwrap()).await
}

async fn scene(hub: &Hub) -> User {
    let alice = hub.user("alice").await;
    let body = json!({ "name": "libs", "chroots": [CHROOT, POWERFUL] });
    hub.call(&alice, "POST", "/api_3/project/add/alice", &body).await.ok();
    hub.call(&alice, "PUT", "/api_3/project/gates/alice/libs", &json!({ "rpm_uploads": true })).await.ok();
    alice
}

#[tokio::test]
async fn packages_that_are_sent_ready_made_are_published_where_their_architecture_fits() {
    for hub in Hub::on_every_engine().await {
        let alice = scene(&hub).await;
        let noarch = Rpm { name: "hello-doc", arch: "noarch", ..BINARY };
        let sent = send(&hub, &alice, &[("whatever.rpm", BINARY.bytes())], json!({})).await.ok();
        let doc = send(&hub, &alice, &[("x", noarch.bytes()), ("y", SOURCE.bytes())], json!({})).await.ok();
        assert_eq!((&sent["chroots"], &doc["chroots"]), (&json!([CHROOT]), &json!([POWERFUL, CHROOT])), "{sent} {doc}");
        assert_eq!((&sent["source_package"]["name"], &sent["state"]), (&json!("hello"), &json!("running")));
        hub.publish().await;
        assert_eq!(hub.state_of(sent["id"].as_i64().unwrap()).await, "succeeded");
        assert_eq!(hub.repository(&format!("alice/libs/{CHROOT}")).await.len(), 3);
        assert_eq!(hub.repository(&format!("alice/libs/{POWERFUL}")).await.len(), 2);
        let source = hub.get(&format!("/api_3/build/source-build-config/{}", sent["id"])).await.ok();
        assert_eq!(source["source_type"], "rpm_upload");
        let page = hub.get(&format!("/coprs/build/{}/", sent["id"])).await.text();
        assert!(page.contains("sent ready-made"), "{page}");
        assert_eq!(hub.incoming().await, Vec::<String>::new());
        // It may go on as any build does.
        hub.create(&alice, "stable").await;
        let wish = json!({ "source": "alice/libs" });
        hub.call(&alice, "POST", "/api_3/promotion/new/alice/stable", &wish).await.ok();
        coprd::promotion::pass(&hub.state, coprd::clock::now_ms()).await;
        hub.publish().await;
        assert!(!hub.repository(&format!("alice/stable/{CHROOT}")).await.is_empty());
    }
}

#[tokio::test]
async fn what_is_no_package_for_here_is_refused_and_leaves_nothing() {
    for hub in Hub::on_every_engine().await {
        let alice = scene(&hub).await;
        let bob = hub.user("bob").await;
        let kept = hub.kept().await;
        let strange = Rpm { arch: "aarch64", ..BINARY };
        let evil = Rpm { source: Some("../../x-1-1.src.rpm"), ..BINARY };
        let other = Rpm { name: "other", source: Some("other-1.0-1.src.rpm"), ..BINARY };
        let cut = BINARY.bytes()[..200].to_vec();
        for (files, more, said) in [
            (vec![("x.rpm", b"no package".to_vec())], json!({}), "pkgs: x.rpm: "),
            (vec![("x.rpm", cut)], json!({}), "pkgs: x.rpm: "),
            (vec![("x.rpm", SOURCE.bytes())], json!({}), "pkgs: This is a source package"),
            (vec![("x.rpm", evil.bytes())], json!({}), "pkgs: x.rpm: the source package's name"),
            (vec![("x.rpm", strange.bytes())], json!({}), "chroots: alice/libs has none for aarch64"),
            (
                vec![("x.rpm", BINARY.bytes())],
                json!({ "chroots": [POWERFUL] }),
                "chroots: hello-1.0-1.x86_64.rpm is for",
            ),
            (
                vec![("x.rpm", BINARY.bytes()), ("y.rpm", BINARY.bytes())],
                json!({}),
                "pkgs: hello-1.0-1.x86_64.rpm is there twice",
            ),
            (
                vec![("x.rpm", BINARY.bytes()), ("y.rpm", other.bytes())],
                json!({}),
                "pkgs: hello-1.0-1.x86_64.rpm comes from",
            ),
            (vec![], json!({}), "pkgs: No package was uploaded"),
        ] {
            let error = send(&hub, &alice, &files, more).await.error(400);
            assert!(error.starts_with(said), "{said}: {error}");
        }
        let one = [("x.rpm", BINARY.bytes())];
        send(&hub, &bob, &one, json!({})).await.error(403);
        hub.call(&alice, "PUT", "/api_3/project/gates/alice/libs", &json!({ "rpm_uploads": false })).await.ok();
        let error = send(&hub, &alice, &one, json!({})).await.error(400);
        assert!(error.contains("copr gates alice/libs --rpm-uploads on"), "{error}");
        let large = [("x.rpm", vec![0; (1 << 20) + 1])];
        send(&hub, &alice, &large, json!({})).await.error(413);
        assert_eq!((hub.incoming().await, hub.kept().await), (Vec::new(), kept));
        assert_eq!(hub.get("/api_3/build/list?ownername=alice&projectname=libs").await.ok()["items"], json!([]));
    }
}
