//! Signatures of packages: reading them, and writing a package with another one or none.
//!
//! What rpm's own programs do, and where (names are those of rpm's sources, versions 4.14 to 6.1):
//!
//! - A signature covers the header as it stands in the file, magic number included (`rpmSign` in `sign/rpmgensig.c`: the
//!   target has `headerSizeof(h, HEADER_MAGIC_YES)` bytes). Readers digest the immutable region with that magic number
//!   (`hdrblobDigestUpdate` in `lib/header.c`), which is the same only where the region is the whole header. The payload is
//!   covered by the digest of it in the header, which packages have since rpm 4.14; rpm 6 refuses packages that are signed in
//!   part (`rpmvsVerify` in `lib/rpmvs.c`), so others are not signed here.
//! - In packages of format 4 (all that rpm wrote before 6.0, and still does by default) the signature is a binary entry, by its
//!   key's algorithm: `RPMSIGTAG_RSA`, 268, or `RPMSIGTAG_DSA`, 267, for DSA, ECDSA and `EdDSA` (`putSignature`). There may
//!   be one. In format 6 signatures are texts in base64 of the list `RPMSIGTAG_OPENPGP`, 278. Readers before rpm 4.20 pass over
//!   that, and readers since then pass over the others where they find it (`rpmvsAppend`).
//! - Where a signature is replaced, all others go (`deleteSigs`), those over header and payload together as well:
//!   `RPMSIGTAG_PGP`, 1002, `RPMSIGTAG_GPG`, 1005.
//! - Digests and sizes stay: they are about header and payload, which do not change.
//! - Zeros keep a place for signatures: `RPMSIGTAG_RESERVEDSPACE`, 1008, or in format 6 `RPMSIGTAG_RESERVED`, 999. They become
//!   fewer by what the signature takes, so the signature header keeps its size and all else in the file its place. They are
//!   never none: no entry may be empty. Where they do not suffice, they stay and the file grows.
//! - Entries are in the order of their tags, their values too, and a region seals them, as in all headers (`headerReload`).

use std::io::{BufReader, Read, Seek, SeekFrom, Write};

use base64::{Engine, engine::general_purpose::STANDARD};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256};

use crate::stored::{Stored, sealed, stored};
use crate::{Error, Header, Package, Tag, seal, tag};

/// Bytes of the lead.
const LEAD: u64 = 96;
/// All entries that are signatures.
const SIGNATURES: [Tag; 6] = [tag::SIG_DSA, tag::SIG_RSA, tag::SIG_OPENPGP, tag::SIG_PGP, tag::SIG_GPG, tag::SIG_PGP5];
/// Entries that a signature header may have, its region included (rpm's own limit: `hdrblobRead`).
const MOST_ENTRIES: usize = 32;
/// Bytes that a signature header may have: rpm's own limit on its data (8192 until 4.14), and room for the rest.
const MOST_SIGNATURE_HEADER: u64 = 65 << 20;
/// Bytes that a signature may have; one of RSA with 4096 bits has some 550.
const MOST_SIGNATURE: usize = 8192;
/// SHA-256, as `OpenPGP` numbers digests.
const SHA256: u64 = 8;

/// A package that can be signed: all of it but the payload.
#[derive(Debug, Clone)]
pub struct Signable {
    lead: Vec<u8>,
    /// The entries of the signature header.
    entries: Vec<Stored>,
    header: Vec<u8>,
    header_end: u64,
    /// Whether it is of format 6.
    format_6: bool,
    /// SHA-256 of the payload, lower-case hexadecimal.
    payload: String,
    /// MD5 of header and payload.
    whole: Option<Vec<u8>>,
}

impl Signable {
    /// The bytes that are signed: the header, from its magic number to its end.
    pub fn header(&self) -> &[u8] {
        &self.header
    }
}

/// Reads all of a package but its payload, from the start of the file wherever that stands, and makes sure that a signature of
/// its header would be one of the package.
///
/// # Errors
/// As [`Package::read`]; [`Error::Damaged`] for a header that is not all in its immutable region; [`Error::Digest`] for one that is
/// not what the package says; [`Error::NotSignable`] for packages from before rpm 4.14, which have no digest of their payload.
pub fn signable(file: &mut (impl Read + Seek)) -> Result<Signable, Error> {
    let package = open(file)?;
    if package.header_start > MOST_SIGNATURE_HEADER {
        return Err(Error::NotSignable("its signature header is longer than rpm reads".to_owned()));
    }
    file.rewind().map_err(|source| Error::reading("lead", 0, source))?;
    let lead = exactly(file, LEAD, "lead")?;
    let signature = exactly(file, package.header_start.saturating_sub(LEAD), "signature")?;
    let header = exactly(file, package.header_end.saturating_sub(package.header_start), "header")?;
    seal::check_sealed(&header)?;
    let told = |tag| package.signature.str(tag).map(|sum| sum.to_ascii_lowercase());
    if told(tag::SIG_SHA256).is_some_and(|sum| sum != hex::encode(Sha256::digest(&header))) {
        return Err(Error::Digest { part: "header", digest: "SHA-256" });
    }
    if told(tag::SIG_SHA1).is_some_and(|sum| sum != hex::encode(Sha1::digest(&header))) {
        return Err(Error::Digest { part: "header", digest: "SHA-1" });
    }
    let digest = package.payload_digest().filter(|digest| digest.algorithm == SHA256).ok_or_else(|| {
        let reason = "its header has no SHA-256 of the payload, which rpm writes since 4.14, so a signature would not cover that";
        Error::NotSignable(reason.to_owned())
    })?;
    Ok(Signable {
        lead,
        entries: stored(&signature, "signature")?,
        header,
        header_end: package.header_end,
        format_6: package.header.number(tag::RPMFORMAT).is_some_and(|format| format >= 6),
        payload: digest.hex,
        whole: package.signature.binary(tag::SIG_MD5).map(<[u8]>::to_vec),
    })
}

/// Copies a package and replaces its signatures by another, or by none. `source` is the file that `signable` was made of; wherever
/// it stands, it is read from its payload on. `signature`: one binary `OpenPGP` packet, a signature over [`Signable::header`].
/// Whether it is a good one is not looked at. The payload is passed on piece by piece.
///
/// # Errors
/// [`Error::Signature`] for what is no such packet, or needs a newer format than the package has, and then nothing is written;
/// [`Error::Digest`] when the payload turns out to be another than the package says. After any other error, too, what was
/// written is to be thrown away.
pub fn write_signed(
    source: &mut (impl Read + Seek),
    signable: &Signable,
    signature: Option<&[u8]>,
    to: &mut impl Write,
) -> Result<(), Error> {
    let signature_header = with_signature(signable, signature)?;
    let padding = signature_header.len().next_multiple_of(8) - signature_header.len();
    for bytes in [signable.lead.as_slice(), &signature_header, &[0; 8][..padding], &signable.header] {
        to.write_all(bytes).map_err(Error::Write)?;
    }
    let from = signable.header_end;
    source.seek(SeekFrom::Start(from)).map_err(|error| Error::reading("payload", from, error))?;
    let (mut payload, mut whole) = (Sha256::new(), Md5::new_with_prefix(&signable.header));
    let mut piece = vec![0; 128 << 10];
    loop {
        let count = match source.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Error::reading("payload", None, error)),
        };
        let piece = piece.get(..count).unwrap_or_default();
        payload.update(piece);
        whole.update(piece);
        to.write_all(piece).map_err(Error::Write)?;
    }
    to.flush().map_err(Error::Write)?;
    if hex::encode(payload.finalize()) != signable.payload {
        return Err(Error::Digest { part: "payload", digest: "SHA-256" });
    }
    if signable.whole.as_deref().is_some_and(|sum| sum != whole.finalize().as_slice()) {
        return Err(Error::Digest { part: "header and payload", digest: "MD5" });
    }
    Ok(())
}

/// The `OpenPGP` signatures that a package has of its header, as binary packets; none for one that is not signed. Those over
/// header and payload together, which rpm made before 4.14, are not among them.
///
/// # Errors
/// As [`Package::read`], and for a signature that is not base64 where it has to be.
pub fn signatures(file: &mut (impl Read + Seek)) -> Result<Vec<Vec<u8>>, Error> {
    file.rewind().map_err(|source| Error::reading("lead", 0, source))?;
    let signature: Header = Package::read_signature(BufReader::new(file))?;
    let binary = [tag::SIG_RSA, tag::SIG_DSA].into_iter().filter_map(|tag| signature.binary(tag));
    let mut packets: Vec<Vec<u8>> = binary.map(<[u8]>::to_vec).collect();
    for text in signature.strings(tag::SIG_OPENPGP).unwrap_or_default() {
        let text: String = text.split_ascii_whitespace().collect();
        packets.push(STANDARD.decode(text).map_err(|error| {
            let reason = format!("an OpenPGP signature in it is not base64: {error}");
            Error::damaged("signature", signature.offset(tag::SIG_OPENPGP), reason)
        })?);
    }
    Ok(packets)
}

/// Reads a file up to its payload, from its start.
fn open(file: &mut (impl Read + Seek)) -> Result<Package, Error> {
    file.rewind().map_err(|source| Error::reading("lead", 0, source))?;
    Package::read(BufReader::with_capacity(64 << 10, file))
}

/// Exactly so many bytes. Whoever calls has read them before, so they are bounded.
fn exactly(from: &mut impl Read, size: u64, part: &'static str) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    from.take(size).read_to_end(&mut bytes).map_err(|source| Error::reading(part, None, source))?;
    if bytes.len() as u64 != size {
        return Err(Error::Truncated { part, offset: None });
    }
    Ok(bytes)
}

/// The signature header with this signature and no other, of the size that it had if that is possible.
fn with_signature(signable: &Signable, signature: Option<&[u8]>) -> Result<Vec<u8>, Error> {
    let mut entries = signable.entries.clone();
    entries.retain(|entry| !SIGNATURES.contains(&entry.tag));
    if let Some(packet) = signature {
        let tag = place(packet, signable.format_6)?;
        entries.push(match tag {
            tag::SIG_OPENPGP => Stored::texts(tag, [STANDARD.encode(packet)]),
            _ => Stored::binary(tag, packet.to_vec()),
        });
    }
    if entries.len() + 1 > MOST_ENTRIES {
        let reason =
            format!("its signature header would have more than {MOST_ENTRIES} entries, which rpm does not read");
        return Err(Error::NotSignable(reason));
    }
    let before = sealed(tag::HEADERSIGNATURES, &signable.entries).len();
    let now = sealed(tag::HEADERSIGNATURES, &entries).len();
    let is_space = |entry: &&mut Stored| [tag::SIG_RESERVED, tag::SIG_RESERVEDSPACE].contains(&entry.tag);
    if let Some(space) = entries.iter_mut().find(is_space)
        && let Some(left) = (space.len() + before).checked_sub(now).filter(|left| *left > 0)
    {
        *space = Stored::binary(space.tag, vec![0; left]);
    }
    Ok(sealed(tag::HEADERSIGNATURES, &entries))
}

/// The entry that a signature belongs into (`putSignature` in rpm's `sign/rpmgensig.c`).
fn place(packet: &[u8], format_6: bool) -> Result<Tag, Error> {
    let refused = |reason: &str| Err(Error::Signature(reason.to_owned()));
    if packet.len() > MOST_SIGNATURE {
        return refused("it is longer than 8192 bytes");
    }
    // The body begins with version, type and algorithm of the key (RFC 9580, 5.2.3).
    let Some(&[version, kind, key, ..]) = body(packet) else {
        return refused("it is not one binary OpenPGP signature packet");
    };
    if kind != 0 {
        return refused("it is no signature of a binary document");
    }
    match (version, key) {
        (4 | 6, _) if format_6 => Ok(tag::SIG_OPENPGP),
        (4, 1 | 3) => Ok(tag::SIG_RSA),
        (4, 17 | 19 | 22) => Ok(tag::SIG_DSA),
        (4, _) => refused("packages of format 4 take signatures by RSA, DSA, ECDSA and EdDSA (legacy) keys"),
        _ => refused("packages of format 4 take signatures of version 4"),
    }
}

/// What a signature packet contains, if that is all there is (RFC 9580, 4.2).
fn body(packet: &[u8]) -> Option<&[u8]> {
    const SIGNATURE: u8 = 2;
    let (&first, rest) = packet.split_first()?;
    let number = |bytes: &[u8]| bytes.iter().fold(0usize, |sum, byte| sum << 8 | usize::from(*byte));
    let (width, length) = if first & 0xC0 == 0xC0 && first & 0x3F == SIGNATURE {
        match *rest {
            [short @ 0..=191, ..] => (1, usize::from(short)),
            [high @ 192..=223, low, ..] => (2, (usize::from(high) - 192) * 256 + usize::from(low) + 192),
            [255, ref long @ ..] => (5, number(long.get(..4)?)),
            _ => return None,
        }
    } else if first & 0xC0 == 0x80 && first >> 2 & 0x0F == SIGNATURE {
        let width = match first & 3 {
            0 => 1,
            1 => 2,
            2 => 4,
            _ => return None,
        };
        (width, number(rest.get(..width)?))
    } else {
        return None;
    };
    rest.get(width..).filter(|body| body.len() == length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_packet_is_known_in_each_of_its_forms() {
        let content = [4, 0, 1, 8, 0, 0];
        let with = |head: &[u8]| [head, &content].concat();
        for head in [&[0xC2, 6][..], &[0xC2, 255, 0, 0, 0, 6], &[0x88, 6], &[0x89, 0, 6], &[0x8A, 0, 0, 0, 6]] {
            assert_eq!(place(&with(head), false).unwrap(), tag::SIG_RSA, "{head:02x?}");
        }
        let long = [&[0xC2, 192, 8][..], &content, &[0; 194]].concat();
        assert_eq!(place(&long, false).unwrap(), tag::SIG_RSA);
        for head in [&[0xC2, 5][..], &[0xC2, 7], &[0xC2, 224], &[0x8B], &[0x98, 6], &[0xC6, 6], &[6], &[0xC2, 255], &[]]
        {
            assert!(place(&with(head), false).is_err(), "{head:02x?}");
        }
        assert!(place(b"-----BEGIN PGP SIGNATURE-----", false).is_err());
        assert!(place(&[0; MOST_SIGNATURE + 1], false).is_err());
    }

    #[test]
    fn the_key_and_the_format_decide_the_entry() {
        let packet = |version, kind, key| [0xC2, 6, version, kind, key, 8, 0, 0];
        for (key, tag) in [(1, tag::SIG_RSA), (17, tag::SIG_DSA), (19, tag::SIG_DSA), (22, tag::SIG_DSA)] {
            assert_eq!(place(&packet(4, 0, key), false).unwrap(), tag, "key {key}");
            assert_eq!(place(&packet(4, 0, key), true).unwrap(), tag::SIG_OPENPGP);
        }
        assert_eq!(place(&packet(6, 0, 27), true).unwrap(), tag::SIG_OPENPGP);
        for (version, kind, key) in [(4, 0, 27), (6, 0, 1), (3, 0, 1), (4, 1, 1), (4, 0x18, 1)] {
            assert!(
                matches!(place(&packet(version, kind, key), false), Err(Error::Signature(_))),
                "{version} {kind} {key}"
            );
        }
    }
}
