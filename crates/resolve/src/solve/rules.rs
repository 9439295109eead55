//! Rules: what must hold of a set of packages, as literals of which one must be true.

/// One rule. Its literals are `p`, then either the second one (a rule of two) or the list at `d`.
///
/// The rules that watch a literal form a chain through `next`, newest first: the order in which decisions follow from
/// each other, and with it the answer, is the one of libsolv, whose rules are laid out like this.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Rule {
    /// The first literal; 0 for a rule that says nothing.
    pub(super) p: i32,
    /// Where the list of the other literals starts; 0 for a rule of one or two literals. Switched off: `-d - 1`.
    pub(super) d: i32,
    /// The two literals that are watched; in a rule of two, the second is its second literal; 0 in one of one.
    pub(super) watched: [i32; 2],
    /// The next rule that watches the same literal.
    pub(super) next: [u32; 2],
}

impl Rule {
    pub(super) fn new(p: i32, second: i32) -> Self {
        Self { p, d: 0, watched: [p, second], next: [0; 2] }
    }

    /// A rule of `p` and a list of at least two literals.
    pub(super) fn with_list(p: i32, at: u32, first: i32) -> Self {
        Self { p, d: i32::try_from(at).unwrap_or(i32::MAX - 1), watched: [p, first], next: [0; 2] }
    }

    pub(super) fn is_off(&self) -> bool {
        self.d < 0
    }

    pub(super) fn switch_off(&mut self) {
        if self.d >= 0 {
            self.d = -self.d - 1;
        }
    }

    pub(super) fn switch_on(&mut self) {
        if self.d < 0 {
            self.d = -self.d - 1;
        }
    }

    /// Where the list of the other literals starts, whether or not the rule is switched off; 0 when there is none.
    pub(super) fn list(&self) -> u32 {
        let at = if self.d < 0 { -self.d - 1 } else { self.d };
        u32::try_from(at).unwrap_or_default()
    }

    /// Whether it decides one literal by itself.
    pub(super) fn is_assertion(&self) -> bool {
        self.p != 0 && self.watched[1] == 0 && self.list() == 0
    }

    /// Its literals; `data` holds the lists.
    pub(super) fn literals<'a>(&self, data: &'a [i32]) -> impl Iterator<Item = i32> + use<'a> {
        let at = self.list() as usize;
        let single = if at == 0 && self.watched[1] != 0 { self.watched[1] } else { 0 };
        let list = if at == 0 { &[][..] } else { data.get(at..).unwrap_or_default() };
        let first = (self.p != 0).then_some(self.p);
        first
            .into_iter()
            .chain((single != 0).then_some(single))
            .chain(list.iter().copied().take_while(|literal| *literal != 0))
    }
}

/// Where the kinds of rules start and end, in the order in which they are made.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ranges {
    /// Behind the rules of packages, which start at 1.
    pub(super) packages: usize,
    /// For each installed package: it, or whatever could replace it.
    pub(super) feature: usize,
    /// For each installed package: it, or what updates it.
    pub(super) update: usize,
    pub(super) update_end: usize,
    pub(super) job_end: usize,
    /// Packages of a worse architecture.
    pub(super) arch_end: usize,
    /// Best versions for what was asked for, then for what is installed.
    pub(super) best_jobs_end: usize,
    pub(super) best_end: usize,
    /// Splits of a package into several, which all must come.
    pub(super) split_end: usize,
    /// What is chosen where an installed package could do.
    pub(super) choice_end: usize,
}

impl Ranges {
    pub(super) fn jobs(&self) -> std::ops::Range<usize> {
        self.update_end..self.job_end
    }

    pub(super) fn arch(&self) -> std::ops::Range<usize> {
        self.job_end..self.arch_end
    }

    pub(super) fn choices(&self) -> std::ops::Range<usize> {
        self.split_end..self.choice_end
    }

    /// The first rule that was learnt.
    pub(super) fn learnt(&self) -> usize {
        self.choice_end
    }
}

/// A set of numbers below a bound.
#[derive(Debug, Clone, Default)]
pub(super) struct Bits(Vec<u64>);

impl Bits {
    pub(super) fn new(bound: usize) -> Self {
        Self(vec![0; bound / 64 + 1])
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn has(&self, literal: i32) -> bool {
        let at = literal as u32;
        self.0.get((at >> 6) as usize).is_some_and(|word| word >> (at & 63) & 1 == 1)
    }

    /// Whether it is new.
    pub(super) fn insert(&mut self, literal: i32) -> bool {
        let at = literal as u32;
        match self.0.get_mut((at >> 6) as usize) {
            Some(word) => {
                let bit = 1 << (at & 63);
                let new = *word & bit == 0;
                *word |= bit;
                new
            }
            None => false,
        }
    }

    /// Whether it is new; the bound grows as needed.
    pub(super) fn insert_growing(&mut self, number: u32) -> bool {
        let word = (number >> 6) as usize;
        if self.0.len() <= word {
            self.0.resize((word + 1) * 2, 0);
        }
        self.insert(number as i32)
    }

    pub(super) fn remove(&mut self, literal: i32) {
        let at = literal as u32;
        if let Some(word) = self.0.get_mut((at >> 6) as usize) {
            *word &= !(1 << (at & 63));
        }
    }

    pub(super) fn clear(&mut self) {
        self.0.fill(0);
    }
}
