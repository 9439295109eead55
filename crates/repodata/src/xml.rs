//! Writing XML as libxml2 does for `createrepo_c`, byte for byte.
//!
//! Text escapes `& < >` and CR. Attributes also escape `"`, tab and LF, and write every character outside ASCII as an
//! upper-case hexadecimal reference (in whole documents they stay). What XML 1.0 cannot hold at all becomes U+FFFD.

use std::borrow::Cow;
use std::fmt::Write;

/// Whether XML 1.0 has this character.
fn is_xml_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{FFFD}' | '\u{10000}'..)
}

/// Whether text content may have to escape or replace this byte: markup, CR, other control characters, and the first
/// byte of U+FFFE and U+FFFF.
fn is_odd_in_text(byte: u8) -> bool {
    (byte < 0x20) & (byte != b'\t') & (byte != b'\n')
        | (byte == b'&')
        | (byte == b'<')
        | (byte == b'>')
        | (byte == 0xEF)
}

/// Whether attribute values may have to escape this byte: the same, quotes, white space and all outside ASCII.
fn is_odd_in_attribute(byte: u8) -> bool {
    !(0x20..0x80).contains(&byte) | (byte == b'&') | (byte == b'<') | (byte == b'>') | (byte == b'"')
}

/// Whether no byte of a text is odd. Nearly all texts are so, and are copied as they are. Every byte is looked at,
/// without a way out, so that the compiler takes many at a time.
fn is_plain(text: &str, odd: impl Fn(u8) -> bool) -> bool {
    !text.bytes().fold(false, |any, byte| any | odd(byte))
}

/// The text as it is read again after it was written: what XML cannot hold is U+FFFD.
pub(crate) fn valid(text: &str) -> Cow<'_, str> {
    let suspect = |byte| (byte < 0x20) & !matches!(byte, b'\t' | b'\n' | b'\r') | (byte == 0xEF);
    if is_plain(text, suspect) || text.chars().all(is_xml_char) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(|c| if is_xml_char(c) { c } else { '\u{FFFD}' }).collect())
}

/// Appends text content.
pub(crate) fn push_text(out: &mut String, text: &str) {
    if is_plain(text, is_odd_in_text) {
        return out.push_str(text);
    }
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\r' => out.push_str("&#13;"),
            c if is_xml_char(c) => out.push(c),
            _ => out.push('\u{FFFD}'),
        }
    }
}

/// Appends ` name="value"`, characters outside ASCII as references: as libxml2 writes an element that is in no document.
pub(crate) fn push_attribute(out: &mut String, name: &str, value: &str) {
    push_attribute_of(out, name, value, false);
}

/// Appends ` name="value"`, characters outside ASCII as they are: as libxml2 writes an element of a UTF-8 document.
pub(crate) fn push_attribute_utf8(out: &mut String, name: &str, value: &str) {
    push_attribute_of(out, name, value, true);
}

fn push_attribute_of(out: &mut String, name: &str, value: &str, utf8: bool) {
    out.push(' ');
    out.push_str(name);
    out.push_str("=\"");
    if is_plain(value, is_odd_in_attribute) {
        out.push_str(value);
        out.push('"');
        return;
    }
    for c in value.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' => out.push_str("&#9;"),
            '\n' => out.push_str("&#10;"),
            '\r' => out.push_str("&#13;"),
            c if (utf8 || c.is_ascii()) && is_xml_char(c) => out.push(c),
            _ if utf8 => out.push('\u{FFFD}'),
            c => {
                let c = if is_xml_char(c) { c } else { '\u{FFFD}' };
                push_fmt(out, format_args!("&#x{:X};", u32::from(c)));
            }
        }
    }
    out.push('"');
}

/// Appends ` name="number"`.
pub(crate) fn push_number(out: &mut String, name: &str, number: u64) {
    out.push(' ');
    out.push_str(name);
    out.push_str("=\"");
    push_decimal(out, number);
    out.push('"');
}

/// Appends a number in decimal.
pub(crate) fn push_decimal(out: &mut String, number: u64) {
    push_fmt(out, format_args!("{number}"));
}

/// Appends `  <name>text</name>` and a newline, indented by `indent` blanks.
pub(crate) fn push_element(out: &mut String, indent: usize, name: &str, text: &str) {
    push_fmt(out, format_args!("{:indent$}<{name}>", ""));
    push_text(out, text);
    push_fmt(out, format_args!("</{name}>\n"));
}

/// Appends formatted text; writing to a `String` cannot fail.
pub(crate) fn push_fmt(out: &mut String, arguments: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(arguments);
}

/// Whether elements stand on lines of their own, indented, or all in a row (`--no-pretty`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) pretty: bool,
}

impl Layout {
    /// Starts a line: `indent` blanks.
    pub(crate) fn indent(self, out: &mut String, indent: usize) {
        const BLANKS: &str = "        ";
        if self.pretty {
            out.push_str(BLANKS.get(..indent).unwrap_or(BLANKS));
        }
    }

    /// Ends a line.
    pub(crate) fn newline(self, out: &mut String) {
        if self.pretty {
            out.push('\n');
        }
    }

    /// Appends a line that is `text` as it is.
    pub(crate) fn line(self, out: &mut String, indent: usize, text: &str) {
        self.indent(out, indent);
        out.push_str(text);
        self.newline(out);
    }

    /// Appends the line `<name>text</name>`.
    pub(crate) fn element(self, out: &mut String, indent: usize, name: &str, text: &str) {
        self.indent(out, indent);
        out.push('<');
        out.push_str(name);
        out.push('>');
        push_text(out, text);
        out.push_str("</");
        out.push_str(name);
        out.push('>');
        self.newline(out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_keeps_what_libxml2_keeps() {
        let mut out = String::new();
        push_text(&mut out, "a<b>&\"'\t\n\ré\u{7f}🚀");
        assert_eq!(out, "a&lt;b&gt;&amp;\"'\t\n&#13;é\u{7f}🚀");
    }

    #[test]
    fn valid_text_is_what_text_content_holds() {
        for text in ["", "a\t\n\ré🚀\u{FEFF}\u{FFFD}", "a\0b", "\u{b}", "\u{1f}", "\u{FFFE}", "x\u{FFFF}"] {
            let mut out = String::new();
            push_text(&mut out, text);
            assert_eq!(valid(text), out.replace("&#13;", "\r"), "{text:?}");
        }
    }

    #[test]
    fn attributes_are_pure_ascii() {
        let mut out = String::new();
        push_attribute(&mut out, "a", "<\"&>\t\n\ré🚀");
        assert_eq!(out, " a=\"&lt;&quot;&amp;&gt;&#9;&#10;&#13;&#xE9;&#x1F680;\"");
        out.clear();
        push_attribute_utf8(&mut out, "a", "<\"&>\t\n\ré🚀\0");
        assert_eq!(out, " a=\"&lt;&quot;&amp;&gt;&#9;&#10;&#13;é🚀\u{FFFD}\"", "and those of whole documents are not");
    }

    #[test]
    fn characters_that_xml_cannot_hold_are_replaced_not_dropped() {
        let mut out = String::new();
        push_text(&mut out, "a\u{1b}[1m\0\u{FFFE}z");
        push_attribute(&mut out, "b", "\u{1}\u{FFFF}");
        assert_eq!(out, "a\u{FFFD}[1m\u{FFFD}\u{FFFD}z b=\"&#xFFFD;&#xFFFD;\"");
    }
}
