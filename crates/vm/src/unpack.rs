//! Decompression by magic number, bounded: kernels and kernel modules come in half a dozen formats.

use std::io::{self, Read};

/// Longest result: kernels are some 60 MB, modules a few.
const LONGEST: u64 = 512 << 20;

/// The plain bytes of `packed`; what has no known magic number comes back as it is. Bytes behind the compressed stream
/// are ignored (a kernel has its length there).
///
/// # Errors
/// When the stream is broken or unpacks to more than 512 MiB.
pub(crate) fn unpack(packed: &[u8]) -> io::Result<Vec<u8>> {
    match packed {
        [0x1f, 0x8b, ..] => bounded(flate2::read::GzDecoder::new(packed)),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => bounded(liblzma::read::XzDecoder::new(packed)),
        [0x5d, 0, 0, ..] => {
            let stream = liblzma::stream::Stream::new_lzma_decoder(LONGEST)?;
            bounded(liblzma::read::XzDecoder::new_stream(packed, stream))
        }
        [0x28, 0xb5, 0x2f, 0xfd, ..] => bounded(zstd::stream::read::Decoder::new(packed)?.single_frame()),
        [0x02, 0x21, 0x4c, 0x18, rest @ ..] => lz4_legacy(rest),
        [b'B', b'Z', b'h', ..] => Err(invalid("bzip2 is not supported")),
        _ => Ok(packed.to_vec()),
    }
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

fn bounded(reader: impl Read) -> io::Result<Vec<u8>> {
    let mut plain = Vec::new();
    reader.take(LONGEST + 1).read_to_end(&mut plain)?;
    if plain.len() as u64 > LONGEST { Err(invalid("it unpacks to more than 512 MiB")) } else { Ok(plain) }
}

/// LZ4's old frame format, as `lz4 -l` writes it for kernels: blocks, each `length u32 LE | LZ4 block`.
fn lz4_legacy(mut rest: &[u8]) -> io::Result<Vec<u8>> {
    let mut plain = Vec::new();
    while let Some((length, tail)) = rest.split_first_chunk::<4>() {
        let length = u32::from_le_bytes(*length) as usize;
        // Behind the last block a kernel has the length of the plain bytes.
        let Some((block, tail)) = tail.split_at_checked(length).filter(|_| length > 0) else { break };
        lz4_block(block, &mut plain)?;
        rest = tail;
    }
    if plain.is_empty() { Err(invalid("an empty LZ4 stream")) } else { Ok(plain) }
}

fn lz4_block(block: &[u8], plain: &mut Vec<u8>) -> io::Result<()> {
    let start = plain.len();
    let mut bytes = block.iter();
    let cut = || invalid("a cut LZ4 block");
    while let Some(&token) = bytes.next() {
        let literals = lz4_length(token >> 4, &mut bytes).ok_or_else(cut)?;
        let slice = bytes.as_slice().get(..literals).ok_or_else(cut)?;
        plain.extend_from_slice(slice);
        bytes = bytes.as_slice().get(literals..).unwrap_or_default().iter();
        if plain.len() as u64 > LONGEST {
            return Err(invalid("it unpacks to more than 512 MiB"));
        }
        let Some(&low) = bytes.next() else { break };
        let offset = usize::from(u16::from_le_bytes([low, *bytes.next().ok_or_else(cut)?]));
        let length = lz4_length(token & 15, &mut bytes).ok_or_else(cut)?.saturating_add(4);
        if offset == 0 || offset > plain.len() - start || length as u64 > LONGEST {
            return Err(invalid("an LZ4 match outside its block"));
        }
        // A match may overlap what it makes, so it is copied in steps of its distance.
        let mut left = length;
        while left > 0 {
            let from = plain.len() - offset;
            let step = left.min(offset);
            plain.extend_from_within(from..from + step);
            left -= step;
        }
    }
    Ok(())
}

fn lz4_length(nibble: u8, bytes: &mut std::slice::Iter<'_, u8>) -> Option<usize> {
    let mut length = usize::from(nibble);
    if nibble == 15 {
        loop {
            let byte = bytes.next()?;
            length = length.checked_add(usize::from(*byte))?;
            if *byte != 255 {
                break;
            }
        }
    }
    Some(length)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_format_comes_back_with_four_bytes_behind_it() {
        let plain = b"a kernel module, a kernel module, a kernel module".repeat(100);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&plain).unwrap();
        let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 1);
        xz.write_all(&plain).unwrap();
        for mut packed in
            [gzip.finish().unwrap(), xz.finish().unwrap(), zstd::encode_all(&plain[..], 1).unwrap(), plain.clone()]
        {
            if packed != plain {
                packed.extend([1, 2, 3, 4]);
            }
            assert_eq!(unpack(&packed).unwrap(), plain);
        }
    }

    #[test]
    fn an_lz4_stream_with_an_overlapping_match_comes_back() {
        // "ab", then 12 bytes from two before, then "c"; behind it the plain length.
        let block = [0x28, b'a', b'b', 2, 0, 0x10, b'c'];
        let mut packed = vec![0x02, 0x21, 0x4c, 0x18, 7, 0, 0, 0];
        packed.extend(block);
        packed.extend([15, 0, 0, 0]);
        assert_eq!(unpack(&packed).unwrap(), b"ababababababab\x63");
    }

    proptest! {
        #[test]
        fn random_lz4_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let mut packed = vec![0x02, 0x21, 0x4c, 0x18, bytes.len() as u8, (bytes.len() >> 8) as u8, 0, 0];
            packed.extend(bytes);
            let _ = unpack(&packed);
        }
    }
}
