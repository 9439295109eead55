//! What is special about results in a bucket: they are shared, far away, and sometimes out of reach. `tests/with-s3` brings up the
//! server that these stories need; without it they are not run.

use std::process::Command;

use axum::{body::Body, http::Request};
use copr_api::builder::Outcome;
use coprd::{
    clock, config,
    db::{self, task::RepositoryKey},
    store::{Bucket, BucketError, Store},
};
use object_store::ObjectStoreExt as _;

use crate::{
    packages::Rpm,
    support::{BINARY, CHROOT, Hub, SOURCE, new_bucket, s3_endpoint},
};

/// Makes the S3 server fail; see `tests/s3-server`.
async fn tell(what: &str, bucket: &str, more: &str) -> u64 {
    let url = format!("{}/-/{what}?bucket={bucket}{more}", s3_endpoint().unwrap());
    reqwest::Client::new().post(url).send().await.unwrap().text().await.unwrap().parse().unwrap()
}

async fn hub() -> Option<Hub> {
    s3_endpoint()?;
    Some(Hub::in_a_bucket().await)
}

fn repository() -> RepositoryKey {
    format!("alice/libs/{CHROOT}").parse().unwrap()
}

/// What stands in a repository, by package.
async fn published(hub: &Hub) -> usize {
    hub.repository(&repository().to_string()).await.len()
}

#[tokio::test]
async fn a_publish_that_is_cut_off_at_any_request_leaves_the_old_repository_or_the_new_one() {
    let Some(hub) = hub().await else { return };
    let bucket = hub.place.bucket.clone().unwrap();
    let alice = hub.user("alice").await;
    hub.create(&alice, "libs").await;
    let old = hub.submit(&alice, "libs").await;
    hub.hand_in(&hub.lease().await.id, &[BINARY]).await.ok();
    hub.publish().await;
    let new = hub.submit(&alice, "libs").await;
    hub.hand_in(&hub.lease().await.id, &[BINARY, SOURCE]).await.ok();
    let (mut cut_off, mut done_early) = (0, 0);
    for after in 0..200 {
        tell("cut", &bucket, &format!("&after={after}")).await;
        let result = hub.state.publishing.publish(&repository()).await;
        tell("mend", &bucket, "").await;
        let packages = published(&hub).await;
        assert!(packages == 1 || packages == 3, "{packages} after {after} requests");
        if result.is_ok() {
            break;
        }
        cut_off += 1;
        done_early += usize::from(packages == 3);
        // The database says so only when the repository does.
        assert!(hub.state_of(new).await != "succeeded" || packages == 3);
    }
    eprintln!("cut off after each of {cut_off} requests; {done_early} times the new index was in force already");
    assert!(cut_off > 5, "{cut_off}");
    assert_eq!((hub.state_of(old).await.as_str(), hub.state_of(new).await.as_str()), ("succeeded", "succeeded"));
    assert_eq!(published(&hub).await, 3);
    hub.state.queue.sweep(clock::now_ms()).await.unwrap();
    assert_eq!(hub.incoming().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_server_that_dies_before_the_index_is_replaced_goes_on_after_each_restart() {
    let Some(mut hub) = hub().await else { return };
    let bucket = hub.place.bucket.clone().unwrap();
    let alice = hub.user("alice").await;
    hub.create(&alice, "libs").await;
    for round in 0..3 {
        let id = hub.submit(&alice, "libs").await;
        hub.hand_in(&hub.lease().await.id, &[BINARY]).await.ok();
        for _ in 0..2 {
            let index = format!("PUT%20/{bucket}/the/prefix/results/{}/repodata/repomd.xml", repository());
            tell("cut", &bucket, &format!("&after=0&match={index}")).await;
            let error = hub.state.publishing.publish(&repository()).await.unwrap_err().to_string();
            assert!(error.contains("repomd.xml") && error.contains(&bucket), "{error}");
            tell("mend", &bucket, "").await;
            hub = hub.restart().await;
            assert_eq!(published(&hub).await, round, "the old repository, whole");
        }
        hub.publish().await;
        assert_eq!(hub.state_of(id).await, "succeeded");
        assert_eq!(published(&hub).await, round + 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_publish_into_one_repository_at_the_same_time_lose_nothing() {
    let Some(first) = hub().await else { return };
    let second = first.another().await;
    let alice = first.user("alice").await;
    first.create(&alice, "libs").await;
    let mut builds = Vec::new();
    for round in 0..6 {
        let mut taken = Vec::new();
        for hub in [&first, &second, &first, &second] {
            builds.push(hub.submit(&alice, "libs").await);
            taken.push((hub, hub.lease().await.id));
        }
        // One half is handed in now, the other one while both publish what they find, whatever the queue says.
        for (hub, lease) in &taken[..2] {
            hub.hand_in(lease, &[BINARY]).await.ok();
        }
        let (key, other) = (repository(), repository());
        let (one, two, ()) =
            tokio::join!(first.state.publishing.publish(&key), second.state.publishing.publish(&other), async {
                for (hub, lease) in &taken[2..] {
                    hub.hand_in(lease, &[BINARY]).await.ok();
                }
            });
        one.unwrap_or_else(|error| panic!("round {round}: {error}"));
        two.unwrap_or_else(|error| panic!("round {round}: {error}"));
    }
    second.publish().await;
    for id in &builds {
        assert_eq!(first.state_of(*id).await, "succeeded");
    }
    for hub in [&first, &second] {
        assert_eq!(published(hub).await, builds.len());
    }
}

#[tokio::test]
async fn what_one_server_took_another_publishes_when_the_first_is_gone() {
    let Some(first) = hub().await else { return };
    let second = first.another().await;
    let alice = first.user("alice").await;
    first.create(&alice, "libs").await;
    let id = first.submit(&alice, "libs").await;
    let lease = second.lease().await;
    let source = second.builder_call("GET", &format!("lease/{}/source", lease.id), "", &[]).await;
    assert_eq!(source.body, SOURCE.bytes(), "a source package that another server took");
    first.hand_in(&lease.id, &[BINARY]).await.ok();
    fs_err::remove_dir_all(first.stored("incoming")).unwrap();
    second.publish().await;
    assert_eq!(second.state_of(id).await, "succeeded");
    assert_eq!(second.read(&format!("{}/{id:08}-hello/{}", repository(), BINARY.file())).await, Some(BINARY.bytes()));
    assert_eq!(second.incoming().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_file_that_changed_after_it_was_handed_in_is_not_published() {
    let Some(first) = hub().await else { return };
    let second = first.another().await;
    let alice = first.user("alice").await;
    first.create(&alice, "libs").await;
    let id = first.submit(&alice, "libs").await;
    let lease = first.lease().await;
    first.hand_in(&lease.id, &[BINARY]).await.ok();
    let key = first.key(&format!("incoming/{}/{}", lease.id, BINARY.file()));
    first.objects.put(&key, Rpm { version: "6.6", ..BINARY }.bytes().into()).await.unwrap();
    second.publish().await;
    assert_eq!(second.state_of(id).await, "failed");
    assert_eq!(second.repository(&repository().to_string()).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_log_is_read_where_it_is_written_and_everywhere_once_the_build_has_ended() {
    let Some(first) = hub().await else { return };
    let second = first.another().await;
    let alice = first.user("alice").await;
    first.create(&alice, "libs").await;
    let id = first.submit(&alice, "libs").await;
    let path = format!("{}/{id:08}-hello/build.log", repository());
    let lease = first.lease().await;
    first.log(&lease.id, "build.log", 0, "one\n").await.ok();
    first.log(&lease.id, "build.log", 4, "two\n").await.ok();
    assert_eq!(first.read(&path).await.unwrap(), b"one\ntwo\n");
    assert_eq!(second.read(&path).await, None);
    let names = first.names(&format!("{}/{id:08}-hello", repository())).await;
    assert_eq!(names, ["build.log"]);
    // The end is told to the other server: the first finds out by itself.
    let fault = Outcome::UserFault { message: "it failed".into() };
    second.finish(&lease.id, fault, vec![]).await.ok();
    first.state.queue.sweep_logs().await.unwrap();
    for hub in [&first, &second] {
        assert_eq!(hub.read(&path).await.unwrap(), b"one\ntwo\n");
    }
    assert_eq!(fs_err::read_dir(first.stored("live")).unwrap().count(), 0);
}

#[tokio::test]
async fn logs_that_a_dead_server_still_had_are_kept_and_never_put_over_those_of_a_later_attempt() {
    let Some(first) = hub().await else { return };
    let second = first.another().await;
    let alice = first.user("alice").await;
    first.create(&alice, "libs").await;
    let (retried, failed) = (first.submit(&alice, "libs").await, first.submit(&alice, "libs").await);
    let path = |id: i64, name: &str| format!("{}/{id:08}-hello/{name}", repository());
    let lost = first.lease_as("far-away").await.unwrap();
    let last = first.lease_as("far-away").await.unwrap();
    for lease in [&lost, &last] {
        first.log(&lease.id, "build.log", 0, "the first try\n").await.ok();
    }
    first.log(&lost.id, "root.log", 0, "only of the first\n").await.ok();
    // Both builders and the server fall silent; one build goes on elsewhere.
    first.state.queue.expire(clock::now_ms() + 3_600_000).await.unwrap();
    let again = second.lease_as("builder-2").await.unwrap();
    assert_eq!(again.build_id, retried);
    second.log(&again.id, "build.log", 0, "the second try\n").await.ok();
    second.hand_in(&again.id, &[BINARY]).await.ok();
    second.publish().await;
    let now = clock::now_ms();
    let other = second.lease_as("builder-2").await.unwrap();
    assert_eq!(other.build_id, failed);
    db::lease::finish_without(&second.state.db, &other.id, copr_api::v3::BuildState::Failed, None, now).await.unwrap();

    let first = first.restart().await;
    assert_eq!(second.read(&path(retried, "build.log")).await.unwrap(), b"the second try\n");
    assert_eq!(second.read(&path(failed, "build.log")).await.unwrap(), b"the first try\n");
    assert_eq!(fs_err::read_dir(first.stored("live")).unwrap().count(), 0);
}

#[tokio::test]
async fn files_of_a_bucket_come_in_parts_and_are_not_sent_again_to_those_who_have_them() {
    let Some(hub) = hub().await else { return };
    let path = "alice/libs/c-1-y/00000001-x/x-1~rc1^git+2-1.x86_64.rpm";
    hub.objects.put(&hub.key(&format!("results/{path}")), "0123456789".into()).await.unwrap();
    hub.objects.put(&hub.key("results/alice/libs/c-1-y/00000001-x/empty.txt"), "".into()).await.unwrap();
    let url = format!("/results/{path}");
    let whole = hub.get(&url).await;
    assert_eq!((whole.status.as_u16(), whole.text().as_str()), (200, "0123456789"));
    assert_eq!((whole.header("content-length"), whole.header("content-type")), ("10", "application/x-rpm"));
    let part = hub.get_with(&url, &[("range", "bytes=7-")]).await;
    assert_eq!((part.status.as_u16(), part.text().as_str()), (206, "789"));
    assert_eq!(part.header("content-range"), "bytes 7-9/10");
    assert_eq!(hub.get_with(&url, &[("range", "bytes=-2")]).await.text(), "89");
    assert_eq!(hub.get_with(&url, &[("range", "bytes=10-")]).await.status.as_u16(), 416);
    assert!(whole.header("etag").len() > 10);
    for known in [("if-none-match", whole.header("etag")), ("if-modified-since", whole.header("last-modified"))] {
        let again = hub.get_with(&url, &[known]).await;
        assert_eq!((again.status.as_u16(), again.body.len()), (304, 0), "{known:?}");
    }
    let stale = hub.get_with(&url, &[("range", "bytes=7-"), ("if-range", "\"another\"")]).await;
    assert_eq!((stale.status.as_u16(), stale.body.len()), (200, 10));
    let head = hub.send(Request::head(&url).body(Body::empty()).unwrap()).await;
    assert_eq!((head.header("content-length"), head.body.len()), ("10", 0));
    assert_eq!(hub.get("/results/alice/libs/c-1-y/00000001-x/empty.txt").await.status.as_u16(), 200);
    let page = hub.get("/results/alice/libs/c-1-y/").await.text();
    assert!(page.contains("00000001-x/"), "{page}");
    assert_eq!(hub.get("/results/alice/libs/c-1-y").await.header("location"), "c-1-y/");
    for nothing in ["alice/libs/c-1-z", "alice/libs/c-1-y/00000001-x/x", "alice/../the/prefix", "bob/", "alice/libs/c"]
    {
        assert_eq!(hub.get(&format!("/results/{nothing}")).await.status.as_u16(), 404, "{nothing}");
    }
}

#[test]
fn check_config_tries_the_bucket_with_the_key_of_the_environment() {
    let Some(endpoint) = s3_endpoint() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (name, data) = (runtime.block_on(new_bucket()), tempfile::tempdir().unwrap());
    let check = |bucket: &str| {
        let config = format!("[store]\nbucket = \"s3://{bucket}\"\nendpoint = \"{endpoint}\"\nallow_http = true\n");
        fs_err::write(data.path().join("coprd.toml"), config).unwrap();
        Command::new(env!("CARGO_BIN_EXE_coprd"))
            .args(["check-config", "--data"])
            .arg(data.path())
            .envs([("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI")])
            .output()
            .unwrap()
    };
    let fine = check(&name);
    let text = String::from_utf8_lossy(&fine.stdout);
    assert!(fine.status.success() && text.contains(&format!("s3://{name} can be written")), "{fine:?}");
    let wrong = check("no-such-bucket");
    let text = String::from_utf8_lossy(&wrong.stdout);
    assert!(!wrong.status.success() && text.contains("s3://no-such-bucket"), "{wrong:?}");
    assert!(!text.contains("wJalrXUtnFEMI"), "{text}");
}

fn settings(bucket: &str, folder: &std::path::Path) -> config::Store {
    let credentials = folder.join("key");
    fs_err::write(&credentials, "aws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = wJalrXUtnFEMI\n").unwrap();
    let (bucket, endpoint) = (format!("s3://{bucket}/x"), s3_endpoint().unwrap());
    config::Store { bucket, endpoint, allow_http: true, credentials, ..config::Store::default() }
}

#[tokio::test]
async fn readers_of_files_are_sent_to_the_bucket_where_it_is_public() {
    let Some(mut hub) = hub().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(hub.place.bucket.as_deref().unwrap(), folder.path());
    settings.bucket = settings.bucket.replace("/x", "/the/prefix");
    settings.public_url = "https://files.example.org/the/prefix".to_owned();
    hub.state.store = Store::open(folder.path(), Bucket::connect(&settings).unwrap()).unwrap();
    hub.router = coprd::http::router(hub.state.clone());
    let path = "results/alice/libs/c-1-y/b/x-1~rc1^2+3-1.noarch.rpm";
    hub.objects.put(&hub.key(path), "public".into()).await.unwrap();
    let answer = hub.get(&format!("/{path}")).await;
    assert_eq!(answer.status.as_u16(), 302);
    let to = "https://files.example.org/the/prefix/results/alice/libs/c-1-y/b/x-1~rc1%5E2%2B3-1.noarch.rpm";
    assert_eq!(answer.header("location"), to);
    assert_eq!(hub.get("/results/alice/libs/c-1-y/b/").await.status.as_u16(), 200);
    assert_eq!(hub.get(&format!("/{path}.gone")).await.status.as_u16(), 404);
}

#[tokio::test]
async fn a_bucket_that_would_lose_packages_or_can_not_be_written_is_refused_with_its_name() {
    if s3_endpoint().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let name = new_bucket().await;
    let check = async |name: &str| Bucket::connect(&settings(name, folder.path())).unwrap().unwrap().check().await;
    check(&name).await.unwrap();
    tell("heedless", &name, "").await;
    let error = check(&name).await.unwrap_err();
    assert!(matches!(error, BucketError::Unconditional { header: "If-None-Match", .. }), "{error}");
    tell("mend", &name, "").await;
    for after in [0, 3, 4] {
        tell("cut", &name, &format!("&after={after}")).await;
        let error = check(&name).await.unwrap_err().to_string();
        assert!(error.contains(&name) && error.contains("[store]"), "{after}: {error}");
        assert!(!error.contains("wJalrXUtnFEMI"), "{error}");
        tell("mend", &name, "").await;
    }
    let error = check("no-such-bucket").await.unwrap_err().to_string();
    assert!(error.contains("no-such-bucket"), "{error}");
}
