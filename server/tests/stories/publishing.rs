//! How repositories change while they are read.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use copr_api::builder::Outcome;
use coprd::{
    clock,
    db::{self, task::RepositoryKey},
};
use object_store::ObjectStoreExt as _;
use tokio_util::sync::CancellationToken;

use crate::support::{BINARY, CHROOT, Hub};

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_builds_that_end_within_a_second_cost_three_publishes_at_most() {
    const BUILDS: usize = 100;
    const GATHER_MS: u64 = 500;
    for mut hub in Hub::on_every_engine().await {
        hub.place.gather_ms = GATHER_MS;
        let hub = hub.restart().await;
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        hub.publish().await;
        let mut leases = Vec::new();
        for _ in 0..BUILDS {
            hub.submit(&alice, "libs").await;
            let lease = hub.lease().await.id;
            hub.put(&lease, &BINARY.file(), &BINARY.bytes()).await.ok();
            leases.push(lease);
        }
        let index = format!("alice/libs/{CHROOT}/repodata/repomd.xml");
        let mut seen = HashSet::from([hub.read(&index).await.unwrap()]);
        let stop = CancellationToken::new();
        let publishing = tokio::spawn(hub.state.publishing.clone().run(stop.clone()));

        let begin = Instant::now();
        for lease in &leases {
            hub.finish(lease, Outcome::Succeeded, vec![BINARY.claim()]).await.ok();
            seen.insert(hub.read(&index).await.unwrap());
        }
        let took = begin.elapsed();
        while db::task::count(&hub.state.db).await.unwrap() > 0 {
            assert!(begin.elapsed() < Duration::from_secs(120), "{}: never done", hub.place.engine);
            seen.insert(hub.read(&index).await.unwrap());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        stop.cancel();
        publishing.await.unwrap();
        seen.insert(hub.read(&index).await.unwrap());
        let publishes = seen.len() - 1;
        // Three for a second; this machine may have been slower.
        let most = 1 + took.as_millis().div_ceil(u128::from(GATHER_MS)) as usize;
        assert!((1..=most).contains(&publishes), "{}: {publishes} publishes in {took:?}", hub.place.engine);
        eprintln!("{}: {BUILDS} builds ended within {took:?}, {publishes} publishes", hub.place.engine);
        assert_eq!(hub.repository(&format!("alice/libs/{CHROOT}")).await.len(), BUILDS);
    }
}

#[tokio::test]
async fn a_reader_that_holds_an_older_index_finds_all_that_it_names_for_a_while() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        let path = format!("alice/libs/{CHROOT}");
        let index = async |hub: &Hub| hub.read(&format!("{path}/repodata/repomd.xml")).await.unwrap();
        let mut held = vec![index(&hub).await];
        for _ in 0..3 {
            hub.submit(&alice, "libs").await;
            hub.hand_in(&hub.lease().await.id, &[BINARY]).await.ok();
            hub.publish().await;
            held.push(index(&hub).await);
        }
        for (packages, index) in held.iter().enumerate() {
            assert_eq!(hub.repository_of(&path, index).await.len(), packages, "{}", hub.place.engine);
        }
    }
}

fn repository() -> RepositoryKey {
    format!("alice/libs/{CHROOT}").parse().unwrap()
}

#[tokio::test]
async fn a_publish_that_fails_fails_no_build_says_why_and_is_tried_again() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        hub.create(&alice, "tools").await;
        hub.publish().await;
        let troubles = async || {
            let path = "/api_3/project/publish-state?ownername=alice&projectname=libs";
            hub.get(path).await.ok()["repositories"].as_array().unwrap().clone()
        };
        assert_eq!(troubles().await.len(), 0);
        let index = hub.key(&format!("results/{}/repodata/repomd.xml", repository()));
        let right = hub.objects.get(&index).await.unwrap().bytes().await.unwrap();
        hub.objects.put(&index, "garbage".into()).await.unwrap();
        let id = hub.submit(&alice, "libs").await;
        hub.hand_in(&hub.lease().await.id, &[BINARY]).await.ok();
        let other = hub.submit(&alice, "tools").await;
        hub.hand_in(&hub.lease().await.id, &[BINARY]).await.ok();
        for least in 1..=2 {
            db::task::retry_now(&hub.state.db, Some(&repository()), clock::now_ms()).await.unwrap();
            hub.publish().await;
            assert_eq!(hub.state_of(id).await, "running", "{}", hub.place.engine);
            let shown = troubles().await;
            let [trouble] = shown.as_slice() else { panic!("{shown:?}") };
            // A slow machine may have tried more often.
            assert_eq!(trouble["chroot"], CHROOT);
            assert!(trouble["attempts"].as_i64().unwrap() >= least, "{trouble}");
            let why = trouble["error"].as_str().unwrap();
            assert!(why.contains("repomd.xml") && !why.contains(hub.folder.path().to_str().unwrap()), "{why}");
            assert!(trouble["next_try"].as_i64().unwrap() > 0, "{trouble}");
        }
        assert_eq!(hub.state_of(other).await, "succeeded", "one repository's trouble is no other's");
        let all = db::task::list(&hub.state.db, clock::now_ms()).await.unwrap();
        assert_eq!(all.iter().map(|task| task.repository.clone()).collect::<Vec<_>>(), [repository()]);

        hub.objects.put(&index, right.into()).await.unwrap();
        let now = clock::now_ms();
        db::task::retry_now(&hub.state.db, None, now).await.unwrap();
        let all = db::task::list(&hub.state.db, now).await.unwrap();
        assert!(all.iter().all(|task| task.next_ms <= now && task.attempts > 0), "{all:?}");
        hub.publish().await;
        assert_eq!(hub.state_of(id).await, "succeeded");
        assert_eq!(troubles().await.len(), 0);
        assert_eq!(hub.repository(&repository().to_string()).await.len(), 1);
        assert!(!hub.get("/api_3/project/publish-state?ownername=alice&projectname=no").await.error(404).is_empty());
    }
}

#[tokio::test]
async fn comps_of_a_chroot_are_published_as_they_are_and_go_with_their_file() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        let path = repository().to_string();
        let place = hub.state.store.directory(&repository().owner, &repository().dirname).join(CHROOT);
        let kinds = async || {
            let index = hub.read(&format!("{path}/repodata/repomd.xml")).await.unwrap();
            let records = copr_repodata::Repomd::read(&index).unwrap().records;
            let groups: Vec<_> = records.into_iter().filter(|record| record.kind.starts_with("group")).collect();
            groups
        };
        let publish = async || {
            db::task::enqueue(&hub.state.db, &repository(), clock::now_ms()).await.unwrap();
            hub.publish().await;
        };
        for text in ["<comps><group><id>one</id></group></comps>", "<comps/>"] {
            hub.state.store.write(&place, "comps.xml", text).await.unwrap();
            publish().await;
            let groups = kinds().await;
            let names: Vec<&str> = groups.iter().map(|record| record.kind.as_str()).collect();
            assert_eq!(names, ["group", "group_gz"], "{}", hub.place.engine);
            let plain = hub.read(&format!("{path}/{}", groups[0].location_href)).await.unwrap();
            assert_eq!(plain, text.as_bytes());
        }
        // A build publishes beside them.
        hub.built(&alice, "libs").await;
        assert_eq!((kinds().await.len(), hub.repository(&path).await.len()), (2, 1));
        hub.state.store.remove_result(&place, "comps.xml").await.unwrap();
        publish().await;
        assert_eq!(kinds().await, [], "{}", hub.place.engine);
        assert_eq!(hub.repository(&path).await.len(), 1);
    }
}

#[tokio::test]
async fn a_list_of_results_leads_wget_to_every_file_by_relative_links() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        let id = hub.submit(&alice, "libs").await;
        let lease = hub.lease().await.id;
        hub.log(&lease, "build.log", 0, "text\n").await.ok();
        hub.hand_in(&lease, &[BINARY]).await.ok();
        hub.publish().await;
        let folder = format!("/results/{}/{id:08}-hello/", repository());
        let page = hub.get(&folder).await;
        assert!(page.header("content-type").starts_with("text/html"));
        let text = page.text();
        let links: Vec<&str> = text.split("<a href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
        assert!(links.contains(&"build.log") && links.contains(&BINARY.file().as_str()), "{links:?}");
        for link in links.iter().filter(|link| **link != "../") {
            assert!(!link.contains('/') && !link.contains(':'), "{link}");
            assert_eq!(hub.get(&format!("{folder}{link}")).await.status.as_u16(), 200, "{link}");
        }
        // copr-cli asks for the log as Copr's server keeps it.
        let log = hub.get(&format!("{folder}build.log.gz")).await;
        assert_eq!((log.status.as_u16(), log.header("location")), (302, "build.log"));
    }
}
