//! `/coprs/OWNER/PROJECT/`: what it is, how to enable it, what it needs, what was built.

use axum::{
    extract::{Path, State},
    response::Response,
};
use copr_api::names::{Chroot, OwnerName, ProjectName};
use serde::Deserialize;

use super::{
    PageError, line,
    needs::{self, Kind, project_url},
    show, site,
    text::encode,
    views::{ChrootLine, ProjectPage},
};
use crate::{
    clock,
    db::{self, Window, project::Project},
    http::params::Lenient,
    state::AppState,
};

/// Builds on one page.
const BUILDS: u64 = 50;

/// The query.
#[derive(Debug, Default, Deserialize)]
pub(super) struct From {
    /// Builds to skip.
    #[serde(default)]
    from: String,
}

/// The page of a user's project, or with `@group` of a group's.
///
/// # Errors
/// There is no such project.
pub(super) async fn of_user(
    State(state): State<AppState>,
    Path((owner, name)): Path<(String, String)>,
    Lenient(query): Lenient<From>,
) -> Result<Response, PageError> {
    page(&state, &owner, &name, &query).await
}

/// The page of a group's project, by the group's bare name.
///
/// # Errors
/// There is no such project.
pub(super) async fn of_group(
    State(state): State<AppState>,
    Path((group, name)): Path<(String, String)>,
    Lenient(query): Lenient<From>,
) -> Result<Response, PageError> {
    page(&state, &format!("@{group}"), &name, &query).await
}

async fn find(state: &AppState, owner: &str, name: &str) -> Result<Option<Project>, db::Error> {
    match (owner.parse::<OwnerName>(), name.parse::<ProjectName>()) {
        (Ok(owner), Ok(name)) => db::project::get(&state.db, &owner, &name).await,
        _ => Ok(None),
    }
}

async fn page(state: &AppState, owner: &str, name: &str, query: &From) -> Result<Response, PageError> {
    let Some(project) = find(state, owner, name).await? else {
        return Err(PageError::missing(state, "There is no such project. It may have been deleted."));
    };
    let own_url = project_url(project.owner.as_str(), project.name.as_str());
    let results_url = format!("/results/{}/{}/", encode(project.owner.as_str()), encode(project.name.as_str()));
    let chroots = db::chroot::of_project(&state.db, project.id).await?;
    let chroots = chroots.iter().map(|of| chroot_line(&project, &of.chroot, &results_url)).collect();
    let from: u64 = query.from.parse().unwrap_or(0);
    let filter = db::build::Filter { project_id: Some(project.id), ..db::build::Filter::default() };
    let window = Window { limit: Some(BUILDS + 1), offset: from };
    let mut builds = db::build::list(&state.db, &filter, window).await?;
    let shown = usize::try_from(BUILDS)?;
    let older = (builds.len() > shown).then(|| format!("{own_url}?from={}", from.saturating_add(BUILDS)));
    builds.truncate(shown);
    let now = clock::now_ms();
    let hub = state.hostname();
    show(&ProjectPage {
        site: site(state),
        owner_url: format!("/?q={}", encode(&format!("{}/", project.owner))),
        homepage: project.homepage.clone().filter(|url| is_web_address(url)),
        contact: project.contact.clone().unwrap_or_default(),
        description: project.description.clone().unwrap_or_default(),
        instructions: project.instructions.clone().unwrap_or_default(),
        enable: format!("dnf copr enable {hub}/{}/{}", project.owner, project.name),
        hub_config: hub_config(&state.base_url, &hub),
        hub,
        chroots,
        build_needs: needs::tree(&state.db, &project, Kind::Build).await?,
        run_needs: needs::tree(&state.db, &project, Kind::Run).await?,
        builds: builds.iter().map(|build| line(build, now)).collect(),
        older,
        results_url,
        owner: project.owner.to_string(),
        name: project.name.to_string(),
    })
}

/// Only addresses that a browser fetches become links; `javascript:` does not.
fn is_web_address(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}

fn chroot_line(project: &Project, chroot: &Chroot, results_url: &str) -> ChrootLine {
    let (owner, name) = (encode(project.owner.as_str()), encode(project.name.as_str()));
    let release = encode(chroot.name_release());
    // The name that `dnf copr enable` would give the file, without what a browser refuses in file names.
    let file = format!("{}-{name}-{release}.repo", project.owner.in_repo_id());
    ChrootLine {
        name: chroot.to_string(),
        repo_url: format!("/coprs/{owner}/{name}/repo/{release}/{file}?arch={}", encode(chroot.arch())),
        results_url: format!("{results_url}{}/", encode(chroot.as_str())),
    }
}

/// What the stock plugin must be told of a server that is not at `https://HOST/`.
fn hub_config(base_url: &str, hub: &str) -> String {
    let Ok(url) = url::Url::parse(base_url) else { return String::new() };
    if url.scheme() == "https" && url.port().is_none() {
        return String::new();
    }
    let port = url.port_or_known_default().unwrap_or(443);
    format!("[{hub}]\nhostname = {hub}\nprotocol = {}\nport = {port}", url.scheme())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_on_another_port_needs_a_line_of_configuration() {
        assert_eq!(
            hub_config("http://127.0.0.1:8210", "127.0.0.1"),
            "[127.0.0.1]\nhostname = 127.0.0.1\nprotocol = http\nport = 8210"
        );
        assert_eq!(hub_config("https://copr.example.org", "copr.example.org"), "");
    }

    #[test]
    fn only_web_addresses_become_links() {
        assert!(is_web_address("https://example.org/x"));
        for bad in ["javascript:alert(1)", "data:text/html,x", "someone@example.org", ""] {
            assert!(!is_web_address(bad), "{bad}");
        }
    }
}
