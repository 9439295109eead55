//! Applying a delta to a repository, atomically.
//!
//! New records are rendered; the text of packages that stay is taken over. Where the files tell where their segments are
//! (all that we wrote do), only the segments with changes are read and compressed anew and the others are copied
//! ([`segmented`]); else all documents are written anew ([`crate::assemble`]). What is written comes into force
//! with one rename ([`crate::workspace`]); a crash leaves the repository as it was, and the next publish clears up.

mod changes;
mod groups;
mod queue;
mod segmented;

use std::borrow::Borrow;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use crate::assemble::{Fresh, Item, Part, pool};
use crate::metadata_file::MetadataFile;
use crate::output::Output;
use crate::source::{Entry, Source, file_order};
use crate::workspace::{Hook, Locking, Workspace, is_derived};
use crate::{Error, Record, Repomd};

use changes::{Changes, Package, in_order};
use queue::Queue;
use segmented::Segmented;

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
    gather: Duration,
}

impl Publisher {
    /// For the repository in `dir` (its metadata are in `dir/repodata`), which need not exist yet.
    pub fn new(dir: &Path, output: Output) -> Self {
        Self { dir: dir.to_owned(), output, gather: Duration::ZERO }
    }

    /// Lets at least so much time pass between two publishes of the repository, by its files' times: deltas that come
    /// meanwhile are published together. A delta that comes after a longer pause is published at once.
    #[must_use]
    pub fn gathering(self, pause: Duration) -> Self {
        Self { gather: pause, ..self }
    }

    /// Applies a delta. While another publisher of the same repository is at work, in whatever process, it waits; deltas that
    /// wait are published together, by one of those who wait, each with an answer of its own. Without metadata it starts from
    /// an empty repository. Text of packages that stay is taken over as it is, most of it still compressed.
    ///
    /// # Errors
    /// The metadata that are there cannot be read, or the new ones cannot be written; the repository then stays as it
    /// was.
    pub fn publish(&self, delta: &Delta) -> Result<Published, Error> {
        let own = Changes::of(delta, &self.output);
        let queue = Queue::of(&self.dir);
        let (workspace, ticket) = match Workspace::open_unless_busy(&self.dir)? {
            Some(workspace) => (workspace, None),
            None => {
                let ticket = queue.join(&own)?;
                let workspace = Workspace::open(&self.dir, Locking::Wait)?;
                if let Some(published) = ticket.answer()? {
                    return Ok(published);
                }
                (workspace, Some(ticket))
            }
        };
        self.pause(&workspace);
        let waiting = queue.waiting(ticket.as_ref())?;
        if !waiting.is_empty() {
            let mut all: Vec<Changes> = waiting.iter().map(|waiting| waiting.changes.clone()).collect();
            all.push(own.clone());
            // If it fails it may be for the others' sake; they will see for themselves.
            if let Ok(applied) = self.apply(&workspace, &Changes::merged(all), &mut |_| Ok(())) {
                for other in &waiting {
                    // Without an answer its owner does it again, which changes nothing.
                    let _ = other.answer(&applied.of(&other.changes));
                }
                return Ok(applied.of(&own));
            }
        }
        Ok(self.apply(&workspace, &own, &mut |_| Ok(()))?.of(&own))
    }

    /// Waits, with the lock, for as long as it is too early for another publish.
    fn pause(&self, workspace: &Workspace) {
        let since = workspace.last_commit().map(|last| self.output.now.duration_since(last));
        let left = match since {
            Some(Ok(since)) => self.gather.saturating_sub(since),
            // A clock that was set back, or the publish of somebody who was faster.
            Some(Err(_)) => self.gather,
            None => Duration::ZERO,
        };
        std::thread::sleep(left);
    }

    /// Makes the repository hold exactly these records, whatever it held. Metadata of other kinds (comps, updateinfo,
    /// ...) stay.
    ///
    /// # Errors
    /// The new metadata cannot be written; the repository then stays as it was.
    pub fn replace<R: Borrow<Record>>(&self, records: &[R]) -> Result<Published, Error> {
        let records: Vec<&Record> = records.iter().map(Borrow::borrow).collect();
        let workspace = Workspace::open(&self.dir, Locking::Wait)?;
        // What cannot be read is going to be replaced anyway.
        let old = workspace.repomd().unwrap_or(None);
        let before = old.as_ref().and_then(|old| Source::of(&self.dir, "repository", old.clone()).ok());
        let entries = before.as_ref().map(|source| source.entries.as_slice()).unwrap_or_default();
        let old_entries: HashMap<&str, &Entry> = entries.iter().map(|entry| (entry.href.as_str(), entry)).collect();
        let new: HashMap<&str, &Record> =
            records.iter().map(|record| (record.location_href.as_str(), *record)).collect();
        let (mut added, mut replaced) = (0, 0);
        for (href, record) in &new {
            match old_entries.get(href) {
                None => added += 1,
                Some(entry) => replaced += usize::from(**entry != Entry::of_record(record)),
            }
        }
        let removed = old_entries.keys().filter(|href| !new.contains_key(*href)).count();
        let add = in_order(records.iter().map(|record| Package::render(record, &self.output)).collect());
        let items = vec![Item::New { packages: 1 }; add.len()];
        let files = self.assemble(&workspace, &[], &items, &add)?;
        let published = self.commit(&workspace, old.as_ref(), files, items.len(), &mut |_| Ok(()))?;
        Ok(Published { added, replaced, removed, ..published })
    }

    fn apply(&self, workspace: &Workspace, changes: &Changes, hook: Hook<'_>) -> Result<Applied, Error> {
        let old = workspace.repomd()?;
        if let Some(old) = &old
            && let Some(applied) = self.splice(workspace, old, changes, hook)?
        {
            return Ok(applied);
        }
        let source =
            old.as_ref().map(|old| Source::of(&self.dir, &self.dir.display().to_string(), old.clone())).transpose()?;
        let entries = source.as_ref().map(|source| source.entries.as_slice()).unwrap_or_default();
        let replacing: HashSet<&str> = changes.add.iter().map(|package| package.href.as_str()).collect();
        let mut existed: HashMap<String, usize> = HashMap::new();
        let mut order: Vec<((&str, &str), Item)> = Vec::with_capacity(entries.len() + changes.add.len());
        for (index, entry) in entries.iter().enumerate() {
            if changes.remove.contains(&entry.href) || replacing.contains(entry.href.as_str()) {
                *existed.entry(entry.href.clone()).or_default() += 1;
            } else {
                order.push((entry.order(), Item::Old { source: 0, index, location: None }));
            }
        }
        let new = changes.add.iter().map(|package| (file_order(&package.href), Item::New { packages: 1 }));
        order.extend(new);
        // Stable, and the new ones are in the same order: they come as their channel gives them.
        order.sort_by(|a, b| a.0.cmp(&b.0));
        let items: Vec<Item> = order.into_iter().map(|(_, item)| item).collect();
        let sources: Vec<Source> = source.into_iter().collect();
        let files = self.assemble(workspace, &sources, &items, &changes.add)?;
        let published = self.commit(workspace, old.as_ref(), files, items.len(), hook)?;
        Ok(Applied { published, existed })
    }

    /// Applies changes to the segments that they fall into. `None` where segments are not known or not what is wanted.
    fn splice(
        &self,
        workspace: &Workspace,
        old: &Repomd,
        changes: &Changes,
        hook: Hook<'_>,
    ) -> Result<Option<Applied>, Error> {
        let Some(segmented) = Segmented::open(&self.dir, old, &self.output, &workspace.known())? else {
            return Ok(None);
        };
        let Some(plan) = segmented.plan(changes)? else { return Ok(None) };
        if plan.is_empty() && self.has_all(workspace, old) && groups::are(&self.output, workspace, Some(old))? {
            let changed = workspace.keep(old, &self.output)?;
            let (packages, revision) = (plan.packages, old.revision.clone());
            let published = Published { packages, revision, changed, ..Published::default() };
            return Ok(Some(Applied { published, existed: plan.existed }));
        }
        let options = self.output.document(pool(self.output.workers)?);
        let Some(files) = segmented.write(&plan, changes, workspace.folder(), &options)? else { return Ok(None) };
        let files = self.output.complete(files, workspace.folder())?;
        let published = self.commit(workspace, Some(old), files, plan.packages, hook)?;
        Ok(Some(Applied { published, existed: plan.existed }))
    }

    /// Whether the metadata about packages are those that are wanted.
    fn has_all(&self, workspace: &Workspace, old: &Repomd) -> bool {
        let zchunk = self.output.zchunk;
        let wanted: HashSet<&str> = (self.output.documents().into_iter())
            .flat_map(|document| {
                let database = self.output.databases.map(|_| document.database_kind());
                [Some(document.kind()), database, zchunk.then(|| document.zchunk_kind())]
            })
            .flatten()
            .collect();
        let about_packages = old.records.iter().filter(|record| is_derived(&record.kind));
        let have: HashSet<&str> =
            about_packages.filter(|record| workspace.has(record)).map(|record| record.kind.as_str()).collect();
        have == wanted
    }

    /// Writes all documents anew.
    fn assemble(
        &self,
        workspace: &Workspace,
        sources: &[Source],
        items: &[Item],
        add: &[Package],
    ) -> Result<Vec<MetadataFile>, Error> {
        /// New packages that may wait to be written.
        const WINDOW: usize = 16;
        let pool = pool(self.output.workers)?;
        let channels = self.output.documents().into_iter().map(|document| (document, sync_channel(WINDOW)));
        let (senders, fresh): (Vec<_>, Fresh) =
            channels.map(|(document, (sender, receiver))| ((document, sender), (document, receiver))).unzip();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                for package in add {
                    for (document, sender) in &senders {
                        let text = document.part(&package.fragments).to_owned();
                        // A writer that is gone has failed, and tells that itself.
                        if sender.send(Part { packages: 1, text }).is_err() {
                            return;
                        }
                    }
                }
            });
            self.output.assemble(sources, items, workspace.folder(), &pool, fresh)
        })
    }

    /// Puts files in force, unless they are the ones that are.
    fn commit(
        &self,
        workspace: &Workspace,
        old: Option<&Repomd>,
        mut files: Vec<MetadataFile>,
        packages: usize,
        hook: Hook<'_>,
    ) -> Result<Published, Error> {
        let mut kept = workspace.carried_over(old);
        if !groups::are(&self.output, workspace, old)? {
            kept.retain(|record| !groups::is_of(&record.kind));
            files.extend(groups::write(&self.output, workspace)?);
        }
        if let Some(old) = old
            && old.records.len() == files.len() + kept.len()
            && files.iter().all(|file| {
                old.record(file.kind()).is_some_and(|r| r.checksum == file.record().checksum && workspace.has(r))
            })
        {
            let changed = workspace.keep(old, &self.output)?;
            return Ok(Published { packages, revision: old.revision.clone(), changed, ..Published::default() });
        }
        let repomd = workspace.commit(&self.output, old, files, kept, hook)?;
        Ok(Published { packages, revision: repomd.revision, changed: true, ..Published::default() })
    }
}

/// What changes came to.
struct Applied {
    published: Published,
    /// Of the locations that the changes name, how many packages had each before.
    existed: HashMap<String, usize>,
}

impl Applied {
    /// With the counts of one of those whose changes were applied.
    fn of(&self, changes: &Changes) -> Published {
        let existed = |href: &String| self.existed.get(href).copied().unwrap_or(0);
        let is_replaced = |package: &&Package| existed(&package.href) > 0 && !changes.remove.contains(&package.href);
        let replaced = changes.add.iter().filter(is_replaced).count();
        let removed = changes.remove.iter().map(existed).sum();
        Published { added: changes.add.len() - replaced, replaced, removed, ..self.published.clone() }
    }
}

#[cfg(test)]
mod tests;
