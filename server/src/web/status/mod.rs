//! `/status/`: the queue and its builders now; `/status/stats/`: what was built lately.

mod chart;
mod kept;
mod stats;

use std::{sync::Arc, time::Duration};

use askama::Template;
use axum::{
    Extension, Router,
    extract::State,
    response::{Redirect, Response},
    routing::get,
};
use copr_api::v3::BuildState;
use serde::Serialize;

use super::{
    PageError,
    frame::{Frame, Wants, show},
    text::{Moment, duration, owner_url, project_url},
    views::State as StateView,
    with_slash,
};
use crate::{
    clock,
    db::{
        self,
        operation::Figures,
        status::{Done, For, Job, Leases},
        waiting::{By, Line},
    },
    state::AppState,
};
use kept::Kept;

/// For so long all see the same figures, however many look.
const FRESH: Duration = Duration::from_secs(1);
/// The same for what takes longer to count.
const SLOWLY: Duration = Duration::from_secs(60);
/// Jobs of each kind that are listed.
const JOBS: i64 = 50;
/// Owners and chroots that are listed.
const LINES: i64 = 50;
/// Milliseconds of a day.
const DAY_MS: i64 = 24 * 3600 * 1000;

/// What is kept of the last answers.
#[derive(Debug, Default)]
struct Answers {
    now: Kept<Now>,
    day: Kept<Vec<Done>>,
    stats: Kept<stats::Counted>,
}

/// The addresses.
pub(super) fn routes() -> Router<AppState> {
    let mut router = Router::new()
        .route("/status", get(with_slash))
        .route("/status/", get(page))
        .route("/status/stats", get(with_slash))
        .route("/status/stats/", get(stats::page));
    // Copr's own addresses.
    for (old, new) in [
        ("", "/status/"),
        ("/running", "/status/#running"),
        ("/starting", "/status/#running"),
        ("/pending", "/status/#pending"),
        ("/importing", "/status/#importing"),
        ("/stats", "/status/stats/"),
    ] {
        for end in ["", "/"] {
            router = router.route(&format!("/coprs/status{old}{end}"), get(async move || Redirect::to(new)));
        }
    }
    router.layer(Extension(Arc::<Answers>::default()))
}

/// All that the page shows, as the database has it.
#[derive(Debug)]
struct Now {
    at_ms: i64,
    figures: Figures,
    chroots: Vec<Line>,
    owners: Vec<Line>,
    leases: Vec<Leases>,
    running: Vec<Job>,
    pending: Vec<Job>,
    importing: Vec<Job>,
}

async fn look(state: &AppState) -> Result<Now, db::Error> {
    let (db, at_ms) = (&state.db, clock::now_ms());
    Ok(Now {
        at_ms,
        figures: db::operation::figures(db, at_ms).await?,
        chroots: db::waiting::overview(db, By::Chroot, LINES).await?,
        owners: db::waiting::overview(db, By::Owner, LINES).await?,
        leases: db::status::leases(db).await?,
        running: db::status::at_work(db, JOBS).await?,
        pending: db::status::waiting(db, BuildState::Pending, JOBS).await?,
        importing: db::status::waiting(db, BuildState::Waiting, JOBS).await?,
    })
}

/// A chroot or an owner with what it has in the queue.
#[derive(Debug, Serialize)]
struct QueueLine {
    /// Its name.
    name: String,
    /// The owner's projects; empty: it is a chroot.
    #[serde(skip)]
    url: String,
    /// Machines at work.
    running: i64,
    /// Jobs that a builder may take.
    pending: i64,
    /// Those of them that come after all others.
    background: i64,
    /// Jobs that wait for a source package or a batch.
    waiting: i64,
}

/// A job in a list.
#[derive(Debug, Serialize)]
struct JobLine {
    /// The build.
    id: i64,
    /// Its page.
    url: String,
    /// The package, or what stands for it while it is not known.
    package: String,
    /// Project and directory.
    project: String,
    /// The project's page.
    project_url: String,
    /// The chroot.
    chroot: String,
    /// Its state.
    state: StateView,
    /// Who builds it.
    builder: Option<String>,
    /// Since when it waits, or is at work.
    since: Moment,
}

/// A builder.
#[derive(Debug, Serialize)]
struct BuilderLine {
    /// Its name.
    name: String,
    /// `at work`, `silent` or `idle`.
    state: StateView,
    /// Machines at work.
    machines: i64,
    /// When it was heard of last.
    heard: Option<Moment>,
    /// What it ended in the last day.
    ended: i64,
    /// How much of that failed.
    failed: i64,
    /// How long that took, on the average.
    mean: String,
}

/// `/status/`.
#[derive(Debug, Template, Serialize)]
#[template(path = "status/page.html")]
struct StatusPage {
    /// What is around it.
    #[serde(skip)]
    frame: Frame,
    /// When this was so.
    at: Moment,
    /// Machines at work.
    running: i64,
    /// Jobs that a builder may take.
    pending: i64,
    /// Jobs that wait for a source package or a batch.
    waiting: i64,
    /// Builders with a lease.
    builders_at_work: i64,
    /// Repositories that are to be published.
    publishing: i64,
    /// Those of them whose last try failed.
    publishing_failed: i64,
    /// The queue by chroot.
    chroots: Vec<QueueLine>,
    /// The queue by owner.
    owners: Vec<QueueLine>,
    /// Builders that are at work, or were in the last day.
    builders: Vec<BuilderLine>,
    /// Jobs at work.
    jobs_running: Vec<JobLine>,
    /// Jobs that are next.
    jobs_pending: Vec<JobLine>,
    /// Jobs that wait for something else.
    jobs_waiting: Vec<JobLine>,
}

async fn page(
    State(state): State<AppState>,
    Extension(answers): Extension<Arc<Answers>>,
    wants: Wants,
    frame: Frame,
) -> Result<Response, PageError> {
    let now = answers.now.get(FRESH, look(&state)).await?;
    let since = now.at_ms - DAY_MS;
    let day = answers.day.get(SLOWLY, db::status::done(&state.db, For::Builder, since)).await?;
    let beat_ms = i64::try_from(state.queue.lease_seconds()).unwrap_or(i64::MAX / 2000) * 1000;
    let jobs = |jobs: &[Job]| jobs.iter().map(|job| job_line(job, now.at_ms)).collect();
    let lines = |lines: &[Line], owners: bool| lines.iter().map(|line| queue_line(line, owners)).collect();
    let page = StatusPage {
        frame,
        at: Moment::new(now.at_ms, now.at_ms),
        running: now.figures.leases,
        pending: now.figures.of_state(&["pending"]),
        waiting: now.figures.of_state(&["waiting"]),
        builders_at_work: now.figures.builders,
        publishing: now.figures.tasks_waiting,
        publishing_failed: now.figures.tasks_failing,
        chroots: lines(&now.chroots, false),
        owners: lines(&now.owners, true),
        builders: builders(&now.leases, &day, beat_ms, now.at_ms),
        jobs_running: jobs(&now.running),
        jobs_pending: jobs(&now.pending),
        jobs_waiting: jobs(&now.importing),
    };
    show(&wants, &page)
}

/// What a chroot's name stands for.
fn chroot_label(name: &str) -> String {
    match name.strip_prefix("source:") {
        Some(chroot) => format!("source packages, in {chroot}"),
        None => name.to_owned(),
    }
}

fn queue_line(line: &Line, owner: bool) -> QueueLine {
    QueueLine {
        name: if owner { line.name.clone() } else { chroot_label(&line.name) },
        url: if owner { owner_url(&line.name) } else { String::new() },
        running: line.running,
        pending: line.pending,
        background: line.background,
        waiting: line.waiting,
    }
}

fn job_line(job: &Job, now_ms: i64) -> JobLine {
    JobLine {
        id: job.build_id,
        url: format!("/coprs/build/{}", job.build_id),
        package: if job.package.is_empty() { "a source package".to_owned() } else { job.package.clone() },
        project: format!("{}/{}", job.owner, job.dirname),
        project_url: project_url(job.owner.as_str(), job.dirname.project().as_str()),
        chroot: chroot_label(&job.chroot),
        state: StateView::new(job.state, job.stage.as_deref()),
        builder: job.builder.clone(),
        since: Moment::new(job.started_ms.unwrap_or(job.submitted_ms), now_ms),
    }
}

/// Those that have leases, and those that had some in the last day.
fn builders(leases: &[Leases], day: &[Done], beat_ms: i64, now_ms: i64) -> Vec<BuilderLine> {
    let word = |word: &str, class| StateView { word: word.to_owned(), class };
    let done = |name: &str| day.iter().find(|done| done.name == name);
    let with = |name: &str, state: StateView, machines: i64, heard_ms: i64| {
        let of_day = done(name);
        BuilderLine {
            name: name.to_owned(),
            state,
            machines,
            heard: (heard_ms > 0).then(|| Moment::new(heard_ms, now_ms)),
            ended: of_day.map_or(0, |done| done.ended),
            failed: of_day.map_or(0, |done| done.failed),
            mean: of_day.and_then(|done| done.mean_ms).map(duration).unwrap_or_default(),
        }
    };
    let at_work = leases.iter().map(|of| {
        // Each heartbeat gives a lease its whole time again.
        let silent = of.earliest_ms < now_ms;
        let state = if silent { word("silent", "bad") } else { word("at work", "busy") };
        with(&of.builder, state, of.machines, of.latest_ms.saturating_sub(beat_ms).min(now_ms))
    });
    let idle = day
        .iter()
        .filter(|done| leases.iter().all(|of| of.builder != done.name))
        .map(|done| with(&done.name, word("idle", "idle"), 0, done.last_ms));
    at_work.chain(idle).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builders_that_are_silent_or_idle_are_told_from_those_at_work() {
        let lease = |builder: &str, latest_ms, earliest_ms| Leases {
            builder: builder.to_owned(),
            machines: 2,
            latest_ms,
            earliest_ms,
        };
        let done =
            |name: &str| Done { name: name.to_owned(), ended: 9, failed: 1, last_ms: 500, mean_ms: Some(61_000) };
        let all =
            builders(&[lease("a", 10_500, 10_400), lease("b", 9_000, 8_000)], &[done("a"), done("c")], 1000, 10_000);
        let words: Vec<_> = all.iter().map(|line| (line.name.as_str(), line.state.word.as_str(), line.ended)).collect();
        assert_eq!(words, [("a", "at work", 9), ("b", "silent", 0), ("c", "idle", 9)]);
        assert_eq!(all[0].mean, "1 min 1 s");
    }
}
