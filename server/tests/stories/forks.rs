//! Forks: all of a project under another name.

use copr_api::builder::Outcome;
use coprd::{clock, db, expiry, fork};
use serde_json::{Value, json};

use crate::support::{Answer, BINARY, CHROOT, Hub, SOURCE, User};

const OLD: &str = "fedora-43-x86_64";

async fn forked(hub: &Hub, user: &User, from: &str, body: &Value) -> Answer {
    hub.call(user, "POST", &format!("/api_3/project/fork/{from}"), body).await
}

async fn builds(hub: &Hub, owner: &str, name: &str) -> Vec<Value> {
    let page = hub.get(&format!("/api_3/build/list?ownername={owner}&projectname={name}")).await.ok();
    page["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_fork_has_settings_chroots_and_the_last_good_builds_of_its_origin() {
    for hub in Hub::on_every_engine().await {
        let (alice, bob) = (hub.user("alice").await, hub.user("bob").await);
        let body = json!({
            "name": "libs", "chroots": [OLD, CHROOT], "description": "Libraries", "additional_repos": ["https://x.org/"],
            "contact": "alice@example.org",
        });
        hub.call(&alice, "POST", "/api_3/project/add/alice", &body).await.ok();
        let path = format!("/api_3/project-chroot/edit/alice/libs/{CHROOT}");
        hub.call(&alice, "PUT", &path, &json!({ "with_opts": ["docs"] })).await.ok();
        let only = json!({ "chroots": [CHROOT] });
        for _ in 0..2 {
            hub.upload(&alice, "libs", "x", &SOURCE.bytes(), only.clone()).await.ok();
            hub.hand_in(&hub.lease().await.id, &[BINARY]).await.ok();
            hub.publish().await;
        }
        hub.upload(&alice, "libs", "x", &SOURCE.bytes(), only).await.ok();
        hub.finish(&hub.lease().await.id, Outcome::UserFault { message: "no".into() }, Vec::new()).await.ok();

        let fork = forked(&hub, &bob, "alice/libs", &json!({ "name": "mine", "ownername": "bob", "confirm": false }))
            .await
            .ok();
        assert_eq!((&fork["full_name"], &fork["description"]), (&json!("bob/mine"), &json!("Libraries")));
        assert_eq!((&fork["additional_repos"], &fork["contact"]), (&json!(["https://x.org/"]), &Value::Null));
        assert_eq!(fork["chroot_repos"].as_object().unwrap().keys().collect::<Vec<_>>(), [OLD, CHROOT]);
        assert_eq!(hub.repository(&format!("bob/mine/{OLD}")).await, Vec::<String>::new());
        hub.publish().await;
        let packages = hub.repository(&format!("bob/mine/{CHROOT}")).await;
        assert_eq!(packages.len(), 1, "the last good build alone: {packages:?}");
        let copies = builds(&hub, "bob", "mine").await;
        assert_eq!((copies.len(), &copies[0]["state"]), (1, &json!("forked")));
        let url = copies[0]["source_package"]["url"].as_str().unwrap().split("/results/").nth(1).unwrap().to_owned();
        assert_eq!(hub.read(&url).await.as_deref(), Some(SOURCE.bytes().as_slice()));
        let query = format!("ownername=bob&projectname=mine&chrootname={CHROOT}");
        let shown = hub.get(&format!("/api_3/project-chroot?{query}")).await.ok();
        assert_eq!(shown["with_opts"], json!(["docs"]));
        assert_eq!(hub.incoming().await, Vec::<String>::new());

        // What happens to the origin is nothing to the fork.
        hub.call(&alice, "DELETE", "/api_3/project/delete/alice/libs", &json!({ "verify": true })).await.ok();
        let (_, file) = packages[0].split_once(' ').unwrap();
        let file = hub.read(&format!("bob/mine/{CHROOT}/{file}")).await;
        assert_eq!(file.as_deref(), Some(BINARY.bytes().as_slice()));
    }
}

#[tokio::test]
async fn a_project_that_is_there_is_forked_into_only_when_that_is_confirmed() {
    for hub in Hub::on_every_engine().await {
        let (alice, bob) = (hub.user("alice").await, hub.user("bob").await);
        hub.create(&alice, "libs").await;
        hub.create(&bob, "mine").await;
        hub.built(&alice, "libs").await;
        let body = |confirm: bool| json!({ "name": "mine", "ownername": "bob", "confirm": confirm });
        assert_eq!(
            forked(&hub, &bob, "alice/libs", &body(false)).await.error(400),
            "You are about to fork into existing project: mine\nPlease use --confirm if you really want to do this"
        );
        forked(&hub, &bob, "alice/libs", &body(true)).await.ok();
        hub.publish().await;
        let repository = format!("bob/mine/{CHROOT}");
        assert_eq!(hub.repository(&repository).await.len(), 1);
        // Once more brings nothing that is there already.
        forked(&hub, &bob, "alice/libs", &body(true)).await.ok();
        hub.publish().await;
        assert_eq!((hub.repository(&repository).await.len(), builds(&hub, "bob", "mine").await.len()), (1, 1));
    }
}

#[tokio::test]
async fn a_fork_can_be_forked() {
    for hub in Hub::on_every_engine().await {
        let (alice, bob) = (hub.user("alice").await, hub.user("bob").await);
        hub.create(&alice, "libs").await;
        hub.built(&alice, "libs").await;
        forked(&hub, &bob, "alice/libs", &json!({ "name": "one" })).await.ok();
        hub.publish().await;
        forked(&hub, &bob, "bob/one", &json!({ "name": "two" })).await.ok();
        hub.publish().await;
        assert_eq!(hub.repository(&format!("bob/two/{CHROOT}")).await.len(), 1);
    }
}

#[tokio::test]
async fn forks_that_may_not_be_leave_nothing() {
    for hub in Hub::on_every_engine().await {
        let (alice, bob) = (hub.user("alice").await, hub.user("bob").await);
        hub.create(&alice, "libs").await;
        hub.built(&alice, "libs").await;
        forked(&hub, &bob, "alice/libs", &json!({ "name": "mine", "ownername": "alice" })).await.error(403);
        forked(&hub, &bob, "alice/libs", &json!({ "name": "mine", "ownername": "@others" })).await.error(403);
        forked(&hub, &bob, "alice/nothing", &json!({ "name": "mine" })).await.error(404);
        forked(&hub, &bob, "alice/libs", &json!({ "name": "../mine" })).await.error(400);
        forked(&hub, &alice, "alice/libs", &json!({ "name": "libs", "confirm": true })).await.error(400);
        assert_eq!(hub.get("/api_3/project/list?ownername=bob").await.ok()["items"], json!([]));
        assert_eq!(hub.incoming().await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_project_that_is_deleted_while_it_is_forked_leaves_nothing_half_made() {
    for hub in Hub::on_every_engine().await {
        let (alice, bob) = (hub.user("alice").await, hub.user("bob").await);
        hub.create(&alice, "libs").await;
        hub.built(&alice, "libs").await;
        let (owner, name) = ("alice".parse().unwrap(), "libs".parse().unwrap());
        let source = db::project::get(&hub.state.db, &owner, &name).await.unwrap().unwrap();
        let target = db::project::Project::new("bob".parse().unwrap(), "mine".parse().unwrap());
        assert!(expiry::delete_project(&hub.state, &source, clock::now_ms()).await.unwrap());
        let failed = fork::fork(&hub.state, &source, &target, &bob.name).await;
        assert!(matches!(failed, Err(fork::Error::Gone)), "{failed:?}");
        assert_eq!(hub.get("/api_3/project/list?ownername=bob").await.ok()["items"], json!([]));
        assert_eq!((hub.incoming().await, hub.names("bob").await), (Vec::new(), Vec::new()));
    }
}

#[tokio::test]
async fn only_administrators_fork_a_project_with_more_than_a_thousand_packages() {
    for hub in Hub::on_every_engine().await {
        let (alice, bob) = (hub.user("alice").await, hub.user("bob").await);
        let root = hub.user(coprd::admin::ADMIN).await;
        let id = hub.create(&alice, "libs").await["id"].clone();
        let rows: Vec<String> = (0..=1000).map(|number| format!("({id}, 'p{number}', 0)")).collect();
        hub.sql(&format!("INSERT INTO packages (project_id, name, created_ms) VALUES {}", rows.join(", "))).await;
        let error = forked(&hub, &bob, "alice/libs", &json!({ "name": "mine" })).await.error(403);
        assert!(error.contains("1000"), "{error}");
        forked(&hub, &root, "alice/libs", &json!({ "name": "mine" })).await.ok();
    }
}

#[tokio::test]
async fn what_a_fork_brings_together_is_not_swept_up_before_its_rows_are_there() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        let id = hub.built(&alice, "libs").await;
        let project =
            db::project::get(&hub.state.db, &"alice".parse().unwrap(), &"libs".parse().unwrap()).await.unwrap();
        let (from, to) = (CHROOT.parse().unwrap(), OLD.parse().unwrap());
        let copies = db::fork::plan(&hub.state.db, &project.unwrap(), &[(from, to)], None).await.unwrap();
        let lease = copies[0].lease_id.clone();
        let place = hub.state.store.directory(&"alice".parse().unwrap(), &"libs".parse().unwrap());
        let file = place.join(&format!("{CHROOT}/{id:08}-hello/{}", BINARY.file()));
        assert!(hub.state.store.copy_to_incoming(&file, &lease, &BINARY.file()).await.unwrap());
        let now = clock::now_ms();
        hub.state.queue.sweep(now + 3_600_000).await.unwrap();
        assert_eq!(hub.incoming().await, [lease]);
        hub.state.queue.sweep(now + 25 * 3_600_000).await.unwrap();
        assert_eq!(hub.incoming().await, Vec::<String>::new(), "that fork was cut off a day ago");
    }
}
