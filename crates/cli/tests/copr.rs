//! `copr` as a program: what it prints and how it exits, against a hub made of canned answers.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};

/// What a hub answers to one request line such as `GET /api_3/build/7`: status and body.
type Answer = dyn Fn(&str, usize) -> (u16, String) + Send + Sync;

/// A hub on a port of its own, and a folder with a configuration for it.
struct Hub {
    folder: tempfile::TempDir,
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

/// How a run of the program ended.
struct Ended {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Hub {
    /// Starts it. `answer` gets the request's method and path with query, and how often just that was asked before.
    fn new(answer: impl Fn(&str, usize) -> (u16, String) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let answer: Arc<Answer> = Arc::new(answer);
        let seen = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut reader = BufReader::new(stream.unwrap());
                let mut head = String::new();
                while reader.read_line(&mut head).unwrap() > 2 {}
                let lower = head.to_ascii_lowercase();
                let length = lower.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
                let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
                reader.read_exact(&mut body).unwrap();
                let line = head.lines().next().unwrap().trim_end_matches(" HTTP/1.1").to_owned();
                let before = {
                    let mut seen = seen.lock().unwrap();
                    seen.push(line.clone());
                    seen.iter().filter(|other| **other == line).count() - 1
                };
                let (status, body) = answer(&line, before);
                let head =
                    format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
                reader.get_mut().write_all(format!("{head}{body}").as_bytes()).unwrap();
            }
        });
        let folder = tempfile::tempdir().unwrap();
        let hub = Self { folder, address, asked };
        hub.write(
            "copr.conf",
            format!(
                "[copr-cli]\nlogin = login\nusername = alice\ntoken = s3cret\ncopr_url = {}\nencrypted = False\n",
                hub.address
            ),
        );
        hub
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        fs_err::write(&path, content).unwrap();
        path
    }

    fn copr(&self, arguments: &[&str]) -> Ended {
        copr(&self.folder.path().join("copr.conf"), arguments)
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn copr(config: &Path, arguments: &[&str]) -> Ended {
    let output = Command::new(env!("CARGO_BIN_EXE_copr"))
        .args(["--config".as_ref(), config.as_os_str()])
        .args(arguments)
        .env("HOME", "/nonexistent")
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

fn not_found() -> (u16, String) {
    (404, json!({"error": "Such API endpoint doesn't exist"}).to_string())
}

fn project() -> Value {
    json!({"id": 1, "name": "libs", "ownername": "alice", "full_name": "alice/libs", "homepage": null, "contact": null,
        "description": "Libraries \u{1b}[31mthat greet", "instructions": "", "devel_mode": false, "persistent": false,
        "unlisted_on_hp": false, "auto_prune": true, "chroot_repos": {"f-1-x86_64": "http://h/results/alice/libs/f-1-x86_64/"},
        "additional_repos": ["copr://bob/app"], "enable_net": false, "bootstrap": "default", "isolation": "default",
        "module_hotfixes": false, "appstream": false, "packit_forge_projects_allowed": [],
        "follow_fedora_branching": true, "repo_priority": null, "storage": "backend"})
}

fn build(id: i64, state: &str) -> Value {
    json!({"id": id, "state": state, "projectname": "libs", "ownername": "alice", "repo_url": "http://h/results/alice/libs",
        "source_package": {"name": "hello", "version": "1-1", "url": null}, "submitted_on": 1, "started_on": null,
        "ended_on": null, "submitter": "alice", "chroots": [], "project_dirname": "libs", "is_background": false})
}

fn page(items: &[Value]) -> (u16, String) {
    (200, json!({"items": items, "meta": {"limit": null, "offset": 0, "order": "id", "order_type": "ASC"}}).to_string())
}

/// An RPM of headers alone: `kind` is 1 for a source package, 0 for a binary one.
fn rpm(kind: u8) -> Vec<u8> {
    let header = |tags: &[(u32, &str)]| {
        let mut bytes = vec![0x8e, 0xad, 0xe8, 1, 0, 0, 0, 0];
        let mut store = Vec::new();
        let mut index = Vec::new();
        for (tag, text) in tags {
            for number in [*tag, 6, u32::try_from(store.len()).unwrap(), 1] {
                index.extend(number.to_be_bytes());
            }
            store.extend(text.bytes().chain([0]));
        }
        bytes.extend(u32::try_from(tags.len()).unwrap().to_be_bytes());
        bytes.extend(u32::try_from(store.len()).unwrap().to_be_bytes());
        bytes.extend(index);
        bytes.extend(store);
        bytes
    };
    let mut bytes = vec![0xed, 0xab, 0xee, 0xdb, 3, 0, 0, kind];
    bytes.resize(96, 0);
    bytes[79] = 5; // the signature's type
    bytes.extend(header(&[]));
    let mut tags = vec![(1000, "hello"), (1001, "1"), (1002, "1"), (1022, "x86_64")];
    if kind == 0 {
        tags.push((1044, "hello-1-1.src.rpm"));
    }
    bytes.extend(header(&tags));
    bytes
}

#[test]
fn who_one_is_stands_in_the_configuration_and_needs_no_hub() {
    let hub = Hub::new(|_, _| not_found());
    let ended = hub.copr(&["whoami"]);
    assert_eq!((ended.code, ended.out.as_str(), ended.err.as_str()), (Some(0), "alice\n", ""));
    assert!(hub.asked().is_empty());
}

#[test]
fn a_build_says_what_scripts_read_shows_the_log_and_ends_with_0() {
    let hub = Hub::new(|line, before| match line {
        "POST /api_3/build/check-before-build" => (200, json!({"message": "It should be safe to submit"}).to_string()),
        "POST /api_3/build/create/upload" => (200, build(7, "importing").to_string()),
        "GET /api_3/build/7" => (200, build(7, ["pending", "running", "succeeded"][before.min(2)]).to_string()),
        line if line.starts_with("GET /api_3/build-chroot/list?build_id=7") => {
            let chroot = |state: &str| {
                json!({"name": "f-1-x86_64", "state": state, "started_on": null, "ended_on": null,
                "result_url": if state == "pending" { Value::Null } else { "http://HUB/results/7/".into() }})
            };
            page(&[chroot(["pending", "running", "succeeded"][before.min(2)])])
        }
        _ => not_found(),
    });
    let package = hub.write("hello-1-1.src.rpm", rpm(1));
    let ended = hub.copr(&["build", "libs", package.to_str().unwrap(), "--no-log"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let lines: Vec<&str> = ended.out.lines().collect();
    assert_eq!(lines[0], format!("Uploading package {}", package.display()));
    assert_eq!(lines[1], "Build was added to libs:");
    assert_eq!(lines[2], format!("  {}/coprs/build/7", hub.address));
    assert_eq!(lines[3], "Created builds: 7");
    assert_eq!(lines[4], "Watching build(s): (this may be safely interrupted)");
    let states: Vec<&str> = lines[5..].iter().map(|line| &line[10..]).collect();
    assert_eq!(states, [" Build 7: pending", " Build 7: running", " Build 7: succeeded"]);
    assert_eq!(ended.err, "", "nothing moves where no terminal is");
    assert_eq!(hub.asked()[0], "POST /api_3/build/check-before-build", "the question comes before the upload");
}

#[test]
fn of_a_source_that_cannot_be_made_the_log_is_shown_and_where_it_is() {
    let address = Arc::new(Mutex::new(String::new()));
    let own = Arc::clone(&address);
    let unmade = |state: &str| {
        let mut build = build(7, state);
        build["source_package"]["name"] = Value::Null;
        build
    };
    let hub = Hub::new(move |line, before| match line {
        "POST /api_3/build/check-before-build" => (200, json!({"message": "fine"}).to_string()),
        "POST /api_3/build/create/url" => page(&[unmade("pending")]),
        "POST /api_3/build/create/scm" => (200, unmade("pending").to_string()),
        "GET /api_3/build/7" => (200, unmade(["running", "failed"][before.min(1)]).to_string()),
        "GET /api_3/build/source-chroot/7" => {
            let url = format!("{}/results/srpm/", own.lock().unwrap());
            (200, json!({"state": (["running", "failed"][before.min(1)]), "result_url": url}).to_string())
        }
        line if line.starts_with("GET /api_3/build-chroot/list?build_id=7") => page(&[]),
        "GET /results/srpm/builder-live.log" => (200, "404 Not Found\n".repeat(before.min(1))),
        _ => not_found(),
    });
    hub.address.clone_into(&mut address.lock().unwrap());
    let ended = hub.copr(&["build", "libs", "https://example.org/hello-1-1.src.rpm"]);
    assert_eq!((ended.code, ended.err.as_str()), (Some(4), "Error: Build(s) 7 failed.\n"));
    let lines: Vec<&str> = ended.out.lines().collect();
    assert!(lines.contains(&"Created builds: 7") && lines.contains(&"404 Not Found"), "{}", ended.out);
    let place = format!("  Logs of the source package: {}/results/srpm/", hub.address);
    assert!(lines.contains(&place.as_str()), "{}", ended.out);
    let scm = ["buildscm", "libs", "--clone-url", "https://example.org/hello.git", "--nowait"];
    let ended = hub.copr(&scm);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(ended.out.ends_with("Created builds: 7\n"), "{}", ended.out);
}

#[test]
fn a_failed_build_exits_with_4_after_its_whole_log() {
    let address = Arc::new(Mutex::new(String::new()));
    let own = Arc::clone(&address);
    let hub = Hub::new(move |line, before| match line {
        "GET /api_3/build/7" => (200, build(7, ["running", "failed"][before.min(1)]).to_string()),
        line if line.starts_with("GET /api_3/build-chroot/list?build_id=7") => page(&[json!({"name": "f-1-x86_64",
            "state": (["running", "failed"][before.min(1)]), "started_on": 1, "ended_on": null,
            "result_url": format!("{}/results/7/", own.lock().unwrap())})]),
        "GET /results/7/builder-live.log" => (200, "one\ntwo \u{1b}[31mred\u{1b}[0m\nthe e".repeat(before) + "nd"),
        _ => not_found(),
    });
    hub.address.clone_into(&mut address.lock().unwrap());
    let ended = hub.copr(&["watch", "7"]);
    assert_eq!(ended.code, Some(4), "{}", ended.err);
    assert_eq!(ended.err, "Error: Build(s) 7 failed.\n");
    let lines: Vec<&str> = ended.out.lines().collect();
    assert!(lines[1].ends_with("Build 7: running"), "{}", ended.out);
    assert_eq!(lines[2..5], ["nde", "two red", "the end"], "{}", ended.out);
    assert_eq!(lines[5], format!("  Logs of f-1-x86_64: {}/results/7/", hub.address));
    assert!(lines[6].ends_with("Build 7: failed"), "{}", ended.out);
}

#[test]
fn a_cancelled_build_exits_with_4_and_a_finished_one_is_not_told_again() {
    let hub = Hub::new(|line, _| match line {
        "GET /api_3/build/8" => (200, build(8, "canceled").to_string()),
        "GET /api_3/build/9" => (200, build(9, "succeeded").to_string()),
        line if line.starts_with("GET /api_3/build-chroot/list?") => page(&[]),
        _ => not_found(),
    });
    let ended = hub.copr(&["watch-build", "8", "9"]);
    assert_eq!((ended.code, ended.err.as_str()), (Some(4), "Error: Build(s) 8 canceled.\n"));
    let ended = hub.copr(&["watch", "9", "--json"]);
    let builds: Vec<Value> = serde_json::from_str(&ended.out).unwrap();
    assert_eq!((ended.code, &builds[0]["id"]), (Some(0), &json!(9)));
    assert!(ended.err.contains("Build 9: succeeded"));
}

#[test]
fn a_hub_that_restarts_meanwhile_is_waited_for() {
    let hub = Hub::new(|line, before| match line {
        "GET /api_3/build/7" if before == 0 => (502, "<html>Bad Gateway</html>".to_owned()),
        "GET /api_3/build/7" => (200, build(7, "succeeded").to_string()),
        _ => page(&[]),
    });
    let ended = hub.copr(&["watch", "7"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(ended.err.contains("trying again\n") && ended.err.ends_with("The server is back.\n"), "{}", ended.err);
}

#[test]
fn what_is_no_source_package_is_refused_before_anything_is_sent() {
    let hub = Hub::new(|_, _| not_found());
    let notes = hub.write("notes.src.rpm", "these are notes, not a package\n");
    let binary = hub.write("hello.rpm", rpm(0));
    let cut = hub.write("cut.src.rpm", &rpm(1)[..150]);
    for (path, code, words) in [
        (hub.folder.path().join("none.src.rpm"), 3, "none.src.rpm not found"),
        (hub.folder.path().to_owned(), 3, "is not a file"),
        (notes, 1, "notes.src.rpm is not an RPM package"),
        (binary, 1, "hello.rpm is a binary package"),
        (cut, 1, "cut.src.rpm"),
    ] {
        let ended = hub.copr(&["build", "libs", path.to_str().unwrap()]);
        assert_eq!(ended.code, Some(code), "{}", ended.err);
        assert!(ended.err.starts_with("Error: ") && ended.err.contains(words), "{}", ended.err);
        assert_eq!(ended.err.lines().count(), 1, "{}", ended.err);
    }
    assert!(hub.asked().is_empty());
}

#[test]
fn the_hubs_refusals_have_copr_clis_exit_codes() {
    for (status, body, code, words) in [
        (
            400,
            json!({"error": "name: taken\nchroots: unknown"}).to_string(),
            1,
            "Error: \n- name: taken\n- chroots: unknown\n",
        ),
        (
            401,
            json!({"output": "notok", "error": "Login invalid/expired."}).to_string(),
            1,
            "Error: Login invalid/expired.\n",
        ),
        (
            403,
            json!({"error": "You don't have required permission"}).to_string(),
            7,
            "Error: You don't have required permission\n",
        ),
        (504, json!({"error": "too slow"}).to_string(), 3, "Error: too slow\n"),
    ] {
        let hub = Hub::new(move |_, _| (status, body.clone()));
        let ended = hub.copr(&["create", "libs", "--chroot", "f-1-x86_64"]);
        assert_eq!((ended.code, ended.err.as_str()), (Some(code), words));
    }
}

#[test]
fn configuration_arguments_and_missing_credentials_have_codes_of_their_own() {
    let hub = Hub::new(|_, _| not_found());
    let plain = hub.write("plain.conf", format!("[copr-cli]\ncopr_url = {}\n", hub.address));
    let ended = copr(&plain, &["list", "alice"]);
    assert_eq!(ended.code, Some(6));
    assert!(ended.err.contains("The `copr_url` should not be http"), "{}", ended.err);
    assert_eq!(copr(Path::new("/nonexistent/copr.conf"), &["list"]).code, Some(6));

    let anonymous = hub.write("anonymous.conf", format!("[copr-cli]\ncopr_url = {}\nencrypted = no\n", hub.address));
    assert_eq!(copr(&anonymous, &["cancel", "7"]).code, Some(7));
    assert_eq!(copr(&anonymous, &["whoami"]).code, Some(7));
    assert_eq!(hub.copr(&["build"]).code, Some(2));
    assert_eq!(hub.copr(&["status", "seven"]).code, Some(2));
    assert_eq!(hub.copr(&["get", "../etc"]).code, Some(1));
    assert!(hub.asked().is_empty());
}

#[test]
fn projects_are_listed_as_copr_cli_lists_them() {
    let hub = Hub::new(|line, _| match line {
        line if line.starts_with("GET /api_3/project/list?ownername=alice") => page(&[project()]),
        line if line.starts_with("GET /api_3/project/list") => page(&[]),
        "GET /api_3/project?ownername=alice&projectname=libs" => (200, project().to_string()),
        "GET /api_3/mock-chroots/list" => (200, json!({"f-1-x86_64": "the first", "f-2-x86_64": null}).to_string()),
        _ => not_found(),
    });
    let ended = hub.copr(&["list"]);
    assert_eq!(
        ended.out,
        "Name: libs\n  Description: Libraries that greet\n  Repo(s):\n    f-1-x86_64: http://h/results/alice/libs/f-1-x86_64/\n  \
         Additional repo: copr://bob/app\n\n"
    );
    let ended = hub.copr(&["list", "@nobody"]);
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), "No copr retrieved for user: '@nobody'\n"));
    let got: Value = serde_json::from_str(&hub.copr(&["get", "alice/libs"]).out).unwrap();
    assert_eq!(got["full_name"], "alice/libs");
    assert_eq!(hub.copr(&["list-chroots"]).out, "f-1-x86_64\n    the first\nf-2-x86_64\n");
}

#[test]
fn a_new_project_is_announced_with_its_page() {
    let hub = Hub::new(|line, _| match line {
        "POST /api_3/project/add/alice?ownername=alice&exist_ok=False" => (200, project().to_string()),
        "DELETE /api_3/project/delete/alice/libs" => (200, project().to_string()),
        _ => not_found(),
    });
    let ended = hub.copr(&["create", "libs", "--chroot", "f-1-x86_64"]);
    assert_eq!(ended.out, format!("New project was successfully created: {}/coprs/alice/libs/\n", hub.address));
    assert_eq!(hub.copr(&["delete", "libs"]).out, "Project libs has been deleted.\n");
}

#[test]
fn without_a_command_help_is_printed_and_the_secret_never_is() {
    let hub = Hub::new(|_, _| (500, "s3cret is not what a hub says".to_owned()));
    let ended = hub.copr(&[]);
    assert!(ended.code == Some(0) && ended.out.contains("list-chroots") && !ended.out.contains("completions"));
    let ended = hub.copr(&["cancel", "7"]);
    assert!(ended.code == Some(1) && !ended.err.contains("s3cret"), "{}", ended.err);
}

#[test]
fn manual_pages_and_completions_come_from_the_same_definition() {
    let hub = Hub::new(|_, _| not_found());
    let page = hub.copr(&["man"]).out;
    assert!(page.contains(".TH copr 1") && page.contains("list\\-chroots"), "{page}");
    let folder = hub.folder.path().to_str().unwrap();
    assert_eq!(hub.copr(&["man", folder]).code, Some(0));
    let page = fs_err::read_to_string(hub.folder.path().join("copr-build.1")).unwrap();
    assert!(page.contains("exclude\\-chroot"), "{page}");
    for shell in ["bash", "zsh", "fish"] {
        let script = hub.copr(&["completions", shell]).out;
        assert!(script.contains("list-chroots") && script.contains("exclude-chroot"), "{shell}");
    }
    let bash = hub.write("copr.bash", hub.copr(&["completions", "bash"]).out);
    if let Ok(status) = Command::new("bash").arg("-n").arg(bash).status() {
        assert!(status.success(), "bash cannot read its completions");
    }
}
