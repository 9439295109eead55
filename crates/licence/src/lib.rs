//! What the `License` tag of a package says, and whether the distribution allows it.
//!
//! Both grammars that packages have are read: SPDX expressions (`MIT AND (Apache-2.0 OR GPL-2.0-or-later WITH …)`) and Fedora's short
//! names of before 2022 (`GPLv2+ and ASL 2.0`), whose names may have blanks. Crates for SPDX expressions know neither those names nor
//! a distribution's lists, and some follow parentheses by recursion; so the few lines that it takes stand here, and any text of any
//! length has an answer in one pass over it.
//!
//! ```
//! use copr_licence::{Table, Verdict, judge};
//!
//! let judgement = judge("GPLv2+ and (MIT or JSON)", Table::fedora());
//! assert_eq!(judgement.verdict, Verdict::Allowed);
//! let judgement = judge("MIT AND JSON", Table::fedora());
//! assert_eq!(judgement.to_string(), "JSON is not allowed");
//! ```

mod expression;
mod table;

use std::fmt;

pub use expression::{DEEPEST, LONGEST, judge};
pub use table::{Table, TableError};

/// Where Fedora lists what it does not allow, for people.
pub const FORBIDDEN_URL: &str = "https://docs.fedoraproject.org/en-US/legal/not-allowed-licenses/";

/// Parts that a text names one by one.
const NAMED: usize = 5;
/// Characters of a part that a text shows.
const SHOWN: usize = 80;

/// What is said of a licence, or of all in an expression; the better ones are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// On the list of those that are not allowed.
    Forbidden,
    /// On no list, or the text can't be read.
    Unknown,
    /// Allowed, perhaps for some kinds of files alone.
    Allowed,
}

/// One licence of an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// As it stands in the text, with one blank between its words.
    pub name: String,
    /// What is said of it.
    pub verdict: Verdict,
    /// Why it is unknown, or for what alone it is allowed; empty: there is nothing to say.
    pub note: &'static str,
}

/// What came of looking at a `License` tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// Of the whole: with AND the worst of its sides, with OR the best.
    pub verdict: Verdict,
    /// The licences that decided, each once, in their order; empty when the text can't be read.
    pub parts: Vec<Part>,
    /// Why the text can't be read, as the end of a sentence.
    pub unreadable: Option<String>,
}

/// A sentence without its full stop: `JSON is not allowed`.
impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(why) = &self.unreadable {
            return write!(f, "the licence can't be read: {why}");
        }
        let names = Names(&self.parts);
        let several = self.parts.len() > 1;
        match self.verdict {
            Verdict::Allowed => f.write_str("allowed"),
            Verdict::Forbidden => write!(f, "{names} {} not allowed", if several { "are" } else { "is" }),
            Verdict::Unknown if several => write!(f, "{names} are on no list of licences"),
            Verdict::Unknown => {
                let note = self.parts.first().map_or("", |part| part.note);
                write!(f, "{names} {}", if note.is_empty() { "is on no list of licences" } else { note })
            }
        }
    }
}

/// Names of parts, with commas and "and".
struct Names<'a>(&'a [Part]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let more = self.0.len().saturating_sub(NAMED);
        let shown: Vec<String> = self.0.iter().take(NAMED).map(|part| cut(&part.name)).collect();
        match shown.as_slice() {
            [] => f.write_str("it"),
            all if more > 0 => write!(f, "{} and {more} more", all.join(", ")),
            [one] => f.write_str(one),
            [first @ .., last] => write!(f, "{} and {last}", first.join(", ")),
        }
    }
}

fn cut(name: &str) -> String {
    let mut chars = name.chars();
    let mut short: String = chars.by_ref().take(SHOWN).collect();
    if chars.next().is_some() {
        short.push('…');
    }
    short
}
