//! Advisories: read, written, united.

use copr_repodata::updateinfo::{self, Advisory, Collection, Module, Reference, Sum, UpdatedPackage};
use copr_repodata::{Error, Warning, warning};
use proptest::prelude::*;

fn read(bytes: &[u8]) -> Result<Vec<Advisory>, Error> {
    updateinfo::read(bytes, &mut warning::ignore).collect()
}

fn write(advisories: &[Advisory]) -> String {
    let mut bytes = Vec::new();
    updateinfo::write(&mut bytes, advisories).unwrap();
    String::from_utf8(bytes).unwrap()
}

fn one(inside: &str) -> Advisory {
    read(format!("<updates><update version=\"1\">{inside}</update></updates>").as_bytes()).unwrap().remove(0)
}

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("fixtures/updateinfo/", $name))
    };
}

#[test]
fn advisories_are_written_as_createrepo_c_writes_them() {
    for (read_from, written) in [
        (fixture!("fedora.xml"), fixture!("fedora.written.xml")),
        (fixture!("enterprise.xml"), fixture!("enterprise.written.xml")),
        (fixture!("odd.xml"), fixture!("odd.written.xml")),
        (fixture!("empty.xml"), fixture!("empty.written.xml")),
    ] {
        let advisories = read(read_from.as_bytes()).unwrap();
        assert_eq!(write(&advisories), written);
        assert_eq!(read(written.as_bytes()).unwrap(), advisories, "and read again they are the same");
    }
}

#[test]
fn all_that_an_advisory_says_is_there() {
    let advisory = &read(fixture!("enterprise.xml").as_bytes()).unwrap()[0];
    assert_eq!((advisory.id.as_str(), advisory.kind.as_deref()), ("EXEA-2024:0042", Some("enhancement")));
    assert_eq!(advisory.issued.as_deref(), Some("1714566896"), "dates stay as they are");
    let collection = &advisory.collections[0];
    assert_eq!(collection.module.as_ref().unwrap().version, 9_040_020_240_501_123_456);
    assert_eq!(collection.packages[1].sums[0].kind.as_deref(), Some("sha256"));
    assert!(collection.packages[0].restart_suggested && !collection.packages[0].reboot_suggested);
}

#[test]
fn a_package_keeps_each_of_its_checksums_whatever_their_kind() {
    let text = "<pkglist><collection><package><sum type=\"md5\">aa</sum><sum type=\"sha999\">bb</sum><sum>cc</sum>\
                </package></collection></pkglist>";
    let written = one(text).render();
    for sum in ["<sum type=\"md5\">aa</sum>", "<sum type=\"sha999\">bb</sum>", "<sum>cc</sum>"] {
        assert!(written.contains(sum), "{written}");
    }
}

#[test]
fn what_is_passed_over_is_told() {
    let mut warnings: Vec<Warning> = Vec::new();
    let mut warn = |warning| warnings.push(warning);
    let advisories =
        updateinfo::read(fixture!("odd.xml").as_bytes(), &mut warn).collect::<Result<Vec<_>, _>>().unwrap();
    assert_eq!(advisories.len(), 3);
    let told = warnings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    for part in ["<odd>", "<other>", "`18446744073709551616`", "no id"] {
        assert!(told.contains(part), "{part} is not in {told}");
    }
    assert!(
        Error::from(warnings.remove(0)).to_string().starts_with("updateinfo: "),
        "a strict caller can make it an error"
    );
}

#[test]
fn a_file_of_nothing_but_unknown_elements_gives_a_bounded_number_of_warnings() {
    let mut count = 0;
    let text = format!("<updates>{}</updates>", "<x/>".repeat(5000));
    assert_eq!(updateinfo::read(text.as_bytes(), &mut |_| count += 1).count(), 0);
    assert_eq!(count, 100);
}

#[test]
fn what_is_no_updateinfo_is_an_error() {
    for (document, part) in [
        ("", "no <updates>"),
        ("<html/>", "<html>, not <updates>"),
        ("<updates><update>", "truncated"),
        ("<updates><update></updates>", "well-formed"),
        ("<updates><update><id>&nbsp;</id></update></updates>", "&nbsp;"),
        ("<updates><update from=\"&nbsp;\"/></updates>", "from"),
    ] {
        let error = read(document.as_bytes()).unwrap_err().to_string();
        assert!(error.contains("updateinfo") && (error.contains(part) || part == "from"), "{document}: {error}");
    }
}

#[test]
fn entities_of_a_document_type_are_never_expanded() {
    let document =
        "<!DOCTYPE u [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;\"><!ENTITY f SYSTEM \"/etc/passwd\">]>";
    for name in ["a", "b", "f"] {
        for inside in [format!("<update><id>&{name};</id></update>"), format!("<update from=\"&{name};\"/>")] {
            assert!(read(format!("{document}<updates>{inside}</updates>").as_bytes()).is_err(), "{inside}");
        }
    }
}

#[test]
fn elements_inside_each_other_without_end_are_refused() {
    let deep = "<a>".repeat(100_000);
    for text in [format!("<updates>{deep}"), format!("<updates><update><id>{deep}")] {
        assert!(read(text.as_bytes()).unwrap_err().to_string().contains("256 elements inside each other"));
    }
}

/// Gives the same bytes again and again, without end.
struct Endless(&'static [u8], usize);

impl std::io::Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        for byte in buffer.iter_mut() {
            *byte = self.0[self.1 % self.0.len()];
            self.1 += 1;
        }
        Ok(buffer.len())
    }
}

#[test]
fn an_advisory_without_end_is_refused() {
    use std::io::Read;
    let from = std::io::BufReader::new("<updates><update><id>".as_bytes().chain(Endless(b"a", 0)));
    let error = updateinfo::read(from, &mut warning::ignore).next().unwrap().unwrap_err().to_string();
    assert!(error.contains("over 67108864 bytes"), "{error}");
}

#[test]
fn of_two_versions_of_an_advisory_the_higher_one_stands() {
    let older = Advisory { id: "A".into(), version: Some("9".into()), title: "old".into(), ..Advisory::default() };
    let newer = Advisory { version: Some("10".into()), title: "new".into(), ..older.clone() };
    let unversioned = Advisory { version: None, ..older.clone() };
    for order in [vec![&older, &newer, &unversioned], vec![&unversioned, &newer, &older]] {
        assert_eq!(updateinfo::merge(order.into_iter().cloned()), std::slice::from_ref(&newer));
    }
}

#[test]
fn repositories_of_two_architectures_give_one_advisory_with_the_packages_of_both() {
    let package =
        |arch: &str| UpdatedPackage { name: Some("p".into()), arch: Some(arch.into()), ..UpdatedPackage::default() };
    let with = |packages: Vec<UpdatedPackage>, module: Option<Module>, reboot| Advisory {
        id: "A".into(),
        version: Some("1".into()),
        title: if reboot { "second".into() } else { "first".into() },
        reboot_suggested: reboot,
        references: vec![Reference { id: Some("1".into()), ..Reference::default() }],
        collections: vec![Collection { short: Some("c".into()), name: "C".into(), module, packages }],
        ..Advisory::default()
    };
    let module = Some(Module { name: Some("m".into()), ..Module::default() });
    let merged = updateinfo::merge([
        with(vec![package("x86_64"), package("noarch")], None, false),
        Advisory { title: "without id".into(), ..Advisory::default() },
        with(vec![package("noarch"), package("aarch64")], None, true),
        Advisory { title: "without id".into(), ..Advisory::default() },
        with(vec![package("noarch")], module.clone(), false),
    ]);
    let mut expected = with(vec![package("x86_64"), package("noarch"), package("aarch64")], None, false);
    expected.reboot_suggested = true;
    expected.collections.extend(with(vec![package("noarch")], module, false).collections);
    assert_eq!(merged, [expected, Advisory { title: "without id".into(), ..Advisory::default() }]);
}

/// Text that XML can hold.
fn text() -> impl Strategy<Value = String> {
    "[ -~\t\n\ré€\u{1F600}]{0,12}"
}

fn optional() -> impl Strategy<Value = Option<String>> {
    prop::option::of(text())
}

fn package() -> impl Strategy<Value = UpdatedPackage> {
    let sum = (prop::option::of("[a-z0-9]{0,6}"), "[0-9a-f]{1,8}").prop_map(|(kind, hex)| Sum { kind, hex });
    let fields = prop::collection::vec(optional(), 6);
    (fields, text(), prop::collection::vec(sum, 0..3), any::<[bool; 3]>()).prop_map(
        |(mut fields, filename, sums, flags)| {
            let mut next = || fields.pop().unwrap();
            UpdatedPackage {
                name: next(),
                version: next(),
                release: next(),
                epoch: next(),
                arch: next(),
                src: next(),
                filename,
                sums,
                reboot_suggested: flags[0],
                restart_suggested: flags[1],
                relogin_suggested: flags[2],
            }
        },
    )
}

fn collection() -> impl Strategy<Value = Collection> {
    let module = (optional(), optional(), any::<u64>(), optional(), optional())
        .prop_map(|(name, stream, version, context, arch)| Module { name, stream, version, context, arch });
    (optional(), text(), prop::option::of(module), prop::collection::vec(package(), 0..3))
        .prop_map(|(short, name, module, packages)| Collection { short, name, module, packages })
}

fn advisory() -> impl Strategy<Value = Advisory> {
    let reference = (optional(), optional(), optional(), optional()).prop_map(|(href, id, kind, title)| Reference {
        href,
        id,
        kind,
        title,
    });
    let attributes = prop::collection::vec(optional(), 6);
    let texts = prop::collection::vec(text(), 9);
    let lists = (prop::collection::vec(reference, 0..3), prop::collection::vec(collection(), 0..3));
    (attributes, texts, any::<bool>(), lists).prop_map(|(mut attributes, mut texts, reboot_suggested, lists)| {
        let mut attribute = || attributes.pop().unwrap();
        let mut text = || texts.pop().unwrap();
        Advisory {
            from: attribute(),
            status: attribute(),
            kind: attribute(),
            version: attribute(),
            issued: attribute(),
            updated: attribute(),
            id: text(),
            title: text(),
            rights: text(),
            release: text(),
            pushcount: text(),
            severity: text(),
            summary: text(),
            description: text(),
            solution: text(),
            reboot_suggested,
            references: lists.0,
            collections: lists.1,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { rng_seed: proptest::test_runner::RngSeed::Fixed(7), ..ProptestConfig::default() })]

    #[test]
    fn any_advisories_survive_writing_and_reading(advisories in prop::collection::vec(advisory(), 0..3)) {
        prop_assert_eq!(read(write(&advisories).as_bytes()).unwrap(), advisories);
    }

    #[test]
    fn merging_twice_changes_nothing(advisories in prop::collection::vec(advisory(), 0..4)) {
        let twice: Vec<_> = advisories.iter().chain(&advisories).cloned().collect();
        prop_assert_eq!(updateinfo::merge(twice), updateinfo::merge(advisories));
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&bytes);
        let _ = read(&[b"<updates><update>", &bytes[..]].concat());
    }

    #[test]
    fn no_change_of_bytes_and_no_cut_makes_the_reader_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        end in any::<prop::sample::Index>(),
    ) {
        let mut bytes = fixture!("odd.xml").as_bytes().to_vec();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let _ = read(&bytes);
        let _ = read(&bytes[..end.index(bytes.len())]);
    }
}

#[test]
fn a_document_cut_at_any_byte_is_an_error() {
    let whole = fixture!("enterprise.xml").trim_end();
    for end in 0..whole.len() {
        assert!(read(&whole.as_bytes()[..end]).is_err(), "cut at {end}");
    }
}
