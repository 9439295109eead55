//! The pages: every one says all it has to say without a script, and nothing on it comes from anywhere else.

pub mod assets;
mod build_page;
mod needs;
mod project_page;
#[cfg(test)]
pub(crate) mod seed;
#[cfg(test)]
mod tests;
pub mod text;
pub mod views;

use askama::Template;
use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderName, HeaderValue, StatusCode, Uri, header},
    middleware,
    response::{Html, IntoResponse, Redirect, Response},
    routing::get,
};
use serde::Deserialize;

use crate::{
    clock,
    db::{self, Window, build::Build},
    http::params::Lenient,
    state::AppState,
};
use needs::project_url;
use text::{Moment, encode, summary};
use views::{BuildLine, MessagePage, ProjectCard, ProjectsPage, State as StateView};

/// Content-Security-Policy of every page: our own style, script and pictures, and nobody's frame.
pub const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
                          form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// Projects on one page.
const PROJECTS: u64 = 50;
/// Chroots that a project's card shows.
const CARD_CHROOTS: usize = 6;
/// Longest search text, in characters.
const QUERY: usize = 100;

/// The routes, and the answer for addresses that nobody has.
pub fn routes() -> Router<AppState> {
    let mut router = Router::new().route("/", get(projects)).route("/static/{file}", get(asset));
    for end in ["", "/"] {
        let at = |path: &str| format!("{path}{end}");
        router = router
            .route(&at("/coprs/build/{id}"), get(build_page::page))
            .route(&at("/coprs/build/{id}/state"), get(build_page::state))
            .route(&at("/coprs/{owner}/{project}/build/{id}"), get(build_of_project));
    }
    router
        .route("/coprs", get(async || Redirect::permanent("/")))
        .route("/coprs/", get(async || Redirect::permanent("/")))
        .route("/api", get(api))
        .route("/api/", get(api))
        .route("/coprs/{owner}", get(of_owner))
        .route("/coprs/{owner}/", get(of_owner))
        .route("/coprs/g/{group}", get(of_group))
        .route("/coprs/g/{group}/", get(of_group))
        .route("/coprs/{owner}/{project}", get(with_slash))
        .route("/coprs/{owner}/{project}/", get(project_page::of_user))
        .route("/coprs/g/{owner}/{project}", get(with_slash))
        .route("/coprs/g/{owner}/{project}/", get(project_page::of_group))
        .fallback(nothing_here)
        .layer(middleware::map_response(secured))
}

/// The headers of every page.
async fn secured(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::CACHE_CONTROL, "no-cache"),
    ] as [(HeaderName, &'static str); 5]
    {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// What keeps a page from being shown. The text of an internal error goes to the log, not to the page.
#[derive(Debug)]
pub(crate) enum PageError {
    /// There is nothing at this address.
    Missing(Box<MessagePage>),
    /// Ours.
    Internal(anyhow::Error),
}

impl PageError {
    /// Nothing at this address, with a sentence about what was looked for.
    fn missing(state: &AppState, text: &str) -> Self {
        let page = MessagePage { site: site(state), heading: "Not found".to_owned(), text: text.to_owned() };
        Self::Missing(Box::new(page))
    }
}

impl<E: Into<anyhow::Error>> From<E> for PageError {
    fn from(error: E) -> Self {
        Self::Internal(error.into())
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        match self {
            Self::Missing(page) => missing_page(&page),
            Self::Internal(error) => {
                tracing::error!(error = format!("{error:#}"), "page failed");
                let text = "The server could not make this page; its log tells the administrator why.\n";
                (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
            }
        }
    }
}

/// Renders a page.
fn show(page: &impl Template) -> Result<Response, PageError> {
    Ok(Html(page.render()?).into_response())
}

/// The page for an address where nothing is.
pub(crate) fn not_found(state: &AppState, text: &str) -> Response {
    PageError::missing(state, text).into_response()
}

fn missing_page(page: &MessagePage) -> Response {
    match page.render() {
        Ok(html) => {
            let headers = [(header::CONTENT_SECURITY_POLICY, POLICY), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
            (StatusCode::NOT_FOUND, headers, Html(html)).into_response()
        }
        Err(error) => PageError::from(error).into_response(),
    }
}

/// What the site is called: its host name.
fn site(state: &AppState) -> String {
    format!("Copr on {}", state.hostname())
}

async fn nothing_here(State(state): State<AppState>) -> Response {
    not_found(&state, "There is nothing at this address. It may have been deleted, or the address has a slip in it.")
}

/// Where a refused token sends its owner.
async fn api(State(state): State<AppState>) -> Result<Response, PageError> {
    let text = "Programs such as copr and copr-cli show who you are with a login and a token, which stand in ~/.config/copr. \
                The administrator of this server makes that file with “coprd admin user add NAME”, and a new one for you with \
                “coprd admin user token NAME” when your token has expired.";
    show(&MessagePage { site: site(&state), heading: "API token".to_owned(), text: text.to_owned() })
}

/// All projects of an owner: the search shows them.
async fn of_owner(Path(owner): Path<String>) -> Redirect {
    Redirect::to(&format!("/?q={}", encode(&format!("{owner}/"))))
}

async fn of_group(Path(group): Path<String>) -> Redirect {
    of_owner(Path(format!("@{group}"))).await
}

async fn with_slash(uri: Uri) -> Redirect {
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    // Two slashes at the beginning would lead to another host.
    Redirect::permanent(&format!("/{}/{query}", uri.path().trim_matches('/')))
}

async fn asset(State(state): State<AppState>, uri: Uri) -> Response {
    match assets::find(uri.path()) {
        Some(asset) => {
            let headers = [
                (header::CONTENT_TYPE, asset.content_type),
                (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
            ];
            (headers, asset.text).into_response()
        }
        None => nothing_here(State(state)).await,
    }
}

async fn build_of_project(Path((_owner, _project, id)): Path<(String, String, String)>) -> Redirect {
    Redirect::permanent(&format!("/coprs/build/{}", encode(&id)))
}

/// The query of `/`.
#[derive(Debug, Default, Deserialize)]
struct Search {
    /// Searched for in name, owner and description.
    #[serde(default)]
    q: String,
    /// Projects to skip.
    #[serde(default)]
    from: String,
}

async fn projects(State(state): State<AppState>, Lenient(search): Lenient<Search>) -> Result<Response, PageError> {
    let query: String = search.q.trim().chars().take(QUERY).collect();
    let from: u64 = search.from.parse().unwrap_or(0);
    let filter = db::project::Filter {
        query: (!query.is_empty()).then(|| query.clone()),
        listed_only: true,
        newest_first: true,
        ..db::project::Filter::default()
    };
    // One more than is shown tells whether there is a next page.
    let window = Window { limit: Some(PROJECTS + 1), offset: from };
    let mut found = db::project::list(&state.db, &filter, window).await?;
    let shown = usize::try_from(PROJECTS)?;
    let more = (found.len() > shown).then(|| format!("/?q={}&from={}", encode(&query), from.saturating_add(PROJECTS)));
    found.truncate(shown);
    let now = clock::now_ms();
    let mut cards = Vec::with_capacity(found.len());
    for project in found {
        let mut chroots: Vec<String> =
            db::chroot::of_project(&state.db, project.id).await?.iter().map(|of| of.chroot.to_string()).collect();
        let more_chroots = chroots.len().saturating_sub(CARD_CHROOTS);
        chroots.truncate(CARD_CHROOTS);
        let of_project = db::build::Filter { project_id: Some(project.id), ..db::build::Filter::default() };
        let newest = db::build::list(&state.db, &of_project, Window::first(1)).await?;
        cards.push(ProjectCard {
            url: project_url(project.owner.as_str(), project.name.as_str()),
            summary: summary(project.description.as_deref().unwrap_or_default(), 200),
            owner: project.owner.to_string(),
            name: project.name.to_string(),
            chroots,
            more_chroots,
            newest: newest.first().map(|build| line(build, now)),
        });
    }
    show(&ProjectsPage { site: site(&state), query, projects: cards, more })
}

/// A build in a list.
fn line(build: &Build, now: i64) -> BuildLine {
    let stage = build.chroots.iter().find_map(|chroot| chroot.stage.as_deref());
    BuildLine {
        id: build.id,
        url: format!("/coprs/build/{}", build.id),
        package: build.title(),
        version: build.package_version.clone(),
        state: StateView::new(build.state(), stage),
        submitted: Moment::new(build.submitted_ms, now),
        submitter: build.submitter.clone(),
    }
}
