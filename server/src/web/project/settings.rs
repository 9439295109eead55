//! `/coprs/OWNER/PROJECT/edit/`: the settings of a project and, at `edit_chroot/CHROOT/`, of each of its chroots.

use askama::Template;
use axum::{
    Json, Router,
    extract::{Multipart, Path, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use copr_api::v3::{ChrootEdit, ProjectEdit};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{Fields, Head, Of, below, names_of};
use crate::{
    clock,
    db::{self, chroot::ProjectChroot, permission::Role, project::Project},
    http::{
        params::{self, JsonBody},
        user::{self, chroot, comps},
    },
    state::AppState,
    web::{
        error::PageError,
        faults::Faults,
        form::{SignedIn, check_csrf},
        frame::{Frame, Wants, show, show_with},
        inputs::{self, Input, Kind, Section, Values},
        text::encode,
    },
};

/// The addresses.
pub(super) fn routes() -> Router<AppState> {
    let router = below(Router::new(), "edit/", get(page).post(change));
    let router = below(router, "edit_chroot/{chroot}/", get(chroot_page).post(change_chroot));
    let router = below(router, "edit_chroot/{chroot}/comps/", post(upload_comps));
    below(router, "edit_chroot/{chroot}/comps/delete/", post(delete_comps))
}

const RPMLINT: Kind = Kind::Choice(&[
    ("off", "is not run"),
    ("report", "is run, and its report kept"),
    ("enforce", "is run, and its errors fail the build"),
]);
const SHADOW_CHECK: Kind = Kind::Choice(&[
    ("off", "are not looked for"),
    ("warn", "are told of"),
    ("refuse", "are told of, and fail the build"),
]);
const SIGNING: Kind = Kind::Choice(&[
    ("project", "a key of this project"),
    ("owner", "the owner's key"),
    ("none", "nothing: they are not signed"),
]);
const BOOTSTRAP: Kind = Kind::Choice(&[("default", "default"), ("on", "on"), ("off", "off"), ("image", "image")]);
const ISOLATION: Kind = Kind::Choice(&[("default", "default"), ("simple", "simple"), ("nspawn", "nspawn")]);

/// Everything that `project/edit` takes.
pub(super) const PROJECT: &[Section] = &[
    Section {
        title: "What it is",
        inputs: &[
            Input::new(
                "description",
                "Description",
                Kind::Area,
                "Markdown. Its first paragraph stands in lists of projects.",
            ),
            Input::new("instructions", "Instructions", Kind::Area, "Markdown: how to install and use it."),
            Input::new("homepage", "Homepage", Kind::Text, "A web address."),
            Input::new("contact", "Contact", Kind::Text, "A mail address or a web address. Everybody can see it."),
            Input::new(
                "bug_url",
                "Bugs are reported at",
                Kind::Text,
                "A web address that every package has as its BugURL. Empty: the contact, or the project's page.",
            ),
            Input::new(
                "unlisted_on_hp",
                "Not in lists of projects",
                Kind::Check,
                "Who knows its address can still use it.",
            ),
        ],
    },
    Section {
        title: "Chroots",
        inputs: &[
            Input::new(
                "chroots",
                "Build for",
                Kind::Many,
                "What is given up is served for a while longer; choose it again in that time, and it is as it was.",
            ),
            Input::new(
                "follow_fedora_branching",
                "Add new Fedora releases by themselves",
                Kind::Check,
                "With what was built for Rawhide.",
            ),
        ],
    },
    Section {
        title: "Signatures",
        inputs: &[Input::new(
            "signing",
            "Packages are signed with",
            SIGNING,
            "The owner's key is for projects that nobody else builds in. What is published already stays as it is.",
        )],
    },
    Section {
        title: "Repositories",
        inputs: &[
            Input::new(
                "additional_repos",
                "Repositories for builds",
                Kind::Words,
                "One a line: an address, with $chroot, $releasever and $basearch if you like, or copr://OWNER/PROJECT.",
            ),
            Input::new(
                "runtime_dependencies",
                "Repositories that users need",
                Kind::Words,
                "One a line, as above. They are enabled together with this project.",
            ),
            Input::new(
                "repo_priority",
                "Priority",
                Kind::NumberOr(0),
                "1 to 99 in .repo files. Empty: none there, which is 99 for dnf.",
            ),
            Input::new(
                "multilib",
                "32-bit packages, too",
                Kind::Check,
                "Users of a 64-bit chroot get the 32-bit one of the same release.",
            ),
            Input::new(
                "module_hotfixes",
                "Packages of modules may be replaced",
                Kind::Check,
                "module_hotfixes=1 in .repo files.",
            ),
            Input::new(
                "devel_mode",
                "Publish only when asked to",
                Kind::Check,
                "Builds see what was built at once; users see it when the repositories are regenerated.",
            ),
            Input::new(
                "appstream",
                "AppStream metadata",
                Kind::Check,
                "Kept for other programs: this server makes none.",
            ),
        ],
    },
    Section {
        title: "Builds",
        inputs: &[
            Input::new("enable_net", "Builds may use the network", Kind::Check, ""),
            Input::new("rpmlint", "rpmlint", RPMLINT, ""),
            Input::new(
                "shadow_check",
                "Packages in the way of the distribution's",
                SHADOW_CHECK,
                "Of the same name with a higher version, or with the distribution's vendor; also told: what they obsolete or provide.",
            ),
            Input::new(
                "webhook_pull_requests",
                "Build pull requests",
                Kind::Check,
                "Of packages that webhooks build, into directories of their own.",
            ),
            Input::new(
                "rebuild_on_dependency_changes",
                "Build packages anew when something that they require changes",
                Kind::Check,
                "A soname or another capability that this project or one that it needs provides no more.",
            ),
            Input::new(
                "fedora_review",
                "fedora-review",
                Kind::Check,
                "Kept for other programs: this server does not run it.",
            ),
            Input::new(
                "bootstrap",
                "mock's bootstrap",
                BOOTSTRAP,
                "Kept for other programs: builds run in machines of their own here.",
            ),
            Input::new("isolation", "mock's isolation", ISOLATION, "Likewise."),
            Input::new(
                "packit_forge_projects_allowed",
                "Packit may build for",
                Kind::Words,
                "One a line, e.g. github.com/NAMESPACE/REPOSITORY.",
            ),
        ],
    },
    Section {
        title: "How long things stay",
        inputs: &[
            Input::new(
                "keep_builds",
                "Builds to keep of each package",
                Kind::Number,
                "Newer builds replace older ones, which frees what these store. 0: all are kept. A package may say otherwise.",
            ),
            Input::new(
                "auto_prune",
                "Remove old builds",
                Kind::Check,
                "Only administrators of the site can switch this off.",
            ),
            Input::new(
                "delete_after_days",
                "Delete the project after so many days",
                Kind::NumberOr(-1),
                "Empty: never.",
            ),
        ],
    },
];

/// Everything that `project-chroot/edit` takes but for comps.xml.
const CHROOT: &[Section] = &[
    Section {
        title: "Buildroot",
        inputs: &[
            Input::new(
                "additional_packages",
                "Packages",
                Kind::Words,
                "One a line: names, capabilities or files that every buildroot has.",
            ),
            Input::new(
                "additional_repos",
                "Repositories for builds",
                Kind::Words,
                "One a line, besides those of the project.",
            ),
            Input::new(
                "additional_modules",
                "Module streams",
                Kind::Words,
                "NAME:STREAM, with ! before it to disable. Kept for other programs.",
            ),
            Input::new("with_opts", "--with", Kind::Words, "Names of build conditions, one a line."),
            Input::new("without_opts", "--without", Kind::Words, "Likewise."),
        ],
    },
    Section {
        title: "Machine",
        inputs: &[
            Input::new("memory_mib", "Memory in MiB", Kind::NumberOr(0), "Empty: the builder's usual."),
            Input::new("cpus", "CPUs", Kind::NumberOr(0), "Empty: the builder's usual."),
            Input::new(
                "bootstrap",
                "mock's bootstrap",
                Kind::Choice(&[
                    ("unchanged", "as the project says"),
                    ("default", "default"),
                    ("on", "on"),
                    ("off", "off"),
                    ("image", "image"),
                ]),
                "Kept for other programs.",
            ),
            Input::new(
                "isolation",
                "mock's isolation",
                Kind::Choice(&[
                    ("unchanged", "as the project says"),
                    ("default", "default"),
                    ("simple", "simple"),
                    ("nspawn", "nspawn"),
                ]),
                "Likewise.",
            ),
        ],
    },
];

/// More time for a chroot that is out of life.
const EXTEND: Section = Section {
    title: "Out of life",
    inputs: &[Input::new(
        "delete_after_days",
        "Keep it for so many days more",
        Kind::Number,
        "From now. Empty: as it is.",
    )],
};

/// A form about a project.
#[derive(Debug, Template, Serialize)]
#[template(path = "project/edit.html")]
struct EditPage {
    #[serde(skip)]
    frame: Frame,
    #[serde(flatten)]
    head: Head,
    #[serde(skip)]
    sections: Vec<Section>,
    settings: Values,
    #[serde(skip)]
    faults: Faults,
    /// Chroots that can be chosen.
    offered: Vec<String>,
    /// The project's own.
    chroots: Vec<String>,
    saved: bool,
}

fn of_project(project: &Project, chroots: &[ProjectChroot]) -> Values {
    let days = days_left(project.delete_at_ms);
    Values::default()
        .with("description", project.description.as_deref().unwrap_or_default())
        .with("instructions", project.instructions.as_deref().unwrap_or_default())
        .with("homepage", project.homepage.as_deref().unwrap_or_default())
        .with("contact", project.contact.as_deref().unwrap_or_default())
        .with("bug_url", project.bug_url.as_deref().unwrap_or_default())
        .ticked("unlisted_on_hp", project.unlisted)
        .many("chroots", chroots.iter().map(|of| of.chroot.to_string()))
        .ticked("follow_fedora_branching", project.follow_fedora_branching)
        .words("additional_repos", &project.additional_repos)
        .words("runtime_dependencies", &project.runtime_dependencies)
        .with("repo_priority", project.repo_priority.map(|number| number.to_string()).unwrap_or_default())
        .ticked("multilib", project.multilib)
        .ticked("module_hotfixes", project.module_hotfixes)
        .ticked("devel_mode", project.devel_mode)
        .ticked("appstream", project.appstream)
        .ticked("enable_net", project.enable_net)
        .with("rpmlint", project.rpmlint.as_str())
        .with("shadow_check", project.shadow_check.as_str())
        .with("signing", project.signing)
        .ticked("webhook_pull_requests", project.webhook_pull_requests)
        .ticked("rebuild_on_dependency_changes", project.rebuild_on_dependency_changes)
        .ticked("fedora_review", project.fedora_review)
        .with("bootstrap", &project.bootstrap)
        .with("isolation", &project.isolation)
        .words("packit_forge_projects_allowed", &project.packit_forge_projects_allowed)
        .with("keep_builds", project.keep_builds.unwrap_or(0).to_string())
        .ticked("auto_prune", project.auto_prune)
        .with("delete_after_days", days)
}

/// Days until something is deleted; empty: never.
fn days_left(end_ms: Option<i64>) -> String {
    end_ms.map(|end| user::project::form::days_until(end, clock::now_ms()).to_string()).unwrap_or_default()
}

impl EditPage {
    async fn load(state: &AppState, frame: Frame, project: &Project) -> Result<Self, PageError> {
        frame.caller()?.require(state, project, Role::Admin, "change").await?;
        let head = Head::new(state, &frame.viewer, project, "edit/").await?;
        let chroots = db::chroot::of_project(&state.db, project.id).await?;
        let Json(known) = user::mock_chroots(State(state.clone())).await?;
        let mut offered: Vec<String> = known.into_keys().collect();
        offered.extend(chroots.iter().map(|of| of.chroot.to_string()));
        offered.sort();
        offered.dedup();
        Ok(Self {
            saved: frame.is_done(),
            frame,
            head,
            sections: PROJECT.to_vec(),
            settings: of_project(project, &chroots),
            faults: Faults::default(),
            offered,
            chroots: chroots.iter().map(|of| of.chroot.to_string()).collect(),
        })
    }
}

async fn page(
    State(state): State<AppState>,
    Of(project): Of,
    wants: Wants,
    frame: Frame,
) -> Result<Response, PageError> {
    show(&wants, &EditPage::load(&state, frame, &project).await?)
}

async fn change(
    State(state): State<AppState>,
    Of(project): Of,
    wants: Wants,
    frame: Frame,
    form: Fields,
) -> Result<Response, PageError> {
    let caller = frame.caller()?;
    let mut page = EditPage::load(&state, frame, &project).await?;
    let values: Values = form.value.into_iter().collect();
    let mut body = values.body(PROJECT);
    // Every saving would put the end off.
    if values.get("delete_after_days").trim() == page.settings.get("delete_after_days") {
        body.remove("delete_after_days");
    }
    let path = names_of(&project);
    let done = match parsed::<ProjectEdit>(body, PROJECT) {
        Ok(body) => match user::project::edit(State(state), caller, path, JsonBody(body)).await {
            Ok(Json(_)) => return Ok(Redirect::to(&format!("{}edit/?done=1", page.head.url)).into_response()),
            Err(error) => Faults::of(error, &inputs::names(PROJECT))?,
        },
        Err(faults) => faults,
    };
    (page.faults, page.settings) = (done, values);
    show_with(StatusCode::BAD_REQUEST, &wants, &page)
}

/// The body of a call, or what in the form can't be one.
pub(in crate::web) fn parsed<T: DeserializeOwned>(
    body: serde_json::Map<String, Value>,
    sections: &[Section],
) -> Result<T, Faults> {
    let mut faults = Faults::default();
    for input in sections.iter().flat_map(|section| section.inputs) {
        if matches!(input.kind, Kind::Number | Kind::NumberOr(_)) && body.get(input.name).is_some_and(Value::is_string)
        {
            faults.add(input.name, "This is no number.");
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    params::from_object(body).map_err(|text| Faults::read(&text, &inputs::names(sections)))
}

/// The form of one chroot.
#[derive(Debug, Template, Serialize)]
#[template(path = "project/edit_chroot.html")]
struct ChrootPage {
    #[serde(skip)]
    frame: Frame,
    #[serde(flatten)]
    head: Head,
    chroot: String,
    #[serde(skip)]
    chroot_url: String,
    #[serde(skip)]
    sections: Vec<Section>,
    settings: Values,
    #[serde(skip)]
    faults: Faults,
    /// Name of its comps.xml.
    comps: Option<String>,
    saved: bool,
}

impl ChrootPage {
    async fn load(state: &AppState, frame: Frame, project: &Project, chroot: &str) -> Result<Self, PageError> {
        frame.caller()?.require(state, project, Role::Admin, "change").await?;
        let missing = || PageError::Missing("This project has no such chroot.".to_owned());
        let name = chroot.parse().map_err(|_| missing())?;
        let of = db::chroot::get(&state.db, project.id, &name).await?.ok_or_else(missing)?;
        let head = Head::new(state, &frame.viewer, project, "edit/").await?;
        let mut sections = CHROOT.to_vec();
        if of.delete_at_ms.is_some() {
            sections.push(EXTEND);
        }
        let number = |number: Option<u32>| number.map(|number| number.to_string()).unwrap_or_default();
        let settings = Values::default()
            .words("additional_packages", &of.additional_packages)
            .words("additional_repos", &of.additional_repos)
            .words("additional_modules", &of.additional_modules)
            .words("with_opts", &of.with_opts)
            .words("without_opts", &of.without_opts)
            .with("memory_mib", number(of.memory_mib))
            .with("cpus", number(of.cpus))
            .with("bootstrap", &of.bootstrap)
            .with("isolation", &of.isolation);
        let chroot_url = format!("{}edit_chroot/{}/", head.url, encode(of.chroot.as_str()));
        Ok(Self {
            saved: frame.is_done(),
            frame,
            head,
            chroot: of.chroot.to_string(),
            chroot_url,
            sections,
            settings,
            faults: Faults::default(),
            comps: of.comps_name,
        })
    }
}

/// The chroot of an address: its last part.
#[derive(Debug, serde::Deserialize)]
struct ChrootPath {
    chroot: String,
}

async fn chroot_page(
    State(state): State<AppState>,
    Of(project): Of,
    Path(ChrootPath { chroot }): Path<ChrootPath>,
    wants: Wants,
    frame: Frame,
) -> Result<Response, PageError> {
    show(&wants, &ChrootPage::load(&state, frame, &project, &chroot).await?)
}

async fn change_chroot(
    State(state): State<AppState>,
    Of(project): Of,
    Path(ChrootPath { chroot }): Path<ChrootPath>,
    wants: Wants,
    frame: Frame,
    form: Fields,
) -> Result<Response, PageError> {
    let caller = frame.caller()?;
    let mut page = ChrootPage::load(&state, frame, &project, &chroot).await?;
    let values: Values = form.value.into_iter().collect();
    let faults = match parsed::<ChrootEdit>(values.body(&page.sections), &page.sections) {
        Ok(body) => match chroot::apply(&state, &caller, &project, &chroot, &body, None).await {
            Ok(_) => return Ok(Redirect::to(&format!("{}?done=1", page.chroot_url)).into_response()),
            Err(error) => Faults::of(error, &inputs::names(&page.sections))?,
        },
        Err(faults) => faults,
    };
    (page.faults, page.settings) = (faults, values);
    show_with(StatusCode::BAD_REQUEST, &wants, &page)
}

async fn delete_comps(
    State(state): State<AppState>,
    Of(project): Of,
    Path(ChrootPath { chroot }): Path<ChrootPath>,
    frame: Frame,
    _form: Fields,
) -> Result<Response, PageError> {
    let caller = frame.caller()?;
    let page = ChrootPage::load(&state, frame, &project, &chroot).await?;
    let body = ChrootEdit { delete_comps: true, ..ChrootEdit::default() };
    chroot::apply(&state, &caller, &project, &chroot, &body, None).await?;
    Ok(Redirect::to(&format!("{}?done=1", page.chroot_url)).into_response())
}

/// Takes a comps.xml: a form with `csrf` before the file `comps`.
async fn upload_comps(
    State(state): State<AppState>,
    Of(project): Of,
    Path(ChrootPath { chroot }): Path<ChrootPath>,
    wants: Wants,
    frame: Frame,
    signed_in: SignedIn,
    mut form: Multipart,
) -> Result<Response, PageError> {
    let caller = frame.caller()?;
    let mut page = ChrootPage::load(&state, frame, &project, &chroot).await?;
    let broken =
        |error: axum::extract::multipart::MultipartError| PageError::Refused(format!("The form is broken: {error}"));
    let mut checked = false;
    while let Some(field) = form.next_field().await.map_err(broken)? {
        match field.name() {
            Some("csrf") => {
                let token = field.bytes().await.map_err(broken)?;
                check_csrf(&signed_in.viewer, &String::from_utf8_lossy(&token))
                    .map_err(|error| PageError::Forbidden(error.to_string()))?;
                checked = true;
            }
            Some("comps") if checked => {
                let read = match comps::read(field).await {
                    Ok(read) => {
                        chroot::apply(&state, &caller, &project, &chroot, &ChrootEdit::default(), Some(read)).await
                    }
                    Err(error) => Err(error),
                };
                match read {
                    Ok(_) => return Ok(Redirect::to(&format!("{}?done=1", page.chroot_url)).into_response()),
                    Err(error) => page.faults = Faults::of(error, &["upload_comps"])?,
                }
                return show_with(StatusCode::BAD_REQUEST, &wants, &page);
            }
            _ => {}
        }
    }
    Err(PageError::Refused("The form has no file.".to_owned()))
}
