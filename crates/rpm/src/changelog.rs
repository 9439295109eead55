//! Changes as a package tells them.

use crate::{Header, tag};

/// One entry of a package's change log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changelog {
    /// Seconds since 1970; rpm gives noon of the day.
    pub time: u64,
    /// Author, usually with mail address and version: `A B <a@b> - 1.0-1`.
    pub author: String,
    /// The text.
    pub text: String,
}

/// The entries in the order of the header: newest first. The shortest of the three parallel arrays decides how many.
pub(crate) fn changelogs(header: &Header) -> Vec<Changelog> {
    let times = header.u64s(tag::CHANGELOGTIME).unwrap_or_default();
    let authors = header.strings(tag::CHANGELOGNAME).unwrap_or_default();
    let texts = header.strings(tag::CHANGELOGTEXT).unwrap_or_default();
    times
        .into_iter()
        .zip(authors)
        .zip(texts)
        .map(|((time, author), text)| Changelog { time, author: author.into_owned(), text: text.into_owned() })
        .collect()
}
