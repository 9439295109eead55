//! Taking over metadata that are not as they should be: the outcome is that of reading all packages.

use std::path::Path;
use std::time::UNIX_EPOCH;

use copr_repodata::create::{CreateOptions, Created, Progress, Update, create};
use copr_repodata::{ChecksumKind, Document, Output};

use super::folders::{put, text_of};
use super::shelf;

fn options(update: bool, simple: bool) -> CreateOptions {
    let output = Output { workers: 2, unique_names: !simple, ..Output::new(UNIX_EPOCH) };
    CreateOptions { update: update.then(Update::default), ..CreateOptions::new(output) }
}

fn run(dir: &Path, options: &CreateOptions) -> Created {
    create(&[dir.to_owned()], options, &|progress| {
        if let Progress::Skipped(skipped) = progress {
            panic!("{}: {}", skipped.path.display(), skipped.error);
        }
    })
    .unwrap()
}

/// The `<package>` elements of a document.
fn packages(text: &str) -> (String, Vec<String>, String) {
    let (head, rest) = text.split_at(text.find("<package").unwrap());
    let mut packages: Vec<String> = rest.split_inclusive("</package>\n").map(str::to_owned).collect();
    let foot = packages.pop().unwrap();
    (head.to_owned(), packages, foot)
}

/// Makes metadata of some packages, changes the document `kind` of it, adds packages in front, between and behind, and
/// updates. Tells how many packages were read.
fn update_after(kind: &str, change: impl FnOnce(String) -> String) -> usize {
    updated(kind, change, true)
}

/// As [`update_after`]; the text may be laid out in another way if not `to_the_letter`.
fn updated(kind: &str, change: impl FnOnce(String) -> String, to_the_letter: bool) -> usize {
    let dir = tempfile::tempdir().unwrap();
    for name in ["b", "d", "f", "h"] {
        put(&dir.path().join(format!("{name}.rpm")), name);
    }
    run(dir.path(), &options(false, false));
    shelf::rewrite(dir.path(), kind, change);
    for name in ["a", "e", "z"] {
        put(&dir.path().join(format!("{name}.rpm")), name);
    }
    let created = run(dir.path(), &options(true, false));
    assert_eq!((created.published.packages, created.published.changed), (7, true), "{kind}");
    let fresh = tempfile::tempdir().unwrap();
    run(dir.path(), &CreateOptions { output_dir: Some(fresh.path().to_owned()), ..options(false, false) });
    let records = [dir.path(), fresh.path()].map(|dir| copr_repodata::read::load(dir).unwrap());
    assert_eq!(records[0], records[1], "{kind}");
    for document in Document::BASIC.into_iter().filter(|_| to_the_letter) {
        let texts = [dir.path(), fresh.path()].map(|dir| text_of(dir, document.kind()));
        assert_eq!(texts[0], texts[1], "{kind}");
    }
    created.read.len()
}

#[test]
fn metadata_as_they_should_be_are_taken_over() {
    for document in Document::BASIC {
        assert_eq!(update_after(document.kind(), |text| text), 3);
    }
}

#[test]
fn a_document_without_one_of_the_packages_is_not_taken_over() {
    for kind in ["filelists", "other"] {
        for missing in [0, 3] {
            let read = update_after(kind, |text| {
                let (head, mut packages, foot) = packages(&text);
                packages.remove(missing);
                head + &packages.concat() + &foot
            });
            assert_eq!(read, 7, "{kind} without {missing}");
        }
    }
}

#[test]
fn a_package_that_is_there_twice_counts_once_and_order_does_not_matter() {
    for kind in ["filelists", "other"] {
        let read = update_after(kind, |text| {
            let (head, mut packages, foot) = packages(&text);
            packages.reverse();
            packages.insert(1, packages[3].clone());
            let changed = packages[3].replace("<file>/", "<file>/not/").replace("<changelog", "<other");
            packages.extend([packages[0].clone(), changed]);
            head + &packages.concat() + &foot
        });
        assert_eq!(read, 3, "{kind}");
    }
    assert_eq!(
        update_after("primary", |text| {
            let (head, mut packages, foot) = packages(&text);
            packages.reverse();
            head + &packages.concat() + &foot
        }),
        3
    );
}

#[test]
fn checksums_in_another_spelling_are_written_as_they_should_be() {
    let upper = |text: String, before: &str, behind: &str| {
        let mut out = String::new();
        let mut rest = text.as_str();
        while let Some((head, tail)) = rest.split_once(before) {
            let (sum, tail) = tail.split_once(behind).unwrap();
            out += &format!("{head}{before}{}{behind}", sum.to_uppercase());
            rest = tail;
        }
        out + rest
    };
    assert_eq!(update_after("primary", |text| upper(text, "pkgid=\"YES\">", "<")), 3);
    for kind in ["filelists", "other"] {
        assert_eq!(update_after(kind, |text| upper(text, "pkgid=\"", "\"")), 3);
    }
}

#[test]
fn documents_that_cannot_be_read_to_their_end_are_not_taken_over() {
    for kind in ["filelists", "other"] {
        assert_eq!(update_after(kind, |text| text.replacen("</version>", "", 1).replace("</package>", "</pack>")), 7);
        assert_eq!(update_after(kind, |text| text[..text.len() / 2].to_owned()), 7);
    }
}

#[test]
fn elements_in_an_order_of_their_own_are_understood() {
    let change = |text: String| {
        let (head, packages, foot) = packages(&text);
        let moved = packages.iter().map(|package| {
            let from = package.find("  <version").unwrap();
            let until = from + package[from..].find('\n').unwrap() + 1;
            let version = &package[from..until];
            let time = package.find("  <time").unwrap();
            let until_time = time + package[time..].find('\n').unwrap() + 1;
            let time = &package[time..until_time];
            let without = package.replace(version, "").replace(time, "");
            without.replace("</package>", &format!("{time}{version}</package>"))
        });
        head + &moved.collect::<String>() + &foot
    };
    assert_eq!(updated("primary", change, false), 3);
}

#[test]
fn packages_whose_checksums_are_of_another_kind_are_read_again() {
    let dir = tempfile::tempdir().unwrap();
    put(&dir.path().join("a.rpm"), "a");
    run(dir.path(), &CreateOptions { checksum: ChecksumKind::Sha1, ..options(false, false) });
    assert_eq!(run(dir.path(), &options(true, false)).read, ["a.rpm"]);
    let text = text_of(dir.path(), "primary");
    assert!(text.contains("<checksum type=\"sha256\"") && !text.contains("sha1"), "{text}");
}

#[test]
fn files_that_are_the_same_package_are_each_in_the_metadata() {
    for simple in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        for name in ["a", "c/a", "b"] {
            put(&dir.path().join(format!("{name}.rpm")), "same");
        }
        run(dir.path(), &options(false, simple));
        put(&dir.path().join("new.rpm"), "new");
        assert_eq!(run(dir.path(), &options(true, simple)).read, ["new.rpm"]);
        let records = copr_repodata::read::load(dir.path()).unwrap();
        assert_eq!(records.len(), 4);
        assert!(records.iter().all(|record| !record.files.is_empty()));
        assert_eq!(text_of(dir.path(), "filelists").matches("<package").count(), 4);
    }
}
