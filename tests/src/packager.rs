//! A packager at work: the unmodified copr-cli of PyPI, or our `copr`, with one user's configuration.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

use crate::programs::{Output, ours, run, run_with_input, tree};

/// A client and the configuration file of its user.
#[derive(Debug, Clone)]
pub struct Packager {
    program: PathBuf,
    config: PathBuf,
}

impl Packager {
    /// copr-cli as PyPI has it.
    #[must_use]
    pub fn stock(config: &Path) -> Self {
        Self { program: tree().join("target/venv/bin/copr-cli"), config: config.to_owned() }
    }

    /// Our `copr`.
    ///
    /// # Errors
    /// When it has not been built.
    pub fn ours(config: &Path) -> Result<Self> {
        Ok(Self { program: ours("copr")?, config: config.to_owned() })
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--config").arg(&self.config).args(args);
        command
    }

    /// Runs it to its end, whatever that is.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn run(&self, args: &[&str]) -> Result<Output> {
        run(&mut self.command(args))
    }

    /// Runs it with answers to its questions.
    ///
    /// # Errors
    /// When it cannot be started, or does not end with 0.
    pub fn answered(&self, args: &[&str], answers: &str) -> Result<Output> {
        let output = run_with_input(&mut self.command(args), answers)?;
        ensure!(output.code == 0, "{args:?} ended with {}: {}", output.code, output.text());
        Ok(output)
    }

    /// Runs what must end with 0.
    ///
    /// # Errors
    /// When it does not; the message has its output.
    pub fn done(&self, args: &[&str]) -> Result<Output> {
        self.ends(0, args, "")
    }

    /// Runs what must end with an exit code and say a text.
    ///
    /// # Errors
    /// When it does not; the message has its output.
    pub fn ends(&self, code: i32, args: &[&str], text: &str) -> Result<Output> {
        let output = self.run(args)?;
        ensure!(output.code == code, "{args:?} ended with {}, not {code}: {}", output.code, output.text());
        ensure!(output.text().contains(text), "{args:?} does not say {text:?}: {}", output.text());
        Ok(output)
    }

    /// What must end with 0 and print JSON.
    ///
    /// # Errors
    /// When it does not.
    pub fn json(&self, args: &[&str]) -> Result<serde_json::Value> {
        let output = self.done(args)?;
        serde_json::from_str(&output.stdout).with_context(|| format!("{args:?} printed no JSON: {}", output.text()))
    }

    /// Submits without waiting, and gives the numbers of the builds.
    ///
    /// # Errors
    /// When that fails, or no number is named.
    pub fn submitted(&self, args: &[&str]) -> Result<Vec<i64>> {
        let output = self.done(&[args, &["--nowait"]].concat())?;
        let line = output.stdout.lines().find_map(|line| line.strip_prefix("Created builds: "));
        let numbers = line.with_context(|| format!("{args:?} named no build: {}", output.text()))?;
        numbers.split_whitespace().map(|number| Ok(number.parse()?)).collect()
    }

    /// The state of a build, in the client's word.
    ///
    /// # Errors
    /// When it knows no such build.
    pub fn status(&self, build: i64) -> Result<String> {
        Ok(self.done(&["status", &build.to_string()])?.stdout.trim().to_owned())
    }
}
