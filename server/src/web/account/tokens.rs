//! `/api/`: tokens for programs. A token's secret stands in the answer to the form that made it, and nowhere else.

use askama::Template;
use axum::{
    Router,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse as _, Redirect, Response},
    routing::{get, post},
};
use copr_api::v3::TokenWish;
use serde::Serialize;

use crate::{
    admin, clock,
    db::{
        self, Window,
        token::{Token, VALID_DAYS},
    },
    http::{error::ApiError, user::token},
    state::AppState,
    web::{
        PageError,
        faults::Faults,
        form::{Fields, Form},
        frame::{Frame, Wants, show_with},
        inputs::{self, Input, Kind, Section, Values},
        project::parsed,
        text::Moment,
    },
};

/// Most tokens that the page shows: those that have expired stay for a while.
const SHOWN: u64 = 500;

/// The addresses.
pub(super) fn routes() -> Router<AppState> {
    Router::new()
        .route("/api", get(page))
        .route("/api/", get(page))
        .route("/api/new", post(make))
        .route("/api/new/", post(make))
        .route("/api/revoke/", post(revoke))
}

const TOKEN: &[Section] = &[Section {
    title: "Make a token",
    inputs: &[
        Input::new("label", "Label", Kind::Text, "What it is for, e.g. the name of a machine."),
        Input::new("project", "Only for this project", Kind::Text, "OWNER/NAME. Empty: all that you may."),
        Input::new("days", "Days that it is good for", Kind::Number, "1 to 365."),
    ],
}];

/// A token as its owner sees it.
#[derive(Debug, Serialize)]
struct Line {
    login: String,
    label: String,
    /// The only project that it is good for.
    project: Option<String>,
    made: Moment,
    used: Option<Moment>,
    /// Day on which it ends.
    expires: String,
    expired: bool,
}

impl Line {
    fn new(token: Token, now: i64) -> Self {
        Self {
            login: token.login,
            label: token.label,
            project: token.project,
            made: Moment::new(token.created_ms, now),
            used: token.used_ms.map(|used| Moment::new(used, now)),
            expires: clock::date(token.expires_ms),
            expired: token.expires_ms <= now,
        }
    }
}

#[derive(Debug, Template, Serialize)]
#[template(path = "api.html")]
struct TokensPage {
    /// What is around it.
    #[serde(skip)]
    frame: Frame,
    /// A configuration file with a new token; empty: none was asked for.
    file: String,
    /// Until when that token is good.
    expires: String,
    #[serde(skip)]
    sections: Vec<Section>,
    #[serde(skip)]
    settings: Values,
    faults: Faults,
    /// Newest first.
    tokens: Vec<Line>,
    #[serde(skip)]
    done: bool,
}

impl TokensPage {
    async fn load(state: &AppState, frame: Frame) -> Result<Self, PageError> {
        let now = clock::now_ms();
        let tokens = match &frame.viewer.user {
            Some(user) => db::token::of_user(&state.db, user.id, Window::first(SHOWN)).await?,
            None => Vec::new(),
        };
        Ok(Self {
            done: frame.is_done(),
            frame,
            file: String::new(),
            expires: String::new(),
            sections: TOKEN.to_vec(),
            settings: Values::default().with("days", VALID_DAYS),
            faults: Faults::default(),
            tokens: tokens.into_iter().map(|token| Line::new(token, now)).collect(),
        })
    }

    fn show(&self, status: StatusCode, wants: Wants) -> Result<Response, PageError> {
        let page = show_with(status, &wants, self)?;
        Ok(([(header::CACHE_CONTROL, "no-store")], page).into_response())
    }
}

/// Where a refused token sends its owner.
async fn page(State(state): State<AppState>, wants: Wants, frame: Frame) -> Result<Response, PageError> {
    TokensPage::load(&state, frame).await?.show(StatusCode::OK, wants)
}

async fn make(
    State(state): State<AppState>,
    wants: Wants,
    frame: Frame,
    form: Form<Vec<(String, String)>>,
) -> Result<Response, PageError> {
    let caller = frame.caller()?;
    let values: Values = form.value.into_iter().collect();
    let faults = match parsed::<TokenWish>(values.body(TOKEN), TOKEN) {
        Ok(wish) => match token::make(&state, &caller, wish).await {
            Ok(made) => {
                let mut page = TokensPage::load(&state, frame).await?;
                page.expires = clock::date(made.expires_ms);
                page.file = admin::render(&caller.user.name, &made, &state.base_url);
                return page.show(StatusCode::OK, wants);
            }
            Err(ApiError::NotFound(text)) => {
                let mut faults = Faults::default();
                faults.add("project", &text);
                faults
            }
            Err(error) => Faults::of(error, &inputs::names(TOKEN))?,
        },
        Err(faults) => faults,
    };
    let mut page = TokensPage::load(&state, frame).await?;
    (page.faults, page.settings) = (faults, values);
    page.show(StatusCode::BAD_REQUEST, wants)
}

/// Ends a token: field `login`.
async fn revoke(State(state): State<AppState>, frame: Frame, form: Form<Fields>) -> Result<Response, PageError> {
    let login = form.value.get("login").to_owned();
    let _ = token::revoke(State(state), frame.caller()?, Path(login)).await?;
    Ok(Redirect::to("/api/?done=1").into_response())
}
