//! Hosts that are reached by the system's `ssh`, with its configuration, keys and agents; files go over its `sftp`
//! subsystem.
//!
//! A file goes up under a temporary name, which a later try continues, is looked at (by `sha256sum` on the host, where
//! there is such a program and one may call it; else it is read back), and is renamed. An index is exchanged under a lock,
//! which is a folder.

use std::{
    future::Future,
    path::PathBuf,
    process::Stdio,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use copr_repodata::ChecksumKind;
use futures_util::{StreamExt, pin_mut};
use openssh_sftp_client::{
    Error as SftpError, Sftp, SftpOptions,
    error::SftpErrorKind,
    file::{File, TokioCompatFile},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncSeekExt, AsyncWriteExt},
    process::{Child, Command},
};

use super::{
    About, Entry, MOST_INDEX, Outgoing, Put, Tag, Tagged,
    bytes::{Reading, Sink},
    lock::{Held, Place},
};
use crate::{
    Timeouts,
    error::{Error, cut},
};

/// The lock of whoever exchanges an index.
const LOCK: &str = "copr-repo.lock";
/// Bytes from which on a connection of its own for `sha256sum` is cheaper than reading a file back.
const WORTH_A_CALL: u64 = 4 << 20;
/// Bytes of what ssh says that are kept.
const SAID: usize = 2048;

#[derive(Debug, Clone)]
pub(super) struct Ssh {
    host: Arc<Host>,
    root: PathBuf,
    shown: String,
}

/// One host, as ssh is to call it.
#[derive(Debug)]
struct Host {
    /// Everything between `ssh` and what it is to do.
    words: Vec<String>,
    silence: Duration,
    stale: Duration,
    connection: tokio::sync::Mutex<Option<Arc<Connection>>>,
    /// Whether the host turned out to have no `sha256sum` for us.
    no_sums: AtomicBool,
}

#[derive(Debug)]
struct Connection {
    sftp: Sftp,
    said: Arc<Mutex<Vec<u8>>>,
    /// Ends with the connection.
    _ssh: Child,
}

impl Ssh {
    /// `ssh://USER@HOST:PORT/PATH`, or `sftp://`; `/~/PATH` is in the user's home. `options` are those of `ssh -o`.
    pub(super) fn new(url: &url::Url, options: &[String], timeouts: &Timeouts, stale: Duration) -> Result<Self, Error> {
        let mut shown = url.clone();
        let _ = shown.set_password(None);
        let shown = shown.as_str().trim_end_matches('/').to_owned();
        let bad = |reason: &str| Error::BadUrl { url: shown.clone(), reason: reason.to_owned() };
        let text = |part: &str| {
            let decoded = percent_decoded(part);
            let plain = decoded.as_deref().is_some_and(|text| !text.starts_with('-') && !text.contains(['\n', '\0']));
            decoded.filter(|_| plain).ok_or_else(|| bad("a part of it is no name"))
        };
        if url.password().is_some() {
            return Err(bad("a password in it cannot be used; ssh takes keys, or asks"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(bad("a query or fragment has no place in it"));
        }
        let host = text(url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| bad("it names no host"))?)?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let mut words: Vec<String> = vec!["-T".to_owned(), "-x".to_owned(), "-e".to_owned(), "none".to_owned()];
        for option in options {
            words.extend(["-o".to_owned(), option.clone()]);
        }
        // The first value of an option counts: what the caller says goes before these.
        for option in [
            format!("ConnectTimeout={}", timeouts.connect.as_secs().max(1)),
            "ServerAliveInterval=15".to_owned(),
            "ServerAliveCountMax=3".to_owned(),
        ] {
            words.extend(["-o".to_owned(), option]);
        }
        if let Some(port) = url.port() {
            words.extend(["-p".to_owned(), port.to_string()]);
        }
        if !url.username().is_empty() {
            words.extend(["-l".to_owned(), text(url.username())?]);
        }
        words.extend(["--".to_owned(), host]);
        let path = percent_decoded(url.path()).ok_or_else(|| bad("its path is no text"))?;
        let root = match path.strip_prefix("/~") {
            // Relative paths begin in the home.
            Some(rest) if rest.is_empty() || rest.starts_with('/') => format!(".{rest}"),
            _ => path,
        };
        let host = Host {
            words,
            silence: timeouts.silence,
            stale,
            connection: tokio::sync::Mutex::new(None),
            no_sums: AtomicBool::new(false),
        };
        Ok(Self { host: Arc::new(host), root: root.trim_end_matches('/').into(), shown })
    }

    pub(super) fn below(&self, name: &str) -> Self {
        Self { host: self.host.clone(), root: self.root.join(name), shown: self.place(name) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    fn place(&self, name: &str) -> String {
        format!("{}/{name}", self.shown)
    }

    /// The connection, made when there is none.
    async fn connection(&self) -> Result<Arc<Connection>, Error> {
        let mut slot = self.host.connection.lock().await;
        if let Some(connection) = &*slot {
            return Ok(connection.clone());
        }
        let failed = |reason: String| Error::Transport { url: self.shown.clone(), reason, transient: false };
        let mut words = self.host.words.clone();
        let host = words.pop().unwrap_or_default();
        let end = words.pop().unwrap_or_default();
        let mut ssh = Command::new("ssh")
            .args(&words)
            .args(["-s", &end, &host, "sftp"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| failed(format!("the program ssh cannot be started: {error}")))?;
        let said = Arc::new(Mutex::new(Vec::new()));
        let (Some(input), Some(output), Some(errors)) = (ssh.stdin.take(), ssh.stdout.take(), ssh.stderr.take()) else {
            return Err(failed("the program ssh has no pipes".to_owned()));
        };
        let listening = tokio::spawn(listen(errors, said.clone()));
        let begun = tokio::time::timeout(self.host.silence, Sftp::new(input, output, SftpOptions::new())).await;
        match begun {
            Ok(Ok(sftp)) => {
                let connection = Arc::new(Connection { sftp, said, _ssh: ssh });
                *slot = Some(connection.clone());
                Ok(connection)
            }
            Ok(Err(error)) => {
                // ssh says why, and ends.
                let _ = tokio::time::timeout(Duration::from_secs(2), listening).await;
                let said = heard(&said);
                Err(failed(if said.is_empty() { format!("no sftp there: {error}") } else { format!("ssh: {said}") }))
            }
            Err(_) => Err(failed(format!("no answer within {} seconds", self.host.silence.as_secs()))),
        }
    }

    /// Does something over the connection, within a time. A connection that broke is given up: the next call makes a new one.
    async fn within<T>(
        &self,
        name: &str,
        connection: &Arc<Connection>,
        work: impl Future<Output = Result<T, SftpError>>,
    ) -> Result<Result<T, Refusal>, Error> {
        let reason = match tokio::time::timeout(self.host.silence, work).await {
            Ok(Ok(done)) => return Ok(Ok(done)),
            Ok(Err(SftpError::SftpError(kind, message))) => {
                let text = message.get().0.to_owned();
                return Ok(Err(Refusal { kind, text }));
            }
            Ok(Err(error)) => match heard(&connection.said) {
                said if said.is_empty() => format!("the connection broke: {error}"),
                said => format!("the connection broke: {said}"),
            },
            Err(_) => format!("nothing moved for {} seconds", self.host.silence.as_secs()),
        };
        let mut slot = self.host.connection.lock().await;
        if slot.as_ref().is_some_and(|current| Arc::ptr_eq(current, connection)) {
            *slot = None;
        }
        Err(Error::Transport { url: self.place(name), reason, transient: true })
    }

    fn refused(&self, name: &str, refusal: &Refusal) -> Error {
        let reason = match refusal.kind {
            SftpErrorKind::NoSuchFile => "there is no such place".to_owned(),
            SftpErrorKind::PermDenied => "no permission".to_owned(),
            SftpErrorKind::Failure => {
                format!("the host says: {}; its disk or the quota may be full", cut(&refusal.text))
            }
            _ => format!("the host says: {}", cut(&refusal.text)),
        };
        Error::Write { place: self.place(name), reason, transient: false }
    }

    /// Opens a file to read; `None` if there is none.
    async fn open(&self, name: &str) -> Result<Option<(Arc<Connection>, File)>, Error> {
        let connection = self.connection().await?;
        match self.within(name, &connection, connection.sftp.open(self.path(name))).await? {
            Ok(file) => Ok(Some((connection, file))),
            Err(refusal) if refusal.is_missing() => Ok(None),
            Err(refusal) => Err(self.refused(name, &refusal)),
        }
    }

    /// Reads a file piece by piece; false if there is none.
    async fn pieces(&self, name: &str, mut take: impl FnMut(&[u8]) -> Result<(), Error>) -> Result<bool, Error> {
        let Some((connection, file)) = self.open(name).await? else { return Ok(false) };
        let file = TokioCompatFile::new(file);
        pin_mut!(file);
        let mut piece = vec![0; 256 << 10];
        loop {
            let read = async { file.read(&mut piece).await.map_err(SftpError::from) };
            let got = match self.within(name, &connection, read).await? {
                Ok(got) => got,
                Err(refusal) => return Err(self.refused(name, &refusal)),
            };
            match piece.get(..got) {
                Some(bytes) if got > 0 => take(bytes)?,
                _ => return Ok(true),
            }
        }
    }

    pub(super) async fn read(&self, name: &str, limit: u64) -> Result<Option<Tagged>, Error> {
        let mut bytes = Vec::new();
        let there = self
            .pieces(name, |piece| {
                if (bytes.len() as u64).saturating_add(piece.len() as u64) > limit {
                    return Err(Error::TooLong { url: self.place(name), limit });
                }
                bytes.extend_from_slice(piece);
                Ok(())
            })
            .await?;
        if !there {
            return Ok(None);
        }
        let tag = Tag::of(&bytes)?;
        Ok(Some(Tagged { bytes, tag }))
    }

    pub(super) async fn stream(&self, name: &str, sink: &mut Sink) -> Result<bool, Error> {
        self.pieces(name, |piece| sink.push(piece)).await
    }

    /// The size of a file, if it is there.
    async fn size(&self, name: &str) -> Result<Option<u64>, Error> {
        let connection = self.connection().await?;
        let path = self.path(name);
        match self.within(name, &connection, async { connection.sftp.fs().metadata(path).await }).await? {
            Ok(about) => Ok(about.len()),
            Err(refusal) if refusal.is_missing() => Ok(None),
            Err(refusal) => Err(self.refused(name, &refusal)),
        }
    }

    pub(super) async fn about(&self, name: &str) -> Result<Option<About>, Error> {
        let Some(size) = self.size(name).await? else { return Ok(None) };
        let sum = if size >= WORTH_A_CALL { self.sum(name).await } else { None };
        Ok(Some(About { size, sum: sum.map(|sum| format!("{}:{sum}", ChecksumKind::Sha256)) }))
    }

    /// SHA-256 of a file as the host computes it, if it does.
    async fn sum(&self, name: &str) -> Option<String> {
        if self.host.no_sums.load(Ordering::Relaxed) {
            return None;
        }
        let path = self.path(name).into_os_string().into_string().ok()?;
        let call = Command::new("ssh")
            .args(&self.host.words)
            .arg(format!("sha256sum -- {}", quoted(&path)))
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .output();
        // A large file may take a while; whoever does not answer at all is noticed by ssh.
        let said = tokio::time::timeout(self.host.silence.saturating_mul(20), call).await;
        let sum = said.ok().and_then(Result::ok).filter(|said| said.status.success()).and_then(|said| {
            let sum = said.stdout.get(..64)?;
            sum.iter().all(u8::is_ascii_hexdigit).then(|| String::from_utf8_lossy(sum).to_ascii_lowercase())
        });
        if sum.is_none() {
            self.host.no_sums.store(true, Ordering::Relaxed);
        }
        sum
    }

    pub(super) async fn put(&self, outgoing: &Outgoing<'_>) -> Result<bool, Error> {
        let partial = outgoing.partial();
        self.make_parents(outgoing.name).await?;
        let begun = self.size(&partial).await?.unwrap_or_default();
        // What an earlier try sent is at the start of the file; if it is something else, all is sent again.
        let begun = if begun <= outgoing.size { begun } else { 0 };
        self.write(outgoing, &partial, begun).await?;
        if !self.is_right(outgoing, &partial).await? {
            if begun == 0 {
                self.delete(&partial).await?;
                return Err(self.wrong(outgoing.name));
            }
            self.write(outgoing, &partial, 0).await?;
            if !self.is_right(outgoing, &partial).await? {
                self.delete(&partial).await?;
                return Err(self.wrong(outgoing.name));
            }
        }
        self.rename(&partial, outgoing.name).await
    }

    fn wrong(&self, name: &str) -> Error {
        let reason = "what the host kept is not what was sent".to_owned();
        Error::Write { place: self.place(name), reason, transient: true }
    }

    async fn is_right(&self, outgoing: &Outgoing<'_>, partial: &str) -> Result<bool, Error> {
        if outgoing.checksum.kind == ChecksumKind::Sha256
            && outgoing.size >= WORTH_A_CALL
            && let Some(sum) = self.sum(partial).await
        {
            return Ok(sum == outgoing.checksum.hex);
        }
        let mut sink = Sink::nowhere(&self.place(partial), outgoing.checksum, outgoing.size)?;
        match self.stream(partial, &mut sink).await {
            Ok(_) => Ok(sink.matches()),
            Err(Error::TooLong { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Writes a file from an offset on.
    async fn write(&self, outgoing: &Outgoing<'_>, partial: &str, from: u64) -> Result<(), Error> {
        let mut reading = Reading::open(outgoing).await?;
        let connection = self.connection().await?;
        let mut options = connection.sftp.options();
        // Not emptied first: another who puts the same file may be ahead of us, and writes what we write.
        options.write(true).create(true);
        let opened = self.within(partial, &connection, options.open(self.path(partial))).await?;
        let file = TokioCompatFile::new(opened.map_err(|refusal| self.refused(outgoing.name, &refusal))?);
        pin_mut!(file);
        let told = |done: Result<_, Refusal>| done.map_err(|refusal| self.refused(outgoing.name, &refusal));
        file.seek(std::io::SeekFrom::Start(from)).await?;
        let mut at = 0;
        while let Some(piece) = reading.next().await? {
            let skipped = usize::try_from(from.saturating_sub(at)).unwrap_or(usize::MAX).min(piece.len());
            at = at.saturating_add(piece.len() as u64);
            let bytes = piece.get(skipped..).unwrap_or_default();
            let write = async { file.write_all(bytes).await.map_err(sftp_error) };
            told(self.within(partial, &connection, write).await?)?;
        }
        let flush = async { file.flush().await.map_err(sftp_error) };
        told(self.within(partial, &connection, flush).await?)?;
        let size = outgoing.size;
        told(self.within(partial, &connection, async { file.as_mut().as_mut_file().set_len(size).await }).await?)?;
        if connection.sftp.support_fsync() {
            told(self.within(partial, &connection, async { file.as_mut().as_mut_file().sync_all().await }).await?)?;
        }
        Ok(())
    }

    /// Renames a file over another; false if it is not there (any more).
    async fn rename(&self, from: &str, to: &str) -> Result<bool, Error> {
        let connection = self.connection().await?;
        let (old, new) = (self.path(from), self.path(to));
        if !connection.sftp.support_posix_rename() {
            // The plain request refuses names that are taken.
            self.delete(to).await?;
        }
        match self.within(to, &connection, async { connection.sftp.fs().rename(old, new).await }).await? {
            Ok(()) => Ok(true),
            Err(refusal) if refusal.is_missing() => Ok(false),
            Err(refusal) => Err(self.refused(to, &refusal)),
        }
    }

    /// Makes the folders above a file, and the target's own.
    async fn make_parents(&self, name: &str) -> Result<(), Error> {
        let path = self.path(name);
        let Some(parent) = path.parent() else { return Ok(()) };
        let mut missing = Vec::new();
        let connection = self.connection().await?;
        for folder in parent.ancestors().filter(|folder| !folder.as_os_str().is_empty()) {
            let there = self.within(name, &connection, async { connection.sftp.fs().metadata(folder).await }).await?;
            match there {
                Ok(_) => break,
                Err(refusal) if refusal.is_missing() => missing.push(folder.to_owned()),
                Err(refusal) => return Err(self.refused(name, &refusal)),
            }
        }
        for folder in missing.into_iter().rev() {
            let made = self.within(name, &connection, async { connection.sftp.fs().create_dir(&folder).await }).await?;
            let there = async { connection.sftp.fs().metadata(&folder).await };
            // Another writer may have made it meanwhile.
            if let Err(refusal) = made
                && self.within(name, &connection, there).await?.is_err()
            {
                return Err(self.refused(name, &refusal));
            }
        }
        Ok(())
    }

    pub(super) async fn put_small(&self, name: &str, bytes: Vec<u8>) -> Result<(), Error> {
        let partial = format!("{name}.{:016x}.part", rand::random::<u64>());
        self.make_parents(name).await?;
        self.write_plain(&partial, bytes).await?;
        if self.rename(&partial, name).await? { Ok(()) } else { Err(self.wrong(name)) }
    }

    /// Writes a file under its name.
    async fn write_plain(&self, name: &str, bytes: Vec<u8>) -> Result<(), Error> {
        let connection = self.connection().await?;
        let created = self.within(name, &connection, connection.sftp.create(self.path(name))).await?;
        let mut file = created.map_err(|refusal| self.refused(name, &refusal))?;
        let write = async {
            file.write_all(&bytes).await?;
            if connection.sftp.support_fsync() {
                file.sync_all().await?;
            }
            file.close().await
        };
        self.within(name, &connection, write).await?.map_err(|refusal| self.refused(name, &refusal))
    }

    pub(super) async fn put_index(&self, name: &str, bytes: Vec<u8>, old: Option<&Tag>) -> Result<Put, Error> {
        let lock = match name.rsplit_once('/') {
            Some((folder, _)) => format!("{folder}/{LOCK}"),
            None => LOCK.to_owned(),
        };
        self.make_parents(name).await?;
        let held = Held::take(self, &lock, self.host.stale).await?;
        let put = self.exchange(&held, name, bytes, old).await;
        held.release(self).await;
        put
    }

    /// Under the lock: looks whether the index is still the one that was read, and exchanges it.
    async fn exchange(&self, held: &Held, name: &str, bytes: Vec<u8>, old: Option<&Tag>) -> Result<Put, Error> {
        let now = self.read(name, MOST_INDEX).await?;
        if now.map(|now| now.tag.sum) != old.map(|tag| tag.sum.clone()) {
            return Ok(Put::Changed);
        }
        let partial = format!("{name}.part");
        self.write_plain(&partial, bytes).await?;
        if !held.is_ours(self).await? {
            return Ok(Put::Changed);
        }
        if self.rename(&partial, name).await? { Ok(Put::Done) } else { Ok(Put::Changed) }
    }

    pub(super) async fn list(&self, folder: &str) -> Result<Option<Vec<Entry>>, Error> {
        let connection = self.connection().await?;
        let path = self.path(folder);
        let opened = self.within(folder, &connection, async { connection.sftp.fs().open_dir(path).await }).await?;
        let dir = match opened {
            Ok(dir) => dir,
            Err(refusal) if refusal.is_missing() => return Ok(Some(Vec::new())),
            Err(refusal) => return Err(self.refused(folder, &refusal)),
        };
        let found = dir.read_dir();
        pin_mut!(found);
        let mut entries = Vec::new();
        loop {
            let next = async { found.next().await.transpose() };
            match self.within(folder, &connection, next).await? {
                Ok(Some(entry)) => {
                    let is_file = entry.file_type().is_none_or(|kind| kind.is_file());
                    if let (true, Some(name)) = (is_file, entry.filename().to_str()) {
                        entries.push(Entry {
                            name: format!("{folder}/{name}"),
                            size: entry.metadata().len().unwrap_or_default(),
                        });
                    }
                }
                Ok(None) => return Ok(Some(entries)),
                Err(refusal) => return Err(self.refused(folder, &refusal)),
            }
        }
    }

    pub(super) async fn delete(&self, name: &str) -> Result<(), Error> {
        let connection = self.connection().await?;
        let path = self.path(name);
        match self.within(name, &connection, async { connection.sftp.fs().remove_file(path).await }).await? {
            Ok(()) => Ok(()),
            Err(refusal) if refusal.is_missing() => Ok(()),
            Err(refusal) => Err(self.refused(name, &refusal)),
        }
    }
}

impl Place for Ssh {
    async fn make_folder(&self, name: &str) -> Result<bool, Error> {
        let connection = self.connection().await?;
        let mut tries = 0;
        loop {
            let path = self.path(name);
            let made = self.within(name, &connection, async { connection.sftp.fs().create_dir(path).await }).await?;
            let Err(refusal) = made else { return Ok(true) };
            // The protocol has no word for "it exists".
            if refusal.is_general() && self.size(name).await?.is_some() {
                return Ok(false);
            }
            // It may have gone since then.
            tries += 1;
            if !refusal.is_general() || tries > 20 {
                return Err(self.refused(name, &refusal));
            }
        }
    }

    async fn remove_folder(&self, name: &str, file: &str) -> Result<(), Error> {
        self.delete(&format!("{name}/{file}")).await?;
        let connection = self.connection().await?;
        let path = self.path(name);
        match self.within(name, &connection, async { connection.sftp.fs().remove_dir(path).await }).await? {
            Ok(()) => Ok(()),
            Err(refusal) if refusal.is_missing() => Ok(()),
            Err(refusal) => Err(self.refused(name, &refusal)),
        }
    }

    async fn rename_folder(&self, from: &str, to: &str) -> Result<bool, Error> {
        self.rename(from, to).await
    }

    async fn read_small(&self, name: &str, limit: u64) -> Result<Option<Tagged>, Error> {
        self.read(name, limit).await
    }

    async fn write_small(&self, name: &str, bytes: Vec<u8>) -> Result<(), Error> {
        self.write_plain(name, bytes).await
    }

    fn shown(&self, name: &str) -> String {
        self.place(name)
    }
}

/// A host that understood, and says no.
#[derive(Debug)]
struct Refusal {
    kind: SftpErrorKind,
    text: String,
}

impl Refusal {
    fn is_missing(&self) -> bool {
        matches!(self.kind, SftpErrorKind::NoSuchFile)
    }

    fn is_general(&self) -> bool {
        matches!(self.kind, SftpErrorKind::Failure)
    }
}

/// What the asynchronous file packs into an error of the system.
fn sftp_error(error: std::io::Error) -> SftpError {
    match error.downcast::<SftpError>() {
        Ok(error) => error,
        Err(error) => SftpError::from(error),
    }
}

/// Keeps the last of what ssh says.
async fn listen(mut errors: impl AsyncRead + Unpin, said: Arc<Mutex<Vec<u8>>>) {
    let mut piece = [0; 512];
    while let Ok(got @ 1..) = errors.read(&mut piece).await {
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        said.extend_from_slice(piece.get(..got).unwrap_or_default());
        let surplus = said.len().saturating_sub(SAID);
        said.drain(..surplus);
    }
}

/// The last of what ssh said, in one line.
fn heard(said: &Mutex<Vec<u8>>) -> String {
    let said = said.lock().unwrap_or_else(PoisonError::into_inner);
    let text = String::from_utf8_lossy(&said);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let last = lines.get(lines.len().saturating_sub(3)..).unwrap_or_default();
    last.join("; ").chars().filter(|c| !c.is_control()).take(500).collect()
}

/// Text in single quotes, for the shell there.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A part of a URL as text; `None` for what is no UTF-8.
fn percent_decoded(part: &str) -> Option<String> {
    String::from_utf8(crate::url::decoded(part)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ssh(url: &str) -> Result<Ssh, Error> {
        Ssh::new(&url.parse().unwrap(), &["User=x".to_owned()], &Timeouts::default(), Duration::from_secs(60))
    }

    #[test]
    fn a_url_says_host_port_user_and_folder() {
        let place = ssh("ssh://me@example.org:2222/srv/a%20b/").unwrap();
        let end: Vec<&str> = place.host.words.iter().rev().take(6).rev().map(String::as_str).collect();
        assert_eq!(end, ["-p", "2222", "-l", "me", "--", "example.org"]);
        assert_eq!(place.root, PathBuf::from("/srv/a b"));
        assert_eq!(ssh("sftp://example.org/~/r").unwrap().root, PathBuf::from("./r"));
        assert_eq!(ssh("ssh://example.org/~other").unwrap().root, PathBuf::from("/~other"));
    }

    #[test]
    fn urls_that_would_be_options_of_ssh_or_tell_passwords_are_refused() {
        for bad in ["ssh://-oProxyCommand=x/r", "ssh://-l@h/r", "ssh://me:s3cr3t@h/r", "ssh:///r", "ssh://h/r?x"] {
            let error = ssh(bad).unwrap_err();
            assert!(matches!(error, Error::BadUrl { .. }), "{bad}: {error}");
            assert!(!error.to_string().contains("s3cr3t"), "{error}");
        }
    }

    #[test]
    fn names_are_quoted_for_the_shell_there() {
        assert_eq!(quoted("a'b; rm"), r"'a'\''b; rm'");
    }
}
