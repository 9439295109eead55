//! The unmodified copr-cli of PyPI, and ours, with builds in real machines: what is published when, and what can be had of it.

use std::{path::Path, time::Duration};

use copr_tests::{
    PATIENCE,
    journey::CHROOT,
    packager::Packager,
    programs::{fixture_srpm, minidistro, tree},
    server::{Options, Server},
};

/// The names of the packages that a repository offers to dnf.
fn offered(server: &Server, folder: &str) -> Vec<String> {
    let results = server.options.data.join("store/results").join(folder);
    let mut names: Vec<String> =
        copr_repodata::read::load(&results).unwrap().into_iter().map(|record| record.nevra.name).collect();
    names.sort();
    names
}

fn files(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs_err::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        // wget keeps the page that it began with.
        .filter(|name| !name.starts_with("robots") && name != "index.html")
        .collect();
    names.sort();
    names
}

#[test]
fn real_builds_are_seen_downloaded_kept_back_shown_and_deleted_through_copr_cli() {
    let folder = tree().join("target/stories/copr-cli-results");
    let _ = fs_err::remove_dir_all(&folder);
    let options = Options { data: folder.join("data"), minidistro: minidistro().unwrap(), port: 0 };
    fs_err::create_dir_all(&options.data).unwrap();
    // What was deleted stays for those who hold older metadata, but not for a day here.
    fs_err::write(options.data.join("coprd.toml"), "[publish]\nretain_seconds = 1\n").unwrap();
    let server = Server::start(&options).unwrap();
    let config = folder.join("alice.conf");
    server.add_user("alice", &config).unwrap();
    let (alice, ours) = (Packager::stock(&config), Packager::ours(&config).unwrap());
    let small = fixture_srpm("small", &folder.join("srpms")).unwrap().display().to_string();
    let broken = fixture_srpm("broken-build", &folder.join("srpms")).unwrap().display().to_string();

    // There is a valid, empty repository from the beginning, and in a project in devel mode one of its own.
    alice.done(&["create", "libs", "--chroot", CHROOT]).unwrap();
    assert!(offered(&server, &format!("alice/libs/{CHROOT}")).is_empty());
    alice.done(&["create", "held", "--chroot", CHROOT, "--disable_createrepo", "true"]).unwrap();
    let repomd = |of: &str| server.get(&format!("/results/alice/{of}/repodata/repomd.xml")).unwrap().status;
    assert_eq!(repomd(&format!("libs/{CHROOT}/devel")), 404);
    assert_eq!((repomd(&format!("held/{CHROOT}")), repomd(&format!("held/{CHROOT}/devel"))), (200, 200));

    let good = alice.submitted(&["build", "libs", &small]).unwrap()[0];
    let bad = alice.submitted(&["build", "libs", &broken]).unwrap()[0];
    let held = alice.submitted(&["build", "held", &small]).unwrap()[0];
    let side = alice.submitted(&["build", "libs:custom:next", &small]).unwrap()[0];
    for build in [good, held, side] {
        server.wait_for_state(build, &["succeeded"], PATIENCE).unwrap();
    }
    server.wait_for_state(bad, &["failed"], PATIENCE).unwrap();
    alice.done(&["watch-build", &good.to_string(), &side.to_string()]).unwrap();
    alice.ends(4, &["watch-build", &good.to_string(), &bad.to_string()], &format!("Build(s) {bad} failed.")).unwrap();
    let watched = ours.ends(4, &["watch", &good.to_string(), &bad.to_string(), "--log"], "on purpose").unwrap();
    assert!(watched.stderr.contains(&format!("Build(s) {bad} failed.")), "{}", watched.text());

    // wget follows the pages of links; ours fetches the same files.
    let (by_wget, by_ours) = (folder.join("wget"), folder.join("ours"));
    alice.done(&["download-build", &good.to_string(), "--dest", &by_wget.display().to_string()]).unwrap();
    ours.done(&["download-build", &good.to_string(), "--dest", &by_ours.display().to_string()]).unwrap();
    let (stock, own) = (files(&by_wget.join(CHROOT)), files(&by_ours.join(CHROOT)));
    assert_eq!(stock, own);
    for name in ["small-1.0-1.md12.noarch.rpm", "small-1.0-1.md12.src.rpm", "builder-live.log", "results.json"] {
        assert!(own.iter().any(|of| of == name), "{name} is not among {own:?}");
    }
    for name in own.iter().filter(|name| name.ends_with(".rpm")) {
        let one = fs_err::read(by_wget.join(CHROOT).join(name)).unwrap();
        assert!(one == fs_err::read(by_ours.join(CHROOT).join(name)).unwrap(), "{name} differs");
    }
    let again =
        ours.json(&["download-build", &good.to_string(), "--dest", &by_ours.display().to_string(), "--json"]).unwrap();
    assert!(again.as_array().unwrap().iter().all(|file| file["present"] == true), "{again}");

    // What is kept back is seen by builds and not by users, until someone says so.
    assert!(offered(&server, &format!("alice/held/{CHROOT}")).is_empty());
    alice.done(&["regenerate-repos", "held"]).unwrap();
    let began = std::time::Instant::now();
    while offered(&server, &format!("alice/held/{CHROOT}")).is_empty() {
        assert!(began.elapsed() < PATIENCE, "the packages never became visible: {}", server.log());
        std::thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(offered(&server, &format!("alice/held/{CHROOT}")), ["small", "small"]);
    assert_eq!(offered(&server, &format!("alice/libs:custom:next/{CHROOT}")), ["small", "small"]);

    alice.done(&["fork", "libs", "copy"]).unwrap();
    let began = std::time::Instant::now();
    while offered(&server, &format!("alice/copy/{CHROOT}")).is_empty() {
        assert!(began.elapsed() < PATIENCE, "the fork stayed empty: {}", server.log());
        std::thread::sleep(Duration::from_millis(200));
    }

    let page = server.json(&format!("/api_3/build-chroot?build_id={good}&chrootname={CHROOT}")).unwrap();
    let results = page["result_url"].as_str().unwrap().trim_start_matches(&server.url()).to_owned();
    assert_eq!(server.get(&results).unwrap().status, 200);
    alice.done(&["delete-build", &good.to_string(), &bad.to_string()]).unwrap();
    alice.ends(1, &["status", &good.to_string()], "does not exist").unwrap();
    let began = std::time::Instant::now();
    while !offered(&server, &format!("alice/libs/{CHROOT}")).is_empty() || server.get(&results).unwrap().status != 404 {
        assert!(began.elapsed() < PATIENCE, "the build never went: {}", server.log());
        std::thread::sleep(Duration::from_millis(500));
    }
    assert_eq!(offered(&server, &format!("alice/copy/{CHROOT}")), ["small", "small"], "a fork is a project of its own");
}
