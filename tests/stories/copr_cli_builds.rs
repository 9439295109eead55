//! The unmodified copr-cli of PyPI with builds, whose machines are played: what is queued when, and who is told what.

use std::path::PathBuf;

use copr_api::builder::Outcome;
use copr_tests::{
    PATIENCE,
    journey::CHROOT,
    packager::Packager,
    programs::{fixture_srpm, minidistro, tree},
    script::{Script, rebuilt},
    server::{Options, Server},
};

/// A second chroot, which the played builder can build for too.
const OTHER: &str = "fedora-44-x86_64";

struct Scene {
    server: Server,
    alice: Packager,
    script: Script,
    srpm: String,
    folder: PathBuf,
}

fn scene(name: &str) -> Scene {
    scene_with(name, "")
}

/// The same with more in the server's configuration.
fn scene_with(name: &str, more: &str) -> Scene {
    let folder = tree().join("target/stories").join(name);
    let _ = fs_err::remove_dir_all(&folder);
    let options = Options { data: folder.join("data"), minidistro: minidistro().unwrap(), port: 0 };
    options.offer(&[OTHER]).unwrap();
    let config = options.data.join("coprd.toml");
    let text = fs_err::read_to_string(&config).unwrap();
    fs_err::write(&config, text + "[builder]\nenabled = false\n" + more).unwrap();
    let server = Server::start(&options).unwrap();
    let config = folder.join("alice.conf");
    server.add_user("alice", &config).unwrap();
    let script = Script::of(&server).unwrap();
    let srpm = fixture_srpm("small", &folder.join("srpms")).unwrap().display().to_string();
    Scene { server, alice: Packager::stock(&config), script, srpm, folder }
}

fn fault() -> Outcome {
    Outcome::UserFault { message: "It does not compile.".to_owned() }
}

#[test]
fn copr_cli_submits_several_builds_chooses_chroots_and_is_told_of_mistakes_before_the_upload() {
    let scene = scene("copr-cli-submit");
    let (alice, srpm) = (&scene.alice, scene.srpm.as_str());
    alice.done(&["create", "libs", "--chroot", CHROOT, "--chroot", OTHER]).unwrap();
    for (args, code, text) in [
        (["build", "missing", srpm, "--nowait"].as_slice(), 1, "does not exist"),
        (&["build", "libs", srpm, "--nowait", "-r", "wrong-chroot-name"], 1, "is not a valid choice for this field"),
        (&["build", "libs:example", srpm, "--nowait"], 1, "Please use directory format libs:custom:<SUFFIX_OF_CHOICE>"),
        (&["build", "libs", "/nonexistent.src.rpm", "--nowait"], 3, "File /nonexistent.src.rpm not found"),
    ] {
        let refused = alice.ends(code, args, text).unwrap();
        assert!(!refused.text().contains("Uploading"), "{}", refused.text());
    }
    let two = alice.submitted(&["build", "libs", srpm, srpm]).unwrap();
    assert_eq!(two.len(), 2);
    let chroots = |build: i64| {
        let build = scene.server.json(&format!("/api_3/build/{build}")).unwrap();
        build["chroots"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(chroots(two[0]).len(), 2);
    let one = alice.submitted(&["build", "libs", srpm, "--exclude-chroot", OTHER]).unwrap()[0];
    assert_eq!(chroots(one), [CHROOT]);
    let one =
        alice.submitted(&["build", "libs", srpm, "-r", "fedora-*", "--timeout", "300", "--background"]).unwrap()[0];
    assert_eq!(chroots(one), [OTHER]);
    let build = scene.server.json(&format!("/api_3/build/{one}")).unwrap();
    assert_eq!(build["is_background"], true);

    let side = alice.submitted(&["build", "libs:custom:next", srpm, "-r", CHROOT]).unwrap()[0];
    let build = scene.server.json(&format!("/api_3/build/{side}")).unwrap();
    assert_eq!((&build["projectname"], &build["project_dirname"]), (&"libs".into(), &"libs:custom:next".into()));

    alice.ends(0, &["cancel", &two[0].to_string()], "canceled").unwrap();
    assert_eq!(alice.status(two[0]).unwrap(), "canceled");
    let watched = alice.ends(4, &["watch-build", &two[0].to_string()], "Build(s)").unwrap();
    assert!(watched.text().contains("canceled."), "{}", watched.text());
    alice.ends(1, &["cancel", &two[0].to_string()], "Cannot cancel build").unwrap();

    let lease = scene.script.lease().unwrap();
    alice.ends(1, &["delete-build", &two[0].to_string(), &two[1].to_string()], "still running").unwrap();
    assert_eq!(alice.status(two[0]).unwrap(), "canceled", "all or none are deleted");
    scene.script.finish(&lease, fault()).unwrap();
    alice.ends(0, &["delete-build", &two[0].to_string()], &format!("Build(s) {} were deleted.", two[0])).unwrap();
    alice.ends(1, &["status", &two[0].to_string()], "does not exist").unwrap();
    alice.ends(1, &["delete-build", "999999"], "don't exist").unwrap();
}

#[test]
fn copr_cli_builds_in_batches_one_after_the_other() {
    let scene = scene("copr-cli-batches");
    let (alice, srpm) = (&scene.alice, scene.srpm.as_str());
    alice.done(&["create", "libs", "--chroot", CHROOT]).unwrap();
    let first = alice.submitted(&["build", "libs", srpm]).unwrap()[0];
    let with = alice.submitted(&["build", "libs", srpm, "--with-build-id", &first.to_string()]).unwrap()[0];
    let after = alice.submitted(&["build", "libs", srpm, "--after-build-id", &with.to_string()]).unwrap()[0];
    assert_eq!((alice.status(first).unwrap().as_str(), alice.status(with).unwrap().as_str()), ("pending", "pending"));
    assert_eq!(alice.status(after).unwrap(), "waiting");
    let lease = scene.script.lease().unwrap();
    scene.script.finish(&lease, fault()).unwrap();
    assert_eq!(alice.status(after).unwrap(), "waiting", "half of the batch has ended");
    let lease = scene.script.lease().unwrap();
    scene.script.finish(&lease, fault()).unwrap();
    // The next batch begins, whatever became of the first.
    scene.server.wait_for_state(after, &["pending"], PATIENCE).unwrap();
    let gone = alice.run(&["build", "libs", srpm, "--nowait", "--after-build-id", "999999"]).unwrap();
    assert_eq!(gone.code, 1, "{}", gone.text());
    let both = ["build", "libs", srpm, "--nowait", "--after-build-id", "1", "--with-build-id", "1"];
    assert_eq!(alice.run(&both).unwrap().code, 2);
}

#[test]
fn what_the_played_machine_built_is_listed_monitored_and_downloaded_by_both_clients() {
    let scene = scene("copr-cli-listed");
    let (alice, srpm) = (&scene.alice, scene.srpm.as_str());
    alice.done(&["create", "libs", "--chroot", CHROOT]).unwrap();
    let good = alice.submitted(&["build", "libs", srpm]).unwrap()[0];
    let lease = scene.script.lease().unwrap();
    let mut packages = rebuilt(srpm.as_ref(), &scene.folder.join("rpms")).unwrap();
    packages.push(srpm.into());
    let packages: Vec<_> = packages.iter().map(PathBuf::as_path).collect();
    scene.script.made(&lease, &packages).unwrap();
    scene.server.wait_for_state(good, &["succeeded"], PATIENCE).unwrap();
    let bad = alice.submitted(&["build", "libs", srpm]).unwrap()[0];
    scene.script.finish(&scene.script.lease().unwrap(), fault()).unwrap();

    let listed = alice.done(&["list-builds", "libs"]).unwrap().stdout;
    assert_eq!(listed, format!("{bad}\tsmall\tfailed\n{good}\tsmall\tsucceeded\n"));
    let failed = alice.ends(4, &["watch-build", &good.to_string(), &bad.to_string()], "Build error: ").unwrap();
    assert!(failed.text().contains(&format!("Build(s) {bad} failed.")), "{}", failed.text());
    let package = ["get-package", "libs", "--name", "small", "--with-latest-build", "--with-latest-succeeded-build"];
    let package = alice.json(&[&package[..], &["--with-all-builds"]].concat()).unwrap();
    assert_eq!((&package["latest_build"]["id"], &package["latest_succeeded_build"]["id"]), (&bad.into(), &good.into()));
    assert_eq!(package["builds"].as_array().unwrap().len(), 2);
    let row = ["monitor", "libs", "--output-format", "text-row", "--fields", "name,chroot,build_id,state"];
    let expected = format!("small\t{CHROOT}\t{bad}\tfailed\n");
    let ours = Packager::ours(&scene.folder.join("alice.conf")).unwrap();
    assert_eq!(alice.done(&row).unwrap().stdout, expected);
    assert_eq!(ours.done(&row).unwrap().stdout, expected);

    let build = good.to_string();
    for (client, to) in [(alice, "stock"), (&ours, "ours")] {
        let to = scene.folder.join(to);
        client.done(&["download-build", &build, "--rpms", "--dest", &to.display().to_string()]).unwrap();
        let mut names: Vec<String> = fs_err::read_dir(to.join(CHROOT))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .filter(|name| !name.starts_with("robots"))
            .collect();
        names.sort();
        assert_eq!(names, ["small-1.0-1.noarch.rpm", "small-1.0-1.src.rpm"]);
    }
    let built = scene.server.json(&format!("/api_3/build/built-packages/{good}")).unwrap();
    let built = built[CHROOT]["packages"].as_array().unwrap().clone();
    assert_eq!(built.len(), 2);
    assert!(built.iter().all(|package| package["epoch"].is_null() && package["name"] == "small"), "{built:?}");
}

#[test]
fn copr_cli_is_told_of_a_forbidden_licence_and_its_build_waits_while_somebody_reviews_another() {
    let scene = scene_with("copr-cli-licences", "[licences]\nunknown = \"review\"\n");
    let (alice, srpm) = (&scene.alice, scene.srpm.as_str());
    alice.done(&["create", "libs", "--chroot", CHROOT]).unwrap();
    let source = |name: &str| fixture_srpm(name, &scene.folder.join("srpms")).unwrap().display().to_string();
    let (forbidden, strange) = (source("forbidden-licence"), source("strange-licence"));
    // Allowed, forbidden, and unknown.
    let allowed = alice.submitted(&["build", "libs", srpm]).unwrap()[0];
    assert_eq!(alice.status(allowed).unwrap(), "pending");
    let refused = alice.ends(1, &["build", "libs", &forbidden, "--nowait"], "SSPL-1.0 is not allowed").unwrap();
    assert!(refused.text().contains("not-allowed-licenses"), "{}", refused.text());
    let waits = alice.submitted(&["build", "libs", &strange]).unwrap()[0];
    assert_eq!(alice.status(waits).unwrap(), "waiting");
    assert_eq!(scene.script.lease().unwrap().build_id, allowed, "no machine gets the other");

    let admin = scene.folder.join("admin.conf");
    scene.server.admin(&admin).unwrap();
    let ours = Packager::ours(&admin).unwrap();
    let queue = ours.json(&["licence", "queue", "--json"]).unwrap();
    assert_eq!(
        (&queue[0]["build_id"], &queue[0]["licence"]),
        (&waits.into(), &"MIT AND LicenseRef-Strange-1.0".into())
    );
    ours.done(&["licence", "approve", &waits.to_string(), "--reason", "It is the MIT licence by another name"])
        .unwrap();
    assert_eq!(alice.status(waits).unwrap(), "pending");
    assert_eq!(scene.script.lease().unwrap().build_id, waits);
    // The next one with that licence needs nobody any more; and ours says what is to come before the upload.
    let again = alice.submitted(&["build", "libs", &strange]).unwrap()[0];
    assert_eq!(alice.status(again).unwrap(), "pending");
    let packager = Packager::ours(&scene.folder.join("alice.conf")).unwrap();
    let refused = packager.ends(1, &["build", "libs", &forbidden], "SSPL-1.0 is not allowed").unwrap();
    assert!(refused.text().contains("the server may refuse it"), "{}", refused.text());
    packager.ends(1, &["licence", "check", &forbidden], "SSPL-1.0 is not allowed").unwrap();
    packager.ends(0, &["licence", "check", "GPLv2+ and MIT"], "allowed").unwrap();
    packager.ends(7, &["licence", "approve", &again.to_string()], "may not decide about licences").unwrap();
}
