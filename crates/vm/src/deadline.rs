//! How long each part of a machine's life may take, and how long it may say nothing.

use std::time::{Duration, Instant};

use crate::{
    accel::Accelerator,
    machine::{Exit, Limits, TCG_BOOT_FACTOR, TCG_FACTOR},
    proto::Stage,
};

/// How long a guest may take to power off once it was told to; multiplied by [`TCG_FACTOR`] under TCG.
const OFF: Duration = Duration::from_secs(10);

/// The limit of the part of the life that runs now.
pub(crate) struct Deadline<'a> {
    limits: &'a Limits,
    accelerator: Accelerator,
    part: Part,
    until: Option<Instant>,
    allowed: Duration,
    heard: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Boot,
    Install,
    Build,
    Results,
    Off,
}

impl<'a> Deadline<'a> {
    pub(crate) fn new(limits: &'a Limits, accelerator: Accelerator) -> Self {
        let (until, allowed) = (None, Duration::ZERO);
        let mut deadline = Self { limits, accelerator, part: Part::Boot, until, allowed, heard: Instant::now() };
        deadline.enter(Part::Boot);
        deadline
    }

    fn factor(&self, under_tcg: u32) -> u32 {
        if self.accelerator == Accelerator::Tcg { under_tcg } else { 1 }
    }

    fn enter(&mut self, part: Part) {
        let (limit, factor) = match part {
            Part::Boot => (self.limits.boot, TCG_BOOT_FACTOR),
            Part::Install => (self.limits.install, TCG_FACTOR),
            Part::Build => (self.limits.build, TCG_FACTOR),
            Part::Results => (self.limits.results, TCG_FACTOR),
            Part::Off => (OFF, TCG_FACTOR),
        };
        self.part = part;
        self.allowed = limit.saturating_mul(self.factor(factor));
        // A limit beyond the clock's range is none.
        self.until = Instant::now().checked_add(self.allowed);
    }

    /// The guest has said something, and we have heard it.
    pub(crate) fn heard(&mut self) {
        self.heard = Instant::now();
    }

    /// The guest waited for us that long.
    pub(crate) fn put_off(&mut self, by: Duration) {
        self.until = self.until.and_then(|until| until.checked_add(by));
        self.heard();
    }

    /// What a limit means that is passed.
    pub(crate) fn passed(&mut self, stage: Option<Stage>) -> Option<Exit> {
        let part = match stage {
            None | Some(Stage::Ready) => Part::Boot,
            Some(Stage::Hello | Stage::Mounted) => Part::Install,
            Some(Stage::Installed | Stage::Unpacked) => Part::Build,
            Some(Stage::Built) => Part::Results,
            Some(Stage::End) => Part::Off,
        };
        if part != self.part {
            self.enter(part);
        }
        if self.until.is_some_and(|until| Instant::now() >= until) {
            return Some(Exit::TimedOut { after: stage, seconds: self.allowed.as_secs() });
        }
        let silence = self.limits.silence.saturating_mul(self.factor(TCG_FACTOR));
        let silent = !matches!(part, Part::Boot | Part::Off) && self.heard.elapsed() >= silence;
        silent.then(|| Exit::Died { after: stage, message: format!("it said nothing for {} s", silence.as_secs()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn limits() -> Limits {
        Limits { boot: SECOND, install: SECOND, build: 2 * SECOND, results: SECOND, ..Limits::default() }
    }

    #[test]
    fn each_part_of_a_life_has_a_deadline_of_its_own_that_emulation_stretches() {
        let limits = limits();
        let allowed = |stage, accelerator| {
            let mut deadline = Deadline::new(&limits, accelerator);
            assert_eq!(deadline.passed(stage), None);
            deadline.allowed
        };
        for stage in [None, Some(Stage::Ready)] {
            assert_eq!(allowed(stage, Accelerator::Tcg), TCG_BOOT_FACTOR * SECOND);
        }
        assert_eq!(allowed(Some(Stage::Hello), Accelerator::Tcg), TCG_FACTOR * SECOND);
        assert_eq!(allowed(Some(Stage::Unpacked), Accelerator::Tcg), TCG_FACTOR * 2 * SECOND);
        assert_eq!(allowed(Some(Stage::Unpacked), Accelerator::Kvm), 2 * SECOND);
        assert_eq!(allowed(Some(Stage::Built), Accelerator::Kvm), SECOND);
        assert_eq!(allowed(Some(Stage::End), Accelerator::Kvm), OFF);
    }

    #[test]
    fn time_that_the_host_takes_is_not_the_guests() {
        let limits = Limits { install: Duration::ZERO, ..limits() };
        let mut deadline = Deadline::new(&limits, Accelerator::Kvm);
        assert!(matches!(deadline.passed(Some(Stage::Mounted)), Some(Exit::TimedOut { seconds: 0, .. })));
        deadline.put_off(100 * SECOND);
        assert_eq!(deadline.passed(Some(Stage::Mounted)), None);
    }

    #[test]
    fn a_guest_that_keeps_silent_is_given_up_but_not_while_it_boots() {
        let limits = Limits { silence: Duration::ZERO, ..limits() };
        let mut deadline = Deadline::new(&limits, Accelerator::Kvm);
        assert_eq!(deadline.passed(None), None);
        let after = Some(Stage::Unpacked);
        let Some(Exit::Died { after: Some(Stage::Unpacked), message }) = deadline.passed(after) else {
            panic!("it is waited for")
        };
        assert_eq!(message, "it said nothing for 0 s");
    }
}
