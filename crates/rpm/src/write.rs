//! Making a package without `rpmbuild`: a few files that depend on nothing that has to be compiled, such as .repo files and keys.
//!
//! The package is of format 4 as rpm 4.14 writes it (`build/pack.c`, `build/files.c`), which all later ones read and install: a
//! gzip'd cpio archive (`newc`), SHA-256 of each file and of the payload in the header, SHA-256 and SHA-1 of the header and MD5 of
//! all in the signature header, and there a place for a signature ([`crate::sign`]). The same input gives the same bytes.

mod check;
mod header;
mod payload;

use std::io::Write;

use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256};

use crate::stored::{Stored, sealed};
use crate::{Changelog, Dependency, Error, Nevra, tag};

/// Zeros that a signature may take the place of, as `rpmbuild` leaves them (`%__gpg_reserved_space` and 32).
const RESERVED: usize = 4096 + 32;
/// The lead of a binary package: magic number, format 3.0; what follows up to the name (`rpmLeadFromHeader` in `lib/rpmlead.c`).
const LEAD: [u8; 10] = [0xED, 0xAB, 0xEE, 0xDB, 3, 0, 0, 0, 0, 1];
/// Bytes of the name in the lead, its NUL included.
const LEAD_NAME: usize = 66;
/// What follows the name in the lead: Linux, and that a signature header follows.
const LEAD_END: [u8; 4] = [0, 1, 0, 5];

/// One file of a package. It belongs to root.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct File {
    /// Absolute path.
    pub path: String,
    /// Permissions, at most `0o7777`.
    pub mode: u16,
    /// What is in it.
    pub contents: Vec<u8>,
    /// Whether it is a configuration file that an update leaves as the administrator has changed it: `%config(noreplace)`.
    pub config: bool,
}

/// What a noarch package is made of. `Default` has nothing; name, version, release, summary, description and licence are needed.
///
/// ```
/// use copr_rpm::write::{Builder, File};
///
/// let text = "[chess]\nname=Chess\nbaseurl=https://example.org/chess/\n";
/// let path = "/etc/yum.repos.d/chess.repo".to_owned();
/// let package = Builder {
///     name: "chess-release".to_owned(),
///     version: "1".to_owned(),
///     release: "1".to_owned(),
///     summary: "The chess repository".to_owned(),
///     description: "Enables the chess repository.".to_owned(),
///     license: "MIT".to_owned(),
///     build_time: 1_700_000_000,
///     files: vec![File { path, mode: 0o644, contents: text.into(), config: true }],
///     ..Builder::default()
/// };
/// let mut bytes = Vec::new();
/// package.write(&mut bytes)?;
/// let read = copr_rpm::Package::read(bytes.as_slice())?;
/// assert_eq!(read.nevra()?.to_string(), "chess-release-1-1.noarch");
/// # Ok::<(), copr_rpm::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Builder {
    /// Package name.
    pub name: String,
    /// Epoch; `None` and 0 mean the same to rpm.
    pub epoch: Option<u32>,
    /// Version.
    pub version: String,
    /// Release.
    pub release: String,
    /// One line about the package.
    pub summary: String,
    /// Text about the package.
    pub description: String,
    /// Licence.
    pub license: String,
    /// Home page.
    pub url: Option<String>,
    /// Vendor.
    pub vendor: Option<String>,
    /// Where to report bugs.
    pub bug_url: Option<String>,
    /// Packager.
    pub packager: Option<String>,
    /// Where it was built.
    pub build_host: Option<String>,
    /// When it was built, seconds since 1970; the files have this time as well. At most 4294967295.
    pub build_time: u64,
    /// The files, in any order. Their folders are other packages'.
    pub files: Vec<File>,
    /// What it requires, besides what its format needs of rpm.
    pub requires: Vec<Dependency>,
    /// What it provides, besides itself.
    pub provides: Vec<Dependency>,
    /// What it conflicts with.
    pub conflicts: Vec<Dependency>,
    /// What it obsoletes.
    pub obsoletes: Vec<Dependency>,
    /// Changes, newest first. rpm wants the times of days at noon.
    pub changelog: Vec<Changelog>,
    /// File name of the source package; `None`: the one that `rpmbuild` would have made.
    pub source_rpm: Option<String>,
}

impl Builder {
    /// The package's full name.
    pub fn nevra(&self) -> Nevra {
        Nevra {
            name: self.name.clone(),
            epoch: self.epoch.unwrap_or(0),
            version: self.version.clone(),
            release: self.release.clone(),
            arch: "noarch".to_owned(),
        }
    }

    /// Writes the package.
    ///
    /// # Errors
    /// [`Error::NotBuildable`] names what is missing, malformed or too much, before anything is written: texts with NUL, names and
    /// versions with characters that rpm does not allow there, paths that are not absolute or come twice, more than 4096 files or
    /// 64 MiB. [`Error::Write`] when writing fails.
    pub fn write(&self, to: &mut impl Write) -> Result<(), Error> {
        check::check(self)?;
        let mut files: Vec<&File> = self.files.iter().collect();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let archive = payload::archive(&files, self.build_time);
        let payload = payload::compress(&archive).map_err(Error::Write)?;
        let header = sealed(tag::HEADERIMMUTABLE, &header::entries(self, &files, &archive, &payload));
        let whole = Md5::new_with_prefix(&header).chain_update(&payload).finalize();
        let size = |bytes: usize| [u32::try_from(bytes).unwrap_or(u32::MAX)];
        let signature = [
            Stored::text(tag::SIG_SHA1, &hex::encode(Sha1::digest(&header))),
            Stored::text(tag::SIG_SHA256, &hex::encode(Sha256::digest(&header))),
            Stored::u32s(tag::SIG_SIZE, size(header.len() + payload.len())),
            Stored::binary(tag::SIG_MD5, whole.to_vec()),
            Stored::u32s(tag::SIG_PAYLOADSIZE, size(archive.len())),
            Stored::binary(tag::SIG_RESERVEDSPACE, vec![0; RESERVED]),
        ];
        let mut start = self.lead();
        start.extend(sealed(tag::HEADERSIGNATURES, &signature));
        start.resize(start.len().next_multiple_of(8), 0);
        for bytes in [start, header, payload] {
            to.write_all(&bytes).map_err(Error::Write)?;
        }
        to.flush().map_err(Error::Write)
    }

    fn lead(&self) -> Vec<u8> {
        let mut lead = LEAD.to_vec();
        let name = format!("{}-{}-{}", self.name, self.version, self.release);
        lead.extend(name.bytes().chain(std::iter::repeat(0)).take(LEAD_NAME - 1));
        lead.push(0);
        lead.extend(LEAD_END);
        lead.resize(96, 0);
        lead
    }
}
