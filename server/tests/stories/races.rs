//! Calls that are on their way at the same time: whatever comes first, what stands afterwards makes sense.

use copr_api::builder::Outcome;
use serde_json::{Value, json};

use crate::support::{Answer, BINARY, CHROOT, Hub, PendingCall, SOURCE, User, at_once};

fn statuses(answers: &[Answer]) -> Vec<u16> {
    answers.iter().map(|answer| answer.status.as_u16()).collect()
}

fn add(hub: &Hub, user: &User, query: &str, name: &str) -> PendingCall {
    let body = json!({ "name": name, "chroots": [CHROOT] });
    hub.calls(Some(user), "POST", &format!("/api_3/project/add/{}{query}", user.name), &body)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_who_want_one_name_one_gets_it_and_the_others_are_told() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        let other = hub.another().await;
        for round in 0..5 {
            let name = format!("libs-{round}");
            let calls = (0..8).map(|n| add(if n % 2 == 0 { &hub } else { &other }, &alice, "", &name)).collect();
            let answers = at_once(calls).await;
            let won = answers.iter().filter(|answer| answer.status == 200).count();
            assert_eq!(won, 1, "{}: {:?}", hub.place.engine, statuses(&answers));
            for answer in answers.iter().filter(|answer| answer.status != 200) {
                assert_eq!(answer.error(400), format!("name: You already have a project named '{name}'."));
            }
        }
        let list = hub.get("/api_3/project/list?ownername=alice").await.ok();
        assert_eq!(list["items"].as_array().unwrap().len(), 5);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_does_not_mind_that_it_exists_gets_the_same_project() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        for round in 0..5 {
            let name = format!("libs-{round}");
            let calls = (0..6).map(|_| add(&hub, &alice, "?exist_ok=True", &name)).collect();
            let mut numbers: Vec<i64> =
                at_once(calls).await.iter().map(|answer| answer.ok()["id"].as_i64().unwrap()).collect();
            numbers.dedup();
            assert_eq!(numbers.len(), 1, "{}", hub.place.engine);
            assert_eq!(hub.repository(&format!("alice/{name}/{CHROOT}")).await, Vec::<String>::new());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_build_that_is_cancelled_as_it_ends_is_either_cancelled_or_published() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        for _ in 0..6 {
            let id = hub.submit(&alice, "libs").await;
            let lease = hub.lease().await;
            hub.put(&lease.id, &BINARY.file(), &BINARY.bytes()).await.ok();
            let cancel = hub.calls(Some(&alice), "PUT", &format!("/api_3/build/cancel/{id}"), &Value::Null);
            let cancel = tokio::spawn(cancel.answer());
            let finish = hub.finish(&lease.id, Outcome::Succeeded, vec![BINARY.claim()]).await;
            let cancelled = cancel.await.unwrap();
            hub.publish().await;
            let state = hub.state_of(id).await;
            let there = hub.repository(&format!("alice/libs/{CHROOT}")).await;
            let there = there.iter().any(|package| package.contains(&format!("{id:08}-")));
            let seen = (cancelled.status.as_u16(), finish.status.as_u16(), state.as_str(), there);
            match seen {
                (200, 200 | 409, "canceled", false) | (409, 200, "succeeded", true) => {}
                _ => panic!("{}: {seen:?}", hub.place.engine),
            }
            assert_eq!(hub.incoming().await, Vec::<String>::new());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_build_that_is_deleted_while_a_builder_has_it_goes_whole_or_stays_whole() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        for _ in 0..6 {
            let id = hub.submit(&alice, "libs").await;
            let lease = hub.lease().await;
            hub.put(&lease.id, &BINARY.file(), &BINARY.bytes()).await.ok();
            let delete = hub.calls(Some(&alice), "DELETE", &format!("/api_3/build/delete/{id}"), &Value::Null);
            let delete = tokio::spawn(delete.answer());
            let finish = hub.finish(&lease.id, Outcome::Succeeded, vec![BINARY.claim()]).await;
            let deleted = delete.await.unwrap();
            hub.publish().await;
            let packages = hub.repository(&format!("alice/libs/{CHROOT}")).await;
            let there = packages.iter().any(|package| package.contains(&format!("{id:08}-")));
            let build = hub.get(&format!("/api_3/build/{id}")).await;
            let seen = (deleted.status.as_u16(), finish.status.as_u16(), build.status.as_u16(), there);
            match seen {
                // Refused, as it runs; or deleted before or after its end.
                (400 | 409, 200, 200, true) => assert_eq!(build.json()["state"], "succeeded"),
                (200, 200 | 404 | 409, 404, false) => {}
                _ => panic!("{}: {seen:?}: {}", hub.place.engine, deleted.text()),
            }
            assert_eq!(hub.incoming().await, Vec::<String>::new());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_build_that_comes_as_its_project_goes_is_refused_or_goes_with_it() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        for round in 0..6 {
            hub.create(&alice, "libs").await;
            let delete =
                hub.calls(Some(&alice), "DELETE", "/api_3/project/delete/alice/libs", &json!({ "verify": true }));
            let delete = tokio::spawn(delete.answer());
            if round % 2 == 1 {
                tokio::task::yield_now().await;
            }
            let upload = hub.upload(&alice, "libs", &SOURCE.file(), &SOURCE.bytes(), json!({})).await;
            let deleted = delete.await.unwrap();
            let seen = (deleted.status.as_u16(), upload.status.as_u16());
            let gone = match seen {
                (200, 200 | 400 | 403 | 404 | 409) => true,
                (400 | 409, 200) => false,
                _ => panic!("{}: {seen:?}: {} {}", hub.place.engine, deleted.text(), upload.text()),
            };
            let project = hub.get("/api_3/project?ownername=alice&projectname=libs").await;
            assert_eq!(project.status == 404, gone);
            if upload.status == 200 {
                let id = upload.json()["id"].as_i64().unwrap();
                assert_eq!(hub.get(&format!("/api_3/build/{id}")).await.status == 404, gone, "{seen:?}");
            }
            if !gone {
                let id = upload.json()["id"].as_i64().unwrap();
                hub.call(&alice, "PUT", &format!("/api_3/build/cancel/{id}"), &Value::Null).await.ok();
                let sure = json!({ "verify": true });
                hub.call(&alice, "DELETE", "/api_3/project/delete/alice/libs", &sure).await.ok();
            }
            assert!(hub.lease_as("builder-1").await.is_none(), "work for a project that is gone");
            hub.publish().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_project_that_comes_back_as_its_namesake_goes_has_its_repository() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        for _ in 0..6 {
            let sure = json!({ "verify": true });
            let answers = at_once(vec![
                hub.calls(Some(&alice), "DELETE", "/api_3/project/delete/alice/libs", &sure),
                add(&hub, &alice, "", "libs"),
            ])
            .await;
            let seen = statuses(&answers);
            assert!(matches!(seen[..], [200, 200 | 400]), "{}: {seen:?}: {}", hub.place.engine, answers[1].text());
            if seen[1] == 400 {
                hub.create(&alice, "libs").await;
            }
            hub.publish().await;
            assert_eq!(hub.repository(&format!("alice/libs/{CHROOT}")).await, Vec::<String>::new());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_fork_of_a_project_that_is_being_deleted_is_whole_or_is_not() {
    for hub in Hub::on_every_engine().await {
        let (alice, bob) = (hub.user("alice").await, hub.user("bob").await);
        for round in 0..4 {
            hub.create(&alice, "libs").await;
            hub.submit(&alice, "libs").await;
            hub.hand_in(&hub.lease().await.id, &[BINARY]).await.ok();
            hub.publish().await;
            let to = format!("copy-{round}");
            let fork = json!({ "name": to, "ownername": "bob", "confirm": false });
            let sure = json!({ "verify": true });
            let answers = at_once(vec![
                hub.calls(Some(&bob), "POST", "/api_3/project/fork/alice/libs", &fork),
                hub.calls(Some(&alice), "DELETE", "/api_3/project/delete/alice/libs", &sure),
            ])
            .await;
            hub.publish().await;
            let seen = statuses(&answers);
            let source = hub.get("/api_3/project?ownername=alice&projectname=libs").await;
            assert_eq!(source.status == 404, seen[1] == 200, "{seen:?}");
            let copy = hub.get(&format!("/api_3/project?ownername=bob&projectname={to}")).await;
            match seen[..] {
                [200, 200 | 400 | 409] => {
                    copy.ok();
                    // Everything that the repository names can be had.
                    let packages = hub.repository(&format!("bob/{to}/{CHROOT}")).await;
                    let builds = hub.get(&format!("/api_3/build/list?ownername=bob&projectname={to}")).await.ok();
                    for build in builds["items"].as_array().unwrap() {
                        let state = build["state"].as_str().unwrap();
                        assert!(matches!(state, "forked" | "failed"), "{state}");
                        assert_eq!(packages.len(), usize::from(state == "forked"), "{state}: {packages:?}");
                    }
                    for package in &packages {
                        let href = package.split_once(' ').unwrap().1;
                        assert!(hub.read(&format!("bob/{to}/{CHROOT}/{href}")).await.is_some(), "{href} is gone");
                    }
                }
                [404 | 409, 200] => assert_eq!(copy.status, 404),
                _ => panic!("{}: {seen:?}: {} {}", hub.place.engine, answers[0].text(), answers[1].text()),
            }
            assert_eq!(hub.incoming().await, Vec::<String>::new());
            if seen[1] != 200 {
                hub.call(&alice, "DELETE", "/api_3/project/delete/alice/libs", &sure).await.ok();
                hub.publish().await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_forks_into_one_name_make_one_project() {
    for hub in Hub::on_every_engine().await {
        let (alice, bob) = (hub.user("alice").await, hub.user("bob").await);
        hub.create(&alice, "libs").await;
        let fork = json!({ "name": "copy", "ownername": "bob", "confirm": false });
        let calls = (0..4).map(|_| hub.calls(Some(&bob), "POST", "/api_3/project/fork/alice/libs", &fork)).collect();
        let answers = at_once(calls).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1, "{:?}", statuses(&answers));
        for answer in answers.iter().filter(|answer| answer.status != 200) {
            assert!(!answer.error(400).is_empty());
        }
        hub.publish().await;
        assert_eq!(hub.repository(&format!("bob/copy/{CHROOT}")).await, Vec::<String>::new());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_packages_or_two_requests_of_one_name_one_is_made() {
    for hub in Hub::on_every_engine().await {
        let (alice, bob) = (hub.user("alice").await, hub.user("bob").await);
        hub.create(&alice, "libs").await;
        let tool = json!({ "clone_url": "https://src.example.org/tool.git" });
        let path = "/api_3/package/add/alice/libs/tool/scm";
        let answers = at_once((0..4).map(|_| hub.calls(Some(&alice), "POST", path, &tool)).collect()).await;
        let mut seen = statuses(&answers);
        seen.sort_unstable();
        assert_eq!(seen, [200, 409, 409, 409], "{}", hub.place.engine);
        let ask = json!({ "builder": true });
        let path = "/api_3/project/permissions/request/alice/libs";
        for answer in at_once((0..4).map(|_| hub.calls(Some(&bob), "PUT", path, &ask)).collect()).await {
            answer.ok();
        }
        let given = hub.call(&alice, "GET", "/api_3/project/permissions/get/alice/libs", &Value::Null).await.ok();
        assert_eq!(given["permissions"]["bob"]["builder"], "request");
    }
}
