//! How pages say what metadata say: cleaned, cut, with sizes and times for people.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde::Serialize;

/// Text as it may stand on a page: control characters other than line feed and tab, and those that turn the direction of
/// writing, become U+FFFD.
pub fn clean(text: &str) -> String {
    text.replace("\r\n", "\n").chars().map(|c| if is_harmful(c) { '\u{FFFD}' } else { c }).collect()
}

fn is_harmful(c: char) -> bool {
    let turns = matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FFFE}' | '\u{FFFF}');
    turns || (c.is_control() && c != '\n' && c != '\t')
}

/// The same in one line of at most `limit` characters.
pub fn line(text: &str, limit: usize) -> String {
    // No more is looked at than can be shown.
    let start: String = text.chars().take(limit.saturating_mul(4)).collect();
    let words: Vec<&str> = start.split_whitespace().collect();
    cut(&clean(&words.join(" ")), limit)
}

/// The beginning of a text: at most `limit` characters, an ellipsis behind what is cut.
pub fn cut(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}

/// Bytes with a binary unit: `1.5 KiB`.
pub fn size(bytes: u64) -> String {
    let (mut tenths, mut unit) = (u128::from(bytes) * 10, "B");
    for next in ["KiB", "MiB", "GiB", "TiB", "PiB"] {
        if tenths < 10_240 {
            break;
        }
        (tenths, unit) = (tenths / 1024, next);
    }
    if unit == "B" { format!("{bytes} B") } else { format!("{}.{} {unit}", tenths / 10, tenths % 10) }
}

/// A number with its digits in groups of three.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number with its noun: `1 package`, `2,000 packages`.
pub fn some(number: usize, what: &str) -> String {
    format!("{} {what}{}", count(number as u64), if number == 1 { "" } else { "s" })
}

/// A moment, for programs and for people, in UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct When {
    /// Seconds since 1970.
    pub seconds: u64,
    /// RFC 3339.
    pub iso: String,
    /// `2026-11-25`.
    pub date: String,
    /// `2026-11-25 12:00:00 UTC`.
    pub exact: String,
}

impl When {
    /// From seconds since 1970; `None` for 0, which stands for unknown, and for what is behind the year 9999.
    pub fn new(seconds: u64) -> Option<Self> {
        let time = Timestamp::from_second(i64::try_from(seconds).ok().filter(|seconds| *seconds > 0)?).ok()?;
        Some(Self {
            seconds,
            iso: time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            date: time.strftime("%Y-%m-%d").to_string(),
            exact: time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        })
    }
}

/// A name as one part of a path: everything but letters, digits and `-._~` percent-encoded, so that it cannot be taken for a
/// scheme, a query or another folder; `.` and `..`, which clients take for folders however they are written, become harmless.
pub fn encode(name: &str) -> String {
    if matches!(name, "." | "..") {
        return format!("%00{name}");
    }
    encode_but(name, b"-._~")
}

/// A path, encoded part by part.
pub fn encode_path(path: &str) -> String {
    encode_but(path, b"-._~/+")
}

fn encode_but(text: &str, plain: &[u8]) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || plain.contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// An address that a page may link to: `http` or `https`, without a password.
pub fn web_address(text: &str) -> Option<String> {
    let text = text.trim();
    let address = url::Url::parse(text).ok().filter(|_| text.len() <= 2000)?;
    let web = matches!(address.scheme(), "http" | "https") && address.password().is_none();
    web.then(|| address.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_lose_what_steers_terminals_and_eyes() {
        assert_eq!(clean("a\u{1B}[31m\r\nb\tc\u{202E}d\0"), "a\u{FFFD}[31m\nb\tc\u{FFFD}d\u{FFFD}");
        assert_eq!(line("  one\n two  three ", 7), "one two…");
        assert_eq!((cut("äöü", 3), cut("äöü", 2)), ("äöü".to_owned(), "äö…".to_owned()));
    }

    #[test]
    fn sizes_counts_and_times_are_for_people() {
        assert_eq!([size(0), size(1023), size(1536), size(u64::MAX)], ["0 B", "1023 B", "1.5 KiB", "16383.9 PiB"]);
        assert_eq!([count(0), count(999), count(1_234_567)], ["0", "999", "1,234,567"]);
        assert_eq!(When::new(1_795_610_190).map(|when| when.iso).as_deref(), Some("2026-11-25T12:36:30Z"));
        assert_eq!((When::new(0), When::new(u64::MAX), When::new(1 << 60)), (None, None, None));
    }

    #[test]
    fn names_become_one_part_of_a_path() {
        assert_eq!(encode("libstdc++ 1:2"), "libstdc%2B%2B%201%3A2");
        assert_eq!((encode(".."), encode("...")), ("%00..".to_owned(), "...".to_owned()));
        assert_eq!(encode_path("Packages/g/g++-1^x?.rpm"), "Packages/g/g++-1%5Ex%3F.rpm");
    }

    #[test]
    fn only_web_addresses_become_links() {
        assert_eq!(web_address("https://example.org/a b").as_deref(), Some("https://example.org/a%20b"));
        for text in ["javascript:alert(1)", "data:text/html,x", "//example.org", "http://a:b@example.org", "", "x"] {
            assert_eq!(web_address(text), None, "{text}");
        }
    }
}
