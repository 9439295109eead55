//! A small server for tests: some projects, some builds, files of results; asked in this process.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request, StatusCode},
};
use copr_api::{
    builder::{ResultFile, SourceFile, Stage},
    names::Secret,
    v3::{BuildState, SignWith},
};
use http_body_util::BodyExt as _;
use tempfile::TempDir;
use tower::ServiceExt as _;

use crate::{
    config::{Config, chroots::Definitions},
    db::{
        self, Db,
        build::{NewBuild, NewSource, Srpm, Wishes},
        project::Project,
    },
    follow::Following,
    promotion::{Impacts, Promoting},
    publish::Publishing,
    queue::Queue,
    sign::{Program, Signing},
    state::AppState,
    store::Store,
};

/// A text that breaks out wherever it is not escaped.
pub(crate) const HOSTILE: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>&{{7*7}}";
/// The chroot of all builds here.
pub(crate) const CHROOT: &str = "minidistro-12-x86_64";

/// The server; its files are gone when it is dropped.
pub(crate) struct Town {
    pub(crate) state: AppState,
    router: Router,
    folder: TempDir,
}

/// Somebody who has signed in.
#[derive(Debug, Clone, Default)]
pub(crate) struct Browser {
    pub(crate) cookie: String,
    pub(crate) csrf: String,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Town {
    /// An empty one, at `http://copr.example.org:8210`.
    pub(crate) async fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&Db::sqlite_url(&folder.path().join("coprd.sqlite"))).await.unwrap();
        let store = Store::open(&folder.path().join("store"), None).unwrap();
        let mut config = Config::default();
        // There is no signing process: nothing of these tests is ever published.
        config.signing.default = SignWith::Nothing;
        let program = Program { path: "/nowhere/coprd".into(), key: folder.path().join("signing-key") };
        let signing = Signing::new(db.clone(), program, &config.signing, "copr.test");
        let results = "http://copr.test/results";
        let publishing = Publishing::new(db.clone(), store.clone(), signing.clone(), "test", results, &config.publish);
        let queue = Queue::new(db.clone(), store.clone(), publishing.clone(), config.builds.clone());
        let impacts = Impacts::new(&folder.path().join("cache"), &copr_builder::Network::default()).unwrap();
        let state = AppState {
            promoting: Promoting::new(impacts),
            following: Following::new(db.clone(), store.clone(), &config.limits),
            config: Arc::new(config),
            chroots: Arc::new(Definitions::default()),
            licences: Arc::default(),
            terms: None,
            takedowns: Arc::new(crate::takedown::Takedowns::new(db.clone())),
            db,
            store,
            queue,
            publishing,
            signing,
            metrics: Arc::default(),
            views: Arc::default(),
            base_url: "http://copr.example.org:8210".into(),
            builder_token: Secret::new("test"),
            stopping: tokio_util::sync::CancellationToken::new(),
        };
        Self { router: crate::http::router(state.clone()), state, folder }
    }

    /// `alice/libs`, and `bob/app` that needs it to build and to run.
    pub(crate) async fn with_a_chain() -> Self {
        let town = Self::empty().await;
        let libs = "Small libraries that other projects build upon.\n\nMore about them here.";
        town.project("alice/libs", &[CHROOT, "fedora-44-x86_64"], |project| {
            project.description = Some(libs.to_owned());
        })
        .await;
        town.project("bob/app", &[CHROOT, "fedora-44-aarch64", "fedora-44-x86_64"], |project| {
            project.description = Some("An application that greets.".to_owned());
            project.additional_repos = vec!["copr://alice/libs".to_owned()];
            project.runtime_dependencies =
                vec!["copr://alice/libs".to_owned(), "https://example.org/$chroot/x/".to_owned()];
        })
        .await;
        town
    }

    pub(crate) async fn project(
        &self,
        full_name: &str,
        chroots: &[&str],
        change: impl FnOnce(&mut Project),
    ) -> Project {
        let (owner, name) = full_name.split_once('/').unwrap();
        let mut project = Project::new(owner.parse().unwrap(), name.parse().unwrap());
        change(&mut project);
        if project.owner.is_group() {
            let nobody = db::group::Maker { user_id: None, most: None };
            db::group::add(&self.state.db, &project.owner, None, nobody, 1).await.unwrap();
        }
        let chroots: Vec<_> = chroots.iter().map(|chroot| chroot.parse().unwrap()).collect();
        db::project::add(&self.state.db, &project, &chroots, crate::clock::now_ms()).await.unwrap()
    }

    /// A side directory that something was built into.
    pub(crate) async fn directory(&self, project: &Project, dirname: &str) {
        let now = crate::clock::now_ms();
        db::directory::ensure(&self.state.db, project.id, &dirname.parse().unwrap(), now).await.unwrap();
    }

    /// A new build that waits.
    pub(crate) async fn build(&self, project: &Project, package: &str, dirname: &str) -> i64 {
        let new = NewBuild {
            project_id: project.id,
            dirname: dirname.parse().unwrap(),
            submitter: project.owner.as_str().to_owned(),
            source: NewSource::Srpm(Srpm {
                file: SourceFile { name: format!("{package}-1.0-1.src.rpm"), size: 1, sha256: "0".repeat(64) },
                package_name: package.to_owned(),
                package_version: "1.0-1".to_owned(),
                licence: None,
            }),
            chroots: vec![CHROOT.parse().unwrap()],
            timeout: 60,
            enable_net: false,
            wishes: Wishes::default(),
            background: false,
            package_name: None,
            wish: None,
        };
        self.directory(project, dirname).await;
        let added = db::build::add(&self.state.db, &new, crate::clock::now_ms() - 95_000).await.unwrap();
        let db::build::Added::Yes(pending) = added else { panic!("not added") };
        let id = pending.id;
        pending.commit().await.unwrap();
        id
    }

    /// A builder takes the oldest build that waits.
    pub(crate) async fn lease(&self, lease: &str) {
        let now = crate::clock::now_ms();
        let takes = db::lease::Takes { arches: vec!["x86_64".to_owned()], refused: Vec::new(), ..Default::default() };
        db::lease::claim(&self.state.db, lease, "b1", &takes, now - 64_000, now + 60_000).await.unwrap().unwrap();
        db::lease::heartbeat(&self.state.db, lease, Stage::Building, now + 60_000).await.unwrap().unwrap();
    }

    /// The package's own failure.
    pub(crate) async fn fail(&self, lease: &str, message: &str) {
        let now = crate::clock::now_ms();
        assert!(
            db::lease::finish_without(&self.state.db, lease, BuildState::Failed, Some(message), now).await.unwrap()
        );
    }

    /// Built and published, with these packages.
    pub(crate) async fn succeed(&self, lease: &str, files: &[&str]) {
        let now = crate::clock::now_ms();
        let held = db::lease::held(&self.state.db, lease).await.unwrap().unwrap();
        let results: Vec<ResultFile> = files
            .iter()
            .map(|file| ResultFile {
                file: (*file).to_owned(),
                size: 24_680,
                sha256: "0".repeat(64),
                name: held.package_name.clone(),
                epoch: 0,
                version: "1.0".to_owned(),
                release: "1".to_owned(),
                arch: "x86_64".to_owned(),
            })
            .collect();
        assert_eq!(
            db::lease::finish_built(&self.state.db, &held, lease, &results, now).await.unwrap(),
            db::lease::Taken::Yes
        );
        db::lease::published(&self.state.db, held.id, now).await.unwrap();
    }

    /// Writes a file below the results, and the folders above it.
    pub(crate) fn file(&self, path: &str, content: impl AsRef<[u8]>) -> std::path::PathBuf {
        let path = self.folder.path().join("store/results").join(path);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(&path, content).unwrap();
        path
    }

    /// A user with that name, new or known, signs in.
    pub(crate) async fn sign_in(&self, name: &str, admin: bool) -> Browser {
        let now = crate::clock::now_ms();
        let user = match db::user::by_name(&self.state.db, name).await.unwrap() {
            Some(user) => user,
            None => db::user::add(&self.state.db, name, admin, now).await.unwrap(),
        };
        let id = db::session::begin(&self.state.db, user.id, now).await.unwrap();
        let csrf = db::token::digest(&format!("csrf {}", id.expose()));
        Browser { cookie: format!("copr={}", id.expose()), csrf }
    }

    /// A page as who has signed in sees it.
    pub(crate) async fn look(&self, browser: &Browser, path: &str) -> Answer {
        self.ask(path, &[("cookie", &browser.cookie)]).await
    }

    /// Sends a form from a page of the server.
    pub(crate) async fn send(&self, browser: &Browser, path: &str, fields: &[(&str, &str)]) -> Answer {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("csrf", &browser.csrf).extend_pairs(fields);
        let kind = "application/x-www-form-urlencoded";
        let headers = [("cookie", browser.cookie.as_str()), ("origin", &*self.state.base_url), ("content-type", kind)];
        self.call("POST", path, &headers, form.finish()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(path, &[]).await
    }

    pub(crate) async fn ask(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.call("GET", path, headers, String::new()).await
    }

    pub(crate) async fn call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: String) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.router.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        Answer {
            status: parts.status,
            headers: parts.headers,
            bytes: body.collect().await.unwrap().to_bytes().to_vec(),
        }
    }
}
