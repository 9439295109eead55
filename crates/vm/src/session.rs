//! One machine's life, driven: disks, start, frames, deadlines, rounds, end.

use std::{
    io::{ErrorKind, Read, Seek, SeekFrom},
    os::{fd::AsFd, unix::net::UnixStream},
    path::Path,
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver as Incoming, RecvTimeoutError, SyncSender, sync_channel},
    },
    time::{Duration, Instant},
};

use crate::{
    accel::Accelerator,
    assemble::{Disks, give, initramfs},
    cgroup::Group,
    deadline::Deadline,
    machine::{Answer, Exit, MachineError, MachineSpec, Observer, Report, Root},
    net::Relay,
    proto::{self, FromGuest, GuestExit, ProtoError, Stage, ToGuest},
    qemu::{Qemu, QemuCommand, Start, TRANSLATIONS_MIB},
    receive::{Receiver, Violation},
    snapshot::Snapshot,
};

/// How often deadlines and the cancel flag are looked at.
const TICK: Duration = Duration::from_millis(50);
/// Frames that wait for a slow observer; then the guest waits too.
const WAITING_FRAMES: usize = 8;
/// Most that the serial console may write; only a guest gone wild writes more than a panic.
const CONSOLE_LIMIT: u64 = 16 << 20;
/// How much of the console's end is reported.
const CONSOLE_TAIL: u64 = 16 << 10;
/// How long QEMU may take to go once its port is closed; on a busy host with a large machine that is seconds.
const EXIT_GRACE: Duration = Duration::from_secs(30);
/// How long QEMU may take to load a snapshot; it takes 50 ms.
const RESUME_LIMIT: Duration = Duration::from_secs(60);
/// How long the guest's port may be too full for a word of ours. It has room for thousands, so such a guest listens not.
const SAY_LIMIT: Duration = Duration::from_secs(1);

pub(crate) fn run(
    spec: &MachineSpec,
    observer: &mut dyn Observer,
    cancel: &AtomicBool,
) -> Result<Report, MachineError> {
    check(spec)?;
    let mut session = Session { spec, observer, cancel };
    let report = session.with(spec.accelerator)?;
    if is_silent(&report.exit) && report.accelerator == Accelerator::Kvm {
        session.observer.note(&format!("with KVM: {}; trying again with TCG", report.exit));
        return session.with(Accelerator::Tcg);
    }
    Ok(report)
}

/// True when the guest never said hello.
fn is_silent(exit: &Exit) -> bool {
    match exit {
        Exit::TimedOut { after, .. } | Exit::Died { after, .. } | Exit::Lost { after, .. } => {
            *after <= Some(Stage::Ready)
        }
        _ => false,
    }
}

fn check(spec: &MachineSpec) -> Result<(), MachineError> {
    let wrong = |what: String| Err(MachineError::Spec(what));
    spec.job.check().map_err(MachineError::Spec)?;
    if spec.cpus == 0 || spec.cpus > 255 {
        return wrong(format!("{} processors; say 1 to 255", spec.cpus));
    }
    if spec.memory_mib < 256 {
        return wrong(format!("{} MiB of memory; a machine needs 256", spec.memory_mib));
    }
    if spec.cpu.is_empty() || !spec.cpu.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+-.=,".contains(&byte)) {
        return wrong(format!("no such CPU model {:?}", spec.cpu));
    }
    for folder in [&spec.results_dir, &spec.work_dir] {
        if !folder.is_dir() {
            return wrong(format!("{} is no folder", folder.display()));
        }
    }
    if let Some(image) = spec.root.needed().filter(|image| !image.is_file()) {
        return wrong(format!("there is no image {}", image.display()));
    }
    let device = |folder: &Path| rustix::fs::stat(folder).map(|stat| stat.st_dev).ok();
    // The image is moved there.
    match spec.root.left() {
        Some(image) if image.parent().and_then(device) != device(&spec.work_dir) => {
            wrong(format!("{} is not on the file system of {}", image.display(), spec.work_dir.display()))
        }
        _ => Ok(()),
    }
}

/// One call of [`run`].
struct Session<'a> {
    spec: &'a MachineSpec,
    observer: &'a mut dyn Observer,
    cancel: &'a AtomicBool,
}

impl Session<'_> {
    /// Runs the machine, from a snapshot where that is wanted and works.
    fn with(&mut self, accelerator: Accelerator) -> Result<Report, MachineError> {
        let (report, snapshot) = self.attempt(accelerator, true)?;
        let Some(snapshot) = snapshot else { return Ok(report) };
        // What goes wrong this early may be the snapshot's doing; the packager's code has not run yet.
        let early = match &report.exit {
            Exit::Died { after, .. } | Exit::Lost { after, .. } => *after <= Some(Stage::Hello),
            other => is_silent(other),
        };
        if !early {
            return Ok(report);
        }
        self.observer.note(&format!("from a snapshot: {}; the snapshot is thrown away", report.exit));
        snapshot.condemn();
        self.attempt(accelerator, false).map(|(report, _)| report)
    }

    /// Runs the machine once, and tells which snapshot it began from.
    fn attempt(
        &mut self,
        accelerator: Accelerator,
        may_resume: bool,
    ) -> Result<(Report, Option<Snapshot>), MachineError> {
        let spec = self.spec;
        // Removed with all that is in it when this function returns.
        let home = tempfile::Builder::new().prefix("machine-").tempdir_in(&spec.work_dir)?;
        let nonce = nonce()?;
        let disks = Disks::write(spec, home.path(), &nonce)?;
        let snapshot = if may_resume { self.snapshot(accelerator, &disks) } else { None };
        let mut command = machine(spec, accelerator, home.path(), &disks);
        command.uid = spec.confinement.uid.filter(|_| rustix::process::geteuid().is_root());
        if command.uid != spec.confinement.uid {
            self.observer.note("QEMU runs as the user that we are: only root may become another");
        }
        match &snapshot {
            Some(snapshot) => {
                command.initramfs = snapshot.initramfs();
                command.start = snapshot.start(home.path(), command.uid.is_some())?;
            }
            None => initramfs(&command.initramfs, spec)?,
        }
        if let Some(uid) = command.uid {
            give(home.path(), uid)?;
        }
        if self.cancel.load(Ordering::Relaxed) {
            let report =
                Report { exit: Exit::Cancelled, results: Vec::new(), console_tail: String::new(), accelerator };
            return Ok((report, None));
        }
        let mut receiver = Receiver::new(&nonce, &spec.limits, spec.results_dir.clone());
        // Dropped behind QEMU, when nothing is in it any more.
        let group = self.group();
        let mut qemu = command.start()?;
        let relay = match (qemu.network.take(), &spec.network) {
            (Some(socket), Some(network)) => Some(Relay::start(socket, network.clone())?),
            _ => None,
        };
        if let Some(Err(error)) = group.as_ref().map(|group| group.take(qemu.process())) {
            self.observer.note(&format!("QEMU is in no cgroup of its own: {error}"));
        }
        if snapshot.is_some() {
            self.observer.note("the machine goes on from a snapshot");
            receiver.resumed();
        }
        let early = self.talk(&mut qemu, &mut receiver, &disks, &command, snapshot.as_ref());
        let early = match early {
            Ok(None) => {
                qemu.wait(EXIT_GRACE)?;
                None
            }
            Ok(Some(exit)) => {
                qemu.stop()?;
                Some(exit)
            }
            Err(error) => {
                qemu.stop()?;
                return Err(error);
            }
        };
        let console_tail = tail(&command.console()).unwrap_or_default();
        let exit = match early {
            Some(exit) => exit,
            None => verdict(&receiver, &mut qemu, &console_tail)?,
        };
        drop((qemu, group));
        for refused in relay.map(Relay::finish).unwrap_or_default() {
            self.observer.note(&format!("network: {refused}"));
        }
        let mut results = Vec::new();
        if exit == Exit::Built(0) {
            if let Some(image) = spec.root.left() {
                disks.keep(image)?;
            }
            results = receiver.keep();
        }
        Ok((Report { exit, results, console_tail, accelerator }, snapshot))
    }

    /// A snapshot of such a machine; `None`, with a remark, when there is none and none can be made.
    fn snapshot(&mut self, accelerator: Accelerator, disks: &Disks) -> Option<Snapshot> {
        let folder = self.spec.snapshots.as_deref()?;
        match Snapshot::get(folder, self.spec, accelerator, disks, self.cancel) {
            Ok(snapshot) => snapshot,
            Err(error) => {
                self.observer.note(&format!("no snapshot of a booted machine: {error}"));
                None
            }
        }
    }

    /// A group of QEMU's own, where the specification names a place and it may be written.
    fn group(&mut self) -> Option<Group> {
        let spec = self.spec;
        let parent = spec.confinement.cgroup.as_deref()?;
        match Group::create(parent, spec.memory_mib, TRANSLATIONS_MIB, spec.cpus) {
            Ok(group) => {
                self.observer.note(&format!("QEMU has a cgroup of its own; bounded: {}", group.bounds.join(", ")));
                Some(group)
            }
            Err(error) => {
                self.observer.note(&format!("QEMU has no cgroup of its own: {}: {error}", parent.display()));
                None
            }
        }
    }

    /// Reads frames until the port closes (`None`) or the machine must be stopped (why).
    fn talk(
        &mut self,
        qemu: &mut Qemu,
        receiver: &mut Receiver<'_>,
        disks: &Disks,
        command: &QemuCommand,
        snapshot: Option<&Snapshot>,
    ) -> Result<Option<Exit>, MachineError> {
        let died = |receiver: &Receiver<'_>, message: String| Some(Exit::Died { after: receiver.stage(), message });
        let incoming = start_reader(qemu.port.try_clone()?);
        qemu.port.set_write_timeout(Some(SAY_LIMIT))?;
        let mut deadline = Deadline::new(&self.spec.limits, command.accelerator);
        if let Some(snapshot) = snapshot {
            let resumed =
                snapshot.state().map_err(MachineError::from).and_then(|state| qemu.resume(state.as_fd(), RESUME_LIMIT));
            if let Err(error) = resumed {
                return Ok(died(receiver, error.to_string()));
            }
            // That it is not heard is found out by the deadline.
            let _ = say(&mut qemu.port, ToGuest::Begin(begin()?));
        }
        let console = command.console();
        let mut console_seen = Instant::now();
        loop {
            if self.cancel.load(Ordering::Relaxed) {
                return Ok(Some(Exit::Cancelled));
            }
            if let Some(exit) = deadline.passed(receiver.stage()) {
                return Ok(Some(exit));
            }
            // By the clock, and not when there is nothing else to do: a guest that floods both would never be found out.
            if console_seen.elapsed() >= TICK {
                console_seen = Instant::now();
                if fs_err::metadata(&console).is_ok_and(|meta| meta.len() > CONSOLE_LIMIT) {
                    return Ok(died(receiver, "it flooded its console".to_owned()));
                }
            }
            let frame = match incoming.recv_timeout(TICK) {
                Ok(Ok(frame)) => frame,
                Ok(Err(ProtoError::Io(error))) if error.kind() != ErrorKind::ConnectionReset => {
                    return Err(error.into());
                }
                Ok(Err(ProtoError::Io(_) | ProtoError::Truncated)) | Err(RecvTimeoutError::Disconnected) => {
                    return Ok(None);
                }
                Ok(Err(error)) => return Ok(died(receiver, format!("the guest broke the protocol: {error}"))),
                Err(RecvTimeoutError::Timeout) => continue,
            };
            let mut answer = match &frame {
                FromGuest::Ready { .. } => Some(ToGuest::Begin(begin()?)),
                FromGuest::Stage { stage: Stage::End, .. } => Some(ToGuest::Received),
                _ => None,
            };
            let asked = match &frame {
                FromGuest::BuildRequires { round, dynamic, requires } => Some((*round, *dynamic, requires.clone())),
                _ => None,
            };
            match receiver.take(frame, self.observer) {
                Ok(()) => deadline.heard(),
                Err(Violation::Protocol(what)) => {
                    return Ok(died(receiver, format!("the guest broke the protocol: {what}")));
                }
                Err(Violation::Limit(what)) => return Ok(Some(Exit::Refused(what))),
                Err(Violation::Host(error)) => return Err(error.into()),
            }
            if let Some((round, dynamic, requires)) = asked {
                let began = Instant::now();
                answer = match self.round(round, dynamic, &requires, disks)? {
                    Ok(word) => Some(word),
                    Err(exit) => return Ok(Some(exit)),
                };
                deadline.put_off(began.elapsed());
            }
            if let Some(answer) = answer
                && let Err(ProtoError::Io(error)) = say(&mut qemu.port, answer)
                && matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
            {
                return Ok(died(receiver, "the guest asks and does not listen".to_owned()));
            }
        }
    }

    /// Answers one question for requirements: the word for the guest, or the job's end.
    fn round(
        &mut self,
        round: u32,
        dynamic: bool,
        requires: &[String],
        disks: &Disks,
    ) -> Result<Result<ToGuest, Exit>, MachineError> {
        Ok(match self.observer.requires(round, dynamic, requires) {
            Answer::Nothing => Ok(ToGuest::Nothing),
            Answer::Install(packages) if packages.is_empty() => Ok(ToGuest::Nothing),
            Answer::Install(packages) => {
                disks.fill_spare(&packages)?;
                Ok(ToGuest::Go)
            }
            Answer::Impossible(why) => Err(Exit::Refused(why)),
            Answer::Failed(why) => Err(Exit::Setup(why)),
        })
    }
}

/// The machine of the specification, booting, with these disks.
pub(crate) fn machine(spec: &MachineSpec, accelerator: Accelerator, home: &Path, disks: &Disks) -> QemuCommand {
    QemuCommand {
        qemu: spec.qemu.clone(),
        accelerator,
        cpu: spec.cpu.clone(),
        cpus: spec.cpus,
        memory_mib: spec.memory_mib,
        kernel: spec.kernel.image.clone(),
        initramfs: home.join("initramfs"),
        start: Start::Boot,
        home: home.to_path_buf(),
        input: Some(disks.input.clone()),
        scratch: Some(disks.scratch.clone()),
        layered: matches!(spec.root, Root::Over(_)),
        spare: Some(disks.spare.clone()),
        network: spec.network.is_some(),
        uid: None,
    }
}

/// Sixteen hexadecimal digits that nobody guesses by accident.
fn nonce() -> Result<String, MachineError> {
    let mut bytes = [0; 8];
    fs_err::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(hex::encode(bytes))
}

/// The time, and randomness, for a guest that has neither.
fn begin() -> Result<proto::Begin, MachineError> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let mut seed = [0; 64];
    fs_err::File::open("/dev/urandom")?.read_exact(&mut seed)?;
    Ok(proto::Begin { seconds: now.as_secs(), nanoseconds: now.subsec_nanos(), seed })
}

/// Says one word to the guest. That it is gone by now is no error of the caller's: the reader finds the end.
fn say(port: &mut UnixStream, word: ToGuest) -> Result<(), ProtoError> {
    let (kind, payload) = word.encode();
    proto::write_frame(port, kind, &payload)
}

/// Reads frames, ahead of those who take them, until the port closes or nobody listens any more.
pub(crate) fn start_reader(mut port: UnixStream) -> Incoming<Result<FromGuest, ProtoError>> {
    let (sender, incoming): (SyncSender<Result<FromGuest, ProtoError>>, _) = sync_channel(WAITING_FRAMES);
    std::thread::spawn(move || {
        loop {
            let frame = match proto::read_frame(&mut port) {
                Ok(None) => return,
                Ok(Some((kind, payload))) => FromGuest::decode(kind, payload),
                Err(error) => Err(error),
            };
            let last = frame.is_err();
            if sender.send(frame).is_err() || last {
                return;
            }
        }
    });
    incoming
}

/// What a machine's end means that came by itself.
fn verdict(receiver: &Receiver<'_>, qemu: &mut Qemu, console: &str) -> Result<Exit, MachineError> {
    let reason = qemu.shutdown_reason();
    let complaints = qemu.complaints();
    let orderly = reason.as_deref() == Some("guest-shutdown");
    let whole = receiver.is_whole() && receiver.stage() == Some(Stage::End);
    Ok(match receiver.exit() {
        Some(GuestExit::Exit(code)) if orderly && whole => Exit::Built(*code),
        Some(GuestExit::Error(kind, text)) => Exit::from_guest(*kind, text.clone()),
        None if reason.is_none() && receiver.stage().is_none() && !complaints.is_empty() => {
            return Err(MachineError::Qemu(complaints));
        }
        Some(GuestExit::Exit(_)) | None => how_it_ended(receiver.stage(), reason.as_deref(), console, &complaints),
    })
}

/// What an end means that no job has: `reason` is QEMU's, in which `guest-` begins what the guest did by itself.
fn how_it_ended(after: Option<Stage>, reason: Option<&str>, console: &str, complaints: &str) -> Exit {
    let panic = console.lines().find_map(|line| line.find("Kernel panic").and_then(|at| line.get(at..)));
    let died = |message: String| Exit::Died { after, message };
    let lost = |message: String| Exit::Lost { after, message };
    match (reason, panic) {
        (Some(reason), Some(panic)) if reason.starts_with("guest-") => died(panic.trim().to_owned()),
        (Some("guest-shutdown"), None) => died("it powered off before the job ended".to_owned()),
        (Some("guest-reset"), None) => died("it reset itself".to_owned()),
        (Some(reason), None) if reason.starts_with("guest-") => died(format!("QEMU says: {reason}")),
        (Some(reason), _) => lost(format!("QEMU was ended from outside ({reason})")),
        (None, _) if complaints.is_empty() => lost("QEMU went away without a word; was it killed?".to_owned()),
        (None, _) => lost(format!("QEMU went away: {complaints}")),
    }
}

/// The end of the console as printable text.
fn tail(console: &Path) -> std::io::Result<String> {
    let mut file = fs_err::File::open(console)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(CONSOLE_TAIL)))?;
    let mut bytes = Vec::new();
    file.take(CONSOLE_TAIL).read_to_end(&mut bytes)?;
    let printable = |c: &char| matches!(c, '\n' | '\t') || !c.is_control();
    Ok(String::from_utf8_lossy(&bytes).chars().filter(printable).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Fault;

    #[test]
    fn a_qemu_that_is_killed_is_never_the_packages_fault_and_a_guest_that_resets_itself_is() {
        let after = Some(Stage::Unpacked);
        let ended = |reason, console| how_it_ended(after, reason, console, "");
        for reason in [None, Some("host-signal"), Some("host-error"), Some("host-qmp-quit")] {
            // A panic that the build merely prints must not turn our fault into its own.
            for console in ["", "[ 1.0] Kernel panic - not syncing"] {
                let exit = ended(reason, console);
                assert!(matches!(exit, Exit::Lost { .. }), "{reason:?}: {exit:?}");
                assert_eq!(exit.fault(), Some(Fault::Machine));
            }
        }
        assert_eq!(ended(Some("guest-reset"), "").fault(), Some(Fault::User));
        let Exit::Died { message, .. } = ended(Some("guest-reset"), "[ 1.0] Kernel panic - oops\n") else {
            panic!("it is lost")
        };
        assert_eq!(message, "Kernel panic - oops");
    }
}
