//! The stock dnf 4 copr plugin as the distribution ships it, in a mount namespace with an /etc of its own.
//!
//! That plugin knows no other folders than those below /etc. Here a folder is mounted over /etc for the one process, so that
//! the machine's own is neither read nor written, and what the plugin reads and writes is what a test made and finds.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::programs::{Output, privileged, run_with_input};

/// Where the distribution's package puts the plugin.
const PLUGIN: &str = "/usr/lib/python3/dist-packages/dnf-plugins/copr.py";

/// What Fedora's plugin takes for Fedora 44.
const FEDORA: &str = "NAME=\"Fedora Linux\"\nVERSION=\"44 (Test)\"\nVERSION_ID=44\nID=fedora\n";

/// A machine with the stock plugin: its /etc, its caches, and a root to install into.
pub struct Stock {
    folder: PathBuf,
    /// Where dnf looks for plugins.
    plugins: Vec<PathBuf>,
}

impl Stock {
    /// Makes it below `folder`: a Fedora 44 by its os-release, with a hub called `demo`.
    ///
    /// # Errors
    /// When the plugin is not what the distribution shipped, or the folder cannot be written.
    pub fn new(folder: &Path, hub: &str) -> Result<Self> {
        let shipped = crate::programs::run_ok(std::process::Command::new("dpkg").args(["--search", PLUGIN]))?;
        let package = shipped.stdout.split(':').next().unwrap_or_default();
        let changed = crate::programs::run(std::process::Command::new("dpkg").args(["--verify", package]))?;
        ensure!(!changed.text().contains(PLUGIN), "{PLUGIN} is not as {package} shipped it: {}", changed.text());

        let (host, port) = hub.trim_start_matches("http://").split_once(':').context("the hub's URL has no port")?;
        let etc = folder.join("etc");
        fs_err::create_dir_all(etc.join("yum.repos.d"))?;
        fs_err::create_dir_all(etc.join("dnf/plugins/copr.d"))?;
        fs_err::create_dir_all(folder.join("home"))?;
        for (file, text) in [
            ("os-release", FEDORA.to_owned()),
            ("passwd", "root:x:0:0:root:/root:/bin/sh\n".to_owned()),
            ("group", "root:x:0:\n".to_owned()),
            // Another plugin of that package, which does not do without a list of its own.
            ("dnf/plugins/versionlock.conf", "[main]\nenabled = 0\n".to_owned()),
            ("dnf/dnf.conf", "[main]\ngpgcheck=0\ninstall_weak_deps=0\n".to_owned()),
            ("dnf/plugins/copr.d/demo.conf", format!("[demo]\nhostname = {host}\nprotocol = http\nport = {port}\n")),
        ] {
            fs_err::write(etc.join(file), text)?;
        }
        // Debian's rpm keeps its database in the home folder unless told otherwise.
        fs_err::write(folder.join("home/.rpmmacros"), "%_dbpath /var/lib/rpm\n")?;
        let plugins = vec![Path::new(PLUGIN).with_file_name("")];
        Ok(Self { folder: folder.to_owned(), plugins })
    }

    /// The same machine with the plugins of another folder besides.
    #[must_use]
    pub fn with_plugins(&self, folder: &Path) -> Self {
        Self { folder: self.folder.clone(), plugins: [&self.plugins[..], &[folder.to_owned()]].concat() }
    }

    /// The root that [`Self::install`] installs into.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        self.folder.join("root")
    }

    /// Runs `dnf copr ARGS`; the text answers its questions.
    ///
    /// # Errors
    /// When dnf cannot be started.
    pub fn copr(&self, args: &[&str], answers: &str) -> Result<Output> {
        self.dnf(&[&["copr"], args].concat(), answers)
    }

    /// Runs `dnf -y install PACKAGES` into the root, from the repositories of this /etc alone.
    ///
    /// # Errors
    /// When dnf cannot be started.
    pub fn install(&self, packages: &[&str]) -> Result<Output> {
        let root = format!("--installroot={}", self.root().display());
        let fixed = ["-y", "--releasever=12", "--setopt=reposdir=/etc/yum.repos.d", &root, "install"];
        self.dnf(&[&fixed, packages].concat(), "")
    }

    /// Runs dnf with this folder's /etc.
    fn dnf(&self, args: &[&str], answers: &str) -> Result<Output> {
        let setopt = |name: &str, folder: &str| format!("--setopt={name}={}", self.folder.join(folder).display());
        let plugins: Vec<_> = self.plugins.iter().map(|folder| folder.display().to_string()).collect();
        let mut command = privileged("unshare");
        command
            .args(["--mount", "sh", "-c", "mount --bind \"$0\" /etc && exec \"$@\""])
            .arg(self.folder.join("etc"))
            .arg("env")
            .arg(format!("HOME={}", self.folder.join("home").display()))
            .args(["LC_ALL=C.UTF-8", "dnf", "--releasever=44"])
            .arg(format!("--setopt=pluginpath={}", plugins.join(",")))
            .args([setopt("cachedir", "cache"), setopt("logdir", "log"), setopt("persistdir", "persist")])
            .args(args);
        run_with_input(&mut command, answers)
    }

    /// A repository that is there from the beginning.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn add_repository(&self, id: &str, folder: &Path) -> Result<()> {
        let text = format!("[{id}]\nname={id}\nbaseurl=file://{}\ngpgcheck=0\nenabled=1\n", folder.display());
        Ok(fs_err::write(self.folder.join(format!("etc/yum.repos.d/{id}.repo")), text)?)
    }

    /// The .repo files that the plugin wrote, by name, sorted.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn repo_files(&self) -> Result<Vec<(String, String)>> {
        let mut files = Vec::new();
        for entry in fs_err::read_dir(self.folder.join("etc/yum.repos.d"))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with('_') {
                files.push((name, fs_err::read_to_string(entry.path())?));
            }
        }
        files.sort();
        Ok(files)
    }
}
