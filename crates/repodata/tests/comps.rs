//! Groups of packages: read, written, united.

use copr_repodata::comps::{
    self, Blacklisted, Category, Comps, Environment, Group, GroupPackage, GroupRef, IgnoredDependency, Langpack,
    PackageKind, Text,
};
use copr_repodata::{Error, Warning, warning};
use proptest::prelude::*;

fn read(bytes: &[u8]) -> Result<Comps, Error> {
    comps::read(bytes, &mut warning::ignore)
}

fn with_warnings(inside: &str) -> (Comps, String) {
    let mut warnings: Vec<Warning> = Vec::new();
    let text = format!("<comps>{inside}</comps>");
    let comps = comps::read(text.as_bytes(), &mut |warning| warnings.push(warning)).unwrap();
    (comps, warnings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("fixtures/comps/", $name))
    };
}

#[test]
fn groups_are_written_as_libcomps_writes_them() {
    assert_eq!(read(fixture!("plain.written.xml").as_bytes()).unwrap().render(), fixture!("plain.written.xml"));
}

#[test]
fn all_that_a_file_says_is_kept() {
    let comps = read(fixture!("full.xml").as_bytes()).unwrap();
    let group = &comps.groups[0];
    assert_eq!(group.name.in_language("cs"), "Jádro");
    assert_eq!(group.name.in_language("de"), "Core & é");
    assert_eq!((group.default, group.uservisible, group.biarchonly), (Some(true), Some(false), Some(false)));
    assert_eq!((group.arch.as_deref(), group.langonly.as_deref()), (Some("x86_64"), Some("cs")));
    let conditional = GroupPackage {
        name: "kbash".into(),
        kind: PackageKind::Conditional,
        requires: Some("kde".into()),
        basearchonly: Some(true),
        arch: Some("x86_64,i386".into()),
    };
    assert_eq!(group.packages[1], conditional);
    assert_eq!(group.packages[2].kind, PackageKind::Mandatory, "as libcomps takes it where no type is");
    assert_eq!(comps.environments[0].options[0].default, Some(true));
    assert_eq!(comps.environments[0].options[1].arch.as_deref(), Some("ppc"));
    assert_eq!(comps.whiteout, [IgnoredDependency { requires: "r".into(), package: "p".into() }]);
    assert_eq!(read(comps.render().as_bytes()).unwrap(), comps);
}

/// What libcomps keeps when it unites and writes: no flags that have their default, no blacklist; its own order.
fn as_libcomps_keeps(mut comps: Comps) -> Comps {
    for group in &mut comps.groups {
        group.default = group.default.filter(|on| *on);
        group.uservisible = group.uservisible.filter(|on| !*on);
    }
    comps.groups.sort_by_key(|group| group.id.clone());
    Comps { blacklist: Vec::new(), whiteout: Vec::new(), ..comps }
}

#[test]
fn files_are_united_as_libcomps_unites_them() {
    let [plain, later, united] = [fixture!("plain.xml"), fixture!("later.xml"), fixture!("united.xml")]
        .map(|text| read(text.as_bytes()).unwrap());
    let merged = comps::merge([plain.clone(), later]);
    assert_eq!(merged.blacklist, plain.blacklist, "libcomps forgets these");
    assert_eq!(as_libcomps_keeps(merged), as_libcomps_keeps(united));
}

#[test]
fn what_a_later_file_does_not_say_stays() {
    let (first, _) = with_warnings(
        "<group><id>g</id><name>G</name><name xml:lang=\"cs\">Č</name><uservisible>false</uservisible></group>",
    );
    let (second, _) = with_warnings("<group><id>g</id><name xml:lang=\"de\">D</name><default>true</default></group>");
    let group = &comps::merge([first, second]).groups[0];
    let translations = vec![("cs".to_owned(), "Č".to_owned()), ("de".to_owned(), "D".to_owned())];
    assert_eq!(group.name, Text { default: "G".into(), translations });
    assert_eq!((group.default, group.uservisible), (Some(true), Some(false)));
}

#[test]
fn what_is_passed_over_or_made_up_is_told() {
    let (comps, told) = with_warnings(
        "<odd/><group><id>g</id><default>maybe</default><display_order>x</display_order><packagelist>\
         <packagereq type=\"weird\">p</packagereq><packagereq/><other/></packagelist></group><group><name>n</name></group>",
    );
    for part in ["<odd>", "`maybe`", "`x`", "`weird`", "without a name", "<other>", "without <id>"] {
        assert!(told.contains(part), "{part} is not in {told}");
    }
    assert_eq!((comps.groups.len(), comps.groups[0].packages.len()), (1, 1));
    assert_eq!((comps.groups[0].default, comps.groups[0].display_order), (None, None));
}

#[test]
fn of_a_translation_that_is_written_twice_the_last_one_stands() {
    let (comps, _) = with_warnings(
        "<group><id>g</id><name xml:lang=\"cs\">1</name><name xml:lang=\"cs\">2</name><name xml:lang=\"\">n</name></group>",
    );
    let translations = vec![("cs".to_owned(), "2".to_owned())];
    assert_eq!(comps.groups[0].name, Text { default: "n".into(), translations });
}

#[test]
fn what_is_no_comps_is_an_error() {
    let bomb = "<!DOCTYPE c [<!ENTITY a \"aaaa\">]><comps><group><id>&a;</id></group></comps>";
    for document in ["", "<html/>", "<comps>", "<comps><group></comps>", bomb] {
        assert!(read(document.as_bytes()).unwrap_err().to_string().contains("comps"), "{document}");
    }
    let deep = format!("<comps><group><packagelist>{}", "<a>".repeat(100_000));
    assert!(read(deep.as_bytes()).unwrap_err().to_string().contains("256 elements inside each other"));
}

#[test]
fn a_file_cut_at_any_byte_is_an_error() {
    let whole = fixture!("full.xml").trim_end();
    for end in 0..whole.len() {
        assert!(read(&whole.as_bytes()[..end]).is_err(), "cut at {end}");
    }
}

#[test]
fn more_than_64_mib_are_refused() {
    use std::io::Read;
    let from = std::io::BufReader::new("<comps><!--".as_bytes().chain(std::io::repeat(b'a')));
    let error = comps::read(from, &mut warning::ignore).unwrap_err().to_string();
    assert!(error.contains("over 67108864 bytes"), "{error}");
}

/// Text that XML can hold.
fn text() -> impl Strategy<Value = String> {
    "[ -~\t\n\ré€\u{1F600}]{0,10}"
}

fn id() -> impl Strategy<Value = String> {
    "[!-~é]{1,3}"
}

fn optional() -> impl Strategy<Value = Option<String>> {
    prop::option::of(text())
}

fn flag() -> impl Strategy<Value = Option<bool>> {
    any::<Option<bool>>()
}

fn texts() -> impl Strategy<Value = Text> {
    (text(), prop::collection::btree_map("[a-z]{2}", text(), 0..3))
        .prop_map(|(default, translations)| Text { default, translations: translations.into_iter().collect() })
}

fn groups() -> impl Strategy<Value = Vec<GroupRef>> {
    let group = (id(), flag(), optional()).prop_map(|(id, default, arch)| GroupRef { id, default, arch });
    prop::collection::vec(group, 0..3)
}

fn group() -> impl Strategy<Value = Group> {
    let kinds = [PackageKind::Mandatory, PackageKind::Default, PackageKind::Optional, PackageKind::Conditional];
    let package = (id(), prop::sample::select(kinds.to_vec()), optional(), flag(), optional()).prop_map(
        |(name, kind, requires, basearchonly, arch)| GroupPackage { name, kind, requires, basearchonly, arch },
    );
    let packages = prop::collection::vec(package, 0..4);
    let flags = (flag(), flag(), flag());
    let rest = (prop::option::of("[ -~]{1,4}"), any::<Option<i64>>(), optional());
    (id(), texts(), texts(), flags, rest, packages).prop_map(|(id, name, description, flags, rest, packages)| Group {
        id,
        name,
        description,
        default: flags.0,
        uservisible: flags.1,
        biarchonly: flags.2,
        langonly: rest.0,
        display_order: rest.1,
        arch: rest.2,
        packages,
    })
}

fn any_comps() -> impl Strategy<Value = Comps> {
    let category = (id(), texts(), texts(), any::<Option<i64>>(), optional(), groups()).prop_map(
        |(id, name, description, display_order, arch, groups)| Category {
            id,
            name,
            description,
            display_order,
            arch,
            groups,
        },
    );
    let environment = (id(), texts(), texts(), any::<Option<i64>>(), optional(), groups(), groups()).prop_map(
        |(id, name, description, display_order, arch, groups, options)| Environment {
            id,
            name,
            description,
            display_order,
            arch,
            groups,
            options,
        },
    );
    let langpack = (text(), text()).prop_map(|(name, install)| Langpack { name, install });
    let blacklisted = (text(), optional()).prop_map(|(name, arch)| Blacklisted { name, arch });
    let ignored = (text(), text()).prop_map(|(requires, package)| IgnoredDependency { requires, package });
    let list = 0..3usize;
    (
        prop::collection::vec(group(), list.clone()),
        prop::collection::vec(category, list.clone()),
        prop::collection::vec(environment, list.clone()),
        prop::collection::vec(langpack, list.clone()),
        prop::collection::vec(blacklisted, list.clone()),
        prop::collection::vec(ignored, list),
    )
        .prop_map(|(groups, categories, environments, langpacks, blacklist, whiteout)| Comps {
            groups,
            categories,
            environments,
            langpacks,
            blacklist,
            whiteout,
        })
}

proptest! {
    #![proptest_config(ProptestConfig { rng_seed: proptest::test_runner::RngSeed::Fixed(7), ..ProptestConfig::default() })]

    #[test]
    fn any_groups_survive_writing_and_reading(comps in any_comps()) {
        prop_assert_eq!(read(comps.render().as_bytes()).unwrap(), comps);
    }

    #[test]
    fn what_was_united_once_stays_so(comps in any_comps()) {
        let once = comps::merge([comps.clone(), comps]);
        prop_assert_eq!(&comps::merge([once.clone(), once.clone()]), &once);
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&bytes);
        let _ = read(&[b"<comps><group>", &bytes[..]].concat());
    }

    #[test]
    fn no_change_of_bytes_and_no_cut_makes_the_reader_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        end in any::<prop::sample::Index>(),
    ) {
        let mut bytes = fixture!("full.xml").as_bytes().to_vec();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let _ = read(&bytes);
        let _ = read(&bytes[..end.index(bytes.len())]);
    }
}
