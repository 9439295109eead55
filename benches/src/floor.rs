//! The floor of making repodata: every byte of every package has to be read and summed.

use std::{
    io::Read,
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
