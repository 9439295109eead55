//! One package of repodata.

use std::path::PathBuf;
use std::sync::Arc;

use copr_repodata::{ChecksumKind, Fragments, RecordOptions, RenderOptions};
use copr_rpm::{Dependency, Evr};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::errors;
use crate::tuples::{self, ChangelogTuple, DependencyTuple, FileTuple};

/// Everything that repodata says about one package.
#[pyclass(frozen, eq, module = "copr_repo")]
#[derive(Debug, PartialEq)]
pub(crate) struct Record(pub(crate) Arc<copr_repodata::Record>);

impl From<copr_repodata::Record> for Record {
    fn from(record: copr_repodata::Record) -> Self {
        Self(Arc::new(record))
    }
}

/// Sets fields by their names.
fn set_all(record: &mut copr_repodata::Record, fields: Option<&Bound<'_, PyDict>>) -> PyResult<()> {
    for (name, value) in fields.into_iter().flatten() {
        let name: String = name.extract()?;
        set(record, &name, &value).map_err(|error| {
            let py = value.py();
            let message = format!("{name}: {}", error.value(py));
            let of_type = error.is_instance_of::<PyTypeError>(py);
            if of_type { PyTypeError::new_err(message) } else { PyValueError::new_err(message) }
        })?;
    }
    Ok(())
}

fn set(record: &mut copr_repodata::Record, name: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
    let dependencies = || -> PyResult<Vec<Dependency>> {
        value.extract::<Vec<DependencyTuple>>()?.into_iter().map(tuples::to_dependency).collect()
    };
    match name {
        "name" => record.nevra.name = value.extract()?,
        "version" => record.nevra.version = value.extract()?,
        "release" => record.nevra.release = value.extract()?,
        "arch" => record.nevra.arch = value.extract()?,
        "summary" => record.summary = value.extract()?,
        "description" => record.description = value.extract()?,
        "packager" => record.packager = value.extract()?,
        "url" => record.url = value.extract()?,
        "location_href" => record.location_href = value.extract()?,
        "license" => record.license = value.extract()?,
        "vendor" => record.vendor = value.extract()?,
        "group" => record.group = value.extract()?,
        "buildhost" => record.buildhost = value.extract()?,
        "sourcerpm" => record.sourcerpm = value.extract()?,
        "epoch" => record.nevra.epoch = value.extract()?,
        "time_file" => record.time_file = value.extract()?,
        "time_build" => record.time_build = value.extract()?,
        "size_package" => record.size_package = value.extract()?,
        "size_installed" => record.size_installed = value.extract()?,
        "size_archive" => record.size_archive = value.extract()?,
        "header_start" => record.header_start = value.extract()?,
        "header_end" => record.header_end = value.extract()?,
        "provides" => record.provides = dependencies()?,
        "requires" => record.requires = dependencies()?,
        "conflicts" => record.conflicts = dependencies()?,
        "obsoletes" => record.obsoletes = dependencies()?,
        "suggests" => record.suggests = dependencies()?,
        "enhances" => record.enhances = dependencies()?,
        "recommends" => record.recommends = dependencies()?,
        "supplements" => record.supplements = dependencies()?,
        "checksum" => record.checksum = tuples::to_checksum(value.extract()?)?,
        "location_base" => record.location_base = value.extract()?,
        "files" => {
            let files = value.extract::<Vec<FileTuple>>()?;
            record.files = files.into_iter().map(tuples::to_file).collect::<PyResult<_>>()?;
        }
        "file_digest" => record.file_digest = of_kind(value.extract::<Option<String>>()?)?,
        "changelogs" => {
            let changes = value.extract::<Vec<ChangelogTuple>>()?;
            record.changelogs = changes.into_iter().map(tuples::to_changelog).collect();
        }
        _ => return Err(PyTypeError::new_err("a record has no such field")),
    }
    Ok(())
}

fn of_kind(name: Option<String>) -> PyResult<Option<ChecksumKind>> {
    name.map(|name| tuples::kind(&name)).transpose()
}

#[pymethods]
impl Record {
    #[new]
    #[pyo3(signature = (**fields))]
    fn new(fields: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let mut record = copr_repodata::Record::default();
        set_all(&mut record, fields)?;
        let needed = [
            ("name", &record.nevra.name),
            ("version", &record.nevra.version),
            ("release", &record.nevra.release),
            ("arch", &record.nevra.arch),
            ("checksum", &record.checksum.hex),
            ("location_href", &record.location_href),
        ];
        let missing = needed.into_iter().find(|(_, value)| value.is_empty()).map(|(name, _)| name);
        match missing {
            Some(name) => Err(PyTypeError::new_err(format!("{name}: a record needs it"))),
            None => Ok(record.into()),
        }
    }

    #[staticmethod]
    #[pyo3(signature = (path, *, location=None, base=None, checksum="sha256", changelogs=Some(10), file_digests=false))]
    fn from_rpm(
        py: Python<'_>,
        path: PathBuf,
        location: Option<String>,
        base: Option<String>,
        checksum: &str,
        changelogs: Option<usize>,
        file_digests: bool,
    ) -> PyResult<Self> {
        let options = RecordOptions {
            checksum: tuples::kind(checksum)?,
            changelog_limit: changelogs,
            location_base: base,
            file_digests,
        };
        let name = || path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let href = location.unwrap_or_else(name);
        let record = py.detach(|| copr_repodata::Record::from_file(&path, &href, &options));
        record.map(Self::from).map_err(|error| errors::repodata(&error, Some(&path)))
    }

    #[pyo3(signature = (**fields))]
    fn replace(&self, fields: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let mut record = (*self.0).clone();
        set_all(&mut record, fields)?;
        Ok(record.into())
    }

    #[pyo3(signature = (*, pretty=true))]
    fn render(&self, py: Python<'_>, pretty: bool) -> (String, String, String, String) {
        let mut to = Fragments::default();
        py.detach(|| self.0.render_into(RenderOptions { pretty, filelists_ext: true }, &mut to));
        (to.primary, to.filelists, to.filelists_ext, to.other)
    }

    #[getter]
    fn nevra(&self) -> String {
        self.0.nevra.to_string()
    }

    #[getter]
    fn evr(&self) -> String {
        let evr = self.0.nevra.evr();
        Evr { epoch: evr.epoch.filter(|epoch| *epoch != 0), ..evr }.to_string()
    }

    #[getter]
    fn epoch(&self) -> u32 {
        self.0.nevra.epoch
    }

    #[getter]
    fn checksum<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        tuples::checksum(py, &self.0.checksum)
    }

    #[getter]
    fn location_base(&self) -> Option<&str> {
        self.0.location_base.as_deref()
    }

    #[getter]
    fn file_digest(&self) -> Option<&'static str> {
        self.0.file_digest.map(ChecksumKind::name)
    }

    #[getter]
    fn name(&self) -> &str {
        &self.0.nevra.name
    }

    #[getter]
    fn version(&self) -> &str {
        &self.0.nevra.version
    }

    #[getter]
    fn release(&self) -> &str {
        &self.0.nevra.release
    }

    #[getter]
    fn arch(&self) -> &str {
        &self.0.nevra.arch
    }

    #[getter]
    fn summary(&self) -> &str {
        &self.0.summary
    }

    #[getter]
    fn description(&self) -> &str {
        &self.0.description
    }

    #[getter]
    fn packager(&self) -> &str {
        &self.0.packager
    }

    #[getter]
    fn url(&self) -> &str {
        &self.0.url
    }

    #[getter]
    fn location_href(&self) -> &str {
        &self.0.location_href
    }

    #[getter]
    fn license(&self) -> &str {
        &self.0.license
    }

    #[getter]
    fn vendor(&self) -> &str {
        &self.0.vendor
    }

    #[getter]
    fn group(&self) -> &str {
        &self.0.group
    }

    #[getter]
    fn buildhost(&self) -> &str {
        &self.0.buildhost
    }

    #[getter]
    fn sourcerpm(&self) -> &str {
        &self.0.sourcerpm
    }

    #[getter]
    fn time_file(&self) -> u64 {
        self.0.time_file
    }

    #[getter]
    fn time_build(&self) -> u64 {
        self.0.time_build
    }

    #[getter]
    fn size_package(&self) -> u64 {
        self.0.size_package
    }

    #[getter]
    fn size_installed(&self) -> u64 {
        self.0.size_installed
    }

    #[getter]
    fn size_archive(&self) -> u64 {
        self.0.size_archive
    }

    #[getter]
    fn header_start(&self) -> u64 {
        self.0.header_start
    }

    #[getter]
    fn header_end(&self) -> u64 {
        self.0.header_end
    }

    #[getter]
    fn provides<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        tuples::dependencies(py, &self.0.provides)
    }

    #[getter]
    fn requires<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        tuples::dependencies(py, &self.0.requires)
    }

    #[getter]
    fn conflicts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        tuples::dependencies(py, &self.0.conflicts)
    }

    #[getter]
    fn obsoletes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        tuples::dependencies(py, &self.0.obsoletes)
    }

    #[getter]
    fn suggests<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        tuples::dependencies(py, &self.0.suggests)
    }

    #[getter]
    fn enhances<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        tuples::dependencies(py, &self.0.enhances)
    }

    #[getter]
    fn recommends<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        tuples::dependencies(py, &self.0.recommends)
    }

    #[getter]
    fn supplements<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        tuples::dependencies(py, &self.0.supplements)
    }

    #[getter]
    fn files<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        tuples::files(py, &self.0.files)
    }

    #[getter]
    fn changelogs<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        tuples::changelogs(py, &self.0.changelogs)
    }

    fn __repr__(&self) -> String {
        format!("<Record {}>", self.0.nevra)
    }
}
