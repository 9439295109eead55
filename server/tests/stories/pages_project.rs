//! The pages of a project, from whatever database they come.

use serde_json::{Value, json};

use crate::support::{BINARY, CHROOT, Hub, SOURCE};

async fn twin(hub: &Hub, page: &str) -> Value {
    hub.get(&format!("/coprs/alice/libs/{page}")).await.ok()
}

#[tokio::test]
async fn what_was_built_is_on_every_page_of_its_project() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        hub.create(&alice, "empty").await;
        let build = hub.submit(&alice, "libs").await;
        hub.hand_in(&hub.lease().await.id, &[BINARY, SOURCE]).await.ok();
        hub.publish().await;

        let monitor = twin(&hub, "monitor/.json?q=HELL").await;
        let cell = &monitor["packages"][0]["cells"][0];
        assert_eq!((&cell["build"], &cell["state"]), (&json!(build), &json!("succeeded")), "{monitor}");
        assert_eq!((&cell["chroot"], &cell["version"]), (&json!(CHROOT), &json!("1.0-1")), "{monitor}");
        assert_eq!(twin(&hub, "monitor/.json?q=%25").await["packages"], json!([]));
        let packages = twin(&hub, "packages/.json").await;
        assert_eq!(packages["packages"][0]["newest"]["id"], json!(build), "{packages}");
        for (query, found) in [("", 1), ("?package=hello&state=succeeded", 1), ("?state=failed", 0)] {
            let builds = twin(&hub, &format!("builds/.json{query}")).await;
            assert_eq!(builds["builds"].as_array().map(Vec::len), Some(found), "{query}: {builds}");
        }
        let package = twin(&hub, "package/hello/.json").await;
        assert_eq!((&package["package"], &package["chroots"][0]["build"]), (&json!("hello"), &json!(build)));
        let badge = hub.get("/coprs/alice/libs/package/hello/status_image/last_build.png").await;
        assert!(badge.text().contains(">succeeded<"), "{}", badge.text());
        let empty = hub.get("/coprs/alice/empty/monitor/").await.text();
        assert!(empty.contains("No packages yet"), "{empty}");
    }
}

#[tokio::test]
async fn the_release_package_that_a_page_shows_is_of_the_chroot_with_the_newest_packages() {
    const FIRST: &str = "fedora-43-x86_64";
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        let body = json!({ "name": "libs", "chroots": [FIRST, CHROOT] });
        hub.call(&alice, "POST", "/api_3/project/add/alice", &body).await.ok();
        let label = |chroot: &str| format!("Command that installs the release package for {chroot}");
        let page = hub.get("/coprs/alice/libs/").await.text();
        assert!(page.contains(&label(FIRST)) && !page.contains(&label(CHROOT)), "{page}");

        let chroots = json!({ "chroots": [CHROOT] });
        hub.upload(&alice, "libs", &SOURCE.file(), &SOURCE.bytes(), chroots).await.ok();
        hub.hand_in(&hub.lease().await.id, &[BINARY, SOURCE]).await.ok();
        hub.publish().await;
        let page = hub.get("/coprs/alice/libs/").await.text();
        assert!(page.contains(&label(CHROOT)) && !page.contains(&label(FIRST)), "{page}");
    }
}

#[tokio::test]
async fn a_project_knows_what_it_needs_and_who_needs_it_however_long_the_lists_are() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        hub.create(&alice, "app").await;
        hub.create(&alice, "other").await;
        let long: Vec<String> =
            (0..150).map(|number| format!("https://example.org/{number}/{}/", "x".repeat(50))).collect();
        let mut needs = long.clone();
        needs.push("copr://alice/libs".to_owned());
        let edit = |needs: Value| json!({ "runtime_dependencies": needs });
        hub.call(&alice, "PUT", "/api_3/project/edit/alice/app", &edit(json!(needs))).await.ok();
        hub.call(&alice, "PUT", "/api_3/project/edit/alice/other", &edit(json!(["copr://alice/lib"]))).await.ok();
        let libs = twin(&hub, ".json").await;
        assert_eq!(libs["needed_by"], json!([{ "label": "alice/app", "url": "/coprs/alice/app/", "run": true }]));
        let app: Value = hub.get("/coprs/alice/app/.json").await.ok();
        assert!(app["run_needs"]["children"].as_array().is_some_and(|all| all.len() >= 80), "{app}");
    }
}
