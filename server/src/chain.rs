//! What other repositories a project needs: at build time, and when it is enabled. The library resolves, the database tells
//! each project's facts.

use copr_api::{
    builder::BuildRepository,
    names::{Chroot, DirName, NameError, OwnerName, ProjectName},
};
use copr_resolve::chain::{self, FetchError, Limits, Link, ProjectFacts, ProjectRef};

use crate::{
    db::{self, Db, project::Project},
    state::AppState,
};

/// Why a chain can't be had; the text is for the project's owner.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is too long, or a project of it is gone.
    #[error("{0}")]
    Chain(String),
    /// The database did not answer.
    #[error(transparent)]
    Db(#[from] db::Error),
}

/// One repository of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dependency {
    /// A project of this server.
    Project {
        /// Its owner.
        owner: OwnerName,
        /// Its name.
        name: ProjectName,
    },
    /// Any URL, with `$chroot`, `$releasever`, `$basearch` as its owner wrote them.
    External(String),
}

/// Which of a project's lists make the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Build-time repositories, and what those and the project need at run time.
    Build,
    /// Run-time dependencies only.
    Run,
}

/// The longest URL of a dependency.
const URL_BYTES: usize = 2000;

/// `copr://owner/name`, a URL, or nonsense; each may have Copr's `?priority=N`, which is not part of it.
///
/// # Errors
/// The text is neither; the message names it.
pub fn parse(text: &str) -> Result<Dependency, String> {
    parse_with_priority(text).map(|(dependency, _)| dependency)
}

/// The same, and the priority: 1 to 99, lower wins.
fn parse_with_priority(text: &str) -> Result<(Dependency, Option<i32>), String> {
    let (bare, query) = text.split_once('?').unwrap_or((text, ""));
    let (own, others): (Vec<&str>, Vec<&str>) =
        query.split('&').filter(|part| !part.is_empty()).partition(|part| part.starts_with("priority="));
    let priority = match own.as_slice() {
        [] => return parse_bare(text).map(|dependency| (dependency, None)),
        [one] => one.trim_start_matches("priority=").parse().ok().filter(|priority| (1..=99).contains(priority)),
        _ => None,
    };
    let bare = if others.is_empty() { bare.to_owned() } else { format!("{bare}?{}", others.join("&")) };
    let dependency = parse_bare(&bare)?;
    match priority {
        Some(priority) => Ok((dependency, Some(priority))),
        None => Err(format!("{bare}: its priority must be one number from 1 to 99")),
    }
}

fn parse_bare(text: &str) -> Result<Dependency, String> {
    if let Some(rest) = text.strip_prefix("copr://") {
        let wrong = |error: NameError| format!("{text}: {error}");
        let (owner, name) =
            rest.split_once('/').ok_or_else(|| format!("{text}: it must have the form copr://owner/project"))?;
        return Ok(Dependency::Project { owner: owner.parse().map_err(wrong)?, name: name.parse().map_err(wrong)? });
    }
    let shown: String = text.chars().filter(|c| !c.is_control()).take(200).collect();
    if text.len() > URL_BYTES || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(format!("{shown}: a URL has {URL_BYTES} bytes at most, none of them a blank"));
    }
    match url::Url::parse(text) {
        // No file: users must not read from the disks of builders.
        Ok(url) if matches!(url.scheme(), "http" | "https" | "ftp") => Ok(Dependency::External(text.to_owned())),
        _ => Err(format!("{shown}: it is no copr://owner/project and no http, https or ftp URL")),
    }
}

fn link(text: &str) -> Link {
    match parse(text) {
        Ok(Dependency::Project { owner, name }) => Link::Project(ProjectRef::new("", owner.as_str(), name.as_str())),
        _ => Link::External { url: text.to_owned() },
    }
}

/// What a project needs when it is enabled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunTime {
    /// Its repositories: direct and indirect, dependencies first, itself left out.
    pub dependencies: Vec<Dependency>,
    /// Projects that are declared and gone.
    pub missing: Vec<(OwnerName, ProjectName)>,
}

/// The repositories that a project needs when it is enabled.
///
/// # Errors
/// The chain is too long, or the database does not answer.
pub async fn run_time(db: &Db, project: &Project) -> Result<RunTime, Error> {
    let chain = resolve(db, project, None, Kind::Run, &[]).await?;
    let gone = chain.problems.iter().filter(|problem| problem.error == FetchError::NotFound);
    let missing =
        gone.filter_map(|problem| Some((problem.project.owner.parse().ok()?, problem.project.dirname.parse().ok()?)));
    let dependencies = dependencies(&chain, project).into_iter().map(|(dependency, _)| dependency).collect();
    Ok(RunTime { dependencies, missing: missing.collect() })
}

/// The repositories of a project's buildroot besides the distribution's: its chain with dependencies first, the project itself
/// last, and after it the side directory when the build goes to one. `more` are repositories of this one build.
///
/// # Errors
/// A project of the chain is gone, the chain is too long, or the database does not answer.
pub async fn build_time(
    state: &AppState,
    project: &Project,
    dirname: &DirName,
    chroot: &Chroot,
    more: &[String],
) -> Result<Vec<BuildRepository>, Error> {
    let chain = resolve(&state.db, project, Some(chroot), Kind::Build, more).await?;
    if let Some(problem) = chain.problems.first() {
        return Err(Error::Chain(format!("The project's repositories cannot all be had: {problem}")));
    }
    let mut repositories: Vec<BuildRepository> = Vec::new();
    let mut push = |id: String, baseurl: String, priority: Option<i32>, external: bool| {
        let number = repositories
            .iter()
            .filter(|repository| repository.id == id || repository.id.starts_with(&format!("{id}_")))
            .count();
        let id = if number == 0 { id } else { format!("{id}_{number}") };
        let priority = priority.unwrap_or(99);
        repositories.push(BuildRepository { id, baseurl, priority, external, ..BuildRepository::default() });
    };
    // What the project itself says of a project counts; nobody else's word about it does.
    let of_chroot = db::chroot::get(&state.db, project.id, chroot).await?.map(|of| of.additional_repos);
    let said: Vec<_> = project
        .additional_repos
        .iter()
        .chain(of_chroot.iter().flatten())
        .chain(more)
        .filter_map(|text| parse_with_priority(text).ok())
        .collect();
    for (dependency, priority) in dependencies(&chain, project) {
        let own = said.iter().rev().find_map(|(of, priority)| priority.filter(|_| *of == dependency));
        let priority = own.or(priority);
        match dependency {
            Dependency::Project { owner, name } => {
                // A project without this chroot has nothing for it: that is no fault.
                let Some(of) = db::project::get(&state.db, &owner, &name).await? else { continue };
                if db::chroot::get(&state.db, of.id, chroot).await?.is_none() {
                    continue;
                }
                let Ok(main) = name.as_str().parse::<DirName>() else { continue };
                push(
                    repository_id(&format!("copr://{owner}/{name}")),
                    state.repository_url(&owner, &main, chroot),
                    priority,
                    false,
                );
            }
            Dependency::External(url) => push(repository_id(&url), expand(&url, chroot), priority, true),
        }
    }
    if let Ok(main) = project.name.as_str().parse::<DirName>() {
        push("copr_base".to_owned(), state.repository_url(&project.owner, &main, chroot), None, false);
        if main != *dirname {
            push("copr_coprdir".to_owned(), state.repository_url(&project.owner, dirname, chroot), None, false);
        }
        // What is built and not yet let out to users: builds see it.
        if project.devel_mode {
            let devel = |of: &DirName| format!("{}devel/", state.repository_url(&project.owner, of, chroot));
            push("copr_base_devel".to_owned(), devel(&main), None, false);
            if main != *dirname {
                push("copr_coprdir_devel".to_owned(), devel(dirname), None, false);
            }
        }
    }
    Ok(repositories)
}

/// Copr's id for a repository given by URL: all but letters and digits becomes `_`.
#[must_use]
pub fn repository_id(url: &str) -> String {
    let mut id = String::with_capacity(url.len());
    for c in url.chars() {
        let c = if c.is_ascii_alphanumeric() { c } else { '_' };
        if !(c == '_' && (id.is_empty() || id.ends_with('_'))) {
            id.push(c);
        }
    }
    id.truncate(id.trim_end_matches('_').len());
    id
}

/// A URL for one chroot: `$chroot`, `$distname`, `$releasever` and `$basearch` filled in.
#[must_use]
pub fn expand(url: &str, chroot: &Chroot) -> String {
    url.replace("$chroot", chroot.as_str())
        .replace("$distname", chroot.distro())
        .replace("$releasever", chroot.release())
        .replace("$basearch", chroot.arch())
}

/// A chain without its root, in the program's types; URLs with the priority that they have.
fn dependencies(chain: &chain::Chain, root: &Project) -> Vec<(Dependency, Option<i32>)> {
    chain
        .repositories
        .iter()
        .filter_map(|item| match &item.link {
            Link::Project(project) if project.owner == root.owner.as_str() && project.dirname == root.name.as_str() => {
                None
            }
            Link::Project(project) => {
                let (owner, name) = (project.owner.parse().ok()?, project.dirname.parse().ok()?);
                Some((Dependency::Project { owner, name }, None))
            }
            // What is no address any more stays as it was written: clients are told of it, and builders refuse it.
            Link::External { url } => {
                Some(parse_with_priority(url).unwrap_or_else(|_| (Dependency::External(url.clone()), None)))
            }
        })
        .collect()
}

async fn resolve(
    db: &Db,
    root: &Project,
    chroot: Option<&Chroot>,
    kind: Kind,
    more: &[String],
) -> Result<chain::Chain, Error> {
    let root_ref = ProjectRef::new("", root.owner.as_str(), root.name.as_str());
    let (db, chroot, of_root) = (db.clone(), chroot.cloned(), root_ref.clone());
    let more: Vec<Link> = more.iter().map(|text| link(text)).collect();
    // The resolver is synchronous: it asks the database from a thread that may wait.
    let runtime = tokio::runtime::Handle::current();
    let resolved = tokio::task::spawn_blocking(move || {
        chain::resolve(
            &root_ref,
            |project| {
                let mut facts = runtime.block_on(facts(&db, project, chroot.as_ref(), kind))?;
                if *project == of_root {
                    facts.dependencies.splice(0..0, more.iter().cloned());
                }
                Ok(facts)
            },
            Limits::default(),
        )
    })
    .await;
    match resolved {
        Ok(chain) => chain.map_err(|error| Error::Chain(error.to_string())),
        Err(error) => Err(Error::Chain(format!("the chain could not be resolved: {error}"))),
    }
}

async fn facts(db: &Db, project: &ProjectRef, chroot: Option<&Chroot>, kind: Kind) -> Result<ProjectFacts, FetchError> {
    let (Ok(owner), Ok(name)) = (project.owner.parse(), project.dirname.parse()) else {
        return Err(FetchError::NotFound);
    };
    let unreachable = |error: db::Error| FetchError::Unreachable(error.to_string());
    let found = db::project::get(db, &owner, &name).await.map_err(unreachable)?.ok_or(FetchError::NotFound)?;
    let mut dependencies = Vec::new();
    if kind == Kind::Build {
        dependencies.extend(found.additional_repos.iter().map(|text| link(text)));
        if let Some(chroot) = chroot
            && let Some(of) = db::chroot::get(db, found.id, chroot).await.map_err(unreachable)?
        {
            dependencies.extend(of.additional_repos.iter().map(|text| link(text)));
        }
    }
    dependencies.extend(found.runtime_dependencies.iter().map(|text| link(text)));
    Ok(ProjectFacts { dependencies })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dependency_is_a_project_or_a_url_and_nothing_else() {
        assert!(matches!(parse("copr://@g/p"), Ok(Dependency::Project { .. })));
        assert!(matches!(parse("https://example.org/$chroot/"), Ok(Dependency::External(_))));
        for bad in ["copr://a", "copr://../p", "copr://a/b/c", "libs", "javascript:alert(1)", "file:///etc"] {
            assert!(parse(bad).unwrap_err().contains(bad), "{bad}");
        }
    }

    #[test]
    fn a_priority_is_read_off_a_dependency_and_other_parameters_stay() {
        let url = |text: &str| Dependency::External(text.to_owned());
        assert_eq!(parse_with_priority("https://x/?priority=5"), Ok((url("https://x/"), Some(5))));
        assert_eq!(parse_with_priority("https://x/?a=b&priority=5&c"), Ok((url("https://x/?a=b&c"), Some(5))));
        assert_eq!(parse_with_priority("https://x/?a=b"), Ok((url("https://x/?a=b"), None)));
        assert!(matches!(parse_with_priority("copr://a/p?priority=99"), Ok((Dependency::Project { .. }, Some(99)))));
        for bad in ["https://x/?priority=0", "https://x/?priority=high", "copr://a/p?priority=1&priority=2"] {
            assert!(parse(bad).unwrap_err().contains("1 to 99"), "{bad}");
        }
    }

    #[test]
    fn urls_are_filled_in_for_a_chroot_and_make_plain_ids() {
        let chroot = "centos-stream-10-x86_64".parse().unwrap();
        assert_eq!(
            expand("https://x/$chroot/$releasever/$basearch", &chroot),
            "https://x/centos-stream-10-x86_64/10/x86_64"
        );
        assert_eq!(repository_id("https://x.org/a/$chroot/"), "https_x_org_a_chroot");
    }
}
