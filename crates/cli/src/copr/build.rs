//! Commands about builds, but for watching them.

use std::path::Path;

use anstyle::Style;
use copr_api::{
    client::{Client, build_options},
    v3::{Build, BuildOptions},
};

use super::{
    args,
    failure::Failure,
    session::{Session, numbers},
    ui::{harmless, state, styled},
    watch,
};

/// `copr build`: checks the files, asks the hub, uploads, and watches.
pub(super) async fn build(session: &Session, build: args::Build) -> Result<(), Failure> {
    let target = session.target(build.project.as_deref().unwrap_or_default()).await?;
    for path in &build.packages {
        check_source_package(path)?;
    }
    let options = BuildOptions {
        chroots: build.chroots,
        exclude_chroots: build.exclude_chroots,
        timeout: build.timeout,
        background: Some(build.background),
        enable_net: build.enable_net.map(bool::from),
        ..build_options(&target.owner, &target.directory)
    };
    // A refusal now spares the wait for a long upload.
    session.client.check_before_build(&options).await?;

    let mut builds = Vec::new();
    for path in &build.packages {
        let made = upload(session, path, &options).await?;
        session.remember(&[made.id]);
        builds.push(made);
    }
    let ids: Vec<i64> = builds.iter().map(|build| build.id).collect();
    if let Some(first) = builds.first() {
        announce(session, &first.projectname.to_string(), &ids, &session.client)?;
    }
    if !build.nowait {
        return watch::watch(session, &ids, watch::Logs::from(build.no_log, true)).await;
    }
    if session.ui.is_json() {
        session.ui.json(&builds)?;
    }
    Ok(())
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

async fn upload(session: &Session, path: &Path, options: &BuildOptions) -> Result<Build, Failure> {
    session.ui.line(format!("Uploading package {}", path.display()))?;
    let length = fs_err::metadata(path).map_err(|error| Failure::File(error.to_string()))?.len();
    let bar = session.ui.bytes(length);
    let made = session.client.upload_build(path, options, move |sent| bar.set_position(sent)).await;
    session.ui.still();
    Ok(made?)
}

/// Refuses what the hub would refuse after the upload: no file, no RPM, not all of it, no source package.
pub(super) fn check_source_package(path: &Path) -> Result<(), Failure> {
    let shown = path.display();
    let length = match fs_err::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(Failure::File(format!("File {shown} not found")));
        }
        Err(error) => return Err(Failure::File(error.to_string())),
        Ok(metadata) if !metadata.is_file() => return Err(Failure::File(format!("{shown} is not a file"))),
        Ok(metadata) => metadata.len(),
    };
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

/// `copr list-builds`.
pub(super) async fn list(session: &Session, project: &str) -> Result<(), Failure> {
    let target = session.target(project).await?;
    let builds = session.client.builds(&target.owner, &target.project()).await?;
    if session.ui.is_json() {
        return Ok(session.ui.json(&builds)?);
    }
    for build in &builds {
        let name = harmless(build.source_package.name.as_deref().unwrap_or("-"));
        session.ui.line(format!("{}\t{name}\t{}", build.id, state(build.state)))?;
    }
    Ok(())
}
