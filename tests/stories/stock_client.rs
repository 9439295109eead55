//! The unmodified copr-cli of PyPI against our server.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use copr_api::{
    builder::{Finish, Lease, Outcome, ResultFile, SourceMethod, Work},
    names::Secret,
};
use copr_repodata::{Checksum, ChecksumKind};
use copr_tests::{
    journey::{CHROOT, created_build},
    programs::{Output, fixture_srpm, minidistro, run, tree},
    server::{Options, Server, block_on},
};
use serde_json::{Value, json};

#[test]
fn copr_cli_creates_a_project_builds_and_watches_to_the_end() {
    let folder = tree().join("target/stories/stock-client");
    let _ = fs_err::remove_dir_all(&folder);
    let options = Options { data: folder.join("data"), minidistro: minidistro().unwrap(), port: 0 };
    let server = Server::start(&options).unwrap();
    let config = folder.join("alice.conf");
    server.add_user("alice", &config).unwrap();
    let copr_cli = |args: &[&str]| -> Output {
        let program = tree().join("target/venv/bin/copr-cli");
        run(Command::new(program).arg("--config").arg(&config).args(args)).unwrap()
    };

    let who = copr_cli(&["whoami"]);
    assert_eq!((who.code, who.stdout.trim()), (0, "alice"), "{}", who.text());
    let created = copr_cli(&["create", "libs", "--chroot", CHROOT]);
    assert_eq!(created.code, 0, "{}", created.text());
    let again = copr_cli(&["create", "libs", "--chroot", CHROOT]);
    assert_eq!(again.code, 1, "{}", again.text());
    assert!(again.text().contains("You already have a project named 'libs'"), "{}", again.text());

    let srpm = fixture_srpm("greet-library", &folder.join("srpms")).unwrap();
    let submitted = copr_cli(&["build", "--nowait", "libs", &srpm.display().to_string()]);
    assert_eq!(submitted.code, 0, "{}", submitted.text());
    let build = created_build(&submitted).unwrap();
    server.wait_for_state(build, &["succeeded"], Duration::from_secs(300)).unwrap();
    let watched = copr_cli(&["watch-build", &build.to_string()]);
    assert_eq!(watched.code, 0, "{}", watched.text());
    let status = copr_cli(&["status", &build.to_string()]);
    assert_eq!(status.stdout.trim(), "succeeded", "{}", status.text());
}

/// A builder that says what a story wants it to say.
struct Script {
    base: String,
    token: Secret,
}

impl Script {
    fn of(server: &Server) -> Self {
        let token = fs_err::read_to_string(server.options.data.join("builder-token")).unwrap();
        Self { base: format!("{}/builder/v1", server.url()), token: Secret::new(token.trim()) }
    }

    /// A call that must be answered with 200.
    fn call(&self, method: reqwest::Method, path: &str, body: Vec<u8>, sha256: &str) -> Value {
        let url = format!("{}/{path}", self.base);
        block_on(async {
            let request = reqwest::Client::new().request(method, &url).bearer_auth(self.token.expose());
            let answer = request.header("x-sha256", sha256).body(body).send().await?;
            let (status, text) = (answer.status(), answer.text().await?);
            assert_eq!(status.as_u16(), 200, "{url}: {text}");
            Ok(serde_json::from_str(&text)?)
        })
        .unwrap()
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.call(reqwest::Method::POST, path, body.to_string().into_bytes(), "")
    }

    fn lease(&self) -> Lease {
        serde_json::from_value(self.post("lease", &json!({ "builder": "script", "arches": ["x86_64"] }))).unwrap()
    }

    fn beat(&self, lease: &Lease, stage: &str) {
        self.post(&format!("lease/{}/heartbeat", lease.id), &json!({ "stage": stage }));
    }

    fn finish(&self, lease: &Lease, outcome: Outcome, results: Vec<ResultFile>) {
        let end = Finish { outcome, results, others: Vec::new() };
        self.post(&format!("lease/{}/finish", lease.id), &serde_json::to_value(end).unwrap());
    }

    /// Hands in a source package as what was made.
    fn made(&self, lease: &Lease, srpm: &Path) {
        let bytes = fs_err::read(srpm).unwrap();
        let (sum, size) = Checksum::of(ChecksumKind::Sha256, bytes.as_slice()).unwrap();
        let nevra = copr_rpm::Package::open(srpm).unwrap().nevra().unwrap();
        let file = srpm.file_name().unwrap().to_string_lossy().into_owned();
        self.call(reqwest::Method::PUT, &format!("lease/{}/result/{file}", lease.id), bytes, &sum.hex);
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
        self.finish(lease, Outcome::Succeeded, vec![claim]);
    }
}

fn method(lease: &Lease) -> SourceMethod {
    match &lease.work {
        Work::Source { method } => method.clone(),
        Work::Build { .. } => panic!("a source was to be made: {lease:?}"),
    }
}

/// The machines are played: what is shown is how copr-cli sees builds whose source is yet to be made, and what it may set.
#[test]
fn copr_cli_submits_urls_specs_and_git_repositories_and_sees_their_sources_being_made() {
    let folder = tree().join("target/stories/stock-client-sources");
    let _ = fs_err::remove_dir_all(&folder);
    let options = Options { data: folder.join("data"), minidistro: minidistro().unwrap(), port: 0 };
    fs_err::create_dir_all(&options.data).unwrap();
    fs_err::write(options.data.join("coprd.toml"), "[builder]\nenabled = false\n").unwrap();
    let server = Server::start(&options).unwrap();
    let config = folder.join("alice.conf");
    server.add_user("alice", &config).unwrap();
    let copr_cli = |args: &[&str]| -> Output {
        run(Command::new(tree().join("target/venv/bin/copr-cli")).arg("--config").arg(&config).args(args)).unwrap()
    };
    let done = |args: &[&str]| {
        let output = copr_cli(args);
        assert_eq!(output.code, 0, "{args:?}: {}", output.text());
        output
    };
    let script = Script::of(&server);
    let srpm: PathBuf = fixture_srpm("greet-library", &folder.join("srpms")).unwrap();

    done(&["create", "libs", "--chroot", CHROOT]);
    done(&["modify", "libs", "--enable-net", "on"]);
    let chroot = format!("libs/{CHROOT}");
    done(&[
        "edit-chroot",
        &chroot,
        "--packages",
        "gcc make",
        "--rpmbuild-with",
        "docs",
        "--repos",
        "https://x.org/?priority=5",
    ]);
    let shown: Value = serde_json::from_str(&done(&["get-chroot", &chroot]).stdout).unwrap();
    assert_eq!((&shown["additional_packages"], &shown["with_opts"]), (&json!(["gcc", "make"]), &json!(["docs"])));

    let clone = ["--clone-url", "https://example.org/greet.git", "--commit", "v1", "--method", "make_srpm"];
    let scm = done(&[["buildscm", "--nowait", "libs"].as_slice(), clone.as_slice()].concat());
    let id = created_build(&scm).unwrap();
    let status = || done(&["status", &id.to_string()]).stdout.trim().to_owned();
    assert_eq!(status(), "pending");
    let lease = script.lease();
    assert!(matches!(method(&lease), SourceMethod::Git { committish: Some(name), .. } if name == "v1"), "{lease:?}");
    assert_eq!(status(), "starting");
    script.beat(&lease, "building");
    assert_eq!(status(), "running");
    script.beat(&lease, "uploading");
    assert_eq!(status(), "importing");
    script.made(&lease, &srpm);
    assert_eq!(status(), "pending");
    let lease = script.lease();
    assert!(lease.settings.network && lease.extra_packages == ["gcc", "make"], "{lease:?}");
    assert!(lease.macros.iter().any(|(name, _)| name == "_with_docs"), "{lease:?}");
    assert!(lease.repositories.iter().any(|of| of.baseurl == "https://x.org/" && of.priority == 5), "{lease:?}");
    script.finish(&lease, Outcome::Skipped { message: "ExclusiveArch: s390x".to_owned() }, Vec::new());
    let watched = done(&["watch-build", &id.to_string()]);
    assert!(watched.text().contains("skipped"), "{}", watched.text());
    let listed = done(&["list-builds", "libs"]);
    assert!(listed.stdout.contains("skipped"), "{}", listed.text());
    done(&["edit-chroot", &chroot, "--reset", "with_opts", "--reset", "additional_repos"]);

    let url = done(&["build", "--nowait", "libs", "https://example.org/greet-1-1.src.rpm"]);
    let id = created_build(&url).unwrap();
    let lease = script.lease();
    assert!(matches!(method(&lease), SourceMethod::Url { url } if url == "https://example.org/greet-1-1.src.rpm"));
    script.finish(&lease, Outcome::UserFault { message: "The server said 404.".to_owned() }, Vec::new());
    let watched = copr_cli(&["watch-build", &id.to_string()]);
    assert_eq!(watched.code, 4, "{}", watched.text());

    let spec = folder.join("greet.spec");
    fs_err::write(&spec, "Name: greet\n").unwrap();
    done(&["build", "--nowait", "libs", &spec.display().to_string()]);
    let lease = script.lease();
    assert!(matches!(method(&lease), SourceMethod::Spec { spec, .. } if spec == "greet.spec"), "{lease:?}");
    script.made(&lease, &srpm);

    let svn = copr_cli(&["buildscm", "--nowait", "libs", "--clone-url", "https://example.org/x", "--type", "svn"]);
    assert!(svn.code == 1 && svn.text().contains("use git"), "{}", svn.text());
}
