//! What owners store: exact whatever comes at once, refused with figures where it is too much, freed by what replaces it.

use copr_api::builder::Outcome;
use coprd::{clock, db};
use serde_json::{Value, json};

use crate::{
    packages::Rpm,
    support::{BINARY, CHROOT, Hub, SOURCE, User, at_once},
};

/// A source package of a version, and what comes of it.
fn pair(version: &str) -> (Rpm<'_>, String) {
    let source = Rpm { version, ..SOURCE };
    let file = source.file();
    (source, file)
}

fn length(package: &Rpm<'_>) -> i64 {
    i64::try_from(package.bytes().len()).unwrap()
}

impl Hub {
    async fn limit(&self, owner: &str, bytes: i64) {
        assert!(db::quota::set(&self.state.db, &owner.parse().unwrap(), Some(bytes)).await.unwrap());
    }

    async fn used(&self, owner: &str) -> i64 {
        let found = self.get(&format!("/api_3/quota?ownername={owner}")).await.ok();
        found["used"].as_i64().unwrap()
    }

    /// What is noted is what is there.
    async fn assert_exact(&self, after: &str) {
        let (differences, _) = db::quota::recount(&self.state.db).await.unwrap();
        assert_eq!(differences, [], "{} after {after}", self.place.engine);
    }

    async fn upload_version(&self, user: &User, project: &str, version: &str) -> crate::support::Answer {
        let (source, file) = pair(version);
        self.upload(user, project, &file, &source.bytes(), json!({})).await
    }

    /// Uploads, builds and publishes a version; the build's number.
    async fn build_version(&self, user: &User, project: &str, version: &str) -> i64 {
        let id = self.upload_version(user, project, version).await.ok()["id"].as_i64().unwrap();
        let (_, source) = pair(version);
        let binary = Rpm { version, source: Some(&source), ..BINARY };
        self.hand_in(&self.lease().await.id, &[binary]).await.ok();
        self.publish().await;
        id
    }
}

#[tokio::test]
async fn a_day_in_the_life_under_quota() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        let keep = json!({ "keep_builds": 1 });
        let project = hub.call(&alice, "PUT", "/api_3/project/edit/alice/libs", &keep).await.ok();
        assert_eq!(project["keep_builds"], 1);
        let (source, file) = pair("1.0");
        let one = length(&source) + length(&Rpm { source: Some(&file), ..BINARY });
        // Room for a build and the next one that replaces it.
        hub.limit("alice", 2 * one).await;
        let quota = hub.get("/api_3/quota?ownername=alice").await.ok();
        assert_eq!(quota, json!({ "ownername": "alice", "used": 0, "limit": 2 * one }));

        let first = hub.build_version(&alice, "libs", "1.0").await;
        assert_eq!(hub.used("alice").await, one);
        for version in ["1.1", "1.2", "1.3"] {
            hub.build_version(&alice, "libs", version).await;
            assert_eq!(hub.used("alice").await, one, "{} {version}: replaced at once", hub.place.engine);
            hub.assert_exact(version).await;
        }
        hub.get(&format!("/api_3/build/{first}")).await.error(404);
        let packages = hub.repository(&format!("alice/libs/{CHROOT}")).await;
        assert_eq!(packages.len(), 1);
        assert!(packages[0].contains("1.3"), "{packages:?}");

        // Nothing is replaced any more: one more fits, the results of a third do not.
        hub.call(&alice, "PUT", "/api_3/project/edit/alice/libs", &json!({ "keep_builds": 0 })).await.ok();
        hub.limit("alice", 2 * one + length(&source)).await;
        hub.build_version(&alice, "libs", "1.4").await;
        let failed = hub.upload_version(&alice, "libs", "1.5").await.ok()["id"].as_i64().unwrap();
        let (_, file) = pair("1.5");
        let binary = Rpm { version: "1.5", source: Some(&file), ..BINARY };
        let lease = hub.lease().await;
        // It came before it was full.
        hub.limit("alice", 2 * one + length(&source) + 1).await;
        hub.hand_in(&lease.id, std::slice::from_ref(&binary)).await.ok();
        assert_eq!(hub.state_of(failed).await, "failed");
        let build = db::build::get(&hub.state.db, failed).await.unwrap().unwrap();
        let message = build.chroots[0].message.clone().unwrap();
        let (used, limit) = (2 * one + length(&source), 2 * one + length(&source) + 1);
        assert!(message.contains(&format!("({used} + {} of {limit} bytes)", length(&binary))), "{message}");
        assert_eq!(hub.incoming().await, Vec::<String>::new(), "nothing is left over");
        assert_eq!(hub.publish().await, 0, "and nothing to be published");
        assert_eq!(hub.repository(&format!("alice/libs/{CHROOT}")).await.len(), 2);
        assert_eq!(hub.used("alice").await, used);

        // Whatever else is asked for is refused with the figures, before any machine.
        let error = hub.upload_version(&alice, "libs", "1.6").await.error(413);
        assert!(
            error.starts_with("pkgs: The quota is exceeded: ") && error.contains(&format!("of {limit} bytes")),
            "{error}"
        );
        hub.limit("alice", used).await;
        let project = json!({ "ownername": "alice", "projectname": "libs" });
        for (path, more) in [
            ("build/create/url", json!({ "pkgs": ["https://src.example.org/hello-1.0-1.src.rpm"] })),
            ("build/create/scm", json!({ "clone_url": "https://src.example.org/hello.git" })),
            ("build/check-before-build", json!({})),
        ] {
            let mut body = project.clone();
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let error = hub.call(&alice, "POST", &format!("/api_3/{path}"), &body).await.error(413);
            assert!(error.contains("The quota is exceeded") && error.contains(&used.to_string()), "{path}: {error}");
        }
        assert!(hub.lease_as("builder-1").await.is_none(), "a machine for what was refused");
        hub.assert_exact("refusals").await;

        // A deletion makes room at once.
        hub.call(&alice, "DELETE", &format!("/api_3/build/delete/{failed}"), &Value::Null).await.ok();
        assert_eq!(hub.used("alice").await, 2 * one);
        hub.limit("alice", 3 * one).await;
        hub.build_version(&alice, "libs", "1.6").await;
        assert_eq!(hub.used("alice").await, 3 * one);
    }
}

#[tokio::test]
async fn a_file_that_an_owner_has_several_times_is_counted_once_and_for_each_owner() {
    for hub in Hub::on_every_engine().await {
        let (alice, bob) = (hub.user("alice").await, hub.user("bob").await);
        for name in ["libs", "more"] {
            hub.create(&alice, name).await;
        }
        let one = length(&SOURCE) + length(&BINARY);
        let first = hub.built(&alice, "libs").await;
        hub.built(&alice, "libs").await;
        hub.built(&alice, "more").await;
        assert_eq!(hub.used("alice").await, one, "{}", hub.place.engine);
        hub.call(&alice, "DELETE", &format!("/api_3/build/delete/{first}"), &Value::Null).await.ok();
        assert_eq!(hub.used("alice").await, one, "others still have it");

        // Somebody else stores it for himself, if it fits.
        let fork = json!({ "name": "mine", "ownername": "bob", "confirm": false });
        hub.limit("bob", one - 1).await;
        let error = hub.call(&bob, "POST", "/api_3/project/fork/alice/libs", &fork).await.error(413);
        assert!(error.contains(&format!("({} + {one} of {} bytes)", 0, one - 1)), "{error}");
        hub.get("/api_3/project?ownername=bob&projectname=mine").await.error(404);
        assert_eq!(hub.incoming().await, Vec::<String>::new());
        hub.limit("bob", one).await;
        hub.call(&bob, "POST", "/api_3/project/fork/alice/libs", &fork).await.ok();
        hub.publish().await;
        assert_eq!((hub.used("alice").await, hub.used("bob").await), (one, one));

        // Packages that are signed are other files.
        let sql = format!(
            "UPDATE results SET sha256 = '{}', size = size + 7 WHERE sha256 = '{}'",
            "a".repeat(64),
            BINARY.claim().sha256
        );
        hub.sql(&sql).await;
        assert_eq!((hub.used("alice").await, hub.used("bob").await), (one + 7, one + 7), "{}", hub.place.engine);
        hub.assert_exact("signing").await;

        let sure = json!({ "verify": true });
        hub.call(&alice, "DELETE", "/api_3/project/delete/alice/libs", &sure).await.ok();
        assert_eq!(hub.used("alice").await, one + 7);
        hub.call(&alice, "DELETE", "/api_3/project/delete/alice/more", &sure).await.ok();
        assert_eq!((hub.used("alice").await, hub.used("bob").await), (0, one + 7));
        let package = json!({ "ownername": "bob", "projectname": "mine", "package_name": "hello" });
        hub.call(&bob, "DELETE", "/api_3/package/delete", &package).await.ok();
        assert_eq!(hub.used("bob").await, 0);
        hub.assert_exact("deletions").await;
    }
}

#[tokio::test]
async fn what_a_chroot_had_that_is_given_up_is_nobodys_after_its_time() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        let body = json!({ "name": "libs", "chroots": [CHROOT, "fedora-43-x86_64"] });
        hub.call(&alice, "POST", "/api_3/project/add/alice", &body).await.ok();
        hub.submit(&alice, "libs").await;
        for _ in 0..2 {
            hub.hand_in(&hub.lease().await.id, &[BINARY]).await.ok();
        }
        hub.publish().await;
        hub.sql("UPDATE results SET sha256 = 'other' WHERE build_chroot_id = (SELECT MAX(id) FROM build_chroots)")
            .await;
        let both = length(&SOURCE) + 2 * length(&BINARY);
        assert_eq!(hub.used("alice").await, both, "{}", hub.place.engine);
        hub.call(&alice, "PUT", "/api_3/project/edit/alice/libs", &json!({ "chroots": [CHROOT] })).await.ok();
        assert_eq!(hub.used("alice").await, both, "it can still be chosen again");
        let later = clock::now_ms() + 100 * 24 * 3_600_000;
        db::chroot::delete_due(&hub.state.db, later, clock::now_ms()).await.unwrap();
        assert_eq!(hub.used("alice").await, both - length(&BINARY));
        hub.assert_exact("a chroot").await;
    }
}

#[tokio::test]
async fn files_that_a_source_package_is_made_of_are_stored_too() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        let files: [(&str, &[u8]); 2] = [("hello.spec", b"Name: hello\n"), ("hello.tar.gz", &[7; 500])];
        hub.limit("alice", 511).await;
        let error = hub.upload_files(&alice, "libs", &files, json!({})).await.error(413);
        assert!(error.contains("(0 + 512 of 511 bytes)"), "{error}");
        hub.limit("alice", 512).await;
        let id = hub.upload_files(&alice, "libs", &files, json!({})).await.ok()["id"].as_i64().unwrap();
        assert_eq!(hub.used("alice").await, 512, "{}", hub.place.engine);
        // The source package that is made of them needs room as well.
        let lease = hub.lease().await;
        hub.hand_in(&lease.id, &[SOURCE]).await.ok();
        let build = db::build::get(&hub.state.db, id).await.unwrap().unwrap();
        assert_eq!(hub.state_of(id).await, "failed");
        let message = build.source.unwrap().message.unwrap();
        assert!(message.contains(&format!("(512 + {} of 512 bytes)", length(&SOURCE))), "{message}");
        assert_eq!(hub.incoming().await, Vec::<String>::new());
        hub.call(&alice, "DELETE", &format!("/api_3/build/delete/{id}"), &Value::Null).await.ok();
        assert_eq!(hub.used("alice").await, 0);
        hub.assert_exact("a spec").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_uploads_that_fit_alone_and_not_together_one_is_taken() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        for name in ["libs", "more"] {
            hub.create(&alice, name).await;
        }
        for round in 0..6 {
            let before = hub.used("alice").await;
            let versions = [format!("1.{round}"), format!("2.{round}")];
            let size = length(&pair(&versions[0]).0);
            hub.limit("alice", before + 2 * size - 1).await;
            let uploads = versions.iter().zip(["libs", "more"]);
            let answers: Vec<_> = futures_util::future::join_all(
                uploads.map(|(version, project)| hub.upload_version(&alice, project, version)),
            )
            .await;
            let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status.as_u16()).collect();
            statuses.sort_unstable();
            assert_eq!(statuses, [200, 413], "{}", hub.place.engine);
            assert_eq!(hub.used("alice").await, before + size);
        }
        hub.assert_exact("races").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_hundred_publishes_at_once_are_counted_exactly_and_never_exceed_together() {
    const BUILDS: usize = 200;
    const FIT: usize = 150;
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        for name in ["libs", "more"] {
            hub.create(&alice, name).await;
        }
        let versions: Vec<String> = (0..BUILDS).map(|number| format!("1.{number:03}")).collect();
        for (number, version) in versions.iter().enumerate() {
            let project = if number % 2 == 0 { "libs" } else { "more" };
            hub.upload_version(&alice, project, version).await.ok();
        }
        let sources = hub.used("alice").await;
        assert_eq!(sources, length(&pair(&versions[0]).0) * 200, "{}", hub.place.engine);
        let (mut ends, mut size) = (Vec::new(), 0);
        for _ in 0..BUILDS {
            let lease = hub.lease().await;
            let held = db::lease::held(&hub.state.db, &lease.id).await.unwrap().unwrap();
            let version = held.source_name.trim_start_matches("hello-").trim_end_matches("-1.src.rpm").to_owned();
            let binary = Rpm { version: &version, source: Some(&held.source_name), ..BINARY };
            hub.put(&lease.id, &binary.file(), &binary.bytes()).await.ok();
            size = length(&binary);
            let end = json!({ "outcome": Outcome::Succeeded, "results": [binary.claim()], "others": [] });
            ends.push((lease.id, end));
        }
        hub.limit("alice", sources + size * i64::try_from(FIT).unwrap() + size / 2).await;
        let calls = ends.iter().map(|(lease, end)| hub.builders(&format!("lease/{lease}/finish"), end)).collect();
        let publishing = hub.state.publishing.clone();
        let publisher = tokio::spawn(async move {
            for _ in 0..20 {
                publishing.run_one().await.unwrap();
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        });
        for answer in at_once(calls).await {
            answer.ok();
        }
        publisher.await.unwrap();
        hub.publish().await;
        let mut states = std::collections::BTreeMap::<String, usize>::new();
        for project in ["libs", "more"] {
            let list = hub.get(&format!("/api_3/build/list?ownername=alice&projectname={project}")).await.ok();
            for build in list["items"].as_array().unwrap() {
                *states.entry(build["state"].as_str().unwrap().to_owned()).or_default() += 1;
            }
        }
        let expected = [("failed", BUILDS - FIT), ("succeeded", FIT)].map(|(state, n)| (state.to_owned(), n));
        assert_eq!(states, expected.into(), "{}", hub.place.engine);
        assert_eq!(hub.used("alice").await, sources + size * i64::try_from(FIT).unwrap());
        hub.assert_exact("two hundred publishes").await;
        let hub = hub.restart().await;
        hub.assert_exact("a restart").await;
        assert_eq!(hub.incoming().await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_project_keeps_the_newest_builds_that_went_well_in_each_chroot() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        let body = json!({ "name": "libs", "chroots": [CHROOT, "fedora-43-x86_64"], "keep_builds": "2" });
        hub.call(&alice, "POST", "/api_3/project/add/alice", &body).await.ok();
        let mut ids = Vec::new();
        // The third and fourth go well in one chroot only, the others in both.
        for (version, bad) in [("1.0", false), ("1.1", false), ("1.2", true), ("1.3", true)] {
            let id = hub.upload_version(&alice, "libs", version).await.ok()["id"].as_i64().unwrap();
            for _ in 0..2 {
                let lease = hub.lease().await;
                if bad && lease.chroot.as_str() != CHROOT {
                    let message = "no".to_owned();
                    hub.finish(&lease.id, Outcome::UserFault { message }, Vec::new()).await.ok();
                } else {
                    let (_, source) = pair(version);
                    hub.hand_in(&lease.id, &[Rpm { version, source: Some(&source), ..BINARY }]).await.ok();
                }
            }
            hub.publish().await;
            ids.push(id);
        }
        let list = hub.get("/api_3/build/list?ownername=alice&projectname=libs").await.ok();
        assert_eq!(
            list["items"].as_array().unwrap().len(),
            4,
            "{}: the second chroot has no newer ones",
            hub.place.engine
        );
        hub.build_version(&alice, "libs", "1.4").await;
        let lease = hub.lease().await;
        let (_, source) = pair("1.4");
        hub.hand_in(&lease.id, &[Rpm { version: "1.4", source: Some(&source), ..BINARY }]).await.ok();
        hub.publish().await;
        for (id, there) in ids.iter().zip([false, true, false, true]) {
            let status = hub.get(&format!("/api_3/build/{id}")).await.status.as_u16();
            assert_eq!(status == 200, there, "{}: build {id}", hub.place.engine);
        }
        hub.assert_exact("replacing").await;
        let error = hub.call(&alice, "PUT", "/api_3/project/edit/alice/libs", &json!({ "keep_builds": -1 })).await;
        assert!(error.error(400).starts_with("keep_builds: "));
        hub.get("/api_3/quota?ownername=nobody").await.error(404);
    }
}
