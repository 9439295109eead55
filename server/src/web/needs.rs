//! The chain of a project as a tree to look at: what it declares, and what that declares in turn.

use std::collections::HashSet;

use super::{text::encode, views::Need};
use crate::{
    chain::{self, Dependency},
    db::{self, Db, project::Project},
};

/// Deepest level that is shown.
const DEPTH: usize = 8;
/// Most nodes that are shown.
const NODES: usize = 80;

/// Which lists make the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Build-time repositories, and below them whatever those need.
    Build,
    /// Run-time dependencies.
    Run,
}

/// The page of a project on this server.
#[must_use]
pub(super) fn project_url(owner: &str, name: &str) -> String {
    match owner.strip_prefix('@') {
        Some(group) => format!("/coprs/g/{}/{}/", encode(group), encode(name)),
        None => format!("/coprs/{}/{}/", encode(owner), encode(name)),
    }
}

struct Walk<'a> {
    db: &'a Db,
    kind: Kind,
    seen: HashSet<String>,
    nodes: usize,
}

/// The tree below a project. A project that stands twice shows its own needs the first time only, so cycles end.
///
/// # Errors
/// The database does not answer.
pub(super) async fn tree(db: &Db, project: &Project, kind: Kind) -> Result<Need, db::Error> {
    let mut walk = Walk { db, kind, seen: HashSet::from([project.full_name()]), nodes: 0 };
    let declared = match kind {
        Kind::Build => &project.additional_repos,
        Kind::Run => &project.runtime_dependencies,
    };
    let children = walk.below(declared, 1).await?;
    Ok(Need { label: project.full_name(), root: true, children, ..Need::default() })
}

impl Walk<'_> {
    async fn below(&mut self, declared: &[String], depth: usize) -> Result<Vec<Need>, db::Error> {
        let mut needs = Vec::new();
        for text in declared {
            if self.nodes >= NODES {
                needs.push(Need { label: "…".to_owned(), note: "and more".to_owned(), ..Need::default() });
                break;
            }
            self.nodes += 1;
            needs.push(Box::pin(self.need(text, depth)).await?);
        }
        Ok(needs)
    }

    async fn need(&mut self, text: &str, depth: usize) -> Result<Need, db::Error> {
        let Ok(Dependency::Project { owner, name }) = chain::parse(text) else {
            return Ok(Need { label: text.to_owned(), note: "external".to_owned(), ..Need::default() });
        };
        let label = format!("{owner}/{name}");
        let Some(project) = db::project::get(self.db, &owner, &name).await? else {
            return Ok(Need { label, note: "does not exist any more".to_owned(), missing: true, ..Need::default() });
        };
        let mut need = Need { url: Some(project_url(owner.as_str(), name.as_str())), label, ..Need::default() };
        let mut declared = project.runtime_dependencies.clone();
        if self.kind == Kind::Build {
            declared.splice(0..0, project.additional_repos.iter().cloned());
            let mut once = HashSet::new();
            declared.retain(|text| once.insert(text.clone()));
        }
        if !declared.is_empty() {
            if !self.seen.insert(need.label.clone()) {
                need.note = "shown above".to_owned();
            } else if depth >= DEPTH {
                need.note = "needs more".to_owned();
            } else {
                need.children = self.below(&declared, depth + 1).await?;
            }
        }
        Ok(need)
    }
}
