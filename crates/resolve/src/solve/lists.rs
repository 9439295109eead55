//! Lists of packages by dependency, each made once for a search and then named by where it starts.

use std::rc::Rc;

use copr_rpm::vercmp;

use super::rules::Bits;
use crate::formula::{Formula, SYSTEM};
use crate::pool::{Cap, PackageId, Pool, Str};
use crate::rich::{self, Expression};

/// The literal of the first package of the pool; 1 is what rpm itself provides, 0 ends a list.
pub(super) const FIRST: i32 = 2;
/// The list of nothing.
pub(super) const EMPTY: u32 = 1;
/// The list of what rpm itself provides.
const OF_SYSTEM: u32 = 3;
/// In the place of a list: the dependency is a rich one.
const RICH: u32 = u32::MAX;

/// The literal of a package.
pub(super) fn literal(id: PackageId) -> i32 {
    i32::try_from(id.index()).unwrap_or(i32::MAX - FIRST) + FIRST
}

/// The package of a positive literal other than the system's.
pub(super) fn package(literal: i32) -> PackageId {
    PackageId(u32::try_from(literal - FIRST).unwrap_or_default())
}

/// What a dependency is to the search.
#[derive(Clone)]
pub(super) enum Dep {
    /// One of these packages.
    List(u32),
    /// A rich one with `and`, `if` or `unless`.
    Rich(Rc<Formula>),
    /// It cannot be understood; nothing satisfies it.
    Unreadable,
}

/// All lists of one search.
pub(super) struct Lists<'p> {
    pub(super) pool: &'p Pool,
    /// Lists: how many literals, these, a zero. A list is named by the place of its first literal.
    pub(super) data: Vec<i32>,
    /// By capability; 0 where not looked up yet.
    providers: Vec<u32>,
    /// The same, of packages that an Obsoletes of that capability hits.
    obsoleted: Vec<u32>,
    /// By capability: 1 more than the place in `rich`.
    rich_of: Vec<u32>,
    rich: Vec<Dep>,
    found: Vec<PackageId>,
    /// Packages that are excluded or whose repository is not enabled: no list has them.
    pub(super) hidden: Bits,
}

impl<'p> Lists<'p> {
    pub(super) fn new(pool: &'p Pool) -> Self {
        let unknown = vec![0; pool.cap_count()];
        Self {
            pool,
            data: vec![0, 0, 1, SYSTEM, 0],
            providers: unknown.clone(),
            obsoleted: unknown,
            rich_of: Vec::new(),
            rich: Vec::new(),
            found: Vec::new(),
            hidden: Bits::default(),
        }
    }

    /// The literals of a list.
    pub(super) fn get(&self, at: u32) -> &[i32] {
        let at = at as usize;
        let length = at.checked_sub(1).and_then(|before| self.data.get(before)).copied().unwrap_or_default();
        self.data.get(at..at + length as usize).unwrap_or_default()
    }

    /// Keeps a list.
    pub(super) fn add(&mut self, literals: &[i32]) -> u32 {
        if literals.is_empty() {
            return EMPTY;
        }
        self.data.push(i32::try_from(literals.len()).unwrap_or_default());
        let at = u32::try_from(self.data.len()).unwrap_or(EMPTY);
        self.data.extend_from_slice(literals);
        self.data.push(0);
        at
    }

    /// A dependency, plain or rich.
    pub(super) fn dep(&mut self, cap: Cap) -> Dep {
        match self.providers.get(cap.index()).copied().unwrap_or_default() {
            0 if !self.pool.is_rich(cap) => return Dep::List(self.plain(cap)),
            0 => set(&mut self.providers, cap.index(), RICH),
            RICH => {}
            at => return Dep::List(at),
        }
        let known = self.rich_of.get(cap.index()).copied().unwrap_or_default();
        if known != 0 {
            return self.rich.get(known as usize - 1).cloned().unwrap_or(Dep::Unreadable);
        }
        let dep = match rich::parse(&self.pool.dependency(cap)) {
            Ok(expression) => self.dep_of(&expression),
            Err(_) => Dep::Unreadable,
        };
        self.rich.push(dep.clone());
        let number = u32::try_from(self.rich.len()).unwrap_or_default();
        set(&mut self.rich_of, cap.index(), number);
        dep
    }

    /// A dependency that was read already.
    pub(super) fn dep_of(&mut self, expression: &Expression) -> Dep {
        match self.formula(expression) {
            Formula::List(at) => Dep::List(at),
            formula => Dep::Rich(Rc::new(formula)),
        }
    }

    /// The packages that satisfy a plain dependency.
    pub(super) fn plain(&mut self, cap: Cap) -> u32 {
        let known = self.providers.get(cap.index()).copied().unwrap_or_default();
        if known != 0 {
            return known;
        }
        self.found.clear();
        self.pool.providers_into(cap, &mut self.found);
        let at = if self.found.is_empty() && self.pool.text(self.pool.cap(cap).name).starts_with("rpmlib(") {
            OF_SYSTEM
        } else {
            self.keep_found()
        };
        set(&mut self.providers, cap.index(), at);
        at
    }

    /// The packages that an Obsoletes hits: by their name and version, as rpm has it.
    pub(super) fn obsoleted(&mut self, cap: Cap) -> u32 {
        let known = self.obsoleted.get(cap.index()).copied().unwrap_or_default();
        if known != 0 {
            return known;
        }
        let view = self.pool.cap(cap);
        self.found.clear();
        let pool = self.pool;
        self.found.extend(pool.named(view.name).filter(|id| pool.is_within(*id, cap)));
        let at = self.keep_found();
        set(&mut self.obsoleted, cap.index(), at);
        at
    }

    /// The packages of a name; the solver's own lists end with a zero, these do not.
    pub(super) fn named(&self, name: Str) -> impl Iterator<Item = i32> + '_ {
        self.pool.named(name).map(literal).filter(|literal| !self.hidden.has(*literal))
    }

    /// The packages that provide anything of a name.
    pub(super) fn offering(&self, name: Str) -> Vec<i32> {
        self.pool.offering(name).iter().copied().map(literal).filter(|literal| !self.hidden.has(*literal)).collect()
    }

    fn keep_found(&mut self) -> u32 {
        if !self.hidden.is_empty() {
            self.found.retain(|id| !self.hidden.has(literal(*id)));
        }
        if self.found.is_empty() {
            return EMPTY;
        }
        self.data.push(i32::try_from(self.found.len()).unwrap_or_default());
        let at = u32::try_from(self.data.len()).unwrap_or(EMPTY);
        self.data.extend(self.found.iter().map(|id| literal(*id)));
        self.data.push(0);
        at
    }

    fn formula(&mut self, expression: &Expression) -> Formula {
        match expression {
            Expression::Plain(dependency) => {
                self.found = self.pool.providers_of(dependency);
                if self.found.is_empty() && dependency.name.starts_with("rpmlib(") {
                    return Formula::List(OF_SYSTEM);
                }
                Formula::List(self.keep_found())
            }
            Expression::And(list) => Formula::And(list.iter().map(|part| self.formula(part)).collect()),
            Expression::Or(list) => {
                // What is plain becomes one list, however many ways there are.
                let (mut parts, mut plain) = (Vec::new(), Vec::new());
                for part in list {
                    match self.formula(part) {
                        Formula::List(at) => plain.extend_from_slice(self.get(at)),
                        formula => parts.push(formula),
                    }
                }
                plain.sort_unstable();
                plain.dedup();
                let plain = Formula::List(self.add(&plain));
                if parts.is_empty() {
                    return plain;
                }
                parts.insert(0, plain);
                Formula::Or(parts)
            }
            Expression::If { then, condition, otherwise } | Expression::Unless { then, condition, otherwise } => {
                let then_formula = self.formula(then);
                let condition = self.formula(condition);
                let otherwise = otherwise.as_deref().map(|otherwise| self.formula(otherwise));
                let parts = Box::new((then_formula, condition, otherwise));
                if matches!(expression, Expression::If { .. }) { Formula::If(parts) } else { Formula::Unless(parts) }
            }
            Expression::With(list) => {
                let mut found: Option<Vec<i32>> = None;
                for part in list {
                    let also = self.possible(part);
                    match &mut found {
                        Some(found) => found.retain(|literal| also.binary_search(literal).is_ok()),
                        None => found = Some(also),
                    }
                }
                Formula::List(self.add(&found.unwrap_or_default()))
            }
            Expression::Without(first, second) => {
                let not = self.possible(second);
                let mut found = self.possible(first);
                found.retain(|literal| not.binary_search(literal).is_err());
                Formula::List(self.add(&found))
            }
        }
    }

    /// All packages that may satisfy an expression by themselves, ascending.
    fn possible(&mut self, expression: &Expression) -> Vec<i32> {
        let formula = self.formula(expression);
        let mut found = Vec::new();
        self.collect(&formula, &mut found);
        found.sort_unstable();
        found.dedup();
        found
    }

    fn collect(&self, formula: &Formula, found: &mut Vec<i32>) {
        match formula {
            Formula::List(at) => found.extend_from_slice(self.get(*at)),
            Formula::And(parts) | Formula::Or(parts) => parts.iter().for_each(|part| self.collect(part, found)),
            Formula::If(parts) | Formula::Unless(parts) => {
                self.collect(&parts.0, found);
                if let Some(otherwise) = &parts.2 {
                    self.collect(otherwise, found);
                }
            }
        }
    }

    /// All packages that have to do with a dependency being satisfied.
    pub(super) fn all_of(&self, dep: &Dep) -> Vec<i32> {
        match dep {
            Dep::List(at) => self.get(*at).to_vec(),
            Dep::Rich(formula) => {
                let (mut lists, mut found) = (Vec::new(), Vec::new());
                self.may_bring(formula, false, &mut lists);
                lists.into_iter().for_each(|at| found.extend_from_slice(self.get(at)));
                found
            }
            Dep::Unreadable => Vec::new(),
        }
    }

    /// All packages that a dependency names, also as a condition.
    pub(super) fn named_by(&self, dep: &Dep) -> Vec<i32> {
        let mut found = self.all_of(dep);
        if let Dep::Rich(formula) = dep {
            let mut lists = Vec::new();
            self.may_bring(formula, true, &mut lists);
            lists.into_iter().for_each(|at| found.extend_from_slice(self.get(at)));
        }
        found
    }

    /// Adds all packages that a weak dependency might bring in to `out`.
    pub(super) fn may_bring(&self, formula: &Formula, negated: bool, out: &mut Vec<u32>) {
        match formula {
            Formula::List(at) => {
                if !negated {
                    out.push(*at);
                }
            }
            Formula::And(parts) | Formula::Or(parts) => {
                parts.iter().for_each(|part| self.may_bring(part, negated, out));
            }
            Formula::If(parts) | Formula::Unless(parts) => {
                self.may_bring(&parts.0, negated, out);
                self.may_bring(&parts.1, !negated, out);
                if let Some(otherwise) = &parts.2 {
                    // With a second branch the condition is also one of the ways to fulfil it.
                    self.may_bring(&parts.1, negated, out);
                    self.may_bring(otherwise, negated, out);
                }
            }
        }
    }
}

fn set(all: &mut Vec<u32>, at: usize, value: u32) {
    if all.len() <= at {
        all.resize(at + 1, 0);
    }
    if let Some(place) = all.get_mut(at) {
        *place = value;
    }
}

/// Epoch (empty when there is none), version, release of `[epoch:]version[-release]`.
fn parts(evr: &str) -> (&str, &str, Option<&str>) {
    let digits = evr.bytes().take_while(u8::is_ascii_digit).count();
    let (epoch, rest) = match evr.get(digits..).and_then(|rest| rest.strip_prefix(':')) {
        Some(rest) if digits > 0 => (evr.get(..digits).unwrap_or_default(), rest),
        _ => ("", evr),
    };
    match rest.rsplit_once('-') {
        // rpm takes `4-` for `4`.
        Some((version, release)) => (epoch, version, Some(release).filter(|release| !release.is_empty())),
        None => (epoch, rest, None),
    }
}

fn or_zero(epoch: &str) -> &str {
    if epoch.is_empty() { "0" } else { epoch }
}

/// Compares versions as a dependency does: -1, 0, 1 as usual; -2 where the same version of `a` has no release, 2 where
/// that of `b` has none.
pub(super) fn compare_matching(a: &str, b: &str) -> i32 {
    if a == b {
        return 0;
    }
    let (a, b) = (parts(a), parts(b));
    let order = vercmp(or_zero(a.0), or_zero(b.0)).then_with(|| vercmp(a.1, b.1)) as i32;
    match (order, a.2, b.2) {
        (0, Some(a), Some(b)) => vercmp(a, b) as i32,
        (0, None, Some(_)) => -2,
        (0, Some(_), None) => 2,
        _ => order,
    }
}
