//! Promotions: builds of one project come into another as they are, a set at once, when that has all that it asks for.

use copr_api::builder::Outcome;
use coprd::{clock, db, promotion};
use object_store::ObjectStoreExt as _;
use serde_json::{Value, json};

use crate::{
    happenings::told,
    packages::Rpm,
    support::{Answer, CHROOT, Hub, SOURCE, User, at_once},
};

const OLD: &str = "fedora-43-x86_64";
const DAY: i64 = 24 * 3600 * 1000;

/// Uploads a source package, builds it into a package with these requirements, and publishes that.
async fn built(hub: &Hub, user: &User, project: &str, name: &str, version: &str, requires: &[(&str, &str)]) -> i64 {
    let source = Rpm { name, version, ..SOURCE };
    let made = hub.upload(user, project, &source.file(), &source.bytes(), json!({ "chroots": [CHROOT] })).await.ok();
    let file = source.file();
    let binary = Rpm { source: Some(&file), ..source.clone() };
    let lease = hub.lease().await.id;
    let bytes = binary.bytes_requiring(requires);
    hub.put(&lease, &binary.file(), &bytes).await.ok();
    hub.finish(&lease, Outcome::Succeeded, vec![binary.claim_of(&bytes)]).await.ok();
    hub.publish().await;
    made["id"].as_i64().unwrap()
}

async fn ask(hub: &Hub, user: &User, to: &str, wish: Value) -> Answer {
    hub.call(user, "POST", &format!("/api_3/promotion/new/{to}"), &wish).await
}

/// Lets promotions, and what they publish, go on as far as they go.
async fn go_on(hub: &Hub) {
    for _ in 0..3 {
        promotion::pass(&hub.state, clock::now_ms()).await;
        hub.publish().await;
    }
}

async fn shown(hub: &Hub, id: &Value) -> Value {
    hub.get(&format!("/api_3/promotion/{id}")).await.ok()
}

/// `NAME-VERSION` of all packages in a project's repository.
async fn names(hub: &Hub, project: &str) -> Vec<String> {
    let all = hub.repository(&format!("{project}/{CHROOT}")).await;
    all.iter().map(|line| line.rsplit_once("-1.x86_64 ").unwrap_or((line.as_str(), "")).0.to_owned()).collect()
}

async fn gates(hub: &Hub, user: &User, project: &str, body: Value) {
    hub.call(user, "PUT", &format!("/api_3/project/gates/{project}"), &body).await.ok();
}

/// The states of promotions into a project, in the order in which the feed of events has told them.
async fn states_told(hub: &Hub, project: &str) -> Vec<String> {
    let all = told(hub, &format!("topics=copr.promotion.changed&project={project}")).await;
    all.iter().map(|message| message["body"]["state"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_set_comes_into_the_other_project_at_once_and_its_history_is_told() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "unstable").await;
        hub.create(&alice, "testing").await;
        for name in ["kio", "dolphin"] {
            built(&hub, &alice, "unstable", name, "6.1", &[]).await;
        }
        let old = built(&hub, &alice, "unstable", "konsole", "6.0", &[]).await;
        built(&hub, &alice, "unstable", "konsole", "6.1", &[]).await;
        let wish = json!({ "source": "alice/unstable" });
        let asked = ask(&hub, &alice, "alice/testing", wish.clone()).await.ok();
        assert_eq!((&asked["state"], asked["items"].as_array().unwrap().len()), (&json!("requested"), 3));
        promotion::pass(&hub.state, clock::now_ms()).await;
        assert_eq!(shown(&hub, &asked["id"]).await["state"], "running");
        assert_eq!(names(&hub, "alice/testing").await, Vec::<String>::new());
        assert_eq!(hub.publish().await, 1, "one publish has all of it");
        assert_eq!(names(&hub, "alice/testing").await, ["dolphin-6.1", "kio-6.1", "konsole-6.1"]);
        go_on(&hub).await;
        let done = shown(&hub, &asked["id"]).await;
        assert_eq!((&done["state"], &done["submitter"]), (&json!("done"), &json!("alice")), "{done}");
        let said: Vec<&str> =
            done["history"].as_array().unwrap().iter().map(|event| event["what"].as_str().unwrap()).collect();
        assert_eq!(said.first(), Some(&"asked for it"));
        assert_eq!(said.last(), Some(&"published it"));
        assert_eq!(states_told(&hub, "alice/testing").await, ["requested", "approved", "running", "done"]);
        assert_eq!(hub.incoming().await, Vec::<String>::new());
        // The copies are builds, with their source packages.
        let copy = done["items"][0]["copy_id"].as_i64().unwrap();
        let build = hub.build(copy).await;
        assert_eq!(build["state"], "forked");
        let url = build["source_package"]["url"].as_str().unwrap().split("/results/").nth(1).unwrap().to_owned();
        assert!(hub.read(&url).await.is_some(), "{url}");
        // What is there already is told, and does not go; an older build that was named goes.
        let error = ask(&hub, &alice, "alice/testing", wish).await.error(400);
        assert!(error.contains("alice/testing has kio-6.1-1.x86_64.rpm already"), "{error}");
        let more =
            ask(&hub, &alice, "alice/testing", json!({ "source": "alice/unstable", "what": [old.to_string(), "kio"] }));
        let more = more.await.ok();
        let skipped: Vec<bool> =
            more["items"].as_array().unwrap().iter().map(|item| item["skipped"].is_string()).collect();
        assert_eq!(skipped, [true, false], "{more}");
        go_on(&hub).await;
        assert_eq!(names(&hub, "alice/testing").await.len(), 4);
        let listed = hub.get("/api_3/promotion/list?ownername=alice&projectname=testing").await.ok();
        assert_eq!(listed["items"].as_array().unwrap().len(), 2);
        let out = hub.get("/api_3/promotion/list?ownername=alice&projectname=unstable&state=done&limit=1").await.ok();
        assert_eq!(out["items"][0]["id"], more["id"]);
    }
}

#[tokio::test]
async fn what_moves_leaves_the_source_when_it_is_published_and_not_before() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        let body = json!({ "name": "unstable", "chroots": [OLD, CHROOT] });
        hub.call(&alice, "POST", "/api_3/project/add/alice", &body).await.ok();
        hub.create(&alice, "testing").await;
        let moved = built(&hub, &alice, "unstable", "kio", "6.1", &[]).await;
        let both = hub.upload(&alice, "unstable", "x", &SOURCE.bytes(), json!({})).await.ok()["id"].as_i64().unwrap();
        for _ in 0..2 {
            hub.hand_in(&hub.lease().await.id, &[crate::support::BINARY]).await.ok();
        }
        hub.publish().await;
        let asked = ask(&hub, &alice, "alice/testing", json!({ "source": "alice/unstable", "move": true })).await.ok();
        promotion::pass(&hub.state, clock::now_ms()).await;
        // It waits to be published: the source has all of it, also after the server has died.
        let hub = hub.restart().await;
        promotion::pass(&hub.state, clock::now_ms()).await;
        assert_eq!(names(&hub, "alice/unstable").await.len(), 2);
        go_on(&hub).await;
        assert_eq!(shown(&hub, &asked["id"]).await["state"], "done");
        assert_eq!(names(&hub, "alice/testing").await, ["hello-1.0", "kio-6.1"]);
        assert_eq!(names(&hub, "alice/unstable").await, Vec::<String>::new());
        hub.get(&format!("/api_3/build/{moved}")).await.error(404);
        // The target has no such chroot: that stays.
        assert_eq!(hub.build(both).await["chroots"], json!([OLD]));
        assert_eq!(hub.repository(&format!("alice/unstable/{OLD}")).await.len(), 1);
    }
}

#[tokio::test]
async fn a_promotion_of_a_build_that_is_deleted_fails_as_a_whole_with_its_name() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "unstable").await;
        hub.create(&alice, "testing").await;
        built(&hub, &alice, "unstable", "kio", "6.1", &[]).await;
        let gone = built(&hub, &alice, "unstable", "dolphin", "6.1", &[]).await;
        let asked = ask(&hub, &alice, "alice/testing", json!({ "source": "alice/unstable" })).await.ok();
        hub.call(&alice, "DELETE", &format!("/api_3/build/delete/{gone}"), &Value::Null).await.ok();
        go_on(&hub).await;
        let failed = shown(&hub, &asked["id"]).await;
        let message = failed["message"].as_str().unwrap();
        assert_eq!(failed["state"], "failed");
        assert!(message.contains("dolphin 6.1-1") && !message.contains("kio"), "{message}");
        assert_eq!(names(&hub, "alice/testing").await, Vec::<String>::new());
        assert_eq!(hub.incoming().await, Vec::<String>::new());

        // Between the look and the transaction.
        let last = built(&hub, &alice, "unstable", "konsole", "6.1", &[]).await;
        let id = ask(&hub, &alice, "alice/testing", json!({ "source": "alice/unstable" })).await.ok()["id"].clone();
        let of = db::promotion::get(&hub.state.db, id.as_i64().unwrap()).await.unwrap().unwrap();
        hub.sql(&format!("UPDATE promotions SET state = 'approved' WHERE id = {id}")).await;
        let target = db::project::by_id(&hub.state.db, of.target_id).await.unwrap().unwrap();
        let copies: Vec<db::fork::Copy> = db::promotion::items(&hub.state.db, of.id)
            .await
            .unwrap()
            .into_iter()
            .map(|item| db::fork::Copy {
                build_id: item.build_id,
                package_name: item.package_name,
                from: item.chroot.clone(),
                to: item.chroot,
                lease_id: db::fork::new_lease(),
                results: Vec::new(),
                unsigned: Vec::new(),
            })
            .collect();
        hub.call(&alice, "DELETE", &format!("/api_3/build/delete/{last}"), &Value::Null).await.ok();
        let started = db::promotion::start(&hub.state.db, &of, &target, &copies, 1).await.unwrap();
        let db::promotion::Started::Gone(gone) = started else { panic!("{started:?}") };
        assert!(gone.len() == 1 && gone[0].starts_with("konsole"), "{gone:?}");
        assert_eq!(hub.get("/api_3/build/list?ownername=alice&projectname=testing").await.ok()["items"], json!([]));
    }
}

#[tokio::test]
async fn one_lost_package_keeps_the_whole_set_out() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "unstable").await;
        hub.create(&alice, "testing").await;
        for name in ["kio", "dolphin", "konsole"] {
            built(&hub, &alice, "unstable", name, "6.1", &[]).await;
        }
        let asked = ask(&hub, &alice, "alice/testing", json!({ "source": "alice/unstable", "move": true })).await.ok();
        promotion::pass(&hub.state, clock::now_ms()).await;
        let lease = hub.incoming().await[1].clone();
        for name in ["kio", "dolphin", "konsole"] {
            let file = Rpm { name, version: "6.1", source: Some("x"), ..SOURCE }.file();
            // One of them is it.
            let _ = hub.objects.delete(&hub.key(&format!("incoming/{lease}/{file}"))).await;
        }
        go_on(&hub).await;
        let failed = shown(&hub, &asked["id"]).await;
        assert_eq!(failed["state"], "failed", "{failed}");
        assert_eq!(names(&hub, "alice/testing").await, Vec::<String>::new());
        assert_eq!(names(&hub, "alice/unstable").await.len(), 3, "the source was left as it is");
        assert_eq!(hub.incoming().await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn promotions_that_cross_and_the_same_one_twice_end_well() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "one").await;
        hub.create(&alice, "two").await;
        built(&hub, &alice, "one", "kio", "6.1", &[]).await;
        built(&hub, &alice, "two", "dolphin", "6.1", &[]).await;
        let there = json!({ "source": "alice/one" });
        let back = json!({ "source": "alice/two", "move": true });
        let calls = [("two", &there), ("one", &back), ("two", &there), ("one", &back)];
        let calls =
            calls.map(|(to, wish)| hub.calls(Some(&alice), "POST", &format!("/api_3/promotion/new/alice/{to}"), wish));
        let asked = at_once(calls.into_iter().collect()).await;
        let ids: Vec<Value> = asked.iter().map(|answer| answer.ok()["id"].clone()).collect();
        // Two servers bring them forward at the same time.
        let now = clock::now_ms();
        tokio::join!(promotion::pass(&hub.state, now), promotion::pass(&hub.state, now));
        go_on(&hub).await;
        for id in &ids {
            assert_eq!(shown(&hub, id).await["state"], "done", "{}", shown(&hub, id).await);
        }
        assert_eq!(names(&hub, "alice/one").await, ["dolphin-6.1", "kio-6.1"]);
        assert_eq!(names(&hub, "alice/two").await, ["kio-6.1"], "what moved is gone, and nothing is there twice");
        assert_eq!(hub.incoming().await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn the_target_decides_what_it_asks_for() {
    for hub in Hub::on_every_engine().await {
        let (alice, bob, carol) = (hub.user("alice").await, hub.user("bob").await, hub.user("carol").await);
        hub.create(&alice, "testing").await;
        hub.create(&alice, "stable").await;
        let roles = json!({ "bob": { "builder": "approved" } });
        hub.call(&alice, "PUT", "/api_3/project/permissions/set/alice/stable", &roles).await.ok();
        built(&hub, &alice, "testing", "kio", "6.1", &[]).await;
        let path = "/api_3/project/gates/alice/stable";
        for (wrong, field) in [(json!({ "votes": -1 }), "votes: "), (json!({ "days": 1000 }), "days: ")] {
            assert!(hub.call(&alice, "PUT", path, &wrong).await.error(400).starts_with(field));
        }
        gates(&hub, &alice, "alice/stable", json!({ "votes": 2, "days": 7, "by_hand": true })).await;
        let wish = json!({ "source": "alice/testing" });
        ask(&hub, &carol, "alice/stable", wish.clone()).await.error(403);
        let with = |more: Value| {
            let mut all = wish.clone();
            all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            all
        };
        // He may not take builds away, nor say that nothing matters.
        ask(&hub, &bob, "alice/stable", with(json!({ "move": true }))).await.error(403);
        ask(&hub, &bob, "alice/stable", with(json!({ "override": "x" }))).await.error(403);
        let id = ask(&hub, &bob, "alice/stable", wish.clone()).await.ok()["id"].clone();
        promotion::pass(&hub.state, clock::now_ms()).await;
        let waits = shown(&hub, &id).await;
        assert_eq!((&waits["state"], waits["gates"].as_array().unwrap().len()), (&json!("waiting"), 3));
        let vote = |user: &User, vote: i64| {
            hub.calls(
                Some(user),
                "POST",
                &format!("/api_3/promotion/vote/{id}"),
                &json!({ "vote": vote, "comment": "seen" }),
            )
        };
        vote(&bob, 1).answer().await.error(409);
        vote(&carol, 2).answer().await.error(400);
        vote(&carol, -1).answer().await.ok();
        vote(&carol, 1).answer().await.ok();
        let voted = vote(&alice, 1).answer().await.ok();
        assert_eq!(voted["votes"].as_array().unwrap().len(), 2, "{voted}");
        hub.call(&bob, "PUT", &format!("/api_3/promotion/approve/{id}"), &Value::Null).await.error(403);
        hub.call(&alice, "PUT", &format!("/api_3/promotion/approve/{id}"), &Value::Null).await.ok();
        promotion::pass(&hub.state, clock::now_ms()).await;
        let waits = shown(&hub, &id).await;
        assert!(waits["message"].as_str().unwrap().contains("0 of 7 days"), "{waits}");
        promotion::pass(&hub.state, clock::now_ms() + 8 * DAY).await;
        hub.publish().await;
        go_on(&hub).await;
        assert_eq!(shown(&hub, &id).await["state"], "done");
        vote(&carol, -1).answer().await.error(409);
        // What it waited for has changed meanwhile, which nobody is told of.
        let states = ["requested", "waiting", "approved", "running", "done"];
        assert_eq!(states_told(&hub, "alice/stable").await, states);

        // Another one is refused, and one is called off.
        built(&hub, &alice, "testing", "kio", "6.2", &[]).await;
        for (user, word) in [(&bob, "bob has called it off."), (&alice, "alice has refused it.")] {
            let id = ask(&hub, &bob, "alice/stable", wish.clone()).await.ok()["id"].clone();
            let path = format!("/api_3/promotion/cancel/{id}");
            hub.call(&carol, "PUT", &path, &json!({})).await.error(403);
            let ended = hub.call(user, "PUT", &path, &json!({})).await.ok();
            assert_eq!((&ended["state"], &ended["message"]), (&json!("refused"), &json!(word)));
            hub.call(user, "PUT", &path, &json!({})).await.error(409);
        }
        gates(&hub, &alice, "alice/stable", json!({ "admins_only": true })).await;
        ask(&hub, &bob, "alice/stable", wish).await.error(403);
    }
}

#[tokio::test]
async fn what_would_break_here_or_in_projects_that_need_this_one_stops_a_promotion() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        for project in ["testing", "stable", "app", "other"] {
            hub.create(&alice, project).await;
        }
        let edit = json!({ "runtime_dependencies": ["copr://alice/stable"] });
        hub.call(&alice, "PUT", "/api_3/project/edit/alice/app", &edit).await.ok();
        built(&hub, &alice, "stable", "kio", "6.0", &[]).await;
        built(&hub, &alice, "stable", "dolphin", "6.0", &[("kio", "6.0-1")]).await;
        built(&hub, &alice, "app", "player", "1.0", &[("kio", "6.0-1")]).await;
        // It needs nobody, and what it lacks is its own affair.
        built(&hub, &alice, "other", "alone", "1.0", &[("kio", "6.0-1")]).await;
        gates(&hub, &alice, "alice/stable", json!({ "impact": true })).await;
        built(&hub, &alice, "testing", "kio", "6.1", &[]).await;
        let wish = |more: Value| {
            let mut all = json!({ "source": "alice/testing" });
            all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            all
        };
        let broken = |of: &Value| -> Vec<String> {
            let all = of["impact"]["broken"].as_array().unwrap();
            all.iter().map(|one| format!("{} {}", one["repository"], one["package"]).replace('"', "")).collect()
        };
        let looked = ask(&hub, &alice, "alice/stable", wish(json!({ "dry_run": true }))).await.ok();
        assert_eq!(broken(&looked), ["alice/stable dolphin-6.0-1.x86_64", "alice/app player-1.0-1.x86_64"], "{looked}");
        assert_eq!((&looked["id"], &looked["impact"]["dependents"]), (&Value::Null, &json!(["alice/app"])));
        assert_eq!(looked["impact"]["broken"][0]["missing"], json!(["kio = 6.0-1"]));

        let id = ask(&hub, &alice, "alice/stable", wish(json!({}))).await.ok()["id"].clone();
        go_on(&hub).await;
        let waits = shown(&hub, &id).await;
        assert_eq!(waits["state"], "waiting");
        assert!(waits["message"].as_str().unwrap().contains("dolphin-6.0-1.x86_64"), "{waits}");
        assert_eq!(names(&hub, "alice/stable").await, ["dolphin-6.0", "kio-6.0"]);
        let path = format!("/api_3/promotion/override/{id}");
        hub.call(&alice, "PUT", &path, &json!({ "reason": " " })).await.error(400);
        hub.call(&alice, "PUT", &path, &json!({ "reason": "player is dead" })).await.ok();
        go_on(&hub).await;
        let done = shown(&hub, &id).await;
        assert_eq!((&done["state"], &done["override_reason"]), (&json!("done"), &json!("player is dead")));

        built(&hub, &alice, "testing", "kio", "6.2", &[]).await;
        built(&hub, &alice, "testing", "dolphin", "6.2", &[("kio", "6.2-1")]).await;

        // A user's address that leads into the server's own network is not asked.
        let edit = json!({ "runtime_dependencies": ["http://169.254.169.254/latest/"] });
        hub.call(&alice, "PUT", "/api_3/project/edit/alice/stable", &edit).await.ok();
        let looked =
            ask(&hub, &alice, "alice/stable", wish(json!({ "dry_run": true, "what": ["dolphin"] }))).await.ok();
        let problems = looked["impact"]["problems"].to_string();
        assert!(problems.contains("169.254.169.254 is a link-local address"), "{looked}");
        let edit = json!({ "runtime_dependencies": [] });
        hub.call(&alice, "PUT", "/api_3/project/edit/alice/stable", &edit).await.ok();

        // A set that brings what the others need breaks nothing.
        let whole = ask(&hub, &alice, "alice/stable", wish(json!({ "dry_run": true }))).await.ok();
        assert_eq!(whole["impact"]["clean"], true, "{whole}");
        let half = ask(&hub, &alice, "alice/stable", wish(json!({ "dry_run": true, "what": ["dolphin"] }))).await.ok();
        assert_eq!(broken(&half), ["promotion dolphin-6.2-1.x86_64"]);
        let id = ask(&hub, &alice, "alice/stable", wish(json!({}))).await.ok()["id"].clone();
        go_on(&hub).await;
        assert_eq!(shown(&hub, &id).await["state"], "done", "{}", shown(&hub, &id).await);
    }
}

#[tokio::test]
async fn a_wish_that_makes_no_sense_is_told_so() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "unstable").await;
        hub.create(&alice, "testing").await;
        let body = json!({ "name": "elsewhere", "chroots": [OLD] });
        hub.call(&alice, "POST", "/api_3/project/add/alice", &body).await.ok();
        built(&hub, &alice, "unstable", "kio", "6.1", &[]).await;
        let other = built(&hub, &alice, "testing", "dolphin", "6.1", &[]).await;
        for (to, wish, said) in [
            ("testing", json!({}), "source: "),
            ("testing", json!({ "source": "alice/nothing" }), "source: "),
            ("testing", json!({ "source": "alice/testing" }), "source: "),
            ("elsewhere", json!({ "source": "alice/unstable" }), "chroots: "),
            ("testing", json!({ "source": "alice/unstable", "chroots": ["epel-9-*"] }), "chroots: "),
            ("testing", json!({ "source": "alice/unstable", "chroots": ["["] }), "chroots: "),
            ("testing", json!({ "source": "alice/unstable", "what": ["nothing"] }), "what: "),
            ("testing", json!({ "source": "alice/unstable", "what": [other.to_string()] }), "what: "),
            ("testing", json!({ "source": "alice/unstable", "what": vec!["1"; 1001] }), "what: "),
        ] {
            let error = ask(&hub, &alice, &format!("alice/{to}"), wish.clone()).await.error(400);
            assert!(error.starts_with(said), "{wish}: {error}");
        }
        ask(&hub, &alice, "alice/nothing", json!({ "source": "alice/unstable" })).await.error(404);
        hub.get("/api_3/promotion/1").await.error(404);
        hub.get("/api_3/promotion/list?ownername=alice&projectname=testing&state=x").await.error(400);
        assert_eq!(hub.get("/api_3/promotion/list?ownername=alice&projectname=testing").await.ok()["items"], json!([]));
    }
}

#[tokio::test]
async fn a_project_that_is_deleted_takes_its_promotions_along() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        for project in ["unstable", "testing", "stable"] {
            hub.create(&alice, project).await;
        }
        built(&hub, &alice, "unstable", "kio", "6.1", &[]).await;
        let ids = [
            ask(&hub, &alice, "alice/testing", json!({ "source": "alice/unstable" })).await.ok()["id"].clone(),
            ask(&hub, &alice, "alice/stable", json!({ "source": "alice/unstable" })).await.ok()["id"].clone(),
        ];
        for project in ["unstable", "testing"] {
            let path = format!("/api_3/project/delete/alice/{project}");
            hub.call(&alice, "DELETE", &path, &json!({ "verify": true })).await.ok();
        }
        go_on(&hub).await;
        hub.get(&format!("/api_3/promotion/{}", ids[0])).await.error(404);
        let failed = shown(&hub, &ids[1]).await;
        assert_eq!(failed["message"], "alice/unstable was deleted. Nothing was promoted.");
        assert_eq!(hub.incoming().await, Vec::<String>::new());
    }
}
