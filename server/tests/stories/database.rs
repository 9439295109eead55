//! The database's own promises, on every engine.

use coprd::{clock, db};

use crate::support::{CHROOT, Hub};

#[tokio::test]
async fn many_builders_at_once_get_each_build_once() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        for _ in 0..6 {
            hub.submit(&alice, "libs").await;
        }
        let now = clock::now_ms();
        let claims = (0..20).map(|number| {
            let db = hub.state.db.clone();
            tokio::spawn(async move {
                let lease = format!("lease-{number}");
                db::lease::claim(&db, &lease, "b", &crate::support::takes(), now, now + 60_000)
                    .await
                    .unwrap()
                    .map(|claimed| claimed.build_id)
            })
        });
        let mut builds = Vec::new();
        for claim in claims.collect::<Vec<_>>() {
            builds.extend(claim.await.unwrap());
        }
        builds.sort_unstable();
        let all = builds.len();
        builds.dedup();
        assert_eq!((all, builds.len()), (6, 6), "{}", hub.place.engine);
    }
}

#[tokio::test]
async fn programs_that_open_a_new_database_at_the_same_time_all_find_it_whole() {
    let folder = tempfile::tempdir().unwrap();
    let mut urls = vec![db::Db::sqlite_url(&folder.path().join("new.sqlite"))];
    if let Some(server) = std::env::var("TEST_DATABASE_URL").ok().filter(|server| !server.is_empty()) {
        urls.push(crate::support::new_database(&server).await);
    }
    for url in urls {
        let opened: Vec<_> = (0..6)
            .map(|_| {
                let url = url.clone();
                tokio::spawn(async move { db::Db::open(&url).await })
            })
            .collect();
        for opened in opened {
            assert!(db::user::list(&opened.await.unwrap().unwrap()).await.unwrap().is_empty());
        }
    }
}

#[tokio::test]
async fn a_token_works_until_it_expires_and_only_its_digest_is_kept() {
    for hub in Hub::on_every_engine().await {
        let now = clock::now_ms();
        let user = db::user::add(&hub.state.db, "carol", false, now).await.unwrap();
        let token = db::token::add(&hub.state.db, user.id, now).await.unwrap();
        assert_eq!((token.login.len(), token.token.expose().len()), (20, 30));
        let check = async |at| db::token::check(&hub.state.db, &token.login, &token.token, at).await.unwrap();
        assert_eq!(check(now).await.map(|known| known.user.name).as_deref(), Some("carol"));
        assert_eq!(check(now + 181 * 24 * 3_600_000).await, None);
        let wrong = db::token::check(&hub.state.db, &token.login, &"x".repeat(30).as_str().into_secret(), now).await;
        assert_eq!(wrong.unwrap(), None);
        assert!(db::user::add(&hub.state.db, "carol", false, now).await.unwrap_err().is_duplicate());
    }
}

/// Short for tests.
trait IntoSecret {
    fn into_secret(self) -> copr_api::names::Secret;
}

impl IntoSecret for &str {
    fn into_secret(self) -> copr_api::names::Secret {
        copr_api::names::Secret::new(self)
    }
}

#[tokio::test]
async fn a_task_that_is_queued_again_while_it_runs_runs_once_more() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        let now = clock::now_ms();
        let task =
            db::task::claim(&hub.state.db, "a", now, now + 60_000).await.unwrap().expect("the new project's task");
        assert_eq!(task.repository.to_string(), format!("alice/libs/{CHROOT}"));
        assert!(db::task::claim(&hub.state.db, "b", now, now + 60_000).await.unwrap().is_none(), "claimed is claimed");
        hub.submit(&alice, "libs").await;
        let lease = hub.lease().await;
        hub.hand_in(&lease.id, &[crate::support::BINARY]).await.ok();
        db::task::done(&hub.state.db, &task, 0).await.unwrap();
        assert_eq!(hub.publish().await, 1);
        assert_eq!(db::task::count(&hub.state.db).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn what_is_queued_soon_after_a_task_is_done_gathers_until_its_time_is_over() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        let (db, now) = (&hub.state.db, clock::now_ms());
        let task = db::task::claim(db, "a", now, now + 60_000).await.unwrap().expect("the new project's task");
        let later = now + 3_600_000;
        db::task::done(db, &task, later).await.unwrap();
        assert_eq!((db::task::count(db).await.unwrap(), db::task::next_due(db, now).await.unwrap()), (0, None));
        for _ in 0..3 {
            hub.submit(&alice, "libs").await;
            hub.hand_in(&hub.lease().await.id, &[crate::support::BINARY]).await.ok();
            assert_eq!(db::task::count(db).await.unwrap(), 1);
        }
        assert_eq!(db::task::next_due(db, now).await.unwrap(), Some(later + 1));
        assert!(db::task::claim(db, "b", later, later + 60_000).await.unwrap().is_none());
        let task = db::task::claim(db, "b", later + 1, later + 60_000).await.unwrap().expect("all three in one");
        db::task::done(db, &task, later + 500).await.unwrap();
        assert!(db::task::claim(db, "b", later + 1_000, later + 60_000).await.unwrap().is_none());
        db::task::next_due(db, later + 1_000).await.unwrap();
        assert_eq!(db::task::count(db).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn a_failed_task_waits_before_it_is_tried_again() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        let now = clock::now_ms();
        let task = db::task::claim(&hub.state.db, "a", now, now + 60_000).await.unwrap().expect("a task");
        db::task::failed(&hub.state.db, &task, "disk full", now + 5_000).await.unwrap();
        assert!(db::task::claim(&hub.state.db, "a", now + 1_000, now + 60_000).await.unwrap().is_none());
        let again = db::task::claim(&hub.state.db, "a", now + 6_000, now + 60_000).await.unwrap().expect("due again");
        assert_eq!(again.attempts, 1);
    }
}

#[tokio::test]
async fn the_queues_length_is_counted_and_a_second_open_finds_the_schema_done() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        hub.submit(&alice, "libs").await;
        hub.submit(&alice, "libs").await;
        hub.lease().await;
        assert_eq!(db::build::queue_length(&hub.state.db).await.unwrap(), (1, 1));
        let hub = hub.restart().await;
        assert_eq!(db::user::list(&hub.state.db).await.unwrap().len(), 1);
    }
}
