//! The builder's side of the protocol in [`copr_api::builder`]: one method a call.

use std::{path::Path, time::Duration};

use copr_api::{
    builder::{Finish, Heartbeat, HeartbeatReply, Lease, LeaseRequest, SHA256_HEADER, Stage},
    names::Secret,
};
use copr_remote::causes;
use futures_util::StreamExt;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::{Deserialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;

/// Longest answer that is read, but for sources: a lease with its definition and chain.
const ANSWER_LIMIT: usize = 8 << 20;
/// Longest piece of a log in one call.
pub const LOG_PIECE: usize = 1 << 20;
/// Longest SRPM that is downloaded.
const SOURCE_LIMIT: u64 = 8 << 30;
/// How long a server may be away before what a build made is given up.
const AWAY: Duration = Duration::from_secs(3600);

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The server's address cannot be used.
    #[error("{url:?} cannot be the server's address: {reason}")]
    BadAddress {
        /// The address as configured.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// 409: the lease belongs to nobody or to someone else.
    #[error("the lease is no longer ours: {0}")]
    Lost(String),
    /// Any other error that the server named.
    #[error("the server refused {call}: {message} ({status})")]
    Refused {
        /// Method and path.
        call: String,
        /// HTTP status.
        status: u16,
        /// The server's `error` text, or the start of what it said instead.
        message: String,
    },
    /// The server did not answer, or not to the end.
    #[error("{call}: {reason}")]
    Transport {
        /// Method and path.
        call: String,
        /// The chain of causes.
        reason: String,
    },
    /// An answer that makes no sense.
    #[error("the server's answer to {call} makes no sense: {reason}")]
    Nonsense {
        /// Method and path.
        call: String,
        /// Why.
        reason: String,
    },
    /// A file of ours.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl ClientError {
    /// Whether the same call may well succeed in a moment.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Transport { .. } => true,
            Self::Refused { status, .. } => *status >= 500 || matches!(*status, 408 | 429),
            _ => false,
        }
    }
}

/// Calls one server with one token; cheap to clone.
#[derive(Debug, Clone)]
pub struct LeaseClient {
    http: reqwest::Client,
    /// Without a limit on silence, which would also count the time of a long upload.
    patient: reqwest::Client,
    base: url::Url,
    token: Secret,
}

#[derive(Deserialize)]
struct ErrorBody {
    error: String,
}

#[derive(Deserialize)]
struct LogSize {
    size: u64,
}

impl LeaseClient {
    /// A client for the server at `server_url`, e.g. `http://127.0.0.1:5000`.
    ///
    /// # Errors
    /// [`ClientError::BadAddress`].
    pub fn new(server_url: &str, token: Secret) -> Result<Self, ClientError> {
        let bad = |reason: String| ClientError::BadAddress { url: server_url.to_owned(), reason };
        let base: url::Url = server_url.parse().map_err(|error: url::ParseError| bad(error.to_string()))?;
        if !matches!(base.scheme(), "http" | "https") || base.host().is_none() {
            return Err(bad("it must begin with http:// or https://".to_owned()));
        }
        let near = match base.host() {
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            Some(url::Host::Domain(name)) => name == "localhost",
            None => false,
        };
        let builder = || {
            let builder = reqwest::Client::builder()
                .user_agent(concat!("copr-rust-builder/", env!("CARGO_PKG_VERSION")))
                .redirect(reqwest::redirect::Policy::none())
                .connect_timeout(Duration::from_secs(10));
            if near { builder.no_proxy() } else { builder }
        };
        Ok(Self {
            http: builder().read_timeout(Duration::from_secs(90)).build().map_err(|error| bad(causes(&error)))?,
            patient: builder().timeout(Duration::from_secs(3600)).build().map_err(|error| bad(causes(&error)))?,
            base,
            token,
        })
    }

    /// Asks for work; `None` when there is none.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn lease(&self, request: &LeaseRequest) -> Result<Option<Lease>, ClientError> {
        let (call, builder) = self.call(&self.http, Method::POST, &["lease"])?;
        let answer = send(&call, builder.json(request)).await?;
        if answer.status() == StatusCode::NO_CONTENT {
            return Ok(None);
        }
        json(&call, answer).await.map(Some)
    }

    /// Keeps a lease, and learns whether it is to be stopped.
    ///
    /// # Errors
    /// [`ClientError::Lost`] when it is someone else's by now, and the others.
    pub async fn heartbeat(&self, lease: &str, stage: Stage) -> Result<HeartbeatReply, ClientError> {
        let (call, builder) = self.call(&self.http, Method::POST, &["lease", lease, "heartbeat"])?;
        json(&call, send(&call, builder.timeout(Duration::from_secs(10)).json(&Heartbeat { stage })).await?).await
    }

    /// Appends `bytes` (at most [`LOG_PIECE`]) to the log `name` at byte `offset`. The answer is the log's size on the
    /// server now; when it is not `offset` plus the length of `bytes`, nothing was appended: go on from there.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn log(&self, lease: &str, name: &str, offset: u64, bytes: Vec<u8>) -> Result<u64, ClientError> {
        let (call, builder) = self.call(&self.http, Method::POST, &["lease", lease, "log", name])?;
        let answer = builder.query(&[("offset", offset)]).body(bytes).send().await;
        let answer = answer.map_err(|error| transport(&call, &error))?;
        let answer =
            if answer.status() == StatusCode::RANGE_NOT_SATISFIABLE { answer } else { check(&call, answer).await? };
        json::<LogSize>(&call, answer).await.map(|size| size.size)
    }

    /// Downloads the SRPM, or the uploaded file `name`, to `path`, which must not exist; the answer is its SHA-256 in
    /// lower-case hex.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn source(&self, lease: &str, name: Option<&str>, path: &Path) -> Result<String, ClientError> {
        let mut segments = vec!["lease", lease, "source"];
        segments.extend(name);
        let (call, builder) = self.call(&self.http, Method::GET, &segments)?;
        let mut body = send(&call, builder).await?.bytes_stream();
        let mut file = tokio::fs::OpenOptions::new().write(true).create_new(true).open(path).await?;
        let (mut sum, mut size) = (Sha256::new(), 0_u64);
        while let Some(piece) = body.next().await {
            let piece = piece.map_err(|error| transport(&call, &error))?;
            size = size.saturating_add(piece.len() as u64);
            if size > SOURCE_LIMIT {
                return Err(ClientError::Nonsense { call, reason: format!("it is longer than {SOURCE_LIMIT} bytes") });
            }
            sum.update(&piece);
            file.write_all(&piece).await?;
        }
        file.flush().await?;
        Ok(hex::encode(sum.finalize()))
    }

    /// Uploads one result, `size` bytes with this SHA-256 (lower-case hex), from `path`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn result(
        &self,
        lease: &str,
        name: &str,
        size: u64,
        sha256: &str,
        path: &Path,
    ) -> Result<(), ClientError> {
        let (call, builder) = self.call(&self.patient, Method::PUT, &["lease", lease, "result", name])?;
        let file = tokio::fs::File::open(path).await?;
        let body = reqwest::Body::wrap_stream(tokio_util::io::ReaderStream::with_capacity(file, 1 << 18));
        let builder = builder.header(SHA256_HEADER, sha256).header(reqwest::header::CONTENT_LENGTH, size).body(body);
        send(&call, builder).await.map(|_| ())
    }

    /// Ends a lease.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn finish(&self, lease: &str, finish: &Finish) -> Result<(), ClientError> {
        let (call, builder) = self.call(&self.http, Method::POST, &["lease", lease, "finish"])?;
        send(&call, builder.json(finish)).await.map(|_| ())
    }

    /// A request to `/builder/v1/` and these path segments, and its name for messages.
    fn call(
        &self,
        http: &reqwest::Client,
        method: Method,
        path: &[&str],
    ) -> Result<(String, RequestBuilder), ClientError> {
        let mut url = self.base.clone();
        let bad = || ClientError::BadAddress { url: self.base.to_string(), reason: "it takes no path".to_owned() };
        url.path_segments_mut().map_err(|()| bad())?.pop_if_empty().extend(["builder", "v1"]).extend(path);
        let call = format!("{method} {}", url.path());
        Ok((call, http.request(method, url).bearer_auth(self.token.expose())))
    }
}

/// Repeats a call while its failure may pass, with growing pauses, as long as a server may be away.
///
/// # Errors
/// The last call's.
pub(crate) async fn again<T, F: Future<Output = Result<T, ClientError>>>(
    call: impl Fn() -> F,
) -> Result<T, ClientError> {
    let begun = tokio::time::Instant::now();
    let mut pause = Duration::from_millis(200);
    loop {
        match call().await {
            Err(error) if error.is_transient() && begun.elapsed() < AWAY => {
                tracing::debug!(%error, "trying again");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(5));
            }
            other => return other,
        }
    }
}

async fn send(call: &str, builder: RequestBuilder) -> Result<Response, ClientError> {
    let answer = builder.send().await.map_err(|error| transport(call, &error))?;
    check(call, answer).await
}

/// Passes successes on and turns the others into errors.
async fn check(call: &str, answer: Response) -> Result<Response, ClientError> {
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    let body = bounded(call, answer).await.unwrap_or_default();
    let message = match serde_json::from_slice::<ErrorBody>(&body) {
        Ok(body) => body.error,
        Err(_) => String::from_utf8_lossy(&body).chars().take(200).collect(),
    };
    if status == StatusCode::CONFLICT {
        return Err(ClientError::Lost(message));
    }
    Err(ClientError::Refused { call: call.to_owned(), status: status.as_u16(), message })
}

async fn json<T: DeserializeOwned>(call: &str, answer: Response) -> Result<T, ClientError> {
    let body = bounded(call, answer).await?;
    serde_json::from_slice(&body)
        .map_err(|error| ClientError::Nonsense { call: call.to_owned(), reason: error.to_string() })
}

async fn bounded(call: &str, answer: Response) -> Result<Vec<u8>, ClientError> {
    let mut body = answer.bytes_stream();
    let mut bytes = Vec::new();
    while let Some(piece) = body.next().await {
        bytes.extend_from_slice(&piece.map_err(|error| transport(call, &error))?);
        if bytes.len() > ANSWER_LIMIT {
            let reason = format!("it is longer than {ANSWER_LIMIT} bytes");
            return Err(ClientError::Nonsense { call: call.to_owned(), reason });
        }
    }
    Ok(bytes)
}

fn transport(call: &str, error: &reqwest::Error) -> ClientError {
    ClientError::Transport { call: call.to_owned(), reason: causes(error) }
}
