//! `copr-repo chain` and `copr-repo kickstart` as people call them, with a server that has a hub's answers.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    path::Path,
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, UNIX_EPOCH},
};

use copr_repodata::{Checksum, ChecksumKind, Output, Publisher, Record};
use serde_json::{Value, json};

struct Ended {
    code: Option<i32>,
    out: String,
    err: String,
}

fn run(words: &[&str]) -> Ended {
    run_command("chain", words)
}

fn run_command(command: &str, words: &[&str]) -> Ended {
    let done =
        Command::new(env!("CARGO_BIN_EXE_copr-repo")).arg(command).args(words).stdin(Stdio::null()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ended { code: done.status.code(), out: text(done.stdout), err: text(done.stderr) }
}

/// A hub: paths below `/api_3/rpmrepo/` to what they answer, other paths are not there. It ends with the test.
struct Hub {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Hub {
    fn new(projects: &[(&str, Value)]) -> Self {
        Self::with_results(projects, &BTreeMap::new())
    }

    /// With files below `/results/`; the answers' base URL of results becomes that of this server.
    fn with_results(projects: &[(&str, Value)], files: &BTreeMap<String, Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let files = files.clone();
        let base = url.clone();
        let hub = Self { url, asked: asked.clone() };
        let projects: Vec<(String, Value)> =
            projects.iter().map(|(name, answer)| ((*name).to_owned(), answer.clone())).collect();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let (mut first, mut line) = (String::new(), String::new());
                reader.read_line(&mut first).unwrap();
                while reader.read_line(&mut line).unwrap() > 2 {
                    line.clear();
                }
                let path = first.split(' ').nth(1).unwrap().to_owned();
                if let Some(file) = path.strip_prefix("/results/") {
                    let (status, bytes) = match files.get(file) {
                        Some(bytes) => ("200 OK", bytes.as_slice()),
                        None => ("404 Not Found", &[][..]),
                    };
                    let head =
                        format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", bytes.len());
                    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(bytes));
                    continue;
                }
                let path = path.trim_start_matches("/api_3/rpmrepo/").to_owned();
                let answer = projects.iter().find(|(name, _)| path.starts_with(&format!("{name}/")));
                let (status, body) = match answer {
                    Some((_, Value::Null)) => ("502 Bad Gateway", "<html>".to_owned()),
                    Some((_, answer)) => ("200 OK", answer.to_string().replace("http://x.example", &base)),
                    None => ("404 Not Found", json!({ "error": "Project does not exist." }).to_string()),
                };
                asked.lock().unwrap().push(path);
                let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
                let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
            }
        });
        hub
    }

    fn run(&self, project: &str, options: &[&str]) -> Ended {
        let name = format!("{}/{project}", self.url);
        run(&[options, &[name.as_str()]].concat())
    }

    fn kickstart(&self, projects: &[&str], options: &[&str]) -> Ended {
        let names: Vec<String> = projects.iter().map(|project| format!("{}/{project}", self.url)).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        run_command("kickstart", &[options, &names].concat())
    }

    /// A text with the hub's name shortened to `H`.
    fn short(&self, text: &str) -> String {
        text.replace(self.url.trim_start_matches("http://"), "H")
    }
}

/// What a hub answers of a project: names of projects, URLs of others.
fn needs(name: &str, dependencies: &[&str]) -> Value {
    let dependency = |text: &&str| match text.split_once("://") {
        Some(_) => json!({ "type": "external_baseurl", "opts": {}, "data": { "pattern": text } }),
        None => {
            let (owner, project) = text.split_once('/').unwrap();
            json!({ "type": "copr", "opts": {}, "data": { "owner": owner, "projectname": project } })
        }
    };
    json!({
        "results_url": "http://x.example/results",
        "repos": { "fedora-44": { "arch": { "x86_64": { "opts": {} } } } },
        "directories": { name: {} },
        "dependencies": dependencies.iter().map(dependency).collect::<Vec<_>>(),
    })
}

fn town() -> Hub {
    Hub::new(&[
        ("bob/app", needs("app", &["@base/tools", "alice/libs", "https://mirror.example/x/", "dave/gone", "eve/sick"])),
        ("alice/libs", needs("libs", &["@base/tools"])),
        ("@base/tools", needs("tools", &["alice/libs"])),
        ("eve/sick", Value::Null),
    ])
}

#[test]
fn a_chain_is_a_tree_and_what_is_odd_is_told() {
    let town = town();
    let done = town.run("bob/app", &[]);
    assert_eq!(done.code, Some(2), "{}", done.err);
    let out = town.short(&done.out);
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(
        lines[..6],
        [
            "H/bob/app",
            "├── H/@base/tools",
            "│   └── H/alice/libs",
            "│       └── H/@base/tools  (cycle: see above)",
            "├── H/alice/libs  (see above)",
            "├── https://mirror.example/x/  (not a Copr project)",
        ]
    );
    assert_eq!(lines[6], "├── H/dave/gone  (left out: it does not exist (any more))");
    assert!(lines[7].starts_with("└── H/eve/sick  (left out: ") && lines[7].contains("status 502"), "{out}");
    assert_eq!(lines[8..], ["These projects need each other: H/@base/tools, H/alice/libs"]);
    let err = town.short(&done.err);
    assert!(err.contains("copr-repo: H/dave/gone, needed by H/bob/app, is left out"), "{err}");
    let mut asked = town.asked.lock().unwrap().clone();
    asked.sort();
    assert_eq!(asked, ["@base/tools/any", "alice/libs/any", "bob/app/any", "dave/gone/any", "eve/sick/any"]);
}

#[test]
fn what_is_needed_indirectly_stands_where_it_is_needed_first() {
    let hub = Hub::new(&[
        ("bob/app", needs("app", &["base/c", "alice/libs"])),
        ("alice/libs", needs("libs", &["base/c"])),
        ("base/c", needs("c", &[])),
    ]);
    let done = hub.run("bob/app", &["--ascii"]);
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""));
    assert_eq!(hub.short(&done.out), "H/bob/app\n`-- H/alice/libs\n    `-- H/base/c\n");
    let object: Value = serde_json::from_str(&hub.run("bob/app", &["--json"]).out).unwrap();
    let all = object["repositories"].as_array().unwrap();
    let order: Vec<&str> = all.iter().map(|item| item["project"].as_str().unwrap()).collect();
    assert_eq!(order, ["c", "libs", "app"]);
    assert_eq!(all[2]["dependencies"].as_array().unwrap().len(), 2, "as the hub tells it");
}

#[test]
fn the_object_has_all_of_it() {
    let town = town();
    let done = town.run("bob/app", &["--json"]);
    let object: Value = serde_json::from_str(&town.short(&done.out)).unwrap();
    assert_eq!((done.code, object["root"].as_str()), (Some(2), Some("H/bob/app")));
    assert_eq!(object["cycles"], json!([["H/@base/tools", "H/alice/libs"]]));
    assert_eq!(object["problems"][0]["project"], "H/dave/gone");
    assert_eq!(
        (&object["problems"][0]["not_found"], &object["problems"][1]["not_found"]),
        (&json!(true), &json!(false))
    );
    let external = object["repositories"].as_array().unwrap().iter().find(|item| item["kind"] == "external").unwrap();
    assert_eq!(
        (&external["url"], &external["needed_by"]),
        (&json!("https://mirror.example/x/"), &json!(["H/bob/app"]))
    );
}

#[test]
fn pictures_are_printed_or_written() {
    let (town, place) = (town(), tempfile::tempdir().unwrap());
    let dot = town.run("bob/app", &["--dot"]);
    assert!(dot.out.starts_with("digraph chain {") && dot.out.ends_with("}\n"), "{}", dot.out);
    let svg = town.run("bob/app", &["--svg"]);
    assert!(svg.out.starts_with("<svg ") && svg.out.ends_with("</svg>\n"), "{}", svg.out);
    let file = place.path().join("app.svg");
    let written = town.run("bob/app", &[&format!("--svg={}", file.display())]);
    assert_eq!((written.out.as_str(), fs_err::read_to_string(&file).unwrap()), ("", svg.out));
}

#[test]
fn a_chroot_leaves_out_what_has_nothing_for_it() {
    let mut other = needs("libs", &[]);
    other["repos"] = json!({ "fedora-43": { "arch": { "x86_64": {} } } });
    let hub = Hub::new(&[("bob/app", needs("app", &["alice/libs"])), ("alice/libs", other)]);
    let done = hub.run("bob/app", &["--chroot", "fedora-44-x86_64"]);
    assert_eq!(done.code, Some(2));
    assert!(done.out.contains("alice/libs  (left out: it has no repository for fedora-44-x86_64)"), "{}", done.out);
    assert_eq!(hub.asked.lock().unwrap().as_slice(), ["bob/app/fedora-44", "alice/libs/fedora-44"]);
    let done = hub.run("bob/app", &["--chroot", "fedora-44-s390x"]);
    assert_eq!(done.code, Some(1));
    assert!(done.err.contains("bob/app: it has no repository for fedora-44-s390x"), "{}", done.err);
}

#[test]
fn what_a_hub_says_is_gone_or_of_a_kind_yet_to_come_is_told() {
    let mut app = needs("app", &[]);
    app["missing"] = json!(["dave/gone", "nonsense"]);
    app["dependencies"] = json!([{ "type": "moon", "data": { "crater": 7 } }, { "type": "copr", "data": { "owner": "../", "projectname": "x" } }]);
    let hub = Hub::new(&[("bob/app", app)]);
    let done = hub.run("bob/app", &[]);
    assert_eq!(hub.short(&done.out), "H/bob/app\n└── H/dave/gone  (left out: it does not exist (any more))\n");
    assert!(done.err.contains("its type \"moon\" is not known") && done.err.contains("owner name"), "{}", done.err);
}

#[test]
fn without_the_project_there_is_nothing_to_show() {
    let hub = Hub::new(&[("bob/app", needs("app", &[]))]);
    for (words, why) in [
        (vec![format!("{}/bob/nothing", hub.url)], "bob/nothing does not exist"),
        (vec![format!("{}/bob/app:custom:x", hub.url)], "bob/app:custom:x does not exist"),
        (vec!["nowhere/bob/app".to_owned()], "\"nowhere\" is no hub"),
        (vec!["app".to_owned()], "names no project"),
        (vec!["ftp://x/bob/app".to_owned()], "https://"),
        (vec!["http://127.0.0.1:1/bob/app".to_owned()], "Unable to connect"),
        (vec!["--chroot".to_owned(), "x".to_owned(), "a/b/c".to_owned()], "chroot"),
    ] {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let done = run(&words);
        assert_eq!((done.code, done.out.as_str()), (Some(1), ""), "{words:?}");
        assert!(done.err.contains(why), "{words:?}: {}", done.err);
    }
}

/// A repository of packages, each `NEVRA; requires; vendor`.
fn publish(folder: &Path, packages: &[&str]) {
    let records = packages.iter().map(|line| {
        let mut parts = line.split("; ");
        let nevra: copr_rpm::Nevra = parts.next().unwrap().parse().unwrap();
        let (checksum, size_package) = Checksum::of(ChecksumKind::Sha256, line.as_bytes()).unwrap();
        let provides = vec![format!("{} = {}", nevra.name, nevra.evr()).parse().unwrap()];
        let requires = parts.next().unwrap_or_default().split_whitespace().map(|text| text.parse().unwrap()).collect();
        let vendor = parts.next().unwrap_or_default().to_owned();
        let location_href = nevra.file_name();
        Record { nevra, checksum, size_package, location_href, provides, requires, vendor, ..Record::default() }
    });
    fs_err::create_dir_all(folder).unwrap();
    let output = Output { workers: 1, ..Output::new(UNIX_EPOCH + Duration::from_secs(1_600_000_000)) };
    Publisher::new(folder, output).replace(&records.collect::<Vec<_>>()).unwrap();
}

#[test]
fn packages_tell_which_repositories_are_needed_and_what_they_replace() {
    const CHROOT: &str = "fedora-44-x86_64";
    let place = tempfile::tempdir().unwrap();
    let base = place.path().join("base");
    publish(&base, &["bash-5.2-1.x86_64; ; Fedora", "glibc-2.40-1.x86_64; ; Fedora"]);
    let mut files = BTreeMap::new();
    for (project, packages) in [
        ("bob/app", &["app-1-1.x86_64; libfoo bash", "tool-1-1.x86_64; bash"][..]),
        ("alice/libs", &["libfoo-1-1.x86_64; libdeep"]),
        ("@base/tools", &["libdeep-1-1.x86_64", "bash-5.3-1.x86_64; ; Copr"]),
        ("carol/fonts", &["font-1-1.noarch"]),
    ] {
        let folder = place.path().join(project);
        publish(&folder, packages);
        for entry in fs_err::read_dir(folder.join("repodata")).unwrap() {
            let entry = entry.unwrap();
            let Ok(bytes) = fs_err::read(entry.path()) else { continue };
            files.insert(format!("{project}/{CHROOT}/repodata/{}", entry.file_name().to_str().unwrap()), bytes);
        }
    }
    let hub = Hub::with_results(
        &[
            ("bob/app", needs("app", &["alice/libs", "carol/fonts"])),
            ("alice/libs", needs("libs", &["@base/tools"])),
            ("@base/tools", needs("tools", &[])),
            ("carol/fonts", needs("fonts", &[])),
        ],
        &files,
    );
    let (cache, base) = (place.path().join("cache"), format!("base={}", base.display()));
    let common = ["--chroot", CHROOT, "--cache", cache.to_str().unwrap(), "--repo", &base, "--quiet"];
    let run = |project: &str, more: &[&str]| hub.run(project, &[&common, more].concat());

    let shown = run("bob/app", &["--needed=app", "--replaces"]);
    assert_eq!(shown.code, Some(0), "{}", shown.err);
    assert_eq!(
        hub.short(&shown.out),
        "\
H/bob/app
├── H/alice/libs  (needed for libfoo-1-1, which app requires)
│   └── H/@base/tools  (needed for libdeep-1-1, which libfoo requires (and 1 package more); replaces 1 package of base (1 newer, \
         1 changes vendor): bash)
└── H/carol/fonts  (not needed)
"
    );
    let object: Value = serde_json::from_str(&run("bob/app", &["--needed=tool", "--json", "--replaces"]).out).unwrap();
    let of = |name: &str| {
        let all = object["repositories"].as_array().unwrap();
        all.iter().find(|item| item["project"] == name).unwrap().clone()
    };
    assert_eq!(
        (&of("libs")["needed"], &of("fonts")["needed"], &of("app")["needed"]),
        (&json!(false), &json!(false), &Value::Null)
    );
    let line =
        "bash-5.3-1.x86_64 is newer than bash-5.2-1.x86_64 (repository base), vendor changes from Fedora to Copr";
    assert_eq!(of("tools")["replaces"][0]["packages"], json!([line]));

    let none = run("bob/app", &["--needed=nothing-has-this"]);
    assert_eq!((none.code, none.out.as_str()), (Some(1), ""));
    assert!(none.err.contains("nothing-has-this"), "{}", none.err);
    let without = hub.run("bob/app", &["--needed=app"]);
    assert!(without.code == Some(1) && without.err.contains("--chroot"), "{}", without.err);
}

#[test]
fn a_kickstart_has_the_repositories_of_all_chains_each_once() {
    let hub = Hub::new(&[
        ("bob/app", needs("app", &["@base/tools", "https://mirror.example/$releasever/$basearch/"])),
        ("carol/fonts", needs("fonts", &["@base/tools"])),
        ("@base/tools", needs("tools", &[])),
    ]);
    let done = hub.kickstart(&["bob/app", "carol/fonts"], &["--chroot", "fedora-44-x86_64", "--install"]);
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""));
    assert_eq!(
        hub.short(&done.out),
        "\
repo --name=\"copr:127.0.0.1:group_base:tools\" --baseurl=\"http://H/results/@base/tools/fedora-44-x86_64/\" --install
repo --name=\"coprdep:https_mirror_example_releasever_basearch\" --baseurl=\"https://mirror.example/44/x86_64/\" --install
repo --name=\"copr:127.0.0.1:bob:app\" --baseurl=\"http://H/results/bob/app/fedora-44-x86_64/\" --install
repo --name=\"copr:127.0.0.1:carol:fonts\" --baseurl=\"http://H/results/carol/fonts/fedora-44-x86_64/\" --install
"
    );
    // Without a chroot it is for all releases of the one distribution that there is.
    let done = hub.kickstart(&["@base/tools"], &[]);
    assert_eq!(
        hub.short(&done.out),
        "repo --name=\"copr:127.0.0.1:group_base:tools\" \
         --baseurl=\"http://H/results/@base/tools/fedora-$releasever-$basearch/\"\n"
    );
}

#[test]
fn a_blueprint_has_keys_and_priorities_as_well() {
    let mut app = needs("app", &["@base/tools"]);
    app["repos"]["fedora-44"]["arch"]["x86_64"]["opts"] = json!({ "priority": "7" });
    let mut tools = needs("tools", &[]);
    tools["gpgcheck"] = json!(false);
    let hub = Hub::new(&[("bob/app", app), ("@base/tools", tools)]);
    let options = ["--format", "blueprint", "--chroot", "fedora-44-x86_64"];
    let done = hub.kickstart(&["bob/app"], &options);
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""));
    assert_eq!(
        hub.short(&done.out),
        r#"[[customizations.repositories]]
id = "copr:127.0.0.1:group_base:tools"
name = "Copr repo for tools owned by @base"
filename = "copr_127.0.0.1_group_base_tools.repo"
baseurls = ["http://H/results/@base/tools/fedora-44-x86_64/"]
gpgcheck = false
enabled = false
install_from = true

[[customizations.repositories]]
id = "copr:127.0.0.1:bob:app"
name = "Copr repo for app owned by bob"
filename = "copr_127.0.0.1_bob_app.repo"
baseurls = ["http://H/results/bob/app/fedora-44-x86_64/"]
priority = 7
gpgcheck = true
gpgkeys = ["http://H/results/bob/app/pubkey.gpg"]
enabled = false
install_from = true

"#
    );
    let object: Value = serde_json::from_str(&hub.kickstart(&["bob/app"], &["--json"]).out).unwrap();
    assert_eq!((&object[0]["gpgkey"], &object[1]["id"]), (&Value::Null, &json!("copr:127.0.0.1:bob:app")));
}

#[test]
fn a_kickstart_tells_what_is_missing_and_what_a_hub_must_not_say() {
    let town = town();
    let done = town.kickstart(&["bob/app"], &[]);
    assert_eq!((done.code, done.out.lines().count()), (Some(2), 4), "{}", done.out);
    assert!(town.short(&done.err).contains("H/dave/gone, needed by H/bob/app, is left out"), "{}", done.err);

    let mut both = needs("both", &[]);
    both["repos"]["epel-9"] = json!({ "arch": {} });
    let hub = Hub::new(&[
        ("bob/both", both),
        ("bob/line", needs("line", &["https://x.example/\nuser --name=root"])),
        ("bob/quote", needs("quote", &["https://x.example/\" --install --proxy=\"http://y"])),
        ("bob/file", needs("file", &["file:///etc"])),
    ]);
    for (project, words) in [
        ("bob/both", "built for epel, fedora; name a chroot"),
        ("bob/line", "line break"),
        ("bob/quote", "percent-encoded"),
        ("bob/file", "only http and https"),
        ("bob/none", "does not exist"),
    ] {
        let done = hub.kickstart(&[project], &[]);
        assert_eq!((done.code, done.out.as_str()), (Some(1), ""), "{project}");
        assert!(done.err.contains(words), "{project}: {}", done.err);
    }
    let done = hub.kickstart(&["bob/both"], &["--format", "blueprint"]);
    assert!(done.code == Some(1) && done.err.contains("--chroot"), "{}", done.err);
}
