//! STUB
use copr_rpm::{Dependency, Nevra};
use crate::pool::{PackageId, Pool};
/// One thing that is asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum Wish {
    /// Something that satisfies this, as a package's `Requires`: a name, a versioned capability, a path, a rich one.
    Dependency(Dependency),
    /// One of these packages, and how messages name the wish: what dnf makes of `install SPEC`.
    Packages(Vec<PackageId>, String),
}

/// Which of several versions is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Policy {
    /// The newest one that can be had, as dnf with `best=False`.
    #[default]
    Newest,
    /// The newest one, and an error where that cannot be had, as dnf with `best=True`.
    Best,
    /// The oldest one that can be had.
    Oldest,
}

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// What must be there; all of it.
    pub install: Vec<Wish>,
    /// Packages that must be part of the answer in exactly this version, e.g. those that are installed already.
    pub locked: Vec<Nevra>,
    /// The repository of the pool (by index) that is the installed system: its packages stay, or are replaced by others.
    pub installed: Option<usize>,
    /// Whether all installed packages are to be updated, as `dnf upgrade` does.
    pub update: bool,
    /// Whether to take in what packages recommend, where that is possible.
    pub weak: bool,
    /// Which of several versions is wanted.
    pub policy: Policy,
    /// Names of installed packages that nothing may remove.
    pub protected: Vec<String>,
    /// Packages that must not be taken.
    pub excluded: Vec<PackageId>,
    /// Repositories of the pool (by index) that are not enabled: nothing is taken from them, but messages tell where
    /// they would help.
    pub not_enabled: Vec<usize>,
}

impl Request {
    /// A request for these requirements, without recommendations.
    pub fn install(install: impl IntoIterator<Item = Dependency>) -> Self {
        Self { install: install.into_iter().map(Wish::Dependency).collect(), ..Self::default() }
    }
}

/// Why a package is part of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It was asked for, or is locked.
    Asked,
    /// This package requires it.
    Required(PackageId),
    /// This package recommends it, or is supplemented by it.
    Recommended(PackageId),
    /// It takes the place of this installed package.
    Replaces(PackageId),
}

/// A package to install.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chosen {
    /// The package.
    pub id: PackageId,
    /// Why it is there.
    pub why: Reason,
}

/// What to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Solution {
    /// New packages, sorted by name, architecture and version.
    pub install: Vec<Chosen>,
    /// Installed packages that go: replaced by another version, obsoleted, or dropped.
    pub erase: Vec<PackageId>,
}

impl Solution {
    /// The packages to install.
    pub fn packages(&self) -> impl Iterator<Item = PackageId> + '_ {
        self.install.iter().map(|chosen| chosen.id)
    }
}

/// Why a request cannot be fulfilled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// There is no such set of packages; the reasons together exclude it, the most telling first.
    #[error("{}", .reasons.join("\n"))]
    Unsatisfiable {
        /// One sentence each, at least one.
        reasons: Vec<String>,
    },
    /// The request itself cannot be understood.
    #[error("{0}")]
    BadRequest(String),
    /// The search was given up.
    #[error(
        "the repositories leave too many combinations to choose from; ask for exact versions or leave repositories out"
    )]
    TooComplex,
}

/// STUB
pub fn solve(_pool: &Pool, _request: &Request) -> Result<Solution, Problem> { Err(Problem::TooComplex) }
