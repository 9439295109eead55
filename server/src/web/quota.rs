//! How much of what it may store an owner stores, as pages show it: a text, and a bar.

use serde::Serialize;

use crate::{config::quota::size, db::quota::Usage};

/// A bar with its text; show it with the macro `quota`.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Bar {
    /// Bytes.
    used: i64,
    /// Bytes; null: no limit.
    limit: Option<i64>,
    /// How long the bar is; `None`: there is none.
    #[serde(skip)]
    pub(super) percent: Option<i64>,
    /// The same in words.
    #[serde(skip)]
    pub(super) text: String,
}

impl Bar {
    /// Of an owner.
    pub(super) fn new(usage: Usage) -> Self {
        let Usage { used, limit } = usage;
        let shown = |bytes: i64| size(bytes.unsigned_abs());
        let text = match limit {
            Some(limit) => format!("{} of {} used", shown(used), shown(limit)),
            None => format!("{} used, without a limit", shown(used)),
        };
        Self { used, limit, percent: usage.percent(), text }
    }
}
