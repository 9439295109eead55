//! The exception classes, and how errors of the Rust crates become exceptions.

use std::io;
use std::path::Path;

use pyo3::create_exception;
use pyo3::exceptions::{PyException, PyOSError};
use pyo3::prelude::*;
use pyo3::type_object::PyTypeInfo;

create_exception!(copr_repo, Error, PyException, "Base class of all errors of this package.");
create_exception!(copr_repo, ParseError, Error, "A text is no version, name or dependency.");
create_exception!(copr_repo, ChainError, Error, "There is no chain: too deep, or too many repositories.");
create_exception!(copr_repo, NotFound, Error, "The hub has no such project; a fetch callback raises it.");
create_exception!(copr_repo, Unreachable, Error, "The hub gave no usable answer; a fetch callback raises it.");
create_exception!(copr_repo, PackageError, Error, "A file is no RPM package, or a damaged one.");
create_exception!(copr_repo, MetadataError, Error, "Metadata of a repository are not what they should be.");
create_exception!(copr_repo, ChecksumError, MetadataError, "A file does not have the checksum that repomd.xml says.");
create_exception!(copr_repo, LockedError, Error, "Another process is writing the repository.");
create_exception!(copr_repo, LoadError, MetadataError, "A repository's metadata cannot be read into a Pool.");
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
    about::<LoadError>(format!("the repository {repository}: {}", message(error)), repository)
}

/// An exception with the attribute `path`: what it is about.
fn about<E: PyTypeInfo>(message: String, path: &str) -> PyErr {
    Python::attach(|py| {
        let error = PyErr::from_type(py.get_type::<E>(), message);
        let told = error.value(py).setattr("path", path);
        told.err().unwrap_or(error)
    })
}

/// What the system said becomes an `OSError`, or the subclass of it that fits; what is wrong with a file's content does
/// not come from the system. `path` is the file, where it is known.
fn of_system(error: &io::Error, path: Option<&Path>) -> PyErr {
    use io::ErrorKind::{InvalidData, InvalidInput, Other, UnexpectedEof};
    match (errno(error), path) {
        (Some(errno), Some(path)) => {
            let text = io::Error::from_raw_os_error(errno).to_string();
            let text = text.strip_suffix(&format!(" (os error {errno})")).unwrap_or(&text).to_owned();
            PyOSError::new_err((errno, text, path.as_os_str().to_owned()))
        }
        (Some(errno), None) => PyOSError::new_err((errno, message(error))),
        (None, _) if matches!(error.kind(), InvalidData | InvalidInput | Other | UnexpectedEof) => {
            about::<MetadataError>(message(error), &path.map(|path| path.display().to_string()).unwrap_or_default())
        }
        (None, _) => io::Error::new(error.kind(), message(error)).into(),
    }
}

/// The system's number of an error. Whoever names the file in an error hides the number, but not the kind, which Rust made
/// of it.
fn errno(error: &io::Error) -> Option<i32> {
    use io::ErrorKind as Kind;
    // As in asm-generic/errno-base.h, which all of Linux shares.
    let of_kind = match error.kind() {
        Kind::NotFound => 2,
        Kind::PermissionDenied => 13,
        Kind::AlreadyExists => 17,
        Kind::NotADirectory => 20,
        Kind::IsADirectory => 21,
        Kind::FileTooLarge => 27,
        Kind::StorageFull => 28,
        Kind::ReadOnlyFilesystem => 30,
        _ => return error.raw_os_error(),
    };
    Some(error.raw_os_error().unwrap_or(of_kind))
}

/// An error about the file or folder `path`, or about what the error itself names.
pub(crate) fn repodata(error: &copr_repodata::Error, path: Option<&Path>) -> PyErr {
    use copr_repodata::Error as Rust;
    match error {
        Rust::Io(error) => of_system(error, path),
        Rust::Package { path, source } => package(source, path),
        Rust::Mismatch { what, .. } => about::<ChecksumError>(message(error), what),
        Rust::Locked { path } => about::<LockedError>(message(error), &path.display().to_string()),
        Rust::Metadata { what, .. } | Rust::TooLarge { what, .. } | Rust::Missing { what, .. } => {
            about::<MetadataError>(message(error), what)
        }
        // Nothing signs from here; whoever does names the file by what it signs.
        Rust::Sign(_) => about::<MetadataError>(message(error), "repomd.xml"),
        Rust::UnsafePath(path) => about::<MetadataError>(message(error), path),
    }
}

/// The same error about a file, not about the kind of document.
pub(crate) fn of_file(path: &Path, error: copr_repodata::Error) -> copr_repodata::Error {
    use copr_repodata::Error;
    match error {
        Error::Metadata { reason, .. } => Error::Metadata { what: path.display().to_string(), reason },
        other => other,
    }
}

/// An error about a package's file.
pub(crate) fn package(error: &copr_rpm::Error, path: &Path) -> PyErr {
    match error {
        copr_rpm::Error::Open { source, .. } | copr_rpm::Error::Read { source, .. } => of_system(source, Some(path)),
        _ => {
            let shown = path.display().to_string();
            about::<PackageError>(format!("{shown}: {}", message(error)), &shown)
        }
    }
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
