//! Leases that end before any machine is started, and builders that end before their leases.

use std::{path::Path, time::Duration};

use copr_api::builder::{BuildRepository, Outcome, Work};
use copr_builder::RunError;
use tokio_util::sync::CancellationToken;

use crate::{
    server::{Beat, Heard, Script, lease, options, run_until},
    srpm,
};

const LIMIT: Duration = Duration::from_secs(600);

/// A script that leases a source package which requires `requires`, in a chroot with an empty repository.
fn script(dir: &Path, requires: &str) -> Script {
    let repository = dir.join("repository");
    fs_err::create_dir_all(&repository).unwrap();
    srpm::empty_repository(&repository);
    let source = fs_err::read(srpm::from_spec(dir, "pretender", &srpm::spec(requires))).unwrap();
    Script { lease: lease(&source, &repository), source: Some(source), beat: Beat::Fine, log_failures: 0 }
}

/// Runs the script to its first finish; the outcome.
async fn outcome(dir: &Path, script: Script) -> (Outcome, Heard) {
    let (ended, heard) = run_until(dir, script, LIMIT, |heard| !heard.finished.is_empty()).await;
    ended.unwrap();
    assert_eq!(heard.finished.len(), 1, "{}", heard.log("builder-live.log"));
    assert_swept(dir);
    (heard.finished[0].outcome.clone(), heard)
}

fn assert_swept(dir: &Path) {
    let left: Vec<_> = fs_err::read_dir(dir.join("work"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .filter(|name| name != "lock")
        .collect();
    assert!(left.is_empty(), "left in the work folder: {left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_requirement_that_nothing_provides_is_the_packagers_fault_and_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let (outcome, heard) = outcome(dir.path(), script(dir.path(), "no-such-library-devel >= 2")).await;
    let Outcome::UserFault { message } = outcome else { panic!("{outcome:?}") };
    assert!(message.contains("no-such-library-devel"), "{message}");
    assert!(heard.log("root.log").contains("no-such-library-devel"), "{}", heard.log("root.log"));
    assert!(heard.log("builder-live.log").contains("The build failed: "), "{}", heard.log("builder-live.log"));
    assert!(heard.log("hw_info.log").contains("acceleration: tcg"), "{}", heard.log("hw_info.log"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_that_cannot_be_reached_is_the_machines_fault() {
    let dir = tempfile::tempdir().unwrap();
    let mut script = script(dir.path(), "");
    let baseurl = "http://127.0.0.1:1/r".to_owned();
    script.lease.repositories.push(BuildRepository {
        id: "alice/libs".to_owned(),
        baseurl,
        priority: 99,
        ..BuildRepository::default()
    });
    let (outcome, _) = outcome(dir.path(), script).await;
    let Outcome::MachineFault { message } = outcome else { panic!("{outcome:?}") };
    assert!(message.contains("alice/libs") && message.contains("cannot connect"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_cannot_have_the_builder_ask_servers_that_builds_may_not_reach() {
    let dir = tempfile::tempdir().unwrap();
    let mut script = script(dir.path(), "");
    script.lease.repositories.push(BuildRepository {
        id: "http_127_0_0_1".to_owned(),
        baseurl: "http://127.0.0.1:1/r".to_owned(),
        priority: 99,
        external: true,
        ..BuildRepository::default()
    });
    let (outcome, _) = outcome(dir.path(), script).await;
    let Outcome::UserFault { message } = outcome else { panic!("{outcome:?}") };
    assert!(message.contains("http_127_0_0_1") && message.contains("a loopback address"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_cannot_read_folders_of_the_builder() {
    let dir = tempfile::tempdir().unwrap();
    let mut script = script(dir.path(), "");
    let baseurl = format!("file://{}", dir.path().join("repository").display());
    script.lease.repositories.push(BuildRepository {
        id: "alice/libs".to_owned(),
        baseurl,
        priority: 99,
        ..BuildRepository::default()
    });
    let (outcome, _) = outcome(dir.path(), script).await;
    let Outcome::UserFault { message } = outcome else { panic!("{outcome:?}") };
    assert!(message.contains("alice/libs") && message.contains("file://"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_is_no_package_is_the_packagers_fault() {
    let dir = tempfile::tempdir().unwrap();
    let mut script = script(dir.path(), "");
    let text = b"this is not a package".to_vec();
    script.lease = lease(&text, &dir.path().join("repository"));
    script.source = Some(text);
    let (outcome, _) = outcome(dir.path(), script).await;
    let Outcome::UserFault { message } = outcome else { panic!("{outcome:?}") };
    assert!(message.contains("the source package cannot be read"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_arrives_changed_is_the_machines_fault() {
    let dir = tempfile::tempdir().unwrap();
    let mut script = script(dir.path(), "");
    let Work::Build { srpm } = &mut script.lease.work else { panic!("it is a build") };
    srpm.sha256 = "0".repeat(64);
    let (outcome, _) = outcome(dir.path(), script).await;
    let Outcome::MachineFault { message } = outcome else { panic!("{outcome:?}") };
    assert!(message.contains("SHA-256"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_arrive_whole_although_the_server_fails_at_first() {
    let dir = tempfile::tempdir().unwrap();
    let script = Script { log_failures: 3, ..script(dir.path(), "no-such-library-devel") };
    let (_, heard) = outcome(dir.path(), script).await;
    let live = heard.log("builder-live.log");
    assert!(live.starts_with("Start: build 7 of pretender-1-1.src.rpm"), "{live}");
    assert!(live.ends_with("Finish: build failed\n"), "{live}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_build_stops_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let script = Script { source: None, beat: Beat::Cancel, ..script(dir.path(), "") };
    let (outcome, _) = outcome(dir.path(), script).await;
    assert_eq!(outcome, Outcome::Cancelled);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_lease_is_dropped_without_a_word_and_the_next_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let script = Script { source: None, beat: Beat::Lost, ..script(dir.path(), "") };
    let (ended, heard) = run_until(dir.path(), script, LIMIT, |heard| heard.leases > 1).await;
    ended.unwrap();
    assert!(heard.leases > 1);
    assert!(heard.finished.is_empty(), "{:?}", heard.finished);
    assert_swept(dir.path());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_builder_that_is_shut_down_leaves_its_lease_to_run_out() {
    let dir = tempfile::tempdir().unwrap();
    let script = Script { source: None, ..script(dir.path(), "") };
    let (ended, heard) = run_until(dir.path(), script, LIMIT, |heard| !heard.stages.is_empty()).await;
    ended.unwrap();
    assert!(heard.finished.is_empty(), "{:?}", heard.finished);
    assert_swept(dir.path());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_builders_in_one_work_folder_are_one_too_many() {
    let dir = tempfile::tempdir().unwrap();
    let shutdown = CancellationToken::new();
    // Nobody answers there: a builder waits for its server.
    let usual = options(dir.path(), "http://127.0.0.1:1".to_owned());
    let first = tokio::spawn(copr_builder::run(usual.clone(), shutdown.clone()));
    while !dir.path().join("work/lock").exists() {
        assert!(!first.is_finished(), "{:?}", first.await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let error = copr_builder::run(usual, shutdown.clone()).await.unwrap_err();
    assert!(matches!(error, RunError::WorkDirTaken { .. }), "{error}");
    shutdown.cancel();
    first.await.unwrap().unwrap();
}
