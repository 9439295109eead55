//! Source packages that machines make: of a URL, of a spec with its sources, of a git repository.

use copr_api::builder::{Finish, GitMake, Lease, Outcome, SourceFile, SourceMethod, Work};
use object_store::ObjectStoreExt as _;
use serde_json::{Value, json};

use crate::{
    packages::Rpm,
    support::{BASE, BINARY, CHROOT, Hub, SOURCE, User, sha256},
};

const URL: &str = "https://example.org/hello-1.0-1.src.rpm";

/// Submits a build of [`URL`]; its number.
async fn submit_url(hub: &Hub, user: &User, project: &str) -> i64 {
    let body = json!({ "ownername": user.name, "projectname": project, "pkgs": [URL], "chroots": null });
    let answer = hub.call(user, "POST", "/api_3/build/create/url", &body).await.ok();
    assert_eq!(answer["meta"], json!({ "limit": null, "offset": null, "order": null, "order_type": null }));
    answer["items"][0]["id"].as_i64().unwrap()
}

fn method(lease: &Lease) -> &SourceMethod {
    match &lease.work {
        Work::Source { method } => method,
        Work::Build { srpm } => panic!("a source was to be made, not {srpm:?} built"),
    }
}

async fn source_state(hub: &Hub, id: i64) -> Value {
    hub.get(&format!("/api_3/build/source-chroot/{id}")).await.ok()["state"].clone()
}

#[tokio::test]
async fn what_a_url_leads_to_becomes_the_source_of_a_build_and_then_packages() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        let id = submit_url(&hub, &alice, "libs").await;
        let build = hub.build(id).await;
        assert_eq!((&build["state"], &build["chroots"]), (&json!("pending"), &json!([CHROOT])));
        assert_eq!(build["source_package"], json!({ "name": null, "version": null, "url": null }));

        let lease = hub.lease().await;
        assert_eq!(*method(&lease), SourceMethod::Url { url: URL.to_owned() });
        assert_eq!((lease.build_id, lease.chroot.as_str()), (id, CHROOT));
        assert!(lease.settings.network && lease.repositories.is_empty(), "{lease:?}");
        assert!(hub.lease_as("builder-2").await.is_none(), "the chroots wait for the source");
        assert_eq!(hub.state_of(id).await, "starting");
        hub.beat(&lease.id, "building").await.ok();
        assert_eq!(hub.state_of(id).await, "running");
        hub.beat(&lease.id, "uploading").await.ok();
        assert_eq!((hub.state_of(id).await.as_str(), source_state(&hub, id).await), ("importing", json!("importing")));
        let nothing = hub.builder_call("GET", &format!("lease/{}/source", lease.id), "", &[]).await;
        assert!(!nothing.error(404).is_empty());
        let page = hub.get(&format!("/coprs/build/{id}")).await.text();
        assert!(page.contains("hello-1.0-1.src.rpm") && page.contains("It waits for its source package."), "{page}");
        hub.log(&lease.id, "builder-live.log", 0, "downloaded\n").await.ok();
        hub.hand_in(&lease.id, &[SOURCE]).await.ok();
        hub.finish(&lease.id, Outcome::Succeeded, vec![]).await.ok();

        assert_eq!((hub.state_of(id).await.as_str(), source_state(&hub, id).await), ("pending", json!("succeeded")));
        let folder = format!("alice/libs/srpm-builds/{id:08}");
        let file = format!("{BASE}/results/{folder}/{}", SOURCE.file());
        let expected = json!({ "name": "hello", "version": "1.0-1", "url": file });
        assert_eq!(hub.build(id).await["source_package"], expected);
        assert_eq!(hub.read(&format!("{folder}/{}", SOURCE.file())).await, Some(SOURCE.bytes()));
        assert_eq!(hub.names(&folder).await, ["builder-live.log", "hello-1.0-1.src.rpm", "results.json"]);
        assert_eq!(hub.incoming().await, Vec::<String>::new());
        let config = hub.get(&format!("/api_3/build/source-build-config/{id}")).await.ok();
        assert_eq!((&config["source_type"], &config["source_dict"]["url"]), (&json!("link"), &json!(URL)));

        let lease = hub.lease().await;
        let Work::Build { srpm } = &lease.work else { panic!("{lease:?}") };
        assert_eq!(srpm.sha256, sha256(&SOURCE.bytes()));
        let source = hub.builder_call("GET", &format!("lease/{}/source", lease.id), "", &[]).await;
        assert_eq!(source.body, SOURCE.bytes());
        hub.hand_in(&lease.id, &[BINARY]).await.ok();
        hub.publish().await;
        assert_eq!(hub.state_of(id).await, "succeeded");
        let packages = hub.get("/api_3/package/list?ownername=alice&projectname=libs").await.ok();
        assert_eq!(packages["items"][0]["source_type"], "link");
    }
}

#[tokio::test]
async fn a_package_is_not_built_for_what_its_denylist_has_once_its_name_is_known() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        let both = json!({ "name": "libs", "chroots": [CHROOT, "fedora-43-x86_64"] });
        hub.call(&alice, "POST", "/api_3/project/add/alice", &both).await.ok();
        let add = "/api_3/package/add/alice/libs/hello/link";
        let package = json!({ "pkgs": [URL], "chroot_denylist": ["fedora-43-*"] });
        hub.call(&alice, "POST", add, &package).await.ok();
        let made = async |id: i64| {
            let lease = hub.lease().await;
            assert_eq!((lease.build_id, *method(&lease) == SourceMethod::Url { url: URL.to_owned() }), (id, true));
            hub.hand_in(&lease.id, &[SOURCE]).await.ok();
            hub.finish(&lease.id, Outcome::Succeeded, vec![]).await.ok();
            let list = hub.get(&format!("/api_3/build-chroot/list?build_id={id}")).await.ok();
            let state = |of: &Value| (of["name"].clone(), of["state"].clone());
            list["items"].as_array().unwrap().iter().map(state).collect::<Vec<_>>()
        };
        let (old, new) = (json!("fedora-43-x86_64"), json!(CHROOT));
        let states = made(submit_url(&hub, &alice, "libs").await).await;
        assert_eq!(states, [(old.clone(), json!("skipped")), (new.clone(), json!("pending"))]);
        let lease = hub.lease().await;
        assert_eq!(lease.chroot.as_str(), CHROOT);
        hub.hand_in(&lease.id, &[BINARY]).await.ok();
        hub.publish().await;
        assert_eq!(hub.state_of(lease.build_id).await, "succeeded");

        // Who names a chroot wants it.
        let named =
            json!({ "ownername": "alice", "projectname": "libs", "pkgs": [URL], "chroots": ["fedora-43-x86_64"] });
        let answer = hub.call(&alice, "POST", "/api_3/build/create/url", &named).await.ok();
        let states = made(answer["items"][0]["id"].as_i64().unwrap()).await;
        assert_eq!(states, [(old.clone(), json!("pending"))]);
        let lease = hub.lease().await;
        hub.finish(&lease.id, Outcome::UserFault { message: "no".to_owned() }, vec![]).await.ok();

        // With nothing left to do the build has ended, and what comes after it goes on.
        let edit = json!({ "chroot_denylist": ["*"] });
        hub.call(&alice, "POST", "/api_3/package/edit/alice/libs/hello/link", &edit).await.ok();
        let first = submit_url(&hub, &alice, "libs").await;
        let options = json!({ "after_build_id": first, "chroots": [CHROOT] });
        let after = hub.upload(&alice, "libs", &SOURCE.file(), &SOURCE.bytes(), options).await.ok();
        let after = after["id"].as_i64().unwrap();
        assert_eq!(hub.state_of(after).await, "waiting");
        assert_eq!(made(first).await, [(old, json!("skipped")), (new, json!("skipped"))]);
        assert_eq!((hub.state_of(first).await.as_str(), hub.state_of(after).await.as_str()), ("skipped", "pending"));
    }
}

#[tokio::test]
async fn a_spec_and_its_sources_come_to_the_builder_as_they_were_uploaded_even_when_the_server_was_killed() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        let (spec, patch) = (b"Name: hello\n".as_slice(), b"--- a\n+++ b\n".as_slice());
        let files = [("hello.spec", spec), ("fix=1.patch", patch)];
        let id = hub.upload_files(&alice, "libs", &files, json!({})).await.ok()["id"].as_i64().unwrap();
        let lease = hub.lease().await;
        let file = |name: &str, bytes: &[u8]| SourceFile {
            name: name.to_owned(),
            size: bytes.len() as u64,
            sha256: sha256(bytes),
        };
        let expected = vec![file("hello.spec", spec), file("fix=1.patch", patch)];
        assert_eq!(*method(&lease), SourceMethod::Spec { spec: "hello.spec".to_owned(), files: expected });

        let hub = hub.restart().await;
        let fetch =
            async |name: &str| hub.builder_call("GET", &format!("lease/{}/source/{name}", lease.id), "", &[]).await;
        assert_eq!(fetch("hello.spec").await.body, spec);
        assert_eq!(fetch("fix=1.patch").await.body, patch);
        for other in ["builder-live.log", "..%2F..%2Fx", "hello.spec%00"] {
            assert!(!fetch(other).await.error(404).is_empty(), "{other}");
        }
        hub.hand_in(&lease.id, &[SOURCE]).await.ok();
        assert_eq!(hub.state_of(id).await, "pending");
        assert!(!fetch("hello.spec").await.error(409).is_empty(), "the lease has ended");

        // A spec alone, as copr-cli sends it.
        hub.upload(&alice, "libs", "other.spec", b"Name: other\n", json!({})).await.ok();
        let sources: Vec<_> = [hub.lease().await, hub.lease().await].into_iter().map(|lease| lease.work).collect();
        let made = |work: &Work| matches!(work, Work::Source { method: SourceMethod::Spec { spec, files } } if spec == "other.spec" && files.len() == 1);
        assert!(made(&sources[0]), "sources go before packages: {sources:?}");
    }
}

#[tokio::test]
async fn a_git_repository_is_built_as_copr_cli_asks_for_it() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        let mut body = json!({
            "ownername": "alice", "projectname": "libs", "project_dirname": "libs", "clone_url": "https://example.org/hello.git",
            "committish": "", "subdirectory": "", "spec": "", "scm_type": "git", "source_build_method": "rpkg",
            "timeout": "300", "chroots": null, "background": false, "isolation": "unchanged", "progress_callback": null,
        });
        hub.call(&alice, "POST", "/api_3/build/create/scm", &body).await.ok();
        for (key, value) in [
            ("committish", "v1"),
            ("subdirectory", "dist/rpm/"),
            ("spec", "hello.spec"),
            ("source_build_method", "make_srpm"),
        ] {
            body[key] = json!(value);
        }
        let id = hub.call(&alice, "POST", "/api_3/build/create/scm", &body).await.ok()["id"].as_i64().unwrap();
        let (plain, whole) = (hub.lease().await, hub.lease().await);
        assert_eq!((plain.timeout, plain.settings.network), (300, true));
        let clone_url = "https://example.org/hello.git".to_owned();
        let expected = SourceMethod::Git {
            clone_url: clone_url.clone(),
            committish: None,
            subdirectory: String::new(),
            spec: None,
            make: GitMake::Rpkg,
        };
        assert_eq!(*method(&plain), expected);
        let expected = SourceMethod::Git {
            clone_url,
            committish: Some("v1".to_owned()),
            subdirectory: "dist/rpm".to_owned(),
            spec: Some("hello.spec".to_owned()),
            make: GitMake::MakeSrpm,
        };
        assert_eq!(*method(&whole), expected);
        let dict = hub.get(&format!("/api_3/build/source-build-config/{id}")).await.ok()["source_dict"].clone();
        assert_eq!((&dict["source_build_method"], &dict["committish"]), (&json!("make_srpm"), &json!("v1")));
        body["clone_url"] = json!("file:///srv/git/hello.git");
        let refused = hub.call(&alice, "POST", "/api_3/build/create/scm", &body).await.error(400);
        assert!(refused.starts_with("clone_url: "), "{refused}");
    }
}

#[tokio::test]
async fn a_source_that_cannot_be_made_ends_all_that_waits_for_it() {
    for hub in Hub::on_every_engine().await {
        let (alice, bob) = (hub.user("alice").await, hub.user("bob").await);
        hub.create(&alice, "libs").await;
        let all = async |id: i64| {
            let build = coprd::db::build::get(&hub.state.db, id).await.unwrap().unwrap();
            let chroot = &build.chroots[0];
            (build.state().to_string(), chroot.state.to_string(), chroot.message.clone().unwrap_or_default())
        };
        let words = |state: &str, message: &str| (state.to_owned(), state.to_owned(), message.to_owned());

        let id = submit_url(&hub, &alice, "libs").await;
        let lease = hub.lease().await;
        hub.log(&lease.id, "builder-live.log", 0, "404 Not Found\n").await.ok();
        hub.finish(&lease.id, Outcome::UserFault { message: "The server said 404.".into() }, vec![]).await.ok();
        assert_eq!(all(id).await, words("failed", "The source package could not be made: The server said 404."));
        assert_eq!(
            hub.read(&format!("alice/libs/srpm-builds/{id:08}/builder-live.log")).await.unwrap(),
            b"404 Not Found\n"
        );
        assert!(hub.build(id).await["ended_on"].is_i64());

        let id = submit_url(&hub, &alice, "libs").await;
        for _ in 0..3 {
            let lease = hub.lease().await;
            hub.finish(&lease.id, Outcome::MachineFault { message: "no boot".into() }, vec![]).await.ok();
        }
        assert_eq!(all(id).await, words("failed", "The source package could not be made: no boot"));

        let id = submit_url(&hub, &alice, "libs").await;
        let lease = hub.lease().await;
        for _ in 0..2 {
            assert_eq!(hub.state.queue.expire(coprd::clock::now_ms() + 3_600_000).await.unwrap(), 1);
            assert_eq!(hub.state_of(id).await, "pending");
            assert!(!hub.beat(&lease.id, "building").await.error(409).is_empty());
            hub.lease().await;
        }
        hub.state.queue.expire(coprd::clock::now_ms() + 3_600_000).await.unwrap();
        assert_eq!(all(id).await.0, "failed");

        let (waiting, leased) = (submit_url(&hub, &alice, "libs").await, submit_url(&hub, &alice, "libs").await);
        let cancel = |id: i64| format!("/api_3/build/cancel/{id}");
        assert!(!hub.call(&bob, "PUT", &cancel(leased), &Value::Null).await.error(403).is_empty());
        let lease = hub.lease().await;
        assert_eq!(lease.build_id, waiting);
        for id in [waiting, leased] {
            assert_eq!(hub.call(&alice, "PUT", &cancel(id), &Value::Null).await.ok()["state"], "canceled");
        }
        assert_eq!(hub.beat(&lease.id, "building").await.ok(), json!({ "cancel": true }));
        // It was done before it heard of it.
        hub.hand_in(&lease.id, &[SOURCE]).await.ok();
        for id in [waiting, leased] {
            assert_eq!(all(id).await, words("canceled", ""));
        }
        assert_eq!(hub.build(waiting).await["source_package"]["name"], Value::Null);
        assert!(hub.lease_as("builder-1").await.is_none(), "nothing of all this is built");
        assert_eq!(hub.incoming().await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn what_a_machine_makes_must_be_what_an_upload_would_have_to_be() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        let odd = Rpm { name: "a b", ..SOURCE };
        let mut other_name = SOURCE.claim();
        other_name.file = "glibc-2-1.src.rpm".into();
        let mut named_odd = odd.claim();
        named_odd.file = "hello-1.0-1.src.rpm".into();
        for (claims, bytes, word) in [
            (vec![], SOURCE.bytes(), "there are 0"),
            (vec![SOURCE.claim(), BINARY.claim()], SOURCE.bytes(), "there are 2"),
            (vec![BINARY.claim()], BINARY.bytes(), "binary package"),
            (vec![other_name], SOURCE.bytes(), "another one"),
            (vec![named_odd], odd.bytes(), "characters"),
        ] {
            let id = submit_url(&hub, &alice, "libs").await;
            let lease = hub.lease().await;
            if let Some(first) = claims.first() {
                hub.put(&lease.id, &first.file, &bytes).await.ok();
            }
            hub.finish(&lease.id, Outcome::Succeeded, claims).await.ok();
            let stored = coprd::db::build::get(&hub.state.db, id).await.unwrap().unwrap();
            let message = stored.source.as_ref().and_then(|source| source.message.clone()).unwrap_or_default();
            assert!(stored.state().as_str() == "failed" && message.contains(word), "{word}: {message}");
            assert!(hub.names(&format!("alice/libs/srpm-builds/{id:08}")).await.is_empty());
        }
        // What was not handed in is the builder's mistake, and it may do better.
        let id = submit_url(&hub, &alice, "libs").await;
        let lease = hub.lease().await;
        let missing = hub.finish(&lease.id, Outcome::Succeeded, vec![SOURCE.claim()]).await;
        assert!(missing.error(400).contains("was not handed in"));
        hub.hand_in(&lease.id, &[SOURCE]).await.ok();
        assert_eq!(hub.state_of(id).await, "pending");
    }
}

#[tokio::test]
async fn a_source_that_was_cut_off_on_its_way_is_taken_whole_the_next_time() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        let id = submit_url(&hub, &alice, "libs").await;
        let lease = hub.lease().await;
        hub.put(&lease.id, &SOURCE.file(), &SOURCE.bytes()).await.ok();
        // The server died after it had put the file in its place, and before the database knew; an attempt before that one had
        // made another version.
        let folder = format!("alice/libs/srpm-builds/{id:08}");
        for name in [SOURCE.file(), "hello-0.9-1.src.rpm".to_owned()] {
            let key = hub.key(&format!("results/{folder}/{name}"));
            hub.objects.put(&key, "left by a crash".into()).await.unwrap();
        }
        let hub = hub.restart().await;
        assert_eq!(hub.state_of(id).await, "starting");
        hub.finish(&lease.id, Outcome::Succeeded, vec![SOURCE.claim()]).await.ok();
        assert_eq!(hub.names(&folder).await, ["hello-1.0-1.src.rpm", "results.json"]);
        assert_eq!(hub.read(&format!("{folder}/{}", SOURCE.file())).await, Some(SOURCE.bytes()));
        assert_eq!(hub.state_of(id).await, "pending");
    }
}

#[tokio::test]
async fn of_sources_that_are_refused_nothing_is_kept() {
    for hub in Hub::on_every_engine().await {
        let (alice, bob) = (hub.user("alice").await, hub.user("bob").await);
        hub.create(&alice, "libs").await;
        let spec = b"Name: hello\n".as_slice();
        let large = vec![0; 2 << 20];
        let refused = async |files: &[(&str, &[u8])], status: u16, word: &str| {
            let error = hub.upload_files(&alice, "libs", files, json!({})).await.error(status);
            assert!(error.contains(word), "{word}: {error}");
        };
        refused(&[("a.spec", spec), ("b.spec", spec)], 400, "a.spec, b.spec").await;
        refused(&[("a.src.rpm", spec), ("b.src.rpm", spec)], 400, "no spec").await;
        refused(&[("a.spec", spec), ("a b.tar", spec)], 400, "a b.tar").await;
        refused(&[("a.spec", spec), (".hidden", spec)], 400, ".hidden").await;
        refused(&[("a.spec", spec), ("a.tar", spec), ("a.tar", spec)], 400, "twice").await;
        refused(&[("a.spec", spec), ("a.tar", &large)], 413, "larger").await;
        hub.upload_files(&bob, "alice/libs", &[("a.spec", spec)], json!({})).await.error(403);
        let urls = json!({ "ownername": "alice", "projectname": "libs", "pkgs": [URL, "file:///etc/passwd"] });
        let error = hub.call(&alice, "POST", "/api_3/build/create/url", &urls).await.error(400);
        assert!(error.contains("file:///etc/passwd"), "{error}");
        hub.call(&bob, "POST", "/api_3/build/create/url", &urls).await.error(403);
        assert!(hub.lease_as("builder-1").await.is_none());
        assert_eq!(fs_err::read_dir(hub.stored("spool")).unwrap().count(), 0);
        assert!(hub.names("alice/libs/srpm-builds").await.is_empty());
    }
}

#[tokio::test]
async fn the_spec_is_kept_beside_the_source_that_was_made_of_it() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        let id = submit_url(&hub, &alice, "libs").await;
        let lease = hub.lease().await;
        let spec = b"Name: hello\n";
        hub.put(&lease.id, "hello.spec", spec).await.ok();
        hub.put(&lease.id, &SOURCE.file(), &SOURCE.bytes()).await.ok();
        let others = vec![SourceFile { name: "hello.spec".into(), size: 12, sha256: sha256(spec) }];
        let end = Finish { outcome: Outcome::Succeeded, results: vec![SOURCE.claim()], others, shadows: Vec::new() };
        hub.finish_with(&lease.id, &end).await.ok();
        let folder = format!("alice/libs/srpm-builds/{id:08}");
        assert_eq!(hub.names(&folder).await, ["hello-1.0-1.src.rpm", "hello.spec", "results.json"]);
    }
}
