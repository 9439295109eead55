//! Whole projects of a Copr hub: what repositories there are, the hub tells.

use std::path::Path;
use std::process::ExitCode;
use std::str::FromStr;

use anyhow::{Context, Result, bail};
use copr_api::client::{Client, Config};
use copr_api::names::{OwnerName, ProjectName};
use copr_api::v3::Project;
use copr_remote::mirror::{Origin, mirror};
use globset::{Glob, GlobSet, GlobSetBuilder};
use serde_json::{Value, json};

use super::super::definition::Mirror;
use super::super::show::{plain, some};
use super::super::values::is_url;
use super::super::voice::Voice;
use super::{PARTLY, line, object, options, progress, tell};

/// Projects of a hub: one, or all of an owner that a pattern matches.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wanted {
    owner: OwnerName,
    project: Option<ProjectName>,
    pattern: String,
}

impl FromStr for Wanted {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let Some((owner, pattern)) = text.split_once('/') else {
            bail!("{text:?} names no projects: owner/project, 'owner/*' and '@group/*' do");
        };
        let owner = owner.parse().with_context(|| format!("{text:?}"))?;
        Ok(Self { owner, project: pattern.parse().ok(), pattern: pattern.to_owned() })
    }
}

pub(super) async fn run(arguments: &Mirror, voice: Voice) -> Result<ExitCode> {
    let Some((dir, projects)) = arguments.words.split_last().filter(|(_, projects)| !projects.is_empty()) else {
        bail!("with --hub, arguments are projects (owner/project, 'owner/*') and, last, the mirror's folder");
    };
    if is_url(dir) {
        bail!("{}: the mirror's folder comes last, and is a path", plain(dir));
    }
    let dir = Path::new(dir);
    let wanted = projects.iter().map(|text| text.parse()).collect::<Result<Vec<Wanted>>>()?;
    let chroots = globs(&arguments.chroots)?;
    let client = Client::new(Config { copr_url: arguments.hub.clone().unwrap_or_default(), ..Config::default() })?;
    let mut failures: Vec<String> = Vec::new();
    let mut found: Vec<Project> = Vec::new();
    for wanted in &wanted {
        for project in projects_of(&client, wanted).await? {
            if !found.iter().any(|other| other.full_name == project.full_name) {
                found.push(project);
            }
        }
    }
    if found.is_empty() {
        bail!("{}: no project matches {}", client.hub(), plain(&projects.join(" ")));
    }
    let mut results: Vec<Value> = Vec::new();
    for project in &found {
        let folder = dir.join(project.ownername.as_str()).join(project.name.as_str());
        let mut mirrored: Vec<&str> = Vec::new();
        for (chroot, url) in &project.chroot_repos {
            if !arguments.chroots.is_empty() && !chroots.is_match(chroot) {
                continue;
            }
            let what = format!("{}/{chroot}", project.full_name);
            match one(arguments, voice, &folder, chroot, url).await {
                Ok(result) => {
                    results.push(result);
                    mirrored.push(chroot);
                }
                Err(error) => {
                    // The others need not suffer from it.
                    let text = format!("{what}: {error:#}");
                    anstream::eprintln!("copr-repo: {}", plain(&text.replace('\n', " ")));
                    failures.push(text);
                }
            }
        }
        if !arguments.dry_run && !mirrored.is_empty() {
            write_repo_file(arguments, &client, project, &folder, &mirrored)?;
        }
    }
    let summary = format!(
        "{}: {} of {}, {} failed",
        dir.display(),
        if results.len() == 1 { "1 repository".to_owned() } else { format!("{} repositories", results.len()) },
        some(found.len(), "project"),
        failures.len()
    );
    let object = json!({ "hub": client.hub(), "projects": found.len(), "repositories": results, "failed": failures });
    voice.result(summary, &object);
    Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(PARTLY) })
}

fn globs(patterns: &[String]) -> Result<GlobSet> {
    let mut builder = GlobSetBuilder::new();
    for pattern in patterns {
        builder.add(Glob::new(pattern)?);
    }
    Ok(builder.build()?)
}

async fn projects_of(client: &Client, wanted: &Wanted) -> Result<Vec<Project>> {
    if let Some(name) = &wanted.project {
        return Ok(vec![client.project(&wanted.owner, name).await?]);
    }
    let pattern = Glob::new(&wanted.pattern)?.compile_matcher();
    let mut projects = client.projects(Some(&wanted.owner)).await?;
    // Names are checked as they are read; whose project it is, is not.
    projects.retain(|project| project.ownername == wanted.owner && pattern.is_match(project.name.as_str()));
    Ok(projects)
}

/// Mirrors one repository of a project.
async fn one(arguments: &Mirror, voice: Voice, folder: &Path, chroot: &str, url: &str) -> Result<Value> {
    // A chroot's name becomes a folder's.
    let plain_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '+');
    if chroot.is_empty() || chroot.starts_with('.') || !chroot.chars().all(plain_name) {
        bail!("the hub gives it the name {chroot:?}, which cannot be a folder");
    }
    if url.starts_with("file:") {
        bail!("the hub sends us to {url:?}; only http and https are followed");
    }
    let place = folder.join(chroot);
    let mut options = options(arguments, Origin::Any(url.to_owned()), &place)?;
    options.allow_file = false;
    let watched = progress::Watched::new(voice, Some(chroot));
    let done = mirror(&options, watched.watch()).await;
    watched.finish();
    let done = done?;
    tell(&done);
    if !arguments.json && !arguments.quiet {
        anstream::println!("{}", line(&done, &place, arguments.dry_run));
    }
    Ok(object(&done, &place, arguments.dry_run))
}

/// `PROJECT.repo`: one section a chroot, for clients that see the mirror where it lies. Whoever serves it elsewhere changes one
/// line a section.
fn write_repo_file(
    arguments: &Mirror,
    client: &Client,
    project: &Project,
    folder: &Path,
    chroots: &[&str],
) -> Result<()> {
    let host = client.hub().split_once("://").map_or(client.hub(), |(_, host)| host).replace(['/', ':'], "_");
    let (owner, name) = (project.ownername.in_repo_id(), project.name.as_str());
    let place = fs_err::canonicalize(folder)?;
    let current = if arguments.snapshots { "/current" } else { "" };
    let mut text = format!("# Mirrored from {} by copr-repo mirror\n", client.hub());
    for chroot in chroots {
        text.push_str(&format!(
            "\n[mirror:{host}:{owner}:{name}:{chroot}]\nname={} {chroot} (mirror)\nbaseurl=file://{}/{chroot}{current}/\n\
             enabled=0\nskip_if_unavailable=True\ngpgcheck={}\nrepo_gpgcheck={}\n",
            project.full_name,
            place.display(),
            u8::from(arguments.gpgcheck),
            u8::from(arguments.repo_gpgcheck),
        ));
        let keys = arguments.keys.iter().filter_map(|key| fs_err::canonicalize(key).ok());
        let keys: Vec<String> = keys.map(|key| format!("file://{}", key.display())).collect();
        if !keys.is_empty() {
            text.push_str(&format!("gpgkey={}\n", keys.join(" ")));
        }
    }
    let path = folder.join(format!("{name}.repo"));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    std::io::Write::write_all(&mut file, text.as_bytes())?;
    let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    file.as_file().set_permissions(readable)?;
    file.as_file().sync_all()?;
    file.persist(&path).with_context(|| path.display().to_string())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn projects_are_one_or_an_owners() {
        let one: Wanted = "@group/p".parse().unwrap();
        assert_eq!((one.owner.as_str(), one.project.is_some()), ("@group", true));
        let all: Wanted = "owner/*".parse().unwrap();
        assert_eq!((all.owner.as_str(), all.project), ("owner", None));
        for bad in ["owner", "", "/p", "ow ner/p"] {
            assert!(bad.parse::<Wanted>().is_err(), "{bad}");
        }
    }
}
