//! Commands about chroots: what the hub offers, and what a project has chosen for one.

use std::{collections::BTreeMap, fmt::Write as _, path::Path};

use anstyle::Style;
use copr_api::{
    client::{ChrootExtras, Comps},
    names::Chroot,
    v3::ChrootEdit,
};
use serde::Deserialize;

use super::{
    args::{EditChroot, Format},
    failure::Failure,
    output,
    session::{Session, Target},
    ui::{harmless, styled},
};

/// What `copr get-chroot` prints: copr-cli's fields, and ours.
const FIELDS: [&str; 14] = [
    "mock_chroot",
    "ownername",
    "projectname",
    "additional_packages",
    "additional_repos",
    "additional_modules",
    "comps_name",
    "with_opts",
    "without_opts",
    "isolation",
    "delete_after_days",
    "follow_fedora_branching",
    "memory_mib",
    "cpus",
];

/// `OWNER/PROJECT/CHROOT`, or `PROJECT/CHROOT` of one's own.
async fn target(session: &Session, text: &str) -> Result<(Target, Chroot), Failure> {
    let (project, chroot) = text.rsplit_once('/').unwrap_or(("", text));
    Ok((session.target(project).await?, chroot.parse()?))
}

/// `copr edit-chroot`.
pub(super) async fn edit(session: &Session, edit: EditChroot) -> Result<(), Failure> {
    let (target, chroot) = target(session, &edit.chroot).await?;
    let words = |text: &String| text.split_whitespace().map(str::to_owned).collect();
    let said = |list: Vec<String>| (!list.is_empty()).then_some(list);
    let modules = |text: &String| {
        text.split([',', ' ']).map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
    };
    let body = ChrootEdit {
        additional_packages: edit.packages.as_ref().map(words),
        additional_repos: edit.repos.as_ref().map(words),
        additional_modules: edit.modules.as_ref().map(modules),
        with_opts: said(edit.rpmbuild_with),
        without_opts: said(edit.rpmbuild_without),
        memory_mib: edit.memory_mib,
        cpus: edit.cpus,
        reset_fields: edit.reset,
        ..ChrootEdit::default()
    };
    let extras = ChrootExtras {
        comps: match edit.upload_comps {
            Some(path) => Comps::Upload(path),
            None if edit.delete_comps => Comps::Delete,
            None => Comps::Keep,
        },
        isolation: edit.isolation,
        bootstrap: edit.bootstrap.or_else(|| edit.bootstrap_image.as_ref().map(|_| "custom_image".to_owned())),
        bootstrap_image: edit.bootstrap_image,
    };
    let now = session.client.edit_chroot(&target.owner, &target.project(), &chroot, &body, &extras).await?;
    session.done(&now, "Edit chroot operation was successful.")
}

/// `copr get-chroot`.
pub(super) async fn get(session: &Session, chroot: &str, format: Format) -> Result<(), Failure> {
    let (target, chroot) = target(session, chroot).await?;
    let found = session.client.project_chroot(&target.owner, &target.project(), &chroot).await?;
    Ok(output::object(session, format, &FIELDS, output::row(found))?)
}

/// `copr list-chroots`.
pub(super) async fn list(session: &Session) -> Result<(), Failure> {
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

/// `copr release-package`.
pub(super) async fn release_package(
    session: &Session,
    project: &str,
    chroot: &str,
    dest: Option<&Path>,
) -> Result<(), Failure> {
    let target = session.target(project).await?;
    let package = session.client.release_package(&target.owner, &target.project(), &chroot.parse()?).await?;
    let Some(folder) = dest else { return session.done(&package, &package.url) };
    // What the hub calls the file is no path.
    let Some(name) = Path::new(&package.file).file_name() else {
        return Err(Failure::Answer(format!("the server's release package has the file name {:?}", package.file)));
    };
    let file = folder.join(name);
    session.client.download(&package.url, &file, &|_, _| {}).await?;
    session.done(&package, file.display())
}

/// What a mock configuration is made of.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct BuildConfig {
    chroot: String,
    isolation: Option<String>,
    additional_packages: Vec<String>,
    repos: Vec<Repository>,
    macros: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Repository {
    id: String,
    name: String,
    baseurl: String,
    priority: Option<i64>,
    module_hotfixes: Option<bool>,
    repo_gpgcheck: Option<bool>,
}

/// `copr mock-config`.
pub(super) async fn mock_config(session: &Session, project: &str, chroot: &str) -> Result<(), Failure> {
    let target = session.target(project).await?;
    let found = session.client.build_config(&target.owner, &target.project(), &chroot.parse()?).await?;
    if session.ui.is_json() {
        return Ok(session.ui.json(&found)?);
    }
    let config: BuildConfig = serde_json::from_value(found)
        .map_err(|error| Failure::Answer(format!("the server's build configuration cannot be read: {error}")))?;
    let owner = target.owner.as_str().replace('@', "group_");
    let root = format!("{owner}-{}_{chroot}", target.project());
    session.ui.line(harmless(&profile(&config, &root)))?;
    Ok(())
}

/// A configuration of mock, which is Python with Jinja in its texts: what would end a text there, or begin an expression, is
/// taken out.
fn profile(config: &BuildConfig, root: &str) -> String {
    let plain = |text: &str| text.replace(['\'', '"', '\\', '\n', '{', '}'], "");
    let mut text = format!(
        "# Made for trying a build by hand: it installs nearly what the server's builders install.\n\n\
         include('/etc/mock/{}.cfg')\n\nconfig_opts['root'] = '{}'\n",
        plain(&config.chroot),
        plain(root)
    );
    if let Some(isolation) = config.isolation.as_deref().filter(|word| *word != "default" && *word != "unchanged") {
        let _ = writeln!(text, "config_opts['isolation'] = '{}'", plain(isolation));
    }
    if !config.additional_packages.is_empty() {
        let packages = plain(&config.additional_packages.join(" "));
        let _ = writeln!(text, "config_opts['chroot_additional_packages'] = '{packages}'");
    }
    for (name, value) in &config.macros {
        let _ = writeln!(text, "config_opts['macros']['%{}'] = '{}'", plain(name), plain(value));
    }
    if config.repos.is_empty() {
        return text;
    }
    text.push_str("\nconfig_opts['dnf.conf'] += \"\"\"\n");
    for repository in &config.repos {
        let (id, name, url) = (plain(&repository.id), plain(&repository.name), plain(&repository.baseurl));
        let _ = writeln!(text, "[{id}]\nname=\"{name}\"\nbaseurl={url}");
        if let Some(priority) = repository.priority {
            let _ = writeln!(text, "priority={priority}");
        }
        if repository.module_hotfixes == Some(true) {
            text.push_str("module_hotfixes=1\n");
        }
        text.push_str("gpgcheck=0\n");
        if let Some(check) = repository.repo_gpgcheck {
            let _ = writeln!(text, "repo_gpgcheck={}", i32::from(check));
        }
        text.push_str("enabled=1\nskip_if_unavailable=1\nmetadata_expire=0\ncost=1\nbest=1\n\n");
    }
    text.push_str("\"\"\"\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mock_configuration_holds_repositories_and_no_code_of_others() {
        let config: BuildConfig = serde_json::from_value(serde_json::json!({"chroot": "f-1-x86_64", "isolation": "simple",
            "additional_packages": ["gcc", "make"], "repos": [{"id": "copr_base", "name": "Copr \"\"\" x", "priority": 5,
            "baseurl": "http://h/results/a/p/f-1-x86_64/", "module_hotfixes": true, "repo_gpgcheck": false}],
            "macros": {"vendor": "Copr - user {{alice}}'", "bugurl": "https://h/100%%"}}))
        .unwrap();
        let text = profile(&config, "alice-p_f-1-x86_64");
        for line in [
            "include('/etc/mock/f-1-x86_64.cfg')",
            "config_opts['root'] = 'alice-p_f-1-x86_64'",
            "config_opts['isolation'] = 'simple'",
            "config_opts['chroot_additional_packages'] = 'gcc make'",
            "config_opts['macros']['%vendor'] = 'Copr - user alice'",
            "config_opts['macros']['%bugurl'] = 'https://h/100%%'",
            "[copr_base]",
            "name=\"Copr  x\"",
            "priority=5",
            "module_hotfixes=1",
            "repo_gpgcheck=0",
        ] {
            assert!(text.lines().any(|of| of == line), "{line}: {text}");
        }
        assert_eq!(text.matches("\"\"\"").count(), 2);
    }
}
