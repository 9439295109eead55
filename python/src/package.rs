//! A package of a pool.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use copr_resolve::PackageId;
use copr_rpm::{DependencyKind, Nevra};
use pyo3::prelude::*;

use crate::pool::Shared;

/// A package of a pool; `str()` is its NEVRA.
#[pyclass(frozen, eq, module = "copr_repo")]
#[derive(Clone)]
pub(crate) struct Package {
    shared: Arc<Shared>,
    id: PackageId,
}

impl Package {
    pub(crate) fn new(shared: &Arc<Shared>, id: PackageId) -> Self {
        Self { shared: Arc::clone(shared), id }
    }

    pub(crate) fn all(shared: &Arc<Shared>, ids: &[PackageId]) -> Vec<Self> {
        ids.iter().map(|id| Self::new(shared, *id)).collect()
    }

    fn spelled(&self) -> Nevra {
        self.shared.pool.nevra(self.id)
    }

    fn list(&self, kind: DependencyKind) -> Vec<String> {
        let pool = &self.shared.pool;
        pool.list(self.id, kind).iter().map(|cap| pool.dependency(*cap).to_string()).collect()
    }
}

impl PartialEq for Package {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared) && self.id == other.id
    }
}

impl fmt::Debug for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Package {} of {}>", self.spelled(), self.repository())
    }
}

#[pymethods]
impl Package {
    #[getter]
    fn name(&self) -> &str {
        self.shared.pool.text(self.shared.pool.name(self.id))
    }

    #[getter]
    fn epoch(&self) -> u32 {
        self.spelled().epoch
    }

    #[getter]
    fn version(&self) -> String {
        self.spelled().version
    }

    #[getter]
    fn release(&self) -> String {
        self.spelled().release
    }

    #[getter]
    fn arch(&self) -> &str {
        self.shared.pool.text(self.shared.pool.arch_of(self.id))
    }

    #[getter]
    fn evr(&self) -> &str {
        self.shared.pool.text(self.shared.pool.evr(self.id))
    }

    #[getter]
    fn nevra(&self) -> String {
        self.spelled().to_string()
    }

    #[getter]
    fn repository(&self) -> &str {
        self.shared.pool.repository_info(self.id).map_or("", |info| info.id.as_str())
    }

    #[getter]
    fn installable(&self) -> bool {
        self.shared.pool.installable(self.id)
    }

    #[getter]
    fn location_base(&self) -> &str {
        self.shared.pool.text(self.shared.pool.location_base(self.id))
    }

    #[getter]
    fn location(&self) -> &str {
        self.shared.pool.location(self.id)
    }

    #[getter]
    fn checksum(&self) -> String {
        let checksum = self.shared.pool.checksum(self.id);
        format!("{}:{}", checksum.kind.name(), checksum.hex)
    }

    #[getter]
    fn size(&self) -> u64 {
        self.shared.pool.package_size(self.id)
    }

    #[getter]
    fn installed_size(&self) -> u64 {
        self.shared.pool.installed_size(self.id)
    }

    #[getter]
    fn build_time(&self) -> u64 {
        self.shared.pool.build_time(self.id)
    }

    #[getter]
    fn source_rpm(&self) -> &str {
        self.shared.pool.text(self.shared.pool.source_rpm(self.id))
    }

    #[getter]
    fn vendor(&self) -> &str {
        self.shared.pool.text(self.shared.pool.vendor(self.id))
    }

    #[getter]
    fn provides(&self) -> Vec<String> {
        self.list(DependencyKind::Provides)
    }

    #[getter]
    fn requires(&self) -> Vec<String> {
        self.list(DependencyKind::Requires)
    }

    #[getter]
    fn conflicts(&self) -> Vec<String> {
        self.list(DependencyKind::Conflicts)
    }

    #[getter]
    fn obsoletes(&self) -> Vec<String> {
        self.list(DependencyKind::Obsoletes)
    }

    #[getter]
    fn recommends(&self) -> Vec<String> {
        self.list(DependencyKind::Recommends)
    }

    #[getter]
    fn suggests(&self) -> Vec<String> {
        self.list(DependencyKind::Suggests)
    }

    #[getter]
    fn supplements(&self) -> Vec<String> {
        self.list(DependencyKind::Supplements)
    }

    #[getter]
    fn enhances(&self) -> Vec<String> {
        self.list(DependencyKind::Enhances)
    }

    fn __hash__(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (Arc::as_ptr(&self.shared).addr(), self.id).hash(&mut hasher);
        hasher.finish()
    }

    fn __str__(&self) -> String {
        self.nevra()
    }

    fn __repr__(&self) -> String {
        format!("{self:?}")
    }
}
