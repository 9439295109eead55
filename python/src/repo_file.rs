//! The text of .repo files.

use copr_resolve::repo_file;
use pyo3::prelude::*;

use crate::errors;

/// One section of a .repo file.
#[pyclass(frozen, eq, module = "copr_repo", from_py_object)]
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RepoSection(repo_file::RepoSection);

#[pymethods]
impl RepoSection {
    #[new]
    #[pyo3(signature = (id, name, baseurl, *, gpgkey=None, enabled=true, cost=None, priority=None, module_hotfixes=false))]
    #[expect(clippy::too_many_arguments, reason = "keywords in Python")]
    fn new(
        id: String,
        name: String,
        baseurl: String,
        gpgkey: Option<String>,
        enabled: bool,
        cost: Option<i64>,
        priority: Option<i64>,
        module_hotfixes: bool,
    ) -> Self {
        let of_all = repo_file::RepoSection::new(id, name, baseurl);
        Self(repo_file::RepoSection { gpgkey, enabled, cost, priority, module_hotfixes, ..of_all })
    }

    #[getter]
    fn id(&self) -> &str {
        &self.0.id
    }

    #[getter]
    fn name(&self) -> &str {
        &self.0.name
    }

    #[getter]
    fn baseurl(&self) -> &str {
        &self.0.baseurl
    }

    #[getter]
    fn gpgkey(&self) -> Option<&str> {
        self.0.gpgkey.as_deref()
    }

    #[getter]
    fn cost(&self) -> Option<i64> {
        self.0.cost
    }

    #[getter]
    fn priority(&self) -> Option<i64> {
        self.0.priority
    }

    #[getter]
    fn module_hotfixes(&self) -> bool {
        self.0.module_hotfixes
    }

    #[getter]
    fn enabled(&self) -> bool {
        self.0.enabled
    }

    fn __repr__(&self) -> String {
        format!("RepoSection(id={:?}, baseurl={:?})", self.0.id, self.0.baseurl)
    }
}

/// The text of a .repo file: comment lines, then sections. Raises `InvalidRepoError` for a value that would break it.
#[pyfunction]
#[pyo3(signature = (sections, *, comments=Vec::new()))]
#[expect(clippy::needless_pass_by_value, reason = "made from a Python sequence")]
pub(crate) fn render_repo_file(sections: Vec<RepoSection>, comments: Vec<String>) -> PyResult<String> {
    let sections: Vec<repo_file::RepoSection> = sections.into_iter().map(|section| section.0).collect();
    repo_file::render(&comments, &sections).map_err(|error| errors::repo_file(&error))
}
