//! What follows from events by itself: webhooks are told, those who need a changed repository are looked at, and what is old is
//! forgotten.
//!
//! Everything that is due is in the database, so this process may die at any line: what was noted is told by whoever comes next, once
//! more if nobody knows whether it was heard.

mod deliver;
pub mod dependents;

use std::time::Duration;

use tokio_util::sync::CancellationToken;

pub use deliver::{check, client, deliver, sign};

use crate::{
    clock,
    config::events::Events,
    db::{self, event, hook, rebuild, webhook},
    state::AppState,
};

/// How often something new is looked for.
const TURN: Duration = Duration::from_millis(500);
/// How often what is old is forgotten.
const FORGET: Duration = Duration::from_secs(3600);
/// Days that calls of forges are remembered.
const CALLS_DAYS: i64 = 1;
/// Days that automatic rebuilds are shown.
const REBUILDS_DAYS: i64 = 90;

/// Does all of it until the server stops; `server` names this process in claims.
pub async fn run(state: AppState, server: String, stopping: CancellationToken) {
    tokio::join!(tell(&state, &server, &stopping), look(&state, &server, &stopping), clean(&state, &stopping));
}

async fn tell(state: &AppState, server: &str, stopping: &CancellationToken) {
    let client = match client(&state.config.events) {
        Ok(client) => client,
        Err(error) => {
            tracing::error!(%error, "webhooks cannot be told of anything");
            return;
        }
    };
    while !stopping.is_cancelled() {
        if let Err(error) = spread(state).await {
            tracing::error!(%error, "cannot make out whom to tell of what happens");
        }
        match deliver(state, &client, server).await {
            Ok(0) => {}
            Ok(_) => continue,
            Err(error) => tracing::error!(%error, "cannot look for what webhooks are to be told"),
        }
        pause(TURN, stopping).await;
    }
}

async fn look(state: &AppState, server: &str, stopping: &CancellationToken) {
    while !stopping.is_cancelled() {
        match dependents::run_one(state, server, clock::now_ms()).await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => tracing::error!(%error, "cannot look for repositories that have changed"),
        }
        pause(TURN * 2, stopping).await;
    }
}

async fn clean(state: &AppState, stopping: &CancellationToken) {
    while !stopping.is_cancelled() {
        if let Err(error) = forget(state, clock::now_ms()).await {
            tracing::error!(%error, "cannot forget what is old");
        }
        pause(FORGET, stopping).await;
    }
}

async fn pause(pause: Duration, stopping: &CancellationToken) {
    tokio::select! {
        () = tokio::time::sleep(pause) => {}
        () = stopping.cancelled() => {}
    }
}

/// Gives events their numbers, and makes deliveries of them.
///
/// # Errors
/// The database does not answer.
pub async fn spread(state: &AppState) -> Result<(), db::Error> {
    while event::number(&state.db).await? {}
    crate::die::at("events numbered");
    while hook::spread(&state.db, clock::now_ms()).await? {}
    Ok(())
}

/// Forgets what is old.
///
/// # Errors
/// The database does not answer.
pub async fn forget(state: &AppState, now_ms: i64) -> Result<(), db::Error> {
    let (db, config) = (&state.db, &state.config.events);
    let events = event::forget(db, Events::days_ago(now_ms, config.keep_days)).await?;
    let deliveries = hook::forget(db, Events::days_ago(now_ms, config.deliveries_days)).await?;
    webhook::forget(db, Events::days_ago(now_ms, CALLS_DAYS)).await?;
    rebuild::forget(db, Events::days_ago(now_ms, REBUILDS_DAYS)).await?;
    if events + deliveries > 0 {
        tracing::info!(events, deliveries, "old events forgotten");
    }
    Ok(())
}
