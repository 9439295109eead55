//! Logs of running builds: appended at an offset, readable in the build's results folder from the first byte.

use std::{
    io::{self, Write as _},
    path::Path,
};

use super::{Store, remove};

/// The logs that a build has; no other name is taken.
pub const LOG_NAMES: &[&str] =
    &["builder-live.log", "build.log", "root.log", "state.log", "hw_info.log", "installed_pkgs.log"];

/// What an append found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Append {
    /// Written; the log is so long now.
    Done(u64),
    /// The log is so long, and the offset was another number.
    Elsewhere(u64),
}

impl Store {
    /// Appends to a log in a build's folder when `offset` is its length. What goes beyond `limit` is dropped, and counts as written.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn append_log(&self, folder: &Path, name: &str, offset: u64, bytes: &[u8], limit: u64) -> io::Result<Append> {
        // A call that is sent again while the first is still at work must find its bytes there.
        let _one_at_a_time = self.logs.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        fs_err::create_dir_all(folder)?;
        let mut file = fs_err::OpenOptions::new().create(true).append(true).open(folder.join(name))?;
        let size = file.metadata()?.len();
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if size >= limit && offset >= size {
            return Ok(Append::Done(offset.saturating_add(length)));
        }
        if offset != size {
            return Ok(Append::Elsewhere(size));
        }
        let room = usize::try_from(limit.saturating_sub(size)).unwrap_or(usize::MAX);
        file.write_all(bytes.get(..room.min(bytes.len())).unwrap_or_default())?;
        Ok(Append::Done(offset.saturating_add(length)))
    }

    /// Deletes the logs of a former attempt, so that the next one begins at 0.
    ///
    /// # Errors
    /// A file can't be deleted.
    pub fn remove_logs(&self, folder: &Path) -> io::Result<()> {
        LOG_NAMES.iter().try_for_each(|name| remove(&folder.join(name)))
    }
}
