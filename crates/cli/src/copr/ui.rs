//! The terminal: lines, colours, and what moves at the bottom.

use std::{
    fmt::Display,
    io::{IsTerminal, Write},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anstyle::{AnsiColor, Style};
use copr_api::v3::BuildState;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde::Serialize;

/// Where output goes. Colours and moving parts vanish by themselves where there is no terminal.
#[derive(Debug)]
pub(super) struct Ui {
    /// Lines go to standard error, because standard output is for the JSON.
    json: bool,
    /// The bottom of the terminal, at standard error, where something moves.
    bottom: MultiProgress,
    /// What moves there.
    bars: Mutex<Vec<ProgressBar>>,
}

impl Ui {
    /// The terminal, for a person or (`json`) for a program.
    #[must_use]
    pub(super) fn new(json: bool, no_color: bool) -> Self {
        if no_color {
            anstream::ColorChoice::Never.write_global();
        }
        Self { json, bottom: MultiProgress::new(), bars: Mutex::new(Vec::new()) }
    }

    /// Whether a program reads: results then go through [`Self::json`] instead of [`Self::line`].
    #[must_use]
    pub(super) fn is_json(&self) -> bool {
        self.json
    }

    /// Prints a line of the result.
    pub(super) fn line(&self, text: impl Display) -> std::io::Result<()> {
        self.bottom.suspend(|| {
            if self.json { writeln!(anstream::stderr(), "{text}") } else { writeln!(anstream::stdout(), "{text}") }
        })
    }

    /// Prints several lines at once.
    pub(super) fn lines(&self, lines: &[String]) -> std::io::Result<()> {
        if lines.is_empty() { Ok(()) } else { self.line(lines.join("\n")) }
    }

    /// Prints a remark at standard error; where that is closed nobody wants it.
    pub(super) fn note(&self, text: impl Display) {
        self.bottom.suspend(|| {
            let _ = writeln!(anstream::stderr(), "{text}");
        });
    }

    /// Prints the one JSON document.
    pub(super) fn json<T: Serialize>(&self, value: &T) -> std::io::Result<()> {
        let text = serde_json::to_string_pretty(value)?;
        self.bottom.suspend(|| writeln!(std::io::stdout(), "{text}"))
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

    /// Shows a line with a clock that has begun now, below the others, until [`Self::take_away`]; its message is the caller's.
    pub(super) fn clocked(&self) -> ProgressBar {
        let bar = self.show(ProgressBar::new_spinner(), "{spinner:.cyan} {msg}  {elapsed}");
        bar.enable_steady_tick(Duration::from_millis(250));
        bar
    }

    /// Takes away one of the things that move.
    pub(super) fn take_away(&self, bar: &ProgressBar) {
        bar.finish_and_clear();
        self.bottom.remove(bar);
    }

    /// Takes away what moves.
    pub(super) fn still(&self) {
        for bar in self.bars().drain(..) {
            self.take_away(&bar);
        }
    }

    /// Asks a person; yes where nobody is there to answer: whoever writes a script has thought before.
    ///
    /// # Errors
    /// When the terminal cannot be read.
    pub(super) async fn agrees(&self, question: &str) -> std::io::Result<bool> {
        if !std::io::stdin().is_terminal() {
            return Ok(true);
        }
        let answer = self.answer(&format!("{question} [y/N] ")).await?;
        Ok(matches!(answer.as_str(), "y" | "yes"))
    }

    /// Whether a person is there to answer, and nobody has asked for an answer to programs.
    pub(super) fn has_person(&self) -> bool {
        !self.is_json() && std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
    }

    /// Asks a person who is there; yes unless the answer is no.
    ///
    /// # Errors
    /// When the terminal cannot be read.
    pub(super) async fn prefers(&self, question: &str) -> std::io::Result<bool> {
        let answer = self.answer(&format!("{question} [Y/n] ")).await?;
        Ok(!matches!(answer.as_str(), "n" | "no"))
    }

    /// What a person types, in lower case and without blanks around it.
    async fn answer(&self, question: &str) -> std::io::Result<String> {
        write!(anstream::stderr(), "{question}")?;
        anstream::stderr().flush()?;
        let read = tokio::task::spawn_blocking(|| {
            let mut answer = String::new();
            std::io::stdin().read_line(&mut answer).map(|_| answer)
        });
        tokio::select! {
            answer = read => {
                let answer = answer.map_err(std::io::Error::other)??;
                Ok(answer.trim().to_lowercase())
            }
            // Nothing else is going on, and the thread that reads would never end by itself.
            _ = tokio::signal::ctrl_c() => {
                self.note("\nError: Interrupted by user.");
                std::process::exit(1)
            }
        }
    }

    fn show(&self, bar: ProgressBar, style: &str) -> ProgressBar {
        let bar = self.bottom.add(bar);
        let bar = match ProgressStyle::with_template(style) {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        };
        self.bars().push(bar.clone());
        bar
    }

    fn bars(&self) -> MutexGuard<'_, Vec<ProgressBar>> {
        self.bars.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `shown`, which looks as `plain` does but for its colour, followed by blanks up to a width.
#[must_use]
pub(super) fn padded(plain: &str, shown: String, width: usize) -> String {
    shown + &" ".repeat(width.saturating_sub(plain.chars().count()))
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
}
