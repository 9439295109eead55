//! `coprd admin prune`: old builds of one project, or of all, that nobody needs any more.

use std::{fmt::Write as _, path::Path};

use anyhow::{Context as _, Result};
use copr_api::names::{OwnerName, ProjectName};

use super::open;
use crate::{
    cli::PruneWish,
    clock,
    config::{Config, quota::size},
    db::{self, Db, project::Project},
    prune::{self, Rule},
    store::{Bucket, Store},
};

/// Projects that are looked for at once.
const PROJECTS: i64 = 100;

/// Prunes as it is wished; what went of each project is a line, and so is what stays because somebody needs it.
///
/// # Errors
/// There is no such project. What can't be found out of one of all projects is in the text.
pub async fn prune(data: &Path, config: Option<&Path>, wish: &PruneWish) -> Result<String> {
    let (folder, config, db) = open(data, config).await?;
    let store = Store::open(&folder.path().join("store"), Bucket::connect(&config.store)?)?;
    let text = match &wish.project {
        Some(name) => match named(&db, name).await {
            Ok(project) => of_project(&db, &store, &config, &project, wish).await,
            Err(error) => Err(error),
        },
        None => of_all(&db, &store, &config, wish).await,
    };
    db.close().await;
    let text = text?;
    Ok(if text.is_empty() { "Nothing is old and not needed.\n".to_owned() } else { text })
}

async fn named(db: &Db, name: &str) -> Result<Project> {
    let (owner, project) = name.split_once('/').with_context(|| format!("{name:?} is not OWNER/NAME"))?;
    let (owner, project): (OwnerName, ProjectName) = (owner.parse()?, project.parse()?);
    db::project::get(db, &owner, &project).await?.with_context(|| format!("there is no project {name}"))
}

async fn of_all(db: &Db, store: &Store, config: &Config, wish: &PruneWish) -> Result<String> {
    let (mut behind, mut text) = (0, String::new());
    loop {
        let some = db::prune::scheduled(db, behind, PROJECTS).await?;
        let Some(last) = some.last() else { return Ok(text) };
        behind = *last;
        for id in some {
            let Some(project) = db::project::by_id(db, id).await? else { continue };
            match of_project(db, store, config, &project, wish).await {
                Ok(lines) => text.push_str(&lines),
                // The others are pruned all the same.
                Err(error) => writeln!(text, "{}: {error:#}", project.full_name())?,
            }
        }
    }
}

async fn of_project(db: &Db, store: &Store, config: &Config, project: &Project, wish: &PruneWish) -> Result<String> {
    let keep = wish.keep.or(project.keep_builds).unwrap_or(config.prune.keep);
    let rule = Rule::new(keep, wish.older_than, clock::now_ms());
    let plan = prune::plan(db, store, project, rule).await?;
    let (name, mut text) = (project.full_name(), String::new());
    let shown = |bytes: i64| size(bytes.unsigned_abs());
    for (build, needs) in &plan.needed {
        let who: Vec<String> = needs.iter().map(|need| format!("{} of {}", need.package, need.repository)).collect();
        writeln!(
            text,
            "{name}: build {} ({} {}) stays: {}",
            build.build_id,
            build.package,
            build.version,
            who.join(", ")
        )?;
    }
    if wish.dry_run {
        for build in &plan.go {
            let (id, bytes) = (build.build_id, shown(build.bytes));
            writeln!(text, "{name}: build {id} ({} {}) would go, {bytes}", build.package, build.version)?;
        }
        return Ok(text);
    }
    let done = prune::prune(db, project, &plan, "", config.prune.undo_ms()).await?;
    if let Some(id) = done.id {
        writeln!(text, "{name}: {} builds are gone, {} are free (prune {id})", done.builds.len(), shown(done.freed))?;
    }
    Ok(text)
}
