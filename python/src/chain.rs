//! The chain of repositories, its facts fetched by a Python callback.

use std::hash::{DefaultHasher, Hash, Hasher};

use copr_resolve::chain as rust;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use crate::errors;

/// A project's directory on a hub.
#[pyclass(frozen, eq, ord, hash, module = "copr_repo", from_py_object)]
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ProjectRef(rust::ProjectRef);

#[pymethods]
impl ProjectRef {
    #[new]
    fn new(hub: String, owner: String, dirname: String) -> Self {
        Self(rust::ProjectRef { hub, owner, dirname })
    }

    #[getter]
    fn hub(&self) -> &str {
        &self.0.hub
    }

    #[getter]
    fn owner(&self) -> &str {
        &self.0.owner
    }

    #[getter]
    fn dirname(&self) -> &str {
        &self.0.dirname
    }

    fn __str__(&self) -> String {
        self.0.to_string()
    }

    fn __repr__(&self) -> String {
        format!("ProjectRef({:?}, {:?}, {:?})", self.0.hub, self.0.owner, self.0.dirname)
    }
}

/// A repository that is no project, by its URL.
#[pyclass(frozen, eq, module = "copr_repo", from_py_object)]
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct External {
    /// As declared.
    #[pyo3(get)]
    url: String,
}

#[pymethods]
impl External {
    #[new]
    fn new(url: String) -> Self {
        Self { url }
    }

    fn __hash__(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        hasher.finish()
    }

    fn __str__(&self) -> &str {
        &self.url
    }

    fn __repr__(&self) -> String {
        format!("External({:?})", self.url)
    }
}

/// Either kind of repository, on its way to and from Python.
#[derive(FromPyObject, IntoPyObject)]
enum Link {
    Project(ProjectRef),
    External(External),
}

impl From<Link> for rust::Link {
    fn from(link: Link) -> Self {
        match link {
            Link::Project(project) => Self::Project(project.0),
            Link::External(external) => Self::External { url: external.url },
        }
    }
}

impl From<rust::Link> for Link {
    fn from(link: rust::Link) -> Self {
        match link {
            rust::Link::Project(project) => Self::Project(ProjectRef(project)),
            rust::Link::External { url } => Self::External(External { url }),
        }
    }
}

fn refs(projects: &[rust::ProjectRef]) -> Vec<ProjectRef> {
    projects.iter().cloned().map(ProjectRef).collect()
}

/// One repository of a chain.
#[pyclass(frozen, module = "copr_repo", from_py_object)]
#[derive(Debug, Clone)]
pub(crate) struct ChainItem(rust::ChainItem);

#[pymethods]
impl ChainItem {
    #[getter]
    fn link(&self) -> Link {
        self.0.link.clone().into()
    }

    #[getter]
    fn depth(&self) -> usize {
        self.0.depth
    }

    #[getter]
    fn needed_by(&self) -> Vec<ProjectRef> {
        refs(&self.0.needed_by)
    }

    #[getter]
    fn dependencies(&self) -> Vec<Link> {
        self.0.dependencies.iter().cloned().map(Link::from).collect()
    }

    fn __repr__(&self) -> String {
        format!("<ChainItem {}>", self.0.link)
    }
}

/// A declared dependency that is left out of a chain.
#[pyclass(frozen, module = "copr_repo", from_py_object)]
#[derive(Debug, Clone)]
pub(crate) struct ChainProblem(rust::ChainProblem);

#[pymethods]
impl ChainProblem {
    #[getter]
    fn project(&self) -> ProjectRef {
        ProjectRef(self.0.project.clone())
    }

    #[getter]
    fn needed_by(&self) -> Vec<ProjectRef> {
        refs(&self.0.needed_by)
    }

    #[getter]
    fn not_found(&self) -> bool {
        self.0.error == rust::FetchError::NotFound
    }

    fn __str__(&self) -> String {
        self.0.to_string()
    }

    fn __repr__(&self) -> String {
        format!("<ChainProblem {}>", self.0)
    }
}

/// The repositories that a project needs.
#[pyclass(frozen, module = "copr_repo")]
#[derive(Debug)]
pub(crate) struct Chain(rust::Chain);

#[pymethods]
impl Chain {
    #[getter]
    fn repositories(&self) -> Vec<ChainItem> {
        self.0.repositories.iter().cloned().map(ChainItem).collect()
    }

    /// The same chain without what a project needs only because another that it needs does.
    fn direct(&self) -> Self {
        Self(self.0.direct())
    }

    #[getter]
    fn cycles(&self) -> Vec<Vec<ProjectRef>> {
        self.0.cycles.iter().map(|cycle| refs(cycle)).collect()
    }

    #[getter]
    fn problems(&self) -> Vec<ChainProblem> {
        self.0.problems.iter().cloned().map(ChainProblem).collect()
    }
}

/// Resolves the chain of `root`. `fetch(project)` returns what that project needs, a sequence of `ProjectRef` and
/// `External`, or raises `NotFound` or `Unreachable`; any other exception of it ends the search and is raised again.
#[pyfunction]
#[pyo3(signature = (root, fetch, *, max_depth=16, max_size=200))]
pub(crate) fn resolve_chain(
    py: Python<'_>,
    root: &ProjectRef,
    fetch: &Bound<'_, PyAny>,
    max_depth: usize,
    max_size: usize,
) -> PyResult<Chain> {
    let fetch = fetch.clone().unbind();
    let mut raised: Option<PyErr> = None;
    let limits = rust::Limits { depth: max_depth, size: max_size };
    let result = py.detach(|| {
        let ask = |project: &rust::ProjectRef| {
            if raised.is_some() {
                return Err(rust::FetchError::NotFound);
            }
            let answer = Python::attach(|py| call(py, &fetch, project));
            answer.unwrap_or_else(|error| {
                raised = Some(error);
                Err(rust::FetchError::NotFound)
            })
        };
        rust::resolve(&root.0, ask, limits)
    });
    match raised {
        Some(error) => Err(error),
        None => result.map(Chain).map_err(|error| errors::chain(&error)),
    }
}

/// One call of the callback; the outer error is an exception that ends the search.
fn call(
    py: Python<'_>,
    fetch: &Py<PyAny>,
    project: &rust::ProjectRef,
) -> PyResult<Result<rust::ProjectFacts, rust::FetchError>> {
    let answer = match fetch.call1(py, (ProjectRef(project.clone()),)) {
        Ok(answer) => answer,
        Err(error) if error.is_instance_of::<errors::NotFound>(py) => return Ok(Err(rust::FetchError::NotFound)),
        Err(error) if error.is_instance_of::<errors::Unreachable>(py) => {
            return Ok(Err(rust::FetchError::Unreachable(error.value(py).to_string())));
        }
        Err(error) => return Err(error),
    };
    let links: Vec<Link> = answer.extract(py).map_err(|_| {
        PyTypeError::new_err(
            "fetch must return a sequence of ProjectRef and External, or raise NotFound or Unreachable",
        )
    })?;
    Ok(Ok(rust::ProjectFacts { dependencies: links.into_iter().map(rust::Link::from).collect() }))
}
