//! One command at a time, its output streamed to the host, its strays killed behind it.

use std::{
    io::{self, Read},
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

use copr_vm::proto::{LogStream, MAX_FRAME};
use nix::{
    errno::Errno,
    sys::{
        signal::{Signal, kill},
        wait::{WaitStatus, waitpid},
    },
    unistd::Pid,
};

use crate::channel::Channel;

/// Counts what all commands together have logged.
#[derive(Debug)]
pub(crate) struct LogBudget {
    used: AtomicU64,
    limit: u64,
    passed: AtomicBool,
}

impl LogBudget {
    pub(crate) fn new(limit: u64) -> Self {
        Self { used: AtomicU64::new(0), limit, passed: AtomicBool::new(false) }
    }

    /// True when a command was killed because it logged too much.
    pub(crate) fn is_passed(&self) -> bool {
        self.passed.load(Ordering::Relaxed)
    }

    fn take(&self, bytes: usize) -> bool {
        let bytes = bytes as u64;
        let within = self.used.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes) <= self.limit;
        if !within {
            self.passed.store(true, Ordering::Relaxed);
        }
        within
    }
}

/// Runs `command` with its output in `stream`; the exit status, 128 + signal when it was killed. Everything that it left
/// running is killed, so that nothing holds the log open or writes into the target behind its back.
pub(crate) fn logged(
    channel: &Channel,
    stream: LogStream,
    budget: &LogBudget,
    mut command: Command,
) -> io::Result<i32> {
    let (mut reader, writer) = io::pipe()?;
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    let child = command.spawn()?;
    drop(command);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut buffer = vec![0; 64 << 10];
            while let Ok(read @ 1..) = reader.read(&mut buffer) {
                let bytes = buffer.get(..read).unwrap_or_default();
                if budget.take(read) {
                    channel.log(stream, bytes);
                } else {
                    kill_all();
                }
            }
        });
        reap_until(child.id())
    })
}

/// Runs `command`; its exit status, and what it wrote to standard output, which must not be longer than fits one frame.
pub(crate) fn captured(mut command: Command) -> io::Result<(i32, String)> {
    const MOST: usize = MAX_FRAME / 2;
    let (mut reader, writer) = io::pipe()?;
    command.stdin(Stdio::null()).stdout(writer).stderr(Stdio::null());
    let child = command.spawn()?;
    drop(command);
    let mut output = Vec::new();
    let read = reader.by_ref().take(MOST as u64 + 1).read_to_end(&mut output);
    drop(reader);
    let code = reap_until(child.id())?;
    read?;
    if output.len() > MOST {
        return Err(io::Error::other(format!("its output is longer than {MOST} bytes")));
    }
    Ok((code, String::from_utf8_lossy(&output).into_owned()))
}

/// Reaps whatever ends, as PID 1 must, until `child` did; then kills and reaps all others.
fn reap_until(child: u32) -> io::Result<i32> {
    let code = loop {
        match waitpid(None::<Pid>, None) {
            Ok(WaitStatus::Exited(pid, code)) if is(pid, child) => break code,
            Ok(WaitStatus::Signaled(pid, signal, _)) if is(pid, child) => break 128 + signal as i32,
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    };
    kill_all();
    while waitpid(None::<Pid>, None).is_ok() {}
    Ok(code)
}

fn is(pid: Pid, child: u32) -> bool {
    u32::try_from(pid.as_raw()) == Ok(child)
}

/// Kills every process but this one.
fn kill_all() {
    // It fails only when there is none.
    let _ = kill(Pid::from_raw(-1), Signal::SIGKILL);
}
