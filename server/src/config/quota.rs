//! `[quota]`: how much an owner may store. `[prune]`: when old builds go, and how long they can be brought back.

use serde::{Deserialize, Deserializer, de::Error as _};

/// `[quota]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Quota {
    /// Most bytes of an owner, unless the administrator has said otherwise of it; 0: no limit.
    #[serde(deserialize_with = "limit")]
    pub owner: i64,
}

impl Default for Quota {
    fn default() -> Self {
        Self { owner: 1 << 30 }
    }
}

impl Quota {
    /// Most bytes of an owner; `None`: no limit.
    #[must_use]
    pub fn limit(&self) -> Option<i64> {
        Some(self.owner).filter(|bytes| *bytes > 0)
    }
}

/// `[prune]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Prune {
    /// Builds younger than so many days are kept by the scheduled job; 0: it does nothing.
    pub days: i64,
    /// Builds of a package in a chroot that it keeps where a project says nothing else.
    pub keep: i64,
    /// Days that what was pruned can be brought back.
    pub undo_days: i64,
}

impl Default for Prune {
    fn default() -> Self {
        Self { days: 0, keep: 1, undo_days: 7 }
    }
}

impl Prune {
    /// [`Self::undo_days`] in milliseconds.
    #[must_use]
    pub fn undo_ms(&self) -> i64 {
        self.undo_days.saturating_mul(24 * 60 * 60 * 1000)
    }

    /// What is wrong: the key and its rule.
    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        for (key, days) in [("prune.days", self.days), ("prune.undo_days", self.undo_days)] {
            if !(0..=3650).contains(&days) {
                return Err((key, "must be a number of days from 0 to 3650".to_owned()));
            }
        }
        if !(1..=1_000_000).contains(&self.keep) {
            return Err(("prune.keep", "must be 1 at least: the newest build of a package is always kept".to_owned()));
        }
        Ok(())
    }
}

fn limit<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Bytes(i64),
        Text(String),
    }
    let bytes = match Written::deserialize(deserializer)? {
        Written::Bytes(bytes) => Some(bytes).filter(|bytes| *bytes >= 0),
        Written::Text(text) => parse_size(&text),
    };
    bytes.ok_or_else(|| {
        D::Error::custom("a size is a number of bytes, or text such as \"500 MiB\" or \"1.5 GiB\"; 0: no limit")
    })
}

/// Reads a size: a number of bytes, or one with a unit such as `500 MiB`, `2G` or `1.5 GiB`; units are powers of 1024.
#[must_use]
pub fn parse_size(text: &str) -> Option<i64> {
    let text = text.trim();
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let power = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" | "bytes" => 0,
        "k" | "kb" | "kib" => 1,
        "m" | "mb" | "mib" => 2,
        "g" | "gb" | "gib" => 3,
        "t" | "tb" | "tib" => 4,
        _ => return None,
    };
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    if !(1..=3).contains(&part.len()) {
        return None;
    }
    let thousandths = i128::from(whole.parse::<i64>().ok()?) * 1000 + format!("{part:0<3}").parse::<i128>().ok()?;
    i64::try_from((thousandths << (10 * power)) / 1000).ok()
}

/// A length in bytes with a binary unit, e.g. `1.5 KiB`; cut, not rounded: what is just below a limit never looks like the limit.
#[must_use]
pub fn size(bytes: u64) -> String {
    let (mut tenths, mut unit) = (bytes.saturating_mul(10), "B");
    for next in ["KiB", "MiB", "GiB", "TiB"] {
        if tenths < 10_240 {
            break;
        }
        (tenths, unit) = (tenths / 1024, next);
    }
    if unit == "B" { format!("{bytes} B") } else { format!("{}.{} {unit}", tenths / 10, tenths % 10) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_read_with_its_unit() {
        let sizes =
            [("0", 0), ("1000", 1000), ("1 GiB", 1 << 30), ("1.5G", 3 << 29), ("500 mib", 500 << 20), ("2kb", 2048)];
        for (text, bytes) in sizes {
            assert_eq!(parse_size(text), Some(bytes), "{text}");
        }
        for bad in ["", "G", "-1", "1.", "1.0001 G", "1 x", "99999999999 T", "1 2", ".5"] {
            assert_eq!(parse_size(bad), None, "{bad}");
        }
        assert!(toml::from_str::<Quota>("owner = -1").is_err());
        assert_eq!(toml::from_str::<Quota>("owner = \"2 GiB\"").unwrap().limit(), Some(2 << 30));
        assert_eq!(toml::from_str::<Quota>("owner = 0").unwrap().limit(), None);
    }

    #[test]
    fn sizes_have_one_decimal_and_a_unit() {
        assert_eq!([size(0), size(1023), size(1536), size(1 << 30)], ["0 B", "1023 B", "1.5 KiB", "1.0 GiB"]);
        assert_eq!(size((1 << 30) - 1), "1023.9 MiB");
        assert!(size(u64::MAX).ends_with("TiB"));
    }
}
