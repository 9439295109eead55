//! Repositories whose makers mean harm: nothing that they write becomes a tag, a link of its own kind, or a file elsewhere.

use copr_repodata::{Changelog, Checksum, ChecksumKind, Compression, File, FileKind, Record};
use copr_rpm::{Dependency, Nevra};
use copr_view::Repository;
use copr_view::site::{SiteOptions, write};
use proptest::prelude::*;

use super::html::check;
use super::shelf::{compressed, publish, with_comps};
use super::site::atom;

/// Texts that mean something where they should not.
const PIECES: &[&str] = &[
    "<script>alert(1)</script>",
    "\"",
    "'",
    "\" onmouseover=\"x",
    "&amp;",
    "&#60;",
    "]]>",
    "-->",
    "javascript:x",
    "//evil.example/",
    "..",
    "../",
    "/",
    "\\",
    "%2e%2e/",
    "%",
    "#",
    "?",
    ":",
    "\n",
    "\t",
    "\u{202E}",
    "\u{7F}",
    "é",
    "漢",
    "A",
    "a",
    "b",
    "1",
    "-",
    ".",
    "~",
    "^",
    "+",
    " ",
    "(",
    ")",
    "con",
    "index",
    ",2",
];

fn text() -> impl Strategy<Value = String> {
    proptest::collection::vec(proptest::sample::select(PIECES), 1..6).prop_map(|pieces| pieces.concat())
}

fn record() -> impl Strategy<Value = Record> {
    let names = (text(), text(), text(), text(), text(), text());
    let more = (text(), text(), text(), text(), any::<u64>(), any::<bool>());
    (names, more).prop_map(
        |((name, version, release, arch, summary, url), (dependency, path, base, group, time, other))| {
            let sum = Checksum::of(ChecksumKind::Sha256, format!("{name}{version}{path}{time}").as_bytes()).unwrap().0;
            Record {
                checksum: sum,
                nevra: Nevra { name: name.clone(), epoch: u32::from(other), version, release, arch },
                summary: summary.clone(),
                description: summary.clone(),
                url,
                license: dependency.clone(),
                vendor: summary.clone(),
                packager: base.clone(),
                buildhost: group.clone(),
                group,
                time_build: time,
                location_href: path.clone(),
                location_base: other.then_some(base),
                sourcerpm: dependency.clone(),
                provides: vec![Dependency::named(name), Dependency::named(dependency.clone())],
                requires: vec![Dependency::named(dependency), Dependency::named(path.clone())],
                files: vec![File { path, kind: FileKind::Ghost, digest: None }],
                changelogs: vec![Changelog { time, author: summary.clone(), text: summary }],
                ..Record::default()
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn whatever_metadata_say_pages_are_whole(
        records in proptest::collection::vec(record(), 1..12),
        group in text(),
        title in text(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let (dir, to) = (folder.path().join("repo"), folder.path().join("site"));
        let escaped = group.replace('&', "&amp;").replace('<', "&lt;").replace(['\u{7F}'], "");
        let member = records[0].nevra.name.replace('&', "&amp;").replace('<', "&lt;");
        let one = format!(
            "<group><id>{escaped}</id><name>{escaped}</name><description>{escaped}</description><packagelist>\
             <packagereq>{member}</packagereq></packagelist></group>"
        );
        let comps = format!("<comps>{one}{one}</comps>");
        publish(&dir, &records, with_comps(folder.path(), &comps, compressed(Compression::Gzip)));
        let repository = Repository::open(&dir, &title, &mut |_| ()).unwrap();
        fs_err::create_dir(&to).unwrap();
        let options = SiteOptions { files: Some("PACKAGES/".to_owned()), json: true, base_url: None };
        let written = write(&repository, &to, &options, &|_| ()).unwrap();
        // Of two packages at one place the publisher keeps one.
        prop_assert_eq!(written.packages, repository.index().about().packages as u64);
        prop_assert_eq!(check(&to, "PACKAGES/") as u64, written.pages);
        atom(&fs_err::read_to_string(to.join("feed.atom")).unwrap());
        for package in repository.index().packages() {
            repository.record(package).unwrap();
        }
    }
}

#[test]
fn a_name_with_very_many_versions_costs_no_more_each() {
    let folder = tempfile::tempdir().unwrap();
    let (dir, to) = (folder.path().join("repo"), folder.path().join("site"));
    let records: Vec<Record> = (0..5000)
        .map(|number| {
            let nevra = Nevra {
                name: "same".to_owned(),
                epoch: 0,
                version: "1".to_owned(),
                release: (number % 7).to_string(),
                arch: "noarch".to_owned(),
            };
            let same = || vec![Dependency::named("same")];
            Record {
                checksum: Checksum::of(ChecksumKind::Sha256, number.to_string().as_bytes()).unwrap().0,
                nevra,
                location_href: format!("{number}.rpm"),
                provides: same(),
                requires: same(),
                ..Record::default()
            }
        })
        .collect();
    publish(&dir, &records, compressed(Compression::Zstd));
    let repository = Repository::open(&dir, "x", &mut |_| ()).unwrap();
    fs_err::create_dir(&to).unwrap();
    let written = write(&repository, &to, &SiteOptions::default(), &|_| ()).unwrap();
    assert!(written.packages == 5000 && written.size < 5000 * 64 * 1024, "{written:?}");
}
