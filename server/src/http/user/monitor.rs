//! The newest build of each package in each chroot of a project.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::{RawQuery, State},
    http::Method,
};
use copr_api::{
    names::DirName,
    v3::{BuildState, Monitor, MonitorChroot, MonitorPackage},
};

use super::{cut, find_project};
use crate::{
    db,
    http::{error::ApiError, params::Params, routes::Routes},
    state::AppState,
};

/// The addresses of this file.
pub fn routes() -> Routes {
    Routes::default().api(Method::GET, "/api_3/monitor", monitor)
}

/// `GET /api_3/monitor`: of the project's own directory, or of `project_dirname`.
///
/// # Errors
/// 400: a field that there is not; 404.
pub async fn monitor(
    State(state): State<AppState>,
    query: Params,
    RawQuery(raw): RawQuery,
) -> Result<Json<Monitor>, ApiError> {
    let project = find_project(&state, query.required("ownername")?, query.required("projectname")?).await?;
    let dirname = query.get("project_dirname").unwrap_or(project.name.as_str());
    let missing = || ApiError::NotFound(format!("Directory '{}' not found in {}", cut(dirname), project.full_name()));
    let dirname: DirName = dirname.parse().map_err(|_| missing())?;
    if dirname.project() != project.name {
        return Err(missing());
    }
    let (mut build_log, mut backend_log) = (false, false);
    for (key, value) in url::form_urlencoded::parse(raw.unwrap_or_default().as_bytes()) {
        match (key.as_ref(), value.as_ref()) {
            ("additional_fields[]", "url_build_log") => build_log = true,
            ("additional_fields[]", "url_backend_log") => backend_log = true,
            ("additional_fields[]", other) => {
                return Err(ApiError::BadRequest(format!("Wrong additional_fields argument(s): {}", cut(other))));
            }
            _ => {}
        }
    }
    let mut packages: Vec<MonitorPackage> = Vec::new();
    for newest in db::build::monitor(&state.db, project.id, &dirname).await? {
        let job = newest.job;
        let folder = format!(
            "{}{:08}-{}/",
            state.repository_url(&project.owner, &dirname, &job.chroot),
            job.build_id,
            newest.package_name
        );
        let log = |wanted: bool, name: &str| (wanted && job.started_ms.is_some()).then(|| format!("{folder}{name}"));
        let chroot = MonitorChroot {
            state: job.state,
            status: number(job.state),
            build_id: job.build_id,
            pkg_version: (!newest.package_version.is_empty()).then_some(newest.package_version),
            url_build_log: log(build_log, "builder-live.log"),
            url_backend_log: log(backend_log, "state.log"),
        };
        let name = job.chroot.to_string();
        match packages.last_mut() {
            Some(package) if package.name == newest.package_name => {
                package.chroots.insert(name, chroot);
            }
            _ => packages.push(MonitorPackage { name: newest.package_name, chroots: BTreeMap::from([(name, chroot)]) }),
        }
    }
    let message = "Project monitor request successful".to_owned();
    Ok(Json(Monitor { output: "ok".to_owned(), message, packages }))
}

/// Copr's number of a state.
fn number(state: BuildState) -> i64 {
    match state {
        BuildState::Failed => 0,
        BuildState::Succeeded => 1,
        BuildState::Canceled => 2,
        BuildState::Running => 3,
        BuildState::Pending => 4,
        BuildState::Skipped => 5,
        BuildState::Starting => 6,
        BuildState::Importing => 7,
        BuildState::Forked => 8,
        BuildState::Waiting => 9,
        BuildState::Unknown => 1000,
    }
}
