//! QEMU: finding it, its command line, its process and its monitor.

use std::{
    ffi::OsString,
    io,
    os::{
        fd::{BorrowedFd, OwnedFd},
        unix::{
            ffi::{OsStrExt, OsStringExt},
            net::UnixStream,
        },
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    accel::Accelerator,
    machine::MachineError,
    monitor::Monitor,
    net::address::GUEST_MAC,
    proto::{INPUT_SERIAL, PORT, SCRATCH_SERIAL, SPARE_SERIAL},
};

/// What is standard error here becomes 3, the network card's socket, and the monitor's socket takes what is said.
const TURN: &str = r#"exec "$@" 3<&2 2>&1"#;
/// Runs the program behind the first argument only while the process of that number is the parent.
const GUARD: &str = r#"[ "$PPID" = "$1" ] || exit 3; shift; exec "$@""#;
/// The translation cache under TCG, in MiB. 1 GiB is the default; gcc and its friends fit into this without being thrown out.
pub(crate) const TRANSLATIONS_MIB: u32 = 256;
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

/// A program of the system, by its name.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
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

/// Where a machine begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// With its kernel.
    Boot,
    /// With its kernel, and it is going to be saved, see [`Qemu::record`]: its memory is this file, which is made.
    Record(PathBuf),
    /// Where a machine stood that was saved, see [`Qemu::resume`]: its memory was this file, which is left as it is.
    Resume(PathBuf),
}

/// What one QEMU is started with. It has no display, no USB, and no network but the one below; the guest's port is a socket
/// that QEMU inherits as standard input, its monitor one that it inherits as standard output, so neither has a name in any
/// file system.
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
    /// Boot, or go on from a snapshot.
    pub start: Start,
    /// An existing folder for the console and for what is written over [`QemuCommand::scratch`].
    pub home: PathBuf,
    /// The read-only input disk.
    pub input: Option<PathBuf>,
    /// The scratch disk.
    pub scratch: Option<PathBuf>,
    /// Whether the scratch disk is only read, and what is written goes to a nameless file in `home`.
    pub layered: bool,
    /// The read-only disk that is filled while the machine runs.
    pub spare: Option<PathBuf>,
    /// Whether there is a network card, at the other end of [`Qemu::network`].
    pub network: bool,
    /// The user and group that it runs as; needs root.
    pub uid: Option<u32>,
}

impl QemuCommand {
    /// Where the serial console goes.
    pub fn console(&self) -> PathBuf {
        self.home.join("console")
    }

    /// The arguments behind the program's name.
    pub fn args(&self) -> Vec<OsString> {
        let mut args: Vec<OsString> = [
            "-nodefaults -no-user-config -no-reboot -display none -net none",
            "-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
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
                push("-accel", format!("tcg,thread=multi,tb-size={TRANSLATIONS_MIB}").into());
                push("-cpu", OsString::from(&self.cpu));
                push("-append", format!("{console} nokaslr no_timer_check").into());
            }
            Accelerator::Kvm => {
                push("-accel", "kvm".into());
                push("-cpu", "host".into());
                push("-append", console.into());
            }
        }
        let board = "q35,usb=off,smbus=off,vmport=off,dump-guest-core=off";
        let (ram, share) = match &self.start {
            Start::Boot => (None, ""),
            Start::Record(ram) => (Some(ram), "on"),
            Start::Resume(ram) => (Some(ram), "off"),
        };
        match ram {
            None => push("-M", board.into()),
            Some(ram) => {
                let before = format!("memory-backend-file,id=ram,size={}M,share={share},mem-path=", self.memory_mib);
                push("-object", with_path(&before, ram, ""));
                push("-M", format!("{board},memory-backend=ram").into());
            }
        }
        if matches!(self.start, Start::Resume(_)) {
            push("-incoming", "defer".into());
        }
        push("-smp", self.cpus.to_string().into());
        push("-m", self.memory_mib.to_string().into());
        push("-kernel", self.kernel.clone().into());
        push("-initrd", self.initramfs.clone().into());
        push("-chardev", with_path("file,id=console,path=", &self.console(), ""));
        push("-serial", "chardev:console".into());
        if let Some(input) = &self.input {
            push("-drive", with_path("format=raw,if=none,id=in,readonly=on,file=", input, ""));
            push("-device", format!("virtio-blk-pci,drive=in,serial={INPUT_SERIAL}").into());
        }
        if let Some(scratch) = &self.scratch {
            // The disk is thrown away: nothing has to reach the platter. A full host must not stop the machine silently.
            let rest = ",cache=unsafe,werror=report,rerror=report";
            let writes = if self.layered { "snapshot=on" } else { "discard=unmap" };
            push("-drive", with_path(&format!("format=raw,if=none,id=scratch,{writes},file="), scratch, rest));
            push("-device", format!("virtio-blk-pci,drive=scratch,serial={SCRATCH_SERIAL}").into());
        }
        if let Some(spare) = &self.spare {
            push("-drive", with_path("format=raw,if=none,id=spare,readonly=on,file=", spare, ""));
            push("-device", format!("virtio-blk-pci,drive=spare,serial={SPARE_SERIAL}").into());
        }
        if self.network {
            push("-netdev", "socket,id=net,fd=3".into());
            let mac = GUEST_MAC.map(|byte| format!("{byte:02x}")).join(":");
            push("-device", format!("virtio-net-pci,netdev=net,mac={mac},romfile=").into());
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
        let (network, network_of_qemu) = if self.network { Some(UnixStream::pair()?) } else { None }.unzip();
        let mut command = Command::new("/bin/sh");
        command.args(["-c", TURN, "sh"]).arg(setpriv);
        if let Some(uid) = self.uid {
            command.args([format!("--reuid={uid}"), format!("--regid={uid}"), "--clear-groups".to_owned()]);
        }
        // The shell looks whether we still live: had we died before `setpriv` asked for the signal, none would come.
        command.args(["--pdeathsig", "KILL", "--no-new-privs", "--", "/bin/sh", "-c", GUARD, "sh"]);
        command.arg(std::process::id().to_string()).arg(&self.qemu).args(self.args());
        command.env_clear().env("PATH", "/usr/bin:/bin").env("LANG", "C").env("TMPDIR", &self.home);
        command.stdin(OwnedFd::from(port_of_qemu)).stdout(OwnedFd::from(monitor_of_qemu));
        command.stderr(network_of_qemu.map_or_else(Stdio::null, |socket| OwnedFd::from(socket).into()));
        let child = command.spawn().map_err(|error| not_started(&self.qemu, &error))?;
        drop(command);
        Ok(Qemu { child, port, network, monitor: Monitor::start(monitor) })
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

/// A running QEMU; killed and waited for when it is dropped.
#[derive(Debug)]
pub struct Qemu {
    child: Child,
    /// The guest's port.
    pub port: UnixStream,
    /// What the network card sends and gets, when it has one: packets, each behind its length as `u32` big-endian.
    pub network: Option<UnixStream>,
    monitor: Monitor,
}

impl Qemu {
    /// Its process.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// Stops the machine of [`Start::Record`] for ever and writes all but its memory to `state`.
    ///
    /// # Errors
    /// When QEMU cannot, or takes longer than `patience`.
    pub fn record(&mut self, state: BorrowedFd<'_>, patience: Duration) -> Result<(), MachineError> {
        self.monitor.ask("stop", &json!({}))?;
        self.monitor.ask("migrate-set-capabilities", &json!({"capabilities": [without_ram()]}))?;
        self.monitor.give("state", state)?;
        self.monitor.ask("migrate", &json!({"uri": "fd:state"}))?;
        self.wait_for_migration(patience)
    }

    /// Loads the `state` that [`Qemu::record`] wrote into the machine of [`Start::Resume`] and lets it go on.
    ///
    /// # Errors
    /// When QEMU cannot, or takes longer than `patience`.
    pub fn resume(&mut self, state: BorrowedFd<'_>, patience: Duration) -> Result<(), MachineError> {
        self.monitor.ask("migrate-set-capabilities", &json!({"capabilities": [without_ram()]}))?;
        self.monitor.give("state", state)?;
        self.monitor.ask("migrate-incoming", &json!({"uri": "fd:state"}))?;
        self.wait_for_migration(patience)?;
        self.monitor.ask("cont", &json!({})).map(drop)
    }

    fn wait_for_migration(&mut self, patience: Duration) -> Result<(), MachineError> {
        let until = Instant::now() + patience;
        loop {
            let state = self.monitor.ask("query-migrate", &json!({}))?;
            match state.get("status").and_then(serde_json::Value::as_str) {
                Some("completed") => return Ok(()),
                Some("failed" | "cancelled") => return Err(MachineError::Qemu(format!("a snapshot: {state}"))),
                _ if Instant::now() >= until => {
                    return Err(MachineError::Qemu(format!("a snapshot took longer than {patience:?}")));
                }
                _ => std::thread::sleep(Duration::from_millis(5)),
            }
        }
    }

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
        self.monitor.complaints()
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

/// What keeps memory that is a file out of a machine's state.
fn without_ram() -> serde_json::Value {
    json!({"capability": "x-ignore-shared", "state": true})
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
            start: Start::Boot,
            home: "/h".into(),
            input: Some("/in".into()),
            scratch: Some("/scratch".into()),
            layered: false,
            spare: Some("/spare".into()),
            network: false,
            uid: None,
        };
        let words = |command: &QemuCommand| command.args().join(std::ffi::OsStr::new(" ")).into_string().unwrap();
        let line = words(&command);
        assert!(line.contains("-net none") && line.contains("-sandbox on,") && line.contains("readonly=on,file=/in"));
        assert!(line.contains("-cpu host") && !line.contains("nokaslr"), "{line}");
        assert!(!line.contains("netdev") && !line.contains("snapshot=on"), "{line}");
        let line = words(&QemuCommand { network: true, layered: true, ..command });
        assert!(line.contains("-netdev socket,id=net,fd=3") && line.contains("snapshot=on,file=/scratch"), "{line}");
    }
}
