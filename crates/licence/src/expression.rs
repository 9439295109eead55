//! Reading an expression and judging it in the same pass: operators wait on a stack of their own, as in any calculator.

use std::{collections::HashSet, mem};

use crate::{Judgement, Part, Table, Verdict};

/// The longest text that is looked at, in bytes.
pub const LONGEST: usize = 64 * 1024;
/// Most parentheses around anything.
pub const DEEPEST: usize = 100;

/// What waits for its right side; what binds closer is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Waiting {
    Open,
    Or,
    And,
}

/// What was read so far of one side.
struct Side {
    verdict: Verdict,
    parts: Vec<Part>,
}

/// Judges the text of a `License` tag. AND is the worst of its sides and binds closer; OR is the best.
///
/// Words that no operator parts are one name: `ASL 2.0`, `GPLv2+ with exceptions`. Operators count in any letter case. What can't
/// be read is unknown, and [`Judgement::unreadable`] says why.
#[must_use]
pub fn judge(text: &str, table: &Table) -> Judgement {
    match read(text, table) {
        Ok(Side { verdict, mut parts }) => {
            let mut seen = HashSet::new();
            parts.retain(|part| seen.insert(part.name.clone()));
            Judgement { verdict, parts, unreadable: None }
        }
        Err(why) => Judgement { verdict: Verdict::Unknown, parts: Vec::new(), unreadable: Some(why) },
    }
}

fn read(text: &str, table: &Table) -> Result<Side, String> {
    if text.len() > LONGEST {
        return Err(format!("it has {} bytes, and more than {LONGEST} are not looked at", text.len()));
    }
    if text.chars().any(|c| c.is_control() && !c.is_whitespace()) {
        return Err("it has characters that are none of a text".to_owned());
    }
    if text.contains(',') {
        return Err("a comma is no operator; licences are joined by AND or OR".to_owned());
    }
    let mut reader = Reader { table, sides: Vec::new(), waiting: Vec::new(), open: 0, name: Vec::new() };
    let mut rest = text;
    while let Some(word) = next_word(&mut rest) {
        reader.take(word)?;
    }
    reader.end()
}

/// The next word or parenthesis.
fn next_word<'a>(rest: &mut &'a str) -> Option<&'a str> {
    let text = rest.trim_start();
    let first = text.chars().next()?;
    let end = match first {
        '(' | ')' => 1,
        _ => text.find(|c: char| c.is_whitespace() || matches!(c, '(' | ')')).unwrap_or(text.len()),
    };
    let (word, behind) = text.split_at(end);
    *rest = behind;
    Some(word)
}

struct Reader<'a> {
    table: &'a Table,
    sides: Vec<Side>,
    waiting: Vec<Waiting>,
    open: usize,
    /// Words of the name that is being read.
    name: Vec<&'a str>,
}

impl<'a> Reader<'a> {
    fn take(&mut self, word: &'a str) -> Result<(), String> {
        match word {
            "(" if !self.name.is_empty() || self.has_side() => {
                return Err("AND or OR is missing before a parenthesis".to_owned());
            }
            "(" => {
                self.open += 1;
                if self.open > DEEPEST {
                    return Err(format!("more than {DEEPEST} parentheses stand in one another"));
                }
                self.waiting.push(Waiting::Open);
            }
            ")" => {
                self.name_ends()?;
                self.join(Waiting::Or);
                if self.waiting.pop() != Some(Waiting::Open) {
                    return Err("a parenthesis is closed that was not opened".to_owned());
                }
                self.open -= 1;
            }
            word if word.eq_ignore_ascii_case("and") => {
                self.name_ends()?;
                self.join(Waiting::And);
                self.waiting.push(Waiting::And);
            }
            word if word.eq_ignore_ascii_case("or") => {
                self.name_ends()?;
                self.join(Waiting::Or);
                self.waiting.push(Waiting::Or);
            }
            word if self.name.is_empty() && self.has_side() => {
                return Err(format!("AND or OR is missing before {:?}", crate::cut(word)));
            }
            word => self.name.push(word),
        }
        Ok(())
    }

    /// Whether what stands last is a whole side, and not an operator that waits for one.
    fn has_side(&self) -> bool {
        let operators = self.waiting.iter().filter(|waiting| **waiting != Waiting::Open).count();
        self.sides.len() > operators
    }

    /// A side must stand here: the name that was read, or what a parenthesis closed.
    fn name_ends(&mut self) -> Result<(), String> {
        if self.name.is_empty() {
            return if self.has_side() { Ok(()) } else { Err("a licence is missing beside an operator".to_owned()) };
        }
        let part = licence(&mem::take(&mut self.name), self.table);
        self.sides.push(Side { verdict: part.verdict, parts: vec![part] });
        Ok(())
    }

    /// Joins all that binds as close as `least`, or closer, up to the last open parenthesis.
    fn join(&mut self, least: Waiting) {
        while let Some(operator) = self.waiting.pop_if(|last| *last >= least) {
            let (Some(right), Some(left)) = (self.sides.pop(), self.sides.pop()) else { return };
            let better =
                if operator == Waiting::Or { right.verdict > left.verdict } else { right.verdict < left.verdict };
            self.sides.push(match (left.verdict == right.verdict, better) {
                (true, _) => {
                    let mut parts = left.parts;
                    parts.extend(right.parts);
                    Side { verdict: left.verdict, parts }
                }
                (false, true) => right,
                (false, false) => left,
            });
        }
    }

    fn end(mut self) -> Result<Side, String> {
        if self.name.is_empty() && self.sides.is_empty() && self.waiting.is_empty() {
            return Err("it is empty".to_owned());
        }
        self.name_ends()?;
        self.join(Waiting::Or);
        if !self.waiting.is_empty() {
            return Err("a parenthesis is not closed".to_owned());
        }
        self.sides.pop().ok_or_else(|| "it is empty".to_owned())
    }
}

/// Judges one licence, perhaps WITH an exception.
fn licence(words: &[&str], table: &Table) -> Part {
    let name = words.join(" ");
    let part = |verdict, note| Part { name: name.clone(), verdict, note };
    if let Some(known) = table.licence(&name) {
        return part(known.verdict, known.note);
    }
    let with = words.iter().position(|word| word.eq_ignore_ascii_case("with"));
    let Some((base, exception)) = with.map(|at| (words[..at].join(" "), words[at + 1..].join(" "))) else {
        let (verdict, note) = plain(&name, table);
        return part(verdict, note);
    };
    match plain(&base, table) {
        // No exception mends that.
        (Verdict::Forbidden, note) => part(Verdict::Forbidden, note),
        (verdict, note) if table.knows_exception(&exception) => part(verdict, note),
        _ => part(Verdict::Unknown, "is on no list of licences and exceptions"),
    }
}

/// Judges one licence without exception.
fn plain(name: &str, table: &Table) -> (Verdict, &'static str) {
    if let Some(known) = table.licence(name) {
        return (known.verdict, known.note);
    }
    match name.strip_suffix('+').and_then(|first| table.licence(first)) {
        Some(known) if known.verdict == Verdict::Allowed => (known.verdict, known.note),
        // A later version of one that is forbidden may be allowed.
        Some(_) => (Verdict::Unknown, "is not allowed in that version, and on no list in later ones"),
        None if name.starts_with("LicenseRef-") || name.starts_with("DocumentRef-") => {
            (Verdict::Unknown, "is a licence of the package's own")
        }
        None => (Verdict::Unknown, ""),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn said(text: &str) -> (Verdict, String) {
        let judgement = judge(text, Table::fedora());
        (judgement.verdict, judgement.to_string())
    }

    #[test]
    fn both_grammars_are_read() {
        for text in [
            "MIT",
            "GPL-2.0-or-later",
            "MIT AND BSD-3-Clause",
            "GPL-1.0-or-later OR Artistic-1.0-Perl",
            "GPL-2.0-only WITH Classpath-exception-2.0",
            "(MIT OR JSON) AND (Apache-2.0 OR SSPL-1.0)",
            "MPL-1.1+",
            "apache-2.0 and mit",
            "GPLv2+",
            "GPLv2+ and MIT",
            "GPL+ or Artistic",
            "GPLv2+ with exceptions and (LGPLv2+ or ASL 2.0)",
            "BSD with advertising",
            "Public Domain and MIT",
            " ( MIT )\n",
            "OFL-1.1",
        ] {
            assert_eq!(said(text), (Verdict::Allowed, "allowed".to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_forbidden_is_named_and_an_or_can_mend_it() {
        assert_eq!(said("JSON").1, "JSON is not allowed");
        assert_eq!(
            said("MIT AND JSON AND SSPL-1.0"),
            (Verdict::Forbidden, "JSON and SSPL-1.0 are not allowed".to_owned())
        );
        assert_eq!(said("MIT OR JSON").0, Verdict::Allowed);
        // AND binds closer.
        assert_eq!(said("MIT OR GPLv2+ AND JSON").0, Verdict::Allowed);
        assert_eq!(said("(MIT OR GPLv2+) AND JSON").0, Verdict::Forbidden);
        // Unknown and forbidden: the worst decides.
        assert_eq!(said("Foo AND JSON").1, "JSON is not allowed");
        assert_eq!(said("Foo OR JSON").1, "Foo is on no list of licences");
        assert_eq!(said("JSON AND JSON").1, "JSON is not allowed");
        assert_eq!(said("SSPL-1.0 WITH Classpath-exception-2.0").0, Verdict::Forbidden);
    }

    #[test]
    fn what_is_unknown_says_why() {
        for (text, why) in [
            ("LicenseRef-Own", "LicenseRef-Own is a licence of the package's own"),
            ("EULA AND Foo AND MIT", "EULA and Foo are on no list of licences"),
            ("GPL-2.0-only WITH Foo", "GPL-2.0-only WITH Foo is on no list of licences and exceptions"),
            ("APSL-1.0+", "APSL-1.0+ is not allowed in that version, and on no list in later ones"),
            ("MIT GPL", "MIT GPL is on no list of licences"),
            ("Ümlaut", "Ümlaut is on no list of licences"),
            ("WITH", "WITH is on no list of licences and exceptions"),
        ] {
            assert_eq!(said(text), (Verdict::Unknown, why.to_owned()), "{text}");
        }
        let many = ["Foo"; 9].iter().enumerate().map(|(n, foo)| format!("{foo}{n}")).collect::<Vec<_>>().join(" AND ");
        assert_eq!(said(&many).1, "Foo0, Foo1, Foo2, Foo3, Foo4 and 4 more are on no list of licences");
        assert!(said(&"x".repeat(5000)).1.len() < 200);
    }

    #[test]
    fn what_can_not_be_read_is_unknown_and_says_why() {
        let deep = format!("{}MIT{}", "(".repeat(100_000), ")".repeat(100_000));
        let deep_and_short = format!("{}MIT{}", "(".repeat(DEEPEST + 1), ")".repeat(DEEPEST + 1));
        let long = "MIT AND ".repeat(131_072);
        for (text, why) in [
            ("", "empty"),
            (" \n", "empty"),
            ("()", "missing"),
            ("MIT AND", "missing"),
            ("AND MIT", "missing"),
            ("MIT OR OR MIT", "missing"),
            ("(MIT", "not closed"),
            ("MIT)", "not opened"),
            (")", "missing"),
            ("(MIT OR)", "missing"),
            ("MIT (JSON)", "missing before a parenthesis"),
            ("(MIT)(JSON)", "missing before a parenthesis"),
            ("(MIT) JSON", "missing before \"JSON\""),
            ("MIT, GPLv2+", "comma"),
            ("MIT\0", "characters"),
            (deep.as_str(), "bytes"),
            (deep_and_short.as_str(), "parentheses"),
            (long.as_str(), "bytes"),
        ] {
            let judgement = judge(text, Table::fedora());
            let shown: String = text.chars().take(40).collect();
            assert_eq!(judgement.verdict, Verdict::Unknown, "{shown}");
            assert!(judgement.to_string().contains(why), "{shown}: {judgement}");
        }
        let fine = format!("{}MIT{}", "(".repeat(DEEPEST), ")".repeat(DEEPEST));
        assert_eq!(said(&fine).0, Verdict::Allowed);
    }

    proptest! {
        #[test]
        fn any_text_has_an_answer(text in "\\PC{0,200}") {
            let _ = judge(&text, Table::fedora()).to_string();
        }

        /// A tree of AND and OR says the same written with all its parentheses and as a calculation.
        #[test]
        fn and_is_the_worst_and_or_the_best(tree in tree()) {
            let (text, verdict) = tree;
            prop_assert_eq!(judge(&text, Table::fedora()).verdict, verdict, "{}", text);
        }
    }

    fn tree() -> impl Strategy<Value = (String, Verdict)> {
        let leaf = prop_oneof![
            Just(("MIT".to_owned(), Verdict::Allowed)),
            Just(("Foo Bar".to_owned(), Verdict::Unknown)),
            Just(("JSON".to_owned(), Verdict::Forbidden)),
        ];
        leaf.prop_recursive(6, 60, 2, |inner| {
            (inner.clone(), inner, any::<bool>()).prop_map(|((left, a), (right, b), and)| {
                let (word, verdict) = if and { ("AND", a.min(b)) } else { ("or", a.max(b)) };
                (format!("({left} {word} {right})"), verdict)
            })
        })
    }
}
