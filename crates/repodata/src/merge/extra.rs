//! What a merged repository has beside packages: comps, advisories, modules, and where packages come from.

use super::{Input, MergeOptions};
use crate::metadata_file::MetadataFile;
use crate::source::Source;
use crate::workspace::Workspace;
use crate::{Compression, Error, Warning, modules, read, updateinfo};

/// Makes the files, with their zchunk copies.
pub(super) fn gather(
    workspace: &Workspace,
    inputs: &[Input],
    sources: &[Source],
    origins: &[(String, String)],
    options: &MergeOptions,
    warn: &mut dyn FnMut(Warning),
) -> Result<Vec<MetadataFile>, Error> {
    let output = &options.output;
    let how = output.file(output.extra_compression);
    let place = |name: &str| workspace.folder().join(name);
    let sources = sources.get(..inputs.len()).unwrap_or_default();
    let mut files = Vec::new();
    if !options.no_groups {
        let first = sources.iter().find_map(|source| path_of(source, "group"));
        let path = options.groupfile.clone().map(Ok).or(first).transpose()?;
        if let Some(path) = path {
            files.push(MetadataFile::write("group", "comps.xml", place("group"), &how, read::open(&path)?)?);
        }
    }
    if !options.no_updateinfo {
        let mut advisories = Vec::new();
        let mut any = false;
        for path in sources.iter().filter_map(|source| path_of(source, "updateinfo")) {
            any = true;
            let path = path?;
            for advisory in updateinfo::read(read::open(&path)?, warn) {
                advisories.push(advisory.map_err(|error| named(&path, error))?);
            }
        }
        if any {
            let mut text = Vec::new();
            updateinfo::write(&mut text, &updateinfo::merge(advisories))?;
            let file = MetadataFile::write("updateinfo", "updateinfo.xml", place("updateinfo"), &how, text.as_slice())?;
            files.push(file);
        }
    }
    let mut all = Vec::new();
    for path in sources.iter().filter_map(|source| path_of(source, "modules")) {
        let path = path?;
        all.push(modules::read(read::open(&path)?, warn).map_err(|error| named(&path, error))?);
    }
    if !all.is_empty() {
        let text = modules::write(&modules::merge(all, warn)?);
        files.push(MetadataFile::write("modules", "modules.yaml", place("modules"), &how, text.as_bytes())?);
    }
    let mut copies = output.zchunk_copies(&files, workspace.folder())?;
    if options.koji.is_some() || options.origins {
        let lines: String = origins.iter().map(|(nvra, url)| format!("{nvra}\t{url}\n")).collect();
        // koji reads it as gzip, whatever the rest is.
        let how = output.file(Compression::Gzip);
        files.push(MetadataFile::write("origin", "pkgorigins", place("origin"), &how, lines.as_bytes())?);
    }
    files.append(&mut copies);
    Ok(files)
}

/// The file of a type, verified.
fn path_of(source: &Source, kind: &str) -> Option<Result<std::path::PathBuf, Error>> {
    let record = source.repomd.record(kind).filter(|record| record.location_base.is_none())?;
    Some(read::verified(source.dir(), record))
}

fn named(path: &std::path::Path, error: Error) -> Error {
    match error {
        Error::Metadata { reason, .. } => Error::metadata(path.display().to_string(), reason),
        other => other,
    }
}
