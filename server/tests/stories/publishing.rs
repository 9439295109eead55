//! How repositories change while they are read.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use copr_api::builder::Outcome;
use coprd::db;
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
