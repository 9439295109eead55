//! The files of metadata: what repomd.xml says of them, and whether it is so.

use std::collections::HashSet;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{Findings, reason};
use crate::checksum::Hasher;
use crate::read::{self, DEFAULT_SIZE_LIMIT};
use crate::workspace::{LOCK, is_ours};
use crate::{Checksum, ChecksumKind, Compression, Document, Error, Repomd, RepomdRecord, Warning};
use crate::{comps, modules, updateinfo, zchunk};

/// How far clocks may differ.
const SKEW: Duration = Duration::from_secs(86400);

/// What repomd.xml says by itself.
pub(super) fn index(repomd: &Repomd, now: Option<SystemTime>, found: &mut Findings) {
    let index = "repodata/repomd.xml";
    if repomd.revision.is_empty() {
        found.warning(index, "it has no revision");
    }
    let latest = now.and_then(|now| now.checked_add(SKEW)).and_then(|now| now.duration_since(UNIX_EPOCH).ok());
    let is_later = |time: u64| latest.is_some_and(|latest| time > latest.as_secs());
    if repomd.revision.parse().is_ok_and(is_later) {
        found.warning(index, format_args!("its revision, {}, is a time in the future", repomd.revision));
    }
    for document in Document::BASIC {
        if repomd.record(document.kind()).is_none() {
            match document {
                Document::Primary => found.error(index, "it names no primary metadata"),
                _ => found.warning(index, format_args!("it names no {} metadata", document.kind())),
            }
        }
    }
    let mut kinds = HashSet::new();
    let mut places = HashSet::new();
    for record in &repomd.records {
        if !kinds.insert(record.kind.as_str()) {
            found.error(index, format_args!("it names {} more than once", record.kind));
        }
        if record.location_base.is_none() && !places.insert(record.location_href.as_str()) {
            found.warning(index, format_args!("it names {} more than once", record.location_href));
        }
        if record.timestamp.is_some_and(is_later) {
            found.warning(&record.location_href, "its timestamp is in the future");
        }
        if !record.checksum.kind.is_strong() {
            let kind = record.checksum.kind;
            found.warning(&record.location_href, format_args!("{kind} sums protect from accidents only"));
        }
        let copied = record.kind.strip_suffix("_zck").and_then(|kind| repomd.record(kind));
        let text = |record: &RepomdRecord| record.open_checksum.clone();
        if let (Some(copy), Some(original)) = (text(record), copied.and_then(text))
            && copy.kind == original.kind
            && copy != original
        {
            found.error(&record.location_href, "the text of this zchunk copy is not that of the original");
        }
    }
}

/// Checks one file; true if it is as repomd.xml says and may be looked into.
pub(super) fn file(dir: &Path, record: &RepomdRecord) -> (bool, Findings) {
    let mut found = Findings::default();
    let what = &record.location_href;
    if record.location_base.is_some() {
        found.warning(what, "it lies elsewhere (xml:base) and is not checked");
        return (false, found);
    }
    let path = match read::verified(dir, record) {
        Ok(path) => path,
        Err(error) => {
            found.error(what, reason(error));
            return (false, found);
        }
    };
    let before = found.0.len();
    if let Err(error) = text(&path, record, &mut found).and_then(|()| parse(&path, record, &mut found)) {
        found.error(what, reason(error));
    }
    let is_sound = !found.0.iter().skip(before).any(|problem| problem.severity == super::Severity::Error);
    name(record, &mut found);
    if record.size.is_none() {
        found.warning(what, "repomd.xml does not tell its size");
    }
    (is_sound, found)
}

/// The decompressed text, with its size and checksum.
fn text(path: &Path, record: &RepomdRecord, found: &mut Findings) -> Result<(), Error> {
    let what = &record.location_href;
    let start: Vec<u8> = BufReader::new(fs_err::File::open(path)?).fill_buf()?.iter().take(6).copied().collect();
    let (by_bytes, by_name) = (Compression::of_magic(&start), Compression::of_name(what));
    if by_bytes != by_name {
        found.warning(what, format_args!("its name says compression {by_name}, its content {by_bytes}"));
    }
    if by_bytes == Compression::Zchunk {
        let header = zchunk::verify(BufReader::new(fs_err::File::open(path)?), what)?;
        if record.header_checksum.as_ref().is_some_and(|sum| *sum != header.checksum) {
            found.error(what, format_args!("the checksum of its header is {}", header.checksum));
        }
        if record.header_size.is_some_and(|size| size != header.size) {
            found.error(what, format_args!("its header has {} bytes, not as many as repomd.xml says", header.size));
        }
    }
    let limit = record.open_size.map_or(DEFAULT_SIZE_LIMIT, |size| size.min(DEFAULT_SIZE_LIMIT));
    let kind = record.open_checksum.as_ref().map_or(ChecksumKind::Sha256, |sum| sum.kind);
    let mut sum: Hasher = kind.hasher();
    io::copy(&mut read::open_bounded(path, limit)?, &mut sum)?;
    let (sum, size): (Checksum, u64) = sum.finish();
    if let Some(expected) = record.open_size.filter(|expected| *expected != size) {
        found.error(what, format_args!("it has {size} bytes when decompressed, not {expected}"));
    } else if let Some(expected) = record.open_checksum.as_ref().filter(|expected| **expected != sum) {
        found.error(what, format_args!("the checksum of its text is {sum}, not {expected}"));
    }
    Ok(())
}

/// Reads what is about something else than packages.
fn parse(path: &Path, record: &RepomdRecord, found: &mut Findings) -> Result<(), Error> {
    let what = &record.location_href;
    let mut warn = |warning: Warning| found.warning(what, warning.reason);
    match record.kind.trim_end_matches("_zck") {
        "updateinfo" => updateinfo::read(read::open(path)?, &mut warn).try_for_each(|advisory| advisory.map(drop)),
        "group" | "group_gz" => comps::read(read::open(path)?, &mut warn).map(drop),
        "modules" => modules::read(read::open(path)?, &mut warn).map(drop),
        _ => Ok(()),
    }
}

/// A name that begins with a checksum should begin with the file's.
fn name(record: &RepomdRecord, found: &mut Findings) {
    let sum = record.file_name().split('-').next().unwrap_or_default();
    let is_sum = sum.len() == record.checksum.kind.hex_len() && sum.bytes().all(|c| c.is_ascii_hexdigit());
    if is_sum && !record.is_named_by_checksum() {
        found.warning(&record.location_href, "its name says another checksum");
    }
}

/// Files in `repodata/` that nobody names; returns how many of them earlier generations left.
pub(super) fn superfluous(dir: &Path, repomd: &Repomd, found: &mut Findings) -> Result<usize, Error> {
    let named: HashSet<&str> =
        repomd.records.iter().filter_map(|r| r.location_href.strip_prefix("repodata/")).collect();
    let mut superseded = 0;
    let mut others = Vec::new();
    for entry in fs_err::read_dir(dir.join("repodata"))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if named.contains(name.as_str()) || name.starts_with("repomd.xml") || name == LOCK {
            continue;
        }
        match is_ours(&name) {
            true => superseded += 1,
            false if entry.file_type()?.is_dir() => {}
            false => others.push(name),
        }
    }
    others.sort();
    others.iter().for_each(|name| found.warning(format_args!("repodata/{name}"), "repomd.xml does not name it"));
    if dir.join(".repodata").exists() {
        found.warning(".repodata", "a writer is at work on the repository, or was stopped");
    }
    Ok(superseded)
}
