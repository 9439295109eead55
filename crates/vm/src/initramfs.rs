//! An initramfs: a cpio archive in the `newc` format.

use std::{
    collections::BTreeSet,
    io::{self, Read, Write},
    path::Path,
};

/// Longest path in an archive.
const LONGEST_PATH: usize = 4095;
/// Archives one after the other must each start at a multiple of four; the usual 512 suits every reader.
const BLOCK: u64 = 512;

/// Writes an archive, entry by entry. Paths are relative (`usr/bin/rpm`); parent folders that were not added are added
/// with mode 0755. Everything belongs to root. Archives may be put one behind the other: later entries win.
#[derive(Debug)]
pub struct Initramfs<W: Write> {
    out: W,
    written: u64,
    inode: u32,
    folders: BTreeSet<String>,
}

impl Initramfs<io::BufWriter<fs_err::File>> {
    /// Starts a new file, which must not exist.
    ///
    /// # Errors
    /// When it exists or cannot be made.
    pub fn create(path: &Path) -> io::Result<Self> {
        let file = fs_err::OpenOptions::new().write(true).create_new(true).open(path)?;
        Ok(Self::new(io::BufWriter::with_capacity(1 << 20, file)))
    }
}

impl<W: Write> Initramfs<W> {
    /// Starts an archive.
    pub fn new(out: W) -> Self {
        Self { out, written: 0, inode: 0, folders: BTreeSet::new() }
    }

    /// Adds a folder; adding it again is fine and changes nothing.
    ///
    /// # Errors
    /// When the path climbs or is too long, and when writing fails.
    pub fn add_dir(&mut self, path: &str, mode: u32) -> io::Result<()> {
        check_path(path)?;
        if self.folders.contains(path) {
            return Ok(());
        }
        self.add_parents(path)?;
        self.folders.insert(path.to_owned());
        self.header(path, 0o040_000 | (mode & 0o7777), 0)
    }

    /// Adds a regular file of exactly `size` bytes; `mode` are its permission bits.
    ///
    /// # Errors
    /// As for folders, and when `content` has another length or is of 4 GiB or more.
    pub fn add_file(&mut self, path: &str, mode: u32, size: u64, content: &mut dyn Read) -> io::Result<()> {
        check_path(path)?;
        self.add_parents(path)?;
        self.header(path, 0o100_000 | (mode & 0o7777), size)?;
        let copied = io::copy(&mut content.take(size.saturating_add(1)), &mut self.out)?;
        if copied != size {
            let what =
                format!("{path} should have {size} bytes and has {}", if copied > size { "more" } else { "fewer" });
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        self.written += size;
        self.pad(4)
    }

    /// Adds a symbolic link.
    ///
    /// # Errors
    /// As for folders.
    pub fn add_symlink(&mut self, path: &str, target: &str) -> io::Result<()> {
        check_path(path)?;
        if target.is_empty() || target.len() > LONGEST_PATH || target.contains('\0') {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{path}: not a link's target: {target:?}"),
            ));
        }
        self.add_parents(path)?;
        self.header(path, 0o120_777, target.len() as u64)?;
        self.put(target.as_bytes())?;
        self.pad(4)
    }

    /// Ends the archive and returns the writer, flushed.
    ///
    /// # Errors
    /// When writing fails.
    pub fn finish(mut self) -> io::Result<W> {
        self.inode = 0;
        self.header_of("TRAILER!!!", 0, 0, 0)?;
        self.pad(BLOCK)?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn add_parents(&mut self, path: &str) -> io::Result<()> {
        for (at, _) in path.match_indices('/') {
            let parent = path.get(..at).unwrap_or_default();
            if !self.folders.contains(parent) {
                self.folders.insert(parent.to_owned());
                self.header(parent, 0o040_755, 0)?;
            }
        }
        Ok(())
    }

    fn header(&mut self, path: &str, mode: u32, size: u64) -> io::Result<()> {
        self.inode = self.inode.wrapping_add(1);
        self.header_of(path, self.inode, mode, size)
    }

    fn header_of(&mut self, path: &str, inode: u32, mode: u32, size: u64) -> io::Result<()> {
        let size = u32::try_from(size)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, format!("{path} is of 4 GiB or more")))?;
        let links = if mode & 0o170_000 == 0o040_000 { 2 } else { 1 };
        let name_length = path.len() + 1;
        let head = format!(
            "070701{inode:08X}{mode:08X}{:08X}{:08X}{links:08X}{:08X}{size:08X}{:08X}{:08X}{:08X}{:08X}{name_length:08X}{:08X}",
            0, 0, 0, 0, 0, 0, 0, 0
        );
        self.put(head.as_bytes())?;
        self.put(path.as_bytes())?;
        self.put(&[0])?;
        self.pad(4)
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.written += bytes.len() as u64;
        Ok(())
    }

    fn pad(&mut self, to: u64) -> io::Result<()> {
        while !self.written.is_multiple_of(to) {
            self.put(&[0])?;
        }
        Ok(())
    }
}

fn check_path(path: &str) -> io::Result<()> {
    let fine = path.len() <= LONGEST_PATH
        && !path.contains('\0')
        && path != "TRAILER!!!"
        && path.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
    if fine {
        Ok(())
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, format!("not a plain relative path: {path:?}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpio_unpacks_what_was_written() {
        let dir = tempfile::tempdir().unwrap();
        let mut archive = Initramfs::create(&dir.path().join("a.cpio")).unwrap();
        archive.add_file("usr/bin/tool", 0o755, 5, &mut &b"hello"[..]).unwrap();
        archive.add_symlink("bin", "usr/bin").unwrap();
        archive.add_dir("usr/bin", 0o700).unwrap();
        archive.add_dir("tmp", 0o1777).unwrap();
        archive.finish().unwrap();
        let out = std::process::Command::new("cpio")
            .args(["-idm", "--quiet", "-F", "a.cpio"])
            .current_dir(dir.path())
            .output()
            .unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        assert_eq!(fs_err::read(dir.path().join("bin/tool")).unwrap(), b"hello");
        assert!(dir.path().join("tmp").is_dir());
    }

    #[test]
    fn a_content_of_another_length_is_refused() {
        let mut archive = Initramfs::new(Vec::new());
        assert!(archive.add_file("a", 0o644, 3, &mut &b"abcd"[..]).is_err());
        let mut archive = Initramfs::new(Vec::new());
        assert!(archive.add_file("a", 0o644, 3, &mut &b"ab"[..]).is_err());
    }

    #[test]
    fn paths_that_climb_are_refused() {
        let mut archive = Initramfs::new(Vec::new());
        for path in ["", "/a", "../a", "a/../b", "a//b", "a/", "./a", "TRAILER!!!"] {
            assert!(archive.add_dir(path, 0o755).is_err(), "{path:?} was accepted");
        }
    }
}
