//! Groups of users, which own projects as `@name`.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::{Path, State},
    http::Method,
};
use copr_api::{
    names::OwnerName,
    v3::{Group as View, GroupAdd, GroupSummary, MemberChange, Membership, Page},
};

use super::cut;
use crate::{
    clock,
    config::people::GroupMakers,
    db::{
        self,
        group::{Added, CLAIM, Change, Changed, Deleted, Group, MEMBERS, Maker},
    },
    http::{
        auth::Caller,
        error::ApiError,
        params::{JsonBody, Params},
        routes::Routes,
    },
    state::AppState,
};

/// Most users in one call.
const USERS: usize = 200;
/// Most groups that a user may administer who adds one more.
const GROUPS: i64 = 20;

/// The addresses of this file.
pub fn routes() -> Routes {
    Routes::default()
        .api(Method::GET, "/api_3/group", get)
        .api(Method::GET, "/api_3/group/list", list)
        .api(Method::POST, "/api_3/group/add/{group}", add)
        .api(Method::PUT, "/api_3/group/members/{group}", members)
        .api(Method::DELETE, "/api_3/group/delete/{group}", delete)
}

fn missing(name: &str) -> ApiError {
    ApiError::NotFound(format!("There is no such group: @{}", cut(name.trim_start_matches('@'))))
}

/// A group by its name, with or without @.
///
/// # Errors
/// 404: there is none.
pub(crate) async fn find(state: &AppState, name: &str) -> Result<Group, ApiError> {
    let bare = name.strip_prefix('@').unwrap_or(name);
    let parsed: OwnerName = format!("@{bare}").parse().map_err(|_| missing(bare))?;
    db::group::by_name(&state.db, &parsed).await?.ok_or_else(|| missing(bare))
}

async fn view(state: &AppState, group: Group) -> Result<Json<View>, ApiError> {
    let members = db::group::members(&state.db, group.id).await?;
    Ok(Json(View {
        id: group.id,
        name: group.name,
        claim: group.claim,
        created_on: clock::seconds(group.created_ms),
        projects: group.projects,
        members: members
            .into_iter()
            .map(|of| {
                let since = clock::seconds(of.since_ms);
                (of.name, Membership { admin: of.admin, claimed: of.claimed, since })
            })
            .collect(),
    }))
}

/// `GET /api_3/group`.
///
/// # Errors
/// 400: no `groupname`; 404: no such group.
pub async fn get(State(state): State<AppState>, _: Caller, query: Params) -> Result<Json<View>, ApiError> {
    let group = find(&state, query.required("groupname")?).await?;
    view(&state, group).await
}

/// `GET /api_3/group/list`, by name.
///
/// # Errors
/// 400: the pagination makes no sense.
pub async fn list(State(state): State<AppState>, query: Params) -> Result<Json<Page<GroupSummary>>, ApiError> {
    let (window, meta) = query.page()?;
    let groups = db::group::list(&state.db, window).await?;
    let summary = |group: Group| GroupSummary { name: group.name, members: group.members, projects: group.projects };
    Ok(Json(Page { items: groups.into_iter().map(summary).collect(), meta }))
}

/// `POST /api_3/group/add/{group}`: whoever adds it administers it.
///
/// # Errors
/// 400: no name, or a claim that is too long; 403: only administrators of the site may, or may say a claim; 409: there is one of that
/// name or claim.
pub async fn add(
    State(state): State<AppState>,
    caller: Caller,
    Path(name): Path<String>,
    JsonBody(body): JsonBody<GroupAdd>,
) -> Result<Json<View>, ApiError> {
    caller.whole("add groups")?;
    let admin = caller.user.admin;
    if state.config.people.groups == GroupMakers::Admins {
        caller.require_site_admin("add groups")?;
    }
    let claim = body.claim.as_deref().map(str::trim).filter(|claim| !claim.is_empty());
    if let Some(claim) = claim {
        caller.require_site_admin("say what the identity provider calls a group")?;
        if claim.chars().count() > CLAIM || claim.chars().any(char::is_control) {
            return Err(ApiError::BadRequest(format!("claim: it may have {CLAIM} characters at most, in one line")));
        }
    }
    let bare = name.strip_prefix('@').unwrap_or(&name);
    let name: OwnerName = format!("@{bare}")
        .parse()
        .map_err(|error: copr_api::names::NameError| ApiError::BadRequest(format!("name: {}", error.rule)))?;
    let maker = Maker { user_id: Some(caller.user.id), most: (!admin).then_some(GROUPS) };
    match db::group::add(&state.db, &name, claim, maker, clock::now_ms()).await? {
        Added::Done => {}
        Added::Taken => {
            return Err(ApiError::Conflict(match db::group::by_name(&state.db, &name).await? {
                Some(_) => format!("name: There is a group {name} already."),
                None => "claim: Another group has it.".to_owned(),
            }));
        }
        Added::Owns => {
            return Err(ApiError::Forbidden(format!(
                "You don't have required permission: there are projects of a former group {name}, which would become \
                 yours; an administrator of the site may add it."
            )));
        }
        Added::TooMany => {
            return Err(ApiError::BadRequest(format!(
                "{} administers {GROUPS} groups, which is the most.",
                caller.user.name
            )));
        }
    }
    tracing::info!(group = %name, by = caller.user.name, "group added");
    let group = find(&state, name.as_str()).await?;
    view(&state, group).await
}

/// `PUT /api_3/group/members/{group}`: all of it or nothing.
///
/// # Errors
/// 400: nothing is to be changed, nobody would administer it, or a member comes from the identity provider; 403; 404: no such group
/// or user.
pub async fn members(
    State(state): State<AppState>,
    caller: Caller,
    Path(name): Path<String>,
    JsonBody(asked): JsonBody<BTreeMap<String, MemberChange>>,
) -> Result<Json<View>, ApiError> {
    caller.whole("change groups")?;
    let group = find(&state, &name).await?;
    caller.require_group_admin(&state, &group, "say who is a member of").await?;
    if asked.is_empty() || asked.len() > USERS {
        return Err(ApiError::BadRequest(format!("1 to {USERS} users can be changed in one call.")));
    }
    let mut changes = Vec::with_capacity(asked.len());
    for (who, MemberChange { member, admin }) in asked {
        if member == Some(false) && admin == Some(true) {
            return Err(ApiError::BadRequest(format!("{}: who administers a group is a member of it.", cut(&who))));
        }
        let user = db::user::by_name(&state.db, &who).await?;
        let user = user.ok_or_else(|| ApiError::NotFound(format!("User {} does not exist.", cut(&who))))?;
        changes.push(Change { user_id: user.id, name: user.name, member, admin });
    }
    let (count, now) = (changes.len(), clock::now_ms());
    match db::group::set_members(&state.db, group.id, &changes, !caller.user.admin, now).await? {
        Changed::Done => {}
        Changed::Gone => return Err(missing(group.name.as_str())),
        Changed::Claimed(who) => {
            return Err(ApiError::BadRequest(format!(
                "{who} is a member of {} as long as the identity provider says so.",
                group.name
            )));
        }
        Changed::NoAdmin => {
            return Err(ApiError::BadRequest(format!(
                "Nobody would be left to administer {}: make somebody else its administrator first.",
                group.name
            )));
        }
        Changed::TooMany => {
            return Err(ApiError::BadRequest(format!("{} may have {MEMBERS} members at most.", group.name)));
        }
    }
    tracing::info!(group = %group.name, by = caller.user.name, users = count, "members of a group changed");
    let group = find(&state, group.name.as_str()).await?;
    view(&state, group).await
}

/// `DELETE /api_3/group/delete/{group}`: only one that owns no project.
///
/// # Errors
/// 403, 404; 409: it owns projects.
pub async fn delete(
    State(state): State<AppState>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<View>, ApiError> {
    caller.whole("delete groups")?;
    let group = find(&state, &name).await?;
    caller.require_group_admin(&state, &group, "delete").await?;
    let name = group.name.clone();
    let id = group.id;
    let was = view(&state, group).await?;
    match db::group::delete(&state.db, id).await? {
        Deleted::Done => {}
        Deleted::Gone => return Err(missing(name.as_str())),
        Deleted::Owns => {
            return Err(ApiError::Conflict(format!("{name} owns projects: delete them first.")));
        }
    }
    tracing::info!(group = %name, by = caller.user.name, "group deleted");
    Ok(was)
}
