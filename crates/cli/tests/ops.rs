//! What `copr-repo` tells of repositories and does to them: `check`, `diff`, `stats`, `prune`, `subset`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, UNIX_EPOCH};

use copr_repodata::{Checksum, ChecksumKind, Compression, Output, Publisher, Record, Repomd, read};
use serde_json::{Value, json};

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

/// A folder with repositories.
struct Place(tempfile::TempDir);

impl Place {
    /// With a repository `repo` of these packages, and their files.
    fn new(packages: &[&str]) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        place.publish("repo", packages);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn publish(&self, folder: &str, packages: &[&str]) {
        let records: Vec<Record> = packages.iter().map(|nevra| record(nevra)).collect();
        let output = Output {
            compression: Compression::Zstd,
            workers: 1,
            ..Output::new(UNIX_EPOCH + Duration::from_secs(1_600_000_000))
        };
        Publisher::new(&self.path(folder), output).replace(&records).unwrap();
        for record in records {
            fs_err::write(self.path(folder).join(&record.location_href), record.nevra.to_string()).unwrap();
        }
    }

    fn run(&self, line: &str) -> Ended {
        let mut command = Command::new(env!("CARGO_BIN_EXE_copr-repo"));
        command.args(line.split_whitespace()).current_dir(self.0.path()).stdin(Stdio::null());
        let done = command.output().unwrap();
        Ended {
            code: done.status.code(),
            out: String::from_utf8(done.stdout).unwrap(),
            err: String::from_utf8(done.stderr).unwrap(),
        }
    }

    fn names(&self, folder: &str) -> Vec<String> {
        read::load(&self.path(folder)).unwrap().into_iter().map(|record| record.nevra.to_string()).collect()
    }

    fn index(&self, folder: &str) -> Repomd {
        Repomd::read(&fs_err::read(self.path(folder).join("repodata/repomd.xml")).unwrap()).unwrap()
    }
}

/// A package whose file has its name for content.
fn record(nevra: &str) -> Record {
    let nevra: copr_rpm::Nevra = nevra.parse().unwrap();
    let content = nevra.to_string();
    Record {
        checksum: Checksum::of(ChecksumKind::Sha256, content.as_bytes()).unwrap().0,
        location_href: nevra.file_name(),
        size_package: content.len() as u64,
        time_build: 1_500_000_000,
        license: "MIT".to_owned(),
        nevra,
        ..Record::default()
    }
}

#[test]
fn check_tells_a_sound_repository_and_one_that_is_not() {
    let place = Place::new(&["a-1-1.noarch", "b-1-1.noarch"]);
    let sound = place.run("check --packages checksums repo");
    assert_eq!((sound.code, sound.err.as_str()), (Some(0), ""), "{sound:?}");
    assert_eq!(sound.out, "repo: sound (3 metadata files, 2 packages)\n", "no colours but on terminals");

    fs_err::write(place.path("repo/stray.rpm"), "x").unwrap();
    let odd = place.run("check repo");
    assert_eq!(odd.code, Some(0), "{odd:?}");
    assert!(odd.out.starts_with("warning: stray.rpm: ") && odd.out.contains("sound, 1 warning"), "{odd:?}");
    assert_eq!(place.run("check --quiet repo").out, "");
    assert_eq!(place.run("check --strict repo").code, Some(1));

    fs_err::remove_file(place.path("repo/a-1-1.noarch.rpm")).unwrap();
    let broken = place.run("check repo");
    assert_eq!(broken.code, Some(1));
    assert!(broken.out.contains("error: a-1-1.noarch.rpm: it is not there\n"), "{broken:?}");
    let object = place.run("check --json repo").json();
    assert_eq!((&object["sound"], &object["errors"], &object["warnings"]), (&json!(false), &json!(1), &json!(1)));
    let problem = json!({ "severity": "error", "what": "a-1-1.noarch.rpm", "reason": "it is not there" });
    assert_eq!(object["problems"][0], problem);
    assert_eq!(place.run("check --packages no repo").code, Some(0));
}

#[test]
fn check_of_nothing_is_one_line() {
    let place = Place::new(&[]);
    let none = place.run("check nowhere");
    assert_eq!((none.code, none.out.as_str(), none.err.lines().count()), (Some(1), "", 1), "{none:?}");
    assert!(none.err.contains("nowhere/repodata/repomd.xml"), "{none:?}");
}

#[test]
fn diff_shows_what_changed_in_columns() {
    let place = Place::new(&["kept-1-1.noarch", "up-1-1.noarch", "gone-1-1.x86_64"]);
    fs_err::copy(place.path("repo/repodata/repomd.xml"), place.path("before.xml")).unwrap();
    place.publish("repo", &["kept-1-1.noarch", "up-2:1-1.noarch", "new-1-1.noarch"]);
    let found = place.run("diff before.xml repo");
    assert_eq!((found.code, found.err.as_str()), (Some(0), ""), "{found:?}");
    let expected = "+ new   noarch  1-1           14 B\n\
                    - gone  x86_64  1-1           15 B\n\
                    > up    noarch  1-1 -> 2:1-1  15 B\n\
                    1 added, 1 removed, 1 upgraded, 1 unchanged\n";
    assert_eq!(found.out, expected);
    assert_eq!(place.run("diff --summary before.xml repo").out, "1 added, 1 removed, 1 upgraded, 1 unchanged\n");
    assert_eq!(place.run("diff --exit-code before.xml repo").code, Some(2));
    let same = place.run("diff --exit-code repo repo");
    assert_eq!((same.code, same.out.as_str()), (Some(0), "3 unchanged\n"));
    let object = place.run("diff --json before.xml repo").json();
    assert_eq!(object["upgraded"][0]["new"]["nevra"], "up-2:1-1.noarch");
    assert_eq!((&object["differ"], &object["added"][0]["location"]), (&json!(true), &json!("new-1-1.noarch.rpm")));
    let none = place.run("diff nowhere repo");
    assert_eq!((none.code, none.err.lines().count()), (Some(1), 1), "{none:?}");
}

#[test]
fn stats_are_figures() {
    let place = Place::new(&["a-1-1.noarch", "a-2-1.noarch", "a-2-1.src"]);
    let shown = place.run("stats repo");
    assert_eq!((shown.code, shown.err.as_str()), (Some(0), ""), "{shown:?}");
    for part in ["packages           3  1 names", "noarch  2  24 B", "oldest 2017-07-14", "MIT  3", "primary"] {
        assert!(shown.out.contains(part), "{part} is not in\n{}", shown.out);
    }
    let object = place.run("stats --json repo").json();
    assert_eq!(
        (&object["packages"], &object["source_packages"], &object["size_package"]),
        (&json!(3), &json!(1), &json!(33))
    );
    assert_eq!(object["arches"][0], json!({ "arch": "noarch", "packages": 2, "size": 24 }));
    assert_eq!(object["metadata"].as_array().unwrap().len(), 3);
    assert_eq!(place.run("stats nowhere").code, Some(1));
}

#[test]
fn prune_takes_old_versions_out_and_removes_files_only_when_asked() {
    let place = Place::new(&["a-1-1.noarch", "a-2-1.noarch", "a-10-1.noarch", "b-1-1.noarch"]);
    let before = place.index("repo");
    let dry = place.run("prune repo --keep 1 --delete --dry-run");
    assert_eq!((dry.code, place.index("repo") == before), (Some(0), true), "{dry:?}");
    assert!(dry.out.ends_with("repo: 2 packages (24 B) would go, 2 packages left\n"), "{dry:?}");

    let first = place.run("prune repo --keep 2");
    assert_eq!(first.out, "- a-1-1.noarch.rpm  12 B\nrepo: 1 package (12 B) taken out, 3 packages left\n");
    assert!(place.path("repo/a-1-1.noarch.rpm").exists());
    let second = place.run("prune repo --keep 1 --delete --json");
    assert_eq!((second.code, &second.json()["pruned"][0]["file"]), (Some(0), &json!("removed")), "{second:?}");
    assert!(!place.path("repo/a-2-1.noarch.rpm").exists());
    assert_eq!(place.names("repo"), ["a-10-1.noarch", "b-1-1.noarch"]);
    let primary = place.index("repo").record("primary").unwrap().location_href.clone();
    assert!(primary.ends_with(".zst"), "metadata are compressed as before: {primary}");
    assert_eq!(place.run("prune repo --keep 0").code, Some(1));
    assert_eq!(place.run("prune nowhere --keep 1").err.lines().count(), 1);
}

#[test]
fn prune_names_the_files_that_it_leaves() {
    let place = Place::new(&["a-1-1.noarch", "a-2-1.noarch"]);
    fs_err::write(place.path("repo/a-1-1.noarch.rpm"), "something else by now").unwrap();
    let done = place.run("prune repo --keep 1 --delete --quiet");
    assert_eq!((done.code, done.out.as_str()), (Some(2), ""));
    assert_eq!(done.err, "copr-repo: repo/a-1-1.noarch.rpm is left: it has 21 bytes, not 12: another package?\n");
    assert_eq!(place.names("repo"), ["a-2-1.noarch"]);
}

#[test]
fn prune_keeps_what_is_young() {
    let place = Place::new(&["a-1-1.noarch", "a-2-1.noarch"]);
    assert!(place.run("prune repo --keep 1 --keep-younger 99999d").out.contains("0 packages"));
    assert_eq!(place.run("prune repo --keep 1 --keep-younger soon").code, Some(1));
    assert_eq!(place.names("repo").len(), 2);
}

#[test]
fn subset_writes_some_of_the_packages() {
    let place = Place::new(&["bash-1-1.x86_64", "bash-2-1.x86_64", "bash-doc-2-1.noarch", "zsh-1-1.x86_64"]);
    let made =
        place.run("subset repo out --package bash* --arch x86_64 --newest-only --base https://example.com/repo/");
    assert_eq!((made.code, made.out.as_str()), (Some(0), "out/repodata: 1 package of 4, 15 B\n"), "{made:?}");
    let records = read::load(&place.path("out")).unwrap();
    assert_eq!((records[0].nevra.to_string().as_str(), records.len()), ("bash-2-1.x86_64", 1));
    assert_eq!(records[0].location_base.as_deref(), Some("https://example.com/repo/"));

    let unmatched = place.run("subset repo out -p zsh -p fish --json");
    assert_eq!((unmatched.code, unmatched.json()["unmatched"].clone()), (Some(2), json!(["fish"])));
    assert_eq!(unmatched.err, "copr-repo: no package matches `fish`\n");
    assert_eq!(place.names("out"), ["zsh-1-1.x86_64"]);
    assert_eq!(place.run("subset repo repo -p zsh").code, Some(1));
    assert_eq!(place.names("repo").len(), 4);
}

#[test]
fn view_writes_pages_that_link_to_the_packages_around_them() {
    let place = Place::new(&["a-1-1.noarch", "b+c-1-1.noarch"]);
    let made = place.run("view repo -o repo/pages --title Apps");
    assert_eq!((made.code, made.err.as_str()), (Some(0), ""), "{made:?}");
    assert!(made.out.starts_with("repo/pages: 7 pages about 2 packages, "), "{made:?}");
    let page = fs_err::read_to_string(place.path("repo/pages/package/b+c.html")).unwrap();
    assert!(page.contains("href=\"../../b+c-1-1.noarch.rpm\""), "{page}");
    assert!(page.contains("<title>b+c · Apps</title>"), "{page}");

    let again =
        place.run("view repo -o repo/pages/ --repo-url https://example.com/r --base-url https://example.com/v --json");
    assert_eq!((again.code, again.json()["packages"].clone()), (Some(0), json!(2)), "{again:?}");
    let feed = fs_err::read_to_string(place.path("repo/pages/feed.atom")).unwrap();
    assert!(feed.contains("<id>https://example.com/v/feed.atom</id>"), "{feed}");
    let page = fs_err::read_to_string(place.path("repo/pages/package/a.html")).unwrap();
    assert!(page.contains("href=\"https://example.com/r/a-1-1.noarch.rpm\""), "{page}");
    assert_eq!(place.run("check repo --packages exist").code, Some(0), "the repository is as it was");
}

#[test]
fn view_takes_no_folder_that_it_would_destroy() {
    let place = Place::new(&["a-1-1.noarch"]);
    for (line, reason) in [
        ("view repo -o repo", "the repository is in there"),
        ("view repo -o .", "the repository is in there"),
        ("view repo -o repo/repodata", "has not written"),
        ("view repo -o repo/a-1-1.noarch.rpm", "Not a directory"),
        ("view repo -o nowhere/pages", "nowhere"),
        ("view nowhere -o pages", "nowhere"),
        ("view repo -o pages --base-url ftp://example.com/", "an address that begins with https://"),
    ] {
        let refused = place.run(line);
        assert_eq!(refused.code, Some(1), "{line}: {refused:?}");
        assert!(refused.err.contains(reason) && refused.err.lines().count() == 1, "{line}: {refused:?}");
    }
    assert_eq!(place.names("repo"), ["a-1-1.noarch"]);
    assert!(!place.path("pages").exists());
}
