//! The unmodified copr-cli of PyPI against our server.

use std::{path::PathBuf, process::Command};

use copr_api::builder::{Outcome, SourceMethod};
use copr_tests::{
    PATIENCE,
    journey::{CHROOT, created_build},
    programs::{Output, fixture_srpm, minidistro, run, tree},
    script::{Script, method},
    server::{Options, Server},
};
use serde_json::{Value, json};

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
    server.wait_for_state(build, &["succeeded"], PATIENCE).unwrap();
    let watched = copr_cli(&["watch-build", &build.to_string()]);
    assert_eq!(watched.code, 0, "{}", watched.text());
    let status = copr_cli(&["status", &build.to_string()]);
    assert_eq!(status.stdout.trim(), "succeeded", "{}", status.text());
}

/// The machines are played: what is shown is how copr-cli sees builds whose source is yet to be made, and what it may set.
#[test]
fn copr_cli_submits_urls_specs_and_git_repositories_and_sees_their_sources_being_made() {
    let folder = tree().join("target/stories/stock-client-sources");
    let _ = fs_err::remove_dir_all(&folder);
    let options = Options { data: folder.join("data"), minidistro: minidistro().unwrap(), port: 0 };
    fs_err::create_dir_all(&options.data).unwrap();
    fs_err::write(options.data.join("coprd.toml"), "[builder]\nenabled = false\n").unwrap();
    let server = Server::start(&options).unwrap();
    let config = folder.join("alice.conf");
    server.add_user("alice", &config).unwrap();
    let copr_cli = |args: &[&str]| -> Output {
        run(Command::new(tree().join("target/venv/bin/copr-cli")).arg("--config").arg(&config).args(args)).unwrap()
    };
    let done = |args: &[&str]| {
        let output = copr_cli(args);
        assert_eq!(output.code, 0, "{args:?}: {}", output.text());
        output
    };
    let script = Script::of(&server).unwrap();
    let srpm: PathBuf = fixture_srpm("greet-library", &folder.join("srpms")).unwrap();

    done(&["create", "libs", "--chroot", CHROOT]);
    done(&["modify", "libs", "--enable-net", "on"]);
    let chroot = format!("libs/{CHROOT}");
    done(&[
        "edit-chroot",
        &chroot,
        "--packages",
        "gcc make",
        "--rpmbuild-with",
        "docs",
        "--repos",
        "https://x.org/?priority=5",
    ]);
    let shown: Value = serde_json::from_str(&done(&["get-chroot", &chroot]).stdout).unwrap();
    assert_eq!((&shown["additional_packages"], &shown["with_opts"]), (&json!(["gcc", "make"]), &json!(["docs"])));

    let clone = ["--clone-url", "https://example.org/greet.git", "--commit", "v1", "--method", "make_srpm"];
    let scm = done(&[["buildscm", "--nowait", "libs"].as_slice(), clone.as_slice()].concat());
    let id = created_build(&scm).unwrap();
    let status = || done(&["status", &id.to_string()]).stdout.trim().to_owned();
    assert_eq!(status(), "pending");
    let lease = script.lease().unwrap();
    assert!(
        matches!(method(&lease).unwrap(), SourceMethod::Git { committish: Some(name), .. } if name == "v1"),
        "{lease:?}"
    );
    assert_eq!(status(), "starting");
    script.beat(&lease, "building").unwrap();
    assert_eq!(status(), "running");
    script.beat(&lease, "uploading").unwrap();
    assert_eq!(status(), "importing");
    script.made(&lease, &[&srpm]).unwrap();
    assert_eq!(status(), "pending");
    let lease = script.lease().unwrap();
    assert!(lease.settings.network && lease.extra_packages == ["gcc", "make"], "{lease:?}");
    assert!(lease.macros.iter().any(|(name, _)| name == "_with_docs"), "{lease:?}");
    assert!(lease.repositories.iter().any(|of| of.baseurl == "https://x.org/" && of.priority == 5), "{lease:?}");
    script.finish(&lease, Outcome::Skipped { message: "ExclusiveArch: s390x".to_owned() }).unwrap();
    let watched = done(&["watch-build", &id.to_string()]);
    assert!(watched.text().contains("skipped"), "{}", watched.text());
    let listed = done(&["list-builds", "libs"]);
    assert!(listed.stdout.contains("skipped"), "{}", listed.text());
    done(&["edit-chroot", &chroot, "--reset", "with_opts", "--reset", "additional_repos"]);

    let url = done(&["build", "--nowait", "libs", "https://example.org/greet-1-1.src.rpm"]);
    let id = created_build(&url).unwrap();
    let lease = script.lease().unwrap();
    assert!(
        matches!(method(&lease).unwrap(), SourceMethod::Url { url } if url == "https://example.org/greet-1-1.src.rpm")
    );
    script.finish(&lease, Outcome::UserFault { message: "The server said 404.".to_owned() }).unwrap();
    let watched = copr_cli(&["watch-build", &id.to_string()]);
    assert_eq!(watched.code, 4, "{}", watched.text());

    let spec = folder.join("greet.spec");
    fs_err::write(&spec, "Name: greet\n").unwrap();
    done(&["build", "--nowait", "libs", &spec.display().to_string()]);
    let lease = script.lease().unwrap();
    assert!(matches!(method(&lease).unwrap(), SourceMethod::Spec { spec, .. } if spec == "greet.spec"), "{lease:?}");
    script.made(&lease, &[&srpm]).unwrap();

    let svn = copr_cli(&["buildscm", "--nowait", "libs", "--clone-url", "https://example.org/x", "--type", "svn"]);
    assert!(svn.code == 1 && svn.text().contains("use git"), "{}", svn.text());
}
