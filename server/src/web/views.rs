//! What the templates are given: plain text and addresses, nothing that needs thought any more.

use askama::Template;
use copr_api::v3::BuildState;

use super::text::Moment;

/// A state as word and colour class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Copr's word, and what the builder does while it runs.
    pub word: String,
    /// `good`, `bad`, `busy` or `idle`.
    pub class: &'static str,
}

impl State {
    /// The state, with the stage of a running one.
    #[must_use]
    pub fn new(state: BuildState, stage: Option<&str>) -> Self {
        let class = match state {
            BuildState::Succeeded | BuildState::Forked => "good",
            BuildState::Failed => "bad",
            BuildState::Importing | BuildState::Starting | BuildState::Running => "busy",
            _ => "idle",
        };
        let word = match stage {
            Some(stage) if class == "busy" => format!("{state}: {stage}"),
            _ => state.to_string(),
        };
        Self { word, class }
    }
}

/// A build in a list.
#[derive(Debug, Clone)]
pub struct BuildLine {
    /// Number.
    pub id: i64,
    /// Its page.
    pub url: String,
    /// Package name.
    pub package: String,
    /// `version-release`.
    pub version: String,
    /// Its state.
    pub state: State,
    /// When it came in.
    pub submitted: Moment,
    /// Who sent it.
    pub submitter: String,
}

/// A project in the list.
#[derive(Debug)]
pub struct ProjectCard {
    /// Its page.
    pub url: String,
    /// Owner.
    pub owner: String,
    /// Name.
    pub name: String,
    /// Beginning of the description.
    pub summary: String,
    /// Its first chroots.
    pub chroots: Vec<String>,
    /// How many more it has.
    pub more_chroots: usize,
    /// Its newest build.
    pub newest: Option<BuildLine>,
}

/// `/`.
#[derive(Debug, Template)]
#[template(path = "projects.html")]
pub struct ProjectsPage {
    /// Name of the site.
    pub site: String,
    /// What was searched for; empty: everything.
    pub query: String,
    /// The projects.
    pub projects: Vec<ProjectCard>,
    /// Address of the next page.
    pub more: Option<String>,
}

/// A project's chroot.
#[derive(Debug)]
pub struct ChrootLine {
    /// Name.
    pub name: String,
    /// Its `.repo` file.
    pub repo_url: String,
    /// Its repository.
    pub results_url: String,
}

/// One node of a project's chain with what it needs in turn.
#[derive(Debug, Default, Template)]
#[template(path = "need.html")]
pub struct Need {
    /// `owner/name`, or a URL.
    pub label: String,
    /// Its page, for projects of this server.
    pub url: Option<String>,
    /// A short remark: `external`, `gone`, `shown above`.
    pub note: String,
    /// The project that is looked at.
    pub root: bool,
    /// It does not exist any more.
    pub missing: bool,
    /// What it needs.
    pub children: Vec<Self>,
}

/// `/coprs/OWNER/PROJECT/`.
#[derive(Debug, Template)]
#[template(path = "project.html")]
pub struct ProjectPage {
    /// Name of the site.
    pub site: String,
    /// Owner.
    pub owner: String,
    /// Name.
    pub name: String,
    /// The owner's projects.
    pub owner_url: String,
    /// Homepage, when it is a web address.
    pub homepage: Option<String>,
    /// Mail address or URL, as text.
    pub contact: String,
    /// Text.
    pub description: String,
    /// Text.
    pub instructions: String,
    /// The command that enables it.
    pub enable: String,
    /// The server's name in that command.
    pub hub: String,
    /// Plugin configuration that the command needs; empty when it needs none.
    pub hub_config: String,
    /// Its chroots.
    pub chroots: Vec<ChrootLine>,
    /// What it needs to build.
    pub build_needs: Need,
    /// What it needs to run.
    pub run_needs: Need,
    /// Its builds, newest first.
    pub builds: Vec<BuildLine>,
    /// Address of older builds.
    pub older: Option<String>,
    /// Its results.
    pub results_url: String,
}

/// A file to fetch.
#[derive(Debug)]
pub struct FileLine {
    /// Name.
    pub name: String,
    /// Address.
    pub url: String,
    /// Length, with unit.
    pub size: String,
}

/// The end of a log.
#[derive(Debug)]
pub struct LogTail {
    /// The whole log.
    pub url: String,
    /// What is shown.
    pub text: String,
    /// Byte after the last that is shown.
    pub offset: u64,
    /// Something before it is not shown.
    pub cut: bool,
    /// It still grows.
    pub live: bool,
    /// Shown without being asked for.
    pub open: bool,
}

/// A build in one chroot.
#[derive(Debug)]
pub struct ChrootResult {
    /// Chroot.
    pub name: String,
    /// Its state.
    pub state: State,
    /// When it began.
    pub started: Option<Moment>,
    /// How long it took; empty while it runs.
    pub duration: String,
    /// Why it failed, or how often it was tried; may be empty.
    pub fault: String,
    /// What stands when there is nothing else to show.
    pub waiting: &'static str,
    /// Its packages.
    pub packages: Vec<FileLine>,
    /// Its logs.
    pub logs: Vec<FileLine>,
    /// Its folder.
    pub results_url: Option<String>,
    /// The end of its log.
    pub tail: Option<LogTail>,
}

/// `/coprs/build/ID`.
#[derive(Debug, Template)]
#[template(path = "build.html")]
pub struct BuildPage {
    /// Name of the site.
    pub site: String,
    /// Number.
    pub id: i64,
    /// Package.
    pub package: String,
    /// `version-release`.
    pub version: String,
    /// Over all chroots.
    pub state: State,
    /// Nothing more will happen.
    pub finished: bool,
    /// Changes when the page would look different.
    pub fingerprint: String,
    /// The project's owner.
    pub owner: String,
    /// The directory.
    pub dirname: String,
    /// The project's page.
    pub project_url: String,
    /// Results of the directory.
    pub results_url: String,
    /// Who sent it.
    pub submitter: String,
    /// When it came in.
    pub submitted: Moment,
    /// When the first chroot began.
    pub started: Option<Moment>,
    /// When the last chroot ended.
    pub ended: Option<Moment>,
    /// From begin to end.
    pub duration: String,
    /// Its chroots.
    pub chroots: Vec<ChrootResult>,
}

/// A page that says one thing, e.g. that there is nothing at that address.
#[derive(Debug, Template)]
#[template(path = "message.html")]
pub struct MessagePage {
    /// Name of the site.
    pub site: String,
    /// In a few words.
    pub heading: String,
    /// In a sentence.
    pub text: String,
}
