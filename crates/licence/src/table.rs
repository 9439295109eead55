//! What a distribution says of each licence: lines of text, by name.

use std::{
    collections::{HashMap, HashSet},
    sync::OnceLock,
};

use crate::Verdict;

/// What is in the tree: see the head of the file.
const FEDORA: &str = include_str!("../data/fedora.tsv");
/// What stands before the day of a table, in a comment.
const DATE: &str = "# Date:";

/// Why a table can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct TableError {
    /// Which, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub reason: String,
}

/// What is said of one licence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) verdict: Verdict,
    /// For what alone it is allowed; empty: for anything.
    pub(crate) note: &'static str,
}

/// Licences and exceptions by name; letter case does not count.
#[derive(Debug, Clone, Default)]
pub struct Table {
    licences: HashMap<String, Entry>,
    exceptions: HashSet<String>,
    date: String,
}

impl Table {
    /// Fedora's, as far as it is in the tree.
    ///
    /// # Panics
    /// Never: a test reads the file.
    #[must_use]
    pub fn fedora() -> &'static Self {
        static TABLE: OnceLock<Table> = OnceLock::new();
        TABLE.get_or_init(|| Self::parse(FEDORA).unwrap_or_default())
    }

    /// Reads a table: a line is `VERDICT<tab>NAME` and perhaps `<tab>SPDX NAME`; lines that begin with # are comments.
    ///
    /// # Errors
    /// A line is none, or a name is there twice.
    pub fn parse(text: &str) -> Result<Self, TableError> {
        let mut table = Self::default();
        for (line, content) in (1..).zip(text.lines()) {
            let wrong = |reason: String| TableError { line, reason };
            if let Some(date) = content.strip_prefix(DATE) {
                date.trim().clone_into(&mut table.date);
            }
            if content.starts_with('#') || content.trim().is_empty() {
                continue;
            }
            let mut fields = content.split('\t');
            let (word, name) = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
            if name.is_empty() || fields.count() > 1 {
                return Err(wrong(
                    "it is not VERDICT, NAME and perhaps what SPDX calls it, with tabs between".to_owned(),
                ));
            }
            let key = name.to_lowercase();
            if table.licences.contains_key(&key) || table.exceptions.contains(&key) {
                return Err(wrong(format!("{name:?} is there twice")));
            }
            let (verdict, note) = match word {
                "allowed" => (Verdict::Allowed, ""),
                "content" => (Verdict::Allowed, "is allowed for content alone"),
                "documentation" => (Verdict::Allowed, "is allowed for documentation alone"),
                "firmware" => (Verdict::Allowed, "is allowed for firmware alone"),
                "fonts" => (Verdict::Allowed, "is allowed for fonts alone"),
                "forbidden" => (Verdict::Forbidden, ""),
                "exception" => {
                    table.exceptions.insert(key);
                    continue;
                }
                other => return Err(wrong(format!("{other:?} is nothing that is said of a licence"))),
            };
            table.licences.insert(key, Entry { verdict, note });
        }
        Ok(table)
    }

    /// The day that it is of, as it says: `YYYY-MM-DD`; may be empty.
    #[must_use]
    pub fn date(&self) -> &str {
        &self.date
    }

    /// How many licences it knows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.licences.len()
    }

    /// Whether it knows none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.licences.is_empty()
    }

    pub(crate) fn licence(&self, name: &str) -> Option<&Entry> {
        self.licences.get(&name.to_lowercase())
    }

    pub(crate) fn knows_exception(&self, name: &str) -> bool {
        self.exceptions.contains(&name.to_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_in_the_tree_is_sorted_unique_and_dated_and_knows_what_everyone_knows() {
        let table = Table::parse(FEDORA).unwrap();
        assert!(table.len() > 400, "{}", table.len());
        assert!(table.date().len() == 10 && table.date().starts_with("20"), "{:?}", table.date());
        let lines: Vec<&str> = FEDORA.lines().filter(|line| !line.starts_with('#')).collect();
        let names: Vec<String> = lines.iter().map(|line| line.split('\t').nth(1).unwrap().to_lowercase()).collect();
        assert!(names.is_sorted(), "not sorted by name in lower case");
        let said = |name: &str| table.licence(name).map(|entry| entry.verdict);
        for name in ["MIT", "GPL-2.0-or-later", "GPLv2+", "mit", "ASL 2.0", "BSD with advertising", "OFL-1.1", "CC0"] {
            assert_eq!(said(name), Some(Verdict::Allowed), "{name}");
        }
        for name in ["CC-BY-NC-4.0", "SSPL-1.0", "JSON", "Artistic", "BUSL-1.1"] {
            assert_eq!(said(name), Some(Verdict::Forbidden), "{name}");
        }
        assert_eq!(said("Example-Nobody-1.0"), None);
        // What SPDX calls a licence now is there too, and nothing else is said of it.
        for line in lines {
            let fields: Vec<&str> = line.split('\t').collect();
            if let [word, name, spdx] = fields[..] {
                assert_eq!(said(spdx), said(name), "{word} {name} is {spdx}");
            }
        }
    }

    #[test]
    fn a_table_that_can_not_be_read_names_the_line() {
        for (text, line, what) in [
            ("allowed\tMIT\nallowed\tmit\n", 2, "twice"),
            ("# Date: 2026-01-01\nperhaps\tMIT\n", 2, "perhaps"),
            ("allowed MIT\n", 1, "tabs"),
            ("allowed\tA\tB\tC\n", 1, "tabs"),
        ] {
            let error = Table::parse(text).unwrap_err();
            assert_eq!(error.line, line, "{text:?}");
            assert!(error.to_string().contains(what), "{error}");
        }
    }
}
