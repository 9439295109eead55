//! Running programs against each other in one run: medians and ratios, never absolute claims.

use std::{
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

/// One program of a comparison.
pub struct Contender {
    /// Shown in the table.
    pub name: String,
    /// Makes the command of one run; called before each, so that it may also clear what the last run left.
    pub command: Box<dyn Fn() -> Result<Command>>,
}

/// Runs the contenders in turn, `rounds` times, and prints medians and the ratio to the first one.
///
/// # Errors
/// When one cannot be started or fails.
pub fn compare(title: &str, rounds: usize, contenders: &[Contender]) -> Result<()> {
    let mut times: Vec<Vec<Duration>> = vec![Vec::new(); contenders.len()];
    // In turn, not one after the other: what else the machine does hits all alike.
    for _ in 0..rounds {
        for (contender, times) in contenders.iter().zip(&mut times) {
            let mut command = (contender.command)()?;
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            let began = Instant::now();
            let status = command.status().with_context(|| format!("cannot start {}", contender.name))?;
            times.push(began.elapsed());
            if !status.success() {
                bail!("{} ended with {status}", contender.name);
            }
        }
    }
    say(title);
    let medians: Vec<f64> = times.into_iter().map(median).collect();
    for (contender, time) in contenders.iter().zip(&medians) {
        let ratio = time / medians.first().copied().unwrap_or(1.0);
        say(&format!("  {:28} {time:>8.3} s   {ratio:>5.2} x", contender.name));
    }
    Ok(())
}

/// The median, in seconds.
fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times.get(times.len() / 2).map_or(0.0, Duration::as_secs_f64)
}

/// A line on standard output.
fn say(line: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// Whether a program can be started, by asking its version.
#[must_use]
pub fn available(program: &str) -> bool {
    Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}
