//! Who calls. Read from the header alone, before any of the body: a client whose token is wrong is told at once.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header::AUTHORIZATION, request::Parts},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use copr_api::names::Secret;

use super::error::ApiError;
use crate::{
    clock,
    db::{self, project::Project, user::User},
    state::AppState,
};

/// A user whose login and token are right (HTTP Basic).
#[derive(Debug, Clone)]
pub struct Caller(pub User);

impl Caller {
    /// Whether this user may build in a project, and change it.
    #[must_use]
    pub fn owns(&self, project: &Project) -> bool {
        self.0.admin || project.owner.as_str() == self.0.name
    }
}

impl FromRequestParts<AppState> for Caller {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let user = match basic(&parts.headers) {
            Some((login, token)) => db::token::check(&state.db, &login, &token, clock::now_ms()).await?,
            None => None,
        };
        user.map(Self).ok_or_else(|| {
            let base = &state.base_url;
            ApiError::Unauthorized(format!(
                "Login invalid/expired. Please visit {base}/api to get or renew your API token."
            ))
        })
    }
}

/// Login and token of `Authorization: Basic base64(login:token)`.
fn basic(headers: &HeaderMap) -> Option<(String, Secret)> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (login, token) = text.split_once(':')?;
    Some((login.to_owned(), Secret::new(token)))
}

/// A builder that has the builder token (bearer).
#[derive(Debug, Clone, Copy)]
pub struct BuilderCaller;

impl FromRequestParts<AppState> for BuilderCaller {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let given = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|text| {
            let (scheme, token) = text.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
        });
        // Digests are compared, so that the time it takes tells nothing.
        match given {
            Some(token) if db::token::digest(token) == db::token::digest(state.builder_token.expose()) => Ok(Self),
            _ => Err(ApiError::Unauthorized(
                "this is not the builder token (DIR/builder-token of the server)".to_owned(),
            )),
        }
    }
}
