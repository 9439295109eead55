//! `[events]`: what happens, who is told, and what follows from it by itself.

use std::{net::IpAddr, time::Duration};

use serde::Deserialize;

/// One day in milliseconds.
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// `[events]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Events {
    /// Days that events are kept for those who come later.
    pub keep_days: i64,
    /// Days that it is kept what webhooks were told.
    pub deliveries_days: i64,
    /// Webhooks that one project may have.
    pub hooks_of_project: i64,
    /// Seconds in which a webhook must have answered.
    pub hook_seconds: u64,
    /// Hours after which a webhook that does not answer well is told no more.
    pub give_up_hours: i64,
    /// Networks that webhooks may reach besides public addresses.
    #[serde(deserialize_with = "super::operation::networks")]
    pub allow: Vec<(IpAddr, u8)>,
    /// Seconds between the publish of a repository and the look at those who need it.
    pub settle_seconds: u64,
    /// How far automatic rebuilds may follow one another.
    pub rebuild_depth: i64,
    /// How many may follow from one change.
    pub rebuild_most: i64,
}

impl Default for Events {
    fn default() -> Self {
        Self {
            keep_days: 30,
            deliveries_days: 7,
            hooks_of_project: 20,
            hook_seconds: 10,
            give_up_hours: 24,
            allow: Vec::new(),
            settle_seconds: 5,
            rebuild_depth: 3,
            rebuild_most: 200,
        }
    }
}

impl Events {
    /// What a time so many days ago is.
    #[must_use]
    pub fn days_ago(now_ms: i64, days: i64) -> i64 {
        now_ms.saturating_sub(days.saturating_mul(DAY_MS))
    }

    /// [`Self::hook_seconds`].
    #[must_use]
    pub fn hook_timeout(&self) -> Duration {
        Duration::from_secs(self.hook_seconds)
    }

    /// What is wrong: the key and its rule.
    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        let within = |key, value: i64, least: i64, most: i64| {
            if (least..=most).contains(&value) { Ok(()) } else { Err((key, format!("must be {least} to {most}"))) }
        };
        within("events.keep_days", self.keep_days, 1, 3650)?;
        within("events.deliveries_days", self.deliveries_days, 1, 3650)?;
        within("events.hooks_of_project", self.hooks_of_project, 0, 1000)?;
        within("events.hook_seconds", i64::try_from(self.hook_seconds).unwrap_or(i64::MAX), 1, 25)?;
        within("events.give_up_hours", self.give_up_hours, 1, 720)?;
        within("events.settle_seconds", i64::try_from(self.settle_seconds).unwrap_or(i64::MAX), 0, 3600)?;
        within("events.rebuild_depth", self.rebuild_depth, 0, 20)?;
        within("events.rebuild_most", self.rebuild_most, 0, 10_000)
    }
}
