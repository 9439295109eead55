//! What a builder is told with its lease.

use axum::body::Bytes;
use copr_api::{
    builder::{Lease, Rpmlint, Settings, Work},
    names::Chroot,
    v3::BuildState,
};

use crate::{
    chain,
    db::{
        self,
        build::{Build, BuildChroot, Wishes},
        chroot::ProjectChroot,
        project::Project,
    },
    http::error::ApiError,
    state::AppState,
};

/// All that the builder needs to know; `None`: the build has failed already.
pub(super) async fn grant(state: &AppState, claimed: &BuildChroot) -> Result<Option<Lease>, ApiError> {
    let id = claimed.lease_id.clone().unwrap_or_default();
    let Some(build) = db::build::get(&state.db, claimed.build_id).await? else { return Ok(None) };
    let Some(project) = db::project::by_id(&state.db, build.project_id).await? else { return Ok(None) };
    let Some(definition) = state.chroots.get(&claimed.chroot).cloned() else {
        let why = format!("This server does not offer the chroot {} any more.", claimed.chroot);
        fail(state, &id, &why).await?;
        return Ok(None);
    };
    let seconds = state.queue.lease_seconds();
    let timeout = u64::try_from(build.timeout).unwrap_or_default();
    let mut macros = definition.macros.clone();
    macros.extend(names(state, &project, &build));
    let work = match (claimed.source, build.method.clone(), build.srpm.clone()) {
        (true, Some(method), _) => Work::Source { method },
        (false, _, Some(srpm)) => Work::Build { srpm },
        _ => {
            fail(state, &id, "The server has lost what this build is to be made of.").await?;
            return Ok(None);
        }
    };
    if claimed.source {
        // It is for every chroot, so it says nothing of the one that it is made in.
        macros.retain(|(name, _)| name != "dist");
        macros.push(("dist".to_owned(), "%{nil}".to_owned()));
        let settings = Settings { network: true, rpmlint: Rpmlint::Off, ..Settings::default() };
        return Ok(Some(Lease {
            id,
            seconds,
            build_id: build.id,
            chroot: claimed.chroot.clone(),
            owner: build.owner,
            dirname: build.dirname,
            work,
            definition,
            repositories: Vec::new(),
            extra_packages: Vec::new(),
            timeout,
            macros,
            settings,
        }));
    }
    let wishes = &build.wishes;
    let more = &wishes.additional_repos;
    let repositories = match chain::build_time(state, &project, &build.dirname, &claimed.chroot, more).await {
        Ok(repositories) => repositories,
        Err(chain::Error::Chain(why)) => {
            fail(state, &id, &why).await?;
            return Ok(None);
        }
        Err(error) => return Err(error.into()),
    };
    let own = chosen(state, &project, &claimed.chroot).await?;
    macros.extend(conditionals(&own, wishes));
    let mut extra_packages = own.additional_packages;
    extra_packages.extend(wishes.additional_packages.iter().cloned());
    Ok(Some(Lease {
        id,
        seconds,
        build_id: build.id,
        chroot: claimed.chroot.clone(),
        work,
        definition,
        repositories,
        extra_packages,
        timeout,
        macros,
        settings: Settings {
            network: build.enable_net,
            memory_mib: wishes.memory_mib.or(own.memory_mib),
            cpus: wishes.cpus.or(own.cpus),
            rpmlint: wishes.rpmlint.unwrap_or(project.rpmlint),
        },
        owner: build.owner,
        dirname: build.dirname,
    }))
}

/// What the project chose for a chroot: nothing when it has given the chroot up since.
async fn chosen(state: &AppState, project: &Project, chroot: &Chroot) -> Result<ProjectChroot, ApiError> {
    Ok(db::chroot::get(&state.db, project.id, chroot)
        .await?
        .unwrap_or_else(|| ProjectChroot::new(project.id, chroot.clone())))
}

/// Copr's macros, which say whose build it is.
fn names(state: &AppState, project: &Project, build: &Build) -> Vec<(String, String)> {
    let contact = project.contact.as_deref().unwrap_or_default();
    let page = state.project_url(&project.owner, &project.name);
    let is_web = |text: &&str| text.starts_with("https://") || text.starts_with("http://");
    let bugs = [contact, project.homepage.as_deref().unwrap_or_default()].into_iter().find(is_web).unwrap_or(&page);
    let packager = if contact.contains('@') && !is_web(&contact) {
        format!("{} <{contact}>", project.owner)
    } else {
        project.owner.to_string()
    };
    let vendor = format!("Copr - {} {}", if project.owner.is_group() { "group" } else { "user" }, project.owner);
    [
        ("copr_username", project.owner.to_string()),
        ("copr_projectname", project.name.to_string()),
        ("vendor", vendor),
        ("buildtag", format!(".copr{}", build.id)),
        ("bugurl", plain(bugs)),
        ("packager", plain(&packager)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// Text of a person as the value of a macro: one line that expands to itself.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(500).collect::<String>().replace('%', "%%")
}

/// `--with` and `--without` as rpmbuild makes macros of them; what is said of the build goes before what is said of the chroot.
fn conditionals(own: &ProjectChroot, wishes: &Wishes) -> Vec<(String, String)> {
    let said = |word: &str, options: &[String]| -> Vec<(String, String)> {
        let one = |option: &String| (format!("_{word}_{option}"), format!("--{word}-{option}"));
        options.iter().map(one).collect()
    };
    let unless = |options: &[String], otherwise: &[String]| -> Vec<String> {
        options.iter().filter(|option| !otherwise.contains(option)).cloned().collect()
    };
    [
        said("with", &unless(&own.with_opts, &wishes.without_opts)),
        said("without", &unless(&own.without_opts, &wishes.with_opts)),
        said("with", &wishes.with_opts),
        said("without", &wishes.without_opts),
    ]
    .concat()
}

/// Ends a job that no builder can help, and says why where its packager looks.
async fn fail(state: &AppState, lease: &str, why: &str) -> Result<(), ApiError> {
    if let Some(held) = db::lease::held(&state.db, lease).await? {
        let (limit, line) = (state.config.limits.log_bytes, Bytes::from(format!("{why}\n")));
        state.store.append_log(&state.queue.folder(&held), lease, "builder-live.log", 0, line, limit).await?;
    }
    state.queue.finish_without(lease, BuildState::Failed, Some(why)).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(list: &[&str]) -> Vec<String> {
        list.iter().map(|&word| word.to_owned()).collect()
    }

    #[test]
    fn what_is_said_of_a_build_goes_before_what_is_said_of_its_chroot() {
        let mut own = ProjectChroot::new(1, "fedora-44-x86_64".parse().unwrap());
        own.with_opts = words(&["docs", "tests"]);
        own.without_opts = words(&["gui"]);
        let wishes = Wishes {
            with_opts: words(&["gui"]),
            without_opts: words(&["tests"]),
            ..Wishes::default()
        };
        let macros: Vec<String> =
            conditionals(&own, &wishes).into_iter().map(|(name, value)| format!("{name} {value}")).collect();
        assert_eq!(macros, ["_with_docs --with-docs", "_with_gui --with-gui", "_without_tests --without-tests"]);
    }

    #[test]
    fn a_persons_text_is_one_line_that_expands_to_itself() {
        assert_eq!(plain("100%\n%(rm -rf /)"), "100%%%%(rm -rf /)");
    }
}
