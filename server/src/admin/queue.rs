//! `coprd admin queue`, `tasks` and `quota`: what waits, and how it is helped along.

use std::{fmt::Write as _, path::Path};

use anyhow::{Context as _, Result, bail};
use copr_api::names::{Chroot, OwnerName};

use super::open;
use crate::{
    clock,
    db::{self, Window, operation},
};

/// What has not ended, oldest first.
///
/// # Errors
/// The database can't be read, or the owner's name is none.
pub async fn list(data: &Path, config: Option<&Path>, owner: Option<&str>, limit: u64) -> Result<String> {
    let owner = owner.map(str::parse::<OwnerName>).transpose()?;
    let (_, _, db) = open(data, config).await?;
    let queue = operation::queue(&db, owner.as_ref(), Window::first(limit)).await?;
    db.close().await;
    let mut text = String::new();
    for row in queue {
        let minutes = (clock::now_ms() - row.submitted_ms).max(0) / 60_000;
        write!(text, "{} {} {}/{} {} {}", row.build_id, row.chroot, row.owner, row.dirname, row.package, row.state)?;
        if let Some(builder) = row.builder {
            write!(text, " on {builder}")?;
        }
        if row.attempts > 1 {
            write!(text, " try {}", row.attempts)?;
        }
        writeln!(text, " {minutes}min")?;
    }
    Ok(if text.is_empty() { "The queue is empty.\n".to_owned() } else { text })
}

/// Lets a build, `BUILD` or `BUILD/CHROOT`, be built from the beginning by whoever is free.
///
/// # Errors
/// There is no such build, or nothing of it is in the queue.
pub async fn requeue(data: &Path, config: Option<&Path>, what: &str) -> Result<String> {
    let (build, chroot) = what.split_once('/').map_or((what, None), |(build, chroot)| (build, Some(chroot)));
    let build: i64 = build.parse().with_context(|| format!("{build:?} is no number of a build"))?;
    let chroot = chroot.map(str::parse::<Chroot>).transpose()?;
    let (_, _, db) = open(data, config).await?;
    let there = db::build::get(&db, build).await?.is_some();
    let again = operation::requeue(&db, build, chroot.as_ref()).await?;
    db.close().await;
    match (there, again) {
        (false, _) => bail!("there is no build {build}"),
        (true, 0) => bail!("nothing of {what} waits or runs; what has ended is built again by a new build"),
        (true, again) => Ok(format!("{again} of build {build} wait again\n")),
    }
}

/// Cancels builds, or all of an owner that have not ended.
///
/// # Errors
/// There is no such build, or it has ended.
pub async fn cancel(data: &Path, config: Option<&Path>, builds: &[i64], owner: Option<&str>) -> Result<String> {
    let owner = owner.map(str::parse::<OwnerName>).transpose()?;
    let (_, _, db) = open(data, config).await?;
    let builds = match &owner {
        Some(owner) => operation::unended(&db, owner).await?,
        None => builds.to_vec(),
    };
    let mut cancelled = 0;
    for build in builds {
        if db::lease::cancel(&db, build, clock::now_ms()).await? {
            cancelled += 1;
        } else if owner.is_none() {
            db.close().await;
            bail!("build {build} has ended, or there is none ({cancelled} before it were cancelled)");
        }
    }
    db.close().await;
    Ok(format!("{cancelled} cancelled\n"))
}

/// Publishes that wait, and why those that failed did.
///
/// # Errors
/// The database can't be read.
pub async fn tasks(data: &Path, config: Option<&Path>) -> Result<String> {
    let (_, _, db) = open(data, config).await?;
    let tasks = operation::tasks(&db).await?;
    db.close().await;
    let mut text = String::new();
    for task in tasks {
        write!(text, "{} {}", task.kind, task.key)?;
        match (&task.claimed_by, &task.error) {
            (Some(server), _) => write!(text, " at work: {server}")?,
            (None, Some(error)) => {
                let seconds = (task.run_after_ms - clock::now_ms()).max(0) / 1000;
                write!(text, " failed {} times, again in {seconds} s: {error}", task.attempts)?;
            }
            (None, None) => text.push_str(" waits"),
        }
        text.push('\n');
    }
    Ok(if text.is_empty() { "Everything is published.\n".to_owned() } else { text })
}

/// Lets publishes that have failed be tried again at once: that of a repository `OWNER/DIR/CHROOT`, or all.
///
/// # Errors
/// The database can't be written.
pub async fn retry(data: &Path, config: Option<&Path>, key: Option<&str>) -> Result<String> {
    let (_, _, db) = open(data, config).await?;
    let due = operation::retry(&db, key, clock::now_ms()).await?;
    db.close().await;
    Ok(format!("{due} are tried again\n"))
}

/// Sets the quota of an owner (`Some(None)`: the configuration's), or prints those that are set.
///
/// # Errors
/// There is no such user or group.
pub async fn quota(data: &Path, config: Option<&Path>, owner: Option<(&str, Option<i64>)>) -> Result<String> {
    let owner = owner.map(|(name, most)| anyhow::Ok((name.parse::<OwnerName>()?, most))).transpose()?;
    let (_, _, db) = open(data, config).await?;
    let text = match &owner {
        Some((name, most)) => {
            if !db::lease::set_max_running(&db, name.as_str(), *most).await? {
                db.close().await;
                bail!("there is no {name}");
            }
            match most {
                Some(most) => format!("{name}: {most} machines at once\n"),
                None => format!("{name}: as the configuration says\n"),
            }
        }
        None => {
            let quotas = operation::quotas(&db).await?;
            quotas.into_iter().map(|(name, most)| format!("{name} {most}\n")).collect()
        }
    };
    db.close().await;
    Ok(text)
}
