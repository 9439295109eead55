//! How metadata are written, and what a publish did.

use std::time::{Duration, SystemTime};

use copr_repodata::{Compression, Retain};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::tuples;

/// How metadata are written.
#[pyclass(frozen, module = "copr_repo", from_py_object)]
#[derive(Debug, Clone)]
pub(crate) struct Output(copr_repodata::Output);

impl Output {
    /// What was asked for, or the defaults; with the time of now.
    pub(crate) fn now(asked: Option<&Self>) -> copr_repodata::Output {
        let now = SystemTime::now();
        match asked {
            Some(asked) => copr_repodata::Output { now, ..asked.0.clone() },
            None => copr_repodata::Output::new(now),
        }
    }
}

fn compression(name: &str) -> PyResult<Compression> {
    name.parse().map_err(|error: copr_repodata::Error| PyValueError::new_err(error.to_string()))
}

/// A number of seconds.
pub(crate) fn seconds(what: &str, number: f64) -> PyResult<Duration> {
    Duration::try_from_secs_f64(number).map_err(|error| PyValueError::new_err(format!("{what}: {error}")))
}

#[pymethods]
impl Output {
    #[new]
    #[pyo3(signature = (
        *, compression="gz", extra_compression=None, level=None, databases=None, checksum="sha256", open_checksums=true,
        unique_names=true, pretty=true, filelists_ext=false, zchunk=false, changelogs=Some(10), revision=None,
        timestamp=None, content_tags=None, repo_tags=None, distro_tags=None, workers=0, retain=Some(3600.0),
    ))]
    #[expect(clippy::too_many_arguments, clippy::fn_params_excessive_bools, reason = "keywords in Python")]
    fn new(
        compression: &str,
        extra_compression: Option<&str>,
        level: Option<i32>,
        databases: Option<&str>,
        checksum: &str,
        open_checksums: bool,
        unique_names: bool,
        pretty: bool,
        filelists_ext: bool,
        zchunk: bool,
        changelogs: Option<usize>,
        revision: Option<String>,
        timestamp: Option<u64>,
        content_tags: Option<Vec<String>>,
        repo_tags: Option<Vec<String>>,
        distro_tags: Option<Vec<(Option<String>, String)>>,
        workers: usize,
        retain: Option<f64>,
    ) -> PyResult<Self> {
        Ok(Self(copr_repodata::Output {
            compression: self::compression(compression)?,
            extra_compression: self::compression(extra_compression.unwrap_or(compression))?,
            level,
            databases: databases.map(self::compression).transpose()?,
            checksum: tuples::kind(checksum)?,
            open_checksums,
            unique_names,
            pretty,
            filelists_ext,
            zchunk,
            changelog_limit: changelogs,
            revision,
            timestamp,
            content_tags,
            repo_tags,
            distro_tags,
            workers,
            retain: match retain {
                None => Retain::All,
                Some(0.0) => Retain::Nothing,
                Some(number) => Retain::For(seconds("retain", number)?),
            },
            ..copr_repodata::Output::new(SystemTime::UNIX_EPOCH)
        }))
    }
}

/// What a publish did.
#[pyclass(frozen, get_all, module = "copr_repo")]
#[derive(Debug, Clone)]
pub(crate) struct Published {
    packages: usize,
    revision: String,
    added: usize,
    replaced: usize,
    removed: usize,
    changed: bool,
}

impl From<copr_repodata::Published> for Published {
    fn from(published: copr_repodata::Published) -> Self {
        let copr_repodata::Published { packages, revision, added, replaced, removed, changed } = published;
        Self { packages, revision, added, replaced, removed, changed }
    }
}

#[pymethods]
impl Published {
    fn __repr__(&self) -> String {
        let Self { packages, revision, added, replaced, removed, .. } = self;
        format!("<Published {revision}: {packages} packages; {added} added, {replaced} replaced, {removed} removed>")
    }
}
