//! Packages of this machine.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

use copr_repodata::{Record, RecordOptions};

use crate::error::{Error, cut};

/// Local packages, each with the location that it has, or gets, in the repository.
#[derive(Debug, Clone, Default)]
pub struct Local {
    /// In the order of their locations.
    pub packages: Vec<LocalPackage>,
}

/// One local package.
#[derive(Debug, Clone)]
pub struct LocalPackage {
    /// Its file.
    pub path: PathBuf,
    /// All that the metadata say of it.
    pub record: Record,
}

impl Local {
    /// Finds the `.rpm` files below folders, and takes files as they are named. A package below a folder gets its path
    /// from there for location, a single file its name.
    ///
    /// # Errors
    /// A path cannot be read, is no UTF-8, or two files would have one location.
    pub fn find(paths: &[PathBuf]) -> Result<Vec<(PathBuf, String)>, Error> {
        let mut found: BTreeMap<String, PathBuf> = BTreeMap::new();
        let mut add = |path: &Path, relative: &Path| {
            let bad = |reason: String| Error::Io(std::io::Error::other(format!("{}: {reason}", path.display())));
            let Some(href) = relative.to_str() else { return Err(bad("its name is no UTF-8".to_owned())) };
            if href.bytes().any(|byte| byte < 32 || matches!(byte, 127 | b'\\' | b'%' | b'?' | b'#')) {
                return Err(bad("its name has characters that mean something else in a URL; rename it".to_owned()));
            }
            match found.insert(href.to_owned(), path.to_owned()) {
                Some(other) if other != path => {
                    Err(bad(format!("it would have the same location, {}, as {}", cut(href), other.display())))
                }
                _ => Ok(()),
            }
        };
        for path in paths {
            if !fs_err::metadata(path)?.is_dir() {
                add(path, Path::new(path.file_name().unwrap_or(path.as_os_str())))?;
                continue;
            }
            for entry in walkdir::WalkDir::new(path).follow_links(true).sort_by_file_name() {
                let entry = entry.map_err(|error| Error::Io(error.into()))?;
                let is_package = entry.path().extension().is_some_and(|extension| extension == "rpm");
                if is_package && entry.file_type().is_file() {
                    add(entry.path(), entry.path().strip_prefix(path).unwrap_or(entry.path()))?;
                }
            }
        }
        Ok(found.into_iter().map(|(href, path)| (path, href)).collect())
    }

    /// Reads packages, on so many threads; `done` is called after each.
    ///
    /// # Errors
    /// A file is no package, or cannot be read.
    pub fn read(
        found: &[(PathBuf, String)],
        options: &RecordOptions,
        threads: usize,
        done: &(dyn Fn() + Sync),
    ) -> Result<Self, Error> {
        let next = AtomicUsize::new(0);
        let work = || {
            let mut read = Vec::new();
            while let Some((path, href)) = found.get(next.fetch_add(1, Ordering::Relaxed)) {
                let record = match Record::from_file(path, href, options) {
                    Ok(record) => record,
                    Err(error) => {
                        // The others need not go on.
                        next.store(found.len(), Ordering::Relaxed);
                        return Err(error);
                    }
                };
                read.push(LocalPackage { path: path.clone(), record });
                done();
            }
            Ok(read)
        };
        let mut packages = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(work)).collect();
            let mut packages = Vec::with_capacity(found.len());
            for thread in threads {
                let died = |_| Err(copr_repodata::Error::Io(std::io::Error::other("a reading thread died")));
                packages.extend(thread.join().unwrap_or_else(died)?);
            }
            Ok::<_, Error>(packages)
        })?;
        packages.sort_by(|a, b| a.record.location_href.cmp(&b.record.location_href));
        Ok(Self { packages })
    }
}
