//! Web servers that take `PUT`: WebDAV, and those that know no more than `PUT`.
//!
//! A file goes up under a temporary name, is read back, and gets its name by `MOVE`. A server that has no `MOVE` gets it
//! by `PUT` under its name; then it is up to the server what readers see meanwhile. An index is exchanged under a lock
//! (a folder that `MKCOL` makes). A server that has no `MKCOL` is asked by `If-Match` and `If-None-Match` to compare;
//! should it neither do that, a moment remains in which another writer goes unnoticed.

use std::{
    collections::HashSet,
    future::Future,
    pin::pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::{StreamExt, stream};
use reqwest::{Body, Method, RequestBuilder, Response, StatusCode, header};
use tokio::sync::OnceCell;

use super::{
    About, Entry, MOST_INDEX, Outgoing, Put, Tag, Tagged,
    bytes::{Reading, Sink},
    lock::{Held, Place},
};
use crate::{
    Timeouts,
    error::Error,
    fetch::{causes, is_loopback, redirects},
    url::RepoUrl,
};

/// The lock of whoever exchanges an index.
const LOCK: &str = "copr-repo.lock";

#[derive(Debug, Clone)]
pub(super) struct Http {
    base: url::Url,
    shown: String,
    shared: Arc<Shared>,
}

/// What all folders of one server share.
#[derive(Debug)]
struct Shared {
    /// Follows redirects; for what is read.
    reader: reqwest::Client,
    /// Follows none: a redirected `PUT` would become a `GET`, and look like a success.
    writer: reqwest::Client,
    silence: Duration,
    stale: Duration,
    /// Whether the server has `MOVE`, once that was asked.
    moves: OnceCell<bool>,
    /// Whether the server has `MKCOL`, once that was asked.
    folders: OnceCell<bool>,
    /// Paths of folders that are there.
    made: Mutex<HashSet<String>>,
}

impl Http {
    pub(super) fn new(url: &RepoUrl, timeouts: &Timeouts, stale: Duration) -> Result<Self, Error> {
        let builder = || {
            let builder = reqwest::Client::builder()
                .user_agent(concat!("copr-rust/", env!("CARGO_PKG_VERSION")))
                .connect_timeout(timeouts.connect);
            // A proxy that the environment names cannot reach this machine.
            if is_loopback(url.url()) { builder.no_proxy() } else { builder }
        };
        let failed = |error: reqwest::Error| Error::Transport {
            url: "HTTP client".to_owned(),
            reason: causes(&error),
            transient: false,
        };
        let reader = builder()
            .redirect(redirects(None))
            .read_timeout(timeouts.silence)
            .timeout(timeouts.total)
            .build()
            .map_err(failed)?;
        let writer = builder().redirect(reqwest::redirect::Policy::none()).build().map_err(failed)?;
        let shared = Shared {
            reader,
            writer,
            silence: timeouts.silence,
            stale,
            moves: OnceCell::new(),
            folders: OnceCell::new(),
            made: Mutex::default(),
        };
        Ok(Self { base: url.url().clone(), shown: url.to_string(), shared: Arc::new(shared) })
    }

    pub(super) fn below(&self, name: &str) -> Self {
        Self { base: self.url(name), shown: self.place(name), shared: self.shared.clone() }
    }

    /// The URL of a file, or with a slash at its end of a folder.
    fn url(&self, name: &str) -> url::Url {
        let mut url = self.base.clone();
        // Only URLs that cannot have a path refuse this, and those are no repository URLs.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(name.split('/'));
        }
        url
    }

    fn place(&self, name: &str) -> String {
        format!("{}/{name}", self.shown)
    }

    fn failed(&self, name: &str, error: &reqwest::Error) -> Error {
        Error::Transport {
            url: self.place(name),
            reason: causes(error),
            transient: !error.is_redirect() && !error.is_builder(),
        }
    }

    /// What an answer means that is none of those that were expected.
    fn refused(&self, name: &str, what: &str, status: StatusCode) -> Error {
        let why = match status.as_u16() {
            401 => ": it wants a user name and a password (https://USER:PASSWORD@HOST/...), or others than these",
            403 => ": no permission",
            404 => ": there is no such place",
            405 | 501 => ": it does not do that there",
            413 => ": the file is too large for it",
            423 => ": the file is locked",
            507 => ": no space is left there",
            300..=399 => ": a redirect is refused; give the URL that it leads to",
            _ => "",
        };
        Error::Write {
            place: self.place(name),
            reason: format!("the server answered {what} with {}{why}", status.as_u16()),
            transient: matches!(status.as_u16(), 408 | 425 | 429 | 500 | 502 | 503 | 504),
        }
    }

    /// A file, if it is there; with redirects.
    async fn get(&self, method: Method, name: &str) -> Result<Option<Response>, Error> {
        let request = self.shared.reader.request(method, self.url(name));
        // A file is what its checksum says: no proxy or server may pack it anew.
        let answer =
            request.header(header::ACCEPT_ENCODING, "identity").header(header::CACHE_CONTROL, "no-cache").send();
        let answer = answer.await.map_err(|error| self.failed(name, &error))?;
        match answer.status() {
            StatusCode::OK => Ok(Some(answer)),
            StatusCode::NOT_FOUND | StatusCode::GONE => Ok(None),
            status if status.is_redirection() => Err(self.refused(name, "a read", status)),
            status => Err(Error::Status { url: self.place(name), status: status.as_u16() }),
        }
    }

    pub(super) async fn read(&self, name: &str, limit: u64) -> Result<Option<Tagged>, Error> {
        let Some(answer) = self.get(Method::GET, name).await? else { return Ok(None) };
        // Behind a redirect is another file, with a tag of its own.
        let etag = answer.headers().get(header::ETAG).and_then(|etag| etag.to_str().ok());
        let etag = etag.filter(|etag| !etag.starts_with("W/") && answer.url().path() == self.url(name).path());
        let etag = etag.map(str::to_owned);
        let mut bytes = Vec::new();
        let mut body = answer.bytes_stream();
        while let Some(piece) = body.next().await {
            let piece = piece.map_err(|error| self.failed(name, &error))?;
            if (bytes.len() as u64).saturating_add(piece.len() as u64) > limit {
                return Err(Error::TooLong { url: self.place(name), limit });
            }
            bytes.extend_from_slice(&piece);
        }
        let tag = Tag { etag, ..Tag::of(&bytes)? };
        Ok(Some(Tagged { bytes, tag }))
    }

    pub(super) async fn stream(&self, name: &str, sink: &mut Sink) -> Result<bool, Error> {
        let Some(answer) = self.get(Method::GET, name).await? else { return Ok(false) };
        let mut body = answer.bytes_stream();
        while let Some(piece) = body.next().await {
            sink.push(&piece.map_err(|error| self.failed(name, &error))?)?;
        }
        Ok(true)
    }

    pub(super) async fn about(&self, name: &str) -> Result<Option<About>, Error> {
        let Some(answer) = self.get(Method::HEAD, name).await? else { return Ok(None) };
        let size = answer.headers().get(header::CONTENT_LENGTH).and_then(|size| size.to_str().ok()?.parse().ok());
        let size = size.ok_or_else(|| Error::Transport {
            url: self.place(name),
            reason: "the server does not tell its size".to_owned(),
            transient: false,
        })?;
        Ok(Some(About { size, sum: None }))
    }

    fn request(&self, method: &str, url: url::Url) -> RequestBuilder {
        // The names are constants of ours; one that were no method would be refused by the server.
        self.shared.writer.request(Method::from_bytes(method.as_bytes()).unwrap_or(Method::OPTIONS), url)
    }

    /// Sends a request; its body may take long, as long as it moves.
    async fn send(&self, name: &str, request: RequestBuilder, sent: &AtomicU64) -> Result<StatusCode, Error> {
        let answer = patient(request.send(), sent, self.shared.silence).await;
        let silent = || Error::Transport {
            url: self.place(name),
            reason: format!("nothing moved for {} seconds", self.shared.silence.as_secs()),
            transient: true,
        };
        Ok(answer.ok_or_else(silent)?.map_err(|error| self.failed(name, &error))?.status())
    }

    /// A request without a body.
    async fn ask(&self, method: &str, name: &str, url: url::Url) -> Result<StatusCode, Error> {
        self.send(name, self.request(method, url), &AtomicU64::new(0)).await
    }

    /// Puts a file under a name of its own.
    async fn put_at(&self, outgoing: &Outgoing<'_>, name: &str) -> Result<StatusCode, Error> {
        self.make_parents(name).await?;
        let (reading, sent) = (Reading::open(outgoing).await?, Arc::new(AtomicU64::new(0)));
        let count = sent.clone();
        let body = stream::try_unfold((reading, count), |(mut reading, count)| async move {
            let piece = reading.next().await?;
            Ok::<_, Error>(piece.map(|piece| {
                count.fetch_add(piece.len() as u64, Ordering::Relaxed);
                (piece, (reading, count))
            }))
        });
        let request = self
            .request("PUT", self.url(name))
            .header(header::CONTENT_LENGTH, outgoing.size)
            .header(header::CONTENT_TYPE, "application/octet-stream")
            .body(Body::wrap_stream(body));
        self.send(name, request, &sent).await
    }

    pub(super) async fn put(&self, outgoing: &Outgoing<'_>) -> Result<bool, Error> {
        let name = outgoing.name;
        if !self.has_move().await? {
            let status = self.put_at(outgoing, name).await?;
            return if status.is_success() { Ok(false) } else { Err(self.refused(name, "PUT", status)) };
        }
        let partial = outgoing.partial();
        let status = self.put_at(outgoing, &partial).await?;
        if !status.is_success() {
            return Err(self.refused(name, "PUT", status));
        }
        let mut sink = Sink::nowhere(&self.place(&partial), outgoing.checksum, outgoing.size)?;
        match self.stream(&partial, &mut sink).await {
            Ok(true) if sink.matches() => {}
            // Another who puts the same file was faster.
            Ok(false) => return Ok(false),
            Ok(true) | Err(Error::TooLong { .. }) => {
                let _ = self.ask("DELETE", &partial, self.url(&partial)).await;
                let reason = "what the server kept is not what was sent".to_owned();
                return Err(Error::Write { place: self.place(name), reason, transient: true });
            }
            Err(error) => return Err(error),
        }
        match self.rename(&partial, name).await? {
            status if status.is_success() => Ok(true),
            // Here, too.
            StatusCode::NOT_FOUND => Ok(false),
            status => Err(self.refused(name, "MOVE", status)),
        }
    }

    /// Whether the server can rename files. It is asked for one that is not there.
    async fn has_move(&self) -> Result<bool, Error> {
        let ask = || async {
            let name = format!("copr-repo.probe-{:016x}", rand::random::<u64>());
            Ok::<_, Error>(!matches!(self.rename(&name, &format!("{name}.moved")).await?.as_u16(), 405 | 501))
        };
        self.shared.moves.get_or_try_init(ask).await.copied()
    }

    async fn rename(&self, from: &str, to: &str) -> Result<StatusCode, Error> {
        let mut to = self.url(to);
        // A password has no place in a header of its own.
        let _ = (to.set_username(""), to.set_password(None));
        let request = self.request("MOVE", self.url(from)).header("Destination", to.as_str()).header("Overwrite", "T");
        self.send(from, request, &AtomicU64::new(0)).await
    }

    /// Sees to it, once for each folder, that the folders above a file are there. A server that cannot make any is believed
    /// to need none; the `PUT` that follows will tell.
    async fn make_parents(&self, name: &str) -> Result<(), Error> {
        let path = self.url(name).path().to_owned();
        // nginx takes the whole body before it says (500) that there is no such folder, so it is not left to that.
        let folders: Vec<&str> = path.match_indices('/').skip(1).filter_map(|(at, _)| path.get(..=at)).collect();
        let Some(deepest) = folders.last().copied() else { return Ok(()) };
        if self.shared.made.lock().unwrap_or_else(PoisonError::into_inner).contains(deepest) {
            return Ok(());
        }
        if matches!(self.make_at(name, deepest).await?.as_u16(), 404 | 409) {
            for folder in &folders {
                self.make_at(name, folder).await?;
            }
        }
        self.shared.made.lock().unwrap_or_else(PoisonError::into_inner).insert(deepest.to_owned());
        Ok(())
    }

    async fn make_at(&self, name: &str, path: &str) -> Result<StatusCode, Error> {
        let mut url = self.base.clone();
        url.set_path(path);
        self.ask("MKCOL", name, url).await
    }

    async fn put_bytes(
        &self,
        name: &str,
        bytes: Vec<u8>,
        condition: Option<(&str, &str)>,
    ) -> Result<StatusCode, Error> {
        self.make_parents(name).await?;
        let mut request = self.request("PUT", self.url(name)).body(bytes);
        if let Some((header, value)) = condition {
            request = request.header(header, value);
        }
        self.send(name, request, &AtomicU64::new(0)).await
    }

    pub(super) async fn put_small(&self, name: &str, bytes: Vec<u8>) -> Result<(), Error> {
        let status = self.put_bytes(name, bytes, None).await?;
        if status.is_success() { Ok(()) } else { Err(self.refused(name, "PUT", status)) }
    }

    pub(super) async fn put_index(&self, name: &str, bytes: Vec<u8>, old: Option<&Tag>) -> Result<Put, Error> {
        let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
        let lock = if folder.is_empty() { LOCK.to_owned() } else { format!("{folder}/{LOCK}") };
        if !self.has_folders(&lock).await? {
            return self.put_index_alone(name, bytes, old).await;
        }
        let held = Held::take(self, &lock, self.shared.stale).await?;
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
        let by_move = self.has_move().await?;
        if by_move {
            self.put_small(&partial, bytes.clone()).await?;
        }
        if !held.is_ours(self).await? {
            return Ok(Put::Changed);
        }
        if by_move {
            let status = self.rename(&partial, name).await?;
            return if status.is_success() { Ok(Put::Done) } else { Err(self.refused(name, "MOVE", status)) };
        }
        self.put_small(name, bytes).await?;
        Ok(Put::Done)
    }

    /// Without a lock: by the server's own comparison, if it has one.
    async fn put_index_alone(&self, name: &str, bytes: Vec<u8>, old: Option<&Tag>) -> Result<Put, Error> {
        let now = self.read(name, MOST_INDEX).await?;
        if now.map(|now| now.tag.sum) != old.map(|tag| tag.sum.clone()) {
            return Ok(Put::Changed);
        }
        let condition = match old {
            None => Some(("If-None-Match", "*")),
            Some(tag) => tag.etag.as_deref().map(|etag| ("If-Match", etag)),
        };
        match self.put_bytes(name, bytes, condition).await? {
            status if status.is_success() => Ok(Put::Done),
            StatusCode::PRECONDITION_FAILED => Ok(Put::Changed),
            status => Err(self.refused(name, "PUT", status)),
        }
    }

    /// Whether the server can make folders: a 405 for the lock may mean that it is taken, or that there is no `MKCOL`.
    async fn has_folders(&self, lock: &str) -> Result<bool, Error> {
        let ask = || async {
            let probe = format!("{lock}.probe-{:016x}", rand::random::<u64>());
            let made = self.make_folder(&probe).await?;
            if made {
                self.remove_folder(&probe, "").await?;
            }
            Ok::<_, Error>(made)
        };
        self.shared.folders.get_or_try_init(ask).await.copied()
    }

    pub(super) async fn list(&self, _folder: &str) -> Result<Option<Vec<Entry>>, Error> {
        // PROPFIND would tell; the servers that one meets most (nginx) do not have it.
        Ok(None)
    }

    pub(super) async fn delete(&self, name: &str) -> Result<(), Error> {
        match self.ask("DELETE", name, self.url(name)).await? {
            status if status.is_success() => Ok(()),
            StatusCode::NOT_FOUND | StatusCode::GONE => Ok(()),
            status => Err(self.refused(name, "DELETE", status)),
        }
    }
}

impl Place for Http {
    async fn make_folder(&self, name: &str) -> Result<bool, Error> {
        self.make_parents(name).await?;
        let status = self.ask("MKCOL", name, self.url(&format!("{name}/"))).await?;
        match status.as_u16() {
            200..=299 => Ok(true),
            // RFC 4918: there is something already, or there is no such method here.
            405 | 501 => Ok(false),
            _ => Err(self.refused(name, "MKCOL", status)),
        }
    }

    async fn remove_folder(&self, name: &str, _file: &str) -> Result<(), Error> {
        match self.ask("DELETE", name, self.url(&format!("{name}/"))).await? {
            status if status.is_success() || status == StatusCode::NOT_FOUND => Ok(()),
            status => Err(self.refused(name, "DELETE", status)),
        }
    }

    async fn rename_folder(&self, from: &str, to: &str) -> Result<bool, Error> {
        match self.rename(&format!("{from}/"), &format!("{to}/")).await? {
            status if status.is_success() => Ok(true),
            StatusCode::NOT_FOUND => Ok(false),
            status => Err(self.refused(from, "MOVE", status)),
        }
    }

    async fn read_small(&self, name: &str, limit: u64) -> Result<Option<Tagged>, Error> {
        self.read(name, limit).await
    }

    async fn write_small(&self, name: &str, bytes: Vec<u8>) -> Result<(), Error> {
        self.put_small(name, bytes).await
    }

    fn shown(&self, name: &str) -> String {
        self.place(name)
    }
}

/// Waits for `work` as long as `sent` grows; `None` when nothing moved for a time.
async fn patient<T>(work: impl Future<Output = T>, sent: &AtomicU64, silence: Duration) -> Option<T> {
    let mut work = pin!(work);
    let mut before = sent.load(Ordering::Relaxed);
    loop {
        if let Ok(done) = tokio::time::timeout(silence, &mut work).await {
            return Some(done);
        }
        let now = sent.load(Ordering::Relaxed);
        if now == before {
            return None;
        }
        before = now;
    }
}
