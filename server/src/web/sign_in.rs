//! `/login` and `/logout`: a browser's session begins and ends.

use std::{num::NonZeroU32, sync::Arc};

use askama::Template;
use axum::{
    Extension, Router,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Redirect, Response},
    routing::{get, post},
};
use copr_api::names::Secret;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter, clock::Clock as _};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{
    PageError,
    error::MessagePage,
    form::{Form, OpenForm, own_path},
    frame::{Frame, Wants, show_with},
    oidc::{OidcError, Person, Provider},
    text::encode,
    viewer::{Kind, Viewer, cookie, set_cookie},
};
use crate::{
    clock,
    db::{
        self,
        identity::Met,
        session::{LONGEST_MS, random_secret},
        user::User,
    },
    http::params::Lenient,
    password::{self, PasswordError},
    state::AppState,
};

/// How long a browser keeps what tells it apart while it is away; the database forgets it earlier.
const AWAY_MS: i64 = 3600 * 1000;
/// When so many names have been tried, those that nobody has tried for a while are forgotten.
const FORGET_AT: usize = 10_000;

/// What the pages of signing in share.
#[derive(Debug)]
pub(super) struct Gate {
    /// Tries a minute for one user's name, whatever addresses they come from; `None`: any number.
    by_name: Option<DefaultKeyedRateLimiter<[u8; 32]>>,
    provider: Option<Provider>,
}

impl Gate {
    fn new(state: &AppState) -> Arc<Self> {
        let tries = NonZeroU32::new(state.config.limits.rate.sign_in);
        Arc::new(Self {
            by_name: tries.map(|tries| RateLimiter::keyed(Quota::per_minute(tries))),
            provider: Provider::new(&state.config.sign_in.oidc, &state.base_url),
        })
    }

    /// Counts a try for a name, whether there is such a user or not; the seconds to wait when it is one too many.
    pub(super) fn count(&self, name: &str) -> Result<(), u64> {
        let Some(limiter) = &self.by_name else { return Ok(()) };
        if limiter.len() >= FORGET_AT {
            limiter.retain_recent();
        }
        let key: [u8; 32] = Sha256::digest(name.as_bytes()).into();
        limiter.check_key(&key).map_err(|not_until| not_until.wait_time_from(limiter.clock().now()).as_secs() + 1)
    }
}

pub(super) fn routes(state: &AppState) -> Router<AppState> {
    Router::new()
        .route("/login", get(page).post(by_password))
        .route("/login/", get(page).post(by_password))
        .route("/login/oidc", get(leave))
        .route("/login/oidc/callback", get(come_back))
        .route("/logout", post(sign_out))
        .route("/logout/", post(sign_out))
        .merge(super::account::password_routes())
        .layer(Extension(Gate::new(state)))
}

/// `/login`.
#[derive(Debug, Template, Serialize)]
#[template(path = "sign_in.html")]
struct SignInPage {
    /// What is around it.
    #[serde(skip)]
    frame: Frame,
    /// Path to go on to.
    next: String,
    /// The name that was tried.
    name: String,
    /// Whether there are passwords here.
    passwords: bool,
    /// The provider's button and where it leads.
    provider: Option<(String, String)>,
    /// Why the last try failed; empty: there was none.
    error: String,
}

/// The query of `/login`.
#[derive(Debug, Default, Deserialize)]
struct Next {
    /// Path to go on to.
    #[serde(default)]
    next: String,
}

/// The form of `/login`.
#[derive(Deserialize)]
struct Credentials {
    name: String,
    password: Secret,
    #[serde(default)]
    next: String,
}

/// A form without fields of its own.
#[derive(Debug, Deserialize)]
pub(super) struct Nothing {}

async fn page(
    State(state): State<AppState>,
    Extension(gate): Extension<Arc<Gate>>,
    viewer: Viewer,
    wants: Wants,
    Lenient(query): Lenient<Next>,
) -> Result<Response, PageError> {
    let next = own_path(&query.next);
    if viewer.user.is_some() {
        return Ok(Redirect::to(next).into_response());
    }
    ask(&state, &gate, wants, next, String::new(), String::new(), StatusCode::OK)
}

fn ask(
    state: &AppState,
    gate: &Gate,
    wants: Wants,
    next: &str,
    name: String,
    error: String,
    status: StatusCode,
) -> Result<Response, PageError> {
    let way = |provider: &Provider| (provider.button().to_owned(), format!("/login/oidc?next={}", encode(next)));
    let page = SignInPage {
        frame: Frame::anonymous(state),
        next: next.to_owned(),
        name,
        passwords: state.config.sign_in.passwords,
        provider: gate.provider.as_ref().map(way),
        error,
    };
    Ok(([(header::CACHE_CONTROL, "no-store")], show_with(status, &wants, &page)?).into_response())
}

async fn by_password(
    State(state): State<AppState>,
    Extension(gate): Extension<Arc<Gate>>,
    viewer: Viewer,
    wants: Wants,
    OpenForm(form): OpenForm<Credentials>,
) -> Result<Response, PageError> {
    let (name, next) = (form.name.trim(), own_path(&form.next));
    let again =
        |status, error: String| ask(&state, &gate, wants, next, name.chars().take(100).collect(), error, status);
    if !state.config.sign_in.passwords {
        return again(StatusCode::FORBIDDEN, "Nobody signs in with a password here.".to_owned());
    }
    if let Err(seconds) = gate.count(name) {
        let error = format!("There were too many tries for this name. Try again in {seconds} seconds.");
        return Ok(wait(seconds, again(StatusCode::TOO_MANY_REQUESTS, error)?));
    }
    let (user, hash) = db::user::with_password(&state.db, name).await?.unzip();
    match password::is_right(form.password, hash.flatten()).await {
        Ok(true) => {}
        Ok(false) => {
            if let Some(user) = user {
                tracing::info!(user = user.name, "a wrong password");
            }
            return again(StatusCode::FORBIDDEN, "The name or the password is wrong.".to_owned());
        }
        Err(error @ PasswordError::Busy) => {
            return Ok(wait(60, again(StatusCode::SERVICE_UNAVAILABLE, format!("{error}."))?));
        }
        Err(error) => return Err(error.into()),
    }
    match user {
        Some(user) if !user.disabled => enter(&state, &viewer, &user, next).await,
        _ => again(
            StatusCode::FORBIDDEN,
            "This user is disabled. The administrator of this server knows why.".to_owned(),
        ),
    }
}

pub(super) fn wait(seconds: u64, answer: Response) -> Response {
    ([(header::RETRY_AFTER, seconds.to_string())], answer).into_response()
}

/// Begins a session, always a new one, and goes on.
async fn enter(state: &AppState, viewer: &Viewer, user: &User, next: &str) -> Result<Response, PageError> {
    if let Some(old) = viewer.session() {
        db::session::end(&state.db, old).await?;
    }
    let id = db::session::begin(&state.db, user.id, clock::now_ms()).await?;
    tracing::info!(user = user.name, "signed in");
    let cookie = set_cookie(Kind::Session, Some(&id), LONGEST_MS, state);
    let next = super::content::before(state, user, next).await?;
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to(&next)).into_response())
}

async fn sign_out(State(state): State<AppState>, form: Form<Nothing>) -> Result<Response, PageError> {
    if let Some(id) = form.viewer.session() {
        db::session::end(&state.db, id).await?;
    }
    Ok(([(header::SET_COOKIE, set_cookie(Kind::Session, None, 0, &state))], Redirect::to("/")).into_response())
}

/// A page that says why nobody is signed in.
fn refuse(
    state: &AppState,
    wants: Wants,
    status: StatusCode,
    heading: &str,
    text: impl Into<String>,
) -> Result<Response, PageError> {
    let page = MessagePage { frame: Frame::anonymous(state), heading: heading.to_owned(), text: text.into() };
    Ok(([(header::CACHE_CONTROL, "no-store")], show_with(status, &wants, &page)?).into_response())
}

/// What people see of a provider's failure; the log has the rest.
fn refuse_for(state: &AppState, wants: Wants, error: &OidcError) -> Result<Response, PageError> {
    tracing::warn!(error = error.to_string(), "nobody was signed in by the identity provider");
    match error {
        OidcError::Down(_) => {
            let passwords =
                if state.config.sign_in.passwords { " Signing in with a password works all the same." } else { "" };
            let text = format!(
                "The server that knows your account does not answer as it should. Try again in a minute.{passwords}"
            );
            let page = refuse(state, wants, StatusCode::SERVICE_UNAVAILABLE, "You can't sign in at this moment", text)?;
            Ok(wait(60, page))
        }
        OidcError::Refused(_) => refuse(
            state,
            wants,
            StatusCode::FORBIDDEN,
            "You are not signed in",
            "The answer of the server that knows your account could not be used. Begin once more; if that does not help, the \
             administrator finds the reason in this server's log.",
        ),
    }
}

const NO_PROVIDER: &str = "This server has no identity provider.";

/// Sends the browser to the provider.
async fn leave(
    State(state): State<AppState>,
    Extension(gate): Extension<Arc<Gate>>,
    headers: HeaderMap,
    wants: Wants,
    Lenient(query): Lenient<Next>,
) -> Result<Response, PageError> {
    let Some(provider) = &gate.provider else { return Err(PageError::Missing(NO_PROVIDER.to_owned())) };
    let (url, carried, away) = match provider.leave(own_path(&query.next)).await {
        Ok(left) => left,
        Err(error) => return refuse_for(&state, wants, &error),
    };
    // Kept by a browser that has one: it may leave by two of its windows.
    let browser = cookie(&headers, Kind::SigningIn, &state).unwrap_or_else(random_secret);
    db::identity::leave(&state.db, &carried, &browser, &away, clock::now_ms()).await?;
    let cookie = set_cookie(Kind::SigningIn, Some(&browser), AWAY_MS, &state);
    Ok(([(header::SET_COOKIE, cookie)], [(header::CACHE_CONTROL, "no-store")], Redirect::to(&url)).into_response())
}

/// What a browser brings back from the provider.
#[derive(Default, Deserialize)]
struct Answer {
    #[serde(default)]
    state: String,
    code: Option<String>,
    error: Option<String>,
    iss: Option<String>,
}

async fn come_back(
    State(state): State<AppState>,
    Extension(gate): Extension<Arc<Gate>>,
    viewer: Viewer,
    headers: HeaderMap,
    wants: Wants,
    Lenient(answer): Lenient<Answer>,
) -> Result<Response, PageError> {
    let Some(provider) = &gate.provider else { return Err(PageError::Missing(NO_PROVIDER.to_owned())) };
    let away = match cookie(&headers, Kind::SigningIn, &state) {
        Some(browser) => {
            db::identity::come_back(&state.db, &Secret::new(answer.state), &browser, clock::now_ms()).await?
        }
        None => None,
    };
    let Some(away) = away else {
        let text = "This way of signing in has been used already, took longer than ten minutes, or was begun in another browser. \
                    Begin once more.";
        return refuse(&state, wants, StatusCode::BAD_REQUEST, "You are not signed in", text);
    };
    let code = match (answer.code, answer.error) {
        (Some(code), None) => code,
        (_, error) => {
            let word =
                error.filter(|word| word.len() <= 50 && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
            let text = format!(
                "The server that knows your account did not let you in ({}).",
                word.as_deref().unwrap_or("it does not say why")
            );
            return refuse(&state, wants, StatusCode::FORBIDDEN, "You are not signed in", text);
        }
    };
    match provider.come_back(&code, answer.iss.as_deref(), &away).await {
        Ok(person) => meet(&state, &viewer, wants, &person, &away.back).await,
        Err(error) => refuse_for(&state, wants, &error),
    }
}

/// Lets in whom the provider vouches for.
async fn meet(
    state: &AppState,
    viewer: &Viewer,
    wants: Wants,
    person: &Person,
    next: &str,
) -> Result<Response, PageError> {
    let Person { identity, name, groups } = person;
    let not = |text: String| refuse(state, wants, StatusCode::FORBIDDEN, "You are not signed in", text);
    // A name that can't be is no harm to somebody who has one here already.
    let (wanted, wrong) = match db::user::new_name(name) {
        Ok(wanted) => (Some(wanted), None),
        Err(error) => (None, Some(error)),
    };
    let met = db::identity::meet(&state.db, identity, wanted.as_ref(), groups, clock::now_ms()).await?;
    match met {
        Met::Known(user) | Met::New(user) if user.disabled => {
            not(format!("The user {} is disabled. The administrator of this server knows why.", user.name))
        }
        Met::New(user) => {
            tracing::info!(user = user.name, identity, "a new user");
            enter(state, viewer, &user, next).await
        }
        Met::Known(user) => enter(state, viewer, &user, next).await,
        Met::NameTaken => {
            tracing::warn!(name, identity, "a name that somebody else has");
            not(format!(
                "Your name there is {name}, and here that is somebody else. If it is you, the administrator of this server can \
                 say so: coprd admin user identity {name} '{identity}'"
            ))
        }
        Met::NoName => not(format!("Your name there can't be a user's name here: {}.", wrong.unwrap_or_default())),
    }
}
