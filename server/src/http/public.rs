//! What everyone may read: results, `.repo` files, repositories for the DNF plugins.

#[cfg(test)]
mod dnf5_tests;
mod events;
pub(crate) mod release;
mod repo;
mod results;
#[cfg(test)]
mod tests;

use axum::{Router, http::Method, routing::get};

use super::routes::Routes;
use crate::state::AppState;

/// The part of the API that the DNF plugins read.
pub fn plugin_routes() -> Routes {
    Routes::default().api(Method::GET, "/api_3/rpmrepo/{owner}/{dirname}/{name_release}", repo::rpmrepo).api(
        Method::GET,
        "/api_3/project-chroot/release-package",
        release::about,
    )
}

/// The routes.
pub fn routes() -> Router<AppState> {
    let mut router = Router::new().route("/results/{*path}", get(results::serve));
    for end in ["", "/"] {
        router = router.route(&format!("/coprs/{{owner}}/{{project}}/repo/{{name_release}}{end}"), get(repo::unnamed));
        router = router.route(&format!("/coprs/build/{{id}}/events{end}"), get(events::follow));
    }
    router
        .route("/coprs/{owner}/{project}/repo/{name_release}/{file}", get(repo::named))
        .route("/coprs/g/{owner}/{project}/repo/{name_release}/{file}", get(repo::of_group))
}
