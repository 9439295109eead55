//! Words as search has them: cut and written the same way in what is looked through, in what is asked for, and in what is marked.

use std::collections::BTreeSet;

/// Longest word, in characters; what is longer is cut off there.
const LONGEST: usize = 100;
/// Parts of a word that are words too: the last ones.
const PARTS: usize = 7;
/// Most bytes of words of one kind of a project: PostgreSQL takes a little less than 1 MiB.
const BYTES: usize = 400_000;
/// Most words that are asked for.
const ASKED: usize = 8;

/// What stands within words beside letters and digits; none of it means anything to either engine.
fn joins(c: char) -> bool {
    "-_.+~/@:".contains(c)
}

fn belongs(c: char) -> bool {
    c.is_alphanumeric() || joins(c)
}

/// One character for one, so that places in a text stay the same.
fn lower(c: char) -> char {
    c.to_lowercase().next().unwrap_or(c)
}

/// The words of texts and the parts of those, each once, between blanks: `python3-foo` is `foo` too. A path is its last part and those
/// of that, too, and each of its folders, with the slash.
#[must_use]
pub(super) fn index<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut words = BTreeSet::new();
    let mut bytes = 0;
    let pieces = texts.into_iter().flat_map(|text| text.split(|c| !belongs(c)));
    for piece in pieces {
        let piece = piece
            .trim_start_matches([':', '.', '-', '+', '~', '_'])
            .trim_end_matches([':', '.', '-', '~', '_', '/', '@']);
        let word: Vec<char> = piece.chars().take(LONGEST).map(lower).collect();
        for part in parts(&word) {
            if bytes + part.len() > BYTES {
                return joined(&words);
            }
            let len = part.len() + 1;
            if words.insert(part) {
                bytes += len;
            }
        }
    }
    joined(&words)
}

fn joined(words: &BTreeSet<String>) -> String {
    words.iter().map(String::as_str).collect::<Vec<_>>().join(" ")
}

/// The word itself, its folders, and its last parts.
fn parts(word: &[char]) -> Vec<String> {
    let slashes: Vec<usize> = word.iter().enumerate().filter(|(_, c)| **c == '/').map(|(at, _)| at).collect();
    // Of a path only what is behind its last slash: others have the same folders.
    let from = slashes.last().filter(|_| word.first() == Some(&'/')).map_or(1, |last| last + 1);
    let begins: Vec<usize> = (from..word.len()).filter(|at| begins_part(word, *at)).collect();
    let last = begins.len().saturating_sub(PARTS);
    let whole = (!word.is_empty()).then_some(0);
    let begins = whole.into_iter().chain(begins.into_iter().skip(last));
    let parts = begins.filter_map(|at| word.get(at..)).map(|part| part.iter().collect());
    let folders = slashes.iter().skip(1).take(PARTS).filter(|_| from > 1).filter_map(|at| word.get(..=*at));
    parts.chain(folders.map(|folder| folder.iter().collect())).collect()
}

/// Whether a word, or a part of one, begins there.
fn begins_part(text: &[char], at: usize) -> bool {
    let (before, here) = (at.checked_sub(1).and_then(|before| text.get(before)), text.get(at));
    match (before, here) {
        (None, Some(c)) => belongs(*c),
        (Some(before), Some(c)) => c.is_alphanumeric() && !before.is_alphanumeric() || joins(*c) && !belongs(*before),
        _ => false,
    }
}

/// One word that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// In lower case.
    pub text: String,
    /// It stood in quotes: no longer word is meant.
    pub whole: bool,
}

/// What is asked for: all of these words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Words(Vec<Word>);

impl Words {
    /// Reads what somebody typed; nothing in it is an error. What has no word in it asks for nothing that there is.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let mut all: Vec<Word> = Vec::new();
        // Between the first quote and the second, the third and the fourth, …
        for (number, section) in text.split('"').enumerate() {
            for piece in section.split(|c| !belongs(c)) {
                let piece = piece.trim_start_matches([':', '.', '-', '+', '~', '_']).trim_end_matches(':');
                let text: String = piece.chars().take(LONGEST).map(lower).collect();
                let word = Word { text, whole: number % 2 == 1 };
                if word.text.chars().any(char::is_alphanumeric) && !all.contains(&word) && all.len() < ASKED {
                    all.push(word);
                }
            }
        }
        Self(all)
    }

    /// The words.
    #[must_use]
    pub fn all(&self) -> &[Word] {
        &self.0
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Cuts a text into what these words found in it (`true`) and the rest, in order.
    #[must_use]
    pub fn mark(&self, text: &str) -> Vec<(bool, String)> {
        let characters: Vec<char> = text.chars().collect();
        let lowered: Vec<char> = characters.iter().copied().map(lower).collect();
        let mut cut: Vec<(bool, String)> = Vec::new();
        let mut at = 0;
        while let Some(c) = characters.get(at) {
            let length = self.0.iter().filter_map(|word| word.found_at(&lowered, at)).max().unwrap_or(0);
            let (marked, piece): (bool, String) = match characters.get(at..at + length) {
                Some(found) if length > 0 => (true, found.iter().collect()),
                _ => (false, c.to_string()),
            };
            at += length.max(1);
            match cut.last_mut() {
                Some((same, text)) if *same == marked => text.push_str(&piece),
                _ => cut.push((marked, piece)),
            }
        }
        cut
    }
}

impl Word {
    /// Whether it is found as it is: it stood in quotes, or is a folder, which all paths in it have as a word.
    #[must_use]
    pub(super) fn is_exact(&self) -> bool {
        self.whole || self.text.starts_with('/') && self.text.ends_with('/')
    }

    /// Whether the word is in a text.
    #[must_use]
    pub fn is_in(&self, text: &str) -> bool {
        self.place_in(text).is_some()
    }

    /// Where it is in a text first, in characters.
    #[must_use]
    pub fn place_in(&self, text: &str) -> Option<usize> {
        let lowered: Vec<char> = text.chars().map(lower).collect();
        (0..lowered.len()).find(|at| self.found_at(&lowered, *at).is_some())
    }

    fn found_at(&self, lowered: &[char], at: usize) -> Option<usize> {
        if !begins_part(lowered, at) {
            return None;
        }
        let mut end = at;
        for wanted in self.text.chars() {
            if lowered.get(end) != Some(&wanted) {
                return None;
            }
            end += 1;
        }
        // The end of a sentence is no longer word.
        let goes_on = lowered.get(end).is_some_and(|c| belongs(*c) && !".:".contains(*c));
        (!(self.whole && goes_on)).then_some(end - at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_by_their_beginning_and_by_the_beginning_of_their_parts() {
        assert_eq!(index(["Python3-Foo", "/usr/bin/x", "a."]), "/usr/ /usr/bin/ /usr/bin/x a foo python3-foo x");
        assert_eq!(index(["@Sig/tools", "c++ (g++)"]), "@sig/tools c++ g++ sig/tools tools");
        assert_eq!(index(["", "!?", "...", "Ünïcode\u{0}x"]), "x ünïcode");
    }

    #[test]
    fn no_text_makes_too_many_words() {
        let text: String = (0..100_000).map(|n| format!("word{n} ")).collect();
        assert!(index([text.as_str()]).len() <= BYTES);
        assert_eq!(index([&*"a-".repeat(10_000)]).split(' ').count(), 1 + PARTS);
    }

    #[test]
    fn whatever_is_typed_is_words() {
        let read = |text: &str| Words::read(text).0.into_iter().map(|word| (word.text, word.whole)).collect::<Vec<_>>();
        let word = |text: &str| (text.to_owned(), false);
        assert_eq!(read("Hello  hello WORLD"), [word("hello"), word("world")]);
        assert_eq!(read("alice/ @sig /usr/bin/x"), [word("alice/"), word("@sig"), word("/usr/bin/x")]);
        assert_eq!(read("\"foo bar"), [("foo".to_owned(), true), ("bar".to_owned(), true)]);
        assert_eq!(
            read("a* AND (b OR NOT c) NEAR{name}:^d"),
            ["a", "and", "b", "or", "not", "c", "near", "name"].map(word)
        );
        for nothing in ["", "   ", "\"\"", "''; --", "*&|!()", "/", "....", "\u{0}"] {
            assert_eq!(read(nothing), [], "{nothing:?}");
        }
        assert_eq!(read(&"x".repeat(500))[0].0.len(), LONGEST);
    }

    #[test]
    fn what_was_found_is_marked_where_a_word_or_a_part_of_one_begins() {
        let mark = |query: &str, text: &str| {
            let pieces = Words::read(query).mark(text);
            pieces
                .iter()
                .map(|(marked, text)| if *marked { format!("[{text}]") } else { text.clone() })
                .collect::<String>()
        };
        assert_eq!(mark("hel", "Hello, othello: the-hello."), "[Hel]lo, othello: the-[hel]lo.");
        assert_eq!(mark("/usr/bin/he", "/usr/bin/hello"), "[/usr/bin/he]llo");
        assert_eq!(mark("\"hello\"", "hello hello-world hello."), "[hello] hello-world [hello].");
        assert_eq!(mark("<b>", "<b>"), "<[b]>");
        assert_eq!(mark("ß", "Straße ß"), "Straße [ß]");
        assert_eq!(mark("", "x"), "x");
    }
}
