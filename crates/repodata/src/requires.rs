//! Which of a package's requirements repodata list.
//!
//! `createrepo_c` leaves out what every client would resolve without help. The rules are odd in places and kept
//! exactly, so that our metadata and its are the same bytes.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use copr_rpm::{Comparison, Dependency, FileEntry, vercmp};

use crate::record::is_primary_path;

/// What a dependency is compared by: name, comparison, version as written.
type Spelling = (String, Option<Comparison>, String);

fn spelling(dependency: &Dependency) -> Spelling {
    let version = dependency.evr.as_ref().map(ToString::to_string).unwrap_or_default();
    (dependency.name.clone(), dependency.flags.comparison(), version)
}

/// Filters the requirements of a header: without `rpmlib(...)`, without primary files of the package's own, without
/// what it provides in the same words, without repetitions of the last one of the same name; of all `libc.so.6`
/// versions only the highest, at the end. Returns requirements, and those that are weak in the old style.
pub(crate) fn filter(
    requires: Vec<Dependency>,
    provides: &[Dependency],
    files: &[FileEntry],
) -> (Vec<Dependency>, Vec<Dependency>) {
    let own_files: HashSet<&str> = files.iter().map(|f| f.path.as_str()).filter(|p| is_primary_path(p)).collect();
    let provided: HashSet<Spelling> = provides.iter().map(spelling).collect();
    let mut last_seen: HashMap<String, (Spelling, bool)> = HashMap::new();
    let (mut kept, mut weak) = (Vec::with_capacity(requires.len()), Vec::new());
    let mut libc: Option<Dependency> = None;
    for dependency in requires {
        let name = dependency.name.as_str();
        if name.starts_with("rpmlib(") || name.starts_with('/') && own_files.contains(name) {
            continue;
        }
        let key = (spelling(&dependency), dependency.flags.pre());
        if provided.contains(&key.0) || last_seen.get(name) == Some(&key) {
            continue;
        }
        if dependency.flags.missing_ok() {
            weak.push(dependency);
        } else if name.starts_with("libc.so.6") {
            match &libc {
                Some(highest) if !is_higher_libc(&highest.name, name) => {}
                _ => libc = Some(dependency),
            }
        } else {
            last_seen.insert(name.to_owned(), key);
            kept.push(dependency);
        }
    }
    kept.extend(libc);
    (kept, weak)
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

    fn list(texts: &[&str]) -> Vec<Dependency> {
        texts.iter().map(|t| t.parse().unwrap()).collect()
    }

    fn filtered(requires: &[&str], provides: &[&str], files: &[&str]) -> Vec<String> {
        let files: Vec<_> = files.iter().map(|p| FileEntry { path: (*p).to_owned(), ..FileEntry::default() }).collect();
        filter(list(requires), &list(provides), &files).0.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn rpmlib_own_provides_and_own_primary_files_are_left_out() {
        let requires = ["rpmlib(X) <= 4", "me = 1-1", "me = 2", "/usr/bin/me", "/usr/share/me", "/bin/sh"];
        let kept = filtered(&requires, &["me = 1-1"], &["/usr/bin/me", "/usr/share/me"]);
        assert_eq!(kept, ["me = 2", "/usr/share/me", "/bin/sh"]);
    }

    #[test]
    fn only_the_last_seen_of_a_name_counts_as_repetition() {
        assert_eq!(filtered(&["a = 1", "a = 1", "a = 2", "a = 1"], &[], &[]), ["a = 1", "a = 2", "a = 1"]);
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
        let (kept, weak) = filter(requires, &[], &[]);
        assert!(kept.is_empty());
        assert_eq!(weak.len(), 1);
    }
}
