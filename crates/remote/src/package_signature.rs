//! Whether a package is signed by a key that somebody trusts.

use std::{
    io::{Read, Seek, SeekFrom},
    path::Path,
    time::SystemTime,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use copr_repodata::{Checksum, ChecksumKind};
use copr_rpm::{Package, seal};

use crate::openpgp::{Keyring, SignatureError};

/// Signatures that a package may have.
const MAX_SIGNATURES: usize = 16;
/// Bytes that a header may have: rpm's limits on entries and data, and room.
const MAX_HEADER: u64 = 260 << 20;

impl Keyring {
    /// Checks that a package file is signed by one of the keys, all of it: the header by a signature over its immutable region,
    /// the payload by the digest that the header has of it. Packages from before rpm 4.14 have no such digest: for them a
    /// signature over header and payload has to be there. Gives the fingerprint of the key's certificate.
    ///
    /// # Errors
    /// It is no package, not signed, or not by one of the keys.
    pub fn verify_package(&self, path: &Path, now: SystemTime) -> Result<String, SignatureError> {
        let wrong = |error: &dyn std::fmt::Display| SignatureError::new(error.to_string());
        let package = Package::open(path).map_err(|error| wrong(&error))?;
        let mut file = fs_err::File::open(path).map_err(|error| wrong(&error))?;
        let Some(size) = package.header_end.checked_sub(package.header_start).filter(|size| *size <= MAX_HEADER) else {
            return Err(SignatureError::new("its header is too large"));
        };
        let (raw, texts) = package.header_signatures();
        let decoded = texts.iter().take(MAX_SIGNATURES).filter_map(|text| {
            let text: String = text.split_whitespace().collect();
            STANDARD.decode(text).ok()
        });
        let signatures: Vec<Vec<u8>> =
            raw.into_iter().map(<[u8]>::to_vec).chain(decoded).take(MAX_SIGNATURES).collect();
        let whole = package.whole_signatures();
        if signatures.is_empty() && whole.is_empty() {
            return Err(SignatureError::new("it is not signed"));
        }
        let mut last = SignatureError::new("its header is not signed");
        if let Some(digest) = package.payload_digest() {
            let mut header = Vec::new();
            file.seek(SeekFrom::Start(package.header_start)).map_err(|error| wrong(&error))?;
            file.by_ref().take(size).read_to_end(&mut header).map_err(|error| wrong(&error))?;
            seal::check_sealed(&header).map_err(|error| wrong(&error))?;
            for signature in &signatures {
                match self.verify(signature, now, || Ok(header.as_slice())) {
                    Ok(signer) => {
                        check_payload(&mut file, package.header_end, digest.algorithm, &digest.hex)?;
                        return Ok(signer);
                    }
                    Err(error) => last = error,
                }
            }
        }
        for signature in whole {
            let from_header = || {
                let mut file = fs_err::File::open(path)?;
                file.seek(SeekFrom::Start(package.header_start))?;
                Ok(std::io::BufReader::with_capacity(1 << 18, file))
            };
            match self.verify(signature, now, from_header) {
                Ok(signer) => return Ok(signer),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

/// Compares the payload with the digest in the header.
fn check_payload(file: &mut fs_err::File, start: u64, algorithm: u64, expected: &str) -> Result<(), SignatureError> {
    let kind = match algorithm {
        8 => ChecksumKind::Sha256,
        9 => ChecksumKind::Sha384,
        10 => ChecksumKind::Sha512,
        11 => ChecksumKind::Sha224,
        other => return Err(SignatureError::new(format!("the digest of its payload is of the unknown kind {other}"))),
    };
    let wrong = |error: &dyn std::fmt::Display| SignatureError::new(error.to_string());
    file.seek(SeekFrom::Start(start)).map_err(|error| wrong(&error))?;
    let (found, _) = Checksum::of(kind, file).map_err(|error| wrong(&error))?;
    if found.hex == expected {
        return Ok(());
    }
    Err(SignatureError::new("its payload is not the one that its signed header tells of"))
}
