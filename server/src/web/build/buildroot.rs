//! `/coprs/build/ID/buildroot/CHROOT`: what was installed in a build's machine, and what of it is not as in the last good build.

use std::collections::BTreeMap;

use askama::Template;
use axum::{
    extract::{Path, State},
    response::Response,
};
use copr_rpm::Evr;
use futures_util::TryStreamExt as _;
use serde::{Deserialize, Serialize};

use super::{find_job, folder, log_url};
use crate::{
    clock, db,
    http::params::Lenient,
    state::AppState,
    store::{Found, Store, Want},
    web::{
        PageError,
        frame::{Frame, Wants, show},
        paging::Paging,
        text::{Moment, project_url},
    },
};

/// Name of the log that has the list.
pub(super) const NAME: &str = "installed_pkgs.log";
/// Bytes of it that are read.
const BYTES: u64 = 4 << 20;
/// Rows of a table.
const ROWS: u64 = 500;

/// Versions of the packages of one name and architecture, by both.
type Installed = BTreeMap<(String, String), Vec<String>>;

/// One package that is not as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Change {
    /// Name.
    name: String,
    /// Architecture.
    arch: String,
    /// `added`, `removed`, `updated`, `downgraded` or `changed`.
    what: &'static str,
    /// Version before; empty: it was not there.
    before: String,
    /// Version now; empty: it is not there.
    now: String,
}

impl Change {
    /// Colour class of the word.
    fn class(&self) -> &'static str {
        match self.what {
            "added" => "good",
            "removed" | "downgraded" => "bad",
            _ => "busy",
        }
    }
}

/// The build that this one is compared with.
#[derive(Debug, Serialize)]
struct Before {
    /// Number.
    id: i64,
    /// Its page.
    url: String,
    /// Its version.
    version: String,
    /// When it came in.
    submitted: Moment,
    /// Whether its list is there.
    known: bool,
}

/// The page.
#[derive(Debug, Template, Serialize)]
#[template(path = "build/buildroot.html")]
struct BuildrootPage {
    /// What is around it.
    #[serde(skip)]
    frame: Frame,
    /// The build.
    id: i64,
    /// Its page.
    build_url: String,
    /// Package.
    package: String,
    /// The project's owner.
    owner: String,
    /// The directory.
    dirname: String,
    /// The project's page.
    project_url: String,
    /// The chroot.
    chroot: String,
    /// How many packages were installed.
    installed: usize,
    /// The list itself.
    log_url: String,
    /// The last good build before it; `None`: there is none.
    before: Option<Before>,
    /// How many were added, removed, and have another version.
    added: usize,
    /// How many are not there any more.
    removed: usize,
    /// How many have another version.
    updated: usize,
    /// What is not as it was, a page at a time.
    changes: Vec<Change>,
    /// Which of them.
    paging: Paging,
}

/// The query.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Query {
    /// Which page.
    #[serde(default)]
    page: String,
}

/// The page.
///
/// # Errors
/// No such build or chroot, or nobody has kept what was installed.
pub(super) async fn page(
    State(state): State<AppState>,
    Path((id, chroot)): Path<(String, String)>,
    Lenient(query): Lenient<Query>,
    wants: Wants,
    frame: Frame,
) -> Result<Response, PageError> {
    let (build, job) = find_job(&state, &id, &chroot).await?;
    let installed = read(&state.store, &folder(&build, &job)).await?.ok_or_else(|| {
        PageError::Missing(
            "What was installed for this build is not known: its machine did not come so far.".to_owned(),
        )
    })?;
    let base = format!("/coprs/build/{}/buildroot/{}", build.id, super::encode(super::key(&job)));
    let (mut before, mut changes) = (None, Vec::new());
    let good = match job.source {
        true => None,
        false => db::build::good_before(&state.db, &build, &job.chroot).await?,
    };
    if let Some(good) = good {
        let of_good = good.chroots.iter().find(|of| of.chroot == job.chroot).map(|of| folder(&good, of));
        let old = match of_good {
            Some(folder) => read(&state.store, &folder).await?,
            None => None,
        };
        if let Some(old) = &old {
            changes = differences(old, &installed);
        }
        before = Some(Before {
            id: good.id,
            url: format!("/coprs/build/{}", good.id),
            version: good.package_version,
            submitted: Moment::new(good.submitted_ms, clock::now_ms()),
            known: old.is_some(),
        });
    }
    let count = |words: &[&str]| changes.iter().filter(|change| words.contains(&change.what)).count();
    let (added, removed) = (count(&["added"]), count(&["removed"]));
    let updated = changes.len() - added - removed;
    let mut paging = Paging::new(&query.page, ROWS, base);
    let changes = paging.cut_all(changes);
    let page = BuildrootPage {
        frame,
        id: build.id,
        build_url: format!("/coprs/build/{}", build.id),
        package: build.title(),
        owner: build.owner.to_string(),
        dirname: build.dirname.to_string(),
        project_url: project_url(build.owner.as_str(), build.project.as_str()),
        chroot: super::label(&job),
        installed: installed.values().map(Vec::len).sum(),
        log_url: log_url(&build, &job, NAME),
        before,
        added,
        removed,
        updated,
        changes,
        paging,
    };
    show(&wants, &page)
}

/// What a job's list has; `None`: there is no list.
async fn read(store: &Store, folder: &str) -> std::io::Result<Option<Installed>> {
    let Found::File(file) = store.find(&format!("{folder}/{NAME}"), Want::Facts).await? else { return Ok(None) };
    let length = file.size.min(BYTES);
    let mut bytes = Vec::new();
    let mut stream = file.read(0, length).await?;
    while let Some(chunk) = stream.try_next().await? {
        bytes.extend_from_slice(&chunk);
    }
    Ok(Some(parse(&String::from_utf8_lossy(&bytes))))
}

/// Lines that begin with `NAME-[EPOCH:]VERSION-RELEASE.ARCH`.
fn parse(text: &str) -> Installed {
    let mut installed = Installed::new();
    for line in text.lines() {
        let Some((name, evr, arch)) = line.split(' ').next().and_then(nevra) else { continue };
        installed.entry((name.to_owned(), arch.to_owned())).or_default().push(evr.to_owned());
    }
    installed
}

fn nevra(text: &str) -> Option<(&str, &str, &str)> {
    let (rest, arch) = text.rsplit_once('.')?;
    let release = rest.rfind('-')?;
    let version = rest.get(..release)?.rfind('-')?;
    let name = rest.get(..version).filter(|name| !name.is_empty())?;
    let plain = text.len() <= 500 && !text.chars().any(char::is_control);
    plain.then_some((name, rest.get(version + 1..)?, arch))
}

/// By name; what is as it was is left out.
fn differences(old: &Installed, new: &Installed) -> Vec<Change> {
    let mut keys: Vec<&(String, String)> = old.keys().chain(new.keys()).collect();
    keys.sort();
    keys.dedup();
    let mut changes = Vec::new();
    for key in keys {
        let list = |of: &Installed| {
            let mut versions = of.get(key).cloned().unwrap_or_default();
            versions.sort();
            versions
        };
        let (before, now) = (list(old), list(new));
        if before == now {
            continue;
        }
        let what = match (before.as_slice(), now.as_slice()) {
            ([], _) => "added",
            (_, []) => "removed",
            ([before], [now]) => match (before.parse::<Evr>(), now.parse::<Evr>()) {
                (Ok(before), Ok(now)) if before < now => "updated",
                (Ok(before), Ok(now)) if before > now => "downgraded",
                _ => "changed",
            },
            _ => "changed",
        };
        let (name, arch) = key.clone();
        changes.push(Change { name, arch, what, before: before.join(", "), now: now.join(", ") });
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_added_removed_and_updated_is_told_by_name() {
        let old = parse(
            "bash-5.2.37-1.fc44.x86_64 1700000000 8000 installed\nzlib-0:1.3-1.fc44.x86_64 1 2 installed\n\
             gpg-pubkey-aa-1.(none) 1 0 installed\ngone-1-1.noarch 1 1 installed\nsame-2:1-1.noarch 1 1 installed\n",
        );
        let new = parse(
            "bash-5.3.0-1.fc44.x86_64 1700000000 8000 installed\nzlib-0:1.2-1.fc44.x86_64 1 2 installed\n\
             gpg-pubkey-aa-1.(none) 1 0 installed\ngpg-pubkey-bb-2.(none) 1 0 installed\nsame-2:1-1.noarch 9 9 installed\n\
             new-devel-1-1.x86_64 1 1 installed\n",
        );
        let all: Vec<_> = differences(&old, &new)
            .into_iter()
            .map(|change| format!("{} {} {} -> {}", change.what, change.name, change.before, change.now))
            .collect();
        assert_eq!(
            all,
            [
                "updated bash 5.2.37-1.fc44 -> 5.3.0-1.fc44",
                "removed gone 1-1 -> ",
                "changed gpg-pubkey aa-1 -> aa-1, bb-2",
                "added new-devel  -> 1-1",
                "downgraded zlib 0:1.3-1.fc44 -> 0:1.2-1.fc44",
            ]
        );
    }

    #[test]
    fn lines_that_are_no_package_are_passed_over() {
        for bad in ["", " ", "-", "a-b", "a.b", "-1-1.noarch x", "a-1.noarch", "a\u{7}-1-1.noarch", &"x".repeat(10_000)]
        {
            assert!(parse(bad).is_empty(), "{bad:?}");
        }
        assert_eq!(parse("<b>-1-1.noarch").len(), 1, "the template escapes");
    }
}
