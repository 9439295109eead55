//! `/coprs/OWNER/PROJECT/monitor/` and `/packages/`: what there is of each package, in each chroot.

use std::collections::HashMap;

use askama::Template;
use axum::{Router, extract::State, response::Response, routing::get};
use copr_api::names::{Chroot, DirName};
use serde::{Deserialize, Serialize};

use super::{Head, Of, below, package_url};
use crate::{
    clock,
    db::{self, build::Newest, project::Project},
    http::params::Lenient,
    state::AppState,
    web::{
        error::PageError,
        frame::{Frame, Wants, show},
        paging::Paging,
        text::encode,
        views::{BuildLine, State as StateView},
    },
};

/// Packages on one page.
const PACKAGES: u64 = 50;
/// Longest text that is looked for in names, in characters.
const NAME: usize = 200;

/// The addresses.
pub(super) fn routes() -> Router<AppState> {
    below(below(Router::new(), "monitor/", get(monitor)), "packages/", get(packages))
}

/// The query.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Query {
    q: String,
    dirname: String,
    page: String,
}

/// What a package is in one chroot.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Cell {
    /// The chroot.
    pub(super) chroot: String,
    /// The build's number.
    pub(super) build: i64,
    /// Its page.
    pub(super) url: String,
    /// `version-release`.
    pub(super) version: String,
    /// How it went.
    pub(super) state: StateView,
}

impl Cell {
    /// The newest build of a package in a chroot.
    pub(super) fn new(newest: &Newest) -> Self {
        let job = &newest.job;
        let stage = if job.publishing { Some("publishing") } else { job.stage.as_deref() };
        Self {
            chroot: job.chroot.to_string(),
            build: job.build_id,
            url: format!("/coprs/build/{}", job.build_id),
            version: newest.package_version.clone(),
            state: StateView::new(job.state, stage),
        }
    }
}

/// A package in all chroots.
#[derive(Debug, Serialize)]
struct Row {
    name: String,
    url: String,
    /// In the order of the chroots; `None`: it was not built for that one.
    cells: Vec<Option<Cell>>,
}

#[derive(Debug, Template, Serialize)]
#[template(path = "project/monitor.html")]
struct MonitorPage {
    #[serde(skip)]
    frame: Frame,
    #[serde(flatten)]
    head: Head,
    /// The directory.
    dirname: String,
    /// All directories of the project.
    dirnames: Vec<String>,
    /// Text that is looked for in names.
    query: String,
    chroots: Vec<String>,
    packages: Vec<Row>,
    paging: Paging,
}

async fn monitor(
    State(state): State<AppState>,
    Of(project): Of,
    Lenient(query): Lenient<Query>,
    wants: Wants,
    frame: Frame,
) -> Result<Response, PageError> {
    let head = Head::new(&state, &frame.viewer, &project, "monitor/").await?;
    let (dirname, dirnames) = directories(&state, &project, &query.dirname).await?;
    let text: String = query.q.trim().chars().take(NAME).collect();
    let base = format!("{}monitor/?q={}&dirname={}", head.url, encode(&text), encode(dirname.as_str()));
    let mut paging = Paging::new(&query.page, PACKAGES, base);
    let mut found = db::package::by_name(&state.db, project.id, &text, paging.window()).await?;
    paging.cut(&mut found);
    let names: Vec<&str> = found.iter().map(|package| package.name.as_str()).collect();
    let chroots = db::chroot::built_for(&state.db, project.id).await?;
    let mut cells: HashMap<(String, Chroot), Cell> = HashMap::new();
    for newest in db::build::monitor_of(&state.db, project.id, &dirname, &names).await? {
        cells.insert((newest.package_name.clone(), newest.job.chroot.clone()), Cell::new(&newest));
    }
    let row = |name: &str| Row {
        name: name.to_owned(),
        url: package_url(&head, name),
        cells: chroots.iter().map(|chroot| cells.get(&(name.to_owned(), chroot.clone())).cloned()).collect(),
    };
    let packages = names.into_iter().map(row).collect();
    let chroots = chroots.iter().map(ToString::to_string).collect();
    let dirname = dirname.to_string();
    show(&wants, &MonitorPage { frame, head, dirname, dirnames, query: text, chroots, packages, paging })
}

/// The directory that is asked for, and all of the project's, its own first.
async fn directories(state: &AppState, project: &Project, asked: &str) -> Result<(DirName, Vec<String>), PageError> {
    let own: DirName = project.name.as_str().parse()?;
    let mut all = vec![own.to_string()];
    let others = db::directory::of_project(&state.db, project.id).await?;
    all.extend(others.into_iter().map(|of| of.dirname.to_string()).filter(|name| *name != own.as_str()));
    if asked.is_empty() {
        return Ok((own, all));
    }
    let missing = || PageError::Missing("There is no such directory in this project.".to_owned());
    let found = all.iter().find(|name| *name == asked).ok_or_else(missing)?;
    Ok((found.parse()?, all))
}

/// A package in the list.
#[derive(Debug, Serialize)]
struct PackageLine {
    name: String,
    url: String,
    /// What it is built from: `scm`, `link`, `upload` or `unset`.
    source: String,
    newest: Option<BuildLine>,
}

#[derive(Debug, Template, Serialize)]
#[template(path = "project/packages.html")]
struct PackagesPage {
    #[serde(skip)]
    frame: Frame,
    #[serde(flatten)]
    head: Head,
    /// Text that is looked for in names.
    query: String,
    packages: Vec<PackageLine>,
    paging: Paging,
}

async fn packages(
    State(state): State<AppState>,
    Of(project): Of,
    Lenient(query): Lenient<Query>,
    wants: Wants,
    frame: Frame,
) -> Result<Response, PageError> {
    let head = Head::new(&state, &frame.viewer, &project, "packages/").await?;
    let text: String = query.q.trim().chars().take(NAME).collect();
    let mut paging = Paging::new(&query.page, PACKAGES, format!("{}packages/?q={}", head.url, encode(&text)));
    let mut found = db::package::by_name(&state.db, project.id, &text, paging.window()).await?;
    paging.cut(&mut found);
    let names: Vec<&str> = found.iter().map(|package| package.name.as_str()).collect();
    let latest = db::build::latest(&state.db, project.id, &names, None).await?;
    let now = clock::now_ms();
    let line = |package: &db::package::Package| PackageLine {
        name: package.name.clone(),
        url: package_url(&head, &package.name),
        source: package.source_type.clone(),
        newest: latest.get(&package.name).map(|build| BuildLine::new(build, now)),
    };
    let packages = found.iter().map(line).collect();
    show(&wants, &PackagesPage { frame, head, query: text, packages, paging })
}
