//! What several pages show: plain text and addresses, nothing that needs thought any more.

use copr_api::v3::BuildState;
use serde::{Serialize, Serializer};

use super::text::Moment;
use crate::db::build::Build;

/// A state as word and colour class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Copr's word, and what the builder does while it runs.
    pub word: String,
    /// `good`, `bad`, `busy` or `idle`.
    pub class: &'static str,
}

impl State {
    /// The state, with the stage of a running one.
    #[must_use]
    pub fn new(state: BuildState, stage: Option<&str>) -> Self {
        let class = match state {
            BuildState::Succeeded | BuildState::Forked => "good",
            BuildState::Failed => "bad",
            BuildState::Importing | BuildState::Starting | BuildState::Running => "busy",
            _ => "idle",
        };
        let word = match stage {
            Some(stage) if class == "busy" => format!("{state}: {stage}"),
            _ => state.to_string(),
        };
        Self { word, class }
    }
}

impl Serialize for State {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.word)
    }
}

/// A build in a list.
#[derive(Debug, Clone, Serialize)]
pub struct BuildLine {
    /// Number.
    pub id: i64,
    /// Its page.
    pub url: String,
    /// Package name.
    pub package: String,
    /// `version-release`.
    pub version: String,
    /// Its state.
    pub state: State,
    /// When it came in.
    pub submitted: Moment,
    /// Who sent it.
    pub submitter: String,
}

impl BuildLine {
    /// A build, seen from `now`.
    #[must_use]
    pub fn new(build: &Build, now: i64) -> Self {
        let stage = build.chroots.iter().find_map(|chroot| chroot.stage.as_deref());
        Self {
            id: build.id,
            url: format!("/coprs/build/{}", build.id),
            package: build.title(),
            version: build.package_version.clone(),
            state: State::new(build.state(), stage),
            submitted: Moment::new(build.submitted_ms, now),
            submitter: build.submitter.clone(),
        }
    }
}

/// A file to fetch.
#[derive(Debug, Serialize)]
pub struct FileLine {
    /// Name.
    pub name: String,
    /// Address.
    pub url: String,
    /// Length, with unit.
    pub size: String,
}
