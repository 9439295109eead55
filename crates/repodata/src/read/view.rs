//! A package as slices of its document's text: what streaming over a large repository hands out.

use copr_rpm::{Changelog, Comparison, Dependency, DependencyFlags, DependencyKind, Evr, Nevra};

use super::tokens::{Raw, Token, Tokens, Unusual};
use super::{PackageChangelogs, PackageFiles};
use crate::{Checksum, ChecksumKind, File, FileKind, Record};

/// An element of `<rpm:requires>` and its like.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EntryView<'a> {
    /// The capability.
    pub name: Raw<'a>,
    /// `EQ`, `GE`, ... or empty.
    pub flags: Raw<'a>,
    /// Epoch as written.
    pub epoch: Raw<'a>,
    /// Version.
    pub version: Raw<'a>,
    /// Release.
    pub release: Raw<'a>,
    /// Whether it is needed before the package is installed.
    pub pre: bool,
}

impl EntryView<'_> {
    fn to_dependency(self) -> Option<Dependency> {
        if self.name.is_empty() {
            return None;
        }
        let comparison = Comparison::from_word(&self.flags.text());
        let mut flags = comparison.map(DependencyFlags::comparing).unwrap_or_default();
        if self.pre {
            flags = flags.with_pre();
        }
        let evr = Some(self.version).filter(|v| !v.is_empty() && comparison.is_some()).map(|version| Evr {
            epoch: Some(self.epoch.text().trim().parse().unwrap_or(0)),
            version: version.text().into_owned(),
            release: Some(self.release).filter(|r| !r.is_empty()).map(|r| r.text().into_owned()),
        });
        Some(Dependency { name: self.name.text().into_owned(), flags, evr })
    }
}

/// A file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FileView<'a> {
    /// The whole path.
    pub path: Raw<'a>,
    /// Its type.
    pub kind: FileKind,
    /// Its digest, in filelists-ext.
    pub digest: Raw<'a>,
}

impl FileView<'_> {
    fn to_file(self) -> File {
        let digest = Some(self.digest).filter(|d| !d.is_empty()).map(|d| d.text().into());
        File { path: self.path.text().into_owned(), kind: self.kind, digest }
    }
}

/// Name, architecture and version as written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NevraView<'a> {
    /// Name.
    pub name: Raw<'a>,
    /// Architecture.
    pub arch: Raw<'a>,
    /// Epoch.
    pub epoch: Raw<'a>,
    /// Version.
    pub version: Raw<'a>,
    /// Release.
    pub release: Raw<'a>,
}

impl<'a> NevraView<'a> {
    /// The name as values of its own.
    pub fn to_nevra(&self) -> Nevra {
        Nevra {
            name: self.name.text().into_owned(),
            epoch: self.epoch.text().trim().parse().unwrap_or(0),
            version: self.version.text().into_owned(),
            release: self.release.text().into_owned(),
            arch: self.arch.text().into_owned(),
        }
    }

    fn set_version(&mut self, tokens: &Tokens<'a>) {
        for (key, value) in tokens.attributes() {
            match *key {
                "epoch" => self.epoch = *value,
                "ver" => self.version = *value,
                "rel" => self.release = *value,
                _ => {}
            }
        }
    }
}

/// A package of primary.xml.
#[derive(Debug, Clone, Default)]
pub struct PrimaryView<'a> {
    /// Its name.
    pub nevra: NevraView<'a>,
    /// Kind of its checksum.
    pub checksum_type: Raw<'a>,
    /// Its checksum, hexadecimal.
    pub checksum: Raw<'a>,
    /// See [`Record::summary`]; likewise the others of the same names.
    pub summary: Raw<'a>,
    /// Long text.
    pub description: Raw<'a>,
    /// Packager.
    pub packager: Raw<'a>,
    /// Home page.
    pub url: Raw<'a>,
    /// Seconds since 1970.
    pub time_file: u64,
    /// Seconds since 1970.
    pub time_build: u64,
    /// Bytes.
    pub size_package: u64,
    /// Bytes.
    pub size_installed: u64,
    /// Bytes.
    pub size_archive: u64,
    /// Path of the file.
    pub location_href: Raw<'a>,
    /// `xml:base`, empty if there is none.
    pub location_base: Raw<'a>,
    /// Where in the package's text the `<location>` element stands: first byte, byte behind the last.
    pub(crate) location_at: (usize, usize),
    /// Licence.
    pub license: Raw<'a>,
    /// Vendor.
    pub vendor: Raw<'a>,
    /// Group.
    pub group: Raw<'a>,
    /// Build host.
    pub buildhost: Raw<'a>,
    /// Source package's file name.
    pub sourcerpm: Raw<'a>,
    /// Offset of the header.
    pub header_start: u64,
    /// Offset of the payload.
    pub header_end: u64,
    /// The lists, in the order of [`DependencyKind::ALL`].
    pub dependencies: [Vec<EntryView<'a>>; 8],
    /// Primary files.
    pub files: Vec<FileView<'a>>,
}

fn list_index(name: &str) -> Option<usize> {
    let kind = match name {
        "requires" => DependencyKind::Requires,
        "provides" => DependencyKind::Provides,
        "conflicts" => DependencyKind::Conflicts,
        "obsoletes" => DependencyKind::Obsoletes,
        "recommends" => DependencyKind::Recommends,
        "suggests" => DependencyKind::Suggests,
        "supplements" => DependencyKind::Supplements,
        "enhances" => DependencyKind::Enhances,
        _ => return None,
    };
    DependencyKind::ALL.iter().position(|k| *k == kind)
}

fn file_kind(written: Raw<'_>) -> FileKind {
    match &*written.text() {
        "dir" => FileKind::Dir,
        "ghost" => FileKind::Ghost,
        _ => FileKind::Plain,
    }
}

impl<'a> PrimaryView<'a> {
    /// Reads one `<package>` element.
    pub(crate) fn parse(text: &'a str) -> Result<Self, Unusual> {
        Self::parse_parts(text, true)
    }

    /// Reads what comes before the lists of dependencies and files, and passes over those.
    pub(crate) fn parse_start(text: &'a str) -> Result<Self, Unusual> {
        Self::parse_parts(text, false)
    }

    fn parse_parts(text: &'a str, whole: bool) -> Result<Self, Unusual> {
        let mut tokens = Tokens::new(text);
        let Some(Token::Start { name: "package", empty: false }) = tokens.next()? else { return Err(Unusual) };
        let mut view = Self::default();
        let mut in_format = false;
        // Of version, time and size, which all come before the format, those that came.
        let mut seen = [false; 3];
        loop {
            let before = tokens.position();
            let (name, empty) = match tokens.next()?.ok_or(Unusual)? {
                Token::Start { name, empty } => (name, empty),
                Token::End { name: "format" } if in_format => {
                    in_format = false;
                    continue;
                }
                Token::End { name: "package" } if !in_format => break,
                Token::End { .. } => return Err(Unusual),
            };
            let get = |key| tokens.attribute(key);
            match name {
                "format" => {
                    in_format = !empty;
                    continue;
                }
                "version" => {
                    seen[0] = true;
                    view.nevra.set_version(&tokens);
                }
                "time" => {
                    seen[1] = true;
                    (view.time_file, view.time_build) = (get("file").number(), get("build").number());
                }
                "size" => {
                    seen[2] = true;
                    view.size_package = get("package").number();
                    (view.size_installed, view.size_archive) = (get("installed").number(), get("archive").number());
                }
                "location" => {
                    (view.location_href, view.location_base) = (get("href"), get("xml:base"));
                    let between = text.get(before..tokens.position()).ok_or(Unusual)?;
                    view.location_at = (before + between.find('<').ok_or(Unusual)?, tokens.position());
                    if !empty {
                        return Err(Unusual);
                    }
                }
                "header-range" => (view.header_start, view.header_end) = (get("start").number(), get("end").number()),
                _ if empty => {}
                _ => {
                    let to = match name {
                        "name" => &mut view.nevra.name,
                        "arch" => &mut view.nevra.arch,
                        "checksum" => {
                            view.checksum_type = get("type");
                            &mut view.checksum
                        }
                        "summary" => &mut view.summary,
                        "description" => &mut view.description,
                        "packager" => &mut view.packager,
                        "url" => &mut view.url,
                        "license" => &mut view.license,
                        "vendor" => &mut view.vendor,
                        "group" => &mut view.group,
                        "buildhost" => &mut view.buildhost,
                        "sourcerpm" => &mut view.sourcerpm,
                        "file" => {
                            let kind = file_kind(get("type"));
                            view.files.push(FileView { path: tokens.text_of(name)?, kind, digest: Raw("") });
                            continue;
                        }
                        _ => {
                            match list_index(name).and_then(|index| view.dependencies.get_mut(index)) {
                                Some(list) => entries(&mut tokens, name, list)?,
                                None => tokens.skip(name)?,
                            }
                            continue;
                        }
                    };
                    *to = tokens.text_of(name)?;
                    // All tools write the lists behind it, and the rest before.
                    if !whole && name == "sourcerpm" && !view.location_href.is_empty() && seen == [true; 3] {
                        break;
                    }
                    continue;
                }
            }
            if !empty {
                tokens.skip(name)?;
            }
        }
        let needed = [view.nevra.name, view.nevra.arch, view.checksum, view.location_href];
        // What lacks any of these is for the general reader to complain about.
        if needed.iter().any(|raw| raw.is_empty()) { Err(Unusual) } else { Ok(view) }
    }

    /// The checksum, if it is one of a kind that we know.
    pub(crate) fn checksum(&self) -> Result<Checksum, Unusual> {
        let kind: ChecksumKind = self.checksum_type.text().parse().map_err(|_| Unusual)?;
        Checksum::new(kind, &self.checksum.text()).map_err(|_| Unusual)
    }

    /// One of the lists, as values of its own.
    #[must_use]
    pub fn list(&self, kind: DependencyKind) -> Vec<Dependency> {
        let index = DependencyKind::ALL.iter().position(|k| *k == kind);
        let entries = index.and_then(|index| self.dependencies.get(index));
        entries.map(|list| list.iter().filter_map(|entry| entry.to_dependency()).collect()).unwrap_or_default()
    }

    /// The package as a record of its own, without the files and changes that other documents have.
    pub(crate) fn to_record(&self) -> Result<Record, Unusual> {
        let text = |raw: Raw<'_>| raw.text().into_owned();
        let list = |kind| self.list(kind);
        Ok(Record {
            checksum: self.checksum()?,
            nevra: self.nevra.to_nevra(),
            summary: text(self.summary),
            description: text(self.description),
            packager: text(self.packager),
            url: text(self.url),
            time_file: self.time_file,
            time_build: self.time_build,
            size_package: self.size_package,
            size_installed: self.size_installed,
            size_archive: self.size_archive,
            location_href: text(self.location_href),
            location_base: Some(self.location_base).filter(|base| !base.is_empty()).map(text),
            license: text(self.license),
            vendor: text(self.vendor),
            group: text(self.group),
            buildhost: text(self.buildhost),
            sourcerpm: text(self.sourcerpm),
            header_start: self.header_start,
            header_end: self.header_end,
            provides: list(DependencyKind::Provides),
            requires: list(DependencyKind::Requires),
            conflicts: list(DependencyKind::Conflicts),
            obsoletes: list(DependencyKind::Obsoletes),
            suggests: list(DependencyKind::Suggests),
            enhances: list(DependencyKind::Enhances),
            recommends: list(DependencyKind::Recommends),
            supplements: list(DependencyKind::Supplements),
            files: self.files.iter().map(|file| file.to_file()).collect(),
            ..Record::default()
        })
    }
}

/// Reads `<rpm:entry>` elements up to the end of the list `name`.
fn entries<'a>(tokens: &mut Tokens<'a>, name: &str, list: &mut Vec<EntryView<'a>>) -> Result<(), Unusual> {
    loop {
        match tokens.next()?.ok_or(Unusual)? {
            Token::Start { name: "entry", empty } => {
                let mut entry = EntryView::default();
                for (key, value) in tokens.attributes() {
                    match *key {
                        "name" => entry.name = *value,
                        "flags" => entry.flags = *value,
                        "epoch" => entry.epoch = *value,
                        "ver" => entry.version = *value,
                        "rel" => entry.release = *value,
                        "pre" => entry.pre = !matches!(&*value.text(), "" | "0" | "FALSE" | "false" | "False"),
                        _ => {}
                    }
                }
                list.push(entry);
                if !empty {
                    tokens.skip("entry")?;
                }
            }
            Token::Start { empty: true, .. } => {}
            Token::Start { name: other, .. } => tokens.skip(other)?,
            Token::End { name: ended } if ended == name => return Ok(()),
            Token::End { .. } => return Err(Unusual),
        }
    }
}

/// A package of filelists.xml or filelists-ext.xml.
#[derive(Debug, Clone, Default)]
pub struct FilelistsView<'a> {
    /// The package's checksum.
    pub pkgid: Raw<'a>,
    /// Its name.
    pub nevra: NevraView<'a>,
    /// Kind of the files' digests, in filelists-ext.
    pub digest_type: Raw<'a>,
    /// Its files.
    pub files: Vec<FileView<'a>>,
}

/// Reads the start of a package of filelists or other.
fn identity<'a>(tokens: &mut Tokens<'a>) -> Result<(Raw<'a>, NevraView<'a>), Unusual> {
    let Some(Token::Start { name: "package", empty: false }) = tokens.next()? else { return Err(Unusual) };
    let pkgid = tokens.attribute("pkgid");
    let nevra = NevraView { name: tokens.attribute("name"), arch: tokens.attribute("arch"), ..NevraView::default() };
    if pkgid.text().trim().is_empty() { Err(Unusual) } else { Ok((pkgid, nevra)) }
}

/// The checksum that a package of filelists or other belongs to, without reading more.
pub(crate) fn pkgid(text: &str) -> Result<Raw<'_>, Unusual> {
    identity(&mut Tokens::new(text)).map(|(pkgid, _)| pkgid)
}

/// The name of a package of filelists or other, without reading more.
pub(crate) fn package_name(text: &str) -> Result<Raw<'_>, Unusual> {
    identity(&mut Tokens::new(text)).map(|(_, nevra)| nevra.name)
}

impl<'a> FilelistsView<'a> {
    /// Reads one `<package>` element.
    pub(crate) fn parse(text: &'a str) -> Result<Self, Unusual> {
        let mut tokens = Tokens::new(text);
        let (pkgid, nevra) = identity(&mut tokens)?;
        // Paths are some 80 bytes long with their element.
        let mut view = Self { pkgid, nevra, digest_type: Raw(""), files: Vec::with_capacity(text.len() / 72) };
        loop {
            while let Some(path) = tokens.plain("<file>", "</file>")? {
                view.files.push(FileView { path, kind: FileKind::Plain, digest: Raw("") });
            }
            match tokens.next()?.ok_or(Unusual)? {
                Token::Start { name: "file", empty } => {
                    let (kind, digest) = match tokens.attributes() {
                        [] => (FileKind::Plain, Raw("")),
                        _ => (file_kind(tokens.attribute("type")), tokens.attribute("hash")),
                    };
                    let path = if empty { Raw("") } else { tokens.text_of("file")? };
                    view.files.push(FileView { path, kind, digest });
                }
                Token::Start { name, empty } => {
                    match name {
                        "version" => view.nevra.set_version(&tokens),
                        "checksum" => view.digest_type = tokens.attribute("type"),
                        _ => {}
                    }
                    if !empty {
                        tokens.skip(name)?;
                    }
                }
                Token::End { name: "package" } => return Ok(view),
                Token::End { .. } => return Err(Unusual),
            }
        }
    }

    pub(crate) fn to_files(&self) -> Result<PackageFiles, Unusual> {
        let digest = Some(self.digest_type).filter(|kind| !kind.is_empty());
        Ok(PackageFiles {
            pkgid: self.pkgid.text().trim().to_ascii_lowercase(),
            nevra: self.nevra.to_nevra(),
            digest: digest.map(|kind| kind.text().parse()).transpose().map_err(|_| Unusual)?,
            files: self.files.iter().map(|file| file.to_file()).collect(),
        })
    }
}

/// One change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChangeView<'a> {
    /// Author.
    pub author: Raw<'a>,
    /// Seconds since 1970.
    pub time: u64,
    /// Text.
    pub text: Raw<'a>,
}

/// A package of other.xml.
#[derive(Debug, Clone, Default)]
pub struct OtherView<'a> {
    /// The package's checksum.
    pub pkgid: Raw<'a>,
    /// Its name.
    pub nevra: NevraView<'a>,
    /// Its changes.
    pub changelogs: Vec<ChangeView<'a>>,
}

impl<'a> OtherView<'a> {
    /// Reads one `<package>` element.
    pub(crate) fn parse(text: &'a str) -> Result<Self, Unusual> {
        let mut tokens = Tokens::new(text);
        let (pkgid, nevra) = identity(&mut tokens)?;
        let mut view = Self { pkgid, nevra, changelogs: Vec::new() };
        loop {
            match tokens.next()?.ok_or(Unusual)? {
                Token::Start { name: "changelog", empty } => {
                    let (author, time) = (tokens.attribute("author"), tokens.attribute("date").number());
                    let text = if empty { Raw("") } else { tokens.text_of("changelog")? };
                    view.changelogs.push(ChangeView { author, time, text });
                }
                Token::Start { name, empty } => {
                    if name == "version" {
                        view.nevra.set_version(&tokens);
                    }
                    if !empty {
                        tokens.skip(name)?;
                    }
                }
                Token::End { name: "package" } => return Ok(view),
                Token::End { .. } => return Err(Unusual),
            }
        }
    }

    pub(crate) fn to_changelogs(&self) -> PackageChangelogs {
        let change = |change: &ChangeView<'_>| Changelog {
            time: change.time,
            author: change.author.text().into_owned(),
            text: change.text.text().into_owned(),
        };
        PackageChangelogs {
            pkgid: self.pkgid.text().trim().to_ascii_lowercase(),
            nevra: self.nevra.to_nevra(),
            changelogs: self.changelogs.iter().map(change).collect(),
        }
    }
}
