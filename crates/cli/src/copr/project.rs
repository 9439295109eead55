//! Commands about projects.

use anstyle::Style;
use copr_api::{
    names::OwnerName,
    v3::{Project, ProjectAdd, ProjectEdit},
};

use super::{
    args::{Create, Fork, Modify},
    failure::Failure,
    session::Session,
    ui::{harmless, styled},
};

/// `copr create`.
pub(super) async fn create(session: &Session, create: Create) -> Result<(), Failure> {
    let target = session.target(&create.project).await?;
    let settings = create.settings;
    let add = ProjectAdd {
        name: target.directory.to_string(),
        chroots: create.chroots,
        description: settings.description,
        instructions: settings.instructions,
        homepage: settings.homepage,
        contact: settings.contact,
        additional_repos: settings.repos,
        runtime_dependencies: settings.runtime_dependencies,
        unlisted_on_hp: settings.unlisted_on_hp.map(bool::from),
        enable_net: settings.enable_net.map(bool::from),
        devel_mode: settings.disable_createrepo,
        module_hotfixes: settings.module_hotfixes.map(bool::from),
        repo_priority: settings.repo_priority,
        multilib: settings.multilib.map(bool::from),
        persistent: create.persistent.then_some(true),
        auto_prune: settings.auto_prune.map(bool::from),
        bootstrap: settings.bootstrap,
        isolation: settings.isolation,
        appstream: settings.appstream.map(bool::from),
        fedora_review: create.fedora_review.then_some(true),
        follow_fedora_branching: settings.follow_fedora_branching.map(bool::from),
        packit_forge_projects_allowed: settings.packit_forge_projects_allowed,
        delete_after_days: settings.delete_after_days,
        rpmlint: settings.rpmlint,
        keep_builds: settings.keep_builds,
        bug_url: settings.bug_url,
        shadow_check: settings.shadow_check,
        signing: settings.signing,
        webhook_pull_requests: settings.webhook_pull_requests.map(bool::from),
        rebuild_on_dependency_changes: settings.rebuild_on_dependency_changes.map(bool::from),
    };
    let project = session.client.add_project(&target.owner, &add, create.exist_ok).await?;
    let page = session.client.project_page(&project.ownername, &project.name);
    session.done(&project, format!("New project was successfully created: {page}"))
}

/// `copr modify`.
pub(super) async fn modify(session: &Session, modify: Modify) -> Result<(), Failure> {
    let target = session.target(&modify.project).await?;
    let said = |list: Vec<String>| (!list.is_empty()).then_some(list);
    let settings = modify.settings;
    let edit = ProjectEdit {
        chroots: said(modify.chroots),
        description: settings.description,
        instructions: settings.instructions,
        homepage: settings.homepage,
        contact: settings.contact,
        repos: said(settings.repos),
        runtime_dependencies: said(settings.runtime_dependencies),
        unlisted_on_hp: settings.unlisted_on_hp.map(bool::from),
        enable_net: settings.enable_net.map(bool::from),
        devel_mode: settings.disable_createrepo,
        module_hotfixes: settings.module_hotfixes.map(bool::from),
        repo_priority: settings.repo_priority,
        multilib: settings.multilib.map(bool::from),
        auto_prune: settings.auto_prune.map(bool::from),
        bootstrap: settings.bootstrap,
        isolation: settings.isolation,
        appstream: settings.appstream.map(bool::from),
        fedora_review: modify.fedora_review.map(bool::from),
        follow_fedora_branching: settings.follow_fedora_branching.map(bool::from),
        packit_forge_projects_allowed: said(settings.packit_forge_projects_allowed),
        delete_after_days: settings.delete_after_days,
        rpmlint: settings.rpmlint,
        keep_builds: settings.keep_builds,
        bug_url: settings.bug_url,
        shadow_check: settings.shadow_check,
        signing: settings.signing,
        webhook_pull_requests: settings.webhook_pull_requests.map(bool::from),
        rebuild_on_dependency_changes: settings.rebuild_on_dependency_changes.map(bool::from),
    };
    let project = session.client.edit_project(&target.owner, &target.project(), &edit).await?;
    session.done(&project, format!("Project {} was changed.", project.full_name))
}

/// `copr fork`.
pub(super) async fn fork(session: &Session, fork: Fork) -> Result<(), Failure> {
    let (from, to) = (session.target(&fork.from).await?, session.target(&fork.to).await?);
    let there = match session.client.project(&to.owner, &to.project()).await {
        Ok(_) => true,
        Err(error) if error.status() == Some(404) => false,
        Err(error) => return Err(error.into()),
    };
    let source = format!("{}/{}", from.owner, from.project());
    let copied =
        session.client.fork_project((&from.owner, &from.project()), (&to.owner, &to.project()), fork.confirm).await?;
    let first = if there {
        format!("Updating packages in {} from {source}.", copied.full_name)
    } else {
        format!("Forking project {source} for you into {}.", copied.full_name)
    };
    session.done(&copied, format!("{first}\nPlease be aware that it may take a few minutes to duplicate backend data."))
}

/// `copr regenerate-repos`.
pub(super) async fn regenerate(session: &Session, project: &str) -> Result<(), Failure> {
    let target = session.target(project).await?;
    let project = session.client.regenerate_repos(&target.owner, &target.project()).await?;
    let name = harmless(&project.full_name);
    session.done(&project, format!("Submitted action to regenerate repository metadata for the '{name}' project."))
}

/// `copr delete`; a person is asked first.
pub(super) async fn delete(session: &Session, project: &str, yes: bool) -> Result<(), Failure> {
    let target = session.target(project).await?;
    let name = format!("{}/{}", target.owner, target.project());
    if !yes && !session.ui.agrees(&format!("Delete {name} with all its builds and packages?")).await? {
        session.ui.note("Nothing was deleted.");
        return Ok(());
    }
    let project = session.client.delete_project(&target.owner, &target.project()).await?;
    session.done(&project, format!("Project {} has been deleted.", project.name))
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
