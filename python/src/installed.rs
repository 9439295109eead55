//! Packages that no metadata tell of, such as those of the installed system.

use std::collections::HashMap;

use copr_repodata::{File, FileKind, Record};
use copr_rpm::{Dependency, DependencyKind, Evr, Nevra};
use pyo3::prelude::*;

use crate::errors;
use crate::pool::of_kind;

/// A package as Python gives it: name, `[epoch:]version-release`, architecture, vendor, and its dependencies by kind, with
/// `files` as one more.
pub(crate) type Given = (String, String, String, String, HashMap<String, Vec<String>>);

/// A record with only what the solver looks at. A dependency that cannot be read is left out, as rpm does with its own.
pub(crate) fn record((name, evr, arch, vendor, lists): Given) -> PyResult<Record> {
    let Evr { epoch, version, release } = evr.parse().map_err(|error| errors::parse(&error))?;
    let nevra = Nevra { name, epoch: epoch.unwrap_or(0), version, release: release.unwrap_or_default(), arch };
    let mut record = Record { nevra, vendor, ..Record::default() };
    for (kind, texts) in lists {
        if kind == "files" {
            record.files = texts.into_iter().map(|path| File { path, kind: FileKind::Plain, digest: None }).collect();
            continue;
        }
        let list = texts.iter().filter_map(|text| text.parse::<Dependency>().ok()).collect();
        *match of_kind(&kind)? {
            DependencyKind::Provides => &mut record.provides,
            DependencyKind::Requires => &mut record.requires,
            DependencyKind::Conflicts => &mut record.conflicts,
            DependencyKind::Obsoletes => &mut record.obsoletes,
            DependencyKind::Recommends => &mut record.recommends,
            DependencyKind::Suggests => &mut record.suggests,
            DependencyKind::Supplements => &mut record.supplements,
            DependencyKind::Enhances => &mut record.enhances,
        } = list;
    }
    Ok(record)
}
