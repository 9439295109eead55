//! What happens when someone dies.

use copr_api::builder::Outcome;
use coprd::{clock, db};
use object_store::ObjectStoreExt as _;
use serde_json::json;

use crate::support::{BINARY, CHROOT, Hub, SERVER, SOURCE, takes};

/// Later than any lease lasts.
fn much_later() -> i64 {
    clock::now_ms() + 3_600_000
}

#[tokio::test]
async fn a_silent_builder_loses_its_lease_and_what_it_still_says_changes_nothing() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        let id = hub.submit(&alice, "libs").await;
        let stale = hub.lease().await;
        hub.log(&stale.id, "build.log", 0, "the first try\n").await.ok();
        hub.put(&stale.id, &BINARY.file(), &BINARY.bytes()).await.ok();
        assert_eq!(hub.state.queue.expire(clock::now_ms()).await.unwrap(), 0, "a lease that still runs is left alone");
        assert_eq!(hub.state.queue.expire(much_later()).await.unwrap(), 1);
        assert_eq!(hub.state_of(id).await, "pending");

        let lease = hub.lease_as("builder-2").await.expect("the build is leased again");
        assert_eq!((lease.build_id, lease.id == stale.id), (id, false));
        assert!(!hub.beat(&stale.id, "building").await.error(409).is_empty());
        assert!(!hub.log(&stale.id, "build.log", 14, "x").await.error(409).is_empty());
        assert!(!hub.put(&stale.id, &SOURCE.file(), &SOURCE.bytes()).await.error(409).is_empty());
        assert!(!hub.finish(&stale.id, Outcome::Succeeded, vec![BINARY.claim()]).await.error(409).is_empty());
        assert!(!hub.builder_call("GET", &format!("lease/{}/source", stale.id), "", &[]).await.error(409).is_empty());
        assert!(!hub.beat("nonsense", "building").await.error(409).is_empty());

        hub.log(&lease.id, "build.log", 0, "the second try\n").await.ok();
        hub.hand_in(&lease.id, &[BINARY]).await.ok();
        hub.publish().await;
        assert_eq!(hub.state_of(id).await, "succeeded");
        let log = hub.read(&format!("alice/libs/{CHROOT}/{id:08}-hello/build.log")).await.unwrap();
        assert_eq!(log, b"the second try\n");
    }
}

#[tokio::test]
async fn a_build_that_no_machine_survives_fails_after_three_attempts() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        let id = hub.submit(&alice, "libs").await;
        for attempt in 1..=3 {
            let lease = hub.lease().await;
            let fault = Outcome::MachineFault { message: format!("no boot {attempt}") };
            hub.finish(&lease.id, fault.clone(), vec![]).await.ok();
            hub.finish(&lease.id, fault, vec![]).await.ok();
        }
        assert!(hub.lease_as("builder-1").await.is_none());
        let build = db::build::get(&hub.state.db, id).await.unwrap().unwrap();
        assert_eq!((build.state().as_str(), build.chroots[0].message.as_deref()), ("failed", Some("no boot 3")));
    }
}

#[tokio::test]
async fn after_kill_9_the_embedded_builders_build_is_free_at_once_and_anothers_stays_leased() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        let (first, second) = (hub.submit(&alice, "libs").await, hub.submit(&alice, "libs").await);
        let own = hub.lease_as(SERVER).await.unwrap();
        let other = hub.lease_as("far-away").await.unwrap();
        hub.put(&own.id, &BINARY.file(), &BINARY.bytes()).await.ok();
        assert_eq!((own.build_id, other.build_id), (first, second));
        let hub = hub.restart().await;
        assert_eq!(hub.state_of(first).await, "pending");
        assert!(!hub.beat(&own.id, "building").await.status.is_success());
        hub.beat(&other.id, "building").await.ok();
        assert_eq!(hub.incoming().await, Vec::<String>::new(), "half-handed-in results are swept");
        assert_eq!(hub.lease().await.build_id, first);
    }
}

#[tokio::test]
async fn a_builder_elsewhere_keeps_its_lease_when_the_server_was_down_for_longer_than_that_lasts() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        let id = hub.submit(&alice, "libs").await;
        let now = clock::now_ms();
        db::lease::claim(&hub.state.db, "old", "far-away", &takes(), now - 200_000, now - 100_000).await.unwrap();
        let hub = hub.restart().await;
        assert_eq!(hub.state.queue.expire(clock::now_ms()).await.unwrap(), 0);
        hub.beat("old", "building").await.ok();
        assert_eq!(hub.state_of(id).await, "running");
    }
}

#[tokio::test]
async fn a_publish_that_was_cut_off_anywhere_is_finished_after_the_restart() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        let id = hub.submit(&alice, "libs").await;
        let lease = hub.lease().await;
        hub.hand_in(&lease.id, &[BINARY, SOURCE]).await.ok();
        // The crash came after the task was claimed and one of two files was moved.
        let now = clock::now_ms();
        db::task::claim(&hub.state.db, SERVER, now, now + 60_000).await.unwrap().expect("a task");
        let from = hub.key(&format!("incoming/{}/{}", lease.id, SOURCE.file()));
        let to = hub.key(&format!("results/alice/libs/{CHROOT}/{id:08}-hello/{}", SOURCE.file()));
        hub.objects.rename(&from, &to).await.unwrap();
        let hub = hub.restart().await;
        hub.publish().await;
        assert_eq!(hub.state_of(id).await, "succeeded");
        assert_eq!(hub.repository(&format!("alice/libs/{CHROOT}")).await.len(), 2);

        // And one that came after the metadata was written, before the database knew: publishing again changes nothing.
        let key = format!("alice/libs/{CHROOT}").parse().unwrap();
        hub.state.publishing.publish(&key).await.unwrap();
        assert_eq!(hub.repository(&format!("alice/libs/{CHROOT}")).await.len(), 2);
    }
}

#[tokio::test]
async fn results_that_are_gone_fail_their_build_and_hold_up_no_other() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        let (first, second) = (hub.submit(&alice, "libs").await, hub.submit(&alice, "libs").await);
        let lost = hub.lease().await;
        hub.hand_in(&lost.id, &[BINARY]).await.ok();
        let kept = hub.lease().await;
        hub.hand_in(&kept.id, &[BINARY]).await.ok();
        hub.lose(&lost.id, &BINARY.file()).await;
        hub.publish().await;
        assert_eq!(hub.state_of(first).await, "failed");
        assert_eq!(hub.state_of(second).await, "succeeded");
        assert_eq!(hub.repository(&format!("alice/libs/{CHROOT}")).await.len(), 1);
    }
}

#[tokio::test]
async fn a_deletion_that_was_cut_off_anywhere_is_finished_after_the_restart() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        let (gone, stays) = (hub.built(&alice, "libs").await, hub.built(&alice, "libs").await);
        let key: db::task::RepositoryKey = format!("alice/libs/{CHROOT}").parse().unwrap();
        let (path, folder, now) = (key.to_string(), format!("{gone:08}-hello"), clock::now_ms());
        db::removal::of_folder(&hub.state.db, &key, &folder, now, now).await.unwrap();
        hub.sql(&format!("DELETE FROM builds WHERE id = {gone}")).await;
        // The crash came after the task was claimed.
        db::task::claim(&hub.state.db, SERVER, now, now + 60_000).await.unwrap().expect("a task");
        let hub = hub.restart().await;
        hub.publish().await;
        assert_eq!(hub.repository(&path).await.len(), 1, "{}", hub.place.engine);
        // And after the metadata were written, before the row said so.
        hub.sql("UPDATE removals SET unpublished = 0").await;
        let hub = hub.restart().await;
        assert_eq!(hub.state.publishing.clean(i64::MAX).await.unwrap(), 0, "it may still be named");
        hub.state.publishing.publish(&key).await.unwrap();
        // And half-way through the files.
        let package = format!("results/{path}/{folder}/{}", BINARY.file());
        hub.objects.delete(&hub.key(&package)).await.unwrap();
        let hub = hub.restart().await;
        let later = clock::now_ms() + 400_000_000;
        assert_eq!(hub.state.publishing.clean(later).await.unwrap(), 1);
        assert_eq!(hub.names(&format!("{path}/{folder}")).await, Vec::<String>::new());
        assert_eq!(hub.state_of(stays).await, "succeeded");
        assert_eq!(hub.repository(&path).await.len(), 1);
        let orphans = hub.state.publishing.orphans(later, false).await.unwrap();
        let orphans: Vec<String> = orphans.into_iter().map(|orphan| orphan.path).collect();
        assert_eq!(orphans, [format!("results/alice/libs/srpm-builds/{gone:08}")], "nobody noted that the source goes");
    }
}

#[tokio::test]
async fn a_wish_to_publish_everything_outlives_the_server() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        let body = json!({ "name": "libs", "chroots": [CHROOT], "devel_mode": true });
        hub.call(&alice, "POST", "/api_3/project/add/alice", &body).await.ok();
        hub.built(&alice, "libs").await;
        let key: db::task::RepositoryKey = format!("alice/libs/{CHROOT}").parse().unwrap();
        assert_eq!(hub.repository(&key.to_string()).await, Vec::<String>::new());
        let now = clock::now_ms();
        db::task::regenerate(&hub.state.db, &key, now).await.unwrap();
        db::task::claim(&hub.state.db, SERVER, now, now + 60_000).await.unwrap().expect("a task");
        // Queued again while it runs, for another reason: it is still all that is wanted.
        db::task::enqueue(&hub.state.db, &key, now).await.unwrap();
        let hub = hub.restart().await;
        hub.publish().await;
        assert_eq!(hub.repository(&key.to_string()).await.len(), 1, "{}", hub.place.engine);
    }
}
