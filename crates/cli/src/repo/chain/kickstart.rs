//! `copr-repo kickstart`: the repositories of chains, as those who make images want them.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::process::ExitCode;

use anyhow::{Result, bail};
use copr_api::names::Chroot;
use copr_resolve::chain::{Link, ProjectRef};
use copr_resolve::repo_file::{self, RepoSection};
use serde_json::json;

use super::super::definition::{ImageFormat, Kickstart};
use super::super::show::{complain, plain, say};
use super::facts::{Hubs, Names};
use super::{PARTLY, print, resolve};

/// Longest part of an id that is made of a URL.
const LONGEST_ID: usize = 180;

pub(in crate::repo) fn run(arguments: &Kickstart) -> Result<ExitCode> {
    let chroot: Option<Chroot> = arguments.chroot.as_deref().map(str::parse).transpose()?;
    let mut hubs = Hubs::new(chroot.clone())?;
    let (mut roots, mut links, mut problems) = (Vec::new(), Vec::new(), BTreeSet::new());
    for project in &arguments.projects {
        let (root, chain) = resolve(&mut hubs, project, &arguments.config_dir)?;
        roots.push(root);
        problems.extend(chain.problems.iter().map(ToString::to_string));
        for item in chain.repositories {
            if !links.contains(&item.link) {
                links.push(item.link);
            }
        }
    }
    let names = match &chroot {
        Some(chroot) => Names::of(chroot),
        None => Names::variables(&distro(&hubs, &roots)?),
    };
    let sections = links.iter().map(|link| section(&hubs, link, &names)).collect::<Result<Vec<_>>>()?;
    for warning in hubs.warnings.iter().chain(&problems) {
        complain(plain(warning));
    }
    if arguments.json {
        say(json!(sections.iter().map(object).collect::<Vec<_>>()))?;
    } else {
        print(&match arguments.format {
            ImageFormat::Kickstart => kickstart(&sections, arguments.install)?,
            ImageFormat::Blueprint => blueprint(&sections, arguments.install)?,
        })?;
    }
    Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(PARTLY) })
}

/// The one distribution that all projects that were asked for are built for.
fn distro(hubs: &Hubs, roots: &[ProjectRef]) -> Result<String> {
    let mut common: Option<BTreeSet<String>> = None;
    for root in roots {
        let own = &hubs.results(root)?.distros;
        common = Some(common.map_or_else(|| own.clone(), |common| common.intersection(own).cloned().collect()));
    }
    match common.unwrap_or_default().into_iter().collect::<Vec<_>>().as_slice() {
        [only] => Ok(only.clone()),
        [] => bail!("there is no distribution for which all of this is built; name a chroot with --chroot"),
        several => bail!("this is built for {}; name a chroot with --chroot", plain(&several.join(", "))),
    }
}

/// A repository as it would stand in a .repo file, which is also what its values are checked for.
fn section(hubs: &Hubs, link: &Link, names: &Names) -> Result<RepoSection> {
    let address = hubs.address(link, names)?;
    let section = match link {
        Link::Project(ProjectRef { hub, owner, dirname }) => {
            let results = hubs.results(&ProjectRef::new(hub, owner, dirname))?;
            // As `dnf copr enable` calls it, which does without the port.
            let host = hub.split(['/', ':']).next().unwrap_or_default();
            let in_id = owner.strip_prefix('@').map_or_else(|| owner.clone(), |group| format!("group_{group}"));
            let id = format!("copr:{host}:{in_id}:{dirname}");
            let name = format!("Copr repo for {dirname} owned by {owner}");
            let (gpgkey, priority) = (results.key.clone(), results.priority.map(i64::from));
            RepoSection { gpgkey, priority, ..RepoSection::new(id, name, address) }
        }
        Link::External { url } => {
            let words = url.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
            let id: String = words.collect::<Vec<_>>().join("_").chars().take(LONGEST_ID).collect();
            RepoSection::new(format!("coprdep:{id}"), format!("Additional repo {id}"), address)
        }
    };
    repo_file::render(&[], std::slice::from_ref(&section))?;
    Ok(section)
}

/// Commands of a kickstart file. They know no keys, and blanks and quotes are in none of the values.
fn kickstart(sections: &[RepoSection], install: bool) -> Result<String> {
    let mut text = String::new();
    let install = if install { " --install" } else { "" };
    for RepoSection { id, baseurl, .. } in sections {
        writeln!(text, "repo --name=\"{id}\" --baseurl=\"{baseurl}\"{install}")?;
    }
    Ok(text)
}

/// Part of a blueprint of osbuild (`RepositoryCustomization` in its Go package `blueprint`), which is TOML.
fn blueprint(sections: &[RepoSection], install: bool) -> Result<String> {
    let mut text = String::new();
    for section in sections {
        let RepoSection { id, name, baseurl, gpgkey, priority, .. } = section;
        // Names of files are narrower than ids there.
        let file: String =
            id.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' || c == '.' { c } else { '_' }).collect();
        writeln!(text, "[[customizations.repositories]]\nid = {}\nname = {}", json!(id), json!(name))?;
        writeln!(text, "filename = {}\nbaseurls = {}", json!(format!("{file}.repo")), json!([baseurl]))?;
        if let Some(priority) = priority {
            writeln!(text, "priority = {priority}")?;
        }
        match gpgkey {
            Some(key) => writeln!(text, "gpgcheck = true\ngpgkeys = {}", json!([key]))?,
            None => writeln!(text, "gpgcheck = false")?,
        }
        writeln!(text, "enabled = {install}\ninstall_from = true\n")?;
    }
    Ok(text)
}

/// For programs.
fn object(section: &RepoSection) -> serde_json::Value {
    let RepoSection { id, name, baseurl, gpgkey, priority, .. } = section;
    json!({ "id": id, "name": name, "baseurl": baseurl, "gpgkey": gpgkey, "priority": priority })
}
