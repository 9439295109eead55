//! `[signing]`: whose keys packages are signed with, and how long old ones are trusted.

use copr_api::v3::SignWith;
use serde::Deserialize;

/// One day in milliseconds.
const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// Days that may be asked for: ten years.
const LONGEST: i64 = 3650;

/// `[signing]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Signing {
    /// What a new project gets that does not choose.
    pub default: SignWith,
    /// Days that a key is trusted at least after another took its place.
    pub trusted_days: i64,
    /// Whether .repo files ask clients to check the metadata's signature, too.
    pub repo_gpgcheck: bool,
}

impl Default for Signing {
    fn default() -> Self {
        Self { default: SignWith::Project, trusted_days: 90, repo_gpgcheck: false }
    }
}

impl Signing {
    /// [`Self::trusted_days`] in milliseconds.
    #[must_use]
    pub fn trusted_ms(&self) -> i64 {
        self.trusted_days.saturating_mul(DAY_MS)
    }

    /// What is wrong: the key and its rule.
    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        if (0..=LONGEST).contains(&self.trusted_days) {
            return Ok(());
        }
        Err(("signing.trusted_days", format!("must be a number of days from 0 to {LONGEST}")))
    }
}
