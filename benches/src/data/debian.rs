//! Debian's packages as records of an RPM repository.

use std::collections::{HashMap, HashSet};

use anyhow::{Result, bail};
use copr_repodata::{Changelog, Checksum, ChecksumKind, File, FileKind, Record};
use copr_rpm::{Comparison, Dependency, DependencyFlags, Evr, Nevra};

use super::{apt, apt::AptLists, random::Random};

/// More than any list has; a list beyond this is not what we think it is.
const MAX_PACKAGES: usize = 500_000;
/// Changes that each package gets.
const CHANGES: u64 = 10;

/// A distribution: all packages, in the order in which `createrepo_c` writes them.
pub struct Lists {
    /// Records, but for files, description and changes.
    records: Vec<Record>,
    /// Paths of each Debian package, a line each, without the first slash.
    files: HashMap<String, String>,
    /// What descriptions and changes are made of.
    words: Vec<String>,
}

impl Lists {
    /// Reads what apt fetched.
    pub(super) fn read(lists: &AptLists) -> Result<Self> {
        let mut records: Vec<Record> = Vec::new();
        let (mut sums, mut hrefs) = (HashSet::new(), HashSet::new());
        let mut add = |stanza: &mut HashMap<String, String>| -> Result<()> {
            if let Some(record) = record(stanza)
                && sums.insert(record.checksum.hex.clone())
                && hrefs.insert(record.location_href.clone())
            {
                records.push(record);
            }
            stanza.clear();
            if records.len() > MAX_PACKAGES {
                bail!("the lists name over {MAX_PACKAGES} packages");
            }
            Ok(())
        };
        for list in &lists.packages {
            let mut stanza = HashMap::new();
            apt::lines(list, |line| {
                if line.is_empty() {
                    return add(&mut stanza);
                }
                // Continued lines (tags only) are of no use here.
                if let Some((field, value)) = line.split_once(':').filter(|_| !line.starts_with(' ')) {
                    stanza.insert(field.to_owned(), value.trim().to_owned());
                }
                Ok(())
            })?;
            add(&mut stanza)?;
        }
        records.sort_by(|a, b| order(&a.location_href).cmp(&order(&b.location_href)));
        let words = records.iter().flat_map(|r| r.summary.split_whitespace()).take(60_000).map(str::to_owned).collect();
        let mut lists_files: HashMap<String, String> =
            records.iter().map(|record| (record.nevra.name.clone(), String::new())).collect();
        for list in &lists.contents {
            apt::lines(list, |line| {
                add_file(&mut lists_files, line);
                Ok(())
            })?;
        }
        Ok(Self { records, files: lists_files, words })
    }

    /// How many packages.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Everything about one package.
    #[must_use]
    pub fn record(&self, number: usize) -> Option<Record> {
        let mut record = self.records.get(number)?.clone();
        let mut random = Random::of(&record.nevra.to_string());
        record.description = self.description(&mut random);
        record.changelogs = self.changes(&mut random, &record);
        record.files = self.files.get(&record.nevra.name).map(|paths| files(paths)).unwrap_or_default();
        Some(record)
    }

    /// As [`Lists::record`], under another name and with another checksum unless `copy` is 0.
    pub(super) fn copy(&self, number: usize, copy: usize) -> Option<Record> {
        let mut record = self.record(number)?;
        if copy > 0 {
            let text = format!("{copy} {}", record.checksum.hex);
            record.checksum = Checksum::of(ChecksumKind::Sha256, text.as_bytes()).ok()?.0;
            record.nevra.name = copied_name(&record.nevra.name, copy);
            record.location_href = format!("Packages/c/{}", record.nevra.file_name());
        }
        Some(record)
    }

    /// The file name that [`Lists::copy`] gives.
    pub(super) fn file_name(&self, number: usize, copy: usize) -> Option<String> {
        let mut nevra = self.records.get(number)?.nevra.clone();
        nevra.name = copied_name(&nevra.name, copy);
        Some(nevra.file_name())
    }

    /// The records without files, descriptions and changes.
    pub(super) fn bare(&self) -> &[Record] {
        &self.records
    }

    fn description(&self, random: &mut Random) -> String {
        let lines: Vec<String> = (0..random.between(1, 9)).map(|_| random.words(&self.words, 11)).collect();
        lines.join("\n")
    }

    /// Ten changes, about 2.5 KB in all.
    fn changes(&self, random: &mut Random, record: &Record) -> Vec<Changelog> {
        let mut time = record.time_build.saturating_sub(CHANGES * 4_000_000);
        (1..=CHANGES)
            .map(|number| {
                time = time.saturating_add(random.between(100_000, 4_000_000));
                let mail = random.word(&self.words).to_lowercase();
                let person = random.words(&self.words, 2);
                let author = format!("{person} <{mail}@example.org> - {}-{number}", record.nevra.version);
                let points: Vec<String> = (0..random.between(1, 5))
                    .map(|_| {
                        let count = random.between(4, 12);
                        format!("- {}", random.words(&self.words, count))
                    })
                    .collect();
                // rpm gives noon of the day
                Changelog { time: time / 86_400 * 86_400 + 43_200, author, text: points.join("\n") }
            })
            .collect()
    }
}

/// Far from the package that it is a copy of, so that compressors do not see one in the other.
fn copied_name(name: &str, copy: usize) -> String {
    if copy == 0 { name.to_owned() } else { format!("copy{copy}-{name}") }
}

/// `createrepo_c`'s order: by file name, then by folder.
fn order(href: &str) -> (&str, &str) {
    href.rsplit_once('/').map_or((href, ""), |(folder, name)| (name, folder))
}

/// One stanza of a Packages list as a record, or `None` if it lacks what a record needs.
fn record(stanza: &HashMap<String, String>) -> Option<Record> {
    let field = |name| stanza.get(name).map(String::as_str).unwrap_or_default();
    let name = stanza.get("Package")?.as_str();
    let checksum = Checksum::new(ChecksumKind::Sha256, stanza.get("SHA256")?).ok()?;
    let version = evr(stanza.get("Version")?);
    let arch = match field("Architecture") {
        "all" => "noarch",
        "amd64" => "x86_64",
        other => other,
    };
    let nevra = Nevra {
        name: name.to_owned(),
        epoch: version.epoch_or_zero(),
        version: version.version.clone(),
        release: version.release.clone().unwrap_or_else(|| "0".to_owned()),
        arch: arch.to_owned(),
    };
    let mut random = Random::of(&checksum.hex);
    let installed = field("Installed-Size").parse::<u64>().unwrap_or(0).saturating_mul(1024);
    let time_build = random.between(1_600_000_000, 1_680_000_000);
    let header_start = if random.below(10) < 3 { 4504 } else { 6200 };
    let own =
        |name: String| Dependency { name, flags: DependencyFlags::comparing(Comparison::Eq), evr: Some(nevra.evr()) };
    let mut provides = dependencies(field("Provides"), false);
    // In Debian, what is provided without a version satisfies nothing that asks for one, and is in conflict with nothing
    // that does; with rpm it would be, so it gets the package's version, as rpm's packagers do.
    for provide in provides.iter_mut().filter(|provide| provide.evr.is_none()) {
        *provide = own(std::mem::take(&mut provide.name));
    }
    provides.extend([own(name.to_owned()), own(format!("{name}({})", arch.replace('_', "-")))]);
    let mut requires = dependencies(field("Pre-Depends"), true);
    requires.extend(dependencies(field("Depends"), false));
    let mut conflicts = dependencies(field("Conflicts"), false);
    conflicts.extend(dependencies(field("Breaks"), false));
    // `Source: name (version)` where the two differ
    let source = stanza.get("Source").and_then(|source| source.split(' ').next()).unwrap_or(name);
    Some(Record {
        summary: field("Description").to_owned(),
        packager: field("Maintainer").to_owned(),
        url: field("Homepage").to_owned(),
        time_file: time_build + 1000,
        time_build,
        size_package: field("Size").parse().unwrap_or(0),
        size_installed: installed,
        size_archive: installed.saturating_add(512),
        location_href: format!("Packages/{}/{}", name.get(..1)?.to_lowercase(), nevra.file_name()),
        license: "GPL-2.0-or-later AND MIT".to_owned(),
        vendor: "Debian Project".to_owned(),
        group: field("Section").to_owned(),
        buildhost: format!("builder-{:02}.example.org", random.below(40)),
        sourcerpm: format!("{source}-{}-{}.src.rpm", nevra.version, nevra.release),
        header_start,
        header_end: header_start + random.between(4_000, 64_000),
        provides,
        requires,
        conflicts,
        obsoletes: dependencies(field("Replaces"), false),
        suggests: dependencies(field("Suggests"), false),
        enhances: dependencies(field("Enhances"), false),
        recommends: dependencies(field("Recommends"), false),
        checksum,
        nevra,
        ..Record::default()
    })
}

/// A Debian version as rpm has it: the release after the last `-`, and `^` for each `-` in the version, as both sort after
/// the end and before a dot.
fn evr(text: &str) -> Evr {
    let (epoch, rest) = text.split_once(':').unwrap_or(("0", text));
    let (version, release) = match rest.rsplit_once('-') {
        Some((version, release)) => (version, Some(release.to_owned())),
        None => (rest, None),
    };
    Evr { epoch: Some(epoch.parse().unwrap_or(0)), version: version.replace('-', "^"), release }
}

/// A field such as `Depends`: alternatives become rich dependencies, repetitions are left out.
fn dependencies(field: &str, pre: bool) -> Vec<Dependency> {
    let mut seen = HashSet::new();
    let mut list = Vec::new();
    for part in field.split(',') {
        let mut alternatives: Vec<Dependency> = part.split('|').filter_map(relation).collect();
        let mut dependency = match alternatives.len() {
            0 => continue,
            1 => alternatives.remove(0),
            _ => {
                let words: Vec<String> = alternatives.iter().map(ToString::to_string).collect();
                Dependency::named(format!("({})", words.join(" or ")))
            }
        };
        if pre {
            dependency.flags = dependency.flags.with_pre();
        }
        if seen.insert(dependency.to_string()) {
            list.push(dependency);
        }
    }
    list
}

/// `name:arch (>= version)`.
fn relation(text: &str) -> Option<Dependency> {
    let text = text.trim();
    let end = text.find([' ', ':', '(', '[']).unwrap_or(text.len());
    let name = text.get(..end).filter(|name| !name.is_empty())?;
    let Some((condition, _)) = text.split_once('(').and_then(|(_, rest)| rest.split_once(')')) else {
        return Some(Dependency::named(name));
    };
    let condition = condition.trim();
    let end = condition.find(|c| !matches!(c, '<' | '>' | '='))?;
    let (operator, version) = condition.split_at(end);
    let evr = evr(version.trim());
    let comparison = match operator {
        ">=" => Comparison::Ge,
        "<=" => Comparison::Le,
        "=" => Comparison::Eq,
        // For Debian 1-1 is greater than 1; for rpm it is a 1.
        ">>" | ">" if evr.release.is_none() => Comparison::Ge,
        ">>" | ">" => Comparison::Gt,
        "<<" | "<" => Comparison::Lt,
        _ => return None,
    };
    Some(Dependency { name: name.to_owned(), flags: DependencyFlags::comparing(comparison), evr: Some(evr) })
}

/// One line of a Contents list: `path   section/package,section/package`.
fn add_file(files: &mut HashMap<String, String>, line: &str) {
    let Some((path, owners)) = line.rsplit_once([' ', '\t']) else { return };
    let path = path.trim_end();
    for owner in owners.split(',') {
        let name = owner.rsplit_once('/').map_or(owner, |(_, name)| name);
        if let Some(paths) = files.get_mut(name) {
            paths.push_str(path);
            paths.push('\n');
        }
    }
}

/// A package's files in rpm's order. Debian's lists have no folders: those deep in the tree are added, as packages
/// own them.
fn files(paths: &str) -> Vec<File> {
    let plain = paths.lines().map(|path| (format!("/{path}"), FileKind::Plain));
    let folders: HashSet<&str> = paths.lines().filter_map(|path| Some(path.rsplit_once('/')?.0)).collect();
    let folders = folders
        .into_iter()
        .filter(|folder| folder.bytes().filter(|c| *c == b'/').count() >= 3 || folder.starts_with("usr/share/doc/"))
        .map(|folder| (format!("/{folder}"), FileKind::Dir));
    let mut files: Vec<(String, FileKind)> = plain.chain(folders).collect();
    files.sort_by(|a, b| a.0.cmp(&b.0));
    files.dedup_by(|a, b| a.0 == b.0);
    files.into_iter().map(|(path, kind)| File { path, kind, digest: None }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(field: &str) -> Vec<String> {
        dependencies(field, false).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn alternatives_become_one_rich_dependency_and_repetitions_go() {
        let field = "libc6 (>= 2.34), a:any (<< 1:2-3) | b, perl:any, libc6 (>= 2.34), c [amd64]";
        assert_eq!(shown(field), ["libc6 >= 0:2.34", "(a < 1:2-3 or b)", "perl", "c"]);
        assert!(shown("").is_empty());
    }

    #[test]
    fn greater_than_a_version_without_release_is_what_debian_means_by_it() {
        assert_eq!(shown("a (>> 1), b (>> 1-1)"), ["a >= 0:1", "b > 0:1-1"]);
    }

    #[test]
    fn a_hyphen_in_an_upstream_version_does_not_make_a_release() {
        assert_eq!(evr("1:2-rc1-3").to_string(), "1:2^rc1-3");
        assert_eq!(evr("20230101").to_string(), "0:20230101");
    }

    #[test]
    fn a_file_of_two_packages_is_listed_in_both_and_deep_folders_are_added() {
        let mut lists = HashMap::from([("a".to_owned(), String::new()), ("b".to_owned(), String::new())]);
        add_file(&mut lists, "usr/bin/with blank   admin/a,non-free/misc/b,other/c");
        add_file(&mut lists, "usr/share/a/deep/file\tadmin/a");
        let of_a: Vec<String> = files(&lists["a"]).into_iter().map(|file| file.path).collect();
        assert_eq!(of_a, ["/usr/bin/with blank", "/usr/share/a/deep", "/usr/share/a/deep/file"]);
        assert_eq!(lists["b"], "usr/bin/with blank\n");
    }

    #[test]
    fn a_stanza_without_checksum_is_no_package() {
        let stanza = HashMap::from([("Package".to_owned(), "a".to_owned()), ("Version".to_owned(), "1".to_owned())]);
        assert!(record(&stanza).is_none());
    }
}
