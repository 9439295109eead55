//! Release packages: `dnf install URL` of one subscribes a machine to a project's repository and to all that it needs.
//!
//! One is made when it is asked for, and anew when what is in it changes: the repositories of its chain, or how they are named
//! and checked. Once made it is a package of the repository, so that `dnf upgrade` brings the next one. It holds no more than
//! the .repo file that `dnf copr enable` writes, under the same name, so `dnf copr` works on it as on its own. All release
//! packages keep to files of their own, so that any of them can be installed beside any other; they require nothing, because
//! whatever reads .repo files can use them.

use axum::{
    Json,
    extract::State,
    http::{HeaderName, HeaderValue, header::CACHE_CONTROL},
};
use copr_api::{
    names::{Chroot, DirName, OwnerName, ProjectName},
    v3::ReleasePackage,
};
use copr_rpm::write::{Builder, File};
use sha2::{Digest as _, Sha256};

use super::repo;
use crate::{
    blame, clock,
    db::{self, project::Project, release::Release, task::RepositoryKey},
    http::{
        error::{ApiError, blocking},
        params::Params,
        user,
    },
    publish::release::FOLDER,
    sign::Key,
    state::AppState,
};

/// Changes when packages are made differently, so that all become new.
const FORMAT: &str = "copr release 1";
/// Most that are looked after at a time.
const AT_ONCE: i64 = 200;

/// How the stable name of all of them ends.
const STABLE: &str = "-release.noarch.rpm";

/// The stable name of the file, whatever its version.
fn stable_name(owner: &OwnerName, name: &ProjectName) -> String {
    format!("{}.noarch.rpm", db::release::package(owner, name))
}

/// Where everybody finds the newest.
pub(crate) fn url(state: &AppState, project: &Project, chroot: &Chroot) -> String {
    let dirname = &project.name;
    let file = stable_name(&project.owner, &project.name);
    format!("{}/{}/{dirname}/{chroot}/{file}", state.results_url(), project.owner)
}

/// `GET /api_3/project-chroot/release-package`.
///
/// # Errors
/// 404: no such project or chroot.
pub(super) async fn about(
    State(state): State<AppState>,
    query: Params,
) -> Result<([(HeaderName, HeaderValue); 1], Json<ReleasePackage>), ApiError> {
    let (owner, name) = (query.required("ownername")?, query.required("projectname")?);
    let project = user::find_project(&state, owner, name).await?;
    let chroot = query.required("chrootname")?;
    let missing = || {
        let shown: String = chroot.chars().take(100).collect();
        ApiError::NotFound(format!("{} has no chroot {shown}.", project.full_name()))
    };
    let chroot: Chroot = chroot.parse().map_err(|_| missing())?;
    let Some(made) = current(&state, &project, &chroot).await? else { return Err(missing()) };
    let answer = ReleasePackage {
        name: db::release::package(&project.owner, &project.name),
        version: "1".to_owned(),
        release: made.release.number.to_string(),
        file: made.release.file(&project.owner, &project.name),
        url: url(&state, &project, &chroot),
        repositories: made.repositories,
    };
    Ok(([(CACHE_CONTROL, HeaderValue::from_static("no-cache"))], Json(answer)))
}

/// The path of the file that is behind a stable address below `/results/`; `None`: it is no such address.
pub(super) async fn behind(state: &AppState, path: &str) -> Result<Option<String>, ApiError> {
    let Some(rest) = path.strip_suffix(STABLE) else { return Ok(None) };
    let parts: Vec<&str> = rest.split('/').collect();
    let [owner, name, chroot, package] = parts.as_slice() else { return Ok(None) };
    let (Ok(owner), Ok(name), Ok(chroot)) =
        (owner.parse::<OwnerName>(), name.parse::<ProjectName>(), chroot.parse::<Chroot>())
    else {
        return Ok(None);
    };
    if format!("{package}-release") != db::release::package(&owner, &name) {
        return Ok(None);
    }
    let Some(project) = db::project::get(&state.db, &owner, &name).await? else { return Ok(None) };
    let made = current(state, &project, &chroot).await?;
    Ok(made.map(|made| format!("{owner}/{name}/{chroot}/{FOLDER}/{}", made.release.file(&owner, &name))))
}

/// Makes those anew that have been asked for and are not what they should be; one that fails holds up no other.
///
/// # Errors
/// The database does not answer.
pub(crate) async fn look_after(state: &AppState) -> Result<(), db::Error> {
    let mut behind = None;
    loop {
        let some = db::release::asked_for(&state.db, behind.as_ref(), AT_ONCE).await?;
        let Some(last) = some.last().cloned() else { return Ok(()) };
        behind = Some(last);
        for (owner, name, chroot) in some {
            let Some(project) = db::project::get(&state.db, &owner, &name).await? else { continue };
            if let Err(error) = current(state, &project, &chroot).await {
                tracing::error!(project = project.full_name(), %chroot, ?error, "cannot make a release package");
            }
        }
    }
}

/// Likewise those of a project that has just been changed. What can't be made now is made when it is asked for.
pub(crate) async fn follow(state: &AppState, project: &Project) {
    let made = async {
        for chroot in db::release::chroots(&state.db, &project.owner, &project.name).await? {
            current(state, project, &chroot).await?;
        }
        Ok::<_, ApiError>(())
    };
    if let Err(error) = made.await {
        tracing::warn!(project = project.full_name(), ?error, "cannot make the release packages yet");
    }
}

/// A release package that is in the store.
struct Made {
    release: Release,
    /// Ids of what it subscribes to, the project's own first.
    repositories: Vec<String>,
}

/// The one of a project's chroot as it has to be now; `None`: the project has no such chroot.
async fn current(state: &AppState, project: &Project, chroot: &Chroot) -> Result<Option<Made>, ApiError> {
    let Some(text) = repo::text_of(state, project, chroot).await? else { return Ok(None) };
    let repositories: Vec<String> =
        text.lines().filter_map(|line| Some(line.strip_prefix('[')?.strip_suffix(']')?.to_owned())).collect();
    let Some(own) = repositories.first() else { return Ok(None) };
    let mut files = keys(state, &db::release::package(&project.owner, &project.name), &text).await?;
    files.push(File {
        path: format!("/etc/yum.repos.d/_{own}.repo"),
        mode: 0o644,
        contents: text.into_bytes(),
        config: true,
    });
    let contents = describe(state, project, chroot, files);
    let key = state.signing.keys_of(project).await?.into_iter().next();
    let now = clock::now_ms();
    let whose = (&project.owner, &project.name, chroot);
    let release = db::release::with_contents(&state.db, whose, &checksum(&contents, key.as_ref()), now).await?;
    let dirname: DirName = crate::http::params::name(project.name.as_str(), "")?;
    let folder = state.store.directory(&project.owner, &dirname).join(chroot.as_str()).join(FOLDER);
    let file = release.file(&project.owner, &project.name);
    if !state.store.has(&folder.join(&file)).await? {
        let package = Builder {
            release: release.number.to_string(),
            build_time: u64::try_from(release.made_ms.div_euclid(1000)).unwrap_or_default(),
            ..contents
        };
        let bytes = blocking(move || {
            let mut bytes = Vec::new();
            package.write(&mut bytes).map_err(|error| ApiError::Internal(error.into()))?;
            Ok::<_, ApiError>(bytes)
        })
        .await?;
        let bytes = match &key {
            Some(key) => signed(state, key, bytes).await?,
            None => bytes,
        };
        state.store.write(&folder, &file, bytes).await?;
        let key = RepositoryKey { owner: project.owner.clone(), dirname, chroot: chroot.clone() };
        db::task::enqueue(&state.db, &key, now).await?;
        state.publishing.wake();
        tracing::info!(project = project.full_name(), %chroot, file, "release package made");
    }
    Ok(Some(Made { release, repositories }))
}

/// All that is in a package but for its release and time.
fn describe(state: &AppState, project: &Project, chroot: &Chroot, files: Vec<File>) -> Builder {
    let host = state.hostname();
    Builder {
        name: db::release::package(&project.owner, &project.name),
        version: "1".to_owned(),
        summary: format!("Repositories of {} at {host}", project.full_name()),
        description: format!(
            "It subscribes to the repository of {} for {chroot}, and to all that it needs.\n\
             As long as it is installed, dnf installs and updates packages from there.",
            project.full_name()
        ),
        license: "MIT".to_owned(),
        url: Some(state.project_url(&project.owner, &project.name)),
        vendor: Some(blame::vendor(&project.owner)),
        bug_url: Some(blame::bug_url(state, project)),
        packager: Some(blame::packager(project)),
        files,
        ..Builder::default()
    }
}

/// The keys of this server that a .repo file names, as files of the package. The .repo file goes on naming their addresses: paths
/// are no use where dnf installs into another root.
async fn keys(state: &AppState, package: &str, text: &str) -> Result<Vec<File>, ApiError> {
    let mut files: Vec<File> = Vec::new();
    let named = text.lines().filter_map(|line| whose_key(state, line.strip_prefix("gpgkey=")?));
    let named: Vec<(OwnerName, ProjectName)> = named.collect();
    for (owner, name) in named {
        let path = format!("/etc/pki/rpm-gpg/RPM-GPG-KEY-{package}-{}-{name}", owner.in_repo_id());
        if files.iter().any(|file| file.path == path) {
            continue;
        }
        let Some(project) = db::project::get(&state.db, &owner, &name).await? else { continue };
        if let Some(keys) = state.signing.public_keys(&project).await? {
            files.push(File { path, mode: 0o644, contents: keys.into_bytes(), config: false });
        }
    }
    Ok(files)
}

/// The project whose keys are at an address; `None`: it is not one of this server's.
fn whose_key(state: &AppState, url: &str) -> Option<(OwnerName, ProjectName)> {
    let below = url.strip_prefix(&state.results_url())?.strip_prefix('/')?.strip_suffix("/pubkey.gpg")?;
    let (owner, name) = below.split_once('/')?;
    Some((owner.parse().ok()?, name.parse().ok()?))
}

/// The package with a signature.
async fn signed(state: &AppState, key: &Key, bytes: Vec<u8>) -> Result<Vec<u8>, ApiError> {
    let folder = tempfile::tempdir()?;
    let (from, to) = (folder.path().join("made.rpm"), folder.path().join("signed.rpm"));
    tokio::fs::write(&from, bytes).await?;
    state.signing.sign_package(key, &from, &to).await?;
    Ok(tokio::fs::read(&to).await?)
}

/// The checksum of all that [`describe`] says, and of whose signature there is.
fn checksum(of: &Builder, key: Option<&Key>) -> String {
    let mut sum = Sha256::new();
    let mut part = |bytes: &[u8]| {
        sum.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
        sum.update(bytes);
    };
    for text in [FORMAT, &of.name, &of.summary, &of.description, &of.license] {
        part(text.as_bytes());
    }
    for text in [&of.url, &of.vendor, &of.bug_url, &of.packager] {
        part(text.as_deref().unwrap_or_default().as_bytes());
    }
    for file in &of.files {
        part(file.path.as_bytes());
        part(&file.contents);
    }
    part(key.map(|key| key.fingerprint.as_bytes()).unwrap_or_default());
    hex::encode(sum.finalize())
}
