//! The two processes between PID 1 and a program that runs as the build's user.
//!
//! `outer` makes new namespaces and starts `inner` in them. `inner` is PID 1 there: it enters the target, becomes the
//! user, gives up ever becoming another, starts the program, and reaps until that one ends; with it the kernel ends
//! everything else in the namespace.

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

/// The command that runs `program` in the target as the job's user, in mock's environment.
pub(crate) fn command(job: &Job, program: &[&str]) -> Command {
    let mut command = Command::new(SELF);
    command.args([OUTER, &job.uid.to_string(), &job.gid.to_string()]).args(program).env_clear();
    command.envs([
        ("HOME", HOME),
        ("PATH", "/usr/bin:/bin:/usr/sbin:/sbin"),
        ("SHELL", "/bin/bash"),
        ("TERM", "vt100"),
        ("LANG", "C.UTF-8"),
        ("HOSTNAME", "mock"),
        ("PROMPT_COMMAND", "printf \"\\033]0;<mock-chroot>\\007\""),
        ("PS1", "<mock-chroot> \\s-\\v\\$ "),
    ]);
    command.envs([("USER", job.user.as_str()), ("LOGNAME", job.user.as_str())]);
    command
}

/// In the machine's namespaces, as root. Arguments: uid, gid, program and its arguments.
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
    let [uid, gid, program, rest @ ..] = args else { return not_started("arguments", &"missing") };
    let (Ok(uid), Ok(gid)) = (uid.parse(), gid.parse()) else { return not_started("arguments", &"no numbers") };
    if let Err(error) = become_user(uid, gid) {
        return not_started("entering the target", &error);
    }
    match Command::new(program).args(rest).spawn() {
        Ok(child) => reap_until(child.id()),
        Err(error) => not_started(program, &error),
    }
}

fn become_user(uid: u32, gid: u32) -> Result<(), Errno> {
    // What is mounted here stays here.
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)?;
    chroot(TARGET)?;
    chdir("/")?;
    mount(Some("proc"), "/proc", Some("proc"), MsFlags::MS_NOSUID | MsFlags::MS_NODEV, None::<&str>)?;
    chdir(HOME)?;
    setgroups(&[])?;
    let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
    setresgid(gid, gid, gid)?;
    setresuid(uid, uid, uid)?;
    set_no_new_privs()?;
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
