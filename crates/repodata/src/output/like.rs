//! Writing a repository again as it was written before.

use std::time::SystemTime;

use super::Output;
use crate::{Compression, Document, Repomd};

impl Output {
    /// As a repository was written: compression, kind of checksums, names, databases, zchunk copies and filelists-ext are
    /// those of its repomd.xml; what cannot be told from that is as [`Output::new`] has it.
    pub fn like(repomd: &Repomd, now: SystemTime) -> Self {
        let mut output = Self::new(now);
        let compression = |kind: &str| repomd.record(kind).map(|record| Compression::of_name(record.file_name()));
        if let Some(primary) = repomd.record(Document::Primary.kind()) {
            output.compression = Compression::of_name(primary.file_name());
            output.checksum = primary.checksum.kind;
            output.unique_names = primary.is_named_by_checksum();
            output.open_checksums = primary.open_checksum.is_some() || output.compression == Compression::None;
        }
        let others = ["updateinfo", "modules", "group", "group_gz"];
        output.extra_compression = others.into_iter().find_map(compression).unwrap_or(output.compression);
        output.databases = compression(Document::Primary.database_kind());
        output.zchunk = repomd.record(Document::Primary.zchunk_kind()).is_some();
        output.filelists_ext = repomd.record(Document::FilelistsExt.kind()).is_some();
        output
    }
}
