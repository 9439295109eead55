//! `/feeds/`: what was built lately, as Atom, for the site, an owner or a project.

use askama::Template;
use axum::{
    Router,
    extract::{Path, State},
    http::header,
    response::{IntoResponse as _, Response},
    routing::get,
};
use copr_api::{names::OwnerName, v3::BuildState};
use copr_view::feed::{Entry, Feed};
use serde::Serialize;

use super::{
    error::PageError,
    frame::{Frame, Wants, show},
    project::Of,
    repository::ATOM,
    text::{encode, owner_url, project_url},
    with_slash,
};
use crate::{
    db::{
        self, Window,
        build::{Build, Filter},
    },
    state::AppState,
};

/// Builds in a feed.
const ENTRIES: u64 = 50;

/// The addresses.
pub(super) fn routes() -> Router<AppState> {
    Router::new()
        .route("/feeds", get(with_slash))
        .route("/feeds/", get(page))
        .route("/feeds/builds.atom", get(of_site))
        .route("/feeds/{owner}/builds.atom", get(of_owner))
        .route("/feeds/{owner}/{project}/builds.atom", get(of_project))
}

/// `/feeds/`.
#[derive(Debug, Template, Serialize)]
#[template(path = "feeds.html")]
struct FeedsPage {
    /// What is around it.
    #[serde(skip)]
    frame: Frame,
    /// The site's feed.
    site: String,
    /// An owner's, and a project's: what stands in for their names is `OWNER` and `PROJECT`.
    patterns: [String; 2],
}

async fn page(State(state): State<AppState>, wants: Wants, frame: Frame) -> Result<Response, PageError> {
    let at = |path: &str| format!("{}/feeds/{path}builds.atom", state.base_url);
    show(&wants, &FeedsPage { frame, site: at(""), patterns: [at("OWNER/"), at("OWNER/PROJECT/")] })
}

async fn of_site(State(state): State<AppState>) -> Result<Response, PageError> {
    let filter = Filter { listed_only: true, ..Filter::default() };
    feed(&state, filter, "", "/", &format!("Builds on {}", state.hostname()), None).await
}

async fn of_owner(State(state): State<AppState>, Path(owner): Path<String>) -> Result<Response, PageError> {
    let missing = || PageError::Missing("There is no such owner of projects.".to_owned());
    let owner: OwnerName = owner.parse().map_err(|_| missing())?;
    let first = db::project::Filter { owner: Some(owner.to_string()), ..db::project::Filter::default() };
    if db::project::list(&state.db, &first, Window::first(1)).await?.is_empty() {
        return Err(missing());
    }
    let filter = Filter { listed_only: true, owner: Some(owner.to_string()), ..Filter::default() };
    let below = format!("{}/", encode(owner.as_str()));
    feed(&state, filter, &below, &owner_url(owner.as_str()), &format!("Builds of {owner}"), None).await
}

async fn of_project(State(state): State<AppState>, Of(project): Of) -> Result<Response, PageError> {
    let filter = Filter { project_id: Some(project.id), ..Filter::default() };
    let (owner, name) = (project.owner.as_str(), project.name.as_str());
    let below = format!("{}/{}/", encode(owner), encode(name));
    let title = format!("Builds of {}", project.full_name());
    feed(&state, filter, &below, &project_url(owner, name), &title, Some(project.created_ms)).await
}

/// The feed at `/feeds/BELOW/builds.atom` of the newest builds that succeeded.
async fn feed(
    state: &AppState,
    filter: Filter,
    below: &str,
    page: &str,
    title: &str,
    since_ms: Option<i64>,
) -> Result<Response, PageError> {
    let filter = Filter { state: Some(BuildState::Succeeded), ..filter };
    let builds = db::build::list(&state.db, &filter, Window::first(ENTRIES)).await?;
    let address = format!("{}/feeds/{below}builds.atom", state.base_url);
    let feed = Feed {
        id: address.clone(),
        title: title.to_owned(),
        self_url: Some(address),
        page_url: format!("{}{page}", state.base_url),
        author: state.hostname(),
        updated: builds.is_empty().then(|| seconds(since_ms.unwrap_or_default())),
        entries: builds.iter().map(|build| entry(state, build)).collect(),
    };
    Ok(([(header::CONTENT_TYPE, ATOM)], feed.xml()?).into_response())
}

fn entry(state: &AppState, build: &Build) -> Entry {
    let chroots: Vec<&str> = build.chroots.iter().map(|job| job.chroot.as_str()).collect();
    let project = format!("{}/{}", build.owner, build.project);
    let url = state.build_url(build.id);
    Entry {
        id: url.clone(),
        title: format!("{} {} in {project}", build.title(), build.package_version),
        url,
        updated: seconds(build.ended_ms().unwrap_or(build.submitted_ms)),
        author: Some(build.submitter.clone()),
        text: format!("Build {} of {} for {}", build.id, build.title(), chroots.join(", ")),
    }
}

fn seconds(ms: i64) -> u64 {
    u64::try_from(ms / 1000).unwrap_or_default()
}
