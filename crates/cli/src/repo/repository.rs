//! A repository that packages are added to and taken out of.

use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result, bail};
use copr_repodata::{Compression, Delta, Error, Output, Published, Publisher, RecordOptions, Repomd, read};
use copr_rpm::Nevra;
use rayon::{ThreadPool, ThreadPoolBuilder};
use serde_json::{Value, json};

use super::definition::Writing;
use super::show::{complain, plain, say, some};
use super::values;

/// Exit code when something was left out.
pub(super) const LEFT_OUT: u8 = 2;

/// How often metadata are read again that another publisher exchanges meanwhile.
const TRIES: usize = 5;

/// The folder, and how its metadata are written.
#[derive(Debug)]
pub(super) struct Repository<'a> {
    pub(super) dir: &'a Path,
    writing: &'a Writing,
    pub(super) pool: ThreadPool,
}

/// What the metadata say of a package's file.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) nevra: Nevra,
    pub(super) href: String,
    /// Whether it lies elsewhere (`xml:base`).
    pub(super) elsewhere: bool,
    /// Bytes.
    pub(super) size: u64,
    /// Modification time, seconds since 1970.
    pub(super) time: u64,
}

/// A file that was not taken, and why.
#[derive(Debug, Clone)]
pub(super) struct LeftOut {
    pub(super) path: PathBuf,
    pub(super) reason: String,
}

impl LeftOut {
    pub(super) fn new(path: &Path, reason: impl Into<String>) -> Self {
        Self { path: path.to_owned(), reason: reason.into() }
    }

    /// One message about each.
    pub(super) fn tell(all: &[Self]) {
        for Self { path, reason } in all {
            complain(format_args!("{} is left out: {}", plain(&path.display().to_string()), plain(reason)));
        }
    }
}

impl<'a> Repository<'a> {
    pub(super) fn new(dir: &'a Path, writing: &'a Writing) -> Result<Self> {
        if dir.exists() && !dir.is_dir() {
            bail!("{} is no folder; the repository's folder comes first, then packages", dir.display());
        }
        let threads = usize::from(writing.workers.unwrap_or(0));
        Ok(Self { dir, writing, pool: ThreadPoolBuilder::new().num_threads(threads).build()? })
    }

    /// The repomd.xml in force; `None` where there is no repository yet.
    fn repomd(&self) -> Result<Option<Repomd>> {
        match Repomd::open(&self.dir.join("repodata/repomd.xml")) {
            Ok(repomd) => Ok(Some(repomd)),
            Err(Error::Io(error)) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// How metadata are written now: as they are, or as asked.
    pub(super) fn output(&self) -> Result<Output> {
        let now = SystemTime::now();
        let mut output = self.repomd()?.map_or_else(|| Output::new(now), |before| Output::like(&before, now));
        if let Some(compression) = values::compression(self.writing.compress.as_deref())? {
            output.compression = compression;
        }
        output.open_checksums = self.writing.open_checksum || output.compression == Compression::None;
        output.retain = values::retain(self.writing.retain.as_deref())?;
        if let Some(size) = &self.writing.segment_size {
            output.segment = values::bytes(size)?;
        }
        output.workers = usize::from(self.writing.workers.unwrap_or(0));
        Ok(output)
    }

    /// How records are made of packages.
    pub(super) fn record_options(output: &Output) -> RecordOptions {
        RecordOptions {
            checksum: output.checksum,
            changelog_limit: output.changelog_limit,
            location_base: None,
            file_digests: output.filelists_ext,
        }
    }

    /// All packages of the metadata in force; `None` where there is no repository yet.
    pub(super) fn known(&self) -> Result<Option<Vec<Known>>> {
        for _ in 0..TRIES {
            let Some(repomd) = self.repomd()? else { return Ok(None) };
            match self.packages_of(&repomd) {
                // Another publisher was faster than we.
                Err(_) if self.repomd()?.is_some_and(|now| now != repomd) => {}
                packages => return packages.map(Some),
            }
        }
        bail!("{}: the metadata change all the time; try again", self.dir.display())
    }

    fn packages_of(&self, repomd: &Repomd) -> Result<Vec<Known>> {
        let index = || format!("{}/repodata/repomd.xml", self.dir.display());
        let record = repomd.record("primary").or_else(|| repomd.record("primary_zck"));
        let record = record.with_context(|| format!("{}: it names no primary metadata", index()))?;
        let path = inside(self.dir, &record.location_href)
            .with_context(|| format!("{}: it names metadata outside of the repository", index()))?;
        let mut packages = Vec::new();
        read::each_primary(read::open(&path)?, |package| {
            packages.push(Known {
                nevra: package.nevra.to_nevra(),
                href: package.location_href.text().into_owned(),
                elsewhere: !package.location_base.is_empty(),
                size: package.size_package,
                time: package.time_file,
            });
            Ok(())
        })
        .with_context(|| path.display().to_string())?;
        Ok(packages)
    }

    /// Puts a change in force.
    pub(super) fn publish(&self, output: Output, delta: &Delta) -> Result<Published> {
        let publisher = Publisher::new(self.dir, output);
        let published = self.pool.install(|| publisher.publish(delta));
        published
            .with_context(|| format!("{}: nothing is published, the metadata are as they were", self.dir.display()))
    }

    /// The result of a publish, as JSON.
    pub(super) fn object(&self, published: &Published, left_out: &[LeftOut]) -> Value {
        let skipped = left_out.iter().map(|one| json!({ "file": one.path.display().to_string(), "error": one.reason }));
        json!({
            "repodata": self.dir.join("repodata").display().to_string(),
            "packages": published.packages,
            "added": published.added,
            "replaced": published.replaced,
            "removed": published.removed,
            "revision": published.revision,
            "changed": published.changed,
            "skipped": skipped.collect::<Vec<_>>(),
        })
    }

    /// The same in a line.
    pub(super) fn line(&self, published: &Published) -> String {
        let counts = [(published.added, "added"), (published.replaced, "replaced"), (published.removed, "removed")];
        let done: Vec<String> = counts
            .into_iter()
            .filter(|(n, _)| *n > 0)
            .map(|(n, verb)| format!("{} {verb}", some(n, "package")))
            .collect();
        let done = match (published.changed, done.as_slice()) {
            (false, _) => "nothing changed".to_owned(),
            (true, []) => "metadata written".to_owned(),
            (true, done) => done.join(", "),
        };
        format!("{}: {done}, {} now", self.dir.display(), some(published.packages, "package"))
    }

    /// Prints the result, as asked for.
    pub(super) fn tell(&self, published: &Published, left_out: &[LeftOut]) -> Result<()> {
        LeftOut::tell(left_out);
        if self.writing.json {
            say(self.object(published, left_out))
        } else if !self.writing.quiet {
            say(self.line(published))
        } else {
            Ok(())
        }
    }
}

/// The path of what metadata name, unless that leads out of the repository.
pub(super) fn inside(dir: &Path, href: &str) -> Option<PathBuf> {
    let relative = Path::new(href);
    let safe = relative.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    (safe && !href.is_empty() && !href.contains('\0')).then(|| dir.join(relative))
}

/// Why a package cannot be read, without the path, which the message has already.
pub(super) fn cause(error: &Error) -> String {
    match error {
        Error::Package { source, .. } => source.to_string(),
        Error::Metadata { reason, .. } => reason.clone(),
        other => other.to_string(),
    }
}
