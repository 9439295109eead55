//! `[projects]`: how long things are kept that nobody has any more.

use serde::Deserialize;

/// One day in milliseconds.
const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// Days that may be asked for: ten years.
const LONGEST: i64 = 3650;

/// `[projects]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Projects {
    /// Days that repositories of a chroot are served after its life has ended.
    pub eol_days: i64,
    /// Days that the repositories of a chroot are kept which a project has given up.
    pub dropped_days: i64,
}

impl Default for Projects {
    fn default() -> Self {
        Self { eol_days: 180, dropped_days: 14 }
    }
}

impl Projects {
    /// [`Self::eol_days`] in milliseconds.
    #[must_use]
    pub fn eol_ms(&self) -> i64 {
        self.eol_days.saturating_mul(DAY_MS)
    }

    /// [`Self::dropped_days`] in milliseconds.
    #[must_use]
    pub fn dropped_ms(&self) -> i64 {
        self.dropped_days.saturating_mul(DAY_MS)
    }

    /// What is wrong: the key and its rule.
    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        for (key, days) in [("projects.eol_days", self.eol_days), ("projects.dropped_days", self.dropped_days)] {
            if !(0..=LONGEST).contains(&days) {
                return Err((key, format!("must be a number of days from 0 to {LONGEST}")));
            }
        }
        Ok(())
    }
}
