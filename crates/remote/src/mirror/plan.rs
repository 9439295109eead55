//! Which packages a mirror is to have.

use std::{
    collections::{HashMap, hash_map::Entry},
    path::Path,
};

use copr_repodata::{Checksum, read};
use copr_rpm::Nevra;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use super::{error::MirrorError, work::FOLDER};
use crate::{
    error::{Error, cut},
    url::RepoUrl,
};

/// Packages that a repository may have.
const MAX_PACKAGES: usize = 4_000_000;

/// Which packages are wanted. A package has to meet all that is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Filter {
    /// Architectures, as packages have them (`src` for sources); empty for all.
    pub arches: Vec<String>,
    /// Patterns as dnf takes them (`bash`, `bash*`, `*.noarch`, `bash-5.2-1.x86_64`); one has to match. Empty for all.
    pub include: Vec<String>,
    /// Patterns of which none may match.
    pub exclude: Vec<String>,
    /// Whether only the newest version of each name and architecture is wanted.
    pub newest_only: bool,
}

impl Filter {
    /// Whether everything is wanted.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }
}

/// A package that the mirror is to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Package {
    /// Relative to the mirror; of files, that is with `%XX` resolved.
    pub(crate) path: String,
    /// Relative to the source, as its metadata have it.
    pub(crate) href: String,
    pub(crate) checksum: Checksum,
    pub(crate) size: Option<u64>,
    /// Seconds since 1970.
    pub(crate) time: u64,
}

/// All that the mirror is to have.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) packages: Vec<Package>,
    /// Patterns for [`copr_repodata::subset`], one a package; only for filtered mirrors.
    pub(crate) names: Vec<String>,
    /// Packages of the source.
    pub(crate) of: usize,
    /// Packages that the source has elsewhere (`xml:base`); they stay there.
    pub(crate) elsewhere: usize,
    /// Patterns that no package matches.
    pub(crate) unmatched: Vec<String>,
}

/// Reads primary metadata and chooses.
pub(crate) fn plan(primary: &Path, filter: &Filter, package_limit: u64) -> Result<Plan, MirrorError> {
    let include = Patterns::new(&filter.include)?;
    let exclude = Patterns::new(&filter.exclude)?;
    let filtered = !filter.is_everything();
    let mut seen = vec![false; filter.include.len()];
    let mut plan = Plan::default();
    let mut chosen: Vec<(Nevra, Option<Package>)> = Vec::new();
    let mut failed = None;
    read::each_primary(read::open(primary)?, |view| {
        plan.of += 1;
        let stop = |error: MirrorError, failed: &mut Option<MirrorError>| {
            let text = error.to_string();
            *failed = Some(error);
            Err(copr_repodata::Error::Metadata { what: "primary".to_owned(), reason: text })
        };
        if plan.of > MAX_PACKAGES {
            return stop(MirrorError::Options(format!("it has over {MAX_PACKAGES} packages")), &mut failed);
        }
        let nevra = if filtered { view.nevra.to_nevra() } else { Nevra::default() };
        if filtered {
            let spellings = nevra.spellings();
            let of_arch = filter.arches.is_empty() || filter.arches.contains(&nevra.arch);
            let named = include.matches(&spellings, Some(&mut seen)) || include.is_empty();
            if !of_arch || !named || exclude.matches(&spellings, None) {
                return Ok(());
            }
        }
        let package = if view.location_base.is_empty() {
            let checksum =
                view.checksum_type.text().parse().and_then(|kind| Checksum::new(kind, &view.checksum.text()))?;
            let href = view.location_href.text().into_owned();
            let path = match place(&href) {
                Ok(path) => path,
                Err(error) => return stop(error.into(), &mut failed),
            };
            let size = Some(view.size_package).filter(|size| *size > 0);
            if let Some(size) = size.filter(|size| *size > package_limit) {
                let error =
                    Error::Metadata { url: cut(&href), reason: format!("a package of {size} bytes is refused") };
                return stop(error.into(), &mut failed);
            }
            Some(Package { path, href, checksum, size, time: view.time_file })
        } else {
            plan.elsewhere += 1;
            None
        };
        chosen.push((nevra, package));
        Ok(())
    })
    .map_err(|error| failed.take().unwrap_or(MirrorError::Repodata(error)))?;
    if filter.newest_only {
        keep_newest(&mut chosen);
    }
    if filtered {
        plan.names = chosen.iter().map(|(nevra, _)| exact(nevra)).collect();
        plan.names.dedup();
        plan.elsewhere = chosen.iter().filter(|(_, package)| package.is_none()).count();
    }
    let mut at: HashMap<String, usize> = HashMap::with_capacity(chosen.len());
    for package in chosen.into_iter().filter_map(|(_, package)| package) {
        match at.entry(package.path.clone()) {
            Entry::Vacant(entry) => {
                entry.insert(plan.packages.len());
                plan.packages.push(package);
            }
            Entry::Occupied(entry) => {
                let same = plan.packages.get(*entry.get()).is_some_and(|other| other.checksum == package.checksum);
                if !same {
                    let reason = "two packages are to be at this place".to_owned();
                    return Err(Error::Metadata { url: package.path, reason }.into());
                }
            }
        }
    }
    plan.unmatched = filter.include.iter().zip(seen).filter(|(_, seen)| !seen).map(|(text, _)| text.clone()).collect();
    Ok(plan)
}

/// Where a package goes: below the mirror, and not among what is ours or the metadata's.
pub(crate) fn place(href: &str) -> Result<String, Error> {
    let refused = |reason| Error::Refused { repository: "the mirror".to_owned(), location: cut(href), reason };
    let path = RepoUrl::relative(href)?;
    let path = path.to_str().ok_or_else(|| refused("it is no UTF-8"))?;
    let first = path.split('/').next().unwrap_or_default();
    if first == FOLDER || first == "repodata" || first == ".repodata" {
        return Err(refused("no package can lie there"));
    }
    Ok(path.to_owned())
}

/// The pattern that only this name matches.
fn exact(nevra: &Nevra) -> String {
    let Nevra { name, epoch, version, release, arch } = nevra;
    globset::escape(&format!("{name}-{epoch}:{version}-{release}.{arch}"))
}

struct Patterns(GlobSet);

impl Patterns {
    fn new(written: &[String]) -> Result<Self, MirrorError> {
        let wrong = |error: globset::Error| MirrorError::Options(error.to_string());
        let mut builder = GlobSetBuilder::new();
        for pattern in written {
            builder.add(GlobBuilder::new(pattern).literal_separator(false).build().map_err(wrong)?);
        }
        Ok(Self(builder.build().map_err(wrong)?))
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one matches one of the texts; notes in `seen` which do.
    fn matches(&self, texts: &[String], mut seen: Option<&mut Vec<bool>>) -> bool {
        if self.is_empty() {
            return false;
        }
        let mut any = false;
        for text in texts {
            for index in self.0.matches(text) {
                any = true;
                if let Some(seen) = seen.as_mut().and_then(|seen| seen.get_mut(index)) {
                    *seen = true;
                }
            }
        }
        any
    }
}

/// Keeps of every name and architecture the newest version.
fn keep_newest(chosen: &mut Vec<(Nevra, Option<Package>)>) {
    let mut newest: HashMap<(String, String), copr_rpm::Evr> = HashMap::new();
    for (nevra, _) in &*chosen {
        let key = (nevra.name.clone(), nevra.arch.clone());
        match newest.entry(key) {
            Entry::Vacant(entry) => drop(entry.insert(nevra.evr())),
            Entry::Occupied(mut entry) if nevra.evr() > *entry.get() => drop(entry.insert(nevra.evr())),
            Entry::Occupied(_) => {}
        }
    }
    chosen.retain(|(nevra, _)| {
        newest.get(&(nevra.name.clone(), nevra.arch.clone())).is_some_and(|best| *best == nevra.evr())
    });
}

#[cfg(test)]
mod tests {
    use copr_repodata::{ChecksumKind, Output, Publisher, Record};

    use super::*;

    fn record(nevra: &str, href: &str) -> Record {
        let nevra: Nevra = nevra.parse().unwrap();
        let (checksum, size_package) = Checksum::of(ChecksumKind::Sha256, nevra.to_string().as_bytes()).unwrap();
        Record { nevra, checksum, size_package, location_href: href.to_owned(), ..Record::default() }
    }

    fn planned(records: &[Record], filter: &Filter) -> Result<Plan, MirrorError> {
        let dir = tempfile::tempdir().unwrap();
        Publisher::new(dir.path(), Output::new(std::time::UNIX_EPOCH)).replace(records).unwrap();
        let index = copr_repodata::Repomd::open(&dir.path().join("repodata/repomd.xml")).unwrap();
        let primary = dir.path().join(&index.record("primary").unwrap().location_href);
        plan(&primary, filter, 1000)
    }

    fn paths(plan: &Plan) -> Vec<&str> {
        plan.packages.iter().map(|package| package.path.as_str()).collect()
    }

    fn four() -> Vec<Record> {
        ["a-1-1.x86_64", "a-2-1.x86_64", "a-2-1.src", "b-1-1.noarch"].map(|n| record(n, &format!("{n}.rpm"))).to_vec()
    }

    #[test]
    fn filters_are_met_all_together() {
        let everything = planned(&four(), &Filter::default()).unwrap();
        assert_eq!((everything.packages.len(), everything.of, everything.names.len()), (4, 4, 0));
        let words = |words: &[&str]| words.iter().map(ToString::to_string).collect();
        let filter = Filter { newest_only: true, exclude: words(&["*.src"]), ..Filter::default() };
        let plan = planned(&four(), &filter).unwrap();
        assert_eq!(paths(&plan), ["a-2-1.x86_64.rpm", "b-1-1.noarch.rpm"]);
        assert_eq!(plan.names, ["a-0:2-1.x86_64", "b-0:1-1.noarch"]);
        let filter = Filter { arches: words(&["x86_64"]), include: words(&["a-1", "zz"]), ..Filter::default() };
        let plan = planned(&four(), &filter).unwrap();
        assert_eq!((paths(&plan), &plan.unmatched), (vec!["a-1-1.x86_64.rpm"], &words(&["zz"])));
    }

    #[test]
    fn packages_do_not_lie_where_they_must_not() {
        for href in ["../a.rpm", "/a.rpm", "repodata/repomd.xml", ".copr-mirror/verified", "%2e%2e/a.rpm", "a/%2E%2E/b"]
        {
            let found = planned(&[record("a-1-1.x86_64", href)], &Filter::default());
            assert!(matches!(found, Err(MirrorError::Remote(Error::Refused { .. }))), "{href}: {found:?}");
        }
    }

    #[test]
    fn two_packages_cannot_have_one_place() {
        let mut records = vec![record("a-1-1.x86_64", "x.rpm"), record("b-1-1.x86_64", "./x.rpm")];
        assert!(planned(&records, &Filter::default()).is_err());
        records[1].checksum = records[0].checksum.clone();
        assert_eq!(planned(&records, &Filter::default()).unwrap().packages.len(), 1);
    }

    #[test]
    fn a_package_with_a_base_stays_where_it_is() {
        let mut records = four();
        records[0].location_base = Some("http://elsewhere.example/".to_owned());
        let plan = planned(&records, &Filter::default()).unwrap();
        assert_eq!((plan.packages.len(), plan.elsewhere), (3, 1));
    }
}
