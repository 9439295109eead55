//! Applying a delta to a repository, atomically.
//!
//! The text of packages that stay is taken over as it is; new records are rendered. What is written comes into force
//! with one rename ([`crate::workspace`]); a crash leaves the repository as it was, and the next publish clears up.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;

use crate::assemble::{Fresh, Item, Part, pool};
use crate::output::Output;
use crate::source::{Entry, Source, file_order};
use crate::workspace::{Hook, Locking, Workspace};
use crate::{Document, Error, Fragments, Record, Repomd};

/// Packages to add and to remove. A package that is added under a `location_href` that exists replaces it.
#[derive(Debug, Clone, Default)]
pub struct Delta {
    /// Records to add.
    pub add: Vec<Record>,
    /// `location_href` of the records to remove; names that do not exist are no error. Done before adding.
    pub remove: Vec<String>,
}

/// What a publish did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Published {
    /// Packages in the repository now.
    pub packages: usize,
    /// Revision of the repomd.xml that is in force now.
    pub revision: String,
    /// Records added that were not there before under the same location. Where the metadata before were not looked at
    /// ([`crate::create::create`] without update), all of them.
    pub added: usize,
    /// Records replaced by one of the same name.
    pub replaced: usize,
    /// Records removed.
    pub removed: usize,
    /// False if the metadata were already as asked, and nothing was written.
    pub changed: bool,
}

/// Publishes one repository.
#[derive(Debug, Clone)]
pub struct Publisher {
    dir: PathBuf,
    output: Output,
}

impl Publisher {
    /// For the repository in `dir` (its metadata are in `dir/repodata`), which need not exist yet.
    pub fn new(dir: &Path, output: Output) -> Self {
        Self { dir: dir.to_owned(), output }
    }

    /// Applies a delta. Waits for another publisher of the same repository to finish. Without metadata it starts from
    /// an empty repository. Text of packages that stay is taken over as it is.
    ///
    /// # Errors
    /// The metadata that are there cannot be read, or the new ones cannot be written; the repository then stays as it
    /// was.
    pub fn publish(&self, delta: &Delta) -> Result<Published, Error> {
        let workspace = Workspace::open(&self.dir, Locking::Wait)?;
        self.apply(&workspace, delta, &mut |_| Ok(()))
    }

    /// Makes the repository hold exactly these records, whatever it held. Metadata of other kinds (comps, updateinfo,
    /// ...) stay.
    ///
    /// # Errors
    /// The new metadata cannot be written; the repository then stays as it was.
    pub fn replace(&self, records: &[Record]) -> Result<Published, Error> {
        let workspace = Workspace::open(&self.dir, Locking::Wait)?;
        // What cannot be read is going to be replaced anyway.
        let old = workspace.repomd().unwrap_or(None);
        let before = old.as_ref().and_then(|old| Source::of(&self.dir, "repository", old.clone()).ok());
        let records = last_of_each(records);
        let mut counts = Published::default();
        {
            let entries = before.as_ref().map(|source| source.entries.as_slice()).unwrap_or_default();
            let old: HashMap<&str, &Entry> = entries.iter().map(|entry| (entry.href.as_str(), entry)).collect();
            for record in &records {
                match old.get(record.location_href.as_str()) {
                    None => counts.added += 1,
                    Some(entry) => counts.replaced += usize::from(**entry != Entry::of_record(record)),
                }
            }
            let new: HashSet<&str> = records.iter().map(|record| record.location_href.as_str()).collect();
            counts.removed = old.keys().filter(|href| !new.contains(*href)).count();
        }
        let items = vec![Item::New { packages: 1 }; records.len()];
        self.write(&workspace, old.as_ref(), &[], &items, &records, counts, &mut |_| Ok(()))
    }

    fn apply(&self, workspace: &Workspace, delta: &Delta, hook: Hook<'_>) -> Result<Published, Error> {
        let old = workspace.repomd()?;
        let source =
            old.as_ref().map(|old| Source::of(&self.dir, &self.dir.display().to_string(), old.clone())).transpose()?;
        let entries = source.as_ref().map(|source| source.entries.as_slice()).unwrap_or_default();
        let removed: HashSet<&str> = delta.remove.iter().map(String::as_str).collect();
        let added = last_of_each(&delta.add);
        let replacing: HashSet<&str> = added.iter().map(|record| record.location_href.as_str()).collect();
        let mut counts = Published::default();
        let mut order: Vec<((&str, &str), Item)> = Vec::with_capacity(entries.len() + added.len());
        let mut replaced = HashSet::new();
        for (index, entry) in entries.iter().enumerate() {
            if removed.contains(entry.href.as_str()) {
                counts.removed += 1;
            } else if replacing.contains(entry.href.as_str()) {
                replaced.insert(entry.href.as_str());
            } else {
                order.push((entry.order(), Item::Old { source: 0, index, location: None }));
            }
        }
        counts.replaced = replaced.len();
        counts.added = added.len() - replaced.len();
        order.extend(added.iter().map(|record| (file_order(&record.location_href), Item::New { packages: 1 })));
        // Stable, and `added` is in the same order: the new ones come as their channel gives them.
        order.sort_by(|a, b| a.0.cmp(&b.0));
        let items: Vec<Item> = order.into_iter().map(|(_, item)| item).collect();
        let sources: Vec<Source> = source.into_iter().collect();
        self.write(workspace, old.as_ref(), &sources, &items, &added, counts, hook)
    }

    #[expect(clippy::too_many_arguments, reason = "one call, the steps of one publish")]
    fn write(
        &self,
        workspace: &Workspace,
        old: Option<&Repomd>,
        sources: &[Source],
        items: &[Item],
        records: &[&Record],
        counts: Published,
        hook: Hook<'_>,
    ) -> Result<Published, Error> {
        let pool = pool(self.output.workers)?;
        let files = self.output.assemble(sources, items, workspace.folder(), &pool, self.fresh(records))?;
        let kept = workspace.carried_over(old);
        let packages = items.len();
        if let Some(old) = old
            && old.records.len() == files.len() + kept.len()
            && files.iter().all(|file| {
                old.record(file.kind()).is_some_and(|r| r.checksum == file.record().checksum && workspace.has(r))
            })
        {
            workspace.sweep(old, &self.output)?;
            return Ok(Published { packages, revision: old.revision.clone(), changed: false, ..counts });
        }
        let repomd = workspace.commit(&self.output, old, files, kept, hook)?;
        Ok(Published { packages, revision: repomd.revision, changed: true, ..counts })
    }

    /// Channels that give the parts of records, in order.
    fn fresh(&self, records: &[&Record]) -> Fresh {
        let channels: Vec<_> = self.output.documents().into_iter().map(|document| (document, channel())).collect();
        for record in records {
            let mut fragments = Fragments::default();
            match self.output.changelog_limit.filter(|limit| record.changelogs.len() > *limit) {
                None => record.render_into(self.output.render(), &mut fragments),
                limit => {
                    let mut record = (*record).clone();
                    record.limit_changelogs(limit);
                    record.render_into(self.output.render(), &mut fragments);
                }
            }
            for (document, (sender, _)) in &channels {
                // The receiver is in the same list.
                let _ = sender.send(Part { packages: 1, text: document.part(&fragments).to_owned() });
            }
        }
        channels.into_iter().map(|(document, (_, receiver)): (Document, _)| (document, receiver)).collect()
    }
}

/// Of records under the same name the last one, in the order in which packages are written.
fn last_of_each(records: &[Record]) -> Vec<&Record> {
    let last: HashMap<&str, &Record> = records.iter().map(|record| (record.location_href.as_str(), record)).collect();
    let mut records: Vec<&Record> = last.into_values().collect();
    records.sort_by(|a, b| file_order(&a.location_href).cmp(&file_order(&b.location_href)));
    records
}

#[cfg(test)]
mod tests;
