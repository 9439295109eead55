//! How a command speaks: in `createrepo_c`'s words when called by its name, because scripts read them; else in ours.

use std::fmt::Display;

/// Who is speaking, and how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Voice {
    stock: bool,
    quiet: bool,
    verbose: bool,
    json: bool,
}

impl Voice {
    /// As `createrepo_c`.
    pub(super) fn stock(quiet: bool, verbose: bool) -> Self {
        Self { stock: true, quiet, verbose: verbose && !quiet, json: false }
    }

    /// As ourselves; with `json` the only thing on standard output is one object.
    pub(super) fn ours(quiet: bool, verbose: bool, json: bool) -> Self {
        Self { stock: false, quiet, verbose: verbose && !quiet, json }
    }

    pub(super) fn is_stock(self) -> bool {
        self.stock
    }

    /// Whether a progress bar has a place.
    pub(super) fn shows_progress(self) -> bool {
        !self.stock && !self.quiet && !self.json
    }

    /// A step of `createrepo_c`'s, on standard output.
    pub(super) fn step(self, text: impl Display) {
        if self.stock && !self.quiet {
            anstream::println!("{text}");
        }
    }

    /// The result: our line or our object.
    pub(super) fn result(self, line: impl Display, object: &serde_json::Value) {
        if self.json {
            anstream::println!("{object}");
        } else if !self.quiet && !self.stock {
            anstream::println!("{line}");
        }
    }

    /// Something that the caller should know, on standard error.
    pub(super) fn warning(self, text: impl Display) {
        match (self.stock, self.quiet) {
            (true, true) => {}
            (true, false) => anstream::eprintln!("Warning: {text}"),
            (false, _) => anstream::eprintln!("copr-repo: {text}"),
        }
    }

    /// The same where `createrepo_c`'s library says it, under its own name.
    pub(super) fn library_warning(self, text: impl Display) {
        if self.stock && !self.quiet {
            anstream::eprintln!("C_CREATEREPOLIB: Warning: {text}");
        } else {
            self.warning(text);
        }
    }

    /// What only `--verbose` tells, on standard error.
    pub(super) fn detail(self, text: impl Display) {
        if self.verbose {
            anstream::eprintln!("{text}");
        }
    }
}
