//! Handing back: only regular files, only with names that the protocol allows, within the limits.

use std::{
    collections::BTreeSet,
    fs::OpenOptions,
    io::Read,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use copr_vm::proto::{ErrorKind, FromGuest, Job, valid_result_name};
use fs_err as fs;
use nix::fcntl::OFlag;
use sha2::{Digest, Sha256};

use crate::{
    channel::Channel,
    home,
    job::{JobError, Work},
};

/// How deep packages may lie below RPMS and SRPMS.
const DEEPEST: u32 = 3;
/// Bytes of one data frame.
const PIECE: usize = 1 << 20;

fn fault(kind: ErrorKind, text: String) -> JobError {
    JobError { kind, text }
}

/// Sends every package that rpmbuild has made below `topdir`, and the spec; both are paths in the target.
pub(crate) fn of_build(work: &Work<'_>, topdir: &str, spec: &str) -> Result<(), JobError> {
    let most = work.job.files as usize;
    let mut found = Vec::new();
    for folder in ["RPMS", "SRPMS"] {
        let folder = home::outside(topdir).join(folder);
        if is_plain(&folder) {
            collect(&folder, 0, most, &mut found);
        }
    }
    found.sort();
    if found.is_empty() {
        return Err(fault(ErrorKind::Results, "rpmbuild succeeded and made no package".to_owned()));
    }
    let spec = home::outside(spec);
    if !is_plain(&spec) || !spec.is_file() {
        return Err(fault(ErrorKind::Results, "the build has taken its spec away".to_owned()));
    }
    found.push(spec);
    if found.len() > most {
        return Err(fault(ErrorKind::Limit, format!("the build made more than {most} files")));
    }
    all(work, &found)
}

/// Sends the one source package in `folder`, a path in the target.
pub(crate) fn of_source(work: &Work<'_>, folder: &str) -> Result<(), JobError> {
    let mut found = Vec::new();
    let folder = home::outside(folder);
    if is_plain(&folder) {
        collect(&folder, DEEPEST, work.job.files as usize, &mut found);
    }
    found.retain(|path| path.to_string_lossy().ends_with(".src.rpm"));
    if found.len() != 1 {
        return Err(fault(ErrorKind::Results, format!("{} source packages were made, and not one", found.len())));
    }
    all(work, &found)
}

/// True when no link leads from `path` to elsewhere. Nothing of the packager's runs any more, so it stays true.
pub(crate) fn is_plain(path: &Path) -> bool {
    fs::canonicalize(path).is_ok_and(|real| real == path)
}

/// Finds packages, at least one more than `most` when there are so many.
fn collect(folder: &Path, depth: u32, most: usize, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        if found.len() > most {
            return;
        }
        // Of the entry itself: a link is neither.
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && depth < DEEPEST => collect(&entry.path(), depth + 1, most, found),
            Ok(kind) if kind.is_file() && entry.path().extension().is_some_and(|end| end == "rpm") => {
                found.push(entry.path());
            }
            _ => {}
        }
    }
}

fn all(work: &Work<'_>, paths: &[PathBuf]) -> Result<(), JobError> {
    let (mut total, mut names) = (0, BTreeSet::new());
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !valid_result_name(&name) {
            return Err(fault(ErrorKind::Results, format!("a result may not have the file name {name:?}")));
        }
        if !names.insert(name.clone()) {
            return Err(fault(ErrorKind::Results, format!("there are two results with the file name {name}")));
        }
        send(work.channel, work.job, path, name, &mut total)?;
    }
    Ok(())
}

fn send(channel: &Channel, job: &Job, path: &Path, name: String, total: &mut u64) -> Result<(), JobError> {
    // Nothing of the build runs any more, so a file that cannot be read is a disk that fails: ours.
    let io = |error: std::io::Error| fault(ErrorKind::Setup, format!("reading the result {name}: {error}"));
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
