//! `copr-repo` as a program, and under the names of createrepo_c's commands: options, files, messages, exit codes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../../rpm/tests/small_rpm/mod.rs"]
mod small_rpm;

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use copr_repodata::{Record, Repomd, read};
use serde_json::Value;
use small_rpm::{archive, entries, rpm, text};

/// How a run of the program ended.
#[derive(Debug)]
struct Ended {
    code: Option<i32>,
    out: String,
    err: String,
}

/// A folder with packages below `repo`.
struct Place(tempfile::TempDir);

impl Place {
    /// With packages of these names.
    fn new(packages: &[&str]) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        packages.iter().for_each(|name| place.put("repo", name));
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn put(&self, folder: &str, name: &str) {
        let mut all = entries();
        all.retain(|(tag, _)| *tag != 1000);
        all.push((1000, text(name)));
        fs_err::create_dir_all(self.path(folder)).unwrap();
        fs_err::write(self.path(folder).join(format!("{name}.rpm")), rpm(&all, &archive())).unwrap();
    }

    /// Runs a command line in the folder; the first word may be the name of one of createrepo_c's commands.
    fn run(&self, line: &str) -> Ended {
        let done = self.command(line).output().unwrap();
        Ended {
            code: done.status.code(),
            out: String::from_utf8(done.stdout).unwrap(),
            err: String::from_utf8(done.stderr).unwrap(),
        }
    }

    fn command(&self, line: &str) -> Command {
        let mut words = line.split_whitespace();
        let mut command = Command::new(env!("CARGO_BIN_EXE_copr-repo"));
        if line.starts_with("copr-repo ") {
            words.next();
        }
        command.args(words).current_dir(self.0.path()).stdin(Stdio::null());
        command
    }

    /// Runs a command line that must end well.
    fn ok(&self, line: &str) -> Ended {
        let ended = self.run(line);
        assert_eq!(ended.code, Some(0), "{line}: {ended:?}");
        ended
    }

    /// Types in repomd.xml of a repository, and the file names without checksums.
    fn files(&self, repository: &str) -> Vec<(String, String)> {
        let index = self.index(repository);
        let plain = |href: &str| href.rsplit(['/', '-']).next().unwrap().to_owned();
        index.records.iter().map(|record| (record.kind.clone(), plain(&record.location_href))).collect()
    }

    fn index(&self, repository: &str) -> Repomd {
        Repomd::read(&fs_err::read(self.path(repository).join("repodata/repomd.xml")).unwrap()).unwrap()
    }

    fn records(&self, repository: &str) -> Vec<Record> {
        read::load(&self.path(repository)).unwrap()
    }
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(kind, name)| ((*kind).to_owned(), (*name).to_owned())).collect()
}

#[test]
fn options_decide_which_files_there_are() {
    let place = Place::new(&["a", "b"]);
    fs_err::write(place.path("repo/comps.xml"), "<comps/>").unwrap();
    place.ok("createrepo_c repo");
    let plain = [("primary", "primary.xml.zst"), ("filelists", "filelists.xml.zst"), ("other", "other.xml.zst")];
    assert_eq!(place.files("repo"), pairs(&plain));
    place.ok("createrepo_c repo --compatibility -g comps.xml");
    let old = [
        ("primary", "primary.xml.gz"),
        ("filelists", "filelists.xml.gz"),
        ("other", "other.xml.gz"),
        ("primary_db", "primary.sqlite.bz2"),
        ("filelists_db", "filelists.sqlite.bz2"),
        ("other_db", "other.sqlite.bz2"),
        ("group", "comps.xml"),
    ];
    assert_eq!(place.files("repo"), pairs(&old));
    place.ok("copr-repo create -q --compress gz --no-open-checksum -o new repo");
    assert!(place.index("new").records.iter().all(|record| record.open_checksum.is_none()));
    let tagged = "createrepo_c repo --simple-md-filenames --revision 1700000000 --set-timestamp-to-revision \
                  --content c --distro cpe:/o:x,X -s sha512 --repomd-checksum sha1 -n a.rpm --location-prefix p/";
    place.ok(tagged);
    let index = place.index("repo");
    assert_eq!((index.revision.as_str(), index.content_tags), ("1700000000", vec!["c".to_owned()]));
    for record in &index.records {
        assert_eq!(record.timestamp, Some(1_700_000_000), "{}", record.kind);
        assert_eq!(record.checksum.kind.name(), "sha1");
        assert!(!record.location_href.contains(&record.checksum.hex));
    }
    let records = place.records("repo");
    assert_eq!(records.len(), 1);
    assert_eq!((records[0].location_href.as_str(), records[0].checksum.kind.name()), ("p/a.rpm", "sha512"));
}

#[test]
fn both_names_say_in_their_own_words_what_became_of_a_broken_package() {
    let place = Place::new(&["a"]);
    fs_err::write(place.path("repo/b.rpm"), "junk").unwrap();
    let stock = place.run("createrepo_c repo");
    assert_eq!(stock.code, Some(2));
    assert!(stock.out.starts_with("Directory walk started\nDirectory walk done - 2 packages\n"), "{}", stock.out);
    assert!(stock.out.ends_with("Pool finished with errors\n"), "{}", stock.out);
    assert!(stock.err.starts_with("C_CREATEREPOLIB: Warning: Cannot read package: repo/b.rpm: "), "{}", stock.err);
    let quiet = place.run("createrepo_c -q repo");
    assert_eq!((quiet.code, quiet.out.as_str(), quiet.err.as_str()), (Some(2), "", ""));
    let ours = place.run("copr-repo create repo");
    assert_eq!(ours.code, Some(2));
    assert!(ours.out.starts_with("repo/repodata: 1 package, "), "{}", ours.out);
    assert!(ours.err.starts_with("copr-repo: repo/b.rpm is left out: "), "{}", ours.err);
    let json = place.run("copr-repo create --json repo");
    let object: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!((&object["packages"], &object["skipped"][0]["file"]), (&1.into(), &"repo/b.rpm".into()));
}

#[test]
fn what_was_read_and_what_was_taken_over_is_told() {
    let place = Place::new(&["a", "b"]);
    place.ok("createrepo_c repo");
    place.put("repo", "c");
    let second = place.ok("createrepo_c --update --read-pkgs-list read repo");
    assert!(
        second.out.contains("Directory walk done - 3 packages\nLoaded information about 2 packages\n"),
        "{second:?}"
    );
    assert_eq!(fs_err::read_to_string(place.path("read")).unwrap(), "c.rpm\n");
    let third = place.ok("createrepo_c --update --read-pkgs-list read repo");
    assert!(third.out.ends_with("New and old repodata match, not updating.\n"), "{third:?}");
    assert_eq!(fs_err::read_to_string(place.path("read")).unwrap(), "");
}

#[test]
fn metadata_of_another_place_are_taken_over_by_path_and_by_url() {
    let place = Place::new(&["a"]);
    place.ok("createrepo_c repo");
    let url = serve(place.0.path());
    for from in [place.path("repo").display().to_string(), format!("{url}/repo")] {
        fs_err::create_dir_all(place.path("out")).unwrap();
        let made =
            place.ok(&format!("createrepo_c repo -o out --update --update-md-path {from} --read-pkgs-list read"));
        assert!(made.out.contains("Loaded information about 1 packages"), "{made:?}");
        assert_eq!(fs_err::read_to_string(place.path("read")).unwrap(), "");
        fs_err::remove_dir_all(place.path("out")).unwrap();
    }
    fs_err::create_dir(place.path("out")).unwrap();
    let made = place.ok(&format!("createrepo_c repo -o out --update --update-md-path {url}/none"));
    assert!(made.err.starts_with(&format!("Warning: Metadata from md-path {url}/none - loading failed: ")), "{made:?}");
}

#[test]
fn superseded_files_stay_for_an_hour_or_go_at_once() {
    let place = Place::new(&["a"]);
    let count = || {
        fs_err::read_dir(place.path("repo/repodata"))
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().contains("primary"))
            .count()
    };
    place.ok("createrepo_c repo");
    place.put("repo", "b");
    place.ok("createrepo_c repo");
    assert_eq!(count(), 2);
    place.put("repo", "c");
    place.ok("createrepo_c --retain-old-md 0 repo");
    assert_eq!(count(), 1);
    place.put("repo", "d");
    place.ok("copr-repo create --retain 1d -q repo");
    assert_eq!(count(), 2);
}

#[test]
fn a_run_that_is_interrupted_leaves_the_old_metadata_and_does_not_block_the_next() {
    let place = Place::new(&["a"]);
    place.ok("createrepo_c repo");
    let before = fs_err::read(place.path("repo/repodata/repomd.xml")).unwrap();
    // Each package that is read is told on standard error, which nobody empties: the program cannot come to its end.
    (0..1500).for_each(|n| place.put("repo", &format!("package-with-a-long-name-that-fills-the-pipe-{n:04}")));
    let mut child =
        place.command("createrepo_c -v repo").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    while !lines.next().unwrap().unwrap().starts_with("Pool started") {}
    let killed = Command::new("kill").arg("-TERM").arg(child.id().to_string()).status().unwrap();
    assert!(killed.success());
    assert_eq!(child.wait().unwrap().signal(), Some(15));
    assert!(place.path("repo/.repodata").exists());
    assert_eq!(fs_err::read(place.path("repo/repodata/repomd.xml")).unwrap(), before);

    place.ok("createrepo_c repo");
    assert_eq!(place.records("repo").len(), 1501);
    assert!(!place.path("repo/.repodata").exists());
}

#[test]
fn a_lock_of_another_createrepo_c_is_respected_unless_ignored() {
    let place = Place::new(&["a"]);
    fs_err::create_dir(place.path("repo/.repodata")).unwrap();
    let refused = place.run("createrepo_c repo");
    assert_eq!(refused.code, Some(1));
    assert!(refused.err.contains(".repodata"), "{refused:?}");
    place.ok("createrepo_c --ignore-lock repo");
}

#[test]
fn repositories_are_merged_wherever_they_lie() {
    let place = Place::new(&["a", "both"]);
    place.put("other", "b");
    place.put("other", "both");
    fs_err::write(place.path("comps.xml"), "<comps/>").unwrap();
    place.ok("createrepo_c repo");
    place.ok("createrepo_c other");
    let url = serve(place.0.path());
    place.ok(&format!("mergerepo_c -r repo/ -r {url}/other -o out -g {url}/comps.xml"));
    let records = place.records("out");
    let lies = |name: &str| {
        let found = records.iter().find(|record| record.nevra.name == name).unwrap();
        found.location_base.clone().unwrap()
    };
    assert_eq!(records.len(), 3);
    assert_eq!((lies("a"), lies("b"), lies("both")), ("repo".to_owned(), format!("{url}/other"), "repo".to_owned()));
    assert!(place.files("out").contains(&("group".to_owned(), "comps.xml.zst".to_owned())));
    let json = place.ok("copr-repo merge --json -r repo -r other -o second --all --compress-type gz");
    let object: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!((&object["packages"], &object["inputs"][1]["taken"]), (&3.into(), &1.into()));

    let missing = place.run(&format!("mergerepo_c -r repo -r {url}/none -o third"));
    assert_eq!(missing.code, Some(1));
    assert!(missing.err.contains(&format!("{url}/none/repodata/repomd.xml: the server answered 404")), "{missing:?}");
    assert!(!place.path("third").exists());
}

#[test]
fn metadata_files_are_added_and_removed() {
    let place = Place::new(&["a"]);
    place.ok("createrepo_c repo");
    fs_err::write(place.path("productid.txt"), "product").unwrap();
    let ours = place.ok("copr-repo modify productid.txt repo/repodata --compress-type gz");
    assert!(ours.out.contains("productid added"), "{ours:?}");
    assert!(place.files("repo").contains(&("productid".to_owned(), "productid.txt.gz".to_owned())));
    let stock = place.ok("modifyrepo_c --remove productid repo/repodata");
    assert_eq!(stock.out, "");
    assert_eq!(place.files("repo").len(), 3);
    assert_eq!(place.run("modifyrepo_c none repo/repodata").code, Some(1));
}

#[test]
fn databases_are_added_to_metadata_that_have_none() {
    let place = Place::new(&["a"]);
    place.ok("createrepo_c repo");
    assert_eq!(place.ok("sqliterepo_c repo").out, "Preparing sqlite DBs\n");
    assert!(place.files("repo").contains(&("primary_db".to_owned(), "primary.sqlite.bz2".to_owned())));
    assert_eq!(place.run("sqliterepo_c repo").code, Some(1));
    let again = place.ok("copr-repo sqlite --force repo --compress-type xz");
    assert_eq!(again.out, "repo/repodata: primary_db, filelists_db, other_db added\n");
}

#[test]
fn compat_makes_links_that_work_and_overwrites_nothing() {
    let place = Place::new(&["a"]);
    fs_err::create_dir(place.path("bin")).unwrap();
    place.ok("copr-repo compat bin");
    place.ok("copr-repo compat bin");
    for name in ["createrepo_c", "mergerepo_c", "modifyrepo_c", "sqliterepo_c"] {
        let said = Command::new(place.path("bin").join(name)).arg("--version").output().unwrap();
        assert!(said.status.success());
        assert!(String::from_utf8(said.stdout).unwrap().starts_with("Version: 1.2."), "{name}");
    }
    fs_err::remove_file(place.path("bin/createrepo_c")).unwrap();
    fs_err::remove_file(place.path("bin/sqliterepo_c")).unwrap();
    fs_err::write(place.path("bin/sqliterepo_c"), "somebody else's").unwrap();
    let refused = place.run("copr-repo compat bin");
    assert_eq!(refused.code, Some(1));
    assert!(refused.err.contains("bin/sqliterepo_c is there already"), "{refused:?}");
    assert!(!place.path("bin/createrepo_c").exists(), "nothing is done by halves");
}

#[test]
fn man_pages_and_completions_are_there_for_all_names() {
    let place = Place::new(&[]);
    assert!(place.ok("copr-repo man").out.contains("copr\\-repo\\-create"));
    for (name, option) in [("createrepo_c", "skip\\-stat"), ("mergerepo_c", "pkgorigins"), ("modifyrepo_c", "mdtype")] {
        assert!(place.ok(&format!("copr-repo man {name}")).out.contains(option), "{name}");
        let script = place.ok(&format!("copr-repo completions bash {name}")).out;
        assert!(script.contains(&format!("-F _{name}")), "{name}: {script}");
    }
    assert!(place.ok("copr-repo completions zsh").out.contains("#compdef copr-repo"));
    assert!(place.ok("createrepo_c --help").out.contains("--recycle-pkglist"));
    assert!(place.ok("createrepo_c --help-expert").out.contains("--ignore-lock"));
}

#[test]
fn a_wrong_command_line_ends_with_1_and_a_message_that_names_what_is_wrong() {
    let place = Place::new(&["a"]);
    for (line, why) in [
        ("createrepo_c", "Must specify exactly one directory to index.\nUsage: createrepo_c"),
        ("createrepo_c nowhere", "Directory nowhere/ must exist\n"),
        ("createrepo_c repo --nonsense", "Argument parsing failed: Unknown option --nonsense\n"),
        ("createrepo_c repo -s", "Argument parsing failed: "),
        ("createrepo_c repo --deltas", "delta RPMs are not made"),
        ("mergerepo_c", "Usage: mergerepo_c"),
        ("mergerepo_c repo", "Argument parsing failed: "),
        ("modifyrepo_c", "Usage: modifyrepo_c"),
        ("sqliterepo_c", "Must specify exactly one repo directory to work on\n"),
        ("copr-repo create nowhere", "copr-repo: nowhere does not exist"),
        ("copr-repo create repo --nonsense", "--nonsense"),
        ("copr-repo nonsense", "nonsense"),
    ] {
        let ended = place.run(line);
        assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{line}: {ended:?}");
        assert!(ended.err.contains(why), "{line}: {ended:?}");
    }
    assert!(!place.path("repo/repodata").exists());
}

/// Serves a folder over HTTP, and gives its URL.
fn serve(folder: &Path) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let folder = folder.to_owned();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let mut head = String::new();
            while stream.read_line(&mut head).unwrap() > 2 {}
            let path = head.split(' ').nth(1).unwrap().trim_start_matches('/').to_owned();
            let (status, body) = match fs_err::read(folder.join(path)) {
                Ok(body) => ("200 OK", body),
                Err(_) => ("404 Not Found", Vec::new()),
            };
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            stream.get_mut().write_all(&[head.as_bytes(), &body].concat()).unwrap();
        }
    });
    url
}
