//! The engine: decisions, what follows from them, and what is learnt from conflicts.
//!
//! This is libsolv's search (`solver.c`), decision for decision: which rule is looked at next decides which of several
//! possible answers is found, and the answer is to be the one that dnf gives. A general engine cannot be used for it:
//! `resolvo`'s `Solver::decide` takes requirements that were asked for first, then those of names with the most recent
//! conflicts (`name_activity`), then those with the fewest candidates, and a `DependencyProvider` has a say only in the
//! order of the candidates of one requirement (`sort_candidates`). It also forbids two packages of one name
//! (`Clause::ForbidMultipleInstances`), which multilib needs, and takes no choice back that turned out to be needless.
//!
//! The lists that rules name are kept with all other lists: `data` below, each list ended by a zero.

use super::rules::{Bits, Ranges, Rule};
use crate::formula::SYSTEM;

/// Most conflicts until the search is given up; real requests meet some tens.
const MOST_CONFLICTS: usize = 20_000;

/// Why a search ends without an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// These rules exclude each other.
    Core(Vec<usize>),
    /// Too many conflicts.
    GaveUp,
}

/// Rules, decisions and what was learnt.
#[derive(Default)]
pub(super) struct Engine {
    /// One more than the greatest number of a package.
    pub(super) bound: usize,
    /// From 1; 0 is no rule.
    pub(super) rules: Vec<Rule>,
    pub(super) ranges: Ranges,
    /// By package: the level at which it was decided, negative when against it, 0 undecided.
    pub(super) level_of: Vec<i32>,
    /// Decisions in their order.
    pub(super) trail: Vec<i32>,
    /// Of each decision, the rule that it follows from, or for a free one the negative of the rule that asked for it.
    pub(super) why: Vec<i32>,
    propagated: usize,
    /// By literal plus `bound`: the first rule that watches it.
    watchers: Vec<u32>,
    /// Rules of one literal, ascending.
    assertions: Vec<u32>,
    /// For each learnt rule, where its reasons start in `reasons`.
    learnt_why: Vec<usize>,
    /// Numbers of rules, each list ended by a zero.
    reasons: Vec<u32>,
    /// Choices that could be made otherwise, one group after the other:
    /// `[-tried.. untried.. package dependency size level]`.
    pub(super) branches: Vec<i32>,
    /// How far the trail has been taken into the maps of recommended packages; `None`: start over.
    pub(super) recommended_up_to: Option<usize>,
    conflicts: usize,
    /// For each choice rule, the rule of a package that it narrows.
    pub(super) choice_of: Vec<usize>,
}

impl Engine {
    pub(super) fn new(bound: usize) -> Self {
        Self {
            bound,
            rules: vec![Rule::default()],
            level_of: vec![0; bound],
            recommended_up_to: Some(0),
            reasons: vec![0],
            ..Self::default()
        }
    }

    pub(super) fn level(&self, package: i32) -> i32 {
        self.level_of.get(package.unsigned_abs() as usize).copied().unwrap_or_default()
    }

    pub(super) fn is_chosen(&self, package: i32) -> bool {
        self.level(package) > 0
    }

    fn is_true(&self, literal: i32) -> bool {
        let level = self.level(literal);
        if literal > 0 { level > 0 } else { level < 0 }
    }

    fn is_false(&self, literal: i32) -> bool {
        let level = self.level(literal);
        if literal > 0 { level < 0 } else { level > 0 }
    }

    pub(super) fn rule(&self, at: usize) -> Rule {
        self.rules.get(at).copied().unwrap_or_default()
    }

    pub(super) fn switch_off(&mut self, at: usize) {
        if let Some(rule) = self.rules.get_mut(at) {
            rule.switch_off();
        }
    }

    /// Adds a rule of `p` and other literals; returns its number.
    pub(super) fn add_rule(&mut self, data: &mut Vec<i32>, p: i32, others: &[i32]) -> usize {
        let rule = match others {
            [] => Rule::new(p, 0),
            [second] => Rule::new(p, *second),
            [first, ..] => {
                data.push(i32::try_from(others.len()).unwrap_or_default());
                let at = u32::try_from(data.len()).unwrap_or_default();
                data.extend_from_slice(others);
                data.push(0);
                Rule::with_list(p, at, *first)
            }
        };
        self.rules.push(rule);
        self.rules.len() - 1
    }

    /// Begins to watch, after all rules were added.
    pub(super) fn start(&mut self) {
        self.watchers = vec![0; 2 * self.bound];
        for at in (1..self.rules.len()).rev() {
            self.watch(at);
        }
        let assertions = self.rules.iter().enumerate().skip(1).filter(|(_, rule)| rule.is_assertion());
        self.assertions = assertions.map(|(at, _)| at as u32).collect();
    }

    fn slot(&self, literal: i32) -> usize {
        (literal + self.bound as i32) as usize
    }

    fn watch(&mut self, at: usize) {
        let [first, second] = self.rule(at).watched;
        if second == 0 {
            return;
        }
        for (side, literal) in [first, second].into_iter().enumerate() {
            let slot = self.slot(literal);
            let before = std::mem::replace(&mut self.watchers[slot], at as u32);
            self.rules[at].next[side] = before;
        }
    }

    fn decide(&mut self, literal: i32, level: i32, why: i32) {
        if let Some(place) = self.level_of.get_mut(literal.unsigned_abs() as usize) {
            *place = if literal > 0 { level } else { -level };
        }
        self.trail.push(literal);
        self.why.push(why);
    }

    /// Follows all rules that a decision touches; the rule that cannot hold any more, if there is one.
    fn propagate(&mut self, data: &[i32], level: i32) -> Option<usize> {
        while let Some(decided) = self.trail.get(self.propagated).copied() {
            let gone = -decided;
            self.propagated += 1;
            let slot = self.slot(gone);
            let mut before: Option<(usize, usize)> = None;
            let mut at = self.watchers[slot] as usize;
            while at != 0 {
                let rule = self.rules[at];
                let side = usize::from(gone != rule.watched[0]);
                let next = rule.next[side];
                let other = rule.watched[1 - side];
                if rule.is_off() || self.is_true(other) {
                    before = Some((at, side));
                    at = next as usize;
                    continue;
                }
                if rule.d != 0
                    && let Some(literal) = self.other_to_watch(data, &rule, other)
                {
                    match before {
                        Some((rule, side)) => self.rules[rule].next[side] = next,
                        None => self.watchers[slot] = next,
                    }
                    let new_slot = self.slot(literal);
                    let head = std::mem::replace(&mut self.watchers[new_slot], at as u32);
                    let rule = &mut self.rules[at];
                    rule.watched[side] = literal;
                    rule.next[side] = head;
                    at = next as usize;
                    continue;
                }
                if self.is_false(other) {
                    return Some(at);
                }
                self.decide(other, level, at as i32);
                before = Some((at, side));
                at = next as usize;
            }
        }
        None
    }

    /// A literal of a rule that is not false and not watched already.
    fn other_to_watch(&self, data: &[i32], rule: &Rule, other: i32) -> Option<i32> {
        if rule.p != other && !self.is_false(rule.p) {
            return Some(rule.p);
        }
        let list = data.get(rule.d as usize..)?;
        let mut literals = list.iter().copied().take_while(|literal| *literal != 0);
        literals.find(|literal| *literal != other && !self.is_false(*literal))
    }

    /// Takes back all decisions above a level. Returns why the first of these was made.
    pub(super) fn revert(&mut self, level: i32) -> i32 {
        let mut why = 0;
        while let Some(literal) = self.trail.last().copied() {
            if self.level(literal).abs() <= level {
                break;
            }
            self.level_of[literal.unsigned_abs() as usize] = 0;
            self.trail.pop();
            why = self.why.pop().unwrap_or_default();
            self.propagated = self.trail.len();
        }
        while let [.., size, last] = self.branches.as_slice() {
            if *last < level {
                break;
            }
            let left = self.branches.len().saturating_sub(*size as usize);
            self.branches.truncate(left);
        }
        if self.recommended_up_to.is_some_and(|up_to| up_to > self.trail.len()) {
            self.recommended_up_to = None;
        }
        why
    }

    /// Forgets all decisions, after rules were switched off.
    fn reset(&mut self) {
        for literal in self.trail.drain(..) {
            self.level_of[literal.unsigned_abs() as usize] = 0;
        }
        self.why.clear();
        self.recommended_up_to = None;
        self.propagated = 0;
        self.branches.clear();
        self.follow_switches();
    }

    /// Switches learnt rules off whose reasons are, and on where they are on again.
    fn follow_switches(&mut self) {
        let learnt = self.ranges.learnt();
        for (number, from) in self.learnt_why.clone().into_iter().enumerate() {
            let reasons = self.reasons.get(from..).unwrap_or_default().iter().take_while(|why| **why != 0);
            let off = reasons.into_iter().any(|why| self.rule(*why as usize).is_off());
            if let Some(rule) = self.rules.get_mut(learnt + number) {
                if off { rule.switch_off() } else { rule.switch_on() }
            }
        }
    }

    fn is_weak(&self, at: usize) -> bool {
        self.ranges.choices().contains(&at)
    }

    /// Decides what rules of one literal say and follows it; ends at level 1.
    pub(super) fn decide_assertions(&mut self, data: &[i32]) -> Result<(), Failure> {
        loop {
            self.trail.clear();
            self.why.clear();
            self.level_of.fill(0);
            self.propagated = 0;
            self.decide(SYSTEM, 1, 0);
            if !self.assert_rules(data, false)? || !self.assert_rules(data, true)? {
                continue;
            }
            let Some(conflict) = self.propagate(data, 1) else { return Ok(()) };
            self.unsolvable(data, conflict)?;
        }
    }

    /// False when a rule had to be switched off: start over.
    fn assert_rules(&mut self, data: &[i32], weak: bool) -> Result<bool, Failure> {
        let learnt = self.ranges.learnt();
        for number in 0..self.assertions.len() {
            let at = self.assertions[number] as usize;
            let rule = self.rule(at);
            if !rule.is_assertion() || rule.is_off() || self.is_weak(at) != weak || (weak && at >= learnt) {
                continue;
            }
            if self.level(rule.p) == 0 {
                self.decide(rule.p, 1, at as i32);
                continue;
            }
            if self.is_true(rule.p) {
                continue;
            }
            if at >= learnt {
                // It cannot be installed for several reasons.
                self.switch_off(at);
                continue;
            }
            if weak {
                self.switch_off_weak(data, at);
                self.follow_switches();
                return Ok(false);
            }
            let before = self.trail.iter().position(|literal| *literal == -rule.p);
            let other = before.and_then(|before| self.why.get(before).copied()).unwrap_or_default();
            let other = usize::try_from(other).unwrap_or_default();
            return Err(Failure::Core(if other == 0 { vec![at] } else { self.unfold(&[other, at]) }));
        }
        Ok(true)
    }

    /// Makes a free decision (unless it is 0) and follows it; learns from conflicts. Returns the level, 0: start over.
    pub(super) fn choose(
        &mut self,
        data: &mut Vec<i32>,
        level: i32,
        literal: i32,
        asked_by: usize,
    ) -> Result<i32, Failure> {
        let mut level = level;
        if literal != 0 {
            level += 1;
            self.decide(literal, level, -(asked_by as i32));
        }
        loop {
            let Some(conflict) = self.propagate(data, level) else { return Ok(level) };
            if level == 1 {
                self.unsolvable(data, conflict)?;
                return Ok(0);
            }
            self.conflicts += 1;
            if self.conflicts > MOST_CONFLICTS {
                return Err(Failure::GaveUp);
            }
            let (new_level, learnt) = self.learn(data, level, conflict);
            level = new_level;
            let decision = self.rule(learnt).p;
            self.decide(decision, level, learnt as i32);
        }
    }

    /// Finds the first decision of this level that all of a conflict goes through, and learns that it was wrong.
    fn learn(&mut self, data: &mut Vec<i32>, level: i32, conflict: usize) -> (i32, usize) {
        let reasons = self.reasons.len();
        let mut seen = Bits::new(self.bound);
        let mut others: Vec<i32> = Vec::new();
        let (mut here, mut at_one) = (0_usize, 0_usize);
        let mut back_to = 1;
        let mut index = self.trail.len();
        let mut decision = 0;
        let mut rule = Some(conflict);
        loop {
            if let Some(at) = rule.take() {
                self.reasons.push(at as u32);
                let rule = self.rule(at);
                for literal in rule.literals(data) {
                    if self.is_true(literal) || !seen.insert(literal.abs()) {
                        continue;
                    }
                    let at_level = self.level(literal).abs();
                    if at_level == 1 {
                        at_one += 1;
                    } else if at_level == level {
                        here += 1;
                    } else {
                        others.push(literal);
                        back_to = back_to.max(at_level);
                    }
                }
            }
            if here == 0 {
                at_one = at_one.saturating_sub(1);
                if at_one == 0 {
                    break;
                }
            }
            // There is one left, so it is found.
            let literal = loop {
                let Some(before) = index.checked_sub(1) else { break 0 };
                index = before;
                let literal = self.trail[index];
                if seen.has(literal.abs()) {
                    break literal;
                }
            };
            if literal == 0 {
                break;
            }
            seen.remove(literal.abs());
            if here > 0 {
                here -= 1;
                if here == 0 {
                    decision = -literal;
                    if at_one == 0 {
                        break;
                    }
                    // What is left are decisions of level 1, which are followed only for the sake of explanations.
                    for other in &others {
                        seen.remove(other.abs());
                    }
                    at_one += 1;
                    continue;
                }
            }
            let why = self.why[index];
            if why > 0 {
                rule = Some(why as usize);
            }
        }
        self.reasons.push(0);
        self.revert(back_to);
        let learnt = self.add_rule(data, decision, &others);
        self.learnt_why.push(reasons);
        if others.is_empty() {
            self.assertions.push(learnt as u32);
        } else {
            self.watch_highest(data, learnt);
            self.watch(learnt);
        }
        (back_to, learnt)
    }

    /// Watches the literal of the list that was decided last.
    fn watch_highest(&mut self, data: &[i32], at: usize) {
        let rule = self.rule(at);
        if rule.d == 0 {
            return;
        }
        let mut best = 0;
        let mut second = rule.watched[1];
        for literal in rule.literals(data).skip(1) {
            let level = self.level(literal).abs();
            if level > best {
                best = level;
                second = literal;
            }
        }
        self.rules[at].watched[1] = second;
    }

    /// There is no answer with all rules: switches a weak one off, or names the rules that exclude each other.
    fn unsolvable(&mut self, data: &[i32], conflict: usize) -> Result<(), Failure> {
        let mut involved = Bits::new(self.bound);
        let mut proof = vec![conflict];
        let rule = self.rule(conflict);
        rule.literals(data).for_each(|literal| {
            involved.insert(literal.abs());
        });
        for index in (0..self.trail.len()).rev() {
            let literal = self.trail[index];
            let why = self.why[index];
            if !involved.has(literal.abs()) || literal == SYSTEM || why <= 0 {
                continue;
            }
            proof.push(why as usize);
            let rule = self.rule(why as usize);
            for literal in rule.literals(data).filter(|literal| !self.is_true(*literal)) {
                involved.insert(literal.abs());
            }
        }
        let proof = self.unfold(&proof);
        let Some(weak) = proof.iter().copied().filter(|at| self.is_weak(*at)).max() else {
            return Err(Failure::Core(proof));
        };
        self.switch_off_weak(data, weak);
        self.reset();
        Ok(())
    }

    /// The rules that others were learnt from, each once, in the order of finding.
    fn unfold(&self, proof: &[usize]) -> Vec<usize> {
        let learnt = self.ranges.learnt();
        let mut seen = std::collections::HashSet::new();
        let mut waiting: Vec<usize> = proof.iter().rev().copied().collect();
        let mut found = Vec::new();
        while let Some(at) = waiting.pop() {
            if !seen.insert(at) {
                continue;
            }
            let Some(number) = at.checked_sub(learnt) else {
                found.push(at);
                continue;
            };
            let from = self.learnt_why.get(number).copied().unwrap_or_default();
            let reasons = self.reasons.get(from..).unwrap_or_default().iter().take_while(|why| **why != 0);
            waiting.extend(reasons.map(|why| *why as usize));
        }
        found
    }

    /// Switches a choice rule off, and all others that would stand in the way of what it kept out.
    fn switch_off_weak(&mut self, data: &[i32], at: usize) {
        self.switch_off(at);
        let from = self.ranges.choices().start;
        let of = |engine: &Self, at: usize| {
            let number = engine.choice_of.get(at - from).copied().unwrap_or_default();
            engine.rule(number)
        };
        let mut wanted: Vec<i32> = of(self, at).literals(data).filter(|literal| *literal > 0).collect();
        let rule = self.rule(at);
        let kept: Vec<i32> = rule.literals(data).collect();
        wanted.retain(|literal| !kept.contains(literal));
        for other in self.ranges.choices() {
            if !self.rule(other).is_off() && of(self, other).literals(data).any(|l| l > 0 && wanted.contains(&l)) {
                self.switch_off(other);
            }
        }
    }

    /// Switches choice rules off that turned out to be broken anyway; whether there were any.
    pub(super) fn drop_broken_choices(&mut self, data: &[i32]) -> bool {
        let mut dropped = false;
        for at in self.ranges.choices() {
            let rule = self.rule(at);
            let number = self.choice_of.get(at - self.ranges.choices().start).copied().unwrap_or_default();
            let original = self.rule(number);
            if rule.is_off() || original.is_off() {
                continue;
            }
            let chosen = original.literals(data).filter(|literal| *literal > 0 && self.is_chosen(*literal));
            let broken = chosen.into_iter().any(|literal| !rule.literals(data).any(|kept| kept == literal));
            if broken {
                self.switch_off_weak(data, at);
                dropped = true;
            }
        }
        if dropped {
            self.reset();
        }
        dropped
    }
}
