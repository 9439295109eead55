//! One line a step with its time, and the summary.

use std::{
    io::Write,
    time::{Duration, Instant},
};

/// Tells what happens, step by step.
pub struct Report {
    steps: Vec<(String, Duration)>,
    started: Instant,
    quiet: bool,
}

impl Report {
    /// A report that prints; with `quiet` only what a failing test needs.
    #[must_use]
    pub fn new(quiet: bool) -> Self {
        Self { steps: Vec::new(), started: Instant::now(), quiet }
    }

    /// Runs one step and prints its line, with its time, when it is done.
    ///
    /// # Errors
    /// The step's own.
    pub fn step<T>(&mut self, name: &str, work: impl FnOnce(&mut Self) -> anyhow::Result<T>) -> anyhow::Result<T> {
        let bold = anstream_style("1");
        self.print(&format!("{}{name} …{}", bold.0, bold.1));
        let began = Instant::now();
        let done = work(self);
        let took = began.elapsed();
        match &done {
            Ok(_) => {
                let good = anstream_style("32");
                self.print(&format!("{}✓ {name}{}  {:.1} s", good.0, good.1, took.as_secs_f64()));
                self.steps.push((name.to_owned(), took));
            }
            Err(_) => {
                let bad = anstream_style("31");
                self.print(&format!("{}✗ {name}{}  after {:.1} s", bad.0, bad.1, took.as_secs_f64()));
            }
        }
        done
    }

    /// A line of a program's output, indented below its step.
    pub fn line(&self, text: &str) {
        let dim = anstream_style("2");
        self.print(&format!("  {}│{} {text}", dim.0, dim.1));
    }

    /// The steps so far with their times.
    #[must_use]
    pub fn steps(&self) -> &[(String, Duration)] {
        &self.steps
    }

    /// Prints the steps as a table, with bars, and the time of all.
    pub fn summary(&self) {
        let longest = self.steps.iter().map(|(_, took)| took.as_secs_f64()).fold(0.1, f64::max);
        let width = self.steps.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        self.print("");
        for (name, took) in &self.steps {
            let part = (took.as_secs_f64() / longest * 24.0).round().clamp(0.0, 24.0);
            let bar: String = std::iter::repeat_n('█', bar_cells(part)).collect();
            self.print(&format!("  {name:width$}  {:>6.1} s  {bar}", took.as_secs_f64()));
        }
        self.print(&format!("  {:width$}  {:>6.1} s", "all", self.started.elapsed().as_secs_f64()));
    }

    fn print(&self, text: &str) {
        if !self.quiet {
            let mut out = anstream::stdout().lock();
            let _ = writeln!(out, "{text}");
            let _ = out.flush();
        }
    }
}

/// A count of at most 24 cells out of a clamped, rounded number.
fn bar_cells(part: f64) -> usize {
    (0..24).filter(|cell| f64::from(*cell) < part).count()
}

/// Begin and end of a style; `anstream` strips both where there is no terminal.
fn anstream_style(code: &str) -> (String, &'static str) {
    (format!("\x1b[{code}m"), "\x1b[0m")
}
