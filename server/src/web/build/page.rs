//! `/coprs/build/ID`: how far a build is, where it stands in the queue, what it made, what it says.

use askama::Template;
use axum::{
    extract::{Path, State},
    response::{IntoResponse as _, Response},
};
use copr_api::{
    builder::{GitMake, Shadow, SourceMethod},
    v3::{BuildState, LicenceState},
};
use serde::Serialize;

use super::{
    buildroot, entries, find, folder, is_log, key, label,
    lint::{self, Lint},
    log_url, results_url,
};
use crate::{
    clock,
    db::{
        self,
        build::{Build, BuildChroot, BuiltPackage},
        licence::Licence,
        permission::Role,
    },
    queue::position,
    state::AppState,
    store::{Found, LOG_NAMES, Store, Want},
    web::{
        PageError,
        frame::{Frame, Wants, show},
        project,
        text::{Moment, duration, encode, log_text, project_url, size},
        views::{FileLine, State as StateView},
    },
};

/// Bytes of a log that a page shows.
const TAIL: u64 = 48 * 1024;
/// Chroots whose place in the queue is looked up.
const PLACES: usize = 8;

/// The end of a log.
#[derive(Debug, Serialize)]
struct LogTail {
    /// The log as a file.
    url: String,
    /// Its page.
    page_url: String,
    /// Its name.
    name: &'static str,
    /// What is shown.
    text: String,
    /// Byte after the last that is shown.
    offset: u64,
    /// Something before it is not shown.
    cut: bool,
    /// It still grows.
    live: bool,
    /// Shown without being asked for.
    #[serde(skip)]
    open: bool,
}

/// A build in one chroot.
#[derive(Debug, Serialize)]
struct ChrootResult {
    /// Its name in addresses and events.
    key: String,
    /// What it is called.
    name: String,
    /// Its state.
    state: StateView,
    /// When it began.
    started: Option<Moment>,
    /// How long it took; empty while it runs.
    duration: String,
    /// Why it failed, or how often it was tried; may be empty.
    fault: String,
    /// What stands when there is nothing else to show.
    waiting: &'static str,
    /// Jobs before it in the queue.
    position: Option<i64>,
    /// About when it begins.
    starts: Option<Moment>,
    /// Who builds it, or has built it.
    builder: Option<String>,
    /// Its packages.
    packages: Vec<FileLine>,
    /// Fingerprint of the key that has signed them; `None`: not signed, or there are none.
    signed_by: Option<String>,
    /// Its logs.
    logs: Vec<FileLine>,
    /// Its folder.
    results_url: Option<String>,
    /// The end of its log.
    tail: Option<LogTail>,
    /// Page of the first line that tells why it failed.
    trouble_url: Option<String>,
    /// What rpmlint says of its packages.
    lint: Option<Lint>,
    /// Page of rpmlint's log.
    #[serde(skip)]
    lint_url: String,
    /// Packages of it that stand in the way of the distribution's.
    shadows: Vec<Shadow>,
    /// What was installed, and what of it is new.
    buildroot_url: Option<String>,
}

impl ChrootResult {
    /// Leaves out all that leads to files.
    fn withhold(&mut self) {
        (self.packages, self.logs) = (Vec::new(), Vec::new());
        (self.results_url, self.tail, self.trouble_url, self.lint, self.buildroot_url) = (None, None, None, None, None);
        self.waiting = "It was taken down.";
    }
}

/// What a build is made of.
#[derive(Debug, Serialize)]
struct Source {
    /// `upload`, `url`, `spec` or `git`.
    kind: &'static str,
    /// What it is, in words.
    text: String,
    /// Where it lies elsewhere, if browsers can go there.
    url: Option<String>,
    /// The source package.
    srpm: Option<FileLine>,
}

/// A chroot that can be built for again.
#[derive(Debug, Serialize)]
struct Again {
    /// Its name.
    name: String,
    /// It is ticked.
    wanted: bool,
}

/// What was found of its licence.
#[derive(Debug, Serialize)]
struct LicenceFacts {
    /// The `License` tag.
    text: String,
    /// In one word.
    word: &'static str,
    /// `good`, `busy` or `bad`.
    #[serde(skip)]
    class: &'static str,
    /// Why; may be empty.
    reason: String,
}

impl LicenceFacts {
    fn of(licence: &Licence) -> Self {
        let class = match licence.state {
            LicenceState::Allowed | LicenceState::Approved => "good",
            LicenceState::Unknown | LicenceState::Review => "busy",
            LicenceState::Refused => "bad",
        };
        let (text, reason) = (licence.text.clone(), licence.reason.clone());
        Self { text, word: licence.state.as_str(), class, reason }
    }
}

/// What who looks may do with the build.
#[derive(Debug, Default, Serialize)]
struct Actions {
    /// Stop it.
    cancel: bool,
    /// Delete it.
    delete: bool,
    /// Build it again, for these.
    repeat: Vec<Again>,
}

impl Actions {
    /// Whether there is anything to do.
    fn any(&self) -> bool {
        self.cancel || self.delete || !self.repeat.is_empty()
    }
}

/// `/coprs/build/ID`.
#[derive(Debug, Template, Serialize)]
#[template(path = "build/page.html")]
struct BuildPage {
    /// What is around it.
    #[serde(skip)]
    frame: Frame,
    /// Number.
    id: i64,
    /// Package.
    package: String,
    /// `version-release`.
    version: String,
    /// Over all chroots.
    state: StateView,
    /// Nothing more will happen.
    finished: bool,
    /// Changes when the page would look different.
    fingerprint: String,
    /// The project's owner.
    owner: String,
    /// The directory.
    dirname: String,
    /// The project's page.
    project_url: String,
    /// Results of the directory.
    results_url: String,
    /// Who sent it.
    submitter: String,
    /// When it came in.
    submitted: Moment,
    /// When the first chroot began.
    started: Option<Moment>,
    /// When the last chroot ended.
    ended: Option<Moment>,
    /// From begin to end.
    duration: String,
    /// What it is made of.
    source: Source,
    /// What was found of its licence.
    licence: Option<LicenceFacts>,
    /// Why it was taken down; `None`: it was not.
    taken_down: Option<String>,
    /// What was asked for it alone; may be empty.
    options: Vec<String>,
    /// What who looks may do.
    actions: Actions,
    /// Its chroots.
    chroots: Vec<ChrootResult>,
}

/// The page.
///
/// # Errors
/// There is no such build.
pub(super) async fn page(
    State(state): State<AppState>,
    Path(id): Path<String>,
    wants: Wants,
    frame: Frame,
) -> Result<Response, PageError> {
    let build = find(&state, &id).await?;
    let taken_down = state.takedowns.why(&build.owner, build.project.as_str(), Some(build.id)).await?;
    let packages = db::build::packages(&state.db, build.id).await?;
    let now = clock::now_ms();
    let mut chroots = Vec::with_capacity(build.chroots.len() + 1);
    let mut places = 0;
    let mut shadows = db::shadow::of_build(&state.db, build.id).await?;
    for job in build.jobs() {
        let mut chroot = result(&state.store, &build, job, &packages, now).await?;
        if job.state == BuildState::Succeeded {
            chroot.shadows = shadows.remove(&job.id).unwrap_or_default();
        }
        if taken_down.is_some() {
            chroot.withhold();
        }
        if job.state == BuildState::Pending && places < PLACES {
            places += 1;
            if let Some(standing) = position::of(&state.db, job, now).await? {
                chroot.position = Some(standing.position);
                chroot.starts = standing.start_ms.map(|ms| Moment::about(ms, now));
            }
        }
        chroots.push(chroot);
    }
    let actions = actions(&state, &frame, &build).await?;
    let (started, ended) = (build.started_ms(), build.ended_ms());
    let took = started.zip(ended).map(|(started, ended)| duration(ended - started));
    let stage = build.jobs().find_map(|job| job.stage.as_deref());
    let mut made_of = source(&build);
    if taken_down.is_some() {
        made_of.srpm = None;
    }
    let state_word = build.state();
    let page = BuildPage {
        frame,
        id: build.id,
        package: build.title(),
        version: build.package_version.clone(),
        state: StateView::new(state_word, stage),
        finished: build.is_over(),
        fingerprint: build.fingerprint(),
        project_url: project_url(build.owner.as_str(), build.project.as_str()),
        results_url: format!("/results/{}/{}/", encode(build.owner.as_str()), encode(build.dirname.as_str())),
        owner: build.owner.to_string(),
        dirname: build.dirname.to_string(),
        submitter: build.submitter.clone(),
        submitted: Moment::new(build.submitted_ms, now),
        started: started.map(|ms| Moment::new(ms, now)),
        ended: ended.map(|ms| Moment::new(ms, now)),
        duration: took.unwrap_or_default(),
        source: made_of,
        licence: build.licence.as_ref().map(LicenceFacts::of),
        taken_down,
        options: options(&build),
        actions,
        chroots,
    };
    show(&wants, &page)
}

/// `GET /coprs/build/{id}/state`: a text that changes when the page would.
///
/// # Errors
/// There is no such build.
pub(super) async fn state(State(state): State<AppState>, Path(id): Path<String>) -> Result<Response, PageError> {
    Ok(find(&state, &id).await?.fingerprint().into_response())
}

/// What who looks may do.
async fn actions(state: &AppState, frame: &Frame, build: &Build) -> Result<Actions, PageError> {
    if frame.viewer.user.is_none() {
        return Ok(Actions::default());
    }
    let Some(of) = db::project::get(&state.db, &build.owner, &build.project).await? else {
        return Ok(Actions::default());
    };
    if project::role(state, &frame.viewer, &of).await? < Role::Builder {
        return Ok(Actions::default());
    }
    let bad = |job: &&BuildChroot| matches!(job.state, BuildState::Failed | BuildState::Canceled);
    // What has failed, or all when nothing has, or when there was no source to build from.
    let some = build.chroots.iter().any(|job| bad(&job)) && !build.source.iter().any(|job| bad(&job));
    let wanted = |name: &str| match build.chroots.iter().find(|job| job.chroot.as_str() == name) {
        Some(job) => !some || bad(&job),
        None => false,
    };
    let enabled = db::chroot::built_for(&state.db, of.id).await?;
    let repeat = enabled.iter().map(|chroot| Again { wanted: wanted(chroot.as_str()), name: chroot.to_string() });
    Ok(Actions {
        cancel: !build.canceled && !build.is_over(),
        delete: build.is_over(),
        // Packages that were sent ready-made have no source here.
        repeat: if build.is_over() && !build.uploaded { repeat.collect() } else { Vec::new() },
    })
}

fn source(build: &Build) -> Source {
    let folder = results_url(&format!("{}/{}/srpm-builds/{:08}", build.owner, build.dirname, build.id));
    let srpm = build.srpm.as_ref().map(|file| FileLine {
        name: file.name.clone(),
        url: format!("{folder}{}", encode(&file.name)),
        size: size(file.size),
    });
    // An address of another kind is no link.
    let link = |url: &str| (url.starts_with("https://") || url.starts_with("http://")).then(|| url.to_owned());
    let (kind, text, url) = match &build.method {
        None if build.uploaded => ("rpm upload", "packages that were sent ready-made".to_owned(), None),
        None => ("upload", "an uploaded source package".to_owned(), None),
        Some(SourceMethod::Url { url }) => ("url", url.clone(), link(url)),
        Some(SourceMethod::Spec { spec, files }) => {
            let rest = files.len().saturating_sub(1);
            ("spec", format!("{spec} and {rest} source{}, uploaded", if rest == 1 { "" } else { "s" }), None)
        }
        Some(SourceMethod::Git { clone_url, committish, subdirectory, spec, make }) => {
            let mut text = clone_url.clone();
            for (word, value) in
                [("at", committish.as_deref()), ("folder", Some(subdirectory.as_str())), ("spec", spec.as_deref())]
            {
                if let Some(value) = value.filter(|value| !value.is_empty()) {
                    text.push_str(&format!(", {word} {value}"));
                }
            }
            text.push_str(match make {
                GitMake::MakeSrpm => ", by make srpm",
                GitMake::Rpkg => "",
            });
            ("git", text, link(clone_url))
        }
    };
    Source { kind, text, url, srpm }
}

/// What was asked for a build alone, in words.
fn options(build: &Build) -> Vec<String> {
    let wishes = &build.wishes;
    let mut all = Vec::new();
    let mut list = |what: &str, words: &[String]| {
        if !words.is_empty() {
            all.push(format!("{what} {}", words.join(", ")));
        }
    };
    list("with", &wishes.with_opts);
    list("without", &wishes.without_opts);
    list("packages", &wishes.additional_packages);
    list("repositories", &wishes.additional_repos);
    if build.enable_net {
        all.push("a network".to_owned());
    }
    if let Some(memory) = wishes.memory_mib {
        all.push(format!("{memory} MiB of memory"));
    }
    if let Some(cpus) = wishes.cpus {
        all.push(format!("{cpus} CPUs"));
    }
    if let Some(sign) = wishes.sign {
        all.push(if sign { "signed" } else { "not signed" }.to_owned());
    }
    if build.background {
        all.push("in the background".to_owned());
    }
    all
}

async fn result(
    store: &Store,
    build: &Build,
    of: &BuildChroot,
    packages: &[BuiltPackage],
    now: i64,
) -> std::io::Result<ChrootResult> {
    let path = folder(build, of);
    let url = results_url(&path);
    let entries = entries(store, &path).await?;
    let has = |name: &str| entries.iter().flatten().any(|entry| !entry.folder && entry.name == name);
    let file = |name: &str, bytes: u64| FileLine {
        name: name.to_owned(),
        url: format!("{url}{}", encode(name)),
        size: size(bytes),
    };
    let log =
        |name: &str, bytes: u64| FileLine { url: log_url(build, of, name), name: name.to_owned(), size: size(bytes) };
    let logs: Vec<FileLine> =
        entries.iter().flatten().filter(|entry| is_log(entry)).map(|entry| log(&entry.name, entry.size)).collect();
    let main = LOG_NAMES.iter().copied().find(|name| has(name));
    let tail = match main {
        Some(name) => tail(store, &path, &url, build, of, name).await?,
        // Its place, so that whoever looks already sees it begin.
        None if matches!(of.state, BuildState::Starting | BuildState::Running) => {
            LOG_NAMES.first().map(|name| to_come(&url, build, of, name))
        }
        None => None,
    };
    let lint = if has(lint::NAME) && of.state.is_final() { lint::of(store, &path).await? } else { None };
    let failed = of.state == BuildState::Failed;
    // Until it is published, what a build made is not there yet.
    let published = of.state == BuildState::Succeeded;
    let made = packages.iter().filter(|package| published && package.build_chroot_id == of.id);
    let signed_by = made.clone().find_map(|package| package.signed_by.clone());
    let tried_again = of.attempts > 1 && !of.state.is_final();
    let fault = match &of.message {
        Some(message) if of.state != BuildState::Succeeded => message.clone(),
        _ if tried_again => format!("Attempt {}: a machine failed before.", of.attempts),
        _ => String::new(),
    };
    let took = of.started_ms.zip(of.ended_ms).map(|(started, ended)| duration(ended - started));
    Ok(ChrootResult {
        key: key(of).to_owned(),
        name: label(of),
        state: StateView::new(of.state, if of.publishing { Some("publishing") } else { of.stage.as_deref() }),
        started: of.started_ms.map(|ms| Moment::new(ms, now)),
        duration: took.unwrap_or_default(),
        fault,
        waiting: match of.state {
            BuildState::Pending => "It waits for a builder.",
            BuildState::Waiting if in_review(build) => "It waits for a decision about its licence.",
            BuildState::Waiting => "It waits for its source package.",
            BuildState::Starting | BuildState::Running | BuildState::Importing => {
                "A builder prepares its machine; the log begins in a moment."
            }
            BuildState::Skipped => "The package is not for this architecture.",
            _ => "Nothing was kept of it.",
        },
        position: None,
        starts: None,
        builder: of.builder.clone(),
        trouble_url: main.filter(|_| failed).map(|name| format!("{}?at=error", log_url(build, of, name))),
        lint,
        lint_url: log_url(build, of, lint::NAME),
        shadows: Vec::new(),
        buildroot_url: (has(buildroot::NAME) && !of.source)
            .then(|| format!("/coprs/build/{}/buildroot/{}", build.id, encode(key(of)))),
        signed_by,
        packages: made.map(|package| file(&package.file.file, package.file.size)).collect(),
        logs,
        results_url: entries.map(|_| url),
        tail,
    })
}

/// Whether somebody has to decide about its licence.
fn in_review(build: &Build) -> bool {
    build.licence.as_ref().is_some_and(|licence| licence.state == LicenceState::Review)
}

/// A log that has not begun.
fn to_come(url: &str, build: &Build, of: &BuildChroot, name: &'static str) -> LogTail {
    LogTail {
        url: format!("{url}{name}"),
        page_url: log_url(build, of, name),
        name,
        text: String::new(),
        offset: 0,
        cut: false,
        live: true,
        open: true,
    }
}

async fn tail(
    store: &Store,
    path: &str,
    url: &str,
    build: &Build,
    of: &BuildChroot,
    name: &'static str,
) -> std::io::Result<Option<LogTail>> {
    let Found::File(file) = store.find(&format!("{path}/{name}"), Want::Facts).await? else { return Ok(None) };
    let (begin, bytes) = file.tail(TAIL).await?;
    let live = !of.state.is_final();
    Ok(Some(LogTail {
        url: format!("{url}{name}"),
        page_url: log_url(build, of, name),
        name,
        text: log_text(&bytes),
        offset: begin.saturating_add(u64::try_from(bytes.len()).unwrap_or_default()),
        cut: begin > 0,
        live,
        open: live || of.state == BuildState::Failed,
    }))
}
