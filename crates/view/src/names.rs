//! Names of files for whatever packages and groups are called.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

/// Bytes that a name may have before its suffix; file systems allow 255.
const LONGEST: usize = 180;

/// Gives names that no two have, also not on a file system that takes `A` for `a`.
#[derive(Debug, Default)]
pub(crate) struct FileNames {
    /// Names given, in small letters, with the last number that was put behind them.
    taken: HashMap<String, u32>,
}

impl FileNames {
    /// A name as near to `wish` as can be: letters, digits and `-_.+~^`, no dot at its start.
    pub(crate) fn claim(&mut self, wish: &str) -> String {
        let plain = harmless(wish);
        let small = plain.to_ascii_lowercase();
        let Some(last) = self.taken.get(&small).copied() else {
            self.taken.insert(small, 1);
            return plain;
        };
        let mut number = last;
        loop {
            number = number.saturating_add(1);
            let name = format!("{plain}~{number}");
            if !self.taken.contains_key(&name.to_ascii_lowercase()) {
                self.taken.insert(name.to_ascii_lowercase(), 1);
                self.taken.insert(small, number);
                return name;
            }
        }
    }
}

fn harmless(wish: &str) -> String {
    let mut out = String::with_capacity(wish.len());
    for c in wish.chars().take(LONGEST * 2) {
        match c {
            '.' if out.is_empty() => out.push('_'),
            c if c.is_ascii_alphanumeric() || "-_.+~^".contains(c) => out.push(c),
            _ => out.push('_'),
        }
    }
    if out.is_empty() {
        return "_".to_owned();
    }
    if out.len() > LONGEST {
        let sum = hex::encode(Sha256::digest(wish.as_bytes()));
        out.truncate(LONGEST - 17);
        out.push('~');
        out.push_str(sum.get(..16).unwrap_or_default());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_differ_in_case_only_or_not_at_all_get_numbers() {
        let mut names = FileNames::default();
        let got = ["R", "r", "R~2", "r", "gtk+", "../etc", "..", "", "a/b", "a:b", "é"].map(|wish| names.claim(wish));
        let expected =
            ["R", "r~2", "R~2~2", "r~3", "gtk+", "_._etc", "_.", "_", "a_b", "a_b~2", "_~2"].map(str::to_owned);
        assert_eq!(got, expected);
    }

    #[test]
    fn long_names_are_cut_and_stay_apart() {
        let mut names = FileNames::default();
        let (a, b) = (names.claim(&"x".repeat(5000)), names.claim(&"x".repeat(5001)));
        assert!(a.len() <= LONGEST && b.len() <= LONGEST);
        assert_ne!(a, b);
    }

    #[test]
    fn the_same_name_many_times_costs_no_more_each_time() {
        let mut names = FileNames::default();
        let last = (0..100_000).map(|_| names.claim("same")).last();
        assert_eq!(last.as_deref(), Some("same~100000"));
    }
}
