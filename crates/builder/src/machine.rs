//! The machine's events, as logs and as the lease's stage.

use std::sync::Arc;

use copr_api::builder::Stage;
use copr_vm::{LogStream, Observer};
use tokio::sync::watch;

use crate::logs::{BUILD, HARDWARE, INSTALLED, LINT, Logs, ROOT};

/// Watches one machine.
pub(crate) struct Watcher {
    pub(crate) logs: Arc<Logs>,
    pub(crate) stage: watch::Sender<Stage>,
}

impl Observer for Watcher {
    fn stage(&mut self, stage: copr_vm::Stage, uptime: f64) {
        let (stage, text) = match stage {
            copr_vm::Stage::Ready => (None, "the machine has booted"),
            copr_vm::Stage::Hello => (None, "the machine has its job"),
            copr_vm::Stage::Mounted => (Some(Stage::Installing), "its disks are mounted; installing the buildroot"),
            copr_vm::Stage::Installed => (Some(Stage::Building), "the buildroot is installed"),
            copr_vm::Stage::Unpacked => (None, "the source package is unpacked; building"),
            copr_vm::Stage::Built => (None, "rpmbuild has ended"),
            copr_vm::Stage::End => (None, "the machine powers off"),
        };
        if let Some(stage) = stage {
            self.stage.send_replace(stage);
        }
        self.logs.state(&format!("{text} ({uptime:.1} s after power-on)"));
    }

    fn log(&mut self, stream: LogStream, bytes: &[u8]) {
        let name = match stream {
            LogStream::Root => ROOT,
            LogStream::Build => BUILD,
            LogStream::Lint => LINT,
        };
        self.logs.bytes(name, bytes);
    }

    fn file(&mut self, name: &str, size: u64) {
        self.logs.state(&format!("result: {name} ({size} bytes)"));
    }

    fn note(&mut self, text: &str) {
        self.logs.line(HARDWARE, text);
    }

    fn installed(&mut self, packages: &str) {
        self.logs.line(INSTALLED, packages);
    }
}
