//! Patterns of the shell: `*`, `?` and `[a-z]`, as `fnmatch` reads them without flags (`*` also stands for slashes).

/// Whether a text is a pattern rather than a name, as dnf decides it.
#[must_use]
pub fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// A pattern, ready to be compared; linear in the text for each `*` in it.
#[derive(Debug, Clone)]
pub struct Glob {
    parts: Vec<Part>,
    ignore_case: bool,
}

#[derive(Debug, Clone)]
enum Part {
    Any,
    One,
    Is(char),
    In { ranges: Vec<(char, char)>, not: bool },
}

impl Glob {
    /// Reads a pattern; with `ignore_case` letters match whatever their case. Every text is some pattern: a bracket that is
    /// not closed stands for itself.
    #[must_use]
    pub fn new(pattern: &str, ignore_case: bool) -> Self {
        let folded = |c: char| if ignore_case { c.to_ascii_lowercase() } else { c };
        let text: Vec<char> = pattern.chars().map(folded).collect();
        let mut rest = text.as_slice();
        let mut parts = Vec::new();
        while let Some((first, tail)) = rest.split_first() {
            rest = tail;
            parts.push(match first {
                '*' if matches!(parts.last(), Some(Part::Any)) => continue,
                '*' => Part::Any,
                '?' => Part::One,
                '\\' => {
                    let (escaped, tail) = rest.split_first().unwrap_or((first, rest));
                    rest = tail;
                    Part::Is(*escaped)
                }
                '[' => match brackets(rest) {
                    Some((part, tail)) => {
                        rest = tail;
                        part
                    }
                    None => Part::Is('['),
                },
                other => Part::Is(*other),
            });
        }
        Self { parts, ignore_case }
    }

    /// Whether the whole text fits the pattern.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().map(|c| if self.ignore_case { c.to_ascii_lowercase() } else { c }).collect();
        let (mut at, mut part) = (0, 0);
        // Where to go on when what follows the last `*` does not fit.
        let mut again: Option<(usize, usize)> = None;
        loop {
            match (self.parts.get(part), text.get(at)) {
                (None, None) => return true,
                (Some(Part::Any), _) => {
                    again = Some((at, part + 1));
                    part += 1;
                    continue;
                }
                (Some(one), Some(character)) if one.fits(*character) => {
                    (at, part) = (at + 1, part + 1);
                    continue;
                }
                _ => {}
            }
            match &mut again {
                Some((from, next)) if *from < text.len() => {
                    *from += 1;
                    (at, part) = (*from, *next);
                }
                _ => return false,
            }
        }
    }
}

impl Part {
    fn fits(&self, character: char) -> bool {
        match self {
            Self::Any => false,
            Self::One => true,
            Self::Is(wanted) => *wanted == character,
            Self::In { ranges, not } => ranges.iter().any(|(low, high)| (*low..=*high).contains(&character)) != *not,
        }
    }
}

/// What stands in brackets, and what follows them.
fn brackets(text: &[char]) -> Option<(Part, &[char])> {
    let not = matches!(text.first(), Some('!' | '^'));
    let inner = if not { text.get(1..)? } else { text };
    // A bracket that comes first is a character of the list.
    let end = inner.iter().skip(1).position(|c| *c == ']')? + 1;
    let (mut list, tail) = (inner.get(..end)?, inner.get(end + 1..)?);
    let mut ranges = Vec::new();
    while let Some((low, rest)) = list.split_first() {
        match rest {
            ['-', high, rest @ ..] => {
                ranges.push((*low, *high));
                list = rest;
            }
            _ => {
                ranges.push((*low, *low));
                list = rest;
            }
        }
    }
    Some((Part::In { ranges, not }, tail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_whole_texts() {
        for (pattern, text) in [
            ("bash", "bash"),
            ("b*", "bash"),
            ("*sh", "bash"),
            ("*a*s*", "bash"),
            ("b?sh", "bash"),
            ("b[a-c]sh", "bash"),
            ("b[!x]sh", "bash"),
            ("b[]a]sh", "b]sh"),
            ("/usr/*/x", "/usr/a/b/x"),
            ("[", "["),
            (r"\*", "*"),
            ("**", ""),
        ] {
            assert!(Glob::new(pattern, false).matches(text), "{pattern} {text}");
        }
        for (pattern, text) in
            [("bash", "bas"), ("b*x", "bash"), ("b[!a]sh", "bash"), ("?", ""), ("", "x"), (r"\*", "x")]
        {
            assert!(!Glob::new(pattern, false).matches(text), "{pattern} {text}");
        }
    }

    #[test]
    fn case_matters_unless_told_otherwise() {
        assert!(!Glob::new("Ba*", false).matches("bash"));
        assert!(Glob::new("Ba*", true).matches("bASH"));
    }

    #[test]
    fn a_pattern_of_many_stars_ends_soon() {
        let pattern = "a*".repeat(2000) + "b";
        assert!(!Glob::new(&pattern, false).matches(&"a".repeat(4000)));
    }
}
