//! Checksums as metadata name them.

use std::fmt;
use std::io::{self, Read, Write};
use std::str::FromStr;

use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};

use crate::Error;

/// The algorithm of a checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ChecksumKind {
    /// MD5: only for the oldest clients and metadata.
    Md5,
    /// SHA-1 under the name that yum's first metadata gave it, `sha`.
    Sha,
    /// SHA-1.
    Sha1,
    /// SHA-224.
    Sha224,
    /// SHA-256, what everybody uses.
    #[default]
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl ChecksumKind {
    /// The name in metadata: `sha256`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Md5 => "md5",
            Self::Sha => "sha",
            Self::Sha1 => "sha1",
            Self::Sha224 => "sha224",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    /// Number of hexadecimal digits of a checksum of this kind.
    pub fn hex_len(self) -> usize {
        match self {
            Self::Md5 => 32,
            Self::Sha | Self::Sha1 => 40,
            Self::Sha224 => 56,
            Self::Sha256 => 64,
            Self::Sha384 => 96,
            Self::Sha512 => 128,
        }
    }

    /// Whether nobody can make other content with the same sum: false for MD5 and SHA-1.
    pub fn is_strong(self) -> bool {
        !matches!(self, Self::Md5 | Self::Sha | Self::Sha1)
    }

    /// A running sum of this kind.
    pub fn hasher(self) -> Hasher {
        let state = match self {
            Self::Md5 => State::Md5(Md5::new()),
            Self::Sha | Self::Sha1 => State::Sha1(Sha1::new()),
            Self::Sha224 => State::Sha224(Sha224::new()),
            Self::Sha256 => State::Sha256(Sha256::new()),
            Self::Sha384 => State::Sha384(Sha384::new()),
            Self::Sha512 => State::Sha512(Sha512::new()),
        };
        Hasher { kind: self, state, size: 0 }
    }
}

impl fmt::Display for ChecksumKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for ChecksumKind {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        match name.to_ascii_lowercase().as_str() {
            "md5" => Ok(Self::Md5),
            "sha" => Ok(Self::Sha),
            "sha1" => Ok(Self::Sha1),
            "sha224" => Ok(Self::Sha224),
            "sha256" => Ok(Self::Sha256),
            "sha384" => Ok(Self::Sha384),
            "sha512" => Ok(Self::Sha512),
            _ => Err(Error::metadata("checksum", format!("unknown type `{name}`"))),
        }
    }
}

/// A checksum and its algorithm.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Checksum {
    /// The algorithm.
    pub kind: ChecksumKind,
    /// The sum, in lower-case hexadecimal.
    pub hex: String,
}

impl Checksum {
    /// Checks that the text is hexadecimal and of the right length for its kind.
    ///
    /// # Errors
    /// It is not.
    pub fn new(kind: ChecksumKind, hex: &str) -> Result<Self, Error> {
        let hex = hex.trim().to_ascii_lowercase();
        if hex.len() != kind.hex_len() || !hex.bytes().all(|c| c.is_ascii_hexdigit()) {
            let shown: String = hex.chars().take(130).collect();
            return Err(Error::metadata("checksum", format!("`{shown}` is not a {kind} sum")));
        }
        Ok(Self { kind, hex })
    }

    /// Reads everything and returns its checksum and size in bytes.
    ///
    /// # Errors
    /// Reading fails.
    pub fn of(kind: ChecksumKind, mut from: impl Read) -> Result<(Self, u64), Error> {
        let mut hasher = kind.hasher();
        let mut buffer = vec![0; 128 << 10];
        loop {
            match from.read(&mut buffer) {
                Ok(0) => return Ok(hasher.finish()),
                Ok(n) => hasher.update(buffer.get(..n).unwrap_or_default()),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e.into()),
            }
        }
    }
}

impl fmt::Display for Checksum {
    /// `sha256:HEX`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.hex)
    }
}

/// A running checksum that also counts bytes. As a [`Write`] it swallows what it is given.
#[derive(Debug, Clone)]
pub struct Hasher {
    kind: ChecksumKind,
    state: State,
    size: u64,
}

#[derive(Debug, Clone)]
enum State {
    Md5(Md5),
    Sha1(Sha1),
    Sha224(Sha224),
    Sha256(Sha256),
    Sha384(Sha384),
    Sha512(Sha512),
}

impl Hasher {
    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.size += bytes.len() as u64;
        match &mut self.state {
            State::Md5(sum) => sum.update(bytes),
            State::Sha1(sum) => sum.update(bytes),
            State::Sha224(sum) => sum.update(bytes),
            State::Sha256(sum) => sum.update(bytes),
            State::Sha384(sum) => sum.update(bytes),
            State::Sha512(sum) => sum.update(bytes),
        }
    }

    /// The checksum of all bytes, and how many they were.
    pub fn finish(self) -> (Checksum, u64) {
        let hex = match self.state {
            State::Md5(sum) => hex::encode(sum.finalize()),
            State::Sha1(sum) => hex::encode(sum.finalize()),
            State::Sha224(sum) => hex::encode(sum.finalize()),
            State::Sha256(sum) => hex::encode(sum.finalize()),
            State::Sha384(sum) => hex::encode(sum.finalize()),
            State::Sha512(sum) => hex::encode(sum.finalize()),
        };
        (Checksum { kind: self.kind, hex }, self.size)
    }
}

impl Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
