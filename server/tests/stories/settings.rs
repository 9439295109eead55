//! Which builder takes what, and what it is told of how the machine is to be.

use axum::{
    body::Body,
    http::{Request, header},
};
use copr_api::builder::{Finish, Outcome, Rpmlint, SourceFile};
use serde_json::{Value, json};

use crate::support::{BASE, BINARY, CHROOT, Hub, POWERFUL, SOURCE, User, sha256};

const OLD: &str = "fedora-43-x86_64";

async fn create(hub: &Hub, user: &User, chroots: &[&str]) {
    let body = json!({ "name": "libs", "chroots": chroots, "contact": "alice@example.org" });
    hub.call(user, "POST", &format!("/api_3/project/add/{}", user.name), &body).await.ok();
}

#[tokio::test]
async fn a_builder_gets_only_what_its_patterns_and_tags_let_it_take() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        create(&hub, &alice, &[OLD, CHROOT, POWERFUL]).await;
        hub.submit(&alice, "libs").await;
        let all = ["x86_64", "ppc64le"];
        let ask = async |chroots: &[&str], tags: &[&str]| {
            let request = json!({ "builder": "b", "arches": all, "chroots": chroots, "tags": tags });
            hub.lease_with(&request).await.map(|lease| lease.chroot.to_string())
        };
        assert_eq!(ask(&["opensuse-*"], &[]).await, None);
        assert_eq!(ask(&["fedora-44-*"], &[]).await.as_deref(), Some(CHROOT));
        assert_eq!(ask(&["fedora-44-*"], &["slow"]).await, None, "the other one asks for a tag");
        assert_eq!(ask(&["fedora-44-*"], &["slow", "powerful"]).await.as_deref(), Some(POWERFUL));
        assert_eq!(ask(&[], &[]).await.as_deref(), Some(OLD));
        assert_eq!(ask(&[], &["powerful"]).await, None);
        let bad = [
            json!({ "builder": "b", "arches": all, "chroots": ["["] }),
            json!({ "builder": "b", "arches": all, "chroots": vec!["x"; 5000] }),
            json!({ "builder": "b", "arches": all, "tags": ["x".repeat(5000)] }),
        ];
        for request in bad {
            assert!(!hub.builder_call("POST", "lease", request.to_string(), &[]).await.error(400).is_empty());
        }
    }
}

#[tokio::test]
async fn background_builds_wait_for_the_others_and_each_kind_keeps_its_order() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        create(&hub, &alice, &[CHROOT]).await;
        let submit = async |more: Value| {
            hub.upload(&alice, "libs", "x", &SOURCE.bytes(), more).await.ok()["id"].as_i64().unwrap()
        };
        let slow = submit(json!({ "background": true })).await;
        let (first, second) = (submit(json!({})).await, submit(json!({})).await);
        for id in [first, second, slow] {
            assert_eq!(hub.lease().await.build_id, id);
        }
    }
}

/// The form of `copr-cli edit-chroot`.
async fn edit(hub: &Hub, user: &User, path: &str, body: &Value) -> crate::support::Answer {
    let form = format!(
        "--B\r\nContent-Disposition: form-data; name=\"json\"; filename=\"json\"\r\nContent-Type: application/json\r\n\r\n\
         {body}\r\n--B--\r\n"
    );
    let request = Request::put(format!("/api_3/project-chroot/edit/{path}"))
        .header(header::AUTHORIZATION, &user.basic)
        .header(header::CONTENT_TYPE, "multipart/form-data; boundary=B");
    hub.send(request.body(Body::from(form)).unwrap()).await
}

#[tokio::test]
async fn what_is_chosen_for_a_chroot_and_for_a_build_reaches_the_builder() {
    for hub in Hub::on_every_engine().await {
        let (alice, bob) = (hub.user("alice").await, hub.user("bob").await);
        create(&hub, &alice, &[OLD, CHROOT]).await;
        let path = format!("alice/libs/{CHROOT}");
        let wishes = json!({
            "additional_repos": ["https://x.org/$chroot/?priority=7"], "additional_packages": "gcc make", "with_opts": ["docs", "tests"],
            "without_opts": ["gui"], "delete_comps": false, "bootstrap": null, "memory_mib": 4096, "cpus": "2",
        });
        edit(&hub, &bob, &path, &wishes).await.error(403);
        let shown = edit(&hub, &alice, &path, &wishes).await.ok();
        assert_eq!(
            (&shown["with_opts"], &shown["additional_packages"]),
            (&json!(["docs", "tests"]), &json!(["gcc", "make"]))
        );
        let query = format!("ownername=alice&projectname=libs&chrootname={CHROOT}");
        assert_eq!(hub.get(&format!("/api_3/project-chroot?{query}")).await.ok(), shown);

        let more = json!({
            "chroots": [CHROOT], "without_opts": ["tests"], "with_opts": "gui", "additional_packages": ["cmake"], "cpus": 4,
            "additional_repos": ["https://y.org/"], "enable_net": true, "rpmlint": "enforce", "timeout": "77",
        });
        hub.upload(&alice, "libs", "x", &SOURCE.bytes(), more).await.ok();
        let lease = hub.lease().await;
        let urls: Vec<_> = lease.repositories.iter().map(|of| (of.baseurl.as_str(), of.priority)).collect();
        let own = format!("{BASE}/results/alice/libs/{CHROOT}/");
        let external = format!("https://x.org/{CHROOT}/");
        assert!(urls.contains(&(external.as_str(), 7)) && urls.contains(&("https://y.org/", 99)), "{urls:?}");
        assert_eq!(urls.last(), Some(&(own.as_str(), 99)));
        assert_eq!(lease.extra_packages, ["gcc", "make", "cmake"]);
        assert_eq!(lease.timeout, 77);
        let settings = &lease.settings;
        assert_eq!((settings.network, settings.memory_mib, settings.cpus), (true, Some(4096), Some(4)));
        assert_eq!(settings.rpmlint, Rpmlint::Enforce);
        let value = |name: &str| lease.macros.iter().rev().find(|(of, _)| of == name).map(|(_, value)| value.as_str());
        assert_eq!((value("_with_docs"), value("_with_gui")), (Some("--with-docs"), Some("--with-gui")));
        assert_eq!(
            (value("_without_tests"), value("_with_tests"), value("_without_gui")),
            (Some("--without-tests"), None, None)
        );
        assert_eq!((value("copr_username"), value("copr_projectname")), (Some("alice"), Some("libs")));
        assert_eq!(value("vendor"), Some("Copr - user alice"));
        assert_eq!(value("buildtag"), Some(format!(".copr{}", lease.build_id).as_str()));
        assert_eq!(value("dist"), Some(".fc44"));
        let query = format!("build_id={}&chrootname={CHROOT}", lease.build_id);
        let config = hub.get(&format!("/api_3/build-chroot/build-config?{query}")).await.ok();
        assert_eq!((&config["without_opts"], &config["with_opts"]), (&json!(["tests"]), &json!(["docs", "gui"])));
        assert_eq!((&config["memory_limit"], &config["repos"][0]["id"]), (&json!(4096), &json!("copr_base")));
        assert_eq!(value("packager"), Some("alice <alice@example.org>"));
        assert_eq!(value("bugurl"), Some("mailto:alice@example.org"));

        // A build that asks for nothing has what its project and chroot say, and that may be taken back.
        let reset = json!({ "reset_fields": ["with_opts", "memory_mib", "isolation"], "additional_packages": [] });
        edit(&hub, &alice, &path, &reset).await.ok();
        hub.upload(&alice, "libs", "x", &SOURCE.bytes(), json!({ "chroots": [CHROOT] })).await.ok();
        let lease = hub.lease().await;
        assert_eq!((lease.settings.memory_mib, lease.settings.cpus), (None, Some(2)));
        assert_eq!((lease.settings.network, lease.settings.rpmlint), (false, Rpmlint::Report));
        assert!(lease.extra_packages.is_empty() && !lease.macros.iter().any(|(name, _)| name.starts_with("_with_")));
    }
}

#[tokio::test]
async fn a_source_knows_nothing_of_the_chroot_that_it_is_made_in() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        create(&hub, &alice, &[OLD, CHROOT]).await;
        hub.upload(&alice, "libs", "hello.spec", b"Name: hello\n", json!({})).await.ok();
        let lease = hub.lease().await;
        assert_eq!(lease.chroot.as_str(), CHROOT, "the one with packages for it");
        let dist: Vec<_> =
            lease.macros.iter().filter(|(name, _)| name == "dist").map(|(_, value)| value.as_str()).collect();
        assert_eq!(dist, ["%{nil}"]);
        assert!(lease.macros.iter().any(|(name, value)| name == "copr_username" && value == "alice"));
    }
}

#[tokio::test]
async fn wishes_without_sense_are_refused_line_by_line() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        create(&hub, &alice, &[CHROOT]).await;
        let bad = json!({
            "ownername": "alice", "projectname": "libs", "with_opts": ["a b"], "without_opts": ["%(id)"],
            "additional_packages": ["--nodeps"], "additional_repos": ["file:///etc"], "memory_mib": 1, "cpus": "100000",
        });
        let error = hub.call(&alice, "POST", "/api_3/build/check-before-build", &bad).await.error(400);
        let fields: Vec<_> = error.lines().filter_map(|line| line.split(':').next()).collect();
        assert_eq!(
            fields,
            ["additional_repos", "additional_packages", "with_opts", "without_opts", "memory_mib", "cpus"],
            "{error}"
        );
        let path = format!("alice/libs/{CHROOT}");
        let error = edit(&hub, &alice, &path, &json!({ "reset_fields": ["nonsense"] })).await.error(400);
        assert!(
            error.starts_with("Trying to reset an invalid attribute: nonsense\nSee `copr-cli get-chroot "),
            "{error}"
        );
        let error = edit(&hub, &alice, &path, &json!({ "additional_modules": ["nonsense"] })).await.error(400);
        assert!(error.starts_with("additional_modules: "), "{error}");
        edit(&hub, &alice, "alice/libs/epel-9-x86_64", &json!({})).await.error(404);
        let error = hub.upload(&alice, "libs", "x", &SOURCE.bytes(), json!({ "rpmlint": "perhaps" })).await.error(400);
        assert!(error.starts_with("rpmlint: "), "{error}");
    }
}

#[tokio::test]
async fn a_project_is_changed_by_what_is_said_and_keeps_the_rest() {
    for hub in Hub::on_every_engine().await {
        let (alice, bob) = (hub.user("alice").await, hub.user("bob").await);
        create(&hub, &alice, &[CHROOT]).await;
        let path = "/api_3/project/edit/alice/libs";
        let body = json!({
            "chroots": [OLD], "enable_net": true, "rpmlint": "off", "repos": ["copr://bob/app"], "description": "New", "bootstrap": "default",
        });
        hub.call(&bob, "PUT", path, &body).await.error(403);
        let changed = hub.call(&alice, "PUT", path, &body).await.ok();
        assert_eq!((&changed["enable_net"], &changed["rpmlint"]), (&json!(true), &json!("off")));
        assert_eq!((&changed["description"], &changed["contact"]), (&json!("New"), &json!("alice@example.org")));
        assert_eq!(changed["chroot_repos"].as_object().unwrap().keys().collect::<Vec<_>>(), [OLD]);
        assert_eq!(hub.repository(&format!("alice/libs/{OLD}")).await, Vec::<String>::new());
        assert_eq!(hub.get("/api_3/project?ownername=alice&projectname=libs").await.ok(), changed);
        let again = hub.call(&alice, "POST", path, &json!({ "repos": [] })).await.ok();
        assert_eq!((&again["additional_repos"], &again["description"]), (&json!([]), &json!("New")));
        let error = hub.call(&alice, "PUT", path, &json!({ "chroots": ["moon-1-x86_64"] })).await.error(400);
        assert!(error.contains("'moon-1-x86_64' is not a valid choice"), "{error}");
        hub.submit(&alice, "libs").await;
        let lease = hub.lease().await;
        assert_eq!((lease.settings.network, lease.settings.rpmlint, lease.chroot.as_str()), (true, Rpmlint::Off, OLD));
    }
}

#[tokio::test]
async fn a_package_that_is_not_for_an_architecture_is_skipped_there_and_built_elsewhere() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        create(&hub, &alice, &[OLD, CHROOT]).await;
        let id = hub.submit(&alice, "libs").await;
        let skipped = Outcome::Skipped { message: "ExclusiveArch: s390x".into() };
        hub.finish(&hub.lease().await.id, skipped.clone(), vec![]).await.ok();
        assert_eq!(hub.state_of(id).await, "pending");
        hub.hand_in(&hub.lease().await.id, &[BINARY]).await.ok();
        hub.publish().await;
        assert_eq!(hub.state_of(id).await, "succeeded");
        let id = hub.submit(&alice, "libs").await;
        for _ in 0..2 {
            hub.finish(&hub.lease().await.id, skipped.clone(), vec![]).await.ok();
        }
        assert_eq!(hub.state_of(id).await, "skipped");
        assert!(hub.get(&format!("/coprs/build/{id}")).await.text().contains("ExclusiveArch: s390x"));
        assert!(hub.lease_as("builder-1").await.is_none());
    }
}

#[tokio::test]
async fn beside_packages_stand_their_spec_their_logs_and_what_the_host_says_of_them() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        create(&hub, &alice, &[CHROOT]).await;
        let id = hub.submit(&alice, "libs").await;
        let lease = hub.lease().await;
        hub.log(&lease.id, "rpmlint.log", 0, "0 errors\n").await.ok();
        let spec = b"Name: hello\n";
        for bad in ["hello.sh", ".spec", "a%2Fb.spec"] {
            assert!(!hub.put(&lease.id, bad, spec).await.error(400).is_empty(), "{bad}");
        }
        assert!(!hub.put(&lease.id, "large.spec", &vec![b'#'; 11 << 20]).await.error(413).is_empty());
        hub.put(&lease.id, "hello.spec", spec).await.ok();
        hub.put(&lease.id, &BINARY.file(), &BINARY.bytes()).await.ok();
        let other = |name: &str, bytes: &[u8]| SourceFile {
            name: name.to_owned(),
            size: bytes.len() as u64,
            sha256: sha256(bytes),
        };
        let end =
            |others| Finish { outcome: Outcome::Succeeded, results: vec![BINARY.claim()], others, shadows: Vec::new() };
        for bad in [other("hello.spec", b"x"), other("gone.spec", spec), other("success", b"")] {
            assert!(!hub.finish_with(&lease.id, &end(vec![bad])).await.error(400).is_empty());
        }
        // The call that puts the spec in its place and is then cut off is repeated.
        let stale = end(vec![other("hello.spec", spec), other("gone.spec", spec)]);
        assert!(!hub.finish_with(&lease.id, &stale).await.error(400).is_empty());
        hub.finish_with(&lease.id, &end(vec![other("hello.spec", spec)])).await.ok();
        let folder = format!("alice/libs/{CHROOT}/{id:08}-hello");
        assert!(hub.read(&format!("{folder}/success")).await.is_none(), "not before it can be downloaded");
        hub.publish().await;
        assert_eq!(
            hub.names(&folder).await,
            ["hello-1.0-1.x86_64.rpm", "hello.spec", "results.json", "rpmlint.log", "success"]
        );
        assert_eq!(hub.read(&format!("{folder}/hello.spec")).await.unwrap(), spec);
        let results: Value =
            serde_json::from_slice(&hub.read(&format!("{folder}/results.json")).await.unwrap()).unwrap();
        let expected = json!({ "name": "hello", "epoch": null, "version": "1.0", "release": "1", "arch": "x86_64" });
        assert_eq!(results, json!({ "packages": [expected] }));
    }
}
