//! Which packages of other repositories a repository would replace; which repositories packages really need.

use copr_resolve::Pool;
use copr_resolve::chain::{needed as rust_needed, overlap as rust};
use copr_resolve::solve::Request;
use pyo3::prelude::*;

use crate::errors;

/// What a repository has in common with one other, in numbers.
#[pyclass(frozen, get_all, module = "copr_repo")]
#[derive(Debug)]
pub(crate) struct Overlaps {
    other: String,
    replaced: usize,
    newer: usize,
    same: usize,
    older: usize,
    obsoleted: usize,
    vendor_changes: usize,
    names: Vec<String>,
    more: usize,
    text: String,
}

#[pymethods]
impl Overlaps {
    fn __str__(&self) -> &str {
        &self.text
    }

    fn __repr__(&self) -> String {
        format!("<Overlaps: {}>", self.text)
    }
}

/// Which repositories some packages really pull from.
#[pyclass(frozen, get_all, module = "copr_repo")]
#[derive(Debug)]
pub(crate) struct Needed {
    repositories: Vec<(String, String)>,
    unneeded: Vec<String>,
    is_smallest: bool,
}

#[pymethods]
impl Needed {
    fn __repr__(&self) -> String {
        let ids: Vec<&str> = self.repositories.iter().map(|(id, _)| id.as_str()).collect();
        format!("<Needed: {}>", ids.join(", "))
    }
}

/// What a repository (by its number) would replace of others.
pub(crate) fn overlaps(pool: &Pool, repository: usize, others: &[usize], most_names: usize) -> Vec<Overlaps> {
    let told = |overlaps: &rust::Overlaps| {
        let summary = overlaps.summary(pool, most_names);
        let text = summary.to_string();
        let rust::Summary { other, replaced, newer, same, older, obsoleted, vendor_changes, names, more } = summary;
        Overlaps { other, replaced, newer, same, older, obsoleted, vendor_changes, names, more, text }
    };
    rust::overlaps(pool, repository, others).iter().map(told).collect()
}

/// Which of some repositories (by their numbers) a request needs.
pub(crate) fn needed(pool: &Pool, request: &Request, candidates: &[usize]) -> PyResult<Needed> {
    let name = |index: usize| pool.repositories().get(index).map_or("?", |info| &info.id).to_owned();
    let needed = rust_needed::in_pool(pool, request, candidates, rust_needed::MOST_SOLVES);
    let needed = needed.map_err(|problem| errors::problem(&problem))?;
    Ok(Needed {
        repositories: needed.repositories.iter().map(|one| (name(one.repository), one.to_string())).collect(),
        unneeded: needed.unneeded.iter().map(|index| name(*index)).collect(),
        is_smallest: needed.is_smallest,
    })
}
