//! Old builds that go: never what somebody still needs, and back again as long as their files are there.

use std::sync::Arc;

use coprd::{clock, db, expiry};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::{
    packages::Rpm,
    support::{CHROOT, Hub, User},
};

/// One day in milliseconds.
const DAY_MS: i64 = 24 * 3600 * 1000;

impl Hub {
    /// Uploads, builds and publishes a version of a package that requires these; the build's number.
    async fn made(&self, user: &User, project: &str, name: &str, version: &str, requires: &[(&str, &str)]) -> i64 {
        let source = Rpm { name, version, release: "1", arch: "x86_64", source: None };
        let file = source.file();
        let answer = self.upload(user, project, &file, &source.bytes(), json!({})).await.ok();
        let binary = Rpm { source: Some(&file), ..source };
        let bytes = binary.bytes_requiring(requires);
        let lease = self.lease().await;
        self.put(&lease.id, &binary.file(), &bytes).await.ok();
        let end = copr_api::builder::Outcome::Succeeded;
        self.finish(&lease.id, end, vec![binary.claim_of(&bytes)]).await.ok();
        self.publish().await;
        answer["id"].as_i64().unwrap()
    }

    async fn prune(&self, user: &User, project: &str, wish: Value) -> Value {
        self.call(user, "POST", &format!("/api_3/project/prune/{project}"), &wish).await.ok()
    }

    async fn used_by(&self, owner: &str) -> i64 {
        self.get(&format!("/api_3/quota?ownername={owner}")).await.ok()["used"].as_i64().unwrap()
    }

    /// Versions of a package in a repository.
    async fn versions(&self, project: &str) -> Vec<String> {
        let lines = self.repository(&format!("{project}/{CHROOT}")).await;
        lines.iter().map(|line| line.split('-').nth(1).unwrap().to_owned()).collect()
    }
}

fn ids(builds: &Value) -> Vec<i64> {
    builds.as_array().unwrap().iter().map(|build| build["id"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn old_builds_go_but_for_those_that_another_repository_needs_and_come_back_while_they_can() {
    for hub in Hub::on_every_engine().await {
        let (alice, bob) = (hub.user("alice").await, hub.user("bob").await);
        hub.create(&alice, "libs").await;
        let app = json!({ "name": "app", "chroots": [CHROOT], "runtime_dependencies": "copr://alice/libs" });
        hub.call(&bob, "POST", "/api_3/project/add/bob", &app).await.ok();
        let mut builds = Vec::new();
        for version in ["1.0", "1.1", "1.10", "1.9"] {
            builds.push(hub.made(&alice, "libs", "hello", version, &[]).await);
        }
        hub.made(&bob, "app", "app", "3.0", &[("hello", "1.0-1")]).await;
        let before = hub.used_by("alice").await;
        assert_eq!(hub.versions("alice/libs").await, ["1.0", "1.1", "1.10", "1.9"], "{}", hub.place.engine);

        let shown = hub.prune(&alice, "alice/libs", json!({ "keep": 1, "dry_run": true })).await;
        // 1.10 is the newest, whenever it was built.
        assert_eq!(ids(&shown["builds"]), [builds[1], builds[3]], "{}: {shown}", hub.place.engine);
        assert_eq!(ids(&shown["needed"]), [builds[0]]);
        let need = json!({
            "package": "app-3.0-1.x86_64", "repository": format!("bob/app/{CHROOT}"), "requirement": "hello = 1.0-1",
        });
        assert_eq!(shown["needed"][0]["needed_by"], json!([need]));
        assert_eq!((shown["dry_run"].clone(), shown["prune_id"].clone()), (json!(true), Value::Null));
        assert_eq!(hub.publish().await, 0, "nothing was done");
        let young = hub.prune(&alice, "alice/libs", json!({ "older_than_days": 1 })).await;
        assert_eq!((ids(&young["builds"]), young["prune_id"].clone()), (vec![], Value::Null));
        for bad in [json!({ "keep": 0 }), json!({ "older_than_days": -1 }), json!({ "keep": "many" })] {
            hub.call(&alice, "POST", "/api_3/project/prune/alice/libs", &bad).await.error(400);
        }
        hub.call(&bob, "POST", "/api_3/project/prune/alice/libs", &json!({})).await.error(403);

        let done = hub.prune(&alice, "alice/libs", json!({ "keep": "1" })).await;
        let prune = done["prune_id"].as_i64().unwrap();
        assert_eq!(ids(&done["builds"]), [builds[1], builds[3]]);
        let freed = done["freed"].as_i64().unwrap();
        assert!(freed > 0);
        assert_eq!(hub.used_by("alice").await, before - freed, "{}: it is free at once", hub.place.engine);
        hub.get(&format!("/api_3/build/{}", builds[1])).await.error(404);
        let hub = hub.restart().await;
        hub.publish().await;
        assert_eq!(hub.versions("alice/libs").await, ["1.0", "1.10"]);
        let list = hub.get("/api_3/project/prunes?ownername=alice&projectname=libs").await.ok();
        assert_eq!(list["items"][0]["builds"], json!([builds[1], builds[3]]));
        assert_eq!(list["items"][0]["by"], "alice");

        // It is taken again, if it fits; all of it, or one build.
        let undo = async |wish: Value| hub.call(&alice, "PUT", "/api_3/project/undelete/alice/libs", &wish).await;
        db::quota::set(&hub.state.db, &"alice".parse().unwrap(), Some(before - 1)).await.unwrap();
        assert!(undo(json!({ "prune_id": prune })).await.error(413).contains("The quota is exceeded"));
        assert_eq!(hub.used_by("alice").await, before - freed);
        undo(json!({ "prune_id": prune, "build_id": builds[0] })).await.error(404);
        undo(json!({ "prune_id": prune + 1 })).await.error(404);
        undo(json!({})).await.error(400);
        hub.call(&bob, "PUT", "/api_3/project/undelete/alice/libs", &json!({ "prune_id": prune })).await.error(403);
        let back = undo(json!({ "prune_id": prune, "build_id": builds[1] })).await.ok();
        assert_eq!(back["builds"], json!([builds[1]]));
        db::quota::set(&hub.state.db, &"alice".parse().unwrap(), None).await.unwrap();
        // The server dies before it is published.
        let hub = hub.restart().await;
        hub.publish().await;
        assert_eq!(hub.state_of(builds[1]).await, "succeeded", "{}", hub.place.engine);
        assert_eq!(hub.versions("alice/libs").await, ["1.0", "1.1", "1.10"]);
        let whole = json!({ "prune_id": prune });
        hub.call(&alice, "PUT", "/api_3/project/undelete/alice/libs", &whole).await.ok();
        hub.publish().await;
        assert_eq!(hub.versions("alice/libs").await, ["1.0", "1.1", "1.10", "1.9"]);
        hub.call(&alice, "PUT", "/api_3/project/undelete/alice/libs", &whole).await.error(404);
        assert_eq!(hub.used_by("alice").await, before);
        assert_eq!(db::quota::recount(&hub.state.db).await.unwrap().0, []);
        // Nothing of what came back goes after all.
        let later = clock::now_ms() + 100 * DAY_MS;
        hub.state.publishing.clean(later).await.unwrap();
        for build in [builds[1], builds[3]] {
            let names = hub.names(&format!("alice/libs/{CHROOT}/{build:08}-hello")).await;
            assert!(names.iter().any(|name| name.ends_with(".rpm")), "{}: {names:?}", hub.place.engine);
        }
        hub.call(&alice, "GET", "/api_3/project/publish-state?ownername=alice&projectname=libs", &Value::Null)
            .await
            .ok();
    }
}

#[tokio::test]
async fn what_is_pruned_goes_by_itself_where_the_site_says_so_and_for_good_when_its_time_is_over() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        for name in ["libs", "kept"] {
            hub.create(&alice, name).await;
        }
        hub.beside("UPDATE projects SET auto_prune = 0 WHERE name = 'kept'").await;
        let mut builds = Vec::new();
        for version in ["1.0", "1.1"] {
            builds.push(hub.made(&alice, "libs", "hello", version, &[]).await);
            hub.made(&alice, "kept", "hello", version, &[]).await;
        }
        let stopping = CancellationToken::new();
        let in_a_month = clock::now_ms() + 30 * DAY_MS;
        expiry::old(&hub.state, in_a_month, &stopping).await.unwrap();
        assert_eq!(hub.versions("alice/libs").await.len(), 2, "{}: it is off", hub.place.engine);
        let mut state = hub.state.clone();
        let mut config = (*state.config).clone();
        config.prune.days = 31;
        state.config = Arc::new(config.clone());
        expiry::old(&state, in_a_month, &stopping).await.unwrap();
        assert_eq!(hub.publish().await, 0, "{}: all are too young", hub.place.engine);
        config.prune.days = 29;
        state.config = Arc::new(config);
        expiry::old(&state, in_a_month, &stopping).await.unwrap();
        hub.publish().await;
        assert_eq!(hub.versions("alice/libs").await, ["1.1"], "{}", hub.place.engine);
        assert_eq!(hub.versions("alice/kept").await.len(), 2);
        let list = hub.get("/api_3/project/prunes?ownername=alice&projectname=libs").await.ok();
        assert_eq!(
            (list["items"][0]["by"].clone(), list["items"][0]["builds"].clone()),
            (Value::Null, json!([builds[0]]))
        );

        // Its time is over, or nearly.
        let prune = list["items"][0]["id"].as_i64().unwrap();
        hub.beside(&format!("UPDATE removals SET due_ms = {}", clock::now_ms() + 1000)).await;
        let whole = json!({ "prune_id": prune });
        let answer = hub.call(&alice, "PUT", "/api_3/project/undelete/alice/libs", &whole).await;
        assert!(answer.error(409).contains(&format!("build {}", builds[0])));
        let later = clock::now_ms() + 100 * DAY_MS;
        hub.state.publishing.clean(later).await.unwrap();
        assert_eq!(hub.names(&format!("alice/libs/{CHROOT}/{:08}-hello", builds[0])).await, Vec::<String>::new());
        expiry::pass(&hub.state, later).await;
        hub.call(&alice, "PUT", "/api_3/project/undelete/alice/libs", &whole).await.error(404);
        let list = hub.get("/api_3/project/prunes?ownername=alice&projectname=libs").await.ok();
        assert_eq!(list["items"], json!([]));
    }
}

#[tokio::test]
async fn what_a_projects_own_packages_need_stays_and_so_does_what_projects_further_away_need() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        for (name, needs) in [("middle", "libs"), ("far", "middle")] {
            let body =
                json!({ "name": name, "chroots": [CHROOT], "runtime_dependencies": format!("copr://alice/{needs}") });
            hub.call(&alice, "POST", "/api_3/project/add/alice", &body).await.ok();
        }
        let mut builds = Vec::new();
        for version in ["1.0", "1.1", "1.2", "1.3"] {
            builds.push(hub.made(&alice, "libs", "hello", version, &[]).await);
        }
        hub.made(&alice, "libs", "tool", "1.0", &[("hello", "1.1-1")]).await;
        hub.made(&alice, "far", "app", "1.0", &[("hello", "1.2-1"), ("nowhere", "1.0-1")]).await;
        let shown = hub.prune(&alice, "alice/libs", json!({ "dry_run": true })).await;
        assert_eq!(ids(&shown["builds"]), [builds[0]], "{}: {shown}", hub.place.engine);
        assert_eq!(ids(&shown["needed"]), [builds[1], builds[2]]);
        assert_eq!(shown["needed"][0]["needed_by"][0]["package"], "tool-1.0-1.x86_64");
        assert_eq!(shown["needed"][1]["needed_by"][0]["repository"], format!("alice/far/{CHROOT}"));
    }
}
