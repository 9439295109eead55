//! A source package from an address that a user names: [`download`].
//!
//! The builder's host must not fetch for a user what only the host can reach, so each address is looked at when it is
//! connected to: literal ones in the URL, those of a name as the resolver gives them to the connection, and the same
//! again for each redirect, which are followed by hand.

use std::{
    net::{IpAddr, SocketAddr},
    path::Path,
    sync::Arc,
    time::Duration,
};

use copr_remote::causes;
use copr_vm::{Network, net::Refused};
use futures_util::StreamExt;
use reqwest::{
    StatusCode,
    dns::{Name, Resolve, Resolving},
    header::{ACCEPT_ENCODING, LOCATION},
};
use sha2::{Digest, Sha256};
use tokio::{fs::File, io::AsyncWriteExt};
use url::{Host, Url};

/// Most redirects that are followed.
const MOST_REDIRECTS: usize = 10;
/// Tries in all for failures that may pass.
const ATTEMPTS: u32 = 3;
/// Pause before the second try; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// How long a connection may take to stand.
const CONNECT: Duration = Duration::from_secs(20);
/// How long a server may be silent.
const SILENCE: Duration = Duration::from_secs(60);
/// Longest URL, in bytes.
const MAX_URL: usize = 2048;

/// What a download may reach and take.
#[derive(Debug, Clone)]
pub struct DownloadOptions {
    /// The addresses that may be reached.
    pub network: Network,
    /// A proxy for all of it, as a URL; it then decides what may be reached by name. Proxies of the environment are never
    /// used: they are for this host's own business, and often reach more than a stranger should.
    pub proxy: Option<String>,
    /// Most bytes.
    pub bytes: u64,
    /// For all of it: redirects, second tries and the bytes themselves.
    pub total: Duration,
}

/// A file that was downloaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Downloaded {
    /// SHA-256, lower-case hex.
    pub sha256: String,
    /// Length in bytes.
    pub size: u64,
}

/// Why a file cannot be downloaded. Passwords of URLs are not shown.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// Such a URL is not fetched.
    #[error("{url} is not downloaded: {reason}")]
    BadUrl {
        /// The URL, or that which it redirected to.
        url: String,
        /// Why.
        reason: String,
    },
    /// It is at an address that may not be reached.
    #[error("{url} is not downloaded: {refused}")]
    Refused {
        /// The URL, or that which it redirected to.
        url: String,
        /// The address, and why.
        refused: Refused,
    },
    /// The server has no such file, or does not give it.
    #[error("{url}: the server answers {status}")]
    Status {
        /// The URL, or that which it redirected to.
        url: String,
        /// The status with its name, e.g. `404 Not Found`.
        status: StatusCode,
    },
    /// The file is larger than allowed.
    #[error("{url} has more than {limit} bytes, which is the most that is downloaded")]
    TooLong {
        /// The URL, or that which it redirected to.
        url: String,
        /// The limit.
        limit: u64,
    },
    /// It took too long.
    #[error("{url} could not be downloaded within {} s", limit.as_secs())]
    TooSlow {
        /// The URL.
        url: String,
        /// The limit.
        limit: Duration,
    },
    /// The connection, or what came by it.
    #[error("{url} cannot be downloaded: {reason}")]
    Transport {
        /// The URL, or that which it redirected to.
        url: String,
        /// What happened.
        reason: String,
    },
    /// There is no usable TLS set-up, or the proxy's address is none.
    #[error("no download is possible: {0}")]
    Client(String),
    /// The file cannot be written.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl DownloadError {
    /// Whether it is a fault of this host's, and not of whoever named the URL.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        matches!(self, Self::Client(_) | Self::Io(_))
    }

    fn is_transient(&self) -> bool {
        match self {
            Self::Transport { .. } => true,
            Self::Status { status, .. } => {
                status.is_server_error()
                    || [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS].contains(status)
            }
            _ => false,
        }
    }
}

/// Downloads a URL into the new file `to`, which is whole when this returns it, and else not there.
///
/// # Errors
/// When the URL is none of `http` or `https`, leads to where builds may not reach, has no file, or one that is too large;
/// when it takes too long; and when the file cannot be written.
pub async fn download(url: &str, to: &Path, options: &DownloadOptions) -> Result<Downloaded, DownloadError> {
    let bad = |reason: &str| DownloadError::BadUrl { url: cut(url), reason: reason.to_owned() };
    if url.len() > MAX_URL {
        return Err(bad(&format!("it has more than {MAX_URL} bytes")));
    }
    let parsed = Url::parse(url).map_err(|error| bad(&error.to_string()))?;
    let client = client(options)?;
    let work = async {
        let mut attempt = 1;
        loop {
            match attempt_once(&client, parsed.clone(), to, options).await {
                Err(error) if error.is_transient() && attempt < ATTEMPTS => {
                    tokio::time::sleep(FIRST_PAUSE * (1 << (attempt - 1))).await;
                    attempt += 1;
                }
                ended => return ended,
            }
        }
    };
    let ended = tokio::time::timeout(options.total, work).await;
    let ended = ended.unwrap_or_else(|_| Err(DownloadError::TooSlow { url: shown(&parsed), limit: options.total }));
    if ended.is_err() {
        // It may not even have been made.
        let _ = tokio::fs::remove_file(to).await;
    }
    ended
}

/// A client for other calls of strangers' addresses, bounded as downloads are: it connects only where `network` lets it, follows no
/// redirect, asks no proxy, and gives every call up after `total`. Look at each URL by [`check`] before: addresses that are written
/// as numbers are resolved by nobody.
///
/// # Errors
/// There is no usable TLS set-up.
pub fn guarded(network: &Network, total: Duration) -> Result<reqwest::Client, DownloadError> {
    reqwest::Client::builder()
        .user_agent(concat!("copr-rust/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT.min(total))
        .timeout(total)
        .no_proxy()
        .dns_resolver(Arc::new(Guard(network.clone())))
        .build()
        .map_err(|error| DownloadError::Client(causes(&error)))
}

fn client(options: &DownloadOptions) -> Result<reqwest::Client, DownloadError> {
    let failed = |error: reqwest::Error| DownloadError::Client(causes(&error));
    let builder = reqwest::Client::builder()
        .user_agent(concat!("copr-rust/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT)
        .read_timeout(SILENCE);
    let builder = match &options.proxy {
        // Then the only name that is resolved here is the proxy's, which the admin has given.
        Some(proxy) => builder.proxy(reqwest::Proxy::all(proxy).map_err(failed)?),
        None => builder.no_proxy().dns_resolver(Arc::new(Guard(options.network.clone()))),
    };
    builder.build().map_err(failed)
}

async fn attempt_once(
    client: &reqwest::Client,
    mut url: Url,
    to: &Path,
    options: &DownloadOptions,
) -> Result<Downloaded, DownloadError> {
    for _ in 0..=MOST_REDIRECTS {
        check(&url, &options.network)?;
        let answer = client.get(url.clone()).header(ACCEPT_ENCODING, "identity").send().await;
        let answer = answer.map_err(|error| failed(&url, &error))?;
        match answer.status() {
            StatusCode::OK => return save(&url, answer, to, options.bytes).await,
            StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT => url = target(&url, &answer)?,
            status => return Err(DownloadError::Status { url: shown(&url), status }),
        }
    }
    Err(DownloadError::BadUrl { url: shown(&url), reason: format!("more than {MOST_REDIRECTS} redirects led to it") })
}

/// Where an answer redirects to.
fn target(url: &Url, answer: &reqwest::Response) -> Result<Url, DownloadError> {
    let bad = |reason: String| DownloadError::BadUrl { url: shown(url), reason };
    let location = answer.headers().get(LOCATION).and_then(|location| location.to_str().ok());
    let location = location.filter(|location| location.len() <= MAX_URL);
    let location = location.ok_or_else(|| bad("it redirects, and does not say where".to_owned()))?;
    let target = url.join(location).map_err(|error| bad(format!("it redirects to no URL: {error}")))?;
    if url.scheme() == "https" && target.scheme() == "http" {
        return Err(bad(format!("it redirects from https to {}", shown(&target))));
    }
    Ok(target)
}

/// Refuses other schemes than http and https, and literal addresses that may not be reached; names are left to the resolver of the
/// client.
///
/// # Errors
/// It is refused; the text says why.
pub fn check(url: &Url, network: &Network) -> Result<(), DownloadError> {
    if !matches!(url.scheme(), "http" | "https") {
        let reason = "only http:// and https:// are understood".to_owned();
        return Err(DownloadError::BadUrl { url: shown(url), reason });
    }
    let literal = match url.host() {
        Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
        Some(Host::Domain(_)) => None,
        None => {
            return Err(DownloadError::BadUrl { url: shown(url), reason: "it names no server".to_owned() });
        }
    };
    literal
        .map_or(Ok(()), |address| network.permits(address))
        .map_err(|refused| DownloadError::Refused { url: shown(url), refused })
}

/// The resolver of the connections: it gives them the addresses that may be reached, and only those.
struct Guard(Network);

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let network = self.0.clone();
        Box::pin(async move {
            let mut permitted: Vec<SocketAddr> = Vec::new();
            let mut refusal = None;
            for address in tokio::net::lookup_host((name.as_str(), 0)).await? {
                match network.permits(address.ip()) {
                    Ok(()) => permitted.push(address),
                    Err(refused) => refusal = Some(refused),
                }
            }
            match refusal {
                Some(refused) if permitted.is_empty() => Err(refused.into()),
                _ => Ok(Box::new(permitted.into_iter()) as Box<dyn Iterator<Item = SocketAddr> + Send>),
            }
        })
    }
}

async fn save(url: &Url, answer: reqwest::Response, to: &Path, limit: u64) -> Result<Downloaded, DownloadError> {
    let too_long = || DownloadError::TooLong { url: shown(url), limit };
    if answer.content_length().is_some_and(|length| length > limit) {
        return Err(too_long());
    }
    let mut file = File::create(to).await?;
    let (mut sum, mut size) = (Sha256::new(), 0_u64);
    let mut body = answer.bytes_stream();
    while let Some(bytes) = body.next().await {
        let bytes = bytes.map_err(|error| failed(url, &error))?;
        size = size.saturating_add(bytes.len() as u64);
        if size > limit {
            return Err(too_long());
        }
        sum.update(&bytes);
        file.write_all(&bytes).await?;
    }
    file.sync_all().await?;
    Ok(Downloaded { sha256: hex::encode(sum.finalize()), size })
}

/// What a failed request means: the guard's refusal is among its causes when it was that.
#[must_use]
pub fn failed(url: &Url, error: &reqwest::Error) -> DownloadError {
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        if let Some(refused) = inner.downcast_ref::<Refused>() {
            return DownloadError::Refused { url: shown(url), refused: refused.clone() };
        }
        cause = inner.source();
    }
    DownloadError::Transport { url: shown(url), reason: causes(error) }
}

/// A URL without its user and password.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    // Only URLs without a server refuse these, and those have neither.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    cut(url.as_str())
}

/// A text for a message, not too long; what may hold a password and was not understood is left out.
fn cut(text: &str) -> String {
    if text.contains('@') && Url::parse(text).is_err() {
        return "the URL".to_owned();
    }
    let mut shown: String = text.chars().take(200).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests;
