//! A group of its own for each QEMU in the cgroup tree, where that may be written: version 2, or one controller of version 1.

use std::{
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// What QEMU takes besides the guest's memory and its translation cache, in MiB.
const BESIDES_MIB: u64 = 512;
/// Most threads and processes of one QEMU.
const MOST_THREADS: u32 = 512;
/// How long a group may take to become empty once its processes are dead.
const PATIENCE: Duration = Duration::from_secs(5);

/// One machine's group; removed when it is dropped.
#[derive(Debug)]
pub(crate) struct Group {
    folder: PathBuf,
    /// What is bounded by it.
    pub(crate) bounds: Vec<&'static str>,
}

impl Group {
    /// Makes a group below `parent` for a machine of that size.
    ///
    /// # Errors
    /// When it cannot be made. A controller that is not there is left out, see [`Group::bounds`].
    pub(crate) fn create(parent: &Path, memory_mib: u32, translations_mib: u32, cpus: u32) -> io::Result<Self> {
        // Version 2 hands its controllers down one by one; those that are there already, or not at all, are no matter.
        for controller in ["+memory", "+pids", "+cpu"] {
            let _ = fs_err::write(parent.join("cgroup.subtree_control"), controller);
        }
        let made = tempfile::Builder::new().prefix("machine-").tempdir_in(parent)?;
        let mut group = Self { folder: made.keep(), bounds: Vec::new() };
        let memory = (u64::from(memory_mib) + u64::from(translations_mib) + BESIDES_MIB) << 20;
        for (file, value, bound) in [
            ("memory.max", memory.to_string(), "memory"),
            ("memory.limit_in_bytes", memory.to_string(), "memory"),
            ("pids.max", MOST_THREADS.to_string(), "threads"),
            // One processor more than the machine has: QEMU's own threads.
            ("cpu.max", format!("{} 100000", 100_000 * (u64::from(cpus) + 1)), "processors"),
        ] {
            // A group's files are there when it is; which, tells the controllers.
            if group.folder.join(file).exists() && fs_err::write(group.folder.join(file), value).is_ok() {
                group.bounds.push(bound);
            }
        }
        Ok(group)
    }

    /// Puts a process into it, with all its threads.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub(crate) fn take(&self, process: u32) -> io::Result<()> {
        fs_err::write(self.folder.join("cgroup.procs"), process.to_string())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let until = Instant::now() + PATIENCE;
        // A process that was waited for may count for a moment longer. What then cannot be removed is empty.
        while std::fs::remove_dir(&self.folder).is_err_and(|error| error.kind() == io::ErrorKind::ResourceBusy)
            && Instant::now() < until
        {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}
