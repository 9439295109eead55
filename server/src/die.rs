//! Dying at a chosen point, as from `kill -9` at the worst moment: what the stories of crashes set, and nobody else.
//!
//! `COPRD_DIE_AT=POINT` (or `POINT:N`: when it is passed for the Nth time) makes the server end there, with nothing cleaned up,
//! flushed or said. Without it a point costs one look at a word.

use std::sync::{
    OnceLock,
    atomic::{AtomicU64, Ordering},
};

/// Where to die, and how often that is passed by before.
static CHOSEN: OnceLock<Option<(String, AtomicU64)>> = OnceLock::new();

fn chosen(text: &str) -> (String, AtomicU64) {
    let (point, times) = text.rsplit_once(':').unwrap_or((text, "1"));
    (point.to_owned(), AtomicU64::new(times.parse::<u64>().unwrap_or(1).saturating_sub(1)))
}

/// Ends the process here, if this is the point that was chosen.
pub fn at(point: &str) {
    let read = || std::env::var("COPRD_DIE_AT").ok().filter(|text| !text.is_empty()).map(|text| chosen(&text));
    let Some((wanted, left)) = CHOSEN.get_or_init(read) else { return };
    if wanted == point && left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_err() {
        std::process::abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_chosen_by_name_and_how_often_it_is_passed() {
        for (text, point, before) in [("a file moved", "a file moved", 0), ("published:3", "published", 2)] {
            let (wanted, left) = chosen(text);
            assert_eq!((wanted.as_str(), left.load(Ordering::Relaxed)), (point, before));
        }
        // Nobody has chosen one for these tests.
        at("a file moved");
    }
}
