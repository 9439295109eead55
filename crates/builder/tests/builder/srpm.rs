//! Source packages and repositories to build with.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::SystemTime,
};

use copr_repodata::{Delta, Output, Publisher};

/// Makes a source package with rpmbuild from a spec file's text, with no sources.
pub(crate) fn from_spec(dir: &Path, name: &str, spec: &str) -> PathBuf {
    let file = dir.join(format!("{name}.spec"));
    fs_err::write(&file, spec).unwrap();
    let mut rpmbuild = Command::new("rpmbuild");
    rpmbuild.args(["-bs", "--nodeps", "--define", &format!("_topdir {}", dir.display())]).arg(file);
    run(rpmbuild, "rpmbuild is needed (Debian: apt install rpm, Fedora: dnf install rpm-build)");
    let made = fs_err::read_dir(dir.join("SRPMS")).unwrap().map(|entry| entry.unwrap().path());
    made.max().expect("rpmbuild made a source package")
}

/// The source package of a folder in `tests/fixtures`.
pub(crate) fn fixture(name: &str, dir: &Path) -> PathBuf {
    let mut make = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/make-srpm"));
    make.arg(name).arg(dir);
    let out = run(make, "tests/fixtures/make-srpm is part of the source tree");
    PathBuf::from(out.lines().last().unwrap())
}

fn run(mut command: Command, hint: &str) -> String {
    let out = command.output().expect(hint);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

/// A spec file's text that needs nothing but what `requires` names.
pub(crate) fn spec(requires: &str) -> String {
    let requires = if requires.is_empty() { String::new() } else { format!("BuildRequires: {requires}\n") };
    format!(
        "Name: pretender\nVersion: 1\nRelease: 1\nSummary: Nothing\nLicense: MIT\nBuildArch: noarch\n{requires}\n\
         %description\nNothing.\n\n%files\n"
    )
}

/// A repository without packages.
pub(crate) fn empty_repository(dir: &Path) {
    let publisher = Publisher::new(dir, Output::new(SystemTime::now()));
    publisher.publish(&Delta::default()).unwrap();
}
