//! Addresses that are told of a project's events.

use axum::{
    Json,
    extract::{Path, State},
    http::Method,
};
use copr_api::{
    names::Secret,
    v3::{Delivery, Hook as View, HookAdd, HookEdit, Items},
};
use rand::RngExt as _;

use super::{event::topics, project::owned};
use crate::{
    clock,
    db::{
        self,
        hook::{self, Hook},
        notice,
        permission::Role,
        project::Project,
    },
    events,
    http::{
        auth::Caller,
        error::ApiError,
        params::{self, JsonBody},
        routes::Routes,
    },
    state::AppState,
};

/// The addresses of this file.
pub fn routes() -> Routes {
    Routes::default()
        .api(Method::GET, "/api_3/webhook/list/{owner}/{project}", list)
        .api(Method::POST, "/api_3/webhook/add/{owner}/{project}", add)
        .api(Method::PUT, "/api_3/webhook/edit/{owner}/{project}/{hook}", edit)
        .api(Method::DELETE, "/api_3/webhook/delete/{owner}/{project}/{hook}", delete)
        .api(Method::GET, "/api_3/webhook/deliveries/{owner}/{project}/{hook}", deliveries)
        .api(Method::POST, "/api_3/webhook/test/{owner}/{project}/{hook}", test)
        .api(Method::POST, "/api_3/webhook/redeliver/{owner}/{project}/{hook}/{delivery}", redeliver)
}

/// The longest address.
const URL: usize = 2000;
/// The shortest and the longest secret.
const SECRET: std::ops::RangeInclusive<usize> = 16..=200;
/// Deliveries that are shown.
const DELIVERIES: i64 = 100;

fn view(of: &Hook, secret: Option<Secret>) -> View {
    View {
        id: of.id,
        url: shown(&of.url),
        topics: of.topics.clone(),
        active: of.active,
        failures: of.attempts,
        created_on: of.created_ms / 1000,
        secret,
    }
}

/// An address without what may be a secret of it.
fn shown(url: &str) -> String {
    url.split('?').next().unwrap_or_default().to_owned()
}

async fn hooks_project(state: &AppState, caller: &Caller, owner: &str, name: &str) -> Result<Project, ApiError> {
    owned(state, caller, owner, name, Role::Admin, "see or change webhooks of").await
}

async fn find(state: &AppState, project: &Project, number: &str) -> Result<Hook, ApiError> {
    let id = params::id(number)?;
    let missing = || ApiError::NotFound(format!("Project {} has no webhook {id}.", project.full_name()));
    hook::get(&state.db, project.id, id).await?.ok_or_else(missing)
}

/// An address that may be told.
fn address(state: &AppState, text: &str) -> Result<String, ApiError> {
    let wrong = |why: &str| ApiError::BadRequest(format!("url: {why}"));
    let text = text.trim();
    if text.len() > URL {
        return Err(wrong(&format!("An address may have {URL} bytes")));
    }
    let url = url::Url::parse(text).map_err(|_| wrong("This is no http:// or https:// address"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("An address with a user's name or password is not taken: bodies are signed"));
    }
    events::check(&state.config.events, &url).map_err(|why| wrong(&why))?;
    Ok(url.into())
}

fn checked_secret(secret: Secret) -> Result<Secret, ApiError> {
    let fine = SECRET.contains(&secret.expose().len()) && secret.expose().bytes().all(|byte| byte.is_ascii_graphic());
    if fine {
        return Ok(secret);
    }
    Err(ApiError::BadRequest(format!(
        "secret: It must have {} to {} letters, digits and signs, and no blank",
        SECRET.start(),
        SECRET.end()
    )))
}

/// `GET /api_3/webhook/list/{owner}/{project}`.
///
/// # Errors
/// 403, 404.
pub async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Path((owner, name)): Path<(String, String)>,
) -> Result<Json<Items<View>>, ApiError> {
    let project = hooks_project(&state, &caller, &owner, &name).await?;
    let all = hook::of_project(&state.db, project.id).await?;
    Ok(Json(Items { items: all.iter().map(|of| view(of, None)).collect() }))
}

/// `POST /api_3/webhook/add/{owner}/{project}`: the answer has the secret, this once.
///
/// # Errors
/// 400: the address can't be told, or there are too many; 403, 404.
pub async fn add(
    State(state): State<AppState>,
    caller: Caller,
    Path((owner, name)): Path<(String, String)>,
    JsonBody(body): JsonBody<HookAdd>,
) -> Result<Json<View>, ApiError> {
    let project = hooks_project(&state, &caller, &owner, &name).await?;
    let secret = match body.secret.filter(|secret| !secret.expose().is_empty()) {
        Some(secret) => checked_secret(secret)?,
        None => Secret::new(hex::encode(rand::rng().random::<[u8; 32]>())),
    };
    let now = clock::now_ms();
    let mut new = Hook {
        id: 0,
        project_id: project.id,
        url: address(&state, &body.url)?,
        secret,
        topics: topics(body.topics.into_iter())?,
        active: true,
        attempts: 0,
        failing_ms: None,
        due_ms: 0,
        created_ms: now,
    };
    let most = state.config.events.hooks_of_project;
    let added = hook::add(&state.db, &new, most, now).await?;
    new.id = added.ok_or_else(|| ApiError::BadRequest(format!("url: A project may have {most} webhooks")))?;
    tracing::info!(project = project.full_name(), hook = new.id, by = caller.user.name, "webhook added");
    let secret = new.secret.clone();
    Ok(Json(view(&new, Some(secret))))
}

/// `PUT /api_3/webhook/edit/{owner}/{project}/{hook}`: what is not sent stays; what waits for it is tried at once.
///
/// # Errors
/// 400, 403, 404.
pub async fn edit(
    State(state): State<AppState>,
    caller: Caller,
    Path((owner, name, number)): Path<(String, String, String)>,
    JsonBody(body): JsonBody<HookEdit>,
) -> Result<Json<View>, ApiError> {
    let project = hooks_project(&state, &caller, &owner, &name).await?;
    let mut of = find(&state, &project, &number).await?;
    if let Some(url) = &body.url {
        of.url = address(&state, url)?;
    }
    if let Some(list) = body.topics {
        of.topics = topics(list.into_iter())?;
    }
    if let Some(secret) = body.secret {
        of.secret = checked_secret(secret)?;
    }
    of.active = body.active.unwrap_or(of.active);
    if !hook::set(&state.db, &of).await? {
        return Err(ApiError::NotFound(format!("Webhook {} was deleted meanwhile.", of.id)));
    }
    of.attempts = 0;
    if of.active {
        notice::take(&state.db, &project, notice::HOOK_DISABLED, &of.id.to_string(), clock::now_ms()).await?;
    }
    tracing::info!(project = project.full_name(), hook = of.id, by = caller.user.name, "webhook changed");
    Ok(Json(view(&of, None)))
}

/// `DELETE /api_3/webhook/delete/{owner}/{project}/{hook}`: the answer is the webhook as it was.
///
/// # Errors
/// 403, 404.
pub async fn delete(
    State(state): State<AppState>,
    caller: Caller,
    Path((owner, name, number)): Path<(String, String, String)>,
) -> Result<Json<View>, ApiError> {
    let project = hooks_project(&state, &caller, &owner, &name).await?;
    let of = find(&state, &project, &number).await?;
    hook::delete(&state.db, of.id).await?;
    notice::take(&state.db, &project, notice::HOOK_DISABLED, &of.id.to_string(), clock::now_ms()).await?;
    tracing::info!(project = project.full_name(), hook = of.id, by = caller.user.name, "webhook deleted");
    Ok(Json(view(&of, None)))
}

/// `GET /api_3/webhook/deliveries/{owner}/{project}/{hook}`: what it was told, newest first.
///
/// # Errors
/// 403, 404.
pub async fn deliveries(
    State(state): State<AppState>,
    caller: Caller,
    Path((owner, name, number)): Path<(String, String, String)>,
) -> Result<Json<Items<Delivery>>, ApiError> {
    let project = hooks_project(&state, &caller, &owner, &name).await?;
    let of = find(&state, &project, &number).await?;
    let all = hook::deliveries(&state.db, of.id, DELIVERIES).await?;
    Ok(Json(Items { items: all.into_iter().map(delivery).collect() }))
}

fn delivery(of: hook::Delivery) -> Delivery {
    Delivery {
        id: of.id,
        message_id: of.message_id,
        topic: of.topic,
        state: of.state,
        attempts: of.attempts,
        status: of.status,
        error: of.error,
        answer: of.answer,
        took_ms: of.took_ms,
        created_on: of.created_ms / 1000,
        tried_on: of.tried_ms.map(|ms| ms / 1000),
    }
}

async fn queued(state: &AppState, of: &Hook, id: i64) -> Result<Json<Delivery>, ApiError> {
    let all = hook::deliveries(&state.db, of.id, DELIVERIES).await?;
    let found = all.into_iter().find(|delivery| delivery.id == id).map(delivery);
    found.map(Json).ok_or_else(|| ApiError::NotFound(format!("Webhook {} was deleted meanwhile.", of.id)))
}

/// `POST /api_3/webhook/test/{owner}/{project}/{hook}`: it is told something, which is in no feed.
///
/// # Errors
/// 403, 404.
pub async fn test(
    State(state): State<AppState>,
    caller: Caller,
    Path((owner, name, number)): Path<(String, String, String)>,
) -> Result<Json<Delivery>, ApiError> {
    let project = hooks_project(&state, &caller, &owner, &name).await?;
    let of = find(&state, &project, &number).await?;
    let id = hook::test(&state.db, &of, &project, clock::now_ms()).await?;
    queued(&state, &of, id).await
}

/// `POST /api_3/webhook/redeliver/{owner}/{project}/{hook}/{delivery}`: the same once more.
///
/// # Errors
/// 403, 404.
pub async fn redeliver(
    State(state): State<AppState>,
    caller: Caller,
    Path((owner, name, number, delivery)): Path<(String, String, String, String)>,
) -> Result<Json<Delivery>, ApiError> {
    let project = hooks_project(&state, &caller, &owner, &name).await?;
    let of = find(&state, &project, &number).await?;
    let delivery = params::id(&delivery)?;
    let missing = || ApiError::NotFound(format!("Webhook {} was told nothing of number {delivery}.", of.id));
    let id = hook::redeliver(&state.db, of.id, delivery, clock::now_ms()).await?.ok_or_else(missing)?;
    queued(&state, &of, id).await
}

/// A project's webhooks, and what each was told last: for its page.
///
/// # Errors
/// The database does not answer.
pub(crate) async fn with_deliveries(
    state: &AppState,
    project: &Project,
) -> Result<Vec<(View, Vec<Delivery>)>, db::Error> {
    let mut all = Vec::new();
    for of in hook::of_project(&state.db, project.id).await? {
        let told = hook::deliveries(&state.db, of.id, 10).await?.into_iter().map(delivery).collect();
        all.push((view(&of, None), told));
    }
    Ok(all)
}
