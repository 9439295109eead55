//! `copr_repo._native`: what the Python package takes from Rust. Each module wraps one Rust module and has no logic.

mod chain;
mod errors;
mod repo_file;
mod version;

/// Versions, the chain of repositories, and the text of .repo files.
#[pyo3::pymodule(gil_used = false)]
mod _native {
    #[pymodule_export]
    use super::chain::{Chain, ChainItem, ChainProblem, External, ProjectRef, resolve_chain};
    #[pymodule_export]
    use super::errors::{ChainError, Error, InvalidRepoError, NotFound, ParseError, Unreachable};
    #[pymodule_export]
    use super::repo_file::{RepoSection, render_repo_file};
    #[pymodule_export]
    use super::version::{compare_evr, compare_versions};
}
