//! What the system tells of a folder and those below it (inotify).

use std::collections::HashMap;
use std::ffi::OsStr;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;

use anyhow::{Context, Result, anyhow};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;

use crate::repo::place::is_package;

/// Folders beside the packages that hold metadata or what is on its way: not watched.
const NOT_WATCHED: [&str; 5] =
    ["repodata", ".repodata", ".repodata.copr-repo", ".copr-repo.incoming", ".copr-repo.queue"];
/// Bytes of events that are read at once.
const BUFFER: usize = 64 << 10;

/// Something happened.
#[derive(Debug)]
pub(super) enum Event {
    /// A package was written, moved here, or touched.
    Written(PathBuf),
    /// A package is here; it may be half written, and [`Event::Written`] will follow.
    Created(PathBuf),
    /// A package is gone.
    Gone(PathBuf),
    /// Whole folders came or went, or there was too much to tell.
    Everything,
    /// The program is asked to end.
    Stop,
    /// Nothing will be told any more, for this reason.
    Failed(anyhow::Error),
}

/// Watches of a folder and all below it.
#[derive(Debug)]
pub(super) struct Watches {
    system: OwnedFd,
    top: PathBuf,
    folders: HashMap<i32, PathBuf>,
}

impl Watches {
    /// Starts to watch: what happens from now on is told.
    pub(super) fn start(top: &Path) -> Result<Self> {
        let system = inotify::init(CreateFlags::CLOEXEC).map_err(explained)?;
        let mut watches = Self { system, top: top.to_owned(), folders: HashMap::new() };
        watches.add(top)?;
        Ok(watches)
    }

    /// Tells events until nobody listens any more.
    pub(super) fn tell(mut self, to: &Sender<Event>) {
        if let Err(error) = self.read(to) {
            let _ = to.send(Event::Failed(error));
        }
    }

    fn read(&mut self, to: &Sender<Event>) -> Result<()> {
        let mut buffer = vec![MaybeUninit::uninit(); BUFFER];
        let system = self.system.try_clone()?;
        let mut reader = Reader::new(&system, &mut buffer);
        loop {
            let event = match reader.next() {
                Err(Errno::INTR) => continue,
                event => event?,
            };
            let name = event.file_name().map(|name| OsStr::from_bytes(name.to_bytes()).to_owned());
            let told = self.understand(event.wd(), event.events(), name.as_deref())?;
            if let Some(told) = told
                && to.send(told).is_err()
            {
                return Ok(());
            }
        }
    }

    fn understand(&mut self, watch: i32, what: ReadFlags, name: Option<&OsStr>) -> Result<Option<Event>> {
        if what.contains(ReadFlags::QUEUE_OVERFLOW) {
            // Folders may have come of which nobody told us.
            self.add(&self.top.clone())?;
            return Ok(Some(Event::Everything));
        }
        if what.contains(ReadFlags::IGNORED) {
            let gone = self.folders.remove(&watch);
            if gone.is_some_and(|folder| folder == self.top) {
                return Err(anyhow!("{}: the folder is gone", self.top.display()));
            }
            return Ok(None);
        }
        let (Some(folder), Some(name)) = (self.folders.get(&watch), name) else { return Ok(None) };
        if *folder == self.top && NOT_WATCHED.iter().any(|other| name == *other) {
            return Ok(None);
        }
        let path = folder.join(name);
        let came = what.intersects(ReadFlags::CREATE | ReadFlags::MOVED_TO);
        let went = what.intersects(ReadFlags::DELETE | ReadFlags::MOVED_FROM);
        if what.contains(ReadFlags::ISDIR) {
            if went {
                // One that was moved away is still watched, and would be taken for what it was.
                self.remove(&path);
            }
            if came {
                self.add(&path)?;
            }
            return Ok((came || went).then_some(Event::Everything));
        }
        if !is_package(&path) {
            return Ok(None);
        }
        Ok(if went {
            Some(Event::Gone(path))
        } else if what.contains(ReadFlags::CREATE) {
            Some(Event::Created(path))
        } else {
            Some(Event::Written(path))
        })
    }

    /// Watches a folder and those below it.
    fn add(&mut self, folder: &Path) -> Result<()> {
        let top = self.top.clone();
        let mut walk = walkdir::WalkDir::new(folder).follow_links(true).into_iter();
        while let Some(entry) = walk.next() {
            let Ok(entry) = entry else { continue };
            if !entry.file_type().is_dir() {
                continue;
            }
            if entry.path().parent() == Some(&top) && NOT_WATCHED.iter().any(|name| entry.file_name() == *name) {
                walk.skip_current_dir();
                continue;
            }
            let wanted = WatchFlags::CLOSE_WRITE
                | WatchFlags::ATTRIB
                | WatchFlags::CREATE
                | WatchFlags::MOVED_TO
                | WatchFlags::MOVED_FROM
                | WatchFlags::DELETE
                | WatchFlags::ONLYDIR;
            match inotify::add_watch(&self.system, entry.path(), wanted) {
                Ok(watch) => _ = self.folders.insert(watch, entry.into_path()),
                // It went away again.
                Err(Errno::NOENT | Errno::NOTDIR) if entry.path() != top => {}
                Err(error) => return Err(explained(error)).with_context(|| entry.path().display().to_string()),
            }
        }
        Ok(())
    }

    fn remove(&mut self, folder: &Path) {
        let gone: Vec<i32> =
            self.folders.iter().filter(|(_, path)| path.starts_with(folder)).map(|(watch, _)| *watch).collect();
        for watch in gone {
            self.folders.remove(&watch);
            // It may be gone already.
            let _ = inotify::remove_watch(&self.system, watch);
        }
    }
}

/// What to do where the system allows no more watches.
fn explained(error: Errno) -> anyhow::Error {
    match error {
        Errno::NOSPC => anyhow!("the system allows no more folders to be watched; raise fs.inotify.max_user_watches"),
        Errno::MFILE => anyhow!("the system allows no more watchers; raise fs.inotify.max_user_instances"),
        other => anyhow!("cannot be watched: {other}"),
    }
}
