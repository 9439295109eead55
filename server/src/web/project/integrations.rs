//! `/coprs/OWNER/PROJECT/integrations/`: forges that call, and addresses that are told. `rebuilds/`: what was and would be built by
//! itself.

use askama::Template;
use axum::{
    Json, Router,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use copr_api::v3::{Delivery, Dependent, HookAdd, HookEdit};
use serde::{Deserialize, Serialize};

use super::{Fields, Head, Of, below, names_of};
use crate::{
    clock,
    db::{self, event::TOPICS, permission::Role, project::Project},
    events::dependents,
    http::{
        params::{JsonBody, Lenient},
        user::{hook, webhook},
    },
    state::AppState,
    web::{
        error::PageError,
        faults::Faults,
        frame::{Frame, Wants, show, show_with},
        inputs::Values,
        text::Moment,
    },
};

/// The addresses.
pub(super) fn routes() -> Router<AppState> {
    let router = below(Router::new(), "integrations/", get(page).post(new_secret));
    let router = below(router, "integrations/add/", post(add));
    let router = below(router, "integrations/{hook}/", post(change));
    below(router, "rebuilds/", get(rebuilds))
}

/// Dependents that are shown.
const DEPENDENTS: usize = 200;
/// Rebuilds that are shown.
const REBUILDS: i64 = 100;

/// An address that is told.
#[derive(Debug, Serialize)]
struct HookLine {
    id: i64,
    /// Without what may be a secret.
    url: String,
    /// Empty: all.
    topics: Vec<String>,
    active: bool,
    failures: i64,
    told: Vec<DeliveryLine>,
}

/// What it was told.
#[derive(Debug, Serialize)]
struct DeliveryLine {
    id: i64,
    topic: String,
    state: String,
    /// Class of the state's badge.
    #[serde(skip)]
    class: &'static str,
    attempts: i64,
    /// Status or error of the last try; empty: there was none.
    answer: String,
    queued: Moment,
}

impl DeliveryLine {
    fn new(of: Delivery, now_ms: i64) -> Self {
        let class = match of.state.as_str() {
            "delivered" => "good",
            "given-up" => "bad",
            _ => "busy",
        };
        let status = of.status.map(|status| status.to_string()).unwrap_or_default();
        Self {
            id: of.id,
            topic: of.topic,
            class,
            state: of.state,
            attempts: of.attempts,
            answer: of.error.unwrap_or(status),
            queued: Moment::new(of.created_on.saturating_mul(1000), now_ms),
        }
    }
}

#[derive(Debug, Template, Serialize)]
#[template(path = "project/integrations.html")]
struct IntegrationsPage {
    #[serde(skip)]
    frame: Frame,
    #[serde(flatten)]
    head: Head,
    /// The new secret of the project's own webhooks; it is shown once.
    secret: String,
    /// What a new hook's bodies are signed with; it is shown once.
    hook_secret: String,
    /// Addresses for forges, with the new secret; empty without one.
    #[serde(skip)]
    addresses: Vec<(&'static str, String)>,
    /// The project's number, which addresses of webhooks have.
    id: i64,
    hooks: Vec<HookLine>,
    #[serde(skip)]
    topics: &'static [(&'static str, &'static str)],
    #[serde(skip)]
    values: Values,
    #[serde(skip)]
    faults: Faults,
    done: bool,
}

impl IntegrationsPage {
    async fn load(state: &AppState, frame: Frame, project: &Project) -> Result<Self, PageError> {
        frame.caller()?.require(state, project, Role::Admin, "change").await?;
        let head = Head::new(state, &frame.viewer, project, "integrations/").await?;
        let now = clock::now_ms();
        let hooks = hook::with_deliveries(state, project).await?;
        let line = |(of, told): (copr_api::v3::Hook, Vec<Delivery>)| HookLine {
            id: of.id,
            url: of.url,
            topics: of.topics,
            active: of.active,
            failures: of.failures,
            told: told.into_iter().map(|one| DeliveryLine::new(one, now)).collect(),
        };
        Ok(Self {
            done: frame.is_done(),
            frame,
            head,
            secret: String::new(),
            hook_secret: String::new(),
            addresses: Vec::new(),
            id: project.id,
            hooks: hooks.into_iter().map(line).collect(),
            topics: TOPICS,
            values: Values::default(),
            faults: Faults::default(),
        })
    }
}

async fn page(
    State(state): State<AppState>,
    Of(project): Of,
    wants: Wants,
    frame: Frame,
) -> Result<Response, PageError> {
    show(&wants, &IntegrationsPage::load(&state, frame, &project).await?)
}

fn once(page: Response) -> Response {
    ([(header::CACHE_CONTROL, "no-store")], page).into_response()
}

async fn new_secret(
    State(state): State<AppState>,
    Of(project): Of,
    wants: Wants,
    frame: Frame,
    _form: Fields,
) -> Result<Response, PageError> {
    let Json(made) = webhook::generate(State(state.clone()), frame.caller()?, names_of(&project)).await?;
    let mut page = IntegrationsPage::load(&state, frame, &project).await?;
    made.webhook_secret.expose().clone_into(&mut page.secret);
    let forges = [
        ("GitHub", "github"),
        ("GitLab", "gitlab"),
        ("Forgejo and Gitea", "forgejo"),
        ("Bitbucket", "bitbucket"),
        ("Anything else", "custom"),
    ];
    page.addresses = forges
        .into_iter()
        .map(|(name, word)| (name, format!("{}/webhooks/{word}/{}/{}/", state.base_url, project.id, page.secret)))
        .collect();
    Ok(once(show(&wants, &page)?))
}

/// Fields `url`, and `topics` as often as there are.
async fn add(
    State(state): State<AppState>,
    Of(project): Of,
    wants: Wants,
    frame: Frame,
    form: Fields,
) -> Result<Response, PageError> {
    let caller = frame.caller()?;
    let topics = form.value.iter().filter(|(name, _)| name == "topics").map(|(_, value)| value.clone()).collect();
    let values: Values = form.value.into_iter().collect();
    let body = HookAdd { url: values.get("url").to_owned(), topics, secret: None };
    let added = hook::add(State(state.clone()), caller, names_of(&project), JsonBody(body)).await;
    let mut page = IntegrationsPage::load(&state, frame, &project).await?;
    match added {
        Ok(Json(added)) => {
            page.hook_secret = added.secret.map(|secret| secret.expose().to_owned()).unwrap_or_default();
            Ok(once(show(&wants, &page)?))
        }
        Err(error) => {
            (page.faults, page.values) = (Faults::of(error, &["url", "topics"])?, values);
            show_with(StatusCode::BAD_REQUEST, &wants, &page)
        }
    }
}

/// The hook of an address: its last part.
#[derive(Debug, Deserialize)]
struct HookPath {
    hook: String,
}

/// The field `do`: `test`, `pause`, `resume`, `delete`, or `again` with the number of a `delivery`.
async fn change(
    State(state): State<AppState>,
    Of(project): Of,
    Path(HookPath { hook: number }): Path<HookPath>,
    frame: Frame,
    form: Fields,
) -> Result<Response, PageError> {
    let caller = frame.caller()?;
    caller.require(&state, &project, Role::Admin, "change").await?;
    let head = Head::new(&state, &frame.viewer, &project, "integrations/").await?;
    let values: Values = form.value.into_iter().collect();
    let Path((owner, name)) = names_of(&project);
    let place = Path((owner.clone(), name.clone(), number.clone()));
    let active = |active| JsonBody(HookEdit { active: Some(active), ..HookEdit::default() });
    let state = State(state);
    match values.get("do") {
        "test" => drop(hook::test(state, caller, place).await?),
        "pause" => drop(hook::edit(state, caller, place, active(false)).await?),
        "resume" => drop(hook::edit(state, caller, place, active(true)).await?),
        "delete" => drop(hook::delete(state, caller, place).await?),
        "again" => {
            let delivery = values.get("delivery").to_owned();
            drop(hook::redeliver(state, caller, Path((owner, name, number, delivery))).await?);
        }
        _ => return Err(PageError::Refused("The form does not say what is to be done.".to_owned())),
    }
    Ok(Redirect::to(&format!("{}integrations/?done=1", head.url)).into_response())
}

/// A build that nobody asked for.
#[derive(Debug, Serialize)]
struct RebuildLine {
    package: String,
    chroot: String,
    depth: i64,
    origin: String,
    because: String,
    build: Option<i64>,
    error: Option<String>,
    when: Moment,
}

#[derive(Debug, Template, Serialize)]
#[template(path = "project/rebuilds.html")]
struct RebuildsPage {
    #[serde(skip)]
    frame: Frame,
    #[serde(flatten)]
    head: Head,
    /// The project wants it.
    wanted: bool,
    /// The package that is asked about; empty: all.
    package: String,
    /// Who would be built anew.
    dependents: Vec<Dependent>,
    rebuilds: Vec<RebuildLine>,
}

/// The query of the page.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    package: String,
}

async fn rebuilds(
    State(state): State<AppState>,
    Of(project): Of,
    Lenient(asked): Lenient<Asked>,
    wants: Wants,
    frame: Frame,
) -> Result<Response, PageError> {
    let head = Head::new(&state, &frame.viewer, &project, "rebuilds/").await?;
    let package = asked.package.trim();
    // Metadata of many repositories are read for it.
    let dependents = if head.is_builder() {
        let chroots: Vec<_> =
            db::chroot::of_project(&state.db, project.id).await?.into_iter().map(|of| of.chroot).collect();
        let package = Some(package).filter(|name| !name.is_empty());
        dependents::plan(&state, &project, package, &chroots, DEPENDENTS).await?
    } else {
        Vec::new()
    };
    let now = clock::now_ms();
    let all = db::rebuild::of_project(&state.db, project.id, REBUILDS).await?;
    let line = |of: db::rebuild::Rebuild| RebuildLine {
        package: of.package,
        chroot: of.chroot.to_string(),
        depth: of.depth,
        origin: of.origin,
        because: of.because,
        build: of.build_id,
        error: of.error,
        when: Moment::new(of.created_ms, now),
    };
    let page = RebuildsPage {
        frame,
        head,
        wanted: project.rebuild_on_dependency_changes,
        package: package.chars().take(200).collect(),
        dependents,
        rebuilds: all.into_iter().map(line).collect(),
    };
    show(&wants, &page)
}
