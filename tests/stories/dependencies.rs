//! Questions about the dependencies of a real distribution and of real source packages; rpm judges the answers.

use std::path::{Path, PathBuf};
use std::process::Command;

use copr_tests::{
    dnf::remove_tree,
    programs::{Output, fixture_srpm, minidistro, ours, run, run_ok, tree},
};
use serde_json::Value;

/// A folder of its own for a story, and the minidistro.
struct Story {
    folder: PathBuf,
    minidistro: PathBuf,
}

impl Story {
    fn new(name: &str) -> Self {
        let folder = tree().join("target/stories/dependencies").join(name);
        run_ok(&mut remove_tree(&folder)).unwrap();
        fs_err::create_dir_all(&folder).unwrap();
        Self { folder, minidistro: minidistro().unwrap() }
    }

    fn ask(&self, command: &str, words: &[&str]) -> Output {
        let repository = format!("--repo=minidistro={}", self.minidistro.display());
        let mut program = Command::new(ours("copr-repo").unwrap());
        program.arg(command).arg(repository).arg("--arch=x86_64").arg("--cache").arg(self.folder.join("cache"));
        run(program.args(words)).unwrap()
    }

    /// The packages of the minidistro that an answer in JSON installs.
    fn installed(&self, answer: &Output) -> Vec<PathBuf> {
        assert_eq!(answer.code, 0, "{}", answer.text());
        let answer: Value = serde_json::from_str(&answer.stdout).unwrap();
        let text = |package: &Value, key: &str| package[key].as_str().unwrap().to_owned();
        let packages = answer["install"].as_array().unwrap().iter();
        let name =
            |p: &Value| [text(p, "name"), text(p, "version"), text(p, "release") + "." + &text(p, "arch")].join("-");
        packages.map(|package| self.minidistro.join(name(package) + ".rpm")).collect()
    }
}

/// Whether rpm itself would install these, and nothing else, on a machine with nothing on it.
fn rpm_would_install(packages: &[PathBuf], root: &Path) {
    fs_err::create_dir_all(root).unwrap();
    let mut rpm = Command::new("rpm");
    rpm.args(["--install", "--test", "--nosignature", "--ignorearch", "--root"]).arg(root).args(packages);
    run_ok(&mut rpm).unwrap();
}

#[test]
fn what_solve_chooses_of_the_distribution_rpm_would_install() {
    let story = Story::new("solve");
    let chosen = story.installed(&story.ask("solve", &["--json", "gcc", "rpm", "/bin/sh"]));
    assert!(chosen.len() > 30, "{} packages", chosen.len());
    rpm_would_install(&chosen, &story.folder.join("root"));
    let without: Vec<PathBuf> =
        chosen.iter().filter(|path| !path.ends_with(name_of(&chosen, "libc6-"))).cloned().collect();
    let mut rpm = Command::new("rpm");
    rpm.args(["--install", "--test", "--nosignature", "--ignorearch", "--root"]).arg(story.folder.join("root"));
    assert_ne!(run(rpm.args(without)).unwrap().code, 0, "none of them is too many");
}

/// The file name of the package that begins so.
fn name_of<'a>(packages: &'a [PathBuf], start: &str) -> &'a str {
    let names = packages.iter().filter_map(|path| path.file_name()?.to_str());
    names.into_iter().find(|name| name.starts_with(start)).unwrap()
}

#[test]
fn a_closure_names_what_a_missing_package_leaves_unsatisfied() {
    let story = Story::new("closure");
    let whole = story.ask("closure", &[]);
    assert_eq!((whole.code, whole.stdout.contains("every requirement is satisfied")), (0, true), "{}", whole.text());
    let cut = story.ask("closure", &["--exclude", "libtinfo6"]);
    assert_eq!(cut.code, 1);
    assert!(cut.stdout.contains("bash-") && cut.stdout.contains("libtinfo6 >= 6"), "{}", cut.stdout);
}

#[test]
fn build_dependencies_of_a_source_package_are_a_buildroot_or_what_is_missing() {
    let story = Story::new("builddep");
    let hello = fixture_srpm("hello", &story.folder).unwrap();
    let buildroot = story.installed(&story.ask("builddep", &["--json", hello.to_str().unwrap()]));
    for wanted in ["gcc-", "make-"] {
        assert!(name_of(&buildroot, wanted).starts_with(wanted));
    }
    rpm_would_install(&buildroot, &story.folder.join("root"));
    let app = fixture_srpm("greet-app", &story.folder).unwrap();
    let refused = story.ask("builddep", &[app.to_str().unwrap()]);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("nothing provides libgreet-devel"), "{}", refused.stderr);
}

#[test]
fn the_impact_of_a_withdrawn_package_is_told_before_it_is_withdrawn() {
    let story = Story::new("impact");
    let withdrawn = story.ask("impact", &["--without", "libtinfo6"]);
    assert_eq!(withdrawn.code, 1, "{}", withdrawn.text());
    assert!(withdrawn.stdout.contains("has it, and goes"), "{}", withdrawn.stdout);
    assert!(withdrawn.stdout.contains("without a way to be installed"), "{}", withdrawn.stdout);
    let bash = fs_err::read_dir(&story.minidistro).unwrap().map(|entry| entry.unwrap().path());
    let bash = bash.into_iter().find(|path| path.file_name().unwrap().to_str().unwrap().starts_with("bash-")).unwrap();
    let again = story.ask("impact", &["--with", bash.to_str().unwrap()]);
    assert_eq!((again.code, again.stdout.contains("Nothing breaks")), (0, true), "{}", again.text());
}
