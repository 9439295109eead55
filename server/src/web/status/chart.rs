//! Small bar charts, drawn here: every number of them also stands in a table.

use serde::Serialize;

/// Width and height of a picture, and the room for the words below and beside the bars.
const SIZE: (i64, i64) = (800, 170);
const BELOW: i64 = 22;
const BESIDE: i64 = 44;
const ABOVE: i64 = 8;

/// What ended in one span of time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct Span {
    /// When that was, for a narrow place.
    pub(super) label: String,
    /// When that was.
    pub(super) when: String,
    /// What went well.
    pub(super) good: i64,
    /// What failed.
    pub(super) bad: i64,
    /// What was stopped or left out.
    pub(super) other: i64,
}

impl Span {
    fn total(&self) -> i64 {
        self.good + self.bad + self.other
    }
}

/// A piece of a bar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    /// Colour class.
    pub(super) class: &'static str,
    /// From the left.
    pub(super) x: i64,
    /// From the top.
    pub(super) y: i64,
    /// Width.
    pub(super) width: i64,
    /// Height.
    pub(super) height: i64,
    /// What it says.
    pub(super) title: String,
}

/// A word below the bars.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Label {
    /// Its middle.
    pub(super) x: i64,
    /// The word.
    pub(super) text: String,
}

/// A picture of bars.
#[derive(Debug, Clone, Default)]
pub(super) struct Chart {
    /// Width.
    pub(super) width: i64,
    /// Height.
    pub(super) height: i64,
    /// Where the bars begin.
    pub(super) left: i64,
    /// Where the bars stand.
    pub(super) floor: i64,
    /// Where the highest bar ends.
    pub(super) top: i64,
    /// What the highest line stands for.
    pub(super) most: i64,
    /// The bars.
    pub(super) pieces: Vec<Piece>,
    /// Words below.
    pub(super) labels: Vec<Label>,
    /// For who does not see it.
    pub(super) said: String,
}

impl Chart {
    /// Bars for spans of time, `said` is what they count.
    pub(super) fn new(spans: &[Span], said: &str) -> Self {
        let (width, height) = SIZE;
        let floor = height - BELOW;
        let most = nice(spans.iter().map(Span::total).max().unwrap_or_default());
        let count = i64::try_from(spans.len()).unwrap_or(1).max(1);
        let step = (width - BESIDE) / count;
        let bar = (step * 3 / 4).clamp(1, 48);
        let mut pieces = Vec::new();
        let mut labels = Vec::new();
        let every = (count / 8).max(1);
        for (number, span) in (0_i64..).zip(spans) {
            let x = BESIDE + number * step + (step - bar) / 2;
            let mut y = floor;
            for (class, value, word) in [
                ("good", span.good, "succeeded"),
                ("bad", span.bad, "failed"),
                ("idle", span.other, "stopped or skipped"),
            ] {
                if value > 0 {
                    let height = (value * (floor - ABOVE) / most).max(1);
                    y -= height;
                    pieces.push(Piece {
                        class,
                        x,
                        y,
                        width: bar,
                        height,
                        title: format!("{}: {value} {word}", span.when),
                    });
                }
            }
            if number % every == 0 {
                labels.push(Label { x: x + bar / 2, text: span.label.clone() });
            }
        }
        let total: i64 = spans.iter().map(Span::total).sum();
        let failed: i64 = spans.iter().map(|span| span.bad).sum();
        let said = format!("{said}: {total} in all, {failed} of them failed. The numbers stand in the table below.");
        Self { width, height, left: BESIDE, floor, top: ABOVE, most, pieces, labels, said }
    }
}

/// The next round number.
fn nice(most: i64) -> i64 {
    let mut unit = 1_i64;
    loop {
        for factor in [1, 2, 5] {
            if most <= unit * factor {
                return unit * factor;
            }
        }
        match unit.checked_mul(10) {
            Some(next) if next <= i64::MAX / 10 => unit = next,
            _ => return most,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_stay_inside_of_their_picture() {
        for most in [0, 1, 7, 1000, 123_456_789] {
            let span = |n: i64| Span { good: n % (most + 1), bad: n % 3, other: n % 2, ..Span::default() };
            for count in [0, 1, 7, 24, 168] {
                let spans: Vec<Span> = (0..count).map(span).collect();
                let chart = Chart::new(&spans, "x");
                for piece in &chart.pieces {
                    assert!(piece.x >= chart.left && piece.x + piece.width <= chart.width, "{piece:?}");
                    assert!(piece.y >= 0 && piece.height > 0 && piece.y + piece.height <= chart.floor, "{piece:?}");
                }
                assert!(chart.labels.len() <= 16);
            }
        }
    }

    #[test]
    fn the_scale_is_a_round_number() {
        assert_eq!([nice(0), nice(1), nice(3), nice(11), nice(50), nice(51)], [1, 1, 5, 20, 50, 100]);
        assert!(nice(i64::MAX) > 0);
    }
}
