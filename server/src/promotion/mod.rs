//! Promotions: what was built in one project comes into another, as it is. A promotion waits until the target has what it asks for
//! ([`gates`]); then files are brought to where handed-in files are, rows that wait to be published follow in one transaction, and
//! when all are published, those that were to move leave the source. Every step may be repeated by any server.

mod gates;
pub mod impact;
mod plan;

use std::{sync::Arc, time::Duration};

use copr_api::v3::PromotionState;
use tokio::{sync::Notify, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{
    clock,
    db::{
        self,
        fork::{Copy, new_lease},
        project::Project,
        promotion::{Item, Promotion, Standing, Started, Step},
    },
    die, fork,
    state::AppState,
};

pub use gates::{Gate, gates};
pub use impact::Impacts;
pub use plan::{Plan, Wish, plan};

/// How often promotions are looked at that are on their way.
const PAUSE: Duration = Duration::from_secs(2);
/// How often those are that wait, and nobody has told of.
const WAITING: Duration = Duration::from_secs(20);
/// What was found of what would break is looked for again after this time, milliseconds.
const FRESH_MS: i64 = 5 * 60 * 1000;

/// Why a promotion could not go on this time.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database did not answer.
    #[error(transparent)]
    Db(#[from] db::Error),
    /// A file could not be copied.
    #[error(transparent)]
    Fork(#[from] fork::Error),
    /// A file could not be copied.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// What promotions need of this process; clones share it.
#[derive(Debug, Clone)]
pub struct Promoting {
    work: Arc<Notify>,
    impacts: Impacts,
}

impl Promoting {
    /// With this way to find out what would break.
    #[must_use]
    pub fn new(impacts: Impacts) -> Self {
        Self { work: Arc::default(), impacts }
    }

    /// Tells the loop that something has changed.
    pub fn wake(&self) {
        self.work.notify_one();
    }

    /// Finds out what would break.
    #[must_use]
    pub fn impacts(&self) -> &Impacts {
        &self.impacts
    }
}

/// Brings promotions forward until the server stops.
pub async fn run(state: AppState, stopping: CancellationToken) {
    let mut looked: Option<Instant> = None;
    while !stopping.is_cancelled() {
        let all = looked.is_none_or(|at| at.elapsed() >= WAITING);
        if all {
            looked = Some(Instant::now());
        }
        bring_all_forward(&state, all, clock::now_ms()).await;
        tokio::select! {
            () = state.promoting.work.notified() => looked = None,
            () = tokio::time::sleep(PAUSE) => {}
            () = stopping.cancelled() => return,
        }
    }
}

/// Brings every promotion as far as it can go at a time.
pub async fn pass(state: &AppState, now_ms: i64) {
    bring_all_forward(state, true, now_ms).await;
}

/// The same, or only those that wait for nobody. One that can't be looked at is logged, and looked at again in the next pass.
async fn bring_all_forward(state: &AppState, all: bool, now_ms: i64) {
    let open = match db::promotion::open(&state.db, all).await {
        Ok(open) => open,
        Err(error) => return tracing::error!(%error, "cannot look for promotions"),
    };
    for id in open {
        if let Err(error) = bring_forward(state, id, now_ms).await {
            tracing::error!(promotion = id, %error, "a promotion cannot go on yet");
        }
    }
}

/// Takes one promotion's steps, as many as there are.
async fn bring_forward(state: &AppState, id: i64, now_ms: i64) -> Result<(), Error> {
    // From waiting to approved, to running, to done.
    for _ in 0..4 {
        let Some(promotion) = db::promotion::get(&state.db, id).await? else { return Ok(()) };
        let went = match promotion.state {
            PromotionState::Requested | PromotionState::Waiting => look(state, &promotion, now_ms).await?,
            PromotionState::Approved => carry(state, &promotion).await?,
            PromotionState::Running => settle(state, &promotion).await?,
            PromotionState::Done | PromotionState::Refused | PromotionState::Failed => false,
        };
        if !went {
            return Ok(());
        }
    }
    Ok(())
}

/// Ends a promotion that can't be.
async fn fail(
    state: &AppState,
    promotion: &Promotion,
    from: PromotionState,
    why: &str,
    now_ms: i64,
) -> Result<bool, Error> {
    let (to, what) = (PromotionState::Failed, format!("failed: {why}"));
    let step = Step { from: &[from], to, message: Some(why), who: "", what: &what, approves: false };
    if db::promotion::step(&state.db, promotion.id, &step, now_ms).await? {
        tracing::info!(promotion = promotion.id, why, "promotion failed");
    }
    Ok(false)
}

/// The builds that go, with their numbers in the source as it is now; those that are gone by their titles.
async fn found(
    state: &AppState,
    promotion: &Promotion,
) -> Result<(Vec<(Item, db::promotion::Candidate)>, Vec<String>), Error> {
    let items = db::promotion::items(&state.db, promotion.id).await?;
    let mut builds: Vec<i64> = items.iter().map(|item| item.build_id).collect();
    builds.sort_unstable();
    builds.dedup();
    let good = db::promotion::good_of(&state.db, promotion.source_id, &builds).await?;
    let (mut there, mut gone) = (Vec::new(), Vec::new());
    for item in items.into_iter().filter(|item| item.skipped.is_none()) {
        match good.iter().find(|one| one.build_id == item.build_id && one.chroot == item.chroot) {
            Some(one) => there.push((item, one.clone())),
            None => gone.push(item.title()),
        }
    }
    Ok((there, gone))
}

fn were_deleted(gone: &[String]) -> String {
    format!("Deleted meanwhile: {}. Nothing was promoted.", gone.join(", "))
}

/// Looks whether the target has all that it asks for.
async fn look(state: &AppState, promotion: &Promotion, now_ms: i64) -> Result<bool, Error> {
    let Some(source) = db::project::by_id(&state.db, promotion.source_id).await? else {
        let why = format!("{} was deleted. Nothing was promoted.", promotion.source());
        return fail(state, promotion, promotion.state, &why, now_ms).await;
    };
    let Some(target) = db::project::by_id(&state.db, promotion.target_id).await? else { return Ok(false) };
    let (there, gone) = found(state, promotion).await?;
    if !gone.is_empty() {
        return fail(state, promotion, promotion.state, &were_deleted(&gone), now_ms).await;
    }
    let asked = db::gates::of_project(&state.db, target.id).await?;
    let candidates: Vec<_> = there.into_iter().map(|(_, candidate)| candidate).collect();
    let mut promotion = promotion.clone();
    let votes = db::promotion::votes(&state.db, promotion.id).await?;
    let others = gates(&asked, &promotion, &votes, &candidates, now_ms);
    let stale = promotion.impact_ms.is_none_or(|known| known.saturating_add(FRESH_MS) < now_ms);
    // It takes long: once at the beginning, and then when nothing else is missing.
    let wanted = promotion.impact.is_none() || others.iter().all(|gate| gate.open || gate.name == "impact");
    if asked.impact && promotion.overridden.is_none() && stale && wanted {
        let found = state.promoting.impacts.find(state, &source, &target, &candidates).await;
        db::promotion::set_impact(&state.db, promotion.id, &found, now_ms).await?;
        (promotion.impact, promotion.impact_ms) = (Some(found), Some(now_ms));
    }
    let gates = gates(&asked, &promotion, &votes, &candidates, now_ms);
    let closed: Vec<&str> = gates.iter().filter(|gate| !gate.open).map(|gate| gate.text.as_str()).collect();
    let from = &[PromotionState::Requested, PromotionState::Waiting];
    if closed.is_empty() {
        let (to, what) = (PromotionState::Approved, "found all that the target asks for");
        let step = Step { from, to, message: None, who: "", what, approves: false };
        return Ok(db::promotion::step(&state.db, promotion.id, &step, now_ms).await?);
    }
    let message = closed.join("\n");
    if promotion.state != PromotionState::Waiting || promotion.message.as_deref() != Some(message.as_str()) {
        let to = PromotionState::Waiting;
        let step = Step { from, to, message: Some(&message), who: "", what: "", approves: false };
        db::promotion::step(&state.db, promotion.id, &step, now_ms).await?;
    }
    Ok(false)
}

/// Brings the files of an approved promotion together, and then its rows into the target.
async fn carry(state: &AppState, promotion: &Promotion) -> Result<bool, Error> {
    let now_ms = clock::now_ms();
    let from = PromotionState::Approved;
    let (Some(source), Some(target)) = (
        db::project::by_id(&state.db, promotion.source_id).await?,
        db::project::by_id(&state.db, promotion.target_id).await?,
    ) else {
        let why = format!("{} was deleted. Nothing was promoted.", promotion.source());
        return fail(state, promotion, from, &why, now_ms).await;
    };
    let (there, gone) = found(state, promotion).await?;
    if !gone.is_empty() {
        return fail(state, promotion, from, &were_deleted(&gone), now_ms).await;
    }
    let mut copies = Vec::with_capacity(there.len());
    for (item, candidate) in &there {
        let packages = db::key::packages(&state.db, candidate.id).await?;
        let (results, unsigned) = packages.into_iter().map(|package| (package.file, package.unsigned_sha256)).unzip();
        copies.push(Copy {
            build_id: item.build_id,
            package_name: item.package_name.clone(),
            from: item.chroot.clone(),
            to: item.chroot.clone(),
            lease_id: new_lease(),
            results,
            unsigned,
        });
    }
    let wanted = copies.len();
    let all: Vec<String> = there.iter().map(|(item, _)| item.title()).collect();
    let copies = fork::take(state, &source, copies).await?;
    if copies.len() < wanted {
        fork::give_back(state, &copies).await;
        // Deleted while it was copied, or lost.
        let (_, mut gone) = found(state, promotion).await?;
        if gone.is_empty() {
            let has = |title: &String| {
                copies.iter().any(|copy| title.contains(&format!("(build {}, {})", copy.build_id, copy.from)))
            };
            gone = all.into_iter().filter(|title| !has(title)).collect();
        }
        return fail(state, promotion, from, &were_deleted(&gone), now_ms).await;
    }
    die::at("promotion brought together");
    let started = db::promotion::start(&state.db, promotion, &target, &copies, now_ms).await;
    match started {
        Ok(Started::Running(count)) => {
            die::at("promotion started");
            tracing::info!(promotion = promotion.id, count, to = target.full_name(), "promotion is being published");
            give_back_unused(state, promotion, &copies).await?;
            state.publishing.wake();
            Ok(true)
        }
        Ok(Started::Nothing | Started::Late) => {
            fork::give_back(state, &copies).await;
            Ok(false)
        }
        Ok(Started::Gone(gone)) => {
            fork::give_back(state, &copies).await;
            fail(state, promotion, from, &were_deleted(&gone), now_ms).await
        }
        Ok(Started::Full(exceeded)) => {
            fork::give_back(state, &copies).await;
            fail(state, promotion, from, &format!("{exceeded} Nothing was promoted."), now_ms).await
        }
        Err(error) => {
            fork::give_back(state, &copies).await;
            Err(error.into())
        }
    }
}

/// Takes the files away of those that the target had meanwhile.
async fn give_back_unused(state: &AppState, promotion: &Promotion, copies: &[Copy]) -> Result<(), Error> {
    let items = db::promotion::items(&state.db, promotion.id).await?;
    let skipped = |copy: &&Copy| {
        items.iter().any(|item| (item.build_id, &item.chroot) == (copy.build_id, &copy.from) && item.skipped.is_some())
    };
    let unused: Vec<Copy> = copies.iter().filter(skipped).cloned().collect();
    fork::give_back(state, &unused).await;
    Ok(())
}

/// Ends a promotion whose builds have been published, or never will be.
async fn settle(state: &AppState, promotion: &Promotion) -> Result<bool, Error> {
    let now_ms = clock::now_ms();
    match db::promotion::standing(&state.db, promotion.id).await? {
        Standing::Publishing => Ok(false),
        Standing::Lost(lost) => {
            let why = format!("Not published: {}. The source was left as it is.", lost.join("; "));
            fail(state, promotion, PromotionState::Running, &why, now_ms).await
        }
        Standing::Published => {
            if let Some(target) = db::project::by_id(&state.db, promotion.target_id).await? {
                copy_sources(state, promotion, &target).await?;
            }
            if db::promotion::finish(&state.db, promotion, now_ms).await? {
                die::at("promotion done");
                tracing::info!(promotion = promotion.id, "promotion done");
                state.publishing.wake();
            }
            Ok(false)
        }
    }
}

/// Gives the copies their source packages, so that they can be built again where they are.
async fn copy_sources(state: &AppState, promotion: &Promotion, target: &Project) -> Result<(), Error> {
    let (Ok(from), Ok(to)) = (promotion.source_name.as_str().parse(), target.name.as_str().parse()) else {
        return Ok(());
    };
    for item in db::promotion::items(&state.db, promotion.id).await? {
        let Some(copy_id) = item.copy_id else { continue };
        let Some(srpm) = db::build::get(&state.db, copy_id).await?.and_then(|build| build.srpm) else { continue };
        let origin = state.store.source_folder(&promotion.source_owner, &from, item.build_id).join(&srpm.name);
        let place = state.store.source_folder(&target.owner, &to, copy_id).join(&srpm.name);
        state.store.copy(&origin, &place).await?;
    }
    Ok(())
}
