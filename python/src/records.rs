//! The packages of metadata files, one at a time.

use std::collections::VecDeque;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use copr_repodata::{Error, Repomd, read};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;

use crate::errors;
use crate::load::entry;
use crate::record::Record;

/// Records that are read at once, while other threads of Python run: to let them for each would take longer than reading.
const BATCH: usize = 64;

/// A metadata file: where it lies, or what is in it.
#[derive(FromPyObject)]
pub(crate) enum Document {
    Bytes(PyBackedBytes),
    Path(PathBuf),
}

impl Document {
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::Bytes(_) => None,
            Self::Path(path) => Some(path),
        }
    }

    fn open(self) -> Result<Box<dyn Read + Send>, Error> {
        Ok(match self {
            Self::Bytes(bytes) => Box::new(Cursor::new(bytes)),
            Self::Path(path) => Box::new(read::open(&path)?),
        })
    }
}

/// What is read, and what has been read ahead.
struct Reading {
    from: Box<dyn Iterator<Item = Result<copr_repodata::Record, Error>> + Send>,
    ready: VecDeque<copr_repodata::Record>,
    failed: Option<Error>,
}

impl Reading {
    fn next(&mut self) -> Result<Option<copr_repodata::Record>, Error> {
        if self.ready.is_empty() && self.failed.is_none() {
            for record in self.from.by_ref().take(BATCH) {
                match record {
                    Ok(record) => self.ready.push_back(record),
                    Err(error) => self.failed = Some(error),
                }
            }
        }
        match self.ready.pop_front() {
            None => self.failed.take().map_or(Ok(None), Err),
            record => Ok(record),
        }
    }
}

/// Reads the packages of metadata files, one at a time.
#[pyclass(frozen, module = "copr_repo")]
pub(crate) struct Records {
    reading: Mutex<Reading>,
    /// The files, by the kind of document.
    paths: [(&'static str, Option<PathBuf>); 3],
}

impl Records {
    fn open(primary: Option<Document>, filelists: Option<Document>, other: Option<Document>) -> PyResult<Self> {
        let path = |document: &Option<Document>| document.as_ref().and_then(Document::path).map(Path::to_owned);
        let paths = [("primary", path(&primary)), ("filelists", path(&filelists)), ("other", path(&other))];
        let open = |document: Option<Document>| {
            let path = path(&document);
            document.map(Document::open).transpose().map_err(|error| errors::repodata(&error, path.as_deref()))
        };
        let from: Box<dyn Iterator<Item = Result<copr_repodata::Record, Error>> + Send> =
            match (open(primary)?, open(filelists)?, open(other)?) {
                (Some(primary), filelists, other) => Box::new(read::joined(primary, filelists, other)),
                (None, Some(filelists), None) => {
                    Box::new(read::filelists(filelists).map(|found| found.map(Into::into)))
                }
                (None, None, Some(other)) => Box::new(read::other(other).map(|found| found.map(Into::into))),
                (None, _, _) => {
                    return Err(PyValueError::new_err("without primary give filelists or other, one of them"));
                }
            };
        Ok(Self { reading: Mutex::new(Reading { from, ready: VecDeque::new(), failed: None }), paths })
    }

    /// An error about a file, not about the kind of document.
    fn failed(&self, error: Error) -> PyErr {
        let called =
            |what: &str| self.paths.iter().find(|(kind, _)| *kind == what).and_then(|(_, path)| path.as_deref());
        errors::repodata(
            &match error {
                Error::Metadata { what, reason } => {
                    let what = called(&what).map_or(what.clone(), |path| path.display().to_string());
                    Error::Metadata { what, reason }
                }
                other => other,
            },
            None,
        )
    }
}

#[pymethods]
impl Records {
    #[new]
    #[pyo3(signature = (primary=None, *, filelists=None, other=None))]
    fn new(
        py: Python<'_>,
        primary: Option<Document>,
        filelists: Option<Document>,
        other: Option<Document>,
    ) -> PyResult<Self> {
        py.detach(|| Self::open(primary, filelists, other))
    }

    #[staticmethod]
    #[pyo3(signature = (folder, *, filelists=true, other=true, verify=true))]
    fn of_repository(py: Python<'_>, folder: PathBuf, filelists: bool, other: bool, verify: bool) -> PyResult<Self> {
        py.detach(|| {
            let index = folder.join("repodata/repomd.xml");
            let repomd = Repomd::open(&index).map_err(|error| errors::repodata(&error, Some(&index)))?;
            let file = |kind: &str| {
                let path = entry(&repomd, kind).map(|record| match verify {
                    true => read::verified(&folder, record),
                    false => read::inside(&folder, &record.location_href),
                });
                path.transpose().map(|path| path.map(Document::Path)).map_err(|error| errors::repodata(&error, None))
            };
            let primary = file("primary")?.ok_or_else(|| {
                let reason = "it names no primary metadata; make them anew from the packages".to_owned();
                errors::repodata(&Error::Metadata { what: index.display().to_string(), reason }, None)
            })?;
            let filelists = if filelists { file("filelists")? } else { None };
            Self::open(Some(primary), filelists, if other { file("other")? } else { None })
        })
    }

    fn __iter__(this: Py<Self>) -> Py<Self> {
        this
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Record>> {
        // What is ready is handed out without letting another thread in.
        if let Ok(mut reading) = self.reading.try_lock()
            && let Some(record) = reading.ready.pop_front()
        {
            return Ok(Some(record.into()));
        }
        let next = py.detach(|| self.reading.lock().unwrap_or_else(PoisonError::into_inner).next());
        next.map(|record| record.map(Record::from)).map_err(|error| self.failed(error))
    }

    fn __repr__(&self) -> String {
        let names = self.paths.iter().filter_map(|(_, path)| path.as_ref().map(|path| path.display().to_string()));
        format!("<Records of {}>", names.collect::<Vec<_>>().join(", "))
    }
}
