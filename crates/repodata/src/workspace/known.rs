//! Which files have not been touched since they were written and summed, so that they need not be summed again.
//!
//! As git does with its index: size, times and number of the inode are noted when a file has come into force. Whoever writes
//! to a file, copies it or puts another in its place changes the time of the inode's last change, which nobody can
//! set. The notes stand in the lock's file and are only ever a reason to do less: without them everything is summed.

use std::fs::{File, Metadata};
use std::io::Write;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use crate::{Error, Repomd};

/// Bytes of notes that are read; a dozen files have one or two thousand.
const MOST: u64 = 64 << 10;

/// Files as they were when they came into force.
#[derive(Debug, Default)]
pub(crate) struct Known(Vec<String>);

impl Known {
    pub(super) fn read(lock: &File) -> Self {
        let size = lock.metadata().map_or(0, |about| about.len());
        let mut bytes = vec![0; usize::try_from(size.min(MOST)).unwrap_or(0)];
        match lock.read_exact_at(&mut bytes, 0) {
            Ok(()) => Self(String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect()),
            Err(_) => Self::default(),
        }
    }

    /// Whether a file in `repodata/` is the one that was summed.
    pub(crate) fn has(&self, name: &str, about: &Metadata) -> bool {
        self.0.contains(&line(name, about))
    }
}

/// Notes the files that a repomd.xml names: those that have just been written, and those that were known before.
pub(super) fn note(lock: &File, repodata: &Path, repomd: &Repomd, written: &[String]) -> Result<(), Error> {
    let known = Known::read(lock);
    let mut text = String::new();
    for name in repomd.records.iter().filter_map(|record| record.location_href.strip_prefix("repodata/")) {
        let Ok(about) = fs_err::metadata(repodata.join(name)) else { continue };
        if known.has(name, &about) || written.iter().any(|written| written == name) {
            text.push_str(&line(name, &about));
            text.push('\n');
        }
    }
    lock.set_len(0)?;
    let mut lock = lock;
    std::io::Seek::rewind(&mut lock)?;
    Ok(lock.write_all(text.as_bytes())?)
}

fn line(name: &str, about: &Metadata) -> String {
    let (size, inode, device) = (about.size(), about.ino(), about.dev());
    let (written, nanos) = (about.mtime(), about.mtime_nsec());
    let (changed, changed_nanos) = (about.ctime(), about.ctime_nsec());
    format!("{size} {inode} {device} {written}.{nanos} {changed}.{changed_nanos} {name}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RepomdRecord;

    #[test]
    fn a_file_is_known_until_anything_happens_to_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("primary.xml.gz");
        let lock = tempfile::tempfile().unwrap();
        let record = RepomdRecord { location_href: "repodata/primary.xml.gz".to_owned(), ..RepomdRecord::default() };
        let repomd = Repomd { records: vec![record], ..Repomd::default() };
        let written = ["primary.xml.gz".to_owned()];
        let known = || Known::read(&lock).has("primary.xml.gz", &path.metadata().unwrap());
        let noted = || {
            fs_err::write(&path, "text").unwrap();
            note(&lock, dir.path(), &repomd, &written).unwrap();
            assert!(known());
            // Longer than a tick of the clock that times come from.
            std::thread::sleep(std::time::Duration::from_millis(20));
        };
        assert!(!Known::read(&lock).has("primary.xml.gz", &dir.path().metadata().unwrap()));
        noted();
        let time = path.metadata().unwrap().modified().unwrap();
        fs_err::write(&path, "TEXT").unwrap();
        fs_err::OpenOptions::new().write(true).open(&path).unwrap().into_file().set_modified(time).unwrap();
        assert!(!known(), "written to, and its time set back");
        noted();
        fs_err::copy(&path, dir.path().join("copy")).unwrap();
        fs_err::rename(dir.path().join("copy"), &path).unwrap();
        assert!(!known(), "replaced");
        note(&lock, dir.path(), &repomd, &[]).unwrap();
        assert!(!known(), "nobody has summed it since");
        noted();
        note(&lock, dir.path(), &repomd, &[]).unwrap();
        assert!(known(), "it stays so while others are written");
        lock.set_len(10).unwrap();
        assert!(!known(), "the notes are cut");
    }
}
