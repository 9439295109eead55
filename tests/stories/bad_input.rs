//! What is wrong is refused with one clear message, and nothing is lost or half-written.

use std::{path::PathBuf, process::Command, time::Duration};

use copr_tests::{
    journey::{CHROOT, build_folder, copr, created_build},
    programs::{Output, fixture_srpm, minidistro, ours, run, tree},
    report::Report,
    server::{Options, Server},
};

fn start(name: &str) -> (PathBuf, Server) {
    let folder = tree().join("target/stories").join(name);
    let _ = fs_err::remove_dir_all(&folder);
    let options = Options { data: folder.join("data"), minidistro: minidistro().unwrap(), port: 0 };
    (folder, Server::start(&options).unwrap())
}

fn user(server: &Server, folder: &std::path::Path, name: &str) -> PathBuf {
    let config = folder.join(format!("{name}.conf"));
    server.add_user(name, &config).unwrap();
    config
}

fn try_copr(config: &std::path::Path, args: &[&str]) -> Output {
    run(Command::new(ours("copr").unwrap()).arg("--config").arg(config).args(args)).unwrap()
}

#[test]
fn what_cannot_be_built_is_refused_before_a_machine_starts() {
    let (folder, server) = start("refused");
    let report = Report::new(true);
    let alice = user(&server, &folder, "alice");
    let bob = user(&server, &folder, "bob");
    copr(&alice, &["create", "libs", "--chroot", CHROOT], &report).unwrap();
    let srpm = fixture_srpm("greet-library", &folder.join("srpms")).unwrap();
    let srpm_text = srpm.display().to_string();

    let no_rpm = folder.join("notes.src.rpm");
    fs_err::write(&no_rpm, "these are notes, not a package\n").unwrap();
    let refused = try_copr(&alice, &["build", "libs", &no_rpm.display().to_string()]);
    assert_eq!(refused.code, 1, "{}", refused.text());
    assert!(refused.stderr.contains("notes.src.rpm"), "{}", refused.stderr);

    let truncated = folder.join("truncated.src.rpm");
    let whole = fs_err::read(&srpm).unwrap();
    fs_err::write(&truncated, &whole[..200]).unwrap();
    let refused = try_copr(&alice, &["build", "libs", &truncated.display().to_string()]);
    assert_eq!(refused.code, 1, "{}", refused.text());
    assert!(refused.stderr.contains("truncated.src.rpm"), "{}", refused.stderr);

    let refused = try_copr(&bob, &["build", "alice/libs", &srpm_text]);
    assert_ne!(refused.code, 0, "bob may not build in alice's project");
    assert!(refused.stderr.contains("permission"), "{}", refused.stderr);

    let refused = try_copr(&alice, &["build", "-r", "fedora-99-x86_64", "libs", &srpm_text]);
    assert_eq!(refused.code, 1, "{}", refused.text());
    assert!(refused.stderr.contains("fedora-99-x86_64"), "{}", refused.stderr);

    let refused = try_copr(&alice, &["create", "other", "--chroot", "fedora-99-x86_64"]);
    assert_eq!(refused.code, 1, "{}", refused.text());
    assert!(refused.stderr.contains("fedora-99-x86_64"), "{}", refused.stderr);

    let list = server.json("/api_3/build/list?ownername=alice&projectname=libs").unwrap();
    assert_eq!(list["items"].as_array().map(Vec::len), Some(0), "a refused build left a row: {list}");
}

#[test]
fn a_failing_build_ends_failed_with_its_log_kept_and_nothing_published() {
    let (folder, server) = start("failing");
    let report = Report::new(true);
    let alice = user(&server, &folder, "alice");
    copr(&alice, &["create", "libs", "--chroot", CHROOT], &report).unwrap();

    let broken = fixture_srpm("broken-build", &folder.join("srpms")).unwrap();
    let failed = try_copr(&alice, &["build", "libs", &broken.display().to_string()]);
    assert_eq!(failed.code, 4, "copr-cli's code for a failed build; it said:\n{}", failed.text());
    let build = created_build(&failed).unwrap();
    assert_eq!(server.wait_for_state(build, &["failed"], Duration::from_secs(1)).unwrap(), "failed");
    let log = fs_err::read_to_string(build_folder(&server, "alice", "libs", build).unwrap().join("build.log")).unwrap();
    assert!(log.contains("Bad exit status"), "rpmbuild's own words must be in build.log:\n{log}");

    let unmet = fixture_srpm("missing-requirement", &folder.join("srpms")).unwrap();
    let failed = try_copr(&alice, &["build", "libs", &unmet.display().to_string()]);
    assert_eq!(failed.code, 4, "{}", failed.text());
    assert!(failed.text().contains("nothing provides"), "the log must say what is missing:\n{}", failed.text());

    let repository = server.options.data.join("store/results/alice/libs").join(CHROOT);
    let records = copr_repodata::read::load(&repository).unwrap();
    assert_eq!(records.len(), 0, "a failed build must publish nothing");
}

#[test]
fn a_second_server_on_the_same_folder_is_refused() {
    let (_folder, server) = start("second");
    let mut options = server.options.clone();
    options.port = 0;
    let refused = Server::refused(&options, |_| ()).unwrap();
    assert_ne!(refused.code, 0);
    let data = options.data.display().to_string();
    assert!(refused.stderr.contains(&data), "the message must name the folder:\n{}", refused.text());
    assert_eq!(server.get("/healthz").unwrap().status, 200, "the first server must not be disturbed");
}

#[test]
fn without_qemu_the_server_says_what_to_install() {
    let folder = tree().join("target/stories/no-qemu");
    let _ = fs_err::remove_dir_all(&folder);
    fs_err::create_dir_all(folder.join("bin")).unwrap();
    let options = Options { data: folder.join("data"), minidistro: minidistro().unwrap(), port: 0 };
    let refused = Server::refused(&options, |command| {
        command.env("PATH", folder.join("bin"));
    })
    .unwrap();
    assert_ne!(refused.code, 0);
    assert!(refused.stderr.contains("qemu-system-x86"), "{}", refused.text());
}

#[test]
fn copr_repo_names_the_broken_package_and_publishes_the_others() {
    let folder = tree().join("target/stories/broken-rpm");
    let _ = fs_err::remove_dir_all(&folder);
    let good = fixture_srpm("greet-library", &folder).unwrap();
    fs_err::write(folder.join("broken.rpm"), &fs_err::read(&good).unwrap()[..500]).unwrap();
    let created = run(Command::new(ours("copr-repo").unwrap()).arg("create").arg(&folder)).unwrap();
    assert_eq!(created.code, 2, "createrepo_c's code for a skipped package; it said:\n{}", created.text());
    assert!(created.stderr.contains("broken.rpm"), "{}", created.stderr);
    let records = copr_repodata::read::load(&folder).unwrap();
    assert_eq!(records.len(), 1);

    let missing = folder.join("missing");
    let refused = run(Command::new(ours("copr-repo").unwrap()).arg("create").arg(&missing)).unwrap();
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains(&missing.display().to_string()), "{}", refused.stderr);
    assert!(!missing.exists());
}
