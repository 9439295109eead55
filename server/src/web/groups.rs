//! `/groups/`: who works together, and who says so.

use std::collections::BTreeMap;

use askama::Template;
use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use copr_api::v3::{GroupAdd, MemberChange};
use serde::{Deserialize, Serialize};

use super::{
    PageError,
    faults::Faults,
    form::{Form, SignedIn},
    frame::{Frame, Wants, show, show_with},
    inputs::{self, Input, Kind, Section, Values},
    paging::Paging,
    pins::{self, PinLine},
    sign_in::Nothing,
    text::{Moment, encode, owner_url},
    with_slash,
};
use crate::{
    clock,
    config::people::GroupMakers,
    db,
    http::{
        error::ApiError,
        params::{JsonBody, Lenient},
        user::group,
    },
    state::AppState,
};

/// Groups, or members of one, on one page.
const LINES: u64 = 100;

/// The addresses.
pub(super) fn routes() -> Router<AppState> {
    Router::new()
        .route("/groups", get(with_slash))
        .route("/groups/", get(list).post(add))
        .route("/groups/{name}", get(with_slash))
        .route("/groups/{name}/", get(one))
        .route("/groups/{name}/members/", post(change))
        .route("/groups/{name}/delete/", post(delete))
}

const NAME: Input =
    Input::new("name", "Name", Kind::Text, "Letters, digits and -._+; its projects are those of @NAME.");
const NEW: &[Section] = &[Section { title: "New group", inputs: &[NAME] }];
/// For administrators of the site.
const NEW_BY_ADMIN: &[Section] = &[Section {
    title: "New group",
    inputs: &[
        NAME,
        Input::new(
            "claim",
            "At the identity provider",
            Kind::Text,
            "What it calls the group: whom it puts there is a member. Empty: it knows nothing of it.",
        ),
    ],
}];

/// The query.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Query {
    page: String,
}

/// The page of a group, whose name has @.
pub(super) fn group_url(name: &str) -> String {
    format!("/groups/{}/", encode(name.trim_start_matches('@')))
}

#[derive(Debug, Serialize)]
struct GroupLine {
    name: String,
    url: String,
    members: i64,
    projects: i64,
}

#[derive(Debug, Template, Serialize)]
#[template(path = "groups/list.html")]
struct ListPage {
    #[serde(skip)]
    frame: Frame,
    groups: Vec<GroupLine>,
    paging: Paging,
    /// The form of a new one; empty: who looks may not make one.
    #[serde(skip)]
    sections: Vec<Section>,
    #[serde(skip)]
    values: Values,
    faults: Faults,
}

impl ListPage {
    async fn load(state: &AppState, frame: Frame, page: &str) -> Result<Self, PageError> {
        let mut paging = Paging::new(page, LINES, "/groups/");
        let mut groups = db::group::list(&state.db, paging.window()).await?;
        paging.cut(&mut groups);
        let line = |group: db::group::Group| GroupLine {
            url: group_url(group.name.as_str()),
            name: group.name.to_string(),
            members: group.members,
            projects: group.projects,
        };
        let sections = match &frame.viewer.user {
            Some(user) if user.admin => NEW_BY_ADMIN,
            Some(_) if state.config.people.groups == GroupMakers::Users => NEW,
            _ => &[],
        };
        Ok(Self {
            frame,
            groups: groups.into_iter().map(line).collect(),
            paging,
            sections: sections.to_vec(),
            values: Values::default(),
            faults: Faults::default(),
        })
    }
}

async fn list(
    State(state): State<AppState>,
    wants: Wants,
    frame: Frame,
    Lenient(query): Lenient<Query>,
) -> Result<Response, PageError> {
    show(&wants, &ListPage::load(&state, frame, &query.page).await?)
}

/// Adds a group: fields `name` and, by administrators of the site, `claim`.
async fn add(
    State(state): State<AppState>,
    wants: Wants,
    frame: Frame,
    form: Form<Vec<(String, String)>>,
) -> Result<Response, PageError> {
    let values: Values = form.value.into_iter().collect();
    let (name, claim) = (values.get("name").trim().to_owned(), values.get("claim").trim().to_owned());
    let body = GroupAdd { claim: Some(claim).filter(|claim| !claim.is_empty()) };
    match group::add(State(state.clone()), frame.caller()?, Path(name), JsonBody(body)).await {
        Ok(Json(made)) => Ok(Redirect::to(&group_url(made.name.as_str())).into_response()),
        Err(error) => {
            let faults = Faults::of(error, &inputs::names(NEW_BY_ADMIN))?;
            let mut page = ListPage::load(&state, frame, "").await?;
            (page.faults, page.values) = (faults, values);
            show_with(StatusCode::BAD_REQUEST, &wants, &page)
        }
    }
}

#[derive(Debug, Serialize)]
struct MemberLine {
    name: String,
    admin: bool,
    /// Is one as long as the identity provider says so.
    claimed: bool,
    since: Moment,
}

#[derive(Debug, Template, Serialize)]
#[template(path = "groups/group.html")]
struct GroupPage {
    #[serde(skip)]
    frame: Frame,
    name: String,
    #[serde(skip)]
    url: String,
    #[serde(skip)]
    owner_url: String,
    /// What the identity provider calls it.
    claim: Option<String>,
    projects: i64,
    members: Vec<MemberLine>,
    paging: Paging,
    pinned: Vec<PinLine>,
    /// Who looks may say who is a member.
    may_change: bool,
    /// Who looks may add projects for it.
    is_member: bool,
    #[serde(skip)]
    values: Values,
    faults: Faults,
}

impl GroupPage {
    async fn load(state: &AppState, frame: Frame, name: &str, page: &str) -> Result<Self, PageError> {
        let caller = frame.caller()?;
        let group = group::find(state, name).await?;
        let all = db::group::members(&state.db, group.id).await?;
        let own = all.iter().find(|member| member.name == caller.user.name);
        let (is_member, is_admin) = (own.is_some(), own.is_some_and(|member| member.admin));
        let url = group_url(group.name.as_str());
        let mut paging = Paging::new(page, LINES, url.clone());
        let now = clock::now_ms();
        let line = |member: db::group::Member| MemberLine {
            name: member.name,
            admin: member.admin,
            claimed: member.claimed,
            since: Moment::new(member.since_ms, now),
        };
        Ok(Self {
            frame,
            url,
            owner_url: owner_url(group.name.as_str()),
            name: group.name.to_string(),
            claim: group.claim,
            projects: group.projects,
            pinned: pins::lines(state, &group.name).await?,
            members: paging.cut_all(all).into_iter().map(line).collect(),
            paging,
            may_change: is_admin || caller.user.admin,
            is_member: is_member || caller.user.admin,
            values: Values::default(),
            faults: Faults::default(),
        })
    }
}

async fn one(
    State(state): State<AppState>,
    Path(name): Path<String>,
    wants: Wants,
    frame: Frame,
    Lenient(query): Lenient<Query>,
    _: SignedIn,
) -> Result<Response, PageError> {
    show(&wants, &GroupPage::load(&state, frame, &name, &query.page).await?)
}

/// Says what a user is in a group: fields `user`, and `as` with `member`, `admin` or `nobody`.
async fn change(
    State(state): State<AppState>,
    Path(name): Path<String>,
    wants: Wants,
    frame: Frame,
    form: Form<Vec<(String, String)>>,
) -> Result<Response, PageError> {
    let values: Values = form.value.into_iter().collect();
    let change = match values.get("as") {
        "member" => MemberChange { member: Some(true), admin: Some(false) },
        "admin" => MemberChange { member: Some(true), admin: Some(true) },
        "nobody" => MemberChange { member: Some(false), admin: None },
        _ => return Err(PageError::Refused("The form does not say what the user is to be.".to_owned())),
    };
    let asked = BTreeMap::from([(values.get("user").trim().to_owned(), change)]);
    let done = group::members(State(state.clone()), frame.caller()?, Path(name.clone()), JsonBody(asked)).await;
    let mut page = match done {
        // Who has left is shown the group all the same.
        Ok(Json(group)) => return Ok(Redirect::to(&group_url(group.name.as_str())).into_response()),
        Err(ApiError::NotFound(text)) => {
            let mut page = GroupPage::load(&state, frame, &name, "").await?;
            page.faults.add("user", &text);
            page
        }
        Err(error) => {
            let faults = Faults::of(error, &["user"])?;
            let mut page = GroupPage::load(&state, frame, &name, "").await?;
            page.faults = faults;
            page
        }
    };
    page.values = values;
    show_with(StatusCode::BAD_REQUEST, &wants, &page)
}

async fn delete(
    State(state): State<AppState>,
    Path(name): Path<String>,
    frame: Frame,
    _form: Form<Nothing>,
) -> Result<Response, PageError> {
    let _ = group::delete(State(state), frame.caller()?, Path(name)).await?;
    Ok(Redirect::to("/groups/").into_response())
}
