//! The machine's own dnf 4 on a scratch installroot, with our plugin loaded from the tree.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::programs::{Output, privileged, run, run_with_input, tree};

/// The folder with our plugin, as dnf's `pluginpath` takes it.
///
/// # Errors
/// When the plugin is not prepared (`make plugin`).
pub fn plugins() -> Result<PathBuf> {
    let plugins = tree().join("target/plugin/plugins");
    if !plugins.join("copr_chain.py").is_file() {
        bail!("{} has no copr_chain.py: run `make plugin` first", plugins.display());
    }
    Ok(plugins)
}

/// A scratch installroot, a home and a plugin configuration; nothing of the machine's own is read or written.
pub struct Dnf {
    folder: PathBuf,
    pluginpath: String,
}

impl Dnf {
    /// Makes the installroot below `folder`, with the distribution's own repository in it, and a hub called `demo`.
    ///
    /// # Errors
    /// When the plugin is not prepared (`make plugin`) or the folder cannot be written.
    pub fn new(folder: &Path, minidistro: &Path, hub: &str) -> Result<Self> {
        let plugins = plugins()?;
        let (host, port) = hub.trim_start_matches("http://").split_once(':').context("the hub's URL has no port")?;
        let root = folder.join("root");
        fs_err::create_dir_all(root.join("etc/yum.repos.d"))?;
        fs_err::write(
            root.join("etc/yum.repos.d/minidistro.repo"),
            format!("[minidistro]\nname=minidistro\nbaseurl=file://{}\ngpgcheck=0\nenabled=1\n", minidistro.display()),
        )?;
        fs_err::create_dir_all(folder.join("pluginconf/copr.d"))?;
        fs_err::write(folder.join("pluginconf/copr.conf"), "[main]\ndistribution = minidistro\nreleasever = 12\n")?;
        fs_err::write(
            folder.join("pluginconf/copr.d/demo.conf"),
            format!("[demo]\nhostname = {host}\nprotocol = http\nport = {port}\n"),
        )?;
        fs_err::create_dir_all(folder.join("home"))?;
        // Debian's rpm keeps its database in the home folder unless told otherwise.
        fs_err::write(folder.join("home/.rpmmacros"), "%_dbpath /var/lib/rpm\n")?;
        fs_err::write(folder.join("dnf.conf"), "[main]\ngpgcheck=0\ninstall_weak_deps=0\n")?;
        Ok(Self { folder: folder.to_owned(), pluginpath: plugins.display().to_string() })
    }

    /// The installroot.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        self.folder.join("root")
    }

    /// Runs `dnf -y ARGS` on the installroot.
    ///
    /// # Errors
    /// When dnf cannot be started.
    pub fn run(&self, args: &[&str]) -> Result<Output> {
        run(self.command().arg("-y").args(args))
    }

    /// Runs `dnf ARGS` on the installroot; the text answers its questions.
    ///
    /// # Errors
    /// When dnf cannot be started.
    pub fn ask(&self, args: &[&str], answers: &str) -> Result<Output> {
        run_with_input(self.command().args(args), answers)
    }

    fn command(&self) -> Command {
        let setopt = |name: &str, value: String| format!("--setopt={name}={value}");
        let home = self.folder.join("home");
        let mut command = privileged("env");
        command
            .arg(format!("HOME={}", home.display()))
            .args(["LC_ALL=C.UTF-8", "dnf", "--releasever=12", "--config"])
            .arg(self.folder.join("dnf.conf"))
            .arg(format!("--installroot={}", self.root().display()))
            .arg(setopt("reposdir", self.root().join("etc/yum.repos.d").display().to_string()))
            .arg(setopt("pluginpath", self.pluginpath.clone()))
            .arg(setopt("pluginconfpath", self.folder.join("pluginconf").display().to_string()));
        command
    }

    /// Runs a program that was installed, in a chroot of the installroot.
    ///
    /// # Errors
    /// When chroot cannot be started.
    pub fn run_installed(&self, args: &[&str]) -> Result<Output> {
        run(privileged("chroot").arg(self.root()).args(args))
    }

    /// The .repo files of the installroot by name, sorted, without the distribution's own.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn repo_files(&self) -> Result<Vec<(String, String)>> {
        let mut files = Vec::new();
        for entry in fs_err::read_dir(self.root().join("etc/yum.repos.d"))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name != "minidistro.repo" {
                files.push((name, fs_err::read_to_string(entry.path())?));
            }
        }
        files.sort();
        Ok(files)
    }
}

/// Command for looking into a folder that root may own.
#[must_use]
pub fn remove_tree(folder: &Path) -> Command {
    let mut command = privileged("rm");
    command.arg("-rf").arg("--one-file-system").arg(folder);
    command
}
