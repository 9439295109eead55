//! `copr-repo mirror` as people call it, and whole projects of a hub (a server with the hub's answers and its repositories).
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, UNIX_EPOCH},
};

use copr_repodata::{Checksum, ChecksumKind, Output, Publisher, Record, read};
use serde_json::{Value, json};

struct Ended {
    code: Option<i32>,
    out: String,
    err: String,
}

fn run(words: &[&str]) -> Ended {
    let done =
        Command::new(env!("CARGO_BIN_EXE_copr-repo")).arg("mirror").args(words).stdin(Stdio::null()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ended { code: done.status.code(), out: text(done.stdout), err: text(done.stderr) }
}

fn publish(folder: &Path, packages: &[&str]) {
    let records = packages.iter().map(|nevra| {
        let nevra: copr_rpm::Nevra = nevra.parse().unwrap();
        let content = nevra.to_string().repeat(8);
        let (checksum, size_package) = Checksum::of(ChecksumKind::Sha256, content.as_bytes()).unwrap();
        let location_href = nevra.file_name();
        fs_err::create_dir_all(folder).unwrap();
        fs_err::write(folder.join(&location_href), content).unwrap();
        Record { nevra, checksum, size_package, location_href, ..Record::default() }
    });
    let output = Output { workers: 1, ..Output::new(UNIX_EPOCH + Duration::from_secs(1_600_000_000)) };
    Publisher::new(folder, output).replace(&records.collect::<Vec<_>>()).unwrap();
}

fn names(folder: &Path) -> Vec<String> {
    read::load(folder).unwrap().into_iter().map(|record| record.nevra.to_string()).collect()
}

/// Serves files below a folder and, at some paths, answers. One thread; it ends with the test.
fn serve(root: PathBuf, answers: impl Fn(&str, &str) -> Option<Value> + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let base = url.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut first = String::new();
            let mut line = String::new();
            reader.read_line(&mut first).unwrap();
            while reader.read_line(&mut line).unwrap() > 2 {
                line.clear();
            }
            let path = first.split(' ').nth(1).unwrap_or("/").to_owned();
            let (status, body) = match answers(&base, &path) {
                Some(answer) => ("200 OK", answer.to_string().into_bytes()),
                None => match fs_err::read(root.join(path.trim_start_matches('/'))) {
                    Ok(bytes) => ("200 OK", bytes),
                    Err(_) => ("404 Not Found", Vec::new()),
                },
            };
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Length: {}\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
        }
    });
    url
}

#[test]
fn a_mirror_is_made_and_told_of() {
    let place = tempfile::tempdir().unwrap();
    let (source, mirror) = (place.path().join("source"), place.path().join("mirror"));
    publish(&source, &["a-1-1.noarch", "b-1-1.noarch"]);
    let (from, to) = (source.to_str().unwrap(), mirror.to_str().unwrap());
    let plan = run(&["--dry-run", from, to]);
    assert_eq!(plan.code, Some(0), "{}", plan.err);
    assert!(plan.out.contains("2 to fetch") && plan.out.contains("\n+ a-1-1.noarch.rpm"), "{}", plan.out);
    assert!(!mirror.exists());
    let done = run(&["--json", from, to]);
    let object: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!((object["fetched"].clone(), object["changed"].clone()), (json!(2), json!(true)), "{}", done.err);
    let done = run(&[from, to]);
    assert!(done.out.ends_with("2 packages, nothing to do\n"), "{}", done.out);
    assert_eq!(names(&mirror).len(), 2);

    let none = run(&["--include", "zz", "--quiet", from, to]);
    assert_eq!((none.code, none.out.as_str()), (Some(2), ""));
    assert!(none.err.contains("no package matches `zz`"), "{}", none.err);
}

#[test]
fn wrong_words_are_explained() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().to_str().unwrap();
    for (words, why) in [
        (vec!["http://x.example/"], "two arguments are needed"),
        (vec![dir, "http://x.example/"], "comes last"),
        (vec!["--metalink", "http://x.example/m", "http://x.example/", dir], "one argument is needed"),
        (vec!["--gpgcheck", "http://x.example/", dir], "--key"),
        (vec!["--keep", "2", "http://x.example/", dir], "--snapshots"),
        (vec!["--limit-rate", "fast", dir, dir], "no rate"),
        (vec!["--key", "/nowhere", dir, dir], "/nowhere"),
        (vec!["--hub", "http://x.example/", dir], "projects"),
        (vec!["--hub", "http://x.example/", "owner", dir], "names no projects"),
        (vec![dir, dir], "neither a repository"),
    ] {
        let done = run(&words);
        assert_eq!(done.code, Some(1), "{words:?}");
        assert!(done.err.contains(why), "{words:?}: {}", done.err);
    }
}

/// A project as a hub tells of it.
fn project(base: &str, name: &str, chroots: &[&str]) -> Value {
    let repos: serde_json::Map<String, Value> = chroots
        .iter()
        .map(|chroot| ((*chroot).to_owned(), json!(format!("{base}/results/owner/{name}/{chroot}/"))))
        .collect();
    json!({
        "id": 1, "name": name, "ownername": "owner", "full_name": format!("owner/{name}"), "homepage": null,
        "contact": null, "description": "", "instructions": "", "devel_mode": false, "persistent": false,
        "unlisted_on_hp": false, "auto_prune": true, "chroot_repos": repos, "additional_repos": [],
        "enable_net": false, "bootstrap": "default", "isolation": "default", "module_hotfixes": false,
        "appstream": false, "packit_forge_projects_allowed": [], "follow_fedora_branching": false,
        "repo_priority": null, "storage": "backend",
    })
}

#[test]
fn a_hub_is_mirrored_project_by_project_whatever_fails() {
    let place = tempfile::tempdir().unwrap();
    let results = place.path().join("results/owner");
    publish(&results.join("one/fedora-44-x86_64"), &["a-1-1.x86_64"]);
    publish(&results.join("one/fedora-43-x86_64"), &["a-1-2.x86_64"]);
    publish(&results.join("two/fedora-44-x86_64"), &["b-1-1.x86_64"]);
    let url = serve(place.path().to_owned(), |base, path| {
        let page = |items: Vec<Value>| json!({ "items": items, "meta": { "limit": null, "offset": 0, "order": "id", "order_type": "ASC" } });
        if path.starts_with("/api_3/project/list?") {
            let one = project(base, "one", &["fedora-44-x86_64", "fedora-43-x86_64"]);
            let two = project(base, "two", &["fedora-44-x86_64", "fedora-rawhide-x86_64", "../../../evil"]);
            return Some(page(vec![one, two]));
        }
        path.starts_with("/api_3/project?").then(|| project(base, "two", &["fedora-44-x86_64"]))
    });
    let mirror = place.path().join("deep/mirror");
    let done = run(&["--hub", &url, "--tries=1", "--json", "owner/*", mirror.to_str().unwrap()]);
    assert_eq!(done.code, Some(2), "{}", done.err);
    let object: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(object["repositories"].as_array().unwrap().len(), 3);
    let failed = object["failed"].as_array().unwrap();
    assert_eq!(failed.len(), 2, "{failed:?}");
    assert!(
        done.err.contains("owner/two/fedora-rawhide-x86_64") && done.err.contains("cannot be a folder"),
        "{}",
        done.err
    );
    assert!(!place.path().join("evil").exists());
    assert_eq!(names(&mirror.join("owner/one/fedora-43-x86_64")), ["a-1-2.x86_64"]);
    assert_eq!(names(&mirror.join("owner/two/fedora-44-x86_64")), ["b-1-1.x86_64"]);
    let file = fs_err::read_to_string(mirror.join("owner/one/one.repo")).unwrap();
    let sections: Vec<&str> = file.lines().filter(|line| line.starts_with('[')).collect();
    assert_eq!(sections.len(), 2, "{file}");
    let baseurl =
        format!("baseurl=file://{}/owner/one/fedora-44-x86_64/", fs_err::canonicalize(&mirror).unwrap().display());
    assert!(file.contains(&baseurl), "{file}");

    let one = place.path().join("one");
    let done = run(&["--hub", &url, "--chroot", "fedora-44-*", "owner/two", one.to_str().unwrap()]);
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(done.out.contains("1 repository of 1 project, 0 failed"), "{}", done.out);
}

#[test]
fn a_killed_run_leaves_the_old_mirror_and_the_next_goes_on() {
    let place = tempfile::tempdir().unwrap();
    let (source, mirror) = (place.path().join("source"), place.path().join("mirror"));
    let name = |n: usize| format!("package-with-a-name-of-some-length-{n}-1-1.noarch");
    let (old, new): (Vec<String>, Vec<String>) = ((0..5).map(name).collect(), (0..60).map(name).collect());
    let words = |names: &[String]| names.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
    publish(&source, &words(&old).split(' ').collect::<Vec<_>>());
    let (from, to) = (source.to_str().unwrap(), mirror.to_str().unwrap());
    assert_eq!(run(&[from, to]).code, Some(0));
    publish(&source, &words(&new).split(' ').collect::<Vec<_>>());
    let packages = || {
        let entries = fs_err::read_dir(&mirror).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.extension().is_some_and(|end| end == "rpm")).count()
    };
    for at in [5, 6, 15, 30, 45] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_copr-repo"))
            // One by one, so that it can be killed in between.
            .args(["mirror", "--quiet", "--connections=1", "--limit-rate=8k", from, to])
            .spawn()
            .unwrap();
        while packages() < at {
            assert!(child.try_wait().unwrap().is_none(), "it was not killed in time");
            std::thread::sleep(Duration::from_millis(1));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(names(&mirror).len(), 5, "killed at {at}");
        for record in read::load(&mirror).unwrap() {
            let file = fs_err::File::open(mirror.join(&record.location_href)).unwrap();
            assert_eq!(Checksum::of(ChecksumKind::Sha256, file).unwrap().0, record.checksum);
        }
    }
    let done = run(&["--json", from, to]);
    let object: Value = serde_json::from_str(&done.out).unwrap();
    assert!(object["fetched"].as_u64().unwrap() <= 15, "{object}");
    assert_eq!(names(&mirror).len(), 60);
}
