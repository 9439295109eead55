//! The addresses of the server as one list: the router is made of it, and so are the API's description and the test of who may
//! call what.

use axum::{
    Router,
    handler::Handler,
    http::Method,
    routing::{MethodFilter, on},
};

use crate::state::AppState;

/// Addresses with their handlers, and which they are.
#[derive(Default)]
pub struct Routes {
    router: Router<AppState>,
    known: Vec<(Method, &'static str)>,
}

impl Routes {
    /// One address of Copr's API (without a slash at its end, which it may have). Old clients POST for PUT and DELETE.
    #[must_use]
    pub fn api<H, T>(mut self, method: Method, path: &'static str, handler: H) -> Self
    where
        H: Handler<T, AppState>,
        T: 'static,
    {
        let filter = match method {
            Method::GET => MethodFilter::GET,
            Method::PUT => MethodFilter::PUT.or(MethodFilter::POST),
            Method::DELETE => MethodFilter::DELETE.or(MethodFilter::POST),
            _ => MethodFilter::POST,
        };
        self.router =
            self.router.route(path, on(filter, handler.clone())).route(&format!("{path}/"), on(filter, handler));
        self.known.push((method, path));
        self
    }

    /// One address that has exactly this method and form.
    #[must_use]
    pub fn exact<H, T>(mut self, method: Method, path: &'static str, handler: H) -> Self
    where
        H: Handler<T, AppState>,
        T: 'static,
    {
        let filter = match method {
            Method::GET => MethodFilter::GET,
            Method::PUT => MethodFilter::PUT,
            Method::DELETE => MethodFilter::DELETE,
            _ => MethodFilter::POST,
        };
        self.router = self.router.route(path, on(filter, handler));
        self.known.push((method, path));
        self
    }

    /// Both lists as one.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.router = self.router.merge(other.router);
        self.known.extend(other.known);
        self
    }

    /// Every address with its method, in the order in which they were added.
    #[must_use]
    pub fn known(&self) -> &[(Method, &'static str)] {
        &self.known
    }

    /// What answers on them.
    pub fn into_router(self) -> Router<AppState> {
        self.router
    }
}
