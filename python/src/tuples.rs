//! The named tuples of `copr_repo.records`.

use copr_repodata::{Checksum, ChecksumKind, File, FileKind};
use copr_rpm::{Changelog, Comparison, Dependency, DependencyFlags, Evr, FileEntry};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyList, PyTuple, PyType};

/// A class of `copr_repo.records`, imported when it is needed: that package imports this module.
struct Named {
    class: PyOnceLock<Py<PyType>>,
    name: &'static str,
}

impl Named {
    const fn new(name: &'static str) -> Self {
        Self { class: PyOnceLock::new(), name }
    }

    /// One tuple of the class. `tuple.__new__` makes it in one call, without any Python code.
    fn make<'py>(
        &self,
        py: Python<'py>,
        items: impl IntoPyObject<'py, Target = PyTuple, Output = Bound<'py, PyTuple>, Error = PyErr>,
    ) -> PyResult<Bound<'py, PyAny>> {
        static NEW: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let class = self.class.import(py, "copr_repo.records", self.name)?;
        let new = NEW.get_or_try_init(py, || py.get_type::<PyTuple>().getattr("__new__").map(Bound::unbind))?;
        new.bind(py).call1((class, items.into_pyobject(py)?))
    }
}

static CHECKSUM: Named = Named::new("Checksum");
static DEPENDENCY: Named = Named::new("Dependency");
static FILE: Named = Named::new("File");
static CHANGELOG: Named = Named::new("Changelog");
static HEADER_FILE: Named = Named::new("HeaderFile");

pub(crate) fn checksum<'py>(py: Python<'py>, checksum: &Checksum) -> PyResult<Bound<'py, PyAny>> {
    CHECKSUM.make(py, (checksum.kind.name(), &checksum.hex))
}

pub(crate) fn dependencies<'py>(py: Python<'py>, list: &[Dependency]) -> PyResult<Bound<'py, PyList>> {
    let tuple = |dependency: &Dependency| {
        let flags = dependency.flags.comparison().map(Comparison::word);
        let evr = dependency.evr.as_ref();
        let epoch = evr.and_then(|evr| evr.epoch).map(|epoch| epoch.to_string());
        let (version, release) = (evr.map(|evr| &evr.version), evr.and_then(|evr| evr.release.as_ref()));
        DEPENDENCY.make(py, (&dependency.name, flags, epoch, version, release, dependency.flags.pre()))
    };
    PyList::new(py, list.iter().map(tuple).collect::<PyResult<Vec<_>>>()?)
}

pub(crate) fn files<'py>(py: Python<'py>, list: &[File]) -> PyResult<Bound<'py, PyList>> {
    let tuple = |file: &File| FILE.make(py, (&file.path, word(file.kind), file.digest.as_deref()));
    PyList::new(py, list.iter().map(tuple).collect::<PyResult<Vec<_>>>()?)
}

pub(crate) fn changelogs<'py>(py: Python<'py>, list: &[Changelog]) -> PyResult<Bound<'py, PyList>> {
    let tuple = |change: &Changelog| CHANGELOG.make(py, (&change.author, change.time, &change.text));
    PyList::new(py, list.iter().map(tuple).collect::<PyResult<Vec<_>>>()?)
}

pub(crate) fn header_files<'py>(py: Python<'py>, list: &[FileEntry]) -> PyResult<Bound<'py, PyList>> {
    let tuple = |file: &FileEntry| {
        let FileEntry { path, mode, flags, digest, size, mtime, user, group, link, .. } = file;
        HEADER_FILE.make(py, (path, *mode, *flags, digest, *size, *mtime, user, group, link))
    };
    PyList::new(py, list.iter().map(tuple).collect::<PyResult<Vec<_>>>()?)
}

/// The algorithm of a checksum by its name.
pub(crate) fn kind(name: &str) -> PyResult<ChecksumKind> {
    name.parse().map_err(|error: copr_repodata::Error| PyValueError::new_err(error.to_string()))
}

pub(crate) fn to_checksum((name, hex): (String, String)) -> PyResult<Checksum> {
    Checksum::new(kind(&name)?, &hex).map_err(|error| PyValueError::new_err(error.to_string()))
}

/// Name, flags, epoch, version, release, pre.
pub(crate) type DependencyTuple = (String, Option<String>, Option<String>, Option<String>, Option<String>, bool);

pub(crate) fn to_dependency((name, flags, epoch, version, release, pre): DependencyTuple) -> PyResult<Dependency> {
    let wrong = |what: &str| PyValueError::new_err(format!("the dependency on {name:?}: {what}"));
    if name.is_empty() {
        return Err(wrong("it has no name"));
    }
    let comparison = match &flags {
        None => None,
        Some(word) => {
            Some(Comparison::from_word(word).ok_or_else(|| wrong("its flags are none of LT, LE, EQ, GE, GT"))?)
        }
    };
    if comparison.is_some() != version.is_some() {
        return Err(wrong("flags and version belong together"));
    }
    let epoch = epoch.map(|epoch| epoch.parse().map_err(|_| wrong("its epoch is no number"))).transpose()?;
    let flags = comparison.map(DependencyFlags::comparing).unwrap_or_default();
    // Metadata always have the epoch.
    let evr = version.map(|version| Evr { epoch: Some(epoch.unwrap_or(0)), version, release });
    Ok(Dependency { flags: if pre { flags.with_pre() } else { flags }, name, evr })
}

/// Path, kind, digest.
pub(crate) type FileTuple = (String, String, Option<String>);

pub(crate) fn to_file((path, kind, digest): FileTuple) -> PyResult<File> {
    let kind = [FileKind::Plain, FileKind::Dir, FileKind::Ghost].into_iter().find(|known| word(*known) == kind);
    let kind =
        kind.ok_or_else(|| PyValueError::new_err(format!("the file {path:?}: its kind is file, dir or ghost")))?;
    Ok(File { path, kind, digest: digest.map(String::into_boxed_str) })
}

/// Author, time, text.
pub(crate) type ChangelogTuple = (String, u64, String);

pub(crate) fn to_changelog((author, time, text): ChangelogTuple) -> Changelog {
    Changelog { time, author, text }
}

fn word(kind: FileKind) -> &'static str {
    match kind {
        FileKind::Plain => "file",
        FileKind::Dir => "dir",
        FileKind::Ghost => "ghost",
    }
}
