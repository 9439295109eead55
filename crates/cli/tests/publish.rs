//! `copr-repo add`, `remove` and `publish`: packages come and go, and the metadata follow.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../../rpm/tests/small_rpm/mod.rs"]
mod small_rpm;

use std::collections::HashSet;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use copr_repodata::{Delta, Output, Publisher, Record, RecordOptions, Repomd, read};
use serde_json::{Value, json};
use small_rpm::{archive, entries, rpm, text};

/// How long something may take that is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a run of the program ended.
#[derive(Debug)]
struct Ended {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Ended {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap()
    }
}

/// A folder for repositories and packages.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes the package `name`-VERSION as `folder/name.rpm`.
    fn put(&self, folder: &str, name: &str, version: &str) -> PathBuf {
        fs_err::create_dir_all(self.path(folder)).unwrap();
        let path = self.path(folder).join(format!("{name}.rpm"));
        fs_err::write(&path, package(name, version)).unwrap();
        path
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_copr-repo"));
        command.args(line.split_whitespace()).current_dir(self.0.path()).stdin(Stdio::null());
        command
    }

    fn run(&self, line: &str) -> Ended {
        let done = self.command(line).output().unwrap();
        Ended {
            code: done.status.code(),
            out: String::from_utf8(done.stdout).unwrap(),
            err: String::from_utf8(done.stderr).unwrap(),
        }
    }

    /// Runs a command line that must end well and say nothing on standard error.
    fn ok(&self, line: &str) -> Ended {
        let ended = self.run(line);
        assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "{line}: {ended:?}");
        ended
    }

    /// Location and version of each package of a repository's metadata, which are checked.
    fn packages(&self, folder: &str) -> Vec<(String, String)> {
        let records = read::load(&self.path(folder)).unwrap();
        records.into_iter().map(|record| (record.location_href, record.nevra.version)).collect()
    }

    fn record(&self, folder: &str, href: &str) -> Record {
        read::load(&self.path(folder)).unwrap().into_iter().find(|record| record.location_href == href).unwrap()
    }

    fn index(&self, folder: &str) -> Repomd {
        Repomd::read(&fs_err::read(self.path(folder).join("repodata/repomd.xml")).unwrap()).unwrap()
    }

    /// Names in a folder, sorted.
    fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs_err::read_dir(self.path(folder)).unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn package(name: &str, version: &str) -> Vec<u8> {
    let mut all = entries();
    all.retain(|(tag, _)| !matches!(*tag, 1000 | 1001));
    all.extend([(1000, text(name)), (1001, text(version))]);
    rpm(&all, &archive())
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(href, version)| ((*href).to_owned(), (*version).to_owned())).collect()
}

fn set_time(path: &Path, seconds: u64) {
    let file = fs_err::OpenOptions::new().append(true).open(path).unwrap();
    file.file().set_modified(UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
}

#[test]
fn packages_from_elsewhere_are_copied_and_published() {
    let place = Place::new();
    let a = place.put("in", "a", "1");
    set_time(&a, 1_500_000_000);
    place.put("in", "b", "1");
    let added = place.ok("add repo in/a.rpm in/b.rpm");
    assert_eq!(added.out, "repo: 2 packages added, 2 packages now\n");
    assert_eq!(place.packages("repo"), pairs(&[("a.rpm", "1"), ("b.rpm", "1")]));
    assert_eq!(place.names("repo"), ["a.rpm", "b.rpm", "repodata"], "nothing else is left");
    assert_eq!(place.record("repo", "a.rpm").time_file, 1_500_000_000, "the copy has the time of the package");
    assert_eq!(fs_err::read(place.path("repo/a.rpm")).unwrap(), fs_err::read(&a).unwrap());
    assert!(place.index("repo").record("primary").unwrap().location_href.ends_with(".xml.gz"));

    let before = place.names("repo/repodata");
    let again = place.ok("add repo in/a.rpm in/b.rpm");
    assert_eq!(again.out, "repo: nothing changed, 2 packages now\n");
    assert_eq!(place.names("repo/repodata"), before);
    assert_eq!(place.run("check --packages checksums --strict repo").code, Some(0));
}

#[test]
fn packages_that_lie_in_the_repository_are_added_where_they_are() {
    let place = Place::new();
    place.put("repo/x86_64/deep", "a", "1");
    place.put("repo", "b", "1");
    place.put("repo", "not-asked-for", "1");
    let absolute = place.path("repo/b.rpm").display().to_string();
    let added = place.ok(&format!("add --json repo repo/x86_64 {absolute} repo/x86_64/../b.rpm"));
    assert_eq!((&added.json()["added"], &added.json()["packages"]), (&json!(2), &json!(2)));
    assert_eq!(place.packages("repo"), pairs(&[("x86_64/deep/a.rpm", "1"), ("b.rpm", "1")]));
    // By a link to the repository they lie in it, too.
    std::os::unix::fs::symlink("repo", place.path("linked")).unwrap();
    place.ok("add repo linked/not-asked-for.rpm");
    assert_eq!(place.packages("repo").len(), 3);
    // One that was written anew in its place is read again, without being asked.
    place.put("repo", "b", "2");
    assert_eq!(place.ok("add repo repo/b.rpm").out, "repo: 1 package replaced, 3 packages now\n");
    assert_eq!(place.record("repo", "b.rpm").nevra.version, "2");
}

#[test]
fn a_package_of_the_same_name_is_replaced_only_when_asked() {
    let place = Place::new();
    place.put("in", "a", "1");
    place.ok("add repo in");
    place.put("in", "a", "2");
    place.put("in", "b", "1");
    let refused = place.run("add repo in");
    assert_eq!((refused.code, refused.out.as_str()), (Some(2), "repo: 1 package added, 2 packages now\n"));
    let expected = "copr-repo: in/a.rpm is left out: repo/a.rpm is there already, with another content; use --replace \
                    to replace it\n";
    assert_eq!(refused.err, expected);
    assert_eq!(place.packages("repo"), pairs(&[("a.rpm", "1"), ("b.rpm", "1")]));
    assert_eq!(place.ok("add --replace repo in/a.rpm").out, "repo: 1 package replaced, 2 packages now\n");
    assert_eq!(place.packages("repo"), pairs(&[("a.rpm", "2"), ("b.rpm", "1")]));
    assert_eq!(place.run("check --packages checksums --strict repo").code, Some(0));

    // Two that are named alike and are not: the first one is taken, whatever is asked.
    place.put("in/x", "c", "1");
    place.put("in/y", "c", "2");
    place.put("in/z", "c", "1");
    let both = place.run("add --replace repo in/x in/y in/z");
    assert_eq!(both.code, Some(2));
    assert_eq!(both.err, "copr-repo: in/y/c.rpm is left out: in/x/c.rpm has this name too, and another content\n");
    assert_eq!(place.record("repo", "c.rpm").nevra.version, "1");
}

#[test]
fn what_is_no_package_is_named_and_costs_nothing_else() {
    let place = Place::new();
    place.put("in", "good", "1");
    let whole = package("bad", "1");
    fs_err::write(place.path("in/bad.rpm"), whole.get(..whole.len() / 2).unwrap()).unwrap();
    fs_err::write(place.path("in/text.rpm"), "not a package\n").unwrap();
    fs_err::write(place.path("in/named.txt"), package("named", "1")).unwrap();

    let strict = place.run("add --strict repo in");
    assert_eq!((strict.code, strict.out.as_str()), (Some(1), ""), "{strict:?}");
    assert!(strict.err.ends_with("copr-repo: nothing is changed, because of --strict\n"), "{strict:?}");
    assert_eq!(place.names("repo"), [""; 0], "not even a file is there");

    let added = place.run("add --json repo in in/named.txt in/nowhere.rpm");
    assert_eq!((added.code, &added.json()["added"]), (Some(2), &json!(1)), "{added:?}");
    for (file, why) in [
        ("in/bad.rpm", ""),
        ("in/text.rpm", ""),
        ("in/named.txt", "its name does not end in .rpm"),
        ("in/nowhere.rpm", "it is not there"),
    ] {
        let start = format!("copr-repo: {file} is left out: {why}");
        assert_eq!(added.err.matches(&start).count(), 1, "{start}: {added:?}");
    }
    assert_eq!(added.json()["skipped"].as_array().unwrap().len(), 4);
    assert_eq!(place.names("repo"), ["good.rpm", "repodata"]);

    let forgotten = place.run("add in/good.rpm in/text.rpm");
    assert_eq!((forgotten.code, forgotten.err.lines().count()), (Some(1), 1), "{forgotten:?}");
    let none = place.run("add empty in/text.rpm");
    assert_eq!((none.code, none.out.as_str()), (Some(1), ""), "{none:?}");
    assert!(!place.path("empty/repodata").exists());
}

#[test]
fn packages_are_linked_or_moved_where_that_is_asked_and_into_a_folder() {
    let place = Place::new();
    let (a, b) = (place.put("in", "a", "1"), place.put("in", "b", "1"));
    std::os::unix::fs::symlink("a.rpm", place.path("in/link.rpm")).unwrap();
    place.ok("add --link --into x/y repo in/a.rpm in/link.rpm");
    let inode = |path: &Path| fs_err::metadata(path).unwrap().ino();
    assert_eq!(inode(&place.path("repo/x/y/a.rpm")), inode(&a));
    assert!(fs_err::symlink_metadata(place.path("repo/x/y/link.rpm")).unwrap().is_file(), "a link to the file itself");
    place.ok("add --move --into x repo in/b.rpm in/a.rpm");
    assert!(!a.exists() && !b.exists());
    assert_eq!(place.names("repo/x"), ["a.rpm", "b.rpm", "y"]);
    assert_eq!(place.packages("repo").len(), 4);
    // Moved again from elsewhere: the one that is there is the same, so this one goes.
    let again = place.put("in", "b", "1");
    set_time(&again, 1_500_000_000);
    place.ok("add --move --into x repo in/b.rpm");
    assert!(!again.exists());
    // Nobody's package goes because it lies in the repository.
    place.ok("add --move --into y repo repo/x/b.rpm");
    assert_eq!(place.packages("repo").len(), 4);
    assert!(place.path("repo/x/b.rpm").exists());
    for bad in ["../out", "/out", "x/../../out"] {
        let refused = place.run(&format!("add --into {bad} repo in/link.rpm"));
        assert_eq!((refused.code, refused.err.lines().count()), (Some(1), 1), "{refused:?}");
    }
}

#[test]
fn metadata_are_written_as_they_were_or_as_asked() {
    let place = Place::new();
    place.put("repo", "a", "1");
    place.ok("create -q --compress zstd -s sha512 --filelists-ext repo");
    place.put("in", "b", "1");
    place.ok("add repo in");
    let index = place.index("repo");
    let primary = index.record("primary").unwrap();
    assert!(primary.location_href.ends_with(".xml.zst") && primary.checksum.hex.len() == 128, "{primary:?}");
    assert_eq!(place.record("repo", "b.rpm").checksum.hex.len(), 128);
    assert!(index.record("filelists-ext").is_some());
    assert!(primary.open_checksum.is_none(), "no client checks it");
    place.put("in", "c", "1");
    place.ok("add --open-checksum --compress gz --segment-size 4K repo in/c.rpm");
    let index = place.index("repo");
    let primary = index.record("primary").unwrap();
    assert!(primary.location_href.ends_with(".xml.gz") && primary.open_checksum.is_some(), "{primary:?}");
    assert_eq!(place.packages("repo").len(), 3);
    for bad in ["--compress lzma", "--retain soon", "--segment-size 0", "--segment-size big"] {
        let refused = place.run(&format!("add {bad} repo in"));
        assert_eq!((refused.code, refused.err.lines().count()), (Some(1), 1), "{bad}: {refused:?}");
    }
}

#[test]
fn files_of_the_metadata_before_stay_as_long_as_is_asked() {
    let place = Place::new();
    place.put("in", "a", "1");
    place.put("in", "b", "1");
    place.ok("add repo in/a.rpm");
    place.ok("add repo in/b.rpm");
    let files = || place.names("repo/repodata").iter().filter(|name| name.ends_with(".gz")).count();
    assert_eq!(files(), 6);
    place.put("in", "c", "1");
    place.ok("add --retain 0 repo in/c.rpm");
    assert_eq!(files(), 3);
}

#[test]
fn what_a_crash_left_is_cleared_away() {
    let place = Place::new();
    place.put("in", "a", "1");
    for line in ["add repo in", "publish repo"] {
        fs_err::create_dir_all(place.path("repo/.copr-repo.incoming")).unwrap();
        fs_err::write(place.path("repo/.copr-repo.incoming/1-0.part"), "half a pack").unwrap();
        place.ok(line);
        assert_eq!(place.names("repo"), ["a.rpm", "repodata"], "{line}");
    }
}

#[test]
fn packages_are_removed_by_any_of_their_names() {
    let place = Place::new();
    for name in ["bash", "bash-doc", "zsh", "fish", "old-a", "old-b"] {
        place.put(if name.starts_with("old") { "repo/old" } else { "repo" }, name, "1");
    }
    place.ok("publish -q repo");
    let before = place.index("repo");
    let nevra = place.record("repo", "zsh.rpm").nevra.to_string();

    let dry = place.ok("remove --dry-run --delete-files repo old/*");
    assert!(dry.out.ends_with("would go, 4 packages left\n") && dry.out.contains("- old/old-a.rpm  "), "{dry:?}");
    assert_eq!(place.index("repo"), before);

    let removed = place.ok(&format!("remove --json repo bash {nevra}"));
    let names: Vec<_> = removed.json()["removed"].as_array().unwrap().iter().map(|r| r["location"].clone()).collect();
    assert_eq!(names, ["bash.rpm", "zsh.rpm"], "bash is not bash-doc");
    assert_eq!(removed.json()["removed"][0]["file"], "kept");
    assert!(place.path("repo/bash.rpm").exists());

    let everywhere = place.run("remove repo old-a.rpm");
    assert_eq!(everywhere.code, Some(2), "a location is one place: {everywhere:?}");
    let part = place.run("remove repo --delete-files nothing* ./fish.rpm old/*");
    assert_eq!((part.code, part.err.as_str()), (Some(2), "copr-repo: no package matches `nothing*`\n"), "{part:?}");
    assert!(part.out.ends_with(" removed, 1 package left\n"), "{part:?}");
    assert_eq!(place.packages("repo"), pairs(&[("bash-doc.rpm", "1")]));
    assert!(!place.path("repo/fish.rpm").exists() && !place.path("repo/old/old-a.rpm").exists());

    let before = place.index("repo");
    let none = place.run("remove repo fish");
    assert_eq!((none.code, none.out.as_str()), (Some(2), "repo: 0 packages (0 B) removed, 1 package left\n"));
    assert_eq!(place.index("repo"), before);
    for line in ["remove nowhere bash", "remove repo [a"] {
        let refused = place.run(line);
        assert_eq!((refused.code, refused.err.lines().count()), (Some(1), 1), "{line}: {refused:?}");
    }
    assert!(!place.path("nowhere").exists());
}

#[test]
fn files_that_are_another_package_by_now_are_left() {
    let place = Place::new();
    place.put("repo", "a", "1");
    place.ok("publish repo");
    fs_err::write(place.path("repo/a.rpm"), "something else").unwrap();
    let left = place.run("remove -q --delete-files repo a");
    assert_eq!((left.code, left.out.as_str()), (Some(2), ""));
    assert!(left.err.starts_with("copr-repo: repo/a.rpm is left: it has 14 bytes, not "), "{left:?}");
    assert!(place.packages("repo").is_empty());
}

#[test]
fn publish_makes_the_metadata_what_lies_in_the_folder() {
    let place = Place::new();
    for name in ["a", "b", "c"] {
        place.put("repo", name, "1");
    }
    assert_eq!(place.ok("publish repo").out, "repo: 3 packages added, 3 packages now\n");
    assert_eq!(place.ok("publish repo").out, "repo: nothing changed, 3 packages now\n");
    fs_err::remove_file(place.path("repo/a.rpm")).unwrap();
    place.put("repo", "b", "22");
    place.put("repo/deep/er", "d", "1");
    fs_err::write(place.path("repo/broken.rpm"), "no package").unwrap();
    let mended = place.run("publish --json repo");
    assert_eq!(mended.code, Some(2), "{mended:?}");
    let object = mended.json();
    let counts = ["added", "replaced", "removed", "packages"].map(|name| object[name].as_u64().unwrap());
    assert_eq!(counts, [1, 1, 1, 3]);
    assert!(mended.err.starts_with("copr-repo: repo/broken.rpm is left out: "), "{mended:?}");
    assert_eq!(place.packages("repo"), pairs(&[("b.rpm", "22"), ("c.rpm", "1"), ("deep/er/d.rpm", "1")]));
    // Touched only: it is read again, as createrepo_c --update does.
    set_time(&place.path("repo/c.rpm"), 1_400_000_000);
    fs_err::remove_file(place.path("repo/broken.rpm")).unwrap();
    assert_eq!(place.ok("publish repo").out, "repo: 1 package replaced, 3 packages now\n");
    // One that is broken by now is no longer said to be there.
    fs_err::write(place.path("repo/c.rpm"), "broken").unwrap();
    assert_eq!(place.run("publish repo").code, Some(2));
    assert_eq!(place.packages("repo"), pairs(&[("b.rpm", "22"), ("deep/er/d.rpm", "1")]));
    for line in ["publish nowhere", "publish --replace repo", "publish repo --watch nowhere"] {
        let refused = place.run(line);
        assert_eq!((refused.code, refused.err.lines().count()), (Some(1), 1), "{line}: {refused:?}");
    }
}

#[test]
fn publish_keeps_what_lies_elsewhere() {
    let place = Place::new();
    place.put("other", "a", "1");
    place.ok("create -q -u https://example.com/ -o repo other --compress gz");
    place.put("repo", "b", "1");
    place.ok("publish repo");
    assert_eq!(place.packages("repo"), pairs(&[("a.rpm", "1"), ("b.rpm", "1")]));
    assert_eq!(place.record("repo", "a.rpm").location_base.as_deref(), Some("https://example.com/"));
    // The same location here: one of them would be lost.
    place.put("repo", "a", "2");
    assert_eq!(place.run("publish repo").code, Some(2));
    assert_eq!(place.record("repo", "a.rpm").nevra.version, "1");
}

/// A program that watches; its lines come as JSON.
struct Watcher {
    child: Child,
    lines: Receiver<Value>,
    seen: Vec<Value>,
}

impl Watcher {
    fn start(place: &Place, line: &str) -> Self {
        let mut child = place.command(line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (to, lines) = channel();
        let out = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in out.lines() {
                let _ = to.send(serde_json::from_str(&line.unwrap()).unwrap());
            }
        });
        let mut watcher = Self { child, lines, seen: Vec::new() };
        watcher.publishes_until(|_| true);
        watcher
    }

    /// Waits until a publish is told that is as it should be; how many were told meanwhile, this one included.
    fn publishes_until(&mut self, expected: impl Fn(&Value) -> bool) -> usize {
        let until = Instant::now() + PATIENCE;
        for number in 1.. {
            let line = self.lines.recv_timeout(until.saturating_duration_since(Instant::now()));
            let line = line.unwrap_or_else(|_| panic!("it was never told; told were {:?}", self.seen));
            self.seen.push(line.clone());
            if expected(&line) {
                return number;
            }
        }
        unreachable!()
    }

    /// Ends it as a service manager does; what it said on standard error.
    fn stop(self) -> String {
        let killed = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(killed.success());
        let done = self.child.wait_with_output().unwrap();
        assert_eq!(done.status.code(), Some(0), "{done:?}");
        String::from_utf8(done.stderr).unwrap()
    }
}

fn packages(number: u64) -> impl Fn(&Value) -> bool {
    move |line| line["packages"] == number
}

#[test]
fn a_watcher_publishes_what_comes_and_goes() {
    let place = Place::new();
    place.put("repo", "first", "1");
    let mut watcher = Watcher::start(&place, "publish --json repo --watch");
    assert_eq!(watcher.seen[0]["packages"], 1);

    place.put("outside", "moved", "1");
    fs_err::rename(place.path("outside/moved.rpm"), place.path("repo/moved.rpm")).unwrap();
    watcher.publishes_until(packages(2));
    place.put("repo/new/folder", "inside", "1");
    watcher.publishes_until(packages(3));
    place.put("repo/new/folder", "another", "1");
    watcher.publishes_until(packages(4));
    fs_err::hard_link(place.path("repo/moved.rpm"), place.path("repo/linked.rpm")).unwrap();
    watcher.publishes_until(packages(5));

    fs_err::write(place.path("repo/broken.rpm"), "no package").unwrap();
    place.put("repo", "after", "1");
    watcher.publishes_until(packages(6));
    fs_err::write(place.path("repo/first.rpm"), "broken by now").unwrap();
    watcher.publishes_until(packages(5));
    fs_err::write(place.path("repo/broken.rpm"), package("broken", "1")).unwrap();
    watcher.publishes_until(packages(6));

    fs_err::rename(place.path("repo/new"), place.path("outside/new")).unwrap();
    watcher.publishes_until(packages(4));
    fs_err::remove_file(place.path("repo/linked.rpm")).unwrap();
    watcher.publishes_until(packages(3));
    let said = watcher.stop();
    assert!(said.contains("repo/broken.rpm is left out: ") && said.contains("repo/first.rpm is left out: "), "{said}");
    assert_eq!(place.packages("repo"), pairs(&[("after.rpm", "1"), ("broken.rpm", "1"), ("moved.rpm", "1")]));
    assert_eq!(place.names("repo"), ["after.rpm", "broken.rpm", "first.rpm", "moved.rpm", "repodata"]);
}

#[test]
fn a_hundred_packages_that_come_together_are_published_together() {
    let place = Place::new();
    fs_err::create_dir(place.path("repo")).unwrap();
    let mut watcher = Watcher::start(&place, "publish --json repo --watch");
    for number in 0..100 {
        place.put("repo", &format!("p{number}"), "1");
    }
    let publishes = watcher.publishes_until(packages(100));
    assert!(publishes <= 3, "{publishes} publishes: {:?}", watcher.seen);
    assert_eq!(watcher.stop(), "");
}

#[test]
fn a_watcher_takes_in_what_comes_elsewhere() {
    let place = Place::new();
    place.put("repo", "old", "1");
    place.put("in", "waiting", "1");
    place.ok("publish repo");
    let mut watcher = Watcher::start(&place, "publish --json repo --watch in --move --into new");
    assert_eq!(watcher.seen[0]["packages"], 2);
    let came = place.put("in/below", "came", "1");
    watcher.publishes_until(packages(3));
    let until = Instant::now() + PATIENCE;
    while came.exists() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(watcher.stop(), "");
    assert!(!came.exists() && !place.path("in/waiting.rpm").exists());
    assert_eq!(place.names("repo/new"), ["came.rpm", "waiting.rpm"]);
    assert_eq!(place.packages("repo").len(), 3);
}

#[test]
fn a_hundred_changes_within_a_second_are_three_publishes_at_most() {
    let place = Place::new();
    let records: Vec<Record> = (0..100)
        .map(|number| {
            let path = place.put("in", &format!("p{number}"), "1");
            Record::from_file(&path, &format!("p{number}.rpm"), &RecordOptions::default()).unwrap()
        })
        .collect();
    let repo = place.path("repo");
    let change = |record: &Record| {
        let output = Output { workers: 1, ..Output::new(SystemTime::now()) };
        let delta = Delta { add: vec![record.clone()], remove: Vec::new() };
        let publisher = Publisher::new(&repo, output).gathering(Duration::from_secs(1));
        let published = publisher.publish(&delta).unwrap();
        assert_eq!((published.added, published.changed), (1, true), "everybody is told of the own change");
        published.revision
    };
    let began = Instant::now();
    let revisions: HashSet<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = records.iter().map(|record| scope.spawn(|| change(record))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    // One at once, then one a second: two, or three, where the machine keeps up. File times tick in 4 ms or so.
    let may_be = 1 + began.elapsed().as_millis() / 980;
    assert!(revisions.len() as u128 <= may_be, "{} publishes, not more than {may_be}", revisions.len());
    assert_eq!(place.packages("repo").len(), 100);
}

#[test]
fn a_hundred_at_once_lose_nothing_and_share_publishes() {
    let place = Place::new();
    for number in 0..100 {
        place.put("in", &format!("p{number}"), "1");
    }
    let began = SystemTime::now();
    let children: Vec<Child> = (0..100)
        .map(|number| place.command(&format!("add -q --workers 1 repo in/p{number}.rpm")).spawn().unwrap())
        .collect();
    for child in children {
        let done = child.wait_with_output().unwrap();
        assert!(done.status.success(), "{done:?}");
    }
    assert_eq!(place.packages("repo").len(), 100, "after {:?}", began.elapsed());
    let publishes = place.names("repo/repodata").iter().filter(|name| name.ends_with("primary.xml.gz")).count();
    println!("{publishes} publishes of 100 processes");
    assert!(publishes < 100, "those who wait are published together, but there were {publishes} publishes");
    let left: Vec<String> = place.names("repo").into_iter().filter(|name| !name.ends_with(".rpm")).collect();
    assert_eq!(left, ["repodata"]);
}
