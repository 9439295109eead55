//! The job: mount the disks, install packages, and do what [`JobKind`] says.

use std::{
    io::{self, Read},
    path::Path,
};

use copr_vm::proto::{
    ErrorKind, FromGuest, INPUT_SERIAL, JOB_FILE, Job, JobKind, LogStream, PACKAGES_DIR, SCRATCH_SERIAL, Stage,
};
use fs_err as fs;
use nix::unistd::sethostname;

use crate::{
    base, building,
    channel::{Answers, Channel},
    child::{self, Place},
    hardware, install, lint, network,
    run::{LogBudget, captured, logged},
    source,
    system::{self, INPUT},
};

/// A job file is no longer than this, in bytes.
const LONGEST_JOB: u64 = 1 << 20;

/// Why a job came to no verdict of rpmbuild's.
#[derive(Debug)]
pub(crate) struct JobError {
    /// Whose fault.
    pub(crate) kind: ErrorKind,
    /// One sentence.
    pub(crate) text: String,
}

impl JobError {
    pub(crate) fn new(kind: ErrorKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }
}

pub(crate) fn setup<E: std::fmt::Display>(what: &str) -> impl Fn(E) -> JobError {
    move |error| JobError::new(ErrorKind::Setup, format!("{what}: {error}"))
}

/// Finds and mounts the disks, and reads the job.
pub(crate) fn prepare() -> Result<Job, JobError> {
    let input = system::disk(INPUT_SERIAL).map_err(setup("the input disk"))?;
    let scratch = system::disk(SCRATCH_SERIAL).map_err(setup("the scratch disk"))?;
    system::mount_disks(&input, &scratch).map_err(setup("the disks"))?;
    let mut text = Vec::new();
    fs::File::open(Path::new(INPUT).join(JOB_FILE))
        .and_then(|file| file.take(LONGEST_JOB).read_to_end(&mut text))
        .map_err(setup("the job file"))?;
    let job: Job = serde_json::from_slice(&text).map_err(setup("the job file"))?;
    job.check().map_err(setup("the job file"))?;
    Ok(job)
}

/// Does the job; the exit status of the program that decides.
pub(crate) fn run(work: &Work<'_>) -> Result<i32, JobError> {
    system::mount_target().map_err(setup("the target's own mounts"))?;
    sethostname(&work.job.hostname).map_err(setup("the host name"))?;
    if work.job.network {
        network::up().map_err(setup("the network card"))?;
    }
    work.channel.stage(Stage::Mounted);
    for line in hardware::describe() {
        work.channel.remark(format!("hardware: {line}"));
    }
    let ended = done(work);
    let stream = match &ended {
        Ok(0) => return ended,
        Err(error) if error.kind == ErrorKind::Transaction => LogStream::Root,
        _ => LogStream::Build,
    };
    for line in hardware::shortages() {
        work.channel.log(stream, format!("{line}\n").as_bytes());
        work.channel.remark(line);
    }
    ended
}

/// Installs what the host has sent, and does what the kind of the job says.
fn done(work: &Work<'_>) -> Result<i32, JobError> {
    let installed = install::packages(work, &Path::new(INPUT).join(PACKAGES_DIR))?;
    match &work.job.kind {
        JobKind::Base if installed == 0 => {
            Err(JobError::new(ErrorKind::Setup, "the input disk holds no packages to make a base of"))
        }
        JobKind::Base => base::finish(work),
        JobKind::Build { source } => building::run(work, source),
        JobKind::Spec { spec } => source::of_spec(work, spec),
        JobKind::Git { clone_url, committish, subdirectory, spec, make } => {
            let git = source::Git { clone_url, committish: committish.as_deref(), subdirectory, spec: spec.as_deref() };
            source::of_git(work, &git, *make)
        }
        JobKind::Lint => lint::run(work),
    }
}

/// What every part of a job needs.
#[derive(Debug)]
pub(crate) struct Work<'a> {
    pub(crate) job: &'a Job,
    pub(crate) channel: &'a Channel,
    answers: &'a Answers,
    budget: LogBudget,
}

impl<'a> Work<'a> {
    pub(crate) fn new(job: &'a Job, channel: &'a Channel, answers: &'a Answers) -> Self {
        Self { job, channel, answers, budget: LogBudget::new(job.log_bytes) }
    }

    /// Runs `program` at `place` with its output in `stream`; its exit status.
    pub(crate) fn run(&self, place: Place, stream: LogStream, program: &[&str]) -> Result<i32, JobError> {
        let code = logged(self.channel, stream, &self.budget, child::command(self.job, place, program))
            .map_err(setup(&format!("starting {}", program.first().copied().unwrap_or_default())))?;
        if self.budget.is_passed() {
            let text = format!("the build was stopped: its logs passed {} bytes", self.job.log_bytes);
            return Err(JobError::new(ErrorKind::Limit, text));
        }
        Ok(code)
    }

    /// Runs `program` in the target as the job's user, with its output in `build.log`; its exit status.
    pub(crate) fn as_user(&self, program: &[&str]) -> Result<i32, JobError> {
        self.run(Place::User, LogStream::Build, &in_login_shell(program))
    }

    /// Runs `program` and returns its exit status and output.
    pub(crate) fn captured(&self, place: Place, program: &[&str]) -> io::Result<(i32, String)> {
        captured(child::command(self.job, place, program))
    }

    /// Asks the host what `requires` asks for besides what is installed, and installs it; false when there is nothing.
    pub(crate) fn ask(&self, dynamic: bool, round: u32, requires: &[String]) -> Result<bool, JobError> {
        let requires = requires.to_vec();
        self.channel.send(&FromGuest::BuildRequires { round, dynamic, requires });
        let more = self.answers.more();
        if more {
            install::spare(self)?;
        }
        Ok(more)
    }
}

/// `program` in a login shell, for what packages put into `/etc/profile.d`.
pub(crate) fn in_login_shell<'a>(program: &[&'a str]) -> Vec<&'a str> {
    ["/bin/bash", "--login", "-c", "exec \"$@\"", "bash"].into_iter().chain(program.iter().copied()).collect()
}
