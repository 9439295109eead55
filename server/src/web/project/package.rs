//! `/coprs/OWNER/PROJECT/package/NAME/`: one package, how it is built, and how that went.

use askama::Template;
use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use copr_api::{
    names::DirName,
    v3::{PackageBuild, PackageEdit, PackageName},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Fields, Head, Of, below, monitor::Cell, package_url, settings::parsed};
use crate::{
    clock,
    db::{self, package::Package, permission::Role, project::Project},
    http::{error::ApiError, params::JsonBody, params::Lenient, user::package},
    state::AppState,
    web::{
        error::PageError,
        faults::Faults,
        frame::{Frame, Wants, show, show_with},
        inputs::{self, Input, Kind, Section, Values},
        paging::Paging,
        views::BuildLine,
    },
};

/// Builds on one page.
const BUILDS: u64 = 20;

/// The addresses.
pub(super) fn routes() -> Router<AppState> {
    let router = below(Router::new(), "package/{package}/", get(page));
    let router = below(router, "packages/add/", get(add_page).post(add));
    let router = below(router, "package/{package}/edit/", get(edit_page).post(edit));
    let router = below(router, "package/{package}/rebuild/", post(rebuild));
    let router = below(router, "package/{package}/reset/", post(reset));
    below(router, "package/{package}/delete/", post(delete))
}

const KIND: Input = Input::new(
    "source_type",
    "Source",
    Kind::Choice(&[("scm", "a git repository"), ("link", "the address of a source package")]),
    "",
);
/// Everything that `package/add` and `package/edit` take.
const FORM: &[Section] = &[
    Section {
        title: "Built from",
        inputs: &[
            KIND,
            Input::new("clone_url", "Git repository", Kind::Text, "Its address, for a git repository."),
            Input::new("committish", "Branch, tag or commit", Kind::Text, "Empty: the default branch."),
            Input::new("subdirectory", "Folder of the spec", Kind::Text, "Empty: the top."),
            Input::new("spec", "Spec file", Kind::Text, "Empty: the only one in the folder."),
            Input::new(
                "source_build_method",
                "Source package made by",
                Kind::Choice(&[("rpkg", "rpkg"), ("make_srpm", "make srpm")]),
                "",
            ),
            Input::new("pkgs", "Source package", Kind::Text, "Its address, when that is the source."),
        ],
    },
    Section {
        title: "Builds",
        inputs: &[
            Input::new("webhook_rebuild", "Webhooks build it", Kind::Check, ""),
            Input::new(
                "rebuild_on_dependency_changes",
                "Build it anew when something that it requires changes",
                Kind::Check,
                "Where the project wants that.",
            ),
            Input::new("max_builds", "Builds to keep", Kind::NumberOr(0), "Empty: all."),
            Input::new("timeout", "Seconds for a build", Kind::NumberOr(0), "Empty: the server's usual."),
            Input::new(
                "chroot_denylist",
                "Not built for",
                Kind::Words,
                "Names or patterns of chroots, one a line, e.g. epel-*.",
            ),
        ],
    },
];

/// The package of an address.
#[derive(Debug, Deserialize)]
struct Name {
    package: String,
}

async fn find(state: &AppState, project: &Project, name: &str) -> Result<Package, PageError> {
    let missing = || PageError::Missing("This project has no such package.".to_owned());
    if name.contains('\0') {
        return Err(missing());
    }
    db::package::get(&state.db, project.id, name).await?.ok_or_else(missing)
}

/// The query.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Query {
    page: String,
}

/// A fact about how a package is built.
#[derive(Debug, Serialize)]
struct Fact {
    label: &'static str,
    text: String,
}

#[derive(Debug, Template, Serialize)]
#[template(path = "project/package.html")]
struct PackagePage {
    #[serde(skip)]
    frame: Frame,
    #[serde(flatten)]
    head: Head,
    package: String,
    #[serde(skip)]
    package_url: String,
    /// `scm`, `link`, `upload` or `unset`.
    source_type: String,
    source: Vec<Fact>,
    webhook_rebuild: bool,
    max_builds: Option<i64>,
    timeout: Option<i64>,
    chroot_denylist: Vec<String>,
    /// The newest in each chroot.
    chroots: Vec<Cell>,
    builds: Vec<BuildLine>,
    paging: Paging,
    /// Its badge with a link to this page, in Markdown, for other sites.
    badge: String,
    /// It can be built again from what it says.
    #[serde(skip)]
    can_build: bool,
}

async fn page(
    State(state): State<AppState>,
    Of(project): Of,
    Path(Name { package }): Path<Name>,
    Lenient(query): Lenient<Query>,
    wants: Wants,
    frame: Frame,
) -> Result<Response, PageError> {
    let package = find(&state, &project, &package).await?;
    let head = Head::new(&state, &frame.viewer, &project, "packages/").await?;
    let own: DirName = project.name.as_str().parse()?;
    let newest = db::build::monitor_of(&state.db, project.id, &own, &[package.name.as_str()]).await?;
    let package_url = package_url(&head, &package.name);
    let mut paging = Paging::new(&query.page, BUILDS, package_url.clone());
    let filter = db::build::Filter {
        project_id: Some(project.id),
        package_name: Some(package.name.clone()),
        ..db::build::Filter::default()
    };
    let mut builds = db::build::list(&state.db, &filter, paging.window()).await?;
    paging.cut(&mut builds);
    let now = clock::now_ms();
    let page = PackagePage {
        can_build: matches!(package.source_type.as_str(), "scm" | "link"),
        badge: format!(
            "[![Copr build]({base}{package_url}status_image/last_build.svg)]({base}{package_url})",
            base = state.base_url
        ),
        source: facts(&package),
        chroots: newest.iter().map(Cell::new).collect(),
        builds: builds.iter().map(|build| BuildLine::new(build, now)).collect(),
        frame,
        head,
        package: package.name,
        package_url,
        source_type: package.source_type,
        webhook_rebuild: package.webhook_rebuild,
        max_builds: package.max_builds,
        timeout: package.timeout,
        chroot_denylist: package.chroot_denylist,
        paging,
    };
    show(&wants, &page)
}

fn text(package: &Package, key: &str) -> String {
    package.source_dict.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn facts(package: &Package) -> Vec<Fact> {
    [
        ("Address", "url"),
        ("Git repository", "clone_url"),
        ("Branch, tag or commit", "committish"),
        ("Folder", "subdirectory"),
        ("Spec file", "spec"),
        ("Made by", "source_build_method"),
    ]
    .into_iter()
    .map(|(label, key)| Fact { label, text: text(package, key) })
    .filter(|fact| !fact.text.is_empty())
    .collect()
}

fn values(package: &Package) -> Values {
    let number = |number: Option<i64>| number.map(|number| number.to_string()).unwrap_or_default();
    let kind = if package.source_type == "link" { "link" } else { "scm" };
    let method = text(package, "source_build_method");
    Values::default()
        .with("source_type", kind)
        .with("clone_url", text(package, "clone_url"))
        .with("committish", text(package, "committish"))
        .with("subdirectory", text(package, "subdirectory"))
        .with("spec", text(package, "spec"))
        .with("source_build_method", if method.is_empty() { "rpkg".to_owned() } else { method })
        .with("pkgs", text(package, "url"))
        .ticked("webhook_rebuild", package.webhook_rebuild)
        .ticked("rebuild_on_dependency_changes", package.rebuild_on_dependency_changes)
        .with("max_builds", number(package.max_builds))
        .with("timeout", number(package.timeout))
        .words("chroot_denylist", &package.chroot_denylist)
}

#[derive(Debug, Template, Serialize)]
#[template(path = "project/edit_package.html")]
struct EditPage {
    #[serde(skip)]
    frame: Frame,
    #[serde(flatten)]
    head: Head,
    /// Empty: a new one.
    package: String,
    #[serde(skip)]
    action: String,
    #[serde(skip)]
    sections: &'static [Section],
    settings: Values,
    #[serde(skip)]
    faults: Faults,
}

impl EditPage {
    async fn load(state: &AppState, frame: Frame, project: &Project, package: &str) -> Result<Self, PageError> {
        frame.caller()?.require(state, project, Role::Builder, "change packages of").await?;
        let head = Head::new(state, &frame.viewer, project, "packages/").await?;
        let (settings, action) = if package.is_empty() {
            (values(&Package::new(project.id, String::new())), format!("{}packages/add/", head.url))
        } else {
            let found = find(state, project, package).await?;
            (values(&found), format!("{}edit/", package_url(&head, package)))
        };
        let (package, faults) = (package.to_owned(), Faults::default());
        Ok(Self { frame, head, package, action, sections: FORM, settings, faults })
    }
}

/// The API's body, and the kind of source that stands in its address.
fn body(values: &Values) -> Result<(PackageEdit, String), Faults> {
    let mut body = values.body(FORM);
    let kind = values.get("source_type").to_owned();
    body.remove("source_type");
    let address = values.get("pkgs").trim();
    let addresses: Vec<&str> = (!address.is_empty()).then_some(address).into_iter().collect();
    body.insert("pkgs".to_owned(), json!(addresses));
    Ok((parsed(body, FORM)?, kind))
}

async fn add_page(
    State(state): State<AppState>,
    Of(project): Of,
    wants: Wants,
    frame: Frame,
) -> Result<Response, PageError> {
    show(&wants, &EditPage::load(&state, frame, &project, "").await?)
}

async fn edit_page(
    State(state): State<AppState>,
    Of(project): Of,
    Path(Name { package }): Path<Name>,
    wants: Wants,
    frame: Frame,
) -> Result<Response, PageError> {
    show(&wants, &EditPage::load(&state, frame, &project, &package).await?)
}

fn names() -> Vec<&'static str> {
    let mut names = inputs::names(FORM);
    names.push("package_name");
    names
}

async fn add(
    State(state): State<AppState>,
    Of(project): Of,
    wants: Wants,
    frame: Frame,
    form: Fields,
) -> Result<Response, PageError> {
    let caller = frame.caller()?;
    let mut page = EditPage::load(&state, frame, &project, "").await?;
    let values: Values = form.value.into_iter().collect();
    let faults = match body(&values) {
        Ok((body, kind)) => {
            let name = values.get("package_name").trim().to_owned();
            let path = Path((project.owner.to_string(), project.name.to_string(), name, kind));
            match package::add(State(state), caller, path, JsonBody(body)).await {
                Ok(Json(made)) => return Ok(Redirect::to(&package_url(&page.head, &made.name)).into_response()),
                Err(ApiError::Conflict(text)) => {
                    let mut faults = Faults::default();
                    faults.add("package_name", &text);
                    faults
                }
                Err(error) => Faults::of(error, &names())?,
            }
        }
        Err(faults) => faults,
    };
    (page.faults, page.settings) = (faults, values);
    show_with(StatusCode::BAD_REQUEST, &wants, &page)
}

async fn edit(
    State(state): State<AppState>,
    Of(project): Of,
    Path(Name { package: name }): Path<Name>,
    wants: Wants,
    frame: Frame,
    form: Fields,
) -> Result<Response, PageError> {
    let caller = frame.caller()?;
    let mut page = EditPage::load(&state, frame, &project, &name).await?;
    let values: Values = form.value.into_iter().collect();
    let faults = match body(&values) {
        Ok((body, kind)) => {
            let path = Path((project.owner.to_string(), project.name.to_string(), name.clone(), kind));
            match package::edit(State(state), caller, path, JsonBody(body)).await {
                Ok(Json(_)) => return Ok(Redirect::to(&package_url(&page.head, &name)).into_response()),
                Err(error) => Faults::of(error, &names())?,
            }
        }
        Err(faults) => faults,
    };
    (page.faults, page.settings) = (faults, values);
    show_with(StatusCode::BAD_REQUEST, &wants, &page)
}

fn named(project: &Project, package: &str) -> PackageName {
    PackageName {
        ownername: project.owner.to_string(),
        projectname: project.name.to_string(),
        package_name: package.to_owned(),
    }
}

async fn rebuild(
    State(state): State<AppState>,
    Of(project): Of,
    Path(Name { package: name }): Path<Name>,
    frame: Frame,
    _form: Fields,
) -> Result<Response, PageError> {
    let body: PackageBuild = serde_json::from_value(json!(named(&project, &name)))?;
    let Json(build) = package::build_package(State(state), frame.caller()?, JsonBody(body)).await?;
    Ok(Redirect::to(&format!("/coprs/build/{}", build.id)).into_response())
}

async fn reset(
    State(state): State<AppState>,
    Of(project): Of,
    Path(Name { package: name }): Path<Name>,
    frame: Frame,
    _form: Fields,
) -> Result<Response, PageError> {
    let head = Head::new(&state, &frame.viewer, &project, "packages/").await?;
    let Json(_) = package::reset(State(state), frame.caller()?, JsonBody(named(&project, &name))).await?;
    Ok(Redirect::to(&package_url(&head, &name)).into_response())
}

async fn delete(
    State(state): State<AppState>,
    Of(project): Of,
    Path(Name { package: name }): Path<Name>,
    frame: Frame,
    _form: Fields,
) -> Result<Response, PageError> {
    let head = Head::new(&state, &frame.viewer, &project, "packages/").await?;
    let Json(_) = package::delete(State(state), frame.caller()?, JsonBody(named(&project, &name))).await?;
    Ok(Redirect::to(&format!("{}packages/", head.url)).into_response())
}
