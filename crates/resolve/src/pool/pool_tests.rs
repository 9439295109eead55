//! Look-ups in small pools.

use super::*;
use crate::test_support::{dependency, package, packages, pool};

fn show(pool: &Pool, ids: impl IntoIterator<Item = PackageId>) -> Vec<String> {
    ids.into_iter().map(|id| pool.nevra(id).to_string()).collect()
}

fn names(pool: &Pool, wanted: &str) -> Vec<String> {
    show(pool, pool.providers_of(&dependency(wanted)))
}

#[test]
fn packages_are_found_by_name_capability_version_and_file() {
    let pool = pool(&[(
        "base",
        "bash-5-1.x86_64; provides sh = 5; files /bin/bash, /bin/sh
         dash-0.5-1.x86_64; provides sh = 0.5; files /bin/dash
         app-1-1.x86_64; requires /bin/sh, (/bin/dash or zsh)",
    )]);
    assert_eq!(names(&pool, "sh"), ["bash-5-1.x86_64", "dash-0.5-1.x86_64"]);
    assert_eq!(names(&pool, "sh >= 1"), ["bash-5-1.x86_64"]);
    assert_eq!(names(&pool, "bash = 5-1"), ["bash-5-1.x86_64"]);
    assert_eq!(names(&pool, "bash > 5-1"), [""; 0]);
    assert_eq!(names(&pool, "/bin/sh"), ["bash-5-1.x86_64"]);
    assert_eq!(names(&pool, "/bin/bash"), ["bash-5-1.x86_64"], "no package asks for this path: found all the same");
    assert_eq!(names(&pool, "/bin/none"), [""; 0]);
}

#[test]
fn a_package_that_provides_a_name_in_several_versions_is_found_by_each_and_once() {
    let pool = pool(&[("base", "a-1-1.noarch; provides x = 1, y, x = 3\n b-1-1.noarch; provides x = 2")]);
    assert_eq!(names(&pool, "x"), ["a-1-1.noarch", "b-1-1.noarch"]);
    assert_eq!(names(&pool, "x = 1"), ["a-1-1.noarch"]);
    assert_eq!(names(&pool, "x = 3"), ["a-1-1.noarch"]);
    assert_eq!(names(&pool, "x < 3"), ["a-1-1.noarch", "b-1-1.noarch"]);
}

#[test]
fn a_path_is_provided_by_owners_and_by_those_that_say_so() {
    let pool = pool(&[
        ("base", "a-1-1.noarch; provides /usr/bin/x\n b-1-1.noarch; files /usr/bin/x, /usr/bin/x"),
        ("more", "c-1-1.noarch; files /usr/bin/x; provides /usr/bin/x\n d-1-1.noarch; requires /usr/bin/x"),
    ]);
    assert_eq!(names(&pool, "/usr/bin/x"), ["a-1-1.noarch", "b-1-1.noarch", "c-1-1.noarch"]);
    let cap = pool.caps().find(|cap| pool.dependency(*cap).to_string() == "/usr/bin/x").unwrap();
    assert_eq!(pool.providers(cap), pool.providers_of(&dependency("/usr/bin/x")));
    assert_eq!(Providers::new(&pool).of(cap), pool.providers(cap));
}

#[test]
fn later_repositories_are_renumbered_into_the_first_ones_tables() {
    let pool = pool(&[
        ("base", "a-1-1.x86_64; requires lib >= 2; vendor Alice"),
        ("more", "lib-2-1.x86_64; provides lib = 2; vendor Bob\n a-2-1.x86_64; requires lib >= 2, c; vendor Alice"),
    ]);
    let ids: Vec<PackageId> = pool.ids().collect();
    assert_eq!(show(&pool, ids.clone()), ["a-1-1.x86_64", "lib-2-1.x86_64", "a-2-1.x86_64"]);
    assert_eq!(ids.iter().map(|id| pool.repository(*id)).collect::<Vec<_>>(), [0, 1, 1]);
    let requires = |at: usize| pool.list(ids[at], DependencyKind::Requires);
    assert_eq!(requires(0).first(), requires(2).first(), "equal dependencies have equal numbers");
    assert_eq!(show(&pool, pool.providers(requires(0)[0])), ["lib-2-1.x86_64"]);
    assert_eq!(pool.vendor(ids[0]), pool.vendor(ids[2]));
    assert_eq!(pool.text(pool.vendor(ids[1])), "Bob");
    assert_eq!(pool.ids_of(1).collect::<Vec<_>>(), ids[1..]);
    assert_eq!(pool.describe(ids[1]), "lib-2-1.x86_64 (repository more)");
}

#[test]
fn files_of_a_repository_added_later_are_found_too() {
    let mut pool = pool(&[("base", "app-1-1.noarch; requires /opt/tool")]);
    assert_eq!(names(&pool, "/opt/tool"), [""; 0]);
    pool.add(RepositoryInfo::new("extra", ""), packages("tool-1-1.noarch; files /opt/tool")).unwrap();
    assert_eq!(names(&pool, "/opt/tool"), ["tool-1-1.noarch"]);
}

#[test]
fn only_packages_of_architectures_that_the_machine_runs_are_found() {
    let pool = pool(&[("base", "a-1-1.x86_64\n a-1-1.i686\n a-1-1.noarch\n a-1-1.aarch64\n a-1-1.src")]);
    assert_eq!(names(&pool, "a"), ["a-1-1.x86_64", "a-1-1.i686", "a-1-1.noarch"]);
    assert_eq!(pool.len(), 5, "the others are there all the same");
    let ranks: Vec<u8> = pool.ids().map(|id| pool.arch_rank(id)).collect();
    assert!(ranks[2] < ranks[0] && ranks[0] < ranks[1] && ranks[3..] == [UNFIT, UNFIT]);
}

#[test]
fn a_package_provides_its_own_name_even_if_it_does_not_say_so() {
    let mut record = package("old-1-1.noarch");
    record.provides.clear();
    let mut pool = Pool::new("x86_64");
    pool.add(RepositoryInfo::new("base", ""), Packages::from_records(&[record]).unwrap()).unwrap();
    assert_eq!(names(&pool, "old = 1"), ["old-1-1.noarch"]);
    assert_eq!(names(&pool, "old >= 2"), [""; 0]);
}

#[test]
fn named_packages_are_those_of_the_very_name() {
    let pool = pool(&[("base", "a-1-1.noarch\n b-1-1.noarch; provides a\n a-2-1.noarch")]);
    let a = pool.find("a").unwrap();
    assert_eq!(show(&pool, pool.named(a)), ["a-1-1.noarch", "a-2-1.noarch"]);
    assert_eq!(pool.offering(a).len(), 3);
    assert_eq!(show(&pool, pool.exactly(&"a-2-1.noarch".parse().unwrap())), ["a-2-1.noarch"]);
    assert_eq!(pool.exactly(&"a-2-2.noarch".parse().unwrap()), []);
}

#[test]
fn excluded_packages_are_not_found() {
    let mut info = RepositoryInfo::new("base", "");
    info.excludes = ["kernel*", "b-2-1.noarch", "c"].map(str::to_owned).to_vec();
    let mut pool = Pool::new("x86_64");
    let lines = "kernel-core-1-1.noarch; provides k\n b-1-1.noarch\n b-2-1.noarch\n c-1-1.noarch\n cd-1-1.noarch";
    pool.add(info, packages(lines)).unwrap();
    let left: Vec<String> = show(&pool, pool.ids().filter(|id| pool.installable(*id)));
    assert_eq!(left, ["b-1-1.noarch", "cd-1-1.noarch"]);
    assert_eq!(names(&pool, "k"), [""; 0]);
}

#[test]
fn an_exclude_that_is_no_pattern_is_an_error_and_adds_nothing() {
    let info = RepositoryInfo { excludes: vec!["a[".to_owned()], ..RepositoryInfo::new("base", "") };
    let mut pool = Pool::new("x86_64");
    assert!(pool.add(info, packages("a-1-1.noarch")).is_err());
    assert!(pool.is_empty() && pool.repositories().is_empty());
}

#[test]
fn versions_compare_as_rpm_has_it() {
    let pool = pool(&[("base", "a-1:1-1.noarch\n a-2-1.noarch\n a-2.0-1.noarch\n a-2.0~rc-9.noarch")]);
    let evr = |at: u32| pool.evr(PackageId(at));
    assert_eq!(pool.compare_evr(evr(0), evr(1)), Ordering::Greater);
    assert_eq!(pool.compare_evr(evr(1), evr(2)), Ordering::Less);
    assert_eq!(pool.compare_evr(evr(3), evr(2)), Ordering::Less);
    assert_eq!(pool.compare_evr(evr(2), evr(2)), Ordering::Equal);
}

#[test]
fn paths_that_primary_need_not_list_are_asked_for_once() {
    let pool = pool(&[(
        "base",
        "a-1-1.noarch; requires /usr/share/x, /bin/sh, (/opt/y if /etc/z), /usr/share/x; provides /usr/share/own
         b-1-1.noarch; requires /usr/share/x; recommends /usr/lib/sendmail, /usr/lib/w",
    )]);
    assert_eq!(pool.missing_paths(), ["/opt/y", "/usr/lib/w", "/usr/share/x"]);
}

#[test]
fn owners_that_are_added_are_found() {
    let mut pool = pool(&[("base", "a-1-1.noarch"), ("more", "b-1-1.noarch\n c-1-1.aarch64; requires /usr/share/x")]);
    pool.add_file_owners(1, [("/usr/share/x", 0), ("/usr/share/x", 1), ("/usr/share/y", 0), ("/usr/share/x", 7)])
        .unwrap();
    pool.add_file_owners(0, [("/usr/share/x", 0)]).unwrap();
    assert_eq!(names(&pool, "/usr/share/x"), ["a-1-1.noarch", "b-1-1.noarch"]);
    assert_eq!(names(&pool, "/usr/share/y"), ["b-1-1.noarch"]);
}

#[test]
fn dependencies_come_back_as_they_were() {
    let pool = pool(&[("base", "a-1-1.noarch; requires x >= 1:2-3, y, (p or q), /bin/sh; conflicts z < 2")]);
    let id = PackageId(0);
    let texts = |kind| pool.list(id, kind).iter().map(|cap| pool.dependency(*cap).to_string()).collect::<Vec<_>>();
    assert_eq!(texts(DependencyKind::Requires), ["x >= 1:2-3", "y", "(p or q)", "/bin/sh"]);
    assert_eq!(texts(DependencyKind::Conflicts), ["z < 2"]);
    assert_eq!(texts(DependencyKind::Provides), ["a = 1-1"]);
    let rich: Vec<bool> = pool.list(id, DependencyKind::Requires).iter().map(|cap| pool.is_rich(*cap)).collect();
    assert_eq!(rich, [false, false, true, false]);
}

#[test]
fn what_a_download_needs_is_there() {
    let mut record = package("a-1-1.noarch");
    record.location_href = "Packages/a/a-1-1.noarch.rpm".to_owned();
    record.location_base = Some("file:///else/".to_owned());
    record.checksum = Checksum::new(copr_repodata::ChecksumKind::Sha1, &"0a9f".repeat(10)).unwrap();
    (record.size_package, record.size_installed, record.time_build) = (5_000_000_000, 2, 3);
    record.sourcerpm = "a-1-1.src.rpm".to_owned();
    let mut pool = Pool::new("x86_64");
    let both = [package("z-1-1.noarch"), record.clone()];
    for id in ["one", "two"] {
        pool.add(RepositoryInfo::new(id, ""), Packages::from_records(&both).unwrap()).unwrap();
    }
    for id in [PackageId(1), PackageId(3)] {
        assert_eq!(pool.location(id), record.location_href);
        assert_eq!(pool.text(pool.location_base(id)), "file:///else/");
        assert_eq!(pool.checksum(id), record.checksum);
        assert_eq!((pool.package_size(id), pool.installed_size(id), pool.build_time(id)), (5_000_000_000, 2, 3));
        assert_eq!(pool.text(pool.source_rpm(id)), "a-1-1.src.rpm");
    }
}

#[test]
fn obsoletes_are_read_against_a_packages_own_version() {
    let pool = pool(&[(
        "base",
        "new-1-1.noarch; obsoletes old < 2\n old-1-1.noarch\n old-2-1.noarch\n x-1-1.noarch; provides old = 1",
    )]);
    let cap = pool.list(PackageId(0), DependencyKind::Obsoletes)[0];
    let hit: Vec<PackageId> = pool.ids().filter(|id| pool.is_within(*id, cap)).collect();
    assert_eq!(hit, [PackageId(1)]);
}
