//! Versions: epoch, version, release, and the order that rpm gives them.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use crate::ParseError;

/// Compares two version (or release) texts exactly as rpm's `rpmvercmp`.
///
/// The texts are cut into runs of digits and runs of ASCII letters; everything else only separates. Runs compare from
/// the left: digits by value, letters by byte, digits above letters, more above less. `~` sorts below even the end of
/// the text (`1.0~rc1 < 1.0`), `^` above the end but below any further run (`1.0 < 1.0^git1 < 1.0.1`).
pub fn vercmp(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    loop {
        a = skip_separators(a);
        b = skip_separators(b);
        match (a.first(), b.first()) {
            (Some(b'~'), Some(b'~')) | (Some(b'^'), Some(b'^')) => {
                a = a.get(1..).unwrap_or_default();
                b = b.get(1..).unwrap_or_default();
                continue;
            }
            (Some(b'~'), _) => return Ordering::Less,
            (_, Some(b'~')) => return Ordering::Greater,
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(b'^'), Some(_)) => return Ordering::Less,
            (Some(_), Some(b'^')) => return Ordering::Greater,
            (Some(x), Some(y)) => match (x.is_ascii_digit(), y.is_ascii_digit()) {
                (true, false) => return Ordering::Greater,
                (false, true) => return Ordering::Less,
                (digits, _) => {
                    let (run_a, rest_a) = run(a, digits);
                    let (run_b, rest_b) = run(b, digits);
                    let order = if digits { compare_numbers(run_a, run_b) } else { run_a.cmp(run_b) };
                    if order != Ordering::Equal {
                        return order;
                    }
                    a = rest_a;
                    b = rest_b;
                }
            },
        }
    }
}

fn skip_separators(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|c| c.is_ascii_alphanumeric() || *c == b'~' || *c == b'^').unwrap_or(text.len());
    text.split_at(start).1
}

fn run(text: &[u8], digits: bool) -> (&[u8], &[u8]) {
    let in_run = |c: &u8| if digits { c.is_ascii_digit() } else { c.is_ascii_alphabetic() };
    text.split_at(text.iter().position(|c| !in_run(c)).unwrap_or(text.len()))
}

fn compare_numbers(a: &[u8], b: &[u8]) -> Ordering {
    let strip = |digits: &[u8]| digits.iter().position(|c| *c != b'0').unwrap_or(digits.len());
    let (a, b) = (a.split_at(strip(a)).1, b.split_at(strip(b)).1);
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

/// Epoch, version and release, as in `1:2.0-3.el9`.
///
/// Ordered as rpm orders packages: a missing epoch is 0, a missing release is below any release. Equality follows the
/// order (`1.0 == 1.00`, `0:1 == 1`); compare [`ToString`] forms where spelling matters.
#[derive(Debug, Clone, Default)]
pub struct Evr {
    /// The epoch as written; `None` where none was.
    pub epoch: Option<u32>,
    /// The version. May be empty only in malformed metadata.
    pub version: String,
    /// The release, if one was written.
    pub release: Option<String>,
}

impl Evr {
    /// The epoch, 0 if none is written.
    pub fn epoch_or_zero(&self) -> u32 {
        self.epoch.unwrap_or(0)
    }

    /// As the parser below, but the version may be empty (`1:`, `-2`): dependencies of real headers have such.
    pub(crate) fn of_header(text: &str) -> Option<Self> {
        let (epoch, rest) = match text.split_once(':') {
            None => (None, text),
            Some(("", rest)) => (None, rest),
            Some((epoch, rest)) => {
                (Some(epoch).filter(|e| e.bytes().all(|c| c.is_ascii_digit()))?.parse().ok().map(Some)?, rest)
            }
        };
        let (version, release) = match rest.split_once('-') {
            None => (rest, None),
            Some((version, release)) => (version, Some(release).filter(|r| !r.is_empty())),
        };
        Some(Self { epoch, version: version.to_owned(), release: release.map(str::to_owned) })
    }
}

impl Ord for Evr {
    fn cmp(&self, other: &Self) -> Ordering {
        self.epoch_or_zero().cmp(&other.epoch_or_zero()).then_with(|| vercmp(&self.version, &other.version)).then_with(
            || match (&self.release, &other.release) {
                (Some(a), Some(b)) => vercmp(a, b),
                (a, b) => a.is_some().cmp(&b.is_some()),
            },
        )
    }
}

impl PartialOrd for Evr {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Evr {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Evr {}

impl FromStr for Evr {
    type Err = ParseError;

    /// Reads `[epoch:]version[-release]`. The release starts after the first `-`.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let evr = Self::of_header(text).ok_or_else(|| {
            ParseError::new("version", text, "the epoch before `:` must be a decimal number of at most 4294967295")
        })?;
        if evr.version.is_empty() {
            return Err(ParseError::new("version", text, "the version is empty"));
        }
        Ok(evr)
    }
}

impl fmt::Display for Evr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(epoch) = self.epoch {
            write!(f, "{epoch}:")?;
        }
        f.write_str(&self.version)?;
        if let Some(release) = &self.release {
            write!(f, "-{release}")?;
        }
        Ok(())
    }
}
