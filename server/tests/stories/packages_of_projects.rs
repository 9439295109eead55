//! Packages of projects: how each is built.

use copr_api::builder::Outcome;
use coprd::{clock, expiry};
use serde_json::{Value, json};

use crate::support::{BINARY, CHROOT, Hub, User};

const ADDRESS: &str = "https://git.example.org/hello.git";

async fn add(hub: &Hub, user: &User, name: &str, body: &Value) -> crate::support::Answer {
    hub.call(user, "POST", &format!("/api_3/package/add/alice/libs/{name}/scm"), body).await
}

async fn get(hub: &Hub, more: &str) -> Value {
    hub.get(&format!("/api_3/package?ownername=alice&projectname=libs&packagename=hello{more}")).await.ok()
}

#[tokio::test]
async fn a_package_is_added_once_and_keeps_what_an_edit_does_not_say() {
    for hub in Hub::on_every_engine().await {
        let (alice, bob) = (hub.user("alice").await, hub.user("bob").await);
        hub.create(&alice, "libs").await;
        let body = json!({
            "clone_url": ADDRESS, "committish": "v1", "subdirectory": null, "spec": null, "scm_type": "git",
            "source_build_method": "make_srpm", "webhook_rebuild": true, "max_builds": "5", "timeout": null,
        });
        let added = add(&hub, &alice, "hello", &body).await.ok();
        assert_eq!(
            added["source_dict"],
            json!({
                "type": "git", "clone_url": ADDRESS, "committish": "v1", "subdirectory": "", "spec": "",
                "source_build_method": "make_srpm",
            })
        );
        assert_eq!((&added["source_type"], &added["auto_rebuild"]), (&json!("scm"), &json!(true)));
        assert_eq!(added["builds"], json!({ "latest": null, "latest_succeeded": null }));
        add(&hub, &alice, "hello", &body).await.error(409);
        add(&hub, &bob, "bye", &body).await.error(403);
        for bad in ["x:x", "x@x", ".."] {
            assert!(add(&hub, &alice, bad, &body).await.error(400).starts_with("package_name: "), "{bad}");
        }
        for good in ["gcc-c++", "python3-ndg_httpsclient", "python-boolean.py"] {
            add(&hub, &alice, good, &body).await.ok();
        }
        let path = "/api_3/package/edit/alice/libs/hello/None";
        let edited = hub.call(&alice, "POST", path, &json!({ "spec": "hello.spec", "clone_url": null })).await.ok();
        assert_eq!(
            (&edited["source_dict"]["spec"], &edited["source_dict"]["committish"]),
            (&json!("hello.spec"), &json!("v1"))
        );
        assert_eq!(edited["auto_rebuild"], true);
        assert_eq!(get(&hub, "").await, edited);
        let refused =
            hub.call(&alice, "POST", "/api_3/package/edit/alice/libs/hello/pypi", &json!({})).await.error(400);
        assert!(refused.contains("not supported here"), "{refused}");
        let name = json!({ "ownername": "alice", "projectname": "libs", "package_name": "hello" });
        let reset = hub.call(&alice, "PUT", "/api_3/package/reset", &name).await.ok();
        assert_eq!((&reset["source_type"], &reset["source_dict"]), (&json!("unset"), &json!({})));
    }
}

#[tokio::test]
async fn a_package_is_built_from_its_source_without_the_chroots_that_it_is_denied() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        let both = json!({ "name": "libs", "chroots": [CHROOT, "fedora-43-x86_64"] });
        hub.call(&alice, "POST", "/api_3/project/add/alice", &both).await.ok();
        add(&hub, &alice, "hello", &json!({ "clone_url": ADDRESS, "chroot_denylist": ["fedora-43-*"] })).await.ok();
        let ask = json!({
            "ownername": "alice", "projectname": "libs", "project_dirname": "libs", "package_name": "hello",
            "chroots": null, "timeout": null, "isolation": "unchanged",
        });
        let build = hub.call(&alice, "POST", "/api_3/package/build", &ask).await.ok();
        assert_eq!(build["chroots"], json!([CHROOT]));
        let config = hub.get(&format!("/api_3/build/source-build-config/{}", build["id"])).await.ok();
        assert_eq!(config["source_dict"]["clone_url"], ADDRESS);
        assert_eq!(get(&hub, "&with_latest_build=True").await["builds"]["latest"]["id"], build["id"]);
        let mut other = ask.clone();
        other["package_name"] = json!("nothing");
        hub.call(&alice, "POST", "/api_3/package/build", &other).await.error(404);
        let name = json!({ "ownername": "alice", "projectname": "libs", "package_name": "hello" });
        hub.call(&alice, "PUT", "/api_3/package/reset", &name).await.ok();
        let refused = hub.call(&alice, "POST", "/api_3/package/build", &ask).await.error(400);
        assert!(refused.contains("no package source"), "{refused}");
    }
}

#[tokio::test]
async fn a_package_shows_its_newest_build_and_the_newest_that_succeeded_where_they_are_asked_for() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        let good = hub.submit(&alice, "libs").await;
        let lease = hub.lease().await;
        hub.hand_in(&lease.id, &[BINARY]).await.ok();
        hub.publish().await;
        let newer = hub.submit(&alice, "libs").await;
        let package = get(&hub, "&with_latest_build=True&with_latest_succeeded_build=True").await;
        assert_eq!(package["source_type"], "upload");
        assert_eq!(package["builds"]["latest"]["id"], newer);
        assert_eq!(package["builds"]["latest_succeeded"]["id"], good);
        assert_eq!(get(&hub, "").await["builds"], json!({ "latest": null, "latest_succeeded": null }));
        let list = "/api_3/package/list?ownername=alice&projectname=libs&limit=1&with_latest_succeeded_build=True";
        let page = hub.get(list).await.ok();
        assert_eq!(page["items"][0]["builds"]["latest_succeeded"]["id"], good);
        assert_eq!(hub.get(&format!("{list}&offset=1")).await.ok()["items"], json!([]));
    }
}

#[tokio::test]
async fn a_package_goes_with_its_builds_when_all_of_them_have_ended() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        let id = hub.submit(&alice, "libs").await;
        let name = json!({ "ownername": "alice", "projectname": "libs", "package_name": "hello" });
        let delete = async || hub.call(&alice, "DELETE", "/api_3/package/delete", &name).await;
        delete().await.error(409);
        hub.call(&alice, "PUT", &format!("/api_3/build/cancel/{id}"), &Value::Null).await.ok();
        assert_eq!(delete().await.ok()["name"], "hello");
        hub.get(&format!("/api_3/build/{id}")).await.error(404);
        delete().await.error(404);
    }
}

#[tokio::test]
async fn a_webhook_gets_a_new_secret_each_time() {
    for hub in Hub::on_every_engine().await {
        let (alice, bob) = (hub.user("alice").await, hub.user("bob").await);
        hub.create(&alice, "libs").await;
        let renew =
            async |user: &User| hub.call(user, "POST", "/api_3/webhook/generate/alice/libs", &Value::Null).await;
        let (first, second) = (renew(&alice).await.ok(), renew(&alice).await.ok());
        assert_eq!(first["full_name"], "alice/libs");
        assert_eq!(first["webhook_secret"].as_str().unwrap().len(), 36);
        assert_ne!(first["webhook_secret"], second["webhook_secret"]);
        renew(&bob).await.error(403);
    }
}

#[tokio::test]
async fn a_package_keeps_its_newest_builds_as_many_as_it_is_told_to() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        let first = hub.built(&alice, "libs").await;
        let path = "/api_3/package/edit/alice/libs/hello/None";
        let failed = hub.submit(&alice, "libs").await;
        let lease = hub.lease().await.id;
        hub.finish(&lease, Outcome::UserFault { message: "no".into() }, vec![]).await.ok();
        let (third, fourth) = (hub.built(&alice, "libs").await, hub.built(&alice, "libs").await);
        let waits = hub.submit(&alice, "libs").await;
        let there = async || {
            let list = hub.get("/api_3/build/list?ownername=alice&projectname=libs").await.ok();
            let ids = list["items"].as_array().unwrap().iter().map(|build| build["id"].as_i64().unwrap());
            ids.collect::<Vec<_>>()
        };
        expiry::pass(&hub.state, clock::now_ms()).await;
        assert_eq!(there().await, [waits, fourth, third, failed, first], "it keeps all until somebody says how many");

        hub.call(&alice, "POST", path, &json!({ "max_builds": 2 })).await.ok();
        expiry::pass(&hub.state, clock::now_ms()).await;
        assert_eq!(there().await, [waits, fourth, third], "one that waits takes nobody's place");
        hub.publish().await;
        hub.state.publishing.clean(clock::now_ms() + 86_400_000).await.unwrap();
        let folder = |id: i64| format!("{id:08}-hello");
        assert_eq!(
            hub.repository(&format!("alice/libs/{CHROOT}"))
                .await
                .iter()
                .filter(|line| line.contains(&folder(first)))
                .count(),
            0
        );
        let names = hub.names(&format!("alice/libs/{CHROOT}")).await;
        assert!(!names.contains(&folder(first)) && !names.contains(&folder(failed)), "{names:?}");
        assert!(names.contains(&folder(third)) && names.contains(&folder(fourth)), "{names:?}");

        hub.hand_in(&hub.lease().await.id, &[BINARY]).await.ok();
        hub.publish().await;
        expiry::pass(&hub.state, clock::now_ms()).await;
        assert_eq!(there().await, [waits, fourth]);
    }
}
