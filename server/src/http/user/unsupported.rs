//! Ways to a source that Copr has and this server has not: they are told what there is instead.

use axum::http::Method;

use crate::http::{auth::Caller, error::ApiError, routes::Routes};

/// The addresses of this file.
pub fn routes() -> Routes {
    let mut routes = Routes::default();
    for (path, what) in [
        ("/api_3/build/create/pypi", "packages of PyPI"),
        ("/api_3/build/create/rubygems", "gems of RubyGems"),
        ("/api_3/build/create/custom", "sources that a script makes"),
        ("/api_3/build/create/distgit", "dist-git"),
        ("/api_3/module/build/{owner}/{project}", "modules"),
    ] {
        routes = routes.api(Method::POST, path, async move |_: Caller| refusal(what));
    }
    routes
}

/// What is said of a way that there is not.
pub(super) fn refusal(what: &str) -> ApiError {
    ApiError::BadRequest(format!(
        "{what}: not supported here; build from a source package (a file or a URL), from a spec with its sources, or from a git \
         repository (scm)"
    ))
}
