//! The administrator's work: backups that either engine takes, quotas, chroots, the queue, and figures.

use std::{
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use copr_api::builder::Outcome;
use coprd::{
    admin::{
        backup::{backup, restore},
        chroots::{self, Change},
        queue,
    },
    db::{self, Db},
};
use serde_json::json;
use tempfile::TempDir;

use crate::support::{BINARY, CHROOT, Hub, User, new_database, variable};

/// A configuration that names a database, outside of the data folder.
fn configuration(folder: &Path, url: &str) -> PathBuf {
    let path = folder.join("of-this-test.toml");
    fs_err::write(&path, format!("listen = \"127.0.0.1:4711\"\n[database]\nurl = {url:?}\n")).unwrap();
    path
}

/// An empty database of each engine.
async fn empty(folder: &Path) -> Vec<String> {
    let mut urls = vec![Db::sqlite_url(&folder.join("other.sqlite"))];
    if let Some(server) = variable("TEST_DATABASE_URL") {
        urls.push(new_database(&server).await);
    }
    urls
}

/// A hub with one build that is published and one that waits.
async fn busy(hub: &Hub) -> (i64, i64, User) {
    let alice = hub.user("alice").await;
    hub.create(&alice, "p").await;
    let done = hub.submit(&alice, "p").await;
    let lease = hub.lease().await;
    hub.hand_in(&lease.id, &[BINARY]).await.ok();
    let waits = hub.submit(&alice, "p").await;
    (done, waits, alice)
}

#[tokio::test]
async fn a_backup_of_either_engine_fills_an_empty_database_of_either_and_numbers_go_on() {
    for hub in Hub::on_every_engine().await {
        let (first, second, alice) = busy(&hub).await;
        let builds = [hub.build(first).await, hub.build(second).await];
        let config = configuration(hub.folder.path(), hub.database());
        fs_err::write(hub.folder.path().join("builder-token"), "the-token\n").unwrap();
        let to = hub.folder.path().join("b");
        let said = backup(hub.folder.path(), Some(&config), &to).await.unwrap();
        assert!(said.contains("files"), "{said}");
        assert_eq!(fs_err::metadata(&to).unwrap().permissions().mode() & 0o777, 0o600);
        let later = hub.submit(&alice, "p").await;

        let elsewhere = tempfile::tempdir().unwrap();
        for url in empty(elsewhere.path()).await {
            let data = tempfile::tempdir().unwrap();
            let config = configuration(data.path(), &url);
            restore(data.path(), Some(&config), &to, false).await.unwrap();
            let token = data.path().join("builder-token");
            assert_eq!(fs_err::read_to_string(&token).unwrap(), "the-token\n");
            assert_eq!(fs_err::metadata(&token).unwrap().permissions().mode() & 0o077, 0, "secrets stay secret");
            let db = Db::open(&url).await.unwrap();
            for (id, before) in [first, second].into_iter().zip(&builds) {
                let build = db::build::get(&db, id).await.unwrap().unwrap();
                assert_eq!(build.state().as_str(), before["state"], "{} to {}", hub.place.engine, db.engine());
            }
            assert!(db::build::get(&db, later).await.unwrap().is_none(), "what came after the backup is not in it");
            let user = db::user::add(&db, "bob", false, 1).await.unwrap();
            assert_eq!(user.id, 2, "numbers go on behind those that were given");
            db.close().await;

            let again = restore(data.path(), Some(&config), &to, false).await.unwrap_err();
            assert!(format!("{again:#}").contains("--force"), "{again:#}");
            restore(data.path(), Some(&config), &to, true).await.unwrap();
            let db = Db::open(&url).await.unwrap();
            assert!(db::user::by_name(&db, "bob").await.unwrap().is_none(), "what was there is gone");
            db.close().await;
        }
    }
}

#[tokio::test]
async fn a_damaged_or_cut_backup_changes_nothing() {
    let hub = Hub::on_every_engine().await.swap_remove(0);
    busy(&hub).await;
    let to = hub.folder.path().join("b");
    backup(hub.folder.path(), None, &to).await.unwrap();
    let whole = zstd::decode_all(fs_err::read(&to).unwrap().as_slice()).unwrap();
    let text = String::from_utf8(whole).unwrap();
    let cut: String = text.lines().take(text.lines().count() / 2).map(|line| format!("{line}\n")).collect();
    let changed = text.replace("\"alice\"", "\"mallory\"");
    let strange = text.replace("\"name\":\"coprd.toml\"", "\"name\":\"../../etc/passwd\"");
    for (bad, why) in [(cut, "cut off"), (changed, "sum"), (strange, "../../etc/passwd"), ("{}\n".to_owned(), "line 1")]
    {
        let file = hub.folder.path().join("bad");
        fs_err::write(&file, zstd::encode_all(bad.as_bytes(), 1).unwrap()).unwrap();
        let data = tempfile::tempdir().unwrap();
        let error = format!("{:#}", restore(data.path(), None, &file, false).await.unwrap_err());
        assert!(error.contains(why), "{error}");
        assert_eq!(fs_err::read_dir(data.path()).unwrap().count(), 0, "{why}: nothing is made");
    }
}

#[tokio::test]
async fn a_restore_is_refused_while_a_server_runs_on_the_folder() {
    let hub = Hub::on_every_engine().await.swap_remove(0);
    let to = hub.folder.path().join("b");
    backup(hub.folder.path(), None, &to).await.unwrap();
    let folder = coprd::folder::Folder::open(hub.folder.path()).unwrap();
    let _lock = folder.lock().unwrap();
    let error = restore(hub.folder.path(), None, &to, true).await.unwrap_err();
    assert!(format!("{error:#}").contains("stop the server first"), "{error:#}");
}

#[tokio::test]
async fn a_build_that_is_requeued_is_taken_from_its_builder_and_leased_again_with_all_its_tries() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "p").await;
        let build = hub.submit(&alice, "p").await;
        let lost = hub.lease().await;
        let config = configuration(hub.folder.path(), hub.database());
        let (data, config) = (hub.folder.path(), Some(config.as_path()));
        let text = queue::list(data, config, None, 10).await.unwrap();
        assert!(text.contains(&format!("{build} {CHROOT} alice/p hello")) && text.contains("builder-1"), "{text}");
        queue::requeue(data, config, &format!("{build}/{CHROOT}")).await.unwrap();
        hub.finish(&lost.id, Outcome::Succeeded, Vec::new()).await.error(409);
        hub.lease_as("builder-2").await.expect("the build waits again");
        let error = queue::requeue(data, config, "4711").await.unwrap_err().to_string();
        assert!(error.contains("there is no build 4711"), "{error}");
        queue::cancel(data, config, &[], Some("alice")).await.unwrap();
        assert!(queue::requeue(data, config, "x").await.is_err());
    }
}

#[tokio::test]
async fn notes_on_chroots_and_quotas_are_kept_and_those_of_nobody_refused() {
    let folder = TempDir::new().unwrap();
    for url in empty(folder.path()).await {
        let data = tempfile::tempdir().unwrap();
        let definitions = data.path().join("chroots");
        fs_err::create_dir(&definitions).unwrap();
        fs_err::write(definitions.join("fedora-43-x86_64.toml"), "comment = \"x\"\ndbpath = \"/var/lib/rpm\"\n")
            .unwrap();
        let path = configuration(data.path(), &url);
        let text = fs_err::read_to_string(&path).unwrap();
        fs_err::write(&path, format!("{text}[chroots]\nfolder = {:?}\n", definitions.display().to_string())).unwrap();
        let (data, config) = (data.path(), Some(path.as_path()));
        let chroot = "fedora-43-x86_64";
        for change in [
            Change::Comment("going soon".to_owned()),
            Change::Eol(Some("2026-12-01".to_owned())),
            Change::Active(false),
        ] {
            chroots::change(data, config, chroot, change).await.unwrap();
        }
        let text = chroots::list(data, config).await.unwrap();
        assert_eq!(text, "fedora-43-x86_64 (disabled) (end of life 2026-12-01) going soon\n");
        assert!(chroots::change(data, config, chroot, Change::Eol(Some("soon".to_owned()))).await.is_err());
        assert!(chroots::change(data, config, "fedora-1-x86_64", Change::Active(true)).await.is_err());

        let db = Db::open(&url).await.unwrap();
        db::user::add(&db, "alice", false, 1).await.unwrap();
        db.close().await;
        queue::quota(data, config, Some(("alice", Some(3)))).await.unwrap();
        assert_eq!(queue::quota(data, config, None).await.unwrap(), "alice 3\n");
        queue::quota(data, config, Some(("alice", None))).await.unwrap();
        assert_eq!(queue::quota(data, config, None).await.unwrap(), "");
        assert!(queue::quota(data, config, Some(("@nobody", Some(3)))).await.is_err());
    }
}

#[tokio::test]
async fn figures_tell_of_the_queue_and_only_this_machine_may_read_them() {
    for hub in Hub::on_every_engine().await {
        busy(&hub).await;
        hub.publish().await;
        hub.get("/metrics").await.error(403);
        let answer = hub.get_from("127.0.0.1", "/metrics").await;
        let text = answer.text();
        for line in [
            "coprd_queue{arch=\"x86_64\",state=\"pending\"} 1",
            "coprd_builds_ended_total{state=\"succeeded\"} 1",
            "coprd_publish_tasks{what=\"failing\"} 0",
            "coprd_publish_seconds_count 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        assert!(text.contains("route=\"/api_3/build/create/upload\""), "{text}");
        hub.get_from("192.0.2.1", "/metrics").await.error(403);
        let health = hub.get("/healthz?verbose").await.ok();
        assert_eq!(health["queue"], json!({ "waiting": 1, "running": health["queue"]["running"] }));
        assert_eq!(health["database"]["schema"], db::newest_schema());
    }
}
