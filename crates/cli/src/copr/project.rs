//! Commands about projects, and about who and what the hub knows.

use anstyle::Style;
use copr_api::{
    names::{Chroot, OwnerName},
    v3::{ChrootEdit, Project, ProjectAdd, ProjectEdit},
};

use super::{
    args::{Create, EditChroot, Modify},
    failure::Failure,
    session::{Session, Target},
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
        rpmlint: create.rpmlint,
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

/// `copr modify`.
pub(super) async fn modify(session: &Session, modify: Modify) -> Result<(), Failure> {
    let target = session.target(&modify.project).await?;
    let said = |list: Vec<String>| (!list.is_empty()).then_some(list);
    let edit = ProjectEdit {
        chroots: said(modify.chroots),
        description: modify.description,
        instructions: modify.instructions,
        repos: said(modify.repos),
        runtime_dependencies: said(modify.runtime_dependencies),
        unlisted_on_hp: modify.unlisted_on_hp.map(bool::from),
        enable_net: modify.enable_net.map(bool::from),
        module_hotfixes: modify.module_hotfixes.map(bool::from),
        repo_priority: modify.repo_priority,
        multilib: modify.multilib.map(bool::from),
        rpmlint: modify.rpmlint,
        ..ProjectEdit::default()
    };
    let project = session.client.edit_project(&target.owner, &target.project(), &edit).await?;
    if session.ui.is_json() {
        session.ui.json(&project)?;
    } else {
        session.ui.line(format!("Project {} was changed.", project.full_name))?;
    }
    Ok(())
}

/// `OWNER/PROJECT/CHROOT`, or `PROJECT/CHROOT` of one's own.
async fn target_chroot(session: &Session, text: &str) -> Result<(Target, Chroot), Failure> {
    let (project, chroot) = text.rsplit_once('/').unwrap_or(("", text));
    Ok((session.target(project).await?, chroot.parse()?))
}

/// `copr edit-chroot`.
pub(super) async fn edit_chroot(session: &Session, edit: EditChroot) -> Result<(), Failure> {
    let (target, chroot) = target_chroot(session, &edit.chroot).await?;
    let words = |text: &String| text.split_whitespace().map(str::to_owned).collect();
    let said = |list: Vec<String>| (!list.is_empty()).then_some(list);
    let body = ChrootEdit {
        additional_packages: edit.packages.as_ref().map(words),
        additional_repos: edit.repos.as_ref().map(words),
        with_opts: said(edit.rpmbuild_with),
        without_opts: said(edit.rpmbuild_without),
        memory_mib: edit.memory_mib,
        cpus: edit.cpus,
        reset_fields: edit.reset,
        ..ChrootEdit::default()
    };
    let now = session.client.edit_chroot(&target.owner, &target.project(), &chroot, &body).await?;
    if session.ui.is_json() {
        return Ok(session.ui.json(&now)?);
    }
    Ok(session.ui.line("Edit chroot operation was successful.")?)
}

/// `copr get-chroot`.
pub(super) async fn get_chroot(session: &Session, chroot: &str) -> Result<(), Failure> {
    let (target, chroot) = target_chroot(session, chroot).await?;
    Ok(session.ui.json(&session.client.project_chroot(&target.owner, &target.project(), &chroot).await?)?)
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
