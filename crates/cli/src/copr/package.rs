//! Commands about packages, and the monitor of their newest builds.

use clap::ValueEnum;
use copr_api::{
    client::With,
    v3::{Package, PackageEdit},
};
use serde_json::{Value, json};

use super::{
    args::{AddPackage, EditPackage, GetPackage, ListPackages, Monitor, MonitorField, Named, ScmPackage, WithBuilds},
    failure::Failure,
    output::{self, Row},
    session::{Session, Target},
};

/// What is printed of a package: copr-cli's fields.
const FIELDS: [&str; 10] = [
    "id",
    "name",
    "ownername",
    "projectname",
    "source_type",
    "source_dict",
    "auto_rebuild",
    "latest_build",
    "latest_succeeded_build",
    "builds",
];

/// What is printed of a build in the monitor where nothing else is wanted.
const MONITOR: [MonitorField; 5] =
    [MonitorField::Name, MonitorField::Chroot, MonitorField::BuildId, MonitorField::State, MonitorField::PkgVersion];

/// The hub's words for how a package is built.
fn edit_of(package: &ScmPackage, clone_url: Option<String>) -> PackageEdit {
    PackageEdit {
        max_builds: package.max_builds,
        timeout: package.timeout,
        chroot_denylist: package.chroot_denylist.clone(),
        webhook_rebuild: package.webhook_rebuild.map(bool::from),
        rebuild_on_dependency_changes: package.rebuild_on_dependency_changes.map(bool::from),
        clone_url,
        committish: package.commit.clone(),
        subdirectory: package.subdir.clone(),
        spec: package.spec.clone(),
        scm_type: package.kind.clone(),
        source_build_method: package.method.clone(),
        ..PackageEdit::default()
    }
}

/// `copr add-package-scm`.
pub(super) async fn add(session: &Session, add: AddPackage) -> Result<(), Failure> {
    let target = session.target(&add.package.project).await?;
    let mut edit = edit_of(&add.package, Some(add.clone_url));
    edit.scm_type.get_or_insert_with(|| "git".to_owned());
    edit.source_build_method.get_or_insert_with(|| "rpkg".to_owned());
    let made = session.client.add_scm_package(&target.owner, &target.project(), &add.package.name, &edit).await?;
    session.done(&made, "Create or edit operation was successful.")
}

/// `copr edit-package-scm`.
pub(super) async fn edit(session: &Session, edit: EditPackage) -> Result<(), Failure> {
    let target = session.target(&edit.package.project).await?;
    let body = edit_of(&edit.package, edit.clone_url);
    let now = session.client.edit_scm_package(&target.owner, &target.project(), &edit.package.name, &body).await?;
    session.done(&now, "Create or edit operation was successful.")
}

/// `copr delete-package`.
pub(super) async fn delete(session: &Session, named: Named) -> Result<(), Failure> {
    let target = session.target(&named.project).await?;
    let was = session.client.delete_package(&target.owner, &target.project(), &named.name).await?;
    session.done(&was, format!("Package {} was successfully deleted.", named.name))
}

/// `copr reset-package`.
pub(super) async fn reset(session: &Session, named: Named) -> Result<(), Failure> {
    let target = session.target(&named.project).await?;
    let now = session.client.reset_package(&target.owner, &target.project(), &named.name).await?;
    session.done(&now, "Package's default source was successfully reseted.")
}

impl From<&WithBuilds> for With {
    fn from(wish: &WithBuilds) -> Self {
        Self { latest: wish.with_latest_build, latest_succeeded: wish.with_latest_succeeded_build }
    }
}

/// `copr get-package`.
pub(super) async fn get(session: &Session, get: GetPackage) -> Result<(), Failure> {
    let target = session.target(&get.which.project).await?;
    let with = With::from(&get.builds);
    let found = session.client.package(&target.owner, &target.project(), &get.which.name, with).await?;
    let row = row(session, &target, &found, &get.builds).await?;
    Ok(output::object(session, get.output_format, &FIELDS, row)?)
}

/// `copr list-packages`.
pub(super) async fn list(session: &Session, list: ListPackages) -> Result<(), Failure> {
    let target = session.target(&list.project).await?;
    let mut rows = Vec::new();
    for package in session.client.packages(&target.owner, &target.project(), With::from(&list.builds)).await? {
        rows.push(row(session, &target, &package, &list.builds).await?);
    }
    Ok(output::rows(session, list.output_format, &FIELDS, rows)?)
}

/// `copr list-package-names`.
pub(super) async fn names(session: &Session, project: &str) -> Result<(), Failure> {
    let target = session.target(project).await?;
    let packages = session.client.packages(&target.owner, &target.project(), With::default()).await?;
    let names: Vec<String> = packages.into_iter().map(|package| package.name).collect();
    if session.ui.is_json() {
        return Ok(session.ui.json(&names)?);
    }
    let names: Vec<String> = names.iter().map(|name| super::ui::harmless(name)).collect();
    Ok(session.ui.lines(&names)?)
}

/// A package in copr-cli's form, which has its newest builds beside the rest.
async fn row(session: &Session, target: &Target, package: &Package, wish: &WithBuilds) -> Result<Row, Failure> {
    let unreadable = |error: serde_json::Error| Failure::Answer(error.to_string());
    let mut row = output::row(serde_json::to_value(package).map_err(unreadable)?);
    row.remove("builds");
    row.insert("latest_build".to_owned(), serde_json::to_value(&package.builds.latest).map_err(unreadable)?);
    let succeeded = serde_json::to_value(&package.builds.latest_succeeded).map_err(unreadable)?;
    row.insert("latest_succeeded_build".to_owned(), succeeded);
    if wish.with_all_builds {
        let builds = session.client.builds(&target.owner, &target.project(), Some(&package.name)).await?;
        row.insert("builds".to_owned(), serde_json::to_value(builds).map_err(unreadable)?);
    }
    Ok(row)
}

/// `copr monitor`.
pub(super) async fn monitor(session: &Session, monitor: Monitor) -> Result<(), Failure> {
    let target = session.target(&monitor.project).await?;
    let directory = match &monitor.dirname {
        Some(name) => name.parse()?,
        None => target.directory.clone(),
    };
    let wanted = if monitor.fields.is_empty() { MONITOR.to_vec() } else { monitor.fields };
    let names: Vec<String> =
        wanted.iter().filter_map(|field| Some(field.to_possible_value()?.get_name().to_owned())).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let more: Vec<&str> =
        names.iter().copied().filter(|name| matches!(*name, "url_build_log" | "url_backend_log")).collect();
    let found = session.client.monitor(&target.owner, &directory, &more).await?;
    let mut rows = Vec::new();
    for package in found.packages {
        for (chroot, newest) in package.chroots {
            let page = session.client.build_page(newest.build_id);
            let mut row = output::row(serde_json::to_value(newest).unwrap_or(Value::Null));
            row.extend(output::row(json!({ "name": package.name, "chroot": chroot, "url_build": page })));
            rows.push(row);
        }
    }
    Ok(output::rows(session, output::format(monitor.output_format), &names, rows)?)
}
