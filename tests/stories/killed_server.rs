//! The server dies at every point between an upload and its publish, and between a deletion and its end; then it starts again.
//!
//! The machine is played, the server is the real one: `COPRD_DIE_AT` names the point at which it ends as from `kill -9`.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use copr_api::builder::{Finish, Lease, Outcome, ResultFile};
use copr_repodata::check::{CheckOptions, Packages, check};
use copr_repodata::{Checksum, ChecksumKind};
use copr_tests::{
    PATIENCE,
    journey::CHROOT,
    programs::{fixture_srpm, minidistro, ours, run_ok, tree},
    server::{Options, Server, block_on},
};
use reqwest::Method;
use serde_json::{Value, json};

/// From the upload to a build that has succeeded, in the order in which a build passes them.
const BUILDING: &[&str] = &[
    "upload spooled",
    "source kept",
    "build committed",
    "lease granted",
    "result received",
    "finish committed",
    "a package signed",
    "a signature noted",
    "a file moved",
    "files moved",
    "metadata written",
    "success written",
    "build succeeded",
];
/// From the deletion of a build to the end of its files.
const DELETING: &[&str] = &["removal unpublished", "folder half deleted", "folder deleted"];

/// One who uploads, builds and deletes; every step fails when the server is gone.
struct Player {
    base: String,
    login: String,
    token: String,
    builder: String,
    srpm: PathBuf,
}

impl Player {
    fn of(server: &Server, config: &Path, srpm: &Path) -> Result<Self> {
        let text = fs_err::read_to_string(config)?;
        let word = |key: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(key)?.trim().strip_prefix('='));
            line.map(|value| value.trim().to_owned()).with_context(|| format!("no {key}"))
        };
        let builder = fs_err::read_to_string(server.options.data.join("builder-token"))?.trim().to_owned();
        let (base, srpm) = (server.url(), srpm.to_owned());
        Ok(Self { base, login: word("login")?, token: word("token")?, builder, srpm })
    }

    fn send(&self, request: impl FnOnce(&reqwest::Client) -> reqwest::RequestBuilder) -> Result<(u16, Value)> {
        block_on(async {
            let client = reqwest::Client::builder().timeout(PATIENCE).build()?;
            let answer = request(&client).send().await?;
            let status = answer.status().as_u16();
            let text = answer.text().await?;
            ensure!(status < 400, "{status}: {text}");
            Ok((status, serde_json::from_str(&text).unwrap_or(Value::Null)))
        })
    }

    fn call(&self, method: Method, path: &str, body: &Value) -> Result<Value> {
        let request = |client: &reqwest::Client| {
            let request = client.request(method, format!("{}/api_3/{path}", self.base));
            let request = request.basic_auth(&self.login, Some(&self.token));
            request.header("content-type", "application/json").body(body.to_string())
        };
        Ok(self.send(request)?.1)
    }

    fn builder(&self, method: Method, path: &str, body: Vec<u8>, sha256: &str) -> Result<(u16, Value)> {
        self.send(|client| {
            let request = client.request(method, format!("{}/builder/v1/{path}", self.base));
            request.bearer_auth(&self.builder).header("x-sha256", sha256).body(body)
        })
    }

    fn upload(&self) -> Result<i64> {
        self.upload_with(&[])
    }

    /// Uploads the source package with more bytes at its end: nobody looks there, and it is another file.
    fn upload_with(&self, more: &[u8]) -> Result<i64> {
        let options = json!({ "ownername": "alice", "projectname": "libs", "chroots": [CHROOT] });
        let (bytes, name) = ([fs_err::read(&self.srpm)?, more.to_vec()].concat(), file_name(&self.srpm));
        let part = reqwest::multipart::Part::bytes(bytes).file_name(name);
        let json = reqwest::multipart::Part::text(options.to_string()).file_name("json");
        let form = reqwest::multipart::Form::new().part("pkgs", part).part("json", json);
        let (_, build) = self.send(|client| {
            let request = client.post(format!("{}/api_3/build/create/upload", self.base));
            request.basic_auth(&self.login, Some(&self.token)).multipart(form)
        })?;
        build["id"].as_i64().context("the answer has no number")
    }

    /// Builds one build that waits; `false`: none does.
    fn build_one(&self) -> Result<bool> {
        self.build_one_with(b"")
    }

    /// The same; what it hands in has these bytes at its end, and the number of its build.
    fn build_one_with(&self, more: &[u8]) -> Result<bool> {
        let wish = json!({ "builder": "player", "arches": ["x86_64"] }).to_string().into_bytes();
        let (status, lease) = self.builder(Method::POST, "lease", wish, "")?;
        if status == 204 {
            return Ok(false);
        }
        let lease: Lease = serde_json::from_value(lease)?;
        // It hands in the source package itself, as every build may.
        let mut bytes = fs_err::read(&self.srpm)?;
        if !more.is_empty() {
            bytes.extend([more, lease.build_id.to_string().as_bytes()].concat());
        }
        let (sum, size) = Checksum::of(ChecksumKind::Sha256, bytes.as_slice())?;
        let nevra = copr_rpm::Package::open(&self.srpm)?.nevra()?;
        let file = file_name(&self.srpm);
        self.builder(Method::PUT, &format!("lease/{}/result/{file}", lease.id), bytes, &sum.hex)?;
        let claim = ResultFile {
            file,
            size,
            sha256: sum.hex,
            name: nevra.name,
            epoch: nevra.epoch,
            version: nevra.version,
            release: nevra.release,
            arch: "src".to_owned(),
        };
        let end = Finish { outcome: Outcome::Succeeded, results: vec![claim], others: Vec::new(), shadows: Vec::new() };
        self.builder(Method::POST, &format!("lease/{}/finish", lease.id), serde_json::to_vec(&end)?, "")?;
        Ok(true)
    }

    /// Every build with its state.
    fn builds(&self) -> Result<Vec<(i64, String)>> {
        let list = self.call(Method::GET, "build/list?ownername=alice&projectname=libs", &Value::Null)?;
        let items = list["items"].as_array().context("no items")?;
        let one = |build: &Value| {
            (build["id"].as_i64().unwrap_or_default(), build["state"].as_str().unwrap_or_default().to_owned())
        };
        Ok(items.iter().map(one).collect())
    }

    /// Builds until no build is left that has not ended.
    fn settle(&self, limit: Duration) -> Result<Vec<(i64, String)>> {
        let began = Instant::now();
        loop {
            let builds = self.builds()?;
            let ended = |state: &str| ["succeeded", "failed", "canceled", "skipped"].contains(&state);
            if builds.iter().all(|(_, state)| ended(state)) {
                return Ok(builds);
            }
            ensure!(began.elapsed() < limit, "builds that never end: {builds:?}");
            if builds.iter().any(|(_, state)| state == "pending") {
                self.build_one()?;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Names in a folder, none for one that is not there.
fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs_err::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// Waits until a server that was told where to die has died; gives how it was started.
fn died(server: Server, point: &str) -> Options {
    let began = Instant::now();
    while server.get("/healthz").is_ok() {
        assert!(began.elapsed() < PATIENCE, "{point}: the server lives:\n{}", server.log());
        std::thread::sleep(Duration::from_millis(100));
    }
    server.kill_9().unwrap()
}

fn start_to_die(options: &Options, point: &str) -> Result<Server> {
    Server::start_with(options, |command| {
        command.env("COPRD_DIE_AT", point);
    })
}

/// The server with its data folder, and who plays against it.
fn begin(name: &str) -> (Server, PathBuf, PathBuf) {
    let folder = tree().join("target/stories").join(name);
    let _ = fs_err::remove_dir_all(&folder);
    let options = Options { data: folder.join("data"), minidistro: minidistro().unwrap(), port: 0 };
    fs_err::create_dir_all(&options.data).unwrap();
    let config =
        "[builder]\nenabled = false\n[builds]\nlease_seconds = 3\n[publish]\nretain_seconds = 1\ngather_ms = 0\n";
    fs_err::write(options.data.join("coprd.toml"), config).unwrap();
    let server = Server::start(&options).unwrap();
    let config = folder.join("alice.conf");
    server.add_user("alice", &config).unwrap();
    let srpm = fixture_srpm("greet-library", &folder.join("srpms")).unwrap();
    let player = Player::of(&server, &config, &srpm).unwrap();
    player.call(Method::POST, "project/add/alice", &json!({ "name": "libs", "chroots": [CHROOT] })).unwrap();
    (server, config, srpm)
}

/// The repository is whole, and every file of the store belongs to one of the builds.
fn assert_consistent(options: &Options, builds: &[(i64, String)], after: &str) {
    let store = options.data.join("store");
    let repository = store.join("results/alice/libs").join(CHROOT);
    let report =
        check(&repository, &CheckOptions { packages: Packages::Checksums, ..CheckOptions::default() }).unwrap();
    assert!(report.is_sound(), "{after}: {:?}", report.problems);
    let succeeded = builds.iter().filter(|(_, state)| state == "succeeded").count();
    assert_eq!(report.packages, succeeded, "{after}");
    for below in ["incoming", "spool", "trash"] {
        assert_eq!(names(&store.join(below)), BTreeSet::new(), "{after}: {below}");
    }
    let numbers = |folder: &Path| -> BTreeSet<i64> {
        names(folder).iter().filter_map(|name| name.get(..8)?.parse().ok()).collect()
    };
    let all: BTreeSet<i64> = builds.iter().map(|(id, _)| *id).collect();
    assert_eq!(numbers(&repository), all, "{after}: folders of builds");
    assert_eq!(numbers(&store.join("results/alice/libs/srpm-builds")), all, "{after}: folders of sources");
}

#[test]
fn a_server_that_is_killed_anywhere_between_upload_and_publish_goes_on_after_its_restart() {
    let (server, config, srpm) = begin("killed-server");
    let mut options = server.kill_9().unwrap();
    for point in BUILDING {
        let server = start_to_die(&options, point).unwrap();
        let player = Player::of(&server, &config, &srpm).unwrap();
        // Whatever is cut off is said again by nobody: the client and the builder have died, too.
        let _ = player.upload().and_then(|_| player.build_one());
        options = died(server, point);
        let server = Server::start(&options).unwrap();
        let player = Player::of(&server, &config, &srpm).unwrap();
        // The number of a build that never was is taken again, with its folder.
        player.upload().unwrap();
        let builds = player.settle(PATIENCE).unwrap_or_else(|error| {
            panic!("{point}: {error:#}\n{}", server.log());
        });
        assert!(builds.iter().all(|(_, state)| state == "succeeded"), "{point}: {builds:?}");
        options = server.kill_9().unwrap();
        // What was handed in and lost its lease goes when the server starts.
        let server = Server::start(&options).unwrap();
        assert_consistent(&options, &builds, point);
        options = server.kill_9().unwrap();
    }
}

/// What the server notes that alice stores, after counting anew.
fn stored(server: &Server, player: &Player) -> i64 {
    let command = ["admin", "--data"];
    let mut check = Command::new(ours("coprd").unwrap());
    run_ok(check.args(command).arg(&server.options.data).args(["quota", "check"])).unwrap();
    player.call(Method::GET, "quota?ownername=alice", &Value::Null).unwrap()["used"].as_i64().unwrap()
}

#[test]
fn what_an_owner_stores_is_exact_after_two_hundred_builds_at_once_and_a_kill() {
    const BUILDS: usize = 200;
    const THREADS: usize = 8;
    let (server, config, srpm) = begin("killed-server-quota");
    let player = Player::of(&server, &config, &srpm).unwrap();
    // What the played builder hands in is no package that could be signed.
    player.call(Method::PUT, "project/edit/alice/libs", &json!({ "signing": "none" })).unwrap();
    // All are submitted, and some are built and published, when the server dies.
    let (submitted, built) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let before = server.options.clone();
    let mut server = Some(server);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let number = submitted.fetch_add(1, Ordering::SeqCst);
                    if number >= BUILDS || player.upload_with(format!("source {number:04}").as_bytes()).is_err() {
                        break;
                    }
                }
            });
            scope.spawn(|| {
                while let Ok(one) = player.build_one_with(b"result ") {
                    if !one {
                        std::thread::sleep(Duration::from_millis(50));
                    } else if built.fetch_add(1, Ordering::SeqCst) > BUILDS {
                        break;
                    }
                }
            });
        }
        let began = Instant::now();
        while built.load(Ordering::SeqCst) < BUILDS / 3 {
            assert!(began.elapsed() < PATIENCE, "it builds nothing");
            std::thread::sleep(Duration::from_millis(10));
        }
        // In the middle of whatever it does.
        server.take().unwrap().kill_9().unwrap();
    });
    let server = Server::start(&before).unwrap();
    let player = Player::of(&server, &config, &srpm).unwrap();
    stored(&server, &player);
    while player.builds().unwrap().len() < BUILDS {
        let number = submitted.fetch_add(1, Ordering::SeqCst);
        player.upload_with(format!("source {number:04}").as_bytes()).unwrap();
    }
    let began = Instant::now();
    let builds = loop {
        assert!(began.elapsed() < PATIENCE, "builds that never end:\n{}", server.log());
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| while player.build_one_with(b"result ").unwrap_or(false) {});
            }
        });
        let builds = player.builds().unwrap();
        if builds.iter().all(|(_, state)| state == "succeeded") {
            break builds;
        }
        std::thread::sleep(Duration::from_millis(500));
    };
    // Each source and each result is another file.
    let whole = i64::try_from(fs_err::metadata(&srpm).unwrap().len()).unwrap();
    let results: i64 = builds.iter().map(|(id, _)| whole + i64::try_from(format!("result {id}").len()).unwrap()).sum();
    let sources = (whole + i64::try_from("source 0000".len()).unwrap()) * i64::try_from(builds.len()).unwrap();
    assert_eq!(stored(&server, &player), sources + results);
    let options = server.kill_9().unwrap();
    let server = Server::start(&options).unwrap();
    assert_consistent(&options, &builds, "two hundred builds");
    let player = Player::of(&server, &config, &srpm).unwrap();
    player.call(Method::DELETE, "project/delete/alice/libs", &json!({ "verify": true })).unwrap();
    assert_eq!(stored(&server, &player), 0);
}

#[test]
fn a_server_that_is_killed_anywhere_between_a_deletion_and_its_end_goes_on_after_its_restart() {
    let (server, config, srpm) = begin("killed-server-deleting");
    let mut options = server.options.clone();
    let player = Player::of(&server, &config, &srpm).unwrap();
    for _ in 0..=DELETING.len() {
        player.upload().unwrap();
    }
    let mut builds = player.settle(PATIENCE).unwrap();
    drop(server);
    for point in DELETING {
        let server = start_to_die(&options, point).unwrap();
        let player = Player::of(&server, &config, &srpm).unwrap();
        let (gone, _) = builds.pop().unwrap();
        player.call(Method::DELETE, &format!("build/delete/{gone}"), &json!({})).unwrap();
        options = died(server, point);
        let server = Server::start(&options).unwrap();
        let player = Player::of(&server, &config, &srpm).unwrap();
        assert_eq!(player.builds().unwrap().len(), builds.len(), "{point}");
        let store = options.data.join("store/results/alice/libs");
        let began = Instant::now();
        let left = || {
            let folders = names(&store.join(CHROOT)).into_iter().chain(names(&store.join("srpm-builds")));
            folders.filter(|name| name.starts_with(&format!("{gone:08}"))).count()
        };
        while left() > 0 {
            assert!(began.elapsed() < PATIENCE, "{point}: it is never deleted:\n{}", server.log());
            std::thread::sleep(Duration::from_millis(500));
        }
        options = server.kill_9().unwrap();
        let server = Server::start(&options).unwrap();
        assert_consistent(&options, &builds, point);
        options = server.kill_9().unwrap();
    }
}
