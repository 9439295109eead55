//! Records of packages, and their XML.

use crate::small_rpm::{Value, archive, entries, odd, rpm, text, texts};
use copr_repodata::{Checksum, ChecksumKind, FileKind, Fragments, Record, RecordOptions, read};
use std::io::Write;
use std::path::Path;

fn record_of(bytes: &[u8]) -> Result<Record, copr_repodata::Error> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("greet.rpm");
    fs_err::write(&path, bytes).unwrap();
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_001)).unwrap();
    Record::from_file(&path, "Packages/greet.rpm", &RecordOptions::default())
}

fn with(changes: &[(u32, Value)]) -> Vec<u8> {
    let mut all = entries();
    all.retain(|(tag, _)| !changes.iter().any(|(changed, _)| changed == tag));
    all.extend(changes.iter().cloned());
    rpm(&all, &archive())
}

/// A record that went through XML and back.
fn again(record: &Record) -> Record {
    let Fragments { primary, filelists, other, .. } = record.render();
    let primary = format!("<metadata xmlns:rpm=\"r\">{primary}</metadata>");
    let mut read = read::primary(primary.as_bytes()).next().unwrap().unwrap();
    let filelists = format!("<filelists>{filelists}</filelists>");
    let files = read::filelists(filelists.as_bytes()).next().unwrap().unwrap();
    let other = format!("<otherdata>{other}</otherdata>");
    let changes = read::other(other.as_bytes()).next().unwrap().unwrap();
    assert_eq!((&files.pkgid, &changes.pkgid), (&read.checksum.hex, &read.checksum.hex));
    assert_eq!((&files.nevra, &changes.nevra), (&read.nevra, &read.nevra));
    read.files = files.files;
    read.changelogs = changes.changelogs;
    read
}

#[test]
fn the_primary_xml_of_a_package_is_that_of_createrepo_c() {
    let bytes = with(&[]);
    let record = record_of(&bytes).unwrap();
    let expected = format!(
        r#"<package type="rpm">
  <name>greet</name>
  <arch>noarch</arch>
  <version epoch="1" ver="1.0" rel="2"/>
  <checksum type="sha256" pkgid="YES">{sum}</checksum>
  <summary>Says hello</summary>
  <description>Says hello,
loudly.</description>
  <packager></packager>
  <url></url>
  <time file="1700000001" build="1700000000"/>
  <size package="{size}" installed="12" archive="0"/>
  <location href="Packages/greet.rpm"/>
  <format>
    <rpm:license>MIT</rpm:license>
    <rpm:vendor></rpm:vendor>
    <rpm:group></rpm:group>
    <rpm:buildhost></rpm:buildhost>
    <rpm:sourcerpm>greet-1.0-2.src.rpm</rpm:sourcerpm>
    <rpm:header-range start="136" end="{end}"/>
    <rpm:provides>
      <rpm:entry name="greet" flags="EQ" epoch="1" ver="1.0" rel="2"/>
    </rpm:provides>
    <rpm:requires>
      <rpm:entry name="/bin/sh" pre="1"/>
    </rpm:requires>
    <file type="dir">/etc/greet</file>
    <file>/usr/bin/greet</file>
  </format>
</package>
"#,
        sum = record.checksum.hex,
        size = bytes.len(),
        end = bytes.len() - archive().len(),
    );
    assert_eq!(record.render().primary, expected);
}

#[test]
fn changes_are_written_oldest_first_with_times_that_grow() {
    let record = record_of(&with(&[
        (1080, Value::U32(vec![100, 100, 100])),
        (1081, texts(&["C  ", "B", "A"])),
        (1082, texts(&["3", "2", "1"])),
    ]))
    .unwrap();
    let changes: Vec<_> = record.changelogs.iter().map(|c| (c.time, c.author.as_str(), c.text.as_str())).collect();
    assert_eq!(changes, [(100, "A", "1"), (101, "B", "2"), (102, "C", "3")]);
}

#[test]
fn a_record_survives_writing_and_reading() {
    let hard = "<&>\"' \t\n\r é 🚀 ]]> &amp; end ";
    let record = record_of(&with(&[
        (1004, text(hard)),
        (1005, text(hard)),
        (1047, texts(&["greet", "weird(<&\"é>)"])),
        (1112, Value::U32(vec![8, 2])),
        (1113, texts(&["1:1.0-2", "0~a^b"])),
        (1117, texts(&["a&b <é>.conf", "greet"])),
        (1081, texts(&["Ž <n@x> \"q\"", "Old"])),
        (5046, texts(&["weak"])),
        (5048, Value::U32(vec![0])),
        (5047, texts(&[""])),
    ]))
    .unwrap();
    assert_eq!(again(&record), record);
}

#[test]
fn control_characters_are_replaced_and_the_package_stays() {
    let record = record_of(&with(&[(1005, text("a\u{1b}[1m\u{8}b")), (1004, text("\u{FFFE}"))])).unwrap();
    let read = again(&record);
    assert_eq!(read.description, "a\u{FFFD}[1m\u{FFFD}b");
    assert_eq!(read.summary, "\u{FFFD}");
}

#[test]
fn text_that_is_not_utf8_is_read_as_latin1() {
    let record = record_of(&with(&[(1004, Value::Text(b"Beno\xeet".to_vec()))])).unwrap();
    assert_eq!(record.summary, "Benoît");
}

#[test]
fn a_ghost_directory_is_a_directory_and_other_ghosts_are_ghosts() {
    let record = record_of(&with(&[(1037, Value::U32(vec![64, 64]))])).unwrap();
    assert_eq!(record.files.iter().map(|f| f.kind).collect::<Vec<_>>(), [FileKind::Dir, FileKind::Ghost]);
}

#[test]
fn a_source_package_is_of_architecture_src_and_has_no_source() {
    let mut all = entries();
    all.retain(|(tag, _)| *tag != 1044);
    let binary = record_of(&rpm(&all, &archive())).unwrap();
    assert_eq!((binary.nevra.arch.as_str(), binary.sourcerpm.as_str()), ("noarch", "(none)"), "as rpm has it");
    all.push((1106, Value::U32(vec![1])));
    let source = record_of(&rpm(&all, &archive())).unwrap();
    assert_eq!((source.nevra.arch.as_str(), source.sourcerpm.as_str()), ("src", ""));
}

#[test]
fn what_is_no_regular_file_is_refused_without_waiting() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("pipe.rpm");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RWXU).unwrap();
    for path in [pipe.as_path(), dir.path()] {
        let error = Record::from_file(path, "x.rpm", &RecordOptions::default()).unwrap_err().to_string();
        assert!(error.contains(path.to_str().unwrap()) && error.contains("no regular file"), "{error}");
    }
}

#[test]
fn a_package_cut_at_any_byte_has_no_record() {
    let bytes = with(&[]);
    assert!(record_of(&bytes).is_ok());
    for end in (0..bytes.len()).step_by(7).chain([bytes.len() - 1]) {
        let error = record_of(&bytes[..end]).unwrap_err().to_string();
        assert!(error.contains("greet.rpm"), "cut at {end}: {error}");
    }
}

#[test]
fn a_missing_file_is_named() {
    let error = Record::from_file(Path::new("/nonexistent/x.rpm"), "x.rpm", &RecordOptions::default()).unwrap_err();
    assert!(error.to_string().contains("/nonexistent/x.rpm"), "{error}");
}

#[test]
fn odd_packages_have_records_that_survive_writing_and_reading() {
    for (name, bytes) in odd::packages() {
        let record = record_of(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        if name != "control-characters" {
            assert_eq!(again(&record), record, "{name}");
        }
    }
}

#[test]
fn a_package_of_format_3_provides_itself_though_it_does_not_say_so() {
    let (_, bytes) = odd::packages().into_iter().find(|(name, _)| name == "format-3").unwrap();
    let record = record_of(&bytes).unwrap();
    assert_eq!(record.provides.iter().map(ToString::to_string).collect::<Vec<_>>(), ["format-3 = 1:1.0-2"]);
    // It requires a primary file that is its own, listed by whole path.
    assert_eq!(record.requires.iter().map(ToString::to_string).collect::<Vec<_>>(), ["/bin/sh"]);
}

#[test]
fn digests_of_files_are_kept_only_where_asked_for_and_their_kind_is_told() {
    let kinds = [
        (None, Some(ChecksumKind::Md5)),
        (Some(1), Some(ChecksumKind::Md5)),
        (Some(2), Some(ChecksumKind::Sha1)),
        (Some(8), Some(ChecksumKind::Sha256)),
        (Some(9), Some(ChecksumKind::Sha384)),
        (Some(10), Some(ChecksumKind::Sha512)),
        (Some(11), Some(ChecksumKind::Sha224)),
        (Some(6), None),
    ];
    for (number, kind) in kinds {
        let mut changes = vec![(1035, texts(&["", "0af1"]))];
        changes.extend(number.map(|number| (5011, Value::U32(vec![number]))));
        let bytes = with(&changes);
        let package = copr_rpm::Package::read(&*bytes).unwrap();
        let options = RecordOptions { file_digests: true, ..RecordOptions::default() };
        let record = Record::from_package(&package, &options).unwrap();
        assert_eq!(record.file_digest, kind, "{number:?}");
        let digests: Vec<_> = record.files.iter().map(|f| f.digest.as_deref()).collect();
        assert_eq!(digests, [None, Some("0af1")], "a directory has none");
        let record = Record::from_package(&package, &RecordOptions::default()).unwrap();
        assert!(record.file_digest.is_none() && record.files.iter().all(|f| f.digest.is_none()));
    }
}

#[test]
fn a_checksum_that_is_known_is_taken_and_all_else_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("greet.rpm");
    // A header over several reads, and a payload over several more.
    let long = "x".repeat(300_000);
    let mut all = entries();
    all.push((1016, text(&long)));
    fs_err::write(&path, rpm(&all, &vec![7; 1_000_000])).unwrap();
    let options = RecordOptions::default();
    let whole = Record::from_file(&path, "greet.rpm", &options).unwrap();
    let bytes = fs_err::read(&path).unwrap();
    assert_eq!(Checksum::of(ChecksumKind::Sha256, &*bytes).unwrap(), (whole.checksum.clone(), whole.size_package));
    let unknown = Record::from_file_trusting(&path, "greet.rpm", &options, |_| None).unwrap();
    assert_eq!(unknown, whole);
    let known = Checksum::new(ChecksumKind::Sha256, &"5".repeat(64)).unwrap();
    let trusting = Record::from_file_trusting(&path, "greet.rpm", &options, |package| {
        assert_eq!(package.nevra().unwrap(), whole.nevra);
        Some(known.clone())
    });
    assert_eq!(trusting.unwrap(), Record { checksum: known, ..whole });
}

#[test]
fn a_file_that_changes_while_it_is_read_has_no_record() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("greet.rpm");
    let options = RecordOptions::default();
    let known = Checksum::new(ChecksumKind::Sha256, &"5".repeat(64)).unwrap();
    for known in [None, Some(known)] {
        fs_err::write(&path, with(&[])).unwrap();
        let result = Record::from_file_trusting(&path, "greet.rpm", &options, |_| {
            std::fs::File::options().append(true).open(&path).unwrap().write_all(b"more").unwrap();
            known.clone()
        });
        let error = result.unwrap_err().to_string();
        assert!(error.contains("greet.rpm: it changed while it was read"), "{error}");
        // Of the same size, but of another time.
        let result = Record::from_file_trusting(&path, "greet.rpm", &options, |_| {
            let file = std::fs::File::options().write(true).open(&path).unwrap();
            file.set_modified(std::time::UNIX_EPOCH).unwrap();
            known.clone()
        });
        assert!(result.unwrap_err().to_string().contains("changed"));
    }
}

#[test]
fn a_file_that_is_shorter_than_its_package_says_is_truncated_also_where_its_checksum_is_known() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("greet.rpm");
    let bytes = with(&[]);
    fs_err::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    let known = Checksum::new(ChecksumKind::Sha256, &"5".repeat(64)).unwrap();
    for known in [None, Some(known)] {
        let result = Record::from_file_trusting(&path, "greet.rpm", &RecordOptions::default(), |_| known.clone());
        let error = result.unwrap_err().to_string();
        let expected =
            format!("greet.rpm: the file is truncated: it ends inside the payload at byte {}", bytes.len() - 1);
        assert!(error.ends_with(&expected), "{error}");
    }
}
