//! `copr build --local`: the same machine as a server's builder makes, without a server.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anstyle::AnsiColor;
use copr_api::{
    builder::{BuildRepository, ChrootDefinition, Settings, ShadowCheck, Stage},
    names::Chroot,
};
use copr_builder::{EngineOptions, LocalBuild, LocalError, Progress, build_local, definitions};

use super::{
    args,
    build::check_source_package,
    failure::Failure,
    ui::{Ui, colour, harmless, styled},
};

/// How long rpmbuild may take when nothing is said: Copr's five hours.
const TIMEOUT: u64 = 18_000;

/// Builds one source package here; results and logs go to a folder.
pub(super) async fn build(ui: &Ui, build: args::Build) -> Result<(), Failure> {
    let (here, how) = (build.here, build.how);
    let Some([srpm, chroot]) = here.local.as_deref() else {
        return Err(Failure::File("--local takes a source package and a chroot".to_owned()));
    };
    let (srpm, chroot) = (PathBuf::from(srpm), chroot.parse::<Chroot>()?);
    check_source_package(&srpm)?;
    let definition = definition(&chroot, here.definitions.as_deref(), here.minidistro.as_deref())?;
    let repositories = here.repos.iter().zip(1..).map(|(text, number)| repository(text, number, &chroot));
    let repositories = repositories.collect::<Result<_, _>>()?;
    let with = how.with.iter().map(|option| (format!("_with_{option}"), format!("--with-{option}")));
    let without = how.without.iter().map(|option| (format!("_without_{option}"), format!("--without-{option}")));
    let timeout = how.timeout.and_then(|seconds| u64::try_from(seconds).ok()).unwrap_or(TIMEOUT);
    let settings = Settings {
        network: how.enable_net.is_some_and(bool::from),
        memory_mib: how.memory_mib,
        cpus: how.cpus,
        rpmlint: how.rpmlint.unwrap_or_default(),
        shadow_check: ShadowCheck::default(),
    };
    let out = here.out.unwrap_or_else(|| PathBuf::from("."));
    let cache = here.cache.map_or_else(usual_cache, Ok)?;
    let mut options = EngineOptions::new(cache.clone(), cache.join("work"));
    options.most_memory_mib = options.most_memory_mib.max(how.memory_mib.unwrap_or_default());
    options.most_cpus = options.most_cpus.max(how.cpus.unwrap_or_default());
    let local = LocalBuild {
        chroot,
        definition,
        srpm,
        repositories,
        extra_packages: Vec::new(),
        macros: with.chain(without).collect(),
        timeout: Duration::from_secs(timeout),
        settings,
        out: out.clone(),
    };

    let spinner = ui.spinner();
    spinner.set_message(words(Stage::Preparing));
    let mut line = Vec::new();
    let show = |progress: Progress<'_>| match progress {
        Progress::Stage(stage) => spinner.set_message(words(stage)),
        Progress::Log(_) if how.logs.no_log => {}
        Progress::Log(bytes) => {
            for byte in bytes {
                match byte {
                    b'\n' => {
                        // A terminal that went away is told of at the end.
                        let _ = ui.line(harmless(&String::from_utf8_lossy(&line)));
                        line.clear();
                    }
                    byte => line.push(*byte),
                }
            }
        }
    };
    let built = build_local(options, local, show).await;
    ui.still();
    let shown = out.display();
    let packages = built.map_err(|error| match error {
        LocalError::Package(why) => Failure::Build(format!("The build failed: {why} (the logs are in {shown})")),
        LocalError::Skipped(why) => Failure::Build(format!("The build is skipped: {why}")),
        error => Failure::Host(format!("this machine cannot build it: {error}")),
    })?;
    if ui.is_json() {
        return Ok(ui.json(&packages)?);
    }
    for package in &packages {
        ui.line(styled(colour(AnsiColor::Green), package.display()))?;
    }
    Ok(())
}

/// The chroot's definition: the folder's own, or the one that comes with the program.
fn definition(chroot: &Chroot, folder: Option<&Path>, minidistro: Option<&Path>) -> Result<ChrootDefinition, Failure> {
    let found = definitions::find(chroot, folder, minidistro).map_err(|error| Failure::File(error.to_string()))?;
    found.ok_or_else(|| {
        let known: Vec<&str> = definitions::shipped().collect();
        Failure::File(format!("nobody knows the chroot {chroot}; there are {}", known.join(", ")))
    })
}

/// What a stage is, for the line that moves.
fn words(stage: Stage) -> &'static str {
    match stage {
        Stage::Preparing => "solving and fetching the buildroot",
        Stage::Booting => "starting the machine",
        Stage::Installing => "installing the buildroot",
        Stage::Building => "building",
        Stage::Uploading => "checking the results",
    }
}

/// `copr/builder` where this user keeps what can be made anew.
fn usual_cache() -> Result<PathBuf, Failure> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")));
    cache
        .map(|cache| cache.join("copr/builder"))
        .ok_or_else(|| Failure::File("there is neither HOME nor XDG_CACHE_HOME: name a folder with --cache".to_owned()))
}

/// A repository of the command line: a URL, or a folder.
fn repository(text: &str, number: u32, chroot: &Chroot) -> Result<BuildRepository, Failure> {
    let text = text.replace("$chroot", chroot.as_str());
    let baseurl = if text.contains("://") {
        text
    } else {
        let folder = fs_err::canonicalize(Path::new(&text)).map_err(|error| Failure::File(error.to_string()))?;
        let url = url::Url::from_file_path(&folder);
        url.map_err(|()| Failure::File(format!("{text} cannot be written as a URL")))?.to_string()
    };
    Ok(BuildRepository { id: format!("repo-{number}"), baseurl, priority: 99, ..BuildRepository::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_a_url_or_a_folder_that_is_there() {
        let chroot: Chroot = "fedora-44-x86_64".parse().unwrap();
        let made = repository("https://h/$chroot/", 2, &chroot).unwrap();
        assert_eq!((made.id.as_str(), made.baseurl.as_str()), ("repo-2", "https://h/fedora-44-x86_64/"));
        let folder = tempfile::tempdir().unwrap();
        let made = repository(&folder.path().display().to_string(), 1, &chroot).unwrap();
        assert!(made.baseurl.starts_with("file:///"), "{}", made.baseurl);
        assert!(matches!(repository("no/such/folder", 1, &chroot), Err(Failure::File(_))));
    }
}
