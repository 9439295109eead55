//! Values of options, with `createrepo_c`'s messages about wrong ones.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};
use copr_repodata::{ChecksumKind, Compression, Retain};

/// How long superseded files stay when nothing else is asked for: clients read by the repomd.xml before meanwhile.
const GRACE: Duration = Duration::from_secs(3600);

pub(super) fn checksum(name: Option<&str>) -> Result<Option<ChecksumKind>> {
    let Some(name) = name else { return Ok(None) };
    match name.parse() {
        Ok(kind) => Ok(Some(kind)),
        Err(_) => bail!("Unknown/Unsupported checksum type \"{name}\""),
    }
}

pub(super) fn compression(name: Option<&str>) -> Result<Option<Compression>> {
    let Some(name) = name else { return Ok(None) };
    match name.parse() {
        Ok(kind) => Ok(Some(kind)),
        Err(_) => bail!("Unknown/Unsupported compression type \"{name}\": use gz, bz2, xz, zstd or zck"),
    }
}

/// Seconds, or a number of minutes (`m`), hours (`h`) or days (`d`).
pub(super) fn age(text: &str) -> Result<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits).unwrap_or((text, ""));
    if number.is_empty() {
        bail!("Bad time period \"{text}\"");
    }
    let seconds: u64 = match unit {
        "" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86400,
        _ => bail!("Bad time unit \"{unit}\""),
    };
    match number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(seconds))
        .filter(|n| i64::try_from(*n).is_ok())
    {
        Some(seconds) => Ok(Duration::from_secs(seconds)),
        None => bail!("Time period \"{text}\" is too high"),
    }
}

/// Bytes, or a number of KiB (`K`, `KiB`), MiB (`M`) or GiB (`G`).
pub(super) fn bytes(text: &str) -> Result<usize> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits).unwrap_or((text, ""));
    let unit: usize = match unit {
        "" => 1,
        "k" | "K" | "KiB" => 1 << 10,
        "m" | "M" | "MiB" => 1 << 20,
        "g" | "G" | "GiB" => 1 << 30,
        _ => bail!("Bad size \"{text}\": use bytes, or a number with K, M or G"),
    };
    match number.parse::<usize>().ok().and_then(|number| number.checked_mul(unit)).filter(|size| *size > 0) {
        Some(size) => Ok(size),
        None => bail!("Bad size \"{text}\": use bytes, or a number with K, M or G"),
    }
}

/// What becomes of superseded files: our `--retain`, or an hour.
pub(super) fn retain(time: Option<&str>) -> Result<Retain> {
    match time.map(age).transpose()? {
        None => Ok(Retain::For(GRACE)),
        Some(Duration::ZERO) => Ok(Retain::Nothing),
        Some(time) => Ok(Retain::For(time)),
    }
}

/// `cpeid,text` or `text`; `None` where there is no text, which `createrepo_c` passes over.
pub(super) fn distro_tag(tag: &str) -> Option<(Option<String>, String)> {
    match tag.split_once(',') {
        None => Some((None, tag.to_owned())),
        Some((_, "")) => None,
        Some((cpeid, text)) => {
            Some((Some(cpeid).filter(|cpeid| !cpeid.is_empty()).map(str::to_owned), text.to_owned()))
        }
    }
}

/// Whether this names a place elsewhere rather than a path.
pub(super) fn is_url(name: &str) -> bool {
    name.contains("://")
}

/// A path with one slash at its end, as `createrepo_c` prints folders.
pub(super) fn folder(path: &Path) -> String {
    let text = path.display().to_string();
    format!("{}/", text.trim_end_matches('/'))
}

/// Lines that have anything.
pub(super) fn lines(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split('\n')
        .map(|line| line.strip_suffix('\r').unwrap_or(line))
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_have_units() {
        for (text, seconds) in [("0", 0), ("90", 90), ("5m", 300), ("2h", 7200), ("30d", 2_592_000)] {
            assert_eq!(age(text).unwrap(), Duration::from_secs(seconds), "{text}");
        }
        for (text, why) in [
            ("", "Bad time period"),
            ("h", "Bad time period"),
            ("-1h", "Bad time period"),
            ("1w", "Bad time unit \"w\""),
            ("1hh", "Bad time unit"),
            ("99999999999999999999", "is too high"),
            ("9223372036854775807d", "is too high"),
        ] {
            assert!(age(text).unwrap_err().to_string().contains(why), "{text}");
        }
    }

    #[test]
    fn sizes_have_units() {
        for (text, size) in [("1", 1), ("512", 512), ("64K", 65536), ("64KiB", 65536), ("1M", 1 << 20), ("2G", 2 << 30)]
        {
            assert_eq!(bytes(text).unwrap(), size, "{text}");
        }
        for text in ["", "0", "K", "1T", "-1", "1.5M", "99999999999999999999", "99999999999G"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_distro_tag_may_have_an_identifier() {
        assert_eq!(distro_tag("Fedora 44"), Some((None, "Fedora 44".to_owned())));
        assert_eq!(distro_tag("cpe:/o:f:44,F, 44"), Some((Some("cpe:/o:f:44".to_owned()), "F, 44".to_owned())));
        assert_eq!(distro_tag(",F"), Some((None, "F".to_owned())));
        assert_eq!(distro_tag("cpe,"), None);
    }
}
