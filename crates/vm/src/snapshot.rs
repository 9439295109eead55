//! Booted machines that were put aside, for others to go on from.
//!
//! A snapshot is a folder with three files: the memory (`ram`, sparse), which a machine that goes on from it maps privately, so
//! that machines share what none has changed; everything else (`state`, half a MiB); and the `initramfs` that it booted
//! with, which QEMU wants to see again. It was taken when the guest had said `ready` and had looked at no disk, so
//! it fits every job on a machine of the same shape. Its name is the hash of all that makes the shape.

use std::{
    io,
    os::{
        fd::AsFd,
        unix::fs::{MetadataExt, PermissionsExt},
    },
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, SystemTime},
};

use rustix::fs::{FlockOperation, flock};
use sha2::{Digest, Sha256};

use crate::{
    accel::Accelerator,
    assemble::{Disks, initramfs},
    deadline::Deadline,
    disk,
    machine::{MachineError, MachineSpec},
    proto::{FromGuest, VERSION},
    qemu::Start,
    session::{machine, start_reader},
};

/// Changes with what a snapshot is made of.
const FORMAT: u32 = 1;
/// How long QEMU may take to save a machine; it takes 50 ms.
const RECORD_LIMIT: Duration = Duration::from_secs(120);
/// How long one that did not work is not made again.
const CONDEMNED: Duration = Duration::from_secs(3600);
/// Most that all snapshots of a folder take, in bytes, when nobody says less by [`prune_snapshots`].
const MOST_BYTES: u64 = 4 << 30;
const TICK: Duration = Duration::from_millis(50);

/// A snapshot that is whole.
#[derive(Debug)]
pub(crate) struct Snapshot {
    folder: PathBuf,
}

impl Snapshot {
    /// The snapshot of such a machine. It is made when there is none; `None` when another process makes one just now, when
    /// one did not work lately, and when `cancel` is set.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) fn get(
        folder: &Path,
        spec: &MachineSpec,
        accelerator: Accelerator,
        disks: &Disks,
        cancel: &AtomicBool,
    ) -> Result<Option<Self>, MachineError> {
        let snapshot = Self { folder: folder.join(key(spec, accelerator, disks)?) };
        if snapshot.touch().is_ok() {
            return Ok(Some(snapshot));
        }
        let condemned = fs_err::metadata(snapshot.condemned()).and_then(|meta| meta.modified());
        if condemned.is_ok_and(|when| when.elapsed().is_ok_and(|age| age < CONDEMNED)) {
            return Ok(None);
        }
        fs_err::create_dir_all(folder)?;
        let lock = fs_err::OpenOptions::new().write(true).create(true).truncate(false).open(folder.join("lock"))?;
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            return Ok(None);
        }
        if snapshot.touch().is_ok() {
            return Ok(Some(snapshot));
        }
        clear(folder);
        let made = snapshot.make(folder, spec, accelerator, disks, cancel);
        if made.is_err() {
            let _ = fs_err::write(snapshot.condemned(), "");
        }
        let whole = made?;
        prune_snapshots(folder, MOST_BYTES)?;
        Ok(whole.then_some(snapshot))
    }

    /// The initramfs that it booted with.
    pub(crate) fn initramfs(&self) -> PathBuf {
        self.folder.join("initramfs")
    }

    /// How a machine in `home` goes on from it. QEMU opens the memory for writing though it never writes: one that runs as
    /// another user gets its own.
    ///
    /// # Errors
    /// When that cannot be copied.
    pub(crate) fn start(&self, home: &Path, of_its_own: bool) -> io::Result<Start> {
        let mut ram = self.folder.join("ram");
        if of_its_own {
            let copy = home.join("ram");
            disk::copy_sparse(&ram, &copy)?;
            ram = copy;
        }
        Ok(Start::Resume(ram))
    }

    /// Everything else of the machine, for [`crate::qemu::Qemu::resume`].
    ///
    /// # Errors
    /// When it is gone.
    pub(crate) fn state(&self) -> io::Result<fs_err::File> {
        fs_err::File::open(self.folder.join("state"))
    }

    /// Throws it away, and lets none be made for a while.
    pub(crate) fn condemn(&self) {
        let _ = fs_err::write(self.condemned(), "");
        remove(&self.folder);
    }

    fn condemned(&self) -> PathBuf {
        self.folder.with_extension("condemned")
    }

    /// Says that it is used, if it is there.
    fn touch(&self) -> io::Result<()> {
        self.state()?.set_modified(SystemTime::now())
    }

    /// Boots a machine until it is ready and saves it; false when it was cancelled.
    fn make(
        &self,
        folder: &Path,
        spec: &MachineSpec,
        accelerator: Accelerator,
        disks: &Disks,
        cancel: &AtomicBool,
    ) -> Result<bool, MachineError> {
        let home = tempfile::Builder::new().prefix(".making-").tempdir_in(folder)?;
        let at = |name: &str| home.path().join(name);
        initramfs(&at("initramfs"), spec)?;
        let blank = disks.blank_like(home.path())?;
        let mut command = machine(spec, accelerator, home.path(), &blank);
        command.start = Start::Record(at("ram"));
        command.layered = false;
        let mut qemu = command.start()?;
        let mut deadline = Deadline::new(&spec.limits, accelerator);
        let incoming = start_reader(qemu.port.try_clone()?);
        loop {
            if cancel.load(Ordering::Relaxed) {
                return Ok(false);
            }
            if let Some(exit) = deadline.passed(None) {
                return Err(MachineError::Qemu(exit.to_string()));
            }
            match incoming.recv_timeout(TICK) {
                Ok(Ok(FromGuest::Ready { version: VERSION, .. })) => break,
                Ok(frame) => return Err(MachineError::Qemu(format!("the guest is not ready but says {frame:?}"))),
                Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {}
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => {
                    qemu.stop()?;
                    return Err(MachineError::Qemu(format!("it ended while it booted: {}", qemu.complaints())));
                }
            }
        }
        qemu.record(fs_err::File::create_new(at("state"))?.as_fd(), RECORD_LIMIT)?;
        qemu.stop()?;
        for name in ["in.img", "scratch.img", "spare.img", "console"] {
            fs_err::remove_file(at(name))?;
        }
        for name in ["initramfs", "ram", "state"] {
            let file = fs_err::File::open(at(name))?;
            // Whoever QEMU runs as.
            file.set_permissions(std::fs::Permissions::from_mode(0o644))?;
            file.sync_all()?;
        }
        fs_err::set_permissions(home.path(), std::fs::Permissions::from_mode(0o755))?;
        fs_err::File::open(home.path())?.sync_all()?;
        fs_err::rename(home.keep(), &self.folder)?;
        Ok(true)
    }
}

/// Removes the snapshots of `folder` that were not used for longest until the others take `most` bytes. A machine that runs
/// keeps what it began from.
///
/// # Errors
/// When the folder cannot be read. That there is none is no error.
pub fn prune_snapshots(folder: &Path, most: u64) -> io::Result<()> {
    let entries = match fs_err::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let mut known = Vec::new();
    for entry in entries {
        let path = entry?.path();
        // Only what is whole; files besides are ours, too, and empty.
        let Ok(used) = fs_err::metadata(path.join("state")).and_then(|meta| meta.modified()) else { continue };
        if !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.')) {
            known.push((used, path));
        }
    }
    known.sort();
    let mut taken = 0u64;
    for (_, path) in known.iter().rev() {
        for file in fs_err::read_dir(path).into_iter().flatten().flatten() {
            taken = taken.saturating_add(file.metadata().map_or(0, |meta| meta.blocks().saturating_mul(512)));
        }
        if taken > most {
            remove(path);
        }
    }
    Ok(())
}

/// Removes a snapshot, so that nobody finds a part of it.
fn remove(folder: &Path) {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let gone = folder.with_file_name(format!(".gone-{name}"));
    // Both fail when another process does the same.
    let _ = fs_err::rename(folder, &gone);
    let _ = fs_err::remove_dir_all(&gone);
}

/// Removes what those left behind that were killed while they made or removed one. Call it with the lock.
fn clear(folder: &Path) {
    for entry in fs_err::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(".making-") || name.starts_with(".gone-") {
            let _ = fs_err::remove_dir_all(entry.path());
        }
    }
}

/// All that makes the shape of a machine, as one name.
fn key(spec: &MachineSpec, accelerator: Accelerator, disks: &Disks) -> io::Result<String> {
    let mut sum = Sha256::new();
    let mut add = |text: String| sum.update(format!("{}:{text}\n", text.len()));
    add(format!("{FORMAT} {VERSION} {accelerator} {} {} {}", spec.cpu, spec.cpus, spec.memory_mib));
    add(format!("{} {} {}", disks.input_bytes, disks.scratch_bytes, spec.network.is_some()));
    let files = [&spec.qemu, &spec.kernel.image, &spec.initramfs];
    for path in files.into_iter().chain(&spec.kernel.modules) {
        // They are replaced and never written over, as packages and caches do.
        let meta = fs_err::metadata(path)?;
        let when = (meta.mtime(), meta.mtime_nsec());
        add(format!("{} {} {when:?} {}", path.display(), meta.len(), meta.ino()));
    }
    add(hex::encode(Sha256::digest(spec.guest_binary)));
    let name = hex::encode(sum.finalize());
    Ok(name.get(..32).unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_snapshots_that_were_not_used_for_longest_go_first() {
        let dir = tempfile::tempdir().unwrap();
        for (name, age) in [("a", 30), ("b", 10), ("c", 20)] {
            fs_err::create_dir(dir.path().join(name)).unwrap();
            fs_err::write(dir.path().join(name).join("ram"), vec![1; 1 << 20]).unwrap();
            let state = dir.path().join(name).join("state");
            fs_err::write(&state, "").unwrap();
            let used = SystemTime::now() - Duration::from_secs(age);
            fs_err::File::open(&state).unwrap().set_modified(used).unwrap();
        }
        let left = || {
            let names = fs_err::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name());
            let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
            names.sort();
            names.concat()
        };
        prune_snapshots(dir.path(), 100 << 20).unwrap();
        assert_eq!(left(), "abc");
        Snapshot { folder: dir.path().join("a") }.touch().unwrap();
        prune_snapshots(dir.path(), (5 << 20) / 2).unwrap();
        assert_eq!(left(), "ab");
        prune_snapshots(dir.path(), 0).unwrap();
        assert_eq!(left(), "");
        prune_snapshots(&dir.path().join("nowhere"), 0).unwrap();
    }
}
