//! Modules: read, united, written.

use copr_repodata::modules::{self, Document, DocumentKind};
use copr_repodata::{Error, Warning, warning};
use proptest::prelude::*;

fn read(text: &str) -> Vec<Document> {
    modules::read(text.as_bytes(), &mut warning::ignore).unwrap()
}

fn error(text: &str) -> String {
    modules::read(text.as_bytes(), &mut warning::ignore).unwrap_err().to_string()
}

/// Unites files; the second of the pair is what was told.
fn unite(files: &[&str]) -> (Vec<Document>, String) {
    let mut warnings: Vec<Warning> = Vec::new();
    let files = files.iter().map(|text| read(text)).collect();
    let merged = modules::merge(files, &mut |warning| warnings.push(warning)).unwrap();
    (merged, warnings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

fn defaults(modified: u64, rest: &str) -> String {
    format!("document: modulemd-defaults\nversion: 1\ndata:\n  module: m\n  modified: {modified}\n{rest}")
}

fn build(version: u64, summary: &str) -> String {
    format!(
        "---\ndocument: modulemd\nversion: 2\ndata:\n  name: m\n  stream: 1.10\n  version: {version}\n  context: c\n  \
         arch: noarch\n  summary: {summary}\n"
    )
}

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("fixtures/modules/", $name))
    };
}

#[test]
fn a_document_says_what_it_is_about_and_keeps_its_text() {
    let documents = read(fixture!("first.yaml"));
    let kinds: Vec<_> = documents.iter().map(|document| document.kind.clone()).collect();
    use DocumentKind::{Defaults, Obsoletes, Stream, Translations};
    assert_eq!(kinds, [Defaults, Defaults, Translations, Obsoletes, Stream, Stream]);
    assert_eq!((documents[0].module.as_str(), documents[0].stream.as_str()), ("greet", "1.10"));
    assert_eq!((documents[0].format, documents[0].modified), (1, 202_401_010_000));
    assert_eq!(documents[3].modified, 202_401_010_000, "dates of obsoletes too");
    assert_eq!(documents[4].nsvca(), "greet:1.10:20240101000000:aabbccdd:x86_64");
    assert_eq!(documents[4].artifacts()[1], "greet-libs-0:1.10-1.module_el9.x86_64");
    assert!(documents[0].text().starts_with("# Modules of the first repository\n---\ndocument: modulemd-defaults\n"));
    assert!(fixture!("first.yaml").contains(documents[4].text()));
}

#[test]
fn streams_are_texts_even_if_they_look_like_numbers() {
    let document =
        &read("document: modulemd\nversion: 2\ndata: {name: m, stream: 1.10, version: 7, context: 00, arch: no}")[0];
    assert_eq!(document.nsvca(), "m:1.10:7:00:no");
}

#[test]
fn files_are_united_as_libmodulemd_unites_them() {
    let (merged, told) = unite(&[fixture!("first.yaml"), fixture!("second.yaml"), fixture!("third.yaml")]);
    let expected = read(fixture!("united.yaml"));
    let about = |documents: &[Document]| {
        documents.iter().map(|d| (d.kind.clone(), d.nsvca(), d.modified, d.artifacts().to_vec())).collect::<Vec<_>>()
    };
    assert_eq!(about(&merged), about(&expected));
    assert!(told.contains("`a` in one file and `b` in another"), "{told}");
    assert!(told.contains("`zebra:3:20240101000000:aabbccdd:x86_64` has different contents"), "{told}");
    // Contents: builds that differ would be told, and defaults that say the same as the ones before take their place.
    let mut odd = |warning: Warning| panic!("{warning}");
    let defaults = |documents: &[Document]| {
        let all = documents.iter().filter(|document| document.kind == DocumentKind::Defaults);
        all.map(|document| document.text().to_owned()).collect::<Vec<_>>()
    };
    for [one, other] in [[&merged, &expected], [&expected, &merged]] {
        let again = modules::merge(vec![one.clone(), other.clone()], &mut odd).unwrap();
        assert_eq!((again.len(), defaults(&again)), (one.len(), defaults(other)));
    }
}

#[test]
fn what_is_written_is_read_again() {
    for text in [fixture!("first.yaml"), fixture!("second.yaml"), fixture!("united.yaml")] {
        let documents = read(text);
        assert_eq!(read(&modules::write(&documents)), documents);
    }
    assert_eq!(modules::write(&read(fixture!("united.yaml"))), fixture!("united.yaml"), "libmodulemd's own bytes");
}

#[test]
fn documents_are_cut_at_their_markers_only() {
    let file = "\u{FEFF}# head\n%YAML 1.2\n---\ndocument: x\ntext: |\n  --- not a marker\n   ...\n...\n# between\n\
                ...\n--- {document: y, a: \"-- -\"}\n---\n---\n# nothing\n---\r\ndocument: z\r\n---not: a marker\n...\ndocument: last";
    let documents = read(file);
    let kinds: Vec<_> = documents.iter().map(|document| document.kind.clone()).collect();
    assert_eq!(kinds, ["x", "y", "z", "last"].map(|kind| DocumentKind::Other(kind.into())));
    assert!(documents[0].text().starts_with("# head\n%YAML 1.2\n---\n"));
    assert_eq!(documents[3].text(), "---\ndocument: last\n", "a marker and a line end are added");
    assert_eq!(read(&modules::write(&documents)), documents);
    assert_eq!(read(""), []);
}

#[test]
fn defaults_that_one_document_says_keep_its_text() {
    let old = defaults(1, "  stream: a\n  profiles: {a: [p]}\n# a comment\n");
    let new = defaults(2, "  stream: b\n  profiles: {a: [q], b: []} # another\n");
    for files in [[&old, &new], [&new, &old]] {
        let (merged, told) = unite(&files.map(String::as_str));
        assert_eq!((merged.len(), told.as_str()), (1, ""));
        assert_eq!(merged[0].text(), format!("---\n{new}"));
    }
}

#[test]
fn defaults_that_no_document_says_alone_are_written_anew() {
    let old = defaults(1, "  profiles: {a: [p, o], \"1.0\": []}\n  intents: {i: {stream: a}, j: {}}\n");
    let new = defaults(2, "  stream: \"\\\"b\\\\\\n\\x07é\"\n  intents: {i: {profiles: {a: [x]}}}\n");
    let (merged, _) = unite(&[&old, &new]);
    let expected = "---\ndocument: modulemd-defaults\nversion: 1\ndata:\n  module: \"m\"\n  modified: 2\n  stream: \
                    \"\\\"b\\\\\\n\\U00000007é\"\n  profiles:\n    \"1.0\": []\n    \"a\": [\"o\", \"p\"]\n  intents:\n    \
                    \"i\":\n      stream: \"a\"\n      profiles:\n        \"a\": [\"x\"]\n    \"j\": {}\n";
    assert_eq!(merged[0].text(), expected);
    assert_eq!(merged[0].stream, "\"b\\\n\u{7}é");
    assert_eq!(read(&modules::write(&merged)), merged);
}

#[test]
fn defaults_of_one_date_that_differ_are_told_or_refused() {
    let files = ["a", "b", "c"].map(|stream| defaults(1, &format!("  stream: {stream}\n")));
    let (merged, told) = unite(&[&files[0], &files[1]]);
    assert!(told.contains("`a` in one file and `b` in another") && told.lines().count() == 1, "{told}");
    assert_eq!(merged[0].stream, "");
    let (merged, _) = unite(&[&files[0], &files[1], &files[2]]);
    assert_eq!(merged[0].stream, "c", "a third file settles it, as it does for libmodulemd");
    for rest in
        ["  profiles: {s: [REST]}\n", "  intents: {s: {stream: REST}}\n", "  intents: {s: {profiles: {s: [REST]}}}\n"]
    {
        let files = ["x", "y"].map(|value| read(&defaults(1, &rest.replace("REST", value)))).to_vec();
        let error = modules::merge(files, &mut warning::ignore).unwrap_err().to_string();
        assert!(error.contains("defaults of `m`") && error.contains("`s`"), "{error}");
    }
}

#[test]
fn a_build_that_is_there_twice_is_kept_once() {
    let same = build(7, "s").replace("summary: s", "summary: \"s\"  # quoted");
    let (merged, told) = unite(&[&build(7, "s"), &same]);
    assert_eq!((merged.len(), told.as_str()), (1, ""));
    let (merged, told) = unite(&[&build(7, "s"), &build(7, "t")]);
    assert!(told.contains("`m:1.10:7:c:noarch` has different contents"), "{told}");
    assert_eq!((merged.len(), merged[0].text()), (1, build(7, "s").as_str()));
    assert_eq!(unite(&[&build(7, "s"), &build(8, "s")]).0.len(), 2);
}

#[test]
fn inside_one_file_the_later_defaults_and_translations_stand() {
    let translation = |date, text| {
        format!(
            "---\ndocument: modulemd-translations\nversion: 1\ndata: {{module: m, stream: s, modified: {date}, t: {text}}}\n"
        )
    };
    let file =
        format!("{}{}---\n{}---\n{}", translation(2, "a"), translation(1, "b"), defaults(2, ""), defaults(1, ""));
    let (merged, _) = unite(&[&file]);
    assert_eq!(merged.iter().map(|document| document.modified).collect::<Vec<_>>(), [1, 1]);
    let (merged, _) = unite(&[&translation(2, "a"), &translation(1, "b"), &translation(2, "c")]);
    assert_eq!(
        merged.iter().map(Document::text).collect::<Vec<_>>(),
        [translation(2, "a")],
        "between files the newest does"
    );
}

#[test]
fn documents_of_other_types_are_kept_once_and_last() {
    let other = "---\ndocument: modulemd-future\nversion: 9\ndata: {a: 1}\n";
    let mut warnings = Vec::new();
    let packager = "---\ndocument: modulemd-packager\nversion: 3\ndata: {name: m, stream: s}\n";
    let nameless = "---\ndocument: modulemd\nversion: 2\ndata: {summary: s}\n";
    let file = format!("{other}{packager}{nameless}");
    let documents = modules::read(file.as_bytes(), &mut |warning: Warning| warnings.push(warning.to_string())).unwrap();
    assert!(warnings[0].contains("line 1") && warnings[0].contains("`modulemd-future`"), "{warnings:?}");
    assert!(warnings.iter().any(|told| told.contains("line 5") && told.contains("which module")), "{warnings:?}");
    assert_eq!(documents.len(), 3);
    let (merged, _) = unite(&[&file, &build(1, "s"), &file]);
    let texts: Vec<_> = merged.iter().map(Document::text).collect();
    assert_eq!(texts, [&build(1, "s"), other, packager, nameless]);
}

#[test]
fn what_no_client_could_read_is_an_error_that_names_the_line() {
    let good = build(1, "s");
    for (bad, part) in [
        ("a: [1\n", "no YAML"),
        ("- list\n", "no mapping"),
        ("text\n", "no mapping"),
        ("a: \"\u{1b}[1m\"\n", "U+001B"),
        ("a: \u{FFFE}\n", "U+FFFE"),
        ("a: *nowhere\n", "no YAML"),
        ("a: 1\r---\rb: 2\n", "second document"),
    ] {
        let text = format!("{good}---\n{bad}");
        let told = error(&text);
        assert!(told.contains("line 11") && told.contains(part), "{bad:?}: {told}");
    }
    assert!(modules::read(&b"a: \xff"[..], &mut warning::ignore).unwrap_err().to_string().contains("UTF-8"));
}

#[test]
fn aliases_are_never_followed() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..50 {
        bomb += &format!("a{level}: &a{level} [{}]\n", vec![format!("*a{}", level - 1); 9].join(", "));
    }
    let document =
        &read(&format!("{bomb}document: modulemd\ndata: {{name: *a49, stream: s, artifacts: {{rpms: *a49}}}}"))[0];
    assert_eq!((document.module.as_str(), document.artifacts().len()), ("", 0));
}

#[test]
fn bounds_of_levels_nodes_documents_and_bytes_hold() {
    assert!(error(&format!("a: {}", "[".repeat(70))).contains("64 levels"));
    let block: String = (0..70).map(|level| format!("{}a:\n", " ".repeat(level))).collect();
    assert!(error(&block).contains("64 levels"));
    for open in ["[", "{", "- ", "? ", "[{"] {
        assert!(error(&format!("a: {}", open.repeat(100_000))).starts_with("modules, document at line 1"), "{open}");
    }
    assert!(error(&format!("a: [{}]", "1,".repeat(1 << 20))).contains("nodes"));
    assert!(error(&"---\na: 1\n".repeat(100_001)).contains("100000 documents"));
    assert!(error(&format!("a: {}", "x".repeat(17 << 20))).contains("16777216 bytes"));
    let endless = modules::read(std::io::repeat(b'a'), &mut warning::ignore).unwrap_err();
    assert!(matches!(endless, Error::TooLarge { limit: 268_435_456, .. }), "{endless}");
}

/// Pieces of YAML that meet each other at odd places.
fn yaml() -> impl Strategy<Value = String> {
    let pieces = [
        "---\n",
        "...\n",
        "document: ",
        "modulemd",
        "modulemd-defaults",
        "\n",
        "data:\n",
        "  name: a\n",
        "  module: a\n",
        "version: 1\n",
        "  stream: ",
        "\"",
        "'",
        "|\n",
        ">-\n",
        "- ",
        "? ",
        ": ",
        "{",
        "}",
        "[",
        "]",
        ",",
        "&a ",
        "*a",
        "!!str ",
        "#",
        "%YAML 1.2\n",
        "\t",
        " ",
        "é",
        "\r",
        "@",
        "0x",
        "~",
        "\\",
        "\u{FEFF}",
    ];
    prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..40).prop_map(|pieces| pieces.concat())
}

/// A file of defaults and builds, of few names so that they meet.
fn file() -> impl Strategy<Value = String> {
    let profiles = prop::collection::btree_map("[ab]", prop::collection::btree_set("[pq]", 0..3), 0..3);
    let defaults = ("[mn]", 1..4u64, prop::option::of("[ab]"), profiles).prop_map(|(module, modified, stream, profiles)| {
        let stream = stream.map(|stream| format!("  stream: {stream}\n")).unwrap_or_default();
        format!(
            "---\ndocument: modulemd-defaults\nversion: 1\ndata:\n  module: {module}\n  modified: {modified}\n{stream}  \
             profiles: {profiles:?}\n"
        )
    });
    let build = (1..4u64, "[st]").prop_map(|(version, summary)| build(version, &summary));
    (prop::collection::vec(defaults, 0..3), prop::collection::vec(build, 0..3))
        .prop_map(|(defaults, builds)| defaults.concat() + &builds.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { rng_seed: proptest::test_runner::RngSeed::Fixed(7), ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = modules::read(&bytes[..], &mut warning::ignore);
    }

    #[test]
    fn no_yaml_makes_the_reader_panic_and_what_is_read_can_be_written(text in yaml()) {
        if let Ok(documents) = modules::read(text.as_bytes(), &mut warning::ignore) {
            prop_assert_eq!(read(&modules::write(&documents)), documents.clone());
            let _ = modules::merge(vec![documents.clone(), documents], &mut warning::ignore);
        }
    }

    #[test]
    fn no_change_of_bytes_and_no_cut_makes_the_reader_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        end in any::<prop::sample::Index>(),
    ) {
        let mut bytes = fixture!("first.yaml").as_bytes().to_vec();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let _ = modules::read(&bytes[..], &mut warning::ignore);
        let _ = modules::read(&bytes[..end.index(bytes.len())], &mut warning::ignore);
    }

    #[test]
    fn what_was_united_stays_so(files in prop::collection::vec(file(), 0..4)) {
        let files: Vec<_> = files.iter().map(|text| read(text)).collect();
        if let Ok(once) = modules::merge(files, &mut warning::ignore) {
            let mut odd = |warning: Warning| panic!("{warning}");
            let again = modules::merge(vec![read(&modules::write(&once)), once.clone()], &mut odd).unwrap();
            prop_assert_eq!(modules::write(&again), modules::write(&once));
        }
    }
}
