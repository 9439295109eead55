//! Disk images, written without the host kernel's file system code and without any outside program.

use std::{
    collections::BTreeMap,
    fs::File,
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use mkext4::{
    FsBuilder, InodeHandle, Meta, Options, ROOT,
    sink::{FileSink, RegionSink},
};
use rustix::fs::{FallocateFlags, fallocate};

use crate::machine::{Input, MachineError};

/// Sizes of images are multiples of this.
const GRAIN: u64 = 4 << 20;
/// Smallest image that is made.
const SMALLEST: u64 = 64 << 20;
/// Size of an input disk and of a spare disk as the machine sees it; the files are sparse. It is the same for all, because
/// a machine that starts from a snapshot has seen the size already.
pub const DEVICE: u64 = 16 << 30;
/// Most files on an input disk.
const MOST_FILES: usize = 20_000;
/// Every time stamp on our disks: they need none, and equal inputs make equal disks.
const EPOCH: i64 = 1_700_000_000;

/// Writes an empty ext4 file system of `bytes` (rounded up) to `path`; sparse, so it takes about a MiB.
///
/// # Errors
/// [`MachineError::Disk`].
pub fn write_scratch(path: &Path, bytes: u64) -> Result<(), MachineError> {
    write(path, round_up(bytes), &[], &[], |size| FileSink::create(path, size))
}

/// The size of a scratch disk for `bytes`.
pub(crate) fn scratch_size(bytes: u64) -> u64 {
    round_up(bytes)
}

/// Writes an ext4 file system to `path` with `inputs` and, besides, `texts` (path in disk, content).
///
/// # Errors
/// [`MachineError::Disk`] when a path is bad or doubled, a source cannot be read or changes, or the disk cannot be written.
pub fn write_input(path: &Path, inputs: &[Input], texts: &[(&str, &[u8])]) -> Result<(), MachineError> {
    let size = size_for(path, inputs, texts)?;
    write(path, size, inputs, texts, |size| FileSink::create(path, size))
}

/// Writes `inputs` as [`write_input`] does into a disk that a machine has, and has not mounted: the same file of the same
/// length, and what was there before is gone.
///
/// # Errors
/// As [`write_input`], and when they do not fit.
pub(crate) fn fill_spare(path: &Path, inputs: &[Input]) -> Result<(), MachineError> {
    let size = size_for(path, inputs, &[])?;
    if size > DEVICE {
        return Err(disk_error(path, &format!("{} MiB of packages; {} fit", size >> 20, DEVICE >> 20)));
    }
    let file = fs_err::OpenOptions::new().write(true).open(path).map_err(|error| disk_error(path, &error))?;
    write(path, size, inputs, &[], |_| Ok(InPlace(file.into_file())))
}

/// Makes the file `path` as long as a device is, with a hole; the length.
///
/// # Errors
/// When it cannot be made.
pub(crate) fn pad(path: &Path) -> io::Result<u64> {
    let file = fs_err::OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
    let length = file.metadata()?.len().next_power_of_two().max(DEVICE);
    file.set_len(length)?;
    Ok(length)
}

/// Copies a file and its holes.
///
/// # Errors
/// When it cannot be read or written.
pub(crate) fn copy_sparse(from: &Path, to: &Path) -> io::Result<()> {
    use std::io::{Read, Seek, SeekFrom};
    let mut source = fs_err::File::open(from)?;
    let mut target = fs_err::File::create_new(to)?;
    target.set_len(source.metadata()?.len())?;
    let mut at = 0;
    // `NXIO`: there are no data any more.
    while let Ok(start) = rustix::fs::seek(&source, rustix::fs::SeekFrom::Data(at)) {
        at = rustix::fs::seek(&source, rustix::fs::SeekFrom::Hole(start))?;
        source.seek(SeekFrom::Start(start))?;
        target.seek(SeekFrom::Start(start))?;
        io::copy(&mut source.by_ref().take(at - start), &mut target)?;
    }
    Ok(())
}

/// A disk that is written over: what is zero becomes a hole.
struct InPlace(File);

impl RegionSink for InPlace {
    fn data(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn zeros(&mut self, mut offset: u64, mut len: u64) -> io::Result<()> {
        let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        if len == 0 || fallocate(&self.0, hole, offset, len).is_ok() {
            return Ok(());
        }
        // A file system without holes.
        let zeros = vec![0; 1 << 20];
        while len > 0 {
            let piece = zeros.get(..usize::try_from(len).unwrap_or(zeros.len())).unwrap_or(&zeros);
            self.0.write_all_at(piece, offset)?;
            offset += piece.len() as u64;
            len -= piece.len() as u64;
        }
        Ok(())
    }
}

/// The size of a file system that holds them.
fn size_for(path: &Path, inputs: &[Input], texts: &[(&str, &[u8])]) -> Result<u64, MachineError> {
    let mut bytes = SMALLEST;
    for input in inputs {
        let size = fs_err::metadata(&input.source).map_err(|error| disk_error(path, &error))?.len();
        // A block for the inode and the tail, a hundredth for the extent tree and the group tables.
        bytes = bytes.saturating_add(size).saturating_add(size / 100).saturating_add(8 << 10);
    }
    for (_, content) in texts {
        bytes = bytes.saturating_add(content.len() as u64).saturating_add(8 << 10);
    }
    Ok(round_up(bytes))
}

fn round_up(bytes: u64) -> u64 {
    bytes.max(SMALLEST).div_ceil(GRAIN).saturating_mul(GRAIN)
}

fn disk_error(path: &Path, error: &dyn std::fmt::Display) -> MachineError {
    MachineError::Disk { path: path.to_path_buf(), message: error.to_string() }
}

fn write<S: RegionSink>(
    path: &Path,
    size: u64,
    inputs: &[Input],
    texts: &[(&str, &[u8])],
    sink: impl FnOnce(u64) -> io::Result<S>,
) -> Result<(), MachineError> {
    let failed = |error: &dyn std::fmt::Display| disk_error(path, error);
    if inputs.len() > MOST_FILES {
        return Err(failed(&format!("{} files; at most {MOST_FILES} go on one disk", inputs.len())));
    }
    let mut options = Options::new(size, [7; 16], EPOCH);
    options.reserved_percent = 0;
    let mut builder = FsBuilder::new(options).map_err(|error| failed(&error))?;
    let mut folders = BTreeMap::new();
    let mut sources = Vec::with_capacity(inputs.len());
    for input in inputs {
        let (parent, name) = place(&mut builder, &mut folders, &input.path_in_disk).map_err(|error| failed(&error))?;
        let length = fs_err::metadata(&input.source).map_err(|error| failed(&error))?.len();
        let handle = builder.file(parent, name, meta(0o644), length);
        sources.push((handle.map_err(|error| failed(&format!("{}: {error}", input.path_in_disk)))?, &input.source));
    }
    let mut written = Vec::with_capacity(texts.len());
    for (path_in_disk, content) in texts {
        let (parent, name) = place(&mut builder, &mut folders, path_in_disk).map_err(|error| failed(&error))?;
        let handle = builder.file(parent, name, meta(0o644), content.len() as u64);
        written.push((handle.map_err(|error| failed(&error))?, *content));
    }
    let layout = builder.seal().map_err(|error| failed(&error))?;
    let mut sink = sink(layout.image_len()).map_err(|error| failed(&error))?;
    let mut writer = layout.writer(&mut sink).map_err(|error| failed(&error))?;
    for (handle, source) in sources {
        let mut file = fs_err::File::open(source).map_err(|error| failed(&error))?;
        writer.fill(handle, &mut file).map_err(|error| failed(&format!("{}: {error}", source.display())))?;
    }
    for (handle, content) in written {
        writer.fill(handle, &mut &*content).map_err(|error| failed(&error))?;
    }
    writer.finish().map_err(|error| failed(&error))?;
    Ok(())
}

fn meta(mode: u16) -> Meta {
    Meta::new(mode, 0, 0, (EPOCH, 0))
}

/// Makes the folders of `path` and returns the last one with the file's name.
fn place<'a>(
    builder: &mut FsBuilder,
    folders: &mut BTreeMap<PathBuf, InodeHandle>,
    path: &'a str,
) -> Result<(InodeHandle, &'a str), String> {
    let bad = || format!("the path {path:?} is not a plain relative path");
    let (folder, name) = path.rsplit_once('/').map_or(("", path), |(folder, name)| (folder, name));
    if name.is_empty() || name == "." || name == ".." || path.len() > 1024 {
        return Err(bad());
    }
    let (mut parent, mut so_far) = (ROOT, PathBuf::new());
    for part in folder.split('/').filter(|_| !folder.is_empty()) {
        if part.is_empty() || part == "." || part == ".." {
            return Err(bad());
        }
        so_far.push(part);
        parent = match folders.get(&so_far) {
            Some(handle) => *handle,
            None => {
                let handle = builder.mkdir(parent, part, meta(0o755)).map_err(|error| error.to_string())?;
                folders.insert(so_far.clone(), handle);
                handle
            }
        };
    }
    Ok((parent, name))
}

/// Bytes that may still be written below `path`.
///
/// # Errors
/// When the folder cannot be asked.
pub fn free_bytes(path: &Path) -> io::Result<u64> {
    let stat = rustix::fs::statvfs(path)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn check(image: &Path) {
        // e2fsck lies in /sbin, which is in few users' PATH.
        let status = Command::new("/sbin/e2fsck").arg("-fn").arg(image).output().unwrap();
        assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stdout));
    }

    #[test]
    fn an_input_disk_holds_its_files_and_e2fsck_finds_nothing_to_say() {
        let dir = tempfile::tempdir().unwrap();
        let source = dir.path().join("source");
        fs_err::write(&source, vec![b'x'; 3_000_000]).unwrap();
        let inputs: Vec<_> =
            (0..200).map(|n| Input { path_in_disk: format!("rpms/p{n}.rpm"), source: source.clone() }).collect();
        let image = dir.path().join("in.img");
        write_input(&image, &inputs, &[("job.json", b"{}")]).unwrap();
        check(&image);
        let bytes = fs_err::read(&image).unwrap();
        let read = mkext4::reader::Fs::open(&bytes[..]).unwrap();
        assert_eq!(read.read_file(read.resolve("/job.json").unwrap()).unwrap(), b"{}");
        assert_eq!(read.read_file(read.resolve("/rpms/p199.rpm").unwrap()).unwrap().len(), 3_000_000);
    }

    #[test]
    fn a_scratch_disk_of_twenty_gib_takes_a_few_mib_of_the_host() {
        use std::os::unix::fs::MetadataExt;
        let dir = tempfile::tempdir().unwrap();
        let image = dir.path().join("scratch.img");
        write_scratch(&image, 20 << 30).unwrap();
        let meta = fs_err::metadata(&image).unwrap();
        assert_eq!(meta.len(), 20 << 30);
        assert!(meta.blocks() * 512 < 8 << 20, "{} blocks", meta.blocks());
        check(&image);
    }

    #[test]
    fn a_spare_disk_is_written_over_in_its_place_and_holds_only_what_came_last() {
        use std::os::unix::fs::MetadataExt;
        let dir = tempfile::tempdir().unwrap();
        let (large, small) = (dir.path().join("large"), dir.path().join("small"));
        fs_err::write(&large, vec![b'x'; 30 << 20]).unwrap();
        fs_err::write(&small, b"small").unwrap();
        let image = dir.path().join("spare.img");
        assert_eq!(pad(&image).unwrap(), DEVICE);
        let inode = fs_err::metadata(&image).unwrap().ino();
        for (name, source) in [("large.rpm", &large), ("small.rpm", &small)] {
            fill_spare(&image, &[Input::package(name, source)]).unwrap();
            let meta = fs_err::metadata(&image).unwrap();
            assert_eq!((meta.ino(), meta.len()), (inode, DEVICE));
            check(&image);
        }
        assert!(fs_err::metadata(&image).unwrap().blocks() * 512 < 20 << 20, "the large one still takes its room");
        // All that the file system names lies at its beginning.
        let mut bytes = vec![0; usize::try_from(SMALLEST).unwrap()];
        File::open(&image).unwrap().read_exact_at(&mut bytes, 0).unwrap();
        let read = mkext4::reader::Fs::open(&bytes[..]).unwrap();
        assert_eq!(read.read_file(read.resolve("/rpms/small.rpm").unwrap()).unwrap(), b"small");
        assert!(read.resolve("/rpms/large.rpm").is_err());
    }

    #[test]
    fn a_path_that_climbs_and_a_doubled_one_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let image = dir.path().join("in.img");
        for path in ["../x", "/x", "a//b", "a/../b", "", "a/", ".", ".."] {
            assert!(write_input(&image, &[], &[(path, b"")]).is_err(), "{path:?} was accepted");
        }
        assert!(write_input(&image, &[], &[("a", b""), ("a", b"")]).is_err());
    }
}
