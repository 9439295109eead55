//! The chain of a project: what it declares, what that declares in turn, and who needs it.

use std::collections::{HashMap, HashSet};

use askama::Template;
use copr_api::names::{OwnerName, ProjectName};
use serde::Serialize;

use crate::{
    chain::{self, Dependency},
    db::{self, Db, project::Project},
    web::text::project_url,
};

/// Deepest level that is shown.
const DEPTH: usize = 8;
/// Most projects and repositories that are shown.
const NODES: usize = 80;
/// Most projects that are shown as needing it.
const NEEDING: usize = 100;

/// A project or a repository of the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    /// `owner/name`, or a URL.
    pub(super) label: String,
    /// Its page, for projects of this server.
    pub(super) url: Option<String>,
    /// It is declared and does not exist any more.
    pub(super) missing: bool,
    /// How many steps it is away; the project itself is at 0.
    pub(super) level: usize,
}

/// One that needs another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Edge {
    /// Who needs, as a place in [`Chain::nodes`].
    pub(super) from: usize,
    /// What.
    pub(super) to: usize,
    /// When it runs; otherwise only to build.
    pub(super) run: bool,
    /// To build.
    pub(super) build: bool,
}

/// A project that needs the one that is looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Needing {
    /// `owner/name`.
    pub(super) label: String,
    /// Its page.
    pub(super) url: String,
    /// When it runs; otherwise only to build.
    pub(super) run: bool,
}

/// What a project needs, and who needs it. The first node is the project itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Chain {
    pub(super) nodes: Vec<Node>,
    pub(super) edges: Vec<Edge>,
    pub(super) needing: Vec<Needing>,
    /// There is more than is shown.
    pub(super) cut: bool,
}

/// Which lists make a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Build-time repositories, and below them whatever those need.
    Build,
    /// Run-time dependencies.
    Run,
}

/// One node of a project's chain with what it needs in turn.
#[derive(Debug, Default, Template, Serialize)]
#[template(path = "project/need.html")]
pub(super) struct Need {
    /// `owner/name`, or a URL.
    pub(super) label: String,
    /// Its page, for projects of this server.
    pub(super) url: Option<String>,
    /// A short remark: `external`, `does not exist any more`, `shown above`.
    pub(super) note: String,
    /// The project that is looked at.
    #[serde(skip)]
    pub(super) root: bool,
    /// It does not exist any more.
    pub(super) missing: bool,
    /// What it needs.
    pub(super) children: Vec<Self>,
}

impl Chain {
    /// Follows what is declared, a level with one question to the database.
    ///
    /// # Errors
    /// The database does not answer.
    pub(super) async fn load(db: &Db, project: &Project) -> Result<Self, db::Error> {
        let mut chain = Self::default();
        let mut places: HashMap<String, usize> = HashMap::new();
        let root = project.full_name();
        places.insert(root.clone(), 0);
        let url = Some(project_url(project.owner.as_str(), project.name.as_str()));
        chain.nodes.push(Node { label: root, url, missing: false, level: 0 });
        let mut level: Vec<(usize, Vec<String>, Vec<String>)> =
            vec![(0, project.additional_repos.clone(), project.runtime_dependencies.clone())];
        for depth in 1..=DEPTH {
            let mut asked: Vec<(OwnerName, ProjectName)> = Vec::new();
            for (from, build, run) in std::mem::take(&mut level) {
                chain.declare(from, &build, &run, depth, &mut places, &mut asked);
            }
            if asked.is_empty() {
                break;
            }
            let mut missing: HashSet<String> = asked.iter().map(|(owner, name)| format!("{owner}/{name}")).collect();
            for found in db::project::declarations(db, &asked).await? {
                let label = format!("{}/{}", found.owner, found.name);
                missing.remove(&label);
                if let Some(place) = places.get(&label) {
                    chain.cut |= depth == DEPTH && !(found.build.is_empty() && found.run.is_empty());
                    level.push((*place, found.build, found.run));
                }
            }
            // In the order in which they stand, whatever the database's.
            level.sort_by_key(|(place, ..)| *place);
            for node in chain.nodes.iter_mut().filter(|node| missing.contains(&node.label)) {
                (node.missing, node.url) = (true, None);
            }
        }
        chain.needing = needing(db, project).await?;
        Ok(chain)
    }

    /// Takes what one project declares into the chain; `asked` gets the projects that are new.
    fn declare(
        &mut self,
        from: usize,
        build: &[String],
        run: &[String],
        level: usize,
        places: &mut HashMap<String, usize>,
        asked: &mut Vec<(OwnerName, ProjectName)>,
    ) {
        let declared = run.iter().map(|text| (text, true)).chain(build.iter().map(|text| (text, false)));
        for (text, at_run_time) in declared {
            let (label, known) = match chain::parse(text) {
                Ok(Dependency::Project { owner, name }) => (format!("{owner}/{name}"), Some((owner, name))),
                _ => (text.clone(), None),
            };
            let place = match places.get(&label) {
                Some(place) => *place,
                None if self.nodes.len() > NODES => {
                    self.cut = true;
                    continue;
                }
                None => {
                    let url = known.as_ref().map(|(owner, name)| project_url(owner.as_str(), name.as_str()));
                    self.nodes.push(Node { label: label.clone(), url, missing: false, level });
                    asked.extend(known);
                    places.insert(label, self.nodes.len() - 1);
                    self.nodes.len() - 1
                }
            };
            match self.edges.iter_mut().find(|edge| (edge.from, edge.to) == (from, place)) {
                Some(edge) => {
                    edge.run |= at_run_time;
                    edge.build |= !at_run_time;
                }
                None => self.edges.push(Edge { from, to: place, run: at_run_time, build: !at_run_time }),
            }
        }
    }

    /// The chain as a tree. What stands twice shows its own needs the first time only, so cycles end.
    pub(super) fn tree(&self, kind: Kind) -> Need {
        let mut seen = HashSet::from([0]);
        let children = self.below(0, kind, &mut seen, 1);
        let label = self.nodes.first().map(|node| node.label.clone()).unwrap_or_default();
        Need { label, root: true, children, ..Need::default() }
    }

    fn below(&self, place: usize, kind: Kind, seen: &mut HashSet<usize>, depth: usize) -> Vec<Need> {
        let wanted = |edge: &&Edge| match kind {
            Kind::Run => edge.run,
            // What a build-time repository needs when it runs, builds need, too.
            Kind::Build => edge.build || place != 0,
        };
        let of_place = self.edges.iter().filter(|edge| edge.from == place).filter(wanted);
        of_place
            .filter_map(|edge| self.nodes.get(edge.to).map(|node| self.need(edge.to, node, kind, seen, depth)))
            .collect()
    }

    fn need(&self, place: usize, node: &Node, kind: Kind, seen: &mut HashSet<usize>, depth: usize) -> Need {
        let mut need =
            Need { label: node.label.clone(), url: node.url.clone(), missing: node.missing, ..Need::default() };
        if node.missing {
            need.note = "does not exist any more".to_owned();
        } else if node.url.is_none() {
            need.note = "external".to_owned();
        } else if self.edges.iter().any(|edge| edge.from == place) {
            if !seen.insert(place) {
                need.note = "shown above".to_owned();
            } else if depth >= DEPTH {
                need.note = "needs more".to_owned();
            } else {
                need.children = self.below(place, kind, seen, depth + 1);
            }
        }
        need
    }
}

/// Who declares that it needs the project.
async fn needing(db: &Db, project: &Project) -> Result<Vec<Needing>, db::Error> {
    let is_it = |text: &String| matches!(chain::parse(text), Ok(Dependency::Project { owner, name }) if owner == project.owner && name == project.name);
    let most = i64::try_from(NEEDING).unwrap_or(i64::MAX);
    let found = db::project::needing(db, &format!("copr://{}", project.full_name()), most).await?;
    Ok(found
        .into_iter()
        .filter(|of| (&of.owner, &of.name) != (&project.owner, &project.name))
        .filter_map(|of| {
            let run = of.run.iter().any(is_it);
            (run || of.build.iter().any(is_it)).then(|| Needing {
                label: format!("{}/{}", of.owner, of.name),
                url: project_url(of.owner.as_str(), of.name.as_str()),
                run,
            })
        })
        .collect())
}
