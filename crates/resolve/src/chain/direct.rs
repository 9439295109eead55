//! A chain without its shortcuts.

use std::collections::{BTreeMap, VecDeque};

use super::{Chain, Link, ProjectRef};

/// The repositories of a chain by number: in its order, and behind them what was left out.
pub(super) struct Numbered {
    /// What the numbers stand for.
    pub(super) links: Vec<Link>,
    /// What each one declares, without what is unknown; what was left out comes last.
    pub(super) declares: Vec<Vec<usize>>,
}

impl Numbered {
    pub(super) fn of(chain: &Chain) -> Self {
        let lost = chain.problems.iter().map(|problem| Link::Project(problem.project.clone()));
        let links: Vec<Link> = chain.repositories.iter().map(|item| item.link.clone()).chain(lost).collect();
        let number: BTreeMap<&Link, usize> = links.iter().zip(0..).collect();
        let numbers = |links: &[Link]| links.iter().filter_map(|link| number.get(link).copied()).collect::<Vec<_>>();
        let mut declares: Vec<Vec<usize>> = chain.repositories.iter().map(|item| numbers(&item.dependencies)).collect();
        declares.resize(links.len(), Vec::new());
        for (at, problem) in (chain.repositories.len()..).zip(&chain.problems) {
            for from in &problem.needed_by {
                let from = number.get(&Link::Project(from.clone())).and_then(|from| declares.get_mut(*from));
                from.into_iter().for_each(|declared| declared.push(at));
            }
        }
        Self { links, declares }
    }

    pub(super) fn declared_by(&self, at: usize) -> &[usize] {
        self.declares.get(at).map_or(&[], Vec::as_slice)
    }

    /// Per repository: which ones it needs, directly or not.
    fn reached(&self) -> Vec<Vec<bool>> {
        let from = |start: usize| {
            let mut found = vec![false; self.links.len()];
            let mut waiting = vec![start];
            while let Some(at) = waiting.pop() {
                for next in self.declared_by(at) {
                    if let Some(known) = found.get_mut(*next).filter(|known| !**known) {
                        *known = true;
                        waiting.push(*next);
                    }
                }
            }
            found
        };
        (0..self.links.len()).map(from).collect()
    }

    /// What each one declares, without what another of the declared ones needs.
    fn without_shortcuts(&self) -> Vec<Vec<usize>> {
        let reached = self.reached();
        let reaches =
            |from: usize, to: usize| reached.get(from).and_then(|to_all| to_all.get(to)).is_some_and(|is| *is);
        let direct = |from: usize| {
            let all = self.declared_by(from);
            // Only a way that leads neither back here nor back from there: within a cycle everything stays.
            let ways: Vec<usize> = all.iter().copied().filter(|way| !reaches(*way, from)).collect();
            let is_direct = |to: &usize| !ways.iter().any(|way| way != to && reaches(*way, *to) && !reaches(*to, *way));
            all.iter().copied().filter(is_direct).collect()
        };
        (0..self.links.len()).map(direct).collect()
    }

    /// The distance of each one from `root`; none for what cannot be reached.
    fn distances(&self, root: usize) -> Vec<Option<usize>> {
        let mut distance = vec![None; self.links.len()];
        let mut waiting = VecDeque::from([(root, 0)]);
        while let Some((at, far)) = waiting.pop_front() {
            if let Some(known) = distance.get_mut(at).filter(|known| known.is_none()) {
                *known = Some(far);
                waiting.extend(self.declared_by(at).iter().map(|next| (*next, far + 1)));
            }
        }
        distance
    }
}

impl Chain {
    /// The same chain, but a dependency that another dependency of the same project needs is not told of that project too.
    ///
    /// Hubs tell what a project needs directly and indirectly in one list, so as they tell it every project needs all that
    /// is below it. What can be reached from where stays the same, and so does all within a cycle. The depths are those
    /// of the links that are left.
    #[must_use]
    pub fn direct(&self) -> Self {
        let mut graph = Numbered::of(self);
        graph.declares = graph.without_shortcuts();
        let mut needed_by: Vec<Vec<ProjectRef>> = vec![Vec::new(); graph.links.len()];
        for (link, declared) in graph.links.iter().zip(&graph.declares) {
            let Link::Project(project) = link else { continue };
            for at in declared {
                needed_by.get_mut(*at).into_iter().for_each(|of| of.push(project.clone()));
            }
        }
        needed_by.iter_mut().for_each(|projects| projects.sort());
        let distances = graph.distances(self.repositories.len().saturating_sub(1));
        let mut chain = self.clone();
        let mut needed_by = needed_by.into_iter();
        for ((item, declared), distance) in chain.repositories.iter_mut().zip(&graph.declares).zip(distances) {
            let left = declared.iter().filter(|at| **at < self.repositories.len());
            item.dependencies = left.filter_map(|at| graph.links.get(*at).cloned()).collect();
            let projects = needed_by.next().unwrap_or_default();
            // The root has none, even where a cycle leads back to it.
            if !item.needed_by.is_empty() {
                item.needed_by = projects;
            }
            item.depth = distance.unwrap_or(item.depth);
        }
        for (problem, projects) in chain.problems.iter_mut().zip(needed_by) {
            problem.needed_by = projects;
        }
        chain
    }
}
