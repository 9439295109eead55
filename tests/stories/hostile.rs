//! Whatever a packager sends: the fault is told right, the builder goes on, and nothing is left on the host.
//!
//! Each folder below `tests/fixtures/hostile` is a package and, in `expect.toml`, what must come of it.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::TcpListener,
    path::{Path, PathBuf},
    time::Duration,
};

use copr_tests::{
    journey::{CHROOT, build, build_folder, copr, created_build},
    leftovers::Leftovers,
    programs::{fixture_srpm, minidistro, tree},
    report::Report,
    server::{Options, Server},
};
use serde::Deserialize;
use serde_json::{Value, json};

/// What all of them may write to their logs, in bytes.
const LOG_BYTES: u64 = 1 << 20;
/// So long may all of them take together; one takes seconds.
const LIMIT: Duration = Duration::from_secs(1800);

/// `expect.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    /// The state that the build ends in.
    state: String,
    /// Who is told to be at fault, if anybody.
    fault: Option<Fault>,
    /// Seconds that rpmbuild gets, before they are scaled for emulation.
    timeout: Option<u32>,
    /// All these stand in the reason that the packager reads.
    #[serde(default)]
    message: Vec<String>,
    /// One of these does.
    #[serde(default)]
    either: Vec<String>,
    /// What stands in which log.
    #[serde(default)]
    logs: BTreeMap<String, Vec<String>>,
    /// The packages that are kept.
    #[serde(default)]
    results: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Fault {
    User,
    Machine,
}

impl Fault {
    /// How the builder's sentence begins.
    fn words(self) -> &'static str {
        match self {
            Self::User => "The build failed: ",
            Self::Machine => "The builder failed, and the build will be tried again: ",
        }
    }
}

/// A case that was submitted.
struct Case {
    name: String,
    expected: Expected,
    build: i64,
}

impl Case {
    /// Everything that is not as expected, a line each.
    fn complaints(&self, server: &Server, state: &str) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut demand = |fine: bool, text: String| {
            if !fine {
                wrong.push(format!("{}: {text}", self.name));
            }
        };
        demand(state == self.expected.state, format!("it is {state}, not {}", self.expected.state));
        let folder = build_folder(server, "mallory", "traps", self.build);
        let Ok(folder) = folder else {
            demand(false, "it has no folder".to_owned());
            return wrong;
        };
        let read = |log: &str| {
            let bytes = fs_err::read(folder.join(log)).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let live = read("builder-live.log");
        let tail = live.get(live.len().saturating_sub(3000)..).unwrap_or(&live);
        let told = [Fault::User, Fault::Machine].into_iter().rfind(|fault| live.contains(fault.words()));
        demand(told == self.expected.fault, format!("the fault is {told:?}, not {:?}:\n{tail}", self.expected.fault));
        let reason = told.and_then(|fault| live.rsplit_once(fault.words())).map_or(tail, |(_, reason)| reason);
        for text in &self.expected.message {
            demand(reason.contains(text), format!("no {text:?} in its reason: {reason}"));
        }
        let either = &self.expected.either;
        let one = either.is_empty() || either.iter().any(|text| reason.contains(text));
        demand(one, format!("none of {either:?} in its reason: {reason}"));
        for (log, texts) in &self.expected.logs {
            let said = read(log);
            let end = said.get(said.len().saturating_sub(3000)..).unwrap_or(&said);
            for text in texts {
                demand(said.contains(text), format!("no {text:?} in its {log}:\n{end}"));
            }
        }
        let mut packages = Vec::new();
        for entry in fs_err::read_dir(&folder).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().to_string_lossy().into_owned();
            demand(entry.file_type().unwrap().is_file(), format!("{name} is no plain file"));
            if name.ends_with(".rpm") {
                packages.push(name);
            } else {
                // The builder's own words come on top of what the machine wrote.
                let size = entry.metadata().unwrap().len();
                demand(size <= LOG_BYTES + (64 << 10), format!("{name} has {size} bytes"));
            }
        }
        packages.sort();
        demand(packages == self.expected.results, format!("it has the packages {packages:?}:\n{tail}"));
        wrong
    }
}

/// Small machines and small limits.
fn start(folder: &Path, more: &str) -> Server {
    let options = Options { data: folder.join("data"), minidistro: minidistro().unwrap(), port: 0 };
    fs_err::create_dir_all(&options.data).unwrap();
    let config = format!(
        "[builds]\nattempts = 2\n[builder]\njobs = 2\naccel = \"tcg\"\nmemory_mib = 512\n\
         scratch_bytes = {}\nlog_bytes = {LOG_BYTES}\n{more}",
        1 << 30
    );
    fs_err::write(options.data.join("coprd.toml"), config).unwrap();
    Server::start(&options).unwrap()
}

/// A folder of our own in the cgroup tree, gone with the story.
struct Groups(PathBuf);

impl Groups {
    /// `None` where we may not make one.
    fn make() -> Option<Self> {
        let root = Path::new("/sys/fs/cgroup");
        let parent = if root.join("cgroup.controllers").is_file() { root.to_owned() } else { root.join("memory") };
        let folder = parent.join(format!("copr-story-{}", std::process::id()));
        fs_err::create_dir(&folder).is_ok().then_some(Self(folder))
    }

    /// The builder's configuration for it.
    fn line(&self) -> String {
        format!("cgroup = {:?}\n", self.0.display().to_string())
    }

    /// The groups below it.
    fn members(&self) -> Vec<String> {
        let entries = fs_err::read_dir(&self.0).unwrap().map(|entry| entry.unwrap());
        let folders = entries.filter(|entry| entry.file_type().unwrap().is_dir());
        folders.map(|entry| format!("left behind: group {}", entry.path().display())).collect()
    }
}

impl Drop for Groups {
    fn drop(&mut self) {
        let _ = fs_err::remove_dir(&self.0);
    }
}

/// The names of the folders of cases, or those of them that `COPR_HOSTILE` names.
fn names() -> Vec<String> {
    let wanted = std::env::var("COPR_HOSTILE").unwrap_or_default();
    let wanted: Vec<&str> = wanted.split_whitespace().collect();
    let folders = fs_err::read_dir(tree().join("tests/fixtures/hostile")).unwrap();
    let mut names: Vec<String> =
        folders.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.retain(|name| name != "traps" && (wanted.is_empty() || wanted.contains(&name.as_str())));
    names.sort();
    names
}

fn submit(config: &Path, srpms: &Path, name: &str, report: &Report) -> Case {
    let text = fs_err::read_to_string(tree().join("tests/fixtures/hostile").join(name).join("expect.toml")).unwrap();
    let expected: Expected = toml::from_str(&text).unwrap_or_else(|error| panic!("{name}/expect.toml: {error}"));
    let srpm = fixture_srpm(&format!("hostile/{name}"), srpms).unwrap();
    let timeout = expected.timeout.unwrap_or(20).to_string();
    let words = ["build", "--nowait", "--timeout", &timeout, "traps", &srpm.display().to_string()];
    let submitted = copr(config, &words, report).unwrap();
    Case { name: name.to_owned(), expected, build: created_build(&submitted).unwrap() }
}

#[test]
fn whatever_a_packager_sends_is_told_right_and_leaves_nothing_behind() {
    let folder: PathBuf = tree().join("target/stories/hostile");
    let _ = fs_err::remove_dir_all(&folder);
    let groups = Groups::make();
    let server = start(&folder, &groups.as_ref().map(Groups::line).unwrap_or_default());
    let report = Report::new(true);
    let mallory = folder.join("mallory.conf");
    server.add_user("mallory", &mallory).unwrap();
    copr(&mallory, &["create", "traps", "--chroot", CHROOT], &report).unwrap();
    let srpms = folder.join("srpms");
    let traps = fixture_srpm("hostile/traps", &srpms).unwrap();
    build(&mallory, "traps", &traps, &server, &report).unwrap();
    let before = Leftovers::of(&server, &folder).unwrap();

    let cases: Vec<Case> = names().iter().map(|name| submit(&mallory, &srpms, name, &report)).collect();
    let mut complaints = Vec::new();
    for case in &cases {
        let ends = ["succeeded", "failed", "skipped", "canceled"];
        let state = server.wait_for_state(case.build, &ends, LIMIT).unwrap();
        complaints.extend(case.complaints(&server, &state));
    }
    // The builder goes on, with the next package as with the first.
    let good = fixture_srpm("greet-library", &srpms).unwrap();
    build(&mallory, "traps", &good, &server, &report).unwrap();
    let after = Leftovers::of(&server, &folder).unwrap();
    complaints.extend(after.beyond(&before));
    complaints.extend(groups.iter().flat_map(Groups::members));
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// Answers each connection to 127.0.0.2 with a redirect to another address, until the story ends.
fn redirect_to(target: String) -> u16 {
    let listener = TcpListener::bind("127.0.0.2:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let Ok(mut connection) = connection else { return };
            let _ = connection.set_read_timeout(Some(Duration::from_secs(10)));
            // The request is short and comes in one piece.
            let _ = connection.read(&mut [0; 4096]);
            let answer =
                format!("HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            let _ = connection.write_all(answer.as_bytes());
        }
    });
    port
}

#[test]
fn addresses_that_lead_to_the_host_give_no_source_package() {
    let folder: PathBuf = tree().join("target/stories/hostile-addresses");
    let _ = fs_err::remove_dir_all(&folder);
    // The host's, and one that the admin allows, of a server that leads back to it.
    let server = start(&folder, "allow = [\"127.0.0.2/32\"]\n");
    let mallory = folder.join("mallory.conf");
    server.add_user("mallory", &mallory).unwrap();
    let report = Report::new(true);
    copr(&mallory, &["create", "traps", "--chroot", CHROOT], &report).unwrap();
    let post = |url: &str| {
        let body = json!({ "ownername": "mallory", "projectname": "traps", "pkgs": [url] });
        server.post(&mallory, "/api_3/build/create/url", &body).unwrap()
    };
    for url in ["file:///etc/passwd", "ftp://127.0.0.1/a.src.rpm", "/etc/passwd"] {
        let refused = post(url);
        assert_eq!(refused.status, 400, "{url} was taken: {}", refused.body);
    }
    let port = server.options.port;
    let redirected = redirect_to(format!("http://127.0.0.1:{port}/a.src.rpm"));
    let to_a_file = redirect_to("file:///etc/passwd".to_owned());
    for (url, why) in [
        (format!("http://127.0.0.1:{port}/a.src.rpm"), "127.0.0.1"),
        (format!("http://localhost:{port}/a.src.rpm"), "localhost"),
        (format!("http://[::1]:{port}/a.src.rpm"), "::1"),
        (format!("http://[::ffff:127.0.0.1]:{port}/a.src.rpm"), "7f00:1"),
        ("http://10.0.0.1/a.src.rpm".to_owned(), "10.0.0.1"),
        ("http://169.254.169.254/latest/meta-data".to_owned(), "169.254.169.254"),
        (format!("http://127.0.0.2:{redirected}/a.src.rpm"), "127.0.0.1"),
        (format!("http://127.0.0.2:{to_a_file}/a.src.rpm"), "file:///etc/passwd"),
    ] {
        let taken = post(&url);
        assert_eq!(taken.status, 200, "{url}: {}", taken.body);
        let build = serde_json::from_str::<Value>(&taken.body).unwrap()["items"][0]["id"].as_i64().unwrap();
        let state = server.wait_for_state(build, &["succeeded", "failed", "canceled"], LIMIT).unwrap();
        assert_eq!(state, "failed", "{url}");
        let log = format!("store/results/mallory/traps/srpm-builds/{build:08}/builder-live.log");
        let log = fs_err::read_to_string(server.options.data.join(log)).unwrap();
        let reason = log.rsplit_once(Fault::User.words()).map(|(_, reason)| reason);
        let reason = reason.unwrap_or_else(|| panic!("{url}: not the packager's fault:\n{log}"));
        assert!(reason.contains("is not downloaded") && reason.contains(why), "{url}: {reason}");
    }
}
