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

/// The newest entries, at most `limit`, in the order of the header: newest first. The shortest of the three parallel
/// arrays decides how many there are.
pub(crate) fn changelogs(header: &Header, limit: usize) -> Vec<Changelog> {
    let times = header.numbers(tag::CHANGELOGTIME).unwrap_or_default();
    let mut authors = header.texts(tag::CHANGELOGNAME).unwrap_or_default();
    let mut texts = header.texts(tag::CHANGELOGTEXT).unwrap_or_default();
    times
        .iter()
        .take(limit)
        .map_while(|time| {
            let (author, text) = (authors.next_text()?.into_owned(), texts.next_text()?.into_owned());
            Some(Changelog { time, author, text })
        })
        .collect()
}
