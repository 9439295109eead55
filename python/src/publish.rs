//! Publishing records.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use copr_repodata::{Delta, Error, RecordOptions};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyString;
use rayon::prelude::*;

use crate::errors;
use crate::output::{self, Output, Published};
use crate::record::Record;

/// Publishes to the repository in a folder.
#[pyclass(frozen, module = "copr_repo")]
pub(crate) struct Publisher {
    folder: PathBuf,
    output: Option<Output>,
    gather: Duration,
}

/// A package that is added.
enum Added {
    Record(Arc<copr_repodata::Record>),
    File(PathBuf),
}

impl Added {
    fn extract(item: &Bound<'_, PyAny>) -> PyResult<Self> {
        match item.cast::<Record>() {
            Ok(record) => Ok(Self::Record(Arc::clone(&record.get().0))),
            Err(_) => item
                .extract()
                .map(Self::File)
                .map_err(|_| PyTypeError::new_err(format!("add: {} is neither a Record nor a path", item.get_type()))),
        }
    }

    /// The record; a file's location is its path in the repository.
    fn read(self, folder: &Path, output: &copr_repodata::Output) -> PyResult<copr_repodata::Record> {
        let path = match self {
            Self::Record(record) => return Ok(Arc::unwrap_or_clone(record)),
            Self::File(path) => path,
        };
        let real = |path: &Path| {
            let real = path.canonicalize().map_err(Error::Io);
            real.map_err(|error| errors::repodata(&error, Some(path)))
        };
        let whole = real(&path)?;
        let href = whole.strip_prefix(real(folder)?).ok().and_then(Path::to_str).ok_or_else(|| {
            let (path, folder) = (path.display(), folder.display());
            PyValueError::new_err(format!(
                "{path} is not in the repository {folder}; say where clients find it: Record.from_rpm(path, location=...)"
            ))
        })?;
        let options = RecordOptions {
            checksum: output.checksum,
            changelog_limit: output.changelog_limit,
            location_base: None,
            file_digests: output.filelists_ext,
        };
        let record = copr_repodata::Record::from_file(&path, href, &options);
        record.map_err(|error| errors::repodata(&error, Some(&path)))
    }
}

impl Publisher {
    fn publisher(&self, output: copr_repodata::Output) -> copr_repodata::Publisher {
        copr_repodata::Publisher::new(&self.folder, output).gathering(self.gather)
    }
}

fn publish(published: Result<copr_repodata::Published, Error>) -> PyResult<Published> {
    published.map(Into::into).map_err(|error| errors::repodata(&error, None))
}

#[pymethods]
impl Publisher {
    #[new]
    #[pyo3(signature = (folder, *, output=None, gather=0.0))]
    fn new(folder: PathBuf, output: Option<Output>, gather: f64) -> PyResult<Self> {
        Ok(Self { folder, output, gather: output::seconds("gather", gather)? })
    }

    #[pyo3(signature = (add=None, remove=None))]
    fn publish(
        &self,
        py: Python<'_>,
        add: Option<&Bound<'_, PyAny>>,
        remove: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Published> {
        let add: Vec<Added> = each("add", add, Added::extract)?;
        let remove: Vec<String> = each("remove", remove, |item| item.extract())?;
        py.detach(|| {
            let output = Output::now(self.output.as_ref());
            let read = add.into_par_iter().map(|added| added.read(&self.folder, &output));
            let add = read.collect::<PyResult<Vec<_>>>()?;
            publish(self.publisher(output).publish(&Delta { add, remove }))
        })
    }

    fn replace(&self, py: Python<'_>, records: &Bound<'_, PyAny>) -> PyResult<Published> {
        let records = each("records", Some(records), |item| Ok(Arc::clone(&item.cast::<Record>()?.get().0)))?;
        py.detach(|| publish(self.publisher(Output::now(self.output.as_ref())).replace(&records)))
    }

    fn __repr__(&self) -> String {
        format!("<Publisher of {}>", self.folder.display())
    }
}

/// The items of anything that can be iterated over, but no text: its letters are never meant.
fn each<T>(
    what: &str,
    items: Option<&Bound<'_, PyAny>>,
    extract: impl Fn(&Bound<'_, PyAny>) -> PyResult<T>,
) -> PyResult<Vec<T>> {
    let Some(items) = items else { return Ok(Vec::new()) };
    if items.is_instance_of::<PyString>() {
        return Err(PyTypeError::new_err(format!("{what}: a list is wanted, not one text")));
    }
    items.try_iter()?.map(|item| extract(&item?)).collect()
}

/// Writes the metadata of a repository record by record.
#[pyclass(frozen, module = "copr_repo")]
pub(crate) struct Writer {
    folder: PathBuf,
    output: Option<Output>,
    /// `None` once they are written.
    records: Mutex<Option<Vec<Arc<copr_repodata::Record>>>>,
}

impl Writer {
    fn records(&self) -> MutexGuard<'_, Option<Vec<Arc<copr_repodata::Record>>>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn finished() -> PyErr {
    PyValueError::new_err("the writer is finished already; make another one")
}

#[pymethods]
impl Writer {
    #[new]
    #[pyo3(signature = (folder, *, output=None))]
    fn new(folder: PathBuf, output: Option<Output>) -> Self {
        Self { folder, output, records: Mutex::new(Some(Vec::new())) }
    }

    fn add(&self, record: &Record) -> PyResult<()> {
        self.records().as_mut().ok_or_else(finished)?.push(Arc::clone(&record.0));
        Ok(())
    }

    fn finish(&self, py: Python<'_>) -> PyResult<Published> {
        let records = self.records().take().ok_or_else(finished)?;
        let output = Output::now(self.output.as_ref());
        py.detach(|| publish(copr_repodata::Publisher::new(&self.folder, output).replace(&records)))
    }

    fn __len__(&self) -> usize {
        self.records().as_ref().map_or(0, Vec::len)
    }

    fn __enter__(this: Py<Self>) -> Py<Self> {
        this
    }

    #[pyo3(signature = (kind, error, trace, /))]
    fn __exit__(
        &self,
        py: Python<'_>,
        kind: Option<&Bound<'_, PyAny>>,
        error: Option<&Bound<'_, PyAny>>,
        trace: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let _ = (error, trace);
        if kind.is_some() {
            *self.records() = None;
        } else if self.records().is_some() {
            self.finish(py)?;
        }
        Ok(())
    }
}
