//! The end of a run: metadata of what was chosen, and the moment when everything becomes visible.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

use copr_repodata::{Checksum, Output, Repomd, Retain, subset};

use super::{
    error::MirrorError,
    index::{INDEX, Index},
    plan::{Package, Plan},
    run::Run,
    snapshots,
    switch::{self, link, put},
    work::{Known, remove_folder},
};
use crate::fetch::blocking;

/// Tells how the metadata of filtered mirrors are made; changed when that changes.
const REWRITING: &str = "1";

impl Run<'_> {
    /// Makes everything visible. Tells whether anything changed, and which snapshots came and went.
    pub(super) async fn finish(
        &mut self,
        index: &Index,
        plan: &Plan,
        parked: Vec<(PathBuf, Vec<Package>)>,
        delete: &[PathBuf],
        base: Option<&Path>,
        next: &Path,
    ) -> Result<(bool, Option<String>, Vec<String>), MirrorError> {
        let options = self.options;
        let filtered = !options.filter.is_everything();
        let (made_of, rewritten) = (self.made_of(index)?, self.work.path("rewritten-next"));
        let in_force = match base {
            None => false,
            Some(base) if filtered => self.is_made_of(base, &made_of)?,
            Some(base) => switch::is_in_force(base, next)?,
        };
        let unchanged = in_force && parked.is_empty() && delete.is_empty();
        let metadata = if filtered && !in_force {
            remove_folder(&rewritten)?;
            self.rewrite(index, plan, next, &rewritten).await?;
            rewritten.clone()
        } else {
            next.to_owned()
        };
        if !filtered {
            remove_folder(&self.work.path("source"))?;
        } else if !in_force {
            // The next run makes the next of it.
            keep_source(next, &self.work.path("source"))?;
        }
        let (mut snapshot, mut removed) = (None, Vec::new());
        // Of what the metadata in force are made, once they are.
        let mut record = None;
        if filtered && !in_force {
            let bytes = fs_err::read(metadata.join(INDEX))?;
            record = Some(format!("{made_of} {}\n", sum(&bytes)?));
        }
        match &options.snapshots {
            Some(_) if unchanged => {}
            Some(snapshots) => {
                let made = self.work.path("snapshot");
                remove_folder(&made)?;
                fs_err::create_dir_all(&made)?;
                if filtered && in_force {
                    let base = base.unwrap_or(&self.work.dir);
                    for path in switch::files(&base.join("repodata"), &mut |_| false)? {
                        link(&base.join("repodata").join(&path), &made.join("repodata").join(&path))?;
                    }
                } else {
                    for path in switch::files(&metadata, &mut |_| false)? {
                        link(&metadata.join(&path), &made.join(&path))?;
                    }
                }
                let fresh: HashSet<&str> =
                    parked.iter().flat_map(|(_, packages)| packages.iter().map(|p| p.path.as_str())).collect();
                if let Some(base) = base {
                    for package in plan.packages.iter().filter(|package| !fresh.contains(package.path.as_str())) {
                        link(&base.join(&package.path), &made.join(&package.path))?;
                    }
                }
                for (part, packages) in &parked {
                    for known in place(part, packages, &made)? {
                        self.work.verified(&known.0, known.1);
                    }
                }
                removed = snapshots::publish(&self.work, &made, snapshots)?;
                snapshot = Some(snapshots.name.clone());
            }
            None => {
                for (part, packages) in &parked {
                    for known in place(part, packages, &self.work.dir)? {
                        self.work.verified(&known.0, known.1);
                    }
                }
                if !in_force {
                    switch::switch(&self.work, &metadata, options.grace, options.now, options.delete)?;
                }
                switch::remove(&self.work.dir, delete)?;
            }
        }
        self.work.remember()?;
        if let Some(record) = record {
            self.work.write("rewritten", record.as_bytes())?;
        }
        if options.check_packages {
            self.mark(&options.keys.mark())?;
        }
        remove_folder(next)?;
        remove_folder(&rewritten)?;
        if !unchanged {
            let wanted: HashSet<&str> = plan.packages.iter().map(|package| package.path.as_str()).collect();
            let metadata: HashSet<&str> =
                index.repomd.records.iter().map(|record| record.location_href.as_str()).collect();
            self.work.tidy(|path| wanted.contains(path) || metadata.contains(path))?;
            sweep_parts(&self.work.path("parts"))?;
        }
        Ok((!unchanged, snapshot, removed))
    }

    /// Writes down by whose keys all packages were checked; nobody's for none.
    pub(super) fn mark(&self, keys: &str) -> Result<(), MirrorError> {
        if self.work.read("signed").trim_end() == keys {
            return Ok(());
        }
        self.work.write("signed", format!("{keys}\n").as_bytes())
    }

    /// What the metadata of a filtered mirror are made of: the source's repomd.xml and what is asked for.
    pub(super) fn made_of(&self, index: &Index) -> Result<String, MirrorError> {
        let filter = format!("{REWRITING} {:?}", self.options.filter);
        Ok(format!("{} {}", sum(&index.bytes)?, sum(filter.as_bytes())?))
    }

    pub(super) fn is_made_of(&self, base: &Path, made_of: &str) -> Result<bool, MirrorError> {
        let Ok(bytes) = fs_err::read(base.join(INDEX)) else { return Ok(false) };
        if self.work.read("rewritten") != format!("{made_of} {}\n", sum(&bytes)?) {
            return Ok(false);
        }
        let Ok(repomd) = Repomd::read(&bytes) else { return Ok(false) };
        let is_there = |record: &copr_repodata::RepomdRecord| {
            let about = std::fs::metadata(base.join(&record.location_href));
            about.is_ok_and(|about| record.size.is_none_or(|size| size == about.len()))
        };
        Ok(repomd.records.iter().all(is_there))
    }

    /// Writes metadata of the chosen packages only, as the source's were written.
    async fn rewrite(&self, index: &Index, plan: &Plan, next: &Path, to: &Path) -> Result<(), MirrorError> {
        let mut options = subset::SubsetOptions { packages: plan.names.clone(), ..subset::SubsetOptions::default() };
        if plan.names.is_empty() {
            // No pattern means all; no package is of this architecture.
            options.arches = vec!["-".to_owned()];
        }
        let made = Some(Index::made(&index.repomd)).filter(|made| *made > 0);
        let output = Output {
            revision: Some(index.repomd.revision.clone()).filter(|revision| !revision.is_empty()),
            timestamp: made,
            retain: Retain::Nothing,
            ..Output::like(&index.repomd, self.options.now)
        };
        let (next, to) = (next.to_owned(), to.to_owned());
        blocking(move || {
            Ok(subset::subset(&next, &to, &options, &output).map(|_| {
                // Its writer's lock is of no use where nothing writes again.
                let _ = fs_err::remove_file(to.join("repodata/.copr-repo.lock"));
            }))
        })
        .await??;
        Ok(())
    }
}

fn sum(bytes: &[u8]) -> Result<String, MirrorError> {
    Ok(Checksum::of(copr_repodata::ChecksumKind::Sha256, bytes)?.0.hex)
}

/// Moves a part to its place, and links it to the others. Gives what is known of each.
pub(super) fn place(part: &Path, packages: &[Package], dir: &Path) -> Result<Vec<(String, Known)>, MirrorError> {
    let mut known = Vec::new();
    let Some((first, rest)) = packages.split_first() else { return Ok(known) };
    let at = dir.join(&first.path);
    put(part, &at)?;
    for other in rest {
        let place = dir.join(&other.path);
        if let Err(error) = fs_err::remove_file(&place)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            return Err(error.into());
        }
        link(&at, &place)?;
    }
    for package in packages {
        let about = fs_err::metadata(dir.join(&package.path))?;
        known.push((package.path.clone(), Known::new(package.checksum.clone(), &about)));
    }
    Ok(known)
}

/// Keeps the source's metadata for the next run.
fn keep_source(next: &Path, source: &Path) -> Result<(), MirrorError> {
    remove_folder(source)?;
    for path in switch::files(next, &mut |_| false)? {
        link(&next.join(&path), &source.join(&path))?;
    }
    Ok(())
}

/// After a run that had everything, what is left of downloads is of no use.
fn sweep_parts(parts: &Path) -> Result<(), MirrorError> {
    for entry in fs_err::read_dir(parts)? {
        let path = entry?.path();
        if path.is_file() {
            fs_err::remove_file(path)?;
        }
    }
    Ok(())
}
