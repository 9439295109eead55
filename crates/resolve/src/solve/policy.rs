//! Which of several packages is better: libsolv's `policy.c`.

use std::cmp::Ordering;

use copr_rpm::{Comparison, DependencyKind};

use super::Policy;
use super::lists::{FIRST, compare_matching, package};
use super::search::Search;

/// What a list of packages is sorted out for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// The best ones, the very best first.
    Choose,
    /// The best ones, in any order.
    ChooseUnordered,
    /// The best version of each name.
    Recommend,
}

impl Search<'_> {
    /// Leaves the best packages of a list.
    pub(super) fn filter(&mut self, list: &mut Vec<i32>, mode: Mode) {
        if list.len() > 1 {
            self.best_priority(list);
        }
        if list.len() > 1 {
            self.best_arch(list);
        }
        if list.len() > 1 {
            self.best_version(list);
        }
        if list.len() > 1 && mode != Mode::Recommend {
            self.only_recommended(list);
            if list.len() > 1 && mode == Mode::Choose {
                self.old_versions_last(list);
                self.by_common_dependency(list);
                self.installed_first(list);
                self.suggested_first(list);
            }
        }
    }

    /// The order in which packages that supplement others are taken.
    pub(super) fn order_supplementing(&mut self, list: &mut Vec<i32>) {
        self.old_versions_last(list);
        self.by_common_dependency(list);
        self.suggested_first(list);
    }

    /// The priority of a package's repository, the greater the better. The installed system is libsolv's 0.
    fn priority(&self, literal: i32) -> i64 {
        if literal < FIRST || self.world.is_installed(literal) {
            return 0;
        }
        let repository = self.world.pool.repository(package(literal));
        self.world.pool.repositories().get(repository).map_or(0, |info| -i64::from(info.priority))
    }

    fn cost(&self, literal: i32) -> i32 {
        if literal < FIRST {
            return 0;
        }
        let repository = self.world.pool.repository(package(literal));
        self.world.pool.repositories().get(repository).map_or(0, |info| info.cost)
    }

    /// The version that is wanted is greater.
    pub(super) fn compare(&self, a: i32, b: i32) -> Ordering {
        let (x, y) = (self.world.evr(a), self.world.evr(b));
        if x == y {
            return Ordering::Equal;
        }
        let order = self.world.pool.compare_evr(x, y);
        if self.policy == Policy::Oldest { order.reverse() } else { order }
    }

    fn best_priority(&self, list: &mut Vec<i32>) {
        let others = list.iter().filter(|literal| !self.world.is_installed(**literal));
        let Some(best) = others.map(|literal| self.priority(*literal)).max() else { return };
        list.retain(|literal| self.world.is_installed(*literal) || self.priority(*literal) == best);
    }

    fn best_arch(&self, list: &mut Vec<i32>) {
        let score = |literal: &i32| self.world.arch_score(*literal);
        let Some(best) = list.iter().map(score).filter(|score| *score > 1).min() else { return };
        let kept: Vec<i32> = list.iter().copied().filter(|l| matches!(score(l), s if s == 1 || s == best)).collect();
        if !kept.is_empty() {
            *list = kept;
        }
    }

    /// The best version of each name, without those that another one of them obsoletes.
    pub(super) fn best_version(&mut self, list: &mut Vec<i32>) {
        list.sort_unstable_by(|a, b| self.by_name(*a, *b));
        let mut best: Vec<i32> = Vec::new();
        for literal in list.iter().copied() {
            match best.last_mut() {
                Some(last) if self.world.name(*last) == self.world.name(literal) => {
                    if self.compare(*last, literal).is_lt() {
                        *last = literal;
                    }
                }
                _ => best.push(literal),
            }
        }
        *list = best;
        match list.as_slice() {
            [] | [_] => {}
            [a, b] => {
                let (a, b) = (*a, *b);
                match (self.replaces(a, b), self.replaces(b, a)) {
                    (true, false) => *list = vec![a],
                    (false, true) => *list = vec![b],
                    _ => {}
                }
            }
            _ => self.without_obsoleted(list),
        }
    }

    fn by_name(&self, a: i32, b: i32) -> Ordering {
        let world = &self.world;
        let (name_a, name_b) = (world.name(a), world.name(b));
        if name_a != name_b {
            return world.pool.text(name_a).cmp(world.pool.text(name_b));
        }
        if world.arch(a) != world.arch(b) {
            let (score_a, score_b) = (world.arch_score(a), world.arch_score(b));
            if score_a != score_b && score_a > 1 && score_b > 1 {
                return score_a.cmp(&score_b);
            }
        }
        let there = |literal| !world.is_installed(literal);
        there(a).cmp(&there(b)).then_with(|| self.cost(a).cmp(&self.cost(b))).then_with(|| a.cmp(&b))
    }

    /// Whether a package of another name obsoletes this one.
    fn replaces(&mut self, by: i32, other: i32) -> bool {
        if self.world.name(by) == self.world.name(other) {
            return false;
        }
        self.world.caps(by, DependencyKind::Obsoletes).iter().any(|cap| {
            let hit = self.world.lists.obsoleted(*cap);
            self.world.lists.get(hit).contains(&other)
        })
    }

    /// Drops what another of the list obsoletes, unless that other is obsoleted by it, too, however far around.
    fn without_obsoleted(&mut self, list: &mut Vec<i32>) {
        let mut walk = Walk { low: vec![0; list.len()], stack: vec![0; list.len() + 1], height: 0, first: 1, next: 1 };
        for node in 0..list.len() {
            if walk.low[node] != 0 {
                continue;
            }
            if self.world.caps(list[node], DependencyKind::Obsoletes).is_empty() {
                walk.low[node] = walk.next;
                walk.stack[walk.next as usize] = node;
                walk.next += 1;
            } else {
                walk.first = walk.next;
                walk.height = walk.next as usize;
                self.visit(&mut walk, list, node, 0);
            }
        }
        let mut low = walk.low.iter();
        list.retain(|_| low.next().is_some_and(|low| *low >= 0));
    }

    /// Tarjan's search for strongly connected parts, as libsolv's `trj_visit` has it.
    fn visit(&mut self, walk: &mut Walk, list: &[i32], node: usize, depth: usize) {
        let index = walk.next;
        walk.low[node] = index;
        walk.next += 1;
        let start = walk.height;
        walk.stack[start] = node;
        walk.height += 1;
        for cap in self.world.caps(list[node], DependencyKind::Obsoletes) {
            let mut at = self.world.lists.obsoleted(*cap) as usize;
            while let Some(other) = self.world.lists.data.get(at).copied().filter(|other| *other != 0) {
                at += 1;
                if self.world.name(other) == self.world.name(list[node]) {
                    continue;
                }
                let Some(i) = list.iter().position(|literal| *literal == other).filter(|i| *i != node) else {
                    continue;
                };
                if walk.low[i] == 0 {
                    if self.world.caps(other, DependencyKind::Obsoletes).is_empty() || depth >= DEEPEST {
                        walk.next += 1;
                        walk.low[i] = -1;
                        continue;
                    }
                    self.visit(walk, list, i, depth + 1);
                }
                let low = walk.low[i];
                if low < 0 {
                    continue;
                }
                if low < walk.first {
                    // A part found earlier is obsoleted by this one.
                    let mut k = low as usize;
                    while let Some(member) = walk.stack.get(k).copied().filter(|member| walk.low[*member] == low) {
                        walk.low[member] = -1;
                        k += 1;
                    }
                } else if low < walk.low[node] {
                    walk.low[node] = low;
                }
            }
        }
        if walk.low[node] == index {
            // Only the part with the first node counts; all others are obsoleted.
            let mark = if index == walk.first { index } else { -1 };
            for member in start..walk.height {
                let member = walk.stack[member];
                walk.low[member] = mark;
            }
            walk.height = start;
        }
    }

    /// Those that are recommended, or supplement something that is chosen, when there are such.
    fn only_recommended(&mut self, list: &mut Vec<i32>) {
        let installed = list.iter().filter(|literal| self.world.is_installed(**literal)).count();
        if list.len() - installed < 2 {
            return;
        }
        self.update_recommended();
        let wanted: Vec<bool> = list
            .iter()
            .map(|literal| {
                !self.world.is_installed(*literal)
                    && (self.recommended.has(*literal) || self.is_supplementing(*literal))
            })
            .collect();
        if wanted.contains(&true) {
            let mut wanted = wanted.into_iter();
            list.retain(|literal| wanted.next() == Some(true) || self.world.is_installed(*literal));
        }
    }

    /// Puts those last of which the same architecture has a better version, or a repository of better priority one.
    fn old_versions_last(&self, list: &mut Vec<i32>) {
        let bad = |literal: i32| {
            if self.world.is_installed(literal) {
                return false;
            }
            let (name, arch, priority) = (self.world.name(literal), self.world.arch(literal), self.priority(literal));
            self.world.lists.named(name).filter(|other| *other != literal && self.world.arch(*other) == arch).any(
                |other| match self.priority(other).cmp(&priority) {
                    Ordering::Less => false,
                    Ordering::Greater => true,
                    Ordering::Equal => self.compare(other, literal).is_gt(),
                },
            )
        };
        stable_partition(list, |literal| !bad(literal));
    }

    /// Puts those last that provide an older version of something that another one provides, too.
    fn by_common_dependency(&self, list: &mut Vec<i32>) {
        let pool = self.world.pool;
        // Place in the list, name, version, whether anything below that version is meant.
        let mut entries: Vec<(usize, usize, &str, bool)> = Vec::new();
        for (place, literal) in list.iter().enumerate() {
            for cap in self.world.caps(*literal, DependencyKind::Provides) {
                let view = pool.cap(*cap);
                let (Some(comparison @ (Comparison::Eq | Comparison::Le | Comparison::Lt)), evr) =
                    (view.comparison, pool.text(view.evr))
                else {
                    continue;
                };
                if comparison == Comparison::Eq && is_hash(evr) {
                    continue;
                }
                entries.push((place, view.name.index(), evr, comparison == Comparison::Lt));
            }
        }
        if entries.len() < 2 {
            return;
        }
        let order = |a: &(usize, usize, &str, bool), b: &(usize, usize, &str, bool)| -> i32 {
            if a.1 != b.1 {
                return if a.1 < b.1 { -1 } else { 1 };
            }
            if (a.2, a.3) == (b.2, b.3) {
                return 0;
            }
            let order = compare_matching(b.2, a.2);
            match (order, a.3, b.3) {
                (0, true, false) => 1,
                (0, false, true) => -1,
                _ => order,
            }
        };
        // The order of versions with and without releases is not transitive: a sort that does not mind.
        merge_sort(&mut entries, &order);
        let mut badness = vec![0_usize; list.len()];
        let mut bad = 0;
        let mut any = false;
        for (at, entry) in entries.iter().enumerate() {
            match at.checked_sub(1).and_then(|before| entries.get(before)).filter(|before| before.1 == entry.1) {
                Some(before) => {
                    if before.0 != entry.0 && order(before, entry) == -1 {
                        bad += 1;
                        any = true;
                    }
                }
                None => bad = 0,
            }
            badness[entry.0] += bad;
        }
        if !any {
            return;
        }
        let mut order: Vec<(usize, i32)> = badness.into_iter().zip(list.iter().copied()).collect();
        for (badness, literal) in &mut order {
            if self.world.is_installed(*literal) {
                *badness = 0;
            }
        }
        order.sort_by_key(|(badness, _)| *badness);
        *list = order.into_iter().map(|(_, literal)| literal).collect();
    }

    /// Puts those first of which some version is installed.
    fn installed_first(&self, list: &mut Vec<i32>) {
        if self.world.installed.is_none() {
            return;
        }
        stable_partition(list, |literal| {
            let mut named = self.world.lists.named(self.world.name(literal));
            self.world.is_installed(literal) || named.any(|other| self.world.is_installed(other))
        });
    }

    /// Puts those first that are installed, suggested, or enhance something that is chosen.
    fn suggested_first(&mut self, list: &mut Vec<i32>) {
        self.update_recommended();
        let wanted: Vec<bool> = list
            .iter()
            .map(|literal| {
                self.world.is_installed(*literal) || self.suggested.has(*literal) || self.is_enhancing(*literal)
            })
            .collect();
        let mut wanted = wanted.into_iter();
        stable_partition(list, |_| wanted.next() == Some(true));
    }
}

/// Deepest chain of packages that obsolete each other which is followed.
const DEEPEST: usize = 1000;

struct Walk {
    low: Vec<i32>,
    stack: Vec<usize>,
    height: usize,
    first: i32,
    next: i32,
}

/// Those that pass first, both parts in their order.
fn stable_partition(list: &mut Vec<i32>, mut passes: impl FnMut(i32) -> bool) {
    let (mut first, second): (Vec<i32>, Vec<i32>) = list.iter().partition(|literal| passes(**literal));
    first.extend(second);
    *list = first;
}

/// A version that is a checksum says nothing of age.
fn is_hash(evr: &str) -> bool {
    evr.len() >= 4 && evr.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// A stable sort for any order, also one that contradicts itself; the same steps as glibc's, for the same outcome.
fn merge_sort<T: Copy>(list: &mut [T], order: &impl Fn(&T, &T) -> i32) {
    if list.len() < 2 {
        return;
    }
    let half = list.len() / 2;
    let (left, right) = list.split_at_mut(half);
    merge_sort(left, order);
    merge_sort(right, order);
    let mut merged = Vec::with_capacity(left.len() + right.len());
    let (mut i, mut j) = (0, 0);
    while let (Some(a), Some(b)) = (left.get(i), right.get(j)) {
        if order(a, b) <= 0 {
            merged.push(*a);
            i += 1;
        } else {
            merged.push(*b);
            j += 1;
        }
    }
    merged.extend_from_slice(left.get(i..).unwrap_or_default());
    merged.extend_from_slice(right.get(j..).unwrap_or_default());
    list.copy_from_slice(&merged);
}
