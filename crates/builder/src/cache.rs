//! The bound of the cache: what was not used for the longest time goes.
//!
//! Bases, tool roots, verified packages and metadata, and what the solver keeps are one heap. Their files are dated when
//! they are used.

use std::{
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use crate::bases::Bases;

/// A file that was used within this time stays, whatever its size: a build that runs may be about to read it. Bases need no
/// such grace, because whoever uses one holds its lock; and each buildroot makes one, so an hour's could fill a disk.
const IN_USE: Duration = Duration::from_secs(3600);
/// Folders of the cache whose files may go one by one. Downloads under way are not among them.
const FOLDERS: [&str; 2] = ["repositories", "stage0"];

/// Something that may go.
#[derive(Debug)]
struct Item {
    used: SystemTime,
    bytes: u64,
    what: What,
}

#[derive(Debug)]
enum What {
    File(PathBuf),
    Base(String),
}

/// Deletes from the cache in `dir` until it has `most` bytes at most, or nothing more may go. What cannot be looked at or
/// deleted is passed over: the next time it may.
pub(crate) fn bound(dir: &Path, bases: &Bases, most: u64) {
    let mut items: Vec<Item> =
        bases.list().into_iter().map(|(key, used, bytes)| Item { used, bytes, what: What::Base(key) }).collect();
    for folder in FOLDERS {
        collect(&dir.join(folder), &mut items);
    }
    let mut bytes: u64 = items.iter().map(|item| item.bytes).sum();
    items.sort_by_key(|item| item.used);
    for item in items {
        if bytes <= most {
            return;
        }
        if matches!(item.what, What::File(_)) && item.used.elapsed().is_ok_and(|age| age < IN_USE) {
            continue;
        }
        let gone = match &item.what {
            What::File(path) => fs_err::remove_file(path).is_ok(),
            What::Base(key) => bases.remove(key).unwrap_or(false),
        };
        if gone {
            bytes = bytes.saturating_sub(item.bytes);
            tracing::debug!(item = ?item.what, bytes = item.bytes, "the cache is full: deleted");
        }
    }
}

fn collect(dir: &Path, items: &mut Vec<Item>) {
    let Ok(entries) = fs_err::read_dir(dir) else { return };
    for entry in entries.flatten() {
        let Ok(known) = entry.metadata() else { continue };
        if known.is_dir() {
            collect(&entry.path(), items);
        } else if known.is_file()
            && let Ok(used) = known.modified()
        {
            items.push(Item { used, bytes: known.blocks() * 512, what: What::File(entry.path()) });
        }
    }
}

/// Bytes that a file takes on the disk; images have holes. 0 where there is none.
pub(crate) fn on_disk(path: &Path) -> u64 {
    fs_err::metadata(path).map_or(0, |known| known.blocks() * 512)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of 64 KiB in the cache that was used so many hours ago.
    fn file(path: &Path, hours: u64) {
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, vec![7; 64 << 10]).unwrap();
        let time = SystemTime::now() - Duration::from_secs(hours * 3600);
        std::fs::File::options().append(true).open(path).unwrap().set_modified(time).unwrap();
    }

    #[test]
    fn what_was_not_used_for_longest_goes_first_and_what_is_in_use_stays() {
        let dir = tempfile::tempdir().unwrap();
        let bases = Bases::new(dir.path().join("bases"));
        let [old, newer] = ["repositories/sha256/ab/old", "stage0/newer.cpio"].map(|name| dir.path().join(name));
        let (image, lock) = (dir.path().join("bases/k.img"), dir.path().join("bases/k.lock"));
        let now = dir.path().join("repositories/sha256/cd/now");
        file(&old, 50);
        file(&newer, 40);
        file(&image, 60);
        file(&lock, 45);
        file(&now, 0);
        bound(dir.path(), &bases, 3 << 16);
        assert!(!old.exists() && image.exists() && newer.exists() && now.exists());
        bound(dir.path(), &bases, 1);
        assert!(!image.exists() && !lock.exists() && !newer.exists());
        assert!(now.exists(), "a build that runs may be about to read it");
    }

    #[test]
    fn many_bases_of_one_hour_are_bounded_too_behind_a_file_that_may_be_in_use() {
        let dir = tempfile::tempdir().unwrap();
        let bases = Bases::new(dir.path().join("bases"));
        let now = dir.path().join("repositories/sha256/cd/now");
        file(&now, 0);
        for key in ["a", "b", "c"] {
            file(&dir.path().join(format!("bases/{key}.img")), 0);
            file(&dir.path().join(format!("bases/{key}.lock")), 0);
        }
        bound(dir.path(), &bases, 2 << 16);
        let left = fs_err::read_dir(dir.path().join("bases")).unwrap().count();
        assert_eq!((left, now.exists()), (2, true), "one image and its lock");
    }
}
