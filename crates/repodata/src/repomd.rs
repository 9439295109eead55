//! The index of a repository's metadata: repomd.xml.

use std::io::BufRead;

use crate::read::{Elements, Token, attribute, optional};
use crate::xml::{Layout, push_attribute, push_decimal, push_text};
use crate::{Checksum, Error};

/// repomd.xml.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Repomd {
    /// The revision, usually seconds since 1970.
    pub revision: String,
    /// Identifier of the repository (of the product network), and its type.
    pub repoid: Option<String>,
    /// `type` of `repoid`.
    pub repoid_type: Option<String>,
    /// Hash over the content as its maker defines it.
    pub contenthash: Option<String>,
    /// `type` of `contenthash`.
    pub contenthash_type: Option<String>,
    /// `content` tags.
    pub content_tags: Vec<String>,
    /// `repo` tags.
    pub repo_tags: Vec<String>,
    /// `distro` tags: CPE identifier (may be absent) and text.
    pub distro_tags: Vec<(Option<String>, String)>,
    /// The metadata files.
    pub records: Vec<RepomdRecord>,
}

/// One metadata file, as repomd.xml names it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RepomdRecord {
    /// `primary`, `filelists`, `other`, `group`, ...
    pub kind: String,
    /// Checksum of the file as it lies there.
    pub checksum: Checksum,
    /// Checksum of its decompressed content; absent for plain files.
    pub open_checksum: Option<Checksum>,
    /// Checksum of a zchunk header.
    pub header_checksum: Option<Checksum>,
    /// Path relative to the repository: `repodata/SUM-primary.xml.gz`.
    pub location_href: String,
    /// `xml:base` of the location.
    pub location_base: Option<String>,
    /// Modification time, seconds since 1970.
    pub timestamp: Option<u64>,
    /// Bytes of the file.
    pub size: Option<u64>,
    /// Bytes of its decompressed content.
    pub open_size: Option<u64>,
    /// Bytes of a zchunk header.
    pub header_size: Option<u64>,
    /// Schema version of an `SQLite` database.
    pub database_version: Option<u32>,
}

impl RepomdRecord {
    /// The file's name, without its folder.
    pub(crate) fn file_name(&self) -> &str {
        self.location_href.rsplit('/').next().unwrap_or_default()
    }

    /// Whether the file's name begins with its checksum, so that another content has another name.
    pub(crate) fn is_named_by_checksum(&self) -> bool {
        self.file_name().strip_prefix(&self.checksum.hex).is_some_and(|rest| rest.starts_with('-'))
    }
}

impl Repomd {
    /// Reads repomd.xml.
    ///
    /// # Errors
    /// It is not well-formed, over a limit, or a file in it lacks type, location or checksum.
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        let mut elements = Elements::new(bytes, "repomd.xml");
        match elements.next()? {
            Token::Start(name, _) if name == "repomd" => {}
            _ => return Err(elements.error("it does not start with <repomd>")),
        }
        let mut repomd = Self::default();
        loop {
            match elements.next()? {
                Token::Start(name, attributes) => match name.as_str() {
                    "revision" => elements.text()?.trim().clone_into(&mut repomd.revision),
                    "repoid" => {
                        repomd.repoid_type = optional(&attributes, "type");
                        repomd.repoid = Some(elements.text()?);
                    }
                    "contenthash" => {
                        repomd.contenthash_type = optional(&attributes, "type");
                        repomd.contenthash = Some(elements.text()?);
                    }
                    "tags" => {} // its children come in this loop
                    "content" => repomd.content_tags.push(elements.text()?),
                    "repo" => repomd.repo_tags.push(elements.text()?),
                    "distro" => {
                        let cpeid = optional(&attributes, "cpeid");
                        repomd.distro_tags.push((cpeid, elements.text()?));
                    }
                    "data" => {
                        let record = data(&mut elements, attribute(&attributes, "type"))?;
                        repomd.records.push(record);
                    }
                    _ => elements.skip()?,
                },
                Token::End(name) if name == "tags" => {}
                Token::End(_) => return Ok(repomd),
                Token::Eof => return Err(elements.error("the file is truncated")),
            }
        }
    }

    /// The XML of repomd.xml. Files are in the order of `createrepo_c`: primary, filelists, other, then by type.
    pub fn write(&self) -> String {
        self.render(true)
    }

    /// The XML of repomd.xml, with elements on lines of their own or all in a row.
    pub fn render(&self, pretty: bool) -> String {
        let layout = Layout { pretty };
        let mut out = String::with_capacity(512 * (self.records.len() + 1));
        out.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        out.push_str("<repomd xmlns=\"http://linux.duke.edu/metadata/repo\"");
        out.push_str(" xmlns:rpm=\"http://linux.duke.edu/metadata/rpm\">");
        layout.newline(&mut out);
        layout.element(&mut out, 2, "revision", &self.revision);
        if let Some(id) = &self.repoid {
            layout.indent(&mut out, 2);
            out.push_str("<repoid");
            if let Some(kind) = &self.repoid_type {
                push_attribute(&mut out, "type", kind);
            }
            push_closing(&mut out, layout, "repoid", id);
        }
        if let Some(hash) = &self.contenthash {
            layout.indent(&mut out, 2);
            out.push_str("<contenthash");
            if let Some(kind) = &self.contenthash_type {
                push_attribute(&mut out, "type", kind);
            }
            push_closing(&mut out, layout, "contenthash", hash);
        }
        if !(self.content_tags.is_empty() && self.repo_tags.is_empty() && self.distro_tags.is_empty()) {
            layout.line(&mut out, 2, "<tags>");
            self.content_tags.iter().for_each(|tag| layout.element(&mut out, 4, "content", tag));
            self.repo_tags.iter().for_each(|tag| layout.element(&mut out, 4, "repo", tag));
            for (cpeid, text) in &self.distro_tags {
                layout.indent(&mut out, 4);
                out.push_str("<distro");
                if let Some(cpeid) = cpeid {
                    push_attribute(&mut out, "cpeid", cpeid);
                }
                push_closing(&mut out, layout, "distro", text);
            }
            layout.line(&mut out, 2, "</tags>");
        }
        let mut records: Vec<&RepomdRecord> = self.records.iter().collect();
        records.sort_by_key(|record| (rank(&record.kind), &record.kind, &record.location_href));
        records.into_iter().for_each(|record| push_data(&mut out, layout, record));
        out.push_str("</repomd>\n");
        out
    }

    /// The first record of a kind.
    pub fn record(&self, kind: &str) -> Option<&RepomdRecord> {
        self.records.iter().find(|r| r.kind == kind)
    }
}

fn rank(kind: &str) -> usize {
    const FIRST: [&str; 6] = ["primary", "filelists", "other", "primary_db", "filelists_db", "other_db"];
    FIRST.iter().position(|k| *k == kind).unwrap_or(FIRST.len())
}

fn data<R: BufRead>(elements: &mut Elements<R>, kind: &str) -> Result<RepomdRecord, Error> {
    let mut record = RepomdRecord { kind: kind.to_owned(), ..RepomdRecord::default() };
    loop {
        let (name, attributes) = match elements.next()? {
            Token::Start(name, attributes) => (name, attributes),
            Token::End(_) => break,
            Token::Eof => return Err(elements.error("the file is truncated")),
        };
        let text = elements.text()?;
        let number = || text.trim().parse::<u64>().ok();
        let sum = || Checksum::new(attribute(&attributes, "type").parse()?, &text);
        match name.as_str() {
            "checksum" => record.checksum = sum()?,
            "open-checksum" => record.open_checksum = Some(sum()?),
            "header-checksum" => record.header_checksum = Some(sum()?),
            "location" => {
                attribute(&attributes, "href").clone_into(&mut record.location_href);
                let base = attribute(&attributes, "xml:base");
                record.location_base = Some(base).filter(|b| !b.is_empty()).map(str::to_owned);
            }
            // Some tools write fractions of seconds.
            "timestamp" => record.timestamp = text.trim().split('.').next().and_then(|t| t.parse().ok()),
            "size" => record.size = number(),
            "open-size" => record.open_size = number(),
            "header-size" => record.header_size = number(),
            "database_version" => record.database_version = text.trim().parse().ok(),
            _ => {}
        }
    }
    for (what, value) in
        [("type", &record.kind), ("location", &record.location_href), ("checksum", &record.checksum.hex)]
    {
        if value.is_empty() {
            return Err(elements.error(format!("the data `{kind}` has no {what}")));
        }
    }
    Ok(record)
}

/// Ends a start tag and appends text and end of its element.
fn push_closing(out: &mut String, layout: Layout, name: &str, text: &str) {
    out.push('>');
    push_text(out, text);
    out.push_str("</");
    out.push_str(name);
    out.push('>');
    layout.newline(out);
}

fn push_data(out: &mut String, layout: Layout, record: &RepomdRecord) {
    let push_sum = |out: &mut String, name: &str, sum: &Checksum| {
        layout.indent(out, 4);
        out.push('<');
        out.push_str(name);
        push_attribute(out, "type", sum.kind.name());
        push_closing(out, layout, name, &sum.hex);
    };
    let push_number = |out: &mut String, name: &str, value: Option<u64>| {
        if let Some(value) = value {
            layout.indent(out, 4);
            out.push('<');
            out.push_str(name);
            out.push('>');
            push_decimal(out, value);
            out.push_str("</");
            out.push_str(name);
            out.push('>');
            layout.newline(out);
        }
    };
    layout.indent(out, 2);
    out.push_str("<data");
    push_attribute(out, "type", &record.kind);
    out.push('>');
    layout.newline(out);
    push_sum(out, "checksum", &record.checksum);
    record.open_checksum.iter().for_each(|sum| push_sum(out, "open-checksum", sum));
    record.header_checksum.iter().for_each(|sum| push_sum(out, "header-checksum", sum));
    layout.indent(out, 4);
    out.push_str("<location");
    push_attribute(out, "href", &record.location_href);
    if let Some(base) = &record.location_base {
        push_attribute(out, "xml:base", base);
    }
    out.push_str("/>");
    layout.newline(out);
    push_number(out, "timestamp", record.timestamp);
    push_number(out, "size", record.size);
    push_number(out, "open-size", record.open_size);
    push_number(out, "header-size", record.header_size);
    push_number(out, "database_version", record.database_version.map(u64::from));
    layout.line(out, 2, "</data>");
}
