//! A small conflict-driven clause-learning search: the engine below [`mod@crate::solve`].
//!
//! Variables are numbers; a variable that the search leaves undecided counts as false. What to try next, and in which
//! order, is the caller's business; the engine propagates, learns from conflicts, and says which of the caller's clauses
//! contradict each other when there is no answer.

/// A variable, or its negation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Literal(u32);

impl Literal {
    pub(crate) fn yes(variable: u32) -> Self {
        Self(variable << 1)
    }
    pub(crate) fn no(variable: u32) -> Self {
        Self(variable << 1 | 1)
    }
    pub(crate) fn variable(self) -> u32 {
        self.0 >> 1
    }
    pub(crate) fn is_positive(self) -> bool {
        self.0 & 1 == 0
    }
    fn negated(self) -> Self {
        Self(self.0 ^ 1)
    }
    fn index(self) -> usize {
        self.0 as usize
    }
}

/// Number of a clause, in the order of adding; learned ones follow.
pub(crate) type ClauseId = u32;

/// What a variable has been set to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Value {
    Open,
    True,
    False,
}

/// The search gave up: more conflicts than allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GaveUp;

/// Clauses that cannot all hold, as numbers that [`Engine::add`] returned, ascending.
pub(crate) type Core = Vec<ClauseId>;

/// The state of a search.
pub(crate) struct Engine {
    clauses: Vec<Vec<Literal>>,
    /// Per learned clause (from `given` on): the clauses that it follows from.
    origins: Vec<Vec<ClauseId>>,
    given: usize,
    watches: Vec<Vec<ClauseId>>,
    values: Vec<Value>,
    levels: Vec<u32>,
    reasons: Vec<Option<ClauseId>>,
    trail: Vec<Literal>,
    /// Length of the trail at each decision.
    decisions: Vec<usize>,
    propagated: usize,
    /// A given clause that contradicts the others without any decision.
    broken: Option<ClauseId>,
    conflicts: usize,
    most_conflicts: usize,
}

impl Engine {
    /// No clauses over variables `0..variables`, to give up after `most_conflicts` conflicts.
    pub(crate) fn new(variables: usize, most_conflicts: usize) -> Self {
        Self {
            clauses: Vec::new(),
            origins: Vec::new(),
            given: 0,
            watches: vec![Vec::new(); variables * 2],
            values: vec![Value::Open; variables],
            levels: vec![0; variables],
            reasons: vec![None; variables],
            trail: Vec::new(),
            decisions: Vec::new(),
            propagated: 0,
            broken: None,
            conflicts: 0,
            most_conflicts,
        }
    }

    pub(crate) fn is_true(&self, literal: Literal) -> bool {
        self.value(literal) == Value::True
    }

    pub(crate) fn is_false(&self, literal: Literal) -> bool {
        self.value(literal) == Value::False
    }

    /// All that has been set so far, oldest first.
    pub(crate) fn trail(&self) -> &[Literal] {
        &self.trail
    }

    fn value(&self, literal: Literal) -> Value {
        match self.values.get(literal.variable() as usize).copied().unwrap_or(Value::Open) {
            Value::Open => Value::Open,
            value if literal.is_positive() => value,
            Value::True => Value::False,
            Value::False => Value::True,
        }
    }

    /// Adds a clause; all must be added before the first decision.
    pub(crate) fn add(&mut self, mut literals: Vec<Literal>) -> ClauseId {
        literals.sort_unstable();
        literals.dedup();
        let id = self.push(literals);
        self.given = self.clauses.len();
        self.watch(id);
        id
    }

    fn push(&mut self, literals: Vec<Literal>) -> ClauseId {
        let id = ClauseId::try_from(self.clauses.len()).unwrap_or(ClauseId::MAX);
        self.clauses.push(literals);
        id
    }

    /// Watches a new clause's first two literals that are not false (true and open ones are moved to the front).
    fn watch(&mut self, id: ClauseId) {
        let mut literals = std::mem::take(&mut self.clauses[id as usize]);
        literals.sort_by_key(|literal| self.is_false(*literal));
        match literals.as_slice() {
            [] => self.broken = self.broken.or(Some(id)),
            [first, ..] if self.is_false(*first) => self.broken = self.broken.or(Some(id)),
            [only] => self.set(*only, Some(id)),
            [first, second, ..] => {
                self.watches[first.index()].push(id);
                self.watches[second.index()].push(id);
                if self.is_false(*second) && !self.is_true(*first) {
                    self.set(*first, Some(id));
                }
            }
        }
        self.clauses[id as usize] = literals;
    }

    fn level(&self) -> u32 {
        u32::try_from(self.decisions.len()).unwrap_or(u32::MAX)
    }

    fn set(&mut self, literal: Literal, reason: Option<ClauseId>) {
        if self.is_true(literal) {
            return;
        }
        let variable = literal.variable() as usize;
        self.values[variable] = if literal.is_positive() { Value::True } else { Value::False };
        self.levels[variable] = self.level();
        self.reasons[variable] = reason;
        self.trail.push(literal);
    }

    /// Tries `literal`, which must be open.
    pub(crate) fn decide(&mut self, literal: Literal) {
        self.decisions.push(self.trail.len());
        self.set(literal, None);
    }

    /// Draws all conclusions; on conflicts learns and goes back, as often as needed.
    ///
    /// # Errors
    /// `Ok(Err(core))` when there is no answer.
    pub(crate) fn settle(&mut self) -> Result<Result<(), Core>, GaveUp> {
        if let Some(id) = self.broken {
            return Ok(Err(self.core(id)));
        }
        while let Some(conflict) = self.propagate() {
            self.conflicts += 1;
            if self.conflicts > self.most_conflicts {
                return Err(GaveUp);
            }
            if self.decisions.is_empty() {
                return Ok(Err(self.core(conflict)));
            }
            self.learn(conflict);
        }
        Ok(Ok(()))
    }

    /// Unit propagation over watched literals. Returns a clause all of whose literals are false.
    fn propagate(&mut self) -> Option<ClauseId> {
        while let Some(literal) = self.trail.get(self.propagated).copied() {
            self.propagated += 1;
            let falsified = literal.negated();
            let watching = std::mem::take(&mut self.watches[falsified.index()]);
            let mut kept = Vec::with_capacity(watching.len());
            let mut conflict = None;
            for (at, id) in watching.iter().copied().enumerate() {
                let mut literals = std::mem::take(&mut self.clauses[id as usize]);
                if literals[0] == falsified {
                    literals.swap(0, 1);
                }
                let first = literals[0];
                let other =
                    if self.is_true(first) { None } else { (2..literals.len()).find(|k| !self.is_false(literals[*k])) };
                match other {
                    Some(k) => {
                        literals.swap(1, k);
                        self.watches[literals[1].index()].push(id);
                    }
                    None => kept.push(id),
                }
                self.clauses[id as usize] = literals;
                if other.is_none() && !self.is_true(first) {
                    if self.is_false(first) {
                        conflict = Some(id);
                        kept.extend_from_slice(watching.get(at + 1..).unwrap_or_default());
                        break;
                    }
                    self.set(first, Some(id));
                }
            }
            // Nothing was added meanwhile: a clause never moves to a literal that is false.
            self.watches[falsified.index()] = kept;
            if conflict.is_some() {
                return conflict;
            }
        }
        None
    }

    /// First unique implication point: one new clause, one step back.
    fn learn(&mut self, conflict: ClauseId) {
        let level = self.level();
        let mut seen = vec![false; self.values.len()];
        let mut learned: Vec<Literal> = Vec::new();
        let mut origins = vec![conflict];
        let mut open = 0_usize;
        let mut clause = conflict;
        let mut at = self.trail.len();
        let asserting = loop {
            for literal in &self.clauses[clause as usize] {
                let variable = literal.variable() as usize;
                if seen[variable] || !self.is_false(*literal) {
                    continue;
                }
                seen[variable] = true;
                if self.levels[variable] == level {
                    open += 1;
                } else {
                    // Also level 0: its facts are needed to name the culprits in the end.
                    learned.push(*literal);
                }
            }
            // The newest literal of this level that took part.
            while at > 0 && !(seen[self.trail[at - 1].variable() as usize]) {
                at -= 1;
            }
            at = at.saturating_sub(1);
            let literal = self.trail[at];
            open = open.saturating_sub(1);
            match self.reasons[literal.variable() as usize] {
                Some(reason) if open > 0 => {
                    origins.push(reason);
                    clause = reason;
                }
                _ => break literal.negated(),
            }
        };
        // Literals false without any decision need no watching: their causes become origins.
        let (facts, rest): (Vec<_>, Vec<_>) =
            learned.into_iter().partition(|l| self.levels[l.variable() as usize] == 0);
        for fact in facts {
            origins.extend(self.reasons_of_fact(fact));
        }
        origins.sort_unstable();
        origins.dedup();
        let back = rest.iter().map(|l| self.levels[l.variable() as usize]).max().unwrap_or(0);
        self.back_to(back);
        let mut literals = rest;
        // Watch the asserting literal and one of the newest level left.
        literals.sort_by_key(|l| std::cmp::Reverse(self.levels[l.variable() as usize]));
        literals.insert(0, asserting);
        let id = self.push(literals);
        self.origins.push(origins);
        let clause = &self.clauses[id as usize];
        if let [first, second, ..] = clause.as_slice() {
            let (first, second) = (first.index(), second.index());
            self.watches[first].push(id);
            self.watches[second].push(id);
        }
        self.set(asserting, Some(id));
    }

    fn back_to(&mut self, level: u32) {
        let Some(length) = self.decisions.get(level as usize).copied() else { return };
        for literal in self.trail.drain(length..) {
            self.values[literal.variable() as usize] = Value::Open;
            self.reasons[literal.variable() as usize] = None;
        }
        self.decisions.truncate(level as usize);
        self.propagated = self.propagated.min(length);
    }

    /// All clauses behind a literal that is false without any decision.
    fn reasons_of_fact(&self, fact: Literal) -> Vec<ClauseId> {
        let mut found = Vec::new();
        let mut seen = std::collections::BTreeSet::from([fact.variable()]);
        let mut waiting = vec![fact.variable()];
        while let Some(variable) = waiting.pop() {
            let Some(reason) = self.reasons[variable as usize] else { continue };
            found.push(reason);
            for literal in &self.clauses[reason as usize] {
                if seen.insert(literal.variable()) {
                    waiting.push(literal.variable());
                }
            }
        }
        found
    }

    /// The given clauses from which a contradiction without decisions follows.
    fn core(&self, conflict: ClauseId) -> Core {
        let mut waiting = vec![conflict];
        for literal in &self.clauses[conflict as usize] {
            waiting.extend(self.reasons_of_fact(*literal));
        }
        let mut seen = std::collections::BTreeSet::new();
        let mut core = Vec::new();
        while let Some(id) = waiting.pop() {
            if !seen.insert(id) {
                continue;
            }
            match (id as usize).checked_sub(self.given).and_then(|learned| self.origins.get(learned)) {
                Some(origins) => waiting.extend(origins),
                None => core.push(id),
            }
        }
        core.sort_unstable();
        core
    }
}
