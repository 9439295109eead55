//! A published repository, to look through: `/coprs/OWNER/DIRECTORY/repo-view/CHROOT/`, and `…/devel/` behind it for what builds
//! alone see of a project that publishes only when asked to.

mod links;
mod views;

use std::sync::Arc;

use askama::Template;
use axum::{
    Router,
    extract::{FromRequestParts, MatchedPath, RawPathParams, State},
    http::{header, request::Parts},
    response::{IntoResponse as _, Response},
    routing::get,
};
use copr_api::names::{Chroot, DirName};
use copr_view::{Feed, Letter, List, PackageFacts, Page, Signature, pages};
use serde::{Deserialize, Serialize};

use super::{
    error::PageError,
    frame::{Frame, Wants, show},
    project::{Head, below, find},
    text::{encode, project_url},
};
use crate::{db, db::project::Project, http::params::Lenient, state::AppState, store::Place};
use links::ServerLinks;
use views::View;
pub use views::Views;

/// Bytes of a package that are read for its signature.
const SIGNATURE: u64 = 256 << 10;
/// Before the pages of a repository for builds, as before its files.
const DEVEL: &str = "devel";
/// Media type of feeds.
pub(super) const ATOM: &str = "application/atom+xml; charset=utf-8";

/// The addresses.
pub(super) fn routes() -> Router<AppState> {
    let mut router = Router::new();
    for (path, handler) in [
        ("", get(first)),
        ("all/", get(all)),
        ("letter/{letter}/", get(letter)),
        ("group/{id}/", get(group)),
        ("latest/", get(latest)),
        ("package/{name}/", get(package)),
        ("package/{name}/{version}/", get(package)),
        ("feed.atom", get(feed)),
    ] {
        router = below(router, &format!("repo-view/{{chroot}}/{path}"), handler.clone());
        router = below(router, &format!("repo-view/{{chroot}}/{DEVEL}/{path}"), handler);
    }
    router
}

/// A page about a repository.
#[derive(Debug, Template, Serialize)]
#[template(path = "repository/page.html")]
struct RepositoryPage {
    /// What is around it.
    #[serde(skip)]
    frame: Frame,
    /// The project.
    #[serde(skip)]
    head: Head,
    /// What it is called.
    #[serde(skip)]
    title: String,
    /// The feed of the repository.
    #[serde(skip)]
    feed: String,
    /// HTML of the page itself.
    #[serde(skip)]
    body: String,
    /// The directory that it is of.
    directory: String,
    /// Name of the repository.
    chroot: String,
    /// It is the one that builds alone see.
    devel: bool,
    /// What it says.
    page: Page,
}

/// A repository that nothing was published in yet.
#[derive(Debug, Template, Serialize)]
#[template(path = "repository/empty.html")]
struct EmptyPage {
    /// What is around it.
    #[serde(skip)]
    frame: Frame,
    /// The project.
    #[serde(skip)]
    head: Head,
    /// What it is called.
    #[serde(skip)]
    title: String,
    /// The directory that it is of.
    directory: String,
    /// Name of the repository.
    chroot: String,
    /// It is the one that builds alone see.
    devel: bool,
}

/// The first page about a repository.
pub(super) fn repository_url(owner: &str, dirname: &str, chroot: &str) -> String {
    format!("{}repo-view/{}/", project_url(owner, dirname), encode(chroot))
}

/// The repository that the address names.
struct Shown {
    project: Project,
    dirname: DirName,
    chroot: Chroot,
    /// The one that builds alone see.
    devel: bool,
    params: Vec<(String, String)>,
}

impl FromRequestParts<AppState> for Shown {
    type Rejection = PageError;
    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, PageError> {
        let missing = || PageError::Missing("This project has no such repository.".to_owned());
        let params = RawPathParams::from_request_parts(parts, state).await.map_err(|_| missing())?;
        let params: Vec<_> = params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let param = |wanted: &str| params.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
        let dirname: DirName = param("project").unwrap_or_default().parse().map_err(|_| missing())?;
        let owner = param("group").map_or_else(|| param("owner").unwrap_or_default().to_owned(), |of| format!("@{of}"));
        let project = find(state, &owner, dirname.project().as_str()).await?;
        if let Some(why) = state.takedowns.why(&project.owner, project.name.as_str(), None).await? {
            return Err(PageError::TakenDown(why));
        }
        let chroot: Chroot = param("chroot").unwrap_or_default().parse().map_err(|_| missing())?;
        db::chroot::get(&state.db, project.id, &chroot).await?.ok_or_else(missing)?;
        let side = dirname.as_str() != project.name.as_str();
        if side && !db::directory::exists(&state.db, project.id, &dirname).await? {
            return Err(missing());
        }
        let matched = parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
        let devel = matched.contains(&format!("/{{chroot}}/{DEVEL}"));
        Ok(Self { project, dirname, chroot, devel, params })
    }
}

impl Shown {
    fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    fn place(&self, state: &AppState) -> Place {
        let place = state.store.directory(&self.project.owner, &self.dirname).join(self.chroot.as_str());
        if self.devel { place.join(DEVEL) } else { place }
    }

    /// What the repository is called beside its directory.
    fn name(&self) -> String {
        if self.devel { format!("{} for builds", self.chroot) } else { self.chroot.to_string() }
    }

    fn title(&self) -> String {
        format!("{}/{} {}", self.project.owner, self.dirname, self.name())
    }

    /// Links within the site, or (for feeds) with the server's address.
    fn links(&self, site: &str) -> ServerLinks {
        let (owner, dirname) = (self.project.owner.as_str(), self.dirname.as_str());
        let devel = if self.devel { format!("{DEVEL}/") } else { String::new() };
        let chroot = encode(self.chroot.as_str());
        ServerLinks {
            root: format!("{site}{}{devel}", repository_url(owner, dirname, self.chroot.as_str())),
            results: format!("{site}/results/{}/{}/{chroot}/{devel}", encode(owner), encode(dirname)),
            site: site.to_owned(),
        }
    }

    async fn view(&self, state: &AppState) -> Result<Option<Arc<View>>, PageError> {
        Ok(state.views.get(&state.store, &self.place(state), &self.title()).await?)
    }

    /// Shows what `make` makes of the repository; `None` is what is not in it.
    async fn show(
        self,
        state: &AppState,
        frame: Frame,
        wants: Wants,
        make: impl FnOnce(&copr_view::Index, &ServerLinks) -> Option<Page>,
    ) -> Result<Response, PageError> {
        let Some(view) = self.view(state).await? else { return self.nothing_yet(state, frame, wants).await };
        let links = self.links("");
        let page = make(view.repository.index(), &links).ok_or_else(gone)?;
        self.page(state, frame, wants, page).await
    }

    async fn page(self, state: &AppState, frame: Frame, wants: Wants, page: Page) -> Result<Response, PageError> {
        let head = Head::new(state, &frame.viewer, &self.project, "repo-view/").await?;
        let body = if wants == Wants::Html { page.html()? } else { String::new() };
        let title = match page.title() {
            title if title == page.repository() => title.to_owned(),
            title => format!("{title} · {}", page.repository()),
        };
        let feed = copr_view::Links::feed(&self.links(""));
        let (directory, chroot, devel) = (self.dirname.to_string(), self.chroot.to_string(), self.devel);
        show(&wants, &RepositoryPage { frame, head, title, feed, body, directory, chroot, devel, page })
    }

    async fn nothing_yet(self, state: &AppState, frame: Frame, wants: Wants) -> Result<Response, PageError> {
        let head = Head::new(state, &frame.viewer, &self.project, "repo-view/").await?;
        let (directory, chroot, devel) = (self.dirname.to_string(), self.chroot.to_string(), self.devel);
        show(&wants, &EmptyPage { frame, head, title: self.name(), directory, chroot, devel })
    }
}

fn gone() -> PageError {
    PageError::Missing("There is no such page about this repository. Packages come and go with builds.".to_owned())
}

async fn first(State(state): State<AppState>, shown: Shown, wants: Wants, frame: Frame) -> Result<Response, PageError> {
    shown.show(&state, frame, wants, |index, links| Some(pages::index(index, links))).await
}

async fn latest(
    State(state): State<AppState>,
    shown: Shown,
    wants: Wants,
    frame: Frame,
) -> Result<Response, PageError> {
    shown.show(&state, frame, wants, |index, links| Some(pages::latest(index, links))).await
}

/// The query of lists.
#[derive(Debug, Default, Deserialize)]
struct At {
    /// The page, from 1.
    #[serde(default)]
    page: String,
}

impl At {
    fn page(&self) -> usize {
        self.page.parse().unwrap_or(1)
    }
}

async fn all(
    State(state): State<AppState>,
    shown: Shown,
    wants: Wants,
    frame: Frame,
    Lenient(at): Lenient<At>,
) -> Result<Response, PageError> {
    shown.show(&state, frame, wants, |index, links| pages::list(index, links, List::All, at.page())).await
}

async fn letter(
    State(state): State<AppState>,
    shown: Shown,
    wants: Wants,
    frame: Frame,
    Lenient(at): Lenient<At>,
) -> Result<Response, PageError> {
    let letter = Letter::of_slug(shown.param("letter").unwrap_or_default()).ok_or_else(gone)?;
    shown.show(&state, frame, wants, |index, links| pages::list(index, links, List::Letter(letter), at.page())).await
}

async fn group(
    State(state): State<AppState>,
    shown: Shown,
    wants: Wants,
    frame: Frame,
    Lenient(at): Lenient<At>,
) -> Result<Response, PageError> {
    let id = shown.param("id").unwrap_or_default().to_owned();
    let list = |index: &copr_view::Index| index.find_group(&id).map(List::Group);
    shown.show(&state, frame, wants, |index, links| pages::list(index, links, list(index)?, at.page())).await
}

async fn package(
    State(state): State<AppState>,
    shown: Shown,
    wants: Wants,
    frame: Frame,
) -> Result<Response, PageError> {
    let name = shown.param("name").unwrap_or_default().to_owned();
    let version = shown.param("version").map(str::to_owned);
    // Published anew while the page is made, the metadata may be gone: then once more, of the new ones.
    for _ in 0..2 {
        let Some(view) = shown.view(&state).await? else { return shown.nothing_yet(&state, frame, wants).await };
        let index = view.repository.index();
        let number = match &version {
            None => index.find(&name).and_then(|name| index.names().get(name)).map(|name| name.first as usize),
            Some(version) => index.find_package(&name, version),
        };
        let number = number.ok_or_else(gone)?;
        let package = index.packages().get(number).cloned().ok_or_else(gone)?;
        let reading = (view.clone(), package.clone());
        let record = tokio::task::spawn_blocking(move || reading.0.repository.record(&reading.1)).await?;
        let record = match record {
            Err(copr_view::Error::Changed(_)) => continue,
            record => record?,
        };
        let facts = PackageFacts { signature: signature(&state, &shown.place(&state), &package).await };
        let page = pages::package(index, &shown.links(""), number, &record, facts).ok_or_else(gone)?;
        return shown.page(&state, frame, wants, page).await;
    }
    Err(PageError::Conflict("This repository is just being published. Look again in a moment.".to_owned()))
}

/// What the package's signature says; unknown where its file is elsewhere or cannot be read.
async fn signature(state: &AppState, place: &Place, package: &copr_view::Package) -> Signature {
    if package.base.is_some() {
        return Signature::Unknown;
    }
    match state.store.beginning(place, &package.location, SIGNATURE).await {
        Ok(Some((bytes, _))) => Signature::of(bytes.as_slice()),
        _ => Signature::Unknown,
    }
}

async fn feed(State(state): State<AppState>, shown: Shown) -> Result<Response, PageError> {
    let links = shown.links(&state.base_url);
    let address = copr_view::Links::feed(&links);
    let feed = match shown.view(&state).await? {
        Some(view) => Feed::of_repository(view.repository.index(), &links, &address, Some(address.clone())),
        None => Feed {
            id: address.clone(),
            title: format!("{}: latest changes", shown.title()),
            self_url: Some(address),
            page_url: copr_view::Links::index(&links),
            author: shown.project.full_name(),
            updated: u64::try_from(shown.project.created_ms / 1000).ok(),
            entries: Vec::new(),
        },
    };
    Ok(([(header::CONTENT_TYPE, ATOM)], feed.xml()?).into_response())
}
