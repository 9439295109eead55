//! The header of a package: everything that it says of itself.

use sha2::{Digest, Sha256};

use super::payload::REGULAR;
use super::{Builder, File};
use crate::dependency::{Comparison, DependencyKind};
use crate::stored::Stored;
use crate::{Dependency, DependencyFlags, Tag, tag};

/// SHA-256, as `OpenPGP` numbers digests.
const SHA256: u32 = 8;
/// Flags of a file: `%config`, and `noreplace` (`rpmfiles.h`).
const CONFIG_NOREPLACE: u32 = 1 | 1 << 4;
/// All of a file is verified (`RPMVERIFY_ALL`).
const VERIFY_ALL: u32 = u32::MAX;
/// Flags of a dependency: on a feature of rpm, and on the configuration of the package (`rpmds.h`).
const RPMLIB: u32 = 1 << 24;
const CONFIG: u32 = 1 << 28;
/// The rpm whose format this is.
const RPM_VERSION: &str = "4.14.0";

/// The entries, in no order.
pub(super) fn entries(package: &Builder, files: &[&File], archive: &[u8], payload: &[u8]) -> Vec<Stored> {
    let source = || format!("{}-{}-{}.src.rpm", package.name, package.version, package.release);
    let mut entries = vec![
        Stored::texts(tag::HEADERI18NTABLE, ["C"]),
        Stored::text(tag::NAME, &package.name),
        Stored::text(tag::VERSION, &package.version),
        Stored::text(tag::RELEASE, &package.release),
        Stored::translated(tag::SUMMARY, &package.summary),
        Stored::translated(tag::DESCRIPTION, &package.description),
        Stored::u32s(tag::BUILDTIME, [seconds(package.build_time)]),
        Stored::u32s(tag::SIZE, [files.iter().map(|file| size(file)).fold(0, u32::saturating_add)]),
        Stored::text(tag::LICENSE, &package.license),
        Stored::translated(tag::GROUP, "Unspecified"),
        Stored::text(tag::OS, "linux"),
        Stored::text(tag::ARCH, "noarch"),
        Stored::text(tag::SOURCERPM, &package.source_rpm.clone().unwrap_or_else(source)),
        Stored::text(tag::RPMVERSION, RPM_VERSION),
        Stored::text(tag::PAYLOADFORMAT, "cpio"),
        Stored::text(tag::PAYLOADCOMPRESSOR, "gzip"),
        Stored::text(tag::PAYLOADFLAGS, "9"),
        Stored::text(tag::ENCODING, "utf-8"),
        Stored::texts(tag::PAYLOADDIGEST, [hex::encode(Sha256::digest(payload))]),
        Stored::u32s(tag::PAYLOADDIGESTALGO, [SHA256]),
        Stored::texts(tag::PAYLOADDIGESTALT, [hex::encode(Sha256::digest(archive))]),
    ];
    entries.extend(package.epoch.map(|epoch| Stored::u32s(tag::EPOCH, [epoch])));
    for (tag, text) in [
        (tag::URL, &package.url),
        (tag::VENDOR, &package.vendor),
        (tag::BUGURL, &package.bug_url),
        (tag::PACKAGER, &package.packager),
        (tag::BUILDHOST, &package.build_host),
    ] {
        entries.extend(text.as_ref().map(|text| Stored::text(tag, text)));
    }
    if !package.changelog.is_empty() {
        let changes = &package.changelog;
        entries.push(Stored::u32s(tag::CHANGELOGTIME, changes.iter().map(|change| seconds(change.time))));
        entries.push(Stored::texts(tag::CHANGELOGNAME, changes.iter().map(|change| &change.author)));
        entries.push(Stored::texts(tag::CHANGELOGTEXT, changes.iter().map(|change| &change.text)));
    }
    entries.extend(of_files(package, files));
    for (kind, list) in [
        (DependencyKind::Requires, requires(package)),
        (DependencyKind::Provides, provides(package)),
        (DependencyKind::Conflicts, package.conflicts.clone()),
        (DependencyKind::Obsoletes, package.obsoletes.clone()),
    ] {
        entries.extend(dependencies(kind.tags(), list));
    }
    entries
}

/// A file's entry in each of the parallel lists, as `genCpioListAndHeader` in rpm's `build/files.c` fills them.
fn of_files(package: &Builder, files: &[&File]) -> Vec<Stored> {
    if files.is_empty() {
        return Vec::new();
    }
    let split = |file: &&File| {
        let at = file.path.rfind('/').map_or(0, |slash| slash + 1);
        let (folder, name) = file.path.split_at(at);
        (folder.to_owned(), name.to_owned())
    };
    let (folders, names): (Vec<String>, Vec<String>) = files.iter().map(split).unzip();
    let mut known = folders.clone();
    known.sort();
    known.dedup();
    let index = |folder: &String| known.binary_search(folder).unwrap_or(0);
    let every = |value: u32| files.iter().map(move |_| value);
    let word = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    vec![
        Stored::texts(tag::BASENAMES, &names),
        Stored::u32s(tag::DIRINDEXES, folders.iter().map(|folder| word(index(folder)))),
        Stored::u32s(tag::FILESIZES, files.iter().map(|file| size(file))),
        Stored::u16s(tag::FILEMODES, files.iter().map(|file| REGULAR | file.mode)),
        Stored::u16s(tag::FILERDEVS, files.iter().map(|_| 0)),
        Stored::u32s(tag::FILEMTIMES, every(seconds(package.build_time))),
        Stored::texts(tag::FILEDIGESTS, files.iter().map(|file| hex::encode(Sha256::digest(&file.contents)))),
        Stored::u32s(tag::FILEDIGESTALGO, [SHA256]),
        Stored::texts(tag::FILELINKTOS, files.iter().map(|_| "")),
        Stored::u32s(tag::FILEFLAGS, files.iter().map(|file| if file.config { CONFIG_NOREPLACE } else { 0 })),
        Stored::texts(tag::FILEUSERNAME, files.iter().map(|_| "root")),
        Stored::texts(tag::FILEGROUPNAME, files.iter().map(|_| "root")),
        Stored::u32s(tag::FILEVERIFYFLAGS, every(VERIFY_ALL)),
        Stored::u32s(tag::FILEDEVICES, every(1)),
        Stored::u32s(tag::FILEINODES, (1..).take(files.len())),
        Stored::texts(tag::FILELANGS, files.iter().map(|_| "")),
        Stored::texts(tag::DIRNAMES, &known),
    ]
}

/// What rpm needs to be able to do, and what the package asks for.
fn requires(package: &Builder) -> Vec<Dependency> {
    let mut all = package.requires.clone();
    all.extend(own_configuration(package));
    let feature = |name: &str, version: &str| {
        let flags = DependencyFlags::comparing(Comparison::Le).raw() | RPMLIB;
        let evr = version.parse().ok();
        Dependency { name: format!("rpmlib({name})"), flags: DependencyFlags::new(flags), evr }
    };
    all.push(feature("CompressedFileNames", "3.0.4-1"));
    all.push(feature("FileDigests", "4.6.0-1"));
    all.push(feature("PayloadFilesHavePrefix", "4.0-1"));
    // As `finalizeDeps` in `build/pack.c` finds out.
    let lists = [&package.requires, &package.provides, &package.conflicts, &package.obsoletes];
    let versions: Vec<String> =
        lists.into_iter().flatten().map(|d| d.evr.as_ref().map(ToString::to_string).unwrap_or_default()).collect();
    let own = [package.version.as_str(), &package.release];
    let has = |mark: char| versions.iter().map(String::as_str).chain(own).any(|version| version.contains(mark));
    let rich = package.requires.iter().chain(&package.conflicts).any(|dependency| dependency.name.starts_with('('));
    for (needed, name, version) in [
        (has('~'), "TildeInVersions", "4.10.0-1"),
        (has('^'), "CaretInVersions", "4.15.0-1"),
        (rich, "RichDependencies", "4.12.0-1"),
    ] {
        all.extend(needed.then(|| feature(name, version)));
    }
    all
}

fn provides(package: &Builder) -> Vec<Dependency> {
    let mut all = package.provides.clone();
    all.extend(own_configuration(package));
    all.push(Dependency { evr: Some(package.own_evr()), ..equal(&package.name) });
    all
}

/// A package with configuration provides it, and requires what it provides (`addPackageProvides` and `addAutoDeps`).
fn own_configuration(package: &Builder) -> Option<Dependency> {
    let flags = DependencyFlags::new(DependencyFlags::comparing(Comparison::Eq).raw() | CONFIG);
    let name = format!("config({})", package.name);
    package.files.iter().any(|file| file.config).then(|| Dependency { name, flags, evr: Some(package.own_evr()) })
}

fn equal(name: &str) -> Dependency {
    Dependency { flags: DependencyFlags::comparing(Comparison::Eq), ..Dependency::named(name) }
}

/// A list of dependencies, in rpm's order: by name, each once.
fn dependencies([names, flags, versions]: [Tag; 3], mut list: Vec<Dependency>) -> Vec<Stored> {
    let version = |dependency: &Dependency| dependency.evr.as_ref().map(ToString::to_string).unwrap_or_default();
    let key = |dependency: &Dependency| (dependency.name.clone(), version(dependency), dependency.flags.raw());
    list.sort_by_cached_key(key);
    list.dedup_by_key(|dependency| key(dependency));
    if list.is_empty() {
        return Vec::new();
    }
    vec![
        Stored::texts(names, list.iter().map(|dependency| &dependency.name)),
        Stored::u32s(flags, list.iter().map(|dependency| dependency.flags.raw())),
        Stored::texts(versions, list.iter().map(version)),
    ]
}

impl Builder {
    fn own_evr(&self) -> crate::Evr {
        crate::Evr { epoch: self.epoch, version: self.version.clone(), release: Some(self.release.clone()) }
    }
}

/// A time, which is known to fit.
fn seconds(time: u64) -> u32 {
    u32::try_from(time).unwrap_or(u32::MAX)
}

/// Bytes of a file, which are known to fit.
fn size(file: &File) -> u32 {
    u32::try_from(file.contents.len()).unwrap_or(u32::MAX)
}
