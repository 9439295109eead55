//! A writer of tiny RPMs: just enough for tests, and free to write nonsense. [`odd`] has those that rpmbuild does not make.
#![allow(dead_code, reason = "every test file uses its own part")]

pub(crate) mod odd;

/// One value of a header entry.
#[derive(Clone)]
pub(crate) enum Value {
    /// 16 bit integers.
    U16(Vec<u16>),
    /// 32 bit integers.
    U32(Vec<u32>),
    /// 64 bit integers.
    U64(Vec<u64>),
    /// One text.
    Text(Vec<u8>),
    /// An array of texts.
    Texts(Vec<Vec<u8>>),
    /// A text in several languages.
    Translated(Vec<Vec<u8>>),
    /// Bytes.
    Bin(Vec<u8>),
}

/// A text.
pub(crate) fn text(value: &str) -> Value {
    Value::Text(value.as_bytes().to_vec())
}

/// An array of texts.
pub(crate) fn texts(values: &[&str]) -> Value {
    Value::Texts(values.iter().map(|v| v.as_bytes().to_vec()).collect())
}

/// A header of these entries, without padding behind.
pub(crate) fn header(entries: &[(u32, Value)]) -> Vec<u8> {
    let (mut index, mut data) = (Vec::new(), Vec::<u8>::new());
    for (tag, value) in entries {
        let (kind, count, width, bytes) = match value {
            Value::U16(n) => (3u32, n.len(), 2, n.iter().flat_map(|n| n.to_be_bytes()).collect::<Vec<u8>>()),
            Value::U32(n) => (4, n.len(), 4, n.iter().flat_map(|n| n.to_be_bytes()).collect()),
            Value::U64(n) => (5, n.len(), 8, n.iter().flat_map(|n| n.to_be_bytes()).collect()),
            Value::Text(t) => (6, 1, 1, [t.as_slice(), b"\0"].concat()),
            Value::Texts(t) => (8, t.len(), 1, terminated(t)),
            Value::Translated(t) => (9, t.len(), 1, terminated(t)),
            Value::Bin(bytes) => (7, bytes.len(), 1, bytes.clone()),
        };
        while !data.len().is_multiple_of(width) {
            data.push(0);
        }
        for field in [*tag, kind, data.len() as u32, count as u32] {
            index.extend(field.to_be_bytes());
        }
        data.extend(bytes);
    }
    let mut out = vec![0x8E, 0xAD, 0xE8, 1, 0, 0, 0, 0];
    out.extend((entries.len() as u32).to_be_bytes());
    out.extend((data.len() as u32).to_be_bytes());
    out.extend(index);
    out.extend(data);
    out
}

fn terminated(texts: &[Vec<u8>]) -> Vec<u8> {
    texts.iter().flat_map(|text| [text.as_slice(), b"\0"].concat()).collect()
}

/// A header whose first entry is a region that seals all others, as rpm writes them since 4.0.
pub(crate) fn sealed(region: u32, entries: &[(u32, Value)]) -> Vec<u8> {
    let inner = header(entries);
    let (index, data) = inner[16..].split_at(entries.len() * 16);
    let trailer = [region, 7, 0u32.wrapping_sub((entries.len() as u32 + 1) * 16), 16];
    let entry = [region, 7, data.len() as u32, 16];
    let mut out = inner[..8].to_vec();
    out.extend((entries.len() as u32 + 1).to_be_bytes());
    out.extend((data.len() as u32 + 16).to_be_bytes());
    out.extend(entry.iter().flat_map(|field| field.to_be_bytes()));
    out.extend(index);
    out.extend(data);
    out.extend(trailer.iter().flat_map(|field| field.to_be_bytes()));
    out
}

/// Lead, a signature with the right size, the header, the payload.
pub(crate) fn rpm(entries: &[(u32, Value)], payload: &[u8]) -> Vec<u8> {
    let main = header(entries);
    let signature = header(&[(1000, Value::U32(vec![(main.len() + payload.len()) as u32]))]);
    assemble(lead(), signature, &main, payload)
}

/// The four parts of a package, the signature padded.
pub(crate) fn assemble(lead: Vec<u8>, mut signature: Vec<u8>, header: &[u8], payload: &[u8]) -> Vec<u8> {
    while !signature.len().is_multiple_of(8) {
        signature.push(0);
    }
    [&lead, &signature, header, payload].concat()
}

/// The 96 bytes of a binary package's lead.
pub(crate) fn lead() -> Vec<u8> {
    let mut lead = vec![0xED, 0xAB, 0xEE, 0xDB, 3, 0, 0, 0];
    lead.resize(96, 0);
    lead[79] = 5; // the signature is a header
    lead
}

/// A small package `greet-1:1.0-2.noarch` with two files and one of everything else.
pub(crate) fn entries() -> Vec<(u32, Value)> {
    vec![
        (1000, text("greet")),
        (1001, text("1.0")),
        (1002, text("2")),
        (1003, Value::U32(vec![1])),
        (1004, text("Says hello")),
        (1005, text("Says hello,\nloudly.")),
        (1006, Value::U32(vec![1_700_000_000])),
        (1009, Value::U32(vec![12])),
        (1014, text("MIT")),
        (1022, text("noarch")),
        (1028, Value::U32(vec![0, 6])),
        (1030, Value::U16(vec![0o040_755, 0o100_755])),
        (1034, Value::U32(vec![1, 2])),
        (1037, Value::U32(vec![0, 0])),
        (1044, text("greet-1.0-2.src.rpm")),
        (1047, texts(&["greet"])),
        (1112, Value::U32(vec![8])),
        (1113, texts(&["1:1.0-2"])),
        (1049, texts(&["rpmlib(X)", "/bin/sh"])),
        (1048, Value::U32(vec![10, 1 << 9])),
        (1050, texts(&["4", ""])),
        (1080, Value::U32(vec![200, 100])),
        (1081, texts(&["New <n@x> - 1.0-2", "Old"])),
        (1082, texts(&["- new", "- old"])),
        (1116, Value::U32(vec![0, 1])),
        (1117, texts(&["greet", "greet"])),
        (1118, texts(&["/etc/", "/usr/bin/"])),
    ]
}

/// One cpio member (newc), padded.
pub(crate) fn member(name: &str, mode: u32, nlink: u32, content: &[u8]) -> Vec<u8> {
    let fields = [7, mode, 0, 0, nlink, 2, content.len() as u32, 0, 0, 0, 0, name.len() as u32 + 1, 0];
    let mut out = b"070701".to_vec();
    fields.iter().for_each(|field| out.extend(format!("{field:08x}").bytes()));
    out.extend(name.bytes());
    out.push(0);
    pad(&mut out);
    out.extend(content);
    pad(&mut out);
    out
}

/// The end of an archive.
pub(crate) fn trailer() -> Vec<u8> {
    member("TRAILER!!!", 0, 1, b"")
}

fn pad(out: &mut Vec<u8>) {
    while !out.len().is_multiple_of(4) {
        out.push(0);
    }
}

/// An archive with the two files of [`entries`].
pub(crate) fn archive() -> Vec<u8> {
    [member("./etc/greet", 0o040_755, 2, b""), member("./usr/bin/greet", 0o100_755, 1, b"hello\n"), trailer()].concat()
}
