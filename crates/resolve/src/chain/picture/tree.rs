//! The chain as lines, the root first and what it needs below it.

use std::fmt;

use super::{Kind, Node, Picture, Use};

/// Most lines of a tree.
const MOST_LINES: usize = 2000;

/// What the branches are drawn with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Strokes {
    /// `├──`
    #[default]
    Unicode,
    /// `|--`
    Ascii,
}

impl Strokes {
    fn of(self, last: bool, here: bool) -> &'static str {
        match (self, last, here) {
            (Self::Unicode, false, true) => "├── ",
            (Self::Unicode, true, true) => "└── ",
            (Self::Unicode, false, false) => "│   ",
            (Self::Ascii, false, true) => "|-- ",
            (Self::Ascii, true, true) => "`-- ",
            (Self::Ascii, false, false) => "|   ",
            (_, true, false) => "    ",
        }
    }
}

/// One line of a tree; [`fmt::Display`] writes it without colours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The branches before the name.
    pub branches: String,
    /// The repository's whole name; empty in a line of notes alone.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Whether the wanted packages pull from it.
    pub using: Use,
    /// What is said of it, in brackets behind the name.
    pub remarks: Vec<String>,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.branches, self.name)?;
        if self.remarks.is_empty() { Ok(()) } else { write!(f, "  ({})", self.remarks.join("; ")) }
    }
}

impl Picture {
    /// The chain as a tree, as `tree` draws folders: each repository with what it needs once, later only by its name.
    #[must_use]
    pub fn tree(&self, strokes: Strokes) -> Vec<Line> {
        let mut lines: Vec<Line> = Vec::new();
        let mut shown = vec![false; self.nodes.len()];
        // Each entry: a node, and on each level whether it is the last one there.
        let mut waiting: Vec<(usize, Vec<bool>)> = vec![(0, Vec::new())];
        // Which nodes stand above the line, to tell a cycle from what merely comes twice.
        let mut above: Vec<usize> = Vec::new();
        while let Some((at, levels)) = waiting.pop() {
            let Some(node) = self.nodes.get(at) else { continue };
            if lines.len() >= MOST_LINES {
                let left = waiting.len() + 1;
                lines.push(Line {
                    branches: String::new(),
                    name: format!("… and {left} lines more"),
                    kind: Kind::Project,
                    using: Use::Unknown,
                    remarks: Vec::new(),
                });
                break;
            }
            above.truncate(levels.len());
            let again = shown.get(at).copied().unwrap_or_default();
            let depth = levels.len();
            let branches =
                levels.iter().enumerate().map(|(level, last)| strokes.of(*last, level + 1 == depth)).collect();
            let remarks = if above.contains(&at) {
                vec!["cycle: see above".to_owned()]
            } else if again && !node.declares.is_empty() {
                vec!["see above".to_owned()]
            } else if again {
                brief(node)
            } else {
                let mut remarks = brief(node);
                remarks.extend(node.notes.iter().cloned());
                remarks
            };
            lines.push(Line { branches, name: node.full.clone(), kind: node.kind, using: node.using, remarks });
            if again {
                continue;
            }
            shown.get_mut(at).into_iter().for_each(|shown| *shown = true);
            above.push(at);
            for (number, below) in node.declares.iter().enumerate().rev() {
                let mut levels = levels.clone();
                levels.push(number + 1 == node.declares.len());
                waiting.push((*below, levels));
            }
        }
        if self.left_out > 0 {
            lines.push(Line {
                branches: String::new(),
                name: format!("… and {} repositories more", self.left_out),
                kind: Kind::Project,
                using: Use::Unknown,
                remarks: Vec::new(),
            });
        }
        lines
    }
}

/// What is said of a repository wherever it stands.
fn brief(node: &Node) -> Vec<String> {
    let mut remarks: Vec<String> = Vec::new();
    if node.kind == Kind::External {
        remarks.push("not a Copr project".to_owned());
    }
    if let Some(problem) = &node.problem {
        remarks.push(format!("left out: {problem}"));
    }
    if node.using == Use::Unneeded {
        remarks.push("not needed".to_owned());
    }
    remarks
}
