//! QEMU: finding it, its command line, its process and its monitor.

use std::{
    ffi::OsString,
    io::{self, BufRead, BufReader, Read, Write},
    os::{
        fd::OwnedFd,
        unix::{
            ffi::{OsStrExt, OsStringExt},
            net::UnixStream,
        },
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use crate::{
    accel::Accelerator,
    machine::MachineError,
    proto::{INPUT_SERIAL, PORT, SCRATCH_SERIAL},
};

/// Most that is kept of what QEMU says on standard error, and of one line of its monitor, in bytes.
const MOST_TEXT: u64 = 64 << 10;
/// Runs the program behind the first argument only while the process of that number is the parent.
const GUARD: &str = r#"[ "$PPID" = "$1" ] || exit 3; shift; exec "$@""#;
/// How long QEMU may take to obey `quit` before it is killed; it takes 50 ms.
const QUIT_GRACE: Duration = Duration::from_millis(500);

/// The `qemu-system-x86_64` to use: `configured`, or the first in the usual folders.
///
/// # Errors
/// [`MachineError::MissingQemu`], which names the package to install.
pub fn find_qemu(configured: Option<&Path>) -> Result<PathBuf, MachineError> {
    let usual = || find_program("qemu-system-x86_64");
    configured.map_or_else(usual, |path| path.is_file().then(|| path.to_path_buf())).ok_or_else(|| {
        MachineError::MissingQemu(configured.map_or_else(|| PathBuf::from("qemu-system-x86_64"), Path::to_path_buf))
    })
}

fn find_program(name: &str) -> Option<PathBuf> {
    let folders = ["/usr/bin", "/bin", "/usr/local/bin", "/usr/libexec"];
    folders.iter().map(|folder| Path::new(folder).join(name)).find(|path| path.is_file())
}

/// QEMU's version as it tells it, e.g. `7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)`.
///
/// # Errors
/// When it cannot be run or says something else.
pub fn qemu_version(qemu: &Path) -> Result<String, MachineError> {
    let output = Command::new(qemu).arg("--version").stdin(Stdio::null()).output();
    let output = output.map_err(|error| not_started(qemu, &error))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let version = text.lines().next().and_then(|line| line.split_once("version "));
    version
        .map(|(_, version)| version.trim().to_owned())
        .ok_or_else(|| MachineError::Qemu(format!("{} --version names no version", qemu.display())))
}

fn not_started(qemu: &Path, error: &io::Error) -> MachineError {
    match error.kind() {
        io::ErrorKind::NotFound => MachineError::MissingQemu(qemu.to_path_buf()),
        _ => MachineError::Qemu(format!("{} cannot be started: {error}", qemu.display())),
    }
}

/// What one QEMU is started with. It has no network, no display, no USB; the guest's port is a socket that QEMU inherits
/// as standard input, its monitor one that it inherits as standard output, so neither has a name in any file system.
#[derive(Debug, Clone)]
pub struct QemuCommand {
    /// The program.
    pub qemu: PathBuf,
    /// KVM or TCG.
    pub accelerator: Accelerator,
    /// CPU model under TCG.
    pub cpu: String,
    /// Virtual processors.
    pub cpus: u32,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// The kernel.
    pub kernel: PathBuf,
    /// The initramfs.
    pub initramfs: PathBuf,
    /// Where the serial console goes.
    pub console: PathBuf,
    /// The read-only input disk.
    pub input: Option<PathBuf>,
    /// The scratch disk.
    pub scratch: Option<PathBuf>,
}

impl QemuCommand {
    /// The arguments behind the program's name.
    pub fn args(&self) -> Vec<OsString> {
        let mut args: Vec<OsString> = [
            "-nodefaults -no-user-config -no-reboot -display none -net none",
            "-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
            "-M q35,usb=off,smbus=off,vmport=off,dump-guest-core=off",
            "-object rng-random,id=entropy,filename=/dev/urandom -device virtio-rng-pci,rng=entropy",
            "-device virtio-serial-pci -chardev socket,id=port,fd=0",
            "-chardev socket,id=monitor,fd=1 -mon chardev=monitor,mode=control",
        ]
        .iter()
        .flat_map(|line| line.split(' ').map(OsString::from))
        .collect();
        let mut push = |option: &str, value: OsString| args.extend([option.into(), value]);
        push("-device", format!("virtserialport,chardev=port,name={PORT}").into());
        let console =
            "console=ttyS0 quiet panic=-1 oops=panic mitigations=off tsc=reliable audit=0 random.trust_cpu=on";
        match self.accelerator {
            Accelerator::Tcg => {
                // A translation cache of 1 GiB is the default; gcc and its friends fit into 256 MiB without being thrown out.
                push("-accel", "tcg,thread=multi,tb-size=256".into());
                push("-cpu", OsString::from(&self.cpu));
                push("-append", format!("{console} nokaslr no_timer_check").into());
            }
            Accelerator::Kvm => {
                push("-accel", "kvm".into());
                push("-cpu", "host".into());
                push("-append", console.into());
            }
        }
        push("-smp", self.cpus.to_string().into());
        push("-m", self.memory_mib.to_string().into());
        push("-kernel", self.kernel.clone().into());
        push("-initrd", self.initramfs.clone().into());
        push("-chardev", with_path("file,id=console,path=", &self.console, ""));
        push("-serial", "chardev:console".into());
        if let Some(input) = &self.input {
            push("-drive", with_path("format=raw,if=none,id=in,readonly=on,file=", input, ""));
            push("-device", format!("virtio-blk-pci,drive=in,serial={INPUT_SERIAL}").into());
        }
        if let Some(scratch) = &self.scratch {
            // The disk is thrown away: nothing has to reach the platter. A full host must not stop the machine silently.
            let rest = ",cache=unsafe,discard=unmap,werror=report,rerror=report";
            push("-drive", with_path("format=raw,if=none,id=scratch,file=", scratch, rest));
            push("-device", format!("virtio-blk-pci,drive=scratch,serial={SCRATCH_SERIAL}").into());
        }
        args
    }

    /// Starts it. It is killed when the thread that called this dies, in whatever way.
    ///
    /// # Errors
    /// When QEMU or `setpriv` is missing, or cannot be started.
    pub fn start(&self) -> Result<Qemu, MachineError> {
        let setpriv = find_program("setpriv")
            .ok_or(MachineError::MissingProgram { program: "setpriv", package: "util-linux" })?;
        if !self.qemu.is_file() {
            return Err(MachineError::MissingQemu(self.qemu.clone()));
        }
        let (port, port_of_qemu) = UnixStream::pair()?;
        let (monitor, monitor_of_qemu) = UnixStream::pair()?;
        let mut command = Command::new(setpriv);
        // The shell looks whether we still live: had we died before `setpriv` asked for the signal, none would come.
        command.args(["--pdeathsig", "KILL", "--no-new-privs", "--", "/bin/sh", "-c", GUARD, "sh"]);
        command.arg(std::process::id().to_string()).arg(&self.qemu).args(self.args());
        command.env_clear().env("PATH", "/usr/bin:/bin").env("LANG", "C");
        command.stdin(OwnedFd::from(port_of_qemu)).stdout(OwnedFd::from(monitor_of_qemu)).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| not_started(&self.qemu, &error))?;
        drop(command);
        let complaints = child.stderr.take().map(collect);
        Ok(Qemu { child, port, monitor: Monitor::start(monitor), complaints })
    }
}

/// A path in an option list, where a comma is said by two.
fn with_path(before: &str, path: &Path, after: &str) -> OsString {
    let mut bytes = before.as_bytes().to_vec();
    for byte in path.as_os_str().as_bytes() {
        bytes.push(*byte);
        if *byte == b',' {
            bytes.push(b',');
        }
    }
    bytes.extend_from_slice(after.as_bytes());
    OsString::from_vec(bytes)
}

fn collect(mut stderr: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut text = Vec::new();
        // An error ends the text; there is nobody to tell.
        let _ = stderr.by_ref().take(MOST_TEXT).read_to_end(&mut text);
        let _ = io::copy(&mut stderr, &mut io::sink());
        String::from_utf8_lossy(&text).trim().to_owned()
    })
}

/// A running QEMU; killed and waited for when it is dropped.
#[derive(Debug)]
pub struct Qemu {
    child: Child,
    /// The guest's port.
    pub port: UnixStream,
    monitor: Monitor,
    complaints: Option<JoinHandle<String>>,
}

impl Qemu {
    /// True when it has ended.
    ///
    /// # Errors
    /// When the process cannot be asked.
    pub fn has_ended(&mut self) -> io::Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// Waits for its end, at most `patience`, then kills it. True when it ended by itself.
    ///
    /// # Errors
    /// When the process cannot be asked.
    pub fn wait(&mut self, patience: Duration) -> io::Result<bool> {
        let until = Instant::now() + patience;
        loop {
            if self.has_ended()? {
                return Ok(true);
            }
            if Instant::now() >= until {
                self.kill();
                return Ok(false);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Ends it: politely by the monitor, and by force half a second later.
    ///
    /// # Errors
    /// When the process cannot be asked.
    pub fn stop(&mut self) -> io::Result<()> {
        self.monitor.quit();
        self.wait(QUIT_GRACE).map(drop)
    }

    /// Why the machine went off, in QEMU's words (`guest-shutdown`, `guest-reset`, ...); call it after [`Qemu::wait`].
    pub fn shutdown_reason(&mut self) -> Option<String> {
        self.monitor.reason()
    }

    /// What QEMU said on standard error; call it after [`Qemu::wait`].
    pub fn complaints(&mut self) -> String {
        self.complaints.take().and_then(|thread| thread.join().ok()).unwrap_or_default()
    }

    fn kill(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Qemu {
    fn drop(&mut self) {
        self.kill();
    }
}

/// QEMU's monitor (QMP): we send two commands and listen to one event.
#[derive(Debug)]
struct Monitor {
    stream: UnixStream,
    reason: Arc<Mutex<Option<String>>>,
    listener: Option<JoinHandle<()>>,
}

impl Monitor {
    fn start(stream: UnixStream) -> Self {
        let reason = Arc::new(Mutex::new(None));
        let kept = Arc::clone(&reason);
        // Without a second handle we only learn less: the reason stays unknown.
        let listener = stream.try_clone().ok().map(|stream| std::thread::spawn(move || listen(stream, &kept)));
        let mut monitor = Self { stream, reason, listener };
        // Should QEMU stop reading, we must not.
        let _ = monitor.stream.set_write_timeout(Some(Duration::from_millis(200)));
        monitor.say("qmp_capabilities");
        monitor
    }

    fn say(&mut self, command: &str) {
        // When it fails QEMU is gone, or is killed soon.
        let _ = self.stream.write_all(format!("{{\"execute\":\"{command}\"}}\n").as_bytes());
    }

    fn quit(&mut self) {
        self.say("quit");
    }

    fn reason(&mut self) -> Option<String> {
        if let Some(listener) = self.listener.take() {
            let _ = listener.join();
        }
        self.reason.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn listen(stream: UnixStream, reason: &Mutex<Option<String>>) {
    let mut stream = BufReader::new(stream);
    loop {
        let mut line = Vec::new();
        match stream.by_ref().take(MOST_TEXT).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let Ok(message) = serde_json::from_slice::<serde_json::Value>(&line) else { continue };
        if message.get("event").and_then(|event| event.as_str()) == Some("SHUTDOWN") {
            let why = message.get("data").and_then(|data| data.get("reason")).and_then(|reason| reason.as_str());
            let mut kept = reason.lock().unwrap_or_else(PoisonError::into_inner);
            *kept = kept.take().or_else(|| why.map(str::to_owned));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_qemu_is_an_error_that_names_program_and_packages() {
        let error = find_qemu(Some(Path::new("/nowhere/qemu"))).unwrap_err().to_string();
        assert!(error.contains("/nowhere/qemu") && error.contains("qemu-system-x86"), "{error}");
    }

    #[test]
    fn qemu_tells_its_version() {
        let version = qemu_version(&find_qemu(None).unwrap()).unwrap();
        assert!(version.starts_with(|c: char| c.is_ascii_digit()), "{version}");
    }

    #[test]
    fn a_comma_in_a_path_cannot_become_an_option() {
        let option = with_path("file=", Path::new("/a,readonly=off/b"), ",id=x");
        assert_eq!(option, "file=/a,,readonly=off/b,id=x");
    }

    #[test]
    fn the_command_line_has_no_network_and_a_sandbox() {
        let command = QemuCommand {
            qemu: "/usr/bin/qemu-system-x86_64".into(),
            accelerator: Accelerator::Kvm,
            cpu: "qemu64".into(),
            cpus: 2,
            memory_mib: 512,
            kernel: "/k".into(),
            initramfs: "/i".into(),
            console: "/c".into(),
            input: Some("/in".into()),
            scratch: Some("/scratch".into()),
        };
        let line = command.args().join(std::ffi::OsStr::new(" ")).into_string().unwrap();
        assert!(line.contains("-net none") && line.contains("-sandbox on,") && line.contains("readonly=on,file=/in"));
        assert!(line.contains("-cpu host") && !line.contains("nokaslr"), "{line}");
    }
}
