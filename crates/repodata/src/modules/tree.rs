//! One YAML document as a tree, bounded and without recursion.

use saphyr_parser::{Event, Parser};

/// Levels inside each other. Modules have about ten.
const MAX_DEPTH: usize = 64;
/// Nodes of one document. The largest modules list some thousand packages.
const MAX_NODES: usize = 1 << 20;

/// A node. Scalars are texts, whatever they look like: a stream `1.10` is not 1.1.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Node {
    Scalar(String),
    List(Vec<Self>),
    Map(Vec<(Self, Self)>),
    /// An alias. Never followed, so a few bytes cannot stand for many.
    Alias,
}

impl Node {
    /// The value of a mapping's key, the last one if it is there twice.
    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        self.entries().iter().rev().find(|(key, _)| key.text() == Some(name)).map(|(_, value)| value)
    }

    /// The entries, if it is a mapping.
    pub(super) fn entries(&self) -> &[(Self, Self)] {
        if let Self::Map(entries) = self { entries } else { &[] }
    }

    /// The items, if it is a sequence.
    pub(super) fn items(&self) -> &[Self] {
        if let Self::List(items) = self { items } else { &[] }
    }

    /// The text, if it is a scalar.
    pub(super) fn text(&self) -> Option<&str> {
        if let Self::Scalar(text) = self { Some(text) } else { None }
    }

    /// Puts the entries of all mappings in order, so that equal contents are equal. Recursion ends at [`MAX_DEPTH`].
    pub(super) fn sort(&mut self) {
        match self {
            Self::List(items) => items.iter_mut().for_each(Self::sort),
            Self::Map(entries) => {
                entries.iter_mut().for_each(|(key, value)| {
                    key.sort();
                    value.sort();
                });
                entries.sort();
            }
            Self::Scalar(_) | Self::Alias => {}
        }
    }
}

/// A mapping or sequence that is not at its end yet.
enum Open {
    List(Vec<Node>),
    /// With the key whose value comes next.
    Map(Vec<(Node, Node)>, Option<Node>),
}

/// Parses one document. `None` if it holds nothing.
pub(super) fn parse(text: &str) -> Result<Option<Node>, String> {
    let mut stack: Vec<Open> = Vec::new();
    let mut root = None;
    let mut documents = 0;
    let mut nodes = 0;
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|e| format!("it is no YAML: {e}"))?;
        let done = match event {
            Event::DocumentStart(_) => {
                documents += 1;
                if documents > 1 {
                    return Err(format!("a second document starts unmarked in its line {}", span.start.line()));
                }
                continue;
            }
            Event::SequenceStart(..) | Event::MappingStart(..) if stack.len() == MAX_DEPTH => {
                return Err(format!("it has over {MAX_DEPTH} levels; refused"));
            }
            Event::SequenceStart(..) => {
                stack.push(Open::List(Vec::new()));
                continue;
            }
            Event::MappingStart(..) => {
                stack.push(Open::Map(Vec::new(), None));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match stack.pop() {
                Some(Open::List(items)) => Node::List(items),
                Some(Open::Map(entries, _)) => Node::Map(entries),
                None => continue,
            },
            Event::Scalar(text, ..) => Node::Scalar(text.into_owned()),
            Event::Alias(_) => Node::Alias,
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => continue,
        };
        nodes += 1;
        if nodes > MAX_NODES {
            return Err(format!("it has over {MAX_NODES} nodes; refused"));
        }
        match stack.last_mut() {
            None => root = Some(done),
            Some(Open::List(items)) => items.push(done),
            Some(Open::Map(entries, key)) => match key.take() {
                None => *key = Some(done),
                Some(key) => entries.push((key, done)),
            },
        }
    }
    match root {
        None => Ok(None),
        Some(Node::Scalar(text)) if matches!(text.as_str(), "" | "~" | "null") => Ok(None),
        Some(Node::Map(entries)) => Ok(Some(Node::Map(entries))),
        Some(_) => Err("it is no mapping".to_owned()),
    }
}

/// Whether libyaml reads this character.
pub(super) fn is_printable(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{A0}'..='\u{D7FF}' | '\u{E000}'..='\u{FEFE}'
        | '\u{FF00}'..='\u{FFFD}' | '\u{10000}'..)
}

/// Appends a text in double quotes.
pub(super) fn push_quoted(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            // The last three are line breaks, or were in YAML 1.1.
            c if is_printable(c) && !matches!(c, '\r' | '\u{85}' | '\u{2028}' | '\u{2029}') => out.push(c),
            c => crate::xml::push_fmt(out, format_args!("\\U{:08X}", u32::from(c))),
        }
    }
    out.push('"');
}
