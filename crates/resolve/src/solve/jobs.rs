//! Rules beside those of packages: what is asked for, what is installed, and what is preferred.
//!
//! Follows `solver_solve` of libsolv's `solver.c` and the second half of its `rules.c`, with the settings that dnf uses:
//! vendors may change, packages are updated to the best version that the policy allows, orphans stay.

use std::collections::BTreeMap;

use copr_rpm::DependencyKind;

use super::lists::{Dep, FIRST, literal};
use super::policy::Mode;
use super::rules::{Bits, Rule};
use super::search::Search;
use crate::formula::{Form, Normal, SYSTEM, normalize};
use crate::pool::{Cap, Str};

/// One thing that is asked for, as the search sees it.
pub(super) enum Job {
    /// One of these packages, whatever their architecture and version.
    OneOf(Vec<i32>),
    /// What satisfies a dependency.
    Provides(Dep),
}

/// Which installed packages which others obsolete; by number among the installed ones, ascending packages.
pub(super) type ObsoletedBy = BTreeMap<i32, Vec<i32>>;

impl Search<'_> {
    /// For each installed package, the packages of other names that obsolete it.
    pub(super) fn obsoleted_by(&mut self) -> ObsoletedBy {
        let mut found = ObsoletedBy::new();
        let ids: Vec<i32> = self.world.pool.ids().map(literal).collect();
        for by in ids {
            if !self.world.is_installable(by) {
                continue;
            }
            for cap in self.world.caps(by, DependencyKind::Obsoletes) {
                let mut at = self.world.lists.obsoleted(*cap) as usize;
                while let Some(other) = self.world.lists.data.get(at).copied().filter(|other| *other != 0) {
                    at += 1;
                    if self.world.is_installed(other) && self.world.name(other) != self.world.name(by) {
                        let list = found.entry(other).or_default();
                        if list.last() != Some(&by) {
                            list.push(by);
                        }
                    }
                }
            }
        }
        found
    }

    /// What could take the place of an installed package; with `all` also of another architecture.
    pub(super) fn updates(&mut self, installed: i32, obsoleted_by: &ObsoletedBy, all: bool) -> Vec<i32> {
        let name = self.world.name(installed);
        let mut found = Vec::new();
        let mut replaced = false;
        let offering: Vec<i32> = self.world.lists.offering(name);
        for other in offering {
            if other == installed || !self.world.same_color(installed, other) {
                continue;
            }
            if self.world.name(other) == name {
                if !all && !self.allow_downgrade && self.compare(installed, other).is_gt() {
                    continue;
                }
            } else if obsoleted_by.get(&installed).is_some_and(|by| by.contains(&other)) {
                replaced = true;
            } else {
                continue;
            }
            if all || !self.changes_arch(installed, other) {
                found.push(other);
            }
        }
        if !replaced {
            for other in obsoleted_by.get(&installed).into_iter().flatten() {
                if self.world.same_color(installed, *other) && (all || !self.changes_arch(installed, *other)) {
                    found.push(*other);
                }
            }
        }
        found
    }

    fn changes_arch(&self, from: i32, to: i32) -> bool {
        let (from_arch, to_arch) = (self.world.arch(from), self.world.arch(to));
        let noarch = |arch: Str| self.world.pool.text(arch) == "noarch";
        from_arch != to_arch
            && !noarch(from_arch)
            && !noarch(to_arch)
            && self.world.arch_score(from) != self.world.arch_score(to)
    }

    /// Rules that keep each installed package or an update of it.
    pub(super) fn installed_rules(&mut self, obsoleted_by: &ObsoletedBy) {
        let installed = self.installed.clone();
        self.engine.ranges.feature = self.engine.rules.len();
        for literal in &installed {
            let others = self.updates(*literal, obsoleted_by, true);
            self.add_rule(*literal, &others);
        }
        self.engine.ranges.update = self.engine.rules.len();
        for (number, literal) in installed.iter().enumerate() {
            let others = self.updates(*literal, obsoleted_by, false);
            let at = self.add_rule(*literal, &others);
            let feature = self.engine.ranges.feature + number;
            let rule = self.engine.rule(feature);
            if rule.is_assertion() {
                self.orphaned.push(*literal);
            }
            let literals = |rule: Rule| rule.literals(&self.world.lists.data).collect::<Vec<_>>();
            if literals(rule) == literals(self.engine.rule(at)) {
                self.engine.rules[feature] = Rule::default();
            } else {
                self.engine.switch_off(feature);
            }
        }
        self.engine.ranges.update_end = self.engine.rules.len();
    }

    /// The rules of what is asked for; `of_rule` gets the number of the job of each.
    pub(super) fn job_rules(&mut self, jobs: &[Job], of_rule: &mut Vec<usize>) {
        for (number, job) in jobs.iter().enumerate() {
            match job {
                Job::OneOf(packages) => self.one_of(packages),
                Job::Provides(Dep::List(list)) => {
                    let packages = self.world.lists.get(*list).to_vec();
                    self.one_of(&packages);
                }
                Job::Provides(Dep::Unreadable) => self.one_of(&[]),
                Job::Provides(Dep::Rich(formula)) => {
                    let mut blocks = Vec::new();
                    match normalize(formula, Form::Cnf, &self.world.lists.data, &mut blocks) {
                        Ok(Normal::Blocks) => {
                            for block in blocks.split(|literal| *literal == 0).filter(|block| !block.is_empty()) {
                                self.one_of(block);
                                of_rule.push(number);
                            }
                        }
                        Ok(Normal::Always) => {}
                        Ok(Normal::Never) | Err(_) => self.one_of(&[]),
                    }
                }
            }
            let made = self.engine.rules.len() - self.engine.ranges.update_end;
            if made > of_rule.len() {
                of_rule.push(number);
            }
        }
        self.engine.ranges.job_end = self.engine.rules.len();
    }

    fn one_of(&mut self, packages: &[i32]) {
        match packages.split_first() {
            Some((first, others)) => self.add_rule(*first, others),
            None => self.add_rule(-SYSTEM, &[]),
        };
    }

    /// Rules against packages for an architecture worse than another one of the same name, unless the same version for
    /// the better one is there, too.
    pub(super) fn arch_rules(&mut self, all: &[i32]) {
        let mut done = std::collections::HashSet::new();
        // Nothing is worse where there is one architecture only.
        let one = self.world.one_arch();
        for package in if one { &[] } else { all } {
            let name = self.world.name(*package);
            if !done.insert(name) {
                continue;
            }
            let named: Vec<i32> = self.world.lists.named(name).collect();
            let added: Vec<i32> = named.iter().copied().filter(|literal| self.world.added.has(*literal)).collect();
            let others = added.iter().filter(|literal| !self.world.is_installed(**literal));
            let Some(best) = others.map(|l| self.world.arch_score(*l)).filter(|score| *score > 1).min() else {
                continue;
            };
            let same = |search: &Self, a: i32, b: i32| {
                a != b && search.world.evr(a) == search.world.evr(b) && search.world.arch(a) != search.world.arch(b)
            };
            let good = |score: u32| score == 1 || score == best;
            // Architectures of installed packages that stand alone may be kept.
            let mut kept: Vec<Str> = Vec::new();
            for literal in added.iter().copied().filter(|literal| self.world.is_installed(*literal)) {
                let score = self.world.arch_score(literal);
                let beside = named.iter().any(|o| same(self, literal, *o) && good(self.world.arch_score(*o)));
                if score == 0 || (!good(score) && !beside) {
                    kept.push(self.world.arch(literal));
                }
            }
            for literal in added {
                let score = self.world.arch_score(literal);
                let installed = self.world.is_installed(literal);
                if good(score) || (!installed && kept.contains(&self.world.arch(literal))) {
                    continue;
                }
                let beside: Vec<i32> = named
                    .iter()
                    .copied()
                    .filter(|other| same(self, literal, *other) && good(self.world.arch_score(*other)))
                    .collect();
                if installed && !beside.iter().any(|other| self.world.is_installed(*other)) {
                    continue;
                }
                self.add_rule(-literal, &beside);
            }
        }
        self.engine.ranges.arch_end = self.engine.rules.len();
    }

    /// Rules that allow only the best packages for what is asked for, or for updates.
    pub(super) fn best_rules(&mut self, wanted: bool) {
        if wanted {
            for at in self.engine.ranges.jobs() {
                let literals: Vec<i32> = self.engine.rule(at).literals(&self.world.lists.data).collect();
                let (mut packages, mut rule): (Vec<i32>, Vec<i32>) = literals.iter().partition(|literal| **literal > 0);
                let before = packages.len();
                if packages.is_empty() {
                    continue;
                }
                self.filter(&mut packages, Mode::Recommend);
                if packages.len() == before {
                    continue;
                }
                rule.extend(packages);
                if let Some((first, others)) = rule.split_first() {
                    self.add_rule(*first, others);
                    self.best_of.push(-(at as i32));
                }
            }
        }
        self.engine.ranges.best_jobs_end = self.engine.rules.len();
        if wanted && self.update_all {
            for number in 0..self.installed.len() {
                let mut best: Vec<i32> = Vec::new();
                for at in [self.engine.ranges.update + number, self.engine.ranges.feature + number] {
                    let mut packages: Vec<i32> = self.engine.rule(at).literals(&self.world.lists.data).collect();
                    self.filter(&mut packages, Mode::Recommend);
                    best.extend(packages.into_iter().filter(|literal| !best.contains(literal)).collect::<Vec<_>>());
                }
                if let Some((first, others)) = best.split_first() {
                    self.add_rule(*first, others);
                    self.best_of.push(self.installed[number]);
                }
            }
        }
        self.engine.ranges.best_end = self.engine.rules.len();
    }

    /// When an installed package was split into several, which obsolete it by the same words, all of them come.
    pub(super) fn split_rules(&mut self, obsoleted_by: &ObsoletedBy) {
        let mut caps: Vec<Cap> = Vec::new();
        for by in obsoleted_by.values().flatten() {
            for cap in self.world.caps(*by, DependencyKind::Obsoletes) {
                let list = self.world.lists.obsoleted(*cap);
                let hits = self.world.lists.get(list).iter().any(|literal| self.world.is_installed(*literal));
                if hits && !caps.contains(cap) {
                    caps.push(*cap);
                }
            }
        }
        for cap in caps {
            let groups = self.split_groups(cap, obsoleted_by);
            for (number, group) in groups.iter().enumerate() {
                for literal in group {
                    if self.world.is_installed(*literal) {
                        continue;
                    }
                    for (_, other) in groups.iter().enumerate().filter(|(other, _)| *other != number) {
                        self.add_rule(-*literal, other);
                    }
                }
            }
        }
        self.engine.ranges.split_end = self.engine.rules.len();
    }

    /// Packages that obsolete an installed one by the same words, one group for each name.
    fn split_groups(&mut self, cap: Cap, obsoleted_by: &ObsoletedBy) -> Vec<Vec<i32>> {
        let mut all: Vec<i32> = Vec::new();
        let list = self.world.lists.obsoleted(cap);
        for hit in self.world.lists.get(list).to_vec() {
            if !self.world.is_installed(hit) {
                continue;
            }
            let named: Vec<i32> = self.world.lists.named(self.world.name(hit)).collect();
            for by in obsoleted_by.get(&hit).into_iter().flatten().chain(&named) {
                let words = self.world.caps(*by, DependencyKind::Obsoletes);
                if self.world.same_color(hit, *by) && words.contains(&cap) && !all.contains(by) {
                    all.push(*by);
                }
            }
        }
        let mut names = all.clone();
        self.best_version(&mut names);
        if names.len() < 2 {
            return Vec::new();
        }
        names
            .iter()
            .map(|one| {
                all.iter().copied().filter(|literal| self.world.name(*literal) == self.world.name(*one)).collect()
            })
            .collect()
    }

    /// Where an installed package, or an update of one, would do as well as something new, the former is preferred.
    pub(super) fn choice_rules(&mut self, obsoleted_by: &ObsoletedBy) {
        if self.installed.is_empty() {
            self.engine.ranges.choice_end = self.engine.rules.len();
            return;
        }
        let mut barred = Bits::new(self.world.bound);
        for at in self.engine.ranges.arch() {
            let rule = self.engine.rule(at);
            if rule.p < 0 && rule.is_assertion() {
                barred.insert(-rule.p);
            }
        }
        let number_of: std::collections::HashMap<i32, usize> =
            self.installed.iter().enumerate().map(|(number, literal)| (*literal, number)).collect();
        let mut last: Option<(i32, Vec<i32>)> = None;
        for at in 1..self.engine.ranges.packages {
            let rule = self.engine.rule(at);
            if rule.p >= 0 || (rule.list() == 0 && rule.watched[1] <= 0) {
                continue;
            }
            let literals: Vec<i32> = rule.literals(&self.world.lists.data).collect();
            // Installed packages, each with the package of the rule that it stands for.
            let mut pairs: Vec<(i32, i32)> = Vec::new();
            let (mut choice, mut kept) = (false, false);
            for literal in literals.iter().copied() {
                if literal < 0 {
                    kept |= self.world.is_installed(-literal) && !self.update_all;
                } else if literal < FIRST {
                } else if self.world.is_installed(literal) {
                    pairs.push((literal, literal));
                } else if let Some(installed) = self.stands_for(literal, obsoleted_by) {
                    if !barred.has(literal) && !self.may_not_replace(installed, literal) {
                        pairs.push((installed, literal));
                    }
                } else {
                    choice = true;
                }
            }
            if !choice || pairs.is_empty() {
                continue;
            }
            if !kept && self.update_all {
                pairs.retain(|(installed, _)| !self.updates_lose(*installed, &number_of, &literals));
                if pairs.is_empty() {
                    continue;
                }
            }
            // When every update fulfils the rule as well, there is nothing to narrow.
            let outside = pairs.iter().any(|(installed, _)| {
                let rule = number_of.get(installed).map(|number| self.engine.rule(self.engine.ranges.update + number));
                rule.is_some_and(|rule| {
                    rule.literals(&self.world.lists.data).any(|literal| !literals.contains(&literal))
                })
            });
            if !outside {
                continue;
            }
            let mut narrowed: Vec<i32> = literals.iter().copied().filter(|l| *l < 0 && *l != rule.p).collect();
            narrowed.extend(pairs.into_iter().map(|(_, literal)| literal));
            let made = Some((rule.p, narrowed));
            if made == last {
                continue;
            }
            if let Some((p, others)) = &made {
                self.add_rule(*p, others);
                self.engine.choice_of.push(at);
            }
            last = made;
        }
        self.engine.ranges.choice_end = self.engine.rules.len();
    }

    /// The installed package whose place a package takes.
    fn stands_for(&self, literal: i32, obsoleted_by: &ObsoletedBy) -> Option<i32> {
        let mut named = self.world.lists.named(self.world.name(literal));
        let same = named.find(|other| self.world.is_installed(*other) && self.world.same_color(literal, *other));
        same.or_else(|| obsoleted_by.iter().find(|(_, by)| by.contains(&literal)).map(|(installed, _)| *installed))
    }

    fn may_not_replace(&self, installed: i32, by: i32) -> bool {
        let downgrade = !self.allow_downgrade
            && self.world.name(installed) == self.world.name(by)
            && self.compare(installed, by).is_gt();
        downgrade || self.changes_arch(installed, by)
    }

    /// Whether the best updates of an installed package do not satisfy a rule any more.
    fn updates_lose(
        &mut self,
        installed: i32,
        number_of: &std::collections::HashMap<i32, usize>,
        literals: &[i32],
    ) -> bool {
        let Some(number) = number_of.get(&installed) else { return false };
        let rule = self.engine.rule(self.engine.ranges.update + number);
        let mut updates: Vec<i32> = rule.literals(&self.world.lists.data).collect();
        if updates.len() > 1 && !updates.iter().all(|literal| literals.contains(literal)) {
            self.filter(&mut updates, Mode::Choose);
        }
        !updates.iter().any(|literal| literals.contains(literal))
    }

    /// Switches rules off that stand in the way of what is asked for.
    pub(super) fn give_way(&mut self, jobs: &[Job]) {
        for job in jobs {
            let Job::OneOf(packages) = job else { continue };
            // Who asks for a package may ask for that architecture.
            for at in self.engine.ranges.arch() {
                let barred = -self.engine.rule(at).p;
                if packages.contains(&barred) {
                    let name = self.world.name(barred);
                    for other in self.engine.ranges.arch() {
                        if self.world.name(-self.engine.rule(other).p) == name {
                            self.engine.switch_off(other);
                        }
                    }
                }
            }
            if self.installed.is_empty() || packages.iter().any(|literal| self.world.is_installed(*literal)) {
                continue;
            }
            // An installed package that all candidates replace need not be updated otherwise.
            let mut replaced: Option<Vec<i32>> = None;
            for literal in packages {
                let mut hit: Vec<i32> = self.world.lists.named(self.world.name(*literal)).collect();
                hit.retain(|other| self.world.same_color(*literal, *other));
                for cap in self.world.caps(*literal, DependencyKind::Obsoletes) {
                    let list = self.world.lists.obsoleted(*cap);
                    hit.extend_from_slice(self.world.lists.get(list));
                }
                hit.retain(|other| self.world.is_installed(*other));
                match &mut replaced {
                    Some(replaced) => replaced.retain(|other| hit.contains(other)),
                    None => replaced = Some(hit),
                }
            }
            for literal in replaced.unwrap_or_default() {
                self.no_update.insert(literal);
                let Ok(number) = self.installed.binary_search(&literal) else { continue };
                for at in [self.engine.ranges.update + number, self.engine.ranges.feature + number] {
                    if self.engine.rule(at).p != 0 {
                        self.engine.switch_off(at);
                    }
                }
                let start = self.engine.ranges.arch_end;
                for (number, of) in self.best_of.clone().into_iter().enumerate() {
                    if of == literal {
                        self.engine.switch_off(start + number);
                    }
                }
            }
        }
    }
}
