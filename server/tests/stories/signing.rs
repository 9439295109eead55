//! Keys of projects and owners, and what is signed with them. rpm's own program is the judge of packages.

use std::{path::Path, process::Command};

use copr_api::{builder::Outcome, builder::ResultFile};
use copr_rpm::write::Builder;
use coprd::{clock, db, expiry, sign};
use serde_json::{Value, json};

use crate::{
    packages::Rpm,
    support::{BINARY, CHROOT, Hub, User, sha256},
};

const DAY_MS: i64 = 24 * 3600 * 1000;

/// A package that can be signed.
fn package(release: &str) -> Vec<u8> {
    let package = Builder {
        name: "hello".to_owned(),
        version: "1.0".to_owned(),
        release: release.to_owned(),
        summary: "A package of the tests".to_owned(),
        description: "Nothing in it.".to_owned(),
        license: "MIT".to_owned(),
        build_time: 1_700_000_000,
        source_rpm: Some("hello-1.0-1.src.rpm".to_owned()),
        ..Builder::default()
    };
    let mut bytes = Vec::new();
    package.write(&mut bytes).unwrap();
    bytes
}

fn claim(file: &str, bytes: &[u8]) -> ResultFile {
    ResultFile {
        file: file.to_owned(),
        size: bytes.len() as u64,
        sha256: sha256(bytes),
        name: "hello".to_owned(),
        epoch: 0,
        version: "1.0".to_owned(),
        release: "1".to_owned(),
        arch: "noarch".to_owned(),
    }
}

const FILE: &str = "hello-1.0-1.noarch.rpm";

impl Hub {
    async fn create_signed(&self, user: &User, project: &str, signing: &str) -> Value {
        let body = json!({ "name": project, "chroots": [CHROOT], "signing": signing });
        self.call(user, "POST", &format!("/api_3/project/add/{}", user.name), &body).await.ok()
    }

    /// Builds `hello`, and has it published; the build's number and where the package lies.
    async fn build_signed(&self, user: &User, project: &str, more: Value) -> (i64, String) {
        let source = crate::support::SOURCE;
        let id = self.upload(user, project, &source.file(), &source.bytes(), more).await.ok()["id"].as_i64().unwrap();
        let (lease, bytes) = (self.lease().await, package("1"));
        self.put(&lease.id, FILE, &bytes).await.ok();
        self.finish(&lease.id, Outcome::Succeeded, vec![claim(FILE, &bytes)]).await.ok();
        self.publish().await;
        (id, format!("{}/{project}/{CHROOT}/{id:08}-hello/{FILE}", user.name))
    }

    async fn keys(&self, project: &str) -> Value {
        let (owner, name) = project.split_once('/').unwrap();
        self.get(&format!("/api_3/project-key?ownername={owner}&projectname={name}")).await.ok()
    }

    async fn text(&self, path: &str) -> String {
        String::from_utf8(self.read(path).await.unwrap_or_default()).unwrap()
    }
}

/// What rpmkeys says of a package, with the keys of a file.
fn rpmkeys(keys: &str, package: &[u8]) -> (bool, String) {
    let folder = tempfile::tempdir().unwrap();
    let (key, file, db) = (folder.path().join("key"), folder.path().join(FILE), folder.path().join("db"));
    fs_err::write(&key, keys).unwrap();
    fs_err::write(&file, package).unwrap();
    let run = |args: &[&str], what: &Path| {
        let output = Command::new("rpmkeys").arg("--dbpath").arg(&db).args(args).arg(what).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&text).into_owned())
    };
    if !keys.is_empty() {
        let (imported, text) = run(&["--import"], &key);
        assert!(imported, "{text}");
    }
    run(&["-Kv"], &file)
}

fn blocks(text: &str, what: &str) -> usize {
    text.matches(&format!("-----BEGIN PGP {what}-----")).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_published_is_signed_and_rpm_tells_when_it_is_not_what_was_signed() {
    for hub in Hub::on_every_engine().await {
        hub.state.signing.prove().await.unwrap();
        let alice = hub.user("alice").await;
        let project = hub.create_signed(&alice, "libs", "project").await;
        assert_eq!(project["signing"], "project");
        let (id, path) = hub.build_signed(&alice, "libs", json!({})).await;
        assert_eq!(hub.state_of(id).await, "succeeded");

        let (keys, signed) = (hub.text("alice/libs/pubkey.gpg").await, hub.read(&path).await.unwrap());
        assert_ne!(signed, package("1"));
        let (good, text) = rpmkeys(&keys, &signed);
        assert!(good && text.contains("OK"), "{text}");
        let (good, text) = rpmkeys("", &signed);
        assert!(!good && text.contains("NOKEY"), "{text}");
        // One byte of the header, one of the payload.
        let at = signed.windows(22).position(|some| some == b"A package of the tests").unwrap();
        for at in [at, signed.len() - 3] {
            let mut changed = signed.clone();
            changed[at] ^= 1;
            let (good, text) = rpmkeys(&keys, &changed);
            assert!(!good && text.contains("BAD"), "{text}");
        }
        // The metadata know the signed file, and are signed themselves.
        let index = format!("alice/libs/{CHROOT}/repodata/repomd.xml");
        let repomd = hub.read(&index).await.unwrap();
        let records = hub.records_of(&format!("alice/libs/{CHROOT}"), &repomd).await;
        assert_eq!(records[0].checksum.hex, sha256(&signed));
        assert_eq!(blocks(&hub.text(&format!("{index}.asc")).await, "SIGNATURE"), 1);

        let told = hub.keys("alice/libs").await;
        let key = &told["keys"][0];
        assert_eq!((&told["gpgcheck"], &told["unsigned"], &key["current"]), (&json!(true), &json!(0), &json!(true)));
        assert_eq!(key["public_key"].as_str().unwrap(), keys);
        let packages = db::build::packages(&hub.state.db, id).await.unwrap();
        assert_eq!(packages[0].signed_by.as_deref(), key["fingerprint"].as_str());
        let repo = hub.get("/coprs/alice/libs/repo/fedora-44/alice-libs.repo").await.text();
        assert!(repo.contains("gpgcheck=1\ngpgkey=http://copr.test:8210/results/alice/libs/pubkey.gpg\n"), "{repo}");
        let facts = hub.get("/api_3/rpmrepo/alice/libs/fedora-44").await.ok();
        assert_eq!((&facts["gpgcheck"], facts["pubkey_url"].is_string()), (&json!(true), true));
        let page = hub.get("/coprs/alice/libs/keys/").await.text();
        let shown = key["fingerprint"].as_str().unwrap().to_uppercase();
        assert!(page.contains(&shown[..4]) && page.contains("signs new packages"), "{page}");

        // Publishing again changes nothing, and a restart neither.
        let hub = hub.restart().await;
        hub.state.publishing.publish(&format!("alice/libs/{CHROOT}").parse().unwrap()).await.unwrap();
        assert_eq!(hub.read(&path).await.unwrap(), signed);
        assert_eq!(hub.read(&index).await.unwrap(), repomd);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_is_not_to_be_signed_is_told_of_and_one_that_cannot_be_fails() {
    for hub in Hub::on_every_engine().await {
        hub.state.signing.prove().await.unwrap();
        let alice = hub.user("alice").await;
        hub.create_signed(&alice, "libs", "project").await;
        let (id, path) = hub.build_signed(&alice, "libs", json!({ "sign": false })).await;
        assert_eq!(hub.read(&path).await.unwrap(), package("1"));
        let told = hub.keys("alice/libs").await;
        assert_eq!((&told["gpgcheck"], &told["unsigned"]), (&json!(false), &json!(1)));
        let repo = hub.get("/coprs/alice/libs/repo/fedora-44/alice-libs.repo").await.text();
        assert!(repo.contains("gpgcheck=0\n") && !repo.contains("gpgkey"), "{repo}");
        assert!(hub.get("/coprs/alice/libs/").await.text().contains("gpgcheck=0"));
        hub.call(&alice, "DELETE", &format!("/api_3/build/delete/{id}"), &Value::Null).await.ok();
        assert_eq!(hub.keys("alice/libs").await["gpgcheck"], true);

        // Its header has no digest of its payload.
        let id = hub.submit(&alice, "libs").await;
        hub.hand_in(&hub.lease().await.id, &[BINARY]).await.ok();
        hub.publish().await;
        assert_eq!(hub.state_of(id).await, "failed");
        let build = db::build::get(&hub.state.db, id).await.unwrap().unwrap();
        let message = build.chroots[0].message.clone().unwrap();
        assert!(message.contains(&BINARY.file()) && message.contains("--no-sign"), "{message}");
        assert_eq!(hub.repository(&format!("alice/libs/{CHROOT}")).await, Vec::<String>::new());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_rotation_both_keys_are_good_until_nothing_needs_the_old_one() {
    for hub in Hub::on_every_engine().await {
        hub.state.signing.prove().await.unwrap();
        let alice = hub.user("alice").await;
        hub.create_signed(&alice, "libs", "project").await;
        let (first, old_path) = hub.build_signed(&alice, "libs", json!({})).await;
        let old_keys = hub.text("alice/libs/pubkey.gpg").await;
        let old = hub.keys("alice/libs").await["keys"][0]["fingerprint"].clone();
        let rotated = hub.call(&alice, "POST", "/api_3/project-key/rotate/alice/libs", &Value::Null).await.ok();
        assert_eq!(rotated["keys"].as_array().unwrap().len(), 2);
        assert_eq!((&rotated["keys"][0]["current"], &rotated["keys"][1]["fingerprint"]), (&json!(true), &old));
        let (second, new_path) = hub.build_signed(&alice, "libs", json!({})).await;

        let (keys, index) =
            (hub.text("alice/libs/pubkey.gpg").await, format!("alice/libs/{CHROOT}/repodata/repomd.xml"));
        assert_eq!(
            (blocks(&keys, "PUBLIC KEY BLOCK"), blocks(&hub.text(&format!("{index}.asc")).await, "SIGNATURE")),
            (2, 2)
        );
        for path in [&old_path, &new_path] {
            let (good, text) = rpmkeys(&keys, &hub.read(path).await.unwrap());
            assert!(good, "{text}");
        }
        assert!(rpmkeys(&old_keys, &hub.read(&old_path).await.unwrap()).0);
        assert!(!rpmkeys(&old_keys, &hub.read(&new_path).await.unwrap()).0, "it is signed with the new one");

        // Its time is over, but a package is there that it has signed.
        let later = clock::now_ms() + 91 * DAY_MS;
        expiry::pass(&hub.state, later).await;
        assert_eq!(hub.keys("alice/libs").await["keys"].as_array().unwrap().len(), 2);
        hub.call(&alice, "DELETE", &format!("/api_3/build/delete/{first}"), &Value::Null).await.ok();
        expiry::pass(&hub.state, clock::now_ms() + 89 * DAY_MS).await;
        assert_eq!(hub.keys("alice/libs").await["keys"].as_array().unwrap().len(), 2, "not before its time");
        expiry::pass(&hub.state, later).await;
        hub.publish().await;
        let left = hub.keys("alice/libs").await;
        assert_eq!((left["keys"].as_array().unwrap().len(), left["keys"][0]["fingerprint"] != old), (1, true));
        let (keys, signature) = (hub.text("alice/libs/pubkey.gpg").await, hub.text(&format!("{index}.asc")).await);
        assert_eq!((blocks(&keys, "PUBLIC KEY BLOCK"), blocks(&signature, "SIGNATURE")), (1, 1));
        assert_eq!(hub.state_of(second).await, "succeeded");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owners_key_is_for_projects_that_nobody_else_builds_in() {
    for hub in Hub::on_every_engine().await {
        hub.state.signing.prove().await.unwrap();
        let (alice, bob) = (hub.user("alice").await, hub.user("bob").await);
        for name in ["libs", "tools"] {
            hub.create_signed(&alice, name, "owner").await;
            hub.publish().await;
        }
        let (libs, tools) = (hub.keys("alice/libs").await, hub.keys("alice/tools").await);
        assert_eq!(libs["keys"][0]["fingerprint"], tools["keys"][0]["fingerprint"]);
        assert_eq!(libs["keys"][0]["of_owner"], true);

        let permit = async |hub: &Hub| {
            let role = json!({ "bob": { "builder": "approved" } });
            hub.call(&alice, "PUT", "/api_3/project/permissions/set/alice/libs", &role).await
        };
        assert!(permit(&hub).await.error(400).contains("owner's key"));
        let edit = |signing: &str| json!({ "signing": signing });
        hub.call(&alice, "PUT", "/api_3/project/edit/alice/libs", &edit("project")).await.ok();
        permit(&hub).await.ok();
        let refused = hub.call(&alice, "PUT", "/api_3/project/edit/alice/libs", &edit("owner")).await.error(400);
        assert!(refused.starts_with("signing: bob "), "{refused}");
        let odd = hub.call(&alice, "PUT", "/api_3/project/edit/alice/libs", &edit("ours")).await.error(400);
        assert!(odd.contains("signing"), "{odd}");

        // Everyone who administers the project could otherwise change what other projects are signed with.
        let refused = hub.call(&bob, "POST", "/api_3/project-key/rotate/alice/tools", &Value::Null).await;
        assert_eq!(refused.status, 403);
        hub.call(&alice, "POST", "/api_3/project-key/rotate/alice/tools", &Value::Null).await.ok();
        let none = hub.create_signed(&alice, "plain", "none").await;
        assert_eq!(none["signing"], "none");
        let error = hub.call(&alice, "POST", "/api_3/project-key/rotate/alice/plain", &Value::Null).await.error(400);
        assert!(error.contains("signs nothing"), "{error}");
        assert!(hub.read("alice/plain/pubkey.gpg").await.is_none());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fork_is_signed_with_its_own_key_and_forking_again_brings_nothing_twice() {
    for hub in Hub::on_every_engine().await {
        hub.state.signing.prove().await.unwrap();
        let (alice, bob) = (hub.user("alice").await, hub.user("bob").await);
        hub.create_signed(&alice, "libs", "project").await;
        let (_, path) = hub.build_signed(&alice, "libs", json!({})).await;
        for confirm in [false, true] {
            let wish = json!({ "name": "libs", "ownername": "bob", "confirm": confirm });
            hub.call(&bob, "POST", "/api_3/project/fork/alice/libs", &wish).await.ok();
            hub.publish().await;
        }
        let theirs = hub.text("bob/libs/pubkey.gpg").await;
        assert_ne!(theirs, hub.text("alice/libs/pubkey.gpg").await);
        let builds = hub.get("/api_3/build/list?ownername=bob&projectname=libs").await.ok();
        assert_eq!(builds["items"].as_array().unwrap().len(), 1);
        let id = builds["items"][0]["id"].as_i64().unwrap();
        let copy = hub.read(&format!("bob/libs/{CHROOT}/{id:08}-hello/{FILE}")).await.unwrap();
        assert!(rpmkeys(&theirs, &copy).0 && !rpmkeys(&theirs, &hub.read(&path).await.unwrap()).0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_key_that_is_missing_or_another_one_is_told_before_anything_is_signed() {
    for hub in Hub::on_every_engine().await {
        hub.state.signing.prove().await.unwrap();
        let alice = hub.user("alice").await;
        hub.create_signed(&alice, "libs", "project").await;
        hub.publish().await;
        let path = hub.folder.path().join("signing-key");
        let right = fs_err::read(&path).unwrap();
        let hub = hub.restart().await;
        let confined = hub.state.signing.prove().await.unwrap();
        assert!(confined.contains("seccomp"), "{confined}");

        fs_err::remove_file(&path).unwrap();
        let hub = hub.restart().await;
        let error = hub.state.signing.prove().await.unwrap_err();
        assert!(matches!(error, sign::Error::Missing { keys: 1, .. }), "{error}");
        assert!(!path.exists(), "no new one is made in its place");
        fs_err::write(&path, format!("{}\n", "0".repeat(64))).unwrap();
        fs_err::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let error = hub.state.signing.prove().await.unwrap_err().to_string();
        assert!(error.contains("signing-key is not the key") && error.contains("backup"), "{error}");

        // Who goes on all the same signs nothing, and people see why.
        let id = hub.submit(&alice, "libs").await;
        let (lease, bytes) = (hub.lease().await, package("1"));
        hub.put(&lease.id, FILE, &bytes).await.ok();
        hub.finish(&lease.id, Outcome::Succeeded, vec![claim(FILE, &bytes)]).await.ok();
        hub.publish().await;
        assert_eq!(hub.state_of(id).await, "running");
        let state = hub.get("/api_3/project/publish-state?ownername=alice&projectname=libs").await.text();
        assert!(state.contains("not sealed with this server key"), "{state}");

        fs_err::write(&path, right).unwrap();
        let hub = hub.restart().await;
        hub.state.signing.prove().await.unwrap();
        hub.state.publishing.publish(&format!("alice/libs/{CHROOT}").parse().unwrap()).await.unwrap();
        assert_eq!(hub.state_of(id).await, "succeeded");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_that_is_deleted_takes_its_keys_with_it() {
    for hub in Hub::on_every_engine().await {
        hub.state.signing.prove().await.unwrap();
        let alice = hub.user("alice").await;
        hub.create_signed(&alice, "libs", "project").await;
        hub.build_signed(&alice, "libs", json!({})).await;
        let first = hub.text("alice/libs/pubkey.gpg").await;
        hub.call(&alice, "DELETE", "/api_3/project/delete/alice/libs", &json!({ "verify": true })).await.ok();
        assert!(hub.read("alice/libs/pubkey.gpg").await.is_none());
        assert_eq!(db::key::count(&hub.state.db).await.unwrap(), 0);
        hub.create_signed(&alice, "libs", "project").await;
        hub.publish().await;
        let second = hub.text("alice/libs/pubkey.gpg").await;
        assert!(!second.is_empty() && second != first);
    }
}

/// Packages of these stories have nothing to do with those of the others.
#[test]
fn the_package_of_these_stories_is_one_that_can_be_signed() {
    assert!(copr_rpm::sign::signable(&mut std::io::Cursor::new(package("1"))).is_ok());
    let other: Rpm<'_> = BINARY;
    assert!(copr_rpm::sign::signable(&mut std::io::Cursor::new(other.bytes())).is_err());
}
