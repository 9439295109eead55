//! What a signature over a package's header covers.
//!
//! rpm signs the *immutable region* of a header: the entries up to the region's trailer. rpm itself writes package files whose
//! whole header is that region. Whatever a file has behind it could be changed by anyone without breaking the signature.

use crate::{Error, Package, tag};

/// Tag of the entry that describes the region.
const HEADERIMMUTABLE: u32 = 63;
/// The type of binary values.
const BIN: u32 = 7;
/// Bytes of an entry, and of the trailer, which has an entry's form.
const ENTRY: usize = 16;
/// Bytes before the entries.
const INTRO: usize = 16;

/// Checks that the bytes of a header (from its magic number to its end, as they stand in the file) are all in its immutable
/// region, so that a signature over them is what rpm signs and covers everything that the header says.
///
/// # Errors
/// [`Error::Damaged`]: there is no region, or something lies outside of it.
pub fn check_sealed(header: &[u8]) -> Result<(), Error> {
    let damaged = |reason: &str| Error::damaged("header", None, reason);
    let word = |at: usize| {
        let bytes: Option<[u8; 4]> = header.get(at..at.checked_add(4)?)?.try_into().ok();
        bytes.map(u32::from_be_bytes)
    };
    let size = |at: usize| word(at).and_then(|value| usize::try_from(value).ok());
    let short = || damaged("it is cut off");
    let (entries, data) = (size(8).ok_or_else(short)?, size(12).ok_or_else(short)?);
    let data_at = entries.checked_mul(ENTRY).and_then(|bytes| bytes.checked_add(INTRO)).ok_or_else(short)?;
    if data_at.checked_add(data) != Some(header.len()) {
        return Err(short());
    }
    let first = [0, 4, 12].map(|offset| word(INTRO + offset));
    if first != [Some(HEADERIMMUTABLE), Some(BIN), Some(ENTRY as u32)] {
        return Err(damaged("it has no immutable region, which is what signatures cover"));
    }
    let trailer = size(INTRO + 8).ok_or_else(short)?;
    let outside = || damaged("parts of it lie outside of the immutable region, which is what signatures cover");
    if trailer.checked_add(ENTRY) != Some(data) {
        return Err(outside());
    }
    let at = data_at.checked_add(trailer).ok_or_else(short)?;
    // The trailer tells how far back the region begins, as a negative number of bytes.
    let back = word(at + 8).and_then(|back| usize::try_from(back.wrapping_neg()).ok());
    let said = [word(at), word(at + 4), word(at + 12)];
    if said != [Some(HEADERIMMUTABLE), Some(BIN), Some(ENTRY as u32)] || back != entries.checked_mul(ENTRY) {
        return Err(outside());
    }
    Ok(())
}

/// What ties the payload to a signed header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayloadDigest {
    /// As `OpenPGP` numbers algorithms: 8 is SHA-256, 10 SHA-512.
    pub algorithm: u64,
    /// Lower-case hexadecimal.
    pub hex: String,
}

impl Package {
    /// The `OpenPGP` signatures over the header: raw packets, then those of rpm 4.20 and later, in base64.
    pub fn header_signatures(&self) -> (Vec<&[u8]>, Vec<String>) {
        let raw = [tag::SIG_RSA, tag::SIG_DSA].into_iter().filter_map(|tag| self.signature.binary(tag)).collect();
        let texts = self.signature.strings(tag::SIG_OPENPGP).unwrap_or_default();
        (raw, texts.into_iter().map(std::borrow::Cow::into_owned).collect())
    }

    /// The `OpenPGP` signatures over header and payload together, as rpm made them before 4.14: raw packets.
    pub fn whole_signatures(&self) -> Vec<&[u8]> {
        [tag::SIG_PGP, tag::SIG_GPG].into_iter().filter_map(|tag| self.signature.binary(tag)).collect()
    }

    /// The digest of the compressed payload: the file's bytes from [`Package::header_end`] on. Packages made before rpm
    /// 4.14 have none.
    pub fn payload_digest(&self) -> Option<PayloadDigest> {
        let hex = self.header.strings(tag::PAYLOADDIGEST)?.first()?.to_ascii_lowercase();
        Some(PayloadDigest { algorithm: self.header.number(tag::PAYLOADDIGESTALGO).unwrap_or(8), hex })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header with one entry besides the region's, of four bytes of data.
    fn header(entries: u32, trailer_back: i32, extra: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x8E, 0xAD, 0xE8, 1, 0, 0, 0, 0];
        let data_size = 4 + 16 + u32::try_from(extra.len()).unwrap();
        let mut words = |words: &[u32]| words.iter().for_each(|word| bytes.extend(word.to_be_bytes()));
        words(&[entries, data_size]);
        words(&[63, 7, 4, 16]);
        (1..entries).for_each(|_| words(&[1000, 4, 0, 1]));
        words(&[7]);
        words(&[63, 7, trailer_back.cast_unsigned(), 16]);
        bytes.extend(extra);
        bytes
    }

    #[test]
    fn a_header_that_is_all_region_is_sealed() {
        check_sealed(&header(2, -32, &[])).unwrap();
        check_sealed(&header(3, -48, &[])).unwrap();
    }

    #[test]
    fn whatever_lies_outside_of_the_region_breaks_the_seal() {
        for (what, header) in [
            ("an entry behind it", header(3, -32, &[])),
            ("data behind it", header(2, -32, b"more")),
            ("a wrong trailer", header(2, 32, &[])),
            ("nothing", Vec::new()),
        ] {
            assert!(check_sealed(&header).is_err(), "{what}");
        }
        let whole = header(2, -32, &[]);
        for end in 0..whole.len() {
            assert!(check_sealed(&whole[..end]).is_err(), "cut at {end}");
        }
    }
}
