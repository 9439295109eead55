//! `copr_repo._native`: what the Python package takes from Rust. Each module wraps one Rust module and has no logic.

mod chain;
mod errors;
mod installed;
mod load;
mod overlap;
mod package;
mod pool;
mod repo_file;
mod solution;
mod version;

/// Versions, the chain of repositories, the packages of repositories and their dependencies, and the text of .repo files.
#[pyo3::pymodule(gil_used = false)]
mod _native {
    #[pymodule_export]
    use super::chain::{Chain, ChainItem, ChainProblem, External, ProjectRef, resolve_chain};
    #[pymodule_export]
    use super::errors::{
        ChainError, Error, InvalidRepoError, LoadError, NotFound, ParseError, Unreachable, Unsolvable,
    };
    #[pymodule_export]
    use super::overlap::{Needed, Overlaps};
    #[pymodule_export]
    use super::package::Package;
    #[pymodule_export]
    use super::pool::{Pool, Repository};
    #[pymodule_export]
    use super::repo_file::{RepoSection, render_repo_file};
    #[pymodule_export]
    use super::solution::{Chosen, Solution, Unsatisfied};
    #[pymodule_export]
    use super::version::{compare_evr, compare_versions};
}
