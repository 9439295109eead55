//! One build without a server: on a packager's own machine, as an ordinary user.

use std::{
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use copr_api::{
    builder::{BuildRepository, ChrootDefinition, Settings, Stage},
    names::Chroot,
};
use tokio::sync::watch;

use crate::{
    CheckError, EngineOptions, RunError, check,
    engine::{Engine, Failure, Make, RESULTS_DIR, Task},
    heartbeat::{Stop, StopReason},
    logs::{LIVE, Logs},
    workdir::WorkDir,
};

/// How often the log is looked at for what is new.
const PERIOD: Duration = Duration::from_millis(200);
/// How many builds of one user may run at once.
const MOST_BUILDS: u32 = 64;

/// What is to be built, and where it goes.
#[derive(Debug, Clone)]
pub struct LocalBuild {
    /// The chroot to build for.
    pub chroot: Chroot,
    /// Its definition.
    pub definition: ChrootDefinition,
    /// The source package.
    pub srpm: PathBuf,
    /// Repositories besides the definition's, dependencies first; folders too.
    pub repositories: Vec<BuildRepository>,
    /// Packages or capabilities to install besides what the source package requires.
    pub extra_packages: Vec<String>,
    /// rpm macros, name without `%` and value, in order.
    pub macros: Vec<(String, String)>,
    /// How long rpmbuild may take on a machine with hardware virtualisation; emulation scales it.
    pub timeout: Duration,
    /// How the machine is to be.
    pub settings: Settings,
    /// Folder for results and logs; made when it is missing. Files of the same names are replaced.
    pub out: PathBuf,
}

/// What happens meanwhile.
#[derive(Debug, Clone, Copy)]
pub enum Progress<'a> {
    /// The build is in another stage.
    Stage(Stage),
    /// More of the log, as strangers wrote it.
    Log(&'a [u8]),
}

/// Why there are no packages.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// This host cannot build.
    #[error(transparent)]
    Check(#[from] CheckError),
    /// The package's own fault.
    #[error("{0}")]
    Package(String),
    /// The package is not for this architecture.
    #[error("{0}")]
    Skipped(String),
    /// This host's fault.
    #[error("{0}")]
    Host(String),
    /// A folder or file of ours.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl From<Failure> for LocalError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::User(message) => Self::Package(message),
            Failure::Skipped(message) => Self::Skipped(message),
            Failure::Machine(message) => Self::Host(message),
            Failure::Stopped => Self::Host("the build was stopped".to_owned()),
        }
    }
}

/// Builds, and gives the packages' paths in [`LocalBuild::out`]; the logs are there too, also when it fails. When the future
/// is dropped the machine dies.
///
/// `options.work_dir` is shared by all builds of one user: each takes a folder of its own in it.
///
/// # Errors
/// [`LocalError`].
pub async fn build_local(
    options: EngineOptions,
    build: LocalBuild,
    mut show: impl FnMut(Progress<'_>),
) -> Result<Vec<PathBuf>, LocalError> {
    let checking = move || {
        let work = own_folder(&options.work_dir)?;
        Ok::<_, LocalError>((check(&options)?, options, work))
    };
    let (checked, options, work) = tokio::task::spawn_blocking(checking).await.map_err(std::io::Error::other)??;
    let engine = Engine::new(options, checked).map_err(|error| LocalError::Host(error.to_string()))?;
    let folder = work.build()?;
    // Behind the folder, so that it is dropped before it.
    let stop = Stop::new();
    let _guard = StopOnDrop(stop.clone());
    let dir = folder.path();
    let logs_dir = dir.join("logs");
    fs_err::create_dir_all(&logs_dir)?;
    fs_err::create_dir_all(&build.out)?;
    let logs = Arc::new(Logs::new(&logs_dir));
    let (stage, mut stages) = watch::channel(Stage::Preparing);
    let task = Task {
        chroot: build.chroot,
        definition: build.definition,
        make: Make::Packages { srpm: build.srpm },
        repositories: build.repositories,
        folders: true,
        extra_packages: build.extra_packages,
        timeout: build.timeout,
        macros: build.macros,
        settings: build.settings,
    };
    let mut log = Follower { path: logs_dir.join(LIVE), file: None };
    let built = {
        let built = engine.build(&task, dir, &logs, &stage, &stop);
        tokio::pin!(built);
        loop {
            tokio::select! {
                built = &mut built => break built,
                () = tokio::time::sleep(PERIOD) => {}
            }
            if stages.has_changed().unwrap_or(false) {
                show(Progress::Stage(*stages.borrow_and_update()));
            }
            log.read(&mut show)?;
        }
    };
    match &built {
        Ok(_) => logs.state("Finish: build succeeded"),
        Err(Failure::Skipped(message)) => logs.say(&format!("The build is skipped: {message}")),
        Err(Failure::User(message) | Failure::Machine(message)) => logs.say(&format!("The build failed: {message}")),
        Err(Failure::Stopped) => {}
    }
    log.read(&mut show)?;
    for entry in fs_err::read_dir(&logs_dir)? {
        keep(&entry?.path(), &build.out)?;
    }
    let built = built?;
    let results = dir.join(RESULTS_DIR);
    for other in &built.others {
        keep(&results.join(&other.name), &build.out)?;
    }
    built.results.iter().map(|result| Ok(keep(&results.join(&result.file), &build.out)?)).collect()
}

/// Stops the machine when the future that owns it is dropped.
struct StopOnDrop(Stop);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop(StopReason::Shutdown);
    }
}

/// A work folder that no other build has.
fn own_folder(shared: &Path) -> Result<WorkDir, LocalError> {
    for number in 0..MOST_BUILDS {
        match WorkDir::open(&shared.join(number.to_string())) {
            Ok(work) => return Ok(work),
            Err(RunError::WorkDirTaken { .. }) => {}
            Err(error) => return Err(LocalError::Host(error.to_string())),
        }
    }
    Err(LocalError::Host(format!("{MOST_BUILDS} builds run already, each in a folder of {}", shared.display())))
}

/// Reads a log that grows.
struct Follower {
    path: PathBuf,
    file: Option<fs_err::File>,
}

impl Follower {
    fn read(&mut self, show: &mut impl FnMut(Progress<'_>)) -> std::io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => match fs_err::File::open(&self.path) {
                Ok(file) => self.file.insert(file),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
                Err(error) => return Err(error),
            },
        };
        let mut piece = vec![0; 64 << 10];
        loop {
            let length = file.read(&mut piece)?;
            match piece.get(..length) {
                Some(bytes) if length > 0 => show(Progress::Log(bytes)),
                _ => return Ok(()),
            }
        }
    }
}

/// Copies a file into a folder, where it appears whole or not at all.
fn keep(file: &Path, folder: &Path) -> std::io::Result<PathBuf> {
    let kept = folder.join(file.file_name().unwrap_or_default());
    let mut copy = tempfile::Builder::new().prefix(".copr-").tempfile_in(folder)?;
    std::io::copy(&mut fs_err::File::open(file)?, &mut copy)?;
    copy.flush()?;
    copy.as_file().set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
    copy.as_file().sync_all()?;
    copy.persist(&kept)?;
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builds_of_one_user_work_in_folders_of_their_own() {
        let dir = tempfile::tempdir().unwrap();
        let first = own_folder(dir.path()).unwrap();
        let second = own_folder(dir.path()).unwrap();
        let (a, b) = (first.build().unwrap(), second.build().unwrap());
        assert_ne!(a.path().parent(), b.path().parent());
        drop(a);
        drop(first);
        let third = own_folder(dir.path()).unwrap();
        assert!(third.build().unwrap().path().starts_with(fs_err::canonicalize(dir.path().join("0")).unwrap()));
    }

    #[test]
    fn a_log_is_shown_once_and_whole_while_it_grows() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(LIVE);
        let (mut log, mut seen) = (Follower { path: path.clone(), file: None }, Vec::new());
        let mut show = |progress: Progress<'_>| match progress {
            Progress::Log(bytes) => seen.extend_from_slice(bytes),
            Progress::Stage(_) => panic!("there is no stage"),
        };
        log.read(&mut show).unwrap();
        let mut file = fs_err::File::create(&path).unwrap();
        for piece in ["one\ntw", "", "o\n"] {
            file.write_all(piece.as_bytes()).unwrap();
            log.read(&mut show).unwrap();
        }
        assert_eq!(seen, b"one\ntwo\n");
    }

    #[test]
    fn what_is_kept_replaces_what_was_there() {
        let dir = tempfile::tempdir().unwrap();
        let (file, out) = (dir.path().join("a.log"), dir.path().join("out"));
        fs_err::create_dir(&out).unwrap();
        for text in ["first", "second"] {
            fs_err::write(&file, text).unwrap();
            assert_eq!(fs_err::read_to_string(keep(&file, &out).unwrap()).unwrap(), text);
        }
        assert_eq!(fs_err::read_dir(&out).unwrap().count(), 1);
    }
}
