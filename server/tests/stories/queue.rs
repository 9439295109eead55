//! The queue as users meet it: limits, batches, positions.

use copr_api::{builder::SourceFile, v3::BuildState};
use coprd::{
    clock, db,
    db::{
        batch::Wish,
        build::{Added, NewBuild, NewSource, Srpm, Wishes},
        lease::{Limits, Takes},
    },
};
use serde_json::{Value, json};

use crate::support::{BINARY, CHROOT, Hub, User, takes};

/// A build of a source package in a project, with a place among batches.
async fn submit(hub: &Hub, user: &User, project: &str, wish: Option<Wish>, made: bool) -> i64 {
    let found = db::project::get(&hub.state.db, &user.name.parse().unwrap(), &project.parse().unwrap()).await.unwrap();
    let source = if made {
        let method = copr_api::builder::SourceMethod::Url { url: "https://example.org/x.src.rpm".to_owned() };
        NewSource::Made { method, machine: CHROOT.parse().unwrap() }
    } else {
        NewSource::Srpm(Srpm {
            file: SourceFile { name: "hello-1.0-1.src.rpm".to_owned(), size: 1, sha256: "0".repeat(64) },
            package_name: "hello".to_owned(),
            package_version: "1.0-1".to_owned(),
            licence: None,
        })
    };
    let new = NewBuild {
        project_id: found.unwrap().id,
        dirname: project.parse().unwrap(),
        submitter: user.name.clone(),
        source,
        chroots: vec![CHROOT.parse().unwrap()],
        timeout: 60,
        enable_net: false,
        wishes: Wishes::default(),
        background: false,
        package_name: None,
        wish,
    };
    let added = db::build::add(&hub.state.db, &new, clock::now_ms()).await.unwrap();
    let Added::Yes(pending) = added else { panic!("the build that its wish names is not there") };
    let id = pending.id;
    pending.commit().await.unwrap();
    id
}

/// A builder's next build, and its lease.
async fn claim(hub: &Hub) -> Option<(i64, String)> {
    let lease = ulid::Ulid::generate().to_string().to_lowercase();
    let now = clock::now_ms();
    let claimed = db::lease::claim(&hub.state.db, &lease, "b", &takes(), now, now + 60_000).await.unwrap();
    claimed.map(|claimed| (claimed.build_id, lease))
}

async fn end(hub: &Hub, lease: &str, state: BuildState) {
    assert!(hub.state.queue.finish_without(lease, state, None).await.unwrap());
}

#[tokio::test]
async fn builds_of_a_batch_wait_until_all_of_the_batch_before_have_ended_however() {
    for hub in Hub::on_every_engine().await {
        let (alice, bob) = (hub.user("alice").await, hub.user("bob").await);
        hub.create(&alice, "libs").await;
        hub.create(&bob, "app").await;
        let first = submit(&hub, &alice, "libs", None, false).await;
        let beside = submit(&hub, &alice, "libs", Some(Wish::With(first)), false).await;
        // In another project, with a source that is yet to be made.
        let second = submit(&hub, &bob, "app", Some(Wish::After(first)), true).await;
        let third = submit(&hub, &alice, "libs", Some(Wish::After(second)), false).await;
        let late = submit(&hub, &alice, "libs", Some(Wish::With(second)), false).await;
        for id in [second, third, late] {
            assert_eq!(hub.state_of(id).await, "waiting", "{id}");
        }
        let (one, two) = (claim(&hub).await.unwrap(), claim(&hub).await.unwrap());
        assert_eq!((one.0, two.0), (first, beside));
        assert_eq!(claim(&hub).await, None);
        end(&hub, &one.1, BuildState::Failed).await;
        assert_eq!(claim(&hub).await, None, "one of two has ended");
        end(&hub, &two.1, BuildState::Skipped).await;
        assert_eq!((hub.state_of(second).await, hub.state_of(late).await), ("pending".into(), "pending".into()));
        let mut begun = [claim(&hub).await.unwrap(), claim(&hub).await.unwrap()];
        begun.sort();
        assert_eq!((begun[0].0, begun[1].0), (second, late));
        assert_eq!(claim(&hub).await, None, "the second's packages wait for its source, the third for both");
        hub.state.queue.give_back(&begun[1].1, "no memory", false).await.unwrap();
        let again = claim(&hub).await.unwrap();
        assert_eq!(again.0, late, "a batch is not over because a machine failed");
        end(&hub, &again.1, BuildState::Failed).await;
        // The source can't be made: its packages end with it, and so does the batch.
        end(&hub, &begun[0].1, BuildState::Failed).await;
        assert_eq!(claim(&hub).await.unwrap().0, third);
    }
}

#[tokio::test]
async fn a_batch_goes_on_when_what_it_waits_for_is_cancelled_or_over_already() {
    for hub in Hub::on_every_engine().await {
        let (alice, bob) = (hub.user("alice").await, hub.user("bob").await);
        hub.create(&alice, "libs").await;
        hub.create(&bob, "app").await;
        let first = submit(&hub, &alice, "libs", None, false).await;
        let second = submit(&hub, &bob, "app", Some(Wish::After(first)), false).await;
        assert!(hub.state.queue.cancel(first).await.unwrap());
        assert_eq!(hub.state_of(second).await, "pending");
        let third = submit(&hub, &bob, "app", Some(Wish::After(first)), false).await;
        assert_eq!(hub.state_of(third).await, "pending", "what it is to come after is over");
        // Someone who waits may give up, too, and those behind do not wait for it.
        let fourth = submit(&hub, &bob, "app", Some(Wish::After(third)), false).await;
        let fifth = submit(&hub, &bob, "app", Some(Wish::After(fourth)), false).await;
        assert!(hub.state.queue.cancel(fourth).await.unwrap());
        assert_eq!(hub.state_of(fifth).await, "pending");
        // Nothing more is to be let go: each was in the transaction that ended what it waited for.
        assert_eq!(db::batch::sweep(&hub.state.db).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn a_batch_waits_until_the_packages_before_it_can_be_downloaded() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        hub.publish().await;
        let first = hub.submit(&alice, "libs").await;
        let second = submit(&hub, &alice, "libs", Some(Wish::After(first)), false).await;
        hub.hand_in(&hub.lease().await.id, &[BINARY]).await.ok();
        assert_eq!((claim(&hub).await, hub.state_of(second).await), (None, "waiting".into()));
        hub.publish().await;
        assert_eq!(hub.state_of(first).await, "succeeded");
        assert_eq!(claim(&hub).await.unwrap().0, second);
    }
}

#[tokio::test]
async fn nobody_joins_a_batch_of_a_build_that_is_not_there() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        let id = submit(&hub, &alice, "libs", None, false).await;
        let found = db::build::get(&hub.state.db, id).await.unwrap().unwrap();
        let new = NewBuild {
            project_id: found.project_id,
            dirname: found.dirname,
            submitter: found.submitter,
            source: NewSource::Srpm(Srpm {
                file: found.srpm.unwrap(),
                package_name: found.package_name,
                package_version: found.package_version,
                licence: None,
            }),
            chroots: Vec::new(),
            timeout: 60,
            enable_net: false,
            wishes: Wishes::default(),
            background: false,
            package_name: None,
            wish: Some(Wish::After(id + 1_000)),
        };
        assert!(matches!(db::build::add(&hub.state.db, &new, clock::now_ms()).await.unwrap(), Added::NoSuchBuild));
    }
}

#[tokio::test]
async fn limits_hold_for_builders_that_come_at_once() {
    for hub in Hub::on_every_engine().await {
        let (alice, bob) = (hub.user("alice").await, hub.user("bob").await);
        hub.create(&alice, "libs").await;
        hub.create(&bob, "app").await;
        for _ in 0..8 {
            submit(&hub, &alice, "libs", None, false).await;
            submit(&hub, &bob, "app", None, false).await;
        }
        assert!(db::lease::set_max_running(&hub.state.db, "bob", Some(5)).await.unwrap());
        assert!(!db::lease::set_max_running(&hub.state.db, "@nobody", Some(5)).await.unwrap());
        let now = clock::now_ms();
        let asked: Vec<_> = (0..20)
            .map(|number| {
                let db = hub.state.db.clone();
                let takes = Takes { limits: Limits { owner: Some(3), ..Limits::default() }, ..takes() };
                tokio::spawn(async move {
                    let lease = format!("lease-{number}");
                    db::lease::claim(&db, &lease, "b", &takes, now, now + 60_000).await.unwrap()
                })
            })
            .collect();
        let mut builds = Vec::new();
        for claim in asked {
            builds.extend(claim.await.unwrap().map(|claimed| claimed.build_id));
        }
        builds.sort_unstable();
        // Alice's are the odd ones; the oldest of each come first.
        assert_eq!(builds, [1, 2, 3, 4, 5, 6, 8, 10], "{}", hub.place.engine);
    }
}

#[tokio::test]
async fn whoever_waits_is_told_how_many_come_before_and_about_when_its_turn_is() {
    for hub in Hub::on_every_engine().await {
        let (alice, bob) = (hub.user("alice").await, hub.user("bob").await);
        hub.create(&alice, "libs").await;
        hub.create(&bob, "app").await;
        let mut many = Vec::new();
        for _ in 0..10 {
            many.push(submit(&hub, &alice, "libs", None, false).await);
        }
        let chroot =
            async |id: i64| hub.get(&format!("/api_3/build-chroot?build_id={id}&chrootname={CHROOT}")).await.ok();
        assert_eq!(chroot(many[9]).await["queue_position"], 9);
        assert_eq!(chroot(many[9]).await["estimated_start"], Value::Null, "no machine is at work");
        let one = submit(&hub, &bob, "app", None, false).await;
        let (begun, lease) = claim(&hub).await.unwrap();
        assert_eq!((begun, chroot(begun).await["queue_position"].clone()), (many[0], Value::Null));
        assert_eq!(chroot(one).await["queue_position"], 0, "its owner has no machine, the other has one");
        assert_eq!(chroot(many[9]).await["queue_position"], 9);
        end(&hub, &lease, BuildState::Failed).await;
        let next = claim(&hub).await.unwrap();
        assert_eq!(next.0, one);
        let waits = chroot(many[9]).await;
        assert_eq!(waits["queue_position"], 8);
        assert!(waits["estimated_start"].as_i64().unwrap() >= clock::now_ms() / 1000 - 60);
        let list = hub.get(&format!("/api_3/build-chroot/list?build_id={}", many[1])).await.ok();
        assert_eq!(list["items"][0]["queue_position"], 0);
        let overview = hub.get("/api_3/queue").await.ok();
        let line = json!({ "pending": 9, "background": 0, "waiting": 0, "running": 1 });
        let with = |key: &str, name: &str, line: &Value| {
            let mut line = line.clone();
            line[key] = json!(name);
            line
        };
        assert_eq!(overview["arches"], json!([with("arch", "x86_64", &line)]));
        let bobs = json!({ "pending": 0, "background": 0, "waiting": 0, "running": 1 });
        let alices = json!({ "pending": 9, "background": 0, "waiting": 0, "running": 0 });
        assert_eq!(overview["owners"], json!([with("owner", "bob", &bobs), with("owner", "alice", &alices)]));
    }
}

#[tokio::test]
async fn builds_of_a_project_that_lets_nothing_out_yet_see_what_it_has_built() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        let body = json!({ "name": "libs", "chroots": [CHROOT], "devel_mode": true });
        hub.call(&alice, "POST", "/api_3/project/add/alice", &body).await.ok();
        hub.submit(&alice, "libs").await;
        let lease = hub.lease().await;
        let url = |id: &str| {
            let found = lease.repositories.iter().find(|repository| repository.id == id);
            found.map(|repository| repository.baseurl.clone()).unwrap_or_default()
        };
        assert!(!url("copr_base").is_empty());
        assert_eq!(url("copr_base_devel"), format!("{}devel/", url("copr_base")));
    }
}
