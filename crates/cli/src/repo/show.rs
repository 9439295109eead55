//! How results are shown to people: sizes, counts, columns, colours.

use std::fmt::{self, Display};
use std::io::Write;
use std::path::Path;

use anstyle::{AnsiColor, Style};
use anyhow::{Context, Result};
use copr_repodata::Repomd;

pub(super) const BOLD: Style = Style::new().bold();
pub(super) const DIM: Style = Style::new().dimmed();
pub(super) const GREEN: Style = AnsiColor::Green.on_default();
pub(super) const RED: Style = AnsiColor::Red.on_default();
pub(super) const YELLOW: Style = AnsiColor::Yellow.on_default();
pub(super) const CYAN: Style = AnsiColor::Cyan.on_default();

/// Something in a colour, which only terminals see (`anstream`).
pub(super) struct Styled<T>(pub(super) Style, pub(super) T);

impl<T: Display> Display for Styled<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        self.1.fmt(f)?;
        write!(f, "{:#}", self.0)
    }
}

/// Bytes with three digits and a unit: `1.23 GB`, `45.6 MB`, `789 kB`, `12 B`.
pub(super) fn size(bytes: u64) -> String {
    let units = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1000.0;
    let mut unit = "kB";
    for next in units.into_iter().skip(1) {
        if value < 999.5 {
            break;
        }
        (value, unit) = (value / 1000.0, next);
    }
    let digits = if value < 9.995 { 2 } else { usize::from(value < 99.95) };
    format!("{value:.digits$} {unit}")
}

/// A count with its digits in groups of three.
pub(super) fn count(number: impl TryInto<u64>) -> String {
    let digits = number.try_into().unwrap_or(u64::MAX).to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 package`, `2 packages`.
pub(super) fn some(number: usize, what: &str) -> String {
    format!("{} {what}{}", count(number as u64), if number == 1 { "" } else { "s" })
}

/// A date: `2026-11-25`.
pub(super) fn date(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    time.map_or_else(|| "-".to_owned(), |time| time.strftime("%Y-%m-%d").to_string())
}

/// Text that comes from metadata, in one line and without control characters, which terminals might obey.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{FFFD}' } else { c }).collect()
}

/// Rows with their columns aligned to the left, but for the marked ones, which are aligned to the right.
pub(super) fn columns<const N: usize>(rows: &[[String; N]], right: [bool; N]) -> Vec<String> {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let line = |row: &[String; N]| {
        let cells =
            row.iter().zip(widths).zip(right).map(|((cell, width), right)| {
                if right { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
            });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

/// A line on standard output, which may be a file on a full disk.
pub(super) fn say(line: impl Display) -> Result<()> {
    writeln!(anstream::stdout(), "{line}").context("the result cannot be written to standard output")
}

/// A line on standard error. If that cannot be written there is nobody left to tell.
pub(super) fn complain(line: impl Display) {
    let _ = writeln!(anstream::stderr(), "copr-repo: {line}");
}

/// The repomd.xml of a repository.
pub(super) fn repomd(dir: &Path) -> Result<Repomd> {
    let path = dir.join("repodata/repomd.xml");
    let bytes = fs_err::read(&path).context("there is no repository here")?;
    Repomd::read(&bytes).with_context(|| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_three_digits_and_a_unit() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.00 kB"),
            (9_994, "9.99 kB"),
            (9_996, "10.0 kB"),
            (99_960, "100 kB"),
            (999_499, "999 kB"),
            (999_500, "1.00 MB"),
            (1_234_567_890, "1.23 GB"),
            (u64::MAX, "18.4 EB"),
        ] {
            assert_eq!(size(bytes), text, "{bytes}");
        }
    }

    #[test]
    fn counts_have_groups_of_digits() {
        for (number, text) in [(0u64, "0"), (999, "999"), (1000, "1,000"), (65_503, "65,503"), (1_000_000, "1,000,000")]
        {
            assert_eq!(count(number), text);
        }
        assert_eq!((some(1, "package"), some(2000, "package")), ("1 package".to_owned(), "2,000 packages".to_owned()));
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["a", "1"], ["ččč", "222"]].map(|row| row.map(str::to_owned));
        assert_eq!(columns(&rows, [false, true]), ["a      1", "ččč  222"]);
    }

    #[test]
    fn text_from_metadata_cannot_steer_the_terminal() {
        assert_eq!(plain("a\u{1B}[31m\nb"), "a\u{FFFD}[31m\u{FFFD}b");
        assert_eq!(date(1_795_610_190), "2026-11-25");
    }
}
