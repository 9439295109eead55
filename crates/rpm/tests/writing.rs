//! Packages that we make. `judged.rs` asks rpm about them.
#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

use std::io::{Cursor, Read};

use copr_rpm::write::{Builder, File};
use copr_rpm::{Changelog, DependencyKind, Error, Package, Payload, tag};

fn file(path: &str, contents: &str, config: bool) -> File {
    File { path: path.to_owned(), mode: 0o644, contents: contents.into(), config }
}

fn package() -> Builder {
    let some = |text: &str| Some(text.to_owned());
    Builder {
        name: "chess-release".to_owned(),
        epoch: Some(2),
        version: "1~rc1".to_owned(),
        release: "3".to_owned(),
        summary: "Repository of the chess project".to_owned(),
        description: "Enables the repository Žluťoučký kůň.\nAnd its keys.".to_owned(),
        license: "MIT".to_owned(),
        url: some("https://example.org/"),
        vendor: some("Chess"),
        bug_url: some("https://example.org/bugs"),
        packager: some("Chess <chess@example.org>"),
        build_host: some("localhost"),
        build_time: 1_700_000_000,
        files: vec![
            file("/etc/yum.repos.d/chess.repo", "[chess]\n", true),
            file("/etc/pki/rpm-gpg/RPM-GPG-KEY-chess", "key", false),
            File { mode: 0o755, ..file("/etc/chess", "", false) },
        ],
        requires: vec!["system-release".parse().unwrap(), "(dnf or zypper)".parse().unwrap()],
        provides: vec!["chess-repos = 1".parse().unwrap()],
        conflicts: vec!["draughts-release < 2:3".parse().unwrap()],
        obsoletes: vec!["chess-old <= 1-1".parse().unwrap()],
        changelog: vec![Changelog {
            time: 1_699_963_200,
            author: "A <a@b> - 1-3".to_owned(),
            text: "- new".to_owned(),
        }],
        source_rpm: None,
    }
}

fn written(package: &Builder) -> Vec<u8> {
    let mut bytes = Vec::new();
    package.write(&mut bytes).unwrap();
    bytes
}

#[test]
fn what_was_said_is_read_back() {
    let builder = package();
    let bytes = written(&builder);
    let mut from = Cursor::new(bytes.clone());
    let read = Package::read(&mut from).unwrap();
    assert_eq!(read.nevra().unwrap(), builder.nevra());
    assert!(!read.is_source());
    assert_eq!(read.expected_file_size(), Some(bytes.len() as u64));
    let text = |tag| read.header.str(tag).unwrap().into_owned();
    for (tag, expected) in [
        (tag::SUMMARY, &*builder.summary),
        (tag::DESCRIPTION, &builder.description),
        (tag::LICENSE, "MIT"),
        (tag::URL, "https://example.org/"),
        (tag::VENDOR, "Chess"),
        (tag::BUGURL, "https://example.org/bugs"),
        (tag::PACKAGER, "Chess <chess@example.org>"),
        (tag::BUILDHOST, "localhost"),
        (tag::SOURCERPM, "chess-release-1~rc1-3.src.rpm"),
    ] {
        assert_eq!(text(tag), expected);
    }
    assert_eq!(read.header.number(tag::BUILDTIME), Some(1_700_000_000));
    assert_eq!(read.changelogs(), builder.changelog);
    let dependencies = |kind| read.dependencies(kind).unwrap().iter().map(ToString::to_string).collect::<Vec<String>>();
    assert_eq!(
        dependencies(DependencyKind::Requires),
        [
            "(dnf or zypper)",
            "config(chess-release) = 2:1~rc1-3",
            "rpmlib(CompressedFileNames) <= 3.0.4-1",
            "rpmlib(FileDigests) <= 4.6.0-1",
            "rpmlib(PayloadFilesHavePrefix) <= 4.0-1",
            "rpmlib(RichDependencies) <= 4.12.0-1",
            "rpmlib(TildeInVersions) <= 4.10.0-1",
            "system-release",
        ]
    );
    assert_eq!(
        dependencies(DependencyKind::Provides),
        ["chess-release = 2:1~rc1-3", "chess-repos = 1", "config(chess-release) = 2:1~rc1-3"]
    );
    assert_eq!(dependencies(DependencyKind::Conflicts), ["draughts-release < 2:3"]);
    assert_eq!(dependencies(DependencyKind::Obsoletes), ["chess-old <= 1-1"]);

    let files = read.files().unwrap();
    let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["/etc/chess", "/etc/pki/rpm-gpg/RPM-GPG-KEY-chess", "/etc/yum.repos.d/chess.repo"]);
    assert_eq!(read.installed_size(), 11);
    let mut payload = Payload::new(&read, from).unwrap();
    for (header, contents) in files.iter().zip(["", "key", "[chess]\n"]) {
        let member = payload.next_entry().unwrap().unwrap();
        assert_eq!((&member.path, member.size), (&header.path, contents.len() as u64));
        assert_eq!(u64::from(member.mtime), builder.build_time);
        let mut found = String::new();
        payload.read_to_string(&mut found).unwrap();
        assert_eq!(found, contents);
    }
    assert!(payload.next_entry().unwrap().is_none());
}

#[test]
fn the_same_input_gives_the_same_bytes_whatever_the_order_of_files() {
    let mut other = package();
    other.files.reverse();
    other.requires.reverse();
    assert_eq!(written(&package()), written(&other));
    other.build_time += 1;
    assert_ne!(written(&package()), written(&other));
}

#[test]
fn a_package_without_files_or_anything_optional_is_one_too() {
    let least = Builder { summary: "x".to_owned(), files: Vec::new(), epoch: None, ..package() };
    let least = Builder { url: None, vendor: None, bug_url: None, packager: None, changelog: Vec::new(), ..least };
    let bytes = written(&least);
    let mut from = Cursor::new(bytes);
    let read = Package::read(&mut from).unwrap();
    assert_eq!(read.nevra().unwrap().to_string(), "chess-release-1~rc1-3.noarch");
    assert!(read.files().unwrap().is_empty() && read.changelogs().is_empty());
    assert!(Payload::new(&read, from).unwrap().next_entry().unwrap().is_none());
}

#[test]
fn what_rpm_would_not_take_is_refused_by_name() {
    let refused = |package: Builder, words: &str| {
        let mut bytes = Vec::new();
        match package.write(&mut bytes) {
            Err(Error::NotBuildable(reason)) => assert!(reason.contains(words), "{reason}"),
            other => panic!("{words}: {other:?}"),
        }
        assert!(bytes.is_empty(), "{words}");
    };
    for bad in ["", "a b", "-a", "a/b", "a%b", "ž"] {
        refused(Builder { name: bad.to_owned(), ..package() }, "its name");
    }
    for bad in ["", "1-2", "1:2", "~1", "1 2"] {
        refused(Builder { version: bad.to_owned(), ..package() }, "its version");
        refused(Builder { release: bad.to_owned(), ..package() }, "its release");
    }
    refused(Builder { summary: " ".to_owned(), ..package() }, "its summary is empty");
    refused(Builder { summary: "a\nb".to_owned(), ..package() }, "more than one line");
    refused(Builder { license: String::new(), ..package() }, "its licence is empty");
    refused(Builder { vendor: Some("a\0b".to_owned()), ..package() }, "NUL");
    refused(Builder { description: "x".repeat(2 << 20), ..package() }, "texts");
    refused(Builder { build_time: 1 << 32, ..package() }, "2106");
    let with = |path: &str| Builder { files: vec![file(path, "", false)], ..package() };
    for bad in ["", "/", "etc/x", "/etc/", "/etc/../x", "/etc//x", "/./x", "/a\nb", "/a\0b"] {
        refused(with(bad), "no plain absolute path");
    }
    refused(with(&format!("/{}", "x".repeat(5000))), "no plain absolute path");
    let twice = vec![file("/x", "", false), file("/x", "1", false)];
    refused(Builder { files: twice, ..package() }, "there twice");
    let below = vec![file("/x", "", false), file("/x/y", "", false)];
    refused(Builder { files: below, ..package() }, "below another file");
    let mode = vec![File { mode: 0o100_644, ..file("/x", "", false) }];
    refused(Builder { files: mode, ..package() }, "more than permissions");
    let many = (0..5000).map(|number| file(&format!("/x{number}"), "", false)).collect();
    refused(Builder { files: many, ..package() }, "4096 files");
}
