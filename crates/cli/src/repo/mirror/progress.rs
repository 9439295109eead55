//! The bar of a mirror's run: bytes that came, of those that are to come.

use std::io::IsTerminal;
use std::sync::Arc;

use copr_remote::mirror::{Step, Watch};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::super::voice::Voice;

/// A bar on standard error; none where that is no terminal or nobody wants one.
pub(super) struct Watched {
    bar: ProgressBar,
}

impl Watched {
    /// `what` is said in front of the bar.
    pub(super) fn new(voice: Voice, what: Option<&str>) -> Self {
        let bar = ProgressBar::new(0);
        if !voice.shows_progress() || !std::io::stderr().is_terminal() {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        let template = "{prefix}{bar:40} {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left {msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        if let Some(what) = what {
            bar.set_prefix(format!("{what} "));
        }
        Self { bar }
    }

    pub(super) fn watch(&self) -> Watch {
        let bar = self.bar.clone();
        Arc::new(move |step| match step {
            Step::Checking { files: 0 } => {}
            Step::Checking { files } => bar.set_message(format!("(reading {files} files that are here)")),
            Step::Checked => bar.tick(),
            Step::Planned { bytes, .. } => {
                bar.set_message("");
                bar.reset();
                bar.set_length(bytes);
            }
            Step::Bytes(bytes) => bar.inc(bytes),
            Step::Fetched => {}
        })
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
