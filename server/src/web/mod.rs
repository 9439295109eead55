//! The pages: every one says all it has to say without a script, and nothing on it comes from anywhere else.

mod account;
mod admin;
pub mod assets;
mod build;
mod content;
mod delivery;
mod directory;
pub mod error;
pub mod faults;
mod feeds;
pub mod form;
pub mod frame;
mod groups;
pub mod inputs;
pub mod markdown;
pub mod oidc;
pub mod paging;
mod pins;
mod project;
mod quota;
pub mod repository;
#[cfg(test)]
pub(crate) mod seed;
mod sign_in;
mod status;
#[cfg(test)]
mod tests;
pub mod text;
pub mod viewer;
pub mod views;

use axum::{
    Router,
    http::{Uri, header},
    middleware,
    response::{IntoResponse, Redirect, Response},
    routing::get,
};

use crate::state::AppState;
pub(crate) use error::{PageError, not_found, refusal, taken_down};

/// Content-Security-Policy of every page: our own style, script and pictures, and nobody's frame.
pub const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
                          form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The addresses of all pages, and the answer for those that nobody has.
pub fn routes(state: &AppState) -> Router<AppState> {
    Router::new()
        .route("/static/{file}", get(asset))
        .merge(directory::routes())
        .merge(project::routes(state))
        .merge(build::routes())
        .merge(repository::routes())
        .merge(feeds::routes())
        .merge(status::routes())
        .merge(sign_in::routes(state))
        .merge(account::routes())
        .merge(groups::routes())
        .merge(pins::routes())
        .merge(admin::routes())
        .merge(content::routes())
        .fallback(nothing_here)
        .layer(middleware::from_fn_with_state(state.clone(), error::framed))
        .layer(middleware::from_fn(delivery::tagged))
        .layer(delivery::compression())
        .layer(middleware::map_response(async |response: Response| delivery::secure(response)))
}

async fn nothing_here() -> PageError {
    PageError::Missing(
        "There is nothing at this address. It may have been deleted, or the address has a slip in it.".to_owned(),
    )
}

/// The same address with a slash at its end, where relative links start from.
async fn with_slash(uri: Uri, twin: Option<axum::Extension<frame::Twin>>) -> Redirect {
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let json = if twin.is_some() { ".json" } else { "" };
    // Two slashes at the beginning would lead to another host.
    Redirect::permanent(&format!("/{}/{json}{query}", uri.path().trim_matches('/')))
}

async fn asset(uri: Uri) -> Response {
    match assets::find(uri.path()) {
        Some(asset) => {
            let headers = [
                (header::CONTENT_TYPE, asset.content_type),
                (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
            ];
            (headers, asset.text).into_response()
        }
        None => nothing_here().await.into_response(),
    }
}
