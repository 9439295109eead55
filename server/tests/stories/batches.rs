//! Batches: builds that wait for others.

use serde_json::json;

use crate::support::{BINARY, Hub, SOURCE};

#[tokio::test]
async fn a_build_waits_for_the_one_that_it_comes_after() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        let first = hub.submit(&alice, "libs").await;
        let add = async |more: serde_json::Value| {
            let answer = hub.upload(&alice, "libs", &SOURCE.file(), &SOURCE.bytes(), more).await;
            answer.ok()["id"].as_i64().unwrap()
        };
        // copr-cli sends the number as text.
        let after = add(json!({ "after_build_id": first.to_string() })).await;
        let with = add(json!({ "with_build_id": after.to_string() })).await;
        for id in [after, with] {
            assert_eq!(hub.state_of(id).await, "waiting");
        }
        let lease = hub.lease().await;
        assert!(hub.lease_as("another").await.is_none(), "only the first may be built");
        hub.hand_in(&lease.id, &[BINARY]).await.ok();
        hub.publish().await;
        for id in [after, with] {
            assert_eq!(hub.state_of(id).await, "pending");
        }
    }
}

#[tokio::test]
async fn a_build_with_one_that_does_not_wait_does_not_wait_either() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        let first = hub.submit(&alice, "libs").await;
        let more = json!({ "with_build_id": first });
        let with = hub.upload(&alice, "libs", &SOURCE.file(), &SOURCE.bytes(), more).await.ok()["id"].as_i64().unwrap();
        assert_eq!(hub.state_of(with).await, "pending");
    }
}
