//! Licences of packages: what is on a list, what is on none, and people who decide.

use copr_api::builder::Outcome;
use serde_json::{Value, json};

use crate::{
    packages::Rpm,
    signing_in::{Browser, person},
    support::{Answer, BINARY, Hub, SOURCE, User},
};

const REVIEW: &str = "[licences]\nunknown = \"review\"\n";

/// Uploads [`SOURCE`] under a licence.
async fn upload(hub: &Hub, user: &User, licence: &str, more: Value) -> Answer {
    hub.upload(user, "libs", &SOURCE.file(), &SOURCE.bytes_under(licence, &[]), more).await
}

/// The same; the build's number.
async fn submit(hub: &Hub, user: &User, licence: &str) -> i64 {
    upload(hub, user, licence, json!({})).await.ok()["id"].as_i64().unwrap()
}

async fn licence_of(hub: &Hub, id: i64) -> Value {
    hub.build(id).await["licence"].clone()
}

async fn decide(hub: &Hub, user: &User, how: &str, id: i64, body: Value) -> Answer {
    hub.call(user, "POST", &format!("/api_3/licence/{how}/{id}"), &body).await
}

/// A user who may decide.
async fn reviewer(hub: &Hub) -> User {
    let rita = hub.user("rita").await;
    hub.beside("UPDATE users SET reviewer = 1 WHERE name = 'rita'").await;
    rita
}

#[tokio::test]
async fn what_is_allowed_goes_on_and_what_is_unknown_goes_on_with_a_mark() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        let id = submit(&hub, &alice, "GPLv2+ and (MIT or Artistic)").await;
        let found = json!({ "text": "GPLv2+ and (MIT or Artistic)", "state": "allowed", "reason": null });
        assert_eq!((hub.state_of(id).await.as_str(), licence_of(&hub, id).await), ("pending", found));
        let id = submit(&hub, &alice, "MIT AND Strange-1.0").await;
        let found = licence_of(&hub, id).await;
        assert_eq!((&found["state"], hub.state_of(id).await.as_str()), (&json!("unknown"), "pending"));
        assert_eq!(found["reason"], "Strange-1.0 is on no list of licences");
        let page = hub.get(&format!("/coprs/build/{id}")).await.text();
        assert!(page.contains("Strange-1.0 is on no list of licences"), "{page}");
        // A fork says the same of its builds.
        let lease = hub.lease().await;
        hub.hand_in(&lease.id, &[BINARY]).await.ok();
        let lease = hub.lease().await;
        hub.hand_in(&lease.id, &[BINARY]).await.ok();
        hub.publish().await;
        let fork = json!({ "name": "copy" });
        hub.call(&alice, "POST", "/api_3/project/fork/alice/libs", &fork).await.ok();
        let builds = hub.get("/api_3/build/list?ownername=alice&projectname=copy").await.ok();
        assert_eq!(builds["items"][0]["licence"]["state"], "unknown");
    }
}

#[tokio::test]
async fn what_is_forbidden_is_refused_before_there_is_a_build() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        let (rows, kept) = (hub.rows().await, hub.kept().await);
        let error = upload(&hub, &alice, "MIT AND SSPL-1.0", json!({})).await.error(400);
        assert!(error.contains("hello") && error.contains("SSPL-1.0 is not allowed"), "{error}");
        assert!(error.contains("https://docs.fedoraproject.org/"), "{error}");
        assert_eq!((hub.rows().await, hub.kept().await), (rows, kept), "nothing of it is kept");

        // What a machine makes is looked at when it is made: no chroot is built.
        let url =
            json!({ "ownername": "alice", "projectname": "libs", "pkgs": ["https://example.org/hello-1.0-1.src.rpm"] });
        let id =
            hub.call(&alice, "POST", "/api_3/build/create/url", &url).await.ok()["items"][0]["id"].as_i64().unwrap();
        let lease = hub.lease().await;
        let bytes = SOURCE.bytes_under("JSON", &[]);
        hub.put(&lease.id, &SOURCE.file(), &bytes).await.ok();
        hub.finish(&lease.id, Outcome::Succeeded, vec![SOURCE.claim_of(&bytes)]).await.ok();
        assert_eq!(hub.state_of(id).await, "failed");
        assert!(hub.lease_as("another").await.is_none());
        let page = hub.get(&format!("/coprs/build/{id}")).await.text();
        assert!(page.contains("JSON is not allowed"), "{page}");
    }
}

#[tokio::test]
async fn a_licence_that_nobody_knows_waits_until_somebody_has_decided_and_that_is_remembered() {
    for hub in Hub::on_every_engine_with(REVIEW).await {
        let (alice, rita) = (hub.user("alice").await, reviewer(&hub).await);
        hub.create(&alice, "libs").await;
        let known = submit(&hub, &alice, "MIT").await;
        let (first, second) = (submit(&hub, &alice, "Strange-1.0").await, submit(&hub, &alice, "Strange-1.0").await);
        let other = submit(&hub, &alice, "Odd-2.0").await;
        for id in [first, second, other] {
            assert_eq!(
                (hub.state_of(id).await.as_str(), &licence_of(&hub, id).await["state"]),
                ("waiting", &json!("review"))
            );
        }
        let page = hub.get(&format!("/coprs/build/{first}")).await.text();
        assert!(page.contains("It waits for a decision about its licence."), "{page}");
        assert_eq!(hub.lease().await.build_id, known);
        assert!(hub.lease_as("another").await.is_none(), "no machine gets what waits");
        // Neither does what lets batches go on.
        coprd::db::batch::sweep(&hub.state.db).await.unwrap();
        assert_eq!(hub.state_of(first).await, "waiting");

        let queue = hub.call(&rita, "GET", "/api_3/licence/queue", &Value::Null).await.ok();
        let numbers: Vec<_> =
            queue["items"].as_array().unwrap().iter().map(|item| item["build_id"].as_i64().unwrap()).collect();
        assert_eq!(numbers, [first, second, other]);
        assert_eq!(queue["items"][0]["reason"], "Strange-1.0 is on no list of licences");
        for how in ["approve", "refuse"] {
            assert!(decide(&hub, &alice, how, first, json!({ "reason": "x" })).await.error(403).contains("reviewers"));
        }
        assert!(decide(&hub, &rita, "refuse", other, json!({})).await.error(400).contains("reason"));
        let done = decide(&hub, &rita, "approve", first, json!({ "reason": "It is the MIT licence" })).await.ok();
        assert_eq!(done["builds"], json!([first, second]));
        for id in [first, second] {
            assert_eq!(hub.state_of(id).await, "pending");
            assert_eq!(licence_of(&hub, id).await["reason"], "rita approved it: It is the MIT licence");
        }
        decide(&hub, &rita, "refuse", other, json!({ "reason": "No source may be read" })).await.ok();
        assert_eq!(hub.state_of(other).await, "failed");
        let page = hub.get(&format!("/coprs/build/{other}")).await.text();
        assert!(page.contains("The licence was refused by rita: No source may be read"), "{page}");
        assert!(decide(&hub, &rita, "approve", other, json!({})).await.error(409).contains("does not wait"));

        // Later builds keep to it, in this project.
        let again = submit(&hub, &alice, "Strange-1.0").await;
        assert_eq!(
            (hub.state_of(again).await.as_str(), &licence_of(&hub, again).await["state"]),
            ("pending", &json!("approved"))
        );
        let error = upload(&hub, &alice, "Odd-2.0", json!({})).await.error(400);
        assert!(error.contains("rita refused it: No source may be read"), "{error}");
        let renamed = Rpm { name: "other", ..SOURCE };
        let bytes = renamed.bytes_under("Strange-1.0", &[]);
        let id = hub.upload(&alice, "libs", &renamed.file(), &bytes, json!({})).await.ok()["id"].as_i64().unwrap();
        assert_eq!(hub.state_of(id).await, "waiting", "another package is another decision");
        decide(&hub, &rita, "approve", id, json!({ "everywhere": true })).await.ok();
        hub.call(
            &alice,
            "POST",
            "/api_3/project/add/alice",
            &json!({ "name": "more", "chroots": [crate::support::CHROOT] }),
        )
        .await
        .ok();
        let bytes = SOURCE.bytes_under("Strange-1.0", &[]);
        let id = hub.upload(&alice, "more", &SOURCE.file(), &bytes, json!({})).await.ok()["id"].as_i64().unwrap();
        assert_eq!(hub.state_of(id).await, "pending", "everywhere is everywhere");

        // A decision can be taken back.
        let kept = hub.call(&rita, "GET", "/api_3/licence/list", &Value::Null).await.ok();
        let odd = kept["items"].as_array().unwrap().iter().find(|kept| kept["licence"] == "Odd-2.0").unwrap().clone();
        assert_eq!(
            (&odd["approved"], &odd["by"], &odd["project"]),
            (&json!(false), &json!("rita"), &json!("alice/libs"))
        );
        hub.call(&rita, "DELETE", &format!("/api_3/licence/forget/{}", odd["id"]), &Value::Null).await.ok();
        assert_eq!(hub.state_of(submit(&hub, &alice, "Odd-2.0").await).await, "waiting");
        let admin = hub.user("admin").await;
        let audit = hub.call(&admin, "GET", "/api_3/audit/list", &Value::Null).await.ok();
        let actions: Vec<_> =
            audit["items"].as_array().unwrap().iter().map(|step| step["action"].as_str().unwrap()).collect();
        assert_eq!(actions, ["licence-forgotten", "licence-approved", "licence-refused", "licence-approved"]);
    }
}

#[tokio::test]
async fn a_batch_waits_for_a_review_and_who_is_approved_waits_for_his_batch() {
    for hub in Hub::on_every_engine_with(REVIEW).await {
        let (alice, rita) = (hub.user("alice").await, reviewer(&hub).await);
        hub.create(&alice, "libs").await;
        let first = submit(&hub, &alice, "Strange-1.0").await;
        let after =
            upload(&hub, &alice, "Odd-2.0", json!({ "after_build_id": first })).await.ok()["id"].as_i64().unwrap();
        decide(&hub, &rita, "approve", after, json!({})).await.ok();
        assert_eq!(hub.state_of(after).await, "waiting", "its batch has not come");
        decide(&hub, &rita, "refuse", first, json!({ "reason": "no" })).await.ok();
        assert_eq!(hub.state_of(after).await, "pending", "the one before has ended");
        // One that is cancelled waits for nobody any more.
        let id = submit(&hub, &alice, "Rare-3.0").await;
        hub.call(&alice, "PUT", &format!("/api_3/build/cancel/{id}"), &Value::Null).await.ok();
        let queue = hub.call(&rita, "GET", "/api_3/licence/queue", &Value::Null).await.ok();
        assert_eq!(queue["items"], json!([]));
    }
}

#[tokio::test]
async fn a_source_that_a_machine_made_waits_as_well() {
    for hub in Hub::on_every_engine_with(REVIEW).await {
        let (alice, rita) = (hub.user("alice").await, reviewer(&hub).await);
        hub.create(&alice, "libs").await;
        let url =
            json!({ "ownername": "alice", "projectname": "libs", "pkgs": ["https://example.org/hello-1.0-1.src.rpm"] });
        let id =
            hub.call(&alice, "POST", "/api_3/build/create/url", &url).await.ok()["items"][0]["id"].as_i64().unwrap();
        let lease = hub.lease().await;
        let bytes = SOURCE.bytes_under("Strange-1.0", &[]);
        hub.put(&lease.id, &SOURCE.file(), &bytes).await.ok();
        hub.finish(&lease.id, Outcome::Succeeded, vec![SOURCE.claim_of(&bytes)]).await.ok();
        assert_eq!(
            (hub.state_of(id).await.as_str(), &licence_of(&hub, id).await["state"]),
            ("waiting", &json!("review"))
        );
        assert!(hub.lease_as("another").await.is_none());
        decide(&hub, &rita, "approve", id, json!({})).await.ok();
        assert_eq!(hub.lease().await.build_id, id);
    }
}

#[tokio::test]
async fn a_tag_of_any_length_is_no_trouble_and_off_is_off() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        for licence in
            [format!("{}MIT", "(".repeat(60_000)), "MIT AND ".repeat(40_000), "ünïcode ☃".to_owned(), String::new()]
        {
            let id = submit(&hub, &alice, &licence).await;
            let found = licence_of(&hub, id).await;
            assert_eq!(found["state"], "unknown", "{found}");
            assert!(found["text"].as_str().unwrap().chars().count() <= 4001);
        }
    }
    for hub in Hub::on_every_engine_with("[licences]\nunknown = \"off\"\n").await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        let id = submit(&hub, &alice, "JSON").await;
        assert_eq!(licence_of(&hub, id).await, Value::Null);
    }
}

#[tokio::test]
async fn a_reviewer_decides_on_a_page_and_what_is_wrong_stands_beside_the_field() {
    for hub in Hub::on_every_engine_with(REVIEW).await {
        let alice = person(&hub, "alice").await;
        person(&hub, "rita").await;
        hub.beside("UPDATE users SET reviewer = 1 WHERE name = 'rita'").await;
        hub.create(&alice, "libs").await;
        let id = submit(&hub, &alice, "<b>Strange</b>").await;
        let (rita, packager) = (Browser::signed_in(&hub, "rita").await, Browser::signed_in(&hub, "alice").await);
        assert_eq!(packager.get("/licences/").await.status.as_u16(), 403);
        let page = rita.get("/licences/").await.text();
        assert!(page.contains("&#60;b&#62;Strange") && !page.contains("<b>Strange"), "{page}");
        assert!(rita.get("/").await.text().contains("Licence review"));
        let number = id.to_string();
        let wrong = rita.form("/licences/decide/", &[("build", &number), ("to", "refuse"), ("reason", " ")]).await;
        assert_eq!(wrong.status.as_u16(), 400);
        assert!(wrong.text().contains(&format!("id=\"reason-{id}-wrong\"")), "{}", wrong.text());
        assert_eq!(rita.get("/licences/.json").await.ok()["builds"][0]["build"], id);
        let done = rita.form("/licences/decide/", &[("build", &number), ("to", "approve"), ("reason", "fine")]).await;
        assert_eq!(done.header("location"), "/licences/?done=1");
        assert_eq!(hub.state_of(id).await, "pending");
        let late = rita.form("/licences/decide/", &[("build", &number), ("to", "approve")]).await;
        assert_eq!(late.status.as_u16(), 409);
        let kept = rita.get("/licences/.json").await.ok();
        assert_eq!((&kept["decisions"][0]["approved"], &kept["builds"]), (&json!(true), &json!([])));
        let forgotten = rita.form("/licences/forget/", &[("id", &kept["decisions"][0]["id"].to_string())]).await;
        assert_eq!(forgotten.header("location"), "/licences/?done=1");
        assert_eq!(rita.form("/licences/forget/", &[("id", "999")]).await.status.as_u16(), 404);
    }
}
