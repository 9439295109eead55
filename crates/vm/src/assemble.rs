//! What a machine begins with: its disks and its initramfs.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use crate::{
    disk,
    initramfs::Initramfs,
    machine::{Input, MachineError, MachineSpec, Root},
    proto::JOB_FILE,
};

/// Room that must be left on the work folder's disk besides the inputs.
const ROOM: u64 = 512 << 20;

/// The disks of one machine, in its folder; but the scratch disk of [`Root::Over`] is the base itself.
#[derive(Debug)]
pub(crate) struct Disks {
    /// The input disk, and how long it is.
    pub(crate) input: PathBuf,
    pub(crate) input_bytes: u64,
    /// The scratch disk, or the base below it, and how long it is.
    pub(crate) scratch: PathBuf,
    pub(crate) scratch_bytes: u64,
    /// The disk that is filled once a round.
    pub(crate) spare: PathBuf,
}

impl Disks {
    /// Writes them to `home`.
    ///
    /// # Errors
    /// When there is no room, an input cannot be read, or a disk cannot be written.
    pub(crate) fn write(spec: &MachineSpec, home: &Path, nonce: &str) -> Result<Self, MachineError> {
        check_room(home, &spec.inputs)?;
        let mut job = spec.job.clone();
        nonce.clone_into(&mut job.nonce);
        job.network = spec.network.is_some();
        job.log_bytes = spec.limits.log_bytes;
        job.file_bytes = spec.limits.file_bytes;
        job.total_bytes = spec.limits.total_bytes;
        job.files = spec.limits.files;
        let job = serde_json::to_vec(&job).map_err(|error| MachineError::Spec(error.to_string()))?;
        let (input, mut scratch, spare) = (home.join("in.img"), home.join("scratch.img"), home.join("spare.img"));
        disk::write_input(&input, &spec.inputs, &[(JOB_FILE, &job)])?;
        let input_bytes = disk::pad(&input)?;
        disk::pad(&spare)?;
        let scratch_bytes = match &spec.root {
            Root::Fresh | Root::Keep(_) => {
                disk::write_scratch(&scratch, spec.scratch_bytes)?;
                disk::scratch_size(spec.scratch_bytes)
            }
            Root::Over(base) => {
                scratch.clone_from(base);
                fs_err::metadata(base)?.len()
            }
            Root::Grow { from, image: _ } => {
                disk::copy_sparse(from, &scratch)?;
                fs_err::metadata(from)?.len()
            }
        };
        Ok(Self { input, input_bytes, scratch, scratch_bytes, spare })
    }

    /// Disks of the same sizes with nothing on them, for a machine that looks at none.
    ///
    /// # Errors
    /// When they cannot be made.
    pub(crate) fn blank_like(&self, home: &Path) -> io::Result<Self> {
        let blank = |name, bytes| {
            let path = home.join(name);
            fs_err::File::create_new(&path)?.set_len(bytes)?;
            Ok::<_, io::Error>(path)
        };
        Ok(Self {
            input: blank("in.img", self.input_bytes)?,
            input_bytes: self.input_bytes,
            scratch: blank("scratch.img", self.scratch_bytes)?,
            scratch_bytes: self.scratch_bytes,
            spare: blank("spare.img", disk::DEVICE)?,
        })
    }

    /// Fills the spare disk.
    ///
    /// # Errors
    /// As [`Disks::write`].
    pub(crate) fn fill_spare(&self, packages: &[Input]) -> Result<(), MachineError> {
        check_room(&self.spare, packages)?;
        disk::fill_spare(&self.spare, packages)
    }

    /// Makes the scratch disk the base `image`, on the same file system: whole and on the platter before it has its name.
    ///
    /// # Errors
    /// When it cannot be written or moved.
    pub(crate) fn keep(&self, image: &Path) -> Result<(), MachineError> {
        use std::os::unix::fs::PermissionsExt;
        // It may belong to the user that QEMU ran as.
        let (us, our_group) = (rustix::process::geteuid(), rustix::process::getegid());
        std::os::unix::fs::chown(&self.scratch, Some(us.as_raw()), Some(our_group.as_raw()))?;
        let file = fs_err::File::open(&self.scratch)?;
        file.set_permissions(std::fs::Permissions::from_mode(0o444))?;
        file.sync_all()?;
        fs_err::rename(&self.scratch, image)?;
        if let Some(folder) = image.parent() {
            fs_err::File::open(folder)?.sync_all()?;
        }
        Ok(())
    }
}

fn check_room(place: &Path, inputs: &[Input]) -> Result<(), MachineError> {
    let mut needed = ROOM;
    for input in inputs {
        needed = needed.saturating_add(fs_err::metadata(&input.source)?.len());
    }
    let free = disk::free_bytes(place)?;
    if free < needed {
        let message = format!("{} MiB are free and {} MiB are needed", free >> 20, needed >> 20);
        return Err(MachineError::Disk { path: place.to_path_buf(), message });
    }
    Ok(())
}

/// Gives a machine's folder and what is in it to the user that QEMU runs as.
///
/// # Errors
/// When we may not.
pub(crate) fn give(home: &Path, uid: u32) -> io::Result<()> {
    for entry in fs_err::read_dir(home)? {
        std::os::unix::fs::chown(entry?.path(), Some(uid), Some(uid))?;
    }
    std::os::unix::fs::chown(home, Some(uid), Some(uid))
}

/// Writes the initramfs: the tool root's archive, and behind it one with the guest and the modules. The kernel unpacks
/// both, the later wins.
///
/// # Errors
/// When one cannot be read or it cannot be written.
pub(crate) fn initramfs(path: &Path, spec: &MachineSpec) -> Result<(), MachineError> {
    let mut out = fs_err::OpenOptions::new().write(true).create_new(true).open(path)?;
    let length = io::copy(&mut fs_err::File::open(&spec.initramfs)?, &mut out)?;
    let padding = (4 - length % 4) % 4;
    out.write_all(&[0; 3][..usize::try_from(padding).unwrap_or_default()])?;
    let mut archive = Initramfs::new(io::BufWriter::new(out));
    archive.add_file("init", 0o755, spec.guest_binary.len() as u64, &mut &*spec.guest_binary)?;
    let mut order = String::new();
    for module in &spec.kernel.modules {
        let name = module.file_name().unwrap_or_default().to_string_lossy();
        let mut file = fs_err::File::open(module)?;
        archive.add_file(&format!("modules/{name}"), 0o644, file.metadata()?.len(), &mut file)?;
        order.push_str(&name);
        order.push('\n');
    }
    archive.add_file("modules/order", 0o644, order.len() as u64, &mut order.as_bytes())?;
    archive.finish()?;
    Ok(())
}
