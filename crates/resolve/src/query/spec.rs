//! How people name packages on a command line, as dnf reads it (`dnf(8)`, "SPECIFYING PACKAGES"; hawkey's `Subject`).
//!
//! A text is tried as name-epoch:version-release.arch, name.arch, name, name-epoch:version-release and
//! name-epoch:version, in this order; the first form that some package has counts. Then it may be a pattern over full
//! names, a capability, and the path of a file.

use std::collections::{BTreeMap, HashMap};

use copr_rpm::{Dependency, DependencyKind};

use super::glob::{Glob, is_pattern};
use crate::{PackageId, Pool, Str};

/// Packages that own files, by the path or pattern that was asked for. Whoever reads file lists fills it in: a pool has
/// only paths that dependencies name.
pub type FileOwners = BTreeMap<String, Vec<PackageId>>;

/// What a text may mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meaning {
    /// A capability that packages provide.
    pub provides: bool,
    /// A path or a pattern of paths.
    pub files: bool,
    /// Source packages, and those for other architectures.
    pub any_arch: bool,
    /// Names whatever the case of their letters.
    pub ignore_case: bool,
}

impl Meaning {
    /// As `dnf install` understands it.
    pub const INSTALL: Self = Self { provides: true, files: true, any_arch: false, ignore_case: false };
    /// As `dnf repoquery` understands it.
    pub const QUERY: Self = Self { provides: false, files: true, any_arch: true, ignore_case: true };
    /// Names alone, as dnf reads the arguments of `--whatrequires` besides capabilities.
    pub const NAMES: Self = Self { provides: false, files: false, any_arch: true, ignore_case: false };
}

/// The form in which a text names packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `name-[epoch:]version-release.arch`
    Nevra,
    /// `name.arch`
    NameArch,
    /// `name`
    Name,
    /// `name-[epoch:]version-release`
    Nevr,
    /// `name-[epoch:]version`
    Nev,
    /// A pattern over full names.
    Pattern,
    /// A capability.
    Capability,
    /// A path, or a pattern of paths.
    File,
}

impl Form {
    const NAMES: [Self; 5] = [Self::Nevra, Self::NameArch, Self::Name, Self::Nevr, Self::Nev];
}

/// Packages that a text names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// How the text was understood.
    pub form: Form,
    /// The packages, ascending; at least one.
    pub packages: Vec<PackageId>,
}

/// Whether a text is the path of a file, or a pattern of paths.
#[must_use]
pub fn is_file(text: &str) -> bool {
    text.starts_with('/') || text.starts_with("*/")
}

/// The packages that `text` names; `None` where it names none.
#[must_use]
pub fn named(pool: &Pool, text: &str, meaning: Meaning, owners: &FileOwners) -> Option<Named> {
    let fits = |id: &PackageId| meaning.any_arch || pool.installable(*id);
    for form in Form::NAMES {
        let Some(parts) = Parts::read(text, form) else { continue };
        let packages: Vec<PackageId> = parts.packages(pool, meaning.ignore_case).into_iter().filter(fits).collect();
        if !packages.is_empty() {
            return Some(Named { form, packages });
        }
    }
    if is_pattern(text) {
        let glob = Glob::new(text, false);
        let full = |id: &PackageId| {
            let nevra = pool.nevra(*id);
            glob.matches(&nevra.to_string())
                || (nevra.epoch == 0 && text.contains(':') && glob.matches(&with_epoch(&nevra)))
        };
        let packages: Vec<PackageId> = pool.ids().filter(fits).filter(full).collect();
        if !packages.is_empty() {
            return Some(Named { form: Form::Pattern, packages });
        }
    }
    if meaning.provides {
        let packages = providing(pool, text);
        if !packages.is_empty() {
            return Some(Named { form: Form::Capability, packages });
        }
    }
    if meaning.files && is_file(text) {
        let packages: Vec<PackageId> = owners.get(text).into_iter().flatten().copied().filter(fits).collect();
        if !packages.is_empty() {
            return Some(Named { form: Form::File, packages });
        }
    }
    None
}

fn with_epoch(nevra: &copr_rpm::Nevra) -> String {
    let copr_rpm::Nevra { name, epoch, version, release, arch } = nevra;
    format!("{name}-{epoch}:{version}-{release}.{arch}")
}

/// The packages that provide a capability, `name`, `name >= version`, or a pattern of names; ascending. Nothing for a text
/// that is no dependency.
#[must_use]
pub fn providing(pool: &Pool, text: &str) -> Vec<PackageId> {
    let Ok(wanted) = text.parse::<Dependency>() else { return Vec::new() };
    if wanted.name.starts_with('(') {
        return Vec::new();
    }
    if !is_pattern(&wanted.name) {
        return pool.providers_of(&wanted);
    }
    let mut names = NamePattern::new(&wanted.name);
    let fits = |id: &PackageId| {
        pool.list(*id, DependencyKind::Provides).iter().any(|cap| {
            names.matches(pool, pool.cap(*cap).name) && wanted.matches(&renamed(pool.dependency(*cap), &wanted))
        })
    };
    pool.ids().filter(|id| pool.installable(*id)).filter(fits).collect()
}

/// A capability under the name that is asked for, to compare versions alone.
fn renamed(mut capability: Dependency, wanted: &Dependency) -> Dependency {
    capability.name.clone_from(&wanted.name);
    capability
}

/// A pattern that is compared with each interned text once.
pub(super) struct NamePattern {
    glob: Glob,
    known: HashMap<Str, bool>,
}

impl NamePattern {
    pub(super) fn new(pattern: &str) -> Self {
        Self { glob: Glob::new(pattern, false), known: HashMap::new() }
    }

    pub(super) fn matches(&mut self, pool: &Pool, name: Str) -> bool {
        *self.known.entry(name).or_insert_with(|| self.glob.matches(pool.text(name)))
    }
}

/// A text taken apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Parts<'a> {
    name: &'a str,
    epoch: Option<u32>,
    version: Option<&'a str>,
    release: Option<&'a str>,
    arch: Option<&'a str>,
}

impl<'a> Parts<'a> {
    fn read(text: &'a str, form: Form) -> Option<Self> {
        if text.contains([' ', '(', '/', '=', '<', '>']) {
            return None;
        }
        let (mut rest, mut parts) = (text, Self::default());
        if matches!(form, Form::Nevra | Form::NameArch) {
            let (before, arch) = rest.rsplit_once('.').filter(|(_, arch)| !arch.contains(['-', ':']))?;
            (rest, parts.arch) = (before, Some(arch));
        }
        if matches!(form, Form::Nevra | Form::Nevr) {
            let (before, release) = rest.rsplit_once('-').filter(|(_, release)| !release.contains(':'))?;
            (rest, parts.release) = (before, Some(release));
        }
        if matches!(form, Form::Nevra | Form::Nevr | Form::Nev) {
            let (before, version) = rest.rsplit_once('-')?;
            let (epoch, version) = match version.split_once(':') {
                Some((epoch, version)) => (Some(epoch.parse().ok()?), version),
                None => (None, version),
            };
            (rest, parts.epoch, parts.version) = (before, epoch, Some(version));
        }
        parts.name = rest;
        let written = [Some(rest), parts.version, parts.release, parts.arch];
        (!rest.contains(':') && !written.contains(&Some("")) && !parts.version.is_some_and(|v| v.contains(':')))
            .then_some(parts)
    }

    fn packages(&self, pool: &Pool, ignore_case: bool) -> Vec<PackageId> {
        let part = |text: Option<&str>| text.map(|text| Glob::new(text, false));
        let (version, release, arch) = (part(self.version), part(self.release), part(self.arch));
        let rest = |id: &PackageId| {
            if let Some(arch) = &arch
                && !arch.matches(pool.text(pool.arch_of(*id)))
            {
                return false;
            }
            if self.epoch.is_none() && version.is_none() && release.is_none() {
                return true;
            }
            let nevra = pool.nevra(*id);
            self.epoch.is_none_or(|epoch| epoch == nevra.epoch)
                && version.as_ref().is_none_or(|version| version.matches(&nevra.version))
                && release.as_ref().is_none_or(|release| release.matches(&nevra.release))
        };
        if !is_pattern(self.name) && !ignore_case && pool.find(self.name).is_none() {
            return Vec::new();
        }
        let exact = if is_pattern(self.name) || ignore_case { None } else { pool.find(self.name) };
        let mut names: HashMap<Str, bool> = HashMap::new();
        let glob = Glob::new(self.name, ignore_case);
        let named = |id: &PackageId| match exact {
            Some(name) => pool.name(*id) == name,
            None => {
                let name = pool.name(*id);
                *names.entry(name).or_insert_with(|| glob.matches(pool.text(name)))
            }
        };
        pool.ids().filter(named).filter(rest).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_taken_apart_by_form() {
        let full = Parts {
            name: "gtk+-3",
            epoch: Some(1),
            version: Some("1.0"),
            release: Some("2.fc44"),
            arch: Some("noarch"),
        };
        assert_eq!(Parts::read("gtk+-3-1:1.0-2.fc44.noarch", Form::Nevra), Some(full));
        let short = Parts { name: "a-b", version: Some("1"), ..Parts::default() };
        assert_eq!(Parts::read("a-b-1", Form::Nev), Some(short));
        let arch = Parts { name: "python3.12", arch: Some("x86_64"), ..Parts::default() };
        assert_eq!(Parts::read("python3.12.x86_64", Form::NameArch), Some(arch));
        for (text, form) in
            [("a", Form::Nevra), ("a b", Form::Name), ("/a", Form::Name), ("a-x:1", Form::Nev), ("", Form::Name)]
        {
            assert_eq!(Parts::read(text, form), None, "{text:?}");
        }
    }
}
