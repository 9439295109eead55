//! The typed HTTP client.
//!
//! Speaks to any hub with the Copr API version 3, ours or another. One method a route; the names are those of the routes.
//! A reply with a top-level `error` is a failure whatever its status, as python-copr takes it.

mod builds;
mod content;
mod download;
mod error;
mod events;
mod log;
mod packages;
mod people;
mod projects;
mod promotions;
#[cfg(test)]
mod tests;
mod upload;

use std::{error::Error as _, time::Duration};

use reqwest::{Method, Request, RequestBuilder, Response, Url};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

pub use self::{
    builds::{BuiltPackage, BuiltPackages, build_options},
    download::{Downloaded, RemoteFile},
    error::Error,
    log::{LOG_CHUNK_LIMIT, LogChunk},
    packages::With,
    projects::{ChrootExtras, Comps},
};
use crate::{
    names::{OwnerName, ProjectName, Secret},
    v3::Page,
};

/// A connection that is not made within this time is given up.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);

/// A hub that says nothing for this long is given up (uploads have a limit of their own).
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// The longest reply, in bytes.
const ANSWER_LIMIT: usize = 128 << 20;

/// Rows asked for at once where a list may be long; copr-cli's number.
const PAGE: u64 = 1000;

/// Pauses before a call that found no connection is tried again.
const PAUSES: [Duration; 3] = [Duration::from_millis(300), Duration::from_secs(1), Duration::from_secs(3)];

/// Which hub, and who calls: what stands in `~/.config/copr`.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// Address of the hub, e.g. `https://copr.example.org`; a path is kept, a trailing slash does not matter.
    pub copr_url: String,
    /// User part of HTTP Basic: an opaque text, not the user's name. None calls anonymously.
    pub login: Option<String>,
    /// Password part of HTTP Basic. None calls anonymously.
    pub token: Option<Secret>,
    /// The user's name, for `project` without owner.
    pub username: Option<String>,
}

/// A hub's client. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub struct Client {
    config: Config,
    base: Url,
    http: reqwest::Client,
    /// Without read timeout, which would count an upload's time too.
    patient: reqwest::Client,
}

impl Client {
    /// Makes a client; connects to nothing yet. [`Error::BadUrl`] unless `copr_url` is an http or https URL.
    pub fn new(config: Config) -> Result<Self, Error> {
        let bad = |reason: String| Error::BadUrl { url: config.copr_url.clone(), reason };
        let base = Url::parse(config.copr_url.trim_end_matches('/')).map_err(|error| bad(error.to_string()))?;
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() {
            return Err(bad("it must begin with https:// or http://".to_owned()));
        }
        let build = |read: Option<Duration>| {
            let mut builder = reqwest::Client::builder()
                .user_agent(concat!("copr copr-rust/", env!("CARGO_PKG_VERSION")))
                .connect_timeout(CONNECT_TIMEOUT);
            if let Some(limit) = read {
                builder = builder.read_timeout(limit);
            }
            if matches!(base.host_str(), Some("localhost" | "127.0.0.1" | "[::1]")) {
                builder = builder.no_proxy();
            }
            builder.build().map_err(|error| bad(innermost(&error)))
        };
        Ok(Self { http: build(Some(READ_TIMEOUT))?, patient: build(None)?, base, config })
    }

    /// What it was made with.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The hub's address without trailing slash.
    #[must_use]
    pub fn hub(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// The web page of a build.
    #[must_use]
    pub fn build_page(&self, build: i64) -> String {
        format!("{}/coprs/build/{build}", self.hub())
    }

    /// The web page of a project.
    #[must_use]
    pub fn project_page(&self, owner: &OwnerName, project: &ProjectName) -> String {
        format!("{}/coprs/{}/{project}/", self.hub(), owner.as_str().replace('@', "g/"))
    }

    /// Every row of a list, page by page.
    async fn pages<T: DeserializeOwned>(&self, path: &[&str], query: &[(&str, String)]) -> Result<Vec<T>, Error> {
        let mut rows = Vec::new();
        let mut offset = 0;
        loop {
            let cut = [("limit", PAGE), ("offset", offset)];
            let page: Page<T> = self.answer(self.request(Method::GET, path)?.query(query).query(&cut)).await?;
            // A server that echoes another place, or no limit, does not cut: its first answer was all.
            if page.items.is_empty() || page.meta.offset.unwrap_or(0) != offset {
                return Ok(rows);
            }
            rows.extend(page.items);
            match page.meta.limit {
                Some(limit) if limit > 0 => offset += limit,
                _ => return Ok(rows),
            }
        }
    }

    /// `{hub}/api_3/{path}`, every segment encoded.
    fn url(&self, path: &[&str]) -> Result<Url, Error> {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .map_err(|()| Error::BadUrl {
                url: self.config.copr_url.clone(),
                reason: "it cannot have a path".to_owned(),
            })?
            .pop_if_empty()
            .push("api_3")
            .extend(path);
        Ok(url)
    }

    fn request(&self, method: Method, path: &[&str]) -> Result<RequestBuilder, Error> {
        Ok(self.http.request(method, self.url(path)?))
    }

    /// HTTP Basic, marked as sensitive so that nothing prints it.
    fn with_credentials(&self, request: RequestBuilder) -> Result<RequestBuilder, Error> {
        match (&self.config.login, &self.config.token) {
            (Some(login), Some(token)) if !token.expose().is_empty() => {
                Ok(request.basic_auth(login, Some(token.expose())))
            }
            _ => Err(Error::NoCredentials),
        }
    }

    /// A request for a route that only its user may ask for.
    fn own(&self, method: Method, path: &[&str]) -> Result<RequestBuilder, Error> {
        self.with_credentials(self.request(method, path)?)
    }

    /// Sends a request and reads the reply. What only asks is tried again where the connection broke; what changes something,
    /// where there was no connection at all: it may have been taken otherwise.
    async fn answer<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Error> {
        let mut request = request.build().map_err(|error| self.transport(&error))?;
        let asks = request.method() == Method::GET;
        for pause in PAUSES {
            let Some(again) = request.try_clone() else { break };
            match self.once(request).await {
                Err(Error::Connect { .. }) => {}
                Err(Error::Broken { .. }) if asks => {}
                ended => return ended,
            }
            tokio::time::sleep(pause).await;
            request = again;
        }
        self.once(request).await
    }

    async fn once<T: DeserializeOwned>(&self, request: Request) -> Result<T, Error> {
        let response = self.http.execute(request).await.map_err(|error| self.transport(&error))?;
        read_answer(response, self.hub()).await
    }

    fn transport(&self, error: &reqwest::Error) -> Error {
        transport(error, self.hub())
    }
}

fn transport(error: &reqwest::Error, hub: &str) -> Error {
    let hub = hub.to_owned();
    if error.is_timeout() {
        Error::Timeout { hub }
    } else if error.is_connect() {
        Error::Connect { hub, reason: innermost(error) }
    } else {
        Error::Broken { hub, reason: innermost(error) }
    }
}

/// The first cause of an error: what the system said.
fn innermost(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = cause.to_string();
        next = cause.source();
    }
    text
}

/// Reads a reply to its end and takes it for an error when it has one.
async fn read_answer<T: DeserializeOwned>(mut response: Response, hub: &str) -> Result<T, Error> {
    #[derive(Deserialize)]
    struct Failure {
        error: String,
    }
    let status = response.status();
    let url = format!("{hub}{}", response.url().path());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| transport(&error, hub))? {
        body.extend_from_slice(&chunk);
        if body.len() > ANSWER_LIMIT {
            return Err(Error::Unexpected { url, reason: format!("more than {ANSWER_LIMIT} bytes") });
        }
    }
    if let Ok(Failure { error }) = serde_json::from_slice(&body) {
        return Err(Error::Server { status: status.as_u16(), message: error });
    }
    if !status.is_success() {
        return Err(Error::NotJson { url, status: status.as_u16() });
    }
    serde_json::from_slice(&body).map_err(|error| {
        if error.is_data() {
            Error::Unexpected { url, reason: error.to_string() }
        } else {
            Error::NotJson { url, status: status.as_u16() }
        }
    })
}

/// A request body with `null` for every empty list: to a hub, null is "not said" and an empty list is "none".
fn nulls_for_empty_lists(body: &impl Serialize) -> Result<Value, Error> {
    let mut value = serde_json::to_value(body)
        .map_err(|error| Error::Unexpected { url: "the request".to_owned(), reason: error.to_string() })?;
    if let Some(fields) = value.as_object_mut() {
        for field in fields.values_mut() {
            if field.as_array().is_some_and(Vec::is_empty) {
                *field = Value::Null;
            }
        }
    }
    Ok(value)
}
