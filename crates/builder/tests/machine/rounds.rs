//! What a source package requires is found out in the machine, round by round.

use std::path::{Path, PathBuf};

use copr_vm::{Exit, Fault, Limits};

use crate::distribution::{Seen, build_seen_by, package};

/// A package that leaves its name in `/usr/share`.
fn helper(home: &Path, name: &str) -> (String, PathBuf) {
    let spec = format!(
        "Name: {name}\nVersion: 1\nRelease: 1\nSummary: x\nLicense: MIT\nBuildArch: noarch\n%description\nx\n\
         %install\nmkdir -p %{{buildroot}}/usr/share\necho {name} > %{{buildroot}}/usr/share/{name}\n\
         %files\n/usr/share/{name}\n"
    );
    (name.to_owned(), package(home, name, &spec, "-bb"))
}

/// The spare disk is written anew for each round, in its place: a guest that did not forget what it has read of it would
/// install the first package over and over.
#[test]
fn requirements_are_asked_for_until_nothing_is_added_first_the_static_ones_then_the_generated() {
    let home = tempfile::tempdir().unwrap();
    let offers = ["first", "second", "third", "fourth"].map(|name| helper(home.path(), name)).to_vec();
    let there = |name: &str| format!("[ -e /usr/share/{name} ]");
    let spec = format!(
        "BuildRequires: first\n%if \"%({} && echo yes)\" == \"yes\"\nBuildRequires: second\n%endif\n%description\nx\n\
         %prep\necho preparing\n%generate_buildrequires\necho third\nif {}; then echo fourth; fi\n\
         %build\ncat /usr/share/first /usr/share/second /usr/share/third /usr/share/fourth\n%files\n",
        there("first"),
        there("third")
    );
    let seen = Seen { offers, ..Seen::default() };
    let (report, seen) = build_seen_by(seen, home.path(), &spec, &[], Limits::default());
    assert_eq!(report.exit, Exit::Built(0), "{}\n{}\n{}", seen.root_log, seen.build_log, report.console_tail);
    let asked = |dynamic, round, words: &str| (dynamic, round, words.split(' ').map(str::to_owned).collect());
    let mut questions = seen.asked;
    for (_, _, requires) in &mut questions {
        requires.sort();
    }
    assert_eq!(
        questions,
        [
            asked(false, 1, "first"),
            asked(false, 2, "first second"),
            asked(false, 3, "first second"),
            asked(true, 1, "first second third"),
            asked(true, 2, "first fourth second third"),
            asked(true, 3, "first fourth second third"),
        ]
    );
    assert!(seen.build_log.contains("first\nsecond\nthird\nfourth\n"), "{}", seen.build_log);
    assert_eq!(seen.build_log.matches("+ echo preparing\n").count(), 1, "it was unpacked anew: {}", seen.build_log);
    let installed: Vec<_> = seen.installed.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(installed.len(), 5, "{installed:?}");
    assert!(installed.contains(&"fourth-1-1.noarch"), "{installed:?}");
    let names: Vec<_> = report.results.iter().map(|result| result.name.as_str()).collect();
    assert_eq!(names, ["story-1-1.noarch.rpm", "story-1-1.src.rpm", "story.spec"]);
}

#[test]
fn what_generates_requirements_may_fail_and_that_is_the_packages_fault() {
    let home = tempfile::tempdir().unwrap();
    let spec = "%description\nx\n%generate_buildrequires\necho nothing to see >&2\nexit 7\n%files\n";
    let (report, seen) = build_seen_by(Seen::default(), home.path(), spec, &[], Limits::default());
    assert!(matches!(report.exit, Exit::Built(code) if code != 0 && code != 11), "{:?}", report.exit);
    assert_eq!(report.exit.fault(), Some(Fault::User));
    assert!(seen.build_log.contains("nothing to see"), "{}", seen.build_log);
}

#[test]
fn a_package_that_excludes_this_architecture_is_skipped_before_anything_is_asked() {
    let home = tempfile::tempdir().unwrap();
    let spec = "BuildRequires: first\nExclusiveArch: aarch64\n%description\nx\n%files\n";
    let (report, seen) = build_seen_by(Seen::default(), home.path(), spec, &[], Limits::default());
    let Exit::Skipped(why) = &report.exit else { panic!("{:?}\n{}", report.exit, seen.build_log) };
    assert_eq!(why, "its spec says ExclusiveArch: aarch64, and this is x86_64");
    assert_eq!((seen.asked, report.exit.fault()), (Vec::new(), None));
}
