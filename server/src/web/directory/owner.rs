//! `/coprs/OWNER/` and `/coprs/g/GROUP/`: whose projects these are.

use askama::Template;
use axum::{
    Router,
    extract::{Path, State},
    response::Response,
    routing::get,
};
use copr_api::names::OwnerName;
use serde::Serialize;

use super::{
    cards::{BuildRow, Card, cards},
    cut,
    filters::{Asked, Filters},
    paging, pinned_by,
};
use crate::{
    clock,
    db::{self, permission::Role, project::Project, search::Search},
    http::params::Lenient,
    state::AppState,
    web::{
        PageError,
        frame::{Frame, Wants, show},
        paging::Paging,
        quota::Bar,
        text::{Moment, owner_url},
    },
};

/// Builds beside the projects.
const NEWEST: i64 = 10;

pub(super) fn routes() -> Router<AppState> {
    Router::new()
        .route("/coprs/{owner}", get(of_user))
        .route("/coprs/{owner}/", get(of_user))
        .route("/coprs/g/{group}", get(of_group))
        .route("/coprs/g/{group}/", get(of_group))
}

/// An owner's page.
#[derive(Debug, Template, Serialize)]
#[template(path = "directory/owner.html")]
struct OwnerPage {
    #[serde(skip)]
    frame: Frame,
    /// User or `@group`.
    owner: String,
    /// It is a group.
    group: bool,
    /// Its page.
    url: String,
    /// Since when it is here, where that is known.
    since: Option<Moment>,
    /// Who looks owns all of this.
    #[serde(skip)]
    own: bool,
    /// What it stores.
    quota: Bar,
    /// What is searched for among its projects; empty: everything.
    q: String,
    /// What it has pinned: on the first page of everything.
    pinned: Vec<Card>,
    /// Its projects.
    projects: Vec<Card>,
    /// Which of them.
    paging: Paging,
    /// Its newest builds.
    builds: Vec<BuildRow>,
}

async fn of_user(
    state: State<AppState>,
    Path(owner): Path<String>,
    asked: Lenient<Asked>,
    wants: Wants,
    frame: Frame,
) -> Result<Response, PageError> {
    page(state, owner, asked, wants, frame).await
}

async fn of_group(
    state: State<AppState>,
    Path(group): Path<String>,
    asked: Lenient<Asked>,
    wants: Wants,
    frame: Frame,
) -> Result<Response, PageError> {
    page(state, format!("@{group}"), asked, wants, frame).await
}

async fn page(
    State(state): State<AppState>,
    owner: String,
    Lenient(asked): Lenient<Asked>,
    wants: Wants,
    frame: Frame,
) -> Result<Response, PageError> {
    let missing = || {
        let kind = if owner.starts_with('@') { "group" } else { "user" };
        PageError::Missing(format!("There is no {kind} {}.", owner.chars().take(100).collect::<String>()))
    };
    let name: OwnerName = owner.parse().map_err(|_| missing())?;
    let own = owns(&state, &frame, &name).await?;
    if !own && !db::search::knows_owner(&state.db, &name).await? {
        return Err(missing());
    }
    let filters = Filters::read(&asked).words_only();
    let now = clock::now_ms();
    let url = owner_url(name.as_str());
    let search = Search { owner: Some(owner.clone()), unlisted_too: own, ..filters.search(now) };
    let mut paging = paging(&asked.page, filters.url(&url));
    let mut found = db::search::find(&state.db, &search, paging.window()).await?;
    cut(&mut paging, &mut found);
    let projects = cards(&state.db, found, &filters.words(), now).await?;
    let pinned = match filters.q.is_empty() && paging.page == 1 {
        true => pinned_by(&state, &name, own, now).await?,
        false => Vec::new(),
    };
    let since = match name.is_group() {
        true => None,
        false => db::user::by_name(&state.db, name.as_str()).await?.map(|user| Moment::new(user.created_ms, now)),
    };
    let newest = db::search::builds_of_owner(&state.db, &name, own, NEWEST).await?;
    let mut newest = db::build::of_numbers(&state.db, &newest).await?;
    newest.sort_by_key(|build| std::cmp::Reverse(build.id));
    let builds = newest.iter().map(|build| BuildRow::new(build, now)).collect();
    let group = name.is_group();
    let quota = Bar::new(db::quota::of_owner(&state.db, &name).await?);
    show(
        &wants,
        &OwnerPage { frame, owner, group, url, since, own, quota, q: filters.q, pinned, projects, paging, builds },
    )
}

/// Whether who looks is the owner, or a member of the group.
async fn owns(state: &AppState, frame: &Frame, owner: &OwnerName) -> Result<bool, PageError> {
    let Some(user) = &frame.viewer.user else { return Ok(false) };
    // Whoever would own any project of it.
    let any = Project::new(owner.clone(), "any".parse()?);
    Ok(db::permission::role(&state.db, user, &any).await? == Role::Owner)
}
