//! The typed HTTP client.
//!
//! Speaks to any hub with the Copr API version 3, ours or another. One method a route; the names are those of the routes.
//! A reply with a top-level `error` is a failure whatever its status, as python-copr takes it.

mod error;
mod log;
#[cfg(test)]
mod tests;
mod upload;

use std::{collections::BTreeMap, error::Error as _, time::Duration};

use reqwest::{
    Method, RequestBuilder, Response, Url,
    multipart::{Form, Part},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

pub use self::{
    error::Error,
    log::{LOG_CHUNK_LIMIT, LogChunk},
};
use crate::{
    names::{Chroot, DirName, OwnerName, ProjectName, Secret},
    v3::{
        AuthCheck, Build, BuildChroot, BuildOptions, ChrootEdit, Page, Project, ProjectAdd, ProjectEdit, RpmRepo,
        ScmBuild, SourceChroot,
    },
};

/// A connection that is not made within this time is given up.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);

/// A hub that says nothing for this long is given up (uploads have a limit of their own).
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// The longest reply, in bytes.
const ANSWER_LIMIT: usize = 128 << 20;

/// Rows asked for at once where a list may be long; copr-cli's number.
const PAGE: u64 = 1000;

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

    /// `GET /auth-check`: who the login and token belong to.
    pub async fn auth_check(&self) -> Result<AuthCheck, Error> {
        self.answer(self.with_credentials(self.request(Method::GET, &["auth-check"])?)?).await
    }

    /// `GET /mock-chroots/list`: every chroot that the hub offers, with its comment.
    pub async fn chroots(&self) -> Result<BTreeMap<String, String>, Error> {
        let answer: BTreeMap<String, Option<String>> =
            self.answer(self.request(Method::GET, &["mock-chroots", "list"])?).await?;
        Ok(answer.into_iter().map(|(name, comment)| (name, comment.unwrap_or_default())).collect())
    }

    /// `GET /project`.
    pub async fn project(&self, owner: &OwnerName, project: &ProjectName) -> Result<Project, Error> {
        let query = [("ownername", owner.as_str()), ("projectname", project.as_str())];
        self.answer(self.request(Method::GET, &["project"])?.query(&query)).await
    }

    /// `GET /rpmrepo/{owner}/{directory}/{release}`: what clients need to enable a project, with all that it depends on. The
    /// release (`fedora-44`) is the one of the caller; hubs answer the same for each.
    pub async fn rpmrepo(&self, owner: &OwnerName, directory: &DirName, release: &str) -> Result<RpmRepo, Error> {
        let path = ["rpmrepo", owner.as_str(), directory.as_str(), release];
        self.answer(self.request(Method::GET, &path)?).await
    }

    /// `GET /project/list`: the projects of `owner`, or of everyone.
    pub async fn projects(&self, owner: Option<&OwnerName>) -> Result<Vec<Project>, Error> {
        let query: Vec<_> = owner.map(|owner| ("ownername", owner.to_string())).into_iter().collect();
        self.pages(&["project", "list"], &query).await
    }

    /// `GET /project/search`: projects whose name, owner or description has `text` in it.
    pub async fn search(&self, text: &str) -> Result<Vec<Project>, Error> {
        self.pages(&["project", "search"], &[("query", text.to_owned())]).await
    }

    /// `POST /project/add/{owner}`. With `exist_ok` a project that is there already is returned and left as it is.
    pub async fn add_project(&self, owner: &OwnerName, add: &ProjectAdd, exist_ok: bool) -> Result<Project, Error> {
        let query = [("ownername", owner.as_str()), ("exist_ok", if exist_ok { "True" } else { "False" })];
        let request = self.request(Method::POST, &["project", "add", owner.as_str()])?.query(&query);
        self.answer(self.with_credentials(request)?.json(&nulls_for_empty_lists(add)?)).await
    }

    /// `DELETE /project/delete/{owner}/{project}`: the project as it was.
    pub async fn delete_project(&self, owner: &OwnerName, project: &ProjectName) -> Result<Project, Error> {
        let path = ["project", "delete", owner.as_str(), project.as_str()];
        let request = self.with_credentials(self.request(Method::DELETE, &path)?)?;
        self.answer(request.json(&json!({ "verify": true }))).await
    }

    /// `POST /build/check-before-build`: whether a build with these options would be taken, before a long upload.
    pub async fn check_before_build(&self, options: &BuildOptions) -> Result<(), Error> {
        let request = self.with_credentials(self.request(Method::POST, &["build", "check-before-build"])?)?;
        self.answer::<Value>(request.json(&nulls_for_empty_lists(options)?)).await.map(drop)
    }

    /// `POST /build/create/url`: a build for each of `options.pkgs`.
    pub async fn url_builds(&self, options: &BuildOptions) -> Result<Vec<Build>, Error> {
        let request = self.with_credentials(self.request(Method::POST, &["build", "create", "url"])?)?;
        self.answer::<Page<Build>>(request.json(&nulls_for_empty_lists(options)?)).await.map(|page| page.items)
    }

    /// `POST /build/create/scm`: a build of a repository.
    pub async fn scm_build(&self, scm: &ScmBuild) -> Result<Build, Error> {
        let request = self.with_credentials(self.request(Method::POST, &["build", "create", "scm"])?)?;
        self.answer(request.json(&nulls_for_empty_lists(scm)?)).await
    }

    /// `PUT /project/edit/{owner}/{project}`: the project as it is then.
    pub async fn edit_project(
        &self,
        owner: &OwnerName,
        project: &ProjectName,
        edit: &ProjectEdit,
    ) -> Result<Project, Error> {
        let path = ["project", "edit", owner.as_str(), project.as_str()];
        self.answer(self.with_credentials(self.request(Method::PUT, &path)?)?.json(edit)).await
    }

    /// `GET /project-chroot`: what is chosen for a chroot of a project.
    pub async fn project_chroot(
        &self,
        owner: &OwnerName,
        project: &ProjectName,
        chroot: &Chroot,
    ) -> Result<Value, Error> {
        let query = [("ownername", owner.as_str()), ("projectname", project.as_str()), ("chrootname", chroot.as_str())];
        self.answer(self.request(Method::GET, &["project-chroot"])?.query(&query)).await
    }

    /// `PUT /project-chroot/edit/{owner}/{project}/{chroot}`: the chroot as it is then.
    pub async fn edit_chroot(
        &self,
        owner: &OwnerName,
        project: &ProjectName,
        chroot: &Chroot,
        edit: &ChrootEdit,
    ) -> Result<Value, Error> {
        let path = ["project-chroot", "edit", owner.as_str(), project.as_str(), chroot.as_str()];
        let text = serde_json::to_string(edit)
            .map_err(|error| Error::Unexpected { url: "the request".to_owned(), reason: error.to_string() })?;
        let part = upload::typed(Part::text(text), "json".to_owned(), "application/json")?;
        let request = self.with_credentials(self.request(Method::PUT, &path)?)?;
        self.answer(request.multipart(Form::new().part("json", part))).await
    }

    /// `GET /build/{id}`.
    pub async fn build(&self, id: i64) -> Result<Build, Error> {
        self.answer(self.request(Method::GET, &["build", &id.to_string()])?).await
    }

    /// `GET /build/list`: all builds of a project, newest first.
    pub async fn builds(&self, owner: &OwnerName, project: &ProjectName) -> Result<Vec<Build>, Error> {
        let query = [("ownername", owner.to_string()), ("projectname", project.to_string())];
        self.pages(&["build", "list"], &query).await
    }

    /// `PUT /build/cancel/{id}`: the build as it is then.
    pub async fn cancel_build(&self, id: i64) -> Result<Build, Error> {
        let request = self.request(Method::PUT, &["build", "cancel", &id.to_string()])?;
        self.answer(self.with_credentials(request)?.header(reqwest::header::CONTENT_LENGTH, 0)).await
    }

    /// `GET /build-chroot/list`: the chroots of a build with their states and result folders.
    pub async fn build_chroots(&self, build: i64) -> Result<Vec<BuildChroot>, Error> {
        self.pages(&["build-chroot", "list"], &[("build_id", build.to_string())]).await
    }

    /// `GET /build/source-chroot/{id}`: how far the build's source package is.
    pub async fn source_chroot(&self, build: i64) -> Result<SourceChroot, Error> {
        self.answer(self.request(Method::GET, &["build", "source-chroot", &build.to_string()])?).await
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

    async fn answer<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Error> {
        let response = request.send().await.map_err(|error| self.transport(&error))?;
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

/// Build options for a project's directory, all else unsaid.
#[must_use]
pub fn build_options(owner: &OwnerName, directory: &DirName) -> BuildOptions {
    BuildOptions {
        ownername: owner.to_string(),
        projectname: directory.project().to_string(),
        project_dirname: Some(directory.to_string()),
        ..BuildOptions::default()
    }
}
