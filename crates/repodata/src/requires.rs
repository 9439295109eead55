//! Which of a package's requirements repodata list.
//!
//! `createrepo_c` leaves out what every client would resolve without help. The rules are odd in places and kept
//! exactly, so that our metadata and its are the same bytes.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use copr_rpm::{Dependency, DependencyText, vercmp};

use crate::File;
use crate::record::{as_written, is_primary_path};

/// What a dependency is compared by: name, comparison and version as written.
fn spelling<'a>(dependency: &'a DependencyText<'_>) -> (&'a str, &'static str, &'a str) {
    let comparison = dependency.flags.comparison().map_or("", |comparison| comparison.word());
    (&dependency.name, comparison, &dependency.version)
}

/// Filters the requirements of a header: without `rpmlib(...)`, without primary files of the package's own, without
/// what it provides in the same words, without repetitions of the last one of the same name; of all `libc.so.6`
/// versions only the highest, at the end. Returns requirements, and those that are weak in the old style, all as
/// metadata have them.
pub(crate) fn filter(
    requires: &[DependencyText<'_>],
    provides: &[DependencyText<'_>],
    files: &[File],
) -> (Vec<Dependency>, Vec<Dependency>) {
    let own_files = own_files(requires, files);
    let mut provided: Vec<_> = provides.iter().map(spelling).collect();
    provided.sort_unstable();
    let mut last_seen: HashMap<&str, &DependencyText<'_>> = HashMap::with_capacity(requires.len());
    let (mut kept, mut weak) = (Vec::with_capacity(requires.len()), Vec::new());
    let mut libc: Option<&DependencyText<'_>> = None;
    for dependency in requires {
        let name = dependency.name.as_ref();
        if name.starts_with("rpmlib(") || name.starts_with('/') && own_files.binary_search(&name).is_ok() {
            continue;
        }
        if provided.binary_search(&spelling(dependency)).is_ok() {
            continue;
        }
        let last = last_seen.entry(name);
        if let Entry::Occupied(last) = &last {
            let last = last.get();
            if spelling(last) == spelling(dependency) && last.flags.pre() == dependency.flags.pre() {
                continue;
            }
        }
        if dependency.flags.missing_ok() {
            weak.extend(dependency.clone().parse().and_then(as_written));
        } else if name.starts_with("libc.so.6") {
            if libc.is_none_or(|highest| is_higher_libc(&highest.name, name)) {
                libc = Some(dependency);
            }
        } else if let Some(requirement) = dependency.clone().parse() {
            last.insert_entry(dependency);
            kept.extend(requirement_as_written(requirement));
        }
    }
    kept.extend(libc.and_then(|libc| requirement_as_written(libc.clone().parse()?)));
    (kept, weak)
}

/// A requirement also says whether it is needed before the installation.
fn requirement_as_written(requirement: Dependency) -> Option<Dependency> {
    let pre = requirement.flags.pre();
    let mut written = as_written(requirement)?;
    if pre {
        written.flags = written.flags.with_pre();
    }
    Some(written)
}

/// The required primary files that the package has itself, sorted. Most packages require few files, so these are looked
/// for among their own, and not the other way round.
fn own_files<'a>(requires: &'a [DependencyText<'_>], files: &[File]) -> Vec<&'a str> {
    let names = requires.iter().map(|requirement| requirement.name.as_ref());
    let mut wanted: Vec<&str> = names.filter(|name| name.starts_with('/') && is_primary_path(name)).collect();
    if wanted.is_empty() {
        return wanted;
    }
    wanted.sort_unstable();
    wanted.dedup();
    let mut own: Vec<&str> = Vec::new();
    for file in files {
        if let Ok(found) = wanted.binary_search(&file.path.as_str()) {
            own.extend(wanted.get(found));
        }
    }
    own.sort_unstable();
    own
}

/// Whether the second of two `libc.so.6(GLIBC_2.34)(64bit)` names a higher version than the first.
fn is_higher_libc(first: &str, second: &str) -> bool {
    /// How much a name tells: nothing, an opened parenthesis, a closed one, with content, with a version.
    fn version(name: &str) -> (u8, &str) {
        let Some((_, inside)) = name.split_once('(') else { return (0, "") };
        let Some((inside, _)) = inside.split_once(')') else { return (1, "") };
        if inside.is_empty() {
            return (2, "");
        }
        match inside.find(|c: char| c.is_ascii_digit()) {
            None => (3, ""),
            Some(start) => (4, inside.split_at(start).1),
        }
    }
    let ((first_kind, first), (second_kind, second)) = (version(first), version(second));
    match second_kind.cmp(&first_kind) {
        Ordering::Equal => vercmp(second, first) == Ordering::Greater,
        order => order == Ordering::Greater,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list<'a>(texts: &[&'a str]) -> Vec<DependencyText<'a>> {
        let text = |text: &'a str| {
            let (name, version) =
                text.rsplit_once(' ').map_or((text, ""), |(rest, v)| (rest.split(' ').next().unwrap(), v));
            let flags = text.parse::<Dependency>().unwrap().flags;
            DependencyText { name: name.into(), flags, version: version.into() }
        };
        texts.iter().copied().map(text).collect()
    }

    fn filtered(requires: &[&str], provides: &[&str], files: &[&str]) -> Vec<String> {
        let files: Vec<_> = files.iter().map(|p| File { path: (*p).to_owned(), ..File::default() }).collect();
        filter(&list(requires), &list(provides), &files).0.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn rpmlib_own_provides_and_own_primary_files_are_left_out() {
        let requires = ["rpmlib(X) <= 4", "me = 1-1", "me = 2", "/usr/bin/me", "/usr/share/me", "/bin/sh"];
        let kept = filtered(&requires, &["me = 1-1"], &["/usr/bin/me", "/usr/share/me"]);
        assert_eq!(kept, ["me = 0:2", "/usr/share/me", "/bin/sh"]);
    }

    #[test]
    fn only_the_last_seen_of_a_name_counts_as_repetition() {
        assert_eq!(filtered(&["a = 1", "a = 1", "a = 2", "a = 1"], &[], &[]), ["a = 0:1", "a = 0:2", "a = 0:1"]);
    }

    #[test]
    fn the_highest_libc_alone_is_kept_and_comes_last() {
        let requires = ["libc.so.6()(64bit)", "libc.so.6(GLIBC_2.4)(64bit)", "libc.so.6(GLIBC_2.34)(64bit)", "b"];
        assert_eq!(filtered(&requires, &[], &[]), ["b", "libc.so.6(GLIBC_2.34)(64bit)"]);
    }

    #[test]
    fn a_missing_ok_requirement_is_weak() {
        let mut requires = list(&["a"]);
        requires[0].flags = copr_rpm::DependencyFlags::new(1 << 19);
        let (kept, weak) = filter(&requires, &[], &[]);
        assert!(kept.is_empty());
        assert_eq!(weak.len(), 1);
    }
}
