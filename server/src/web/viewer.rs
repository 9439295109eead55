//! Who looks at a page: what the browser's cookie says.

use std::convert::Infallible;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderValue, header, request::Parts},
};
use cookie::{Cookie, SameSite};
use copr_api::names::Secret;

use crate::{
    clock,
    db::{self, user::User},
    http::telemetry,
    state::AppState,
};

/// Length of what [`db::session::random_secret`] makes.
const SECRET: usize = 64;

/// Whoever asked for a page. Nobody, when the browser has no session that is still good.
#[derive(Debug, Clone, Default)]
pub struct Viewer {
    /// Who is signed in.
    pub user: Option<User>,
    /// The id of the session.
    session: Option<Secret>,
    csrf: String,
}

impl Viewer {
    /// What the hidden field `csrf` of every form holds: made of the session's id, so that no other site knows it. Empty for
    /// nobody.
    #[must_use]
    pub fn csrf(&self) -> &str {
        &self.csrf
    }

    /// Name of who is signed in; empty for nobody.
    #[must_use]
    pub fn name(&self) -> &str {
        self.user.as_ref().map_or("", |user| user.name.as_str())
    }

    /// The id of the session, while somebody is signed in.
    pub(super) fn session(&self) -> Option<&Secret> {
        self.session.as_ref()
    }

    async fn find(headers: &HeaderMap, state: &AppState) -> Self {
        let Some(id) = cookie(headers, Kind::Session, state) else { return Self::default() };
        match db::session::find(&state.db, &id, clock::now_ms()).await {
            Ok(Some(user)) => {
                telemetry::note_user(&user.name);
                let csrf = db::token::digest(&format!("csrf {}", id.expose()));
                Self { user: Some(user), session: Some(id), csrf }
            }
            Ok(None) => Self::default(),
            Err(error) => {
                tracing::error!(%error, "cannot tell who is signed in");
                Self::default()
            }
        }
    }
}

impl FromRequestParts<AppState> for Viewer {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Infallible> {
        if let Some(known) = parts.extensions.get::<Self>() {
            return Ok(known.clone());
        }
        let viewer = Self::find(&parts.headers, state).await;
        parts.extensions.insert(viewer.clone());
        Ok(viewer)
    }
}

/// The cookies that this server gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The id of a session.
    Session,
    /// Tells browsers apart while they are away at the identity provider.
    SigningIn,
}

impl Kind {
    /// Browsers take a name that begins with `__Host-` from this very host only, and by https only.
    fn name(self, secure: bool) -> &'static str {
        match (self, secure) {
            (Self::Session, true) => "__Host-copr",
            (Self::Session, false) => "copr",
            (Self::SigningIn, true) => "__Host-copr-signing-in",
            (Self::SigningIn, false) => "copr-signing-in",
        }
    }
}

fn is_secure(state: &AppState) -> bool {
    state.base_url.starts_with("https://")
}

/// The value of a cookie that looks like one of ours.
pub(super) fn cookie(headers: &HeaderMap, kind: Kind, state: &AppState) -> Option<Secret> {
    let name = kind.name(is_secure(state));
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| Cookie::split_parse(text).filter_map(Result::ok))
        .find(|cookie| cookie.name() == name)
        .map(|cookie| cookie.value().to_owned())
        .filter(|value| value.len() == SECRET && value.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .map(Secret::new)
}

/// A `Set-Cookie` header: for `milliseconds`, or away with it.
pub(super) fn set_cookie(kind: Kind, value: Option<&Secret>, milliseconds: i64, state: &AppState) -> HeaderValue {
    let secure = is_secure(state);
    let age = if value.is_some() { milliseconds } else { 0 };
    let cookie = Cookie::build((kind.name(secure), value.map(Secret::expose).unwrap_or_default()))
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(secure)
        .max_age(cookie::time::Duration::milliseconds(age))
        .build();
    // Name, value and attributes are plain letters and digits.
    HeaderValue::from_str(&cookie.to_string()).unwrap_or_else(|_| HeaderValue::from_static(""))
}
