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
    v3::BuildState,
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
    publish::Publishing,
    queue::Queue,
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
        let config = Config::default();
        let publishing = Publishing::new(db.clone(), store.clone(), "test", &config.publish);
        let queue = Queue::new(db.clone(), store.clone(), publishing.clone(), config.builds.clone());
        let state = AppState {
            config: Arc::new(config),
            chroots: Arc::new(Definitions::default()),
            db,
            store,
            queue,
            publishing,
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
        let chroots: Vec<_> = chroots.iter().map(|chroot| chroot.parse().unwrap()).collect();
        db::project::add(&self.state.db, &project, &chroots, crate::clock::now_ms()).await.unwrap()
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
            }),
            chroots: vec![CHROOT.parse().unwrap()],
            timeout: 60,
            enable_net: false,
            wishes: Wishes::default(),
            background: false,
        };
        let pending = db::build::add(&self.state.db, &new, crate::clock::now_ms() - 95_000).await.unwrap();
        let id = pending.id;
        pending.commit().await.unwrap();
        id
    }

    /// A builder takes the oldest build that waits.
    pub(crate) async fn lease(&self, lease: &str) {
        let now = crate::clock::now_ms();
        let takes = db::lease::Takes { arches: vec!["x86_64".to_owned()], refused: Vec::new() };
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

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(path, &[]).await
    }

    pub(crate) async fn ask(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::get(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        Answer {
            status: parts.status,
            headers: parts.headers,
            bytes: body.collect().await.unwrap().to_bytes().to_vec(),
        }
    }
}
