//! Whether a package can be made: what rpm refuses, or would read as something else, is refused here.

use std::collections::HashSet;

use super::Builder;
use crate::{Dependency, Error};

/// Files that a package may have.
const MOST_FILES: usize = 4096;
/// Bytes that its files may have together.
const MOST_CONTENTS: usize = 64 << 20;
/// Bytes that all its texts may have together.
const MOST_TEXT: usize = 1 << 20;
/// Bytes of a path (`PATH_MAX` of Linux, its NUL included).
const MOST_PATH: usize = 4096;
/// Dependencies of all kinds, and changes, that it may have.
const MOST_ITEMS: usize = 4096;

pub(super) fn check(package: &Builder) -> Result<(), Error> {
    let refused = |reason: String| Err(Error::NotBuildable(reason));
    check_texts(package)?;
    for (what, text) in [("name", &package.name), ("version", &package.version), ("release", &package.release)] {
        // As rpm's spec parser has it (`rpmCharCheck`, `ALLOWED_CHARS_NAME` and so on in `build/parsePreamble.c`).
        let more = if what == "name" { "-._+" } else { "._+~^" };
        let first =
            text.chars().next().filter(|first| first.is_ascii_alphanumeric() || (what == "name" && *first == '_'));
        if first.is_none() || !text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c)) {
            return refused(format!(
                "its {what} `{text}` must be letters, digits and any of {more}, first a letter or digit"
            ));
        }
    }
    for (what, text) in
        [("summary", &package.summary), ("description", &package.description), ("licence", &package.license)]
    {
        if text.trim().is_empty() {
            return refused(format!("its {what} is empty"));
        }
    }
    if package.summary.contains('\n') {
        return refused("its summary has more than one line".to_owned());
    }
    let time = |time: u64| u32::try_from(time).is_ok();
    if !time(package.build_time) || !package.changelog.iter().all(|change| time(change.time)) {
        return refused("a time of it is after the year 2106, which rpm cannot tell".to_owned());
    }
    check_files(package)?;
    let lists = [&package.requires, &package.provides, &package.conflicts, &package.obsoletes];
    if lists.iter().map(|list| list.len()).sum::<usize>() + package.changelog.len() > MOST_ITEMS {
        return refused(format!("it has more than {MOST_ITEMS} dependencies and changes"));
    }
    match lists.into_iter().flatten().find(|dependency| dependency.name.is_empty()) {
        Some(_) => refused("a dependency of it has no name".to_owned()),
        None => Ok(()),
    }
}

/// The header's texts end with NUL, and all have to be UTF-8 together with a bound.
fn check_texts(package: &Builder) -> Result<(), Error> {
    let Builder { name, version, release, summary, description, license, .. } = package;
    let optional =
        [&package.url, &package.vendor, &package.bug_url, &package.packager, &package.build_host, &package.source_rpm];
    let dependencies = [&package.requires, &package.provides, &package.conflicts, &package.obsoletes];
    let of_dependency = |dependency: &Dependency| {
        let evr = dependency.evr.iter().flat_map(|evr| [Some(evr.version.clone()), evr.release.clone()]).flatten();
        std::iter::once(dependency.name.clone()).chain(evr).collect::<Vec<_>>()
    };
    let texts = [name, version, release, summary, description, license].into_iter().cloned();
    let texts = texts.chain(optional.into_iter().flatten().cloned());
    let texts = texts.chain(package.changelog.iter().flat_map(|change| [change.author.clone(), change.text.clone()]));
    let mut total = 0usize;
    for text in texts.chain(dependencies.into_iter().flatten().flat_map(of_dependency)) {
        total = total.saturating_add(text.len());
        if text.contains('\0') {
            let start: String = text.chars().take(100).collect();
            return Err(Error::NotBuildable(format!("the text {start:?} has a NUL")));
        }
    }
    if total > MOST_TEXT {
        return Err(Error::NotBuildable(format!("its texts have more than {MOST_TEXT} bytes")));
    }
    Ok(())
}

fn check_files(package: &Builder) -> Result<(), Error> {
    let refused = |reason: String| Err(Error::NotBuildable(reason));
    if package.files.len() > MOST_FILES {
        return refused(format!("it has more than {MOST_FILES} files"));
    }
    if package.files.iter().map(|file| file.contents.len()).fold(0, usize::saturating_add) > MOST_CONTENTS {
        return refused(format!("its files have more than {MOST_CONTENTS} bytes"));
    }
    let mut paths = HashSet::new();
    for file in &package.files {
        let path = file.path.as_str();
        let plain = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(char::is_control);
        if !path.strip_prefix('/').is_some_and(|path| path.split('/').all(plain)) || path.len() >= MOST_PATH {
            return refused(format!("the path {path:?} is no plain absolute path"));
        }
        if file.mode > 0o7777 {
            return refused(format!("{path} has the mode {:o}, which is more than permissions", file.mode));
        }
        if !paths.insert(path) {
            return refused(format!("{path} is there twice"));
        }
    }
    match paths.iter().find(|path| path.match_indices('/').skip(1).any(|(end, _)| paths.contains(&path[..end]))) {
        Some(path) => refused(format!("{path} lies below another file")),
        None => Ok(()),
    }
}
