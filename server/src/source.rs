//! Package files that come from outside: source packages from users, results from builders. Their headers are read; what they
//! say of themselves must be what they are said to be.

use std::path::Path;

use copr_api::{builder::ResultFile, names::Chroot};
use copr_repodata::{Record, RecordOptions};
use copr_rpm::{Nevra, Package, tag};

/// What a source package's header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Package name.
    pub name: String,
    /// `version-release`, with `epoch:` where it is not 0.
    pub version: String,
    /// `NAME-VERSION-RELEASE.src.rpm`.
    pub file_name: String,
    /// The `License` tag, of whatever length.
    pub licence: String,
}

/// Why a file is not taken as a source package.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// It is no RPM, damaged, or its header is cut off.
    #[error(transparent)]
    Package(#[from] copr_rpm::Error),
    /// Its payload is cut off.
    #[error("the file is truncated: it has {size} bytes of {expected}")]
    Truncated {
        /// Bytes that are there.
        size: u64,
        /// Bytes that the header tells of.
        expected: u64,
    },
    /// It is something to install, not to build.
    #[error("this is a binary package ({0}); a source package (.src.rpm) is needed")]
    Binary(String),
    /// Its name would be trouble in a path or a URL.
    #[error("{what} {value:?} has characters that no package of this server may have")]
    Name {
        /// `the package name`, …
        what: &'static str,
        /// It.
        value: String,
    },
    /// Repository metadata could not tell of it.
    #[error("no repository can have it: {0}")]
    Record(String),
    /// The file could not be read.
    #[error("the file cannot be read: {0}")]
    Read(#[from] std::io::Error),
}

/// What the header of a package says that was built elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready {
    /// It.
    pub nevra: Nevra,
    /// `NAME-VERSION-RELEASE.ARCH.rpm`.
    pub file_name: String,
    /// Name of the source package that it was built from; its own where it names none.
    pub source: String,
    /// `version-release` of that, with `epoch:` where the package's is not 0.
    pub source_version: String,
    /// It is that source package.
    pub is_source: bool,
    /// The `License` tag, of whatever length.
    pub licence: String,
}

/// Reads the header of a package that was built elsewhere, and all that metadata will have of it.
///
/// # Errors
/// See [`SourceError`].
pub fn inspect_ready(path: &Path) -> Result<Ready, SourceError> {
    let package = Package::open(path)?;
    whole(path, &package)?;
    let nevra = package.nevra()?;
    Record::from_package(&package, &RecordOptions::default())
        .map_err(|error| SourceError::Record(error.to_string()))?;
    let named = package.header.str(tag::SOURCERPM).unwrap_or_default().into_owned();
    let stem = named.strip_suffix(".src.rpm").or_else(|| named.strip_suffix(".nosrc.rpm")).unwrap_or_default();
    let mut parts = stem.rsplitn(3, '-');
    let (release, version, name) = (parts.next(), parts.next(), parts.next());
    let (source, version, release) = match (name, version, release) {
        (Some(name), Some(version), Some(release)) if !package.is_source() => (name, version, release),
        _ => (nevra.name.as_str(), nevra.version.as_str(), nevra.release.as_str()),
    };
    for (what, value, others) in [
        ("the package name", &*nevra.name, "-+_."),
        ("the version", &*nevra.version, "+_.~^"),
        ("the release", &*nevra.release, "+_.~^"),
        ("the architecture", &*nevra.arch, "_"),
        ("the source package's name", source, "-+_."),
        ("the source package's version", version, "+_.~^"),
        ("the source package's release", release, "+_.~^"),
    ] {
        plain(what, value, others)?;
    }
    let epoch = if nevra.epoch == 0 { String::new() } else { format!("{}:", nevra.epoch) };
    Ok(Ready {
        file_name: nevra.file_name(),
        source: source.to_owned(),
        source_version: format!("{epoch}{version}-{release}"),
        licence: package.header.str(tag::LICENSE).unwrap_or_default().into_owned(),
        is_source: package.is_source(),
        nevra,
    })
}

/// Reads a source package's header.
///
/// # Errors
/// See [`SourceError`].
pub fn inspect(path: &Path) -> Result<Source, SourceError> {
    let package = Package::open(path)?;
    whole(path, &package)?;
    let nevra = package.nevra()?;
    if !package.is_source() {
        return Err(SourceError::Binary(nevra.to_string()));
    }
    plain("the package name", &nevra.name, "-+_.")?;
    plain("the version", &nevra.version, "+_.~^")?;
    plain("the release", &nevra.release, "+_.~^")?;
    let epoch = if nevra.epoch == 0 { String::new() } else { format!("{}:", nevra.epoch) };
    Ok(Source {
        version: format!("{epoch}{}-{}", nevra.version, nevra.release),
        file_name: nevra.file_name(),
        licence: package.header.str(tag::LICENSE).unwrap_or_default().into_owned(),
        name: nevra.name,
    })
}

fn whole(path: &Path, package: &Package) -> Result<(), SourceError> {
    let size = fs_err::metadata(path)?.len();
    match package.expected_file_size() {
        Some(expected) if size < expected => Err(SourceError::Truncated { size, expected }),
        _ => Ok(()),
    }
}

fn plain(what: &'static str, value: &str, others: &str) -> Result<(), SourceError> {
    let fine = !value.is_empty()
        && value.len() <= 150
        && !value.starts_with(['.', '-'])
        && value.chars().all(|c| c.is_ascii_alphanumeric() || others.contains(c));
    if fine { Ok(()) } else { Err(SourceError::Name { what, value: value.chars().take(100).collect() }) }
}

/// Checks that a result is the package that the builder claims, and one that this source and chroot may give. The text of the
/// error is for the packager.
///
/// # Errors
/// It is not; one sentence.
pub fn check_result(path: &Path, claim: &ResultFile, package_name: &str, chroot: &Chroot) -> Result<(), String> {
    let file = &claim.file;
    let package = Package::open(path).map_err(|error| format!("The result {file} is no package: {error}."))?;
    whole(path, &package).map_err(|error| format!("The result {file} is no package: {error}."))?;
    let nevra = package.nevra().map_err(|error| format!("The result {file} is no package: {error}."))?;
    let without_source = format!("{}-{}-{}.nosrc.rpm", nevra.name, nevra.version, nevra.release);
    if *file != nevra.file_name() && !(package.is_source() && *file == without_source) {
        return Err(format!("The result {file} is another package: {nevra}."));
    }
    for (what, value, others) in
        [("name", &nevra.name, "-+_."), ("version", &nevra.version, "+_.~^"), ("release", &nevra.release, "+_.~^")]
    {
        plain(what, value, others).map_err(|error| format!("The result {file}: {error}."))?;
    }
    let said = (&claim.name, claim.epoch, &claim.version, &claim.release, &claim.arch);
    if said != (&nevra.name, nevra.epoch, &nevra.version, &nevra.release, &nevra.arch) {
        return Err(format!("The result {file} is {nevra}, which is not what the builder says."));
    }
    if !may_have(chroot.arch(), &nevra.arch) {
        return Err(format!("The result {file} is for {}, which is not for {chroot}.", nevra.arch));
    }
    let source = if package.is_source() {
        nevra.name
    } else {
        let source = package.header.str(tag::SOURCERPM).unwrap_or_default().into_owned();
        // NAME-VERSION-RELEASE.src.rpm
        source.rsplitn(3, '-').nth(2).unwrap_or_default().to_owned()
    };
    if source == package_name {
        Ok(())
    } else {
        Err(format!("The result {file} comes from the source package {source:?}, not from {package_name:?}."))
    }
}

/// Whether a chroot of one architecture may have packages of another.
#[must_use]
pub fn may_have(chroot: &str, package: &str) -> bool {
    package == chroot
        || matches!(package, "noarch" | "src" | "nosrc")
        || match chroot {
            "x86_64" => matches!(package, "i386" | "i486" | "i586" | "i686" | "x86_64_v2" | "x86_64_v3" | "x86_64_v4"),
            "i386" | "i586" | "i686" => matches!(package, "i386" | "i486" | "i586" | "i686"),
            "armhfp" => matches!(package, "armv7hl" | "armv7hnl"),
            _ => false,
        }
}
