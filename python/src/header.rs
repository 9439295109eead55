//! What a package's header says.

use std::collections::HashMap;
use std::path::PathBuf;

use copr_rpm::{DependencyKind, Package, Tag, Value};
use pyo3::exceptions::PyKeyError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use crate::errors;
use crate::tuples;

/// What an RPM package says of itself.
#[pyclass(frozen, module = "copr_repo")]
pub(crate) struct Header {
    package: Package,
    path: PathBuf,
}

/// A tag as it is asked for.
#[derive(FromPyObject)]
enum Asked {
    Number(u32),
    Name(String),
}

impl Asked {
    fn tag(&self) -> Option<Tag> {
        match self {
            Self::Number(number) => Some(Tag(*number)),
            Self::Name(name) => Tag::named(name),
        }
    }
}

/// As rpm's own module gives a value: a list where the tag is one, or has several values.
fn convert<'py>(py: Python<'py>, value: Value<'_>, list: bool) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Value::Text(text) if list => vec![text].into_pyobject(py)?.into_any(),
        Value::Text(text) => text.into_pyobject(py)?.into_any(),
        Value::Texts(texts) => texts.into_pyobject(py)?.into_any(),
        Value::Numbers(numbers) => match numbers.get(0) {
            Some(number) if numbers.len() == 1 && !list => number.into_pyobject(py)?.into_any(),
            _ => numbers.iter().collect::<Vec<u64>>().into_pyobject(py)?.into_any(),
        },
        Value::Binary(bytes) => PyBytes::new(py, bytes).into_any(),
    })
}

impl Header {
    fn value<'py>(&self, py: Python<'py>, asked: &Asked) -> PyResult<Option<Bound<'py, PyAny>>> {
        let value = asked.tag().and_then(|tag| Some((self.package.header.value(tag)?, tag.is_list())));
        value.map(|(value, list)| convert(py, value, list)).transpose()
    }

    fn failed(&self, error: &copr_rpm::Error) -> PyErr {
        errors::package(error, &self.path)
    }

    fn dependencies<'py>(&self, py: Python<'py>, kind: DependencyKind) -> PyResult<Bound<'py, PyList>> {
        tuples::dependencies(py, &self.package.dependencies(kind).map_err(|error| self.failed(&error))?)
    }

    fn spelled(&self) -> PyResult<copr_rpm::Nevra> {
        self.package.nevra().map_err(|error| self.failed(&error))
    }
}

#[pymethods]
impl Header {
    #[staticmethod]
    fn read(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let package = py.detach(|| Package::open(&path)).map_err(|error| errors::package(&error, &path))?;
        Ok(Self { package, path })
    }

    #[staticmethod]
    fn tags() -> HashMap<&'static str, u32> {
        Tag::names().map(|(name, tag)| (name, tag.0)).collect()
    }

    fn __getitem__<'py>(&self, py: Python<'py>, tag: Asked) -> PyResult<Bound<'py, PyAny>> {
        self.value(py, &tag)?.ok_or_else(|| match tag {
            Asked::Number(number) => PyKeyError::new_err(number),
            Asked::Name(name) => PyKeyError::new_err(name),
        })
    }

    #[pyo3(signature = (tag, default=None))]
    fn get<'py>(
        &self,
        py: Python<'py>,
        tag: Asked,
        default: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        Ok(self.value(py, &tag)?.or(default))
    }

    fn __contains__(&self, tag: Asked) -> bool {
        tag.tag().is_some_and(|tag| self.package.header.contains(tag))
    }

    fn __len__(&self) -> usize {
        self.package.header.tags().count()
    }

    fn keys(&self) -> Vec<u32> {
        self.package.header.tags().map(|tag| tag.0).collect()
    }

    fn signature<'py>(&self, py: Python<'py>, tag: u32) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.package.signature.value(Tag(tag)).map(|value| convert(py, value, false)).transpose()
    }

    #[getter]
    fn nevra(&self) -> PyResult<String> {
        Ok(self.spelled()?.to_string())
    }

    #[getter]
    fn epoch(&self) -> PyResult<u32> {
        Ok(self.spelled()?.epoch)
    }

    #[getter]
    fn name(&self) -> PyResult<String> {
        Ok(self.spelled()?.name)
    }

    #[getter]
    fn version(&self) -> PyResult<String> {
        Ok(self.spelled()?.version)
    }

    #[getter]
    fn release(&self) -> PyResult<String> {
        Ok(self.spelled()?.release)
    }

    #[getter]
    fn arch(&self) -> PyResult<String> {
        Ok(self.spelled()?.arch)
    }

    #[getter]
    fn is_source(&self) -> bool {
        self.package.is_source()
    }

    #[getter]
    fn provides<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.dependencies(py, DependencyKind::Provides)
    }

    #[getter]
    fn requires<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.dependencies(py, DependencyKind::Requires)
    }

    #[getter]
    fn conflicts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.dependencies(py, DependencyKind::Conflicts)
    }

    #[getter]
    fn obsoletes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.dependencies(py, DependencyKind::Obsoletes)
    }

    #[getter]
    fn suggests<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.dependencies(py, DependencyKind::Suggests)
    }

    #[getter]
    fn enhances<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.dependencies(py, DependencyKind::Enhances)
    }

    #[getter]
    fn recommends<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.dependencies(py, DependencyKind::Recommends)
    }

    #[getter]
    fn supplements<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.dependencies(py, DependencyKind::Supplements)
    }

    #[getter]
    fn files<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        tuples::header_files(py, &self.package.files().map_err(|error| self.failed(&error))?)
    }

    #[getter]
    fn changelogs<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        tuples::changelogs(py, &self.package.changelogs())
    }

    #[getter]
    fn header_start(&self) -> u64 {
        self.package.header_start
    }

    #[getter]
    fn header_end(&self) -> u64 {
        self.package.header_end
    }

    #[getter]
    fn payload_compressor(&self) -> String {
        self.package.payload_compressor()
    }

    fn __repr__(&self) -> String {
        format!("<Header of {}>", self.path.display())
    }
}
