//! Changes that wait while another writer is at work, so that the next one publishes them all at once.
//!
//! Who finds the repository busy leaves its changes as a *ticket*, a file in `DIR/.copr-repo.queue/`, and waits for the
//! lock. Who has the lock takes all tickets there are, publishes them with its own changes, and leaves an answer beside each;
//! so whoever gets the lock next finds its work done. A ticket is locked by its owner: one whose owner died counts for
//! nothing. Nothing here is durable, and nothing needs to be: what is lost is asked for by an owner that is lost too.

use std::fs::TryLockError;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use fs_err::File;

use super::Published;
use super::changes::{Changes, Package, in_order};
use crate::{Error, Fragments};

const FOLDER: &str = ".copr-repo.queue";
/// First bytes of a ticket: its name and version.
const MAGIC: &[u8] = b"copr-delta 1\n";
/// Bytes that a ticket may have; whoever has more waits and publishes by itself.
const MAX_TICKET: u64 = 256 << 20;

/// The queue of one repository.
#[derive(Debug)]
pub(super) struct Queue {
    folder: PathBuf,
}

/// Changes that wait. Dropped, they no longer do.
#[derive(Debug)]
pub(super) struct Ticket {
    path: PathBuf,
    /// Holds the lock that says that somebody waits.
    _locked: std::fs::File,
}

/// Somebody else's ticket.
#[derive(Debug)]
pub(super) struct Waiting {
    path: PathBuf,
    pub(super) changes: Changes,
}

impl Queue {
    pub(super) fn of(dir: &Path) -> Self {
        Self { folder: dir.join(FOLDER) }
    }

    /// Joins the queue.
    pub(super) fn join(&self, changes: &Changes) -> Result<Ticket, Error> {
        let bytes = encode(changes);
        loop {
            match fs_err::create_dir(&self.folder) {
                Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error.into()),
                _ => {}
            }
            // Whoever left last removes the folder: then once more.
            let new = tempfile::Builder::new().prefix("new-").tempfile_in(&self.folder);
            let mut file = match new {
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                file => file?,
            };
            file.as_file().lock()?;
            file.write_all(&bytes)?;
            let last = self.tickets()?.into_iter().max().map_or(0, |(number, _)| number);
            // The name is nobody's but this ticket's, so no answer to another one is ever taken for its own.
            let own = file.path().file_name().and_then(|name| name.to_str()).unwrap_or_default().replace("new-", "");
            let path = self.folder.join(format!("{:020}-{own}.delta", last.saturating_add(1)));
            match file.persist_noclobber(&path) {
                Ok(file) => return Ok(Ticket { path, _locked: file }),
                // Swept by somebody who came before the lock.
                Err(error) if error.error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error.error.into()),
            }
        }
    }

    /// Tickets without an answer whose owners wait, oldest first. What the dead left is removed. Only for the one who has
    /// the repository's lock.
    pub(super) fn waiting(&self, own: Option<&Ticket>) -> Result<Vec<Waiting>, Error> {
        self.sweep()?;
        let mut tickets = self.tickets()?;
        tickets.sort_unstable();
        let mut waiting = Vec::new();
        for (_, path) in tickets {
            if own.is_some_and(|own| own.path == path) || answer(&path).exists() {
                continue;
            }
            let mut file = match File::open(&path) {
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                file => file?,
            };
            if file.metadata()?.len() > MAX_TICKET {
                continue;
            }
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            // Of another version: its owner will do it.
            waiting.extend(decode(&bytes).map(|changes| Waiting { path, changes }));
        }
        Ok(waiting)
    }

    /// Removes what nobody holds: tickets, finished or not, of owners that died, and answers that nobody waits for.
    fn sweep(&self) -> Result<(), Error> {
        for path in self.files()? {
            let is_answer = path.extension().is_some_and(|extension| extension == "done");
            let held = match File::open(if is_answer { path.with_extension("delta") } else { path.clone() }) {
                Err(error) if error.kind() == ErrorKind::NotFound => false,
                file => match file?.file().try_lock_shared() {
                    Err(TryLockError::WouldBlock) => true,
                    Err(TryLockError::Error(error)) => return Err(error.into()),
                    Ok(()) => false,
                },
            };
            if !held {
                // Its owner may be doing the same.
                let _ = std::fs::remove_file(path);
            }
        }
        // Where nothing is left; whoever comes makes it again.
        let _ = std::fs::remove_dir(&self.folder);
        Ok(())
    }

    fn files(&self) -> Result<Vec<PathBuf>, Error> {
        let entries = match fs_err::read_dir(&self.folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        entries.map(|entry| Ok(entry?.path())).collect()
    }

    /// All tickets, with the numbers of their turns.
    fn tickets(&self) -> Result<Vec<(u64, PathBuf)>, Error> {
        let number = |path: &Path| {
            let name = path.file_name()?.to_str()?.strip_suffix(".delta")?;
            name.split_once('-')?.0.parse::<u64>().ok()
        };
        Ok(self.files()?.into_iter().filter_map(|path| Some((number(&path)?, path))).collect())
    }
}

impl Waiting {
    /// Tells the owner what its changes came to.
    pub(super) fn answer(&self, published: &Published) -> Result<(), Error> {
        let Published { packages, revision, added, replaced, removed, changed } = published;
        let text = format!("{packages} {added} {replaced} {removed} {} {revision}", u8::from(*changed));
        let folder = self.path.parent().unwrap_or(&self.path);
        let mut file = tempfile::Builder::new().prefix("new-").tempfile_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.persist(answer(&self.path)).map_err(|error| error.error)?;
        Ok(())
    }
}

impl Ticket {
    /// What the changes came to, if somebody has published them.
    pub(super) fn answer(&self) -> Result<Option<Published>, Error> {
        let text = match fs_err::read_to_string(answer(&self.path)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            text => text?,
        };
        let mut words = text.splitn(6, ' ');
        let mut number = || words.next().and_then(|word| word.parse::<usize>().ok());
        let numbers = (number(), number(), number(), number(), number());
        let (Some(packages), Some(added), Some(replaced), Some(removed), Some(changed)) = numbers else {
            return Ok(None);
        };
        let revision = words.next().unwrap_or_default().to_owned();
        Ok(Some(Published { packages, revision, added, replaced, removed, changed: changed == 1 }))
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        leave(&self.path);
        if let Some(folder) = self.path.parent() {
            // The last one turns off the light.
            let _ = std::fs::remove_dir(folder);
        }
    }
}

/// Where the answer to a ticket is.
fn answer(ticket: &Path) -> PathBuf {
    ticket.with_extension("done")
}

/// Removes a ticket and its answer. What cannot be removed is removed by the next writer.
fn leave(ticket: &Path) {
    let _ = std::fs::remove_file(answer(ticket));
    let _ = std::fs::remove_file(ticket);
}

fn encode(changes: &Changes) -> Vec<u8> {
    let mut to = MAGIC.to_vec();
    let mut put = |text: &str| {
        to.extend_from_slice(&(text.len() as u64).to_le_bytes());
        to.extend_from_slice(text.as_bytes());
    };
    put(&changes.remove.len().to_string());
    changes.remove.iter().for_each(|href| put(href));
    for Package { href, fragments } in &changes.add {
        [href, &fragments.primary, &fragments.filelists, &fragments.filelists_ext, &fragments.other]
            .into_iter()
            .for_each(|text| put(text));
    }
    to
}

fn decode(bytes: &[u8]) -> Option<Changes> {
    let mut rest = bytes.strip_prefix(MAGIC)?;
    let mut texts = Vec::new();
    while !rest.is_empty() {
        let (size, behind) = rest.split_first_chunk::<8>()?;
        let (text, behind) = behind.split_at_checked(usize::try_from(u64::from_le_bytes(*size)).ok()?)?;
        texts.push(std::str::from_utf8(text).ok()?.to_owned());
        rest = behind;
    }
    let (count, texts) = texts.split_first()?;
    let (remove, add) = texts.split_at_checked(count.parse().ok()?)?;
    let mut packages = Vec::new();
    for package in add.chunks(5) {
        let [href, primary, filelists, filelists_ext, other] = package else { return None };
        let fragments = Fragments {
            primary: primary.clone(),
            filelists: filelists.clone(),
            filelists_ext: filelists_ext.clone(),
            other: other.clone(),
        };
        packages.push(Package { href: href.clone(), fragments });
    }
    Some(Changes { remove: remove.iter().cloned().collect(), add: in_order(packages) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(name: &str) -> Changes {
        let fragments = Fragments { primary: format!("<{name}>"), other: "ž".to_owned(), ..Fragments::default() };
        let add = vec![Package { href: format!("a/{name}"), fragments }];
        Changes { remove: [format!("old/{name}"), String::new()].into(), add }
    }

    fn published(packages: usize) -> Published {
        Published { packages, revision: "17 b".to_owned(), added: 2, replaced: 3, removed: 4, changed: true }
    }

    #[test]
    fn tickets_are_read_in_order_and_answered() {
        let dir = tempfile::tempdir().unwrap();
        let queue = Queue::of(dir.path());
        assert!(queue.waiting(None).unwrap().is_empty());
        let tickets = ["x", "y", "z"].map(|name| queue.join(&changes(name)).unwrap());
        let waiting = queue.waiting(Some(&tickets[1])).unwrap();
        assert_eq!(waiting.iter().map(|w| &w.changes).collect::<Vec<_>>(), [&changes("x"), &changes("z")]);
        assert_eq!(tickets[0].answer().unwrap(), None);
        waiting[0].answer(&published(1)).unwrap();
        assert_eq!(tickets[0].answer().unwrap(), Some(published(1)));
        let still: Vec<Changes> = queue.waiting(None).unwrap().into_iter().map(|w| w.changes).collect();
        assert_eq!(still, [changes("y"), changes("z")], "what has been answered waits no longer");
        drop(tickets);
        assert!(!dir.path().join(FOLDER).exists(), "nothing is left");
    }

    #[test]
    fn a_ticket_whose_owner_died_counts_for_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let queue = Queue::of(dir.path());
        let dead = queue.join(&changes("dead")).unwrap();
        let left = ["00000000000000000009-x.delta", "00000000000000000002-y.done", "new-z"];
        for name in left {
            fs_err::copy(&dead.path, queue.folder.join(name)).unwrap();
        }
        let waiting = queue.waiting(None).unwrap();
        assert_eq!(waiting.len(), 1);
        assert_eq!(fs_err::read_dir(&queue.folder).unwrap().count(), 1, "copies, which nobody holds, are gone");
        waiting[0].answer(&published(1)).unwrap();
        let other = queue.join(&changes("other")).unwrap();
        assert_eq!(other.answer().unwrap(), None);
        let path = dead.path.clone();
        drop(dead);
        fs_err::write(answer(&path), "1 1 1 1 1 late").unwrap();
        let next = queue.join(&changes("next")).unwrap();
        assert_eq!(next.answer().unwrap(), None, "an answer to another one");
        assert_eq!(queue.waiting(Some(&next)).unwrap().len(), 1);
        assert!(!answer(&path).exists());
    }

    #[test]
    fn a_ticket_that_cannot_be_read_is_left_to_its_owner() {
        let bytes = encode(&changes("x"));
        assert_eq!(decode(&bytes), Some(changes("x")));
        for end in (0..bytes.len()).filter(|end| *end > MAGIC.len()) {
            assert_ne!(decode(&bytes[..end]), Some(changes("x")), "{end} bytes");
        }
        assert_eq!(decode(b"copr-delta 2\n"), None);
    }
}
