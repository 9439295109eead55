//! A hub made of canned answers, and `copr` run against it.

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
pub(crate) struct Hub {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) address: String,
    asked: Arc<Mutex<Vec<String>>>,
    bodies: Arc<Mutex<Vec<String>>>,
}

/// How a run of the program ended.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Hub {
    /// Starts it. `answer` gets the request's method and path with query, and how often just that was asked before.
    pub(crate) fn new(answer: impl Fn(&str, usize) -> (u16, String) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let bodies = Arc::new(Mutex::new(Vec::new()));
        let answer: Arc<Answer> = Arc::new(answer);
        let seen = Arc::clone(&asked);
        let got = Arc::clone(&bodies);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut reader = BufReader::new(stream.unwrap());
                let mut head = String::new();
                while reader.read_line(&mut head).unwrap() > 2 {}
                let lower = head.to_ascii_lowercase();
                let length = lower.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
                let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
                reader.read_exact(&mut body).unwrap();
                got.lock().unwrap().push(String::from_utf8_lossy(&body).into_owned());
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
        let hub = Self { folder, address, asked, bodies };
        hub.write(
            "copr.conf",
            format!(
                "[copr-cli]\nlogin = login\nusername = alice\ntoken = s3cret\ncopr_url = {}\nencrypted = False\n",
                hub.address
            ),
        );
        hub
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        fs_err::write(&path, content).unwrap();
        path
    }

    pub(crate) fn copr(&self, arguments: &[&str]) -> Ended {
        copr(&self.folder.path().join("copr.conf"), arguments)
    }

    /// The body of the last request.
    pub(crate) fn last_body(&self) -> String {
        self.bodies.lock().unwrap().last().cloned().unwrap_or_default()
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

pub(crate) fn copr(config: &Path, arguments: &[&str]) -> Ended {
    let output = Command::new(env!("CARGO_BIN_EXE_copr"))
        .args(["--config".as_ref(), config.as_os_str()])
        .args(arguments)
        .env("HOME", "/nonexistent")
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

pub(crate) fn not_found() -> (u16, String) {
    (404, json!({"error": "Such API endpoint doesn't exist"}).to_string())
}

pub(crate) fn project() -> Value {
    json!({"id": 1, "name": "libs", "ownername": "alice", "full_name": "alice/libs", "homepage": null, "contact": null,
        "description": "Libraries \u{1b}[31mthat greet", "instructions": "", "devel_mode": false, "persistent": false,
        "unlisted_on_hp": false, "auto_prune": true, "chroot_repos": {"f-1-x86_64": "http://h/results/alice/libs/f-1-x86_64/"},
        "additional_repos": ["copr://bob/app"], "enable_net": false, "bootstrap": "default", "isolation": "default",
        "module_hotfixes": false, "appstream": false, "packit_forge_projects_allowed": [],
        "follow_fedora_branching": true, "repo_priority": null, "storage": "backend"})
}

pub(crate) fn build(id: i64, state: &str) -> Value {
    json!({"id": id, "state": state, "projectname": "libs", "ownername": "alice", "repo_url": "http://h/results/alice/libs",
        "source_package": {"name": "hello", "version": "1-1", "url": null}, "submitted_on": 1, "started_on": null,
        "ended_on": null, "submitter": "alice", "chroots": [], "project_dirname": "libs", "is_background": false})
}

pub(crate) fn page(items: &[Value]) -> (u16, String) {
    (200, json!({"items": items, "meta": {"limit": null, "offset": 0, "order": "id", "order_type": "ASC"}}).to_string())
}

/// An RPM of headers alone: `kind` is 1 for a source package, 0 for a binary one.
pub(crate) fn rpm(kind: u8) -> Vec<u8> {
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
    let mut tags = vec![(1000, "hello"), (1001, "1"), (1002, "1"), (1014, "MIT"), (1022, "x86_64")];
    if kind == 0 {
        tags.push((1044, "hello-1-1.src.rpm"));
    }
    bytes.extend(header(&tags));
    bytes
}
