//! Databases for old clients: their rows, read with SQLite itself.

use std::path::Path;

use copr_repodata::sqlite::{self, DATABASE_VERSION, Database};
use copr_repodata::{Changelog, Checksum, ChecksumKind, Document, File, FileKind, Record};
use copr_rpm::{Comparison, Dependency, DependencyFlags, Evr, Nevra};
use proptest::prelude::*;
use rusqlite::Connection;
use rusqlite::types::Value;

fn sum(digit: &str) -> Checksum {
    Checksum::new(ChecksumKind::Sha256, &digit.repeat(64)).unwrap()
}

fn greet() -> Record {
    Record {
        checksum: sum("a"),
        nevra: Nevra {
            name: "greet".into(),
            version: "1.0".into(),
            release: "2".into(),
            arch: "noarch".into(),
            epoch: 0,
        },
        summary: "Says hello".into(),
        location_href: "greet-1.0-2.noarch.rpm".into(),
        ..Record::default()
    }
}

fn file(path: &str, kind: FileKind) -> File {
    File { path: path.into(), kind, digest: None }
}

fn write(document: Document, path: &Path, records: &[Record]) {
    let mut database = Database::create(document, path).unwrap();
    records.iter().for_each(|record| database.add(record).unwrap());
    database.finish(&sum("f")).unwrap();
}

/// The rows of a query on a database of these records. NULL and empty text differ.
fn rows(document: Document, records: &[Record], query: &str) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db.sqlite");
    write(document, &path, records);
    select(&path, query)
}

fn select(path: &Path, query: &str) -> Vec<String> {
    let connection = Connection::open(path).unwrap();
    let mut statement = connection.prepare(query).unwrap();
    let columns = statement.column_count();
    let shown = |value| match value {
        Value::Null => "NULL".to_owned(),
        Value::Integer(number) => number.to_string(),
        Value::Text(text) => format!("{text:?}"),
        other => panic!("a column of another type: {other:?}"),
    };
    let rows = statement
        .query_map([], |row| (0..columns).map(|column| row.get(column).map(shown)).collect::<Result<Vec<_>, _>>());
    rows.unwrap().map(|row| row.unwrap().join(" ")).collect()
}

#[test]
fn what_a_package_does_not_say_is_null_or_empty_as_createrepo_c_has_it() {
    let columns = "SELECT pkgKey, epoch, summary, description, url, rpm_license, rpm_vendor, rpm_group, rpm_buildhost, \
                   rpm_sourcerpm, rpm_packager, location_base, checksum_type FROM packages";
    assert_eq!(
        rows(Document::Primary, &[Record { summary: String::new(), ..greet() }], columns),
        [r#"1 "0" NULL NULL NULL NULL "" NULL NULL "" NULL NULL "sha256""#]
    );
}

#[test]
fn what_a_package_says_is_in_its_row() {
    let record = Record {
        nevra: Nevra { epoch: 7, ..greet().nevra },
        description: "Zeile\r\n\t\u{1F680} 'quoted' \"too\"".into(),
        url: "https://example.org/?a=1&b=2".into(),
        packager: "A B <a@b>".into(),
        location_base: Some("https://mirror.example.org/x/".into()),
        size_package: 3,
        size_installed: 5_000_000_000,
        size_archive: 0,
        header_start: 4504,
        header_end: 6833,
        ..greet()
    };
    let columns = "SELECT pkgId, name, arch, version, epoch, release, summary, location_href FROM packages";
    assert_eq!(
        rows(Document::Primary, std::slice::from_ref(&record), columns),
        [format!(r#""{}" "greet" "noarch" "1.0" "7" "2" "Says hello" "greet-1.0-2.noarch.rpm""#, "a".repeat(64))]
    );
    let columns = "SELECT description, url, rpm_packager, location_base, size_package, size_installed, size_archive, \
                   rpm_header_start, rpm_header_end FROM packages";
    assert_eq!(
        rows(Document::Primary, &[record], columns),
        ["\"Zeile\\r\\n\\t\u{1F680} 'quoted' \\\"too\\\"\" \"https://example.org/?a=1&b=2\" \"A B <a@b>\" \
          \"https://mirror.example.org/x/\" 3 5000000000 0 4504 6833"]
    );
}

#[test]
fn times_and_sizes_beyond_32_bits_are_kept_and_those_beyond_sql_are_the_greatest() {
    let record = Record { time_file: 2_200_000_000, time_build: u64::MAX, size_archive: u64::MAX, ..greet() };
    assert_eq!(
        rows(Document::Primary, &[record], "SELECT time_file, time_build, size_archive FROM packages"),
        [format!("2200000000 {max} {max}", max = i64::MAX)]
    );
    let change = Changelog { time: 4_102_444_800, author: "A".into(), text: "- later".into() };
    let record = Record { changelogs: vec![change], ..greet() };
    assert_eq!(
        rows(Document::Other, &[record], "SELECT pkgKey, author, date, changelog FROM changelog"),
        [r#"1 "A" 4102444800 "- later""#]
    );
}

#[test]
fn dependencies_have_a_version_only_beside_a_comparison_and_requires_say_pre() {
    let evr = |epoch, version: &str, release: Option<&str>| {
        Some(Evr { epoch, version: version.into(), release: release.map(Into::into) })
    };
    let compared = |name: &str, comparison, evr| Dependency {
        name: name.into(),
        flags: DependencyFlags::comparing(comparison),
        evr,
    };
    let list = vec![
        Dependency::named("/bin/sh"),
        compared("libx", Comparison::Ge, evr(None, "1.0", None)),
        compared("libx", Comparison::Lt, evr(Some(2), "3", Some("1"))),
        Dependency { evr: evr(Some(1), "9", None), ..Dependency::named("no-comparison") },
        Dependency { flags: DependencyFlags::default().with_pre(), ..Dependency::named("(a or b)") },
    ];
    let expected = [
        r#"1 "/bin/sh" NULL NULL NULL NULL"#,
        r#"1 "libx" "GE" "0" "1.0" NULL"#,
        r#"1 "libx" "LT" "2" "3" "1""#,
        r#"1 "no-comparison" NULL NULL NULL NULL"#,
        r#"1 "(a or b)" NULL NULL NULL NULL"#,
    ];
    let record = Record {
        provides: list.clone(),
        requires: list.clone(),
        conflicts: list.clone(),
        obsoletes: list.clone(),
        suggests: list.clone(),
        enhances: list.clone(),
        recommends: list.clone(),
        supplements: list,
        ..greet()
    };
    for table in ["provides", "requires", "conflicts", "obsoletes", "suggests", "enhances", "recommends", "supplements"]
    {
        let query = format!("SELECT pkgKey, name, flags, epoch, version, release FROM {table} ORDER BY rowid");
        assert_eq!(rows(Document::Primary, std::slice::from_ref(&record), &query), expected, "{table}");
    }
    let pre = rows(Document::Primary, &[record], "SELECT pre FROM requires ORDER BY rowid");
    assert_eq!(pre, [r#""FALSE""#, r#""FALSE""#, r#""FALSE""#, r#""FALSE""#, r#""TRUE""#]);
}

#[test]
fn primary_has_only_the_files_that_need_no_filelists() {
    let files = vec![
        file("/etc/greet", FileKind::Dir),
        file("/etc/greet/conf", FileKind::Ghost),
        file("/usr/bin/greet", FileKind::Plain),
        file("/usr/lib/sendmail", FileKind::Plain),
        file("/usr/share/greet", FileKind::Plain),
    ];
    assert_eq!(
        rows(Document::Primary, &[Record { files, ..greet() }], "SELECT name, type, pkgKey FROM files ORDER BY rowid"),
        [
            r#""/etc/greet" "dir" 1"#,
            r#""/etc/greet/conf" "ghost" 1"#,
            r#""/usr/bin/greet" "file" 1"#,
            r#""/usr/lib/sendmail" "file" 1"#
        ]
    );
}

#[test]
fn filelists_have_a_row_a_folder_with_names_and_types_in_the_packages_order() {
    let files = vec![
        file("/usr/share/greet/b", FileKind::Plain),
        file("/usr/share/greet", FileKind::Dir),
        file("/usr/share/greet/a", FileKind::Ghost),
        file("/usr/share/greet/dir", FileKind::Dir),
        file("/usr/share/other", FileKind::Plain),
    ];
    assert_eq!(
        rows(Document::Filelists, &[Record { files, ..greet() }], "SELECT * FROM filelist ORDER BY rowid"),
        [r#"1 "/usr/share" "greet/other" "df""#, r#"1 "/usr/share/greet" "b/a/dir" "fgd""#]
    );
}

#[test]
fn the_root_its_files_and_the_files_of_a_source_package_have_folders_too() {
    let root = vec![file("/", FileKind::Dir), file("/.hidden", FileKind::Plain), file("/boot", FileKind::Dir)];
    let source = vec![file("greet.spec", FileKind::Plain), file("greet-1.0.tar.gz", FileKind::Plain)];
    let records = [
        Record { files: root, ..greet() },
        Record { files: source, checksum: sum("b"), ..greet() },
        Record { files: vec![file("", FileKind::Plain), file("//x", FileKind::Plain)], checksum: sum("c"), ..greet() },
    ];
    assert_eq!(
        rows(Document::Filelists, &records, "SELECT * FROM filelist ORDER BY rowid"),
        [
            r#"1 "/" "//.hidden/boot" "dfd""#,
            r#"2 "." "greet.spec/greet-1.0.tar.gz" "ff""#,
            r#"3 "." "/" "f""#,
            r#"3 "/" "x" "f""#
        ]
    );
}

#[test]
fn all_three_count_packages_from_one_in_the_order_of_writing() {
    let records: Vec<Record> = ["c", "a", "b", "a"].map(|digit| Record { checksum: sum(digit), ..greet() }).into();
    for document in Document::ALL {
        let keys = rows(document, &records, "SELECT pkgKey, substr(pkgId, 1, 1) FROM packages ORDER BY pkgKey");
        assert_eq!(keys, [r#"1 "c""#, r#"2 "a""#, r#"3 "b""#, r#"4 "a""#], "{document:?}");
    }
}

#[test]
fn a_database_says_its_version_and_which_xml_it_repeats() {
    for document in Document::ALL {
        let expected = format!("{DATABASE_VERSION} \"{}\"", "f".repeat(64));
        assert_eq!(rows(document, &[], "SELECT * FROM db_info"), [expected], "{document:?}");
        assert_eq!(rows(document, &[greet()], "PRAGMA integrity_check"), [r#""ok""#], "{document:?}");
    }
}

#[test]
fn removing_a_package_removes_its_rows_as_old_tools_expect() {
    let dir = tempfile::tempdir().unwrap();
    let change = Changelog { time: 1, author: "A".into(), text: "B".into() };
    let (named, files) = (vec![Dependency::named("x")], vec![file("/etc/x", FileKind::Plain)]);
    let record = Record { requires: named.clone(), supplements: named, files, changelogs: vec![change], ..greet() };
    let records = [record.clone(), Record { checksum: sum("b"), ..record }];
    for (document, tables) in [
        (Document::Primary, &["files", "requires", "supplements"][..]),
        (Document::Filelists, &["filelist"]),
        (Document::Other, &["changelog"]),
    ] {
        let path = dir.path().join(document.kind());
        write(document, &path, &records);
        Connection::open(&path).unwrap().execute("DELETE FROM packages WHERE pkgKey = 1", []).unwrap();
        for table in tables {
            assert_eq!(select(&path, &format!("SELECT pkgKey FROM {table}")), ["2"], "{table}");
        }
    }
}

#[test]
fn characters_that_xml_cannot_hold_are_replaced_as_in_the_xml() {
    let record = Record {
        summary: "a\0b\u{1b}\u{FFFE}".into(),
        packager: "\0".into(),
        files: vec![file("/etc/\u{1}", FileKind::Plain)],
        ..greet()
    };
    assert_eq!(
        rows(
            Document::Primary,
            std::slice::from_ref(&record),
            "SELECT summary, rpm_packager, files.name FROM packages, files"
        ),
        ["\"a\u{FFFD}b\u{FFFD}\u{FFFD}\" \"\u{FFFD}\" \"/etc/\u{FFFD}\""]
    );
    assert_eq!(rows(Document::Filelists, &[record], "SELECT filenames FROM filelist"), ["\"\u{FFFD}\""]);
}

#[test]
fn the_xml_of_records_gives_the_same_bytes_as_the_records() {
    let dir = tempfile::tempdir().unwrap();
    let record = Record {
        provides: vec![Dependency::named("greet(a&b)")],
        files: vec![file("/etc/greet & <co>", FileKind::Dir), file("/usr/bin/greet", FileKind::Ghost)],
        changelogs: vec![Changelog { time: 5, author: "A <a@b>".into(), text: "- x & y \u{1}".into() }],
        ..greet()
    };
    let fragments = record.render();
    for (document, fragment) in [
        (Document::Primary, fragments.primary),
        (Document::Filelists, fragments.filelists),
        (Document::Other, fragments.other),
    ] {
        let file = |name: &str| dir.path().join(format!("{name}-{}", document.kind()));
        write(document, &file("direct"), std::slice::from_ref(&record));
        // A comment is read by the general reader.
        let odd = fragment.replacen("  <version", "<!-- odd -->  <version", 1);
        assert_ne!(odd, fragment);
        for (name, fragment) in [("usual", fragment), ("odd", odd)] {
            let xml = format!("{}{fragment}{}", document.head(1), document.foot());
            assert_eq!(sqlite::from_xml(document, xml.as_bytes(), &file(name), &sum("f")).unwrap(), 1);
            assert!(fs_err::read(file("direct")).unwrap() == fs_err::read(file(name)).unwrap(), "{name} {document:?}");
        }
    }
}

#[test]
fn a_file_that_is_there_is_left_alone_and_an_empty_one_is_used() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("primary.sqlite");
    fs_err::write(&path, "something").unwrap();
    let error = Database::create(Document::Primary, &path).unwrap_err().to_string();
    assert!(error.contains("primary.sqlite: there is a file already"), "{error}");
    assert_eq!(fs_err::read(&path).unwrap(), b"something");
    fs_err::write(&path, "").unwrap();
    write(Document::Primary, &path, &[greet()]);
    let beside: Vec<_> = fs_err::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(beside, ["primary.sqlite"]);
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let error = Database::create(Document::Other, Path::new("/nonexistent/other.sqlite")).unwrap_err().to_string();
    assert!(error.contains("/nonexistent/other.sqlite"), "{error}");
}

#[test]
fn xml_that_is_cut_or_of_another_kind_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    for (name, xml) in [
        ("cut", "<filelists><package pkgid=\"aa\"><file>/x</fi"),
        ("other", "<otherdata/>"),
        ("anonymous", "<filelists><package/></filelists>"),
        ("nothing", ""),
    ] {
        let made = sqlite::from_xml(Document::Filelists, xml.as_bytes(), &dir.path().join(name), &sum("f"));
        assert!(made.is_err(), "{name}");
    }
}

proptest! {
    // Every case waits for the disk, so they are fewer than elsewhere.
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 4))]

    /// yum splits names and types and puts them together again; nothing may get lost, whatever the paths are.
    #[test]
    fn files_come_back_from_the_compact_form(
        names in prop::collection::vec(("(/[a-c.é]{1,2}){0,3}", "[a-z \u{1}]{1,3}", 0..3usize), 0..20),
    ) {
        let kinds = [FileKind::Plain, FileKind::Dir, FileKind::Ghost];
        let files: Vec<File> = names
            .iter()
            .map(|(folder, name, kind)| file(&format!("{folder}/{name}"), kinds[*kind]))
            .collect();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        write(Document::Filelists, &path, &[Record { files: files.clone(), ..greet() }]);
        let connection = Connection::open(&path).unwrap();
        let mut statement = connection.prepare("SELECT dirname, filenames, filetypes FROM filelist").unwrap();
        let mut back: Vec<(String, char)> = statement
            .query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?)))
            .unwrap()
            .flat_map(|row| {
                let (folder, names, types) = row.unwrap();
                assert_eq!(names.split('/').count(), types.len());
                let folder = if folder == "/" { String::new() } else { folder };
                names.split('/').map(|name| format!("{folder}/{name}")).zip(types.chars()).collect::<Vec<_>>()
            })
            .collect();
        let mut expected: Vec<(String, char)> = files
            .iter()
            .map(|file| {
                let letter = match file.kind { FileKind::Plain => 'f', FileKind::Dir => 'd', FileKind::Ghost => 'g' };
                (file.path.replace('\u{1}', "\u{FFFD}"), letter)
            })
            .collect();
        back.sort();
        expected.sort();
        prop_assert_eq!(back, expected);
    }
}
