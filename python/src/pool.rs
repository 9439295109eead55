//! The packages of several repositories, and what can be asked of them.

use std::path::PathBuf;
use std::sync::Arc;

use copr_repodata::Record;
use copr_resolve::RepositoryInfo;
use copr_resolve::closure::{self, Check, PackageSet};
use copr_resolve::kept::Kept;
use copr_resolve::query::{Meaning, Within, is_file, wishes};
use copr_resolve::solve::{Policy, Request, Wish, solve};
use copr_rpm::{Dependency, DependencyKind, Nevra};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::errors;
use crate::installed;
use crate::load;
use crate::overlap::{self, Needed, Overlaps};
use crate::package::Package;
use crate::solution::{Solution, Unsatisfied};

/// Where a repository is and how it ranks.
#[pyclass(frozen, eq, module = "copr_repo", from_py_object)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Repository {
    pub(crate) info: RepositoryInfo,
    pub(crate) path: PathBuf,
    /// Its packages, where no metadata tell of them.
    pub(crate) known: Option<Arc<Vec<Record>>>,
}

#[pymethods]
impl Repository {
    #[new]
    #[pyo3(signature = (id, path, *, baseurl=String::new(), priority=99, cost=1000, module_hotfixes=false, exclude=Vec::new()))]
    fn new(
        id: String,
        path: PathBuf,
        baseurl: String,
        priority: i32,
        cost: i32,
        module_hotfixes: bool,
        exclude: Vec<String>,
    ) -> Self {
        let mut info = RepositoryInfo::new(id, baseurl);
        info.priority = priority;
        info.cost = cost;
        info.hotfixes = module_hotfixes;
        info.excludes = exclude;
        Self { info, path, known: None }
    }

    /// A repository of packages that are at hand, such as the installed ones.
    #[staticmethod]
    #[pyo3(signature = (id, packages, *, priority=99))]
    fn of_packages(id: String, packages: Vec<installed::Given>, priority: i32) -> PyResult<Self> {
        let known = packages.into_iter().map(installed::record).collect::<PyResult<Vec<Record>>>()?;
        let mut info = RepositoryInfo::new(id, String::new());
        info.priority = priority;
        Ok(Self { info, path: PathBuf::new(), known: Some(Arc::new(known)) })
    }

    #[getter]
    fn id(&self) -> &str {
        &self.info.id
    }

    #[getter]
    fn path(&self) -> String {
        self.path.to_string_lossy().into_owned()
    }

    #[getter]
    fn baseurl(&self) -> &str {
        &self.info.baseurl
    }

    #[getter]
    fn priority(&self) -> i32 {
        self.info.priority
    }

    #[getter]
    fn cost(&self) -> i32 {
        self.info.cost
    }

    #[getter]
    fn module_hotfixes(&self) -> bool {
        self.info.hotfixes
    }

    fn __repr__(&self) -> String {
        format!("Repository({:?}, {:?})", self.info.id, self.path)
    }
}

/// A pool and what it was made of; packages keep it alive.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) pool: copr_resolve::Pool,
    repositories: Vec<Repository>,
}

/// The packages of several repositories, for machines of one architecture.
#[pyclass(frozen, module = "copr_repo")]
#[derive(Debug)]
pub(crate) struct Pool(Arc<Shared>);

#[pymethods]
impl Pool {
    #[new]
    #[pyo3(signature = (arch, repositories, *, cache=None, paths=Vec::new()))]
    fn new(
        py: Python<'_>,
        arch: &str,
        repositories: Vec<Repository>,
        cache: Option<PathBuf>,
        paths: Vec<String>,
    ) -> PyResult<Self> {
        let kept = cache.map_or_else(Kept::nowhere, Kept::in_folder);
        let pool = py.detach(|| load::pool(arch, &repositories, paths, &kept))?;
        Ok(Self(Arc::new(Shared { pool, repositories })))
    }

    #[getter]
    fn arch(&self) -> &str {
        self.0.pool.arch()
    }

    #[getter]
    fn repositories(&self) -> Vec<Repository> {
        self.0.repositories.clone()
    }

    fn __len__(&self) -> usize {
        self.0.pool.len()
    }

    /// The packages that a spec means, or all.
    #[pyo3(signature = (spec=None, *, any_arch=false))]
    fn packages(&self, py: Python<'_>, spec: Option<&str>, any_arch: bool) -> Vec<Package> {
        let pool = &self.0.pool;
        let found = py.detach(|| match spec {
            None => pool.ids().filter(|id| any_arch || pool.installable(*id)).collect(),
            Some(spec) => self.within([spec]).named(spec, Meaning { any_arch, ..Meaning::INSTALL }),
        });
        Package::all(&self.0, &found)
    }

    /// The packages that satisfy a dependency.
    fn what_provides(&self, py: Python<'_>, dependency: &str) -> PyResult<Vec<Package>> {
        let wanted: Dependency = dependency.parse().map_err(|error| errors::parse(&error))?;
        let found = py.detach(|| self.0.pool.providers_of(&wanted));
        Ok(Package::all(&self.0, &found))
    }

    /// The packages that depend on a capability.
    #[pyo3(signature = (dependency, *, kinds=vec!["requires".to_owned()], of_packages=false))]
    fn what_requires(
        &self,
        py: Python<'_>,
        dependency: &str,
        kinds: Vec<String>,
        of_packages: bool,
    ) -> PyResult<Vec<Package>> {
        dependency.parse::<Dependency>().map_err(|error| errors::parse(&error))?;
        let kinds = kinds.iter().map(|kind| of_kind(kind)).collect::<PyResult<Vec<DependencyKind>>>()?;
        let texts = [dependency.to_owned()];
        let found = py.detach(|| self.within([dependency]).what_depends(&kinds, &texts, of_packages));
        Ok(Package::all(&self.0, &found))
    }

    /// Chooses packages so that every spec is installed.
    #[pyo3(signature = (install, *, locked=Vec::new(), weak=true, policy="newest", installed=None, not_enabled=Vec::new()))]
    #[expect(clippy::too_many_arguments, reason = "keywords in Python")]
    fn solve(
        &self,
        py: Python<'_>,
        install: Vec<String>,
        locked: Vec<String>,
        weak: bool,
        policy: &str,
        installed: Option<&str>,
        not_enabled: Vec<String>,
    ) -> PyResult<Solution> {
        let policy = match policy {
            "newest" => Policy::Newest,
            "oldest" => Policy::Oldest,
            "best" => Policy::Best,
            other => {
                return Err(PyValueError::new_err(format!("no policy is called {other:?}: newest, oldest or best")));
            }
        };
        let locked = locked.iter().map(|text| text.parse::<Nevra>().map_err(|error| errors::parse(&error)));
        let locked = locked.collect::<PyResult<Vec<Nevra>>>()?;
        let installed = installed.map(|id| self.called(id)).transpose()?;
        let not_enabled = not_enabled.iter().map(|id| self.called(id)).collect::<PyResult<Vec<usize>>>()?;
        let solved = py.detach(|| {
            let mut within = self.within(install.iter().map(String::as_str));
            PackageSet::of_repositories(within.pool, &not_enabled).iter().for_each(|id| within.packages.remove(id));
            let wishes = wishes_of(&within, &install)?;
            let request =
                Request { install: wishes, locked, installed, weak, policy, not_enabled, ..Request::default() };
            solve(within.pool, &request).map_err(|problem| errors::problem(&problem))
        })?;
        Ok(Solution::new(&self.0, &solved))
    }

    /// What a repository would replace of others.
    #[pyo3(signature = (repository, others, *, most_names=5))]
    #[expect(clippy::needless_pass_by_value, reason = "made from a Python sequence")]
    fn overlaps(
        &self,
        py: Python<'_>,
        repository: &str,
        others: Vec<String>,
        most_names: usize,
    ) -> PyResult<Vec<Overlaps>> {
        let repository = self.called(repository)?;
        let others = others.iter().map(|id| self.called(id)).collect::<PyResult<Vec<usize>>>()?;
        Ok(py.detach(|| overlap::overlaps(&self.0.pool, repository, &others, most_names)))
    }

    /// Which of some repositories are needed to install packages.
    #[pyo3(signature = (install, candidates, *, weak=true, installed=None))]
    #[expect(clippy::needless_pass_by_value, reason = "made from Python sequences")]
    fn needed(
        &self,
        py: Python<'_>,
        install: Vec<String>,
        candidates: Vec<String>,
        weak: bool,
        installed: Option<&str>,
    ) -> PyResult<Needed> {
        let candidates = candidates.iter().map(|id| self.called(id)).collect::<PyResult<Vec<usize>>>()?;
        let installed = installed.map(|id| self.called(id)).transpose()?;
        py.detach(|| {
            let install = wishes_of(&self.within(install.iter().map(String::as_str)), &install)?;
            overlap::needed(&self.0.pool, &Request { install, weak, installed, ..Request::default() }, &candidates)
        })
    }

    /// Every package with a requirement that nothing provides.
    #[pyo3(signature = (check=None, *, newest=false))]
    fn closure(&self, py: Python<'_>, check: Option<Vec<String>>, newest: bool) -> PyResult<Vec<Unsatisfied>> {
        let ids =
            check.map(|ids| ids.iter().map(|id| self.called(id)).collect::<PyResult<Vec<usize>>>()).transpose()?;
        let found = py.detach(|| {
            let pool = &self.0.pool;
            let mut check = if newest { Check::newest(pool) } else { Check::all(pool) };
            if let Some(ids) = ids {
                check.checked.intersect(&PackageSet::of_repositories(pool, &ids));
            }
            closure::unsatisfied(pool, &check)
        });
        Ok(found.iter().map(|one| Unsatisfied::new(&self.0, one)).collect())
    }

    fn __repr__(&self) -> String {
        let ids: Vec<&str> = self.0.repositories.iter().map(Repository::id).collect();
        format!("<Pool of {}: {} packages for {}>", ids.join(", "), self.0.pool.len(), self.arch())
    }
}

impl Pool {
    /// All packages, with the owners of the paths among some texts.
    fn within<'t>(&self, texts: impl IntoIterator<Item = &'t str>) -> Within<'_> {
        let mut within = Within::all(&self.0.pool);
        for text in texts.into_iter().filter(|text| is_file(text)) {
            within.owners.insert(text.to_owned(), self.0.pool.providers_of(&Dependency::named(text)));
        }
        within
    }

    /// The index of a repository.
    fn called(&self, id: &str) -> PyResult<usize> {
        let found = self.0.repositories.iter().position(|repository| repository.id() == id);
        found.ok_or_else(|| PyValueError::new_err(format!("no repository of the pool is called {id:?}")))
    }
}

/// What all specs wish for, or everything that is wrong with them.
fn wishes_of(within: &Within<'_>, specs: &[String]) -> PyResult<Vec<Wish>> {
    let (mut all, mut problems) = (Vec::new(), Vec::new());
    for spec in specs {
        match wishes(within, spec) {
            Ok(more) => all.extend(more),
            Err(error) => problems.push(error.to_string()),
        }
    }
    if problems.is_empty() { Ok(all) } else { Err(errors::unsolvable(problems)) }
}

pub(crate) fn of_kind(word: &str) -> PyResult<DependencyKind> {
    let spelled = |kind: &DependencyKind| format!("{kind:?}").eq_ignore_ascii_case(word);
    let found = DependencyKind::ALL.into_iter().find(spelled);
    found.ok_or_else(|| PyValueError::new_err(format!("no kind of dependency is called {word:?}")))
}
