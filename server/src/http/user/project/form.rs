//! The form of a project: what may be chosen, with Copr's words for what may not.

use copr_api::{
    names::{Chroot, NameError, OwnerName},
    v3::{ProjectAdd, ProjectEdit},
};

use crate::{
    chain,
    db::{self, directory::DAY_MS, project::Project},
    http::{
        error::ApiError,
        user::{cut, package::MAX_BUILDS},
    },
    state::AppState,
};

/// Copr's words.
pub(super) const NO_AUTO_PRUNE: &str = "Non-admin cannot disable auto-prunning.";
/// Most entries of a list in the form.
const ENTRIES: usize = 200;
/// Days after which a temporary project may end; -1: it is none.
const DAYS: std::ops::RangeInclusive<i64> = -1..=720;
/// What mock's bootstrap can be.
pub(in crate::http::user) const BOOTSTRAP: &[&str] = &["default", "on", "off", "image"];
/// What mock's isolation can be.
pub(in crate::http::user) const ISOLATION: &[&str] = &["default", "simple", "nspawn"];
/// Stands for what was there before.
pub(in crate::http::user) const UNCHANGED: &str = "unchanged";

/// The whole form after some of it was changed: what was not sent stays.
pub(super) fn changed(project: &Project, edit: ProjectEdit, had: &[Chroot]) -> ProjectAdd {
    let known = |text: Option<String>| text.filter(|text| text != UNCHANGED);
    ProjectAdd {
        name: project.name.to_string(),
        chroots: edit.chroots.unwrap_or_else(|| had.iter().map(ToString::to_string).collect()),
        description: edit.description.or_else(|| project.description.clone()),
        instructions: edit.instructions.or_else(|| project.instructions.clone()),
        homepage: edit.homepage.or_else(|| project.homepage.clone()),
        contact: edit.contact.or_else(|| project.contact.clone()),
        additional_repos: edit.repos.unwrap_or_else(|| project.additional_repos.clone()),
        runtime_dependencies: edit.runtime_dependencies.unwrap_or_else(|| project.runtime_dependencies.clone()),
        unlisted_on_hp: edit.unlisted_on_hp.or(Some(project.unlisted)),
        enable_net: edit.enable_net.or(Some(project.enable_net)),
        devel_mode: edit.devel_mode.or(Some(project.devel_mode)),
        module_hotfixes: edit.module_hotfixes.or(Some(project.module_hotfixes)),
        repo_priority: edit.repo_priority.or(project.repo_priority),
        multilib: edit.multilib.or(Some(project.multilib)),
        persistent: None,
        auto_prune: edit.auto_prune.or(Some(project.auto_prune)),
        bootstrap: known(edit.bootstrap).or_else(|| Some(project.bootstrap.clone())),
        isolation: known(edit.isolation).or_else(|| Some(project.isolation.clone())),
        appstream: edit.appstream.or(Some(project.appstream)),
        fedora_review: edit.fedora_review.or(Some(project.fedora_review)),
        follow_fedora_branching: edit.follow_fedora_branching.or(Some(project.follow_fedora_branching)),
        packit_forge_projects_allowed: edit
            .packit_forge_projects_allowed
            .unwrap_or_else(|| project.packit_forge_projects_allowed.clone()),
        delete_after_days: edit.delete_after_days,
        rpmlint: edit.rpmlint.or(Some(project.rpmlint)),
        keep_builds: edit.keep_builds.or(project.keep_builds),
        bug_url: edit.bug_url.or_else(|| project.bug_url.clone()),
        shadow_check: edit.shadow_check.or(Some(project.shadow_check)),
        signing: edit.signing.or(Some(project.signing)),
        webhook_pull_requests: edit.webhook_pull_requests.or(Some(project.webhook_pull_requests)),
        rebuild_on_dependency_changes: edit
            .rebuild_on_dependency_changes
            .or(Some(project.rebuild_on_dependency_changes)),
    }
}

/// The form's rules; every broken one is a line of the answer. What the project has already of chroots, it may keep.
pub(super) async fn check(
    state: &AppState,
    owner: OwnerName,
    body: ProjectAdd,
    had: &[Chroot],
    now_ms: i64,
) -> Result<(Project, Vec<Chroot>), ApiError> {
    let mut wrong = Vec::new();
    let name = body.name.parse().map_err(|error: NameError| wrong.push(format!("name: {}", error.rule))).ok();
    let lists = [
        ("chroots", &body.chroots),
        ("additional_repos", &body.additional_repos),
        ("runtime_dependencies", &body.runtime_dependencies),
        ("packit_forge_projects_allowed", &body.packit_forge_projects_allowed),
    ];
    if let Some((field, _)) = lists.into_iter().find(|(_, list)| list.len() > ENTRIES) {
        return Err(ApiError::BadRequest(format!("{field}: A list may have {ENTRIES} entries.")));
    }
    let chroots = chroots(state, &body.chroots, had, now_ms, &mut wrong).await?;
    for (field, list) in
        [("additional_repos", &body.additional_repos), ("runtime_dependencies", &body.runtime_dependencies)]
    {
        wrong.extend(list.iter().filter_map(|text| chain::parse(text).err()).map(|error| format!("{field}: {error}")));
    }
    texts(&body, &mut wrong);
    let bootstrap = choice("bootstrap", body.bootstrap.as_deref(), BOOTSTRAP, &mut wrong);
    let isolation = choice("isolation", body.isolation.as_deref(), ISOLATION, &mut wrong);
    // 0 takes it away.
    if body.repo_priority.is_some_and(|priority| !(0..=99).contains(&priority)) {
        wrong.push("repo_priority: Number must be between 1 and 99.".to_owned());
    }
    if body.delete_after_days.is_some_and(|days| !DAYS.contains(&days)) {
        wrong.push(format!("delete_after_days: Number must be between {} and {}.", DAYS.start(), DAYS.end()));
    }
    if body.keep_builds.is_some_and(|count| !(0..=MAX_BUILDS).contains(&count)) {
        wrong.push(format!("keep_builds: Number must be between 0 and {MAX_BUILDS}."));
    }
    let persistent = body.persistent.unwrap_or(false);
    let delete_at_ms = body.delete_after_days.and_then(|days| end_of(days, now_ms));
    if persistent && delete_at_ms.is_some() {
        wrong.push("delete_after_days: A persistent project can't be temporary.".to_owned());
    }
    match name {
        Some(name) if wrong.is_empty() => {
            let project = Project {
                description: body.description,
                instructions: body.instructions,
                homepage: body.homepage,
                contact: body.contact,
                additional_repos: body.additional_repos,
                runtime_dependencies: body.runtime_dependencies,
                unlisted: body.unlisted_on_hp.unwrap_or(false),
                enable_net: body.enable_net.unwrap_or(false),
                devel_mode: body.devel_mode.unwrap_or(false),
                module_hotfixes: body.module_hotfixes.unwrap_or(false),
                repo_priority: body.repo_priority.filter(|priority| *priority != 0),
                multilib: body.multilib.unwrap_or(false),
                rpmlint: body.rpmlint.unwrap_or_default(),
                keep_builds: body.keep_builds.filter(|count| *count > 0),
                bug_url: body.bug_url.filter(|url| !url.is_empty()),
                shadow_check: body.shadow_check.unwrap_or_default(),
                signing: body.signing.unwrap_or(state.config.signing.default),
                persistent,
                auto_prune: body.auto_prune.unwrap_or(true),
                bootstrap,
                isolation,
                appstream: body.appstream.unwrap_or(false),
                fedora_review: body.fedora_review.unwrap_or(false),
                follow_fedora_branching: body.follow_fedora_branching.unwrap_or(false),
                packit_forge_projects_allowed: body.packit_forge_projects_allowed,
                webhook_pull_requests: body.webhook_pull_requests.unwrap_or(false),
                rebuild_on_dependency_changes: body.rebuild_on_dependency_changes.unwrap_or(false),
                delete_at_ms,
                ..Project::new(owner, name)
            };
            Ok((project, chroots))
        }
        _ => Err(ApiError::BadRequest(wrong.join("\n"))),
    }
}

/// The chroots that are chosen: those that are offered, or that the project had.
async fn chroots(
    state: &AppState,
    chosen: &[String],
    had: &[Chroot],
    now_ms: i64,
    wrong: &mut Vec<String>,
) -> Result<Vec<Chroot>, ApiError> {
    let notes = db::note::list(&state.db).await?;
    let offered = |chroot: &Chroot| {
        let noted = notes.iter().find(|note| note.chroot == *chroot);
        state.chroots.get(chroot).is_some() && noted.is_none_or(|note| note.is_offered(now_ms))
    };
    let mut chroots: Vec<Chroot> = Vec::new();
    for text in chosen {
        match text.parse::<Chroot>() {
            Ok(chroot) if had.contains(&chroot) || offered(&chroot) => {
                if !chroots.contains(&chroot) {
                    chroots.push(chroot);
                }
            }
            _ => wrong.push(format!("chroots: '{}' is not a valid choice for this field", cut(text))),
        }
    }
    if chosen.is_empty() {
        wrong.push("None: At least one chroot must be selected".to_owned());
    }
    Ok(chroots)
}

/// Texts: bounded, and addresses where they should be some.
fn texts(body: &ProjectAdd, wrong: &mut Vec<String>) {
    for (field, text, longest) in [
        ("description", &body.description, 100_000),
        ("instructions", &body.instructions, 100_000),
        ("homepage", &body.homepage, 1000),
        ("contact", &body.contact, 1000),
        ("bug_url", &body.bug_url, 1000),
    ] {
        if text.as_ref().is_some_and(|text| text.len() > longest) {
            wrong.push(format!("{field}: Field cannot be longer than {longest} characters."));
        }
    }
    let filled = |text: &'_ Option<String>| text.clone().filter(|text| !text.is_empty());
    if filled(&body.homepage).is_some_and(|text| !is_web(&text)) {
        wrong.push("homepage: Invalid URL.".to_owned());
    }
    if filled(&body.contact).is_some_and(|text| !is_web(&text) && !is_mail(&text)) {
        wrong.push("contact: Contact must be email address or URL".to_owned());
    }
    if filled(&body.bug_url).is_some_and(|text| !is_web(&text)) {
        wrong.push("bug_url: Invalid URL.".to_owned());
    }
    for text in &body.packit_forge_projects_allowed {
        if text.len() > 200 || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            wrong.push(format!("packit_forge_projects_allowed: '{}' is no pattern of projects", cut(text)));
        }
    }
}

fn is_web(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

/// Whether a text may be a mail address.
pub(crate) fn is_mail(text: &str) -> bool {
    let plain = |part: &str| !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || c.is_control());
    text.split_once('@').is_some_and(|(name, host)| plain(name) && plain(host) && !host.contains('@'))
}

/// One of some words; the first of them when none is sent.
fn choice(field: &str, sent: Option<&str>, words: &[&str], wrong: &mut Vec<String>) -> String {
    let first = words.first().copied().unwrap_or_default();
    match sent.filter(|text| !text.is_empty() && *text != UNCHANGED) {
        None => first.to_owned(),
        Some(word) if words.contains(&word) => word.to_owned(),
        Some(_) => {
            wrong.push(format!("{field}: Not a valid choice."));
            first.to_owned()
        }
    }
}

/// The midnight (UTC) that ends the last of so many days, as Copr counts them; none for -1.
fn end_of(days: i64, now_ms: i64) -> Option<i64> {
    let today = now_ms.div_euclid(DAY_MS);
    (days >= 0).then(|| today.saturating_add(days).saturating_add(1).saturating_mul(DAY_MS))
}

/// Whole days until a time, none of them negative: how Copr tells it.
pub(crate) fn days_until(end_ms: i64, now_ms: i64) -> i64 {
    end_ms.saturating_sub(now_ms).div_euclid(DAY_MS).max(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temporary_project_ends_at_the_midnight_after_its_last_day() {
        let noon = 10 * DAY_MS + DAY_MS / 2;
        assert_eq!(end_of(-1, noon), None);
        assert_eq!(end_of(0, noon), Some(11 * DAY_MS));
        assert_eq!(end_of(7, noon), Some(18 * DAY_MS));
        assert_eq!(end_of(7, noon).map(|end| days_until(end, noon)), Some(7));
        assert_eq!(days_until(noon - 1, noon), 0);
    }

    #[test]
    fn a_contact_is_a_mail_address_or_a_web_address() {
        for good in ["a@b.org", "https://example.org/x"] {
            assert!(is_web(good) || is_mail(good), "{good}");
        }
        for bad in ["alice", "@", "a@", "a b@c", "a@b@c", "javascript:x", "https://"] {
            assert!(!is_web(bad) && !is_mail(bad), "{bad}");
        }
    }
}
