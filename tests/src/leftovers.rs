//! What builds may leave on the host: nothing.

use std::{
    collections::BTreeSet,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Result;

use crate::{PATIENCE, server::Server};

/// The processes, mounts, groups of processes, and files that a server and its builder have, but for what is kept on purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftovers(BTreeSet<String>);

impl Leftovers {
    /// What is there once the builder is at rest: children of the server's that still end are waited for, for a while.
    ///
    /// # Errors
    /// When /proc or the server's folders cannot be read.
    pub fn of(server: &Server, folder: &Path) -> Result<Self> {
        let began = Instant::now();
        let mut found = Self::now(server, folder)?;
        while found.0.iter().any(|line| line.starts_with("process")) && began.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(100));
            found = Self::now(server, folder)?;
        }
        Ok(found)
    }

    fn now(server: &Server, folder: &Path) -> Result<Self> {
        let mut found = BTreeSet::new();
        let place = folder.display().to_string();
        for (pid, parent, command) in processes()? {
            let ours = parent == server.pid() || (command.contains(&place) && pid != std::process::id());
            // Those that sign live as long as their server.
            let stays = pid == server.pid() || (parent == server.pid() && command.contains("coprd signer --key "));
            if ours && !stays {
                found.insert(format!("process {pid}: {command}"));
            }
        }
        for line in fs_err::read_to_string("/proc/self/mountinfo")?.lines().filter(|line| line.contains(&place)) {
            found.insert(format!("mount {line}"));
        }
        // Results and logs are kept, and the cache is; nothing else is.
        let data = &server.options.data;
        for kept in ["work", "store/incoming"] {
            entries(&data.join(kept), &mut found)?;
        }
        for line in fs_err::read_dir(folder)? {
            found.insert(format!("file {}", line?.path().display()));
        }
        Ok(Self(found))
    }

    /// What is here and was not there.
    #[must_use]
    pub fn beyond(&self, before: &Self) -> Vec<String> {
        self.0.difference(&before.0).map(|line| format!("left behind: {line}")).collect()
    }
}

/// Every file and folder below `folder`.
fn entries(folder: &Path, found: &mut BTreeSet<String>) -> Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        found.insert(format!("file {}", entry.path().display()));
        if entry.file_type()?.is_dir() {
            entries(&entry.path(), found)?;
        }
    }
    Ok(())
}

/// Number, parent and command line of every process.
fn processes() -> Result<Vec<(u32, u32, String)>> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir("/proc")? {
        let path = entry?.path();
        let Some(pid) = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse().ok()) else {
            continue;
        };
        // One that has ended meanwhile is none.
        let (Ok(stat), Ok(command)) = (fs_err::read_to_string(path.join("stat")), fs_err::read(path.join("cmdline")))
        else {
            continue;
        };
        // Behind the name, which is in brackets and may hold anything: state, parent.
        let parent = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse().ok());
        found.push((pid, parent.unwrap_or(0), String::from_utf8_lossy(&command).replace('\0', " ")));
    }
    Ok(found)
}
