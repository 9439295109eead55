//! What a package's signature says of itself. Nothing is verified here: that takes the signer's key.

use std::io::BufRead;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use copr_rpm::{Header, tag};
use serde::Serialize;

use crate::text::When;

/// Signatures of one package that are told.
const MOST: usize = 8;

/// Whether a package is signed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(tag = "state", content = "by", rename_all = "lowercase")]
pub enum Signature {
    /// The package's file is not at hand.
    #[default]
    Unknown,
    /// It is not.
    Unsigned,
    /// It is, by these.
    Signed(Vec<SignedBy>),
}

/// One signature, as it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SignedBy {
    /// The key's fingerprint, or its shorter id where the signature has no fingerprint; upper-case hexadecimal.
    pub key: String,
    /// `RSA/SHA-256`.
    pub algorithm: String,
    /// When it was made.
    pub time: Option<When>,
}

impl Signature {
    /// Of a package that can be read from its start. What is no package has an unknown one.
    pub fn of(package: impl BufRead) -> Self {
        copr_rpm::Package::read_signature(package).map(|header| Self::of_header(&header)).unwrap_or_default()
    }

    fn of_header(header: &Header) -> Self {
        let raw = [tag::SIG_RSA, tag::SIG_DSA, tag::SIG_PGP, tag::SIG_GPG];
        let mut packets: Vec<Vec<u8>> = header
            .strings(tag::SIG_OPENPGP)
            .unwrap_or_default()
            .iter()
            .take(MOST)
            .filter_map(|text| STANDARD.decode(text.as_bytes()).ok())
            .collect();
        packets.extend(raw.into_iter().filter_map(|tag| header.binary(tag)).map(<[u8]>::to_vec));
        if packets.is_empty() {
            return Self::Unsigned;
        }
        let mut by: Vec<SignedBy> = Vec::new();
        for signed in packets.iter().take(MOST).filter_map(|packet| signed_by(packet)) {
            // The same key signs the header, and header and payload together.
            if !by.iter().any(|other| other.key == signed.key) {
                by.push(signed);
            }
        }
        if by.is_empty() { Self::Unknown } else { Self::Signed(by) }
    }
}

/// Takes bytes from the front.
fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(taken)
}

fn number(bytes: &mut &[u8], size: usize) -> Option<usize> {
    take(bytes, size)?.iter().try_fold(0usize, |number, byte| number.checked_mul(256)?.checked_add(usize::from(*byte)))
}

/// Reads a signature packet (RFC 9580, 5.2).
fn signed_by(packet: &[u8]) -> Option<SignedBy> {
    let mut from = packet;
    let head = number(&mut from, 1)?;
    let kind = if head & 0x40 != 0 { head & 0x3F } else { head >> 2 & 0xF };
    let length = match (head & 0x40 != 0, head & 3) {
        (true, _) => length(&mut from)?,
        (false, 3) => from.len(),
        (false, size) => number(&mut from, 1 << size)?,
    };
    let mut body = from.get(..length.min(from.len()))?;
    if kind != 2 || head & 0x80 == 0 {
        return None;
    }
    let version = number(&mut body, 1)?;
    let (mut key, mut time) = (None, None);
    let (public_key, hash);
    match version {
        3 => {
            take(&mut body, 2)?;
            time = number(&mut body, 4);
            key = take(&mut body, 8).map(hex::encode_upper);
            (public_key, hash) = (number(&mut body, 1)?, number(&mut body, 1)?);
        }
        4 | 6 => {
            take(&mut body, 1)?;
            (public_key, hash) = (number(&mut body, 1)?, number(&mut body, 1)?);
            let width = if version == 4 { 2 } else { 4 };
            for _ in 0..2 {
                let size = number(&mut body, width)?;
                subpackets(take(&mut body, size)?, &mut key, &mut time)?;
            }
        }
        _ => return None,
    }
    let algorithm = format!("{}/{}", public_key_name(public_key), hash_name(hash));
    let time = time.and_then(|time| u64::try_from(time).ok()).and_then(When::new);
    Some(SignedBy { key: key?, algorithm, time })
}

/// The length of a packet or subpacket.
fn length(from: &mut &[u8]) -> Option<usize> {
    match number(from, 1)? {
        short @ ..=191 => Some(short),
        255 => number(from, 4),
        first @ 192..=223 => Some(((first - 192) << 8) + number(from, 1)? + 192),
        _ => None,
    }
}

fn subpackets(mut from: &[u8], key: &mut Option<String>, time: &mut Option<usize>) -> Option<()> {
    while !from.is_empty() {
        let size = length(&mut from)?;
        let mut content = take(&mut from, size)?;
        match number(&mut content, 1)? & 0x7F {
            2 => *time = number(&mut content, 4),
            16 if key.is_none() => *key = take(&mut content, 8).map(hex::encode_upper),
            33 => *key = content.get(1..).filter(|print| print.len() <= 32).map(hex::encode_upper),
            _ => {}
        }
    }
    Some(())
}

fn public_key_name(number: usize) -> String {
    match number {
        1 | 3 => "RSA".to_owned(),
        17 => "DSA".to_owned(),
        19 => "ECDSA".to_owned(),
        22 => "EdDSA".to_owned(),
        27 => "Ed25519".to_owned(),
        28 => "Ed448".to_owned(),
        _ => format!("algorithm {number}"),
    }
}

fn hash_name(number: usize) -> String {
    match number {
        1 => "MD5".to_owned(),
        2 => "SHA-1".to_owned(),
        8 => "SHA-256".to_owned(),
        9 => "SHA-384".to_owned(),
        10 => "SHA-512".to_owned(),
        11 => "SHA-224".to_owned(),
        12 => "SHA3-256".to_owned(),
        14 => "SHA3-512".to_owned(),
        _ => format!("hash {number}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A v4 signature by RSA and SHA-256 of 2026-11-25 with issuer and fingerprint.
    fn packet() -> Vec<u8> {
        let mut hashed = vec![5, 2];
        hashed.extend(1_795_610_190u32.to_be_bytes());
        hashed.extend([22, 33, 4]);
        hashed.extend([0xAB; 20]);
        let unhashed = [9, 16, 1, 2, 3, 4, 5, 6, 7, 8];
        let mut body = vec![4, 0, 1, 8, 0, u8::try_from(hashed.len()).unwrap()];
        body.extend(hashed);
        body.extend([0, 10]);
        body.extend(unhashed);
        body.extend([0x12, 0x34, 0, 1, 1]);
        [vec![0x88, u8::try_from(body.len()).unwrap()], body].concat()
    }

    #[test]
    fn a_signature_tells_its_key_its_algorithms_and_its_time() {
        let signed = signed_by(&packet()).unwrap();
        assert_eq!((signed.key, signed.algorithm), ("AB".repeat(20), "RSA/SHA-256".to_owned()));
        assert_eq!(signed.time.unwrap().date, "2026-11-25");
    }

    #[test]
    fn a_signature_that_is_cut_or_odd_is_none_and_nothing_panics() {
        let whole = packet();
        for end in 0..whole.len() - 5 {
            assert_eq!(signed_by(&whole[..end]), None, "{end}");
        }
        for at in 0..whole.len() {
            for value in [0, 0x7F, 0xC0, 0xFF] {
                let mut other = whole.clone();
                other[at] = value;
                let _ = signed_by(&other);
            }
        }
        assert_eq!(Signature::of(b"no package".as_slice()), Signature::Unknown);
    }
}
