//! API tokens.

use axum::{
    Json,
    extract::{Path, State},
    http::Method,
};
use copr_api::{
    names::{OwnerName, ProjectName},
    v3::{ApiToken, Page, Token as View, TokenWish},
};

use super::{cut, find_project};
use crate::{
    clock,
    db::{
        self,
        token::{LABEL, MOST, MOST_DAYS, NewToken, Token, VALID_DAYS, Wish},
    },
    http::{
        auth::Caller,
        error::ApiError,
        params::{JsonBody, Params},
        routes::Routes,
    },
    state::AppState,
};

/// The addresses of this file.
pub fn routes() -> Routes {
    Routes::default()
        .api(Method::POST, "/api_3/api-token", renew)
        .api(Method::GET, "/api_3/api-token/list", list)
        .api(Method::POST, "/api_3/api-token/new", new)
        .api(Method::DELETE, "/api_3/api-token/revoke/{login}", revoke)
}

/// A token as its owner sees it.
fn view(token: Token, now_ms: i64) -> View {
    View {
        api_login: token.login,
        label: token.label,
        project: token.project,
        created_on: clock::seconds(token.created_ms),
        used_on: token.used_ms.map(clock::seconds),
        expiration: clock::date(token.expires_ms),
        expired: token.expires_ms <= now_ms,
    }
}

fn told(token: NewToken) -> Json<ApiToken> {
    let NewToken { login, token, expires_ms } = token;
    Json(ApiToken { api_login: login, api_token: token, expiration: clock::date(expires_ms) })
}

/// `POST /api_3/api-token`: a new token takes the place of the one that the call was made with, and has its label; the user's others
/// stay.
///
/// # Errors
/// 400: the call was made with a certificate; 401; 403: a token for one project cannot become one for all.
pub async fn renew(State(state): State<AppState>, caller: Caller) -> Result<Json<ApiToken>, ApiError> {
    caller.whole("be exchanged for one for all")?;
    let Some(login) = &caller.login else {
        return Err(ApiError::BadRequest(
            "The call was made with a certificate, there is no token to renew; POST /api_3/api-token/new makes one."
                .to_owned(),
        ));
    };
    let renewed = db::token::renew(&state.db, caller.user.id, login, clock::now_ms()).await?;
    let new = renewed.ok_or_else(|| ApiError::Unauthorized("The token was renewed or ended meanwhile.".to_owned()))?;
    tracing::info!(by = caller.user.name, "token renewed");
    Ok(told(new))
}

/// `GET /api_3/api-token/list`: the caller's tokens, newest first, or those of `username`. No secret is among it.
///
/// # Errors
/// 400: the pagination makes no sense; 403: another user's, or with a token for one project; 404: no such user.
pub async fn list(State(state): State<AppState>, caller: Caller, query: Params) -> Result<Json<Page<View>>, ApiError> {
    caller.whole("list the tokens of its user")?;
    let of = match query.get("username").filter(|name| *name != caller.user.name) {
        None => caller.user.id,
        Some(name) => {
            caller.require_site_admin("list the tokens of another user")?;
            let user = db::user::by_name(&state.db, name).await?;
            user.ok_or_else(|| ApiError::NotFound(format!("User {} does not exist.", cut(name))))?.id
        }
    };
    let (window, meta) = query.page()?;
    let now = clock::now_ms();
    let tokens = db::token::of_user(&state.db, of, window).await?;
    Ok(Json(Page { items: tokens.into_iter().map(|token| view(token, now)).collect(), meta }))
}

/// `POST /api_3/api-token/new`: a token besides those that there are.
///
/// # Errors
/// 400 with a line a field, or when there are too many; 403: with a token for one project; 404: no such project.
pub async fn new(
    State(state): State<AppState>,
    caller: Caller,
    JsonBody(wish): JsonBody<TokenWish>,
) -> Result<Json<ApiToken>, ApiError> {
    make(&state, &caller, wish).await.map(told)
}

/// A token besides those that there are.
///
/// # Errors
/// As those of [`new`].
pub(crate) async fn make(state: &AppState, caller: &Caller, wish: TokenWish) -> Result<NewToken, ApiError> {
    caller.whole("make others")?;
    let label = wish.label.trim();
    let days = wish.days.unwrap_or(VALID_DAYS);
    let mut wrong = Vec::new();
    if label.chars().count() > LABEL || label.chars().any(char::is_control) {
        wrong.push(format!("label: it may have {LABEL} characters at most, all in one line"));
    }
    if !(1..=MOST_DAYS).contains(&days) {
        wrong.push(format!("days: it must be 1 to {MOST_DAYS}"));
    }
    let project = wish.project.as_deref().filter(|text| !text.is_empty());
    let named = project.and_then(|text| {
        let (owner, name) = text.split_once('/')?;
        Some((owner.parse::<OwnerName>().ok()?, name.parse::<ProjectName>().ok()?))
    });
    if project.is_some() && named.is_none() {
        wrong.push("project: it must have the form OWNER/NAME".to_owned());
    }
    if !wrong.is_empty() {
        return Err(ApiError::BadRequest(wrong.join("\n")));
    }
    let project_id = match named {
        Some((owner, name)) => Some(find_project(state, owner.as_str(), name.as_str()).await?.id),
        None => None,
    };
    let wish = Wish { label, project_id, days };
    let made = db::token::make(&state.db, caller.user.id, wish, clock::now_ms()).await?;
    let made = made.ok_or_else(|| {
        ApiError::BadRequest(format!(
            "{} has {MOST} tokens, which is the most: revoke one that is not used any more first.",
            caller.user.name
        ))
    })?;
    tracing::info!(by = caller.user.name, login = made.login, project, days, "token made");
    Ok(made)
}

/// `DELETE /api_3/api-token/revoke/{login}`: the token is of no use from now on. Also the one that the call is made with.
///
/// # Errors
/// 403: another user's, or with a token for one project; 404: no such token (any more).
pub async fn revoke(
    State(state): State<AppState>,
    caller: Caller,
    Path(login): Path<String>,
) -> Result<Json<View>, ApiError> {
    caller.whole("revoke tokens")?;
    let missing = || ApiError::NotFound(format!("There is no token with the login {}.", cut(&login)));
    let token = db::token::by_login(&state.db, &login).await?.ok_or_else(missing)?;
    if token.user_id != caller.user.id {
        caller.require_site_admin("revoke the token of another user")?;
    }
    if !db::token::revoke(&state.db, &login).await? {
        return Err(missing());
    }
    tracing::info!(by = caller.user.name, login, of = token.user, "token revoked");
    Ok(Json(view(token, clock::now_ms())))
}
