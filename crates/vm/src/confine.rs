//! A child process that looks at what others wrote: bounded from outside by [`Confined::run`], and from inside by [`enter`].

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io::{self, Read, Write},
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use landlock::{
    ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus, Scope,
    path_beneath_rules,
};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};

use crate::{machine::MachineError, qemu::find_program};

/// Most that is kept of what the child says on standard error, in bytes.
const MOST_SAID: u64 = 16 << 10;
/// How often the child is looked at.
const TICK: Duration = Duration::from_millis(5);

/// What a confined child may take.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// Address space, in bytes.
    pub memory: u64,
    /// Time of the processor, in seconds.
    pub cpu_seconds: u64,
    /// Time by the clock.
    pub wall: Duration,
    /// Open files.
    pub open_files: u64,
    /// Bytes on standard output.
    pub output: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { memory: 1 << 30, cpu_seconds: 60, wall: Duration::from_secs(120), open_files: 64, output: 16 << 20 }
    }
}

/// A program that is run within bounds. It shall call [`enter`] before it looks at anything.
#[derive(Debug, Clone)]
pub struct Confined {
    /// The program: normally the caller's own (`std::env::current_exe()`) with a hidden argument.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// What it may take.
    pub bounds: Bounds,
}

/// Why a confined child gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ConfineError {
    /// It could not be started.
    #[error(transparent)]
    Start(#[from] MachineError),
    /// Talking with it failed.
    #[error("the confined process: {0}")]
    Io(#[from] io::Error),
    /// It was killed at its limit of time.
    #[error("the confined process took more than {0:?}")]
    TooLong(Duration),
    /// It was killed because it wrote too much.
    #[error("the confined process wrote more than {0} bytes")]
    TooMuch(u64),
    /// It ended badly: its status, and what it said on standard error.
    #[error("the confined process {how}: {said}")]
    Failed {
        /// How it ended.
        how: String,
        /// What it said.
        said: String,
    },
    /// The kernel refused a bound, in [`enter`].
    #[error("this process cannot be confined: {0}")]
    Enter(String),
}

impl Confined {
    /// Runs it with `input` on standard input and an empty environment; what it wrote to standard output. It is killed when
    /// it passes a bound, and when the thread that called this dies.
    ///
    /// # Errors
    /// When it cannot be started, passes a bound, or ends with another status than 0.
    pub fn run(&self, input: &[u8]) -> Result<Vec<u8>, ConfineError> {
        let tool =
            |program| find_program(program).ok_or(MachineError::MissingProgram { program, package: "util-linux" });
        let mut command = Command::new(tool("setpriv")?);
        command.args(["--pdeathsig", "KILL", "--no-new-privs", "--"]).arg(tool("prlimit")?);
        let bounds = &self.bounds;
        for (name, most) in [
            ("as", bounds.memory),
            ("cpu", bounds.cpu_seconds),
            ("nofile", bounds.open_files),
            ("fsize", 0),
            ("core", 0),
        ] {
            command.arg(format!("--{name}={most}"));
        }
        command.arg("--").arg(&self.program).args(&self.args).env_clear();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let flooded = AtomicBool::new(false);
        std::thread::scope(|scope| {
            // It may end without having read all: no error of ours.
            scope.spawn(|| stdin.map(|mut pipe| pipe.write_all(input)));
            let output = scope.spawn(|| {
                let mut output = Vec::new();
                let read = stdout.map_or(Ok(0), |pipe| pipe.take(bounds.output + 1).read_to_end(&mut output));
                flooded.store(output.len() as u64 > bounds.output, Ordering::Relaxed);
                read.map(|_| output)
            });
            let said = scope.spawn(|| {
                let mut said = Vec::new();
                if let Some(mut pipe) = stderr {
                    let _ = pipe.by_ref().take(MOST_SAID).read_to_end(&mut said);
                    let _ = io::copy(&mut pipe, &mut io::sink());
                }
                String::from_utf8_lossy(&said).trim().to_owned()
            });
            let ended = wait(&mut child, bounds, &flooded);
            // Both fail only when it has ended already.
            let _ = child.kill();
            let _ = child.wait();
            let (output, said) = (output.join().unwrap_or_else(|_| Ok(Vec::new())), said.join().unwrap_or_default());
            let status = ended?;
            if flooded.load(Ordering::Relaxed) {
                return Err(ConfineError::TooMuch(bounds.output));
            }
            if status.success() { Ok(output?) } else { Err(ConfineError::Failed { how: how(status), said }) }
        })
    }
}

fn wait(child: &mut std::process::Child, bounds: &Bounds, flooded: &AtomicBool) -> Result<ExitStatus, ConfineError> {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if flooded.load(Ordering::Relaxed) {
            return Err(ConfineError::TooMuch(bounds.output));
        }
        if started.elapsed() >= bounds.wall {
            return Err(ConfineError::TooLong(bounds.wall));
        }
        std::thread::sleep(TICK);
    }
}

fn how(status: ExitStatus) -> String {
    match status.signal() {
        Some(libc::SIGSYS) => "was killed: it made a system call that it may not make".to_owned(),
        Some(libc::SIGXCPU | libc::SIGKILL) => "was killed: it passed a limit".to_owned(),
        Some(signal) => format!("was killed by signal {signal}"),
        None => format!("ended with {status}"),
    }
}

/// Gives up, for ever and for all threads, everything that reading files and answering on standard output does not need:
/// no new privileges; a list of system calls, of which any other kills the process, and by which no file can be opened
/// for writing and no memory become code; and, where the kernel has Landlock, no file but those in `read_only` and no
/// network. Call it first, while the process has one thread. One sentence tells what the kernel gave.
///
/// # Errors
/// When the kernel has no seccomp. That it has no Landlock is told in the sentence.
pub fn enter(read_only: &[&Path]) -> Result<String, ConfineError> {
    let refused = |error: &dyn std::fmt::Display| ConfineError::Enter(error.to_string());
    let files = landlock(read_only).map_err(|error| refused(&error))?;
    let filter = filter().map_err(|error| refused(&error))?;
    seccompiler::apply_filter_all_threads(&filter).map_err(|error| refused(&error))?;
    Ok(format!("confined: system calls by seccomp, {files}"))
}

fn landlock(read_only: &[&Path]) -> Result<&'static str, landlock::RulesetError> {
    let abi = ABI::V6;
    let status = Ruleset::default()
        .handle_access(AccessFs::from_all(abi))?
        .handle_access(AccessNet::from_all(abi))?
        .scope(Scope::from_all(abi))?
        .create()?
        .add_rules(path_beneath_rules(read_only, AccessFs::ReadFile | AccessFs::ReadDir))?
        .restrict_self()?;
    Ok(match status.ruleset {
        RulesetStatus::FullyEnforced => "files and network by Landlock",
        RulesetStatus::PartiallyEnforced => "files by an old Landlock",
        RulesetStatus::NotEnforced => "files not at all: this kernel has no Landlock",
    })
}

/// Reading, answering, memory, time, and the end.
const ALLOWED: [libc::c_long; 38] = [
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_pread64,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_lseek,
    libc::SYS_close,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_readlinkat,
    libc::SYS_faccessat,
    libc::SYS_getdents64,
    libc::SYS_getcwd,
    libc::SYS_fcntl,
    libc::SYS_fadvise64,
    libc::SYS_ppoll,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_brk,
    libc::SYS_madvise,
    libc::SYS_futex,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_getrandom,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_tgkill,
    libc::SYS_restart_syscall,
    libc::SYS_exit,
    libc::SYS_exit_group,
];
/// The same by the names that the C library of x86-64 still uses.
#[cfg(target_arch = "x86_64")]
const ALLOWED_OLD: [libc::c_long; 5] =
    [libc::SYS_stat, libc::SYS_lstat, libc::SYS_readlink, libc::SYS_access, libc::SYS_poll];
#[cfg(not(target_arch = "x86_64"))]
const ALLOWED_OLD: [libc::c_long; 0] = [];

fn filter() -> Result<BpfProgram, seccompiler::BackendError> {
    let without = |argument: u8, bits: libc::c_int| {
        let bits = u64::from(bits.unsigned_abs());
        let none = SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(bits), 0)?;
        Ok::<_, seccompiler::BackendError>(vec![SeccompRule::new(vec![none])?])
    };
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        ALLOWED.into_iter().chain(ALLOWED_OLD).map(|call| (call, Vec::new())).collect();
    let changes = libc::O_ACCMODE | libc::O_CREAT | libc::O_TRUNC;
    rules.insert(libc::SYS_openat, without(2, changes)?);
    #[cfg(target_arch = "x86_64")]
    rules.insert(libc::SYS_open, without(1, changes)?);
    for call in [libc::SYS_mmap, libc::SYS_mprotect] {
        rules.insert(call, without(2, libc::PROT_EXEC)?);
    }
    let arch = std::env::consts::ARCH.try_into()?;
    SeccompFilter::new(rules, SeccompAction::KillProcess, SeccompAction::Allow, arch)?.try_into()
}
