//! Bytes of a header as text.

use std::borrow::Cow;

/// UTF-8 as it is; anything else as Latin-1, without the range 0x80-0xBF (control codes and marks that, in text
/// that is not UTF-8, are nearly always the debris of a third encoding) and without control characters. This is the
/// rule of `createrepo_c`, kept so that metadata of old packages come out the same.
pub(crate) fn text(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(
            bytes
                .iter()
                .copied()
                .filter(|b| match b {
                    b'\t' | b'\n' | b'\r' => true,
                    0..32 | 0x80..=0xBF => false,
                    _ => true,
                })
                .map(char::from)
                .collect(),
        ),
    }
}

/// As [`text`], of bytes that are already the caller's own.
pub(crate) fn owned_text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| text(error.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf8_is_kept_as_it_is() {
        assert_eq!(text("žluťoučký\u{1}".as_bytes()), "žluťoučký\u{1}");
    }

    #[test]
    fn other_bytes_are_read_as_latin1_without_control_codes() {
        assert_eq!(text(b"Beno\xeet\x9f \x01\n"), "Benoît \n");
    }
}
