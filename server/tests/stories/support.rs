//! A server without its loops: stories say when a publish runs and what time it is.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request, StatusCode, header},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use copr_api::{
    builder::{ChrootDefinition, Finish, Lease, Outcome, ResultFile},
    names::Secret,
    v3::SignWith,
};
use coprd::{
    admin, clock,
    config::{Config, Rate, chroots::Definitions},
    db::{self, Db},
    folder::Folder,
    http, serve,
    sign::Program,
    state::AppState,
    store::{Bucket, Found, Want},
};
use futures_util::TryStreamExt as _;
use http_body_util::BodyExt as _;
use object_store::{ObjectStore, ObjectStoreExt as _, local::LocalFileSystem};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use sqlx::Row as _;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::packages::Rpm;

pub(crate) const CHROOT: &str = "fedora-44-x86_64";
/// A chroot that only builders with the tag `powerful` build for.
pub(crate) const POWERFUL: &str = "fedora-44-ppc64le";
pub(crate) const BASE: &str = "http://copr.test:8210";

/// The source package of most stories.
pub(crate) const SOURCE: Rpm<'static> =
    Rpm { name: "hello", version: "1.0", release: "1", arch: "x86_64", source: None };
/// What comes of it.
pub(crate) const BINARY: Rpm<'static> =
    Rpm { name: "hello", version: "1.0", release: "1", arch: "x86_64", source: Some("hello-1.0-1.src.rpm") };

pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// What most builders of these stories take.
pub(crate) fn takes() -> db::lease::Takes {
    db::lease::Takes { arches: vec!["x86_64".to_owned()], refused: Vec::new(), ..Default::default() }
}

/// The name that claims have in these stories.
pub(crate) const SERVER: &str = "embedded-test";

/// Where a server keeps its rows and its files.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) engine: &'static str,
    url: String,
    /// Name of its bucket.
    pub(crate) bucket: Option<String>,
    /// Milliseconds between two publishes of one repository.
    pub(crate) gather_ms: u64,
    /// What its configuration says besides.
    pub(crate) more: String,
}

/// A server on a folder of its own.
pub(crate) struct Hub {
    pub(crate) folder: TempDir,
    pub(crate) state: AppState,
    pub(crate) place: Place,
    /// What it keeps, seen from beside it.
    pub(crate) objects: Arc<dyn ObjectStore>,
    pub(crate) router: Router,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The text of an error, which must have this status.
    pub(crate) fn error(&self, status: u16) -> String {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        self.json()["error"].as_str().unwrap_or_else(|| panic!("no error in {}", self.text())).to_owned()
    }

    /// The value of a success.
    pub(crate) fn ok(&self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text());
        self.json()
    }
}

/// A user's credentials.
#[derive(Clone)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) basic: String,
}

impl Hub {
    /// `GET` by a caller at this address.
    pub(crate) async fn get_from(&self, address: &str, path: &str) -> Answer {
        let mut request = Request::get(path).body(Body::empty()).unwrap();
        let from = std::net::SocketAddr::new(address.parse().unwrap(), 4711);
        request.extensions_mut().insert(axum::extract::ConnectInfo(from));
        self.send(request).await
    }

    /// The bytes of a whole call that uploads [`SOURCE`].
    pub(crate) fn form(&self, user: &User, project: &str) -> Vec<u8> {
        let options = json!({ "ownername": user.name, "projectname": project, "project_dirname": project });
        let head =
            format!("--B\r\nContent-Disposition: form-data; name=\"pkgs\"; filename=\"{}\"\r\n\r\n", SOURCE.file());
        let tail = format!("\r\n--B\r\nContent-Disposition: form-data; name=\"json\"\r\n\r\n{options}\r\n--B--\r\n");
        let body = [head.as_bytes(), &SOURCE.bytes(), tail.as_bytes()].concat();
        let start = format!(
            "POST /api_3/build/create/upload HTTP/1.1\r\nHost: h\r\nConnection: close\r\nAuthorization: {}\r\n\
             Content-Type: multipart/form-data; boundary=B\r\nContent-Length: {}\r\n\r\n",
            user.basic,
            body.len()
        );
        [start.as_bytes(), &body].concat()
    }

    /// The URL of its database.
    pub(crate) fn database(&self) -> &str {
        &self.place.url
    }

    /// One server an engine; says which.
    pub(crate) async fn on_every_engine() -> Vec<Self> {
        let mut hubs = vec![Self::on_sqlite().await];
        hubs.extend(Self::on_postgresql().await);
        hubs.extend(Self::with_a_bucket().await);
        eprintln!("engines: {}", hubs.iter().map(|hub| hub.place.engine).collect::<Vec<_>>().join(", "));
        hubs
    }

    pub(crate) async fn on_sqlite() -> Self {
        Self::new("SQLite", None, None).await
    }

    /// `None`, and it is said: there is no PostgreSQL.
    pub(crate) async fn on_postgresql() -> Option<Self> {
        let Some(server) = variable("TEST_DATABASE_URL") else {
            eprintln!("TEST_DATABASE_URL is not set: not run on PostgreSQL");
            return None;
        };
        Some(Self::new("PostgreSQL", Some(new_database(&server).await), None).await)
    }

    /// `None`, and it is said: there are no buckets.
    pub(crate) async fn with_a_bucket() -> Option<Self> {
        if s3_endpoint().is_none() {
            eprintln!("TEST_S3_ENDPOINT is not set: not run with a bucket");
            return None;
        }
        Some(Self::in_a_bucket().await)
    }

    /// A server with its results in a new bucket.
    pub(crate) async fn in_a_bucket() -> Self {
        Self::new("SQLite and a bucket", None, Some(new_bucket().await)).await
    }

    async fn new(engine: &'static str, url: Option<String>, bucket: Option<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = url.unwrap_or_else(|| Db::sqlite_url(&folder.path().join("coprd.sqlite")));
        Self::open(folder, Place { engine, url, bucket, gather_ms: 0, more: String::new() }, SERVER).await
    }

    /// The same servers with more in their configuration.
    pub(crate) async fn on_every_engine_with(more: &str) -> Vec<Self> {
        let mut hubs = Vec::new();
        for hub in Self::on_every_engine().await {
            let Self { folder, mut place, state, router, .. } = hub;
            drop((state, router));
            more.clone_into(&mut place.more);
            hubs.push(Self::open(folder, place, SERVER).await);
        }
        hubs
    }

    async fn open(folder: TempDir, place: Place, name: &str) -> Self {
        let data = Folder::open(folder.path()).unwrap();
        let mut config = Config::parse(&place.more, &PathBuf::from("coprd.toml")).unwrap();
        config.limits.upload_bytes = 1 << 20;
        // Stories call faster than people; those about rates set their own.
        config.limits.rate = Rate { read: 0, write: 0, upload: 0, sign_in: 0 };
        config.publish.gather_ms = place.gather_ms;
        // Making a key takes a second; those about signing say that they want one.
        config.signing.default = SignWith::Nothing;
        if let Some(bucket) = &place.bucket {
            config.store.bucket = format!("s3://{bucket}/the/prefix");
            config.store.endpoint = s3_endpoint().unwrap();
            config.store.allow_http = true;
            config.store.credentials = folder.path().join("key");
            fs_err::write(&config.store.credentials, "aws_access_key_id = a\naws_secret_access_key = b\n").unwrap();
        }
        let definition = |source: &[&str], tags: &[&str]| ChrootDefinition {
            comment: "old".into(),
            source: source.iter().map(|&name| name.to_owned()).collect(),
            tags: tags.iter().map(|&tag| tag.to_owned()).collect(),
            macros: vec![("dist".to_owned(), ".fc44".to_owned())],
            ..Default::default()
        };
        let definitions = Definitions::of([
            ("fedora-43-x86_64".parse().unwrap(), definition(&[], &[])),
            (CHROOT.parse().unwrap(), definition(&["git"], &[])),
            (POWERFUL.parse().unwrap(), definition(&[], &["powerful"])),
        ]);
        let db = Db::open(&place.url).await.unwrap().with_quota(config.quota.limit());
        let stopping = CancellationToken::new();
        // Builders that find nothing to do are sent away at once.
        stopping.cancel();
        let token = Secret::new("builder-secret");
        let bucket = Bucket::connect(&config.store).unwrap();
        let program = Program { path: env!("CARGO_BIN_EXE_coprd").into(), key: data.signing_key() };
        let state = serve::assemble(&data, config, definitions, db, name, BASE, token, program, stopping).unwrap();
        serve::recover(&state, name).await.unwrap();
        let objects = match bucket {
            Some(bucket) => bucket.objects().0,
            None => Arc::new(LocalFileSystem::new_with_prefix(folder.path().join("store")).unwrap()),
        };
        Self { folder, router: http::router(state.clone()), state, place, objects }
    }

    /// The same folder and database with a new server, as after `kill -9`.
    pub(crate) async fn restart(self) -> Self {
        let Self { folder, place, state, router, .. } = self;
        drop((state, router));
        Self::open(folder, place, SERVER).await
    }

    /// Another server on the same database and bucket, with a folder of its own.
    pub(crate) async fn another(&self) -> Self {
        Self::open(tempfile::tempdir().unwrap(), self.place.clone(), "embedded-other").await
    }

    pub(crate) async fn user(&self, name: &str) -> User {
        let admin = name == admin::ADMIN;
        let user = db::user::add(&self.state.db, name, admin, clock::now_ms()).await.unwrap();
        let token = db::token::add(&self.state.db, user.id, clock::now_ms()).await.unwrap();
        let basic = format!("Basic {}", STANDARD.encode(format!("{}:{}", token.login, token.token.expose())));
        User { name: name.to_owned(), basic }
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.get_with(path, &[]).await
    }

    pub(crate) async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let request = headers.iter().fold(Request::get(path), |request, (name, value)| request.header(*name, *value));
        self.send(request.body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn call(&self, user: &User, method: &str, path: &str, body: &Value) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, &user.basic)
            .header(header::CONTENT_TYPE, "application/json");
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        self.send(request.body(body).unwrap()).await
    }

    pub(crate) async fn create(&self, user: &User, project: &str) -> Value {
        let body = json!({ "name": project, "chroots": [CHROOT], "additional_repos": null });
        self.call(user, "POST", &format!("/api_3/project/add/{}", user.name), &body).await.ok()
    }

    /// The upload of copr-cli: the package first, then the options.
    pub(crate) async fn upload(&self, user: &User, project: &str, file: &str, bytes: &[u8], more: Value) -> Answer {
        self.upload_files(user, project, &[(file, bytes)], more).await
    }

    /// The same with several files.
    pub(crate) async fn upload_files(
        &self,
        user: &User,
        project: &str,
        files: &[(&str, &[u8])],
        more: Value,
    ) -> Answer {
        let owner = project.split_once('/').map_or(user.name.as_str(), |(owner, _)| owner);
        let name = project.split_once('/').map_or(project, |(_, name)| name);
        let mut options = json!({
            "ownername": owner, "projectname": name, "project_dirname": name, "timeout": null, "chroots": null,
            "isolation": "unchanged", "progress_callback": null,
        });
        for (key, value) in more.as_object().into_iter().flatten() {
            options[key] = value.clone();
        }
        let mut body = Vec::new();
        for (file, bytes) in files {
            let head = format!(
                "--B\r\nContent-Disposition: form-data; name=\"pkgs\"; filename=\"{file}\"\r\n\
                 Content-Type: application/x-rpm\r\n\r\n"
            );
            body.extend_from_slice(&[head.as_bytes(), bytes, b"\r\n"].concat());
        }
        body.extend_from_slice(
            format!(
                "--B\r\nContent-Disposition: form-data; name=\"json\"; filename=\"json\"\r\n\
                 Content-Type: application/json\r\n\r\n{options}\r\n--B--\r\n"
            )
            .as_bytes(),
        );
        let request = Request::post("/api_3/build/create/upload")
            .header(header::AUTHORIZATION, &user.basic)
            .header(header::CONTENT_TYPE, "multipart/form-data; boundary=B");
        self.send(request.body(Body::from(body)).unwrap()).await
    }

    /// Uploads [`SOURCE`]; the build's number.
    pub(crate) async fn submit(&self, user: &User, project: &str) -> i64 {
        self.upload(user, project, &SOURCE.file(), &SOURCE.bytes(), json!({})).await.ok()["id"].as_i64().unwrap()
    }

    pub(crate) async fn build(&self, id: i64) -> Value {
        self.get(&format!("/api_3/build/{id}")).await.ok()
    }

    pub(crate) async fn state_of(&self, id: i64) -> String {
        self.build(id).await["state"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn builder_call(
        &self,
        method: &str,
        path: &str,
        body: impl Into<Body>,
        more: &[(&str, &str)],
    ) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("/builder/v1/{path}"))
            .header(header::AUTHORIZATION, "Bearer builder-secret");
        for (name, value) in more {
            request = request.header(*name, *value);
        }
        self.send(request.body(body.into()).unwrap()).await
    }

    /// Asks for work as a builder of that name.
    pub(crate) async fn lease_as(&self, builder: &str) -> Option<Lease> {
        self.lease_with(&json!({ "builder": builder, "arches": ["x86_64", "noarch"] })).await
    }

    /// Asks for work in these words.
    pub(crate) async fn lease_with(&self, request: &Value) -> Option<Lease> {
        let answer = self.builder_call("POST", "lease", request.to_string(), &[]).await;
        if answer.status == StatusCode::NO_CONTENT {
            return None;
        }
        Some(serde_json::from_value(answer.ok()).unwrap())
    }

    pub(crate) async fn lease(&self) -> Lease {
        self.lease_as("builder-1").await.expect("work for the builder")
    }

    pub(crate) async fn log(&self, lease: &str, name: &str, offset: usize, text: &str) -> Answer {
        self.builder_call("POST", &format!("lease/{lease}/log/{name}?offset={offset}"), text.to_owned(), &[]).await
    }

    pub(crate) async fn beat(&self, lease: &str, stage: &str) -> Answer {
        self.builder_call("POST", &format!("lease/{lease}/heartbeat"), json!({ "stage": stage }).to_string(), &[]).await
    }

    pub(crate) async fn put(&self, lease: &str, file: &str, bytes: &[u8]) -> Answer {
        let sum = sha256(bytes);
        self.builder_call("PUT", &format!("lease/{lease}/result/{file}"), bytes.to_vec(), &[("x-sha256", &sum)]).await
    }

    pub(crate) async fn finish(&self, lease: &str, outcome: Outcome, results: Vec<ResultFile>) -> Answer {
        self.finish_with(lease, &Finish { outcome, results, others: Vec::new(), shadows: Vec::new() }).await
    }

    pub(crate) async fn finish_with(&self, lease: &str, end: &Finish) -> Answer {
        let body = serde_json::to_string(end).unwrap();
        self.builder_call("POST", &format!("lease/{lease}/finish"), body, &[]).await
    }

    /// Hands in these packages and says that it went well.
    pub(crate) async fn hand_in(&self, lease: &str, packages: &[Rpm<'_>]) -> Answer {
        for package in packages {
            self.put(lease, &package.file(), &package.bytes()).await.ok();
        }
        self.finish(lease, Outcome::Succeeded, packages.iter().map(Rpm::claim).collect()).await
    }

    /// Runs the publish tasks that are due; how many.
    pub(crate) async fn publish(&self) -> usize {
        let mut tasks = 0;
        while self.state.publishing.run_one().await.unwrap() {
            tasks += 1;
        }
        tasks
    }

    /// Below the folder of the store.
    pub(crate) fn stored(&self, path: &str) -> PathBuf {
        self.folder.path().join("store").join(path)
    }

    /// Key of what lies at a path of the store.
    pub(crate) fn key(&self, path: &str) -> object_store::path::Path {
        let prefix = if self.place.bucket.is_some() { "the/prefix/" } else { "" };
        object_store::path::Path::parse(format!("{prefix}{path}")).unwrap()
    }

    /// A file below the results, as any reader gets it; `None`: there is none.
    pub(crate) async fn read(&self, path: &str) -> Option<Vec<u8>> {
        let answer = self.get(&format!("/results/{path}")).await;
        match answer.status {
            StatusCode::OK => Some(answer.body),
            StatusCode::NOT_FOUND => None,
            status => panic!("{path}: {status}: {}", answer.text()),
        }
    }

    /// Names in a folder below the results, none for one that does not exist.
    pub(crate) async fn names(&self, path: &str) -> Vec<String> {
        let Found::Folder(folder) = self.state.store.find(&format!("{path}/"), Want::Facts).await.unwrap() else {
            return Vec::new();
        };
        folder.list().await.unwrap().0.into_iter().map(|entry| entry.name).collect()
    }

    /// Leases whose results are still kept apart.
    pub(crate) async fn incoming(&self) -> Vec<String> {
        self.state.store.incoming_leases().await.unwrap()
    }

    /// Takes a result that was handed in away, as nobody should.
    pub(crate) async fn lose(&self, lease: &str, file: &str) {
        let path = format!("incoming/{lease}/{file}");
        self.objects.delete(&self.key(&path)).await.unwrap();
        if self.place.bucket.is_some() {
            fs_err::remove_file(self.stored(&path)).unwrap();
        }
    }

    /// `NAME.ARCH` of all packages in a repository, as any reader finds them.
    pub(crate) async fn repository(&self, path: &str) -> Vec<String> {
        let index = self.read(&format!("{path}/repodata/repomd.xml")).await.expect("a repository");
        self.repository_of(path, &index).await
    }

    /// The same for a reader that holds this repomd.xml.
    pub(crate) async fn repository_of(&self, path: &str, index: &[u8]) -> Vec<String> {
        let records = self.records_of(path, index).await;
        let mut names: Vec<_> =
            records.iter().map(|record| format!("{} {}", record.nevra, record.location_href)).collect();
        names.sort();
        names
    }

    /// All that a repository has of its packages, for a reader that holds this repomd.xml.
    pub(crate) async fn records_of(&self, path: &str, index: &[u8]) -> Vec<copr_repodata::Record> {
        let copy = tempfile::tempdir().unwrap();
        fs_err::create_dir(copy.path().join("repodata")).unwrap();
        fs_err::write(copy.path().join("repodata/repomd.xml"), index).unwrap();
        for record in copr_repodata::Repomd::open(&copy.path().join("repodata/repomd.xml")).unwrap().records {
            let bytes = self.read(&format!("{path}/{}", record.location_href)).await;
            let bytes = bytes.unwrap_or_else(|| panic!("{}: {} is gone", self.place.engine, record.location_href));
            fs_err::write(copy.path().join(&record.location_href), bytes).unwrap();
        }
        // It checks every sum.
        copr_repodata::read::load(copy.path()).unwrap()
    }

    /// Does to the rows what no call does yet, or what a call does together with other things.
    pub(crate) async fn sql(&self, text: &str) {
        use sqlx::{Connection as _, Executor as _};
        sqlx::any::install_default_drivers();
        let mut connection = sqlx::AnyConnection::connect(&self.place.url).await.unwrap();
        if self.place.url.starts_with("sqlite:") {
            connection.execute("PRAGMA foreign_keys = ON").await.unwrap();
            connection.execute("PRAGMA busy_timeout = 10000").await.unwrap();
        }
        connection.execute(sqlx::AssertSqlSafe(text.to_owned())).await.unwrap();
        connection.close().await.unwrap();
    }

    /// Uploads, builds and publishes [`SOURCE`]; the build's number.
    pub(crate) async fn built(&self, user: &User, project: &str) -> i64 {
        let id = self.submit(user, project).await;
        self.hand_in(&self.lease().await.id, &[BINARY]).await.ok();
        self.publish().await;
        assert!(["succeeded", "running"].contains(&self.state_of(id).await.as_str()));
        id
    }

    /// Answers one request of a user or of nobody, from any task.
    pub(crate) fn calls(&self, user: Option<&User>, method: &str, path: &str, body: &Value) -> PendingCall {
        let mut request = Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, "application/json");
        if let Some(user) = user {
            request = request.header(header::AUTHORIZATION, &user.basic);
        }
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        PendingCall { router: self.router.clone(), request: request.body(body).unwrap() }
    }

    /// Answers one request of a builder, from any task.
    pub(crate) fn builders(&self, path: &str, body: &Value) -> PendingCall {
        let request = Request::post(format!("/builder/v1/{path}"))
            .header(header::AUTHORIZATION, "Bearer builder-secret")
            .header(header::CONTENT_TYPE, "application/json");
        PendingCall { router: self.router.clone(), request: request.body(Body::from(body.to_string())).unwrap() }
    }

    /// Does beside the server what no call can bring about.
    pub(crate) async fn beside(&self, text: &str) {
        let pool = sqlx::AnyPool::connect(&self.place.url).await.unwrap();
        sqlx::query(sqlx::AssertSqlSafe(text.to_owned())).execute(&pool).await.unwrap();
        pool.close().await;
    }

    /// How many rows each table has.
    pub(crate) async fn rows(&self) -> BTreeMap<String, i64> {
        let pool = sqlx::AnyPool::connect(&self.place.url).await.unwrap();
        let tables = if self.place.url.starts_with("postgres") {
            "SELECT CAST(tablename AS TEXT) AS name FROM pg_tables WHERE schemaname = 'public'"
        } else {
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        };
        let mut rows = BTreeMap::new();
        for row in sqlx::query(tables).fetch_all(&pool).await.unwrap() {
            let table: String = row.get("name");
            let count = format!("SELECT COUNT(*) AS n FROM {table}");
            let count: i64 = sqlx::query(sqlx::AssertSqlSafe(count)).fetch_one(&pool).await.unwrap().get("n");
            rows.insert(table, count);
        }
        pool.close().await;
        rows
    }

    /// The path of everything that it keeps.
    pub(crate) async fn kept(&self) -> BTreeSet<String> {
        let all: Vec<_> = self.objects.list(None).try_collect().await.unwrap();
        all.into_iter().map(|object| object.location.to_string()).collect()
    }
}

/// A request that is yet to be answered.
pub(crate) struct PendingCall {
    router: Router,
    request: Request<Body>,
}

impl PendingCall {
    pub(crate) async fn answer(self) -> Answer {
        let response = self.router.oneshot(self.request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Answer { status: parts.status, headers: parts.headers, body }
    }
}

/// Answers of requests that are all on their way at the same time, in threads of their own, in their order.
pub(crate) async fn at_once(calls: Vec<PendingCall>) -> Vec<Answer> {
    let tasks: Vec<_> = calls.into_iter().map(|call| tokio::spawn(call.answer())).collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    answers
}

pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Address of the S3-compatible server of the tests.
pub(crate) fn s3_endpoint() -> Option<String> {
    variable("TEST_S3_ENDPOINT")
}

/// A fresh bucket.
pub(crate) async fn new_bucket() -> String {
    let name = format!("copr-{}", ulid::Ulid::generate().to_string().to_lowercase());
    let made = reqwest::Client::new().put(format!("{}/{name}", s3_endpoint().unwrap())).send().await.unwrap();
    assert!(made.status().is_success(), "{}", made.status());
    name
}

/// A fresh database on a PostgreSQL server.
pub(crate) async fn new_database(server: &str) -> String {
    sqlx::any::install_default_drivers();
    let name = format!("coprd_{}", ulid::Ulid::generate().to_string().to_lowercase());
    let pool = sqlx::AnyPool::connect(server).await.unwrap();
    sqlx::query(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&pool).await.unwrap();
    pool.close().await;
    let mut url = url::Url::parse(server).unwrap();
    url.set_path(&name);
    url.to_string()
}
