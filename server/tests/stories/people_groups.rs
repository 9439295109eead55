//! Groups: who is in one, who says so, and whose their projects are.

use std::sync::Arc;

use coprd::{clock, config::people::GroupMakers, db, http};
use serde_json::{Value, json};

use crate::support::{CHROOT, Hub, User, at_once};

async fn members(hub: &Hub, by: &User, group: &str, changes: Value) -> crate::support::Answer {
    hub.call(by, "PUT", &format!("/api_3/group/members/{group}"), &changes).await
}

async fn show(hub: &Hub, by: &User, group: &str) -> Value {
    hub.call(by, "GET", &format!("/api_3/group?groupname={group}"), &Value::Null).await.ok()
}

/// Names of a group's members, its administrators with a star.
async fn who(hub: &Hub, by: &User, group: &str) -> Vec<String> {
    let group = show(hub, by, group).await;
    let members = group["members"].as_object().unwrap().clone();
    members.iter().map(|(name, of)| format!("{name}{}", if of["admin"] == true { "*" } else { "" })).collect()
}

/// The server lets every user add groups.
fn for_users(hub: &mut Hub) {
    let mut config = (*hub.state.config).clone();
    config.people.groups = GroupMakers::Users;
    hub.state.config = Arc::new(config);
    hub.router = http::router(hub.state.clone());
}

#[tokio::test]
async fn a_group_is_added_gets_members_owns_a_project_and_is_deleted_when_it_owns_none() {
    for hub in Hub::on_every_engine().await {
        let (admin, greta, gina) = (hub.user("admin").await, hub.user("greta").await, hub.user("gina").await);
        let added = hub.call(&admin, "POST", "/api_3/group/add/sig", &json!({})).await.ok();
        assert_eq!((&added["name"], &added["claim"]), (&json!("@sig"), &Value::Null));
        assert_eq!(who(&hub, &greta, "@sig").await, ["admin*"]);
        let changes = json!({ "greta": { "admin": true }, "admin": { "member": false } });
        members(&hub, &admin, "sig", changes).await.ok();
        members(&hub, &greta, "@sig", json!({ "gina": { "member": true } })).await.ok();
        assert_eq!(who(&hub, &gina, "sig").await, ["gina", "greta*"]);
        let error = members(&hub, &gina, "sig", json!({ "gina": { "admin": true } })).await.error(403);
        assert!(error.contains("gina may not say who is a member of @sig"), "{error}");

        // A member owns its projects as all others do.
        let add = json!({ "name": "tools", "chroots": [CHROOT] });
        hub.call(&gina, "POST", "/api_3/project/add/@sig", &add).await.ok();
        hub.submit(&greta, "@sig/tools").await;
        let listed = hub.get("/api_3/group/list").await.ok();
        assert_eq!(listed["items"], json!([{ "name": "@sig", "members": 2, "projects": 1 }]));
        members(&hub, &greta, "sig", json!({ "gina": { "member": false } })).await.ok();
        let edit = json!({ "description": "changed" });
        hub.call(&gina, "PUT", "/api_3/project/edit/@sig/tools", &edit).await.error(403);
        hub.call(&gina, "POST", "/api_3/project/add/@sig", &add).await.error(403);

        let error = hub.call(&greta, "DELETE", "/api_3/group/delete/sig", &Value::Null).await.error(409);
        assert!(error.contains("@sig owns projects"), "{error}");
        let list = hub.get("/api_3/build/list?ownername=@sig&projectname=tools").await.ok();
        let build = list["items"][0]["id"].as_i64().unwrap();
        hub.call(&greta, "PUT", &format!("/api_3/build/cancel/{build}"), &Value::Null).await.ok();
        hub.call(&greta, "DELETE", "/api_3/project/delete/@sig/tools", &json!({ "verify": true })).await.ok();
        hub.call(&greta, "DELETE", "/api_3/group/delete/sig", &Value::Null).await.ok();
        hub.call(&greta, "DELETE", "/api_3/group/delete/sig", &Value::Null).await.error(404);
        hub.call(&greta, "POST", "/api_3/project/add/@sig", &add).await.error(403);
        assert_eq!(hub.get("/api_3/group/list").await.ok()["items"], json!([]));
    }
}

#[tokio::test]
async fn what_a_group_cannot_be_is_told_and_nothing_changes() {
    for hub in Hub::on_every_engine().await {
        let (admin, greta, gina) = (hub.user("admin").await, hub.user("greta").await, hub.user("gina").await);
        let error = hub.call(&greta, "POST", "/api_3/group/add/sig", &json!({})).await.error(403);
        assert!(error.contains("administrators of the site may"), "{error}");
        // Cyrillic, a mark that joins what stands before it, full width, nothing, too long, another's marks.
        let long = "x".repeat(101);
        for name in ["s%D1%96g", "sig%CC%81", "%EF%BD%93ig", "@", "@@sig", "a%20b", "..", "-x", "a:b", "a%2Fb", &long] {
            let answer = hub.call(&admin, "POST", &format!("/api_3/group/add/{name}"), &json!({})).await;
            assert!([400, 404].contains(&answer.status.as_u16()), "{name}: {}", answer.text());
        }
        assert_eq!(hub.get("/api_3/group/list").await.ok()["items"], json!([]));
        hub.call(&admin, "POST", "/api_3/group/add/@sig", &json!({})).await.ok();
        let error = hub.call(&admin, "POST", "/api_3/group/add/sig", &json!({})).await.error(409);
        assert_eq!(error, "name: There is a group @sig already.");
        members(&hub, &admin, "sig", json!({ "greta": { "admin": true }, "admin": { "member": false } })).await.ok();

        for (changes, status, text) in [
            (json!({}), 400, "1 to 200 users"),
            (json!({ "nobody": { "member": true } }), 404, "User nobody does not exist."),
            (json!({ "gr\u{435}ta": { "member": true } }), 404, "does not exist"),
            (json!({ "gina": { "member": false, "admin": true } }), 400, "is a member of it"),
            (json!({ "gina": { "member": true }, "nobody": { "member": true } }), 404, "nobody"),
            (json!({ "gina": { "member": true }, "greta": { "admin": false } }), 400, "Nobody would be left"),
            (json!({ "greta": { "member": false } }), 400, "Nobody would be left"),
            (json!({ "gina": { "member": "perhaps" } }), 400, "gina: "),
            (json!({ "gina": 7 }), 400, "gina: "),
        ] {
            let error = members(&hub, &greta, "sig", changes.clone()).await.error(status);
            assert!(error.contains(text), "{changes}: {error}");
            assert_eq!(who(&hub, &gina, "sig").await, ["greta*"], "{changes}");
        }
        members(&hub, &greta, "gone", json!({ "gina": { "member": true } })).await.error(404);
        let error = hub.call(&gina, "GET", "/api_3/group?groupname=s%D1%96g", &Value::Null).await.error(404);
        assert!(error.starts_with("There is no such group"), "{error}");
        hub.call(&gina, "GET", "/api_3/group", &Value::Null).await.error(400);
        hub.get("/api_3/group?groupname=sig").await.error(401);
        // Who adds it first may leave it; then administrators of the site look after it.
        members(&hub, &admin, "sig", json!({ "greta": { "member": false } })).await.ok();
        assert_eq!(who(&hub, &gina, "sig").await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn nobody_owns_projects_for_a_group_that_is_not_there() {
    for hub in Hub::on_every_engine().await {
        let (admin, alice) = (hub.user("admin").await, hub.user("alice").await);
        let add = json!({ "name": "tools", "chroots": [CHROOT] });
        let error = hub.call(&admin, "POST", "/api_3/project/add/@nobody", &add).await.error(404);
        assert_eq!(error, "There is no such group: @nobody");
        hub.call(&alice, "POST", "/api_3/project/add/@nobody", &add).await.error(403);
        hub.create(&alice, "tools").await;
        let fork = json!({ "name": "tools", "ownername": "@nobody", "confirm": false });
        let error = hub.call(&admin, "POST", "/api_3/project/fork/alice/tools", &fork).await.error(404);
        assert_eq!(error, "There is no such group: @nobody");
    }
}

#[tokio::test]
async fn where_every_user_may_add_groups_they_get_neither_claims_nor_what_others_had() {
    for mut hub in Hub::on_every_engine().await {
        for_users(&mut hub);
        let (admin, alice) = (hub.user("admin").await, hub.user("alice").await);
        hub.call(&alice, "POST", "/api_3/group/add/friends", &json!({ "claim": " " })).await.ok();
        assert_eq!(who(&hub, &admin, "friends").await, ["alice*"]);
        let error = hub.call(&alice, "POST", "/api_3/group/add/staff", &json!({ "claim": "staff" })).await.error(403);
        assert!(error.contains("identity provider"), "{error}");
        // A group of a former time, whose projects are still there.
        hub.create(&alice, "old").await;
        hub.beside("UPDATE projects SET owner = '@former' WHERE name = 'old'").await;
        let error = hub.call(&alice, "POST", "/api_3/group/add/former", &json!({})).await.error(403);
        assert!(error.contains("former group @former"), "{error}");
        hub.call(&admin, "POST", "/api_3/group/add/former", &json!({})).await.ok();
        for number in 1..20 {
            hub.call(&alice, "POST", &format!("/api_3/group/add/g{number}"), &json!({})).await.ok();
        }
        let error = hub.call(&alice, "POST", "/api_3/group/add/one-more", &json!({})).await.error(400);
        assert!(error.contains("20 groups"), "{error}");
    }
}

#[tokio::test]
async fn members_by_claim_come_and_go_with_the_identity_provider_and_by_no_other_hand() {
    for hub in Hub::on_every_engine().await {
        let (admin, gina, greta) = (hub.user("admin").await, hub.user("gina").await, hub.user("greta").await);
        let id = db::user::by_name(&hub.state.db, "gina").await.unwrap().unwrap().id;
        let signs_in = async |claims: &[&str]| {
            let claims: Vec<String> = claims.iter().map(|&claim| claim.to_owned()).collect();
            db::group::set_claimed(&hub.state.db, id, &claims, clock::now_ms()).await.unwrap();
        };
        for (name, claim) in [("sig", json!("fedora/sig")), ("staff", json!("staff")), ("plain", Value::Null)] {
            hub.call(&admin, "POST", &format!("/api_3/group/add/{name}"), &json!({ "claim": claim })).await.ok();
        }
        let error = hub.call(&admin, "POST", "/api_3/group/add/other", &json!({ "claim": "staff" })).await.error(409);
        assert!(error.starts_with("claim: "), "{error}");
        hub.call(&admin, "POST", "/api_3/group/add/other", &json!({ "claim": "x".repeat(201) })).await.error(400);

        signs_in(&["fedora/sig", "unknown", "plain", "@staff"]).await;
        assert_eq!(who(&hub, &gina, "sig").await, ["admin*", "gina"]);
        assert_eq!(who(&hub, &gina, "staff").await, ["admin*"]);
        assert_eq!(show(&hub, &gina, "sig").await["members"]["gina"]["claimed"], true);
        let add = json!({ "name": "tools", "chroots": [CHROOT] });
        hub.call(&gina, "POST", "/api_3/project/add/@sig", &add).await.ok();
        let error = members(&hub, &admin, "sig", json!({ "gina": { "member": false } })).await.error(400);
        assert!(error.contains("identity provider says so"), "{error}");
        assert_eq!(who(&hub, &greta, "sig").await, ["admin*", "gina"]);

        // Who was put in by hand stays, whatever the provider says.
        members(&hub, &admin, "staff", json!({ "gina": { "member": true } })).await.ok();
        signs_in(&["staff"]).await;
        assert_eq!(who(&hub, &gina, "sig").await, ["admin*"]);
        hub.call(&gina, "PUT", "/api_3/project/edit/@sig/tools", &json!({ "description": "x" })).await.error(403);
        signs_in(&[]).await;
        assert_eq!(who(&hub, &gina, "staff").await, ["admin*", "gina"]);
        // With another claim a group has other members.
        signs_in(&["fedora/sig"]).await;
        let sig = db::group::by_name(&hub.state.db, &"@sig".parse().unwrap()).await.unwrap().unwrap();
        assert!(db::group::set_claim(&hub.state.db, sig.id, Some("fedora/other")).await.unwrap());
        assert_eq!(who(&hub, &gina, "sig").await, ["admin*"]);
        assert!(db::group::set_claim(&hub.state.db, sig.id, Some("staff")).await.unwrap_err().is_duplicate());
        assert_eq!(db::group::of_user(&hub.state.db, id).await.unwrap().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_who_add_one_group_one_does_and_of_two_who_put_each_other_out_one_stays() {
    for hub in Hub::on_every_engine().await {
        let (admin, greta, gina) = (hub.user("admin").await, hub.user("greta").await, hub.user("gina").await);
        for round in 0..5 {
            let path = format!("/api_3/group/add/sig-{round}");
            let calls = (0..6).map(|_| hub.calls(Some(&admin), "POST", &path, &json!({}))).collect();
            let mut statuses: Vec<u16> = at_once(calls).await.iter().map(|answer| answer.status.as_u16()).collect();
            statuses.sort_unstable();
            assert_eq!(statuses, [200, 409, 409, 409, 409, 409], "{}", hub.place.engine);
            let group = format!("sig-{round}");
            let both = json!({ "greta": { "admin": true }, "gina": { "admin": true }, "admin": { "member": false } });
            members(&hub, &admin, &group, both).await.ok();
            let path = format!("/api_3/group/members/{group}");
            let out = |by: &User, whom: &str| hub.calls(Some(by), "PUT", &path, &json!({ whom: { "member": false } }));
            let answers = at_once(vec![out(&greta, "gina"), out(&gina, "greta")]).await;
            let won = answers.iter().filter(|answer| answer.status == 200).count();
            assert_eq!((won, who(&hub, &admin, &group).await.len()), (1, 1), "{}", hub.place.engine);
        }
    }
}

#[tokio::test]
async fn no_project_comes_to_a_group_that_is_being_deleted() {
    for hub in Hub::on_every_engine().await {
        let admin = hub.user("admin").await;
        for number in 0..8 {
            let group = format!("sig{number}");
            hub.call(&admin, "POST", &format!("/api_3/group/add/{group}"), &json!({})).await.ok();
            let add = json!({ "name": "tools", "chroots": [CHROOT] });
            let answers = at_once(vec![
                hub.calls(Some(&admin), "POST", &format!("/api_3/project/add/@{group}"), &add),
                hub.calls(Some(&admin), "DELETE", &format!("/api_3/group/delete/{group}"), &Value::Null),
            ])
            .await;
            let statuses = [answers[0].status.as_u16(), answers[1].status.as_u16()];
            assert!([[200, 409], [404, 200]].contains(&statuses), "{statuses:?}");
        }
        // Whoever was let in before the group went comes too late.
        let owner: copr_api::names::OwnerName = "@late".parse().unwrap();
        let project = db::project::Project::new(owner, "tools".parse().unwrap());
        let refused = db::project::add(&hub.state.db, &project, &[], clock::now_ms()).await.unwrap_err();
        assert!(refused.is_orphan(), "{refused}");
        assert_eq!(hub.get("/api_3/project/list?ownername=@late").await.ok()["items"], json!([]));
    }
}
