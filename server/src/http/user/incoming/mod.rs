//! Calls of forges: a push has packages built that are made of it, a pull request has them built into a directory of its own.
//!
//! Addresses are Copr's: `/webhooks/FORGE/ID/UUID/` and the same with a package behind it. The UUID is the project's secret; forges
//! that sign bodies may be given the same one, and a signature that is sent must be right. A call is heard once: neither its
//! delivery id nor its body may come again within a day.

mod payload;

use axum::{
    Json, Router,
    body::Bytes,
    extract::{FromRequest as _, Path, Request, State},
    http::{HeaderMap, StatusCode, header::CONTENT_LENGTH, header::CONTENT_TYPE},
    routing::post,
};
use copr_api::{
    builder::SourceMethod,
    names::Secret,
    v3::{Build, BuildOptions},
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use self::payload::{Change, Forge, Kind};
use super::{
    package,
    submit::{Content, take, target_of},
};
use crate::{
    clock,
    db::{self, Window, package::Package, project::Project},
    http::{auth::Caller, error::ApiError},
    state::AppState,
};

/// After so long a call that the server has died over may come again, milliseconds.
const STALE_MS: i64 = 60_000;
/// Most packages that one call has built.
const PACKAGES: usize = 100;

/// The addresses.
pub fn routes() -> Router<AppState> {
    let mut router = Router::new();
    for end in ["", "/"] {
        router = router
            .route(&format!("/webhooks/{{forge}}/{{id}}/{{uuid}}{end}"), post(project))
            .route(&format!("/webhooks/{{forge}}/{{id}}/{{uuid}}/{{package}}{end}"), post(one_package));
    }
    router
}

/// What became of a call.
#[derive(Debug, Default, Serialize)]
struct Answer {
    /// Builds that follow from it.
    builds: Vec<i64>,
    /// Packages that could not be built, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    refused: Vec<String>,
    /// Why there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    ignored: Option<String>,
}

impl Answer {
    fn ignored(why: impl Into<String>) -> Self {
        Self { ignored: Some(why.into()), ..Self::default() }
    }
}

impl Answer {
    fn is_empty(&self) -> bool {
        self.builds.is_empty() && self.refused.is_empty()
    }

    /// One more build; a package that can't be built keeps the others from nothing.
    fn add(&mut self, of: &Package, build: Result<Build, ApiError>) -> Result<(), ApiError> {
        match build {
            Ok(build) => self.builds.push(build.id),
            Err(error) => {
                let why = error.refusal().map_err(ApiError::Internal)?;
                self.refused.push(format!("{}: {why}", of.name));
            }
        }
        Ok(())
    }
}

async fn project(
    State(state): State<AppState>,
    Path((forge, id, uuid)): Path<(String, String, String)>,
    request: Request,
) -> Result<Json<Answer>, ApiError> {
    hear(&state, &forge, &id, &uuid, None, request).await.map(Json)
}

async fn one_package(
    State(state): State<AppState>,
    Path((forge, id, uuid, package)): Path<(String, String, String, String)>,
    request: Request,
) -> Result<Json<Answer>, ApiError> {
    hear(&state, &forge, &id, &uuid, Some(package), request).await.map(Json)
}

async fn hear(
    state: &AppState,
    forge: &str,
    id: &str,
    uuid: &str,
    package: Option<String>,
    request: Request,
) -> Result<Answer, ApiError> {
    let known = "github, gitlab, forgejo, gitea, bitbucket, generic or custom";
    let forge = Forge::of(forge).ok_or_else(|| ApiError::NotFound(format!("There are webhooks of {known}.")))?;
    let refused = || ApiError::Forbidden("There is no project with this number and this secret.".to_owned());
    let id: i64 = id.parse().map_err(|_| refused())?;
    let secret = db::webhook::secret(&state.db, id).await?.ok_or_else(refused)?;
    // Digests are compared, so that the time it takes tells nothing.
    if db::token::digest(uuid) != db::token::digest(secret.expose()) {
        return Err(refused());
    }
    let project = db::project::by_id(&state.db, id).await?.ok_or_else(refused)?;
    let most = state.config.limits.body_bytes;
    let too_long = || ApiError::TooLarge(format!("The body of a webhook may have {most} bytes"));
    let said = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if said.is_some_and(|length| length > most) {
        return Err(too_long());
    }
    let headers = request.headers().clone();
    let body = Bytes::from_request(request, state).await.map_err(|error| match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => too_long(),
        _ => ApiError::BadRequest(format!("The body is broken: {}", error.body_text())),
    })?;
    if !is_signed(&headers, &body, &secret) {
        return Err(ApiError::Forbidden(
            "The signature is not that of the project's secret: give the forge the UUID of this address.".to_owned(),
        ));
    }
    let sums = sums(forge, &headers, &body);
    let now = clock::now_ms();
    if !db::webhook::hear(&state.db, project.id, &sums, now.saturating_sub(STALE_MS), now).await? {
        return Err(ApiError::Conflict("This call has been heard already: nothing is done twice.".to_owned()));
    }
    let answer = follow(state, &project, forge, &headers, &body, package.as_deref()).await;
    // What could not be done may come again.
    db::webhook::heard(&state.db, project.id, &sums, answer.is_ok()).await?;
    let answer = answer?;
    tracing::info!(
        project = project.full_name(),
        forge = forge.as_str(),
        builds = answer.builds.len(),
        ignored = answer.ignored,
        "webhook heard"
    );
    Ok(answer)
}

/// Whether every signature that was sent is right; those who send none have shown the secret in the address.
fn is_signed(headers: &HeaderMap, body: &[u8], secret: &Secret) -> bool {
    let value = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default().trim());
    if value("x-gitlab-token").is_some_and(|token| db::token::digest(token) != db::token::digest(secret.expose())) {
        return false;
    }
    ["x-hub-signature-256", "x-forgejo-signature", "x-gitea-signature", "x-hub-signature"].iter().all(|name| {
        let Some(text) = value(name) else { return true };
        // Bitbucket sends SHA-256 under the name that GitHub once had for SHA-1; that one alone proves nothing, and is passed over.
        let Some(hex) = text.strip_prefix("sha256=").or_else(|| (!text.contains('=')).then_some(text)) else {
            return *name == "x-hub-signature";
        };
        let (Ok(mut mac), Ok(signature)) =
            (Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()), hex::decode(hex))
        else {
            return false;
        };
        mac.update(body);
        mac.verify_slice(&signature).is_ok()
    })
}

/// What a call is known by: its delivery id, and its body, which a made-up id does not make new. A body that says nothing may come
/// as often as it likes.
fn sums(forge: Forge, headers: &HeaderMap, body: &[u8]) -> Vec<String> {
    let id = ["x-github-delivery", "x-forgejo-delivery", "x-gitea-delivery", "x-gitlab-event-uuid", "x-request-uuid"]
        .iter()
        .find_map(|name| headers.get(*name));
    let mut sums = Vec::new();
    if let Some(id) = id {
        sums.push(hex::encode(Sha256::digest([&b"id "[..], id.as_bytes()].concat())));
    }
    if forge != Forge::Custom {
        let kind = forge.kind(headers).unwrap_or_default();
        sums.push(hex::encode(Sha256::digest([&b"body "[..], kind.as_bytes(), &b" "[..], body].concat())));
    }
    sums
}

/// Does what a call asks for.
async fn follow(
    state: &AppState,
    project: &Project,
    forge: Forge,
    headers: &HeaderMap,
    body: &[u8],
    package: Option<&str>,
) -> Result<Answer, ApiError> {
    if forge == Forge::Custom {
        return custom(state, project, package).await;
    }
    let Some(kind) = forge.kind(headers) else {
        return Ok(Answer::ignored(format!("there is no header that says what {} tells", forge.as_str())));
    };
    let form = headers
        .get(CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/x-www-form-urlencoded"));
    let payload = payload::json(body, form).map_err(ApiError::BadRequest)?;
    let change = match forge.change(&kind, &payload) {
        Ok(change) => change,
        Err(why) => return Ok(Answer::ignored(why)),
    };
    if matches!(change.kind, Kind::Pull { .. }) && !project.webhook_pull_requests {
        return Ok(Answer::ignored("this project builds no pull requests"));
    }
    let mut answer = Answer::default();
    for of in packages(state, project, package).await? {
        let Some(method) = method(&of, &change)? else { continue };
        answer.add(&of, build(state, project, &of, method, &change, forge).await)?;
    }
    if answer.is_empty() {
        return Ok(Answer::ignored("no package that webhooks build is made of this"));
    }
    Ok(answer)
}

/// Packages that webhooks build, all or the one that is named.
async fn packages(state: &AppState, project: &Project, name: Option<&str>) -> Result<Vec<Package>, ApiError> {
    let all = match name {
        Some(name) => db::package::get(&state.db, project.id, name).await?.into_iter().collect(),
        None => db::package::list(&state.db, project.id, Window::default()).await?,
    };
    Ok(all.into_iter().filter(|package| package.webhook_rebuild).take(PACKAGES).collect())
}

async fn custom(state: &AppState, project: &Project, name: Option<&str>) -> Result<Answer, ApiError> {
    let mut answer = Answer::default();
    for of in packages(state, project, name).await? {
        // One that says of nothing that it is built from it is not built.
        let Ok(method) = package::method(&of) else { continue };
        answer.add(&of, build(state, project, &of, method, &Change::default(), Forge::Custom).await)?;
    }
    if answer.is_empty() {
        return Ok(Answer::ignored("there is no such package, or webhooks do not build it"));
    }
    Ok(answer)
}

/// What is built of a package after a change; `None`: it is not made of what has changed.
fn method(of: &Package, change: &Change) -> Result<Option<SourceMethod>, ApiError> {
    let Ok(SourceMethod::Git { clone_url, committish, subdirectory, spec, make }) = package::method(of) else {
        return Ok(None);
    };
    if !change.concerns(&of.name, &clone_url, committish.as_deref(), &subdirectory) {
        return Ok(None);
    }
    let from = match &change.kind {
        Kind::Pull { clone_url: Some(fork), .. } => fork.clone(),
        _ => clone_url,
    };
    let body = copr_api::v3::ScmBuild {
        clone_url: from,
        committish: Some(change.commit.clone()),
        subdirectory: Some(subdirectory),
        spec,
        source_build_method: Some(
            match make {
                copr_api::builder::GitMake::Rpkg => "rpkg",
                copr_api::builder::GitMake::MakeSrpm => "make_srpm",
            }
            .to_owned(),
        ),
        ..copr_api::v3::ScmBuild::default()
    };
    // What a stranger's pull request says is checked as what users say.
    super::remote::git(&body).map(Some)
}

async fn build(
    state: &AppState,
    project: &Project,
    of: &Package,
    method: SourceMethod,
    change: &Change,
    forge: Forge,
) -> Result<Build, ApiError> {
    let directory = match change.kind {
        Kind::Pull { number, .. } => format!("{}:pr:{number}", project.name),
        _ => project.name.to_string(),
    };
    let options = BuildOptions {
        ownername: project.owner.to_string(),
        projectname: project.name.to_string(),
        project_dirname: Some(directory),
        timeout: of.timeout,
        ..BuildOptions::default()
    };
    let target = target_of(state, project.clone(), &options).await?;
    let caller = Caller::machine(&format!("webhook:{}", forge.as_str()));
    take(state, &caller, &options, &target, Content::Made(method, Vec::new()), Some(&of.name)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(all: &[(&'static str, &str)]) -> HeaderMap {
        all.iter().map(|(name, value)| (axum::http::HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    #[test]
    fn every_signature_that_is_sent_must_be_right() {
        let secret = Secret::new("key");
        // printf body | openssl dgst -sha256 -hmac key
        let good = "515aae133b435d4000956731f68ae5cf5eb85d4f0dc6a546d2bfcd3595ec1ae1";
        let is = |all: &[(&'static str, &str)]| is_signed(&headers(all), b"body", &secret);
        assert!(is(&[]));
        let named = format!("sha256={good}");
        assert!(is(&[("x-hub-signature-256", named.as_str())]));
        assert!(is(&[("x-forgejo-signature", good), ("x-gitlab-token", "key")]));
        assert!(is(&[("x-hub-signature", "sha1=0000")]), "GitHub sends it beside the other");
        for bad in [
            &[("x-hub-signature-256", "sha256=00")][..],
            &[("x-hub-signature-256", "sha1=00")],
            &[("x-hub-signature-256", "")],
            &[("x-gitea-signature", "zz")],
            &[("x-gitlab-token", "kez")],
            &[("x-forgejo-signature", good), ("x-gitea-signature", "00")],
        ] {
            assert!(!is(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_call_is_known_by_its_id_and_by_its_body() {
        let of = |id: &str, body: &[u8]| {
            sums(Forge::Github, &headers(&[("x-github-delivery", id), ("x-github-event", "push")]), body)
        };
        let (one, other_id, other_body) = (of("1", b"a"), of("2", b"a"), of("1", b"b"));
        assert_eq!(one.len(), 2);
        assert!(one[0] != other_id[0] && one[1] == other_id[1]);
        assert!(one[0] == other_body[0] && one[1] != other_body[1]);
        assert!(sums(Forge::Custom, &headers(&[]), b"").is_empty());
    }
}
