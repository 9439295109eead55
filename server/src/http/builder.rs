//! The builders' side: see [`copr_api::builder`] for the protocol. A lease that is no longer the caller's is answered with 409.

use std::time::Duration;

use axum::{
    Json,
    body::{Body, Bytes},
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use copr_api::{
    builder::{
        Finish, Heartbeat, HeartbeatReply, Lease, LeaseRequest, Outcome, ResultFile, SHA256_HEADER, Settings,
        SourceFile, Work,
    },
    v3::BuildState,
};
use futures_util::TryStreamExt as _;
use serde_json::{Value, json};

use super::{
    auth::BuilderCaller,
    error::{ApiError, blocking},
    params::{JsonBody, Params},
};
use crate::{
    chain,
    db::{
        self,
        build::{Build, BuildChroot},
        lease::Held,
    },
    queue::Queue,
    source,
    state::AppState,
    store::{Append, LOG_NAMES},
};

/// The longest piece of log in one call, with some room for the sender's reckoning.
pub const LOG_CHUNK: usize = (1 << 20) + 1024;
/// How long a call for work is held when there is none.
const PATIENCE: Duration = Duration::from_secs(20);

/// `POST /builder/v1/lease`.
///
/// # Errors
/// 400: no architectures, or too many.
pub async fn lease(
    State(state): State<AppState>,
    _: BuilderCaller,
    JsonBody(request): JsonBody<LeaseRequest>,
) -> Result<Response, ApiError> {
    if request.arches.is_empty() || request.arches.len() > 32 || request.builder.len() > 200 {
        return Err(ApiError::BadRequest(
            "a builder has a name of at most 200 bytes and 1 to 32 architectures".to_owned(),
        ));
    }
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let patience = deadline.saturating_duration_since(tokio::time::Instant::now());
        let claimed = state.queue.lease(&request.builder, &request.arches, patience, &state.stopping).await?;
        let Some(claimed) = claimed else { return Ok(StatusCode::NO_CONTENT.into_response()) };
        // One that can't be built for a reason of its project fails here, and the next one is looked for.
        if let Some(lease) = grant(&state, &claimed).await? {
            return Ok(Json(lease).into_response());
        }
    }
}

/// All that the builder needs to know; `None`: the build has failed already.
async fn grant(state: &AppState, claimed: &BuildChroot) -> Result<Option<Lease>, ApiError> {
    let id = claimed.lease_id.clone().unwrap_or_default();
    let Some(build) = db::build::get(&state.db, claimed.build_id).await? else { return Ok(None) };
    let Some(project) = db::project::by_id(&state.db, build.project_id).await? else { return Ok(None) };
    let Some(definition) = state.chroots.get(&claimed.chroot) else {
        fail(
            state,
            &id,
            &build,
            claimed,
            &format!("This server does not offer the chroot {} any more.", claimed.chroot),
        )
        .await?;
        return Ok(None);
    };
    let repositories = match chain::build_time(state, &project, &build.dirname, &claimed.chroot).await {
        Ok(repositories) => repositories,
        Err(chain::Error::Chain(why)) => {
            fail(state, &id, &build, claimed, &why).await?;
            return Ok(None);
        }
        Err(error) => return Err(error.into()),
    };
    let own = db::chroot::get(&state.db, project.id, &claimed.chroot).await?;
    let mut macros = definition.macros.clone();
    macros.extend([
        ("copr_username".to_owned(), project.owner.to_string()),
        ("copr_projectname".to_owned(), project.name.to_string()),
        (
            "vendor".to_owned(),
            format!("Copr - {} {}", if project.owner.is_group() { "group" } else { "user" }, project.owner),
        ),
        ("buildtag".to_owned(), format!(".copr{}", build.id)),
    ]);
    if let Some(own) = &own {
        let with = own.with_opts.iter().map(|option| (format!("_with_{option}"), format!("--with-{option}")));
        let without =
            own.without_opts.iter().map(|option| (format!("_without_{option}"), format!("--without-{option}")));
        macros.extend(with.chain(without));
    }
    Ok(Some(Lease {
        id,
        seconds: state.queue.lease_seconds(),
        build_id: build.id,
        chroot: claimed.chroot.clone(),
        owner: build.owner,
        dirname: build.dirname,
        work: Work::Build {
            srpm: SourceFile {
                name: build.source_name,
                size: u64::try_from(build.source_size).unwrap_or_default(),
                sha256: build.source_sha256,
            },
        },
        definition: definition.clone(),
        repositories,
        extra_packages: own.map(|own| own.additional_packages).unwrap_or_default(),
        timeout: u64::try_from(build.timeout).unwrap_or_default(),
        macros,
        settings: Settings { network: build.enable_net, ..Settings::default() },
    }))
}

/// Ends a build-chroot that no builder can help, and says why where its packager looks.
async fn fail(state: &AppState, lease: &str, build: &Build, claimed: &BuildChroot, why: &str) -> Result<(), ApiError> {
    let folder =
        state.store.directory(&build.owner, &build.dirname).join(claimed.chroot.as_str()).join(&build.folder());
    let (limit, line) = (state.config.limits.log_bytes, Bytes::from(format!("{why}\n")));
    state.store.append_log(&folder, lease, "builder-live.log", 0, line, limit).await?;
    state.queue.finish_without(lease, BuildState::Failed, Some(why)).await?;
    Ok(())
}

/// The build-chroot of a lease that is still at work.
async fn at_work(state: &AppState, lease: &str) -> Result<Held, ApiError> {
    match db::lease::held(&state.db, lease).await? {
        Some(held) if !held.finished => Ok(held),
        _ => Err(ApiError::lease_lost()),
    }
}

/// `POST /builder/v1/lease/{id}/heartbeat`.
///
/// # Errors
/// 409.
pub async fn heartbeat(
    State(state): State<AppState>,
    _: BuilderCaller,
    Path(lease): Path<String>,
    JsonBody(beat): JsonBody<Heartbeat>,
) -> Result<Json<HeartbeatReply>, ApiError> {
    let cancel = state.queue.heartbeat(&lease, beat.stage).await?.ok_or_else(ApiError::lease_lost)?;
    Ok(Json(HeartbeatReply { cancel }))
}

/// `POST /builder/v1/lease/{id}/log/{name}?offset=N`.
///
/// # Errors
/// 400: no such log, 409; 416 with the log's size when the offset is another.
pub async fn log(
    State(state): State<AppState>,
    _: BuilderCaller,
    Path((lease, name)): Path<(String, String)>,
    query: Params,
    bytes: Bytes,
) -> Result<Response, ApiError> {
    let held = at_work(&state, &lease).await?;
    if !LOG_NAMES.contains(&name.as_str()) {
        return Err(ApiError::BadRequest(format!("a log is one of {}", LOG_NAMES.join(", "))));
    }
    let offset = query.required("offset")?;
    let offset: u64 =
        offset.parse().map_err(|_| ApiError::BadRequest("offset: Not a valid integer value.".to_owned()))?;
    let (folder, limit) = (state.queue.folder(&held), state.config.limits.log_bytes);
    let (status, size) = match state.store.append_log(&folder, &lease, &name, offset, bytes, limit).await? {
        Append::Done(size) => (StatusCode::OK, size),
        Append::Elsewhere(size) => (StatusCode::RANGE_NOT_SATISFIABLE, size),
    };
    Ok((status, Json(json!({ "size": size }))).into_response())
}

/// `PUT /builder/v1/lease/{id}/result/{file}`.
///
/// # Errors
/// 400: a bad file name, a sum that does not fit, or too many files; 409, 413.
pub async fn result(
    State(state): State<AppState>,
    _: BuilderCaller,
    Path((lease, file)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, ApiError> {
    at_work(&state, &lease).await?;
    check_file_name(&file)?;
    let spooled = state
        .store
        .spool(body.into_data_stream().map_err(axum::Error::into_inner), state.config.limits.result_bytes)
        .await?;
    let expected = headers.get(SHA256_HEADER).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if expected != spooled.sha256 {
        return Err(ApiError::BadRequest(format!(
            "{file}: the bytes have SHA-256 {}, not {expected:?}",
            spooled.sha256
        )));
    }
    // The upload may have taken long: only files of a lease that is still alive are kept.
    at_work(&state, &lease).await?;
    let limit = state.config.limits.result_files;
    if state.store.count_incoming(&lease, &file).await? >= limit {
        return Err(ApiError::TooLarge(format!("a build may hand in {limit} files")));
    }
    state.store.keep_incoming(spooled, &lease, &file).await?;
    Ok(Json(json!({})))
}

fn check_file_name(file: &str) -> Result<(), ApiError> {
    let fine = file.len() <= 255
        && file.ends_with(".rpm")
        && !file.starts_with(['.', '-'])
        && file.bytes().all(|b| b.is_ascii_alphanumeric() || b"-+_.~^".contains(&b));
    if fine { Ok(()) } else { Err(ApiError::BadRequest(format!("{file:?} is no name of a result"))) }
}

/// `POST /builder/v1/lease/{id}/finish`: saying the same again is fine.
///
/// # Errors
/// 400: a result was not handed in as it is said to be; 409.
pub async fn finish(
    State(state): State<AppState>,
    _: BuilderCaller,
    Path(lease): Path<String>,
    JsonBody(end): JsonBody<Finish>,
) -> Result<Json<Value>, ApiError> {
    let held = db::lease::held(&state.db, &lease).await?.ok_or_else(ApiError::lease_lost)?;
    if held.finished {
        return Ok(Json(json!({})));
    }
    let queue = &state.queue;
    let taken = match end.outcome {
        Outcome::Succeeded if held.canceled => queue.finish_without(&lease, BuildState::Canceled, None).await?,
        Outcome::Succeeded => succeeded(&state, &held, &lease, end.results).await?,
        Outcome::UserFault { message } | Outcome::Skipped { message } => {
            queue.finish_without(&lease, BuildState::Failed, Some(&short(&message))).await?
        }
        Outcome::Cancelled if held.canceled => queue.finish_without(&lease, BuildState::Canceled, None).await?,
        Outcome::Cancelled => given_back(queue, &lease, "The builder was stopped.", true).await?,
        Outcome::MachineFault { message } => given_back(queue, &lease, &short(&message), false).await?,
    };
    if taken { Ok(Json(json!({}))) } else { Err(ApiError::lease_lost()) }
}

async fn given_back(queue: &Queue, lease: &str, message: &str, in_good_order: bool) -> Result<bool, ApiError> {
    Ok(queue.give_back(lease, message, in_good_order).await? != db::lease::Returned::Lost)
}

/// A message that fits into a row and a page.
fn short(message: &str) -> String {
    message.chars().take(2000).collect()
}

/// Takes a success, when the packages are what they must be; packages that are not fail the build.
async fn succeeded(state: &AppState, held: &Held, lease: &str, results: Vec<ResultFile>) -> Result<bool, ApiError> {
    if results.is_empty() {
        let message = "The build ended well but gave no packages.";
        return Ok(state.queue.finish_without(lease, BuildState::Failed, Some(message)).await?);
    }
    let mut names: Vec<&str> = results.iter().map(|result| result.file.as_str()).collect();
    names.sort_unstable();
    if results.len() > state.config.limits.result_files || names.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(ApiError::BadRequest("the results are too many, or one is named twice".to_owned()));
    }
    for claim in &results {
        check_file_name(&claim.file)?;
        let Some((path, size, sum)) = state.store.incoming_file(lease, claim).await? else {
            return Err(ApiError::BadRequest(format!("{} was not handed in", claim.file)));
        };
        if (size, &sum) != (claim.size, &claim.sha256) {
            return Err(ApiError::BadRequest(format!("{} was handed in with other bytes", claim.file)));
        }
        let (claim, of) = (claim.clone(), held.clone());
        let checked =
            blocking(move || Ok::<_, ApiError>(source::check_result(&path, &claim, &of.package_name, &of.chroot)));
        if let Err(why) = checked.await? {
            return Ok(state.queue.finish_without(lease, BuildState::Failed, Some(&why)).await?);
        }
    }
    Ok(state.queue.finish_built(held, lease, &results).await?)
}

/// `GET /builder/v1/lease/{id}/source`: the source package.
///
/// # Errors
/// 409.
pub async fn source(
    State(state): State<AppState>,
    _: BuilderCaller,
    Path(lease): Path<String>,
) -> Result<Response, ApiError> {
    let held = at_work(&state, &lease).await?;
    let folder = state.store.source_folder(&held.owner, &held.dirname, held.build_id);
    let file = state.store.source(&folder, &held.source_name).await?;
    let size = file.size;
    let body = Body::from_stream(file.read(0, size).await?);
    Ok(([("content-type", "application/x-rpm".to_owned()), ("content-length", size.to_string())], body).into_response())
}
