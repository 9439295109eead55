//! Commands about builds, but for watching them.

use std::path::{Path, PathBuf};

use anstyle::Style;
use copr_api::{
    client::{Client, build_options},
    v3::{Build, BuildOptions, PackageBuild, ScmBuild, SignWith},
};

use super::{
    args, content,
    failure::Failure,
    output,
    session::{Session, Target, numbers},
    ui::{harmless, state, styled},
    watch,
};

/// What `copr build` is to submit.
enum Piece {
    /// A source package, or a spec with its sources.
    Upload(Vec<PathBuf>),
    /// An address.
    Url(String),
}

impl Piece {
    /// The file that is a source package.
    fn source_package(&self) -> Option<&Path> {
        match self {
            Self::Upload(files) => {
                files.iter().map(PathBuf::as_path).find(|path| path.extension().is_some_and(|end| end == "rpm"))
            }
            Self::Url(_) => None,
        }
    }
}

/// `copr build`: checks the files, asks the hub, uploads, and watches.
pub(super) async fn build(session: &Session, build: args::Build) -> Result<(), Failure> {
    let target = session.target(build.project.as_deref().unwrap_or_default()).await?;
    let pieces = pieces(&build.packages)?;
    let options = options(session, &target, &build.how).await?;
    for path in pieces.iter().filter_map(Piece::source_package) {
        content::warn(session, path);
    }
    // A refusal now spares the wait for a long upload.
    session.client.check_before_build(&options).await?;

    let mut builds = Vec::new();
    for piece in &pieces {
        let made = match piece {
            Piece::Upload(files) => vec![upload(session, files, &options).await?],
            Piece::Url(url) => {
                let options = BuildOptions { pkgs: vec![url.clone()], ..options.clone() };
                session.client.url_builds(&options).await?
            }
        };
        session.remember(&made.iter().map(|build| build.id).collect::<Vec<_>>());
        builds.extend(made);
    }
    follow(session, &builds, &build.how).await
}

/// `copr upload-rpm`.
pub(super) async fn upload_rpm(session: &Session, upload: args::UploadRpm) -> Result<(), Failure> {
    let target = session.target(&upload.project).await?;
    let options = options(session, &target, &upload.how).await?;
    let mut length = 0_u64;
    for path in &upload.packages {
        session.ui.line(format!("Uploading package {}", path.display()))?;
        length = length.saturating_add(length_of_file(path)?);
    }
    let bar = session.ui.bytes(length);
    let paths: Vec<&Path> = upload.packages.iter().map(PathBuf::as_path).collect();
    let made = session.client.upload_packages(&paths, &options, move |sent| bar.set_position(sent)).await;
    session.ui.still();
    let made = made?;
    session.remember(&[made.id]);
    follow(session, &[made], &upload.how).await
}

/// `copr buildscm`.
pub(super) async fn scm(session: &Session, scm: args::BuildScm) -> Result<(), Failure> {
    let target = session.target(&scm.project).await?;
    let body = ScmBuild {
        options: options(session, &target, &scm.how).await?,
        clone_url: scm.clone_url,
        committish: scm.commit,
        subdirectory: scm.subdir,
        spec: scm.spec,
        scm_type: Some(scm.kind),
        source_build_method: Some(scm.method),
    };
    let build = session.client.scm_build(&body).await?;
    session.remember(&[build.id]);
    follow(session, &[build], &scm.how).await
}

/// `copr build-package`.
pub(super) async fn package(session: &Session, package: args::BuildPackage) -> Result<(), Failure> {
    let target = session.target(&package.project).await?;
    let body = PackageBuild { options: options(session, &target, &package.how).await?, package_name: package.name };
    let build = session.client.build_package(&body).await?;
    session.remember(&[build.id]);
    follow(session, &[build], &package.how).await
}

/// The options of a build in the hub's words.
async fn options(session: &Session, target: &Target, how: &args::How) -> Result<BuildOptions, Failure> {
    Ok(BuildOptions {
        chroots: how.chroots.clone(),
        exclude_chroots: how.exclude_chroots.clone(),
        timeout: how.timeout,
        background: Some(how.background),
        enable_net: how.enable_net.map(bool::from),
        after_build_id: how.after_build_id,
        with_build_id: how.with_build_id,
        bootstrap: how.bootstrap.clone(),
        isolation: how.isolation.clone(),
        with_opts: how.with.clone(),
        without_opts: how.without.clone(),
        memory_mib: how.memory_mib.map(i64::from),
        cpus: how.cpus.map(i64::from),
        rpmlint: how.rpmlint,
        sign: sign(session, target, how).await?,
        ..build_options(&target.owner, &target.directory)
    })
}

/// Whether the results are to be signed: as the command line says, or as a person says who is asked where the project signs.
async fn sign(session: &Session, target: &Target, how: &args::How) -> Result<Option<bool>, Failure> {
    if how.sign || how.no_sign {
        return Ok(Some(how.sign));
    }
    if !session.ui.has_person() {
        return Ok(None);
    }
    let whose = match session.client.project(&target.owner, &target.project()).await?.signing {
        Some(SignWith::Project) => "the project's key",
        Some(SignWith::Owner) => "its owner's key",
        Some(SignWith::Nothing) | None => return Ok(None),
    };
    Ok(Some(session.ui.prefers(&format!("Sign the results with {whose}?")).await?))
}

/// Says what was submitted, and watches it unless that is not wanted.
async fn follow(session: &Session, builds: &[Build], how: &args::How) -> Result<(), Failure> {
    let ids: Vec<i64> = builds.iter().map(|build| build.id).collect();
    if let Some(first) = builds.first() {
        announce(session, &first.projectname.to_string(), &ids, &session.client)?;
    }
    if !how.nowait {
        return watch::watch(session, &ids, watch::Logs::from(how.logs, true)).await;
    }
    if session.ui.is_json() {
        session.ui.json(&builds)?;
    }
    Ok(())
}

/// Sorts what was named: URLs, source packages, and at most one spec, which all other files are the sources of.
fn pieces(named: &[String]) -> Result<Vec<Piece>, Failure> {
    let is = |ending: &str, name: &str| Path::new(name).extension().is_some_and(|found| found == ending);
    let specs: Vec<&String> = named.iter().filter(|name| !name.contains("://") && is("spec", name)).collect();
    if specs.len() > 1 {
        return Err(Failure::Package(
            "There is more than one spec: submit each with its sources on its own".to_owned(),
        ));
    }
    let mut pieces = Vec::new();
    let mut of_spec: Vec<PathBuf> = specs.iter().map(PathBuf::from).collect();
    for name in named {
        if name.contains("://") {
            pieces.push(Piece::Url(name.clone()));
        } else if specs.is_empty() || is("rpm", name) {
            check_source_package(Path::new(name))?;
            pieces.push(Piece::Upload(vec![PathBuf::from(name)]));
        } else {
            length_of_file(Path::new(name))?;
            if !is("spec", name) {
                of_spec.push(PathBuf::from(name));
            }
        }
    }
    if !of_spec.is_empty() {
        pieces.push(Piece::Upload(of_spec));
    }
    Ok(pieces)
}

/// The lines that scripts read out of copr-cli's output.
fn announce(session: &Session, project: &str, builds: &[i64], client: &Client) -> Result<(), Failure> {
    session.ui.line(format!("Build was added to {project}:"))?;
    for id in builds {
        session.ui.line(format!("  {}", styled(Style::new().underline(), client.build_page(*id))))?;
    }
    session.ui.line(format!("Created builds: {}", numbers(builds, " ")))?;
    Ok(())
}

async fn upload(session: &Session, files: &[PathBuf], options: &BuildOptions) -> Result<Build, Failure> {
    let mut length = 0_u64;
    for path in files {
        session.ui.line(format!("Uploading package {}", path.display()))?;
        length = length.saturating_add(length_of_file(path)?);
    }
    let bar = session.ui.bytes(length);
    let paths: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    let made = session.client.upload_build(&paths, options, move |sent| bar.set_position(sent)).await;
    session.ui.still();
    Ok(made?)
}

/// The length of a file that is to be uploaded.
fn length_of_file(path: &Path) -> Result<u64, Failure> {
    let shown = path.display();
    match fs_err::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(Failure::File(format!("File {shown} not found")))
        }
        Err(error) => Err(Failure::File(error.to_string())),
        Ok(metadata) if !metadata.is_file() => Err(Failure::File(format!("{shown} is not a file"))),
        Ok(metadata) => Ok(metadata.len()),
    }
}

/// Refuses what the hub would refuse after the upload: no file, no RPM, not all of it, no source package.
pub(super) fn check_source_package(path: &Path) -> Result<(), Failure> {
    let (shown, length) = (path.display(), length_of_file(path)?);
    let package = copr_rpm::Package::open(path)
        .map_err(|error| Failure::Package(format!("{shown} is not an RPM package that can be read: {error}")))?;
    if !package.is_source() {
        return Err(Failure::Package(format!(
            "{shown} is a binary package; a build needs the source package (.src.rpm) that it was made from"
        )));
    }
    match package.expected_file_size() {
        Some(expected) if length < expected => {
            Err(Failure::Package(format!("{shown} is cut off: it has {length} bytes of {expected}")))
        }
        _ => Ok(()),
    }
}

/// `copr status`.
pub(super) async fn status(session: &Session, id: i64) -> Result<(), Failure> {
    let build = session.client.build(id).await?;
    show_state(session, &build)
}

/// `copr cancel`.
pub(super) async fn cancel(session: &Session, id: i64) -> Result<(), Failure> {
    let build = session.client.cancel_build(id).await?;
    show_state(session, &build)
}

fn show_state(session: &Session, build: &Build) -> Result<(), Failure> {
    if session.ui.is_json() {
        session.ui.json(build)?;
    } else {
        session.ui.line(state(build.state))?;
    }
    Ok(())
}

/// `copr delete-build`.
pub(super) async fn delete(session: &Session, builds: &[i64]) -> Result<(), Failure> {
    let deleted = session.client.delete_builds(builds).await?;
    let answer = serde_json::json!({ "builds": deleted });
    session.done(&answer, format!("Build(s) {} were deleted.", numbers(&deleted, ", ")))
}

/// `copr list-builds`. In a format of rows it is copr-cli's three columns; `--json` gives the hub's own words.
pub(super) async fn list(session: &Session, project: &str, format: args::Format) -> Result<(), Failure> {
    let target = session.target(project).await?;
    let builds = session.client.builds(&target.owner, &target.project(), None).await?;
    if session.ui.is_json() {
        return Ok(session.ui.json(&builds)?);
    }
    if format == args::Format::TextRow {
        for build in &builds {
            let name = harmless(build.source_package.name.as_deref().unwrap_or("-"));
            session.ui.line(format!("{}\t{name}\t{}", build.id, state(build.state)))?;
        }
        return Ok(());
    }
    let row = |build: Build| {
        let (name, state) = (build.source_package.name, build.state);
        output::row(serde_json::json!({ "id": build.id, "name": name, "state": state }))
    };
    let rows = builds.into_iter().map(row).collect();
    Ok(output::rows(session, format, &["id", "name", "state"], rows)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spec_takes_the_other_files_for_its_sources_and_urls_are_builds_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| {
            let path = folder.path().join(name);
            fs_err::write(&path, "x").unwrap();
            path.display().to_string()
        };
        let named = [file("x.tar.gz"), "https://h/a.src.rpm".to_owned(), file("x.spec"), file("x.patch")];
        let pieces = pieces(&named).unwrap();
        let [Piece::Url(url), Piece::Upload(files)] = pieces.as_slice() else { panic!("{}", pieces.len()) };
        assert_eq!(url, "https://h/a.src.rpm");
        let names: Vec<_> = files.iter().filter_map(|path| path.file_name()).collect();
        assert_eq!(names, ["x.spec", "x.tar.gz", "x.patch"]);
        assert!(matches!(super::pieces(&[file("a.spec"), file("b.spec")]), Err(Failure::Package(_))));
        assert!(matches!(super::pieces(&[file("x.tar.gz")]), Err(Failure::Package(_))));
        assert!(matches!(super::pieces(&["gone.spec".to_owned()]), Err(Failure::File(_))));
    }
}
