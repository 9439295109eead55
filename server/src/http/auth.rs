//! Who calls. Read from the headers alone, before any of the body: a client whose token is wrong is told at once.

use axum::{
    extract::{FromRequestParts, Request},
    http::{
        HeaderMap, Method,
        header::{AUTHORIZATION, CONTENT_TYPE},
        request::Parts,
    },
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use copr_api::names::Secret;

use super::{
    error::ApiError,
    peer::{CERTIFICATE_SUBJECT, CERTIFICATE_VERIFIED},
};
use crate::{
    clock,
    db::{self, user::User},
    state::AppState,
};

/// A header with any text: pages of other sites can't have a browser send it.
const CLIENT: &str = "x-copr-client";
/// What browsers say of the page that makes them call.
const FETCH_SITE: &str = "sec-fetch-site";
/// Parameters of a query that only somebody sends who means to show who he is.
const CREDENTIALS: [&str; 7] =
    ["login", "token", "api_login", "api_token", "access_token", "password", "authorization"];

/// A user who has shown that it is one: by login and token (HTTP Basic), or by a client certificate that a trusted proxy has
/// verified.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who it is.
    pub user: User,
    /// Number of the only project that the token is good for.
    pub only: Option<i64>,
    /// The token's login part; `None`: it was a certificate, or a session.
    pub login: Option<String>,
}

impl Caller {
    /// Who stands for what nobody asked for in person, e.g. `webhook:github`. No user has such a name, and it may nothing by itself:
    /// whoever calls in its name has looked whether that may be.
    #[must_use]
    pub(crate) fn machine(name: &str) -> Self {
        let user = User { id: 0, name: name.to_owned(), admin: false, reviewer: false, disabled: false, created_ms: 0 };
        Self { user, only: None, login: None }
    }
}

impl FromRequestParts<AppState> for Caller {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let caller = match (parts.headers.contains_key(AUTHORIZATION), subject(&parts.headers)) {
            (false, Some(subject)) => of_certificate(parts, state, &subject).await?,
            _ => of_token(parts, state).await?,
        };
        super::telemetry::note_user(&caller.user.name);
        Ok(caller)
    }
}

async fn of_token(parts: &Parts, state: &AppState) -> Result<Caller, ApiError> {
    let now = clock::now_ms();
    let known = match basic(&parts.headers) {
        Some((login, token)) => {
            let known = db::token::check(&state.db, &login, &token, now).await?;
            known.map(|known| (known, login))
        }
        None => None,
    };
    let Some((known, login)) = known else {
        let base = &state.base_url;
        return Err(ApiError::Unauthorized(format!(
            "Login invalid/expired. Please visit {base}/api to get or renew your API token."
        )));
    };
    if known.unnoted {
        let (db, login) = (state.db.clone(), login.clone());
        // Beside the call, which is not to wait for it, nor to fail with it.
        tokio::spawn(async move {
            if let Err(error) = db::token::note_use(&db, &login, now).await {
                tracing::warn!(%error, "cannot note that a token was used");
            }
        });
    }
    Ok(Caller { user: known.user, only: known.only, login: Some(login) })
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

/// The subject of the caller's verified certificate. Only a trusted proxy's headers are still there.
fn subject(headers: &HeaderMap) -> Option<String> {
    let one = |name: &str| {
        let mut values = headers.get_all(name).iter();
        let value = values.next()?.to_str().ok()?.trim();
        (values.next().is_none() && !value.is_empty()).then_some(value)
    };
    (one(CERTIFICATE_VERIFIED)? == "SUCCESS").then(|| one(CERTIFICATE_SUBJECT).map(str::to_owned)).flatten()
}

async fn of_certificate(parts: &Parts, state: &AppState, subject: &str) -> Result<Caller, ApiError> {
    if !is_meant(&parts.method, &parts.headers) {
        return Err(ApiError::Forbidden(format!(
            "A browser shows a certificate by itself, so a call that changes something must show that it is meant: send \
             'Content-Type: application/json' or a header '{CLIENT}', and nothing from a page of another site."
        )));
    }
    let user = db::account::by_certificate(&state.db, subject).await?;
    let user = user.ok_or_else(|| {
        let subject: String = subject.chars().take(200).collect();
        ApiError::Unauthorized(format!("The certificate of {subject:?} belongs to no user here."))
    })?;
    Ok(Caller { user, only: None, login: None })
}

/// Whether nobody's browser has been made to call by a page of another site. Such pages can send forms and links with the
/// certificate of whoever looks at them, but neither JSON nor headers of their own, as nobody allows them to (CORS).
fn is_meant(method: &Method, headers: &HeaderMap) -> bool {
    if headers.get(FETCH_SITE).is_some_and(|site| site != "same-origin" && site != "none") {
        return false;
    }
    if matches!(*method, Method::GET | Method::HEAD) {
        return true;
    }
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json") || headers.contains_key(CLIENT)
}

/// Refuses calls with credentials in their address: it stands in logs and histories along the way. It is looked at no further, and
/// not said back.
pub(super) async fn without_credentials(request: Request, next: Next) -> Response {
    let uri = request.uri();
    let user_info = uri.authority().is_some_and(|authority| authority.as_str().contains('@'));
    let query = uri.query().unwrap_or_default();
    let parameter = url::form_urlencoded::parse(query.as_bytes())
        .any(|(name, value)| !value.is_empty() && CREDENTIALS.iter().any(|known| name.eq_ignore_ascii_case(known)));
    if user_info || parameter {
        return ApiError::BadRequest(
            "An address may hold no login, token or password: logs along the way keep it. Send them in the header \
             Authorization (HTTP Basic), and revoke a token that was sent like this."
                .to_owned(),
        )
        .into_response();
    }
    next.run(request).await
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

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(all: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in all {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn a_certificate_counts_when_the_proxy_has_verified_it_and_names_one_subject() {
        let verified = (CERTIFICATE_VERIFIED, "SUCCESS");
        let alice = (CERTIFICATE_SUBJECT, "CN=alice,O=People");
        assert_eq!(subject(&headers(&[verified, alice])).as_deref(), Some("CN=alice,O=People"));
        for wrong in [
            &[verified][..],
            &[alice],
            &[(CERTIFICATE_VERIFIED, "NONE"), alice],
            &[(CERTIFICATE_VERIFIED, "FAILED:expired"), alice],
            &[verified, (CERTIFICATE_SUBJECT, "")],
            &[verified, alice, (CERTIFICATE_SUBJECT, "CN=bob")],
            &[verified, verified, alice],
            &[verified, (CERTIFICATE_SUBJECT, "CN=\u{e4}")],
        ] {
            assert_eq!(subject(&headers(wrong)), None, "{wrong:?}");
        }
    }

    #[test]
    fn what_a_page_of_another_site_can_have_a_browser_send_is_not_meant() {
        let json = ("content-type", "Application/JSON; charset=utf-8");
        for (method, all, meant) in [
            (Method::GET, &[][..], true),
            (Method::GET, &[(FETCH_SITE, "cross-site")], false),
            (Method::GET, &[(FETCH_SITE, "none")], true),
            (Method::POST, &[], false),
            (Method::POST, &[json], true),
            (Method::POST, &[json, (FETCH_SITE, "same-origin")], true),
            (Method::POST, &[json, (FETCH_SITE, "same-site")], false),
            (Method::POST, &[("content-type", "text/plain; application/json")], false),
            (Method::POST, &[("content-type", "multipart/form-data; boundary=B")], false),
            (Method::POST, &[("content-type", "multipart/form-data; boundary=B"), (CLIENT, "1")], true),
            (Method::DELETE, &[(CLIENT, "1")], true),
        ] {
            assert_eq!(is_meant(&method, &headers(all)), meant, "{method} {all:?}");
        }
    }
}
