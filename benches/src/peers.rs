//! The programs that are compared: ours and the established ones, as far as they are installed.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, bail};

/// Where `createrepo_rs` is installed for the benchmark, below the source tree.
const CREATEREPO_RS: &str = "target/bench/createrepo_rs";

/// A set of programs of one release, named as `createrepo_c` names its own.
#[derive(Debug, Clone)]
pub struct Suite {
    /// `createrepo_c 1.2.5`.
    pub name: String,
    folder: Option<PathBuf>,
    /// Whether it knows zstd: from 1.0 on.
    pub zstd: bool,
}

impl Suite {
    /// The path of one of its programs, or its name if it is in `PATH`.
    #[must_use]
    pub fn program(&self, name: &str) -> PathBuf {
        self.folder.as_ref().map_or_else(|| name.into(), |folder| folder.join(name))
    }
}

/// The source tree that this was built from.
///
/// # Errors
/// Never in a complete source tree.
pub fn tree() -> Result<&'static Path> {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("no source tree")
}

/// Our toolkit: `COPR_REPO_BIN`, or what `make build` made.
///
/// # Errors
/// It is not there.
pub fn copr_repo() -> Result<PathBuf> {
    let program = match env::var_os("COPR_REPO_BIN").filter(|program| !program.is_empty()) {
        Some(program) => PathBuf::from(program),
        None => tree()?.join("target/release/copr-repo"),
    };
    if !program.is_file() {
        bail!("there is no {}; run `make build`, or name the program in COPR_REPO_BIN", program.display());
    }
    Ok(program)
}

/// The `createrepo_c` that are installed: PyPI's in `target/venv`, then the distribution's.
///
/// # Errors
/// The source tree is incomplete.
pub fn createrepo_c() -> Result<Vec<Suite>> {
    let wheel = packages_of_venv(tree()?).map(|packages| packages.join("createrepo_c/data/bin"));
    let folders = wheel.filter(|folder| folder.is_dir()).map(Some).into_iter().chain([None]);
    Ok(folders.filter_map(suite).collect())
}

/// The wheel's programs themselves, without the Python script in `bin` that starts them.
fn packages_of_venv(tree: &Path) -> Option<PathBuf> {
    let versions = fs_err::read_dir(tree.join("target/venv/lib")).ok()?;
    versions.filter_map(Result::ok).map(|entry| entry.path().join("site-packages")).find(|path| path.is_dir())
}

fn suite(folder: Option<PathBuf>) -> Option<Suite> {
    let mut suite = Suite { name: String::new(), folder, zstd: false };
    let output = Command::new(suite.program("createrepo_c")).arg("--version").output().ok()?;
    // `Version: 1.2.5 (Features: ...)`
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = text.split_whitespace().nth(1)?;
    suite.zstd = !version.starts_with("0.");
    suite.name = format!("createrepo_c {version}");
    Some(suite)
}

/// The Python that has the wheel's module.
///
/// # Errors
/// The source tree is incomplete.
pub fn python() -> Result<Option<PathBuf>> {
    let python = tree()?.join("target/venv/bin/python");
    Ok(Some(python).filter(|python| python.is_file()))
}

/// The crate `createrepo_rs`, when `COPR_BENCH_CREATEREPO_RS` is set; installed by cargo if it is not there yet.
///
/// # Errors
/// It cannot be installed.
pub fn createrepo_rs() -> Result<Option<PathBuf>> {
    if env::var_os("COPR_BENCH_CREATEREPO_RS").is_none_or(|wish| wish.is_empty()) {
        return Ok(None);
    }
    let root = tree()?.join(CREATEREPO_RS);
    let program = root.join("bin/createrepo_rs");
    if !program.is_file() {
        let status = Command::new("cargo").args(["install", "createrepo_rs", "--root"]).arg(&root).status();
        if !status.context("cannot start cargo")?.success() {
            bail!("cargo could not install createrepo_rs; unset COPR_BENCH_CREATEREPO_RS to go without it");
        }
    }
    Ok(Some(program))
}

/// `createrepo_rs` 0.1.9 waits for ever on more than about 500 packages with 2 workers.
pub const CREATEREPO_RS_LIMIT: Duration = Duration::from_secs(60);
