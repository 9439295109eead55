//! Weak dependencies: which packages are recommended, supplement or enhance what is chosen, and taking them in.

use std::rc::Rc;

use copr_rpm::DependencyKind;

use super::engine::Failure;
use super::lists::{Dep, FIRST};
use super::policy::Mode;
use super::rules::Bits;
use super::search::Search;
use crate::formula::{Form, Formula, Normal, normalize};
use crate::pool::Cap;

/// Rich weak dependencies whose conditions are not decided yet: a package that is waited for, and the dependency.
pub(super) type Postponed = Vec<(i32, Rc<Formula>)>;

/// Whether a dependency holds, and if so, whether by a package that is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Held {
    No,
    Before,
    Newly,
}

impl Search<'_> {
    pub(super) fn is_fulfilled(&mut self, cap: Cap) -> bool {
        match self.world.lists.dep(cap) {
            Dep::List(list) => self.holds_list(list),
            Dep::Rich(formula) => self.holds(&formula),
            Dep::Unreadable => false,
        }
    }

    fn holds_list(&self, list: u32) -> bool {
        self.world.lists.get(list).iter().any(|literal| self.engine.is_chosen(*literal))
    }

    fn holds(&self, formula: &Formula) -> bool {
        match formula {
            Formula::List(list) => self.holds_list(*list),
            Formula::And(parts) => parts.iter().all(|part| self.holds(part)),
            Formula::Or(parts) => parts.iter().any(|part| self.holds(part)),
            Formula::If(parts) => match &parts.2 {
                Some(otherwise) if !self.holds(&parts.1) => self.holds(otherwise),
                Some(_) => self.holds(&parts.0),
                None => self.holds(&parts.0) || !self.holds(&parts.1),
            },
            Formula::Unless(parts) => match &parts.2 {
                Some(otherwise) if self.holds(&parts.1) => self.holds(otherwise),
                Some(_) => self.holds(&parts.0),
                None => self.holds(&parts.0) && !self.holds(&parts.1),
            },
        }
    }

    pub(super) fn is_supplementing(&mut self, literal: i32) -> bool {
        self.world.caps(literal, DependencyKind::Supplements).iter().any(|cap| self.is_fulfilled(*cap))
    }

    pub(super) fn is_enhancing(&mut self, literal: i32) -> bool {
        self.world.caps(literal, DependencyKind::Enhances).iter().any(|cap| self.is_fulfilled(*cap))
    }

    /// Whether a package supplements something that was not installed before.
    fn is_supplementing_new(&mut self, literal: i32) -> bool {
        self.world.caps(literal, DependencyKind::Supplements).iter().any(|cap| {
            let held = match self.world.lists.dep(*cap) {
                Dep::List(list) => self.held_list(list),
                Dep::Rich(formula) => self.held(&formula),
                Dep::Unreadable => Held::No,
            };
            held == Held::Newly
        })
    }

    fn held_list(&self, list: u32) -> Held {
        let mut held = Held::No;
        for literal in self.world.lists.get(list) {
            if self.engine.is_chosen(*literal) {
                if !self.world.is_installed(*literal) && *literal >= FIRST {
                    return Held::Newly;
                }
                held = Held::Before;
            }
        }
        held
    }

    /// As libsolv's `solver_dep_fulfilled_alreadyinstalled`.
    fn held(&self, formula: &Formula) -> Held {
        let both = |first: Held, second: Held| if second != Held::No && first == Held::Newly { first } else { second };
        match formula {
            Formula::List(list) => self.held_list(*list),
            Formula::And(parts) => {
                let mut best = Held::Before;
                for part in parts {
                    match self.held(part) {
                        Held::No => return Held::No,
                        held => best = best.max(held),
                    }
                }
                best
            }
            Formula::Or(parts) => parts.iter().map(|part| self.held(part)).max().unwrap_or(Held::No),
            Formula::If(parts) | Formula::Unless(parts) => {
                let unless = matches!(formula, Formula::Unless(_));
                let (then, condition, otherwise) = parts.as_ref();
                if let Some(otherwise) = otherwise {
                    let held = self.held(condition);
                    return match (held, unless) {
                        (Held::No, false) => self.held(otherwise),
                        (Held::No, true) => self.held(then),
                        (held, false) => both(held, self.held(then)),
                        (held, true) => both(held, self.held(otherwise)),
                    };
                }
                let (held, free) = (self.held(then), self.held(condition) == Held::No);
                let holds = if unless { held != Held::No && free } else { held != Held::No || free };
                match (holds, held) {
                    (false, _) => Held::No,
                    (true, Held::Newly) => Held::Newly,
                    (true, _) => Held::Before,
                }
            }
        }
    }

    /// Takes what was chosen since into the maps of recommended and suggested packages.
    pub(super) fn update_recommended(&mut self) {
        let from = match self.engine.recommended_up_to {
            Some(from) => from,
            None => {
                self.recommended.clear();
                self.suggested.clear();
                self.postponed = [Vec::new(), Vec::new()];
                0
            }
        };
        let mut at = from;
        while let Some(literal) = self.engine.trail.get(at).copied() {
            at += 1;
            if literal < FIRST {
                continue;
            }
            for (kind, number) in [(DependencyKind::Recommends, 0), (DependencyKind::Suggests, 1)] {
                self.recheck(literal, number);
                for cap in self.world.caps(literal, kind) {
                    match self.world.lists.dep(*cap) {
                        Dep::List(list) => {
                            let map = if number == 0 { &mut self.recommended } else { &mut self.suggested };
                            self.world.lists.get(list).iter().for_each(|literal| {
                                map.insert(*literal);
                            });
                        }
                        Dep::Rich(formula) => self.check_rich(&formula, number),
                        Dep::Unreadable => {}
                    }
                }
            }
        }
        self.engine.recommended_up_to = Some(at);
    }

    fn recheck(&mut self, literal: i32, number: usize) {
        if !self.postponed[number].iter().any(|(waited, _)| *waited == literal) || !self.engine.is_chosen(literal) {
            return;
        }
        let all = std::mem::take(&mut self.postponed[number]);
        let (now, later): (Postponed, Postponed) = all.into_iter().partition(|(waited, _)| *waited == literal);
        self.postponed[number] = later;
        for (_, formula) in now {
            self.check_rich(&formula, number);
        }
    }

    /// Takes the packages of a rich recommendation into the map, if its conditions are met, or waits for them.
    fn check_rich(&mut self, formula: &Rc<Formula>, number: usize) {
        let mut blocks = Vec::new();
        if normalize(formula, Form::Cnf, &self.world.lists.data, &mut blocks) != Ok(Normal::Blocks) {
            return;
        }
        for block in blocks.split(|literal| *literal == 0) {
            let negative = block.iter().take_while(|literal| **literal < 0).count();
            let (conditions, wanted) = block.split_at(negative);
            if wanted.is_empty() || conditions.iter().any(|literal| self.engine.level(*literal) < 0) {
                continue;
            }
            let open: Vec<i32> =
                conditions.iter().map(|literal| -literal).filter(|p| self.engine.level(*p) == 0).collect();
            if open.is_empty() {
                let map = if number == 0 { &mut self.recommended } else { &mut self.suggested };
                wanted.iter().for_each(|literal| {
                    map.insert(*literal);
                });
            }
            for package in open {
                let known = |(waited, other): &(i32, Rc<Formula>)| *waited == package && Rc::ptr_eq(other, formula);
                if !self.postponed[number].iter().any(known) {
                    self.postponed[number].push((package, Rc::clone(formula)));
                }
            }
        }
    }

    /// The packages that would fulfil a rich recommendation which does not hold yet.
    fn open_rich(&self, formula: &Formula, allowed: Option<&Bits>) -> Vec<i32> {
        let mut blocks = Vec::new();
        let mut found = Vec::new();
        if normalize(formula, Form::Cnf, &self.world.lists.data, &mut blocks) != Ok(Normal::Blocks) {
            return found;
        }
        for block in blocks.split(|literal| *literal == 0) {
            let before = found.len();
            for literal in block.iter().copied() {
                let level = self.engine.level(literal);
                if literal < 0 {
                    if level <= 0 {
                        break;
                    }
                } else if level > 0 {
                    found.truncate(before);
                    break;
                } else if level == 0 && allowed.is_none_or(|allowed| allowed.has(literal)) {
                    found.push(literal);
                }
            }
        }
        let mut seen = Bits::new(self.world.bound);
        found.retain(|literal| seen.insert(*literal));
        found
    }

    /// The packages that would fulfil a recommendation; none when it holds already.
    fn open_list(&self, list: u32, allowed: Option<&Bits>) -> Vec<i32> {
        let mut found = Vec::new();
        for literal in self.world.lists.get(list).iter().copied() {
            let level = self.engine.level(literal);
            if level > 0 {
                return Vec::new();
            }
            if level == 0 && allowed.is_none_or(|allowed| allowed.has(literal)) {
                found.push(literal);
            }
        }
        found
    }

    fn open(&mut self, cap: Cap, allowed: Option<&Bits>) -> Vec<i32> {
        match self.world.lists.dep(cap) {
            Dep::List(list) => self.open_list(list, allowed),
            Dep::Rich(formula) => self.open_rich(&formula, allowed),
            Dep::Unreadable => Vec::new(),
        }
    }

    /// Takes in recommended and supplementing packages. Returns the level and whether there were any.
    pub(super) fn resolve_weak(&mut self, mut level: i32) -> Result<(i32, bool), Failure> {
        let mut seen = Bits::new(self.world.bound);
        let mut wanted: Vec<i32> = Vec::new();
        let mut chosen: Vec<i32> = self.engine.trail.iter().copied().filter(|literal| *literal >= FIRST).collect();
        chosen.sort_unstable();
        for literal in chosen {
            if self.world.is_installed(literal) {
                continue;
            }
            for cap in self.world.caps(literal, DependencyKind::Recommends) {
                let open = self.open(*cap, None);
                wanted.extend(open.into_iter().filter(|literal| seen.insert(*literal)));
            }
        }
        let mut supplementing: Vec<i32> = Vec::new();
        for number in 0..self.weak_candidates.len() {
            let literal = self.weak_candidates[number];
            if self.engine.level(literal) == 0
                && self.world.is_installable(literal)
                && !self.not_weak.has(literal)
                && self.is_supplementing(literal)
            {
                supplementing.push(literal);
            }
        }
        wanted.retain(|literal| !self.not_weak.has(*literal));
        self.drop_weak_replaced(&mut wanted, &mut supplementing);
        supplementing.retain(|literal| self.is_supplementing_new(*literal));
        // Not beside the same package for another architecture.
        supplementing.retain(|literal| {
            let (name, arch) = (self.world.name(*literal), self.world.arch(*literal));
            let mut others = self.world.lists.named(name);
            !others.any(|other| self.engine.is_chosen(other) && self.world.arch(other) != arch)
        });
        let mut seen = Bits::new(self.world.bound);
        wanted.iter().for_each(|literal| {
            seen.insert(*literal);
        });
        wanted.extend(supplementing.iter().copied().filter(|literal| seen.insert(*literal)));
        match wanted.as_slice() {
            [] => return Ok((level, false)),
            [only] => return Ok((self.choose(level, *only, 0)?, true)),
            _ => {}
        }
        self.filter(&mut wanted, Mode::Recommend);
        let mut allowed = Bits::new(self.world.bound);
        wanted.iter().for_each(|literal| {
            allowed.insert(*literal);
        });
        supplementing.retain(|literal| allowed.has(*literal));
        if supplementing.len() > 1 {
            self.order_supplementing(&mut supplementing);
        }
        let decisions = self.engine.trail.len();
        for literal in supplementing {
            if self.engine.level(literal) != 0 {
                continue;
            }
            let before = level;
            level = self.choose(level, literal, 0)?;
            if level <= before {
                return Ok((level, true));
            }
        }
        if self.engine.trail.len() < decisions {
            return Ok((level, true));
        }
        for at in 0..decisions {
            let literal = self.engine.trail[at];
            if literal < FIRST || self.world.is_installed(literal) {
                continue;
            }
            for cap in self.world.caps(literal, DependencyKind::Recommends) {
                let mut open = self.open(*cap, Some(&allowed));
                if open.len() > 1 {
                    self.filter(&mut open, Mode::Choose);
                }
                let Some(first) = open.first().copied() else { continue };
                if open.len() > 1 {
                    self.branch(level, &open, literal);
                }
                let before = level;
                level = self.choose(level, first, 0)?;
                if level <= before || self.engine.trail.len() < decisions {
                    return Ok((level, true));
                }
            }
        }
        Ok((level, true))
    }

    /// Drops what installed packages that stay obsolete.
    fn drop_weak_replaced(&mut self, wanted: &mut Vec<i32>, supplementing: &mut Vec<i32>) {
        if self.world.installed.is_none() || (wanted.is_empty() && supplementing.is_empty()) {
            return;
        }
        let mut gone = Bits::new(self.world.bound);
        for number in 0..self.installed.len() {
            let literal = self.installed[number];
            if !self.engine.is_chosen(literal) {
                continue;
            }
            for cap in self.world.caps(literal, DependencyKind::Obsoletes) {
                let hit = self.world.lists.obsoleted(*cap);
                self.world.lists.get(hit).iter().for_each(|literal| {
                    gone.insert(*literal);
                });
            }
        }
        wanted.retain(|literal| !gone.has(*literal));
        supplementing.retain(|literal| !gone.has(*literal));
    }
}
