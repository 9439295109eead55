//! `/coprs/OWNER/PROJECT/permissions/`: who may do what, asking for it, and letting others in.

use std::collections::BTreeMap;

use askama::Template;
use axum::{
    Json, Router,
    extract::State,
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use copr_api::v3::{Permission, Roles, RolesChange, RolesRequest};
use serde::Serialize;

use super::{Fields, Head, Of, below, names_of};
use crate::{
    db::{self, project::Project},
    http::{params::JsonBody, user::permission},
    state::AppState,
    web::{
        error::PageError,
        faults::Faults,
        frame::{Frame, Wants, show, show_with},
        inputs::Values,
    },
};

/// The addresses.
pub(super) fn routes() -> Router<AppState> {
    let router = below(Router::new(), "permissions/", get(page).post(set));
    below(router, "permissions/request/", post(request))
}

/// The roles of one user.
#[derive(Debug, Serialize)]
struct Line {
    user: String,
    admin: Permission,
    builder: Permission,
}

/// Members of the owning group that the page names.
const MEMBERS: usize = 100;

/// A member of the group that owns the project.
#[derive(Debug, Serialize)]
struct MemberLine {
    user: String,
    /// Says who else is a member.
    admin: bool,
}

#[derive(Debug, Template, Serialize)]
#[template(path = "project/permissions.html")]
struct PermissionsPage {
    #[serde(skip)]
    frame: Frame,
    #[serde(flatten)]
    head: Head,
    /// Those who have a role; for those who may give them, also those who ask.
    people: Vec<Line>,
    /// The members of the group that owns it, as far as there is room; only users are told, as elsewhere.
    members: Vec<MemberLine>,
    /// How many more it has.
    more_members: usize,
    /// The group's page; `None`: a user owns it.
    #[serde(skip)]
    group_url: Option<String>,
    /// What who looks has or has asked for; the owner and members of the owning group need none.
    #[serde(skip)]
    own: Roles,
    #[serde(skip)]
    values: Values,
    #[serde(skip)]
    faults: Faults,
}

impl PermissionsPage {
    async fn load(state: &AppState, frame: Frame, project: &Project) -> Result<Self, PageError> {
        let head = Head::new(state, &frame.viewer, project, "permissions/").await?;
        let all = db::permission::of_project(&state.db, project.id).await?;
        let looks = frame.viewer.name().to_owned();
        let own = all.iter().find(|(user, _)| *user == looks).map(|(_, roles)| *roles).unwrap_or_default();
        // What somebody asks for is the business of those who can give it.
        let shown = |roles: &Roles| {
            head.is_admin() || roles.admin == Permission::Approved || roles.builder == Permission::Approved
        };
        let told = |role: Permission| match role {
            Permission::Request if !head.is_admin() => Permission::Nothing,
            role => role,
        };
        let people = all
            .into_iter()
            .filter(|(_, roles)| shown(roles))
            .map(|(user, roles)| Line { user, admin: told(roles.admin), builder: told(roles.builder) })
            .collect();
        let (mut members, mut group_url) = (Vec::new(), None);
        if project.owner.is_group() && frame.viewer.user.is_some() {
            group_url = Some(crate::web::groups::group_url(project.owner.as_str()));
            if let Some(group) = db::group::by_name(&state.db, &project.owner).await? {
                members = db::group::members(&state.db, group.id).await?;
            }
        }
        let more_members = members.len().saturating_sub(MEMBERS);
        members.truncate(MEMBERS);
        let members = members.into_iter().map(|of| MemberLine { user: of.name, admin: of.admin }).collect();
        Ok(Self {
            frame,
            head,
            people,
            members,
            more_members,
            group_url,
            own,
            values: Values::default(),
            faults: Faults::default(),
        })
    }

    /// Who looks may ask for a role.
    fn may_ask(&self) -> bool {
        self.frame.viewer.user.is_some() && self.head.role < db::permission::Role::Owner
    }

    fn is_approved(role: &Permission) -> bool {
        *role == Permission::Approved
    }

    fn is_asked(role: &Permission) -> bool {
        *role == Permission::Request
    }
}

async fn page(
    State(state): State<AppState>,
    Of(project): Of,
    wants: Wants,
    frame: Frame,
) -> Result<Response, PageError> {
    show(&wants, &PermissionsPage::load(&state, frame, &project).await?)
}

/// Gives or takes roles: fields `user`, and `admin` and `builder` with `approved` or `nothing`; one that is not sent stays.
async fn set(
    State(state): State<AppState>,
    Of(project): Of,
    wants: Wants,
    frame: Frame,
    form: Fields,
) -> Result<Response, PageError> {
    let values: Values = form.value.into_iter().collect();
    let role = |name: &str| match values.get(name) {
        "approved" => Some(Permission::Approved),
        "nothing" => Some(Permission::Nothing),
        _ => None,
    };
    let change = RolesChange { admin: role("admin"), builder: role("builder") };
    let asked = BTreeMap::from([(values.get("user").trim().to_owned(), change)]);
    let path = names_of(&project);
    let done = permission::set(State(state.clone()), frame.caller()?, path, JsonBody(asked)).await;
    let mut page = PermissionsPage::load(&state, frame, &project).await?;
    match done {
        Ok(Json(_)) => Ok(Redirect::to(&format!("{}permissions/", page.head.url)).into_response()),
        Err(crate::http::error::ApiError::NotFound(text)) => {
            page.faults.add("user", &text);
            page.values = values;
            show_with(axum::http::StatusCode::BAD_REQUEST, &wants, &page)
        }
        Err(error) => {
            page.faults = Faults::of(error, &["user"])?;
            page.values = values;
            show_with(axum::http::StatusCode::BAD_REQUEST, &wants, &page)
        }
    }
}

/// Asks for roles, or for none any more: fields `admin` and `builder` with `true` or `false`; one that is not sent stays.
async fn request(
    State(state): State<AppState>,
    Of(project): Of,
    frame: Frame,
    form: Fields,
) -> Result<Response, PageError> {
    let values: Values = form.value.into_iter().collect();
    let role = |name: &str| match values.get(name) {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    };
    let asked = RolesRequest { admin: role("admin"), builder: role("builder") };
    let path = names_of(&project);
    let _ = permission::request(State(state), frame.caller()?, path, JsonBody(asked)).await?;
    let url = crate::web::text::project_url(project.owner.as_str(), project.name.as_str());
    Ok(Redirect::to(&format!("{url}permissions/")).into_response())
}
