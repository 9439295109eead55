//! Keys that packages are signed with, as the administrator sees them.

use std::{fmt::Write as _, path::Path};

use anyhow::{Context as _, Result};
use copr_api::names::{OwnerName, ProjectName};

use super::open;
use crate::{
    clock,
    config::Config,
    db::{self, Db, key, project::Project},
    folder::Folder,
    sign::{Program, Signing},
};

/// Signing as the server on this folder does it; `host` stands in the addresses of new keys.
///
/// # Errors
/// This program does not know where it is.
pub fn signing(folder: &Folder, config: &Config, db: &Db) -> Result<Signing> {
    let program = Program { path: std::env::current_exe()?, key: folder.signing_key() };
    let url =
        if config.public_url.is_empty() { folder.address().unwrap_or_default() } else { config.public_url.clone() };
    let host = url::Url::parse(&url).ok().and_then(|url| url.host_str().map(str::to_owned));
    Ok(Signing::new(db.clone(), program, &config.signing, host.as_deref().unwrap_or("localhost")))
}

async fn project(db: &Db, name: &str) -> Result<Project> {
    let (owner, project) = name.split_once('/').context("a project is OWNER/NAME")?;
    let (owner, project): (OwnerName, ProjectName) = (owner.parse()?, project.parse()?);
    db::project::get(db, &owner, &project).await?.with_context(|| format!("there is no project {name}"))
}

/// The keys of a project, a line each.
///
/// # Errors
/// There is no such project.
pub async fn list(data: &Path, config: Option<&Path>, name: &str) -> Result<String> {
    let (_, _, db) = open(data, config).await?;
    let project = project(&db, name).await?;
    let keys = key::of_project(&db, &project).await?;
    db.close().await;
    lines(&project, &keys)
}

/// Puts a new key in the place of the one that signs for a project; the server may run.
///
/// # Errors
/// There is no such project, it signs nothing, or the server key does not fit.
pub async fn rotate(data: &Path, config: Option<&Path>, name: &str) -> Result<String> {
    let (folder, config, db) = open(data, config).await?;
    let project = project(&db, name).await?;
    let signing = signing(&folder, &config, &db)?;
    signing.prove().await?;
    let keys = signing.rotate(&project).await;
    db.close().await;
    lines(&project, &keys?)
}

fn lines(project: &Project, keys: &[key::Key]) -> Result<String> {
    let mut text = String::new();
    for of in keys {
        let whose = if of.project_id.is_none() { " (of the owner)" } else { "" };
        write!(text, "{} {}{whose}", of.fingerprint, clock::date(of.created_ms))?;
        match of.trusted_until_ms {
            _ if key::signs(project, of) => text.push_str(" signs"),
            Some(until) => write!(text, " trusted until {}", clock::date(until))?,
            None => text.push_str(" trusted"),
        }
        text.push('\n');
    }
    Ok(if text.is_empty() {
        format!("{} has no key: signing = {}\n", project.full_name(), project.signing)
    } else {
        text
    })
}
