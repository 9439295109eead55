//! The unmodified copr-cli of PyPI with packages that have a source of their own. The machines are played.

use copr_api::builder::{Outcome, SourceMethod};
use copr_tests::{
    journey::CHROOT,
    packager::Packager,
    programs::{minidistro, tree},
    script::{Script, method},
    server::{Options, Server},
};
use serde_json::json;

#[test]
fn copr_cli_adds_edits_builds_resets_and_deletes_packages() {
    let folder = tree().join("target/stories/copr-cli-packages");
    let _ = fs_err::remove_dir_all(&folder);
    let options = Options { data: folder.join("data"), minidistro: minidistro().unwrap(), port: 0 };
    fs_err::create_dir_all(&options.data).unwrap();
    fs_err::write(options.data.join("coprd.toml"), "[builder]\nenabled = false\n").unwrap();
    let server = Server::start(&options).unwrap();
    let config = folder.join("alice.conf");
    server.add_user("alice", &config).unwrap();
    let (alice, script) = (Packager::stock(&config), Script::of(&server).unwrap());
    alice.done(&["create", "libs", "--chroot", CHROOT]).unwrap();

    let done = "Create or edit operation was successful.";
    let clone = ["--clone-url", "https://example.org/greet.git"];
    let names = ["gcc-c++", "python3-ndg_httpsclient", "python-boolean.py", "greet"];
    for name in names {
        alice.ends(0, &[&["add-package-scm", "libs", "--name", name], &clone[..]].concat(), done).unwrap();
    }
    for name in ["x:x", "x@x"] {
        alice.ends(1, &[&["add-package-scm", "libs", "--name", name], &clone[..]].concat(), "").unwrap();
    }
    alice.ends(1, &[&["add-package-scm", "libs", "--name", "greet"], &clone[..]].concat(), "").unwrap();
    let mut listed: Vec<String> =
        alice.done(&["list-package-names", "libs"]).unwrap().stdout.lines().map(str::to_owned).collect();
    listed.sort();
    let mut expected = names;
    expected.sort_unstable();
    assert_eq!(listed, expected);

    let edit = [
        "edit-package-scm",
        "libs",
        "--name",
        "greet",
        "--clone-url",
        "https://example.org/greet.git",
        "--commit",
        "v2",
        "--subdir",
        "rpm",
        "--spec",
        "greet.spec",
        "--method",
        "make_srpm",
        "--webhook-rebuild",
        "on",
        "--max-builds",
        "3",
        "--timeout",
        "600",
    ];
    alice.ends(0, &edit, done).unwrap();
    let get = ["get-package", "libs", "--name", "greet"];
    let package = alice.json(&get).unwrap();
    assert_eq!((&package["source_type"], &package["auto_rebuild"]), (&json!("scm"), &json!(true)));
    let source = &package["source_dict"];
    assert_eq!((&source["committish"], &source["subdirectory"]), (&json!("v2"), &json!("rpm")));
    assert_eq!((&source["spec"], &source["source_build_method"]), (&json!("greet.spec"), &json!("make_srpm")));

    let build = ["build-package", "libs", "--name", "greet", "--timeout", "500", "-r", CHROOT, "--background"];
    let id = alice.submitted(&build).unwrap()[0];
    let lease = script.lease().unwrap();
    match method(&lease).unwrap() {
        SourceMethod::Git { clone_url, committish, .. } => {
            assert_eq!((clone_url.as_str(), committish.as_deref()), ("https://example.org/greet.git", Some("v2")));
        }
        other => panic!("{other:?}"),
    }
    script.finish(&lease, Outcome::UserFault { message: "There is no such branch.".to_owned() }).unwrap();
    alice.ends(4, &["watch-build", &id.to_string()], "failed").unwrap();
    let all = alice.json(&["list-packages", "libs", "--with-latest-build"]).unwrap();
    assert_eq!(all.as_array().unwrap().len(), names.len());

    alice
        .ends(0, &["reset-package", "libs", "--name", "greet"], "Package's default source was successfully reseted.")
        .unwrap();
    let package = alice.json(&get).unwrap();
    assert_eq!((&package["source_type"], &package["source_dict"]), (&json!("unset"), &json!({})));
    alice.ends(1, &["build-package", "libs", "--name", "greet", "--nowait"], "").unwrap();
    alice.ends(0, &["delete-package", "libs", "--name", "greet"], "Package greet was successfully deleted.").unwrap();
    alice.ends(1, &get, "").unwrap();
    alice.ends(1, &["delete-package", "libs", "--name", "greet"], "").unwrap();

    // Ways to a source that this server has not are refused in words, not with a crash.
    let gem = alice.run(&["buildgem", "libs", "--gem", "hello", "--nowait"]).unwrap();
    assert!(gem.code != 0 && gem.text().contains("not supported"), "{}", gem.text());
}
