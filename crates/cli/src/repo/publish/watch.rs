//! `copr-repo publish --watch`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use copr_repodata::{Delta, Published};
use tokio::signal::unix::{SignalKind, signal};

use super::events::{Event, Watches};
use super::{href_of, publish_all, read};
use crate::repo::add::add;
use crate::repo::definition::Placing;
use crate::repo::repository::{LeftOut, Repository};
use crate::repo::show::complain;
use crate::repo::voice::Voice;

/// When nothing has happened for so long, what came is published ...
const SETTLED: Duration = Duration::from_millis(250);
/// ... and at the latest so long after the first of it came.
const LONGEST: Duration = Duration::from_secs(2);
/// After a publish that failed (a full disk) it is tried again.
const RETRY: Duration = Duration::from_secs(10);

pub(super) fn run(
    repository: &Repository<'_>,
    folder: Option<&Path>,
    placing: &Placing,
    voice: Voice,
) -> Result<ExitCode> {
    let folder = folder.unwrap_or(repository.dir);
    if !folder.is_dir() {
        bail!("{} is no folder that could be watched", folder.display());
    }
    let real = fs_err::canonicalize(folder)?;
    let below = real.strip_prefix(fs_err::canonicalize(repository.dir)?).ok().map(|below| repository.dir.join(below));
    let (to, from) = channel();
    stop_on_signals(to.clone())?;
    let watched = below.as_deref().unwrap_or(folder);
    let watches = Watches::start(watched)?;
    thread::spawn(move || watches.tell(&to));
    let elsewhere = below.is_none().then(|| watched.to_owned());
    Job { repository, placing, voice, elsewhere }.serve(&from)
}

/// What happened since the last publish.
#[derive(Debug, Default)]
struct Batch {
    /// Look at everything, not only at these.
    everything: bool,
    /// Packages that came, changed or went; whether they are whole by now.
    touched: HashMap<PathBuf, bool>,
}

impl Batch {
    fn note(&mut self, event: Event) -> Next {
        match event {
            Event::Written(path) | Event::Gone(path) => _ = self.touched.insert(path, true),
            Event::Created(path) => _ = self.touched.entry(path).or_insert(false),
            Event::Everything => self.everything = true,
            Event::Stop => return Next::Stop,
            Event::Failed(error) => return Next::Fail(error),
        }
        Next::Go
    }

    /// Whether a file that cannot be read is not merely half written: else it will be told of again.
    fn is_final(&self, path: &Path) -> bool {
        self.everything || self.touched.get(path).copied().unwrap_or(true)
    }
}

enum Next {
    Go,
    Stop,
    Fail(anyhow::Error),
}

struct Job<'a> {
    repository: &'a Repository<'a>,
    placing: &'a Placing,
    voice: Voice,
    /// The folder that is watched, if it is not (in) the repository.
    elsewhere: Option<PathBuf>,
}

impl Job<'_> {
    /// Publishes until told to stop.
    fn serve(&self, events: &Receiver<Event>) -> Result<ExitCode> {
        let mut failed = !self.publish(&Batch { everything: true, ..Batch::default() }, true);
        loop {
            let mut batch = Batch { everything: failed, ..Batch::default() };
            let mut next = match failed {
                true => events.recv_timeout(RETRY),
                false => events.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            let began = Instant::now();
            loop {
                match next.map(|event| batch.note(event)) {
                    Ok(Next::Go) => {}
                    // What came is found by whoever publishes next.
                    Ok(Next::Stop) => return Ok(ExitCode::SUCCESS),
                    Ok(Next::Fail(error)) => return Err(error),
                    Err(RecvTimeoutError::Timeout) => break,
                    Err(RecvTimeoutError::Disconnected) => bail!("nothing tells any more what happens in the folder"),
                }
                let left = LONGEST.saturating_sub(began.elapsed());
                if left.is_zero() {
                    break;
                }
                next = events.recv_timeout(left.min(SETTLED));
            }
            failed = !self.publish(&batch, false);
        }
    }

    /// Publishes what happened and tells it; tells errors, too, and returns whether there was none.
    fn publish(&self, batch: &Batch, first: bool) -> bool {
        let done = match (&self.elsewhere, batch.everything) {
            (Some(folder), true) => self.add(std::slice::from_ref(folder), batch),
            (Some(_), false) => {
                let here: Vec<PathBuf> = batch.touched.keys().filter(|path| path.exists()).cloned().collect();
                self.add(&here, batch)
            }
            (None, true) => publish_all(self.repository, self.voice).map(|(published, left)| (Some(published), left)),
            (None, false) => self.apply(batch),
        };
        let (published, left_out) = match done {
            Ok(done) => done,
            Err(error) => {
                complain(format_args!("{error:#}; trying again in {} seconds", RETRY.as_secs()));
                return false;
            }
        };
        let told = match published.filter(|published| first || published.changed) {
            Some(published) => self.repository.tell(&published, &left_out),
            None => {
                LeftOut::tell(&left_out);
                Ok(())
            }
        };
        if let Err(error) = told {
            // It is published all the same.
            complain(format_args!("{error:#}"));
        }
        true
    }

    /// Adds packages from elsewhere.
    fn add(&self, packages: &[PathBuf], batch: &Batch) -> Result<(Option<Published>, Vec<LeftOut>)> {
        if packages.is_empty() {
            return Ok((None, Vec::new()));
        }
        let (published, mut left_out) = add(self.repository, packages, self.placing, false, self.voice)?;
        left_out.retain(|one| batch.is_final(&one.path));
        Ok((published, left_out))
    }

    /// Publishes the packages that were touched.
    fn apply(&self, batch: &Batch) -> Result<(Option<Published>, Vec<LeftOut>)> {
        let dir = self.repository.dir;
        let (mut files, mut remove, mut left_out) = (Vec::new(), Vec::new(), Vec::new());
        for path in batch.touched.keys() {
            match href_of(dir, path) {
                Ok(href) if path.exists() => files.push((path.clone(), href)),
                Ok(href) => remove.push(href),
                Err(error) => left_out.push(LeftOut::new(path, error.to_string())),
            }
        }
        let output = self.repository.output()?;
        let read = read(self.repository, &files, &output, self.voice);
        remove.extend(read.gone);
        for one in read.left_out.into_iter().filter(|one| batch.is_final(&one.path)) {
            // What the metadata say of it was about another file.
            remove.extend(href_of(dir, &one.path).ok());
            left_out.push(one);
        }
        if read.records.is_empty() && remove.is_empty() {
            return Ok((None, left_out));
        }
        let published = self.repository.publish(output, &Delta { add: read.records, remove })?;
        Ok((Some(published), left_out))
    }
}

/// Has SIGINT and SIGTERM end the program between two publishes.
fn stop_on_signals(to: Sender<Event>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut interrupt, mut terminate) = {
        let _entered = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    let wait = move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        });
        // Whoever listens may have ended already.
        let _ = to.send(Event::Stop);
    };
    thread::Builder::new().name("signals".to_owned()).spawn(wait).context("cannot wait for signals")?;
    Ok(())
}
