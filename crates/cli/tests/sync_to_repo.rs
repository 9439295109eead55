//! `copr-repo sync-to-repo`, the program, against a folder and real servers: nginx with WebDAV, sshd, S3.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../../remote/tests/servers/mod.rs"]
mod servers;
#[path = "../../rpm/tests/small_rpm/mod.rs"]
mod small_rpm;

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{LazyLock, atomic::Ordering},
    time::Duration,
};

use serde_json::{Value, json};
use servers::{Gate, Nginx, S3, Sshd};
use small_rpm::{archive, entries, rpm, text};

/// How a run of the program ended.
#[derive(Debug)]
struct Ended {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Ended {
    fn json(&self) -> Value {
        assert_eq!(self.code, Some(0), "{self:?}");
        serde_json::from_str(&self.out).unwrap()
    }
}

/// Servers, started once for all tests: each has places of its own on them.
struct Servers {
    nginx: Nginx,
    sshd: Sshd,
    s3: S3,
}

static SERVERS: LazyLock<Servers> =
    LazyLock::new(|| Servers { nginx: Nginx::start(), sshd: Sshd::start(), s3: S3::start() });

/// Local packages in folders, and servers with places for repositories.
struct Story {
    dir: tempfile::TempDir,
    nginx: &'static Nginx,
    sshd: &'static Sshd,
    s3: &'static S3,
}

/// Where a repository is read and written, and how the written one can be looked at.
#[derive(Debug, Clone)]
struct Place {
    read: String,
    write: String,
    endpoint: String,
}

impl Story {
    fn begin() -> Self {
        let Servers { nginx, sshd, s3 } = &*SERVERS;
        Self { dir: tempfile::tempdir().unwrap(), nginx, sshd, s3 }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a package; `about` makes it another one under the same name, `padding` bytes make it larger.
    fn package(&self, folder: &str, name: &str, about: &str, padding: usize) {
        let mut all = entries();
        all.retain(|(tag, _)| !matches!(tag, 1000 | 1004));
        all.extend([(1000, text(name)), (1004, text(about))]);
        all.sort_by_key(|(tag, _)| *tag);
        let mut file = rpm(&all, &archive());
        // What stands behind a payload is part of the file, and of nothing else.
        file.extend((0..padding).map(|at| (at * 7 % 253) as u8));
        fs_err::create_dir_all(self.path(folder)).unwrap();
        fs_err::write(self.path(folder).join(format!("{name}.rpm")), file).unwrap();
    }

    /// The same place on every kind of server; the S3 one is read over plain HTTP, the others as they are written.
    fn places(&self, name: &str) -> [Place; 4] {
        let folder = self.path(&format!("places/{name}")).display().to_string();
        let same = |url: String| self.place(&url, &url);
        [
            same(folder),
            same(self.nginx.url(name)),
            same(self.sshd.url(name)),
            self.place(&self.s3.read_url(name), &format!("s3://bucket/{name}")),
        ]
    }

    fn place(&self, read: &str, write: &str) -> Place {
        Place { read: read.to_owned(), write: write.to_owned(), endpoint: self.s3.endpoint() }
    }

    fn command(&self, options: &str, folder: &str, place: &Place) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_copr-repo"));
        command.arg("sync-to-repo").args(options.split_whitespace());
        command.arg("--s3-endpoint").arg(&place.endpoint);
        for option in self.sshd.options() {
            command.arg("-o").arg(option);
        }
        command.arg(self.path(folder)).arg(&place.read).arg(&place.write);
        // A run that is killed leaves its copy of the metadata.
        command.env("TMPDIR", self.dir.path());
        command.envs(S3::environment()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn run(&self, options: &str, folder: &str, place: &Place) -> Ended {
        ended(self.command(options, folder, place).spawn().unwrap())
    }

    /// The packages that the metadata of a place name, all files having been checked; the place itself is asked.
    fn packages(&self, place: &Place) -> Vec<String> {
        let place = self.place(&place.write, &place.write);
        self.package("probe", "probe", "not for upload", 0);
        let object = self.run("--json --dry-run --delete", "probe", &place).json();
        let mut all: Vec<String> =
            object["removed"].as_array().unwrap().iter().map(|href| href.as_str().unwrap().to_owned()).collect();
        all.sort();
        all
    }
}

fn ended(child: Child) -> Ended {
    let done = child.wait_with_output().unwrap();
    Ended {
        code: done.status.code(),
        out: String::from_utf8(done.stdout).unwrap(),
        err: String::from_utf8(done.stderr).unwrap(),
    }
}

fn locations(packages: &Value) -> Vec<&str> {
    packages.as_array().unwrap().iter().map(|package| package["location"].as_str().unwrap()).collect()
}

/// What dnf finds at a URL.
fn dnf(url: &str, scratch: &Path) -> Vec<String> {
    let mut dnf = Command::new("dnf");
    dnf.args(["-q", "--setopt=reposdir=/nonexistent", "--setopt=plugins=0", "--disableplugin=*"]);
    dnf.arg(format!("--setopt=cachedir={}", scratch.join("dnf").display()));
    dnf.arg(format!("--installroot={}", scratch.join("root").display()));
    dnf.arg(format!("--repofrompath=x,{url}")).args(["--repo=x", "repoquery", "--qf", "%{name}"]);
    dnf.env("no_proxy", "*");
    let done = dnf.stdin(Stdio::null()).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn the_first_sync_makes_a_repository_and_later_ones_send_only_what_is_new() {
    let story = Story::begin();
    for name in ["a", "b"] {
        story.package("one", name, "first", 0);
    }
    story.package("two", "b", "second", 0);
    story.package("two", "c", "first", 0);
    for place in story.places("first") {
        let none = story.run("", "one", &place);
        assert_eq!((none.code, none.err.contains("--init")), (Some(1), true), "{none:?}");

        let made = story.run("--init --json", "one", &place).json();
        assert_eq!(
            (&made["new"], &made["packages"], &made["uploaded"]),
            (&json!(true), &json!(2), &json!(2)),
            "{made}"
        );

        let plan = story.run("--dry-run --json", "two", &place).json();
        assert_eq!(locations(&plan["added"]), ["c.rpm"], "{place:?}");
        assert_eq!(locations(&plan["replaced"]), ["b.rpm"]);
        let text = story.run("--dry-run", "two", &place);
        assert!(text.out.contains("add c.rpm (") && text.out.contains("replace b.rpm ("), "{text:?}");
        assert_eq!(story.packages(&place), ["a.rpm", "b.rpm"], "nothing was changed");

        let second = story.run("--json", "two", &place).json();
        assert_eq!((&second["packages"], &second["uploaded"]), (&json!(3), &json!(2)), "{second}");
        let again = story.run("--json", "two", &place).json();
        assert_eq!((&again["changed"], &again["uploaded"]), (&json!(false), &json!(0)), "{again}");
        assert_eq!(story.packages(&place), ["a.rpm", "b.rpm", "c.rpm"]);
    }
    for url in [story.nginx.url("first"), story.s3.read_url("first")] {
        let scratch = tempfile::tempdir().unwrap();
        assert_eq!(dnf(&url, scratch.path()), ["a", "b", "c"], "{url}");
    }
}

#[test]
fn packages_go_only_when_that_is_asked_for() {
    let story = Story::begin();
    for name in ["a", "b", "c"] {
        story.package("all", name, "first", 0);
    }
    story.package("some", "b", "first", 0);
    fs_err::create_dir_all(story.path("empty")).unwrap();
    for place in story.places("deleting") {
        story.run("--init --json", "all", &place).json();
        let kept = story.run("--json", "some", &place).json();
        assert_eq!((&kept["packages"], &kept["changed"]), (&json!(3), &json!(false)), "{kept}");
        let empty = story.run("--delete", "empty", &place);
        assert_eq!((empty.code, empty.err.contains("no packages")), (Some(1), true), "{empty:?}");
        let gone = story.run("--delete --json", "some", &place).json();
        assert_eq!((&gone["removed"], &gone["packages"]), (&json!(["a.rpm", "c.rpm"]), &json!(1)), "{gone}");
        assert_eq!(story.packages(&place), ["b.rpm"]);
    }
    for root in [story.path("places"), story.nginx.root.clone(), story.sshd.root.clone()] {
        let mut left: Vec<_> = root.join("deleting").read_dir().unwrap().map(|e| e.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["b.rpm", "repodata"], "the files are gone, too: {}", root.display());
    }
}

#[test]
fn two_at_once_lose_nothing() {
    let story = Story::begin();
    let names = ["a", "b", "c", "d"];
    for name in names {
        story.package(name, name, "first", 0);
    }
    story.package("start", "start", "first", 0);
    for place in story.places("at-once") {
        story.run("--init --json", "start", &place).json();
        let runs: Vec<Child> =
            names.iter().map(|folder| story.command("--json", folder, &place).spawn().unwrap()).collect();
        for run in runs {
            ended(run).json();
        }
        assert_eq!(story.packages(&place), ["a.rpm", "b.rpm", "c.rpm", "d.rpm", "start.rpm"], "{place:?}");
    }
}

#[test]
fn a_run_that_is_killed_is_continued_by_the_next() {
    let story = Story::begin();
    story.package("start", "start", "first", 0);
    for name in ["a", "b", "c"] {
        story.package("large", name, "first", 2_000_000);
    }
    for (place, port) in
        story.places("killed").into_iter().skip(1).zip([story.nginx.port, story.sshd.port, story.s3.port])
    {
        story.run("--init --json", "start", &place).json();
        // The line goes silent in the middle of a package; then the program is killed.
        let gate = Gate::before(port, 1_500_000, true);
        let moved = |url: &str| url.replace(&format!(":{port}"), &format!(":{}", gate.port));
        let (write, endpoint) = (moved(&place.write), moved(&place.endpoint));
        let through = Place { write, endpoint, ..place.clone() };
        let mut run = story.command("--workers 1", "large", &through).spawn().unwrap();
        for _ in 0..400 {
            if gate.passed.load(Ordering::SeqCst) >= 1_500_000 {
                break;
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        run.kill().unwrap();
        run.wait().unwrap();
        assert_eq!(story.packages(&place), ["start.rpm"], "{place:?}");
        let done = story.run("--json", "large", &place).json();
        assert_eq!(done["packages"], 4, "{place:?}: {done}");
        assert_eq!(story.packages(&place), ["a.rpm", "b.rpm", "c.rpm", "start.rpm"]);
    }
    for root in [&story.nginx.root, &story.sshd.root] {
        let mut left: Vec<_> = root.join("killed").read_dir().unwrap().map(|e| e.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["a.rpm", "b.rpm", "c.rpm", "repodata", "start.rpm"], "{}", root.display());
    }
}

#[test]
fn packages_that_an_earlier_run_sent_are_not_sent_again() {
    let story = Story::begin();
    story.package("start", "start", "first", 0);
    story.package("one", "a", "first", 100_000);
    for place in story.places("resumed") {
        story.run("--init --json", "start", &place).json();
        story.run("--json", "one", &place).json();
        // The metadata are those of before, as if the run had ended just then.
        story.run("--json --delete", "start", &place).json();
        let file = story.path("one/a.rpm");
        let root = match place.write.split("://").next() {
            Some("http") => story.nginx.root.clone(),
            Some("ssh") => story.sshd.root.clone(),
            Some("s3") => continue,
            _ => story.path("places"),
        };
        fs_err::copy(&file, root.join("resumed/a.rpm")).unwrap();
        let done = story.run("--json", "one", &place).json();
        assert_eq!((&done["packages"], &done["uploaded"]), (&json!(2), &json!(0)), "{place:?}: {done}");
    }
}

#[test]
fn what_cannot_be_done_is_one_line_that_says_why_and_tells_no_secret() {
    let story = Story::begin();
    story.package("one", "a", "first", 0);
    story.package("start", "start", "first", 0);
    let [folder, web, ..] = story.places("there");
    for place in [&folder, &web] {
        story.run("--init --json", "start", place).json();
    }
    let nginx = story.nginx;
    let locked = nginx.root.join("locked/repodata");
    fs_err::create_dir_all(&locked).unwrap();
    for entry in fs_err::read_dir(nginx.root.join("there/repodata")).unwrap() {
        let entry = entry.unwrap();
        fs_err::copy(entry.path(), locked.join(entry.file_name())).unwrap();
    }
    fs_err::write(story.path("junk.rpm"), "junk").unwrap();
    let secret = nginx.url("secret/x").replace("//", "//me:wr0ng@");
    let place = |read: &str, write: &str| story.place(read, write);
    for (options, folder_name, place, why) in [
        ("", "one", place(&nginx.url("locked"), &nginx.url("locked")), "403: no permission"),
        ("--init", "one", place(&secret, &secret), "401"),
        ("--init", "one", place(&nginx.url("nothing"), &web.write), "are they the same place?"),
        ("--init", "one", place(&web.read, &nginx.url("nothing")), "are they the same place?"),
        ("", "one", place("ftp://me:wr0ng@example.org/r", &web.write), "are understood"),
        ("", "one", place(&web.read, "s3://"), "s3://BUCKET"),
        ("", "none", web.clone(), "none"),
        ("", "junk.rpm", web.clone(), "junk.rpm"),
        ("--init", "one", place("s3://nobucket/x", "s3://nobucket/x"), "nobucket"),
        ("--init", "one", place("http://127.0.0.1:1/r", "http://me:wr0ng@127.0.0.1:1/r"), "cannot connect"),
    ] {
        let ended = story.run(options, folder_name, &place);
        assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{place:?}: {ended:?}");
        assert!(ended.err.contains(why) && ended.err.lines().count() == 1, "{place:?}: {ended:?}");
        assert!(!ended.err.contains("wr0ng") && !ended.err.contains("s3cr3t"), "{ended:?}");
    }
    for place in [&folder, &web] {
        assert_eq!(story.packages(place), ["start.rpm"]);
    }
}

#[test]
fn a_place_that_shows_another_state_is_told_and_the_one_that_is_written_counts() {
    let story = Story::begin();
    story.package("start", "start", "first", 0);
    story.package("one", "a", "first", 0);
    story.package("two", "b", "first", 0);
    let [_, web, _, _] = story.places("now");
    story.run("--init --json", "start", &web).json();
    let copy = |from: &Path, to: &Path| {
        fs_err::create_dir_all(to).unwrap();
        for entry in fs_err::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            fs_err::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    };
    copy(&story.nginx.root.join("now/repodata"), &story.nginx.root.join("yesterday/repodata"));
    story.run("--json", "one", &web).json();
    let stale = story.place(&story.nginx.url("yesterday"), &web.write);
    let done = story.run("", "two", &stale);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(done.err.contains("shows another state"), "{done:?}");
    assert_eq!(story.packages(&web), ["a.rpm", "b.rpm", "start.rpm"]);
}
