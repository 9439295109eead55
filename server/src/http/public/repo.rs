//! `.repo` files, and the JSON that the plugins make them from.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderName, HeaderValue, StatusCode, header::CACHE_CONTROL, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use copr_api::{
    names::{Chroot, DirName, OwnerName},
    v3::{
        RpmRepo, RpmRepoArch, RpmRepoDependency, RpmRepoDirectory, RpmRepoMultilib, RpmRepoRelease, RpmRepoTarget,
        SignWith,
    },
};
use copr_resolve::repo_file::{self, RepoSection};
use serde::Deserialize;

use crate::{
    chain::{self, Dependency},
    clock,
    db::{self, project::Project},
    http::{
        error::ApiError,
        params::{self, Lenient},
        user::project::form::days_until,
    },
    state::AppState,
    store::{Found, Want},
};

/// Most side directories that are named.
const DIRECTORIES: usize = 1000;
/// Carries what the stock plugin tells its user when the chroot does not exist: base64 of JSON.
const ERROR_DATA: HeaderName = HeaderName::from_static("copr-error-data");

/// Architectures whose packages run on another one, with Copr's names: 64 bit, 32 bit.
const MULTILIB: [(&str, &str); 3] = [("x86_64", "i386"), ("ppc64", "ppc"), ("s390x", "s390")];
/// `cost=` of a 32-bit repository: a little more than dnf's default, so that the 64-bit one is preferred.
const MULTILIB_COST: i64 = 1100;

/// How long answers may be kept, here and on the way.
const SHORT: &str = "public, max-age=60";

/// The query of a `.repo` address.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Arch {
    /// The client's architecture; without it any of the release's will do.
    arch: Option<String>,
}

/// A project and the directory of it that is asked for.
struct Asked {
    project: Project,
    owner: OwnerName,
    dirname: DirName,
    chroots: Vec<Chroot>,
    /// When chroots go that are out of life, milliseconds since 1970.
    ends: BTreeMap<Chroot, i64>,
}

/// Finds it; a side directory exists once something was built into it.
async fn asked(state: &AppState, owner: &str, dirname: &str) -> Result<Asked, ApiError> {
    let cut = |text: &str| text.chars().take(100).collect::<String>();
    let missing = || ApiError::NotFound(format!("Project {}/{} does not exist.", cut(owner), cut(dirname)));
    let (Ok(owner), Ok(dirname)) = (owner.parse::<OwnerName>(), dirname.parse::<DirName>()) else {
        return Err(missing());
    };
    let Some(project) = db::project::get(&state.db, &owner, &dirname.project()).await? else { return Err(missing()) };
    if let Some(why) = state.takedowns.why(&owner, project.name.as_str(), None).await? {
        return Err(ApiError::TakenDown(why));
    }
    if dirname.as_str() != project.name.as_str()
        && !db::directory::exists(&state.db, project.id, &dirname).await?
        && !matches!(state.store.find(&format!("{owner}/{dirname}/"), Want::Facts).await?, Found::Folder(_))
    {
        return Err(missing());
    }
    let all = db::chroot::of_project(&state.db, project.id).await?;
    let ends = all.iter().filter_map(|of| Some((of.chroot.clone(), of.delete_at_ms?))).collect();
    let chroots = all.into_iter().map(|of| of.chroot).collect();
    Ok(Asked { project, owner, dirname, chroots, ends })
}

/// A chroot's name with what dnf knows better: `$releasever` where releases of a distribution are exchangeable, `$basearch`.
pub(super) fn pattern(chroot: &Chroot) -> String {
    let (distro, release) = (chroot.distro(), chroot.release());
    let moves = match distro {
        "fedora" => !matches!(release, "eln" | "rawhide"),
        "centos-stream" | "opensuse-leap" => true,
        "mageia" => release != "cauldron",
        _ => false,
    };
    format!("{distro}-{}-$basearch", if moves { "$releasever" } else { release })
}

/// The 32-bit architecture that users of a chroot get too: the project wants it, and has the chroot for it.
fn multilib_of(project: &Project, chroots: &[Chroot], of: &Chroot) -> Option<&'static str> {
    let (_, other) = MULTILIB.into_iter().find(|(arch, _)| project.multilib && *arch == of.arch())?;
    chroots.iter().any(|chroot| chroot.name_release() == of.name_release() && chroot.arch() == other).then_some(other)
}

/// The host name in repository ids.
fn host(state: &AppState) -> String {
    state.hostname().trim_matches(['[', ']']).to_owned()
}

/// Number, id and name of a run-time dependency, as Copr makes them.
fn dependency_names(state: &AppState, of: &Project, number: usize, dependency: &Dependency) -> (String, String) {
    let (host, project) = (host(state), of.full_name());
    match dependency {
        Dependency::Project { owner, name } => (
            format!("coprdep:{host}:{}:{name}", owner.in_repo_id()),
            format!("Copr {host}/{project} runtime dependency #{number} - {owner}/{name}"),
        ),
        Dependency::External(url) => {
            let plain = chain::repository_id(url);
            (
                format!("coprdep:{plain}"),
                format!("Copr {host}/{project} external runtime dependency #{number} - {plain}"),
            )
        }
    }
}

/// `GET /coprs/{owner}/{dirname}/repo/{name_release}[/{file}.repo][?arch=]`.
///
/// # Errors
/// 404: no such project, directory or chroot.
pub(super) async fn repo_file(
    state: &AppState,
    owner: &str,
    dirname: &str,
    name_release: &str,
    arch: Option<&str>,
) -> Result<Response, ApiError> {
    let asked = asked(state, owner, dirname).await?;
    let chosen = asked
        .chroots
        .iter()
        .find(|chroot| chroot.name_release() == name_release && arch.is_none_or(|arch| arch == chroot.arch()));
    let Some(chroot) = chosen else { return Ok(no_chroot(&asked, name_release, arch)) };
    let text = render(state, &asked, chroot, arch.is_some()).await?;
    Ok(([(CONTENT_TYPE, "text/plain; charset=utf-8"), (CACHE_CONTROL, SHORT)], text).into_response())
}

fn no_chroot(asked: &Asked, name_release: &str, arch: Option<&str>) -> Response {
    let names: Vec<&str> = asked.chroots.iter().map(Chroot::as_str).collect();
    let shown: String = name_release.chars().take(100).collect();
    let arch = arch.map(|arch| format!("-{}", arch.chars().take(20).collect::<String>())).unwrap_or_default();
    let text = format!("Chroot {shown}{arch} does not exist in {}/{}\n", asked.owner, asked.dirname);
    let data = serde_json::json!({ "available chroots": names }).to_string();
    let mut response = (StatusCode::NOT_FOUND, [(CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response();
    if let Ok(value) = HeaderValue::from_str(&BASE64_STANDARD.encode(data)) {
        response.headers_mut().insert(ERROR_DATA, value);
    }
    response
}

/// The file: the project's own section first, as the stock plugin names its file by the first line. The 32-bit repository
/// follows only when the client has told its architecture (`for_arch`): other files are for any.
async fn render(state: &AppState, asked: &Asked, chroot: &Chroot, for_arch: bool) -> Result<String, ApiError> {
    let Asked { project, owner, dirname, chroots, .. } = asked;
    let (host, results) = (host(state), state.results_url());
    let own = RepoSection {
        gpgkey: key_of(state, project, dirname).await?,
        repo_gpgcheck: state.config.signing.repo_gpgcheck,
        module_hotfixes: project.module_hotfixes,
        priority: project.repo_priority,
        ..RepoSection::new(
            format!("copr:{host}:{}:{dirname}", owner.in_repo_id()),
            format!("Copr repo for {dirname} owned by {owner}"),
            format!("{results}/{owner}/{dirname}/{}/", pattern(chroot)),
        )
    };
    let multilib = multilib_of(project, chroots, chroot).filter(|_| for_arch).map(|arch| RepoSection {
        id: format!("{}:ml", own.id),
        name: format!("{} ({arch})", own.name),
        baseurl: own.baseurl.replace("$basearch", arch),
        cost: Some(MULTILIB_COST),
        ..own.clone()
    });
    let own_sections: Vec<String> = std::iter::once(own)
        .chain(multilib)
        .map(|section| repo_file::render(&[], &[section]).map_err(|error| ApiError::Internal(error.into())))
        .collect::<Result<_, _>>()?;
    let mut text = own_sections.join("\n");
    for (number, dependency) in (1..).zip(chain::run_time(&state.db, project).await?.dependencies) {
        let (id, name) = dependency_names(state, project, number, &dependency);
        let section = match &dependency {
            Dependency::Project { owner, name: of } => match with_chroot(state, owner, of, chroot).await? {
                Some(project) => Ok(RepoSection {
                    gpgkey: key_of(state, &project, &params::name(of.as_str(), "")?).await?,
                    repo_gpgcheck: state.config.signing.repo_gpgcheck,
                    ..RepoSection::new(id, name, format!("{results}/{owner}/{of}/{}/", pattern(chroot)))
                }),
                None => Err(format!("Runtime dependency #{number}, {owner}/{of}, has nothing for {chroot}")),
            },
            Dependency::External(url) => {
                let url = url.replace("$chroot", &pattern(chroot)).replace("$distname", chroot.distro());
                Ok(RepoSection::new(id, name, url))
            }
        };
        text.push('\n');
        // One dependency that can't be written must not take the others with it.
        let rendered = section.and_then(|section| {
            repo_file::render(&[], &[section])
                .map_err(|error| format!("Runtime dependency #{number} is left out: {}", error.reason))
        });
        text.push_str(&rendered.unwrap_or_else(|comment| format!("# {comment}\n")));
    }
    Ok(text)
}

/// The file of a project's own directory for one of its chroots, as clients of that architecture get it; `None`: it has no such
/// chroot.
///
/// # Errors
/// See [`repo_file`].
pub(super) async fn text_of(state: &AppState, project: &Project, chroot: &Chroot) -> Result<Option<String>, ApiError> {
    let asked = asked(state, project.owner.as_str(), project.name.as_str()).await?;
    if !asked.chroots.contains(chroot) {
        return Ok(None);
    }
    render(state, &asked, chroot, true).await.map(Some)
}

/// A project, if it has this chroot.
async fn with_chroot(
    state: &AppState,
    owner: &OwnerName,
    name: &copr_api::names::ProjectName,
    chroot: &Chroot,
) -> Result<Option<Project>, ApiError> {
    let Some(project) = db::project::get(&state.db, owner, name).await? else { return Ok(None) };
    // Nothing of what was taken down can be had: it must not take the others with it.
    if state.takedowns.why(owner, name.as_str(), None).await?.is_some() {
        return Ok(None);
    }
    let has = db::chroot::get(&state.db, project.id, chroot).await?.is_some();
    Ok(has.then_some(project))
}

/// Where the keys are that all packages in a directory of a project are signed with; `None`: not all of them are signed.
async fn key_of(state: &AppState, project: &Project, dirname: &DirName) -> Result<Option<String>, ApiError> {
    let signed = project.signing != SignWith::Nothing && db::key::unsigned(&state.db, project.id).await? == 0;
    Ok(signed.then(|| state.public_keys_url(&project.owner, dirname)))
}

/// `GET /api_3/rpmrepo/{owner}/{dirname}/{name_release}`: the same for every release; the caller chooses.
///
/// # Errors
/// 404: no such project or directory.
pub(super) async fn rpmrepo(
    State(state): State<AppState>,
    Path((owner, dirname, _name_release)): Path<(String, String, String)>,
) -> Result<Response, ApiError> {
    let asked = asked(&state, &owner, &dirname).await?;
    let now = clock::now_ms();
    let mut opts = BTreeMap::new();
    if let Some(priority) = asked.project.repo_priority {
        opts.insert("priority".to_owned(), priority.into());
    }
    if asked.project.module_hotfixes {
        opts.insert("module_hotfixes".to_owned(), "1".into());
    }
    let mut repos: BTreeMap<String, RpmRepoRelease> = BTreeMap::new();
    for chroot in &asked.chroots {
        let delete_after_days = asked.ends.get(chroot).map(|end| days_until(*end, now));
        let multilib = multilib_of(&asked.project, &asked.chroots, chroot).map(|arch| {
            let mut opts = opts.clone();
            opts.insert("cost".to_owned(), MULTILIB_COST.to_string().into());
            (arch.to_owned(), RpmRepoMultilib { opts })
        });
        let arch = RpmRepoArch { opts: opts.clone(), multilib: multilib.into_iter().collect(), delete_after_days };
        repos.entry(chroot.name_release().to_owned()).or_default().arch.insert(chroot.arch().to_owned(), arch);
    }
    let mut directories = side_directories(&state, &asked.project, now).await?;
    directories.insert(asked.project.name.to_string(), RpmRepoDirectory::default());
    let needed = chain::run_time(&state.db, &asked.project).await?;
    let dependencies = (1..).zip(needed.dependencies).map(|(number, dependency)| {
        let (id, name) = dependency_names(&state, &asked.project, number, &dependency);
        let target = match dependency {
            Dependency::Project { owner, name } => {
                RpmRepoTarget::Copr { owner: owner.to_string(), projectname: name.to_string() }
            }
            Dependency::External(pattern) => RpmRepoTarget::ExternalBaseurl { pattern },
        };
        RpmRepoDependency {
            opts: BTreeMap::from([("id".to_owned(), id.into()), ("name".to_owned(), name.into())]),
            target,
        }
    });
    let main: DirName = params::name(asked.project.name.as_str(), "")?;
    let answer = RpmRepo {
        results_url: state.results_url(),
        repos,
        directories,
        dependencies: dependencies.collect(),
        delete_after_days: asked.project.delete_at_ms.map(|end| days_until(end, now)),
        pubkey_url: (asked.project.signing != SignWith::Nothing).then(|| state.public_keys_url(&asked.owner, &main)),
        gpgcheck: Some(key_of(&state, &asked.project, &main).await?.is_some()),
        missing: needed.missing.into_iter().map(|(owner, name)| format!("{owner}/{name}")).collect(),
    };
    Ok(([(CACHE_CONTROL, SHORT)], Json(answer)).into_response())
}

/// Directories of a project besides its own, and when those of pull requests go.
async fn side_directories(
    state: &AppState,
    project: &Project,
    now_ms: i64,
) -> Result<BTreeMap<String, RpmRepoDirectory>, ApiError> {
    let known = db::directory::of_project(&state.db, project.id).await?;
    let told = known.into_iter().take(DIRECTORIES).map(|of| {
        let delete_after_days = of.delete_at_ms.map(|end| days_until(end, now_ms));
        (of.dirname.to_string(), RpmRepoDirectory { delete_after_days })
    });
    Ok(told.collect())
}

/// `…/repo/{name_release}/{file}.repo` of a user's or (`@group`) group's project.
///
/// # Errors
/// See [`repo_file`].
pub(super) async fn named(
    State(state): State<AppState>,
    Path((owner, dirname, name_release, file)): Path<(String, String, String, String)>,
    Lenient(query): Lenient<Arch>,
) -> Result<Response, ApiError> {
    if !file.ends_with(".repo") {
        return Err(ApiError::NotFound("A repository file's name ends with .repo".to_owned()));
    }
    repo_file(&state, &owner, &dirname, &name_release, query.arch.as_deref()).await
}

/// `…/repo/{name_release}/`.
///
/// # Errors
/// See [`repo_file`].
pub(super) async fn unnamed(
    State(state): State<AppState>,
    Path((owner, dirname, name_release)): Path<(String, String, String)>,
    Lenient(query): Lenient<Arch>,
) -> Result<Response, ApiError> {
    repo_file(&state, &owner, &dirname, &name_release, query.arch.as_deref()).await
}

/// `/coprs/g/{group}/{dirname}/repo/{name_release}/{file}.repo`.
///
/// # Errors
/// See [`repo_file`].
pub(super) async fn of_group(
    state: State<AppState>,
    Path((group, dirname, name_release, file)): Path<(String, String, String, String)>,
    query: Lenient<Arch>,
) -> Result<Response, ApiError> {
    named(state, Path((format!("@{group}"), dirname, name_release, file)), query).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_distributions_that_move_have_releasever() {
        for (chroot, expected) in [
            ("fedora-44-x86_64", "fedora-$releasever-$basearch"),
            ("fedora-eln-x86_64", "fedora-eln-$basearch"),
            ("centos-stream-10-aarch64", "centos-stream-$releasever-$basearch"),
            ("opensuse-leap-15.6-x86_64", "opensuse-leap-$releasever-$basearch"),
            ("opensuse-tumbleweed-x86_64", "opensuse-tumbleweed-$basearch"),
            ("mageia-cauldron-x86_64", "mageia-cauldron-$basearch"),
            ("mageia-9-x86_64", "mageia-$releasever-$basearch"),
            ("epel-9-x86_64", "epel-9-$basearch"),
            ("minidistro-12-x86_64", "minidistro-12-$basearch"),
        ] {
            assert_eq!(pattern(&chroot.parse().unwrap()), expected);
        }
    }
}
