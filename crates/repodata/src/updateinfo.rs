//! Advisories: updateinfo.xml.
//!
//! [`read`] gives one [`Advisory`] after the other; [`write`] writes them byte for byte as `createrepo_c` 1.2.5 does;
//! [`merge`] unites those of several repositories. Dates stay the texts that they are ("2024-05-01 12:00:00", seconds
//! since 1970, ...). Elements that are empty and elements that are missing are one and the same, as for `createrepo_c`;
//! attributes are not: `id=""` is written again.

mod merge;
mod read;
mod write;

pub use merge::merge;
pub use read::read;
pub use write::write;

/// One `<update>`: what is fixed, by which packages.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Advisory {
    /// Who publishes it (attribute `from`).
    pub from: Option<String>,
    /// "final", "stable", "testing", ... (attribute `status`).
    pub status: Option<String>,
    /// "security", "bugfix", "enhancement", "newpackage", ... (attribute `type`).
    pub kind: Option<String>,
    /// Version of the advisory itself, most often a number (attribute `version`).
    pub version: Option<String>,
    /// Its name, e.g. "FEDORA-2024-0123456789".
    pub id: String,
    /// One line about it.
    pub title: String,
    /// Date of the first publication.
    pub issued: Option<String>,
    /// Date of the last change.
    pub updated: Option<String>,
    /// Copyright.
    pub rights: String,
    /// Release of the distribution.
    pub release: String,
    /// How often it was pushed.
    pub pushcount: String,
    /// "Critical", "Important", "Moderate", "Low", "None".
    pub severity: String,
    /// Short text.
    pub summary: String,
    /// Long text.
    pub description: String,
    /// What to do.
    pub solution: String,
    /// Whether the machine should be restarted. The element alone says so, whatever its text.
    pub reboot_suggested: bool,
    /// Bugs, CVEs and pages.
    pub references: Vec<Reference>,
    /// Packages, by product or module.
    pub collections: Vec<Collection>,
}

/// A bug, a CVE, a page.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Reference {
    /// URL.
    pub href: Option<String>,
    /// Number of the bug, name of the CVE.
    pub id: Option<String>,
    /// "bugzilla", "cve", "self", ... (attribute `type`).
    pub kind: Option<String>,
    /// One line about it.
    pub title: Option<String>,
}

/// Packages of one product, or of one module stream.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Collection {
    /// Short name (attribute `short`).
    pub short: Option<String>,
    /// Name.
    pub name: String,
    /// The module that the packages are of.
    pub module: Option<Module>,
    /// The packages that fix it.
    pub packages: Vec<UpdatedPackage>,
}

/// A build of a module stream.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Module {
    /// Name.
    pub name: Option<String>,
    /// Stream.
    pub stream: Option<String>,
    /// Version; 0 where none can be read.
    pub version: u64,
    /// Context.
    pub context: Option<String>,
    /// Architecture.
    pub arch: Option<String>,
}

/// A package that an advisory names.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct UpdatedPackage {
    /// Name.
    pub name: Option<String>,
    /// Version.
    pub version: Option<String>,
    /// Release.
    pub release: Option<String>,
    /// Epoch, as written.
    pub epoch: Option<String>,
    /// Architecture.
    pub arch: Option<String>,
    /// The source package, as URL or as file name.
    pub src: Option<String>,
    /// File name.
    pub filename: String,
    /// Checksums of the file. `createrepo_c` keeps only the last one; here all stay.
    pub sums: Vec<Sum>,
    /// Whether the machine should be restarted.
    pub reboot_suggested: bool,
    /// Whether the program should be restarted.
    pub restart_suggested: bool,
    /// Whether the user should log in again.
    pub relogin_suggested: bool,
}

/// A checksum that an advisory gives. It is information only: clients verify by primary metadata.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Sum {
    /// Its kind ("sha256"), in lower case; any text, as it verifies nothing (attribute `type`).
    pub kind: Option<String>,
    /// The checksum in hexadecimal.
    pub hex: String,
}
