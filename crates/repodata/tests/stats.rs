//! Figures about repositories.

use crate::shelf::{output, package, publish, rewrite};
use copr_repodata::stats::{FileStats, stats};
use copr_repodata::{Publisher, Record};
use copr_rpm::DependencyKind;

fn some() -> Vec<Record> {
    let mut packages: Vec<Record> =
        ["a-1-1.x86_64", "a-2-1.x86_64", "b-1-1.noarch", "a-1-1.src"].map(package).into_iter().collect();
    for (number, package) in packages.iter_mut().enumerate() {
        package.size_package = 1000 * (number as u64 + 1);
        package.time_build = 100 + number as u64;
    }
    packages[2].license = "A <licence> & more".to_owned();
    packages[2].vendor = String::new();
    packages
}

#[test]
fn everything_is_counted_once() {
    let dir = tempfile::tempdir().unwrap();
    publish(dir.path(), 7, &some());
    let stats = stats(dir.path()).unwrap();
    assert_eq!((stats.packages, stats.names, stats.source_packages, stats.revision.as_str()), (4, 2, 1, "7"));
    assert_eq!((stats.size_package, stats.size_installed), (10_000, 3_000), "sources are not installed");
    let arches: Vec<_> = stats.arches.iter().map(|a| (a.arch.as_str(), a.packages, a.size)).collect();
    assert_eq!(arches, [("x86_64", 2, 3000), ("noarch", 1, 3000), ("src", 1, 4000)]);
    assert_eq!(stats.files, FileStats { plain: 4, dirs: 4, ghosts: 0 });
    let count = |kind| stats.dependencies.iter().find(|(of, _)| *of == kind).unwrap().1;
    assert_eq!((count(DependencyKind::Provides), count(DependencyKind::Requires)), (4, 4));
    assert_eq!((count(DependencyKind::Obsoletes), stats.changelogs), (0, 4));
    assert_eq!(stats.largest.first().map(|(nevra, size)| (nevra.to_string(), *size)), Some(("a-1-1.src".into(), 4000)));
    assert_eq!(
        stats.oldest.as_ref().map(|(nevra, time)| (nevra.to_string(), *time)),
        Some(("a-1-1.x86_64".into(), 100))
    );
    assert_eq!(stats.newest.as_ref().map(|(_, time)| *time), Some(103));
    assert_eq!(stats.vendors, [("Acme".to_owned(), 3)]);
    assert_eq!(stats.licenses, [("MIT".to_owned(), 3), ("A <licence> & more".to_owned(), 1)]);
    let kinds: Vec<_> = stats.metadata.iter().map(|file| file.kind.as_str()).collect();
    assert_eq!(kinds, ["primary", "filelists", "other"]);
    assert!(stats.metadata.iter().all(|file| file.size.unwrap() < file.open_size.unwrap()));
}

#[test]
fn documents_written_in_another_way_are_counted_the_same() {
    let dir = tempfile::tempdir().unwrap();
    publish(dir.path(), 1, &some());
    let usual = stats(dir.path()).unwrap();
    for kind in ["primary", "filelists", "other"] {
        // A comment in a package is for the general reader.
        rewrite(dir.path(), kind, |text| text.replace("</package>", "<!-- odd --></package>"));
    }
    let mut odd = stats(dir.path()).unwrap();
    odd.metadata.clone_from(&usual.metadata);
    assert_eq!(odd, usual);
}

#[test]
fn only_the_ten_largest_packages_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let mut packages: Vec<Record> = (0..30).map(|n| package(&format!("p{n}-1-1.noarch"))).collect();
    packages.iter_mut().enumerate().for_each(|(n, package)| package.size_package = (n as u64 * 7) % 30);
    Publisher::new(dir.path(), output(1)).replace(&packages).unwrap();
    let sizes: Vec<u64> = stats(dir.path()).unwrap().largest.into_iter().map(|(_, size)| size).collect();
    assert_eq!(sizes, (20..30).rev().collect::<Vec<u64>>());
}
