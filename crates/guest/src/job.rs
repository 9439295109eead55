//! The job: install the buildroot, rebuild the source package, build it, hand the results back.

use std::{
    fs::OpenOptions,
    io::{self, Read},
    os::unix::fs::{OpenOptionsExt, chown},
    path::{Path, PathBuf},
    process::Command,
};

use copr_vm::proto::{
    ErrorKind, FromGuest, INPUT_SERIAL, JOB_FILE, Job, JobKind, LogStream, PACKAGES_DIR, SCRATCH_SERIAL, SOURCE_DIR,
    Stage,
};
use fs_err as fs;
use nix::{fcntl::OFlag, unistd::sethostname};

use crate::{
    accounts,
    channel::Channel,
    child::{self, HOME},
    results,
    run::{LogBudget, captured, logged},
    system::{self, INPUT, TARGET},
};

/// rpmbuild's folder below the user's home.
const TOPDIR: &str = "/builddir/build";
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

fn setup(what: &str) -> impl Fn(io::Error) -> JobError {
    move |error| JobError { kind: ErrorKind::Setup, text: format!("{what}: {error}") }
}

/// Finds and mounts the disks, and reads the job.
pub(crate) fn prepare() -> Result<Job, JobError> {
    let input = system::disk(INPUT_SERIAL).map_err(setup("the input disk"))?;
    let scratch = system::disk(SCRATCH_SERIAL).map_err(setup("the scratch disk"))?;
    system::mount_disks(&input, &scratch).map_err(setup("the disks"))?;
    let mut text = Vec::new();
    let read =
        fs::File::open(Path::new(INPUT).join(JOB_FILE)).and_then(|file| file.take(LONGEST_JOB).read_to_end(&mut text));
    read.map_err(setup("the job file"))?;
    let job: Job = serde_json::from_slice(&text).map_err(|error| setup("the job file")(error.into()))?;
    job.check().map_err(|text| JobError { kind: ErrorKind::Setup, text: format!("the job file: {text}") })?;
    Ok(job)
}

/// Does the job; rpmbuild's exit status.
pub(crate) fn run(job: &Job, channel: &Channel) -> Result<i32, JobError> {
    system::mount_target().map_err(setup("the target's own mounts"))?;
    sethostname(&job.hostname).map_err(|errno| setup("the host name")(errno.into()))?;
    channel.stage(Stage::Mounted);
    let budget = LogBudget::new(job.log_bytes);
    install(job, channel, &budget)?;
    let query = ["-qa", "--qf", "%{nevra} %{buildtime} %{size} installed\\n"];
    let mut command = rpm(job);
    command.args(query);
    let mut packages: Vec<_> =
        captured(command).map_err(setup("asking rpm what is installed"))?.lines().map(str::to_owned).collect();
    packages.sort();
    channel.send(&FromGuest::Installed(packages.join("\n") + "\n"));
    check_programs(Path::new(TARGET), packages.len())?;
    make_home(job).map_err(setup("the build's home"))?;
    channel.stage(Stage::Installed);
    build(job, channel, &budget)
}

/// The tool root's rpm, working on the target.
fn rpm(job: &Job) -> Command {
    let mut command = Command::new("/usr/bin/rpm");
    command.env_clear().envs([
        ("PATH", "/usr/bin:/usr/sbin:/bin:/sbin"),
        ("HOME", "/root"),
        ("LANG", "C.UTF-8"),
        ("TERM", "vt100"),
    ]);
    command.args(["--root", TARGET, "--dbpath", &job.dbpath]);
    command
}

/// One transaction with every package of the input disk. The host has verified signatures and digests already, and the
/// disk is ours, so rpm need not; under emulation that saves a third of the time.
fn install(job: &Job, channel: &Channel, budget: &LogBudget) -> Result<(), JobError> {
    let folder = Path::new(INPUT).join(PACKAGES_DIR);
    let mut packages: Vec<PathBuf> = fs::read_dir(&folder)
        .map_err(setup("the packages on the input disk"))?
        .flatten()
        .map(|entry| entry.path())
        .collect();
    packages.sort();
    fs::create_dir_all(format!("{TARGET}{}", job.dbpath)).map_err(setup("the rpm database"))?;
    let mut command = rpm(job);
    // Without the first, rpm fails on what is mounted there, and every scriptlet with it.
    command.args(["--define", "_netsharedpath /proc:/sys:/dev"]);
    command.args(["--define", "__transaction_selinux %{nil}", "--define", "__transaction_systemd_inhibit %{nil}"]);
    command.args(["--nosignature", "--nodigest", "--nofiledigest", "--ignoresize", "-iv"]).args(&packages);
    channel.log(LogStream::Root, format!("Installing {} packages\n", packages.len()).as_bytes());
    let code = logged(channel, LogStream::Root, budget, command)
        .map_err(setup("starting rpm, which the tool root must have as /usr/bin/rpm"))?;
    check_budget(job, budget)?;
    if code != 0 {
        let text = format!("rpm ended with status {code} when it installed {} packages; see root.log", packages.len());
        return Err(JobError { kind: ErrorKind::Transaction, text });
    }
    Ok(())
}

fn check_budget(job: &Job, budget: &LogBudget) -> Result<(), JobError> {
    if budget.is_passed() {
        let text = format!("the build was stopped: its logs passed {} bytes", job.log_bytes);
        return Err(JobError { kind: ErrorKind::Limit, text });
    }
    Ok(())
}

/// What is run in the target, and the usual package of it.
const PROGRAMS: [(&str, &str); 3] = [("bash", "bash"), ("rpm", "rpm"), ("rpmbuild", "rpm-build")];

/// Says which program the buildroot lacks, before the attempt to run it says "no such file or directory".
fn check_programs(target: &Path, packages: usize) -> Result<(), JobError> {
    // Of the entry itself: an absolute link leads elsewhere when it is seen from outside the target.
    let has = |program: &str| {
        ["usr/bin", "bin"].iter().any(|folder| fs::symlink_metadata(target.join(folder).join(program)).is_ok())
    };
    for (program, package) in PROGRAMS {
        if !has(program) {
            let text = format!(
                "after {packages} packages it has no {program}, which every build needs; the chroot's buildroot list \
                 must name a package that brings it, usually {package}"
            );
            return Err(JobError { kind: ErrorKind::Transaction, text });
        }
    }
    Ok(())
}

/// The user, its home, its macros, the source package.
fn make_home(job: &Job) -> io::Result<()> {
    accounts::ensure(Path::new(TARGET), job)?;
    let at = |path: &str| format!("{TARGET}{path}");
    let mut made = vec![at(HOME), at(TOPDIR)];
    for folder in ["BUILD", "BUILDROOT", "RPMS", "SOURCES", "SPECS", "SRPMS", "originals"] {
        made.push(format!("{TARGET}{TOPDIR}/{folder}"));
    }
    for folder in &made {
        fs::create_dir_all(folder)?;
    }
    let macros = at(&format!("{HOME}/.rpmmacros"));
    fs::write(&macros, macros_text(job))?;
    let source = at(&source_path(job));
    fs::copy(Path::new(INPUT).join(SOURCE_DIR).join(source_name(job)), &source)?;
    made.extend([macros, source]);
    for path in made {
        chown(path, Some(job.uid), Some(job.gid))?;
    }
    for (path, mode) in [("/tmp", 0o1777), ("/var/tmp", 0o1777)] {
        fs::create_dir_all(at(path))?;
        system::set_mode(&at(path), mode)?;
    }
    if !Path::new(&at("/etc/hosts")).exists() {
        fs::write(at("/etc/hosts"), format!("127.0.0.1 localhost {0}\n::1 localhost {0}\n", job.hostname))?;
    }
    Ok(())
}

fn source_name(job: &Job) -> &str {
    match &job.kind {
        JobKind::Build { source } => source,
        _ => "",
    }
}

fn source_path(job: &Job) -> String {
    format!("{TOPDIR}/originals/{}", source_name(job))
}

fn macros_text(job: &Job) -> String {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let mut text = format!(
        "%_topdir {TOPDIR}\n\
         %_rpmfilename %%{{NAME}}-%%{{VERSION}}-%%{{RELEASE}}.%%{{ARCH}}.rpm\n\
         %_dbpath {}\n\
         %_buildhost {}\n\
         %_smp_build_ncpus {processors}\n\
         %_smp_mflags -j{processors}\n",
        job.dbpath, job.hostname
    );
    for (name, value) in &job.macros {
        text.push_str(&format!("%{name} {value}\n"));
    }
    text
}

/// As mock does: unpack the source package, rebuild it with the target's macros, build.
fn build(job: &Job, channel: &Channel, budget: &LogBudget) -> Result<i32, JobError> {
    let as_user = |program: &[&str]| -> Result<i32, JobError> {
        // A login shell, for what packages put into /etc/profile.d.
        let mut shell = vec!["/bin/bash", "--login", "-c", "exec \"$@\"", "bash"];
        shell.extend_from_slice(program);
        let code =
            logged(channel, LogStream::Build, budget, child::command(job, &shell)).map_err(setup("the build"))?;
        check_budget(job, budget)?;
        Ok(code)
    };
    let refused = |text: String| JobError { kind: ErrorKind::Source, text };
    let code = as_user(&["/usr/bin/rpm", "-i", "--nodeps", "--nosignature", &source_path(job)])?;
    if code != 0 {
        return Err(refused(format!(
            "{} cannot be unpacked (rpm ended with status {code}); see build.log",
            source_name(job)
        )));
    }
    let spec = only_spec(Path::new(&format!("{TARGET}{TOPDIR}/SPECS"))).map_err(refused)?;
    let spec_inside = format!("{TOPDIR}/SPECS/{spec}");
    let code = as_user(&["/usr/bin/rpmbuild", "-bs", "--target", &job.arch, "--nodeps", &spec_inside])?;
    if code != 0 {
        return Err(refused(format!(
            "{spec} cannot be rebuilt (rpmbuild -bs ended with status {code}); see build.log"
        )));
    }
    channel.stage(Stage::Unpacked);
    // With its dependency check: it names what the buildroot lacks.
    let code = as_user(&["/usr/bin/rpmbuild", "-ba", "--target", &job.arch, &spec_inside])?;
    for line in killed_for_memory() {
        channel.log(LogStream::Build, format!("{line}\n").as_bytes());
        channel.remark(line);
    }
    channel.stage(Stage::Built);
    if code == 0 {
        results::hand_back(
            channel,
            job,
            Path::new(&format!("{TARGET}{TOPDIR}")),
            Path::new(&format!("{TARGET}{spec_inside}")),
        )?;
    }
    Ok(code)
}

/// The name of the one spec in a folder.
fn only_spec(folder: &Path) -> Result<String, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("the folder of specs: {error}"))?;
    let mut specs: Vec<String> = entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()))
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".spec"))
        .collect();
    match (specs.pop(), specs.len()) {
        (Some(spec), 0) if copr_vm::proto::valid_result_name(&spec) => Ok(spec),
        (Some(spec), 0) => Err(format!("the spec may not have the file name {spec:?}")),
        (None, _) => Err("the source package holds no spec".to_owned()),
        (Some(_), others) => Err(format!("the source package holds {} specs", others + 1)),
    }
}

/// What the kernel says of processes that it killed because memory ran out.
fn killed_for_memory() -> Vec<String> {
    let flags = OFlag::O_NONBLOCK.bits();
    let Ok(mut log) = OpenOptions::new().read(true).custom_flags(flags).open("/dev/kmsg") else { return Vec::new() };
    let mut found = Vec::new();
    let mut record = [0; 8 << 10];
    // One read gives one record; EAGAIN is the end, EPIPE a record that was overwritten meanwhile.
    loop {
        match log.read(&mut record) {
            Ok(length) => {
                let text = String::from_utf8_lossy(record.get(..length).unwrap_or_default()).into_owned();
                if let Some(at) = text.find("Out of memory: Killed process").filter(|_| found.len() < 20) {
                    found.push(text.get(at..).unwrap_or_default().lines().next().unwrap_or_default().to_owned());
                }
            }
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            Err(_) => return found,
        }
    }
}
