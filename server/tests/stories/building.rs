//! From a leased build to packages in a repository.

use copr_api::builder::{Outcome, Work};
use serde_json::{Value, json};

use crate::{
    packages::Rpm,
    support::{BASE, BINARY, CHROOT, Hub, SOURCE, sha256},
};

#[tokio::test]
async fn a_source_package_becomes_packages_that_anyone_can_read_from_the_repository() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        assert!(hub.lease_as("idle").await.is_none(), "no work yet");
        let id = hub.submit(&alice, "libs").await;

        let lease = hub.lease().await;
        let Work::Build { srpm } = &lease.work else { panic!("it is a build") };
        assert_eq!((lease.build_id, lease.chroot.as_str(), srpm.name.as_str()), (id, CHROOT, "hello-1.0-1.src.rpm"));
        assert_eq!(lease.repositories.last().unwrap().baseurl, format!("{BASE}/results/alice/libs/{CHROOT}/"));
        assert_eq!(hub.state_of(id).await, "starting");
        let source = hub.builder_call("GET", &format!("lease/{}/source", lease.id), "", &[]).await;
        assert_eq!(sha256(&source.body), srpm.sha256);
        assert_eq!(hub.beat(&lease.id, "building").await.ok(), json!({ "cancel": false }));
        assert_eq!(hub.state_of(id).await, "running");

        assert_eq!(hub.log(&lease.id, "build.log", 0, "one\n").await.ok(), json!({ "size": 4 }));
        let twice = hub.log(&lease.id, "build.log", 0, "one\n").await;
        assert_eq!((twice.status.as_u16(), twice.json()), (416, json!({ "size": 4 })));
        assert_eq!(hub.log(&lease.id, "build.log", 4, "two\n").await.ok(), json!({ "size": 8 }));
        assert!(!hub.log(&lease.id, "../x", 0, "").await.status.is_success());
        assert!(!hub.log(&lease.id, "x.log", 0, "").await.error(400).is_empty());
        let folder = format!("alice/libs/{CHROOT}/{id:08}-hello");
        let log = async || hub.read(&format!("{folder}/build.log")).await.unwrap();
        assert_eq!(log().await, b"one\ntwo\n", "it can be read while it grows");

        hub.put(&lease.id, &BINARY.file(), &BINARY.bytes()).await.ok();
        hub.hand_in(&lease.id, &[BINARY, SOURCE]).await.ok();
        assert_eq!(hub.state_of(id).await, "running", "not succeeded before its packages can be had");
        assert_eq!(hub.repository(&format!("alice/libs/{CHROOT}")).await, Vec::<String>::new());
        hub.publish().await;
        assert_eq!(hub.state_of(id).await, "succeeded");
        assert_eq!(
            hub.repository(&format!("alice/libs/{CHROOT}")).await,
            [
                format!("hello-1.0-1.src {id:08}-hello/hello-1.0-1.src.rpm"),
                format!("hello-1.0-1.x86_64 {id:08}-hello/hello-1.0-1.x86_64.rpm"),
            ]
        );
        assert_eq!(hub.read(&format!("{folder}/{}", BINARY.file())).await, Some(BINARY.bytes()));
        assert_eq!(log().await, b"one\ntwo\n");
        assert_eq!(hub.incoming().await, Vec::<String>::new());
        hub.finish(&lease.id, Outcome::Succeeded, vec![]).await.ok();
        let built = hub.get(&format!("/api_3/build/built-packages/{id}")).await.ok();
        assert_eq!(
            built[CHROOT]["packages"][1],
            json!({ "name": "hello", "epoch": null, "version": "1.0", "release": "1", "arch": "x86_64" })
        );
        let build = hub.build(id).await;
        assert!(build["started_on"].is_i64() && build["ended_on"].is_i64(), "{build}");
        assert!(hub.lease_as("idle").await.is_none());
    }
}

#[tokio::test]
async fn a_failing_build_keeps_its_log_and_publishes_nothing() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        let id = hub.submit(&alice, "libs").await;
        let lease = hub.lease().await;
        hub.log(&lease.id, "build.log", 0, "Bad exit status\n").await.ok();
        hub.put(&lease.id, &BINARY.file(), &BINARY.bytes()).await.ok();
        let fault = Outcome::UserFault { message: "rpmbuild ended with 1".into() };
        hub.finish(&lease.id, fault.clone(), vec![]).await.ok();
        hub.finish(&lease.id, fault, vec![]).await.ok();
        hub.publish().await;
        assert_eq!(hub.state_of(id).await, "failed");
        let stored = coprd::db::build::get(&hub.state.db, id).await.unwrap().unwrap();
        assert_eq!(stored.chroots[0].message.as_deref(), Some("rpmbuild ended with 1"));
        assert_eq!(hub.repository(&format!("alice/libs/{CHROOT}")).await, Vec::<String>::new());
        let folder = format!("alice/libs/{CHROOT}/{id:08}-hello");
        assert_eq!(hub.read(&format!("{folder}/build.log")).await.unwrap(), b"Bad exit status\n");
        assert_eq!(hub.names(&folder).await, ["build.log"]);
        assert_eq!(hub.incoming().await, Vec::<String>::new());
        assert!(hub.lease_as("builder-2").await.is_none(), "a package's own failure is not tried again");
    }
}

#[tokio::test]
async fn what_waits_is_cancelled_at_once_and_what_is_built_when_its_builder_hears_of_it() {
    for hub in Hub::on_every_engine().await {
        let (alice, bob) = (hub.user("alice").await, hub.user("bob").await);
        hub.create(&alice, "libs").await;
        let (first, second) = (hub.submit(&alice, "libs").await, hub.submit(&alice, "libs").await);
        let lease = hub.lease().await;
        assert!(
            !hub.call(&bob, "PUT", &format!("/api_3/build/cancel/{first}"), &Value::Null).await.error(403).is_empty()
        );
        for id in [first, second] {
            let build = hub.call(&alice, "PUT", &format!("/api_3/build/cancel/{id}"), &Value::Null).await.ok();
            assert_eq!(build["state"], "canceled");
        }
        assert!(hub.lease_as("builder-2").await.is_none(), "a cancelled build is not leased");
        assert_eq!(hub.beat(&lease.id, "building").await.ok(), json!({ "cancel": true }));
        hub.finish(&lease.id, Outcome::Cancelled, vec![]).await.ok();
        let stored = coprd::db::build::get(&hub.state.db, first).await.unwrap().unwrap();
        assert_eq!(stored.chroots[0].state.as_str(), "canceled");
        let again = hub.call(&alice, "POST", &format!("/api_3/build/cancel/{first}"), &Value::Null).await;
        assert_eq!(again.error(409), format!("Cannot cancel build {first}"));
    }
}

#[tokio::test]
async fn builds_that_end_together_are_published_by_one_task() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        hub.publish().await;
        let (first, second) = (hub.submit(&alice, "libs").await, hub.submit(&alice, "libs").await);
        for _ in 0..2 {
            let lease = hub.lease().await;
            hub.hand_in(&lease.id, &[BINARY]).await.ok();
        }
        assert_eq!(coprd::db::task::count(&hub.state.db).await.unwrap(), 1);
        assert_eq!(hub.publish().await, 1);
        assert_eq!(hub.state_of(first).await, "succeeded");
        assert_eq!(hub.state_of(second).await, "succeeded");
        assert_eq!(hub.repository(&format!("alice/libs/{CHROOT}")).await.len(), 2);
        assert_eq!(coprd::db::task::count(&hub.state.db).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn results_that_are_not_what_they_must_be_fail_the_build() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        let foreign = Rpm { source: Some("glibc-2-1.src.rpm"), ..BINARY };
        let other_arch = Rpm { arch: "s390x", ..BINARY };
        for (package, word) in [(foreign, "glibc"), (other_arch, "s390x")] {
            let id = hub.submit(&alice, "libs").await;
            let lease = hub.lease().await;
            hub.hand_in(&lease.id, &[package]).await.ok();
            hub.publish().await;
            let stored = coprd::db::build::get(&hub.state.db, id).await.unwrap().unwrap();
            let message = stored.chroots[0].message.clone().unwrap_or_default();
            assert!(stored.state().as_str() == "failed" && message.contains(word), "{message}");
        }
        // The bytes of one package under the name of another.
        hub.submit(&alice, "libs").await;
        let lease = hub.lease().await;
        let mut claim = BINARY.claim();
        claim.file = "hello-2.0-1.x86_64.rpm".into();
        hub.put(&lease.id, &claim.file, &BINARY.bytes()).await.ok();
        hub.finish(&lease.id, Outcome::Succeeded, vec![claim]).await.ok();
        assert_eq!(hub.repository(&format!("alice/libs/{CHROOT}")).await, Vec::<String>::new());
        // No packages at all.
        let id = hub.submit(&alice, "libs").await;
        let lease = hub.lease().await;
        hub.finish(&lease.id, Outcome::Succeeded, vec![]).await.ok();
        assert_eq!(hub.state_of(id).await, "failed");
    }
}

#[tokio::test]
async fn a_builder_that_breaks_the_protocol_is_told_and_keeps_its_lease() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        hub.submit(&alice, "libs").await;
        let lease = hub.lease().await;
        let path = format!("lease/{}/result/{}", lease.id, BINARY.file());
        let wrong = [("x-sha256", "00")];
        assert!(hub.builder_call("PUT", &path, BINARY.bytes(), &wrong).await.error(400).contains("SHA-256"));
        for bad in ["x.txt", ".rpm", "a%2Fb.rpm", "a%00.rpm"] {
            assert_eq!(hub.put(&lease.id, bad, b"x").await.status.as_u16(), 400, "{bad}");
        }
        let missing = hub.finish(&lease.id, Outcome::Succeeded, vec![BINARY.claim()]).await;
        assert!(missing.error(400).contains("was not handed in"));
        let mut other = BINARY.claim();
        other.sha256 = "00".into();
        hub.put(&lease.id, &BINARY.file(), &BINARY.bytes()).await.ok();
        assert!(hub.finish(&lease.id, Outcome::Succeeded, vec![other]).await.error(400).contains("other bytes"));
        hub.beat(&lease.id, "uploading").await.ok();
        let anonymous = axum::http::Request::post("/builder/v1/lease").body(axum::body::Body::empty()).unwrap();
        assert!(!hub.send(anonymous).await.error(401).is_empty());
        assert!(!hub.builder_call("POST", "lease", r#"{"builder":"b","arches":[]}"#, &[]).await.error(400).is_empty());
    }
}

#[tokio::test]
async fn a_build_draws_from_its_projects_chain_with_the_project_itself_last() {
    for hub in Hub::on_every_engine().await {
        let (alice, bob) = (hub.user("alice").await, hub.user("bob").await);
        let add = async |user: &crate::support::User, name: &str, repos: Value, runtime: Value| {
            let body = json!({ "name": name, "chroots": [CHROOT], "additional_repos": repos, "runtime_dependencies": runtime });
            hub.call(user, "POST", &format!("/api_3/project/add/{}", user.name), &body).await.ok()
        };
        add(&alice, "base", json!([]), json!(["copr://bob/app"])).await;
        add(&alice, "libs", json!([]), json!(["copr://alice/base"])).await;
        add(&bob, "app", json!(["copr://alice/libs", "https://x.org/$chroot/"]), json!([])).await;
        hub.submit(&bob, "app").await;
        let lease = hub.lease().await;
        let repositories: Vec<_> =
            lease.repositories.iter().map(|repository| (repository.id.as_str(), repository.baseurl.as_str())).collect();
        let (base, libs, app) = (
            format!("{BASE}/results/alice/base/{CHROOT}/"),
            format!("{BASE}/results/alice/libs/{CHROOT}/"),
            format!("{BASE}/results/bob/app/{CHROOT}/"),
        );
        let external = format!("https://x.org/{CHROOT}/");
        assert_eq!(repositories.last(), Some(&("copr_base", app.as_str())));
        let position = |url: &str| repositories.iter().position(|(_, baseurl)| *baseurl == url).unwrap();
        assert!(position(&base) < position(&libs), "{repositories:?}");
        assert!(position(&external) < repositories.len() - 1 && repositories.len() == 4, "{repositories:?}");
        let path = format!("/api_3/project-chroot/build-config?ownername=bob&projectname=app&chrootname={CHROOT}");
        let config = hub.get(&path).await.ok();
        assert_eq!(config["repos"][0]["id"], "copr_base");
        assert_eq!(config["additional_repos"], json!(["copr://alice/libs", "https://x.org/$chroot/"]));
    }
}

#[tokio::test]
async fn a_build_whose_chain_is_broken_fails_with_the_reason_in_its_log() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        let body = json!({ "name": "libs", "chroots": [CHROOT], "additional_repos": ["copr://bob/gone"] });
        hub.call(&alice, "POST", "/api_3/project/add/alice", &body).await.ok();
        let id = hub.submit(&alice, "libs").await;
        assert!(hub.lease_as("builder-1").await.is_none());
        assert_eq!(hub.state_of(id).await, "failed");
        let log = hub.read(&format!("alice/libs/{CHROOT}/{id:08}-hello/builder-live.log")).await.unwrap();
        assert!(String::from_utf8(log).unwrap().contains("bob/gone"));
    }
}
