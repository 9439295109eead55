//! The full name of a package.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use crate::{Evr, ParseError};

/// Name, epoch, version, release and architecture of one package.
///
/// Equality is by spelling. The order is name, then EVR as rpm orders it, then architecture, then spelling.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Nevra {
    /// Package name.
    pub name: String,
    /// Epoch; 0 if the package has none.
    pub epoch: u32,
    /// Version, without `-`.
    pub version: String,
    /// Release, without `-`.
    pub release: String,
    /// Architecture; `src` for every source package.
    pub arch: String,
}

impl Nevra {
    /// The version part, with its epoch always written.
    pub fn evr(&self) -> Evr {
        Evr { epoch: Some(self.epoch), version: self.version.clone(), release: Some(self.release.clone()) }
    }

    /// The customary name of the package's file: `NAME-VERSION-RELEASE.ARCH.rpm` (no epoch).
    pub fn file_name(&self) -> String {
        let Self { name, version, release, arch, .. } = self;
        format!("{name}-{version}-{release}.{arch}.rpm")
    }

    /// All ways in which a command line may name the package, as dnf has them (`dnf` manual, "Specifying packages"): from
    /// the bare name to name, epoch, version, release and architecture.
    pub fn spellings(&self) -> [String; 7] {
        let Self { name, epoch, version, release, arch } = self;
        [
            name.clone(),
            format!("{name}.{arch}"),
            format!("{name}-{version}"),
            format!("{name}-{version}-{release}"),
            format!("{name}-{version}-{release}.{arch}"),
            format!("{name}-{epoch}:{version}-{release}"),
            format!("{name}-{epoch}:{version}-{release}.{arch}"),
        ]
    }
}

impl fmt::Display for Nevra {
    /// `name-[epoch:]version-release.arch`; an epoch of 0 is left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, epoch, version, release, arch } = self;
        match epoch {
            0 => write!(f, "{name}-{version}-{release}.{arch}"),
            _ => write!(f, "{name}-{epoch}:{version}-{release}.{arch}"),
        }
    }
}

impl FromStr for Nevra {
    type Err = ParseError;

    /// Reads `name-[epoch:]version-release.arch`, with or without `.rpm` at the end.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let fail = |reason| ParseError::new("package name", text, reason);
        let body = text.strip_suffix(".rpm").unwrap_or(text);
        let (rest, arch) = body.rsplit_once('.').ok_or_else(|| fail("there is no `.arch` at the end"))?;
        let (rest, release) = rest.rsplit_once('-').ok_or_else(|| fail("there is no `-release`"))?;
        let (name, version) = rest.rsplit_once('-').ok_or_else(|| fail("there is no `-version-release`"))?;
        let (epoch, version) = match version.split_once(':') {
            None => (0, version),
            Some((epoch, version)) => (epoch.parse().map_err(|_| fail("the epoch is not a number"))?, version),
        };
        if [name, version, release, arch].iter().any(|part| part.is_empty()) {
            return Err(fail("a part of name-version-release.arch is empty"));
        }
        if body.chars().any(|c| c == '/' || c.is_whitespace() || c.is_control()) {
            return Err(fail("it has a slash, blank or control character"));
        }
        Ok(Self {
            name: name.to_owned(),
            epoch,
            version: version.to_owned(),
            release: release.to_owned(),
            arch: arch.to_owned(),
        })
    }
}

impl Ord for Nevra {
    fn cmp(&self, other: &Self) -> Ordering {
        self.name
            .cmp(&other.name)
            .then_with(|| self.evr().cmp(&other.evr()))
            .then_with(|| self.arch.cmp(&other.arch))
            .then_with(|| (&self.version, &self.release).cmp(&(&other.version, &other.release)))
    }
}

impl PartialOrd for Nevra {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nevra_survives_print_and_parse() {
        for text in ["bash-5.2-1.x86_64", "gtk+-3:1.0~rc1-0.1^git.noarch", "a-b-c-1-2.src"] {
            assert_eq!(text.parse::<Nevra>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_file_name_has_no_epoch() {
        let nevra: Nevra = "tar-2:1.34-1.x86_64".parse().unwrap();
        assert_eq!(nevra.file_name(), "tar-1.34-1.x86_64.rpm");
        assert_eq!(nevra.evr().to_string(), "2:1.34-1");
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "bash", "bash-1", "bash-1-2", "-1-2.noarch", "a-x:1-2.noarch", "a/b-1-2.noarch", "a-1-.noarch"]
        {
            assert!(text.parse::<Nevra>().is_err(), "{text}");
        }
    }
}
