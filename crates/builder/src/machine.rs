//! The machine's events, as logs and as the task's stage.

use std::{sync::Arc, time::Instant};

use copr_api::builder::Stage;
use copr_vm::{Answer, LogStream, Observer};
use tokio::sync::watch;

use crate::{
    logs::{BUILD, HARDWARE, INSTALLED, LINT, Logs, ROOT},
    rounds::Rounds,
};

/// Watches one machine.
pub(crate) struct Watcher {
    pub(crate) logs: Arc<Logs>,
    /// Told how far the task is; `None` for machines beside it, which make a base or run rpmlint.
    pub(crate) stage: Option<watch::Sender<Stage>>,
    /// Answers what the machine asks for.
    pub(crate) rounds: Option<Rounds>,
    /// What was installed when it told so last.
    pub(crate) installed: String,
    /// When it began. The guest's own clock says how long ago a kernel booted, which a snapshot's did long before.
    began: Instant,
}

impl Watcher {
    /// One that answers nothing.
    pub(crate) fn new(logs: Arc<Logs>, stage: Option<watch::Sender<Stage>>) -> Self {
        Self { logs, stage, rounds: None, installed: String::new(), began: Instant::now() }
    }

    /// Writes down what was installed: of several lists the last one, which was there when rpmbuild began.
    pub(crate) fn keep_installed(&self) {
        if !self.installed.is_empty() {
            self.logs.line(INSTALLED, &self.installed);
        }
    }
}

impl Observer for Watcher {
    fn stage(&mut self, stage: copr_vm::Stage, _uptime: f64) {
        let (stage, text) = match stage {
            copr_vm::Stage::Ready => (None, "the machine has booted"),
            copr_vm::Stage::Hello => (None, "the machine has its job"),
            copr_vm::Stage::Mounted => (Some(Stage::Installing), "its disks are mounted; installing packages"),
            copr_vm::Stage::Installed => (Some(Stage::Building), "the packages are installed"),
            copr_vm::Stage::Unpacked => {
                (None, "the source package is rebuilt; building as soon as it has all that it requires")
            }
            copr_vm::Stage::Built => (None, "the work is done"),
            copr_vm::Stage::End => (None, "the machine powers off"),
        };
        if let (Some(stage), Some(told)) = (stage, &self.stage) {
            told.send_replace(stage);
        }
        self.logs.state(&format!("{text} ({:.1} s after its start)", self.began.elapsed().as_secs_f64()));
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
        packages.clone_into(&mut self.installed);
    }

    fn requires(&mut self, round: u32, dynamic: bool, requires: &[String]) -> Answer {
        match &mut self.rounds {
            Some(rounds) => rounds.answer(round, dynamic, requires),
            None => Answer::Nothing,
        }
    }
}
