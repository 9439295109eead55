//! The Copr API version 3 (`/api_3`), as copr-cli, python-copr and the stock DNF plugins read and write it.
//!
//! Source: python-copr 2.7's and copr-cli 2.6's requests, and what they dereference in replies. A missing value is `null`,
//! never an absent key; a key `error` at the top level makes the clients take any reply for a failure.

mod built;
mod chroot;
mod content;
mod event;
mod key;
mod monitor;
mod package;
mod people;
mod promotion;
mod publish;
mod quota;
mod rpmrepo;
#[cfg(feature = "schema")]
mod schema;

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use crate::{
    builder::{Rpmlint, Shadow, ShadowCheck},
    names::{Chroot, DirName, OwnerName, ProjectName},
};

pub use built::{BuiltPackage, BuiltPackages, SourceConfig};
pub use chroot::{BuildChrootConfig, BuildConfig, ConfigRepository, ProjectChroot};
pub use content::{
    AuditEntry, BuildLicence, LicenceDecided, LicenceDecision, LicenceKept, LicenceState, LicenceWaiting, Report,
    ReportAdd, ReportNote, Takedown, Terms, TermsAccept,
};
pub use event::{Delivery, Dependent, Events, Hook, HookAdd, HookEdit, Items, Message, Notice, Rebuild};
pub use key::{ProjectKey, ProjectKeys, SignWith};
pub use monitor::{Monitor, MonitorChroot, MonitorPackage};
pub use package::{Package, PackageBuild, PackageBuilds, PackageEdit, PackageName};
pub use people::{
    ApiToken, CanBuildIn, Group, GroupAdd, GroupSummary, MemberChange, Membership, Permission, Permissions, Pins,
    Roles, RolesChange, RolesRequest, Token, TokenWish, WebhookSecret,
};
pub use promotion::{
    BrokenPackage, Gates, GatesEdit, Promotion, PromotionEvent, PromotionGate, PromotionImpact, PromotionItem,
    PromotionReason, PromotionState, PromotionVote, PromotionWish, VoteWish,
};
pub use publish::{PublishState, RepositoryPublish};
pub use quota::{Need, NeededBuild, Prune, PruneReport, PruneWish, PrunedBuild, Quota, Undelete, Undeleted};
pub use rpmrepo::{
    ReleasePackage, RpmRepo, RpmRepoArch, RpmRepoDependency, RpmRepoDirectory, RpmRepoMultilib, RpmRepoRelease,
    RpmRepoTarget,
};

/// Every error of this API.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ErrorBody {
    /// One message a line; the clients print several lines as a list.
    pub error: String,
}

/// `GET /`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ApiVersion {
    /// Always 3.
    pub version: u32,
}

/// `GET /auth-check`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AuthCheck {
    /// The user's number.
    pub id: i64,
    /// The user's name.
    pub name: String,
}

/// A list and how it was cut.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "{T}Page"))]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// The cut, echoed so that the client can ask for the next page.
    pub meta: PageMeta,
}

/// Echo of the query's pagination.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PageMeta {
    /// Rows asked for; `null` is all.
    pub limit: Option<u64>,
    /// Rows skipped.
    pub offset: Option<u64>,
    /// Column, `id` by default.
    pub order: Option<String>,
    /// `ASC` or `DESC`.
    pub order_type: Option<String>,
}

/// A project as the clients see it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Project {
    /// Number.
    pub id: i64,
    /// Name without owner.
    pub name: ProjectName,
    /// `user` or `@group`.
    pub ownername: OwnerName,
    /// `owner/name`.
    pub full_name: String,
    /// URL or null.
    pub homepage: Option<String>,
    /// Mail address or URL.
    pub contact: Option<String>,
    /// Text, Markdown.
    pub description: Option<String>,
    /// Text, Markdown.
    pub instructions: Option<String>,
    /// Publish only when asked to.
    pub devel_mode: bool,
    /// Never deleted nor pruned.
    pub persistent: bool,
    /// Not on the front page.
    pub unlisted_on_hp: bool,
    /// Old builds are removed by themselves.
    pub auto_prune: bool,
    /// Chroot name to the URL of its repository.
    pub chroot_repos: BTreeMap<String, String>,
    /// Build-time repositories: URLs or `copr://owner/name`.
    pub additional_repos: Vec<String>,
    /// Network during builds.
    pub enable_net: bool,
    /// mock's bootstrap setting, kept for the clients.
    pub bootstrap: Option<String>,
    /// mock's isolation setting, kept for the clients.
    pub isolation: Option<String>,
    /// `module_hotfixes=1` in .repo files.
    pub module_hotfixes: bool,
    /// `AppStream` metadata.
    pub appstream: bool,
    /// Patterns.
    pub packit_forge_projects_allowed: Vec<String>,
    /// New Fedora branches are added by themselves.
    pub follow_fedora_branching: bool,
    /// `priority=` in .repo files.
    pub repo_priority: Option<i64>,
    /// Always `backend`: makes copr-cli download by directory listing.
    pub storage: String,
    /// Ours: what rpmlint's verdict means; Copr's own answer lacks it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rpmlint: Option<Rpmlint>,
    /// Ours: builds that are kept of each package that says nothing else; null: all.
    #[serde(default)]
    pub keep_builds: Option<i64>,
    /// Ours: where users report bugs of its packages; null: the contact, or the project's page.
    #[serde(default)]
    pub bug_url: Option<String>,
    /// Ours: what is done about packages that stand in the way of the distribution's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow_check: Option<ShadowCheck>,
    /// Ours: whose key its packages are signed with; Copr's own answer lacks it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing: Option<SignWith>,
    /// Ours: webhooks have pull requests built, into directories of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook_pull_requests: Option<bool>,
    /// Ours: packages are built anew when something that they require changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rebuild_on_dependency_changes: Option<bool>,
}

/// Body of `POST /project/add/{owner}`. Null and absent are the same; unknown keys are ignored.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(extend("required" = ["name", "chroots"])))]
#[serde(default)]
pub struct ProjectAdd {
    /// Name without owner.
    pub name: String,
    /// Chroot names, at least one.
    #[serde(deserialize_with = "list_or_words")]
    #[cfg_attr(feature = "schema", schemars(with = "schema::Words"))]
    pub chroots: Vec<String>,
    /// Text.
    pub description: Option<String>,
    /// Text.
    pub instructions: Option<String>,
    /// URL.
    pub homepage: Option<String>,
    /// Mail address or URL.
    pub contact: Option<String>,
    /// Build-time repositories.
    #[serde(deserialize_with = "list_or_words")]
    #[cfg_attr(feature = "schema", schemars(with = "schema::Words"))]
    pub additional_repos: Vec<String>,
    /// Run-time repositories: `dnf copr enable` enables them too.
    #[serde(deserialize_with = "list_or_words")]
    #[cfg_attr(feature = "schema", schemars(with = "schema::Words"))]
    pub runtime_dependencies: Vec<String>,
    /// Not on the front page.
    pub unlisted_on_hp: Option<bool>,
    /// Network during builds.
    pub enable_net: Option<bool>,
    /// Publish only when asked to.
    pub devel_mode: Option<bool>,
    /// `module_hotfixes=1` in .repo files.
    pub module_hotfixes: Option<bool>,
    /// `priority=` in .repo files; 0: none.
    #[serde(deserialize_with = "number_or_text")]
    #[cfg_attr(feature = "schema", schemars(with = "schema::Number"))]
    pub repo_priority: Option<i64>,
    /// Users of a 64-bit chroot get the 32-bit one of the same release too.
    pub multilib: Option<bool>,
    /// Never deleted nor pruned; only administrators of the site may ask for it, and only here.
    pub persistent: Option<bool>,
    /// Old builds are removed by themselves.
    pub auto_prune: Option<bool>,
    /// mock's bootstrap setting, kept for the clients.
    pub bootstrap: Option<String>,
    /// mock's isolation setting, kept for the clients.
    pub isolation: Option<String>,
    /// `AppStream` metadata, kept for the clients.
    pub appstream: Option<bool>,
    /// fedora-review after builds, kept for the clients.
    pub fedora_review: Option<bool>,
    /// New Fedora branches are added by themselves.
    pub follow_fedora_branching: Option<bool>,
    /// Patterns, kept for the clients.
    #[serde(deserialize_with = "list_or_words")]
    #[cfg_attr(feature = "schema", schemars(with = "schema::Words"))]
    pub packit_forge_projects_allowed: Vec<String>,
    /// Days until it is deleted; -1: never.
    #[serde(deserialize_with = "number_or_text")]
    #[cfg_attr(feature = "schema", schemars(with = "schema::Number"))]
    pub delete_after_days: Option<i64>,
    /// Ours: what rpmlint's verdict means.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rpmlint: Option<Rpmlint>,
    /// Ours: builds that are kept of each package that says nothing else; 0: all.
    #[serde(deserialize_with = "number_or_text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "schema::Number"))]
    pub keep_builds: Option<i64>,
    /// Ours: where users report bugs of its packages, a web address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bug_url: Option<String>,
    /// Ours: what is done about packages that stand in the way of the distribution's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shadow_check: Option<ShadowCheck>,
    /// Ours: whose key its packages are signed with; what the server's administrator chose when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signing: Option<SignWith>,
    /// Ours: webhooks have pull requests built, into directories of their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook_pull_requests: Option<bool>,
    /// Ours: packages are built anew when something that they require changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rebuild_on_dependency_changes: Option<bool>,
}

/// Body of `PUT /project/edit/{owner}/{project}`: what is null or absent stays as it is.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ProjectEdit {
    /// Chroot names: exactly these from now on.
    #[serde(deserialize_with = "maybe_words")]
    #[cfg_attr(feature = "schema", schemars(with = "schema::Words"))]
    pub chroots: Option<Vec<String>>,
    /// Text.
    pub description: Option<String>,
    /// Text.
    pub instructions: Option<String>,
    /// URL.
    pub homepage: Option<String>,
    /// Mail address or URL.
    pub contact: Option<String>,
    /// Build-time repositories, under the name that python-copr gives them here.
    #[serde(alias = "additional_repos", deserialize_with = "maybe_words")]
    #[cfg_attr(feature = "schema", schemars(with = "schema::Words"))]
    pub repos: Option<Vec<String>>,
    /// Run-time repositories.
    #[serde(deserialize_with = "maybe_words")]
    #[cfg_attr(feature = "schema", schemars(with = "schema::Words"))]
    pub runtime_dependencies: Option<Vec<String>>,
    /// Not on the front page.
    pub unlisted_on_hp: Option<bool>,
    /// Network during builds.
    pub enable_net: Option<bool>,
    /// Publish only when asked to.
    pub devel_mode: Option<bool>,
    /// `module_hotfixes=1` in .repo files.
    pub module_hotfixes: Option<bool>,
    /// `priority=` in .repo files; 0: none.
    #[serde(deserialize_with = "number_or_text")]
    #[cfg_attr(feature = "schema", schemars(with = "schema::Number"))]
    pub repo_priority: Option<i64>,
    /// Users of a 64-bit chroot get the 32-bit one of the same release too.
    pub multilib: Option<bool>,
    /// Old builds are removed by themselves.
    pub auto_prune: Option<bool>,
    /// mock's bootstrap setting, kept for the clients.
    pub bootstrap: Option<String>,
    /// mock's isolation setting, kept for the clients.
    pub isolation: Option<String>,
    /// `AppStream` metadata, kept for the clients.
    pub appstream: Option<bool>,
    /// fedora-review after builds, kept for the clients.
    pub fedora_review: Option<bool>,
    /// New Fedora branches are added by themselves.
    pub follow_fedora_branching: Option<bool>,
    /// Patterns, kept for the clients.
    #[serde(deserialize_with = "maybe_words")]
    #[cfg_attr(feature = "schema", schemars(with = "schema::Words"))]
    pub packit_forge_projects_allowed: Option<Vec<String>>,
    /// Days until it is deleted; -1: never.
    #[serde(deserialize_with = "number_or_text")]
    #[cfg_attr(feature = "schema", schemars(with = "schema::Number"))]
    pub delete_after_days: Option<i64>,
    /// Ours: what rpmlint's verdict means.
    pub rpmlint: Option<Rpmlint>,
    /// Ours: builds that are kept of each package that says nothing else; 0: all.
    #[serde(deserialize_with = "number_or_text")]
    #[cfg_attr(feature = "schema", schemars(with = "schema::Number"))]
    pub keep_builds: Option<i64>,
    /// Ours: where users report bugs of its packages, a web address; empty: the contact, or the project's page.
    pub bug_url: Option<String>,
    /// Ours: what is done about packages that stand in the way of the distribution's own.
    pub shadow_check: Option<ShadowCheck>,
    /// Ours: whose key packages are signed with that are published from now on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signing: Option<SignWith>,
    /// Ours: webhooks have pull requests built, into directories of their own.
    pub webhook_pull_requests: Option<bool>,
    /// Ours: packages are built anew when something that they require changes.
    pub rebuild_on_dependency_changes: Option<bool>,
}

/// The `json` part of `PUT /project-chroot/edit/{owner}/{project}/{chroot}`: what is null or absent stays as it is.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ChrootEdit {
    /// Build-time repositories for this chroot alone.
    #[serde(deserialize_with = "maybe_words")]
    #[cfg_attr(feature = "schema", schemars(with = "schema::Words"))]
    pub additional_repos: Option<Vec<String>>,
    /// Packages that every buildroot has.
    #[serde(deserialize_with = "maybe_words")]
    #[cfg_attr(feature = "schema", schemars(with = "schema::Words"))]
    pub additional_packages: Option<Vec<String>>,
    /// `--with` options.
    #[serde(deserialize_with = "maybe_words")]
    #[cfg_attr(feature = "schema", schemars(with = "schema::Words"))]
    pub with_opts: Option<Vec<String>>,
    /// `--without` options.
    #[serde(deserialize_with = "maybe_words")]
    #[cfg_attr(feature = "schema", schemars(with = "schema::Words"))]
    pub without_opts: Option<Vec<String>>,
    /// Module streams to enable, or with a `!` before them to disable: `name:stream`; kept for the clients.
    #[serde(deserialize_with = "maybe_words")]
    #[cfg_attr(feature = "schema", schemars(with = "schema::Words"))]
    pub additional_modules: Option<Vec<String>>,
    /// mock's isolation setting, kept for the clients; `unchanged`: the project's.
    pub isolation: Option<String>,
    /// mock's bootstrap setting, kept for the clients; `unchanged`: the project's.
    pub bootstrap: Option<String>,
    /// Takes its comps.xml away.
    pub delete_comps: bool,
    /// Ours: days that a chroot which is out of life is to be kept, from now.
    #[serde(deserialize_with = "number_or_text")]
    #[cfg_attr(feature = "schema", schemars(with = "schema::Number"))]
    pub delete_after_days: Option<i64>,
    /// Ours: memory of machines in MiB; 0: the builder's usual.
    #[serde(deserialize_with = "number_or_text")]
    #[cfg_attr(feature = "schema", schemars(with = "schema::Number"))]
    pub memory_mib: Option<i64>,
    /// Ours: CPUs of machines; 0: the builder's usual.
    #[serde(deserialize_with = "number_or_text")]
    #[cfg_attr(feature = "schema", schemars(with = "schema::Number"))]
    pub cpus: Option<i64>,
    /// Names of fields that lose their value.
    #[serde(deserialize_with = "list_or_words")]
    #[cfg_attr(feature = "schema", schemars(with = "schema::Words"))]
    pub reset_fields: Vec<String>,
}

/// A build as the clients see it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Build {
    /// Number.
    pub id: i64,
    /// Over all its chroots.
    pub state: BuildState,
    /// Project's name.
    pub projectname: ProjectName,
    /// Project's owner.
    pub ownername: OwnerName,
    /// URL of the main project's results.
    pub repo_url: String,
    /// What the SRPM said.
    pub source_package: SourcePackage,
    /// Unix seconds.
    pub submitted_on: Option<i64>,
    /// Unix seconds.
    pub started_on: Option<i64>,
    /// Unix seconds.
    pub ended_on: Option<i64>,
    /// User name.
    pub submitter: Option<String>,
    /// Chroot names.
    pub chroots: Vec<String>,
    /// The directory it builds into.
    pub project_dirname: DirName,
    /// Lower priority.
    pub is_background: bool,
    /// Ours: its licence; null until the source package is there, and where licences are not looked at.
    #[serde(default)]
    pub licence: Option<BuildLicence>,
}

/// The source of a build.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SourcePackage {
    /// Package name; null until the SRPM is read.
    pub name: Option<String>,
    /// `version-release` (with `epoch:` where it is not 0).
    pub version: Option<String>,
    /// Where the SRPM lies.
    pub url: Option<String>,
}

/// State of a build or of one of its chroots, in Copr's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum BuildState {
    /// The source is being taken in.
    Importing,
    /// Queued.
    Pending,
    /// Leased by a builder.
    Starting,
    /// A machine works on it, or its results are being published.
    Running,
    /// Copied from another project.
    Forked,
    /// Not for this architecture.
    Skipped,
    /// The package's own failure.
    Failed,
    /// Published: its packages can be downloaded.
    Succeeded,
    /// Stopped by someone.
    Canceled,
    /// For a batch or a source.
    Waiting,
    /// Not known.
    Unknown,
}

impl BuildState {
    /// The word on the wire and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Importing => "importing",
            Self::Pending => "pending",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Forked => "forked",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
            Self::Succeeded => "succeeded",
            Self::Canceled => "canceled",
            Self::Waiting => "waiting",
            Self::Unknown => "unknown",
        }
    }

    /// Whether nothing more will happen: what `copr-cli watch-build` waits for.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Skipped | Self::Failed | Self::Canceled | Self::Forked)
    }

    /// States of a build's chroots by what they make of the build: the first of these that one of them has is the build's. Copr's
    /// order, with its rule that a build has been stopped when one of its chroots was and nothing goes on.
    pub const PRECEDENCE: [Self; 10] = [
        Self::Running,
        Self::Starting,
        Self::Importing,
        Self::Pending,
        Self::Waiting,
        Self::Canceled,
        Self::Failed,
        Self::Succeeded,
        Self::Skipped,
        Self::Forked,
    ];

    /// One state for a build from those of its chroots, by [`Self::PRECEDENCE`]; no chroot is [`Self::Pending`].
    #[must_use]
    pub fn of_chroots(states: &[Self]) -> Self {
        Self::PRECEDENCE.into_iter().find(|state| states.contains(state)).unwrap_or(Self::Pending)
    }
}

impl std::str::FromStr for BuildState {
    type Err = crate::names::NameError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        use serde::de::IntoDeserializer;
        Self::deserialize(IntoDeserializer::<serde::de::value::Error>::into_deserializer(text)).map_err(|_| {
            crate::names::NameError {
                what: "build state",
                value: text.chars().take(100).collect(),
                rule: "it is none of Copr's states",
            }
        })
    }
}

impl std::fmt::Display for BuildState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// One build in one chroot.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BuildChroot {
    /// Chroot name.
    pub name: Chroot,
    /// Its state.
    pub state: BuildState,
    /// Unix seconds.
    pub started_on: Option<i64>,
    /// Unix seconds.
    pub ended_on: Option<i64>,
    /// Folder of logs and packages, with a trailing slash; null until known.
    pub result_url: Option<String>,
    /// How many of its architecture get a machine before it; null unless it waits for one. Only this server tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_position: Option<i64>,
    /// Unix seconds: about when it gets a machine; null where nobody can tell. Only this server tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_start: Option<i64>,
    /// Packages of it that stand in the way of the distribution's. Only this server tells it, of one build-chroot at a time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shadows: Vec<Shadow>,
}

/// `GET /build/source-chroot/{id}`: the making of a build's source package.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SourceChroot {
    /// How far it is.
    pub state: BuildState,
    /// Folder of its log and of the source package, with a trailing slash.
    pub result_url: Option<String>,
}

/// Options that every way of submitting a build has (`pkgs` for URLs, the rest for all).
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(extend("required" = ["ownername", "projectname"])))]
#[serde(default)]
pub struct BuildOptions {
    /// Owner of the project.
    pub ownername: String,
    /// Project.
    pub projectname: String,
    /// `p` or `p:custom:x`; the project itself when null.
    pub project_dirname: Option<String>,
    /// Chroot names or globs; null or empty is all of the project.
    #[serde(deserialize_with = "list_or_words")]
    #[cfg_attr(feature = "schema", schemars(with = "schema::Words"))]
    pub chroots: Vec<String>,
    /// Chroot names or globs to leave out.
    #[serde(deserialize_with = "list_or_words")]
    #[cfg_attr(feature = "schema", schemars(with = "schema::Words"))]
    pub exclude_chroots: Vec<String>,
    /// Seconds; null is the server's default.
    #[serde(deserialize_with = "number_or_text")]
    #[cfg_attr(feature = "schema", schemars(with = "schema::Number"))]
    pub timeout: Option<i64>,
    /// Lower priority.
    pub background: Option<bool>,
    /// Network during the build.
    pub enable_net: Option<bool>,
    /// Begins when that build, and all of its batch, have ended.
    #[serde(deserialize_with = "number_or_text")]
    #[cfg_attr(feature = "schema", schemars(with = "schema::Number"))]
    pub after_build_id: Option<i64>,
    /// Belongs to the batch of that build.
    #[serde(deserialize_with = "number_or_text")]
    #[cfg_attr(feature = "schema", schemars(with = "schema::Number"))]
    pub with_build_id: Option<i64>,
    /// mock's bootstrap setting, kept for the clients.
    pub bootstrap: Option<String>,
    /// mock's isolation setting, kept for the clients.
    pub isolation: Option<String>,
    /// URLs of SRPMs, for `create/url`.
    #[serde(deserialize_with = "list_or_words")]
    #[cfg_attr(feature = "schema", schemars(with = "schema::Words"))]
    pub pkgs: Vec<String>,
    /// Ours: build-time repositories of this build alone.
    #[serde(deserialize_with = "list_or_words", skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schemars(with = "schema::Words"))]
    pub additional_repos: Vec<String>,
    /// Ours: packages that its buildroots have.
    #[serde(deserialize_with = "list_or_words", skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schemars(with = "schema::Words"))]
    pub additional_packages: Vec<String>,
    /// Ours: `--with` options.
    #[serde(deserialize_with = "list_or_words", skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schemars(with = "schema::Words"))]
    pub with_opts: Vec<String>,
    /// Ours: `--without` options.
    #[serde(deserialize_with = "list_or_words", skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schemars(with = "schema::Words"))]
    pub without_opts: Vec<String>,
    /// Ours: memory of its machines in MiB.
    #[serde(deserialize_with = "number_or_text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "schema::Number"))]
    pub memory_mib: Option<i64>,
    /// Ours: their CPUs.
    #[serde(deserialize_with = "number_or_text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "schema::Number"))]
    pub cpus: Option<i64>,
    /// Ours: what rpmlint's verdict means.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rpmlint: Option<Rpmlint>,
    /// Ours: whether the results are signed, in a project that signs; null: they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sign: Option<bool>,
}

/// Body and answer of `DELETE /build/delete/list`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(extend("required" = ["builds"])))]
#[serde(default)]
pub struct BuildList {
    /// Numbers of builds.
    pub builds: Vec<i64>,
}

/// Body of `POST /build/create/scm`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(extend("required" = ["ownername", "projectname", "clone_url"])))]
#[serde(default)]
pub struct ScmBuild {
    /// What every build has.
    #[serde(flatten)]
    pub options: BuildOptions,
    /// Address of the repository.
    pub clone_url: String,
    /// Branch, tag or commit; empty: the default branch.
    pub committish: Option<String>,
    /// Folder of the spec in the repository.
    pub subdirectory: Option<String>,
    /// Path of the spec in that folder; empty: the only one.
    pub spec: Option<String>,
    /// `git`; Copr knows `svn` too.
    pub scm_type: Option<String>,
    /// `rpkg` or `make_srpm`; Copr knows `tito` and `tito_test` too.
    #[serde(alias = "srpm_build_method")]
    pub source_build_method: Option<String>,
}

/// A list, or one text with words between spaces (both occur), or null.
fn list_or_words<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "it must be a list of texts, or one text with words between blanks")]
    enum Form {
        List(Vec<String>),
        Words(String),
        Null(()),
    }
    Ok(match Form::deserialize(from)? {
        Form::List(list) => list,
        Form::Words(words) => words.split_whitespace().map(str::to_owned).collect(),
        Form::Null(()) => Vec::new(),
    })
}

/// The same where nothing said and an empty list are two things; empty texts in it are none.
fn maybe_words<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<String>>, D::Error> {
    struct Words(Vec<String>);
    impl<'de> Deserialize<'de> for Words {
        fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            list_or_words(from).map(Self)
        }
    }
    let words = Option::<Words>::deserialize(from)?;
    Ok(words.map(|Words(list)| list.into_iter().filter(|word| !word.is_empty()).collect()))
}

/// A number, a number as text (copr-cli sends both), an empty text, or null.
fn number_or_text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "it must be a whole number")]
    enum Form {
        Number(i64),
        Text(String),
        Null(()),
    }
    match Form::deserialize(from)? {
        Form::Number(n) => Ok(Some(n)),
        Form::Text(text) if text.trim().is_empty() => Ok(None),
        Form::Text(text) => {
            text.trim().parse().map(Some).map_err(|_| serde::de::Error::custom(format!("{text:?} is not a number")))
        }
        Form::Null(()) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nulls_text_numbers_word_lists_and_unknown_keys_are_what_copr_cli_sends() {
        let body = r#"{"ownername":"a","projectname":"p","project_dirname":null,"chroots":null,"timeout":"300",
                       "exclude_chroots":"x-1-y z-1-y","progress_callback":null,"isolation":"unchanged"}"#;
        let options: BuildOptions = serde_json::from_str(body).unwrap();
        assert!(options.chroots.is_empty());
        assert_eq!(options.exclude_chroots, ["x-1-y", "z-1-y"]);
        assert_eq!(options.timeout, Some(300));
        assert!(serde_json::from_str::<BuildOptions>(r#"{"timeout":"soon"}"#).is_err());
    }

    #[test]
    fn a_dependency_has_the_form_that_dnf5_dereferences() {
        let dependency = RpmRepoDependency {
            opts: BTreeMap::from([("id".to_owned(), "coprdep:h:a:p".into())]),
            target: RpmRepoTarget::Copr { owner: "a".into(), projectname: "p".into() },
        };
        let json = serde_json::to_value(&dependency).unwrap();
        assert_eq!(
            json,
            serde_json::json!({"type":"copr","opts":{"id":"coprdep:h:a:p"},"data":{"owner":"a","projectname":"p"}})
        );
        let back: RpmRepoDependency = serde_json::from_value(json).unwrap();
        assert_eq!(back.target, dependency.target);
    }

    #[test]
    fn a_dependency_of_a_kind_yet_to_come_is_read_as_unknown() {
        let read = |text: &str| serde_json::from_str::<RpmRepoDependency>(text).unwrap().target;
        let moon = r#"{"type":"moon","opts":{"id":"m"},"data":{"crater":7}}"#;
        assert_eq!(read(moon), RpmRepoTarget::Unknown("moon".to_owned()));
        let url = r#"{"type":"external_baseurl","data":{"pattern":"https://x/"}}"#;
        assert_eq!(read(url), RpmRepoTarget::ExternalBaseurl { pattern: "https://x/".to_owned() });
    }

    #[test]
    fn a_build_runs_while_one_chroot_runs_and_fails_when_one_failed() {
        use BuildState::{Failed, Pending, Running, Succeeded};
        assert_eq!(BuildState::of_chroots(&[Succeeded, Running, Failed]), Running);
        assert_eq!(BuildState::of_chroots(&[Succeeded, Failed]), Failed);
        assert_eq!(BuildState::of_chroots(&[]), Pending);
        assert_eq!(BuildState::of_chroots(&[BuildState::Forked, Failed]), Failed);
        assert_eq!(BuildState::of_chroots(&[Failed, BuildState::Canceled]), BuildState::Canceled);
        assert_eq!(BuildState::of_chroots(&[Running, BuildState::Canceled]), Running);
    }
}
