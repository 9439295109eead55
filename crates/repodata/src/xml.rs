//! Writing XML as libxml2 does for `createrepo_c`, byte for byte.
//!
//! Text escapes `& < >` and CR. Attributes also escape `"`, tab and LF, and write every character outside ASCII as an
//! upper-case hexadecimal reference (in whole documents they stay). What XML 1.0 cannot hold at all becomes U+FFFD.

use std::fmt::Write;

/// Whether XML 1.0 has this character.
fn is_xml_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{FFFD}' | '\u{10000}'..)
}

/// Appends text content.
pub(crate) fn push_text(out: &mut String, text: &str) {
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
