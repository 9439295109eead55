//! `/coprs/build/ID/log/CHROOT/NAME`: a log with colours and numbered lines, a window at a time.

use std::sync::Arc;

use askama::Template;
use axum::{
    Extension,
    extract::{Path, State},
    response::{IntoResponse as _, Redirect, Response},
};
use copr_api::v3::BuildState;
use serde::{Deserialize, Serialize};

use super::{
    ansi::{self, Span, Style},
    entries, find_job, folder,
    index::{self, Index, Indexes, LINES},
    is_log, is_log_name, key, label, log_url, results_url, trouble,
};
use crate::{
    db::build::{Build, BuildChroot},
    follow,
    http::params::Lenient,
    state::AppState,
    store::LOG_NAMES,
    web::{
        PageError,
        frame::{Frame, Wants, show},
        text::{encode, project_url, size},
        views::State as StateView,
    },
};

/// Lines before the first sign of trouble that are shown with it.
const BEFORE: u64 = 30;
/// Pieces with a look of their own on one page.
const SPANS: usize = 20_000;

/// One line.
#[derive(Debug, Serialize)]
struct LogLine {
    /// Counted from 1.
    number: u64,
    /// All of it that is shown.
    #[serde(serialize_with = "letters")]
    text: Vec<Span>,
    /// What is left out at its end, with unit; empty: nothing.
    #[serde(skip_serializing_if = "String::is_empty")]
    more: String,
    /// It tells of trouble.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    trouble: bool,
}

fn letters<S: serde::Serializer>(spans: &[Span], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&spans.iter().map(|span| span.text.as_str()).collect::<String>())
}

/// A log of the same job.
#[derive(Debug, Serialize)]
struct Other {
    /// Its name.
    name: String,
    /// Its page.
    url: String,
    /// It is the one that is shown.
    here: bool,
}

/// `/coprs/build/ID/log/CHROOT/NAME`.
#[derive(Debug, Template, Serialize)]
#[template(path = "build/log.html")]
struct LogPage {
    /// What is around it.
    #[serde(skip)]
    frame: Frame,
    /// The build.
    id: i64,
    /// The build's page.
    build_url: String,
    /// Package.
    package: String,
    /// The project's owner.
    owner: String,
    /// The directory.
    dirname: String,
    /// The project's page.
    project_url: String,
    /// The chroot.
    chroot: String,
    /// The chroot's state.
    state: StateView,
    /// The log's name.
    name: String,
    /// All logs of the chroot.
    logs: Vec<Other>,
    /// The page's address without its query.
    #[serde(skip)]
    path: String,
    /// The log as a file.
    raw_url: String,
    /// Its length.
    bytes: u64,
    /// The same with unit.
    #[serde(skip)]
    size: String,
    /// It goes on behind what can be shown of it.
    cut: bool,
    /// How many lines it has.
    total: u64,
    /// The lines that are shown.
    lines: Vec<LogLine>,
    /// Page of the lines before.
    before: Option<String>,
    /// Page of the lines after.
    after: Option<String>,
    /// The first line that tells of trouble.
    trouble: Option<u64>,
    /// Page of that line.
    trouble_url: Option<String>,
    /// Trouble was looked for, and there is no sign of it.
    #[serde(skip)]
    no_trouble: bool,
    /// More may come.
    live: bool,
    /// Where what comes is told, from here on; empty: this is not the log's end, or nothing more comes.
    #[serde(skip)]
    events: String,
    /// The last line goes on.
    #[serde(skip)]
    open: bool,
}

/// The query.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Query {
    /// The first line that is shown; the last ones without it.
    #[serde(default)]
    from: String,
    /// `error`: the first line that tells of trouble.
    #[serde(default)]
    at: String,
}

fn missing() -> PageError {
    PageError::Missing("This build has no log of that name. What there is stands on the build's page.".to_owned())
}

/// `…/log/CHROOT/`: the log that tells most.
///
/// # Errors
/// No such build or chroot, or no log yet.
pub(super) async fn main(
    State(state): State<AppState>,
    Path((id, chroot)): Path<(String, String)>,
    Lenient(query): Lenient<Query>,
) -> Result<Redirect, PageError> {
    let (build, job) = find_job(&state, &id, &chroot).await?;
    let found = entries(&state.store, &folder(&build, &job)).await?.unwrap_or_default();
    let mut all = LOG_NAMES.iter().flat_map(|name| [(*name).to_owned(), format!("{name}.gz")]);
    let name = all.find(|name| found.iter().any(|entry| !entry.folder && entry.name == *name));
    let at = if query.at == "error" { "?at=error" } else { "" };
    Ok(Redirect::to(&format!("{}{at}", log_url(&build, &job, &name.ok_or_else(missing)?))))
}

/// The page.
///
/// # Errors
/// There is no such log.
pub(super) async fn page(
    State(state): State<AppState>,
    Path((id, chroot, name)): Path<(String, String, String)>,
    Extension(indexes): Extension<Arc<Indexes>>,
    Lenient(query): Lenient<Query>,
    wants: Wants,
    frame: Frame,
) -> Result<Response, PageError> {
    let (build, job) = find_job(&state, &id, &chroot).await?;
    let folder = folder(&build, &job);
    // One name, of a log: no other file is shown as one.
    if name.contains('/') || !is_log_name(&name) {
        return Err(missing());
    }
    let path = format!("{folder}/{name}");
    let Some(index) = indexes.look(&state.store, &path, job.attempts).await? else { return Err(missing()) };
    let url = log_url(&build, &job, &name);
    if query.at == "error"
        && let Some(line) = index.trouble
    {
        return Ok(Redirect::to(&near(&url, line)).into_response());
    }
    let from = query.from.trim().parse().ok().map(|line: u64| line.clamp(1, index.lines().max(1)));
    let lines = index::window(&state.store, &path, &index, from).await?;
    let files = entries(&state.store, &folder).await?.unwrap_or_default();
    let results = results_url(&folder);
    let logs = files.into_iter().filter(is_log).map(|entry| {
        let url = log_url(&build, &job, &entry.name);
        Other { url, here: entry.name == name, name: entry.name }
    });
    let logs = logs.collect();
    let raw_url = format!("{results}{}", encode(&name));
    show(&wants, &made(&build, &job, frame, &index, lines, Made { name, url, raw_url, logs, query }))
}

/// What a page is made of beside its lines.
struct Made {
    name: String,
    url: String,
    raw_url: String,
    logs: Vec<Other>,
    query: Query,
}

fn made(
    build: &Build,
    job: &BuildChroot,
    frame: Frame,
    index: &Index,
    lines: Vec<index::Line>,
    Made { name, url, raw_url, logs, query }: Made,
) -> LogPage {
    let first = lines.first().map_or(1, |line| line.number);
    let last = lines.last().map_or(0, |line| line.number);
    let live = !job.state.is_final();
    let at_end = last >= index.lines();
    let followed = if live && at_end { follow::log_named(&name) } else { None };
    let events = followed.map_or_else(String::new, |name| {
        format!("/coprs/build/{}/events?chroot={}&log={name}&offset={}", build.id, encode(key(job)), index.bytes)
    });
    let stage = if job.publishing { Some("publishing") } else { job.stage.as_deref() };
    LogPage {
        frame,
        id: build.id,
        build_url: format!("/coprs/build/{}", build.id),
        package: build.title(),
        owner: build.owner.to_string(),
        dirname: build.dirname.to_string(),
        project_url: project_url(build.owner.as_str(), build.project.as_str()),
        chroot: label(job),
        state: StateView::new(job.state, stage),
        raw_url,
        bytes: index.bytes,
        size: size(index.bytes),
        cut: index.cut,
        total: index.lines(),
        before: (first > 1).then(|| format!("{url}?from={}", first.saturating_sub(LINES).max(1))),
        after: (!at_end).then(|| format!("{url}?from={}", last + 1)),
        // What a good build says of trouble did no harm.
        trouble: index.trouble,
        trouble_url: index.trouble.filter(|_| job.state != BuildState::Succeeded).map(|line| near(&url, line)),
        no_trouble: query.at == "error" && index.trouble.is_none(),
        lines: numbered(lines),
        live,
        events,
        open: at_end && index.is_open(),
        path: url,
        name,
        logs,
    }
}

/// A window with a line in it, and the line itself.
fn near(url: &str, line: u64) -> String {
    format!("{url}?from={}#L{line}", line.saturating_sub(BEFORE).max(1))
}

fn numbered(lines: Vec<index::Line>) -> Vec<LogLine> {
    let (mut style, mut room) = (Style::default(), SPANS);
    lines
        .into_iter()
        .map(|line| LogLine {
            number: line.number,
            trouble: trouble::is_in(line.text.as_bytes()),
            text: ansi::spans(&line.text, &mut style, &mut room),
            more: if line.more > 0 { size(line.more) } else { String::new() },
        })
        .collect()
}
