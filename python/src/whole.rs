//! Whole repositories: indexing a folder, merging, taking a part, adding other metadata.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use copr_repodata::create::{CreateOptions, Progress, Selection, Update};
use copr_repodata::merge::{Input, MergeOptions, Method};
use copr_repodata::modify::{Addition, Change};
use copr_repodata::subset::SubsetOptions;
use copr_repodata::{Error, Locking, Warning, warning};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::errors;
use crate::output::{Output, Published};
use crate::tuples;

/// What `create` made.
#[pyclass(frozen, get_all, module = "copr_repo")]
pub(crate) struct Created {
    published: Published,
    read: Vec<String>,
    skipped: Vec<(String, String)>,
    warnings: Vec<String>,
}

/// What `merge` made.
#[pyclass(frozen, get_all, module = "copr_repo")]
pub(crate) struct Merged {
    published: Published,
    inputs: Vec<(usize, usize)>,
    warnings: Vec<String>,
}

/// What `subset` made.
#[pyclass(frozen, get_all, module = "copr_repo")]
pub(crate) struct Subset {
    published: Published,
    of: usize,
    size: u64,
    unmatched: Vec<String>,
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn failed(error: Error) -> PyErr {
    errors::repodata(&error, None)
}

/// Writes the metadata of all packages in a folder.
#[pyfunction]
#[pyo3(signature = (
    folder, *, output=None, output_dir=None, checksum="sha256", update=true, packages=None, exclude=Vec::new(),
    location_base=None, location_prefix=None, groupfile=None,
))]
#[expect(clippy::too_many_arguments, reason = "keywords in Python")]
pub(crate) fn create(
    py: Python<'_>,
    folder: PathBuf,
    output: Option<Output>,
    output_dir: Option<PathBuf>,
    checksum: &str,
    update: bool,
    packages: Option<Vec<String>>,
    exclude: Vec<String>,
    location_base: Option<String>,
    location_prefix: Option<String>,
    groupfile: Option<PathBuf>,
) -> PyResult<Created> {
    let options = CreateOptions {
        output_dir,
        checksum: tuples::kind(checksum)?,
        update: update.then(Update::default),
        selection: packages.map_or(Selection::Walk, Selection::List),
        excludes: exclude,
        location_base,
        location_prefix,
        groupfile,
        ..CreateOptions::new(Output::now(output.as_ref()))
    };
    let warnings = Mutex::new(Vec::new());
    let progress = |progress: Progress<'_>| {
        if let Progress::Warning(warning) = progress {
            warnings.lock().unwrap_or_else(PoisonError::into_inner).push(warning.to_string());
        }
    };
    let created = py.detach(|| copr_repodata::create::create(&[folder], &options, &progress)).map_err(failed)?;
    let skipped = created.skipped.into_iter();
    Ok(Created {
        published: created.published.into(),
        read: created.read,
        skipped: skipped.map(|skipped| (skipped.path.display().to_string(), skipped.error.to_string())).collect(),
        warnings: warnings.into_inner().unwrap_or_else(PoisonError::into_inner),
    })
}

/// A repository to merge: a folder, or a folder and its URL.
#[derive(FromPyObject)]
pub(crate) enum Merging {
    Named(PathBuf, String),
    Folder(PathBuf),
}

impl From<Merging> for Input {
    fn from(merging: Merging) -> Self {
        match merging {
            Merging::Named(dir, url) => Self { dir, url: url.trim_end_matches('/').to_owned() },
            Merging::Folder(dir) => Self { url: dir.display().to_string(), dir },
        }
    }
}

/// Merges repositories into one.
#[pyfunction]
#[pyo3(signature = (
    repositories, folder, *, output=None, method="repository", arches=Vec::new(), omit_base=false, groupfile=None,
    groups=true, updateinfo=true,
))]
#[expect(clippy::too_many_arguments, reason = "keywords in Python")]
pub(crate) fn merge(
    py: Python<'_>,
    repositories: Vec<Merging>,
    folder: PathBuf,
    output: Option<Output>,
    method: &str,
    arches: Vec<String>,
    omit_base: bool,
    groupfile: Option<PathBuf>,
    groups: bool,
    updateinfo: bool,
) -> PyResult<Merged> {
    let method = match method {
        "repository" => Method::Repository,
        "newest" => Method::Newest,
        "version" => Method::HighestVersion,
        "all" => Method::AllVersions,
        "everything" => Method::Everything,
        other => {
            let known = "repository, newest, version, all or everything";
            return Err(PyValueError::new_err(format!("no method is called {other:?}: {known}")));
        }
    };
    let inputs: Vec<Input> = repositories.into_iter().map(Into::into).collect();
    let options = MergeOptions {
        method,
        arches,
        omit_base,
        groupfile,
        no_groups: !groups,
        no_updateinfo: !updateinfo,
        ..MergeOptions::new(Output::now(output.as_ref()))
    };
    let mut warnings = Vec::new();
    let mut warn = |warning: Warning| warnings.push(warning.to_string());
    let merged = py.detach(|| copr_repodata::merge::merge(&inputs, &folder, &options, &mut warn)).map_err(failed)?;
    Ok(Merged { published: merged.published.into(), inputs: merged.inputs, warnings })
}

/// Adds metadata about other things than packages, and removes such.
#[pyfunction]
#[pyo3(signature = (folder, *, add=Vec::new(), remove=Vec::new(), output=None))]
pub(crate) fn modify(
    py: Python<'_>,
    folder: PathBuf,
    add: Vec<(String, PathBuf)>,
    remove: Vec<String>,
    output: Option<Output>,
) -> PyResult<()> {
    let output = Output::now(output.as_ref());
    let addition = |(kind, path)| {
        Change::Add(Addition {
            path,
            kind: Some(kind),
            name: None,
            compression: output.extra_compression,
            checksum: output.checksum,
            unique_name: output.unique_names,
            zchunk: output.zchunk,
            zchunk_dictionaries: None,
        })
    };
    let changes = remove.into_iter().map(|kind| Change::Remove { kind }).chain(add.into_iter().map(addition));
    let changes: Vec<Change> = changes.collect();
    let repodata = folder.join("repodata");
    let made = py
        .detach(|| copr_repodata::modify::modify(&repodata, &changes, &output, Locking::Refuse, &mut warning::ignore));
    made.map_err(failed)
}

/// Writes the metadata of some packages of a repository.
#[pyfunction]
#[pyo3(signature = (
    folder, to, *, output=None, packages=Vec::new(), sources=Vec::new(), arches=Vec::new(), newest_only=false,
    location_base=None, packages_only=false,
))]
#[expect(clippy::too_many_arguments, reason = "keywords in Python")]
pub(crate) fn subset(
    py: Python<'_>,
    folder: PathBuf,
    to: PathBuf,
    output: Option<Output>,
    packages: Vec<String>,
    sources: Vec<String>,
    arches: Vec<String>,
    newest_only: bool,
    location_base: Option<String>,
    packages_only: bool,
) -> PyResult<Subset> {
    let locking = Locking::Refuse;
    let options = SubsetOptions { packages, sources, arches, newest_only, base: location_base, packages_only, locking };
    let output = Output::now(output.as_ref());
    let made = py.detach(|| copr_repodata::subset::subset(&folder, &to, &options, &output)).map_err(failed)?;
    Ok(Subset { published: made.published.into(), of: made.of, size: made.size, unmatched: made.unmatched })
}
