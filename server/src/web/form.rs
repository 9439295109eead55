//! Forms that signed-in people send: from a page of ours, in their own session, with a body that is not too long.

use std::fmt;

use axum::{
    RequestExt as _,
    body::{Body, Bytes},
    extract::{FromRequest, FromRequestParts, Request},
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header, request::Parts},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, de::DeserializeOwned};

use super::{error::PageError, text::encode, viewer::Viewer};
use crate::{db::user::User, state::AppState};

/// Somebody who is signed in. Others are sent to sign in, and back to the page. Calls that change something must come from a page
/// of ours; those with a body of their own (uploads) also need [`check_csrf`].
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// Who it is.
    pub user: User,
    /// The same with the session.
    pub viewer: Viewer,
}

/// The fields of a form that a signed-in user has sent; `csrf` was among them and was right.
#[derive(Debug, Clone)]
pub struct Form<T> {
    /// Who it is.
    pub user: User,
    /// The same with the session.
    pub viewer: Viewer,
    /// The fields.
    pub value: T,
}

/// The fields of a form that anybody may send, but only from a page of ours: that of signing in.
#[derive(Debug, Clone)]
pub(super) struct OpenForm<T>(pub(super) T);

/// Fields as they come, for forms whose fields may be repeated.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct Fields(Vec<(String, String)>);

impl Fields {
    /// A field's value without blanks around it; of one that is repeated the last, of one that is missing the empty text.
    #[must_use]
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().rfind(|(key, _)| key == name).map_or("", |(_, value)| value.trim())
    }

    /// All values of a field.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Whether a box is ticked: its field is there.
    #[must_use]
    pub fn is_ticked(&self, name: &str) -> bool {
        self.0.iter().any(|(key, _)| key == name)
    }
}

/// Why a form is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FormError {
    /// Nobody is signed in (any more); where to go on after signing in.
    Nobody {
        /// Path on this server.
        back: String,
    },
    /// It comes from another site's page, or from no page.
    Foreign {
        /// Where the pages are.
        base: String,
    },
    /// The field `csrf` is not that of the session.
    Stale,
    /// The body is no form.
    Body {
        /// 400, 413 or 415.
        status: StatusCode,
        /// What is wrong with it.
        text: String,
    },
}

impl fmt::Display for FormError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody { .. } => f.write_str("Sign in first."),
            Self::Foreign { base } => write!(
                f,
                "This form did not come from a page of this server, so nothing was done. Its pages are at {base}: open the \
                 page there and send the form again."
            ),
            Self::Stale => f.write_str(
                "This form belongs to a session that has ended, so nothing was done. Load its page again, and send it from \
                 there.",
            ),
            Self::Body { text, .. } => f.write_str(text),
        }
    }
}

impl FormError {
    /// The answer's status; nobody is sent to sign in instead.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Nobody { .. } => StatusCode::UNAUTHORIZED,
            Self::Foreign { .. } | Self::Stale => StatusCode::FORBIDDEN,
            Self::Body { status, .. } => *status,
        }
    }
}

impl IntoResponse for FormError {
    fn into_response(self) -> Response {
        PageError::from(self).into_response()
    }
}

impl FromRequestParts<AppState> for SignedIn {
    type Rejection = FormError;
    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, FormError> {
        let reads = matches!(parts.method, Method::GET | Method::HEAD);
        if !reads {
            check_origin(&parts.headers, &parts.uri, state)?;
        }
        let Ok(viewer) = Viewer::from_request_parts(parts, state).await;
        match &viewer.user {
            Some(user) => Ok(Self { user: user.clone(), viewer }),
            // After a form, the page that it was on.
            None if reads => Err(FormError::Nobody { back: path_of(&parts.uri) }),
            None => Err(FormError::Nobody { back: page_before(&parts.headers) }),
        }
    }
}

impl<T: DeserializeOwned> FromRequest<AppState> for Form<T> {
    type Rejection = FormError;
    async fn from_request(mut request: Request, state: &AppState) -> Result<Self, FormError> {
        let SignedIn { user, viewer } = request.extract_parts_with_state(state).await?;
        let (fields, value) = read(request, state).await?;
        check_csrf(&viewer, fields.get("csrf"))?;
        Ok(Self { user, viewer, value })
    }
}

impl<T: DeserializeOwned> FromRequest<AppState> for OpenForm<T> {
    type Rejection = FormError;
    async fn from_request(request: Request, state: &AppState) -> Result<Self, FormError> {
        check_origin(request.headers(), request.uri(), state)?;
        Ok(Self(read(request, state).await?.1))
    }
}

/// Whether `token` is what the session's forms hold; for bodies that [`Form`] does not read.
///
/// # Errors
/// [`FormError::Stale`]: it is not.
pub fn check_csrf(viewer: &Viewer, token: &str) -> Result<(), FormError> {
    let right = viewer.csrf();
    // Digests are compared, so that the time it takes tells nothing.
    if !right.is_empty() && crate::db::token::digest(token) == crate::db::token::digest(right) {
        return Ok(());
    }
    Err(FormError::Stale)
}

/// Where to sign in, and to come back from to a path of this server.
#[must_use]
pub fn sign_in_url(back: &str) -> String {
    format!("/login/?next={}", encode(back))
}

/// A text as path of this server: `/` for whatever leads, or might lead in some browser, to another one, or back to signing in.
#[must_use]
pub fn own_path(text: &str) -> &str {
    let mut bytes = text.bytes();
    let own = bytes.next() == Some(b'/')
        && !matches!(bytes.next(), Some(b'/' | b'\\'))
        && text.len() <= 2000
        && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
        && !["/login", "/logout"].iter().any(|start| text.starts_with(start));
    if own { text } else { "/" }
}

/// The path and query of a request, to come back to.
fn path_of(uri: &Uri) -> String {
    own_path(uri.path_and_query().map_or("/", |path| path.as_str())).to_owned()
}

/// The path of the page that a form was on, as the browser tells.
fn page_before(headers: &HeaderMap) -> String {
    let referer = headers.get(header::REFERER).and_then(|value| url::Url::parse(value.to_str().ok()?).ok());
    referer.map_or_else(
        || "/".to_owned(),
        |url| own_path(&url[url::Position::BeforePath..url::Position::AfterQuery]).to_owned(),
    )
}

/// Browsers say from whose page a form comes (`Origin`, or `Referer`), and no page can make them lie.
fn check_origin(headers: &HeaderMap, uri: &Uri, state: &AppState) -> Result<(), FormError> {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let from = match text(header::ORIGIN) {
        Some(origin) => Some(origin.to_owned()),
        None => text(header::REFERER).and_then(|page| url::Url::parse(page).ok()).map(|url| origin_of(&url)),
    };
    let own = url::Url::parse(&state.base_url).map(|url| origin_of(&url)).unwrap_or_default();
    // Without TLS the server may have many names, none of which is proven; a page can't make a browser lie about this one either.
    let called = text(header::HOST).or_else(|| uri.authority().map(axum::http::uri::Authority::as_str));
    let near = called.filter(|_| own.starts_with("http://")).map(|host| format!("http://{host}"));
    if from.is_some_and(|from| from == own || Some(from) == near) {
        return Ok(());
    }
    Err(FormError::Foreign { base: state.base_url.to_string() })
}

fn origin_of(url: &url::Url) -> String {
    url.origin().ascii_serialization()
}

/// The fields of a url-encoded body, and the same as a type.
async fn read<T: DeserializeOwned>(request: Request, state: &AppState) -> Result<(Fields, T), FormError> {
    let wrong = |status, text: String| FormError::Body { status, text };
    let (parts, body) = request.into_parts();
    let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !kind.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded") {
        return Err(wrong(StatusCode::UNSUPPORTED_MEDIA_TYPE, "This address takes forms only.".to_owned()));
    }
    let bytes = Bytes::from_request(Request::from_parts(parts.clone(), body), state)
        .await
        .map_err(|error| wrong(error.status(), format!("The form is not whole: {}", error.body_text())))?;
    let fields = Fields(url::form_urlencoded::parse(&bytes).into_owned().collect());
    if let Some((name, _)) = fields.0.iter().find(|(name, value)| name.contains('\0') || value.contains('\0')) {
        let text = format!("{}: A text may not have the character NUL.", name.replace('\0', ""));
        return Err(wrong(StatusCode::BAD_REQUEST, text));
    }
    let axum::Form(value) = axum::Form::from_request(Request::from_parts(parts, Body::from(bytes)), state)
        .await
        .map_err(|error| wrong(StatusCode::BAD_REQUEST, format!("The form is not right: {}", error.body_text())))?;
    Ok((fields, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_this_server_are_come_back_to() {
        for own in ["/", "/coprs/alice/p/", "/coprs/alice/p/?from=10#x", "/coprs/@g/p/", "/user/%2f%2fevil"] {
            assert_eq!(own_path(own), own);
        }
        for bad in [
            "",
            "coprs",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "https://evil.example/",
            "/\t/evil.example",
            "/\n/evil.example",
            " //evil.example",
            "javascript:alert(1)",
            "/coprs\\..\\evil",
            "/é",
            "/login",
            "/login?next=/",
            "/logout",
            "http:evil",
            "/\0",
            "/a\r\nSet-Cookie: x=y",
        ] {
            assert_eq!(own_path(bad), "/", "{bad:?}");
        }
        assert_eq!(own_path(&format!("/{}", "a".repeat(2000))), "/");
    }
}
