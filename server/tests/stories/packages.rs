//! Package files made byte by byte: lead, signature, header and a payload that nobody unpacks.

use copr_api::builder::ResultFile;

/// A package to be written.
#[derive(Clone)]
pub(crate) struct Rpm<'a> {
    pub(crate) name: &'a str,
    pub(crate) version: &'a str,
    pub(crate) release: &'a str,
    pub(crate) arch: &'a str,
    /// File name of the source package; `None` makes one.
    pub(crate) source: Option<&'a str>,
}

impl Rpm<'_> {
    /// The file's name.
    pub(crate) fn file(&self) -> String {
        let arch = if self.source.is_none() { "src" } else { self.arch };
        format!("{}-{}-{}.{arch}.rpm", self.name, self.version, self.release)
    }

    /// What a builder says of it.
    pub(crate) fn claim(&self) -> ResultFile {
        self.claim_of(&self.bytes())
    }

    /// The same of a file with these bytes.
    pub(crate) fn claim_of(&self, bytes: &[u8]) -> ResultFile {
        ResultFile {
            file: self.file(),
            size: bytes.len() as u64,
            sha256: super::support::sha256(bytes),
            name: self.name.to_owned(),
            epoch: 0,
            version: self.version.to_owned(),
            release: self.release.to_owned(),
            arch: if self.source.is_none() { "src" } else { self.arch }.to_owned(),
        }
    }

    /// The whole file.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.bytes_with(&[])
    }

    /// The whole file of a package that has these paths.
    pub(crate) fn bytes_with(&self, paths: &[&str]) -> Vec<u8> {
        self.file_of("MIT", paths, &[], &[])
    }

    /// The whole file of a package that requires others in just these versions.
    pub(crate) fn bytes_requiring(&self, requires: &[(&str, &str)]) -> Vec<u8> {
        self.file_of("MIT", &[], &[], requires)
    }

    /// The whole file of a package that provides and requires these besides itself.
    pub(crate) fn bytes_needing(&self, provides: &[&str], requires: &[&str]) -> Vec<u8> {
        let requires: Vec<(&str, &str)> = requires.iter().map(|name| (*name, "")).collect();
        self.file_of("MIT", &[], provides, &requires)
    }

    /// The whole file of a package under this licence.
    pub(crate) fn bytes_under(&self, licence: &str, paths: &[&str]) -> Vec<u8> {
        self.file_of(licence, paths, &[], &[])
    }

    fn file_of(&self, licence: &str, paths: &[&str], provides: &[&str], requires: &[(&str, &str)]) -> Vec<u8> {
        let mut header = Header::default();
        header.text(1000, self.name).text(1001, self.version).text(1002, self.release);
        header.i18n(1004, "A package of the tests").i18n(1005, "Nothing in it.");
        header
            .number(1006, 1_700_000_000)
            .number(1009, 0)
            .text(1014, licence)
            .text(1021, "linux")
            .text(1022, self.arch);
        match self.source {
            Some(source) => header.text(1044, source),
            None => header.number(1106, 1),
        };
        let own = format!("{}-{}", self.version, self.release);
        let names: Vec<&str> = [self.name].into_iter().chain(provides.iter().copied()).collect();
        let versions: Vec<&str> = [own.as_str()].into_iter().chain(provides.iter().map(|_| "")).collect();
        let flags: Vec<u32> = [8].into_iter().chain(provides.iter().map(|_| 0)).collect();
        header.texts(1047, &names).texts(1113, &versions).numbers(1112, &flags);
        if !paths.is_empty() {
            header.texts(1027, paths).numbers(1028, &vec![1; paths.len()]).numbers(1037, &vec![0; paths.len()]);
        }
        if !requires.is_empty() {
            let (names, versions): (Vec<&str>, Vec<&str>) = requires.iter().copied().unzip();
            header.texts(1049, &names).texts(1050, &versions).numbers(
                1048,
                &requires.iter().map(|(_, version)| if version.is_empty() { 0 } else { 8 }).collect::<Vec<u32>>(),
            );
        }
        header.text(1124, "cpio").text(1125, "gzip").text(1126, "9");
        let (header, payload) = (header.finish(), b"no payload, but some bytes that may be cut off".as_slice());
        let mut signature = Header::default();
        signature.number(1000, u32::try_from(header.len() + payload.len()).unwrap());
        let mut signature = signature.finish();
        signature.resize(signature.len().next_multiple_of(8), 0);

        let mut lead = vec![0xed, 0xab, 0xee, 0xdb, 3, 0, 0, u8::from(self.source.is_none()), 0, 1];
        lead.extend(self.name.bytes().take(60));
        lead.resize(76, 0);
        lead.extend([0, 1, 0, 5]);
        lead.resize(96, 0);
        [lead, signature, header, payload.to_vec()].concat()
    }
}

/// A header under construction: tag, type, count and bytes of each entry, by tag.
#[derive(Default)]
struct Header(Vec<(u32, u32, u32, Vec<u8>)>);

impl Header {
    fn text(&mut self, tag: u32, text: &str) -> &mut Self {
        self.0.push((tag, 6, 1, [text.as_bytes(), b"\0"].concat()));
        self
    }

    fn i18n(&mut self, tag: u32, text: &str) -> &mut Self {
        self.0.push((tag, 9, 1, [text.as_bytes(), b"\0"].concat()));
        self
    }

    fn texts(&mut self, tag: u32, texts: &[&str]) -> &mut Self {
        let bytes = texts.iter().flat_map(|text| [text.as_bytes(), b"\0"].concat()).collect();
        self.0.push((tag, 8, texts.len() as u32, bytes));
        self
    }

    fn number(&mut self, tag: u32, number: u32) -> &mut Self {
        self.numbers(tag, &[number])
    }

    fn numbers(&mut self, tag: u32, numbers: &[u32]) -> &mut Self {
        self.0.push((tag, 4, numbers.len() as u32, numbers.iter().flat_map(|n| n.to_be_bytes()).collect()));
        self
    }

    fn finish(&mut self) -> Vec<u8> {
        self.0.sort_by_key(|(tag, ..)| *tag);
        let (mut index, mut store) = (Vec::new(), Vec::<u8>::new());
        for (tag, kind, count, bytes) in &self.0 {
            if *kind == 4 {
                store.resize(store.len().next_multiple_of(4), 0);
            }
            for number in [*tag, *kind, store.len() as u32, *count] {
                index.extend(number.to_be_bytes());
            }
            store.extend(bytes);
        }
        let mut all = vec![0x8e, 0xad, 0xe8, 0x01, 0, 0, 0, 0];
        all.extend((self.0.len() as u32).to_be_bytes());
        all.extend((store.len() as u32).to_be_bytes());
        all.extend(index);
        all.extend(store);
        all
    }
}
