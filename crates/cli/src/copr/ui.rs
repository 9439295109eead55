//! The terminal: lines, colours, and what moves at the bottom.

use std::{
    fmt::Display,
    io::Write,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anstyle::{AnsiColor, Style};
use copr_api::v3::BuildState;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

/// Where output goes. Colours and moving parts vanish by themselves where there is no terminal.
#[derive(Debug)]
pub(super) struct Ui {
    /// Lines go to standard error, because standard output is for the JSON.
    json: bool,
    /// What moves at the bottom of the terminal, at standard error; a hidden bar when nothing does.
    bar: Mutex<ProgressBar>,
}

impl Ui {
    /// The terminal, for a person or (`json`) for a program.
    #[must_use]
    pub(super) fn new(json: bool, no_color: bool) -> Self {
        if no_color {
            anstream::ColorChoice::Never.write_global();
        }
        Self { json, bar: Mutex::new(ProgressBar::hidden()) }
    }

    /// Whether a program reads: results then go through [`Self::json`] instead of [`Self::line`].
    #[must_use]
    pub(super) fn is_json(&self) -> bool {
        self.json
    }

    /// Prints a line of the result.
    pub(super) fn line(&self, text: impl Display) -> std::io::Result<()> {
        self.bar().suspend(|| {
            if self.json { writeln!(anstream::stderr(), "{text}") } else { writeln!(anstream::stdout(), "{text}") }
        })
    }

    /// Prints several lines at once.
    pub(super) fn lines(&self, lines: &[String]) -> std::io::Result<()> {
        if lines.is_empty() { Ok(()) } else { self.line(lines.join("\n")) }
    }

    /// Prints a remark at standard error; where that is closed nobody wants it.
    pub(super) fn note(&self, text: impl Display) {
        self.bar().suspend(|| {
            let _ = writeln!(anstream::stderr(), "{text}");
        });
    }

    /// Prints the one JSON document.
    pub(super) fn json<T: Serialize>(&self, value: &T) -> std::io::Result<()> {
        let text = serde_json::to_string_pretty(value)?;
        self.bar().suspend(|| writeln!(std::io::stdout(), "{text}"))
    }

    /// Shows a bar for `length` bytes until [`Self::still`].
    pub(super) fn bytes(&self, length: u64) -> ProgressBar {
        let style = "  {bar:32.cyan} {percent:>3}%  {bytes}/{total_bytes}  {bytes_per_sec}  eta {eta}";
        let bar = ProgressBar::new(length);
        self.show(bar, style)
    }

    /// Shows a spinner until [`Self::still`]; its message is the caller's to set.
    pub(super) fn spinner(&self) -> ProgressBar {
        let bar = self.show(ProgressBar::new_spinner(), "{spinner:.cyan} {msg}");
        bar.enable_steady_tick(Duration::from_millis(120));
        bar
    }

    /// Takes away what moves.
    pub(super) fn still(&self) {
        let mut bar = self.bar();
        bar.finish_and_clear();
        *bar = ProgressBar::hidden();
    }

    fn show(&self, bar: ProgressBar, style: &str) -> ProgressBar {
        let bar = match ProgressStyle::with_template(style) {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        };
        *self.bar() = bar.clone();
        bar
    }

    fn bar(&self) -> MutexGuard<'_, ProgressBar> {
        self.bar.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Text in a style, on terminals.
#[must_use]
pub(super) fn styled(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// A style of one colour.
#[must_use]
pub(super) fn colour(colour: AnsiColor) -> Style {
    colour.on_default()
}

/// A state in copr-cli's colours.
#[must_use]
pub(super) fn state(state: BuildState) -> String {
    let style = match state {
        BuildState::Importing | BuildState::Pending => colour(AnsiColor::Blue),
        BuildState::Starting | BuildState::Running => colour(AnsiColor::Yellow),
        BuildState::Forked | BuildState::Skipped | BuildState::Succeeded => colour(AnsiColor::Green),
        BuildState::Failed => colour(AnsiColor::Red),
        BuildState::Canceled | BuildState::Waiting | BuildState::Unknown => Style::new(),
    };
    styled(style, state)
}

/// `0:07`, `12:34` or `1:02:03`.
#[must_use]
pub(super) fn clock(time: Duration) -> String {
    let (hours, minutes, seconds) = (time.as_secs() / 3600, time.as_secs() / 60 % 60, time.as_secs() % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// `text` without what could steer a terminal: a server's words and a build's log are written by strangers.
#[must_use]
pub(super) fn harmless(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' && chars.peek() == Some(&'[') {
            // A whole sequence goes, so that a coloured log does not leave `[31m` behind.
            chars.next();
            while chars.next_if(|c| matches!(c, ' '..='?')).is_some() {}
            chars.next_if(|c| matches!(c, '@'..='~'));
        } else if c == '\t' || c == '\n' || !c.is_control() {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_cannot_steer_the_terminal() {
        assert_eq!(harmless("\u{1b}[31mred\u{1b}[0m\tplain"), "red\tplain");
        assert_eq!(harmless("\u{1b}]0;title\u{7}x\u{9b}2Jy\u{1b}"), "]0;titlex2Jy");
        assert_eq!(harmless("größe ✓"), "größe ✓");
    }

    #[test]
    fn a_clock_shows_hours_when_there_are_some() {
        assert_eq!(clock(Duration::from_secs(7)), "0:07");
        assert_eq!(clock(Duration::from_secs(3723)), "1:02:03");
    }
}
