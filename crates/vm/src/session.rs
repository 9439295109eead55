//! One machine's life, driven: disks, start, frames, deadlines, end.

use std::{
    io::{ErrorKind, Read, Seek, SeekFrom, Write},
    os::unix::net::UnixStream,
    path::Path,
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver as Incoming, RecvTimeoutError, SyncSender, sync_channel},
    },
    time::{Duration, Instant},
};

use crate::{
    accel::Accelerator,
    disk,
    initramfs::Initramfs,
    machine::{Exit, Limits, MachineError, MachineSpec, Observer, Report, TCG_BOOT_FACTOR, TCG_FACTOR},
    proto::{self, FromGuest, GuestExit, JOB_FILE, ProtoError, Stage, ToGuest},
    qemu::{Qemu, QemuCommand},
    receive::{Receiver, Violation},
};

/// How often deadlines and the cancel flag are looked at.
const TICK: Duration = Duration::from_millis(50);
/// Frames that wait for a slow observer; then the guest waits too.
const WAITING_FRAMES: usize = 8;
/// Most that the serial console may write; only a guest gone wild writes more than a panic.
const CONSOLE_LIMIT: u64 = 16 << 20;
/// How much of the console's end is reported.
const CONSOLE_TAIL: u64 = 16 << 10;
/// Room that must be left on the work folder's disk besides the inputs.
const ROOM: u64 = 512 << 20;
/// How long QEMU may take to go once its port is closed; on a busy host with a large machine that is seconds.
const EXIT_GRACE: Duration = Duration::from_secs(30);
/// How long a guest may take to power off once it was told to; multiplied by [`TCG_FACTOR`] under TCG.
const OFF: Duration = Duration::from_secs(10);
/// How long the guest's port may be too full for a word of ours. It has room for thousands, so such a guest listens not.
const SAY_LIMIT: Duration = Duration::from_secs(1);

pub(crate) fn run(
    spec: &MachineSpec,
    observer: &mut dyn Observer,
    cancel: &AtomicBool,
) -> Result<Report, MachineError> {
    check(spec)?;
    let report = attempt(spec, spec.accelerator, observer, cancel)?;
    let silent = matches!(
        report.exit,
        Exit::TimedOut { after: None, .. } | Exit::Died { after: None, .. } | Exit::Lost { after: None, .. }
    );
    if silent && report.accelerator == Accelerator::Kvm {
        observer.note(&format!("with KVM: {}; trying again with TCG", report.exit));
        return attempt(spec, Accelerator::Tcg, observer, cancel);
    }
    Ok(report)
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
    Ok(())
}

fn attempt(
    spec: &MachineSpec,
    accelerator: Accelerator,
    observer: &mut dyn Observer,
    cancel: &AtomicBool,
) -> Result<Report, MachineError> {
    // Removed with all that is in it when this function returns.
    let home = tempfile::Builder::new().prefix("machine-").tempdir_in(&spec.work_dir)?;
    let nonce = nonce()?;
    let command = assemble(spec, accelerator, home.path(), &nonce)?;
    let mut receiver = Receiver::new(&nonce, &spec.limits, spec.results_dir.clone());
    if cancel.load(Ordering::Relaxed) {
        return Ok(Report { exit: Exit::Cancelled, results: Vec::new(), console_tail: String::new(), accelerator });
    }
    let mut qemu = command.start()?;
    let early = talk(spec, accelerator, &mut qemu, &mut receiver, &command.console, observer, cancel);
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
    let console_tail = tail(&command.console).unwrap_or_default();
    let exit = match early {
        Some(exit) => exit,
        None => verdict(&receiver, &mut qemu, &console_tail)?,
    };
    let results = if exit == Exit::Built(0) { receiver.keep() } else { Vec::new() };
    Ok(Report { exit, results, console_tail, accelerator })
}

/// Writes disks and initramfs.
fn assemble(
    spec: &MachineSpec,
    accelerator: Accelerator,
    home: &Path,
    nonce: &str,
) -> Result<QemuCommand, MachineError> {
    let mut needed = ROOM;
    for input in &spec.inputs {
        needed = needed.saturating_add(fs_err::metadata(&input.source)?.len());
    }
    let free = disk::free_bytes(home)?;
    if free < needed {
        let message = format!("{} MiB are free and {} MiB are needed", free >> 20, needed >> 20);
        return Err(MachineError::Disk { path: home.to_path_buf(), message });
    }
    let mut job = spec.job.clone();
    nonce.clone_into(&mut job.nonce);
    job.log_bytes = spec.limits.log_bytes;
    job.file_bytes = spec.limits.file_bytes;
    job.total_bytes = spec.limits.total_bytes;
    job.files = spec.limits.files;
    let job = serde_json::to_vec(&job).map_err(|error| MachineError::Spec(error.to_string()))?;
    let (input, scratch, initramfs) = (home.join("in.img"), home.join("scratch.img"), home.join("initramfs"));
    disk::write_input(&input, &spec.inputs, &[(JOB_FILE, &job)])?;
    disk::write_scratch(&scratch, spec.scratch_bytes)?;
    write_initramfs(&initramfs, &spec.initramfs, spec.guest_binary, &spec.kernel.modules)?;
    Ok(QemuCommand {
        qemu: spec.qemu.clone(),
        accelerator,
        cpu: spec.cpu.clone(),
        cpus: spec.cpus,
        memory_mib: spec.memory_mib,
        kernel: spec.kernel.image.clone(),
        initramfs,
        console: home.join("console"),
        input: Some(input),
        scratch: Some(scratch),
    })
}

/// The tool root's archive, and behind it one with the guest and the modules: the kernel unpacks both, the later wins.
pub(crate) fn write_initramfs(
    path: &Path,
    tools: &Path,
    guest: &[u8],
    modules: &[std::path::PathBuf],
) -> Result<(), MachineError> {
    let mut out = fs_err::OpenOptions::new().write(true).create_new(true).open(path)?;
    let length = std::io::copy(&mut fs_err::File::open(tools)?, &mut out)?;
    let padding = (4 - length % 4) % 4;
    out.write_all(&[0; 3][..usize::try_from(padding).unwrap_or_default()])?;
    let mut archive = Initramfs::new(std::io::BufWriter::new(out));
    archive.add_file("init", 0o755, guest.len() as u64, &mut &*guest)?;
    let mut order = String::new();
    for module in modules {
        let name = module.file_name().unwrap_or_default().to_string_lossy();
        let mut file = fs_err::File::open(module)?;
        archive.add_file(&format!("modules/{name}"), 0o644, file.metadata()?.len(), &mut file)?;
        order.push_str(&name);
        order.push('\n');
    }
    archive.add_file("modules/order", 0o644, order.len() as u64, &mut order.as_bytes())?;
    archive.finish()?;
    Ok(())
}

/// Sixteen hexadecimal digits that nobody guesses by accident.
fn nonce() -> Result<String, MachineError> {
    let mut bytes = [0; 8];
    fs_err::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(hex::encode(bytes))
}

/// Reads frames until the port closes (`None`) or the machine must be stopped (why).
fn talk(
    spec: &MachineSpec,
    accelerator: Accelerator,
    qemu: &mut Qemu,
    receiver: &mut Receiver<'_>,
    console: &Path,
    observer: &mut dyn Observer,
    cancel: &AtomicBool,
) -> Result<Option<Exit>, MachineError> {
    let incoming = start_reader(qemu.port.try_clone()?);
    qemu.port.set_write_timeout(Some(SAY_LIMIT))?;
    let mut deadline = Deadline::new(&spec.limits, accelerator);
    let mut console_seen = Instant::now();
    loop {
        if cancel.load(Ordering::Relaxed) {
            return Ok(Some(Exit::Cancelled));
        }
        if let Some(seconds) = deadline.passed(receiver.stage()) {
            return Ok(Some(Exit::TimedOut { after: receiver.stage(), seconds }));
        }
        let died = |receiver: &Receiver<'_>, message: String| Some(Exit::Died { after: receiver.stage(), message });
        // By the clock, and not when there is nothing else to do: a guest that floods both would never be found out.
        if console_seen.elapsed() >= TICK {
            console_seen = Instant::now();
            if fs_err::metadata(console).is_ok_and(|meta| meta.len() > CONSOLE_LIMIT) {
                return Ok(died(receiver, "it flooded its console".to_owned()));
            }
        }
        let frame = match incoming.recv_timeout(TICK) {
            Ok(Ok(frame)) => frame,
            Ok(Err(ProtoError::Io(error))) if error.kind() != std::io::ErrorKind::ConnectionReset => {
                return Err(error.into());
            }
            Ok(Err(ProtoError::Io(_) | ProtoError::Truncated)) | Err(RecvTimeoutError::Disconnected) => {
                return Ok(None);
            }
            Ok(Err(error)) => return Ok(died(receiver, format!("the guest broke the protocol: {error}"))),
            Err(RecvTimeoutError::Timeout) => continue,
        };
        let answer = match &frame {
            FromGuest::Ready { .. } => Some(ToGuest::Begin(begin()?)),
            FromGuest::BuildRequires { .. } => Some(ToGuest::Nothing),
            FromGuest::Stage { stage: Stage::End, .. } => Some(ToGuest::Received),
            _ => None,
        };
        match receiver.take(frame, observer) {
            Ok(()) => {}
            Err(Violation::Protocol(what)) => {
                return Ok(died(receiver, format!("the guest broke the protocol: {what}")));
            }
            Err(Violation::Limit(what)) => return Ok(Some(Exit::Refused(what))),
            Err(Violation::Host(error)) => return Err(error.into()),
        }
        if let Some(answer) = answer
            && let Err(ProtoError::Io(error)) = say(&mut qemu.port, answer)
            && matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
        {
            return Ok(died(receiver, "the guest asks and does not listen".to_owned()));
        }
    }
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

fn start_reader(mut port: UnixStream) -> Incoming<Result<FromGuest, ProtoError>> {
    let (sender, incoming): (SyncSender<Result<FromGuest, ProtoError>>, _) = sync_channel(WAITING_FRAMES);
    // It ends when the port closes, which QEMU's end sees to, or when nobody listens any more.
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

/// The limit of the part of the life that runs now.
struct Deadline<'a> {
    limits: &'a Limits,
    accelerator: Accelerator,
    part: Part,
    until: Option<Instant>,
    allowed: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Boot,
    Install,
    Build,
    Results,
    Off,
}

impl<'a> Deadline<'a> {
    fn new(limits: &'a Limits, accelerator: Accelerator) -> Self {
        let mut deadline = Self { limits, accelerator, part: Part::Boot, until: None, allowed: Duration::ZERO };
        deadline.enter(Part::Boot);
        deadline
    }

    fn enter(&mut self, part: Part) {
        let (limit, factor) = match part {
            Part::Boot => (self.limits.boot, TCG_BOOT_FACTOR),
            Part::Install => (self.limits.install, TCG_FACTOR),
            Part::Build => (self.limits.build, TCG_FACTOR),
            Part::Results => (self.limits.results, TCG_FACTOR),
            Part::Off => (OFF, TCG_FACTOR),
        };
        let factor = if self.accelerator == Accelerator::Tcg { factor } else { 1 };
        self.part = part;
        self.allowed = limit.saturating_mul(factor);
        // A limit beyond the clock's range is none.
        self.until = Instant::now().checked_add(self.allowed);
    }

    /// The limit in seconds when it is passed.
    fn passed(&mut self, stage: Option<Stage>) -> Option<u64> {
        let part = match stage {
            None => Part::Boot,
            Some(Stage::Ready | Stage::Hello | Stage::Mounted) => Part::Install,
            Some(Stage::Installed | Stage::Unpacked) => Part::Build,
            Some(Stage::Built) => Part::Results,
            Some(Stage::End) => Part::Off,
        };
        if part != self.part {
            self.enter(part);
        }
        self.until.filter(|until| Instant::now() >= *until).map(|_| self.allowed.as_secs())
    }
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

    #[test]
    fn each_part_of_a_life_has_a_deadline_of_its_own_that_emulation_stretches() {
        let second = Duration::from_secs(1);
        let limits = Limits { boot: second, install: second, build: 2 * second, results: second, ..Limits::default() };
        let allowed = |stage, accelerator| {
            let mut deadline = Deadline::new(&limits, accelerator);
            assert_eq!(deadline.passed(stage), None);
            deadline.allowed
        };
        assert_eq!(allowed(None, Accelerator::Tcg), TCG_BOOT_FACTOR * second);
        assert_eq!(allowed(Some(Stage::Hello), Accelerator::Tcg), TCG_FACTOR * second);
        assert_eq!(allowed(Some(Stage::Unpacked), Accelerator::Tcg), TCG_FACTOR * 2 * second);
        assert_eq!(allowed(Some(Stage::Unpacked), Accelerator::Kvm), 2 * second);
        assert_eq!(allowed(Some(Stage::Built), Accelerator::Kvm), second);
        assert_eq!(allowed(Some(Stage::End), Accelerator::Kvm), OFF);
    }
}
