//! The order of choices: assertions, what was asked for, the installed system, requirements, weak dependencies, and at
//! last taking choices back that turned out not to be needed. Follows `solver_run_sat` of libsolv's `solver.c`.

use super::Policy;
use super::build::World;
use super::engine::{Engine, Failure};
use super::policy::Mode;
use super::rules::Bits;
use super::weak::Postponed;

/// One search from the rules to an answer.
pub(super) struct Search<'p> {
    pub(super) world: World<'p>,
    pub(super) engine: Engine,
    pub(super) policy: Policy,
    pub(super) weak: bool,
    /// Whether all installed packages are to be updated.
    pub(super) update_all: bool,
    /// The installed packages, ascending.
    pub(super) installed: Vec<i32>,
    /// Installed packages that are not updated, since what was asked for decides about them.
    pub(super) no_update: Bits,
    /// Packages that supplement or enhance others, ascending.
    pub(super) weak_candidates: Vec<i32>,
    /// Packages that weak dependencies must not bring in.
    pub(super) not_weak: Bits,
    pub(super) recommended: Bits,
    pub(super) suggested: Bits,
    /// For recommended and suggested packages.
    pub(super) postponed: [Postponed; 2],
    /// Behind the last rule of each package's group, by package.
    pub(super) group_end: Vec<u32>,
    /// Whether supplements of installed packages are to be heeded that are not decided yet.
    reorder: bool,
    /// Where among the installed packages to begin: the one that made trouble the last time.
    installed_at: usize,
    /// Whether older versions may take the place of installed ones.
    pub(super) allow_downgrade: bool,
    /// Of each rule for the best version: the rule that it narrows, negative, or the installed package.
    pub(super) best_of: Vec<i32>,
    /// Installed packages that no repository has any more, nor anything newer.
    pub(super) orphaned: Vec<i32>,
}

/// Most choices that are taken back; each one starts the rest of the search anew.
const MOST_STEPS: usize = 10_000;

impl<'p> Search<'p> {
    pub(super) fn new(world: World<'p>, policy: Policy, weak: bool) -> Self {
        let bound = world.bound;
        Self {
            engine: Engine::new(bound),
            policy,
            weak,
            update_all: false,
            allow_downgrade: true,
            best_of: Vec::new(),
            installed: Vec::new(),
            no_update: Bits::new(bound),
            weak_candidates: Vec::new(),
            not_weak: Bits::new(bound),
            recommended: Bits::new(bound),
            suggested: Bits::new(bound),
            postponed: [Vec::new(), Vec::new()],
            group_end: Vec::new(),
            reorder: false,
            installed_at: 0,
            orphaned: Vec::new(),
            world,
        }
    }

    /// Searches; afterwards the engine's trail holds the answer.
    pub(super) fn run(&mut self) -> Result<(), Failure> {
        self.engine.start();
        let mut level = 0;
        let mut system_level = 1;
        let mut steps = 0;
        let system = !self.installed.is_empty();
        loop {
            if level <= 0 {
                self.engine.decide_assertions(&self.world.lists.data)?;
                level = 1;
                system_level = 2;
            }
            if level < system_level {
                self.reorder = system;
                let before = level;
                level = self.resolve_jobs(level)?;
                self.reorder = false;
                if level < before {
                    continue;
                }
                system_level = level + 1;
            }
            if level < system_level && system {
                let before = level;
                level = self.resolve_installed(level)?;
                if level < before {
                    continue;
                }
                system_level = level + 1;
            }
            system_level = system_level.min(level);
            let before = level;
            level = self.resolve_requirements(level)?;
            if level < before {
                continue;
            }
            if self.weak {
                let (new_level, any) = self.resolve_weak(level)?;
                level = new_level;
                if any {
                    continue;
                }
            }
            if !self.orphaned.is_empty() {
                let (new_level, any) = self.resolve_orphaned(level)?;
                level = new_level;
                if any {
                    continue;
                }
            }
            let (new_level, any) = self.drop_undecided(level)?;
            level = new_level;
            if any {
                continue;
            }
            if self.engine.drop_broken_choices(&self.world.lists.data) {
                level = 0;
                continue;
            }
            if let Some((at, end)) = self.needless_choice() {
                steps += 1;
                if steps > MOST_STEPS {
                    return Ok(());
                }
                level = self.take_branch(at, end)?;
                continue;
            }
            return Ok(());
        }
    }

    pub(super) fn choose(&mut self, level: i32, literal: i32, asked_by: usize) -> Result<i32, Failure> {
        self.engine.choose(&mut self.world.lists.data, level, literal, asked_by)
    }

    pub(super) fn add_rule(&mut self, p: i32, others: &[i32]) -> usize {
        self.engine.add_rule(&mut self.world.lists.data, p, others)
    }

    /// Decides about installed packages that nothing decided about.
    fn drop_undecided(&mut self, mut level: i32) -> Result<(i32, bool), Failure> {
        for number in 0..self.installed.len() {
            let literal = self.installed[number];
            if self.engine.level(literal) != 0 {
                continue;
            }
            let before = level;
            level = self.choose(level, -literal, 0)?;
            if level < before {
                return Ok((level, true));
            }
        }
        Ok((level, false))
    }

    fn resolve_jobs(&mut self, level: i32) -> Result<i32, Failure> {
        let first_level = level;
        let mut level = level;
        let mut at = self.engine.ranges.jobs().start;
        while at < self.engine.ranges.jobs().end {
            let Some(mut open) = self.open_literals(at) else {
                at += 1;
                continue;
            };
            if open.len() > 1 && !self.update_all {
                let there: Vec<i32> =
                    open.iter().copied().filter(|literal| self.world.is_installed(*literal)).collect();
                if !there.is_empty() {
                    open = there;
                }
            }
            let before = level;
            level = self.select(level, open, at)?;
            if level > before {
                at += 1;
            } else if level < before {
                if level < first_level {
                    return Ok(level);
                }
                at = self.engine.ranges.jobs().start;
            }
        }
        Ok(level)
    }

    /// The undecided packages of a rule that does not hold yet; none when it holds or has no such packages.
    fn open_literals(&self, at: usize) -> Option<Vec<i32>> {
        let rule = self.engine.rule(at);
        if rule.is_off() {
            return None;
        }
        let mut open = Vec::new();
        for literal in rule.literals(&self.world.lists.data) {
            let level = self.engine.level(literal);
            if literal < 0 {
                if level <= 0 {
                    return None;
                }
            } else if level > 0 {
                return None;
            } else if level == 0 {
                open.push(literal);
            }
        }
        (!open.is_empty()).then_some(open)
    }

    /// Chooses the best of some packages; keeps the others in mind.
    fn select(&mut self, level: i32, mut open: Vec<i32>, rule: usize) -> Result<i32, Failure> {
        if open.len() > 1 {
            self.filter(&mut open, Mode::Choose);
        }
        if open.len() > 1 && self.reorder {
            self.supplements_of_installed_first(level, &mut open);
        }
        if open.len() > 1 {
            self.branch(level, &open, 0);
        }
        let Some(first) = open.first().copied() else { return Ok(level) };
        self.choose(level, first, rule)
    }

    /// Keeps a choice in mind: the first of the packages is tried now.
    pub(super) fn branch(&mut self, level: i32, open: &[i32], by: i32) {
        let Some((first, others)) = open.split_first() else { return };
        self.engine.branches.push(-first);
        self.engine.branches.extend_from_slice(others);
        self.engine.branches.extend_from_slice(&[by, 0, open.len() as i32 + 4, level]);
    }

    fn take_branch(&mut self, at: usize, end: usize) -> Result<i32, Failure> {
        let branches = &mut self.engine.branches;
        let level = branches[end - 1];
        let literal = branches[at];
        branches[at] = -literal;
        // So that going back does not drop this group.
        branches[end - 1] = 0;
        let why = self.engine.revert(level);
        self.engine.branches[end - 1] = level;
        self.choose(level, literal, usize::try_from(-why).unwrap_or_default())
    }

    /// While jobs are resolved, the installed packages are not decided about; what they recommend counts all the same.
    fn supplements_of_installed_first(&mut self, level: i32, open: &mut Vec<i32>) {
        use copr_rpm::DependencyKind::{Recommends, Suggests};
        let decisions = self.engine.trail.len();
        let mut taken = Vec::new();
        for number in 0..self.installed.len() {
            let literal = self.installed[number];
            if self.no_update.has(literal) || self.engine.level(literal) != 0 {
                continue;
            }
            if [Recommends, Suggests].into_iter().any(|kind| !self.world.caps(literal, kind).is_empty()) {
                self.engine.trail.push(literal);
            }
            self.engine.level_of[literal as usize] = level + 1;
            taken.push(literal);
        }
        if taken.is_empty() {
            return;
        }
        self.update_recommended();
        for recommended in [false, true] {
            let good: Vec<bool> = open
                .iter()
                .map(|literal| {
                    self.world.is_installed(*literal)
                        || if recommended {
                            self.recommended.has(*literal) || self.is_supplementing(*literal)
                        } else {
                            self.suggested.has(*literal) || self.is_enhancing(*literal)
                        }
                })
                .collect();
            let all = std::mem::take(open);
            let pairs = || all.iter().copied().zip(good.iter().copied());
            open.extend(pairs().filter(|(_, good)| *good).map(|(literal, _)| literal));
            open.extend(pairs().filter(|(_, good)| !*good).map(|(literal, _)| literal));
        }
        for literal in taken {
            self.engine.level_of[literal as usize] = 0;
        }
        if self.engine.trail.len() != decisions {
            self.engine.recommended_up_to = None;
            self.engine.trail.truncate(decisions);
        }
    }

    /// Keeps or updates each installed package.
    fn resolve_installed(&mut self, level: i32) -> Result<i32, Failure> {
        let (first_level, mut level) = (level, level);
        let count = self.installed.len();
        {
            let mut seen = 0;
            let mut number = self.installed_at;
            while seen < count {
                number %= count;
                let literal = self.installed[number];
                let (update, feature) = (self.engine.ranges.update + number, self.engine.ranges.feature + number);
                if self.engine.level(literal) > 0 {
                    (number, seen) = (number + 1, seen + 1);
                    continue;
                }
                let mut at = update;
                if self.engine.rule(at).p == 0 || self.engine.rule(at).is_off() {
                    at = feature;
                }
                if self.engine.rule(at).p == 0 {
                    at = update;
                }
                let rule = self.engine.rule(at);
                if rule.p == 0 {
                    (number, seen) = (number + 1, seen + 1);
                    continue;
                }
                let mut open = Vec::new();
                if !self.no_update.has(literal)
                    && (self.engine.level(literal) < 0 || self.update_all || rule.p != literal)
                {
                    for other in rule.literals(&self.world.lists.data) {
                        if self.engine.level(other) > 0 {
                            open.clear();
                            break;
                        }
                        if self.engine.level(other) == 0 {
                            open.push(other);
                        }
                    }
                }
                // First the best update, if one is due; if the package is still undecided then, it is kept.
                let mut trouble = false;
                for update_now in [true, false] {
                    let before = level;
                    if update_now && !open.is_empty() {
                        level = self.select(level, std::mem::take(&mut open), at)?;
                    } else if !update_now && self.engine.level(literal) == 0 {
                        level = self.choose(level, literal, update)?;
                    } else {
                        continue;
                    }
                    if level < first_level {
                        self.installed_at = number;
                        return Ok(level);
                    }
                    if level < before {
                        seen = 0;
                    }
                    if level <= before {
                        trouble = true;
                        break;
                    }
                }
                if trouble {
                    continue;
                }
                (number, seen) = (number + 1, seen + 1);
            }
            self.installed_at = 0;
        }
        Ok(level)
    }

    fn resolve_orphaned(&mut self, mut level: i32) -> Result<(i32, bool), Failure> {
        let mut any = false;
        for number in 0..self.orphaned.len() {
            let literal = self.orphaned[number];
            if self.engine.level(literal) != 0 {
                continue;
            }
            any = true;
            let before = level;
            level = self.choose(level, literal, 0)?;
            if level < before {
                break;
            }
        }
        if any {
            return Ok((level, true));
        }
        Ok((level, false))
    }

    /// Fulfils all rules: first those where the best package is clear, then, one by one, those with a choice.
    fn resolve_requirements(&mut self, level: i32) -> Result<i32, Failure> {
        let (first_level, mut level) = (level, level);
        // The first rule that was put off for its choice: 0 none yet, -1 now such rules are decided.
        let mut postponed = 0_i64;
        let (mut at, mut seen) = (1_usize, 1_usize);
        let packages = self.engine.ranges.packages;
        loop {
            let count = self.engine.rules.len();
            if seen >= count {
                if postponed <= 0 {
                    return Ok(level);
                }
                at = usize::try_from(postponed).unwrap_or(1);
                postponed = -1;
                seen = 1;
            }
            if at >= count {
                at = 1;
            }
            let p = self.engine.rules[at].p;
            if at < packages && p < 0 && self.engine.level(p) <= 0 {
                // None of this package's rules asks for anything.
                let end = self.group_end.get(p.unsigned_abs() as usize).map_or(at + 1, |end| *end as usize);
                seen += end - at;
                at = end;
                continue;
            }
            let Some(mut open) = self.open_literals(at).filter(|open| open.len() > 1) else {
                (at, seen) = (at + 1, seen + 1);
                continue;
            };
            if postponed >= 0 {
                self.filter(&mut open, Mode::ChooseUnordered);
                if open.len() > 1 {
                    if postponed == 0 {
                        postponed = at as i64;
                    }
                    (at, seen) = (at + 1, seen + 1);
                    continue;
                }
            }
            level = self.select(level, open, at)?;
            if level < first_level {
                return Ok(level);
            }
            // Something changed: all rules are looked at again.
            (at, seen) = (at + 1, 1);
        }
    }

    /// The last choice of which another package was chosen as well later on, or another one is recommended.
    fn needless_choice(&mut self) -> Option<(usize, usize)> {
        if self.engine.branches.is_empty() {
            return None;
        }
        self.update_recommended();
        let mut found = None;
        let mut end = self.engine.branches.len();
        while end > 0 {
            let level = self.engine.branches[end - 1];
            let start = end.saturating_sub(self.engine.branches[end - 2] as usize);
            let mut better = None;
            for at in start..end - 4 {
                let literal = self.engine.branches[at];
                if literal <= 0 {
                    continue;
                }
                if self.engine.level(literal) > level {
                    found = Some((at, end));
                    better = None;
                    break;
                }
                if better.is_none() && (self.recommended.has(literal) || self.is_supplementing(literal)) {
                    better = Some(at);
                }
            }
            if let Some(better) = better {
                for at in start..end - 4 {
                    let literal = -self.engine.branches[at];
                    if literal > 0
                        && self.engine.level(literal) == level + 1
                        && !(self.recommended.has(literal) || self.is_supplementing(literal))
                    {
                        found = Some((better, end));
                        break;
                    }
                }
            }
            end = start;
        }
        found
    }
}
