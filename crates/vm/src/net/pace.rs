//! How often something may be done.

use std::time::{Duration, Instant};

/// So often at once, and so often a second in the long run.
#[derive(Debug)]
pub(super) struct Pace {
    at_once: u32,
    per_second: u32,
    left: u32,
    counted: Instant,
}

impl Pace {
    pub(super) fn new(at_once: u32, per_second: u32, now: Instant) -> Self {
        Self { at_once, per_second, left: at_once, counted: now }
    }

    /// Whether it may be done now; then it counts as done.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let each = Duration::from_secs(1) / self.per_second;
        let more = now.saturating_duration_since(self.counted).as_nanos() / each.as_nanos().max(1);
        let more = u32::try_from(more).unwrap_or(u32::MAX);
        self.left = self.left.saturating_add(more).min(self.at_once);
        // What is left of the time counts the next time.
        self.counted = if self.left == self.at_once { now } else { self.counted + each.saturating_mul(more) };
        let may = self.left > 0;
        self.left = self.left.saturating_sub(1);
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_so_many_a_second() {
        let begin = Instant::now();
        let mut pace = Pace::new(3, 10, begin);
        let taken =
            |pace: &mut Pace, after: u64| (0..20).filter(|_| pace.take(begin + Duration::from_millis(after))).count();
        assert_eq!(taken(&mut pace, 0), 3);
        assert_eq!(taken(&mut pace, 99), 0);
        assert_eq!(taken(&mut pace, 150), 1);
        assert_eq!(taken(&mut pace, 199), 0);
        assert_eq!(taken(&mut pace, 200), 1, "the half that was left over counts");
        assert_eq!(taken(&mut pace, 60_000), 3, "what is not used is not saved up");
    }
}
