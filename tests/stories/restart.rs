//! The server dies at the worst moment.

use std::{process::Command, time::Duration};

use copr_tests::{
    PATIENCE,
    journey::{CHROOT, build_folder, copr, created_build},
    programs::{fixture_srpm, minidistro, run, tree},
    report::Report,
    server::{Options, Server},
};

#[test]
fn a_build_whose_server_is_killed_is_leased_again_after_the_restart_and_finishes() {
    let folder = tree().join("target/stories/restart");
    let _ = fs_err::remove_dir_all(&folder);
    let report = Report::new(true);
    let options = Options { data: folder.join("data"), minidistro: minidistro().unwrap(), port: 0 };
    let server = Server::start(&options).unwrap();
    let config = folder.join("alice.conf");
    server.add_user("alice", &config).unwrap();
    copr(&config, &["create", "libs", "--chroot", CHROOT], &report).unwrap();
    let srpm = fixture_srpm("greet-library", &folder.join("srpms")).unwrap();
    let submitted = copr(&config, &["build", "--nowait", "libs", &srpm.display().to_string()], &report).unwrap();
    let build = created_build(&submitted).unwrap();

    server.wait_for_state(build, &["running"], PATIENCE).unwrap();
    let qemu = wait_for_qemu(&options, true);
    assert!(qemu, "no machine was started; the server said:\n{}", server.log());
    let same_port = server.kill_9().unwrap();
    assert!(!wait_for_qemu(&options, false), "a machine outlived the server that owned it");

    let server = Server::start(&same_port).unwrap();
    let state = server.wait_for_state(build, &["succeeded", "failed", "canceled"], PATIENCE).unwrap();
    assert_eq!(state, "succeeded", "the server said:\n{}", server.log());
    let records = copr_repodata::read::load(&options.data.join("store/results/alice/libs").join(CHROOT)).unwrap();
    let mut names: Vec<_> =
        records.iter().map(|record| format!("{}.{}", record.nevra.name, record.nevra.arch)).collect();
    names.sort();
    assert_eq!(names, ["libgreet-devel.x86_64", "libgreet.src", "libgreet.x86_64"], "published once, and whole");
    assert!(build_folder(&server, "alice", "libs", build).unwrap().join("build.log").is_file());
}

/// Waits up to 20 s until there is (or is no) QEMU that works below the server's data folder; gives whether there is one.
fn wait_for_qemu(options: &Options, wanted: bool) -> bool {
    let pattern = format!("qemu-system.*{}", options.data.display());
    for _ in 0..100 {
        let found = run(Command::new("pgrep").args(["-f", &pattern])).unwrap().code == 0;
        if found == wanted {
            return found;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    !wanted
}
