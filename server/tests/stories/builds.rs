//! Builds: which there are, and what becomes of those that are stopped or taken away.

use copr_api::builder::Outcome;
use serde_json::{Value, json};

use crate::{
    packages::Rpm,
    support::{BINARY, CHROOT, Hub, SOURCE, User},
};

/// A build of [`SOURCE`] whose packages can be downloaded.
async fn built(hub: &Hub, user: &User, project: &str) -> i64 {
    let id = hub.submit(user, project).await;
    let lease = hub.lease().await;
    hub.hand_in(&lease.id, &[BINARY]).await.ok();
    hub.publish().await;
    assert_eq!(hub.state_of(id).await, "succeeded");
    id
}

/// A build that ends by the package's own fault.
async fn failed(hub: &Hub, user: &User, project: &str) -> i64 {
    let id = hub.submit(user, project).await;
    let lease = hub.lease().await;
    hub.finish(&lease.id, Outcome::UserFault { message: "no".to_owned() }, Vec::new()).await.ok();
    id
}

fn numbers(page: &Value) -> Vec<i64> {
    page["items"].as_array().unwrap().iter().map(|build| build["id"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn builds_are_listed_newest_first_by_state_and_package_and_cut_after_the_choice() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        let bad = failed(&hub, &alice, "libs").await;
        let good = built(&hub, &alice, "libs").await;
        let worse = failed(&hub, &alice, "libs").await;
        let waiting = hub.submit(&alice, "libs").await;
        let stopped = hub.submit(&alice, "libs").await;
        hub.call(&alice, "PUT", &format!("/api_3/build/cancel/{stopped}"), &Value::Null).await.ok();
        let list = async |more: &str| {
            numbers(&hub.get(&format!("/api_3/build/list?ownername=alice&projectname=libs{more}")).await.ok())
        };
        assert_eq!(list("").await, [stopped, waiting, worse, good, bad]);
        assert_eq!(list("&order=id&order_type=ASC&limit=2&offset=1").await, [waiting, worse]);
        assert_eq!(list("&status=failed").await, [worse, bad]);
        assert_eq!(list("&status=failed&limit=1&offset=1").await, [bad]);
        assert_eq!(list("&status=succeeded&packagename=hello").await, [good]);
        assert_eq!(list("&status=canceled").await, [stopped]);
        assert_eq!(list("&status=pending").await, [waiting]);
        assert_eq!(list("&packagename=other").await, Vec::<i64>::new());
        let wrong = hub.get("/api_3/build/list?ownername=alice&projectname=libs&status=great").await.error(400);
        assert!(wrong.starts_with("status: 'great'"), "{wrong}");
    }
}

#[tokio::test]
async fn a_deleted_build_is_gone_from_the_api_and_from_the_repository() {
    for hub in Hub::on_every_engine().await {
        let (alice, bob) = (hub.user("alice").await, hub.user("bob").await);
        hub.create(&alice, "libs").await;
        let id = built(&hub, &alice, "libs").await;
        let repository = format!("alice/libs/{CHROOT}");
        assert_eq!(hub.repository(&repository).await.len(), 1);
        let path = format!("/api_3/build/delete/{id}");
        assert!(hub.call(&bob, "DELETE", &path, &Value::Null).await.error(403).contains("permission"));
        let before = hub.build(id).await;
        assert_eq!(hub.call(&alice, "DELETE", &path, &Value::Null).await.ok(), before);
        assert_eq!(hub.get(&format!("/api_3/build/{id}")).await.error(404), format!("Build {id} does not exist."));
        hub.publish().await;
        assert_eq!(hub.repository(&repository).await, Vec::<String>::new());
        hub.call(&alice, "DELETE", &path, &Value::Null).await.error(404);
    }
}

#[tokio::test]
async fn a_build_that_has_not_ended_is_not_deleted() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        let id = hub.submit(&alice, "libs").await;
        let lease = hub.lease().await;
        let delete = async || hub.call(&alice, "DELETE", &format!("/api_3/build/delete/{id}"), &Value::Null).await;
        assert_eq!(delete().await.error(409), format!("You can not delete build `{id}` which is not finished."));
        hub.hand_in(&lease.id, &[BINARY]).await.ok();
        // Built, but its packages are on their way into the repository.
        delete().await.error(409);
        hub.publish().await;
        delete().await.ok();
    }
}

#[tokio::test]
async fn several_builds_are_deleted_together_or_not_at_all() {
    for hub in Hub::on_every_engine().await {
        let (alice, bob) = (hub.user("alice").await, hub.user("bob").await);
        hub.create(&alice, "libs").await;
        hub.create(&bob, "app").await;
        let (one, two) = (failed(&hub, &alice, "libs").await, failed(&hub, &alice, "libs").await);
        let strange = failed(&hub, &bob, "app").await;
        let waiting = hub.submit(&alice, "libs").await;
        let delete =
            async |ids: &[i64]| hub.call(&alice, "DELETE", "/api_3/build/delete/list", &json!({ "builds": ids })).await;
        let refused = delete(&[one, 9999, waiting, strange]).await.error(400);
        let expected = format!(
            "Build(s) 9999 don't exist.\nBuild(s) {waiting} are still running.\n\
             You don't have permissions to delete build(s) {strange}."
        );
        assert_eq!(refused, expected);
        assert_eq!(hub.state_of(one).await, "failed");
        delete(&[]).await.error(400);
        assert_eq!(delete(&[one, two]).await.ok(), json!({ "builds": [one, two] }));
        let left = hub.get("/api_3/build/list?ownername=alice&projectname=libs").await.ok();
        assert_eq!(numbers(&left), [waiting]);
    }
}

#[tokio::test]
async fn what_a_build_made_is_told_for_one_chroot_and_for_all() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        let id = built(&hub, &alice, "libs").await;
        let all = hub.get(&format!("/api_3/build/built-packages/{id}")).await.ok();
        let one = hub.get(&format!("/api_3/build-chroot/built-packages?build_id={id}&chrootname={CHROOT}")).await.ok();
        assert_eq!(all[CHROOT], one);
        assert_eq!(one["packages"][0]["name"], "hello");
        let other = format!("/api_3/build-chroot/built-packages?build_id={id}&chrootname=fedora-43-x86_64");
        hub.get(&other).await.error(404);
    }
}

#[tokio::test]
async fn what_would_be_refused_is_refused_before_anything_is_uploaded() {
    for hub in Hub::on_every_engine().await {
        let (alice, bob) = (hub.user("alice").await, hub.user("bob").await);
        hub.create(&alice, "libs").await;
        let check = async |user: &User, more: Value| {
            let mut body = json!({ "ownername": "alice", "projectname": "libs", "chroots": null, "timeout": "60" });
            for (key, value) in more.as_object().unwrap() {
                body[key] = value.clone();
            }
            hub.call(user, "POST", "/api_3/build/check-before-build", &body).await
        };
        assert!(check(&alice, json!({})).await.ok()["message"].is_string());
        check(&bob, json!({})).await.error(403);
        check(&alice, json!({ "projectname": "nothing" })).await.error(404);
        assert_eq!(
            check(&alice, json!({ "project_dirname": "libs:example" })).await.error(400),
            "Please use directory format libs:custom:<SUFFIX_OF_CHOICE> or libs:pr:<ID>"
        );
        assert_eq!(check(&alice, json!({ "after_build_id": "9999" })).await.error(400), "Build 9999 does not exist.");
        check(&alice, json!({ "after_build_id": 1, "with_build_id": 2 })).await.error(400);
    }
}

#[tokio::test]
async fn ways_to_a_source_that_there_are_not_are_told_what_there_is() {
    let hub = Hub::on_every_engine().await.remove(0);
    let alice = hub.user("alice").await;
    for way in ["pypi", "rubygems", "custom", "distgit"] {
        let path = format!("/api_3/build/create/{way}");
        let said = hub.call(&alice, "POST", &path, &json!({})).await.error(400);
        assert!(said.contains("not supported here") && said.contains("scm"), "{said}");
    }
}

#[tokio::test]
async fn the_monitor_shows_the_newest_build_of_each_package_in_each_chroot() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        failed(&hub, &alice, "libs").await;
        let good = built(&hub, &alice, "libs").await;
        let other = Rpm { name: "bye", ..SOURCE };
        let other = hub.upload(&alice, "libs", &other.file(), &other.bytes(), json!({})).await.ok()["id"].clone();
        let monitor = "/api_3/monitor?ownername=alice&projectname=libs";
        let plain = hub.get(monitor).await.ok();
        assert_eq!(plain["output"], "ok");
        let packages = plain["packages"].as_array().unwrap();
        assert_eq!((&packages[0]["name"], &packages[1]["name"]), (&json!("bye"), &json!("hello")));
        let expected = json!({ "state": "pending", "status": 4, "build_id": other, "pkg_version": "1.0-1" });
        assert_eq!(packages[0]["chroots"][CHROOT], expected);
        let expected = json!({ "state": "succeeded", "status": 1, "build_id": good, "pkg_version": "1.0-1" });
        assert_eq!(packages[1]["chroots"][CHROOT], expected);
        let more = "&additional_fields%5B%5D=url_build_log&additional_fields%5B%5D=url_backend_log";
        let with = hub.get(&format!("{monitor}{more}")).await.ok();
        let hello = &with["packages"][1]["chroots"][CHROOT];
        assert!(hello["url_build_log"].as_str().unwrap().ends_with("-hello/builder-live.log"), "{hello}");
        assert!(hello["url_backend_log"].is_string());
        hub.get(&format!("{monitor}&additional_fields%5B%5D=moon")).await.error(400);
        assert_eq!(hub.get(&format!("{monitor}&project_dirname=libs:custom:x")).await.ok()["packages"], json!([]));
    }
}
