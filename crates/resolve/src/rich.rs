//! Rich (boolean) dependencies: `(a >= 1 or (b if c else d))`, as rpm 4.13 and later write them into the name.
//!
//! Source: rpm's documentation `boolean_dependencies`. All operators: `and or if if-else unless unless-else with without`.

use copr_rpm::Dependency;

/// Deepest nesting that is read; real packages nest two or three deep.
const DEEPEST: usize = 32;
/// Longest text that is read, in bytes.
const LONGEST: usize = 1 << 20;

/// A dependency as a tree.
#[derive(Debug, Clone)]
pub enum Expression {
    /// One capability.
    Plain(Dependency),
    /// All of them.
    And(Vec<Self>),
    /// Any of them.
    Or(Vec<Self>),
    /// `(then if condition [else otherwise])`.
    If {
        /// Needed when the condition holds.
        then: Box<Self>,
        /// The condition.
        condition: Box<Self>,
        /// Needed when it does not hold.
        otherwise: Option<Box<Self>>,
    },
    /// `(then unless condition [else otherwise])`.
    Unless {
        /// Needed when the condition does not hold; what is forbidden, in a conflict.
        then: Box<Self>,
        /// The condition.
        condition: Box<Self>,
        /// Needed when it holds.
        otherwise: Option<Box<Self>>,
    },
    /// All of them by one and the same package.
    With(Vec<Self>),
    /// The first, by a package that does not provide the second.
    Without(Box<Self>, Box<Self>),
}

/// A rich dependency that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the rich dependency {text:?} cannot be understood: {reason}")]
pub struct RichError {
    /// The dependency, cut to 200 characters.
    pub text: String,
    /// What is wrong with it.
    pub reason: String,
}

/// Reads a dependency, rich or plain, into a tree.
///
/// # Errors
/// [`RichError`] when a rich dependency is malformed, too long or nested too deeply.
pub fn parse(dependency: &Dependency) -> Result<Expression, RichError> {
    if !dependency.name.starts_with('(') {
        return Ok(Expression::Plain(dependency.clone()));
    }
    let text = dependency.name.as_str();
    let fail = |reason: String| RichError { text: text.chars().take(200).collect(), reason };
    if text.len() > LONGEST {
        return Err(fail(format!("it is longer than {LONGEST} bytes")));
    }
    let words = words(text).map_err(fail)?;
    let mut reader = Reader { words: &words, at: 0 };
    let expression = reader.group(0).map_err(fail)?;
    match reader.words.get(reader.at) {
        None => Ok(expression),
        Some(word) => Err(fail(format!("{word:?} follows its end"))),
    }
}

/// Parentheses and words. A name may have balanced parentheses of its own, `perl(Foo)`: a parenthesis opens a group only
/// where a word would begin.
fn words(text: &str) -> Result<Vec<&str>, String> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = if first == '(' || first == ')' { 1 } else { word_length(rest)? };
        let (word, tail) = rest.split_at(length);
        words.push(word);
        rest = tail.trim_start();
    }
    Ok(words)
}

fn word_length(text: &str) -> Result<usize, String> {
    let mut open = 0_usize;
    for (at, character) in text.char_indices() {
        match character {
            '(' => open += 1,
            ')' if open == 0 => return Ok(at),
            ')' => open -= 1,
            c if c.is_whitespace() && open == 0 => return Ok(at),
            c if c.is_whitespace() => return Err(format!("a blank within the name {:?}", &text[..at])),
            _ => {}
        }
    }
    if open == 0 { Ok(text.len()) } else { Err("a parenthesis is not closed".to_owned()) }
}

struct Reader<'a> {
    words: &'a [&'a str],
    at: usize,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Option<&'a str> {
        let word = self.words.get(self.at).copied();
        self.at += usize::from(word.is_some());
        word
    }

    fn peek(&self) -> Option<&'a str> {
        self.words.get(self.at).copied()
    }

    /// `( operand [operator operand]... )`.
    fn group(&mut self, depth: usize) -> Result<Expression, String> {
        if depth > DEEPEST {
            return Err(format!("it is nested deeper than {DEEPEST}"));
        }
        if self.next() != Some("(") {
            return Err("it does not begin with a parenthesis".to_owned());
        }
        let first = self.operand(depth)?;
        let Some(operator) = self.next() else { return Err("a parenthesis is not closed".to_owned()) };
        if operator == ")" {
            return Ok(first);
        }
        let second = self.operand(depth)?;
        let expression = match operator {
            "and" | "or" | "with" => {
                let mut all = vec![first, second];
                while self.peek() == Some(operator) {
                    self.at += 1;
                    all.push(self.operand(depth)?);
                }
                match operator {
                    "and" => Expression::And(all),
                    "or" => Expression::Or(all),
                    _ => Expression::With(all),
                }
            }
            "without" => Expression::Without(Box::new(first), Box::new(second)),
            "if" | "unless" => {
                let otherwise = if self.peek() == Some("else") {
                    self.at += 1;
                    Some(Box::new(self.operand(depth)?))
                } else {
                    None
                };
                let (then, condition) = (Box::new(first), Box::new(second));
                if operator == "if" {
                    Expression::If { then, condition, otherwise }
                } else {
                    Expression::Unless { then, condition, otherwise }
                }
            }
            other => return Err(format!("{other:?} is no operator")),
        };
        match self.next() {
            Some(")") => Ok(expression),
            Some(word) => Err(format!("{word:?} stands where a closing parenthesis should")),
            None => Err("a parenthesis is not closed".to_owned()),
        }
    }

    /// A group, or `name [comparison version]`.
    fn operand(&mut self, depth: usize) -> Result<Expression, String> {
        if self.peek() == Some("(") {
            return self.group(depth + 1);
        }
        let Some(name) = self.next().filter(|word| *word != ")") else {
            return Err("an operand is missing".to_owned());
        };
        let text = match self.peek() {
            Some(comparison @ ("<" | "<=" | "=" | "==" | ">=" | ">")) => {
                self.at += 1;
                let version = self.next().filter(|word| *word != ")");
                let Some(version) = version else { return Err(format!("no version follows {comparison:?}")) };
                format!("{name} {} {version}", if comparison == "==" { "=" } else { comparison })
            }
            _ => name.to_owned(),
        };
        text.parse().map(Expression::Plain).map_err(|error| format!("{text:?}: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, String> {
        let mut dependency: Dependency = "x".parse().expect("a plain name");
        dependency.name = text.to_owned();
        parse(&dependency).map(|tree| show(&tree)).map_err(|error| error.reason)
    }

    fn show(tree: &Expression) -> String {
        let all = |word: &str, list: &[Expression]| {
            format!("{word}[{}]", list.iter().map(show).collect::<Vec<_>>().join(", "))
        };
        let conditional = |word: &str, parts: [&Expression; 2], otherwise: &Option<Box<Expression>>| {
            let otherwise = otherwise.as_deref().map(|o| format!(", {}", show(o))).unwrap_or_default();
            format!("{word}[{}, {}{otherwise}]", show(parts[0]), show(parts[1]))
        };
        match tree {
            Expression::Plain(dependency) => dependency.to_string(),
            Expression::And(list) => all("and", list),
            Expression::Or(list) => all("or", list),
            Expression::With(list) => all("with", list),
            Expression::Without(a, b) => format!("without[{}, {}]", show(a), show(b)),
            Expression::If { then, condition, otherwise } => conditional("if", [then, condition], otherwise),
            Expression::Unless { then, condition, otherwise } => conditional("unless", [then, condition], otherwise),
        }
    }

    #[test]
    fn every_operator_is_read_nested_and_with_versions() {
        for (text, tree) in [
            ("(a and b and c)", "and[a, b, c]"),
            ("(a >= 1:2-3 or b)", "or[a >= 1:2-3, b]"),
            ("(a if b)", "if[a, b]"),
            ("(a if (b or c) else d)", "if[a, or[b, c], d]"),
            ("(a unless b else c)", "unless[a, b, c]"),
            ("(perl(Foo::Bar) >= 2 with perl(Foo::Bar) < 3)", "with[perl(Foo::Bar) >= 2, perl(Foo::Bar) < 3]"),
            ("(a without b)", "without[a, b]"),
            ("((a))", "a"),
            ("(libx.so.1()(64bit) or /bin/sh)", "or[libx.so.1()(64bit), /bin/sh]"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(tree), "{text}");
        }
    }

    #[test]
    fn malformed_ones_are_refused_with_the_reason() {
        for (text, reason) in [
            ("(", "an operand is missing"),
            ("(a", "a parenthesis is not closed"),
            ("(a or)", "an operand is missing"),
            ("(a or b", "a parenthesis is not closed"),
            ("(a xor b)", "\"xor\" is no operator"),
            ("(a and b or c)", "\"or\" stands where a closing parenthesis should"),
            ("(a >= )", "no version follows \">=\""),
            ("(a) b", "\"b\" follows its end"),
            ("(lib(a or b)", "a blank within the name \"lib(a\""),
        ] {
            assert_eq!(read(text), Err(reason.to_owned()), "{text}");
        }
    }

    #[test]
    fn deep_nesting_and_great_length_end_in_an_error() {
        let deep = format!("{}a{}", "(".repeat(1000), ")".repeat(1000));
        assert_eq!(read(&deep), Err("it is nested deeper than 32".to_owned()));
        let long = format!("(a or {})", "b".repeat(1 << 20));
        assert!(read(&long).is_err_and(|reason| reason.contains("longer")));
    }
}
