//! The HTTP side, by who calls: users' programs ([`user`]), builders ([`builder`]), everyone ([`public`] and the pages).

pub mod auth;
pub mod builder;
pub mod error;
pub mod params;
pub mod public;
pub mod user;

use axum::{
    Router,
    extract::{DefaultBodyLimit, State},
    middleware,
    routing::{MethodRouter, any, delete, get, post, put},
};
use tower_http::{catch_panic::CatchPanicLayer, trace::TraceLayer};

use crate::state::AppState;
use error::ApiError;

/// Every address of the server. Copr's clients send paths with and without a slash at the end, old ones POST for PUT and DELETE.
pub fn router(state: AppState) -> Router {
    // The file, and as much again as its options and the form around them may have.
    let upload = usize::try_from(state.config.limits.upload_bytes).unwrap_or(usize::MAX).saturating_add(2 << 20);
    let api = Router::new()
        .both("/api_3", get(user::version))
        .both("/api_3/auth-check", get(user::auth_check))
        .both("/api_3/mock-chroots/list", get(user::mock_chroots))
        .both("/api_3/project", get(user::project::get))
        .both("/api_3/project/list", get(user::project::list))
        .both("/api_3/project/search", get(user::project::search))
        .both("/api_3/project/add/{owner}", post(user::project::add))
        .both("/api_3/project/delete/{owner}/{project}", delete(user::project::delete).post(user::project::delete))
        .both("/api_3/project/edit/{owner}/{project}", put(user::project::edit).post(user::project::edit))
        .both("/api_3/project-chroot", get(user::chroot::get))
        .both("/api_3/project-chroot/build-config", get(user::chroot::build_config))
        .both("/api_3/project-chroot/edit/{owner}/{project}/{chroot}", put(user::chroot::edit).post(user::chroot::edit))
        .both("/api_3/build/{id}", get(user::build::get))
        .both("/api_3/build/list", get(user::build::list))
        .both("/api_3/build/check-before-build", post(user::submit::check))
        .both("/api_3/build/create/upload", post(user::upload::upload).layer(DefaultBodyLimit::max(upload)))
        .both("/api_3/build/create/url", post(user::remote::url))
        .both("/api_3/build/create/scm", post(user::remote::scm))
        .both("/api_3/build/cancel/{id}", put(user::build::cancel).post(user::build::cancel))
        .both("/api_3/build/built-packages/{id}", get(user::build::built_packages))
        .both("/api_3/build/source-chroot/{id}", get(user::build::source_chroot))
        .both("/api_3/build/source-build-config/{id}", get(user::build::source_config))
        .both("/api_3/build-chroot", get(user::build::chroot))
        .both("/api_3/build-chroot/list", get(user::build::chroots))
        .both("/api_3/build-chroot/build-config", get(user::chroot::of_build))
        .both("/api_3/package/list", get(user::package::list))
        .route("/api_3/{*rest}", any(no_endpoint))
        .merge(public::plugin_routes())
        .layer(middleware::map_response(error::in_json));
    let builder = Router::new()
        .route("/builder/v1/lease", post(builder::lease))
        .route("/builder/v1/lease/{id}/heartbeat", post(builder::heartbeat))
        .route("/builder/v1/lease/{id}/log/{name}", post(builder::log).layer(DefaultBodyLimit::max(builder::LOG_CHUNK)))
        .route("/builder/v1/lease/{id}/result/{file}", put(builder::result))
        .route("/builder/v1/lease/{id}/finish", post(builder::finish))
        .route("/builder/v1/lease/{id}/source", get(builder::source))
        .route("/builder/v1/lease/{id}/source/{file}", get(builder::source_file))
        .route("/builder/{*rest}", any(no_endpoint))
        .layer(middleware::map_response(error::in_json));
    Router::new()
        .route("/healthz", get(healthz))
        .merge(api)
        .merge(builder)
        .merge(public::routes())
        .merge(crate::web::routes())
        .method_not_allowed_fallback(async || ApiError::Method)
        .layer(CatchPanicLayer::custom(error::panicked))
        .layer(TraceLayer::new_for_http())
        .with_state(state)
}

/// A route that also answers with a slash at the end.
trait Both {
    fn both(self, path: &str, methods: MethodRouter<AppState>) -> Self;
}

impl Both for Router<AppState> {
    fn both(self, path: &str, methods: MethodRouter<AppState>) -> Self {
        self.route(path, methods.clone()).route(&format!("{path}/"), methods)
    }
}

async fn no_endpoint() -> ApiError {
    ApiError::no_endpoint()
}

/// 200 when requests can be served: the database answers.
async fn healthz(State(state): State<AppState>) -> Result<&'static str, ApiError> {
    state.db.ping().await?;
    Ok("ok\n")
}
