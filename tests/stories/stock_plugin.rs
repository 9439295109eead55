//! The unmodified dnf 4 copr plugin of the distribution against our server.

use std::path::{Path, PathBuf};

use copr_tests::{
    PATIENCE,
    dnf::remove_tree,
    journey::{CHROOT, copr, created_build},
    programs::{Output, fixture_srpm, minidistro, privileged, run, run_ok, tree},
    report::Report,
    server::{Options, Server},
    stock::Stock,
};

/// A server with two users, and a machine that has the stock plugin.
struct Story {
    folder: PathBuf,
    server: Server,
    stock: Stock,
    etc: Vec<String>,
}

impl Story {
    fn new(name: &str) -> Self {
        let folder = tree().join("target/stories/stock-plugin").join(name);
        run_ok(&mut remove_tree(&folder)).unwrap();
        fs_err::create_dir_all(&folder).unwrap();
        let etc = host_etc();
        let options = Options { data: folder.join("data"), minidistro: minidistro().unwrap(), port: 0 };
        options.offer(&["fedora-44-x86_64", "fedora-44-i386", "fedora-eln-x86_64"]).unwrap();
        let server = Server::start(&options).unwrap();
        for user in ["alice", "bob"] {
            server.add_user(user, &folder.join(format!("{user}.conf"))).unwrap();
        }
        server.admin(&folder.join("admin.conf")).unwrap();
        let stock = Stock::new(&folder.join("machine"), &server.url()).unwrap();
        Self { folder, server, stock, etc }
    }

    /// Adds a project as one of the users.
    fn create(&self, user: &str, project: &str, options: &[&str]) {
        self.client(user, &[&["create", project], options].concat());
    }

    fn client(&self, user: &str, args: &[&str]) -> Output {
        copr(&self.folder.join(format!("{user}.conf")), args, &Report::new(true)).unwrap()
    }

    /// `bob/app` needs `alice/libs` and a repository that is no Copr's.
    fn with_a_chain(name: &str) -> Self {
        let story = Self::new(name);
        let chroots = ["--chroot", "fedora-44-x86_64", "--chroot", CHROOT];
        story.create("alice", "libs", &[&chroots[..], &["--description", "Libraries that greet"]].concat());
        let needs = ["copr://alice/libs", "https://mirror.example/$chroot/"];
        let needs = needs.map(|need| ["--runtime-repo-dependency", need]).concat();
        story.create("bob", "app", &[&chroots[..], &needs].concat());
        story
    }

    /// `dnf copr ARGS`, which must end with 0.
    fn ok(&self, args: &[&str], answers: &str) -> Output {
        let output = self.stock.copr(args, answers).unwrap();
        assert_eq!(output.code, 0, "dnf copr {}: {}", args.join(" "), output.text());
        output
    }

    /// `dnf copr ARGS`, which must end with 1 and without a traceback; gives what stands behind `Error: `.
    fn refused(&self, args: &[&str], answers: &str) -> String {
        let output = self.stock.copr(args, answers).unwrap();
        assert_eq!(output.code, 1, "dnf copr {}: {}", args.join(" "), output.text());
        let (_, error) = output.stderr.split_once("Error: ").unwrap_or_else(|| panic!("{}", output.text()));
        assert!(!error.contains("Traceback"), "{error}");
        error.trim().to_owned()
    }

    /// The only .repo file that was written.
    fn file(&self) -> (String, String) {
        let mut files = self.stock.repo_files().unwrap();
        assert_eq!(files.len(), 1, "{files:?}");
        files.remove(0)
    }

    /// Stops the server, and makes sure that the machine's own /etc is as it was.
    fn end(self) {
        assert_eq!(host_etc(), self.etc, "the story changed the machine's own /etc");
        assert_eq!(self.server.stop().unwrap(), 0);
    }
}

/// Everything of dnf's in this machine's own /etc: paths, sizes and times.
fn host_etc() -> Vec<String> {
    let mut found = Vec::new();
    for folder in ["/etc/dnf", "/etc/yum.repos.d"] {
        if Path::new(folder).exists() {
            let listed = run_ok(privileged("find").args([folder, "-printf", "%p %s %T@ %C@\n"])).unwrap();
            found.extend(listed.stdout.lines().map(str::to_owned));
        }
    }
    found.sort();
    found
}

/// The sections of a .repo file: id, `baseurl`, and whether it is enabled.
fn sections(text: &str) -> Vec<(&str, &str, bool)> {
    text.split("\n\n")
        .map(|section| {
            let id = section.lines().next().unwrap().trim_matches(['[', ']']);
            let url = section.lines().find_map(|line| line.strip_prefix("baseurl=")).unwrap();
            (id, url, section.lines().any(|line| line == "enabled=1"))
        })
        .collect()
}

const FIRST_QUESTION: &str = "/bob/app? [y/N]: ";
const SECOND_QUESTION: &str = "Do you want to keep them enabled? [y/N]: ";

#[test]
fn projects_are_found_by_a_word_and_by_their_owner() {
    let story = Story::with_a_chain("finding");
    story.create("bob", "tools", &["--chroot", CHROOT]);

    let found = story.ok(&["search", "--hub", "demo", "GREET"], "");
    assert!(found.stdout.contains(" Matched: GREET "), "{}", found.stdout);
    assert_eq!(found.stdout.lines().last(), Some("alice/libs : Libraries that greet"), "{}", found.stdout);
    let found = story.ok(&["search", "--hub", "demo", "nothing-of-the-kind"], "");
    assert_eq!(found.stdout.lines().count(), 1, "{}", found.stdout);

    let of_bob = story.ok(&["list", "--hub", "demo", "--available-by-user=bob"], "");
    let lines: Vec<&str> = of_bob.stdout.lines().skip(1).collect();
    assert_eq!(lines, ["bob/app : No description given", "bob/tools : No description given"], "{}", of_bob.stdout);
    let of_nobody = story.ok(&["list", "--hub", "demo", "--available-by-user=nobody"], "");
    assert_eq!(of_nobody.stdout.lines().count(), 1, "{}", of_nobody.stdout);
    story.end();
}

#[test]
fn a_project_is_enabled_with_what_it_needs_and_leaves_again() {
    let story = Story::with_a_chain("enabling");
    let results = format!("{}/results", story.server.url());
    let urls = [
        format!("{results}/bob/app/fedora-$releasever-$basearch/"),
        format!("{results}/alice/libs/fedora-$releasever-$basearch/"),
        "https://mirror.example/fedora-$releasever-$basearch/".to_owned(),
    ];
    let expected = |enabled: [bool; 3]| {
        let ids = ["copr:127.0.0.1:bob:app", "coprdep:127.0.0.1:alice:libs", "coprdep:https_mirror_example_chroot"];
        [0, 1, 2].map(|n| (ids[n], urls[n].as_str(), enabled[n])).to_vec()
    };

    let declined = story.refused(&["enable", "demo/bob/app"], "n\n");
    assert_eq!(declined, "Safe and good answer. Exiting.");
    assert_eq!(story.stock.repo_files().unwrap(), [], "nothing may be written before the answer");

    let kept = story.ok(&["enable", "demo/bob/app"], "y\ny\n");
    for shown in [FIRST_QUESTION, SECOND_QUESTION, "Repository successfully enabled."] {
        assert!(kept.stdout.contains(shown), "no {shown:?} in {}", kept.text());
    }
    let listed = format!(
        " 1. [coprdep:127.0.0.1:alice:libs]\n    baseurl={}\n\n 2. [coprdep:https_mirror_example_chroot]\n    baseurl={}\n",
        urls[1], urls[2]
    );
    assert!(kept.stderr.contains(&listed), "{}", kept.stderr);
    let (name, text) = story.file();
    assert_eq!(name, "_copr:127.0.0.1:bob:app.repo");
    assert_eq!(sections(&text), expected([true, true, true]));
    let served = story.server.get("/coprs/bob/app/repo/fedora-44/dnf.repo?arch=x86_64").unwrap();
    assert_eq!(text, served.body, "the plugin changed the file");

    story.ok(&["enable", "demo/bob/app"], "y\nn\n");
    assert_eq!(sections(&story.file().1), expected([true, false, false]), "the second answer was no");
    let unasked = story.ok(&["enable", "-y", "demo/bob/app"], "");
    assert!(!unasked.stdout.contains("[y/N]"), "{}", unasked.stdout);
    assert_eq!(sections(&story.file().1), expected([true, true, true]));
    story.ok(&["enable", "-y", "--hub", &story.server.url(), "bob/app"], "");
    assert_eq!(story.file(), (name, text), "another way to name the hub gives the same file");

    assert_eq!(story.ok(&["list"], "").stdout, "127.0.0.1/bob/app\n", "what it needs is not listed");
    assert_eq!(story.ok(&["list", "--disabled"], "").stdout, "");
    story.ok(&["disable", "demo/bob/app"], "");
    assert_eq!(sections(&story.file().1), expected([false, false, false]));
    assert_eq!(story.ok(&["list"], "").stdout, "127.0.0.1/bob/app (disabled)\n");
    assert_eq!(story.ok(&["list", "--enabled"], "").stdout, "");
    let removed = story.ok(&["remove", "demo/bob/app"], "");
    assert!(removed.stdout.contains("Repository successfully removed."), "{}", removed.text());
    assert_eq!(story.stock.repo_files().unwrap(), []);
    assert!(story.refused(&["remove", "demo/bob/app"], "").starts_with("Failed to remove copr repo"));
    assert_eq!(story.refused(&["disable", "demo/bob/app"], ""), "Failed to disable copr repo bob/app");
    story.end();
}

#[test]
fn what_is_not_there_is_told_with_what_there_is() {
    let story = Story::new("refusals");
    story.create("bob", "elsewhere", &["--chroot", CHROOT, "--chroot", "fedora-eln-x86_64"]);

    let no_chroot = story.refused(&["enable", "-y", "demo/bob/elsewhere"], "");
    let expected = "It wasn't possible to enable this project.\n\
        Repository 'fedora-44-x86_64' does not exist in project 'bob/elsewhere'.\n\
        Available repositories: 'fedora-eln-x86_64', 'minidistro-12-x86_64'\n";
    assert!(no_chroot.starts_with(expected), "{no_chroot}");
    let no_arch = story.refused(&["enable", "-y", "demo/bob/elsewhere", "fedora-eln-s390x"], "");
    assert!(no_arch.contains("Repository 'fedora-eln-s390x' does not exist in project"), "{no_arch}");
    for project in ["bob/nothing", "nobody/nothing", "@nobody/nothing", "bob/elsewhere:custom:x", "bob/elsewhere:pr:1"]
    {
        let gone = story.refused(&["enable", "-y", &format!("demo/{project}")], "");
        assert_eq!(gone, format!("It wasn't possible to enable this project.\nProject {project} does not exist."));
    }
    assert_eq!(story.stock.repo_files().unwrap(), []);
    story.end();
}

#[test]
fn a_groups_project_one_for_two_architectures_and_another_systems_chroot_are_enabled() {
    let story = Story::new("kinds");
    let results = format!("{}/results", story.server.url());
    story.client("admin", &["group", "add", "sig"]);
    story.create("admin", "@sig/tools", &["--chroot", CHROOT, "--chroot", "fedora-44-x86_64"]);
    let both = ["--chroot", "fedora-44-x86_64", "--chroot", "fedora-44-i386"];
    story.create("bob", "wide", &[&both[..], &["--multilib", "on"]].concat());

    story.ok(&["enable", "-y", "demo/@sig/tools"], "");
    let (name, text) = story.file();
    assert_eq!(name, "_copr:127.0.0.1:group_sig:tools.repo");
    let url = format!("{results}/@sig/tools/fedora-$releasever-$basearch/");
    assert_eq!(sections(&text), [("copr:127.0.0.1:group_sig:tools", url.as_str(), true)]);
    assert_eq!(story.ok(&["list"], "").stdout, "127.0.0.1/group_sig/tools\n");
    let of_group = story.ok(&["list", "--hub", "demo", "--available-by-user=@sig"], "");
    assert!(of_group.stdout.contains("\n@sig/tools : "), "{}", of_group.stdout);

    // Another system's, by name: the same file, which a user then changes.
    story.ok(&["enable", "-y", "demo/@sig/tools", CHROOT], "");
    let (_, text) = story.file();
    assert!(text.contains("/@sig/tools/minidistro-12-$basearch/\n"), "{text}");
    story.ok(&["remove", "demo/@sig/tools"], "");

    // Its second repository is no dependency: nobody is asked, and the list has one project.
    let wide = story.ok(&["enable", "demo/bob/wide"], "y\n");
    assert!(!wide.stdout.contains(SECOND_QUESTION), "{}", wide.stdout);
    let (_, text) = story.file();
    let urls = ["$basearch", "i386"].map(|arch| format!("{results}/bob/wide/fedora-$releasever-{arch}/"));
    let ids = ["copr:127.0.0.1:bob:wide", "copr:127.0.0.1:bob:wide:ml"];
    assert_eq!(sections(&text), [(ids[0], urls[0].as_str(), true), (ids[1], urls[1].as_str(), true)]);
    assert!(text.contains("\ncost=1100\n"), "{text}");
    assert_eq!(story.ok(&["list"], "").stdout, "127.0.0.1/bob/wide\n");
    story.ok(&["disable", "demo/bob/wide"], "");
    assert!(sections(&story.file().1).iter().all(|(_, _, enabled)| !enabled));
    story.ok(&["remove", "demo/bob/wide"], "");
    story.end();
}

#[test]
fn what_was_built_into_a_side_directory_is_installed_with_what_it_needs() {
    let story = Story::new("packages");
    story.create("alice", "libs", &["--chroot", CHROOT]);
    let needs = "copr://alice/libs";
    story.create("bob", "app", &["--chroot", CHROOT, "--repo", needs, "--runtime-repo-dependency", needs]);
    for (user, directory, fixture) in [("alice", "libs", "greet-library"), ("bob", "app:custom:next", "greet-app")] {
        let srpm = fixture_srpm(fixture, &story.folder.join("srpms")).unwrap();
        let submitted = story.client(user, &["build", "--nowait", directory, &srpm.display().to_string()]);
        let build = created_build(&submitted).unwrap();
        story.server.wait_for_state(build, &["succeeded"], PATIENCE).unwrap();
    }

    story.stock.add_repository("minidistro", &story.server.options.minidistro).unwrap();
    let enabled = story.ok(&["enable", "demo/bob/app:custom:next", CHROOT], "y\ny\n");
    assert!(enabled.stdout.contains(SECOND_QUESTION), "{}", enabled.text());
    let (name, text) = story.file();
    assert_eq!(name, "_copr:127.0.0.1:bob:app:custom:next.repo");
    let ids: Vec<&str> = sections(&text).into_iter().map(|(id, _, _)| id).collect();
    assert_eq!(ids, ["copr:127.0.0.1:bob:app:custom:next", "coprdep:127.0.0.1:alice:libs"]);
    assert_eq!(story.ok(&["list"], "").stdout, "127.0.0.1/bob/app:custom:next\n");

    let installed = story.stock.install(&["app"]).unwrap();
    assert_eq!(installed.code, 0, "{}", installed.text());
    let said = run(privileged("chroot").arg(story.stock.root()).arg("/usr/bin/app")).unwrap();
    assert_eq!((said.code, said.stdout.trim()), (0, "Hello, app, from libgreet"), "{}", said.text());

    // The main directory is another repository, in which nothing was built.
    story.ok(&["remove", "demo/bob/app:custom:next"], "");
    story.ok(&["enable", "-y", "demo/bob/app", CHROOT], "");
    let (_, text) = story.file();
    assert!(text.starts_with("[copr:127.0.0.1:bob:app]\n"), "{text}");
    story.end();
}
