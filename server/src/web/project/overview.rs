//! `/coprs/OWNER/PROJECT/`: what it is, how to enable it, what it needs, what was built.

use askama::Template;
use axum::{Router, extract::State, response::Response, routing::get};
use copr_api::{names::Chroot, v3::BuildState};
use serde::Serialize;

use super::{
    Head, Of, below,
    keys::Signatures,
    needs::{Chain, Kind, Need, Needing},
    picture::Picture,
};
use crate::{
    clock,
    db::{self, Window, chroot::ProjectChroot, directory::Directory, project::Project},
    http::public::release,
    state::AppState,
    web::{
        error::PageError,
        frame::{Frame, Wants, show},
        markdown, pins,
        quota::Bar,
        repository::repository_url,
        text::{Moment, encode, project_url},
        views::BuildLine,
    },
};

/// Builds that are shown.
const BUILDS: u64 = 10;
/// Side directories that are named.
const DIRECTORIES: usize = 50;

/// The address.
pub(super) fn routes() -> Router<AppState> {
    below(Router::new(), "", get(page))
}

/// A project's chroot.
#[derive(Debug, Serialize)]
struct ChrootLine {
    /// Name.
    name: String,
    /// Its `.repo` file.
    repo_url: String,
    /// Its repository.
    results_url: String,
    /// The package that subscribes to it.
    release_url: String,
    /// Pages about that.
    view_url: String,
    /// Pages about the one that builds alone see, if there is one.
    devel_url: Option<String>,
}

/// A side directory.
#[derive(Debug, Serialize)]
struct DirectoryLine {
    name: String,
    /// Its results.
    results_url: String,
    /// When it goes by itself.
    ends: Option<Moment>,
    /// Its repositories: chroot, and pages about it.
    repositories: Vec<(String, String)>,
}

/// Another project.
#[derive(Debug, Serialize)]
struct Origin {
    /// `owner/name`.
    label: String,
    /// Its page.
    url: String,
}

/// What its people should know.
#[derive(Debug, Serialize)]
struct Notice {
    /// Which kind of thing.
    kind: String,
    /// A sentence.
    text: String,
    /// Since when.
    since: Moment,
}

/// `/coprs/OWNER/PROJECT/`.
#[derive(Debug, Template, Serialize)]
#[template(path = "project/overview.html")]
struct ProjectPage {
    /// What is around it.
    #[serde(skip)]
    frame: Frame,
    /// What stands above it.
    #[serde(flatten)]
    head: Head,
    /// Homepage, when it is a web address.
    homepage: Option<String>,
    /// Mail address or URL, as text.
    contact: String,
    /// Markdown.
    description: String,
    /// Markdown.
    instructions: String,
    /// The project that it was forked from, while that is there.
    forked_from: Option<Origin>,
    /// When it is deleted by itself.
    ends: Option<Moment>,
    /// What its owner stores, for those who may build.
    quota: Option<Bar>,
    /// Why it was taken down; `None`: it was not.
    taken_down: Option<String>,
    /// What its people should know until it is mended.
    notices: Vec<Notice>,
    /// The command that enables it.
    enable: String,
    /// The server's name in that command.
    hub: String,
    /// Plugin configuration that the command needs; empty when it needs none.
    hub_config: String,
    /// Its chroots.
    chroots: Vec<ChrootLine>,
    /// Which of them the newest packages are for; 0 while there are none.
    #[serde(skip)]
    newest: usize,
    /// What its packages are signed with.
    signatures: Signatures,
    /// Its side directories, as far as there is room.
    directories: Vec<DirectoryLine>,
    /// The chain, drawn; `None`: it is alone.
    #[serde(skip)]
    picture: Option<Picture>,
    /// Who needs it.
    needed_by: Vec<Needing>,
    /// What it needs to build.
    build_needs: Need,
    /// What it needs to run.
    run_needs: Need,
    /// Its builds, newest first.
    builds: Vec<BuildLine>,
    /// Its results.
    results_url: String,
    /// Its builds as an Atom feed.
    feed: String,
    /// For whose pages who looks may pin it.
    #[serde(skip)]
    pins: Vec<pins::Button>,
}

impl ProjectPage {
    /// The chroot whose release package is shown first: not one that is empty, where another is not.
    fn of_release(&self) -> Option<&ChrootLine> {
        self.chroots.get(self.newest)
    }
}

/// The page.
async fn page(
    State(state): State<AppState>,
    Of(project): Of,
    wants: Wants,
    frame: Frame,
) -> Result<Response, PageError> {
    let head = Head::new(&state, &frame.viewer, &project, "").await?;
    let results_url = format!("/results/{}/{}/", encode(project.owner.as_str()), encode(project.name.as_str()));
    let chroots = db::chroot::of_project(&state.db, project.id).await?;
    let now = clock::now_ms();
    let directories = db::directory::of_project(&state.db, project.id).await?;
    let directories = directories.iter().take(DIRECTORIES);
    let directories = directories.map(|of| directory_line(&project, of, &chroots, now)).collect();
    let chroots: Vec<_> = chroots.iter().map(|of| chroot_line(&state, &project, &of.chroot, &results_url)).collect();
    let filter = db::build::Filter { project_id: Some(project.id), ..db::build::Filter::default() };
    let builds = db::build::list(&state.db, &filter, Window::first(BUILDS)).await?;
    let newest = newest_chroot(&project, &builds);
    let newest = newest.and_then(|newest| chroots.iter().position(|of| of.name == newest.as_str()));
    let notices = db::notice::of_project(&state.db, project.id).await?;
    let chain = Chain::load(&state.db, &project).await?;
    let hub = state.hostname();
    let origin = match project.forked_from {
        Some(id) => db::project::by_id(&state.db, id).await?,
        None => None,
    };
    let page = ProjectPage {
        pins: pins::buttons(&state, &frame, &project).await?,
        forked_from: origin
            .map(|of| Origin { label: of.full_name(), url: project_url(of.owner.as_str(), of.name.as_str()) }),
        quota: match head.is_builder() {
            true => Some(Bar::new(db::quota::of_owner(&state.db, &project.owner).await?)),
            false => None,
        },
        ends: project.delete_at_ms.map(|end| Moment::new(end, now)),
        taken_down: state.takedowns.why(&project.owner, project.name.as_str(), None).await?,
        notices: notices
            .into_iter()
            .map(|of| Notice { kind: of.kind, text: of.text, since: Moment::new(of.since_ms, now) })
            .collect(),
        frame,
        head,
        homepage: project.homepage.clone().filter(|url| is_web_address(url)),
        contact: project.contact.clone().unwrap_or_default(),
        description: project.description.clone().unwrap_or_default(),
        instructions: project.instructions.clone().unwrap_or_default(),
        enable: format!("dnf copr enable {hub}/{}/{}", project.owner, project.name),
        hub_config: hub_config(&state.base_url, &hub),
        hub,
        chroots,
        newest: newest.unwrap_or(0),
        signatures: Signatures::load(&state, &project).await?,
        directories,
        picture: Picture::of(&chain),
        build_needs: chain.tree(Kind::Build),
        run_needs: chain.tree(Kind::Run),
        needed_by: chain.needing,
        builds: builds.iter().map(|build| BuildLine::new(build, now)).collect(),
        results_url,
        feed: format!("/feeds/{}/{}/builds.atom", encode(project.owner.as_str()), encode(project.name.as_str())),
    };
    show(&wants, &page)
}

/// The chroot that a project's newest packages are for, as far as these builds tell, newest first.
fn newest_chroot<'a>(project: &Project, builds: &'a [db::build::Build]) -> Option<&'a Chroot> {
    let mut chroots =
        builds.iter().filter(|of| of.dirname.as_str() == project.name.as_str()).flat_map(|of| &of.chroots);
    chroots.find(|of| matches!(of.state, BuildState::Succeeded | BuildState::Forked)).map(|of| &of.chroot)
}

/// Only addresses that a browser fetches become links; `javascript:` does not.
fn is_web_address(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}

fn chroot_line(state: &AppState, project: &Project, chroot: &Chroot, results_url: &str) -> ChrootLine {
    let view_url = repository_url(project.owner.as_str(), project.name.as_str(), chroot.as_str());
    let (owner, name) = (encode(project.owner.as_str()), encode(project.name.as_str()));
    let release = encode(chroot.name_release());
    // The name that `dnf copr enable` would give the file, without what a browser refuses in file names.
    let file = format!("{}-{name}-{release}.repo", project.owner.in_repo_id());
    ChrootLine {
        name: chroot.to_string(),
        repo_url: format!("/coprs/{owner}/{name}/repo/{release}/{file}?arch={}", encode(chroot.arch())),
        results_url: format!("{results_url}{}/", encode(chroot.as_str())),
        release_url: release::url(state, project, chroot),
        devel_url: project.devel_mode.then(|| format!("{view_url}devel/")),
        view_url,
    }
}

fn directory_line(project: &Project, of: &Directory, chroots: &[ProjectChroot], now: i64) -> DirectoryLine {
    let (owner, name) = (project.owner.as_str(), of.dirname.as_str());
    let repository = |of: &ProjectChroot| (of.chroot.to_string(), repository_url(owner, name, of.chroot.as_str()));
    DirectoryLine {
        name: name.to_owned(),
        results_url: format!("/results/{}/{}/", encode(owner), encode(name)),
        ends: of.delete_at_ms.map(|end| Moment::new(end, now)),
        repositories: chroots.iter().map(repository).collect(),
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
