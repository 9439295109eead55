//! The chain: the ordered, cycle-free list of repositories that one project needs, dependencies first.
//!
//! Facts are asked for one project at a time, breadth first and in the declared order, each project once. The answer
//! depends on the facts only, so the server, the plugin and the tests get the same list.
//!
//! What else is known of a chain: [`needed`], which of its repositories the wanted packages pull from; [`overlap`], which
//! packages of other repositories each one would replace; [`picture`], the chain as text, as Graphviz' language, as SVG.

mod direct;
pub mod needed;
pub mod overlap;
pub mod picture;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;

/// A project's directory on a hub: what a user writes as `hub/owner/dirname`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProjectRef {
    /// The hub, as the caller names it: a host name or a short name. The chain only compares it.
    pub hub: String,
    /// A user, or `@group`.
    pub owner: String,
    /// The project, or one of its side directories (`p:custom:x`).
    pub dirname: String,
}

impl ProjectRef {
    /// Puts the three parts together.
    #[must_use]
    pub fn new(hub: impl Into<String>, owner: impl Into<String>, dirname: impl Into<String>) -> Self {
        Self { hub: hub.into(), owner: owner.into(), dirname: dirname.into() }
    }
}

impl fmt::Display for ProjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.hub, self.owner, self.dirname)
    }
}

/// One repository that a project declares it needs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Link {
    /// A project of this or another hub; it may need others in turn.
    Project(ProjectRef),
    /// Any other repository, by its URL; it needs nothing that we know of.
    External {
        /// The URL as declared, variables such as `$releasever` and all.
        url: String,
    },
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Project(project) => project.fmt(f),
            Self::External { url } => f.write_str(url),
        }
    }
}

/// What a hub says of one project, as far as the chain is concerned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProjectFacts {
    /// What the project needs, in the order its owner declared.
    pub dependencies: Vec<Link>,
}

/// Why the facts of one project could not be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The hub answered that there is no such project.
    #[error("it does not exist (any more)")]
    NotFound,
    /// The hub gave no usable answer; the text says how it failed.
    #[error("{0}")]
    Unreachable(String),
}

/// Most cycles that are told of one chain: projects that all need each other have millions.
pub const MOST_CYCLES: usize = 200;

/// Bounds on what is asked for; beyond them the chain is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Greatest distance from the root, in links.
    pub depth: usize,
    /// Greatest number of repositories, the root included.
    pub size: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: 16, size: 200 }
    }
}

/// One repository of the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainItem {
    /// Which repository.
    pub link: Link,
    /// Shortest distance from the root in links; the root has 0.
    pub depth: usize,
    /// The projects of the chain that declare it, sorted; empty for the root.
    pub needed_by: Vec<ProjectRef>,
    /// What it declares itself, in its owner's order without repetition, and without what is not in the chain.
    pub dependencies: Vec<Link>,
}

/// A declared dependency that is left out of the chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{project}, needed by {}, is left out: {error}", list(.needed_by))]
pub struct ChainProblem {
    /// The project that could not be had.
    pub project: ProjectRef,
    /// The projects that declare it, sorted.
    pub needed_by: Vec<ProjectRef>,
    /// Why.
    pub error: FetchError,
}

/// The repositories that one project needs, and what was odd about them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chain {
    /// Dependencies before what needs them (but for cycles), the root last, each once.
    pub repositories: Vec<ChainItem>,
    /// Projects that need each other: each cycle once, beginning at its smallest member, the last needs the first. Empty
    /// if and only if there is none; [`MOST_CYCLES`] at most.
    pub cycles: Vec<Vec<ProjectRef>>,
    /// Dependencies that are gone or could not be asked for; the rest of the chain is sound without them.
    pub problems: Vec<ChainProblem>,
}

/// Why there is no chain at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// The project that was asked for could not be had.
    #[error("project {project}: {error}")]
    Root {
        /// The project that was asked for.
        project: ProjectRef,
        /// Why.
        #[source]
        error: FetchError,
    },
    /// Dependencies are nested too deeply.
    #[error("{project} lies more than {limit} steps away from {root}; so deep a chain is refused")]
    TooDeep {
        /// The project that was asked for.
        root: ProjectRef,
        /// The first project that is too far away.
        project: Box<ProjectRef>,
        /// [`Limits::depth`].
        limit: usize,
    },
    /// Too many repositories.
    #[error("{root} needs more than {limit} repositories; so large a chain is refused")]
    TooLarge {
        /// The project that was asked for.
        root: ProjectRef,
        /// [`Limits::size`].
        limit: usize,
    },
}

/// Resolves the chain of `root`, asking `fetch` for the facts of each project once.
///
/// A dependency that cannot be had is left out and told in [`Chain::problems`].
///
/// # Errors
/// [`ChainError`] when the root itself cannot be had, or when the chain exceeds `limits`.
pub fn resolve(
    root: &ProjectRef,
    mut fetch: impl FnMut(&ProjectRef) -> Result<ProjectFacts, FetchError>,
    limits: Limits,
) -> Result<Chain, ChainError> {
    let mut graph = Graph::default();
    let facts = fetch(root).map_err(|error| ChainError::Root { project: root.clone(), error })?;
    graph.take(root, facts);
    graph.depth.insert(Link::Project(root.clone()), 0);
    let mut waiting = VecDeque::from([(root.clone(), 0_usize)]);
    while let Some((project, depth)) = waiting.pop_front() {
        for link in graph.declared.get(&project).cloned().unwrap_or_default() {
            if graph.depth.contains_key(&link) {
                continue;
            }
            if graph.depth.len() >= limits.size {
                return Err(ChainError::TooLarge { root: root.clone(), limit: limits.size });
            }
            graph.depth.insert(link.clone(), depth + 1);
            let Link::Project(next) = link else { continue };
            if depth + 1 > limits.depth {
                return Err(ChainError::TooDeep { root: root.clone(), project: Box::new(next), limit: limits.depth });
            }
            match fetch(&next) {
                Ok(facts) => {
                    graph.take(&next, facts);
                    waiting.push_back((next, depth + 1));
                }
                Err(error) => {
                    graph.lost.insert(next, error);
                }
            }
        }
    }
    Ok(graph.into_chain(root))
}

/// All facts that were fetched.
#[derive(Default)]
struct Graph {
    /// Per project that was had: what it declares, without repetition.
    declared: BTreeMap<ProjectRef, Vec<Link>>,
    /// Per link that was met: its distance from the root.
    depth: BTreeMap<Link, usize>,
    /// Projects that could not be had.
    lost: BTreeMap<ProjectRef, FetchError>,
}

impl Graph {
    fn take(&mut self, project: &ProjectRef, facts: ProjectFacts) {
        let mut seen = BTreeSet::new();
        let links = facts.dependencies.into_iter().filter(|link| seen.insert(link.clone())).collect();
        self.declared.insert(project.clone(), links);
    }

    fn into_chain(self, root: &ProjectRef) -> Chain {
        let links_of = |project: &ProjectRef| self.declared.get(project).cloned().unwrap_or_default().into_iter();
        let (order, cycles) = self.walk(root);
        let needed_by = self.needed_by();
        let problems = self
            .lost
            .iter()
            .map(|(project, error)| ChainProblem {
                project: project.clone(),
                needed_by: needed_by.get(&Link::Project(project.clone())).cloned().unwrap_or_default(),
                error: error.clone(),
            })
            .collect();
        let repositories = order
            .into_iter()
            .map(|link| {
                let dependencies = match &link {
                    Link::Project(project) => links_of(project)
                        .filter(|other| !matches!(other, Link::Project(p) if self.lost.contains_key(p)))
                        .collect(),
                    Link::External { .. } => Vec::new(),
                };
                let is_root = matches!(&link, Link::Project(project) if project == root);
                let needed_by = if is_root { Vec::new() } else { needed_by.get(&link).cloned().unwrap_or_default() };
                ChainItem { depth: self.depth.get(&link).copied().unwrap_or_default(), needed_by, dependencies, link }
            })
            .collect();
        Chain { repositories, cycles, problems }
    }

    /// Depth-first walk over what is in memory: dependencies before what needs them, and the cycles met. Projects that need
    /// each other stand together, behind all that any of them needs (Tarjan's strongly connected components).
    fn walk(&self, root: &ProjectRef) -> (Vec<Link>, Vec<Vec<ProjectRef>>) {
        struct Step {
            project: ProjectRef,
            left: std::vec::IntoIter<Link>,
            /// When it was met, and the earliest met one that it leads back to.
            met: usize,
            back_to: usize,
        }
        let mut order: Vec<Link> = Vec::new();
        let mut cycles: BTreeSet<Vec<ProjectRef>> = BTreeSet::new();
        let mut met: BTreeMap<Link, usize> = BTreeMap::new();
        // Gone through, but what they lead back to is not: with the number of when they were met.
        let mut open: Vec<(usize, Link)> = Vec::new();
        let mut placed: BTreeSet<Link> = BTreeSet::new();
        let mut path: Vec<Step> = Vec::new();
        let step = |project: ProjectRef, met: &mut BTreeMap<Link, usize>| {
            let number = met.len();
            met.insert(Link::Project(project.clone()), number);
            let left = self.declared.get(&project).cloned().unwrap_or_default().into_iter();
            Step { project, left, met: number, back_to: number }
        };
        path.push(step(root.clone(), &mut met));
        while let Some(here) = path.last_mut() {
            let Some(link) = here.left.next() else {
                let Some(done) = path.pop() else { break };
                open.push((done.met, Link::Project(done.project)));
                if let Some(above) = path.last_mut().filter(|_| done.back_to < done.met) {
                    above.back_to = above.back_to.min(done.back_to);
                } else {
                    let first = open.iter().position(|(number, _)| *number >= done.met).unwrap_or_default();
                    for (_, link) in open.drain(first..) {
                        placed.insert(link.clone());
                        order.push(link);
                    }
                }
                continue;
            };
            match &link {
                Link::External { .. } => {
                    if placed.insert(link.clone()) {
                        order.push(link);
                    }
                }
                Link::Project(project) if self.lost.contains_key(project) || placed.contains(&link) => {}
                Link::Project(project) => match met.get(&link).copied() {
                    Some(number) => {
                        here.back_to = here.back_to.min(number);
                        // Numbers grow along the path. What is not on it was gone through: its own way back is told.
                        if let Ok(start) = path.binary_search_by_key(&number, |step| step.met)
                            && cycles.len() < MOST_CYCLES
                        {
                            let members = path.iter().skip(start).map(|step| step.project.clone());
                            cycles.insert(rotated(members.collect()));
                        }
                    }
                    None => path.push(step(project.clone(), &mut met)),
                },
            }
        }
        (order, cycles.into_iter().collect())
    }

    fn needed_by(&self) -> BTreeMap<Link, Vec<ProjectRef>> {
        let mut needed: BTreeMap<Link, Vec<ProjectRef>> = BTreeMap::new();
        for (project, links) in &self.declared {
            for link in links {
                needed.entry(link.clone()).or_default().push(project.clone());
            }
        }
        needed
    }
}

/// The same cycle, beginning at its smallest member.
fn rotated(mut cycle: Vec<ProjectRef>) -> Vec<ProjectRef> {
    let smallest = cycle.iter().enumerate().min_by(|a, b| a.1.cmp(b.1)).map_or(0, |(at, _)| at);
    cycle.rotate_left(smallest);
    cycle
}

/// `a, b and c`, for messages.
fn list(projects: &[ProjectRef]) -> String {
    match projects {
        [] => "nothing".to_owned(),
        [one] => one.to_string(),
        [head @ .., last] => {
            format!("{} and {last}", head.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
        }
    }
}

#[cfg(test)]
#[path = "chain_tests.rs"]
mod tests;
