//! What was deleted leaves the metadata at once, and the disk when nobody can name it any more.

use coprd::{
    clock,
    db::{self, task::RepositoryKey},
};
use object_store::ObjectStoreExt as _;
use serde_json::json;

use crate::support::{BINARY, CHROOT, Hub, User};

fn repository() -> RepositoryKey {
    format!("alice/libs/{CHROOT}").parse().unwrap()
}

fn folder(id: i64) -> String {
    format!("alice/libs/{CHROOT}/{id:08}-hello")
}

/// Later than anything is kept.
fn much_later() -> i64 {
    clock::now_ms() + 400_000_000
}

/// What the deletion of a build does to the rows.
async fn delete_build(hub: &Hub, id: i64) {
    let now = clock::now_ms();
    db::removal::of_folder(&hub.state.db, &repository(), &format!("{id:08}-hello"), now, now).await.unwrap();
    hub.sql(&format!("DELETE FROM builds WHERE id = {id}")).await;
}

/// What the deletion of a project does to the rows.
async fn delete_project(hub: &Hub, name: &str) {
    let (owner, dirname) = ("alice".parse().unwrap(), name.parse().unwrap());
    db::removal::of_directory(&hub.state.db, &owner, &dirname, clock::now_ms()).await.unwrap();
    hub.sql(&format!("DELETE FROM projects WHERE owner = 'alice' AND name = '{name}'")).await;
}

/// Cleans until nothing is left to do.
async fn clean(hub: &Hub) {
    for _ in 0..3 {
        hub.state.publishing.clean(much_later()).await.unwrap();
    }
    let left = db::removal::below(&hub.state.db, &"alice".parse().unwrap(), &"libs".parse().unwrap()).await.unwrap();
    // What had to be put off is due again by then.
    for removal in left {
        db::removal::put_off(&hub.state.db, removal.id, 0).await.unwrap();
    }
    hub.state.publishing.clean(much_later()).await.unwrap();
    let left = db::removal::below(&hub.state.db, &"alice".parse().unwrap(), &"libs".parse().unwrap()).await.unwrap();
    assert_eq!(left, [], "{}", hub.place.engine);
}

async fn with_builds(hub: &Hub, builds: usize) -> (User, Vec<i64>) {
    let alice = hub.user("alice").await;
    hub.create(&alice, "libs").await;
    let mut ids = Vec::new();
    for _ in 0..builds {
        ids.push(hub.built(&alice, "libs").await);
    }
    (alice, ids)
}

#[tokio::test]
async fn a_deleted_build_leaves_the_metadata_in_the_publish_that_brings_another_and_its_files_stay_for_those_who_name_them()
 {
    for hub in Hub::on_every_engine().await {
        let (alice, ids) = with_builds(&hub, 2).await;
        let path = repository().to_string();
        let index = format!("{path}/repodata/repomd.xml");
        let old = hub.read(&index).await.unwrap();
        let third = hub.submit(&alice, "libs").await;
        hub.hand_in(&hub.lease().await.id, &[BINARY]).await.ok();
        delete_build(&hub, ids[0]).await;
        assert_eq!(hub.publish().await, 1, "one publish for both");
        assert_eq!(hub.state_of(third).await, "succeeded");
        let names = hub.repository(&path).await;
        assert_eq!(names.len(), 2, "{names:?}");
        assert!(names.iter().all(|name| !name.contains(&format!("{:08}-hello", ids[0]))), "{names:?}");

        for now in [clock::now_ms(), clock::now_ms() + 3_600_000] {
            assert_eq!(hub.state.publishing.clean(now).await.unwrap(), 0, "{}", hub.place.engine);
        }
        let held = hub.repository_of(&path, &old).await;
        assert_eq!(held.len(), 2);
        for line in &held {
            let href = line.split_once(' ').unwrap().1;
            assert_eq!(hub.read(&format!("{path}/{href}")).await, Some(BINARY.bytes()), "{href}");
        }

        assert_eq!(hub.state.publishing.clean(much_later()).await.unwrap(), 1);
        assert_eq!(hub.names(&folder(ids[0])).await, Vec::<String>::new());
        for id in [ids[1], third] {
            assert!(hub.names(&folder(id)).await.contains(&BINARY.file()), "{}", hub.place.engine);
        }
        assert_eq!(hub.state.publishing.clean(much_later()).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn the_last_build_of_a_repository_leaves_an_empty_valid_one() {
    for hub in Hub::on_every_engine().await {
        let (_, ids) = with_builds(&hub, 1).await;
        delete_build(&hub, ids[0]).await;
        hub.publish().await;
        assert_eq!(hub.repository(&repository().to_string()).await, Vec::<String>::new());
        clean(&hub).await;
        assert_eq!(hub.repository(&repository().to_string()).await, Vec::<String>::new());
        assert_eq!(hub.names(&folder(ids[0])).await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_deleted_chroot_goes_with_its_metadata_and_no_other_does() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        let body = json!({ "name": "libs", "chroots": [CHROOT, "fedora-43-x86_64"] });
        hub.call(&alice, "POST", "/api_3/project/add/alice", &body).await.ok();
        hub.publish().await;
        let now = clock::now_ms();
        db::removal::of_folder(&hub.state.db, &repository(), "", now, now).await.unwrap();
        hub.sql(&format!("DELETE FROM project_chroots WHERE chroot = '{CHROOT}'")).await;
        hub.publish().await;
        assert_eq!(hub.state.publishing.clean(now - 1000).await.unwrap(), 0, "not before it is due");
        assert_eq!(hub.repository(&repository().to_string()).await, Vec::<String>::new());
        assert_eq!(hub.state.publishing.clean(now + 1000).await.unwrap(), 1);
        assert_eq!(hub.names("alice/libs").await, ["fedora-43-x86_64"]);
        assert_eq!(hub.repository("alice/libs/fedora-43-x86_64").await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_chroot_that_is_deleted_and_added_again_begins_empty_and_keeps_what_comes_then() {
    for hub in Hub::on_every_engine().await {
        let (alice, ids) = with_builds(&hub, 2).await;
        let now = clock::now_ms();
        db::removal::of_folder(&hub.state.db, &repository(), "", now, now).await.unwrap();
        // It is there again before anything was done about it.
        let new = hub.built(&alice, "libs").await;
        let path = repository().to_string();
        let names = hub.repository(&path).await;
        assert_eq!(names.len(), 1, "{}: {names:?}", hub.place.engine);
        clean(&hub).await;
        for id in ids {
            assert_eq!(hub.names(&folder(id)).await, Vec::<String>::new(), "{}", hub.place.engine);
        }
        assert_eq!(hub.repository(&path).await, names);
        assert_eq!(hub.read(&format!("{}/{}", folder(new), BINARY.file())).await, Some(BINARY.bytes()));
    }
}

#[tokio::test]
async fn a_project_that_is_deleted_and_made_again_at_once_loses_nothing_of_its_own_and_has_nothing_of_the_old_one() {
    for hub in Hub::on_every_engine().await {
        let (alice, ids) = with_builds(&hub, 1).await;
        let path = repository().to_string();
        let comps = hub.key(&format!("results/{path}/comps.xml"));
        hub.objects.put(&comps, "<comps/>".into()).await.unwrap();
        delete_project(&hub, "libs").await;
        hub.create(&alice, "libs").await;
        assert_eq!(hub.repository(&path).await, Vec::<String>::new(), "{}", hub.place.engine);
        assert_eq!(hub.read(&format!("{path}/comps.xml")).await, None);

        let new = hub.built(&alice, "libs").await;
        let names = hub.repository(&path).await;
        assert_eq!(names.len(), 1, "{names:?}");
        clean(&hub).await;
        assert_eq!(hub.repository(&path).await, names);
        assert_eq!(hub.read(&format!("{}/{}", folder(new), BINARY.file())).await, Some(BINARY.bytes()));
        assert_eq!(hub.names(&folder(ids[0])).await, Vec::<String>::new());
        assert_eq!(hub.names("alice/libs/srpm-builds").await, [format!("{new:08}")], "{}", hub.place.engine);
    }
}

#[tokio::test]
async fn a_project_that_is_deleted_for_good_leaves_nothing() {
    for hub in Hub::on_every_engine().await {
        let (alice, _) = with_builds(&hub, 2).await;
        hub.create(&alice, "libs2").await;
        delete_project(&hub, "libs").await;
        hub.publish().await;
        let (owner, name) = ("alice".parse().unwrap(), "libs".parse().unwrap());
        hub.state.publishing.clean_project(&owner, &name, clock::now_ms()).await;
        assert_eq!(hub.state.publishing.clean(much_later()).await.unwrap(), 0, "it is done");
        assert_eq!(hub.names("alice/libs2").await, [CHROOT]);
        assert_eq!(hub.names("alice/libs").await, Vec::<String>::new(), "{}", hub.place.engine);
    }
}

#[tokio::test]
async fn servers_that_delete_the_same_at_the_same_time_are_not_in_each_others_way() {
    for hub in Hub::on_every_engine().await.into_iter().filter(|hub| hub.place.bucket.is_some()) {
        let other = hub.another().await;
        let (_, ids) = with_builds(&hub, 4).await;
        for id in &ids[..3] {
            delete_build(&hub, *id).await;
        }
        hub.publish().await;
        let (now, then) = (much_later(), much_later());
        let (one, two) = tokio::join!(hub.state.publishing.clean(now), other.state.publishing.clean(then));
        assert!(one.unwrap() + two.unwrap() >= 3);
        for id in &ids[..3] {
            assert_eq!(other.names(&folder(*id)).await, Vec::<String>::new());
        }
        assert_eq!(other.repository(&repository().to_string()).await.len(), 1);
    }
}

#[tokio::test]
async fn files_that_no_row_accounts_for_are_listed_and_then_deleted_and_nothing_else_is() {
    for hub in Hub::on_every_engine().await {
        let (_, ids) = with_builds(&hub, 2).await;
        delete_build(&hub, ids[0]).await;
        hub.publish().await;
        let strays = [
            format!("results/{}/x.rpm", folder(999)),
            format!("results/{}/stray-1-1.x86_64.rpm", folder(ids[1])),
            "results/alice/gone/fedora-44-x86_64/repodata/repomd.xml".to_owned(),
            "results/alice/libs/srpm-builds/00000777/x.src.rpm".to_owned(),
        ];
        for stray in &strays {
            hub.objects.put(&hub.key(stray), "x".into()).await.unwrap();
        }
        let expected = [
            "results/alice/gone".to_owned(),
            format!("results/{}/stray-1-1.x86_64.rpm", folder(ids[1])),
            format!("results/{}", folder(999)),
            "results/alice/libs/srpm-builds/00000777".to_owned(),
            // Nobody noted that the source of the deleted build is to go.
            format!("results/alice/libs/srpm-builds/{:08}", ids[0]),
        ];
        let orphans = async |since: i64, delete: bool| -> Vec<String> {
            let found = hub.state.publishing.orphans(since, delete).await.unwrap();
            found.into_iter().map(|orphan| orphan.path).collect()
        };
        let sorted = |mut list: Vec<String>| {
            list.sort();
            list
        };
        assert_eq!(orphans(clock::now_ms() - 3_600_000, true).await, Vec::<String>::new(), "too young to judge");
        let later = clock::now_ms() + 10_000;
        assert_eq!(sorted(orphans(later, false).await), sorted(expected.to_vec()), "{}", hub.place.engine);
        assert!(hub.read(strays[1].strip_prefix("results/").unwrap()).await.is_some(), "a list deletes nothing");
        assert_eq!(sorted(orphans(later, true).await), sorted(expected.to_vec()));
        assert_eq!(orphans(later, true).await, Vec::<String>::new());
        assert!(hub.names(&folder(ids[1])).await.contains(&BINARY.file()));
        assert!(hub.names(&folder(ids[0])).await.contains(&BINARY.file()), "this one goes by its row");
        assert_eq!(hub.repository(&repository().to_string()).await.len(), 1);
    }
}
