//! What is named by URL, brought onto this machine.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use copr_remote::{Remote, RemoteOptions, RepoUrl};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::values::is_url;

/// Size in bytes that a comps.xml may have.
const COMPS: u64 = 64 << 20;

/// Fetches into a temporary folder, which goes with it.
#[derive(Debug, Default)]
pub(super) struct Fetcher {
    network: Option<Network>,
    fetched: usize,
}

#[derive(Debug)]
struct Network {
    runtime: Runtime,
    remote: Remote,
    folder: TempDir,
}

impl Fetcher {
    /// The folder of a repository: the path itself, or its verified metadata, fetched.
    pub(super) fn repository(&mut self, name: &str) -> Result<PathBuf> {
        match name.strip_prefix("file://") {
            Some(path) => return Ok(path.into()),
            None if !is_url(name) => return Ok(name.into()),
            None => {}
        }
        let url: RepoUrl = name.parse()?;
        let into = self.place()?;
        let network = self.network()?;
        // Databases and zchunk copies repeat what the XML files have.
        let wanted = |kind: &str| !kind.ends_with("_db") && !kind.ends_with("_zck");
        network.runtime.block_on(network.remote.mirror_metadata(&url, &into, wanted))?;
        Ok(into)
    }

    /// One file: the path itself, or a copy of what the URL names.
    pub(super) fn file(&mut self, name: &str) -> Result<PathBuf> {
        match name.strip_prefix("file://") {
            Some(path) => return Ok(path.into()),
            None if !is_url(name) => return Ok(name.into()),
            None => {}
        }
        let url: RepoUrl = name.parse()?;
        let folder = self.place()?;
        let network = self.network()?;
        let bytes = network.runtime.block_on(network.remote.download(&url, COMPS))?;
        // Its name tells what it is called in the repository and how it is compressed.
        let last = name.rsplit('/').next().filter(|last| !matches!(*last, "" | "." | "..")).unwrap_or("comps.xml");
        fs_err::create_dir_all(&folder)?;
        let path = folder.join(Path::new(last).file_name().unwrap_or("comps.xml".as_ref()));
        fs_err::write(&path, bytes)?;
        Ok(path)
    }

    /// A folder of its own for each thing.
    fn place(&mut self) -> Result<PathBuf> {
        self.fetched += 1;
        let number = self.fetched;
        Ok(self.network()?.folder.path().join(number.to_string()))
    }

    /// Set up when the first thing is fetched: most runs need none.
    fn network(&mut self) -> Result<&Network> {
        if self.network.is_none() {
            let folder = tempfile::Builder::new().prefix("copr-repo-").tempdir()?;
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let remote = Remote::new(RemoteOptions::new(folder.path().join("cache")))?;
            self.network = Some(Network { runtime, remote, folder });
        }
        self.network.as_ref().context("no network")
    }
}
