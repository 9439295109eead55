//! What is around every page: the site, who looks at it, and the two forms that a page has, HTML and its twin in JSON.

use std::convert::Infallible;

use askama::Template;
use axum::{
    Json, Router,
    extract::{FromRequestParts, Request},
    http::{HeaderMap, StatusCode, Uri, header::ACCEPT, request::Parts, uri::PathAndQuery},
    response::{Html, IntoResponse, Response},
};
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use serde::Serialize;

use super::{
    error::PageError,
    form::{own_path, sign_in_url},
    viewer::Viewer,
};
use crate::{http::auth::Caller, state::AppState};

/// Longest text in the search box, in characters.
pub const QUERY: usize = 100;

/// What the base template needs of every page.
#[derive(Debug, Clone, Default)]
pub struct Frame {
    /// Name of the site.
    pub site: String,
    /// Who looks at it.
    pub viewer: Viewer,
    /// Path and query of the page.
    pub path: String,
    /// What stands in the search box.
    pub query: String,
    /// Whether there are terms to be read.
    pub terms: bool,
}

impl Frame {
    /// The frame of a page that is the same for everybody.
    #[must_use]
    pub fn anonymous(state: &AppState) -> Self {
        Self { site: site(state), terms: state.terms.is_some(), ..Self::default() }
    }

    /// Who looks, as the API's handlers know callers: forms call these.
    ///
    /// # Errors
    /// Nobody has signed in.
    pub(crate) fn caller(&self) -> Result<Caller, PageError> {
        let user = self.viewer.user.clone().ok_or(PageError::SignIn)?;
        Ok(Caller { user, only: None, login: None })
    }

    /// Where one signs in, to come back to this page.
    #[must_use]
    pub fn signin_url(&self) -> String {
        sign_in_url(own_path(&self.path))
    }

    /// Whether a form has led here after it was done as it asked.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.path.split_once('?').is_some_and(|(_, query)| query.split('&').any(|pair| pair == "done=1"))
    }

    /// Whether the page stands in this part of the site, for the navigation.
    #[must_use]
    pub fn is_in(&self, part: &str) -> bool {
        self.path.split('?').next().is_some_and(|path| path == part || (part.len() > 1 && path.starts_with(part)))
    }
}

impl FromRequestParts<AppState> for Frame {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Infallible> {
        let Ok(viewer) = Viewer::from_request_parts(parts, state).await;
        let path = parts.uri.path_and_query().map_or("/", PathAndQuery::as_str).to_owned();
        Ok(Self { site: site(state), viewer, path, query: String::new(), terms: state.terms.is_some() })
    }
}

/// What the site is called: its host name.
fn site(state: &AppState) -> String {
    format!("Copr on {}", state.hostname())
}

/// In which form a page is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wants {
    /// As a page.
    Html,
    /// As its twin, what the page says without its looks.
    Json,
}

impl<S: Sync> FromRequestParts<S> for Wants {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(parts))
    }
}

impl Wants {
    /// `.json` at the end of the path, or JSON preferred to HTML.
    #[must_use]
    pub fn of(parts: &Parts) -> Self {
        if parts.extensions.get::<Twin>().is_some()
            || quality(&parts.headers, "application/json") > quality(&parts.headers, "text/html")
        {
            return Self::Json;
        }
        Self::Html
    }
}

/// How much a media type is wanted, in thousandths; 0: it is not named.
fn quality(headers: &HeaderMap, media_type: &str) -> u16 {
    let accepted =
        headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(','));
    let named = accepted.filter_map(|range| {
        let mut parts = range.split(';').map(str::trim);
        parts.next().filter(|name| name.eq_ignore_ascii_case(media_type))?;
        let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(Some(1.0), |text| text.parse::<f32>().ok());
        // Between 0 and 1000, whatever was written.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        Some((weight.unwrap_or(0.0).clamp(0.0, 1.0) * 1000.0) as u16)
    });
    named.max().unwrap_or(0)
}

/// Beside a request whose path ended with `.json`.
#[derive(Debug, Clone, Copy)]
pub struct Twin;

/// Puts the page's own address in the place of its twin's, `PAGE.json`, before anybody looks for a handler.
pub fn twins(pages: Router) -> Router {
    let pages = TowerToHyperService::new(pages);
    Router::new().fallback(move |mut request: Request| {
        if let Some(uri) = page_of_twin(request.uri()) {
            *request.uri_mut() = uri;
            request.extensions_mut().insert(Twin);
        }
        pages.call(request)
    })
}

fn page_of_twin(uri: &Uri) -> Option<Uri> {
    let page = uri.path().strip_suffix(".json").filter(|page| !page.is_empty())?;
    // What programs fetch has names of its own.
    if ["/api_3/", "/results/", "/builder/", "/static/"].iter().any(|files| page.starts_with(files)) {
        return None;
    }
    let text = uri.query().map_or_else(|| page.to_owned(), |query| format!("{page}?{query}"));
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(text.parse().ok()?);
    Uri::from_parts(parts).ok()
}

/// Renders a page in the form that is wanted.
///
/// # Errors
/// The template fails.
pub fn show<P: Template + Serialize>(wants: &Wants, page: &P) -> Result<Response, PageError> {
    show_with(StatusCode::OK, wants, page)
}

/// The same with another status, e.g. 400 for a form that is to be mended.
///
/// # Errors
/// The template fails.
pub fn show_with<P: Template + Serialize>(status: StatusCode, wants: &Wants, page: &P) -> Result<Response, PageError> {
    Ok(match wants {
        Wants::Html => (status, Html(page.render()?)).into_response(),
        Wants::Json => (status, Json(page)).into_response(),
    })
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn json_is_given_to_those_who_like_it_better_than_a_page() {
        let wants = |accept: &'static str, twin: bool| {
            let mut parts = Request::new(()).into_parts().0;
            parts.headers.insert(ACCEPT, HeaderValue::from_static(accept));
            if twin {
                parts.extensions.insert(Twin);
            }
            Wants::of(&parts)
        };
        for accept in ["application/json", "application/json, */*", "text/html;q=0.5, Application/JSON;q=0.9"] {
            assert_eq!(wants(accept, false), Wants::Json, "{accept}");
        }
        for accept in ["*/*", "text/html,application/json", "", "application/json;q=0", "application/json;q=x;;,,"] {
            assert_eq!(wants(accept, false), Wants::Html, "{accept}");
        }
        assert_eq!(wants("text/html", true), Wants::Json);
    }

    #[test]
    fn the_twin_of_a_page_has_json_behind_its_path_and_files_of_that_name_stay_what_they_are() {
        let page = |uri: &str| page_of_twin(&uri.parse().unwrap()).map(|uri| uri.to_string());
        assert_eq!(page("/coprs/build/7.json?x=1").as_deref(), Some("/coprs/build/7?x=1"));
        assert_eq!(page("/.json").as_deref(), Some("/"));
        assert_eq!(page("/coprs/a/p/.json").as_deref(), Some("/coprs/a/p/"));
        for not in ["/coprs/a/p/", "/results/a/p/x.json", "/api_3/openapi.json", "/static/x.json"] {
            assert_eq!(page(not), None, "{not}");
        }
    }
}
