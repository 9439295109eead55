//! Commands about projects, and about who and what the hub knows.

use anstyle::Style;
use copr_api::{
    names::OwnerName,
    v3::{Project, ProjectAdd},
};

use super::{
    args::Create,
    failure::Failure,
    session::Session,
    ui::{harmless, styled},
};

/// `copr whoami`.
pub(super) async fn whoami(session: &Session) -> Result<(), Failure> {
    let name = session.caller().await?;
    if session.ui.is_json() {
        session.ui.json(&serde_json::json!({ "username": name, "copr_url": session.client.hub() }))?;
    } else {
        session.ui.line(name)?;
    }
    Ok(())
}

/// `copr create`.
pub(super) async fn create(session: &Session, create: Create) -> Result<(), Failure> {
    let target = session.target(&create.project).await?;
    let add = ProjectAdd {
        name: target.directory.to_string(),
        chroots: create.chroots,
        description: create.description,
        instructions: create.instructions,
        additional_repos: create.repos,
        runtime_dependencies: create.runtime_dependencies,
        unlisted_on_hp: create.unlisted_on_hp.map(bool::from),
        enable_net: create.enable_net.map(bool::from),
        module_hotfixes: create.module_hotfixes.map(bool::from),
        repo_priority: create.repo_priority,
        multilib: create.multilib.map(bool::from),
        ..ProjectAdd::default()
    };
    let project = session.client.add_project(&target.owner, &add, false).await?;
    if session.ui.is_json() {
        session.ui.json(&project)?;
    } else {
        let page = session.client.project_page(&project.ownername, &project.name);
        session.ui.line(format!("New project was successfully created: {page}"))?;
    }
    Ok(())
}

/// `copr delete`.
pub(super) async fn delete(session: &Session, project: &str) -> Result<(), Failure> {
    let target = session.target(project).await?;
    let project = session.client.delete_project(&target.owner, &target.project()).await?;
    if session.ui.is_json() {
        session.ui.json(&project)?;
    } else {
        session.ui.line(format!("Project {} has been deleted.", project.name))?;
    }
    Ok(())
}

/// `copr get`.
pub(super) async fn get(session: &Session, project: &str) -> Result<(), Failure> {
    let target = session.target(project).await?;
    Ok(session.ui.json(&session.client.project(&target.owner, &target.project()).await?)?)
}

/// `copr list`.
pub(super) async fn list(session: &Session, owner: Option<&str>) -> Result<(), Failure> {
    let owner: OwnerName = match owner {
        Some(owner) => owner.parse()?,
        None => session.caller().await?,
    };
    let projects = session.client.projects(Some(&owner)).await?;
    show(session, &projects, &format!("No copr retrieved for user: '{owner}'"), |project| project.name.to_string())
}

/// `copr search`.
pub(super) async fn search(session: &Session, text: &str) -> Result<(), Failure> {
    let projects = session.client.search(text).await?;
    show(session, &projects, &format!("No project matches '{text}'"), |project| project.full_name.clone())
}

/// Prints projects in copr-cli's form.
fn show(session: &Session, projects: &[Project], none: &str, name: fn(&Project) -> String) -> Result<(), Failure> {
    if session.ui.is_json() {
        return Ok(session.ui.json(&projects)?);
    }
    if projects.is_empty() {
        session.ui.note(none);
    }
    for project in projects {
        let mut lines = vec![format!("Name: {}", styled(Style::new().bold(), harmless(&name(project))))];
        lines.push(format!("  Description: {}", harmless(project.description.as_deref().unwrap_or_default())));
        if !project.chroot_repos.is_empty() {
            lines.push("  Repo(s):".to_owned());
            lines.extend(
                project.chroot_repos.iter().map(|(name, url)| format!("    {}: {}", harmless(name), harmless(url))),
            );
        }
        if !project.additional_repos.is_empty() {
            lines.push(format!("  Additional repo: {}", harmless(&project.additional_repos.join(" "))));
        }
        lines.push(String::new());
        session.ui.lines(&lines)?;
    }
    Ok(())
}

/// `copr list-chroots`.
pub(super) async fn list_chroots(session: &Session) -> Result<(), Failure> {
    let chroots = session.client.chroots().await?;
    if session.ui.is_json() {
        return Ok(session.ui.json(&chroots)?);
    }
    if chroots.is_empty() {
        session.ui.note("The server offers no chroots; its administrator has to configure one.");
    }
    for (name, comment) in &chroots {
        session.ui.line(harmless(name))?;
        for line in comment.lines() {
            session.ui.line(format!("    {}", styled(Style::new().dimmed(), harmless(line))))?;
        }
    }
    Ok(())
}
