//! Files as a package's header lists them.

use std::borrow::Cow;

use crate::header::{Header, Numbers, NumbersIter, Texts};
use crate::text::owned_text;
use crate::{Error, Tag, tag};

/// `S_IFMT`: the bits of a mode that tell what kind of file it is.
const TYPE: u16 = 0o170_000;
const DIRECTORY: u16 = 0o040_000;
const REGULAR: u16 = 0o100_000;
/// `RPMFILE_GHOST`.
const GHOST: u32 = 1 << 6;

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
        self.flags & GHOST != 0
    }

    /// Whether it is a directory.
    pub fn is_dir(&self) -> bool {
        self.mode & TYPE == DIRECTORY
    }

    /// Whether it is a regular file.
    pub fn is_regular(&self) -> bool {
        self.mode & TYPE == REGULAR
    }
}

/// What a list of files needs to know of one, without a copy of anything: see [`crate::Package::listed_files`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListedFile<'a> {
    /// Directory, with a slash at its end; empty in source packages and where names are whole paths.
    pub dir: &'a [u8],
    /// Name inside the directory.
    pub name: &'a [u8],
    /// Type and permissions, as `st_mode`.
    pub mode: u16,
    /// rpm's file flags; see [`ListedFile::is_ghost`].
    pub flags: u32,
    /// Directory and name, if they are known to be UTF-8.
    texts: Option<(&'a str, &'a str)>,
}

impl ListedFile<'_> {
    /// The whole path. If it is not UTF-8, it is read as Latin-1, as [`Header::str`] does.
    pub fn path(&self) -> String {
        let size = self.dir.len().saturating_add(self.name.len());
        if let Some((dir, name)) = self.texts {
            let mut path = String::with_capacity(size);
            path.push_str(dir);
            path.push_str(name);
            return path;
        }
        let mut path = Vec::with_capacity(size);
        path.extend_from_slice(self.dir);
        path.extend_from_slice(self.name);
        owned_text(path)
    }

    /// `%ghost`: owned, but not in the payload.
    pub fn is_ghost(&self) -> bool {
        self.flags & GHOST != 0
    }

    /// Whether it is a directory.
    pub fn is_dir(&self) -> bool {
        self.mode & TYPE == DIRECTORY
    }
}

type Dir<'a> = (&'a [u8], Option<&'a str>);

/// The files of a package in the order of the header, each made when it is asked for. It ends after an error.
#[derive(Debug, Clone)]
pub struct ListedFiles<'a> {
    header: &'a Header,
    names: Texts<'a>,
    /// Directories, as bytes and as UTF-8, and every file's index into them; `None` where names are whole paths.
    dirs: Option<(Vec<Dir<'a>>, NumbersIter<'a>)>,
    modes: NumbersIter<'a>,
    flags: NumbersIter<'a>,
    left: usize,
    /// Bytes of the paths so far.
    bytes: usize,
}

impl<'a> ListedFiles<'a> {
    /// # Errors
    /// The arrays of the header do not fit together.
    pub(crate) fn new(header: &'a Header) -> Result<Self, Error> {
        let old_style = !header.contains(tag::BASENAMES);
        let name_tag = if old_style { tag::OLDFILENAMES } else { tag::BASENAMES };
        let names = texts(header, name_tag, "file names", usize::MAX)?;
        let count = names.as_ref().map_or(0, Texts::claimed);
        let dirs = if old_style || count == 0 {
            None
        } else {
            let indexes = numbers(header, tag::DIRINDEXES, "directory indexes", count)?;
            let mut dirs = texts(header, tag::DIRNAMES, "directory names", usize::MAX)?.unwrap_or_default();
            Some((std::iter::from_fn(|| dirs.next_value()).collect(), indexes.iter()))
        };
        Ok(Self {
            header,
            names: names.unwrap_or_default(),
            dirs,
            modes: numbers(header, tag::FILEMODES, "file modes", count)?.iter(),
            flags: numbers(header, tag::FILEFLAGS, "file flags", count)?.iter(),
            left: count,
            bytes: 0,
        })
    }

    /// How many files are still to come.
    pub fn left(&self) -> usize {
        self.left
    }

    fn file(&mut self) -> Result<ListedFile<'a>, Error> {
        let header = self.header;
        let name = self.names.next_value().ok_or_else(|| malformed(header, tag::BASENAMES, "file names"))?;
        let (name, name_text) = name;
        let (dir, dir_text): Dir<'a> = match &mut self.dirs {
            None => (&[], Some("")),
            Some((dirs, indexes)) => {
                let index = indexes.next().and_then(|index| usize::try_from(index).ok());
                *index.and_then(|index| dirs.get(index)).ok_or_else(|| {
                    let reason = "a file's directory index points to no directory";
                    Error::damaged("header", header.offset(tag::DIRINDEXES), reason)
                })?
            }
        };
        self.bytes = self.bytes.saturating_add(dir.len()).saturating_add(name.len());
        if self.bytes > MAX_PATHS {
            let reason = format!("its file paths are over {MAX_PATHS} bytes");
            return Err(Error::damaged("header", header.offset(tag::DIRINDEXES), reason));
        }
        let mode = u16::try_from(self.modes.next().unwrap_or(0) & 0xFFFF).unwrap_or(0);
        Ok(ListedFile { dir, name, mode, flags: low32(self.flags.next()), texts: dir_text.zip(name_text) })
    }
}

impl<'a> Iterator for ListedFiles<'a> {
    type Item = Result<ListedFile<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let file = self.file();
        if file.is_err() {
            self.left = 0;
        }
        Some(file)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.left))
    }
}

/// Digests of the files, in their order and hexadecimal; empty for what is no regular file. `None` if there are none.
///
/// # Errors
/// They are of another type, or not as many as files.
pub(crate) fn digests(header: &Header) -> Result<Option<Texts<'_>>, Error> {
    let count = ListedFiles::new(header)?.left();
    texts(header, tag::FILEDIGESTS, "file digests", count)
}

/// All files, in the order of the header.
///
/// # Errors
/// The arrays of the header do not fit together.
pub(crate) fn files(header: &Header) -> Result<Vec<FileEntry>, Error> {
    let listed = ListedFiles::new(header)?;
    let count = listed.left();
    let sizes = if header.contains(tag::LONGFILESIZES) { tag::LONGFILESIZES } else { tag::FILESIZES };
    let sizes = numbers(header, sizes, "file sizes", count)?;
    let mtimes = numbers(header, tag::FILEMTIMES, "file times", count)?;
    let rdevs = numbers(header, tag::FILERDEVS, "device numbers", count)?;
    let inodes = numbers(header, tag::FILEINODES, "inode numbers", count)?;
    let devices = numbers(header, tag::FILEDEVICES, "file devices", count)?;
    let mut digests = digests(header)?;
    let mut users = texts(header, tag::FILEUSERNAME, "file owners", count)?;
    let mut groups = texts(header, tag::FILEGROUPNAME, "file groups", count)?;
    let mut links = texts(header, tag::FILELINKTOS, "link targets", count)?;
    let next = |list: &mut Option<Texts<'_>>, tag, what| match list {
        None => Ok(String::new()),
        Some(texts) => texts.next_text().map(Cow::into_owned).ok_or_else(|| malformed(header, tag, what)),
    };
    let mut entries = Vec::new();
    for (n, file) in listed.enumerate() {
        let file = file?;
        entries.push(FileEntry {
            path: file.path(),
            mode: file.mode,
            flags: file.flags,
            digest: next(&mut digests, tag::FILEDIGESTS, "file digests")?,
            size: sizes.get(n).unwrap_or(0),
            mtime: low32(mtimes.get(n)),
            user: next(&mut users, tag::FILEUSERNAME, "file owners")?,
            group: next(&mut groups, tag::FILEGROUPNAME, "file groups")?,
            link: next(&mut links, tag::FILELINKTOS, "link targets")?,
            rdev: low32(rdevs.get(n)),
            inode: inodes.get(n).unwrap_or(0),
            device: devices.get(n).unwrap_or(0),
        });
    }
    Ok(entries)
}

/// Bytes that all paths of a package together may have: a few directories repeated for millions of names would
/// otherwise grow a small header without bound.
const MAX_PATHS: usize = 1 << 30;

fn low32(number: Option<u64>) -> u32 {
    u32::try_from(number.unwrap_or(0) & 0xFFFF_FFFF).unwrap_or(0)
}

fn malformed(header: &Header, tag: Tag, what: &str) -> Error {
    Error::damaged("header", header.offset(tag), format!("its {what} are malformed"))
}

/// A list parallel to the files: absent, or of the right length (`usize::MAX`: any).
fn texts<'a>(header: &'a Header, tag: Tag, what: &str, count: usize) -> Result<Option<Texts<'a>>, Error> {
    if !header.contains(tag) {
        return Ok(None);
    }
    let values = header.texts(tag).ok_or_else(|| malformed(header, tag, what))?;
    check_count(header, tag, values.claimed(), count, what)?;
    // An empty list says as much as none.
    Ok(Some(values).filter(|values| values.claimed() > 0))
}

fn numbers<'a>(header: &'a Header, tag: Tag, what: &str, count: usize) -> Result<Numbers<'a>, Error> {
    if !header.contains(tag) {
        return Ok(Numbers::default());
    }
    let values = header.numbers(tag).ok_or_else(|| malformed(header, tag, what))?;
    check_count(header, tag, values.len(), count, what).map(|()| values)
}

fn check_count(header: &Header, tag: Tag, got: usize, expected: usize, what: &str) -> Result<(), Error> {
    if got == 0 || expected == usize::MAX || got == expected {
        return Ok(());
    }
    Err(Error::damaged("header", header.offset(tag), format!("it has {expected} files but {got} {what}")))
}
