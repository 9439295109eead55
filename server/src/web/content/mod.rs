//! Pages about what may be here: licences that wait for a decision, terms that users accept, reports of abuse.

mod report;
mod review;
mod terms;

use axum::Router;

use crate::state::AppState;

pub(super) use terms::before;

/// The addresses.
pub(super) fn routes() -> Router<AppState> {
    Router::new().merge(review::routes()).merge(terms::routes()).merge(report::routes())
}
