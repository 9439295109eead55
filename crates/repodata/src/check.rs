//! Whether a repository is sound.

mod documents;
mod files;
mod packages;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rayon::prelude::*;

use crate::assemble::pool;
use crate::source::Source;
use crate::{Document, Error, Repomd};

/// Problems that are kept; more of them are only counted.
const MAX_PROBLEMS: usize = 10_000;

/// What is looked at of the files of packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Packages {
    /// Nothing: only metadata are checked.
    No,
    /// Whether they are there.
    Exist,
    /// Whether they have the size that the metadata say.
    #[default]
    Sizes,
    /// Whether they have the checksum that the metadata say. Reads every byte.
    Checksums,
}

/// How [`check`] works.
#[derive(Debug, Clone, Default)]
pub struct CheckOptions {
    /// What is looked at of the files of packages.
    pub packages: Packages,
    /// Whether every warning counts as an error.
    pub strict: bool,
    /// The time: what is said to be from later is odd. `None` not to look.
    pub now: Option<SystemTime>,
    /// Folder where databases are opened, which needs their decompressed size; `None` to look only at their checksums.
    pub scratch: Option<PathBuf>,
    /// Threads; 0 for one a processor.
    pub workers: usize,
}

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Odd, or superfluous; clients can use the repository.
    Warning,
    /// Clients get something wrong, or nothing.
    Error,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// The file or package, relative to the repository.
    pub what: String,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.reason)
    }
}

/// What [`check`] found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// The first 10,000 problems: of metadata files, of documents, of packages, superfluous files.
    pub problems: Vec<Problem>,
    /// Errors, those not kept too.
    pub errors: usize,
    /// Warnings, those not kept too.
    pub warnings: usize,
    /// Files that repomd.xml names.
    pub metadata_files: usize,
    /// Packages in primary.
    pub packages: usize,
    /// Packages whose files were looked at.
    pub package_files: usize,
    /// Packages that lie elsewhere (`xml:base`), whose files were not looked at.
    pub elsewhere: usize,
    /// Files in `repodata/` that earlier generations of metadata left, for clients that still read by them.
    pub superseded: usize,
}

impl Report {
    /// Whether there are no errors.
    pub fn is_sound(&self) -> bool {
        self.errors == 0
    }

    fn take(&mut self, found: Findings, strict: bool) {
        for mut problem in found.0 {
            if strict {
                problem.severity = Severity::Error;
            }
            match problem.severity {
                Severity::Error => self.errors += 1,
                Severity::Warning => self.warnings += 1,
            }
            if self.problems.len() < MAX_PROBLEMS {
                self.problems.push(problem);
            }
        }
    }
}

/// Problems as they are found.
#[derive(Debug, Default)]
struct Findings(Vec<Problem>);

impl Findings {
    fn error(&mut self, what: impl fmt::Display, reason: impl fmt::Display) {
        self.push(Severity::Error, what, reason);
    }

    fn warning(&mut self, what: impl fmt::Display, reason: impl fmt::Display) {
        self.push(Severity::Warning, what, reason);
    }

    fn push(&mut self, severity: Severity, what: impl fmt::Display, reason: impl fmt::Display) {
        self.0.push(Problem { severity, what: what.to_string(), reason: reason.to_string() });
    }
}

/// Checks the repository in `dir`, without changing anything:
///
/// - every file that repomd.xml names is there, with its size and checksums, compressed and open, and decompresses within
///   the size that it says (8 GiB if it says none);
/// - documents, comps, updateinfo and modules can be read; documents hold as many packages as they announce, and the same
///   ones as primary, under the same names; so do zchunk copies and databases;
/// - no package, location or checksum is there twice; no location leads out of the repository;
/// - the files of packages are there, as far as asked for;
/// - there is nothing in the folder that the metadata do not name. Repositories in folders below are not looked at.
///
/// Documents whose files are damaged are not looked into.
///
/// # Errors
/// repomd.xml cannot be read at all, or a folder cannot be listed. All else is in the report.
pub fn check(dir: &Path, options: &CheckOptions) -> Result<Report, Error> {
    let bytes = fs_err::read(dir.join("repodata/repomd.xml"))?;
    let mut report = Report::default();
    let repomd = match Repomd::read(&bytes) {
        Ok(repomd) => repomd,
        Err(error) => {
            let mut found = Findings::default();
            found.error("repodata/repomd.xml", reason(error));
            report.take(found, options.strict);
            return Ok(report);
        }
    };
    report.metadata_files = repomd.records.len();
    pool(options.workers)?.install(|| run(dir, options, &repomd, &mut report))?;
    Ok(report)
}

fn run(dir: &Path, options: &CheckOptions, repomd: &Repomd, report: &mut Report) -> Result<(), Error> {
    let mut found = Findings::default();
    files::index(repomd, options.now, &mut found);
    report.take(found, options.strict);

    let results: Vec<(bool, Findings)> = repomd.records.par_iter().map(|record| files::file(dir, record)).collect();
    let mut sound = Vec::new();
    for (record, (is_sound, found)) in repomd.records.iter().zip(results) {
        report.take(found, options.strict);
        if is_sound {
            sound.push(record);
        }
    }

    let is_primary = |kind: &str| kind == Document::Primary.kind() || kind == Document::Primary.zchunk_kind();
    if sound.iter().any(|record| is_primary(&record.kind)) {
        let mut found = Findings::default();
        match Source::reading(dir, "repodata", repomd.clone(), &[Document::Primary]) {
            Err(error) => found.error("primary", reason(error)),
            Ok(source) => {
                report.packages = source.entries.len();
                let more: Vec<Findings> =
                    sound.par_iter().map(|record| documents::agree(dir, &source, record, options)).collect();
                found.0.extend(more.into_iter().flat_map(|more| more.0));
                packages::duplicates(&source.entries, &mut found);
                let looked_at = packages::files(dir, &source.entries, options.packages, &mut found);
                (report.package_files, report.elsewhere) = looked_at;
                if options.packages != Packages::No {
                    packages::superfluous(dir, &source.entries, &mut found)?;
                }
            }
        }
        report.take(found, options.strict);
    }
    let mut found = Findings::default();
    report.superseded = files::superfluous(dir, repomd, &mut found)?;
    report.take(found, options.strict);
    Ok(())
}

/// An error without the name of the thing, which the problem has already.
fn reason(error: Error) -> String {
    match error {
        Error::Metadata { reason, .. } | Error::Mismatch { reason, .. } => reason,
        other => other.to_string(),
    }
}
