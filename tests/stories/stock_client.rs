//! The unmodified copr-cli of PyPI against our server.

use std::{process::Command, time::Duration};

use copr_tests::{
    journey::{CHROOT, created_build},
    programs::{Output, fixture_srpm, minidistro, run, tree},
    server::{Options, Server},
};

#[test]
fn copr_cli_creates_a_project_builds_and_watches_to_the_end() {
    let folder = tree().join("target/stories/stock-client");
    let _ = fs_err::remove_dir_all(&folder);
    let options = Options { data: folder.join("data"), minidistro: minidistro().unwrap(), port: 0 };
    let server = Server::start(&options).unwrap();
    let config = folder.join("alice.conf");
    server.add_user("alice", &config).unwrap();
    let copr_cli = |args: &[&str]| -> Output {
        let program = tree().join("target/venv/bin/copr-cli");
        run(Command::new(program).arg("--config").arg(&config).args(args)).unwrap()
    };

    let who = copr_cli(&["whoami"]);
    assert_eq!((who.code, who.stdout.trim()), (0, "alice"), "{}", who.text());
    let created = copr_cli(&["create", "libs", "--chroot", CHROOT]);
    assert_eq!(created.code, 0, "{}", created.text());
    let again = copr_cli(&["create", "libs", "--chroot", CHROOT]);
    assert_eq!(again.code, 1, "{}", again.text());
    assert!(again.text().contains("You already have a project named 'libs'"), "{}", again.text());

    let srpm = fixture_srpm("greet-library", &folder.join("srpms")).unwrap();
    let submitted = copr_cli(&["build", "--nowait", "libs", &srpm.display().to_string()]);
    assert_eq!(submitted.code, 0, "{}", submitted.text());
    let build = created_build(&submitted).unwrap();
    server.wait_for_state(build, &["succeeded"], Duration::from_secs(300)).unwrap();
    let watched = copr_cli(&["watch-build", &build.to_string()]);
    assert_eq!(watched.code, 0, "{}", watched.text());
    let status = copr_cli(&["status", &build.to_string()]);
    assert_eq!(status.stdout.trim(), "succeeded", "{}", status.text());
}
