//! What everyone may read: results, `.repo` files, repositories for the DNF plugins.

#[cfg(test)]
mod dnf5_tests;
mod repo;
mod results;
#[cfg(test)]
mod tests;

use axum::{Router, routing::get};

use crate::state::AppState;

/// The part of the API that the DNF plugins read.
pub fn plugin_routes() -> Router<AppState> {
    let path = "/api_3/rpmrepo/{owner}/{dirname}/{name_release}";
    Router::new().route(path, get(repo::rpmrepo)).route(&format!("{path}/"), get(repo::rpmrepo))
}

/// The routes.
pub fn routes() -> Router<AppState> {
    let mut router = Router::new().route("/results/{*path}", get(results::serve));
    for end in ["", "/"] {
        router = router.route(&format!("/coprs/{{owner}}/{{project}}/repo/{{name_release}}{end}"), get(repo::unnamed));
    }
    router
        .route("/coprs/{owner}/{project}/repo/{name_release}/{file}", get(repo::named))
        .route("/coprs/g/{owner}/{project}/repo/{name_release}/{file}", get(repo::of_group))
}
