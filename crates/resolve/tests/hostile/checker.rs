//! What a sound answer is, told without the solver: dependencies are looked up by comparing each with each, rich ones are
//! evaluated as they read, and for few packages every set of them can be tried.

use copr_repodata::Record;
use copr_resolve::rich::{self, Expression};
use copr_rpm::Dependency;

/// A set of packages: bit n is the n-th record.
pub(crate) type Set = u64;

/// A dependency, its capabilities replaced by the sets of packages that have them.
enum Tree {
    /// Any of these.
    Any(Set),
    All(Vec<Self>),
    One(Vec<Self>),
    Choice {
        condition: Box<Self>,
        yes: Box<Self>,
        no: Box<Self>,
    },
    Not(Box<Self>),
    /// What cannot be understood never holds.
    Never,
}

impl Tree {
    fn holds(&self, set: Set) -> bool {
        match self {
            Self::Any(packages) => packages & set != 0,
            Self::All(parts) => parts.iter().all(|part| part.holds(set)),
            Self::One(parts) => parts.iter().any(|part| part.holds(set)),
            Self::Choice { condition, yes, no } => {
                if condition.holds(set) {
                    yes.holds(set)
                } else {
                    no.holds(set)
                }
            }
            Self::Not(part) => !part.holds(set),
            Self::Never => false,
        }
    }

    /// All packages that it speaks of.
    fn named(&self) -> Set {
        match self {
            Self::Any(packages) => *packages,
            Self::All(parts) | Self::One(parts) => parts.iter().map(Self::named).fold(0, |a, b| a | b),
            Self::Choice { condition, yes, no } => condition.named() | yes.named() | no.named(),
            Self::Not(part) => part.named(),
            Self::Never => 0,
        }
    }
}

/// One package as the checker sees it.
struct Package {
    requires: Vec<(String, Tree)>,
    conflicts: Vec<(String, Tree)>,
    /// Others that may not stand beside it: those of its name, and those it obsoletes.
    excludes: Set,
    fits: bool,
}

/// The packages of one repository and what is asked for.
pub(crate) struct Checker {
    packages: Vec<Package>,
    wanted: Vec<(String, Tree)>,
}

impl Checker {
    /// For at most 64 packages, on a machine of `x86_64`.
    pub(crate) fn new(records: &[Record], wanted: &[Dependency]) -> Self {
        assert!(records.len() <= 64, "a set is one number");
        let trees = |list: &[Dependency]| list.iter().map(|one| (one.to_string(), tree(records, one))).collect();
        let packages = records.iter().enumerate().map(|(at, record)| {
            let requires: Vec<Dependency> =
                record.requires.iter().filter(|one| !one.name.starts_with("rpmlib(")).cloned().collect();
            Package {
                requires: trees(&requires),
                conflicts: trees(&record.conflicts),
                excludes: set_of(records, |other| excludes(record, other)) & !(1 << at),
                fits: ["x86_64", "noarch", "i386", "i486", "i586", "i686", "athlon", "amd64"]
                    .contains(&record.nevra.arch.as_str()),
            }
        });
        Self { packages: packages.collect(), wanted: trees(wanted) }
    }

    /// Whether everything asked for and everything required holds, and nothing is in the way of anything; or what is wrong.
    pub(crate) fn check(&self, set: Set) -> Result<(), String> {
        if let Some((text, _)) = self.wanted.iter().find(|(_, tree)| !tree.holds(set)) {
            return Err(format!("{text} is asked for and does not hold"));
        }
        for (at, package) in self.members(set) {
            if !package.fits {
                return Err(format!("package {at} is of another architecture"));
            }
            if package.excludes & set != 0 {
                return Err(format!("package {at} excludes {:b}", package.excludes & set));
            }
            if let Some((text, _)) = package.requires.iter().find(|(_, tree)| !tree.holds(set)) {
                return Err(format!("package {at} requires {text}"));
            }
            // No package is in conflict with itself. What a rich conflict means that names its own package is open.
            let others = set & !(1 << at);
            let clear = |text: &str, tree: &Tree| !text.starts_with('(') || tree.named() >> at & 1 == 0;
            let conflict = package.conflicts.iter().find(|(text, tree)| clear(text, tree) && tree.holds(others));
            if let Some((text, _)) = conflict {
                return Err(format!("package {at} conflicts with {text}"));
            }
        }
        Ok(())
    }

    /// The members of a set that nothing in it speaks of: neither what is asked for nor a package that is there for a
    /// reason.
    pub(crate) fn unfounded(&self, set: Set) -> Set {
        let mut founded = self.wanted.iter().map(|(_, tree)| tree.named()).fold(0, |a, b| a | b) & set;
        loop {
            let lists =
                self.members(founded).flat_map(|(_, package)| package.requires.iter().chain(&package.conflicts));
            let more = founded | lists.map(|(_, tree)| tree.named()).fold(0, |a, b| a | b) & set;
            if more == founded {
                return set & !founded;
            }
            founded = more;
        }
    }

    /// Whether a package has a rich conflict that names the package itself, whose meaning is open.
    pub(crate) fn is_ambiguous(&self) -> bool {
        let of_itself = |(at, package): (usize, &Package)| {
            package.conflicts.iter().any(|(text, tree)| text.starts_with('(') && tree.named() >> at & 1 == 1)
        };
        self.packages.iter().enumerate().any(of_itself)
    }

    /// Whether any set of the packages is sound, by trying all of them.
    pub(crate) fn is_satisfiable(&self) -> bool {
        assert!(self.packages.len() <= 16, "too many to try");
        (0_u64..1 << self.packages.len()).any(|set| self.check(set).is_ok())
    }

    fn members(&self, set: Set) -> impl Iterator<Item = (usize, &Package)> {
        self.packages.iter().enumerate().filter(move |(at, _)| set >> at & 1 == 1)
    }
}

fn set_of(records: &[Record], mut has: impl FnMut(&Record) -> bool) -> Set {
    records.iter().enumerate().filter(|(_, record)| has(record)).fold(0, |set, (at, _)| set | 1 << at)
}

/// What a package provides by being itself.
fn own(record: &Record) -> Option<Dependency> {
    format!("{} = {}", record.nevra.name, record.nevra.evr()).parse().ok()
}

/// Whether `other` may not stand beside `record`.
fn excludes(record: &Record, other: &Record) -> bool {
    let (mine, others) = (&record.nevra, &other.nevra);
    let side_by_side = mine.arch != others.arch && mine.arch != "noarch" && others.arch != "noarch";
    let obsoletes = || own(other).is_some_and(|it| record.obsoletes.iter().any(|one| one.matches(&it)));
    !side_by_side && (mine.name == others.name || obsoletes())
}

fn provides(record: &Record, wanted: &Dependency) -> bool {
    record.provides.iter().any(|provide| wanted.matches(provide))
        || own(record).is_some_and(|provide| wanted.matches(&provide))
        || wanted.evr.is_none() && record.files.iter().any(|file| file.path == wanted.name)
}

fn tree(records: &[Record], wanted: &Dependency) -> Tree {
    rich::parse(wanted).map_or(Tree::Never, |expression| of_expression(records, &expression))
}

fn of_expression(records: &[Record], expression: &Expression) -> Tree {
    let one = |expression: &Expression| Box::new(of_expression(records, expression));
    let all = |list: &[Expression]| list.iter().map(|part| of_expression(records, part)).collect();
    let always = || Box::new(Tree::Not(Box::new(Tree::Never)));
    match expression {
        Expression::Plain(wanted) => Tree::Any(set_of(records, |record| provides(record, wanted))),
        Expression::And(list) => Tree::All(all(list)),
        Expression::Or(list) => Tree::One(all(list)),
        Expression::If { then, condition, otherwise } => Tree::Choice {
            condition: one(condition),
            yes: one(then),
            no: otherwise.as_deref().map_or_else(always, one),
        },
        Expression::Unless { then, condition, otherwise } => Tree::Choice {
            condition: one(condition),
            yes: otherwise.as_deref().map_or_else(|| Box::new(Tree::Never), one),
            no: one(then),
        },
        Expression::With(_) | Expression::Without(..) => {
            same_package(records, expression).map_or(Tree::Never, Tree::Any)
        }
    }
}

/// The packages that satisfy it each by itself; `None` where rpm does not allow the operator.
fn same_package(records: &[Record], expression: &Expression) -> Option<Set> {
    match expression {
        Expression::Plain(wanted) => Some(set_of(records, |record| provides(record, wanted))),
        Expression::With(list) => list.iter().try_fold(Set::MAX, |set, part| Some(set & same_package(records, part)?)),
        Expression::Or(list) => list.iter().try_fold(0, |set, part| Some(set | same_package(records, part)?)),
        Expression::Without(first, second) => Some(same_package(records, first)? & !same_package(records, second)?),
        _ => None,
    }
}
