//! What every command has at hand: the hub, the terminal, and who calls.

use std::{
    fmt::Display,
    sync::{Mutex, PoisonError},
};

use copr_api::{
    client::Client,
    names::{DirName, OwnerName, ProjectName},
};

use serde::Serialize;

use super::{failure::Failure, ui::Ui};

/// One run of `copr`.
#[derive(Debug)]
pub(super) struct Session {
    /// The hub.
    pub(super) client: Client,
    /// The terminal.
    pub(super) ui: Ui,
    /// Builds that go on without us when the person presses Ctrl-C.
    submitted: Mutex<Vec<i64>>,
}

/// A project's directory, as `owner/name` or `owner/name:custom:x` names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// Whose.
    pub(super) owner: OwnerName,
    /// The directory; the project itself unless it has a `:`.
    pub(super) directory: DirName,
}

impl Target {
    /// The project that the directory is of.
    #[must_use]
    pub(super) fn project(&self) -> ProjectName {
        self.directory.project()
    }
}

impl Session {
    /// A session with `client`, talking to `ui`.
    #[must_use]
    pub(super) fn new(client: Client, ui: Ui) -> Self {
        Self { client, ui, submitted: Mutex::new(Vec::new()) }
    }

    /// Who calls: the configuration's `username`, or whom the hub knows the token as.
    pub(super) async fn caller(&self) -> Result<OwnerName, Failure> {
        let config = self.client.config();
        if let Some(name) = &config.username {
            return Ok(name.parse()?);
        }
        if config.token.is_none() {
            return Err(Failure::Authentication(
                "It is not known who you are: the configuration has neither username nor token. Put the [copr-cli] \
                 section that your Copr server gave you into ~/.config/copr, or say whose project you mean, as OWNER/NAME."
                    .to_owned(),
            ));
        }
        Ok(self.client.auth_check().await?.name.parse()?)
    }

    /// Understands PROJECT: `owner/name`, or `name` of one's own.
    pub(super) async fn target(&self, text: &str) -> Result<Target, Failure> {
        match text.split_once('/') {
            Some((owner, directory)) => Ok(Target { owner: owner.parse()?, directory: directory.parse()? }),
            None => {
                let directory = text.parse()?;
                Ok(Target { owner: self.caller().await?, directory })
            }
        }
    }

    /// Says how a command ended: the hub's answer for programs, a sentence for people.
    pub(super) fn done(&self, answer: &impl Serialize, sentence: impl Display) -> Result<(), Failure> {
        if self.ui.is_json() {
            self.ui.json(answer)?;
        } else {
            self.ui.line(sentence)?;
        }
        Ok(())
    }

    /// Remembers builds for [`Self::farewell`].
    pub(super) fn remember(&self, builds: &[i64]) {
        let mut submitted = self.submitted.lock().unwrap_or_else(PoisonError::into_inner);
        for build in builds {
            if !submitted.contains(build) {
                submitted.push(*build);
            }
        }
    }

    /// What to say at Ctrl-C when builds go on; none when there are none.
    #[must_use]
    pub(super) fn farewell(&self) -> Option<String> {
        let builds = self.submitted.lock().unwrap_or_else(PoisonError::into_inner);
        let numbers = numbers(&builds, " ");
        match builds.as_slice() {
            [] => None,
            [one] => Some(format!(
                "Build {one} goes on. Watch it with `copr watch {one}`, stop it with `copr cancel {one}`."
            )),
            _ => Some(format!("Builds {numbers} go on. Watch them with `copr watch {numbers}`.")),
        }
    }
}

/// `1, 2, 3`.
#[must_use]
pub(super) fn numbers(builds: &[i64], separator: &str) -> String {
    builds.iter().map(ToString::to_string).collect::<Vec<_>>().join(separator)
}
