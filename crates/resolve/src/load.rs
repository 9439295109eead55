//! Repositories read straight into columns, without a record of each package.

use std::io::Read;

use copr_repodata::Error;
use copr_repodata::read::{EntryView, PrimaryView, each_primary};
use copr_rpm::{Comparison, DependencyKind};

use crate::ahead::reading_ahead;
use crate::pool::Packages;
use crate::pool::evr::evr_text;
use crate::pool::packages::{Builder, Facts};

/// The packages of primary.xml; `from` gives its text, as [`copr_repodata::read::open`] decompresses it:
/// that happens on another thread.
///
/// # Errors
/// The text is malformed or cut short, or has more than [`Packages`] takes.
pub fn primary(from: impl Read + Send) -> Result<Packages, Error> {
    let mut builder = Builder::default();
    reading_ahead(from, |from| each_primary(from, |view| push(&mut builder, view)))??;
    Ok(builder.finish())
}

fn push(builder: &mut Builder, view: &PrimaryView<'_>) -> Result<(), Error> {
    let nevra = &view.nevra;
    builder.begin(&Facts {
        name: &nevra.name.text(),
        arch: &nevra.arch.text(),
        evr: &evr_text(epoch(nevra.epoch.as_written()), nevra.version.text(), &nevra.release.text()),
        vendor: &view.vendor.text(),
        source: &view.sourcerpm.text(),
        location: &view.location_href.text(),
        base: &view.location_base.text(),
        sum_kind: view.checksum_type.text().parse()?,
        sum: view.checksum.text().trim(),
        size_package: view.size_package,
        size_installed: view.size_installed,
        build_time: view.time_build,
    })?;
    for (kind, list) in DependencyKind::ALL.into_iter().zip(&view.dependencies) {
        for entry in list.iter().filter(|entry| !entry.name.is_empty()) {
            push_entry(builder, kind, entry)?;
        }
    }
    for file in &view.files {
        builder.file(&file.path.text())?;
    }
    builder.end()
}

fn push_entry(builder: &mut Builder, kind: DependencyKind, entry: &EntryView<'_>) -> Result<(), Error> {
    let comparison = match entry.flags.as_written() {
        "" => None,
        word => Comparison::from_word(word),
    };
    let comparison = comparison.filter(|_| !entry.version.is_empty());
    if comparison.is_none() {
        return builder.dependency(kind, &entry.name.text(), None, "");
    }
    let evr = evr_text(epoch(entry.epoch.as_written()), entry.version.text(), &entry.release.text());
    builder.dependency(kind, &entry.name.text(), comparison, &evr)
}

/// An epoch as written; what is no number is 0.
fn epoch(text: &str) -> u32 {
    match text {
        "" | "0" => 0,
        text => text.trim().parse().unwrap_or(0),
    }
}

#[cfg(test)]
#[path = "load_tests.rs"]
mod tests;
