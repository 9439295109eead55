//! The two processes between PID 1 and a program that is not ours.
//!
//! `outer` makes new namespaces and starts `inner` in them. `inner` is PID 1 there: it enters the place where the program
//! is to run, gives up what it may not have there, starts the program, and reaps until that one ends; with it the kernel
//! ends everything else in the namespace. So a program sees no process of the machine's, a `kill -9 -1` meets only its own
//! kind, and a `reboot` ends only its namespace.

use std::{
    io,
    process::{Command, Stdio},
};

use copr_vm::proto::Job;
use nix::{
    errno::Errno,
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
    sys::{
        prctl::{set_no_new_privs, set_pdeathsig},
        resource::{Resource, setrlimit},
        signal::Signal,
        wait::{WaitStatus, waitpid},
    },
    unistd::{Gid, Pid, Uid, chdir, chroot, setgroups, setresgid, setresuid},
};

use crate::system::TARGET;

/// The hidden arguments.
pub(crate) const OUTER: &str = "build-child";
pub(crate) const INNER: &str = "build-inner";
/// Exit status when the program could not be started at all.
const NOT_STARTED: i32 = 127;
/// This program, seen from outside the target.
const SELF: &str = "/proc/self/exe";
/// The user's home in the target.
pub(crate) const HOME: &str = "/builddir";
/// Files that a program may have open, and to how many it may raise that; systemd's numbers, which test suites count on.
const OPEN_FILES: (u64, u64) = (1024, 524_288);

/// Where a program runs, and as whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the target, as the job's user, who never becomes another.
    User,
    /// In the target, as its root.
    Root,
    /// Beside the target, in the tool root, as root: rpm, which enters the target by itself for its scriptlets.
    Tools,
}

impl Place {
    const ALL: [Self; 3] = [Self::User, Self::Root, Self::Tools];

    fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Root => "root",
            Self::Tools => "tools",
        }
    }
}

/// The command that runs `program` at `place`; in the target it has mock's environment.
pub(crate) fn command(job: &Job, place: Place, program: &[&str]) -> Command {
    let mut command = Command::new(SELF);
    command.args([OUTER, place.as_str(), &job.uid.to_string(), &job.gid.to_string()]).args(program).env_clear();
    command.envs([("PATH", "/usr/bin:/bin:/usr/sbin:/sbin"), ("TERM", "vt100"), ("LANG", "C.UTF-8")]);
    let (user, home) = match place {
        Place::User => (job.user.as_str(), HOME),
        Place::Root | Place::Tools => ("root", "/root"),
    };
    command.envs([("HOME", home)]);
    if place != Place::Tools {
        command.envs([("USER", user), ("LOGNAME", user)]);
        command.envs([
            ("SHELL", "/bin/bash"),
            ("HOSTNAME", "mock"),
            ("PROMPT_COMMAND", "printf \"\\033]0;<mock-chroot>\\007\""),
            ("PS1", "<mock-chroot> \\s-\\v\\$ "),
        ]);
    }
    command
}

/// In the machine's namespaces, as root. Arguments: place, uid, gid, program and its arguments.
pub(crate) fn outer(args: &[String]) -> i32 {
    let flags = CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWIPC;
    let child = unshare(flags)
        .map_err(io::Error::from)
        .and_then(|()| Command::new(SELF).arg(INNER).args(args).stdin(Stdio::null()).spawn());
    match child {
        Ok(mut child) => child.wait().map_or(NOT_STARTED, exit_code),
        Err(error) => not_started("a new namespace", &error),
    }
}

fn exit_code(status: std::process::ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default())
}

fn not_started(what: &str, error: &dyn std::fmt::Display) -> i32 {
    eprintln!("copr-guest: {what}: {error}");
    NOT_STARTED
}

/// In the new namespaces, still as root. Arguments as those of [`outer`].
pub(crate) fn inner(args: &[String]) -> i32 {
    let [place, uid, gid, program, rest @ ..] = args else { return not_started("arguments", &"missing") };
    let place = Place::ALL.into_iter().find(|known| known.as_str() == place);
    let (Some(place), Ok(uid), Ok(gid)) = (place, uid.parse(), gid.parse()) else {
        return not_started("arguments", &"wrong");
    };
    if let Err(error) = enter(place, Uid::from_raw(uid), Gid::from_raw(gid)) {
        return not_started("entering the target", &error);
    }
    match Command::new(program).args(rest).spawn() {
        Ok(child) => reap_until(child.id()),
        Err(error) => not_started(program, &error),
    }
}

fn enter(place: Place, uid: Uid, gid: Gid) -> Result<(), Errno> {
    // What is mounted here stays here.
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)?;
    // Each namespace has its own processes, so each must have its own /proc: the target's, and the tool root's.
    let proc_at =
        |path: &str| mount(Some("proc"), path, Some("proc"), MsFlags::MS_NOSUID | MsFlags::MS_NODEV, None::<&str>);
    proc_at(&format!("{TARGET}/proc"))?;
    setrlimit(Resource::RLIMIT_NOFILE, OPEN_FILES.0, OPEN_FILES.1)?;
    if place == Place::Tools {
        proc_at("/proc")?;
        return set_pdeathsig(Signal::SIGKILL);
    }
    chroot(TARGET)?;
    chdir("/")?;
    if place == Place::User {
        chdir(HOME)?;
        setgroups(&[])?;
        setresgid(gid, gid, gid)?;
        setresuid(uid, uid, uid)?;
        set_no_new_privs()?;
    }
    // A change of user clears it, so it comes last.
    set_pdeathsig(Signal::SIGKILL)
}

fn reap_until(child: u32) -> i32 {
    let is = |pid: Pid| u32::try_from(pid.as_raw()) == Ok(child);
    loop {
        match waitpid(None::<Pid>, None) {
            Ok(WaitStatus::Exited(pid, code)) if is(pid) => return code,
            Ok(WaitStatus::Signaled(pid, signal, _)) if is(pid) => return 128 + signal as i32,
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return not_started("waiting", &errno),
        }
    }
}
