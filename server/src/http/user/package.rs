//! Packages: what a project has built, by name.

use std::collections::BTreeMap;

use axum::{Json, extract::State};
use copr_api::v3::{BuildState, Page};
use serde_json::{Value, json};

use super::{build, find_project, project::ALL};
use crate::{
    db::{
        self,
        build::{Build, Filter},
    },
    http::{error::ApiError, params::Params},
    state::AppState,
};

/// `GET /api_3/package/list`: by the number of each package's first build.
///
/// # Errors
/// 404: no such project.
pub async fn list(State(state): State<AppState>, query: Params) -> Result<Json<Page<Value>>, ApiError> {
    let project = find_project(&state, query.required("ownername")?, query.required("projectname")?).await?;
    let (window, meta) = query.page()?;
    let filter = Filter { project_id: Some(project.id), ..Filter::default() };
    let mut packages: BTreeMap<String, Vec<Build>> = BTreeMap::new();
    // What is yet to be made has no name.
    let builds = db::build::list(&state.db, &filter, ALL).await?.into_iter().filter(|build| build.srpm.is_some());
    for build in builds {
        packages.entry(build.package_name.clone()).or_default().push(build);
    }
    // Newest build first in each; the oldest one's number stands for the package.
    let mut packages: Vec<(i64, String, Vec<Build>)> =
        packages.into_iter().map(|(name, builds)| (builds.last().map_or(0, |build| build.id), name, builds)).collect();
    packages.sort_by_key(|(id, ..)| *id);
    let (with_latest, with_succeeded) = (query.truth("with_latest_build"), query.truth("with_latest_succeeded_build"));
    let number = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    let items = packages
        .into_iter()
        .skip(number(window.offset))
        .take(window.limit.map_or(usize::MAX, number))
        .map(|(id, name, builds)| {
            let latest = builds.first().filter(|_| with_latest);
            let succeeded =
                builds.iter().filter(|_| with_succeeded).find(|build| build.state() == BuildState::Succeeded);
            let shown = |build: Option<&Build>| build.map(|found| build::view(&state, found.clone()));
            let (kind, of) = build::source_dict(builds.first().and_then(|build| build.method.as_ref()));
            json!({
                "id": id, "name": name, "projectname": project.name, "ownername": project.owner,
                "source_type": kind, "source_dict": of, "auto_rebuild": false,
                "builds": { "latest": shown(latest), "latest_succeeded": shown(succeeded) },
            })
        })
        .collect();
    Ok(Json(Page { items, meta }))
}
