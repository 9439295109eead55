//! Versions as the pool keeps them, `[epoch:]version[-release]`, and rpm's rules for ranges of them.

use std::borrow::Cow;
use std::cmp::Ordering;

use copr_rpm::{Comparison, Evr, vercmp};

/// A version taken apart. The release is what follows the last `-`, as in rpm's `parseEVR`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EvrParts<'a> {
    pub(crate) epoch: u32,
    pub(crate) version: &'a str,
    pub(crate) release: Option<&'a str>,
}

impl<'a> EvrParts<'a> {
    pub(crate) fn of_text(text: &'a str) -> Self {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (epoch, rest) = match text.split_at_checked(digits) {
            Some((epoch, rest)) if rest.starts_with(':') => {
                (epoch.parse().unwrap_or(0), rest.get(1..).unwrap_or_default())
            }
            _ => (0, text),
        };
        match rest.rsplit_once('-') {
            None => Self { epoch, version: rest, release: None },
            Some((version, release)) => Self { epoch, version, release: Some(release).filter(|r| !r.is_empty()) },
        }
    }

    pub(crate) fn of_evr(evr: &'a Evr) -> Self {
        Self { epoch: evr.epoch_or_zero(), version: &evr.version, release: evr.release.as_deref() }
    }

    /// The order of packages: a missing release is below any.
    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        let versions = || vercmp(self.version, other.version);
        self.epoch.cmp(&other.epoch).then_with(versions).then_with(|| match (self.release, other.release) {
            (Some(a), Some(b)) => vercmp(a, b),
            (a, b) => a.is_some().cmp(&b.is_some()),
        })
    }

    pub(crate) fn to_evr(self) -> Evr {
        let release = self.release.map(str::to_owned);
        Evr { epoch: Some(self.epoch).filter(|e| *e != 0), version: self.version.to_owned(), release }
    }
}

/// The text of a version: an epoch of 0 is left out, unless the version could be read as having one.
pub(crate) fn evr_text<'a>(epoch: u32, version: Cow<'a, str>, release: &str) -> Cow<'a, str> {
    let reads_as_epoch = || version.trim_start_matches(|c: char| c.is_ascii_digit()).starts_with(':');
    let written = epoch != 0 || reads_as_epoch();
    match (written, release.is_empty()) {
        (false, true) => version,
        (false, false) => Cow::Owned([&*version, "-", release].concat()),
        (true, true) => Cow::Owned(format!("{epoch}:{version}")),
        (true, false) => Cow::Owned(format!("{epoch}:{version}-{release}")),
    }
}

const LESS: u8 = 1;
const GREATER: u8 = 2;
const EQUAL: u8 = 4;

fn bits(comparison: Comparison) -> u8 {
    match comparison {
        Comparison::Lt => LESS,
        Comparison::Le => LESS | EQUAL,
        Comparison::Eq => EQUAL,
        Comparison::Ge => GREATER | EQUAL,
        Comparison::Gt => GREATER,
    }
}

/// Whether two ranges of versions overlap, by rpm's rules ([`copr_rpm::Dependency::matches`] has them in words).
pub(crate) fn overlaps(a: (Comparison, EvrParts<'_>), b: (Comparison, EvrParts<'_>)) -> bool {
    let ((a, evr_a), (b, evr_b)) = (a, b);
    let (a, b) = (bits(a), bits(b));
    let mut order = evr_a.epoch.cmp(&evr_b.epoch).then_with(|| vercmp(evr_a.version, evr_b.version));
    if order.is_eq() {
        match (evr_a.release, evr_b.release) {
            (Some(x), Some(y)) => order = vercmp(x, y),
            (Some(_), None) if b & EQUAL != 0 => return true,
            (None, Some(_)) if a & EQUAL != 0 => return true,
            _ => {}
        }
    }
    match order {
        Ordering::Less => a & GREATER != 0 || b & LESS != 0,
        Ordering::Greater => a & LESS != 0 || b & GREATER != 0,
        Ordering::Equal => a & b != 0,
    }
}

#[cfg(test)]
mod tests {
    use copr_rpm::{Dependency, DependencyFlags};
    use proptest::prelude::*;

    use super::*;

    fn text(epoch: u32, version: &str, release: &str) -> String {
        evr_text(epoch, Cow::Borrowed(version), release).into_owned()
    }

    #[test]
    fn the_text_of_a_version_reads_back_as_the_same() {
        for (epoch, version, release) in
            [(0, "1", "2"), (3, "1.0~rc1", "0.1"), (0, "1", ""), (1, "2", ""), (0, "7:1", "2"), (0, "1-2", "3")]
        {
            let text = text(epoch, version, release);
            let parts = EvrParts::of_text(&text);
            assert_eq!((parts.epoch, parts.version, parts.release.unwrap_or_default()), (epoch, version, release));
        }
        assert_eq!(text(0, "1", "2"), "1-2", "an epoch of 0 is not written");
    }

    #[test]
    fn only_digits_before_a_colon_are_an_epoch() {
        assert_eq!(EvrParts::of_text("a:1"), EvrParts { epoch: 0, version: "a:1", release: None });
        assert_eq!(EvrParts::of_text(":1-2"), EvrParts { epoch: 0, version: "1", release: Some("2") });
    }

    /// Versions with all that has a meaning in them.
    fn version() -> impl Strategy<Value = Evr> {
        let part = "[0-9a-b~^.]{1,4}";
        (prop::option::of(0..3_u32), part, prop::option::of(part)).prop_map(|(epoch, version, release)| Evr {
            epoch,
            version,
            release,
        })
    }

    fn dependency() -> impl Strategy<Value = Dependency> {
        (prop::sample::select(vec!["LT", "LE", "EQ", "GE", "GT"]), version()).prop_map(|(word, evr)| {
            let flags = Comparison::from_word(word).map(DependencyFlags::comparing).unwrap();
            Dependency { name: "x".to_owned(), flags, evr: Some(evr) }
        })
    }

    fn kept(evr: &Evr) -> String {
        text(evr.epoch_or_zero(), &evr.version, evr.release.as_deref().unwrap_or_default())
    }

    proptest! {
        #[test]
        fn versions_as_texts_compare_as_versions_do(a in version(), b in version()) {
            let (x, y) = (kept(&a), kept(&b));
            prop_assert_eq!(EvrParts::of_text(&x).compare(&EvrParts::of_text(&y)), a.cmp(&b));
            prop_assert_eq!(EvrParts::of_text(&x).to_evr(), a);
        }

        #[test]
        fn ranges_as_texts_overlap_as_dependencies_do(a in dependency(), b in dependency()) {
            let (x, y) = (a.evr.clone().unwrap(), b.evr.clone().unwrap());
            let (x, y) = (kept(&x), kept(&y));
            let side = |dependency: &Dependency| dependency.flags.comparison().unwrap();
            let found = overlaps((side(&a), EvrParts::of_text(&x)), (side(&b), EvrParts::of_text(&y)));
            prop_assert_eq!(found, a.matches(&b));
        }
    }
}
