//! Promotions: asked for, voted on, let through, called off, and looked at.

use axum::{
    Json,
    extract::{Path, State},
    http::Method,
    response::Response,
};
use copr_api::v3::{
    Promotion as View, PromotionEvent, PromotionGate, PromotionItem, PromotionReason, PromotionState, PromotionVote,
    PromotionWish, VoteWish,
};

use super::{find_project, paging, project::owned};
use crate::{
    clock::{self, seconds},
    db::{
        self,
        permission::Role,
        project::Project,
        promotion::{Candidate, Item, New, Promotion, Step},
    },
    http::{
        auth::Caller,
        error::ApiError,
        params::{self, JsonBody, Params},
        routes::Routes,
    },
    promotion::{self, Plan},
    state::AppState,
};

/// Longest comment or reason, in characters.
const TEXT: usize = 2000;
/// Most promotions into a project that have not ended.
const OPEN: i64 = 100;

/// The addresses of this file.
pub fn routes() -> Routes {
    Routes::default()
        .api(Method::GET, "/api_3/promotion/list", list)
        .api(Method::GET, "/api_3/promotion/{id}", get)
        .api(Method::POST, "/api_3/promotion/new/{owner}/{project}", new)
        .api(Method::POST, "/api_3/promotion/vote/{id}", vote)
        .api(Method::PUT, "/api_3/promotion/approve/{id}", approve)
        .api(Method::PUT, "/api_3/promotion/override/{id}", override_impact)
        .api(Method::PUT, "/api_3/promotion/cancel/{id}", cancel)
}

async fn find(state: &AppState, id: &str) -> Result<Promotion, ApiError> {
    let id = params::id(id)?;
    let found = db::promotion::get(&state.db, id).await?;
    found.ok_or_else(|| ApiError::NotFound(format!("Promotion {id} does not exist.")))
}

/// The promotion, and the project that it goes into, in which the caller must have a role.
async fn in_target(
    state: &AppState,
    caller: &Caller,
    id: &str,
    least: Role,
    what: &str,
) -> Result<(Promotion, Project), ApiError> {
    let promotion = find(state, id).await?;
    let (owner, name) = (promotion.target_owner.as_str(), promotion.target_name.as_str());
    let project = owned(state, caller, owner, name, least, what).await?;
    Ok((promotion, project))
}

fn item_view(item: Item) -> PromotionItem {
    let Item { build_id, chroot, package_name, package_version, copy_id, skipped } = item;
    PromotionItem { build_id, chroot, package: package_name, version: package_version, copy_id, skipped }
}

fn item_of(of: &(Candidate, Option<String>)) -> PromotionItem {
    let (one, skipped) = of;
    PromotionItem {
        build_id: one.build_id,
        chroot: one.chroot.clone(),
        package: one.package_name.clone(),
        version: one.package_version.clone(),
        copy_id: None,
        skipped: skipped.clone(),
    }
}

/// What the target asks for, and how far that is; of one that has ended, nothing.
async fn gates(state: &AppState, of: &Promotion, items: &[Item]) -> Result<Vec<PromotionGate>, ApiError> {
    if of.state.is_final() || of.state == PromotionState::Running {
        return Ok(Vec::new());
    }
    let asked = db::gates::of_project(&state.db, of.target_id).await?;
    let mut builds: Vec<i64> = items.iter().filter(|item| item.skipped.is_none()).map(|item| item.build_id).collect();
    builds.sort_unstable();
    builds.dedup();
    let mut good = db::promotion::good_of(&state.db, of.source_id, &builds).await?;
    good.retain(|one| {
        items.iter().any(|item| item.skipped.is_none() && (item.build_id, &item.chroot) == (one.build_id, &one.chroot))
    });
    let votes = db::promotion::votes(&state.db, of.id).await?;
    Ok(gates_view(promotion::gates(&asked, of, &votes, &good, clock::now_ms())))
}

fn gates_view(gates: Vec<promotion::Gate>) -> Vec<PromotionGate> {
    let each = gates.into_iter();
    each.map(|gate| PromotionGate { name: gate.name.to_owned(), open: gate.open, text: gate.text }).collect()
}

/// A promotion with all that belongs to it.
///
/// # Errors
/// The database does not answer.
pub(crate) async fn view(state: &AppState, of: Promotion) -> Result<View, ApiError> {
    let items = db::promotion::items(&state.db, of.id).await?;
    let votes = db::promotion::votes(&state.db, of.id).await?;
    let events = db::promotion::events(&state.db, of.id).await?;
    let gates = gates(state, &of, &items).await?;
    let (override_by, override_reason) = of.overridden.unzip();
    Ok(View {
        id: Some(of.id),
        state: of.state,
        message: of.message,
        source_owner: of.source_owner,
        source_project: of.source_name,
        ownername: of.target_owner,
        projectname: of.target_name,
        submitter: of.submitter,
        moves: of.moves,
        submitted_on: seconds(of.created_ms),
        ended_on: of.ended_ms.map(seconds),
        items: items.into_iter().map(item_view).collect(),
        gates,
        votes: votes
            .into_iter()
            .map(|vote| PromotionVote {
                user: vote.voter,
                vote: vote.vote,
                comment: vote.comment,
                voted_on: seconds(vote.voted_ms),
            })
            .collect(),
        override_by,
        override_reason,
        impact: of.impact,
        history: events
            .into_iter()
            .map(|event| PromotionEvent { who: event.who, what: event.what, on: seconds(event.happened_ms) })
            .collect(),
    })
}

/// `GET /api_3/promotion/list`: promotions into and out of a project, newest first.
///
/// # Errors
/// 400: no project is named, or a state that there is not; 404: there is no such project.
pub async fn list(State(state): State<AppState>, query: Params) -> Result<Response, ApiError> {
    let project = find_project(&state, query.required("ownername")?, query.required("projectname")?).await?;
    let (window, meta) = query.page()?;
    let wrong = |error: copr_api::names::NameError| ApiError::BadRequest(format!("state: {}", error.rule));
    let of_state = query.get("state").map(|text| text.parse::<PromotionState>().map_err(wrong)).transpose()?;
    let project_id = project.id;
    paging::page(window, meta, move |window, _| {
        let state = state.clone();
        async move {
            let mut views = Vec::new();
            for of in db::promotion::list(&state.db, project_id, of_state, window).await? {
                views.push(view(&state, of).await?);
            }
            Ok(views)
        }
    })
    .await
}

/// `GET /api_3/promotion/{id}`.
///
/// # Errors
/// 404.
pub async fn get(State(state): State<AppState>, Path(id): Path<String>) -> Result<Json<View>, ApiError> {
    let found = find(&state, &id).await?;
    Ok(Json(view(&state, found).await?))
}

/// A text that somebody must give.
fn reason(text: &str, field: &str) -> Result<String, ApiError> {
    let text = comment(text, field)?;
    if text.is_empty() {
        return Err(ApiError::BadRequest(format!("{field}: Say why, in a few words.")));
    }
    Ok(text)
}

/// A text that somebody may give.
fn comment(text: &str, field: &str) -> Result<String, ApiError> {
    let text = text.trim();
    if text.chars().count() > TEXT {
        return Err(ApiError::BadRequest(format!("{field}: It may have {TEXT} characters.")));
    }
    Ok(text.to_owned())
}

/// `POST /api_3/promotion/new/{owner}/{project}`: asks for builds of another project to come into this one. It goes on by itself when
/// this project has all that it asks for. With `dry_run` nothing is noted, and the answer tells what would happen.
///
/// # Errors
/// 400: there is nothing to promote, with why; 403: in one of the projects the caller may not; 404; 409: too many are open.
pub async fn new(
    State(state): State<AppState>,
    caller: Caller,
    Path((owner, name)): Path<(String, String)>,
    JsonBody(wish): JsonBody<PromotionWish>,
) -> Result<Json<View>, ApiError> {
    let target = find_project(&state, &owner, &name).await?;
    let asked = db::gates::of_project(&state.db, target.id).await?;
    let overrides = wish.override_reason.as_deref().map(|text| reason(text, "override")).transpose()?;
    let least = if asked.admins_only || overrides.is_some() { Role::Admin } else { Role::Builder };
    caller.require(&state, &target, least, "promote into").await?;
    let Some((source_owner, source_name)) = wish.source.split_once('/') else {
        return Err(ApiError::BadRequest("source: It must have the form OWNER/PROJECT.".to_owned()));
    };
    let source = match find_project(&state, source_owner, source_name).await {
        Err(ApiError::NotFound(text)) => return Err(ApiError::BadRequest(format!("source: {text}"))),
        found => found?,
    };
    if source.id == target.id {
        return Err(ApiError::BadRequest("source: A project can't be promoted into itself.".to_owned()));
    }
    if wish.moves {
        caller.require(&state, &source, Role::Builder, "move builds out of").await?;
    }
    let named = promotion::Wish { what: &wish.what, chroots: &wish.chroots };
    let plan = promotion::plan(&state, &source, &target, named).await?.map_err(ApiError::BadRequest)?;
    if wish.dry_run {
        return would_be(&state, &caller, &source, &target, &wish, overrides, &plan).await.map(Json);
    }
    if plan.going().next().is_none() {
        let why: Vec<String> = plan
            .items
            .iter()
            .filter_map(|(one, why)| Some(format!("{} ({}): {}", one.package_name, one.chroot, why.as_deref()?)))
            .take(20)
            .collect();
        return Err(ApiError::BadRequest(format!("Nothing is to be promoted:\n{}", why.join("\n"))));
    }
    if db::promotion::count_open(&state.db, target.id).await? >= OPEN {
        return Err(ApiError::Conflict(format!(
            "{OPEN} promotions into {} have not ended yet: cancel some of them first.",
            target.full_name()
        )));
    }
    let new = New {
        source: &source,
        target: &target,
        submitter: &caller.user.name,
        moves: wish.moves,
        items: &plan.items,
        override_reason: overrides.as_deref(),
    };
    let id = match db::promotion::add(&state.db, &new, clock::now_ms()).await {
        Err(error) if error.is_orphan() => {
            return Err(ApiError::NotFound(format!("Project {} does not exist.", target.full_name())));
        }
        added => added?,
    };
    tracing::info!(
        promotion = id,
        from = source.full_name(),
        to = target.full_name(),
        by = caller.user.name,
        "promotion asked for"
    );
    state.promoting.wake();
    get(State(state), Path(id.to_string())).await
}

/// What a promotion would be.
async fn would_be(
    state: &AppState,
    caller: &Caller,
    source: &Project,
    target: &Project,
    wish: &PromotionWish,
    overrides: Option<String>,
    plan: &Plan,
) -> Result<View, ApiError> {
    let going: Vec<Candidate> = plan.going().cloned().collect();
    let impact =
        if going.is_empty() { None } else { Some(state.promoting.impacts().find(state, source, target, &going).await) };
    let now_ms = clock::now_ms();
    let of = Promotion {
        id: 0,
        source_id: source.id,
        source_owner: source.owner.clone(),
        source_name: source.name.clone(),
        target_id: target.id,
        target_owner: target.owner.clone(),
        target_name: target.name.clone(),
        submitter: caller.user.name.clone(),
        moves: wish.moves,
        state: PromotionState::Requested,
        message: None,
        approved_by: None,
        overridden: overrides.map(|reason| (caller.user.name.clone(), reason)),
        impact,
        impact_ms: Some(now_ms),
        created_ms: now_ms,
        ended_ms: None,
    };
    let asked = db::gates::of_project(&state.db, target.id).await?;
    let gates = gates_view(promotion::gates(&asked, &of, &[], &going, now_ms));
    Ok(View { id: None, items: plan.items.iter().map(item_of).collect(), gates, ..view(state, of).await? })
}

fn too_late(promotion: &Promotion) -> ApiError {
    ApiError::Conflict(format!("Promotion {} does not wait any more: it is {}.", promotion.id, promotion.state))
}

/// `POST /api_3/promotion/vote/{id}`: everyone but who has asked for it has a vote; the last one counts.
///
/// # Errors
/// 400: it is no vote; 403, 404; 409: it does not wait any more, or is the caller's own.
pub async fn vote(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<String>,
    JsonBody(wish): JsonBody<VoteWish>,
) -> Result<Json<View>, ApiError> {
    caller.whole("vote")?;
    let found = find(&state, &id).await?;
    let Some(given @ (1 | -1)) = wish.vote else {
        return Err(ApiError::BadRequest("vote: It must be 1 or -1.".to_owned()));
    };
    let comment = comment(&wish.comment, "comment")?;
    if found.submitter == caller.user.name {
        return Err(ApiError::Conflict("Nobody votes on what he has asked for himself.".to_owned()));
    }
    if !db::promotion::vote(&state.db, &found, &caller.user.name, given, &comment, clock::now_ms()).await? {
        return Err(too_late(&find(&state, &id).await?));
    }
    state.promoting.wake();
    get(State(state), Path(id)).await
}

/// `PUT /api_3/promotion/approve/{id}`: an administrator of the target says when. It goes once all else is there that is asked for.
///
/// # Errors
/// 403, 404; 409: it does not wait any more.
pub async fn approve(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<View>, ApiError> {
    let (found, _) = in_target(&state, &caller, &id, Role::Admin, "approve promotions into").await?;
    let step = Step {
        from: &[PromotionState::Requested, PromotionState::Waiting],
        to: PromotionState::Waiting,
        message: found.message.as_deref(),
        who: &caller.user.name,
        what: "approves it",
        approves: true,
    };
    if !db::promotion::step(&state.db, found.id, &step, clock::now_ms()).await? {
        return Err(too_late(&find(&state, &id).await?));
    }
    state.promoting.wake();
    get(State(state), Path(id)).await
}

/// `PUT /api_3/promotion/override/{id}`: an administrator of the target lets it go whatever breaks.
///
/// # Errors
/// 400: no reason is given; 403, 404; 409: it does not wait any more.
pub async fn override_impact(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<String>,
    JsonBody(PromotionReason { reason: text }): JsonBody<PromotionReason>,
) -> Result<Json<View>, ApiError> {
    let (found, _) = in_target(&state, &caller, &id, Role::Admin, "override the gates of").await?;
    let reason = reason(&text, "reason")?;
    let now_ms = clock::now_ms();
    if !db::promotion::override_impact(&state.db, found.id, &caller.user.name, &reason, now_ms).await? {
        return Err(too_late(&find(&state, &id).await?));
    }
    state.promoting.wake();
    get(State(state), Path(id)).await
}

/// `PUT /api_3/promotion/cancel/{id}`: who has asked for it calls it off, or an administrator of the target says no.
///
/// # Errors
/// 403, 404; 409: it is too late.
pub async fn cancel(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<String>,
    JsonBody(PromotionReason { reason: text }): JsonBody<PromotionReason>,
) -> Result<Json<View>, ApiError> {
    let found = find(&state, &id).await?;
    let own = found.submitter == caller.user.name && caller.only.is_none_or(|only| only == found.target_id);
    if !own {
        in_target(&state, &caller, &id, Role::Admin, "refuse promotions into").await?;
    }
    let text = comment(&text, "reason")?;
    let word = if own { "called it off" } else { "refused it" };
    let mut message = format!("{} has {word}.", caller.user.name);
    let mut what = word.to_owned();
    if !text.is_empty() {
        message = format!("{message} {text}");
        what = format!("{what}: {text}");
    }
    let step = Step {
        from: &[PromotionState::Requested, PromotionState::Waiting, PromotionState::Approved],
        to: PromotionState::Refused,
        message: Some(&message),
        who: &caller.user.name,
        what: &what,
        approves: false,
    };
    if !db::promotion::step(&state.db, found.id, &step, clock::now_ms()).await? {
        return Err(too_late(&find(&state, &id).await?));
    }
    get(State(state), Path(id)).await
}
