//! Putting metadata in force, and taking away what nobody names any more.

use std::{
    collections::{HashMap, HashSet},
    io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use copr_repodata::{Checksum, ChecksumKind, Repomd};
use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::{
    error::MirrorError,
    index::INDEX,
    work::{FOLDER, Work, remove_folder},
};

/// Folders within folders that are looked through.
const MAX_DEPTH: usize = 64;

/// Gives a file a second name; a copy where the file system has no links.
pub(crate) fn link(file: &Path, place: &Path) -> io::Result<()> {
    if let Some(parent) = place.parent() {
        fs_err::create_dir_all(parent)?;
    }
    match fs_err::hard_link(file, place) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(_) => fs_err::copy(file, place).map(drop),
    }
}

/// Moves a file to its place, in one step and in place of whatever is there.
pub(crate) fn put(file: &Path, place: &Path) -> io::Result<()> {
    let parent = place.parent().unwrap_or(Path::new("."));
    fs_err::create_dir_all(parent)?;
    match fs_err::rename(file, place) {
        // A folder of the mirror may be a link to another disk.
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
            let mut copy = tempfile::Builder::new().prefix(".copr-mirror-").tempfile_in(parent)?;
            let mut from = fs_err::File::open(file)?;
            io::copy(&mut from, copy.as_file_mut())?;
            let about = from.metadata()?;
            copy.as_file().set_permissions(about.permissions())?;
            copy.as_file().set_modified(about.modified()?)?;
            copy.as_file().sync_all()?;
            copy.persist(place).map_err(|error| error.error)?;
            fs_err::remove_file(file)
        }
        done => done,
    }
}

/// Puts the metadata in `next` in force in the mirror: the folder `repodata` as a whole, by one exchange, so that repomd.xml, its
/// signature and all that it names change together, whatever their names are. Files of the metadata before stay for `grace`.
pub(crate) fn switch(
    work: &Work,
    next: &Path,
    grace: Duration,
    now: SystemTime,
    clean: bool,
) -> Result<(), MirrorError> {
    let (new, old) = (next.join("repodata"), work.dir.join("repodata"));
    // Metadata may lie outside of repodata/, too; those go first.
    for path in files(next, &mut |path| path.starts_with("repodata"))? {
        put(&next.join(&path), &work.dir.join(&path))?;
    }
    if old.symlink_metadata().is_err() {
        work.sync()?;
        fs_err::rename(&new, &old)?;
        return sync_folder(&work.dir);
    }
    let superseded = keep_old(work, &old, &new, grace, now, clean)?;
    work.write("superseded", superseded.as_bytes())?;
    work.sync()?;
    match renameat_with(CWD, &new, CWD, &old, RenameFlags::EXCHANGE) {
        Ok(()) => {
            sync_folder(&work.dir)?;
            remove_folder(&new)?;
        }
        // A file system that cannot exchange: file by file, what repomd.xml names first, then its signature, then itself.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::OPNOTSUPP) => {
            let mut all = files(&new, &mut |_| false)?;
            all.sort_by_key(|path| {
                let name = path.to_string_lossy();
                (name == "repomd.xml", name.starts_with("repomd.xml."), path.clone())
            });
            for path in all {
                put(&new.join(&path), &old.join(&path))?;
            }
            sync_folder(&old)?;
            remove_folder(&new)?;
        }
        Err(error) => return Err(io::Error::from(error).into()),
    }
    Ok(())
}

/// Links those old metadata files into the new folder that somebody may still read by the repomd.xml before. Gives the new list
/// of when they were superseded.
fn keep_old(
    work: &Work,
    old: &Path,
    new: &Path,
    grace: Duration,
    now: SystemTime,
    clean: bool,
) -> Result<String, MirrorError> {
    let seconds = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let text = work.read("superseded");
    let since: HashMap<&str, u64> = text
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter_map(|(at, path)| Some((path, at.parse().ok()?)))
        .collect();
    let named: HashSet<PathBuf> = Repomd::open(&old.join("repomd.xml"))
        .map(|repomd| repomd.records.iter().map(|record| PathBuf::from(&record.location_href)).collect())
        .unwrap_or_default();
    let mut superseded = String::new();
    for path in files(old, &mut |_| false)? {
        let Some(name) = path.to_str() else { continue };
        if name.starts_with("repomd.xml") || name.contains('\n') || new.join(&path).exists() {
            continue;
        }
        let at = match since.get(name) {
            Some(at) => Some(*at),
            None if clean || named.contains(&Path::new("repodata").join(&path)) => Some(seconds),
            // Somebody else put it there.
            None => None,
        };
        match at {
            Some(at) if seconds.saturating_sub(at) > grace.as_secs() || grace.is_zero() => continue,
            Some(at) => superseded.push_str(&format!("{at} {name}\n")),
            None => {}
        }
        link(&old.join(&path), &new.join(&path))?;
    }
    Ok(superseded)
}

/// All files below a folder, relative to it, but those below what `skip` names. Links are not followed.
pub(crate) fn files(folder: &Path, skip: &mut dyn FnMut(&Path) -> bool) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut waiting = vec![(PathBuf::new(), 0)];
    while let Some((inside, depth)) = waiting.pop() {
        let entries = match fs_err::read_dir(folder.join(&inside)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            let path = inside.join(entry.file_name());
            if skip(&path) {
                continue;
            }
            let kind = entry.file_type()?;
            if kind.is_dir() && depth < MAX_DEPTH {
                waiting.push((path, depth + 1));
            } else if kind.is_file() {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The packages that lie in a mirror, relative to it.
pub(crate) fn packages(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut skip = |path: &Path| path == Path::new(FOLDER) || path == Path::new("repodata");
    let mut found = files(dir, &mut skip)?;
    found.retain(|path| path.extension().is_some_and(|end| end == "rpm" || end == "drpm"));
    Ok(found)
}

/// Removes files of the mirror, and folders that are empty then.
pub(crate) fn remove(dir: &Path, paths: &[PathBuf]) -> io::Result<()> {
    for path in paths {
        match fs_err::remove_file(dir.join(path)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        for parent in path.ancestors().skip(1).filter(|parent| !parent.as_os_str().is_empty()) {
            // It is not empty, mostly.
            if std::fs::remove_dir(dir.join(parent)).is_err() {
                break;
            }
        }
    }
    Ok(())
}

fn sum(path: &Path) -> Result<Checksum, MirrorError> {
    Ok(Checksum::of(ChecksumKind::Sha256, fs_err::File::open(path)?)?.0)
}

pub(crate) fn sync_folder(folder: &Path) -> Result<(), MirrorError> {
    Ok(std::fs::File::open(folder)?.sync_all()?)
}

/// Whether the metadata in force in `dir` are, byte for byte, those in `next`.
pub(crate) fn is_in_force(dir: &Path, next: &Path) -> Result<bool, MirrorError> {
    let small = |path: &Path| path.to_string_lossy().starts_with("repodata/repomd.xml");
    for path in files(next, &mut |_| false)? {
        let (old, new) = (dir.join(&path), next.join(&path));
        let Ok(about) = std::fs::metadata(&old) else { return Ok(false) };
        let same = if small(&path) {
            fs_err::read(&old)? == fs_err::read(&new)?
        } else {
            use std::os::unix::fs::MetadataExt;
            let other = std::fs::metadata(&new)?;
            // Mostly it is a link to it, which is what is made of files that were found to be right.
            (about.ino() == other.ino() && about.dev() == other.dev())
                || (about.len() == other.len() && sum(&old)? == sum(&new)?)
        };
        if !same {
            return Ok(false);
        }
    }
    // A signature or key that is gone now must go here, too.
    for name in [super::index::SIGNATURE, super::index::KEY, INDEX] {
        if dir.join(name).exists() && !next.join(name).exists() {
            return Ok(false);
        }
    }
    Ok(true)
}
