//! A package in the primary database.

use std::borrow::Cow;

use copr_rpm::Dependency;
use rusqlite::params;

use super::{Database, number, text, text_or_null};
use crate::{FileKind, Record};

const PACKAGE: &str = "\
    INSERT INTO packages (pkgKey, pkgId, name, arch, version, epoch, release, summary, description, url, time_file, \
    time_build, rpm_license, rpm_vendor, rpm_group, rpm_buildhost, rpm_sourcerpm, rpm_header_start, rpm_header_end, \
    rpm_packager, size_package, size_installed, size_archive, location_href, location_base, checksum_type) \
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

/// What a package does not say is NULL, but for vendor and source package, which are empty.
pub(super) fn add(database: &Database, record: &Record) -> rusqlite::Result<()> {
    let nevra = &record.nevra;
    database.inserting(PACKAGE)?.row(params![
        database.packages,
        text(&record.checksum.hex),
        text(&nevra.name),
        text(&nevra.arch),
        text(&nevra.version),
        epoch(nevra.epoch),
        text(&nevra.release),
        text_or_null(&record.summary),
        text_or_null(&record.description),
        text_or_null(&record.url),
        number(record.time_file),
        number(record.time_build),
        text_or_null(&record.license),
        text(&record.vendor),
        text_or_null(&record.group),
        text_or_null(&record.buildhost),
        text(&record.sourcerpm),
        number(record.header_start),
        number(record.header_end),
        text_or_null(&record.packager),
        number(record.size_package),
        number(record.size_installed),
        number(record.size_archive),
        text(&record.location_href),
        record.location_base.as_deref().and_then(text_or_null),
        record.checksum.kind.name(),
    ])?;
    for (table, list) in [
        ("provides", &record.provides),
        ("conflicts", &record.conflicts),
        ("obsoletes", &record.obsoletes),
        ("suggests", &record.suggests),
        ("enhances", &record.enhances),
        ("recommends", &record.recommends),
        ("supplements", &record.supplements),
    ] {
        add_dependencies(database, table, list)?;
    }
    add_requires(database, &record.requires)?;
    add_files(database, record)
}

fn add_dependencies(database: &Database, table: &str, list: &[Dependency]) -> rusqlite::Result<()> {
    if list.is_empty() {
        return Ok(());
    }
    let sql = format!("INSERT INTO {table} (name, flags, epoch, version, release, pkgKey) VALUES (?, ?, ?, ?, ?, ?)");
    let mut insert = database.inserting(&sql)?;
    for dependency in list {
        let Columns { name, flags, epoch, version, release } = columns(dependency);
        insert.row(params![name, flags, epoch, version, release, database.packages])?;
    }
    Ok(())
}

fn add_requires(database: &Database, list: &[Dependency]) -> rusqlite::Result<()> {
    let mut insert = database.inserting(
        "INSERT INTO requires (name, flags, epoch, version, release, pkgKey, pre) VALUES (?, ?, ?, ?, ?, ?, ?)",
    )?;
    for dependency in list {
        let Columns { name, flags, epoch, version, release } = columns(dependency);
        let pre = if dependency.flags.pre() { "TRUE" } else { "FALSE" };
        insert.row(params![name, flags, epoch, version, release, database.packages, pre])?;
    }
    Ok(())
}

/// The files that need no filelists to be found.
fn add_files(database: &Database, record: &Record) -> rusqlite::Result<()> {
    let mut insert = database.inserting("INSERT INTO files (name, type, pkgKey) VALUES (?, ?, ?)")?;
    for file in record.files.iter().filter(|file| file.is_primary()) {
        let kind = match file.kind {
            FileKind::Plain => "file",
            FileKind::Dir => "dir",
            FileKind::Ghost => "ghost",
        };
        insert.row(params![text(&file.path), kind, database.packages])?;
    }
    Ok(())
}

/// What all tables of dependencies have: as in XML, a version only beside a comparison, else NULL.
struct Columns<'a> {
    name: Cow<'a, str>,
    flags: Option<&'static str>,
    epoch: Option<Cow<'a, str>>,
    version: Option<Cow<'a, str>>,
    release: Option<Cow<'a, str>>,
}

fn columns(dependency: &Dependency) -> Columns<'_> {
    let comparison = dependency.flags.comparison();
    let evr = dependency.evr.as_ref().filter(|_| comparison.is_some());
    Columns {
        name: text(&dependency.name),
        flags: comparison.map(copr_rpm::Comparison::word),
        epoch: evr.map(|evr| epoch(evr.epoch_or_zero())),
        version: evr.map(|evr| text(&evr.version)),
        release: evr.and_then(|evr| evr.release.as_deref()).map(text),
    }
}

/// Epochs are text, and always written.
fn epoch(epoch: u32) -> Cow<'static, str> {
    if epoch == 0 { Cow::Borrowed("0") } else { Cow::Owned(epoch.to_string()) }
}
