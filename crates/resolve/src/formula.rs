//! A dependency as clauses over packages: each clause needs one of some packages, or the absence of one of others.

use copr_rpm::Dependency;

use crate::pool::PackageId;
use crate::rich::{self, Expression};

/// Most clauses that one rich dependency may become.
const MOST_CLAUSES: usize = 10_000;
/// Most packages that the clauses of one rich dependency may name together.
const MOST_LITERALS: usize = 1_000_000;

/// One clause: it holds when one of `present` is installed or one of `absent` is not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Clause {
    /// Any of these satisfies it, best first.
    pub(crate) present: Vec<PackageId>,
    /// The absence of any of these satisfies it.
    pub(crate) absent: Vec<PackageId>,
}

/// All of these must hold.
pub(crate) type Clauses = Vec<Clause>;

/// Turns dependencies into clauses; `sorted` gives the packages that satisfy a plain one, best first.
pub(crate) struct Former<F> {
    pub(crate) sorted: F,
    /// The package whose conflicts are formed: never in conflict with itself.
    pub(crate) except: Option<PackageId>,
}

impl<F: FnMut(&Dependency) -> Vec<PackageId>> Former<F> {
    /// Clauses that hold exactly when the dependency is satisfied (`wanted`) or is not.
    ///
    /// # Errors
    /// What cannot be understood, or is too complex, in words.
    pub(crate) fn form(&mut self, dependency: &Dependency, wanted: bool) -> Result<Clauses, String> {
        let expression = rich::parse(dependency).map_err(|error| error.to_string())?;
        self.clauses(&expression, wanted)
    }

    fn clauses(&mut self, expression: &Expression, wanted: bool) -> Result<Clauses, String> {
        match expression {
            Expression::Plain(_) | Expression::With(_) | Expression::Without(..) => {
                let mut packages = self.packages(expression)?;
                if wanted {
                    return Ok(vec![Clause { present: packages, absent: Vec::new() }]);
                }
                packages.retain(|id| Some(*id) != self.except);
                Ok(packages.into_iter().map(|id| Clause { present: Vec::new(), absent: vec![id] }).collect())
            }
            Expression::And(list) if wanted => self.all(list, true),
            Expression::Or(list) if !wanted => self.all(list, false),
            Expression::And(list) => self.any(list, false),
            Expression::Or(list) => self.any(list, true),
            Expression::If { then, condition, otherwise } => match (otherwise, wanted) {
                (None, true) => self.either(then, true, condition, false),
                (None, false) => {
                    let mut clauses = self.clauses(condition, true)?;
                    clauses.extend(self.clauses(then, false)?);
                    Ok(clauses)
                }
                (Some(otherwise), _) => self.choice(condition, then, otherwise, wanted),
            },
            Expression::Unless { then, condition, otherwise } => match (otherwise, wanted) {
                (None, true) => {
                    let mut clauses = self.clauses(then, true)?;
                    clauses.extend(self.clauses(condition, false)?);
                    Ok(clauses)
                }
                (None, false) => self.either(then, false, condition, true),
                (Some(otherwise), _) => self.choice(condition, otherwise, then, wanted),
            },
        }
    }

    /// With the condition `yes`, without it `no`; or the negation of that.
    fn choice(
        &mut self,
        condition: &Expression,
        yes: &Expression,
        no: &Expression,
        wanted: bool,
    ) -> Result<Clauses, String> {
        let mut clauses = self.either(yes, wanted, condition, false)?;
        clauses.extend(self.either(no, wanted, condition, true)?);
        Ok(clauses)
    }

    fn either(&mut self, a: &Expression, a_wanted: bool, b: &Expression, b_wanted: bool) -> Result<Clauses, String> {
        let (a, b) = (self.clauses(a, a_wanted)?, self.clauses(b, b_wanted)?);
        product(&a, &b)
    }

    fn all(&mut self, list: &[Expression], wanted: bool) -> Result<Clauses, String> {
        let mut clauses = Vec::new();
        for part in list {
            clauses.extend(self.clauses(part, wanted)?);
            bounded(clauses.len(), 0)?;
        }
        Ok(clauses)
    }

    fn any(&mut self, list: &[Expression], wanted: bool) -> Result<Clauses, String> {
        let mut clauses = vec![Clause::default()];
        for part in list {
            clauses = product(&clauses, &self.clauses(part, wanted)?)?;
        }
        Ok(clauses)
    }

    /// The packages that satisfy an expression each by itself.
    fn packages(&mut self, expression: &Expression) -> Result<Vec<PackageId>, String> {
        match expression {
            Expression::Plain(dependency) => Ok((self.sorted)(dependency)),
            Expression::With(list) => {
                let mut parts = list.iter();
                let mut found = match parts.next() {
                    Some(first) => self.packages(first)?,
                    None => Vec::new(),
                };
                for part in parts {
                    let also = self.packages(part)?;
                    found.retain(|id| also.contains(id));
                }
                Ok(found)
            }
            Expression::Without(first, second) => {
                let mut found = self.packages(first)?;
                let not = self.packages(second)?;
                found.retain(|id| !not.contains(id));
                Ok(found)
            }
            Expression::Or(list) => {
                let mut found: Vec<PackageId> = Vec::new();
                for part in list {
                    for id in self.packages(part)? {
                        if !found.contains(&id) {
                            found.push(id);
                        }
                    }
                }
                Ok(found)
            }
            _ => {
                Err("a rich dependency has and, if or unless within with or without, which rpm does not allow"
                    .to_owned())
            }
        }
    }
}

fn product(a: &[Clause], b: &[Clause]) -> Result<Clauses, String> {
    let size = |clauses: &[Clause]| clauses.iter().map(|c| c.present.len() + c.absent.len()).sum::<usize>();
    bounded(
        a.len().saturating_mul(b.len()),
        size(a).saturating_mul(b.len()).saturating_add(size(b).saturating_mul(a.len())),
    )?;
    let mut clauses = Vec::with_capacity(a.len() * b.len());
    for left in a {
        for right in b {
            let mut clause = left.clone();
            clause.present.extend(&right.present);
            clause.absent.extend(&right.absent);
            clauses.push(clause);
        }
    }
    Ok(clauses)
}

fn bounded(clauses: usize, literals: usize) -> Result<(), String> {
    if clauses > MOST_CLAUSES || literals > MOST_LITERALS {
        return Err("a rich dependency has too many combinations".to_owned());
    }
    Ok(())
}
