//! What happens on a server, and who is told: events, webhooks, notices, builds that nobody asked for.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::names::{Chroot, OwnerName, ProjectName, Secret};

/// An event, in the form that fedora-messaging writes messages down.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Message {
    /// A UUID: who hears of it twice, knows it by that.
    pub id: String,
    /// What kind of event, e.g. `copr.build.end`.
    pub topic: String,
    /// `sent-at`, the schema, and `copr_number`: its place in the order of all events.
    pub headers: Map<String, Value>,
    /// What there is to say.
    pub body: Map<String, Value>,
    /// Always null.
    #[serde(default)]
    pub queue: Option<String>,
    /// Always 0.
    #[serde(default)]
    pub priority: i64,
}

/// `GET /events` without a stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Events {
    /// Oldest first.
    pub items: Vec<Message>,
    /// `since` of the call that goes on where this one has ended.
    pub next: i64,
}

/// An address that is told of a project's events.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Hook {
    /// Number.
    pub id: i64,
    /// Where it is told, without what stands behind a `?`.
    pub url: String,
    /// Topics that it is told of; empty: all.
    pub topics: Vec<String>,
    /// It is told. One that answered badly for too long is not any more.
    pub active: bool,
    /// Failures since the last success.
    pub failures: i64,
    /// When it was added, seconds since 1970.
    pub created_on: i64,
    /// What bodies are signed with; told once, when it is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<Secret>,
}

/// Body of `POST /webhook/add/{owner}/{project}`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct HookAdd {
    /// Where it is to be told: http or https.
    pub url: String,
    /// Topics; empty: all.
    pub topics: Vec<String>,
    /// What bodies are signed with; absent: the server makes it.
    pub secret: Option<Secret>,
}

/// Body of `PUT /webhook/edit/{owner}/{project}/{hook}`: what is not sent stays.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct HookEdit {
    /// Where it is to be told.
    pub url: Option<String>,
    /// Topics; empty: all.
    pub topics: Option<Vec<String>>,
    /// What bodies are signed with.
    pub secret: Option<Secret>,
    /// Whether it is told.
    pub active: Option<bool>,
}

/// What an address was told, or is to be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Delivery {
    /// Number.
    pub id: i64,
    /// The event's UUID.
    pub message_id: String,
    /// The event's topic.
    pub topic: String,
    /// `waiting`, `delivered` or `given-up`.
    pub state: String,
    /// How often it was tried.
    pub attempts: i64,
    /// HTTP status of the last answer.
    pub status: Option<i64>,
    /// Why the last try failed.
    pub error: Option<String>,
    /// The beginning of the last answer.
    pub answer: Option<String>,
    /// How long the last try took, milliseconds.
    pub took_ms: Option<i64>,
    /// When it was queued, seconds since 1970.
    pub created_on: i64,
    /// When it was tried last, seconds since 1970.
    pub tried_on: Option<i64>,
}

/// A list that is never longer than a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Items<T> {
    /// What there is.
    pub items: Vec<T>,
}

/// What a project's people should know until it is mended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Notice {
    /// `dependency-gone`, `dependency-broken`, `rebuild-stopped` or `webhook-disabled`.
    pub kind: String,
    /// What it is about: a project, a repository, a change, a hook.
    pub about: String,
    /// A sentence for people.
    pub text: String,
    /// The same for programs.
    pub details: Value,
    /// Since when, seconds since 1970.
    pub since: i64,
}

/// A build that nobody asked for: something that the package requires has changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Rebuild {
    /// The change that all began with.
    pub cause: String,
    /// How far it is from that change: 1 requires what has changed.
    pub depth: i64,
    /// The package.
    pub package: String,
    /// The chroot.
    pub chroot: Chroot,
    /// The repository that has changed.
    pub origin: String,
    /// What it does not provide any more.
    pub because: String,
    /// The build.
    pub build: Option<i64>,
    /// Why there is none.
    pub error: Option<String>,
    /// When, seconds since 1970.
    pub created_on: i64,
}

/// A package that requires something that another one provides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Dependent {
    /// Owner of its project.
    pub ownername: OwnerName,
    /// Its project.
    pub projectname: ProjectName,
    /// The package.
    pub package: String,
    /// The chroot.
    pub chroot: Chroot,
    /// What it requires of that.
    pub requires: String,
    /// It would be built anew if that changed: its project wants that, and has not left it out.
    pub rebuilt: bool,
}
