//! The logs of one build: written to files beside the machine, and sent to the server while they grow.
//!
//! Files, not memory, hold what the server has not taken yet, so neither a flood of text nor a server that is away costs
//! more than disk, and of that [`LIMIT`] at most for each log.

use std::{
    collections::BTreeMap,
    io::{Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::client::{ClientError, LOG_PIECE, LeaseClient};

/// Everything, in the order in which it happens.
pub(crate) const LIVE: &str = "builder-live.log";
/// Making the buildroot.
pub(crate) const ROOT: &str = "root.log";
/// rpmbuild's own words.
pub(crate) const BUILD: &str = "build.log";
/// Steps, with times.
pub(crate) const STATE: &str = "state.log";
/// What the machine is made of, and why it is emulated, if it is.
pub(crate) const HARDWARE: &str = "hw_info.log";
/// The buildroot's packages.
pub(crate) const INSTALLED: &str = "installed_pkgs.log";

/// rpmlint's report.
pub(crate) const LINT: &str = "rpmlint.log";

/// Longest log, in bytes: twice what a machine may write in all.
const LIMIT: u64 = 128 << 20;
/// How often growing logs are sent.
const PERIOD: Duration = Duration::from_millis(500);

/// All logs of one build.
#[derive(Debug)]
pub(crate) struct Logs {
    dir: PathBuf,
    logs: Mutex<BTreeMap<&'static str, Log>>,
}

#[derive(Debug)]
struct Log {
    file: fs_err::File,
    /// Bytes in the file.
    written: u64,
    /// Bytes that the server has.
    sent: u64,
    /// Whether the last byte ended a line.
    fresh_line: bool,
    /// Set when the server does not take this log.
    refused: bool,
}

impl Logs {
    /// Logs in `dir`, an existing empty folder.
    pub(crate) fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), logs: Mutex::default() }
    }

    /// One line of ours for the packager: into the live log and the log of the buildroot.
    pub(crate) fn say(&self, text: &str) {
        self.line(LIVE, text);
        self.line(ROOT, text);
    }

    /// One dated line of `state.log`, and in the live log without its date.
    pub(crate) fn state(&self, text: &str) {
        let now = jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M:%S");
        self.line(STATE, &format!("{now} - {text}"));
        self.line(LIVE, text);
    }

    /// One whole line of the log `name`; begins a new line when the last one is open.
    pub(crate) fn line(&self, name: &'static str, text: &str) {
        let mut line = text.trim_end().to_owned();
        line.push('\n');
        self.with(name, |log| {
            if !log.fresh_line {
                log.push(b"\n")?;
            }
            log.push(line.as_bytes())
        });
    }

    /// Bytes as they come, into the log `name` and the live log.
    pub(crate) fn bytes(&self, name: &'static str, bytes: &[u8]) {
        self.with(name, |log| log.push(bytes));
        self.with(LIVE, |log| log.push(bytes));
    }

    fn with(&self, name: &'static str, work: impl FnOnce(&mut Log) -> std::io::Result<()>) {
        let mut logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        let result = match logs.get_mut(name) {
            Some(log) => work(log),
            None => Log::create(&self.dir.join(name)).and_then(|log| work(logs.entry(name).or_insert(log))),
        };
        if let Err(error) = result {
            tracing::warn!(log = name, %error, "a build's log cannot be written");
        }
    }

    /// Sends what has grown, every half second, until the future is dropped.
    pub(crate) async fn send_growing(&self, client: &LeaseClient, lease: &str) {
        loop {
            tokio::time::sleep(PERIOD).await;
            if let Err(error) = self.send(client, lease).await {
                // The heartbeat finds out whether the lease is lost; the end of the build sends all there is.
                tracing::debug!(%error, "logs will be sent later");
            }
        }
    }

    /// Sends all that the server does not have yet.
    ///
    /// # Errors
    /// What the server or the connection said; may be called again.
    pub(crate) async fn send(&self, client: &LeaseClient, lease: &str) -> Result<(), ClientError> {
        let names: Vec<&'static str> =
            self.logs.lock().unwrap_or_else(PoisonError::into_inner).keys().copied().collect();
        for name in names {
            while let Some((offset, piece)) = self.next_piece(name)? {
                let end = offset + piece.len() as u64;
                let size = match client.log(lease, name, offset, piece).await {
                    Ok(size) => size,
                    Err(ClientError::Refused { status: 400..=499, message, .. }) => {
                        tracing::warn!(log = name, message, "the server does not take this log");
                        self.with(name, |log| {
                            log.refused = true;
                            Ok(())
                        });
                        break;
                    }
                    Err(error) => return Err(error),
                };
                self.with(name, |log| {
                    log.sent = size.min(log.written);
                    // A server that has more than we wrote has another build's log: nothing can be added to it.
                    log.refused = size > log.written;
                    Ok(())
                });
                if size < offset && size != end {
                    tracing::debug!(log = name, offset, size, "the server has less than was sent; sending again");
                }
            }
        }
        Ok(())
    }

    /// The next bytes to send and where they begin; `None` when the server has all.
    fn next_piece(&self, name: &'static str) -> std::io::Result<Option<(u64, Vec<u8>)>> {
        let (offset, length) = {
            let logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
            match logs.get(name) {
                Some(log) if !log.refused && log.sent < log.written => (log.sent, log.written - log.sent),
                _ => return Ok(None),
            }
        };
        let mut file = fs_err::File::open(self.dir.join(name))?;
        file.seek(SeekFrom::Start(offset))?;
        let mut piece = Vec::new();
        file.take(length.min(LOG_PIECE as u64)).read_to_end(&mut piece)?;
        Ok((!piece.is_empty()).then_some((offset, piece)))
    }
}

impl Log {
    fn create(path: &Path) -> std::io::Result<Self> {
        let file = fs_err::OpenOptions::new().write(true).create_new(true).open(path)?;
        Ok(Self { file, written: 0, sent: 0, fresh_line: true, refused: false })
    }

    fn push(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        let room = usize::try_from(LIMIT.saturating_sub(self.written)).unwrap_or(usize::MAX);
        let bytes = bytes.get(..room.min(bytes.len())).unwrap_or_default();
        self.file.write_all(bytes)?;
        self.written += bytes.len() as u64;
        if let Some(last) = bytes.last() {
            self.fresh_line = *last == b'\n';
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_ours_never_continues_a_line_of_the_machine() {
        let dir = tempfile::tempdir().unwrap();
        let logs = Logs::new(dir.path());
        logs.bytes(BUILD, b"compiling... ");
        logs.state("Finish: build");
        logs.bytes(BUILD, b"done\n");
        assert_eq!(fs_err::read_to_string(dir.path().join(LIVE)).unwrap(), "compiling... \nFinish: build\ndone\n");
        assert_eq!(fs_err::read_to_string(dir.path().join(BUILD)).unwrap(), "compiling... done\n");
        assert!(fs_err::read_to_string(dir.path().join(STATE)).unwrap().ends_with(" - Finish: build\n"));
    }

    #[test]
    fn pieces_cover_a_long_log_without_gaps() {
        let dir = tempfile::tempdir().unwrap();
        let logs = Logs::new(dir.path());
        let text: Vec<u8> = (0..3 * LOG_PIECE / 2).map(|n| b"0123456789"[n % 10]).collect();
        logs.bytes(BUILD, &text);
        let (offset, first) = logs.next_piece(BUILD).unwrap().unwrap();
        assert_eq!((offset, first.len()), (0, LOG_PIECE));
        logs.with(BUILD, |log| {
            log.sent = LOG_PIECE as u64;
            Ok(())
        });
        let (_, second) = logs.next_piece(BUILD).unwrap().unwrap();
        assert_eq!([first, second].concat(), text);
    }
}
