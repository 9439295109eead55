//! Files as a package's header lists them.

use crate::{Error, Header, Tag, tag};

/// One file of a package.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FileEntry {
    /// Path: absolute in binary packages, a bare name in source packages. Bytes that are not UTF-8 read as Latin-1.
    pub path: String,
    /// Type and permissions, as `st_mode`.
    pub mode: u16,
    /// rpm's file flags; see [`FileEntry::is_ghost`].
    pub flags: u32,
    /// Digest, hexadecimal; empty for what is no regular file.
    pub digest: String,
    /// Size in bytes.
    pub size: u64,
    /// Modification time, seconds since 1970.
    pub mtime: u32,
    /// Owner's name.
    pub user: String,
    /// Group's name.
    pub group: String,
    /// Target of a symbolic link, else empty.
    pub link: String,
    /// Device number of a device file.
    pub rdev: u32,
    /// Inode number that the package gives it; files with the same number (and device) are hard links.
    pub inode: u64,
    /// Device that the package says it lies on.
    pub device: u64,
}

impl FileEntry {
    /// `%ghost`: owned, but not in the payload.
    pub fn is_ghost(&self) -> bool {
        self.flags & 1 << 6 != 0
    }

    /// Whether it is a directory.
    pub fn is_dir(&self) -> bool {
        self.mode & 0o170_000 == 0o040_000
    }

    /// Whether it is a regular file.
    pub fn is_regular(&self) -> bool {
        self.mode & 0o170_000 == 0o100_000
    }
}

/// All files, in the order of the header.
///
/// # Errors
/// The arrays of the header do not fit together.
pub(crate) fn files(header: &Header) -> Result<Vec<FileEntry>, Error> {
    let paths = paths(header)?;
    let count = paths.len();
    if count == 0 {
        return Ok(Vec::new());
    }
    let modes = numbers(header, tag::FILEMODES, "file modes", count)?;
    let flags = numbers(header, tag::FILEFLAGS, "file flags", count)?;
    let sizes = match header.contains(tag::LONGFILESIZES) {
        true => numbers(header, tag::LONGFILESIZES, "file sizes", count)?,
        false => numbers(header, tag::FILESIZES, "file sizes", count)?,
    };
    let mtimes = numbers(header, tag::FILEMTIMES, "file times", count)?;
    let rdevs = numbers(header, tag::FILERDEVS, "device numbers", count)?;
    let inodes = numbers(header, tag::FILEINODES, "inode numbers", count)?;
    let devices = numbers(header, tag::FILEDEVICES, "file devices", count)?;
    let mut digests = texts(header, tag::FILEDIGESTS, "file digests", count)?;
    let mut users = texts(header, tag::FILEUSERNAME, "file owners", count)?;
    let mut groups = texts(header, tag::FILEGROUPNAME, "file groups", count)?;
    let mut links = texts(header, tag::FILELINKTOS, "link targets", count)?;
    let at = |values: &[u64], n: usize| values.get(n).copied().unwrap_or(0);
    let low32 = |n: u64| u32::try_from(n & 0xFFFF_FFFF).unwrap_or(0);
    let mut entries = Vec::with_capacity(count);
    for (n, path) in paths.into_iter().enumerate() {
        let take = |values: &mut Vec<String>| values.get_mut(n).map(std::mem::take).unwrap_or_default();
        entries.push(FileEntry {
            path,
            mode: u16::try_from(at(&modes, n) & 0xFFFF).unwrap_or(0),
            flags: low32(at(&flags, n)),
            digest: take(&mut digests),
            size: at(&sizes, n),
            mtime: low32(at(&mtimes, n)),
            user: take(&mut users),
            group: take(&mut groups),
            link: take(&mut links),
            rdev: low32(at(&rdevs, n)),
            inode: at(&inodes, n),
            device: at(&devices, n),
        });
    }
    Ok(entries)
}

/// Paths from directories and names, or from the list of packages before rpm 4.
fn paths(header: &Header) -> Result<Vec<String>, Error> {
    if !header.contains(tag::BASENAMES) {
        return texts(header, tag::OLDFILENAMES, "file names", usize::MAX);
    }
    let names = text_values(header, tag::BASENAMES, "file names")?;
    let dirs = text_values(header, tag::DIRNAMES, "directory names")?;
    let indexes = numbers(header, tag::DIRINDEXES, "directory indexes", names.len())?;
    let mut total = 0usize;
    let mut paths = Vec::with_capacity(names.len());
    for (name, index) in names.iter().zip(indexes) {
        let dir = usize::try_from(index).ok().and_then(|i| dirs.get(i));
        let dir = dir.ok_or_else(|| Error::damaged("header", "a file's directory index points to no directory"))?;
        total = total.saturating_add(dir.len()).saturating_add(name.len());
        if total > MAX_PATHS {
            return Err(Error::damaged("header", format!("its file paths are over {MAX_PATHS} bytes")));
        }
        paths.push(format!("{dir}{name}"));
    }
    Ok(paths)
}

/// Bytes that all paths of a package together may have: a few directories repeated for millions of names would
/// otherwise grow a small header without bound.
const MAX_PATHS: usize = 1 << 30;

fn text_values(header: &Header, tag: Tag, what: &str) -> Result<Vec<String>, Error> {
    if !header.contains(tag) {
        return Ok(Vec::new());
    }
    let values = header.strings(tag).ok_or_else(|| Error::damaged("header", format!("its {what} are malformed")))?;
    Ok(values.into_iter().map(std::borrow::Cow::into_owned).collect())
}

/// A list parallel to the files: absent, or of the right length (`usize::MAX`: any).
fn texts(header: &Header, tag: Tag, what: &str, count: usize) -> Result<Vec<String>, Error> {
    let values = text_values(header, tag, what)?;
    check_count(values.len(), count, what).map(|()| values)
}

fn numbers(header: &Header, tag: Tag, what: &str, count: usize) -> Result<Vec<u64>, Error> {
    if !header.contains(tag) {
        return Ok(Vec::new());
    }
    let values = header.u64s(tag).ok_or_else(|| Error::damaged("header", format!("its {what} are malformed")))?;
    check_count(values.len(), count, what).map(|()| values)
}

fn check_count(got: usize, expected: usize, what: &str) -> Result<(), Error> {
    if got == 0 || expected == usize::MAX || got == expected {
        return Ok(());
    }
    Err(Error::damaged("header", format!("it has {expected} files but {got} {what}")))
}
