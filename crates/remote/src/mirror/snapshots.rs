//! A mirror that keeps its past: one folder a moment, unchanged files shared by hard links, `current` leading to the last.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::{
    error::MirrorError,
    switch::sync_folder,
    work::{FOLDER, Work, remove_folder},
};

/// The link to the newest snapshot.
const CURRENT: &str = "current";

/// How snapshots are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshots {
    /// The name of the snapshot that is made if anything changed: a plain file name.
    pub name: String,
    /// How many stay, the new one among them; `None` for all.
    pub keep: Option<usize>,
}

impl Snapshots {
    /// Refuses names that cannot be a folder beside the others.
    pub(crate) fn check(&self) -> Result<(), MirrorError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '+');
        let name = &self.name;
        if name.is_empty() || name.len() > 200 || name.starts_with('.') || name == CURRENT || !name.chars().all(plain) {
            return Err(MirrorError::Options(format!("{name:?} cannot be the name of a snapshot")));
        }
        if self.keep == Some(0) {
            return Err(MirrorError::Options("at least one snapshot has to be kept".to_owned()));
        }
        Ok(())
    }
}

/// The folder of the newest snapshot, if there is one.
pub(crate) fn current(dir: &Path) -> Option<PathBuf> {
    let target = std::fs::read_link(dir.join(CURRENT)).ok()?;
    let name = target.to_str().filter(|name| !name.contains('/') && !name.starts_with('.'))?;
    Some(dir.join(name)).filter(|path| path.is_dir())
}

/// Gives a finished snapshot its name, makes it the current one, and removes those that are too many. Gives their names.
pub(crate) fn publish(work: &Work, made: &Path, snapshots: &Snapshots) -> Result<Vec<String>, MirrorError> {
    let place = work.dir.join(&snapshots.name);
    if place.symlink_metadata().is_ok() {
        let name = &snapshots.name;
        return Err(MirrorError::Options(format!(
            "{} has a {name} already; name the snapshot otherwise",
            work.dir.display()
        )));
    }
    let mut names: Vec<String> = work.read("snapshots").lines().map(str::to_owned).collect();
    names.retain(|name| *name != snapshots.name && is_ours(&work.dir, name));
    names.push(snapshots.name.clone());
    let write = |names: &[String]| work.write("snapshots", format!("{}\n", names.join("\n")).as_bytes());
    // First, so that a crash leaves none that nobody removes.
    write(&names)?;
    work.sync()?;
    fs_err::rename(made, &place)?;
    let link = work.path("current");
    match fs_err::remove_file(&link) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    fs_err::os::unix::fs::symlink(&snapshots.name, &link)?;
    fs_err::rename(&link, work.dir.join(CURRENT))?;
    sync_folder(&work.dir)?;
    let surplus = names.len().saturating_sub(snapshots.keep.unwrap_or(usize::MAX));
    let removed: Vec<String> = names.drain(..surplus).collect();
    for name in &removed {
        // First out of sight, so that nobody sees half of it.
        fs_err::rename(work.dir.join(name), work.path("removed"))?;
        remove_folder(&work.path("removed"))?;
    }
    if !removed.is_empty() {
        write(&names)?;
    }
    Ok(removed)
}

/// Whether a name of the list can be a snapshot of ours: a folder, not a link, beside the others.
fn is_ours(dir: &Path, name: &str) -> bool {
    !name.is_empty()
        && !name.contains('/')
        && !name.starts_with('.')
        && name != FOLDER
        && dir.join(name).symlink_metadata().is_ok_and(|about| about.is_dir())
}
