//! `/coprs/add/` and, for a group's, `/coprs/g/GROUP/add/`: a new project.

use std::collections::BTreeMap;

use askama::Template;
use axum::{
    Json, Router,
    extract::{FromRequestParts, Path, RawPathParams, State},
    http::{StatusCode, request::Parts},
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use copr_api::{
    builder::{Rpmlint, ShadowCheck},
    names::OwnerName,
    v3::ProjectAdd,
};
use serde::Serialize;

use super::{parsed, settings::PROJECT};
use crate::{
    db,
    http::{
        error::ApiError,
        params::{JsonBody, Params},
        user,
    },
    state::AppState,
    web::{
        error::PageError,
        faults::Faults,
        form::Form,
        frame::{Frame, Wants, show, show_with},
        inputs::{self, Input, Kind, Section, Values},
        text::{owner_url, project_url},
        with_slash,
    },
};

/// The addresses.
pub(super) fn routes() -> Router<AppState> {
    Router::new()
        .route("/coprs/add", get(with_slash))
        .route("/coprs/add/", get(page).post(add))
        .route("/coprs/g/{group}/add", get(with_slash))
        .route("/coprs/g/{group}/add/", get(page).post(add))
}

const NAME: Section = Section {
    title: "Name",
    inputs: &[Input::new(
        "name",
        "Name",
        Kind::Text,
        "Letters, digits and -._+; it stands in addresses and stays as it is.",
    )],
};

/// For administrators of the site.
const ADMINS: Section = Section {
    title: "Administration",
    inputs: &[Input::new("persistent", "Never deleted nor pruned", Kind::Check, "This can't be changed later.")],
};

/// The group that the address names; `None`: it is about who looks.
struct Group(Option<String>);

impl FromRequestParts<AppState> for Group {
    type Rejection = PageError;
    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, PageError> {
        let missing = |_| PageError::Missing("There is no such group.".to_owned());
        let params = RawPathParams::from_request_parts(parts, state).await.map_err(missing)?;
        Ok(Self(params.iter().next().map(|(_, group)| format!("@{group}"))))
    }
}

#[derive(Debug, Template, Serialize)]
#[template(path = "project/new.html")]
struct NewPage {
    #[serde(skip)]
    frame: Frame,
    /// Whose it is to be.
    owner: String,
    /// The form's address.
    #[serde(skip)]
    url: String,
    /// Who else may get one from who looks: name and address.
    #[serde(skip)]
    others: Vec<(String, String)>,
    #[serde(skip)]
    sections: Vec<Section>,
    settings: Values,
    faults: Faults,
    /// What can be chosen, by distribution.
    chroots: BTreeMap<String, Vec<String>>,
}

/// The form of a group's new project.
fn group_url(name: &str) -> String {
    format!("{}add/", owner_url(name))
}

impl NewPage {
    async fn load(state: &AppState, frame: Frame, group: Option<String>) -> Result<Self, PageError> {
        let caller = frame.caller()?;
        let url = group.as_deref().map_or_else(|| "/coprs/add/".to_owned(), group_url);
        let owner = group.unwrap_or_else(|| caller.user.name.clone());
        let parsed: OwnerName =
            owner.parse().map_err(|_| PageError::Missing(format!("There is no such group: {owner}")))?;
        user::project::may_own(state, &caller, &parsed).await?;
        let groups = db::group::of_user(&state.db, caller.user.id).await?;
        let mut others: Vec<(String, String)> =
            groups.iter().map(|group| (group.name.to_string(), group_url(group.name.as_str()))).collect();
        others.insert(0, (caller.user.name.clone(), "/coprs/add/".to_owned()));
        others.retain(|(name, _)| *name != owner);
        let Json(known) = user::mock_chroots(State(state.clone())).await?;
        let mut chroots: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for chroot in known.into_keys() {
            // Its name is DISTRIBUTION-RELEASE-ARCHITECTURE.
            let distribution = chroot.rsplitn(3, '-').nth(2).unwrap_or_default().to_owned();
            chroots.entry(distribution).or_default().push(chroot);
        }
        let mut sections = vec![NAME];
        sections.extend_from_slice(PROJECT);
        if caller.user.admin {
            sections.push(ADMINS);
        }
        let settings = Values::default()
            .ticked("auto_prune", true)
            .with("rpmlint", Rpmlint::default().as_str())
            .with("shadow_check", ShadowCheck::default().as_str())
            .with("signing", state.config.signing.default);
        Ok(Self { frame, owner, url, others, sections, settings, faults: Faults::default(), chroots })
    }
}

async fn page(
    State(state): State<AppState>,
    Group(group): Group,
    wants: Wants,
    frame: Frame,
) -> Result<Response, PageError> {
    show(&wants, &NewPage::load(&state, frame, group).await?)
}

async fn add(
    State(state): State<AppState>,
    Group(group): Group,
    wants: Wants,
    frame: Frame,
    form: Form<Vec<(String, String)>>,
) -> Result<Response, PageError> {
    let caller = frame.caller()?;
    let mut page = NewPage::load(&state, frame, group).await?;
    let values: Values = form.value.into_iter().collect();
    let faults = match parsed::<ProjectAdd>(values.body(&page.sections), &page.sections) {
        Ok(body) => {
            let owner = Path(page.owner.clone());
            match user::project::add(State(state), caller, owner, Params::default(), JsonBody(body)).await {
                Ok(Json(made)) => {
                    let url = project_url(made.ownername.as_str(), made.name.as_str());
                    return Ok(Redirect::to(&url).into_response());
                }
                // Who may add the project may only not have chosen this.
                Err(ApiError::Forbidden(text)) if !values.is("auto_prune") => {
                    let mut faults = Faults::default();
                    faults.add("auto_prune", &text);
                    faults
                }
                Err(error) => Faults::of(error, &inputs::names(&page.sections))?,
            }
        }
        Err(faults) => faults,
    };
    (page.faults, page.settings) = (faults, values);
    show_with(StatusCode::BAD_REQUEST, &wants, &page)
}
