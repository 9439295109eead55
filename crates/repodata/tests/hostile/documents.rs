//! Documents: what is written is read again, however else it may be spelled; nonsense is an error.

use copr_repodata::merge::{Input, MergeOptions, merge};
use copr_repodata::{Document, Record, Repomd, RepomdRecord, read};
use proptest::collection::vec;
use proptest::prelude::*;
use quick_xml::events::Event;

use super::packages::{config, record};
use super::{properties, shelf};

/// What a document says of a record.
fn part(document: Document, record: &Record) -> Record {
    let mut part = match document {
        Document::Primary => {
            return Record {
                files: record.files.iter().filter(|file| file.is_primary()).cloned().collect(),
                file_digest: None,
                changelogs: Vec::new(),
                ..record.clone()
            }
            .without_digests();
        }
        Document::Other => Record { changelogs: record.changelogs.clone(), ..Record::default() },
        _ => Record { files: record.files.clone(), file_digest: record.file_digest, ..Record::default() },
    };
    part.checksum.hex.clone_from(&record.checksum.hex);
    part.nevra.clone_from(&record.nevra);
    if document == Document::Filelists { Record { file_digest: None, ..part }.without_digests() } else { part }
}

trait WithoutDigests {
    fn without_digests(self) -> Self;
}

impl WithoutDigests for Record {
    fn without_digests(mut self) -> Self {
        self.files.iter_mut().for_each(|file| file.digest = None);
        self
    }
}

/// The same document as others might spell it: other order and quotes of attributes, other white space, references,
/// `<a></a>` for `<a/>` and the other way round, CR LF.
fn respelled(text: &str, seed: u64) -> String {
    let mut state = seed | 1;
    let mut chance = |one_in: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33).is_multiple_of(one_in)
    };
    let (declaration, body) = text.split_once("?>").unwrap();
    let mut out = format!("{declaration}?>");
    let mut rest = body;
    while let Some((before, tag)) = rest.split_once('<') {
        for c in before.chars() {
            match c {
                c if c.is_ascii_alphanumeric() && !before.contains('&') && chance(9) => {
                    out.push_str(&format!("&#x{:X};", u32::from(c)));
                }
                '\n' if chance(5) => out.push_str("\r\n"),
                c => out.push(c),
            }
        }
        let (tag, behind) = tag.split_once('>').unwrap();
        rest = behind;
        let Some(name) = tag.split([' ', '/']).next().filter(|name| !name.is_empty()) else {
            out.push_str(&format!("<{tag}{}>", if chance(9) { " " } else { "" }));
            continue;
        };
        let empty = tag.ends_with('/');
        let mut attributes: Vec<(&str, &str)> = Vec::new();
        let mut unread = tag[name.len()..].trim_end_matches('/').trim_start();
        while let Some((key, value)) = unread.split_once("=\"") {
            let (value, behind) = value.split_once('"').unwrap();
            attributes.push((key, value));
            unread = behind.trim_start();
        }
        if chance(3) {
            attributes.reverse();
        }
        out.push_str(&format!("<{name}"));
        for (key, value) in attributes {
            let digits = ["epoch", "date", "file", "build", "installed", "archive", "start", "end"].contains(&key);
            let spelled: String = match value.chars().next() {
                Some(c)
                    if c.is_ascii_alphanumeric() && name != "metadata" && !key.starts_with("xmlns") && chance(4) =>
                {
                    format!("&#{};{}", u32::from(c), &value[1..])
                }
                _ => value.to_owned(),
            };
            let spelled = if digits && chance(4) { format!(" {spelled} ") } else { spelled };
            let quote = if spelled.contains('\'') || chance(2) { '"' } else { '\'' };
            let blank = if chance(4) { "\n   " } else { " " };
            out.push_str(&format!("{blank}{key}{}={quote}{spelled}{quote}", if chance(8) { " " } else { "" }));
        }
        let end = format!("</{name}>");
        if empty && chance(3) {
            out.push_str(&format!(">{end}"));
        } else if let Some(behind) = rest.strip_prefix(&end).filter(|_| !empty && chance(2)) {
            rest = behind;
            out.push_str("/>");
        } else {
            out.push_str(if empty { "/>" } else { ">" });
        }
    }
    out + rest
}

/// The same document with a comment in front of the first package, which only the general reader reads.
fn with_comment(text: &str) -> String {
    text.replacen("<package", "<!-- <package> -->\n<package", 1)
}

/// Pieces that have no business in a document, or are spelled in a way that no tool uses.
const ODDITIES: [&str; 26] = [
    "<!-- a -- b -->",
    "<!-- <package> </package> -->",
    "<!--",
    "-->",
    "<![CDATA[<package>]]>",
    "<![CDATA[",
    "]]>",
    "<?pi </package> ?>",
    "<?",
    "<!DOCTYPE m [<!ENTITY a \"b\">]>",
    "&a;",
    "&#0;",
    "&#1;",
    "&",
    "<package/>",
    "<package a=\"1\" a=\"2\">",
    "<x:package xmlns:x=\"urn:x\"></x:package>",
    "</package>",
    "</metadata>",
    "<file type=\"dir\" type=\"ghost\">/x</file>",
    "<version epoch=\"-1\" ver=\"\"rel=\"\"/>",
    "<unknown><a></b></unknown>",
    "\r\n",
    "\u{FEFF}",
    "\u{1}\u{FFFE}",
    "<location href=\"../../x\"/>",
];

/// One thing done to a document's bytes.
#[derive(Debug, Clone)]
enum Damage {
    Cut,
    Byte(u8),
    Piece(usize),
    Nested(usize),
    Remove(usize),
}

fn damages() -> impl Strategy<Value = Vec<(prop::sample::Index, Damage)>> {
    let damage = prop_oneof![
        1 => Just(Damage::Cut),
        2 => any::<u8>().prop_map(Damage::Byte),
        4 => (0..ODDITIES.len()).prop_map(Damage::Piece),
        1 => (1usize..600).prop_map(Damage::Nested),
        2 => (1usize..40).prop_map(Damage::Remove),
    ];
    vec((any::<prop::sample::Index>(), damage), 1..4)
}

fn damaged(text: &str, damages: &[(prop::sample::Index, Damage)]) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for (at, damage) in damages {
        let at = at.index(bytes.len() + 1);
        match damage {
            Damage::Cut => bytes.truncate(at),
            Damage::Byte(value) => bytes[at..].iter_mut().take(1).for_each(|byte| *byte = *value),
            Damage::Piece(number) => drop(bytes.splice(at..at, ODDITIES[*number].bytes())),
            Damage::Nested(depth) => drop(bytes.splice(at..at, "<a>".repeat(*depth).into_bytes())),
            Damage::Remove(count) => drop(bytes.drain(at..bytes.len().min(at + count))),
        }
    }
    bytes
}

/// Well-formed as the XML specification has it, as far as quick-xml and these few lines can tell.
fn assert_well_formed(text: &str) {
    let is_char = |c| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{10000}'..);
    assert!(text.chars().all(is_char), "a character that XML has not:\n{text}");
    let mut reader = quick_xml::Reader::from_str(text);
    let mut depth = 0;
    loop {
        match reader.read_event().unwrap_or_else(|error| panic!("{error}:\n{text}")) {
            Event::Start(start) => {
                depth += 1;
                start.attributes().for_each(|a| drop(a.unwrap_or_else(|error| panic!("{error}:\n{text}"))));
            }
            Event::Empty(start) => {
                start.attributes().for_each(|a| drop(a.unwrap_or_else(|error| panic!("{error}:\n{text}"))));
            }
            Event::End(_) => depth -= 1,
            Event::Text(part) => assert!(!part.as_ref().contains("]]>"), "{text}"),
            Event::GeneralRef(reference) => {
                let known = ["amp", "lt", "gt", "quot", "apos"].contains(&reference.as_ref());
                assert!(known || reference.resolve_char_ref().unwrap().is_some_and(is_char), "{text}");
            }
            Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!(depth, 0, "{text}");
}

proptest! {
    #![proptest_config(config(48))]

    #[test]
    fn any_record_is_the_same_after_writing_and_reading(records in vec(record(), 0..3)) {
        for document in Document::ALL {
            let text = properties::written(document, &records);
            assert_well_formed(&text);
            let expected: Vec<Record> = records.iter().map(|record| part(document, record)).collect();
            prop_assert_eq!(&properties::read_all(document, text.as_bytes()).unwrap(), &expected);
            let general = properties::read_all(document, with_comment(&text).as_bytes()).unwrap();
            prop_assert_eq!(&general, &expected);
        }
    }

    #[test]
    fn both_readers_read_a_document_the_same_however_it_is_spelled(records in vec(record(), 1..3), seed in any::<u64>()) {
        for document in Document::ALL {
            let text = respelled(&properties::written(document, &records), seed);
            let expected: Vec<Record> = records.iter().map(|record| part(document, record)).collect();
            let fast = properties::read_all(document, text.as_bytes()).unwrap_or_else(|error| panic!("{error}:\n{text}"));
            prop_assert_eq!(&fast, &expected, "the fast reader:\n{}", text);
            let general = properties::read_all(document, with_comment(&text).as_bytes()).unwrap();
            prop_assert_eq!(&general, &expected, "the general reader:\n{}", text);
        }
    }

    #[test]
    fn damaged_documents_are_errors_or_records(records in vec(record(), 1..3), damages in damages()) {
        for document in Document::ALL {
            let text = properties::written(document, &records);
            for other in Document::ALL {
                properties::document(other, &damaged(&text, &damages));
            }
        }
    }

    #[test]
    fn a_document_cut_anywhere_is_an_error(records in vec(record(), 1..3), at in any::<prop::sample::Index>()) {
        for document in Document::ALL {
            let text = properties::written(document, &records);
            let end = at.index(text.len());
            prop_assert!(properties::read_all(document, &text.as_bytes()[..end]).is_err(), "{}", end);
        }
    }

    #[test]
    fn any_index_is_the_same_after_writing_and_reading(
        records in vec((record(), "[a-z_]{1,9}"), 0..4), tags in vec("[ -~é]{0,9}", 0..3), damages in damages(),
    ) {
        let records = records.into_iter().map(|(record, kind)| RepomdRecord {
            kind,
            open_checksum: Some(record.checksum.clone()).filter(|_| record.time_file % 2 == 0),
            checksum: record.checksum,
            location_href: record.location_href,
            location_base: record.location_base,
            timestamp: Some(record.time_file),
            size: Some(record.size_package),
            ..RepomdRecord::default()
        });
        let mut repomd = Repomd { revision: "7".to_owned(), records: records.collect(), ..Repomd::default() };
        repomd.content_tags.clone_from(&tags);
        repomd.distro_tags = tags.into_iter().map(|tag| (Some(tag.clone()).filter(|tag| tag.len() > 3), tag)).collect();
        let text = repomd.write();
        assert_well_formed(&text);
        let read = Repomd::read(text.as_bytes()).unwrap();
        prop_assert_eq!(read.write(), text.clone());
        prop_assert_eq!((read.records.len(), &read.distro_tags), (repomd.records.len(), &repomd.distro_tags));
        properties::repomd(&damaged(&text, &damages));
    }
}

proptest! {
    #![proptest_config(config(24))]

    /// Text of packages goes from repository to repository as it is. One bad package must not spoil all.
    #[test]
    fn what_is_taken_over_from_a_damaged_repository_is_well_formed(
        damages in damages(), document in prop::sample::select(vec!["primary", "filelists", "other"]),
    ) {
        let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        shelf::publish(dirs[0].path(), 1, &[shelf::package("a-1-1.noarch"), shelf::package("b-1-1.noarch")]);
        let mut valid = false;
        shelf::rewrite(dirs[0].path(), document, |text| match String::from_utf8(damaged(&text, &damages)) {
            Ok(damaged) => {
                valid = true;
                damaged
            }
            Err(_) => text,
        });
        let input = Input { dir: dirs[0].path().to_owned(), url: "in".to_owned() };
        let options = MergeOptions { omit_base: true, ..MergeOptions::new(shelf::output(2)) };
        if valid && merge(&[input], dirs[1].path(), &options, &mut |_| ()).is_ok() {
            for record in &shelf::index(dirs[1].path()).records {
                let mut text = String::new();
                let path = dirs[1].path().join(&record.location_href);
                std::io::Read::read_to_string(&mut read::open(&path).unwrap(), &mut text).unwrap();
                assert_well_formed(&text);
            }
            read::load(dirs[1].path()).unwrap();
        }
    }
}
