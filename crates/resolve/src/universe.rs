//! All that a request may reach: variables for packages, clauses for what they require and forbid.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::rc::Rc;

use copr_rpm::{Dependency, Nevra};

use crate::formula::{Clause, Former};
use crate::pool::{PackageId, Pool, of_package};
use crate::sat::{ClauseId, Engine, Literal};
use crate::solve::{Problem, Request};

/// Most clauses; beyond it a request is refused instead of filling the memory.
const MOST_CLAUSES: usize = 8_000_000;
/// Groups of one name and architecture up to this size forbid each pair; larger ones use a ladder of helper variables.
const PAIRWISE: usize = 8;
/// Conflicts after which the search gives up.
const MOST_CONFLICTS: usize = 100_000;

/// Why a clause is there.
#[derive(Debug, Clone)]
pub(crate) enum Why {
    /// It was asked for.
    Install(Dependency),
    /// It was asked for by its exact name.
    Locked(Nevra),
    /// A package requires it.
    Requires(PackageId, Dependency),
    /// A package cannot be installed at all.
    Unreadable(PackageId, String),
    /// The first forbids the second.
    Conflicts(PackageId, Option<PackageId>, Dependency),
    /// The first replaces the second.
    Obsoletes(PackageId, PackageId),
    /// Versions of one package.
    SameName(String),
}

/// A clause with the order in which to try its packages.
#[derive(Debug)]
pub(crate) struct Need {
    /// Best first.
    pub(crate) candidates: Rc<[Literal]>,
    /// Packages whose absence also satisfies it.
    pub(crate) absent: Vec<Literal>,
    /// The name that was asked for, to prefer a package of that very name.
    pub(crate) wanted: Rc<str>,
}

/// What a request may reach, as clauses in an engine.
pub(crate) struct Universe<'a> {
    pub(crate) pool: &'a Pool,
    pub(crate) engine: Engine,
    /// Package of each variable; helper variables come after them.
    pub(crate) packages: Vec<PackageId>,
    pub(crate) needs: Vec<Need>,
    /// What is asked for.
    pub(crate) roots: Vec<usize>,
    /// Per variable: what it requires.
    pub(crate) required: Vec<Vec<usize>>,
    /// Per variable: what it recommends.
    pub(crate) recommended: Vec<Vec<usize>>,
    /// Per clause: its reason, and whether anything could satisfy it.
    pub(crate) reasons: Vec<(Why, bool)>,
}

/// What is collected before the number of variables is known.
struct Explorer<'a> {
    pool: &'a Pool,
    /// Variable of each package of the pool, `u32::MAX` for none.
    variables: Vec<u32>,
    packages: Vec<PackageId>,
    explored: Vec<bool>,
    waiting: VecDeque<PackageId>,
    /// Candidates of plain dependencies, by their text.
    known: HashMap<String, Rc<[PackageId]>>,
    clauses: Vec<(Vec<Literal>, Why, bool)>,
    needs: Vec<Need>,
    roots: Vec<usize>,
    required: Vec<Vec<usize>>,
    recommended: Vec<Vec<usize>>,
    /// Variables that stand for no package.
    helpers: usize,
}

impl<'a> Universe<'a> {
    pub(crate) fn explore(pool: &'a Pool, request: &Request) -> Result<Self, Problem> {
        let mut explorer = Explorer {
            pool,
            variables: vec![u32::MAX; pool.packages().len()],
            packages: Vec::new(),
            explored: Vec::new(),
            waiting: VecDeque::new(),
            known: HashMap::new(),
            clauses: Vec::new(),
            needs: Vec::new(),
            roots: Vec::new(),
            required: Vec::new(),
            recommended: Vec::new(),
            helpers: 0,
        };
        explorer.take_request(request)?;
        while let Some(id) = explorer.waiting.pop_front() {
            explorer.take_package(id, request.weak);
            if explorer.clauses.len() > MOST_CLAUSES {
                return Err(Problem::TooComplex);
            }
        }
        explorer.forbid()?;
        Ok(explorer.finish())
    }

    /// The package of a variable; `None` for a helper variable.
    pub(crate) fn package_of(&self, literal: Literal) -> Option<PackageId> {
        self.packages.get(literal.variable() as usize).copied()
    }
}

impl Explorer<'_> {
    fn variable(&mut self, id: PackageId) -> u32 {
        match self.variables.get(id.index()).copied() {
            Some(u32::MAX) | None => {
                let variable = u32::try_from(self.packages.len()).unwrap_or(u32::MAX);
                if let Some(slot) = self.variables.get_mut(id.index()) {
                    *slot = variable;
                }
                self.packages.push(id);
                self.explored.push(false);
                self.required.push(Vec::new());
                self.recommended.push(Vec::new());
                variable
            }
            Some(variable) => variable,
        }
    }

    fn reach(&mut self, id: PackageId) -> Literal {
        let variable = self.variable(id);
        if let Some(explored @ false) = self.explored.get_mut(variable as usize) {
            *explored = true;
            self.waiting.push_back(id);
        }
        Literal::yes(variable)
    }

    fn form(
        &mut self,
        dependency: &Dependency,
        wanted: bool,
        except: Option<PackageId>,
    ) -> Result<Vec<Clause>, String> {
        let (pool, known) = (self.pool, &mut self.known);
        let sorted = |plain: &Dependency| candidates(pool, known, plain).to_vec();
        Former { sorted, except }.form(dependency, wanted)
    }

    fn take_request(&mut self, request: &Request) -> Result<(), Problem> {
        for nevra in &request.locked {
            let present = self.pool.exactly(nevra);
            let clause = Clause { present, absent: Vec::new() };
            let need = self.require(None, clause, &nevra.name, Why::Locked(nevra.clone()));
            self.roots.extend(need);
        }
        for dependency in request.install.iter().filter(|dependency| !of_rpm_itself(dependency)) {
            for clause in self.form(dependency, true, None).map_err(Problem::BadRequest)? {
                let need = self.require(None, clause, &dependency.name, Why::Install(dependency.clone()));
                self.roots.extend(need);
            }
        }
        Ok(())
    }

    fn take_package(&mut self, id: PackageId, weak: bool) {
        let Some(package) = self.pool.package(id) else { return };
        let record = &package.record;
        let owner = self.variable(id);
        let mut seen = HashSet::new();
        for dependency in record.requires.iter().filter(|dependency| !of_rpm_itself(dependency)) {
            if !seen.insert(dependency.to_string()) {
                continue;
            }
            match self.form(dependency, true, None) {
                Ok(clauses) => {
                    for clause in clauses {
                        let need =
                            self.require(Some(id), clause, &dependency.name, Why::Requires(id, dependency.clone()));
                        self.needs_of(owner, need);
                    }
                }
                Err(reason) => self.clauses.push((vec![Literal::no(owner)], Why::Unreadable(id, reason), false)),
            }
        }
        for dependency in record.conflicts.iter().filter(|dependency| dependency.name.starts_with('(')) {
            match self.form(dependency, false, Some(id)) {
                Ok(clauses) => {
                    for clause in clauses {
                        let why = Why::Conflicts(id, None, dependency.clone());
                        let need = self.require(Some(id), clause, &dependency.name, why);
                        self.needs_of(owner, need);
                    }
                }
                Err(reason) => self.clauses.push((vec![Literal::no(owner)], Why::Unreadable(id, reason), false)),
            }
        }
        if weak {
            for dependency in &record.recommends {
                // What cannot be understood, or not be had, is not insisted on.
                for clause in self.form(dependency, true, None).unwrap_or_default() {
                    let need = self.need(clause, &dependency.name);
                    if let Some(list) = self.recommended.get_mut(owner as usize) {
                        list.push(need);
                    }
                }
            }
        }
    }

    fn needs_of(&mut self, owner: u32, need: Option<usize>) {
        if let Some(list) = self.required.get_mut(owner as usize) {
            list.extend(need);
        }
    }

    fn need(&mut self, clause: Clause, wanted: &str) -> usize {
        let candidates = clause.present.into_iter().map(|id| self.reach(id)).collect();
        let absent = clause.absent.into_iter().map(|id| Literal::no(self.variable(id))).collect();
        self.needs.push(Need { candidates, absent, wanted: wanted.into() });
        self.needs.len() - 1
    }

    /// Adds a clause that must hold, if `owner` is installed; `None` when the owner satisfies it itself.
    fn require(&mut self, owner: Option<PackageId>, clause: Clause, wanted: &str, why: Why) -> Option<usize> {
        if owner.is_some_and(|owner| clause.present.contains(&owner)) {
            return None;
        }
        let satisfiable = !(clause.present.is_empty() && clause.absent.is_empty());
        let number = self.need(clause, wanted);
        let need = self.needs.get(number)?;
        let mut literals: Vec<Literal> = need.candidates.iter().chain(&need.absent).copied().collect();
        if let Some(owner) = owner {
            literals.push(Literal::no(self.variable(owner)));
        }
        self.clauses.push((literals, why, satisfiable));
        Some(number)
    }

    /// Conflicts, obsoletes, and one version of each name, among all that was reached.
    fn forbid(&mut self) -> Result<(), Problem> {
        let mut pairs: HashSet<(u32, u32)> = HashSet::new();
        for variable in 0..self.packages.len() {
            let Some(id) = self.packages.get(variable).copied() else { continue };
            let Some(package) = self.pool.package(id) else { continue };
            if !self.explored.get(variable).copied().unwrap_or_default() {
                continue;
            }
            for dependency in package.record.conflicts.iter().filter(|dependency| !dependency.name.starts_with('(')) {
                let others = candidates(self.pool, &mut self.known, dependency);
                for other in others.iter().filter(|other| **other != id) {
                    self.exclude(&mut pairs, id, *other, Why::Conflicts(id, Some(*other), dependency.clone()))?;
                }
            }
            for dependency in &package.record.obsoletes {
                let others: Vec<PackageId> = self.pool.named(&dependency.name).filter(|other| *other != id).collect();
                for other in others {
                    if obsoletes(self.pool, dependency, other) {
                        self.exclude(&mut pairs, id, other, Why::Obsoletes(id, other))?;
                    }
                }
            }
        }
        self.one_version_each(&mut pairs)
    }

    fn exclude(
        &mut self,
        pairs: &mut HashSet<(u32, u32)>,
        a: PackageId,
        b: PackageId,
        why: Why,
    ) -> Result<(), Problem> {
        let variable = |id: PackageId| self.variables.get(id.index()).copied().filter(|variable| *variable != u32::MAX);
        let (Some(a), Some(b)) = (variable(a), variable(b)) else { return Ok(()) };
        if pairs.insert((a.min(b), a.max(b))) {
            self.clauses.push((vec![Literal::no(a), Literal::no(b)], why, true));
        }
        if self.clauses.len() > MOST_CLAUSES { Err(Problem::TooComplex) } else { Ok(()) }
    }

    /// One version of each name; the same version may be there for several architectures.
    fn one_version_each(&mut self, pairs: &mut HashSet<(u32, u32)>) -> Result<(), Problem> {
        let pool = self.pool;
        let mut groups: BTreeMap<&str, BTreeMap<&str, Vec<PackageId>>> = BTreeMap::new();
        for id in &self.packages {
            if let Some(package) = pool.package(*id) {
                let nevra = &package.record.nevra;
                groups.entry(&nevra.name).or_default().entry(&nevra.arch).or_default().push(*id);
            }
        }
        let evr = |id: PackageId| pool.package(id).map(|package| package.record.nevra.evr());
        for (name, by_arch) in groups {
            let same = || Why::SameName(name.to_owned());
            for ids in by_arch.values() {
                if ids.len() > PAIRWISE {
                    self.ladder(ids, name);
                    continue;
                }
                for (at, a) in ids.iter().enumerate() {
                    for b in ids.iter().skip(at + 1) {
                        self.exclude(pairs, *a, *b, same())?;
                    }
                }
            }
            for (arch, ids) in &by_arch {
                for (_, others) in by_arch.iter().filter(|(other, _)| *other > arch) {
                    for a in ids {
                        for b in others.iter().filter(|b| evr(*a) != evr(**b)) {
                            self.exclude(pairs, *a, *b, same())?;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// At most one of many, in three clauses each: helper `h[i]` says that one of the first `i + 1` is installed.
    fn ladder(&mut self, ids: &[PackageId], name: &str) {
        let mut before: Option<Literal> = None;
        for id in ids {
            let package = self.variable(*id);
            // No package variable is added any more: helpers are numbered behind them.
            let helper = Literal::yes(u32::try_from(self.packages.len() + self.helpers).unwrap_or(u32::MAX >> 1));
            self.helpers += 1;
            let mut add = |literals| self.clauses.push((literals, Why::SameName(name.to_owned()), true));
            add(vec![Literal::no(package), helper]);
            if let Some(before) = before {
                let not_before = Literal::no(before.variable());
                add(vec![not_before, helper]);
                add(vec![not_before, Literal::no(package)]);
            }
            before = Some(helper);
        }
    }
}

impl<'a> Explorer<'a> {
    fn finish(self) -> Universe<'a> {
        let mut engine = Engine::new(self.packages.len() + self.helpers, MOST_CONFLICTS);
        let mut reasons = Vec::with_capacity(self.clauses.len());
        for (literals, why, satisfiable) in self.clauses {
            engine.add(literals);
            reasons.push((why, satisfiable));
        }
        Universe {
            pool: self.pool,
            engine,
            packages: self.packages,
            needs: self.needs,
            roots: self.roots,
            required: self.required,
            recommended: self.recommended,
            reasons,
        }
    }
}

impl Universe<'_> {
    /// The reason of a clause that the engine names.
    pub(crate) fn reason(&self, clause: ClauseId) -> Option<&(Why, bool)> {
        self.reasons.get(clause as usize)
    }
}

/// What rpm itself provides: `rpmlib(...)`.
fn of_rpm_itself(dependency: &Dependency) -> bool {
    dependency.name.starts_with("rpmlib(")
}

/// Whether an obsoletes (by name and version, as rpm has it) hits a package.
fn obsoletes(pool: &Pool, dependency: &Dependency, other: PackageId) -> bool {
    pool.package(other).is_some_and(|package| dependency.matches(&of_package(&package.record.nevra)))
}

/// The packages that satisfy a plain dependency, best first.
///
/// Best is: the repository's priority, then not replaced by another candidate, then the machine's own architecture, then
/// the very name, then shorter names, then the newest version, then the repository's cost and place.
pub(crate) fn candidates(
    pool: &Pool,
    known: &mut HashMap<String, Rc<[PackageId]>>,
    wanted: &Dependency,
) -> Rc<[PackageId]> {
    let text = wanted.to_string();
    if let Some(found) = known.get(&text) {
        return Rc::clone(found);
    }
    let mut found = pool.providers(wanted);
    let replaced = replaced(pool, &found);
    found.sort_by(|a, b| {
        let keys = |id: PackageId| (rank(pool, id, &replaced, &wanted.name), pool.package(id));
        match (keys(*a), keys(*b)) {
            ((rank_a, Some(a_package)), (rank_b, Some(b_package))) => {
                let (one, other) = (&a_package.record.nevra, &b_package.record.nevra);
                let place = |package: &crate::PoolPackage| {
                    (pool.repository(package.repository).map_or(i32::MAX, |info| info.cost), package.repository)
                };
                rank_a
                    .cmp(&rank_b)
                    .then_with(|| (one.name.len(), &one.name).cmp(&(other.name.len(), &other.name)))
                    .then_with(|| other.evr().cmp(&one.evr()))
                    .then_with(|| place(a_package).cmp(&place(b_package)))
                    .then_with(|| one.arch.cmp(&other.arch))
                    .then_with(|| a.cmp(b))
            }
            _ => a.cmp(b),
        }
    });
    let found: Rc<[PackageId]> = found.into();
    known.insert(text, Rc::clone(&found));
    found
}

/// What comes before names and versions: repository priority, replaced by another, architecture, not the very name.
pub(crate) type Rank = (i32, bool, u8, bool);

fn rank(pool: &Pool, id: PackageId, replaced: &HashSet<PackageId>, wanted: &str) -> Rank {
    let package = pool.package(id);
    let priority =
        package.and_then(|package| pool.repository(package.repository)).map_or(i32::MAX, |info| info.priority);
    let other_name = package.is_none_or(|package| package.record.nevra.name != wanted);
    (priority, replaced.contains(&id), pool.arch_rank(id), other_name)
}

/// Those of the packages that another of them obsoletes.
fn replaced(pool: &Pool, ids: &[PackageId]) -> HashSet<PackageId> {
    let mut by_name: HashMap<&str, Vec<(PackageId, &Dependency)>> = HashMap::new();
    for id in ids {
        for dependency in pool.package(*id).into_iter().flat_map(|package| &package.record.obsoletes) {
            by_name.entry(&dependency.name).or_default().push((*id, dependency));
        }
    }
    let hit = |id: &PackageId| {
        let Some(package) = pool.package(*id) else { return false };
        let name = package.record.nevra.name.as_str();
        by_name.get(name).into_iter().flatten().any(|(by, dependency)| {
            let own = pool.package(*by).is_some_and(|by| by.record.nevra.name == name);
            !own && obsoletes(pool, dependency, *id)
        })
    };
    if by_name.is_empty() { HashSet::new() } else { ids.iter().copied().filter(hit).collect() }
}
