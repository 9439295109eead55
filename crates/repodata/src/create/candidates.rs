//! Which files are to go into the metadata.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use rayon::prelude::*;

use super::{CreateOptions, Selection, Skipped};
use crate::Error;

/// A package that may go into the metadata.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) path: PathBuf,
    /// Relative to its folder, as it was found.
    relative: String,
    /// Where in that its file name starts.
    name_at: usize,
    /// Where it will lie.
    pub(super) href: String,
    pub(super) base: Option<String>,
    /// Size in bytes and modification time in seconds since 1970; `None` if the file was not looked at.
    pub(super) about: Option<(u64, u64)>,
}

impl Candidate {
    /// As [`crate::source::file_order`] of the path that was found.
    fn order(&self) -> (&str, &str) {
        let (folder, name) = self.relative.split_at_checked(self.name_at).unwrap_or_default();
        (name, folder)
    }
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// In the order in which packages are written.
    pub(super) packages: Vec<Candidate>,
    /// Module metadata.
    pub(super) modules: Vec<PathBuf>,
    /// What could not be looked at.
    pub(super) skipped: Vec<Skipped>,
}

/// Finds the packages; `recycled` are the locations that the metadata before have.
pub(super) fn find(dirs: &[PathBuf], options: &CreateOptions, recycled: &[String]) -> Result<Found, Error> {
    let mut all = Found::default();
    let stat = !options.update.as_ref().is_some_and(|update| update.skip_stat);
    for (number, dir) in dirs.iter().enumerate() {
        let mut found = match &options.selection {
            Selection::Walk => walk(dir, options, stat)?,
            Selection::List(names) => listed(dir, names.iter(), options, stat),
            Selection::Recycle(more) => {
                let mut found = listed(dir, recycled.iter().chain(more), options, stat);
                // A package that the metadata before name and that is gone is what this way of working is for.
                found
                    .skipped
                    .retain(|skipped| more.iter().any(|name| dir.join(name.trim_start_matches('/')) == skipped.path));
                found
            }
        };
        let base = base(options, number);
        for candidate in &mut found.packages {
            candidate.href = href(&candidate.relative, options);
            candidate.base.clone_from(&base);
        }
        found.packages.sort_unstable_by(|a, b| a.order().cmp(&b.order()));
        all.packages.append(&mut found.packages);
        all.modules.append(&mut found.modules);
        all.skipped.append(&mut found.skipped);
    }
    Ok(all)
}

/// A package's `xml:base`: what was asked for, with the volume's number in a media set.
fn base(options: &CreateOptions, number: usize) -> Option<String> {
    if !options.split {
        return options.location_base.clone();
    }
    let volume = number + 1;
    Some(match options.location_base.as_deref() {
        None | Some("") => format!("media:#{volume}"),
        Some(base) => match base.strip_suffix("//").filter(|_| base.ends_with("://")) {
            Some(scheme) => format!("{scheme}#{volume}"),
            None => format!("{base}#{volume}"),
        },
    })
}

/// Where a package will lie.
fn href(relative: &str, options: &CreateOptions) -> String {
    let mut href = relative;
    for _ in 0..options.cut_dirs {
        match href.split_once('/') {
            Some((_, rest)) => href = rest,
            None => break,
        }
    }
    match &options.location_prefix {
        None => href.to_owned(),
        Some(prefix) => format!("{}/{}", prefix.trim_end_matches('/'), href.trim_start_matches('/')),
    }
}

/// Whether a name or path is excluded. Only `*` and `?` are special, and both match slashes.
fn excluded(options: &CreateOptions, name: &str) -> bool {
    options.excludes.iter().any(|pattern| matches(pattern.as_bytes(), name.as_bytes()))
}

/// Matches by the rules of `GPatternSpec`, in time that is bounded by the product of the lengths.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where the last star stands, and what of the text it has taken.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == b'?' || text.get(t) == Some(c) => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    p = at + 1;
                    t = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern.get(p..).is_some_and(|rest| rest.iter().all(|c| *c == b'*'))
}

fn is_modules(name: &str) -> bool {
    name.contains("modules.yaml") || name.contains(".modulemd.yaml") || name.contains(".modulemd-defaults.yaml")
}

/// Size and time of a file, its link's target.
fn about(path: &Path) -> Result<(u64, u64), Error> {
    let about = fs_err::metadata(path)?;
    let time = about.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    Ok((about.len(), time.map_or(0, |time| time.as_secs())))
}

/// The packages of a list of paths, each once.
fn listed<'a>(dir: &Path, names: impl Iterator<Item = &'a String>, options: &CreateOptions, stat: bool) -> Found {
    let mut seen = HashSet::new();
    let mut found = Found::default();
    let mut paths = Vec::new();
    for name in names.filter(|name| !name.is_empty()) {
        if is_modules(name) {
            found.modules.push(dir.join(name));
        } else if !excluded(options, name) && seen.insert(name.as_str()) {
            paths.push(name.clone());
        }
    }
    gather(&mut found, dir, paths, stat);
    found
}

/// Looks at files and makes them candidates.
fn gather(found: &mut Found, dir: &Path, paths: Vec<String>, stat: bool) {
    let looked: Vec<_> = paths
        .into_par_iter()
        .map(|relative| {
            // A leading slash means the folder, not the root.
            let path = dir.join(relative.trim_start_matches('/'));
            let about = if stat { about(&path).map(Some) } else { Ok(None) };
            let name_at = relative.rfind('/').map_or(0, |slash| slash + 1);
            match about {
                Ok(about) => Ok(Candidate { path, relative, name_at, href: String::new(), base: None, about }),
                Err(error) => Err(Skipped { path, error }),
            }
        })
        .collect();
    for one in looked {
        match one {
            Ok(candidate) => found.packages.push(candidate),
            Err(skipped) => found.skipped.push(skipped),
        }
    }
}

/// Everything under a folder that is named as a package. Symbolic links are followed, but not into a loop.
fn walk(dir: &Path, options: &CreateOptions, stat: bool) -> Result<Found, Error> {
    // Told here, because what walks below would name it as one folder of many.
    fs_err::read_dir(dir)?;
    let mut found = Found::default();
    let mut paths = Vec::new();
    let mut walk = walkdir::WalkDir::new(dir).follow_links(true).into_iter();
    while let Some(entry) = walk.next() {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                let path = error.path().unwrap_or(dir).to_owned();
                // As with createrepo_c, a link that leads nowhere is no package, and one that leads back upwards no folder.
                let leads_nowhere = error.io_error().is_some_and(|error| error.kind() == ErrorKind::NotFound);
                let is_package = path.extension().is_some_and(|extension| extension == "rpm");
                if !leads_nowhere && error.loop_ancestor().is_none() && (is_package || path.is_dir()) {
                    found.skipped.push(Skipped { path, error: std::io::Error::from(error).into() });
                }
                continue;
            }
        };
        let name = entry.file_name().to_string_lossy();
        if entry.depth() > 0 && excluded(options, &name) {
            if entry.file_type().is_dir() {
                walk.skip_current_dir();
            }
            continue;
        }
        if entry.file_type().is_dir() {
            continue;
        }
        if is_modules(&name) {
            // Those in repodata/ are metadata already.
            if entry.path().parent().and_then(Path::file_name).is_none_or(|folder| folder != "repodata") {
                found.modules.push(entry.into_path());
            }
            continue;
        }
        if !name.ends_with(".rpm") || !entry.file_type().is_file() || options.skip_symlinks && entry.path_is_symlink() {
            continue;
        }
        let path = entry.path();
        match path.strip_prefix(dir).ok().and_then(Path::to_str) {
            Some(relative) if excluded(options, relative) => {}
            Some(relative) => paths.push(relative.to_owned()),
            None => {
                let error = Error::metadata(path.display().to_string(), "its name is not UTF-8; rename it");
                found.skipped.push(Skipped { path: path.to_owned(), error });
            }
        }
    }
    gather(&mut found, dir, paths, stat);
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_know_stars_and_question_marks_that_match_slashes() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("*00001234*", "a/00001234-x/y.rpm", true),
            ("*.src.rpm", "b/a.src.rpm", true),
            ("?.rpm", "a.rpm", true),
            ("?.rpm", "ab.rpm", false),
            ("[a].rpm", "a.rpm", false),
            ("a*b*c", "a/xx/b/c", true),
            ("a*b*c", "a/xx/b/cd", false),
        ] {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn volumes_of_a_media_set_have_bases_of_their_own() {
        let output = crate::Output::new(UNIX_EPOCH);
        let mut options = CreateOptions { split: true, ..CreateOptions::new(output) };
        assert_eq!(base(&options, 0).as_deref(), Some("media:#1"));
        options.location_base = Some("cd://".to_owned());
        assert_eq!(base(&options, 1).as_deref(), Some("cd:#2"));
        options.location_base = Some("http://x".to_owned());
        assert_eq!(base(&options, 1).as_deref(), Some("http://x#2"));
    }

    #[test]
    fn locations_lose_folders_and_get_a_prefix() {
        let output = crate::Output::new(UNIX_EPOCH);
        let options =
            CreateOptions { cut_dirs: 1, location_prefix: Some("p/".to_owned()), ..CreateOptions::new(output) };
        assert_eq!(href("a/b/c.rpm", &options), "p/b/c.rpm");
        assert_eq!(href("c.rpm", &options), "p/c.rpm");
    }
}
