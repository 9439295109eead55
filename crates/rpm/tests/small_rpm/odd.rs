//! Packages that today's rpmbuild does not make, but that exist, or could: all of them can be read.

use super::{Value, archive, assemble, entries, header, lead, sealed, text, texts};

/// `HEADERSIGNATURES` and `HEADERIMMUTABLE`, the regions that seal signature and header.
const REGIONS: [u32; 2] = [62, 63];

type Entries = Vec<(u32, Value)>;

/// Names and bytes of all of them. The packages are named as their files.
pub(crate) fn packages() -> Vec<(String, Vec<u8>)> {
    let mut all = vec![
        ("format-3".to_owned(), format_3()),
        ("format-6".to_owned(), format_6()),
        ("sizes-of-64-bits".to_owned(), sizes_of_64_bits()),
        ("not-sorted".to_owned(), not_sorted()),
        (
            "translated".to_owned(),
            sealed_with(
                "translated",
                &[
                    (100, texts(&["C", "de", "cs"])),
                    (
                        1004,
                        Value::Translated(vec![b"Says hello".to_vec(), b"Gr\xc3\xbc\xc3\x9ft".to_vec(), b"".to_vec()]),
                    ),
                    (1016, Value::Translated(vec![b"Games".to_vec(), b"Spiele".to_vec(), b"Hry".to_vec()])),
                ],
            ),
        ),
        ("blanks-in-names-of-files".to_owned(), blanks_in_names_of_files()),
        ("versions-of-dependencies".to_owned(), versions_of_dependencies()),
        ("old-weak-dependencies".to_owned(), old_weak_dependencies()),
        ("no-source-named".to_owned(), no_source_named("no-source-named", &[])),
        (
            "source-unsaid".to_owned(),
            no_source_named(
                "source-unsaid",
                &[(1116, Value::U32(vec![0, 0])), (1117, texts(&["a.spec", "b"])), (1118, texts(&[""]))],
            ),
        ),
        ("source-denied".to_owned(), no_source_named("source-denied", &[(1106, Value::U32(vec![0]))])),
        ("nothing-but-a-name".to_owned(), nothing_but_a_name()),
        ("latin-1".to_owned(), latin_1()),
        ("control-characters".to_owned(), sealed_with("control-characters", &[(1005, text("a\u{1b}[1m\u{8}b"))])),
    ];
    all.extend((1..=8).map(|extra| (format!("signature-of-odd-size-{extra}"), signature_of_odd_size(extra))));
    all
}

/// The entries of a package of that name: sorted, files with digests, and changes by tag.
fn named(name: &str, changes: &[(u32, Value)]) -> Entries {
    let mut all = entries();
    let own = [
        (1000, text(name)),
        (1021, text("linux")),
        (1035, texts(&["", "0123456789abcdef0123456789abcdef"])),
        (1047, texts(&[name])),
    ];
    for changes in [&own[..], changes] {
        all.retain(|(tag, _)| !changes.iter().any(|(changed, _)| changed == tag));
        all.extend(changes.iter().cloned());
    }
    all.sort_by_key(|(tag, _)| *tag);
    all
}

fn size_of(header: &[u8]) -> (u32, Value) {
    (1000, Value::U32(vec![(header.len() + archive().len()) as u32]))
}

fn with_signature(main: &[u8], signature: &[(u32, Value)]) -> Vec<u8> {
    assemble(lead(), sealed(REGIONS[0], signature), main, &archive())
}

fn sealed_with(name: &str, changes: &[(u32, Value)]) -> Vec<u8> {
    let main = sealed(REGIONS[1], &named(name, changes));
    with_signature(&main, &[size_of(&main)])
}

/// As rpm 3 wrote them: no regions, whole paths, MD5 digests, names of requirements without flags, no own provide.
fn format_3() -> Vec<u8> {
    let mut all = named(
        "format-3",
        &[
            (1027, texts(&["/etc/greet", "/usr/bin/greet"])),
            (1048, Value::U32(vec![0, 0])),
            (1049, texts(&["/bin/sh", "/usr/bin/greet"])),
            (1050, texts(&["", ""])),
        ],
    );
    all.retain(|(tag, _)| ![1047, 1112, 1113, 1116, 1117, 1118].contains(tag));
    let main = header(&all);
    assemble(lead(), header(&[size_of(&main)]), &main, &archive())
}

/// As rpm 6 writes them (`docs/manual/format_v6.md` of rpm): lead of version 4, no sizes in the signature, 64-bit sizes.
fn format_6() -> Vec<u8> {
    let mut lead = lead();
    lead[4] = 4;
    let mut all = named(
        "format-6",
        &[
            (5008, Value::U64(vec![0, 6])),
            (5009, Value::U64(vec![6])),
            (5011, Value::U32(vec![8])),
            (1035, texts(&["", "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"])),
            (5112, Value::U64(vec![archive().len() as u64])),
            (5113, Value::U64(vec![archive().len() as u64])),
            (5114, Value::U32(vec![6])),
        ],
    );
    all.retain(|(tag, _)| ![1009, 1028].contains(tag));
    let main = sealed(REGIONS[1], &all);
    let signature = sealed(
        REGIONS[0],
        &[(273, text(&"0".repeat(64))), (279, text(&"0".repeat(64))), (999, Value::Bin(vec![0; 4096]))],
    );
    assemble(lead, signature, &main, &archive())
}

fn sizes_of_64_bits() -> Vec<u8> {
    let big = 5 << 32;
    let sizes = [(5008, Value::U64(vec![0, big])), (5009, Value::U64(vec![big + 1]))];
    let mut all = named("sizes-of-64-bits", &sizes);
    all.retain(|(tag, _)| ![1009, 1028].contains(tag));
    let main = sealed(REGIONS[1], &all);
    let size = (main.len() + archive().len()) as u64;
    with_signature(&main, &[(270, Value::U64(vec![size])), (271, Value::U64(vec![big + 2]))])
}

/// The index in another order than that of tags; the values in the order of the index.
fn not_sorted() -> Vec<u8> {
    let mut all = named("not-sorted", &[]);
    all.reverse();
    let main = header(&all);
    assemble(lead(), header(&[size_of(&main)]), &main, &archive())
}

/// Signatures that end at each of the eight distances from their padding's end.
fn signature_of_odd_size(extra: usize) -> Vec<u8> {
    let main = sealed(REGIONS[1], &named(&format!("signature-of-odd-size-{extra}"), &[]));
    with_signature(&main, &[size_of(&main), (1005, Value::Bin(vec![0x55; extra]))])
}

/// Names that rpmbuild refuses since 4.14, with blanks other than spaces.
fn blanks_in_names_of_files() -> Vec<u8> {
    let changes =
        [(1117, texts(&["tab\there", "new\nline"])), (1118, texts(&["/etc/carriage\rreturn/", "/usr/bin/ and <&> /"]))];
    sealed_with("blanks-in-names-of-files", &changes)
}

fn versions_of_dependencies() -> Vec<u8> {
    let versions = ["1:2-3", "0:2", ":2", "x:2", "1-", "2-3-4", "1:2:3", "007:1", "2~rc1^git", ""];
    let names: Vec<String> = (0..versions.len()).map(|n| format!("dependency-{n}")).collect();
    let names = Value::Texts(names.into_iter().map(String::into_bytes).collect());
    let flags = [8u32, 2, 4, 8, 10, 12, 8, 8, 8, 8];
    sealed_with(
        "versions-of-dependencies",
        &[
            (1049, names.clone()),
            (1048, Value::U32(flags.to_vec())),
            (1050, texts(&versions)),
            (1054, names.clone()),
            (1053, Value::U32(vec![0, 6, 14, 8, 1 << 9, 1 << 28 | 8, 8, 8, 8, 8])),
            (1055, texts(&versions)),
            (1090, names),
            (1114, Value::U32(flags.to_vec())),
            (1115, texts(&versions)),
        ],
    )
}

/// As SUSE had them before rpm 4.13.
fn old_weak_dependencies() -> Vec<u8> {
    let (strong, missing_ok) = (1 << 27, 1 << 19);
    let names = texts(&["strong", "weak"]);
    let flags = Value::U32(vec![strong, 0]);
    sealed_with(
        "old-weak-dependencies",
        &[
            (1049, texts(&["/bin/sh", "perhaps", "rpmlib(X)"])),
            (1048, Value::U32(vec![1 << 9, missing_ok | 8 | 1 << 9, 10])),
            (1050, texts(&["", "1.0-1", "4"])),
            (1156, names.clone()),
            (1157, texts(&["", ""])),
            (1158, flags.clone()),
            (1159, names),
            (1160, texts(&["", ""])),
            (1161, flags),
        ],
    )
}

/// No word of where it comes from.
fn no_source_named(name: &str, changes: &[(u32, Value)]) -> Vec<u8> {
    let mut all = named(name, changes);
    all.retain(|(tag, _)| *tag != 1044);
    let main = sealed(REGIONS[1], &all);
    with_signature(&main, &[size_of(&main)])
}

/// The least that a package needs.
fn nothing_but_a_name() -> Vec<u8> {
    let mut all = named("nothing-but-a-name", &[]);
    all.retain(|(tag, _)| [1000, 1001, 1002, 1022, 1044].contains(tag));
    let main = sealed(REGIONS[1], &all);
    with_signature(&main, &[size_of(&main)])
}

/// Text of the time before UTF-8, everywhere. Of `dir`, which is UTF-8, and a name that is not, a path is not.
fn latin_1() -> Vec<u8> {
    let old = |value: &[u8]| Value::Text(value.to_vec());
    sealed_with(
        "latin-1",
        &[
            (1004, old(b"Beno\xeet\x9f says \x93hello\x94")),
            (1005, old(b"\xe9t\xe9\n\ttab")),
            (1015, old(b"Fran\xe7ois <f@x>")),
            (1047, Value::Texts(vec![b"latin-1".to_vec(), b"caf\xe9".to_vec()])),
            (1112, Value::U32(vec![8, 0])),
            (1113, texts(&["1:1.0-2", ""])),
            (1081, Value::Texts(vec![b"Ren\xe9 <r@x>  ".to_vec(), "Žofie".as_bytes().to_vec()])),
            (1082, Value::Texts(vec![b"- \xfc".to_vec(), "- ů".as_bytes().to_vec()])),
            (1117, Value::Texts(vec![b"gr\xfc\xdfe".to_vec(), "žluť".as_bytes().to_vec()])),
            (1118, texts(&["/etc/šablony/", "/usr/bin/"])),
        ],
    )
}
