//! One `<package>` after the other, in the three dialects.

use std::io::BufRead;

use copr_rpm::{Changelog, Comparison, Dependency, DependencyFlags, Evr, Nevra};

use super::stream::Parsed;
use super::{Attributes, Elements, PackageChangelogs, PackageFiles, Token, attribute};
use crate::{Checksum, Document, Error, File, FileKind, Record};

/// Iterates over the packages of a document.
pub(super) struct Packages<R: BufRead> {
    elements: Elements<R>,
    document: Document,
    inside: bool,
    done: bool,
}

impl<R: BufRead> Packages<R> {
    /// `inside` says that the root's start has been passed already.
    pub(super) fn new(from: R, document: Document, inside: bool) -> Self {
        let elements = match inside {
            true => Elements::inside(from, document.kind()),
            false => Elements::new(from, document.kind()),
        };
        Self { elements, document, inside, done: false }
    }

    fn advance(&mut self) -> Result<Option<Parsed>, Error> {
        if !self.inside {
            match self.elements.next()? {
                Token::Start(name, _) if name == self.document.root() => self.inside = true,
                Token::Start(name, _) => {
                    let shown: String = name.chars().take(40).collect();
                    let root = self.document.root();
                    return Err(self.elements.error(format!("it starts with <{shown}>, not <{root}>")));
                }
                _ => return Err(self.elements.error("the file is truncated")),
            }
        }
        package(&mut self.elements, self.document)
    }
}

/// The next package, or `None` at the end of the element around it.
pub(super) fn package<R: BufRead>(elements: &mut Elements<R>, document: Document) -> Result<Option<Parsed>, Error> {
    loop {
        elements.start_package();
        match elements.next()? {
            Token::Start(name, attributes) if name == "package" => {
                return Ok(Some(match document {
                    Document::Primary => Parsed::Primary(record(elements)?),
                    Document::Filelists | Document::FilelistsExt => Parsed::Files(files(elements, &attributes)?),
                    Document::Other => Parsed::Changelogs(changelogs(elements, &attributes)?),
                }));
            }
            Token::Start(..) => elements.skip()?,
            Token::End(_) => return Ok(None),
            Token::Eof => return Err(elements.error("the file is truncated")),
        }
    }
}

impl<R: BufRead> Iterator for Packages<R> {
    type Item = Result<Parsed, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let next = self.advance().transpose();
        self.done = !matches!(next, Some(Ok(_)));
        next
    }
}

/// A package of primary.xml.
fn record<R: BufRead>(elements: &mut Elements<R>) -> Result<Record, Error> {
    let mut record = Record::default();
    let mut list: Option<fn(&mut Record) -> &mut Vec<Dependency>> = None;
    loop {
        let (name, attributes) = match elements.next()? {
            Token::Start(name, attributes) => (name, attributes),
            Token::End(name) if name == "package" => break,
            Token::End(_) => {
                list = None;
                continue;
            }
            Token::Eof => return Err(elements.error("the file is truncated")),
        };
        let number = |name| attribute(&attributes, name).trim().parse::<u64>().unwrap_or(0);
        // Whether the element's end is still to be read.
        let mut open = false;
        match name.as_str() {
            // These two hold elements that the same loop reads.
            "format" => continue,
            "provides" | "requires" | "conflicts" | "obsoletes" | "suggests" | "enhances" | "recommends"
            | "supplements" => {
                list = dependency_list(&name);
                continue;
            }
            "entry" => {
                if let Some(list) = list {
                    list(&mut record).extend(dependency(&attributes));
                }
                open = true;
            }
            "version" => {
                version(&attributes, &mut record.nevra);
                open = true;
            }
            "time" => {
                (record.time_file, record.time_build) = (number("file"), number("build"));
                open = true;
            }
            "size" => {
                record.size_package = number("package");
                (record.size_installed, record.size_archive) = (number("installed"), number("archive"));
                open = true;
            }
            "location" => {
                record.location_href = attribute(&attributes, "href").to_owned();
                let base = attribute(&attributes, "xml:base");
                record.location_base = Some(base).filter(|b| !b.is_empty()).map(str::to_owned);
                open = true;
            }
            "header-range" => {
                (record.header_start, record.header_end) = (number("start"), number("end"));
                open = true;
            }
            "checksum" => {
                let hex = elements.text()?;
                let kind = attribute(&attributes, "type").parse()?;
                record.checksum = Checksum::new(kind, &hex)?;
            }
            "file" => {
                let path = elements.text()?;
                record.files.push(File { path, kind: file_kind(&attributes), digest: None });
            }
            "name" => record.nevra.name = elements.text()?,
            "arch" => record.nevra.arch = elements.text()?,
            "summary" => record.summary = elements.text()?,
            "description" => record.description = elements.text()?,
            "packager" => record.packager = elements.text()?,
            "url" => record.url = elements.text()?,
            "license" => record.license = elements.text()?,
            "vendor" => record.vendor = elements.text()?,
            "group" => record.group = elements.text()?,
            "buildhost" => record.buildhost = elements.text()?,
            "sourcerpm" => record.sourcerpm = elements.text()?,
            _ => open = true,
        }
        if open {
            elements.skip()?;
        }
    }
    for (what, value) in [
        ("name", &record.nevra.name),
        ("architecture", &record.nevra.arch),
        ("checksum", &record.checksum.hex),
        ("location", &record.location_href),
    ] {
        if value.is_empty() {
            return Err(elements.error(format!("the package `{}` has no {what}", record.nevra)));
        }
    }
    Ok(record)
}

/// A package of filelists.xml.
fn files<R: BufRead>(elements: &mut Elements<R>, package: &Attributes) -> Result<PackageFiles, Error> {
    let (pkgid, mut nevra) = identity(elements, package)?;
    let (mut files, mut digest) = (Vec::new(), None);
    each_child(elements, &mut nevra, |elements, name, attributes| match name {
        "file" => {
            let hash = Some(attribute(attributes, "hash")).filter(|hash| !hash.is_empty()).map(Box::from);
            let path = elements.text()?;
            files.push(File { path, kind: file_kind(attributes), digest: hash });
            Ok(true)
        }
        "checksum" => {
            digest = Some(attribute(attributes, "type")).filter(|kind| !kind.is_empty()).map(str::parse).transpose()?;
            Ok(false)
        }
        _ => Ok(false),
    })?;
    Ok(PackageFiles { pkgid, nevra, digest, files })
}

/// A package of other.xml.
fn changelogs<R: BufRead>(elements: &mut Elements<R>, package: &Attributes) -> Result<PackageChangelogs, Error> {
    let (pkgid, mut nevra) = identity(elements, package)?;
    let mut changelogs = Vec::new();
    each_child(elements, &mut nevra, |elements, name, attributes| match name {
        "changelog" => {
            let author = attribute(attributes, "author").to_owned();
            let time = attribute(attributes, "date").trim().parse().unwrap_or(0);
            changelogs.push(Changelog { time, author, text: elements.text()? });
            Ok(true)
        }
        _ => Ok(false),
    })?;
    Ok(PackageChangelogs { pkgid, nevra, changelogs })
}

fn identity<R: BufRead>(elements: &Elements<R>, package: &Attributes) -> Result<(String, Nevra), Error> {
    let pkgid = attribute(package, "pkgid").trim().to_ascii_lowercase();
    let text = |name| attribute(package, name).to_owned();
    let nevra = Nevra { name: text("name"), arch: text("arch"), ..Nevra::default() };
    if pkgid.is_empty() {
        return Err(elements.error(format!("the package `{}` has no pkgid", nevra.name)));
    }
    Ok((pkgid, nevra))
}

/// Reads the children of a package up to its end. `child` tells whether it read the element's end.
fn each_child<R: BufRead>(
    elements: &mut Elements<R>,
    nevra: &mut Nevra,
    mut child: impl FnMut(&mut Elements<R>, &str, &Attributes) -> Result<bool, Error>,
) -> Result<(), Error> {
    loop {
        match elements.next()? {
            Token::Start(name, attributes) => {
                if name == "version" {
                    version(&attributes, nevra);
                }
                if !child(elements, &name, &attributes)? {
                    elements.skip()?;
                }
            }
            Token::End(_) => return Ok(()),
            Token::Eof => return Err(elements.error("the file is truncated")),
        }
    }
}

fn dependency_list(name: &str) -> Option<fn(&mut Record) -> &mut Vec<Dependency>> {
    Some(match name {
        "provides" => |r| &mut r.provides,
        "requires" => |r| &mut r.requires,
        "conflicts" => |r| &mut r.conflicts,
        "obsoletes" => |r| &mut r.obsoletes,
        "suggests" => |r| &mut r.suggests,
        "enhances" => |r| &mut r.enhances,
        "recommends" => |r| &mut r.recommends,
        "supplements" => |r| &mut r.supplements,
        _ => return None,
    })
}

fn dependency(attributes: &Attributes) -> Option<Dependency> {
    let name = attribute(attributes, "name");
    if name.is_empty() {
        return None;
    }
    let comparison = Comparison::from_word(attribute(attributes, "flags"));
    let mut flags = comparison.map(DependencyFlags::comparing).unwrap_or_default();
    if !matches!(attribute(attributes, "pre"), "" | "0" | "FALSE" | "false" | "False") {
        flags = flags.with_pre();
    }
    let text = |name| Some(attribute(attributes, name)).filter(|v| !v.is_empty()).map(str::to_owned);
    let evr = text("ver").filter(|_| comparison.is_some()).map(|version| Evr {
        epoch: Some(attribute(attributes, "epoch").trim().parse().unwrap_or(0)),
        version,
        release: text("rel"),
    });
    Some(Dependency { name: name.to_owned(), flags, evr })
}

fn version(attributes: &Attributes, nevra: &mut Nevra) {
    nevra.epoch = attribute(attributes, "epoch").trim().parse().unwrap_or(0);
    nevra.version = attribute(attributes, "ver").to_owned();
    nevra.release = attribute(attributes, "rel").to_owned();
}

fn file_kind(attributes: &Attributes) -> FileKind {
    match attribute(attributes, "type") {
        "dir" => FileKind::Dir,
        "ghost" => FileKind::Ghost,
        _ => FileKind::Plain,
    }
}
