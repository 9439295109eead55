//! `copr download-build`: what a build made, into a folder for each chroot.

use std::{path::PathBuf, sync::Arc};

use copr_api::client::{Downloaded, RemoteFile};
use globset::{Glob, GlobSet, GlobSetBuilder};
use serde::Serialize;
use tokio::{sync::Semaphore, task::JoinSet};

use super::{args::Download, failure::Failure, session::Session, ui::harmless};

/// What fedora-review writes.
const REVIEW: [&str; 5] = ["files.dir", "licensecheck.txt", "review.txt", "review.json", "rpmlint.txt"];

/// A file that was asked for.
#[derive(Debug, Serialize)]
struct Fetched {
    chroot: String,
    file: PathBuf,
    size: u64,
    /// It was there already.
    present: bool,
}

/// Fetches, several files at once; all that can be fetched is, whatever else fails.
pub(super) async fn download(session: &Session, download: Download) -> Result<(), Failure> {
    let wanted = patterns(&download.chroots)?;
    let build = session.client.build(download.build).await?;
    let chroots = session.client.build_chroots(build.id).await?;
    let chroots: Vec<_> =
        chroots.into_iter().filter(|of| download.chroots.is_empty() || wanted.is_match(of.name.as_str())).collect();
    if chroots.is_empty() {
        return Err(Failure::Host(format!("Build {} has no such chroot.", build.id)));
    }
    let mut files = Vec::new();
    for chroot in &chroots {
        let Some(results) = &chroot.result_url else {
            session.ui.note(format!("No data for build id: {} and chroot: {}.", build.id, chroot.name));
            continue;
        };
        let found = session.client.results(results).await?;
        let folder = download.dest.join(chroot.name.as_str());
        files.extend(
            found
                .into_iter()
                .filter(|file| is_wanted(&file.name, &download))
                .map(|file| (chroot, folder.clone(), file)),
        );
    }

    let bar = session.ui.bytes(0);
    let places = Arc::new(Semaphore::new(usize::from(download.jobs)));
    let mut running = JoinSet::new();
    for (chroot, folder, file) in files {
        let (client, bar, places) = (session.client.clone(), bar.clone(), Arc::clone(&places));
        let chroot = chroot.name.to_string();
        running.spawn(async move {
            let _place = places.acquire().await;
            let progress = move |bytes: u64, left: Option<u64>| {
                bar.inc_length(left.unwrap_or(0));
                bar.inc(bytes);
            };
            let to = folder.join(&file.name);
            let ended = fetch(&client, &file, &to, &progress).await;
            (chroot, to, file, ended)
        });
    }
    let (mut fetched, mut failures) = (Vec::new(), Vec::new());
    while let Some(joined) = running.join_next().await {
        let (chroot, file, remote, ended) =
            joined.map_err(|error| Failure::Host(format!("a download ended before its time: {error}")))?;
        match ended {
            Ok(ended) => {
                let (size, present) = match ended {
                    Downloaded::Fetched { size } => (size, false),
                    Downloaded::Present { size } => (size, true),
                };
                if !present {
                    session.ui.line(harmless(&file.display().to_string()))?;
                }
                fetched.push(Fetched { chroot, file, size, present });
            }
            Err(failure) => {
                session.ui.note(format!("Failed to download: {}", harmless(&remote.url)));
                failures.push(failure);
            }
        }
    }
    session.ui.still();
    fetched.sort_by(|one, other| one.file.cmp(&other.file));
    if session.ui.is_json() {
        session.ui.json(&fetched)?;
    } else {
        let present = fetched.iter().filter(|of| of.present).count();
        let old = if present > 0 { format!(", {present} of them were there already") } else { String::new() };
        session.ui.note(format!("{} files{old}.", fetched.len()));
    }
    failures.into_iter().next().map_or(Ok(()), Err)
}

async fn fetch(
    client: &copr_api::client::Client,
    file: &RemoteFile,
    to: &std::path::Path,
    progress: &(dyn Fn(u64, Option<u64>) + Send + Sync),
) -> Result<Downloaded, Failure> {
    if let Some(folder) = to.parent() {
        fs_err::create_dir_all(folder).map_err(|error| Failure::File(error.to_string()))?;
    }
    Ok(client.download(&file.url, to, progress).await?)
}

/// Names with * and ?.
fn patterns(names: &[String]) -> Result<GlobSet, Failure> {
    let bad = |error: globset::Error| Failure::Arguments(error.to_string());
    let mut set = GlobSetBuilder::new();
    for name in names {
        set.add(Glob::new(name).map_err(bad)?);
    }
    set.build().map_err(bad)
}

/// Whether a file is of a kind that was asked for; of all kinds when none was named.
fn is_wanted(name: &str, wish: &Download) -> bool {
    let bare = name.rsplit('/').next().unwrap_or(name);
    let ends = |ending: &str| bare.ends_with(ending);
    let all = !(wish.rpms || wish.spec || wish.logs || wish.review);
    all || (wish.rpms && ends(".rpm"))
        || (wish.spec && ends(".spec"))
        || (wish.logs && (ends(".log") || ends(".log.gz")))
        || (wish.review && REVIEW.contains(&bare))
}
