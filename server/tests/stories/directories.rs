//! Side directories: what is built into them is in repositories of their own.

use coprd::{clock, expiry};
use serde_json::{Value, json};

use crate::support::{BASE, BINARY, CHROOT, Hub, SOURCE, User};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

async fn built(hub: &Hub, user: &User, dirname: &str) -> i64 {
    let more = json!({ "project_dirname": dirname });
    let id = hub.upload(user, "libs", "x", &SOURCE.bytes(), more).await.ok()["id"].as_i64().unwrap();
    hub.hand_in(&hub.lease().await.id, &[BINARY]).await.ok();
    hub.publish().await;
    id
}

#[tokio::test]
async fn a_directory_is_made_by_its_first_build_and_told_to_clients() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        hub.get("/api_3/rpmrepo/alice/libs:custom:next/fedora-44/").await.error(404);
        built(&hub, &alice, "libs:custom:next").await;
        built(&hub, &alice, "libs:pr:7").await;
        assert_eq!(hub.repository(&format!("alice/libs:custom:next/{CHROOT}")).await.len(), 1);
        assert_eq!(hub.repository(&format!("alice/libs/{CHROOT}")).await, Vec::<String>::new());
        let told = hub.get("/api_3/rpmrepo/alice/libs:pr:7/fedora-44/").await.ok()["directories"].clone();
        assert_eq!(told["libs"], json!({}));
        assert_eq!(told["libs:custom:next"], json!({}));
        assert_eq!(told["libs:pr:7"], json!({ "delete_after_days": 39 }));
        let file = hub.get("/coprs/alice/libs:custom:next/repo/fedora-44/x.repo").await.text();
        assert!(file.starts_with("[copr:copr.test:alice:libs:custom:next]\n"), "{file}");
    }
}

#[tokio::test]
async fn builds_of_a_directory_see_it_and_the_project_itself() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        hub.upload(&alice, "libs", "x", &SOURCE.bytes(), json!({ "project_dirname": "libs:custom:next" })).await.ok();
        let lease = hub.lease().await;
        let seen: Vec<_> = lease.repositories.iter().map(|of| (of.id.as_str(), of.baseurl.clone())).collect();
        assert_eq!(
            seen,
            [
                ("copr_base", format!("{BASE}/results/alice/libs/{CHROOT}/")),
                ("copr_coprdir", format!("{BASE}/results/alice/libs:custom:next/{CHROOT}/")),
            ]
        );
    }
}

#[tokio::test]
async fn a_directory_of_another_form_is_refused_in_coprs_words() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        for bad in ["libs:example", "libs:pr:x", "libs:custom:", "libs:custom:../x"] {
            let more = json!({ "project_dirname": bad });
            let error = hub.upload(&alice, "libs", "x", &SOURCE.bytes(), more).await.error(400);
            if !bad.contains("custom") {
                assert_eq!(error, "Please use directory format libs:custom:<SUFFIX_OF_CHOICE> or libs:pr:<ID>");
            }
        }
        assert_eq!(hub.names("alice").await, ["libs"]);
    }
}

#[tokio::test]
async fn directories_of_pull_requests_go_when_nothing_was_built_into_them_for_long() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        let idle = built(&hub, &alice, "libs:pr:7").await;
        built(&hub, &alice, "libs:custom:next").await;
        expiry::pass(&hub.state, clock::now_ms() + 39 * DAY_MS).await;
        assert_eq!(hub.names("alice").await, ["libs", "libs:custom:next", "libs:pr:7"]);
        // One that waits for a builder keeps it.
        let more = json!({ "project_dirname": "libs:pr:7" });
        hub.upload(&alice, "libs", "x", &SOURCE.bytes(), more).await.ok();
        let later = clock::now_ms() + 41 * DAY_MS;
        expiry::pass(&hub.state, later).await;
        assert!(hub.names("alice").await.contains(&"libs:pr:7".to_owned()));
        hub.hand_in(&hub.lease().await.id, &[BINARY]).await.ok();
        hub.publish().await;
        expiry::pass(&hub.state, later).await;
        hub.get(&format!("/api_3/build/{idle}")).await.error(404);
        assert_eq!(hub.names("alice").await, ["libs", "libs:custom:next"]);
        let told = hub.get("/api_3/rpmrepo/alice/libs/fedora-44/").await.ok()["directories"].clone();
        assert_eq!(told.as_object().unwrap().keys().collect::<Vec<_>>(), ["libs", "libs:custom:next"]);
    }
}

#[tokio::test]
async fn a_deleted_project_takes_its_directories_with_it() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        built(&hub, &alice, "libs:custom:next").await;
        built(&hub, &alice, "libs").await;
        hub.call(&alice, "DELETE", "/api_3/project/delete/alice/libs", &json!({ "verify": true })).await.ok();
        assert_eq!(hub.names("alice").await, Vec::<String>::new());
        assert_eq!(hub.get("/api_3/project/list").await.ok()["items"], Value::Array(Vec::new()));
    }
}
