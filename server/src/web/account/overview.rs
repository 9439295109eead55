//! `/user/`: who one is here, one's groups and sessions, and who asks for a role in one's projects.

use askama::Template;
use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse as _, Redirect, Response},
    routing::{get, post},
};
use copr_api::v3::Permission;
use serde::Serialize;

use crate::{
    clock,
    db::{self, user::User},
    http::user::project::form::is_mail,
    state::AppState,
    web::{
        PageError,
        faults::Faults,
        form::{Fields, Form, SignedIn},
        frame::{Frame, Wants, show_with},
        pins::{self, PinLine},
        quota::Bar,
        sign_in::Nothing,
        text::{Moment, encode, owner_url, project_url},
        with_slash,
    },
};

/// Most requests that the page shows.
const REQUESTS: i64 = 200;
/// The longest mail address, in bytes (RFC 5321: a path of 256 has brackets around it).
const MAIL: usize = 254;

/// The addresses.
pub(super) fn routes() -> Router<AppState> {
    Router::new()
        .route("/user", get(with_slash))
        .route("/user/", get(page))
        .route("/user/mail/", post(set_mail))
        .route("/user/sessions/end/", post(end_others))
}

/// A group that the user is in.
#[derive(Debug, Serialize)]
struct GroupLine {
    name: String,
    url: String,
    projects: i64,
}

/// Somebody who asks for a role.
#[derive(Debug, Serialize)]
struct Request {
    project: String,
    /// Where it is given.
    url: String,
    user: String,
    /// `admin`, `builder`, or both.
    roles: Vec<&'static str>,
}

#[derive(Debug, Template, Serialize)]
#[template(path = "account.html")]
struct AccountPage {
    #[serde(skip)]
    frame: Frame,
    name: String,
    /// Administers the site.
    admin: bool,
    since: Moment,
    #[serde(skip)]
    projects_url: String,
    /// What its projects store.
    quota: Bar,
    /// Where this user can be written to; only itself is told. Empty: nowhere.
    mail: String,
    #[serde(skip)]
    faults: Faults,
    pinned: Vec<PinLine>,
    groups: Vec<GroupLine>,
    /// How many browsers are signed in.
    sessions: i64,
    /// Whether there can be a password here.
    passwords: bool,
    requests: Vec<Request>,
    #[serde(skip)]
    done: bool,
}

async fn page(
    State(state): State<AppState>,
    wants: Wants,
    frame: Frame,
    SignedIn { user, .. }: SignedIn,
) -> Result<Response, PageError> {
    AccountPage::load(&state, frame, user).await?.show(StatusCode::OK, wants)
}

impl AccountPage {
    async fn load(state: &AppState, frame: Frame, user: User) -> Result<Self, PageError> {
        let now = clock::now_ms();
        let groups = db::group::of_user(&state.db, user.id).await?;
        let asked = db::permission::asked_of(&state.db, &user, REQUESTS).await?;
        let request = |asked: db::permission::Asked| Request {
            url: format!("{}permissions/", project_url(asked.owner.as_str(), asked.project.as_str())),
            project: format!("{}/{}", asked.owner, asked.project),
            user: asked.user,
            roles: [("admin", asked.roles.admin), ("builder", asked.roles.builder)]
                .into_iter()
                .filter(|(_, role)| *role == Permission::Request)
                .map(|(name, _)| name)
                .collect(),
        };
        let group = |group: db::group::Group| GroupLine {
            url: format!("/groups/{}/", encode(group.name.as_str().trim_start_matches('@'))),
            name: group.name.to_string(),
            projects: group.projects,
        };
        Ok(Self {
            done: frame.is_done(),
            frame,
            admin: user.admin,
            since: Moment::new(user.created_ms, now),
            projects_url: owner_url(&user.name),
            mail: db::user::mail(&state.db, user.id).await?,
            faults: Faults::default(),
            quota: Bar::new(db::quota::of_owner(&state.db, &user.name.parse()?).await?),
            pinned: pins::lines(state, &user.name.parse()?).await?,
            groups: groups.into_iter().map(group).collect(),
            sessions: db::session::count(&state.db, user.id, now).await?,
            passwords: state.config.sign_in.passwords,
            requests: asked.into_iter().map(request).collect(),
            name: user.name,
        })
    }

    fn show(&self, status: StatusCode, wants: Wants) -> Result<Response, PageError> {
        Ok(([(header::CACHE_CONTROL, "no-store")], show_with(status, &wants, self)?).into_response())
    }
}

/// Says where a user can be written to: field `mail`, empty: nowhere.
async fn set_mail(
    State(state): State<AppState>,
    wants: Wants,
    frame: Frame,
    form: Form<Fields>,
) -> Result<Response, PageError> {
    let mail = form.value.get("mail");
    if mail.is_empty() || mail.len() <= MAIL && is_mail(mail) {
        db::user::set_mail(&state.db, form.user.id, mail).await?;
        return Ok(Redirect::to("/user/?done=1").into_response());
    }
    let mut page = AccountPage::load(&state, frame, form.user).await?;
    page.faults.add("mail", "This is no mail address.");
    mail.clone_into(&mut page.mail);
    page.show(StatusCode::BAD_REQUEST, wants)
}

/// Ends the user's sessions but for this one.
async fn end_others(State(state): State<AppState>, form: Form<Nothing>) -> Result<Response, PageError> {
    db::session::end_others(&state.db, form.user.id, form.viewer.session()).await?;
    tracing::info!(user = form.user.name, "the other sessions have ended");
    Ok(Redirect::to("/user/?done=1").into_response())
}
