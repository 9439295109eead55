//! Rich dependencies as blocks of literals, in conjunctive or disjunctive normal form.
//!
//! Follows what libsolv's `cplxdeps.c` makes of them, block by block: the order of blocks and of the literals within one
//! decides which packages a search tries first. A literal is the number of a package, negative for its absence.

/// Most numbers that the blocks of one rich dependency may take; real ones take some hundreds.
const MOST_LITERALS: usize = 1_000_000;
/// The literal of what is there anyway: what rpm itself provides.
pub(crate) const SYSTEM: i32 = 1;

/// A rich dependency whose plain parts are lists of packages already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Formula {
    /// Where the list of packages that satisfy it starts, ascending, ended by a zero.
    List(u32),
    /// All of them.
    And(Vec<Self>),
    /// Any of them; at least one is no list.
    Or(Vec<Self>),
    /// What is needed, the condition, what is needed without the condition.
    If(Box<(Self, Self, Option<Self>)>),
    /// What is needed without the condition, the condition, what is needed with it.
    Unless(Box<(Self, Self, Option<Self>)>),
}

/// What became of a formula.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Normal {
    /// It cannot hold.
    Never,
    /// It holds whatever is installed.
    Always,
    /// Blocks were written, each ended by a zero.
    Blocks,
}

/// Too many combinations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooMany;

/// Which normal form is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// All blocks, of each one literal.
    Cnf,
    /// One block, of it all literals.
    Dnf,
}

impl Form {
    fn other(self) -> Self {
        if self == Self::Cnf { Self::Dnf } else { Self::Cnf }
    }
}

/// A formula taken apart into the two operators that normal forms know.
enum Shape<'a> {
    Leaf(&'a Formula, bool),
    Group(bool, Vec<Self>),
}

fn shape(formula: &Formula) -> Shape<'_> {
    let yes = |part| Shape::Leaf(part, false);
    let no = |part| Shape::Leaf(part, true);
    match formula {
        Formula::List(_) => yes(formula),
        Formula::And(parts) => Shape::Group(false, parts.iter().map(yes).collect()),
        Formula::Or(parts) => Shape::Group(true, parts.iter().map(yes).collect()),
        Formula::If(parts) => {
            let (then, condition, otherwise) = parts.as_ref();
            let first = Shape::Group(true, vec![yes(then), no(condition)]);
            match otherwise {
                None => first,
                Some(otherwise) => {
                    Shape::Group(false, vec![first, Shape::Group(true, vec![yes(condition), yes(otherwise)])])
                }
            }
        }
        Formula::Unless(parts) => {
            let (then, condition, otherwise) = parts.as_ref();
            let first = Shape::Group(false, vec![yes(then), no(condition)]);
            match otherwise {
                None => first,
                Some(otherwise) => {
                    Shape::Group(true, vec![first, Shape::Group(false, vec![yes(condition), yes(otherwise)])])
                }
            }
        }
    }
}

/// Writes the blocks of a formula behind what `out` has; `lists` holds the lists that it names.
///
/// # Errors
/// [`TooMany`] when the blocks would take more than a million numbers.
pub(crate) fn normalize(formula: &Formula, form: Form, lists: &[i32], out: &mut Vec<i32>) -> Result<Normal, TooMany> {
    match formula {
        Formula::List(at) => Ok(list(*at, form, lists, out)),
        _ => group(&shape(formula), form, lists, out),
    }
}

/// The blocks that hold exactly when the formula does not: what a conflict asks for, in conjunctive normal form.
///
/// # Errors
/// As [`normalize`].
pub(crate) fn forbid(formula: &Formula, lists: &[i32], out: &mut Vec<i32>) -> Result<Normal, TooMany> {
    let start = out.len();
    let normal = normalize(formula, Form::Dnf, lists, out)?;
    Ok(invert(out, start, normal))
}

fn list(at: u32, form: Form, lists: &[i32], out: &mut Vec<i32>) -> Normal {
    let packages = lists.get(at as usize..).unwrap_or_default().iter().copied().take_while(|literal| *literal != 0);
    let start = out.len();
    for literal in packages {
        if literal == SYSTEM {
            out.truncate(start);
            return Normal::Always;
        }
        out.push(literal);
        if form == Form::Dnf {
            out.push(0);
        }
    }
    if out.len() == start {
        return Normal::Never;
    }
    if form == Form::Cnf {
        out.push(0);
    }
    Normal::Blocks
}

fn group(shape: &Shape<'_>, form: Form, lists: &[i32], out: &mut Vec<i32>) -> Result<Normal, TooMany> {
    let (any, parts) = match shape {
        Shape::Leaf(formula, false) => return normalize(formula, form, lists, out),
        Shape::Leaf(formula, true) => {
            let start = out.len();
            let normal = normalize(formula, form.other(), lists, out)?;
            return Ok(invert(out, start, normal));
        }
        Shape::Group(any, parts) => (*any, parts),
    };
    // What one part alone decides, and what does not count.
    let (decided, neutral) = if any { (Normal::Always, Normal::Never) } else { (Normal::Never, Normal::Always) };
    let start = out.len();
    let mut whole = neutral;
    for part in parts {
        let second = out.len();
        let normal = group(part, form, lists, out)?;
        if normal == decided {
            out.truncate(start);
            return Ok(decided);
        }
        if normal == neutral {
            continue;
        }
        if whole == neutral {
            whole = Normal::Blocks;
        } else if any == (form == Form::Cnf) {
            distribute(out, start, second)?;
            if out.len() == start {
                // All combinations hold both a package and its absence.
                return Ok(decided);
            }
        }
        if out.len() - start > MOST_LITERALS {
            return Err(TooMany);
        }
    }
    Ok(whole)
}

/// Turns every literal of the blocks from `start` round, which turns one normal form into the other.
fn invert(out: &mut [i32], start: usize, normal: Normal) -> Normal {
    match normal {
        Normal::Never => return Normal::Always,
        Normal::Always => return Normal::Never,
        Normal::Blocks => {}
    }
    for block in out.get_mut(start..).unwrap_or_default().split_mut(|literal| *literal == 0) {
        block.iter_mut().for_each(|literal| *literal = -*literal);
        block.reverse();
    }
    Normal::Blocks
}

/// `(a + b) * (c + d) = a*c + a*d + b*c + b*d`, for the blocks from `first` and those from `second`.
fn distribute(out: &mut Vec<i32>, first: usize, second: usize) -> Result<(), TooMany> {
    let right = out.split_off(second);
    let left = out.split_off(first);
    let blocks = |all: &[i32]| -> Vec<(usize, usize)> {
        let mut found = Vec::new();
        let mut from = 0;
        for (at, literal) in all.iter().enumerate() {
            if *literal == 0 {
                found.push((from, at));
                from = at + 1;
            }
        }
        found
    };
    let (left_blocks, right_blocks) = (blocks(&left), blocks(&right));
    for (from, to) in left_blocks {
        for (other_from, other_to) in &right_blocks {
            let at = out.len();
            merge(left.get(from..to).unwrap_or_default(), right.get(*other_from..*other_to).unwrap_or_default(), out);
            if contradicts(out.get(at..).unwrap_or_default()) {
                out.truncate(at);
            } else {
                out.push(0);
            }
            if out.len() - first > MOST_LITERALS {
                return Err(TooMany);
            }
        }
    }
    Ok(())
}

/// Both in order, what is in both once.
fn merge(mut a: &[i32], mut b: &[i32], out: &mut Vec<i32>) {
    while let (Some((x, rest_a)), Some((y, rest_b))) = (a.split_first(), b.split_first()) {
        if x < y {
            out.push(*x);
            a = rest_a;
        } else {
            if x == y {
                a = rest_a;
            }
            out.push(*y);
            b = rest_b;
        }
    }
    out.extend_from_slice(b);
    out.extend_from_slice(a);
}

/// Whether an ascending block has a package and its absence.
fn contradicts(block: &[i32]) -> bool {
    let mut rest = block;
    while let [first, middle @ .., last] = rest {
        let sum = i64::from(*first) + i64::from(*last);
        if sum == 0 {
            return true;
        }
        rest = if sum < 0 { rest.get(1..).unwrap_or_default() } else { rest.get(..=middle.len()).unwrap_or_default() };
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lists of one package each: the list at `2 * n` holds package `n + 10`.
    fn lists() -> Vec<i32> {
        (0..20).flat_map(|n| [n + 10, 0]).chain([0, SYSTEM, 0]).collect()
    }

    fn of(n: u32) -> Formula {
        Formula::List(2 * n)
    }

    fn blocks(formula: &Formula, form: Form) -> (Normal, Vec<i32>) {
        let mut out = Vec::new();
        let normal = normalize(formula, form, &lists(), &mut out).expect("few");
        (normal, out)
    }

    #[test]
    fn an_or_of_ands_becomes_all_combinations_in_order() {
        let formula = Formula::Or(vec![Formula::And(vec![of(0), of(1)]), Formula::And(vec![of(2), of(3)])]);
        let (normal, out) = blocks(&formula, Form::Cnf);
        assert_eq!((normal, out), (Normal::Blocks, vec![10, 12, 0, 10, 13, 0, 11, 12, 0, 11, 13, 0]));
        let (_, out) = blocks(&formula, Form::Dnf);
        assert_eq!(out, vec![10, 11, 0, 12, 13, 0]);
    }

    #[test]
    fn a_condition_is_the_absence_of_what_it_names() {
        let (_, out) = blocks(&Formula::If(Box::new((of(0), of(1), None))), Form::Cnf);
        assert_eq!(out, vec![-11, 10, 0]);
        let (_, out) = blocks(&Formula::If(Box::new((of(0), of(1), Some(of(2))))), Form::Cnf);
        assert_eq!(out, vec![-11, 10, 0, 11, 12, 0]);
        let (_, out) = blocks(&Formula::Unless(Box::new((of(0), of(1), None))), Form::Cnf);
        assert_eq!(out, vec![10, 0, -11, 0]);
    }

    #[test]
    fn what_holds_always_or_never_has_no_blocks() {
        let (nothing, system) = (Formula::List(40), Formula::List(41));
        assert_eq!(blocks(&nothing, Form::Cnf), (Normal::Never, vec![]));
        assert_eq!(blocks(&system, Form::Cnf), (Normal::Always, vec![]));
        assert_eq!(blocks(&Formula::And(vec![of(0), nothing.clone()]), Form::Cnf), (Normal::Never, vec![]));
        assert_eq!(blocks(&Formula::Or(vec![of(0), system]), Form::Cnf), (Normal::Always, vec![]));
        assert_eq!(blocks(&Formula::If(Box::new((of(0), nothing, None))), Form::Cnf), (Normal::Always, vec![]));
        assert_eq!(blocks(&Formula::If(Box::new((of(0), of(0), None))), Form::Cnf), (Normal::Always, vec![]));
    }

    #[test]
    fn a_conflict_forbids_each_combination() {
        let mut out = Vec::new();
        let formula = Formula::And(vec![of(0), of(1)]);
        assert_eq!(forbid(&formula, &lists(), &mut out), Ok(Normal::Blocks));
        assert_eq!(out, vec![-11, -10, 0]);
    }

    #[test]
    fn too_many_combinations_are_refused() {
        let pair = |n: u32| Formula::And(vec![of(n % 20), of((n + 1) % 20), of((n + 7) % 20), of((n + 11) % 20)]);
        let formula = Formula::Or((0..20).map(pair).collect());
        assert_eq!(normalize(&formula, Form::Cnf, &lists(), &mut Vec::new()), Err(TooMany));
    }
}
