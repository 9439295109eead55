//! `/coprs/OWNER/PROJECT/promotions/`: what comes from other projects and goes into others, and what this project asks of it.

use askama::Template;
use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use copr_api::v3::{Gates, GatesEdit, Promotion, PromotionReason, PromotionState, PromotionWish, VoteWish};
use serde::{Deserialize, Serialize};

use super::{Fields, Head, Of, below, names_of};
use crate::{
    clock,
    db::{self, project::Project},
    http::{
        error::ApiError,
        params::{JsonBody, Lenient},
        user::{gates, promotion},
    },
    state::AppState,
    web::{
        error::PageError,
        faults::Faults,
        frame::{Frame, Wants, show, show_with},
        inputs::{Input, Kind, Section, Values, names},
        paging::Paging,
        text::{Moment, project_url},
    },
};

/// Promotions on one page.
const PROMOTIONS: u64 = 30;

/// What can be wished for.
const WISH: &[Section] = &[Section {
    title: "Promote into this project",
    inputs: &[
        Input::new("source", "From", Kind::Text, "OWNER/PROJECT: its good builds come here as they are, all at once."),
        Input::new(
            "what",
            "Packages or builds",
            Kind::Words,
            "One a line: a name, for the newest build, or a build's number. Empty: all packages.",
        ),
        Input::new("chroots", "Chroots", Kind::Words, "One a line. Empty: all that both projects have."),
        Input::new("move", "Move", Kind::Check, "The builds leave the other project once they are published here."),
    ],
}];

/// What a project may ask for.
const GATES: &[Section] = &[Section {
    title: "What this project asks for",
    inputs: &[
        Input::new("votes", "Votes", Kind::Number, "Their sum, without that of who asks. 0: none."),
        Input::new("days", "Days", Kind::Number, "How long each build must have been where it comes from. 0: no time."),
        Input::new(
            "impact",
            "Nothing may break",
            Kind::Check,
            "Here, and in projects that need this one. An administrator may override it, with a reason.",
        ),
        Input::new("by_hand", "An administrator says when", Kind::Check, ""),
        Input::new("admins_only", "Only administrators promote", Kind::Check, "Else everyone who may build here."),
        Input::new(
            "rpm_uploads",
            "Packages may be sent ready-made",
            Kind::Check,
            "Published as they are: nothing shows how they were built.",
        ),
    ],
}];

/// The addresses.
pub(super) fn routes() -> Router<AppState> {
    let router = below(Router::new(), "promotions/", get(page).post(ask));
    let router = below(router, "promotions/gates/", post(set_gates));
    below(router, "promotions/{id}/", get(one).post(act))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Query {
    page: String,
}

/// A promotion in the list.
#[derive(Debug, Serialize)]
struct Line {
    id: i64,
    #[serde(skip)]
    url: String,
    state: PromotionState,
    source: String,
    target: String,
    /// Names of packages, the first of them.
    packages: String,
    submitter: String,
    asked: Moment,
}

#[derive(Debug, Template, Serialize)]
#[template(path = "project/promotions.html")]
struct PromotionsPage {
    #[serde(skip)]
    frame: Frame,
    #[serde(flatten)]
    head: Head,
    promotions: Vec<Line>,
    gates: Gates,
    #[serde(skip)]
    wishes: &'static [Section],
    #[serde(skip)]
    wish: Values,
    #[serde(skip)]
    asks: &'static [Section],
    #[serde(skip)]
    asked: Values,
    #[serde(skip)]
    faults: Faults,
    #[serde(skip)]
    gate_faults: Faults,
    paging: Paging,
}

impl PromotionsPage {
    async fn load(state: &AppState, frame: Frame, project: &Project, page: &str) -> Result<Self, PageError> {
        let head = Head::new(state, &frame.viewer, project, "promotions/").await?;
        let mut paging = Paging::new(page, PROMOTIONS, format!("{}promotions/?", head.url));
        let mut rows = db::promotion::list(&state.db, project.id, None, paging.window()).await?;
        paging.cut(&mut rows);
        let now = clock::now_ms();
        let mut promotions = Vec::with_capacity(rows.len());
        for row in rows {
            let items = db::promotion::items(&state.db, row.id).await?;
            promotions.push(Line {
                id: row.id,
                url: format!("{}promotions/{}/", head.url, row.id),
                state: row.state,
                source: row.source(),
                target: row.target(),
                packages: some(items.iter().map(|item| item.package_name.as_str())),
                asked: Moment::new(row.created_ms, now),
                submitter: row.submitter,
            });
        }
        let of = db::gates::of_project(&state.db, project.id).await?;
        let gates = Gates {
            rpm_uploads: of.rpm_uploads,
            admins_only: of.admins_only,
            votes: of.votes,
            days: of.days,
            impact: of.impact,
            by_hand: of.by_hand,
        };
        let asked = Values::default()
            .with("votes", gates.votes)
            .with("days", gates.days)
            .ticked("impact", gates.impact)
            .ticked("by_hand", gates.by_hand)
            .ticked("admins_only", gates.admins_only)
            .ticked("rpm_uploads", gates.rpm_uploads);
        let (wish, faults, gate_faults) = (Values::default(), Faults::default(), Faults::default());
        let (wishes, asks) = (WISH, GATES);
        Ok(Self { frame, head, promotions, gates, wishes, wish, asks, asked, faults, gate_faults, paging })
    }

    fn class(state: &PromotionState) -> &'static str {
        class(*state)
    }

    /// Who looks may promote.
    fn may_promote(&self) -> bool {
        if self.gates.admins_only { self.head.is_admin() } else { self.head.is_builder() }
    }
}

/// The first few names, each once, and how many more.
fn some<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut all: Vec<&str> = names.collect();
    all.dedup();
    let more = all.len().saturating_sub(5);
    let first = all.into_iter().take(5).collect::<Vec<_>>().join(", ");
    if more == 0 { first } else { format!("{first} and {more} more") }
}

/// A state's class, as those of builds have one.
fn class(state: PromotionState) -> &'static str {
    match state {
        PromotionState::Requested | PromotionState::Waiting => "",
        PromotionState::Approved | PromotionState::Running => "busy",
        PromotionState::Done => "good",
        PromotionState::Refused | PromotionState::Failed => "bad",
    }
}

async fn page(
    State(state): State<AppState>,
    Of(project): Of,
    Lenient(query): Lenient<Query>,
    wants: Wants,
    frame: Frame,
) -> Result<Response, PageError> {
    show(&wants, &PromotionsPage::load(&state, frame, &project, &query.page).await?)
}

/// Asks for builds to come here: fields as the API has them.
async fn ask(
    State(state): State<AppState>,
    Of(project): Of,
    wants: Wants,
    frame: Frame,
    form: Fields,
) -> Result<Response, PageError> {
    let values: Values = form.value.into_iter().collect();
    let wish: PromotionWish = serde_json::from_value(values.body(WISH).into())?;
    match promotion::new(State(state.clone()), frame.caller()?, names_of(&project), JsonBody(wish)).await {
        Ok(Json(asked)) => {
            let url = project_url(project.owner.as_str(), project.name.as_str());
            let id = asked.id.unwrap_or_default();
            Ok(Redirect::to(&format!("{url}promotions/{id}/")).into_response())
        }
        Err(error) => {
            let faults = Faults::of(error, &names(WISH))?;
            let page = PromotionsPage::load(&state, frame, &project, "").await?;
            show_with(StatusCode::BAD_REQUEST, &wants, &PromotionsPage { wish: values, faults, ..page })
        }
    }
}

/// Sets what the project asks for.
async fn set_gates(
    State(state): State<AppState>,
    Of(project): Of,
    wants: Wants,
    frame: Frame,
    form: Fields,
) -> Result<Response, PageError> {
    let values: Values = form.value.into_iter().collect();
    let edit = match serde_json::from_value::<GatesEdit>(values.body(GATES).into()) {
        Ok(edit) => Ok(edit),
        // Only numbers can be none.
        Err(_) => Err(ApiError::BadRequest(
            ["votes", "days"]
                .iter()
                .filter(|field| {
                    !values.get(field).trim().is_empty() && values.get(field).trim().parse::<i64>().is_err()
                })
                .map(|field| format!("{field}: Not a valid integer value."))
                .collect::<Vec<_>>()
                .join("\n"),
        )),
    };
    let caller = frame.caller()?;
    let done = match edit {
        Ok(edit) => gates::set(State(state.clone()), caller, names_of(&project), JsonBody(edit)).await,
        Err(error) => Err(error),
    };
    match done {
        Ok(Json(_)) => {
            let url = project_url(project.owner.as_str(), project.name.as_str());
            Ok(Redirect::to(&format!("{url}promotions/?done=1")).into_response())
        }
        Err(error) => {
            let gate_faults = Faults::of(error, &names(GATES))?;
            let page = PromotionsPage::load(&state, frame, &project, "").await?;
            show_with(StatusCode::BAD_REQUEST, &wants, &PromotionsPage { asked: values, gate_faults, ..page })
        }
    }
}

#[derive(Debug, Template, Serialize)]
#[template(path = "project/promotion.html")]
struct PromotionPage {
    #[serde(skip)]
    frame: Frame,
    #[serde(flatten)]
    head: Head,
    promotion: Promotion,
    /// Who looks may say when, and no.
    #[serde(skip)]
    admin: bool,
    #[serde(skip)]
    values: Values,
    #[serde(skip)]
    faults: Faults,
}

impl PromotionPage {
    async fn load(state: &AppState, frame: Frame, project: &Project, id: &str) -> Result<Self, PageError> {
        let missing = || PageError::Missing("There is no such promotion.".to_owned());
        let row = match id.parse() {
            Ok(id) => db::promotion::get(&state.db, id).await?,
            Err(_) => None,
        };
        let row = row.filter(|row| row.target_id == project.id || row.source_id == project.id).ok_or_else(missing)?;
        let head = Head::new(state, &frame.viewer, project, "promotions/").await?;
        let target = db::project::by_id(&state.db, row.target_id).await?.ok_or_else(missing)?;
        let admin = super::role(state, &frame.viewer, &target).await? >= db::permission::Role::Admin;
        let promotion = promotion::view(state, row).await?;
        Ok(Self { frame, head, promotion, admin, values: Values::default(), faults: Faults::default() })
    }

    fn class(state: &PromotionState) -> &'static str {
        class(*state)
    }

    fn id(&self) -> i64 {
        self.promotion.id.unwrap_or_default()
    }

    fn waits(&self) -> bool {
        matches!(self.promotion.state, PromotionState::Requested | PromotionState::Waiting)
    }

    fn may_vote(&self) -> bool {
        self.waits() && self.frame.viewer.user.is_some() && !self.is_own()
    }

    fn may_cancel(&self) -> bool {
        (self.waits() || self.promotion.state == PromotionState::Approved) && (self.is_own() || self.admin)
    }

    fn is_own(&self) -> bool {
        self.frame.viewer.name() == self.promotion.submitter
    }

    /// Whether an administrator has to say when, and has not.
    fn wants_approval(&self) -> bool {
        self.waits() && self.admin && self.promotion.gates.iter().any(|gate| gate.name == "by_hand" && !gate.open)
    }

    /// Whether it is stopped by what would break.
    fn wants_override(&self) -> bool {
        self.waits() && self.admin && self.promotion.gates.iter().any(|gate| gate.name == "impact" && !gate.open)
    }

    fn build_url(number: &i64) -> String {
        format!("/coprs/build/{number}/")
    }

    fn moment(seconds: &i64) -> Moment {
        Moment::new(seconds.saturating_mul(1000), clock::now_ms())
    }

    fn url_of(owner: &copr_api::names::OwnerName, name: &copr_api::names::ProjectName) -> String {
        project_url(owner.as_str(), name.as_str())
    }
}

/// The number in the address.
#[derive(Debug, Deserialize)]
struct Number {
    id: String,
}

async fn one(
    State(state): State<AppState>,
    Of(project): Of,
    Path(Number { id }): Path<Number>,
    wants: Wants,
    frame: Frame,
) -> Result<Response, PageError> {
    show(&wants, &PromotionPage::load(&state, frame, &project, &id).await?)
}

/// Votes, approves, overrides or cancels, as the field `do` says; with `vote` and `comment`, or with `reason`.
async fn act(
    State(state): State<AppState>,
    Of(project): Of,
    Path(Number { id }): Path<Number>,
    wants: Wants,
    frame: Frame,
    form: Fields,
) -> Result<Response, PageError> {
    let values: Values = form.value.into_iter().collect();
    let (of, number, caller) = (State(state.clone()), Path(id.clone()), frame.caller()?);
    let reason = |field: &str| JsonBody(PromotionReason { reason: values.get(field).to_owned() });
    let done = match values.get("do") {
        "vote" => {
            let vote = values.get("vote").parse().ok();
            let wish = VoteWish { vote, comment: values.get("comment").to_owned() };
            promotion::vote(of, caller, number, JsonBody(wish)).await
        }
        "approve" => promotion::approve(of, caller, number).await,
        "override" => promotion::override_impact(of, caller, number, reason("reason")).await,
        "cancel" => promotion::cancel(of, caller, number, reason("why")).await,
        _ => Err(ApiError::BadRequest("do: It is nothing that can be done.".to_owned())),
    };
    match done {
        Ok(Json(_)) => {
            let url = project_url(project.owner.as_str(), project.name.as_str());
            Ok(Redirect::to(&format!("{url}promotions/{id}/")).into_response())
        }
        Err(error) => {
            let faults = Faults::of(error, &["vote", "comment", "reason", "why"])?;
            let page = PromotionPage::load(&state, frame, &project, &id).await?;
            show_with(StatusCode::BAD_REQUEST, &wants, &PromotionPage { values, faults, ..page })
        }
    }
}
