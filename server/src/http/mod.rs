//! The HTTP side, by who calls: users' programs ([`user`]), builders ([`builder`]), everyone ([`public`] and the pages).

pub mod access;
pub mod auth;
pub mod builder;
pub mod error;
mod limits;
mod metrics;
pub mod openapi;
pub mod params;
pub mod peer;
pub mod public;
pub mod routes;
pub mod serve;
pub mod table;
pub(crate) mod telemetry;
pub mod user;

use std::sync::Arc;

use axum::{
    Router,
    extract::Request,
    http::Method,
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
    routing::{any, get},
};
use tower_http::catch_panic::CatchPanicLayer;

use crate::state::AppState;
use error::ApiError;
use routes::Routes;

/// The addresses that programs call: the API's and the builders'.
pub fn api_routes(state: &AppState) -> Routes {
    Routes::default()
        .api(Method::GET, "/api_3/openapi.json", openapi::serve)
        .and(user::routes(state))
        .and(public::plugin_routes())
}

/// Every address of the server.
pub fn router(state: AppState) -> Router {
    let bounds = limits::Bounds::new(&state.config.limits);
    let api = api_routes(&state)
        .into_router()
        .route("/api_3/{*rest}", any(no_endpoint))
        .layer(middleware::from_fn(without_nul))
        .layer(middleware::from_fn(auth::without_credentials))
        .layer(middleware::map_response(error::in_json));
    let builder = builder::routes()
        .into_router()
        .route("/builder/{*rest}", any(no_endpoint))
        .layer(middleware::from_fn(auth::without_credentials))
        .layer(middleware::map_response(error::in_json));
    let router = Router::new()
        .route("/healthz", get(metrics::healthz))
        .route("/metrics", get(metrics::metrics))
        .merge(api)
        .merge(builder)
        .merge(public::routes())
        .merge(
            user::incoming::routes()
                .layer(middleware::from_fn(without_nul))
                .layer(middleware::map_response(error::in_json)),
        )
        .merge(crate::web::routes(&state))
        .method_not_allowed_fallback(async || ApiError::Method)
        .layer(limits::body_limit(&state.config.limits))
        .layer(middleware::from_fn_with_state(Arc::clone(&bounds), limits::stalls))
        .layer(middleware::from_fn_with_state((bounds, state.clone()), limits::rate))
        .layer(CatchPanicLayer::custom(error::panicked))
        .layer(middleware::from_fn_with_state(state.clone(), telemetry::watch))
        .layer(middleware::from_fn_with_state(state.clone(), peer::identify))
        .with_state(state);
    crate::web::frame::twins(router)
}

async fn no_endpoint() -> ApiError {
    ApiError::no_endpoint()
}

/// NUL is in no name, and not every database can even look for it.
async fn without_nul(request: Request, next: Next) -> Response {
    if request.uri().path().contains("%00") {
        return ApiError::BadRequest("An address may not have the character NUL.".to_owned()).into_response();
    }
    next.run(request).await
}
