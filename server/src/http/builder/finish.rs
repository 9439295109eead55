//! The end of a lease, and what came of it.

use std::path::PathBuf;

use axum::{
    Json,
    extract::{Path, State},
};
use copr_api::{
    builder::{Finish, MOST_SHADOWS, Outcome, ResultFile, Shadow, SourceFile},
    v3::BuildState,
};
use serde_json::{Value, json};

use super::super::{
    auth::BuilderCaller,
    error::{ApiError, blocking},
    params::JsonBody,
};
use crate::{
    db::{self, build::Srpm, lease::Held},
    licence,
    publish::folder,
    queue::Queue,
    source,
    state::AppState,
};

/// The longest file that is kept beside packages.
pub(super) const KEPT_BYTES: u64 = 10 << 20;
/// Most of them.
const KEPT: usize = 10;

/// Whether this is a name for a package.
pub(super) fn is_package(file: &str) -> bool {
    is_flat(file) && file.ends_with(".rpm")
}

/// Whether this is a name for what is kept beside packages: the spec.
pub(super) fn is_kept(file: &str) -> bool {
    is_flat(file) && file.ends_with(".spec")
}

fn is_flat(file: &str) -> bool {
    file.len() <= 255
        && !file.starts_with(['.', '-'])
        && file.bytes().all(|b| b.is_ascii_alphanumeric() || b"-+_.~^".contains(&b))
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
    if matches!(end.outcome, Outcome::Succeeded | Outcome::UserFault { .. } | Outcome::Skipped { .. }) {
        keep_others(&state, &held, &lease, &end.others).await?;
    }
    let outcome = outcome_word(&end.outcome);
    let taken = match end.outcome {
        Outcome::Succeeded if held.canceled => queue.finish_without(&lease, BuildState::Canceled, None).await?,
        Outcome::Succeeded if held.source => source_made(&state, &held, &lease, end.results).await?,
        Outcome::Succeeded => {
            db::shadow::note(&state.db, &lease, &bounded(end.shadows)).await?;
            succeeded(&state, &held, &lease, end.results).await?
        }
        Outcome::Skipped { message } if !held.source => {
            queue.finish_without(&lease, BuildState::Skipped, Some(&short(&message))).await?
        }
        Outcome::UserFault { message } | Outcome::Skipped { message } => {
            queue.finish_without(&lease, BuildState::Failed, Some(&short(&message))).await?
        }
        Outcome::Cancelled if held.canceled => queue.finish_without(&lease, BuildState::Canceled, None).await?,
        Outcome::Cancelled => given_back(queue, &lease, "The builder was stopped.", true).await?,
        Outcome::MachineFault { message } => given_back(queue, &lease, &short(&message), false).await?,
    };
    if !taken {
        return Err(ApiError::lease_lost());
    }
    state.metrics.ended(outcome);
    state.following.changed(held.build_id);
    Ok(Json(json!({})))
}

/// What the figures call an end.
fn outcome_word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Succeeded => "succeeded",
        Outcome::UserFault { .. } => "failed",
        Outcome::Skipped { .. } => "skipped",
        Outcome::Cancelled => "canceled",
        Outcome::MachineFault { .. } => "machine_fault",
    }
}

async fn given_back(queue: &Queue, lease: &str, message: &str, in_good_order: bool) -> Result<bool, ApiError> {
    Ok(queue.give_back(lease, message, in_good_order).await? != db::lease::Returned::Lost)
}

/// What is told of packages, as much as fits into a row.
fn bounded(shadows: Vec<Shadow>) -> Vec<Shadow> {
    let cut = |text: String| text.chars().take(300).collect();
    let one = |Shadow { package, other, repository, kind }| Shadow {
        package: cut(package),
        other: cut(other),
        repository: cut(repository),
        kind,
    };
    shadows.into_iter().take(MOST_SHADOWS).map(one).collect()
}

/// A message that fits into a row and a page.
fn short(message: &str) -> String {
    message.chars().take(2000).collect()
}

/// The file that was handed in under a name, when it is the one that is claimed.
async fn handed_in(state: &AppState, lease: &str, name: &str, size: u64, sha256: &str) -> Result<PathBuf, ApiError> {
    match state.store.incoming_file(lease, name, sha256).await? {
        None => Err(ApiError::BadRequest(format!("{name} was not handed in"))),
        Some((path, here, sum)) if (here, sum.as_str()) == (size, sha256) => Ok(path),
        Some(_) => Err(ApiError::BadRequest(format!("{name} was handed in with other bytes"))),
    }
}

/// Puts what is kept beside packages into the build's folder: before the lease ends, so that a call that is cut off can be repeated.
async fn keep_others(state: &AppState, held: &Held, lease: &str, others: &[SourceFile]) -> Result<(), ApiError> {
    if others.len() > KEPT {
        return Err(ApiError::BadRequest(format!("at most {KEPT} files are kept beside packages")));
    }
    let into = state.queue.folder(held);
    for other in others {
        if !is_kept(&other.name) {
            return Err(ApiError::BadRequest(format!("{:?} is nothing that is kept beside packages", other.name)));
        }
        // The call that was cut off may have come so far.
        if state.store.incoming_file(lease, &other.name, &other.sha256).await?.is_some()
            || !state.store.has(&into.join(&other.name)).await?
        {
            handed_in(state, lease, &other.name, other.size, &other.sha256).await?;
            state.store.place(lease, &other.name, &other.sha256, (&into, &other.name)).await?;
        }
    }
    Ok(())
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
        let path = package(state, lease, claim).await?;
        let (claim, of) = (claim.clone(), held.clone());
        let checked =
            blocking(move || Ok::<_, ApiError>(source::check_result(&path, &claim, &of.package_name, &of.chroot)));
        if let Err(why) = checked.await? {
            return Ok(state.queue.finish_without(lease, BuildState::Failed, Some(&why)).await?);
        }
    }
    Ok(state.queue.finish_built(held, lease, &results).await?)
}

async fn package(state: &AppState, lease: &str, claim: &ResultFile) -> Result<PathBuf, ApiError> {
    if !is_package(&claim.file) {
        return Err(ApiError::BadRequest(format!("{:?} is no name of a result", claim.file)));
    }
    handed_in(state, lease, &claim.file, claim.size, &claim.sha256).await
}

/// Takes a source package that a machine made, when it is what an upload would have to be.
async fn source_made(state: &AppState, held: &Held, lease: &str, results: Vec<ResultFile>) -> Result<bool, ApiError> {
    let fail = async |why: &str| Ok(state.queue.finish_without(lease, BuildState::Failed, Some(why)).await?);
    let [claim] = results.as_slice() else {
        return fail(&format!("One source package was to be made, and there are {}.", results.len())).await;
    };
    let path = package(state, lease, claim).await?;
    if claim.size > state.config.limits.upload_bytes {
        let limit = state.config.limits.upload_bytes;
        return fail(&format!("The source package has {} bytes; this server takes {limit}.", claim.size)).await;
    }
    let inspected = blocking(move || Ok::<_, ApiError>(source::inspect(&path))).await?;
    let made = match inspected {
        Ok(made) => made,
        Err(error) => return fail(&format!("{}: {error}.", claim.file)).await,
    };
    if made.file_name != claim.file {
        return fail(&format!("The source package {} is another one: {}.", claim.file, made.file_name)).await;
    }
    let Some(build) = db::build::get(&state.db, held.build_id).await? else { return Ok(false) };
    let licence = state.licences.look(&state.db, build.project_id, &made.name, &made.licence).await?;
    if let Some(why) = licence::refusal(&made.name, licence.as_ref()) {
        return fail(&short(&format!("{why}."))).await;
    }
    let place = state.queue.folder(held);
    state.store.write(&place, "results.json", folder::source_json(claim)).await?;
    let file = SourceFile { name: claim.file.clone(), size: claim.size, sha256: claim.sha256.clone() };
    let srpm = Srpm { file, package_name: made.name, package_version: made.version, licence };
    Ok(state.queue.finish_source(held, lease, &srpm).await?)
}
