//! Handing back: only regular files, only with names that the protocol allows, within the limits.

use std::{
    fs::OpenOptions,
    io::Read,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use copr_vm::proto::{ErrorKind, FromGuest, Job, valid_result_name};
use fs_err as fs;
use nix::fcntl::OFlag;
use sha2::{Digest, Sha256};

use crate::{channel::Channel, job::JobError};

/// How deep packages may lie below RPMS and SRPMS.
const DEEPEST: u32 = 3;
/// Bytes of one data frame.
const PIECE: usize = 1 << 20;

fn fault(kind: ErrorKind, text: String) -> JobError {
    JobError { kind, text }
}

/// Sends every package below `topdir`, and the spec.
pub(crate) fn hand_back(channel: &Channel, job: &Job, topdir: &Path, spec: &Path) -> Result<(), JobError> {
    let mut found = Vec::new();
    for folder in ["RPMS", "SRPMS"] {
        collect(&topdir.join(folder), 0, &mut found);
    }
    found.sort();
    if found.is_empty() {
        return Err(fault(ErrorKind::Results, "rpmbuild succeeded and made no package".to_owned()));
    }
    found.push(spec.to_path_buf());
    if found.len() > job.files as usize {
        return Err(fault(ErrorKind::Limit, format!("the build made more than {} files", job.files)));
    }
    let mut total = 0u64;
    for path in found {
        send(channel, job, &path, &mut total)?;
    }
    Ok(())
}

fn collect(folder: &Path, depth: u32, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        // Of the entry itself: a link is neither.
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && depth < DEEPEST => collect(&entry.path(), depth + 1, found),
            Ok(kind) if kind.is_file() && entry.path().extension().is_some_and(|end| end == "rpm") => {
                found.push(entry.path());
            }
            _ => {}
        }
    }
}

fn send(channel: &Channel, job: &Job, path: &Path, total: &mut u64) -> Result<(), JobError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    // Nothing of the build runs any more, so a file that cannot be read is a disk that fails: ours.
    let io = |error: std::io::Error| fault(ErrorKind::Setup, format!("reading the result {name}: {error}"));
    if !valid_result_name(&name) {
        return Err(fault(ErrorKind::Results, format!("a result may not have the file name {name:?}")));
    }
    let mut file = OpenOptions::new().read(true).custom_flags(OFlag::O_NOFOLLOW.bits()).open(path).map_err(io)?;
    let meta = file.metadata().map_err(io)?;
    let size = meta.len();
    *total = total.saturating_add(size);
    if size > job.file_bytes || *total > job.total_bytes {
        let text = format!(
            "the results are too large: {name} has {size} bytes; a file may have {}, all together {}",
            job.file_bytes, job.total_bytes
        );
        return Err(fault(ErrorKind::Limit, text));
    }
    channel.send(&FromGuest::File { size, name: name.clone() });
    let (mut sum, mut left) = (Sha256::new(), size);
    let mut buffer = vec![0; PIECE];
    while left > 0 {
        let most = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
        let read = file.read(buffer.get_mut(..most).unwrap_or_default()).map_err(io)?;
        if read == 0 {
            return Err(fault(ErrorKind::Results, format!("the result {name} became shorter while it was read")));
        }
        let piece = buffer.get(..read).unwrap_or_default();
        sum.update(piece);
        channel.send(&FromGuest::Data(piece.to_vec()));
        left = left.saturating_sub(read as u64);
    }
    channel.send(&FromGuest::FileEnd { sha256: sum.finalize().into() });
    Ok(())
}
