//! Package files that come from outside: source packages from users, results from builders. Their headers are read; what they
//! say of themselves must be what they are said to be.

use std::path::Path;

use copr_api::{builder::ResultFile, names::Chroot};
use copr_rpm::{Package, tag};

/// What a source package's header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Package name.
    pub name: String,
    /// `version-release`, with `epoch:` where it is not 0.
    pub version: String,
    /// `NAME-VERSION-RELEASE.src.rpm`.
    pub file_name: String,
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
    /// The file could not be read.
    #[error("the file cannot be read: {0}")]
    Read(#[from] std::io::Error),
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

/// Whether a chroot of one architecture may give packages of another.
fn may_have(chroot: &str, package: &str) -> bool {
    package == chroot
        || matches!(package, "noarch" | "src" | "nosrc")
        || match chroot {
            "x86_64" => matches!(package, "i386" | "i486" | "i586" | "i686" | "x86_64_v2" | "x86_64_v3" | "x86_64_v4"),
            "i386" | "i586" | "i686" => matches!(package, "i386" | "i486" | "i586" | "i686"),
            "armhfp" => matches!(package, "armv7hl" | "armv7hnl"),
            _ => false,
        }
}
