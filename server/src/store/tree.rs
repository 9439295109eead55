//! Files of the results tree on this machine, opened one folder at a time: nothing that a path says leads out of it, and no
//! symbolic link is followed, not even one that appears meanwhile.

use std::{fs::File, io, os::fd::OwnedFd, path::Path};

use copr_api::names::{DirName, OwnerName};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, openat};

/// Longest path that is looked at, in bytes.
const PATH_LIMIT: usize = 4096;
/// Most entries of a folder that are listed.
pub(super) const ENTRIES: usize = 20_000;

/// What a path of the results tree names.
#[derive(Debug)]
pub(super) enum Found {
    /// A regular file.
    File(File),
    /// A folder.
    Folder(OwnedFd),
    /// Nothing that may be shown.
    Nothing,
}

/// One entry of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Whether it is a folder.
    pub folder: bool,
    /// Length of a file in bytes.
    pub size: u64,
    /// Time of its last change, seconds since 1970.
    pub mtime: i64,
}

/// The parts of a path below `/results/`, or `None` when one of them can't be shown: empty, `.`, `..`, hidden, or with bytes that
/// no file here has.
fn parts(path: &str) -> Option<Vec<&str>> {
    if path.len() > PATH_LIMIT {
        return None;
    }
    let path = path.strip_suffix('/').unwrap_or(path);
    path.split('/')
        .map(|part| {
            let fine = !part.is_empty() && !part.starts_with('.') && !part.bytes().any(|b| b == 0 || b == b'\\');
            fine.then_some(part)
        })
        .collect()
}

/// The parts of `OWNER/DIRNAME/…`; `None`: no path of results has such a form.
pub(super) fn checked(path: &str) -> Option<Vec<&str>> {
    let parts = parts(path)?;
    parts.first()?.parse::<OwnerName>().ok()?;
    match parts.get(1).map(|dirname| dirname.parse::<DirName>()) {
        Some(Err(_)) => None,
        _ => Some(parts),
    }
}

/// Opens what lies under `parts` in `root`; every part is one name.
pub(super) fn open_below(root: &Path, parts: &[&str]) -> io::Result<Found> {
    let folder_flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file_flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let mut at = match openat(rustix::fs::CWD, root, folder_flags, Mode::empty()) {
        Ok(folder) => folder,
        Err(error) => return absent(error),
    };
    let Some((last, folders)) = parts.split_last() else { return Ok(Found::Folder(at)) };
    for part in folders {
        at = match openat(&at, *part, folder_flags, Mode::empty()) {
            Ok(folder) => folder,
            Err(error) => return absent(error),
        };
    }
    let found = match openat(&at, *last, file_flags, Mode::empty()) {
        Ok(found) => found,
        Err(error) => return absent(error),
    };
    match FileType::from_raw_mode(rustix::fs::fstat(&found)?.st_mode) {
        FileType::RegularFile => Ok(Found::File(File::from(found))),
        FileType::Directory => Ok(Found::Folder(found)),
        _ => Ok(Found::Nothing),
    }
}

/// What is not there, is a symbolic link or has a file where a folder should be, is nothing.
fn absent(error: rustix::io::Errno) -> io::Result<Found> {
    use rustix::io::Errno;
    match error {
        Errno::NOENT
        | Errno::LOOP
        | Errno::NOTDIR
        | Errno::NAMETOOLONG
        | Errno::INVAL
        | Errno::NXIO
        | Errno::ACCESS => Ok(Found::Nothing),
        other => Err(other.into()),
    }
}

/// The entries of a folder, folders first, each by name; hidden ones, links and names that are no UTF-8 left out. The second value
/// says that there were more than are listed.
///
/// # Errors
/// The folder can't be read.
pub(super) fn list(folder: &OwnedFd) -> io::Result<(Vec<Entry>, bool)> {
    let mut entries = Vec::new();
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().to_str() else { continue };
        if name.starts_with('.') {
            continue;
        }
        // An entry may be gone by now: then it is not listed.
        let Ok(stat) = rustix::fs::statat(folder, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW) else { continue };
        let folder = match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => true,
            FileType::RegularFile => false,
            _ => continue,
        };
        if entries.len() == ENTRIES {
            return Ok((sorted(entries), true));
        }
        let size = u64::try_from(stat.st_size).unwrap_or_default();
        entries.push(Entry { name: name.to_owned(), folder, size, mtime: stat.st_mtime });
    }
    Ok((sorted(entries), false))
}

pub(super) fn sorted(mut entries: Vec<Entry>) -> Vec<Entry> {
    entries.sort_by(|a, b| b.folder.cmp(&a.folder).then_with(|| a.name.cmp(&b.name)));
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_with_an_odd_part_names_nothing() {
        for bad in ["", "/", "..", "a/../b", "a//b", "a/./b", "a/.hidden", "a/b\0c", "a\\..\\b", &"a/".repeat(4000)] {
            assert!(parts(bad).is_none(), "{bad:?}");
        }
        assert_eq!(parts("@g/p:custom:x/c-1-y/"), Some(vec!["@g", "p:custom:x", "c-1-y"]));
    }

    #[test]
    fn links_are_not_followed_and_special_files_are_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs_err::create_dir_all(root.join("in/side")).unwrap();
        fs_err::write(root.join("secret"), "s").unwrap();
        fs_err::write(root.join("in/side/file"), "f").unwrap();
        fs_err::os::unix::fs::symlink("../secret", root.join("in/link")).unwrap();
        fs_err::os::unix::fs::symlink("side", root.join("in/folder-link")).unwrap();
        fs_err::os::unix::fs::symlink("in", root.join("in-link")).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, root.join("in/pipe"), FileType::Fifo, Mode::from_raw_mode(0o600), 0)
            .unwrap();
        let inside = root.join("in");
        assert!(matches!(open_below(&inside, &["side", "file"]), Ok(Found::File(_))));
        assert!(matches!(open_below(&inside, &["side"]), Ok(Found::Folder(_))));
        for nothing in
            [&["link"][..], &["folder-link"], &["folder-link", "file"], &["pipe"], &["side", "file", "x"], &["no"]]
        {
            assert!(matches!(open_below(&inside, nothing), Ok(Found::Nothing)), "{nothing:?}");
        }
        assert!(matches!(open_below(&root.join("in-link"), &["side"]), Ok(Found::Nothing)));
        let Ok(Found::Folder(listed)) = open_below(&inside, &[]) else { panic!("no folder") };
        let (entries, cut) = list(&listed).unwrap();
        assert_eq!(entries.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>(), ["side"]);
        assert!(!cut);
    }
}
