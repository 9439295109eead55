//! RPM files out of records.

use std::{
    collections::HashSet,
    path::Path,
    time::{Duration, UNIX_EPOCH},
};

use anyhow::{Context, Result, bail};
use copr_repodata::{FileKind, Record};
use copr_rpm::{Comparison, Dependency};
use fs_err::File;
use rpm::{BuildConfig, CompressionType, FileOptions, PackageBuilder};

use super::{debian::Lists, random::Random};

/// Packages with more files than this are left out of the sample: a handful has hundreds of thousands.
const MAX_FILES: usize = 5_000;
/// A payload has the size of the real package divided by this ...
const SHRINK: u64 = 28;
/// ... and at most this many bytes.
const MAX_PAYLOAD: u64 = 4 << 20;

/// Writes every so-manieth package, `count` in all.
pub(super) fn write_sample(folder: &Path, lists: &Lists, count: usize) -> Result<()> {
    let noise = noise();
    // A few more than needed, for those that are left out.
    let step = (lists.len() / (count + count / 20)).max(1);
    let records = (0..lists.len()).step_by(step).filter_map(|n| lists.record(n));
    let mut written = 0;
    for record in records.filter(|record| record.files.len() <= MAX_FILES).take(count) {
        write(folder, &record, &noise)?;
        written += 1;
    }
    if written < count.min(lists.len()) {
        bail!("only {written} of {count} packages could be written");
    }
    Ok(())
}

/// Writes two packages under names of their own, in `Packages/n`.
pub(super) fn write_new(folder: &Path, lists: &Lists) -> Result<()> {
    let noise = noise();
    for n in [lists.len() / 3, lists.len() / 2] {
        let mut record = lists.record(n).context("the lists are empty")?;
        record.nevra.name = format!("new-{}", record.nevra.name);
        record.location_href = format!("Packages/n/{}", record.nevra.file_name());
        write(folder, &record, &noise)?;
    }
    Ok(())
}

/// Writes a hundred packages under names of their own, in `Packages/new`.
pub(super) fn write_hundred(folder: &Path, lists: &Lists) -> Result<()> {
    let noise = noise();
    for n in (0..100).map(|n| lists.len() * n / 100) {
        let mut record = lists.record(n).context("the lists are empty")?;
        record.files.truncate(MAX_FILES);
        record.nevra.name = format!("{}-new", record.nevra.name);
        record.location_href = format!("Packages/new/{}", record.nevra.file_name());
        write(folder, &record, &noise)?;
    }
    Ok(())
}

/// Writes an empty file of the right size and time for each package.
pub(super) fn write_sparse(folder: &Path, lists: &Lists) -> Result<()> {
    for record in lists.bare() {
        let file = create(folder, record)?;
        file.set_len(record.size_package)?;
        set_time(&file, record)?;
    }
    Ok(())
}

/// Bytes that do not compress, as in a compressed payload.
fn noise() -> Vec<u8> {
    let mut random = Random::of("noise");
    (0..MAX_PAYLOAD / 8).flat_map(|_| random.any().to_le_bytes()).collect()
}

fn write(folder: &Path, record: &Record, noise: &[u8]) -> Result<()> {
    let package = package(record, noise).with_context(|| format!("cannot build {}", record.location_href))?;
    let mut file = create(folder, record)?;
    package.write(&mut file)?;
    set_time(&file, record)
}

fn create(folder: &Path, record: &Record) -> Result<File> {
    let path = folder.join(&record.location_href);
    fs_err::create_dir_all(path.parent().unwrap_or(folder))?;
    Ok(File::create(path)?)
}

fn set_time(file: &File, record: &Record) -> Result<()> {
    Ok(file.file().set_modified(UNIX_EPOCH + Duration::from_secs(record.time_file))?)
}

/// The package of a record. Its payload is not compressed: nobody here looks at it, it only has a size.
fn package(record: &Record, noise: &[u8]) -> Result<rpm::Package> {
    let nevra = &record.nevra;
    let mut builder = PackageBuilder::new(&nevra.name, &nevra.version, &record.license, &nevra.arch, &record.summary);
    let time = u32::try_from(record.time_build)?;
    builder.using_config(BuildConfig::v4().compression(CompressionType::None).source_date(time));
    builder.epoch(nevra.epoch).release(&nevra.release).description(&record.description).url(&record.url);
    builder.vendor(&record.vendor).packager(&record.packager).group(&record.group).build_host(&record.buildhost);
    for dependency in record.provides.iter().filter(|d| d.name != nevra.name) {
        builder.provides(converted(dependency));
    }
    record.requires.iter().for_each(|d| _ = builder.requires(converted(d)));
    record.conflicts.iter().for_each(|d| _ = builder.conflicts(converted(d)));
    record.obsoletes.iter().for_each(|d| _ = builder.obsoletes(converted(d)));
    record.suggests.iter().for_each(|d| _ = builder.suggests(converted(d)));
    record.enhances.iter().for_each(|d| _ = builder.enhances(converted(d)));
    record.recommends.iter().for_each(|d| _ = builder.recommends(converted(d)));
    for change in record.changelogs.iter().rev() {
        builder.add_changelog_entry(&change.author, &change.text, u32::try_from(change.time)?);
    }
    let plain = record.files.iter().filter(|file| file.kind == FileKind::Plain).count();
    let payload = (record.size_package / SHRINK).min(MAX_PAYLOAD);
    let each = usize::try_from(payload)?.checked_div(plain).unwrap_or(0);
    let mut random = Random::of(&record.location_href);
    let mut seen = HashSet::new();
    for file in record.files.iter().filter(|file| seen.insert(&file.path)) {
        if file.kind == FileKind::Dir {
            builder.with_dir_entry(FileOptions::dir(&file.path))?;
            continue;
        }
        let start = usize::try_from(random.below(noise.len().saturating_sub(each) as u64))?;
        // The builder reads the files that name users.
        let sysusers = file.path.starts_with("/usr/lib/sysusers.d/");
        let content = noise.get(start..start + each).filter(|_| !sysusers).unwrap_or_default();
        builder.with_file_contents(content, FileOptions::new(&file.path))?;
    }
    Ok(builder.build()?)
}

fn converted(dependency: &Dependency) -> rpm::Dependency {
    let name = dependency.name.as_str();
    let version = dependency.evr.as_ref().map(ToString::to_string).unwrap_or_default();
    let mut made = match dependency.flags.comparison() {
        Some(Comparison::Lt) => rpm::Dependency::less(name, version),
        Some(Comparison::Le) => rpm::Dependency::less_eq(name, version),
        Some(Comparison::Eq) => rpm::Dependency::eq(name, version),
        Some(Comparison::Ge) => rpm::Dependency::greater_eq(name, version),
        Some(Comparison::Gt) => rpm::Dependency::greater(name, version),
        None => rpm::Dependency::any(name),
    };
    if dependency.flags.pre() {
        made.flags |= rpm::DependencyFlags::PREREQ;
    }
    made
}
