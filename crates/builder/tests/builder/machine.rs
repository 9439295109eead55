//! A real source package, built in a real machine.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use copr_api::builder::{ChrootDefinition, Outcome, Stage, Work};

use crate::{
    server::{Beat, Script, lease, run_until},
    srpm,
};

/// The folder of the minidistro's repository.
fn minidistro() -> PathBuf {
    match std::env::var_os("COPR_MINIDISTRO") {
        Some(folder) => PathBuf::from(folder),
        None => panic!("COPR_MINIDISTRO is not set: run `make minidistro` and set it to the folder that it prints"),
    }
}

/// The chroot's definition as it is shipped.
fn definition() -> ChrootDefinition {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugin-conf/chroots/minidistro-12-x86_64.toml");
    let text = fs_err::read_to_string(file).unwrap();
    toml::from_str(&text.replace("$minidistro", minidistro().to_str().unwrap())).unwrap()
}

fn script(dir: &Path, source: &Path) -> Script {
    let source_name = source.file_name().unwrap().to_str().unwrap().to_owned();
    let source = fs_err::read(source).unwrap();
    let mut lease = lease(&source, dir);
    let Work::Build { srpm } = &mut lease.work else { panic!("it is a build") };
    srpm.name = source_name;
    lease.seconds = 30;
    lease.definition = definition();
    Script { lease, source: Some(source), beat: Beat::Fine, log_failures: 0 }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_library_is_built_in_a_machine_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let source = srpm::fixture("greet-library", dir.path());
    let begun = Instant::now();
    let limit = Duration::from_secs(600);
    let (ended, heard) =
        run_until(dir.path(), script(dir.path(), &source), limit, |heard| !heard.finished.is_empty()).await;
    ended.unwrap();
    let live = heard.log("builder-live.log");
    println!("{live}\nfrom lease to finish: {:.1} s", begun.elapsed().as_secs_f64());
    let finish = heard.finished.first().expect("the build ends in ten minutes");
    assert_eq!(finish.outcome, Outcome::Succeeded, "{live}");
    let names: Vec<&str> = finish.results.iter().map(|result| result.name.as_str()).collect();
    assert!(names.contains(&"libgreet") && names.contains(&"libgreet-devel"), "{names:?}");
    assert!(finish.results.iter().any(|result| result.arch == "src"), "the source package is a result too");
    for result in &finish.results {
        assert_eq!(heard.results.get(&result.file).map(|bytes| bytes.len() as u64), Some(result.size));
    }
    assert!(heard.log("build.log").contains("%install") || heard.log("build.log").contains("Wrote:"));
    assert!(heard.log("installed_pkgs.log").contains("bash"), "{}", heard.log("installed_pkgs.log"));
    // One that is over before it can be told is not told; none is told late.
    let order = [Stage::Preparing, Stage::Booting, Stage::Installing, Stage::Building, Stage::Uploading];
    let places: Vec<_> = heard.stages.iter().map(|stage| order.iter().position(|one| one == stage).unwrap()).collect();
    assert!(places.is_sorted() && heard.stages.contains(&Stage::Building), "{:?}", heard.stages);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_fails_in_its_machine_is_the_packagers_fault_and_its_log_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let text = srpm::spec("").replace("%files", "%build\necho the compiler says no\nexit 3\n\n%files");
    let source = srpm::from_spec(dir.path(), "pretender", &text);
    let limit = Duration::from_secs(600);
    let (ended, heard) =
        run_until(dir.path(), script(dir.path(), &source), limit, |heard| !heard.finished.is_empty()).await;
    ended.unwrap();
    let finish = heard.finished.first().expect("the build ends in ten minutes");
    assert!(matches!(finish.outcome, Outcome::UserFault { .. }), "{:?}", finish.outcome);
    assert!(finish.results.is_empty() && heard.results.is_empty());
    assert!(heard.log("build.log").contains("the compiler says no"), "{}", heard.log("build.log"));
}

/// A package whose header, made on this host, requires zstd, and which in the chroot requires make instead.
const CHANGING: &str = "Name: changing\nVersion: 1\nRelease: 1\nSummary: Nothing\nLicense: MIT\nBuildArch: noarch\n\
                        BuildRequires: %{!?in_chroot:zstd}%{?in_chroot:make}\n\n%description\nNothing.\n\n%build\n\
                        make --version\n! command -v zstd\n\n%files\n";

#[tokio::test(flavor = "multi_thread")]
async fn what_the_source_package_requires_in_its_chroot_is_installed_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let source = srpm::from_spec(dir.path(), "changing", CHANGING);
    let mut script = script(dir.path(), &source);
    script.lease.macros.push(("in_chroot".to_owned(), "1".to_owned()));
    let limit = Duration::from_secs(600);
    let (ended, heard) = run_until(dir.path(), script, limit, |heard| !heard.finished.is_empty()).await;
    ended.unwrap();
    let (live, build) = (heard.log("builder-live.log"), heard.log("build.log"));
    let finish = heard.finished.first().expect("the build ends in ten minutes");
    assert_eq!(finish.outcome, Outcome::Succeeded, "{live}");
    assert!(build.contains("GNU Make"), "{build}");
    let root = heard.log("root.log");
    assert!(root.contains("requires less here than its header said"), "{root}");
    assert!(root.contains("For what the source package requires, 1 package more:"), "{root}");
    let installed = heard.log("installed_pkgs.log");
    assert!(installed.contains("\nmake-") && !installed.contains("\nzstd-"), "{installed}");
    let base = Path::new(env!("CARGO_TARGET_TMPDIR")).join("builder-cache/bases");
    let images = fs_err::read_dir(&base).unwrap().map(|entry| entry.unwrap().path());
    assert!(images.filter(|path| path.extension().is_some_and(|end| end == "img")).count() > 0, "the base is kept");
}
