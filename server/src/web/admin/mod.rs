//! `/admin/`: pages for administrators of the site.

mod chroots;
mod reports;
mod tasks;
mod users;

use axum::{Router, routing::get};
use serde::Serialize;

use super::{PageError, frame::Frame, with_slash};
use crate::{http::auth::Caller, state::AppState};

/// The addresses.
pub(super) fn routes() -> Router<AppState> {
    Router::new()
        .route("/admin", get(with_slash))
        .merge(users::routes())
        .merge(chroots::routes())
        .merge(tasks::routes())
        .merge(reports::routes())
}

/// Who looks, an administrator of the site.
fn administrator(frame: &Frame) -> Result<Caller, PageError> {
    let caller = frame.caller()?;
    caller.require_site_admin("administer the site")?;
    Ok(caller)
}

/// One of these pages.
#[derive(Debug, Serialize)]
struct Tab {
    label: &'static str,
    url: &'static str,
    here: bool,
}

/// All of them, seen from the one with this address.
fn tabs(here: &str) -> Vec<Tab> {
    [
        ("Users", "/admin/"),
        ("Chroots", "/admin/chroots/"),
        ("Tasks", "/admin/tasks/"),
        ("Reports", "/admin/reports/"),
        ("Licences", "/licences/"),
    ]
    .map(|(label, url)| Tab { label, url, here: url == here })
    .into()
}
