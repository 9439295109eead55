//! How pages say times, sizes and addresses.

use std::fmt::Write as _;

use jiff::{Timestamp, tz::TimeZone};
use serde::{Serialize, Serializer};

pub use crate::config::quota::size;

/// A moment, relative to now with the absolute beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// RFC 3339, for programs.
    pub iso: String,
    /// Date and time in UTC, for the tooltip.
    pub exact: String,
    /// `3 minutes ago`.
    pub relative: String,
}

impl Moment {
    /// From milliseconds since 1970, seen from `now_ms`.
    #[must_use]
    pub fn new(ms: i64, now_ms: i64) -> Self {
        let time = Timestamp::from_millisecond(ms).unwrap_or_default();
        let utc = time.to_zoned(TimeZone::UTC);
        let seconds = now_ms.saturating_sub(ms).div_euclid(1000);
        let relative = match seconds {
            ..=9 => "just now".to_owned(),
            10..=59 => format!("{seconds} seconds ago"),
            60..=3599 => ago(seconds / 60, "minute"),
            3600..=86_399 => ago(seconds / 3600, "hour"),
            86_400..=5_183_999 => ago(seconds / 86_400, "day"),
            _ => utc.strftime("%Y-%m-%d").to_string(),
        };
        Self {
            iso: utc.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            exact: utc.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
            relative,
        }
    }
}

impl Moment {
    /// A moment that is still to come and only known about, seen from `now_ms`: `in about 5 minutes`.
    #[must_use]
    pub fn about(ms: i64, now_ms: i64) -> Self {
        let seconds = ms.saturating_sub(now_ms).div_euclid(1000);
        let say = |n: i64, unit: &str| format!("in about {n} {unit}{}", if n == 1 { "" } else { "s" });
        let relative = match seconds {
            ..=59 => "in a moment".to_owned(),
            60..=5399 => say((seconds + 30) / 60, "minute"),
            5400..=172_799 => say((seconds + 1800) / 3600, "hour"),
            _ => say((seconds + 43_200) / 86_400, "day"),
        };
        Self { relative, ..Self::new(ms, now_ms) }
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.iso)
    }
}

fn ago(n: i64, unit: &str) -> String {
    format!("{n} {unit}{} ago", if n == 1 { "" } else { "s" })
}

/// `1 h 2 min`, `2 min 3 s` or `4 s`, from milliseconds.
#[must_use]
pub fn duration(ms: i64) -> String {
    let seconds = ms.max(0) / 1000;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// A name as one segment of a path or value of a query: everything but letters, digits and `-._~@` percent-encoded, so that it
/// can't be taken for a scheme, a query or another folder.
#[must_use]
pub fn encode(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~@".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

/// The page of a project on this server.
#[must_use]
pub fn project_url(owner: &str, name: &str) -> String {
    format!("{}{}/", owner_url(owner), encode(name))
}

/// The page of an owner, a group with `@`.
#[must_use]
pub fn owner_url(owner: &str) -> String {
    match owner.strip_prefix('@') {
        Some(group) => format!("/coprs/g/{}/", encode(group)),
        None => format!("/coprs/{}/", encode(owner)),
    }
}

/// The beginning of a text for a list: its first paragraph, at most `limit` characters.
#[must_use]
pub fn summary(text: &str, limit: usize) -> String {
    let paragraph = text.trim().split("\n\n").next().unwrap_or_default();
    let words: Vec<&str> = paragraph.split_whitespace().collect();
    let line = words.join(" ");
    if line.chars().count() <= limit {
        return line;
    }
    let mut cut: String = line.chars().take(limit).collect();
    cut.push('…');
    cut
}

/// The bytes of a log as text that can stand on a page: terminal control sequences and control characters left out.
#[must_use]
pub fn log_text(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut shown = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '\u{1b}' => {
                if characters.next_if_eq(&'[').is_some() {
                    // A control sequence ends with its first character from @ to ~.
                    for c in characters.by_ref() {
                        if ('@'..='~').contains(&c) {
                            break;
                        }
                    }
                }
            }
            '\n' | '\t' => shown.push(c),
            c if c.is_control() => {}
            c => shown.push(c),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_said_as_people_say_them() {
        let at = |seconds: i64| Moment::new(1_000_000_000_000, 1_000_000_000_000 + seconds * 1000).relative;
        assert_eq!(at(0), "just now");
        assert_eq!(at(-100), "just now", "another machine's clock may be ahead");
        assert_eq!(at(61), "1 minute ago");
        assert_eq!(at(7300), "2 hours ago");
        assert_eq!(at(90_000), "1 day ago");
        assert_eq!(at(90_000_000), "2001-09-09");
        assert_eq!(Moment::new(0, 0).iso, "1970-01-01T00:00:00Z");
        assert_eq!(Moment::new(i64::MAX, 0).relative, "just now");
        assert_eq!(duration(3_725_000), "1 h 2 min");
        assert_eq!(duration(-5), "0 s");
    }

    #[test]
    fn what_is_to_come_is_said_roughly() {
        let about = |seconds: i64| Moment::about(1_000_000_000_000 + seconds * 1000, 1_000_000_000_000).relative;
        assert_eq!([about(-9), about(59), about(80)], ["in a moment", "in a moment", "in about 1 minute"]);
        assert_eq!(
            [about(600), about(9000), about(200_000)],
            ["in about 10 minutes", "in about 3 hours", "in about 2 days"]
        );
    }

    #[test]
    fn names_can_not_become_schemes_queries_or_other_folders() {
        assert_eq!(encode("p:custom:x"), "p%3Acustom%3Ax");
        assert_eq!(encode("a/../b?c#d\"<é"), "a%2F..%2Fb%3Fc%23d%22%3C%C3%A9");
        assert_eq!(encode("@group"), "@group");
    }

    #[test]
    fn a_summary_is_the_first_paragraph_on_one_line() {
        assert_eq!(summary("  One\n two\n\nThree", 80), "One two");
        assert_eq!(summary("äöüß", 3), "äöü…");
    }

    #[test]
    fn logs_lose_their_colours_and_bells_and_keep_their_lines() {
        assert_eq!(log_text(b"\x1b[1;31merror\x1b[0m: x\r\n\tat\x07 y\xff\x1b"), "error: x\n\tat y\u{fffd}");
    }
}
