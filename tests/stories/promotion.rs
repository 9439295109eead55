//! A desktop's packagers: three projects that stand on each other, four people who may do different things, a set of five packages
//! that goes from one to the next, and a machine that follows.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use copr_tests::{
    PATIENCE,
    dnf::{Dnf, remove_tree},
    journey::CHROOT,
    packager::Packager,
    programs::{minidistro, run_ok, tree},
    script::{Script, rebuilt},
    server::{Options, Server},
};
use serde_json::Value;

/// The set: each but the first needs the first in its own version.
const SET: [&str; 5] = ["frameworks", "kio", "dolphin", "konsole", "kate"];

struct Scene {
    folder: PathBuf,
    server: Server,
    script: Script,
    /// Owns all three.
    alice: Packager,
    /// Builds in unstable and testing.
    bob: Packager,
    /// Administers stable.
    carol: Packager,
    /// Has no part in any.
    dave: Packager,
}

fn scene(name: &str) -> Scene {
    let folder = tree().join("target/stories").join(name);
    run_ok(&mut remove_tree(&folder)).unwrap();
    let options = Options { data: folder.join("data"), minidistro: minidistro().unwrap(), port: 0 };
    options.offer(&[]).unwrap();
    let config = options.data.join("coprd.toml");
    let text = fs_err::read_to_string(&config).unwrap();
    fs_err::write(&config, text + "[builder]\nenabled = false\n").unwrap();
    let server = Server::start(&options).unwrap();
    let user = |name: &str| {
        let config = folder.join(format!("{name}.conf"));
        server.add_user(name, &config).unwrap();
        Packager::ours(&config).unwrap()
    };
    let [alice, bob, carol, dave] = ["alice", "bob", "carol", "dave"].map(user);
    let script = Script::of(&server).unwrap();
    Scene { folder, script, alice, bob, carol, dave, server }
}

/// A package of nothing but its name, as its source package.
fn source(folder: &Path, name: &str, version: &str, requires: &[String]) -> PathBuf {
    let topdir = folder.join(format!("{name}-{version}"));
    fs_err::create_dir_all(&topdir).unwrap();
    let spec = topdir.join(format!("{name}.spec"));
    let requires: String = requires.iter().map(|one| format!("Requires: {one}\n")).collect();
    let text = format!(
        "Name: {name}\nVersion: {version}\nRelease: 1\nSummary: One of a set\nLicense: MIT\nBuildArch: noarch\n{requires}\n\
         %description\nNothing.\n\n%files\n"
    );
    fs_err::write(&spec, text).unwrap();
    let define = |name: &str, value: &Path| ["--define".to_owned(), format!("{name} {}", value.display())];
    run_ok(
        Command::new("rpmbuild")
            .args(["-bs", "--quiet"])
            .args(define("_topdir", &topdir))
            .args(define("_srcrpmdir", &topdir))
            .arg(&spec),
    )
    .unwrap();
    topdir.join(format!("{name}-{version}-1.src.rpm"))
}

impl Scene {
    /// Has somebody build a package, on a played machine.
    fn built(&self, who: &Packager, project: &str, name: &str, version: &str, requires: &[String]) {
        let srpm = source(&self.folder.join("sources"), name, version, requires);
        let path = srpm.display().to_string();
        let build = who.submitted(&["build", project, &path]).unwrap()[0];
        let lease = self.script.lease().unwrap();
        let packages = rebuilt(&srpm, &self.folder.join("rpms").join(format!("{name}-{version}"))).unwrap();
        let packages: Vec<&Path> = packages.iter().map(PathBuf::as_path).chain([srpm.as_path()]).collect();
        self.script.made(&lease, &packages).unwrap();
        self.server.wait_for_state(build, &["succeeded"], PATIENCE).unwrap();
    }

    fn built_set(&self, version: &str) {
        for name in SET {
            let requires = if name == SET[0] { Vec::new() } else { vec![format!("{} = {version}", SET[0])] };
            self.built(&self.bob, "alice/unstable", name, version, &requires);
        }
    }

    /// `NAME-VERSION` of the packages of a project, without sources.
    fn packages(&self, project: &str) -> Vec<String> {
        let page = self.server.json(&format!("/api_3/build/list?ownername=alice&projectname={project}")).unwrap();
        let good = |build: &&Value| ["succeeded", "forked"].iter().any(|state| build["state"] == *state);
        let title = |build: &Value| {
            let package = &build["source_package"];
            format!("{}-{}", package["name"].as_str().unwrap(), package["version"].as_str().unwrap())
        };
        let mut all: Vec<String> = page["items"].as_array().unwrap().iter().filter(good).map(title).collect();
        all.sort();
        all
    }

    /// Waits until a promotion is in a state.
    fn becomes(&self, promotion: i64, state: &str) -> Value {
        self.until(promotion, state, |now| now["state"] == state)
    }

    /// Waits until a promotion is as `wanted` says, in `words`.
    fn until(&self, promotion: i64, words: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let began = std::time::Instant::now();
        loop {
            let now = self.server.json(&format!("/api_3/promotion/{promotion}")).unwrap();
            if wanted(&now) {
                return now;
            }
            assert!(began.elapsed() < PATIENCE, "it never was {words}: {now}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

/// All of the set in one version.
fn whole(version: &str) -> Vec<String> {
    let mut all: Vec<String> = SET.iter().map(|name| format!("{name}-{version}-1")).collect();
    all.sort();
    all
}

fn number(answer: &Value) -> i64 {
    answer["id"].as_i64().unwrap_or_else(|| panic!("it has no number: {answer}"))
}

fn do_dnf(dnf: &Dnf, args: &[&str]) -> String {
    let output = dnf.run(args).unwrap();
    assert_eq!(output.code, 0, "dnf {args:?}: {}", output.text());
    output.text()
}

#[test]
fn a_set_goes_from_unstable_to_testing_to_stable_and_a_machine_goes_there_and_back() {
    let scene = scene("promotion");
    let Scene { alice, bob, carol, dave, .. } = &scene;
    for (project, needs) in
        [("stable", None), ("testing", Some("copr://alice/stable")), ("unstable", Some("copr://alice/testing"))]
    {
        let needs = needs.iter().flat_map(|need| ["--runtime-repo-dependency", need]);
        alice.done(&["create", project, "--chroot", CHROOT].into_iter().chain(needs).collect::<Vec<_>>()).unwrap();
    }
    for project in ["unstable", "testing"] {
        alice.done(&["edit-permissions", project, "--builder", "bob"]).unwrap();
    }
    alice.done(&["edit-permissions", "stable", "--admin", "carol"]).unwrap();
    carol.done(&["gates", "alice/stable", "--votes", "1", "--impact", "on"]).unwrap();
    bob.ends(7, &["gates", "alice/stable", "--votes", "0"], "may not change alice/stable").unwrap();

    scene.built_set("6.0");
    // Who may not, may not.
    dave.ends(7, &["promote", "alice/unstable", "alice/testing"], "may not promote into alice/testing").unwrap();
    bob.ends(7, &["promote", "alice/testing", "alice/stable"], "may not promote into alice/stable").unwrap();
    let looked = bob.done(&["promote", "alice/unstable", "alice/testing", "kio", "--dry-run"]).unwrap();
    assert!(looked.stdout.contains("kio-6.0-1.noarch of promotion"), "without its library: {}", looked.stdout);
    assert_eq!(scene.packages("testing"), Vec::<String>::new());
    let done = bob.done(&["promote", "alice/unstable", "alice/testing"]).unwrap();
    assert!(done.stdout.contains(": done\n"), "{}", done.stdout);
    assert_eq!(scene.packages("testing"), whole("6.0"));
    bob.ends(1, &["promote", "alice/unstable", "alice/testing"], "already").unwrap();

    let asked = carol.json(&["--json", "promote", "alice/testing", "alice/stable"]).unwrap();
    let id = number(&asked).to_string();
    assert_eq!(asked["state"], "waiting", "nobody has voted: {asked}");
    carol.ends(1, &["promotion", "vote", &id, "+1"], "asked for himself").unwrap();
    dave.done(&["promotion", "vote", &id, "+1", "works here"]).unwrap();
    scene.becomes(number(&asked), "done");
    assert_eq!(scene.packages("stable"), whole("6.0"));
    let told = dave.done(&["promotion", "show", &id]).unwrap().stdout;
    assert!(told.contains("dave votes +1: works here") && told.contains("carol asked for it"), "{told}");

    // A machine on stable.
    let dnf = Dnf::new(&scene.folder.join("machine"), &scene.server.options.minidistro, &scene.server.url()).unwrap();
    do_dnf(&dnf, &["copr", "enable", "demo/alice/stable"]);
    do_dnf(&dnf, &["install", "dolphin", "konsole", "kate"]);
    let installed = |version: &str| {
        let listed = do_dnf(&dnf, &["list", "--installed"]);
        for name in ["frameworks", "dolphin", "konsole", "kate"] {
            let line = listed.lines().find(|line| line.starts_with(&format!("{name}.noarch")));
            assert!(line.is_some_and(|line| line.contains(&format!("{version}-1"))), "{name} {version}: {listed}");
        }
    };
    installed("6.0");

    // The next version moves on; somebody else's project still needs the old one.
    scene.built_set("6.1");
    bob.done(&["promote", "alice/unstable", "alice/testing", "--move"]).unwrap();
    assert_eq!(scene.packages("testing").len(), 10);
    assert_eq!(scene.packages("unstable"), whole("6.0"), "what moved has left");
    dave.done(&["create", "games", "--chroot", CHROOT, "--runtime-repo-dependency", "copr://alice/stable"]).unwrap();
    scene.built(dave, "games", "ksudoku", "1.0", &["frameworks = 6.0".to_owned()]);
    let asked = carol.json(&["--json", "promote", "alice/testing", "alice/stable", "--nowait"]).unwrap();
    let id = number(&asked).to_string();
    dave.done(&["promotion", "vote", &id, "+1"]).unwrap();
    // It may have been looked at before the vote was there.
    let says = |now: &Value, text: &str| now["message"].as_str().is_some_and(|message| message.contains(text));
    let stopped = scene.until(number(&asked), "stopped by what would break alone", |now| {
        now["state"] == "waiting" && says(now, "ksudoku-1.0-1.noarch") && !says(now, "votes")
    });
    let broken = &stopped["impact"]["broken"];
    assert_eq!(broken.as_array().unwrap().len(), 1, "{broken}");
    assert_eq!(
        (&broken[0]["repository"], &broken[0]["missing"][0]),
        (&"dave/games".into(), &"frameworks = 6.0".into())
    );
    assert_eq!(scene.packages("stable"), whole("6.0"), "it was stopped");
    bob.ends(7, &["promotion", "override", &id, "whatever"], "may not override").unwrap();
    bob.ends(7, &["promotion", "cancel", &id], "may not refuse").unwrap();
    carol.done(&["promotion", "cancel", &id, "wait for ksudoku"]).unwrap();
    let listed = carol.done(&["promotion", "list", "alice/stable", "--output-format", "text-row"]).unwrap().stdout;
    assert!(listed.lines().next().is_some_and(|line| line.starts_with(&format!("{id}\trefused\t"))), "{listed}");

    // From stable to testing and back.
    do_dnf(&dnf, &["copr", "enable", "demo/alice/testing"]);
    do_dnf(&dnf, &["distro-sync"]);
    installed("6.1");
    do_dnf(&dnf, &["copr", "disable", "demo/alice/testing"]);
    do_dnf(&dnf, &["distro-sync"]);
    installed("6.0");
    assert_eq!(scene.server.stop().unwrap(), 0);
}

#[test]
fn the_unmodified_copr_cli_and_ours_send_packages_ready_made() {
    let scene = scene("ready-made");
    let alice = Packager::stock(&scene.folder.join("alice.conf"));
    alice.done(&["create", "libs", "--chroot", CHROOT]).unwrap();
    let srpm = source(&scene.folder.join("sources"), "kio", "6.0", &[]);
    let rpm = rebuilt(&srpm, &scene.folder.join("rpms")).unwrap()[0].display().to_string();
    alice.ends(1, &["uploadrpm", "libs", &rpm], "takes no packages that were built elsewhere").unwrap();
    scene.alice.done(&["gates", "libs", "--rpm-uploads", "on"]).unwrap();
    let sent = alice.done(&["uploadrpm", "libs", &rpm]).unwrap();
    assert!(sent.stdout.contains("Created builds: 1"), "{}", sent.text());
    assert_eq!(alice.status(1).unwrap(), "succeeded");
    let refused = alice.run(&["uploadrpm", "libs", &srpm.display().to_string(), "--nowait"]).unwrap();
    assert!(refused.code == 1 && refused.text().contains("This is a source package"), "{}", refused.text());

    let other = source(&scene.folder.join("sources"), "kate", "6.0", &["kio".to_owned()]);
    let more = rebuilt(&other, &scene.folder.join("more")).unwrap()[0].display().to_string();
    scene.alice.done(&["upload-rpm", "libs", &more, &other.display().to_string(), "-r", CHROOT]).unwrap();
    let dnf = Dnf::new(&scene.folder.join("machine"), &scene.server.options.minidistro, &scene.server.url()).unwrap();
    do_dnf(&dnf, &["copr", "enable", "demo/alice/libs"]);
    do_dnf(&dnf, &["install", "kate"]);
    assert!(do_dnf(&dnf, &["list", "--installed"]).contains("kio.noarch"));
    assert_eq!(scene.server.stop().unwrap(), 0);
}

/// From the wish to the end, in the order in which a promotion passes them.
const DYING: [&str; 8] = [
    "promotion brought together",
    "promotion started",
    "a file moved:2",
    "files moved",
    "metadata written",
    "success written:2",
    "build succeeded:2",
    "promotion done",
];

/// How many packages a repository's metadata have; 0: there are none.
fn in_repository(options: &Options, project: &str) -> usize {
    let folder = options.data.join("store/results/alice").join(project).join(CHROOT);
    if folder.join("repodata/repomd.xml").is_file() { copr_repodata::read::load(&folder).unwrap().len() } else { 0 }
}

#[test]
fn a_server_that_dies_in_the_middle_of_a_promotion_never_shows_half_a_set() {
    let scene = scene("promotion-killed");
    scene.alice.done(&["create", "unstable", "--chroot", CHROOT]).unwrap();
    for name in ["kio", "dolphin", "kate"] {
        scene.built(&scene.alice, "alice/unstable", name, "6.0", &[]);
    }
    let all = in_repository(&scene.server.options, "unstable");
    let Scene { mut server, alice, .. } = scene;
    for (number, point) in DYING.into_iter().enumerate() {
        let project = format!("target-{number}");
        alice.done(&["create", &project, "--chroot", CHROOT]).unwrap();
        let options = server.kill_9().unwrap();
        server = Server::start_with(&options, |command| {
            command.env("COPRD_DIE_AT", point);
        })
        .unwrap();
        // The last one takes them along.
        let mut args = vec!["promote", "unstable", &project, "--nowait"];
        if number + 1 == DYING.len() {
            args.push("--move");
        }
        alice.done(&args).unwrap();
        let began = std::time::Instant::now();
        while server.get("/healthz").is_ok() {
            assert!(began.elapsed() < PATIENCE, "{point} was never passed");
            std::thread::sleep(Duration::from_millis(50));
        }
        let there = in_repository(&options, &project);
        assert!(there == 0 || there == all, "{point}: {there} of {all}");
        let options = server.kill_9().unwrap();
        server = Server::start(&options).unwrap();
        let began = std::time::Instant::now();
        loop {
            let list = server.json(&format!("/api_3/promotion/list?ownername=alice&projectname={project}")).unwrap();
            let there = in_repository(&options, &project);
            assert!(there == 0 || there == all, "after {point}: {there} of {all}");
            if list["items"][0]["state"] == "done" {
                assert_eq!(there, all, "{point}");
                break;
            }
            assert!(began.elapsed() < PATIENCE, "after {point}: {list}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
    let began = std::time::Instant::now();
    while in_repository(&server.options, "unstable") > 0 {
        assert!(began.elapsed() < PATIENCE, "what moved is still there");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(server.stop().unwrap(), 0);
}
