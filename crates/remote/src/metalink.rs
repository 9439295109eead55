//! Where a repository's mirrors are, and what its repomd.xml is: metalinks, and plain lists of mirrors.
//!
//! Read are the metalinks of `MirrorManager` (version 3.0 with its `alternates`, which Fedora and others serve) and those of
//! RFC 5854 (version 4).

use copr_repodata::{Checksum, ChecksumKind};
use quick_xml::{XmlVersion, events::Event};

use crate::{
    error::{Error, cut},
    url::RepoUrl,
};

/// Bytes that a list of mirrors may have.
pub(crate) const MAX_SIZE: u64 = 4 << 20;
/// Mirrors that are taken from one list; the rest is passed over.
const MAX_MIRRORS: usize = 500;
/// Versions of repomd.xml that a metalink may name.
const MAX_VERSIONS: usize = 100;
/// The file that metalinks are about.
const FILE: &str = "repomd.xml";
/// Where it lies in a repository.
const PLACE: &str = "/repodata/repomd.xml";

/// What a metalink says of one version of repomd.xml.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Version {
    /// Seconds since 1970; 0 where none is told.
    pub(crate) timestamp: u64,
    /// Bytes.
    pub(crate) size: Option<u64>,
    /// Only those that cannot be forged.
    pub(crate) checksums: Vec<Checksum>,
}

impl Version {
    /// Whether these bytes are this version: size and every checksum have to fit, and there has to be one.
    pub(crate) fn is(&self, bytes: &[u8]) -> bool {
        let fits = |sum: &Checksum| Checksum::of(sum.kind, bytes).is_ok_and(|(found, _)| found == *sum);
        self.size.is_none_or(|size| size == bytes.len() as u64)
            && !self.checksums.is_empty()
            && self.checksums.iter().all(fits)
    }
}

/// Mirrors in the order in which to try them, and the versions of repomd.xml that they may serve.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct MirrorList {
    /// Best first.
    pub(crate) mirrors: Vec<RepoUrl>,
    /// Newest first. Empty for plain lists, which tell none.
    pub(crate) versions: Vec<Version>,
}

impl MirrorList {
    /// Reads a metalink or a plain list; `None` if the text is neither.
    ///
    /// # Errors
    /// A metalink that is malformed, proves nothing, or names no mirror that can be used.
    pub(crate) fn read(text: &[u8], from: &str) -> Result<Option<Self>, Error> {
        let Ok(text) = std::str::from_utf8(text) else { return Ok(None) };
        let list = if text.trim_start_matches('\u{feff}').trim_start().starts_with('<') {
            if !text.contains("<metalink") {
                return Ok(None);
            }
            metalink(text, from)?
        } else {
            let list = plain(text);
            if list.mirrors.is_empty() {
                return Ok(None);
            }
            list
        };
        if list.mirrors.is_empty() {
            return Err(malformed(from, "it names no mirror with an http, https or file URL"));
        }
        Ok(Some(list))
    }
}

fn malformed(from: &str, reason: impl Into<String>) -> Error {
    Error::Metadata { url: from.to_owned(), reason: reason.into() }
}

/// One URL a line; what is no URL that we can use is passed over, as are comments.
fn plain(text: &str) -> MirrorList {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mirrors = lines.filter_map(|line| line.parse().ok()).take(MAX_MIRRORS).collect();
    MirrorList { mirrors, versions: Vec::new() }
}

/// A mirror as it stands in the file.
struct Listed {
    /// Smaller is better.
    rank: i64,
    url: RepoUrl,
}

fn metalink(text: &str, from: &str) -> Result<MirrorList, Error> {
    let mut reader = quick_xml::Reader::from_str(text);
    reader.config_mut().trim_text(true);
    let broken = |error: &dyn std::fmt::Display| malformed(from, format!("no metalink: {error}"));
    let mut versions: Vec<Version> = Vec::new();
    let mut listed: Vec<Listed> = Vec::new();
    // Whether we are in the <file> that counts, and what the text of the element at hand is about.
    let (mut inside, mut seen) = (false, false);
    let mut element = Element::Other;
    let mut content = String::new();
    loop {
        match reader.read_event().map_err(|error| broken(&error))? {
            Event::Start(start) => {
                content.clear();
                let attribute = |name: &str| -> Result<String, Error> {
                    match start.try_get_attribute(name).map_err(|error| broken(&error))? {
                        Some(value) => {
                            let value = value.normalized_value(XmlVersion::default());
                            Ok(value.map_err(|error| broken(&error))?.into_owned())
                        }
                        None => Ok(String::new()),
                    }
                };
                element = match start.local_name().as_ref() {
                    "file" => {
                        inside = !seen && attribute("name")? == FILE;
                        seen |= inside;
                        if inside {
                            versions.push(Version::default());
                        }
                        Element::Other
                    }
                    "alternate" if inside => {
                        if versions.len() >= MAX_VERSIONS {
                            return Err(malformed(from, format!("it names over {MAX_VERSIONS} versions of {FILE}")));
                        }
                        versions.push(Version::default());
                        Element::Other
                    }
                    "timestamp" => Element::Timestamp,
                    "size" => Element::Size,
                    "hash" => Element::Hash(attribute("type")?),
                    "url" => Element::Url { rank: rank(&attribute("preference")?, &attribute("priority")?) },
                    _ => Element::Other,
                };
            }
            Event::Text(piece) => content.push_str(&piece.xml_content(XmlVersion::default())),
            Event::GeneralRef(reference) => match &*reference {
                "amp" => content.push('&'),
                "lt" => content.push('<'),
                "gt" => content.push('>'),
                "quot" => content.push('"'),
                "apos" => content.push('\''),
                other => return Err(malformed(from, format!("no metalink: the entity {:?}", cut(other)))),
            },
            Event::End(end) => {
                let done = std::mem::replace(&mut element, Element::Other);
                if inside {
                    take(done, content.trim(), versions.last_mut(), &mut listed);
                }
                content.clear();
                if end.local_name().as_ref() == "file" {
                    inside = false;
                }
            }
            Event::Eof => break,
            _ => {}
        }
    }
    if !seen {
        return Err(malformed(from, format!("the metalink is not about {FILE}")));
    }
    versions.retain(|version| !version.checksums.is_empty());
    if versions.is_empty() {
        return Err(malformed(from, format!("it has no checksum of {FILE} that cannot be forged (sha256 or better)")));
    }
    listed.sort_by_key(|mirror| mirror.rank); // stable
    let mut mirrors: Vec<RepoUrl> = Vec::new();
    for mirror in listed {
        if !mirrors.contains(&mirror.url) {
            mirrors.push(mirror.url);
        }
    }
    Ok(MirrorList { mirrors, versions })
}

/// What the text of an element is.
enum Element {
    Timestamp,
    Size,
    Hash(String),
    Url { rank: i64 },
    Other,
}

fn take(element: Element, text: &str, version: Option<&mut Version>, listed: &mut Vec<Listed>) {
    let Some(version) = version else { return };
    match element {
        Element::Timestamp => version.timestamp = text.parse().unwrap_or(0),
        Element::Size => version.size = text.parse().ok(),
        Element::Hash(kind) => {
            // `sha-256` is version 4's spelling.
            let kind = kind.replace('-', "").parse::<ChecksumKind>().ok().filter(|kind| kind.is_strong());
            version.checksums.extend(kind.and_then(|kind| Checksum::new(kind, text).ok()));
        }
        Element::Url { rank } if listed.len() < MAX_MIRRORS => {
            let base = text.strip_suffix(PLACE).and_then(|base| base.parse::<RepoUrl>().ok());
            listed.extend(base.map(|url| Listed { rank, url }));
        }
        Element::Url { .. } | Element::Other => {}
    }
}

/// Version 3 has a preference, the higher the better; version 4 a priority, the lower the better.
fn rank(preference: &str, priority: &str) -> i64 {
    match (preference.parse::<i32>(), priority.parse::<i32>()) {
        (Ok(preference), _) => -i64::from(preference),
        (_, Ok(priority)) => i64::from(priority),
        _ => i64::from(i32::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn read(text: &str) -> Result<Option<MirrorList>, Error> {
        MirrorList::read(text.as_bytes(), "list")
    }

    fn shown(list: &MirrorList) -> Vec<String> {
        list.mirrors.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_metalink_of_mirrormanager_tells_mirrors_and_versions() {
        let text = format!(
            r#"<?xml version="1.0" encoding="utf-8"?>
<metalink version="3.0" xmlns="http://www.metalinker.org/" xmlns:mm0="http://fedorahosted.org/mirrormanager">
 <files><file name="repomd.xml">
  <mm0:timestamp>1700000002</mm0:timestamp><size>0</size>
  <verification><hash type="md5">d41d8cd98f00b204e9800998ecf8427e</hash><hash type="sha256">{SHA}</hash></verification>
  <mm0:alternates><mm0:alternate><mm0:timestamp>1700000001</mm0:timestamp><size>7</size>
   <verification><hash type="sha256">{}</hash></verification></mm0:alternate></mm0:alternates>
  <resources maxconnections="1">
   <url protocol="rsync" type="rsync" preference="100">rsync://a.example/r/repodata/repomd.xml</url>
   <url protocol="http" type="http" preference="90">http://b.example/r/repodata/repomd.xml</url>
   <url protocol="https" type="https" preference="99">https://c.example/r?x=1/repodata/repomd.xml</url>
   <url protocol="https" type="https" preference="95">https://d.example/x&amp;y/repodata/repomd.xml</url>
  </resources>
 </file></files>
</metalink>"#,
            "ab".repeat(32)
        );
        let list = read(&text).unwrap().unwrap();
        assert_eq!(shown(&list), ["https://d.example/x&y", "http://b.example/r"]);
        let stamps: Vec<_> = list.versions.iter().map(|version| (version.timestamp, version.size)).collect();
        assert_eq!(stamps, [(1_700_000_002, Some(0)), (1_700_000_001, Some(7))]);
        assert!(list.versions[0].is(b"") && !list.versions[0].is(b"x"));
    }

    #[test]
    fn a_metalink_of_the_rfc_is_read_too() {
        let text = format!(
            r#"<metalink xmlns="urn:ietf:params:xml:ns:metalink"><file name="repomd.xml"><size>0</size>
<hash type="sha-256">{SHA}</hash><url priority="2">http://b.example/r/repodata/repomd.xml</url>
<url priority="1">http://a.example/r/repodata/repomd.xml</url></file></metalink>"#
        );
        let list = read(&text).unwrap().unwrap();
        assert_eq!(shown(&list), ["http://a.example/r", "http://b.example/r"]);
        assert!(list.versions[0].is(b""));
    }

    #[test]
    fn metalinks_that_prove_nothing_or_lead_nowhere_are_refused() {
        let of = |hash: &str, url: &str| {
            format!(
                "<metalink><file name=\"repomd.xml\"><verification>{hash}</verification>\
                 <url>{url}/repodata/repomd.xml</url></file></metalink>"
            )
        };
        let good = format!("<hash type=\"sha256\">{SHA}</hash>");
        assert!(read(&of(&good, "http://a.example/r")).unwrap().is_some());
        for bad in [
            of("<hash type=\"md5\">d41d8cd98f00b204e9800998ecf8427e</hash>", "http://a.example/r"),
            of("<hash type=\"sha256\">12</hash>", "http://a.example/r"),
            of(&good, "ftp://a.example/r"),
            of(&good, "http://a.example/r").replace("repomd.xml\">", "x.iso\">"),
            "<metalink><file name=\"repomd.xml\">".to_owned(),
            "<metalink></file>".to_owned(),
            "<!DOCTYPE m [<!ENTITY a \"b\">]><metalink><file name=\"repomd.xml\"><size>&a;</size></file></metalink>"
                .to_owned(),
        ] {
            assert!(read(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_plain_list_has_one_mirror_a_line() {
        let list =
            read("# repo = x\nhttp://a.example/r/\n\nftp://b.example/r\nhttps://c.example/r\n").unwrap().unwrap();
        assert_eq!(shown(&list), ["http://a.example/r", "https://c.example/r"]);
        assert_eq!(read("<html>no</html>").unwrap(), None);
        assert_eq!(read("nothing here").unwrap(), None);
    }
}
