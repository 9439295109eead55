//! Compression of metadata files.

use std::io::{self, Write};
use std::str::FromStr;

use crate::Error;

/// How metadata files are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// gzip: every client reads it.
    #[default]
    Gzip,
    /// zstd: smaller and faster; EL 8 and later.
    Zstd,
}

impl Compression {
    /// The suffix of file names, without dot.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Gzip => "gz",
            Self::Zstd => "zst",
        }
    }

    /// A writer that compresses into `to`. The same input always gives the same bytes.
    pub(crate) fn encoder<W: Write>(self, to: W) -> io::Result<Encoder<W>> {
        Ok(match self {
            Self::Gzip => {
                let level = flate2::Compression::new(6);
                Encoder::Gzip(flate2::GzBuilder::new().mtime(0).operating_system(255).write(to, level))
            }
            Self::Zstd => {
                let mut encoder = zstd::stream::write::Encoder::new(to, 7)?;
                encoder.include_checksum(true)?;
                Encoder::Zstd(encoder)
            }
        })
    }
}

/// A compressing writer; nothing is complete before [`Encoder::finish`].
pub(crate) enum Encoder<W: Write> {
    Gzip(flate2::write::GzEncoder<W>),
    Zstd(zstd::stream::write::Encoder<'static, W>),
}

impl<W: Write> Encoder<W> {
    pub(crate) fn finish(self) -> io::Result<W> {
        match self {
            Self::Gzip(encoder) => encoder.finish(),
            Self::Zstd(encoder) => encoder.finish(),
        }
    }
}

impl<W: Write> Write for Encoder<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Gzip(encoder) => encoder.write(bytes),
            Self::Zstd(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Gzip(encoder) => encoder.flush(),
            Self::Zstd(encoder) => encoder.flush(),
        }
    }
}

impl FromStr for Compression {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        match name {
            "gz" | "gzip" => Ok(Self::Gzip),
            "zstd" | "zst" => Ok(Self::Zstd),
            _ => Err(Error::metadata("compression", format!("unknown type `{name}`, use gz or zstd"))),
        }
    }
}
