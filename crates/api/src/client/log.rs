//! A build's log, read while it grows.

use reqwest::{
    StatusCode,
    header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_RANGE, HeaderMap, RANGE},
};

use super::{Client, Error};

/// The most that one call returns, in bytes.
pub const LOG_CHUNK_LIMIT: usize = 4 << 20;

/// What a log has beyond the place that one has read to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogChunk {
    /// The bytes that follow; empty when there is nothing yet. A full [`LOG_CHUNK_LIMIT`] means: ask again at once.
    Bytes(Vec<u8>),
    /// The log is shorter than what was read: another machine began the build anew. Read from 0 again.
    Restarted,
}

impl Client {
    /// Reads the log `name` (e.g. `builder-live.log`) of the results folder `result_url` from byte `offset` on.
    ///
    /// A log that does not exist yet is an empty one. No credentials are sent: logs are public.
    pub async fn log_from(&self, result_url: &str, name: &str, offset: u64) -> Result<LogChunk, Error> {
        let url = format!("{}/{name}", result_url.trim_end_matches('/'));
        let mut request = self.http.get(&url).header(ACCEPT_ENCODING, "identity");
        if offset > 0 {
            request = request.header(RANGE, format!("bytes={offset}-"));
        }
        let mut response = request.send().await.map_err(|error| self.transport(&error))?;
        let mut skip = match response.status() {
            StatusCode::NOT_FOUND => return Ok(LogChunk::Bytes(Vec::new())),
            StatusCode::RANGE_NOT_SATISFIABLE => {
                return Ok(match length_of_unsatisfied(response.headers()) {
                    Some(length) if length < offset => LogChunk::Restarted,
                    _ => LogChunk::Bytes(Vec::new()),
                });
            }
            StatusCode::PARTIAL_CONTENT if start_of_partial(response.headers()) == Some(offset) => 0,
            StatusCode::OK => offset, // a server that knows no ranges sends all
            status => {
                return Err(Error::Server {
                    status: status.as_u16(),
                    message: format!("the log {url} cannot be read (HTTP status {status})"),
                });
            }
        };
        if response.headers().contains_key(CONTENT_ENCODING) {
            return Ok(LogChunk::Bytes(Vec::new())); // a finished log, stored compressed: no place in it to go on from
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.transport(&error))? {
            let begin = usize::try_from(skip).unwrap_or(usize::MAX).min(chunk.len());
            skip -= begin as u64;
            let room = LOG_CHUNK_LIMIT - bytes.len();
            bytes.extend(chunk.iter().skip(begin).take(room));
            if bytes.len() == LOG_CHUNK_LIMIT {
                break;
            }
        }
        Ok(if skip > 0 { LogChunk::Restarted } else { LogChunk::Bytes(bytes) })
    }
}

/// 120 of `Content-Range: bytes 120-200/201`.
fn start_of_partial(headers: &HeaderMap) -> Option<u64> {
    let range = headers.get(CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")?;
    range.split('-').next()?.trim().parse().ok()
}

/// 100 of `Content-Range: bytes */100`.
fn length_of_unsatisfied(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes */")?.trim().parse().ok()
}
