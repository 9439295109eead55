//! Running programs: where ours are, and how a failure is told.

use std::{
    ffi::OsStr,
    io::{BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

/// The root of the source tree.
#[must_use]
pub fn tree() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// A release binary of ours, e.g. `coprd`; `COPR_BIN_DIR` names another folder than `target/release`.
///
/// # Errors
/// When it has not been built.
pub fn ours(name: &str) -> Result<PathBuf> {
    let folder = std::env::var_os("COPR_BIN_DIR").map_or_else(|| tree().join("target/release"), PathBuf::from);
    let path = folder.join(name);
    if !path.is_file() {
        bail!("{} is not there: run `cargo build --release` first", path.display());
    }
    Ok(path)
}

/// What a program left: its exit code and both its outputs.
#[derive(Debug, Clone)]
pub struct Output {
    /// Exit code; -1 when a signal ended it.
    pub code: i32,
    /// Standard output, lossily as text.
    pub stdout: String,
    /// Standard error, lossily as text.
    pub stderr: String,
}

impl Output {
    /// Both outputs, for messages and searches.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    /// The last line of standard output that is not empty.
    #[must_use]
    pub fn last_line(&self) -> &str {
        self.stdout.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default()
    }
}

/// Runs a command to its end, with nothing on standard input.
///
/// # Errors
/// When it cannot be started.
pub fn run(command: &mut Command) -> Result<Output> {
    let shown = show(command);
    let done = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {shown}"))?;
    Ok(output_of(&done))
}

fn output_of(done: &std::process::Output) -> Output {
    Output {
        code: done.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&done.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&done.stderr).into_owned(),
    }
}

/// Runs a command to its end with a text on standard input: the answers to its questions.
///
/// # Errors
/// When it cannot be started.
pub fn run_with_input(command: &mut Command, input: &str) -> Result<Output> {
    let shown = show(command);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {shown}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that asks nothing may have ended before; the few bytes of answers never fill the pipe.
        let _ = stdin.write_all(input.as_bytes());
    }
    Ok(output_of(&child.wait_with_output()?))
}

/// Runs a command that must end with 0.
///
/// # Errors
/// When it cannot be started or ends with anything else; the message has its output.
pub fn run_ok(command: &mut Command) -> Result<Output> {
    let shown = show(command);
    let output = run(command)?;
    if output.code != 0 {
        bail!("{shown} ended with {}:\n{}", output.code, output.text());
    }
    Ok(output)
}

/// Runs a command and hands every line of both its outputs to `line` as it comes.
///
/// # Errors
/// When it cannot be started.
pub fn run_live(command: &mut Command, mut line: impl FnMut(&str)) -> Result<Output> {
    let shown = show(command);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {shown}"))?;
    let stderr = child.stderr.take().context("no standard error")?;
    let errors = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = BufReader::new(stderr).read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    });
    let mut stdout = String::new();
    let mut reader = BufReader::new(child.stdout.take().context("no standard output")?);
    let mut bytes = Vec::new();
    while reader.read_until(b'\n', &mut bytes)? > 0 {
        let text = String::from_utf8_lossy(&bytes);
        line(text.trim_end());
        stdout.push_str(&text);
        bytes.clear();
    }
    let code = child.wait()?.code().unwrap_or(-1);
    let stderr = errors.join().unwrap_or_default();
    stderr.lines().for_each(&mut line);
    Ok(Output { code, stdout, stderr })
}

/// A command that needs root: as it is for root, through `sudo -n` for others.
#[must_use]
pub fn privileged(program: impl AsRef<OsStr>) -> Command {
    if is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("sudo");
    command.args(["-n", "-E"]).arg(program);
    command
}

/// Whether this process runs as root.
#[must_use]
pub fn is_root() -> bool {
    fs_err::read_to_string("/proc/self/status")
        .is_ok_and(|status| status.lines().any(|line| line.starts_with("Uid:\t0\t")))
}

/// `make minidistro`'s folder: from `COPR_MINIDISTRO`, or made or found now.
///
/// # Errors
/// When it cannot be made.
pub fn minidistro() -> Result<PathBuf> {
    if let Some(folder) = std::env::var_os("COPR_MINIDISTRO").filter(|folder| !folder.is_empty()) {
        return Ok(folder.into());
    }
    let made = run_ok(Command::new(tree().join("tests/minidistro/make")).arg("--copr-repo").arg(ours("copr-repo")?))?;
    Ok(made.last_line().into())
}

/// Builds the SRPM of a fixture (`tests/fixtures/NAME`) into a folder, and gives its path.
///
/// # Errors
/// When the fixture does not exist or its source cannot be had.
pub fn fixture_srpm(name: &str, folder: &Path) -> Result<PathBuf> {
    fs_err::create_dir_all(folder)?;
    let made = run_ok(Command::new(tree().join("tests/fixtures/make-srpm")).arg(name).arg(folder))?;
    Ok(made.last_line().into())
}

/// Builds the SRPM of a noarch package that has nothing in it, with more lines in its preamble, and gives its path.
///
/// # Errors
/// When rpmbuild fails.
pub fn empty_srpm(name: &str, version: &str, preamble: &str, folder: &Path) -> Result<PathBuf> {
    let top = folder.join(format!("{name}-{version}"));
    fs_err::create_dir_all(&top)?;
    let spec = top.join(format!("{name}.spec"));
    let text = format!(
        "Name: {name}\nVersion: {version}\nRelease: 1\nSummary: It is empty\nLicense: MIT\nBuildArch: noarch\n{preamble}\n\
         %description\nIt is empty.\n%files\n"
    );
    fs_err::write(&spec, text)?;
    let define = |name: &str| format!("{name} {}", top.display());
    let mut rpmbuild = Command::new("rpmbuild");
    rpmbuild.args(["-bs", "--nodeps", "--define", &define("_topdir"), "--define", &define("_srcrpmdir")]).arg(&spec);
    run_ok(&mut rpmbuild)?;
    Ok(top.join(format!("{name}-{version}-1.src.rpm")))
}

fn show(command: &Command) -> String {
    let words: Vec<_> =
        std::iter::once(command.get_program()).chain(command.get_args()).map(OsStr::to_string_lossy).collect();
    words.join(" ")
}
