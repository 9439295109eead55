//! The progress bar: how many packages are read, how fast, how long it will take.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::voice::Voice;

/// A bar on standard error; none where that is no terminal or nobody wants one.
pub(super) fn bar(voice: Voice) -> ProgressBar {
    let bar = ProgressBar::new(0);
    if !voice.shows_progress() || !std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} packages, {per_sec}, {eta} left {msg}") {
        bar.set_style(style);
    }
    bar
}
