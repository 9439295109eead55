//! `dnf copr`, our plugin under the machine's own dnf, against our server: every command, with a chain of real projects.
//!
//! `alice/unstable` needs `alice/testing`, which needs `alice/stable`; and it needs a repository elsewhere that is no Copr's.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use copr_tests::{
    dnf::{Dnf, plugins, remove_tree},
    files::Files,
    journey::{CHROOT, build, copr},
    programs::{Output, fixture_srpm, minidistro, ours, run_ok, tree},
    report::Report,
    server::{Options, Server},
    stock::Stock,
};
use serde_json::Value;

/// A server with the chain, and the repository elsewhere.
struct World {
    folder: PathBuf,
    server: Server,
    elsewhere: Files,
}

impl World {
    fn new(name: &str) -> Self {
        let folder = tree().join("target/stories/dnf-copr").join(name);
        run_ok(&mut remove_tree(&folder)).unwrap();
        fs_err::create_dir_all(&folder).unwrap();
        let elsewhere = elsewhere(&folder.join("elsewhere"));
        let options = Options { data: folder.join("data"), minidistro: minidistro().unwrap(), port: 0 };
        // What is elsewhere is on this machine, too: without a word of the administrator's no build would ask there.
        fs_err::create_dir_all(&options.data).unwrap();
        fs_err::write(options.data.join("coprd.toml"), "[builder]\nallow = [\"127.0.0.1\", \"::1\"]\n").unwrap();
        let server = Server::start(&options).unwrap();
        for user in ["alice", "bob"] {
            server.add_user(user, &folder.join(format!("{user}.conf"))).unwrap();
        }
        let world = Self { folder, server, elsewhere };
        world.create("alice", "stable", &[]);
        world.create("alice", "testing", &["copr://alice/stable"]);
        let outside = format!("{}/$chroot/", world.elsewhere.url());
        world.create("alice", "unstable", &["copr://alice/testing", &outside]);
        world.create("bob", "other", &["copr://alice/stable"]);
        world
    }

    /// The same with a library in `alice/stable`, and in `alice/unstable` a program that needs it.
    fn with_packages(name: &str) -> Self {
        let world = Self::new(name);
        for (project, fixture) in [("stable", "greet-library"), ("unstable", "greet-app")] {
            let srpm = fixture_srpm(fixture, &world.folder.join("srpms")).unwrap();
            build(&world.config("alice"), project, &srpm, &world.server, &Report::new(true)).unwrap();
        }
        world
    }

    fn create(&self, user: &str, project: &str, needs: &[&str]) {
        let needs = needs.iter().flat_map(|need| ["--runtime-repo-dependency", need]);
        self.client(user, &["create", project, "--chroot", CHROOT].into_iter().chain(needs).collect::<Vec<_>>());
    }

    fn client(&self, user: &str, args: &[&str]) {
        copr(&self.config(user), args, &Report::new(true)).unwrap();
    }

    fn config(&self, user: &str) -> PathBuf {
        self.folder.join(format!("{user}.conf"))
    }

    /// A machine with nothing on it.
    fn machine(&self, name: &str) -> Machine {
        let dnf = Dnf::new(&self.folder.join(name), &self.server.options.minidistro, &self.server.url()).unwrap();
        Machine { dnf }
    }

    /// The id of the repository elsewhere.
    fn elsewhere_id(&self) -> String {
        let words = format!("{}/{CHROOT}", self.elsewhere.url()).replace("://", "_").replace([':', '/', '-'], "_");
        format!("coprdep:{words}")
    }
}

/// A repository with one small package, served.
fn elsewhere(folder: &Path) -> Files {
    let repository = folder.join(CHROOT);
    fs_err::create_dir_all(&repository).unwrap();
    let topdir = |name: &str| format!("{name} {}", folder.join("rpmbuild").display());
    run_ok(
        Command::new("rpmbuild")
            .args(["-bb", "--quiet", "--define", &topdir("_topdir"), "--define"])
            .arg(format!("_rpmdir {}", repository.display()))
            .arg(tree().join("tests/fixtures/rpm-corner-cases/least.spec")),
    )
    .unwrap();
    run_ok(Command::new(ours("copr-repo").unwrap()).arg("create").arg(&repository)).unwrap();
    Files::serve(folder).unwrap()
}

/// An installroot with our plugin.
struct Machine {
    dnf: Dnf,
}

impl Machine {
    /// `dnf -y copr ARGS`, which must end with 0.
    fn ok(&self, args: &[&str]) -> Output {
        let output = self.dnf.run(&[&["copr"], args].concat()).unwrap();
        assert_eq!(output.code, 0, "dnf -y copr {}: {}", args.join(" "), output.text());
        output
    }

    /// `dnf copr ARGS` with an answer to its one question.
    fn answer(&self, args: &[&str], answer: &str) -> Output {
        self.dnf.ask(&[&["copr"], args].concat(), &format!("{answer}\n")).unwrap()
    }

    /// `dnf -y copr ARGS`, which must end with 1, without a traceback, and say all of these.
    fn refused(&self, args: &[&str], said: &[&str]) {
        let output = self.dnf.run(&[&["copr"], args].concat()).unwrap();
        assert_eq!(output.code, 1, "dnf -y copr {}: {}", args.join(" "), output.text());
        assert!(!output.text().contains("Traceback"), "{}", output.text());
        for text in said {
            assert!(
                output.stderr.contains(text),
                "dnf -y copr {} did not say {text:?}:\n{}",
                args.join(" "),
                output.text()
            );
        }
    }

    fn json(&self, args: &[&str]) -> Value {
        let output = self.ok(&[args, &["--json"]].concat());
        serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", output.stdout))
    }

    /// The repositories that are enabled, by id.
    fn enabled(&self) -> Vec<String> {
        let mut ids = Vec::new();
        for (name, text) in self.dnf.repo_files().unwrap() {
            let id = text.lines().find_map(|line| line.strip_prefix('[')).unwrap().trim_end_matches(']');
            assert_eq!(name, format!("_{id}.repo"));
            if text.lines().any(|line| line == "enabled=1") {
                ids.push(id.to_owned());
            }
        }
        ids.sort();
        ids
    }

    /// The base URL of a repository that has a file.
    fn baseurl(&self, id: &str) -> String {
        let files = self.dnf.repo_files().unwrap();
        let (_, text) = files.iter().find(|(name, _)| *name == format!("_{id}.repo")).unwrap();
        text.lines().find_map(|line| line.strip_prefix("baseurl=")).unwrap().to_owned()
    }

    /// The program of `alice/unstable`, which needs the library of `alice/stable`.
    fn app_greets(&self) {
        let said = self.dnf.run_installed(&["/usr/bin/app"]).unwrap();
        assert_eq!((said.code, said.stdout.trim()), (0, "Hello, app, from libgreet"), "{}", said.text());
    }
}

const UNSTABLE: &str = "copr:127.0.0.1:alice:unstable";
const TESTING: &str = "copr:127.0.0.1:alice:testing";
const STABLE: &str = "copr:127.0.0.1:alice:stable";
const OTHER: &str = "copr:127.0.0.1:bob:other";

#[test]
fn a_chain_of_real_projects_is_enabled_installed_from_and_left_offline() {
    let world = World::with_packages("journey");
    let elsewhere = world.elsewhere_id();

    the_hub_is_searched(&world);
    what_is_not_there_is_refused(&world);
    the_project_alone_and_a_chroot_by_name(&world);

    let machine = world.machine("whole");
    let declined = machine.answer(&["enable", "demo/alice/unstable"], "n");
    assert_eq!(declined.code, 1, "{}", declined.text());
    assert!(declined.stderr.contains("Safe and good answer. Exiting."), "{}", declined.text());
    assert_eq!(machine.dnf.repo_files().unwrap(), [], "nothing may be written before the answer");

    let enabled = machine.answer(&["enable", "demo/alice/unstable"], "y");
    assert_eq!(enabled.code, 0, "{}", enabled.text());
    for shown in ["alice/unstable", "alice/testing", "alice/stable", "localhost", "not a Copr project", "not signed"] {
        assert!(enabled.text().contains(shown), "the screen does not show {shown:?}:\n{}", enabled.text());
    }
    assert_eq!(machine.enabled(), [STABLE, TESTING, UNSTABLE, &elsewhere]);
    let before = machine.dnf.repo_files().unwrap();
    machine.ok(&["enable", "demo/alice/unstable"]);
    assert_eq!(machine.dnf.repo_files().unwrap(), before, "enabling it again changes nothing");

    let installed = machine.dnf.run(&["install", "app", "least"]).unwrap();
    assert_eq!(installed.code, 0, "{}", installed.text());
    machine.app_greets();

    machine.ok(&["enable", "demo/bob/other"]);
    let listed = machine.ok(&["list"]).stdout;
    for project in ["127.0.0.1/alice/unstable", "127.0.0.1/bob/other"] {
        assert!(listed.lines().any(|line| line == project), "{project} is not in {listed}");
    }
    let checked = machine.ok(&["check"]);
    assert!(checked.stdout.contains("all is well"), "{}", checked.text());
    what_needs_what_is_told(&machine, &elsewhere);

    // From here on there is neither hub nor repository: leaving needs none.
    let World { server, elsewhere: files, .. } = world;
    assert_eq!(server.stop().unwrap(), 0);
    drop(files);
    let unreachable = machine.dnf.run(&["copr", "check"]).unwrap();
    assert_eq!(unreachable.code, 1, "a hub that is gone must be told: {}", unreachable.text());
    what_needs_what_is_told(&machine, &elsewhere);

    machine.ok(&["disable", "demo/alice/unstable", "--keep-deps"]);
    assert_eq!(machine.enabled(), [STABLE, TESTING, OTHER, &elsewhere]);
    let kept = machine.answer(&["remove", "demo/alice/unstable"], "n");
    assert_eq!(kept.code, 0, "{}", kept.text());
    assert_eq!(machine.enabled(), [STABLE, TESTING, OTHER, &elsewhere], "the user kept what came with it");
    machine.ok(&["disable", "demo/bob/other"]);
    assert_eq!(machine.enabled(), [TESTING, &elsewhere], "disabled with what only it needs");
    machine.ok(&["remove", "demo/bob/other"]);
    machine.refused(&["remove", "demo/bob/other"], &["bob/other"]);
    assert_eq!(machine.enabled(), [TESTING, &elsewhere]);
}

/// `search`, `list --available-by-user`, `debug`, `help`.
fn the_hub_is_searched(world: &World) {
    let machine = world.machine("searching");
    let found = machine.ok(&["search", "--hub", "demo", "STABLE"]).stdout;
    let mut names: Vec<&str> = found.lines().filter_map(|line| line.split_once(" : ")).map(|(name, _)| name).collect();
    names.sort_unstable();
    assert_eq!(names, ["alice/stable", "alice/unstable"], "{found}");
    let of_bob = machine.ok(&["list", "--hub", "demo", "--available-by-user=bob"]).stdout;
    assert!(of_bob.contains("bob/other : ") && !of_bob.contains("alice"), "{of_bob}");

    let debug = machine.ok(&["debug"]).stdout;
    for known in ["name_version: minidistro-12", "arch: x86_64", "copr.d/demo.conf", "/searching/root/etc/yum.repos.d"]
    {
        assert!(debug.contains(known), "{known:?} is not in {debug}");
    }
    assert!(machine.ok(&["help"]).stdout.contains("--keep-deps"));
}

/// Projects, directories and chroots that do not exist; nothing is written for any of them.
fn what_is_not_there_is_refused(world: &World) {
    let machine = world.machine("refused");
    machine.refused(&["enable", "demo/alice/nothing"], &["Project alice/nothing does not exist."]);
    machine.refused(&["enable", "demo/alice/stable:custom:x"], &["alice/stable:custom:x"]);
    machine.refused(&["enable", "demo/alice/stable", "fedora-44-x86_64"], &["fedora-44-x86_64", CHROOT]);
    machine.refused(&["why", "copr:127.0.0.1:alice:stable"], &["copr:127.0.0.1:alice:stable"]);
    machine.refused(&["tree", "demo/alice/stable"], &["alice/stable"]);
    assert_eq!(machine.dnf.repo_files().unwrap(), []);
}

/// `--no-deps`, and a chroot that is not the machine's own guess.
fn the_project_alone_and_a_chroot_by_name(world: &World) {
    let alone = world.machine("alone");
    alone.ok(&["enable", "demo/alice/unstable", "--no-deps"]);
    assert_eq!(alone.enabled(), [UNSTABLE]);
    let results = format!("{}/results/alice/unstable", world.server.url());
    assert_eq!(alone.baseurl(UNSTABLE), format!("{results}/minidistro-12-$basearch/"));
    alone.ok(&["enable", "demo/alice/unstable", CHROOT, "--no-deps"]);
    assert_eq!(alone.baseurl(UNSTABLE), format!("{results}/{CHROOT}/"), "a chroot by name is written as it is");
    alone.ok(&["remove", "demo/alice/unstable"]);
    assert_eq!(alone.dnf.repo_files().unwrap(), []);
}

#[test]
fn only_what_packages_need_is_enabled_and_one_command_installs_them() {
    let world = World::with_packages("wanted");
    let needed = world.machine("needed");
    needed.refused(&["enable", "demo/alice/unstable", "--only-for", "no-such-package"], &["no-such-package"]);
    needed.refused(&["install", "demo/alice/unstable", "no-such-package"], &["no-such-package"]);
    assert_eq!(needed.dnf.repo_files().unwrap(), []);
    needed.ok(&["enable", "demo/alice/unstable", "--only-for", "app"]);
    assert_eq!(needed.enabled(), [STABLE, UNSTABLE], "alice/testing and the repository elsewhere have nothing for app");
    let installed = needed.dnf.run(&["install", "app"]).unwrap();
    assert_eq!(installed.code, 0, "{}", installed.text());
    needed.ok(&["refresh"]);
    assert_eq!(needed.enabled(), [STABLE, UNSTABLE], "a refresh keeps to what was wanted");

    // One question, and the program is there.
    let machine = world.machine("install");
    let declined = machine.answer(&["install", "demo/alice/unstable", "app"], "n");
    assert_ne!(declined.code, 0, "{}", declined.text());
    assert_eq!(machine.dnf.repo_files().unwrap(), [], "declined: {}", declined.text());
    // Without a terminal dnf takes keys by -y alone.
    machine.ok(&["install", "demo/alice/unstable", "app"]);
    assert_eq!(machine.enabled(), [STABLE, UNSTABLE], "what app needs");
    machine.app_greets();
    assert_eq!(world.server.stop().unwrap(), 0);
}

/// `tree` and `why`, for people and for programs.
fn what_needs_what_is_told(machine: &Machine, elsewhere: &str) {
    let drawn = machine.ok(&["tree", "demo/alice/unstable"]).stdout;
    assert!(drawn.starts_with("127.0.0.1/alice/unstable\n"), "{drawn}");
    for below in ["127.0.0.1/alice/testing\n", "127.0.0.1/alice/stable\n", "http://localhost:"] {
        assert!(drawn.contains(&format!("-- {below}")), "{below:?} is not below it:\n{drawn}");
    }
    let ids = |list: &Value| -> Vec<String> {
        list.as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(
        ids(&machine.json(&["tree", "demo/alice/unstable"])["repositories"]),
        [STABLE, TESTING, UNSTABLE, elsewhere]
    );

    let why = machine.ok(&["why", STABLE]).stdout;
    let mut lines: Vec<&str> = why.lines().collect();
    lines.sort_unstable();
    assert_eq!((lines.len(), lines[1]), (2, "127.0.0.1/bob/other -> 127.0.0.1/alice/stable"), "{why}");
    assert!(lines[0].starts_with("127.0.0.1/alice/unstable -> "), "{why}");
    assert!(lines[0].ends_with(" -> 127.0.0.1/alice/stable"), "{why}");
    let by = &machine.json(&["why", elsewhere])["needed_by"];
    assert_eq!((by[0]["project"].as_str(), by[1].is_null()), (Some(UNSTABLE), true), "{by}");
}

#[test]
fn a_chain_that_changes_on_the_hub_is_shown_and_followed() {
    let world = World::new("refresh");
    let elsewhere = world.elsewhere_id();
    let machine = world.machine("machine");
    machine.ok(&["enable", "demo/alice/unstable"]);
    let nothing = machine.ok(&["refresh"]);
    assert_eq!(machine.enabled(), [STABLE, TESTING, UNSTABLE, &elsewhere], "{}", nothing.text());
    let before = machine.dnf.repo_files().unwrap();

    world.create("bob", "extra", &[]);
    world.client("alice", &["delete", "testing"]);
    world.create("alice", "testing", &["copr://bob/extra"]);
    let checked = machine.dnf.run(&["copr", "check"]).unwrap();
    assert_eq!(checked.code, 1, "the chain is another one now: {}", checked.text());
    assert!(checked.stdout.contains("dnf copr refresh"), "{}", checked.text());
    let told = machine.answer(&["refresh"], "n");
    for shown in ["+ 127.0.0.1/bob/extra", "- 127.0.0.1/alice/stable", "~ 127.0.0.1/alice/testing"] {
        assert!(told.text().contains(shown), "the difference does not show {shown:?}:\n{}", told.text());
    }
    assert_eq!(machine.dnf.repo_files().unwrap(), before, "the answer was no");

    let applied = machine.answer(&["refresh"], "y");
    assert_eq!(applied.code, 0, "{}", applied.text());
    let extra = "copr:127.0.0.1:bob:extra";
    assert_eq!(machine.enabled(), [TESTING, UNSTABLE, extra, &elsewhere]);
    let after = machine.dnf.repo_files().unwrap();
    machine.ok(&["refresh"]);
    assert_eq!(machine.dnf.repo_files().unwrap(), after, "there is nothing more to change");
    machine.ok(&["check"]);

    world.client("alice", &["delete", "unstable"]);
    let gone = machine.dnf.run(&["copr", "check"]).unwrap();
    assert_eq!(gone.code, 1, "{}", gone.text());
    assert!(gone.stdout.contains("alice/unstable"), "{}", gone.text());
    machine.ok(&["remove", "demo/alice/unstable"]);
    assert_eq!(machine.dnf.repo_files().unwrap(), []);
    assert_eq!(world.server.stop().unwrap(), 0);
}

#[test]
fn our_plugin_takes_over_from_the_stock_one_and_gives_back() {
    let world = World::new("takeover");
    let stock = Stock::new(&world.folder.join("machine"), &world.server.url()).unwrap();
    let both = stock.with_plugins(&plugins().unwrap());
    let enabled = stock.copr(&["enable", "-y", "demo/alice/unstable", CHROOT], "").unwrap();
    assert_eq!(enabled.code, 0, "{}", enabled.text());
    let written = stock.repo_files().unwrap();
    let usage = |stock: &Stock| stock.copr(&["help"], "").unwrap().text();
    assert!(!usage(&stock).contains("--keep-deps"), "the stock plugin has no such command");

    // Both are installed: ours answers, without a word about the other, and knows what that one wrote.
    let help = usage(&both);
    assert!(help.contains("--keep-deps") && !help.contains("already defined"), "{help}");
    let listed = both.copr(&["list"], "").unwrap();
    assert_eq!((listed.code, listed.stdout.as_str()), (0, "127.0.0.1/alice/unstable\n"), "{}", listed.text());
    let drawn = both.copr(&["tree"], "").unwrap();
    assert!(drawn.stdout.contains("alice/testing"), "{}", drawn.text());
    assert_eq!(stock.repo_files().unwrap(), written, "looking changes nothing");

    // What ours writes, the stock one can list, disable and remove once ours is gone.
    let other = both.copr(&["enable", "-y", "demo/bob/other", CHROOT], "").unwrap();
    assert_eq!(other.code, 0, "{}", other.text());
    let listed = stock.copr(&["list"], "").unwrap();
    assert!(listed.stdout.contains("127.0.0.1/bob/other\n"), "{}", listed.text());
    let disabled = stock.copr(&["disable", "demo/bob/other"], "").unwrap();
    assert_eq!(disabled.code, 0, "{}", disabled.text());
    let listed = both.copr(&["list", "--disabled"], "").unwrap();
    assert_eq!(listed.stdout, "127.0.0.1/bob/other (disabled)\n", "{}", listed.text());
    let removed = stock.copr(&["remove", "demo/bob/other"], "").unwrap();
    assert_eq!(removed.code, 0, "{}", removed.text());

    // And what the stock one wrote, ours removes, without a hub.
    let World { server, .. } = world;
    assert_eq!(server.stop().unwrap(), 0);
    let removed = both.copr(&["remove", "-y", "demo/alice/unstable"], "").unwrap();
    assert_eq!(removed.code, 0, "{}", removed.text());
    assert!(!stock.repo_files().unwrap().iter().any(|(name, _)| name.contains("unstable")));
}
