//! Projects that publish only when they are asked to: what is built goes into metadata of its own, which only builds read.

use coprd::{
    clock,
    db::{self, task::RepositoryKey},
};
use object_store::ObjectStoreExt as _;
use serde_json::json;

use crate::support::{BASE, BINARY, CHROOT, Hub, User};

fn repository() -> RepositoryKey {
    format!("alice/libs/{CHROOT}").parse().unwrap()
}

fn shown() -> String {
    repository().to_string()
}

fn devel() -> String {
    format!("{}/devel", repository())
}

async fn manual(hub: &Hub) -> User {
    let alice = hub.user("alice").await;
    let body = json!({ "name": "libs", "chroots": [CHROOT], "devel_mode": true });
    hub.call(&alice, "POST", "/api_3/project/add/alice", &body).await.ok();
    alice
}

async fn set_mode(hub: &Hub, user: &User, devel: bool) {
    hub.call(user, "PUT", "/api_3/project/edit/alice/libs", &json!({ "devel_mode": devel })).await.ok();
    db::task::enqueue(&hub.state.db, &repository(), clock::now_ms()).await.unwrap();
    hub.publish().await;
}

#[tokio::test]
async fn a_manual_project_has_both_repositories_from_the_start_and_an_automatic_one_has_one() {
    for hub in Hub::on_every_engine().await {
        let alice = manual(&hub).await;
        assert_eq!(hub.repository(&shown()).await, Vec::<String>::new());
        assert_eq!(hub.repository(&devel()).await, Vec::<String>::new());
        hub.create(&alice, "auto").await;
        assert_eq!(hub.names(&format!("alice/auto/{CHROOT}")).await, ["repodata"], "{}", hub.place.engine);
    }
}

#[tokio::test]
async fn what_a_manual_project_builds_is_for_its_builds_alone_until_it_is_asked_for() {
    for hub in Hub::on_every_engine().await {
        let alice = manual(&hub).await;
        let first = hub.built(&alice, "libs").await;
        assert_eq!(hub.state_of(first).await, "succeeded");
        assert_eq!(hub.repository(&shown()).await, Vec::<String>::new());
        assert_eq!(hub.repository(&devel()).await.len(), 1);
        // The packages lie where they always do: their base leads there.
        let index = hub.read(&format!("{}/repodata/repomd.xml", devel())).await.unwrap();
        let records = hub.records_of(&devel(), &index).await;
        let base = records[0].location_base.clone().expect("a base");
        assert_eq!(base, format!("{BASE}/results/{}/", repository()));
        let path = format!("{}{}", base.strip_prefix(&format!("{BASE}/results/")).unwrap(), records[0].location_href);
        assert_eq!(hub.read(&path).await, Some(BINARY.bytes()));

        db::task::regenerate(&hub.state.db, &repository(), clock::now_ms()).await.unwrap();
        hub.publish().await;
        let published = hub.repository(&shown()).await;
        assert_eq!(published.len(), 1, "{}", hub.place.engine);
        let index = hub.read(&format!("{}/repodata/repomd.xml", shown())).await.unwrap();
        assert_eq!(hub.records_of(&shown(), &index).await[0].location_base, None);
        // From then on it is as before.
        hub.built(&alice, "libs").await;
        assert_eq!(hub.repository(&shown()).await, published);
        assert_eq!(hub.repository(&devel()).await.len(), 2);
    }
}

#[tokio::test]
async fn whichever_way_the_mode_is_turned_the_other_metadata_hold_all_that_was_built() {
    for hub in Hub::on_every_engine().await {
        let alice = manual(&hub).await;
        hub.built(&alice, "libs").await;
        set_mode(&hub, &alice, false).await;
        assert_eq!(hub.repository(&shown()).await.len(), 1);
        assert_eq!(hub.read(&format!("{}/repodata/repomd.xml", devel())).await, None, "{}", hub.place.engine);
        hub.built(&alice, "libs").await;
        assert_eq!(hub.repository(&shown()).await.len(), 2);
        set_mode(&hub, &alice, true).await;
        assert_eq!(hub.repository(&devel()).await.len(), 2, "{}", hub.place.engine);
        hub.built(&alice, "libs").await;
        assert_eq!((hub.repository(&shown()).await.len(), hub.repository(&devel()).await.len()), (2, 3));
    }
}

#[tokio::test]
async fn a_build_that_is_deleted_leaves_both() {
    for hub in Hub::on_every_engine().await {
        let alice = manual(&hub).await;
        let ids = [hub.built(&alice, "libs").await, hub.built(&alice, "libs").await];
        db::task::regenerate(&hub.state.db, &repository(), clock::now_ms()).await.unwrap();
        hub.publish().await;
        let now = clock::now_ms();
        let folder = format!("{:08}-hello", ids[0]);
        db::removal::of_folder(&hub.state.db, &repository(), &folder, now, now).await.unwrap();
        hub.sql(&format!("DELETE FROM builds WHERE id = {}", ids[0])).await;
        hub.publish().await;
        for place in [shown(), devel()] {
            let names = hub.repository(&place).await;
            assert!(names.len() == 1 && !names[0].contains(&folder), "{}: {names:?}", hub.place.engine);
        }
    }
}

#[tokio::test]
async fn regenerating_brings_back_metadata_that_were_lost_or_broken() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        hub.built(&alice, "libs").await;
        hub.built(&alice, "libs").await;
        let before = hub.repository(&shown()).await;
        let index = hub.key(&format!("results/{}/repodata/repomd.xml", shown()));
        hub.objects.delete(&index).await.unwrap();
        db::task::regenerate(&hub.state.db, &repository(), clock::now_ms()).await.unwrap();
        hub.publish().await;
        assert_eq!(hub.repository(&shown()).await, before, "{}", hub.place.engine);
        // Of a bucket somebody else may have written what we can't read: that is left to people.
        if hub.place.bucket.is_none() {
            hub.objects.put(&index, "garbage".into()).await.unwrap();
            db::task::regenerate(&hub.state.db, &repository(), clock::now_ms()).await.unwrap();
            hub.publish().await;
            assert_eq!(hub.repository(&shown()).await, before);
        }
    }
}
