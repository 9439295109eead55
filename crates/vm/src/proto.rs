//! The words between host and guest: frames on the virtio-serial port [`PORT`], and the [`Job`] on the input disk.
//!
//! A frame is `kind u8 | length u32 LE | payload`, the payload at most [`MAX_FRAME`] bytes. From guest to host:
//!
//! | kind | meaning | payload |
//! |---|---|---|
//! | `S` | stage | `ready VERSION UPTIME`, then `hello NONCE UPTIME`, then `STAGE UPTIME` (seconds, two decimals) |
//! | `L` | log | stream u8 (0 = root.log, 1 = build.log, 2 = rpmlint.log), bytes |
//! | `H` | heartbeat, every five seconds | JSON of [`Heartbeat`] |
//! | `I` | what is installed | text, one `nevra buildtime size` a line |
//! | `B` | build-requires | `static N` or `dynamic N` (round, from 1), then one requirement a line |
//! | `F` | a result begins | size u64 LE, file name |
//! | `D` | its bytes | bytes |
//! | `Z` | it ends | SHA-256, 32 bytes |
//! | `X` | the job's end, once, last but for the `S end` | `exit N` or `error KIND TEXT` |
//! | `E` | a remark for the log of the builder | text |
//!
//! From host to guest: `T` (begin: the time, and bytes for the random pool, see [`Begin`]), `G` (the spare disk holds packages:
//! install them all), `N` (nothing to add), `C` (cancel), `R` (the `S end` is received, and so is all before it). The host never
//! sends anything that the guest chose.
//!
//! A guest that has booted says `ready` and waits for `T`: this is where a machine is put aside as a snapshot, and where each
//! machine that starts from one goes on. It has looked at no disk before.
//!
//! A guest powers off only behind the `R`: what it has written lies in the port's queue, up to 4 MiB of it, until the host
//! reads, and a machine that goes off takes its queues with it.

use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};

/// Version of this protocol; both sides must name the same.
pub const VERSION: u32 = 3;
/// Longest payload of a frame, in bytes.
pub const MAX_FRAME: usize = 2 << 20;
/// Name of the virtio-serial port.
pub const PORT: &str = "build.0";
/// Serial of the read-only input disk.
pub const INPUT_SERIAL: &str = "in";
/// Serial of the scratch disk that the target root lives on.
pub const SCRATCH_SERIAL: &str = "scratch";
/// Serial of the read-only disk that the host fills with further packages, once a round.
pub const SPARE_SERIAL: &str = "spare";
/// Most rounds of build-requires, static and dynamic together counted apart (mock's `max_loops`).
pub const MOST_ROUNDS: u32 = 10;
/// Folder of the packages to install on the input disk, and on the spare disk.
pub const PACKAGES_DIR: &str = "rpms";
/// Folder of the source package on the input disk; of a source job, of its spec and sources.
pub const SOURCE_DIR: &str = "src";
/// Folder of the packages that rpmlint reads on the input disk.
pub const LINT_DIR: &str = "lint";
/// File name of the [`Job`] on the input disk, as JSON.
pub const JOB_FILE: &str = "job.json";
/// Seconds between two heartbeats.
pub const HEARTBEAT_SECONDS: u64 = 5;
/// Longest text of a diagnostic or of an error, in bytes; longer ones are cut by the sender and refused by the receiver.
pub const MAX_TEXT: usize = 16 << 10;
/// Longest file name of a result, in bytes.
pub const MAX_NAME: usize = 205;

/// What was wrong with a frame.
#[derive(Debug, thiserror::Error)]
pub enum ProtoError {
    /// Reading or writing failed.
    #[error("the channel between host and machine: {0}")]
    Io(#[from] io::Error),
    /// The channel ended in the middle of a frame.
    #[error("the channel ended in the middle of a frame")]
    Truncated,
    /// A length beyond [`MAX_FRAME`].
    #[error("a frame of {0} bytes; at most {MAX_FRAME} are allowed")]
    TooLong(usize),
    /// A kind that nobody knows.
    #[error("a frame of unknown kind {0:#04x}")]
    UnknownKind(u8),
    /// A payload that does not fit its kind.
    #[error("a malformed {kind:?} frame: {what}")]
    Malformed {
        /// The frame's kind.
        kind: char,
        /// What is wrong with it.
        what: &'static str,
    },
}

/// How far the guest is. The order is the order in which they are reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// The guest has booted and waits for the word to begin.
    Ready,
    /// It has begun, and read its job.
    Hello,
    /// The disks are mounted.
    Mounted,
    /// All packages are installed.
    Installed,
    /// The source package is unpacked and rebuilt (`rpmbuild -bs`), and all that it requires is installed.
    Unpacked,
    /// rpmbuild has ended, well or not.
    Built,
    /// All is sent; the guest powers off as soon as the host has received it.
    End,
}

impl Stage {
    /// The word on the wire, and in `state.log`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Hello => "hello",
            Self::Mounted => "mounted",
            Self::Installed => "installed",
            Self::Unpacked => "unpacked",
            Self::Built => "built",
            Self::End => "end",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Self::Ready, Self::Hello, Self::Mounted, Self::Installed, Self::Unpacked, Self::Built, Self::End]
            .into_iter()
            .find(|stage| stage.as_str() == word)
    }
}

impl std::fmt::Display for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which log a piece belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LogStream {
    /// `root.log`: installing the buildroot.
    Root,
    /// `build.log`: rpmbuild.
    Build,
    /// `rpmlint.log`.
    Lint,
}

/// The guest's state, sent every [`HEARTBEAT_SECONDS`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Heartbeat {
    /// Seconds since the kernel started.
    pub uptime: f64,
    /// Memory that is available, in KiB.
    pub memory_available_kib: u64,
    /// Bytes free on the scratch disk.
    pub disk_free: u64,
    /// Load average over one minute.
    pub load: f64,
}

/// Why a job ended without rpmbuild's verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The guest could not set itself up: disks, mounts, job file. A machine fault.
    Setup,
    /// rpm's transaction that installs the buildroot failed.
    Transaction,
    /// The source package cannot be unpacked or rebuilt. The packager's fault.
    Source,
    /// A limit was passed: log bytes, result sizes, number of results. The packager's fault.
    Limit,
    /// The package is not for this architecture.
    Skipped,
    /// The results cannot be handed back. The packager's fault: no package was made, or a name is not allowed.
    Results,
    /// The host said cancel, or went away.
    Cancelled,
}

impl ErrorKind {
    const ALL: [Self; 7] =
        [Self::Setup, Self::Transaction, Self::Source, Self::Limit, Self::Skipped, Self::Results, Self::Cancelled];

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Setup => "setup",
            Self::Transaction => "transaction",
            Self::Source => "source",
            Self::Limit => "limit",
            Self::Skipped => "skipped",
            Self::Results => "results",
            Self::Cancelled => "cancelled",
        }
    }
}

/// The job's end, as the guest tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GuestExit {
    /// rpmbuild's exit status (128 + signal when it was killed).
    Exit(i32),
    /// It came to no verdict.
    Error(ErrorKind, String),
}

/// One frame from the guest.
#[derive(Debug, Clone, PartialEq)]
pub enum FromGuest {
    /// The first frame: booted, and waiting for [`ToGuest::Begin`].
    Ready {
        /// The guest's [`VERSION`].
        version: u32,
        /// Seconds since the kernel started.
        uptime: f64,
    },
    /// The first frame of the job.
    Hello {
        /// The job's nonce, or `-` when the guest could not read its job.
        nonce: String,
        /// Seconds since the kernel started.
        uptime: f64,
    },
    /// A stage is reached.
    Stage {
        /// Which; neither [`Stage::Ready`] nor [`Stage::Hello`].
        stage: Stage,
        /// Seconds since the kernel started.
        uptime: f64,
    },
    /// A piece of a log.
    Log(LogStream, Vec<u8>),
    /// Alive.
    Heartbeat(Heartbeat),
    /// What is installed before rpmbuild starts.
    Installed(String),
    /// The requirements of the rebuilt source package; the host answers [`ToGuest::Go`] or [`ToGuest::Nothing`].
    BuildRequires {
        /// Which question this is, from 1, counted for each kind.
        round: u32,
        /// Whether they come from `%generate_buildrequires`.
        dynamic: bool,
        /// One requirement each, as rpm writes it: `name`, or `name >= evr`, or `(rich)`.
        requires: Vec<String>,
    },
    /// A result begins.
    File {
        /// Its length in bytes.
        size: u64,
        /// Its name; not yet checked, see [`valid_result_name`].
        name: String,
    },
    /// Bytes of the result that began last.
    Data(Vec<u8>),
    /// The result that began last is complete.
    FileEnd {
        /// SHA-256 of its bytes.
        sha256: [u8; 32],
    },
    /// The job's end.
    Exit(GuestExit),
    /// A remark.
    Diagnostic(String),
}

/// What a guest cannot know that has just woken up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Begin {
    /// Seconds since 1970.
    pub seconds: u64,
    /// And nanoseconds.
    pub nanoseconds: u32,
    /// For the kernel's random pool.
    pub seed: [u8; 64],
}

/// One frame from the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToGuest {
    /// Begin the job.
    Begin(Begin),
    /// The spare disk is filled.
    Go,
    /// Nothing is to be added: build.
    Nothing,
    /// Stop and power off.
    Cancel,
    /// All is received, the `S end` too: power off.
    Received,
}

/// Reads one frame: its kind and payload. `None` at the end of the channel.
///
/// # Errors
/// When reading fails, when the channel ends inside a frame, when the length is beyond [`MAX_FRAME`].
pub fn read_frame(reader: &mut impl Read) -> Result<Option<(u8, Vec<u8>)>, ProtoError> {
    let mut head = [0u8; 5];
    if !fill(reader, &mut head)? {
        return Ok(None);
    }
    let [kind, a, b, c, d] = head;
    let length = u32::from_le_bytes([a, b, c, d]) as usize;
    if length > MAX_FRAME {
        return Err(ProtoError::TooLong(length));
    }
    let mut payload = vec![0; length];
    if length > 0 && !fill(reader, &mut payload)? {
        return Err(ProtoError::Truncated);
    }
    Ok(Some((kind, payload)))
}

/// Fills `buffer`; false when the channel ended before its first byte.
fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> Result<bool, ProtoError> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match reader.read(rest) {
            Ok(0) if filled == 0 => return Ok(false),
            Ok(0) => return Err(ProtoError::Truncated),
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(true)
}

/// Writes one frame with a single `write_all`.
///
/// # Errors
/// When writing fails or the payload is longer than [`MAX_FRAME`].
pub fn write_frame(writer: &mut impl Write, kind: u8, payload: &[u8]) -> Result<(), ProtoError> {
    let length = u32::try_from(payload.len()).ok().filter(|_| payload.len() <= MAX_FRAME);
    let length = length.ok_or(ProtoError::TooLong(payload.len()))?;
    let mut bytes = Vec::with_capacity(5 + payload.len());
    bytes.push(kind);
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(payload);
    Ok(writer.write_all(&bytes)?)
}

impl FromGuest {
    /// The frame's kind and payload.
    pub fn encode(&self) -> (u8, Vec<u8>) {
        match self {
            Self::Ready { version, uptime } => (b'S', format!("ready {version} {uptime:.2}").into()),
            Self::Hello { nonce, uptime } => (b'S', format!("hello {nonce} {uptime:.2}").into()),
            Self::Stage { stage, uptime } => (b'S', format!("{stage} {uptime:.2}").into()),
            Self::Log(stream, bytes) => {
                let mut payload = Vec::with_capacity(bytes.len() + 1);
                payload.push(match stream {
                    LogStream::Root => 0,
                    LogStream::Build => 1,
                    LogStream::Lint => 2,
                });
                payload.extend_from_slice(bytes);
                (b'L', payload)
            }
            Self::Heartbeat(beat) => (b'H', serde_json::to_vec(beat).unwrap_or_default()),
            Self::Installed(text) => (b'I', text.clone().into()),
            Self::BuildRequires { round, dynamic, requires } => {
                let kind = if *dynamic { "dynamic" } else { "static" };
                let lines = requires.iter().map(|line| format!("\n{line}")).collect::<String>();
                (b'B', format!("{kind} {round}{lines}").into())
            }
            Self::File { size, name } => {
                let mut payload = size.to_le_bytes().to_vec();
                payload.extend_from_slice(name.as_bytes());
                (b'F', payload)
            }
            Self::Data(bytes) => (b'D', bytes.clone()),
            Self::FileEnd { sha256 } => (b'Z', sha256.to_vec()),
            Self::Exit(GuestExit::Exit(code)) => (b'X', format!("exit {code}").into()),
            Self::Exit(GuestExit::Error(kind, text)) => (b'X', format!("error {} {}", kind.as_str(), cut(text)).into()),
            Self::Diagnostic(text) => (b'E', cut(text).into()),
        }
    }

    /// The meaning of a frame that [`read_frame`] returned.
    ///
    /// # Errors
    /// When the kind is unknown or the payload does not fit it.
    pub fn decode(kind: u8, payload: Vec<u8>) -> Result<Self, ProtoError> {
        let malformed = |what| ProtoError::Malformed { kind: char::from(kind), what };
        let text = |payload: Vec<u8>| String::from_utf8(payload).map_err(|_| malformed("it is not UTF-8"));
        let short = |payload: Vec<u8>| {
            if payload.len() > MAX_TEXT { Err(malformed("its text is too long")) } else { text(payload) }
        };
        match kind {
            b'S' => decode_stage(&short(payload)?).ok_or_else(|| malformed("no such stage")),
            b'L' => {
                let (&stream, bytes) = payload.split_first().ok_or_else(|| malformed("it is empty"))?;
                let stream = match stream {
                    0 => LogStream::Root,
                    1 => LogStream::Build,
                    2 => LogStream::Lint,
                    _ => return Err(malformed("no such stream")),
                };
                Ok(Self::Log(stream, bytes.to_vec()))
            }
            b'H' if payload.len() > MAX_TEXT => Err(malformed("it is too long")),
            b'H' => serde_json::from_slice(&payload).map(Self::Heartbeat).map_err(|_| malformed("it is no heartbeat")),
            b'I' => Ok(Self::Installed(text(payload)?)),
            b'B' => decode_requires(&text(payload)?).ok_or_else(|| malformed("its first line is wrong")),
            b'F' => {
                let (size, name) = payload.split_first_chunk::<8>().ok_or_else(|| malformed("it has no size"))?;
                if name.len() > MAX_NAME {
                    return Err(malformed("its name is too long"));
                }
                let name = std::str::from_utf8(name).map_err(|_| malformed("it is not UTF-8"))?.to_owned();
                Ok(Self::File { size: u64::from_le_bytes(*size), name })
            }
            b'D' => Ok(Self::Data(payload)),
            b'Z' => {
                let sha256 = payload.try_into().map_err(|_| malformed("its sum has not 32 bytes"))?;
                Ok(Self::FileEnd { sha256 })
            }
            b'X' => decode_exit(&short(payload)?).map(Self::Exit).ok_or_else(|| malformed("it is no verdict")),
            b'E' => Ok(Self::Diagnostic(short(payload)?)),
            other => Err(ProtoError::UnknownKind(other)),
        }
    }
}

fn decode_stage(text: &str) -> Option<FromGuest> {
    let mut words = text.split(' ');
    let stage = Stage::parse(words.next()?)?;
    let frame = match stage {
        Stage::Ready => {
            FromGuest::Ready { version: words.next()?.parse().ok()?, uptime: decode_uptime(words.next()?)? }
        }
        Stage::Hello => {
            let nonce = words.next().filter(|nonce| nonce.len() <= 64)?.to_owned();
            FromGuest::Hello { nonce, uptime: decode_uptime(words.next()?)? }
        }
        _ => FromGuest::Stage { stage, uptime: decode_uptime(words.next()?)? },
    };
    words.next().is_none().then_some(frame)
}

fn decode_requires(text: &str) -> Option<FromGuest> {
    let mut lines = text.lines();
    let (kind, round) = lines.next()?.split_once(' ')?;
    let dynamic = match kind {
        "static" => false,
        "dynamic" => true,
        _ => return None,
    };
    let round = round.parse().ok().filter(|round| (1..=MOST_ROUNDS).contains(round))?;
    Some(FromGuest::BuildRequires { round, dynamic, requires: lines.map(str::to_owned).collect() })
}

fn decode_uptime(word: &str) -> Option<f64> {
    word.parse().ok().filter(|seconds: &f64| seconds.is_finite() && *seconds >= 0.0)
}

fn decode_exit(text: &str) -> Option<GuestExit> {
    if let Some(code) = text.strip_prefix("exit ") {
        return code.parse().ok().filter(|code| (0..=255).contains(code)).map(GuestExit::Exit);
    }
    let (kind, text) = text.strip_prefix("error ")?.split_once(' ')?;
    let kind = ErrorKind::ALL.into_iter().find(|known| known.as_str() == kind)?;
    Some(GuestExit::Error(kind, text.to_owned()))
}

/// At most [`MAX_TEXT`] less some room for the words before it, cut at a character's border.
fn cut(text: &str) -> &str {
    let mut end = text.len().min(MAX_TEXT - 64);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

impl ToGuest {
    /// The frame's kind and payload.
    pub fn encode(self) -> (u8, Vec<u8>) {
        match self {
            Self::Begin(begin) => {
                let mut payload = Vec::with_capacity(BEGIN_BYTES);
                payload.extend(begin.seconds.to_le_bytes());
                payload.extend(begin.nanoseconds.to_le_bytes());
                payload.extend(begin.seed);
                (b'T', payload)
            }
            Self::Go => (b'G', Vec::new()),
            Self::Nothing => (b'N', Vec::new()),
            Self::Cancel => (b'C', Vec::new()),
            Self::Received => (b'R', Vec::new()),
        }
    }

    /// The meaning of a frame that [`read_frame`] returned.
    ///
    /// # Errors
    /// When the kind is unknown or the payload does not fit it.
    pub fn decode(kind: u8, payload: &[u8]) -> Result<Self, ProtoError> {
        match (kind, payload) {
            (b'T', _) if payload.len() == BEGIN_BYTES => {
                begin(payload).map(Self::Begin).ok_or(ProtoError::Malformed { kind: 'T', what: "its length is wrong" })
            }
            (b'G', []) => Ok(Self::Go),
            (b'N', []) => Ok(Self::Nothing),
            (b'C', []) => Ok(Self::Cancel),
            (b'R', []) => Ok(Self::Received),
            (b'T' | b'G' | b'N' | b'C' | b'R', _) => {
                Err(ProtoError::Malformed { kind: char::from(kind), what: "its length is wrong" })
            }
            (other, _) => Err(ProtoError::UnknownKind(other)),
        }
    }
}

/// Length of a [`ToGuest::Begin`]'s payload.
const BEGIN_BYTES: usize = 8 + 4 + 64;

fn begin(payload: &[u8]) -> Option<Begin> {
    let (seconds, rest) = payload.split_first_chunk()?;
    let (nanoseconds, rest) = rest.split_first_chunk()?;
    let (seed, _) = rest.split_first_chunk()?;
    Some(Begin { seconds: u64::from_le_bytes(*seconds), nanoseconds: u32::from_le_bytes(*nanoseconds), seed: *seed })
}

/// True for the file names that a result may have: flat, `A-Za-z0-9` first, then also `._+~^-`, ending in `.rpm` or
/// `.spec`, at most [`MAX_NAME`] bytes.
pub fn valid_result_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    let tail = name.strip_suffix(".rpm").or_else(|| name.strip_suffix(".spec"));
    name.len() <= MAX_NAME
        && tail.is_some_and(|stem| !stem.is_empty())
        && bytes.next().is_some_and(|first| first.is_ascii_alphanumeric())
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"._+~^-".contains(&byte))
}

/// Why a package is not built for `arch`, by the `ExclusiveArch`, `ExcludeArch` and `BuildArch` of its header (rpm's
/// `EXCLUSIVEARCH`, `EXCLUDEARCH` and `BUILDARCHS`); `None` when it is. As Koji chooses: what names `noarch` is built anywhere
/// that is not excluded.
pub fn excluded(arch: &str, exclusive: &[String], exclude: &[String], build_archs: &[String]) -> Option<String> {
    let names = |list: &[String], what: &str| list.iter().any(|word| word.eq_ignore_ascii_case(what));
    if names(exclude, arch) {
        return Some(format!("its spec says ExcludeArch: {}", exclude.join(" ")));
    }
    for (tag, list) in [("ExclusiveArch", exclusive), ("BuildArch", build_archs)] {
        if !list.is_empty() && !names(list, arch) && !names(list, "noarch") {
            return Some(format!("its spec says {tag}: {}, and this is {arch}", list.join(" ")));
        }
    }
    None
}

/// What a machine is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum JobKind {
    /// Install the packages of the input disk and leave the scratch disk clean: it is to be the base of others.
    Base,
    /// Install them, rebuild the source package, and build it.
    Build {
        /// File name of the source package in the folder [`SOURCE_DIR`].
        source: String,
    },
    /// Make a source package of the files in [`SOURCE_DIR`].
    Spec {
        /// File name of the spec there; everything else is a source.
        spec: String,
    },
    /// Make a source package of a git repository.
    Git {
        /// `https://`, `http://` or `git://`.
        clone_url: String,
        /// Branch, tag or commit; the default branch when there is none.
        committish: Option<String>,
        /// Folder in the repository, relative; empty: its top.
        subdirectory: String,
        /// Path of the spec in that folder; `None`: the only one.
        spec: Option<String>,
        /// Whether `.copr/Makefile` makes it (as root) instead of `rpmbuild -bs` on the spec as it stands.
        make: bool,
    },
    /// Run rpmlint on the packages in [`LINT_DIR`]; the job's exit status is rpmlint's.
    Lint,
}

/// What the guest is to do; `job.json` on the input disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// Repeated in the guest's hello, only to catch mix-ups. The host sets it for each machine.
    pub nonce: String,
    /// What is to be done.
    pub kind: JobKind,
    /// rpm's database folder in the target, absolute.
    pub dbpath: String,
    /// Whether the machine has a network card that is to be set up.
    pub network: bool,
    /// Architecture to build for (`rpmbuild --target`).
    pub arch: String,
    /// Lines for `.rpmmacros`: name without `%`, value. Later ones win.
    pub macros: Vec<(String, String)>,
    /// The user that rpmbuild runs as; made when the target lacks it.
    pub user: String,
    /// Its number.
    pub uid: u32,
    /// Its group; made when the target lacks it.
    pub group: String,
    /// The group's number.
    pub gid: u32,
    /// Host name inside the machine and `%_buildhost`.
    pub hostname: String,
    /// Most bytes of all logs together; a build that writes more is killed.
    pub log_bytes: u64,
    /// Largest result, in bytes.
    pub file_bytes: u64,
    /// Most bytes of all results together.
    pub total_bytes: u64,
    /// Most results.
    pub files: u32,
}

impl JobKind {
    fn check(&self) -> Result<(), String> {
        // What may stand as an argument of a program: printable, short, and no option.
        let argument = |text: &str| {
            !text.is_empty()
                && text.len() <= 2000
                && !text.starts_with('-')
                && text.bytes().all(|byte| byte.is_ascii_graphic())
        };
        let relative = |text: &str| {
            argument(text) && !text.starts_with('/') && !text.split('/').any(|part| matches!(part, "" | "." | ".."))
        };
        match self {
            Self::Base | Self::Lint => Ok(()),
            Self::Build { source } if source.ends_with(".src.rpm") && valid_result_name(source) => Ok(()),
            Self::Build { source } => {
                Err(format!("the source package's file name {source:?} is not NAME-VERSION-RELEASE.src.rpm"))
            }
            Self::Spec { spec } if spec.ends_with(".spec") && valid_result_name(spec) => Ok(()),
            Self::Spec { spec } => Err(format!("the spec may not have the file name {spec:?}")),
            Self::Git { clone_url, committish, subdirectory, spec, make: _ } => {
                let scheme = ["https://", "http://", "git://"].iter().any(|scheme| clone_url.starts_with(scheme));
                if !scheme || !argument(clone_url) {
                    return Err(format!("{clone_url:?} is no https://, http:// or git:// address"));
                }
                if committish.as_deref().is_some_and(|text| !argument(text)) {
                    return Err(format!("{committish:?} is no branch, tag or commit"));
                }
                if !(subdirectory.is_empty() || relative(subdirectory)) {
                    return Err(format!("{subdirectory:?} is no folder inside a repository"));
                }
                match spec {
                    Some(spec) if !(relative(spec) && spec.ends_with(".spec")) => {
                        Err(format!("{spec:?} is no spec inside that folder"))
                    }
                    _ => Ok(()),
                }
            }
        }
    }
}

impl Job {
    /// A job with mock's user names and the limits of the host's defaults, without a network.
    pub fn new(kind: JobKind, dbpath: impl Into<String>, arch: impl Into<String>) -> Self {
        Self {
            nonce: "-".to_owned(),
            kind,
            network: false,
            dbpath: dbpath.into(),
            arch: arch.into(),
            macros: Vec::new(),
            user: "mockbuild".to_owned(),
            uid: 1000,
            group: "mock".to_owned(),
            gid: 1000,
            hostname: "builder".to_owned(),
            log_bytes: 64 << 20,
            file_bytes: 4 << 30,
            total_bytes: 16 << 30,
            files: 500,
        }
    }

    /// Checks every field that ends up in a path, a command line or a file of the target.
    ///
    /// # Errors
    /// One sentence that names the field.
    pub fn check(&self) -> Result<(), String> {
        let word = |text: &str| {
            !text.is_empty()
                && text.len() <= 64
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
                && !text.starts_with(['-', '.'])
        };
        self.kind.check()?;
        let dbpath_ok = self.dbpath.starts_with('/')
            && self.dbpath.len() <= 256
            && !self.dbpath.split('/').any(|part| part == ".." || part == ".")
            && self.dbpath.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte));
        if !dbpath_ok {
            return Err(format!("the rpm database folder {:?} is not a plain absolute path", self.dbpath));
        }
        for (what, value) in
            [("architecture", &self.arch), ("user", &self.user), ("group", &self.group), ("host name", &self.hostname)]
        {
            if !word(value) {
                return Err(format!("the {what} {value:?} is not a plain word"));
            }
        }
        if self.uid == 0 || self.gid == 0 {
            return Err("rpmbuild must not run as root: uid and gid must not be 0".to_owned());
        }
        for (name, value) in &self.macros {
            let name_ok = name.len() <= 256
                && name.bytes().next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            if !name_ok {
                return Err(format!("{name:?} is no name of an rpm macro"));
            }
            if value.contains(['\n', '\r', '\0']) || value.len() > 16 << 10 {
                return Err(format!("the value of the rpm macro {name} must be one line of at most 16 KiB"));
            }
        }
        Ok(())
    }
}
