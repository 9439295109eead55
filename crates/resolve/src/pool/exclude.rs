//! Packages that shall not be installed, by patterns.

use copr_repodata::Error;
use copr_rpm::Nevra;
use globset::{Glob, GlobMatcher};

/// Patterns of names and of the other ways to spell a package ([`Nevra::spellings`]).
#[derive(Debug, Default)]
pub(crate) struct Excludes {
    /// Each with what it begins with, up to its first wildcard: most packages do not.
    patterns: Vec<(String, GlobMatcher)>,
}

impl Excludes {
    pub(crate) fn of(patterns: &[String]) -> Result<Self, Error> {
        let read = |pattern: &String| {
            let matcher = Glob::new(pattern)
                .map_err(|error| Error::Metadata { what: "exclude".to_owned(), reason: error.to_string() })?;
            let start = pattern.split(['*', '?', '[', '{', '\\']).next().unwrap_or_default().to_owned();
            Ok((start, matcher.compile_matcher()))
        };
        Ok(Self { patterns: patterns.iter().map(read).collect::<Result<_, Error>>()? })
    }

    /// Whether a package is excluded.
    pub(crate) fn hits(&self, name: &str, nevra: impl Fn() -> Nevra) -> bool {
        self.patterns.iter().any(|(start, pattern)| {
            // All spellings begin with the name.
            let possible = name.starts_with(start.as_str()) || start.starts_with(name);
            possible && (pattern.is_match(name) || nevra().spellings().iter().any(|text| pattern.is_match(text)))
        })
    }
}
