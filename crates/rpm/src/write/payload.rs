//! The archive of a package: cpio with the magic number 070701, "newc", as rpm has it since ever (`lib/cpio.c`).

use std::io::{self, Write};

use flate2::{Compression, GzBuilder};

use super::File;

/// The file type of regular files, as in `st_mode`.
pub(super) const REGULAR: u16 = 0o100_000;

/// The files, whose order is that of the header, and the trailer.
pub(super) fn archive(files: &[&File], time: u64) -> Vec<u8> {
    let mut out = Vec::new();
    for (number, file) in (1u64..).zip(files) {
        // Relative to the root, with the prefix that `PayloadFilesHavePrefix` announces.
        member(&mut out, number, &format!(".{}", file.path), REGULAR | file.mode, time, &file.contents);
    }
    member(&mut out, 0, "TRAILER!!!", 0, 0, b"");
    out
}

fn member(out: &mut Vec<u8>, inode: u64, name: &str, mode: u16, time: u64, contents: &[u8]) {
    out.extend_from_slice(b"070701");
    let (size, name_size) = (contents.len() as u64, name.len() as u64 + 1);
    // inode, mode, owner, group, links, time, size, device and number of a device (major, minor), size of the name, sum.
    for field in [inode, u64::from(mode), 0, 0, 1, time, size, 0, 0, 0, 0, name_size, 0] {
        out.extend_from_slice(format!("{field:08x}").as_bytes());
    }
    for bytes in [name.as_bytes(), b"\0"] {
        out.extend_from_slice(bytes);
    }
    out.resize(out.len().next_multiple_of(4), 0);
    out.extend_from_slice(contents);
    out.resize(out.len().next_multiple_of(4), 0);
}

/// gzip, without a name or a time.
pub(super) fn compress(archive: &[u8]) -> io::Result<Vec<u8>> {
    let mut gzip = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
    gzip.write_all(archive)?;
    gzip.finish()
}
