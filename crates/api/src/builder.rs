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
}

/// A builder's claim on one build-chroot, with all that it needs to know for it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Lease {
    /// Names the lease in all further calls.
    pub id: String,
    /// The claim ends this many seconds after the last heartbeat; a builder beats at a third of it.
    pub seconds: u64,
    /// The build.
    pub build_id: i64,
    /// The chroot it is built for.
    pub chroot: Chroot,
    /// The project's owner.
    pub owner: OwnerName,
    /// The project's directory that the results go to.
    pub dirname: DirName,
    /// File name of the SRPM.
    pub source_name: String,
    /// SHA-256 of the SRPM, lower-case hex.
    pub source_sha256: String,
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
}

/// What stands in a chroot definition's TOML file (`plugin-conf/chroots/NAME.toml`).
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ChrootDefinition {
    /// Shown beside the chroot's name, e.g. in `copr-cli list-chroots`.
    pub comment: String,
    /// The distribution's repositories.
    pub repositories: Vec<BuildRepository>,
    /// Packages that every buildroot has (mock's `@buildsys-build`).
    pub buildroot: Vec<String>,
    /// Packages whose closure makes the tool root that installs the others (mock's bootstrap), normally `["rpm"]`.
    pub stage0: Vec<String>,
    /// rpm's database folder in this distribution, e.g. `/usr/lib/sysimage/rpm`.
    pub dbpath: String,
    /// QEMU CPU model under emulation, by the distribution's baseline: `qemu64`, `Nehalem` or `max`.
    pub cpu: String,
    /// rpm macros that every build for this chroot gets.
    pub macros: Vec<(String, String)>,
}

/// A repository that a buildroot may draw from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BuildRepository {
    /// Its id, unique in the lease.
    pub id: String,
    /// `http://`, `https://` or `file://` URL of the folder that has `repodata/`.
    pub baseurl: String,
    /// Lower wins, as in dnf; 99 when unset.
    #[serde(default = "default_priority")]
    pub priority: i32,
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
    /// The results, all uploaded before; empty unless it succeeded.
    pub results: Vec<ResultFile>,
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
