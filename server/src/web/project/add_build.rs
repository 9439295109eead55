//! `/coprs/OWNER/PROJECT/add_build/`: a new build, of files that are uploaded, of a source package on the web, or of a git repository.

use askama::Template;
use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Multipart, State, multipart::MultipartRejection},
    handler::Handler as _,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use copr_api::v3::{BuildOptions, ScmBuild};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{Head, Of, Tab, below, parsed};
use crate::{
    db::{self, permission::Role, project::Project},
    http::{
        error::ApiError,
        params::JsonBody,
        user::{
            remote,
            upload::{self, Files},
        },
    },
    state::AppState,
    web::{
        error::PageError,
        faults::Faults,
        form::{Form, FormError, SignedIn, check_csrf},
        frame::{Frame, Wants, show, show_with},
        inputs::{self, Input, Kind, Section, Values},
    },
};

/// What all fields of an upload but its files may have, in bytes.
const FIELDS: usize = 1 << 20;

/// The addresses.
pub(super) fn routes(state: &AppState) -> Router<AppState> {
    let bounded = upload.layer(DefaultBodyLimit::max(upload::longest(state)));
    let router = below(Router::new(), "add_build/", get(upload_page));
    let router = below(router, "add_build/upload/", get(upload_page).post(bounded));
    let router = below(router, "add_build/url/", get(url_page).post(url));
    below(router, "add_build/git/", get(git_page).post(git))
}

/// Where the source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Upload,
    Url,
    Git,
}

const URL: Section = Section {
    title: "Source packages",
    inputs: &[Input::new("pkgs", "Addresses", Kind::Words, "One a line, of source packages (.src.rpm): a build each.")],
};

const GIT: Section = Section {
    title: "Git repository",
    inputs: &[
        Input::new("clone_url", "Address", Kind::Text, "What git clones, without a password: everybody can read it."),
        Input::new("committish", "Branch, tag or commit", Kind::Text, "Empty: the default branch."),
        Input::new("subdirectory", "Folder", Kind::Text, "Where the spec is. Empty: the top."),
        Input::new("spec", "Spec", Kind::Text, "Its path in that folder. Empty: the only one."),
        Input::new(
            "source_build_method",
            "Source package",
            Kind::Choice(&[("rpkg", "made by rpkg"), ("make_srpm", "made by make -f .copr/Makefile srpm")]),
            "",
        ),
    ],
};

/// What every build has.
const OPTIONS: &[Section] = &[
    Section {
        title: "Build",
        inputs: &[
            Input::new(
                "chroots",
                "Build for",
                Kind::Many,
                "None chosen: all of the project, but for those that the package is never built for.",
            ),
            Input::new("timeout", "Timeout in seconds", Kind::Number, "Empty: the usual."),
            Input::new("background", "In the background", Kind::Check, "After all builds that are not."),
            Input::new("enable_net", "It may use the network", Kind::Check, ""),
        ],
    },
    Section {
        title: "For this build alone",
        inputs: &[
            Input::new("additional_repos", "Repositories", Kind::Words, "One a line, besides those of the project."),
            Input::new("additional_packages", "Packages in the buildroot", Kind::Words, "One a line."),
            Input::new("with_opts", "--with", Kind::Words, "Names of build conditions, one a line."),
            Input::new("without_opts", "--without", Kind::Words, "Likewise."),
        ],
    },
];

impl Way {
    const ALL: [Self; 3] = [Self::Upload, Self::Url, Self::Git];

    fn word(self) -> &'static str {
        match self {
            Self::Upload => "upload",
            Self::Url => "url",
            Self::Git => "git",
        }
    }

    fn label(self) -> &'static str {
        match self {
            Self::Upload => "Upload",
            Self::Url => "From the web",
            Self::Git => "From git",
        }
    }

    fn sections(self) -> Vec<Section> {
        let own = match self {
            Self::Upload => None,
            Self::Url => Some(URL),
            Self::Git => Some(GIT),
        };
        own.into_iter().chain(OPTIONS.iter().copied()).collect()
    }
}

#[derive(Debug, Template, Serialize)]
#[template(path = "project/add_build.html")]
struct BuildPage {
    #[serde(skip)]
    frame: Frame,
    #[serde(flatten)]
    head: Head,
    /// `upload`, `url` or `git`.
    way: &'static str,
    #[serde(skip)]
    ways: Vec<Tab>,
    #[serde(skip)]
    sections: Vec<Section>,
    settings: Values,
    faults: Faults,
    /// Chroots that can be chosen.
    chroots: Vec<String>,
    /// The longest timeout, in seconds.
    max_timeout: i64,
}

impl BuildPage {
    async fn load(state: &AppState, frame: Frame, project: &Project, way: Way) -> Result<Self, PageError> {
        frame.caller()?.require(state, project, Role::Builder, "build in").await?;
        let head = Head::new(state, &frame.viewer, project, "builds/").await?;
        let chroots = db::chroot::built_for(&state.db, project.id).await?;
        let tab = |other: Way| Tab {
            label: other.label(),
            url: format!("{}add_build/{}/", head.url, other.word()),
            here: other == way,
        };
        Ok(Self {
            frame,
            way: way.word(),
            ways: Way::ALL.into_iter().map(tab).collect(),
            head,
            sections: way.sections(),
            settings: Values::default().ticked("enable_net", project.enable_net),
            faults: Faults::default(),
            chroots: chroots.iter().map(ToString::to_string).collect(),
            max_timeout: state.config.builds.max_timeout,
        })
    }

    /// The API's body.
    fn body(&self, values: &Values) -> Map<String, Value> {
        let mut body = values.body(&self.sections);
        body.insert("ownername".to_owned(), self.head.owner.clone().into());
        body.insert("projectname".to_owned(), self.head.name.clone().into());
        body
    }

    /// What the form is shown with again.
    fn refused(&self, error: ApiError) -> Result<Faults, PageError> {
        let mut names = inputs::names(&self.sections);
        names.push("pkgs");
        match error {
            // Said in Python's words.
            ApiError::BadRequest(text) if text.contains("{'timeout': [") => {
                let mut faults = Faults::default();
                faults.add("timeout", &format!("It must be between 0 and {}.", self.max_timeout));
                Ok(faults)
            }
            error => Faults::of(error, &names),
        }
    }

    fn again(mut self, wants: &Wants, faults: Faults, values: Values) -> Result<Response, PageError> {
        (self.faults, self.settings) = (faults, values);
        show_with(StatusCode::BAD_REQUEST, wants, &self)
    }
}

async fn upload_page(
    State(state): State<AppState>,
    Of(project): Of,
    wants: Wants,
    frame: Frame,
) -> Result<Response, PageError> {
    show(&wants, &BuildPage::load(&state, frame, &project, Way::Upload).await?)
}

async fn url_page(
    State(state): State<AppState>,
    Of(project): Of,
    wants: Wants,
    frame: Frame,
) -> Result<Response, PageError> {
    show(&wants, &BuildPage::load(&state, frame, &project, Way::Url).await?)
}

async fn git_page(
    State(state): State<AppState>,
    Of(project): Of,
    wants: Wants,
    frame: Frame,
) -> Result<Response, PageError> {
    show(&wants, &BuildPage::load(&state, frame, &project, Way::Git).await?)
}

fn to_build(id: i64) -> Response {
    Redirect::to(&format!("/coprs/build/{id}")).into_response()
}

/// Takes files: a form with `csrf` first, and the files `pkgs` last, so that what was typed is known when they are refused.
async fn upload(
    State(state): State<AppState>,
    Of(project): Of,
    wants: Wants,
    frame: Frame,
    signed_in: SignedIn,
    form: Result<Multipart, MultipartRejection>,
) -> Result<Response, PageError> {
    let caller = frame.caller()?;
    let page = BuildPage::load(&state, frame, &project, Way::Upload).await?;
    let mut form = form.map_err(|error| PageError::Refused(format!("The form is broken: {error}")))?;
    let (mut fields, mut room, mut files, mut checked) = (Vec::new(), FIELDS, Files::new(&state), false);
    let received = loop {
        let field = match upload::next(&mut form).await {
            Ok(Some(field)) => field,
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        };
        let name = field.name().unwrap_or_default().to_owned();
        if name == "pkgs" {
            if !checked {
                return Err(FormError::Stale.into());
            }
            // Browsers send a file without name and content when none is chosen.
            if field.file_name() != Some("")
                && let Err(error) = files.take(&state, field).await
            {
                break Err(error);
            }
            continue;
        }
        let value = upload::short(field).await?;
        let too_long = || PageError::TooLarge(format!("The form's fields have more than {FIELDS} bytes."));
        room = room.checked_sub(name.len() + value.len()).ok_or_else(too_long)?;
        let value = String::from_utf8_lossy(&value).into_owned();
        if name.contains('\0') || value.contains('\0') {
            return Err(PageError::Refused("A text may not have the character NUL.".to_owned()));
        }
        if name == "csrf" {
            check_csrf(&signed_in.viewer, &value)?;
            checked = true;
        } else {
            fields.push((name, value));
        }
    };
    if !checked {
        return Err(FormError::Stale.into());
    }
    let values: Values = fields.into_iter().collect();
    if let Err(error) = received {
        let faults = page.refused(error)?;
        return page.again(&wants, faults, values);
    }
    let faults = match parsed::<BuildOptions>(page.body(&values), &page.sections) {
        Ok(options) => match upload::submit(&state, &caller, &options, files).await {
            Ok(build) => return Ok(to_build(build.id)),
            Err(error) => page.refused(error)?,
        },
        Err(faults) => faults,
    };
    page.again(&wants, faults, values)
}

async fn url(
    State(state): State<AppState>,
    Of(project): Of,
    wants: Wants,
    frame: Frame,
    form: Form<Vec<(String, String)>>,
) -> Result<Response, PageError> {
    let caller = frame.caller()?;
    let page = BuildPage::load(&state, frame, &project, Way::Url).await?;
    let values: Values = form.value.into_iter().collect();
    let faults = match parsed::<BuildOptions>(page.body(&values), &page.sections) {
        Ok(options) => match remote::url(State(state), caller, JsonBody(options)).await {
            Ok(Json(made)) => {
                return Ok(match made.items.as_slice() {
                    [one] => to_build(one.id),
                    _ => Redirect::to(&format!("{}builds/", page.head.url)).into_response(),
                });
            }
            Err(error) => page.refused(error)?,
        },
        Err(faults) => faults,
    };
    page.again(&wants, faults, values)
}

async fn git(
    State(state): State<AppState>,
    Of(project): Of,
    wants: Wants,
    frame: Frame,
    form: Form<Vec<(String, String)>>,
) -> Result<Response, PageError> {
    let caller = frame.caller()?;
    let page = BuildPage::load(&state, frame, &project, Way::Git).await?;
    let values: Values = form.value.into_iter().collect();
    let faults = match parsed::<ScmBuild>(page.body(&values), &page.sections) {
        Ok(body) => match remote::scm(State(state), caller, JsonBody(body)).await {
            Ok(Json(build)) => return Ok(to_build(build.id)),
            Err(error) => page.refused(error)?,
        },
        Err(faults) => faults,
    };
    page.again(&wants, faults, values)
}
