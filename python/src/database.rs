//! A `SQLite` database of packages, for yum.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use copr_repodata::{Checksum, Document, Error, sqlite};
use pyo3::prelude::*;

use crate::errors;
use crate::record::Record;

/// A database that is being written; what is not finished is none.
#[pyclass(frozen, module = "copr_repo")]
pub(crate) struct Database {
    /// `None` once it is finished, or was broken by an error.
    open: Mutex<Option<sqlite::Database>>,
}

impl Database {
    fn closed() -> Error {
        Error::Metadata { what: "the database".to_owned(), reason: "it is finished already".to_owned() }
    }
}

#[pymethods]
impl Database {
    #[new]
    fn new(path: PathBuf, document: &str) -> PyResult<Self> {
        let unknown = || {
            let reason = "there is no such document; use primary, filelists, filelists-ext or other".to_owned();
            Error::Metadata { what: document.to_owned(), reason }
        };
        let made =
            Document::of_kind(document).ok_or_else(unknown).and_then(|kind| sqlite::Database::create(kind, &path));
        Ok(Self { open: Mutex::new(Some(made.map_err(|error| errors::repodata(&error, None))?)) })
    }

    /// Adds what this database holds of a package.
    fn add(&self, record: &Record) -> PyResult<()> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let added = open.as_mut().ok_or_else(Self::closed).and_then(|database| database.add(&record.0));
        added.map_err(|error| errors::repodata(&error, None))
    }

    /// Completes the database. `checksum` is that of the XML file it repeats, in hexadecimal.
    fn finish(&self, py: Python<'_>, checksum: String) -> PyResult<()> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner).take();
        let checksum = Checksum { hex: checksum, ..Checksum::default() };
        let done = py.detach(|| open.ok_or_else(Self::closed)?.finish(&checksum));
        done.map_err(|error| errors::repodata(&error, None))
    }
}
