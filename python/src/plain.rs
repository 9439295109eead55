//! What `copr_repo.compat` reads of a record: plain tuples in createrepo_c's shapes.

use copr_repodata::{Changelog, FileKind};
use copr_rpm::Dependency;
use pyo3::exceptions::PyKeyError;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString, PyTuple};

use crate::record::Record;

/// The checksum of the package, in hexadecimal.
#[pyfunction]
#[pyo3(signature = (record, /))]
pub(crate) fn pkgid(record: &Record) -> &str {
    &record.0.checksum.hex
}

/// A list of dependencies: name, comparison, epoch, version, release, and whether it is needed before the installation.
#[pyfunction]
#[pyo3(signature = (record, kind, /))]
pub(crate) fn plain_dependencies<'py>(py: Python<'py>, record: &Record, kind: &str) -> PyResult<Bound<'py, PyList>> {
    let record = &record.0;
    let list = match kind {
        "provides" => &record.provides,
        "requires" => &record.requires,
        "conflicts" => &record.conflicts,
        "obsoletes" => &record.obsoletes,
        "suggests" => &record.suggests,
        "enhances" => &record.enhances,
        "recommends" => &record.recommends,
        "supplements" => &record.supplements,
        _ => return Err(PyKeyError::new_err(kind.to_owned())),
    };
    let tuple = |dependency: &Dependency| {
        let evr = dependency.evr.as_ref();
        let flags = dependency.flags.comparison().map(copr_rpm::Comparison::word);
        let epoch = evr.map(|evr| evr.epoch_or_zero().to_string());
        let (version, release) = (evr.map(|evr| evr.version.as_str()), evr.and_then(|evr| evr.release.as_deref()));
        (&dependency.name, flags, epoch, version, release, dependency.flags.pre()).into_pyobject(py)
    };
    PyList::new(py, list.iter().map(tuple).collect::<PyResult<Vec<_>>>()?)
}

/// The changes: author, seconds since 1970, text.
#[pyfunction]
#[pyo3(signature = (record, /))]
pub(crate) fn plain_changelogs<'py>(py: Python<'py>, record: &Record) -> PyResult<Bound<'py, PyList>> {
    let tuple = |change: &Changelog| (&change.author, change.time, &change.text).into_pyobject(py);
    PyList::new(py, record.0.changelogs.iter().map(tuple).collect::<PyResult<Vec<_>>>()?)
}

/// The files: type (`dir`, `ghost`, or what is given for plain ones), folder with its slash, name. With `digests` each has
/// its digest, if only an empty one; otherwise those that are known are there.
#[pyfunction]
#[pyo3(signature = (record, /, *, plain = None, digests = None))]
pub(crate) fn plain_files<'py>(
    py: Python<'py>,
    record: &Record,
    plain: Option<&str>,
    digests: Option<bool>,
) -> PyResult<Bound<'py, PyList>> {
    let listed = &record.0.files;
    let mut files: Vec<Bound<'_, PyTuple>> = Vec::with_capacity(listed.len());
    // Most files are in the folder of the one before, so its text is made once.
    let (mut last, mut folder) = ("", PyString::new(py, ""));
    for file in listed {
        let kind = match file.kind {
            FileKind::Plain => plain,
            FileKind::Dir => Some("dir"),
            FileKind::Ghost => Some("ghost"),
        };
        let (path, name) = file.path.split_at(file.path.rfind('/').map_or(0, |slash| slash + 1));
        if path != last {
            (last, folder) = (path, PyString::new(py, path));
        }
        files.push(match (digests, &file.digest) {
            (Some(false), _) | (None, None) => (kind, &folder, name).into_pyobject(py)?,
            (_, digest) => (kind, &folder, name, digest.as_deref().unwrap_or_default()).into_pyobject(py)?,
        });
    }
    PyList::new(py, files)
}
