//! What is not about single packages: comps, modules, and files that are carried over.

use std::path::{Path, PathBuf};

use super::{CreateOptions, Progress};
use crate::metadata_file::MetadataFile;
use crate::workspace::Workspace;
use crate::{Compression, Error, RepomdRecord, modules, read};

/// New files, and the records that stay.
#[derive(Debug, Default)]
pub(super) struct Extra {
    pub(super) files: Vec<MetadataFile>,
    pub(super) kept: Vec<RepomdRecord>,
}

/// Makes them: `carried` are the records that would stay.
pub(super) fn gather(
    workspace: &Workspace,
    carried: Vec<RepomdRecord>,
    found_modules: &[PathBuf],
    options: &CreateOptions,
    progress: &(dyn Fn(Progress<'_>) + Sync),
) -> Result<Extra, Error> {
    let mut extra = Extra { files: Vec::new(), kept: carried };
    if let Some(path) = &options.groupfile {
        extra.kept.retain(|record| !record.kind.starts_with("group"));
        let compression = if options.plain_group { Compression::None } else { options.output.extra_compression };
        extra.files.push(add(path, "group", workspace, options, compression)?);
    }
    if !found_modules.is_empty() {
        extra.files.push(united_modules(workspace, &mut extra.kept, found_modules, options, progress)?);
    }
    let copies = options.output.zchunk_copies(&extra.files, workspace.folder())?;
    extra.files.extend(copies);
    if options.output.zchunk {
        copy_carried(workspace, &mut extra, options)?;
    }
    Ok(extra)
}

/// A file as it is, whatever it was compressed with, under its own name.
fn add(
    path: &Path,
    kind: &str,
    workspace: &Workspace,
    options: &CreateOptions,
    compression: Compression,
) -> Result<MetadataFile, Error> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let suffix = Compression::of_name(&name).suffix();
    let name = name.strip_suffix(suffix).unwrap_or(&name);
    let text = read::open(path)?;
    MetadataFile::write(kind, name, workspace.folder().join(kind), &options.output.file(compression), text)
}

/// All modules that were found, and those that the metadata before have, as one file.
fn united_modules(
    workspace: &Workspace,
    kept: &mut Vec<RepomdRecord>,
    found: &[PathBuf],
    options: &CreateOptions,
    progress: &(dyn Fn(Progress<'_>) + Sync),
) -> Result<MetadataFile, Error> {
    let mut warn = |warning: crate::Warning| progress(Progress::Warning(&warning));
    let mut all = Vec::new();
    let before = kept.iter().find(|record| record.kind == "modules" && record.location_base.is_none());
    let before = before.map(|record| read::inside(workspace.dir(), &record.location_href)).transpose()?;
    for path in before.iter().chain(found) {
        let named = |error| match error {
            Error::Metadata { reason, .. } => Error::metadata(path.display().to_string(), reason),
            other => other,
        };
        all.push(modules::read(read::open(path)?, &mut warn).map_err(named)?);
    }
    kept.retain(|record| !record.kind.starts_with("modules"));
    let text = modules::write(&modules::merge(all, &mut warn)?);
    let how = options.output.file(options.output.extra_compression);
    MetadataFile::write("modules", "modules.yaml", workspace.folder().join("modules"), &how, text.as_bytes())
}

/// zchunk copies of the files that are carried over and have none.
fn copy_carried(workspace: &Workspace, extra: &mut Extra, options: &CreateOptions) -> Result<(), Error> {
    let how = options.output.file(Compression::Zchunk);
    let has = |kind: &str, records: &[RepomdRecord]| records.iter().any(|record| record.kind == kind);
    for record in &extra.kept {
        let copy = format!("{}_zck", record.kind);
        let is_copy = record.kind.ends_with("_zck") || record.location_href.ends_with(Compression::Zchunk.suffix());
        if is_copy || has(&copy, &extra.kept) || record.location_base.is_some() {
            continue;
        }
        let path = read::inside(workspace.dir(), &record.location_href)?;
        let name = record.location_href.rsplit('/').next().unwrap_or_default();
        let name = name.strip_prefix(&format!("{}-", record.checksum.hex)).unwrap_or(name);
        let name = name.strip_suffix(Compression::of_name(name).suffix()).unwrap_or(name);
        let to = workspace.folder().join(&copy);
        extra.files.push(MetadataFile::write(&copy, name, to, &how, read::open(&path)?)?);
    }
    Ok(())
}
