//! Which of a build's packages stand in the way of the distribution's own: dnf would take them instead, or they pass for its own.

use std::collections::HashMap;

use copr_api::builder::{MOST_SHADOWS, ResultFile, Shadow, ShadowCheck, ShadowKind};
use copr_repodata::Record;
use copr_resolve::{
    PackageId, Packages, Pool, RepositoryInfo, Str,
    chain::overlap::{Overlap, Relation, overlaps},
};
use copr_rpm::{DependencyKind, Nevra};

use crate::{
    engine::{Failure, Work, blocking},
    repositories::Repositories,
    results::Claims,
};

/// Most of them that the message of a failed build names.
const MOST_NAMED: usize = 5;

impl Work<'_> {
    /// Compares what was made with the distribution, and tells of it in the log.
    ///
    /// # Errors
    /// Only where the task says that no such package may be built.
    pub(crate) async fn shadows(
        &self,
        repositories: Repositories,
        made: Vec<(ResultFile, Claims)>,
    ) -> Result<Vec<Shadow>, Failure> {
        let check = self.task.settings.shadow_check;
        if check == ShadowCheck::Off {
            return Ok(Vec::new());
        }
        let found = blocking(move || {
            let distribution = repositories.of_distribution();
            found(repositories.into_pool(), &distribution, &made)
        });
        let found = found.await?.map_err(|error| Failure::machine(error.to_string()))?;
        for shadow in &found {
            self.logs.say(&format!("Warning: {shadow}"));
        }
        let refused: Vec<String> = found.iter().filter(|shadow| shadow.is_refused()).map(ToString::to_string).collect();
        if check != ShadowCheck::Refuse || refused.is_empty() {
            return Ok(found);
        }
        let more = match refused.len().saturating_sub(MOST_NAMED) {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        let named: Vec<String> = refused.into_iter().take(MOST_NAMED).collect();
        Err(Failure::User(format!("the project does not allow this: {}{more}", named.join("; "))))
    }
}

/// What stands in the way of what: first what may fail a build, each by name, [`MOST_SHADOWS`] at most. Source packages never do.
fn found(
    mut pool: Pool,
    distribution: &[usize],
    made: &[(ResultFile, Claims)],
) -> Result<Vec<Shadow>, copr_repodata::Error> {
    let records: Vec<Record> = made.iter().filter(|(file, _)| !file.arch.ends_with("src")).map(record).collect();
    let ours = pool.add(RepositoryInfo::new("results", "file:///"), Packages::from_records(&records)?)?;
    let mut theirs: HashMap<Str, PackageId> = HashMap::new();
    let mut vendors: HashMap<Str, PackageId> = HashMap::new();
    for id in distribution.iter().flat_map(|repository| pool.ids_of(*repository)) {
        theirs.entry(pool.name(id)).or_insert(id);
        vendors.entry(pool.vendor(id)).or_insert(id);
    }
    let shadow = |package: PackageId, other: PackageId, kind: ShadowKind| Shadow {
        package: pool.nevra(package).to_string(),
        other: match kind {
            ShadowKind::Vendor => pool.text(pool.vendor(other)).to_owned(),
            _ => pool.nevra(other).to_string(),
        },
        repository: pool.repository_info(other).map(|info| info.id.clone()).unwrap_or_default(),
        kind,
    };
    let all: Vec<Overlap> = overlaps(&pool, ours, distribution).into_iter().flat_map(|of| of.list).collect();
    let mut shadows = Vec::new();
    for (package, other) in newer(&pool, &all) {
        shadows.push(shadow(package, other, ShadowKind::Newer));
    }
    for package in pool.ids_of(ours) {
        let vendor = pool.vendor(package);
        if let Some(other) = vendors.get(&vendor).filter(|_| !pool.text(vendor).is_empty()) {
            shadows.push(shadow(package, *other, ShadowKind::Vendor));
        }
    }
    let obsoleted = |overlap: &&Overlap| matches!(overlap.relation, Relation::Obsoletes(_));
    for overlap in all.iter().filter(obsoleted) {
        shadows.push(shadow(overlap.package, overlap.other, ShadowKind::Obsoletes));
    }
    for package in pool.ids_of(ours) {
        for cap in pool.list(package, DependencyKind::Provides) {
            let name = pool.cap(*cap).name;
            let known = all.iter().any(|overlap| overlap.package == package && pool.name(overlap.other) == name);
            if let Some(other) = theirs.get(&name).filter(|_| name != pool.name(package) && !known) {
                shadows.push(shadow(package, *other, ShadowKind::Provides));
            }
        }
    }
    shadows.truncate(MOST_SHADOWS);
    Ok(shadows)
}

/// Packages that are newer than the newest of their name that any of the distribution's repositories has, and that one.
fn newer(pool: &Pool, all: &[Overlap]) -> Vec<(PackageId, PackageId)> {
    let mut best: Vec<&Overlap> = Vec::new();
    for overlap in all.iter().filter(|overlap| !matches!(overlap.relation, Relation::Obsoletes(_))) {
        match best.iter_mut().find(|known| known.package == overlap.package) {
            Some(known) if pool.compare_evr(pool.evr(overlap.other), pool.evr(known.other)).is_gt() => *known = overlap,
            Some(_) => {}
            None => best.push(overlap),
        }
    }
    let newer = best.into_iter().filter(|overlap| overlap.relation == Relation::Newer);
    newer.map(|overlap| (overlap.package, overlap.other)).collect()
}

/// What is compared of a package.
fn record((file, claims): &(ResultFile, Claims)) -> Record {
    let ResultFile { name, epoch, version, release, arch, .. } = file.clone();
    let list = |texts: &[String]| texts.iter().filter_map(|text| text.parse().ok()).collect();
    Record {
        nevra: Nevra { name, epoch, version, release, arch },
        vendor: claims.vendor.clone(),
        obsoletes: list(&claims.obsoletes),
        provides: list(&claims.provides),
        ..Record::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(nevra: &str, vendor: &str, obsoletes: &[&str], provides: &[&str]) -> (ResultFile, Claims) {
        let Nevra { name, epoch, version, release, arch } = nevra.parse().unwrap();
        let file = format!("{name}-{version}-{release}.{arch}.rpm");
        let file = ResultFile { file, size: 1, sha256: String::new(), name, epoch, version, release, arch };
        let list = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        (file, Claims { vendor: vendor.to_owned(), obsoletes: list(obsoletes), provides: list(provides) })
    }

    /// What is told of these beside a distribution with updates, and a project that has everything in the highest version.
    fn told(made: &[(ResultFile, Claims)]) -> Vec<(String, bool)> {
        let mut pool = Pool::new("x86_64");
        let repositories = [
            ("fedora", &["bash-5.1-1.x86_64", "zlib-1-1.x86_64", "tzdata-2026-1.noarch", "perl-5-1.x86_64"][..]),
            ("updates", &["bash-5.3-1.x86_64", "zlib-1:0.9-1.x86_64"]),
            ("copr_base", &["bash-9-1.x86_64", "hello-9-1.x86_64", "zlib-9:1-1.x86_64"]),
        ];
        for (id, nevras) in repositories {
            let record = |text: &&str| Record {
                nevra: text.parse().unwrap(),
                vendor: if id == "copr_base" { String::new() } else { "Fedora Project".to_owned() },
                ..Record::default()
            };
            let records: Vec<Record> = nevras.iter().map(record).collect();
            pool.add(RepositoryInfo::new(id, "file:///"), Packages::from_records(&records).unwrap()).unwrap();
        }
        let shadows = found(pool, &[0, 1], made).unwrap();
        shadows.iter().map(|shadow| (shadow.to_string(), shadow.is_refused())).collect()
    }

    #[test]
    fn only_what_is_newer_than_the_distributions_newest_shadows_it() {
        let all = told(&[
            made("bash-5.2-1.x86_64", "Copr", &[], &[]),
            made("zlib-2-1.x86_64", "Copr", &[], &[]),
            made("hello-1-1.x86_64", "Copr", &[], &["hello = 1-1"]),
            made("bash-9-9.src", "Copr", &[], &[]),
        ]);
        assert_eq!(all, [], "older than the update, than an epoch, and of nobody; a source package");
        let all = told(&[
            made("bash-5.3-1.copr.x86_64", "Copr", &[], &[]),
            made("tzdata-2027-1.x86_64", "Copr", &[], &[]),
            made("zlib-1:0.9-1.x86_64", "Copr", &[], &[]),
        ]);
        let told = |text: &str| (text.to_owned(), true);
        let expected = [
            told("bash-5.3-1.copr.x86_64 is newer than the distribution's bash-5.3-1.x86_64 (repository updates)"),
            told("tzdata-2027-1.x86_64 is newer than the distribution's tzdata-2026-1.noarch (repository fedora)"),
        ];
        assert!(expected.iter().all(|line| all.contains(line)) && all.len() == 2, "{all:?}");
    }

    #[test]
    fn a_borrowed_vendor_is_refused_and_what_is_obsoleted_or_provided_is_told() {
        let all = told(&[
            made("a-1-1.noarch", "Fedora Project", &[], &[]),
            made("newperl-1-1.x86_64", "Copr", &["perl < 6"], &["perl = 6", "bash"]),
        ]);
        let line = |text: &str, refused: bool| (text.to_owned(), refused);
        assert_eq!(
            all,
            [
                line(
                    "a-1-1.noarch says that its vendor is Fedora Project, as the distribution's packages do (repository fedora)",
                    true
                ),
                line("newperl-1-1.x86_64 obsoletes the distribution's perl-5-1.x86_64 (repository fedora)", false),
                line(
                    "newperl-1-1.x86_64 provides the name of the distribution's bash-5.1-1.x86_64 (repository fedora)",
                    false
                ),
            ]
        );
    }

    #[test]
    fn a_flood_is_cut() {
        let provides: Vec<String> = (0..300).map(|_| "bash".to_owned()).collect();
        let provides: Vec<&str> = provides.iter().map(String::as_str).collect();
        let many: Vec<_> = (0..300).map(|n| made(&format!("p{n}-1-1.noarch"), "Copr", &[], &provides)).collect();
        assert_eq!(told(&many).len(), MOST_SHADOWS);
    }
}
