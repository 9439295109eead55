//! The unmodified copr-cli of PyPI with projects, chroots, people and tokens. No machine is needed for these.

use std::path::{Path, PathBuf};

use copr_tests::{
    journey::CHROOT,
    packager::Packager,
    programs::{minidistro, tree},
    server::{Options, Server},
};
use serde_json::json;

/// A second chroot, in which nothing is ever built.
const OTHER: &str = "fedora-44-x86_64";

/// A server whose builders are played, and a folder for its users.
fn server(name: &str) -> (Server, PathBuf) {
    let folder = tree().join("target/stories").join(name);
    let _ = fs_err::remove_dir_all(&folder);
    let options = Options { data: folder.join("data"), minidistro: minidistro().unwrap(), port: 0 };
    options.offer(&[OTHER]).unwrap();
    let config = options.data.join("coprd.toml");
    let text = fs_err::read_to_string(&config).unwrap();
    fs_err::write(&config, text + "[builder]\nenabled = false\n").unwrap();
    (Server::start(&options).unwrap(), folder)
}

fn user(server: &Server, folder: &Path, name: &str) -> (Packager, PathBuf) {
    let config = folder.join(format!("{name}.conf"));
    server.add_user(name, &config).unwrap();
    (Packager::stock(&config), config)
}

#[test]
fn copr_cli_creates_changes_forks_and_deletes_projects_and_is_told_what_is_wrong() {
    let (server, folder) = server("copr-cli-projects");
    let (alice, _) = user(&server, &folder, "alice");
    let made = alice.done(&["create", "libs", "--chroot", CHROOT, "--description", "Libraries"]).unwrap();
    let page = format!("New project was successfully created: {}/coprs/alice/libs/", server.url());
    assert_eq!(made.stdout.trim(), page);

    let twice =
        alice.ends(1, &["create", "libs", "--chroot", CHROOT], "You already have a project named 'libs'").unwrap();
    assert!(twice.stderr.contains("Error: "), "{}", twice.text());
    let unknown = "'wrong-chroot-name' is not a valid choice for this field";
    alice.ends(1, &["create", "other", "--chroot", "wrong-chroot-name"], unknown).unwrap();
    let both = alice.ends(1, &["create", "12", "--chroot", "wrong-chroot-name"], "\n- name: ").unwrap();
    assert!(both.stderr.contains("\n- chroots: "), "two mistakes are a list: {}", both.text());
    alice.ends(1, &["create", "12", "--chroot", CHROOT], "").unwrap();
    alice.ends(1, &["create", "none"], "At least one chroot must be selected").unwrap();

    let many = [
        "create",
        "app",
        "--chroot",
        CHROOT,
        "--repo",
        "copr://alice/libs",
        "--runtime-repo-dependency",
        "copr://alice/libs",
        "--instructions",
        "Install it",
        "--enable-net",
        "on",
        "--unlisted-on-hp",
        "on",
        "--module-hotfixes",
        "on",
        "--multilib",
        "on",
        "--repo-priority",
        "30",
        "--delete-after-days",
        "10",
        "--follow-fedora-branching",
        "off",
    ];
    alice.done(&many).unwrap();
    let app = server.json("/api_3/project?ownername=alice&projectname=app").unwrap();
    for (field, value) in [
        ("additional_repos", json!(["copr://alice/libs"])),
        ("instructions", json!("Install it")),
        ("enable_net", json!(true)),
        ("unlisted_on_hp", json!(true)),
        ("module_hotfixes", json!(true)),
        ("repo_priority", json!(30)),
        ("follow_fedora_branching", json!(false)),
    ] {
        assert_eq!(app[field], value, "{field}");
    }
    let front = server.get("/").unwrap().body;
    assert!(front.contains("alice/libs") && !front.contains("alice/app"), "one is unlisted");
    alice.done(&["modify", "app", "--unlisted-on-hp", "off"]).unwrap();
    assert!(server.get("/").unwrap().body.contains("alice/app"));

    alice.done(&["modify", "libs", "--chroot", OTHER]).unwrap();
    let got = alice.done(&["get", "libs"]).unwrap().stdout;
    assert!(got.contains(&format!("{OTHER}: ")) && !got.contains(CHROOT), "{got}");
    alice.ends(1, &["modify", "libs", "--chroot", "wrong-chroot-name"], unknown).unwrap();
    alice.done(&["modify", "libs", "--chroot", OTHER, "--chroot", CHROOT]).unwrap();
    let listed = alice.done(&["list"]).unwrap().stdout;
    assert!(listed.contains("Name: libs\n  Description: Libraries\n  Repo(s):\n"), "{listed}");
    let chroots = alice.done(&["list-chroots"]).unwrap().stdout;
    assert!(chroots.contains(&format!("{CHROOT}\n")) && chroots.contains(&format!("{OTHER}\n")), "{chroots}");

    let forked = alice.done(&["fork", "alice/libs", "copy"]).unwrap().stdout;
    assert!(forked.starts_with("Forking project alice/libs for you into alice/copy.\n"), "{forked}");
    let again = alice.ends(1, &["fork", "libs", "copy"], "You are about to fork into existing project: ").unwrap();
    assert!(again.text().contains("Please use --confirm if you really want to do this"), "{}", again.text());
    let updated = alice.done(&["fork", "libs", "copy", "--confirm"]).unwrap().stdout;
    assert!(updated.starts_with("Updating packages in alice/copy from alice/libs.\n"), "{updated}");

    let regenerated = alice.done(&["regenerate-repos", "libs"]).unwrap().stdout;
    assert_eq!(regenerated.trim(), "Submitted action to regenerate repository metadata for the 'alice/libs' project.");
    assert_eq!(server.get(&format!("/results/alice/libs/{OTHER}/repodata/repomd.xml")).unwrap().status, 200);

    for name in ["app", "copy", "libs"] {
        assert_eq!(alice.done(&["delete", name]).unwrap().stdout.trim(), format!("Project {name} has been deleted."));
    }
    alice.ends(1, &["delete", "libs"], "does not exist").unwrap();
    alice.ends(1, &["get", "libs"], "does not exist").unwrap();
    alice.ends(0, &["list"], "No copr retrieved for user: 'alice'").unwrap();
}

#[test]
fn copr_cli_sets_resets_and_shows_what_holds_for_a_chroot() {
    let (server, folder) = server("copr-cli-chroots");
    let (alice, _) = user(&server, &folder, "alice");
    alice.done(&["create", "base", "--chroot", CHROOT]).unwrap();
    alice.done(&["create", "libs", "--chroot", CHROOT, "--repo", "copr://alice/base"]).unwrap();
    let chroot = format!("libs/{CHROOT}");

    let mock = alice.done(&["mock-config", "libs", CHROOT]).unwrap().stdout;
    assert!(mock.contains(&format!("include('/etc/mock/{CHROOT}.cfg')")), "{mock}");
    for folder in ["libs", "base"] {
        assert!(mock.contains(&format!("/results/alice/{folder}/{CHROOT}/")), "{mock}");
    }
    alice.ends(1, &["mock-config", "nothing", CHROOT], "").unwrap();
    alice.ends(1, &["mock-config", "libs", "fedora-1-x86_64"], "").unwrap();

    let comps = folder.join("comps.xml");
    let text = "<?xml version=\"1.0\"?>\n<comps><group><id>greet</id><name>Greet</name><packagelist>\
                <packagereq type=\"mandatory\">greet</packagereq></packagelist></group></comps>\n";
    fs_err::write(&comps, text).unwrap();
    let successful = "Edit chroot operation was successful.";
    alice.ends(0, &["edit-chroot", &chroot, "--upload-comps", &comps.display().to_string()], successful).unwrap();
    assert_eq!(alice.json(&["get-chroot", &chroot]).unwrap()["comps_name"], "comps.xml");
    alice.ends(0, &["edit-chroot", &chroot, "--delete-comps"], successful).unwrap();
    assert_eq!(alice.json(&["get-chroot", &chroot]).unwrap()["comps_name"], json!(null));

    let set = [
        "--packages",
        "gcc make",
        "--repos",
        "https://x.org/",
        "--rpmbuild-with",
        "docs",
        "--rpmbuild-without",
        "tests",
    ];
    alice.done(&[&["edit-chroot", &chroot], &set[..], &["--isolation", "simple"]].concat()).unwrap();
    let shown = alice.json(&["get-chroot", &chroot]).unwrap();
    assert_eq!(shown["additional_packages"], json!(["gcc", "make"]));
    assert_eq!(shown["additional_repos"], json!(["https://x.org/"]));
    assert_eq!((&shown["with_opts"], &shown["without_opts"]), (&json!(["docs"]), &json!(["tests"])));
    assert_eq!(shown["isolation"], "simple");
    assert!(alice.done(&["mock-config", "libs", CHROOT]).unwrap().stdout.contains("'gcc make'"));
    let lines = alice.done(&["get-chroot", &chroot, "--output-format", "text"]).unwrap().stdout;
    assert!(lines.contains(&format!("mock_chroot: {CHROOT}\n")), "{lines}");

    alice.done(&["edit-chroot", &chroot, "--packages", "", "--repos", ""]).unwrap();
    let shown = alice.json(&["get-chroot", &chroot]).unwrap();
    assert_eq!((&shown["additional_packages"], &shown["additional_repos"]), (&json!([]), &json!([])));
    alice.done(&["edit-chroot", &chroot, "--reset", "with_opts", "--reset", "isolation"]).unwrap();
    let shown = alice.json(&["get-chroot", &chroot]).unwrap();
    assert_eq!((&shown["with_opts"], &shown["without_opts"]), (&json!([]), &json!(["tests"])));
    let wrong = alice.ends(1, &["edit-chroot", &chroot, "--reset", "nonsense"], "invalid attribute: nonsense").unwrap();
    let advice = format!("See `copr-cli get-chroot alice/libs/{CHROOT}' for all the possible attributes");
    assert!(wrong.text().contains(&advice), "{}", wrong.text());
    alice.ends(1, &["edit-chroot", "libs/fedora-1-x86_64", "--packages", "gcc"], "").unwrap();
}

#[test]
fn copr_cli_asks_for_roles_gives_them_and_renews_its_token() {
    let (server, folder) = server("copr-cli-people");
    let (alice, config) = user(&server, &folder, "alice");
    let (bob, _) = user(&server, &folder, "bob");
    alice.done(&["create", "libs", "--chroot", CHROOT]).unwrap();
    alice.ends(1, &["list-permissions", "libs"], "").unwrap();

    let url = "https://example.org/greet-1-1.src.rpm";
    bob.ends(7, &["build", "--nowait", "alice/libs", url], "").unwrap();
    bob.ends(2, &["request-permissions", "alice/libs"], "neither --builder nor --admin specified").unwrap();
    bob.ends(0, &["request-permissions", "alice/libs", "--builder"], "success").unwrap();
    let listed = alice.done(&["list-permissions", "libs"]).unwrap().stdout;
    assert!(listed.starts_with("bob:\n") && listed.contains("  builder: request\n"), "{listed}");
    bob.ends(7, &["list-permissions", "alice/libs"], "").unwrap();
    bob.ends(7, &["edit-permissions", "alice/libs", "--builder", "bob"], "").unwrap();
    alice.ends(0, &["edit-permissions", "libs", "--builder", "bob"], "success").unwrap();
    bob.submitted(&["build", "alice/libs", url]).unwrap();
    bob.ends(7, &["modify", "alice/libs", "--description", "mine"], "").unwrap();
    alice
        .ends(0, &["edit-permissions", "libs", "--builder", "bob=nothing", "--admin", "bob=nothing"], "success")
        .unwrap();
    bob.ends(7, &["build", "--nowait", "alice/libs", url], "").unwrap();

    let secret = |said: &str| said.trim().rsplit("Generated new token: ").next().unwrap_or_default().to_owned();
    let first = secret(&alice.answered(&["new-webhook-secret", "libs"], "y\n").unwrap().stdout);
    let second = secret(&alice.answered(&["new-webhook-secret", "libs"], "y\n").unwrap().stdout);
    assert!(first.len() == 36 && second.len() == 36 && first != second, "{first:?} {second:?}");

    let before = fs_err::read_to_string(&config).unwrap();
    alice.ends(0, &["new-api-token"], "New API token was updated in ").unwrap();
    let after = fs_err::read_to_string(&config).unwrap();
    assert_ne!(before, after);
    assert!(after.contains("# expiration date: "), "{after}");
    alice.done(&["create", "renewed", "--chroot", CHROOT]).unwrap();
    let old = folder.join("old.conf");
    fs_err::write(&old, before).unwrap();
    Packager::stock(&old).ends(1, &["create", "refused", "--chroot", CHROOT], "Login invalid/expired.").unwrap();
    Packager::stock(&folder.join("nowhere.conf")).ends(6, &["list"], "is missing").unwrap();
    alice.ends(2, &["edit-permissions", "libs"], "neither --builder nor --admin specified").unwrap();
}
