//! The index of a repository's metadata.

use std::fmt;

use pyo3::prelude::*;

use crate::errors;
use crate::records::Document;
use crate::tuples;

type Sum = (String, String);

/// One metadata file, as repomd.xml names it.
#[pyclass(frozen, eq, module = "copr_repo", from_py_object)]
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RepomdRecord(copr_repodata::RepomdRecord);

#[pymethods]
impl RepomdRecord {
    #[new]
    #[pyo3(signature = (
        kind, location_href, checksum, *, location_base=None, open_checksum=None, header_checksum=None, timestamp=None,
        size=None, open_size=None, header_size=None, database_version=None,
    ))]
    #[expect(clippy::too_many_arguments, reason = "keywords in Python")]
    fn new(
        kind: String,
        location_href: String,
        checksum: Sum,
        location_base: Option<String>,
        open_checksum: Option<Sum>,
        header_checksum: Option<Sum>,
        timestamp: Option<u64>,
        size: Option<u64>,
        open_size: Option<u64>,
        header_size: Option<u64>,
        database_version: Option<u32>,
    ) -> PyResult<Self> {
        Ok(Self(copr_repodata::RepomdRecord {
            kind,
            checksum: tuples::to_checksum(checksum)?,
            open_checksum: open_checksum.map(tuples::to_checksum).transpose()?,
            header_checksum: header_checksum.map(tuples::to_checksum).transpose()?,
            location_href,
            location_base,
            timestamp,
            size,
            open_size,
            header_size,
            database_version,
        }))
    }

    #[getter]
    fn kind(&self) -> &str {
        &self.0.kind
    }

    #[getter]
    fn location_href(&self) -> &str {
        &self.0.location_href
    }

    #[getter]
    fn location_base(&self) -> Option<&str> {
        self.0.location_base.as_deref()
    }

    #[getter]
    fn checksum<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        tuples::checksum(py, &self.0.checksum)
    }

    #[getter]
    fn open_checksum<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.0.open_checksum.as_ref().map(|sum| tuples::checksum(py, sum)).transpose()
    }

    #[getter]
    fn header_checksum<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.0.header_checksum.as_ref().map(|sum| tuples::checksum(py, sum)).transpose()
    }

    #[getter]
    fn timestamp(&self) -> Option<u64> {
        self.0.timestamp
    }

    #[getter]
    fn size(&self) -> Option<u64> {
        self.0.size
    }

    #[getter]
    fn open_size(&self) -> Option<u64> {
        self.0.open_size
    }

    #[getter]
    fn header_size(&self) -> Option<u64> {
        self.0.header_size
    }

    #[getter]
    fn database_version(&self) -> Option<u32> {
        self.0.database_version
    }

    fn __repr__(&self) -> String {
        format!("RepomdRecord({:?}, {:?})", self.0.kind, self.0.location_href)
    }
}

/// repomd.xml.
#[pyclass(frozen, eq, module = "copr_repo")]
#[derive(PartialEq)]
pub(crate) struct Repomd(copr_repodata::Repomd);

impl fmt::Debug for Repomd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds: Vec<&str> = self.0.records.iter().map(|record| record.kind.as_str()).collect();
        write!(f, "<Repomd {}: {}>", self.0.revision, kinds.join(", "))
    }
}

#[pymethods]
impl Repomd {
    #[new]
    #[pyo3(signature = (
        *, revision=String::new(), records=Vec::new(), repoid=None, repoid_type=None, contenthash=None,
        contenthash_type=None, content_tags=Vec::new(), repo_tags=Vec::new(), distro_tags=Vec::new(),
    ))]
    #[expect(clippy::too_many_arguments, reason = "keywords in Python")]
    fn new(
        revision: String,
        records: Vec<RepomdRecord>,
        repoid: Option<String>,
        repoid_type: Option<String>,
        contenthash: Option<String>,
        contenthash_type: Option<String>,
        content_tags: Vec<String>,
        repo_tags: Vec<String>,
        distro_tags: Vec<(Option<String>, String)>,
    ) -> Self {
        Self(copr_repodata::Repomd {
            revision,
            repoid,
            repoid_type,
            contenthash,
            contenthash_type,
            content_tags,
            repo_tags,
            distro_tags,
            records: records.into_iter().map(|record| record.0).collect(),
        })
    }

    #[staticmethod]
    fn read(py: Python<'_>, source: Document) -> PyResult<Self> {
        let read = py.detach(|| match &source {
            Document::Bytes(bytes) => copr_repodata::Repomd::read(bytes),
            Document::Path(path) => copr_repodata::Repomd::open(path),
        });
        read.map(Self).map_err(|error| match source.path() {
            Some(path) => errors::repodata(&errors::of_file(path, error), Some(path)),
            None => errors::repodata(&error, None),
        })
    }

    #[pyo3(signature = (*, pretty=true))]
    fn render(&self, pretty: bool) -> String {
        self.0.render(pretty)
    }

    fn record(&self, kind: &str) -> Option<RepomdRecord> {
        self.0.record(kind).cloned().map(RepomdRecord)
    }

    #[getter]
    fn records(&self) -> Vec<RepomdRecord> {
        self.0.records.iter().cloned().map(RepomdRecord).collect()
    }

    #[getter]
    fn revision(&self) -> &str {
        &self.0.revision
    }

    #[getter]
    fn repoid(&self) -> Option<&str> {
        self.0.repoid.as_deref()
    }

    #[getter]
    fn repoid_type(&self) -> Option<&str> {
        self.0.repoid_type.as_deref()
    }

    #[getter]
    fn contenthash(&self) -> Option<&str> {
        self.0.contenthash.as_deref()
    }

    #[getter]
    fn contenthash_type(&self) -> Option<&str> {
        self.0.contenthash_type.as_deref()
    }

    #[getter]
    fn content_tags(&self) -> Vec<String> {
        self.0.content_tags.clone()
    }

    #[getter]
    fn repo_tags(&self) -> Vec<String> {
        self.0.repo_tags.clone()
    }

    #[getter]
    fn distro_tags(&self) -> Vec<(Option<String>, String)> {
        self.0.distro_tags.clone()
    }

    fn __repr__(&self) -> String {
        format!("{self:?}")
    }
}
