//! Why a page can't be shown, and the page that says so.

use askama::Template;
use axum::{
    extract::{FromRequestParts as _, Request, State},
    http::{StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};
use serde::Serialize;

use super::{
    delivery::secure,
    form::{FormError, sign_in_url},
    frame::{Frame, Wants, show_with},
};
use crate::{db, http::error::ApiError, state::AppState};

/// What keeps a page from being shown. The text of an internal error goes to the log, not to the page; the others are for who asked.
#[derive(Debug)]
pub enum PageError {
    /// 404: there is nothing at this address.
    Missing(String),
    /// Nobody has signed in: who looks is led there and comes back.
    SignIn,
    /// 403: who looks may not.
    Forbidden(String),
    /// 400: the request makes no sense.
    Refused(String),
    /// 409: it is too late, or it clashes.
    Conflict(String),
    /// 413.
    TooLarge(String),
    /// 451: it was taken down.
    TakenDown(String),
    /// A form that is not taken.
    Form(FormError),
    /// 500: ours.
    Internal(anyhow::Error),
}

impl<E: Into<anyhow::Error>> From<E> for PageError {
    fn from(error: E) -> Self {
        let error = error.into();
        // Whatever a page is about was looked up before: somebody else was faster.
        if error.downcast_ref::<db::Error>().is_some_and(db::Error::is_orphan) {
            return Self::Conflict("What this is about was deleted meanwhile.".to_owned());
        }
        Self::Internal(error)
    }
}

impl From<FormError> for PageError {
    fn from(error: FormError) -> Self {
        Self::Form(error)
    }
}

impl From<ApiError> for PageError {
    fn from(error: ApiError) -> Self {
        match error {
            ApiError::BadRequest(text) => Self::Refused(text),
            ApiError::Unauthorized(_) => Self::SignIn,
            ApiError::Forbidden(text) => Self::Forbidden(text),
            ApiError::NotFound(text) => Self::Missing(text),
            ApiError::Method => Self::Refused("This address does not take that method.".to_owned()),
            ApiError::Conflict(text) => Self::Conflict(text),
            ApiError::TooLarge(text) => Self::TooLarge(text),
            ApiError::TakenDown(text) => Self::TakenDown(text),
            ApiError::Internal(error) => Self::Internal(error),
        }
    }
}

/// Beside a response that [`framed`] is to make a page of.
#[derive(Debug, Clone)]
struct Told {
    status: StatusCode,
    heading: &'static str,
    text: String,
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let (status, heading, text) = match self {
            Self::Missing(text) => (StatusCode::NOT_FOUND, "Not found", text),
            Self::SignIn => {
                (StatusCode::UNAUTHORIZED, "Sign in first", "This page is for users who have signed in.".to_owned())
            }
            Self::Forbidden(text) => (StatusCode::FORBIDDEN, "Not allowed", text),
            Self::Refused(text) => (StatusCode::BAD_REQUEST, "That does not work", text),
            Self::Conflict(text) => (StatusCode::CONFLICT, "Something else came first", text),
            Self::TooLarge(text) => (StatusCode::PAYLOAD_TOO_LARGE, "Too large", text),
            Self::TakenDown(text) => (StatusCode::UNAVAILABLE_FOR_LEGAL_REASONS, "Taken down", text),
            Self::Form(FormError::Nobody { back }) => return Redirect::to(&sign_in_url(&back)).into_response(),
            Self::Form(error) => (error.status(), "This was not done", error.to_string()),
            Self::Internal(error) => {
                tracing::error!(error = format!("{error:#}"), "page failed");
                let text = "The server could not make this page; its log tells the administrator why.";
                (StatusCode::INTERNAL_SERVER_ERROR, "Something broke", text.to_owned())
            }
        };
        let plain = (status, text.clone()).into_response();
        with_told(plain, Told { status, heading, text })
    }
}

fn with_told(mut response: Response, told: Told) -> Response {
    response.extensions_mut().insert(told);
    response
}

/// A page that says one thing.
#[derive(Debug, Template, Serialize)]
#[template(path = "message.html")]
pub struct MessagePage {
    /// What is around it.
    #[serde(skip)]
    pub frame: Frame,
    /// In a few words.
    #[serde(skip)]
    pub heading: String,
    /// In a sentence.
    #[serde(rename = "error")]
    pub text: String,
}

/// Makes a page of what a handler could not do, in the form that was asked for.
pub(super) async fn framed(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let mut asked = parts.clone();
    let mut response = next.run(Request::from_parts(parts, body)).await;
    let Some(told) = response.extensions_mut().remove::<Told>() else { return response };
    let Ok(frame) = Frame::from_request_parts(&mut asked, &state).await;
    let wants = Wants::of(&asked);
    let mut page = match (told.status, wants) {
        (StatusCode::UNAUTHORIZED, Wants::Html) => Redirect::to(&frame.signin_url()).into_response(),
        _ => message(told, frame, wants),
    };
    // Cookies that the handler set stay.
    for (name, value) in response.headers() {
        if name == header::SET_COOKIE {
            page.headers_mut().append(name.clone(), value.clone());
        }
    }
    page
}

fn message(told: Told, frame: Frame, wants: Wants) -> Response {
    let Told { status, heading, text } = told;
    let page = MessagePage { frame, heading: heading.to_owned(), text };
    show_with(status, &wants, &page).unwrap_or_else(IntoResponse::into_response)
}

/// The page for a file that was taken down.
pub(crate) fn taken_down(state: &AppState, text: &str) -> Response {
    let told = Told { status: StatusCode::UNAVAILABLE_FOR_LEGAL_REASONS, heading: "Taken down", text: text.to_owned() };
    secure(message(told, Frame::anonymous(state), Wants::Html))
}

/// The page for an address outside the pages where nothing is.
pub(crate) fn not_found(state: &AppState, text: &str) -> Response {
    refusal(state, StatusCode::NOT_FOUND, "Not found", text)
}

/// A page that says why there is no other, from outside the pages.
pub(crate) fn refusal(state: &AppState, status: StatusCode, heading: &'static str, text: &str) -> Response {
    let told = Told { status, heading, text: text.to_owned() };
    secure(message(told, Frame::anonymous(state), Wants::Html))
}
