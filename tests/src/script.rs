//! A builder that says what a story wants it to say: the server and its clients are real, the machines are played.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use copr_api::{
    builder::{Finish, Lease, Outcome, ResultFile, SourceMethod, Work},
    names::Secret,
};
use copr_repodata::{Checksum, ChecksumKind};
use serde_json::{Value, json};

use crate::{
    programs::run_ok,
    server::{Server, block_on},
};

/// The played builder. Its server has `enabled = false` under `[builder]`, or they would compete.
pub struct Script {
    base: String,
    token: Secret,
}

impl Script {
    /// A builder of that server.
    ///
    /// # Errors
    /// When the server has no token for builders.
    pub fn of(server: &Server) -> Result<Self> {
        let token = fs_err::read_to_string(server.options.data.join("builder-token"))?;
        Ok(Self { base: format!("{}/builder/v1", server.url()), token: Secret::new(token.trim()) })
    }

    /// A call that must be answered with 200.
    fn call(&self, method: reqwest::Method, path: &str, body: Vec<u8>, sha256: &str) -> Result<Value> {
        let url = format!("{}/{path}", self.base);
        block_on(async {
            let request = reqwest::Client::new().request(method, &url).bearer_auth(self.token.expose());
            let answer = request.header("x-sha256", sha256).body(body).send().await?;
            let (status, text) = (answer.status(), answer.text().await?);
            ensure!(status.as_u16() == 200, "{url} answered {status}: {text}");
            Ok(serde_json::from_str(&text)?)
        })
    }

    fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.call(reqwest::Method::POST, path, body.to_string().into_bytes(), "")
    }

    /// Takes the next job.
    ///
    /// # Errors
    /// When there is none.
    pub fn lease(&self) -> Result<Lease> {
        Ok(serde_json::from_value(self.post("lease", &json!({ "builder": "script", "arches": ["x86_64"] }))?)?)
    }

    /// Says that the job's machine is in a stage.
    ///
    /// # Errors
    /// When the server does not take it.
    pub fn beat(&self, lease: &Lease, stage: &str) -> Result<()> {
        self.post(&format!("lease/{}/heartbeat", lease.id), &json!({ "stage": stage })).map(drop)
    }

    /// Ends a job without any file.
    ///
    /// # Errors
    /// When the server does not take it.
    pub fn finish(&self, lease: &Lease, outcome: Outcome) -> Result<()> {
        self.end(lease, outcome, Vec::new())
    }

    fn end(&self, lease: &Lease, outcome: Outcome, results: Vec<ResultFile>) -> Result<()> {
        let end = Finish { outcome, results, others: Vec::new(), shadows: Vec::new() };
        self.post(&format!("lease/{}/finish", lease.id), &serde_json::to_value(end)?).map(drop)
    }

    /// Hands in packages as what was made: a source package, or what was built of one, and that one.
    ///
    /// # Errors
    /// When a file is no package, or the server does not take it.
    pub fn made(&self, lease: &Lease, packages: &[&Path]) -> Result<()> {
        let mut results = Vec::new();
        for path in packages {
            let bytes = fs_err::read(path)?;
            let (sum, size) = Checksum::of(ChecksumKind::Sha256, bytes.as_slice())?;
            let package = copr_rpm::Package::open(path)?;
            let nevra = package.nevra()?;
            let file = path.file_name().context("a package has a name")?.to_string_lossy().into_owned();
            self.call(reqwest::Method::PUT, &format!("lease/{}/result/{file}", lease.id), bytes, &sum.hex)?;
            results.push(ResultFile {
                file,
                size,
                sha256: sum.hex,
                name: nevra.name,
                epoch: nevra.epoch,
                version: nevra.version,
                release: nevra.release,
                arch: if package.is_source() { "src".to_owned() } else { nevra.arch },
            });
        }
        self.end(lease, Outcome::Succeeded, results)
    }
}

/// How the source of a lease is made.
///
/// # Errors
/// When it is no lease for a source.
pub fn method(lease: &Lease) -> Result<SourceMethod> {
    match &lease.work {
        Work::Source { method } => Ok(method.clone()),
        Work::Build { .. } => anyhow::bail!("a source was to be made: {lease:?}"),
    }
}

/// Builds the packages of a `noarch` source package with this machine's own rpmbuild, and gives their paths.
///
/// # Errors
/// When that fails.
pub fn rebuilt(srpm: &Path, folder: &Path) -> Result<Vec<PathBuf>> {
    fs_err::create_dir_all(folder)?;
    let define = |name: &str, value: String| ["--define".to_owned(), format!("{name} {value}")];
    let topdir = folder.join("rpmbuild");
    run_ok(
        std::process::Command::new("rpmbuild")
            .args(["--rebuild", "--nodeps", "--quiet"])
            .args(define("_topdir", topdir.display().to_string()))
            .args(define("_rpmdir", folder.display().to_string()))
            .args(define("_rpmfilename", "%%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm".to_owned()))
            .args(define("dist", "%{nil}".to_owned()))
            .arg(srpm),
    )?;
    let mut made = Vec::new();
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "rpm") {
            made.push(path);
        }
    }
    made.sort();
    ensure!(!made.is_empty(), "rpmbuild made no package of {}", srpm.display());
    Ok(made)
}
