//! What a machine needs that has just woken up, whether it has booted or goes on from a snapshot: the time, and randomness
//! that no other machine has.

use std::io;

use copr_vm::{proto::Begin, raw};
use nix::{
    sys::time::TimeSpec,
    time::{ClockId, clock_settime},
};

/// Sets the clock and reseeds the kernel's generator of random numbers.
pub(crate) fn begin(begin: &Begin) -> io::Result<()> {
    let seconds = i64::try_from(begin.seconds).map_err(io::Error::other)?;
    clock_settime(ClockId::CLOCK_REALTIME, TimeSpec::new(seconds, begin.nanoseconds.into()))
        .map_err(|errno| io::Error::other(format!("setting the clock: {}", errno.desc())))?;
    raw::reseed(&begin.seed).map_err(|error| io::Error::other(format!("reseeding the random numbers: {error}")))
}
