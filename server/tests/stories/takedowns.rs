//! Reports of abuse, and taking things down: at once, and without losing the evidence.

use serde_json::{Value, json};

use crate::{
    signing_in::{Browser, person},
    support::{Answer, BINARY, CHROOT, Hub, User},
};

/// A project with one build that is published.
async fn published(hub: &Hub, user: &User) -> i64 {
    hub.create(user, "libs").await;
    built(hub, user).await
}

async fn built(hub: &Hub, user: &User) -> i64 {
    let id = hub.submit(user, "libs").await;
    let lease = hub.lease().await;
    hub.log(&lease.id, "builder-live.log", 0, "the log of it\n").await.ok();
    hub.hand_in(&lease.id, &[BINARY]).await.ok();
    hub.publish().await;
    id
}

fn package(id: i64) -> String {
    format!("alice/libs/{CHROOT}/{id:08}-hello/{}", BINARY.file())
}

async fn post(hub: &Hub, user: &User, path: &str, body: Value) -> Answer {
    hub.call(user, "POST", &format!("/api_3/{path}"), &body).await
}

/// Names of the packages in the metadata of the repository, by their folders.
async fn listed(hub: &Hub) -> Vec<String> {
    let path = format!("alice/libs/{CHROOT}");
    let index = hub.read(&format!("{path}/repodata/repomd.xml")).await.expect("a repository");
    hub.records_of(&path, &index).await.into_iter().map(|record| record.location_href).collect()
}

#[tokio::test]
async fn a_build_that_is_taken_down_is_gone_at_once_and_its_files_are_kept_until_it_is_given_back() {
    for hub in Hub::on_every_engine().await {
        let (alice, bob, admin) = (hub.user("alice").await, hub.user("bob").await, hub.user("admin").await);
        let (first, second) = (published(&hub, &alice).await, built(&hub, &alice).await);
        assert_eq!(listed(&hub).await.len(), 2);
        let kept = hub.kept().await;
        let report =
            post(&hub, &bob, "report/add", json!({ "build_id": second, "reason": "It steals passwords." })).await;
        let number = report.ok()["id"].as_i64().unwrap();
        let reports = hub.call(&admin, "GET", "/api_3/report/list", &Value::Null).await.ok();
        assert_eq!((&reports["items"][0]["reporter"], &reports["items"][0]["state"]), (&json!("bob"), &json!("open")));
        let closed = post(&hub, &admin, &format!("report/takedown/{number}"), json!({ "note": "It does." })).await.ok();
        assert_eq!(closed["state"], "taken");

        // Before any publish has run: neither packages, nor logs, nor pages of them.
        let gone = hub.get(&format!("/results/{}", package(second))).await;
        assert_eq!(gone.status.as_u16(), 451);
        assert!(gone.text().contains("It does."), "{}", gone.text());
        assert_eq!(hub.get(&format!("/results/{}", package(first))).await.status.as_u16(), 200);
        let page = hub.get(&format!("/coprs/build/{second}")).await;
        assert!(page.text().contains("It does.") && !page.text().contains("the log of it"), "{}", page.text());
        for path in ["log/fedora-44-x86_64/builder-live.log", "events"] {
            assert_eq!(hub.get(&format!("/coprs/build/{second}/{path}")).await.status.as_u16(), 451, "{path}");
        }
        // Nobody loses it: not its owner, not who cleans up.
        let delete = hub.call(&alice, "DELETE", &format!("/api_3/build/delete/{second}"), &Value::Null).await;
        assert!(delete.error(451).contains("taken down"));
        let both = json!({ "builds": [first, second] });
        hub.call(&alice, "DELETE", "/api_3/build/delete/list", &both).await.error(400);
        hub.publish().await;
        assert_eq!(listed(&hub).await, [format!("{first:08}-hello/{}", BINARY.file())], "it has left the metadata");
        let third = built(&hub, &alice).await;
        assert_eq!(listed(&hub).await.len(), 2, "and does not come back with others");
        hub.state.publishing.clean(i64::MAX).await.unwrap();
        let now = hub.kept().await;
        let files = |all: &std::collections::BTreeSet<String>| -> Vec<String> {
            all.iter().filter(|path| path.contains("-hello/")).cloned().collect()
        };
        assert!(files(&kept).iter().all(|path| now.contains(path)), "every file of it is there");
        // A server that was killed and comes again serves it no more than before.
        let hub = hub.restart().await;
        assert_eq!(hub.get(&format!("/results/{}", package(second))).await.status.as_u16(), 451);

        let down = hub.call(&admin, "GET", "/api_3/takedown/list", &Value::Null).await.ok();
        let number = down["items"][0]["id"].as_i64().unwrap();
        post(&hub, &alice, &format!("takedown/restore/{number}"), json!({ "note": "mine" })).await.error(403);
        post(&hub, &admin, &format!("takedown/restore/{number}"), json!({ "note": "It was harmless." })).await.ok();
        post(&hub, &admin, &format!("takedown/restore/{number}"), json!({ "note": "twice" })).await.error(409);
        hub.publish().await;
        assert_eq!(hub.get(&format!("/results/{}", package(second))).await.status.as_u16(), 200);
        assert_eq!(listed(&hub).await.len(), 3, "{third} and the two before");
        let audit = hub.call(&admin, "GET", "/api_3/audit/list", &Value::Null).await.ok();
        let steps: Vec<_> = audit["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|step| (step["action"].clone(), step["text"].clone()))
            .collect();
        assert_eq!(steps, [(json!("restored"), json!("It was harmless.")), (json!("taken-down"), json!("It does."))]);
        assert!(
            audit["items"]
                .as_array()
                .unwrap()
                .iter()
                .all(|step| step["who"] == "admin" && step["at"].as_i64().unwrap() > 0)
        );
    }
}

#[tokio::test]
async fn a_project_that_is_taken_down_serves_nothing_takes_nothing_and_can_not_be_deleted() {
    for hub in Hub::on_every_engine().await {
        let (alice, admin) = (hub.user("alice").await, hub.user("admin").await);
        let id = published(&hub, &alice).await;
        let waiting = hub.submit(&alice, "libs").await;
        let kept = hub.kept().await;
        let about = json!({ "ownername": "alice", "projectname": "libs", "reason": "Not free." });
        let down = post(&hub, &admin, "takedown/add", about.clone()).await.ok();
        post(&hub, &admin, "takedown/add", about).await.error(409);
        assert_eq!(hub.state_of(waiting).await, "canceled", "nothing more is built of it");
        for path in [
            format!("/results/{}", package(id)),
            format!("/results/alice/libs/{CHROOT}/repodata/repomd.xml"),
            "/results/alice/libs/".to_owned(),
            format!("/results/alice/libs/srpm-builds/{id:08}/"),
            "/coprs/alice/libs/repo/fedora-44/alice-libs-fedora-44.repo".to_owned(),
            "/api_3/rpmrepo/alice/libs/fedora-44".to_owned(),
            format!("/coprs/alice/libs/repo-view/{CHROOT}/"),
        ] {
            let answer = hub.get(&path).await;
            assert_eq!(answer.status.as_u16(), 451, "{path}: {}", answer.text());
            assert!(answer.text().contains("Not free."), "{path}");
        }
        let page = hub.get("/coprs/alice/libs/").await;
        assert!(page.status.is_success() && page.text().contains("Not free."), "{}", page.text());
        let upload = hub
            .upload(&alice, "libs", &crate::support::SOURCE.file(), &crate::support::SOURCE.bytes(), json!({}))
            .await;
        upload.error(451);
        post(&hub, &alice, "project/fork/alice/libs", json!({ "name": "copy" })).await.error(451);
        let delete = hub.call(&alice, "DELETE", "/api_3/project/delete/alice/libs", &json!({ "verify": true })).await;
        assert!(delete.error(409).contains("taken"));
        // Not even a row that says that it is to go lets a file go.
        hub.beside("INSERT INTO removals (owner, dirname, chroot, folder, until_build, unpublished, due_ms) VALUES ('alice', 'libs', '', '', 99, 1, 1)").await;
        hub.state.publishing.clean(coprd::clock::now_ms()).await.unwrap();
        assert!(kept.iter().all(|path| hub_has(&hub, path)), "every file is there");
        post(&hub, &admin, &format!("takedown/restore/{}", down["id"]), json!({ "note": "Free after all." }))
            .await
            .ok();
        hub.beside("DELETE FROM removals").await;
        assert_eq!(hub.get(&format!("/results/{}", package(id))).await.status.as_u16(), 200);
    }
}

/// Whether something is still kept; what only lies in a bucket is looked up by the caller's list.
fn hub_has(hub: &Hub, path: &str) -> bool {
    hub.place.bucket.is_some() || hub.folder.path().join("store").join(path).exists()
}

#[tokio::test]
async fn reports_need_a_name_and_a_reason_and_there_are_not_too_many() {
    for hub in Hub::on_every_engine().await {
        let (alice, bob, admin) = (hub.user("alice").await, hub.user("bob").await, hub.user("admin").await);
        hub.create(&alice, "libs").await;
        let about = |reason: &str| json!({ "ownername": "alice", "projectname": "libs", "reason": reason });
        assert!(post(&hub, &bob, "report/add", about(" ")).await.error(400).contains("reason"));
        assert!(post(&hub, &bob, "report/add", about(&"x".repeat(2001))).await.error(400).contains("2000"));
        post(&hub, &bob, "report/add", json!({ "build_id": 999, "reason": "x" })).await.error(404);
        let nobody = hub.calls(None, "POST", "/api_3/report/add", &about("bad")).answer().await;
        nobody.error(401);
        let number = post(&hub, &bob, "report/add", about("bad")).await.ok()["id"].as_i64().unwrap();
        post(&hub, &bob, &format!("report/dismiss/{number}"), json!({ "note": "x" })).await.error(403);
        let done = post(&hub, &admin, &format!("report/dismiss/{number}"), json!({ "note": "It is fine." })).await.ok();
        assert_eq!((&done["state"], &done["decided_by"]), (&json!("dismissed"), &json!("admin")));
        post(&hub, &admin, &format!("report/takedown/{number}"), json!({ "note": "x" })).await.error(409);
        for _ in 0..50 {
            post(&hub, &bob, "report/add", about("again")).await.ok();
        }
        assert!(post(&hub, &bob, "report/add", about("again")).await.error(409).contains("50 reports"));
    }
    for hub in Hub::on_every_engine_with("[reports]\nanonymous = true\n").await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        let about = json!({ "ownername": "alice", "projectname": "libs", "reason": "bad" });
        for _ in 0..20 {
            hub.calls(None, "POST", "/api_3/report/add", &about).answer().await.ok();
        }
        assert!(hub.calls(None, "POST", "/api_3/report/add", &about).answer().await.error(409).contains("sign in"));
    }
}

#[tokio::test]
async fn a_server_that_dies_while_it_takes_something_down_has_either_done_nothing_or_all_of_it() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        let id = published(&hub, &alice).await;
        let waiting = hub.submit(&alice, "libs").await;
        let kept = hub.kept().await;
        // As far as the transaction, and not a line further.
        let about = coprd::db::takedown::About {
            owner: "alice".parse().unwrap(),
            project: "libs".parse().unwrap(),
            build_id: None,
        };
        let said = coprd::db::takedown::Said { reason: "Not free.", by: "admin", report: None };
        coprd::db::takedown::take_down(&hub.state.db, &about, said, coprd::clock::now_ms()).await.unwrap().unwrap();
        let hub = hub.restart().await;
        assert_eq!(hub.get(&format!("/results/{}", package(id))).await.status.as_u16(), 451);
        assert_eq!(hub.state_of(waiting).await, "canceled");
        assert!(hub.lease_as("builder").await.is_none());
        hub.publish().await;
        hub.state.publishing.clean(coprd::clock::now_ms() + 400_000_000).await.unwrap();
        assert!(hub.state.publishing.orphans(i64::MAX, true).await.unwrap().is_empty(), "evidence belongs to somebody");
        let now = hub.kept().await;
        assert!(kept.iter().filter(|path| path.ends_with(".rpm")).all(|path| now.contains(path)), "nothing is lost");
    }
}

#[tokio::test]
async fn abuse_is_reported_on_a_page_and_an_administrator_decides_on_another() {
    for hub in Hub::on_every_engine().await {
        let alice = person(&hub, "alice").await;
        person(&hub, "bob").await;
        person(&hub, "admin").await;
        let id = published(&hub, &alice).await;
        assert!(hub.get("/report/?project=alice/libs").await.header("location").starts_with("/login/"));
        let (bob, admin) = (Browser::signed_in(&hub, "bob").await, Browser::signed_in(&hub, "admin").await);
        assert!(bob.get("/coprs/alice/libs/").await.text().contains("/report/?project=alice/libs"));
        assert!(bob.get("/report/?project=alice/libs").await.text().contains("Report alice/libs"));
        let wrong = bob.form("/report/", &[("project", "alice/libs"), ("reason", "")]).await;
        assert_eq!(wrong.status.as_u16(), 400);
        assert!(wrong.text().contains("id=\"reason-wrong\""), "{}", wrong.text());
        let build = id.to_string();
        let sent = bob.form("/report/", &[("build", &build), ("reason", "<i>bad</i>")]).await;
        assert_eq!(sent.header("location"), "/report/?done=1");
        assert_eq!(bob.get("/admin/reports/").await.status.as_u16(), 403);
        let page = admin.get("/admin/reports/").await.text();
        assert!(page.contains("&#60;i&#62;bad") && page.contains(&format!("alice/libs build {id}")), "{page}");
        let report = admin.get("/admin/reports/.json").await.ok()["reports"][0]["id"].to_string();
        let wrong = admin.form("/admin/reports/", &[("report", &report), ("to", "takedown"), ("note", "")]).await;
        assert!(wrong.text().contains(&format!("id=\"note-{report}-wrong\"")), "{}", wrong.text());
        let done = admin.form("/admin/reports/", &[("report", &report), ("to", "takedown"), ("note", "It is.")]).await;
        assert_eq!(done.header("location"), "/admin/reports/?done=1");
        assert_eq!(hub.get(&format!("/results/{}", package(id))).await.status.as_u16(), 451);
        let down = admin.get("/admin/reports/.json").await.ok()["takedowns"][0]["id"].to_string();
        let done = admin.form("/admin/reports/restore/", &[("takedown", &down), ("note", "It is not.")]).await;
        assert_eq!(done.header("location"), "/admin/reports/?done=1");
        assert_eq!(hub.get(&format!("/results/{}", package(id))).await.status.as_u16(), 200);
        assert_eq!(admin.get("/admin/reports/.json").await.ok()["steps"].as_array().unwrap().len(), 2);
    }
}
