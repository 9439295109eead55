//! The pages of one project: a room for each tab.

mod add_build;
mod badge;
mod builds;
mod integrations;
mod keys;
mod monitor;
mod moves;
mod needs;
mod new;
mod overview;
mod package;
mod permissions;
mod picture;
mod promotions;
mod prune;
mod settings;
#[cfg(test)]
mod tests;

pub(super) use settings::parsed;

use axum::{
    Router,
    extract::{FromRequestParts, Path, RawPathParams},
    http::request::Parts,
    routing::{MethodRouter, get},
};
use copr_api::names::{OwnerName, ProjectName};
use serde::Serialize;

use super::{
    error::PageError,
    form::Form,
    text::{encode, owner_url, project_url},
    viewer::Viewer,
    with_slash,
};
use crate::{
    db::{self, permission::Role, project::Project},
    state::AppState,
};

/// The addresses of projects.
pub(super) fn routes(state: &AppState) -> Router<AppState> {
    Router::new()
        .merge(overview::routes())
        .merge(monitor::routes())
        .merge(package::routes())
        .merge(badge::routes())
        .merge(builds::routes())
        .merge(permissions::routes())
        .merge(promotions::routes())
        .merge(settings::routes())
        .merge(keys::routes())
        .merge(moves::routes())
        .merge(prune::routes())
        .merge(integrations::routes())
        .merge(new::routes())
        .merge(add_build::routes(state))
}

/// An address below a project, e.g. `builds/`, of users' and of groups' projects; without the slash at its end one is led to it.
pub(super) fn below(router: Router<AppState>, path: &str, handler: MethodRouter<AppState>) -> Router<AppState> {
    ["/coprs/{owner}/{project}/", "/coprs/g/{group}/{project}/"].into_iter().fold(router, |router, project| {
        let whole = format!("{project}{path}");
        let router = match whole.strip_suffix('/') {
            Some(bare) => router.route(bare, get(with_slash)),
            None => router,
        };
        router.route(&whole, handler.clone())
    })
}

/// The project that the address names: `{owner}` or a bare `{group}`, and `{project}`.
#[derive(Debug, Clone)]
pub(super) struct Of(pub(super) Project);

impl FromRequestParts<AppState> for Of {
    type Rejection = PageError;
    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, PageError> {
        let params = RawPathParams::from_request_parts(parts, state).await.map_err(|_| missing())?;
        let value = |wanted: &str| params.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value);
        let owner = match (value("group"), value("owner")) {
            (Some(group), _) => format!("@{group}"),
            (None, owner) => owner.unwrap_or_default().to_owned(),
        };
        find(state, &owner, value("project").unwrap_or_default()).await.map(Self)
    }
}

fn missing() -> PageError {
    PageError::Missing("There is no such project. It may have been deleted.".to_owned())
}

/// The project of these names.
///
/// # Errors
/// There is none.
pub(super) async fn find(state: &AppState, owner: &str, name: &str) -> Result<Project, PageError> {
    match (owner.parse::<OwnerName>(), name.parse::<ProjectName>()) {
        (Ok(owner), Ok(name)) => db::project::get(&state.db, &owner, &name).await?.ok_or_else(missing),
        _ => Err(missing()),
    }
}

/// Owner and name as the addresses of the API have them, whose handlers the forms call.
fn names_of(project: &Project) -> Path<(String, String)> {
    Path((project.owner.to_string(), project.name.to_string()))
}

/// The fields of a form, in the order in which they came.
type Fields = Form<Vec<(String, String)>>;

/// The page of a package.
fn package_url(head: &Head, package: &str) -> String {
    format!("{}package/{}/", head.url, encode(package))
}

/// What who looks may do in a project.
///
/// # Errors
/// The database does not answer.
pub(super) async fn role(state: &AppState, viewer: &Viewer, project: &Project) -> Result<Role, db::Error> {
    match &viewer.user {
        Some(user) if user.admin => Ok(Role::Owner),
        Some(user) => db::permission::role(&state.db, user, project).await,
        None => Ok(Role::Nobody),
    }
}

/// One of a project's pages.
#[derive(Debug, Clone)]
pub(super) struct Tab {
    /// What stands on it.
    pub(super) label: &'static str,
    /// Its address.
    pub(super) url: String,
    /// It is the one that is shown.
    pub(super) here: bool,
}

/// The tabs of a project: what stands on them and their addresses below the project's.
const TABS: [(&str, &str); 7] = [
    ("Overview", ""),
    ("Packages", "packages/"),
    ("Builds", "builds/"),
    ("Monitor", "monitor/"),
    ("Promotions", "promotions/"),
    ("Permissions", "permissions/"),
    ("Settings", "edit/"),
];

/// What stands above every page of a project; show it with the macro `head`.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Head {
    /// Owner, a group with `@`.
    pub(super) owner: String,
    /// Name.
    pub(super) name: String,
    /// The owner's projects.
    #[serde(skip)]
    pub(super) owner_url: String,
    /// The project's page.
    pub(super) url: String,
    /// Its pages.
    #[serde(skip)]
    pub(super) tabs: Vec<Tab>,
    /// What who looks may do.
    #[serde(skip)]
    pub(super) role: Role,
}

impl Head {
    /// Of the page whose address below the project is `here`, e.g. `builds/`.
    ///
    /// # Errors
    /// The database does not answer.
    pub(super) async fn new(
        state: &AppState,
        viewer: &Viewer,
        project: &Project,
        here: &str,
    ) -> Result<Self, db::Error> {
        let role = role(state, viewer, project).await?;
        let url = project_url(project.owner.as_str(), project.name.as_str());
        let tabs = TABS
            .into_iter()
            .filter(|(_, path)| *path != "edit/" || role >= Role::Admin)
            .map(|(label, path)| Tab { label, url: format!("{url}{path}"), here: path == here })
            .collect();
        let owner_url = owner_url(project.owner.as_str());
        Ok(Self { owner: project.owner.to_string(), name: project.name.to_string(), owner_url, url, tabs, role })
    }

    /// May change settings and let others in.
    pub(super) fn is_admin(&self) -> bool {
        self.role >= Role::Admin
    }

    /// May delete it.
    pub(super) fn is_owner(&self) -> bool {
        self.role >= Role::Owner
    }

    /// May submit builds.
    pub(super) fn is_builder(&self) -> bool {
        self.role >= Role::Builder
    }
}
