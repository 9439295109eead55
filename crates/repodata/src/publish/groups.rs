//! Comps beside the packages, in the form that `createrepo_c --groupfile` gives them.

use crate::metadata_file::MetadataFile;
use crate::output::{Groups, Output};
use crate::workspace::Workspace;
use crate::{Checksum, Compression, Error, Repomd, read};

const KIND: &str = "group";

/// Whether a record of this type is of comps: `group`, `group_gz`, `group_zck`.
pub(super) fn is_of(kind: &str) -> bool {
    kind.strip_prefix(KIND).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
}

/// Whether the comps in force are those that are wanted.
pub(super) fn are(output: &Output, workspace: &Workspace, old: Option<&Repomd>) -> Result<bool, Error> {
    let records = || old.into_iter().flat_map(|old| &old.records).filter(|record| is_of(&record.kind));
    let path = match &output.groups {
        Groups::Keep => return Ok(true),
        Groups::Remove => return Ok(records().next().is_none()),
        Groups::File(path) => path,
    };
    let mut wanted = vec![KIND.to_owned()];
    wanted.extend(compressed(output));
    wanted.extend(output.zchunk.then(|| format!("{KIND}_zck")));
    let have: Vec<&str> = records().filter(|record| workspace.has(record)).map(|record| record.kind.as_str()).collect();
    if have.len() != wanted.len() || !wanted.iter().all(|kind| have.contains(&kind.as_str())) {
        return Ok(false);
    }
    let Some(plain) = old.and_then(|old| old.record(KIND)) else { return Ok(false) };
    let sum = plain.open_checksum.as_ref().unwrap_or(&plain.checksum);
    Ok(Checksum::of(sum.kind, read::open(path)?)?.0 == *sum)
}

/// Writes the files of the comps that are wanted.
pub(super) fn write(output: &Output, workspace: &Workspace) -> Result<Vec<MetadataFile>, Error> {
    let Groups::File(path) = &output.groups else { return Ok(Vec::new()) };
    let file = |kind: &str, compression| {
        let to = workspace.folder().join(kind);
        MetadataFile::write(kind, "comps.xml", to, &output.file(compression), read::open(path)?)
    };
    let plain = file(KIND, Compression::None)?;
    let copies = output.zchunk_copies(std::slice::from_ref(&plain), workspace.folder())?;
    let mut files = vec![plain];
    if let Some(kind) = compressed(output) {
        files.push(file(&kind, output.extra_compression)?);
    }
    files.extend(copies);
    Ok(files)
}

/// The type of the compressed file; `None`: there is none beside the plain one.
fn compressed(output: &Output) -> Option<String> {
    match output.extra_compression {
        Compression::None | Compression::Zchunk => None,
        other => Some(format!("{KIND}{}", other.suffix().replace('.', "_"))),
    }
}
