//! Bytes from a URL: bounded, retried, verified.

use std::{io::Read, path::PathBuf, sync::Arc, time::Duration};

use copr_repodata::Checksum;
use futures_util::StreamExt;

use crate::{
    cache::Cache,
    error::{Error, cut},
    guard::{Guard, Refused, has_proxy},
    url::RepoUrl,
};

/// How long to wait for a server, and how often to try again.
#[derive(Debug, Clone)]
pub struct Timeouts {
    /// For a connection to stand.
    pub connect: Duration,
    /// Without a single byte.
    pub silence: Duration,
    /// For one whole file.
    pub total: Duration,
    /// Tries in all for failures that may pass; 1 at least.
    pub attempts: u32,
    /// Pause before the second try; it doubles each time.
    pub first_pause: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            silence: Duration::from_secs(30),
            total: Duration::from_secs(1800),
            attempts: 4,
            first_pause: Duration::from_millis(300),
        }
    }
}

/// Sends requests; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Fetcher {
    client: reqwest::Client,
    /// For servers on this machine: a proxy that the environment names cannot reach them.
    near: reqwest::Client,
    timeouts: Timeouts,
    guard: Option<Guard>,
}

impl Fetcher {
    pub(crate) fn new(timeouts: Timeouts, guard: Option<Guard>) -> Result<Self, Error> {
        let resolver = guard.clone().filter(|_| !has_proxy());
        let builder = || {
            let builder = reqwest::Client::builder()
                .user_agent(concat!("copr-rust/", env!("CARGO_PKG_VERSION")))
                .redirect(redirects(guard.clone()))
                .connect_timeout(timeouts.connect)
                .read_timeout(timeouts.silence)
                .timeout(timeouts.total);
            match &resolver {
                Some(guard) => builder.dns_resolver(Arc::new(guard.clone())),
                None => builder,
            }
        };
        let failed = |error: reqwest::Error| Error::Transport {
            url: "HTTP client".to_owned(),
            reason: causes(&error),
            transient: false,
        };
        let client = builder().build().map_err(failed)?;
        let near = builder().no_proxy().build().map_err(failed)?;
        Ok(Self { client, near, timeouts, guard })
    }

    /// A small file whose checksum nobody knows, such as `repomd.xml`; at most `limit` bytes.
    pub(crate) async fn small(&self, url: &RepoUrl, limit: u64) -> Result<Vec<u8>, Error> {
        let mut attempt = 0;
        loop {
            match self.small_once(url, limit).await {
                Err(error) if self.again(&error, &mut attempt).await => {}
                other => return other,
            }
        }
    }

    pub(crate) async fn small_once(&self, url: &RepoUrl, limit: u64) -> Result<Vec<u8>, Error> {
        let shown = url.to_string();
        if let Some(path) = url.to_path() {
            return blocking(move || {
                let mut bytes = Vec::new();
                fs_err::File::open(&path)?.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
                if bytes.len() as u64 > limit {
                    return Err(Error::TooLong { url: shown, limit });
                }
                Ok(bytes)
            })
            .await;
        }
        let mut body = self.get(url).await?.bytes_stream();
        let mut bytes = Vec::new();
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|error| transport(url, &error))?;
            if (bytes.len() as u64).saturating_add(chunk.len() as u64) > limit {
                return Err(Error::TooLong { url: shown, limit });
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    /// A file of known checksum into the cache; of `size` bytes, or when that is unknown of `limit` at most.
    pub(crate) async fn cached(
        &self,
        cache: &Cache,
        url: &RepoUrl,
        checksum: &Checksum,
        size: Option<u64>,
        limit: u64,
    ) -> Result<PathBuf, Error> {
        if let Some(size) = size
            && size > limit
        {
            return Err(Error::TooLong { url: url.to_string(), limit });
        }
        let mut attempt = 0;
        loop {
            match self.cached_once(cache, url, checksum, size, limit).await {
                Err(error) if self.again(&error, &mut attempt).await => {}
                other => return other,
            }
        }
    }

    async fn cached_once(
        &self,
        cache: &Cache,
        url: &RepoUrl,
        checksum: &Checksum,
        size: Option<u64>,
        limit: u64,
    ) -> Result<PathBuf, Error> {
        if let Some(path) = url.to_path() {
            let mut incoming = cache.begin(&url.to_string(), checksum.clone(), size, limit)?;
            return blocking(move || {
                let mut file = fs_err::File::open(&path)?;
                let mut buffer = vec![0; 1 << 18];
                loop {
                    let got = file.read(&mut buffer)?;
                    match buffer.get(..got) {
                        Some(bytes) if got > 0 => incoming.push(bytes)?,
                        _ => return incoming.finish(),
                    }
                }
            })
            .await;
        }
        let answer = self.get(url).await?;
        let mut incoming = cache.begin(&url.to_string(), checksum.clone(), size, limit)?;
        let mut body = answer.bytes_stream();
        while let Some(chunk) = body.next().await {
            incoming.push(&chunk.map_err(|error| transport(url, &error))?)?;
        }
        blocking(move || incoming.finish()).await
    }

    pub(crate) async fn get(&self, url: &RepoUrl) -> Result<reqwest::Response, Error> {
        let answer = self.send(self.request(url), url).await?;
        if answer.status() == reqwest::StatusCode::OK { Ok(answer) } else { Err(refusal(url, &answer)) }
    }

    /// A file from byte `from` on, when the server has it as `validator` (an `ETag`) says; else all of it. The second value
    /// tells which came: the first byte's place, and the size of the whole where the server tells it.
    pub(crate) async fn get_from(
        &self,
        url: &RepoUrl,
        from: u64,
        validator: Option<&str>,
    ) -> Result<(reqwest::Response, u64, Option<u64>), Error> {
        use reqwest::{StatusCode, header};
        let mut request = self.request(url);
        if from > 0 {
            request = request.header(header::RANGE, format!("bytes={from}-"));
            if let Some(validator) = validator {
                request = request.header(header::IF_RANGE, validator);
            }
        }
        let answer = self.send(request, url).await?;
        match answer.status() {
            StatusCode::OK => {
                let size = answer.content_length();
                Ok((answer, 0, size))
            }
            StatusCode::PARTIAL_CONTENT if from > 0 => {
                let range = answer.headers().get(header::CONTENT_RANGE).and_then(|range| range.to_str().ok());
                match range.and_then(content_range) {
                    Some((start, total)) if start == from => Ok((answer, from, total)),
                    _ => Err(Error::WrongRange { url: url.to_string(), from }),
                }
            }
            StatusCode::RANGE_NOT_SATISFIABLE if from > 0 => Err(Error::WrongRange { url: url.to_string(), from }),
            _ => Err(refusal(url, &answer)),
        }
    }

    fn request(&self, url: &RepoUrl) -> reqwest::RequestBuilder {
        let client = if is_loopback(url.url()) { &self.near } else { &self.client };
        // A file is what its checksum says: no proxy or server may pack it anew.
        client.get(url.url().clone()).header(reqwest::header::ACCEPT_ENCODING, "identity")
    }

    async fn send(&self, request: reqwest::RequestBuilder, url: &RepoUrl) -> Result<reqwest::Response, Error> {
        if let Some(Err(refused)) = self.guard.as_ref().map(|guard| guard.check(url.url())) {
            return Err(Error::Transport { url: url.to_string(), reason: refused.to_string(), transient: false });
        }
        request.send().await.map_err(|error| transport(url, &error))
    }

    /// Whether to try again after `error`; waits before it says so.
    async fn again(&self, error: &Error, attempt: &mut u32) -> bool {
        *attempt += 1;
        if !error.is_transient() || *attempt >= self.timeouts.attempts {
            return false;
        }
        let pause = self.timeouts.first_pause.saturating_mul(1 << (*attempt - 1).min(10));
        tokio::time::sleep(pause).await;
        true
    }
}

/// What an answer without the file means.
fn refusal(url: &RepoUrl, answer: &reqwest::Response) -> Error {
    let status = answer.status();
    if !status.is_redirection() {
        return Error::Status { url: url.to_string(), status: status.as_u16() };
    }
    let target = answer.headers().get(reqwest::header::LOCATION);
    let target = String::from_utf8_lossy(target.map_or(b"", |target| target.as_bytes())).into_owned();
    let reason = format!("a redirect to {:?} is refused", cut(&target));
    Error::Transport { url: url.to_string(), reason, transient: false }
}

/// First byte and size of the whole, of `bytes 5-9/10` or `bytes 5-9/*`.
fn content_range(text: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (start, end) = range.split_once('-')?;
    let (start, end): (u64, u64) = (start.trim().parse().ok()?, end.trim().parse().ok()?);
    (start <= end).then_some(())?;
    match total.trim() {
        "*" => Some((start, None)),
        total => total.parse().ok().filter(|total| end < *total).map(|total| (start, Some(total))),
    }
}

/// Follows ten redirects at most, never away from HTTP, never from https to http, and never to an address that is refused.
pub(crate) fn redirects(guard: Option<Guard>) -> reqwest::redirect::Policy {
    reqwest::redirect::Policy::custom(move |attempt| {
        if let Some(Err(refused)) = guard.as_ref().map(|guard| guard.check(attempt.url())) {
            return attempt.error(refused);
        }
        let was_https = attempt.previous().iter().any(|url| url.scheme() == "https");
        let refusal = match attempt.url().scheme() {
            "https" => None,
            "http" if !was_https => None,
            "http" => Some("a redirect from https to http is refused"),
            _ => Some("a redirect to anything but http and https is refused"),
        };
        match refusal {
            Some(reason) => attempt.error(reason),
            None if attempt.previous().len() > 10 => attempt.error("more than 10 redirects"),
            None => attempt.follow(),
        }
    })
}

pub(crate) fn is_loopback(url: &url::Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

pub(crate) fn transport(url: &RepoUrl, error: &reqwest::Error) -> Error {
    let transient = !error.is_redirect() && !error.is_builder() && !is_refusal(error);
    Error::Transport { url: url.to_string(), reason: causes(error), transient }
}

/// Whether it failed as nothing may be asked there.
fn is_refusal(error: &reqwest::Error) -> bool {
    let first: Option<&dyn std::error::Error> = std::error::Error::source(error);
    std::iter::successors(first, |error| error.source()).any(<dyn std::error::Error>::is::<Refused>)
}

/// The causes of an error in one line, without the URL (it may hold a password) and without repetitions.
#[must_use]
pub fn causes(error: &reqwest::Error) -> String {
    let mut text = if error.is_timeout() {
        "no answer in time"
    } else if error.is_connect() {
        "cannot connect"
    } else if error.is_redirect() {
        "redirected"
    } else if error.is_body() || error.is_decode() {
        "the answer broke off"
    } else {
        "the request failed"
    }
    .to_owned();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}

/// Runs file work off the async threads.
pub(crate) async fn blocking<T, F>(work: F) -> Result<T, Error>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, Error> + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(Error::Io(std::io::Error::other(format!("a worker thread ended early: {error}")))),
    }
}

#[cfg(test)]
mod tests {
    use super::content_range;

    #[test]
    fn a_content_range_tells_where_it_begins() {
        assert_eq!(content_range("bytes 5-9/10"), Some((5, Some(10))));
        assert_eq!(content_range("bytes 5-9/*"), Some((5, None)));
        for bad in ["", "bytes", "bytes 5-9", "5-9/10", "bytes 9-5/10", "bytes 5-10/10", "bytes -5/10", "bytes 5-9/x"] {
            assert_eq!(content_range(bad), None, "{bad:?}");
        }
    }
}
