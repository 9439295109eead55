//! The pages about the queue and its builders.

use axum::http::StatusCode;
use copr_api::builder::Outcome;
use serde_json::json;

use crate::support::{BINARY, CHROOT, Hub, SOURCE};

const HOSTILE: &str = "<script>alert(1)</script>\"'>";

async fn page(hub: &Hub, path: &str) -> String {
    // As after a restart, which keeps no answer.
    let fresh = coprd::http::router(hub.state.clone());
    let request = axum::http::Request::get(path).body(axum::body::Body::empty()).unwrap();
    let response = tower::ServiceExt::oneshot(fresh, request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK, "{path}");
    let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

async fn twin(hub: &Hub, path: &str) -> serde_json::Value {
    serde_json::from_str(&page(hub, path).await).unwrap()
}

#[tokio::test]
async fn the_queue_is_told_by_chroot_and_owner_with_what_is_at_work_and_what_is_next() {
    for hub in Hub::on_every_engine().await {
        let empty = page(&hub, "/status/").await;
        for text in ["The queue is empty", "No builder has been at work", "Nothing is built at this moment"] {
            assert!(empty.contains(text), "{text}: {empty}");
        }
        let alice = hub.user("alice").await;
        hub.create(&alice, "p").await;
        let (first, second) = (hub.submit(&alice, "p").await, hub.submit(&alice, "p").await);
        hub.lease_as(HOSTILE).await.expect("work");
        let text = page(&hub, "/status/").await;
        for bad in ["<script>", "\"'>", " style=", "<style"] {
            assert!(!text.contains(bad), "{bad} in {text}");
        }
        assert!(
            text.contains("&#60;script&#62;alert(1)") && text.contains("<a href=\"/coprs/alice/\">alice</a>"),
            "{text}"
        );
        let now = twin(&hub, "/status/.json").await;
        assert_eq!((&now["running"], &now["pending"], &now["waiting"]), (&json!(1), &json!(1), &json!(0)), "{now}");
        assert_eq!((&now["chroots"][0]["name"], &now["chroots"][0]["running"]), (&json!(CHROOT), &json!(1)), "{now}");
        assert_eq!((&now["owners"][0]["name"], &now["owners"][0]["pending"]), (&json!("alice"), &json!(1)), "{now}");
        assert_eq!((&now["builders"][0]["name"], &now["builders"][0]["state"]), (&json!(HOSTILE), &json!("at work")));
        assert_eq!((&now["jobs_running"][0]["id"], &now["jobs_pending"][0]["id"]), (&json!(first), &json!(second)));
    }
}

#[tokio::test]
async fn projects_that_are_not_on_the_front_page_are_counted_and_not_named() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        let body = json!({ "name": "secret", "chroots": [CHROOT], "unlisted_on_hp": true });
        hub.call(&alice, "POST", "/api_3/project/add/alice", &body).await.ok();
        hub.submit(&alice, "secret").await;
        hub.submit(&alice, "secret").await;
        hub.lease().await;
        assert!(!page(&hub, "/status/").await.contains("secret"));
        let now = twin(&hub, "/status/.json").await;
        assert_eq!((&now["running"], &now["pending"]), (&json!(1), &json!(1)));
        assert_eq!((&now["jobs_running"], &now["jobs_pending"]), (&json!([]), &json!([])));
    }
}

#[tokio::test]
async fn what_was_built_lately_is_drawn_and_stands_in_a_table_too() {
    for hub in Hub::on_every_engine().await {
        assert!(page(&hub, "/status/stats/").await.contains("Nothing was built in the last day"));
        let alice = hub.user("alice").await;
        hub.create(&alice, "p").await;
        for _ in 0..2 {
            hub.submit(&alice, "p").await;
        }
        let lease = hub.lease().await.id;
        hub.hand_in(&lease, &[BINARY, SOURCE]).await.ok();
        hub.publish().await;
        let lease = hub.lease().await.id;
        hub.finish(&lease, Outcome::UserFault { message: "no".to_owned() }, Vec::new()).await.ok();
        let text = page(&hub, "/status/stats/").await;
        assert!(text.contains("<svg class=\"picture\"") && text.contains("2 in all, 1 of them failed"), "{text}");
        assert!(!text.contains(" style=") && text.matches("<rect class=\"bar good\"").count() >= 2, "{text}");
        let stats = twin(&hub, "/status/stats/.json").await;
        let sum = |spans: &str, what: &str| -> i64 {
            stats[spans].as_array().unwrap().iter().map(|span| span[what].as_i64().unwrap()).sum()
        };
        assert_eq!([sum("hours", "good"), sum("hours", "bad"), sum("days", "good"), sum("days", "bad")], [1, 1, 1, 1]);
        assert_eq!((stats["hours"].as_array().unwrap().len(), stats["days"].as_array().unwrap().len()), (24, 7));
        assert_eq!((&stats["chroots"][0]["name"], &stats["chroots"][0]["ended"]), (&json!(CHROOT), &json!(2)));
        let now = twin(&hub, "/status/.json").await;
        assert_eq!((&now["builders"][0]["state"], &now["builders"][0]["ended"]), (&json!("idle"), &json!(2)), "{now}");
    }
}

#[tokio::test]
async fn coprs_addresses_lead_to_the_same() {
    let hub = Hub::on_every_engine().await.swap_remove(0);
    for (old, new) in [
        ("/coprs/status/", "/status/"),
        ("/coprs/status/running/", "/status/#running"),
        ("/coprs/status/starting", "/status/#running"),
        ("/coprs/status/pending/", "/status/#pending"),
        ("/coprs/status/importing/", "/status/#importing"),
        ("/coprs/status/stats/", "/status/stats/"),
        ("/status", "/status/"),
        ("/status/stats", "/status/stats/"),
    ] {
        let answer = hub.get(old).await;
        assert!(answer.status.is_redirection(), "{old}");
        assert_eq!(answer.header("location"), new, "{old}");
    }
}
