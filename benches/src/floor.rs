//! The floors. Of making repodata: every byte of every package has to be read and summed. Of publishing: every byte of the
//! metadata has to be read, summed and written, and be on disk.

use std::{
    io::{Read, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use anyhow::{Result, anyhow};
use copr_repodata::ChecksumKind;

/// All `*.rpm` under a folder.
///
/// # Errors
/// A folder cannot be read.
pub fn rpms(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(rpms(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rpm") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Reads all packages and computes their SHA-256, on so many threads. Returns how many bytes there were.
///
/// # Errors
/// A file cannot be read.
pub fn sum_all(folder: &Path, threads: usize) -> Result<u64> {
    let files = rpms(folder)?;
    let next = AtomicUsize::new(0);
    let work = || -> Result<u64> {
        let (mut buffer, mut bytes) = (vec![0; 256 << 10], 0);
        while let Some(path) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            let mut file = fs_err::File::open(path)?;
            let mut hasher = ChecksumKind::Sha256.hasher();
            loop {
                let got = file.read(&mut buffer)?;
                if got == 0 {
                    break;
                }
                hasher.update(buffer.get(..got).unwrap_or_default());
            }
            bytes += hasher.finish().1;
        }
        Ok(bytes)
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|worker| worker.join().map_err(|_| anyhow!("a thread panicked"))?).sum()
    })
}

/// Copies the metadata files of a repository to another folder, made anew, and computes their SHA-256, a thread for each
/// file; they are on disk when it returns. Returns how many bytes there were.
///
/// # Errors
/// A file cannot be read or written.
pub fn copy_metadata(from: &Path, to: &Path) -> Result<u64> {
    let (from, to) = (from.join("repodata"), to.join("repodata"));
    fs_err::create_dir_all(&to)?;
    let mut files = Vec::new();
    for entry in fs_err::read_dir(&from)? {
        let name = entry?.file_name();
        if !name.as_encoded_bytes().starts_with(b".") {
            files.push(name);
        }
    }
    let copy = |name: &std::ffi::OsStr| -> Result<u64> {
        let (mut source, mut target) = (fs_err::File::open(from.join(name))?, fs_err::File::create(to.join(name))?);
        let (mut buffer, mut hasher) = (vec![0; 256 << 10], ChecksumKind::Sha256.hasher());
        loop {
            let got = source.read(&mut buffer)?;
            let piece = buffer.get(..got).unwrap_or_default();
            if piece.is_empty() {
                break;
            }
            hasher.update(piece);
            target.write_all(piece)?;
        }
        target.sync_all()?;
        Ok(hasher.finish().1)
    };
    let bytes = thread::scope(|scope| {
        let workers: Vec<_> = files.iter().map(|name| scope.spawn(|| copy(name))).collect();
        workers.into_iter().map(|worker| worker.join().map_err(|_| anyhow!("a thread panicked"))?).sum::<Result<u64>>()
    })?;
    fs_err::File::open(&to)?.sync_all()?;
    Ok(bytes)
}
