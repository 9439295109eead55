//! What went wrong, as every program's call is told: `{"error": text}` and a status.

use axum::{
    Json,
    http::{
        StatusCode,
        header::{CONTENT_LENGTH, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};
use serde_json::json;

use crate::{
    chain,
    db::{self, quota::Exceeded},
    publish, queue, sign,
    store::SpoolError,
};

/// An error of the API. Internal ones are logged and not told.
#[derive(Debug)]
pub enum ApiError {
    /// 400: the request makes no sense; the text says why, several lines possible.
    BadRequest(String),
    /// 401: the login or token is wrong or has expired; the text is where to get another.
    Unauthorized(String),
    /// 403: known, and not allowed.
    Forbidden(String),
    /// 404.
    NotFound(String),
    /// 405.
    Method,
    /// 409: it is too late, or it clashes.
    Conflict(String),
    /// 413: a body is, or what an owner would store.
    TooLarge(String),
    /// 451: it was taken down; the text says why.
    TakenDown(String),
    /// 500: ours.
    Internal(anyhow::Error),
}

impl ApiError {
    /// 404 for a path that is no part of the API.
    #[must_use]
    pub fn no_endpoint() -> Self {
        Self::NotFound("Such API endpoint doesn't exist".to_owned())
    }

    /// What the caller is told; for who calls in nobody's name, and goes on.
    ///
    /// # Errors
    /// It is our fault.
    pub(crate) fn refusal(self) -> anyhow::Result<String> {
        match self {
            Self::BadRequest(text)
            | Self::Unauthorized(text)
            | Self::Forbidden(text)
            | Self::NotFound(text)
            | Self::Conflict(text)
            | Self::TooLarge(text)
            | Self::TakenDown(text) => Ok(text),
            Self::Internal(error) => Err(error),
            other => Ok(format!("{other:?}")),
        }
    }

    /// 409 for a lease that someone else has now, or nobody.
    #[must_use]
    pub fn lease_lost() -> Self {
        Self::Conflict("the lease is no longer yours".to_owned())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, error) = match self {
            Self::BadRequest(text) => (StatusCode::BAD_REQUEST, text),
            Self::Unauthorized(text) => {
                return (StatusCode::UNAUTHORIZED, Json(json!({ "output": "notok", "error": text }))).into_response();
            }
            Self::Forbidden(text) => (StatusCode::FORBIDDEN, text),
            Self::NotFound(text) => (StatusCode::NOT_FOUND, text),
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, "This address does not take that method".to_owned()),
            Self::Conflict(text) => (StatusCode::CONFLICT, text),
            Self::TooLarge(text) => (StatusCode::PAYLOAD_TOO_LARGE, text),
            Self::TakenDown(text) => (StatusCode::UNAVAILABLE_FOR_LEGAL_REASONS, text),
            Self::Internal(error) => {
                tracing::error!(error = format!("{error:#}"), "request failed");
                let text = "The server could not do this; its log tells the administrator why.";
                (StatusCode::INTERNAL_SERVER_ERROR, text.to_owned())
            }
        };
        (status, Json(copr_api::v3::ErrorBody { error })).into_response()
    }
}

impl From<db::Error> for ApiError {
    fn from(error: db::Error) -> Self {
        // Whatever a call is about was looked up before: somebody else was faster.
        if error.is_orphan() {
            return Self::NotFound("What this is about was deleted meanwhile.".to_owned());
        }
        Self::Internal(error.into())
    }
}

impl From<Exceeded> for ApiError {
    fn from(exceeded: Exceeded) -> Self {
        Self::TooLarge(exceeded.to_string())
    }
}

impl From<queue::Error> for ApiError {
    fn from(error: queue::Error) -> Self {
        Self::Internal(error.into())
    }
}

impl From<publish::Error> for ApiError {
    fn from(error: publish::Error) -> Self {
        Self::Internal(error.into())
    }
}

impl From<sign::Error> for ApiError {
    fn from(error: sign::Error) -> Self {
        match error {
            sign::Error::Db(error) => error.into(),
            nothing @ sign::Error::Nothing(_) => Self::BadRequest(format!("signing: {nothing}")),
            other => Self::Internal(other.into()),
        }
    }
}

impl From<std::io::Error> for ApiError {
    fn from(error: std::io::Error) -> Self {
        Self::Internal(error.into())
    }
}

impl From<chain::Error> for ApiError {
    fn from(error: chain::Error) -> Self {
        match error {
            chain::Error::Chain(text) => Self::BadRequest(text),
            chain::Error::Db(error) => error.into(),
        }
    }
}

impl From<SpoolError> for ApiError {
    fn from(error: SpoolError) -> Self {
        match error {
            SpoolError::TooLarge { .. } => Self::TooLarge(error.to_string()),
            SpoolError::Sender(_) => Self::BadRequest(error.to_string()),
            SpoolError::Disk(error) => error.into(),
        }
    }
}

/// The longest text of somebody else's error that is told.
const TEXT_LIMIT: usize = 4096;

/// Puts errors that are not ours into our form: what axum itself says of a path or a body that it can't read.
pub(super) async fn in_json(response: Response) -> Response {
    let status = response.status();
    let json =
        response.headers().get(CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"application/json"));
    if json || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let text = axum::body::to_bytes(body, TEXT_LIMIT).await.unwrap_or_default();
    let text = String::from_utf8_lossy(&text).trim().to_owned();
    let error = if text.is_empty() { status.to_string() } else { text };
    let (told, body) = Json(copr_api::v3::ErrorBody { error }).into_response().into_parts();
    // What says when to come again, or which methods there are, stays.
    parts.headers.remove(CONTENT_LENGTH);
    parts.headers.extend(told.headers);
    Response::from_parts(parts, body)
}

/// What a panic in a handler becomes.
pub(super) fn panicked(panic: Box<dyn std::any::Any + Send>) -> Response {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    ApiError::Internal(anyhow::anyhow!("a handler panicked: {text}")).into_response()
}

/// Runs file work where it may block.
pub(super) async fn blocking<T, E>(work: impl FnOnce() -> Result<T, E> + Send + 'static) -> Result<T, ApiError>
where
    T: Send + 'static,
    E: Into<ApiError> + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result.map_err(Into::into),
        Err(error) => Err(ApiError::Internal(error.into())),
    }
}
