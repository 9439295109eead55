//! `modifyrepo_c --batchfile`: an INI file with one section a change.

use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use configparser::ini::{Ini, IniDefault};
use copr_repodata::Compression;
use copr_repodata::modify::{Addition, Change};

use super::{checked, stem};
use crate::repo::values;

/// Keys that stand before any section end up here.
const NO_SECTION: &str = "\0";

/// The changes of a batch file, in its order. A section is named by the file's path unless it has `path`.
pub(super) fn read(path: &Path) -> Result<Vec<Change>> {
    let text = fs_err::read_to_string(path)?;
    let place = || path.display().to_string();
    let mut defaults = IniDefault::default();
    defaults.default_section = NO_SECTION.to_owned();
    defaults.comment_symbols = vec!['#'];
    defaults.inline_comment_symbols = Some(Vec::new());
    defaults.delimiters = vec!['='];
    defaults.case_sensitive = true;
    let mut ini = Ini::new_from_defaults(defaults);
    ini.read(text.clone()).map_err(|reason| anyhow!("{}: {reason}", path.display()))?;
    let mut sections = ini.sections();
    if sections.iter().any(|section| section == NO_SECTION) {
        bail!("{}: a key stands before the first [section]", path.display());
    }
    sections.sort_by_key(|section| text.find(&format!("[{section}]")));
    sections.iter().map(|section| change(&ini, section).with_context(place)).collect()
}

fn change(ini: &Ini, section: &str) -> Result<Change> {
    let path = ini.get(section, "path").unwrap_or_else(|| section.to_owned());
    let kind = ini.get(section, "type");
    if boolean(ini, section, "remove", false) {
        return Ok(Change::Remove { kind: kind.unwrap_or_else(|| stem(Path::new(&path))) });
    }
    let compression = values::compression(ini.get(section, "compress-type").as_deref())?.unwrap_or(Compression::Zstd);
    let addition = checked(Addition {
        path: path.into(),
        kind,
        name: ini.get(section, "new-name"),
        compression: if boolean(ini, section, "compress", true) { compression } else { Compression::None },
        checksum: values::checksum(ini.get(section, "checksum").as_deref())?.unwrap_or_default(),
        unique_name: boolean(ini, section, "unique-md-filenames", true),
        zchunk: false,
        zchunk_dictionaries: None,
    })?;
    Ok(Change::Add(addition))
}

/// As `GLib` reads them; anything else counts as not there.
fn boolean(ini: &Ini, section: &str, key: &str, default: bool) -> bool {
    match ini.get(section, key).as_deref() {
        Some("true" | "1") => true,
        Some("false" | "0") => false,
        _ => default,
    }
}
