//! The exception classes, and how errors of the Rust crates become exceptions.

use pyo3::create_exception;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;

create_exception!(copr_repo, Error, PyException, "Base class of all errors of this package.");
create_exception!(copr_repo, ParseError, Error, "A text is no version, name or dependency.");
create_exception!(copr_repo, ChainError, Error, "There is no chain: too deep, or too many repositories.");
create_exception!(copr_repo, NotFound, Error, "The hub has no such project; a fetch callback raises it.");
create_exception!(copr_repo, Unreachable, Error, "The hub gave no usable answer; a fetch callback raises it.");
create_exception!(copr_repo, LoadError, Error, "A repository's metadata cannot be read.");
create_exception!(copr_repo, Unsolvable, Error, "There is no way to install what is asked for.");
create_exception!(copr_repo, InvalidRepoError, Error, "A value may not stand in a .repo file.");

/// The whole chain of causes as one message.
fn message(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

pub(crate) fn parse(error: &copr_rpm::ParseError) -> PyErr {
    ParseError::new_err(message(error))
}

/// An error about a repository, which the message names.
pub(crate) fn load(repository: &str, error: &copr_repodata::Error) -> PyErr {
    LoadError::new_err(format!("the repository {repository}: {}", message(error)))
}

pub(crate) fn problem(problem: &copr_resolve::solve::Problem) -> PyErr {
    match problem {
        copr_resolve::solve::Problem::Unsatisfiable { reasons } => unsolvable(reasons.clone()),
        other => unsolvable(vec![message(other)]),
    }
}

/// An `Unsolvable` with its list of reasons.
pub(crate) fn unsolvable(reasons: Vec<String>) -> PyErr {
    let error = Unsolvable::new_err(reasons.join("\n"));
    let told = Python::attach(|py| error.value(py).setattr("reasons", reasons));
    told.err().unwrap_or(error)
}

pub(crate) fn repo_file(error: &copr_resolve::repo_file::RepoFileError) -> PyErr {
    InvalidRepoError::new_err(message(error))
}

pub(crate) fn chain(error: &copr_resolve::ChainError) -> PyErr {
    use copr_resolve::{ChainError as Rust, FetchError};
    match error {
        Rust::Root { error: FetchError::NotFound, .. } => NotFound::new_err(message(error)),
        Rust::Root { error: FetchError::Unreachable(_), .. } => Unreachable::new_err(message(error)),
        Rust::TooDeep { .. } | Rust::TooLarge { .. } => ChainError::new_err(message(error)),
    }
}
