//! The protocol between server and builder. Builders call, the server never does, so a builder needs no open port.
//!
//! All paths are below `/builder/v1`; every call has `Authorization: Bearer <builder token>`. Bodies are JSON but for logs
//! and results, which are bytes. Errors are `{"error": text}` with a 4xx or 5xx status; 409 means "the lease is no longer
//! yours": the builder stops that machine and forgets the lease.
//!
//! | call | body | answer |
//! |---|---|---|
//! | `POST /lease` | [`LeaseRequest`] | 200 [`Lease`], or 204: nothing to do (the server may hold the call for some seconds) |
//! | `POST /lease/{id}/heartbeat` | [`Heartbeat`] | [`HeartbeatReply`] |
//! | `GET /lease/{id}/source/{file}` | | one of the files that were uploaded for [`SourceMethod::Spec`] |
//! | `POST /lease/{id}/log/{name}?offset=N` | bytes to append at byte N (at most 1 MiB) | `{"size": N}`: size now; 416 with the same body when N is not the size |
//! | `PUT /lease/{id}/result/{file}` with header `X-Sha256: hex` | the file | `{}`; sending the same file again is fine |
//! | `POST /lease/{id}/finish` | [`Finish`] | `{}`; idempotent |
//! | `GET /lease/{id}/source` | | the SRPM's bytes |

use serde::{Deserialize, Serialize};

use crate::names::{Chroot, DirName, OwnerName};

/// The header that carries the SHA-256 (lower-case hex) of an uploaded result.
pub const SHA256_HEADER: &str = "x-sha256";

/// What a builder asks for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LeaseRequest {
    /// The builder's own name, for pages and logs.
    pub builder: String,
    /// Architectures that it can run, e.g. `["x86_64", "noarch"]`.
    pub arches: Vec<String>,
    /// Shell patterns of the chroots that it takes, e.g. `fedora-*-x86_64`; empty: all of its architectures.
    #[serde(default)]
    pub chroots: Vec<String>,
    /// What this builder offers, e.g. `powerful`: it takes builds that ask for no tag, or for tags that are all here.
    #[serde(default)]
    pub tags: Vec<String>,
}

/// A builder's claim on one build-chroot, with all that it needs to know for it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Lease {
    /// Names the lease in all further calls.
    pub id: String,
    /// The claim ends this many seconds after the last heartbeat; a builder beats at a third of it, or more often.
    pub seconds: u64,
    /// The build.
    pub build_id: i64,
    /// The chroot it is built for.
    pub chroot: Chroot,
    /// The project's owner.
    pub owner: OwnerName,
    /// The project's directory that the results go to.
    pub dirname: DirName,
    /// What is to be done.
    pub work: Work,
    /// The chroot's definition.
    pub definition: ChrootDefinition,
    /// Repositories besides the definition's own, dependencies first: the project itself and its chain.
    pub repositories: Vec<BuildRepository>,
    /// Packages or capabilities to install besides the definition's group and the SRPM's requirements.
    pub extra_packages: Vec<String>,
    /// Seconds that rpmbuild may take on a machine with hardware virtualisation; emulation scales it.
    pub timeout: u64,
    /// rpm macros, name without `%` and value, in order.
    pub macros: Vec<(String, String)>,
    /// How the machine is to be.
    #[serde(default)]
    pub settings: Settings,
}

/// What a lease is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Work {
    /// Build this source package.
    Build {
        /// The SRPM; `GET source` has its bytes.
        srpm: SourceFile,
    },
    /// Make the source package; the result is one SRPM.
    Source {
        /// From what.
        method: SourceMethod,
    },
}

/// A file that the server keeps for a build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFile {
    /// Its flat file name.
    pub name: String,
    /// Length in bytes.
    pub size: u64,
    /// SHA-256, lower-case hex.
    pub sha256: String,
}

/// Where a source package comes from that was not uploaded as one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case")]
pub enum SourceMethod {
    /// An SRPM somewhere on the web. The builder downloads it, from public addresses only.
    Url {
        /// `http://` or `https://`.
        url: String,
    },
    /// A spec and its sources, as they were uploaded; `GET source/FILE` has their bytes.
    Spec {
        /// File name of the spec, which is one of `files`.
        spec: String,
        /// All files.
        files: Vec<SourceFile>,
    },
    /// A git repository.
    Git {
        /// `https://`, `http://` or `git://`.
        clone_url: String,
        /// Branch, tag or commit; the default branch when there is none.
        committish: Option<String>,
        /// Folder of the spec in the repository, relative; empty: its top.
        subdirectory: String,
        /// Path of the spec in that folder; `None`: the only one that is there.
        spec: Option<String>,
        /// How the SRPM is made.
        make: GitMake,
    },
}

/// How an SRPM is made of a checkout; the words are Copr's `srpm_build_method`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GitMake {
    /// The spec as it stands, with the files beside it and those that it names by URL.
    Rpkg,
    /// `make -f .copr/Makefile srpm outdir=… spec=…`, as root in the machine.
    MakeSrpm,
}

/// How a build's machine is to be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Whether the machine reaches public addresses. Machines that make source packages always do.
    pub network: bool,
    /// Memory in MiB; `None`: the builder's usual.
    pub memory_mib: Option<u32>,
    /// Virtual CPUs; `None`: the builder's usual.
    pub cpus: Option<u32>,
    /// What rpmlint's verdict means.
    pub rpmlint: Rpmlint,
    /// What is done about packages that stand in the way of the distribution's own.
    pub shadow_check: ShadowCheck,
}

/// What is done about rpmlint.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Rpmlint {
    /// It is not run.
    Off,
    /// It is run where the chroot has it, and its report kept as `rpmlint.log`.
    #[default]
    Report,
    /// The same, and errors that it finds fail the build.
    Enforce,
}

impl Rpmlint {
    /// The word on the wire and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Report => "report",
            Self::Enforce => "enforce",
        }
    }
}

impl std::str::FromStr for Rpmlint {
    type Err = crate::names::NameError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Off, Self::Report, Self::Enforce].into_iter().find(|policy| policy.as_str() == text).ok_or_else(|| {
            crate::names::NameError {
                what: "rpmlint policy",
                value: text.chars().take(100).collect(),
                rule: "it must be off, report or enforce",
            }
        })
    }
}

/// What is done about packages that stand in the way of the distribution's own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ShadowCheck {
    /// They are not looked for.
    Off,
    /// They are told of.
    #[default]
    Warn,
    /// The same, and those that users would get instead of the distribution's, or that pass for its own, fail the build.
    Refuse,
}

impl ShadowCheck {
    /// The word on the wire and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Warn => "warn",
            Self::Refuse => "refuse",
        }
    }
}

impl std::str::FromStr for ShadowCheck {
    type Err = crate::names::NameError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Off, Self::Warn, Self::Refuse].into_iter().find(|check| check.as_str() == text).ok_or_else(|| {
            crate::names::NameError {
                what: "shadow check",
                value: text.chars().take(100).collect(),
                rule: "it must be off, warn or refuse",
            }
        })
    }
}

/// Most [`Shadow`]s that are told of one build-chroot.
pub const MOST_SHADOWS: usize = 100;

/// A package of a build, and one of the distribution that it stands in the way of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Shadow {
    /// `NAME-[EPOCH:]VERSION-RELEASE.ARCH` of the build's package.
    pub package: String,
    /// The same of the distribution's; of a [`ShadowKind::Vendor`] the vendor.
    pub other: String,
    /// Id of the distribution's repository that has it.
    pub repository: String,
    /// How it does that.
    pub kind: ShadowKind,
}

/// How a package stands in the way of one of the distribution's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ShadowKind {
    /// The same name and architecture, a higher version than the distribution's highest.
    Newer,
    /// It says that its vendor is the distribution's.
    Vendor,
    /// Another name; it obsoletes the distribution's.
    Obsoletes,
    /// Another name; it provides the distribution's.
    Provides,
}

impl Shadow {
    /// Whether [`ShadowCheck::Refuse`] fails a build for it.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        matches!(self.kind, ShadowKind::Newer | ShadowKind::Vendor)
    }
}

impl std::fmt::Display for Shadow {
    /// `bash-5.3-1.x86_64 is newer than the distribution's bash-5.2-1.x86_64 (repository fedora)`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { package, other, repository, .. } = self;
        match self.kind {
            ShadowKind::Newer => write!(f, "{package} is newer than the distribution's {other}"),
            ShadowKind::Vendor => {
                write!(f, "{package} says that its vendor is {other}, as the distribution's packages do")
            }
            ShadowKind::Obsoletes => write!(f, "{package} obsoletes the distribution's {other}"),
            ShadowKind::Provides => write!(f, "{package} provides the name of the distribution's {other}"),
        }?;
        write!(f, " (repository {repository})")
    }
}

/// What stands in a chroot definition's TOML file (`plugin-conf/chroots/NAME.toml`).
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ChrootDefinition {
    /// Shown beside the chroot's name, e.g. in `copr-cli list-chroots`.
    pub comment: String,
    /// The distribution's repositories.
    pub repositories: Vec<BuildRepository>,
    /// Packages that every buildroot has (mock's `@buildsys-build`), besides those of `group`.
    pub buildroot: Vec<String>,
    /// Id of the group in the repositories' comps that every buildroot has, e.g. `buildsys-build`; empty: none.
    pub group: String,
    /// Packages whose closure makes the tool root that installs the others (mock's bootstrap), normally `["rpm"]`.
    pub stage0: Vec<String>,
    /// What machines that make source packages have besides, e.g. `["git", "make"]`.
    pub source: Vec<String>,
    /// Packages whose closure makes the machine that runs rpmlint, e.g. `["rpmlint"]`; empty: it is not run.
    pub rpmlint: Vec<String>,
    /// Tags that a builder must have to build for this chroot.
    pub tags: Vec<String>,
    /// rpm's database folder in this distribution, e.g. `/usr/lib/sysimage/rpm`.
    pub dbpath: String,
    /// QEMU CPU model under emulation, by the distribution's baseline: `qemu64`, `Nehalem` or `max`.
    pub cpu: String,
    /// rpm macros that every build for this chroot gets.
    pub macros: Vec<(String, String)>,
}

/// A repository that a buildroot may draw from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BuildRepository {
    /// Its id, unique in the lease.
    pub id: String,
    /// `http://`, `https://` or `file://` URL of the folder that has `repodata/`; empty when a list names it.
    #[serde(default)]
    pub baseurl: String,
    /// URL of a list of mirrors, one a line, as in dnf.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mirrorlist: Option<String>,
    /// URL of a metalink, as in dnf.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metalink: Option<String>,
    /// OpenPGP keys, each a path or a `file://` URL on the builder; when there are any, every package must be signed by one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
    /// Lower wins, as in dnf; 99 when unset.
    #[serde(default = "default_priority")]
    pub priority: i32,
    /// Nothing is taken from it: it is only looked at where something is missing, to tell that it is there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
    /// A user has written its address, and it is none of the server's own: the builder asks only servers that are public, or that
    /// its administrator allows.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub external: bool,
}

fn default_priority() -> i32 {
    99
}

/// Sent while a lease is held.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Heartbeat {
    /// What the builder does now.
    pub stage: Stage,
}

/// How far a build-chroot is, as the builder sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Solving the buildroot and fetching its packages.
    Preparing,
    /// The machine boots.
    Booting,
    /// Packages are installed inside the machine.
    Installing,
    /// rpmbuild runs.
    Building,
    /// Results go to the server.
    Uploading,
}

/// The server's answer to a heartbeat.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HeartbeatReply {
    /// True when someone cancelled the build: stop the machine and finish with [`Outcome::Cancelled`].
    pub cancel: bool,
}

/// The end of a lease.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Finish {
    /// How it ended.
    pub outcome: Outcome,
    /// The results, all uploaded before; empty unless it succeeded. Of a source: the one SRPM.
    pub results: Vec<ResultFile>,
    /// Other files that were uploaded and are kept beside the results: the spec.
    #[serde(default)]
    pub others: Vec<SourceFile>,
    /// Which of the results stand in the way of the distribution's packages, [`MOST_SHADOWS`] at most.
    #[serde(default)]
    pub shadows: Vec<Shadow>,
}

/// How a build-chroot's run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Outcome {
    /// rpmbuild ended with 0 and every result passed the checks.
    Succeeded,
    /// The package's own failure: ends the build.
    UserFault {
        /// One sentence for the packager.
        message: String,
    },
    /// The package is not for this architecture (`ExclusiveArch`, `ExcludeArch`).
    Skipped {
        /// One sentence for the packager.
        message: String,
    },
    /// Ours: the build is leased again, elsewhere.
    MachineFault {
        /// One sentence for the admin.
        message: String,
    },
    /// Stopped because the server said so.
    Cancelled,
}

/// One RPM that a build made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResultFile {
    /// Flat file name, `NAME-VERSION-RELEASE.ARCH.rpm`.
    pub file: String,
    /// Length in bytes.
    pub size: u64,
    /// SHA-256, lower-case hex.
    pub sha256: String,
    /// Package name, from the header.
    pub name: String,
    /// Epoch, from the header; 0 when it has none.
    pub epoch: u32,
    /// Version, from the header.
    pub version: String,
    /// Release, from the header.
    pub release: String,
    /// Architecture, from the header; `src` for source packages.
    pub arch: String,
}
