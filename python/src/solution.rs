//! What a pool answers.

use std::sync::Arc;

use copr_resolve::closure;
use copr_resolve::solve::{self as rust, Reason};
use pyo3::prelude::*;

use crate::package::Package;
use crate::pool::Shared;

/// A package of a solution, and why it is there.
#[pyclass(frozen, module = "copr_repo")]
#[derive(Debug, Clone)]
pub(crate) struct Chosen {
    #[pyo3(get)]
    package: Package,
    #[pyo3(get)]
    why: &'static str,
    #[pyo3(get)]
    by: Option<Package>,
}

#[pymethods]
impl Chosen {
    fn __repr__(&self) -> String {
        match &self.by {
            Some(by) => format!("<Chosen {:?}, {} by {by:?}>", self.package, self.why),
            None => format!("<Chosen {:?}, {}>", self.package, self.why),
        }
    }
}

/// What is to be done so that everything asked for is installed.
#[pyclass(frozen, module = "copr_repo")]
#[derive(Debug)]
pub(crate) struct Solution {
    #[pyo3(get)]
    install: Vec<Chosen>,
    #[pyo3(get)]
    erase: Vec<Package>,
}

impl Solution {
    pub(crate) fn new(shared: &Arc<Shared>, solution: &rust::Solution) -> Self {
        let chosen = |chosen: &rust::Chosen| {
            let (why, by) = match chosen.why {
                Reason::Asked => ("asked", None),
                Reason::Required(by) => ("required", Some(by)),
                Reason::Recommended(by) => ("recommended", Some(by)),
                Reason::Replaces(by) => ("replaces", Some(by)),
            };
            Chosen { package: Package::new(shared, chosen.id), why, by: by.map(|id| Package::new(shared, id)) }
        };
        Self { install: solution.install.iter().map(chosen).collect(), erase: Package::all(shared, &solution.erase) }
    }
}

#[pymethods]
impl Solution {
    fn __repr__(&self) -> String {
        format!("<Solution: install {}, erase {}>", self.install.len(), self.erase.len())
    }
}

/// A package that cannot be installed with what the repositories have.
#[pyclass(frozen, module = "copr_repo")]
#[derive(Debug)]
pub(crate) struct Unsatisfied {
    #[pyo3(get)]
    package: Package,
    #[pyo3(get)]
    requirements: Vec<String>,
}

impl Unsatisfied {
    pub(crate) fn new(shared: &Arc<Shared>, found: &closure::Unsatisfied) -> Self {
        let spelled = found.requirements.iter().map(|cap| shared.pool.dependency(*cap).to_string());
        Self { package: Package::new(shared, found.package), requirements: spelled.collect() }
    }
}

#[pymethods]
impl Unsatisfied {
    fn __repr__(&self) -> String {
        format!("<Unsatisfied {:?}: {}>", self.package, self.requirements.join(", "))
    }
}
