//! Debian's obs-build, set up to build source packages of the minidistro in QEMU.
//!
//! obs-build wants three things of a distribution: a configuration (which packages a machine begins with), repositories, and among
//! their packages a kernel with an initrd, which for openSUSE is `kernel-obs-build`. The minidistro has no kernel, and leaves out
//! what its own guest does without: perl, mount and su. So a second repository of two packages is made here. The kernel is the one
//! that our machines boot.

use std::{
    io::{BufRead, BufReader},
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use copr_tests::programs::{run_ok, tree};
use copr_vm::{Kernel, KernelOptions};

use crate::{empty_folder, processes::Watch};

/// Debian's packages that the guest's tools are taken from.
const DEBS: [&str; 5] = ["busybox-static", "libperl5.36", "mount", "perl-base", "perl-modules-5.36"];
/// Fetches packages as the minidistro's own are: of Debian 12, whatever this machine runs.
const FETCH: &str = "import sys, pathlib\nfrom minidistro.apt import Apt\nfolder = pathlib.Path(sys.argv[1])\n\
                     apt = Apt(folder, ['deb'])\napt.update()\n\
                     apt.run('apt-get', '-qq', 'download', *sys.argv[2:], cwd=folder)\n";
/// Modules of perl that obs-build uses in its machine and that perl-base has not, below two folders of two packages.
const PERL: [(&str, &[&str]); 2] = [
    (
        "libperl5.36/usr/lib/x86_64-linux-gnu/perl/5.36.0",
        &["Digest/MD5.pm", "auto/Digest/MD5/MD5.so", "Data/Dumper.pm", "auto/Data/Dumper/Dumper.so"],
    ),
    ("perl-modules-5.36/usr/share/perl/5.36.0", &["Digest/base.pm"]),
];
/// Where perl-base has its modules.
const PERL_BASE: &str = "usr/lib/x86_64-linux-gnu/perl-base";
/// Programs of mount's package, by folder.
const MOUNT: [(&str, &[&str]); 2] = [("bin", &["mount", "umount"]), ("sbin", &["swapon", "swapoff"])];
/// Programs that busybox is good enough for.
const BUSYBOX: [&str; 4] = ["hostname", "ip", "ps", "su"];
/// Longest build; a machine that waits for a keyboard would wait for ever.
const LIMIT: &str = "1800";

/// obs-build with all that it needs.
#[derive(Debug)]
pub struct Obs {
    folder: PathBuf,
}

/// What a build took.
#[derive(Debug)]
pub struct Built {
    /// From start to a repository with the results.
    pub wall: Duration,
    /// All that was printed.
    pub log: String,
    /// Most memory of host processes and of QEMU, in MiB.
    pub memory: crate::processes::Peak,
}

impl Obs {
    /// Makes configuration and repositories below `folder`, which is emptied; `None` when obs-build is not installed.
    ///
    /// # Errors
    /// A tool or Debian's packages are missing.
    pub fn prepare(folder: &Path, minidistro: &Path) -> Result<Option<Self>> {
        if Command::new("obs-build").arg("--help").output().is_err() {
            return Ok(None);
        }
        unmount(&folder.join("root"))?;
        empty_folder(folder)?;
        let obs = Self { folder: folder.to_owned() };
        fs_err::write(obs.config(), configuration()?)?;
        obs.link_minidistro(minidistro)?;
        obs.make_packages()?;
        for repository in [obs.distribution(), obs.own()] {
            // obs-build 20210120 reads the first member of a gzip file only, and ours have several.
            run_ok(Command::new("createrepo_c").args(["--quiet", "--no-database"]).arg(repository))?;
        }
        Ok(Some(obs))
    }

    /// Builds a source package in a machine of `memory` MiB, and puts the results into a repository, as the Open Build Service
    /// does behind each build.
    ///
    /// # Errors
    /// The build fails; the message has the end of its log.
    pub fn build(&self, srpm: &Path, memory: u32) -> Result<Built> {
        let results = self.folder.join("results");
        empty_folder(&results)?;
        let mut command = self.command(srpm, memory);
        let began = Instant::now();
        let mut child = command.spawn().context("cannot start obs-build")?;
        let watch = Watch::of(child.id());
        let mut log = String::new();
        let mut reader = BufReader::new(child.stdout.take().context("obs-build has no output")?);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line)? > 0 {
            log.push_str(&String::from_utf8_lossy(&line));
            line.clear();
        }
        let status = child.wait()?;
        let memory = watch.end();
        if !status.success() {
            let end: Vec<&str> = log.lines().rev().take(40).collect();
            let end: Vec<&str> = end.into_iter().rev().collect();
            bail!("obs-build ended with {status}:\n{}", end.join("\n"));
        }
        let root = self.folder.join("root");
        for kind in ["RPMS/x86_64", "RPMS/noarch", "SRPMS"] {
            let from = root.join(".build.packages").join(kind);
            for entry in fs_err::read_dir(&from).into_iter().flatten() {
                let entry = entry?;
                fs_err::copy(entry.path(), results.join(entry.file_name()))?;
            }
        }
        if fs_err::read_dir(&results)?.next().is_none() {
            bail!("obs-build left no packages in {}", root.display());
        }
        run_ok(Command::new("createrepo_c").args(["--quiet", "--no-database"]).arg(&results))?;
        Ok(Built { wall: began.elapsed(), log, memory })
    }

    fn command(&self, srpm: &Path, memory: u32) -> Command {
        let mut command = Command::new("timeout");
        command.args(["--kill-after=10", LIMIT, "obs-build", "--vm-type", "qemu", "--clean", "--vm-disk-clean"]);
        command.arg("--vm-disk").arg(self.folder.join("root.img")).args(["--vm-disk-size", "4096"]);
        command.arg("--vm-swap").arg(self.folder.join("swap.img")).args(["--vm-swap-size", "512"]);
        command.arg("--vm-memory").arg(memory.to_string()).args(["--vm-disk-filesystem", "ext4"]);
        command.arg("--root").arg(self.folder.join("root")).arg("--cachedir").arg(self.folder.join("cache"));
        command.arg("--dist").arg(self.config()).args(["--arch", "x86_64"]);
        command.arg("--repository").arg(self.distribution()).arg("--repository").arg(self.own()).arg(srpm);
        // It knows qemu's devices for other architectures, but for x86_64 only kvm's.
        command.envs([
            ("qemu_device", "virtio-blk-pci"),
            ("qemu_rng_device", "virtio-rng-pci"),
            ("qemu_console", "ttyS0"),
        ]);
        command.current_dir(&self.folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        command
    }

    fn config(&self) -> PathBuf {
        self.folder.join("minidistro.conf")
    }

    fn distribution(&self) -> PathBuf {
        self.folder.join("minidistro")
    }

    fn own(&self) -> PathBuf {
        self.folder.join("packages")
    }

    /// The minidistro's packages, for metadata of their own.
    fn link_minidistro(&self, minidistro: &Path) -> Result<()> {
        let minidistro = fs_err::canonicalize(minidistro)?;
        fs_err::create_dir(self.distribution())?;
        for entry in fs_err::read_dir(&minidistro)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "rpm") {
                symlink(&path, self.distribution().join(path.file_name().context("a file has a name")?))?;
            }
        }
        Ok(())
    }

    /// Builds `kernel-obs-build` and `obs-guest`.
    fn make_packages(&self) -> Result<()> {
        let debs = self.folder.join("debs");
        let scripts = source_folder()?;
        fs_err::create_dir(&debs)?;
        let minidistro = tree().join("tests/minidistro");
        run_ok(Command::new("python3").env("PYTHONPATH", minidistro).args(["-c", FETCH]).arg(&debs).args(DEBS))?;
        for deb in DEBS {
            let file = fs_err::read_dir(&debs)?.flatten().map(|entry| entry.path()).find(|path| {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                name.strip_prefix(deb).is_some_and(|rest| rest.starts_with('_'))
            });
            let file = file.with_context(|| format!("apt-get downloaded no {deb}"))?;
            run_ok(Command::new("dpkg-deb").arg("-x").arg(file).arg(debs.join(deb)))?;
        }
        let root = self.folder.join("tree");
        guest_tools(&debs, &scripts, &root)?;
        let kernel = Kernel::find(&KernelOptions { image: None, modules: None, cache: self.folder.join("kernel") })?;
        fs_err::copy(format!("/boot/vmlinuz-{}", kernel.version), root.join(".build.kernel.kvm"))?;
        self.make_initrd(&kernel, &debs, &scripts, &root.join(".build.initrd.kvm"))?;
        let mut rpmbuild = Command::new("rpmbuild");
        rpmbuild.args(["-bb", "--quiet"]);
        for (name, value) in [
            ("_topdir", self.folder.join("rpmbuild").display().to_string()),
            ("_rpmdir", self.own().display().to_string()),
            ("_rpmfilename", "%%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm".to_owned()),
            ("_binary_payload", "w3.zstdio".to_owned()),
            ("tree", root.display().to_string()),
        ] {
            rpmbuild.arg("--define").arg(format!("{name} {value}"));
        }
        run_ok(rpmbuild.arg(scripts.join("packages.spec")))?;
        Ok(())
    }

    fn make_initrd(&self, kernel: &Kernel, debs: &Path, scripts: &Path, initrd: &Path) -> Result<()> {
        let root = self.folder.join("initrd");
        let mut order = String::new();
        for module in &kernel.modules {
            let name = module.file_name().context("a module has a name")?.to_string_lossy();
            copy(module, &root.join("modules").join(&*name))?;
            order.push_str(&name);
            order.push('\n');
        }
        fs_err::create_dir_all(root.join("modules"))?;
        fs_err::write(root.join("modules/list"), order)?;
        copy(&debs.join("busybox-static/bin/busybox"), &root.join("bin/busybox"))?;
        copy(&scripts.join("init"), &root.join("init"))?;
        let packed = "find . | cpio --quiet -o -H newc -R 0:0 >\"$1\"";
        run_ok(Command::new("sh").args(["-ec", packed, "sh"]).arg(initrd).current_dir(&root))?;
        Ok(())
    }
}

impl Drop for Obs {
    fn drop(&mut self) {
        // obs-build leaves the machine's disk mounted for whoever wants to look at it.
        let _ = unmount(&self.folder.join("root"));
    }
}

/// The configuration, with the packages that a buildroot of the minidistro has for us.
fn configuration() -> Result<String> {
    let mut text = fs_err::read_to_string(source_folder()?.join("minidistro.conf"))?;
    let path = tree().join("plugin-conf/chroots/minidistro-12-x86_64.toml");
    let definition: toml::Table = fs_err::read_to_string(&path)?.parse()?;
    let packages = definition.get("buildroot").and_then(toml::Value::as_array);
    let packages = packages.with_context(|| format!("{} has no list `buildroot`", path.display()))?;
    let names: Vec<&str> = packages.iter().filter_map(toml::Value::as_str).collect();
    text.push_str(&format!("Required: {}\n", names.join(" ")));
    Ok(text)
}

/// Puts the tools of the second stage below `root`.
fn guest_tools(debs: &Path, scripts: &Path, root: &Path) -> Result<()> {
    copy(&debs.join("perl-base/usr/bin/perl"), &root.join("usr/bin/perl"))?;
    fs_err::create_dir_all(root.join(PERL_BASE))?;
    run_ok(
        Command::new("cp").arg("-a").arg(debs.join("perl-base").join(PERL_BASE).join(".")).arg(root.join(PERL_BASE)),
    )?;
    for (folder, modules) in PERL {
        for module in modules {
            copy(&debs.join(folder).join(module), &root.join(PERL_BASE).join(module))?;
        }
    }
    for (folder, programs) in MOUNT {
        for program in programs {
            copy(&debs.join("mount").join(folder).join(program), &root.join("usr").join(folder).join(program))?;
        }
    }
    copy(&debs.join("busybox-static/bin/busybox"), &root.join("usr/bin/busybox"))?;
    for program in BUSYBOX {
        symlink("busybox", root.join("usr/bin").join(program))?;
    }
    symlink("../bin/busybox", root.join("usr/sbin/ip"))?;
    copy(&scripts.join("halt"), &root.join("usr/sbin/halt"))?;
    copy(&scripts.join("macros"), &root.join("usr/lib/rpm/macros.d/macros.obs-guest"))?;
    fs_err::set_permissions(root.join("usr/lib/rpm/macros.d/macros.obs-guest"), PermissionsExt::from_mode(0o644))?;
    Ok(())
}

/// Copies a file with its permissions, and makes the folder that it goes to.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs_err::create_dir_all(to.parent().unwrap_or(to))?;
    fs_err::copy(from, to)?;
    Ok(())
}

/// `benches/obs`.
fn source_folder() -> Result<PathBuf> {
    Ok(crate::peers::tree()?.join("benches/obs"))
}

/// Unmounts a folder, if something is mounted there.
fn unmount(folder: &Path) -> Result<()> {
    let mounts = fs_err::read_to_string("/proc/mounts")?;
    if mounts.lines().any(|line| line.split(' ').nth(1).is_some_and(|place| Path::new(place) == folder)) {
        run_ok(Command::new("umount").arg(folder))?;
    }
    Ok(())
}
