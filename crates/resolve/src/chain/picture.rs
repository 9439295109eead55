//! A chain as a picture: a tree of lines for terminals, Graphviz' language, and SVG that needs no Graphviz.
//!
//! Names come from hubs, so whoever declares a dependency writes into the picture: they are cut, control characters are
//! replaced, and each form escapes them. However large the chain, a picture is not: see [`MOST_NODES`] and [`MOST_EDGES`].
//!
//! ```
//! use copr_resolve::chain::{self, Limits, Link, ProjectFacts, ProjectRef, picture::{Picture, Strokes}};
//!
//! let app = ProjectRef::new("hub.example", "bob", "app");
//! let libs = Link::Project(ProjectRef::new("hub.example", "alice", "libs"));
//! let facts = |project: &ProjectRef| {
//!     Ok(ProjectFacts { dependencies: if *project == app { vec![libs.clone()] } else { Vec::new() } })
//! };
//! let chain = chain::resolve(&app, facts, Limits::default()).unwrap();
//! let lines: Vec<String> = Picture::new(&chain).tree(Strokes::Unicode).iter().map(ToString::to_string).collect();
//! assert_eq!(lines, ["hub.example/bob/app", "└── hub.example/alice/libs"]);
//! ```

mod dot;
mod layers;
mod svg;
mod tree;

pub use tree::{Line, Strokes};

use super::direct::Numbered;
use super::needed::Needed;
use super::{Chain, Link, ProjectRef};

/// Most repositories that are drawn; those nearest to the root are.
pub const MOST_NODES: usize = 400;

/// Most connections that are drawn.
pub const MOST_EDGES: usize = 1500;

/// Most characters of a name or a note.
const LONGEST: usize = 300;

/// Most notes of one repository.
const MOST_NOTES: usize = 8;

/// What a repository is to the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The project that was asked for.
    Root,
    /// A project that it needs.
    Project,
    /// A repository that is no project.
    External,
    /// A project that could not be had.
    Lost,
}

/// Whether the wanted packages pull from a repository.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Use {
    /// Nobody asked.
    #[default]
    Unknown,
    /// They do.
    Needed,
    /// They do without it.
    Unneeded,
}

/// One repository of a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Node {
    /// The repository that this stands for.
    link: Link,
    kind: Kind,
    using: Use,
    /// Its whole name.
    full: String,
    /// A short name, and what says the rest.
    short: String,
    rest: String,
    /// Why it could not be had.
    problem: Option<String>,
    notes: Vec<String>,
    /// What it declares: numbers of nodes.
    declares: Vec<usize>,
}

/// A chain, ready to be drawn. The root is the first node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    nodes: Vec<Node>,
    /// Repositories that are not drawn.
    left_out: usize,
    /// Each cycle as a sentence.
    cycles: Vec<String>,
}

impl Picture {
    /// A picture of this chain.
    #[must_use]
    pub fn new(chain: &Chain) -> Self {
        let graph = Numbered::of(chain);
        let root = chain.repositories.len().saturating_sub(1);
        let hub = match graph.links.get(root) {
            Some(Link::Project(project)) => project.hub.as_str(),
            _ => "",
        };
        let order = from_the_root(&graph, root);
        let mut place = vec![None; graph.links.len()];
        for (new, old) in order.iter().enumerate() {
            place.get_mut(*old).into_iter().for_each(|place| *place = Some(new));
        }
        let node = |old: usize, link: &Link| {
            let problem = old.checked_sub(chain.repositories.len()).and_then(|at| chain.problems.get(at));
            let (short, rest) = names(link, hub);
            let kind = match link {
                _ if problem.is_some() => Kind::Lost,
                _ if old == root => Kind::Root,
                Link::Project(_) => Kind::Project,
                Link::External { .. } => Kind::External,
            };
            let declared = graph.declared_by(old).iter().filter_map(|at| place.get(*at).copied().flatten());
            Node {
                link: link.clone(),
                kind,
                using: Use::Unknown,
                full: clean(&link.to_string()),
                short,
                rest,
                problem: problem.map(|problem| clean(&problem.error.to_string())),
                notes: Vec::new(),
                declares: declared.collect(),
            }
        };
        let nodes: Vec<Node> =
            order.iter().filter_map(|old| graph.links.get(*old).map(|link| node(*old, link))).collect();
        let cycles = chain.cycles.iter().map(|cycle| cycle_sentence(cycle, hub)).collect();
        Self { left_out: graph.links.len().saturating_sub(nodes.len()), nodes, cycles }
    }

    /// Tells whether the wanted packages pull from a repository, and why, as a line of its own.
    pub fn mark(&mut self, link: &Link, using: Use, why: Option<&str>) {
        for node in self.nodes.iter_mut().filter(|node| node.link == *link) {
            node.using = using;
        }
        if let Some(why) = why {
            self.note(link, why);
        }
    }

    /// Marks what is needed and what is not: of the repositories that `link_of` knows by their numbers.
    pub fn mark_needed<'a>(&mut self, needed: &Needed, link_of: impl Fn(usize) -> Option<&'a Link>) {
        for of in &needed.repositories {
            if let Some(link) = link_of(of.repository) {
                self.mark(link, Use::Needed, Some(&of.to_string()));
            }
        }
        for link in needed.unneeded.iter().filter_map(|number| link_of(*number)) {
            self.mark(link, Use::Unneeded, None);
        }
    }

    /// Adds a line to a repository, such as what it would replace.
    pub fn note(&mut self, link: &Link, text: &str) {
        for node in self.nodes.iter_mut().filter(|node| node.link == *link && node.notes.len() < MOST_NOTES) {
            node.notes.push(clean(text));
        }
    }

    /// What the picture is of, in one line.
    fn title(&self) -> String {
        let Some(root) = self.nodes.first() else { return "A chain of no repositories".to_owned() };
        match self.nodes.len() + self.left_out {
            1 => format!("{} needs no other repository", root.full),
            2 => format!("{} needs 1 other repository", root.full),
            more => format!("{} needs {} other repositories", root.full, more - 1),
        }
    }

    /// The connections that are drawn, as pairs of numbers.
    fn edges(&self) -> Vec<(usize, usize)> {
        let of = |(from, node): (usize, &Node)| node.declares.iter().map(move |to| (from, *to)).collect::<Vec<_>>();
        self.nodes.iter().enumerate().flat_map(of).take(MOST_EDGES).collect()
    }

    /// For each of [`Self::edges`], whether it leads back to where it came from.
    fn backwards(&self, edges: &[(usize, usize)]) -> Vec<bool> {
        let mut below: Vec<Vec<(usize, usize)>> = vec![Vec::new(); self.nodes.len()];
        for (number, (from, to)) in edges.iter().enumerate() {
            below.get_mut(*from).into_iter().for_each(|below| below.push((number, *to)));
        }
        #[derive(Clone, Copy, PartialEq)]
        enum Seen {
            Never,
            OnTheWay,
            Done,
        }
        let mut back = vec![false; edges.len()];
        let mut seen = vec![Seen::Never; self.nodes.len()];
        for start in 0..self.nodes.len() {
            if seen.get(start) != Some(&Seen::Never) {
                continue;
            }
            let mut way = vec![(start, 0)];
            seen.get_mut(start).into_iter().for_each(|seen| *seen = Seen::OnTheWay);
            while let Some((at, next)) = way.last_mut() {
                let Some((number, to)) = below.get(*at).and_then(|below| below.get(*next)).copied() else {
                    seen.get_mut(*at).into_iter().for_each(|seen| *seen = Seen::Done);
                    way.pop();
                    continue;
                };
                *next += 1;
                match seen.get(to) {
                    Some(Seen::OnTheWay) => back.get_mut(number).into_iter().for_each(|back| *back = true),
                    Some(Seen::Never) => {
                        seen.get_mut(to).into_iter().for_each(|seen| *seen = Seen::OnTheWay);
                        way.push((to, 0));
                    }
                    _ => {}
                }
            }
        }
        back
    }
}

/// The numbers of a chain from its root on, breadth first, [`MOST_NODES`] at most.
fn from_the_root(graph: &Numbered, root: usize) -> Vec<usize> {
    let mut order: Vec<usize> = Vec::new();
    let mut seen = vec![false; graph.links.len()];
    let mut waiting = std::collections::VecDeque::from([root]);
    while let Some(at) = waiting.pop_front() {
        let Some(new) = seen.get_mut(at).filter(|seen| !**seen) else { continue };
        *new = true;
        order.push(at);
        if order.len() >= MOST_NODES {
            break;
        }
        waiting.extend(graph.declared_by(at));
    }
    order
}

/// A short name, and the rest of it: `owner/project` and the hub, or the end of a URL and its host.
fn names(link: &Link, hub: &str) -> (String, String) {
    match link {
        Link::Project(project) => {
            let other = if project.hub == hub { String::new() } else { clean(&project.hub) };
            (clean(&format!("{}/{}", project.owner, project.dirname)), other)
        }
        Link::External { url } => {
            let bare = url.split_once("://").map_or(url.as_str(), |(_, bare)| bare).trim_end_matches('/');
            match bare.split_once('/') {
                Some((host, path)) => (clean(path), clean(host)),
                None => (clean(bare), String::new()),
            }
        }
    }
}

/// A cycle in words; projects of this hub by their short names.
fn cycle_sentence(cycle: &[ProjectRef], hub: &str) -> String {
    let name = |project: &ProjectRef| {
        let whole = project.to_string();
        if project.hub == hub { format!("{}/{}", project.owner, project.dirname) } else { whole }
    };
    match cycle {
        [only] => clean(&format!("{} needs itself", name(only))),
        _ => {
            let names: Vec<String> = cycle.iter().chain(cycle.first()).map(name).collect();
            format!("These projects need each other: {}", clean(&names.join(" → ")))
        }
    }
}

/// Text of strangers, safe on terminals: without what steers them or turns the direction of writing, and not too long.
fn clean(text: &str) -> String {
    let harmful = |c: char| {
        c.is_control()
            || matches!(c, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}')
            || matches!(u32::from(c) & 0xFFFF, 0xFFFE | 0xFFFF)
    };
    let cut = text.char_indices().nth(LONGEST).map_or(text, |(end, _)| text.get(..end).unwrap_or(text));
    let mut clean: String = cut.chars().map(|c| if harmful(c) { '\u{FFFD}' } else { c }).collect();
    if cut.len() < text.len() {
        clean.push('…');
    }
    clean
}

#[cfg(test)]
#[path = "picture_tests.rs"]
mod tests;
