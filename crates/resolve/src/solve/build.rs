//! The rules that packages bring: for every package that a request could reach, what it needs and what it excludes.
//!
//! Follows `solver_addpkgrulesforsolvable` and `solver_unifyrules` of libsolv's `rules.c`: the same rules in the same
//! order, since the search looks at them in that order.

use std::rc::Rc;

use copr_rpm::DependencyKind;

use super::Problem;
use super::lists::{Dep, FIRST, Lists, literal, package};
use super::rules::{Bits, Rule};
use crate::formula::{self, Form, Formula, Normal, SYSTEM};
use crate::pool::{Cap, Pool, Str};

/// Most rules of packages; a whole distribution makes about a million.
const MOST_RULES: usize = 8_000_000;
/// Most literals of all lists together; a whole distribution has about ten million.
const MOST_LITERALS: usize = 100_000_000;

/// Why a rule is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// The package does not fit, or is excluded.
    NotInstallable(i32),
    /// Nothing satisfies a requirement.
    NothingProvides(i32, Cap),
    /// The package requires this.
    Requires(i32, Cap),
    /// The package conflicts with this, which the other one provides (0: a rich conflict).
    Conflicts(i32, i32, Cap),
    /// The package obsoletes the other one.
    Obsoletes(i32, i32, Cap),
    /// Two packages of one name.
    SameName(i32, i32),
    /// A rich dependency that cannot be understood, or is too complex.
    Unreadable(i32, Cap),
}

/// Which packages get rules: those that a request could bring in.
///
/// libsolv follows all weak dependencies, always. What only they reach cannot come in when recommendations are not
/// wanted, nor ever by Suggests and Enhances, and then its rules change nothing; only which architecture of a name is
/// the best one, and what the installed system prefers, may depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// By requirements alone.
    Required,
    /// By requirements, Recommends and Supplements.
    Recommended,
    /// By all dependencies, as libsolv.
    Everything,
}

/// A rule before it has its place: its first literal, then its second or the list of the others.
#[derive(Debug, Clone, Copy)]
pub(super) struct Draft {
    pub(super) p: i32,
    pub(super) second: i32,
    pub(super) list: u32,
}

/// What is known of packages while their rules are made and used.
pub(super) struct World<'p> {
    pub(super) pool: &'p Pool,
    pub(super) lists: Lists<'p>,
    /// One more than the greatest literal.
    pub(super) bound: usize,
    /// The repository that is the installed system.
    pub(super) installed: Option<usize>,
    /// Packages that have rules.
    pub(super) added: Bits,
    /// Packages whose rules are made.
    done: Bits,
    drafts: Vec<Draft>,
    /// Why each draft is there; only kept to explain.
    whys: Option<Vec<Why>>,
    waiting: Vec<i32>,
    /// Which weak dependencies are followed as well.
    pub(super) reach: Reach,
    /// Lists whose packages were all added.
    followed: Bits,
}

impl<'p> World<'p> {
    pub(super) fn new(pool: &'p Pool, installed: Option<usize>) -> Self {
        let bound = pool.len() + FIRST as usize;
        Self {
            pool,
            lists: Lists::new(pool),
            bound,
            installed,
            added: Bits::new(bound),
            done: Bits::new(bound),
            drafts: Vec::new(),
            whys: None,
            waiting: Vec::new(),
            reach: Reach::Everything,
            followed: Bits::default(),
        }
    }

    pub(super) fn name(&self, literal: i32) -> Str {
        self.pool.name(package(literal))
    }

    pub(super) fn evr(&self, literal: i32) -> Str {
        self.pool.evr(package(literal))
    }

    pub(super) fn arch(&self, literal: i32) -> Str {
        self.pool.arch_of(package(literal))
    }

    /// Caps of one kind that a package has; none for what rpm itself provides.
    pub(super) fn caps(&self, literal: i32, kind: DependencyKind) -> &'p [Cap] {
        if literal < FIRST { &[] } else { self.pool.list(package(literal), kind) }
    }

    pub(super) fn is_installed(&self, literal: i32) -> bool {
        literal >= FIRST && self.installed == Some(self.pool.repository(package(literal)))
    }

    pub(super) fn is_installable(&self, literal: i32) -> bool {
        self.pool.installable(package(literal)) && !self.lists.hidden.has(literal)
    }

    /// How an architecture fits: 0 not, 1 any machine, then the machine's own as the smallest.
    pub(super) fn arch_score(&self, literal: i32) -> u32 {
        match self.pool.arch_rank(package(literal)) {
            u8::MAX => 0,
            rank => u32::from(rank) + 1,
        }
    }

    /// Whether two packages take the same place: one of another word size may be installed beside.
    pub(super) fn same_color(&self, a: i32, b: i32) -> bool {
        let (a, b) = (self.arch(a), self.arch(b));
        a == b || self.color(a) & self.color(b) != 0
    }

    fn color(&self, arch: Str) -> u8 {
        match self.pool.text(arch) {
            "noarch" => 3,
            "s390x" => 2,
            arch if arch.contains("64") => 2,
            _ => 1,
        }
    }

    fn draft(&mut self, p: i32, second: i32, why: Why) {
        // The smaller literal first, so that the same rule looks the same from both sides.
        let (p, second) = if second != 0 && p > second { (second, p) } else { (p, second) };
        if p == -second {
            return;
        }
        self.drafts.push(Draft { p, second, list: 0 });
        if let Some(whys) = &mut self.whys {
            whys.push(why);
        }
    }

    /// A rule of `p` and a list, which is not empty.
    fn draft_list(&mut self, p: i32, list: u32, why: Why) {
        match *self.lists.get(list) {
            [] => self.draft(p, 0, why),
            [second] => self.draft(p, second, why),
            [second, ..] => {
                self.drafts.push(Draft { p, second, list });
                if let Some(whys) = &mut self.whys {
                    whys.push(why);
                }
            }
        }
    }

    /// Takes a package in, with all that it could bring.
    pub(super) fn add(&mut self, start: i32) -> Result<(), Problem> {
        self.reach(start);
        while let Some(next) = self.waiting.pop() {
            self.rules_of(next);
            self.done.insert(next);
            if self.drafts.len() > MOST_RULES || self.lists.data.len() > MOST_LITERALS {
                return Err(Problem::TooComplex);
            }
        }
        Ok(())
    }

    /// Takes in all packages that could have to do with a dependency that is asked for. (libsolv leaves the conditions of
    /// rich ones out, and may then choose these without a look at what they require.)
    pub(super) fn add_dep(&mut self, dep: &Dep) -> Result<(), Problem> {
        for literal in self.lists.named_by(dep) {
            self.add(literal)?;
        }
        Ok(())
    }

    fn reach(&mut self, literal: i32) {
        if literal >= FIRST && self.added.insert(literal) {
            self.waiting.push(literal);
        }
    }

    fn reach_list(&mut self, list: u32) {
        if self.whys.is_some() || !self.followed.insert_growing(list) {
            return;
        }
        let mut at = list as usize;
        while let Some(literal) = self.lists.data.get(at).copied().filter(|literal| *literal != 0) {
            self.reach(literal);
            at += 1;
        }
    }

    /// Why the rules are there that the packages bring, with their literals.
    pub(super) fn whys_of(&mut self, packages: &[i32]) -> Vec<(Draft, Why)> {
        let before = std::mem::take(&mut self.drafts);
        self.whys = Some(Vec::new());
        for literal in packages {
            self.rules_of(*literal);
        }
        let drafts = std::mem::replace(&mut self.drafts, before);
        drafts.into_iter().zip(self.whys.take().unwrap_or_default()).collect()
    }

    fn rules_of(&mut self, n: i32) {
        let kept = self.is_installed(n);
        if !kept && !self.is_installable(n) {
            self.draft(-n, 0, Why::NotInstallable(n));
        }
        for cap in self.caps(n, DependencyKind::Requires) {
            match self.lists.dep(*cap) {
                Dep::List(list) => self.requires(n, *cap, list, kept),
                Dep::Rich(formula) => self.rich(n, *cap, &formula, kept, false),
                Dep::Unreadable if kept => {}
                Dep::Unreadable => self.draft(-n, 0, Why::Unreadable(n, *cap)),
            }
        }
        for cap in self.caps(n, DependencyKind::Conflicts) {
            match self.lists.dep(*cap) {
                Dep::List(list) => self.conflicts(n, *cap, list, kept),
                Dep::Rich(formula) => self.rich(n, *cap, &formula, kept, true),
                // Nothing has that name.
                Dep::Unreadable => {}
            }
        }
        self.replaces(n, kept);
        let kinds: &[DependencyKind] = match self.reach {
            Reach::Required => &[],
            Reach::Recommended => &[DependencyKind::Recommends],
            Reach::Everything => &[DependencyKind::Recommends, DependencyKind::Suggests],
        };
        for kind in kinds.iter().copied() {
            for cap in self.caps(n, kind) {
                match self.lists.dep(*cap) {
                    Dep::List(list) => self.reach_list(list),
                    Dep::Rich(formula) => {
                        let mut lists = Vec::new();
                        self.lists.may_bring(&formula, false, &mut lists);
                        lists.into_iter().for_each(|list| self.reach_list(list));
                    }
                    Dep::Unreadable => {}
                }
            }
        }
    }

    fn requires(&mut self, n: i32, cap: Cap, list: u32, kept: bool) {
        let providers = self.lists.get(list);
        match providers.first() {
            Some(&SYSTEM) => return,
            // What is broken on the installed system is not the search's business.
            _ if kept && !providers.iter().any(|literal| self.is_installed(*literal)) => return,
            None => return self.draft(-n, 0, Why::NothingProvides(n, cap)),
            _ if providers.binary_search(&n).is_ok() => return,
            _ => {}
        }
        self.draft_list(-n, list, Why::Requires(n, cap));
        self.reach_list(list);
    }

    fn conflicts(&mut self, n: i32, cap: Cap, list: u32, kept: bool) {
        let mut at = list as usize;
        while let Some(other) = self.lists.data.get(at).copied().filter(|other| *other != 0) {
            at += 1;
            if other == n || (kept && self.is_installed(other)) {
                continue;
            }
            self.draft(-n, if other == SYSTEM { 0 } else { -other }, Why::Conflicts(n, other, cap));
        }
    }

    /// What a package takes the place of: by Obsoletes, and other versions of itself.
    fn replaces(&mut self, n: i32, kept: bool) {
        for cap in self.caps(n, DependencyKind::Obsoletes) {
            let mut at = self.lists.obsoleted(*cap) as usize;
            while let Some(other) = self.lists.data.get(at).copied().filter(|other| *other != 0) {
                at += 1;
                if other != n && !(kept && self.is_installed(other)) {
                    self.draft(-n, -other, Why::Obsoletes(n, other, *cap));
                }
            }
        }
        if kept {
            return;
        }
        let (name, evr, score) = (self.name(n), self.evr(n), self.arch_score(n));
        let named: Vec<i32> = self.lists.named(name).collect();
        for other in named {
            if other == n {
                continue;
            }
            // The other one may have made that rule; installed ones make none.
            let made = self.whys.is_none() && self.done.has(other) && !self.is_installed(other);
            if !made && self.same_color(n, other) {
                self.draft(-n, -other, Why::SameName(n, other));
            }
            // The same version for a better architecture may be needed beside.
            let other_score = self.arch_score(other);
            if score > 1 && other_score > 1 && other_score < score && self.evr(other) == evr && self.whys.is_none() {
                self.reach(other);
            }
        }
    }

    fn rich(&mut self, n: i32, cap: Cap, formula: &Rc<Formula>, kept: bool, conflict: bool) {
        let mut blocks = Vec::new();
        let normal = if conflict {
            formula::forbid(formula, &self.lists.data, &mut blocks)
        } else {
            formula::normalize(formula, Form::Cnf, &self.lists.data, &mut blocks)
        };
        let why = if conflict { Why::Conflicts(n, 0, cap) } else { Why::Requires(n, cap) };
        match normal {
            // What is wrong on the installed system is not the search's business.
            Err(_) | Ok(Normal::Never) if kept => return,
            Err(_) => return self.draft(-n, 0, Why::Unreadable(n, cap)),
            Ok(Normal::Never) => {
                let why = if conflict { why } else { Why::NothingProvides(n, cap) };
                return self.draft(-n, 0, why);
            }
            Ok(Normal::Always) => return,
            Ok(Normal::Blocks) => {}
        }
        for block in blocks.split(|literal| *literal == 0) {
            let broken = |literal: &i32| (*literal > 0) != self.is_installed(literal.abs());
            if block.is_empty() || (kept && block.iter().all(broken)) {
                continue;
            }
            if let [only] = *block {
                // In conflict with itself: rpm does not mind.
                if only == n || (only == -n && conflict) {
                    continue;
                }
                if only == -n {
                    self.draft(-n, 0, why);
                    continue;
                }
                self.draft(-n, only, why);
            } else {
                if block.contains(&n) {
                    continue;
                }
                let mut all = block.to_vec();
                if let Err(at) = all.binary_search(&-n) {
                    all.insert(at, -n);
                }
                if let Some((first, others)) = all.split_first() {
                    let list = self.lists.add(others);
                    self.draft_list(*first, list, why);
                }
            }
            if self.whys.is_none() {
                block.iter().filter(|literal| **literal > 0).for_each(|literal| self.reach(*literal));
            }
        }
    }

    /// Packages that might come in because others are there, by Supplements or Enhances.
    pub(super) fn add_weak(&mut self, candidates: &[i32]) -> Result<(), Problem> {
        loop {
            let mut any = false;
            for candidate in candidates {
                if self.added.has(*candidate) || !(self.is_installed(*candidate) || self.is_installable(*candidate)) {
                    continue;
                }
                let kinds: &[DependencyKind] = match self.reach {
                    Reach::Required => &[],
                    Reach::Recommended => &[DependencyKind::Supplements],
                    Reach::Everything => &[DependencyKind::Supplements, DependencyKind::Enhances],
                };
                if kinds
                    .iter()
                    .copied()
                    .any(|kind| self.caps(*candidate, kind).iter().any(|cap| self.is_possible(*cap)))
                {
                    self.add(*candidate)?;
                    any = true;
                }
            }
            if !any {
                return Ok(());
            }
        }
    }

    fn is_possible(&mut self, cap: Cap) -> bool {
        match self.lists.dep(cap) {
            Dep::List(list) => self.lists.get(list).iter().any(|literal| self.added.has(*literal)),
            Dep::Rich(formula) => self.may_hold(&formula),
            Dep::Unreadable => false,
        }
    }

    fn may_hold(&self, formula: &Formula) -> bool {
        match formula {
            Formula::List(list) => self.lists.get(*list).iter().any(|literal| self.added.has(*literal)),
            Formula::And(parts) => parts.iter().all(|part| self.may_hold(part)),
            Formula::Or(parts) => parts.iter().any(|part| self.may_hold(part)),
            Formula::If(_) | Formula::Unless(_) => true,
        }
    }

    /// Whether all packages of the pool are for one architecture, or for any.
    pub(super) fn pool_has_one_arch(&self) -> bool {
        let mut ranks = self.pool.ids().map(|id| self.pool.arch_rank(id)).filter(|rank| !matches!(*rank, 0 | u8::MAX));
        ranks.next().is_none_or(|first| ranks.all(|rank| rank == first))
    }

    /// Whether all packages that have rules are for one architecture, or for any.
    pub(super) fn one_arch(&self) -> bool {
        let all = (FIRST..i32::try_from(self.bound).unwrap_or(i32::MAX)).filter(|literal| self.added.has(*literal));
        let mut scores = all.map(|literal| self.arch_score(literal)).filter(|score| *score != 1);
        scores.next().is_none_or(|first| scores.all(|score| score == first))
    }

    /// All rules made so far, each once, in libsolv's order: by first literal, second literal, and the others.
    pub(super) fn sorted_rules(&mut self) -> Vec<Rule> {
        let drafts = std::mem::take(&mut self.drafts);
        // A package that nothing can bring in need not be kept out. Where there are several architectures, rules about
        // these may bring in any package.
        let one_arch = self.one_arch();
        let outside = |literal: i32| one_arch && literal < -SYSTEM && !self.added.has(-literal);
        let drafts: Vec<Draft> =
            drafts.into_iter().filter(|d| d.list != 0 || !(outside(d.p) || outside(d.second))).collect();
        // By first literal, which is the absence of a package: the last package first.
        let mut starts = vec![0_usize; self.bound + 1];
        let place = |draft: &Draft| self.bound - draft.p.unsigned_abs() as usize;
        drafts.iter().for_each(|draft| starts[place(draft)] += 1);
        let mut sum = 0;
        for start in &mut starts {
            sum += std::mem::replace(start, sum);
        }
        let mut sorted = vec![Draft { p: 0, second: 0, list: 0 }; drafts.len()];
        for draft in &drafts {
            let start = &mut starts[place(draft)];
            sorted[*start] = *draft;
            *start += 1;
        }
        let data = &self.lists.data;
        let order = |a: &Draft, b: &Draft| {
            a.second.cmp(&b.second).then_with(|| match (a.list, b.list) {
                (a, b) if a == b => std::cmp::Ordering::Equal,
                (0, _) => std::cmp::Ordering::Less,
                (_, 0) => std::cmp::Ordering::Greater,
                (a, b) => compare_lists(data, a, b),
            })
        };
        for group in sorted.chunk_by_mut(|a, b| a.p == b.p) {
            if group.len() > 1 {
                group.sort_unstable_by(order);
            }
        }
        sorted.dedup_by(|a, b| a.p == b.p && order(a, b).is_eq());
        let rule = |draft: &Draft| match draft.list {
            0 => Rule::new(draft.p, draft.second),
            list => Rule::with_list(draft.p, list, draft.second),
        };
        std::iter::once(Rule::default()).chain(sorted.iter().map(rule)).collect()
    }

    /// Packages that supplement or enhance others, ascending.
    pub(super) fn weak_candidates(&self) -> Vec<i32> {
        let any = |id: &crate::pool::PackageId| {
            let kinds = [DependencyKind::Supplements, DependencyKind::Enhances];
            kinds.into_iter().any(|kind| !self.pool.list(*id, kind).is_empty())
        };
        self.pool.ids().filter(any).map(literal).collect()
    }
}

/// Compares two lists as libsolv does: number by number, with the zero at the end.
fn compare_lists(data: &[i32], a: u32, b: u32) -> std::cmp::Ordering {
    let list = |at: u32| data.get(at as usize..).unwrap_or_default().iter();
    for (x, y) in list(a).zip(list(b)) {
        if x != y {
            return x.cmp(y);
        }
        if *x == 0 {
            break;
        }
    }
    std::cmp::Ordering::Equal
}
