//! A repository's metadata, written as `createrepo_c` writes them: one stream, its levels of compression.
//!
//! Not by [`copr_repodata::Publisher`]: what it writes is what is measured, and the data sets are to stay the same.

use std::{
    io::{self, BufWriter, Write},
    path::Path,
};

use anyhow::Result;
use copr_repodata::{Checksum, ChecksumKind, Record, Repomd, RepomdRecord, checksum::Hasher};
use flate2::write::GzEncoder;
use fs_err::File;

/// The time that repomd.xml gives, seconds since 1970.
const REVISION: u64 = 1_700_000_000;

/// How metadata files are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Not at all.
    Plain,
    /// gzip, level 6.
    Gzip,
    /// zstd, level 10.
    Zstd,
}

impl Format {
    /// As `--general-compress-type` has it (`plain` is ours).
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Gzip => "gz",
            Self::Zstd => "zstd",
        }
    }

    fn suffix(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Gzip => ".gz",
            Self::Zstd => ".zst",
        }
    }
}

/// Writes `folder/repodata` of `count` records, one at a time.
pub(super) fn write(folder: &Path, format: Format, count: usize, records: impl Iterator<Item = Record>) -> Result<()> {
    let repodata = folder.join("repodata");
    fs_err::create_dir(&repodata)?;
    let mut primary = Metadata::create(&repodata, "primary", "metadata", "common", format, count)?;
    let mut filelists = Metadata::create(&repodata, "filelists", "filelists", "filelists", format, count)?;
    let mut other = Metadata::create(&repodata, "other", "otherdata", "other", format, count)?;
    for record in records {
        let fragments = record.render();
        primary.write(&fragments.primary)?;
        filelists.write(&fragments.filelists)?;
        other.write(&fragments.other)?;
    }
    let records = [primary, filelists, other].into_iter().map(|file| file.finish(&repodata));
    let records = records.collect::<Result<Vec<_>>>()?;
    let repomd = Repomd { revision: REVISION.to_string(), records, ..Repomd::default() };
    fs_err::write(repodata.join("repomd.xml"), repomd.write())?;
    Ok(())
}

/// One of the three files.
struct Metadata {
    kind: &'static str,
    root: &'static str,
    format: Format,
    open_sum: Hasher,
    to: Encoder,
}

impl Metadata {
    fn create(
        repodata: &Path,
        kind: &'static str,
        root: &'static str,
        namespace: &str,
        format: Format,
        count: usize,
    ) -> Result<Self> {
        let file = BufWriter::with_capacity(1 << 18, File::create(repodata.join(kind))?);
        let to = Summing { to: file, sum: ChecksumKind::Sha256.hasher() };
        let to = match format {
            Format::Plain => Encoder::Plain(to),
            Format::Gzip => Encoder::Gzip(GzEncoder::new(to, flate2::Compression::new(6))),
            Format::Zstd => Encoder::Zstd(zstd::Encoder::new(to, 10)?),
        };
        let mut file = Self { kind, root, format, open_sum: ChecksumKind::Sha256.hasher(), to };
        let rpm = match kind {
            "primary" => " xmlns:rpm=\"http://linux.duke.edu/metadata/rpm\"",
            _ => "",
        };
        file.write(&format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <{root} xmlns=\"http://linux.duke.edu/metadata/{namespace}\"{rpm} packages=\"{count}\">\n"
        ))?;
        Ok(file)
    }

    fn write(&mut self, text: &str) -> Result<()> {
        self.open_sum.update(text.as_bytes());
        match &mut self.to {
            Encoder::Plain(to) => to.write_all(text.as_bytes())?,
            Encoder::Gzip(to) => to.write_all(text.as_bytes())?,
            Encoder::Zstd(to) => to.write_all(text.as_bytes())?,
        }
        Ok(())
    }

    /// Ends the file and gives it its name.
    fn finish(mut self, repodata: &Path) -> Result<RepomdRecord> {
        self.write(&format!("</{}>", self.root))?;
        let mut to = match self.to {
            Encoder::Plain(to) => to,
            Encoder::Gzip(to) => to.finish()?,
            Encoder::Zstd(to) => to.finish()?,
        };
        to.flush()?;
        let (checksum, size) = to.sum.finish();
        let (open_checksum, open_size) = self.open_sum.finish();
        let name = format!("{}-{}.xml{}", checksum.hex, self.kind, self.format.suffix());
        fs_err::rename(repodata.join(self.kind), repodata.join(&name))?;
        let compressed = self.format != Format::Plain;
        let open_checksum: Option<Checksum> = compressed.then_some(open_checksum);
        Ok(RepomdRecord {
            kind: self.kind.to_owned(),
            checksum,
            open_checksum,
            location_href: format!("repodata/{name}"),
            timestamp: Some(REVISION),
            size: Some(size),
            open_size: compressed.then_some(open_size),
            ..RepomdRecord::default()
        })
    }
}

enum Encoder {
    Plain(Summing),
    Gzip(GzEncoder<Summing>),
    Zstd(zstd::Encoder<'static, Summing>),
}

/// Sums what is written to the file.
struct Summing {
    to: BufWriter<File>,
    sum: Hasher,
}

impl Write for Summing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.sum.update(bytes.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}
