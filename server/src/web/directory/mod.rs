//! The directory: the projects of the site and of an owner, finding one, and the newest builds.

mod builds;
mod cards;
mod filters;
mod owner;

use askama::Template;
use axum::{Router, extract::State, response::Response, routing::get};
use copr_api::names::OwnerName;
use serde::Serialize;

use super::{
    PageError,
    frame::{Frame, Wants, show},
    paging::Paging,
    text::owner_url,
};
use crate::{
    clock,
    db::{
        self, Window,
        search::{Search, Words},
    },
    http::params::Lenient,
    state::AppState,
};
use cards::{BuildRow, Card, cards};
use filters::{Asked, Choice, Filters};

/// Projects on one page.
const PROJECTS: u64 = 30;
/// The last page: whoever has looked through so many searches for something.
const LAST: u64 = 400;
/// Builds and groups beside them.
const NEWEST: u64 = 8;
const GROUPS: i64 = 12;

/// The addresses of lists of projects.
pub(super) fn routes() -> Router<AppState> {
    Router::new()
        .route("/", get(projects))
        .route("/coprs", get(projects))
        .route("/coprs/", get(projects))
        .merge(builds::routes())
        .merge(owner::routes())
}

/// A group with projects.
#[derive(Debug, Serialize)]
struct GroupLine {
    /// `@NAME`.
    name: String,
    /// Its page.
    url: String,
    /// How many listed projects it has.
    projects: i64,
}

/// `/` and `/coprs/`.
#[derive(Debug, Template, Serialize)]
#[template(path = "directory/list.html")]
struct ListPage {
    /// What is around it; its query is what was searched for, empty: everything.
    #[serde(skip)]
    frame: Frame,
    /// What is asked for.
    filters: Filters,
    #[serde(skip)]
    chroots: Vec<Choice>,
    #[serde(skip)]
    times: Vec<Choice>,
    /// What who looks has pinned: on the first page of everything.
    pinned: Vec<Card>,
    /// The projects.
    projects: Vec<Card>,
    /// Which of them.
    paging: Paging,
    /// The newest builds of the site: on the first page of everything.
    builds: Vec<BuildRow>,
    /// Groups with projects: likewise.
    groups: Vec<GroupLine>,
}

/// The page that is asked for, as far as there are so many.
fn paging(asked: &str, base: String) -> Paging {
    let page = asked.trim().parse::<u64>().map_or_else(|_| asked.to_owned(), |page| page.min(LAST).to_string());
    Paging::new(&page, PROJECTS, base)
}

async fn projects(
    State(state): State<AppState>,
    Lenient(asked): Lenient<Asked>,
    wants: Wants,
    frame: Frame,
) -> Result<Response, PageError> {
    let filters = Filters::read(&asked);
    let now = clock::now_ms();
    let mut paging = paging(&asked.page, filters.url("/"));
    let mut found = db::search::find(&state.db, &filters.search(now), paging.window()).await?;
    cut(&mut paging, &mut found);
    let projects = cards(&state.db, found, &filters.words(), now).await?;
    let (mut pinned, mut builds, mut groups) = (Vec::new(), Vec::new(), Vec::new());
    if filters.is_all() && paging.page == 1 {
        if let Some(user) = &frame.viewer.user {
            pinned = pinned_by(&state, &user.name.parse()?, true, now).await?;
        }
        let listed = db::build::Filter { listed_only: true, ..db::build::Filter::default() };
        let newest = db::build::list(&state.db, &listed, Window::first(NEWEST)).await?;
        builds.extend(newest.iter().map(|build| BuildRow::new(build, now)));
        groups.extend(db::search::groups(&state.db, GROUPS).await?.into_iter().map(|(owner, projects)| GroupLine {
            name: owner.to_string(),
            url: owner_url(owner.as_str()),
            projects,
        }));
    }
    let page = ListPage {
        frame: Frame { query: filters.q.clone(), ..frame },
        chroots: filters.chroots(&state.chroots),
        times: filters.times(),
        filters,
        pinned,
        projects,
        paging,
        builds,
        groups,
    };
    show(&wants, &page)
}

/// The cards of what an owner has pinned, in its order.
async fn pinned_by(state: &AppState, owner: &OwnerName, unlisted_too: bool, now: i64) -> Result<Vec<Card>, db::Error> {
    let pins = db::pin::of_owner(&state.db, owner).await?;
    if pins.is_empty() {
        return Ok(Vec::new());
    }
    let search = Search { pinned_by: Some(owner.to_string()), unlisted_too, ..Search::default() };
    let mut found = db::search::find(&state.db, &search, Window::default()).await?;
    found.sort_by_key(|project| pins.iter().position(|pin| pin.project_id == project.id));
    cards(&state.db, found, &Words::default(), now).await
}

/// Leaves on the page what belongs there, and no way beyond the last.
fn cut<T>(paging: &mut Paging, rows: &mut Vec<T>) {
    paging.cut(rows);
    paging.more &= paging.page < LAST;
}
