//! What hubs say of projects, asked for one at a time.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};
use copr_api::client::{Client, Config, Error};
use copr_api::names::{Chroot, DirName, OwnerName};
use copr_api::v3::RpmRepoTarget;
use copr_resolve::chain::{FetchError, Link, ProjectFacts, ProjectRef};
use serde_json::Value;
use tokio::runtime::Runtime;

use super::super::dependencies::chain::Member;

/// Most dependencies of one project that are believed.
const MOST_DEPENDENCIES: usize = 1000;

/// Asks hubs, each project once.
pub(super) struct Hubs {
    runtime: Runtime,
    /// By the name that projects have for them.
    clients: BTreeMap<String, Client>,
    /// Hubs that did not answer: asking again for each of their projects would take as long each time.
    silent: BTreeMap<String, String>,
    chroot: Option<Chroot>,
    /// Per project that was had: where its results are.
    results: BTreeMap<ProjectRef, Results>,
    /// Declared dependencies that were left out, as sentences.
    pub(super) warnings: BTreeSet<String>,
}

/// Where a project's results are, and what its hub says of them.
pub(super) struct Results {
    /// The base URL of all results of the hub.
    url: String,
    /// The priority that it wants in the chroot.
    pub(super) priority: Option<i32>,
    /// The key that signs its packages; `None` where they are not signed.
    pub(super) key: Option<String>,
    /// The distributions that it builds for.
    pub(super) distros: BTreeSet<String>,
}

/// What takes the place of a chroot and its parts in addresses: the parts themselves, or dnf's variables.
pub(super) struct Names {
    chroot: String,
    distro: String,
    release: String,
    arch: String,
}

impl Names {
    pub(super) fn of(chroot: &Chroot) -> Self {
        let own = |part: &str| part.to_owned();
        let (distro, release, arch) = (own(chroot.distro()), own(chroot.release()), own(chroot.arch()));
        Self { chroot: own(chroot.as_str()), distro, release, arch }
    }

    /// Of a distribution, whatever its release and the architecture.
    pub(super) fn variables(distro: &str) -> Self {
        let (release, arch) = ("$releasever".to_owned(), "$basearch".to_owned());
        Self { chroot: format!("{distro}-{release}-{arch}"), distro: distro.to_owned(), release, arch }
    }
}

impl Hubs {
    pub(super) fn new(chroot: Option<Chroot>) -> Result<Self> {
        Ok(Self {
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build()?,
            clients: BTreeMap::new(),
            silent: BTreeMap::new(),
            chroot,
            results: BTreeMap::new(),
            warnings: BTreeSet::new(),
        })
    }

    /// The architecture of the chroot.
    pub(super) fn arch(&self) -> Option<String> {
        self.chroot.as_ref().map(|chroot| chroot.arch().to_owned())
    }

    /// Makes a hub known, and gives the name that its projects have for it: its address without the protocol.
    pub(super) fn add(&mut self, url: &str) -> Result<String> {
        let client = Client::new(Config { copr_url: url.to_owned(), ..Config::default() })?;
        let name = client.hub().split_once("://").map_or(client.hub(), |(_, name)| name).to_owned();
        self.clients.insert(name.clone(), client);
        Ok(name)
    }

    /// What one project needs.
    pub(super) fn ask(&mut self, project: &ProjectRef) -> Result<ProjectFacts, FetchError> {
        if let Some(reason) = self.silent.get(&project.hub) {
            return Err(FetchError::Unreachable(reason.clone()));
        }
        let client = self
            .clients
            .get(&project.hub)
            .ok_or_else(|| FetchError::Unreachable(format!("no hub {} is known", project.hub)))?;
        let (Ok(owner), Ok(dirname)) = (project.owner.parse::<OwnerName>(), project.dirname.parse::<DirName>()) else {
            return Err(FetchError::NotFound);
        };
        let release = self.chroot.as_ref().map_or("any", Chroot::name_release);
        let answer = match self.runtime.block_on(client.rpmrepo(&owner, &dirname, release)) {
            Ok(answer) => answer,
            Err(Error::Server { status: 404, .. }) => return Err(FetchError::NotFound),
            Err(error) => {
                let text = error.to_string();
                if matches!(error, Error::Connect { .. } | Error::Timeout { .. }) {
                    self.silent.insert(project.hub.clone(), text.clone());
                }
                return Err(FetchError::Unreachable(text));
            }
        };
        // Old hubs answer for a directory as for its project.
        if !answer.directories.contains_key(dirname.as_str()) {
            return Err(FetchError::NotFound);
        }
        let mut priority = None;
        if let Some(chroot) = &self.chroot {
            let release = answer.repos.get(chroot.name_release());
            let Some(of_arch) = release.and_then(|release| release.arch.get(chroot.arch())) else {
                return Err(FetchError::Unreachable(format!("it has no repository for {chroot}")));
            };
            let told = of_arch.opts.get("priority").and_then(|value| match value {
                Value::String(text) => text.trim().parse().ok(),
                value => value.as_i64(),
            });
            priority = told.and_then(|priority: i64| i32::try_from(priority).ok());
        }
        let results = answer.results_url.trim_end_matches('/');
        let main = project.dirname.split(':').next().unwrap_or_default();
        let key = answer.pubkey_url.clone().unwrap_or_else(|| format!("{results}/{}/{main}/pubkey.gpg", project.owner));
        let distro = |release: &String| release.rsplit_once('-').map(|(distro, _)| distro.to_owned());
        let results = Results {
            url: results.to_owned(),
            priority,
            // Copr's own hubs do not tell, and sign all there is.
            key: (answer.gpgcheck != Some(false)).then_some(key),
            distros: answer.repos.keys().filter_map(distro).collect(),
        };
        self.results.insert(project.clone(), results);
        if answer.dependencies.len() > MOST_DEPENDENCIES {
            return Err(FetchError::Unreachable(format!("it declares more than {MOST_DEPENDENCIES} dependencies")));
        }
        let mut dependencies = Vec::new();
        for dependency in &answer.dependencies {
            match link(&project.hub, &dependency.target) {
                Ok(link) => dependencies.push(link),
                Err(why) => {
                    self.warnings.insert(format!("a dependency of {project} is left out: {why}"));
                }
            }
        }
        // Asked for like the others, they turn out to be gone.
        let missing = answer.missing.iter().take(MOST_DEPENDENCIES).filter_map(|name| name.split_once('/'));
        for (owner, projectname) in missing {
            let target = RpmRepoTarget::Copr { owner: owner.to_owned(), projectname: projectname.to_owned() };
            dependencies.extend(link(&project.hub, &target));
        }
        Ok(ProjectFacts { dependencies })
    }

    /// Where the packages of a repository are, for the chroot.
    pub(super) fn member(&self, link: &Link) -> Result<Member> {
        let Some(chroot) = &self.chroot else { bail!("without a chroot there are no packages") };
        let priority = match link {
            Link::Project(project) => self.results(project)?.priority,
            Link::External { .. } => None,
        };
        Ok(Member { link: link.clone(), url: self.address(link, &Names::of(chroot))?, priority })
    }

    /// Where a project's results are.
    pub(super) fn results(&self, project: &ProjectRef) -> Result<&Results> {
        self.results.get(project).with_context(|| format!("nothing is known of {project}"))
    }

    /// The base URL of a repository.
    pub(super) fn address(&self, link: &Link, names: &Names) -> Result<String> {
        let Names { chroot, distro, release, arch } = names;
        let url = match link {
            Link::Project(project) => {
                format!("{}/{}/{}/{chroot}/", self.results(project)?.url, project.owner, project.dirname)
            }
            Link::External { url } => url
                .replace("$chroot", chroot)
                .replace("$distname", distro)
                .replace("$releasever", release)
                .replace("$basearch", arch),
        };
        // A hub must not make us read this machine's files.
        if !url.starts_with("https://") && !url.starts_with("http://") {
            bail!("{link}: only http and https are followed");
        }
        Ok(url)
    }

    /// The directories that a project has, for a root that is not among them.
    pub(super) fn directories(&self, project: &ProjectRef) -> Vec<String> {
        let (Ok(owner), Ok(dirname)) = (project.owner.parse::<OwnerName>(), project.dirname.parse::<DirName>()) else {
            return Vec::new();
        };
        let Some(client) = self.clients.get(&project.hub) else { return Vec::new() };
        let answer = self.runtime.block_on(client.rpmrepo(&owner, &dirname, "any"));
        answer.map(|answer| answer.directories.into_keys().collect()).unwrap_or_default()
    }
}

fn link(hub: &str, target: &RpmRepoTarget) -> Result<Link, String> {
    match target {
        RpmRepoTarget::Copr { owner, projectname } => {
            let owner: OwnerName = owner.parse().map_err(|error| format!("{error}"))?;
            let dirname: DirName = projectname.parse().map_err(|error| format!("{error}"))?;
            Ok(Link::Project(ProjectRef::new(hub, owner.as_str(), dirname.as_str())))
        }
        RpmRepoTarget::ExternalBaseurl { pattern } => Ok(Link::External { url: pattern.clone() }),
        RpmRepoTarget::Unknown(kind) => {
            Err(format!("its type {:?} is not known", kind.chars().take(50).collect::<String>()))
        }
    }
}
