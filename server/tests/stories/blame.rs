//! Whose packages they are, and what is told of those that stand in the way of the distribution's.

use copr_api::builder::{Finish, MOST_SHADOWS, Outcome, Shadow, ShadowCheck, ShadowKind};
use serde_json::json;

use crate::support::{BASE, BINARY, CHROOT, Hub, SOURCE};

#[tokio::test]
async fn every_package_says_whose_it_is_and_where_its_bugs_are_reported() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        let path = "/api_3/project/edit/alice/libs";
        // The project's own address, the contact, its page.
        for (change, bugs) in [
            (json!({}), format!("{BASE}/coprs/alice/libs/")),
            (json!({ "contact": "https://example.org/alice" }), "https://example.org/alice".to_owned()),
            (json!({ "contact": "alice@example.org" }), "mailto:alice@example.org".to_owned()),
            (json!({ "bug_url": "https://bugs.example.org/100%" }), "https://bugs.example.org/100%%".to_owned()),
            (json!({ "bug_url": "" }), "mailto:alice@example.org".to_owned()),
        ] {
            hub.call(&alice, "PUT", path, &change).await.ok();
            hub.submit(&alice, "libs").await;
            let lease = hub.lease().await;
            let value =
                |name: &str| lease.macros.iter().rev().find(|(of, _)| of == name).map(|(_, value)| value.clone());
            assert_eq!(value("bugurl"), Some(bugs), "{change}");
            assert_eq!(value("vendor").as_deref(), Some("Copr - user alice"));
            assert_eq!(value("dist").as_deref(), Some(".fc44"));
        }
        for bad in ["javascript:alert(1)", "alice@example.org", "https://"] {
            let refused = hub.call(&alice, "PUT", path, &json!({ "bug_url": bad })).await.error(400);
            assert_eq!(refused, "bug_url: Invalid URL.", "{bad}");
        }
        hub.call(&alice, "PUT", path, &json!({ "shadow_check": "perhaps" })).await.error(400);
    }
}

fn shadow(package: &str, kind: ShadowKind) -> Shadow {
    let (other, repository) = ("hello-0.9-1.x86_64".to_owned(), "fedora".to_owned());
    Shadow { package: package.to_owned(), other, repository, kind }
}

#[tokio::test]
async fn what_stands_in_the_way_of_the_distribution_is_told_on_the_page_and_by_the_api() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        let project = hub.get("/api_3/project?ownername=alice&projectname=libs").await.ok();
        assert_eq!(project["shadow_check"], "warn");
        let id = hub.submit(&alice, "libs").await;
        let lease = hub.lease().await;
        assert_eq!(lease.settings.shadow_check, ShadowCheck::Warn);
        for package in [&SOURCE, &BINARY] {
            hub.put(&lease.id, &package.file(), &package.bytes()).await.ok();
        }
        // A builder that says too much is heard as far as it may speak.
        let mut shadows = vec![shadow("hello-1.0-1.x86_64", ShadowKind::Newer)];
        shadows.extend((0..300).map(|n| shadow(&format!("{n}-{}", "<b>x".repeat(100)), ShadowKind::Provides)));
        let results = vec![SOURCE.claim(), BINARY.claim()];
        hub.finish_with(&lease.id, &Finish { outcome: Outcome::Succeeded, results, others: Vec::new(), shadows })
            .await
            .ok();
        let asked = format!("/api_3/build-chroot?build_id={id}&chrootname={CHROOT}");
        assert_eq!(hub.get(&asked).await.ok()["shadows"].as_array(), None, "nothing is published yet");
        hub.publish().await;

        let told = hub.get(&asked).await.ok()["shadows"].clone();
        assert_eq!(told.as_array().map(Vec::len), Some(MOST_SHADOWS));
        let first = json!({ "package": "hello-1.0-1.x86_64", "other": "hello-0.9-1.x86_64", "repository": "fedora", "kind": "newer" });
        assert_eq!(told[0], first);
        assert_eq!(told[1]["package"].as_str().map(str::len), Some(300));
        let twin = hub.get(&format!("/coprs/build/{id}.json")).await.ok();
        assert_eq!(twin["chroots"][0]["shadows"][0], first);
        let page = hub.get(&format!("/coprs/build/{id}/")).await.text();
        let line = "hello-1.0-1.x86_64 is newer than the distribution&#39;s hello-0.9-1.x86_64 (repository fedora)";
        assert!(page.contains(line) && !page.contains("<b>x"), "{page}");

        // The next attempt's word counts, not that of the one before.
        hub.call(&alice, "PUT", "/api_3/project/edit/alice/libs", &json!({ "shadow_check": "refuse" })).await.ok();
        let id = hub.submit(&alice, "libs").await;
        let lease = hub.lease().await;
        assert_eq!(lease.settings.shadow_check, ShadowCheck::Refuse);
        hub.hand_in(&lease.id, &[SOURCE, BINARY]).await.ok();
        hub.publish().await;
        let clean = hub.get(&format!("/api_3/build-chroot?build_id={id}&chrootname={CHROOT}")).await.ok();
        assert_eq!((&clean["state"], clean.get("shadows")), (&json!("succeeded"), None));
    }
}
