//! The kernel's side: mounts, modules, devices by their serial, power.

use std::{
    fs::{File, Permissions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use copr_vm::proto::SCRATCH_SERIAL;
use fs_err as fs;
use nix::{
    fcntl::OFlag,
    kmod::{ModuleInitFlags, finit_module},
    mount::{MntFlags, MsFlags, mount, umount2},
    sys::{
        reboot::{RebootMode, reboot},
        stat::{Mode, SFlag, makedev, mknod},
    },
};

use crate::network;

/// Where the target's root is mounted.
pub(crate) const TARGET: &str = "/target";
/// Where the input disk is mounted.
pub(crate) const INPUT: &str = "/in";
/// Where the spare disk is mounted, for the length of one installation.
pub(crate) const SPARE: &str = "/spare";
/// What is mounted in the target, the innermost first.
const IN_TARGET: [&str; 4] = ["dev/shm", "dev/pts", "dev", "sys"];
/// How often and how long a device is waited for.
const TRIES: u32 = 300;
const PAUSE: Duration = Duration::from_millis(10);

/// Mounts what every program expects, loads the modules, starts the loopback interface.
pub(crate) fn start() -> io::Result<()> {
    mount_at("proc", "/proc", "proc", MsFlags::empty(), "")?;
    mount_at("sysfs", "/sys", "sysfs", MsFlags::empty(), "")?;
    // The kernel may have mounted it already.
    let _ = mount_at("devtmpfs", "/dev", "devtmpfs", MsFlags::empty(), "");
    fs::create_dir_all("/tmp")?;
    load_modules();
    if let Err(error) = network::loopback_up() {
        println!("guest: loopback: {error}");
    }
    Ok(())
}

/// Mounts, making the mount point.
pub(crate) fn mount_at(source: &str, target: &str, kind: &str, flags: MsFlags, data: &str) -> io::Result<()> {
    fs::create_dir_all(target)?;
    mount(Some(source), target, Some(kind), flags, Some(data))
        .map_err(|errno| io::Error::other(format!("mounting {source} at {target}: {}", errno.desc())))
}

fn load_modules() {
    for name in fs::read_to_string("/modules/order").unwrap_or_default().lines() {
        let loaded = File::open(Path::new("/modules").join(name))
            .and_then(|file| Ok(finit_module(&file, c"", ModuleInitFlags::empty())?));
        if let Err(error) = loaded {
            println!("guest: module {name}: {error}");
        }
    }
}

/// The device file of the disk with this serial.
pub(crate) fn disk(serial: &str) -> io::Result<PathBuf> {
    wait_for(|| find("/sys/block", "serial", serial))
        .ok_or_else(|| io::Error::other(format!("the machine has no disk with the serial {serial:?}")))
}

/// The device file of the virtio-serial port with this name.
pub(crate) fn port(name: &str) -> io::Result<PathBuf> {
    wait_for(|| find("/sys/class/virtio-ports", "name", name))
        .ok_or_else(|| io::Error::other(format!("the machine has no virtio-serial port {name:?}")))
}

fn wait_for<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    for _ in 0..TRIES {
        if let Some(found) = look() {
            return Some(found);
        }
        std::thread::sleep(PAUSE);
    }
    None
}

fn find(class: &str, attribute: &str, value: &str) -> Option<PathBuf> {
    for entry in fs::read_dir(class).ok()?.flatten() {
        if fs::read_to_string(entry.path().join(attribute)).is_ok_and(|text| text.trim() == value) {
            let device = Path::new("/dev").join(entry.file_name());
            return device.exists().then_some(device);
        }
    }
    None
}

/// Mounts the input and the scratch disk.
pub(crate) fn mount_disks(input: &Path, scratch: &Path) -> io::Result<()> {
    mount_read_only(input, INPUT)?;
    mount_at(&scratch.to_string_lossy(), TARGET, "ext4", MsFlags::MS_NOATIME, "nobarrier")
}

/// Mounts a disk that the host has written, and maybe will write anew.
pub(crate) fn mount_read_only(disk: &Path, at: &str) -> io::Result<()> {
    let flags = MsFlags::MS_RDONLY | MsFlags::MS_NODEV | MsFlags::MS_NOSUID;
    mount_at(&disk.to_string_lossy(), at, "ext4", flags, "noload")
}

/// Shows `folder` at `at` too.
pub(crate) fn bind(folder: &Path, at: &Path) -> io::Result<()> {
    mount_at(&folder.to_string_lossy(), &at.to_string_lossy(), "none", MsFlags::MS_BIND, "")
}

/// Takes off what is mounted at `at`; nothing may use it.
pub(crate) fn unmount(at: &str) -> io::Result<()> {
    umount2(at, MntFlags::empty()).map_err(|errno| io::Error::other(format!("unmounting {at}: {}", errno.desc())))
}

/// Takes off the target and all that [`mount_target`] has mounted in it: its file system is whole on the disk then.
pub(crate) fn unmount_target() -> io::Result<()> {
    for path in IN_TARGET {
        unmount(&format!("{TARGET}/{path}"))?;
    }
    unmount(TARGET)?;
    // The namespaces of programs that have ended held it too; that they have let go shows when it can be had alone.
    let scratch = disk(SCRATCH_SERIAL)?;
    let alone = || File::options().read(true).custom_flags(OFlag::O_EXCL.bits()).open(&scratch).ok();
    wait_for(alone).map(drop).ok_or_else(|| io::Error::other("something holds the scratch disk"))
}

/// Mounts what programs in the target expect: sys, and a `/dev` with nothing of the machine's own in it. Each program gets
/// a `/proc` of its own, see [`crate::child`].
pub(crate) fn mount_target() -> io::Result<()> {
    let at = |path: &str| format!("{TARGET}/{path}");
    fs::create_dir_all(at("proc"))?;
    mount_at("sysfs", &at("sys"), "sysfs", MsFlags::MS_RDONLY, "")?;
    mount_at("tmpfs", &at("dev"), "tmpfs", MsFlags::MS_NOSUID, "mode=0755,size=1m")?;
    for (name, major, minor) in
        [("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0)]
    {
        let path = at(&format!("dev/{name}"));
        mknod(path.as_str(), SFlag::S_IFCHR, Mode::from_bits_truncate(0o666), makedev(major, minor))?;
        // mknod minds the umask, chmod does not.
        set_mode(Path::new(&path), 0o666)?;
    }
    for (link, target) in [
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
        ("ptmx", "pts/ptmx"),
    ] {
        std::os::unix::fs::symlink(target, at(&format!("dev/{link}")))?;
    }
    let devpts = "newinstance,ptmxmode=0666,mode=0620,gid=5";
    mount_at("devpts", &at("dev/pts"), "devpts", MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC, devpts)?;
    mount_at("tmpfs", &at("dev/shm"), "tmpfs", MsFlags::MS_NOSUID | MsFlags::MS_NODEV, "mode=1777")
}

pub(crate) fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, Permissions::from_mode(mode))
}

/// Writes a text file in the target. What stands there is replaced, not followed: a link of the target's, seen from
/// outside of it, may lead anywhere.
pub(crate) fn put(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let fresh = path.with_extension("copr-new");
    fs::write(&fresh, text)?;
    fs::rename(fresh, path)
}

/// Seconds since the kernel started.
pub(crate) fn uptime() -> f64 {
    let text = fs::read_to_string("/proc/uptime").unwrap_or_default();
    text.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or_default()
}

/// Turns the machine off. A disk that is not thrown away is unmounted by now, so nothing is synced.
pub(crate) fn power_off() -> ! {
    loop {
        // It returns only when it failed.
        println!("guest: power off: {:?}", reboot(RebootMode::RB_POWER_OFF));
        std::thread::sleep(Duration::from_secs(1));
    }
}
