//! What happens, as a list or as server-sent events; a project's notices; what was and would be built by itself.

use axum::{
    Extension, Json,
    body::Body,
    extract::State,
    http::{
        HeaderMap, HeaderName, Method, StatusCode,
        header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS},
    },
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use copr_api::{
    names::Chroot,
    v3::{Dependent, ErrorBody, Events, Items, Message, Notice, Rebuild},
};
use futures_util::stream;

use super::{find_project, project::owned};
use crate::{
    db::{self, event::TOPICS, permission::Role},
    events::dependents,
    follow::{Heard, Refused, Sight},
    http::{
        auth::Caller,
        error::ApiError,
        limits,
        params::{self, Params},
        peer::Peer,
        routes::Routes,
    },
    state::AppState,
};

/// The addresses of this file.
pub fn routes() -> Routes {
    Routes::default()
        .api(Method::GET, "/api_3/events", events)
        .api(Method::GET, "/api_3/project/notices", notices)
        .api(Method::GET, "/api_3/project/rebuilds", rebuilds)
        .api(Method::GET, "/api_3/project/dependents", plan)
}

/// Sent by whoever was cut off: the number of the last event that it has.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Tells nginx to hand on what comes at once.
const NO_BUFFERING: (HeaderName, &str) = (HeaderName::from_static("x-accel-buffering"), "no");
/// Seconds after which one who was refused may try again.
const LATER: &str = "30";
/// Events of a list: when nobody says how many, and at most.
const PAGE: (i64, i64) = (100, 1000);
/// Rebuilds that are shown.
const REBUILDS: i64 = 200;
/// Dependents that are shown.
const DEPENDENTS: usize = 500;

/// Which events a call is about.
async fn sight(state: &AppState, caller: Option<&Caller>, query: &Params) -> Result<Sight, ApiError> {
    let mut sight = Sight::default();
    if let Some(text) = query.get("project") {
        let wrong = || ApiError::BadRequest("project: It must have the form OWNER/PROJECT".to_owned());
        let (owner, name) = text.split_once('/').ok_or_else(wrong)?;
        sight.project_id = Some(find_project(state, owner, name).await?.id);
    }
    if let Some(caller) = caller.filter(|caller| caller.only.is_none()) {
        sight.unlisted = caller.user.admin;
        sight.owners = vec![caller.user.name.clone()];
        let groups = db::group::of_user(&state.db, caller.user.id).await?;
        sight.owners.extend(groups.into_iter().map(|group| group.name.to_string()));
    }
    sight.topics = topics(query.get("topics").unwrap_or_default().split(',').map(str::to_owned))?;
    Ok(sight)
}

/// Topics that there are.
///
/// # Errors
/// 400: one is none.
pub(super) fn topics(of: impl Iterator<Item = String>) -> Result<Vec<String>, ApiError> {
    let mut topics: Vec<String> = of.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()).collect();
    topics.sort_unstable();
    topics.dedup();
    match topics.iter().find(|topic| !TOPICS.iter().any(|(known, _)| known == topic)) {
        None => Ok(topics),
        Some(wrong) => {
            let known: Vec<&str> = TOPICS.iter().map(|(topic, _)| *topic).collect();
            Err(ApiError::BadRequest(format!("topics: '{}' is none of {}", super::cut(wrong), known.join(", "))))
        }
    }
}

/// `GET /api_3/events?since=N&project=OWNER/PROJECT&topics=A,B&limit=N`: with `Accept: text/event-stream` as they come.
///
/// # Errors
/// 400: what is asked for makes no sense; 404: no such project.
pub async fn events(
    State(state): State<AppState>,
    Extension(Peer(peer)): Extension<Peer>,
    caller: Result<Caller, ApiError>,
    query: Params,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let sight = sight(&state, caller.ok().as_ref(), &query).await?;
    let resumed = headers.get(LAST_EVENT_ID).and_then(|value| value.to_str().ok()?.parse::<i64>().ok());
    let since = match (resumed, query.get("since")) {
        (Some(number), _) => Some(number),
        (None, Some(text)) => Some(params::number("since", text)?),
        (None, None) => None,
    };
    let streams = headers
        .get(ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|text| text.contains("text/event-stream"));
    if !streams {
        let limit = query.get("limit").map(|text| params::number("limit", text)).transpose()?;
        let limit = limit.unwrap_or(PAGE.0).clamp(1, PAGE.1);
        return list(&state, &sight, since.unwrap_or(0), limit).await;
    }
    let follower = match state.following.events(since, sight, peer.map(limits::network)).await {
        Ok(follower) => follower,
        Err(Refused::Io(error)) => return Err(error.into()),
        Err(refused) => {
            let body = Json(ErrorBody { error: refused.to_string() });
            return Ok((StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, LATER)], body).into_response());
        }
    };
    let stopping = state.stopping.clone();
    let pieces = stream::unfold((follower, stopping), async |(mut follower, stopping)| {
        let piece = match follower.next(&stopping).await.transpose()? {
            Ok(heard) => Ok(Bytes::from(written(&heard))),
            Err(error) => Err(std::io::Error::other(error)),
        };
        Some((piece, (follower, stopping)))
    });
    let headers = [
        (CONTENT_TYPE, "text/event-stream"),
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        NO_BUFFERING,
    ];
    Ok((headers, Body::from_stream(pieces)).into_response())
}

async fn list(state: &AppState, sight: &Sight, since: i64, limit: i64) -> Result<Response, ApiError> {
    while db::event::number(&state.db).await? {}
    let found = db::event::after(&state.db, since, sight.project_id, limit).await?;
    let next = found.last().map_or(since, |event| event.number);
    let items: Vec<Message> = found.iter().filter(|event| sight.sees(event)).map(db::event::Event::message).collect();
    Ok(Json(Events { items, next }).into_response())
}

/// An event in its form on the wire: its name is its topic, its id its number.
fn written(heard: &Heard) -> String {
    match heard {
        Heard::Event(event) => {
            let data = serde_json::to_string(&event.message()).unwrap_or_default();
            format!("event: {}\nid: {}\ndata: {data}\n\n", event.topic, event.number)
        }
        Heard::Gap(first) => format!("event: gap\nid: {}\ndata: {{\"first\":{first}}}\n\n", first - 1),
        // Whoever is cut off after a long silence need not look at all of it once more.
        Heard::Nothing(number) => format!(": nothing new\nid: {number}\n\n"),
    }
}

/// `GET /api_3/project/notices`.
///
/// # Errors
/// 404.
pub async fn notices(State(state): State<AppState>, query: Params) -> Result<Json<Items<Notice>>, ApiError> {
    let project = find_project(&state, query.required("ownername")?, query.required("projectname")?).await?;
    let all = db::notice::of_project(&state.db, project.id).await?;
    let view = |of: db::notice::Notice| Notice {
        kind: of.kind,
        about: of.about,
        text: of.text,
        details: of.details,
        since: of.since_ms / 1000,
    };
    Ok(Json(Items { items: all.into_iter().map(view).collect() }))
}

/// `GET /api_3/project/rebuilds`: builds that nobody asked for, newest first.
///
/// # Errors
/// 404.
pub async fn rebuilds(State(state): State<AppState>, query: Params) -> Result<Json<Items<Rebuild>>, ApiError> {
    let project = find_project(&state, query.required("ownername")?, query.required("projectname")?).await?;
    let all = db::rebuild::of_project(&state.db, project.id, REBUILDS).await?;
    Ok(Json(Items { items: all.into_iter().map(rebuild).collect() }))
}

fn rebuild(of: db::rebuild::Rebuild) -> Rebuild {
    Rebuild {
        cause: of.cause,
        depth: of.depth,
        package: of.package,
        chroot: of.chroot,
        origin: of.origin,
        because: of.because,
        build: of.build_id,
        error: of.error,
        created_on: of.created_ms / 1000,
    }
}

/// `GET /api_3/project/dependents`: what would be built anew if a package of the project (or any) changed; nothing is. Metadata of many
/// repositories are read for it, so not everyone may ask.
///
/// # Errors
/// 400: no such chroot; 403; 404: no such project.
pub async fn plan(
    State(state): State<AppState>,
    caller: Caller,
    query: Params,
) -> Result<Json<Items<Dependent>>, ApiError> {
    let (owner, name) = (query.required("ownername")?, query.required("projectname")?);
    let project = owned(&state, &caller, owner, name, Role::Builder, "ask who needs").await?;
    let own: Vec<Chroot> =
        db::chroot::of_project(&state.db, project.id).await?.into_iter().map(|of| of.chroot).collect();
    let chroots = match query.get("chrootname") {
        None => own,
        Some(name) => {
            let found: Vec<Chroot> = own.into_iter().filter(|chroot| chroot.as_str() == name).collect();
            if found.is_empty() {
                return Err(ApiError::BadRequest(format!(
                    "chrootname: The project has no chroot {}",
                    super::cut(name)
                )));
            }
            found
        }
    };
    let found = dependents::plan(&state, &project, query.get("packagename"), &chroots, DEPENDENTS).await;
    let items = found.map_err(|error| ApiError::Internal(error.into()))?;
    Ok(Json(Items { items }))
}
