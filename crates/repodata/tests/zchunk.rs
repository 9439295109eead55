//! zchunk files: ours under the tools of libzck, theirs under our reader, and damaged ones under it.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use copr_repodata::zchunk::{
    Borders, ChunkChecksum, Codec, Document, Header, HeaderInfo, Reader, Writer, WriterOptions, is_zchunk, key, verify,
};
use copr_repodata::{Checksum, ChecksumKind, Error, Record};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use sha2::{Digest, Sha256, Sha512};

/// Runs one of libzck's tools in a folder.
fn run(folder: &Path, program: &str, arguments: &[&str]) -> Output {
    Command::new(program).args(arguments).current_dir(folder).output().unwrap_or_else(|e| panic!("{program}: {e}"))
}

fn output_of(folder: &Path, program: &str, arguments: &[&str]) -> String {
    let output = run(folder, program, arguments);
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{program} {arguments:?}: {text}");
    text
}

/// What `unzck` makes of a file.
fn unzck(folder: &Path, bytes: &[u8]) -> Vec<u8> {
    fs_err::write(folder.join("ours.zck"), bytes).unwrap();
    output_of(folder, "unzck", &["ours.zck"]);
    fs_err::read(folder.join("ours")).unwrap()
}

fn write(chunks: &[impl AsRef<[u8]>], options: WriterOptions) -> (Vec<u8>, HeaderInfo) {
    let mut writer = Writer::new(Vec::new(), options).unwrap();
    for chunk in chunks {
        writer.chunk(chunk.as_ref()).unwrap();
    }
    writer.finish().unwrap()
}

fn with_dictionary(dictionary: &[u8]) -> WriterOptions {
    WriterOptions { dictionary: Some(dictionary.to_vec()), ..WriterOptions::default() }
}

fn read(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let mut open = Vec::new();
    Reader::new(bytes, "file").map_err(|e| e.to_string())?.read_to_end(&mut open).map_err(|e| e.to_string())?;
    Ok(open)
}

/// A package of a synthetic document: its source and its XML, about a kilobyte.
#[derive(Clone)]
struct Package {
    source: String,
    xml: String,
}

/// Packages like those of a distribution: one to five of each source, with checksums that no compressor can foresee.
fn packages(count: usize) -> Vec<Package> {
    let mut seed = 1u64;
    let mut random = move |below: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % below
    };
    let (mut all, mut source, mut left) = (Vec::new(), String::new(), 0);
    while all.len() < count {
        if left == 0 {
            (source, left) = (format!("source{:05}", all.len()), 1 + random(4));
        }
        left -= 1;
        let name = format!("{source}-part{left}");
        let mut xml = format!("<package type=\"rpm\">\n  <name>{name}</name>\n  <arch>x86_64</arch>\n  ");
        xml += &format!("<checksum type=\"sha256\" pkgid=\"YES\">{}</checksum>\n", hex::encode(Sha256::digest(&name)));
        for _ in 0..4 + random(12) {
            let (library, version) = (random(3000), random(90));
            xml += &format!(
                "    <rpm:entry name=\"lib{library}.so.{version}\" flags=\"GE\" epoch=\"0\" ver=\"{version}\"/>\n"
            );
        }
        xml += "  </format>\n</package>\n";
        all.push(Package { source: source.clone(), xml });
    }
    all
}

fn document(packages: &[Package], options: WriterOptions) -> (Vec<u8>, HeaderInfo) {
    let head = format!("<?xml version=\"1.0\"?>\n<metadata packages=\"{}\">\n", packages.len());
    let mut document = Document::new(Writer::new(Vec::new(), options).unwrap(), &head).unwrap();
    for package in packages {
        document.package(&package.source, &package.xml).unwrap();
    }
    document.finish("</metadata>").unwrap()
}

fn xml_of(packages: &[Package]) -> String {
    let head = format!("<?xml version=\"1.0\"?>\n<metadata packages=\"{}\">\n", packages.len());
    packages.iter().fold(head, |text, package| text + &package.xml) + "</metadata>"
}

/// A dictionary from `zck_gen_zdict`, as distributions make it from a zchunk file.
fn trained_dictionary(folder: &Path, packages: &[Package]) -> Vec<u8> {
    let chunks: Vec<_> = packages.iter().map(|package| &package.xml).collect();
    fs_err::write(folder.join("train.zck"), write(&chunks, WriterOptions::default()).0).unwrap();
    output_of(folder, "zck_gen_zdict", &["train.zck"]);
    fs_err::read(folder.join("train.zdict")).unwrap()
}

#[test]
fn unzck_opens_what_we_write_without_dictionary_with_a_trained_one_and_with_a_raw_one() {
    let folder = tempfile::tempdir().unwrap();
    let packages = packages(600);
    let trained = trained_dictionary(folder.path(), &packages);
    assert_eq!(trained[..4], [0x37, 0xA4, 0x30, 0xEC], "zstd's magic number of dictionaries");
    let raw = packages[0].xml.as_bytes();
    let expected = xml_of(&packages);
    for options in [WriterOptions::default(), with_dictionary(&trained), with_dictionary(raw), with_dictionary(b"")] {
        let (bytes, _) = document(&packages, options.clone());
        assert!(unzck(folder.path(), &bytes) == expected.as_bytes());
        assert!(read(&bytes).unwrap() == expected.as_bytes());
        if let Some(dictionary) = options.dictionary.filter(|dictionary| !dictionary.is_empty()) {
            output_of(folder.path(), "unzck", &["--dict", "ours.zck"]);
            assert!(fs_err::read(folder.path().join("ours.zdict")).unwrap() == dictionary);
        }
    }
}

#[test]
fn a_file_without_chunks_is_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let (bytes, info) = write(&["", ""], WriterOptions::default());
    assert_eq!((unzck(folder.path(), &bytes), read(&bytes).unwrap()), (vec![], vec![]));
    assert_eq!((info.open_size, info.size), (0, bytes.len() as u64));
}

#[test]
fn zck_read_header_says_what_our_writer_and_our_reader_say() {
    let folder = tempfile::tempdir().unwrap();
    let packages = packages(600);
    for options in [WriterOptions::default(), with_dictionary(packages[1].xml.as_bytes())] {
        let (bytes, info) = document(&packages, options);
        fs_err::write(folder.path().join("ours.zck"), &bytes).unwrap();
        // -f reads the chunks and checks all checksums.
        let said = output_of(folder.path(), "zck_read_header", &["-f", "-c", "ours.zck"]);
        let header = verify(&bytes[..], "ours.zck").unwrap();
        let fact = |name: &str| said.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
        assert_eq!(fact("Overall checksum type:"), "SHA-256");
        assert_eq!(fact("Chunk checksum type:"), "SHA-512/128");
        assert_eq!(fact("Header size:"), info.size.to_string());
        assert_eq!(fact("Header checksum:"), info.checksum.hex);
        assert_eq!(fact("Data size:"), header.data_size().to_string());
        assert_eq!(fact("Data checksum:"), header.data_checksum.as_ref().unwrap().hex);
        assert_eq!(fact("Chunk count:"), header.chunks().len().to_string());
        assert_eq!((header.size, &header.checksum), (info.size, &info.checksum));
        assert_eq!(header.size + header.data_size(), bytes.len() as u64);
        let mut start = info.size;
        for (number, chunk) in header.chunks().enumerate() {
            let sum = hex::encode(chunk.checksum);
            let line = said.lines().find(|line| line.trim_start().starts_with(&format!("{number} {sum}"))).unwrap();
            let numbers: Vec<_> = line.split_whitespace().skip(2).collect();
            assert_eq!(numbers, [&start.to_string(), &chunk.size.to_string(), &chunk.open_size.to_string(), "+"]);
            start += chunk.size;
        }
        let open = xml_of(&packages);
        assert_eq!((info.open_size, header.open_size()), (open.len() as u64, open.len() as u64));
        assert_eq!(info.open_checksum, Checksum::of(ChecksumKind::Sha256, open.as_bytes()).unwrap().0);
    }
}

#[test]
fn every_form_that_zck_writes_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let packages = packages(600);
    let open = xml_of(&packages);
    fs_err::write(folder.path().join("open.xml"), &open).unwrap();
    fs_err::write(folder.path().join("trained"), trained_dictionary(folder.path(), &packages)).unwrap();
    fs_err::write(folder.path().join("raw"), &packages[3].xml).unwrap();
    let forms: [(&[&str], ChunkChecksum, Codec, bool); 9] = [
        (&[], ChunkChecksum::Sha512_128, Codec::Zstd, false),
        (&["-m", "-s", "<package "], ChunkChecksum::Sha512_128, Codec::Zstd, false),
        (&["-D", "trained"], ChunkChecksum::Sha512_128, Codec::Zstd, false),
        (&["-m", "-s", "<package ", "-D", "raw"], ChunkChecksum::Sha512_128, Codec::Zstd, false),
        (&["-h", "sha256"], ChunkChecksum::Sha256, Codec::Zstd, false),
        (&["-h", "sha512"], ChunkChecksum::Sha512, Codec::Zstd, false),
        (&["--compression-format", "none"], ChunkChecksum::Sha512_128, Codec::None, false),
        (&["-u"], ChunkChecksum::Sha256, Codec::Zstd, true),
        (&["-u", "-D", "trained", "-h", "sha512"], ChunkChecksum::Sha512, Codec::Zstd, true),
    ];
    for (arguments, checksum, codec, uncompressed_source) in forms {
        output_of(folder.path(), "zck", &[arguments, &["-o", "theirs.zck", "open.xml"]].concat());
        let path = folder.path().join("theirs.zck");
        let mut reader = Reader::open(&path).unwrap();
        let header = reader.header();
        assert_eq!((header.chunk_checksum, header.codec), (checksum, codec), "{arguments:?}");
        assert_eq!(header.uncompressed_source, uncompressed_source, "{arguments:?}");
        assert_eq!(header.chunks().next().unwrap().size > 0, arguments.contains(&"-D"), "{arguments:?}");
        assert_eq!(header.chunks().len() > 500, arguments.contains(&"-m"), "{arguments:?}");
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert!(text == open, "{arguments:?}");
    }
}

#[test]
fn the_zchunk_files_of_createrepo_c_are_read() {
    let folder = tempfile::tempdir().unwrap();
    output_of(folder.path(), "createrepo_c", &["--zck", "."]);
    let files: Vec<PathBuf> = fs_err::read_dir(folder.path().join("repodata"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|suffix| suffix == "zck"))
        .collect();
    assert_eq!(files.len(), 3, "{files:?}");
    for path in files {
        assert!(is_zchunk(&fs_err::read(&path).unwrap()));
        let mut text = String::new();
        Reader::open(&path).unwrap().read_to_string(&mut text).unwrap();
        assert!(text.starts_with("<?xml") && text.contains("packages=\"0\""), "{text}");
    }
}

/// Bytes that a client with the old file fetches of the new one, and the size of that, as `zck_delta_size` tells.
fn delta(folder: &Path, old: &[u8], new: &[u8]) -> (u64, u64) {
    fs_err::write(folder.join("old.zck"), old).unwrap();
    fs_err::write(folder.join("new.zck"), new).unwrap();
    let said = output_of(folder, "zck_delta_size", &["old.zck", "new.zck"]);
    let numbers: Vec<u64> = said.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse().ok()).collect();
    assert_eq!(numbers[1], new.len() as u64, "{said}");
    (numbers[0], numbers[1])
}

#[test]
fn a_client_fetches_a_small_share_of_a_document_in_which_one_package_was_added_changed_or_removed() {
    let folder = tempfile::tempdir().unwrap();
    // Fast: what matters here is where the borders are.
    let options = || WriterOptions { level: 1, ..WriterOptions::default() };
    let before = packages(14_000);
    let (old, _) = document(&before, options());
    for at in [0, 7_001, 13_999] {
        let mut changed = before.clone();
        changed[at].xml = changed[at].xml.replace("lib", "other");
        let mut removed = before.clone();
        removed.remove(at);
        let mut added = before.clone();
        added.insert(at, Package { source: "new".into(), xml: before[5].xml.replace("source", "new") });
        for after in [changed, removed, added] {
            let (new, _) = document(&after, options());
            let (fetched, size) = delta(folder.path(), &old, &new);
            assert!(fetched * 100 < size * 3, "package {at}: {fetched} of {size} bytes are fetched");
        }
    }
}

#[test]
fn the_same_chunks_give_the_same_bytes_whatever_the_threads_and_wherever_they_are_spooled() {
    let packages = packages(9_000);
    let spool = tempfile::tempdir().unwrap();
    for dictionary in [None, Some(packages[9].xml.clone().into_bytes())] {
        let options = WriterOptions { dictionary, level: 1, ..WriterOptions::default() };
        let (expected, _) = document(&packages, options.clone());
        let pool = rayon::ThreadPoolBuilder::new().num_threads(5).build().unwrap();
        let spooled = WriterOptions { spool: Some(spool.path().to_owned()), ..options };
        assert!(pool.install(|| document(&packages, spooled)).0 == expected);
    }
    assert_eq!(fs_err::read_dir(spool.path()).unwrap().count(), 0);
}

#[test]
fn a_large_file_goes_through_the_spool_folder() {
    // More than stays in memory, and nothing to compress.
    let chunks = vec![noise(); 17];
    let spool = tempfile::tempdir().unwrap();
    let options = WriterOptions { level: 1, spool: Some(spool.path().to_owned()), ..WriterOptions::default() };
    let (bytes, _) = write(&chunks, options);
    assert!(bytes.len() > 17 << 20 && read(&bytes).unwrap() == chunks.concat());
    let missing = WriterOptions { spool: Some(spool.path().join("missing")), level: 1, ..WriterOptions::default() };
    let mut writer = Writer::new(Vec::new(), missing).unwrap();
    assert!(chunks.iter().try_for_each(|chunk| writer.chunk(chunk)).is_err());
    assert!(writer.finish().unwrap_err().to_string().contains("an earlier chunk could not be written"));
}

/// A mebibyte that does not compress.
fn noise() -> Vec<u8> {
    (0u32..1 << 14).flat_map(|block| Sha512::digest(block.to_le_bytes())).collect()
}

#[test]
fn a_source_in_a_thousand_versions_is_cut_by_content_too() {
    let xml = |version: usize| {
        format!("<package>{version} {}</package>", hex::encode(Sha512::digest(version.to_le_bytes()))).repeat(12)
    };
    let chunks = |versions: &[usize]| {
        let (mut borders, mut chunks) = (Borders::default(), Vec::<String>::new());
        for version in versions {
            let fragment = xml(*version);
            if borders.starts_chunk("nightly", fragment.as_bytes()) {
                chunks.push(String::new());
            }
            chunks.last_mut().unwrap().push_str(&fragment);
        }
        chunks
    };
    let before: Vec<usize> = (0..4000).collect();
    let mut after = before.clone();
    after.remove(5);
    let (before, after) = (chunks(&before), chunks(&after));
    assert!(before.len() > 15 && before.iter().all(|chunk| chunk.len() <= 512 << 10), "{}", before.len());
    let fetched = after.iter().filter(|chunk| !before.contains(chunk)).count();
    assert!(fetched <= 3, "{fetched} of {} chunks changed", after.len());
}

#[test]
fn chunks_are_about_64_kib_whatever_the_size_of_the_packages() {
    for size in [100usize, 2_000, 20_000, 200_000] {
        let fragment = vec![b'x'; size];
        let mut borders = Borders::default();
        let packages = (40 << 20) / size;
        let chunks = (0..packages).filter(|n| borders.starts_chunk(&format!("source{}", n / 2), &fragment)).count();
        let average = packages * size / chunks;
        assert!((48 << 10..=(88 << 10).max(2 * size)).contains(&average), "{size}: {average}");
    }
}

#[test]
fn a_package_is_known_by_its_source() {
    let mut record = Record { sourcerpm: "python-foo-1.0-2.fc44.src.rpm".into(), ..Record::default() };
    record.nevra.name = "python3-foo".into();
    assert_eq!(key(&record), "python-foo");
    record.sourcerpm.clear();
    assert_eq!(key(&record), "python3-foo");
}

/// The number, as zchunk writes it.
fn int(value: u64) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..10).map(|n| (value >> (7 * n) & 0x7F) as u8).collect();
    while bytes.len() > 1 && bytes.last() == Some(&0) {
        bytes.pop();
    }
    *bytes.last_mut().unwrap() |= 0x80;
    bytes
}

/// What a crafted file says. Its checksums are right unless said otherwise.
struct Crafted {
    flags: u64,
    optional: Vec<u8>,
    codec: u64,
    chunk_checksum: u64,
    count: u64,
    entries: Vec<(Vec<u8>, u64, u64)>,
    after_index: Vec<u8>,
    data: Vec<u8>,
    header_size: Option<u64>,
}

impl Crafted {
    /// A sound file without dictionary and with one stored chunk.
    fn new() -> Self {
        let sum = Sha512::digest(b"hello")[..16].to_vec();
        Self {
            flags: 0,
            optional: Vec::new(),
            codec: 0,
            chunk_checksum: 3,
            count: 2,
            entries: vec![(vec![0; 16], 0, 0), (sum, 5, 5)],
            after_index: int(0),
            data: b"hello".to_vec(),
            header_size: None,
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut index = [int(self.chunk_checksum), int(self.count)].concat();
        for (sum, size, open_size) in &self.entries {
            index.extend([sum.clone(), int(*size), int(*open_size)].concat());
        }
        let data_sum = if self.flags & 4 == 0 { Sha256::digest(&self.data).to_vec() } else { vec![0; 32] };
        let preface = [data_sum, int(self.flags), int(self.codec), self.optional.clone(), int(index.len() as u64)];
        let rest = [preface.concat(), index, self.after_index.clone()].concat();
        let lead = [b"\0ZCK1".to_vec(), int(1), int(self.header_size.unwrap_or(rest.len() as u64))].concat();
        let sum = Sha256::digest([lead.clone(), rest.clone()].concat()).to_vec();
        [lead, sum, rest, self.data.clone()].concat()
    }
}

#[test]
fn optional_elements_and_stored_chunks_are_read_as_the_format_says() {
    assert_eq!(read(&Crafted::new().bytes()).unwrap(), b"hello");
    let optional = [int(2), int(77), int(3), b"abc".to_vec(), int(1 << 40), int(0)].concat();
    assert_eq!(read(&Crafted { flags: 2, optional, ..Crafted::new() }.bytes()).unwrap(), b"hello");
    // For an uncompressed source: no sum of the data; a chunk stored as it is has only the sum of its open bytes.
    let mut crafted = Crafted { flags: 4, codec: 2, chunk_checksum: 1, ..Crafted::new() };
    let stored = [vec![0; 32], Sha256::digest(b"hello").to_vec()].concat();
    crafted.entries = vec![(vec![0; 64], 0, 0), (stored, 5, 5)];
    assert_eq!(read(&crafted.bytes()).unwrap(), b"hello");
    crafted.data = b"jello".to_vec();
    assert!(read(&crafted.bytes()).unwrap_err().contains("chunk 1 does not match the checksum of its open bytes"));
}

#[test]
fn what_is_not_supported_or_contradicts_itself_is_refused_with_the_reason() {
    let zeros = |count| vec![0u8; count];
    let sound = Crafted::new();
    let entry = |size, open_size| vec![(zeros(16), 0, 0), (sound.entries[1].0.clone(), size, open_size)];
    let cases = [
        (Crafted { flags: 1, ..Crafted::new() }, "data streams"),
        (Crafted { flags: 8, ..Crafted::new() }, "unknown zchunk flags 0x8"),
        (Crafted { flags: 4, ..Crafted::new() }, "short checksums"),
        (Crafted { codec: 1, ..Crafted::new() }, "unknown zchunk compression 1"),
        (Crafted { chunk_checksum: 4, ..Crafted::new() }, "unknown checksum type 4"),
        (Crafted { after_index: int(1), ..Crafted::new() }, "1 signatures"),
        (Crafted { after_index: [int(0), zeros(3)].concat(), ..Crafted::new() }, "3 bytes too many"),
        (Crafted { count: 3, ..Crafted::new() }, "3 chunks that names 2"),
        (Crafted { count: u64::MAX, ..Crafted::new() }, "18446744073709551615 chunks that names 2"),
        (Crafted { count: 0, entries: vec![], ..Crafted::new() }, "0 chunks"),
        (Crafted { entries: entry(5, 6), ..Crafted::new() }, "cannot have 5 bytes that open to 6"),
        (Crafted { entries: entry(0, 6), codec: 2, ..Crafted::new() }, "cannot have 0 bytes that open to 6"),
        (Crafted { entries: entry(5, 1 << 40), codec: 2, ..Crafted::new() }, "1099511627776 bytes, over the limit"),
        (Crafted { entries: entry(6, 6), ..Crafted::new() }, "ends within chunk 1"),
        (Crafted { entries: entry(4, 4), ..Crafted::new() }, "chunk 1 does not match its checksum"),
        (Crafted { flags: 2, optional: int(u64::MAX), ..Crafted::new() }, "zchunk header"),
        (Crafted { header_size: Some(1 << 40), ..Crafted::new() }, "header of 1099511627776 bytes, over the limit"),
        (Crafted { header_size: Some(60 << 20), ..Crafted::new() }, "ends within its header"),
    ];
    for (crafted, reason) in cases {
        let error = read(&crafted.bytes()).unwrap_err();
        assert!(error.contains(reason), "{reason}: {error}");
    }
    assert!(read(b"<?xml version=\"1.0\"?>").unwrap_err().contains("not a zchunk file"));
    let error = read(&[Crafted::new().bytes(), b"!".to_vec()].concat()).unwrap_err();
    assert!(error.contains("bytes after the last chunk"), "{error}");
}

#[test]
fn a_detached_header_is_told_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    fs_err::write(folder.path().join("ours.zck"), write(&["a", "b"], WriterOptions::default()).0).unwrap();
    output_of(folder.path(), "unzck", &["--header", "ours.zck"]);
    let error = Reader::open(&folder.path().join("ours.zhr")).err().unwrap().to_string();
    assert!(error.contains("detached") && error.contains("ours.zhr"), "{error}");
    assert!(!is_zchunk(b"\0ZHR1") && !is_zchunk(b"\0ZCK") && is_zchunk(b"\0ZCK1..."));
}

#[test]
fn a_chunk_that_opens_to_more_or_less_than_the_header_says_is_an_error() {
    let bomb = zstd::encode_all(std::io::repeat(0).take(8 << 20), 19).unwrap();
    let cut = &bomb[..bomb.len() - 1];
    let twice = [&bomb[..], &bomb].concat();
    for (frame, open_size, reason) in [
        (&bomb[..], 1000, "more than the 1000 bytes"),
        (&bomb, (8 << 20) + 1, "opens to 8388608 bytes, not to 8388609"),
        (cut, 8 << 20, "bytes that the header says"),
        (&twice, 8 << 20, "more than the 8388608 bytes"),
        (b"no frame", 100, "chunk 1"),
    ] {
        let mut crafted = Crafted { codec: 2, data: frame.to_vec(), ..Crafted::new() };
        crafted.entries[1] = (Sha512::digest(frame)[..16].to_vec(), frame.len() as u64, open_size);
        let error = read(&crafted.bytes()).unwrap_err();
        assert!(error.contains(reason), "{reason}: {error}");
    }
}

#[test]
fn nothing_is_given_out_after_an_error_nor_of_a_damaged_chunk() {
    let (mut bytes, info) = write(&["first ", "second ", "third"], WriterOptions::default());
    let damaged = info.size as usize + 20;
    bytes[damaged] ^= 1;
    let mut reader = Reader::new(&bytes[..], "file").unwrap();
    let mut open = Vec::new();
    let error = reader.read_to_end(&mut open).unwrap_err();
    assert_eq!((error.kind(), &open[..]), (std::io::ErrorKind::InvalidData, &b"first "[..]));
    assert!(reader.read(&mut [0; 8]).unwrap_err().to_string().contains("failed before"));
}

#[test]
fn a_writer_refuses_what_no_reader_would_take() {
    let refused = |options| Writer::new(Vec::new(), options).err().map(|e: Error| e.to_string());
    for level in [0, 23, -1] {
        assert!(refused(WriterOptions { level, ..WriterOptions::default() }).unwrap().contains("use 1 to 22"));
    }
    let large = vec![0; (64 << 20) + 1];
    assert!(refused(with_dictionary(&large)).unwrap().contains("over the limit"));
    let mut writer = Writer::new(Vec::new(), WriterOptions::default()).unwrap();
    assert!(writer.chunk(&large).unwrap_err().to_string().contains("over the limit"));
    // Starts like a trained dictionary, and is none.
    let broken = with_dictionary(&[0x37, 0xA4, 0x30, 0xEC, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    let outcome = Writer::new(Vec::new(), broken).and_then(|mut writer| {
        writer.chunk(b"x")?;
        writer.finish().map(drop)
    });
    assert!(outcome.is_err());
}

#[test]
fn a_file_cut_at_any_byte_is_an_error() {
    let (bytes, _) = write(&["first ", "second ", "third"], with_dictionary(b"first third"));
    assert_eq!(read(&bytes).unwrap(), b"first second third");
    for end in 0..bytes.len() {
        assert!(read(&bytes[..end]).is_err(), "cut at {end}");
    }
}

#[test]
fn a_change_of_any_byte_is_an_error() {
    let (bytes, _) = write(&["first ", "second ", "third"], with_dictionary(b"first third"));
    for at in 0..bytes.len() {
        for change in [0x01, 0x80, 0xFF] {
            let mut changed = bytes.clone();
            changed[at] ^= change;
            assert!(read(&changed).is_err(), "byte {at}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(7), ..ProptestConfig::default() })]

    #[test]
    fn any_chunks_come_back(
        chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..400), 0..30),
        dictionary in prop::option::of(prop::collection::vec(any::<u8>(), 0..300)),
        level in 1i32..20,
    ) {
        let (bytes, info) = write(&chunks, WriterOptions { dictionary, level, ..WriterOptions::default() });
        let header = verify(&bytes[..], "file").unwrap();
        let sizes: Vec<u64> = chunks.iter().map(|c| c.len() as u64).filter(|size| *size > 0).collect();
        prop_assert_eq!(header.chunks().skip(1).map(|chunk| chunk.open_size).collect::<Vec<_>>(), sizes);
        prop_assert_eq!(info.size, header.size);
        prop_assert_eq!(read(&bytes).unwrap(), chunks.concat());
    }

    #[test]
    fn no_bytes_make_the_reader_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        size in 0u64..400,
    ) {
        let _ = verify(&bytes[..], "file");
        let lead = [&b"\0ZCK1"[..], &bytes].concat();
        let _ = verify(&lead[..], "file");
        // With a header checksum that is right, so that the parser gets to see the bytes.
        let lead = [b"\0ZCK1".to_vec(), int(1), int(size)].concat();
        let sum = Sha256::digest([&lead[..], &bytes[..bytes.len().min(size as usize)]].concat()).to_vec();
        let file = [lead, sum, bytes].concat();
        let _ = verify(&file[..], "file");
        let _ = Header::read(&mut &file[..], "file");
    }

    #[test]
    fn no_change_of_a_header_makes_the_reader_panic(
        changes in prop::collection::vec((0usize..200, any::<u8>()), 1..4),
    ) {
        // Changed before the header's checksum is made: it hides nothing.
        let (bytes, info) = write(&["first ", "second ", "third"], with_dictionary(b"first third"));
        let (mut rest, data) = (bytes[40..info.size as usize].to_vec(), &bytes[info.size as usize..]);
        for (at, value) in changes {
            let at = at % rest.len();
            rest[at] = value;
        }
        let lead = [b"\0ZCK1".to_vec(), int(1), int(rest.len() as u64)].concat();
        let sum = Sha256::digest([&lead[..], &rest].concat()).to_vec();
        let _ = verify(&[&lead[..], &sum, &rest, data].concat()[..], "file");
    }
}
