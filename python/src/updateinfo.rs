//! The advisories of updateinfo.xml as dicts.

use std::path::PathBuf;

use copr_repodata::updateinfo::{self, Advisory, Collection, Module, Reference, UpdatedPackage};
use copr_repodata::{Error, Warning, read};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::errors;

/// Warnings that are kept of one file. A hostile one may have any number.
const MAX_WARNINGS: usize = 1000;

#[derive(IntoPyObject)]
struct AdvisoryDict<'a> {
    fromstr: Option<&'a str>,
    status: Option<&'a str>,
    r#type: Option<&'a str>,
    version: Option<&'a str>,
    id: Option<&'a str>,
    title: Option<&'a str>,
    issued: Option<&'a str>,
    updated: Option<&'a str>,
    rights: Option<&'a str>,
    release: Option<&'a str>,
    pushcount: Option<&'a str>,
    severity: Option<&'a str>,
    summary: Option<&'a str>,
    description: Option<&'a str>,
    solution: Option<&'a str>,
    reboot_suggested: bool,
    references: Vec<ReferenceDict<'a>>,
    collections: Vec<CollectionDict<'a>>,
}

#[derive(IntoPyObject)]
struct ReferenceDict<'a> {
    href: Option<&'a str>,
    id: Option<&'a str>,
    r#type: Option<&'a str>,
    title: Option<&'a str>,
}

#[derive(IntoPyObject)]
struct CollectionDict<'a> {
    shortname: Option<&'a str>,
    name: Option<&'a str>,
    module: Option<ModuleDict<'a>>,
    packages: Vec<PackageDict<'a>>,
}

#[derive(IntoPyObject)]
struct ModuleDict<'a> {
    name: Option<&'a str>,
    stream: Option<&'a str>,
    version: u64,
    context: Option<&'a str>,
    arch: Option<&'a str>,
}

#[derive(IntoPyObject)]
struct PackageDict<'a> {
    name: Option<&'a str>,
    version: Option<&'a str>,
    release: Option<&'a str>,
    epoch: Option<&'a str>,
    arch: Option<&'a str>,
    src: Option<&'a str>,
    filename: Option<&'a str>,
    sums: Vec<(Option<&'a str>, &'a str)>,
    reboot_suggested: bool,
    restart_suggested: bool,
    relogin_suggested: bool,
}

/// A text of an element: one that is empty is as one that is not there.
fn filled(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

impl<'a> From<&'a Advisory> for AdvisoryDict<'a> {
    fn from(advisory: &'a Advisory) -> Self {
        Self {
            fromstr: advisory.from.as_deref(),
            status: advisory.status.as_deref(),
            r#type: advisory.kind.as_deref(),
            version: advisory.version.as_deref(),
            id: filled(&advisory.id),
            title: filled(&advisory.title),
            issued: advisory.issued.as_deref(),
            updated: advisory.updated.as_deref(),
            rights: filled(&advisory.rights),
            release: filled(&advisory.release),
            pushcount: filled(&advisory.pushcount),
            severity: filled(&advisory.severity),
            summary: filled(&advisory.summary),
            description: filled(&advisory.description),
            solution: filled(&advisory.solution),
            reboot_suggested: advisory.reboot_suggested,
            references: advisory.references.iter().map(Into::into).collect(),
            collections: advisory.collections.iter().map(Into::into).collect(),
        }
    }
}

impl<'a> From<&'a Reference> for ReferenceDict<'a> {
    fn from(reference: &'a Reference) -> Self {
        Self {
            href: reference.href.as_deref(),
            id: reference.id.as_deref(),
            r#type: reference.kind.as_deref(),
            title: reference.title.as_deref(),
        }
    }
}

impl<'a> From<&'a Collection> for CollectionDict<'a> {
    fn from(collection: &'a Collection) -> Self {
        Self {
            shortname: collection.short.as_deref(),
            name: filled(&collection.name),
            module: collection.module.as_ref().map(Into::into),
            packages: collection.packages.iter().map(Into::into).collect(),
        }
    }
}

impl<'a> From<&'a Module> for ModuleDict<'a> {
    fn from(module: &'a Module) -> Self {
        Self {
            name: module.name.as_deref(),
            stream: module.stream.as_deref(),
            version: module.version,
            context: module.context.as_deref(),
            arch: module.arch.as_deref(),
        }
    }
}

impl<'a> From<&'a UpdatedPackage> for PackageDict<'a> {
    fn from(package: &'a UpdatedPackage) -> Self {
        Self {
            name: package.name.as_deref(),
            version: package.version.as_deref(),
            release: package.release.as_deref(),
            epoch: package.epoch.as_deref(),
            arch: package.arch.as_deref(),
            src: package.src.as_deref(),
            filename: filled(&package.filename),
            sums: package.sums.iter().map(|sum| (sum.kind.as_deref(), sum.hex.as_str())).collect(),
            reboot_suggested: package.reboot_suggested,
            restart_suggested: package.restart_suggested,
            relogin_suggested: package.relogin_suggested,
        }
    }
}

/// The advisories of an updateinfo.xml in any compression, and what is odd in it.
#[pyfunction]
pub(crate) fn read_updateinfo(py: Python<'_>, path: PathBuf) -> PyResult<(Vec<Bound<'_, PyDict>>, Vec<String>)> {
    let (advisories, warnings) = py
        .detach(|| -> Result<_, Error> {
            let mut warnings: Vec<String> = Vec::new();
            let mut warn = |warning: Warning| {
                if warnings.len() < MAX_WARNINGS {
                    warnings.push(warning.to_string());
                }
            };
            let advisories = updateinfo::read(read::open(&path)?, &mut warn).collect::<Result<Vec<_>, Error>>()?;
            Ok((advisories, warnings))
        })
        .map_err(|error| errors::repodata(&errors::of_file(&path, error), Some(&path)))?;
    let dicts = advisories.iter().map(|advisory| AdvisoryDict::from(advisory).into_pyobject(py));
    Ok((dicts.collect::<PyResult<_>>()?, warnings))
}
